/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one partition's log: life cycle, append, roll. Driven by broker.c and api/produce.c on
 * the owner's thread; reads are in log_read.c, syncing in log_flush.c, upkeep in retention.c.
 *   (G1) segments are sorted, there is always an active one, and only it is written to;
 *   (G2) start_offset <= end_offset; recovery_point <= end_offset;
 *   (G3) after a failed append the log is as before it, or it is offline;
 *   (G4) offline is for good: a disk that failed is not asked again (fsync that fails once may have
 *        thrown the data away).
 */
#include "broker/storage/log_internal.h"

#include "broker/storage/checkpoint.h"
#include "broker/storage/producer_snapshot.h"
#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"

#include <assert.h>
#include <stdio.h>
#include <sys/uio.h>

void log_config_default(struct log_config *ret_config)
{
    *ret_config = (struct log_config){
        .segment_bytes = 1u << 30,
        .segment_ms = 7LL * 24 * 3600 * 1000,
        .segment_index_bytes = 10u << 20,
        .index_interval_bytes = 4096,
        .retention_ms = 7LL * 24 * 3600 * 1000,
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .producer_id_expiration_ms = 24LL * 3600 * 1000,
        .delete_by_policy = true,
    };
}

void log_set_config(struct partition_log *log, const struct log_config *config)
{
    log->config = *config;
}

/* --- shared parts ----------------------------------------------------------------------------- */

enum err log_check_online(const struct partition_log *log, struct error *err)
{
    return log->offline ? err_set(err, ERR_CLOSED, "%s-%d is offline since its disk failed (%s)",
                                  log->topic, (int)log->partition, err_text(log->offline))
                        : ERR_OK;
}

enum err log_take_offline(struct partition_log *log, enum err e)
{
    if (!log->offline) {
        log->offline = e;
    }
    return e;
}

void log_add_segment(struct partition_log *log, struct segment *s)
{
    if (log->segment_count == log->segment_cap) {
        log->segment_cap = log->segment_cap ? log->segment_cap * 2 : 1;
        log->segments = mem_rearray(log->segments, log->segment_cap, sizeof(struct segment *));
    }
    if (log->config.segment_jitter_ms > 0) {
        struct rng rng;
        rng_seed(&rng, log->jitter_seed ^ (uint64_t)s->base_offset);
        s->roll_jitter_ms = (int64_t)rng_below(&rng, (uint64_t)log->config.segment_jitter_ms + 1);
    }
    log->segments[log->segment_count++] = s;
}

enum err log_new_segment(struct partition_log *log, int64_t base_offset, int64_t now_ms,
                         struct error *err)
{
    struct segment *s = segment_new(base_offset);
    enum err e = segment_create(s, log->home, now_ms, err);
    if (!e) {
        e = segment_load_indexes(s, log->home, log->config.index_interval_bytes, NULL);
    }
    if (e) {
        char path[SEGMENT_PATH_MAX]; /* the name must be free for the next attempt */
        segment_name_format((struct segment_name){ log->home.dir, base_offset, SEGMENT_LOG }, path);
        segment_free(s, log->home);
        if (e != ERR_EXISTS) {
            (void)log->home.files->vfs->ops->unlink(log->home.files->vfs, path, NULL);
        }
        return e;
    }
    log_add_segment(log, s);
    log->dir_unsynced = true;
    return ERR_OK;
}

void log_clear_hints(struct partition_log *log)
{
    memset(log->hints, 0, sizeof(log->hints));
    memset(log->reads, 0, sizeof(log->reads));
}

const struct log_hint *log_find_hint(const struct partition_log *log, const struct segment *s,
                                     int64_t offset)
{
    for (unsigned i = 0; i < LOG_HINTS; i++) {
        if (log->hints[i].segment == s && log->hints[i].offset == offset) {
            return &log->hints[i];
        }
        if (log->reads[i].segment == s && log->reads[i].offset == offset &&
            log->reads[i].size_bytes) {
            return &log->reads[i];
        }
    }
    return NULL;
}

void log_note_read(struct partition_log *log, const struct log_hint *end)
{
    for (unsigned i = 0; i < LOG_HINTS; i++) {
        if (log->reads[i].segment && log->reads[i].offset == end->offset) {
            return; /* several read in step */
        }
    }
    log->reads[log->read_next++ % LOG_HINTS] = *end;
}

/* A batch was appended: it may be the one that readers wait for. */
static void note_hint(struct partition_log *log, const struct log_hint *batch)
{
    log->hints[log->hint_next++ % LOG_HINTS] = *batch;
    for (unsigned i = 0; i < LOG_HINTS; i++) {
        if (log->reads[i].segment && log->reads[i].offset == batch->offset) {
            log->reads[i] = *batch;
        }
    }
}

uint32_t log_segment_index(const struct partition_log *log, int64_t offset)
{
    uint32_t low = 0, high = log->segment_count; /* the last one with base_offset <= offset */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (log->segments[mid]->base_offset <= offset) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}

void log_note_producer(struct partition_log *log, const struct batch_view *b)
{
    bool control = (b->attributes & BATCH_ATTR_CONTROL) != 0;
    struct producer_batch batch = {
        .producer_id = b->producer_id,
        .producer_epoch = b->producer_epoch,
        .base_sequence = control ? -1 : b->base_sequence,
        .last_sequence = b->base_sequence < 0
                             ? -1
                             : producer_sequence_add(b->base_sequence, b->last_offset_delta),
        .last_offset = batch_last_offset(b),
        .offset_delta = b->last_offset_delta,
        .timestamp_ms = b->max_timestamp_ms,
    };
    producer_state_update(&log->producers, &batch);
}

void log_close_snapshot(struct partition_log *log)
{
    struct vfs *v = log->home.files->vfs;
    if (log->snapshot_unsynced) {
        v->ops->close(v, log->snapshot_unsynced);
        log->snapshot_unsynced = NULL;
    }
}

enum err log_write_snapshot(struct partition_log *log, struct error *err)
{
    if (log->snapshot_offset == log->end_offset) {
        return ERR_OK;
    }
    struct vfs *v = log->home.files->vfs;
    char path[SEGMENT_PATH_MAX];
    segment_name_format((struct segment_name){ log->home.dir, log->end_offset, SEGMENT_SNAPSHOT },
                        path);
    struct vfs_file *file;
    enum err e = v->ops->open(v, path, VFS_WRITE | VFS_CREATE | VFS_TRUNC, &file, err);
    if (e) {
        return e;
    }
    struct buf bytes = { 0 };
    producer_snapshot_encode(&log->producers, &bytes);
    struct iovec iov = { bytes.ptr, bytes.len };
    e = v->ops->pwritev(v, file, &iov, 1, 0);
    buf_deinit(&bytes);
    if (e) {
        v->ops->close(v, file);
        return err_set(err, e, "write %s: %s", path, err_text(e));
    }
    log_close_snapshot(log);
    log->snapshot_unsynced = file;
    log->dir_unsynced = true;
    log->snapshot_offset = log->end_offset;
    return ERR_OK;
}

enum err log_write_epochs(struct partition_log *log, struct error *err)
{
    if (!log->epochs.changed) {
        return ERR_OK;
    }
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", log->home.dir, CHECKPOINT_LEADER_EPOCH);
    return leader_epochs_write(log->home.files->vfs, path, &log->epochs, err);
}

/* --- life cycle ------------------------------------------------------------------------------- */

static struct partition_log *log_new(const struct log_open_args *args)
{
    struct partition_log *log = mem_zalloc(sizeof(*log));
    log->home = (struct segment_home){ args->files, mem_strdup(args->dir) };
    log->topic = mem_strdup(args->topic);
    log->partition = args->partition;
    log->config = *args->config;
    log->jitter_seed = args->jitter_seed;
    log->snapshot_offset = -1;
    return log;
}

void log_free(struct partition_log *log)
{
    if (!log) {
        return;
    }
    for (uint32_t i = 0; i < log->segment_count; i++) {
        segment_free(log->segments[i], log->home);
    }
    log_close_snapshot(log);
    mem_free(log->segments);
    mem_free(log->doomed);
    leader_epochs_deinit(&log->epochs);
    producer_state_deinit(&log->producers);
    mem_free((void *)(uintptr_t)log->home.dir);
    mem_free(log->topic);
    mem_free(log);
}

static enum err check_dir_path(const char *dir, struct error *err)
{
    size_t len = strlen(dir);
    return len > LOG_DIR_PATH_MAX
               ? err_set(err, ERR_LIMIT, "a path of %zu characters is too long: %s", len, dir)
               : ERR_OK;
}

enum err log_create(const struct log_open_args *args, const struct uuid *topic_id,
                    struct partition_log **ret_log, struct error *err)
{
    struct vfs *v = args->files->vfs;
    enum err e = check_dir_path(args->dir, err);
    if (!e) {
        e = v->ops->mkdir(v, args->dir, err);
    }
    if (e) {
        return e;
    }
    struct partition_log *log = log_new(args);
    log->topic_id = *topic_id;
    log->parent_unsynced = true;
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", args->dir, CHECKPOINT_PARTITION);
    e = partition_metadata_write(v, path, topic_id, err);
    if (!e) {
        e = log_new_segment(log, 0, args->now_ms, err);
    }
    if (e) {
        log_free(log);
        (void)vfs_remove_dir(v, args->dir, NULL); /* the reason is in err */
        return e;
    }
    *ret_log = log;
    return ERR_OK;
}

enum err log_open(const struct log_open_args *args, struct partition_log **ret_log,
                  struct log_recovery *ret_recovery, struct error *err)
{
    struct log_recovery recovery = { 0 };
    enum err e = check_dir_path(args->dir, err);
    if (e) {
        return e;
    }
    struct partition_log *log = log_new(args);
    e = recovery_run(log, args, &recovery, err);
    if (e) {
        log_free(log);
        return e;
    }
    if (ret_recovery) {
        *ret_recovery = recovery;
    }
    /* The last run may have ended between making a name and syncing it: the page cache shows names
     * that a power loss would still take, with all that we are going to sync in them. */
    log->dir_unsynced = log->parent_unsynced = !args->clean;
    *ret_log = log;
    return ERR_OK;
}

enum err log_shutdown(struct partition_log *log, struct error *err)
{
    enum err e = log_check_online(log, err);
    if (!e && log->end_offset > log_active(log)->base_offset) {
        e = log_write_snapshot(log, err);
    }
    if (!e) {
        e = segment_write_indexes(log_active(log), log->home, true);
        if (e) {
            return err_set(err, e, "write the indexes of %s: %s", log->home.dir, err_text(e));
        }
    }
    if (!e) {
        e = log_write_epochs(log, err);
    }
    return e ? e : log_flush(log, err);
}

enum err log_delete_begin(struct partition_log *log, const struct uuid *id, struct error *err)
{
    struct vfs *v = log->home.files->vfs;
    const char *slash = strrchr(log->home.dir, '/');
    size_t parent_len = slash ? (size_t)(slash - log->home.dir) + 1 : 0;
    struct buf path = { 0 };
    buf_append(&path, log->home.dir, parent_len);
    /* A name has at most 255 bytes: Kafka cuts the topic, the id keeps it unique. */
    struct slice topic = slice_head(slice_str(log->topic), 255 - 1 - 10 - 1 - 32 - 7);
    buf_append_slice(&path, topic);
    buf_printf(&path, "-%d.", (int)log->partition);
    for (unsigned i = 0; i < 16; i++) {
        buf_printf(&path, "%02x", id->bytes[i]);
    }
    buf_append_str(&path, "-delete");
    enum err e = v->ops->rename(v, log->home.dir, buf_cstr(&path), err);
    if (e) {
        buf_deinit(&path);
        return e;
    }
    mem_free((void *)(uintptr_t)log->home.dir);
    log->home.dir = (char *)buf_take(&path);
    for (uint32_t i = 0; i < log->segment_count; i++) { /* descriptors are free again at once */
        file_cache_close(log->home.files, &log->segments[i]->log);
    }
    return ERR_OK;
}

/* --- append ----------------------------------------------------------------------------------- */

/* What an append brings, before anything is written. */
struct incoming {
    int64_t last_offset;
    int64_t max_timestamp_ms;
};

static enum err look_at_batches(const struct partition_log *log, struct slice batches,
                                struct incoming *ret_in, struct error *err)
{
    struct incoming in = { log->end_offset - 1, -1 };
    while (batches.len) {
        struct batch_view b;
        enum err e = batch_parse(batches, &b);
        if (e) {
            return err_set(err, e, "append to %s-%d: %s", log->topic, (int)log->partition,
                           err_text(e));
        }
        if (b.base_offset <= in.last_offset) {
            return err_set(err, ERR_INVALID,
                           "append to %s-%d: offset %lld comes after %lld, offsets must grow",
                           log->topic, (int)log->partition, (long long)b.base_offset,
                           (long long)in.last_offset);
        }
        in.last_offset = batch_last_offset(&b);
        if (b.max_timestamp_ms > in.max_timestamp_ms) {
            in.max_timestamp_ms = b.max_timestamp_ms;
        }
        batches = slice_from(batches, b.bytes.len);
    }
    *ret_in = in;
    return ERR_OK;
}

/* Whether an index has no room for another entry. */
static bool index_is_full(const struct entry_file *f, uint32_t max_bytes)
{
    return entry_file_count(f) >= max_bytes / f->entry_bytes;
}

/* Kafka's rules: size, age by record time, index full, offsets out of the index's reach. */
static bool must_roll(struct partition_log *log, size_t len, const struct incoming *in,
                      int64_t now_ms)
{
    struct segment *s = log_active(log);
    const struct log_config *c = &log->config;
    if (in->last_offset - s->base_offset > INT32_MAX) {
        return true;
    }
    if (!s->size_bytes) {
        return false;
    }
    uint32_t bytes_max = c->segment_bytes < INT32_MAX ? c->segment_bytes : INT32_MAX;
    if (len > bytes_max || s->size_bytes > bytes_max - len ||
        index_is_full(&s->offsets.file, c->segment_index_bytes) ||
        index_is_full(&s->times.file, c->segment_index_bytes)) {
        return true;
    }
    struct segment_batch first;
    if (s->first_timestamp_ms < 0 && segment_batch_at(s, log->home, 0, &first) == ERR_OK) {
        s->first_timestamp_ms = first.header.max_timestamp_ms;
    }
    int64_t age_ms = s->first_timestamp_ms >= 0 ? in->max_timestamp_ms - s->first_timestamp_ms
                                                : now_ms - s->modified_ms;
    return age_ms > c->segment_ms - s->roll_jitter_ms;
}

enum err log_roll(struct partition_log *log, int64_t now_ms, struct error *err)
{
    struct segment *old = log_active(log);
    enum err e = log_check_online(log, err);
    if (e || !old->size_bytes) {
        return e;
    }
    e = log_new_segment(log, log->end_offset, now_ms, err);
    if (e) {
        return e;
    }
    /* Both can be made again from the log, so that a full disk is no reason to fail here. */
    (void)segment_write_indexes(old, log->home, true);
    old->unsynced = true; /* the next flush takes its indexes, too */
    (void)log_write_snapshot(log, NULL);
    (void)log_write_epochs(log, NULL);
    return ERR_OK;
}

/* Everything that follows from batches being in the file. */
static void note_appended(struct partition_log *log, struct segment *s, uint32_t position,
                          struct slice batches)
{
    while (batches.len) {
        struct batch_view b;
        enum err e = batch_parse(batches, &b);
        assert(!e); /* look_at_batches() has been there */
        uint32_t size = (uint32_t)b.bytes.len;
        segment_index_batch(s, log->home, position, &b, size, log->config.index_interval_bytes);
        leader_epochs_assign(&log->epochs, b.leader_epoch, b.base_offset);
        log_note_producer(log, &b);
        note_hint(log, &(struct log_hint){ b.base_offset, s, position, size });
        log->end_offset = batch_last_offset(&b) + 1;
        position += size;
        batches = slice_from(batches, b.bytes.len);
    }
}

enum err log_append(struct partition_log *log, struct slice batches, int64_t now_ms,
                    struct error *err)
{
    struct incoming in = { 0 };
    enum err e = log_check_online(log, err);
    if (!e) {
        e = look_at_batches(log, batches, &in, err);
    }
    if (e || !batches.len) {
        return e;
    }
    if (batches.len > INT32_MAX) {
        return err_set(err, ERR_LIMIT, "append to %s-%d: %zu bytes at once are too many",
                       log->topic, (int)log->partition, batches.len);
    }
    if (must_roll(log, batches.len, &in, now_ms)) {
        e = log_roll(log, now_ms, err);
        if (e) {
            return e == ERR_NO_SPACE || e == ERR_LIMIT ? e : log_take_offline(log, e);
        }
    }
    struct segment *s = log_active(log);
    if (in.last_offset - s->base_offset > INT32_MAX) {
        return err_set(err, ERR_INVALID, "append to %s-%d: offset %lld is too far ahead",
                       log->topic, (int)log->partition, (long long)in.last_offset);
    }
    uint32_t position = s->size_bytes;
    e = segment_append(s, log->home, batches, err);
    if (e) {
        return e == ERR_NO_SPACE || e == ERR_LIMIT ? e : log_take_offline(log, e);
    }
    log->size_bytes += batches.len;
    note_appended(log, s, position, batches);
    return ERR_OK;
}
