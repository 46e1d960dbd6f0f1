/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_file.c - see output_file.h. Driven by agent.c.
 *
 * Events are collected and written at the end of the loop's turn; they are acknowledged once
 * written.
 *
 * Invariants:
 * I1. Acknowledgements come from the loop, never from inside append() or flush().
 * I2. A line is acknowledged only when all of it is with the kernel. A failed write is tried again,
 * at
 *     the same place.
 */
#include "agent/ship/output_file.h"

#include "protocol/base/alloc.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, READ_BACK_BYTES = 64 << 10 };

struct taken {
    struct tracker_run *run;
    uint64_t position;
    uint32_t lines;
};

struct file_output {
    struct output base;
    struct env env;
    struct vfs *vfs;
    struct vfs_file *file; /* NULL: standard output */
    uint64_t pos;
    const struct output_events *events;
    void *user;
    struct buf buf;
    struct taken *taken;
    size_t taken_count, taken_cap;
    struct timer timer;
    bool refused;
    struct output_stats stats;
};

static void take(struct file_output *o, const struct out_event *e)
{
    struct tracker_run *run = tracker_run_for(e->tracker, o, 0);
    tracker_sent(run);
    struct taken *last = o->taken_count ? &o->taken[o->taken_count - 1] : NULL;
    if (last && last->run == run) {
        last->position = e->position;
        last->lines++;
        return;
    }
    if (o->taken_count == o->taken_cap) {
        o->taken_cap = o->taken_cap ? 2 * o->taken_cap : 64;
        o->taken = mem_rearray(o->taken, o->taken_cap, sizeof(*o->taken));
    }
    o->taken[o->taken_count++] = (struct taken){ run, e->position, 1 };
}

static enum err file_append(struct output *base, const struct out_event *e)
{
    struct file_output *o = container_of(base, struct file_output, base);
    if (o->buf.len > 0 && o->buf.len + e->value.len + 1 > BUFFER_BYTES) {
        o->refused = true;
        return ERR_AGAIN;
    }
    buf_append_slice(&o->buf, e->value);
    buf_append_byte(&o->buf, '\n');
    take(o, e);
    o->stats.events++;
    o->stats.bytes += e->value.len;
    if (!timer_is_armed(&o->timer)) {
        timer_arm_in(o->env, &o->timer, 0);
    }
    return ERR_OK;
}

static enum err write_all(struct file_output *o)
{
    if (o->file) {
        struct iovec iov = { o->buf.ptr, o->buf.len };
        return o->vfs->ops->pwritev(o->vfs, o->file, &iov, 1, o->pos);
    }
    for (size_t done = 0; done < o->buf.len;) {
        ssize_t n = write(STDOUT_FILENO, o->buf.ptr + done, o->buf.len - done);
        if (n < 0 && errno != EINTR) {
            enum err rc = err_of_errno(errno);
            buf_drop(&o->buf, done);
            return rc;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

static void write_out(void *owner)
{
    struct file_output *o = owner;
    if (o->buf.len == 0) {
        return;
    }
    if (write_all(o)) {
        timer_arm_in(o->env, &o->timer, NS_PER_S);
        return;
    }
    o->pos += o->buf.len;
    if (o->buf.cap > 4 * BUFFER_BYTES) {
        buf_deinit(&o->buf);
    }
    buf_reset(&o->buf);
    for (size_t i = 0; i < o->taken_count; i++) {
        struct taken t = o->taken[i];
        o->stats.acked += t.lines;
        tracker_acked(t.run, t.lines, t.position);
    }
    o->taken_count = 0;
    if (o->refused) {
        o->refused = false;
        o->events->ready(o->user);
    }
}

static void file_flush(struct output *base)
{
}

static void file_stats(const struct output *base, struct output_stats *ret_stats)
{
    const struct file_output *o = container_of(base, struct file_output, base);
    *ret_stats = o->stats;
    ret_stats->outstanding = o->stats.events - o->stats.acked;
    ret_stats->buffered_bytes = o->buf.len;
}

static void file_free(struct output *base)
{
    struct file_output *o = container_of(base, struct file_output, base);
    timer_cancel(o->env, &o->timer);
    if (o->file) {
        o->vfs->ops->close(o->vfs, o->file);
    }
    buf_deinit(&o->buf);
    mem_free(o->taken);
    mem_free(o);
}

static struct file_output *new_output(const struct output_ops *ops, struct env env,
                                      const struct output_events *events, void *user)
{
    struct file_output *o = mem_zalloc(sizeof(*o));
    o->base.ops = ops;
    o->env = env;
    o->events = events;
    o->user = user;
    o->timer.fire = write_out;
    o->timer.owner = o;
    return o;
}

/* The end of the last whole line. */
static enum err find_end(struct file_output *o, uint64_t size, uint64_t *ret_end)
{
    uint8_t *bytes = mem_alloc(READ_BACK_BYTES);
    enum err rc = ERR_OK;
    uint64_t end = size;
    while (end > 0) {
        size_t n = end < READ_BACK_BYTES ? (size_t)end : READ_BACK_BYTES, got = 0;
        rc = o->vfs->ops->pread(o->vfs, o->file, bytes, n, end - n, &got);
        const uint8_t *newline = rc || got < n ? NULL : memrchr(bytes, '\n', n);
        if (rc || newline) {
            end = newline ? end - n + (size_t)(newline - bytes) + 1 : end;
            break;
        }
        end -= n;
    }
    mem_free(bytes);
    if (!rc) {
        *ret_end = end;
    }
    return rc;
}

enum err output_file_new(struct env env, struct vfs *vfs, const char *path,
                         const struct output_events *events, void *user, struct output **ret_output,
                         struct error *err)
{
    static const struct output_ops ops = { "file", file_append, file_flush, file_stats, file_free };
    struct file_output *o = new_output(&ops, env, events, user);
    o->vfs = vfs;
    uint64_t size = 0;
    enum err rc = vfs->ops->open(vfs, path, VFS_READ | VFS_WRITE | VFS_CREATE, &o->file, err);
    if (!rc) {
        rc = vfs->ops->size(vfs, o->file, &size);
        rc = rc ? rc : find_end(o, size, &o->pos);
        rc = rc || o->pos == size ? rc : vfs->ops->truncate(vfs, o->file, o->pos);
        if (rc) {
            err_set(err, rc, "prepare %s: %s", path, err_text(rc));
        }
    }
    if (rc) {
        file_free(&o->base);
        return rc;
    }
    *ret_output = &o->base;
    return ERR_OK;
}

struct output *output_console_new(struct env env, const struct output_events *events, void *user)
{
    static const struct output_ops ops = { "console", file_append, file_flush, file_stats,
                                           file_free };
    return &new_output(&ops, env, events, user)->base;
}
