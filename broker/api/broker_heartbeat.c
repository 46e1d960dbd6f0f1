/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_heartbeat.c - BrokerHeartbeat (63, KIP-631). Most change nothing and are answered at once;
 * one that fences, unfences or shuts down a broker is a change of the metadata.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

struct beat {
    struct metadata_op op;
    struct call *call;
    enum kafka_error code;
    enum broker_control_state next;
    bool more;
};

static void reply_error(struct call *c, enum kafka_error code)
{
    struct broker_heartbeat_response *resp = call_response(c);
    if (resp) {
        resp->error_code = (int16_t)code;
        call_reply(c, resp);
    }
}

static void reply(struct call *c, enum broker_control_state state)
{
    struct broker *b = c->broker;
    const struct broker_heartbeat_request *req = c->request;
    const struct image_broker *of = image_broker(&b->image, req->broker_id);
    struct broker_heartbeat_response *resp = call_response(c);
    if (resp) {
        resp->is_caught_up = of && req->current_metadata_offset >= of->registration_offset;
        resp->is_fenced = state == BROKER_CONTROL_FENCED || state == BROKER_CONTROL_SHUTDOWN_NOW;
        resp->should_shut_down = state == BROKER_CONTROL_SHUTDOWN_NOW;
        call_reply(c, resp);
    }
}

static enum kafka_error decide(struct broker *b, const struct broker_heartbeat_request *req,
                               enum broker_control_state *ret_now,
                               enum broker_control_state *ret_next)
{
    enum kafka_error code =
        broker_change_check_epoch(&b->image, req->broker_id, req->broker_epoch, NULL);
    if (!code) {
        bool no_dir = broker_change_leaves_no_dir(&b->image, req->broker_id, req->offline_log_dirs,
                                                  req->offline_log_dirs_n);
        const struct heartbeat_wish wish = { req->current_metadata_offset,
                                             req->want_fence || no_dir, req->want_shut_down };
        bool leads = req->want_shut_down && image_leader_count(&b->image, req->broker_id) > 0;
        heartbeats_decide(&b->duties.heartbeats, &b->image, req->broker_id, &wish, leads, ret_now,
                          ret_next);
    }
    return code;
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct beat *beat = container_of(op, struct beat, op);
    struct broker *b = op->broker;
    const struct broker_heartbeat_request *req = beat->call->request;
    struct change_policy policy = controller_policy(b);
    enum broker_control_state now;
    beat->more = false;
    beat->code = decide(b, req, &now, &beat->next);
    if (beat->code) {
        return;
    }
    broker_change_offline_dirs(&b->image, &policy, req->broker_id, req->offline_log_dirs,
                               req->offline_log_dirs_n, out, &beat->more);
    if (beat->more) {
        return;
    }
    broker_change_cordon(&b->image, req->broker_id, req->cordoned_log_dirs,
                         req->cordoned_log_dirs_n, out);
    if (out->count > 0) {
        beat->more = true; /* the state changes in the image that these make */
        return;
    }
    if (beat->next == BROKER_CONTROL_FENCED && broker_change_is_needed(&b->image, req->broker_id)) {
        beat->next = now; /* its disk is full, and so are the others' */
    }
    if (beat->next == now) {
        return;
    }
    switch (beat->next) {
    case BROKER_CONTROL_FENCED:
    case BROKER_CONTROL_SHUTDOWN_NOW:
        broker_change_fence(&b->image, &policy, req->broker_id, out, &beat->more);
        break;
    case BROKER_CONTROL_UNFENCED:
        broker_change_unfence(&b->image, &policy, req->broker_id, out, &beat->more);
        break;
    case BROKER_CONTROL_SHUTTING_DOWN:
        broker_change_shut_down(&b->image, &policy, req->broker_id, out, &beat->more);
        break;
    }
    log_info(&b->log, "a broker changes its state", KV_INT("broker", req->broker_id),
             KV_STR("to", beat->next == BROKER_CONTROL_UNFENCED        ? "unfenced"
                          : beat->next == BROKER_CONTROL_SHUTTING_DOWN ? "controlled shutdown"
                                                                       : "fenced"),
             KV_UINT("records", out->count));
}

static void done(struct metadata_op *op, enum err status)
{
    struct beat *beat = container_of(op, struct beat, op);
    struct broker *b = op->broker;
    const struct broker_heartbeat_request *req = beat->call->request;
    if (status || beat->code) {
        reply_error(beat->call, status ? controller_error(status) : beat->code);
        return;
    }
    if (beat->more) {
        metadata_submit(b, op);
        return;
    }
    if (beat->next == BROKER_CONTROL_SHUTTING_DOWN) {
        heartbeats_shutdown_offset(&b->duties.heartbeats, req->broker_id, b->image.end_offset - 1);
    }
    reply(beat->call, beat->next);
}

/* Whether the broker tells of directories what the image does not know. */
static bool has_news(const struct broker *b, const struct broker_heartbeat_request *req)
{
    const struct image_broker *of = image_broker(&b->image, req->broker_id);
    for (int32_t i = 0; i < req->offline_log_dirs_n; i++) {
        for (int32_t k = 0; k < of->log_dir_count; k++) {
            if (uuid_eq(&req->offline_log_dirs[i], &of->log_dirs[k])) {
                return true;
            }
        }
    }
    int32_t known = of->cordoned_count > 0 ? of->cordoned_count : 0;
    return req->cordoned_log_dirs_n >= 0 && (req->cordoned_log_dirs_n > 0 || known > 0);
}

void handle_broker_heartbeat(struct call *c)
{
    struct broker *b = c->broker;
    const struct broker_heartbeat_request *req = c->request;
    enum broker_control_state now, next;
    enum kafka_error code = KAFKA_NOT_CONTROLLER;
    if (controller_is_active(b)) {
        code = decide(b, req, &now, &next);
    }
    if (code) {
        reply_error(c, code);
        return;
    }
    controller_heard(b, req->broker_id, req->current_metadata_offset, c->conn);
    bool fenced_goes = now == BROKER_CONTROL_FENCED && next == BROKER_CONTROL_SHUTDOWN_NOW;
    if ((next == now || fenced_goes) && !has_news(b, req)) {
        reply(c, next);
        return;
    }
    struct beat *beat = call_alloc(c, sizeof(*beat));
    if (!beat) {
        return;
    }
    beat->call = c;
    beat->op.prepare = prepare;
    beat->op.done = done;
    metadata_submit(b, &beat->op);
}
