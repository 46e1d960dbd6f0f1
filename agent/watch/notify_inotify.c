/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_inotify.c - notify.h by Linux's inotify(7), one watch a directory, and one for what a
 * symbolic link leads to.
 *
 * Invariants:
 * I1. A queue overflow, or a watched directory that went away, becomes NOTIFY_RESCAN.
 * I2. The path of an event is one under which its directory was added; when a directory was
 *     renamed the path is wrong, which is why the scan is the truth.
 * I3. A descriptor stands for one directory (the kernel's inode), and has all the paths under which
 *     that was added: none of them loses its events to another.
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
#include <sys/stat.h>
#include <unistd.h>

enum {
    EVENT_BYTES = 64 << 10,
    APPEARING = IN_CREATE | IN_MOVED_TO,
    WATCHED = APPEARING | IN_MODIFY | IN_DELETE | IN_MOVED_FROM,
    WATCHED_FILE = IN_MODIFY | IN_MOVE_SELF | IN_DELETE_SELF,
};

struct inotify {
    struct notify base;
    struct loop *loop;
    struct watch watch;
    const struct notify_events *events;
    void *ctx;
    struct map by_path; /* -> struct name */
    struct map by_wd;   /* descriptor -> struct watched_dir */
    struct buf path;
    uint8_t *bytes;
};

struct watched_dir {
    uint64_t wd;
    struct list_node names;
};

/* A path under which a directory was added. */
struct name {
    struct list_node node;
    struct watched_dir *dir;
    char *path;
};

static void forget_name(struct inotify *n, struct name *name)
{
    map_remove(&n->by_path, slice_str(name->path));
    list_remove(&name->node);
    mem_free(name->path);
    mem_free(name);
}

static void forget_dir(struct inotify *n, struct watched_dir *dir)
{
    struct list_node *node;
    while ((node = list_first(&dir->names))) {
        forget_name(n, list_entry(node, struct name, node));
    }
    map_remove(&n->by_wd, map_key_u64(&dir->wd));
    mem_free(dir);
}

/* The directory was renamed, or is reached by two paths: forgets the names that lead elsewhere. */
static void forget_old_names(struct inotify *n, struct watched_dir *dir, const char *path)
{
    struct stat now, st;
    if (stat(path, &now) < 0) {
        return;
    }
    list_for_each(node, &dir->names) {
        struct name *name = list_entry(node, struct name, node);
        if (stat(name->path, &st) < 0 || st.st_dev != now.st_dev || st.st_ino != now.st_ino) {
            forget_name(n, name);
        }
    }
}

static enum err add(struct inotify *n, const char *path, uint32_t mask)
{
    int wd = inotify_add_watch(n->watch.fd, path, mask);
    if (wd < 0) {
        return errno == ENOTDIR ? ERR_NOT_FOUND : err_of_errno(errno);
    }
    struct name *known = map_get(&n->by_path, slice_str(path));
    uint64_t key = (uint64_t)wd;
    if (known && known->dir->wd == key) {
        return ERR_OK;
    }
    if (known) {
        struct watched_dir *replaced = known->dir;
        forget_name(n, known);
        if (list_is_empty(&replaced->names)) {
            (void)inotify_rm_watch(n->watch.fd, (int)replaced->wd);
            forget_dir(n, replaced);
        }
    }
    struct watched_dir *dir = map_get(&n->by_wd, map_key_u64(&key));
    if (dir) {
        forget_old_names(n, dir, path);
    } else {
        dir = mem_zalloc(sizeof(*dir));
        dir->wd = key;
        list_init(&dir->names);
        map_put(&n->by_wd, map_key_u64(&dir->wd), dir);
    }
    struct name *name = mem_zalloc(sizeof(*name));
    name->dir = dir;
    name->path = mem_strdup(path);
    list_push_back(&dir->names, &name->node);
    map_put(&n->by_path, slice_str(name->path), name);
    return ERR_OK;
}

static enum err add_dir(struct notify *base, const char *path, bool appearing_only)
{
    return add(container_of(base, struct inotify, base), path,
               IN_ONLYDIR | IN_MASK_ADD | (appearing_only ? APPEARING : WATCHED));
}

static enum err add_link(struct notify *base, const char *path)
{
    return add(container_of(base, struct inotify, base), path, WATCHED_FILE | IN_MASK_ADD);
}

static void tell(struct inotify *n, const struct name *name, uint32_t mask, const char *entry)
{
    buf_reset(&n->path);
    buf_append_str(&n->path, strcmp(name->path, "/") == 0 ? "" : name->path);
    if (*entry) { /* else it is about the file that is watched itself */
        buf_append_byte(&n->path, '/');
        buf_append_str(&n->path, entry);
    }
    const char *path = buf_cstr(&n->path);
    if (mask & APPEARING) {
        n->events->event(n->ctx, NOTIFY_APPEARED, path);
    } else if (mask & IN_ISDIR) {
        return; /* what was in it tells by itself, or is found missing by the scan */
    } else if (mask & (IN_DELETE | IN_MOVED_FROM)) {
        n->events->event(n->ctx, NOTIFY_GONE, path);
    } else if (mask & IN_MODIFY) {
        n->events->event(n->ctx, NOTIFY_CHANGED, path);
    }
}

static void handle(struct inotify *n, const struct inotify_event *e, const char *entry)
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
        forget_dir(n, dir);
    }
    if (e->mask & (IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF)) {
        n->events->event(n->ctx, NOTIFY_RESCAN, NULL);
        return;
    }
    list_for_each(node, &dir->names) {
        tell(n, list_entry(node, struct name, node), e->mask, entry);
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
        forget_dir(n, dir);
    }
    map_deinit(&n->by_path);
    map_deinit(&n->by_wd);
    buf_deinit(&n->path);
    mem_free(n->bytes);
    mem_free(n);
}

enum err notify_inotify(struct loop *loop, const struct notify_events *events, void *ctx,
                        struct notify **ret_notify, struct error *err)
{
    static const struct notify_ops ops = { add_dir, add_link, free_inotify };
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
