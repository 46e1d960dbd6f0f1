/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster_check.h - notices that the controllers this node was told of belong to another cluster,
 * by their answers (INCONSISTENT_CLUSTER_ID): an operator's mistake that no waiting mends.
 */
#ifndef LOGBOOM_BROKER_CLUSTER_CHECK_H
#define LOGBOOM_BROKER_CLUSTER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct broker;

enum { CLUSTER_CHECK_MAX = 16 };

struct cluster_check {
    bool own; /* somebody of this node's cluster has answered */
    uint32_t foreign_count;
    uint64_t foreign[CLUSTER_CHECK_MAX]; /* hashes of the addresses that said they are of another */
    uint64_t told_ns;
};

/* A controller at this address answered; foreign: that it is of another cluster. When all
 * controllers that are named say so, and none of this cluster has ever answered, the node fails
 * (broker_events). */
void cluster_check_answer(struct broker *b, const char *address, bool foreign);

#endif
