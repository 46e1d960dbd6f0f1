/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_member.c - membership in a classic consumer group: coordinator, join, sync, heartbeat,
 * leave. Driven by its timers, by answers, and by consumer.c when a revocation has ended.
 *
 *   JOIN --join--> (leader: ASSIGN --metadata-->) SYNC --sync--> STABLE --rebalance--> JOIN
 *
 *   (G1) With an eager assignor nothing is owned when a join goes out; with a cooperative one the
 *        member goes on reading, and gives up only what the new assignment takes from it (KIP-429).
 *   (G2) Heartbeats go out while a generation is held, also while the user drains a revocation.
 *   (G3) Whatever says that the generation is no longer ours loses all partitions before the next
 *        join.
 *   (G4) Joins wait for other members, so they have a lane of their own (client_lane_new()).
 *   (G5) A leader that came back under its instance id goes on with what an earlier process
 *        assigned; it asks the coordinator what that was, so that partitions which came meanwhile
 *        do not stay without a reader (KIP-814 leaves that open).
 *   (G6) A coordinator that owes an answer and is silent is given up once others name another one.
 * Source: KIP-62, KIP-345 (static members), KIP-394 (member id required), KIP-800 (reasons).
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

#include <stdio.h>

static const uint64_t METADATA_WAIT_NS = 5ull * NS_PER_S;
static const uint64_t JOIN_MARGIN_NS = 10ull * NS_PER_S;
static const uint64_t PROBE_NS = 250 * NS_PER_MS;
static const uint64_t PROBE_JOIN_NS = 2ull * NS_PER_S; /* a join may take minutes without a word */

static void retry_step(struct consumer *c)
{
    struct group *g = &c->group;
    g->attempts++;
    timer_arm_in(c->env, &g->step, client_backoff_ns(c->client, g->attempts));
}

static void set_member_id(struct group *g, struct slice id)
{
    mem_free(g->member_id);
    g->member_id = mem_strndup(id.ptr ? (const void *)id.ptr : "", id.len);
}

/* The generation is not ours any more (G3). */
static void reset_generation(struct consumer *c, bool forget_id)
{
    struct group *g = &c->group;
    timer_cancel(c->env, &g->heartbeat);
    g->generation = -1;
    g->phase = GROUP_JOIN;
    if (forget_id) {
        set_member_id(g, slice_null());
    }
    consumer_lose(c, false);
}

void group_coordinator_lost(struct consumer *c)
{
    if (c->group.coordinator >= 0) {
        c->group.coordinator = -1;
        timer_arm_in(c->env, &c->group.step, client_backoff_ns(c->client, 1));
    }
}

void group_rejoin(struct consumer *c, const char *reason)
{
    struct group *g = &c->group;
    if (g->phase != GROUP_STABLE || c->closing) {
        return;
    }
    log_info(&c->log, "rebalance", KV_STR("group", c->cfg.group_id), KV_STR("why", reason));
    snprintf(g->reason, sizeof(g->reason), "%s", reason);
    g->rebalances++;
    g->phase = GROUP_JOIN;
    group_step(c);
}

static void tell_once(struct consumer *c, int16_t error, const char *text, bool fatal)
{
    if (c->group.told != error) {
        c->group.told = error;
        consumer_trouble(c, error, text, fatal);
    }
}

bool group_judge(struct consumer *c, int16_t error, int32_t generation)
{
    struct group *g = &c->group;
    switch (error) {
    case KAFKA_NOT_COORDINATOR:
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
        group_coordinator_lost(c);
        return true;
    case KAFKA_REBALANCE_IN_PROGRESS:
        group_rejoin(c, "the group is rebalancing");
        return true;
    case KAFKA_UNKNOWN_MEMBER_ID:
    case KAFKA_ILLEGAL_GENERATION:
        if (generation >= 0 && generation != g->generation) {
            return true; /* it was about a generation that we have left behind */
        }
        log_warn(&c->log, "the group went on without this member; it joins again",
                 KV_STR("group", c->cfg.group_id), KV_STR("why", kafka_error_text(error)));
        reset_generation(c, error == KAFKA_UNKNOWN_MEMBER_ID);
        retry_step(c);
        return true;
    case KAFKA_FENCED_INSTANCE_ID:
        g->phase = GROUP_LEFT;
        reset_generation(c, true);
        g->phase = GROUP_LEFT;
        tell_once(c, error,
                  "another member joined the group with the same group.instance.id: give each "
                  "running instance its own",
                  true);
        return false;
    default:
        if (!kafka_error_is_retriable(error)) {
            tell_once(c, error, kafka_error_text(error), false);
        }
        return true;
    }
}

/* --- coordinator ------------------------------------------------------------------------------ */

/* The node, or -1 with an error. */
static int32_t read_coordinator(int16_t version, const struct find_coordinator_response *r,
                                int16_t *ret_error)
{
    if (version < 4) {
        *ret_error = r->error_code;
        return r->error_code ? -1 : r->node_id;
    }
    *ret_error = r->coordinators_n == 1 ? r->coordinators[0].error_code
                                        : (int16_t)KAFKA_UNKNOWN_SERVER_ERROR;
    return *ret_error ? -1 : r->coordinators[0].node_id;
}

static void on_coordinator(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    int16_t error = KAFKA_NONE;
    g->busy = false;
    int32_t node_id = err ? -1 : read_coordinator(version, response, &error);
    consumer_check_lacking(c, err, &find_coordinator_request_schema);
    if (err || error || node_id < 0) {
        if (error) {
            group_judge(c, error, -1);
        }
        client_refresh(c->client);
        retry_step(c);
        return;
    }
    g->coordinator = node_id;
    consumer_wake(c, 0);
    offsets_commit(c);
    group_step(c);
}

static void ask_coordinator(struct consumer *c, client_done *done)
{
    struct slice key = slice_str(c->cfg.group_id);
    struct find_coordinator_request request;
    schema_init(&find_coordinator_request_schema, &request);
    request.key = key;
    request.coordinator_keys = &key;
    request.coordinator_keys_n = 1;
    client_call(c->client, NODE_ASK, &find_coordinator_request_schema, &request, -1, 0, done, c);
}

static void find_coordinator(struct consumer *c)
{
    c->group.busy = true;
    ask_coordinator(c, on_coordinator);
}

/* --- a silent coordinator --------------------------------------------------------------------- */

static bool owes_offsets(const struct consumer *c)
{
    return c->committing || c->fetching_offsets;
}

uint64_t group_silence_ns(const struct consumer *c, bool *ret_owes)
{
    const struct group *g = &c->group;
    uint64_t silence_ns = 0;
    bool owes_member = g->heartbeating || g->busy;
    *ret_owes = g->coordinator >= 0 && (owes_member || owes_offsets(c));
    if (*ret_owes && owes_member) {
        silence_ns = client_silence_ns(c->client, g->coordinator, c->lane_group);
    }
    if (*ret_owes && owes_offsets(c)) {
        uint64_t its_ns = client_silence_ns(c->client, g->coordinator, 0);
        silence_ns = its_ns > silence_ns ? its_ns : silence_ns;
    }
    return silence_ns;
}

/* (G6) What the old one owes ends with ERR_CLOSED, and finds its way from there. */
static void on_probed(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    int16_t error = KAFKA_NONE;
    bool owes;
    g->probing = false;
    int32_t node_id = err ? -1 : read_coordinator(version, response, &error), old = g->coordinator;
    if (node_id < 0 || old < 0 || node_id == old ||
        group_silence_ns(c, &owes) < CLIENT_PATIENCE_NS) {
        return;
    }
    log_info(&c->log, "the coordinator is silent and was replaced",
             KV_STR("group", c->cfg.group_id), KV_INT("was", old), KV_INT("is", node_id));
    if (owes_offsets(c)) {
        client_give_up(c->client, old, 0);
    }
    client_give_up(c->client, old, c->lane_group);
}

void group_probe(struct consumer *c)
{
    struct group *g = &c->group;
    uint64_t now = env_mono_ns(c->env);
    if (!g->probing && now >= g->probe_at_ns) {
        g->probing = true;
        g->probe_at_ns = now + (g->busy ? PROBE_JOIN_NS : PROBE_NS);
        ask_coordinator(c, on_probed);
    }
}

/* --- heartbeat -------------------------------------------------------------------------------- */

static void arm_heartbeat(struct consumer *c)
{
    timer_arm_in(c->env, &c->group.heartbeat, c->cfg.heartbeat_interval_ns);
}

static void on_heartbeat(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    const struct heartbeat_response *r = response;
    g->heartbeating = false;
    consumer_check_lacking(c, err, &heartbeat_request_schema);
    if (g->generation < 0) {
        return;
    }
    if (err) {
        group_coordinator_lost(c);
    } else if (!r->error_code) {
        g->told = KAFKA_NONE;
    } else {
        group_judge(c, r->error_code, -1);
    }
    if (g->generation >= 0) {
        arm_heartbeat(c);
    }
}

static void heartbeat(void *owner)
{
    struct consumer *c = owner;
    struct group *g = &c->group;
    arm_heartbeat(c);
    if (g->coordinator < 0) {
        group_step(c); /* it was lost while something else was under way, which has ended since */
    }
    /* A join or sync under way is a sign of life, and on the same lane. */
    if (g->heartbeating || g->busy || g->generation < 0 || g->coordinator < 0) {
        return;
    }
    struct heartbeat_request request;
    schema_init(&heartbeat_request_schema, &request);
    request.group_id = slice_str(c->cfg.group_id);
    request.generation_id = g->generation;
    request.member_id = slice_str(g->member_id);
    request.group_instance_id = slice_str(c->cfg.group_instance_id);
    g->heartbeating = true;
    client_call_lane(c->client, g->coordinator, c->lane_group, &heartbeat_request_schema, &request,
                     -1, c->cfg.session_timeout_ns / 3, on_heartbeat, c);
    consumer_watch(c);
}

/* --- review ----------------------------------------------------------------------------------- */

static void on_described(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    const struct describe_groups_response *r = response;
    if (g->phase != GROUP_STABLE || !g->inherited) {
        return;
    }
    bool told = !err && r->groups_n == 1 && !r->groups[0].error_code;
    if (told && group_count_assigned(c, &r->groups[0]) == ERR_OK) {
        g->inherited = false;
        group_on_metadata(c);
    } else {
        group_rejoin(c, "the leader came back and cannot learn what is assigned");
    }
}

/* (G5) */
static void review(struct consumer *c)
{
    struct slice group_id = slice_str(c->cfg.group_id);
    struct describe_groups_request request;
    schema_init(&describe_groups_request_schema, &request);
    request.groups = &group_id;
    request.groups_n = 1;
    client_call(c->client, c->group.coordinator, &describe_groups_request_schema, &request, -1, 0,
                on_described, c);
}

/* --- sync ------------------------------------------------------------------------------------- */

static void on_synced(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    const struct sync_group_response *r = response;
    g->busy = false;
    if (g->phase == GROUP_LEFT) {
        return;
    }
    g->phase = GROUP_JOIN;
    consumer_check_lacking(c, err, &sync_group_request_schema);
    if (err) {
        group_coordinator_lost(c);
        retry_step(c);
        return;
    }
    if (r->error_code == KAFKA_REBALANCE_IN_PROGRESS) {
        group_step(c); /* somebody else came: once more */
        return;
    }
    if (r->error_code) {
        if (group_judge(c, r->error_code, -1)) {
            retry_step(c);
        }
        return;
    }
    g->phase = GROUP_STABLE;
    g->attempts = 0;
    g->told = KAFKA_NONE;
    arm_heartbeat(c);
    err = group_take_assignment(c, r->assignment);
    if (err) {
        tell_once(c, KAFKA_UNKNOWN_SERVER_ERROR,
                  "the leader of the group sent an assignment that cannot be read: the members "
                  "disagree about the assignor's format",
                  false);
        g->phase = GROUP_JOIN;
        retry_step(c);
        return;
    }
    log_info(&c->log, "group is stable", KV_STR("group", c->cfg.group_id),
             KV_INT("generation", g->generation), KV_STR("assignor", g->chosen->name),
             KV_INT("partitions", c->part_count));
    if (g->inherited) {
        review(c);
    }
    group_on_metadata(c);
    consumer_wake(c, 0);
}

void group_sync(struct consumer *c)
{
    struct group *g = &c->group;
    struct sync_group_request request;
    struct arena arena;
    arena_init(&arena, SIZE_MAX / 2);
    schema_init(&sync_group_request_schema, &request);
    request.group_id = slice_str(c->cfg.group_id);
    request.generation_id = g->generation;
    request.member_id = slice_str(g->member_id);
    request.group_instance_id = slice_str(c->cfg.group_instance_id);
    request.protocol_type = slice_str("consumer");
    request.protocol_name = slice_str(g->chosen->name);
    enum err err = g->leader && !g->inherited ? group_assign(c, &request, &arena) : ERR_OK;
    if (err) {
        consumer_trouble(c, KAFKA_UNKNOWN_SERVER_ERROR,
                         "the group is too large to be assigned by this member", false);
    }
    timer_cancel(c->env, &g->metadata);
    g->phase = GROUP_SYNC;
    g->busy = true;
    client_call_lane(c->client, g->coordinator, c->lane_group, &sync_group_request_schema, &request,
                     -1, c->cfg.rebalance_timeout_ns + JOIN_MARGIN_NS, on_synced, c);
    consumer_watch(c);
    arena_deinit(&arena);
}

static void on_metadata_wait(void *owner)
{
    struct consumer *c = owner;
    if (c->group.phase == GROUP_ASSIGN) {
        group_sync(c); /* what is not known by now gets its partitions later */
    }
}

/* --- join ------------------------------------------------------------------------------------- */

static void joined(struct consumer *c, int16_t version, const struct join_group_response *r)
{
    struct group *g = &c->group;
    set_member_id(g, r->member_id);
    g->generation = r->generation_id;
    g->chosen = assignor_find(r->protocol_name);
    g->leader = slice_eq(r->leader, r->member_id);
    g->inherited = g->leader && version >= 9 && r->skip_assignment;
    if (!g->chosen) {
        tell_once(c, KAFKA_INCONSISTENT_GROUP_PROTOCOL,
                  "the group chose an assignor that this member did not offer", false);
        g->generation = -1;
        retry_step(c);
        return;
    }
    if (!g->leader) {
        group_forget_members(c);
        group_sync(c);
        return;
    }
    group_note_members(c, r);
    g->phase = GROUP_ASSIGN;
    if (g->inherited || group_topics_known(c)) {
        group_sync(c);
    } else {
        timer_arm_in(c->env, &g->metadata, METADATA_WAIT_NS);
    }
}

static void on_joined(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    const struct join_group_response *r = response;
    g->busy = false;
    if (g->phase == GROUP_LEFT) {
        return;
    }
    consumer_check_lacking(c, err, &join_group_request_schema);
    if (err) {
        group_coordinator_lost(c);
        retry_step(c);
    } else if (r->error_code == KAFKA_NONE) {
        joined(c, version, r);
    } else if (r->error_code == KAFKA_MEMBER_ID_REQUIRED) {
        set_member_id(g, r->member_id);
        group_step(c);
    } else if (r->error_code == KAFKA_INCONSISTENT_GROUP_PROTOCOL) {
        tell_once(c, r->error_code,
                  "the other members of the group offer none of this member's assignors: configure "
                  "the same on all (partition.assignment.strategy)",
                  false);
        retry_step(c);
    } else if (group_judge(c, r->error_code, -1)) {
        retry_step(c);
    }
}

static void send_join(struct consumer *c)
{
    struct group *g = &c->group;
    struct join_group_request request;
    struct arena arena;
    arena_init(&arena, SIZE_MAX / 2);
    schema_init(&join_group_request_schema, &request);
    request.group_id = slice_str(c->cfg.group_id);
    request.session_timeout_ms = (int32_t)(c->cfg.session_timeout_ns / NS_PER_MS);
    request.rebalance_timeout_ms = (int32_t)(c->cfg.rebalance_timeout_ns / NS_PER_MS);
    request.member_id = slice_str(g->member_id);
    request.group_instance_id = slice_str(c->cfg.group_instance_id);
    request.protocol_type = slice_str("consumer");
    request.reason = slice_str(g->reason);
    group_subscriptions(c, &request, &arena);
    g->busy = true;
    client_call_lane(c->client, g->coordinator, c->lane_group, &join_group_request_schema, &request,
                     -1, c->cfg.rebalance_timeout_ns + JOIN_MARGIN_NS, on_joined, c);
    consumer_watch(c);
    arena_deinit(&arena);
}

void group_step(struct consumer *c)
{
    struct group *g = &c->group;
    if (!c->cfg.group_id || g->busy || g->phase == GROUP_LEFT) {
        return;
    }
    if (g->coordinator < 0) {
        find_coordinator(c);
        return;
    }
    if (g->phase != GROUP_JOIN || c->revoking || c->closing) {
        return;
    }
    if (!g->cooperative && c->part_count) {
        list_for_each(n, &c->parts) {
            list_entry(n, struct part, node)->revoking = true;
        }
        consumer_begin_revoke(c);
        return; /* consumer_check_revoked() comes back here */
    }
    send_join(c);
}

static void on_step(void *owner)
{
    group_step(owner);
}

static void on_revoke_timeout(void *owner)
{
    struct consumer *c = owner;
    log_warn(&c->log,
             "the partitions to be given up were not drained in time; what was not committed is "
             "delivered again by their new owner",
             KV_STR("group", c->cfg.group_id));
    consumer_lose(c, true);
}

void group_on_metadata(struct consumer *c)
{
    struct group *g = &c->group;
    if (g->phase == GROUP_ASSIGN && group_topics_known(c)) {
        group_sync(c);
    } else if (g->phase == GROUP_STABLE && g->leader && !g->inherited && group_topics_changed(c)) {
        group_rejoin(c, "topics or partitions of the group's subscription changed");
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void group_leave(struct consumer *c, client_done *done)
{
    struct group *g = &c->group;
    struct leave_group_request request;
    struct leave_group_request_member_identity member;
    schema_init(&leave_group_request_schema, &request);
    schema_init(&leave_group_request_member_identity_schema, &member);
    request.group_id = slice_str(c->cfg.group_id);
    request.member_id = member.member_id = slice_str(g->member_id);
    member.group_instance_id = slice_str(c->cfg.group_instance_id);
    member.reason = slice_str("the consumer is closed");
    request.members = &member;
    request.members_n = 1;
    g->phase = GROUP_LEFT;
    client_call_lane(c->client, g->coordinator, c->lane_group, &leave_group_request_schema,
                     &request, -1, 0, done, c);
}

void group_init(struct consumer *c)
{
    struct group *g = &c->group;
    g->coordinator = -1;
    g->generation = -1;
    set_member_id(g, slice_null());
    arena_init(&g->arena, SIZE_MAX / 2);
    g->step.fire = on_step;
    g->heartbeat.fire = heartbeat;
    g->revoke.fire = on_revoke_timeout;
    g->metadata.fire = on_metadata_wait;
    g->step.owner = g->heartbeat.owner = g->revoke.owner = g->metadata.owner = c;
    snprintf(g->reason, sizeof(g->reason), "the member joins");
    if (c->cfg.group_id) {
        timer_arm_in(c->env, &g->step, 0);
    } else {
        g->phase = GROUP_LEFT;
    }
}

void group_deinit(struct consumer *c)
{
    struct group *g = &c->group;
    group_forget_members(c);
    timer_cancel(c->env, &g->step);
    timer_cancel(c->env, &g->heartbeat);
    timer_cancel(c->env, &g->revoke);
    timer_cancel(c->env, &g->metadata);
    arena_deinit(&g->arena);
    mem_free(g->member_id);
}
