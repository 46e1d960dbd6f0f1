/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer.c - the consumer's partitions and what its user hears of them. Driven by the user, by
 * group_member.c and by the kick timer.
 *   (C1) A part is known to the user from assigned() (or consumer_assign()) until its revocation
 *        has ended or lost() has returned; its memory goes then, and no call in flight names it.
 *   (C2) A part that is being revoked is not fetched and gets no events.
 *   (C3) After consumer_close() there are no events but its done().
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

/* --- partitions ------------------------------------------------------------------------------- */

struct part *consumer_find_part(const struct consumer *c, struct slice topic, int32_t partition)
{
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (p->pub.partition == partition && slice_eq(p->pub.topic, topic)) {
            return p;
        }
    }
    return NULL;
}

struct part *consumer_add_part(struct consumer *c, struct slice topic, int32_t partition)
{
    struct part *p = mem_zalloc(sizeof(*p));
    p->consumer = c;
    p->pub.topic = slice_of(mem_strndup(topic.ptr, topic.len), topic.len);
    p->pub.partition = partition;
    p->pub.position = p->pub.committed = p->pub.high_watermark = -1;
    p->commit_wanted = p->end_told = p->too_large = p->fetch_at = -1;
    p->bytes_max = c->cfg.partition_bytes_max;
    p->tried_leader = p->tried_epoch = p->checked_epoch = -1;
    p->replica = p->asked_node = p->listing_node = -1;
    position_set_epoch(p, -1);
    p->seek = ++c->seeks;
    list_push_back(&c->parts, &p->node);
    c->part_count++;
    client_want_topic(c->client, p->pub.topic);
    return p;
}

void consumer_drop_part(struct consumer *c, struct part *p)
{
    if (c->current == p) {
        c->current = NULL;
    }
    c->commits_lost = c->commits_lost || p->commit_wanted > p->pub.committed;
    client_cancel(c->client, p);
    client_unwant_topic(c->client, p->pub.topic);
    list_remove(&p->node);
    c->part_count--;
    c->revoking -= p->revoking;
    mem_free((void *)(uintptr_t)p->pub.topic.ptr);
    mem_free(p);
}

/* Pointers of all parts (or of those being revoked), in the order of the list. */
static struct consumer_partition **list_parts(const struct consumer *c, bool revoking_only,
                                              size_t *ret_count)
{
    struct consumer_partition **list =
        mem_array(c->part_count + 1u, sizeof(struct consumer_partition *));
    *ret_count = 0;
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (p->revoking || !revoking_only) {
            list[(*ret_count)++] = &p->pub;
        }
    }
    return list;
}

void consumer_trouble(struct consumer *c, int16_t error, const char *text, bool fatal)
{
    if (c->events.trouble && !c->closing) {
        c->events.trouble(c->user, (enum kafka_error)error, text, fatal);
    }
}

void consumer_check_lacking(struct consumer *c, enum err err, const struct schema *request)
{
    uint64_t bit = 1ull << (request->key & 63);
    if (err != ERR_UNSUPPORTED || c->lacking & bit) {
        return;
    }
    c->lacking |= bit;
    char text[300];
    snprintf(text, sizeof(text),
             "the brokers do not offer %s in a version that this client knows (%d to %d), and no "
             "consumer can do without: use brokers that do; it is tried again until then",
             api_find(request->key)->name, request->min, request->max);
    consumer_trouble(c, KAFKA_UNSUPPORTED_VERSION, text, false);
}

void consumer_set_position(struct part *p, int64_t offset)
{
    p->seek = ++p->consumer->seeks;
    p->pub.position = p->fetch_at = offset;
}

void consumer_tell_assigned(struct consumer *c, struct part *const *parts, size_t count)
{
    if (!count) {
        return;
    }
    struct consumer_partition **list = mem_array(count, sizeof(struct consumer_partition *));
    for (size_t i = 0; i < count; i++) {
        list[i] = &parts[i]->pub;
    }
    if (c->events.assigned && !c->closing) {
        c->events.assigned(c->user, list, count);
    }
    mem_free(list);
    consumer_wake(c, 0);
}

/* --- giving up -------------------------------------------------------------------------------- */

/* Drops them, and goes on with the group. */
static void end_revoke(struct consumer *c)
{
    struct group *g = &c->group;
    timer_cancel(c->env, &g->revoke);
    c->revoke_answered = false;
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (p->revoking) {
            consumer_drop_part(c, p);
        }
    }
    if (g->phase == GROUP_STABLE) {
        group_rejoin(c, "the partitions that moved were given up");
    } else {
        group_step(c);
    }
}

void consumer_begin_revoke(struct consumer *c)
{
    uint32_t before = c->revoking;
    c->revoking = 0;
    list_for_each(n, &c->parts) {
        c->revoking += list_entry(n, struct part, node)->revoking;
    }
    if (c->revoking <= before) {
        return; /* nothing that the user has not been told of */
    }
    c->revoke_answered = false;
    timer_arm_in(c->env, &c->group.revoke, c->cfg.rebalance_timeout_ns);
    size_t count;
    struct consumer_partition **list = list_parts(c, true, &count);
    if (c->events.revoking && !c->closing) {
        c->events.revoking(c->user, list, count);
    } else {
        c->revoke_answered = true;
    }
    mem_free(list);
    consumer_check_revoked(c);
}

void consumer_check_revoked(struct consumer *c)
{
    if (c->revoking && c->revoke_answered && !offsets_pending(c, true) && !c->committing) {
        end_revoke(c);
    }
}

void consumer_revoked(struct consumer *c)
{
    if (c->revoking) {
        c->revoke_answered = true;
        offsets_commit(c);
        timer_arm_in(c->env, &c->revoked_timer, 0);
    }
}

static void on_revoked(void *owner)
{
    consumer_check_revoked(owner);
}

void consumer_lose(struct consumer *c, bool revoking_only)
{
    size_t count;
    struct consumer_partition **list = list_parts(c, revoking_only, &count);
    if (count && c->events.lost && !c->closing) {
        c->events.lost(c->user, list, count);
    }
    for (size_t i = 0; i < count; i++) {
        consumer_drop_part(c, part_of(list[i]));
    }
    mem_free(list);
    if (!c->revoking) {
        timer_cancel(c->env, &c->group.revoke);
        c->revoke_answered = false;
    }
    offsets_check_flushed(c);
    if (revoking_only) {
        end_revoke(c);
    }
}

/* --- the user's hand -------------------------------------------------------------------------- */

static void reset_part(struct part *p, int64_t offset)
{
    p->end_told = -1;
    p->retry_at_ns = 0;
    p->attempts = 0;
    p->gone = false;
    position_set_epoch(p, -1);
    consumer_set_position(p, offset >= 0 ? offset : p->pub.position);
    if (offset >= 0) {
        p->state = PART_ACTIVE;
    } else {
        p->state = PART_NEEDS_RESET;
        p->reset_to = offset;
    }
    consumer_wake(p->consumer, 0);
}

struct consumer_partition *consumer_assign(struct consumer *c, struct slice topic,
                                           int32_t partition, int64_t offset)
{
    struct part *p = consumer_add_part(c, topic, partition);
    reset_part(p, offset);
    return &p->pub;
}

void consumer_unassign(struct consumer *c, struct consumer_partition *part)
{
    consumer_drop_part(c, part_of(part));
}

void consumer_pause(struct consumer *c, struct consumer_partition *part)
{
    part_of(part)->paused = true;
}

void consumer_resume(struct consumer *c, struct consumer_partition *part)
{
    part_of(part)->paused = false;
    consumer_wake(c, 0);
}

void consumer_seek(struct consumer *c, struct consumer_partition *part, int64_t offset)
{
    reset_part(part_of(part), offset);
}

void consumer_commit(struct consumer *c, struct consumer_partition *part, int64_t offset,
                     uint64_t commit_delay_ns)
{
    struct part *p = part_of(part);
    if (!c->cfg.group_id || offset <= p->commit_wanted || offset <= p->pub.committed) {
        return;
    }
    p->commit_wanted = offset;
    uint64_t at = env_mono_ns(c->env) + commit_delay_ns;
    if (!timer_is_armed(&c->commit_timer) ||
        (c->commit_attempts == 0 && c->commit_timer.node.key > at)) {
        timer_arm(c->env, &c->commit_timer, at);
    }
}

static void on_commit_timer(void *owner)
{
    struct consumer *c = owner;
    offsets_commit(c);
    offsets_check_flushed(c);
}

void consumer_commit_flush(struct consumer *c, void (*done)(void *user, enum err err), void *user)
{
    struct flush_waiter *w = mem_zalloc(sizeof(*w));
    w->done = done;
    w->user = user;
    list_push_back(&c->flushes, &w->node);
    if (c->commit_attempts == 0) {
        timer_arm_in(c->env, &c->commit_timer, 0);
    }
}

struct consumer_stats consumer_get_stats(const struct consumer *c)
{
    static const char *const states[] = { "joining", "assigning", "syncing", "stable", "left" };
    const struct group *g = &c->group;
    struct consumer_stats s = {
        .state = !c->cfg.group_id ? "assigned"
                 : c->revoking    ? "revoking"
                                  : states[g->phase],
        .member_id = g->member_id,
        .generation = g->generation,
        .partitions = c->part_count,
        .fetches = c->fetches,
        .fetched_bytes = c->fetched_bytes,
        .rebalances = g->rebalances,
        .last_rebalance_reason = g->reason,
    };
    return s;
}

/* --- life ------------------------------------------------------------------------------------- */

void consumer_wake(struct consumer *c, uint64_t deadline_ns)
{
    uint64_t now = env_mono_ns(c->env);
    deadline_ns = deadline_ns > now ? deadline_ns : now;
    if (!c->closing && (!timer_is_armed(&c->kick) || c->kick.node.key > deadline_ns)) {
        timer_arm(c->env, &c->kick, deadline_ns);
    }
}

static void on_kick(void *owner)
{
    fetcher_run(owner);
}

static void on_metadata(void *owner)
{
    struct consumer *c = owner;
    group_on_metadata(c);
    if (timer_is_armed(&c->watch)) {
        timer_arm_in(c->env, &c->watch, 0);
    }
    consumer_wake(c, 0);
}

static const char *copy_string(struct consumer *c, const char *text)
{
    return text ? (const char *)arena_copy(&c->strings, slice_str(text)).ptr : NULL;
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

static void set_config(struct consumer *c, const struct consumer_config *cfg)
{
    c->cfg = *cfg;
    c->cfg.group_id = copy_string(c, cfg->group_id);
    c->cfg.group_instance_id = copy_string(c, cfg->group_instance_id);
    c->cfg.rack_id = copy_string(c, cfg->rack_id);
    const char **topics = arena_array(&c->strings, cfg->topic_count, sizeof(*topics));
    for (size_t i = 0; i < cfg->topic_count; i++) {
        topics[i] = copy_string(c, cfg->topics[i]);
    }
    c->cfg.topics = topics;
    c->cfg.assignors = NULL;
    c->cfg.session_timeout_ns = or_default(cfg->session_timeout_ns, 45ull * NS_PER_S);
    c->cfg.heartbeat_interval_ns = or_default(cfg->heartbeat_interval_ns, 3ull * NS_PER_S);
    c->cfg.rebalance_timeout_ns = or_default(cfg->rebalance_timeout_ns, 300ull * NS_PER_S);
    c->cfg.fetch_wait_ns = or_default(cfg->fetch_wait_ns, 500ull * NS_PER_MS);
    c->cfg.fetch_bytes_min = cfg->fetch_bytes_min ? cfg->fetch_bytes_min : 1;
    c->cfg.fetch_bytes_max = cfg->fetch_bytes_max ? cfg->fetch_bytes_max : 50 << 20;
    c->cfg.partition_bytes_max = cfg->partition_bytes_max ? cfg->partition_bytes_max : 1 << 20;
}

/* Unknown names are left out: whoever reads the configuration has checked them. */
static void set_assignors(struct consumer *c, const struct consumer_config *cfg)
{
    static const char *const usual[] = { "range", "cooperative-sticky" };
    struct group *g = &c->group;
    const char *const *names = cfg->assignor_count ? cfg->assignors : usual;
    size_t count = cfg->assignor_count ? cfg->assignor_count : 2;
    g->cooperative = true;
    for (size_t i = 0; i < count && g->assignor_count < ASSIGNORS_MAX; i++) {
        const struct assignor *a = assignor_find(slice_str(names[i]));
        if (a) {
            g->assignors[g->assignor_count++] = a;
            g->cooperative = g->cooperative && a->cooperative;
        }
    }
    assert(g->assignor_count);
}

struct consumer *consumer_new(struct client *client, const struct consumer_config *cfg,
                              const struct consumer_events *events, void *user)
{
    struct consumer *c = mem_zalloc(sizeof(*c));
    c->client = client;
    c->env = client_env(client);
    c->log = log_for(client_log(client), "consumer");
    c->events = *events;
    c->user = user;
    c->lane_fetch = client_lane_new(client);
    c->lane_group = client_lane_new(client);
    list_init(&c->parts);
    list_init(&c->flushes);
    arena_init(&c->strings, SIZE_MAX / 2);
    arena_init(&c->scratch, SIZE_MAX / 2);
    set_config(c, cfg);
    set_assignors(c, cfg);
    c->kick = (struct timer){ .fire = on_kick, .owner = c };
    c->watch = (struct timer){ .fire = consumer_on_watch, .owner = c };
    c->commit_timer = (struct timer){ .fire = on_commit_timer, .owner = c };
    c->revoked_timer = (struct timer){ .fire = on_revoked, .owner = c };
    c->listener.changed = on_metadata;
    c->listener.owner = c;
    client_listen(client, &c->listener);
    for (size_t i = 0; i < c->cfg.topic_count; i++) {
        client_want_topic(client, slice_str(c->cfg.topics[i]));
    }
    group_init(c);
    return c;
}

void consumer_free(struct consumer *c)
{
    if (!c) {
        return;
    }
    c->closing = true;
    client_unlisten(&c->listener);
    group_deinit(c);
    timer_cancel(c->env, &c->kick);
    timer_cancel(c->env, &c->watch);
    timer_cancel(c->env, &c->commit_timer);
    timer_cancel(c->env, &c->revoked_timer);
    timer_cancel(c->env, &c->close_timer);
    uint32_t cursor = 0;
    struct fetch_leader *l;
    while ((l = map_next(&c->leaders, &cursor, NULL))) {
        client_cancel(c->client, l);
        mem_free(l);
    }
    map_deinit(&c->leaders);
    client_cancel(c->client, c);
    if (c->commit_sent) {
        client_cancel(c->client, c->commit_sent);
        arena_deinit(&c->commit_sent->arena);
        mem_free(c->commit_sent);
    }
    struct list_node *n;
    while ((n = list_first(&c->parts))) {
        consumer_drop_part(c, list_entry(n, struct part, node));
    }
    while ((n = list_pop_front(&c->flushes))) {
        mem_free(list_entry(n, struct flush_waiter, node));
    }
    client_lane_free(c->client, c->lane_fetch);
    client_lane_free(c->client, c->lane_group);
    for (size_t i = 0; i < c->cfg.topic_count; i++) {
        client_unwant_topic(c->client, slice_str(c->cfg.topics[i]));
    }
    buf_deinit(&c->views);
    arena_deinit(&c->scratch);
    arena_deinit(&c->strings);
    mem_free(c);
}

/* --- close ------------------------------------------------------------------------------------ */

static void closed(struct consumer *c)
{
    timer_cancel(c->env, &c->close_timer);
    void (*done)(void *user) = c->close_done;
    c->close_done = NULL;
    if (done) {
        done(c->close_user); /* may free the consumer */
    }
}

static void on_left(void *user, enum err err, int16_t version, const void *response)
{
    closed(user);
}

static void on_close_timeout(void *owner)
{
    struct consumer *c = owner;
    client_cancel(c->client, c);
    closed(c);
}

/* The commits hold, or are lost: leave. Static members stay: they will be back (KIP-345), unless
 * leave_on_close says that an orderly end is a departure. */
static void on_close_flushed(void *user, enum err err)
{
    struct consumer *c = user;
    struct group *g = &c->group;
    bool leaves = !c->cfg.group_instance_id || c->cfg.leave_on_close;
    if (c->cfg.group_id && leaves && g->coordinator >= 0 && g->member_id[0]) {
        group_leave(c, on_left);
    } else {
        g->phase = GROUP_LEFT;
        timer_arm_in(c->env, &c->close_timer, 0);
    }
}

void consumer_close(struct consumer *c, void (*done)(void *user), void *user)
{
    static const uint64_t close_max_ns = 10ull * NS_PER_S;
    c->closing = true;
    c->close_done = done;
    c->close_user = user;
    c->close_timer = (struct timer){ .fire = on_close_timeout, .owner = c };
    timer_arm_in(c->env, &c->close_timer, close_max_ns);
    timer_cancel(c->env, &c->kick);
    consumer_commit_flush(c, on_close_flushed, c);
}
