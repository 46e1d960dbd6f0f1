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

/* The most brokers in any list of one partition: what a record names beyond it is damage. */
enum { IMAGE_REPLICAS_MAX = 128 };
enum { NO_LEADER = -1 };

struct image_partition {
    int32_t *replicas;
    struct uuid *directories; /* one per replica */
    int32_t replica_count;
    int32_t *isr;
    int32_t isr_count;
    int32_t *adding, *removing; /* of a reassignment under way: subsets of replicas */
    int32_t adding_count, removing_count;
    int32_t *elr; /* out of the ISR, with everything committed (KIP-966) */
    int32_t elr_count;
    int32_t *last_known_elr; /* the last leader, when ISR and elr have nobody */
    int32_t last_known_elr_count;
    int32_t leader; /* NO_LEADER: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
    bool recovering; /* the leader was elected uncleanly and has not said that it recovered */
};

struct image_topic {
    char *name;
    struct uuid id;
    struct image_partition *partitions;
    int32_t partition_count, partition_cap;
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
    int16_t security_protocol;
};

/* The levels of a feature that a node supports. */
struct image_feature_range {
    char *name;
    int16_t min, max;
};

struct image_broker {
    int32_t id;
    int64_t epoch;               /* given with the first registration of this incarnation */
    int64_t registration_offset; /* of its last registration record */
    struct uuid incarnation;
    bool fenced;
    bool in_controlled_shutdown;
    char *rack; /* NULL: none */
    struct image_endpoint *endpoints;
    int32_t endpoint_count;
    struct image_feature_range *features;
    int32_t feature_count;
    struct uuid *log_dirs; /* online ones */
    int32_t log_dir_count;
    struct uuid *cordoned; /* those that take no new replica; -1: never told */
    int32_t cordoned_count;
};

struct image_controller {
    int32_t id;
    struct uuid incarnation;
    bool zk_migration_ready;
    struct image_endpoint *endpoints;
    int32_t endpoint_count;
    struct image_feature_range *features;
    int32_t feature_count;
};

/* Kafka's ConfigResource types. */
enum config_resource { CONFIG_RESOURCE_TOPIC = 2, CONFIG_RESOURCE_BROKER = 4 };

struct image {
    struct map topics_by_name; /* of struct image_topic */
    struct map topics_by_id;   /* the same */
    struct map settings;       /* of struct image_settings, by type and name */
    struct map brokers;        /* of struct image_broker, by id */
    struct map controllers;    /* of struct image_controller, by id */
    struct map features;       /* of struct image_feature, by name */
    /* Records that nothing here looks into (quotas, credentials, ACLs), by what they are about:
     * kept as they are, so that a snapshot has them. Of struct image_kept. */
    struct map kept;
    int64_t next_producer_id;
    int32_t producer_ids_broker; /* who got the last block */
    int64_t producer_ids_broker_epoch;
    int64_t end_offset; /* of the metadata log, as far as it was applied */
};

struct image_feature {
    int16_t level;
};

struct image_kept {
    struct slice record; /* owned */
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
        IMAGE_CHANGE_BROKER,    /* broker_id was registered, changed or unregistered */
        IMAGE_CHANGE_FEATURES,
    } kind;
    struct image_topic *topic;
    int32_t index;
    int32_t broker_id;
    int8_t resource_type;
    struct slice resource_name; /* a view into the record */
};

void image_init(struct image *img, uint64_t hash_seed);
void image_deinit(struct image *img);
/* Applies one record at its offset. Errors of metadata_record_decode(), and ERR_CORRUPT for a
 * record that does not fit (a partition of an unknown topic): the image is unchanged then. Records
 * inside a transaction come here only once it has ended (transaction.h). */
enum err image_apply(struct image *img, struct slice record, int64_t offset,
                     struct image_change *ret_change);
void image_change_release(struct image_change *change);

struct image_topic *image_topic(const struct image *img, struct slice name);
struct image_topic *image_topic_by_id(const struct image *img, const struct uuid *id);
/* NULL when the topic has no such partition. */
struct image_partition *image_partition(const struct image_topic *t, int32_t index);
/* The directory of a replica; NULL when the broker has none. */
const struct uuid *image_directory_of(const struct image_partition *p, int32_t broker_id);
/* 0 when it was never set. */
int16_t image_feature(const struct image *img, const char *name);
int16_t image_metadata_version(const struct image *img);
/* Whether eligible leader replicas are kept (KIP-966). */
bool image_elr_enabled(const struct image *img);
/* NULL when the resource has none. */
const struct image_settings *image_settings(const struct image *img, int8_t resource_type,
                                            struct slice resource_name);
/* NULL when it is not set there. */
const char *image_setting(const struct image_settings *s, struct slice name);

struct image_broker *image_broker(const struct image *img, int32_t id);
struct image_controller *image_controller(const struct image *img, int32_t id);
/* Registered, unfenced and not in controlled shutdown. */
bool image_broker_is_active(const struct image *img, int32_t id);
/* Whether a replica there can be used: reserved ids count as online, LOST does not, and a broker
 * that never told its directories has them all. */
bool image_directory_is_online(const struct image_broker *b, const struct uuid *dir);
/* What a new replica's record says: the broker's only directory, else UNASSIGNED. */
struct uuid image_directory_for_new(const struct image *img, int32_t broker_id);
/* How many partitions the broker leads. */
uint32_t image_leader_count(const struct image *img, int32_t broker_id);

/* Whether id is one of ids. */
static inline bool image_has_id(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* The reserved directory ids of KIP-858. */
extern const struct uuid directory_unassigned, directory_lost;
bool directory_is_reserved(const struct uuid *dir);

#endif
