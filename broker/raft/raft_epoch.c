/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_epoch.c - the begin and the end of a leadership, told to the voters: BeginQuorumEpoch until
 * they fetch, EndQuorumEpoch when the leader resigns.
 * Both only make things quick: safety never rests on them.
 * Source: KIP-595; KIP-853 for the recipient's key and the endpoints.
 */
#include "broker/raft/raft_machine.h"

/* What the responses to both say: the error, and who leads. */
static struct raft_epoch_topic *tell_epoch(struct raft *r, struct raft_item *item, int16_t error,
                                           struct raft_node_endpoint **ret_endpoints,
                                           int32_t *ret_count)
{
    struct raft_epoch_topic *topic = raft_item_structs(item, &raft_epoch_topic_schema, 1);
    struct raft_epoch_partition *p = raft_item_structs(item, &raft_epoch_partition_schema, 1);
    topic->topic_name = slice_str(RAFT_TOPIC);
    topic->partitions = p;
    topic->partitions_n = 1;
    p->error_code = error;
    p->leader_epoch = r->state.epoch;
    p->leader_id = raft_tell_leader(r, item, ret_endpoints, ret_count);
    return topic;
}

/* raft_learn() from requests that a leader sends itself, with its endpoints. */
static bool learn_from_leader(struct raft *r, int32_t epoch, int32_t leader_id,
                              const struct raft_endpoint *endpoints, int32_t count)
{
    const struct raft_endpoint *at = raft_endpoint_dialled(r, endpoints, (size_t)count);
    return raft_learn(r, epoch, leader_id, at ? at->host : slice_null(), at ? at->port : 0);
}

/* --- BeginQuorumEpoch, the leader's side --- */

static uint64_t begin_interval_ns(const struct raft *r)
{
    return raft_ms(r->config.fetch_timeout_ms) / 2;
}

static void send_begin(struct raft *r, struct raft_replica *replica,
                       const struct raft_destination *to)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_BEGIN_EPOCH, &begin_quorum_epoch_request_schema, 0, to);
    struct begin_quorum_epoch_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->voter_id = replica->id;
    req->topics = raft_item_structs(item, &begin_quorum_epoch_request_topic_data_schema, 1);
    req->topics_n = 1;
    req->topics->topic_name = slice_str(RAFT_TOPIC);
    req->topics->partitions =
        raft_item_structs(item, &begin_quorum_epoch_request_partition_data_schema, 1);
    req->topics->partitions_n = 1;
    req->topics->partitions->voter_directory_id = replica->directory_id;
    req->topics->partitions->leader_id = r->config.node_id;
    req->topics->partitions->leader_epoch = r->state.epoch;
    req->leader_endpoints = raft_tell_endpoints(r, item, &req->leader_endpoints_n);
    raft_push(r, item);
    replica->begin_sent = true;
}

void raft_poll_begin_epoch(struct raft *r)
{
    for (size_t i = 0; i < r->replica_count; i++) {
        struct raft_replica *replica = &r->replicas[i];
        struct raft_destination to;
        if (replica->is_voter && replica->id != r->config.node_id && !replica->begin_sent &&
            raft_due(r, replica->begin_ns)) {
            if (raft_voter_destination(r, replica->id, &to)) {
                send_begin(r, replica, &to);
            } else {
                replica->begin_ns = r->now.mono_ns + begin_interval_ns(r);
                raft_due(r, replica->begin_ns);
            }
        }
    }
}

static struct raft_replica *begun(struct raft *r, const struct raft_sent *sent)
{
    if (r->role != RAFT_LEADER || sent->epoch != r->state.epoch) {
        return NULL;
    }
    for (size_t i = 0; i < r->replica_count; i++) {
        if (r->replicas[i].is_voter && r->replicas[i].id == sent->to) {
            return &r->replicas[i];
        }
    }
    return NULL;
}

void raft_begin_epoch_response(struct raft *r, const struct raft_sent *sent,
                               const struct begin_quorum_epoch_response *resp)
{
    const struct raft_epoch_partition *p =
        resp->topics_n == 1 && resp->topics->partitions_n == 1 ? resp->topics->partitions : NULL;
    if (resp->error_code || !p || p->error_code) {
        if (p) {
            (void)raft_learn_told(r, p->leader_epoch, p->leader_id, resp->node_endpoints,
                                  resp->node_endpoints_n);
        }
        raft_begin_epoch_failed(r, sent);
        return;
    }
    struct raft_replica *replica = begun(r, sent);
    if (replica) {
        replica->begin_sent = false;
        replica->begin_failures = 0;
        replica->begin_ns = r->now.mono_ns + begin_interval_ns(r);
    }
}

void raft_begin_epoch_failed(struct raft *r, const struct raft_sent *sent)
{
    struct raft_replica *replica = begun(r, sent);
    if (replica) {
        uint64_t pause = raft_ms(r->config.retry_backoff_ms);
        for (uint32_t i = 0; i < replica->begin_failures && pause < begin_interval_ns(r); i++) {
            pause *= 2;
        }
        pause = pause < begin_interval_ns(r) ? pause : begin_interval_ns(r);
        replica->begin_sent = false;
        replica->begin_failures++;
        replica->begin_ns = r->now.mono_ns + pause;
    }
}

/* --- BeginQuorumEpoch, the voter's side --- */

static void reply_begin(struct raft *r, void *call, int16_t top, int16_t error)
{
    struct raft_item *item = raft_reply(call, &begin_quorum_epoch_response_schema);
    struct begin_quorum_epoch_response *resp = item->out.response;
    resp->error_code = top;
    if (!top) {
        resp->topics = tell_epoch(r, item, error, &resp->node_endpoints, &resp->node_endpoints_n);
        resp->topics_n = 1;
    }
    raft_push(r, item);
}

void raft_handle_begin_epoch(struct raft *r, const struct begin_quorum_epoch_request *req,
                             void *call)
{
    if (!raft_cluster_matches(r, req->cluster_id)) {
        reply_begin(r, call, KAFKA_INCONSISTENT_CLUSTER_ID, 0);
        return;
    }
    if (req->topics_n != 1 || req->topics->partitions_n != 1 ||
        !slice_eq_str(req->topics->topic_name, RAFT_TOPIC) ||
        req->topics->partitions->partition_index != 0 || req->topics->partitions->leader_id < 0) {
        reply_begin(r, call, KAFKA_INVALID_REQUEST, 0);
        return;
    }
    const struct begin_quorum_epoch_request_partition_data *p = req->topics->partitions;
    if (p->leader_epoch < r->state.epoch) {
        reply_begin(r, call, 0, KAFKA_FENCED_LEADER_EPOCH);
        return;
    }
    if (req->voter_id >= 0 && !raft_key_matches(req->voter_id, &p->voter_directory_id,
                                                r->config.node_id, &r->config.directory_id)) {
        reply_begin(r, call, 0, KAFKA_INVALID_VOTER_KEY);
        return;
    }
    bool fits = learn_from_leader(r, p->leader_epoch, p->leader_id, req->leader_endpoints,
                                  req->leader_endpoints_n);
    if (fits && r->role == RAFT_PROSPECTIVE) {
        raft_follow_again(r); /* the leader itself says that it is there */
    }
    reply_begin(r, call, 0, fits ? KAFKA_NONE : KAFKA_FENCED_LEADER_EPOCH);
}

/* --- EndQuorumEpoch, the resigned leader's side --- */

/* How far a voter's log goes, as the leadership ended. */
static int64_t end_known(const struct raft *r, int32_t id)
{
    for (size_t i = 0; i < r->replica_count; i++) {
        if (r->replicas[i].id == id && r->replicas[i].is_voter) {
            return r->replicas[i].end_offset;
        }
    }
    return -1;
}

/* The voters but this one, the longest log first. */
static size_t candidates(const struct raft *r, const struct raft_voter **ret_voters)
{
    struct raft_voter_set set = raft_voters(r);
    size_t n = 0;
    for (size_t i = 0; i < set.count; i++) {
        if (set.voters[i].id == r->config.node_id) {
            continue;
        }
        size_t at = n++;
        while (at > 0 && end_known(r, ret_voters[at - 1]->id) < end_known(r, set.voters[i].id)) {
            ret_voters[at] = ret_voters[at - 1];
            at--;
        }
        ret_voters[at] = &set.voters[i];
    }
    return n;
}

static void send_end(struct raft *r, struct raft_peer *peer, const struct raft_destination *to)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_END_EPOCH, &end_quorum_epoch_request_schema, 0, to);
    struct end_quorum_epoch_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->topics = raft_item_structs(item, &end_quorum_epoch_request_topic_data_schema, 1);
    req->topics_n = 1;
    req->topics->topic_name = slice_str(RAFT_TOPIC);
    req->topics->partitions =
        raft_item_structs(item, &end_quorum_epoch_request_partition_data_schema, 1);
    req->topics->partitions_n = 1;
    struct end_quorum_epoch_request_partition_data *p = req->topics->partitions;
    p->leader_id = r->config.node_id;
    p->leader_epoch = r->state.epoch;
    const struct raft_voter *voters[RAFT_VOTERS_MAX];
    size_t n = candidates(r, voters);
    p->preferred_successors = raft_item_alloc(item, n, sizeof(*p->preferred_successors));
    p->preferred_successors_n = (int32_t)n;
    p->preferred_candidates =
        raft_item_structs(item, &end_quorum_epoch_request_replica_info_schema, n);
    p->preferred_candidates_n = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        p->preferred_successors[i] = voters[i]->id;
        p->preferred_candidates[i].candidate_id = voters[i]->id;
        p->preferred_candidates[i].candidate_directory_id = voters[i]->directory_id;
    }
    req->leader_endpoints = raft_tell_endpoints(r, item, &req->leader_endpoints_n);
    raft_push(r, item);
    peer->ask = RAFT_ASK_SENT;
}

void raft_poll_end_epoch(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *peer = &r->peers[i];
        struct raft_destination to;
        if (peer->id != r->config.node_id && peer->ask == RAFT_ASK_OPEN &&
            raft_due(r, peer->retry_ns) && raft_voter_destination(r, peer->id, &to)) {
            send_end(r, peer, &to);
        }
    }
}

static struct raft_peer *told(struct raft *r, const struct raft_sent *sent)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->role == RAFT_RESIGNED && sent->epoch == r->state.epoch &&
            r->peers[i].id == sent->to) {
            return &r->peers[i];
        }
    }
    return NULL;
}

void raft_end_epoch_response(struct raft *r, const struct raft_sent *sent,
                             const struct end_quorum_epoch_response *resp)
{
    struct raft_peer *peer = told(r, sent);
    if (peer) {
        peer->ask = RAFT_ASK_YES;
    }
    if (resp->topics_n == 1 && resp->topics->partitions_n == 1) {
        const struct raft_epoch_partition *p = resp->topics->partitions;
        (void)raft_learn_told(r, p->leader_epoch, p->leader_id, resp->node_endpoints,
                              resp->node_endpoints_n);
    }
}

void raft_end_epoch_failed(struct raft *r, const struct raft_sent *sent)
{
    struct raft_peer *peer = told(r, sent);
    if (peer) {
        peer->ask = RAFT_ASK_OPEN;
        peer->retry_ns = r->now.mono_ns + raft_ms(r->config.retry_backoff_ms) * 5;
    }
}

/* --- EndQuorumEpoch, the voter's side --- */

static void reply_end(struct raft *r, void *call, int16_t top, int16_t error)
{
    struct raft_item *item = raft_reply(call, &end_quorum_epoch_response_schema);
    struct end_quorum_epoch_response *resp = item->out.response;
    resp->error_code = top;
    if (!top) {
        resp->topics = tell_epoch(r, item, error, &resp->node_endpoints, &resp->node_endpoints_n);
        resp->topics_n = 1;
    }
    raft_push(r, item);
}

/* This node's place among those who should stand for election; behind all when it has none. */
static uint32_t place(const struct raft *r, const struct end_quorum_epoch_request_partition_data *p)
{
    uint32_t at = 0;
    for (int32_t i = 0; i < p->preferred_candidates_n; i++, at++) {
        if (raft_key_matches(p->preferred_candidates[i].candidate_id,
                             &p->preferred_candidates[i].candidate_directory_id, r->config.node_id,
                             &r->config.directory_id)) {
            return at;
        }
    }
    for (int32_t i = 0; p->preferred_candidates_n == 0 && i < p->preferred_successors_n;
         i++, at++) {
        if (p->preferred_successors[i] == r->config.node_id) {
            return at;
        }
    }
    return at;
}

void raft_handle_end_epoch(struct raft *r, const struct end_quorum_epoch_request *req, void *call)
{
    if (!raft_cluster_matches(r, req->cluster_id)) {
        reply_end(r, call, KAFKA_INCONSISTENT_CLUSTER_ID, 0);
        return;
    }
    if (req->topics_n != 1 || req->topics->partitions_n != 1 ||
        !slice_eq_str(req->topics->topic_name, RAFT_TOPIC) ||
        req->topics->partitions->partition_index != 0 || req->topics->partitions->leader_id < 0) {
        reply_end(r, call, KAFKA_INVALID_REQUEST, 0);
        return;
    }
    const struct end_quorum_epoch_request_partition_data *p = req->topics->partitions;
    if (!learn_from_leader(r, p->leader_epoch, p->leader_id, req->leader_endpoints,
                           req->leader_endpoints_n)) {
        reply_end(r, call, 0, KAFKA_FENCED_LEADER_EPOCH);
        return;
    }
    if (r->role == RAFT_FOLLOWER && r->state.leader_id == p->leader_id) {
        uint32_t at = place(r, p);
        uint64_t pause = 0;
        if (at > 0) {
            pause = raft_ms(r->config.election_backoff_max_ms) / 8;
            for (uint32_t i = 1; i < at && pause < raft_ms(r->config.election_backoff_max_ms);
                 i++) {
                pause *= 2;
            }
        }
        r->leader_ended = true;
        r->heard_id = -1;
        r->fetch_deadline_ns = r->now.mono_ns + pause;
    }
    reply_end(r, call, 0, KAFKA_NONE);
}
