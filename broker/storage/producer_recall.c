/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_recall.c - what a snapshot of producers does not tell is read back from the log. Driven
 * by the append of an idempotent batch whose sequences lie before all that is known.
 *
 * A snapshot has the last batch of each producer only (Kafka's format), while up to five may have
 * been on their way when the node went down. All but the last of them, sent again, would look like
 * a gap: the producer would begin a new numbering, and the records would be there twice.
 *   (R1) A producer's batches are looked for once in the life of its entry.
 *   (R2) What is found lies in the log. Only where the log begins late does one infer: what is not
 *        there was deleted, since sequences of an epoch are appended in order.
 */
#include "broker/storage/log.h"

#include "protocol/wire/record_batch.h"

enum {
    RECALL_OFFSETS_MAX = 20000,
    RECALL_BYTES_MAX = 16 << 20,
    RECALL_READ_BYTES = 1 << 20,
};

struct recall {
    struct producer_entry *entry;
    struct producer_kept found[PRODUCER_BATCHES_KEPT]; /* oldest first */
    unsigned count;
};

/* The last few batches win. */
static void note(struct recall *r, const struct batch_view *b)
{
    if (b->producer_id != r->entry->producer_id || b->producer_epoch != r->entry->epoch ||
        b->base_sequence < 0) {
        return;
    }
    if (r->count == PRODUCER_BATCHES_KEPT) {
        r->count--;
        memmove(r->found, r->found + 1, r->count * sizeof(r->found[0]));
    }
    r->found[r->count++] = (struct producer_kept){
        .last_sequence = producer_sequence_add(b->base_sequence, b->last_offset_delta),
        .offset_delta = b->last_offset_delta,
        .last_offset = batch_last_offset(b),
        .timestamp_ms = b->max_timestamp_ms,
    };
}

static void read_back(struct partition_log *log, struct recall *r, int64_t from, int64_t to)
{
    struct buf bytes = { 0 };
    size_t read = 0;
    while (from < to && read < RECALL_BYTES_MAX) {
        buf_reset(&bytes);
        if (log_read_copy(log, from, RECALL_READ_BYTES, to, &bytes) || !bytes.len) {
            break;
        }
        struct slice left = buf_slice(&bytes);
        struct batch_view b;
        while (left.len && batch_parse(left, &b) == ERR_OK) {
            note(r, &b);
            from = batch_last_offset(&b) + 1;
            left = slice_from(left, b.bytes.len);
        }
        read += bytes.len;
    }
    buf_deinit(&bytes);
    if (from < to) {
        r->count = 0; /* what was found is not what comes right before the oldest known one */
    }
}

/* Of all batches that are kept. */
static int64_t first_offset(const struct producer_entry *entry)
{
    return entry->kept[0].last_offset - entry->kept[0].offset_delta;
}

enum producer_verdict log_check_producer(struct partition_log *log,
                                         const struct producer_batch *batch,
                                         struct producer_kept *ret_duplicate)
{
    enum producer_verdict verdict = producer_state_check(&log->producers, batch, ret_duplicate);
    struct recall r = { .entry = producer_state_forgotten(&log->producers, batch) };
    if (verdict != PRODUCER_OUT_OF_ORDER || !r.entry) {
        return verdict;
    }
    int64_t to = first_offset(r.entry);
    if (!r.entry->recalled) {
        int64_t from = to > RECALL_OFFSETS_MAX ? to - RECALL_OFFSETS_MAX : 0;
        read_back(log, &r, from > log->start_offset ? from : log->start_offset, to);
        producer_state_recall(r.entry, r.found, r.count);
        verdict = producer_state_check(&log->producers, batch, ret_duplicate);
    }
    bool forgotten = producer_state_forgotten(&log->producers, batch) != NULL;
    if (verdict == PRODUCER_OUT_OF_ORDER && forgotten && log->start_offset > 0 &&
        to - log->start_offset <= RECALL_OFFSETS_MAX) {
        *ret_duplicate = (struct producer_kept){ .last_offset = -1 }; /* (R2) */
        verdict = PRODUCER_DUPLICATE;
    }
    return verdict;
}
