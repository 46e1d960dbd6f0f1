/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice.h - a view of bytes that somebody else owns.
 * ptr == NULL is the null value of the protocol and of the configuration; an empty slice has a
 * pointer and no length. Slices are passed by value.
 */
#ifndef LOGBOOM_BASE_SLICE_H
#define LOGBOOM_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *ptr;
    size_t len;
};

/* For printf: printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s)                                                                               \
    ((int)((s).len > 4096 ? 4096 : (s).len)),                                                      \
        ((const char *)((s).ptr ? (s).ptr : (const uint8_t *)""))
/* A slice of a string literal, usable in initialisers. */
#define SLICE_LIT(text)                                                                            \
    {                                                                                              \
        (const uint8_t *)("" text), sizeof(text) - 1                                               \
    }

static inline struct slice slice_of(const void *ptr, size_t len)
{
    struct slice s = { (const uint8_t *)ptr, len };
    return s;
}

/* NULL gives the null slice. */
static inline struct slice slice_str(const char *text)
{
    return slice_of(text, text ? strlen(text) : 0);
}

static inline struct slice slice_null(void)
{
    return slice_of(NULL, 0);
}

static inline bool slice_is_null(struct slice s)
{
    return s.ptr == NULL;
}

/* Equal bytes; null and empty are equal here. */
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *text)
{
    return slice_eq(a, slice_str(text));
}

/* memcmp order, the shorter first when one is the other's prefix. */
static inline int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* The part from `from` (at most to the end); never reaches outside s. */
static inline struct slice slice_from(struct slice s, size_t from)
{
    if (from > s.len) {
        from = s.len;
    }
    return slice_of(s.ptr ? s.ptr + from : NULL, s.len - from);
}

/* The first n bytes, or all of them when there are fewer. */
static inline struct slice slice_head(struct slice s, size_t n)
{
    return slice_of(s.ptr, n < s.len ? n : s.len);
}

static inline bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && (n == 0 || memcmp(s.ptr, prefix, n) == 0);
}

#endif
