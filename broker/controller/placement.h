/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement.h - which brokers hold a new partition.
 * Pure. Kafka's striped placement: the first replica goes round the racks and the brokers in them,
 * the others go on from there, so that the replicas of a partition are in different racks when
 * there are enough, and each broker leads about as often. Fenced brokers come last, and never
 * first. Source: KIP-36, Kafka's StripedReplicaPlacer.
 */
#ifndef LOGBOOM_CONTROLLER_PLACEMENT_H
#define LOGBOOM_CONTROLLER_PLACEMENT_H

#include "broker/controller/image.h"
#include "protocol/base/rng.h"
#include "protocol/wire/kafka_error.h"

/* Brokers that are gone through in turn, each once a round. */
struct placement_ring {
    int32_t *ids;
    int32_t count;
    int32_t taken, start; /* in this round */
    uint32_t round;
};

struct placement_rack {
    const char *name; /* NULL: brokers without a rack are one together */
    struct placement_ring live, fenced;
};

struct placement {
    struct arena arena;
    struct rng rng;
    struct placement_rack *racks;
    int32_t rack_count;
    int32_t live_count, total_count;
    int32_t start; /* the rack that is first in the next partition */
    uint32_t round;
};

/* INVALID_REPLICATION_FACTOR when `replication` cannot be reached. To be ended by
 * placement_deinit() in any case. */
enum kafka_error placement_init(struct placement *p, const struct image *img, int32_t replication,
                                uint64_t seed, struct error *err);
void placement_deinit(struct placement *p);
/* The replicas of the next partition: `replication` different brokers, the first one live. */
void placement_next(struct placement *p, int32_t replication, int32_t *ret_replicas);

#endif
