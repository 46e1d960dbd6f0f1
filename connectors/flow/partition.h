/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.h - a partition that a flow reads: its tracker, and the fetched batches behind the
 * records in flight (so that a dead letter can be written with the record as it came, without a
 * copy of each). Pure. It outlives its place in the group: late answers of sinks find it, and
 * change nothing.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_PARTITION_H
#define LOGBOOM_CONNECTORS_FLOW_PARTITION_H

#include "connectors/commit.h"
#include "protocol/base/list.h"
#include "protocol/wire/record_batch.h"

struct consumer_partition;

struct partition {
    struct list_node node; /* the flow's */
    char *topic;
    int32_t index;
    struct commit_tracker tracker;
    struct list_node kept; /* batches with records in flight, oldest first */
    size_t kept_bytes;
    struct consumer_partition *consumer; /* NULL: revoked or lost, nothing may be committed */
    int64_t committed;                   /* last offset given to the group, -1: none */
    bool paused, draining, broken;
    uint64_t records;
};

struct partition *partition_new(struct slice topic, int32_t index);
/* Only when nothing is in flight. */
void partition_free(struct partition *p);
/* Keeps a copy of a fetched batch for the records that are begun from now on; returns the copy,
 * which lives until they are finished. */
struct slice partition_keep(struct partition *p, struct slice batch_bytes);
/* Frees the batches whose records are all finished. */
void partition_forget(struct partition *p);
/* The kept batch in which the record of this sequence number lies; the null slice when gone. */
struct slice partition_batch_of(const struct partition *p, uint64_t seq);

#endif
