/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery_epochs.c - leader-epoch-checkpoint against the batches (decision 0062). Driven by
 * recovery.c, when the log's start and end are known. Neither has a checksum: the file is text, and
 * a batch's own leaves its epoch out.
 *   (E1) Whether they agree is seen at both ends of every epoch that the file names: epochs never
 *        fall in a log, so that nothing between the ends can differ. An end is one of a batch, too.
 *   (E2) One batch against the file: nobody knows which of them has rotted, and the file stays. Two
 *        and more against it, in a log whose epochs never fall: the file has rotted.
 *   (E3) What the file says is asked below `limit` only; above, it may be older than the log.
 */
#include "broker/storage/log_internal.h"

/* A batch has one epoch: none begins inside of it. */
static bool agrees(const struct leader_epochs *told, int64_t start, const struct batch_view *b)
{
    int32_t epoch = leader_epochs_of(told, b->base_offset > start ? b->base_offset : start);
    int32_t last = leader_epochs_of(told, batch_last_offset(b));
    return (epoch < 0 || epoch == b->leader_epoch) && (last < 0 || last == b->leader_epoch);
}

/* The header of the batch that holds an offset, or of the first one behind it. */
static enum err header_at(struct partition_log *log, int64_t offset, struct segment_batch *ret_b)
{
    enum err e = ERR_NOT_FOUND;
    for (uint32_t i = log_segment_index(log, offset); i < log->segment_count; i++) {
        struct segment *s = log->segments[i];
        e = s->base_offset >= offset /* no index is needed */
                ? segment_batch_at(s, log->home, 0, ret_b)
                : segment_find(s, log->home, offset, log->config.index_interval_bytes, ret_b);
        if (e != ERR_NOT_FOUND) {
            break;
        }
    }
    return e;
}

/* Damage is for readers to find: it says nothing of epochs. */
static enum err look(struct partition_log *log, const struct leader_epochs *told, int64_t limit,
                     int64_t offset, bool *agree)
{
    struct segment_batch b;
    if (!*agree || offset < log->start_offset || offset >= limit) {
        return ERR_OK;
    }
    enum err e = header_at(log, offset, &b);
    if (!e && b.header.base_offset < limit) {
        *agree = agrees(told, log->start_offset, &b.header);
    }
    return e == ERR_NOT_FOUND || e == ERR_CORRUPT ? ERR_OK : e;
}

/* (E1) */
static enum err compare(struct partition_log *log, const struct leader_epochs *told, int64_t limit,
                        bool *ret_agree)
{
    bool agree = true;
    enum err e = look(log, told, limit, log->start_offset, &agree);
    for (uint32_t i = 0; i < told->count && !e; i++) {
        e = look(log, told, limit, told->entries[i].start_offset - 1, &agree);
        e = e ? e : look(log, told, limit, told->entries[i].start_offset, &agree);
    }
    e = e ? e : look(log, told, limit, limit - 1, &agree);
    *ret_agree = agree;
    return e;
}

/* What all batches say together. */
struct hearing {
    const struct leader_epochs *told;
    int64_t start, limit;
    int64_t next;          /* offset behind the last batch */
    int32_t epoch;         /* of the last batch */
    bool falls;            /* offsets or epochs do, or there is none */
    uint32_t against;      /* batches that contradict the file */
    int64_t first_against; /* the offset of the first one of them */
    struct leader_epochs said;
};

static void hear(void *ctx, const struct batch_view *b)
{
    struct hearing *h = ctx;
    h->falls |= b->base_offset < h->next || b->leader_epoch < h->epoch || b->leader_epoch < 0;
    h->next = batch_last_offset(b) + 1;
    h->epoch = b->leader_epoch;
    if (b->base_offset < h->limit && !agrees(h->told, h->start, b)) {
        h->first_against = h->against++ ? h->first_against : b->base_offset;
    }
    leader_epochs_assign(&h->said, b->leader_epoch, b->base_offset);
}

static void take_said(struct partition_log *log, struct leader_epochs *said)
{
    leader_epochs_deinit(&log->epochs);
    log->epochs = *said;
    *said = (struct leader_epochs){ 0 };
    log->epochs.changed = true;
}

/* The file below limit, the batches that recovery has read above. */
static void take_told(struct partition_log *log, struct leader_epochs *told, int64_t limit)
{
    struct leader_epochs tail = log->epochs;
    log->epochs = *told;
    *told = (struct leader_epochs){ 0 };
    leader_epochs_truncate_end(&log->epochs, limit);
    for (uint32_t i = 0; i < tail.count; i++) {
        leader_epochs_assign(&log->epochs, tail.entries[i].epoch, tail.entries[i].start_offset);
    }
    leader_epochs_deinit(&tail);
}

enum err recovery_read_epochs(struct partition_log *log)
{
    struct hearing h = { .epoch = -1 };
    enum err e = recovery_each_header(log, log->start_offset, hear, &h, &(bool){ false });
    take_said(log, &h.said);
    return e;
}

enum err recovery_compare_epochs(struct partition_log *log, struct leader_epochs *told,
                                 int64_t limit, struct log_recovery *recovery)
{
    bool agree = true, whole = false;
    limit = limit < log->end_offset ? limit : log->end_offset;
    enum err e = compare(log, told, limit, &agree);
    if (!e && !agree) {
        struct hearing h = {
            .told = told, .start = log->start_offset, .limit = limit, .epoch = -1
        };
        e = recovery_each_header(log, log->start_offset, hear, &h, &whole);
        if (!e && whole && !h.falls && h.against > 1) { /* (E2) */
            take_said(log, &h.said);
            recovery->epochs_rebuilt = true;
            return ERR_OK;
        }
        leader_epochs_deinit(&h.said);
        recovery->epochs_in_doubt = h.against > 0;
        recovery->doubtful_offset = h.first_against;
    }
    take_told(log, told, limit);
    return e;
}
