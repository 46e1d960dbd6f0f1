/* SPDX-License-Identifier: Apache-2.0 */
/* controller_registration.c - ControllerRegistration (70, KIP-919). */
#include "broker/api/table.h"
#include "broker/broker.h"

struct registration {
    struct metadata_op op;
    struct call *call;
    enum kafka_error code;
    struct error err;
};

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct registration *r = container_of(op, struct registration, op);
    r->code = broker_change_register_controller(&op->broker->image, r->call->request, out, &r->err);
}

static void done(struct metadata_op *op, enum err status)
{
    struct registration *r = container_of(op, struct registration, op);
    struct controller_registration_response *resp = call_response(r->call);
    if (resp) {
        resp->error_code = (int16_t)(status ? controller_error(status) : r->code);
        if (!status && r->code) {
            resp->error_message = slice_str(r->err.text);
        }
        call_reply(r->call, resp);
    }
}

void handle_controller_registration(struct call *c)
{
    struct registration *r = call_alloc(c, sizeof(*r));
    if (!r) {
        return;
    }
    r->call = c;
    r->op.prepare = prepare;
    r->op.done = done;
    metadata_submit(c->broker, &r->op);
}
