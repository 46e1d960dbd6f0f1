/* SPDX-License-Identifier: Apache-2.0 */
/* delete_topics.c - DeleteTopics (20), by name or by id (v6, KIP-516). */
#include "broker/api/table.h"
#include "broker/broker.h"

struct delete_state {
    struct metadata_op op;
    struct call *call;
    struct delete_topics_response *resp;
};

static bool is_named_before(const struct delete_topics_response *resp, int32_t at,
                            const struct uuid *id)
{
    for (int32_t i = 0; i < at; i++) {
        if (!resp->responses[i].error_code && uuid_eq(&resp->responses[i].topic_id, id)) {
            return true;
        }
    }
    return false;
}

static enum kafka_error delete_one(struct delete_state *s, int32_t at, struct slice name,
                                   const struct uuid *id, struct metadata_records *out,
                                   struct error *err)
{
    const struct broker *b = s->call->broker;
    struct delete_topics_response_deletable_topic_result *row = &s->resp->responses[at];
    row->name = name;
    row->topic_id = *id;
    if (!b->config->delete_topic_enable) {
        err_set(err, ERR_INVALID, "Topic deletion is disabled.");
        return KAFKA_TOPIC_DELETION_DISABLED;
    }
    const struct image_topic *t =
        slice_is_null(name) ? image_topic_by_id(&b->image, id) : image_topic(&b->image, name);
    if (t && is_named_before(s->resp, at, &t->id)) {
        err_set(err, ERR_INVALID, "Duplicate topic.");
        return KAFKA_INVALID_REQUEST;
    }
    if (t && strcmp(t->name, TOPIC_OFFSETS) == 0) {
        err_set(err, ERR_INVALID, "Topic %s is internal and holds the groups.", t->name);
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    if (t) {
        row->name = arena_copy(&s->call->arena, slice_str(t->name));
        row->topic_id = t->id;
    }
    return change_delete_topic(&b->image, name, id, out, err);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct delete_state *s = container_of(op, struct delete_state, op);
    struct call *c = s->call;
    const struct delete_topics_request *req = c->request;
    static const struct uuid none = { { 0 } };
    for (int32_t i = 0; i < s->resp->responses_n; i++) {
        struct error err = { 0 };
        bool named = c->version < 6;
        enum kafka_error code = delete_one(s, i, named ? req->topic_names[i] : req->topics[i].name,
                                           named ? &none : &req->topics[i].topic_id, out, &err);
        if (code) {
            s->resp->responses[i].error_code = (int16_t)code;
            s->resp->responses[i].error_message = arena_copy(&c->arena, slice_str(err.text));
        }
    }
}

static void deleted(struct metadata_op *op, enum err status)
{
    struct delete_state *s = container_of(op, struct delete_state, op);
    for (int32_t i = 0; status && i < s->resp->responses_n; i++) {
        if (!s->resp->responses[i].error_code) {
            s->resp->responses[i].error_code = (int16_t)controller_error(status);
        }
    }
    call_reply(s->call, s->resp);
}

void handle_delete_topics(struct call *c)
{
    const struct delete_topics_request *req = c->request;
    struct delete_state *s = call_alloc(c, sizeof(*s));
    struct delete_topics_response *resp = s ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    int32_t count = c->version < 6 ? req->topic_names_n : req->topics_n;
    resp->responses = call_array(c, &delete_topics_response_deletable_topic_result_schema, count);
    if (!resp->responses) {
        return;
    }
    resp->responses_n = count;
    s->call = c;
    s->resp = resp;
    s->op.prepare = prepare;
    s->op.done = deleted;
    metadata_submit(c->broker, &s->op);
}
