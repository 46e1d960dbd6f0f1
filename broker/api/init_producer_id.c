/* SPDX-License-Identifier: Apache-2.0 */
/* init_producer_id.c - InitProducerId (22) of idempotent producers. Transactions are not served. */
#include "broker/api/table.h"
#include "broker/broker.h"

struct id_request {
    struct producer_id_wait wait;
    struct call *call;
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

static void on_id(struct producer_id_wait *w, int64_t producer_id)
{
    struct id_request *r = container_of(w, struct id_request, wait);
    r->call->abandoned = NULL;
    /* Kafka's word for "no ids now", which clients try again. */
    reply(r->call, producer_id < 0 ? KAFKA_COORDINATOR_LOAD_IN_PROGRESS : KAFKA_NONE, producer_id);
}

static void abandoned(struct call *c)
{
    struct id_request *r = c->state;
    producer_ids_cancel(&r->wait);
    call_reply_none(c);
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
    struct id_request *r = call_alloc(c, sizeof(*r));
    if (!r) {
        return;
    }
    r->call = c;
    r->wait.done = on_id;
    c->state = r;
    c->abandoned = abandoned;
    producer_ids_take(c->broker, &r->wait);
}
