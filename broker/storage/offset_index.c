/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_index.c - a segment's .index. Driven by segment.c.
 *   (X1) offsets and positions grow strictly from entry to entry;
 *   (X2) last is the last entry, or {base_offset, 0}.
 */
#include "broker/storage/offset_index.h"

#include "protocol/base/buf.h"
#include "protocol/wire/reader.h"

#include <assert.h>

static struct offset_entry entry_decode(const uint8_t *bytes, int64_t base_offset)
{
    struct reader r = reader_of(slice_of(bytes, OFFSET_INDEX_ENTRY_BYTES));
    struct offset_entry e;
    e.offset = base_offset + reader_i32(&r);
    e.position = reader_u32(&r);
    return e;
}

enum err offset_index_at(struct offset_index *ix, struct entry_path at, uint32_t i,
                         struct offset_entry *ret_entry)
{
    uint8_t bytes[OFFSET_INDEX_ENTRY_BYTES];
    enum err e = entry_file_read(&ix->file, at, i, 1, bytes);
    if (!e) {
        *ret_entry = entry_decode(bytes, ix->base_offset);
    }
    return e;
}

static enum err load_last(struct offset_index *ix, struct entry_path at)
{
    ix->last = (struct offset_entry){ ix->base_offset, 0 };
    uint32_t count = entry_file_count(&ix->file);
    return count ? offset_index_at(ix, at, count - 1, &ix->last) : ERR_OK;
}

enum err offset_index_open(struct offset_index *ix, struct entry_path at, int64_t base_offset)
{
    ix->base_offset = base_offset;
    ix->last = (struct offset_entry){ base_offset, 0 };
    enum err e = entry_file_open(&ix->file, at, OFFSET_INDEX_ENTRY_BYTES);
    if (!e) {
        e = load_last(ix, at);
    }
    if (!e && entry_file_count(&ix->file) && ix->last.offset < base_offset) {
        return ERR_CORRUPT;
    }
    return e;
}

enum err offset_index_append(struct offset_index *ix, struct entry_path at, int64_t last_offset,
                             uint32_t position)
{
    int64_t relative = last_offset - ix->base_offset;
    assert(relative >= 0 && relative <= INT32_MAX);
    uint8_t bytes[OFFSET_INDEX_ENTRY_BYTES];
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(relative >> (24 - 8 * i));
        bytes[4 + i] = (uint8_t)(position >> (24 - 8 * i));
    }
    enum err e = entry_file_append(&ix->file, at, bytes);
    if (!e) {
        ix->last = (struct offset_entry){ last_offset, position };
    }
    return e;
}

/* How many entries lie at or below an offset. */
static enum err count_le(struct offset_index *ix, struct entry_path at, int64_t offset,
                         uint32_t *ret_count)
{
    int64_t relative = offset - ix->base_offset;
    if (offset >= ix->last.offset) {
        *ret_count = entry_file_count(&ix->file); /* readers are mostly near the end */
        return ERR_OK;
    }
    return entry_file_count_le(&ix->file, at, 4, relative, ret_count);
}

enum err offset_index_lookup(struct offset_index *ix, struct entry_path at, int64_t offset,
                             struct offset_entry *ret_entry)
{
    uint32_t count;
    if (offset >= ix->last.offset) {
        *ret_entry = ix->last;
        return ERR_OK;
    }
    enum err e = count_le(ix, at, offset, &count);
    if (e) {
        return e;
    }
    if (!count) {
        *ret_entry = (struct offset_entry){ ix->base_offset, 0 };
        return ERR_OK;
    }
    return offset_index_at(ix, at, count - 1, ret_entry);
}

enum err offset_index_truncate(struct offset_index *ix, struct entry_path at, uint32_t count)
{
    enum err e = entry_file_truncate(&ix->file, at, count);
    return e ? e : load_last(ix, at);
}

enum err offset_index_truncate_to(struct offset_index *ix, struct entry_path at, int64_t offset)
{
    uint32_t count;
    enum err e = count_le(ix, at, offset - 1, &count);
    return e ? e : offset_index_truncate(ix, at, count);
}
