/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.h - how far a partition may be committed: the contiguous prefix of finished records.
 * Pure. One tracker per partition; records get consecutive sequence numbers, and are finished when
 * every hold on them was released, in any order.
 */
#ifndef LOGBOOM_CONNECTORS_COMMIT_H
#define LOGBOOM_CONNECTORS_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct commit_slot {
    int64_t offset;
    uint32_t holds; /* 0: finished, waits for those before it */
    uint32_t bytes;
};

struct commit_tracker {
    struct commit_slot *slots; /* a ring, slot_count is a power of two */
    size_t slot_count;
    uint64_t head; /* the oldest unfinished record */
    uint64_t tail; /* the next sequence number */
    /* What may be committed: the last finished of the prefix + 1; -1: nothing. */
    int64_t next_offset;
    size_t bytes; /* of the records from head to tail */
};

void commit_init(struct commit_tracker *t);
void commit_deinit(struct commit_tracker *t);

/* A record begins, with one hold; offsets rise. Returns its sequence number. */
uint64_t commit_begin(struct commit_tracker *t, int64_t offset, uint32_t bytes);
/* One more party must release it; only while it still has a hold. */
void commit_hold(struct commit_tracker *t, uint64_t seq);
/* One party is done with it. True when next_offset moved. */
bool commit_release(struct commit_tracker *t, uint64_t seq);
/* Offsets below next_offset that were not begun hold no records (compacted away, control batches).
 * True when the tracker's next_offset moved. */
bool commit_skip_to(struct commit_tracker *t, int64_t next_offset);
/* The offset of a record that is not finished. */
int64_t commit_offset(const struct commit_tracker *t, uint64_t seq);

/* Records that block the prefix or stand behind one that does. */
static inline uint64_t commit_in_flight(const struct commit_tracker *t)
{
    return t->tail - t->head;
}

#endif
