/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_join.c - what a follower tells the leader of itself: its endpoints when it is a voter
 * (UpdateRaftVoter), and, with controller.quorum.auto.join.enable, that it wants to be one.
 * Source: KIP-853; KAFKA-19082 (auto join).
 */
#include "broker/raft/raft_machine.h"

static bool needs_update(const struct raft *r)
{
    if (r->updated || !raft_is_voter(r) || r->config.endpoint_count == 0) {
        return false;
    }
    if (raft_kraft_version(r) < 1) {
        return true; /* once per leader: it may want to go over to kraft.version 1 */
    }
    struct raft_voter self = raft_self(r);
    const struct raft_voter *voter = raft_voter_find(raft_voters(r), self.id);
    return !raft_endpoints_eq(voter->endpoints, voter->endpoint_count, self.endpoints,
                              self.endpoint_count) ||
           voter->kraft_version_min != self.kraft_version_min ||
           voter->kraft_version_max != self.kraft_version_max;
}

static void send_update(struct raft *r, const struct raft_destination *to)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_UPDATE_VOTER, &update_raft_voter_request_schema, 0, to);
    struct update_raft_voter_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->current_leader_epoch = r->state.epoch;
    req->voter_id = r->config.node_id;
    req->voter_directory_id = r->config.directory_id;
    req->kraft_version_feature.max_supported_version = RAFT_KRAFT_VERSION_MAX;
    req->listeners = raft_tell_endpoints(r, item, &req->listeners_n);
    r->update_token = item->out.token;
    raft_push(r, item);
}

static void send_add(struct raft *r, const struct raft_destination *to)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_ADD_VOTER, &add_raft_voter_request_schema, 1, to);
    struct add_raft_voter_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->timeout_ms = (int32_t)r->config.request_timeout_ms;
    req->voter_id = r->config.node_id;
    req->voter_directory_id = r->config.directory_id;
    req->ack_when_committed = false;
    req->listeners = raft_tell_endpoints(r, item, &req->listeners_n);
    r->update_token = item->out.token;
    raft_push(r, item);
}

static void send_remove(struct raft *r, const struct raft_destination *to,
                        const struct raft_voter *old)
{
    struct raft_item *item =
        raft_send(r, RAFT_KEY_REMOVE_VOTER, &remove_raft_voter_request_schema, 0, to);
    struct remove_raft_voter_request *req = item->out.request;
    req->cluster_id = r->config.cluster_id;
    req->voter_id = old->id;
    req->voter_directory_id = old->directory_id;
    r->update_token = item->out.token;
    raft_push(r, item);
}

void raft_poll_update(struct raft *r)
{
    bool update = needs_update(r);
    bool join = r->config.auto_join && r->config.can_vote && !raft_is_voter(r) &&
                raft_kraft_version(r) > 0 && r->high_watermark > 0;
    if ((!update && !join) || !r->has_fetched || r->update_token || !raft_due(r, r->update_ns)) {
        return;
    }
    struct raft_destination to = { r->state.leader_id, buf_slice(&r->leader_host), r->leader_port };
    const struct raft_voter *old = raft_voter_find(raft_voters(r), r->config.node_id);
    if (update) {
        send_update(r, &to);
    } else if (old) {
        send_remove(r, &to, old);
    } else {
        send_add(r, &to);
    }
}

/* Whether it is the request under way; another one comes not before this has settled. */
static bool answered(struct raft *r, const struct raft_sent *sent)
{
    bool mine = sent->token == r->update_token;
    if (mine) {
        r->update_token = 0;
        r->update_ns = r->now.mono_ns + raft_ms(r->config.fetch_timeout_ms);
    }
    return mine;
}

void raft_update_voter_response(struct raft *r, const struct raft_sent *sent,
                                const struct update_raft_voter_response *resp)
{
    (void)raft_learn(r, resp->current_leader.leader_epoch, resp->current_leader.leader_id,
                     resp->current_leader.host, (uint16_t)resp->current_leader.port);
    if (answered(r, sent)) {
        r->updated = resp->error_code == 0;
    }
}

void raft_update_voter_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why)
{
    if (answered(r, sent)) {
        r->updated = why == RAFT_FAILED_VERSION; /* a Kafka before 4.1 does not want to know */
    }
}

void raft_join_answered(struct raft *r, const struct raft_sent *sent)
{
    (void)answered(r, sent);
}
