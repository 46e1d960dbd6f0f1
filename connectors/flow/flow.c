/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - runs a graph: batches in from the consumer, events through the nodes, copies into the
 * sinks, answers back, offsets to the group. Driven by the consumer's events, the sinks' answers
 * and three timers, on the loop thread. An event lives only while it passes the graph; what waits
 * afterwards is the sinks' copy, the kept batch, and a slot in the partition's tracker.
 *   (O1) a committed offset is behind nothing that was not answered (G5): commit.c counts.
 *   (O2) what was filtered is done at once, so that it holds back no offset.
 *   (O3) a failed record is done when its dead letter is acknowledged.
 *   (O4) heartbeats and fetches do not wait for sinks: partitions are paused instead.
 *   (O5) after a revocation or loss nothing of the partition is committed; late answers only free
 *        it.
 */
#include "connectors/flow/flow.h"

#include "connectors/nodes/kafka.h"
#include "protocol/base/alloc.h"

#include <assert.h>

enum { RECORD_ARENA_BYTES_MAX = 256 << 20, BATCH_RECORDS_BYTES_MAX = 256 << 20 };

static void partition_answered(struct flow *f, struct ack ack);
static void stop_when_drained(struct flow *f);

/* --- back pressure ------------------------------------------------------------------------- */

static bool any_sink_full(const struct flow *f)
{
    for (size_t i = 0; i < f->graph.node_count; i++) {
        const struct sink *s = f->graph.nodes[i].sink;
        if (s && s->full) {
            return true;
        }
    }
    return false;
}

static bool partition_full(const struct flow *f, const struct partition *p, unsigned part)
{
    return commit_in_flight(&p->tracker) >= (uint64_t)f->graph.config.queue_events / part ||
           p->kept_bytes >= (size_t)f->graph.config.queue_bytes / part;
}

/* Pauses or resumes one partition: full stops it, half empty lets it go on. */
static void balance_partition(struct flow *f, struct partition *p)
{
    if (!p->consumer || p->draining || p->broken) {
        return;
    }
    bool hold = f->paused || f->flooded || f->stopping || partition_full(f, p, p->paused ? 2 : 1);
    if (hold && !p->paused) {
        p->paused = true;
        f->counters.pauses++;
        consumer_pause(f->consumer, p->consumer);
    } else if (!hold && p->paused) {
        p->paused = false;
        consumer_resume(f->consumer, p->consumer);
    }
}

static void balance(struct flow *f)
{
    f->paused = any_sink_full(f);
    list_for_each(node, &f->partitions) {
        balance_partition(f, list_entry(node, struct partition, node));
    }
}

static void on_room(void *user)
{
    balance(user);
}

/* --- answers ------------------------------------------------------------------------------- */

static void on_done(void *user, struct ack ack)
{
    partition_answered(user, ack);
}

static const char flood_trouble[] = "too many dead letters; pausing, is a mapping broken?";

static void count_dead_letter(struct flow *f)
{
    const struct flow_config *c = &f->graph.config;
    uint64_t now = env_mono_ns(f->env);
    f->counters.dead++;
    if (now - f->dead_second_ns >= NS_PER_S) {
        f->dead_second_ns = now;
        f->dead_in_second = 0;
    }
    f->dead_in_second++;
    if (c->dead_letter_rate_max == 0 || f->flooded ||
        f->dead_in_second <= c->dead_letter_rate_max) {
        return;
    }
    f->flooded = true;
    f->trouble = f->trouble ? f->trouble : flood_trouble;
    log_error(&f->log, flood_trouble, KV_STR("flow", f->graph.name),
              KV_INT("rate_max", c->dead_letter_rate_max));
    timer_arm_in(f->env, &f->flood_timer, (uint64_t)c->dead_letter_pause_ms * NS_PER_MS);
    balance(f);
}

static void flood_timer_fired(void *owner)
{
    struct flow *f = owner;
    f->flooded = false;
    f->trouble = f->trouble == flood_trouble ? NULL : f->trouble;
    balance(f);
}

static void to_dead_letters(struct flow *f, struct node *n, struct ack ack,
                            const struct failure *why)
{
    n->counters.failed++;
    log_warn(&f->log, f->dead_letters ? "record goes to the dead letters" : "record dropped",
             KV_STR("node", n->name), KV_STR("topic", ack.partition->topic),
             KV_INT("partition", ack.partition->index),
             KV_INT("offset", commit_offset(&ack.partition->tracker, ack.seq)),
             KV_STR("type", why->type), KV_STR("why", why->text));
    if (!f->dead_letters) {
        f->counters.dropped++;
        partition_answered(f, ack);
        return;
    }
    count_dead_letter(f);
    dead_letters_put(f->dead_letters, ack, n->type->name, why);
}

static void on_dead(void *user, struct node *n, struct ack ack, const struct failure *why)
{
    to_dead_letters(user, n, ack, why);
}

static const struct sink_events sink_events = { .done = on_done, .dead = on_dead, .room = on_room };

/* One party of a record is done. */
static void partition_answered(struct flow *f, struct ack ack)
{
    struct partition *p = ack.partition;
    if (!commit_release(&p->tracker, ack.seq)) {
        return;
    }
    partition_forget(p);
    if (!p->consumer) {
        if (commit_in_flight(&p->tracker) == 0) {
            partition_free(p); /* revoked or lost before */
        }
        return;
    }
    if (p->paused) {
        balance_partition(f, p);
    }
    if (commit_in_flight(&p->tracker) == 0 && (p->draining || f->stopping)) {
        timer_arm_in(f->env, &f->drain_timer, 0);
    }
}

/* --- through the graph --------------------------------------------------------------------- */

static void pass(struct flow *f, struct node *n, unsigned output, struct event *ev, struct ack ack);

static void give_to(struct flow *f, struct node *n, struct event *ev, struct ack ack)
{
    struct failure why;
    unsigned output = 0;
    n->counters.in++;
    if (n->sink) {
        commit_hold(&ack.partition->tracker, ack.seq);
        n->type->sink->put(n->sink, ev, ack);
        return;
    }
    enum verdict verdict = VERDICT_PASS;
    if (!n->when || event_holds(ev, n->when)) {
        verdict = n->type->process(n, ev, &output, &why);
    }
    if (verdict == VERDICT_FAIL) {
        commit_hold(&ack.partition->tracker, ack.seq);
        to_dead_letters(f, n, ack, &why);
    } else if (verdict == VERDICT_DROP) {
        n->counters.dropped++;
        f->counters.filtered++;
    } else {
        n->counters.out++;
        pass(f, n, output, ev, ack);
    }
}

/* Depth is bounded by the graph, which has no circles. A branch that changes the event gets its own
 * copy, unless it is the last one. */
static void pass(struct flow *f, struct node *n, unsigned output, struct event *ev, struct ack ack)
{
    const struct node_output *o = &n->outputs[output];
    for (size_t i = 0; i < o->target_count; i++) {
        struct node *next = o->targets[i];
        struct event copy;
        struct event *given = ev;
        struct error why = { .text = "" };
        if (next->changes_below && i + 1 < o->target_count) {
            if (event_clone(ev, &copy, &why) != ERR_OK) {
                struct failure failure;
                failure_set(&failure, "TRANSFORMATION", "out_of_memory", "%s", why.text);
                commit_hold(&ack.partition->tracker, ack.seq);
                to_dead_letters(f, next, ack, &failure);
                continue;
            }
            given = &copy;
        }
        give_to(f, next, given, ack);
    }
    if (o->target_count == 0) {
        f->counters.filtered++; /* an output of a route that nobody takes */
    }
}

static void run_record(struct flow *f, struct partition *p, const struct record *rec)
{
    struct event ev;
    struct ack ack = { .partition = p };
    size_t bytes = rec->key.len + rec->value.len;
    ack.seq =
        commit_begin(&p->tracker, rec->offset, bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX);
    event_init(&ev, &f->arena, slice_str(p->topic), p->index, rec);
    f->counters.records++;
    f->counters.bytes += bytes;
    f->graph.source->counters.in++;
    f->graph.source->counters.out++;
    pass(f, f->graph.source, 0, &ev, ack);
    arena_reset(&f->arena);
    commit_release(&p->tracker, ack.seq);
}

/* Stops a partition whose records cannot be read: nothing behind them may be committed. */
static void break_partition(struct flow *f, struct partition *p, int64_t offset, enum err why)
{
    p->broken = true;
    f->counters.corrupt++;
    f->trouble = "a batch cannot be read; its partition stands still";
    log_error(&f->log,
              "a batch cannot be read; the partition stands still, nothing behind it is "
              "committed",
              KV_STR("topic", p->topic), KV_INT("partition", p->index), KV_INT("offset", offset),
              KV_STR("why", err_text(why)));
    consumer_pause(f->consumer, p->consumer);
}

static void run_batch(struct flow *f, struct partition *p, const struct batch_view *fetched,
                      int64_t position)
{
    struct batch_view view;
    struct batch_iter it;
    struct record rec;
    struct slice kept = partition_keep(p, fetched->bytes);
    enum err e = batch_parse(kept, &view);
    if (e == ERR_OK) {
        e = batch_iter_init(&it, &view, &f->scratch, BATCH_RECORDS_BYTES_MAX);
    }
    while (e == ERR_OK && (e = batch_iter_next(&it, &rec)) == ERR_OK) {
        if (rec.offset >= position) {
            run_record(f, p, &rec);
            p->records++;
        }
    }
    if (e != ERR_NOT_FOUND) {
        break_partition(f, p, fetched->base_offset, e);
        return;
    }
    commit_skip_to(&p->tracker, batch_last_offset(fetched) + 1);
    partition_forget(p);
}

static void on_batches(void *user, struct consumer_partition *part,
                       const struct batch_view *batches, size_t count)
{
    struct flow *f = user;
    struct partition *p = part->user;
    if (!p || p->draining || p->broken) {
        return;
    }
    commit_skip_to(&p->tracker, part->position);
    for (size_t i = 0; i < count && !p->broken; i++) {
        run_batch(f, p, &batches[i], part->position);
    }
    if (any_sink_full(f) != f->paused) {
        balance(f);
    } else {
        balance_partition(f, p);
    }
}

/* --- offsets ------------------------------------------------------------------------------- */

static void commit_partition(struct flow *f, struct partition *p)
{
    if (commit_in_flight(&p->tracker) == 0 && !p->broken && p->records > 0) {
        commit_skip_to(&p->tracker, p->consumer->position); /* control batches at the end */
    }
    if (p->tracker.next_offset > p->committed) {
        p->committed = p->tracker.next_offset;
        f->counters.commits++;
        consumer_commit(f->consumer, p->consumer, p->committed, 0);
    }
}

static void commit_all(struct flow *f)
{
    list_for_each(node, &f->partitions) {
        struct partition *p = list_entry(node, struct partition, node);
        if (p->consumer) {
            commit_partition(f, p);
        }
    }
}

static void commit_timer_fired(void *owner)
{
    struct flow *f = owner;
    if (f->consumer && !f->closed) {
        commit_all(f);
        timer_arm_in(f->env, &f->commit_timer,
                     (uint64_t)f->graph.config.commit_interval_ms * NS_PER_MS);
    }
}

static void flush_sinks(struct flow *f)
{
    for (size_t i = 0; i < f->graph.node_count; i++) {
        struct node *n = &f->graph.nodes[i];
        if (n->sink) {
            n->type->sink->flush(n->sink);
        }
    }
    if (f->dead_letters) {
        dead_letters_flush(f->dead_letters);
    }
}

/* --- the group ----------------------------------------------------------------------------- */

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct flow *f = user;
    for (size_t i = 0; i < count; i++) {
        struct partition *p = partition_new(parts[i]->topic, parts[i]->partition);
        p->consumer = parts[i];
        p->committed = parts[i]->committed;
        parts[i]->user = p;
        list_push_back(&f->partitions, &p->node);
        balance_partition(f, p);
    }
    log_info(&f->log, "partitions assigned", KV_STR("flow", f->graph.name),
             KV_UINT("count", count));
}

/* The partition is no longer ours. It stays until its last answer has come. */
static void detach(struct partition *p)
{
    p->consumer->user = NULL;
    p->consumer = NULL;
    if (commit_in_flight(&p->tracker) == 0) {
        partition_free(p);
    }
}

static void finish_revoking(struct flow *f)
{
    f->revoking = false;
    list_for_each(node, &f->partitions) {
        struct partition *p = list_entry(node, struct partition, node);
        if (p->draining && p->consumer) {
            commit_partition(f, p);
            detach(p);
        }
    }
    consumer_revoked(f->consumer);
}

static bool drained(const struct flow *f, bool revoked_only)
{
    for (const struct list_node *n = f->partitions.next; n != &f->partitions; n = n->next) {
        const struct partition *p = list_entry(n, const struct partition, node);
        if (p->consumer && (p->draining || !revoked_only) && commit_in_flight(&p->tracker) > 0) {
            return false;
        }
    }
    return true;
}

static void drain_timer_fired(void *owner)
{
    struct flow *f = owner;
    if (f->revoking) {
        bool late = env_mono_ns(f->env) >= f->drain_until_ns;
        if (late && !drained(f, true)) {
            f->counters.drains_cut++;
            log_warn(&f->log,
                     "partitions moved away before their records were delivered; the next "
                     "member delivers them again",
                     KV_STR("flow", f->graph.name));
        }
        if (late || drained(f, true)) {
            finish_revoking(f);
        } else {
            timer_arm(f->env, &f->drain_timer, f->drain_until_ns);
        }
    }
    stop_when_drained(f);
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct flow *f = user;
    for (size_t i = 0; i < count; i++) {
        struct partition *p = parts[i]->user;
        if (p) {
            p->draining = true;
        }
    }
    f->revoking = true;
    f->drain_until_ns =
        env_mono_ns(f->env) + (uint64_t)f->graph.config.rebalance_drain_ms * NS_PER_MS;
    flush_sinks(f);
    timer_arm_in(f->env, &f->drain_timer, 0);
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct flow *f = user;
    for (size_t i = 0; i < count; i++) {
        struct partition *p = parts[i]->user;
        if (p) {
            detach(p);
        }
    }
    f->revoking = f->revoking && !drained(f, true);
    log_warn(&f->log, "partitions lost; their records are delivered again",
             KV_STR("flow", f->graph.name), KV_UINT("count", count));
}

static void on_trouble(void *user, enum kafka_error error, const char *text, bool fatal)
{
    struct flow *f = user;
    if (fatal) {
        f->trouble = "the consumer has stopped";
        log_error(&f->log, "the consumer has stopped", KV_STR("flow", f->graph.name),
                  KV_STR("error", kafka_error_name((int16_t)error)), KV_STR("why", text));
    } else {
        log_warn(&f->log, "consumer", KV_STR("flow", f->graph.name),
                 KV_STR("error", kafka_error_name((int16_t)error)), KV_STR("why", text));
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static void open_dead_letters(struct flow *f, const struct log *log)
{
    const struct flow_config *c = &f->graph.config;
    const struct kafka_config *source = f->graph.source->config;
    const struct kafka_dlq_config *dlq = f->graph.dead_letter ? f->graph.dead_letter->config : NULL;
    struct buf topic = { 0 };
    if (!c->dead_letter_enabled) {
        return;
    }
    if (dlq) {
        buf_append_str(&topic, dlq->topic);
    } else if (c->dead_letter_topic && *c->dead_letter_topic) {
        buf_append_str(&topic, c->dead_letter_topic);
    } else {
        buf_printf(&topic, "%s.dlq", source->group_id);
    }
    f->dead_letter_topic = mem_strdup(buf_cstr(&topic));
    buf_deinit(&topic);
    const struct dead_letters_config cfg = {
        .topic = f->dead_letter_topic,
        .connector = f->graph.name,
        .context_headers = dlq ? dlq->context_headers : c->dead_letter_headers,
        .client = *f->client_config,
        .retry = { (uint64_t)c->retry_init_ms * NS_PER_MS, (uint64_t)c->retry_max_ms * NS_PER_MS },
        .done = on_done,
        .user = f,
    };
    f->dead_letters = dead_letters_new(f->env, &cfg, log);
}

static enum err open_sinks(struct flow *f, struct error *err)
{
    const struct flow_config *c = &f->graph.config;
    const struct sink_env world = {
        .loop = f->loop,
        .env = f->env,
        .log = log_for(&f->log, "sink"),
        .defaults = { .queue_events = (uint64_t)c->queue_events,
                      .queue_bytes = (uint64_t)c->queue_bytes,
                      .retry = { (uint64_t)c->retry_init_ms * NS_PER_MS,
                                 (uint64_t)c->retry_max_ms * NS_PER_MS } },
        .events = &sink_events,
        .user = f,
    };
    for (size_t i = 0; i < f->graph.node_count; i++) {
        struct node *n = &f->graph.nodes[i];
        if (n->type->role == NODE_SINK) {
            enum err e = n->type->sink->open(n, &world, &n->sink, err);
            if (e != ERR_OK) {
                return err_wrap(err, "flow %s: node %s", f->graph.name, n->name);
            }
        }
    }
    return ERR_OK;
}

/* The name of the member: the one that is set, or the flow's and the process's; NULL: dynamic. */
static const char *member_name(struct flow *f, const struct kafka_config *c)
{
    if (c->group_instance_id && *c->group_instance_id) {
        return c->group_instance_id;
    }
    if (!f->instance_id || !*f->instance_id) {
        return NULL;
    }
    buf_reset(&f->scratch);
    buf_printf(&f->scratch, "%s-%s", f->graph.name, f->instance_id);
    return buf_cstr(&f->scratch);
}

static void open_consumer(struct flow *f)
{
    static const struct consumer_events events = {
        .assigned = on_assigned,
        .revoking = on_revoking,
        .lost = on_lost,
        .batches = on_batches,
        .trouble = on_trouble,
    };
    const struct kafka_config *c = f->graph.source->config;
    const struct consumer_config cfg = {
        .group_id = c->group_id,
        .group_instance_id = member_name(f, c),
        .leave_on_close = !(c->group_instance_id && *c->group_instance_id),
        .topics = c->topics.items,
        .topic_count = c->topics.count,
        .assignors = c->assignors.items,
        .assignor_count = c->assignors.count,
        .offset_reset = (enum offset_reset)c->auto_offset_reset,
        .rack_id = c->client_rack && *c->client_rack ? c->client_rack : NULL,
        .read_committed = c->isolation_level == 1,
        .session_timeout_ns = (uint64_t)c->session_timeout_ms * NS_PER_MS,
        .heartbeat_interval_ns = (uint64_t)c->heartbeat_interval_ms * NS_PER_MS,
        .fetch_wait_ns = (uint64_t)c->fetch_max_wait_ms * NS_PER_MS,
        .fetch_bytes_min = (int32_t)c->fetch_min_bytes,
        .fetch_bytes_max = (int32_t)c->fetch_max_bytes,
        .partition_bytes_max = (int32_t)c->max_partition_fetch_bytes,
    };
    f->consumer = consumer_new(f->client, &cfg, &events, f);
}

static void stop_timer_fired(void *owner)
{
    struct flow *f = owner;
    if (!f->closed) {
        log_warn(&f->log,
                 "stopping with records in flight; they are delivered again after the start",
                 KV_STR("flow", f->graph.name), KV_UINT("records", flow_in_flight(f)));
        f->graph.config.shutdown_timeout_ms = 0; /* the wait is over */
        stop_when_drained(f);
    }
}

enum err flow_start(struct flow *f, struct loop *l, struct client *c,
                    const struct client_config *client_config, const struct log *log,
                    struct error *err)
{
    f->loop = l;
    f->env = loop_env(l);
    f->log = log_for(log, "flow");
    f->client = c;
    f->client_config = client_config;
    list_init(&f->partitions);
    arena_init(&f->arena, RECORD_ARENA_BYTES_MAX);
    f->commit_timer.fire = commit_timer_fired;
    f->drain_timer.fire = drain_timer_fired;
    f->stop_timer.fire = stop_timer_fired;
    f->flood_timer.fire = flood_timer_fired;
    f->flood_timer.owner = f;
    f->commit_timer.owner = f->drain_timer.owner = f->stop_timer.owner = f;
    enum err e = open_sinks(f, err);
    if (e != ERR_OK) {
        return e;
    }
    open_dead_letters(f, log);
    open_consumer(f);
    timer_arm_in(f->env, &f->commit_timer,
                 (uint64_t)f->graph.config.commit_interval_ms * NS_PER_MS);
    return ERR_OK;
}

static void on_closed(void *user)
{
    struct flow *f = user;
    f->stopped(f->user);
}

static void stop_when_drained(struct flow *f)
{
    if (!f->stopping || f->closed ||
        (!drained(f, false) && f->graph.config.shutdown_timeout_ms > 0)) {
        return;
    }
    f->closed = true;
    timer_cancel(f->env, &f->stop_timer);
    timer_cancel(f->env, &f->commit_timer);
    commit_all(f);
    consumer_close(f->consumer, on_closed, f);
}

void flow_stop(struct flow *f, void (*stopped)(void *user), void *user)
{
    f->stopped = stopped;
    f->user = user;
    f->stopping = true;
    balance(f);
    flush_sinks(f);
    timer_arm_in(f->env, &f->stop_timer, (uint64_t)f->graph.config.shutdown_timeout_ms * NS_PER_MS);
    timer_arm_in(f->env, &f->drain_timer, 0);
}

void flow_deinit(struct flow *f)
{
    if (!f->loop) {
        return;
    }
    timer_cancel(f->env, &f->commit_timer);
    timer_cancel(f->env, &f->drain_timer);
    timer_cancel(f->env, &f->stop_timer);
    timer_cancel(f->env, &f->flood_timer);
    if (f->consumer) {
        consumer_free(f->consumer);
    }
    for (size_t i = 0; i < f->graph.node_count; i++) {
        struct node *n = &f->graph.nodes[i];
        if (n->sink) {
            n->type->sink->close(n->sink);
            n->sink = NULL;
        }
    }
    if (f->dead_letters) {
        dead_letters_free(f->dead_letters);
    }
    while (!list_is_empty(&f->partitions)) {
        partition_free(list_entry(list_first(&f->partitions), struct partition, node));
    }
    arena_deinit(&f->arena);
    buf_deinit(&f->scratch);
    mem_free(f->dead_letter_topic);
}

/* --- what it says of itself ---------------------------------------------------------------- */

uint64_t flow_in_flight(const struct flow *f)
{
    uint64_t n = 0;
    for (const struct list_node *at = f->partitions.next; at != &f->partitions; at = at->next) {
        n += commit_in_flight(&list_entry(at, const struct partition, node)->tracker);
    }
    return n;
}

uint64_t flow_lag(const struct flow *f)
{
    uint64_t lag = 0;
    for (const struct list_node *at = f->partitions.next; at != &f->partitions; at = at->next) {
        const struct partition *p = list_entry(at, const struct partition, node);
        if (!p->consumer || p->consumer->high_watermark < 0) {
            continue;
        }
        int64_t done = p->tracker.next_offset >= 0 ? p->tracker.next_offset : p->consumer->position;
        if (p->consumer->high_watermark > done) {
            lag += (uint64_t)(p->consumer->high_watermark - done);
        }
    }
    return lag;
}

const char *flow_state(const struct flow *f, const char **ret_why)
{
    *ret_why = f->trouble;
    for (size_t i = 0; !*ret_why && i < f->graph.node_count; i++) {
        const struct sink *s = f->graph.nodes[i].sink;
        *ret_why = s ? s->trouble : NULL;
    }
    return f->stopping ? "STOPPING" : *ret_why ? "DEGRADED" : "RUNNING";
}
