/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.h - one partition as this node has it: its role, its log, its high watermark, and who
 * waits for them. The role follows the metadata image (topics.h). A log's directory is made with
 * its first record, so that empty partitions cost no file.
 */
#ifndef LOGBOOM_BROKER_PARTITION_H
#define LOGBOOM_BROKER_PARTITION_H

#include "broker/controller/image.h"
#include "broker/replica/isr.h"
#include "broker/storage/append_info.h"
#include "broker/storage/log.h"
#include "protocol/base/list.h"

struct broker;
struct broker_dir;
struct replica;
struct topic;

enum { PARTITION_JOIN_WAIT_MS = 1000 }; /* struct isr_config */

enum partition_role {
    PARTITION_NONE, /* no replica is here, nobody leads, or this node does not take part yet */
    PARTITION_LEADER,
    PARTITION_FOLLOWER,
};

/* What is wrong with this replica's log (partition_damage.c). */
enum partition_damage {
    PARTITION_SOUND,
    PARTITION_ROTTEN,   /* the batch at damaged_offset cannot be read */
    PARTITION_MISDATED, /* from damaged_offset on, of epochs that are still to come: what it knows
                           of epochs there is nothing to cut a follower by */
    PARTITION_SHORT,    /* it ends below its high watermark: nothing else may see where */
};

struct partition {
    struct topic *topic;
    int32_t index;
    enum partition_role role;
    int32_t leader; /* by the metadata; -1 none */
    int32_t leader_epoch, partition_epoch;
    struct partition_log *log; /* NULL: nothing was ever written */
    struct broker_dir *dir;    /* set with log */
    int64_t high_watermark;
    int64_t start_wanted;       /* where the log shall begin once that is on the disk */
    int64_t epoch_start_offset; /* leader: its log's end when it began to lead */
    struct isr *isr;            /* leader of several replicas; NULL: it is alone */
    struct replica *replica;    /* follower: what replica_fetcher.c knows */
    bool throttled_leader, throttled_follower; /* throttle.h */
    enum partition_damage damage;
    int64_t damaged_offset; /* meaningful with damage */
    bool is_refused;        /* what lies in its directory may be all there is, and is not its own */
    struct list_node dirty; /* in the flusher's list, or alone */
    struct list_node acks;  /* of struct ack_wait, in the order of offsets */
    struct list_node readers;  /* of struct reader_wait: consumers, up to the high watermark */
    struct list_node tails;    /* of struct reader_wait: followers, up to the log's end */
    struct list_node grown;    /* in topics->grown: the tails are to be told */
    struct list_node isr_link; /* in isr_keeper's list, or alone */
};

/* Somebody who wants to know when the high watermark has reached an offset. */
struct ack_wait {
    struct list_node link;
    int64_t offset;
    void (*done)(struct ack_wait *w, enum kafka_error code);
};

/* Somebody who wants to know of every move of the high watermark, or of the log's end. */
struct reader_wait {
    struct list_node link;
    /* KAFKA_NONE: it moved. Otherwise the partition is gone, offline, or led by another. w may be
     * removed inside. */
    void (*moved)(struct reader_wait *w, enum kafka_error code);
};

struct partition *partition_new(struct topic *t, int32_t index);
/* Nobody may wait any more. */
void partition_free(struct partition *p);

static inline int64_t partition_start_offset(const struct partition *p)
{
    return p->log ? p->log->start_offset : 0;
}

static inline int64_t partition_next_start(const struct partition *p)
{
    int64_t start = partition_start_offset(p);
    return p->start_wanted > start ? p->start_wanted : start;
}

static inline int64_t partition_end_offset(const struct partition *p)
{
    return p->log ? p->log->end_offset : 0;
}

/* --- the role --------------------------------------------------------------------------------- */

/* Takes the role that the metadata gives this node: leads, follows, rests, or deletes the log when
 * the node is no replica any more. */
void partition_assume(struct broker *b, struct partition *p, const struct image_partition *ip);
/* Rests: fails everybody who waits with the code. The log stays. */
void partition_retire(struct broker *b, struct partition *p, enum kafka_error code);
/* Kafka's check of a request's leader epoch (-1: none given). */
enum kafka_error partition_check_epoch(const struct partition *p, int32_t current_leader_epoch);
/* This node leads it as far as it knows, and is cut off from the controller, which could have made
 * another replica the leader (lifecycle.h). */
bool partition_is_doubtful(const struct broker *b, const struct partition *p);
/* The epoch first, then whether this node leads (NOT_LEADER_OR_FOLLOWER). */
enum kafka_error partition_check_leader(const struct partition *p, int32_t current_leader_epoch);
/* Where an epoch ends in this log (OffsetForLeaderEpoch, DivergingEpoch); both -1 when unknown. */
void partition_epoch_end(const struct partition *p, int32_t epoch, int32_t *ret_epoch,
                         int64_t *ret_end_offset);

/* The ISR is another one: the high watermark may move, waits that nobody can promise end. */
void partition_isr_changed(struct broker *b, struct partition *p);

/* --- the log (partition_log.c) ---------------------------------------------------------------- */

/* Opens what is at path; a directory of another topic id is moved aside, or the partition is
 * refused, and p->log stays NULL. */
enum err partition_open_log(struct broker *b, struct partition *p, struct broker_dir *dir,
                            const char *path, struct error *err);
/* Makes the log when there is none. */
enum err partition_need_log(struct broker *b, struct partition *p, struct error *err);
/* The log shall begin at this offset, which is not above the high watermark, unless it begins later
 * already, or is offline: checkpoints_write_log_starts() does it, so that nobody is told what a
 * crash takes back. */
void partition_want_start(struct partition *p, int64_t offset);
/* Takes the files away: the name is free at once, the bytes go on a worker. */
void partition_delete_log(struct broker *b, struct partition *p);

/* --- damage (partition_damage.c) -------------------------------------------------------------- */

/* The records at offset turned out to be damaged: the replica leaves the ISR, gives leadership
 * away, and fetches them anew, as far as there is another one in sync. */
void partition_damaged(struct broker *b, struct partition *p, enum partition_damage damage,
                       int64_t offset);
/* No log tells of an epoch above the one that its leader begins now, but for rot, as no checksum
 * covers them. This one forgets those, and their records count as damaged. */
void partition_check_epochs(struct broker *b, struct partition *p);
/* Cuts the damage out, once the metadata say that nobody counts on this replica any more. */
void partition_repair(struct broker *b, struct partition *p, const struct image_partition *ip);
/* Where the replica lies, for the controller: LOST while it should leave the ISR (KIP-858). */
const struct uuid *partition_directory(const struct partition *p);

/* --- appends ---------------------------------------------------------------------------------- */

struct append_result {
    int64_t base_offset;
    int64_t append_time_ms; /* -1 unless LogAppendTime */
    int64_t end_offset;     /* the high watermark that acknowledges it */
};

/* Appends checked records (append_info_check) as the leader: stamps them in place, gives the log
 * its lines, asks for a flush when the node promises one. Idempotent retries succeed with the
 * offset they got first. acks as in Produce: NOT_ENOUGH_REPLICAS for -1 when too few are in
 * sync. */
enum kafka_error partition_append(struct broker *b, struct partition *p, uint8_t *records,
                                  const struct append_info *info, int16_t acks,
                                  struct append_result *ret_result, struct error *err);

/* --- followers, as the leader sees them ------------------------------------------------------- */

/* A follower has everything below f->offset (f->leader_end_offset is filled in here). */
enum kafka_error partition_fetched(struct broker *b, struct partition *p, struct isr_fetch *f);
/* What the metadata say of it; NULL when they do not know of it (yet, or any more). */
const struct image_partition *partition_in_image(const struct broker *b, const struct partition *p);
/* Gives the machine of the ISR what the image knows of the brokers. */
void partition_note_brokers(struct broker *b, struct partition *p);
/* min.insync.replicas as it counts for this topic: not set,
 * it is 2 with three and more replicas. */
int32_t partition_min_isr(const struct broker *b, const struct partition *p);

/* --- waiting ---------------------------------------------------------------------------------- */

/* Calls w->done() once the high watermark has reached w->offset, maybe at once. */
void partition_wait_ack(struct partition *p, struct ack_wait *w);
void partition_wait_reader(struct partition *p, struct reader_wait *w);
void partition_wait_tail(struct partition *p, struct reader_wait *w);
/* After a flush, an append, news of the followers or time: a leader's high watermark moves as far
 * as it may, and who waits is told; a follower goes on fetching. */
void partition_advance(struct broker *b, struct partition *p);
/* The high watermark has moved, up (a follower's own). */
void partition_set_high_watermark(struct broker *b, struct partition *p, int64_t offset);
/* The log has new records, or has lost its first ones: followers are told at the end of the
 * turn. */
void partition_grew(struct broker *b, struct partition *p);
/* Everybody who waits gets the code; only those who wait for an acknowledgement. */
void partition_fail_acks(struct partition *p, enum kafka_error code);
void partition_fail_waiters(struct partition *p, enum kafka_error code);
/* Tells the followers of the partitions that have grown in this turn. */
void partitions_tell_tails(struct broker *b);

#endif
