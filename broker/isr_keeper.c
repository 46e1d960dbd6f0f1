/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr_keeper.c - see isr_keeper.h. Driven by fetches of followers, by timers, and by the
 * controller's answers.
 *   (K1) One AlterPartition is under way at a time; what comes up meanwhile goes with the next
 *        one.
 *   (K2) A partition whose proposal is under way is found again by its topic id and index, and by
 *        the proposal's number: it may be gone, or led in another epoch.
 */
#include "broker/isr_keeper.h"

#include "broker/broker.h"
#include "broker/controller_channel.h"
#include "protocol/base/alloc.h"

enum {
    REQUEST_PARTITIONS_MAX = 1000,
    REQUEST_BYTES_MAX = 8 << 20,
    RETRY_MS = 100,
    GLANCES = 10,  /* in a broker's session */
    LATE_MS = 500, /* a timer that is so late: the process stood still */
};

/* One proposal as it was sent. */
struct isr_sent {
    struct uuid topic_id;
    int32_t partition;
    int32_t leader_epoch, partition_epoch;
    struct isr_proposal proposal; /* members live in the request's arena */
};

struct isr_request {
    struct arena arena;
    struct isr_sent *sent;
    uint32_t count;
    bool under_way; /* else it waits to be sent again */
};

static void request_free(struct isr_request *r)
{
    if (r) {
        arena_deinit(&r->arena);
        mem_free(r);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct partition *find(struct broker *b, const struct isr_sent *s)
{
    const struct topic *t = topic_find_id(&b->topics, &s->topic_id);
    struct partition *p = t ? topic_partition(t, s->partition) : NULL;
    return p && p->isr && p->isr->leader_epoch == s->leader_epoch ? p : NULL;
}

static const struct alter_partition_response_partition_data *
find_row(const struct alter_partition_response *resp, const struct isr_sent *s)
{
    for (int32_t i = 0; i < resp->topics_n; i++) {
        const struct alter_partition_response_topic_data *t = &resp->topics[i];
        for (int32_t k = 0; uuid_eq(&t->topic_id, &s->topic_id) && k < t->partitions_n; k++) {
            if (t->partitions[k].partition_index == s->partition) {
                return &t->partitions[k];
            }
        }
    }
    return NULL;
}

/* True when the same must be sent again. */
static bool take_answer(struct broker *b, const struct isr_sent *s,
                        const struct alter_partition_response *resp)
{
    struct partition *p = find(b, s);
    const struct alter_partition_response_partition_data *row = resp ? find_row(resp, s) : NULL;
    if (!p) {
        return false;
    }
    struct isr_answer a = { .number = s->proposal.number, .code = KAFKA_REQUEST_TIMED_OUT };
    if (row) {
        a.code = (enum kafka_error)row->error_code;
        a.leader_epoch = row->leader_epoch;
        a.partition_epoch = row->partition_epoch;
    }
    enum isr_verdict verdict = isr_answered(p->isr, &a);
    if (a.code) {
        log_info(&b->log, "the controller refused another ISR", KV_STR("topic", p->topic->name),
                 KV_INT("partition", p->index), KV_STR("code", kafka_error_name((int16_t)a.code)));
    } else {
        b->metrics.isr_changes++;
        log_debug(&b->log, "the controller changed the ISR", KV_STR("topic", p->topic->name),
                  KV_INT("partition", p->index), KV_INT("in_sync", row->isr_n),
                  KV_INT("replicas", p->isr->count + 1));
    }
    partition_isr_changed(b, p);
    return verdict == ISR_RETRY;
}

static void look_by(struct broker *b, uint64_t at_ns);

static void answered(void *user, enum err err, int16_t version, const void *response)
{
    struct broker *b = container_of((struct isr_keeper *)user, struct broker, isr_keeper);
    struct isr_request *r = b->isr_keeper.sent;
    const struct alter_partition_response *resp = response;
    uint32_t again = 0, sent = r->count;
    bool whole = !err && resp->error_code == KAFKA_NONE;
    (void)version;
    r->under_way = false;
    for (uint32_t i = 0; i < r->count; i++) {
        /* An answer that failed as a whole says nothing: perhaps it was carried out. */
        if (take_answer(b, &r->sent[i], whole ? resp : NULL)) {
            r->sent[again++] = r->sent[i];
        }
    }
    r->count = again;
    log_info(&b->log, "the controller answered about other ISRs", KV_UINT("partitions", sent),
             KV_UINT("to_ask_again", again),
             KV_STR("result", err ? err_text(err) : kafka_error_text(resp->error_code)));
    uint64_t wait_ns = (uint64_t)RETRY_MS * NS_PER_MS;
    if (!again) {
        request_free(r);
        b->isr_keeper.sent = NULL;
        wait_ns = 0;
    }
    look_by(b, env_mono_ns(b->env) + wait_ns);
}

/* --- requests --------------------------------------------------------------------------------- */

static bool fill_partition(const struct isr_sent *s, struct arena *arena,
                           struct alter_partition_request_topic_data *t)
{
    t->topic_id = s->topic_id;
    t->partitions = schema_new(&alter_partition_request_partition_data_schema, arena, 1);
    if (!t->partitions) {
        return false;
    }
    t->partitions_n = 1;
    struct alter_partition_request_partition_data *part = &t->partitions[0];
    part->partition_index = s->partition;
    part->leader_epoch = s->leader_epoch;
    part->partition_epoch = s->partition_epoch;
    size_t count = (size_t)s->proposal.count;
    part->new_isr_with_epochs =
        schema_new(&alter_partition_request_broker_state_schema, arena, count);
    part->new_isr = arena_array(arena, count, sizeof(int32_t));
    if (!part->new_isr_with_epochs || !part->new_isr) {
        return false;
    }
    part->new_isr_with_epochs_n = part->new_isr_n = s->proposal.count;
    for (size_t i = 0; i < count; i++) {
        part->new_isr[i] = s->proposal.members[i].id;
        part->new_isr_with_epochs[i].broker_id = s->proposal.members[i].id;
        part->new_isr_with_epochs[i].broker_epoch = s->proposal.members[i].broker_epoch;
    }
    return true;
}

static void send(struct broker *b, struct isr_request *r)
{
    struct arena arena;
    struct alter_partition_request req;
    arena_init(&arena, REQUEST_BYTES_MAX);
    schema_init(&alter_partition_request_schema, &req);
    req.broker_id = b->node_id;
    req.broker_epoch = b->broker_epoch;
    req.topics = schema_new(&alter_partition_request_topic_data_schema, &arena, r->count);
    bool fits = req.topics != NULL;
    for (uint32_t i = 0; fits && i < r->count; i++) {
        fits = fill_partition(&r->sent[i], &arena, &req.topics[i]);
        req.topics_n += fits;
    }
    r->under_way = true;
    b->isr_keeper.sent = r;
    controller_channel_send(b, &alter_partition_request_schema, &req, -1,
                            (uint64_t)b->config->replica_socket_timeout_ms * NS_PER_MS, answered,
                            &b->isr_keeper);
    arena_deinit(&arena);
}

/* Takes one partition's proposal into the request. */
static void propose(struct broker *b, struct partition *p, struct isr_request *r)
{
    struct isr_sent *s = &r->sent[r->count];
    s->proposal.members =
        arena_array(&r->arena, (size_t)p->isr->count + 1, sizeof(struct isr_member));
    const struct isr_log own = { partition_start_offset(p), partition_end_offset(p) };
    if (s->proposal.members &&
        isr_propose(p->isr, &own, b->broker_epoch, env_mono_ns(b->env), &s->proposal)) {
        s->topic_id = p->topic->id;
        s->partition = p->index;
        s->leader_epoch = p->isr->leader_epoch;
        s->partition_epoch = p->isr->partition_epoch;
        r->count++;
    }
}

static struct isr_request *request_new(void)
{
    struct isr_request *r = mem_zalloc(sizeof(*r));
    arena_init(&r->arena, REQUEST_BYTES_MAX);
    r->sent = arena_array(&r->arena, REQUEST_PARTITIONS_MAX, sizeof(*r->sent));
    return r;
}

/* Looks at what is due: proposals, and the high watermark of those whose wait is over. */
static void look(struct broker *b)
{
    struct isr_keeper *k = &b->isr_keeper;
    struct list_node round, later;
    struct isr_request *r = k->sent ? NULL : request_new();
    list_init(&round);
    list_init(&later);
    for (struct list_node *node; (node = list_pop_front(&k->due));) {
        list_push_back(&round, node);
    }
    for (struct list_node *node; (node = list_pop_front(&round));) {
        struct partition *p = list_entry(node, struct partition, isr_link);
        partition_note_brokers(b, p);
        if (r && r->count < REQUEST_PARTITIONS_MAX) {
            propose(b, p, r);
        } else {
            list_push_back(&later, node); /* when the request under way is answered */
        }
        partition_advance(b, p);
    }
    for (struct list_node *node; (node = list_pop_front(&later));) {
        list_push_back(&k->due, node);
    }
    if (r && r->count > 0) {
        send(b, r);
    } else {
        request_free(r);
    }
}

static void look_by(struct broker *b, uint64_t at_ns)
{
    struct isr_keeper *k = &b->isr_keeper;
    if (!timer_is_armed(&k->look) || at_ns < k->look_ns) {
        k->look_ns = at_ns;
        timer_arm(b->env, &k->look, at_ns);
    }
}

static void on_look(void *owner)
{
    struct broker *b = owner;
    struct isr_keeper *k = &b->isr_keeper;
    if (k->sent && !k->sent->under_way) {
        send(b, k->sent); /* what the controller could not answer */
    }
    look(b);
}

void isr_keeper_look_at(struct broker *b, struct partition *p, uint64_t at_ns)
{
    if (list_is_empty(&p->isr_link)) {
        list_push_back(&b->isr_keeper.due, &p->isr_link);
    }
    look_by(b, at_ns);
}

void isr_keeper_look(struct broker *b, struct partition *p)
{
    isr_keeper_look_at(b, p, env_mono_ns(b->env));
}

/* --- those that lag or are silent ------------------------------------------------------------- */

static void check(struct broker *b, struct partition *p, void *ctx)
{
    (void)ctx;
    if (p->isr) {
        isr_keeper_look(b, p);
    }
}

static void on_check(void *owner)
{
    struct broker *b = owner;
    topics_each(b, check, NULL);
    timer_arm_in(b->env, &b->isr_keeper.check,
                 (uint64_t)b->config->replica_lag_time_max_ms * NS_PER_MS / 2);
}

struct glance {
    uint64_t now_ns;
    bool stood_still;
    bool leads; /* a partition with followers */
};

static void glance_at(struct broker *b, struct partition *p, void *ctx)
{
    struct glance *g = ctx;
    if (p->isr) {
        g->leads = true;
        if (!g->stood_still && isr_should_shrink(p->isr, partition_end_offset(p), g->now_ns)) {
            isr_keeper_look(b, p);
        }
    }
}

/* Who stood still himself must not think that all others were silent. */
static void on_glance(void *owner)
{
    struct broker *b = owner;
    struct glance g = { .now_ns = env_mono_ns(b->env) };
    g.stood_still = g.now_ns > b->isr_keeper.glance_ns + (uint64_t)LATE_MS * NS_PER_MS;
    topics_each(b, glance_at, &g);
    if (g.leads) {
        isr_keeper_watch(b);
    }
}

void isr_keeper_watch(struct broker *b)
{
    struct isr_keeper *k = &b->isr_keeper;
    if (!timer_is_armed(&k->glance)) {
        uint64_t session_ns = (uint64_t)b->config->broker_session_timeout_ms * NS_PER_MS;
        k->glance_ns = env_mono_ns(b->env) + session_ns / GLANCES;
        timer_arm(b->env, &k->glance, k->glance_ns);
    }
}

/* --- life cycle ------------------------------------------------------------------------------- */

void isr_keeper_init(struct broker *b)
{
    struct isr_keeper *k = &b->isr_keeper;
    *k = (struct isr_keeper){ .look = { .fire = on_look, .owner = b },
                              .check = { .fire = on_check, .owner = b },
                              .glance = { .fire = on_glance, .owner = b } };
    list_init(&k->due);
    timer_arm_in(b->env, &k->check, (uint64_t)b->config->replica_lag_time_max_ms * NS_PER_MS / 2);
}

void isr_keeper_deinit(struct broker *b)
{
    struct isr_keeper *k = &b->isr_keeper;
    timer_cancel(b->env, &k->look);
    timer_cancel(b->env, &k->check);
    timer_cancel(b->env, &k->glance);
    controller_channel_cancel(b, k);
    request_free(k->sent);
    k->sent = NULL;
}
