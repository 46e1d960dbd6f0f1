/* SPDX-License-Identifier: Apache-2.0 */
/* log_internal.h - what the files behind log.h share. Nobody else includes it. */
#ifndef LOGBOOM_BROKER_LOG_INTERNAL_H
#define LOGBOOM_BROKER_LOG_INTERNAL_H

#include "broker/storage/log.h"

/* ERR_CLOSED with the log's name when the disk has failed before. */
enum err log_check_online(const struct partition_log *log, struct error *err);
/* Takes the log offline for good; returns e. */
enum err log_take_offline(struct partition_log *log, enum err e);
static inline struct segment *log_active(const struct partition_log *log)
{
    return log->segments[log->segment_count - 1];
}
/* Makes the segment the active one; the log owns it then. */
void log_add_segment(struct partition_log *log, struct segment *s);
/* Makes a new active segment; on failure the log is as before. */
enum err log_new_segment(struct partition_log *log, int64_t base_offset, int64_t now_ms,
                         struct error *err);
/* Renames the files of `count` segments from `first` on and forgets the segments. */
enum err log_drop_segments(struct partition_log *log, uint32_t first, uint32_t count,
                           int64_t now_ms, struct error *err);
/* Forgets every hint (positions may have changed). */
void log_clear_hints(struct partition_log *log);
/* The hint of a batch that begins at offset; NULL when there is none. */
const struct log_hint *log_find_hint(const struct partition_log *log, const struct segment *s,
                                     int64_t offset);
/* A read has ended where the batch at offset begins, or will begin (size_bytes 0). */
void log_note_read(struct partition_log *log, const struct log_hint *end);
/* Takes a batch of the log into the producer state. */
void log_note_producer(struct partition_log *log, const struct batch_view *b);
/* Writes <offset>.snapshot, which the next flush syncs: its checksum tells a torn one. */
enum err log_write_snapshot(struct partition_log *log, struct error *err);
/* The snapshot written last needs no sync any more. */
void log_close_snapshot(struct partition_log *log);
/* Recovery (recovery.c): everything log_open() does but taking the arguments. */
enum err recovery_run(struct partition_log *log, const struct log_open_args *args,
                      struct log_recovery *recovery, struct error *err);
/* Calls each() with every header from an offset to the end. Damage ends the walk through a segment;
 * *ret_whole tells that there was none. */
enum err recovery_each_header(struct partition_log *log, int64_t offset,
                              void (*each)(void *ctx, const struct batch_view *b), void *ctx,
                              bool *ret_whole);
/* The leader epochs of the log (recovery_epochs.c). The first asks all batches; what the walk
 * through the tail noted comes again, in order. */
enum err recovery_read_epochs(struct partition_log *log);
/* The second believes what the file told of all below limit, when the batches at the ends of its
 * epochs agree, or when they are not sure; takes what is in `told`. */
enum err recovery_compare_epochs(struct partition_log *log, struct leader_epochs *told,
                                 int64_t limit, struct log_recovery *recovery);
/* Brings the producer state to what the log holds: the newest good snapshot, then headers. */
enum err recovery_load_producers(struct partition_log *log, struct error *err);

#endif
