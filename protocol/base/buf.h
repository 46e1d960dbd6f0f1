/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - growable bytes with one owner.
 * A zeroed struct buf is a valid empty one. Growth doubles; whoever fills a buffer from outside
 * input bounds it first (heap exhaustion aborts, see alloc.h).
 */
#ifndef LOGBOOM_BASE_BUF_H
#define LOGBOOM_BASE_BUF_H

#include "protocol/base/slice.h"

#include <stdarg.h>

struct buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
};

/* Frees the bytes and leaves an empty buffer. */
void buf_deinit(struct buf *b);
/* Room for `more` further bytes; returns where they go, never NULL. Does not change len. */
uint8_t *buf_reserve(struct buf *b, size_t more);
void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_str(struct buf *b, const char *text);
void buf_append_byte(struct buf *b, uint8_t byte);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Drops the first n bytes and moves the rest down. */
void buf_drop(struct buf *b, size_t n);
/* The text with a NUL behind it (not counted in len); valid until the next change. */
const char *buf_cstr(struct buf *b);
/* Ownership out: the caller frees the bytes by mem_free(); the buffer is empty then. */
uint8_t *buf_take(struct buf *b);

/* Empties, and keeps the memory. */
static inline void buf_reset(struct buf *b)
{
    b->len = 0;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return slice_of(b->ptr ? b->ptr : (const uint8_t *)"", b->len);
}

#endif
