/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft.c - the frame of the consensus machine: its life, its inputs, and what is due when.
 * Driven by the broker's quorum (raft.h tells how). Every input ends in raft_step(), which does all
 * that has become due, so that nothing waits for a timer that an event has brought about.
 * The rules are in the files beside; their invariants are lettered: O raft_output.c (order),
 * L raft_log.c, V raft_voters.c, R raft_roles.c, E raft_vote.c (elections), M raft_leader.c
 * (commitment), S raft_serve.c, F raft_follower.c, A raft_change.c.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

void raft_config_init(struct raft_config *ret_config)
{
    *ret_config = (struct raft_config){
        .node_id = -1,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .retry_backoff_ms = 20,
        .request_timeout_ms = 2000,
        .unreachable_timeout_ms = 300,
        .fetch_wait_max_ms = 500,
        .fetch_bytes_max = 1024 * 1024,
        .observer_session_ms = 300000,
        .replicas_max = 1000,
    };
}

const char *raft_role_text(enum raft_role role)
{
    static const char *const texts[] = {
        [RAFT_UNATTACHED] = "unattached", [RAFT_PROSPECTIVE] = "prospective",
        [RAFT_CANDIDATE] = "candidate",   [RAFT_LEADER] = "leader",
        [RAFT_FOLLOWER] = "follower",     [RAFT_RESIGNED] = "resigned",
    };
    return texts[role];
}

/* --- life --- */

static void copy_config(struct raft *r, const struct raft_config *config)
{
    arena_init(&r->arena, SIZE_MAX);
    r->config = *config;
    r->config.cluster_id = arena_copy(&r->arena, config->cluster_id);
    r->config.listener_name = arena_copy(&r->arena, config->listener_name);
    r->config.endpoints = raft_endpoints_copy(&r->arena, config->endpoints, config->endpoint_count);
    r->config.static_voters = raft_voters_copy(&r->arena, config->static_voters);
    r->config.bootstrap_servers =
        raft_endpoints_copy(&r->arena, config->bootstrap_servers, config->bootstrap_server_count);
}

static void open_log(struct raft *r, const struct raft_opening *opening)
{
    r->log = (struct raft_log){ .start = opening->log_start_offset,
                                .end = opening->log_end_offset,
                                .synced = opening->log_end_offset,
                                .start_epoch = opening->log_start_epoch,
                                .epochs = mem_array(opening->epoch_count,
                                                    sizeof(struct raft_epoch_start)),
                                .epoch_count = opening->epoch_count,
                                .snapshot = opening->snapshot.id };
    if (opening->epoch_count > 0) {
        memcpy(r->log.epochs, opening->epochs,
               opening->epoch_count * sizeof(struct raft_epoch_start));
    }
    /* The end of an empty log is what its snapshot says: without that epoch it would give its vote
     * to logs that end before it. */
    if (r->log.start > 0 && r->log.snapshot.end_offset == r->log.start) {
        r->log.start_epoch = r->log.snapshot.epoch;
    }
    assert(r->log.end > r->log.start || r->log.start == 0 || r->log.start_epoch > 0);
    /* What a snapshot holds was committed. */
    r->high_watermark = opening->snapshot.id.end_offset > 0 ? opening->snapshot.id.end_offset : 0;
    if (r->high_watermark < r->log.start) {
        r->high_watermark = r->log.start;
    }
    if (r->config.static_voters.count > 0) {
        raft_voters_add(r, -1, r->config.static_voters);
    }
    if (opening->snapshot.id.end_offset >= 0) {
        int64_t at = opening->snapshot.id.end_offset - 1;
        if (opening->snapshot.voters.count > 0) {
            raft_voters_add(r, at, opening->snapshot.voters);
        }
        raft_versions_add(r, at, opening->snapshot.kraft_version);
    }
}

struct raft *raft_new(const struct raft_config *config, const struct raft_opening *opening,
                      uint64_t seed)
{
    assert(config->static_voters.count <= RAFT_VOTERS_MAX);
    struct raft *r = mem_zalloc(sizeof(*r));
    rng_seed(&r->rng, seed);
    list_init(&r->outputs);
    list_init(&r->waiting);
    r->next_token = 1;
    r->deadline_ns = UINT64_MAX;
    r->fetching.end_offset = -1;
    r->heard_id = -1;
    r->state = opening->state;
    copy_config(r, config);
    open_log(r, opening);
    return r;
}

void raft_free(struct raft *r)
{
    if (!r) {
        return;
    }
    list_for_each(node, &r->outputs) {
        list_remove(node);
        raft_item_free(list_entry(node, struct raft_item, node));
    }
    raft_item_free(r->current);
    list_for_each(waiting, &r->waiting) {
        list_remove(waiting);
        mem_free(list_entry(waiting, struct raft_waiting, node));
    }
    arena_deinit(&r->change.arena);
    raft_voters_clear(r);
    raft_log_deinit(&r->log);
    buf_deinit(&r->leader_host);
    mem_free(r->voters);
    mem_free(r->versions);
    mem_free(r->peers);
    mem_free(r->replicas);
    mem_free(r->sent);
    arena_deinit(&r->arena);
    mem_free(r);
}

enum err raft_load_batch(struct raft *r, struct slice bytes)
{
    assert(!r->started);
    struct batch_view batch;
    enum err err = batch_parse(bytes, &batch);
    if (err) {
        return err;
    }
    bool known = batch_last_offset(&batch) <= raft_voters_offset(r) ||
                 batch_last_offset(&batch) < r->log.snapshot.end_offset;
    if (!(batch.attributes & BATCH_ATTR_CONTROL) || known) {
        return ERR_OK; /* the snapshot's voters are later ones */
    }
    err = raft_control_check(&batch);
    return err ? err : raft_control_apply(r, &batch);
}

void raft_start(struct raft *r, struct raft_now now)
{
    assert(!r->started);
    r->started = true;
    r->now = now;
    r->election_ns = now.mono_ns + raft_election_timeout_ns(r);
    struct raft_destination leader;
    if (r->state.leader_id == r->config.node_id) {
        /* What it wrote as leader and did not sync may be gone: never again in that epoch (R3). */
        r->role = RAFT_RESIGNED;
    } else if (r->state.leader_id >= 0 && raft_voter_destination(r, r->state.leader_id, &leader)) {
        raft_become_follower(r, r->state.epoch, r->state.leader_id, leader.host, leader.port);
    } else {
        r->role = RAFT_UNATTACHED;
    }
    if (raft_voters(r).count == 1 && raft_is_voter(r)) {
        raft_become_candidate(r); /* the sole voter: nobody to wait for */
    }
    raft_step(r, now);
}

/* --- what is due --- */

bool raft_due(struct raft *r, uint64_t at_ns)
{
    if (at_ns <= r->now.mono_ns) {
        return true;
    }
    if (at_ns < r->deadline_ns) {
        r->deadline_ns = at_ns;
    }
    return false;
}

static void poll_unattached(struct raft *r)
{
    if (raft_is_electable(r) && raft_due(r, r->election_ns)) {
        raft_become_prospective(r, 0);
    } else {
        raft_poll_fetch(r);
    }
}

static void poll_follower(struct raft *r)
{
    if (raft_is_electable(r)) {
        if (raft_due(r, r->fetch_deadline_ns) ||
            (r->unreachable_ns > 0 && raft_due(r, r->unreachable_ns))) {
            raft_become_prospective(r, 0);
            return;
        }
    }
    raft_poll_fetch(r);
    raft_poll_update(r);
}

static void poll_resigned(struct raft *r)
{
    if (!raft_due(r, r->election_ns)) {
        raft_poll_end_epoch(r);
    } else if (raft_is_electable(r)) {
        raft_become_prospective(r, 0);
    } else {
        raft_become_unattached(r, r->state.epoch);
    }
}

void raft_step(struct raft *r, struct raft_now now)
{
    r->now = now;
    enum raft_role role;
    int32_t epoch;
    do {
        role = r->role;
        epoch = r->state.epoch;
        r->deadline_ns = UINT64_MAX;
        switch (role) {
        case RAFT_UNATTACHED:
            poll_unattached(r);
            break;
        case RAFT_PROSPECTIVE:
        case RAFT_CANDIDATE:
            raft_poll_vote(r);
            break;
        case RAFT_LEADER:
            raft_poll_leader(r);
            break;
        case RAFT_FOLLOWER:
            poll_follower(r);
            break;
        case RAFT_RESIGNED:
            poll_resigned(r);
            break;
        }
    } while (r->role != role || r->state.epoch != epoch);
    raft_push_state(r);
}

uint64_t raft_deadline_ns(const struct raft *r)
{
    return r->deadline_ns;
}

void raft_tick(struct raft *r, struct raft_now now)
{
    raft_step(r, now);
}

/* --- inputs --- */

void raft_request(struct raft *r, struct raft_now now, int16_t api_key, const void *request,
                  void *call)
{
    assert(raft_serves(api_key));
    r->now = now;
    raft_dispatch_request(r, api_key, request, call);
    raft_step(r, now);
}

void raft_response(struct raft *r, struct raft_now now, uint64_t token, const void *response)
{
    struct raft_sent sent;
    if (raft_sent_take(r, token, &sent)) {
        r->now = now;
        raft_dispatch_response(r, &sent, response);
        raft_step(r, now);
    }
}

void raft_failed(struct raft *r, struct raft_now now, uint64_t token, enum raft_failure why)
{
    struct raft_sent sent;
    if (raft_sent_take(r, token, &sent)) {
        r->now = now;
        raft_dispatch_failure(r, &sent, why);
        raft_step(r, now);
    }
}

uint64_t raft_truncations(const struct raft *r)
{
    return r->log.truncations;
}

void raft_synced(struct raft *r, struct raft_now now, int64_t end_offset, uint64_t truncations)
{
    if (truncations == r->log.truncations && end_offset > r->log.synced) {
        assert(end_offset <= r->log.end);
        r->log.synced = end_offset;
        raft_step(r, now);
    }
}

void raft_resign(struct raft *r, struct raft_now now)
{
    if (r->role == RAFT_LEADER) {
        r->now = now;
        raft_become_resigned(r);
        raft_step(r, now);
    }
}

void raft_shutdown(struct raft *r, struct raft_now now)
{
    r->shutting_down = true;
    raft_resign(r, now);
    raft_step(r, now);
}

bool raft_is_shut_down(const struct raft *r)
{
    if (r->role != RAFT_RESIGNED) {
        return true;
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id != r->config.node_id && r->peers[i].ask != RAFT_ASK_YES) {
            return false;
        }
    }
    return true;
}

/* --- to look at --- */

enum raft_role raft_role(const struct raft *r)
{
    return r->role;
}

int32_t raft_epoch(const struct raft *r)
{
    return r->state.epoch;
}

int32_t raft_leader_id(const struct raft *r)
{
    return r->state.leader_id;
}

bool raft_own_id_leads(const struct raft *r)
{
    return r->own_id_leads > 0 && r->own_id_leads == r->state.epoch && r->role != RAFT_LEADER &&
           r->role != RAFT_RESIGNED;
}

bool raft_leader_endpoint(const struct raft *r, struct raft_endpoint *ret_endpoint)
{
    if (r->state.leader_id < 0) {
        return false;
    }
    if (r->state.leader_id != r->config.node_id) {
        *ret_endpoint = (struct raft_endpoint){ .name = r->config.listener_name,
                                                .host = buf_slice(&r->leader_host),
                                                .port = r->leader_port };
        return r->leader_host.len > 0;
    }
    const struct raft_endpoint *own =
        raft_endpoint_find(r->config.endpoints, r->config.endpoint_count, r->config.listener_name);
    if (own) {
        *ret_endpoint = *own;
    }
    return own != NULL;
}

bool raft_fell_silent(const struct raft *r, int32_t *ret_leader_id, uint64_t *ret_heard_ns)
{
    if (r->heard_id < 0) {
        return false;
    }
    *ret_leader_id = r->heard_id;
    *ret_heard_ns = r->heard_ns;
    return true;
}

int64_t raft_high_watermark(const struct raft *r)
{
    return r->high_watermark;
}

int64_t raft_log_start_offset(const struct raft *r)
{
    return r->log.start;
}

int64_t raft_log_end_offset(const struct raft *r)
{
    return r->log.end;
}

int64_t raft_synced_offset(const struct raft *r)
{
    return r->log.synced;
}

int32_t raft_epoch_at(const struct raft *r, int64_t end_offset)
{
    return raft_log_epoch_at(&r->log, end_offset);
}

void raft_stats(const struct raft *r, struct raft_stats *ret_stats)
{
    *ret_stats = r->stats;
    for (size_t i = 0; r->role == RAFT_LEADER && i < r->replica_count; i++) {
        ret_stats->observers += !r->replicas[i].is_voter;
    }
}
