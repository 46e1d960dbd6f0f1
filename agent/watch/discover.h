/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover.h - finds the files that match glob patterns. All patterns of an input are walked
 * together, so that each directory is read once however many of them lead there. Patterns are Go's
 * filepath.Match per path part, and `**` stands for up to eight directories.
 */
#ifndef LOGBOOM_AGENT_WATCH_DISCOVER_H
#define LOGBOOM_AGENT_WATCH_DISCOVER_H

#include "agent/watch/files.h"

enum { DISCOVER_DEPTH_MAX = 8 /* of one `**` */ };

struct glob_part {
    char *text;
    bool literal; /* no wild card in it; text is unescaped then */
    bool deep;    /* `**` */
};

struct glob {
    struct glob_part *parts;
    size_t part_count;
};

struct discover {
    struct glob *globs;
    size_t glob_count;
    bool follow_symlinks;
};

struct discover_events {
    /* A directory whose entries are about to be asked for: worth watching. It may have gone.
     * awaited: one of its names is known, and shall be a directory, and is not there yet; nothing
     * else in it matters. */
    void (*dir)(void *ctx, const char *path, bool awaited);
    /* A regular file that matches. A path may come twice when two patterns match it by different
     * ways. */
    void (*file)(void *ctx, const char *path, const struct file_info *info);
    /* Something could not be read: the scan is not complete, nothing may be concluded from absence.
     * A path that is not there is no failure. */
    void (*failed)(void *ctx, const char *path, enum err why);
};

/* recursive: whether `**` has its meaning. ERR_CONFIG for a relative or malformed pattern. */
enum err discover_init(struct discover *d, const char *const *patterns, size_t count,
                       bool recursive, bool follow_symlinks, struct error *err);
void discover_deinit(struct discover *d);
void discover_walk(const struct discover *d, struct files *files,
                   const struct discover_events *events, void *ctx);
/* Whether a path is one that the walk would report (by name only). */
bool discover_matches(const struct discover *d, const char *path);
/* Whether the walk would look into a directory of this path. */
bool discover_leads_on(const struct discover *d, const char *path);

#endif
