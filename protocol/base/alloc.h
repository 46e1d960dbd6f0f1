/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.h - the one door to the heap.
 * These never return NULL: a daemon that cannot have a few bytes aborts with a message. Memory
 * whose size a peer chooses is bounded first (arena.h, named limits), so it never comes here
 * unbounded.
 */
#ifndef LOGBOOM_BASE_ALLOC_H
#define LOGBOOM_BASE_ALLOC_H

#include <stddef.h>

/* Uninitialised, zeroed, and resized memory; the caller owns it and gives it back by mem_free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* count * size bytes, zeroed; aborts when the product overflows. */
void *mem_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* As mem_realloc() for arrays, with the same overflow check. */
void *mem_rearray(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy of the len bytes at ptr with a NUL behind them. */
char *mem_strndup(const void *ptr, size_t len) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
/* NULL is allowed. */
void mem_free(void *ptr);

#endif
