/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c - accepting connections. Driven by the loop.
 *   (A1) When descriptors run out, accepting rests for ACCEPT_REST_NS and goes on by itself; the
 *        connections wait in the kernel's queue meanwhile.
 */
#include "protocol/net/loop_internal.h"

#include "protocol/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 64, LISTEN_BACKLOG = 1024 };
#define ACCEPT_REST_NS ((uint64_t)100 * NS_PER_MS)

struct listener {
    struct loop *loop;
    struct watch watch;
    struct timer rest;
    uint16_t port;
    const struct stream_events *events;
    void *(*accepted)(void *owner, struct stream *s);
    void *owner;
};

static void rest_over(void *owner)
{
    struct listener *l = owner;
    loop_watch_change(l->loop, &l->watch, EPOLLIN);
}

static void on_acceptable(void *owner, uint32_t events)
{
    struct listener *l = owner;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                loop_watch_change(l->loop, &l->watch, 0);
                timer_arm_in(loop_env(l->loop), &l->rest, ACCEPT_REST_NS);
            }
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            return;
        }
        struct stream *s = tcp_accept(l->loop, fd, l->events);
        void *user = l->accepted(l->owner, s);
        if (user) {
            tcp_stream_start(s, user);
        } else {
            stream_close(s);
        }
    }
}

static int open_socket(const struct addrinfo *a, int *ret_errno)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0) {
            return fd;
        }
    }
    *ret_errno = errno;
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

enum err loop_listen(struct loop *l, const char *host, uint16_t port,
                     const struct stream_events *events,
                     void *(*accepted)(void *owner, struct stream *s), void *owner,
                     struct listener **ret_listener, struct error *err)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    int rc = getaddrinfo(host && *host ? host : NULL, service, &hints, &found);
    if (rc != 0) {
        return err_set(err, ERR_NOT_FOUND, "listen on %s:%u: %s", host, (unsigned)port,
                       gai_strerror(rc));
    }
    int failed = 0, fd = -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = open_socket(a, &failed);
    }
    freeaddrinfo(found);
    if (fd < 0) {
        return err_errno(err, failed, "listen on %s:%u", host, (unsigned)port);
    }
    struct listener *n = mem_zalloc(sizeof(*n));
    *n = (struct listener){ .loop = l,
                            .watch = { fd, EPOLLIN, on_acceptable, n },
                            .rest = { .fire = rest_over, .owner = n },
                            .events = events,
                            .accepted = accepted,
                            .owner = owner };
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        n->port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                                : ((struct sockaddr_in *)&a)->sin_port);
    }
    enum err e = loop_watch_add(l, &n->watch);
    if (e) {
        close(fd);
        mem_free(n);
        return err_set(err, e, "watch the socket of %s:%u: %s", host, (unsigned)port, err_text(e));
    }
    *ret_listener = n;
    return ERR_OK;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

void listener_close(struct listener *l)
{
    if (l) {
        timer_cancel(loop_env(l->loop), &l->rest);
        loop_watch_remove(l->loop, &l->watch);
        close(l->watch.fd);
        mem_free(l);
    }
}
