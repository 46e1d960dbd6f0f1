/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_dirs.h - one entry of log.dirs: lock, meta.properties, checkpoints, the partitions in it.
 */
#ifndef LOGBOOM_BROKER_LOG_DIRS_H
#define LOGBOOM_BROKER_LOG_DIRS_H

#include "broker/storage/checkpoint.h"
#include "broker/storage/meta_properties.h"
#include "protocol/base/buf.h"

struct log_dir {
    struct vfs *vfs;
    char *path;
    struct vfs_file *lock;
    bool formatted; /* meta is what meta.properties says */
    struct meta_properties meta;
    bool clean;           /* the last run ended in order */
    int64_t broker_epoch; /* of the last run; -1 unknown */
    struct offset_checkpoint recovery_points, log_starts, high_watermarks;
};

/* Makes the directory when it is missing, takes its lock (ERR_AGAIN when another process has it),
 * reads everything, and removes the clean-shutdown marker: from here on a crash means recovery.
 * An unreadable checkpoint counts as absent (clean is false then), an unreadable meta.properties is
 * an error. */
enum err log_dir_open(struct vfs *v, const char *path, struct log_dir **ret_dir, struct error *err);
/* Releases the lock; writes nothing. */
void log_dir_free(struct log_dir *dir);
/* Writes meta.properties for a directory that has none. */
enum err log_dir_format(struct log_dir *dir, const char *cluster_id, int32_t node_id,
                        const struct uuid *directory_id, struct error *err);
/* Whether the directory holds nothing but our lock: it may be formatted without asking. */
enum err log_dir_is_empty(struct log_dir *dir, bool *ret_empty, struct error *err);
/* Whether a node has worked with the directory: its recovery points were written once. */
bool log_dir_was_used(const struct log_dir *dir);
/* Calls each() for every partition directory, sorted by name. Directories named *-delete are
 * removed (their deletion was under way); those that are no partition's are passed over. */
enum err log_dir_list(struct log_dir *dir,
                      void (*each)(void *ctx, const char *topic, int32_t partition), void *ctx,
                      struct error *err);
/* "topic-3" -> topic of that length and 3; ERR_INVALID for any other shape. */
enum err log_dir_parse_name(const char *name, size_t *ret_topic_len, int32_t *ret_partition);
/* Appends <path>/<topic>-<partition>. */
void log_dir_partition_path(const struct log_dir *dir, const char *topic, int32_t partition,
                            struct buf *out);
/* Writes one of the offset checkpoints (CHECKPOINT_*). */
enum err log_dir_write(struct log_dir *dir, const char *checkpoint,
                       const struct offset_checkpoint *offsets, struct error *err);
/* Writes the clean-shutdown marker: every log has been shut down and its recovery point written. */
enum err log_dir_mark_clean(struct log_dir *dir, int64_t broker_epoch, struct error *err);

#endif
