/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - the client's own life: calls are taken here, given to nodes, and ended by deadline.
 * Driven by its users and the loop.
 *   (C1) done() never runs inside client_call(): what fails at once is deferred to the next turn.
 *   (C2) Every call ends: by its answer, its connection's end, or its deadline.
 */
#include "protocol/client/client_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>

#include <stdio.h>
#include <stdlib.h>

/* --- life ------------------------------------------------------------------------------------- */

static void on_deferred(void *owner)
{
    struct client *c = owner;
    struct list_node now;
    list_init(&now);
    struct list_node *n;
    while ((n = list_pop_front(&c->deferred))) {
        list_push_back(&now, n);
    }
    while ((n = list_first(&now))) {
        struct client_call *call = list_entry(n, struct client_call, node);
        client_call_finish(call, call->err, 0, NULL);
    }
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

static void set_config(struct client *c, const struct client_config *cfg)
{
    c->cfg = *cfg;
    c->cfg.bootstrap = NULL;
    c->client_id = mem_strdup(cfg->client_id ? cfg->client_id : "logboom");
    c->cfg.client_id = c->client_id;
    c->cfg.request_timeout_ns = or_default(cfg->request_timeout_ns, 30ull * NS_PER_S);
    c->cfg.connect_timeout_ns = or_default(cfg->connect_timeout_ns, 10ull * NS_PER_S);
    c->cfg.metadata_max_age_ns = or_default(cfg->metadata_max_age_ns, 300ull * NS_PER_S);
    c->cfg.backoff_ns = or_default(cfg->backoff_ns, 100ull * NS_PER_MS);
    c->cfg.backoff_max_ns = or_default(cfg->backoff_max_ns, NS_PER_S);
    if (!cfg->response_bytes_max) {
        c->cfg.response_bytes_max = 100u << 20;
    }
    c->connection = (struct client_connection_config){
        .client_id = slice_str(c->client_id),
        .connect_timeout_ns = c->cfg.connect_timeout_ns,
        .response_bytes_max = c->cfg.response_bytes_max,
        .stats = &c->stats,
    };
}

/* "host", "host:port", "[v6]:port"; the port defaults to Kafka's 9092. */
static void add_bootstrap(struct client *c, int32_t id, const char *text)
{
    struct slice host = slice_str(text);
    const char *colon = strrchr(text, ':');
    unsigned long port = 9092;
    if (colon && (strchr(text, ':') == colon || (colon > text && colon[-1] == ']'))) {
        port = strtoul(colon + 1, NULL, 10);
        host = slice_of(text, (size_t)(colon - text));
    }
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = slice_of(host.ptr + 1, host.len - 2);
    }
    (void)node_new(c, id, host, (uint16_t)port);
}

struct client *client_new(struct env env, const struct client_config *cfg, const struct log *log)
{
    struct client *c = mem_zalloc(sizeof(*c));
    c->env = env;
    c->log = log ? log_for(log, "client") : (struct log){ NULL, "client" };
    list_init(&c->calls);
    list_init(&c->deferred);
    list_init(&c->nodes);
    list_init(&c->asks);
    c->deferred_timer.fire = on_deferred;
    c->deferred_timer.owner = c;
    c->lanes = LANES_OWN;
    set_config(c, cfg);
    for (size_t i = 0; i < cfg->bootstrap_count; i++) {
        add_bootstrap(c, NODE_BOOTSTRAP - (int32_t)i, cfg->bootstrap[i]);
    }
    metadata_init(c);
    return c;
}

void client_free(struct client *c)
{
    if (!c) {
        return;
    }
    c->freeing = true;
    client_asks_end(c);
    struct list_node *n;
    while ((n = list_first(&c->calls))) {
        client_call_finish(list_entry(n, struct client_call, all), ERR_CANCELED, 0, NULL);
    }
    while ((n = list_first(&c->nodes))) {
        node_free(list_entry(n, struct node, link_in_client));
    }
    timer_cancel(c->env, &c->deferred_timer);
    metadata_deinit(c);
    mem_free(c->client_id);
    mem_free(c);
}

/* --- calls ------------------------------------------------------------------------------------ */

void client_defer(struct client *c, struct client_call *call, enum err err)
{
    call->err = err;
    list_remove(&call->node);
    list_push_back(&c->deferred, &call->node);
    if (!timer_is_armed(&c->deferred_timer)) {
        timer_arm_in(c->env, &c->deferred_timer, 0);
    }
}

static void on_call_timer(void *owner)
{
    struct client_call *call = owner;
    if (call->connection) {
        client_connection_call_due(call);
    } else {
        client_call_finish(call, call->err ? call->err : ERR_TIMEOUT, 0, NULL);
    }
}

void client_route(struct client *c, struct client_call *call, const void *request)
{
    struct node *n = NULL;
    if (!client_call_is_for_any(call)) {
        n = node_find(c, call->node_id);
    } else if (call->node_id == NODE_CONTROLLER && c->metadata.controller_id >= 0) {
        n = node_find(c, c->metadata.controller_id);
    }
    if (!n && client_call_is_for_any(call)) {
        n = node_pick(c, call->lane, NULL, 0);
    }
    if (n) {
        node_call(n, call, request);
    } else {
        client_defer(c, call, ERR_NOT_FOUND);
    }
}

static struct client_call *new_call(struct client *c, int32_t node_id, uint32_t lane,
                                    const struct schema *request_schema, int16_t max_version,
                                    uint64_t timeout_ns, client_done *done, void *user)
{
    const struct api *api = api_find(request_schema->key);
    assert(api && api->request == request_schema);
    struct client_call *call = client_call_new(c->env, &c->calls, api, done, user);
    call->node_id = node_id;
    call->lane = lane;
    call->max_version = max_version;
    call->timer.fire = on_call_timer;
    call->timer.owner = call;
    timer_arm_in(c->env, &call->timer, timeout_ns);
    return call;
}

void client_call_node(struct client *c, struct node *n, uint32_t lane,
                      const struct schema *request_schema, const void *request, int16_t max_version,
                      uint64_t timeout_ns, client_done *done, void *user)
{
    node_call(n, new_call(c, n->id, lane, request_schema, max_version, timeout_ns, done, user),
              request);
}

void client_call_lane(struct client *c, int32_t node_id, uint32_t lane,
                      const struct schema *request_schema, const void *request, int16_t max_version,
                      uint64_t timeout_ns, client_done *done, void *user)
{
    if (c->freeing) {
        return;
    }
    timeout_ns = timeout_ns ? timeout_ns : c->cfg.request_timeout_ns;
    if (node_id == NODE_ASK) {
        client_ask(c, request_schema, request, max_version, timeout_ns, done, user);
    } else {
        client_route(c,
                     new_call(c, node_id, lane, request_schema, max_version, timeout_ns, done,
                              user),
                     request);
    }
}

void client_call(struct client *c, int32_t node_id, const struct schema *request_schema,
                 const void *request, int16_t max_version, uint64_t timeout_ns, client_done *done,
                 void *user)
{
    client_call_lane(c, node_id, 0, request_schema, request, max_version, timeout_ns, done, user);
}

void client_cancel(struct client *c, const void *user)
{
    client_ask_cancel(c, user);
    /* A connection may end here and take other calls along: begin anew after each. */
    for (bool again = true; again;) {
        again = false;
        list_for_each(it, &c->calls) {
            struct client_call *call = list_entry(it, struct client_call, all);
            if (call->user != user || !call->done) {
                continue;
            }
            if (call->connection) {
                client_connection_drop_call(call);
            } else {
                client_call_drop(call);
            }
            again = true;
            break;
        }
    }
}

uint32_t client_lane_new(struct client *c)
{
    return c->lanes++;
}

void client_lane_free(struct client *c, uint32_t lane)
{
    list_for_each(it, &c->nodes) {
        node_lane_free(list_entry(it, struct node, link_in_client), lane);
    }
}

void client_flush_lane(struct client *c, int32_t node_id, uint32_t lane)
{
    struct node *n = node_find(c, node_id);
    if (n) {
        node_lane_flush(n, lane);
    }
}

uint64_t client_silence_ns(const struct client *c, int32_t node_id, uint32_t lane)
{
    const struct node *n = node_find(c, node_id);
    return n ? node_silence_ns(n, lane) : 0;
}

uint64_t client_watch_ns(uint64_t silence_ns, uint64_t patience_ns)
{
    if (silence_ns < patience_ns) {
        return patience_ns - silence_ns;
    }
    uint64_t ns = silence_ns / 8;
    ns = ns > 250 * NS_PER_MS ? ns : 250 * NS_PER_MS;
    return ns < NS_PER_S ? ns : NS_PER_S;
}

void client_give_up(struct client *c, int32_t node_id, uint32_t lane)
{
    struct node *n = node_find(c, node_id);
    if (n) {
        node_give_up(n, lane);
    }
}

uint64_t client_backoff_ns(const struct client *c, unsigned attempt)
{
    unsigned doublings = attempt > 1 ? attempt - 1 : 0;
    uint64_t ns = c->cfg.backoff_ns << (doublings < 20 ? doublings : 20);
    if (ns > c->cfg.backoff_max_ns) {
        ns = c->cfg.backoff_max_ns;
    }
    /* A fifth up or down, so that clients that failed together do not come back together. */
    return ns - ns / 5 + env_random(c->env) % (ns / 5 * 2 + 1);
}

uint64_t client_reconnect_ns(const struct client *c, unsigned attempt)
{
    uint64_t ns = client_backoff_ns(c, attempt);
    return ns < NS_PER_S ? ns : NS_PER_S;
}

/* --- looks ------------------------------------------------------------------------------------ */

struct env client_env(const struct client *c)
{
    return c->env;
}

const struct log *client_log(const struct client *c)
{
    return &c->log;
}

uint64_t client_request_timeout_ns(const struct client *c)
{
    return c->cfg.request_timeout_ns;
}

struct client_stats client_get_stats(const struct client *c)
{
    return c->stats;
}
