/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_batch.c - record batches: view, walk, build.
 * Driven by the agent and the producers (build), the broker (view, stamp, rarely walk) and the
 * consumers (walk).
 *
 *   (B1) A batch that batch_parse() takes has room for the records that it counts, when they are
 *        plain; its offsets do not overflow.
 *   (B2) The walk stays inside the records; it ends well only when count and bytes run out
 * together. (B3) Building copies each record once and allocates only when the buffer grows.
 */
#include "protocol/wire/record_batch.h"

#include "protocol/base/be.h"
#include "protocol/base/crc32c.h"
#include "protocol/wire/writer.h"

#include <assert.h>

enum {
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21,
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_COUNT = 57,
    /* length, attributes, two deltas, two null lengths, header count: one byte each */
    RECORD_BYTES_MIN = 7,
    /* the same, each varint as long as it can be */
    RECORD_OVERHEAD_MAX = 5 + 1 + 10 + 5 + 5 + 5 + 5,
};

/* --- view ------------------------------------------------------------------------------------- */

int64_t batch_size(struct slice bytes)
{
    if (bytes.len < BATCH_LENGTH_END) {
        return 0;
    }
    int32_t length = (int32_t)be32_load(bytes.ptr + AT_LENGTH);
    return length < BATCH_HEADER_BYTES - BATCH_LENGTH_END ? -1 : (int64_t)length + BATCH_LENGTH_END;
}

/* Numbers that no writer can have meant. */
static bool header_is_sound(const struct batch_view *b, size_t size)
{
    size_t records = size - BATCH_HEADER_BYTES;
    enum codec codec = batch_codec(b);
    /* Compaction takes records away and leaves the last offset, so count may be less. */
    return b->record_count >= 0 && b->last_offset_delta >= 0 &&
           b->record_count <= (int64_t)b->last_offset_delta + 1 && b->base_offset >= 0 &&
           b->base_offset <= INT64_MAX - b->last_offset_delta && codec < CODEC_COUNT &&
           (codec != CODEC_NONE || (size_t)b->record_count <= records / RECORD_BYTES_MIN);
}

enum err batch_parse_header(struct slice bytes, struct batch_view *ret_batch, uint32_t *ret_size)
{
    const uint8_t *p = bytes.ptr;
    if (bytes.len > AT_MAGIC && p[AT_MAGIC] != BATCH_MAGIC) {
        return ERR_UNSUPPORTED;
    }
    int64_t size = batch_size(bytes);
    if (size < 0) {
        return ERR_MALFORMED;
    }
    if (size == 0 || bytes.len < BATCH_HEADER_BYTES) {
        return ERR_SHORT;
    }
    struct batch_view b = {
        .base_offset = (int64_t)be64_load(p),
        .leader_epoch = (int32_t)be32_load(p + AT_LEADER_EPOCH),
        .crc = be32_load(p + AT_CRC),
        .attributes = (int16_t)be16_load(p + AT_ATTRIBUTES),
        .last_offset_delta = (int32_t)be32_load(p + AT_LAST_OFFSET_DELTA),
        .base_timestamp_ms = (int64_t)be64_load(p + AT_BASE_TIMESTAMP),
        .max_timestamp_ms = (int64_t)be64_load(p + AT_MAX_TIMESTAMP),
        .producer_id = (int64_t)be64_load(p + AT_PRODUCER_ID),
        .producer_epoch = (int16_t)be16_load(p + AT_PRODUCER_EPOCH),
        .base_sequence = (int32_t)be32_load(p + AT_BASE_SEQUENCE),
        .record_count = (int32_t)be32_load(p + AT_COUNT),
    };
    if (!header_is_sound(&b, (size_t)size)) {
        return ERR_MALFORMED;
    }
    *ret_batch = b;
    *ret_size = (uint32_t)size;
    return ERR_OK;
}

enum err batch_parse(struct slice bytes, struct batch_view *ret_batch)
{
    struct batch_view b;
    uint32_t size;
    enum err err = batch_parse_header(bytes, &b, &size);
    if (err) {
        return err;
    }
    if (size > bytes.len) {
        return ERR_SHORT;
    }
    b.bytes = slice_head(bytes, size);
    *ret_batch = b;
    return ERR_OK;
}

enum err batch_check_crc(const struct batch_view *b)
{
    return crc32c(slice_from(b->bytes, AT_ATTRIBUTES)) == b->crc ? ERR_OK : ERR_CHECKSUM;
}

/* --- stamps ----------------------------------------------------------------------------------- */

static void stamp_crc(uint8_t *p)
{
    size_t size = (size_t)be32_load(p + AT_LENGTH) + BATCH_LENGTH_END;
    be32_store(p + AT_CRC, crc32c_extend(0, p + AT_ATTRIBUTES, size - AT_ATTRIBUTES));
}

void batch_stamp(uint8_t *batch_bytes, int64_t base_offset, int32_t leader_epoch)
{
    be64_store(batch_bytes, (uint64_t)base_offset);
    be32_store(batch_bytes + AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void batch_stamp_append_time(uint8_t *batch_bytes, int64_t wall_ms)
{
    uint16_t attributes = be16_load(batch_bytes + AT_ATTRIBUTES);
    be16_store(batch_bytes + AT_ATTRIBUTES, attributes | BATCH_ATTR_LOG_APPEND_TIME);
    be64_store(batch_bytes + AT_MAX_TIMESTAMP, (uint64_t)wall_ms);
    stamp_crc(batch_bytes);
}

void batch_stamp_producer(uint8_t *batch_bytes, int64_t producer_id, int16_t producer_epoch,
                          int32_t base_sequence)
{
    be64_store(batch_bytes + AT_PRODUCER_ID, (uint64_t)producer_id);
    be16_store(batch_bytes + AT_PRODUCER_EPOCH, (uint16_t)producer_epoch);
    be32_store(batch_bytes + AT_BASE_SEQUENCE, (uint32_t)base_sequence);
    stamp_crc(batch_bytes);
}

/* --- walk ------------------------------------------------------------------------------------- */

enum err batch_iter_init(struct batch_iter *it, const struct batch_view *b, struct buf *scratch,
                         size_t max_bytes)
{
    struct slice records = slice_from(b->bytes, BATCH_HEADER_BYTES);
    if (batch_codec(b) != CODEC_NONE) {
        buf_reset(scratch);
        enum err err = codec_decompress(batch_codec(b), records, max_bytes, scratch);
        if (err) {
            return err;
        }
        records = buf_slice(scratch);
    } else if (records.len > max_bytes) {
        return ERR_LIMIT;
    }
    *it = (struct batch_iter){ .batch = b, .r = reader_of(records) };
    return ERR_OK;
}

/* len < 0 is null; below -1 is a mistake. */
static struct slice take_nullable(struct reader *r)
{
    int32_t len = reader_varint(r);
    if (len < 0) {
        if (len < -1) {
            reader_fail(r, ERR_MALFORMED);
        }
        return slice_null();
    }
    return reader_bytes(r, (size_t)len);
}

enum err record_headers_next(struct reader *pos, struct record_header *ret_header)
{
    if (pos->err || !reader_left(pos)) {
        return pos->err ? pos->err : ERR_NOT_FOUND;
    }
    struct record_header h = { .key = take_nullable(pos) };
    if (!pos->err && slice_is_null(h.key)) {
        reader_fail(pos, ERR_MALFORMED);
    }
    h.value = take_nullable(pos);
    if (!pos->err) {
        *ret_header = h;
    }
    return pos->err;
}

/* The headers must fill what is left of the record. */
static void check_headers(struct reader *r, struct slice headers, int32_t count)
{
    struct reader walk = reader_of(headers);
    struct record_header header;
    for (int32_t i = 0; i < count && !walk.err; i++) {
        enum err err = record_headers_next(&walk, &header);
        if (err) {
            reader_fail(&walk, err == ERR_NOT_FOUND ? ERR_SHORT : err);
        }
    }
    if (count < 0 || walk.err || reader_left(&walk)) {
        reader_fail(r, walk.err ? walk.err : ERR_MALFORMED);
    }
}

enum err batch_iter_next(struct batch_iter *it, struct record *ret_record)
{
    struct reader *r = &it->r;
    const struct batch_view *b = it->batch;
    if (it->done >= b->record_count) {
        if (!r->err && reader_left(r)) {
            reader_fail(r, ERR_MALFORMED);
        }
        return r->err ? r->err : ERR_NOT_FOUND;
    }
    int32_t len = reader_varint(r);
    if (len < 0) {
        reader_fail(r, ERR_MALFORMED);
    }
    struct reader body = reader_of(reader_bytes(r, (size_t)len));
    if (r->err) {
        return r->err;
    }
    (void)reader_u8(&body); /* attributes: none are in use */
    int64_t timestamp_delta = reader_varlong(&body);
    int32_t offset_delta = reader_varint(&body);
    struct record rec = { .key = take_nullable(&body), .value = take_nullable(&body) };
    rec.header_count = reader_varint(&body);
    rec.headers = slice_of(body.pos, reader_left(&body));
    if (offset_delta < 0 || offset_delta > b->last_offset_delta) {
        reader_fail(&body, ERR_MALFORMED);
    }
    if (!body.err) {
        check_headers(&body, rec.headers, rec.header_count);
    }
    if (body.err) {
        /* The record's own length cut it: the batch is whole, so this is no shortage of bytes. */
        reader_fail(r, ERR_MALFORMED);
        return r->err;
    }
    rec.offset = b->base_offset + offset_delta;
    rec.timestamp_ms = b->attributes & BATCH_ATTR_LOG_APPEND_TIME
                           ? b->max_timestamp_ms
                           : (int64_t)((uint64_t)b->base_timestamp_ms + (uint64_t)timestamp_delta);
    it->done++;
    *ret_record = rec;
    return ERR_OK;
}

/* --- build ------------------------------------------------------------------------------------ */

void batch_builder_deinit(struct batch_builder *b)
{
    buf_deinit(&b->buf);
    *b = (struct batch_builder){ 0 };
}

void batch_builder_reset(struct batch_builder *b)
{
    buf_reset(&b->buf);
    b->base_timestamp_ms = b->max_timestamp_ms = 0;
    b->record_count = 0;
}

static inline uint8_t *put_uvarlong(uint8_t *p, uint64_t v)
{
    while (__builtin_expect(v >= 0x80, 0)) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

/* The length's wire form: null is -1. */
static inline uint64_t length_of(struct slice s)
{
    return s.ptr ? zigzag((int64_t)s.len) : zigzag(-1);
}

static inline uint8_t *put_bytes(uint8_t *p, struct slice s)
{
    p = put_uvarlong(p, length_of(s));
    if (s.len) {
        memcpy(p, s.ptr, s.len);
    }
    return p + s.len;
}

void batch_builder_append(struct batch_builder *b, const struct record *rec)
{
    assert(rec->key.len <= INT32_MAX / 4 && rec->value.len <= INT32_MAX / 4 &&
           rec->headers.len <= INT32_MAX / 4 && b->record_count < INT32_MAX);
    if (!b->record_count) {
        buf_reset(&b->buf);
        memset(buf_reserve(&b->buf, BATCH_HEADER_BYTES), 0, BATCH_HEADER_BYTES);
        b->buf.len = BATCH_HEADER_BYTES;
        b->base_timestamp_ms = b->max_timestamp_ms = rec->timestamp_ms;
    }
    uint64_t timestamp_delta =
        zigzag((int64_t)((uint64_t)rec->timestamp_ms - (uint64_t)b->base_timestamp_ms));
    uint64_t offset_delta = zigzag(b->record_count);
    uint64_t header_count = zigzag(rec->header_count);
    size_t len = 1 + uvarint_size(timestamp_delta) + uvarint_size(offset_delta) +
                 uvarint_size(length_of(rec->key)) + rec->key.len +
                 uvarint_size(length_of(rec->value)) + rec->value.len + uvarint_size(header_count) +
                 rec->headers.len;
    uint8_t *start = buf_reserve(&b->buf, 5 + len);
    uint8_t *p = put_uvarlong(start, zigzag((int64_t)len));
    *p++ = 0; /* attributes */
    p = put_uvarlong(p, timestamp_delta);
    p = put_uvarlong(p, offset_delta);
    p = put_bytes(p, rec->key);
    p = put_bytes(p, rec->value);
    p = put_uvarlong(p, header_count);
    if (rec->headers.len) {
        memcpy(p, rec->headers.ptr, rec->headers.len);
        p += rec->headers.len;
    }
    b->buf.len += (size_t)(p - start);
    b->record_count++;
    if (rec->timestamp_ms > b->max_timestamp_ms) {
        b->max_timestamp_ms = rec->timestamp_ms;
    }
}

size_t batch_builder_size_with(const struct batch_builder *b, size_t key_len, size_t value_len)
{
    size_t now = b->record_count ? b->buf.len : BATCH_HEADER_BYTES;
    return now + RECORD_OVERHEAD_MAX + key_len + value_len;
}

enum err batch_builder_seal(struct batch_builder *b, const struct batch_seal *seal, struct buf *out,
                            struct slice *ret_bytes)
{
    if (!b->record_count) {
        return ERR_INVALID;
    }
    struct buf *bytes = &b->buf;
    enum codec codec = seal->codec;
    if (codec != CODEC_NONE) {
        buf_reset(out);
        (void)buf_reserve(out, BATCH_HEADER_BYTES);
        out->len = BATCH_HEADER_BYTES;
        struct slice records = slice_from(buf_slice(&b->buf), BATCH_HEADER_BYTES);
        enum err err = codec_compress(codec, seal->level, records, out);
        if (err) {
            return err;
        }
        if (out->len < b->buf.len) {
            bytes = out;
        } else {
            codec = CODEC_NONE;
        }
    }
    if (bytes->len > INT32_MAX) {
        return ERR_LIMIT;
    }
    uint8_t *p = bytes->ptr;
    batch_stamp(p, 0, -1);
    be32_store(p + AT_LENGTH, (uint32_t)(bytes->len - BATCH_LENGTH_END));
    p[AT_MAGIC] = BATCH_MAGIC;
    be16_store(p + AT_ATTRIBUTES, (uint16_t)((seal->attributes & ~BATCH_ATTR_CODEC) | (int)codec));
    be32_store(p + AT_LAST_OFFSET_DELTA, (uint32_t)b->record_count - 1);
    be64_store(p + AT_BASE_TIMESTAMP, (uint64_t)b->base_timestamp_ms);
    be64_store(p + AT_MAX_TIMESTAMP, (uint64_t)b->max_timestamp_ms);
    be32_store(p + AT_COUNT, (uint32_t)b->record_count);
    batch_stamp_producer(p, seal->producer_id, seal->producer_epoch, seal->base_sequence);
    *ret_bytes = slice_of(p, bytes->len);
    return ERR_OK;
}
