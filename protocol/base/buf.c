/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.c - growable bytes. Driven by writers, loggers and queues.
 *   (B1) len <= cap; ptr is NULL only while cap is 0.
 */
#include "protocol/base/buf.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

void buf_deinit(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){ 0 };
}

uint8_t *buf_reserve(struct buf *b, size_t more)
{
    size_t need = b->len + more;
    assert(need >= b->len);
    if (need > b->cap || !b->ptr) { /* somewhere to point at, even for nothing */
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need) {
            cap *= 2;
        }
        b->ptr = mem_realloc(b->ptr, cap);
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (len) {
        memcpy(buf_reserve(b, len), bytes, len);
        b->len += len;
    }
}

void buf_append_slice(struct buf *b, struct slice s)
{
    buf_append(b, s.ptr, s.len);
}

void buf_append_str(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_append_byte(struct buf *b, uint8_t byte)
{
    *buf_reserve(b, 1) = byte;
    b->len++;
}

void buf_vprintf(struct buf *b, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf((char *)buf_reserve(b, 128), 128, format, ap);
    assert(n >= 0);
    if (n >= 128) {
        n = vsnprintf((char *)buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
    }
    va_end(again);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    buf_vprintf(b, format, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n && n < b->len) {
        memmove(b->ptr, b->ptr + n, b->len - n);
    }
    b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return (const char *)b->ptr;
}

uint8_t *buf_take(struct buf *b)
{
    uint8_t *bytes = b->ptr;
    *b = (struct buf){ 0 };
    return bytes;
}
