/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - what the cluster is: topics, partitions, settings, brokers, features, producer ids.
 * Pure. It is what the records of `__cluster_metadata` add up to, and changes only through
 * image_apply(), so that every node that has read the same records has the same image.
 */
#ifndef LOGBOOM_CONTROLLER_IMAGE_H
#define LOGBOOM_CONTROLLER_IMAGE_H

#include "broker/controller/records.h"
#include "protocol/base/map.h"

struct image_partition {
    int32_t *replicas;
    struct uuid *directories; /* one per replica */
    int32_t replica_count;
    int32_t *isr;
    int32_t isr_count;
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
};

struct image_topic {
    char *name;
    struct uuid id;
    struct image_partition *partitions;
    int32_t partition_count;
};

struct image_setting {
    char *name;
    char *value;
};

/* The settings of one resource, sorted by name. */
struct image_settings {
    struct image_setting *items;
    uint32_t count, cap;
};

struct image_endpoint {
    char *name; /* the listener's */
    char *host;
    uint16_t port;
};

struct image_broker {
    int32_t id;
    int64_t epoch; /* offset of its registration */
    struct uuid incarnation;
    bool fenced;
    char *rack; /* NULL: none */
    struct image_endpoint *endpoints;
    int32_t endpoint_count;
};

/* Kafka's ConfigResource types. */
enum config_resource { CONFIG_RESOURCE_TOPIC = 2, CONFIG_RESOURCE_BROKER = 4 };

struct image {
    struct map topics_by_name; /* of struct image_topic */
    struct map topics_by_id;   /* the same */
    struct map settings;       /* of struct image_settings, by type and name */
    struct map brokers;        /* of struct image_broker, by id */
    struct map features;       /* of struct image_feature, by name */
    int64_t next_producer_id;
    int64_t end_offset; /* of the metadata log, as far as it was applied */
};

struct image_feature {
    int16_t level;
};

/* What a record did, for those who keep more than the image (logs, groups). Views into the image,
 * but for a removed topic: image_change_release() frees that one. */
struct image_change {
    enum image_change_kind {
        IMAGE_CHANGE_NONE,
        IMAGE_CHANGE_TOPIC,     /* topic is new */
        IMAGE_CHANGE_PARTITION, /* partition `index` of topic is new or has changed */
        IMAGE_CHANGE_REMOVED,   /* topic was taken out */
        IMAGE_CHANGE_SETTINGS,  /* settings of resource_type, resource_name */
    } kind;
    struct image_topic *topic;
    int32_t index;
    int8_t resource_type;
    struct slice resource_name; /* a view into the record */
};

void image_init(struct image *img, uint64_t hash_seed);
void image_deinit(struct image *img);
/* Applies one record at its offset. Errors of metadata_record_decode(), and ERR_CORRUPT for a
 * record that does not fit (a partition of an unknown topic): the image is unchanged then. */
enum err image_apply(struct image *img, struct slice record, int64_t offset,
                     struct image_change *ret_change);
void image_change_release(struct image_change *change);

struct image_topic *image_topic(const struct image *img, struct slice name);
struct image_topic *image_topic_by_id(const struct image *img, const struct uuid *id);
struct image_broker *image_broker(const struct image *img, int32_t id);
/* 0 when it was never set. */
int16_t image_feature(const struct image *img, const char *name);
/* NULL when the resource has none. */
const struct image_settings *image_settings(const struct image *img, int8_t resource_type,
                                            struct slice resource_name);
/* NULL when it is not set there. */
const char *image_setting(const struct image_settings *s, struct slice name);

#endif
