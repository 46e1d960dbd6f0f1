/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_inotify.c - notify.h by Linux's inotify(7), one watch a directory.
 *
 * Invariants:
 * I1. A queue overflow, or a watched directory that went away, becomes NOTIFY_RESCAN.
 * I2. The path of an event is the one under which its directory was added; when a directory was
 * renamed
 *     the path is wrong, which is why the scan is the truth.
 */
#include "agent/watch/notify.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"
#include "protocol/net/loop.h"

#include <errno.h>
#include <inotifytools/inotify.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENT_BYTES = 64 << 10,
    WATCHED = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
};

struct inotify {
    struct notify base;
    struct loop *loop;
    struct watch watch;
    const struct notify_events *events;
    void *ctx;
    struct map by_dir; /* path -> dir */
    struct map by_wd;  /* descriptor -> dir */
    struct buf path;
    uint8_t *bytes;
};

struct watched_dir {
    uint64_t wd;
    char *path;
};

static void forget(struct inotify *n, struct watched_dir *dir)
{
    map_remove(&n->by_dir, slice_str(dir->path));
    map_remove(&n->by_wd, map_key_u64(&dir->wd));
    mem_free(dir->path);
    mem_free(dir);
}

static enum err add_dir(struct notify *base, const char *path)
{
    struct inotify *n = container_of(base, struct inotify, base);
    int wd = inotify_add_watch(n->watch.fd, path, WATCHED);
    if (wd < 0) {
        return err_of_errno(errno);
    }
    struct watched_dir *known = map_get(&n->by_dir, slice_str(path));
    uint64_t key = (uint64_t)wd;
    if (known && known->wd == key) {
        return ERR_OK;
    }
    if (known) {
        forget(n, known); /* the directory was replaced by another one of its name */
    }
    struct watched_dir *other = map_get(&n->by_wd, map_key_u64(&key));
    if (other) {
        forget(n, other); /* the same directory under its new name */
    }
    struct watched_dir *dir = mem_zalloc(sizeof(*dir));
    dir->wd = key;
    dir->path = mem_strdup(path);
    map_put(&n->by_dir, slice_str(path), dir);
    map_put(&n->by_wd, map_key_u64(&key), dir);
    return ERR_OK;
}

static void handle(struct inotify *n, const struct inotify_event *e, const char *name)
{
    if (e->mask & IN_Q_OVERFLOW) {
        n->events->event(n->ctx, NOTIFY_RESCAN, NULL);
        return;
    }
    uint64_t key = (uint64_t)e->wd;
    struct watched_dir *dir = map_get(&n->by_wd, map_key_u64(&key));
    if (!dir) {
        return;
    }
    if (e->mask & IN_IGNORED) {
        forget(n, dir);
        n->events->event(n->ctx, NOTIFY_RESCAN, NULL);
        return;
    }
    if (e->mask & IN_ISDIR) {
        if (e->mask & (IN_CREATE | IN_MOVED_TO)) {
            n->events->event(n->ctx, NOTIFY_RESCAN, NULL);
        }
        return;
    }
    buf_reset(&n->path);
    buf_append_str(&n->path, strcmp(dir->path, "/") == 0 ? "" : dir->path);
    buf_append_byte(&n->path, '/');
    buf_append_str(&n->path, name);
    const char *path = buf_cstr(&n->path);
    if (e->mask & (IN_CREATE | IN_MOVED_TO)) {
        n->events->event(n->ctx, NOTIFY_APPEARED, path);
    } else if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
        n->events->event(n->ctx, NOTIFY_GONE, path);
    } else if (e->mask & IN_MODIFY) {
        n->events->event(n->ctx, NOTIFY_CHANGED, path);
    }
}

static void ready(void *owner, uint32_t events)
{
    struct inotify *n = owner;
    ssize_t got = read(n->watch.fd, n->bytes, EVENT_BYTES);
    size_t len = got > 0 ? (size_t)got : 0;
    for (size_t pos = 0; len - pos >= sizeof(struct inotify_event);) {
        struct inotify_event e;
        memcpy(&e, n->bytes + pos, sizeof(e));
        handle(n, &e, e.len ? (const char *)n->bytes + pos + sizeof(e) : "");
        pos += sizeof(e) + e.len;
    }
}

static void free_inotify(struct notify *base)
{
    struct inotify *n = container_of(base, struct inotify, base);
    loop_watch_remove(n->loop, &n->watch);
    close(n->watch.fd);
    uint32_t cursor = 0;
    struct watched_dir *dir;
    while ((dir = map_next(&n->by_wd, &cursor, NULL))) {
        forget(n, dir);
    }
    map_deinit(&n->by_dir);
    map_deinit(&n->by_wd);
    buf_deinit(&n->path);
    mem_free(n->bytes);
    mem_free(n);
}

enum err notify_inotify(struct loop *loop, const struct notify_events *events, void *ctx,
                        struct notify **ret_notify, struct error *err)
{
    static const struct notify_ops ops = { add_dir, free_inotify };
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "inotify_init1");
    }
    struct inotify *n = mem_zalloc(sizeof(*n));
    n->base.ops = &ops;
    n->loop = loop;
    n->watch = (struct watch){ .fd = fd, .events = EPOLLIN, .ready = ready, .owner = n };
    n->events = events;
    n->ctx = ctx;
    n->bytes = mem_alloc(EVENT_BYTES + NAME_MAX + 1);
    enum err rc = loop_watch_add(loop, &n->watch);
    if (rc) {
        close(fd);
        mem_free(n->bytes);
        mem_free(n);
        return err_set(err, rc, "watch the inotify descriptor: %s", err_text(rc));
    }
    *ret_notify = &n->base;
    return ERR_OK;
}
