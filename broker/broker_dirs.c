/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_dirs.c - the log directories of a node: opened, checked against one another, formatted
 * when that can do no harm. Driven by broker.c at start-up; blocks.
 *   (B1) Every directory in use has the cluster id and the node id of the others.
 *   (B3) The metadata's directory of a node with peers is never formatted here: an emptied voter
 *        that came back as a new one could elect a leader that lacks what was committed.
 */
#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <stdio.h>

struct broker_dir *broker_dir_for_new(struct broker *b)
{
    struct broker_dir *best = &b->dirs[0];
    for (uint32_t i = 1; i < b->dir_count; i++) {
        if (b->dirs[i].partition_count < best->partition_count) {
            best = &b->dirs[i];
        }
    }
    best->partition_count++;
    return best;
}

static bool has_peers(struct broker *b)
{
    struct quorum_server own[2 * QUORUM_LISTENERS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->listener_count && i < QUORUM_LISTENERS_MAX; i++) {
        const struct broker_listener *l = &b->listeners[i];
        own[count++] = (struct quorum_server){ .id = -1, .host = l->host, .port = l->port };
        if (l->advertised_host) {
            own[count++] = (struct quorum_server){ .id = -1,
                                                   .host = l->advertised_host,
                                                   .port = l->advertised_port };
        }
    }
    return quorum_config_has_peers(&b->roles, b->node_id, own, count);
}

/* --- identity --------------------------------------------------------------------------------- */

static enum err take_identity(struct broker *b, const struct log_dir *dir, struct error *err)
{
    const struct meta_properties *meta = &dir->meta;
    snprintf(b->cluster_id, sizeof(b->cluster_id), "%s", meta->cluster_id);
    if (meta->node_id < 0 || meta->node_id == b->node_id) {
        return ERR_OK;
    }
    if (has_peers(b)) {
        return err_set(err, ERR_CONFIG,
                       "log directory %s belongs to node %d, but node.id is %d: give the node its "
                       "own directory, or its own node.id",
                       dir->path, (int)meta->node_id, (int)b->node_id);
    }
    log_warn(&b->log, "the directory belongs to another node id, which is used now",
             KV_STR("dir", dir->path), KV_INT("configured", b->node_id),
             KV_INT("node_id", meta->node_id));
    b->node_id = meta->node_id;
    return ERR_OK;
}

static enum err check_identity(struct broker *b, const struct log_dir *dir, struct error *err)
{
    const struct meta_properties *meta = &dir->meta;
    if (b->cluster_id[0] == '\0') {
        return take_identity(b, dir, err);
    }
    if (strcmp(b->cluster_id, meta->cluster_id) != 0) {
        return err_set(err, ERR_CONFIG,
                       "log directory %s belongs to cluster %s, and another one to cluster %s: "
                       "directories of different clusters cannot be used together",
                       dir->path, meta->cluster_id, b->cluster_id);
    }
    if (meta->node_id != b->node_id) {
        return err_set(err, ERR_CONFIG,
                       "log directory %s belongs to node %d, and another one to node %d: "
                       "directories of different nodes cannot be used together",
                       dir->path, (int)meta->node_id, (int)b->node_id);
    }
    return ERR_OK;
}

/* --- formatting ------------------------------------------------------------------------------- */

static enum err format_dir(struct broker *b, struct log_dir *dir, struct error *err)
{
    bool empty;
    enum err e = log_dir_is_empty(dir, &empty, err);
    if (e) {
        return e;
    }
    if (dir == b->metadata_dir && has_peers(b)) {
        return err_set(err, ERR_CONFIG,
                       "log directory %s is not formatted: it has no meta.properties. A node of a "
                       "cluster must be told which one: `logboom storage format --cluster-id ID "
                       "--config FILE` (and --standalone, --initial-controllers or "
                       "--no-initial-controllers, when controller.quorum.voters is not set)",
                       dir->path);
    }
    if (!empty) {
        return err_set(
            err, ERR_CONFIG,
            "log directory %s has no meta.properties and is not empty: it is not formatted "
            "automatically. Use an empty directory, or put meta.properties back",
            dir->path);
    }
    if (b->cluster_id[0] == '\0') {
        struct uuid id = broker_random_uuid(b);
        uuid_format(&id, b->cluster_id);
    }
    struct uuid id = broker_random_uuid(b);
    e = log_dir_format(dir, b->cluster_id, b->node_id, &id, err);
    if (!e) {
        log_info(&b->log, "formatted an empty log directory", KV_STR("dir", dir->path),
                 KV_STR("cluster_id", b->cluster_id), KV_INT("node_id", b->node_id));
    }
    return e;
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum err open_all(struct broker *b, const char *default_dir, struct error *err)
{
    const struct config_list *list = &b->config->log_dirs;
    if (list->count == 0) {
        list = &b->config->log_dir;
    }
    size_t count = list->count ? list->count : 1;
    b->dirs = mem_array(count, sizeof(*b->dirs));
    for (size_t i = 0; i < count; i++) {
        const char *path = list->count ? list->items[i] : default_dir;
        struct broker_dir *d = &b->dirs[i];
        enum err e = log_dir_open(b->vfs, path, &d->dir, err);
        if (e) {
            return e;
        }
        d->broker = b;
        flusher_init(&d->flusher, b);
        checkpoints_init(d);
        b->dir_count++;
        /* They may tell of logs that the last run deleted. */
        b->recovery_points_stale |= d->dir->recovery_points.count > 0;
        b->log_starts_stale |= d->dir->log_starts.count > 0;
    }
    return ERR_OK;
}

static enum err choose_metadata_dir(struct broker *b, struct error *err)
{
    const char *path = b->config->metadata_log_dir;
    b->metadata_dir = b->dirs[0].dir;
    if (!path || !path[0]) {
        return ERR_OK;
    }
    for (uint32_t i = 0; i < b->dir_count; i++) {
        if (strcmp(b->dirs[i].dir->path, path) == 0) {
            b->metadata_dir = b->dirs[i].dir;
            return ERR_OK;
        }
    }
    b->metadata_dir = NULL;
    enum err e = log_dir_open(b->vfs, path, &b->metadata_dir, err);
    b->owns_metadata_dir = e == ERR_OK;
    return e;
}

/* The metadata's directory first: it says whose node this is. */
static enum err settle(struct broker *b,
                       enum err (*step)(struct broker *b, struct log_dir *dir, struct error *err),
                       struct error *err)
{
    enum err e = step(b, b->metadata_dir, err);
    for (uint32_t i = 0; !e && i < b->dir_count; i++) {
        e = b->dirs[i].dir == b->metadata_dir ? ERR_OK : step(b, b->dirs[i].dir, err);
    }
    return e;
}

static enum err check_step(struct broker *b, struct log_dir *dir, struct error *err)
{
    return dir->formatted ? check_identity(b, dir, err) : ERR_OK;
}

static enum err format_step(struct broker *b, struct log_dir *dir, struct error *err)
{
    return dir->formatted ? ERR_OK : format_dir(b, dir, err);
}

enum err broker_open_dirs(struct broker *b, const char *default_dir, struct error *err)
{
    enum err e = open_all(b, default_dir, err);
    if (!e) {
        e = choose_metadata_dir(b, err);
    }
    if (!e) {
        e = settle(b, check_step, err);
    }
    return e ? e : settle(b, format_step, err);
}

void broker_close_dirs(struct broker *b)
{
    for (uint32_t i = 0; i < b->dir_count; i++) {
        flusher_deinit(&b->dirs[i].flusher);
        checkpoints_deinit(&b->dirs[i]);
        log_dir_free(b->dirs[i].dir);
    }
    mem_free(b->dirs);
    if (b->owns_metadata_dir) {
        log_dir_free(b->metadata_dir);
    }
}
