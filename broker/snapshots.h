/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots.h - the metadata log's snapshots: taken from the image, loaded at start, served to
 * others, fetched from the leader, and the log's prefix that they make needless (KIP-630).
 * Two are kept: were the newer one damaged, the older one and the log behind it are the same.
 */
#ifndef LOGBOOM_BROKER_SNAPSHOTS_H
#define LOGBOOM_BROKER_SNAPSHOTS_H

#include "broker/controller/image.h"
#include "broker/raft/raft.h"
#include "broker/storage/metadata_snapshot.h"
#include "protocol/wire/kafka_error.h"

struct broker;
struct snapshot_write;

enum { SNAPSHOT_PART_BYTES_MAX = 1 << 20 }; /* of one reply */

struct snapshots {
    struct snapshot_id latest, older; /* end_offset -1: none */
    uint64_t applied_bytes;           /* metadata.applied_bytes when the latest one was made */
    uint64_t latest_ns;               /* when that was */
    struct snapshot_write *writing;   /* on a worker */
    struct snapshot_writer fetched;   /* one that comes from the leader */
    /* What the cluster begins with, of the 0-0 checkpoint or bootstrap.checkpoint. */
    struct metadata_records bootstrap;
};

/* Fills b->image from the newest sound snapshot and tells raft of it (end_offset -1: there is
 * none); its voters live in the arena. A damaged one is put aside. Also reads what the cluster
 * begins with. ERR_CORRUPT when the log begins behind every sound one; a node that is no controller
 * begins anew then. */
enum err snapshots_load(struct broker *b, const char *metadata_dir, struct arena *arena,
                        struct raft_snapshot *ret_snapshot, struct error *err);
/* Takes a snapshot when one is due; called after records were applied and now and then. */
void snapshots_check(struct broker *b);
/* Takes one now; for tests and tools. false when none can be taken: nothing is new, or one is
 * being written. */
bool snapshots_take(struct broker *b);
bool snapshots_are_idle(const struct broker *b);

/* A part of a snapshot for FetchSnapshot, at most bytes_max (and SNAPSHOT_PART_BYTES_MAX), in the
 * arena. */
enum kafka_error snapshots_read(struct broker *b, struct snapshot_id id, int64_t position,
                                uint32_t bytes_max, struct arena *arena, struct slice *ret_bytes,
                                int64_t *ret_size);
/* One is being fetched: position 0 begins it. */
enum err snapshots_fetched(struct broker *b, struct snapshot_id id, int64_t position,
                           struct slice bytes, struct error *err);
/* All of it is there: it takes the place of the image and of the log. ERR_CORRUPT when it is
 * damaged and was thrown away; other errors mean that the node cannot go on. */
enum err snapshots_adopt(struct broker *b, struct snapshot_id id, struct arena *arena,
                         struct raft_snapshot *ret_snapshot, struct error *err);

void snapshots_deinit(struct broker *b);

#endif
