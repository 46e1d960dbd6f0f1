/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.c - how a log becomes shorter: retention at its beginning, truncation at its end.
 * Driven by the owner's timers, DeleteRecords and (later) followers.
 *   (D1) files are renamed to .deleted before the log forgets them, and unlinked when
 *        file.delete.delay.ms has passed, so that a crash in between leaves what recovery knows;
 *   (D2) the oldest segments go first: a crash never leaves a hole;
 *   (D3) retention takes no segment that reaches the high watermark.
 */
#include "broker/storage/log_internal.h"
#include "broker/storage/producer_snapshot.h"

#include "protocol/base/alloc.h"

enum err log_drop_segments(struct partition_log *log, uint32_t first, uint32_t count,
                           int64_t now_ms, struct error *err)
{
    enum err e = ERR_OK;
    uint32_t done = 0;
    while (done < count && !e) {
        struct segment *s = log->segments[first + done];
        e = segment_rename_deleted(s, log->home, err);
        if (e) {
            break;
        }
        if (log->doomed_count == log->doomed_cap) {
            log->doomed_cap = log->doomed_cap ? log->doomed_cap * 2 : 4;
            log->doomed = mem_rearray(log->doomed, log->doomed_cap, sizeof(*log->doomed));
        }
        log->doomed[log->doomed_count++] =
            (struct log_doomed){ s->base_offset, now_ms + log->config.file_delete_delay_ms };
        log->size_bytes -= s->size_bytes;
        segment_free(s, log->home);
        done++;
    }
    memmove(log->segments + first, log->segments + first + done,
            (log->segment_count - first - done) * sizeof(struct segment *));
    log->segment_count -= done;
    log->dir_unsynced |= done > 0;
    log_clear_hints(log);
    return e ? log_take_offline(log, e) : ERR_OK;
}

/* --- retention -------------------------------------------------------------------------------- */

/* Whether time has run out for a segment: by its records' greatest timestamp, else by the
 * file's. */
static bool is_expired(struct partition_log *log, struct segment *s, int64_t now_ms)
{
    if (!log->config.delete_by_policy || log->config.retention_ms < 0) {
        return false;
    }
    if (segment_load_indexes(s, log->home, log->config.index_interval_bytes, NULL)) {
        return false;
    }
    int64_t newest_ms = s->max_timestamp_ms >= 0 ? s->max_timestamp_ms : s->modified_ms;
    return now_ms - newest_ms > log->config.retention_ms;
}

/* How many of the oldest segments retention asks to delete. */
static uint32_t count_deletable(struct partition_log *log, int64_t now_ms, int64_t high_watermark)
{
    uint64_t size = log->size_bytes;
    uint32_t count = 0;
    for (; count < log->segment_count; count++) {
        struct segment *s = log->segments[count];
        bool active = count + 1 == log->segment_count;
        int64_t next = active ? log->end_offset : log->segments[count + 1]->base_offset;
        bool oversize = log->config.delete_by_policy && log->config.retention_bytes >= 0 &&
                        size - s->size_bytes >= (uint64_t)log->config.retention_bytes;
        bool below_start = !active && next <= log->start_offset;
        if (high_watermark < next || (active && !s->size_bytes)) {
            break;
        }
        if (!below_start && !oversize && !is_expired(log, s, now_ms)) {
            break;
        }
        size -= s->size_bytes;
    }
    return count;
}

enum err log_retain(struct partition_log *log, int64_t now_ms, int64_t high_watermark,
                    uint32_t *ret_deleted, struct error *err)
{
    enum err e = log_check_online(log, err);
    uint32_t count = e ? 0 : count_deletable(log, now_ms, high_watermark);
    if (!e && count == log->segment_count) {
        e = log_roll(log, now_ms, err); /* there must be an active one afterwards */
    }
    if (e) {
        return e;
    }
    if (count) {
        /* The start moves first: nobody may find the offsets of a segment on its way out. */
        if (log->segments[count]->base_offset > log->start_offset) {
            log->start_offset = log->segments[count]->base_offset;
            leader_epochs_truncate_start(&log->epochs, log->start_offset);
        }
        e = log_drop_segments(log, 0, count, now_ms, err);
        if (!e) {
            (void)log_write_epochs(log, NULL); /* recovery cuts it again otherwise */
        }
    }
    (void)producer_state_expire(&log->producers, now_ms, log->config.producer_id_expiration_ms);
    if (!e) {
        *ret_deleted = count;
    }
    return e;
}

enum err log_unlink_due(struct partition_log *log, int64_t now_ms, int64_t *ret_next_due_ms,
                        struct error *err)
{
    uint32_t done = 0;
    enum err e = ERR_OK;
    while (done < log->doomed_count && log->doomed[done].due_ms <= now_ms) {
        e = segment_unlink_deleted(log->home, log->doomed[done].base_offset, err);
        if (e) {
            break;
        }
        done++;
    }
    log->doomed_count -= done;
    if (done && log->doomed_count) {
        memmove(log->doomed, log->doomed + done, log->doomed_count * sizeof(*log->doomed));
    }
    if (e) {
        return e;
    }
    *ret_next_due_ms = log->doomed_count ? log->doomed[0].due_ms : -1;
    return ERR_OK;
}

enum err log_advance_start(struct partition_log *log, int64_t start_offset, struct error *err)
{
    enum err e = log_check_online(log, err);
    if (e) {
        return e;
    }
    if (start_offset > log->end_offset) {
        return err_set(err, ERR_INVALID, "offset %lld lies beyond the end of %s-%d, %lld",
                       (long long)start_offset, log->topic, (int)log->partition,
                       (long long)log->end_offset);
    }
    if (start_offset > log->start_offset) {
        log->start_offset = start_offset;
        leader_epochs_truncate_start(&log->epochs, start_offset);
    }
    return ERR_OK;
}

/* --- truncation ------------------------------------------------------------------------------- */

/* What every truncation ends with: the end, and what depends on it. */
static enum err end_at(struct partition_log *log, int64_t offset, struct error *err)
{
    log->end_offset = offset;
    log_clear_hints(log);
    if (log->recovery_point > offset) {
        log->recovery_point = offset;
    }
    if (log->flush_limit > offset) {
        log->flush_limit = offset;
    }
    if (log->start_offset > offset) {
        log->start_offset = offset;
    }
    leader_epochs_truncate_end(&log->epochs, offset);
    enum err e = log_write_epochs(log, err);
    if (!e) {
        e = recovery_load_producers(log, err);
    }
    return e ? log_take_offline(log, e) : ERR_OK;
}

enum err log_truncate_all(struct partition_log *log, int64_t offset, int64_t now_ms,
                          struct error *err)
{
    enum err e = log_check_online(log, err);
    if (!e) { /* all of them go; the names are free then, so that the new one may have any offset */
        e = log_drop_segments(log, 0, log->segment_count, now_ms, err);
    }
    if (!e) {
        e = log_new_segment(log, offset, now_ms, err);
    }
    if (e) {
        return log_take_offline(log, e);
    }
    log->start_offset = offset;
    log->epochs.count = 0;
    log->epochs.changed = true;
    return end_at(log, offset, err);
}

enum err log_restart(struct partition_log *log, int64_t offset, const struct producer_state *known,
                     int64_t now_ms, struct error *err)
{
    /* First: a crash in between leaves a log that ends before it, and will begin anew once more. */
    char path[SEGMENT_PATH_MAX];
    segment_name_format((struct segment_name){ log->home.dir, offset, SEGMENT_SNAPSHOT }, path);
    enum err e = log_check_online(log, err);
    e = e ? e : producer_snapshot_write(log->home.files->vfs, path, known, err);
    return e ? e : log_truncate_all(log, offset, now_ms, err); /* which reads it */
}

enum err log_truncate_to(struct partition_log *log, int64_t offset, int64_t now_ms,
                         struct error *err)
{
    enum err e = log_check_online(log, err);
    if (!e && offset >= log->end_offset) {
        /* An epoch without records may still have to go. */
        leader_epochs_truncate_end(&log->epochs, offset);
    }
    if (e || offset >= log->end_offset) {
        return e;
    }
    if (offset <= log->segments[0]->base_offset) {
        return log_truncate_all(log, offset, now_ms, err);
    }
    uint32_t index = log_segment_index(log, offset);
    uint32_t beyond = log->segment_count - index - 1;
    e = beyond ? log_drop_segments(log, index + 1, beyond, now_ms, err) : ERR_OK;
    struct segment *s = log->segments[index];
    struct segment_batch b = { .position = 0, .header.base_offset = offset };
    if (!e &&
        offset > s->base_offset) { /* all of a segment goes without a look: it may be damaged */
        e = segment_find(s, log->home, offset, log->config.index_interval_bytes, &b);
    }
    int64_t end = offset;
    if (!e) {
        uint32_t cut = s->size_bytes - b.position;
        end = b.header.base_offset < offset ? b.header.base_offset : offset;
        e = segment_truncate(s, log->home, b.position, end, log->config.index_interval_bytes, err);
        log->size_bytes -= e ? 0 : cut;
    }
    if (e && e != ERR_NOT_FOUND) {
        return log_take_offline(log, e);
    }
    return end_at(log, end, err);
}
