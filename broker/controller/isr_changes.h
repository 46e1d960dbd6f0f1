/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr_changes.h - what leaders and administrators ask for one partition: another ISR, another
 * leader, another directory; and the balancer of leaders.
 * Pure. Source: KIP-497, KIP-841, KIP-903, KIP-460, KIP-858.
 */
#ifndef LOGBOOM_CONTROLLER_ISR_CHANGES_H
#define LOGBOOM_CONTROLLER_ISR_CHANGES_H

#include "broker/controller/partition_change.h"
#include "protocol/wire/kafka_error.h"

/* One partition of AlterPartition. */
struct isr_wish {
    int32_t broker_id; /* who asks; its epoch was checked */
    int32_t leader_epoch, partition_epoch;
    const int32_t *isr;
    const int64_t
        *isr_epochs; /* the brokers' epochs as the leader knows them, -1: unknown; or NULL */
    int32_t isr_count;
    bool recovering;
};

/* Adds the change. NEW_LEADER_ELECTED is both a change and a code: the ISR completed a reassignment
 * and the leader is out of it. NOT_CONTROLLER: the leader knows epochs that are newer than the
 * image, so another controller is active. UNKNOWN_TOPIC_OR_PARTITION, FENCED_LEADER_EPOCH,
 * INVALID_UPDATE_VERSION, INVALID_REQUEST, INELIGIBLE_REPLICA. */
enum kafka_error isr_change_alter(const struct image *img, const struct change_policy *policy,
                                  const struct image_topic *t, int32_t index,
                                  const struct isr_wish *wish, struct metadata_records *out);

/* ElectLeaders' types. */
enum elect_type { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };
/* ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE,
 * UNKNOWN_TOPIC_OR_PARTITION. */
enum kafka_error isr_change_elect(const struct image *img, const struct change_policy *policy,
                                  struct slice topic, int32_t index, enum elect_type type,
                                  struct metadata_records *out, struct error *err);

/* Gives the lead back to preferred replicas, up to `max` partitions, of brokers that lack more than
 * `percentage` of the leaders they are preferred for. Returns how many. */
uint32_t isr_change_balance(const struct image *img, const struct change_policy *policy,
                            int32_t percentage, uint32_t max, struct metadata_records *out);

/* AssignReplicasToDirs: the broker's replica lies in that directory. One that is offline takes the
 * replica out of the ISR. UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER. */
enum kafka_error isr_change_assign_dir(const struct image *img, const struct change_policy *policy,
                                       const struct uuid *topic_id, int32_t index,
                                       int32_t broker_id, const struct uuid *dir,
                                       struct metadata_records *out);

#endif
