/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.c - frames in, replies out. Driven by the stream's events and by the handlers'
 * replies.
 *
 * A small frame is copied out of the head buffer; a larger one gets memory of its own, and the
 * socket is read straight into it. Whatever the peer announces, memory is taken as bytes arrive
 * (CALL_FIRST_BYTES ahead at most) and counts against queued.max.request.bytes.
 *
 *   (K1) Replies leave in the order of the requests: only the head of `calls` may be sent.
 *   (K2) A call is in exactly one of conn->reading, conn->calls, conn->sending and
 *        connections->orphans.
 *   (K3) A connection is freed only at depth 0: no caller up the stack still uses it.
 */
#include "broker/connection.h"

#include "broker/api/table.h"
#include "broker/broker.h"
#include "protocol/base/alloc.h"
#include "protocol/base/be.h"

#include <assert.h>

enum {
    FRAME_BYTES_MIN = 8, /* key, version, correlation id */
    PIECES_ON_STACK = 16,
};

struct connection {
    struct list_node link;    /* in connections->all */
    struct list_node starved; /* in connections->starved, or alone */
    struct broker *broker;
    const struct broker_listener *listener;
    struct stream *stream;
    struct list_node calls;   /* not sent yet, in order */
    struct list_node sending; /* with the stream */
    uint32_t call_count;      /* in both */
    struct call *reading;     /* its frame is arriving; NULL: in the head */
    size_t reading_have;
    size_t head_len;
    uint64_t last_ns;        /* something arrived or left */
    uint64_t frame_began_ns; /* 0: no frame has begun */
    struct timer timer;
    unsigned depth;
    int32_t broker_id; /* whose heartbeats come over it; -1: nobody's */
    bool paused;       /* the stream waits for stream_resume() */
    bool closing;
    uint8_t head[CONNECTION_HEAD_BYTES];
};

/* --- calls ------------------------------------------------------------------------------------ */

static void connection_resume(struct connection *conn);

/* The reply has been handed to the kernel, or its stream is gone. */
static void call_sent(void *owner)
{
    struct call *c = owner;
    struct connection *conn = c->conn;
    c->splice_count = 0; /* their references went with the pieces */
    if (conn) {
        conn->call_count--;
        conn->last_ns = env_mono_ns(c->broker->env);
    }
    call_free(c);
    if (conn) {
        connection_resume(conn);
    }
}

static void send_call(struct connection *conn, struct call *c)
{
    struct broker *b = conn->broker;
    struct piece on_stack[PIECES_ON_STACK];
    size_t count = c->splice_count * 2 + 1;
    struct piece *pieces = count <= PIECES_ON_STACK ? on_stack : mem_array(count, sizeof(*pieces));
    size_t at = 0, n = 0, bytes = c->reply.len;
    for (size_t i = 0; i < c->splice_count; i++) {
        struct log_range *range = c->splices[i].external;
        if (c->splices[i].at > at) {
            pieces[n++] =
                (struct piece){ .bytes = slice_of(c->reply.ptr + at, c->splices[i].at - at) };
            at = c->splices[i].at;
        }
        pieces[n++] = (struct piece){ .file = range->file->file,
                                      .file_pos = range->position,
                                      .file_len = range->len,
                                      .release = open_file_unref,
                                      .owner = range->file };
        bytes += range->len;
    }
    pieces[n++] = (struct piece){ .bytes = slice_of(c->reply.ptr + at, c->reply.len - at),
                                  .release = call_sent,
                                  .owner = c };
    b->metrics.sent_bytes += bytes;
    list_remove(&c->link);
    list_push_back(&conn->sending, &c->link);
    stream_send(conn->stream, pieces, n);
    if (pieces != on_stack) {
        mem_free(pieces);
    }
}

/* Sends what is ready at the head of the queue (K1). */
static void send_ready(struct connection *conn)
{
    for (struct list_node *node; (node = list_first(&conn->calls));) {
        struct call *c = list_entry(node, struct call, link);
        if (!c->replied) {
            return;
        }
        if (c->no_reply) {
            conn->call_count--;
            call_free(c);
        } else {
            send_call(conn, c);
        }
    }
}

static void replied(struct call *c)
{
    assert(!c->replied);
    c->replied = true;
    struct connection *conn = c->conn;
    if (!conn) {
        call_free(c);
        return;
    }
    conn->depth++;
    send_ready(conn);
    conn->depth--;
    connection_resume(conn);
}

static void connection_close(struct connection *conn, const char *why);

static void sink_fail(struct call *c, const char *why)
{
    struct connection *conn = c->conn;
    c->no_reply = true;
    c->abandoned = NULL;
    if (conn) {
        conn->depth++;
        connection_close(conn, why); /* the call is an orphan now */
        replied(c);
        conn->depth--;
        connection_resume(conn);
    } else {
        replied(c);
    }
}

static void sink_reply(struct call *c, int16_t version, const void *response)
{
    if (!response) {
        c->no_reply = true;
        replied(c);
        return;
    }
    struct writer w;
    writer_init(&w, &c->reply);
    enum err e = api_frame_response(&w, c->api->key, version, c->correlation_id, response);
    c->splices = w.splices;
    c->splice_count = w.splice_count;
    if (e) {
        sink_fail(c, "the reply does not fit the protocol");
        return;
    }
    replied(c);
}

static const struct call_sink connection_sink = { .reply = sink_reply, .fail = sink_fail };

void connection_reply_bytes(struct call *c, struct slice header_and_body)
{
    assert(c->sink == &connection_sink);
    uint8_t len[4];
    be32_store(len, (uint32_t)header_and_body.len);
    buf_append(&c->reply, len, sizeof(len));
    buf_append_slice(&c->reply, header_and_body);
    replied(c);
}

/* --- the end of a connection ------------------------------------------------------------------ */

static void connection_free(struct connection *conn)
{
    list_remove(&conn->link);
    list_remove(&conn->starved);
    conn->broker->connections.count--;
    mem_free(conn);
}

/* Lets go of the calls; the stream is gone or going. */
static void detach(struct connection *conn)
{
    struct broker *b = conn->broker;
    timer_cancel(b->env, &conn->timer);
    list_remove(&conn->starved);
    if (conn->reading) {
        call_free(conn->reading);
        conn->reading = NULL;
    }
    list_for_each(node, &conn->sending) {
        struct call *c = list_entry(node, struct call, link);
        c->conn = NULL;
        list_remove(&c->link);
        list_push_back(&b->connections.orphans, &c->link);
    }
    for (struct list_node *node; (node = list_pop_front(&conn->calls));) {
        struct call *c = list_entry(node, struct call, link);
        c->conn = NULL;
        list_push_back(&b->connections.orphans, &c->link);
        if (c->replied) {
            call_free(c);
        } else if (c->abandoned) {
            c->abandoned(c);
        }
    }
}

static void connection_close(struct connection *conn, const char *why)
{
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    log_debug(&conn->broker->log, "connection closed", KV_STR("client", conn->stream->peer),
              KV_STR("why", why));
    struct stream *s = conn->stream;
    conn->depth++;
    detach(conn);
    conn->depth--;
    stream_close(s);
}

static void on_closed(void *user, enum err why)
{
    struct connection *conn = user;
    struct broker *b = conn->broker;
    int32_t broker_id = conn->broker_id;
    (void)why;
    conn->closing = true;
    detach(conn);
    connection_free(conn);
    if (broker_id >= 0) {
        controller_connection_lost(b, broker_id);
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

static void dispatch(struct connection *conn, struct call *c)
{
    struct broker *b = conn->broker;
    c->arrived_ns = env_mono_ns(b->env);
    b->metrics.requests++;
    list_push_back(&conn->calls, &c->link);
    conn->call_count++;
    api_dispatch(c);
}

static void bad_frame(struct connection *conn, const char *why)
{
    conn->broker->metrics.connections_bad_closed++;
    log_info(&conn->broker->log, "closed a connection that sends no requests",
             KV_STR("client", conn->stream->peer), KV_STR("why", why));
    connection_close(conn, why);
}

static void starve(struct connection *conn)
{
    if (list_is_empty(&conn->starved)) {
        conn->broker->metrics.requests_paused++;
        list_push_back(&conn->broker->connections.starved, &conn->starved);
    }
}

/* Takes the frame that begins at `at` in the head; returns what it used there, 0 to wait. */
static size_t take_frame(struct connection *conn, size_t at)
{
    struct broker *b = conn->broker;
    size_t left = conn->head_len - at;
    if (left < 4) {
        return 0;
    }
    struct reader r = reader_of(slice_of(conn->head + at, 4));
    int32_t len = reader_i32(&r);
    if (len < FRAME_BYTES_MIN) {
        bad_frame(conn, "the frame's length is too small");
        return 0;
    }
    if (len > b->config->socket_request_max_bytes) {
        bad_frame(conn, "the frame's length is above socket.request.max.bytes");
        return 0;
    }
    if (!call_memory_for(b, (size_t)len)) {
        starve(conn);
        return 0;
    }
    struct call *c = call_new(b, &connection_sink, NULL, (size_t)len);
    c->conn = conn;
    c->kind = conn->listener->kind;
    size_t here = left - 4 < (size_t)len ? left - 4 : (size_t)len;
    memcpy(c->frame, conn->head + at + 4, here);
    conn->frame_began_ns = 0;
    if (here == (size_t)len) {
        dispatch(conn, c);
    } else {
        conn->reading = c;
        conn->reading_have = here;
    }
    return 4 + here;
}

/* A frame has begun and is not whole: it has a deadline. */
static void watch_frame(struct connection *conn)
{
    struct broker *b = conn->broker;
    if (!conn->reading && conn->head_len == 0) {
        conn->frame_began_ns = 0;
        return;
    }
    if (conn->frame_began_ns == 0) {
        conn->frame_began_ns = env_mono_ns(b->env);
        uint64_t due =
            conn->frame_began_ns + (uint64_t)b->config->connection_frame_timeout_ms * NS_PER_MS;
        if (!timer_is_armed(&conn->timer) || conn->timer.node.key > due) {
            timer_arm(b->env, &conn->timer, due);
        }
    }
}

/* Takes the whole frames out of the head, as far as calls and memory allow. */
static void take_frames(struct connection *conn)
{
    size_t at = 0;
    conn->depth++;
    while (!conn->closing && !conn->reading && conn->call_count < CONNECTION_CALLS_MAX &&
           at < conn->head_len) {
        size_t used = take_frame(conn, at);
        if (used == 0) {
            break;
        }
        at += used;
    }
    if (!conn->closing) {
        conn->head_len -= at;
        memmove(conn->head, conn->head + at, conn->head_len);
        watch_frame(conn);
    }
    conn->depth--;
}

/* After something happened from outside: goes on reading when there is room, frees what has ended.
 */
static void connection_resume(struct connection *conn)
{
    if (conn->depth > 0) {
        return;
    }
    if (conn->closing) {
        connection_free(conn);
        return;
    }
    if (conn->call_count < CONNECTION_CALLS_MAX && list_is_empty(&conn->starved)) {
        if (conn->head_len > 0 && !conn->reading) {
            take_frames(conn);
            if (conn->closing) {
                connection_free(conn);
                return;
            }
        }
        if (conn->paused) {
            conn->paused = false;
            stream_resume(conn->stream);
        }
    }
}

void connections_feed(struct broker *b)
{
    struct connections *cs = &b->connections;
    if (list_is_empty(&cs->starved) || cs->feeding) {
        return;
    }
    /* Frees happen deep inside handlers: the starved are fed from the loop. */
    cs->feeding = true;
    timer_arm_in(b->env, &cs->feed, 0);
}

static void on_feed(void *owner)
{
    struct broker *b = owner;
    struct list_node hungry;
    b->connections.feeding = false;
    list_init(&hungry);
    for (struct list_node *node; (node = list_pop_front(&b->connections.starved));) {
        list_push_back(&hungry, node);
    }
    for (struct list_node *node; (node = list_pop_front(&hungry));) {
        connection_resume(list_entry(node, struct connection, starved));
    }
}

static void on_space(void *user, uint8_t **ret_ptr, size_t *ret_room)
{
    struct connection *conn = user;
    struct call *c = conn->reading;
    *ret_room = 0;
    conn->paused = true; /* unless there is room */
    if (conn->closing || conn->call_count >= CONNECTION_CALLS_MAX) {
        return;
    }
    if (!c) {
        *ret_ptr = conn->head + conn->head_len;
        *ret_room = sizeof(conn->head) - conn->head_len;
        conn->paused = *ret_room == 0;
        return;
    }
    if (conn->reading_have == c->frame_cap) {
        if (!call_memory_for(conn->broker, c->frame_cap)) {
            starve(conn);
            return;
        }
        call_grow_frame(c);
    }
    *ret_ptr = c->frame + conn->reading_have;
    *ret_room = c->frame_cap - conn->reading_have;
    conn->paused = false;
}

static void on_filled(void *user, size_t n)
{
    struct connection *conn = user;
    struct call *c = conn->reading;
    conn->last_ns = env_mono_ns(conn->broker->env);
    conn->broker->metrics.received_bytes += n;
    if (!c) {
        conn->head_len += n;
        take_frames(conn);
    } else {
        conn->reading_have += n;
        if (conn->reading_have == c->frame_len) {
            conn->reading = NULL;
            conn->frame_began_ns = 0;
            conn->depth++;
            dispatch(conn, c);
            conn->depth--;
        }
    }
    if (conn->closing && conn->depth == 0) {
        connection_free(conn);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_timer(void *owner)
{
    struct connection *conn = owner;
    struct broker *b = conn->broker;
    uint64_t now = env_mono_ns(b->env);
    uint64_t idle_ns = (uint64_t)b->config->connections_max_idle_ms * NS_PER_MS;
    uint64_t due = conn->last_ns + idle_ns;
    bool working = !list_is_empty(&conn->calls) || !list_is_empty(&conn->starved);
    if (conn->frame_began_ns && !conn->paused) {
        uint64_t mib = conn->reading ? conn->reading->frame_len >> 20 : 0;
        uint64_t frame_due =
            conn->frame_began_ns +
            (mib + 1) * NS_PER_MS * (uint64_t)b->config->connection_frame_timeout_ms;
        if (now >= frame_due) {
            b->metrics.connections_slow_closed++;
            log_info(&b->log, "closed a connection whose request did not arrive in time",
                     KV_STR("client", conn->stream->peer));
            connection_close(conn, "its request did not arrive in time");
            connection_free(conn);
            return;
        }
        due = frame_due < due ? frame_due : due;
    }
    if (now >= due && !working) {
        b->metrics.connections_idle_closed++;
        connection_close(conn, "idle for connections.max.idle.ms");
        connection_free(conn);
        return;
    }
    timer_arm(b->env, &conn->timer, now >= due ? now + idle_ns : due);
}

const struct stream_events connection_events = {
    .space = on_space,
    .filled = on_filled,
    .closed = on_closed,
};

void *connection_accept(void *owner, struct stream *s)
{
    const struct broker_listener *listener = owner;
    struct broker *b = listener->broker;
    if (b->connections.count >= (uint32_t)b->config->max_connections) {
        b->metrics.connections_refused++;
        log_warn(&b->log, "refused a connection: max.connections is reached",
                 KV_STR("client", s->peer));
        return NULL;
    }
    struct connection *conn = mem_alloc(sizeof(*conn));
    memset(conn, 0, offsetof(struct connection, head));
    list_init(&conn->calls);
    list_init(&conn->sending);
    list_init(&conn->starved);
    conn->broker = b;
    conn->listener = listener;
    conn->broker_id = -1;
    conn->stream = s;
    conn->last_ns = env_mono_ns(b->env);
    conn->timer.fire = on_timer;
    conn->timer.owner = conn;
    timer_arm_in(b->env, &conn->timer, (uint64_t)b->config->connections_max_idle_ms * NS_PER_MS);
    list_push_back(&b->connections.all, &conn->link);
    b->connections.count++;
    b->metrics.connections_accepted++;
    return conn;
}

void connection_set_broker(struct connection *conn, int32_t broker_id)
{
    conn->broker_id = broker_id;
}

void connection_advertised(const struct connection *conn, struct slice *ret_host,
                           uint16_t *ret_port)
{
    if (conn && conn->listener->advertised_host) {
        *ret_host = slice_str(conn->listener->advertised_host);
        *ret_port = conn->listener->advertised_port;
        return;
    }
    *ret_host = slice_str(conn ? conn->stream->local_host : "");
    *ret_port = conn ? conn->stream->local_port : 0;
}

const char *connection_listener(const struct connection *conn)
{
    return conn ? conn->listener->name : "";
}

const char *connection_peer(const struct connection *conn)
{
    return conn ? conn->stream->peer : "";
}

struct slice connection_client_host(const struct connection *conn, struct arena *arena)
{
    const char *peer = connection_peer(conn);
    const char *colon = strrchr(peer, ':');
    size_t n = colon ? (size_t)(colon - peer) : strlen(peer);
    char text[80] = "/";
    if (n > 1 && peer[0] == '[' && peer[n - 1] == ']') {
        peer++;
        n -= 2;
    }
    n = n < sizeof(text) - 2 ? n : sizeof(text) - 2;
    memcpy(text + 1, peer, n);
    return arena_copy(arena, slice_of(text, n + 1));
}

void connections_init(struct connections *cs, struct broker *b)
{
    *cs = (struct connections){ .feed = { .fire = on_feed, .owner = b },
                                .fail = { .fire = calls_fail_short, .owner = b } };
    list_init(&cs->all);
    list_init(&cs->short_of_memory);
    list_init(&cs->starved);
    list_init(&cs->orphans);
    cs->shelves[0] = (struct frame_shelf){ .frame_bytes = 256 * 1024, .room = FRAME_SHELF_ROOM };
    cs->shelves[1] = (struct frame_shelf){ .frame_bytes = CALL_FIRST_BYTES, .room = 8 };
}

void connections_close_all(struct broker *b)
{
    for (struct list_node *node; (node = list_first(&b->connections.all));) {
        struct connection *conn = list_entry(node, struct connection, link);
        connection_close(conn, "the broker stops");
        connection_free(conn);
    }
}

void connections_trim(struct connections *cs)
{
    for (size_t i = 0; i < FRAME_SHELVES; i++) {
        struct frame_shelf *shelf = &cs->shelves[i];
        while (shelf->count) {
            mem_free(shelf->frames[--shelf->count]);
        }
    }
}

void connections_deinit(struct broker *b)
{
    struct connections *cs = &b->connections;
    timer_cancel(b->env, &cs->feed);
    timer_cancel(b->env, &cs->fail);
    cs->feeding = true; /* nobody is left to feed */
    for (struct list_node *node; (node = list_first(&cs->orphans));) {
        call_free(list_entry(node, struct call, link));
    }
    connections_trim(cs);
}

bool connections_are_idle(const struct connections *cs)
{
    list_for_each(node, &cs->all) {
        const struct connection *conn = list_entry(node, struct connection, link);
        if (!list_is_empty(&conn->calls) || !list_is_empty(&conn->sending)) {
            return false;
        }
    }
    return true;
}
