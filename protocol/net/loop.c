/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - epoll, timers and signals on one thread. Driven by main() through loop_run(), by tests
 * through loop_turn().
 *
 *   (L1) One turn: wait, watches, timers, then flush of the streams, then burial of the dead ones.
 *   (L2) A watch that is removed during a turn gets no event any more in that turn.
 *   (L3) A timer armed by a timer's fire() does not fire in the same turn.
 *   (L4) now_ns changes only between turns.
 */
#include "protocol/net/loop_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* --- env -------------------------------------------------------------------------------------- */

static uint64_t env_op_mono_ns(void *ctx)
{
    return ((struct loop *)ctx)->now_ns;
}

static int64_t env_op_wall_ms(void *ctx)
{
    (void)ctx;
    return (int64_t)(clock_ns(CLOCK_REALTIME) / NS_PER_MS);
}

static uint64_t env_op_random(void *ctx)
{
    return rng_next(&((struct loop *)ctx)->rng);
}

static void env_op_timer_cancel(void *ctx, struct timer *t)
{
    heap_remove(&((struct loop *)ctx)->timers, &t->node);
}

static void env_op_timer_arm(void *ctx, struct timer *t, uint64_t deadline_ns)
{
    env_op_timer_cancel(ctx, t);
    heap_insert(&((struct loop *)ctx)->timers, &t->node, deadline_ns);
}

static struct stream *env_op_connect(void *ctx, const char *host, uint16_t port,
                                     const struct stream_events *events, void *user)
{
    return tcp_connect(ctx, host, port, events, user);
}

static void env_op_work(void *ctx, struct work *w)
{
    workers_give(ctx, w);
}

struct env loop_env(struct loop *l)
{
    static const struct env_ops ops = {
        .mono_ns = env_op_mono_ns,
        .wall_ms = env_op_wall_ms,
        .random = env_op_random,
        .timer_arm = env_op_timer_arm,
        .timer_cancel = env_op_timer_cancel,
        .connect = env_op_connect,
        .work = env_op_work,
    };
    return (struct env){ &ops, l };
}

/* --- life cycle ------------------------------------------------------------------------------- */

enum err loop_new(unsigned worker_count, struct loop **ret_loop, struct error *err)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        return err_errno(err, errno, "create the event loop (epoll)");
    }
    struct loop *l = mem_zalloc(sizeof(*l));
    l->epoll_fd = epoll_fd;
    l->signal_watch.fd = -1;
    list_init(&l->dirty);
    list_init(&l->dead);
    uint64_t seed = clock_ns(CLOCK_REALTIME);
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0) {
        seed ^= (uint64_t)getpid() << 32; /* early at boot: good enough for jitter */
    }
    rng_seed(&l->rng, seed);
    l->now_ns = clock_ns(CLOCK_MONOTONIC);
    enum err e = workers_init(l, worker_count, err);
    if (e) {
        close(epoll_fd);
        mem_free(l);
        return e;
    }
    *ret_loop = l;
    return ERR_OK;
}

void loop_free(struct loop *l)
{
    if (!l) {
        return;
    }
    workers_deinit(l);
    tcp_flush_dirty(l);
    tcp_reap_dead(l);
    if (l->signal_watch.fd >= 0) {
        loop_watch_remove(l, &l->signal_watch);
        close(l->signal_watch.fd);
    }
    heap_deinit(&l->timers);
    close(l->epoll_fd);
    mem_free(l);
}

/* --- watches ---------------------------------------------------------------------------------- */

enum err loop_watch_add(struct loop *l, struct watch *w)
{
    struct epoll_event ev = { .events = w->events, .data.ptr = w };
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) == 0 ? ERR_OK : err_of_errno(errno);
}

void loop_watch_change(struct loop *l, struct watch *w, uint32_t events)
{
    if (w->events != events) {
        struct epoll_event ev = { .events = events, .data.ptr = w };
        int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
        assert(rc == 0);
        w->events = events;
    }
}

void loop_watch_remove(struct loop *l, struct watch *w)
{
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    for (int i = l->event_at; i < l->event_count; i++) { /* (L2) */
        if (l->events[i].data.ptr == w) {
            l->events[i].data.ptr = NULL;
        }
    }
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal_ready(void *owner, uint32_t events)
{
    struct loop *l = owner;
    struct signalfd_siginfo info;
    (void)events;
    while (read(l->signal_watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo < LOOP_SIGNALS_MAX && l->signals[info.ssi_signo].fire) {
            struct signal_handler *h = &l->signals[info.ssi_signo];
            h->fire(h->owner, (int)info.ssi_signo);
        }
    }
}

void loop_on_signal(struct loop *l, int signum, void (*fire)(void *owner, int signum), void *owner)
{
    assert(signum > 0 && signum < LOOP_SIGNALS_MAX);
    l->signals[signum] = (struct signal_handler){ fire, owner };
    sigset_t set;
    sigemptyset(&set);
    for (int i = 1; i < LOOP_SIGNALS_MAX; i++) {
        if (l->signals[i].fire) {
            sigaddset(&set, i);
        }
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    bool first = l->signal_watch.fd < 0;
    int fd = signalfd(l->signal_watch.fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    assert(fd >= 0);
    if (first) {
        l->signal_watch = (struct watch){ fd, EPOLLIN, on_signal_ready, l };
        enum err e = loop_watch_add(l, &l->signal_watch);
        assert(e == ERR_OK);
    }
}

/* --- turning ---------------------------------------------------------------------------------- */

static void fire_timers(struct loop *l)
{
    uint64_t limit = l->timers.next_seq; /* (L3) */
    struct heap_node *node;
    while ((node = heap_peek(&l->timers)) && node->key <= l->now_ns && node->seq < limit) {
        heap_remove(&l->timers, node);
        struct timer *t = container_of(node, struct timer, node);
        t->fire(t->owner);
    }
}

/* How long to wait, in ms, rounded up so that no timer is met early and spun for. */
static int wait_ms(const struct loop *l, uint64_t timeout_ns)
{
    struct heap_node *node = heap_peek(&l->timers);
    if (node) {
        uint64_t left = node->key > l->now_ns ? node->key - l->now_ns : 0;
        timeout_ns = left < timeout_ns ? left : timeout_ns;
    }
    if (timeout_ns > (uint64_t)3600 * NS_PER_S) {
        return node ? 3600 * 1000 : -1;
    }
    return (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
}

void loop_turn(struct loop *l, uint64_t timeout_ns)
{
    tcp_flush_dirty(l); /* what was queued outside of a turn */
    tcp_reap_dead(l);
    l->now_ns = clock_ns(CLOCK_MONOTONIC);
    int n = epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS_MAX, wait_ms(l, timeout_ns));
    l->now_ns = clock_ns(CLOCK_MONOTONIC);
    l->event_count = n > 0 ? n : 0;
    for (l->event_at = 0; l->event_at < l->event_count;) {
        struct epoll_event *ev = &l->events[l->event_at++];
        struct watch *w = ev->data.ptr;
        if (w) {
            w->ready(w->owner, ev->events);
        }
    }
    fire_timers(l);
    tcp_flush_dirty(l);
    tcp_reap_dead(l);
}

void loop_run(struct loop *l)
{
    l->stop = false;
    while (!l->stop) {
        loop_turn(l, UINT64_MAX);
    }
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}
