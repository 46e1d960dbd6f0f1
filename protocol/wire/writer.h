/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - writes big-endian values and varints behind a buffer, or only counts them.
 * Bytes that lie elsewhere (a file range) are not copied: the writer notes a splice, and the sender
 * puts external bytes there (net/stream.h).
 */
#ifndef LOGBOOM_WIRE_WRITER_H
#define LOGBOOM_WIRE_WRITER_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* external_len bytes of `external` belong at offset `at` of the buffer. */
struct writer_splice {
    size_t at;
    void *external;
    size_t external_len;
};

struct writer {
    struct buf *buf; /* NULL: only count */
    size_t len;      /* bytes written, those of splices included */
    enum err err;    /* sticks: ERR_LIMIT */
    struct writer_splice *splices;
    size_t splice_count, splice_cap;
};

/* Appends to buf, which stays the caller's. NULL counts. */
static inline void writer_init(struct writer *w, struct buf *buf)
{
    *w = (struct writer){ .buf = buf };
}

/* Frees the list of splices (not what they name). */
void writer_deinit(struct writer *w);
void writer_bytes(struct writer *w, const void *bytes, size_t len);
void writer_splice(struct writer *w, void *external, size_t external_len);
void writer_uvarint(struct writer *w, uint32_t value);
void writer_uvarlong(struct writer *w, uint64_t value);
void writer_varint(struct writer *w, int32_t value);
void writer_varlong(struct writer *w, int64_t value);
/* The n low bytes of value, big-endian. */
void writer_be(struct writer *w, uint64_t value, unsigned n);

static inline void writer_i8(struct writer *w, int8_t v)
{
    writer_be(w, (uint8_t)v, 1);
}

static inline void writer_i16(struct writer *w, int16_t v)
{
    writer_be(w, (uint16_t)v, 2);
}

static inline void writer_i32(struct writer *w, int32_t v)
{
    writer_be(w, (uint32_t)v, 4);
}

static inline void writer_i64(struct writer *w, int64_t v)
{
    writer_be(w, (uint64_t)v, 8);
}

/* Overwrites four bytes at an earlier place of the buffer, e.g. a frame's length. */
void writer_patch_i32(struct writer *w, size_t at, int32_t value);

/* Encoded length of an unsigned varint. */
static inline unsigned uvarint_size(uint64_t value)
{
    return value < 0x80 ? 1u : (unsigned)((63 - __builtin_clzll(value)) / 7 + 1);
}

static inline uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

#endif
