/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_net.c - see sim_net.h. Driven by events of the world and by the programs' streams.
 *
 *   (N1) A pipe is one direction of a connection: its segments arrive in the order they left.
 *   (N2) An end gets no event once it is dead; its memory goes with the connection's, when both
 *        ends are buried.
 *   (N3) Every piece is released exactly once: when copied into a segment, or when its end is
 *        buried. What it points to is read when it leaves, not when it was given.
 *   (N4) A segment that cannot pass is tried again, later and later; a reset is not.
 */
#include "tests/sim/sim_net.h"

#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"

#include <assert.h>

enum {
    RTO_MS = 200,
    RTO_MS_MAX = 6400,
    SYN_RTO_MS = 1000,
    SYN_TRIES_MAX = 6, /* 127 s, as Linux */
    SPIKE_ONE_IN = 200,
};

enum segment_kind { SEGMENT_SYN, SEGMENT_OPEN, SEGMENT_DATA, SEGMENT_FIN, SEGMENT_RESET };

enum end_state { END_CONNECTING, END_OPEN, END_DEAD };

struct segment {
    struct list_node node;
    uint64_t due_ns;
    enum segment_kind kind;
    size_t len;
    uint8_t bytes[];
};

struct pipe {
    struct list_node segments;
    struct sim_event arrival; /* of the first one */
    uint64_t last_ns;         /* when the last segment is due */
    unsigned tries;           /* of the first one */
    size_t in_flight;         /* sent, and not yet read by the receiver's program */
};

struct sim_stream {
    struct stream base;
    struct sim_conn *conn;
    struct sim_host *host;
    unsigned side; /* 0 connected, 1 accepted; its outgoing pipe has the same number */
    const struct stream_events *events;
    void *user;
    enum end_state state;
    bool used; /* has a program (an accepting end has none before it is accepted) */
    bool buried;
    bool paused, fin;       /* the user has no room; the peer has ended */
    enum err failure;       /* to be told by closed() at the end of the turn */
    struct list_node link;  /* in host->dirty or host->dead, or alone */
    struct list_node home;  /* in host->streams */
    struct sim_event ready; /* the window has opened, or reading goes on */
    struct buf received;
    size_t received_at;
    struct piece *pieces; /* a queue: [first, first + count) */
    size_t first, count, cap;
};

struct sim_conn {
    struct list_node node;
    struct sim_world *world;
    struct sim_stream ends[2];
    struct pipe pipes[2];
    uint16_t port;
    size_t window;
    bool cut;       /* bytes were dropped in front of a reset: nothing may pass behind it */
    bool forgotten; /* nothing passes any more */
};

static struct sim_stream *peer_of(struct sim_stream *s)
{
    return &s->conn->ends[1 - s->side];
}

static void mark_dirty(struct sim_stream *s)
{
    if (s->state != END_DEAD) {
        list_remove(&s->link);
        list_push_back(&s->host->dirty, &s->link);
    }
}

/* closed() at the end of the host's turn, which is about to end, or comes with this event. */
static void fail_later(struct sim_stream *s, enum err why)
{
    if (!s->failure) {
        s->failure = why;
    }
    mark_dirty(s);
}

/* --- pipes ------------------------------------------------------------------------------------ */

static uint64_t latency(struct sim_world *w)
{
    uint64_t ns = w->options.latency_ns + sim_random(w, w->options.latency_ns * 3 + 1);
    return sim_chance(w, SPIKE_ONE_IN) ? ns * (2 + sim_random(w, 30)) : ns;
}

static void pipe_arm(struct sim_conn *c, unsigned side)
{
    struct pipe *p = &c->pipes[side];
    struct list_node *n = list_first(&p->segments);
    if (n && !c->forgotten) {
        sim_event_arm(c->world, &p->arrival, list_entry(n, struct segment, node)->due_ns);
    }
}

static void pipe_put(struct sim_conn *c, unsigned side, struct segment *g)
{
    struct pipe *p = &c->pipes[side];
    uint64_t at = c->world->now_ns + latency(c->world);
    g->due_ns = at > p->last_ns ? at : p->last_ns;
    p->last_ns = g->due_ns;
    bool first = list_is_empty(&p->segments);
    list_push_back(&p->segments, &g->node);
    if (first) {
        p->tries = 0;
        pipe_arm(c, side);
    }
}

static void pipe_signal(struct sim_conn *c, unsigned side, enum segment_kind kind)
{
    struct segment *g = mem_zalloc(sizeof(*g));
    g->kind = kind;
    pipe_put(c, side, g);
}

static void pipe_clear(struct sim_conn *c, unsigned side)
{
    struct pipe *p = &c->pipes[side];
    struct list_node *n;
    while ((n = list_pop_front(&p->segments))) {
        mem_free(list_entry(n, struct segment, node));
    }
    sim_event_cancel(c->world, &p->arrival);
    p->in_flight = 0;
}

/* --- the end of an end ------------------------------------------------------------------------ */

static void die(struct sim_stream *s)
{
    s->state = END_DEAD;
    sim_event_cancel(s->conn->world, &s->ready);
    list_remove(&s->link);
    list_push_back(&s->host->dead, &s->link);
}

static void conn_free(struct sim_conn *c)
{
    for (unsigned side = 0; side < 2; side++) {
        struct sim_stream *s = &c->ends[side];
        pipe_clear(c, side);
        sim_event_cancel(c->world, &s->ready);
        list_remove(&s->link);
        list_remove(&s->home);
        buf_deinit(&s->received);
        mem_free(s->pieces);
    }
    list_remove(&c->node);
    mem_free(c);
}

static void bury(struct sim_stream *s)
{
    struct sim_conn *c = s->conn;
    for (size_t i = 0; i < s->count; i++) {
        const struct piece *p = &s->pieces[s->first + i];
        if (p->release) {
            p->release(p->owner);
        }
    }
    s->count = 0;
    s->buried = true;
    list_remove(&s->home);
    const struct sim_stream *peer = peer_of(s);
    if (peer->buried || (!peer->used && list_is_empty(&c->pipes[0].segments))) {
        conn_free(c);
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static void op_send(struct stream *base, const struct piece *pieces, size_t count)
{
    struct sim_stream *s = container_of(base, struct sim_stream, base);
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

/* Copies up to room bytes of a piece behind what is in out. */
static enum err copy_piece(struct sim_stream *s, const struct piece *p, size_t n, uint8_t *out)
{
    if (!p->file) {
        memcpy(out, p->bytes.ptr, n);
        return ERR_OK;
    }
    size_t got = 0;
    enum err e = s->host->vfs->ops->pread(s->host->vfs, p->file, out, n, p->file_pos, &got);
    return e ? e : got < n ? ERR_IO : ERR_OK; /* shorter than promised: the frame is spoilt */
}

static void take_piece(struct sim_stream *s, size_t n)
{
    struct piece *p = &s->pieces[s->first];
    size_t len = p->file ? p->file_len : p->bytes.len;
    s->base.queued_bytes -= n;
    if (n < len) {
        p->bytes = slice_from(p->bytes, n);
        p->file_pos += n;
        p->file_len -= p->file ? n : 0;
        return;
    }
    struct piece sent = *p;
    s->first = --s->count ? s->first + 1 : 0;
    if (sent.release) {
        sent.release(sent.owner);
    }
}

/* What the window takes leaves as one segment. */
static void flush_pieces(struct sim_stream *s)
{
    struct sim_conn *c = s->conn;
    struct pipe *p = &c->pipes[s->side];
    size_t room = c->window > p->in_flight ? c->window - p->in_flight : 0;
    size_t len = s->base.queued_bytes < room ? s->base.queued_bytes : room;
    bool had = s->count > 0;
    struct segment *g = len ? mem_alloc(sizeof(*g) + len) : NULL;
    size_t at = 0;
    while (s->count && !s->failure) {
        const struct piece *piece = &s->pieces[s->first];
        size_t n = piece->file ? piece->file_len : piece->bytes.len;
        n = n < len - at ? n : len - at;
        if (n == 0 && (piece->file ? piece->file_len : piece->bytes.len) > 0) {
            break;
        }
        enum err e = n ? copy_piece(s, piece, n, g->bytes + at) : ERR_OK;
        if (e) {
            fail_later(s, e);
            break;
        }
        at += n;
        take_piece(s, n);
    }
    if (at) {
        *g = (struct segment){ .kind = SEGMENT_DATA, .len = at };
        p->in_flight += at;
        pipe_put(c, s->side, g);
    } else {
        mem_free(g);
    }
    if (had && !s->count && s->state == END_OPEN && s->events->drained) {
        s->events->drained(s->user);
    }
}

void sim_net_flush(struct sim_host *h)
{
    struct list_node *n;
    while ((n = list_pop_front(&h->dirty))) {
        struct sim_stream *s = list_entry(n, struct sim_stream, link);
        if (s->state == END_OPEN && !s->failure && h->running) {
            flush_pieces(s);
        }
        if (s->failure && s->state != END_DEAD) {
            enum err why = s->failure;
            sim_trace(h->world, h, "loses its connection with %s: %s", peer_of(s)->host->name,
                      err_text(why));
            die(s);
            s->events->closed(s->user, why);
        }
    }
}

void sim_net_bury(struct sim_host *h)
{
    struct list_node *n;
    while ((n = list_pop_front(&h->dead))) {
        bury(list_entry(n, struct sim_stream, link));
    }
}

static void op_flush(struct stream *base)
{
    struct sim_stream *s = container_of(base, struct sim_stream, base);
    if (s->state == END_OPEN && !s->failure && s->host->running) {
        flush_pieces(s);
    }
}

static void op_close(struct stream *base)
{
    struct sim_stream *s = container_of(base, struct sim_stream, base);
    struct sim_conn *c = s->conn;
    if (s->state == END_DEAD) {
        return;
    }
    if (s->host->running && !s->failure) {
        bool unread = s->received.len > s->received_at;
        pipe_signal(c, s->side, unread ? SEGMENT_RESET : SEGMENT_FIN);
    }
    die(s);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void window_opens(struct sim_stream *sender)
{
    struct sim_world *w = sender->conn->world;
    if (sender->state == END_OPEN && sender->count && !heap_contains(&sender->ready.node)) {
        sim_event_arm(w, &sender->ready, w->now_ns + latency(w));
    }
}

/* Gives the program what is there, in pieces of any size. */
static void read_some(struct sim_stream *s)
{
    struct sim_world *w = s->conn->world;
    while (s->state == END_OPEN && !s->failure && s->received_at < s->received.len) {
        uint8_t *ptr = NULL;
        size_t room = 0, have = s->received.len - s->received_at;
        s->events->space(s->user, &ptr, &room);
        if (s->state != END_OPEN) {
            return;
        }
        if (!room) {
            s->paused = true;
            return;
        }
        size_t n = sim_chance(w, 4) ? 1 + sim_random(w, have) : have;
        n = n < room ? n : room;
        memcpy(ptr, s->received.ptr + s->received_at, n);
        s->received_at += n;
        s->conn->pipes[1 - s->side].in_flight -= n;
        s->events->filled(s->user, n);
    }
    if (s->received_at == s->received.len) {
        buf_reset(&s->received);
        s->received_at = 0;
        if (s->fin && s->state == END_OPEN) {
            fail_later(s, ERR_CLOSED);
        }
    }
    window_opens(peer_of(s));
}

static void on_ready(void *owner)
{
    struct sim_stream *s = owner;
    mark_dirty(s);
    if (s->state == END_OPEN && !s->paused) {
        read_some(s);
    }
}

static void op_resume(struct stream *base)
{
    struct sim_stream *s = container_of(base, struct sim_stream, base);
    if (s->paused && s->state == END_OPEN) {
        s->paused = false;
        sim_event_arm(s->conn->world, &s->ready, s->conn->world->now_ns);
    }
}

static const struct stream_ops sim_ops = { op_send, op_resume, op_close, op_flush };

/* --- arrivals --------------------------------------------------------------------------------- */

static struct sim_listener *find_listener(const struct sim_conn *c)
{
    list_for_each(n, &c->world->listeners) {
        struct sim_listener *l = list_entry(n, struct sim_listener, node);
        if (l->host == c->ends[1].host && l->port == c->port) {
            return l;
        }
    }
    return NULL;
}

static void accept_conn(struct sim_conn *c)
{
    struct sim_stream *s = &c->ends[1];
    struct sim_listener *l = s->host->running ? find_listener(c) : NULL;
    if (!l || c->ends[0].state == END_DEAD) {
        pipe_signal(c, 1, SEGMENT_RESET);
        return;
    }
    s->used = true;
    s->state = END_OPEN;
    s->events = l->events;
    list_push_back(&s->host->streams, &s->home);
    snprintf(s->base.peer, sizeof(s->base.peer), "%s:%u", c->ends[0].host->address,
             (unsigned)c->ends[0].base.local_port);
    snprintf(s->base.local_host, sizeof(s->base.local_host), "%s", s->host->address);
    s->base.local_port = c->port;
    pipe_signal(c, 1, SEGMENT_OPEN);
    s->user = l->accepted(l->owner, &s->base);
    if (!s->user && s->state != END_DEAD) {
        op_close(&s->base);
    }
}

static void arrive(struct sim_conn *c, unsigned side, const struct segment *g)
{
    struct sim_stream *s = &c->ends[1 - side];
    if (g->kind == SEGMENT_SYN) {
        accept_conn(c);
        return;
    }
    if (s->state == END_DEAD || !s->used) {
        c->pipes[side].in_flight -= g->len;
        if (g->kind == SEGMENT_DATA) {
            pipe_signal(c, 1 - side, SEGMENT_RESET);
        }
        return;
    }
    switch (g->kind) {
    case SEGMENT_OPEN:
        s->state = END_OPEN;
        mark_dirty(s);
        s->events->opened(s->user);
        break;
    case SEGMENT_DATA:
        sim_digest(c->world, SIM_EVENT_NET, crc32c(slice_of(g->bytes, g->len)));
        buf_append(&s->received, g->bytes, g->len);
        if (!s->paused) {
            read_some(s);
        }
        break;
    case SEGMENT_FIN:
        s->fin = true;
        if (s->received_at == s->received.len) {
            fail_later(s, ERR_CLOSED);
        }
        break;
    default:
        fail_later(s, ERR_CLOSED);
        break;
    }
}

/* Whether the first segment gets through now. */
static bool passes(struct sim_conn *c, unsigned side, const struct segment *g)
{
    struct sim_world *w = c->world;
    const struct sim_host *from = c->ends[side].host, *to = c->ends[1 - side].host;
    if (!to->powered || w->blocked[from->id][to->id]) {
        return false;
    }
    if (g->kind == SEGMENT_SYN && w->blocked[to->id][from->id]) {
        return false;
    }
    return w->options.loss_ppm == 0 || sim_random(w, 1000000) >= w->options.loss_ppm;
}

/* Tries again later; a SYN that was tried for long enough fails the connection. */
static void retransmit(struct sim_conn *c, unsigned side, struct segment *g)
{
    struct sim_world *w = c->world;
    struct pipe *p = &c->pipes[side];
    unsigned first_ms = g->kind == SEGMENT_SYN ? SYN_RTO_MS : RTO_MS;
    if (g->kind == SEGMENT_SYN && p->tries == SYN_TRIES_MAX) {
        list_remove(&g->node);
        mem_free(g);
        if (c->ends[0].state != END_DEAD) {
            c->ends[0].failure = ERR_TIMEOUT;
            sim_event_arm(w, &c->ends[0].ready, w->now_ns);
        }
        return;
    }
    uint64_t rto_ms = (uint64_t)first_ms << (p->tries < 8 ? p->tries : 8);
    p->tries++;
    if (g->kind != SEGMENT_SYN && rto_ms > RTO_MS_MAX) {
        rto_ms = RTO_MS_MAX;
    }
    g->due_ns = w->now_ns + rto_ms * NS_PER_MS + sim_random(w, 20 * NS_PER_MS);
    p->last_ns = g->due_ns > p->last_ns ? g->due_ns : p->last_ns;
    pipe_arm(c, side);
}

/* The first segment of the pipe is due. */
static void pipe_arrival(struct sim_conn *c, unsigned side)
{
    struct pipe *p = &c->pipes[side];
    struct segment *g = list_entry(list_first(&p->segments), struct segment, node);
    bool lost = !passes(c, side, g);
    if (lost && g->kind != SEGMENT_RESET) {
        retransmit(c, side, g);
        return;
    }
    list_remove(&g->node);
    p->tries = 0;
    pipe_arm(c, side);
    if (!lost) {
        arrive(c, side, g);
    } else if (c->cut) {
        c->forgotten = true;
    }
    mem_free(g);
}

static void on_arrival_at_server(void *owner)
{
    pipe_arrival(owner, 0);
}

static void on_arrival_at_client(void *owner)
{
    pipe_arrival(owner, 1);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void end_init(struct sim_conn *c, unsigned side, struct sim_host *h)
{
    struct sim_stream *s = &c->ends[side];
    s->base.ops = &sim_ops;
    s->conn = c;
    s->host = h;
    s->side = side;
    list_init(&s->link);
    list_init(&s->home);
    s->ready = (struct sim_event){ .fire = on_ready, .owner = s, .host = h, .kind = SIM_EVENT_NET };
    list_init(&c->pipes[side].segments);
    c->pipes[1 - side].arrival =
        (struct sim_event){ .fire = side ? on_arrival_at_server : on_arrival_at_client,
                            .owner = c,
                            .host = h,
                            .of_machine = true,
                            .kind = SIM_EVENT_NET };
}

static struct sim_host *find_host(struct sim_world *w, const char *address)
{
    for (uint32_t i = 0; i < w->host_count; i++) {
        if (strcmp(w->hosts[i]->address, address) == 0) {
            return w->hosts[i];
        }
    }
    return NULL;
}

struct stream *sim_net_connect(void *ctx, const char *host, uint16_t port,
                               const struct stream_events *events, void *user)
{
    struct sim_host *h = ctx;
    struct sim_world *w = h->world;
    struct sim_host *to = find_host(w, host);
    struct sim_conn *c = mem_zalloc(sizeof(*c));
    c->world = w;
    c->port = port;
    c->window = (size_t)w->options.window_bytes / 2 + sim_random(w, w->options.window_bytes);
    list_push_back(&w->conns, &c->node);
    end_init(c, 0, h);
    end_init(c, 1, to ? to : h);
    struct sim_stream *s = &c->ends[0];
    s->used = true;
    s->events = events;
    s->user = user;
    list_push_back(&h->streams, &s->home);
    s->base.local_port = h->next_port++;
    snprintf(s->base.peer, sizeof(s->base.peer), "%.40s:%u", host, (unsigned)port);
    snprintf(s->base.local_host, sizeof(s->base.local_host), "%s", h->address);
    sim_trace(w, h, "connects to %s:%u", to ? to->name : host, (unsigned)port);
    if (!to || !h->running) {
        fail_later(s, ERR_NOT_FOUND);
    } else {
        pipe_signal(c, 0, SEGMENT_SYN);
    }
    return &s->base;
}

void sim_listen(struct sim_world *w, struct sim_listener *l)
{
    list_push_back(&w->listeners, &l->node);
}

void sim_listener_close(struct sim_listener *l)
{
    list_remove(&l->node);
}

/* --- faults ----------------------------------------------------------------------------------- */

void sim_net_block(struct sim_world *w, const struct sim_host *from, const struct sim_host *to,
                   bool blocked)
{
    w->blocked[from->id][to->id] = blocked;
}

bool sim_net_is_whole(const struct sim_world *w)
{
    for (uint32_t i = 0; i < w->host_count; i++) {
        for (uint32_t k = 0; k < w->host_count; k++) {
            if (w->blocked[i][k]) {
                return false;
            }
        }
    }
    return true;
}

void sim_net_heal(struct sim_world *w)
{
    memset(w->blocked, 0, sizeof(w->blocked));
}

/* An open connection by chance; NULL when there is none. */
static struct sim_conn *pick(struct sim_world *w)
{
    uint64_t open = 0;
    list_for_each(n, &w->conns) {
        const struct sim_conn *c = list_entry(n, struct sim_conn, node);
        open += c->ends[0].state == END_OPEN && c->ends[1].state == END_OPEN && !c->forgotten;
    }
    uint64_t at = sim_random(w, open);
    list_for_each(m, &w->conns) {
        struct sim_conn *c = list_entry(m, struct sim_conn, node);
        if (c->ends[0].state == END_OPEN && c->ends[1].state == END_OPEN && !c->forgotten &&
            at-- == 0) {
            return c;
        }
    }
    return NULL;
}

bool sim_net_reset_one(struct sim_world *w)
{
    struct sim_conn *c = pick(w);
    if (!c) {
        return false;
    }
    sim_trace(w, c->ends[0].host, "the connection to %s:%u is reset", c->ends[1].host->name,
              (unsigned)c->port);
    for (unsigned side = 0; side < 2; side++) {
        if (sim_chance(w, 2)) {
            pipe_clear(c, side); /* what is under way may be lost */
            c->cut = true;
        }
        pipe_signal(c, side, SEGMENT_RESET);
    }
    return true;
}

bool sim_net_forget_one(struct sim_world *w)
{
    struct sim_conn *c = pick(w);
    if (!c) {
        return false;
    }
    sim_trace(w, c->ends[0].host, "the connection to %s:%u is forgotten on the way",
              c->ends[1].host->name, (unsigned)c->port);
    c->forgotten = true;
    sim_event_cancel(w, &c->pipes[0].arrival);
    sim_event_cancel(w, &c->pipes[1].arrival);
    return true;
}

/* --- the end of hosts ------------------------------------------------------------------------- */

void sim_net_host_died(struct sim_host *h)
{
    list_for_each(n, &h->streams) {
        struct sim_stream *s = list_entry(n, struct sim_stream, home);
        if (h->powered && s->state == END_OPEN && !s->failure) {
            bool unread = s->received.len > s->received_at;
            pipe_signal(s->conn, s->side, unread ? SEGMENT_RESET : SEGMENT_FIN);
        }
    }
}

void sim_net_deinit(struct sim_world *w)
{
    list_for_each(n, &w->conns) {
        conn_free(list_entry(n, struct sim_conn, node));
    }
}
