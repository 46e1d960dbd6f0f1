/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_roles.c - from one role to another. Every transition of the machine is here; the other files
 * decide when.
 *
 *   UNATTACHED --election time-out--> PROSPECTIVE --majority of pre-votes--> CANDIDATE
 *   CANDIDATE --majority--> LEADER;  lost or timed out --> PROSPECTIVE, after a pause
 *   PROSPECTIVE, lost or timed out --> FOLLOWER when it had a leader, else UNATTACHED
 *   FOLLOWER --no answer from the leader for fetch.timeout.ms--> PROSPECTIVE
 *   LEADER --resigns, or no majority hears it--> RESIGNED --election time-out--> PROSPECTIVE
 *   any --a higher epoch--> FOLLOWER or UNATTACHED
 *
 *   (R1) The epoch never goes back. Within an epoch the vote is given once and the leader known
 *        once; both change only with the epoch, but that a PROSPECTIVE may forget a leader.
 *   (R2) What of this the quorum-state file holds is marked dirty here and nowhere else.
 *   (R3) A node is LEADER of an epoch at most once, in all its lives: it was CANDIDATE in it
 *        before, and that is entered only with a new epoch.
 * Source: KIP-595, KIP-996.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

uint64_t raft_election_timeout_ns(struct raft *r)
{
    uint64_t base = raft_ms(r->config.election_timeout_ms);
    return base + rng_below(&r->rng, base);
}

/* The last set of voters may leave this node out and not be committed: then only this node may have
 * the record that does so, and nobody else can be elected. It counts no vote of its own. Source:
 * Ongaro's dissertation, 4.2.2. */
static bool is_leaving(const struct raft *r)
{
    if (r->voters_count < 2 || raft_voters_offset(r) < r->high_watermark) {
        return false;
    }
    const struct raft_voter *voter =
        raft_voter_find(r->voters[r->voters_count - 2]->set, r->config.node_id);
    return voter && r->config.can_vote &&
           raft_key_matches(voter->id, &voter->directory_id, r->config.node_id,
                            &r->config.directory_id);
}

bool raft_is_electable(const struct raft *r)
{
    return !r->shutting_down && (raft_is_voter(r) || is_leaving(r));
}

/* A pause that doubles with each election lost, at random below its bound (KIP-595). */
uint64_t raft_election_backoff_ns(struct raft *r)
{
    uint64_t bound = 50;
    for (uint32_t i = 1; i < r->elections_lost && bound < r->config.election_backoff_max_ms; i++) {
        bound *= 2;
    }
    if (bound > r->config.election_backoff_max_ms) {
        bound = r->config.election_backoff_max_ms;
    }
    return rng_below(&r->rng, raft_ms(bound));
}

static void set_state(struct raft *r, int32_t epoch, int32_t leader_id, int32_t voted_id,
                      const struct uuid *voted_directory_id)
{
    struct raft_hard_state next = { epoch, leader_id, voted_id, *voted_directory_id };
    assert(epoch >= r->state.epoch);
    if (next.epoch != r->state.epoch || next.leader_id != r->state.leader_id ||
        next.voted_id != r->state.voted_id ||
        !uuid_eq(&next.voted_directory_id, &r->state.voted_directory_id)) {
        if (leader_id >= 0 && leader_id != r->state.leader_id) {
            r->stats.leader_changes_total++;
        }
        r->state = next;
        r->state_dirty = true;
    }
}

/* Leaves the old role, and tells of the new one. */
static void set_role(struct raft *r, enum raft_role role)
{
    bool led = r->role == RAFT_LEADER;
    r->role = role;
    if (led && role != RAFT_LEADER) {
        raft_leader_leave(r);
    }
    r->fetch_token = 0;
    r->fetch_after_ns = 0;
    r->fetch_failures = 0;
    r->has_fetched = false;
    r->leader_ended = false;
    r->unreachable_ns = 0;
    r->update_token = 0;
    r->updated = false;
    r->fetching.end_offset = -1;
    r->adopting = false;
    struct raft_item *item = raft_item_new(RAFT_ROLE);
    item->out.role = role;
    item->out.state = r->state;
    item->out.kraft_version = raft_kraft_version(r);
    struct raft_endpoint leader;
    if (raft_leader_endpoint(r, &leader)) {
        item->out.leader.host = arena_copy(&item->arena, leader.host);
        item->out.leader.name = arena_copy(&item->arena, leader.name);
        item->out.leader.port = leader.port;
    }
    raft_push(r, item);
}

static void forget_leader_endpoint(struct raft *r)
{
    buf_reset(&r->leader_host);
    r->leader_port = 0;
}

/* Asks all other voters; this node's own answer is yes. */
static void set_peers(struct raft *r)
{
    struct raft_voter_set set = raft_voters(r);
    r->peers = mem_rearray(r->peers, set.count, sizeof(*r->peers));
    r->peer_count = set.count;
    for (size_t i = 0; i < set.count; i++) {
        r->peers[i] = (struct raft_peer){
            .id = set.voters[i].id,
            .directory_id = set.voters[i].directory_id,
            .ask = set.voters[i].id == r->config.node_id ? RAFT_ASK_YES : RAFT_ASK_OPEN,
        };
    }
}

void raft_become_unattached(struct raft *r, int32_t epoch)
{
    static const struct uuid none = { { 0 } };
    /* Whoever waits for an election goes on waiting as long: a stream of higher epochs must not
     * keep a good candidate back. */
    bool waits =
        r->role == RAFT_UNATTACHED || r->role == RAFT_PROSPECTIVE || r->role == RAFT_CANDIDATE;
    if (!waits || r->election_ns <= r->now.mono_ns) {
        r->election_ns = r->now.mono_ns + raft_election_timeout_ns(r);
    }
    if (epoch > r->state.epoch) {
        set_state(r, epoch, -1, -1, &none);
    } else {
        set_state(r, epoch, -1, r->state.voted_id, &r->state.voted_directory_id);
    }
    forget_leader_endpoint(r);
    set_role(r, RAFT_UNATTACHED);
}

void raft_voted(struct raft *r, int32_t id, const struct uuid *directory_id)
{
    if (r->state.voted_id < 0) {
        set_state(r, r->state.epoch, r->state.leader_id, id, directory_id);
        r->election_ns = r->now.mono_ns + raft_election_timeout_ns(r);
        if (r->role != RAFT_UNATTACHED) {
            set_role(r, RAFT_UNATTACHED);
        }
    }
}

void raft_become_follower(struct raft *r, int32_t epoch, int32_t leader_id, struct slice host,
                          uint16_t port)
{
    static const struct uuid none = { { 0 } };
    assert(leader_id >= 0 && leader_id != r->config.node_id && host.len > 0);
    if (epoch > r->state.epoch) {
        set_state(r, epoch, leader_id, -1, &none);
    } else {
        set_state(r, epoch, leader_id, r->state.voted_id, &r->state.voted_directory_id);
    }
    struct buf copy = { 0 }; /* host may be a view of the one we hold */
    buf_append_slice(&copy, host);
    buf_deinit(&r->leader_host);
    r->leader_host = copy;
    r->leader_port = port;
    if (leader_id != r->heard_id) {
        r->heard_id = -1;
    }
    r->elections_lost = 0;
    set_role(r, RAFT_FOLLOWER);
    /* Not all at once when a leader falls silent. */
    uint64_t timeout = raft_ms(r->config.fetch_timeout_ms);
    r->fetch_deadline_ns =
        r->now.mono_ns + timeout + rng_below(&r->rng, timeout / RAFT_FETCH_CHANCE);
    r->update_ns = r->now.mono_ns;
}

void raft_follow_again(struct raft *r)
{
    if (r->state.leader_id >= 0 && r->leader_host.len > 0) {
        raft_become_follower(r, r->state.epoch, r->state.leader_id, buf_slice(&r->leader_host),
                             r->leader_port);
    } else {
        raft_become_unattached(r, r->state.epoch);
    }
}

void raft_become_prospective(struct raft *r, uint64_t backoff_ns)
{
    assert(raft_is_electable(r));
    r->election_ns = r->now.mono_ns + backoff_ns + raft_election_timeout_ns(r);
    r->backoff_ns = r->now.mono_ns + backoff_ns;
    if (r->role == RAFT_RESIGNED) {
        /* The leader it knew was itself. */
        set_state(r, r->state.epoch, -1, r->state.voted_id, &r->state.voted_directory_id);
        forget_leader_endpoint(r);
    }
    set_peers(r);
    set_role(r, RAFT_PROSPECTIVE);
}

void raft_become_candidate(struct raft *r)
{
    assert(raft_is_electable(r));
    set_state(r, r->state.epoch + 1, -1, r->config.node_id, &r->config.directory_id);
    forget_leader_endpoint(r);
    r->election_ns = r->now.mono_ns + raft_election_timeout_ns(r);
    r->backoff_ns = 0;
    r->stats.elections_total++;
    set_peers(r);
    set_role(r, RAFT_CANDIDATE);
    if (raft_has_majority(r)) {
        raft_become_leader(r); /* the sole voter */
    }
}

void raft_become_leader(struct raft *r)
{
    assert(r->role == RAFT_CANDIDATE);
    set_state(r, r->state.epoch, r->config.node_id, r->state.voted_id,
              &r->state.voted_directory_id);
    r->elections_lost = 0;
    r->epoch_start = r->log.end;
    r->committed_own = false;
    r->quorum_ns = r->now.mono_ns;
    set_role(r, RAFT_LEADER);
    raft_leader_voters_changed(r);
    raft_control_begin_epoch(r);
}

void raft_become_resigned(struct raft *r)
{
    assert(r->role == RAFT_LEADER);
    r->election_ns = r->now.mono_ns + raft_election_timeout_ns(r);
    set_peers(r);
    set_role(r, RAFT_RESIGNED);
}

/* The endpoint by which a leader can be followed: the one told, or that of the voters. */
static bool find_leader(const struct raft *r, int32_t leader_id, struct slice *host, uint16_t *port)
{
    if (leader_id < 0 || leader_id == r->config.node_id) {
        return false;
    }
    struct raft_destination to;
    if (host->len > 0 && *port > 0) {
        return true;
    }
    if (!raft_voter_destination(r, leader_id, &to)) {
        return false;
    }
    *host = to.host;
    *port = to.port;
    return true;
}

bool raft_learn(struct raft *r, int32_t epoch, int32_t leader_id, struct slice host, uint16_t port)
{
    if (epoch < r->state.epoch) {
        return false;
    }
    bool known = find_leader(r, leader_id, &host, &port);
    r->own_id_leads = leader_id == r->config.node_id ? epoch : r->own_id_leads;
    if (epoch > r->state.epoch) {
        if (known) {
            raft_become_follower(r, epoch, leader_id, host, port);
        } else {
            raft_become_unattached(r, epoch);
            if (leader_id == r->config.node_id) {
                /* It led that epoch in a life that it has forgotten: it must not vote in it. */
                set_state(r, epoch, -1, r->config.node_id, &r->config.directory_id);
            }
        }
        return true;
    }
    if (leader_id < 0) {
        return true;
    }
    if (r->role == RAFT_LEADER || r->role == RAFT_RESIGNED) {
        return leader_id == r->config.node_id;
    }
    if (r->state.leader_id >= 0 && leader_id != r->state.leader_id) {
        return false; /* there cannot be two: one of them is no node of this cluster */
    }
    /* Who asks because its leader is silent hears from the others who that leader is: no news. */
    bool news = r->role != RAFT_PROSPECTIVE || r->state.leader_id != leader_id;
    if (r->role != RAFT_FOLLOWER && known && news) {
        raft_become_follower(r, epoch, leader_id, host, port);
    }
    return true;
}
