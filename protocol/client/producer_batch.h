/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_batch.h - one batch of a producer: its records, where they came from, and its state.
 * Private to protocol/client.
 */
#ifndef LOGBOOM_CLIENT_PRODUCER_BATCH_H
#define LOGBOOM_CLIENT_PRODUCER_BATCH_H

#include "protocol/base/list.h"
#include "protocol/client/producer.h"

enum batch_state {
    BATCH_OPEN,    /* takes records */
    BATCH_CLOSED,  /* waits for its first sending */
    BATCH_SEALED,  /* has bytes and sequence; waits to be sent (again) */
    BATCH_FLYING,  /* sent, not answered */
    BATCH_ACKED,   /* safe; waits for those before it */
    BATCH_REFUSED, /* refused for good; waits for those before it */
};

struct producer_partition;

struct producer_batch {
    struct list_node node; /* in its partition's queue, or in the free list */
    struct producer_partition *partition;
    enum batch_state state;
    struct batch_builder builder;
    struct buf compressed;
    struct slice bytes; /* once sealed */
    int32_t base_sequence;
    uint64_t first_ns; /* when the first record came */
    int64_t base_offset;
    int16_t error; /* of a refused one */
    /* The position of every record: a batch that is too large for the broker is cut anywhere. */
    uint64_t *positions;
    uint32_t position_cap;
    struct producer_span *spans;
    uint32_t span_count, span_cap;
};

struct producer_batch *producer_batch_new(void);
void producer_batch_free(struct producer_batch *b);
/* Empties, keeps the memory. */
void producer_batch_reset(struct producer_batch *b);
void producer_batch_append(struct producer_batch *b, const struct record *rec, void *source,
                           uint64_t position);
/* Memory held, records or not. */
size_t producer_batch_memory(const struct producer_batch *b);
/* What counts against the producer's buffer. */
static inline size_t producer_batch_bytes(const struct producer_batch *b)
{
    return b->builder.buf.len;
}

/* Moves the records of a sealed batch into two empty ones, the first half into `first`. */
enum err producer_batch_split(const struct producer_batch *b, struct producer_batch *first,
                              struct producer_batch *second);

#endif
