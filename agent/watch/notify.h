/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - hints from the kernel that something moved. Hints only: whatever they miss, the
 * periodic scan finds. A program without notifications (none to be had, or the simulator) passes
 * NULL around.
 */
#ifndef LOGBOOM_AGENT_WATCH_NOTIFY_H
#define LOGBOOM_AGENT_WATCH_NOTIFY_H

#include "protocol/base/err.h"

#include <stdbool.h>

enum notify_kind {
    NOTIFY_CHANGED,  /* path was written to */
    NOTIFY_APPEARED, /* path, a file or a directory, was created or renamed to here */
    NOTIFY_GONE,     /* path was deleted or renamed away */
    NOTIFY_RESCAN,   /* anything may have happened: path is NULL */
};

struct notify_events {
    void (*event)(void *ctx, enum notify_kind kind, const char *path);
};

struct notify;

struct notify_ops {
    /* Watches the entries of a directory, or only for entries that appear; again is harmless, and
     * what was watched before stays so. Several paths may lead to one directory: its events come
     * under each of them. ERR_NOT_FOUND: no directory is there. */
    enum err (*add_dir)(struct notify *n, const char *path, bool appearing_only);
    /* Watches the file that a symbolic link leads to, as the link's directory does not tell of it:
     * its changes come under the link's path, that it was moved or deleted as NOTIFY_RESCAN. */
    enum err (*add_link)(struct notify *n, const char *path);
    void (*free)(struct notify *n);
};

struct notify {
    const struct notify_ops *ops;
};

struct loop;
/* inotify, its descriptor in the loop. */
enum err notify_inotify(struct loop *loop, const struct notify_events *events, void *ctx,
                        struct notify **ret_notify, struct error *err);

#endif
