/* SPDX-License-Identifier: Apache-2.0 */
/* create_partitions.c - CreatePartitions (37, KIP-195): topics grow, and never shrink. */
#include "broker/api/create.h"
#include "broker/api/table.h"

struct grow_state {
    struct metadata_op op;
    struct call *call;
    struct create_partitions_response *resp;
};

static enum kafka_error grow_one(struct grow_state *s, int32_t at, struct metadata_records *out,
                                 struct error *err)
{
    struct broker *b = s->call->broker;
    const struct create_partitions_request *req = s->call->request;
    const struct create_partitions_request_topic *ask = &req->topics[at];
    for (int32_t i = 0; i < req->topics_n; i++) {
        if (i != at && slice_eq(req->topics[i].name, ask->name)) {
            err_set(err, ERR_INVALID, "Duplicate topic name.");
            return KAFKA_INVALID_REQUEST;
        }
    }
    if (slice_eq_str(ask->name, TOPIC_OFFSETS)) {
        err_set(err, ERR_INVALID, "Groups would move to other partitions.");
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    struct change_placement where = create_placement(b);
    return change_create_partitions(&b->image, ask->name, ask->count, ask->assignments,
                                    ask->assignments_n, &where, out, err);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct grow_state *s = container_of(op, struct grow_state, op);
    const struct create_partitions_request *req = s->call->request;
    for (int32_t i = 0; i < req->topics_n; i++) {
        struct error err = { 0 };
        enum kafka_error code = grow_one(s, i, out, &err);
        s->resp->results[i].name = req->topics[i].name;
        s->resp->results[i].error_code = (int16_t)code;
        if (code) {
            s->resp->results[i].error_message = arena_copy(&s->call->arena, slice_str(err.text));
        }
    }
    if (req->validate_only) {
        metadata_records_reset(out);
    }
}

static void grown(struct metadata_op *op, enum err status)
{
    struct grow_state *s = container_of(op, struct grow_state, op);
    for (int32_t i = 0; status && i < s->resp->results_n; i++) {
        if (!s->resp->results[i].error_code) {
            s->resp->results[i].error_code = (int16_t)controller_error(status);
        }
    }
    call_reply(s->call, s->resp);
}

void handle_create_partitions(struct call *c)
{
    const struct create_partitions_request *req = c->request;
    struct grow_state *s = call_alloc(c, sizeof(*s));
    struct create_partitions_response *resp = s ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    resp->results = call_array(c, &create_partitions_response_topic_result_schema, req->topics_n);
    if (!resp->results) {
        return;
    }
    resp->results_n = req->topics_n;
    s->call = c;
    s->resp = resp;
    s->op.prepare = prepare;
    s->op.done = grown;
    metadata_submit(c->broker, &s->op);
}
