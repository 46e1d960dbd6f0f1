/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join.c - JoinGroup: who may join, under which id, and whether that needs a rebalance.
 * Driven by coordinator_join().
 *   (J1) Each call is answered here, parked in its member (rebalance.c answers), or tied to the
 *        record of a replaced static member.
 *   (J2) A request that is refused leaves the group as it was.
 */
#include "broker/group/group.h"

/* A request on its way. */
struct join {
    struct coordinator *c;
    struct group_now now;
    const struct join_group_request *req;
    int16_t version;
    struct slice client_id, client_host;
    void *call;
};

/* PREFIX-uuid as Kafka makes member ids; the uuid is random (RFC 9562, version 4). */
static void make_member_id(const struct join *j, struct buf *ret_id)
{
    bool is_static = !slice_is_null(j->req->group_instance_id);
    uint64_t hi = (rng_next(&j->c->rng) & ~UINT64_C(0xf000)) | 0x4000;
    uint64_t lo = (rng_next(&j->c->rng) >> 2) | UINT64_C(1) << 63;
    buf_append_slice(ret_id, is_static ? j->req->group_instance_id : j->client_id);
    buf_printf(ret_id, "-%08x-%04x-%04x-%04x-%012llx", (unsigned)(hi >> 32),
               (unsigned)(hi >> 16 & 0xffff), (unsigned)(hi & 0xffff), (unsigned)(lo >> 48),
               (unsigned long long)(lo & 0xffffffffffff));
}

static void refuse(const struct join *j, int16_t error)
{
    group_reply_join_error(j->c, j->call, error,
                           error == KAFKA_GROUP_MAX_SIZE_REACHED ? slice_null()
                                                                 : j->req->member_id);
}

static void refuse_limit(const struct join *j, const struct group *g, int16_t error,
                         const char *why)
{
    coordinator_trace(j->c, GROUP_TRACE_REFUSED, g, why, j->req->member_id, slice_null());
    refuse(j, error);
}

/* What can be said of the request without looking at the group. */
static int16_t check_request(const struct join *j)
{
    const struct join_group_request *req = j->req;
    const struct group_config *config = &j->c->config;
    if (req->group_id.len == 0) {
        return KAFKA_INVALID_GROUP_ID;
    }
    int16_t error = coordinator_check(j->c, req->group_id);
    if (error) {
        return error;
    }
    if (req->session_timeout_ms < (int64_t)config->session_timeout_min_ms ||
        req->session_timeout_ms > (int64_t)config->session_timeout_max_ms) {
        return KAFKA_INVALID_SESSION_TIMEOUT;
    }
    if (req->protocols_n > GROUP_PROTOCOLS_MAX || j->client_id.len > GROUP_NAME_BYTES_MAX ||
        j->client_host.len > GROUP_NAME_BYTES_MAX ||
        req->group_instance_id.len > GROUP_NAME_BYTES_MAX ||
        req->protocol_type.len > GROUP_NAME_BYTES_MAX) {
        return KAFKA_INVALID_REQUEST;
    }
    size_t bytes = 0;
    for (int32_t i = 0; i < req->protocols_n; i++) {
        if (req->protocols[i].name.len > GROUP_NAME_BYTES_MAX) {
            return KAFKA_INVALID_REQUEST;
        }
        bytes += req->protocols[i].name.len + req->protocols[i].metadata.len;
    }
    return bytes > config->member_metadata_bytes_max ? KAFKA_INVALID_REQUEST : KAFKA_NONE;
}

/* KIP-389: in the join phase the first to come have a place, otherwise those that are members. */
static bool has_room(const struct join *j, const struct group *g, const struct group_member *m)
{
    uint32_t max = j->c->config.members_max;
    if (g->state == GROUP_PREPARING && !g->initial) {
        return (m && m->join.waiting) || g->joined < max;
    }
    return m || map_get(&g->pending, j->req->member_id) ||
           g->members.count + g->pending.count < max;
}

static int32_t rebalance_timeout_of(const struct join *j)
{
    int32_t ms = j->req->rebalance_timeout_ms;
    return j->version == 0 || ms < 0 ? j->req->session_timeout_ms : ms;
}

/* Takes over what the member says of itself. */
static void update_member(const struct join *j, struct group *g, struct group_member *m)
{
    group_own_set(&m->client_id, slice_is_null(j->client_id) ? slice_str("") : j->client_id);
    group_own_set(&m->client_host, slice_is_null(j->client_host) ? slice_str("") : j->client_host);
    m->session_timeout_ms = j->req->session_timeout_ms;
    m->rebalance_timeout_ms = rebalance_timeout_of(j);
    group_member_set_protocols(g, m, j->req->protocols, j->req->protocols_n);
}

static void add_member(const struct join *j, struct group *g, struct slice member_id)
{
    if (g->members.count == 0) {
        group_own_set(&g->protocol_type, j->req->protocol_type);
    }
    struct group_member *m = group_member_new(g, member_id, j->req->group_instance_id);
    m->is_new = true;
    update_member(j, g, m);
    group_park_join(g, m, j->call);
    group_timer_arm(&m->session,
                    j->now.mono_ns + (uint64_t)j->c->config.new_member_timeout_ms * 1000000);
    if (g->state == GROUP_PREPARING && g->initial) {
        g->new_member_added = true;
    }
    coordinator_trace(j->c, GROUP_TRACE_MEMBER_ADDED, g, "", m->member_id, j->req->reason);
    group_rebalance(g, j->now, "a member joined", m->member_id, j->req->reason);
}

static void rejoin(const struct join *j, struct group *g, struct group_member *m, const char *why)
{
    update_member(j, g, m);
    group_park_join(g, m, j->call);
    group_rebalance(g, j->now, why, m->member_id, j->req->reason);
}

/* The answer to a member that has the current generation already, e.g. because a reply got lost. */
static void answer_current(const struct join *j, struct group *g, struct group_member *m,
                           bool with_members)
{
    group_touch_session(m, j->now);
    coordinator_push(j->c, group_join_reply(g, m, j->call, with_members));
}

/* KIP-345: the process behind an instance id came back within its session. The stable group goes on
 * under the member's new id; KIP-814 lets a leader look after the members without assigning anew.
 */
static void answer_replaced(const struct join *j, struct group *g, struct group_member *m,
                            struct slice old_leader_id)
{
    bool leads = group_is_leader(g, m);
    bool skip = leads && j->version >= 9;
    struct group_item *reply = group_join_reply(g, m, j->call, skip);
    struct join_group_response *r = (struct join_group_response *)(uintptr_t)reply->out.response;
    r->skip_assignment = skip;
    if (leads && !skip) {
        /* An older client that finds itself the leader would assign; it must not. */
        r->leader = group_item_copy(reply, old_leader_id);
    }
    group_touch_session(m, j->now);
    struct group_op *op = group_store(g, GROUP_OP_REPLACE);
    op->reply = reply;
    reply->waiting = 1;
}

static void replace_static(const struct join *j, struct group *g, struct group_member *m,
                           struct slice member_id)
{
    group_answer_join(g, m, KAFKA_FENCED_INSTANCE_ID);
    group_answer_sync(g, m, KAFKA_FENCED_INSTANCE_ID);
    coordinator_trace(j->c, GROUP_TRACE_MEMBER_REPLACED, g, "", member_id, j->req->reason);
    struct slice old_leader_id = group_own(g->leader_id);
    group_member_rename(g, m, member_id);
    update_member(j, g, m);
    if (g->state == GROUP_STABLE && slice_eq(group_vote(g), g->protocol_name)) {
        group_synced(g, m);
        answer_replaced(j, g, m, old_leader_id);
    } else {
        group_park_join(g, m, j->call);
        group_rebalance(g, j->now, "a static member came back", m->member_id, j->req->reason);
    }
    group_own_set(&old_leader_id, slice_null());
}

/* A join without a member id. */
static void join_new(const struct join *j, struct group *g, struct group_member *known)
{
    struct buf id = { 0 };
    make_member_id(j, &id);
    if (known) {
        replace_static(j, g, known, buf_slice(&id));
    } else if (j->version >= 4 && slice_is_null(j->req->group_instance_id)) {
        /* KIP-394: a client that cannot even take its id shall not trigger rebalances. */
        group_pending_add(g, j->now, buf_slice(&id), j->req->session_timeout_ms);
        group_reply_join_error(j->c, j->call, KAFKA_MEMBER_ID_REQUIRED, buf_slice(&id));
    } else {
        add_member(j, g, buf_slice(&id));
    }
    buf_deinit(&id);
}

static void join_again(const struct join *j, struct group *g, struct group_member *m)
{
    const struct join_group_request *req = j->req;
    bool same = group_member_offers(m, req->protocols, req->protocols_n);
    switch (g->state) {
    case GROUP_PREPARING:
        rejoin(j, g, m, "");
        break;
    case GROUP_COMPLETING:
        if (same) {
            answer_current(j, g, m, group_is_leader(g, m));
        } else {
            rejoin(j, g, m, "a member changed its subscription");
        }
        break;
    case GROUP_STABLE:
        if (group_is_leader(g, m)) {
            rejoin(j, g, m, "the leader joined again");
        } else if (same) {
            answer_current(j, g, m, false);
        } else {
            rejoin(j, g, m, "a member changed its subscription");
        }
        break;
    case GROUP_EMPTY:
    case GROUP_DEAD:
        refuse(j, KAFKA_UNKNOWN_MEMBER_ID);
        break;
    }
}

static void join_group(const struct join *j, struct group *g)
{
    const struct join_group_request *req = j->req;
    bool has_instance = !slice_is_null(req->group_instance_id);
    struct group_member *known = has_instance ? map_get(&g->instances, req->group_instance_id)
                                              : group_member_find(g, req->member_id);
    if (g->state == GROUP_DEAD) {
        refuse(j, KAFKA_COORDINATOR_NOT_AVAILABLE);
    } else if (!has_room(j, g, known)) {
        refuse_limit(j, g, KAFKA_GROUP_MAX_SIZE_REACHED, "the group has group.max.size members");
    } else if (!group_accepts_protocols(g, req->protocol_type, req->protocols, req->protocols_n)) {
        refuse(j, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    } else if (req->member_id.len == 0) {
        join_new(j, g, known);
    } else if (!has_instance && group_pending_remove(g, req->member_id)) {
        add_member(j, g, req->member_id);
    } else {
        struct group_member *m = NULL;
        int16_t error = group_member_check(g, req->member_id, req->group_instance_id, &m);
        if (error) {
            refuse(j, error);
        } else {
            join_again(j, g, m);
        }
    }
}

void coordinator_join(struct coordinator *c, struct group_now now,
                      const struct join_group_request *req, int16_t version, struct slice client_id,
                      struct slice client_host, void *call)
{
    struct join j = { c, now, req, version, client_id, client_host, call };
    int16_t error = check_request(&j);
    if (error) {
        refuse(&j, error);
        return;
    }
    struct group *g = group_find(c, req->group_id);
    if (!g && req->member_id.len > 0) {
        refuse(&j, KAFKA_UNKNOWN_MEMBER_ID);
        return;
    }
    if (!g && c->stats.groups >= c->config.groups_max) {
        refuse(&j, KAFKA_POLICY_VIOLATION);
        return;
    }
    if (!g) {
        g = group_new(c, req->group_id);
    }
    join_group(&j, g);
    group_free_if_unused(g);
}
