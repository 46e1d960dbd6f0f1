/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_internal.h - what loop.c, tcp_stream.c, listener.c and workers.c know of one another.
 * Nobody else includes it.
 */
#ifndef LOGBOOM_NET_LOOP_INTERNAL_H
#define LOGBOOM_NET_LOOP_INTERNAL_H

#include "protocol/base/list.h"
#include "protocol/base/rng.h"
#include "protocol/net/loop.h"

#include <pthread.h>
#include <sys/epoll.h>

enum { LOOP_EVENTS_MAX = 256, LOOP_SIGNALS_MAX = 32 };

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct work *todo_first, **todo_last;
    struct work *finished_first, **finished_last;
    pthread_t *threads;
    unsigned thread_count, threads_started;
    unsigned outstanding; /* given and not yet done(); the loop's thread only */
    bool stopping;
    bool woken;  /* the loop will look at what has finished */
    int wake_fd; /* eventfd */
};

struct signal_handler {
    void (*fire)(void *owner, int signum);
    void *owner;
};

struct loop {
    int epoll_fd;
    bool stop;
    uint64_t now_ns;
    struct heap timers;
    struct rng rng;
    struct list_node dirty; /* streams with something to send or to tell */
    struct list_node dead;  /* streams to be freed at the end of the turn */
    struct epoll_event events[LOOP_EVENTS_MAX];
    int event_at, event_count; /* the part of events[] not handled yet is (event_at, event_count) */
    struct worker_pool pool;
    struct watch pool_watch;
    struct watch signal_watch;
    struct signal_handler signals[LOOP_SIGNALS_MAX];
};

/* tcp_stream.c */
struct stream *tcp_connect(struct loop *l, const char *host, uint16_t port,
                           const struct stream_events *events, void *user);
/* Takes over an accepted socket; the user is set by tcp_stream_start(). */
struct stream *tcp_accept(struct loop *l, int fd, const struct stream_events *events);
void tcp_stream_start(struct stream *s, void *user);
/* Sends what was queued during this turn, and tells of failures. */
void tcp_flush_dirty(struct loop *l);
void tcp_reap_dead(struct loop *l);

/* workers.c */
enum err workers_init(struct loop *l, unsigned count, struct error *err);
void workers_deinit(struct loop *l);
void workers_give(struct loop *l, struct work *w);

#endif
