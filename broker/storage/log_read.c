/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_read.c - reading a log: ranges for sendfile, copies, look-ups by time. Driven by api/fetch.c,
 * api/list_offsets.c and the loaders of internal topics. Changes nothing but caches.
 *   (R1) a range begins at a batch and holds no byte of a batch that reaches upper_offset;
 *   (R2) a range lies in one segment; who wants more asks again;
 *   (R3) what was there before this process is given out only after its checksums were compared
 *        once: it may have rotted meanwhile.
 */
#include "broker/storage/log_internal.h"

#include "broker/storage/segment_scan.h"
#include "protocol/base/alloc.h"

/* --- ranges ----------------------------------------------------------------------------------- */

/* Nobody goes on behind an empty segment: it was lost with what it had (a disk that lied about a
 * sync), unless compaction has emptied it. */
static bool is_hollow(const struct partition_log *log, uint32_t index)
{
    return index + 1 < log->segment_count && log->segments[index]->size_bytes == 0 &&
           !log->config.compact;
}

/* The first batch of the log that reaches offset: in the segment at *index, or in a later one when
 * offsets are missing there. */
static enum err find_batch(struct partition_log *log, int64_t offset, uint32_t *index,
                           struct segment_batch *ret_batch)
{
    for (; *index < log->segment_count; (*index)++) {
        struct segment *s = log->segments[*index];
        const struct log_hint *hint = log_find_hint(log, s, offset);
        if (hint) {
            *ret_batch = (struct segment_batch){ .position = hint->position,
                                                 .size_bytes = hint->size_bytes,
                                                 .header.base_offset = offset };
            return ERR_OK;
        }
        enum err e =
            segment_find(s, log->home, offset, log->config.index_interval_bytes, ret_batch);
        if (e != ERR_NOT_FOUND || is_hollow(log, *index)) {
            return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
        }
    }
    return ERR_NOT_FOUND;
}

int64_t log_first_gap(struct partition_log *log)
{
    for (uint32_t i = 0; i + 1 < log->segment_count && !log->config.compact; i++) {
        struct segment_batch b;
        int64_t last = log->segments[i + 1]->base_offset - 1;
        if (segment_find(log->segments[i], log->home, last, log->config.index_interval_bytes, &b) ==
            ERR_NOT_FOUND) {
            return last;
        }
    }
    return -1;
}

/* Where the bytes end that may be given out of a segment. Notes the place when upper_offset begins
 * there. */
static enum err find_limit(struct partition_log *log, uint32_t index, int64_t upper_offset,
                           uint32_t *ret_limit)
{
    struct segment *s = log->segments[index];
    int64_t next =
        index + 1 < log->segment_count ? log->segments[index + 1]->base_offset : log->end_offset;
    *ret_limit = s->size_bytes;
    if (upper_offset >= next) {
        if (next == log->end_offset) {
            log_note_read(log, &(struct log_hint){ next, s, s->size_bytes, 0 });
        }
        return ERR_OK;
    }
    const struct log_hint *hint = log_find_hint(log, s, upper_offset);
    if (hint) {
        *ret_limit = hint->position;
        log_note_read(log, hint);
        return ERR_OK;
    }
    struct segment_batch b;
    enum err e = segment_find(s, log->home, upper_offset, log->config.index_interval_bytes, &b);
    if (!e) {
        *ret_limit = b.position;
        if (b.header.base_offset == upper_offset) {
            log_note_read(log, &(struct log_hint){ upper_offset, s, b.position, b.size_bytes });
        }
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The checksum covers neither the offset nor the epoch; the log knows where they must lie. */
static bool is_at_home(const struct partition_log *log, int64_t next, const struct batch_view *b)
{
    int32_t epoch = leader_epochs_of(&log->epochs, b->base_offset);
    return b->base_offset >= next && batch_last_offset(b) < log->end_offset &&
           (epoch < 0 || b->base_offset < log->start_offset || b->leader_epoch == epoch);
}

/* (R3) The range ends before the first batch that is not sound; ERR_CORRUPT or the disk's error
 * when that is the first one of it. */
static enum err check_range(const struct partition_log *log, struct segment *s,
                            struct open_file *file, uint32_t position, size_t *len)
{
    uint32_t end = position + (uint32_t)*len;
    if (position >= s->sound_from || (position >= s->read_from && end <= s->read_to)) {
        return ERR_OK;
    }
    bool goes_on = position >= s->read_from && position <= s->read_to;
    uint32_t from = goes_on ? s->read_to : position, at = from;
    struct segment_scan scan;
    enum err e = ERR_OK;
    int64_t next = s->base_offset;
    segment_scan_init(&scan, file, s->size_bytes);
    while (!e && at < end && at < s->sound_from) {
        struct segment_batch b;
        e = segment_scan_batch(&scan, at, &b);
        if (!e && !is_at_home(log, next, &b.header)) {
            e = ERR_CORRUPT;
        }
        if (!e) {
            at += b.size_bytes;
            next = batch_last_offset(&b.header) + 1;
        }
    }
    segment_scan_deinit(&scan);
    s->read_from = goes_on ? s->read_from : from;
    s->read_to = at;
    if (at >= s->sound_from) {
        s->sound_from = s->read_from;
    }
    if (e && at > position) {
        *len = at - position;
        return ERR_OK;
    }
    return e;
}

enum err log_read(struct partition_log *log, int64_t offset, size_t max_bytes, int64_t upper_offset,
                  bool whole_first, struct log_range *ret_range)
{
    struct log_range range = { .first_offset = offset };
    if (log->offline) {
        return ERR_CLOSED;
    }
    if (offset < log->start_offset || offset > log->end_offset) {
        return ERR_NOT_FOUND;
    }
    int64_t upper = upper_offset < log->end_offset ? upper_offset : log->end_offset;
    if (offset >= upper || (!max_bytes && !whole_first)) {
        *ret_range = range;
        return ERR_OK;
    }
    uint32_t index = log_segment_index(log, offset);
    struct segment_batch first;
    enum err e = find_batch(log, offset, &index, &first);
    uint32_t limit = 0;
    if (!e) {
        e = find_limit(log, index, upper, &limit);
    }
    if (e && e != ERR_NOT_FOUND) {
        return e;
    }
    if (e || limit < first.position + first.size_bytes) {
        *ret_range = range; /* the offsets up to upper are missing, or inside this batch */
        return ERR_OK;
    }
    size_t len = limit - first.position;
    if (len > max_bytes) {
        len = whole_first && max_bytes < first.size_bytes ? first.size_bytes : max_bytes;
    }
    struct open_file *file;
    e = segment_file(log->segments[index], log->home, &file, NULL);
    e = e ? e : check_range(log, log->segments[index], file, first.position, &len);
    if (e) {
        return e;
    }
    range.file = open_file_ref(file);
    range.position = first.position;
    range.len = len;
    range.first_offset = first.header.base_offset;
    *ret_range = range;
    return ERR_OK;
}

enum err log_read_copy(struct partition_log *log, int64_t offset, size_t max_bytes,
                       int64_t upper_offset, struct buf *out)
{
    struct log_range range;
    enum err e = log_read(log, offset, max_bytes, upper_offset, true, &range);
    if (e || !range.len) {
        return e;
    }
    if (range.len > LOG_BATCH_BYTES_MAX && range.len > max_bytes) {
        open_file_unref(range.file);
        return ERR_LIMIT;
    }
    uint8_t *bytes = buf_reserve(out, range.len);
    size_t got = 0;
    struct vfs *v = range.file->vfs;
    e = v->ops->pread(v, range.file->file, bytes, range.len, range.position, &got);
    open_file_unref(range.file);
    if (e) {
        return e;
    }
    size_t whole = 0;
    for (;;) {
        int64_t size = batch_size(slice_of(bytes + whole, got - whole));
        if (size <= 0 || (uint64_t)size > got - whole) {
            break;
        }
        whole += (size_t)size;
    }
    out->len += whole;
    return whole ? ERR_OK : ERR_CORRUPT;
}

/* --- look-ups by time ------------------------------------------------------------------------- */

/* Reads a whole batch into bytes. */
static enum err read_batch(struct partition_log *log, struct segment *s,
                           const struct segment_batch *b, struct buf *bytes,
                           struct batch_view *ret_view)
{
    struct open_file *file;
    enum err e =
        b->size_bytes > LOG_BATCH_BYTES_MAX ? ERR_LIMIT : segment_file(s, log->home, &file, NULL);
    if (e) {
        return e;
    }
    size_t got = 0;
    buf_reset(bytes);
    e = file->vfs->ops->pread(file->vfs, file->file, buf_reserve(bytes, b->size_bytes),
                              b->size_bytes, b->position, &got);
    if (e) {
        return e;
    }
    bytes->len = got;
    e = batch_parse(buf_slice(bytes), ret_view);
    return e ? ERR_CORRUPT : ERR_OK;
}

/* The first record of a batch with timestamp >= timestamp_ms and offset >= start_offset.
 * ERR_NOT_FOUND when there is none. */
static enum err find_record(struct partition_log *log, struct segment *s,
                            const struct segment_batch *b, int64_t timestamp_ms,
                            struct log_timestamp *ret_found)
{
    struct buf bytes = { 0 }, scratch = { 0 };
    struct batch_view view;
    struct batch_iter it;
    enum err e = read_batch(log, s, b, &bytes, &view);
    if (!e) {
        e = batch_iter_init(&it, &view, &scratch, LOG_BATCH_BYTES_MAX);
    }
    while (!e) {
        struct record record;
        e = batch_iter_next(&it, &record);
        if (!e && record.timestamp_ms >= timestamp_ms && record.offset >= log->start_offset) {
            *ret_found = (struct log_timestamp){ record.timestamp_ms, record.offset,
                                                 leader_epochs_of(&log->epochs, record.offset) };
            break;
        }
    }
    buf_deinit(&bytes);
    buf_deinit(&scratch);
    return e;
}

/* Looks through one segment. ERR_NOT_FOUND when it has no such record. */
static enum err find_in_segment(struct partition_log *log, struct segment *s, int64_t timestamp_ms,
                                int64_t upper_offset, struct log_timestamp *ret_found)
{
    struct time_entry entry;
    /* The entry before: everything up to its batch is older than timestamp_ms. */
    enum err e =
        segment_find_time(s, log->home, timestamp_ms - 1, log->config.index_interval_bytes, &entry);
    struct segment_batch b = { 0 };
    if (!e) {
        int64_t from = entry.offset > log->start_offset ? entry.offset : log->start_offset;
        e = segment_find(s, log->home, from, log->config.index_interval_bytes, &b);
    }
    while (!e && b.header.base_offset < upper_offset) {
        if (b.header.max_timestamp_ms >= timestamp_ms) {
            e = find_record(log, s, &b, timestamp_ms, ret_found);
            if (e != ERR_NOT_FOUND) {
                return e;
            }
        }
        e = segment_batch_at(s, log->home, b.position + b.size_bytes, &b);
    }
    return e ? e : ERR_NOT_FOUND;
}

enum err log_find_timestamp(struct partition_log *log, int64_t timestamp_ms, int64_t upper_offset,
                            struct log_timestamp *ret_found)
{
    struct log_timestamp found = { -1, -1, -1 };
    if (log->offline) {
        return ERR_CLOSED;
    }
    for (uint32_t i = log_segment_index(log, log->start_offset); i < log->segment_count; i++) {
        struct segment *s = log->segments[i];
        enum err e = segment_load_indexes(s, log->home, log->config.index_interval_bytes, NULL);
        if (e) {
            return e;
        }
        if (s->base_offset >= upper_offset) {
            break;
        }
        if (s->max_timestamp_ms < timestamp_ms) {
            continue;
        }
        e = find_in_segment(log, s, timestamp_ms, upper_offset, &found);
        if (e != ERR_NOT_FOUND) {
            if (e) {
                return e;
            }
            break;
        }
    }
    if (found.offset >= upper_offset) {
        found = (struct log_timestamp){ -1, -1, -1 };
    }
    *ret_found = found;
    return ERR_OK;
}

enum err log_find_max_timestamp(struct partition_log *log, struct log_timestamp *ret_found)
{
    struct segment *best = NULL;
    if (log->offline) {
        return ERR_CLOSED;
    }
    for (uint32_t i = log_segment_index(log, log->start_offset); i < log->segment_count; i++) {
        struct segment *s = log->segments[i];
        enum err e = segment_load_indexes(s, log->home, log->config.index_interval_bytes, NULL);
        if (e) {
            return e;
        }
        if (s->size_bytes && (!best || s->max_timestamp_ms > best->max_timestamp_ms)) {
            best = s;
        }
    }
    struct log_timestamp found = { -1, -1, -1 };
    if (best) {
        struct segment_batch b;
        enum err e = segment_find(best, log->home, best->max_timestamp_offset,
                                  log->config.index_interval_bytes, &b);
        if (!e) {
            e = find_record(log, best, &b, best->max_timestamp_ms, &found);
        }
        if (e && e != ERR_NOT_FOUND) {
            return e;
        }
    }
    *ret_found = found;
    return ERR_OK;
}
