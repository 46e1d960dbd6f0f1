/* SPDX-License-Identifier: Apache-2.0 */
/* raft_world_ops.c - what clients and operators do in raft_world.h. */
#include "tests/broker/raft_world.h"

#include "protocol/wire/record_batch.h"

#include <stdlib.h>

static void snapshot_set_voters(struct world_snapshot *s, struct raft_voter_set set,
                                struct world *w)
{
    s->voter_count = set.count;
    for (size_t i = 0; i < set.count; i++) {
        s->voters[i] = set.voters[i];
        s->endpoints[i] = world_node(w, set.voters[i].id)->endpoint;
        s->voters[i].endpoints = &s->endpoints[i];
        s->voters[i].endpoint_count = 1;
    }
}

void world_snapshot_fix(struct world_snapshot *s)
{
    for (size_t i = 0; i < s->voter_count; i++) {
        s->voters[i].endpoints = &s->endpoints[i];
    }
}

int64_t world_propose(struct world *w, struct world_node *n)
{
    if (!n->raft || n->paused || raft_role(n->raft) != RAFT_LEADER) {
        return -1;
    }
    struct buf all = { 0 };
    uint64_t batches = 1 + rng_below(&w->rng, 2);
    for (uint64_t i = 0; i < batches; i++) {
        struct batch_builder b = { 0 };
        uint64_t records = 1 + rng_below(&w->rng, 3);
        for (uint64_t k = 0; k < records; k++) {
            uint64_t value = w->next_value++;
            struct record rec = { .value = slice_of(&value, sizeof(value)) };
            batch_builder_append(&b, &rec);
        }
        struct batch_seal seal = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
        struct slice bytes;
        struct buf out = { 0 };
        if (batch_builder_seal(&b, &seal, &out, &bytes)) {
            abort();
        }
        buf_append_slice(&all, bytes);
        batch_builder_deinit(&b);
        buf_deinit(&out);
    }
    int64_t base, end = -1;
    if (raft_propose(n->raft, world_now(w), raft_epoch(n->raft), all.ptr, all.len, &base, &end)) {
        end = -1;
    }
    world_drain(w, n);
    buf_deinit(&all);
    return end;
}

void world_snapshot(struct world *w, struct world_node *n)
{
    if (!n->raft || n->paused) {
        return;
    }
    int64_t at = n->disk.start;
    for (size_t i = 0; i < n->disk.batch_count; i++) {
        if (n->disk.batches[i].end <= raft_high_watermark(n->raft) &&
            n->disk.batches[i].end <= n->disk.synced && rng_below(&w->rng, 4) != 0) {
            at = n->disk.batches[i].end;
        }
    }
    struct world_snapshot s = { .id = { at, raft_epoch_at(n->raft, at) },
                                .kraft_version = raft_kraft_version_at(n->raft, at),
                                .size = 100 + (size_t)rng_below(&w->rng, 2000) };
    struct raft_voter_set set = raft_voters_at(n->raft, at);
    if (at <= n->disk.snapshot.id.end_offset || raft_snapshot_taken(n->raft, s.id)) {
        return;
    }
    if (w->kraft_version > 0) {
        snapshot_set_voters(&s, set, w);
    }
    /* The same committed records make the same file on every node. */
    s.size = 100 + (size_t)at * 7 % 2000;
    n->disk.snapshot = s;
    world_snapshot_fix(&n->disk.snapshot);
    if (rng_below(&w->rng, 2) == 0) {
        world_disk_start_at(&n->disk, at);
        raft_log_start_moved(n->raft, at);
    }
    world_drain(w, n);
}

void world_add_voter(struct world *w, struct world_node *at, int32_t id)
{
    if (!at->raft || at->paused) {
        return;
    }
    struct world_node *n = world_node(w, id);
    struct add_raft_voter_request req;
    struct raft_endpoint listener = { n->endpoint.name, n->endpoint.host, n->endpoint.port };
    schema_init(&add_raft_voter_request_schema, &req);
    req.timeout_ms = 3000;
    req.voter_id = id;
    req.voter_directory_id = n->directory_id;
    req.listeners = &listener;
    req.listeners_n = 1;
    req.ack_when_committed = rng_below(&w->rng, 2) == 0;
    raft_request(at->raft, world_now(w), 80, &req, world_call(w, 80));
    world_drain(w, at);
}

void world_remove_voter(struct world *w, struct world_node *at, int32_t id)
{
    if (!at->raft || at->paused) {
        return;
    }
    struct remove_raft_voter_request req;
    schema_init(&remove_raft_voter_request_schema, &req);
    req.voter_id = id;
    req.voter_directory_id = world_node(w, id)->directory_id;
    raft_request(at->raft, world_now(w), 81, &req, world_call(w, 81));
    world_drain(w, at);
}

void world_resign(struct world *w, struct world_node *n, bool for_ever)
{
    if (!n->raft || n->paused) {
        return;
    }
    if (for_ever) {
        raft_shutdown(n->raft, world_now(w));
    } else {
        raft_resign(n->raft, world_now(w));
    }
    world_drain(w, n);
}

void world_block(struct world *w, int32_t from, int32_t to, bool blocked)
{
    w->blocked[from - 1][to - 1] = blocked;
}

void world_heal(struct world *w)
{
    memset(w->blocked, 0, sizeof(w->blocked));
    w->loss_permille = w->double_permille = w->crash_permille = 0;
    for (int i = 0; i < w->node_count; i++) {
        w->nodes[i].paused = false;
        if (!w->nodes[i].raft) {
            world_start(w, &w->nodes[i]);
        }
    }
}
