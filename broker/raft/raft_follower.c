/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_follower.c - the follower's and observer's side: Fetch from the leader, and look for one.
 * One Fetch or FetchSnapshot is under way at a time.
 *   (F1) No Fetch leaves before the whole log is durable: its offset is what the leader counts.
 *   (F2) Only the answer to the request under way changes the log (its token is forgotten with
 *        every change of role), and only batches that continue the log.
 *   (F3) Whoever has no leader and whoever lost it asks the bootstrap servers and the voters, at
 *        random, who it is.
 * Source: KIP-595.
 */
#include "broker/raft/raft_machine.h"

/* --- asking --- */

static bool is_own_address(const struct raft *r, struct slice host, uint16_t port)
{
    for (size_t i = 0; i < r->config.endpoint_count; i++) {
        if (r->config.endpoints[i].port == port && slice_eq(r->config.endpoints[i].host, host)) {
            return true;
        }
    }
    return false;
}

/* Some node that may know the leader. */
static bool pick_somebody(struct raft *r, struct raft_destination *ret_to)
{
    struct raft_voter_set set = raft_voters(r);
    size_t total = r->config.bootstrap_server_count + set.count;
    size_t from = (size_t)rng_below(&r->rng, total);
    for (size_t i = 0; i < total; i++) {
        size_t at = (from + i) % total;
        if (at < r->config.bootstrap_server_count) {
            const struct raft_endpoint *server = &r->config.bootstrap_servers[at];
            if (!is_own_address(r, server->host, server->port)) {
                *ret_to = (struct raft_destination){ -1, server->host, server->port };
                return true;
            }
        } else {
            int32_t id = set.voters[at - r->config.bootstrap_server_count].id;
            if (id != r->config.node_id && raft_voter_destination(r, id, ret_to)) {
                return true;
            }
        }
    }
    return false;
}

static void send_fetch(struct raft *r, const struct raft_destination *to)
{
    int16_t version_min = raft_kraft_version(r) > 0 ? 17 : 12;
    struct raft_item *item = raft_send(r, RAFT_KEY_FETCH, &fetch_request_schema, version_min, to);
    struct fetch_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->replica_id = r->config.node_id;
    req->replica_state.replica_id = r->config.node_id;
    req->max_wait_ms = r->role == RAFT_FOLLOWER ? (int32_t)r->config.fetch_wait_max_ms : 0;
    req->max_bytes = (int32_t)r->config.fetch_bytes_max;
    req->session_epoch = -1;
    req->topics = raft_item_structs(item, &fetch_request_topic_schema, 1);
    req->topics_n = 1;
    req->topics->topic = slice_str(RAFT_TOPIC);
    req->topics->topic_id = raft_topic_id;
    req->topics->partitions = raft_item_structs(item, &fetch_request_partition_schema, 1);
    req->topics->partitions_n = 1;
    struct fetch_request_partition *p = req->topics->partitions;
    p->current_leader_epoch = r->state.epoch;
    p->fetch_offset = r->log.end;
    p->last_fetched_epoch = raft_log_last_epoch(&r->log);
    p->partition_max_bytes = (int32_t)r->config.fetch_bytes_max;
    p->replica_directory_id = r->config.directory_id;
    p->high_watermark = r->high_watermark > 0 ? r->high_watermark : -1;
    r->fetch_token = item->out.token;
    r->fetch_offset = r->log.end;
    raft_push(r, item);
}

static void send_fetch_snapshot(struct raft *r, const struct raft_destination *to)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_FETCH_SNAPSHOT, &fetch_snapshot_request_schema, 0, to);
    struct fetch_snapshot_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->replica_id = r->config.node_id;
    req->max_bytes = (int32_t)r->config.fetch_bytes_max;
    req->topics = raft_item_structs(item, &fetch_snapshot_request_topic_snapshot_schema, 1);
    req->topics_n = 1;
    req->topics->name = slice_str(RAFT_TOPIC);
    req->topics->partitions =
        raft_item_structs(item, &fetch_snapshot_request_partition_snapshot_schema, 1);
    req->topics->partitions_n = 1;
    struct fetch_snapshot_request_partition_snapshot *p = req->topics->partitions;
    p->current_leader_epoch = r->state.epoch;
    p->snapshot_id.end_offset = r->fetching.end_offset;
    p->snapshot_id.epoch = r->fetching.epoch;
    p->position = r->fetching_position;
    p->replica_directory_id = r->config.directory_id;
    r->fetch_token = item->out.token;
    r->fetch_offset = r->fetching_position;
    raft_push(r, item);
}

void raft_poll_fetch(struct raft *r)
{
    if (r->fetch_token || r->adopting || r->log.synced < r->log.end ||
        !raft_due(r, r->fetch_after_ns)) {
        return;
    }
    struct raft_destination to = { .node_id = r->state.leader_id,
                                   .host = buf_slice(&r->leader_host),
                                   .port = r->leader_port };
    bool elsewhere = r->role != RAFT_FOLLOWER || (r->fetch_failures % 2 == 1 && !raft_is_voter(r));
    if (elsewhere && !pick_somebody(r, &to)) {
        return;
    }
    if (r->fetching.end_offset >= 0 && !elsewhere) {
        send_fetch_snapshot(r, &to);
    } else {
        send_fetch(r, &to);
    }
}

/* --- answers --- */

static void back_off(struct raft *r)
{
    uint32_t doublings = r->fetch_failures < 4 ? r->fetch_failures : 4;
    r->fetch_failures++;
    r->fetch_after_ns = r->now.mono_ns + (raft_ms(r->config.retry_backoff_ms) << doublings);
}

void raft_fetch_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why)
{
    if (sent->token != r->fetch_token) {
        return;
    }
    r->fetch_token = 0;
    back_off(r);
    if (why == RAFT_FAILED_UNREACHABLE && r->role == RAFT_FOLLOWER && r->unreachable_ns == 0 &&
        sent->to == r->state.leader_id) {
        uint64_t timeout = raft_ms(r->config.unreachable_timeout_ms);
        r->unreachable_ns = r->now.mono_ns + timeout + rng_below(&r->rng, timeout);
    }
}

/* The leader answered. */
static void note_leader(struct raft *r)
{
    uint64_t timeout = raft_ms(r->config.fetch_timeout_ms);
    r->has_fetched = true;
    r->heard_id = r->state.leader_id;
    r->heard_ns = r->now.mono_ns;
    r->leader_ended = false;
    r->unreachable_ns = 0;
    r->fetch_failures = 0;
    r->fetch_deadline_ns =
        r->now.mono_ns + timeout + rng_below(&r->rng, timeout / RAFT_FETCH_CHANCE);
}

/* The node asked is not the leader that we took it for. */
static void note_refusal(struct raft *r, const struct raft_sent *sent, int16_t error)
{
    back_off(r);
    if (error == KAFKA_NOT_LEADER_OR_FOLLOWER && sent->to == r->state.leader_id &&
        !r->leader_ended) {
        uint64_t pause = rng_below(&r->rng, raft_ms(r->config.election_backoff_max_ms) / 4);
        r->leader_ended = true;
        r->heard_id = -1;
        if (r->fetch_deadline_ns > r->now.mono_ns + pause) {
            r->fetch_deadline_ns = r->now.mono_ns + pause;
        }
    }
}

static void diverged(struct raft *r, const struct fetch_response_epoch_end_offset *at)
{
    struct raft_offset_epoch ours = raft_log_end_of(&r->log, at->epoch);
    int64_t offset = ours.end_offset;
    if (ours.epoch == at->epoch && at->end_offset < offset) {
        offset = at->end_offset;
    }
    if (offset >= r->log.end || !raft_truncate(r, offset)) {
        back_off(r);
    }
}

static void append_fetched(struct raft *r, const struct fetch_response_partition_data *p)
{
    size_t len = 0;
    if (r->fetch_offset == r->log.end && p->records.bytes.len > 0) {
        if (raft_log_examine(r, p->records.bytes, &len)) {
            r->stats.damaged_responses_total++;
            back_off(r);
        }
    }
    if (len > 0) {
        raft_append(r, slice_head(p->records.bytes, len), false);
    }
    raft_commit(r, p->high_watermark < r->log.end ? p->high_watermark : r->log.end);
}

void raft_fetch_response(struct raft *r, const struct raft_sent *sent,
                         const struct fetch_response *resp)
{
    const struct fetch_response_partition_data *p =
        resp->responses_n == 1 && resp->responses->partitions_n == 1 ? resp->responses->partitions
                                                                     : NULL;
    if (resp->error_code || !p) {
        raft_fetch_failed(r, sent, RAFT_FAILED_TIMEOUT);
        return;
    }
    struct slice host = slice_null();
    uint16_t port = 0;
    for (int32_t i = 0; i < resp->node_endpoints_n; i++) {
        if (resp->node_endpoints[i].node_id == p->current_leader.leader_id) {
            host = resp->node_endpoints[i].host;
            port = (uint16_t)resp->node_endpoints[i].port;
        }
    }
    bool fits =
        raft_learn(r, p->current_leader.leader_epoch, p->current_leader.leader_id, host, port);
    if (sent->token != r->fetch_token) {
        return; /* what it says of the leader was all that there was in it */
    }
    r->fetch_token = 0;
    if (p->error_code || !fits || r->role != RAFT_FOLLOWER) {
        note_refusal(r, sent, p->error_code);
        return;
    }
    note_leader(r);
    if (p->diverging_epoch.epoch >= 0 && p->diverging_epoch.end_offset >= 0) {
        diverged(r, &p->diverging_epoch);
    } else if (p->snapshot_id.end_offset >= 0 && p->snapshot_id.epoch >= 0) {
        raft_snapshot_begin(r, (struct raft_offset_epoch){ p->snapshot_id.end_offset,
                                                           p->snapshot_id.epoch });
    } else {
        append_fetched(r, p);
    }
}

/* --- snapshots --- */

void raft_snapshot_begin(struct raft *r, struct raft_offset_epoch id)
{
    if (id.end_offset < r->high_watermark || id.end_offset <= r->log.start) {
        back_off(r); /* nothing that we would not have */
        return;
    }
    r->fetching = id;
    r->fetching_position = 0;
}

static void snapshot_chunk(struct raft *r,
                           const struct fetch_snapshot_response_partition_snapshot *p)
{
    struct slice bytes = p->unaligned_records.bytes;
    if (p->position != r->fetching_position ||
        p->snapshot_id.end_offset != r->fetching.end_offset ||
        p->snapshot_id.epoch != r->fetching.epoch || p->size < 0 ||
        (int64_t)bytes.len > p->size - p->position || (bytes.len == 0 && p->position < p->size)) {
        r->stats.damaged_responses_total++;
        r->fetching.end_offset = -1;
        back_off(r);
        return;
    }
    struct raft_item *item = raft_item_new(RAFT_SNAPSHOT_CHUNK);
    item->out.snapshot_id = r->fetching;
    item->out.offset = p->position;
    item->out.bytes = bytes;
    raft_push(r, item);
    r->fetching_position += (int64_t)bytes.len;
    if (r->fetching_position == p->size) {
        item = raft_item_new(RAFT_SNAPSHOT_ADOPT);
        item->out.snapshot_id = r->fetching;
        raft_push(r, item);
        r->adopting = true;
    }
}

void raft_fetch_snapshot_response(struct raft *r, const struct raft_sent *sent,
                                  const struct fetch_snapshot_response *resp)
{
    const struct fetch_snapshot_response_partition_snapshot *p =
        resp->topics_n == 1 && resp->topics->partitions_n == 1 ? resp->topics->partitions : NULL;
    if (resp->error_code || !p) {
        raft_fetch_failed(r, sent, RAFT_FAILED_TIMEOUT);
        return;
    }
    bool fits = raft_learn_told(r, p->current_leader.leader_epoch, p->current_leader.leader_id,
                                resp->node_endpoints, resp->node_endpoints_n);
    if (sent->token != r->fetch_token) {
        return;
    }
    r->fetch_token = 0;
    if (p->error_code == KAFKA_SNAPSHOT_NOT_FOUND || p->error_code == KAFKA_POSITION_OUT_OF_RANGE) {
        r->fetching.end_offset = -1; /* ask by Fetch what there is now */
    }
    if (p->error_code || !fits || r->role != RAFT_FOLLOWER || r->fetching.end_offset < 0) {
        note_refusal(r, sent, p->error_code);
        return;
    }
    note_leader(r);
    snapshot_chunk(r, p);
}
