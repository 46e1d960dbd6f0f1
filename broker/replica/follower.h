/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.h - one partition that follows its leader: what it fetches, and what it does with each
 * answer. Pure: the log's state and the leader's answers come in; append, truncate or wait goes
 * out. The log is cut by leader epochs alone, never to the high watermark.
 * Source: KIP-101, KIP-279 (truncation by epochs), KIP-320 (fencing), KIP-595 (DivergingEpoch in
 * Fetch, version 12).
 */
#ifndef LOGBOOM_REPLICA_FOLLOWER_H
#define LOGBOOM_REPLICA_FOLLOWER_H

#include "protocol/base/slice.h"
#include "protocol/wire/kafka_error.h"

struct follower {
    int32_t leader_epoch;
    int64_t high_watermark; /* never falls, but with a truncation below it */
    uint64_t retry_ns;      /* nothing is fetched before; 0: at once */
    uint32_t failures;      /* answers in a row that gave nothing */
    bool asks_offsets;      /* the leader's first and last offset must be asked for next */
};

/* The log as it is. */
struct follower_log {
    int64_t start_offset, end_offset;
};

/* The leader's answer to a fetch of this partition. */
struct follower_answer {
    enum kafka_error code;
    int64_t high_watermark, log_start_offset; /* the leader's; -1 unknown */
    int32_t diverging_epoch;                  /* -1: none */
    int64_t diverging_end_offset;
    /* What the own log knows of the diverging epoch (leader_epochs_end_of): the largest epoch not
     * above it, and where that ends; -1 when there is none. */
    int32_t own_epoch;
    int64_t own_end_offset;
    struct slice records; /* may end within a batch */
};

enum follower_do {
    FOLLOWER_NOTHING,  /* fetch on */
    FOLLOWER_APPEND,   /* append `records`, then follower_appended() */
    FOLLOWER_TRUNCATE, /* cut the log at `offset`, then follower_truncated() */
    FOLLOWER_RESTART,  /* empty the log, which begins at `offset` then, follower_truncated(), and
                          append `records` when there are any */
    FOLLOWER_WAIT,     /* nothing before retry_ns */
    FOLLOWER_REFUSE,   /* the leader sent what must not be in a log; `why` tells. Nothing before
                          retry_ns */
};

struct follower_step {
    enum follower_do what;
    int64_t offset;
    struct slice records; /* whole, checked batches */
    int64_t
        log_start_offset; /* the leader's, when the own should move there after the append; -1 */
    const char *why;
};

void follower_init(struct follower *f, int32_t leader_epoch, int64_t high_watermark);
/* What an answer asks for. The high watermark moves when the step has been done. */
void follower_answered(struct follower *f, const struct follower_log *log,
                       const struct follower_answer *a, uint64_t now_ns,
                       struct follower_step *ret_step);
/* The leader's first and last offset, as asked_offsets wanted: ListOffsets -2 and -1 of a
 * replica. */
void follower_offsets(struct follower *f, const struct follower_log *log, int64_t leader_start,
                      int64_t leader_end, uint64_t now_ns, struct follower_step *ret_step);
/* No answer came, or not for this partition. */
void follower_failed(struct follower *f, uint64_t now_ns);
/* The step is done and the log ends there: the high watermark follows the leader's. True when it
 * moved. */
bool follower_advance(struct follower *f, int64_t leader_high_watermark, int64_t end_offset);
/* The log was cut. */
void follower_truncated(struct follower *f, int64_t end_offset);

#endif
