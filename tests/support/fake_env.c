/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_env.c - virtual time and connections in memory. Driven by a test's loop.
 *   (F1) Messages of one connection and direction arrive in the order they were sent.
 *   (F2) After the client has closed a stream it gets no event; what it had sent may still arrive.
 *   (F3) Pieces are released on arrival, or when the stream is closed.
 */
#include "tests/support/fake_env.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

enum message_kind { TO_SERVER, TO_CLIENT, OPEN, END };

struct fake_conn {
    struct stream base;
    struct list_node node;
    struct list_node messages;
    struct fake_env *env;
    struct fake_server *server;
    const struct stream_events *events;
    void *user;
    bool client_gone, server_gone;
    uint64_t last_to_server_ns, last_to_client_ns;
    struct buf input;
};

struct message {
    struct timer timer;
    struct list_node node;
    struct fake_conn *conn;
    enum message_kind kind;
    enum err why;
    struct buf bytes;     /* to the client; or of a client that is gone */
    struct piece *pieces; /* to the server */
    size_t count;
};

static uint64_t mono_ns(void *ctx)
{
    return ((struct fake_env *)ctx)->now_ns;
}

static int64_t wall_ms(void *ctx)
{
    return (int64_t)(1700000000000 + ((struct fake_env *)ctx)->now_ns / NS_PER_MS);
}

static uint64_t next_random(void *ctx)
{
    return rng_next(&((struct fake_env *)ctx)->rng);
}

static void arm(void *ctx, struct timer *t, uint64_t deadline_ns)
{
    struct fake_env *e = ctx;
    heap_remove(&e->timers, &t->node);
    heap_insert(&e->timers, &t->node, deadline_ns > e->now_ns ? deadline_ns : e->now_ns);
}

static void cancel(void *ctx, struct timer *t)
{
    heap_remove(&((struct fake_env *)ctx)->timers, &t->node);
}

bool fake_env_step(struct fake_env *e)
{
    struct heap_node *n = heap_peek(&e->timers);
    if (!n) {
        return false;
    }
    heap_remove(&e->timers, n);
    e->now_ns = n->key;
    struct timer *t = container_of(n, struct timer, node);
    t->fire(t->owner);
    return true;
}

void fake_env_run(struct fake_env *e, uint64_t until_ns)
{
    struct heap_node *n;
    while ((n = heap_peek(&e->timers)) && n->key <= until_ns) {
        fake_env_step(e);
    }
    e->now_ns = until_ns;
}

/* --- messages --------------------------------------------------------------------------------- */

static void release(struct message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->pieces[i].release) {
            m->pieces[i].release(m->pieces[i].owner);
        }
    }
    m->count = 0;
}

static void free_message(struct message *m)
{
    heap_remove(&m->conn->env->timers, &m->timer.node);
    list_remove(&m->node);
    release(m);
    buf_deinit(&m->bytes);
    mem_free(m->pieces);
    mem_free(m);
}

static void gather(struct message *m)
{
    for (size_t i = 0; i < m->count; i++) {
        m->conn->base.queued_bytes -= m->pieces[i].bytes.len;
        buf_append_slice(&m->bytes, m->pieces[i].bytes);
    }
    release(m);
}

static void to_client(struct fake_conn *c, struct slice bytes)
{
    while (bytes.len && !c->client_gone) {
        uint8_t *ptr;
        size_t room;
        c->events->space(c->user, &ptr, &room);
        /* Odd sizes, so that frames are cut anywhere. */
        size_t n = 1 + (size_t)rng_below(&c->env->rng, bytes.len);
        n = n < room ? n : room;
        memcpy(ptr, bytes.ptr, n);
        bytes = slice_from(bytes, n);
        c->events->filled(c->user, n);
    }
}

static void arrive(void *owner)
{
    struct message *m = owner;
    struct fake_conn *c = m->conn;
    list_remove(&m->node);
    gather(m);
    if (m->kind == TO_SERVER && !c->server_gone) {
        c->server->received(c->server, c, buf_slice(&m->bytes));
    } else if (m->kind == TO_CLIENT) {
        to_client(c, buf_slice(&m->bytes));
    } else if (m->kind == OPEN && !c->client_gone) {
        c->events->opened(c->user);
    } else if (m->kind == END && !c->client_gone) {
        c->client_gone = true;
        c->events->closed(c->user, m->why);
    }
    free_message(m);
}

static struct message *post(struct fake_conn *c, enum message_kind kind, uint64_t extra_ns)
{
    struct fake_env *e = c->env;
    struct message *m = mem_zalloc(sizeof(*m));
    uint64_t *last = kind == TO_SERVER ? &c->last_to_server_ns : &c->last_to_client_ns;
    uint64_t at = e->now_ns + e->latency_ns + rng_below(&e->rng, e->latency_ns * 3 + 1) + extra_ns;
    at = at > *last ? at : *last;
    *last = at;
    m->conn = c;
    m->kind = kind;
    m->timer.fire = arrive;
    m->timer.owner = m;
    list_push_back(&c->messages, &m->node);
    heap_insert(&e->timers, &m->timer.node, at);
    return m;
}

static void op_send(struct stream *s, const struct piece *pieces, size_t count)
{
    struct fake_conn *c = container_of(s, struct fake_conn, base);
    assert(!c->client_gone);
    struct message *m = post(c, TO_SERVER, 0);
    m->pieces = mem_array(count, sizeof(*pieces));
    memcpy(m->pieces, pieces, count * sizeof(*pieces));
    m->count = count;
    for (size_t i = 0; i < count; i++) {
        s->queued_bytes += pieces[i].bytes.len;
    }
}

static void op_resume(struct stream *s)
{
}

static void op_close(struct stream *s)
{
    struct fake_conn *c = container_of(s, struct fake_conn, base);
    c->client_gone = true;
    list_for_each(n, &c->messages) {
        struct message *m = list_entry(n, struct message, node);
        if (m->kind == TO_SERVER) {
            gather(m);
        }
    }
    c->server_gone = c->server_gone || rng_below(&c->env->rng, 2) == 0;
}

static struct stream *env_connect_fake(void *ctx, const char *host, uint16_t port,
                                       const struct stream_events *events, void *user)
{
    static const struct stream_ops ops = { op_send, op_resume, op_close, NULL };
    struct fake_env *e = ctx;
    struct fake_conn *c = mem_zalloc(sizeof(*c));
    c->base.ops = &ops;
    snprintf(c->base.peer, sizeof(c->base.peer), "%.40s:%u", host, (unsigned)port);
    c->env = e;
    c->events = events;
    c->user = user;
    list_init(&c->messages);
    list_push_back(&e->conns, &c->node);
    list_for_each(n, &e->servers) {
        struct fake_server *s = list_entry(n, struct fake_server, node);
        if (s->port == port && !s->down) {
            c->server = s;
        }
    }
    if (c->server) {
        (void)post(c, OPEN, 0);
    } else {
        c->server_gone = true;
        post(c, END, 0)->why = ERR_CLOSED;
    }
    return &c->base;
}

static void run_work(void *ctx, struct work *w)
{
    w->run(w);
    w->done(w);
}

/* --- servers ---------------------------------------------------------------------------------- */

void fake_server_add(struct fake_env *e, struct fake_server *server)
{
    list_push_back(&e->servers, &server->node);
}

struct buf *fake_conn_input(struct fake_conn *c)
{
    return &c->input;
}

void fake_conn_send(struct fake_conn *c, struct slice bytes, uint64_t extra_ns)
{
    if (!c->server_gone) {
        buf_append_slice(&post(c, TO_CLIENT, extra_ns)->bytes, bytes);
    }
}

void fake_conn_close(struct fake_conn *c)
{
    if (!c->server_gone) {
        c->server_gone = true;
        post(c, END, 0)->why = ERR_CLOSED;
    }
}

void fake_server_stop(struct fake_env *e, struct fake_server *server)
{
    server->down = true;
    list_for_each(n, &e->conns) {
        struct fake_conn *c = list_entry(n, struct fake_conn, node);
        if (c->server == server) {
            fake_conn_close(c);
        }
    }
}

void fake_server_go_on(struct fake_env *e, struct fake_server *server)
{
    server->silent = false;
    list_for_each(n, &e->conns) {
        struct fake_conn *c = list_entry(n, struct fake_conn, node);
        if (c->server == server && !c->server_gone) {
            server->received(server, c, slice_null());
        }
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void fake_env_init(struct fake_env *e, uint64_t seed)
{
    static const struct env_ops ops = { mono_ns, wall_ms,          next_random, arm,
                                        cancel,  env_connect_fake, run_work };
    *e = (struct fake_env){ .env = { &ops, e }, .now_ns = NS_PER_S, .latency_ns = 100 * NS_PER_US };
    rng_seed(&e->rng, seed);
    list_init(&e->servers);
    list_init(&e->conns);
}

void fake_env_deinit(struct fake_env *e)
{
    struct list_node *n, *m;
    while ((n = list_pop_front(&e->conns))) {
        struct fake_conn *c = list_entry(n, struct fake_conn, node);
        while ((m = list_first(&c->messages))) {
            free_message(list_entry(m, struct message, node));
        }
        buf_deinit(&c->input);
        mem_free(c);
    }
    heap_deinit(&e->timers);
}
