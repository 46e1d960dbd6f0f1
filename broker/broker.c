/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.c - the life of a node: directories, start, timers, drain, shutdown. Driven by runtime.c
 * (or a test, or the simulator).
 *   (B1) The clean-shutdown marker is written only after every log was shut down and synced.
 *   (B2) A node is drained only when its connections are closed: none outlives it.
 */
#include "broker/broker.h"

#include "broker/api/fetch.h"
#include "broker/standalone.h"
#include "broker/quorum_config.h"
#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

enum { BOOT_BYTES_MAX = 4 << 20, UPKEEP_SECONDS = 5 };
#define DRAIN_NS       (2ull * NS_PER_S)
#define DRAIN_STUCK_NS (50ull * NS_PER_MS) /* longer than with a quorum that is well */

/* --- small things ----------------------------------------------------------------------------- */

struct uuid broker_random_uuid(struct broker *b)
{
    struct uuid id;
    do {
        for (size_t i = 0; i < 2; i++) {
            uint64_t r = env_random(b->env);
            memcpy(id.bytes + i * 8, &r, 8);
        }
        id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
        id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    } while (id.bytes[0] >> 2 ==
             62); /* its text would begin with '-', which tools take for a flag */
    return id;
}

struct group_now broker_now(const struct broker *b)
{
    return (struct group_now){ env_mono_ns(b->env), env_wall_ms(b->env) };
}

/* --- removing directories on a worker --------------------------------------------------------- */

struct removal {
    struct work work;
    struct broker *broker;
    struct broker_dir *dir;
    uint32_t rename; /* its number in dir */
    char *path;
    enum err status;
    struct error err;
};

/* First the new name: a power loss that undid it, and not the removals, would leave the rest of a
 * log where a log is looked for. One sync is for all that were renamed before. */
static enum err sync_name(struct removal *r)
{
    const struct log_dir *dir = r->dir->dir;
    if (atomic_load(&r->dir->renames_synced) >= r->rename) {
        return ERR_OK;
    }
    uint32_t renames = atomic_load(&r->dir->renames);
    enum err e = dir->vfs->ops->sync_dir(dir->vfs, dir->path);
    if (e) {
        return err_set(&r->err, e, "sync %s: %s", dir->path, err_text(e));
    }
    atomic_store(&r->dir->renames_synced, renames);
    return ERR_OK;
}

static void removal_run(struct work *w)
{
    struct removal *r = container_of(w, struct removal, work);
    enum err e = sync_name(r);
    r->status = e ? e : vfs_remove_dir(r->broker->vfs, r->path, &r->err);
}

static void removal_done(struct work *w)
{
    struct removal *r = container_of(w, struct removal, work);
    struct broker *b = r->broker;
    if (r->status) {
        log_warn(&b->log,
                 "a deleted partition's files could not be removed; the next start tries again",
                 KV_STR("dir", r->path), KV_STR("error", r->err.text));
    }
    b->removals--;
    mem_free(r->path);
    mem_free(r);
    broker_check_drained(b);
}

void broker_remove_dir_later(struct broker *b, struct broker_dir *dir, const char *path)
{
    struct removal *r = mem_zalloc(sizeof(*r));
    r->work = (struct work){ .run = removal_run, .done = removal_done };
    r->broker = b;
    r->dir = dir;
    r->rename = atomic_fetch_add(&dir->renames, 1) + 1;
    r->path = mem_strdup(path);
    b->removals++;
    env_work(b->env, &r->work);
}

/* --- timers ----------------------------------------------------------------------------------- */

static void retain(struct broker *b, struct partition *p, void *ctx)
{
    bool *moved = ctx;
    uint32_t deleted = 0;
    struct error err;
    if (p->log->offline) {
        return;
    }
    if (log_retain(p->log, env_wall_ms(b->env), p->high_watermark, &deleted, &err)) {
        log_error(&b->log, "retention failed", KV_STR("topic", p->topic->name),
                  KV_INT("partition", p->index), KV_STR("error", err.text));
    }
    if (deleted) {
        b->metrics.segments_deleted += deleted;
        log_info(&b->log, "deleted old segments", KV_STR("topic", p->topic->name),
                 KV_INT("partition", p->index), KV_UINT("segments", deleted),
                 KV_INT("log_start_offset", p->log->start_offset));
        partition_grew(b, p);
        flusher_add(&p->dir->flusher, p, b->config->durability == DURABILITY_FSYNC);
        *moved = true;
    }
    producer_state_expire(&p->log->producers, env_wall_ms(b->env),
                          b->config->producer_id_expiration_ms);
}

static void on_retention(void *owner)
{
    struct broker *b = owner;
    bool moved = false;
    topics_each_log(b, retain, &moved);
    if (moved) { /* before anybody is told where the logs begin now */
        (void)checkpoints_write_log_starts(b);
    }
    timer_arm_in(b->env, &b->retention_timer,
                 (uint64_t)b->config->log_retention_check_interval_ms * NS_PER_MS);
}

static void upkeep(struct broker *b, struct partition *p, void *ctx)
{
    int64_t next_due_ms;
    struct error err;
    (void)ctx;
    if (p->log->doomed_count == 0 || p->log->offline) {
        return;
    }
    if (log_unlink_due(p->log, env_wall_ms(b->env), &next_due_ms, &err)) {
        log_warn(&b->log, "a deleted segment could not be removed", KV_STR("topic", p->topic->name),
                 KV_INT("partition", p->index), KV_STR("error", err.text));
    }
}

static void on_upkeep(void *owner)
{
    struct broker *b = owner;
    topics_each_log(b, upkeep, NULL);
    quorum_upkeep(b);
    connections_trim(&b->connections);
    timer_arm_in(b->env, &b->upkeep_timer, (uint64_t)UPKEEP_SECONDS * NS_PER_S);
}

static void start_timers(struct broker *b)
{
    const struct broker_config *c = b->config;
    b->retention_timer = (struct timer){ .fire = on_retention, .owner = b };
    b->upkeep_timer = (struct timer){ .fire = on_upkeep, .owner = b };
    uint64_t first_ns = 30ull * NS_PER_S; /* Kafka's log.initial.task.delay.ms */
    uint64_t retention_ns = (uint64_t)c->log_retention_check_interval_ms * NS_PER_MS;
    timer_arm_in(b->env, &b->retention_timer, retention_ns < first_ns ? retention_ns : first_ns);
    checkpoints_start_timers(b);
    timer_arm_in(b->env, &b->upkeep_timer, (uint64_t)UPKEEP_SECONDS * NS_PER_S);
}

/* --- start ------------------------------------------------------------------------------------ */

enum err broker_open_logs(struct broker *b, struct error *err)
{
    enum err e = topics_find_all_logs(b, err);
    e = e ? e : topics_open_logs(b, err);
    if (!e) {
        b->logs_open = true;
        topics_activate(b);
    }
    return e;
}

static enum err start(struct broker *b, const char *default_dir, struct error *err)
{
    enum err e = broker_open_dirs(b, default_dir, err);
    if (!e) {
        e = quorum_start(b, b->metadata_dir, err);
    }
    if (!e && quorum_is_sole_voter(b)) {
        e = standalone_register(b, err);
        if (!e) {
            e = broker_open_logs(b, err);
        }
    }
    return e;
}

enum err broker_start(const struct broker_args *args, struct broker **ret_broker, struct error *err)
{
    struct broker *b = mem_zalloc(sizeof(*b));
    dynamic_config_init(b, args->config);
    b->env = args->env;
    b->vfs = args->vfs;
    b->log = args->log;
    b->node_id = (int32_t)args->config->node_id;
    b->listeners = args->listeners;
    b->listener_count = args->listener_count;
    b->host_name = args->host_name;
    b->events = args->events;
    b->events_ctx = args->events_ctx;
    for (uint32_t i = 0; i < b->listener_count; i++) {
        struct broker_listener *l = &b->listeners[i];
        l->broker = b;
        l->kind = quorum_config_is_controller_listener(b->config, slice_str(l->name))
                      ? LISTENER_CONTROLLER
                      : LISTENER_BROKER;
    }
    arena_init(&b->arena, BOOT_BYTES_MAX);
    list_init(&b->fetches);
    b->incarnation = broker_random_uuid(b);
    b->hash_seed = env_random(b->env);
    file_cache_init(&b->files, b->vfs, (uint32_t)b->config->files_open_max);
    image_init(&b->image, b->hash_seed);
    topics_init(b);
    replica_fetchers_init(b);
    throttle_configure(b);
    isr_keeper_init(b);
    dir_assigner_init(b);
    log_opener_init(b);
    disk_space_init(b);
    connections_init(&b->connections, b);
    peers_init(b);
    controller_channel_init(b);
    lifecycle_init(b);
    controller_registrar_init(b);
    producer_ids_init(b);
    fetch_sessions_init(&b->sessions, b);
    groups_init(b);
    quorum_init(b);
    controller_node_init(b);
    controller_duties_init(b);
    enum err e = quorum_config_parse(b->config, &b->arena, &b->roles, err);
    if (!e) {
        e = start(b, args->default_dir, err);
    }
    if (e) {
        broker_free(b);
        return e;
    }
    start_timers(b);
    lifecycle_start(b);
    controller_duties_run(b);
    *ret_broker = b;
    return ERR_OK;
}

/* --- the end ---------------------------------------------------------------------------------- */

static bool is_quiet(const struct broker *b)
{
    bool fsync = b->config->durability == DURABILITY_FSYNC;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        const struct flusher *f = &b->dirs[i].flusher;
        if (fsync ? !flusher_is_idle(f) : f->running) {
            return false; /* somebody waits for it, or its ticket holds files */
        }
        if (checkpoints_are_under_way(&b->dirs[i])) {
            return false;
        }
    }
    return controller_node_is_idle(b) && quorum_is_idle(b) && b->removals == 0;
}

void broker_check_drained(struct broker *b)
{
    if (b->state == BROKER_DRAINING && b->hung_up && is_quiet(b)) {
        b->state = BROKER_STOPPED;
        checkpoints_stop_timers(b); /* nothing new begins */
        b->drained(b->drained_ctx);
    }
}

static void on_drain(void *owner)
{
    struct broker *b = owner;
    bool flushing = false;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        flushing |=
            !flusher_is_idle(&b->dirs[i].flusher) && b->config->durability == DURABILITY_FSYNC;
    }
    uint64_t now = env_mono_ns(b->env);
    bool late = now >= b->drain_deadline_ns;
    if (!quorum_is_sole_voter(b)) {
        /* Of what a leader has begun, nothing is committed without a majority. */
        bool stuck = now + DRAIN_NS - b->drain_deadline_ns >= DRAIN_STUCK_NS;
        bool gone = stuck && quorum_majority_is_gone(b);
        if (controller_node_is_idle(b) || gone || late) {
            quorum_shutdown(b); /* whoever fetches from here goes to the next leader */
        }
        flushing |= !gone && !(controller_node_is_idle(b) && quorum_is_shut_down(b));
    }
    if (!late && (flushing || !connections_are_idle(&b->connections))) {
        timer_arm_in(b->env, &b->drain_timer, 5ull * NS_PER_MS);
        return;
    }
    connections_close_all(b);
    b->hung_up = true;
    broker_check_drained(b);
}

static void drain_now(struct broker *b)
{
    b->state = BROKER_DRAINING;
    if (b->events.draining) {
        b->events.draining(b->events_ctx);
    }
    b->drain_deadline_ns = env_mono_ns(b->env) + DRAIN_NS;
    b->drain_timer = (struct timer){ .fire = on_drain, .owner = b };
    topics_stop_following(b);
    fetches_wake_all(b);
    timer_arm_in(b->env, &b->drain_timer, 0);
}

void broker_drain(struct broker *b, void (*drained)(void *ctx), void *ctx)
{
    b->drained = drained;
    b->drained_ctx = ctx;
    lifecycle_shut_down(b, drain_now);
}

struct shutdown_walk {
    enum err first;
    struct error *err;
};

static void shut_log(struct broker *b, struct partition *p, void *ctx)
{
    struct shutdown_walk *w = ctx;
    struct error why;
    (void)b;
    enum err e = p->log->offline ? p->log->offline : log_shutdown(p->log, &why);
    if (e && !w->first) {
        w->first = e;
        err_set(w->err, e, "%s-%d: %s", p->topic->name, (int)p->index,
                p->log->offline ? "it is offline" : why.text);
    }
}

/* (B1) A run that ended before it had opened its logs leaves the directory as it found it. */
static enum err mark_clean(const struct broker *b, struct log_dir *dir, struct error *err)
{
    if (b->roles.broker && !b->logs_open && !dir->clean) {
        return ERR_OK;
    }
    return log_dir_mark_clean(dir, b->broker_epoch > 0 ? b->broker_epoch : dir->broker_epoch, err);
}

enum err broker_shutdown(struct broker *b, struct error *err)
{
    struct shutdown_walk w = { .err = err };
    topics_each_log(b, shut_log, &w);
    enum err e = w.first;
    e = e ? e : checkpoints_write_all(b, err);
    if (!e) {
        e = metadata_log_shutdown(b, err);
    }
    for (uint32_t i = 0; !e && i < b->dir_count; i++) {
        e = mark_clean(b, b->dirs[i].dir, err);
    }
    return e;
}

static void cancel_timers(struct broker *b)
{
    timer_cancel(b->env, &b->retention_timer);
    checkpoints_stop_timers(b);
    timer_cancel(b->env, &b->upkeep_timer);
    timer_cancel(b->env, &b->drain_timer);
}

void broker_free(struct broker *b)
{
    b->state = BROKER_STOPPED; /* what ends now does not end a drain: nobody is to be told */
    cancel_timers(b);
    topics_retire(b); /* it may be a kill: nobody will flush for those who wait */
    groups_deinit(b);
    isr_keeper_deinit(b);
    dir_assigner_deinit(b);
    log_opener_deinit(b);
    disk_space_deinit(b);
    replica_fetchers_deinit(b);
    controller_duties_deinit(b);
    quorum_deinit(b); /* changes that wait end now, and tell who asked for them */
    controller_node_deinit(b);
    lifecycle_deinit(b);
    controller_registrar_deinit(b);
    producer_ids_deinit(b);
    controller_channel_deinit(b);
    peers_deinit(b);
    connections_deinit(b);
    fetch_sessions_deinit(&b->sessions);
    topics_deinit(b);
    metadata_log_deinit(b);
    image_deinit(&b->image);
    broker_close_dirs(b);
    file_cache_deinit(&b->files);
    dynamic_config_deinit(b);
    arena_deinit(&b->arena);
    mem_free(b);
}
