/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_flush.c - what makes a log durable, in three steps. Begin and done run on the owner's thread,
 * run on a worker; the ticket holds references, so that rolling, retention or deletion meanwhile
 * are safe.
 *   (U1) one ticket is out at a time; what comes after it waits for the next one;
 *   (U2) the recovery point moves only over bytes and names that a successful sync covered, and
 *        never over offsets that were truncated while the ticket was out;
 *   (U3) nor over the beginning of a leader epoch that leader-epoch-checkpoint does not tell of:
 *        recovery looks for epochs only above it;
 *   (U4) nor over the beginning of a segment whose producer snapshot a power loss may take: once
 *        retention has deleted what lies below, nothing else tells of those producers.
 */
#include "broker/storage/log_internal.h"

#include "broker/storage/checkpoint.h"
#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

struct log_flush {
    struct vfs *vfs;
    int64_t end_offset;
    struct open_file **files;
    uint32_t file_count, file_cap;
    struct vfs_file *epochs; /* leader-epoch-checkpoint, written and not synced; NULL: as it was */
    struct vfs_file *snapshot; /* likewise, of producers */
    char *dir;                 /* NULL: its names need no sync */
    char *parent;              /* likewise */
};

static void flush_free(struct log_flush *f)
{
    for (uint32_t i = 0; i < f->file_count; i++) {
        open_file_unref(f->files[i]);
    }
    if (f->epochs) {
        f->vfs->ops->close(f->vfs, f->epochs);
    }
    if (f->snapshot) {
        f->vfs->ops->close(f->vfs, f->snapshot);
    }
    mem_free(f->files);
    mem_free(f->dir);
    mem_free(f->parent);
    mem_free(f);
}

static void add_file(struct log_flush *f, struct open_file *file)
{
    if (f->file_count == f->file_cap) {
        f->file_cap = f->file_cap ? f->file_cap * 2 : 1;
        f->files = mem_rearray(f->files, f->file_cap, sizeof(struct open_file *));
    }
    f->files[f->file_count++] = open_file_ref(file);
}

/* The index files of a segment that is closed: they will not be looked at in recovery again. */
static void add_indexes(struct log_flush *f, struct partition_log *log, struct segment *s)
{
    struct entry_file *const indexes[] = { &s->offsets.file, &s->times.file };
    const char *const suffixes[] = { SEGMENT_INDEX, SEGMENT_TIME_INDEX };
    for (unsigned i = 0; i < 2; i++) {
        struct segment_name name = { log->home.dir, s->base_offset, suffixes[i] };
        struct open_file *file;
        if (file_cache_get(log->home.files, &indexes[i]->slot, name, 0, &file, NULL) == ERR_OK) {
            add_file(f, file);
        }
    }
}

static char *parent_of(const char *dir)
{
    const char *slash = strrchr(dir, '/');
    return slash ? mem_strndup(dir, slash == dir ? 1 : (size_t)(slash - dir)) : mem_strdup(".");
}

/* (U3) Synced by the ticket. After a crash in between the file may be damaged: then recovery reads
 * the epochs from the batches. */
static enum err write_epochs(struct log_flush *f, struct partition_log *log, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", log->home.dir, CHECKPOINT_LEADER_EPOCH);
    enum err e = leader_epochs_put(f->vfs, path, &log->epochs, &f->epochs, err);
    log->dir_unsynced = true;
    return e == ERR_NO_SPACE || e == ERR_LIMIT ? e : e ? log_take_offline(log, e) : ERR_OK;
}

enum err log_flush_begin(struct partition_log *log, struct log_flush **ret_flush, struct error *err)
{
    enum err e = log_check_online(log, err);
    if (e) {
        return e;
    }
    if (log->flushing || !log_needs_flush(log)) {
        *ret_flush = NULL;
        return ERR_OK;
    }
    struct log_flush *f = mem_zalloc(sizeof(*f));
    f->vfs = log->home.files->vfs;
    f->end_offset = log->end_offset;
    for (uint32_t i = log->segment_count; i > 0; i--) {
        struct segment *s = log->segments[i - 1];
        if (!s->unsynced && i < log->segment_count) {
            break; /* older ones are synced: segments are written in order */
        }
        struct open_file *file;
        e = segment_file(s, log->home, &file, err);
        if (e) {
            flush_free(f);
            return e == ERR_LIMIT ? e : log_take_offline(log, e);
        }
        add_file(f, file);
        if (i < log->segment_count) {
            add_indexes(f, log, s);
        }
    }
    e = log->epochs.changed ? write_epochs(f, log, err) : ERR_OK;
    if (e) {
        flush_free(f);
        return e;
    }
    f->snapshot = log->snapshot_unsynced; /* (U4) */
    log->snapshot_unsynced = NULL;
    for (uint32_t i = 0; i < log->segment_count; i++) {
        log->segments[i]->unsynced = false;
    }
    f->dir = log->dir_unsynced ? mem_strdup(log->home.dir) : NULL;
    f->parent = log->parent_unsynced ? parent_of(log->home.dir) : NULL;
    log->dir_unsynced = false;
    log->parent_unsynced = false;
    log->flushing = true;
    log->flush_limit = INT64_MAX;
    *ret_flush = f;
    return ERR_OK;
}

enum err log_flush_run(struct log_flush *flush)
{
    struct vfs *v = flush->vfs;
    for (uint32_t i = 0; i < flush->file_count; i++) {
        enum err e = v->ops->sync(v, flush->files[i]->file);
        if (e) {
            return e;
        }
    }
    struct vfs_file *const others[] = { flush->epochs, flush->snapshot };
    for (unsigned i = 0; i < 2; i++) {
        enum err e = others[i] ? v->ops->sync(v, others[i]) : ERR_OK;
        if (e) {
            return e;
        }
    }
    enum err e = flush->dir ? v->ops->sync_dir(v, flush->dir) : ERR_OK;
    if (!e && flush->parent) {
        e = v->ops->sync_dir(v, flush->parent);
    }
    return e;
}

int64_t log_flush_offset(const struct log_flush *flush)
{
    return flush->end_offset;
}

void log_flush_done(struct partition_log *log, struct log_flush *flush, enum err status)
{
    if (log) {
        assert(log->flushing);
        log->flushing = false;
        int64_t durable =
            flush->end_offset < log->flush_limit ? flush->end_offset : log->flush_limit;
        if (status) {
            (void)log_take_offline(log, status);
        } else if (durable > log->recovery_point) {
            log->recovery_point = durable;
        }
    }
    flush_free(flush);
}

enum err log_flush(struct partition_log *log, struct error *err)
{
    struct log_flush *flush;
    enum err e = log_flush_begin(log, &flush, err);
    if (e || !flush) {
        return e;
    }
    e = log_flush_run(flush);
    log_flush_done(log, flush, e);
    return e ? err_set(err, e, "sync %s: %s", log->home.dir, err_text(e)) : ERR_OK;
}
