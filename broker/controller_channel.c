/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_channel.c - see controller_channel.h. Driven by who asks, by peers' answers, by calls
 * that end in this process, and by one timer for each send.
 *   (C1) A send is in one state: WAITING for its timer, REMOTE with a peer, LOCAL as a call.
 *   (C2) done() runs from the loop: the first try is made by the timer.
 *   (C3) A call in this process may outlive its send; its sink_owner is NULL then.
 */
#include "broker/controller_channel.h"

#include "broker/api/table.h"
#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

enum {
    SENDS_MAX = 10000,
    REQUEST_BYTES_MAX = 128 << 20,
    RETRY_MIN_MS = 20,
    RETRY_MAX_MS = 100,     /* a new leader is found by the quorum, not here */
    FORWARD_TIMEOUT_S = 15, /* half of the clients' request.timeout.ms: they hear of it */
};

struct send {
    struct list_node link;
    struct broker *broker;
    const struct api *api;
    int16_t version_max;
    enum { WAITING, REMOTE, LOCAL } state;
    unsigned tries;
    struct timer timer; /* the next try or the deadline */
    uint64_t deadline_ns;
    enum err refused;  /* it ends with this, untried */
    struct peer *peer; /* of a remote one; it lives as long as it has calls */
    struct call *call; /* of a local one */
    struct arena arena;
    void *request;
    client_done *done;
    void *user;
};

/* --- the end ---------------------------------------------------------------------------------- */

static void send_free(struct send *s)
{
    struct broker *b = s->broker;
    list_remove(&s->link);
    b->channel.count--;
    timer_cancel(b->env, &s->timer);
    if (s->state == REMOTE) {
        peer_cancel(s->peer, s);
    } else if (s->state == LOCAL) {
        s->call->sink_owner = NULL;
    }
    arena_deinit(&s->arena);
    mem_free(s);
}

static void finish(struct send *s, enum err err, int16_t version, const void *response)
{
    client_done *done = s->done;
    void *user = s->user;
    send_free(s);
    done(user, err, version, response);
}

/* --- tries ------------------------------------------------------------------------------------ */

static void wait_for_try(struct send *s)
{
    struct env env = s->broker->env;
    unsigned doublings = s->tries < 10 ? s->tries : 10;
    uint64_t ms = (uint64_t)RETRY_MIN_MS << doublings;
    uint64_t ns = (ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS) * NS_PER_MS;
    s->tries++;
    s->state = WAITING;
    uint64_t due = env_mono_ns(env) + ns / 2 + env_random(env) % (ns / 2);
    timer_arm(env, &s->timer, due < s->deadline_ns ? due : s->deadline_ns);
}

static bool is_not_controller(const struct api *api, const void *response)
{
    return schema_has_i16(api->response, response, "error_code", KAFKA_NOT_CONTROLLER);
}

static void on_answer(void *user, enum err err, int16_t version, const void *response)
{
    struct send *s = user;
    s->state = WAITING;
    s->peer = NULL;
    bool again =
        err == ERR_CLOSED || err == ERR_TIMEOUT || (!err && is_not_controller(s->api, response));
    if (again) {
        wait_for_try(s);
    } else {
        finish(s, err, version, response);
    }
}

static void local_reply(struct call *c, int16_t version, const void *response)
{
    struct send *s = c->sink_owner;
    if (s) {
        s->state = WAITING;
        s->call = NULL;
        if (response && !is_not_controller(s->api, response)) {
            finish(s, ERR_OK, version, response);
        } else {
            wait_for_try(s);
        }
    }
    call_free(c);
}

static void local_fail(struct call *c, const char *why)
{
    struct send *s = c->sink_owner;
    log_error(&c->broker->log, "a request to the controller in this process was refused",
              KV_STR("api", c->api ? c->api->name : "?"), KV_STR("why", why));
    if (s) {
        s->state = WAITING;
        s->call = NULL;
        finish(s, ERR_UNSUPPORTED, 0, NULL);
    }
    call_free(c);
}

/* The same way as over the network, but for the network: the bytes of the request are read by the
 * table of APIs. */
static void try_local(struct send *s)
{
    static const struct call_sink sink = { .reply = local_reply, .fail = local_fail };
    if (!api_row(s->api->key, LISTENER_CONTROLLER)) {
        finish(s, ERR_UNSUPPORTED, 0, NULL);
        return;
    }
    struct request_header header;
    schema_init(&request_header_schema, &header);
    header.request_api_key = s->api->key;
    header.request_api_version = s->version_max >= 0 && s->version_max < s->api->request->max
                                     ? s->version_max
                                     : s->api->request->max;
    header.client_id = slice_str("local");
    struct buf frame = { 0 };
    struct writer w;
    writer_init(&w, &frame);
    enum err e = api_frame_request(&w, &header, s->request);
    writer_deinit(&w);
    if (e) {
        buf_deinit(&frame);
        finish(s, e, 0, NULL);
        return;
    }
    s->state = LOCAL;
    timer_arm(s->broker->env, &s->timer, s->deadline_ns);
    s->call = call_new_inner(s->broker, &sink, s, slice_from(buf_slice(&frame), 4));
    s->call->peer = "this node";
    buf_deinit(&frame);
    api_dispatch(s->call);
}

static enum peer_lane lane_of(const struct send *s)
{
    return s->api->key == API_BrokerHeartbeat ? PEER_HEARTBEAT : PEER_CONTROLLER;
}

static void try_remote(struct send *s, const char *host, uint16_t port)
{
    struct broker *b = s->broker;
    uint64_t now = env_mono_ns(b->env);
    enum peer_lane lane = lane_of(s);
    s->state = REMOTE;
    s->peer = peers_at(b, lane, host, port);
    timer_arm(b->env, &s->timer, s->deadline_ns);
    /* The peer's time-out costs the connection: it is for one that is silent, our own is above. A
     * heartbeat that is not answered costs it at once: heartbeats must not go on arriving at a
     * controller which this node does not hear. */
    uint64_t left_ns = s->deadline_ns > now ? s->deadline_ns - now : 0;
    uint64_t patience_ns = lane == PEER_HEARTBEAT ? 0 : NS_PER_S;
    peer_call(s->peer, s->api->request, s->request, s->version_max, left_ns + patience_ns,
              on_answer, s);
}

bool controller_channel_is_local(const struct broker *b)
{
    return quorum_is_leader(b);
}

int32_t controller_channel_leader(const struct broker *b)
{
    return quorum_leader(b);
}

static void try_now(struct send *s)
{
    struct broker *b = s->broker;
    char host[PEER_HOST_BYTES];
    uint16_t port;
    if (quorum_is_leader(b)) {
        try_local(s);
    } else if (quorum_leader(b) != b->node_id &&
               quorum_leader_address(b, host, sizeof(host), &port)) {
        try_remote(s, host, port);
    } else {
        wait_for_try(s); /* for an election, or for what the new leader here has to apply */
    }
}

static void on_timer(void *owner)
{
    struct send *s = owner;
    if (s->refused || env_mono_ns(s->broker->env) >= s->deadline_ns) {
        finish(s, s->refused ? s->refused : ERR_TIMEOUT, 0, NULL);
    } else {
        try_now(s);
    }
}

/* It was sent to the node that leads as ever, as far as this one knows. */
static bool is_at_leader(const struct send *s)
{
    struct broker *b = s->broker;
    char host[PEER_HOST_BYTES];
    uint16_t port;
    return s->state == REMOTE && peer_is_connected(s->peer) && !quorum_is_leader(b) &&
           quorum_leader_address(b, host, sizeof(host), &port) &&
           peers_at(b, lane_of(s), host, port) == s->peer;
}

void controller_channel_wake(struct broker *b)
{
    list_for_each(node, &b->channel.sends) {
        struct send *s = list_entry(node, struct send, link);
        if (s->state == LOCAL || is_at_leader(s)) {
            continue; /* it will be told */
        }
        if (s->state == REMOTE) {
            peer_cancel(s->peer, s);
            s->peer = NULL;
            s->state = WAITING;
        }
        s->tries = 0;
        timer_arm_in(b->env, &s->timer, 0);
    }
}

/* --- sends ------------------------------------------------------------------------------------ */

void controller_channel_send(struct broker *b, const struct schema *request_schema,
                             const void *request, int16_t version_max, uint64_t timeout_ns,
                             client_done *done, void *user)
{
    struct send *s = mem_zalloc(sizeof(*s));
    s->broker = b;
    s->api = api_find(request_schema->key);
    assert(s->api && s->api->request == request_schema);
    s->version_max = version_max;
    s->timer = (struct timer){ .fire = on_timer, .owner = s };
    s->deadline_ns = env_mono_ns(b->env) + timeout_ns;
    s->done = done;
    s->user = user;
    arena_init(&s->arena, REQUEST_BYTES_MAX);
    s->request = schema_copy(request_schema, &s->arena, request);
    list_push_back(&b->channel.sends, &s->link);
    b->channel.count++;
    if (!s->request || b->channel.count > SENDS_MAX) {
        s->refused = ERR_LIMIT;
    }
    timer_arm_in(b->env, &s->timer, 0);
}

void controller_channel_cancel(struct broker *b, const void *user)
{
    list_for_each(node, &b->channel.sends) {
        struct send *s = list_entry(node, struct send, link);
        if (s->user == user) {
            send_free(s);
        }
    }
}

void controller_channel_init(struct broker *b)
{
    list_init(&b->channel.sends);
}

void controller_channel_deinit(struct broker *b)
{
    for (struct list_node *node; (node = list_first(&b->channel.sends));) {
        send_free(list_entry(node, struct send, link));
    }
}

/* --- forwarding ------------------------------------------------------------------------------- */

static void on_forwarded(void *user, enum err err, int16_t version, const void *response)
{
    struct call *c = user;
    const struct envelope_response *resp = response;
    (void)version;
    c->abandoned = NULL;
    if (err == ERR_TIMEOUT || err == ERR_CLOSED) {
        log_info(&c->broker->log, "no controller answered a forwarded request",
                 KV_STR("client", call_peer(c)), KV_STR("api", c->api->name));
        api_reply_error(c, KAFKA_REQUEST_TIMED_OUT,
                        "No controller answered in time; it may have been carried out or not.");
        return;
    }
    if (err || resp->error_code) {
        log_info(&c->broker->log, "the controller did not answer a forwarded request",
                 KV_STR("client", call_peer(c)), KV_STR("api", c->api->name),
                 KV_STR("why", err ? err_text(err) : kafka_error_text(resp->error_code)));
        call_fail(c, "the controller did not answer");
        return;
    }
    struct reader r = reader_of(resp->response_data);
    if (reader_i32(&r) != c->correlation_id || r.err) {
        call_fail(c, "the controller's answer is not for this request");
        return;
    }
    connection_reply_bytes(c, resp->response_data);
}

static void forward_abandoned(struct call *c)
{
    controller_channel_cancel(c->broker, c);
    call_reply_none(c);
}

/* The client's address as bytes; 0.0.0.0 when it cannot be read. */
static struct slice address_of(struct call *c, uint8_t space[16])
{
    struct slice host = connection_client_host(c->conn, &c->arena);
    char text[64];
    memset(space, 0, 16);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(slice_from(host, 1)));
    if (inet_pton(AF_INET6, text, space) == 1) {
        return slice_of(space, 16);
    }
    (void)inet_pton(AF_INET, text, space);
    return slice_of(space, 4);
}

void controller_channel_forward(struct call *c)
{
    struct default_principal_data principal;
    schema_init(&default_principal_data_schema, &principal);
    principal.type = slice_str("User");
    principal.name = slice_str("ANONYMOUS");
    /* Kafka's default principal: a version, then the message. */
    struct buf bytes = { 0 };
    static const uint8_t version[] = { 0, 0 };
    buf_append(&bytes, version, sizeof(version));
    struct writer w;
    writer_init(&w, &bytes);
    enum err e = schema_encode(&default_principal_data_schema, 0, &w, &principal);
    assert(!e);
    (void)e;
    writer_deinit(&w);
    struct envelope_request req;
    uint8_t address[16];
    schema_init(&envelope_request_schema, &req);
    req.request_data = slice_of(c->frame, c->frame_len);
    req.request_principal = buf_slice(&bytes);
    req.client_host_address = address_of(c, address);
    c->abandoned = forward_abandoned;
    controller_channel_send(c->broker, &envelope_request_schema, &req, -1,
                            (uint64_t)FORWARD_TIMEOUT_S * NS_PER_S, on_forwarded, c);
    buf_deinit(&bytes);
}
