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

#define SEGMENT_LOG        ".log"
#define SEGMENT_INDEX      ".index"
#define SEGMENT_TIME_INDEX ".timeindex"
#define SEGMENT_TXN_INDEX  ".txnindex"
#define SEGMENT_SNAPSHOT   ".snapshot"
#define SEGMENT_DELETED    ".deleted"
#define SEGMENT_CLEANED    ".cleaned"
#define SEGMENT_SWAP       ".swap"

struct segment {
    int64_t base_offset;
    uint32_t size_bytes;
    uint32_t bytes_since_index;   /* of log, since the last index entry */
    bool indexes_loaded;          /* the fields down to sound_bytes are valid only then */
    int64_t next_offset;          /* behind the last sound batch */
    int64_t max_timestamp_ms;     /* -1 when empty */
    int64_t max_timestamp_offset; /* last offset of the batch that has it */
    uint32_t sound_bytes; /* where the walk at loading ended; less than size_bytes: damage */
    /* Written by this process or read back by it, checksums compared: from here to the end, and
     * an interval below that readers have been through. Both begin and end at batches. */
    uint32_t sound_from, read_from, read_to;
    bool unsynced; /* the .log has bytes that no sync covered yet */
    int64_t roll_jitter_ms;
    int64_t first_timestamp_ms; /* of the first batch; -1 when empty or not looked up yet */
    int64_t modified_ms;        /* of the file when it was opened, or its creation */
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

enum { SEGMENT_WALK_BYTES = 4096 };

/* A walk over headers that reads the file in pieces, so that small batches share a read. Valid as
 * long as nothing else opens files (it takes no reference). */
struct segment_walk {
    struct open_file *file;
    uint32_t end;
    uint32_t have_from, have_len;
    uint8_t bytes[SEGMENT_WALK_BYTES];
};

struct segment *segment_new(int64_t base_offset);
/* Closes the files; what the indexes have pending is lost. */
void segment_free(struct segment *s, struct segment_home home);
/* A new, empty .log; ERR_EXISTS when there is one. */
enum err segment_create(struct segment *s, struct segment_home home, int64_t now_ms,
                        struct error *err);
/* Takes the size of the .log that is there. */
enum err segment_open(struct segment *s, struct segment_home home, struct error *err);
/* Opens the indexes when they are not open, and looks at the batches behind the last entry: the
 * segment's end and greatest timestamp are known then. Bad indexes are rebuilt, missing entries
 * added (*ret_rebuilt tells, may be NULL). Damage in the log ends the walk and is no error here. */
enum err segment_load_indexes(struct segment *s, struct segment_home home,
                              uint32_t index_interval_bytes, bool *ret_rebuilt);
/* Opens the indexes, keeps only entries that lie below `offset` and can be trusted without having
 * been synced, and adds by headers what is missing up to the batch that reaches `offset`.
 * *ret_position is where that one lies: the walk has to go on there, with segment_index_batch(). */
enum err segment_begin_recovery(struct segment *s, struct segment_home home, int64_t offset,
                                uint32_t index_interval_bytes, uint32_t *ret_position);
/* Writes whole batches at the end: one write. After a failure the file has its old size again, or
 * ERR_IO comes and the segment must not be used any more. */
enum err segment_append(struct segment *s, struct segment_home home, struct slice batches,
                        struct error *err);
/* Takes note of a batch that lies at position: index entries every index_interval_bytes, the end,
 * the greatest timestamp. Called for every batch, in order. An index that cannot be written now is
 * tried again with the next batch: it is a help, not data. */
void segment_index_batch(struct segment *s, struct segment_home home, uint32_t position,
                         const struct batch_view *batch, uint32_t size_bytes,
                         uint32_t index_interval_bytes);
enum err segment_walk_begin(struct segment_walk *w, struct segment *s, struct segment_home home);
/* As segment_batch_at(). */
enum err segment_walk_at(struct segment_walk *w, uint32_t position,
                         struct segment_batch *ret_batch);
/* The header of the batch at position. ERR_NOT_FOUND at the end of the segment; ERR_CORRUPT when no
 * whole batch lies there. */
enum err segment_batch_at(struct segment *s, struct segment_home home, uint32_t position,
                          struct segment_batch *ret_batch);
/* The first batch whose last offset is >= offset. ERR_NOT_FOUND when the segment ends before. */
enum err segment_find(struct segment *s, struct segment_home home, int64_t offset,
                      uint32_t index_interval_bytes, struct segment_batch *ret_batch);
/* The time entry with the greatest timestamp <= the one given; {-1, base_offset} when there is
 * none. */
enum err segment_find_time(struct segment *s, struct segment_home home, int64_t timestamp_ms,
                           uint32_t index_interval_bytes, struct time_entry *ret_entry);
/* Cuts the log at position, where a batch begins or damage does, and the indexes at offset. */
enum err segment_truncate(struct segment *s, struct segment_home home, uint32_t position,
                          int64_t offset, uint32_t index_interval_bytes, struct error *err);
/* The open .log, valid until the next call that may open a file. */
enum err segment_file(struct segment *s, struct segment_home home, struct open_file **ret_file,
                      struct error *err);
/* Brings indexes to their files; `final` adds the last time entry (roll, close). */
enum err segment_write_indexes(struct segment *s, struct segment_home home, bool final);
/* Renames the segment's files to *.deleted (a missing index is no error). */
enum err segment_rename_deleted(struct segment *s, struct segment_home home, struct error *err);
/* Unlinks <base>*.deleted. */
enum err segment_unlink_deleted(struct segment_home home, int64_t base_offset, struct error *err);

#endif
