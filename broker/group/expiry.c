/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry.c - how offsets and groups go away: OffsetDelete, DeleteGroups, topics, retention.
 * Driven by the calls of those names, by coordinator_tick(), and by finished appends.
 *   (E1) Nothing leaves memory before its tombstone is durable; a failed one leaves all as it was.
 *   (E2) A group that is being deleted is DEAD: it takes no joins and no commits, so nothing can be
 *        appended behind its tombstones that would bring it back.
 *   (E3) Offsets expire only in an EMPTY group, and count from the later of their commit and the
 *        time at which the group became empty (KIP-211).
 */
#include "broker/group/group.h"

/* Tombstones in appends of limited size. */
struct removal {
    struct group *g;
    enum group_op_kind kind;
    struct group_item *reply; /* may be NULL */
    size_t left;              /* records to come */
    struct group_item *append;
    struct group_op *op;
};

static void removal_flush(struct removal *rm)
{
    if (rm->append) {
        coordinator_push(rm->g->c, rm->append);
        rm->append = NULL;
    }
}

/* Room for one more record; left is what is still to come, this one included. */
static void removal_room(struct removal *rm)
{
    size_t max = rm->g->c->config.records_per_append_max;
    if (rm->append && rm->append->out.record_count == max) {
        rm->op->more = true;
        removal_flush(rm);
    }
    if (!rm->append) {
        size_t n = rm->left < max ? rm->left : max;
        rm->append = coordinator_append(rm->g, rm->kind, n, &rm->op);
        rm->op->offsets = arena_array(&rm->op->arena, n, sizeof(*rm->op->offsets));
        rm->op->reply = rm->reply;
        if (rm->reply) {
            rm->reply->waiting++;
        }
    }
    rm->left--;
}

static void removal_add(struct removal *rm, const struct group_offset *o, int16_t *error)
{
    removal_room(rm);
    struct buf key = { 0 };
    group_record_write_offset_key(&key, rm->g->id, o->topic, o->partition);
    group_item_add_record(rm->append, buf_slice(&key), slice_null());
    struct slice map_key = group_offset_key(&key, o->topic, o->partition);
    rm->op->offsets[rm->op->offset_count++] =
        (struct group_op_offset){ .key = arena_copy(&rm->op->arena, map_key), .error = error };
    buf_deinit(&key);
}

void group_remove_done(struct group *g, const struct group_op *op, int16_t error)
{
    for (size_t i = 0; i < op->offset_count; i++) {
        const struct group_op_offset *from = &op->offsets[i];
        if (from->error) {
            *from->error = error;
        }
        struct group_offset *o = g && !error ? map_get(&g->offsets, from->key) : NULL;
        if (o && op->token > o->token) {
            o->token = op->token;
            group_offset_clear(g, o);
            group_offset_release(g, o);
        }
    }
    if (g) {
        group_free_if_unused(g);
    }
}

/* --- OffsetDelete --- */

/* Whether offsets of the topic may go while the group has members. */
static int16_t check_topic(const struct group *g, struct slice topic)
{
    if (g->state == GROUP_EMPTY) {
        return KAFKA_NONE;
    }
    return group_is_subscribed(g, topic) ? KAFKA_GROUP_SUBSCRIBED_TO_TOPIC : KAFKA_NONE;
}

static int16_t check_offset_delete(const struct coordinator *c, struct slice group_id,
                                   struct group **ret_group)
{
    int16_t error = coordinator_check(c, group_id);
    if (error) {
        return error;
    }
    struct group *g = group_find(c, group_id);
    if (!g || g->state == GROUP_DEAD) {
        return KAFKA_GROUP_ID_NOT_FOUND;
    }
    if (g->state != GROUP_EMPTY && !slice_eq_str(g->protocol_type, "consumer")) {
        return KAFKA_NON_EMPTY_GROUP; /* what its members read, only they know */
    }
    *ret_group = g;
    return KAFKA_NONE;
}

void coordinator_offset_delete(struct coordinator *c, const struct offset_delete_request *req,
                               const int16_t *errors, void *call)
{
    struct group_item *item = coordinator_reply(c, call, &offset_delete_response_schema);
    struct offset_delete_response *r =
        (struct offset_delete_response *)(uintptr_t)item->out.response;
    struct removal rm = { .kind = GROUP_OP_REMOVE, .reply = item };
    item->waiting = 1; /* ours, until all is under way */
    r->error_code = check_offset_delete(c, req->group_id, &rm.g);
    int32_t topics = r->error_code ? 0 : req->topics_n;
    r->topics = schema_new(&offset_delete_response_topic_schema, &item->arena,
                           topics > 0 ? (size_t)topics : 0);
    for (int32_t i = 0; i < topics; i++) {
        rm.left += req->topics[i].partitions_n > 0 ? (size_t)req->topics[i].partitions_n : 0;
    }
    size_t at = 0;
    struct buf key = { 0 };
    for (int32_t i = 0; i < topics; i++) {
        const struct offset_delete_request_topic *from = &req->topics[i];
        struct offset_delete_response_topic *to = &r->topics[r->topics_n++];
        int16_t topic_error = check_topic(rm.g, from->name);
        to->name = group_item_copy(item, from->name);
        to->partitions = schema_new(&offset_delete_response_partition_schema, &item->arena,
                                    from->partitions_n > 0 ? (size_t)from->partitions_n : 0);
        for (int32_t k = 0; k < from->partitions_n; k++, at++) {
            struct offset_delete_response_partition *answer = &to->partitions[to->partitions_n++];
            answer->partition_index = from->partitions[k].partition_index;
            answer->error_code = errors && errors[at] ? errors[at] : topic_error;
            struct group_offset *o =
                map_get(&rm.g->offsets,
                        group_offset_key(&key, from->name, answer->partition_index));
            if (!answer->error_code && o) {
                removal_add(&rm, o, &answer->error_code);
            }
        }
    }
    buf_deinit(&key);
    removal_flush(&rm);
    coordinator_reply_part_done(c, item);
}

void coordinator_topic_deleted(struct coordinator *c, struct slice topic)
{
    uint32_t at = 0;
    struct group *g;
    while ((g = map_next(&c->groups, &at, NULL)) != NULL) {
        if (g->state == GROUP_DEAD || c->lead[g->partition] != GROUP_LEAD_READY) {
            continue;
        }
        struct removal rm = { .g = g, .kind = GROUP_OP_REMOVE, .left = g->offsets.count };
        uint32_t offset_at = 0;
        const struct group_offset *o;
        while ((o = map_next(&g->offsets, &offset_at, NULL)) != NULL) {
            if (slice_eq(o->topic, topic)) {
                removal_add(&rm, o, NULL);
            }
        }
        removal_flush(&rm);
    }
}

/* --- DeleteGroups --- */

void group_delete(struct group *g, struct group_item *reply, int16_t *error)
{
    struct removal rm = {
        .g = g, .kind = GROUP_OP_DELETE, .reply = reply, .left = (size_t)g->offsets.count + 1
    };
    uint32_t at = 0;
    const struct group_offset *o;
    while ((o = map_next(&g->offsets, &at, NULL)) != NULL) {
        removal_add(&rm, o, NULL);
        rm.op->error = error;
    }
    removal_room(&rm);
    rm.op->error = error;
    struct buf key = { 0 };
    group_record_write_group_key(&key, g->id);
    group_item_add_record(rm.append, buf_slice(&key), slice_null());
    buf_deinit(&key);
    g->state = GROUP_DEAD;
    removal_flush(&rm);
}

void group_delete_done(struct group *g, const struct group_op *op, int16_t error)
{
    if (error && op->error) {
        *op->error = error;
    }
    if (!g || g->state != GROUP_DEAD) {
        return;
    }
    if (error) {
        g->state = GROUP_EMPTY;
    } else if (!op->more) {
        coordinator_trace(g->c, GROUP_TRACE_DELETED, g, "", slice_null(), slice_null());
        group_free(g);
    }
}

static int16_t check_delete(const struct coordinator *c, struct slice group_id,
                            struct group **ret_group)
{
    int16_t error = group_id.len == 0 ? KAFKA_INVALID_GROUP_ID : coordinator_check(c, group_id);
    if (error) {
        return error;
    }
    struct group *g = group_find(c, group_id);
    if (!g || g->state == GROUP_DEAD) {
        return KAFKA_GROUP_ID_NOT_FOUND;
    }
    if (g->state != GROUP_EMPTY) {
        return KAFKA_NON_EMPTY_GROUP;
    }
    *ret_group = g;
    return KAFKA_NONE;
}

void coordinator_delete_groups(struct coordinator *c, const struct delete_groups_request *req,
                               const int16_t *errors, void *call)
{
    struct group_item *item = coordinator_reply(c, call, &delete_groups_response_schema);
    struct delete_groups_response *r =
        (struct delete_groups_response *)(uintptr_t)item->out.response;
    item->waiting = 1; /* ours, until all is under way */
    r->results = schema_new(&delete_groups_response_deletable_group_result_schema, &item->arena,
                            req->groups_names_n > 0 ? (size_t)req->groups_names_n : 0);
    for (int32_t i = 0; i < req->groups_names_n; i++) {
        struct delete_groups_response_deletable_group_result *to = &r->results[r->results_n++];
        struct group *g = NULL;
        to->group_id = group_item_copy(item, req->groups_names[i]);
        to->error_code =
            errors && errors[i] ? errors[i] : check_delete(c, req->groups_names[i], &g);
        if (!to->error_code) {
            group_delete(g, item, &to->error_code);
        }
    }
    coordinator_reply_part_done(c, item);
}

/* --- retention --- */

static bool is_expired(const struct group *g, const struct group_offset *o, struct group_now now)
{
    if (o->in_flight > 0 || !o->committed) {
        return false;
    }
    if (o->expire_ms >= 0) {
        return o->expire_ms <= now.wall_ms;
    }
    int64_t since = g->state_ms > o->commit_ms ? g->state_ms : o->commit_ms;
    return now.wall_ms - since >= g->c->config.offsets_retention_ms;
}

static void expire_group(struct group *g, struct group_now now)
{
    struct removal rm = { .g = g, .kind = GROUP_OP_REMOVE };
    uint32_t at = 0;
    const struct group_offset *o;
    while ((o = map_next(&g->offsets, &at, NULL)) != NULL) {
        rm.left += is_expired(g, o, now);
    }
    if (rm.left > 0) {
        g->c->stats.offsets_expired_total += rm.left;
        coordinator_trace(g->c, GROUP_TRACE_OFFSETS_EXPIRED, g,
                          "the group was empty for offsets.retention.minutes", slice_null(),
                          slice_null());
    }
    if (rm.left == g->offsets.count && g->pending.count == 0) {
        group_delete(g, NULL, NULL);
        return;
    }
    for (at = 0; (o = map_next(&g->offsets, &at, NULL)) != NULL;) {
        if (is_expired(g, o, now)) {
            removal_add(&rm, o, NULL);
        }
    }
    removal_flush(&rm);
}

void coordinator_expire_offsets(struct coordinator *c, struct group_now now)
{
    uint32_t at = 0;
    struct group *g;
    while ((g = map_next(&c->groups, &at, NULL)) != NULL) {
        if (g->state == GROUP_EMPTY && c->lead[g->partition] == GROUP_LEAD_READY) {
            expire_group(g, now);
        }
    }
}
