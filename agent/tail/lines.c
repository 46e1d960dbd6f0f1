/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.c - see lines.h. Driven by input/harvester.c. Pure.
 *
 * Invariants:
 * I1. The sizes of all lines given out plus part_bytes are the bytes taken in.
 * I2. However the bytes are divided into calls, the lines are the same.
 * I3. Memory is bounded by max_bytes + 1 (the one byte keeps a carriage return apart from the cut).
 */
#include "agent/tail/lines.h"

void lines_deinit(struct lines *l)
{
    buf_deinit(&l->part);
}

void lines_reset(struct lines *l)
{
    buf_reset(&l->part);
    l->part_bytes = 0;
    l->taken = false;
}

static void drop_taken(struct lines *l)
{
    if (l->taken) {
        if (l->part.cap > 1 << 20) {
            buf_deinit(&l->part);
        }
        lines_reset(l);
    }
}

/* Fills in text and flags of a line whose bytes (without the newline) are text, at least as far as
 * they were kept, and measure content_bytes in the file. */
static void finish_line(const struct lines *l, struct slice text, uint64_t content_bytes,
                        uint8_t last, struct line *ret_line)
{
    if (content_bytes > 0 && last == '\r') {
        content_bytes--;
    }
    ret_line->flags = content_bytes > l->max_bytes ? LINE_TRUNCATED : 0;
    size_t keep = content_bytes > l->max_bytes ? l->max_bytes : (size_t)content_bytes;
    ret_line->text = slice_head(text, keep);
}

void lines_collect(struct lines *l, struct slice bytes)
{
    drop_taken(l);
    if (bytes.len == 0) {
        return;
    }
    /* Byte max_bytes of the part is always the newest byte: whether it is a carriage return matters
     * when the newline comes. */
    size_t room = l->max_bytes > l->part.len ? l->max_bytes - l->part.len : 0;
    buf_append_slice(&l->part, slice_head(bytes, room));
    l->part_bytes += bytes.len;
    if (bytes.len > room) {
        if (l->part.len > l->max_bytes) {
            l->part.len = l->max_bytes;
        }
        buf_append_byte(&l->part, bytes.ptr[bytes.len - 1]);
    }
}

bool lines_next(struct lines *l, struct slice *bytes, struct line *ret_line)
{
    drop_taken(l);
    const uint8_t *end = bytes->len ? memchr(bytes->ptr, '\n', bytes->len) : NULL;
    if (!end) {
        return false;
    }
    size_t n = (size_t)(end - bytes->ptr);
    struct slice text = slice_of(bytes->ptr, n);
    uint64_t content = n;
    *bytes = slice_from(*bytes, n + 1);
    if (l->part_bytes > 0) {
        lines_collect(l, text);
        text = buf_slice(&l->part);
        content = l->part_bytes;
        l->taken = true;
    }
    uint8_t last = text.len ? text.ptr[text.len - 1] : 0;
    finish_line(l, text, content, last, ret_line);
    ret_line->size_bytes = content + 1;
    return true;
}

bool lines_finish(struct lines *l, struct line *ret_line)
{
    drop_taken(l);
    if (l->part_bytes == 0) {
        return false;
    }
    l->taken = true;
    finish_line(l, buf_slice(&l->part), l->part_bytes, 0, ret_line);
    ret_line->size_bytes = l->part_bytes;
    return true;
}
