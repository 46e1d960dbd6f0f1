/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_serve.c - the leader's answers to Fetch and FetchSnapshot.
 * A Fetch that finds nothing new waits, for records or for a high watermark that its sender does
 * not know (KIP-1166), no longer than it allows.
 *   (S1) Only an offset that fits the leader's log counts for the high watermark.
 *   (S2) Who is no replica (an id below 0) reads nothing above the high watermark.
 *   (S3) The high watermark is told only once it is of this epoch: a new leader may not know yet
 *        what is committed, and a follower of Kafka's does not survive to see it go back.
 * Source: KIP-595, KIP-630, KIP-1166.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

enum {
    SERVE_BYTES_MAX = 8 * 1024 * 1024, /* of one response; Kafka's largest batch of metadata */
    SERVE_WAIT_MAX_MS = 30000,
};

static int64_t told_high_watermark(const struct raft *r)
{
    return r->committed_own ? r->high_watermark : -1;
}

static int64_t readable_end(const struct raft *r, int32_t replica_id)
{
    return replica_id < 0 ? r->high_watermark : r->log.end;
}

/* A response for the partition; its leader is filled in. */
static struct raft_item *fetch_reply(struct raft *r, void *call, int16_t error,
                                     struct fetch_response_partition_data **ret_partition)
{
    struct raft_item *item = raft_reply(call, &fetch_response_schema);
    struct fetch_response *resp = item->out.response;
    resp->responses = raft_item_structs(item, &fetch_response_fetchable_topic_response_schema, 1);
    resp->responses_n = 1;
    resp->responses->topic = slice_str(RAFT_TOPIC);
    resp->responses->topic_id = raft_topic_id;
    struct fetch_response_partition_data *p =
        raft_item_structs(item, &fetch_response_partition_data_schema, 1);
    resp->responses->partitions = p;
    resp->responses->partitions_n = 1;
    struct raft_endpoint leader;
    p->error_code = error;
    p->high_watermark = -1;
    p->records.bytes = slice_of("", 0);
    p->current_leader.leader_epoch = r->state.epoch;
    p->current_leader.leader_id = raft_leader_told(r, item, &leader);
    if (p->current_leader.leader_id >= 0) {
        resp->node_endpoints = raft_item_structs(item, &fetch_response_node_endpoint_schema, 1);
        resp->node_endpoints_n = 1;
        resp->node_endpoints->node_id = p->current_leader.leader_id;
        resp->node_endpoints->host = leader.host;
        resp->node_endpoints->port = leader.port;
    }
    if (r->role == RAFT_LEADER) {
        p->high_watermark = told_high_watermark(r);
        p->log_start_offset = r->log.start;
    }
    *ret_partition = p;
    return item;
}

static void reply_error(struct raft *r, void *call, int16_t error)
{
    struct fetch_response_partition_data *p;
    raft_push(r, fetch_reply(r, call, error, &p));
}

static void reply_top_error(struct raft *r, void *call, int16_t error)
{
    struct raft_item *item = raft_reply(call, &fetch_response_schema);
    ((struct fetch_response *)item->out.response)->error_code = error;
    raft_push(r, item);
}

/* The records from an offset on; none when it is at the end. */
static void reply_records(struct raft *r, void *call, int32_t replica_id, int64_t offset,
                          uint32_t bytes_max)
{
    struct fetch_response_partition_data *p;
    struct raft_item *item = fetch_reply(r, call, KAFKA_NONE, &p);
    if (offset < readable_end(r, replica_id)) {
        item->out.fill = RAFT_FILL_RECORDS;
        item->out.offset = offset;
        item->out.limit_offset = readable_end(r, replica_id);
        item->out.bytes_max = bytes_max;
    }
    raft_push(r, item);
}

/* Answers when the position does not fit the log: true then. */
static bool reply_misfit(struct raft *r, void *call, int64_t offset, int32_t last_epoch)
{
    struct raft_offset_epoch at = { -1, 0 };
    enum raft_position position = raft_log_check(&r->log, offset, last_epoch, &at);
    if (position == RAFT_POSITION_VALID) {
        return false;
    }
    struct fetch_response_partition_data *p;
    struct raft_item *item = fetch_reply(r, call, KAFKA_NONE, &p);
    if (position == RAFT_POSITION_DIVERGING) {
        p->diverging_epoch.epoch = at.epoch;
        p->diverging_epoch.end_offset = at.end_offset;
    } else {
        p->snapshot_id.epoch = at.epoch;
        p->snapshot_id.end_offset = at.end_offset;
    }
    raft_push(r, item);
    return true;
}

/* --- fetches that wait --- */

static void waiting_free(struct raft *r, struct raft_waiting *w)
{
    list_remove(&w->node);
    r->waiting_count--;
    mem_free(w);
}

void raft_waiting_fail(struct raft *r, int16_t error_code)
{
    list_for_each(node, &r->waiting) {
        struct raft_waiting *w = list_entry(node, struct raft_waiting, node);
        reply_error(r, w->call, error_code);
        waiting_free(r, w);
    }
}

void raft_poll_waiting(struct raft *r)
{
    list_for_each(node, &r->waiting) {
        struct raft_waiting *w = list_entry(node, struct raft_waiting, node);
        if (reply_misfit(r, w->call, w->offset, w->last_epoch)) {
            waiting_free(r, w);
        } else if (w->offset < readable_end(r, w->replica_id) ||
                   told_high_watermark(r) > w->high_watermark || raft_due(r, w->deadline_ns)) {
            reply_records(r, w->call, w->replica_id, w->offset, w->bytes_max);
            waiting_free(r, w);
        }
    }
}

/* --- Fetch --- */

/* What the replica's position tells: how far it is durable, and whether it has all there is. */
static void note_position(struct raft *r, struct raft_replica *replica, int64_t offset,
                          const struct raft_replica *before)
{
    replica->end_offset = offset;
    if (offset >= r->log.end) {
        replica->caught_up_ns = r->now.mono_ns;
        replica->caught_up_wall_ms = r->now.wall_ms;
    } else if (before->fetch_ns > 0 && before->leader_end >= 0 && offset >= before->leader_end) {
        /* It has all that there was when it fetched last. */
        replica->caught_up_ns = before->fetch_ns;
        replica->caught_up_wall_ms = before->fetch_wall_ms;
    }
    replica->leader_end = r->log.end;
}

static bool is_ours(const struct fetch_request *req)
{
    return req->topics_n == 1 && req->topics->partitions_n == 1 &&
           req->topics->partitions->partition == 0 &&
           (slice_eq_str(req->topics->topic, RAFT_TOPIC) ||
            uuid_eq(&req->topics->topic_id, &raft_topic_id));
}

static uint32_t bound_bytes(int32_t a, int32_t b)
{
    int32_t least = a < b ? a : b;
    return least < 0 ? 0 : least > SERVE_BYTES_MAX ? SERVE_BYTES_MAX : (uint32_t)least;
}

void raft_handle_fetch(struct raft *r, const struct fetch_request *req, void *call)
{
    if (!raft_cluster_matches(r, req->cluster_id)) {
        reply_top_error(r, call, KAFKA_INCONSISTENT_CLUSTER_ID);
        return;
    }
    if (!is_ours(req)) {
        reply_top_error(r, call, KAFKA_INVALID_REQUEST);
        return;
    }
    const struct fetch_request_partition *p = req->topics->partitions;
    int16_t error = p->fetch_offset < 0 || p->last_fetched_epoch < 0 || p->current_leader_epoch < 0
                        ? KAFKA_INVALID_REQUEST
                        : raft_check_leader(r, p->current_leader_epoch);
    if (error) {
        reply_error(r, call, error);
        return;
    }
    int32_t id =
        req->replica_state.replica_id >= 0 ? req->replica_state.replica_id : req->replica_id;
    struct raft_replica *replica = NULL;
    struct raft_replica before = { .fetch_ns = 0 };
    if (id >= 0 && id != r->config.node_id) {
        const struct raft_replica *known = raft_replica_find(r, id, &p->replica_directory_id);
        if (known) {
            before = *known;
        }
        replica = raft_leader_heard(r, id, &p->replica_directory_id);
    }
    if (reply_misfit(r, call, p->fetch_offset, p->last_fetched_epoch)) {
        return;
    }
    if (replica) {
        note_position(r, replica, p->fetch_offset, &before);
        raft_leader_advance(r);
    }
    uint32_t bytes_max = bound_bytes(p->partition_max_bytes, req->max_bytes);
    if (p->fetch_offset < readable_end(r, id) || told_high_watermark(r) > p->high_watermark ||
        req->max_wait_ms <= 0 || r->waiting_count >= RAFT_WAITING_FETCHES_MAX) {
        reply_records(r, call, id, p->fetch_offset, bytes_max);
        return;
    }
    uint64_t wait =
        req->max_wait_ms < SERVE_WAIT_MAX_MS ? (uint64_t)req->max_wait_ms : SERVE_WAIT_MAX_MS;
    struct raft_waiting *w = mem_zalloc(sizeof(*w));
    *w = (struct raft_waiting){ .call = call,
                                .replica_id = id,
                                .offset = p->fetch_offset,
                                .last_epoch = p->last_fetched_epoch,
                                .high_watermark = p->high_watermark,
                                .bytes_max = bytes_max,
                                .deadline_ns = r->now.mono_ns + raft_ms(wait) };
    list_push_back(&r->waiting, &w->node);
    r->waiting_count++;
}

/* --- FetchSnapshot --- */

static void reply_snapshot(struct raft *r, void *call, int16_t top, int16_t error,
                           const struct fetch_snapshot_request_partition_snapshot *req,
                           int32_t bytes_max)
{
    struct raft_item *item = raft_reply(call, &fetch_snapshot_response_schema);
    struct fetch_snapshot_response *resp = item->out.response;
    resp->error_code = top;
    if (top) {
        raft_push(r, item);
        return;
    }
    resp->topics = raft_item_structs(item, &fetch_snapshot_response_topic_snapshot_schema, 1);
    resp->topics_n = 1;
    resp->topics->name = slice_str(RAFT_TOPIC);
    struct fetch_snapshot_response_partition_snapshot *p =
        raft_item_structs(item, &fetch_snapshot_response_partition_snapshot_schema, 1);
    resp->topics->partitions = p;
    resp->topics->partitions_n = 1;
    p->error_code = error;
    p->snapshot_id.end_offset = req->snapshot_id.end_offset;
    p->snapshot_id.epoch = req->snapshot_id.epoch;
    p->position = req->position;
    p->unaligned_records.bytes = slice_of("", 0);
    p->current_leader.leader_epoch = r->state.epoch;
    p->current_leader.leader_id =
        raft_tell_leader(r, item, &resp->node_endpoints, &resp->node_endpoints_n);
    if (!error) {
        item->out.fill = RAFT_FILL_SNAPSHOT;
        item->out.snapshot_id =
            (struct raft_offset_epoch){ req->snapshot_id.end_offset, req->snapshot_id.epoch };
        item->out.offset = req->position;
        item->out.bytes_max = bound_bytes(bytes_max, SERVE_BYTES_MAX);
    }
    raft_push(r, item);
}

void raft_handle_fetch_snapshot(struct raft *r, const struct fetch_snapshot_request *req,
                                void *call)
{
    if (!raft_cluster_matches(r, req->cluster_id)) {
        reply_snapshot(r, call, KAFKA_INCONSISTENT_CLUSTER_ID, 0, NULL, 0);
        return;
    }
    if (req->topics_n != 1 || req->topics->partitions_n != 1 ||
        !slice_eq_str(req->topics->name, RAFT_TOPIC) || req->topics->partitions->partition != 0) {
        reply_snapshot(r, call, KAFKA_INVALID_REQUEST, 0, NULL, 0);
        return;
    }
    const struct fetch_snapshot_request_partition_snapshot *p = req->topics->partitions;
    int16_t error = raft_check_leader(r, p->current_leader_epoch);
    if (!error && p->position < 0) {
        error = KAFKA_POSITION_OUT_OF_RANGE;
    }
    if (!error && req->replica_id >= 0 && req->replica_id != r->config.node_id) {
        (void)raft_leader_heard(r, req->replica_id, &p->replica_directory_id);
    }
    reply_snapshot(r, call, 0, error, p, req->max_bytes);
}
