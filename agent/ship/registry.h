/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry.h - what was shipped of which file, on disk. Never ahead of the output's
 * acknowledgement. An append-only log of checksummed records, synced in groups on a worker,
 * rewritten (new file, rename, directory sync) when it is twice as large as what is alive in it.
 */
#ifndef LOGBOOM_AGENT_SHIP_REGISTRY_H
#define LOGBOOM_AGENT_SHIP_REGISTRY_H

#include "agent/ship/registry_codec.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/daemon/log.h"

/* One file generation. The registry owns it; the fields from place on are the caller's to change,
 * followed by registry_touch(). */
struct registry_entry {
    struct file_id id;
    char id_text[FILE_ID_TEXT_BYTES];
    struct file_place place;
    struct file_mark mark;
    int64_t mtime_ns;
    uint64_t size_bytes;
    int64_t seen_ms;
    struct file_hours hours;
    char *input_id; /* mem_alloc'd, changed by registry_set_path() & co only */
    char *path;
    void *owner; /* the file in memory that stands for it; NULL: nobody */
    struct list_node dirty_node;
    bool dirty;
    uint64_t needed_flush; /* the flush that writes what must be durable before lines leave */
};

struct registry_events {
    /* A flush begins: the last chance to bring dirty entries up to date. May be NULL. */
    void (*before_flush)(void *user);
    /* A flush is on disk: new entries may be durable now. May be NULL. */
    void (*flushed)(void *user);
};

struct registry_stats {
    uint64_t entries, log_bytes, flushes, failures, rewrites;
    bool failing; /* the last flush did not reach the disk */
};

struct registry;

/* Reads dir/registry.log (makes the directory). Unreadable parts are logged and passed over; a file
 * of another format is ERR_UNSUPPORTED. */
enum err registry_open(struct env env, struct vfs *vfs, const struct log *log, const char *dir,
                       unsigned file_mode, uint64_t flush_ns, const struct registry_events *events,
                       void *user, struct registry **ret_registry, struct error *err);
/* A flush under way must be over (registry_is_flushing); nothing is written. */
void registry_free(struct registry *r);

/* A new generation with a random id, dirty. */
struct registry_entry *registry_add(struct registry *r, const char *input_id, const char *path,
                                    const struct file_place *place);
void registry_remove(struct registry *r, struct registry_entry *e);
void registry_set_path(struct registry_entry *e, const char *path);
/* The entry changed: the next flush writes it. */
void registry_touch(struct registry *r, struct registry_entry *e);
/* All entries, in the order in which they were added; cursor starts at 0. The one just returned may
 * be removed. */
struct registry_entry *registry_next(const struct registry *r, uint32_t *cursor);
/* The dirty ones, during before_flush. */
struct list_node *registry_dirty(struct registry *r);

/* The entry changed in a way that must be durable before another line of the file is shipped. */
void registry_demand(struct registry *r, struct registry_entry *e);
/* Begins a flush now when something is dirty, or as soon as the one under way is over. */
void registry_flush(struct registry *r);
bool registry_is_flushing(const struct registry *r);
bool registry_is_clean(const struct registry *r); /* nothing dirty, nothing under way */
/* Whether the entry's id, and what was demanded since, is on disk: only then may a line of the file
 * be shipped. */
bool registry_is_durable(const struct registry *r, const struct registry_entry *e);
struct registry_stats registry_get_stats(const struct registry *r);

#endif
