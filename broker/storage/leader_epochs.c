/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leader_epochs.c - the table of leader epochs. Driven by log.c, log_open.c and truncation.
 *   (L1) epochs and start offsets grow strictly.
 */
#include "broker/storage/leader_epochs.h"

#include "protocol/base/alloc.h"

void leader_epochs_deinit(struct leader_epochs *t)
{
    mem_free(t->entries);
    *t = (struct leader_epochs){ 0 };
}

void leader_epochs_assign(struct leader_epochs *t, int32_t epoch, int64_t start_offset)
{
    if (epoch < 0 || (t->count && epoch <= t->entries[t->count - 1].epoch)) {
        return;
    }
    while (t->count && t->entries[t->count - 1].start_offset >= start_offset) {
        t->count--;
    }
    if (t->count == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 2;
        t->entries = mem_rearray(t->entries, t->cap, sizeof(*t->entries));
    }
    t->entries[t->count++] = (struct leader_epoch){ epoch, start_offset };
    t->changed = true;
}

int32_t leader_epochs_latest(const struct leader_epochs *t)
{
    return t->count ? t->entries[t->count - 1].epoch : -1;
}

int32_t leader_epochs_of(const struct leader_epochs *t, int64_t offset)
{
    for (uint32_t i = t->count; i > 0; i--) {
        if (t->entries[i - 1].start_offset <= offset) {
            return t->entries[i - 1].epoch;
        }
    }
    return -1;
}

/* The first entry of a larger epoch; count when there is none. */
static uint32_t first_above(const struct leader_epochs *t, int32_t epoch)
{
    uint32_t above = 0;
    while (above < t->count && t->entries[above].epoch <= epoch) {
        above++;
    }
    return above;
}

void leader_epochs_end_of(const struct leader_epochs *t, int32_t epoch, int64_t log_end_offset,
                          int32_t *ret_epoch, int64_t *ret_end_offset)
{
    *ret_epoch = -1;
    *ret_end_offset = -1;
    if (epoch < 0 || !t->count || epoch > leader_epochs_latest(t)) {
        return;
    }
    if (epoch == leader_epochs_latest(t)) {
        *ret_epoch = epoch;
        *ret_end_offset = log_end_offset;
        return;
    }
    uint32_t above = first_above(t, epoch);
    /* Asked for an epoch before the first one known: the answer is that epoch, ending there. */
    *ret_epoch = above ? t->entries[above - 1].epoch : epoch;
    *ret_end_offset = t->entries[above].start_offset;
}

int64_t leader_epochs_start_above(const struct leader_epochs *t, int32_t epoch)
{
    uint32_t above = first_above(t, epoch);
    return above < t->count ? t->entries[above].start_offset : -1;
}

void leader_epochs_truncate_end(struct leader_epochs *t, int64_t end_offset)
{
    while (t->count && t->entries[t->count - 1].start_offset >= end_offset) {
        t->count--;
        t->changed = true;
    }
}

void leader_epochs_truncate_start(struct leader_epochs *t, int64_t start_offset)
{
    uint32_t drop = 0; /* entries whose successor begins at or below the start */
    while (drop + 1 < t->count && t->entries[drop + 1].start_offset <= start_offset) {
        drop++;
    }
    if (t->count && t->entries[drop].start_offset < start_offset) {
        t->entries[drop].start_offset = start_offset;
        t->changed = true;
    }
    if (drop) {
        t->count -= drop;
        memmove(t->entries, t->entries + drop, t->count * sizeof(*t->entries));
        t->changed = true;
    }
}
