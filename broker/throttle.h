/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h - replicas that catch up are held to a rate, so that moving them leaves room for
 * clients (KIP-73): {leader,follower}.replication.throttled.rate of the node, for the replicas that
 * {leader,follower}.replication.throttled.replicas of the topic names. Those in sync never wait.
 */
#ifndef LOGBOOM_BROKER_THROTTLE_H
#define LOGBOOM_BROKER_THROTTLE_H

#include "broker/replica/quota.h"

#include <stdbool.h>
#include <stddef.h>

struct broker;
struct partition;
struct replica;

struct throttle {
    struct quota leader, follower; /* what is sent to others; what is fetched from them */
};

/* Takes the node's rates: its own in the metadata, those of all nodes, the configuration's. */
void throttle_configure(struct broker *b);
/* Takes what the topic's settings say of this partition. */
void throttle_configure_partition(const struct broker *b, struct partition *p);

/* The most bytes that may be sent to a follower now; SIZE_MAX without a throttle. */
size_t throttle_leader_room(struct broker *b, const struct partition *p, int32_t follower);
void throttle_leader_sent(struct broker *b, const struct partition *p, int32_t follower,
                          size_t bytes);
/* A follower has fetched so much. */
void throttle_follower_got(struct broker *b, const struct partition *p, size_t bytes);
/* When this follower may fetch again; 0: now. */
uint64_t throttle_follower_ready_ns(struct broker *b, const struct partition *p);

#endif
