/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.c - the life of fetched batches. Driven by flow/flow.c.
 *   (N1) a kept batch lives while a record of it is in flight (tracker.head <= its last sequence).
 */
#include "connectors/flow/partition.h"

#include "protocol/base/alloc.h"

struct kept_batch {
    struct list_node node;
    uint64_t first_seq; /* its records: up to the next kept batch's first_seq */
    size_t len;
    uint8_t bytes[];
};

struct partition *partition_new(struct slice topic, int32_t index)
{
    struct partition *p = mem_zalloc(sizeof(*p));
    p->topic = mem_strndup(topic.ptr, topic.len);
    p->index = index;
    p->committed = -1;
    commit_init(&p->tracker);
    list_init(&p->kept);
    list_init(&p->node);
    return p;
}

static void drop_first(struct partition *p)
{
    struct kept_batch *k = list_entry(p->kept.next, struct kept_batch, node);
    list_remove(&k->node);
    p->kept_bytes -= k->len;
    mem_free(k);
}

void partition_free(struct partition *p)
{
    while (!list_is_empty(&p->kept)) {
        drop_first(p);
    }
    list_remove(&p->node);
    commit_deinit(&p->tracker);
    mem_free(p->topic);
    mem_free(p);
}

struct slice partition_keep(struct partition *p, struct slice batch_bytes)
{
    struct kept_batch *k = mem_alloc(sizeof(*k) + batch_bytes.len);
    k->first_seq = p->tracker.tail;
    k->len = batch_bytes.len;
    memcpy(k->bytes, batch_bytes.ptr, batch_bytes.len);
    list_push_back(&p->kept, &k->node);
    p->kept_bytes += k->len;
    return slice_of(k->bytes, k->len);
}

void partition_forget(struct partition *p)
{
    while (!list_is_empty(&p->kept)) {
        const struct list_node *next = p->kept.next->next;
        uint64_t end = next == &p->kept
                           ? p->tracker.tail
                           : list_entry(next, const struct kept_batch, node)->first_seq;
        if (p->tracker.head < end) {
            return;
        }
        drop_first(p);
    }
}

struct slice partition_batch_of(const struct partition *p, uint64_t seq)
{
    struct slice found = slice_null();
    for (const struct list_node *n = p->kept.next; n != &p->kept; n = n->next) {
        const struct kept_batch *k = list_entry(n, struct kept_batch, node);
        if (k->first_seq > seq) {
            break;
        }
        found = slice_of(k->bytes, k->len);
    }
    return found;
}
