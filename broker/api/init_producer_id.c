/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_producer_id.c - InitProducerId (22) of idempotent producers. Ids come from blocks of 1000
 * that the metadata log reserves, so that none is ever given twice. Transactions are not served.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

enum { ID_BLOCK = 1000 };

struct id_request {
    struct metadata_op op;
    struct call *call;
    int64_t first; /* of the new block; -1: none was needed */
};

static void reply(struct call *c, enum kafka_error code, int64_t producer_id)
{
    struct init_producer_id_response *resp = call_response(c);
    if (resp) {
        resp->error_code = (int16_t)code;
        resp->producer_id = producer_id;
        resp->producer_epoch = code ? -1 : 0;
        call_reply(c, resp);
    }
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct id_request *r = container_of(op, struct id_request, op);
    struct broker *b = op->broker;
    r->first = -1;
    if (b->producer_id_next == b->producer_id_end) {
        change_producer_ids(&b->image, b->node_id, b->broker_epoch, ID_BLOCK, out, &r->first);
    }
}

static void reserved(struct metadata_op *op, enum err status)
{
    struct id_request *r = container_of(op, struct id_request, op);
    struct broker *b = op->broker;
    if (status) {
        reply(r->call, KAFKA_COORDINATOR_NOT_AVAILABLE, -1);
        return;
    }
    if (r->first >= 0) {
        b->producer_id_next = r->first;
        b->producer_id_end = r->first + ID_BLOCK;
    }
    reply(r->call, KAFKA_NONE, b->producer_id_next++);
}

void handle_init_producer_id(struct call *c)
{
    const struct init_producer_id_request *req = c->request;
    if (!slice_is_null(req->transactional_id)) {
        /* There is no transaction coordinator; the client is told so at once, not after a time-out.
         */
        reply(c, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1);
        return;
    }
    struct broker *b = c->broker;
    if (b->producer_id_next < b->producer_id_end) {
        reply(c, KAFKA_NONE, b->producer_id_next++);
        return;
    }
    struct id_request *r = arena_alloc(&c->arena, sizeof(*r));
    if (!r) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    r->call = c;
    r->op.prepare = prepare;
    r->op.done = reserved;
    metadata_submit(b, &r->op);
}
