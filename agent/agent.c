/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.c - see agent.h. Driven by runtime.c, and by the loop's timers and the output's events.
 *
 * The pump: files that have something to do stand in one queue; each in turn reads one buffer. When
 * the output takes nothing, the queue stands still until it says ready; nothing is ever given up.
 *
 * Invariants:
 * I1. A turn of the loop reads at most PUMP_TURNS buffers, so that the network gets its share.
 * I2. With the output full no file is read: memory is bounded by queue.mem.bytes and one buffer's
 *     events per file that is being parsed.
 * I3. The registry is flushed after the acknowledgements it tells of, never before.
 */
#include "agent/agent.h"

#include "agent/ship/output_file.h"
#include "protocol/base/alloc.h"

enum { PUMP_TURNS = 16, PARKED_RETRY_MS = 5 };

struct agent {
    struct input_context ctx;
    struct agent_plan plan;
    struct agent_facts facts;
    struct agent_metrics metrics;
    struct filestream **inputs;
    size_t input_count;
    struct timer pump;
    struct timer deadline; /* of stopping */
    bool blocked, flushed_last, done_called;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* --- the pump --------------------------------------------------------------------------------- */

static void wake(void *owner)
{
    struct agent *a = owner;
    if (!a->blocked && !timer_is_armed(&a->pump)) {
        timer_arm_in(a->ctx.env, &a->pump, 0);
    }
}

static bool queue_is_full(const struct agent *a)
{
    struct output_stats s;
    if (a->plan.cfg->queue_events == 0) {
        return false;
    }
    a->ctx.output->ops->stats(a->ctx.output, &s);
    return s.outstanding >= (uint64_t)a->plan.cfg->queue_events;
}

static void pump(void *owner)
{
    struct agent *a = owner;
    unsigned parked = 0;
    for (unsigned turns = 0; turns < PUMP_TURNS + parked; turns++) {
        struct list_node *node = queue_is_full(a) ? NULL : list_pop_front(&a->ctx.ready);
        if (!node) {
            break;
        }
        struct file *f = list_entry(node, struct file, ready_node);
        f->ready = false;
        enum turn t = file_turn(f);
        if (t == TURN_MORE) {
            file_wake(f);
        } else if (t == TURN_BLOCKED) {
            f->ready = true;
            list_push_front(&a->ctx.ready, &f->ready_node);
            a->blocked = true;
            timer_cancel(a->ctx.env, &a->pump);
            return;
        } else if (t == TURN_PARKED) {
            f->ready = true;
            list_push_back(&a->ctx.ready, &f->ready_node);
            if (++parked >= a->metrics.files) {
                break;
            }
        }
    }
    if (!list_is_empty(&a->ctx.ready)) {
        bool wait = parked >= a->metrics.files || queue_is_full(a);
        timer_arm_in(a->ctx.env, &a->pump, wait ? (uint64_t)PARKED_RETRY_MS * NS_PER_MS : 0);
    }
}

static void output_ready(void *user)
{
    struct agent *a = user;
    a->blocked = false;
    if (!list_is_empty(&a->ctx.ready)) {
        wake(a);
    }
}

/* --- the registry ----------------------------------------------------------------------------- */

static void before_flush(void *user)
{
    struct agent *a = user;
    list_for_each(node, registry_dirty(a->ctx.registry)) {
        filestream_update_entry(list_entry(node, struct registry_entry, dirty_node));
    }
}

static void try_finish(struct agent *a);

static void flushed(void *user)
{
    struct agent *a = user;
    for (size_t i = 0; i < a->input_count; i++) {
        filestream_flushed(a->inputs[i]);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static enum err open_output(struct agent *a, const struct agent_args *args, struct error *err)
{
    static const struct output_events events = { output_ready };
    switch (a->plan.output) {
    case OUTPUT_KAFKA:
        a->ctx.output = output_kafka_new(args->env, &a->plan.kafka, args->log, &events, a);
        return ERR_OK;
    case OUTPUT_FILE:
        return output_file_new(args->env, args->vfs, a->plan.file_path, &events, a, &a->ctx.output,
                               err);
    case OUTPUT_CONSOLE:
        a->ctx.output = output_console_new(args->env, &events, a);
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err make_inputs(struct agent *a, struct error *err)
{
    a->inputs = mem_array(a->plan.input_count, sizeof(*a->inputs));
    for (size_t i = 0; i < a->plan.input_count; i++) {
        struct input_plan *in = &a->plan.inputs[i];
        struct encoder *encoder;
        if (!in->cfg.enabled) {
            continue;
        }
        enum err rc = agent_plan_encoder(&a->plan, in, &a->facts, &encoder, err);
        if (rc) {
            return rc;
        }
        rc = filestream_new(&a->ctx, &in->filestream, encoder, &a->inputs[a->input_count], err);
        if (rc) {
            encoder_free(encoder);
            return rc;
        }
        in->taken = true;
        a->input_count++;
    }
    return ERR_OK;
}

static void deadline_fired(void *owner)
{
    struct agent *a = owner;
    struct output_stats s;
    a->ctx.output->ops->stats(a->ctx.output, &s);
    log_warn(&a->ctx.log,
             "stopping without all acknowledgements: these events are sent again later",
             KV_UINT("events", s.outstanding));
    a->flushed_last = true;
    if (!registry_is_clean(a->ctx.registry)) {
        registry_flush(a->ctx.registry);
    }
    try_finish(a);
}

enum err agent_new(const struct agent_args *args, struct agent **ret_agent, struct error *err)
{
    static const struct registry_events events = { before_flush, flushed };
    struct agent *a = mem_zalloc(sizeof(*a));
    a->plan = *args->plan;
    a->plan.processors.host = args->host;
    for (size_t i = 0; i < a->plan.input_count; i++) {
        a->plan.inputs[i].processors.host = args->host;
    }
    a->facts = args->facts;
    a->ctx = (struct input_context){
        .env = args->env,
        .files = args->files,
        .log = log_for(args->log, "agent"),
        .metrics = &a->metrics,
        .read_buf = mem_alloc(READ_BYTES + IDENTITY_TAIL_BYTES),
        .open_max = args->open_max,
        .wake = wake,
        .owner = a,
    };
    list_init(&a->ctx.ready);
    a->pump.fire = pump;
    a->pump.owner = a;
    a->deadline.fire = deadline_fired;
    a->deadline.owner = a;
    enum err rc =
        registry_open(args->env, args->vfs, args->log, a->plan.registry_dir, a->plan.registry_mode,
                      (uint64_t)a->plan.cfg->registry_flush_ms * NS_PER_MS, &events, a,
                      &a->ctx.registry, err);
    rc = rc ? rc : open_output(a, args, err);
    rc = rc ? rc : make_inputs(a, err);
    if (rc) {
        agent_free(a);
        return rc;
    }
    *args->plan = (struct agent_plan){ 0 };
    *ret_agent = a;
    return ERR_OK;
}

/* Entries of inputs that are no more: nobody scans for their files. */
static void clean_foreign_entries(struct agent *a)
{
    uint32_t cursor = 0;
    struct registry_entry *e;
    while ((e = registry_next(a->ctx.registry, &cursor))) {
        struct file_info info;
        bool known = false;
        for (size_t i = 0; i < a->plan.input_count && !known; i++) {
            known = strcmp(e->input_id, a->plan.inputs[i].cfg.id) == 0;
        }
        if (!known &&
            a->ctx.files->ops->stat(a->ctx.files, e->path, true, &info) == ERR_NOT_FOUND) {
            registry_remove(a->ctx.registry, e);
        }
    }
}

void agent_run(struct agent *a, struct notify *notify)
{
    a->ctx.notify = notify;
    for (size_t i = 0; i < a->input_count; i++) {
        filestream_start(a->inputs[i]);
    }
    clean_foreign_entries(a);
    log_info(&a->ctx.log, "running", KV_UINT("inputs", a->input_count),
             KV_UINT("files", a->metrics.files), KV_STR("output", a->ctx.output->ops->name));
}

void agent_notified(void *ctx, enum notify_kind kind, const char *path)
{
    struct agent *a = ctx;
    for (size_t i = 0; i < a->input_count; i++) {
        (void)filestream_notify(a->inputs[i], kind, path);
    }
}

static void finish_timer(void *owner)
{
    try_finish(owner);
}

/* Waits for acknowledgements, then for the registry; looks again every few milliseconds. */
static void try_finish(struct agent *a)
{
    struct output_stats s;
    if (a->done_called) {
        return;
    }
    a->ctx.output->ops->stats(a->ctx.output, &s);
    bool waiting = s.outstanding > 0 && timer_is_armed(&a->deadline);
    if (!waiting && !a->flushed_last) {
        a->flushed_last = true;
        registry_flush(a->ctx.registry);
    }
    bool failing = registry_get_stats(a->ctx.registry).failing;
    if (!waiting && !registry_is_flushing(a->ctx.registry) &&
        (registry_is_clean(a->ctx.registry) || failing)) {
        timer_cancel(a->ctx.env, &a->deadline);
        timer_cancel(a->ctx.env, &a->pump);
        a->done_called = true;
        a->done(a->done_ctx);
        return;
    }
    if (!waiting) {
        registry_flush(a->ctx.registry);
    }
    a->pump.fire = finish_timer;
    timer_arm_in(a->ctx.env, &a->pump, 2ULL * NS_PER_MS);
}

void agent_stop(struct agent *a, void (*done)(void *ctx), void *ctx)
{
    a->done = done;
    a->done_ctx = ctx;
    a->blocked = true; /* nobody pumps any more */
    for (size_t i = 0; i < a->input_count; i++) {
        filestream_stop(a->inputs[i]);
    }
    a->ctx.output->ops->flush(a->ctx.output);
    if (a->plan.cfg->shutdown_timeout_ms > 0) {
        timer_arm_in(a->ctx.env, &a->deadline,
                     (uint64_t)a->plan.cfg->shutdown_timeout_ms * NS_PER_MS);
    }
    try_finish(a);
}

void agent_free(struct agent *a)
{
    timer_cancel(a->ctx.env, &a->pump);
    timer_cancel(a->ctx.env, &a->deadline);
    if (a->ctx.notify) {
        a->ctx.notify->ops->free(a->ctx.notify);
        a->ctx.notify = NULL;
    }
    for (size_t i = 0; i < a->input_count; i++) {
        filestream_stop(a->inputs[i]);
    }
    if (a->ctx.output) {
        a->ctx.output->ops->free(a->ctx.output);
    }
    for (size_t i = 0; i < a->input_count; i++) {
        filestream_free(a->inputs[i]);
    }
    if (a->ctx.registry) {
        registry_free(a->ctx.registry);
    }
    agent_plan_deinit(&a->plan);
    mem_free(a->inputs);
    mem_free(a->ctx.read_buf);
    mem_free(a);
}

/* --- what it tells ---------------------------------------------------------------------------- */

struct agent_metrics *agent_get_metrics(struct agent *a)
{
    return &a->metrics;
}

struct output *agent_output(struct agent *a)
{
    return a->ctx.output;
}

bool agent_healthy(const struct agent *a, struct buf *ret_text)
{
    if (registry_get_stats(a->ctx.registry).failing) {
        buf_append_str(ret_text, "the registry cannot be written; new files wait\n");
        return false;
    }
    return true;
}

static void collect(void *ctx, struct buf *out)
{
    const struct agent *a = ctx;
    struct output_stats o;
    struct registry_stats r = registry_get_stats(a->ctx.registry);
    a->ctx.output->ops->stats(a->ctx.output, &o);
    const struct {
        enum metric_kind kind;
        const char *name, *about;
        double value;
    } rows[] = {
        { METRIC_COUNTER, "logboom_agent_output_events_total", "Events taken by the output",
          (double)o.events },
        { METRIC_COUNTER, "logboom_agent_output_bytes_total", "Bytes taken by the output",
          (double)o.bytes },
        { METRIC_COUNTER, "logboom_agent_output_acked_total", "Events acknowledged",
          (double)o.acked },
        { METRIC_COUNTER, "logboom_agent_output_dropped_total",
          "Events that the broker can never take", (double)o.dropped },
        { METRIC_COUNTER, "logboom_agent_output_cut_total",
          "Events cut and sent again because the broker refused their size", (double)o.cut },
        { METRIC_COUNTER, "logboom_agent_output_returned_total",
          "Events given back, to be read again", (double)o.returned },
        { METRIC_GAUGE, "logboom_agent_output_outstanding", "Events not yet acknowledged",
          (double)o.outstanding },
        { METRIC_GAUGE, "logboom_agent_output_buffered_bytes", "Bytes not yet acknowledged",
          (double)o.buffered_bytes },
        { METRIC_GAUGE, "logboom_agent_registry_entries", "Files in the registry",
          (double)r.entries },
        { METRIC_COUNTER, "logboom_agent_registry_flushes_total", "Syncs of the registry",
          (double)r.flushes },
        { METRIC_COUNTER, "logboom_agent_registry_failures_total", "Failed syncs of the registry",
          (double)r.failures },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const none[] = { NULL };
        metrics_family(out, rows[i].kind, rows[i].name, rows[i].about);
        metrics_sample(out, rows[i].name, none, rows[i].value);
    }
    metrics_family(out, METRIC_GAUGE, "logboom_agent_lag_bytes",
                   "Bytes not yet acknowledged, per input");
    for (size_t i = 0; i < a->input_count; i++) {
        uint64_t lag = 0;
        list_for_each(node, &a->inputs[i]->files) {
            lag += file_lag_bytes(list_entry(node, struct file, node));
        }
        const char *const labels[] = { "input", a->inputs[i]->cfg.id, NULL };
        metrics_sample(out, "logboom_agent_lag_bytes", labels, (double)lag);
    }
}

void agent_add_metrics(struct agent *a, struct metrics *m)
{
#define METRIC_STRUCT agent_metrics
    static const struct metric_row rows[] = {
#define M METRIC_ROW
#include "agent/agent_metrics.def"
#undef M
    };
#undef METRIC_STRUCT
    metrics_add_table(m, rows, sizeof(rows) / sizeof(rows[0]), &a->metrics);
    metrics_add_collector(m, collect, a);
}

static void put_number(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_int(w, (int64_t)value);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_string(w, slice_str(text));
}

void agent_write_stats(const struct agent *a, struct buf *out)
{
    struct json_writer w;
    struct output_stats o;
    a->ctx.output->ops->stats(a->ctx.output, &o);
    json_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "output");
    json_begin_object(&w);
    put_text(&w, "type", a->ctx.output->ops->name);
    put_number(&w, "events", o.events);
    put_number(&w, "acked", o.acked);
    put_number(&w, "outstanding", o.outstanding);
    put_number(&w, "buffered_bytes", o.buffered_bytes);
    put_number(&w, "dropped", o.dropped);
    put_number(&w, "returned", o.returned);
    json_key(&w, "blocked");
    json_bool(&w, a->blocked);
    if (a->plan.output == OUTPUT_KAFKA) {
        struct client_stats c = output_kafka_client_stats(a->ctx.output);
        put_number(&w, "connections", c.connections);
        put_number(&w, "connection_failures", c.failures);
        put_number(&w, "sent_bytes", c.sent_bytes);
    }
    json_end_object(&w);
    json_key(&w, "input");
    json_begin_object(&w);
    put_number(&w, "lines_read", a->metrics.lines_read);
    put_number(&w, "bytes_read", a->metrics.bytes_read);
    put_number(&w, "files", a->metrics.files);
    put_number(&w, "files_open", a->metrics.files_open);
    put_number(&w, "files_waiting", a->metrics.files_waiting);
    json_end_object(&w);
    json_end_object(&w);
    buf_append_byte(out, '\n');
}

void agent_write_inputs(const struct agent *a, struct buf *out)
{
    enum { FILES_MAX = 10000 };
    struct json_writer w;
    json_init(&w, out);
    json_begin_array(&w);
    for (size_t i = 0; i < a->input_count; i++) {
        size_t count = 0;
        json_begin_object(&w);
        put_text(&w, "id", a->inputs[i]->cfg.id);
        json_key(&w, "files");
        json_begin_array(&w);
        list_for_each(node, &a->inputs[i]->files) {
            static const char *const states[] = { "new", "held", "active", "ending" };
            const struct file *f = list_entry(node, struct file, node);
            if (count++ == FILES_MAX) {
                break;
            }
            json_begin_object(&w);
            put_text(&w, "path", f->path);
            put_text(&w, "state", states[f->state]);
            put_number(&w, "inode", f->place.ino);
            put_number(&w, "size", f->size_bytes);
            put_number(&w, "read", f->line_pos);
            put_number(&w, "acked", f->tracker.committed);
            put_number(&w, "lag_bytes", file_lag_bytes(f));
            json_key(&w, "open");
            json_bool(&w, f->fd >= 0);
            json_end_object(&w);
        }
        json_end_array(&w);
        json_end_object(&w);
    }
    json_end_array(&w);
    buf_append_byte(out, '\n');
}
