/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics.h - the topics of the cluster as this node sees them, and their partitions (partition.h).
 * Follows the metadata image, and finds the logs that lie in the log directories.
 */
#ifndef LOGBOOM_BROKER_TOPICS_H
#define LOGBOOM_BROKER_TOPICS_H

#include "broker/broker_config.h"
#include "broker/partition.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"
#include "protocol/daemon/env.h"

struct broker;
struct broker_dir;

#define TOPIC_OFFSETS "__consumer_offsets"

struct topic {
    char *name;
    struct uuid id;
    bool internal;
    struct partition **partitions;
    int32_t partition_count;
    struct topic_config config;
    struct arena config_arena; /* strings of config */
    uint64_t produced_bytes, produced_records, fetched_bytes;
};

struct topics {
    struct map by_name, by_id; /* of struct topic */
    uint32_t partition_count;
    struct map found;       /* of struct found_log, by directory name: not opened yet */
    bool active;            /* partitions have roles: the node takes part */
    struct list_node grown; /* of struct partition: followers are to be told */
    struct timer tell_tails;
};

void topics_init(struct broker *b);
void topics_deinit(struct broker *b);
/* After image_apply(): makes, grows, removes or reconfigures the topic, and changes roles. */
void topics_apply(struct broker *b, const struct image_change *change);

/* Notes the logs that are in the directories. */
enum err topics_find_all_logs(struct broker *b, struct error *err);
/* Opens the partition's, if one was found and is not open. */
enum err topics_open_log(struct broker *b, struct partition *p, struct error *err);
/* Opens those of partitions that the image has. The others are opened when they appear there. */
enum err topics_open_logs(struct broker *b, struct error *err);
/* Once this run's registration is in the image: every partition takes its role, and directories
 * that belong to no topic are reported. Does nothing before, and after the first time. */
void topics_activate(struct broker *b);
/* Nothing is fetched from other nodes any more. The node stops. */
void topics_stop_following(struct broker *b);
/* Every partition rests; who waits is failed. */
void topics_retire(struct broker *b);

struct topic *topic_find(const struct topics *ts, struct slice name);
struct topic *topic_find_id(const struct topics *ts, const struct uuid *id);
/* NULL when the index is outside. */
struct partition *topic_partition(const struct topic *t, int32_t index);
/* Calls each() for every partition. */
void topics_each(struct broker *b, void (*each)(struct broker *b, struct partition *p, void *ctx),
                 void *ctx);
/* Likewise, for those that have a log. */
void topics_each_log(struct broker *b,
                     void (*each)(struct broker *b, struct partition *p, void *ctx), void *ctx);

#endif
