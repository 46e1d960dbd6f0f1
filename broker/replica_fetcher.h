/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_fetcher.h - keeps the partitions that this node follows equal to their leaders': one
 * fetcher for each leader (num.replica.fetchers), each with a connection and a fetch session of its
 * own. What an answer means is decided by the pure machine (broker/replica/follower.h).
 * With durability fsync a fetch leaves only when everything that came before it is on the disk:
 * what it reports to the leader is durable (G1). Source: KIP-227, KIP-320, KIP-903.
 */
#ifndef LOGBOOM_BROKER_REPLICA_FETCHER_H
#define LOGBOOM_BROKER_REPLICA_FETCHER_H

#include "protocol/base/list.h"

#include <stdint.h>

struct broker;
struct partition;

struct replica_fetchers {
    struct list_node all; /* of struct replica_fetcher */
};

void replica_fetchers_init(struct broker *b);
/* No partition follows any more. */
void replica_fetchers_deinit(struct broker *b);

/* The partition follows this leader from now on, in p->leader_epoch; sets p->replica. */
void replica_fetcher_add(struct broker *b, struct partition *p, int32_t leader);
/* It does so no longer: nothing is appended after this. */
void replica_fetcher_remove(struct broker *b, struct partition *p);
/* The partition may fetch on, at the end of this turn. */
void replica_fetcher_kick(struct partition *p);
/* A flush of the partition's log has ended, well or not. */
void replica_fetcher_synced(struct broker *b, struct partition *p);

#endif
