/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.c - see registry.h. Driven by agent.c and input/; the disk is behind vfs.h, the sync on
 * a worker.
 *
 * Invariants:
 * I1. An entry counts as durable only after a write that held it was synced, so the id in an event
 *     that left the agent is found again after any crash.
 * I2. Records are absolute: losing some of the last ones means sending lines again under the same
 *     event.id, never losing lines.
 * I3. One flush at a time; what changes meanwhile is in the next one.
 * I4. After a failed write or sync the old file is not appended to again: the next flush writes the
 *     whole registry anew.
 */
#include "agent/ship/registry.h"

#include "protocol/base/alloc.h"
#include "protocol/base/map.h"

#include <sys/stat.h>
#include <sys/uio.h>

enum { REGISTRY_FILE_BYTES_MAX = 1 << 30, REWRITE_BYTES_MIN = 1 << 20 };

struct registry {
    struct env env;
    struct vfs *vfs;
    struct log log;
    const struct registry_events *events;
    void *user;
    uint64_t flush_ns;
    unsigned file_mode;
    char *path;
    struct vfs_file *file; /* NULL until the first rewrite */
    uint64_t file_pos;     /* where the next record goes */
    size_t live_bytes;     /* what the last rewrite measured */
    struct map by_id;
    struct list_node dirty;
    struct buf removed; /* encoded removals of entries that are gone */
    struct timer timer;
    uint64_t flush_no;   /* of the flush under way or the next one */
    uint64_t durable_no; /* the last one on disk */
    bool flushing, again, must_rewrite;
    /* the flush under way, the worker's */
    struct work work;
    struct buf out;
    bool rewrite;
    enum err result;
    struct error result_error;
    struct registry_stats stats;
};

static struct slice id_key(const struct file_id *id)
{
    return slice_of(id->bytes, sizeof(id->bytes));
}

static void free_entry(struct registry *r, struct registry_entry *e)
{
    map_remove(&r->by_id, id_key(&e->id));
    if (e->dirty) {
        list_remove(&e->dirty_node);
    }
    mem_free(e->input_id);
    mem_free(e->path);
    mem_free(e);
}

static struct registry_entry *new_entry(struct registry *r, const struct file_id *id)
{
    struct registry_entry *e = mem_zalloc(sizeof(*e));
    e->id = *id;
    file_id_format(id, e->id_text);
    map_put(&r->by_id, id_key(id), e);
    return e;
}

static void load_record(void *ctx, const struct registry_record *rec)
{
    struct registry *r = ctx;
    struct registry_entry *e = map_get(&r->by_id, id_key(&rec->id));
    if (rec->kind == REGISTRY_REMOVE) {
        if (e) {
            free_entry(r, e);
        }
        return;
    }
    if (!e) {
        e = new_entry(r, &rec->id);
    }
    e->place = rec->place;
    e->mark = rec->mark;
    e->mtime_ns = rec->mtime_ns;
    e->size_bytes = rec->size_bytes;
    e->seen_ms = rec->seen_ms;
    e->hours = rec->hours;
    mem_free(e->input_id);
    mem_free(e->path);
    e->input_id = mem_strndup(rec->input_id.ptr, rec->input_id.len);
    e->path = mem_strndup(rec->path.ptr, rec->path.len);
}

static void encode_entry(const struct registry_entry *e, struct buf *out)
{
    struct registry_record rec = {
        .kind = REGISTRY_PUT,
        .id = e->id,
        .place = e->place,
        .mark = e->mark,
        .mtime_ns = e->mtime_ns,
        .size_bytes = e->size_bytes,
        .seen_ms = e->seen_ms,
        .hours = e->hours,
        .input_id = slice_str(e->input_id),
        .path = slice_str(e->path),
    };
    registry_encode(&rec, out);
}

static enum err load(struct registry *r, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct vfs_stat st;
    enum err rc = r->vfs->ops->stat(r->vfs, r->path, &st);
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    rc = vfs_read_file(r->vfs, r->path, REGISTRY_FILE_BYTES_MAX, &bytes, &len, err);
    if (rc) {
        return rc;
    }
    struct registry_decoded d = { 0 };
    rc = registry_decode(slice_of(bytes, len), load_record, r, &d);
    mem_free(bytes);
    if (rc) {
        return err_set(err, rc,
                       "%s is not a registry that this version can read; move it away to begin "
                       "anew (every file will then be shipped again)",
                       r->path);
    }
    if (d.skipped_bytes > 0 || d.whole_bytes < len) {
        log_warn(&r->log, "part of the registry could not be read: lines may be sent again",
                 KV_STR("path", r->path), KV_UINT("skipped_bytes", d.skipped_bytes),
                 KV_UINT("torn_bytes", len - d.whole_bytes));
    }
    return ERR_OK;
}

static void timer_fired(void *owner)
{
    registry_flush(owner);
}

enum err registry_open(struct env env, struct vfs *vfs, const struct log *log, const char *dir,
                       unsigned file_mode, uint64_t flush_ns, const struct registry_events *events,
                       void *user, struct registry **ret_registry, struct error *err)
{
    enum err rc = vfs_make_dirs(vfs, dir, err);
    if (rc) {
        err_wrap(err, "create the registry's directory");
        return rc;
    }
    struct registry *r = mem_zalloc(sizeof(*r));
    r->env = env;
    r->vfs = vfs;
    r->log = log_for(log, "registry");
    r->events = events;
    r->user = user;
    r->flush_ns = flush_ns;
    r->file_mode = file_mode;
    struct buf path = { 0 };
    buf_printf(&path, "%s/registry.log", dir);
    r->path = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    list_init(&r->dirty);
    r->timer.fire = timer_fired;
    r->timer.owner = r;
    r->flush_no = 1;
    r->must_rewrite = true; /* a clean start also cuts torn bytes off */
    rc = load(r, err);
    if (rc) {
        registry_free(r);
        return rc;
    }
    *ret_registry = r;
    return ERR_OK;
}

void registry_free(struct registry *r)
{
    timer_cancel(r->env, &r->timer);
    if (r->file) {
        r->vfs->ops->close(r->vfs, r->file);
    }
    uint32_t cursor = 0;
    struct registry_entry *e;
    while ((e = registry_next(r, &cursor))) {
        free_entry(r, e);
    }
    map_deinit(&r->by_id);
    buf_deinit(&r->removed);
    buf_deinit(&r->out);
    mem_free(r->path);
    mem_free(r);
}

/* --- entries ---------------------------------------------------------------------------------- */

static void arm(struct registry *r)
{
    if (!r->flushing && !timer_is_armed(&r->timer)) {
        timer_arm_in(r->env, &r->timer, r->flush_ns);
    }
}

void registry_touch(struct registry *r, struct registry_entry *e)
{
    if (!e->dirty) {
        e->dirty = true;
        list_push_back(&r->dirty, &e->dirty_node);
    }
    arm(r);
}

void registry_demand(struct registry *r, struct registry_entry *e)
{
    e->needed_flush = r->flushing ? r->flush_no + 1 : r->flush_no;
    registry_touch(r, e);
}

struct registry_entry *registry_add(struct registry *r, const char *input_id, const char *path,
                                    const struct file_place *place)
{
    struct file_id id;
    for (size_t i = 0; i < FILE_ID_BYTES; i += 4) {
        uint64_t random = env_random(r->env);
        memcpy(id.bytes + i, &random, 4);
    }
    struct registry_entry *e = new_entry(r, &id);
    e->place = *place;
    e->input_id = mem_strdup(input_id);
    e->path = mem_strdup(path);
    registry_demand(r, e);
    return e;
}

void registry_remove(struct registry *r, struct registry_entry *e)
{
    struct registry_record rec = { .kind = REGISTRY_REMOVE, .id = e->id };
    registry_encode(&rec, &r->removed);
    free_entry(r, e);
    arm(r);
}

void registry_set_path(struct registry_entry *e, const char *path)
{
    char *copy = mem_strdup(path);
    mem_free(e->path);
    e->path = copy;
}

struct registry_entry *registry_next(const struct registry *r, uint32_t *cursor)
{
    return map_next(&r->by_id, cursor, NULL);
}

struct list_node *registry_dirty(struct registry *r)
{
    return &r->dirty;
}

/* --- flushing --------------------------------------------------------------------------------- */

/* On the worker. */
static void write_out(struct work *w)
{
    struct registry *r = list_entry(w, struct registry, work);
    struct vfs *v = r->vfs;
    if (r->rewrite) {
        if (r->file) {
            v->ops->close(v, r->file);
            r->file = NULL;
        }
        r->result = vfs_replace_file(v, r->path, buf_slice(&r->out), &r->result_error);
        if (!r->result) {
            r->result = v->ops->open(v, r->path, VFS_READ | VFS_WRITE, &r->file, &r->result_error);
        }
        if (!r->result && r->file->fd >= 0) {
            (void)fchmod(r->file->fd, (mode_t)r->file_mode);
        }
        return;
    }
    struct iovec iov = { r->out.ptr, r->out.len };
    r->result = v->ops->pwritev(v, r->file, &iov, 1, r->file_pos);
    if (!r->result) {
        r->result = v->ops->sync(v, r->file);
    }
    if (r->result) {
        err_set(&r->result_error, r->result, "write %s: %s", r->path, err_text(r->result));
    }
}

static void written(struct work *w)
{
    struct registry *r = list_entry(w, struct registry, work);
    r->flushing = false;
    r->stats.failing = r->result != ERR_OK;
    if (r->result) {
        r->stats.failures++;
        r->must_rewrite = true;
        r->again = false;
        log_error(&r->log, "the registry could not be written, trying again",
                  KV_STR("error", r->result_error.text));
        timer_arm_in(r->env, &r->timer, NS_PER_S);
    } else {
        r->stats.flushes++;
        r->durable_no = r->flush_no;
        r->file_pos = r->rewrite ? r->out.len : r->file_pos + r->out.len;
        if (r->rewrite) {
            r->stats.rewrites++;
            r->live_bytes = r->out.len;
            r->must_rewrite = false;
        }
    }
    r->flush_no++;
    buf_reset(&r->out);
    if (!r->result && r->events && r->events->flushed) {
        r->events->flushed(r->user);
    }
    if (r->again) {
        r->again = false;
        registry_flush(r);
    } else if (!registry_is_clean(r)) {
        arm(r);
    }
}

static void encode_all(struct registry *r)
{
    buf_reset(&r->out);
    registry_encode_header(&r->out);
    uint32_t cursor = 0;
    const struct registry_entry *e;
    while ((e = registry_next(r, &cursor))) {
        encode_entry(e, &r->out);
    }
}

void registry_flush(struct registry *r)
{
    if (r->flushing) {
        r->again = true;
        return;
    }
    timer_cancel(r->env, &r->timer);
    if (list_is_empty(&r->dirty) && r->removed.len == 0 && !(r->must_rewrite && r->stats.failing)) {
        return;
    }
    if (r->events && r->events->before_flush) {
        r->events->before_flush(r->user);
    }
    buf_reset(&r->out);
    buf_append_slice(&r->out, buf_slice(&r->removed));
    buf_reset(&r->removed);
    list_for_each(node, &r->dirty) {
        struct registry_entry *e = list_entry(node, struct registry_entry, dirty_node);
        encode_entry(e, &r->out);
        e->dirty = false;
        list_remove(node);
    }
    size_t bound = 2 * r->live_bytes + REWRITE_BYTES_MIN;
    r->rewrite = r->must_rewrite || !r->file || r->file_pos + r->out.len > bound;
    if (r->rewrite) {
        encode_all(r);
    }
    r->flushing = true;
    r->work.run = write_out;
    r->work.done = written;
    env_work(r->env, &r->work);
}

bool registry_is_flushing(const struct registry *r)
{
    return r->flushing;
}

bool registry_is_clean(const struct registry *r)
{
    return !r->flushing && list_is_empty(&r->dirty) && r->removed.len == 0 && !r->stats.failing;
}

bool registry_is_durable(const struct registry *r, const struct registry_entry *e)
{
    return e->needed_flush <= r->durable_no;
}

struct registry_stats registry_get_stats(const struct registry *r)
{
    struct registry_stats s = r->stats;
    s.entries = r->by_id.count;
    s.log_bytes = r->file_pos;
    return s;
}
