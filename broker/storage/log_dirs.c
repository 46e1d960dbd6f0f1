/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_dirs.c - one entry of log.dirs. Driven by broker.c at the start and the end.
 *   (M1) from log_dir_open() to log_dir_free() no other process has the directory;
 *   (M2) the clean-shutdown marker is gone while the directory is in use.
 */
#include "broker/storage/log_dirs.h"

#include "broker/storage/file_cache.h"
#include "protocol/base/alloc.h"
#include "protocol/base/units.h"

#include <stdio.h>

#define LOG_DIR_LOCK ".lock"
#define LOG_DIR_META "meta.properties"

static void path_in(const struct log_dir *dir, const char *name, char ret_path[SEGMENT_PATH_MAX])
{
    (void)snprintf(ret_path, SEGMENT_PATH_MAX, "%s/%s", dir->path, name);
}

static enum err take_lock(struct log_dir *dir, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    path_in(dir, LOG_DIR_LOCK, path);
    enum err e =
        dir->vfs->ops->open(dir->vfs, path, VFS_READ | VFS_WRITE | VFS_CREATE, &dir->lock, err);
    if (e) {
        return e;
    }
    e = dir->vfs->ops->lock(dir->vfs, dir->lock);
    if (e == ERR_AGAIN) {
        return err_set(err, e,
                       "%s is in use by another broker (it holds %s); give each broker its own "
                       "log.dirs",
                       dir->path, path);
    }
    return e ? err_set(err, e, "lock %s: %s", path, err_text(e)) : ERR_OK;
}

/* An unreadable checkpoint is an absent one: everything it names is then recovered. */
static enum err read_offsets(struct log_dir *dir, const char *name, struct offset_checkpoint *ret_c,
                             struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    path_in(dir, name, path);
    enum err e = offset_checkpoint_read(dir->vfs, path, ret_c, err);
    if (e == ERR_CORRUPT || e == ERR_LIMIT) {
        dir->clean = false;
        return ERR_OK;
    }
    return e;
}

static enum err read_all(struct log_dir *dir, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    path_in(dir, LOG_DIR_META, path);
    enum err e = meta_properties_read(dir->vfs, path, &dir->meta, err);
    if (e && e != ERR_NOT_FOUND) {
        return e;
    }
    dir->formatted = e == ERR_OK;
    path_in(dir, CHECKPOINT_CLEAN_SHUTDOWN, path);
    e = clean_shutdown_read(dir->vfs, path, &dir->broker_epoch);
    if (e && e != ERR_NOT_FOUND) {
        return err_set(err, e, "read %s: %s", path, err_text(e));
    }
    dir->clean = e == ERR_OK;
    e = read_offsets(dir, CHECKPOINT_RECOVERY_POINT, &dir->recovery_points, err);
    if (!e) {
        e = read_offsets(dir, CHECKPOINT_LOG_START, &dir->log_starts, err);
    }
    if (!e) {
        e = read_offsets(dir, CHECKPOINT_REPLICATION, &dir->high_watermarks, err);
    }
    if (e) {
        return e;
    }
    e = dir->vfs->ops->unlink(dir->vfs, path, err);
    if (e == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    return e ? e : dir->vfs->ops->sync_dir(dir->vfs, dir->path);
}

enum err log_dir_open(struct vfs *v, const char *path, struct log_dir **ret_dir, struct error *err)
{
    if (strlen(path) > SEGMENT_PATH_MAX - 512) {
        return err_set(err, ERR_LIMIT, "the path of a log directory is too long: %.64s...", path);
    }
    struct log_dir *dir = mem_zalloc(sizeof(*dir));
    dir->vfs = v;
    dir->path = mem_strdup(path);
    dir->broker_epoch = -1;
    enum err e = vfs_make_dirs(v, path, err);
    if (!e) {
        e = take_lock(dir, err);
    }
    if (!e) {
        e = read_all(dir, err);
    }
    if (e) {
        log_dir_free(dir);
        return e;
    }
    *ret_dir = dir;
    return ERR_OK;
}

void log_dir_free(struct log_dir *dir)
{
    if (!dir) {
        return;
    }
    if (dir->lock) {
        dir->vfs->ops->close(dir->vfs, dir->lock);
    }
    offset_checkpoint_deinit(&dir->recovery_points);
    offset_checkpoint_deinit(&dir->log_starts);
    offset_checkpoint_deinit(&dir->high_watermarks);
    mem_free(dir->path);
    mem_free(dir);
}

enum err log_dir_format(struct log_dir *dir, const char *cluster_id, int32_t node_id,
                        const struct uuid *directory_id, struct error *err)
{
    struct meta_properties meta = { .version = 1,
                                    .node_id = node_id,
                                    .directory_id = *directory_id };
    size_t len = strlen(cluster_id);
    if (len >= sizeof(meta.cluster_id)) {
        return err_set(err, ERR_INVALID, "the cluster id %.80s is too long", cluster_id);
    }
    memcpy(meta.cluster_id, cluster_id, len + 1);
    char path[SEGMENT_PATH_MAX];
    path_in(dir, LOG_DIR_META, path);
    enum err e = meta_properties_write(dir->vfs, path, &meta, err);
    if (!e) {
        dir->meta = meta;
        dir->formatted = true;
    }
    return e;
}

static void note_other(void *ctx, const char *name)
{
    bool *empty = ctx;
    *empty &= strcmp(name, LOG_DIR_LOCK) == 0 || strcmp(name, "lost+found") == 0;
}

enum err log_dir_is_empty(struct log_dir *dir, bool *ret_empty, struct error *err)
{
    bool empty = true;
    enum err e = dir->vfs->ops->list(dir->vfs, dir->path, note_other, &empty, err);
    if (!e) {
        *ret_empty = empty;
    }
    return e;
}

bool log_dir_was_used(const struct log_dir *dir)
{
    char path[SEGMENT_PATH_MAX];
    struct vfs_stat st;
    path_in(dir, CHECKPOINT_RECOVERY_POINT, path);
    return dir->vfs->ops->stat(dir->vfs, path, &st) == ERR_OK;
}

enum err log_dir_parse_name(const char *name, size_t *ret_topic_len, int32_t *ret_partition)
{
    const char *dash = strrchr(name, '-');
    int64_t partition;
    if (!dash || dash == name || dash[1] < '0' || dash[1] > '9' ||
        units_int(slice_str(dash + 1), &partition) || partition > INT32_MAX || strchr(dash, '_') ||
        (dash[1] == '0' && dash[2])) {
        return ERR_INVALID;
    }
    *ret_topic_len = (size_t)(dash - name);
    *ret_partition = (int32_t)partition;
    return ERR_OK;
}

struct listing {
    struct log_dir *dir;
    void (*each)(void *ctx, const char *topic, int32_t partition);
    void *ctx;
    bool synced;
    enum err err;
    struct error *error;
};

/* <topic>-<partition>.<32 hex digits>-delete, and nothing less: what matches is removed. */
static bool is_deletion(const char *name)
{
    size_t len = strlen(name), tail = 1 + 32 + strlen("-delete");
    const char *dot = len > tail ? name + len - tail : NULL;
    return dot && *dot == '.' && strspn(dot + 1, "0123456789abcdef") == 32 &&
           strcmp(dot + 33, "-delete") == 0;
}

/* A run before this one may have been killed between the renaming, which a power loss would undo,
 * and its sync: then the rest of a log would go by a log's name. */
static enum err finish_deletion(struct listing *l, const char *path)
{
    const struct log_dir *dir = l->dir;
    enum err e = l->synced ? ERR_OK : dir->vfs->ops->sync_dir(dir->vfs, dir->path);
    if (e) {
        return err_set(l->error, e, "sync %s: %s", dir->path, err_text(e));
    }
    l->synced = true;
    return vfs_remove_dir(dir->vfs, path, l->error);
}

static void list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct vfs *v = l->dir->vfs;
    char path[SEGMENT_PATH_MAX];
    struct vfs_stat st;
    path_in(l->dir, name, path);
    if (l->err || name[0] == '.' || v->ops->stat(v, path, &st) || !st.is_dir) {
        return;
    }
    size_t topic_len;
    int32_t partition;
    if (is_deletion(name)) {
        l->err = finish_deletion(l, path);
    } else if (log_dir_parse_name(name, &topic_len, &partition) == ERR_OK) {
        char *topic = mem_strndup(name, topic_len);
        l->each(l->ctx, topic, partition);
        mem_free(topic);
    }
}

enum err log_dir_list(struct log_dir *dir,
                      void (*each)(void *ctx, const char *topic, int32_t partition), void *ctx,
                      struct error *err)
{
    struct listing l = { .dir = dir, .each = each, .ctx = ctx, .error = err };
    enum err e = dir->vfs->ops->list(dir->vfs, dir->path, list_one, &l, err);
    return e ? e : l.err;
}

void log_dir_partition_path(const struct log_dir *dir, const char *topic, int32_t partition,
                            struct buf *out)
{
    buf_printf(out, "%s/%s-%d", dir->path, topic, (int)partition);
}

enum err log_dir_write(struct log_dir *dir, const char *checkpoint,
                       const struct offset_checkpoint *offsets, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    path_in(dir, checkpoint, path);
    return offset_checkpoint_write(dir->vfs, path, offsets, err);
}

enum err log_dir_mark_clean(struct log_dir *dir, int64_t broker_epoch, struct error *err)
{
    char path[SEGMENT_PATH_MAX];
    path_in(dir, CHECKPOINT_CLEAN_SHUTDOWN, path);
    return clean_shutdown_write(dir->vfs, path, broker_epoch, err);
}
