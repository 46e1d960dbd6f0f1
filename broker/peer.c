/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.c - see peer.h. Driven by who calls, by the connection's events and by timers.
 *   (P1) A peer has at most one connection; calls wait only while it is not ready.
 *   (P2) A connection is begun only when somebody calls, and not before not_before_ns.
 *   (P3) done() runs from the loop: a call that ends here has its timer armed for now.
 *   (P4) A call is at one place: waiting, with the connection, or ending by its timer.
 */
#include "broker/peer.h"

#include "broker/broker.h"
#include "broker/quorum_config.h"
#include "protocol/base/alloc.h"
#include "protocol/client/client_connection.h"

#include <assert.h>
#include <stdio.h>

enum {
    CONNECT_MS = 2000,
    BACKOFF_MIN_MS = 20,
    BACKOFF_MAX_MS = 1000,
    REFUSALS_SURE = 2, /* the end of a connection, and that there is no other */
    IDLE_S = 120,      /* a common peer that nobody uses is freed */
};

struct peer {
    struct list_node link; /* in peers->common, or alone */
    struct broker *broker;
    const char *purpose;
    enum peer_lane lane; /* of a common one */
    char host[PEER_HOST_BYTES];
    uint16_t port;
    char address[PEER_HOST_BYTES + 8];
    char client_id[48];
    struct client_connection_config cfg;
    struct client_connection *connection; /* NULL: none */
    bool moved;                           /* it goes to an address of the past */
    struct list_node calls;               /* all of them */
    struct list_node waiting;
    struct timer retry;
    unsigned failures; /* in a row */
    unsigned refusals; /* of them, the newest ones that were refused or reset */
    uint64_t not_before_ns;
    uint64_t last_ns;  /* of a call */
    uint64_t heard_ns; /* peer_note_heard(); 0: never */
    bool warned;
};

/* --- the end of calls ------------------------------------------------------------------------- */

static void on_call_timer(void *owner)
{
    struct client_call *call = owner;
    if (call->connection) {
        client_connection_call_due(call);
    } else {
        client_call_finish(call, call->err ? call->err : ERR_TIMEOUT, 0, NULL);
    }
}

/* The call ends with err from the loop (P3). */
static void end_later(struct client_call *call, enum err err)
{
    call->err = err;
    list_remove(&call->node);
    timer_arm_in(call->env, &call->timer, 0);
}

static uint32_t count_calls(const struct peer *p)
{
    uint32_t n = 0;
    list_for_each(node, &p->calls) {
        n++;
    }
    return n;
}

/* --- connections ------------------------------------------------------------------------------ */

static uint64_t backoff_ns(struct peer *p)
{
    unsigned doublings = p->failures > 1 ? p->failures - 1 : 0;
    uint64_t ms = (uint64_t)BACKOFF_MIN_MS << (doublings < 10 ? doublings : 10);
    uint64_t ns = (ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS) * NS_PER_MS;
    /* A fifth up or down: who lost the same node does not come back at the same moment. */
    return ns - ns / 5 + env_random(p->broker->env) % (ns / 5 * 2 + 1);
}

static void send_waiting(struct peer *p)
{
    for (struct list_node *node; (node = list_first(&p->waiting));) {
        struct client_call *call = list_entry(node, struct client_call, node);
        enum err e = client_connection_send(p->connection, call, call->copy);
        if (e) {
            end_later(call, e);
        }
    }
}

static void on_ready(void *owner)
{
    struct peer *p = owner;
    if (p->warned) {
        p->warned = false;
        log_info(&p->broker->log, "reached another node again", KV_STR("address", p->address),
                 KV_STR("purpose", p->purpose));
    }
    p->failures = p->refusals = 0;
    send_waiting(p);
}

static void on_closed(void *owner, enum err why)
{
    struct peer *p = owner;
    struct broker *b = p->broker;
    bool was_ready = client_connection_is_ready(p->connection);
    p->connection = NULL;
    p->failures++;
    p->refusals = why == ERR_CLOSED ? p->refusals + 1 : 0;
    p->not_before_ns = env_mono_ns(b->env) + backoff_ns(p);
    b->peers.stats.failures++;
    if (!was_ready && !p->warned) {
        p->warned = true;
        log_info(&b->log, "another node cannot be reached; it is tried again",
                 KV_STR("address", p->address), KV_STR("purpose", p->purpose),
                 KV_STR("why", err_text(why)));
    }
    for (struct list_node *node; (node = list_first(&p->waiting));) {
        end_later(list_entry(node, struct client_call, node), ERR_CLOSED);
    }
}

static void connect_now(struct peer *p)
{
    static const struct client_connection_events events = { .ready = on_ready,
                                                            .closed = on_closed };
    p->moved = false;
    p->connection = client_connection_new(p->broker->env, p->host, p->port, &p->cfg, &events, p);
}

static void want_connection(struct peer *p)
{
    if (!p->connection && !timer_is_armed(&p->retry)) {
        uint64_t now = env_mono_ns(p->broker->env);
        if (now >= p->not_before_ns) {
            connect_now(p);
        } else {
            timer_arm(p->broker->env, &p->retry, p->not_before_ns);
        }
    }
}

/* The back-off is over, or the address is another one. */
static void on_retry(void *owner)
{
    struct peer *p = owner;
    struct client_connection *old = p->connection;
    if (old && p->moved) {
        p->connection = NULL;
        p->moved = false;
        /* Its calls end now, and their owners may call or free this peer: nothing is touched after
         * that. */
        if (!list_is_empty(&p->waiting)) {
            connect_now(p);
        }
        client_connection_close(old);
    } else if (!old) {
        connect_now(p);
    }
}

/* --- peers ------------------------------------------------------------------------------------ */

struct peer *peer_new(struct broker *b, const char *purpose)
{
    struct peer *p = mem_zalloc(sizeof(*p));
    list_init(&p->link);
    list_init(&p->calls);
    list_init(&p->waiting);
    p->broker = b;
    p->purpose = purpose;
    p->retry = (struct timer){ .fire = on_retry, .owner = p };
    p->last_ns = env_mono_ns(b->env);
    snprintf(p->client_id, sizeof(p->client_id), "broker-%d-%s", (int)b->node_id, purpose);
    p->cfg = (struct client_connection_config){
        .client_id = slice_str(p->client_id),
        .connect_timeout_ns = (uint64_t)CONNECT_MS * NS_PER_MS,
        .response_bytes_max = (size_t)b->config->socket_request_max_bytes,
        .stats = &b->peers.stats,
    };
    return p;
}

void peer_free(struct peer *p)
{
    list_remove(&p->link);
    timer_cancel(p->broker->env, &p->retry);
    list_for_each(node, &p->calls) {
        list_entry(node, struct client_call, all)->done = NULL;
    }
    if (p->connection) {
        client_connection_close(p->connection);
    }
    for (struct list_node *node; (node = list_first(&p->calls));) {
        client_call_drop(list_entry(node, struct client_call, all));
    }
    mem_free(p);
}

void peer_set_address(struct peer *p, const char *host, uint16_t port)
{
    if (p->port == port && strcmp(p->host, host) == 0) {
        return;
    }
    snprintf(p->host, sizeof(p->host), "%s", host);
    p->port = port;
    snprintf(p->address, sizeof(p->address), strchr(host, ':') ? "[%s]:%u" : "%s:%u", p->host,
             (unsigned)port);
    p->failures = p->refusals = 0;
    p->not_before_ns = 0;
    p->warned = false;
    if (p->connection) {
        p->moved = true;
    }
    if (p->connection || timer_is_armed(&p->retry)) {
        timer_arm_in(p->broker->env, &p->retry, 0);
    }
}

void peer_call_versions(struct peer *p, const struct schema *request_schema, const void *request,
                        int16_t version_min, int16_t version_max, uint64_t timeout_ns,
                        client_done *done, void *user)
{
    struct env env = p->broker->env;
    const struct api *api = api_find(request_schema->key);
    assert(api && api->request == request_schema);
    bool too_many = count_calls(p) >= PEER_CALLS_MAX;
    struct client_call *call = client_call_new(env, &p->calls, api, done, user);
    call->min_version = version_min;
    call->max_version = version_max;
    call->timer = (struct timer){ .fire = on_call_timer, .owner = call };
    p->last_ns = env_mono_ns(env);
    if (too_many || p->host[0] == '\0') {
        end_later(call, too_many ? ERR_LIMIT : ERR_CLOSED);
        return;
    }
    timer_arm_in(env, &call->timer, timeout_ns);
    if (p->connection && !p->moved && client_connection_is_ready(p->connection)) {
        enum err e = client_connection_send(p->connection, call, request);
        if (e) {
            end_later(call, e);
        }
        return;
    }
    client_call_copy_request(call, request);
    list_push_back(&p->waiting, &call->node);
    want_connection(p);
}

void peer_call(struct peer *p, const struct schema *request_schema, const void *request,
               int16_t version_max, uint64_t timeout_ns, client_done *done, void *user)
{
    peer_call_versions(p, request_schema, request, 0, version_max, timeout_ns, done, user);
}

void peer_cancel(struct peer *p, const void *user)
{
    list_for_each(node, &p->calls) {
        struct client_call *call = list_entry(node, struct client_call, all);
        if (call->user != user) {
            continue;
        }
        if (call->connection) {
            call->done = NULL;
            call->user = NULL;
        } else {
            client_call_drop(call);
        }
    }
}

bool peer_is_connected(const struct peer *p)
{
    return p->connection && !p->moved && client_connection_is_ready(p->connection);
}

const char *peer_address(const struct peer *p)
{
    return p->address;
}

/* --- the common ones -------------------------------------------------------------------------- */

struct peer *peers_at(struct broker *b, enum peer_lane lane, const char *host, uint16_t port)
{
    static const char *const purposes[PEER_LANES] = {
        [PEER_QUORUM] = "quorum",
        [PEER_QUORUM_FETCH] = "quorum-fetch",
        [PEER_CONTROLLER] = "controller",
        [PEER_HEARTBEAT] = "heartbeat",
    };
    list_for_each(node, &b->peers.common) {
        struct peer *p = list_entry(node, struct peer, link);
        if (p->lane == lane && p->port == port && strcmp(p->host, host) == 0) {
            return p;
        }
    }
    struct peer *p = peer_new(b, purposes[lane]);
    p->lane = lane;
    peer_set_address(p, host, port);
    list_push_back(&b->peers.common, &p->link);
    if (!timer_is_armed(&b->peers.sweep)) {
        timer_arm_in(b->env, &b->peers.sweep, (uint64_t)IDLE_S * NS_PER_S);
    }
    return p;
}

bool peers_is_gone(struct broker *b, const char *host, uint16_t port)
{
    struct peer *p = peers_at(b, PEER_QUORUM, host, port);
    p->last_ns = env_mono_ns(b->env);
    want_connection(p);
    return p->refusals >= REFUSALS_SURE;
}

void peer_note_heard(struct peer *p)
{
    p->heard_ns = env_mono_ns(p->broker->env);
}

uint64_t peers_heard_ns(const struct broker *b, const char *host, uint16_t port)
{
    uint64_t latest = 0;
    list_for_each(node, &b->peers.common) {
        const struct peer *p = list_entry(node, struct peer, link);
        if (p->port == port && strcmp(p->host, host) == 0 && p->heard_ns > latest) {
            latest = p->heard_ns;
        }
    }
    return latest;
}

static void on_sweep(void *owner)
{
    struct broker *b = owner;
    uint64_t now = env_mono_ns(b->env);
    list_for_each(node, &b->peers.common) {
        struct peer *p = list_entry(node, struct peer, link);
        if (list_is_empty(&p->calls) && now - p->last_ns >= (uint64_t)IDLE_S * NS_PER_S) {
            peer_free(p);
        }
    }
    if (!list_is_empty(&b->peers.common)) {
        timer_arm_in(b->env, &b->peers.sweep, (uint64_t)IDLE_S * NS_PER_S);
    }
}

bool peers_broker_address(const struct broker *b, int32_t broker_id, const char **ret_host,
                          uint16_t *ret_port)
{
    const struct image_broker *other = image_broker(&b->image, broker_id);
    const char *want = b->config->inter_broker_listener_name; /* NULL: not set */
    for (int32_t i = 0; other && i < other->endpoint_count; i++) {
        const struct image_endpoint *e = &other->endpoints[i];
        if (want ? strcmp(e->name, want) == 0
                 : !quorum_config_is_controller_listener(b->config, slice_str(e->name))) {
            *ret_host = e->host;
            *ret_port = e->port;
            return true;
        }
    }
    return false;
}

void peers_init(struct broker *b)
{
    list_init(&b->peers.common);
    b->peers.sweep = (struct timer){ .fire = on_sweep, .owner = b };
}

void peers_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->peers.sweep);
    for (struct list_node *node; (node = list_first(&b->peers.common));) {
        peer_free(list_entry(node, struct peer, link));
    }
}
