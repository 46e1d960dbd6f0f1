/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_wait.c - who waits for a partition, and when they are told. Driven by appends, flushes,
 * fetches of followers, and changes of the role.
 *   (W1) acks are in the order of their offsets; each is told exactly once.
 *   (W2) A reader that comes back while readers are told is not told again in the same round.
 *   (W3) Followers are told at the end of a turn, so that one answer covers all its appends.
 */
#include "broker/partition.h"

#include "broker/broker.h"

void partition_wait_ack(struct partition *p, struct ack_wait *w)
{
    if (w->offset <= p->high_watermark) {
        w->done(w, KAFKA_NONE);
        return;
    }
    /* Almost always the last one: a retry may wait for an earlier batch. */
    struct list_node *at = p->acks.prev;
    while (at != &p->acks && list_entry(at, struct ack_wait, link)->offset > w->offset) {
        at = at->prev;
    }
    list_insert_before(at->next, &w->link);
}

void partition_wait_reader(struct partition *p, struct reader_wait *w)
{
    list_push_back(&p->readers, &w->link);
}

void partition_wait_tail(struct partition *p, struct reader_wait *w)
{
    list_push_back(&p->tails, &w->link);
}

/* Tells everybody in a list once; those that come back are not told again. */
static void tell(struct list_node *waits, enum kafka_error code)
{
    struct list_node told;
    if (list_is_empty(waits)) {
        return;
    }
    list_init(&told);
    for (struct list_node *node; (node = list_pop_front(waits));) {
        list_push_back(&told, node);
    }
    for (struct list_node *node; (node = list_pop_front(&told));) {
        struct reader_wait *w = list_entry(node, struct reader_wait, link);
        list_push_back(waits, node);
        w->moved(w, code);
    }
}

void partition_set_high_watermark(struct broker *b, struct partition *p, int64_t offset)
{
    p->high_watermark = offset;
    b->high_watermarks_moved = true;
    for (struct list_node *node; (node = list_first(&p->acks));) {
        struct ack_wait *w = list_entry(node, struct ack_wait, link);
        if (w->offset > p->high_watermark) {
            break;
        }
        list_remove(node);
        w->done(w, KAFKA_NONE);
    }
    tell(&p->readers, KAFKA_NONE);
}

void partition_advance(struct broker *b, struct partition *p)
{
    if (p->role == PARTITION_FOLLOWER) {
        replica_fetcher_synced(b, p);
    }
    if (p->role != PARTITION_LEADER) {
        return;
    }
    bool fsync = b->config->durability == DURABILITY_FSYNC;
    int64_t to = !p->log ? 0 : fsync ? p->log->recovery_point : p->log->end_offset;
    if (p->isr) {
        uint64_t now_ns = env_mono_ns(b->env);
        (void)isr_advance(p->isr, to, now_ns);
        uint64_t deadline_ns = isr_deadline_ns(p->isr, now_ns);
        if (deadline_ns != UINT64_MAX && p->isr->high_watermark < to) {
            isr_keeper_look_at(b, p, deadline_ns);
        }
        to = p->isr->high_watermark;
    }
    if (to > p->high_watermark) {
        partition_set_high_watermark(b, p, to);
    }
}

void partition_fail_acks(struct partition *p, enum kafka_error code)
{
    for (struct list_node *node; (node = list_pop_front(&p->acks));) {
        struct ack_wait *w = list_entry(node, struct ack_wait, link);
        w->done(w, code);
    }
}

void partition_fail_waiters(struct partition *p, enum kafka_error code)
{
    partition_fail_acks(p, code);
    tell(&p->readers, code);
    tell(&p->tails, code);
}

/* --- followers, at the end of a turn ---------------------------------------------------------- */

void partition_grew(struct broker *b, struct partition *p)
{
    if (list_is_empty(&p->tails) || !list_is_empty(&p->grown)) {
        return;
    }
    if (list_is_empty(&b->topics.grown)) {
        timer_arm_in(b->env, &b->topics.tell_tails, 0);
    }
    list_push_back(&b->topics.grown, &p->grown);
}

void partitions_tell_tails(struct broker *b)
{
    struct list_node round;
    list_init(&round);
    for (struct list_node *node; (node = list_pop_front(&b->topics.grown));) {
        list_push_back(&round, node);
    }
    for (struct list_node *node; (node = list_pop_front(&round));) {
        tell(&list_entry(node, struct partition, grown)->tails, KAFKA_NONE);
    }
}
