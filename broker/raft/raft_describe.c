/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_describe.c - DescribeQuorum: what the leader knows of voters and observers.
 * Source: KIP-595, KIP-836 (times), KIP-853 (directory ids, nodes).
 */
#include "broker/raft/raft_machine.h"

static void describe_replica(const struct raft *r, const struct raft_replica *replica,
                             struct describe_quorum_response_replica_state *ret_state)
{
    bool self = replica->id == r->config.node_id;
    ret_state->replica_id = replica->id;
    ret_state->replica_directory_id = self ? r->config.directory_id : replica->directory_id;
    ret_state->log_end_offset = self ? r->log.end : replica->end_offset;
    ret_state->last_fetch_timestamp = self ? r->now.wall_ms : replica->fetch_wall_ms;
    ret_state->last_caught_up_timestamp = self ? r->now.wall_ms : replica->caught_up_wall_ms;
}

static void describe_nodes(const struct raft *r, struct raft_item *item,
                           struct describe_quorum_response *resp)
{
    struct raft_voter_set set = raft_voters(r);
    resp->nodes = raft_item_structs(item, &describe_quorum_response_node_schema, set.count);
    resp->nodes_n = (int32_t)set.count;
    for (size_t i = 0; i < set.count; i++) {
        const struct raft_voter *voter = &set.voters[i];
        struct describe_quorum_response_node *node = &resp->nodes[i];
        node->node_id = voter->id;
        node->listeners =
            raft_endpoints_copy(&item->arena, voter->endpoints, voter->endpoint_count);
        node->listeners_n = (int32_t)voter->endpoint_count;
    }
}

void raft_handle_describe(struct raft *r, const struct describe_quorum_request *req, void *call)
{
    struct raft_item *item = raft_reply(call, &describe_quorum_response_schema);
    struct describe_quorum_response *resp = item->out.response;
    bool ours = req->topics_n == 1 && req->topics->partitions_n == 1 &&
                slice_eq_str(req->topics->topic_name, RAFT_TOPIC) &&
                req->topics->partitions->partition_index == 0;
    if (!ours) {
        resp->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        raft_push(r, item);
        return;
    }
    resp->topics = raft_item_structs(item, &describe_quorum_response_topic_data_schema, 1);
    resp->topics_n = 1;
    resp->topics->topic_name = slice_str(RAFT_TOPIC);
    struct describe_quorum_response_partition_data *p =
        raft_item_structs(item, &describe_quorum_response_partition_data_schema, 1);
    resp->topics->partitions = p;
    resp->topics->partitions_n = 1;
    struct raft_endpoint leader;
    p->leader_id = raft_leader_told(r, item, &leader);
    p->leader_epoch = r->state.epoch;
    if (r->role != RAFT_LEADER) {
        p->error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
        raft_push(r, item);
        return;
    }
    p->high_watermark = r->committed_own ? r->high_watermark : -1;
    p->current_voters =
        raft_item_structs(item, &describe_quorum_response_replica_state_schema, r->replica_count);
    p->observers =
        raft_item_structs(item, &describe_quorum_response_replica_state_schema, r->replica_count);
    for (size_t i = 0; i < r->replica_count; i++) {
        const struct raft_replica *replica = &r->replicas[i];
        bool gone = r->now.mono_ns - replica->fetch_ns >= raft_ms(r->config.observer_session_ms);
        if (replica->is_voter) {
            describe_replica(r, replica, &p->current_voters[p->current_voters_n++]);
        } else if (!gone) {
            describe_replica(r, replica, &p->observers[p->observers_n++]);
        }
    }
    describe_nodes(r, item, resp);
    raft_push(r, item);
}
