/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_change.c - the leader changes the voters: AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter.
 * Driven by these requests, by the answer of a voter to be added, by the high watermark and time.
 *   (A1) One change at a time, and none before the leader has committed a record of its own epoch
 *        and the last change: any two sets in a row share a majority.
 *   (A2) A voter is added only once it has (nearly) all of the log, so that it does not hold the
 *        high watermark back.
 *   (A3) Every call is answered once: when its record is committed (or written, if it wants no
 *        more), refused, or too late.
 * Source: KIP-853; the order of the checks is Kafka's.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum { CHANGE_TIMEOUT_MAX_MS = 300000 };

static void reply_change(struct raft *r, bool removes, void *call, int16_t error, const char *why)
{
    struct raft_item *item = raft_reply(call, removes ? &remove_raft_voter_response_schema
                                                      : &add_raft_voter_response_schema);
    if (removes) {
        struct remove_raft_voter_response *resp = item->out.response;
        resp->error_code = error;
        resp->error_message = slice_str(why);
    } else {
        struct add_raft_voter_response *resp = item->out.response;
        resp->error_code = error;
        resp->error_message = slice_str(why);
    }
    raft_push(r, item);
}

static void change_reset(struct raft *r)
{
    arena_deinit(&r->change.arena);
    r->change = (struct raft_change){ .phase = RAFT_CHANGE_NONE };
}

static void finish(struct raft *r, int16_t error, const char *why)
{
    if (!r->change.acknowledged) {
        reply_change(r, r->change.removes, r->change.call, error, why);
    }
    change_reset(r);
}

void raft_change_fail(struct raft *r, int16_t error_code, const char *why)
{
    if (r->change.phase != RAFT_CHANGE_NONE) {
        finish(r, error_code, why);
    }
}

void raft_change_committed(struct raft *r)
{
    if (r->change.phase == RAFT_CHANGE_COMMIT && r->high_watermark > r->change.offset) {
        finish(r, KAFKA_NONE, NULL);
    }
}

/* The checks that all changes share; *ret_why is set with an error. */
static int16_t check_change(const struct raft *r, const char **ret_why)
{
    if (r->role != RAFT_LEADER) {
        *ret_why = "this node does not lead the quorum";
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (r->change.phase != RAFT_CHANGE_NONE) {
        *ret_why = "another change of the voters is under way; try again when it is done";
        return KAFKA_REQUEST_TIMED_OUT;
    }
    if (!r->committed_own) {
        *ret_why = "the leader is new and has committed nothing yet; try again";
        return KAFKA_REQUEST_TIMED_OUT;
    }
    if (raft_kraft_version(r) < 1) {
        *ret_why = "the quorum's voters are fixed by controller.quorum.voters (kraft.version 0)";
        return KAFKA_UNSUPPORTED_VERSION;
    }
    if (raft_voters_offset(r) >= r->high_watermark) {
        *ret_why = "the last change of the voters is not committed yet; try again";
        return KAFKA_REQUEST_TIMED_OUT;
    }
    return KAFKA_NONE;
}

/* The checks of a request that names a voter to add or to remove. */
static int16_t check_named(const struct raft *r, struct slice cluster_id, int32_t id,
                           const struct uuid *directory_id, const char **ret_why)
{
    if (!raft_cluster_matches(r, cluster_id)) {
        return KAFKA_INCONSISTENT_CLUSTER_ID;
    }
    if (r->role == RAFT_LEADER && (id < 0 || uuid_is_zero(directory_id))) {
        *ret_why = "a voter is named by its id and its directory id";
        return KAFKA_INVALID_REQUEST;
    }
    return check_change(r, ret_why);
}

/* Could a leader dial the voter? */
static bool can_be_dialled(const struct raft *r, const struct raft_endpoint *endpoints,
                           int32_t count)
{
    const struct raft_endpoint *at =
        raft_endpoint_find(endpoints, (size_t)count, r->config.listener_name);
    return at && at->host.len > 0;
}

static void change_begin(struct raft *r, enum raft_change_phase phase, bool removes, void *call,
                         uint64_t timeout_ms)
{
    assert(r->change.phase == RAFT_CHANGE_NONE);
    r->change = (struct raft_change){ .phase = phase,
                                      .removes = removes,
                                      .call = call,
                                      .deadline_ns = r->now.mono_ns + raft_ms(timeout_ms) };
    arena_init(&r->change.arena, SIZE_MAX);
}

/* --- adding --- */

static int16_t check_added(const struct raft *r, const struct add_raft_voter_request *req,
                           const char **ret_why)
{
    struct raft_voter_set set = raft_voters(r);
    if (raft_voter_find(set, req->voter_id)) {
        *ret_why = "a voter of this id is there already; remove it first (with its directory id)";
        return KAFKA_DUPLICATE_VOTER;
    }
    if (set.count >= RAFT_VOTERS_MAX || req->listeners_n > RAFT_VOTER_ENDPOINTS_MAX) {
        *ret_why = "too many voters, or too many listeners of one";
        return KAFKA_INVALID_REQUEST;
    }
    if (!can_be_dialled(r, req->listeners, req->listeners_n)) {
        *ret_why = "the new voter has no endpoint for the leader's controller listener";
        return KAFKA_INVALID_REQUEST;
    }
    return KAFKA_NONE;
}

void raft_handle_add_voter(struct raft *r, const struct add_raft_voter_request *req, void *call)
{
    const char *why = NULL;
    int16_t error = check_named(r, req->cluster_id, req->voter_id, &req->voter_directory_id, &why);
    error = error ? error : check_added(r, req, &why);
    if (error) {
        reply_change(r, false, call, error, why);
        return;
    }
    uint64_t timeout_ms = req->timeout_ms < 0                       ? 0
                          : req->timeout_ms > CHANGE_TIMEOUT_MAX_MS ? CHANGE_TIMEOUT_MAX_MS
                                                                    : (uint64_t)req->timeout_ms;
    change_begin(r, RAFT_CHANGE_VERSIONS, false, call, timeout_ms);
    size_t n = (size_t)req->listeners_n;
    const struct raft_endpoint *endpoints =
        raft_endpoints_copy(&r->change.arena, req->listeners, n);
    r->change.voter = (struct raft_voter){ .id = req->voter_id,
                                           .directory_id = req->voter_directory_id,
                                           .endpoints = endpoints,
                                           .endpoint_count = n };
    r->change.ack_when_committed = req->ack_when_committed;
    const struct raft_endpoint *at = raft_endpoint_find(endpoints, n, r->config.listener_name);
    struct raft_destination to = { req->voter_id, at->host, at->port };
    struct raft_item *item =
        raft_send(r, RAFT_KEY_API_VERSIONS, &api_versions_request_schema, 3, &to);
    struct api_versions_request *versions = item->out.request;
    versions->client_software_name = slice_str("logboom");
    versions->client_software_version = slice_str("0");
    r->change.token = item->out.token;
    raft_push(r, item);
}

void raft_api_versions_response(struct raft *r, const struct raft_sent *sent,
                                const struct api_versions_response *resp)
{
    struct raft_change *change = &r->change;
    if (change->phase != RAFT_CHANGE_VERSIONS || change->token != sent->token) {
        return;
    }
    if (resp->error_code) {
        raft_api_versions_failed(r, sent);
        return;
    }
    int16_t least = 0, most = 0;
    for (int32_t i = 0; i < resp->supported_features_n; i++) {
        if (slice_eq_str(resp->supported_features[i].name, "kraft.version")) {
            least = resp->supported_features[i].min_version;
            most = resp->supported_features[i].max_version;
        }
    }
    int16_t level = raft_kraft_version(r);
    if (least > level || most < level) {
        finish(r, KAFKA_INVALID_REQUEST,
               "the new voter does not support the quorum's kraft.version");
        return;
    }
    change->voter.kraft_version_min = least;
    change->voter.kraft_version_max = most;
    change->phase = RAFT_CHANGE_CATCH_UP;
}

void raft_api_versions_failed(struct raft *r, const struct raft_sent *sent)
{
    if (r->change.phase == RAFT_CHANGE_VERSIONS && r->change.token == sent->token) {
        finish(r, KAFKA_REQUEST_TIMED_OUT, "the new voter cannot be reached at its endpoint");
    }
}

static bool is_caught_up(struct raft *r)
{
    const struct raft_replica *replica =
        raft_replica_find(r, r->change.voter.id, &r->change.voter.directory_id);
    uint64_t fresh = raft_ms(r->config.fetch_timeout_ms);
    return replica && replica->caught_up_ns > 0 && r->now.mono_ns - replica->caught_up_ns < fresh &&
           r->now.mono_ns - replica->fetch_ns < fresh;
}

void raft_poll_change(struct raft *r)
{
    struct raft_change *change = &r->change;
    if (change->phase == RAFT_CHANGE_NONE) {
        return;
    }
    if (change->phase == RAFT_CHANGE_CATCH_UP && is_caught_up(r)) {
        struct arena arena;
        arena_init(&arena, SIZE_MAX);
        change->phase = RAFT_CHANGE_COMMIT;
        change->offset =
            raft_control_voters(r, raft_voters_with(&arena, raft_voters(r), &change->voter));
        arena_deinit(&arena);
        if (!change->ack_when_committed) {
            reply_change(r, false, change->call, KAFKA_NONE, NULL);
            change->acknowledged = true;
        }
    }
    if (raft_due(r, change->deadline_ns)) {
        finish(r, KAFKA_REQUEST_TIMED_OUT,
               change->phase == RAFT_CHANGE_COMMIT
                   ? "the change is in the log and not committed yet; it may still be"
                   : "the new voter did not catch up with the log in time");
    }
}

/* --- removing --- */

void raft_handle_remove_voter(struct raft *r, const struct remove_raft_voter_request *req,
                              void *call)
{
    const char *why = NULL;
    int16_t error = check_named(r, req->cluster_id, req->voter_id, &req->voter_directory_id, &why);
    struct raft_voter_set set = raft_voters(r);
    const struct raft_voter *voter = raft_voter_find(set, req->voter_id);
    if (!error && (!voter || !uuid_eq(&voter->directory_id, &req->voter_directory_id))) {
        error = KAFKA_VOTER_NOT_FOUND;
        why = "there is no voter of this id and directory id";
    } else if (!error && set.count == 1) {
        error = KAFKA_VOTER_NOT_FOUND;
        why = "the last voter cannot be removed";
    }
    if (error) {
        reply_change(r, true, call, error, why);
        return;
    }
    change_begin(r, RAFT_CHANGE_COMMIT, true, call, r->config.request_timeout_ms);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    r->change.offset = raft_control_voters(r, raft_voters_without(&arena, set, req->voter_id));
    arena_deinit(&arena);
}

/* --- updating --- */

static void reply_update(struct raft *r, void *call, int16_t error)
{
    struct raft_item *item = raft_reply(call, &update_raft_voter_response_schema);
    struct update_raft_voter_response *resp = item->out.response;
    struct raft_endpoint leader;
    resp->error_code = error;
    resp->current_leader.leader_epoch = r->state.epoch;
    resp->current_leader.leader_id = raft_leader_told(r, item, &leader);
    resp->current_leader.host = slice_str("");
    if (resp->current_leader.leader_id >= 0) {
        resp->current_leader.host = leader.host;
        resp->current_leader.port = leader.port;
    }
    raft_push(r, item);
}

static int16_t check_updated(const struct raft *r, const struct update_raft_voter_request *req)
{
    int16_t least = req->kraft_version_feature.min_supported_version;
    int16_t most = req->kraft_version_feature.max_supported_version;
    if (req->voter_id < 0 || uuid_is_zero(&req->voter_directory_id) || least < 0 || most < least ||
        req->listeners_n < 0 || req->listeners_n > RAFT_VOTER_ENDPOINTS_MAX) {
        return KAFKA_INVALID_REQUEST;
    }
    int16_t level = raft_kraft_version(r);
    return can_be_dialled(r, req->listeners, req->listeners_n) && least <= level && level <= most
               ? KAFKA_NONE
               : KAFKA_INVALID_REQUEST;
}

/* Writes the voter's endpoints and versions down, when they differ from what the log says. */
static int16_t update(struct raft *r, const struct update_raft_voter_request *req)
{
    struct raft_voter_set set = raft_voters(r);
    const struct raft_voter *before = raft_voter_find(set, req->voter_id);
    if (!before || !uuid_eq(&before->directory_id, &req->voter_directory_id)) {
        return KAFKA_VOTER_NOT_FOUND;
    }
    struct raft_voter after = {
        .id = req->voter_id,
        .directory_id = req->voter_directory_id,
        .endpoints = req->listeners,
        .endpoint_count = (size_t)req->listeners_n,
        .kraft_version_min = req->kraft_version_feature.min_supported_version,
        .kraft_version_max = req->kraft_version_feature.max_supported_version,
    };
    if (raft_endpoints_eq(before->endpoints, before->endpoint_count, after.endpoints,
                          after.endpoint_count) &&
        before->kraft_version_min == after.kraft_version_min &&
        before->kraft_version_max == after.kraft_version_max) {
        return KAFKA_NONE;
    }
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    (void)raft_control_voters(r, raft_voters_with(&arena, set, &after));
    arena_deinit(&arena);
    return KAFKA_NONE;
}

void raft_handle_update_voter(struct raft *r, const struct update_raft_voter_request *req,
                              void *call)
{
    const char *why;
    int16_t error = raft_cluster_matches(r, req->cluster_id)
                        ? raft_check_leader(r, req->current_leader_epoch)
                        : KAFKA_INCONSISTENT_CLUSTER_ID;
    error = error ? error : check_updated(r, req);
    if (!error && raft_kraft_version(r) < 1) {
        /* Static voters are what the configuration says; Kafka's nodes tell their endpoints all
         * the same, and want to hear that all is well. */
        reply_update(r, call, KAFKA_NONE);
        return;
    }
    error = error ? error : check_change(r, &why);
    error = error ? error : update(r, req);
    reply_update(r, call, error);
}
