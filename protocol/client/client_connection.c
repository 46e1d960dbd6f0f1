/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_connection.c - frames and answers of one broker connection. Driven by the stream's events.
 *   (K1) The calls of `in_flight` are in the order of their correlation ids, and so are the
 *        answers: any other answer ends the connection.
 *   (K2) No more than response_bytes_max and a read-ahead are ever held of what the peer sends.
 *   (K3) When a call's done() runs, the stream no longer holds its records: an answer that comes
 *        before its request has left ends the connection.
 */
#include "protocol/client/client_connection.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <config.h>

enum {
    READ_BYTES = 64 * 1024,
    KEEP_BYTES = 256 * 1024, /* a larger input buffer is given back after a while of silence */
    VERSIONS = 128,          /* API keys whose versions are remembered */
    ARENA_BYTES_MIN = 64 * 1024,
    ARENA_FACTOR = 16, /* decoded structs are larger than their bytes, by no more than this */
    PIECES = 32,
};

static const uint64_t KEEP_NS = 5ull * NS_PER_S;

struct version_range {
    int16_t min, max; /* max -1: the broker does not have it */
};

struct client_connection {
    struct env env;
    const struct client_connection_config *cfg;
    const struct client_connection_events *events;
    void *owner;
    struct stream *stream;
    struct list_node in_flight; /* calls, in order */
    struct list_node no_answer; /* calls that end when they have been sent */
    uint32_t in_flight_count;
    struct list_node own; /* the handshake's place among all calls */
    int32_t next_correlation_id;
    uint64_t heard_ns;  /* the last bytes, or since when an answer is owed */
    struct timer timer; /* bounds the handshake; later, how long a large buffer is kept */
    bool ready;
    bool dead;
    bool parsing; /* the parser is on the stack and frees a dead connection */
    struct buf in;
    struct arena arena;
    struct version_range versions[VERSIONS];
};

bool client_connection_is_ready(const struct client_connection *c)
{
    return c->ready;
}

uint32_t client_connection_in_flight(const struct client_connection *c)
{
    return c->in_flight_count;
}

uint64_t client_connection_silence_ns(const struct client_connection *c)
{
    return c->in_flight_count || !c->ready ? env_mono_ns(c->env) - c->heard_ns : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void free_connection(struct client_connection *c)
{
    buf_deinit(&c->in);
    arena_deinit(&c->arena);
    mem_free(c);
}

static void move_all(struct list_node *from, struct list_node *to)
{
    struct list_node *n;
    while ((n = list_pop_front(from))) {
        list_push_back(to, n);
    }
}

/* The connection is freed here, or by the parser that is on the stack. */
static void die(struct client_connection *c, enum err why, const struct client_call *late,
                bool tell)
{
    if (c->dead) {
        return;
    }
    c->dead = true;
    c->cfg->stats->connections--;
    timer_cancel(c->env, &c->timer);
    if (c->stream) {
        stream_close(c->stream);
        c->stream = NULL;
    }
    struct list_node calls;
    list_init(&calls);
    move_all(&c->in_flight, &calls);
    move_all(&c->no_answer, &calls);
    if (tell) {
        c->events->closed(c->owner, why);
    }
    struct list_node *n;
    while ((n = list_first(&calls))) {
        struct client_call *call = list_entry(n, struct client_call, node);
        c->cfg->stats->calls_in_flight--;
        client_call_finish(call, call == late ? ERR_TIMEOUT : ERR_CLOSED, 0, NULL);
    }
    if (!c->parsing) {
        free_connection(c);
    }
}

void client_connection_close(struct client_connection *c)
{
    die(c, ERR_CANCELED, NULL, false);
}

void client_connection_give_up(struct client_connection *c)
{
    die(c, ERR_TIMEOUT, NULL, true);
}

static void uncount(struct client_connection *c)
{
    c->in_flight_count--;
    c->cfg->stats->calls_in_flight--;
}

void client_connection_call_due(struct client_call *call)
{
    struct client_connection *c = call->connection;
    if (call->no_answer && call->pieces == 0) {
        uncount(c);
        client_call_finish(call, ERR_OK, call->version, NULL);
    } else {
        die(c, ERR_TIMEOUT, call, true);
    }
}

void client_connection_drop_call(struct client_call *call)
{
    struct client_connection *c = call->connection;
    call->done = NULL;
    if (call->pieces) {
        die(c, ERR_CANCELED, NULL, true);
    } else if (call->no_answer) {
        uncount(c);
        client_call_drop(call);
    }
}

/* Before the versions are known: too late. After: a large buffer goes when nothing is under way. */
static void on_timer(void *owner)
{
    struct client_connection *c = owner;
    if (!c->ready) {
        die(c, ERR_TIMEOUT, NULL, true);
    } else if (c->in.len == 0 && list_is_empty(&c->in_flight)) {
        buf_deinit(&c->in);
        arena_deinit(&c->arena);
    } else {
        timer_arm_in(c->env, &c->timer, KEEP_NS);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static enum err pick_version(const struct client_connection *c, const struct client_call *call,
                             int16_t *ret)
{
    int16_t key = call->api->key;
    int16_t low = call->api->request->min, high = call->api->request->max;
    if (call->max_version >= 0 && call->max_version < high) {
        high = call->max_version;
    }
    if (call->min_version > low) {
        low = call->min_version;
    }
    if (c->ready) {
        struct version_range theirs = { 0, -1 };
        if (key < VERSIONS) {
            theirs = c->versions[key];
        }
        low = theirs.min > low ? theirs.min : low;
        high = theirs.max < high ? theirs.max : high;
    }
    if (low > high) {
        return ERR_UNSUPPORTED;
    }
    *ret = high;
    return ERR_OK;
}

static bool is_without_answer(const struct client_call *call, const void *request)
{
    return call->api->key == API_Produce && ((const struct produce_request *)request)->acks == 0;
}

static void on_sent(struct client_call *call)
{
    /* May run inside stream_send(): the end comes from the loop. */
    timer_arm_in(call->env, &call->timer, 0);
}

/* The frame's bytes with the external records between them. */
static void send_pieces(struct client_connection *c, struct client_call *call,
                        const struct writer *w)
{
    size_t max = w->splice_count * 2 + 1, count = 0, from = 0;
    struct piece few[PIECES];
    struct piece *pieces = max <= PIECES ? few : mem_array(max, sizeof(*pieces));
    memset(pieces, 0, max * sizeof(*pieces));
    for (size_t i = 0; i <= w->splice_count; i++) {
        size_t to = i < w->splice_count ? w->splices[i].at : call->frame.len;
        if (to > from) {
            pieces[count++].bytes = slice_of(call->frame.ptr + from, to - from);
        }
        if (i < w->splice_count) {
            pieces[count++].bytes = slice_of(w->splices[i].external, w->splices[i].external_len);
        }
        from = to;
    }
    for (size_t i = 0; i < count; i++) {
        pieces[i].release = client_call_piece_released;
        pieces[i].owner = call;
        c->cfg->stats->sent_bytes += pieces[i].bytes.len;
    }
    call->pieces = (uint32_t)count;
    stream_send(c->stream, pieces, count);
    if (pieces != few) {
        mem_free(pieces);
    }
}

enum err client_connection_send(struct client_connection *c, struct client_call *call,
                                const void *request)
{
    assert(!c->dead && c->stream);
    int16_t version;
    enum err err = pick_version(c, call, &version);
    if (err) {
        return err;
    }
    struct request_header header;
    schema_init(&request_header_schema, &header);
    header.request_api_key = call->api->key;
    header.request_api_version = version;
    header.correlation_id = c->next_correlation_id;
    header.client_id = c->cfg->client_id;
    struct writer w;
    buf_reset(&call->frame);
    writer_init(&w, &call->frame);
    err = api_frame_request(&w, &header, request);
    if (!err) {
        c->next_correlation_id = (c->next_correlation_id + 1) & INT32_MAX;
        call->version = version;
        call->correlation_id = header.correlation_id;
        call->connection = c;
        call->no_answer = is_without_answer(call, request);
        call->sent = on_sent;
        list_remove(&call->node);
        list_push_back(call->no_answer ? &c->no_answer : &c->in_flight, &call->node);
        c->heard_ns = c->in_flight_count ? c->heard_ns : env_mono_ns(c->env);
        c->in_flight_count++;
        c->cfg->stats->calls_in_flight++;
        send_pieces(c, call, &w);
    }
    writer_deinit(&w);
    return err;
}

void client_connection_flush(struct client_connection *c)
{
    if (c->stream) {
        stream_flush(c->stream);
    }
}

/* --- the handshake ---------------------------------------------------------------------------- */

static void handshake(struct client_connection *c, int16_t max_version);

static void take_versions(struct client_connection *c, const struct api_versions_response *r)
{
    for (size_t i = 0; i < VERSIONS; i++) {
        c->versions[i] = (struct version_range){ 0, -1 };
    }
    for (int32_t i = 0; i < r->api_keys_n; i++) {
        const struct api_versions_response_api_version *v = &r->api_keys[i];
        if (v->api_key >= 0 && v->api_key < VERSIONS) {
            c->versions[v->api_key] = (struct version_range){ v->min_version, v->max_version };
        }
    }
}

static void on_versions(void *user, enum err err, int16_t version, const void *response)
{
    struct client_connection *c = user;
    const struct api_versions_response *r = response;
    if (err) {
        return; /* the connection died, and said so */
    }
    take_versions(c, r);
    if (r->error_code == KAFKA_UNSUPPORTED_VERSION && version > 0) {
        /* The answer lists what it can, or nothing: the oldest version is always there. */
        int16_t theirs = c->versions[API_ApiVersions].max;
        handshake(c, theirs >= 0 && theirs < version ? theirs : 0);
        return;
    }
    if (r->error_code) {
        die(c, ERR_KAFKA, NULL, true);
        return;
    }
    timer_cancel(c->env, &c->timer);
    c->ready = true;
    c->cfg->stats->connects++;
    c->events->ready(c->owner);
}

static void handshake(struct client_connection *c, int16_t max_version)
{
    struct api_versions_request request;
    schema_init(&api_versions_request_schema, &request);
    request.client_software_name = slice_str(PACKAGE_NAME);
    request.client_software_version = slice_str(PACKAGE_VERSION);
    struct client_call *call =
        client_call_new(c->env, &c->own, api_find(API_ApiVersions), on_versions, c);
    call->max_version = max_version;
    enum err err = client_connection_send(c, call, &request);
    assert(!err);
    (void)err;
}

static void on_opened(void *user)
{
    handshake(user, -1);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* KIP-511: who does not know the version of an ApiVersions request answers in version 0. */
static int16_t response_version(const struct client_call *call, struct reader r)
{
    bool refused = call->api->key == API_ApiVersions && reader_i16(&r) == KAFKA_UNSUPPORTED_VERSION;
    return refused ? 0 : call->version;
}

static enum err answer(struct client_connection *c, struct slice frame)
{
    struct reader r = reader_of(frame);
    struct list_node *first = list_first(&c->in_flight);
    if (!first) {
        return ERR_MALFORMED;
    }
    struct client_call *call = list_entry(first, struct client_call, node);
    int32_t correlation_id;
    enum err err = api_response_header_decode(&r, call->api->key, call->version, &correlation_id);
    if (err || correlation_id != call->correlation_id || call->pieces) {
        return err ? err : ERR_MALFORMED;
    }
    const struct schema *s = call->api->response;
    arena_reset(&c->arena);
    c->arena.cap_bytes = ARENA_BYTES_MIN + frame.len * ARENA_FACTOR;
    void *response = arena_alloc(&c->arena, s->size);
    err = schema_decode(s, response_version(call, r), &r, &c->arena, response);
    if (err) {
        return err;
    }
    uncount(c);
    client_call_finish(call, ERR_OK, call->version, response);
    return ERR_OK;
}

static uint32_t frame_size(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void on_space(void *user, uint8_t **ret_ptr, size_t *ret_room)
{
    struct client_connection *c = user;
    size_t want = READ_BYTES;
    if (c->in.len >= 4) {
        /* on_filled() has refused a frame that is too large. */
        size_t whole = 4 + (size_t)frame_size(c->in.ptr);
        want = whole - c->in.len > want ? whole - c->in.len : want;
    }
    *ret_ptr = buf_reserve(&c->in, want);
    *ret_room = want;
}

/* Answers every whole frame; *ret_used bytes are done with. */
static enum err parse(struct client_connection *c, size_t *ret_used)
{
    enum err err = ERR_OK;
    while (!err && !c->dead && c->in.len - *ret_used >= 4) {
        uint32_t size = frame_size(c->in.ptr + *ret_used);
        if (size < 4 || size > c->cfg->response_bytes_max) {
            err = ERR_LIMIT;
        } else if (c->in.len - *ret_used - 4 < size) {
            break;
        } else {
            err = answer(c, slice_of(c->in.ptr + *ret_used + 4, size));
            *ret_used += 4 + (size_t)size;
        }
    }
    return err;
}

static void on_filled(void *user, size_t n)
{
    struct client_connection *c = user;
    c->in.len += n;
    c->heard_ns = env_mono_ns(c->env);
    c->cfg->stats->received_bytes += n;
    size_t used = 0;
    c->parsing = true;
    enum err err = parse(c, &used);
    c->parsing = false;
    if (c->dead) {
        free_connection(c);
    } else if (err) {
        die(c, err, NULL, true);
    } else {
        buf_drop(&c->in, used);
        if (c->in.cap > KEEP_BYTES && !timer_is_armed(&c->timer)) {
            timer_arm_in(c->env, &c->timer, KEEP_NS);
        }
    }
}

static void on_closed(void *user, enum err why)
{
    struct client_connection *c = user;
    c->stream = NULL;
    die(c, why, NULL, true);
}

struct client_connection *client_connection_new(struct env env, const char *host, uint16_t port,
                                                const struct client_connection_config *cfg,
                                                const struct client_connection_events *events,
                                                void *owner)
{
    static const struct stream_events stream_events = {
        .opened = on_opened,
        .space = on_space,
        .filled = on_filled,
        .closed = on_closed,
    };
    struct client_connection *c = mem_zalloc(sizeof(*c));
    c->env = env;
    c->cfg = cfg;
    c->events = events;
    c->owner = owner;
    c->heard_ns = env_mono_ns(env);
    list_init(&c->in_flight);
    list_init(&c->no_answer);
    list_init(&c->own);
    arena_init(&c->arena, ARENA_BYTES_MIN);
    c->timer.fire = on_timer;
    c->timer.owner = c;
    timer_arm_in(env, &c->timer, cfg->connect_timeout_ns);
    cfg->stats->connections++;
    c->stream = env_connect(env, host, port, &stream_events, c);
    return c;
}
