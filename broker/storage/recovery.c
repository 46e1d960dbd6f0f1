/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.c - from a directory to a log. Driven by log_open(), once per partition at the start.
 * In Apache Kafka's order: finish or undo what a crash interrupted (.deleted, .cleaned, .swap),
 * open the segments, walk what no sync has covered, then epochs and producers.
 *   (V1) after a clean shutdown only the end of the active segment is looked at;
 *   (V2) otherwise every batch at or above the recovery point is read and its checksum compared;
 *        the log ends before the first one that is not whole and sound, later segments go;
 *   (V3) recovery is idempotent: a crash inside it is recovered like any other.
 */
#include "broker/storage/log_internal.h"

#include "broker/storage/checkpoint.h"
#include "broker/storage/producer_snapshot.h"
#include "broker/storage/segment_scan.h"
#include "protocol/base/alloc.h"

#include <ctype.h>
#include <stdio.h>

enum { PROGRESS_EVERY_BYTES = 32 << 20 };

/* --- the files of a directory ----------------------------------------------------------------- */

struct found_file {
    int64_t base_offset;
    char suffix[32];
};

struct found_files {
    struct found_file *files; /* sorted by name, thus by base offset */
    uint32_t count, cap;
};

static void note_file(void *ctx, const char *name)
{
    struct found_files *found = ctx;
    int64_t base = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (!isdigit((unsigned char)name[i]) || base > (INT64_MAX - 9) / 10) {
            return;
        }
        base = base * 10 + (name[i] - '0');
    }
    size_t len = strlen(name + 20);
    if (name[20] != '.' || len >= sizeof(found->files->suffix)) {
        return;
    }
    if (found->count == found->cap) {
        found->cap = found->cap ? found->cap * 2 : 8;
        found->files = mem_rearray(found->files, found->cap, sizeof(*found->files));
    }
    struct found_file *f = &found->files[found->count++];
    f->base_offset = base;
    memcpy(f->suffix, name + 20, len + 1);
}

static enum err list_files(const struct partition_log *log, struct found_files *ret_found,
                           struct error *err)
{
    struct vfs *v = log->home.files->vfs;
    *ret_found = (struct found_files){ 0 };
    enum err e = v->ops->list(v, log->home.dir, note_file, ret_found, err);
    if (e) {
        mem_free(ret_found->files);
        *ret_found = (struct found_files){ 0 };
    }
    return e;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum err unlink_file(const struct partition_log *log, int64_t base_offset,
                            const char *suffix, struct error *err)
{
    struct vfs *v = log->home.files->vfs;
    char path[SEGMENT_PATH_MAX];
    segment_name_format((struct segment_name){ log->home.dir, base_offset, suffix }, path);
    enum err e = v->ops->unlink(v, path, err);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool has_file(const struct found_files *found, int64_t base_offset, const char *suffix)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->files[i].base_offset == base_offset &&
            strcmp(found->files[i].suffix, suffix) == 0) {
            return true;
        }
    }
    return false;
}

/* The offset behind the last whole batch of a `.log.swap`. */
static enum err swap_end(const struct partition_log *log, int64_t base_offset, int64_t *ret_end,
                         struct error *err)
{
    struct vfs *v = log->home.files->vfs;
    char path[SEGMENT_PATH_MAX];
    segment_name_format((struct segment_name){ log->home.dir, base_offset, ".log.swap" }, path);
    struct vfs_file *file;
    enum err e = v->ops->open(v, path, VFS_READ, &file, err);
    if (e) {
        return e;
    }
    int64_t end = base_offset + 1;
    uint64_t position = 0;
    for (;;) {
        uint8_t bytes[BATCH_HEADER_BYTES];
        size_t got = 0;
        struct batch_view b;
        uint32_t size;
        e = v->ops->pread(v, file, bytes, sizeof(bytes), position, &got);
        if (e || batch_parse_header(slice_of(bytes, got), &b, &size)) {
            break;
        }
        end = batch_last_offset(&b) + 1;
        position += size;
    }
    v->ops->close(v, file);
    if (!e) {
        *ret_end = end;
    }
    return e ? err_set(err, e, "read %s: %s", path, err_text(e)) : ERR_OK;
}

/* Finishes one compaction that had renamed its results to .swap: the originals they replace go, the
 * suffix goes. */
static enum err finish_swaps(const struct partition_log *log, const struct found_files *found,
                             struct error *err)
{
    struct vfs *v = log->home.files->vfs;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < found->count && !e; i++) {
        const struct found_file *swap = &found->files[i];
        int64_t end = 0;
        if (strcmp(swap->suffix, ".log.swap") != 0) {
            continue;
        }
        e = swap_end(log, swap->base_offset, &end, err);
        for (uint32_t k = 0; k < found->count && !e; k++) {
            const struct found_file *f = &found->files[k];
            if (f->base_offset >= swap->base_offset && f->base_offset < end &&
                !ends_with(f->suffix, SEGMENT_SWAP) && strcmp(f->suffix, SEGMENT_SNAPSHOT) != 0) {
                e = unlink_file(log, f->base_offset, f->suffix, err);
            }
        }
    }
    for (uint32_t i = 0; i < found->count && !e; i++) {
        const struct found_file *f = &found->files[i];
        if (ends_with(f->suffix, SEGMENT_SWAP)) {
            char from[SEGMENT_PATH_MAX], to[SEGMENT_PATH_MAX];
            segment_name_format((struct segment_name){ log->home.dir, f->base_offset, f->suffix },
                                from);
            memcpy(to, from, sizeof(to));
            to[strlen(to) - strlen(SEGMENT_SWAP)] = '\0';
            e = v->ops->rename(v, from, to, err);
        }
    }
    return e;
}

/* Removes what a crash left half-done. *ret_found is what is there afterwards. */
static enum err clean_up(const struct partition_log *log, struct found_files *ret_found,
                         struct error *err)
{
    struct found_files found;
    enum err e = list_files(log, &found, err);
    int64_t cleaned_min = INT64_MAX;
    bool changed = false, swaps = false;
    for (uint32_t i = 0; i < found.count && !e; i++) {
        const struct found_file *f = &found.files[i];
        bool cleaned = ends_with(f->suffix, SEGMENT_CLEANED);
        if (cleaned && f->base_offset < cleaned_min) {
            cleaned_min = f->base_offset;
        }
        if (cleaned || ends_with(f->suffix, SEGMENT_DELETED)) {
            e = unlink_file(log, f->base_offset, f->suffix, err);
            changed = true;
        }
    }
    for (uint32_t i = 0; i < found.count && !e; i++) {
        struct found_file *f = &found.files[i];
        if (!ends_with(f->suffix, SEGMENT_SWAP)) {
            continue;
        }
        if (f->base_offset >= cleaned_min) { /* written before all were: the originals are whole */
            e = unlink_file(log, f->base_offset, f->suffix, err);
            f->suffix[0] = '\0';
            changed = true;
        } else {
            swaps = true;
        }
    }
    if (!e && swaps) {
        e = finish_swaps(log, &found, err);
    }
    if (!e && (changed || swaps)) {
        mem_free(found.files);
        return list_files(log, ret_found, err);
    }
    if (e) {
        mem_free(found.files);
        return e;
    }
    *ret_found = found;
    return ERR_OK;
}

static enum err open_segments(struct partition_log *log, const struct found_files *found,
                              struct error *err)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const struct found_file *f = &found->files[i];
        enum err e = ERR_OK;
        if (strcmp(f->suffix, SEGMENT_LOG) == 0) {
            struct segment *s = segment_new(f->base_offset);
            e = segment_open(s, log->home, err);
            if (e) {
                segment_free(s, log->home);
                return e;
            }
            log_add_segment(log, s);
            log->size_bytes += s->size_bytes;
        } else if ((strcmp(f->suffix, SEGMENT_INDEX) == 0 ||
                    strcmp(f->suffix, SEGMENT_TIME_INDEX) == 0 ||
                    strcmp(f->suffix, SEGMENT_TXN_INDEX) == 0) &&
                   !has_file(found, f->base_offset, SEGMENT_LOG)) {
            e = unlink_file(log, f->base_offset, f->suffix, err);
        }
        if (e) {
            return e;
        }
    }
    return ERR_OK;
}

/* --- reading what no sync covered ------------------------------------------------------------- */

struct progress {
    const struct log_open_args *args;
    uint64_t done_bytes, total_bytes, told_bytes;
    const struct leader_epochs *told; /* leader-epoch-checkpoint; the walk asks the batches */
};

static void advance(struct progress *p, uint64_t bytes)
{
    p->done_bytes += bytes;
    if (p->args->progress && p->done_bytes - p->told_bytes >= PROGRESS_EVERY_BYTES) {
        p->told_bytes = p->done_bytes;
        p->args->progress(p->args->progress_ctx, p->done_bytes, p->total_bytes);
    }
}

/* The fields of a batch that its checksum leaves out, where they are known otherwise. */
static bool is_as_synced(const struct segment *s, const struct batch_view *b,
                         const struct progress *p)
{
    if (s->next_offset >= p->args->synced_offset) {
        return true;
    }
    int32_t epoch = leader_epochs_of(p->told, s->next_offset);
    return b->base_offset == s->next_offset && (epoch < 0 || b->leader_epoch == epoch);
}

/* Epochs never fall in a log: after a power loss a batch of an older one is what a truncation had
 * cut, behind what was written in its place. */
static bool is_left_over(const struct partition_log *log, const struct batch_view *b)
{
    return b->leader_epoch >= 0 && b->leader_epoch < leader_epochs_of(&log->epochs, b->base_offset);
}

/* Walks one segment from position on; *ret_sound is false when it ended before the file did. */
static enum err scan_segment(struct partition_log *log, struct segment *s, uint32_t position,
                             struct segment_scan *sc, struct progress *p, bool *ret_sound)
{
    enum err e = ERR_OK;
    while (position < sc->end) {
        struct segment_batch b;
        e = segment_scan_batch(sc, position, &b);
        if (!e && (b.header.base_offset < s->next_offset ||
                   batch_last_offset(&b.header) - s->base_offset > INT32_MAX ||
                   is_left_over(log, &b.header) || !is_as_synced(s, &b.header, p))) {
            e = ERR_CORRUPT;
        }
        if (e) {
            break;
        }
        segment_index_batch(s, log->home, position, &b.header, b.size_bytes,
                            log->config.index_interval_bytes);
        leader_epochs_assign(&log->epochs, b.header.leader_epoch, b.header.base_offset);
        position += b.size_bytes;
        advance(p, b.size_bytes);
    }
    *ret_sound = e == ERR_OK;
    return e == ERR_CORRUPT ? ERR_OK : e;
}

/* Recovers one segment: afterwards it ends with its last sound batch. */
static enum err recover_segment(struct partition_log *log, struct segment *s, int64_t offset,
                                struct progress *p, struct log_recovery *r, bool *ret_sound,
                                struct error *err)
{
    uint32_t position = 0;
    struct open_file *file = NULL;
    enum err e =
        segment_begin_recovery(s, log->home, offset, log->config.index_interval_bytes, &position);
    if (!e) {
        e = segment_file(s, log->home, &file, NULL);
    }
    if (e) {
        return err_set(err, e, "recover %s/%020lld.log: %s", log->home.dir,
                       (long long)s->base_offset, err_text(e));
    }
    advance(p, position);
    struct segment_scan sc;
    segment_scan_init(&sc, file, s->size_bytes);
    e = scan_segment(log, s, position, &sc, p, ret_sound);
    r->scanned_bytes += s->size_bytes - position;
    r->indexes_rebuilt += position == 0 && s->size_bytes > 0;
    if (!e && s->next_offset < p->args->synced_offset && !*ret_sound) {
        e = ERR_CORRUPT;
    }
    if (!e && !*ret_sound) {
        r->cut_bytes += s->size_bytes - s->sound_bytes;
        log->size_bytes -= s->size_bytes - s->sound_bytes;
        e = sc.v->ops->truncate(sc.v, sc.file->file, s->sound_bytes);
        s->size_bytes = s->sound_bytes;
    }
    segment_scan_deinit(&sc);
    s->sound_from = position < s->size_bytes ? position : s->size_bytes;
    s->unsynced = true;
    return e ? err_set(err, e, "recover %s/%020lld.log: %s at byte %u, offset %lld", log->home.dir,
                       (long long)s->base_offset, err_text(e), (unsigned)s->sound_bytes,
                       (long long)s->next_offset)
             : ERR_OK;
}

/* Whether a recovered segment ends where the next one begins. One that ends sooner has lost a tail
 * that nothing covered (a power loss cuts each file by itself), unless compaction took its last
 * records. */
static bool joins_next(const struct partition_log *log, uint32_t index)
{
    int64_t end = log->segments[index]->next_offset;
    int64_t next = log->segments[index + 1]->base_offset;
    return end == next || (end < next && log->config.compact);
}

static enum err recover_segments(struct partition_log *log, uint32_t first, int64_t offset,
                                 struct progress *p, struct log_recovery *r, struct error *err)
{
    const struct log_open_args *args = p->args;
    for (uint32_t i = first; i < log->segment_count; i++) {
        struct segment *s = log->segments[i];
        bool sound = false;
        enum err e = recover_segment(log, s, offset, p, r, &sound, err);
        uint32_t later = log->segment_count - i - 1;
        if (!e && later && s->next_offset < args->synced_offset && !joins_next(log, i)) {
            e = err_set(err, ERR_CORRUPT, "recover %s/%020lld.log: records are missing behind it",
                        log->home.dir, (long long)s->base_offset);
        } else if (!e && later && (!sound || !joins_next(log, i))) {
            r->segments_removed += later;
            e = log_drop_segments(log, i + 1, later, args->now_ms, err);
        } else if (!e && later) {
            (void)segment_write_indexes(s, log->home, true); /* made again when that fails */
        }
        if (e) {
            return e;
        }
    }
    return ERR_OK;
}

/* Everything from an offset on (V2). */
static enum err recover_from(struct partition_log *log, int64_t offset,
                             const struct log_open_args *args, const struct leader_epochs *told,
                             struct log_recovery *r, struct error *err)
{
    struct progress p = { .args = args, .told = told };
    uint32_t first = log_segment_index(log, offset);
    for (uint32_t i = first; i < log->segment_count; i++) {
        p.total_bytes += log->segments[i]->size_bytes;
    }
    return recover_segments(log, first, offset, &p, r, err);
}

/* --- epochs and producers --------------------------------------------------------------------- */

enum err recovery_each_header(struct partition_log *log, int64_t offset,
                              void (*each)(void *ctx, const struct batch_view *b), void *ctx,
                              bool *ret_whole)
{
    bool whole = true;
    for (uint32_t i = log_segment_index(log, offset); i < log->segment_count; i++) {
        struct segment *s = log->segments[i];
        struct segment_batch b;
        struct segment_walk w;
        enum err e = segment_find(s, log->home, offset, log->config.index_interval_bytes, &b);
        if (!e) {
            e = segment_walk_begin(&w, s, log->home);
        }
        while (!e) {
            each(ctx, &b.header);
            e = segment_walk_at(&w, b.position + b.size_bytes, &b);
        }
        if (e != ERR_NOT_FOUND && e != ERR_CORRUPT) { /* damage below the recovery point: readers
                                                         will be told, the rest is still served */
            return e;
        }
        whole &= e == ERR_NOT_FOUND;
    }
    *ret_whole = whole;
    return ERR_OK;
}

/* As leader-epoch-checkpoint tells them. It is written in place: a run that was killed meanwhile
 * may have left nothing in it, and then there is none. */
static enum err load_epochs(const struct partition_log *log, struct leader_epochs *ret_told,
                            struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", log->home.dir, CHECKPOINT_LEADER_EPOCH);
    enum err e = leader_epochs_read(log->home.files->vfs, path, ret_told, err);
    return e == ERR_CORRUPT ? ERR_OK : e;
}

static void note_producer(void *ctx, const struct batch_view *b)
{
    log_note_producer(ctx, b);
}

enum err recovery_load_producers(struct partition_log *log, struct error *err)
{
    producer_state_reset(&log->producers);
    log->snapshot_offset = -1;
    if (log->end_offset == 0) {
        return ERR_OK;
    }
    struct found_files found;
    enum err e = list_files(log, &found, err);
    for (uint32_t i = found.count; i > 0 && !e; i--) {
        const struct found_file *f = &found.files[i - 1];
        if (strcmp(f->suffix, SEGMENT_SNAPSHOT) != 0) {
            continue;
        }
        bool needed = f->base_offset <= log->end_offset;
        if (needed && log->snapshot_offset < 0) {
            char path[SEGMENT_PATH_MAX];
            segment_name_format((struct segment_name){ log->home.dir, f->base_offset, f->suffix },
                                path);
            needed =
                producer_snapshot_read(log->home.files->vfs, path, &log->producers, NULL) == ERR_OK;
            log->snapshot_offset = needed ? f->base_offset : -1;
        } else if (needed) { /* one per segment is enough, the newest one is loaded */
            needed = has_file(&found, f->base_offset, SEGMENT_LOG);
        }
        if (!needed) {
            e = unlink_file(log, f->base_offset, f->suffix, err);
        }
    }
    mem_free(found.files);
    /* What was deleted tells of producers as long as it lies there: a retry may still come. */
    int64_t from = log->segments[0]->base_offset;
    from = log->snapshot_offset > from ? log->snapshot_offset : from;
    if (!e && from < log->end_offset) {
        e = recovery_each_header(log, from, note_producer, log, &(bool){ false });
    }
    return e;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The start lies where the checkpoint says, unless the log tells otherwise. */
static enum err settle_start(struct partition_log *log, const struct log_open_args *args,
                             struct error *err)
{
    int64_t first = log->segments[0]->base_offset;
    log->end_offset = log_active(log)->next_offset;
    if (log->end_offset < args->synced_offset) {
        return err_set(err, ERR_CORRUPT,
                       "recover %s: it ends at offset %lld, and had reached %lld at least",
                       log->home.dir, (long long)log->end_offset, (long long)args->synced_offset);
    }
    log->start_offset = args->log_start_offset > first ? args->log_start_offset : first;
    if (log->start_offset > log->end_offset) { /* all that was left has been deleted already */
        enum err e = log_drop_segments(log, 0, log->segment_count, args->now_ms, err);
        if (!e) {
            e = log_new_segment(log, log->start_offset, args->now_ms, err);
        }
        log->end_offset = log->start_offset;
        return e;
    }
    return ERR_OK;
}

static enum err look_at_segments(struct partition_log *log, const struct log_open_args *args,
                                 const struct leader_epochs *told, struct log_recovery *recovery,
                                 struct error *err)
{
    enum err e = ERR_OK;
    if (!log->segment_count) {
        int64_t start = args->log_start_offset > 0 ? args->log_start_offset : 0;
        e = log_new_segment(log, start, args->now_ms, err);
    } else if (!args->clean) {
        e = recover_from(log, args->recovery_point > 0 ? args->recovery_point : 0, args, told,
                         recovery, err);
    } else {
        struct segment *active = log_active(log);
        e = segment_load_indexes(active, log->home, log->config.index_interval_bytes, NULL);
        if (e) {
            return err_set(err, e, "open %s/%020lld.log: %s", log->home.dir,
                           (long long)active->base_offset, err_text(e));
        }
        if (active->sound_bytes != active->size_bytes) { /* clean, and yet damaged */
            e = recover_from(log, active->base_offset, args, told, recovery, err);
        }
    }
    return e;
}

static enum err settle_epochs(struct partition_log *log, const struct log_open_args *args,
                              struct leader_epochs *told, struct log_recovery *recovery,
                              struct error *err)
{
    /* Or a power loss brought back what was deleted in front, and not that the file tells of it. */
    bool lost = told->count == 0 || told->entries[0].start_offset > log->start_offset;
    enum err e;
    if (lost || args->synced_offset > 0) {
        e = recovery_read_epochs(log);
    } else {
        int64_t limit = args->clean ? INT64_MAX : args->recovery_point;
        e = recovery_compare_epochs(log, told, limit, recovery);
    }
    if (e) {
        return err_set(err, e, "read the leader epochs of %s: %s", log->home.dir, err_text(e));
    }
    leader_epochs_truncate_end(&log->epochs, log->end_offset);
    leader_epochs_truncate_start(&log->epochs, log->start_offset);
    return ERR_OK;
}

enum err recovery_run(struct partition_log *log, const struct log_open_args *args,
                      struct log_recovery *recovery, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", log->home.dir, CHECKPOINT_PARTITION);
    enum err e = partition_metadata_read(log->home.files->vfs, path, &log->topic_id, err);
    if (e && e != ERR_NOT_FOUND) {
        return e;
    }
    struct found_files found;
    e = clean_up(log, &found, err);
    if (e) {
        return e;
    }
    e = open_segments(log, &found, err);
    mem_free(found.files);
    if (e) {
        return e;
    }
    struct leader_epochs told = { 0 };
    e = load_epochs(log, &told, err);
    e = e ? e : look_at_segments(log, args, &told, recovery, err);
    e = e ? e : settle_start(log, args, err);
    e = e ? e : settle_epochs(log, args, &told, recovery, err);
    leader_epochs_deinit(&told);
    if (e) {
        return e;
    }
    int64_t point = args->recovery_point < log->end_offset ? args->recovery_point : log->end_offset;
    log->recovery_point = point > 0 ? point : 0;
    return recovery_load_producers(log, err);
}
