/* SPDX-License-Identifier: Apache-2.0 */
/* allocate_producer_ids.c - AllocateProducerIds (67, KIP-730): a block of ids for a broker. */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/broker_changes.h"

struct allocation {
    struct metadata_op op;
    struct call *call;
    struct allocate_producer_ids_response *resp;
};

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct allocation *a = container_of(op, struct allocation, op);
    const struct allocate_producer_ids_request *req = a->call->request;
    const struct image *img = &op->broker->image;
    struct error err;
    a->resp->error_code =
        (int16_t)broker_change_check_epoch(img, req->broker_id, req->broker_epoch, &err);
    if (!a->resp->error_code) {
        a->resp->producer_id_len = PRODUCER_ID_BLOCK;
        change_producer_ids(img, req->broker_id, req->broker_epoch, PRODUCER_ID_BLOCK, out,
                            &a->resp->producer_id_start);
    }
}

static void allocated(struct metadata_op *op, enum err status)
{
    struct allocation *a = container_of(op, struct allocation, op);
    if (status) {
        a->resp->error_code =
            status == ERR_AGAIN ? KAFKA_NOT_CONTROLLER : KAFKA_UNKNOWN_SERVER_ERROR;
        a->resp->producer_id_len = 0;
    }
    call_reply(a->call, a->resp);
}

void handle_allocate_producer_ids(struct call *c)
{
    struct allocation *a = call_alloc(c, sizeof(*a));
    struct allocate_producer_ids_response *resp = a ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    a->call = c;
    a->resp = resp;
    a->op.prepare = prepare;
    a->op.done = allocated;
    metadata_submit(c->broker, &a->op);
}
