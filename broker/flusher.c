/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flusher.c - see flusher.h. Driven by appends and by its own worker's end.
 *   (F1) At most one flush of a directory runs.
 *   (F2) A partition is in `dirty` from its append until a flush takes it.
 *   (F3) A failed sync is never tried again: the log goes offline (log_flush_done).
 *   (F4) items is not touched by the loop while lanes are at work, but for partitions that go.
 */
#include "broker/flusher.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdatomic.h>

static void run(struct work *w)
{
    struct flusher *f = container_of(w, struct flush_lane, work)->flusher;
    for (;;) {
        uint32_t i = atomic_fetch_add(&f->next, 1);
        if (i >= f->count) {
            return;
        }
        f->items[i].status = log_flush_run(f->items[i].flush);
    }
}

static void flush_failed(struct broker *b, struct partition *p, enum err status)
{
    b->metrics.flush_failures++;
    log_error(&b->log,
              status == ERR_NO_SPACE ? "a flush failed; it is tried again when there is room"
                                     : "a flush failed; the partition is offline",
              KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
              KV_STR("error", err_text(status)));
    partition_fail_waiters(p, KAFKA_KAFKA_STORAGE_ERROR);
    partition_advance(b, p); /* a follower that waited for it goes on with its others */
}

static void done(struct work *w)
{
    struct flusher *f = container_of(w, struct flush_lane, work)->flusher;
    struct broker *b = f->broker;
    if (--f->lanes_left > 0) {
        return;
    }
    histogram_add_ns(&b->metrics.flush_time, env_mono_ns(b->env) - f->began_ns);
    b->metrics.flushes++;
    uint32_t count = f->count;
    f->running = false;
    for (uint32_t i = 0; i < count; i++) {
        struct flush_item *item = &f->items[i];
        struct partition *p = item->partition;
        log_flush_done(p ? p->log : NULL, item->flush, item->status);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct partition *p = f->items[i].partition;
        if (p && f->items[i].status) {
            flush_failed(b, p, f->items[i].status);
        } else if (p) {
            partition_advance(b, p);
        }
    }
    f->count = 0;
    if (!list_is_empty(&f->dirty) && b->config->durability == DURABILITY_FSYNC) {
        flusher_kick(f);
    }
    broker_check_drained(b);
}

static void take(struct flusher *f, struct partition *p)
{
    struct log_flush *flush = NULL;
    struct error err;
    enum err e = log_flush_begin(p->log, &flush, &err);
    if (e) {
        flush_failed(f->broker, p, e);
        if (e == ERR_NO_SPACE) {
            flusher_add(f, p, false); /* the log is as it was: again when there is room */
            disk_space_failed(f->broker, p->dir);
        }
        return;
    }
    if (!flush) {
        partition_advance(f->broker, p);
        return;
    }
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->items = mem_rearray(f->items, f->cap, sizeof(*f->items));
    }
    f->items[f->count++] = (struct flush_item){ .partition = p, .flush = flush };
}

void flusher_kick(struct flusher *f)
{
    if (f->running) {
        return;
    }
    assert(f->count == 0);
    timer_cancel(f->broker->env, &f->kick);
    f->running = true; /* advances may add to dirty again; they wait for the next round */
    struct list_node batch;
    list_init(&batch);
    for (struct list_node *node; (node = list_pop_front(&f->dirty));) {
        list_push_back(&batch, node);
    }
    for (struct list_node *node; (node = list_pop_front(&batch));) {
        take(f, list_entry(node, struct partition, dirty));
    }
    if (f->count == 0) {
        f->running = false;
        return;
    }
    f->began_ns = env_mono_ns(f->broker->env);
    atomic_store(&f->next, 0);
    f->lanes_left = f->lanes_run = f->count < FLUSH_LANES ? f->count : FLUSH_LANES;
    for (uint32_t i = 0, n = f->lanes_left; i < n; i++) {
        f->lanes[i] =
            (struct flush_lane){ f, { .run = run, .done = done, .together = &f->lanes_run } };
        env_work(f->broker->env, &f->lanes[i].work);
    }
}

static void on_kick(void *owner)
{
    flusher_kick(owner);
}

void flusher_init(struct flusher *f, struct broker *b)
{
    *f = (struct flusher){ .broker = b, .kick = { .fire = on_kick, .owner = f } };
    list_init(&f->dirty);
}

void flusher_deinit(struct flusher *f)
{
    assert(!f->running);
    timer_cancel(f->broker->env, &f->kick);
    mem_free(f->items);
    f->items = NULL;
}

void flusher_add(struct flusher *f, struct partition *p, bool now)
{
    if (list_is_empty(&p->dirty)) {
        list_push_back(&f->dirty, &p->dirty);
    }
    if (now && !f->running && !timer_is_armed(&f->kick)) {
        timer_arm_in(f->broker->env, &f->kick, 0);
    }
}

void flusher_forget(struct flusher *f, struct partition *p)
{
    list_remove(&p->dirty);
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->items[i].partition == p) {
            f->items[i].partition = NULL;
        }
    }
}
