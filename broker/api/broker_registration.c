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

/* Whether the run that is registered was one of the same node: at the same addresses, with the same
 * directories. Each can be held by one process only, so that one is dead. */
static bool is_restart(const struct image_broker *old,
                       const struct broker_registration_request *req)
{
    bool same = old && req->log_dirs_n > 0 && req->log_dirs_n == old->log_dir_count &&
                req->listeners_n == old->endpoint_count;
    for (int32_t i = 0; same && i < old->log_dir_count; i++) {
        same = uuid_eq(&req->log_dirs[i], &old->log_dirs[i]);
    }
    for (int32_t i = 0; same && i < old->endpoint_count; i++) {
        const struct image_endpoint *was = &old->endpoints[i];
        same = slice_eq_str(req->listeners[i].name, was->name) &&
               slice_eq_str(req->listeners[i].host, was->host) &&
               req->listeners[i].port == was->port;
    }
    return same;
}

/* Whether somebody else lives under the id. */
static bool session_lives(struct broker *b, const struct broker_registration_request *req)
{
    bool own = req->broker_id == b->node_id && uuid_eq(&req->incarnation_id, &b->incarnation);
    return !own && !is_restart(image_broker(&b->image, req->broker_id), req) &&
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
    struct registration *r = call_alloc(c, sizeof(*r));
    if (!r) {
        return;
    }
    r->call = c;
    r->op.prepare = prepare;
    r->op.done = done;
    metadata_submit(c->broker, &r->op);
}
