/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_stream.c - struct stream over TCP sockets. Driven by the loop; used through env.h.
 *
 * Sending is deferred to the end of the turn, so that all answers of a turn leave in few system
 * calls; memory goes by sendmsg, file ranges by sendfile.
 *
 *   (T1) A stream is in exactly one of the states resolving, connecting, open, dead.
 *   (T2) Once dead it gets no event, and its memory goes at the end of the turn.
 *   (T3) Every piece is released exactly once: when sent, or when its stream is buried.
 *   (T4) queued_bytes is the sum of what is left of the pieces.
 */
#include "protocol/net/loop_internal.h"

#include "protocol/base/alloc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READ_BUDGET_BYTES = 1 << 20, /* per stream and turn: others want to be read, too */
    WRITE_BUDGET_BYTES = 4 << 20,
    IOV_MAX_PER_CALL = 64,
};

enum tcp_state { TCP_RESOLVING, TCP_CONNECTING, TCP_OPEN, TCP_DEAD };

struct resolve {
    struct work work;
    struct tcp_stream *stream; /* NULL: closed meanwhile */
    char host[256];
    char port[8];
    struct addrinfo *found;
};

struct tcp_stream {
    struct stream base;
    struct loop *loop;
    const struct stream_events *events;
    void *user;
    enum tcp_state state;
    struct watch watch;
    bool watched;
    bool paused;
    struct list_node link; /* in loop->dirty or loop->dead, or alone */
    enum err failure;      /* to be told by closed() at the next flush */
    struct resolve *resolve;
    struct addrinfo *addresses, *next_address;
    struct piece *pieces; /* a queue: [first, first + count) */
    size_t first, count, cap;
};

static void mark_dirty(struct tcp_stream *s)
{
    if (s->state != TCP_DEAD) {
        list_remove(&s->link);
        list_push_back(&s->loop->dirty, &s->link);
    }
}

static void fail_later(struct tcp_stream *s, enum err why)
{
    if (!s->failure) {
        s->failure = why;
    }
    mark_dirty(s);
}

static void want_events(struct tcp_stream *s)
{
    if (s->watched && s->state == TCP_OPEN) {
        uint32_t events =
            (s->paused ? 0u : (uint32_t)EPOLLIN) | (s->count ? (uint32_t)EPOLLOUT : 0u);
        loop_watch_change(s->loop, &s->watch, events);
    }
}

static void drop_socket(struct tcp_stream *s)
{
    if (s->watched) {
        loop_watch_remove(s->loop, &s->watch);
        s->watched = false;
    }
    if (s->watch.fd >= 0) {
        close(s->watch.fd);
        s->watch.fd = -1;
    }
}

static void die(struct tcp_stream *s)
{
    drop_socket(s);
    if (s->resolve) {
        s->resolve->stream = NULL;
        s->resolve = NULL;
    }
    s->state = TCP_DEAD;
    list_remove(&s->link);
    list_push_back(&s->loop->dead, &s->link);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void piece_release(const struct piece *p)
{
    if (p->release) {
        p->release(p->owner);
    }
}

static void op_send(struct stream *base, const struct piece *pieces, size_t count)
{
    struct tcp_stream *s = container_of(base, struct tcp_stream, base);
    if (s->first + s->count + count > s->cap) {
        if (s->first) {
            memmove(s->pieces, s->pieces + s->first, s->count * sizeof(*s->pieces));
            s->first = 0;
        }
        while (s->count + count > s->cap) {
            s->cap = s->cap ? s->cap * 2 : 8;
        }
        s->pieces = mem_rearray(s->pieces, s->cap, sizeof(*s->pieces));
    }
    for (size_t i = 0; i < count; i++) {
        s->pieces[s->first + s->count++] = pieces[i];
        s->base.queued_bytes += pieces[i].file ? pieces[i].file_len : pieces[i].bytes.len;
    }
    mark_dirty(s);
}

/* Takes n sent bytes off the head of the queue. Empty pieces at the head go, too. */
static void pieces_sent(struct tcp_stream *s, size_t n)
{
    s->base.queued_bytes -= n;
    while (s->count) {
        struct piece *p = &s->pieces[s->first];
        size_t len = p->file ? p->file_len : p->bytes.len;
        if (n < len) {
            p->bytes = slice_from(p->bytes, n);
            p->file_pos += n;
            p->file_len -= p->file ? n : 0;
            return;
        }
        n -= len;
        struct piece sent = *p;
        s->first++;
        if (--s->count == 0) {
            s->first = 0;
        }
        piece_release(&sent);
    }
}

static ssize_t send_memory(struct tcp_stream *s)
{
    struct iovec iov[IOV_MAX_PER_CALL];
    struct msghdr msg = { .msg_iov = iov };
    size_t i = 0, bytes = 0;
    for (; i < s->count && msg.msg_iovlen < IOV_MAX_PER_CALL && bytes < WRITE_BUDGET_BYTES; i++) {
        const struct piece *p = &s->pieces[s->first + i];
        if (p->file) {
            break;
        }
        if (p->bytes.len) {
            iov[msg.msg_iovlen++] = (struct iovec){ (void *)(uintptr_t)p->bytes.ptr, p->bytes.len };
            bytes += p->bytes.len;
        }
    }
    if (!bytes) {
        return 0;
    }
    int more = i < s->count ? MSG_MORE : 0;
    return sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT | more);
}

static ssize_t send_file(struct tcp_stream *s)
{
    const struct piece *p = &s->pieces[s->first];
    off_t pos = (off_t)p->file_pos;
    if (!p->file_len) {
        return 0;
    }
    ssize_t n = sendfile(s->watch.fd, p->file->fd, &pos, p->file_len);
    if (n == 0) {
        errno = EIO; /* the file is shorter than promised: the frame cannot be completed */
        return -1;
    }
    return n;
}

static void flush_pieces(struct tcp_stream *s)
{
    size_t budget = WRITE_BUDGET_BYTES;
    bool had = s->count > 0;
    while (s->count && budget) {
        ssize_t n = s->pieces[s->first].file ? send_file(s) : send_memory(s);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                fail_later(s, errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED
                                                                    : err_of_errno(errno));
            }
            break;
        }
        pieces_sent(s, (size_t)n);
        budget -= (size_t)n < budget ? (size_t)n : budget;
    }
    want_events(s);
    if (had && !s->count && s->state == TCP_OPEN && s->events->drained) {
        s->events->drained(s->user);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_some(struct tcp_stream *s)
{
    size_t budget = READ_BUDGET_BYTES;
    while (s->state == TCP_OPEN && !s->failure && budget) {
        uint8_t *ptr = NULL;
        size_t room = 0;
        s->events->space(s->user, &ptr, &room);
        if (s->state != TCP_OPEN) {
            return;
        }
        if (!room) {
            s->paused = true;
            want_events(s);
            return;
        }
        ssize_t n = recv(s->watch.fd, ptr, room, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n <= 0) {
            fail_later(s, n == 0 || errno == ECONNRESET ? ERR_CLOSED : err_of_errno(errno));
            return;
        }
        s->events->filled(s->user, (size_t)n);
        if ((size_t)n < room) {
            return; /* the socket is empty: level-triggered epoll tells when it is not */
        }
        budget -= (size_t)n < budget ? (size_t)n : budget;
    }
}

/* --- connecting ------------------------------------------------------------------------------- */

static void name_ends(struct tcp_stream *s)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int flags = NI_NUMERICHOST | NI_NUMERICSERV;
    if (getpeername(s->watch.fd, (struct sockaddr *)&a, &len) == 0 &&
        getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port), flags) ==
            0) {
        bool v6 = a.ss_family == AF_INET6;
        snprintf(s->base.peer, sizeof(s->base.peer), "%s%.48s%s:%.8s", v6 ? "[" : "", host,
                 v6 ? "]" : "", port);
    }
    len = sizeof(a);
    if (getsockname(s->watch.fd, (struct sockaddr *)&a, &len) == 0 &&
        getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port), flags) ==
            0) {
        snprintf(s->base.local_host, sizeof(s->base.local_host), "%.47s", host);
        s->base.local_port = (uint16_t)strtoul(port, NULL, 10);
    }
}

static void set_options(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void try_next_address(struct tcp_stream *s, enum err last);

static void on_ready(void *owner, uint32_t events)
{
    struct tcp_stream *s = owner;
    if (s->state == TCP_CONNECTING) {
        int failed = 0;
        socklen_t len = sizeof(failed);
        getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &failed, &len);
        if (failed) {
            try_next_address(s, failed == ECONNREFUSED ? ERR_CLOSED : err_of_errno(failed));
            return;
        }
        s->state = TCP_OPEN;
        name_ends(s);
        want_events(s);
        if (s->count) {
            mark_dirty(s);
        }
        s->events->opened(s->user);
        return;
    }
    if (events & EPOLLIN) {
        read_some(s);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        fail_later(s, ERR_CLOSED);
    }
    if (s->state == TCP_OPEN && events & EPOLLOUT) {
        mark_dirty(s);
    }
}

static enum err begin_connect(struct tcp_stream *s, const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_of_errno(errno);
    }
    set_options(fd);
    s->watch = (struct watch){ fd, EPOLLOUT, on_ready, s };
    s->state = TCP_CONNECTING;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        enum err e = errno == ECONNREFUSED ? ERR_CLOSED : err_of_errno(errno);
        drop_socket(s);
        return e;
    }
    enum err e = loop_watch_add(s->loop, &s->watch);
    s->watched = e == ERR_OK;
    return e;
}

static void try_next_address(struct tcp_stream *s, enum err last)
{
    drop_socket(s);
    while (s->next_address) {
        struct addrinfo *a = s->next_address;
        s->next_address = a->ai_next;
        last = begin_connect(s, a);
        if (last == ERR_OK) {
            return;
        }
    }
    fail_later(s, last);
}

static void resolve_run(struct work *w)
{
    struct resolve *r = container_of(w, struct resolve, work);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    if (getaddrinfo(r->host, r->port, &hints, &r->found) != 0) {
        r->found = NULL;
    }
}

static void resolve_done(struct work *w)
{
    struct resolve *r = container_of(w, struct resolve, work);
    struct tcp_stream *s = r->stream;
    if (s) {
        s->resolve = NULL;
        s->addresses = s->next_address = r->found;
        try_next_address(s, ERR_NOT_FOUND);
    } else if (r->found) {
        freeaddrinfo(r->found);
    }
    mem_free(r);
}

static void op_resume(struct stream *base)
{
    struct tcp_stream *s = container_of(base, struct tcp_stream, base);
    s->paused = false;
    want_events(s);
}

static void op_close(struct stream *base)
{
    struct tcp_stream *s = container_of(base, struct tcp_stream, base);
    if (s->state != TCP_DEAD) {
        die(s);
    }
}

static void op_flush(struct stream *base)
{
    struct tcp_stream *s = container_of(base, struct tcp_stream, base);
    if (s->state == TCP_OPEN && !s->failure) {
        flush_pieces(s);
    }
}

static const struct stream_ops tcp_ops = { op_send, op_resume, op_close, op_flush };

static struct tcp_stream *stream_new(struct loop *l, const struct stream_events *events, void *user)
{
    struct tcp_stream *s = mem_zalloc(sizeof(*s));
    s->base.ops = &tcp_ops;
    s->loop = l;
    s->events = events;
    s->user = user;
    s->watch.fd = -1;
    list_init(&s->link);
    return s;
}

struct stream *tcp_connect(struct loop *l, const char *host, uint16_t port,
                           const struct stream_events *events, void *user)
{
    struct tcp_stream *s = stream_new(l, events, user);
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    snprintf(s->base.peer, sizeof(s->base.peer), "%.50s:%u", host, (unsigned)port);
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    if (getaddrinfo(host, service, &hints, &s->addresses) == 0) {
        s->next_address = s->addresses;
        try_next_address(s, ERR_NOT_FOUND);
        return &s->base;
    }
    s->addresses = NULL;
    struct resolve *r = mem_zalloc(sizeof(*r));
    r->work = (struct work){ .run = resolve_run, .done = resolve_done };
    r->stream = s;
    snprintf(r->host, sizeof(r->host), "%.255s", host);
    memcpy(r->port, service, sizeof(service));
    s->resolve = r;
    s->state = TCP_RESOLVING;
    workers_give(l, &r->work);
    return &s->base;
}

struct stream *tcp_accept(struct loop *l, int fd, const struct stream_events *events)
{
    struct tcp_stream *s = stream_new(l, events, NULL);
    set_options(fd);
    s->watch = (struct watch){ fd, EPOLLIN, on_ready, s };
    s->state = TCP_OPEN;
    name_ends(s);
    return &s->base;
}

void tcp_stream_start(struct stream *base, void *user)
{
    struct tcp_stream *s = container_of(base, struct tcp_stream, base);
    s->user = user;
    if (s->state != TCP_OPEN) {
        return; /* closed inside accepted() */
    }
    enum err e = loop_watch_add(s->loop, &s->watch);
    s->watched = e == ERR_OK;
    if (e) {
        fail_later(s, e);
    }
    want_events(s);
}

/* --- the end of a turn ------------------------------------------------------------------------ */

void tcp_flush_dirty(struct loop *l)
{
    struct list_node *node;
    while ((node = list_pop_front(&l->dirty))) {
        struct tcp_stream *s = list_entry(node, struct tcp_stream, link);
        if (s->state == TCP_OPEN && !s->failure) {
            flush_pieces(s);
        }
        if (s->failure && s->state != TCP_DEAD) {
            enum err why = s->failure;
            die(s);
            s->events->closed(s->user, why);
        }
    }
}

void tcp_reap_dead(struct loop *l)
{
    struct list_node *node;
    while ((node = list_pop_front(&l->dead))) {
        struct tcp_stream *s = list_entry(node, struct tcp_stream, link);
        for (size_t i = 0; i < s->count; i++) {
            piece_release(&s->pieces[s->first + i]);
        }
        if (s->addresses) {
            freeaddrinfo(s->addresses);
        }
        mem_free(s->pieces);
        mem_free(s);
    }
}
