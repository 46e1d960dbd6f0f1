/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement.h - which brokers hold a new partition.
 * Pure. Kafka's striped placement: the first replica goes round the unfenced brokers, the others
 * follow.
 */
#ifndef LOGBOOM_CONTROLLER_PLACEMENT_H
#define LOGBOOM_CONTROLLER_PLACEMENT_H

#include "broker/controller/image.h"

/* The unfenced brokers, in the order of their registration; *ret_ids is in the arena. */
enum err placement_brokers(const struct image *img, struct arena *arena, int32_t **ret_ids,
                           int32_t *ret_count);
/* Replicas of partition `index`: `replication` different ones of the brokers, beginning at a place
 * that moves with start + index. replication <= broker_count. */
void placement_replicas(const int32_t *brokers, int32_t broker_count, int32_t replication,
                        uint64_t start, int32_t index, int32_t *ret_replicas);

#endif
