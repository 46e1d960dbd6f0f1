/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_assign.c - what members tell each other through the coordinator: subscriptions and
 * assignments, in the Java client's bytes. Driven by group_member.c.
 *   (A1) The leader wants the metadata of every topic of the group, and assigns again when one of
 *        them has another number of partitions than were assigned.
 *   (A2) What a member sends is outside input: it is decoded with bounds, and a member that sends
 *        nonsense gets nothing.
 * Source: KIP-429 (owned partitions), KIP-792 (generation); the leading i16 is the message's
 * version.
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

#include <stdlib.h>

enum { SUBSCRIPTION_VERSION = 3, ASSIGNMENT_VERSION = 3, MEMBERS_BYTES_MAX = 64 << 20 };

/* A version and the message behind it; in the arena. */
static struct slice encode(struct arena *arena, const struct schema *s, int16_t version,
                           const void *msg)
{
    struct buf buf = { 0 };
    struct writer w;
    writer_init(&w, &buf);
    writer_i16(&w, version);
    (void)schema_encode(s, version, &w, msg);
    struct slice copy = arena_copy(arena, buf_slice(&buf));
    writer_deinit(&w);
    buf_deinit(&buf);
    return copy;
}

/* Versions above ours are read as ours: they only add (KIP-429). */
static enum err decode(const struct schema *s, struct slice bytes, struct arena *arena,
                       void *ret_msg)
{
    struct reader r = reader_of(bytes);
    int16_t version = reader_i16(&r);
    if (r.err || version < 0) {
        return ERR_MALFORMED;
    }
    return schema_decode(s, version < s->max ? version : s->max, &r, arena, ret_msg);
}

/* --- a member's own words --------------------------------------------------------------------- */

static void add_owned(const struct consumer *c, struct consumer_protocol_subscription *sub,
                      struct arena *arena)
{
    sub->owned_partitions =
        schema_new(&consumer_protocol_subscription_topic_partition_schema, arena, c->part_count);
    sub->owned_partitions_n = 0;
    list_for_each(n, &c->parts) {
        const struct part *p = list_entry(n, struct part, node);
        struct consumer_protocol_subscription_topic_partition *t = NULL;
        for (int32_t i = 0; i < sub->owned_partitions_n && !t; i++) {
            if (slice_eq(sub->owned_partitions[i].topic, p->pub.topic)) {
                t = &sub->owned_partitions[i];
            }
        }
        if (!t) {
            t = &sub->owned_partitions[sub->owned_partitions_n++];
            t->topic = p->pub.topic;
            t->partitions = arena_array(arena, c->part_count, sizeof(int32_t));
            t->partitions_n = 0;
        }
        t->partitions[t->partitions_n++] = p->pub.partition;
    }
}

void group_subscriptions(struct consumer *c, struct join_group_request *request,
                         struct arena *arena)
{
    const struct group *g = &c->group;
    struct consumer_protocol_subscription sub;
    schema_init(&consumer_protocol_subscription_schema, &sub);
    sub.topics = arena_array(arena, c->cfg.topic_count, sizeof(struct slice));
    sub.topics_n = (int32_t)c->cfg.topic_count;
    for (size_t i = 0; i < c->cfg.topic_count; i++) {
        sub.topics[i] = slice_str(c->cfg.topics[i]);
    }
    sub.generation_id = g->generation;
    add_owned(c, &sub, arena);
    request->protocols = schema_new(&join_group_request_protocol_schema, arena, g->assignor_count);
    request->protocols_n = (int32_t)g->assignor_count;
    for (size_t i = 0; i < g->assignor_count; i++) {
        /* The generation goes twice: members below version 2 look for it in the user data. */
        uint32_t generation = (uint32_t)g->generation;
        uint8_t user_data[4] = { (uint8_t)(generation >> 24), (uint8_t)(generation >> 16),
                                 (uint8_t)(generation >> 8), (uint8_t)generation };
        sub.user_data = g->assignors[i]->cooperative ? slice_of(user_data, 4) : slice_null();
        request->protocols[i].name = slice_str(g->assignors[i]->name);
        request->protocols[i].metadata =
            encode(arena, &consumer_protocol_subscription_schema, SUBSCRIPTION_VERSION, &sub);
    }
}

/* --- the leader's view ------------------------------------------------------------------------ */

static void want_topic(struct consumer *c, struct slice name)
{
    struct group *g = &c->group;
    if (!map_get(&g->topics, name)) {
        struct group_topic *t = mem_zalloc(sizeof(*t));
        map_put(&g->topics, name, t);
        client_want_topic(c->client, name);
    }
}

void group_forget_members(struct consumer *c)
{
    struct group *g = &c->group;
    uint32_t cursor = 0;
    struct group_topic *t;
    struct slice name;
    while ((t = map_next(&g->topics, &cursor, &name))) {
        client_unwant_topic(c->client, name);
        mem_free(t);
    }
    map_deinit(&g->topics);
    g->members = NULL;
    g->member_count = 0;
    arena_reset(&g->arena);
}

void group_note_members(struct consumer *c, const struct join_group_response *r)
{
    struct group *g = &c->group;
    group_forget_members(c);
    g->members = schema_new(&join_group_response_member_schema, &g->arena, (size_t)r->members_n);
    if (!g->members) {
        return;
    }
    struct arena arena;
    arena_init(&arena, MEMBERS_BYTES_MAX);
    for (int32_t i = 0; i < r->members_n; i++) {
        struct join_group_response_member *m = &g->members[g->member_count++];
        m->member_id = arena_copy(&g->arena, r->members[i].member_id);
        m->metadata = arena_copy(&g->arena, r->members[i].metadata);
        if (r->members[i].group_instance_id.ptr) {
            m->group_instance_id = arena_copy(&g->arena, r->members[i].group_instance_id);
        }
        struct consumer_protocol_subscription sub;
        if (!decode(&consumer_protocol_subscription_schema, m->metadata, &arena, &sub)) {
            for (int32_t j = 0; j < sub.topics_n; j++) {
                want_topic(c, sub.topics[j]);
            }
        }
    }
    arena_deinit(&arena);
}

bool group_topics_known(const struct consumer *c)
{
    uint32_t cursor = 0;
    struct slice name;
    while (map_next(&c->group.topics, &cursor, &name)) {
        if (!client_topic(c->client, name)) {
            return false;
        }
    }
    return true;
}

static int32_t partition_count(const struct consumer *c, struct slice name)
{
    const struct client_topic *t = client_topic(c->client, name);
    return t ? t->partition_count : 0;
}

bool group_topics_changed(const struct consumer *c)
{
    uint32_t cursor = 0;
    const struct group_topic *t;
    struct slice name;
    while ((t = map_next(&c->group.topics, &cursor, &name))) {
        const struct client_topic *topic = client_topic(c->client, name);
        if (topic && topic->partition_count != t->partition_count) {
            return true;
        }
    }
    return false;
}

static void count_assigned(struct group *g, const struct consumer_protocol_assignment *msg)
{
    for (int32_t i = 0; i < msg->assigned_partitions_n; i++) {
        struct group_topic *t = map_get(&g->topics, msg->assigned_partitions[i].topic);
        if (t) {
            t->partition_count += msg->assigned_partitions[i].partitions_n;
        }
    }
}

enum err group_count_assigned(struct consumer *c,
                              const struct describe_groups_response_described_group *described)
{
    struct arena arena;
    enum err err = ERR_OK;
    arena_init(&arena, MEMBERS_BYTES_MAX);
    for (int32_t i = 0; !err && i < described->members_n; i++) {
        struct slice bytes = described->members[i].member_assignment;
        struct consumer_protocol_assignment msg;
        schema_init(&consumer_protocol_assignment_schema, &msg);
        err =
            bytes.len ? decode(&consumer_protocol_assignment_schema, bytes, &arena, &msg) : ERR_OK;
        if (!err) {
            count_assigned(&c->group, &msg);
        }
    }
    arena_deinit(&arena);
    return err;
}

/* --- assigning -------------------------------------------------------------------------------- */

static int compare_topics(const void *a, const void *b)
{
    return slice_cmp(((const struct assignor_topic *)a)->name,
                     ((const struct assignor_topic *)b)->name);
}

static int32_t topic_index(const struct assignor_input *in, struct slice name)
{
    int32_t low = 0, high = in->topic_count;
    while (low < high) {
        int32_t mid = low + (high - low) / 2;
        int order = slice_cmp(in->topics[mid].name, name);
        if (order == 0) {
            return mid;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
    return -1;
}

static enum err collect_topics(struct consumer *c, struct assignor_input *in, struct arena *arena)
{
    struct group *g = &c->group;
    struct assignor_topic *topics = arena_array(arena, g->topics.count, sizeof(*topics));
    if (!topics) {
        return ERR_LIMIT;
    }
    uint32_t cursor = 0;
    struct group_topic *t;
    struct slice name;
    while ((t = map_next(&g->topics, &cursor, &name))) {
        t->partition_count = partition_count(c, name);
        topics[in->topic_count++] = (struct assignor_topic){ name, t->partition_count };
    }
    if (in->topic_count > 1) {
        qsort(topics, (size_t)in->topic_count, sizeof(*topics), compare_topics);
    }
    in->topics = topics;
    return ERR_OK;
}

/* Members below subscription version 2 put their generation into the user data. */
static int32_t generation_of(const struct consumer_protocol_subscription *sub)
{
    if (sub->generation_id < 0 && sub->user_data.len >= 4) {
        struct reader r = reader_of(sub->user_data);
        return reader_i32(&r);
    }
    return sub->generation_id;
}

static enum err collect_member(const struct join_group_response_member *from,
                               struct assignor_input *in, struct arena *arena)
{
    struct assignor_member *m = &in->members[in->member_count++];
    struct consumer_protocol_subscription sub;
    m->member_id = from->member_id;
    m->instance_id = from->group_instance_id;
    if (decode(&consumer_protocol_subscription_schema, from->metadata, arena, &sub)) {
        return ERR_OK; /* (A2) */
    }
    int32_t *topics = arena_array(arena, (size_t)sub.topics_n, sizeof(*topics));
    size_t owned_count = 0;
    for (int32_t i = 0; i < sub.owned_partitions_n; i++) {
        owned_count += (size_t)sub.owned_partitions[i].partitions_n;
    }
    struct assignor_partition *owned = arena_array(arena, owned_count, sizeof(*owned));
    if (!topics || !owned) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < sub.topics_n; i++) {
        int32_t t = topic_index(in, sub.topics[i]);
        if (t >= 0) {
            topics[m->topic_count++] = t;
        }
    }
    for (int32_t i = 0; i < sub.owned_partitions_n; i++) {
        int32_t t = topic_index(in, sub.owned_partitions[i].topic);
        for (int32_t j = 0; t >= 0 && j < sub.owned_partitions[i].partitions_n; j++) {
            owned[m->owned_count++] =
                (struct assignor_partition){ t, sub.owned_partitions[i].partitions[j] };
        }
    }
    m->topics = topics;
    m->owned = owned;
    m->generation = generation_of(&sub);
    return ERR_OK;
}

/* The partitions of a member are in the order of topics. */
static struct slice encode_assignment(const struct assignor_input *in,
                                      const struct assignor_member *m, struct arena *arena)
{
    struct consumer_protocol_assignment msg;
    schema_init(&consumer_protocol_assignment_schema, &msg);
    msg.assigned_partitions = schema_new(&consumer_protocol_assignment_topic_partition_schema,
                                         arena, (size_t)in->topic_count);
    int32_t last = -1;
    for (int32_t i = 0; i < m->assigned_count; i++) {
        if (m->assigned[i].topic != last) {
            last = m->assigned[i].topic;
            struct consumer_protocol_assignment_topic_partition *t =
                &msg.assigned_partitions[msg.assigned_partitions_n++];
            t->topic = in->topics[last].name;
            t->partitions = arena_array(arena, (size_t)m->assigned_count, sizeof(int32_t));
            t->partitions_n = 0;
        }
        struct consumer_protocol_assignment_topic_partition *t =
            &msg.assigned_partitions[msg.assigned_partitions_n - 1];
        t->partitions[t->partitions_n++] = m->assigned[i].partition;
    }
    return encode(arena, &consumer_protocol_assignment_schema, ASSIGNMENT_VERSION, &msg);
}

enum err group_assign(struct consumer *c, struct sync_group_request *request, struct arena *arena)
{
    struct group *g = &c->group;
    struct assignor_input in = { 0 };
    enum err err = collect_topics(c, &in, arena);
    in.members = arena_array(arena, (size_t)g->member_count, sizeof(*in.members));
    for (int32_t i = 0; !err && i < g->member_count; i++) {
        err = collect_member(&g->members[i], &in, arena);
    }
    err = err ? err : g->chosen->assign(&in, arena);
    if (err) {
        return err;
    }
    request->assignments =
        schema_new(&sync_group_request_assignment_schema, arena, (size_t)in.member_count);
    request->assignments_n = in.member_count;
    for (int32_t i = 0; i < in.member_count; i++) {
        request->assignments[i].member_id = in.members[i].member_id;
        request->assignments[i].assignment = encode_assignment(&in, &in.members[i], arena);
    }
    return ERR_OK;
}

/* --- taking over ------------------------------------------------------------------------------ */

enum err group_take_assignment(struct consumer *c, struct slice assignment)
{
    struct arena arena;
    struct consumer_protocol_assignment msg;
    schema_init(&consumer_protocol_assignment_schema, &msg);
    arena_init(&arena, MEMBERS_BYTES_MAX);
    /* A member without partitions may get no bytes at all. */
    enum err err = assignment.len
                       ? decode(&consumer_protocol_assignment_schema, assignment, &arena, &msg)
                       : ERR_OK;
    size_t total = 0, added = 0;
    for (int32_t i = 0; !err && i < msg.assigned_partitions_n; i++) {
        total += (size_t)msg.assigned_partitions[i].partitions_n;
    }
    struct part **fresh = arena_array(&arena, total, sizeof(*fresh));
    if (err || !fresh) {
        arena_deinit(&arena);
        return err ? err : ERR_LIMIT;
    }
    list_for_each(n, &c->parts) {
        list_entry(n, struct part, node)->keep = false;
    }
    for (int32_t i = 0; i < msg.assigned_partitions_n; i++) {
        const struct consumer_protocol_assignment_topic_partition *t = &msg.assigned_partitions[i];
        for (int32_t j = 0; j < t->partitions_n; j++) {
            struct part *p = consumer_find_part(c, t->topic, t->partitions[j]);
            if (!p && t->partitions[j] >= 0) {
                p = consumer_add_part(c, t->topic, t->partitions[j]);
                fresh[added++] = p;
            }
            if (p) {
                p->keep = true;
            }
        }
    }
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        p->revoking = p->revoking || !p->keep;
    }
    consumer_begin_revoke(c);
    consumer_tell_assigned(c, fresh, added);
    arena_deinit(&arena);
    return ERR_OK;
}
