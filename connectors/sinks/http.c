/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - node type http: events to any HTTP endpoint, as NDJSON, as a JSON array, or one by one.
 * Driven by flow/flow.c (put) and sinks/delivery.c (the policy below).
 *   (W1) events are done only by a 2xx answer to a request that carried them.
 */
#include "connectors/sinks/delivery.h"

#include "connectors/flow/partition.h"
#include "connectors/nodes/nodes.h"
#include "protocol/base/alloc.h"

#include <stdio.h>

#define ROWS(C)                                                                                    \
    SINK_ROWS(C)                                                                                   \
    DELIVERY_ROWS(C, "0")                                                                          \
    C(LIST, url, "url", "", "", "", CONFIG_REQUIRED,                                               \
      "Where requests go; several URLs are taken in turn, as long as they answer.")                \
    C(ENUM, method, "method", "POST", "POST|PUT|PATCH", "", 0, "The method of the requests.")      \
    C(ENUM, format, "format", "ndjson", "ndjson|json_array|array|single", "", 0,                   \
      "ndjson: a line an event; json_array (or array): one array a request; single: one event a "  \
      "request.")                                                                                  \
    C(NODE, headers, "headers", "", "", "", 0, "Further headers, by name.")                        \
    C(SECRET, bearer_token, "bearer_token", "", "", "", 0, "Token for Authorization: Bearer.")     \
    C(INT, batch_max_size, "batch_max_size", "500", "1", "100000", 0, "Most events of a request.") \
    C(SIZE, batch_max_bytes, "batch_max_bytes", "1MB", "1KB", "1GB", 0,                            \
      "Most bytes of a request before compression; halved when the server answers 413.")           \
    C(LIST, retry_on, "retry_on", "", "", "", 0,                                                   \
      "Statuses that are retried beside 408, 425, 429 and 5xx: 409, 4xx.")                         \
    C(BOOL, idempotency_key, "idempotency_key", "false", "", "", 0,                                \
      "Send an Idempotency-Key header: topic, partition, first and last offset of the request.")

struct http_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT http_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node http", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct http_config) };

enum format { FORMAT_NDJSON, FORMAT_JSON_ARRAY, FORMAT_ARRAY, FORMAT_SINGLE };

struct http_sink {
    struct delivery d; /* first */
    const struct http_config *cfg;
    struct curl_slist *headers, *headers_gzip;
};

static bool is_array(const struct http_sink *h)
{
    return h->cfg->format == FORMAT_JSON_ARRAY || h->cfg->format == FORMAT_ARRAY;
}

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct http_config *c = n->config;
    for (size_t i = 0; i < c->url.count; i++) {
        const char *u = c->url.items[i];
        if (strncmp(u, "http://", 7) != 0 && strncmp(u, "https://", 8) != 0) {
            return yaml_error(n->at, err,
                              "node %s: url: \"%s\" must begin with http:// or https://", n->name,
                              u);
        }
    }
    if (c->headers && c->headers->kind != YAML_MAPPING && c->headers->kind != YAML_NULL) {
        return yaml_error(c->headers, err, "node %s: headers must be a mapping of names to values",
                          n->name);
    }
    return ERR_OK;
}

/* An item of an array begins with its separator, which envelope() makes a bracket in the first. */
static void put(struct sink *s, struct event *ev, struct ack ack)
{
    struct http_sink *h = (struct http_sink *)s;
    struct error why = { .text = "" };
    struct buf *body = delivery_begin(&h->d);
    size_t start = body->len;
    if (is_array(h)) {
        buf_append_byte(body, ',');
    }
    if (event_append_document(ev, body, &why) != ERR_OK) {
        struct failure f;
        body->len = start;
        failure_set(&f, "VALUE_CONVERTER", "json_parse_error", "%s", why.text);
        sink_took(s, 0);
        sink_dead(s, ack, 0, &f);
        return;
    }
    if (h->cfg->format == FORMAT_NDJSON) {
        buf_append_byte(body, '\n');
    }
    delivery_end(&h->d, start, ack);
}

/* --- the policy ---------------------------------------------------------------------------- */

static void envelope(struct delivery *d, struct batch *b)
{
    const struct http_sink *h = (const struct http_sink *)d;
    if (!is_array(h)) {
        return;
    }
    const struct batch_item *last = &b->items[b->count - 1];
    b->body.len = (size_t)last->start + last->len;
    for (size_t i = 0; i < b->count; i++) {
        b->body.ptr[b->items[i].start] = i == 0 ? '[' : ',';
    }
    buf_append_byte(&b->body, ']');
}

/* The same records in the same request have the same key, in every attempt. */
static void add_key(struct batch *b)
{
    const struct ack *first = &b->items[0].ack;
    const struct ack *last = &b->items[b->count - 1].ack;
    struct buf text = { 0 };
    buf_printf(&text, "Idempotency-Key: %s-%d-%lld", first->partition->topic,
               first->partition->index,
               (long long)commit_offset(&first->partition->tracker, first->seq));
    if (first->partition != last->partition) {
        buf_printf(&text, "-%s-%d", last->partition->topic, last->partition->index);
    }
    buf_printf(&text, "-%lld", (long long)commit_offset(&last->partition->tracker, last->seq));
    b->headers = curl_slist_append(b->headers, buf_cstr(&text));
    buf_deinit(&text);
}

static void prepare(struct delivery *d, struct batch *b)
{
    static const char *const methods[] = { "POST", "PUT", "PATCH" };
    struct http_sink *h = (struct http_sink *)d;
    b->call.url = d->hosts[b->host].url;
    b->call.method = methods[h->cfg->method];
    b->call.headers = b->use_wire ? h->headers_gzip : h->headers;
    if (h->cfg->idempotency_key) {
        curl_slist_free_all(b->headers);
        b->headers = NULL;
        for (const struct curl_slist *l = b->call.headers; l; l = l->next) {
            b->headers = curl_slist_append(b->headers, l->data);
        }
        add_key(b);
        b->call.headers = b->headers;
    }
}

static enum whole judge(struct delivery *d, struct batch *b)
{
    const struct http_sink *h = (const struct http_sink *)d;
    return decide_http(b->call.status, b->count, &h->cfg->retry_on);
}

static void failure(struct delivery *d, struct batch *b, size_t i, struct failure *f)
{
    failure_set(f, "TASK_PUT", b->call.status == 413 ? "record_too_large" : "record_refused",
                "status %ld: %.*s", b->call.status,
                SLICE_ARG(slice_head(buf_slice(&b->call.reply), 400)));
}

static const struct delivery_policy policy = {
    .envelope = envelope, .prepare = prepare, .judge = judge, .failure = failure
};

/* --- life ---------------------------------------------------------------------------------- */

static void add_header(struct http_sink *h, const char *line)
{
    h->headers = curl_slist_append(h->headers, line);
    h->headers_gzip = curl_slist_append(h->headers_gzip, line);
}

static void add_headers(struct http_sink *h)
{
    const struct http_config *c = h->cfg;
    struct buf line = { 0 };
    add_header(h, c->format == FORMAT_NDJSON ? "Content-Type: application/x-ndjson"
                                             : "Content-Type: application/json");
    add_header(h, "Expect:");
    if (c->bearer_token && *c->bearer_token) {
        buf_printf(&line, "Authorization: Bearer %s", c->bearer_token);
        add_header(h, buf_cstr(&line));
    }
    for (const struct yaml_node *y = c->headers ? c->headers->child : NULL; y; y = y->next) {
        buf_reset(&line);
        buf_printf(&line, "%.*s: %.*s", SLICE_ARG(y->key), SLICE_ARG(y->text));
        add_header(h, buf_cstr(&line));
    }
    h->headers_gzip = curl_slist_append(h->headers_gzip, "Content-Encoding: gzip");
    buf_deinit(&line);
}

static enum err open_sink(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                          struct error *err)
{
    const struct http_config *c = n->config;
    struct http_sink *h = mem_zalloc(sizeof(*h));
    h->cfg = c;
    delivery_init(&h->d, n, world, &policy, &c->url);
    h->d.batch_events_max = c->format == FORMAT_SINGLE ? 1 : (size_t)c->batch_max_size;
    h->d.batch_bytes_max = (size_t)c->batch_max_bytes;
    add_headers(h);
    *ret_sink = &h->d.sink;
    return ERR_OK;
}

static void flush(struct sink *s)
{
    delivery_flush(&((struct http_sink *)s)->d);
}

static void freed(struct delivery *d)
{
    struct http_sink *h = (struct http_sink *)d;
    curl_slist_free_all(h->headers);
    curl_slist_free_all(h->headers_gzip);
    mem_free(h);
}

static void close_sink(struct sink *s)
{
    delivery_close(&((struct http_sink *)s)->d, freed);
}

static const struct sink_ops ops = {
    .open = open_sink, .put = put, .flush = flush, .close = close_sink
};

const struct node_type node_http = {
    .name = "http",
    .role = NODE_SINK,
    .about = "Sends events to an HTTP endpoint.",
    .table = &table,
    .init = init,
    .sink = &ops,
};
