/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_coordinator.c - FindCoordinator (10): this node, for every group. Makes __consumer_offsets
 * when it is not there yet. KIP-699 (several keys, v4).
 */
#include "broker/api/create.h"
#include "broker/api/table.h"
#include "broker/broker.h"

enum { KEY_GROUP = 0 };

struct find_state {
    struct metadata_op op;
    struct call *call;
};

static void fill(struct call *c, enum kafka_error code,
                 struct find_coordinator_response_coordinator *row)
{
    struct broker *b = c->broker;
    uint16_t port = 0;
    row->error_code = (int16_t)code;
    row->node_id = -1;
    row->port = -1;
    row->host = slice_str("");
    if (!code) {
        connection_advertised(c->conn, &row->host, &port);
        row->node_id = b->node_id;
        row->port = port;
    } else {
        row->error_message = slice_str(kafka_error_text((int16_t)code));
    }
}

static void reply(struct call *c, enum kafka_error code)
{
    const struct find_coordinator_request *req = c->request;
    struct find_coordinator_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    int32_t count = c->version >= 4 ? req->coordinator_keys_n : 1;
    resp->coordinators = call_array(c, &find_coordinator_response_coordinator_schema, count);
    if (!resp->coordinators) {
        return;
    }
    resp->coordinators_n = count;
    for (int32_t i = 0; i < count; i++) {
        resp->coordinators[i].key = c->version >= 4 ? req->coordinator_keys[i] : req->key;
        fill(c, code, &resp->coordinators[i]);
    }
    if (c->version < 4) {
        const struct find_coordinator_response_coordinator *one = &resp->coordinators[0];
        resp->error_code = one->error_code;
        resp->error_message = one->error_message;
        resp->node_id = one->node_id;
        resp->host = one->host;
        resp->port = one->port;
    }
    call_reply(c, resp);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct broker *b = op->broker;
    if (!image_topic(&b->image, slice_str(TOPIC_OFFSETS))) {
        struct error err;
        struct uuid id = broker_random_uuid(b);
        if (create_topic_default(b, slice_str(TOPIC_OFFSETS), &id, out, &err)) {
            log_error(&b->log, "__consumer_offsets could not be created",
                      KV_STR("error", err.text));
        }
    }
}

static void created(struct metadata_op *op, enum err status)
{
    struct find_state *s = container_of(op, struct find_state, op);
    bool ready = !status && op->broker->groups.leading;
    reply(s->call, ready ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE);
}

void handle_find_coordinator(struct call *c)
{
    const struct find_coordinator_request *req = c->request;
    if (req->key_type != KEY_GROUP) {
        /* No transactions, no share groups: as Kafka answers for a type it does not serve. */
        reply(c, req->key_type == 1 ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_INVALID_REQUEST);
        return;
    }
    if (c->broker->groups.leading) {
        reply(c, KAFKA_NONE);
        return;
    }
    struct find_state *s = arena_alloc(&c->arena, sizeof(*s));
    if (!s) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    s->call = c;
    s->op.prepare = prepare;
    s->op.done = created;
    metadata_submit(c->broker, &s->op);
}
