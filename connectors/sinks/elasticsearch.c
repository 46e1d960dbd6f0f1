/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elasticsearch.c - node type elasticsearch: the _bulk API of Elasticsearch and OpenSearch.
 * Driven by flow/flow.c (put) and sinks/delivery.c (the policy below). Each event becomes an action
 * line and a document line, at once, in the body of the open request; results are read per item.
 *   (X1) an event is done only when its own item was answered 2xx, or 409 for an id that we chose.
 *   (X2) the _id of an event is the same in every attempt and after every restart.
 */
#include "connectors/sinks/delivery.h"

#include "connectors/flow/partition.h"
#include "connectors/nodes/nodes.h"
#include "connectors/sinks/bulk_response.h"
#include "connectors/sinks/strip_metadata.h"
#include "protocol/base/alloc.h"

#include <stdio.h>

#define ROWS(C)                                                                                    \
    SINK_ROWS(C)                                                                                   \
    DELIVERY_ROWS(C, "1")                                                                          \
    C(LIST, hosts, "hosts", "http://127.0.0.1:9200", "", "", 0,                                    \
      "URLs of the servers; requests go round robin over those that answer.")                      \
    C(STR, index, "index", "", "", "", CONFIG_REQUIRED,                                            \
      "Index or data stream: text with %{[field]}, %{[field]:default} and %{+yyyy.MM.dd} of the "  \
      "event's @timestamp, in UTC.")                                                               \
    C(STR, document_id, "document_id", "event.id", "", "", 0,                                      \
      "event.id, topic.partition.offset, record.key, none, a field, or a pattern with "            \
      "%{[field]}. "                                                                               \
      "Where the event lacks it: topic.partition.offset.")                                         \
    C(ENUM, action, "action", "create", "create|index", "", 0,                                     \
      "create leaves a document that is there alone; index replaces it.")                          \
    C(STR, pipeline, "pipeline", "", "", "", 0, "Ingest pipeline, may have %{[field]}.")           \
    C(STR, routing, "routing", "", "", "", 0, "Routing value, may have %{[field]}.")               \
    C(SECRET, api_key, "api_key", "", "", "", 0,                                                   \
      "API key, base64 of id:key as the server gave it, or id:key itself.")                        \
    C(INT, bulk_max_size, "bulk_max_size", "2000", "1", "100000", 0, "Most events of a request.")  \
    C(SIZE, bulk_max_bytes, "bulk_max_bytes", "5MB", "1KB", "1GB", 0,                              \
      "Most bytes of a request before compression; halved when the server answers 413.")           \
    C(ENUM, on_malformed, "on_malformed", "dlq", "dlq|drop", "", 0,                                \
      "What happens to a document that the server refuses for its content (400).")                 \
    C(ENUM, on_forbidden, "on_forbidden", "pause", "pause|dlq", "", 0,                             \
      "What happens to a document whose index is closed to us (403, 404): tried again every "      \
      "probe_interval, or to the dead letters.")                                                   \
    C(ENUM, on_null, "on_null", "ignore", "ignore|delete|dlq", "", 0,                              \
      "What a record without a value (a tombstone) does; delete needs document_id: record.key.")

struct elasticsearch_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT elasticsearch_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node elasticsearch", rows,
                                           sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct elasticsearch_config) };

enum { ON_MALFORMED_DLQ, ON_MALFORMED_DROP };
enum { ON_FORBIDDEN_PAUSE, ON_FORBIDDEN_DLQ };
enum { ON_NULL_IGNORE, ON_NULL_DELETE, ON_NULL_DLQ };
enum { ACTION_CREATE, ACTION_INDEX };
enum id_kind { ID_FIELD, ID_PATTERN, ID_OFFSET, ID_KEY, ID_NONE };
enum { ID_BYTES_MAX = 512, ERRORS_BYTES_MAX = 16 << 20 };

/* Compiled once, for --check-config too. */
struct shape {
    struct pattern index, id, pipeline, routing;
    enum id_kind id_kind;
};

struct elasticsearch {
    struct delivery d; /* first */
    const struct elasticsearch_config *cfg;
    const struct shape *shape;
    struct curl_slist *headers, *headers_gzip;
    struct buf url, scratch;
    struct arena arena; /* texts of the answer being read */
    struct bulk_result *results;
    size_t results_cap;
    bool read_items; /* results are of the answer being read */
};

/* --- settings ------------------------------------------------------------------------------ */

static enum id_kind id_kind_of(const char *text)
{
    if (!*text || strcmp(text, "none") == 0) {
        return ID_NONE;
    }
    if (strcmp(text, "topic.partition.offset") == 0) {
        return ID_OFFSET;
    }
    if (strcmp(text, "record.key") == 0) {
        return ID_KEY;
    }
    return strstr(text, "%{") ? ID_PATTERN : ID_FIELD;
}

static enum err compile(struct node *n, const char *key, const char *text, struct arena *arena,
                        struct pattern *ret_pattern, struct error *err)
{
    struct error why = { .text = "" };
    if (pattern_compile(text, arena, ret_pattern, &why) == ERR_OK) {
        return ERR_OK;
    }
    const struct yaml_node *at = yaml_get(n->at, key);
    return yaml_error(at ? at : n->at, err, "node %s: %s: %s", n->name, key, why.text);
}

static enum err check_hosts(struct node *n, const struct config_list *hosts, struct error *err)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const char *h = hosts->items[i];
        if (strncmp(h, "http://", 7) != 0 && strncmp(h, "https://", 8) != 0) {
            const struct yaml_node *at = yaml_get(n->at, "hosts");
            return yaml_error(at ? at : n->at, err,
                              "node %s: hosts: \"%s\" must begin with http:// or https://", n->name,
                              h);
        }
    }
    if (hosts->count == 0) {
        return yaml_error(n->at, err, "node %s: hosts is empty", n->name);
    }
    return ERR_OK;
}

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct elasticsearch_config *c = n->config;
    struct shape *s = arena_alloc(arena, sizeof(*s));
    if (!s) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    const char *id = c->document_id ? c->document_id : "";
    s->id_kind = id_kind_of(id);
    enum err e = check_hosts(n, &c->hosts, err);
    if (e == ERR_OK) {
        e = compile(n, "index", c->index, arena, &s->index, err);
    }
    if (e == ERR_OK && s->id_kind == ID_PATTERN) {
        e = compile(n, "document_id", id, arena, &s->id, err);
    }
    if (e == ERR_OK) {
        e = compile(n, "pipeline", c->pipeline, arena, &s->pipeline, err);
    }
    if (e == ERR_OK) {
        e = compile(n, "routing", c->routing, arena, &s->routing, err);
    }
    if (e == ERR_OK && c->on_null == ON_NULL_DELETE && s->id_kind != ID_KEY) {
        e = yaml_error(n->at, err, "node %s: on_null: delete needs document_id: record.key",
                       n->name);
    }
    n->state = s;
    return e;
}

/* --- writing an event ---------------------------------------------------------------------- */

/* The event's id into scratch; false: none. */
static void write_id(struct elasticsearch *es, struct event *ev, struct buf *out)
{
    const struct shape *s = es->shape;
    buf_reset(out);
    bool found = false;
    if (s->id_kind == ID_FIELD) {
        found = event_append_field(ev, slice_str(es->cfg->document_id), out);
    } else if (s->id_kind == ID_PATTERN) {
        found = event_expand(ev, &s->id, out, NULL) == ERR_OK;
    } else if (s->id_kind == ID_KEY && !slice_is_null(ev->record->key)) {
        buf_append_slice(out, ev->record->key);
        found = true;
    }
    if (!found || out->len == 0) {
        buf_printf(out, "%.*s+%d+%lld", SLICE_ARG(ev->topic), ev->partition,
                   (long long)ev->record->offset);
    }
}

static void lower_case(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if (b->ptr[i] >= 'A' && b->ptr[i] <= 'Z') {
            b->ptr[i] = (uint8_t)(b->ptr[i] + 32);
        }
    }
}

/* A pattern's expansion as the value of a member of the action line; nothing for an empty
 * pattern. */
static bool write_member(struct elasticsearch *es, const char *before, const struct pattern *p,
                         struct event *ev, struct buf *out, struct failure *f)
{
    struct error why = { .text = "" };
    if (p->count == 0) {
        return true;
    }
    buf_reset(&es->scratch);
    if (event_expand(ev, p, &es->scratch, &why) != ERR_OK) {
        failure_set(f, "TASK_PUT", "missing_field", "%s", why.text);
        return false;
    }
    if (p == &es->shape->index) {
        lower_case(&es->scratch);
    }
    buf_append_str(out, before);
    json_append_string(out, buf_slice(&es->scratch));
    return true;
}

/* {"create":{"_index":"web-2026.08.01","_id":"..."}} and a line feed. */
static bool write_action(struct elasticsearch *es, struct event *ev, const char *action,
                         struct buf *out, struct failure *f)
{
    const struct shape *s = es->shape;
    buf_append_str(out, "{\"");
    buf_append_str(out, action);
    if (!write_member(es, "\":{\"_index\":", &s->index, ev, out, f)) {
        return false;
    }
    if (s->id_kind != ID_NONE) {
        write_id(es, ev, &es->scratch);
        if (es->scratch.len > ID_BYTES_MAX) {
            failure_set(f, "TASK_PUT", "id_too_long", "the document id has %zu bytes, more than %d",
                        es->scratch.len, ID_BYTES_MAX);
            return false;
        }
        buf_append_str(out, ",\"_id\":");
        json_append_string(out, buf_slice(&es->scratch));
    }
    if (!write_member(es, ",\"pipeline\":", &s->pipeline, ev, out, f) ||
        !write_member(es, ",\"routing\":", &s->routing, ev, out, f)) {
        return false;
    }
    buf_append_str(out, "}}\n");
    return true;
}

static bool write_event(struct elasticsearch *es, struct event *ev, struct buf *out,
                        struct failure *f)
{
    if (slice_is_null(ev->record->value)) {
        if (es->cfg->on_null == ON_NULL_DLQ) {
            failure_set(f, "TASK_PUT", "null_value", "the record has no value");
            return false;
        }
        return write_action(es, ev, "delete", out, f);
    }
    if (!write_action(es, ev, es->cfg->action == ACTION_CREATE ? "create" : "index", out, f)) {
        return false;
    }
    struct error why = { .text = "" };
    size_t start = out->len;
    if (event_append_document(ev, out, &why) != ERR_OK) {
        failure_set(f, "VALUE_CONVERTER", "json_parse_error", "%s", why.text);
        return false;
    }
    strip_metadata(out, start);
    buf_append_byte(out, '\n');
    return true;
}

static void put(struct sink *s, struct event *ev, struct ack ack)
{
    struct elasticsearch *es = (struct elasticsearch *)s;
    if (slice_is_null(ev->record->value) && es->cfg->on_null == ON_NULL_IGNORE) {
        sink_took(s, 0);
        sink_done(s, ack, 0);
        return;
    }
    struct failure f;
    struct buf *body = delivery_begin(&es->d);
    size_t start = body->len;
    if (!write_event(es, ev, body, &f)) {
        body->len = start;
        sink_took(s, 0);
        sink_dead(s, ack, 0, &f);
        return;
    }
    delivery_end(&es->d, start, ack);
}

/* --- the policy ---------------------------------------------------------------------------- */

static void prepare(struct delivery *d, struct batch *b)
{
    struct elasticsearch *es = (struct elasticsearch *)d;
    const char *host = d->hosts[b->host].url;
    size_t len = strlen(host);
    while (len > 0 && host[len - 1] == '/') {
        len--;
    }
    buf_reset(&es->url);
    buf_printf(&es->url, "%.*s/_bulk?filter_path=errors,items.*.status,items.*.error", (int)len,
               host);
    b->call.url = buf_cstr(&es->url);
    b->call.method = "POST";
    b->call.headers = b->use_wire ? es->headers_gzip : es->headers;
}

static enum bulk_action action_of(const struct elasticsearch *es, const struct batch *b, size_t i)
{
    if (slice_starts(batch_item_bytes(b, i), "{\"delete\"")) {
        return BULK_DELETE;
    }
    return es->cfg->action == ACTION_CREATE ? BULK_CREATE : BULK_INDEX;
}

static enum fate fate_of(struct elasticsearch *es, const struct batch *b, size_t i)
{
    const struct bulk_result *r = &es->results[i];
    enum fate fate = decide_bulk_item(r->status, r->error_type, action_of(es, b, i),
                                      es->shape->id_kind != ID_NONE);
    if (fate == FATE_PARK) {
        log_warn(&es->d.sink.world.log, "an index refuses documents; they wait",
                 KV_STR("node", es->d.sink.node->name), KV_UINT("status", r->status),
                 KV_SLICE("type", r->error_type), KV_SLICE("reason", r->error_reason));
        return es->cfg->on_forbidden == ON_FORBIDDEN_DLQ ? FATE_DEAD : FATE_PARK;
    }
    if (fate == FATE_DEAD && es->cfg->on_malformed == ON_MALFORMED_DROP) {
        es->d.sink.counters.dropped++;
        return FATE_DONE;
    }
    return fate;
}

static enum whole judge(struct delivery *d, struct batch *b)
{
    struct elasticsearch *es = (struct elasticsearch *)d;
    enum whole whole = decide_bulk(b->call.status);
    es->read_items = false;
    if (whole != WHOLE_ITEMS) {
        return whole;
    }
    if (b->count > es->results_cap) {
        es->results = mem_rearray(es->results, b->count, sizeof(*es->results));
        es->results_cap = b->count;
    }
    arena_reset(&es->arena);
    if (bulk_response_parse(buf_slice(&b->call.reply), b->count, &es->arena, es->results) !=
        ERR_OK) {
        d->sink.counters.unknown += b->count;
        log_warn(&d->sink.world.log, "an answer to _bulk is not understood; sending again",
                 KV_STR("node", d->sink.node->name),
                 KV_SLICE("answer", slice_head(buf_slice(&b->call.reply), 200)));
        return WHOLE_RETRY;
    }
    es->read_items = true;
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].fate = (uint8_t)fate_of(es, b, i);
    }
    return WHOLE_ITEMS;
}

static void failure(struct delivery *d, struct batch *b, size_t i, struct failure *f)
{
    struct elasticsearch *es = (struct elasticsearch *)d;
    if (!es->read_items) {
        failure_set(f, "TASK_PUT", b->call.status == 413 ? "document_too_large" : "bulk_refused",
                    "status %ld: %.*s", b->call.status,
                    SLICE_ARG(slice_head(buf_slice(&b->call.reply), 400)));
        return;
    }
    const struct bulk_result *r = &es->results[i];
    failure_set(f, "TASK_PUT", "document_refused", "status %u: %.*s: %.*s", r->status,
                SLICE_ARG(r->error_type), SLICE_ARG(r->error_reason));
}

static const struct delivery_policy policy = { .prepare = prepare,
                                               .judge = judge,
                                               .failure = failure };

/* --- life ---------------------------------------------------------------------------------- */

/* The header takes base64; people also paste id:key. */
static void add_api_key(struct elasticsearch *es, const char *api_key)
{
    struct buf header = { 0 };
    buf_append_str(&header, "Authorization: ApiKey ");
    if (strchr(api_key, ':')) {
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t len = strlen(api_key);
        for (size_t i = 0; i < len; i += 3) {
            uint32_t v = (uint32_t)(uint8_t)api_key[i] << 16;
            v |= i + 1 < len ? (uint32_t)(uint8_t)api_key[i + 1] << 8 : 0;
            v |= i + 2 < len ? (uint32_t)(uint8_t)api_key[i + 2] : 0;
            buf_append_byte(&header, (uint8_t)digits[v >> 18]);
            buf_append_byte(&header, (uint8_t)digits[v >> 12 & 63]);
            buf_append_byte(&header, i + 1 < len ? (uint8_t)digits[v >> 6 & 63] : '=');
            buf_append_byte(&header, i + 2 < len ? (uint8_t)digits[v & 63] : '=');
        }
    } else {
        buf_append_str(&header, api_key);
    }
    es->headers = curl_slist_append(es->headers, buf_cstr(&header));
    es->headers_gzip = curl_slist_append(es->headers_gzip, buf_cstr(&header));
    buf_deinit(&header);
}

static enum err open_sink(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                          struct error *err)
{
    const struct elasticsearch_config *c = n->config;
    struct elasticsearch *es = mem_zalloc(sizeof(*es));
    es->cfg = c;
    es->shape = n->state;
    delivery_init(&es->d, n, world, &policy, &c->hosts);
    es->d.batch_events_max = (size_t)c->bulk_max_size;
    es->d.batch_bytes_max = (size_t)c->bulk_max_bytes;
    arena_init(&es->arena, ERRORS_BYTES_MAX);
    es->headers = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    es->headers = curl_slist_append(es->headers, "Expect:");
    es->headers_gzip = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    es->headers_gzip = curl_slist_append(es->headers_gzip, "Expect:");
    es->headers_gzip = curl_slist_append(es->headers_gzip, "Content-Encoding: gzip");
    if (c->api_key && *c->api_key) {
        add_api_key(es, c->api_key);
    }
    *ret_sink = &es->d.sink;
    return ERR_OK;
}

static void flush(struct sink *s)
{
    delivery_flush(&((struct elasticsearch *)s)->d);
}

static void freed(struct delivery *d)
{
    struct elasticsearch *es = (struct elasticsearch *)d;
    curl_slist_free_all(es->headers);
    curl_slist_free_all(es->headers_gzip);
    buf_deinit(&es->url);
    buf_deinit(&es->scratch);
    arena_deinit(&es->arena);
    mem_free(es->results);
    mem_free(es);
}

static void close_sink(struct sink *s)
{
    delivery_close(&((struct elasticsearch *)s)->d, freed);
}

static const struct sink_ops ops = {
    .open = open_sink, .put = put, .flush = flush, .close = close_sink
};

const struct node_type node_elasticsearch = {
    .name = "elasticsearch",
    .role = NODE_SINK,
    .about = "Writes events to Elasticsearch or OpenSearch by _bulk.",
    .table = &table,
    .init = init,
    .sink = &ops,
};
