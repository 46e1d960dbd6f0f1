/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - brokers by id, their connections by lane, and the patience with those that fail.
 * Driven by client.c (calls), client_connection.c (events) and metadata.c (the list of brokers).
 *   (N1) A link has at most one connection; calls wait only while it is not ready.
 *   (N2) A connection is begun only when somebody calls, and not before not_before_ns.
 *   (N3) When a connection fails, what waited for any node goes to another one; what waited for
 *        this node ends with ERR_CLOSED, so that its owner can look for a new leader.
 */
#include "protocol/client/client_internal.h"

#include "protocol/base/alloc.h"

#include <stdio.h>

struct node *node_new(struct client *c, int32_t id, struct slice host, uint16_t port)
{
    struct node *n = mem_zalloc(sizeof(*n));
    n->client = c;
    n->id = id;
    n->host = mem_strndup(host.ptr, host.len);
    n->port = port;
    list_init(&n->links);
    list_push_back(&c->nodes, &n->link_in_client);
    return n;
}

static void take_waiting(struct link *l, struct list_node *ret_calls)
{
    list_init(ret_calls);
    struct list_node *n;
    while ((n = list_pop_front(&l->waiting))) {
        list_push_back(ret_calls, n);
    }
}

static void free_link(struct link *l)
{
    struct client *c = l->node->client;
    list_remove(&l->link_in_node);
    timer_cancel(c->env, &l->retry);
    struct list_node *n;
    while ((n = list_first(&l->waiting))) {
        client_defer(c, list_entry(n, struct client_call, node), ERR_CLOSED);
    }
    struct client_connection *connection = l->connection;
    mem_free(l);
    if (connection) {
        client_connection_close(connection);
    }
}

void node_free(struct node *n)
{
    list_remove(&n->link_in_client);
    struct list_node *l;
    while ((l = list_first(&n->links))) {
        free_link(list_entry(l, struct link, link_in_node));
    }
    mem_free(n->host);
    mem_free(n);
}

struct node *node_find(const struct client *c, int32_t id)
{
    list_for_each(it, &c->nodes) {
        struct node *n = list_entry(it, struct node, link_in_client);
        if (n->id == id) {
            return n;
        }
    }
    return NULL;
}

static struct link *find_link(const struct node *n, uint32_t lane)
{
    list_for_each(it, &n->links) {
        struct link *l = list_entry(it, struct link, link_in_node);
        if (l->lane == lane) {
            return l;
        }
    }
    return NULL;
}

void node_lane_free(struct node *n, uint32_t lane)
{
    struct link *l = find_link(n, lane);
    if (l) {
        free_link(l);
    }
}

void node_lane_flush(struct node *n, uint32_t lane)
{
    struct link *l = find_link(n, lane);
    if (l && l->connection) {
        client_connection_flush(l->connection);
    }
}

uint64_t node_silence_ns(const struct node *n, uint32_t lane)
{
    const struct link *l = find_link(n, lane);
    if (l && l->connection) {
        return client_connection_silence_ns(l->connection);
    }
    return l && !list_is_empty(&l->waiting) ? UINT64_MAX : 0;
}

void node_give_up(struct node *n, uint32_t lane)
{
    struct link *l = find_link(n, lane);
    if (l && l->connection) {
        client_connection_give_up(l->connection);
        return;
    }
    struct list_node *first;
    while (l && (first = list_first(&l->waiting))) {
        client_defer(n->client, list_entry(first, struct client_call, node), ERR_CLOSED);
    }
}

/* --- choice ----------------------------------------------------------------------------------- */

static bool is_bootstrap(const struct node *n)
{
    return n->id <= NODE_BOOTSTRAP;
}

/* Lower is better; the low digits are chance. One in its back-off is back within a second; a silent
 * one may never be. */
static uint64_t cost(const struct node *n, uint32_t lane)
{
    const struct client *c = n->client;
    uint64_t chance = env_random(c->env) % 1000;
    uint64_t now = env_mono_ns(c->env);
    if (n->not_before_ns > now) {
        return 1000000 + (n->not_before_ns - now) / NS_PER_MS * 1000 + chance;
    }
    if (n->failures) {
        return 300000 + n->failures * 1000u + chance; /* whatever other lanes it has */
    }
    uint64_t best = 200000;
    list_for_each(it, &n->links) {
        const struct link *l = list_entry(it, struct link, link_in_node);
        if (l->connection && client_connection_silence_ns(l->connection) >= CLIENT_PATIENCE_NS) {
            return 3000000 + chance; /* on any lane: it is not well */
        }
        if (l->lane == lane && l->connection && client_connection_is_ready(l->connection)) {
            best = client_connection_in_flight(l->connection) * 10000u;
        }
    }
    return best + chance;
}

static bool is_among(int32_t id, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

struct node *node_pick(const struct client *c, uint32_t lane, const int32_t *skip, size_t skips)
{
    /* Bootstrap addresses count again when every broker that we know of has failed. */
    bool known = false;
    list_for_each(it, &c->nodes) {
        const struct node *n = list_entry(it, struct node, link_in_client);
        known = known || (!is_bootstrap(n) && n->failures == 0 && !is_among(n->id, skip, skips));
    }
    struct node *best = NULL;
    uint64_t least = 0;
    list_for_each(it, &c->nodes) {
        struct node *n = list_entry(it, struct node, link_in_client);
        if ((known && is_bootstrap(n)) || is_among(n->id, skip, skips)) {
            continue;
        }
        uint64_t its = cost(n, lane);
        if (!best || its < least) {
            best = n;
            least = its;
        }
    }
    return best;
}

/* --- connections ------------------------------------------------------------------------------ */

static void connect_link(struct link *l);

static const char *why_text(enum err why)
{
    return why == ERR_CLOSED ? "the connection was refused or closed" : err_text(why);
}

static void on_ready(void *owner)
{
    struct link *l = owner;
    struct node *n = l->node;
    struct client *c = n->client;
    if (n->warned) {
        log_info(&c->log, "broker is reachable again", KV_STR("host", n->host),
                 KV_INT("port", n->port));
    }
    n->failures = 0;
    n->not_before_ns = 0;
    n->warned = false;
    struct list_node *first;
    while ((first = list_first(&l->waiting))) {
        struct client_call *call = list_entry(first, struct client_call, node);
        enum err err = client_connection_send(l->connection, call, call->copy);
        if (err) {
            client_defer(c, call, err);
        }
    }
}

static void note_failure(struct node *n, enum err why)
{
    struct client *c = n->client;
    n->failures++;
    n->not_before_ns = env_mono_ns(c->env) + client_reconnect_ns(c, n->failures);
    c->stats.failures++;
    /* Once is a restart or a moved leader; twice in a row is worth a line, and only the first
     * time. */
    if (n->failures == 2 && !n->warned) {
        n->warned = true;
        log_warn(&c->log,
                 "cannot reach broker; it is tried again until it answers: check that it runs and "
                 "that this address can be reached from here",
                 KV_STR("host", n->host), KV_INT("port", n->port), KV_INT("broker", n->id),
                 KV_STR("why", why_text(why)));
    }
}

static void on_closed(void *owner, enum err why)
{
    struct link *l = owner;
    struct node *n = l->node;
    struct client *c = n->client;
    bool idle = client_connection_is_ready(l->connection) &&
                client_connection_in_flight(l->connection) == 0;
    l->connection = NULL;
    if (!idle) {
        note_failure(n, why);
    }
    struct list_node calls;
    take_waiting(l, &calls);
    struct list_node *first;
    while ((first = list_pop_front(&calls))) {
        struct client_call *call = list_entry(first, struct client_call, node);
        if (client_call_is_for_any(call)) {
            client_route(c, call, call->copy);
        } else {
            client_defer(c, call, ERR_CLOSED);
        }
    }
}

static void on_retry(void *owner)
{
    connect_link(owner);
}

static void connect_link(struct link *l)
{
    static const struct client_connection_events events = { .ready = on_ready,
                                                            .closed = on_closed };
    struct node *n = l->node;
    struct client *c = n->client;
    if (l->connection || list_is_empty(&l->waiting)) {
        return;
    }
    if (n->not_before_ns > env_mono_ns(c->env)) {
        timer_arm(c->env, &l->retry, n->not_before_ns);
        return;
    }
    l->connection = client_connection_new(c->env, n->host, n->port, &c->connection, &events, l);
}

static struct link *get_link(struct node *n, uint32_t lane)
{
    struct link *l = find_link(n, lane);
    if (l) {
        return l;
    }
    l = mem_zalloc(sizeof(*l));
    l->node = n;
    l->lane = lane;
    l->retry.fire = on_retry;
    l->retry.owner = l;
    list_init(&l->waiting);
    list_push_back(&n->links, &l->link_in_node);
    return l;
}

void node_call(struct node *n, struct client_call *call, const void *request)
{
    struct link *l = get_link(n, call->lane);
    if (l->connection && client_connection_is_ready(l->connection)) {
        enum err err = client_connection_send(l->connection, call, request);
        if (err) {
            client_defer(n->client, call, err);
        }
        return;
    }
    client_call_copy_request(call, request);
    list_push_back(&l->waiting, &call->node);
    connect_link(l);
}

/* --- the list of brokers ---------------------------------------------------------------------- */

static bool moved(const struct node *n, const struct metadata_response_broker *b)
{
    return !slice_eq_str(b->host, n->host) || n->port != (uint16_t)b->port;
}

/* Brokers are known by id now: this bootstrap address has done its work. Calls that still wait for
 * a connection to it go to a broker; one that was sent stays until it is answered. */
static void retire_bootstrap(struct node *n)
{
    struct client *c = n->client;
    struct list_node calls, *first;
    list_init(&calls);
    list_for_each(it, &n->links) {
        struct link *l = list_entry(it, struct link, link_in_node);
        if (!l->connection || !client_connection_in_flight(l->connection)) {
            while ((first = list_pop_front(&l->waiting))) {
                list_push_back(&calls, first);
            }
            free_link(l);
        }
    }
    while ((first = list_pop_front(&calls))) {
        struct client_call *call = list_entry(first, struct client_call, node);
        if (client_call_is_for_any(call)) {
            client_route(c, call, call->copy);
        } else {
            client_defer(c, call, ERR_CLOSED);
        }
    }
}

void client_learn_node(struct client *c, int32_t id, struct slice host, int32_t port)
{
    if (id >= 0 && host.len && port > 0 && port <= UINT16_MAX && !node_find(c, id)) {
        (void)node_new(c, id, host, (uint16_t)port); /* one that moved waits for the metadata */
    }
}

void nodes_set(struct client *c, const struct metadata_response *r)
{
    if (r->brokers_n <= 0) {
        return; /* a cluster without brokers did not answer: keep what we know */
    }
    list_for_each(it, &c->nodes) {
        list_entry(it, struct node, link_in_client)->seen = false;
    }
    for (int32_t i = 0; i < r->brokers_n; i++) {
        const struct metadata_response_broker *b = &r->brokers[i];
        struct node *n = b->node_id >= 0 ? node_find(c, b->node_id) : NULL;
        if (n && moved(n, b)) {
            node_free(n);
            n = NULL;
        }
        if (!n && b->node_id >= 0) {
            n = node_new(c, b->node_id, b->host, (uint16_t)b->port);
        }
        if (n) {
            n->seen = true;
        }
    }
    struct list_node gone;
    list_init(&gone);
    list_for_each(it, &c->nodes) {
        struct node *n = list_entry(it, struct node, link_in_client);
        if (!n->seen && !is_bootstrap(n)) {
            list_remove(it);
            list_push_back(&gone, it);
        }
    }
    struct list_node *first;
    while ((first = list_first(&gone))) {
        node_free(list_entry(first, struct node, link_in_client));
    }
    list_for_each(it, &c->nodes) {
        struct node *n = list_entry(it, struct node, link_in_client);
        if (is_bootstrap(n)) {
            retire_bootstrap(n);
        }
    }
}
