/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - one segment of a log: `.log` with whole record batches, `.index`, `.timeindex`.
 * Driven by log.c; knows its files and what is in them, nothing of other segments or retention.
 */
#ifndef LOGBOOM_BROKER_SEGMENT_H
#define LOGBOOM_BROKER_SEGMENT_H

#include "broker/storage/offset_index.h"
#include "broker/storage/time_index.h"
#include "protocol/wire/record_batch.h"

#define SEGMENT_LOG         ".log"
#define SEGMENT_INDEX       ".index"
#define SEGMENT_TIME_INDEX  ".timeindex"
#define SEGMENT_TXN_INDEX   ".txnindex"
#define SEGMENT_SNAPSHOT    ".snapshot"
#define SEGMENT_DELETED     ".deleted"
#define SEGMENT_CLEANED     ".cleaned"
#define SEGMENT_SWAP        ".swap"

struct segment {
    int64_t base_offset;
    uint32_t size_bytes;
    uint32_t bytes_since_index; /* of log, since the last index entry */
    bool indexes_loaded;
    bool unsynced;      /* the .log has bytes that no sync covered yet */
    int64_t roll_jitter_ms;
    int64_t first_timestamp_ms; /* of the first batch; -1 when empty or not looked up yet */
    int64_t max_timestamp_ms;   /* -1 when empty or not loaded: segment_load_indexes() */
    int64_t max_timestamp_offset; /* last offset of the batch that has it */
    int64_t modified_ms;        /* of the file */
    struct file_slot log;
    struct offset_index offsets;
    struct time_index times;
};

/* Where the segments of one log lie. */
struct segment_home {
    struct file_cache *files;
    const char *dir;
};

/* A header found by a walk. */
struct segment_batch {
    uint32_t position;
    uint32_t size_bytes;
    struct batch_view header; /* header.bytes is not set */
};

struct segment *segment_new(int64_t base_offset);
/* Closes the files; what the indexes have pending is lost. */
void segment_free(struct segment *s, struct segment_home home);
/* A new, empty .log; ERR_EXISTS when there is one. */
enum err segment_create(struct segment *s, struct segment_home home, int64_t now_ms,
                        struct error *err);
/* Takes the size of the .log that is there. */
enum err segment_open(struct segment *s, struct segment_home home, struct error *err);
/* Opens the indexes when they are not; bad ones are rebuilt from the log. */
enum err segment_load_indexes(struct segment *s, struct segment_home home,
                              uint32_t index_interval_bytes, struct error *err);
/* Writes whole batches at the end: one write. After a failure the file has its old size again, or
 * ERR_IO comes and the segment must not be used any more. */
enum err segment_append(struct segment *s, struct segment_home home, struct slice batches,
                        struct error *err);
/* Indexes a batch that lies at position (called for every batch, in order). */
enum err segment_index_batch(struct segment *s, struct segment_home home, uint32_t position,
                             const struct batch_view *batch, uint32_t index_interval_bytes);
/* The header of the batch at position. ERR_NOT_FOUND at the end of the segment; ERR_CORRUPT when no
 * whole batch lies there. */
enum err segment_batch_at(struct segment *s, struct segment_home home, uint32_t position,
                          struct segment_batch *ret_batch);
/* The first batch whose last offset is >= offset. ERR_NOT_FOUND when the segment ends before. */
enum err segment_find(struct segment *s, struct segment_home home, int64_t offset,
                      uint32_t index_interval_bytes, struct segment_batch *ret_batch);
/* The offset behind the last batch; base_offset when empty. */
enum err segment_next_offset(struct segment *s, struct segment_home home,
                             uint32_t index_interval_bytes, int64_t *ret_offset);
/* Cuts the log at position and the indexes at offset. */
enum err segment_truncate(struct segment *s, struct segment_home home, uint32_t position,
                          int64_t offset, struct error *err);
/* Brings indexes to their files; `final` adds the last time entry (roll, close). */
enum err segment_write_indexes(struct segment *s, struct segment_home home, bool final);
/* Renames the segment's files to *.deleted (a missing index is no error). */
enum err segment_rename_deleted(struct segment *s, struct segment_home home, struct error *err);
/* Unlinks <base>*.deleted. */
enum err segment_unlink_deleted(struct segment_home home, int64_t base_offset, struct error *err);

#endif
