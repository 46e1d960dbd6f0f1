/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leader_epochs.h - which leader wrote from which offset on (KIP-101, KIP-279).
 * A short sorted table in memory; leader-epoch-checkpoint is its file (checkpoint.h).
 */
#ifndef LOGBOOM_BROKER_LEADER_EPOCHS_H
#define LOGBOOM_BROKER_LEADER_EPOCHS_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

struct leader_epoch {
    int32_t epoch;
    int64_t start_offset;
};

/* Zeroed is empty. Epochs and start offsets both grow strictly. */
struct leader_epochs {
    struct leader_epoch *entries;
    uint32_t count, cap;
    bool changed; /* since it was last written */
};

void leader_epochs_deinit(struct leader_epochs *t);
/* Notes that `epoch` begins at start_offset, when it is newer than the last one. Entries of older
 * epochs that claimed start_offset or beyond give way. */
void leader_epochs_assign(struct leader_epochs *t, int32_t epoch, int64_t start_offset);
/* -1 when empty. */
int32_t leader_epochs_latest(const struct leader_epochs *t);
/* The epoch of an offset; -1 when unknown. */
int32_t leader_epochs_of(const struct leader_epochs *t, int64_t offset);
/* The answer to OffsetForLeaderEpoch: the largest epoch <= the one asked for and where it ends;
 * both -1 when unknown. */
void leader_epochs_end_of(const struct leader_epochs *t, int32_t epoch, int64_t log_end_offset,
                          int32_t *ret_epoch, int64_t *ret_end_offset);
/* Where the first epoch above `epoch` begins; -1 when there is none. */
int64_t leader_epochs_start_above(const struct leader_epochs *t, int32_t epoch);
/* Drops what begins at or beyond end_offset. */
void leader_epochs_truncate_end(struct leader_epochs *t, int64_t end_offset);
/* Drops what ends at or below start_offset; the entry that covers it then begins there. */
void leader_epochs_truncate_start(struct leader_epochs *t, int64_t start_offset);

#endif
