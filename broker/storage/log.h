/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one partition's log: segments in `topic-partition/`, as Apache Kafka writes them.
 * No clock and no thread inside: time comes in as now_ms, syncing is split so that its slow part
 * may run on a worker. All else is called on the owner's thread.
 */
#ifndef LOGBOOM_BROKER_LOG_H
#define LOGBOOM_BROKER_LOG_H

#include "broker/replica/producer_state.h"
#include "broker/storage/leader_epochs.h"
#include "broker/storage/segment.h"
#include "protocol/wire/schema.h"

/* A topic's settings, by Kafka's names and with Kafka's meaning; -1 means no limit in
 * retention_*. */
struct log_config {
    uint32_t segment_bytes;        /* segment.bytes, at most 2^31-1 */
    int64_t segment_ms;            /* segment.ms */
    int64_t segment_jitter_ms;     /* segment.jitter.ms */
    uint32_t segment_index_bytes;  /* segment.index.bytes */
    uint32_t index_interval_bytes; /* index.interval.bytes */
    int64_t retention_ms;          /* retention.ms */
    int64_t retention_bytes;       /* retention.bytes */
    int64_t file_delete_delay_ms;  /* file.delete.delay.ms */
    int64_t producer_id_expiration_ms;
    bool delete_by_policy; /* cleanup.policy has "delete": retention applies */
    bool compact; /* cleanup.policy has "compact": offsets may be missing between segments */
};

/* Kafka's defaults. */
void log_config_default(struct log_config *ret_config);

/* A place that is known without looking: a batch that begins at offset lies at position. */
struct log_hint {
    int64_t offset;
    const struct segment *segment; /* NULL: unused */
    uint32_t position;
    uint32_t size_bytes; /* 0: the batch is still to come */
};

enum { LOG_HINTS = 4, LOG_DIR_PATH_MAX = 3900, LOG_BATCH_BYTES_MAX = 256 << 20 };

struct log_doomed {
    int64_t base_offset;
    int64_t due_ms;
};

struct partition_log {
    struct segment_home home; /* home.dir is the log's own copy */
    char *topic;
    int32_t partition;
    struct uuid topic_id; /* zero when there is no partition.metadata */
    struct log_config config;
    struct segment **segments; /* sorted, never empty; the last is the active one */
    uint32_t segment_count, segment_cap;
    int64_t start_offset;   /* the least that may be read */
    int64_t end_offset;     /* of the next record */
    int64_t recovery_point; /* all below is on the disk */
    uint64_t size_bytes;
    enum err offline;                   /* not ERR_OK: the disk failed, nothing works any more */
    bool dir_unsynced, parent_unsynced; /* names that no sync covered yet */
    struct vfs_file *snapshot_unsynced; /* the newest producer snapshot; NULL: synced */
    bool flushing;                      /* a ticket is out */
    int64_t flush_limit;                /* what the ticket out may claim: truncation lowers it */
    struct leader_epochs epochs;
    struct producer_state producers;
    int64_t snapshot_offset; /* newest producer snapshot that was written; -1 none */
    struct log_hint hints[LOG_HINTS]; /* of the last appends */
    struct log_hint reads[LOG_HINTS]; /* where reads ended: who read will go on there */
    unsigned hint_next, read_next;
    struct log_doomed *doomed; /* segments renamed to .deleted, oldest first */
    uint32_t doomed_count, doomed_cap;
    uint64_t jitter_seed;
};

/* --- life cycle ------------------------------------------------------------------------------- */

struct log_open_args {
    struct file_cache *files;
    const char *dir; /* .../topic-partition */
    const char *topic;
    int32_t partition;
    const struct log_config *config;
    bool clean;               /* the last run ended in order: trust, don't look */
    int64_t recovery_point;   /* of the checkpoint; -1 when absent */
    int64_t log_start_offset; /* of the checkpoint; -1 when absent */
    /* The metadata log's (synced_mark.h): everything below was on the disk, without gaps and with
     * the epochs of leader-epoch-checkpoint. Where it is not, the log is not cut: ERR_CORRUPT. 0:
     * not known. Needs clean to be false. */
    int64_t synced_offset;
    int64_t now_ms;
    uint64_t jitter_seed;
    /* Called now and then during a long recovery; may be NULL. */
    void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
    void *progress_ctx;
};

/* What a recovery did; zero when there was nothing to do. */
struct log_recovery {
    uint64_t scanned_bytes;
    uint64_t cut_bytes;        /* torn or damaged tail that was cut */
    uint32_t segments_removed; /* behind the damage */
    uint32_t indexes_rebuilt;
    bool epochs_rebuilt;     /* leader-epoch-checkpoint contradicted the batches: made anew */
    bool epochs_in_doubt;    /* it does, and may be right: */
    int64_t doubtful_offset; /* the first batch that it contradicts, which is not given out */
};

/* Makes the directory, partition.metadata and an empty first segment; names are durable after the
 * next flush. ERR_EXISTS when the directory is there. */
enum err log_create(const struct log_open_args *args, const struct uuid *topic_id,
                    struct partition_log **ret_log, struct error *err);
/* Opens what is there, recovers it when needed (recovery.c) and never leaves a half-done state
 * behind: opening again gives the same log. ret_recovery may be NULL. */
enum err log_open(const struct log_open_args *args, struct partition_log **ret_log,
                  struct log_recovery *ret_recovery, struct error *err);
/* Writes indexes, epochs and a producer snapshot, and syncs everything. Free the log after that. */
enum err log_shutdown(struct partition_log *log, struct error *err);
/* NULL is allowed. Without log_shutdown() it is as if the process had been killed. Tickets must be
 * done. */
void log_free(struct partition_log *log);
/* Renames the directory to topic-partition.<32 hex digits of id>-delete, so that the name is free
 * at once. The caller syncs the name, then removes the directory by vfs_remove_dir(), and frees the
 * log. */
enum err log_delete_begin(struct partition_log *log, const struct uuid *id, struct error *err);

/* --- data ------------------------------------------------------------------------------------- */

/* Appends one or more whole, checked batches that carry their offsets (append_info.h): rolls when
 * needed, one write, then indexes, epochs and producer state. The first offset must be end_offset
 * or beyond. ERR_NO_SPACE leaves the log as it was, and usable; any other failure of the disk takes
 * it offline. */
enum err log_append(struct partition_log *log, struct slice batches, int64_t now_ms,
                    struct error *err);

/* producer_state_check() on log->producers, which reads back what a snapshot did not tell of the
 * producer: the batches before its last one (producer_recall.c). */
enum producer_verdict log_check_producer(struct partition_log *log,
                                         const struct producer_batch *batch,
                                         struct producer_kept *ret_duplicate);

/* A part of a segment file, for sendfile. */
struct log_range {
    struct open_file *file; /* a reference for the caller: open_file_unref(); NULL when len is 0 */
    uint64_t position;
    size_t len;
    int64_t first_offset; /* base offset of the first batch */
};

/* Batches from the one that holds `offset` on, none that reaches upper_offset or lies beyond it.
 * The last batch may be cut at max_bytes; the first one never is when whole_first is set (KIP-74).
 * len 0 when there is nothing below upper_offset. ERR_NOT_FOUND outside [start_offset,
 * end_offset]. ERR_CORRUPT, or the disk's error, when the batch at offset is damaged. */
enum err log_read(struct partition_log *log, int64_t offset, size_t max_bytes, int64_t upper_offset,
                  bool whole_first, struct log_range *ret_range);
/* The same, appended to out: for loading coordinators and for compaction. Whole batches only. */
enum err log_read_copy(struct partition_log *log, int64_t offset, size_t max_bytes,
                       int64_t upper_offset, struct buf *out);

/* The last offset that the first segment which ends before the next one begins should have; -1:
 * none does. A disk that lied about a sync leaves that, and so does compaction: -1 where it is on.
 */
int64_t log_first_gap(struct partition_log *log);

struct log_timestamp {
    int64_t timestamp_ms; /* -1 when nothing was found */
    int64_t offset;       /* -1 as well */
    int32_t leader_epoch; /* -1 when unknown */
};

/* The first record below upper_offset with a timestamp >= the one given (ListOffsets). */
enum err log_find_timestamp(struct partition_log *log, int64_t timestamp_ms, int64_t upper_offset,
                            struct log_timestamp *ret_found);
/* The record with the greatest timestamp (ListOffsets -3, KIP-734). */
enum err log_find_max_timestamp(struct partition_log *log, struct log_timestamp *ret_found);

/* --- durability ------------------------------------------------------------------------------- */

struct log_flush; /* what one flush syncs, with references to the files */

static inline bool log_needs_flush(const struct partition_log *log)
{
    return log->recovery_point < log->end_offset || log->dir_unsynced || log->parent_unsynced ||
           log->snapshot_unsynced;
}

/* Whether segments that went may come back with a power loss. */
static inline bool log_names_unsynced(const struct partition_log *log)
{
    return log->dir_unsynced || log->flushing || log->offline;
}

/* Takes a ticket for everything up to now; NULL when there is nothing to sync or a ticket is out
 * (begin again after log_flush_done()). */
enum err log_flush_begin(struct partition_log *log, struct log_flush **ret_flush,
                         struct error *err);
/* The slow part, on any thread: touches nothing of the log. */
enum err log_flush_run(struct log_flush *flush);
/* The end offset that the ticket makes durable. */
int64_t log_flush_offset(const struct log_flush *flush);
/* Moves the recovery point, or takes the log offline when status is not ERR_OK: a failed sync is
 * never tried again. Frees the ticket. log may be NULL when it is gone. */
void log_flush_done(struct partition_log *log, struct log_flush *flush, enum err status);
/* All three at once. */
enum err log_flush(struct partition_log *log, struct error *err);

/* --- upkeep ----------------------------------------------------------------------------------- */

/* Begins a new segment now. Nothing happens when the active one is empty. */
enum err log_roll(struct partition_log *log, int64_t now_ms, struct error *err);
/* Applies retention.ms, retention.bytes and the start offset to segments that lie wholly below
 * high_watermark; the files are renamed. *ret_deleted is the number of segments. */
enum err log_retain(struct partition_log *log, int64_t now_ms, int64_t high_watermark,
                    uint32_t *ret_deleted, struct error *err);
/* Unlinks renamed files whose time has come. *ret_next_due_ms: when to call again, -1 for never. */
enum err log_unlink_due(struct partition_log *log, int64_t now_ms, int64_t *ret_next_due_ms,
                        struct error *err);
/* Moves the start offset up (DeleteRecords); does nothing when it is not ahead. ERR_INVALID beyond
 * the end. */
enum err log_advance_start(struct partition_log *log, int64_t start_offset, struct error *err);
/* Removes everything at `offset` and beyond; a batch that reaches across goes as a whole. */
enum err log_truncate_to(struct partition_log *log, int64_t offset, int64_t now_ms,
                         struct error *err);
/* Removes everything and goes on at `offset`. */
enum err log_truncate_all(struct partition_log *log, int64_t offset, int64_t now_ms,
                          struct error *err);
/* As log_truncate_all(), and the last batches of `known` (which may be the log's own) are what is
 * known of producers from then on, also after a loss of power: a follower's log whose leader tells
 * who was there before. At 0 nobody was. */
enum err log_restart(struct partition_log *log, int64_t offset, const struct producer_state *known,
                     int64_t now_ms, struct error *err);
/* Writes leader-epoch-checkpoint when it changed. */
enum err log_write_epochs(struct partition_log *log, struct error *err);
/* Takes new settings; what they change takes effect with the next append or retention. */
void log_set_config(struct partition_log *log, const struct log_config *config);

/* The segment that holds an offset or would; the first one for smaller offsets. */
uint32_t log_segment_index(const struct partition_log *log, int64_t offset);

#endif
