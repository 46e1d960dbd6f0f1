/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.h - between the group coordinator (pure, broker/group) and the node: `__consumer_offsets`,
 * its records, replies and timers.
 */
#ifndef LOGBOOM_BROKER_GROUPS_H
#define LOGBOOM_BROKER_GROUPS_H

#include "broker/group/coordinator.h"
#include "protocol/daemon/env.h"

struct broker;
struct partition;
struct topic;

/* One partition of __consumer_offsets, as far as this node coordinates its groups. */
struct group_shard {
    bool leads; /* the coordinator knows that it does */
    bool ready; /* all is loaded */
    bool damaged; /* what is to be loaded cannot be read: another replica has to lead */
    int32_t leader_epoch;
    int64_t load_offset; /* the next one to load */
    int64_t load_end;    /* of the log when this node began to lead: its own appends come after */
};

struct groups {
    struct coordinator *coordinator; /* leads nothing until __consumer_offsets exists */
    uint32_t partition_count;
    struct group_shard *shards; /* partition_count */
    struct timer tick;
    struct timer load;  /* the next step of loading */
    struct timer moved; /* partitions of __consumer_offsets have another leader */
    bool draining_outputs;
};

void groups_init(struct broker *b);
/* After the metadata changed: coordinates the groups of those partitions of __consumer_offsets that
 * this node leads. What it begins to lead is loaded in steps, what it leads no longer is resigned.
 */
void groups_start(struct broker *b);
/* The partition's role has changed; groups_start() follows with the end of this turn at the latest.
 */
void groups_partition_moved(struct broker *b, const struct partition *p);
void groups_deinit(struct broker *b);
void groups_topic_deleted(struct broker *b, const struct topic *t);
/* After every call into the coordinator: sends replies, appends records, arms the timer. */
void groups_run(struct broker *b);

#endif
