/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - one segment of a log. Driven by log.c, log_read.c, retention.c and recovery.c.
 *   (S1) size_bytes is the size of the .log as far as we wrote it; nothing behind it is ever read.
 *   (S2) Index entries point to batches that are there, or to nothing: an entry is checked against
 *        the batch it names before it is believed (segment_find, segment_find_time,
 *        segment_load_indexes), so that a damaged index costs a rebuild and never a wrong answer.
 *   (S3) A time entry exists for every offset entry, or its timestamp was not greater than before.
 */
#include "broker/storage/segment.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <sys/uio.h>

static struct segment_name name_of(const struct segment *s, struct segment_home home,
                                   const char *suffix)
{
    return (struct segment_name){ home.dir, s->base_offset, suffix };
}

static struct entry_path index_path(const struct segment *s, struct segment_home home)
{
    return (struct entry_path){ home.files, name_of(s, home, SEGMENT_INDEX) };
}

static struct entry_path time_path(const struct segment *s, struct segment_home home)
{
    return (struct entry_path){ home.files, name_of(s, home, SEGMENT_TIME_INDEX) };
}

/* --- life cycle ------------------------------------------------------------------------------- */

struct segment *segment_new(int64_t base_offset)
{
    struct segment *s = mem_zalloc(sizeof(*s));
    s->base_offset = base_offset;
    s->next_offset = base_offset;
    s->max_timestamp_ms = -1;
    s->max_timestamp_offset = base_offset;
    s->first_timestamp_ms = -1;
    s->offsets.base_offset = base_offset;
    s->times.base_offset = base_offset;
    return s;
}

static void close_indexes(struct segment *s, struct segment_home home)
{
    entry_file_close(&s->offsets.file, home.files);
    entry_file_close(&s->times.file, home.files);
    s->indexes_loaded = false;
}

void segment_free(struct segment *s, struct segment_home home)
{
    if (s) {
        close_indexes(s, home);
        file_cache_close(home.files, &s->log);
        mem_free(s);
    }
}

enum err segment_file(struct segment *s, struct segment_home home, struct open_file **ret_file,
                      struct error *err)
{
    return file_cache_get(home.files, &s->log, name_of(s, home, SEGMENT_LOG), 0, ret_file, err);
}

enum err segment_create(struct segment *s, struct segment_home home, int64_t now_ms,
                        struct error *err)
{
    struct open_file *file;
    enum err e = file_cache_get(home.files, &s->log, name_of(s, home, SEGMENT_LOG),
                                VFS_CREATE | VFS_EXCL, &file, err);
    if (e) {
        return e;
    }
    s->modified_ms = now_ms;
    s->unsynced = true;
    return ERR_OK;
}

enum err segment_open(struct segment *s, struct segment_home home, struct error *err)
{
    struct vfs *v = home.files->vfs;
    struct vfs_stat st;
    char path[SEGMENT_PATH_MAX];
    segment_name_format(name_of(s, home, SEGMENT_LOG), path);
    enum err e = v->ops->stat(v, path, &st);
    if (e) {
        return err_set(err, e, "look at %s: %s", path, err_text(e));
    }
    if (st.size_bytes > INT32_MAX) {
        return err_set(err, ERR_LIMIT, "%s has %llu bytes, a segment has at most %d", path,
                       (unsigned long long)st.size_bytes, INT32_MAX);
    }
    s->size_bytes = (uint32_t)st.size_bytes;
    s->sound_from = s->size_bytes;
    s->modified_ms = st.mtime_ms;
    return ERR_OK;
}

/* --- walking ---------------------------------------------------------------------------------- */

enum err segment_walk_begin(struct segment_walk *w, struct segment *s, struct segment_home home)
{
    w->end = s->size_bytes;
    w->have_from = 0;
    w->have_len = 0;
    return segment_file(s, home, &w->file, NULL);
}

enum err segment_walk_at(struct segment_walk *w, uint32_t position, struct segment_batch *ret_batch)
{
    if (position >= w->end) {
        return position == w->end ? ERR_NOT_FOUND : ERR_CORRUPT;
    }
    if (w->end - position < BATCH_HEADER_BYTES) {
        return ERR_CORRUPT;
    }
    if (position < w->have_from || position + BATCH_HEADER_BYTES > w->have_from + w->have_len) {
        size_t want =
            w->end - position < SEGMENT_WALK_BYTES ? w->end - position : SEGMENT_WALK_BYTES;
        size_t got = 0;
        struct vfs *v = w->file->vfs;
        enum err e = v->ops->pread(v, w->file->file, w->bytes, want, position, &got);
        if (e) {
            return e;
        }
        w->have_from = position;
        w->have_len = (uint32_t)got;
        if (got < BATCH_HEADER_BYTES) {
            return ERR_CORRUPT;
        }
    }
    struct slice header = slice_of(w->bytes + (position - w->have_from), BATCH_HEADER_BYTES);
    struct segment_batch b = { .position = position };
    if (batch_parse_header(header, &b.header, &b.size_bytes) || b.size_bytes > w->end - position) {
        return ERR_CORRUPT;
    }
    *ret_batch = b;
    return ERR_OK;
}

enum err segment_batch_at(struct segment *s, struct segment_home home, uint32_t position,
                          struct segment_batch *ret_batch)
{
    struct segment_walk w;
    enum err e = segment_walk_begin(&w, s, home);
    return e ? e : segment_walk_at(&w, position, ret_batch);
}

/* Whether a batch may follow what the segment has: offsets grow and stay in reach of the
 * indexes. */
static bool batch_follows(const struct segment *s, const struct segment_batch *b)
{
    return b->header.base_offset >= s->next_offset &&
           batch_last_offset(&b->header) - s->base_offset <= INT32_MAX;
}

/* --- indexes ---------------------------------------------------------------------------------- */

void segment_index_batch(struct segment *s, struct segment_home home, uint32_t position,
                         const struct batch_view *batch, uint32_t size_bytes,
                         uint32_t index_interval_bytes)
{
    int64_t last_offset = batch_last_offset(batch);
    if (batch->max_timestamp_ms > s->max_timestamp_ms) {
        s->max_timestamp_ms = batch->max_timestamp_ms;
        s->max_timestamp_offset = last_offset;
    }
    if (position == 0) {
        s->first_timestamp_ms = batch->max_timestamp_ms;
    }
    s->next_offset = last_offset + 1;
    s->sound_bytes = position + size_bytes;
    if (s->bytes_since_index > index_interval_bytes &&
        time_index_append(&s->times, time_path(s, home), s->max_timestamp_ms,
                          s->max_timestamp_offset) == ERR_OK &&
        offset_index_append(&s->offsets, index_path(s, home), last_offset, position) == ERR_OK) {
        s->bytes_since_index = 0;
    }
    s->bytes_since_index += size_bytes;
}

/* Forgets both indexes: everything has to be walked again from position 0. */
static enum err reset_indexes(struct segment *s, struct segment_home home)
{
    enum err e = offset_index_truncate(&s->offsets, index_path(s, home), 0);
    if (!e) {
        e = time_index_truncate(&s->times, time_path(s, home), 0);
    }
    s->next_offset = s->base_offset;
    s->max_timestamp_ms = -1;
    s->max_timestamp_offset = s->base_offset;
    s->bytes_since_index = 0;
    s->sound_bytes = 0;
    return e;
}

/* Empties an index file that cannot be one; its size may be any. */
static enum err clear_file(struct entry_file *f, struct entry_path at, uint8_t entry_bytes)
{
    struct open_file *file;
    entry_file_close(f, at.files);
    enum err e = file_cache_get(at.files, &f->slot, at.name, VFS_TRUNC, &file, NULL);
    if (e) {
        return e;
    }
    entry_file_close(f, at.files);
    return entry_file_open(f, at, entry_bytes);
}

/* Opens both index files; *ret_trusted is false when one of them was bad (both are empty then). */
static enum err open_indexes(struct segment *s, struct segment_home home, bool *ret_trusted)
{
    enum err e = offset_index_open(&s->offsets, index_path(s, home), s->base_offset);
    bool bad_offsets = e == ERR_CORRUPT;
    if (bad_offsets) {
        e = clear_file(&s->offsets.file, index_path(s, home), OFFSET_INDEX_ENTRY_BYTES);
    }
    if (e) {
        return e;
    }
    e = time_index_open(&s->times, time_path(s, home), s->base_offset);
    bool bad_times = e == ERR_CORRUPT;
    if (bad_times) {
        e = clear_file(&s->times.file, time_path(s, home), TIME_INDEX_ENTRY_BYTES);
    }
    if (e) {
        return e;
    }
    *ret_trusted = !bad_offsets && !bad_times;
    return *ret_trusted ? ERR_OK : reset_indexes(s, home);
}

/* Whether an entry names a batch that is there. */
static bool entry_is_true(struct segment *s, struct segment_home home, struct offset_entry entry)
{
    struct segment_batch b;
    return segment_batch_at(s, home, entry.position, &b) == ERR_OK &&
           batch_last_offset(&b.header) == entry.offset;
}

/* The first batch that reaches offset, by an entry at or before it. */
static enum err find_from(struct segment *s, struct segment_home home, struct offset_entry entry,
                          int64_t offset, struct segment_batch *ret_batch)
{
    struct segment_walk w;
    uint32_t position = entry.position;
    enum err e = segment_walk_begin(&w, s, home);
    while (!e) {
        struct segment_batch b;
        e = segment_walk_at(&w, position, &b);
        if (!e && batch_last_offset(&b.header) >= offset) {
            *ret_batch = b;
            return ERR_OK;
        }
        position += e ? 0 : b.size_bytes;
    }
    return e;
}

/* Whether the batch that a time entry names has that greatest timestamp. */
static bool time_is_true(struct segment *s, struct segment_home home, struct time_entry entry)
{
    struct offset_entry near;
    struct segment_batch b;
    return entry.timestamp_ms < 0 ||
           (offset_index_lookup(&s->offsets, index_path(s, home), entry.offset, &near) == ERR_OK &&
            (!near.position || entry_is_true(s, home, near)) &&
            find_from(s, home, near, entry.offset, &b) == ERR_OK &&
            b.header.base_offset <= entry.offset &&
            b.header.max_timestamp_ms == entry.timestamp_ms);
}

/* Makes the segment's end that of the batch an entry names, as if the walk had just passed it. */
static enum err resume_at(struct segment *s, struct segment_home home, uint32_t *ret_position)
{
    *ret_position = 0;
    if (!entry_file_count(&s->offsets.file)) {
        return reset_indexes(s, home);
    }
    struct segment_batch b;
    enum err e = segment_batch_at(s, home, s->offsets.last.position, &b);
    if (e) {
        return e;
    }
    s->max_timestamp_ms = s->times.last.timestamp_ms;
    s->max_timestamp_offset = s->times.last.offset;
    if (b.header.max_timestamp_ms > s->max_timestamp_ms) {
        s->max_timestamp_ms = b.header.max_timestamp_ms;
        s->max_timestamp_offset = batch_last_offset(&b.header);
    }
    s->next_offset = batch_last_offset(&b.header) + 1;
    s->bytes_since_index = b.size_bytes;
    s->sound_bytes = b.position + b.size_bytes;
    *ret_position = s->sound_bytes;
    return ERR_OK;
}

/* Walks headers from position to the batch that reaches until_offset, to the end, or to damage. */
static enum err walk_tail(struct segment *s, struct segment_home home, uint32_t position,
                          int64_t until_offset, uint32_t index_interval_bytes)
{
    struct segment_walk w;
    enum err e = segment_walk_begin(&w, s, home);
    while (!e) {
        struct segment_batch b;
        e = segment_walk_at(&w, position, &b);
        if (!e && !batch_follows(s, &b)) {
            e = ERR_CORRUPT;
        }
        if (!e && batch_last_offset(&b.header) >= until_offset) {
            break;
        }
        if (!e) {
            segment_index_batch(s, home, position, &b.header, b.size_bytes, index_interval_bytes);
            position += b.size_bytes;
            e = segment_file(s, home, &w.file, NULL); /* indexing may have closed it */
        }
    }
    return e == ERR_NOT_FOUND || e == ERR_CORRUPT ? ERR_OK : e;
}

enum err segment_load_indexes(struct segment *s, struct segment_home home,
                              uint32_t index_interval_bytes, bool *ret_rebuilt)
{
    if (s->indexes_loaded) {
        return ERR_OK;
    }
    if (!s->size_bytes) { /* nothing to read; a leftover index of an empty log is cleared */
        bool ignored;
        enum err e = open_indexes(s, home, &ignored);
        e = e ? e : reset_indexes(s, home);
        s->indexes_loaded = e == ERR_OK;
        return e;
    }
    bool trusted = true;
    enum err e = open_indexes(s, home, &trusted);
    if (!e && ((entry_file_count(&s->offsets.file) && !entry_is_true(s, home, s->offsets.last)) ||
               !time_is_true(s, home, s->times.last))) {
        trusted = false;
        e = reset_indexes(s, home);
    }
    uint32_t position = 0;
    if (!e) {
        e = resume_at(s, home, &position);
    }
    uint32_t had = entry_file_count(&s->offsets.file);
    if (!e) {
        e = walk_tail(s, home, position, INT64_MAX, index_interval_bytes);
    }
    if (e) {
        close_indexes(s, home);
        return e;
    }
    s->indexes_loaded = true;
    if (ret_rebuilt) {
        *ret_rebuilt = !trusted || entry_file_count(&s->offsets.file) != had;
    }
    return ERR_OK;
}

/* Whether offsets and positions of all entries grow, and timestamps too. */
static enum err verify_order(struct segment *s, struct segment_home home, bool *ret_sound)
{
    bool offsets = false, times = false;
    enum err e = entry_file_in_order(&s->offsets.file, index_path(s, home), 4, 1, &offsets);
    if (!e) {
        e = entry_file_in_order(&s->times.file, time_path(s, home), 8, 0, &times);
    }
    *ret_sound = offsets && times;
    return e;
}

enum err segment_begin_recovery(struct segment *s, struct segment_home home, int64_t offset,
                                uint32_t index_interval_bytes, uint32_t *ret_position)
{
    bool sound = false;
    close_indexes(s, home);
    enum err e = open_indexes(s, home, &sound);
    if (!e && sound) {
        e = verify_order(s, home, &sound);
    }
    if (e) {
        return e;
    }
    if (!sound) {
        e = reset_indexes(s, home);
    } else {
        /* Offset entries beyond the last time entry may have lost theirs (S3). */
        int64_t known = s->times.last.timestamp_ms < 0 ? s->base_offset : s->times.last.offset + 1;
        int64_t keep = known < offset ? known : offset;
        e = offset_index_truncate_to(&s->offsets, index_path(s, home), keep);
        if (!e && entry_file_count(&s->offsets.file) && !entry_is_true(s, home, s->offsets.last)) {
            e = reset_indexes(s, home);
        }
        if (!e) {
            e = time_index_truncate_to(&s->times, time_path(s, home),
                                       entry_file_count(&s->offsets.file)
                                           ? s->offsets.last.offset + 1
                                           : s->base_offset);
        }
    }
    uint32_t position = 0;
    if (!e) {
        e = resume_at(s, home, &position);
    }
    if (!e) { /* below `offset` the log is sound, headers are enough */
        e = walk_tail(s, home, position, offset, index_interval_bytes);
    }
    s->indexes_loaded = e == ERR_OK;
    if (!e) {
        *ret_position = s->sound_bytes;
    }
    return e;
}

enum err segment_write_indexes(struct segment *s, struct segment_home home, bool final)
{
    enum err e = ERR_OK;
    if (!s->indexes_loaded) {
        return ERR_OK;
    }
    if (final && s->max_timestamp_ms >= 0) {
        e = time_index_append(&s->times, time_path(s, home), s->max_timestamp_ms,
                              s->max_timestamp_offset);
    }
    if (!e && (final || s->offsets.file.pending_count)) {
        e = entry_file_write(&s->offsets.file, index_path(s, home));
    }
    if (!e && (final || s->times.file.pending_count)) {
        e = entry_file_write(&s->times.file, time_path(s, home));
    }
    return e;
}

/* --- data ------------------------------------------------------------------------------------- */

enum err segment_append(struct segment *s, struct segment_home home, struct slice batches,
                        struct error *err)
{
    struct open_file *file;
    enum err e = segment_file(s, home, &file, err);
    if (e) {
        return e;
    }
    struct vfs *v = home.files->vfs;
    struct iovec iov = { (void *)(uintptr_t)batches.ptr, batches.len };
    e = v->ops->pwritev(v, file->file, &iov, 1, s->size_bytes);
    if (!e) {
        s->size_bytes += (uint32_t)batches.len;
        s->unsynced = true;
        return ERR_OK;
    }
    char path[SEGMENT_PATH_MAX];
    segment_name_format(name_of(s, home, SEGMENT_LOG), path);
    if (v->ops->truncate(v, file->file, s->size_bytes)) {
        return err_set(err, ERR_IO, "write %s: %s; cutting off what was written failed too", path,
                       err_text(e));
    }
    return err_set(err, e, "write %s: %s", path, err_text(e));
}

/* (S2) Both indexes from the log. */
static enum err rebuild(struct segment *s, struct segment_home home, uint32_t index_interval_bytes)
{
    enum err e = reset_indexes(s, home);
    return e ? e : walk_tail(s, home, 0, INT64_MAX, index_interval_bytes);
}

enum err segment_find(struct segment *s, struct segment_home home, int64_t offset,
                      uint32_t index_interval_bytes, struct segment_batch *ret_batch)
{
    enum err e = segment_load_indexes(s, home, index_interval_bytes, NULL);
    struct offset_entry entry = { s->base_offset, 0 };
    if (!e) {
        e = offset_index_lookup(&s->offsets, index_path(s, home), offset, &entry);
    }
    if (!e && entry.position && !entry_is_true(s, home, entry)) {
        e = rebuild(s, home, index_interval_bytes);
        e = e ? e : offset_index_lookup(&s->offsets, index_path(s, home), offset, &entry);
    }
    return e ? e : find_from(s, home, entry, offset, ret_batch);
}

enum err segment_find_time(struct segment *s, struct segment_home home, int64_t timestamp_ms,
                           uint32_t index_interval_bytes, struct time_entry *ret_entry)
{
    enum err e = segment_load_indexes(s, home, index_interval_bytes, NULL);
    e = e ? e : time_index_lookup(&s->times, time_path(s, home), timestamp_ms, ret_entry);
    if (!e && !time_is_true(s, home, *ret_entry)) {
        e = rebuild(s, home, index_interval_bytes);
        e = e ? e : time_index_lookup(&s->times, time_path(s, home), timestamp_ms, ret_entry);
    }
    return e;
}

enum err segment_truncate(struct segment *s, struct segment_home home, uint32_t position,
                          int64_t offset, uint32_t index_interval_bytes, struct error *err)
{
    assert(position <= s->size_bytes);
    struct open_file *file;
    enum err e = segment_file(s, home, &file, err);
    if (e) {
        return e;
    }
    e = file->vfs->ops->truncate(file->vfs, file->file, position);
    if (!e) {
        s->size_bytes = position;
        s->sound_from = s->sound_from < position ? s->sound_from : position;
        s->read_to = s->read_to < position ? s->read_to : position;
        s->read_from = s->read_from < position ? s->read_from : position;
        s->unsynced = true;
        if (!position) {
            s->first_timestamp_ms = -1;
        }
        e = segment_begin_recovery(s, home, offset, index_interval_bytes, &position);
    }
    return e ? err_set(err, e, "cut %s/%020lld.log: %s", home.dir, (long long)s->base_offset,
                       err_text(e))
             : ERR_OK;
}

/* --- removal ---------------------------------------------------------------------------------- */

static const char *const suffixes[] = { SEGMENT_LOG, SEGMENT_INDEX, SEGMENT_TIME_INDEX,
                                        SEGMENT_TXN_INDEX, SEGMENT_SNAPSHOT };
enum { SUFFIX_COUNT = sizeof(suffixes) / sizeof(suffixes[0]) };

enum err segment_rename_deleted(struct segment *s, struct segment_home home, struct error *err)
{
    struct vfs *v = home.files->vfs;
    for (unsigned i = 0; i < SUFFIX_COUNT; i++) {
        char from[SEGMENT_PATH_MAX], to[SEGMENT_PATH_MAX], suffix[32];
        segment_name_format(name_of(s, home, suffixes[i]), from);
        snprintf(suffix, sizeof(suffix), "%s%s", suffixes[i], SEGMENT_DELETED);
        segment_name_format(name_of(s, home, suffix), to);
        enum err e = v->ops->rename(v, from, to, err);
        if (e && e != ERR_NOT_FOUND) {
            return e;
        }
    }
    return ERR_OK;
}

enum err segment_unlink_deleted(struct segment_home home, int64_t base_offset, struct error *err)
{
    struct vfs *v = home.files->vfs;
    for (unsigned i = 0; i < SUFFIX_COUNT; i++) {
        char path[SEGMENT_PATH_MAX], suffix[32];
        snprintf(suffix, sizeof(suffix), "%s%s", suffixes[i], SEGMENT_DELETED);
        segment_name_format((struct segment_name){ home.dir, base_offset, suffix }, path);
        enum err e = v->ops->unlink(v, path, err);
        if (e && e != ERR_NOT_FOUND) {
            return e;
        }
    }
    return ERR_OK;
}
