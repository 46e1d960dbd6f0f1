/* SPDX-License-Identifier: Apache-2.0 */
/* writer.c - driven by schema.c and by whoever frames messages.
 *   (W1) len counts every byte asked for, whether a buffer is there or not. */
#include "protocol/wire/writer.h"

#include "protocol/base/alloc.h"

#include <assert.h>

void writer_deinit(struct writer *w)
{
    mem_free(w->splices);
    w->splices = NULL;
    w->splice_count = w->splice_cap = 0;
}

void writer_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (w->buf) {
        buf_append(w->buf, bytes, len);
    }
    w->len += len;
}

void writer_splice(struct writer *w, void *external, size_t external_len)
{
    if (w->buf) {
        if (w->splice_count == w->splice_cap) {
            w->splice_cap = w->splice_cap ? w->splice_cap * 2 : 8;
            w->splices = mem_rearray(w->splices, w->splice_cap, sizeof(*w->splices));
        }
        w->splices[w->splice_count++] =
            (struct writer_splice){ w->buf->len, external, external_len };
    }
    w->len += external_len;
}

void writer_be(struct writer *w, uint64_t value, unsigned n)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
    }
    writer_bytes(w, bytes, n);
}

void writer_uvarlong(struct writer *w, uint64_t value)
{
    uint8_t bytes[10];
    unsigned n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    writer_bytes(w, bytes, n);
}

void writer_uvarint(struct writer *w, uint32_t value)
{
    writer_uvarlong(w, value);
}

void writer_varint(struct writer *w, int32_t value)
{
    writer_uvarlong(w, (uint32_t)zigzag(value));
}

void writer_varlong(struct writer *w, int64_t value)
{
    writer_uvarlong(w, zigzag(value));
}

void writer_patch_i32(struct writer *w, size_t at, int32_t value)
{
    assert(w->buf && at + 4 <= w->buf->len);
    for (unsigned i = 0; i < 4; i++) {
        w->buf->ptr[at + i] = (uint8_t)((uint32_t)value >> (8 * (3 - i)));
    }
}
