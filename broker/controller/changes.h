/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.h - what somebody wants changed, checked against the image and put into records.
 * Pure. Nothing is changed here: the records are appended to `__cluster_metadata` first and applied
 * by image_apply() once they are durable. Each function adds records, or returns Kafka's error code
 * with a sentence in err and adds none.
 */
#ifndef LOGBOOM_CONTROLLER_CHANGES_H
#define LOGBOOM_CONTROLLER_CHANGES_H

#include "broker/controller/image.h"
#include "protocol/wire/kafka_error.h"

enum { TOPIC_NAME_BYTES_MAX = 249, TOPIC_PARTITIONS_MAX = 10000 };

struct change_setting {
    struct slice name;
    struct slice value; /* null: back to the default */
};

struct change_topic {
    struct slice name;
    int32_t partitions;
    int16_t replication;
    /* Replicas by hand: one entry a partition, in order; NULL lets placement.h choose. */
    const struct create_topics_request_creatable_replica_assignment *assignments;
    int32_t assignment_count;
    const struct change_setting *settings; /* checked by the caller */
    uint32_t setting_count;
};

/* How new replicas are spread. */
struct change_placement {
    uint64_t seed;
};

/* Kafka's rule: 1 to 249 of [a-zA-Z0-9._-], neither "." nor "..". */
enum kafka_error change_check_topic_name(struct slice name, struct error *err);
enum kafka_error change_create_topic(const struct image *img, const struct change_topic *topic,
                                     const struct uuid *id, const struct change_placement *where,
                                     struct metadata_records *out, struct error *err);
enum kafka_error change_delete_topic(const struct image *img, struct slice name,
                                     const struct uuid *id, struct metadata_records *out,
                                     struct error *err);
/* `partitions` is the new count. assignments as in change_topic, for the new ones only, or NULL. */
enum kafka_error change_create_partitions(const struct image *img, struct slice topic,
                                          int32_t partitions,
                                          const struct create_partitions_request_assignment *hands,
                                          int32_t hand_count, const struct change_placement *where,
                                          struct metadata_records *out, struct error *err);
/* Setting records; values that are there already make none. */
void change_settings(const struct image *img, int8_t resource_type, struct slice resource_name,
                     const struct change_setting *settings, uint32_t count,
                     struct metadata_records *out);
/* While eligible leader replicas are kept, min.insync.replicas is in the metadata, the same for all
 * (KIP-966): where the cluster has none it becomes `configured`, of the active controller's
 * configuration (below 1: it stays not set), and no broker keeps its own. The caller asks whether
 * the feature is on, or about to be. */
void change_share_min_isr(const struct image *img, int32_t configured,
                          struct metadata_records *out);
/* Reserves `count` producer ids; *ret_first is the first of them. */
void change_producer_ids(const struct image *img, int32_t broker_id, int64_t broker_epoch,
                         int64_t count, struct metadata_records *out, int64_t *ret_first);

#endif
