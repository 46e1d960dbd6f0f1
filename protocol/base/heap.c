/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap.c - timers in order. Driven by the event loop and by the simulator.
 *   (H1) nodes[i] is not greater than its children by (key, seq).
 *   (H2) nodes[i]->place == i + 1.
 */
#include "protocol/base/heap.h"

#include "protocol/base/alloc.h"

#include <assert.h>

void heap_deinit(struct heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        h->nodes[i]->place = 0;
    }
    mem_free(h->nodes);
    *h = (struct heap){ 0 };
}

static bool less(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void put(struct heap *h, size_t at, struct heap_node *node)
{
    h->nodes[at] = node;
    node->place = at + 1;
}

static void sift_up(struct heap *h, size_t at)
{
    struct heap_node *node = h->nodes[at];
    while (at > 0 && less(node, h->nodes[(at - 1) / 2])) {
        put(h, at, h->nodes[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(h, at, node);
}

static void sift_down(struct heap *h, size_t at)
{
    struct heap_node *node = h->nodes[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && less(h->nodes[child + 1], h->nodes[child])) {
            child++;
        }
        if (!less(h->nodes[child], node)) {
            break;
        }
        put(h, at, h->nodes[child]);
        at = child;
    }
    put(h, at, node);
}

void heap_insert(struct heap *h, struct heap_node *node, uint64_t key)
{
    assert(!heap_contains(node));
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->nodes = mem_rearray(h->nodes, h->cap, sizeof(struct heap_node *));
    }
    node->key = key;
    node->seq = h->next_seq++;
    h->count++;
    put(h, h->count - 1, node);
    sift_up(h, h->count - 1);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!heap_contains(node)) {
        return;
    }
    size_t at = node->place - 1;
    assert(at < h->count && h->nodes[at] == node);
    struct heap_node *last = h->nodes[--h->count];
    node->place = 0;
    if (last != node) {
        put(h, at, last);
        sift_up(h, at);
        sift_down(h, last->place - 1);
    }
}

struct heap_node *heap_peek(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}
