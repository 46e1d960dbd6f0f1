/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_index.c - a segment's .timeindex. Driven by segment.c.
 *   (T1) timestamps grow strictly, offsets never shrink;
 *   (T2) last is the last entry, or {-1, base_offset}.
 */
#include "broker/storage/time_index.h"

#include "protocol/wire/reader.h"

#include <assert.h>

static struct time_entry entry_decode(const uint8_t *bytes, int64_t base_offset)
{
    struct reader r = reader_of(slice_of(bytes, TIME_INDEX_ENTRY_BYTES));
    struct time_entry e;
    e.timestamp_ms = reader_i64(&r);
    e.offset = base_offset + reader_i32(&r);
    return e;
}

enum err time_index_at(struct time_index *ix, struct entry_path at, uint32_t i,
                       struct time_entry *ret_entry)
{
    uint8_t bytes[TIME_INDEX_ENTRY_BYTES];
    enum err e = entry_file_read(&ix->file, at, i, 1, bytes);
    if (!e) {
        *ret_entry = entry_decode(bytes, ix->base_offset);
    }
    return e;
}

static enum err load_last(struct time_index *ix, struct entry_path at)
{
    ix->last = (struct time_entry){ -1, ix->base_offset };
    uint32_t count = entry_file_count(&ix->file);
    return count ? time_index_at(ix, at, count - 1, &ix->last) : ERR_OK;
}

enum err time_index_open(struct time_index *ix, struct entry_path at, int64_t base_offset)
{
    ix->base_offset = base_offset;
    ix->last = (struct time_entry){ -1, base_offset };
    enum err e = entry_file_open(&ix->file, at, TIME_INDEX_ENTRY_BYTES);
    if (!e) {
        e = load_last(ix, at);
    }
    if (!e && entry_file_count(&ix->file)) {
        struct time_entry first;
        e = time_index_at(ix, at, 0, &first);
        if (!e && (ix->last.timestamp_ms < first.timestamp_ms || ix->last.offset < base_offset)) {
            return ERR_CORRUPT;
        }
    }
    return e;
}

enum err time_index_append(struct time_index *ix, struct entry_path at, int64_t timestamp_ms,
                           int64_t offset)
{
    int64_t relative = offset - ix->base_offset;
    if (timestamp_ms <= ix->last.timestamp_ms) {
        return ERR_OK;
    }
    assert(relative >= 0 && relative <= INT32_MAX);
    uint8_t bytes[TIME_INDEX_ENTRY_BYTES];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)timestamp_ms >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        bytes[8 + i] = (uint8_t)(relative >> (24 - 8 * i));
    }
    enum err e = entry_file_append(&ix->file, at, bytes);
    if (!e) {
        ix->last = (struct time_entry){ timestamp_ms, offset };
    }
    return e;
}

enum err time_index_lookup(struct time_index *ix, struct entry_path at, int64_t timestamp_ms,
                           struct time_entry *ret_entry)
{
    if (timestamp_ms >= ix->last.timestamp_ms) {
        *ret_entry = ix->last;
        return ERR_OK;
    }
    uint32_t count;
    enum err e = entry_file_count_le(&ix->file, at, 8, timestamp_ms, &count);
    if (e) {
        return e;
    }
    if (!count) {
        *ret_entry = (struct time_entry){ -1, ix->base_offset };
        return ERR_OK;
    }
    return time_index_at(ix, at, count - 1, ret_entry);
}

enum err time_index_truncate(struct time_index *ix, struct entry_path at, uint32_t count)
{
    enum err e = entry_file_truncate(&ix->file, at, count);
    return e ? e : load_last(ix, at);
}

enum err time_index_truncate_to(struct time_index *ix, struct entry_path at, int64_t offset)
{
    /* Offsets are not the search key; entries beyond the cut are few, so walk back from the end. */
    uint32_t count = entry_file_count(&ix->file);
    while (count) {
        struct time_entry entry;
        enum err e = time_index_at(ix, at, count - 1, &entry);
        if (e) {
            return e;
        }
        if (entry.offset < offset) {
            break;
        }
        count--;
    }
    return time_index_truncate(ix, at, count);
}
