/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c - regions. Driven by the decoder and by whoever builds a reply.
 *   (A1) used_bytes <= cap_bytes.
 *   (A2) Chunks above CHUNK_KEEP_BYTES do not survive a reset, so one large request does not pin
 *        its memory to an idle connection.
 */
#include "protocol/base/arena.h"

#include "protocol/base/alloc.h"

#include <stdalign.h>

enum { CHUNK_BYTES = 4096, CHUNK_KEEP_BYTES = 64 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t cap_bytes)
{
    *a = (struct arena){ .cap_bytes = cap_bytes };
}

void arena_deinit(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    a->chunks = NULL;
    a->used_bytes = 0;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = NULL;
    for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        if (!keep && c->size <= CHUNK_KEEP_BYTES) {
            keep = c;
        } else {
            mem_free(c);
        }
    }
    if (keep) {
        keep->next = NULL;
        keep->used = 0;
    }
    a->chunks = keep;
    a->used_bytes = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size > a->cap_bytes) {
        return NULL;
    }
    size = size ? (size + align - 1) / align * align : align;
    if (size > a->cap_bytes - a->used_bytes) {
        return NULL;
    }
    struct arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < size) {
        size_t want = c ? c->size * 2 : CHUNK_BYTES;
        if (want > CHUNK_KEEP_BYTES) {
            want = CHUNK_KEEP_BYTES;
        }
        if (want < size) {
            want = size;
        }
        c = mem_alloc(sizeof(*c) + want);
        c->next = a->chunks;
        c->size = want;
        c->used = 0;
        a->chunks = c;
    }
    void *ptr = c->bytes + c->used;
    c->used += size;
    a->used_bytes += size;
    memset(ptr, 0, size);
    return ptr;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return arena_alloc(a, bytes);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    uint8_t *ptr = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;
    if (!ptr) {
        return slice_null();
    }
    if (s.len) {
        memcpy(ptr, s.ptr, s.len);
    }
    return slice_of(ptr, s.len);
}
