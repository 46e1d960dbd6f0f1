/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.c - see tracker.h. Driven by the outputs. Pure.
 *
 * Invariants:
 * I1. committed never passes a line that is in flight: it follows the acknowledgements of the
 * oldest
 *     run only, and passes to the next run when that one is empty.
 * I2. While frozen, committed does not move: lines behind a returned one may be acknowledged.
 * I3. Acknowledgements within one lane come in the order of sending (producer.h).
 */
#include "agent/ship/tracker.h"

#include "protocol/base/alloc.h"

#include <assert.h>

void tracker_init(struct tracker *t, uint64_t committed, void (*acked)(struct tracker *t))
{
    *t = (struct tracker){ .committed = committed, .acked = acked };
    list_init(&t->runs);
}

void tracker_deinit(struct tracker *t)
{
    assert(t->outstanding == 0);
    struct list_node *node;
    while ((node = list_pop_front(&t->runs))) {
        mem_free(list_entry(node, struct tracker_run, node));
    }
    mem_free(t->spare);
    t->spare = NULL;
}

struct tracker_run *tracker_run_for(struct tracker *t, const void *topic, int32_t partition)
{
    if (!list_is_empty(&t->runs)) {
        struct tracker_run *last = list_entry(t->runs.prev, struct tracker_run, node);
        if (last->left == 0 && t->outstanding == 0) {
            last->topic = topic;
            last->partition = partition;
        }
        if (last->topic == topic && last->partition == partition) {
            return last;
        }
    }
    struct tracker_run *run = t->spare ? t->spare : mem_alloc(sizeof(*run));
    t->spare = NULL;
    *run = (struct tracker_run){ .tracker = t, .topic = topic, .partition = partition };
    list_push_back(&t->runs, &run->node);
    return run;
}

void tracker_sent(struct tracker_run *run)
{
    run->left++;
    run->tracker->outstanding++;
}

static void settle(struct tracker_run *run, uint32_t lines)
{
    struct tracker *t = run->tracker;
    assert(lines <= run->left && lines <= t->outstanding);
    run->left -= lines;
    t->outstanding -= lines;
    list_for_each(node, &t->runs) {
        struct tracker_run *first = list_entry(node, struct tracker_run, node);
        if (!t->frozen && first->acked_to > t->committed) {
            t->committed = first->acked_to;
        }
        if (first->left > 0 || first->node.next == &t->runs) {
            break;
        }
        list_remove(&first->node);
        mem_free(t->spare);
        t->spare = first;
    }
    t->acked(t);
}

void tracker_acked(struct tracker_run *run, uint32_t lines, uint64_t position)
{
    run->acked_to = position;
    settle(run, lines);
}

void tracker_returned(struct tracker_run *run, uint32_t lines)
{
    run->tracker->frozen = true;
    settle(run, lines);
}

struct tracker_run *tracker_detach(struct tracker_run *run)
{
    assert(run->left > 0);
    struct tracker_run *own = mem_alloc(sizeof(*own));
    *own = (struct tracker_run){
        .tracker = run->tracker, .topic = run->topic, .partition = run->partition, .left = 1
    };
    run->left--;
    list_insert_before(&run->node, &own->node);
    return own;
}

void tracker_thaw(struct tracker *t)
{
    assert(t->outstanding == 0);
    t->frozen = false;
    list_for_each(node, &t->runs) {
        list_entry(node, struct tracker_run, node)->acked_to = 0;
    }
}
