/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - the ring of records in flight of one partition.
 * Pure; driven by flow/partition.c. The promise is G5 (delivered):
 *   (C1) next_offset never passes a record that somebody still holds.
 *   (C2) next_offset never decreases.
 *   (C3) head is the oldest held record, or equals tail: finished ones in front leave at once.
 *   (C4) slots[seq & (slot_count - 1)] belongs to seq for head <= seq < tail.
 */
#include "connectors/commit.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum { COMMIT_SLOTS_FIRST = 256 };

void commit_init(struct commit_tracker *t)
{
    *t = (struct commit_tracker){ .next_offset = -1 };
}

void commit_deinit(struct commit_tracker *t)
{
    mem_free(t->slots);
    commit_init(t);
}

static struct commit_slot *slot_of(const struct commit_tracker *t, uint64_t seq)
{
    return &t->slots[seq & (t->slot_count - 1)];
}

static void grow(struct commit_tracker *t)
{
    size_t wider = t->slot_count ? t->slot_count * 2 : COMMIT_SLOTS_FIRST;
    struct commit_slot *slots = mem_array(wider, sizeof(*slots));
    for (uint64_t seq = t->head; seq != t->tail; seq++) {
        slots[seq & (wider - 1)] = *slot_of(t, seq);
    }
    mem_free(t->slots);
    t->slots = slots;
    t->slot_count = wider;
}

static void push(struct commit_tracker *t, int64_t offset, uint32_t bytes, uint32_t holds)
{
    if (commit_in_flight(t) == t->slot_count) {
        grow(t);
    }
    *slot_of(t, t->tail) = (struct commit_slot){ .offset = offset, .holds = holds, .bytes = bytes };
    t->tail++;
    t->bytes += bytes;
}

/* Restores (C3). */
static bool advance(struct commit_tracker *t)
{
    bool moved = false;
    while (t->head != t->tail && slot_of(t, t->head)->holds == 0) {
        const struct commit_slot *s = slot_of(t, t->head);
        assert(s->offset >= t->next_offset);
        t->next_offset = s->offset + 1;
        t->bytes -= s->bytes;
        t->head++;
        moved = true;
    }
    return moved;
}

uint64_t commit_begin(struct commit_tracker *t, int64_t offset, uint32_t bytes)
{
    push(t, offset, bytes, 1);
    return t->tail - 1;
}

void commit_hold(struct commit_tracker *t, uint64_t seq)
{
    assert(seq >= t->head && seq < t->tail && slot_of(t, seq)->holds > 0);
    slot_of(t, seq)->holds++;
}

bool commit_release(struct commit_tracker *t, uint64_t seq)
{
    assert(seq >= t->head && seq < t->tail && slot_of(t, seq)->holds > 0);
    slot_of(t, seq)->holds--;
    return seq == t->head && advance(t);
}

bool commit_skip_to(struct commit_tracker *t, int64_t next_offset)
{
    int64_t known = t->head == t->tail ? t->next_offset : slot_of(t, t->tail - 1)->offset + 1;
    if (next_offset <= known) {
        return false;
    }
    push(t, next_offset - 1, 0, 0);
    return advance(t);
}

int64_t commit_offset(const struct commit_tracker *t, uint64_t seq)
{
    assert(seq >= t->head && seq < t->tail);
    return slot_of(t, seq)->offset;
}
