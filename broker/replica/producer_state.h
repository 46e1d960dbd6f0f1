/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_state.h - what one partition knows of its idempotent producers (KIP-98, KIP-360).
 * Pure. The last five batches of each producer are kept, so that a retry is answered with the
 * offset it got the first time, a gap is refused, and an old epoch is fenced.
 */
#ifndef LOGBOOM_BROKER_PRODUCER_STATE_H
#define LOGBOOM_BROKER_PRODUCER_STATE_H

#include "protocol/base/map.h"

enum { PRODUCER_BATCHES_KEPT = 5 };

/* The values are Kafka's error codes. */
enum producer_verdict {
    PRODUCER_OK = 0,
    PRODUCER_OUT_OF_ORDER = 45, /* OUT_OF_ORDER_SEQUENCE_NUMBER */
    PRODUCER_DUPLICATE = 46,    /* DUPLICATE_SEQUENCE_NUMBER: answer success with the old offset */
    PRODUCER_EPOCH_FENCED = 47, /* INVALID_PRODUCER_EPOCH */
};

/* One batch as far as the machine cares. */
struct producer_batch {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t last_sequence; /* base + count - 1, wrapped: producer_sequence_add() */
    int64_t last_offset;
    int32_t offset_delta; /* last offset - first offset */
    int64_t timestamp_ms; /* the batch's greatest */
};

struct producer_kept {
    int32_t last_sequence;
    int32_t offset_delta;
    int64_t last_offset;
    int64_t timestamp_ms;
};

struct producer_entry {
    int64_t producer_id;
    int16_t epoch;
    uint8_t kept_count;
    bool recalled; /* what the log has before kept[0] was looked for */
    int32_t coordinator_epoch;        /* -1 without transactions */
    int64_t current_txn_first_offset; /* -1 without one */
    int64_t last_timestamp_ms;
    struct producer_kept kept[PRODUCER_BATCHES_KEPT]; /* oldest first */
};

/* Zeroed is empty and takes no memory. */
struct producer_state {
    struct map entries;     /* of struct producer_entry by producer id */
    int64_t map_end_offset; /* what is below has been seen */
};

void producer_state_deinit(struct producer_state *s);
/* Forgets every producer. */
void producer_state_reset(struct producer_state *s);

static inline uint32_t producer_state_count(const struct producer_state *s)
{
    return s->entries.count;
}

/* Sequences run 0 .. 2^31-1 and start again at 0. */
int32_t producer_sequence_add(int32_t sequence, int32_t by);
/* What to do with a batch that a client sent. PRODUCER_DUPLICATE gives the kept batch, from which
 * the reply's base offset follows (last_offset - offset_delta; -1: it is not known any more). An
 * unknown producer may begin anywhere (its state may have been evicted); a new epoch of a known one
 * must begin at 0. */
enum producer_verdict producer_state_check(const struct producer_state *s,
                                           const struct producer_batch *batch,
                                           struct producer_kept *ret_duplicate);
/* The producer's entry when the batch lies before all that is kept of its epoch, fewer than five
 * batches are: a snapshot tells of the last one only. NULL otherwise. */
struct producer_entry *producer_state_forgotten(const struct producer_state *s,
                                                const struct producer_batch *batch);
/* The answer of the log: batches of the entry's epoch from right before kept[0], oldest first. */
void producer_state_recall(struct producer_entry *entry, const struct producer_kept *found,
                           unsigned count);
/* Takes in a batch that is in the log, without checks (leader after the append, follower,
 * recovery). Batches without producer id (-1) only move map_end_offset. */
void producer_state_update(struct producer_state *s, const struct producer_batch *batch);
/* Forgets producers silent for expiration_ms, unless a transaction is open; returns how many. */
uint32_t producer_state_expire(struct producer_state *s, int64_t now_ms, int64_t expiration_ms);
/* NULL when unknown. */
const struct producer_entry *producer_state_find(const struct producer_state *s,
                                                 int64_t producer_id);
/* Puts an entry as a snapshot tells it (copied). */
void producer_state_restore(struct producer_state *s, const struct producer_entry *entry);

#endif
