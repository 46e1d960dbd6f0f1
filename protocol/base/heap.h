/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap.h - an intrusive binary min-heap of timers.
 * Equal keys leave in the order they came (the sequence number breaks ties), so that a run is
 * deterministic. A zeroed node is in no heap.
 */
#ifndef LOGBOOM_BASE_HEAP_H
#define LOGBOOM_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t seq;
    size_t place; /* index + 1 in the heap, 0 when outside */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    uint64_t next_seq;
};

void heap_deinit(struct heap *h);
/* The node must be outside; it stays the caller's. */
void heap_insert(struct heap *h, struct heap_node *node, uint64_t key);
/* Does nothing for a node that is outside. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The least node, still inside; NULL when empty. */
struct heap_node *heap_peek(const struct heap *h);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}

#endif
