/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reassign.h - a partition moves to other brokers.
 * Pure. The new replicas are added to the list, those that go are marked; when everybody who stays
 * is in sync, the change of the ISR that made it so drops the others (partition_change.h). Source:
 * KIP-455.
 */
#ifndef LOGBOOM_CONTROLLER_REASSIGN_H
#define LOGBOOM_CONTROLLER_REASSIGN_H

#include "broker/controller/partition_change.h"
#include "protocol/wire/kafka_error.h"

static inline bool reassign_is_under_way(const struct image_partition *p)
{
    return p->adding_count > 0 || p->removing_count > 0;
}

/* Begins, or changes the target of, a reassignment. INVALID_REPLICA_ASSIGNMENT,
 * UNKNOWN_TOPIC_OR_PARTITION; INVALID_REPLICATION_FACTOR when the number of replicas would change
 * and must not. */
enum kafka_error reassign_begin(const struct image *img, const struct change_policy *policy,
                                struct slice topic, int32_t index, const int32_t *replicas,
                                int32_t count, bool any_factor, struct metadata_records *out,
                                struct error *err);
/* Back to where it was. NO_REASSIGNMENT_IN_PROGRESS; INVALID_REPLICA_ASSIGNMENT when only added
 * replicas are in sync, unless unclean elections are allowed. */
enum kafka_error reassign_cancel(const struct image *img, const struct change_policy *policy,
                                 struct slice topic, int32_t index, struct metadata_records *out,
                                 struct error *err);

#endif
