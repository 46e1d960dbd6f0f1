/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the event loop of a program: epoll, timers, signals, workers, and the env made of them.
 * One thread runs it and owns everything that hangs off it; only work->run() is elsewhere.
 */
#ifndef LOGBOOM_NET_LOOP_H
#define LOGBOOM_NET_LOOP_H

#include "protocol/daemon/env.h"

struct loop;

/* worker_count threads are started at the first work given. */
enum err loop_new(unsigned worker_count, struct loop **ret_loop, struct error *err);
/* Streams, listeners and watches must be gone; waits for running work. */
void loop_free(struct loop *l);
struct env loop_env(struct loop *l);
/* Until loop_stop(). */
void loop_run(struct loop *l);
/* One turn: waits at most timeout_ns (0: not at all), handles what is ready. For tests and the
 * CLI. */
void loop_turn(struct loop *l, uint64_t timeout_ns);
void loop_stop(struct loop *l);
/* Turns until all work given has come back, and what its done() gave in turn: before the owners of
 * that work are freed outside of the loop's own running. */
void loop_settle(struct loop *l);

/* A file descriptor of somebody else's (curl, inotify, libmicrohttpd). Embedded in its owner. */
struct watch {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT */
    void (*ready)(void *owner, uint32_t events);
    void *owner;
};
/* The watch must be removed before its fd is closed. Level-triggered. ERR_LIMIT, ERR_PERMISSION (a
 * regular file) from the kernel. */
enum err loop_watch_add(struct loop *l, struct watch *w);
void loop_watch_change(struct loop *l, struct watch *w, uint32_t events);
void loop_watch_remove(struct loop *l, struct watch *w);

/* SIGINT, SIGTERM, SIGHUP... as events. Blocks the signal for the process. */
void loop_on_signal(struct loop *l, int signum, void (*fire)(void *owner, int signum), void *owner);

/* Listening sockets. */
struct listener;
/* accepted() gets a new stream that is open already; it returns the user for its events, or NULL to
 * refuse it (it is closed then). events is the table for all of them. Port 0 takes a free one. When
 * descriptors run out accepting pauses for a moment, and goes on by itself. */
enum err loop_listen(struct loop *l, const char *host, uint16_t port,
                     const struct stream_events *events,
                     void *(*accepted)(void *owner, struct stream *s), void *owner,
                     struct listener **ret_listener, struct error *err);
uint16_t listener_port(const struct listener *l);
void listener_close(struct listener *l);

#endif
