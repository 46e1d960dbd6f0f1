/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_node.c - see sim_node.h. Driven by the cluster's plan (sim_cluster.c) and its faults.
 *   (K1) A killed node writes nothing and sends nothing any more: its disk and its host are off
 *        before it is taken apart.
 *   (K2) The disk outlives the broker; a power loss is applied to it when every file is closed.
 */
#include "tests/sim/sim_node.h"

#include "broker/runtime.h"
#include "protocol/base/alloc.h"

#include <assert.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

/* --- life ------------------------------------------------------------------------------------- */

static int64_t disk_wall_ms(void *ctx)
{
    return sim_host_wall_ms(((struct sim_node *)ctx)->host);
}

static void on_end(void *owner);

/* The disk has died inside a call of the broker: the process is dead from here on. */
static void disk_died(void *ctx)
{
    struct sim_node *n = ctx;
    n->host->running = false;
    sim_event_arm(n->world, &n->end, n->world->now_ns);
}

static void set(struct sim_node *n, const char *name, const char *value)
{
    struct error err;
    if (config_set(&broker_config_table, name, slice_str(value), &n->arena, &n->config, &err)) {
        sim_fail(n->world, "the simulator's configuration is refused: %s", err.text);
    }
}

static void configure(struct sim_node *n, const struct sim_setting *settings)
{
    struct error err;
    char text[32];
    if (config_load(&broker_config_table, NULL, &n->arena, NULL, NULL, &n->config, &err)) {
        sim_fail(n->world, "the default configuration is refused: %s", err.text);
    }
    snprintf(text, sizeof(text), "%d", (int)n->id);
    set(n, "node.id", text);
    set(n, "log.dirs", SIM_NODE_DIR);
    for (; settings && settings->name; settings++) {
        set(n, settings->name, settings->value);
    }
}

void sim_node_init(struct sim_node *n, struct sim_world *w, int32_t id, const char *name,
                   const char *address, const struct sim_setting *settings)
{
    *n = (struct sim_node){ .world = w, .id = id };
    n->host = sim_host_new(w, name, address);
    n->host->running = false;
    sim_disk_init(&n->disk, rng_next(&w->rng));
    n->disk.wall_ms = disk_wall_ms;
    n->disk.died = disk_died;
    n->disk.ctx = n;
    n->host->vfs = &n->disk.vfs;
    n->end = (struct sim_event){ .fire = on_end, .owner = n, .kind = SIM_EVENT_FAULT };
    arena_init(&n->arena, CONFIG_BYTES_MAX);
    configure(n, settings);
}

void sim_node_deinit(struct sim_node *n)
{
    assert(!n->broker);
    sim_event_cancel(n->world, &n->end);
    sim_disk_deinit(&n->disk);
    arena_deinit(&n->arena);
}

static void listen_all(struct sim_node *n)
{
    for (uint32_t i = 0; i < n->listener_count; i++) {
        struct broker_listener *l = &n->listeners[i];
        n->sockets[i] = (struct sim_listener){ .host = n->host,
                                               .port = l->port,
                                               .events = &connection_events,
                                               .accepted = connection_accept,
                                               .owner = l };
        sim_listen(n->world, &n->sockets[i]);
        l->open = &n->sockets[i];
    }
}

static void close_listeners(struct sim_node *n)
{
    for (uint32_t i = 0; i < n->listener_count; i++) {
        if (n->listeners && n->listeners[i].open) {
            sim_listener_close(&n->sockets[i]);
            n->listeners[i].open = NULL;
        }
    }
}

static void on_ready(void *ctx)
{
    struct sim_node *n = ctx;
    sim_trace(n->world, n->host, "is running");
}

static void on_failed(void *ctx, const struct error *why)
{
    struct sim_node *n = ctx;
    if (!n->host->running) {
        return; /* its disk died under it: it is dead already */
    }
    sim_trace(n->world, n->host, "cannot go on: %s", why->text);
    n->refused = true;
    n->why = *why;
    sim_event_arm(n->world, &n->end, n->world->now_ns);
}

static void on_draining(void *ctx)
{
    close_listeners(ctx);
}

void sim_node_format(struct sim_node *n, const char *cluster_id)
{
    struct log_dir *dir;
    struct error err;
    struct uuid id;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        id.bytes[i] = (uint8_t)sim_random(n->world, 256);
    }
    if (log_dir_open(&n->disk.vfs, SIM_NODE_DIR, &dir, &err) ||
        log_dir_format(dir, cluster_id, n->id, &id, &err)) {
        sim_fail(n->world, "the disk cannot be formatted: %s", err.text);
    }
    log_dir_free(dir);
    sim_disk_sync_all(&n->disk);
}

void sim_node_format_quorum(struct sim_node *n, const char *cluster_id, enum format_quorum quorum,
                            const char *initial_controllers)
{
    struct error err;
    struct buf out = { 0 };
    enum err e =
        runtime_listeners(&n->config, NULL, &n->arena, &n->listeners, &n->listener_count, &err);
    struct format_request request = { .config = &n->config,
                                      .listeners = n->listeners,
                                      .listener_count = n->listener_count,
                                      .default_dir = SIM_NODE_DIR,
                                      .cluster_id = cluster_id,
                                      .quorum = quorum,
                                      .initial_controllers = initial_controllers };
    e = e ? e : format_storage(n->host->env, &n->disk.vfs, &request, &out, &err);
    if (e) {
        sim_fail(n->world, "the disk cannot be formatted: %s", err.text);
    }
    buf_deinit(&out);
    sim_disk_sync_all(&n->disk);
}

enum err sim_node_start(struct sim_node *n, struct error *err)
{
    assert(n->state == SIM_NODE_DOWN && !n->broker);
    n->disk.off = false;
    n->starts++;
    sim_host_boot(n->host);
    struct broker_args args = { .config = &n->config,
                                .env = n->host->env,
                                .vfs = &n->disk.vfs,
                                .log = { .sink = n->host->sink, .component = "broker" },
                                .default_dir = SIM_NODE_DIR,
                                .host_name = n->host->address,
                                .events = { on_ready, on_failed, on_draining },
                                .events_ctx = n };
    enum err e =
        runtime_listeners(&n->config, NULL, &n->arena, &n->listeners, &n->listener_count, err);
    if (e) {
        sim_fail(n->world, "the simulator's listeners are refused: %s", err->text);
    }
    assert(n->listener_count <= SIM_LISTENERS_MAX);
    args.listeners = n->listeners;
    args.listener_count = n->listener_count;
    e = broker_start(&args, &n->broker, err);
    sim_trace_log(n->host);
    if (e) {
        sim_trace(n->world, n->host, "does not start: %s", err->text);
        n->host->running = false;
        sim_host_bury(n->host);
        return e;
    }
    n->state = SIM_NODE_UP;
    n->shut_down = n->refused = false;
    if (n->host->running) { /* it may have died with its last write */
        listen_all(n);
        sim_host_turn_ends(n->host);
    }
    sim_trace(n->world, n->host, "is up");
    return ERR_OK;
}

/* Takes the broker apart; nothing of it reaches the world. */
static void take_apart(struct sim_node *n, bool power_loss)
{
    struct broker *b = n->broker;
    close_listeners(n);
    n->disk.off = true;
    sim_event_cancel(n->world, &n->end);
    sim_host_kill(n->host, power_loss);
    connections_close_all(b);
    sim_host_end_jobs(n->host);
    sim_host_turn_ends(n->host);
    n->broker = NULL;
    broker_free(b);
    sim_host_bury(n->host);
    n->state = SIM_NODE_DOWN;
    n->disk.faults.ops_until_death = 0;
    if (power_loss) {
        sim_disk_power_loss(&n->disk);
    }
    sim_trace_log(n->host);
}

void sim_node_kill(struct sim_node *n, bool power_loss)
{
    if (n->broker) {
        sim_trace(n->world, n->host, power_loss ? "loses its power" : "is killed");
        n->kills++;
        take_apart(n, power_loss);
    }
}

void sim_node_kill_soon(struct sim_node *n, uint32_t changes, bool power_loss)
{
    n->disk.faults.ops_until_death = changes;
    n->power_fails = power_loss;
}

static void drained(void *ctx)
{
    struct sim_node *n = ctx;
    struct error err;
    if (n->broker->connections.count) {
        sim_fail(n->world, "%u connections of a node that is drained",
                 n->broker->connections.count);
    }
    n->shut_down = broker_shutdown(n->broker, &err) == ERR_OK;
    if (!n->shut_down) {
        sim_trace(n->world, n->host, "cannot end in order: %s", err.text);
    }
    sim_event_arm(n->world, &n->end, n->world->now_ns);
}

static void on_end(void *owner)
{
    struct sim_node *n = owner;
    if (!n->broker) {
        return;
    }
    if (n->disk.off) {
        sim_node_kill(n, n->power_fails);
    } else {
        sim_trace(n->world, n->host, n->refused ? "ends by itself" : "has stopped");
        take_apart(n, false);
    }
    n->ended(n, n->ended_ctx);
}

void sim_node_stop(struct sim_node *n)
{
    if (n->state == SIM_NODE_UP && n->host->running) {
        sim_trace(n->world, n->host, "is asked to stop");
        n->state = SIM_NODE_STOPPING;
        broker_drain(n->broker, drained, n);
        sim_host_turn_ends(n->host);
    }
}
