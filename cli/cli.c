/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.c - calls that wait, and what several commands ask for. Driven by the commands.
 *   (C1) A response outlives its call: it is copied by encoding it and decoding it into the arena.
 */
#include "cli/cli.h"

#include "protocol/base/alloc.h"
#include "protocol/base/units.h"
#include "protocol/wire/api.h"

#include <stdlib.h>
#include <string.h>

void *cli_alloc(struct cli *c, size_t count, size_t size)
{
    void *ptr = arena_array(&c->arena, count, size);
    if (!ptr) {
        fputs("logboom: the answer is larger than this program takes\n", stderr);
        exit(1);
    }
    return ptr;
}

bool cli_wait(struct cli *c, uint64_t since_ns)
{
    loop_turn(c->loop, (uint64_t)100 * NS_PER_MS);
    return env_mono_ns(c->env) - since_ns < (uint64_t)c->args.timeout_s * NS_PER_S;
}

enum { UNKNOWN_NODE_MS = 3000 };

struct waiting {
    struct cli *c;
    const struct schema *schema;
    bool done;
    enum err err;
    void *response;
};

static void on_done(void *user, enum err err, int16_t version, const void *response)
{
    struct waiting *w = user;
    w->done = true;
    w->err = err;
    if (err) {
        return;
    }
    struct buf copy = { 0 };
    struct writer writer;
    writer_init(&writer, &copy);
    w->err = schema_encode(w->schema, version, &writer, response);
    writer_deinit(&writer);
    struct slice bytes = arena_copy(&w->c->arena, buf_slice(&copy));
    buf_deinit(&copy);
    struct reader r = reader_of(bytes);
    w->response = cli_alloc(w->c, 1, w->schema->size);
    if (!w->err) {
        w->err = schema_decode(w->schema, version, &r, &w->c->arena, w->response);
    }
}

enum err cli_call(struct cli *c, int32_t node_id, const struct schema *request_schema,
                  const void *request, int16_t max_version, const void **ret_response,
                  struct error *err)
{
    const struct api *api = api_find(request_schema->key);
    /* Lives in the arena: after a time-out here, the answer may still come. */
    struct waiting *w = cli_alloc(c, 1, sizeof(*w));
    *w = (struct waiting){ .c = c, .schema = api->response };
    uint64_t began_ns = env_mono_ns(c->env);
    do {
        w->done = false;
        client_call(c->client, node_id, request_schema, request, max_version,
                    (uint64_t)c->args.timeout_s * NS_PER_S, on_done, w);
        while (!w->done && cli_wait(c, began_ns)) {
        }
        /* A command may know a broker's id from an answer of its own before the client does. */
    } while (w->done && w->err == ERR_NOT_FOUND && node_id >= 0 &&
             env_mono_ns(c->env) - began_ns < (uint64_t)UNKNOWN_NODE_MS * NS_PER_MS &&
             cli_wait(c, began_ns));
    if (!w->done || w->err) {
        return err_set(err, w->done ? w->err : ERR_TIMEOUT,
                       "%s to %s: %s; is the broker running there? (--bootstrap-server HOST:PORT)",
                       api->name, c->args.bootstrap, err_text(w->done ? w->err : ERR_TIMEOUT));
    }
    *ret_response = w->response;
    return ERR_OK;
}

enum err cli_check(int16_t error_code, struct slice message, struct error *err, const char *format,
                   ...)
{
    if (error_code == KAFKA_NONE) {
        return ERR_OK;
    }
    struct buf what = { 0 };
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&what, format, ap);
    va_end(ap);
    if (!message.len) {
        message = slice_str(kafka_error_text(error_code));
    }
    (void)err_set(err, ERR_KAFKA, "%s: %s: %.*s", buf_cstr(&what), kafka_error_name(error_code),
                  SLICE_ARG(message));
    buf_deinit(&what);
    return ERR_KAFKA;
}

enum err cli_metadata(struct cli *c, const char *const *topics, size_t count,
                      const struct metadata_response **ret_metadata, struct error *err)
{
    struct metadata_request req;
    schema_init(&metadata_request_schema, &req);
    req.allow_auto_topic_creation = false;
    req.topics_n = count ? (int32_t)count : -1;
    req.topics = schema_new(&metadata_request_topic_schema, &c->arena, count);
    for (size_t i = 0; i < count; i++) {
        req.topics[i].name = slice_str(topics[i]);
    }
    const void *response;
    enum err e = cli_call(c, NODE_ANY, &metadata_request_schema, &req, -1, &response, err);
    if (!e) {
        *ret_metadata = response;
    }
    return e;
}

enum err cli_offsets(struct cli *c, const struct metadata_response_topic *topic, int64_t timestamp,
                     int64_t **ret_offsets, struct error *err)
{
    size_t count = (size_t)topic->partitions_n;
    int64_t *offsets = cli_alloc(c, count ? count : 1, sizeof(*offsets));
    for (size_t i = 0; i < count; i++) {
        offsets[i] = -1;
    }
    for (int32_t i = 0; i < topic->partitions_n; i++) {
        struct list_offsets_request req;
        struct list_offsets_request_topic t;
        struct list_offsets_request_partition p;
        schema_init(&list_offsets_request_schema, &req);
        schema_init(&list_offsets_request_topic_schema, &t);
        schema_init(&list_offsets_request_partition_schema, &p);
        p.partition_index = topic->partitions[i].partition_index;
        p.timestamp = timestamp;
        t.name = topic->name;
        t.partitions = &p;
        t.partitions_n = 1;
        req.replica_id = -1;
        req.topics = &t;
        req.topics_n = 1;
        if (topic->partitions[i].leader_id < 0 || p.partition_index < 0 ||
            p.partition_index >= topic->partitions_n) {
            continue; /* no leader now: unknown */
        }
        const void *answer;
        enum err e = cli_call(c, topic->partitions[i].leader_id, &list_offsets_request_schema, &req,
                              -1, &answer, err);
        if (e) {
            return e;
        }
        const struct list_offsets_response *resp = answer;
        if (resp->topics_n == 1 && resp->topics[0].partitions_n == 1 &&
            resp->topics[0].partitions[0].error_code == KAFKA_NONE) {
            offsets[p.partition_index] = resp->topics[0].partitions[0].offset;
        }
    }
    *ret_offsets = offsets;
    return ERR_OK;
}

enum err cli_number(struct slice text, int32_t *ret_number)
{
    int64_t n;
    if (units_int(text, &n) || n < 0 || n > INT32_MAX) {
        return ERR_INVALID;
    }
    *ret_number = (int32_t)n;
    return ERR_OK;
}

void cli_print_json(struct cli *c, struct buf *json)
{
    buf_append_byte(json, '\n');
    fwrite(json->ptr, 1, json->len, c->out);
    buf_deinit(json);
}

void cli_json_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

void cli_json_string(struct json_writer *w, const char *key, struct slice value)
{
    json_key(w, key);
    json_string(w, value);
}

void cli_json_ids(struct json_writer *w, const char *key, const int32_t *ids, int32_t count)
{
    json_key(w, key);
    json_begin_array(w);
    for (int32_t i = 0; i < count; i++) {
        json_int(w, ids[i]);
    }
    json_end_array(w);
}
