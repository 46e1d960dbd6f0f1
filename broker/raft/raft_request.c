/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_request.c - the way of messages: requests, responses and failures to those who handle them,
 * and the checks that they share.
 */
#include "broker/raft/raft_machine.h"

bool raft_cluster_matches(const struct raft *r, struct slice cluster_id)
{
    return slice_is_null(cluster_id) || slice_eq(cluster_id, r->config.cluster_id);
}

int16_t raft_check_leader(const struct raft *r, int32_t epoch)
{
    if (epoch < r->state.epoch) {
        return KAFKA_FENCED_LEADER_EPOCH;
    }
    if (epoch > r->state.epoch) {
        return KAFKA_UNKNOWN_LEADER_EPOCH;
    }
    return r->role == RAFT_LEADER ? KAFKA_NONE : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

int32_t raft_leader_told(const struct raft *r, struct raft_item *item,
                         struct raft_endpoint *ret_endpoint)
{
    /* A resigned leader's followers should look for another one. */
    if (r->role == RAFT_RESIGNED || !raft_leader_endpoint(r, ret_endpoint)) {
        return -1;
    }
    ret_endpoint->name = arena_copy(&item->arena, ret_endpoint->name);
    ret_endpoint->host = arena_copy(&item->arena, ret_endpoint->host);
    return r->state.leader_id;
}

int32_t raft_tell_leader(const struct raft *r, struct raft_item *item,
                         struct raft_node_endpoint **ret_endpoints, int32_t *ret_count)
{
    struct raft_endpoint leader;
    int32_t id = raft_leader_told(r, item, &leader);
    if (id >= 0) {
        struct raft_node_endpoint *at = raft_item_structs(item, &raft_node_endpoint_schema, 1);
        *at = (struct raft_node_endpoint){ id, leader.host, leader.port };
        *ret_endpoints = at;
        *ret_count = 1;
    }
    return id;
}

bool raft_learn_told(struct raft *r, int32_t epoch, int32_t leader_id,
                     const struct raft_node_endpoint *endpoints, int32_t count)
{
    struct slice host = slice_null();
    uint16_t port = 0;
    for (int32_t i = 0; i < count; i++) {
        if (endpoints[i].node_id == leader_id) {
            host = endpoints[i].host;
            port = endpoints[i].port;
        }
    }
    return raft_learn(r, epoch, leader_id, host, port);
}

struct raft_endpoint *raft_tell_endpoints(const struct raft *r, struct raft_item *item,
                                          int32_t *ret_count)
{
    *ret_count = (int32_t)r->config.endpoint_count;
    return raft_endpoints_copy(&item->arena, r->config.endpoints, r->config.endpoint_count);
}

bool raft_serves(int16_t api_key)
{
    switch (api_key) {
    case RAFT_KEY_FETCH:
    case RAFT_KEY_VOTE:
    case RAFT_KEY_BEGIN_EPOCH:
    case RAFT_KEY_END_EPOCH:
    case RAFT_KEY_DESCRIBE:
    case RAFT_KEY_FETCH_SNAPSHOT:
    case RAFT_KEY_ADD_VOTER:
    case RAFT_KEY_REMOVE_VOTER:
    case RAFT_KEY_UPDATE_VOTER:
        return true;
    default:
        return false;
    }
}

void raft_dispatch_request(struct raft *r, int16_t api_key, const void *request, void *call)
{
    switch (api_key) {
    case RAFT_KEY_FETCH:
        raft_handle_fetch(r, request, call);
        break;
    case RAFT_KEY_VOTE:
        raft_handle_vote(r, request, call);
        break;
    case RAFT_KEY_BEGIN_EPOCH:
        raft_handle_begin_epoch(r, request, call);
        break;
    case RAFT_KEY_END_EPOCH:
        raft_handle_end_epoch(r, request, call);
        break;
    case RAFT_KEY_DESCRIBE:
        raft_handle_describe(r, request, call);
        break;
    case RAFT_KEY_FETCH_SNAPSHOT:
        raft_handle_fetch_snapshot(r, request, call);
        break;
    case RAFT_KEY_ADD_VOTER:
        raft_handle_add_voter(r, request, call);
        break;
    case RAFT_KEY_REMOVE_VOTER:
        raft_handle_remove_voter(r, request, call);
        break;
    default:
        raft_handle_update_voter(r, request, call);
        break;
    }
}

void raft_dispatch_response(struct raft *r, const struct raft_sent *sent, const void *response)
{
    switch (sent->api_key) {
    case RAFT_KEY_FETCH:
        raft_fetch_response(r, sent, response);
        break;
    case RAFT_KEY_FETCH_SNAPSHOT:
        raft_fetch_snapshot_response(r, sent, response);
        break;
    case RAFT_KEY_VOTE:
        raft_vote_response(r, sent, response);
        break;
    case RAFT_KEY_BEGIN_EPOCH:
        raft_begin_epoch_response(r, sent, response);
        break;
    case RAFT_KEY_END_EPOCH:
        raft_end_epoch_response(r, sent, response);
        break;
    case RAFT_KEY_UPDATE_VOTER:
        raft_update_voter_response(r, sent, response);
        break;
    case RAFT_KEY_API_VERSIONS:
        raft_api_versions_response(r, sent, response);
        break;
    default: /* AddRaftVoter, RemoveRaftVoter: to be asked again until it shows in the log */
        raft_join_answered(r, sent);
        break;
    }
}

void raft_dispatch_failure(struct raft *r, const struct raft_sent *sent, enum raft_failure why)
{
    switch (sent->api_key) {
    case RAFT_KEY_FETCH:
    case RAFT_KEY_FETCH_SNAPSHOT:
        raft_fetch_failed(r, sent, why);
        break;
    case RAFT_KEY_VOTE:
        raft_vote_failed(r, sent, why);
        break;
    case RAFT_KEY_BEGIN_EPOCH:
        raft_begin_epoch_failed(r, sent);
        break;
    case RAFT_KEY_END_EPOCH:
        raft_end_epoch_failed(r, sent);
        break;
    case RAFT_KEY_UPDATE_VOTER:
        raft_update_voter_failed(r, sent, why);
        break;
    case RAFT_KEY_API_VERSIONS:
        raft_api_versions_failed(r, sent);
        break;
    default:
        raft_join_answered(r, sent);
        break;
    }
}
