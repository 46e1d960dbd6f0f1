/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_index.h - a segment's .index: 8-byte entries {i32 offset - base, i32 position} of every
 * few KiB of log. An entry names the last offset of a batch and the place where that batch begins.
 */
#ifndef LOGBOOM_BROKER_OFFSET_INDEX_H
#define LOGBOOM_BROKER_OFFSET_INDEX_H

#include "broker/storage/entry_file.h"

enum { OFFSET_INDEX_ENTRY_BYTES = 8 };

struct offset_entry {
    int64_t offset;    /* last offset of the batch */
    uint32_t position; /* where the batch begins */
};

struct offset_index {
    struct entry_file file;
    int64_t base_offset;
    struct offset_entry last; /* {base_offset, 0} when empty */
};

/* ERR_CORRUPT when the file cannot be an index of this segment: truncate to nothing and rebuild. */
enum err offset_index_open(struct offset_index *ix, struct entry_path at, int64_t base_offset);
enum err offset_index_append(struct offset_index *ix, struct entry_path at, int64_t last_offset,
                             uint32_t position);
/* The entry with the greatest offset <= the one given; {base_offset, 0} when there is none. */
enum err offset_index_lookup(struct offset_index *ix, struct entry_path at, int64_t offset,
                             struct offset_entry *ret_entry);
enum err offset_index_at(struct offset_index *ix, struct entry_path at, uint32_t i,
                         struct offset_entry *ret_entry);
/* Drops entries of batches that reach `offset` or lie beyond it. */
enum err offset_index_truncate_to(struct offset_index *ix, struct entry_path at, int64_t offset);
enum err offset_index_truncate(struct offset_index *ix, struct entry_path at, uint32_t count);

#endif
