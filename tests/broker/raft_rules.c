/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_rules.c - what must never happen in raft_world.h, looked at after every event. The first
 * eight are those of Kafka's RaftEventSimulationTest, the others Raft's own (and those of the TLA+
 * specification of KRaft).
 *   MonotonicEpoch, MajorityReachedHighWatermark, SingleLeader, MonotonicHighWatermark,
 *   SnapshotAtLogStart, LeaderNeverLoadSnapshot, ConsistentCommittedData; StableLeadership is a
 *   test of its own (check_raft_random.c).
 *   OneVote, OneLeadership, LeaderCompleteness, LogMatching, SavedBeforeSent, SyncedBeforeFetched,
 *   OneVoterAtATime, ToldHighWatermark.
 */
#include "tests/broker/raft_world.h"

#include "protocol/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

void world_break(struct world *w, const char *rule, const char *format, ...)
{
    if (w->broken) {
        return;
    }
    w->broken = rule;
    va_list ap;
    va_start(ap, format);
    vsnprintf(w->broken_text, sizeof(w->broken_text), format, ap);
    va_end(ap);
}

static bool holds_epoch(struct world *w, int32_t epoch)
{
    if (epoch >= WORLD_EPOCHS_MAX) {
        world_break(w, "EpochInflation", "epoch %d", epoch);
        return false;
    }
    return true;
}

/* --- elections --- */

void rule_saved(struct world *w, struct world_node *n, const struct raft_hard_state *state)
{
    const struct raft_hard_state *before = &n->disk.state;
    if (state->epoch < before->epoch) {
        world_break(w, "MonotonicEpoch", "node %d saves epoch %d after %d", n->id, state->epoch,
                    before->epoch);
    }
    if (state->epoch == before->epoch && before->voted_id >= 0 &&
        state->voted_id != before->voted_id) {
        world_break(w, "OneVote", "node %d, epoch %d: vote for %d becomes one for %d", n->id,
                    state->epoch, before->voted_id, state->voted_id);
    }
    if (state->epoch == before->epoch && before->leader_id >= 0 && state->leader_id >= 0 &&
        state->leader_id != before->leader_id) {
        world_break(w, "SingleLeader", "node %d, epoch %d: leader %d becomes %d", n->id,
                    state->epoch, before->leader_id, state->leader_id);
    }
}

void rule_vote_granted(struct world *w, struct world_node *n, const struct vote_request *req)
{
    const struct vote_request_partition_data *p = req->topics->partitions;
    if (p->pre_vote || !holds_epoch(w, p->replica_epoch)) {
        return;
    }
    int32_t *voted = &n->voted[p->replica_epoch];
    if (*voted != 0 && *voted != p->replica_id + 1) {
        world_break(w, "OneVote", "node %d, epoch %d: votes for %d and %d", n->id, p->replica_epoch,
                    *voted - 1, p->replica_id);
    }
    *voted = p->replica_id + 1;
    if (n->disk.state.epoch != p->replica_epoch || n->disk.state.voted_id != p->replica_id) {
        world_break(w, "SavedBeforeSent", "node %d grants %d epoch %d, saved: %d epoch %d", n->id,
                    p->replica_id, p->replica_epoch, n->disk.state.voted_id, n->disk.state.epoch);
    }
}

static void check_complete(struct world *w, struct world_node *n, int32_t epoch)
{
    size_t at = 0;
    for (size_t i = 0; i < w->committed_count; i++) {
        const struct world_committed *c = &w->committed[i];
        if (c->end <= n->disk.start || c->committed_in >= epoch) {
            continue; /* a leader elected late may miss what later ones committed */
        }
        while (at < n->disk.batch_count && n->disk.batches[at].base < c->base) {
            at++;
        }
        if (at == n->disk.batch_count || n->disk.batches[at].base != c->base ||
            n->disk.batches[at].crc != c->crc || n->disk.batches[at].epoch != c->epoch) {
            world_break(w, "LeaderCompleteness", "node %d leads epoch %d without offset %lld",
                        n->id, epoch, (long long)c->base);
            return;
        }
    }
}

void rule_role(struct world *w, struct world_node *n, const struct raft_output *out)
{
    int32_t epoch = out->state.epoch;
    n->role_seen = out->role;
    if (!holds_epoch(w, epoch)) {
        return;
    }
    w->epoch_max = epoch > w->epoch_max ? epoch : w->epoch_max;
    if (out->role != RAFT_LEADER) {
        return;
    }
    w->elections++;
    if (w->leader_of[epoch] == n->id + 1) {
        world_break(w, "OneLeadership", "node %d leads epoch %d again", n->id, epoch);
    } else if (w->leader_of[epoch] != 0) {
        world_break(w, "SingleLeader", "epoch %d: %d and %d", epoch, w->leader_of[epoch] - 1,
                    n->id);
    }
    w->leader_of[epoch] = n->id + 1;
    if (n->disk.state.epoch != epoch || n->disk.state.leader_id != n->id) {
        world_break(w, "SavedBeforeSent", "node %d leads epoch %d, not saved", n->id, epoch);
    }
    check_complete(w, n, epoch);
}

void rule_sent(struct world *w, struct world_node *n, const struct raft_output *out)
{
    const struct raft_hard_state *saved = &n->disk.state;
    int32_t epoch = saved->epoch;
    bool fits = true;
    if (out->api_key == 52) {
        const struct vote_request *req = out->request;
        const struct vote_request_partition_data *p = req->topics->partitions;
        epoch = p->replica_epoch;
        fits = p->pre_vote || saved->voted_id == n->id;
    } else if (out->api_key == 53) {
        const struct begin_quorum_epoch_request *req = out->request;
        epoch = req->topics->partitions->leader_epoch;
        fits = saved->leader_id == n->id;
    } else if (out->api_key == 1) {
        const struct fetch_request *req = out->request;
        epoch = req->topics->partitions->current_leader_epoch;
        n->fetch_token = out->token;
        if (req->topics->partitions->fetch_offset > n->disk.synced) {
            world_break(w, "SyncedBeforeFetched", "node %d fetches %lld, synced %lld", n->id,
                        (long long)req->topics->partitions->fetch_offset,
                        (long long)n->disk.synced);
        }
    }
    if (epoch != saved->epoch || !fits) {
        world_break(w, "SavedBeforeSent", "node %d sends request %d of epoch %d, saved epoch %d",
                    n->id, out->api_key, epoch, saved->epoch);
    }
}

/* --- commitment --- */

static bool has_durably(const struct world_node *n, const struct world_batch *batch)
{
    if (n->disk.start >= batch->end) {
        return true;
    }
    for (size_t i = n->disk.batch_count; i > 0; i--) {
        const struct world_batch *b = &n->disk.batches[i - 1];
        if (b->base == batch->base) {
            return b->epoch == batch->epoch && b->crc == batch->crc && b->end <= n->disk.synced;
        }
    }
    return false;
}

static void check_majority(struct world *w, const struct world_node *leader,
                           const struct world_batch *batch)
{
    struct raft_voter_set set = raft_voters(leader->raft);
    size_t have = 0;
    for (size_t i = 0; i < set.count; i++) {
        have += has_durably(world_node(w, set.voters[i].id), batch);
    }
    if (have * 2 <= set.count) {
        world_break(w, "MajorityReachedHighWatermark",
                    "node %d commits offset %lld, durable on %zu of %zu voters", leader->id,
                    (long long)batch->base, have, set.count);
    }
}

static const struct world_committed *committed_at(const struct world *w, int64_t base)
{
    size_t lo = 0, hi = w->committed_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (w->committed[mid].base < base) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < w->committed_count && w->committed[lo].base == base ? &w->committed[lo] : NULL;
}

void rule_committed(struct world *w, struct world_node *n, int64_t high_watermark)
{
    if (high_watermark < n->high_watermark_seen) {
        world_break(w, "MonotonicHighWatermark", "node %d: %lld after %lld", n->id,
                    (long long)high_watermark, (long long)n->high_watermark_seen);
    }
    for (size_t i = 0; i < n->disk.batch_count; i++) {
        const struct world_batch *b = &n->disk.batches[i];
        if (b->end > high_watermark || b->end <= n->high_watermark_seen) {
            continue;
        }
        if (b->base == w->committed_end) {
            if (n->role_seen != RAFT_LEADER) {
                world_break(w, "ConsistentCommittedData",
                            "node %d, no leader, commits offset %lld first", n->id,
                            (long long)b->base);
            }
            check_majority(w, n, b);
            w->committed = mem_rearray(w->committed, w->committed_count + 1, sizeof(*w->committed));
            w->committed[w->committed_count++] =
                (struct world_committed){ b->epoch, raft_epoch(n->raft), b->crc, b->base, b->end };
            w->committed_end = b->end;
            continue;
        }
        const struct world_committed *c = committed_at(w, b->base);
        if (!c || c->crc != b->crc || c->epoch != b->epoch) {
            world_break(w, "ConsistentCommittedData",
                        "node %d has other records at offset %lld than were committed", n->id,
                        (long long)b->base);
        }
    }
    if (high_watermark > w->committed_end) {
        world_break(w, "ConsistentCommittedData", "node %d commits %lld, the cluster %lld", n->id,
                    (long long)high_watermark, (long long)w->committed_end);
    }
    n->high_watermark_seen = high_watermark;
}

/* A follower of Kafka's throws, and its node ends, when the high watermark that it is told goes
 * back, whichever leader tells it. */
void rule_told(struct world *w, struct world_node *n, const struct fetch_response *resp)
{
    if (resp->responses_n != 1 || resp->responses->partitions->error_code ||
        resp->responses->partitions->current_leader.leader_epoch < raft_epoch(n->raft)) {
        return;
    }
    int64_t told = resp->responses->partitions->high_watermark;
    if (told >= 0 && told < n->told_high_watermark) {
        world_break(w, "ToldHighWatermark", "node %d hears %lld after %lld", n->id, (long long)told,
                    (long long)n->told_high_watermark);
    }
    n->told_high_watermark = told > n->told_high_watermark ? told : n->told_high_watermark;
}

void rule_adopted(struct world *w, struct world_node *n)
{
    if (n->role_seen == RAFT_LEADER) {
        world_break(w, "LeaderNeverLoadSnapshot", "node %d", n->id);
    }
}

void rule_after_event(struct world *w)
{
    for (int i = 0; i < w->node_count && !w->broken; i++) {
        struct world_node *n = &w->nodes[i];
        if (!n->raft) {
            continue;
        }
        int32_t epoch = raft_epoch(n->raft);
        if (epoch < n->epoch_seen) {
            world_break(w, "MonotonicEpoch", "node %d: %d after %d", n->id, epoch, n->epoch_seen);
        }
        n->epoch_seen = epoch;
        if (raft_log_start_offset(n->raft) > 0 &&
            n->disk.snapshot.id.end_offset < raft_log_start_offset(n->raft)) {
            world_break(w, "SnapshotAtLogStart", "node %d starts at %lld, snapshot at %lld", n->id,
                        (long long)raft_log_start_offset(n->raft),
                        (long long)n->disk.snapshot.id.end_offset);
        }
        if (raft_high_watermark(n->raft) > raft_log_end_offset(n->raft) ||
            raft_log_end_offset(n->raft) != n->disk.end) {
            world_break(w, "Log", "node %d: high watermark %lld, end %lld, on disk %lld", n->id,
                        (long long)raft_high_watermark(n->raft),
                        (long long)raft_log_end_offset(n->raft), (long long)n->disk.end);
        }
    }
}

/* --- logs --- */

static void check_pair(struct world *w, const struct world_node *a, const struct world_node *b)
{
    size_t i = a->disk.batch_count, k = b->disk.batch_count;
    bool matched = false;
    while (i > 0 && k > 0) {
        const struct world_batch *x = &a->disk.batches[i - 1], *y = &b->disk.batches[k - 1];
        if (x->base > y->base) {
            i--;
            continue;
        }
        if (y->base > x->base) {
            k--;
            continue;
        }
        bool same = x->epoch == y->epoch && x->crc == y->crc && x->end == y->end;
        if (!same && (matched || x->epoch == y->epoch)) {
            world_break(w, "LogMatching", "nodes %d and %d differ at offset %lld", a->id, b->id,
                        (long long)x->base);
            return;
        }
        matched |= same;
        i--;
        k--;
    }
}

static size_t difference(struct raft_voter_set a, struct raft_voter_set b)
{
    size_t n = 0;
    for (size_t i = 0; i < a.count; i++) {
        bool found = false;
        for (size_t k = 0; k < b.count; k++) {
            found |= a.voters[i].id == b.voters[k].id;
        }
        n += !found;
    }
    return n;
}

static void check_voters(struct world *w, const struct world_node *n)
{
    for (size_t i = 0; i < n->disk.batch_count && n->raft; i++) {
        const struct world_batch *b = &n->disk.batches[i];
        if (!b->is_control) {
            continue;
        }
        struct raft_voter_set before = raft_voters_at(n->raft, b->base);
        struct raft_voter_set after = raft_voters_at(n->raft, b->end);
        if (before.count > 0 && difference(before, after) + difference(after, before) > 1) {
            world_break(w, "OneVoterAtATime", "node %d at offset %lld", n->id, (long long)b->base);
        }
    }
}

void rule_logs_match(struct world *w)
{
    for (int i = 0; i < w->node_count; i++) {
        check_voters(w, &w->nodes[i]);
        for (int k = 0; k < i; k++) {
            check_pair(w, &w->nodes[i], &w->nodes[k]);
        }
    }
}
