/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_log.h - `__cluster_metadata-0`: the log on the disk, and its committed records in
 * b->image. Who may write to it, and what is committed, the quorum knows (quorum.h). Sources:
 * KIP-595, KIP-631, KIP-868 (transactions of metadata records).
 */
#ifndef LOGBOOM_BROKER_METADATA_LOG_H
#define LOGBOOM_BROKER_METADATA_LOG_H

#include "broker/controller/image.h"
#include "broker/controller/transaction.h"
#include "broker/raft/raft.h"
#include "broker/storage/log.h"
#include "broker/storage/synced_mark.h"

struct broker;
struct log_dir;

#define METADATA_TOPIC RAFT_TOPIC

struct metadata_log {
    struct broker *broker;
    struct partition_log *log;
    struct synced_mark synced;
    char *dir;
    int64_t applied_offset;                  /* committed records below are in b->image */
    int64_t applied_time_ms;                 /* timestamp of the last batch that was applied */
    uint64_t applied_bytes;                  /* of batches that were applied, since the start */
    struct metadata_transaction transaction; /* one whose records wait for its end */
};

/* Opens the log in this directory, or makes it; everything in it is on the disk then. ERR_CORRUPT
 * with what to do when a node that may vote has lost what it had acknowledged. */
enum err metadata_log_open(struct broker *b, const struct log_dir *dir, struct error *err);
/* Applies the records from applied_offset up to `offset`, which are committed, and tells everybody
 * who follows the image. ERR_UNSUPPORTED and such with a sentence: the node cannot go on. */
enum err metadata_log_apply(struct broker *b, int64_t offset, struct error *err);
/* Calls each() for every batch of the log, whole and in order. */
enum err metadata_log_walk(struct broker *b, int64_t from_offset, int64_t to_offset,
                           enum err (*each)(void *ctx, const struct batch_view *batch,
                                            struct error *err),
                           void *ctx, struct error *err);
/* A sync has ended well. */
void metadata_log_synced(struct broker *b);
/* Cuts the log back to `offset`; or all of it, so that it goes on there. */
enum err metadata_log_truncate_to(struct broker *b, int64_t offset, struct error *err);
enum err metadata_log_truncate_all(struct broker *b, int64_t offset, struct error *err);
/* Puts another image, of a snapshot that ends at this offset, in the place of b->image, and tells
 * what changed. Takes the image over; the log is the caller's to cut. */
void metadata_log_replace(struct broker *b, const struct image *image, int64_t end_offset);
enum err metadata_log_shutdown(struct broker *b, struct error *err);
void metadata_log_deinit(struct broker *b);

#endif
