/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - which brokers and topics there are, kept fresh. Driven by client.c and its own
 * timer.
 *   (M1) At most one request is in flight; refreshes asked for in quick succession are spaced by
 *        the back-off, whose cap here is a fraction of a second at first and a second later: a new
 *        leader is found soon after it is there. A topic that is new to us does not wait for it.
 *   (M2) A partition's leader epoch never goes back while the topic's id is the same (KIP-320).
 *   (M3) Topics that somebody wants stay in the map, known or not; they are looked for until found.
 */
#include "protocol/client/client_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

enum { HURRY_MAX = 25, HURRY_TOLD = 3 };
static const uint64_t BRISK_MAX_NS = 300 * NS_PER_MS; /* below HURRY_MAX */
static const uint64_t RETRY_MAX_NS = NS_PER_S;

static void send_request(struct client *c);

/* --- topics ----------------------------------------------------------------------------------- */

static struct topic_entry *get_entry(struct metadata *m, struct slice name)
{
    struct topic_entry *e = map_get(&m->topics, name);
    if (!e) {
        e = mem_zalloc(sizeof(*e));
        e->topic.name = slice_of(mem_strndup(name.ptr, name.len), name.len);
        map_put(&m->topics, name, e);
    }
    return e;
}

static void free_entry(struct topic_entry *e)
{
    mem_free((void *)(uintptr_t)e->topic.name.ptr);
    mem_free(e->topic.partitions);
    mem_free(e);
}

void client_want_topic(struct client *c, struct slice name)
{
    struct topic_entry *e = get_entry(&c->metadata, name);
    if (e->wants++ == 0 && !e->known) {
        if (c->metadata.in_flight) {
            c->metadata.at_once = true;
        } else {
            timer_arm_in(c->env, &c->metadata.timer, 0);
        }
    }
}

void client_unwant_topic(struct client *c, struct slice name)
{
    struct topic_entry *e = map_get(&c->metadata.topics, name);
    if (e && e->wants > 0 && --e->wants == 0 && !c->metadata.want_all) {
        map_remove(&c->metadata.topics, name);
        free_entry(e);
    }
}

void client_want_all_topics(struct client *c, bool all)
{
    struct metadata *m = &c->metadata;
    if (all) {
        m->want_all++;
        client_refresh(c);
    } else if (m->want_all > 0) {
        m->want_all--;
    }
}

const struct client_topic *client_topic(const struct client *c, struct slice name)
{
    const struct topic_entry *e = map_get(&c->metadata.topics, name);
    return e && e->known ? &e->topic : NULL;
}

const struct client_topic *client_topic_next(const struct client *c, uint32_t *cursor)
{
    struct topic_entry *e;
    while ((e = map_next(&c->metadata.topics, cursor, NULL))) {
        if (e->known) {
            return &e->topic;
        }
    }
    return NULL;
}

const struct client_topic *client_topic_by_id(const struct client *c, const struct uuid *id)
{
    uint32_t cursor = 0;
    const struct client_topic *t;
    while ((t = client_topic_next(c, &cursor))) {
        if (uuid_eq(&t->id, id)) {
            return t;
        }
    }
    return NULL;
}

const char *client_cluster_id(const struct client *c)
{
    return c->metadata.cluster_id;
}

/* --- listeners -------------------------------------------------------------------------------- */

void client_listen(struct client *c, struct client_listener *l)
{
    list_push_back(&c->metadata.listeners, &l->node);
}

void client_unlisten(struct client_listener *l)
{
    list_remove(&l->node);
}

/* A listener may go, or bring others down, while we walk: each round takes the list anew. */
static void tell_listeners(struct metadata *m)
{
    struct list_node told;
    list_init(&told);
    struct list_node *n;
    while ((n = list_pop_front(&m->listeners))) {
        list_push_back(&told, n);
        struct client_listener *l = list_entry(n, struct client_listener, node);
        l->changed(l->owner);
    }
    while ((n = list_pop_front(&told))) {
        list_push_back(&m->listeners, n);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool apply_partition(struct client_partition *p, const struct metadata_response_partition *r,
                            bool same_topic)
{
    if (same_topic && r->leader_epoch >= 0 && r->leader_epoch < p->leader_epoch) {
        return p->leader_id >= 0; /* (M2): this broker has not heard the news yet */
    }
    p->index = r->partition_index;
    p->leader_id = r->leader_id;
    p->leader_epoch = r->leader_epoch;
    p->error = (enum kafka_error)r->error_code;
    return r->leader_id >= 0;
}

void client_learn_leader(struct client *c, struct slice topic, int32_t partition, int32_t leader_id,
                         int32_t leader_epoch)
{
    struct topic_entry *e = map_get(&c->metadata.topics, topic);
    if (!e || partition < 0 || partition >= e->topic.partition_count || !node_find(c, leader_id)) {
        return;
    }
    struct client_partition *p = &e->topic.partitions[partition];
    if (leader_id >= 0 && leader_epoch > p->leader_epoch) {
        p->leader_id = leader_id;
        p->leader_epoch = leader_epoch;
        p->error = KAFKA_NONE;
    }
}

/* Once when a topic stays missing, and once when it is there. */
static void tell_missing(struct client *c, struct topic_entry *e, bool missing)
{
    if (missing && e->wants && !e->told && c->metadata.hurry >= HURRY_TOLD) {
        e->told = true;
        log_warn(&c->log,
                 "a topic cannot be used; it is looked for until it is there: create it, or check "
                 "its name and the rights of this client",
                 KV_SLICE("topic", e->topic.name),
                 KV_STR("why", kafka_error_text((int16_t)e->topic.error)));
    } else if (!missing && e->told) {
        e->told = false;
        log_info(&c->log, "the topic is there now", KV_SLICE("topic", e->topic.name));
    }
}

/* Whether everything is known: a topic without leaders is asked for again soon. */
static bool apply_topic(struct client *c, const struct metadata_response_topic *r)
{
    struct metadata *m = &c->metadata;
    if (slice_is_null(r->name)) {
        return true;
    }
    struct topic_entry *e = get_entry(m, r->name);
    struct client_topic *t = &e->topic;
    e->seen = e->known = true;
    t->error = (enum kafka_error)r->error_code;
    t->internal = r->is_internal;
    if (r->error_code && r->partitions_n <= 0) {
        if (r->error_code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
            t->partition_count = 0;
        }
        tell_missing(c, e, true);
        return false;
    }
    tell_missing(c, e, false);
    bool same = uuid_eq(&t->id, &r->topic_id);
    int32_t count = r->partitions_n;
    if (count > t->partition_count) {
        t->partitions = mem_rearray(t->partitions, (size_t)count, sizeof(*t->partitions));
    }
    for (int32_t i = same ? t->partition_count : 0; i < count; i++) {
        t->partitions[i] = (struct client_partition){ i, -1, -1, KAFKA_LEADER_NOT_AVAILABLE };
    }
    t->id = r->topic_id;
    t->partition_count = count;
    bool whole = true;
    for (int32_t i = 0; i < count; i++) {
        const struct metadata_response_partition *p = &r->partitions[i];
        if (p->partition_index >= 0 && p->partition_index < count) {
            whole = apply_partition(&t->partitions[p->partition_index], p, same) && whole;
        }
    }
    return whole;
}

static bool apply(struct client *c, const struct metadata_response *r)
{
    struct metadata *m = &c->metadata;
    uint32_t cursor = 0;
    struct topic_entry *e;
    while ((e = map_next(&m->topics, &cursor, NULL))) {
        e->seen = false;
    }
    if (r->cluster_id.ptr) {
        snprintf(m->cluster_id, sizeof(m->cluster_id), "%.*s",
                 SLICE_ARG(slice_head(r->cluster_id, 63)));
    }
    m->controller_id = r->controller_id;
    nodes_set(c, r);
    bool whole = true;
    for (int32_t i = 0; i < r->topics_n; i++) {
        whole = apply_topic(c, &r->topics[i]) && whole;
    }
    struct slice name;
    for (cursor = 0; (e = map_next(&m->topics, &cursor, &name)) != NULL;) {
        if (!e->seen && !e->wants) {
            map_remove(&m->topics, name);
            free_entry(e);
        } else if (!e->seen) {
            e->topic.partition_count = 0;
            e->topic.error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            whole = false;
        }
    }
    return whole;
}

/* --- the cycle -------------------------------------------------------------------------------- */

static uint64_t spacing_ns(struct client *c)
{
    uint64_t ns = client_backoff_ns(c, c->metadata.hurry + 1);
    uint64_t most = c->metadata.hurry < HURRY_MAX ? BRISK_MAX_NS : RETRY_MAX_NS;
    return ns < most ? ns : most;
}

void client_refresh(struct client *c)
{
    struct metadata *m = &c->metadata;
    if (m->in_flight) {
        m->again = true;
        return;
    }
    uint64_t now = env_mono_ns(c->env);
    uint64_t at = m->last_ns ? m->last_ns + spacing_ns(c) : now;
    at = at > now ? at : now;
    if (!timer_is_armed(&m->timer) || m->timer.node.key > at) {
        /* Quiet for a while: the next one comes at once. */
        m->hurry = now - m->last_ns > 10 * RETRY_MAX_NS ? 0 : m->hurry;
        timer_arm(c->env, &m->timer, at);
    }
}

static void on_answer(void *user, enum err err, int16_t version, const void *response)
{
    struct client *c = user;
    struct metadata *m = &c->metadata;
    const struct metadata_response *r = response;
    m->in_flight = false;
    if (c->freeing) {
        return;
    }
    if (err == ERR_UNSUPPORTED && !m->told_unsupported) {
        m->told_unsupported = true;
        log_error(&c->log, "the brokers do not offer Metadata in a version that this client knows: "
                           "use brokers that do; it is tried again until then");
    }
    bool whole = false;
    if (!err && !r->error_code) {
        whole = apply(c, r) && r->brokers_n > 0;
        tell_listeners(m);
    }
    if (m->in_flight) {
        return;
    }
    if (m->at_once && !err) {
        timer_arm_in(c->env, &m->timer, 0);
        return;
    }
    if (whole && !m->again) {
        m->hurry = 0;
        timer_arm_in(c->env, &m->timer, c->cfg.metadata_max_age_ns);
        return;
    }
    m->again = false;
    m->hurry = m->hurry < HURRY_MAX ? m->hurry + 1 : HURRY_MAX;
    timer_arm_in(c->env, &m->timer, spacing_ns(c));
}

static void send_request(struct client *c)
{
    struct metadata *m = &c->metadata;
    struct arena arena;
    arena_init(&arena, SIZE_MAX / 2);
    struct metadata_request request;
    schema_init(&metadata_request_schema, &request);
    request.allow_auto_topic_creation = c->cfg.allow_auto_topic_creation;
    request.topics = schema_new(&metadata_request_topic_schema, &arena, m->topics.count);
    request.topics_n = 0;
    uint32_t cursor = 0;
    struct topic_entry *e;
    while ((e = map_next(&m->topics, &cursor, NULL))) {
        if (e->wants) {
            request.topics[request.topics_n++].name = e->topic.name;
        }
    }
    if (m->want_all) {
        request.topics_n = -1;
    }
    m->in_flight = true;
    m->again = m->at_once = false;
    m->last_ns = env_mono_ns(c->env);
    client_call(c, NODE_ASK, &metadata_request_schema, &request, -1, 0, on_answer, c);
    arena_deinit(&arena);
}

static void on_timer(void *owner)
{
    send_request(owner);
}

void metadata_init(struct client *c)
{
    struct metadata *m = &c->metadata;
    list_init(&m->listeners);
    m->timer.fire = on_timer;
    m->timer.owner = c;
    m->controller_id = -1;
    timer_arm_in(c->env, &m->timer, 0);
}

void metadata_deinit(struct client *c)
{
    struct metadata *m = &c->metadata;
    timer_cancel(c->env, &m->timer);
    uint32_t cursor = 0;
    struct topic_entry *e;
    while ((e = map_next(&m->topics, &cursor, NULL))) {
        free_entry(e);
    }
    map_deinit(&m->topics);
}
