/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_log.h - `__cluster_metadata-0`: the log whose records are the metadata image.
 * Shaped as KRaft's, with this node as the only voter: each start is a new epoch that begins with a
 * LEADER_CHANGE, and a change is appended and synced before it is applied. Source: KIP-595,
 * KIP-631.
 */
#ifndef LOGBOOM_BROKER_METADATA_LOG_H
#define LOGBOOM_BROKER_METADATA_LOG_H

#include "broker/controller/changes.h"
#include "broker/storage/log.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/wire/record_batch.h"

struct broker;

#define METADATA_TOPIC "__cluster_metadata"

/* A change under way. One runs at a time, so that prepare() sees the image that its records will be
 * applied to. Embedded in its owner, which lives until done(). */
struct metadata_op {
    struct list_node link;
    struct broker *broker;
    /* Adds the records. None is fine: done() follows at once. */
    void (*prepare)(struct metadata_op *op, struct metadata_records *out);
    /* ERR_OK: they are on the disk and in the image. */
    void (*done)(struct metadata_op *op, enum err status);
};

struct metadata_log {
    struct broker *broker;
    struct partition_log *log;
    char *dir;
    int32_t epoch;
    struct list_node queue; /* of struct metadata_op */
    struct metadata_op *running;
    struct metadata_records records; /* of the running one */
    int64_t base_offset;
    struct batch_builder builder;
    struct work work;
    struct log_flush *flush;
    enum err flush_status;
    bool in_queue_run;
};

/* Opens the log in the first log directory (or makes it), applies all its records to b->image,
 * begins a new epoch, writes the bootstrap records when the log is new, and registers this node.
 * Blocks. */
enum err metadata_log_start(struct broker *b, struct error *err);
/* Queues a change; prepare() and done() come later, or at once when nothing is under way. */
void metadata_submit(struct broker *b, struct metadata_op *op);
bool metadata_log_is_idle(const struct metadata_log *m);
enum err metadata_log_shutdown(struct broker *b, struct error *err);
void metadata_log_deinit(struct broker *b);

#endif
