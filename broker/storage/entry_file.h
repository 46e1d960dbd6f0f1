/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_file.h - a file of fixed-size entries that only grows at its end: what Kafka's offset and
 * time indexes have in common. New entries wait in memory and go to the file in groups (an index
 * can be rebuilt from the log, so losing them costs time, never data). Files have their exact size.
 */
#ifndef LOGBOOM_BROKER_ENTRY_FILE_H
#define LOGBOOM_BROKER_ENTRY_FILE_H

#include "broker/storage/file_cache.h"

enum { ENTRY_FILE_PENDING_MAX = 64, ENTRY_BYTES_MAX = 12 };

struct entry_file {
    struct file_slot slot;
    uint8_t *pending; /* entries not in the file yet; NULL when none */
    uint32_t written; /* entries in the file */
    uint16_t pending_count;
    uint8_t entry_bytes;
};

/* Where the file lies; passed to every call that may touch the disk. */
struct entry_path {
    struct file_cache *files;
    struct segment_name name;
};

static inline uint32_t entry_file_count(const struct entry_file *f)
{
    return f->written + f->pending_count;
}

/* Starts with what the file has: a size that is no multiple of the entry's gives ERR_CORRUPT, a
 * missing file an empty one. */
enum err entry_file_open(struct entry_file *f, struct entry_path at, uint8_t entry_bytes);
/* Closes the file without writing what is pending. */
void entry_file_close(struct entry_file *f, struct file_cache *files);
enum err entry_file_append(struct entry_file *f, struct entry_path at, const uint8_t *entry);
/* Brings pending entries into the file, making it when it is not there yet. */
enum err entry_file_write(struct entry_file *f, struct entry_path at);
/* Copies `count` entries from `first` on; they must exist. */
enum err entry_file_read(struct entry_file *f, struct entry_path at, uint32_t first, uint32_t count,
                         uint8_t *ret_entries);
/* Keeps the first `count` entries, in the file too. */
enum err entry_file_truncate(struct entry_file *f, struct entry_path at, uint32_t count);
/* The number of leading entries whose i64 or i32 key (entry's first key_bytes) is <= key: a binary
 * search that reads the file in few pieces. */
enum err entry_file_count_le(struct entry_file *f, struct entry_path at, unsigned key_bytes,
                             int64_t key, uint32_t *ret_count);
/* Whether the keys grow strictly and the i32 behind the key by at least step, none negative. */
enum err entry_file_in_order(struct entry_file *f, struct entry_path at, unsigned key_bytes,
                             int64_t step, bool *ret_in_order);

#endif
