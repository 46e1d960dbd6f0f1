/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets.c - the group's committed offsets: asked for at the start, committed as the user goes on.
 * Driven by consumer.c, group_member.c and its own timer.
 *   (O1) One OffsetCommit is in flight at a time; it names what is wanted and not yet there.
 *   (O2) A committed offset never goes back, unless the log behind it is gone: then the partition
 *        is lost and assigned anew (fetcher.c), and begins to commit where it begins to read.
 *   (O3) A commit is retried until it holds or its partition is gone. Offsets travel by topic name
 *        (OffsetCommit 9, OffsetFetch 9): ids (version 10) add nothing for a member that knows
 *        names.
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

enum { NAMES_VERSION_MAX = 9 };

static bool is_pending(const struct part *p)
{
    return p->commit_wanted > p->pub.committed;
}

bool offsets_pending(const struct consumer *c, bool revoking_only)
{
    list_for_each(n, &c->parts) {
        const struct part *p = list_entry(n, struct part, node);
        if (is_pending(p) && (!revoking_only || p->revoking)) {
            return true;
        }
    }
    return false;
}

void offsets_check_flushed(struct consumer *c)
{
    if (offsets_pending(c, false)) {
        return;
    }
    enum err err = c->commits_lost ? ERR_CANCELED : ERR_OK;
    c->commits_lost = false;
    struct list_node done;
    list_init(&done);
    struct list_node *n;
    while ((n = list_pop_front(&c->flushes))) {
        list_push_back(&done, n);
    }
    while ((n = list_pop_front(&done))) {
        struct flush_waiter w = *list_entry(n, struct flush_waiter, node);
        mem_free(list_entry(n, struct flush_waiter, node));
        w.done(w.user, err);
    }
}

/* --- commits ---------------------------------------------------------------------------------- */

static void committed(struct consumer *c, struct slice topic, int32_t partition, int64_t offset)
{
    struct part *p = consumer_find_part(c, topic, partition);
    /* Above what is wanted: an answer from before the partition was taken up anew. */
    if (p && offset > p->pub.committed && offset <= p->commit_wanted) {
        p->pub.committed = offset;
    }
}

static int64_t sent_offset(const struct commit_sent *s, struct slice topic, int32_t partition)
{
    for (int32_t i = 0; i < s->request.topics_n; i++) {
        const struct offset_commit_request_topic *t = &s->request.topics[i];
        for (int32_t j = 0; slice_eq(t->name, topic) && j < t->partitions_n; j++) {
            if (t->partitions[j].partition_index == partition) {
                return t->partitions[j].committed_offset;
            }
        }
    }
    return -1;
}

/* The worst of the answer's errors; what holds is noted. */
static int16_t take_commits(struct consumer *c, const struct commit_sent *s,
                            const struct offset_commit_response *r)
{
    int16_t worst = KAFKA_NONE;
    for (int32_t i = 0; i < r->topics_n; i++) {
        const struct offset_commit_response_topic *t = &r->topics[i];
        for (int32_t j = 0; j < t->partitions_n; j++) {
            int32_t partition = t->partitions[j].partition_index;
            if (t->partitions[j].error_code) {
                worst = t->partitions[j].error_code;
            } else {
                committed(c, t->name, partition, sent_offset(s, t->name, partition));
            }
        }
    }
    return worst;
}

static void on_committed(void *user, enum err err, int16_t version, const void *response)
{
    struct commit_sent *s = user;
    struct consumer *c = s->consumer;
    int16_t error = err ? KAFKA_NONE : take_commits(c, s, response);
    int32_t generation = s->generation;
    c->committing = false;
    c->commit_sent = NULL;
    arena_deinit(&s->arena);
    mem_free(s);
    consumer_check_lacking(c, err, &offset_commit_request_schema);
    if (err) {
        group_coordinator_lost(c);
    } else if (error) {
        group_judge(c, error, generation);
    }
    c->commit_attempts = err || error ? c->commit_attempts + 1 : 0;
    if (c->commit_attempts) {
        timer_arm_in(c->env, &c->commit_timer, client_backoff_ns(c->client, c->commit_attempts));
    } else if (offsets_pending(c, false)) {
        timer_arm_in(c->env, &c->commit_timer, 0);
    }
    consumer_check_revoked(c);
    offsets_check_flushed(c);
}

static struct offset_commit_request_topic *commit_topic(struct commit_sent *s, struct part *p,
                                                        uint32_t room)
{
    for (int32_t i = 0; i < s->request.topics_n; i++) {
        if (slice_eq(s->request.topics[i].name, p->pub.topic)) {
            return &s->request.topics[i];
        }
    }
    struct offset_commit_request_topic *t = &s->request.topics[s->request.topics_n++];
    t->name = arena_copy(&s->arena, p->pub.topic);
    t->partitions = schema_new(&offset_commit_request_partition_schema, &s->arena, room);
    t->partitions_n = 0;
    return t;
}

void offsets_commit(struct consumer *c)
{
    const struct group *g = &c->group;
    if (c->committing || !c->cfg.group_id || g->coordinator < 0 || g->generation < 0) {
        if (!c->committing && g->coordinator < 0 && offsets_pending(c, false)) {
            group_step(c);
        }
        return;
    }
    if (!offsets_pending(c, false)) {
        return;
    }
    struct commit_sent *s = mem_zalloc(sizeof(*s));
    s->consumer = c;
    s->generation = g->generation;
    arena_init(&s->arena, SIZE_MAX / 2);
    schema_init(&offset_commit_request_schema, &s->request);
    s->request.group_id = slice_str(c->cfg.group_id);
    s->request.generation_id_or_member_epoch = g->generation;
    s->request.member_id = slice_str(g->member_id);
    s->request.group_instance_id = slice_str(c->cfg.group_instance_id);
    s->request.topics = schema_new(&offset_commit_request_topic_schema, &s->arena, c->part_count);
    s->request.topics_n = 0;
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (is_pending(p)) {
            struct offset_commit_request_topic *t = commit_topic(s, p, c->part_count);
            struct offset_commit_request_partition *o = &t->partitions[t->partitions_n++];
            o->partition_index = p->pub.partition;
            o->committed_offset = p->commit_wanted;
            o->committed_leader_epoch = position_epoch_at(p, p->commit_wanted);
            o->committed_metadata = slice_str("");
        }
    }
    c->committing = true;
    c->commit_sent = s;
    client_call(c->client, g->coordinator, &offset_commit_request_schema, &s->request,
                NAMES_VERSION_MAX, 0, on_committed, s);
    consumer_watch(c);
}

/* --- the offsets to begin with ---------------------------------------------------------------- */

static void begin(struct part *p, int64_t offset, int32_t epoch)
{
    struct consumer *c = p->consumer;
    if (p->state != PART_NEEDS_COMMITTED) {
        return;
    }
    if (offset >= 0) {
        p->pub.committed = p->commit_wanted = offset;
        consumer_set_position(p, offset);
        position_set_epoch(p, epoch >= 0 ? epoch : -1);
        p->state = PART_ACTIVE;
    } else if (c->cfg.offset_reset == OFFSET_RESET_NONE) {
        p->state = PART_STUCK;
        consumer_trouble(c, KAFKA_OFFSET_OUT_OF_RANGE,
                         "the group has no offset for a partition, and auto.offset.reset is none: "
                         "commit or seek one, or set a reset policy",
                         false);
    } else {
        p->state = PART_NEEDS_RESET;
        p->reset_to = c->cfg.offset_reset == OFFSET_RESET_LATEST ? OFFSET_LATEST : OFFSET_EARLIEST;
    }
}

static void take_offset(struct consumer *c, struct slice topic, int32_t partition, int16_t error,
                        int64_t offset, int32_t epoch, int16_t *worst)
{
    struct part *p = consumer_find_part(c, topic, partition);
    if (error) {
        *worst = error;
    } else if (p) {
        begin(p, offset, epoch);
    }
}

/* Version 8 answers for many groups, in other structs. */
static int16_t take_offsets(struct consumer *c, int16_t version,
                            const struct offset_fetch_response *r)
{
    int16_t worst = r->error_code;
    if (version >= 8) {
        const struct offset_fetch_response_group *g = r->groups_n == 1 ? &r->groups[0] : NULL;
        worst = g ? g->error_code : (int16_t)KAFKA_UNKNOWN_SERVER_ERROR;
        for (int32_t i = 0; g && i < g->topics_n; i++) {
            const struct offset_fetch_response_topics *t = &g->topics[i];
            for (int32_t j = 0; j < t->partitions_n; j++) {
                const struct offset_fetch_response_partitions *o = &t->partitions[j];
                take_offset(c, t->name, o->partition_index, o->error_code, o->committed_offset,
                            o->committed_leader_epoch, &worst);
            }
        }
        return worst;
    }
    for (int32_t i = 0; i < r->topics_n; i++) {
        const struct offset_fetch_response_topic *t = &r->topics[i];
        for (int32_t j = 0; j < t->partitions_n; j++) {
            const struct offset_fetch_response_partition *o = &t->partitions[j];
            take_offset(c, t->name, o->partition_index, o->error_code, o->committed_offset,
                        o->committed_leader_epoch, &worst);
        }
    }
    return worst;
}

static void on_offsets(void *user, enum err err, int16_t version, const void *response)
{
    struct consumer *c = user;
    c->fetching_offsets = false;
    int16_t error = err ? KAFKA_NONE : take_offsets(c, version, response);
    consumer_check_lacking(c, err, &offset_fetch_request_schema);
    if (err) {
        group_coordinator_lost(c);
    } else if (error) {
        group_judge(c, error, c->group.generation);
    }
    if (err || error) {
        c->offsets_attempts++;
        c->offsets_at_ns = env_mono_ns(c->env) + client_backoff_ns(c->client, c->offsets_attempts);
        consumer_wake(c, c->offsets_at_ns);
    } else {
        c->offsets_attempts = 0;
        consumer_wake(c, 0);
    }
}

struct offset_lists {
    struct offset_fetch_request_topics *topics;
    struct offset_fetch_request_topic *old_topics; /* the same for versions below 8 */
    int32_t count;
};

static void add_wanted(struct consumer *c, struct offset_lists *l, const struct part *p)
{
    int32_t i = 0;
    while (i < l->count && !slice_eq(l->topics[i].name, p->pub.topic)) {
        i++;
    }
    if (i == l->count) {
        l->count++;
        l->topics[i].name = l->old_topics[i].name = p->pub.topic;
        l->topics[i].partition_indexes = arena_array(&c->scratch, c->part_count, sizeof(int32_t));
        l->topics[i].partition_indexes_n = 0;
    }
    l->topics[i].partition_indexes[l->topics[i].partition_indexes_n++] = p->pub.partition;
    l->old_topics[i].partition_indexes = l->topics[i].partition_indexes;
    l->old_topics[i].partition_indexes_n = l->topics[i].partition_indexes_n;
}

void offsets_fetch(struct consumer *c)
{
    const struct group *g = &c->group;
    if (c->fetching_offsets || g->coordinator < 0) {
        return;
    }
    if (env_mono_ns(c->env) < c->offsets_at_ns) {
        consumer_wake(c,
                      c->offsets_at_ns); /* somebody else's wake was earlier, and took its place */
        return;
    }
    arena_reset(&c->scratch);
    struct offset_lists lists = {
        .topics = schema_new(&offset_fetch_request_topics_schema, &c->scratch, c->part_count),
        .old_topics = schema_new(&offset_fetch_request_topic_schema, &c->scratch, c->part_count),
    };
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (p->state == PART_NEEDS_COMMITTED) {
            add_wanted(c, &lists, p);
        }
    }
    if (!lists.count) {
        return;
    }
    struct offset_fetch_request request;
    struct offset_fetch_request_group group;
    schema_init(&offset_fetch_request_schema, &request);
    schema_init(&offset_fetch_request_group_schema, &group);
    request.group_id = group.group_id = slice_str(c->cfg.group_id);
    request.topics = lists.old_topics;
    request.topics_n = lists.count;
    request.groups = &group;
    request.groups_n = 1;
    request.require_stable = true; /* KIP-447: an offset of an open transaction is waited for */
    group.topics = lists.topics;
    group.topics_n = lists.count;
    c->fetching_offsets = true;
    client_call(c->client, g->coordinator, &offset_fetch_request_schema, &request,
                NAMES_VERSION_MAX, 0, on_offsets, c);
    consumer_watch(c);
}
