/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - a partition of __consumer_offsets becomes groups again.
 * Driven by the broker when it takes over a partition: coordinator_load_record() for each record.
 *   (L1) The last record of a key decides, a tombstone leaves nothing.
 *   (L2) Nothing of the loaded groups can be seen before coordinator_load_done().
 */
#include "broker/group/group.h"

/* The group of a key, made when it is new. */
static enum err load_group(struct coordinator *c, struct slice id, struct group **ret_group)
{
    struct group *g = group_find(c, id);
    if (!g) {
        if (c->stats.groups >= c->config.groups_max) {
            return ERR_LIMIT;
        }
        g = group_new(c, id);
    }
    *ret_group = g;
    return ERR_OK;
}

static enum err load_offset(struct coordinator *c, const struct group_record_key *key,
                            struct slice value)
{
    struct offset_commit_value v;
    enum err e = group_record_read_offset(value, &v);
    struct group *g;
    e = e ? e : load_group(c, key->group, &g);
    if (e) {
        return e;
    }
    struct group_offset *o = group_offset_entry(g, key->topic, key->partition);
    if (!o) {
        return ERR_LIMIT;
    }
    const struct group_op_offset from = {
        .topic_id = v.topic_id,
        .offset = v.offset,
        .leader_epoch = v.leader_epoch,
        .metadata = v.metadata,
        .commit_ms = v.commit_timestamp,
        .expire_ms = v.expire_timestamp,
    };
    group_offset_set(g, o, &from);
    return ERR_OK;
}

static void drop_offset(struct coordinator *c, const struct group_record_key *key)
{
    struct group *g = group_find(c, key->group);
    if (!g) {
        return;
    }
    struct buf map_key = { 0 };
    struct group_offset *o =
        map_get(&g->offsets, group_offset_key(&map_key, key->topic, key->partition));
    buf_deinit(&map_key);
    if (o) {
        group_offset_clear(g, o);
        group_offset_release(g, o);
    }
    group_free_if_unused(g);
}

/* Back to a group that has offsets at most. */
static void clear_group(struct group *g)
{
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        group_member_free(g, m);
    }
    g->state = GROUP_EMPTY;
    g->generation = 0;
    g->state_ms = -1;
    g->has_record = false;
    group_own_set(&g->protocol_type, slice_null());
    group_own_set(&g->protocol_name, slice_null());
}

static void load_member(struct group *g, const struct group_metadata_value_member_metadata *from)
{
    if (group_member_find(g, from->member_id) ||
        (!slice_is_null(from->group_instance_id) &&
         map_get(&g->instances, from->group_instance_id))) {
        return;
    }
    struct group_member *m = group_member_new(g, from->member_id, from->group_instance_id);
    group_own_set(&m->client_id, from->client_id);
    group_own_set(&m->client_host, from->client_host);
    group_own_set(&m->assignment, from->assignment);
    m->session_timeout_ms = from->session_timeout;
    m->rebalance_timeout_ms =
        from->rebalance_timeout >= 0 ? from->rebalance_timeout : from->session_timeout;
    if (!slice_is_null(g->protocol_name)) {
        struct join_group_request_protocol p = { g->protocol_name, from->subscription };
        group_member_set_protocols(g, m, &p, 1);
    }
}

static enum err load_members(struct coordinator *c, struct slice id, struct slice value)
{
    struct arena arena;
    /* A member's struct takes a few times what its shortest encoding does. */
    arena_init(&arena, value.len * 16 + 4096);
    struct group_metadata_value v;
    enum err e = group_record_read_group(value, &arena, &v);
    struct group *g = NULL;
    e = e ? e : load_group(c, id, &g);
    if (!e) {
        clear_group(g);
        g->has_record = true;
        g->generation = v.generation;
        g->state_ms = v.current_state_timestamp;
        if (v.protocol_type.len > 0) {
            group_own_set(&g->protocol_type, v.protocol_type);
        }
        group_own_set(&g->protocol_name, v.protocol);
        for (int32_t i = 0; i < v.members_n; i++) {
            load_member(g, &v.members[i]);
        }
        if (!slice_is_null(v.leader) && group_member_find(g, v.leader)) {
            group_own_set(&g->leader_id, v.leader);
        }
        g->state = g->members.count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    }
    arena_deinit(&arena);
    return e;
}

enum err coordinator_load_record(struct coordinator *c, uint32_t partition, struct slice key,
                                 struct slice value)
{
    struct group_record_key k;
    enum err e = group_record_read_key(key, &k);
    if (e) {
        return e;
    }
    if (partition >= c->config.partition_count || c->lead[partition] != GROUP_LEAD_LOADING ||
        group_partition(k.group, c->config.partition_count) != partition) {
        return ERR_INVALID;
    }
    if (k.kind == GROUP_KEY_GROUP && slice_is_null(value)) {
        struct group *g = group_find(c, k.group);
        if (g) {
            clear_group(g);
            group_free_if_unused(g);
        }
        return ERR_OK;
    }
    if (k.kind == GROUP_KEY_GROUP) {
        return load_members(c, k.group, value);
    }
    if (slice_is_null(value)) {
        drop_offset(c, &k);
        return ERR_OK;
    }
    return load_offset(c, &k, value);
}

void coordinator_load_done(struct coordinator *c, struct group_now now, uint32_t partition)
{
    if (c->lead[partition] != GROUP_LEAD_LOADING) {
        return; /* resigned meanwhile */
    }
    c->lead[partition] = GROUP_LEAD_READY;
    uint32_t at = 0;
    struct group *g;
    while ((g = map_next(&c->groups, &at, NULL)) != NULL) {
        if (g->partition != partition) {
            continue;
        }
        uint32_t member_at = 0;
        struct group_member *m;
        while ((m = map_next(&g->members, &member_at, NULL)) != NULL) {
            group_touch_session(m, now);
        }
        if (g->members.count > c->config.members_max) {
            group_rebalance(g, now, "the loaded group has more than group.max.size members",
                            slice_null(), slice_null());
        }
    }
}
