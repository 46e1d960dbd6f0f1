/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.h - Kafka's small text files: offset checkpoints, leader epochs, partition.metadata,
 * the clean-shutdown marker. Files are replaced as a whole (vfs_replace_file): old or new, never
 * torn. A file that does not parse gives ERR_CORRUPT and a text that names file and line.
 */
#ifndef LOGBOOM_BROKER_CHECKPOINT_H
#define LOGBOOM_BROKER_CHECKPOINT_H

#include "broker/storage/leader_epochs.h"
#include "protocol/daemon/vfs.h"
#include "protocol/wire/schema.h"

#define CHECKPOINT_RECOVERY_POINT "recovery-point-offset-checkpoint"
#define CHECKPOINT_LOG_START      "log-start-offset-checkpoint"
#define CHECKPOINT_REPLICATION    "replication-offset-checkpoint"
#define CHECKPOINT_CLEANER        "cleaner-offset-checkpoint"
#define CHECKPOINT_LEADER_EPOCH   "leader-epoch-checkpoint"
#define CHECKPOINT_PARTITION      "partition.metadata"
#define CHECKPOINT_CLEAN_SHUTDOWN ".kafka_cleanshutdown"

struct offset_line {
    char *topic;
    int32_t partition;
    int64_t offset;
};

/* Offsets of partitions, sorted by topic and partition once read. Zeroed is empty. */
struct offset_checkpoint {
    struct offset_line *lines;
    uint32_t count, cap;
};

void offset_checkpoint_deinit(struct offset_checkpoint *c);
/* Copies the topic. */
void offset_checkpoint_add(struct offset_checkpoint *c, const char *topic, int32_t partition,
                           int64_t offset);
/* -1 when absent. */
int64_t offset_checkpoint_find(const struct offset_checkpoint *c, const char *topic,
                               int32_t partition);
/* The same lines in the same order. */
bool offset_checkpoint_equals(const struct offset_checkpoint *a, const struct offset_checkpoint *b);
/* A missing file is an empty checkpoint. Of two lines for a partition the lower offset counts. */
enum err offset_checkpoint_read(struct vfs *v, const char *path, struct offset_checkpoint *ret_c,
                                struct error *err);
enum err offset_checkpoint_write(struct vfs *v, const char *path, const struct offset_checkpoint *c,
                                 struct error *err);

/* leader-epoch-checkpoint; a missing file is an empty table. Writing clears t->changed. */
enum err leader_epochs_read(struct vfs *v, const char *path, struct leader_epochs *ret_t,
                            struct error *err);
enum err leader_epochs_write(struct vfs *v, const char *path, struct leader_epochs *t,
                             struct error *err);
/* The same, without a sync of its own: the caller syncs *ret_file and the directory, and closes the
 * file. */
enum err leader_epochs_put(struct vfs *v, const char *path, struct leader_epochs *t,
                           struct vfs_file **ret_file, struct error *err);

/* partition.metadata: the topic id. ERR_NOT_FOUND when there is no file. */
enum err partition_metadata_read(struct vfs *v, const char *path, struct uuid *ret_topic_id,
                                 struct error *err);
enum err partition_metadata_write(struct vfs *v, const char *path, const struct uuid *topic_id,
                                  struct error *err);

/* .kafka_cleanshutdown: {"version":0,"brokerEpoch":n}. ERR_NOT_FOUND when there is none; an
 * unreadable one is a clean shutdown of unknown epoch (-1), as in Kafka. */
enum err clean_shutdown_read(struct vfs *v, const char *path, int64_t *ret_broker_epoch);
enum err clean_shutdown_write(struct vfs *v, const char *path, int64_t broker_epoch,
                              struct error *err);

#endif
