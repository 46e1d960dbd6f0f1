/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_state.c - idempotent producers of one partition. Pure; driven by storage/log.c (every
 * batch that gets into the log) and by the Produce handler (check before the append).
 *   (P1) kept[] holds 1..5 batches of the entry's epoch, oldest first, or none after a snapshot
 *        told of a producer without a batch;
 *   (P2) a check changes nothing.
 */
#include "broker/replica/producer_state.h"

#include "protocol/base/alloc.h"

void producer_state_reset(struct producer_state *s)
{
    uint32_t cursor = 0;
    struct producer_entry *entry;
    while ((entry = map_next(&s->entries, &cursor, NULL)) != NULL) {
        mem_free(entry);
    }
    map_deinit(&s->entries);
    *s = (struct producer_state){ 0 };
}

void producer_state_deinit(struct producer_state *s)
{
    producer_state_reset(s);
}

static struct producer_entry *find(const struct producer_state *s, int64_t producer_id)
{
    uint64_t key = (uint64_t)producer_id;
    return s->entries.count ? map_get(&s->entries, map_key_u64(&key)) : NULL;
}

const struct producer_entry *producer_state_find(const struct producer_state *s,
                                                 int64_t producer_id)
{
    return find(s, producer_id);
}

int32_t producer_sequence_add(int32_t sequence, int32_t by)
{
    return (int32_t)(((int64_t)sequence + by) & INT32_MAX);
}

/* The kept batch that has exactly these sequences; NULL when there is none. */
static const struct producer_kept *find_duplicate(const struct producer_entry *entry,
                                                  const struct producer_batch *batch)
{
    for (unsigned i = 0; i < entry->kept_count; i++) {
        const struct producer_kept *k = &entry->kept[i];
        int32_t base = (int32_t)(((int64_t)k->last_sequence - k->offset_delta) & INT32_MAX);
        if (k->last_sequence == batch->last_sequence && base == batch->base_sequence) {
            return k;
        }
    }
    return NULL;
}

enum producer_verdict producer_state_check(const struct producer_state *s,
                                           const struct producer_batch *batch,
                                           struct producer_kept *ret_duplicate)
{
    const struct producer_entry *entry = find(s, batch->producer_id);
    if (!entry) {
        return PRODUCER_OK;
    }
    if (batch->producer_epoch < entry->epoch) {
        return PRODUCER_EPOCH_FENCED;
    }
    if (batch->producer_epoch > entry->epoch) {
        return batch->base_sequence == 0 ? PRODUCER_OK : PRODUCER_OUT_OF_ORDER;
    }
    const struct producer_kept *duplicate = find_duplicate(entry, batch);
    if (duplicate) {
        *ret_duplicate = *duplicate;
        return PRODUCER_DUPLICATE;
    }
    int32_t next = 0; /* a producer that is known without a batch has yet to begin */
    if (entry->kept_count) {
        next = producer_sequence_add(entry->kept[entry->kept_count - 1].last_sequence, 1);
    }
    return batch->base_sequence == next ? PRODUCER_OK : PRODUCER_OUT_OF_ORDER;
}

struct producer_entry *producer_state_forgotten(const struct producer_state *s,
                                                const struct producer_batch *batch)
{
    struct producer_entry *entry = find(s, batch->producer_id);
    if (!entry || batch->producer_epoch != entry->epoch ||
        entry->kept_count == 0 || entry->kept_count == PRODUCER_BATCHES_KEPT) {
        return NULL;
    }
    const struct producer_kept *oldest = &entry->kept[0];
    /* How far the batch's last sequence lies before the oldest one that is kept, on the circle. */
    int64_t before = (int64_t)oldest->last_sequence - oldest->offset_delta - batch->last_sequence;
    return (before & INT32_MAX) <= INT32_MAX / 2 && (before & INT32_MAX) > 0 ? entry : NULL;
}

void producer_state_recall(struct producer_entry *entry, const struct producer_kept *found,
                           unsigned count)
{
    unsigned room = PRODUCER_BATCHES_KEPT - entry->kept_count;
    if (count > room) {
        found += count - room;
        count = room;
    }
    memmove(entry->kept + count, entry->kept, entry->kept_count * sizeof(entry->kept[0]));
    memcpy(entry->kept, found, count * sizeof(entry->kept[0]));
    entry->kept_count = (uint8_t)(entry->kept_count + count);
    entry->recalled = true;
}

void producer_state_restore(struct producer_state *s, const struct producer_entry *entry)
{
    struct producer_entry *own = find(s, entry->producer_id);
    if (!own) {
        own = mem_alloc(sizeof(*own));
        uint64_t key = (uint64_t)entry->producer_id;
        (void)map_put(&s->entries, map_key_u64(&key), own);
    }
    *own = *entry;
}

void producer_state_update(struct producer_state *s, const struct producer_batch *batch)
{
    s->map_end_offset = batch->last_offset + 1;
    if (batch->producer_id < 0) {
        return;
    }
    struct producer_entry *entry = find(s, batch->producer_id);
    if (!entry) {
        struct producer_entry fresh = { .producer_id = batch->producer_id,
                                        .epoch = batch->producer_epoch,
                                        .coordinator_epoch = -1,
                                        .current_txn_first_offset = -1 };
        producer_state_restore(s, &fresh);
        entry = find(s, batch->producer_id);
    }
    if (entry->epoch != batch->producer_epoch) {
        entry->epoch = batch->producer_epoch;
        entry->kept_count = 0;
        entry->recalled = false;
    }
    entry->last_timestamp_ms = batch->timestamp_ms;
    if (batch->base_sequence < 0) {
        return; /* a control batch has no sequence */
    }
    if (entry->kept_count == PRODUCER_BATCHES_KEPT) {
        entry->kept_count--;
        memmove(entry->kept, entry->kept + 1, entry->kept_count * sizeof(entry->kept[0]));
    }
    entry->kept[entry->kept_count++] = (struct producer_kept){
        .last_sequence = batch->last_sequence,
        .offset_delta = batch->offset_delta,
        .last_offset = batch->last_offset,
        .timestamp_ms = batch->timestamp_ms,
    };
}

uint32_t producer_state_expire(struct producer_state *s, int64_t now_ms, int64_t expiration_ms)
{
    uint32_t cursor = 0, dropped = 0;
    struct producer_entry *entry;
    while ((entry = map_next(&s->entries, &cursor, NULL)) != NULL) {
        if (entry->current_txn_first_offset < 0 &&
            now_ms - entry->last_timestamp_ms >= expiration_ms) {
            uint64_t key = (uint64_t)entry->producer_id;
            mem_free(map_remove(&s->entries, map_key_u64(&key)));
            dropped++;
        }
    }
    return dropped;
}
