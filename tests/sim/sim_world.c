/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_world.c - see sim_world.h. Driven by the run loop (sim_run.c).
 *   (W1) Nothing here depends on addresses, hashes or the machine's clocks: one seed, one run.
 *   (W2) Callbacks into a program come from events only, never from inside its own calls.
 *   (W3) A timer fires when the host's clock has reached its deadline, never before.
 *   (W4) A process that is dead has no effect on the world.
 */
#include "tests/sim/sim_world.h"

#include "protocol/base/alloc.h"
#include "tests/sim/sim_net.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_VIOLATION = 3 };

struct sim_job {
    struct list_node node;
    struct sim_event event;
    struct work *work;
    struct sim_host *host;
    uint64_t done_at_ns;
    bool ran;
};

/* --- clocks ----------------------------------------------------------------------------------- */

static uint64_t drifted(uint64_t ns, int32_t ppm)
{
    uint64_t rate = (uint64_t)(1000000 + ppm);
    return ns / 1000000 * rate + ns % 1000000 * rate / 1000000; /* never steps back */
}

uint64_t sim_host_mono_ns(const struct sim_host *h)
{
    return h->mono_offset_ns + drifted(h->world->now_ns, h->drift_ppm);
}

int64_t sim_host_wall_ms(const struct sim_host *h)
{
    int64_t epoch_ms = 1700000000000;
    return epoch_ms + (int64_t)(h->world->now_ns / NS_PER_MS) + h->wall_offset_ms;
}

/* The first world time at which the host's clock shows `host_ns` or more. */
static uint64_t world_time_of(const struct sim_host *h, uint64_t host_ns)
{
    if (host_ns <= sim_host_mono_ns(h)) {
        return h->world->now_ns;
    }
    uint64_t left = host_ns - sim_host_mono_ns(h);
    if (left > UINT64_MAX / 4) {
        return UINT64_MAX / 2;
    }
    uint64_t at = h->world->now_ns + left - (uint64_t)((int64_t)(left / 1000000) * h->drift_ppm);
    struct sim_world then = { .now_ns = at };
    struct sim_host probe = { .world = &then,
                              .mono_offset_ns = h->mono_offset_ns,
                              .drift_ppm = h->drift_ppm };
    while (sim_host_mono_ns(&probe) < host_ns) {
        then.now_ns += host_ns - sim_host_mono_ns(&probe);
    }
    return then.now_ns;
}

/* --- events ----------------------------------------------------------------------------------- */

void sim_event_arm(struct sim_world *w, struct sim_event *e, uint64_t at_ns)
{
    heap_remove(&w->events, &e->node);
    heap_insert(&w->events, &e->node, at_ns > w->now_ns ? at_ns : w->now_ns);
}

void sim_event_cancel(struct sim_world *w, struct sim_event *e)
{
    heap_remove(&w->events, &e->node);
}

bool sim_world_step(struct sim_world *w)
{
    struct heap_node *n = heap_peek(&w->events);
    if (!n) {
        return false;
    }
    struct sim_event *e = container_of(n, struct sim_event, node);
    struct sim_host *h = e->host;
    heap_remove(&w->events, n);
    w->now_ns = n->key;
    if (h && h->running && h->paused_until_ns > w->now_ns) {
        sim_event_arm(w, e, h->paused_until_ns);
        return true;
    }
    if (h && !h->running && !e->of_machine) {
        return true;
    }
    w->steps++;
    sim_digest(w, e->kind, h ? h->id : SIM_HOSTS_MAX);
    e->fire(e->owner); /* the event may be gone after this */
    if (h && h->running) {
        sim_host_turn_ends(h);
    }
    if (h && h->sink) {
        sim_trace_log(h);
    }
    w->after_event(w->after_event_ctx, h);
    return true;
}

/* --- the env of a process --------------------------------------------------------------------- */

static uint64_t op_mono_ns(void *ctx)
{
    return sim_host_mono_ns(ctx);
}

static int64_t op_wall_ms(void *ctx)
{
    return sim_host_wall_ms(ctx);
}

static uint64_t op_random(void *ctx)
{
    return rng_next(&((struct sim_host *)ctx)->rng);
}

static void arm_wake(struct sim_host *h)
{
    struct heap_node *first = heap_peek(&h->timers);
    if (first) {
        sim_event_arm(h->world, &h->wake, world_time_of(h, first->key));
    } else {
        sim_event_cancel(h->world, &h->wake);
    }
}

static void op_timer_cancel(void *ctx, struct timer *t)
{
    struct sim_host *h = ctx;
    bool was_first = heap_peek(&h->timers) == &t->node;
    heap_remove(&h->timers, &t->node);
    if (was_first) {
        arm_wake(h);
    }
}

static void op_timer_arm(void *ctx, struct timer *t, uint64_t deadline_ns)
{
    struct sim_host *h = ctx;
    bool was_first = heap_peek(&h->timers) == &t->node;
    heap_remove(&h->timers, &t->node);
    heap_insert(&h->timers, &t->node, deadline_ns);
    if (was_first || heap_peek(&h->timers) == &t->node) {
        arm_wake(h);
    }
}

static void on_wake(void *owner)
{
    struct sim_host *h = owner;
    uint64_t now = sim_host_mono_ns(h);
    uint64_t limit = h->timers.next_seq; /* as the loop: armed in this turn, fires in the next */
    struct heap_node *n;
    while ((n = heap_peek(&h->timers)) && n->key <= now && n->seq < limit) {
        heap_remove(&h->timers, n);
        struct timer *t = container_of(n, struct timer, node);
        t->fire(t->owner);
    }
    arm_wake(h);
}

static void job_free(struct sim_job *j)
{
    sim_event_cancel(j->host->world, &j->event);
    list_remove(&j->node);
    mem_free(j);
}

/* run() happens at some moment while the work is under way, done() at its end: what the loop does
 * in between is covered by a sync, or is not. */
static void on_job(void *owner)
{
    struct sim_job *j = owner;
    struct work *work = j->work;
    if (!j->ran) {
        j->ran = true;
        work->run(work);
        sim_event_arm(j->host->world, &j->event, j->done_at_ns);
        return;
    }
    job_free(j);
    work->done(work);
}

static void op_work(void *ctx, struct work *work)
{
    struct sim_host *h = ctx;
    struct sim_world *w = h->world;
    struct sim_job *j = mem_zalloc(sizeof(*j));
    j->host = h;
    j->work = work;
    j->event = (struct sim_event){ .fire = on_job, .owner = j, .host = h, .kind = SIM_EVENT_WORK };
    list_push_back(&h->jobs, &j->node);
    uint64_t whole = 20 * NS_PER_US + sim_random(w, h->work_ns_max);
    j->done_at_ns = w->now_ns + whole;
    sim_event_arm(w, &j->event, w->now_ns + sim_random(w, whole));
}

/* --- hosts ------------------------------------------------------------------------------------ */

static void open_log(struct sim_host *h)
{
    int fds[2];
    if (h->world->trace && pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0) {
        h->log_fd = fds[0];
        h->sink = log_sink_new(fds[1], LOG_DEBUG, LOG_LOGFMT);
    }
}

struct sim_host *sim_host_new(struct sim_world *w, const char *name, const char *address)
{
    static const struct env_ops ops = { .mono_ns = op_mono_ns,
                                        .wall_ms = op_wall_ms,
                                        .random = op_random,
                                        .timer_arm = op_timer_arm,
                                        .timer_cancel = op_timer_cancel,
                                        .connect = sim_net_connect,
                                        .work = op_work };
    assert(w->host_count < SIM_HOSTS_MAX);
    struct sim_host *h = mem_zalloc(sizeof(*h));
    h->world = w;
    h->id = w->host_count;
    w->hosts[w->host_count++] = h;
    snprintf(h->name, sizeof(h->name), "%s", name);
    snprintf(h->address, sizeof(h->address), "%s", address);
    h->env = (struct env){ &ops, h };
    h->wake = (struct sim_event){ .fire = on_wake, .owner = h, .host = h, .kind = SIM_EVENT_TIMER };
    h->work_ns_max = w->options.work_ns_max;
    h->next_port = 40000;
    list_init(&h->jobs);
    list_init(&h->streams);
    list_init(&h->dirty);
    list_init(&h->dead);
    open_log(h);
    sim_host_boot(h);
    return h;
}

void sim_host_boot(struct sim_host *h)
{
    struct sim_world *w = h->world;
    int32_t drift_max = (int32_t)w->options.drift_ppm_max;
    h->powered = h->running = true;
    h->paused_until_ns = 0;
    rng_seed(&h->rng, rng_next(&w->rng));
    h->drift_ppm = (int32_t)sim_random(w, 2 * w->options.drift_ppm_max + 1) - drift_max;
    h->mono_offset_ns = sim_random(w, (uint64_t)1000 * NS_PER_S);
}

void sim_host_kill(struct sim_host *h, bool power_loss)
{
    h->running = false;
    h->powered = !power_loss;
    h->paused_until_ns = 0;
    sim_net_host_died(h);
    sim_host_end_jobs(h);
}

void sim_host_end_jobs(struct sim_host *h)
{
    struct list_node *n;
    while ((n = list_first(&h->jobs))) {
        struct sim_job *j = list_entry(n, struct sim_job, node);
        struct work *work = j->work;
        bool ran = j->ran;
        job_free(j);
        if (!ran) {
            work->run(work); /* its disk is off */
        }
        work->done(work);
    }
}

void sim_host_bury(struct sim_host *h)
{
    sim_host_turn_ends(h);
    const struct heap_node *left = heap_peek(&h->timers);
    if (left) {
        const struct timer *t = container_of(left, struct timer, node);
        sim_fail(h->world, "%s: the program has gone and left a timer armed; its fire() is at %p",
                 h->name, (void *)(uintptr_t)t->fire);
    }
    assert(list_is_empty(&h->jobs));
}

void sim_host_pause(struct sim_host *h, uint64_t duration_ns)
{
    uint64_t until = h->world->now_ns + duration_ns;
    h->paused_until_ns = until > h->paused_until_ns ? until : h->paused_until_ns;
}

void sim_host_turn_ends(struct sim_host *h)
{
    sim_net_flush(h);
    sim_net_bury(h);
}

/* --- what is said ----------------------------------------------------------------------------- */

void sim_digest(struct sim_world *w, uint64_t what, uint64_t value)
{
    uint64_t x = w->digest ^ (w->now_ns * 0x9e3779b97f4a7c15ull) ^ (what << 56) ^ value;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    w->digest = x ^ (x >> 31);
}

static void print_time(FILE *out, uint64_t ns)
{
    fprintf(out, "%4llu.%06llu ", (unsigned long long)(ns / NS_PER_S),
            (unsigned long long)(ns % NS_PER_S / NS_PER_US));
}

void sim_trace(struct sim_world *w, const struct sim_host *h, const char *format, ...)
{
    if (!w->trace || w->now_ns < w->trace_from_ns) {
        return;
    }
    va_list ap;
    va_start(ap, format);
    print_time(w->trace, w->now_ns);
    fprintf(w->trace, "%-4s ", h ? h->name : "--");
    vfprintf(w->trace, format, ap);
    fputc('\n', w->trace);
    va_end(ap);
}

void sim_trace_log(struct sim_host *h)
{
    char text[4096];
    size_t have = 0;
    ssize_t got;
    while (h->sink && (got = read(h->log_fd, text + have, sizeof(text) - 1 - have)) > 0) {
        text[have + (size_t)got] = '\0';
        char *line = text, *end;
        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            const char *space = strchr(line, ' '); /* its own time is of no interest */
            sim_trace(h->world, h, "%s", space ? space + 1 : line);
        }
        have = strlen(line);
        memmove(text, line, have);
        have = have == sizeof(text) - 1 ? 0 : have;
    }
}

void sim_fail(struct sim_world *w, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    if (w->trace) {
        fflush(w->trace);
    }
    fprintf(stderr, "seed %llu, at ", (unsigned long long)w->seed);
    print_time(stderr, w->now_ns);
    fprintf(stderr, "s, step %llu: ", (unsigned long long)w->steps);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    fflush(stderr);
    va_end(ap);
    _Exit(EXIT_VIOLATION);
}

/* --- life ------------------------------------------------------------------------------------- */

static void nothing(void *ctx, struct sim_host *h)
{
    (void)ctx;
    (void)h;
}

void sim_world_init(struct sim_world *w, uint64_t seed, const struct sim_world_options *options,
                    FILE *trace)
{
    *w = (struct sim_world){ .seed = seed,
                             .now_ns = NS_PER_S,
                             .options = *options,
                             .after_event = nothing,
                             .trace = trace };
    rng_seed(&w->rng, seed);
    list_init(&w->conns);
    list_init(&w->listeners);
}

void sim_world_deinit(struct sim_world *w)
{
    sim_net_deinit(w);
    for (uint32_t i = 0; i < w->host_count; i++) {
        assert(list_is_empty(&w->hosts[i]->jobs));
        if (w->hosts[i]->sink) {
            log_sink_free(w->hosts[i]->sink);
        }
        heap_deinit(&w->hosts[i]->timers);
        mem_free(w->hosts[i]);
    }
    heap_deinit(&w->events);
}
