/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoints.h - the offset checkpoints of the log directories: how far each log is on the disk,
 * where it begins, how far it is committed. What only time asks for is written by a worker; what
 * somebody waits for, at once.
 */
#ifndef LOGBOOM_CHECKPOINTS_H
#define LOGBOOM_CHECKPOINTS_H

#include "broker/storage/checkpoint.h"
#include "protocol/daemon/env.h"

#include <pthread.h>

struct broker;
struct broker_dir;
struct log_dir;

enum checkpoint { RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS, CHECKPOINTS };

/* One of them, in one directory. */
struct checkpoint_file {
    struct work work;
    struct broker *broker;
    struct log_dir *dir;
    enum checkpoint which;
    bool under_way;                   /* with a worker */
    struct offset_checkpoint offsets; /* what the worker writes */
    pthread_mutex_t lock;             /* held by who writes the file */
    bool overtaken; /* under the lock: what the worker has is older than what the file tells */
    enum err status;
    struct error err;
    struct offset_checkpoint told; /* LOG_STARTS: what the file tells, once `is_told` */
    bool is_told;
};

void checkpoints_init(struct broker_dir *dir);
/* None may be under way. */
void checkpoints_deinit(struct broker_dir *dir);
bool checkpoints_are_under_way(const struct broker_dir *dir);
void checkpoints_start_timers(struct broker *b);
void checkpoints_stop_timers(struct broker *b);

/* Writes where the logs shall begin (partition_want_start()), and lets them begin there. Where that
 * fails (false) followers begin where they did, until the next checkpoint; leaders let go of their
 * records all the same, since that is what makes room on a full disk. */
bool checkpoints_write_log_starts(struct broker *b);
/* Writes the recovery points when the checkpoint is ahead of a log: after a crash, what is appended
 * behind the cut would be trusted without a look. The starts likewise: what is appended below one
 * would be hidden. */
enum err checkpoints_correct(struct broker *b, struct error *err);
/* All of them, at a stop in order. */
enum err checkpoints_write_all(struct broker *b, struct error *err);

#endif
