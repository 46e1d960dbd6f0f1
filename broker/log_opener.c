/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_opener.c - see log_opener.h. Driven by quorum.c, when the image has this run's registration,
 * and by its own timer.
 *   (L1) A turn opens LOGS_MAX logs at most. The loop's clock stands still within a turn: time is
 *        no bound here.
 *   (L2) Topics may come, grow and go between two turns: they are looked up by id at each, and what
 *        came meanwhile is opened with the last one.
 *   (L3) Until the end no partition has a role, and no checkpoint of offsets is written: it would
 *        lack the logs that are still to come.
 */
#include "broker/log_opener.h"

#include "broker/broker.h"
#include "broker/quorum_internal.h"
#include "protocol/base/alloc.h"

enum { LOGS_MAX = 32 };

static void forget(struct log_opener *o)
{
    mem_free(o->topics);
    o->topics = NULL;
}

static void finish(struct broker *b)
{
    struct log_opener *o = &b->log_opener;
    uint64_t took_ns = env_mono_ns(b->env) - o->began_ns;
    forget(o);
    b->logs_open = true;
    log_info(&b->log, "the logs are open", KV_UINT("partitions", b->topics.partition_count),
             KV_UINT("took_ms", took_ns / NS_PER_MS));
    topics_activate(b);
    lifecycle_applied(b);
}

/* One turn. *ret_done: nothing is left. */
static enum err open_some(struct broker *b, bool *ret_done, struct error *err)
{
    struct log_opener *o = &b->log_opener;
    uint32_t opened = 0;
    *ret_done = false;
    while (o->topic < o->topic_count) {
        const struct topic *t = topic_find_id(&b->topics, &o->topics[o->topic]);
        for (; t && o->partition < t->partition_count; o->partition++) {
            if (opened++ == LOGS_MAX) {
                return ERR_OK;
            }
            enum err e = topics_open_log(b, t->partitions[o->partition], err);
            if (e) {
                return e;
            }
        }
        o->topic++;
        o->partition = 0;
    }
    *ret_done = true;
    return topics_open_logs(b, err); /* (L2) */
}

static void on_turn(void *owner)
{
    struct broker *b = owner;
    struct log_opener *o = &b->log_opener;
    struct error err;
    bool done;
    if (b->state >= BROKER_DRAINING) {
        return;
    }
    enum err e = open_some(b, &done, &err);
    if (e) {
        forget(o);
        quorum_die(b, e, err.text);
    } else if (done) {
        finish(b);
    } else {
        timer_arm_in(b->env, &o->next, 0);
    }
}

void log_opener_init(struct broker *b)
{
    b->log_opener = (struct log_opener){ .next = { .fire = on_turn, .owner = b } };
}

void log_opener_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->log_opener.next);
    forget(&b->log_opener);
}

void log_opener_start(struct broker *b)
{
    struct log_opener *o = &b->log_opener;
    struct error err;
    if (o->topics || b->state >= BROKER_DRAINING) {
        return;
    }
    enum err e = topics_find_all_logs(b, &err);
    if (e) {
        quorum_die(b, e, err.text);
        return;
    }
    uint32_t cursor = 0, count = b->topics.by_id.count;
    o->topics = mem_array(count + 1, sizeof(*o->topics));
    o->topic_count = o->topic = 0;
    o->partition = 0;
    o->began_ns = env_mono_ns(b->env);
    for (const struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        o->topics[o->topic_count++] = t->id;
    }
    on_turn(b);
}
