/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_leader.c - the leader: what it knows of its followers, and what is committed.
 * Driven by fetches of replicas, by syncs of its own log, and by time.
 *   (M1) The high watermark is an offset that a majority of the voters hold durably: the others'
 *        fetch offsets (they sync before they fetch), the leader's own part only as far as synced.
 *   (M2) It moves only past a record of the leader's own epoch, and never back.
 *   (M3) A leader not in the voters (it removes itself) does not count itself, and resigns once
 *        that change is committed.
 *   (M4) A leader that no majority has fetched from for 1.5 * fetch.timeout.ms resigns.
 * Source: KIP-595; KIP-853 (voters); KAFKA-15489 (check quorum).
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

struct raft_replica *raft_replica_find(struct raft *r, int32_t id, const struct uuid *directory_id)
{
    for (size_t i = 0; i < r->replica_count; i++) {
        struct raft_replica *replica = &r->replicas[i];
        if (raft_key_matches(replica->id, &replica->directory_id, id, directory_id)) {
            return replica;
        }
    }
    return NULL;
}

static struct raft_replica *replica_add(struct raft *r, int32_t id, const struct uuid *directory_id)
{
    r->replicas = mem_rearray(r->replicas, r->replica_count + 1, sizeof(*r->replicas));
    struct raft_replica *replica = &r->replicas[r->replica_count++];
    *replica = (struct raft_replica){ .id = id,
                                      .directory_id = *directory_id,
                                      .end_offset = -1,
                                      .fetch_wall_ms = -1,
                                      .leader_end = -1,
                                      .caught_up_wall_ms = -1,
                                      .begin_ns = r->now.mono_ns };
    return replica;
}

/* Observers with a voter's id: a directory that was lost and replaced. One that lives all the same
 * fetches again. */
static void drop_lost(struct raft *r, struct raft_voter_set set)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->replica_count; i++) {
        if (r->replicas[i].is_voter || !raft_voter_find(set, r->replicas[i].id)) {
            r->replicas[kept++] = r->replicas[i];
        }
    }
    r->replica_count = kept;
}

void raft_leader_voters_changed(struct raft *r)
{
    if (!r->committed_own && r->log.end == r->epoch_start) {
        r->replica_count = 0; /* the leadership begins */
    }
    for (size_t i = 0; i < r->replica_count; i++) {
        r->replicas[i].is_voter = false;
    }
    struct raft_voter_set set = raft_voters(r);
    for (size_t i = 0; i < set.count; i++) {
        const struct raft_voter *voter = &set.voters[i];
        struct raft_replica *replica = raft_replica_find(r, voter->id, &voter->directory_id);
        if (!replica) {
            replica = replica_add(r, voter->id, &voter->directory_id);
        }
        replica->is_voter = true;
    }
    drop_lost(r, set);
}

/* Room for one more observer: those not heard of for long go. */
static bool make_room(struct raft *r)
{
    size_t kept = 0, observers = 0;
    for (size_t i = 0; i < r->replica_count; i++) {
        const struct raft_replica *replica = &r->replicas[i];
        if (replica->is_voter ||
            r->now.mono_ns - replica->fetch_ns < raft_ms(r->config.observer_session_ms)) {
            observers += !replica->is_voter;
            r->replicas[kept++] = *replica;
        }
    }
    r->replica_count = kept;
    return observers < r->config.replicas_max;
}

struct raft_replica *raft_leader_heard(struct raft *r, int32_t id, const struct uuid *directory_id)
{
    struct raft_replica *replica = raft_replica_find(r, id, directory_id);
    if (!replica) {
        if (!make_room(r)) {
            return NULL;
        }
        replica = replica_add(r, id, directory_id);
    }
    if (uuid_is_zero(&replica->directory_id)) {
        replica->directory_id = *directory_id;
    }
    replica->fetch_ns = r->now.mono_ns;
    replica->fetch_wall_ms = r->now.wall_ms;
    replica->begin_failures = 0;
    replica->begin_ns = r->now.mono_ns + raft_ms(r->config.fetch_timeout_ms) / 2;
    return replica;
}

/* --- the high watermark --- */

void raft_commit(struct raft *r, int64_t high_watermark)
{
    if (high_watermark > r->high_watermark) {
        assert(high_watermark <= r->log.end);
        r->high_watermark = high_watermark;
        raft_push_offset(r, RAFT_COMMIT, high_watermark);
    }
}

/* The end offset that more than half of the voters have; -1 when that is not known. */
static int64_t majority_end(const struct raft *r)
{
    int64_t ends[RAFT_VOTERS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < r->replica_count && n < RAFT_VOTERS_MAX; i++) {
        const struct raft_replica *replica = &r->replicas[i];
        if (!replica->is_voter) {
            continue;
        }
        int64_t end = replica->id == r->config.node_id ? r->log.synced : replica->end_offset;
        size_t at = n++;
        while (at > 0 && ends[at - 1] < end) {
            ends[at] = ends[at - 1];
            at--;
        }
        ends[at] = end;
    }
    return n > 0 ? ends[n / 2] : -1;
}

void raft_leader_advance(struct raft *r)
{
    int64_t end = majority_end(r);
    if (end > r->epoch_start && end > r->high_watermark) {
        r->committed_own = true;
        raft_commit(r, end);
        raft_change_committed(r);
    }
}

/* --- check quorum --- */

/* When a majority was last heard of: the time of the one that completes it, the latest first. */
uint64_t raft_quorum_heard_ns(const struct raft *r)
{
    uint64_t heard[RAFT_VOTERS_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < r->replica_count && n < RAFT_VOTERS_MAX; i++) {
        const struct raft_replica *replica = &r->replicas[i];
        if (!replica->is_voter) {
            continue;
        }
        uint64_t at_ns = replica->id == r->config.node_id   ? r->now.mono_ns
                         : replica->fetch_ns > r->quorum_ns ? replica->fetch_ns
                                                            : r->quorum_ns;
        size_t at = n++;
        while (at > 0 && heard[at - 1] < at_ns) {
            heard[at] = heard[at - 1];
            at--;
        }
        heard[at] = at_ns;
    }
    return n > 0 ? heard[raft_majority(n) - 1] : r->now.mono_ns;
}

void raft_poll_leader(struct raft *r)
{
    raft_leader_advance(r);
    uint64_t limit = raft_ms(r->config.fetch_timeout_ms) * 3 / 2;
    bool removed =
        !raft_is_voter(r) && r->committed_own && raft_voters_offset(r) < r->high_watermark;
    if (removed || raft_due(r, raft_quorum_heard_ns(r) + limit)) {
        raft_become_resigned(r);
        return;
    }
    raft_poll_begin_epoch(r);
    raft_poll_change(r);
    raft_poll_waiting(r);
}

void raft_leader_leave(struct raft *r)
{
    raft_change_fail(r, KAFKA_NOT_LEADER_OR_FOLLOWER, "this node leads the quorum no longer");
    raft_waiting_fail(r, KAFKA_NOT_LEADER_OR_FOLLOWER);
    r->heard_id = -1; /* whom it followed before, it heard as the controller since */
}

/* --- proposals --- */

enum err raft_propose(struct raft *r, struct raft_now now, int32_t epoch, uint8_t *bytes,
                      size_t len, int64_t *ret_base_offset, int64_t *ret_end_offset)
{
    if (r->role != RAFT_LEADER || epoch != r->state.epoch) {
        return ERR_AGAIN;
    }
    int64_t offset = r->log.end;
    for (size_t at = 0; at < len;) {
        struct batch_view batch;
        enum err err = batch_parse(slice_of(bytes + at, len - at), &batch);
        if (err || (batch.attributes & BATCH_ATTR_CONTROL) || batch.last_offset_delta < 0) {
            return ERR_MALFORMED;
        }
        batch_stamp(bytes + at, offset, epoch);
        offset += (int64_t)batch.last_offset_delta + 1;
        at += batch.bytes.len;
    }
    *ret_base_offset = r->log.end;
    *ret_end_offset = offset;
    if (len > 0) {
        raft_append(r, slice_of(bytes, len), false);
    }
    raft_step(r, now);
    return ERR_OK;
}
