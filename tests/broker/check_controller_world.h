/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_controller_world.h - an image with brokers and topics, for tests of broker/controller.
 * Each helper makes records by the production function, checks that they can be applied, applies
 * them, and checks the invariants of every partition.
 */
#ifndef LOGBOOM_TESTS_CHECK_CONTROLLER_WORLD_H
#define LOGBOOM_TESTS_CHECK_CONTROLLER_WORLD_H

#include "broker/controller/broker_changes.h"
#include "broker/controller/changes.h"
#include "broker/controller/features.h"
#include "broker/controller/heartbeats.h"
#include "broker/controller/image_write.h"
#include "broker/controller/isr_changes.h"
#include "broker/controller/placement.h"
#include "broker/controller/reassign.h"
#include "broker/controller/transaction.h"

#include <check.h>

struct world {
    struct image img;
    struct image twin; /* is given the same records, as bytes */
    struct metadata_records recs;
    struct change_policy policy;
    uint64_t seed;        /* of placements and ids */
    struct isr_wish wish; /* whose records are being applied, if any */
};

void world_init(struct world *w, bool elr);
void world_deinit(struct world *w);
/* Applies w->recs to both images, and empties them. Checks what every record may do to a partition:
 * epochs rise, ISR within replicas, leader in the ISR, and so on. */
void world_apply(struct world *w);

/* Registers a new incarnation (previous: the epoch it says it had, -1 for an unclean end); rack may
 * be NULL. It stays fenced. */
enum kafka_error world_register(struct world *w, int32_t id, const char *rack, int64_t previous);
void world_unfence(struct world *w, int32_t id);
void world_fence(struct world *w, int32_t id);
/* Brokers 1 to n, unfenced. */
void world_brokers(struct world *w, int32_t n);
enum kafka_error world_topic(struct world *w, const char *name, int32_t partitions,
                             int16_t replication);
/* One partition whose replicas are these, in this order. */
void world_topic_on(struct world *w, const char *name, const int32_t *replicas, int32_t count);
void world_setting(struct world *w, const char *topic, const char *name, const char *value);
enum kafka_error world_alter(struct world *w, const struct image_topic *t, int32_t index,
                             const struct isr_wish *wish);
/* AlterPartition by the leader, with the epochs of the image. */
enum kafka_error world_isr(struct world *w, const char *topic, int32_t index, const int32_t *isr,
                           int32_t count);
const struct image_partition *world_partition(struct world *w, const char *topic, int32_t index);
/* Whether an image made of image_write()'s records writes the same records again. */
void world_check_snapshot(struct world *w);

#define IDS(...)                                                                                   \
    (const int32_t[]){ __VA_ARGS__ },                                                              \
        (int32_t)(sizeof((const int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t))
#define ck_assert_ids(have, have_count, ...) world_check_ids(have, have_count, IDS(__VA_ARGS__))
void world_check_ids(const int32_t *have, int32_t have_count, const int32_t *want, int32_t count);

#endif
