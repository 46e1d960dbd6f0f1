/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots.c - see snapshots.h. Driven by quorum.c.
 *   (N1) What is taken is the image at applied_offset: all that is committed up to there, and
 *        nothing else; its bytes are made at once, and only written on a worker.
 *   (N2) The log is cut only up to the older one of two finished snapshots.
 *   (N3) The 0-0 checkpoint's records are what the first controller begins with. They are in no
 *        image before they are in the log.
 */
#include "broker/snapshots.h"

#include "broker/broker.h"
#include "broker/controller/image_write.h"
#include "protocol/base/alloc.h"

enum { DECODE_BYTES_MAX = 16 << 20, PIECE_BYTES = 256 * 1024 };

#define BOOTSTRAP_CHECKPOINT "bootstrap.checkpoint"

static const struct snapshot_id no_snapshot = { .end_offset = -1 };

static struct raft_offset_epoch raft_id(struct snapshot_id id)
{
    return (struct raft_offset_epoch){ id.end_offset, id.epoch };
}

/* --- loading ---------------------------------------------------------------------------------- */

struct loading {
    struct image *image; /* NULL: the records go to bootstrap */
    struct metadata_records *bootstrap;
    struct arena *arena; /* for the voters */
    struct raft_snapshot snapshot;
};

static enum err load_record(void *ctx, struct slice value, struct error *err)
{
    struct loading *l = ctx;
    if (!l->image) {
        metadata_records_add_raw(l->bootstrap, value);
        return ERR_OK;
    }
    struct image_change change;
    enum err e = image_apply(l->image, value, l->snapshot.id.end_offset - 1, &change);
    if (e) {
        return err_set(err, e,
                       "a record cannot be applied (%s); it may have been written by a "
                       "later release",
                       err_text(e));
    }
    image_change_release(&change);
    return ERR_OK;
}

static enum err load_control(void *ctx, int type, struct slice value, struct error *err)
{
    struct loading *l = ctx;
    struct arena arena;
    arena_init(&arena, DECODE_BYTES_MAX);
    struct reader r = reader_of(value);
    enum err e = ERR_OK;
    if (type == CONTROL_KRAFT_VERSION) {
        struct kraft_version_record rec;
        e = schema_decode(&kraft_version_record_schema, 0, &r, &arena, &rec);
        l->snapshot.kraft_version = e ? 0 : rec.kraft_version;
    } else if (type == CONTROL_KRAFT_VOTERS) {
        struct voters_record rec;
        e = schema_decode(&voters_record_schema, 0, &r, &arena, &rec);
        if (!e) {
            e = raft_voters_from_record(&rec, l->arena, &l->snapshot.voters);
        }
    }
    arena_deinit(&arena);
    return e ? err_set(err, e, "its voters cannot be read: %s", err_text(e)) : ERR_OK;
}

/* Into an image that is fresh; l is filled but for the snapshot's voters. */
static enum err load(struct broker *b, struct loading *l, struct error *err)
{
    const struct snapshot_visitor visitor = { .control = load_control,
                                              .record = load_record,
                                              .ctx = l };
    struct buf path = { 0 };
    struct snapshot_id id = { l->snapshot.id.end_offset, l->snapshot.id.epoch };
    metadata_snapshot_path(b->metadata.dir, id, &path);
    enum err e = metadata_snapshot_read(b->vfs, buf_cstr(&path), &visitor, err);
    if (e) {
        (void)err_wrap(err, "snapshot %s", buf_cstr(&path));
    }
    buf_deinit(&path);
    return e;
}

/* A damaged file is kept for who wants to look at it, under a name that nobody reads. */
static void put_aside(struct broker *b, const char *path, const struct error *why)
{
    struct buf aside = { 0 };
    struct error err;
    buf_printf(&aside, "%s.damaged", path);
    if (b->vfs->ops->rename(b->vfs, path, buf_cstr(&aside), &err)) {
        log_error(&b->log, "a damaged snapshot could not be put aside", KV_STR("error", err.text));
    }
    log_error(&b->log, "a snapshot of the metadata is damaged and is put aside",
              KV_STR("error", why->text), KV_STR("file", buf_cstr(&aside)));
    buf_deinit(&aside);
}

/* The newest sound one, or no_snapshot. */
static enum err find_sound(struct broker *b, struct snapshots *s, bool *ret_damaged,
                           struct error *err)
{
    struct snapshot_list list;
    enum err e = metadata_snapshot_list(b->vfs, b->metadata.dir, &list, err);
    if (e) {
        return e;
    }
    s->latest = s->older = no_snapshot;
    for (uint32_t i = list.count; i > 0 && !e; i--) {
        struct buf path = { 0 };
        struct error why;
        metadata_snapshot_path(b->metadata.dir, list.ids[i - 1], &path);
        enum err bad = metadata_snapshot_check(b->vfs, buf_cstr(&path), &why);
        if (bad == ERR_CORRUPT) {
            *ret_damaged = true;
            put_aside(b, buf_cstr(&path), &why);
        } else if (bad) {
            e = err_set(err, bad, "%s", why.text);
        } else if (s->latest.end_offset < 0) {
            s->latest = list.ids[i - 1];
        } else if (s->older.end_offset < 0) {
            s->older = list.ids[i - 1];
        }
        buf_deinit(&path);
    }
    snapshot_list_deinit(&list);
    return e;
}

/* The log goes on where the snapshot ends, or holds that place with the same history. */
static enum err fit_log(struct broker *b, struct snapshot_id id, struct error *err)
{
    struct partition_log *log = b->metadata.log;
    bool beyond = id.end_offset > log->end_offset;
    bool other = !beyond && id.end_offset > log->start_offset &&
                 leader_epochs_of(&log->epochs, id.end_offset - 1) != id.epoch;
    if (!beyond && !other) {
        return ERR_OK;
    }
    enum err e = metadata_log_truncate_all(b, id.end_offset, err);
    return e ? e : log_flush(log, err);
}

static enum err gap(const struct broker *b, struct error *err)
{
    return err_set(err, ERR_CORRUPT,
                   "the metadata in %s is not whole: the log begins at offset %lld, and no sound "
                   "snapshot reaches that far. Put the directory back from a backup; or, when this "
                   "is one of several controllers, take it out of the quorum (`logboom quorum "
                   "remove-controller`), format its directory anew and add it again",
                   b->metadata.dir, (long long)b->metadata.log->start_offset);
}

static enum err read_bootstrap(struct broker *b, const char *metadata_dir, struct error *err)
{
    struct loading l = { .bootstrap = &b->snapshots.bootstrap };
    const struct snapshot_visitor visitor = { .record = load_record, .ctx = &l };
    struct buf path = { 0 };
    buf_printf(&path, "%s/" BOOTSTRAP_CHECKPOINT, metadata_dir);
    struct vfs_stat st;
    enum err e = ERR_OK;
    if (b->vfs->ops->stat(b->vfs, buf_cstr(&path), &st) == ERR_OK) {
        e = metadata_snapshot_read(b->vfs, buf_cstr(&path), &visitor, err);
    }
    buf_deinit(&path);
    return e;
}

enum err snapshots_load(struct broker *b, const char *metadata_dir, struct arena *arena,
                        struct raft_snapshot *ret_snapshot, struct error *err)
{
    struct snapshots *s = &b->snapshots;
    bool damaged = false;
    enum err e = find_sound(b, s, &damaged, err);
    if (e) {
        return e;
    }
    const struct partition_log *log = b->metadata.log;
    struct snapshot_id id = s->latest;
    bool none = id.end_offset < 0;
    if (none ? log->start_offset > 0 || (damaged && log->end_offset == 0)
             : log->start_offset > id.end_offset) {
        if (b->roles.controller) {
            return gap(b, err);
        }
        log_warn(&b->log, "the metadata have a gap; they are fetched anew from the controllers",
                 KV_STR("dir", b->metadata.dir), KV_INT("log_begins", log->start_offset));
        e = metadata_log_truncate_all(b, none ? 0 : id.end_offset, err);
        if (e) {
            return e;
        }
    }
    struct image image;
    image_init(&image, b->hash_seed);
    struct loading l = { .image = id.end_offset > 0 ? &image : NULL,
                         .bootstrap = &s->bootstrap,
                         .arena = arena,
                         .snapshot = { .id = raft_id(id) } };
    e = none ? ERR_OK : load(b, &l, err);
    if (!e && !none) {
        e = fit_log(b, id, err);
    }
    if (!e && s->bootstrap.count == 0 && id.end_offset <= 0) {
        e = read_bootstrap(b, metadata_dir, err);
    }
    if (e) {
        image_deinit(&image);
        return e;
    }
    metadata_log_replace(b, &image, none ? 0 : id.end_offset);
    s->latest_ns = env_mono_ns(b->env);
    *ret_snapshot = l.snapshot;
    return ERR_OK;
}

/* --- taking ----------------------------------------------------------------------------------- */

struct snapshot_write {
    struct work work;
    struct broker *broker;
    struct snapshot_builder builder;
    struct snapshot_writer writer;
    struct snapshot_id id;
    uint64_t applied_bytes;
    enum err status;
    struct error err;
};

static void write_run(struct work *work)
{
    struct snapshot_write *w = container_of(work, struct snapshot_write, work);
    struct broker *b = w->broker;
    w->status = snapshot_writer_open(&w->writer, b->vfs, b->metadata.dir, w->id, &w->err);
    if (!w->status) {
        w->status = snapshot_writer_append(&w->writer, buf_slice(&w->builder.bytes), &w->err);
    }
    if (!w->status) {
        w->status = snapshot_writer_commit(&w->writer, &w->err);
    }
    snapshot_writer_abort(&w->writer);
}

static void remove_others(struct broker *b)
{
    struct snapshots *s = &b->snapshots;
    struct snapshot_list list;
    struct error err;
    enum err e = metadata_snapshot_list(b->vfs, b->metadata.dir, &list, &err);
    for (uint32_t i = 0; !e && i < list.count; i++) {
        if (snapshot_id_cmp(list.ids[i], s->older) < 0) {
            e = metadata_snapshot_remove(b->vfs, b->metadata.dir, list.ids[i], &err);
        }
    }
    if (e) {
        log_warn(&b->log, "an old snapshot could not be removed", KV_STR("error", err.text));
        return;
    }
    snapshot_list_deinit(&list);
}

/* Drops what two snapshots made needless (N2). */
static void cut_log(struct broker *b)
{
    struct partition_log *log = b->metadata.log;
    struct error err;
    uint32_t deleted = 0;
    int64_t now_ms = env_wall_ms(b->env);
    enum err e = log_roll(log, now_ms, &err);
    if (!e && b->snapshots.older.end_offset > log->start_offset) {
        e = log_advance_start(log, b->snapshots.older.end_offset, &err);
    }
    if (!e) {
        e = log_retain(log, now_ms, b->metadata.applied_offset, &deleted, &err);
    }
    if (e) {
        log_warn(&b->log, "the metadata log could not be cut", KV_STR("error", err.text));
    }
    raft_log_start_moved(b->quorum.raft, log->start_offset);
}

static void write_done(struct work *work)
{
    struct snapshot_write *w = container_of(work, struct snapshot_write, work);
    struct broker *b = w->broker;
    struct snapshots *s = &b->snapshots;
    s->writing = NULL;
    /* The next one is tried after as much again, whatever became of this one. */
    s->applied_bytes = w->applied_bytes;
    s->latest_ns = env_mono_ns(b->env);
    if (w->status) {
        log_error(&b->log, "a snapshot of the metadata could not be written",
                  KV_STR("error", w->err.text));
    } else if (quorum_is_alive(b) && !raft_snapshot_taken(b->quorum.raft, raft_id(w->id))) {
        s->older = s->latest;
        s->latest = w->id;
        log_info(&b->log, "wrote a snapshot of the metadata",
                 KV_INT("end_offset", w->id.end_offset), KV_INT("epoch", w->id.epoch),
                 KV_UINT("bytes", w->builder.bytes.len));
        remove_others(b);
        cut_log(b);
        quorum_run(b);
    }
    snapshot_builder_deinit(&w->builder);
    mem_free(w);
    broker_check_drained(b);
}

static void build(struct broker *b, struct snapshot_builder *builder, struct snapshot_id id)
{
    struct raft *r = b->quorum.raft;
    struct arena arena;
    struct voters_record voters;
    arena_init(&arena, DECODE_BYTES_MAX);
    struct snapshot_header header = {
        .last_contained_log_timestamp_ms = b->metadata.applied_time_ms,
        .kraft_version = raft_kraft_version_at(r, id.end_offset),
    };
    struct raft_voter_set set = raft_voters_at(r, id.end_offset);
    if (header.kraft_version > 0 && set.count && !raft_voters_to_record(set, &arena, &voters)) {
        header.voters = &voters;
    }
    snapshot_builder_init(builder, id.epoch, env_wall_ms(b->env), &header);
    arena_deinit(&arena);
    struct metadata_records records = { 0 };
    struct image_write_cursor cursor = { 0 };
    for (bool more = true; more;) {
        metadata_records_reset(&records);
        more = image_write(&b->image, &cursor, PIECE_BYTES, &records);
        for (uint32_t i = 0; i < records.count; i++) {
            snapshot_builder_add(builder, metadata_records_at(&records, i));
        }
    }
    metadata_records_deinit(&records);
    snapshot_builder_finish(builder);
}

bool snapshots_take(struct broker *b)
{
    struct snapshots *s = &b->snapshots;
    const struct metadata_log *m = &b->metadata;
    if (s->writing || m->transaction.open || !quorum_is_alive(b) || s->fetched.file ||
        m->applied_offset <= (s->latest.end_offset > 0 ? s->latest.end_offset : 0)) {
        return false;
    }
    struct snapshot_write *w = mem_zalloc(sizeof(*w));
    w->work = (struct work){ .run = write_run, .done = write_done };
    w->broker = b;
    w->applied_bytes = m->applied_bytes;
    w->id =
        (struct snapshot_id){ m->applied_offset, raft_epoch_at(b->quorum.raft, m->applied_offset) };
    build(b, &w->builder, w->id);
    s->writing = w;
    env_work(b->env, &w->work);
    return true;
}

void snapshots_check(struct broker *b)
{
    const struct snapshots *s = &b->snapshots;
    const struct broker_config *c = b->config;
    uint64_t age_ns = env_mono_ns(b->env) - s->latest_ns;
    bool large =
        b->metadata.applied_bytes - s->applied_bytes >= (uint64_t)c->metadata_snapshot_bytes;
    bool old = c->metadata_snapshot_interval_ms > 0 &&
               age_ns >= (uint64_t)c->metadata_snapshot_interval_ms * NS_PER_MS;
    /* A start that fails takes the node apart without waiting for workers. */
    if ((large || old) && !b->quorum.blocking && b->state != BROKER_DRAINING &&
        b->state != BROKER_STOPPED) {
        (void)snapshots_take(b);
    }
}

bool snapshots_are_idle(const struct broker *b)
{
    return !b->snapshots.writing;
}

/* --- serving ---------------------------------------------------------------------------------- */

enum kafka_error snapshots_read(struct broker *b, struct snapshot_id id, int64_t position,
                                uint32_t bytes_max, struct arena *arena, struct slice *ret_bytes,
                                int64_t *ret_size)
{
    struct buf path = { 0 };
    struct vfs_file *file;
    metadata_snapshot_path(b->metadata.dir, id, &path);
    enum err e = b->vfs->ops->open(b->vfs, buf_cstr(&path), VFS_READ, &file, NULL);
    buf_deinit(&path);
    if (e) {
        return KAFKA_SNAPSHOT_NOT_FOUND;
    }
    uint64_t size = 0;
    size_t n = 0;
    enum kafka_error code = KAFKA_NONE;
    bytes_max = bytes_max < SNAPSHOT_PART_BYTES_MAX ? bytes_max : SNAPSHOT_PART_BYTES_MAX;
    uint8_t *bytes = arena_alloc(arena, bytes_max);
    e = b->vfs->ops->size(b->vfs, file, &size);
    if (e || !bytes) {
        code = KAFKA_UNKNOWN_SERVER_ERROR;
    } else if (position < 0 || (uint64_t)position >= size) {
        code = KAFKA_POSITION_OUT_OF_RANGE;
    } else if (b->vfs->ops->pread(b->vfs, file, bytes, bytes_max, (uint64_t)position, &n)) {
        code = KAFKA_UNKNOWN_SERVER_ERROR;
    }
    b->vfs->ops->close(b->vfs, file);
    if (!code) {
        *ret_bytes = slice_of(bytes, n);
        *ret_size = (int64_t)size;
    }
    return code;
}

/* --- fetching --------------------------------------------------------------------------------- */

enum err snapshots_fetched(struct broker *b, struct snapshot_id id, int64_t position,
                           struct slice bytes, struct error *err)
{
    struct snapshot_writer *w = &b->snapshots.fetched;
    if (position == 0) {
        snapshot_writer_abort(w);
        enum err e = snapshot_writer_open(w, b->vfs, b->metadata.dir, id, err);
        if (e) {
            return e;
        }
    }
    if (!w->file || snapshot_id_cmp(w->id, id) != 0 || w->size_bytes != (uint64_t)position) {
        return err_set(err, ERR_INVALID, "a part of a snapshot came out of order");
    }
    return snapshot_writer_append(w, bytes, err);
}

enum err snapshots_adopt(struct broker *b, struct snapshot_id id, struct arena *arena,
                         struct raft_snapshot *ret_snapshot, struct error *err)
{
    struct snapshots *s = &b->snapshots;
    enum err e = s->fetched.file ? metadata_snapshot_check(b->vfs, s->fetched.part, err)
                                 : err_set(err, ERR_CORRUPT, "no snapshot was fetched");
    if (e) {
        snapshot_writer_abort(&s->fetched);
        return e;
    }
    e = snapshot_writer_commit(&s->fetched, err);
    if (e) {
        return e;
    }
    struct image image;
    image_init(&image, b->hash_seed);
    struct loading l = { .image = &image, .arena = arena, .snapshot = { .id = raft_id(id) } };
    e = load(b, &l, err);
    if (!e) {
        e = metadata_log_truncate_all(b, id.end_offset, err);
    }
    if (!e) {
        e = log_flush(b->metadata.log, err);
    }
    if (e) {
        image_deinit(&image);
        return e == ERR_CORRUPT ? ERR_INVALID : e; /* it is in place: no second try */
    }
    metadata_log_replace(b, &image, id.end_offset);
    s->older = s->latest.end_offset >= 0 ? s->latest : no_snapshot;
    s->latest = id;
    s->latest_ns = env_mono_ns(b->env);
    s->applied_bytes = b->metadata.applied_bytes;
    log_info(&b->log, "took a snapshot of the metadata from the leader",
             KV_INT("end_offset", id.end_offset), KV_INT("epoch", id.epoch));
    *ret_snapshot = l.snapshot;
    return ERR_OK;
}

void snapshots_deinit(struct broker *b)
{
    snapshot_writer_abort(&b->snapshots.fetched);
    metadata_records_deinit(&b->snapshots.bootstrap);
}
