/* SPDX-License-Identifier: Apache-2.0 */
/* unregister_broker.c - UnregisterBroker (64): a broker that will not come back. */
#include "broker/api/table.h"
#include "broker/broker.h"

struct removal {
    struct metadata_op op;
    struct call *call;
    enum kafka_error code;
    bool more;
    struct error err;
};

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct removal *r = container_of(op, struct removal, op);
    struct broker *b = op->broker;
    const struct unregister_broker_request *req = r->call->request;
    struct change_policy policy = controller_policy(b);
    r->code = broker_change_unregister(&b->image, &policy, req->broker_id, out, &r->more, &r->err);
}

static void done(struct metadata_op *op, enum err status)
{
    struct removal *r = container_of(op, struct removal, op);
    if (!status && !r->code && r->more) {
        metadata_submit(op->broker, op);
        return;
    }
    struct unregister_broker_response *resp = call_response(r->call);
    if (resp) {
        resp->error_code = (int16_t)(status ? controller_error(status) : r->code);
        if (!status && r->code) {
            resp->error_message = slice_str(r->err.text);
        }
        call_reply(r->call, resp);
    }
}

void handle_unregister_broker(struct call *c)
{
    struct removal *r = call_alloc(c, sizeof(*r));
    if (!r) {
        return;
    }
    r->call = c;
    r->op.prepare = prepare;
    r->op.done = done;
    metadata_submit(c->broker, &r->op);
}
