/* SPDX-License-Identifier: Apache-2.0 */
/* storage_fixture.h - a log in a scratch directory, and batches to put in. For the storage
 * tests. */
#ifndef LOGBOOM_TESTS_STORAGE_FIXTURE_H
#define LOGBOOM_TESTS_STORAGE_FIXTURE_H

#include "broker/storage/log.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/scratch_dir.h"

#include <check.h>

struct store {
    struct scratch_dir scratch;
    struct fault_vfs disk;
    struct file_cache files;
    struct log_config config;
    struct partition_log *log;
    struct log_recovery recovery; /* of the last store_open() */
    char dir[320];
    int64_t now_ms;
    struct batch_builder builder;
    struct buf out;
};

/* An empty log t-0 with small segments (4 KiB) and an index entry every 256 bytes. */
void store_init(struct store *s);
void store_deinit(struct store *s);
/* Closes without shutdown, as a kill would. */
void store_kill(struct store *s);
/* Opens again; recovery_point -1 is "none known". */
enum err store_open(struct store *s, bool clean, int64_t recovery_point);
/* A batch of `count` records of value_len bytes, timestamps from timestamp_ms on (1 ms apart),
 * stamped with base_offset and epoch; the view lives until the next one. */
struct slice store_batch(struct store *s, int64_t base_offset, int32_t epoch, int count,
                         size_t value_len, int64_t timestamp_ms);
/* Appends such a batch at the end. */
enum err store_append(struct store *s, int count, size_t value_len, int64_t timestamp_ms);
/* Appends a batch of an idempotent producer. */
enum err store_append_producer(struct store *s, int64_t producer_id, int16_t epoch,
                               int32_t base_sequence, int count);
/* Reads everything from `offset` to upper and checks that offsets are dense; returns the offset
 * behind the last record. */
int64_t store_read_all(struct store *s, int64_t offset, int64_t upper_offset);
/* All bytes of all segments' files with a suffix, in the order of names. */
void store_slurp(struct store *s, const char *suffix, struct buf *out);

Suite *log_suite(void);
Suite *recovery_suite(void);
Suite *checkpoint_suite(void);
Suite *producer_state_suite(void);

#endif
