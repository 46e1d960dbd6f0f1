/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance.c - how a group moves from one generation to the next.
 *
 *   EMPTY ------> PREPARING ------> COMPLETING ------> STABLE
 *     ^   a join      |   all joined,    |   the leader's    |
 *     |               |   or time is up  |   assignment is   |
 *     +---------------+                  |   durable         |
 *      nobody joined    <----------------+-------------------+
 *                         a member came, went, or changed what it offers
 *
 * Driven by join.c and sync.c (requests), by timers, and by finished appends.
 *   (R1) generation grows by one at each end of a join phase, and never otherwise.
 *   (R2) A join waits only in PREPARING, a sync only in COMPLETING.
 *   (R3) A member whose call waits has no session clock: it cannot send heartbeats. A new member
 *        has one all the same (new_member_timeout_ms), for its client may have died meanwhile.
 *   (R4) Assignments of a generation come from its leader alone, and are told to nobody before
 *        their record is durable.
 */
#include "broker/group/group.h"

#include "protocol/base/alloc.h"

#include <assert.h>

static const uint64_t NS_PER_MS = 1000000;

static uint64_t after_ms(struct group_now now, int64_t ms)
{
    /* At least a millisecond, so that a time-out of 0 cannot make coordinator_tick() spin. */
    return now.mono_ns + (uint64_t)(ms > 0 ? ms : 1) * NS_PER_MS;
}

/* --- replies --- */

void group_reply_join_error(struct coordinator *c, void *call, int16_t error,
                            struct slice member_id)
{
    struct group_item *item = coordinator_reply(c, call, &join_group_response_schema);
    struct join_group_response *r = (struct join_group_response *)(uintptr_t)item->out.response;
    r->error_code = error;
    r->generation_id = -1;
    r->protocol_name = slice_null();
    r->leader = slice_str("");
    r->member_id = group_item_copy(item, slice_is_null(member_id) ? slice_str("") : member_id);
    coordinator_push(c, item);
}

struct group_item *group_join_reply(struct group *g, const struct group_member *m, void *call,
                                    bool with_members)
{
    struct group_item *item = coordinator_reply(g->c, call, &join_group_response_schema);
    struct join_group_response *r = (struct join_group_response *)(uintptr_t)item->out.response;
    r->generation_id = g->generation;
    r->protocol_type = group_item_copy(item, g->protocol_type);
    r->protocol_name = group_item_copy(item, g->protocol_name);
    r->leader = group_item_copy(item, g->leader_id);
    r->member_id = group_item_copy(item, m->member_id);
    if (!with_members) {
        return item;
    }
    r->members = schema_new(&join_group_response_member_schema, &item->arena, g->members.count);
    uint32_t at = 0;
    const struct group_member *each;
    while ((each = map_next(&g->members, &at, NULL)) != NULL) {
        struct join_group_response_member *to = &r->members[r->members_n++];
        to->member_id = group_item_copy(item, each->member_id);
        to->group_instance_id = group_item_copy(item, each->instance_id);
        to->metadata = group_item_copy(item, group_member_metadata(each, g->protocol_name));
    }
    return item;
}

void group_reply_sync(struct coordinator *c, void *call, const struct group *g,
                      const struct group_member *m, int16_t error)
{
    struct group_item *item = coordinator_reply(c, call, &sync_group_response_schema);
    struct sync_group_response *r = (struct sync_group_response *)(uintptr_t)item->out.response;
    r->error_code = error;
    r->assignment = slice_str("");
    if (!error) {
        r->protocol_type = group_item_copy(item, g->protocol_type);
        r->protocol_name = group_item_copy(item, g->protocol_name);
        if (!slice_is_null(m->assignment)) {
            r->assignment = group_item_copy(item, m->assignment);
        }
    }
    coordinator_push(c, item);
}

void group_answer_join(struct group *g, struct group_member *m, int16_t error)
{
    if (!m->join.waiting) {
        return;
    }
    m->join.waiting = false;
    g->joined--;
    if (error) {
        struct slice id = error == KAFKA_UNKNOWN_MEMBER_ID ? slice_null() : m->member_id;
        group_reply_join_error(g->c, m->join.call, error, id);
    } else {
        coordinator_push(g->c, group_join_reply(g, m, m->join.call, group_is_leader(g, m)));
    }
}

void group_answer_sync(struct group *g, struct group_member *m, int16_t error)
{
    if (m->sync.waiting) {
        m->sync.waiting = false;
        group_reply_sync(g->c, m->sync.call, g, m, error);
    }
}

void group_park_join(struct group *g, struct group_member *m, void *call)
{
    group_answer_join(g, m, KAFKA_REBALANCE_IN_PROGRESS);
    m->join = (struct group_call){ .waiting = true, .call = call };
    g->joined++;
    if (!m->is_new) {
        group_timer_cancel(&m->session);
    }
}

void group_park_sync(struct group *g, struct group_member *m, void *call)
{
    group_answer_sync(g, m, KAFKA_REBALANCE_IN_PROGRESS);
    m->sync = (struct group_call){ .waiting = true, .call = call };
    group_timer_cancel(&m->session);
}

void group_touch_session(struct group_member *m, struct group_now now)
{
    group_timer_arm(&m->session, after_ms(now, m->session_timeout_ms));
}

/* --- the record --- */

struct group_op *group_store(struct group *g, enum group_op_kind kind)
{
    struct group_op *op;
    struct group_item *item = coordinator_append(g, kind, 1, &op);
    struct group_metadata_value v;
    schema_init(&group_metadata_value_schema, &v);
    v.protocol_type = slice_is_null(g->protocol_type) ? slice_str("") : g->protocol_type;
    v.generation = g->generation;
    v.protocol = g->protocol_name;
    v.leader = g->leader_id;
    v.current_state_timestamp = g->state_ms;
    v.members =
        schema_new(&group_metadata_value_member_metadata_schema, &op->arena, g->members.count);
    uint32_t at = 0;
    const struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        v.members[v.members_n++] = (struct group_metadata_value_member_metadata){
            .member_id = m->member_id,
            .group_instance_id = m->instance_id,
            .client_id = m->client_id,
            .client_host = m->client_host,
            .rebalance_timeout = m->rebalance_timeout_ms,
            .session_timeout = m->session_timeout_ms,
            .subscription = group_member_metadata(m, g->protocol_name),
            .assignment = slice_is_null(m->assignment) ? slice_str("") : m->assignment,
        };
    }
    struct buf key = { 0 }, value = { 0 };
    group_record_write_group_key(&key, g->id);
    group_record_write_group(&value, &v);
    group_item_add_record(item, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_deinit(&value);
    g->has_record = true;
    coordinator_push(g->c, item);
    return op;
}

/* --- the join phase --- */

static void drop_assignments(struct group *g, struct group_now now, int16_t error)
{
    g->assignment_token = 0;
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        group_own_set(&m->assignment, slice_null());
        m->pending_sync = false;
        if (m->sync.waiting) {
            group_answer_sync(g, m, error);
            group_touch_session(m, now);
        }
    }
}

static void rebalance_with(struct group *g, struct group_now now, int16_t sync_error,
                           const char *why, struct slice member, struct slice client)
{
    if (g->state == GROUP_COMPLETING) {
        drop_assignments(g, now, sync_error);
    }
    group_timer_cancel(&g->sync_timer);
    coordinator_trace(g->c, GROUP_TRACE_REBALANCE, g, why, member, client);
    g->c->stats.rebalances_total++;
    g->initial = g->state == GROUP_EMPTY;
    int64_t timeout_ms = group_rebalance_timeout_ms(g);
    group_set_state(g, now, GROUP_PREPARING);
    if (g->initial) {
        uint32_t delay_ms = g->c->config.initial_rebalance_delay_ms;
        g->new_member_added = false;
        g->initial_left_ns =
            timeout_ms > delay_ms ? (uint64_t)(timeout_ms - delay_ms) * NS_PER_MS : 0;
        group_timer_arm(&g->join_timer, now.mono_ns + delay_ms * NS_PER_MS);
    } else {
        group_timer_arm(&g->join_timer, after_ms(now, timeout_ms));
        group_maybe_complete_join(g, now);
    }
}

void group_rebalance(struct group *g, struct group_now now, const char *why, struct slice member,
                     struct slice client)
{
    if (g->state == GROUP_PREPARING) {
        group_maybe_complete_join(g, now);
    } else if (g->state != GROUP_DEAD) {
        rebalance_with(g, now, KAFKA_REBALANCE_IN_PROGRESS, why, member, client);
    }
}

/* Who did not come back is out; static members stay until their session ends (KIP-345). */
static void drop_absent_members(struct group *g)
{
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        if (!m->join.waiting && slice_is_null(m->instance_id)) {
            coordinator_trace(g->c, GROUP_TRACE_MEMBER_REMOVED, g,
                              "it did not join again within the rebalance timeout", m->member_id,
                              slice_null());
            group_member_free(g, m);
        }
    }
}

/* Makes a member that has joined the leader; false when there is none. */
static bool elect_joined_leader(struct group *g)
{
    const struct group_member *m =
        slice_is_null(g->leader_id) ? NULL : group_member_find(g, g->leader_id);
    if (m && m->join.waiting) {
        return true;
    }
    uint32_t at = 0;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        if (m->join.waiting) {
            group_own_set(&g->leader_id, m->member_id);
            return true;
        }
    }
    return false;
}

static void become_empty(struct group *g, struct group_now now)
{
    g->generation++;
    group_own_set(&g->protocol_name, slice_null());
    group_set_state(g, now, GROUP_EMPTY);
    coordinator_trace(g->c, GROUP_TRACE_EMPTY, g, "", slice_null(), slice_null());
    group_store(g, GROUP_OP_STORE);
}

static void complete_join(struct group *g, struct group_now now)
{
    drop_absent_members(g);
    group_timer_cancel(&g->join_timer);
    if (g->members.count == 0) {
        become_empty(g, now);
        return;
    }
    if (!elect_joined_leader(g)) {
        /* Only static members are left and none is here: wait for one, or for their sessions. */
        group_timer_arm(&g->join_timer, after_ms(now, group_rebalance_timeout_ms(g)));
        return;
    }
    g->generation++;
    g->initial = false;
    group_own_set(&g->protocol_name, group_vote(g));
    group_set_state(g, now, GROUP_COMPLETING);
    coordinator_trace(g->c, GROUP_TRACE_GENERATION, g, "", g->leader_id, slice_null());
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        if (m->join.waiting) {
            group_answer_join(g, m, KAFKA_NONE);
            m->is_new = false;
            m->pending_sync = true;
            group_touch_session(m, now);
        }
    }
    group_timer_arm(&g->sync_timer, after_ms(now, group_rebalance_timeout_ms(g)));
}

void group_maybe_complete_join(struct group *g, struct group_now now)
{
    if (g->state == GROUP_PREPARING && !g->initial && g->joined == g->members.count &&
        g->pending.count == 0) {
        complete_join(g, now);
    }
}

static void join_timer_fired(struct group *g, struct group_now now)
{
    if (g->initial && g->new_member_added && g->initial_left_ns > 0) {
        uint64_t delay_ns = g->c->config.initial_rebalance_delay_ms * NS_PER_MS;
        delay_ns = delay_ns < g->initial_left_ns ? delay_ns : g->initial_left_ns;
        g->initial_left_ns -= delay_ns;
        g->new_member_added = false;
        group_timer_arm(&g->join_timer, now.mono_ns + delay_ns);
        return;
    }
    complete_join(g, now);
}

/* --- the sync phase --- */

void group_synced(struct group *g, struct group_member *m)
{
    m->pending_sync = false;
    uint32_t at = 0;
    const struct group_member *each;
    while ((each = map_next(&g->members, &at, NULL)) != NULL) {
        if (each->pending_sync) {
            return;
        }
    }
    group_timer_cancel(&g->sync_timer);
}

static void sync_timer_fired(struct group *g, struct group_now now)
{
    bool removed = false;
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        if (m->pending_sync) {
            coordinator_trace(g->c, GROUP_TRACE_MEMBER_REMOVED, g,
                              "it did not sync within the rebalance timeout", m->member_id,
                              slice_null());
            group_member_free(g, m);
            removed = true;
        }
    }
    if (removed) {
        group_rebalance(g, now, "members did not sync in time", slice_null(), slice_null());
    }
}

void group_assign_done(struct group *g, struct group_now now, const struct group_op *op,
                       int16_t error)
{
    if (g->assignment_token != op->token) {
        return; /* the group has moved on */
    }
    g->assignment_token = 0;
    if (error) {
        rebalance_with(g, now, error, "the assignment could not be written", slice_null(),
                       slice_null());
        return;
    }
    group_set_state(g, now, GROUP_STABLE);
    coordinator_trace(g->c, GROUP_TRACE_STABLE, g, "", slice_null(), slice_null());
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        if (m->sync.waiting) {
            group_answer_sync(g, m, KAFKA_NONE);
            group_touch_session(m, now);
        }
    }
}

void group_replace_done(const struct group_op *op, int16_t error)
{
    if (!error) {
        return;
    }
    /* The member keeps its new id here. Its client did not learn it, comes again without one, and
     * the record of that attempt overwrites whatever this append has left. */
    struct join_group_response *r =
        (struct join_group_response *)(uintptr_t)op->reply->out.response;
    struct slice member_id = r->member_id;
    schema_init(&join_group_response_schema, r);
    r->error_code = error;
    r->protocol_name = slice_null();
    r->leader = slice_str("");
    r->member_id = member_id;
}

/* --- leaving --- */

void group_remove_member(struct group *g, struct group_now now, struct group_member *m,
                         const char *why, struct slice client)
{
    group_answer_join(g, m, KAFKA_UNKNOWN_MEMBER_ID);
    group_answer_sync(g, m, KAFKA_UNKNOWN_MEMBER_ID);
    coordinator_trace(g->c, GROUP_TRACE_MEMBER_REMOVED, g, why, m->member_id, client);
    struct slice member_id = group_own(m->member_id);
    group_member_free(g, m);
    group_rebalance(g, now, why, member_id, client);
    group_own_set(&member_id, slice_null());
}

void group_pending_add(struct group *g, struct group_now now, struct slice member_id,
                       int32_t timeout_ms)
{
    struct group_pending *p = mem_zalloc(sizeof(*p));
    p->member_id = group_own(member_id);
    p->timer = (struct group_timer){ .kind = GROUP_TIMER_PENDING, .group = g, .pending = p };
    map_put(&g->pending, p->member_id, p);
    group_timer_arm(&p->timer, after_ms(now, timeout_ms));
}

bool group_pending_remove(struct group *g, struct slice member_id)
{
    struct group_pending *p = map_remove(&g->pending, member_id);
    if (!p) {
        return false;
    }
    group_timer_cancel(&p->timer);
    group_own_set(&p->member_id, slice_null());
    mem_free(p);
    return true;
}

void group_on_timer(struct group_timer *t, struct group_now now)
{
    struct group *g = t->group;
    switch (t->kind) {
    case GROUP_TIMER_JOIN:
        join_timer_fired(g, now);
        break;
    case GROUP_TIMER_SYNC:
        sync_timer_fired(g, now);
        break;
    case GROUP_TIMER_SESSION:
        g->c->stats.sessions_expired_total++;
        group_remove_member(g, now, t->member,
                            t->member->is_new ? "its first join waited too long"
                                              : "no heartbeat within the session timeout",
                            slice_null());
        break;
    case GROUP_TIMER_PENDING:
        group_pending_remove(g, t->pending->member_id);
        group_maybe_complete_join(g, now);
        group_free_if_unused(g);
        break;
    }
}
