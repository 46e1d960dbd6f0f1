/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics.h - the partitions that this node leads: their logs, high watermarks and who waits for
 * them. Follows the metadata image. A partition's directory is made with its first record, so that
 * empty ones cost no file.
 */
#ifndef LOGBOOM_BROKER_TOPICS_H
#define LOGBOOM_BROKER_TOPICS_H

#include "broker/broker_config.h"
#include "broker/storage/append_info.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"

struct broker;
struct broker_dir;
struct topic;

#define TOPIC_OFFSETS "__consumer_offsets"

struct partition {
    struct topic *topic;
    int32_t index;
    int32_t leader_epoch;
    struct partition_log *log; /* NULL: nothing was ever written */
    struct broker_dir *dir;    /* set with log */
    int64_t high_watermark;
    struct list_node dirty;   /* in the flusher's list, or alone */
    struct list_node acks;    /* of struct ack_wait, in the order of offsets */
    struct list_node readers; /* of struct reader_wait */
};

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
};

/* Somebody who wants to know when the high watermark has reached an offset. */
struct ack_wait {
    struct list_node link;
    int64_t offset;
    void (*done)(struct ack_wait *w, enum kafka_error code);
};

/* Somebody who wants to know of every move of the high watermark. */
struct reader_wait {
    struct list_node link;
    struct partition *partition;
    /* KAFKA_NONE: it moved. Otherwise the partition is gone or offline. w may be removed inside. */
    void (*moved)(struct reader_wait *w, enum kafka_error code);
};

void topics_init(struct topics *ts, uint64_t hash_seed);
void topics_deinit(struct broker *b);
/* After image_apply(): makes, grows, removes or reconfigures the topic. */
void topics_apply(struct broker *b, const struct image_change *change);
/* Opens the logs that are in a directory; those of unknown topics are reported and left alone. */
enum err topics_open_dir(struct broker *b, struct broker_dir *dir, struct error *err);

struct topic *topic_find(const struct topics *ts, struct slice name);
struct topic *topic_find_id(const struct topics *ts, const struct uuid *id);
/* NULL when the index is outside. */
struct partition *topic_partition(const struct topic *t, int32_t index);

static inline int64_t partition_start_offset(const struct partition *p)
{
    return p->log ? p->log->start_offset : 0;
}

static inline int64_t partition_end_offset(const struct partition *p)
{
    return p->log ? p->log->end_offset : 0;
}

/* Kafka's check of a request's leader epoch (-1: none given). */
enum kafka_error partition_check_epoch(const struct partition *p, int32_t current_leader_epoch);

struct append_result {
    int64_t base_offset;
    int64_t append_time_ms; /* -1 unless LogAppendTime */
    int64_t end_offset;     /* the high watermark that acknowledges it */
};

/* Appends checked records (append_info_check): stamps them in place, gives the log its lines, asks
 * for a flush when the node promises one. Idempotent retries succeed with the offset they got
 * first. */
enum kafka_error partition_append(struct broker *b, struct partition *p, uint8_t *records,
                                  const struct append_info *info, struct append_result *ret_result,
                                  struct error *err);
/* Calls w->done() once the high watermark has reached w->offset, maybe at once. */
void partition_wait_ack(struct partition *p, struct ack_wait *w);
void partition_wait_reader(struct partition *p, struct reader_wait *w);
/* Moves the high watermark up to what is durable, or to the log's end with durability page-cache;
 * tells who waits. */
void partition_advance(struct broker *b, struct partition *p);
/* The log's disk has failed, or the topic is deleted: everybody who waits gets the code. */
void partition_fail_waiters(struct partition *p, enum kafka_error code);

#endif
