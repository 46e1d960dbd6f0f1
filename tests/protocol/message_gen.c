/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_gen.c - the seeded generator behind check_messages.c.
 * The scanner below shares no code with protocol/wire: it is the second opinion on the format.
 */
#include "tests/protocol/message_gen.h"

#include <assert.h>
#include <stdlib.h>

static void *member(const void *msg, uint16_t offset)
{
    return (uint8_t *)(uintptr_t)msg + offset;
}

static bool in_version(const struct field *f, int16_t version)
{
    return version >= f->since && version <= f->until;
}

static size_t kind_bytes(uint8_t kind)
{
    switch (kind) {
    case KIND_BOOL:
        return sizeof(bool);
    case KIND_I8:
        return 1;
    case KIND_I16:
    case KIND_U16:
        return 2;
    case KIND_I32:
    case KIND_U32:
        return 4;
    case KIND_I64:
    case KIND_F64:
        return 8;
    case KIND_UUID:
        return 16;
    case KIND_RECORDS:
        return sizeof(struct records);
    default:
        return sizeof(struct slice);
    }
}

static bool is_bytes(uint8_t kind)
{
    return kind == KIND_STR || kind == KIND_STR16 || kind == KIND_BYTES || kind == KIND_RECORDS;
}

/* --- generate --------------------------------------------------------------------------------- */

static struct slice gen_bytes(struct rng *rng, struct arena *arena, bool nullable)
{
    if (nullable && rng_below(rng, 4) == 0) {
        return slice_null();
    }
    /* Now and then beyond 127, where a length takes its second byte. */
    size_t len = rng_below(rng, rng_below(rng, 32) ? 12 : 300);
    uint8_t *p = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)rng_next(rng);
    }
    return slice_of(p, len);
}

static void gen_scalar(struct rng *rng, struct arena *arena, uint8_t kind, bool nullable, void *p)
{
    if (kind == KIND_BOOL) {
        *(bool *)p = rng_next(rng) & 1;
    } else if (kind == KIND_RECORDS) {
        *(struct records *)p = (struct records){ .bytes = gen_bytes(rng, arena, nullable) };
    } else if (is_bytes(kind)) {
        *(struct slice *)p = gen_bytes(rng, arena, nullable);
    } else {
        uint8_t *bytes = p;
        for (size_t i = 0; i < kind_bytes(kind); i++) {
            bytes[i] = (uint8_t)rng_next(rng);
        }
    }
}

static void gen_items(struct rng *rng, struct arena *arena, const struct field *f, int16_t version,
                      void *msg)
{
    int32_t *n = member(msg, f->offset_n);
    if (version >= f->nullable && rng_below(rng, 4) == 0) {
        *n = -1;
        return;
    }
    *n = (int32_t)rng_below(rng, 4);
    size_t size = f->shape == SHAPE_VECTOR ? kind_bytes(f->kind) : f->sub->size;
    uint8_t *items = arena_array(arena, (size_t)*n, size);
    *(void **)member(msg, f->offset) = items;
    for (int32_t i = 0; i < *n; i++, items += size) {
        if (f->shape == SHAPE_VECTOR) {
            gen_scalar(rng, arena, f->kind, false, items);
        } else {
            message_gen(rng, arena, f->sub, version, items);
        }
    }
}

void message_gen(struct rng *rng, struct arena *arena, const struct schema *s, int16_t version,
                 void *ret_msg)
{
    schema_init(s, ret_msg);
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (!in_version(f, version) || (f->tag != NOTAG && rng_next(rng) & 1)) {
            continue;
        }
        void *p = member(ret_msg, f->offset);
        switch (f->shape) {
        case SHAPE_SCALAR:
            gen_scalar(rng, arena, f->kind, version >= f->nullable, p);
            break;
        case SHAPE_STRUCT:
            message_gen(rng, arena, f->sub, version, p);
            break;
        case SHAPE_OPTIONAL:
            if (rng_next(rng) & 1) {
                *(void **)p = arena_alloc(arena, f->sub->size);
                message_gen(rng, arena, f->sub, version, *(void **)p);
            }
            break;
        default:
            gen_items(rng, arena, f, version, ret_msg);
        }
    }
}

/* --- compare ---------------------------------------------------------------------------------- */

static bool scalar_equal(uint8_t kind, const void *a, const void *b)
{
    if (!is_bytes(kind)) {
        return memcmp(a, b, kind_bytes(kind)) == 0;
    }
    /* records begin with their bytes, so both are slices here */
    const struct slice *x = a, *y = b;
    return slice_is_null(*x) == slice_is_null(*y) && slice_eq(*x, *y);
}

static bool items_equal(const struct field *f, const void *a, const void *b)
{
    int32_t n = *(int32_t *)member(a, f->offset_n);
    if (n != *(int32_t *)member(b, f->offset_n)) {
        return false;
    }
    const uint8_t *x = *(uint8_t **)member(a, f->offset), *y = *(uint8_t **)member(b, f->offset);
    size_t size = f->shape == SHAPE_VECTOR ? kind_bytes(f->kind) : f->sub->size;
    for (int32_t i = 0; i < n; i++, x += size, y += size) {
        if (f->shape == SHAPE_VECTOR ? !scalar_equal(f->kind, x, y)
                                     : !message_equal(f->sub, x, y)) {
            return false;
        }
    }
    return true;
}

bool message_equal(const struct schema *s, const void *a, const void *b)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        const void *x = member(a, f->offset), *y = member(b, f->offset);
        bool equal;
        switch (f->shape) {
        case SHAPE_SCALAR:
            equal = scalar_equal(f->kind, x, y);
            break;
        case SHAPE_STRUCT:
            equal = message_equal(f->sub, x, y);
            break;
        case SHAPE_OPTIONAL: {
            const void *const *left = x, *const *right = y;
            equal = !*left == !*right && (!*left || message_equal(f->sub, *left, *right));
            break;
        }
        default:
            equal = items_equal(f, a, b);
        }
        if (!equal) {
            return false;
        }
    }
    return true;
}

/* --- scan ------------------------------------------------------------------------------------- */

struct scan {
    struct slice bytes;
    size_t at;
    int16_t version;
    bool flexible;
    bool failed;
    struct wire_length *lengths;
    int count, max;
};

static void skip(struct scan *s, size_t n)
{
    if (s->failed || n > s->bytes.len - s->at) {
        s->failed = true;
        return;
    }
    s->at += n;
}

static uint64_t scan_varint(struct scan *s)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        skip(s, 1);
        if (s->failed) {
            return 0;
        }
        uint8_t byte = s->bytes.ptr[s->at - 1];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

static int64_t scan_length(struct scan *s, size_t classic)
{
    size_t at = s->at;
    bool varint = s->flexible && classic != 0;
    int64_t value;
    if (varint) {
        value = (int64_t)scan_varint(s) - 1;
    } else {
        classic = classic ? classic : 2;
        skip(s, classic);
        if (s->failed) {
            return -1;
        }
        value = (int8_t)s->bytes.ptr[at];
        for (size_t i = 1; i < classic; i++) {
            value = value * 256 + s->bytes.ptr[at + i];
        }
    }
    if (s->count < s->max) {
        s->lengths[s->count] = (struct wire_length){ at, s->at - at, varint };
    }
    s->count++;
    return value;
}

static void scan_scalar(struct scan *s, uint8_t kind)
{
    if (is_bytes(kind)) {
        /* 0: a string that stays classic */
        int64_t n = scan_length(s, kind == KIND_STR16 ? 0 : kind == KIND_STR ? 2 : 4);
        skip(s, n > 0 ? (size_t)n : 0);
    } else {
        skip(s, kind == KIND_BOOL ? 1 : kind_bytes(kind));
    }
}

static void scan_struct(struct scan *s, const struct schema *schema);

static void scan_field(struct scan *s, const struct field *f)
{
    if (f->shape == SHAPE_SCALAR) {
        scan_scalar(s, f->kind);
    } else if (f->shape == SHAPE_STRUCT) {
        scan_struct(s, f->sub);
    } else if (f->shape == SHAPE_OPTIONAL) {
        skip(s, 1);
        if (!s->failed && s->bytes.ptr[s->at - 1] == 1) {
            scan_struct(s, f->sub);
        }
    } else {
        int64_t n = scan_length(s, 4);
        for (int64_t i = 0; i < n && !s->failed; i++) {
            if (f->shape == SHAPE_VECTOR) {
                scan_scalar(s, f->kind);
            } else {
                scan_struct(s, f->sub);
            }
        }
    }
}

static void scan_struct(struct scan *s, const struct schema *schema)
{
    for (uint16_t i = 0; i < schema->field_count; i++) {
        if (in_version(&schema->fields[i], s->version) && schema->fields[i].tag == NOTAG) {
            scan_field(s, &schema->fields[i]);
        }
    }
    if (!s->flexible) {
        return;
    }
    uint64_t tags = scan_varint(s);
    for (uint64_t t = 0; t < tags && !s->failed; t++) {
        uint64_t tag = scan_varint(s), size = scan_varint(s);
        size_t end = s->at + size;
        for (uint16_t i = 0; i < schema->field_count; i++) {
            const struct field *f = &schema->fields[i];
            if (f->tag >= 0 && (uint64_t)f->tag == tag && in_version(f, s->version)) {
                scan_field(s, f);
            }
        }
        s->failed = s->failed || s->at != end;
    }
}

int message_lengths(const struct schema *schema, int16_t version, struct slice bytes,
                    struct wire_length *ret_lengths, int max)
{
    struct scan s = { .bytes = bytes,
                      .version = version,
                      .flexible = version >= schema->flexible,
                      .lengths = ret_lengths,
                      .max = max };
    scan_struct(&s, schema);
    return s.failed || s.at != bytes.len ? -1 : s.count;
}
