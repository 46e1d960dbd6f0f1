/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft.c - the frame of the consensus machine: configuration and roles.
 * Driven by the broker's quorum (raft.h tells how).
 */
#include "broker/raft/raft.h"

void raft_config_init(struct raft_config *ret_config)
{
    *ret_config = (struct raft_config){
        .node_id = -1,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .retry_backoff_ms = 20,
        .fetch_wait_max_ms = 500,
        .fetch_bytes_max = 1024 * 1024,
        .observer_session_ms = 300000,
        .replicas_max = 1000,
    };
}

const char *raft_role_text(enum raft_role role)
{
    static const char *const texts[] = {
        [RAFT_UNATTACHED] = "unattached", [RAFT_PROSPECTIVE] = "prospective",
        [RAFT_CANDIDATE] = "candidate",   [RAFT_LEADER] = "leader",
        [RAFT_FOLLOWER] = "follower",     [RAFT_RESIGNED] = "resigned",
    };
    return texts[role];
}
