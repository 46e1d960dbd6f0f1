/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_features.c - UpdateFeatures (57, KIP-584, KIP-778): levels are finalized for the whole
 * cluster, all of a request or none. kraft.version is the quorum's own, and is not changed here.
 */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/features.h"

struct update {
    struct metadata_op op;
    struct call *call;
    enum kafka_error code;
    int32_t at; /* of the one that was refused */
    struct error err;
};

/* Version 0 knows only whether a downgrade is allowed. */
static int8_t upgrade_type(const struct call *c,
                           const struct update_features_request_feature_update_key *ask,
                           const struct image *img)
{
    if (c->version > 0) {
        return ask->upgrade_type;
    }
    const struct feature_support *f = feature_find(ask->feature);
    bool down = ask->allow_downgrade && f && ask->max_version_level < image_feature(img, f->name);
    return down ? FEATURE_DOWNGRADE_SAFE : FEATURE_UPGRADE;
}

static enum kafka_error update_one(struct update *u, int32_t at, struct metadata_records *out)
{
    struct broker *b = u->call->broker;
    const struct update_features_request *req = u->call->request;
    const struct update_features_request_feature_update_key *ask = &req->feature_updates[at];
    int32_t voters[RAFT_VOTERS_MAX];
    for (int32_t i = 0; i < at; i++) {
        if (slice_eq(req->feature_updates[i].feature, ask->feature)) {
            err_set(&u->err, ERR_INVALID, "The feature %.*s is named twice.",
                    SLICE_ARG(ask->feature));
            return KAFKA_INVALID_REQUEST;
        }
    }
    if (slice_eq_str(ask->feature, "kraft.version")) {
        err_set(&u->err, ERR_UNSUPPORTED,
                "kraft.version is chosen when the cluster is formatted, and cannot be changed.");
        return KAFKA_INVALID_UPDATE_VERSION;
    }
    if (slice_eq_str(ask->feature, "eligible.leader.replicas.version") &&
        ask->max_version_level > 0) {
        controller_share_min_isr(b, out);
    }
    uint32_t count = quorum_voter_ids(b, voters, RAFT_VOTERS_MAX);
    return feature_change(&b->image, ask->feature, ask->max_version_level,
                          upgrade_type(u->call, ask, &b->image), voters, count, out, &u->err);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct update *u = container_of(op, struct update, op);
    const struct update_features_request *req = u->call->request;
    u->code = KAFKA_NONE;
    for (u->at = 0; u->at < req->feature_updates_n; u->at++) {
        u->code = update_one(u, u->at, out);
        if (u->code) {
            break;
        }
    }
    if (u->code || req->validate_only) {
        metadata_records_reset(out);
    }
}

static void done(struct metadata_op *op, enum err status)
{
    struct update *u = container_of(op, struct update, op);
    const struct update_features_request *req = u->call->request;
    struct update_features_response *resp = call_response(u->call);
    if (!resp) {
        return;
    }
    resp->error_code = (int16_t)(status ? controller_error(status) : u->code);
    if (!status && u->code) {
        resp->error_message = slice_str(u->err.text);
    }
    resp->results = call_array(u->call, &update_features_response_updatable_feature_result_schema,
                               req->feature_updates_n);
    if (!resp->results) {
        return;
    }
    resp->results_n = resp->error_code ? 0 : req->feature_updates_n;
    for (int32_t i = 0; i < resp->results_n; i++) {
        resp->results[i].feature = req->feature_updates[i].feature;
    }
    call_reply(u->call, resp);
}

void handle_update_features(struct call *c)
{
    struct update *u = call_alloc(c, sizeof(*u));
    if (!u) {
        return;
    }
    u->call = c;
    u->op.prepare = prepare;
    u->op.done = done;
    metadata_submit(c->broker, &u->op);
}
