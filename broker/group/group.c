/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.c - a group's members: who they are, who leads, and which protocol all of them share.
 * Driven by join.c, sync.c, rebalance.c and load.c. No decision about states is made here.
 *   (M1) leader_id names a member, or is null when there are none.
 *   (M2) instances holds exactly the members with an instance id.
 *   (M3) supported counts, for each protocol name, the members that offer it.
 *   (M4) joined counts the members whose join waits.
 */
#include "broker/group/group.h"

#include "protocol/base/alloc.h"

#include <assert.h>

struct slice group_own(struct slice s)
{
    return slice_is_null(s) ? s : slice_of(mem_strndup(s.ptr, s.len), s.len);
}

static void disown(struct slice *s)
{
    mem_free((void *)(uintptr_t)s->ptr);
    *s = slice_null();
}

void group_own_set(struct slice *s, struct slice with)
{
    struct slice copy = group_own(with);
    disown(s);
    *s = copy;
}

const char *group_state_text(enum group_state state)
{
    static const char *const texts[] = {
#define GROUP_STATE_TEXT(name, text) [GROUP_##name] = text,
        GROUP_STATE_LIST(GROUP_STATE_TEXT)
#undef GROUP_STATE_TEXT
    };
    return texts[state];
}

struct group *group_find(const struct coordinator *c, struct slice id)
{
    return map_get(&c->groups, id);
}

struct group *group_new(struct coordinator *c, struct slice id)
{
    struct group *g = mem_zalloc(sizeof(*g));
    g->c = c;
    g->id = group_own(id);
    g->partition = group_partition(id, c->config.partition_count);
    g->incarnation = c->next_incarnation++;
    g->state_ms = -1;
    g->members.seed = g->instances.seed = g->pending.seed = rng_next(&c->rng);
    g->supported.seed = g->offsets.seed = g->members.seed;
    g->join_timer = (struct group_timer){ .kind = GROUP_TIMER_JOIN, .group = g };
    g->sync_timer = (struct group_timer){ .kind = GROUP_TIMER_SYNC, .group = g };
    map_put(&c->groups, g->id, g);
    c->stats.groups++;
    return g;
}

void group_free(struct group *g)
{
    struct coordinator *c = g->c;
    uint32_t at = 0;
    struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        group_member_free(g, m);
    }
    at = 0;
    struct group_pending *p;
    while ((p = map_next(&g->pending, &at, NULL)) != NULL) {
        group_pending_remove(g, p->member_id);
    }
    at = 0;
    struct group_offset *o;
    while ((o = map_next(&g->offsets, &at, NULL)) != NULL) {
        c->stats.offsets -= o->committed;
        group_offset_free(o);
    }
    group_timer_cancel(&g->join_timer);
    group_timer_cancel(&g->sync_timer);
    map_deinit(&g->members);
    map_deinit(&g->instances);
    map_deinit(&g->pending);
    map_deinit(&g->supported);
    map_deinit(&g->offsets);
    map_remove(&c->groups, g->id);
    c->stats.groups--;
    disown(&g->id);
    disown(&g->protocol_type);
    disown(&g->protocol_name);
    disown(&g->leader_id);
    mem_free(g);
}

void group_free_if_unused(struct group *g)
{
    if (g->state == GROUP_EMPTY && !g->has_record && g->pending.count == 0 &&
        g->offsets.count == 0) {
        group_free(g);
    }
}

void group_set_state(struct group *g, struct group_now now, enum group_state state)
{
    g->state = state;
    g->state_ms = now.wall_ms;
}

struct group_member *group_member_find(const struct group *g, struct slice member_id)
{
    return map_get(&g->members, member_id);
}

int16_t group_member_check(const struct group *g, struct slice member_id, struct slice instance_id,
                           struct group_member **ret_member)
{
    struct group_member *m;
    if (!slice_is_null(instance_id)) {
        m = map_get(&g->instances, instance_id);
        if (m && !slice_eq(m->member_id, member_id)) {
            coordinator_trace(g->c, GROUP_TRACE_MEMBER_FENCED, g, "", member_id, slice_null());
            return KAFKA_FENCED_INSTANCE_ID;
        }
    } else {
        m = group_member_find(g, member_id);
    }
    if (!m) {
        return KAFKA_UNKNOWN_MEMBER_ID;
    }
    *ret_member = m;
    return KAFKA_NONE;
}

bool group_is_leader(const struct group *g, const struct group_member *m)
{
    return !slice_is_null(g->leader_id) && slice_eq(g->leader_id, m->member_id);
}

struct group_member *group_member_new(struct group *g, struct slice member_id,
                                      struct slice instance_id)
{
    struct group_member *m = mem_zalloc(sizeof(*m));
    m->member_id = group_own(member_id);
    m->instance_id = group_own(instance_id);
    m->session = (struct group_timer){ .kind = GROUP_TIMER_SESSION, .group = g, .member = m };
    map_put(&g->members, m->member_id, m);
    if (!slice_is_null(instance_id)) {
        map_put(&g->instances, m->instance_id, m);
    }
    if (slice_is_null(g->leader_id)) {
        group_own_set(&g->leader_id, member_id);
    }
    g->c->stats.members++;
    return m;
}

static void count_protocol(struct group *g, struct slice name, int change)
{
    /* The map's value is the number itself; 0 is no entry. */
    uintptr_t n = (uintptr_t)map_get(&g->supported, name);
    n = change > 0 ? n + 1 : n - 1;
    if (n == 0) {
        map_remove(&g->supported, name);
    } else {
        map_put(&g->supported, name, (void *)n);
    }
}

static void clear_protocols(struct group *g, struct group_member *m)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        count_protocol(g, m->protocols[i].name, -1);
        disown(&m->protocols[i].name);
        disown(&m->protocols[i].metadata);
    }
    mem_free(m->protocols);
    m->protocols = NULL;
    m->protocol_count = 0;
}

void group_member_free(struct group *g, struct group_member *m)
{
    bool led = group_is_leader(g, m);
    g->joined -= m->join.waiting;
    clear_protocols(g, m);
    map_remove(&g->members, m->member_id);
    if (!slice_is_null(m->instance_id)) {
        map_remove(&g->instances, m->instance_id);
    }
    group_timer_cancel(&m->session);
    disown(&m->member_id);
    disown(&m->instance_id);
    disown(&m->client_id);
    disown(&m->client_host);
    disown(&m->assignment);
    mem_free(m);
    g->c->stats.members--;
    if (led) {
        uint32_t at = 0;
        struct group_member *next = map_next(&g->members, &at, NULL);
        group_own_set(&g->leader_id, next ? next->member_id : slice_null());
    }
}

void group_member_rename(struct group *g, struct group_member *m, struct slice member_id)
{
    bool led = group_is_leader(g, m);
    map_remove(&g->members, m->member_id);
    group_own_set(&m->member_id, member_id);
    map_put(&g->members, m->member_id, m);
    if (led) {
        group_own_set(&g->leader_id, member_id);
    }
}

static bool offers(const struct group_member *m, struct slice name)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (slice_eq(m->protocols[i].name, name)) {
            return true;
        }
    }
    return false;
}

void group_member_set_protocols(struct group *g, struct group_member *m,
                                const struct join_group_request_protocol *protocols, int32_t n)
{
    clear_protocols(g, m);
    m->protocols = mem_array(n > 0 ? (size_t)n : 1, sizeof(*m->protocols));
    for (int32_t i = 0; i < n; i++) {
        if (offers(m, protocols[i].name)) {
            continue;
        }
        struct group_protocol *p = &m->protocols[m->protocol_count++];
        p->name = group_own(protocols[i].name);
        p->metadata = group_own(protocols[i].metadata);
        count_protocol(g, p->name, 1);
    }
}

bool group_member_offers(const struct group_member *m,
                         const struct join_group_request_protocol *protocols, int32_t n)
{
    if (n != (int32_t)m->protocol_count) {
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        if (!slice_eq(protocols[i].name, m->protocols[i].name) ||
            !slice_eq(protocols[i].metadata, m->protocols[i].metadata)) {
            return false;
        }
    }
    return true;
}

struct slice group_member_metadata(const struct group_member *m, struct slice protocol)
{
    for (uint32_t i = 0; i < m->protocol_count; i++) {
        if (slice_eq(m->protocols[i].name, protocol)) {
            return m->protocols[i].metadata;
        }
    }
    return slice_str("");
}

static bool offered_by_all(const struct group *g, struct slice name)
{
    return (uintptr_t)map_get(&g->supported, name) == g->members.count;
}

bool group_accepts_protocols(const struct group *g, struct slice protocol_type,
                             const struct join_group_request_protocol *protocols, int32_t n)
{
    if (protocol_type.len == 0 || n <= 0) {
        return false;
    }
    if (g->members.count == 0) {
        return true;
    }
    if (!slice_eq(g->protocol_type, protocol_type)) {
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        if (offered_by_all(g, protocols[i].name)) {
            return true;
        }
    }
    return false;
}

struct slice group_vote(const struct group *g)
{
    struct {
        struct slice name;
        uint32_t votes;
    } candidates[GROUP_PROTOCOLS_MAX];
    size_t n = 0;
    uint32_t at = 0;
    const struct group_member *m = map_next(&g->members, &at, NULL);
    for (uint32_t i = 0; m && i < m->protocol_count && n < GROUP_PROTOCOLS_MAX; i++) {
        if (offered_by_all(g, m->protocols[i].name)) {
            candidates[n].name = m->protocols[i].name;
            candidates[n++].votes = 0;
        }
    }
    for (at = 0; (m = map_next(&g->members, &at, NULL)) != NULL;) {
        bool voted = false;
        for (uint32_t i = 0; i < m->protocol_count && !voted; i++) {
            for (size_t k = 0; k < n && !voted; k++) {
                voted = slice_eq(m->protocols[i].name, candidates[k].name);
                candidates[k].votes += voted;
            }
        }
    }
    size_t best = 0;
    for (size_t k = 1; k < n; k++) {
        best = candidates[k].votes > candidates[best].votes ? k : best;
    }
    return n ? candidates[best].name : slice_null();
}

int32_t group_rebalance_timeout_ms(const struct group *g)
{
    int32_t most = 0;
    uint32_t at = 0;
    const struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        most = m->rebalance_timeout_ms > most ? m->rebalance_timeout_ms : most;
    }
    return most;
}

/* A subscription's version grows by appended fields only, so a later one reads as the latest known.
 */
static bool subscribes(struct slice subscription, struct slice topic)
{
    struct reader r = reader_of(subscription);
    int16_t version = reader_i16(&r);
    if (r.err || version < 0) {
        return true;
    }
    version = version > consumer_protocol_subscription_schema.max
                  ? consumer_protocol_subscription_schema.max
                  : version;
    struct arena arena;
    arena_init(&arena, 16 * 1024 * 1024);
    struct consumer_protocol_subscription s;
    bool found = true;
    if (!schema_decode(&consumer_protocol_subscription_schema, version, &r, &arena, &s)) {
        found = false;
        for (int32_t i = 0; i < s.topics_n && !found; i++) {
            found = slice_eq(s.topics[i], topic);
        }
    }
    arena_deinit(&arena);
    return found;
}

bool group_is_subscribed(const struct group *g, struct slice topic)
{
    uint32_t at = 0;
    const struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        for (uint32_t i = 0; i < m->protocol_count; i++) {
            if (subscribes(m->protocols[i].metadata, topic)) {
                return true;
            }
        }
    }
    return false;
}
