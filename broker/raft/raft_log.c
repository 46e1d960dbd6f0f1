/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_log.c - what the machine knows of its log: where it starts and ends, how far it is durable,
 * and which epoch wrote what. The bytes are the driver's.
 *   (L1) start <= high watermark <= end, synced <= end.
 *   (L2) epochs ascend strictly in epoch and offset; the first one may start below `start`.
 *   (L3) Batches enter in order of offsets and of epochs, none of an epoch above the machine's.
 *   (L4) No committed record is ever cut off.
 * Source: KIP-101, KIP-595 (log reconciliation).
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

const struct uuid raft_topic_id = { .bytes = { [15] = 1 } };

void raft_log_deinit(struct raft_log *log)
{
    mem_free(log->epochs);
}

int32_t raft_log_last_epoch(const struct raft_log *log)
{
    return log->epoch_count > 0 ? log->epochs[log->epoch_count - 1].epoch : log->start_epoch;
}

int32_t raft_log_epoch_at(const struct raft_log *log, int64_t end_offset)
{
    for (size_t i = log->epoch_count; i > 0; i--) {
        if (log->epochs[i - 1].start_offset < end_offset) {
            return log->epochs[i - 1].epoch;
        }
    }
    return log->start_epoch;
}

struct raft_offset_epoch raft_log_end_of(const struct raft_log *log, int32_t epoch)
{
    int64_t end = log->end;
    for (size_t i = log->epoch_count; i > 0; i--) {
        if (log->epochs[i - 1].epoch <= epoch) {
            return (struct raft_offset_epoch){ end, log->epochs[i - 1].epoch };
        }
        end = log->epochs[i - 1].start_offset;
    }
    return (struct raft_offset_epoch){ log->start, log->start_epoch };
}

enum raft_position raft_log_check(const struct raft_log *log, int64_t offset, int32_t epoch,
                                  struct raft_offset_epoch *ret_at)
{
    if (log->start == 0 && offset == 0) {
        return RAFT_POSITION_VALID;
    }
    if (log->start > 0 && (offset < log->start || epoch < log->start_epoch ||
                           (offset == log->start && epoch != log->start_epoch))) {
        *ret_at = log->snapshot;
        return RAFT_POSITION_SNAPSHOT;
    }
    struct raft_offset_epoch end = raft_log_end_of(log, epoch);
    if (end.epoch != epoch || end.end_offset < offset) {
        *ret_at = end;
        return RAFT_POSITION_DIVERGING;
    }
    return RAFT_POSITION_VALID;
}

enum err raft_log_examine(const struct raft *r, struct slice bytes, size_t *ret_len)
{
    int64_t offset = r->log.end;
    int32_t epoch = raft_log_last_epoch(&r->log);
    size_t len = 0;
    enum err err = ERR_OK;
    while (len < bytes.len) {
        struct batch_view batch;
        err = batch_parse(slice_from(bytes, len), &batch);
        if (err == ERR_SHORT) {
            err = ERR_OK; /* Fetch may cut the last batch (KIP-74) */
            break;
        }
        if (!err) {
            err = batch_check_crc(&batch);
        }
        if (!err && (batch.base_offset != offset || batch.last_offset_delta < 0 ||
                     batch.leader_epoch < epoch || batch.leader_epoch > r->state.epoch)) {
            err = ERR_CORRUPT;
        }
        if (!err && (batch.attributes & BATCH_ATTR_CONTROL)) {
            err = raft_control_check(&batch);
        }
        if (err) {
            break;
        }
        offset = batch_last_offset(&batch) + 1;
        epoch = batch.leader_epoch;
        len += batch.bytes.len;
    }
    *ret_len = len;
    return err;
}

static void note_epoch(struct raft_log *log, int32_t epoch, int64_t offset)
{
    if (log->epoch_count > 0 && log->epochs[log->epoch_count - 1].epoch == epoch) {
        return;
    }
    assert(epoch >= raft_log_last_epoch(log));
    log->epochs = mem_rearray(log->epochs, log->epoch_count + 1, sizeof(*log->epochs));
    log->epochs[log->epoch_count++] = (struct raft_epoch_start){ epoch, offset };
}

void raft_append(struct raft *r, struct slice bytes, bool copy)
{
    struct raft_item *item = raft_item_new(RAFT_APPEND);
    item->out.offset = r->log.end;
    item->out.bytes = copy ? arena_copy(&item->arena, bytes) : bytes;
    raft_push(r, item);
    for (size_t at = 0; at < bytes.len;) {
        struct batch_view batch;
        enum err err = batch_parse(slice_from(bytes, at), &batch);
        assert(!err && batch.base_offset == r->log.end);
        note_epoch(&r->log, batch.leader_epoch, batch.base_offset);
        r->log.end = batch_last_offset(&batch) + 1;
        if (batch.attributes & BATCH_ATTR_CONTROL) {
            err = raft_control_apply(r, &batch);
            assert(!err);
        }
        at += batch.bytes.len;
    }
}

bool raft_truncate(struct raft *r, int64_t offset)
{
    struct raft_log *log = &r->log;
    if (offset < r->high_watermark || offset < log->start) {
        raft_push_fault(r, "the leader's log parts from this node's below what was committed: one "
                           "of the two lost or altered records of " RAFT_TOPIC
                           ". Do not restart it before the logs were compared (kafka-dump-log)");
        return false;
    }
    if (offset >= log->end) {
        return true;
    }
    raft_push_offset(r, RAFT_TRUNCATE, offset);
    while (log->epoch_count > 0 && log->epochs[log->epoch_count - 1].start_offset >= offset) {
        log->epoch_count--;
    }
    log->end = offset;
    log->synced = log->synced < offset ? log->synced : offset;
    log->truncations++;
    r->stats.truncations_total++;
    raft_voters_truncate(r, offset);
    return true;
}
