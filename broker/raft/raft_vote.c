/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_vote.c - elections: asking for votes and giving them.
 * Driven by time-outs (raft_poll_vote) and by Vote requests and responses.
 *   (E1) A vote is given once per epoch, is on the disk before it leaves (O1), and only to whose
 *        log is not behind ours.
 *   (E2) A pre-vote binds nobody and raises no epoch; whoever hears its leader gives none, so that
 *        a node cut off from the others cannot disturb them when it comes back.
 *   (E3) Only votes of the epoch and the round that asked for them count.
 * Source: KIP-595, KIP-996.
 */
#include "broker/raft/raft_machine.h"

static bool asks_pre_vote(const struct raft *r)
{
    return r->role == RAFT_PROSPECTIVE;
}

static struct raft_peer *peer_find(struct raft *r, int32_t id)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id) {
            return &r->peers[i];
        }
    }
    return NULL;
}

/* --- asking --- */

static void send_vote(struct raft *r, struct raft_peer *peer, const struct raft_destination *to)
{
    bool pre_vote = asks_pre_vote(r);
    struct raft_item *item =
        raft_send(r, RAFT_KEY_VOTE, &vote_request_schema, pre_vote ? 2 : 0, to);
    r->sent[r->sent_count - 1].pre_vote = pre_vote;
    struct vote_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->voter_id = peer->id;
    req->topics = raft_item_structs(item, &vote_request_topic_data_schema, 1);
    req->topics_n = 1;
    req->topics->topic_name = slice_str(RAFT_TOPIC);
    req->topics->partitions = raft_item_structs(item, &vote_request_partition_data_schema, 1);
    req->topics->partitions_n = 1;
    struct vote_request_partition_data *p = req->topics->partitions;
    p->replica_epoch = r->state.epoch;
    p->replica_id = r->config.node_id;
    p->replica_directory_id = r->config.directory_id;
    p->voter_directory_id = peer->directory_id;
    p->last_offset_epoch = raft_log_last_epoch(&r->log);
    p->last_offset = r->log.end;
    p->pre_vote = pre_vote;
    raft_push(r, item);
    peer->ask = RAFT_ASK_SENT;
}

/* The round is over without a majority. */
static void lost(struct raft *r)
{
    if (r->role == RAFT_CANDIDATE) {
        if (raft_is_electable(r)) {
            r->elections_lost++;
            raft_become_prospective(r, raft_election_backoff_ns(r));
        } else {
            raft_become_unattached(r, r->state.epoch);
        }
    } else {
        raft_follow_again(r);
    }
}

static size_t answers(const struct raft *r, enum raft_ask ask)
{
    size_t n = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        n += r->peers[i].ask == ask;
    }
    return n;
}

bool raft_has_majority(const struct raft *r)
{
    return answers(r, RAFT_ASK_YES) >= raft_majority(r->peer_count);
}

static void count(struct raft *r)
{
    if (raft_has_majority(r)) {
        if (r->role == RAFT_CANDIDATE) {
            raft_become_leader(r);
        } else if (raft_is_electable(r)) {
            raft_become_candidate(r);
        }
    } else if (answers(r, RAFT_ASK_NO) > r->peer_count - raft_majority(r->peer_count)) {
        lost(r);
    }
}

void raft_poll_vote(struct raft *r)
{
    if (!raft_is_electable(r)) {
        raft_become_unattached(r, r->state.epoch);
        return;
    }
    if (r->role == RAFT_PROSPECTIVE && raft_has_majority(r)) {
        raft_become_candidate(r);
        return;
    }
    if (raft_due(r, r->election_ns)) {
        lost(r);
        return;
    }
    if (!raft_due(r, r->backoff_ns)) {
        return;
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *peer = &r->peers[i];
        struct raft_destination to;
        if (peer->ask == RAFT_ASK_OPEN && raft_due(r, peer->retry_ns) &&
            raft_voter_destination(r, peer->id, &to)) {
            send_vote(r, peer, &to);
        }
    }
}

/* The peer whose answer this is, if its round is still on. */
static struct raft_peer *asked(struct raft *r, const struct raft_sent *sent)
{
    enum raft_role role = sent->pre_vote ? RAFT_PROSPECTIVE : RAFT_CANDIDATE;
    if (r->role != role || sent->epoch != r->state.epoch) {
        return NULL;
    }
    struct raft_peer *peer = peer_find(r, sent->to);
    return peer && peer->ask == RAFT_ASK_SENT ? peer : NULL;
}

void raft_vote_response(struct raft *r, const struct raft_sent *sent,
                        const struct vote_response *resp)
{
    const struct vote_response_partition_data *p =
        resp->topics_n == 1 && resp->topics->partitions_n == 1 ? resp->topics->partitions : NULL;
    if (resp->error_code || !p) {
        raft_vote_failed(r, sent, RAFT_FAILED_UNREACHABLE);
        return;
    }
    if (!raft_learn_told(r, p->leader_epoch, p->leader_id, resp->node_endpoints,
                         resp->node_endpoints_n)) {
        return;
    }
    struct raft_peer *peer = asked(r, sent);
    if (!peer) {
        return;
    }
    if (p->error_code) {
        raft_vote_failed(r, sent, RAFT_FAILED_UNREACHABLE);
        return;
    }
    peer->ask = p->vote_granted ? RAFT_ASK_YES : RAFT_ASK_NO;
    count(r);
}

void raft_vote_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why)
{
    struct raft_peer *peer = asked(r, sent);
    if (!peer) {
        return;
    }
    peer->ask = RAFT_ASK_OPEN;
    peer->retry_ns = r->now.mono_ns + raft_ms(r->config.retry_backoff_ms);
    if (why == RAFT_FAILED_VERSION && sent->pre_vote && raft_is_electable(r)) {
        /* A Kafka before KIP-996 among the voters: there the election itself is the question. */
        raft_become_candidate(r);
    }
}

/* --- giving --- */

static bool log_is_behind(const struct raft *r, const struct vote_request_partition_data *p)
{
    int32_t last = raft_log_last_epoch(&r->log);
    return p->last_offset_epoch < last ||
           (p->last_offset_epoch == last && p->last_offset < r->log.end);
}

/* A leader answers within fetch_wait_max_ms. Who has missed that answer for long helps whoever has
 * missed it a moment longer, so that the first time-out brings the election, not the last one. */
static bool is_overdue(const struct raft *r)
{
    return r->now.mono_ns - r->heard_ns >= raft_ms(r->config.fetch_timeout_ms) * 3 / 4;
}

static bool grants_pre_vote(const struct raft *r)
{
    switch (r->role) {
    case RAFT_LEADER:
        return false;
    case RAFT_FOLLOWER:
        return !r->has_fetched || r->leader_ended || r->unreachable_ns > 0 || is_overdue(r);
    case RAFT_UNATTACHED:
    case RAFT_PROSPECTIVE:
    case RAFT_CANDIDATE:
    case RAFT_RESIGNED:
        return true;
    }
    return false;
}

static bool grants(struct raft *r, const struct vote_request_partition_data *p)
{
    if (p->pre_vote) {
        return grants_pre_vote(r) && !log_is_behind(r, p);
    }
    if (r->role != RAFT_UNATTACHED && r->role != RAFT_PROSPECTIVE) {
        return false;
    }
    if (r->state.voted_id >= 0) {
        return raft_key_matches(r->state.voted_id, &r->state.voted_directory_id, p->replica_id,
                                &p->replica_directory_id);
    }
    return r->state.leader_id < 0 && !log_is_behind(r, p);
}

static int16_t check_vote(const struct raft *r, const struct vote_request *req,
                          const struct vote_request_partition_data *p)
{
    if (p->replica_id < 0 || p->replica_epoch < 0 || p->last_offset < 0 ||
        p->last_offset_epoch < 0 ||
        (p->pre_vote ? p->last_offset_epoch > p->replica_epoch
                     : p->last_offset_epoch >= p->replica_epoch)) {
        return KAFKA_INVALID_REQUEST;
    }
    if (p->replica_epoch < r->state.epoch) {
        return KAFKA_FENCED_LEADER_EPOCH;
    }
    if (req->voter_id >= 0 && !raft_key_matches(req->voter_id, &p->voter_directory_id,
                                                r->config.node_id, &r->config.directory_id)) {
        return KAFKA_INVALID_VOTER_KEY;
    }
    return KAFKA_NONE;
}

static void reply_vote(struct raft *r, void *call, int16_t top, int16_t error, bool granted)
{
    struct raft_item *item = raft_reply(call, &vote_response_schema);
    struct vote_response *resp = item->out.response;
    resp->error_code = top;
    if (!top) {
        resp->topics = raft_item_structs(item, &vote_response_topic_data_schema, 1);
        resp->topics_n = 1;
        resp->topics->topic_name = slice_str(RAFT_TOPIC);
        resp->topics->partitions = raft_item_structs(item, &vote_response_partition_data_schema, 1);
        resp->topics->partitions_n = 1;
        struct vote_response_partition_data *p = resp->topics->partitions;
        p->error_code = error;
        p->leader_epoch = r->state.epoch;
        p->leader_id = raft_tell_leader(r, item, &resp->node_endpoints, &resp->node_endpoints_n);
        p->vote_granted = granted;
    }
    raft_push(r, item);
}

void raft_handle_vote(struct raft *r, const struct vote_request *req, void *call)
{
    if (!raft_cluster_matches(r, req->cluster_id)) {
        reply_vote(r, call, KAFKA_INCONSISTENT_CLUSTER_ID, 0, false);
        return;
    }
    if (req->topics_n != 1 || req->topics->partitions_n != 1 ||
        !slice_eq_str(req->topics->topic_name, RAFT_TOPIC) ||
        req->topics->partitions->partition_index != 0) {
        reply_vote(r, call, KAFKA_INVALID_REQUEST, 0, false);
        return;
    }
    const struct vote_request_partition_data *p = req->topics->partitions;
    int16_t error = check_vote(r, req, p);
    if (error) {
        reply_vote(r, call, 0, error, false);
        return;
    }
    if (p->replica_epoch > r->state.epoch) {
        raft_become_unattached(r, p->replica_epoch);
    }
    bool granted = grants(r, p);
    if (granted && !p->pre_vote) {
        raft_voted(r, p->replica_id, &p->replica_directory_id);
    }
    reply_vote(r, call, 0, 0, granted);
}
