/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_file.c - a file of fixed-size entries. Driven by offset_index.c and time_index.c.
 *   (E1) the file has written * entry_bytes bytes, or is missing when written is 0;
 *   (E2) pending entries follow the written ones; pending is NULL only when there are none.
 */
#include "broker/storage/entry_file.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/reader.h"

#include <assert.h>
#include <sys/uio.h>

enum { SEARCH_BLOCK_ENTRIES = 256 };

static enum err slot_file(struct entry_file *f, struct entry_path at, unsigned flags,
                          struct open_file **ret_file)
{
    return file_cache_get(at.files, &f->slot, at.name, flags, ret_file, NULL);
}

enum err entry_file_open(struct entry_file *f, struct entry_path at, uint8_t entry_bytes)
{
    assert(entry_bytes <= ENTRY_BYTES_MAX);
    *f = (struct entry_file){ .entry_bytes = entry_bytes };
    struct open_file *file;
    enum err e = slot_file(f, at, 0, &file);
    if (e) {
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    uint64_t size = 0;
    e = file->vfs->ops->size(file->vfs, file->file, &size);
    if (e) {
        return e;
    }
    if (size % entry_bytes || size > INT32_MAX) {
        return ERR_CORRUPT;
    }
    f->written = (uint32_t)(size / entry_bytes);
    return ERR_OK;
}

void entry_file_close(struct entry_file *f, struct file_cache *files)
{
    file_cache_close(files, &f->slot);
    mem_free(f->pending);
    f->pending = NULL;
    f->pending_count = 0;
}

enum err entry_file_append(struct entry_file *f, struct entry_path at, const uint8_t *entry)
{
    if (f->pending_count == ENTRY_FILE_PENDING_MAX) {
        enum err e = entry_file_write(f, at);
        if (e) {
            return e;
        }
    }
    if (!f->pending) {
        f->pending = mem_alloc((size_t)ENTRY_FILE_PENDING_MAX * f->entry_bytes);
    }
    memcpy(f->pending + (size_t)f->pending_count * f->entry_bytes, entry, f->entry_bytes);
    f->pending_count++;
    return ERR_OK;
}

enum err entry_file_write(struct entry_file *f, struct entry_path at)
{
    struct open_file *file;
    if (!f->pending_count && f->written) {
        return ERR_OK;
    }
    enum err e = slot_file(f, at, VFS_CREATE, &file);
    if (e || !f->pending_count) {
        return e;
    }
    struct iovec iov = { f->pending, (size_t)f->pending_count * f->entry_bytes };
    e = file->vfs->ops->pwritev(file->vfs, file->file, &iov, 1,
                                (uint64_t)f->written * f->entry_bytes);
    if (e) {
        return e;
    }
    f->written += f->pending_count;
    f->pending_count = 0;
    mem_free(f->pending);
    f->pending = NULL;
    return ERR_OK;
}

enum err entry_file_read(struct entry_file *f, struct entry_path at, uint32_t first, uint32_t count,
                         uint8_t *ret_entries)
{
    assert(first + count <= entry_file_count(f));
    uint32_t from_file = first >= f->written          ? 0
                         : f->written - first < count ? f->written - first
                                                      : count;
    if (from_file) {
        struct open_file *file;
        enum err e = slot_file(f, at, 0, &file);
        if (e) {
            return e;
        }
        size_t want = (size_t)from_file * f->entry_bytes;
        size_t got = 0;
        e = file->vfs->ops->pread(file->vfs, file->file, ret_entries, want,
                                  (uint64_t)first * f->entry_bytes, &got);
        if (e) {
            return e;
        }
        if (got != want) {
            return ERR_CORRUPT; /* the file became shorter under us */
        }
    }
    if (from_file < count) {
        uint32_t skip = first + from_file - f->written;
        memcpy(ret_entries + (size_t)from_file * f->entry_bytes,
               f->pending + (size_t)skip * f->entry_bytes,
               (size_t)(count - from_file) * f->entry_bytes);
    }
    return ERR_OK;
}

enum err entry_file_truncate(struct entry_file *f, struct entry_path at, uint32_t count)
{
    if (count >= f->written) {
        if (count < entry_file_count(f)) {
            f->pending_count = (uint16_t)(count - f->written);
        }
        return ERR_OK;
    }
    struct open_file *file;
    enum err e = slot_file(f, at, 0, &file);
    if (!e) {
        e = file->vfs->ops->truncate(file->vfs, file->file, (uint64_t)count * f->entry_bytes);
    }
    if (e) {
        return e;
    }
    f->written = count;
    f->pending_count = 0;
    return ERR_OK;
}

static int64_t key_of(const uint8_t *entry, unsigned key_bytes)
{
    struct reader r = reader_of(slice_of(entry, key_bytes));
    return key_bytes == 4 ? reader_i32(&r) : reader_i64(&r);
}

enum err entry_file_count_le(struct entry_file *f, struct entry_path at, unsigned key_bytes,
                             int64_t key, uint32_t *ret_count)
{
    uint32_t low = 0, high = entry_file_count(f); /* entries below low are <= key, from high on > */
    uint8_t block[SEARCH_BLOCK_ENTRIES * ENTRY_BYTES_MAX];
    while (high - low > SEARCH_BLOCK_ENTRIES) {
        uint32_t mid = low + (high - low) / 2;
        enum err e = entry_file_read(f, at, mid, 1, block);
        if (e) {
            return e;
        }
        if (key_of(block, key_bytes) <= key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    uint32_t count = high - low;
    enum err e = count ? entry_file_read(f, at, low, count, block) : ERR_OK;
    if (e) {
        return e;
    }
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (key_of(block + (size_t)mid * f->entry_bytes, key_bytes) <= key) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    *ret_count = low + from;
    return ERR_OK;
}

enum err entry_file_in_order(struct entry_file *f, struct entry_path at, unsigned key_bytes,
                             int64_t step, bool *ret_in_order)
{
    uint8_t block[SEARCH_BLOCK_ENTRIES * ENTRY_BYTES_MAX];
    int64_t last_key = -1, last_value = -step;
    for (uint32_t i = 0; i < entry_file_count(f); i += SEARCH_BLOCK_ENTRIES) {
        uint32_t left = entry_file_count(f) - i;
        uint32_t count = left < SEARCH_BLOCK_ENTRIES ? left : SEARCH_BLOCK_ENTRIES;
        enum err e = entry_file_read(f, at, i, count, block);
        if (e) {
            return e;
        }
        for (uint32_t k = 0; k < count; k++) {
            const uint8_t *entry = block + (size_t)k * f->entry_bytes;
            int64_t key = key_of(entry, key_bytes);
            int64_t value = key_of(entry + key_bytes, 4);
            if (key <= last_key || value < last_value + step) {
                *ret_in_order = false;
                return ERR_OK;
            }
            last_key = key;
            last_value = value;
        }
    }
    *ret_in_order = true;
    return ERR_OK;
}
