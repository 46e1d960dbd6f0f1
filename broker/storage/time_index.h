/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_index.h - a segment's .timeindex: 12-byte entries {i64 greatest timestamp so far, i32 offset
 * - base}. Timestamps grow strictly; the offset is the last one of the batch that has the
 *   timestamp.
 */
#ifndef LOGBOOM_BROKER_TIME_INDEX_H
#define LOGBOOM_BROKER_TIME_INDEX_H

#include "broker/storage/entry_file.h"

enum { TIME_INDEX_ENTRY_BYTES = 12 };

struct time_entry {
    int64_t timestamp_ms;
    int64_t offset;
};

struct time_index {
    struct entry_file file;
    int64_t base_offset;
    struct time_entry last; /* {-1, base_offset} when empty */
};

/* ERR_CORRUPT as for offset_index_open(). */
enum err time_index_open(struct time_index *ix, struct entry_path at, int64_t base_offset);
/* Does nothing when the timestamp is not above the last one. */
enum err time_index_append(struct time_index *ix, struct entry_path at, int64_t timestamp_ms,
                           int64_t offset);
/* The entry with the greatest timestamp <= the one given; {-1, base_offset} when there is none. */
enum err time_index_lookup(struct time_index *ix, struct entry_path at, int64_t timestamp_ms,
                           struct time_entry *ret_entry);
enum err time_index_at(struct time_index *ix, struct entry_path at, uint32_t i,
                       struct time_entry *ret_entry);
/* Drops entries at `offset` and beyond. */
enum err time_index_truncate_to(struct time_index *ix, struct entry_path at, int64_t offset);
enum err time_index_truncate(struct time_index *ix, struct entry_path at, uint32_t count);

#endif
