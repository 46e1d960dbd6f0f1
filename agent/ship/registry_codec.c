/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_codec.c - see registry_codec.h. Driven by registry.c. No I/O.
 *
 * Invariants:
 * I1. Whatever the bytes are, decoding ends, and reads nothing outside them.
 * I2. A file cut at any byte gives exactly the records that lie whole before the cut.
 */
#include "agent/ship/registry_codec.h"

#include "protocol/base/crc32c.h"

static const uint8_t header[REGISTRY_HEADER_BYTES] = "logboom-reg\0\1\0\0\n";
enum { FRAME_BYTES = 12 };
static const uint32_t record_magic = 0x7265676cU; /* "lger" */

static void put_le(struct buf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        buf_append_byte(out, (uint8_t)(value >> (8 * i)));
    }
}

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

void registry_encode_header(struct buf *out)
{
    buf_append(out, header, sizeof(header));
}

/* A bounded string: two bytes of length, then the bytes. */
static void put_text(struct buf *out, struct slice text)
{
    struct slice kept = slice_head(text, REGISTRY_PAYLOAD_BYTES_MAX / 4);
    put_le(out, kept.len, 2);
    buf_append_slice(out, kept);
}

static void put_hours(struct buf *out, const struct file_hours *h)
{
    buf_append_byte(out, h->closed);
    buf_append_byte(out, h->count);
    for (unsigned i = 0; i < h->count; i++) {
        put_le(out, h->offset[i], 8);
        put_le(out, h->hour[i], 4);
    }
}

void registry_encode(const struct registry_record *r, struct buf *out)
{
    size_t frame_at = out->len;
    put_le(out, record_magic, 4);
    put_le(out, 0, 8);
    size_t at = out->len;
    buf_append_byte(out, (uint8_t)r->kind);
    buf_append(out, r->id.bytes, sizeof(r->id.bytes));
    if (r->kind == REGISTRY_PUT) {
        put_le(out, r->place.dev, 8);
        put_le(out, r->place.ino, 8);
        put_le(out, (uint64_t)r->place.btime_ns, 8);
        put_le(out, r->mark.offset, 8);
        put_le(out, r->mark.prefix_hash, 8);
        put_le(out, r->mark.tail_hash, 8);
        put_le(out, r->mark.prefix_len, 2);
        put_le(out, r->mark.tail_len, 2);
        put_le(out, (uint64_t)r->mtime_ns, 8);
        put_le(out, r->size_bytes, 8);
        put_le(out, (uint64_t)r->seen_ms, 8);
        put_text(out, r->input_id);
        put_text(out, r->path);
        put_hours(out, &r->hours);
    }
    size_t len = out->len - at;
    uint32_t crc = crc32c(slice_of(out->ptr + at, len));
    for (unsigned i = 0; i < 4; i++) {
        out->ptr[frame_at + 4 + i] = (uint8_t)(len >> (8 * i));
        out->ptr[frame_at + 8 + i] = (uint8_t)(crc >> (8 * i));
    }
}

static bool take_text(struct slice *s, struct slice *ret_text)
{
    if (s->len < 2) {
        return false;
    }
    size_t len = (size_t)get_le(s->ptr, 2);
    if (s->len - 2 < len) {
        return false;
    }
    *ret_text = slice_of(s->ptr + 2, len);
    *s = slice_from(*s, 2 + len);
    return true;
}

static bool take_hours(struct slice s, struct file_hours *ret_hours)
{
    enum { HOUR_BYTES = 12 };
    if (s.len == 0) {
        return true;
    }
    if (s.len < 2 || s.ptr[1] > HOURS_MAX || s.len - 2 < (size_t)s.ptr[1] * HOUR_BYTES) {
        return false;
    }
    ret_hours->closed = s.ptr[0] & 1;
    ret_hours->count = s.ptr[1];
    for (unsigned i = 0; i < ret_hours->count; i++) {
        ret_hours->offset[i] = get_le(s.ptr + 2 + i * HOUR_BYTES, 8);
        ret_hours->hour[i] = (uint32_t)get_le(s.ptr + 10 + i * HOUR_BYTES, 4);
        if (i > 0 && ret_hours->offset[i] <= ret_hours->offset[i - 1]) {
            return false;
        }
    }
    return true;
}

static bool decode_payload(struct slice s, struct registry_record *ret_record)
{
    enum { PUT_FIXED = 8 * 6 + 2 * 2 + 8 * 3 };
    struct registry_record r = { 0 };
    if (s.len < 1 + FILE_ID_BYTES) {
        return false;
    }
    r.kind = (enum registry_kind)s.ptr[0];
    memcpy(r.id.bytes, s.ptr + 1, FILE_ID_BYTES);
    s = slice_from(s, 1 + FILE_ID_BYTES);
    if (r.kind == REGISTRY_PUT) {
        if (s.len < PUT_FIXED) {
            return false;
        }
        const uint8_t *p = s.ptr;
        r.place = (struct file_place){ get_le(p, 8), get_le(p + 8, 8), (int64_t)get_le(p + 16, 8) };
        r.mark.offset = get_le(p + 24, 8);
        r.mark.prefix_hash = get_le(p + 32, 8);
        r.mark.tail_hash = get_le(p + 40, 8);
        r.mark.prefix_len = (uint16_t)get_le(p + 48, 2);
        r.mark.tail_len = (uint16_t)get_le(p + 50, 2);
        r.mtime_ns = (int64_t)get_le(p + 52, 8);
        r.size_bytes = get_le(p + 60, 8);
        r.seen_ms = (int64_t)get_le(p + 68, 8);
        s = slice_from(s, PUT_FIXED);
        if (!take_text(&s, &r.input_id) || !take_text(&s, &r.path) || !take_hours(s, &r.hours) ||
            r.mark.prefix_len > IDENTITY_PREFIX_BYTES || r.mark.tail_len > IDENTITY_TAIL_BYTES ||
            r.mark.tail_len > r.mark.offset) {
            return false;
        }
    } else if (r.kind != REGISTRY_REMOVE) {
        return false;
    }
    *ret_record = r;
    return true;
}

/* The size of the record at the start of s; 0 when there is none that is whole and sound. */
static size_t decode_record(struct slice s, struct registry_record *ret_record)
{
    if (s.len < FRAME_BYTES || get_le(s.ptr, 4) != record_magic) {
        return 0;
    }
    size_t len = (size_t)get_le(s.ptr + 4, 4);
    if (len > REGISTRY_PAYLOAD_BYTES_MAX || s.len - FRAME_BYTES < len) {
        return 0;
    }
    struct slice payload = slice_of(s.ptr + FRAME_BYTES, len);
    if (crc32c(payload) != (uint32_t)get_le(s.ptr + 8, 4) || !decode_payload(payload, ret_record)) {
        return 0;
    }
    return FRAME_BYTES + len;
}

enum err registry_decode(struct slice bytes,
                         void (*each)(void *ctx, const struct registry_record *r), void *ctx,
                         struct registry_decoded *ret_decoded)
{
    struct registry_decoded d = { 0 };
    size_t n = bytes.len < sizeof(header) ? bytes.len : sizeof(header);
    if (n > 0 && memcmp(bytes.ptr, header, n) != 0) {
        return ERR_UNSUPPORTED;
    }
    size_t pos = n, good = n;
    while (pos < bytes.len) {
        struct registry_record r;
        size_t size = decode_record(slice_from(bytes, pos), &r);
        if (size == 0) {
            pos++;
            continue;
        }
        each(ctx, &r);
        d.records++;
        d.skipped_bytes += pos - good;
        pos += size;
        good = pos;
    }
    d.whole_bytes = good;
    *ret_decoded = d;
    return ERR_OK;
}
