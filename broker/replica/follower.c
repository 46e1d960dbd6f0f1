/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follower.c - see follower.h. Pure; driven by replica_fetcher.c.
 *   (F1) What is appended is whole, sound by its checksums, in order, and begins where the log
 *        ends (compaction may leave gaps, never overlaps).
 *   (F2) The log is cut only where the leader's epochs say that it differs.
 *   (F3) high_watermark is at most the leader's and the own end.
 */
#include "broker/replica/follower.h"

#include "protocol/wire/record_batch.h"

enum { RETRY_FIRST_MS = 20, RETRY_MAX_MS = 1000, REFUSED_MS = 1000, MS_NS = 1000000 };

void follower_init(struct follower *f, int32_t leader_epoch, int64_t high_watermark)
{
    *f = (struct follower){ .leader_epoch = leader_epoch, .high_watermark = high_watermark };
}

static void back_off(struct follower *f, uint64_t now_ns)
{
    unsigned doubling = f->failures < 6 ? f->failures : 6;
    uint64_t ms = (uint64_t)RETRY_FIRST_MS << doubling;
    f->failures++;
    f->retry_ns = now_ns + (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS) * MS_NS;
}

void follower_failed(struct follower *f, uint64_t now_ns)
{
    back_off(f, now_ns);
}

bool follower_advance(struct follower *f, int64_t leader_high_watermark, int64_t end_offset)
{
    int64_t to = leader_high_watermark < end_offset ? leader_high_watermark : end_offset;
    if (to <= f->high_watermark) {
        return false; /* a new leader may know less than the old one said */
    }
    f->high_watermark = to;
    return true;
}

void follower_truncated(struct follower *f, int64_t end_offset)
{
    if (f->high_watermark > end_offset) {
        f->high_watermark = end_offset; /* an unclean leader: what was committed is lost */
    }
}

/* --- records ---------------------------------------------------------------------------------- */

/* The whole batches at the beginning; NULL, or why they must not be appended. */
static const char *check_records(struct slice records, int64_t end_offset, struct slice *ret_whole,
                                 int64_t *ret_first_offset)
{
    struct slice rest = records;
    int64_t next = -1;
    while (rest.len > 0) {
        struct batch_view b;
        enum err e = batch_parse(rest, &b);
        if (e == ERR_SHORT) {
            break; /* cut by the size of the answer: it comes again */
        }
        if (e) {
            return "a batch is malformed";
        }
        if (batch_check_crc(&b)) {
            return "a batch does not match its checksum";
        }
        int64_t last = batch_last_offset(&b);
        if (b.base_offset < 0 || b.last_offset_delta < 0 || last == INT64_MAX ||
            (next >= 0 && b.base_offset < next)) {
            return "offsets do not grow";
        }
        if (next < 0) {
            if (last < end_offset) {
                return "the records lie below the end of the log";
            }
            *ret_first_offset = b.base_offset;
        }
        next = last + 1;
        rest = slice_from(rest, b.bytes.len);
    }
    *ret_whole = slice_head(records, records.len - rest.len);
    return NULL;
}

static void take_records(struct follower *f, const struct follower_log *log,
                         const struct follower_answer *a, uint64_t now_ns,
                         struct follower_step *step)
{
    int64_t first = log->end_offset;
    step->why = check_records(a->records, log->end_offset, &step->records, &first);
    bool overlaps = first < log->end_offset;
    bool is_empty = log->start_offset == log->end_offset;
    if (!step->why && overlaps && !is_empty) {
        step->why = "the records overlap the end of the log";
    }
    if (step->why) {
        step->what = FOLLOWER_REFUSE;
        step->records = slice_null();
        f->retry_ns = now_ns + (uint64_t)REFUSED_MS * MS_NS;
        f->failures++;
        return;
    }
    f->failures = 0;
    f->retry_ns = 0;
    /* An empty log that begins within a batch, because the leader's does: it takes all of it. */
    step->offset = first;
    step->what = overlaps                ? FOLLOWER_RESTART
                 : step->records.len > 0 ? FOLLOWER_APPEND
                                         : FOLLOWER_NOTHING;
    step->log_start_offset = a->log_start_offset;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* KIP-279: where both logs may still be the same. Cutting there and fetching on gets closer with
 * every answer. */
static void truncate(const struct follower_log *log, const struct follower_answer *a,
                     struct follower_step *step)
{
    int64_t to = a->diverging_end_offset;
    if (a->own_epoch >= 0 && a->own_epoch != a->diverging_epoch) {
        to = a->own_end_offset; /* the epoch is not known here: go back to the one before */
    } else if (a->own_epoch >= 0 && a->own_end_offset < to) {
        to = a->own_end_offset;
    }
    step->what = FOLLOWER_TRUNCATE;
    step->offset = to < log->end_offset ? to : log->end_offset;
}

void follower_answered(struct follower *f, const struct follower_log *log,
                       const struct follower_answer *a, uint64_t now_ns,
                       struct follower_step *ret_step)
{
    *ret_step = (struct follower_step){ .what = FOLLOWER_WAIT, .log_start_offset = -1 };
    switch ((int)a->code) {
    case KAFKA_NONE:
        if (a->diverging_epoch >= 0) {
            f->failures = 0;
            f->retry_ns = 0;
            truncate(log, a, ret_step);
        } else {
            take_records(f, log, a, now_ns, ret_step);
        }
        return;
    case KAFKA_OFFSET_OUT_OF_RANGE:
        f->asks_offsets = true;
        ret_step->what = FOLLOWER_NOTHING;
        return;
    default:
        /* Among them FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER: one of
         * both has not read the newest metadata yet. */
        back_off(f, now_ns);
        return;
    }
}

void follower_offsets(struct follower *f, const struct follower_log *log, int64_t leader_start,
                      int64_t leader_end, uint64_t now_ns, struct follower_step *ret_step)
{
    *ret_step = (struct follower_step){ .what = FOLLOWER_NOTHING, .log_start_offset = -1 };
    f->asks_offsets = false;
    if (leader_end < log->end_offset) {
        /* It leads with less than we have: it was elected uncleanly. */
        ret_step->what = FOLLOWER_TRUNCATE;
        ret_step->offset = leader_end > log->start_offset ? leader_end : log->start_offset;
        if (leader_end < log->start_offset) {
            ret_step->what = FOLLOWER_RESTART;
            ret_step->offset = leader_start;
        }
    } else if (leader_start > log->end_offset) {
        /* What we have was deleted there long ago. */
        ret_step->what = FOLLOWER_RESTART;
        ret_step->offset = leader_start;
    } else {
        ret_step->log_start_offset = leader_start;
        back_off(f, now_ns); /* the range is right: what was wrong then may have passed */
    }
}
