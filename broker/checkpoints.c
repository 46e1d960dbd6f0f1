/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoints.c - see checkpoints.h. Driven by timers, by who changes a log against its checkpoint,
 * and by the end of the node.
 *   (K1) A file is written by one at a time, who holds its lock.
 *   (K2) What a worker was given is never written over something newer: who writes at once waits
 *        for a worker that is at it, and overtakes one that has not begun.
 *   (K3) A log begins later only once that is on the disk.
 */
#include "broker/checkpoints.h"

#include "broker/broker.h"

#include <assert.h>

static const char *const names[] = { CHECKPOINT_RECOVERY_POINT, CHECKPOINT_LOG_START,
                                     CHECKPOINT_REPLICATION };

/* --- what they tell --------------------------------------------------------------------------- */

struct checkpoint_walk {
    const struct broker_dir *dir;
    enum checkpoint which;
    struct offset_checkpoint offsets;
    bool failed;
};

/* Of a damaged log that will be cut: what its disk had promised. Were it forgotten before, nobody
 * would look for what is missing at the next start. Nothing is appended meanwhile. */
static int64_t recovery_point_of(const struct partition *p)
{
    int64_t had =
        p->damage && p->role != PARTITION_LEADER
            ? offset_checkpoint_find(&p->dir->dir->recovery_points, p->topic->name, p->index)
            : -1;
    return had > p->log->recovery_point ? had : p->log->recovery_point;
}

static void note_offset(struct broker *b, struct partition *p, void *ctx)
{
    struct checkpoint_walk *w = ctx;
    (void)b;
    if (p->dir != w->dir) {
        return;
    }
    int64_t offset = w->which == RECOVERY_POINTS ? recovery_point_of(p)
                     : w->which == LOG_STARTS    ? partition_next_start(p)
                                                 : p->high_watermark;
    /* A start twice, which Kafka reads as once: one that rot has raised would hide records, and
     * nothing but this file tells of it. Also one where the first segment begins, as long as a
     * power loss may bring back those before it. */
    bool told =
        offset > p->log->segments[0]->base_offset || (offset > 0 && log_names_unsynced(p->log));
    int times = w->which != LOG_STARTS ? 1 : told ? 2 : 0;
    for (int i = 0; i < times; i++) {
        offset_checkpoint_add(&w->offsets, p->topic->name, p->index, offset);
    }
}

static struct offset_checkpoint offsets_of(struct broker *b, const struct broker_dir *dir,
                                           enum checkpoint which)
{
    struct checkpoint_walk w = { .dir = dir, .which = which };
    topics_each_log(b, note_offset, &w);
    return w.offsets;
}

/* --- at once ---------------------------------------------------------------------------------- */

/* What is wanted is on the disk, and cannot come back after a crash; or w->failed. */
static void begin_where_wanted(struct broker *b, struct partition *p, void *ctx)
{
    const struct checkpoint_walk *w = ctx;
    struct error err;
    if (p->dir != w->dir || partition_next_start(p) == p->log->start_offset ||
        (w->failed && p->role != PARTITION_LEADER)) {
        return;
    }
    if (log_advance_start(p->log, partition_next_start(p), &err)) {
        log_error(&b->log, "records could not be deleted", KV_STR("topic", p->topic->name),
                  KV_INT("partition", p->index), KV_STR("error", err.text));
    }
    partition_grew(b, p);
}

static enum err write_file(struct checkpoint_file *f, const struct offset_checkpoint *offsets,
                           struct error *err)
{
    pthread_mutex_lock(&f->lock);
    f->overtaken = f->under_way;
    enum err e = log_dir_write(f->dir, names[f->which], offsets, err);
    pthread_mutex_unlock(&f->lock);
    return e;
}

static enum err write_now(struct broker *b, struct broker_dir *dir, enum checkpoint which,
                          struct error *err)
{
    struct checkpoint_file *f = &dir->checkpoints[which];
    struct offset_checkpoint offsets = offsets_of(b, dir, which);
    enum err e = write_file(f, &offsets, err);
    offset_checkpoint_deinit(&f->told);
    f->is_told = !e && which == LOG_STARTS;
    if (f->is_told) {
        f->told = offsets;
    } else {
        offset_checkpoint_deinit(&offsets);
    }
    return e;
}

static enum err write_all(struct broker *b, enum checkpoint which, struct error *err)
{
    enum err first = ERR_OK;
    for (uint32_t i = 0; b->logs_open && i < b->dir_count; i++) {
        struct error why;
        enum err e = write_now(b, &b->dirs[i], which, &why);
        if (e && !first) {
            first = e;
            err_set(err, e, "%s", why.text);
        }
        if (which == LOG_STARTS) {
            struct checkpoint_walk w = { .dir = &b->dirs[i], .failed = e != ERR_OK };
            topics_each_log(b, begin_where_wanted, &w);
        }
    }
    if (!first && b->logs_open) {
        b->recovery_points_stale &= which != RECOVERY_POINTS;
        b->log_starts_stale &= which != LOG_STARTS;
    }
    return first;
}

enum err checkpoints_correct(struct broker *b, struct error *err)
{
    enum err e = b->recovery_points_stale ? write_all(b, RECOVERY_POINTS, err) : ERR_OK;
    return !e && b->log_starts_stale ? write_all(b, LOG_STARTS, err) : e;
}

static void tell_failure(struct broker *b, const struct error *err)
{
    log_warn(&b->log, "a checkpoint could not be written; it is tried again later",
             KV_STR("error", err->text));
}

bool checkpoints_write_log_starts(struct broker *b)
{
    struct error err;
    enum err e = write_all(b, LOG_STARTS, &err);
    if (e) {
        tell_failure(b, &err);
    }
    return !e;
}

enum err checkpoints_write_all(struct broker *b, struct error *err)
{
    enum err e = ERR_OK;
    for (int which = 0; !e && which < CHECKPOINTS; which++) {
        e = write_all(b, (enum checkpoint)which, err);
    }
    return e;
}

/* --- by a worker ------------------------------------------------------------------------------ */

static void run(struct work *w)
{
    struct checkpoint_file *f = container_of(w, struct checkpoint_file, work);
    pthread_mutex_lock(&f->lock);
    f->status = ERR_OK;
    if (!f->overtaken) {
        f->status = log_dir_write(f->dir, names[f->which], &f->offsets, &f->err);
    }
    pthread_mutex_unlock(&f->lock);
}

static void done(struct work *w)
{
    struct checkpoint_file *f = container_of(w, struct checkpoint_file, work);
    f->under_way = false;
    if (f->status) {
        tell_failure(f->broker, &f->err);
    } else if (f->which == LOG_STARTS && !f->overtaken) {
        offset_checkpoint_deinit(&f->told);
        f->told = f->offsets;
        f->is_told = true;
        f->offsets = (struct offset_checkpoint){ 0 };
    }
    offset_checkpoint_deinit(&f->offsets);
    broker_check_drained(f->broker);
}

/* One that is under way still is enough for now. */
static void write_later(struct broker *b, enum checkpoint which)
{
    for (uint32_t i = 0; b->logs_open && i < b->dir_count; i++) {
        struct checkpoint_file *f = &b->dirs[i].checkpoints[which];
        if (!f->under_way) {
            f->offsets = offsets_of(b, &b->dirs[i], which);
            f->under_way = true;
            f->overtaken = false;
            f->work = (struct work){ .run = run, .done = done };
            env_work(b->env, &f->work);
        }
    }
}

static bool starts_are_told(struct broker *b)
{
    bool told = true;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        const struct checkpoint_file *f = &b->dirs[i].checkpoints[LOG_STARTS];
        struct offset_checkpoint offsets = offsets_of(b, &b->dirs[i], LOG_STARTS);
        told &= f->is_told && offset_checkpoint_equals(&f->told, &offsets);
        offset_checkpoint_deinit(&offsets);
    }
    return told;
}

static void note_waiting(struct broker *b, struct partition *p, void *ctx)
{
    bool *any = ctx;
    (void)b;
    *any |= partition_next_start(p) != p->log->start_offset;
}

/* Whether a log is to begin later, and has not been able to (K3). */
static bool any_start_waits(struct broker *b)
{
    bool any = false;
    topics_each_log(b, note_waiting, &any);
    return any;
}

/* --- timers ----------------------------------------------------------------------------------- */

static void on_offsets(void *owner)
{
    struct broker *b = owner;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        flusher_kick(&b->dirs[i].flusher); /* with page-cache nobody else asks for it */
    }
    write_later(b, RECOVERY_POINTS);
    if (any_start_waits(b)) {
        (void)checkpoints_write_log_starts(b);
    } else if (!starts_are_told(b)) {
        write_later(b, LOG_STARTS);
    }
    timer_arm_in(b->env, &b->checkpoint_timer,
                 (uint64_t)b->config->log_flush_offset_checkpoint_interval_ms * NS_PER_MS);
}

static void on_high_watermarks(void *owner)
{
    struct broker *b = owner;
    if (b->high_watermarks_moved) {
        b->high_watermarks_moved = false;
        write_later(b, HIGH_WATERMARKS);
    }
    timer_arm_in(b->env, &b->high_watermark_timer,
                 (uint64_t)b->config->replica_high_watermark_checkpoint_interval_ms * NS_PER_MS);
}

void checkpoints_start_timers(struct broker *b)
{
    const struct broker_config *c = b->config;
    b->checkpoint_timer = (struct timer){ .fire = on_offsets, .owner = b };
    b->high_watermark_timer = (struct timer){ .fire = on_high_watermarks, .owner = b };
    timer_arm_in(b->env, &b->checkpoint_timer,
                 (uint64_t)c->log_flush_offset_checkpoint_interval_ms * NS_PER_MS);
    timer_arm_in(b->env, &b->high_watermark_timer,
                 (uint64_t)c->replica_high_watermark_checkpoint_interval_ms * NS_PER_MS);
}

void checkpoints_stop_timers(struct broker *b)
{
    timer_cancel(b->env, &b->checkpoint_timer);
    timer_cancel(b->env, &b->high_watermark_timer);
}

/* --- life ------------------------------------------------------------------------------------- */

void checkpoints_init(struct broker_dir *dir)
{
    for (int which = 0; which < CHECKPOINTS; which++) {
        struct checkpoint_file *f = &dir->checkpoints[which];
        *f = (struct checkpoint_file){ .broker = dir->broker,
                                       .dir = dir->dir,
                                       .which = (enum checkpoint)which };
        pthread_mutex_init(&f->lock, NULL);
    }
}

void checkpoints_deinit(struct broker_dir *dir)
{
    for (int which = 0; which < CHECKPOINTS; which++) {
        struct checkpoint_file *f = &dir->checkpoints[which];
        assert(!f->under_way);
        offset_checkpoint_deinit(&f->told);
        pthread_mutex_destroy(&f->lock);
    }
}

bool checkpoints_are_under_way(const struct broker_dir *dir)
{
    bool any = false;
    for (int which = 0; which < CHECKPOINTS; which++) {
        any |= dir->checkpoints[which].under_way;
    }
    return any;
}
