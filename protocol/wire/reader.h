/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - reads big-endian values and varints from bytes, and never past their end.
 * Errors stick: after the first one every read gives zero and r->err tells the reason, so a caller
 * may read a whole structure and look once.
 */
#ifndef LOGBOOM_WIRE_READER_H
#define LOGBOOM_WIRE_READER_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

struct reader {
    const uint8_t *pos;
    const uint8_t *end;
    enum err err; /* ERR_OK, ERR_SHORT or ERR_MALFORMED */
};

static inline struct reader reader_of(struct slice s)
{
    struct reader r = { s.ptr, s.ptr ? s.ptr + s.len : s.ptr, ERR_OK };
    return r;
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->pos);
}

static inline void reader_fail(struct reader *r, enum err err)
{
    if (!r->err) {
        r->err = err;
    }
    r->pos = r->end;
}

/* n bytes as a view; the null slice (and ERR_SHORT) when there are fewer. */
static inline struct slice reader_bytes(struct reader *r, size_t n)
{
    if (r->err || reader_left(r) < n) {
        reader_fail(r, ERR_SHORT);
        return slice_null();
    }
    struct slice s = slice_of(r->pos, n);
    r->pos += n;
    return s;
}

static inline uint64_t reader_be(struct reader *r, unsigned n)
{
    struct slice s = reader_bytes(r, n);
    uint64_t v = 0;
    for (unsigned i = 0; i < n && s.ptr; i++) {
        v = v << 8 | s.ptr[i];
    }
    return v;
}

static inline uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_be(r, 1);
}

static inline int8_t reader_i8(struct reader *r)
{
    return (int8_t)reader_be(r, 1);
}

static inline int16_t reader_i16(struct reader *r)
{
    return (int16_t)reader_be(r, 2);
}

static inline int32_t reader_i32(struct reader *r)
{
    return (int32_t)reader_be(r, 4);
}

static inline uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_be(r, 4);
}

static inline int64_t reader_i64(struct reader *r)
{
    return (int64_t)reader_be(r, 8);
}

/* Varints of two bytes and more; use those below. */
uint32_t reader_long_uvarint(struct reader *r);
uint64_t reader_long_uvarlong(struct reader *r);

/* Unsigned varint of at most 32 bits in at most 5 bytes; ERR_MALFORMED beyond. Nearly all lengths
 * and deltas take one byte, which is read without a call. */
static inline uint32_t reader_uvarint(struct reader *r)
{
    return r->pos < r->end && *r->pos < 0x80 ? *r->pos++ : reader_long_uvarint(r);
}

/* Unsigned varint of at most 64 bits in at most 10 bytes. */
static inline uint64_t reader_uvarlong(struct reader *r)
{
    return r->pos < r->end && *r->pos < 0x80 ? *r->pos++ : reader_long_uvarlong(r);
}

/* Zigzag varints, as inside records. */
static inline int32_t reader_varint(struct reader *r)
{
    uint32_t v = reader_uvarint(r);
    return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

static inline int64_t reader_varlong(struct reader *r)
{
    uint64_t v = reader_uvarlong(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
