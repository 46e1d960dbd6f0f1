/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_snapshot.c - snapshots: one written here lets the log's beginning go, one fetched from the
 * leader takes the log's place.
 *   (N1) A snapshot is of committed records, and the log starts nowhere but at a snapshot's end.
 *   (N2) Only a follower adopts one; a leader never does.
 * Source: KIP-630.
 */
#include "broker/raft/raft_machine.h"

#include <assert.h>

enum err raft_snapshot_taken(struct raft *r, struct raft_offset_epoch id)
{
    if (id.end_offset > r->high_watermark || id.end_offset <= r->log.snapshot.end_offset ||
        id.end_offset < r->log.start || id.epoch != raft_log_epoch_at(&r->log, id.end_offset)) {
        return ERR_INVALID;
    }
    r->log.snapshot = id;
    return ERR_OK;
}

void raft_log_start_moved(struct raft *r, int64_t log_start_offset)
{
    struct raft_log *log = &r->log;
    assert(log_start_offset <= log->snapshot.end_offset || log_start_offset <= log->start);
    if (log_start_offset <= log->start) {
        return;
    }
    log->start_epoch = raft_log_epoch_at(log, log_start_offset);
    log->start = log_start_offset;
    size_t old = 0;
    while (old < log->epoch_count && (old + 1 < log->epoch_count ? log->epochs[old + 1].start_offset
                                                                 : log->end) <= log_start_offset) {
        old++;
    }
    log->epoch_count -= old;
    memmove(log->epochs, log->epochs + old, log->epoch_count * sizeof(*log->epochs));
    raft_voters_trim(r);
}

void raft_snapshot_adopted(struct raft *r, struct raft_now now,
                           const struct raft_snapshot *snapshot)
{
    assert(r->adopting && r->role == RAFT_FOLLOWER &&
           snapshot->id.end_offset == r->fetching.end_offset);
    struct raft_log *log = &r->log;
    r->now = now;
    r->adopting = false;
    r->fetching.end_offset = -1;
    log->snapshot = snapshot->id;
    log->start = log->end = log->synced = snapshot->id.end_offset;
    log->start_epoch = snapshot->id.epoch;
    log->epoch_count = 0;
    log->truncations++;
    raft_voters_clear(r);
    if (r->config.static_voters.count > 0) {
        raft_voters_add(r, -1, r->config.static_voters);
    }
    if (snapshot->voters.count > 0) {
        raft_voters_add(r, snapshot->id.end_offset - 1, snapshot->voters);
    }
    raft_versions_add(r, snapshot->id.end_offset - 1, snapshot->kraft_version);
    raft_commit(r, snapshot->id.end_offset);
    raft_step(r, now);
}

void raft_snapshot_rejected(struct raft *r, struct raft_now now)
{
    r->adopting = false;
    r->fetching.end_offset = -1;
    r->fetch_after_ns = now.mono_ns + raft_ms(r->config.fetch_timeout_ms) / 4;
    r->stats.damaged_responses_total++;
    raft_step(r, now);
}
