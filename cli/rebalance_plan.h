/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance_plan.h - where replicas should be: given brokers and partitions, a new list of replicas
 * for those that should move. Pure: no network, no clock; the same input gives the same plan.
 */
#ifndef LOGBOOM_CLI_REBALANCE_PLAN_H
#define LOGBOOM_CLI_REBALANCE_PLAN_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"

struct plan_broker {
    int32_t id;
    struct slice rack; /* null or empty: none */
    bool usable;       /* may hold replicas; false: is to be emptied */
    int32_t replicas, leaders;
};

struct plan_partition {
    struct slice topic;
    int32_t index;
    const int32_t *replicas; /* now; the first one is the preferred leader */
    int32_t replica_count;
    int64_t size_bytes;
    int32_t *wanted; /* after the plan; in the arena */
    int32_t wanted_count;
};

struct plan {
    struct plan_broker *brokers;
    size_t broker_count;
    struct plan_partition *partitions; /* of one topic: next to each other */
    size_t partition_count;
    int32_t replication_factor; /* 0: as each partition has now */
};

/* Fills in `wanted` of every partition and the brokers' counts. What it guarantees:
 * no replica on a broker that is not usable; as many replicas as wanted; no two in one rack while
 * there are racks enough; then counts of replicas over usable brokers that differ by at most one
 * where racks allow it, with as few moves as that takes, smallest partitions first; then
 * first replicas spread evenly without moving anything. ERR_INVALID: fewer usable brokers than
 * replicas wanted. */
enum err plan_make(struct plan *p, struct arena *arena, struct error *err);
/* Whether the partition's set or order of replicas changes. */
bool plan_changes(const struct plan_partition *p);
/* How many replicas must be copied. */
int32_t plan_copies(const struct plan_partition *p);

#endif
