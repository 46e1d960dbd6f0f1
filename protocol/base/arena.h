/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - a region: many allocations, one release, and a hard cap.
 * The cap is the answer to hostile counts: whoever decodes a request allocates here, and NULL means
 * "the request wants more than it may have" (ERR_LIMIT), never "the machine is out of memory".
 */
#ifndef LOGBOOM_BASE_ARENA_H
#define LOGBOOM_BASE_ARENA_H

#include "protocol/base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used_bytes;          /* handed out since the last reset */
    size_t cap_bytes;
};

void arena_init(struct arena *a, size_t cap_bytes);
void arena_deinit(struct arena *a);
/* Frees everything handed out; keeps one small chunk, so that a steady state allocates nothing. */
void arena_reset(struct arena *a);
/* Zeroed, aligned for any type. NULL when the cap would be passed. */
void *arena_alloc(struct arena *a, size_t size);
/* count * size zeroed bytes; NULL at the cap or on overflow. count 0 gives a non-NULL pointer. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A copy with a NUL behind it; the null slice at the cap. */
struct slice arena_copy(struct arena *a, struct slice s);

#endif
