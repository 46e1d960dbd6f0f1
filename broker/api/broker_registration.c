/* SPDX-License-Identifier: Apache-2.0 */
/* broker_registration.c - BrokerRegistration (62, KIP-631): a run of a broker asks to be known. */
#include "broker/api/table.h"
#include "broker/broker.h"

struct registration {
    struct metadata_op op;
    struct call *call;
    enum kafka_error code;
    int64_t epoch;
    bool more;
};

static void reply(struct registration *r, enum kafka_error code)
{
    struct broker_registration_response *resp = call_response(r->call);
    if (resp) {
        resp->error_code = (int16_t)code;
        resp->broker_epoch = code ? -1 : r->epoch;
        call_reply(r->call, resp);
    }
}

/* Whether somebody else lives under the id. An earlier run of this very node is certainly dead: it
 * held the directories that this one has. */
static bool session_lives(struct broker *b, const struct broker_registration_request *req)
{
    bool own = req->broker_id == b->node_id && uuid_eq(&req->incarnation_id, &b->incarnation);
    return !own &&
           heartbeats_has_session(&b->duties.heartbeats, req->broker_id, env_mono_ns(b->env));
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct registration *r = container_of(op, struct registration, op);
    struct broker *b = op->broker;
    const struct broker_registration_request *req = r->call->request;
    struct change_policy policy = controller_policy(b);
    struct broker_registration how = { .request = req,
                                       .cluster_id = slice_str(b->cluster_id),
                                       .session_lives = session_lives(b, req),
                                       .next_offset = quorum_end_offset(b) };
    struct error err;
    r->code = broker_change_register(&b->image, &policy, &how, out, &r->epoch, &r->more, &err);
    if (r->code) {
        log_warn(&b->log, "refused to register a broker", KV_INT("broker", req->broker_id),
                 KV_STR("client", call_peer(r->call)), KV_STR("why", err.text));
    } else if (!r->more) {
        log_info(&b->log, "registering a broker", KV_INT("broker", req->broker_id),
                 KV_INT("broker_epoch", r->epoch), KV_STR("client", call_peer(r->call)));
    }
}

static void done(struct metadata_op *op, enum err status)
{
    struct registration *r = container_of(op, struct registration, op);
    if (!status && !r->code && r->more) {
        metadata_submit(op->broker, op);
    } else {
        reply(r, status ? controller_error(status) : r->code);
    }
}

void handle_broker_registration(struct call *c)
{
    struct registration *r = arena_alloc(&c->arena, sizeof(*r));
    if (!r) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    r->call = c;
    r->op.prepare = prepare;
    r->op.done = done;
    metadata_submit(c->broker, &r->op);
}
