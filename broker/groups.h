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

struct groups {
    struct coordinator *coordinator; /* leads nothing until __consumer_offsets exists */
    uint32_t partition_count;
    bool leading;
    struct timer tick;
    struct timer load; /* the next step of loading */
    int32_t loading;   /* the partition being loaded; partition_count when all are */
    int64_t load_offset;
    bool draining_outputs;
};

void groups_init(struct broker *b);
/* After the logs were opened, and after every metadata change: once __consumer_offsets is there,
 * leads all its partitions and loads them in steps. */
void groups_start(struct broker *b);
void groups_deinit(struct broker *b);
void groups_topic_deleted(struct broker *b, const struct topic *t);
/* After every call into the coordinator: sends replies, appends records, arms the timer. */
void groups_run(struct broker *b);

#endif
