/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync.c - SyncGroup, Heartbeat, LeaveGroup: what members do between joins.
 * Driven by coordinator_sync(), coordinator_heartbeat() and coordinator_leave().
 *   (S1) Only the leader's sync carries assignments, once per generation: a second one while the
 *        record is on its way changes nothing.
 */
#include "broker/group/group.h"

static const char LEFT[] = "a member left";

/* The group and the member that a request speaks of, or Kafka's error for it. */
static int16_t find_member(struct coordinator *c, struct slice group_id, struct slice member_id,
                           struct slice instance_id, struct group **ret_group,
                           struct group_member **ret_member)
{
    int16_t error = group_id.len == 0 ? KAFKA_INVALID_GROUP_ID : coordinator_check(c, group_id);
    if (error) {
        return error;
    }
    struct group *g = group_find(c, group_id);
    if (!g) {
        return KAFKA_UNKNOWN_MEMBER_ID;
    }
    if (g->state == GROUP_DEAD) {
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    *ret_group = g;
    return group_member_check(g, member_id, instance_id, ret_member);
}

static int16_t check_sync(struct coordinator *c, const struct sync_group_request *req,
                          struct group **ret_group, struct group_member **ret_member)
{
    int16_t error = find_member(c, req->group_id, req->member_id, req->group_instance_id, ret_group,
                                ret_member);
    if (error) {
        return error;
    }
    const struct group *g = *ret_group;
    if (req->generation_id != g->generation) {
        return KAFKA_ILLEGAL_GENERATION;
    }
    if (g->state == GROUP_PREPARING) {
        return KAFKA_REBALANCE_IN_PROGRESS;
    }
    /* KIP-559, from version 5 on. */
    if ((!slice_is_null(req->protocol_type) && !slice_eq(req->protocol_type, g->protocol_type)) ||
        (!slice_is_null(req->protocol_name) && !slice_eq(req->protocol_name, g->protocol_name))) {
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    }
    if (group_is_leader(g, *ret_member)) {
        for (int32_t i = 0; i < req->assignments_n; i++) {
            if (req->assignments[i].assignment.len > c->config.member_metadata_bytes_max) {
                return KAFKA_INVALID_REQUEST;
            }
        }
    }
    return KAFKA_NONE;
}

static void take_assignments(struct group *g, const struct sync_group_request *req)
{
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        group_own_set(&m->assignment, slice_null());
    }
    for (int32_t i = 0; i < req->assignments_n; i++) {
        m = group_member_find(g, req->assignments[i].member_id);
        if (m) {
            group_own_set(&m->assignment, req->assignments[i].assignment);
        }
    }
    g->assignment_token = group_store(g, GROUP_OP_ASSIGN)->token;
}

void coordinator_sync(struct coordinator *c, struct group_now now,
                      const struct sync_group_request *req, void *call)
{
    struct group *g = NULL;
    struct group_member *m = NULL;
    int16_t error = check_sync(c, req, &g, &m);
    if (error) {
        group_reply_sync(c, call, NULL, NULL, error);
        return;
    }
    group_synced(g, m);
    if (g->state == GROUP_STABLE) {
        group_touch_session(m, now);
        group_reply_sync(c, call, g, m, KAFKA_NONE);
        return;
    }
    group_park_sync(g, m, call);
    if (group_is_leader(g, m) && g->assignment_token == 0) {
        take_assignments(g, req);
    }
}

int16_t coordinator_heartbeat(struct coordinator *c, struct group_now now,
                              const struct heartbeat_request *req)
{
    struct group *g = NULL;
    struct group_member *m = NULL;
    int16_t error = find_member(c, req->group_id, req->member_id, req->group_instance_id, &g, &m);
    if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) {
        return KAFKA_NONE; /* a loading coordinator knows no better; the session starts anew then */
    }
    if (error) {
        return error;
    }
    if (req->generation_id != g->generation) {
        return KAFKA_ILLEGAL_GENERATION;
    }
    if (!m->join.waiting && !m->sync.waiting) {
        group_touch_session(m, now);
    }
    return g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

/* --- leave --- */

struct leaver {
    struct slice member_id;
    struct slice instance_id;
    struct slice reason;
};

static int16_t leave_one(struct group *g, struct group_now now, const struct leaver *l)
{
    struct group_member *m = NULL;
    if (slice_is_null(l->instance_id) && group_pending_remove(g, l->member_id)) {
        group_maybe_complete_join(g, now);
        return KAFKA_NONE;
    }
    if (!slice_is_null(l->instance_id) && l->member_id.len == 0) {
        /* An operator removes a static member: kafka-consumer-groups, or the admin client. */
        m = map_get(&g->instances, l->instance_id);
        if (!m) {
            return KAFKA_UNKNOWN_MEMBER_ID;
        }
    } else {
        int16_t error = group_member_check(g, l->member_id, l->instance_id, &m);
        if (error) {
            return error;
        }
    }
    group_remove_member(g, now, m, LEFT, l->reason);
    return KAFKA_NONE;
}

enum err coordinator_leave(struct coordinator *c, struct group_now now,
                           const struct leave_group_request *req, int16_t version,
                           struct arena *arena, struct leave_group_response *ret_response)
{
    bool one = version < 3;
    int32_t n = one ? 1 : req->members_n > 0 ? req->members_n : 0;
    struct leave_group_response_member_response *members =
        schema_new(&leave_group_response_member_response_schema, arena, (size_t)n);
    if (!members) {
        return ERR_LIMIT;
    }
    schema_init(&leave_group_response_schema, ret_response);
    ret_response->error_code = req->group_id.len == 0 ? (int16_t)KAFKA_INVALID_GROUP_ID
                                                      : coordinator_check(c, req->group_id);
    struct group *g = ret_response->error_code ? NULL : group_find(c, req->group_id);
    if (g && g->state == GROUP_DEAD) {
        ret_response->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    if (ret_response->error_code) {
        return ERR_OK;
    }
    for (int32_t i = 0; i < n; i++) {
        struct leaver l = { .member_id = req->member_id };
        if (!one) {
            l.member_id = req->members[i].member_id;
            l.instance_id = req->members[i].group_instance_id;
            l.reason = req->members[i].reason;
        }
        members[i].member_id = l.member_id;
        members[i].group_instance_id = l.instance_id;
        members[i].error_code = g ? leave_one(g, now, &l) : (int16_t)KAFKA_UNKNOWN_MEMBER_ID;
    }
    if (one) {
        ret_response->error_code = members[0].error_code;
    } else {
        ret_response->members = members;
        ret_response->members_n = n;
    }
    if (g) {
        group_free_if_unused(g);
    }
    return ERR_OK;
}
