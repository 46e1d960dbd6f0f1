/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_change.h - the one place that makes a PartitionChangeRecord: who is in sync, who leads,
 * who may lead later.
 * Pure. A caller says what it wants of a partition (other replicas, another ISR, another kind of
 * election); partition_change_add() works out the rest as Kafka's controller does: completes a
 * reassignment whose target is in sync, keeps eligible leader replicas (KIP-966), elects.
 */
#ifndef LOGBOOM_CONTROLLER_PARTITION_CHANGE_H
#define LOGBOOM_CONTROLLER_PARTITION_CHANGE_H

#include "broker/controller/image.h"

/* What topics fall back on: the node's own settings. */
struct change_policy {
    /* -1: not set; 2 for topics of three and more replicas, else 1. Does not count while eligible
     * leader replicas are kept. */
    int32_t min_insync_replicas;
    bool unclean_leader_election;
};

/* min.insync.replicas of a partition: its topic's, the cluster's, the policy's; never more than it
 * has replicas, those not counted that a reassignment adds. While eligible leader replicas are kept
 * it is the same on all nodes with these metadata (KIP-966): leaders commit by it, the controller
 * keeps eligible by it. */
int32_t change_min_isr(const struct image *img, const struct change_policy *policy,
                       const struct image_topic *t, const struct image_partition *p);
bool change_unclean_allowed(const struct image *img, const struct change_policy *policy,
                            const struct image_topic *t);

/* A list of brokers that is being worked on. */
struct id_list {
    int32_t count;
    int32_t ids[IMAGE_REPLICAS_MAX];
};

void id_list_set(struct id_list *l, const int32_t *ids, int32_t count);
bool id_list_has(const struct id_list *l, int32_t id);
/* At the end, if there is room; false when it is full. */
bool id_list_add(struct id_list *l, int32_t id);
void id_list_remove(struct id_list *l, int32_t id);
bool id_list_is(const struct id_list *l, const int32_t *ids, int32_t count);

enum election {
    ELECTION_ONLINE,    /* the leader stays if it can, else the first that is in sync */
    ELECTION_PREFERRED, /* the first replica if it is in sync */
    ELECTION_UNCLEAN,   /* as online, and any live replica rather than none */
};

enum { NO_BROKER = -1 };

struct partition_change {
    const struct image *img;
    const struct image_topic *topic;
    int32_t index;
    const struct image_partition *partition;
    int32_t min_isr;
    bool elr_enabled;
    enum election election;
    /* Brokers whose state is about to change, NO_BROKER for none. */
    int32_t leaving;  /* never leads */
    int32_t arriving; /* may lead although it is still fenced */
    int32_t unclean;  /* has lost what it had not written: neither leads nor is eligible */
    /* What shall be. */
    struct id_list isr, replicas, adding, removing;
    bool recovering;
    int32_t directory_broker; /* whose replica lies in `directory` now */
    struct uuid directory;
    /* What comes of it. */
    struct id_list elr, last_known_elr;
    int32_t leader;
};

/* Everything as it is. The partition must exist. */
void partition_change_init(struct partition_change *c, const struct image *img,
                           const struct change_policy *policy, const struct image_topic *t,
                           int32_t index);
/* Adds the record, if there is anything to change. */
bool partition_change_add(struct partition_change *c, struct metadata_records *out);

#endif
