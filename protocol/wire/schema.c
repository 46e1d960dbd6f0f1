/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the one decoder and the one encoder of Kafka messages.
 * Driven by the broker (requests in, responses out), the client (the reverse), and by whoever keeps
 * records in Kafka's formats. Pure: bytes and an arena in, a struct out.
 *
 *   (S1) No memory is taken for a count before count * (least encoded size) <= bytes left.
 *   (S2) Recursion follows the tables, never the input, so its depth is fixed at build time.
 *   (S3) Every decoded slice lies inside the reader's bytes.
 *   (S4) encode(decode(x)) == x for canonical x; tests/protocol/check_messages.c.
 */
#include "protocol/wire/schema.h"

#include "protocol/wire/messages.h"

#include <assert.h>

static size_t kind_size(uint8_t kind)
{
    static const uint8_t sizes[] = {
        [KIND_BOOL] = sizeof(bool),
        [KIND_I8] = 1,
        [KIND_I16] = 2,
        [KIND_U16] = 2,
        [KIND_I32] = 4,
        [KIND_U32] = 4,
        [KIND_I64] = 8,
        [KIND_F64] = 8,
        [KIND_UUID] = sizeof(struct uuid),
        [KIND_STR] = sizeof(struct slice),
        [KIND_STR16] = sizeof(struct slice),
        [KIND_BYTES] = sizeof(struct slice),
        [KIND_RECORDS] = sizeof(struct records),
    };
    return sizes[kind];
}

static void *at(const void *msg, uint16_t offset)
{
    return (uint8_t *)(uintptr_t)msg + offset;
}

static bool present(const struct field *f, int16_t version)
{
    return version >= f->since && version <= f->until;
}

/* --- defaults --------------------------------------------------------------------------------- */

static void set_int(uint8_t kind, void *p, int64_t value)
{
    switch (kind) {
    case KIND_BOOL:
        *(bool *)p = value != 0;
        break;
    case KIND_I8:
        *(int8_t *)p = (int8_t)value;
        break;
    case KIND_I16:
    case KIND_U16:
        *(int16_t *)p = (int16_t)value;
        break;
    case KIND_I32:
    case KIND_U32:
        *(int32_t *)p = (int32_t)value;
        break;
    case KIND_I64:
        *(int64_t *)p = value;
        break;
    default:
        memset(p, 0, kind_size(kind));
    }
}

void schema_init(const struct schema *s, void *ret_msg)
{
    memset(ret_msg, 0, s->size);
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (f->shape == SHAPE_SCALAR) {
            set_int(f->kind, at(ret_msg, f->offset), f->value);
        } else if (f->shape == SHAPE_STRUCT) {
            schema_init(f->sub, at(ret_msg, f->offset));
        } else if (f->shape != SHAPE_OPTIONAL) {
            *(int32_t *)at(ret_msg, f->offset_n) = (int32_t)f->value;
        }
    }
}

void *schema_new(const struct schema *s, struct arena *arena, size_t count)
{
    uint8_t *items = arena_array(arena, count, s->size);
    for (size_t i = 0; items && i < count; i++) {
        schema_init(s, items + i * s->size);
    }
    return items;
}

/* --- decoding --------------------------------------------------------------------------------- */

struct decoder {
    struct reader *r;
    struct arena *arena;
    int16_t version;
    bool flexible;
};

/* The least bytes that one value takes on the wire: (S1) multiplies counts by it. */
static size_t min_scalar(uint8_t kind, bool flexible)
{
    switch (kind) {
    case KIND_STR:
        return flexible ? 1 : 2;
    case KIND_STR16:
        return 2;
    case KIND_BYTES:
    case KIND_RECORDS:
        return flexible ? 1 : 4;
    case KIND_BOOL:
        return 1;
    default:
        return kind_size(kind);
    }
}

static size_t min_struct(const struct schema *s, int16_t version, bool flexible)
{
    size_t size = flexible ? 1 : 0;
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (!present(f, version) || f->tag != NOTAG) {
            continue;
        }
        if (f->shape == SHAPE_SCALAR) {
            size += min_scalar(f->kind, flexible);
        } else if (f->shape == SHAPE_STRUCT) {
            size += min_struct(f->sub, version, flexible);
        } else {
            size += f->shape == SHAPE_OPTIONAL || flexible ? 1 : 4;
        }
    }
    return size ? size : 1;
}

/* A length or count: -1 is null. */
static int64_t decode_length(struct decoder *d, uint8_t kind)
{
    if (d->flexible && kind != KIND_STR16) {
        return (int64_t)reader_uvarint(d->r) - 1;
    }
    return kind == KIND_STR || kind == KIND_STR16 ? reader_i16(d->r) : reader_i32(d->r);
}

static struct slice decode_bytes(struct decoder *d, uint8_t kind, bool nullable)
{
    int64_t len = decode_length(d, kind);
    if (d->r->err) {
        return slice_null();
    }
    if (len < 0) {
        if (len < -1 || !nullable) {
            reader_fail(d->r, ERR_MALFORMED);
        }
        return slice_null();
    }
    return reader_bytes(d->r, (size_t)len);
}

static void decode_scalar(struct decoder *d, uint8_t kind, bool nullable, void *p)
{
    switch (kind) {
    case KIND_BOOL:
        *(bool *)p = reader_u8(d->r) != 0;
        break;
    case KIND_F64: {
        uint64_t bits = reader_be(d->r, 8);
        memcpy(p, &bits, 8);
        break;
    }
    case KIND_UUID: {
        struct slice s = reader_bytes(d->r, 16);
        if (s.ptr) {
            memcpy(p, s.ptr, 16);
        } else {
            memset(p, 0, 16);
        }
        break;
    }
    case KIND_STR:
    case KIND_STR16:
    case KIND_BYTES:
        *(struct slice *)p = decode_bytes(d, kind, nullable);
        break;
    case KIND_RECORDS:
        *(struct records *)p = (struct records){ .bytes = decode_bytes(d, kind, nullable) };
        break;
    default:
        set_int(kind, p, (int64_t)reader_be(d->r, (unsigned)kind_size(kind)));
    }
}

static void decode_struct(struct decoder *d, const struct schema *s, void *ret_msg);

/* Vectors and arrays. */
static void decode_items(struct decoder *d, const struct field *f, void *msg)
{
    int64_t count = decode_length(d, KIND_BYTES);
    int32_t *ret_n = at(msg, f->offset_n);
    void **ret_items = at(msg, f->offset);
    *ret_n = 0;
    if (count < 0) {
        if (!d->r->err && (count < -1 || d->version < f->nullable)) {
            reader_fail(d->r, ERR_MALFORMED);
        }
        *ret_n = -1;
        return;
    }
    size_t least = f->shape == SHAPE_VECTOR ? min_scalar(f->kind, d->flexible)
                                            : min_struct(f->sub, d->version, d->flexible);
    if ((uint64_t)count * least > reader_left(d->r)) {
        reader_fail(d->r, ERR_SHORT);
        return;
    }
    size_t size = f->shape == SHAPE_VECTOR ? kind_size(f->kind) : f->sub->size;
    uint8_t *items = arena_array(d->arena, (size_t)count, size);
    if (!items) {
        reader_fail(d->r, ERR_LIMIT);
        return;
    }
    *ret_items = items;
    *ret_n = (int32_t)count;
    for (int64_t i = 0; i < count && !d->r->err; i++, items += size) {
        if (f->shape == SHAPE_VECTOR) {
            decode_scalar(d, f->kind, false, items);
        } else {
            decode_struct(d, f->sub, items);
        }
    }
}

static void decode_field(struct decoder *d, const struct field *f, void *msg)
{
    void *p = at(msg, f->offset);
    switch (f->shape) {
    case SHAPE_SCALAR:
        decode_scalar(d, f->kind, d->version >= f->nullable, p);
        break;
    case SHAPE_STRUCT:
        decode_struct(d, f->sub, p);
        break;
    case SHAPE_OPTIONAL:
        if (reader_i8(d->r) < 0) {
            *(void **)p = NULL;
            break;
        }
        *(void **)p = arena_alloc(d->arena, f->sub->size);
        if (*(void **)p) {
            decode_struct(d, f->sub, *(void **)p);
        } else {
            reader_fail(d->r, ERR_LIMIT);
        }
        break;
    default:
        decode_items(d, f, msg);
    }
}

static void decode_tags(struct decoder *d, const struct schema *s, void *ret_msg)
{
    uint32_t count = reader_uvarint(d->r);
    int64_t last = -1;
    for (uint32_t i = 0; i < count && !d->r->err; i++) {
        uint32_t tag = reader_uvarint(d->r);
        uint32_t size = reader_uvarint(d->r);
        struct slice body = reader_bytes(d->r, size);
        if ((int64_t)tag <= last) {
            reader_fail(d->r, ERR_MALFORMED);
        }
        last = tag;
        for (uint16_t j = 0; j < s->field_count && !d->r->err; j++) {
            const struct field *f = &s->fields[j];
            if (f->tag >= 0 && (uint32_t)f->tag == tag && present(f, d->version)) {
                struct reader inner = reader_of(body);
                struct decoder sub = *d;
                sub.r = &inner;
                decode_field(&sub, f, ret_msg);
                if (inner.err || reader_left(&inner)) {
                    reader_fail(d->r, inner.err ? inner.err : ERR_MALFORMED);
                }
            }
        }
    }
}

static void decode_struct(struct decoder *d, const struct schema *s, void *ret_msg)
{
    schema_init(s, ret_msg);
    for (uint16_t i = 0; i < s->field_count && !d->r->err; i++) {
        const struct field *f = &s->fields[i];
        if (present(f, d->version) && f->tag == NOTAG) {
            decode_field(d, f, ret_msg);
        }
    }
    if (d->flexible && !d->r->err) {
        decode_tags(d, s, ret_msg);
    }
}

enum err schema_decode(const struct schema *s, int16_t version, struct reader *r,
                       struct arena *arena, void *ret_msg)
{
    if (version < s->min || version > s->max) {
        return ERR_UNSUPPORTED;
    }
    struct decoder d = { r, arena, version, schema_is_flexible(s, version) };
    decode_struct(&d, s, ret_msg);
    return r->err;
}

/* --- encoding --------------------------------------------------------------------------------- */

struct encoder {
    struct writer *w;
    int16_t version;
    bool flexible;
};

static void encode_length(struct encoder *e, uint8_t kind, int64_t len)
{
    if (len > (kind == KIND_STR || kind == KIND_STR16 ? INT16_MAX : INT32_MAX - 1)) {
        e->w->err = ERR_LIMIT;
        len = 0;
    }
    if (e->flexible && kind != KIND_STR16) {
        writer_uvarint(e->w, (uint32_t)(len + 1));
    } else if (kind == KIND_STR || kind == KIND_STR16) {
        writer_i16(e->w, (int16_t)len);
    } else {
        writer_i32(e->w, (int32_t)len);
    }
}

static void encode_scalar(struct encoder *e, uint8_t kind, bool nullable, const void *p)
{
    switch (kind) {
    case KIND_BOOL:
        writer_i8(e->w, *(const bool *)p);
        break;
    case KIND_I8:
        writer_i8(e->w, *(const int8_t *)p);
        break;
    case KIND_I16:
    case KIND_U16:
        writer_i16(e->w, *(const int16_t *)p);
        break;
    case KIND_I32:
    case KIND_U32:
        writer_i32(e->w, *(const int32_t *)p);
        break;
    case KIND_I64:
        writer_i64(e->w, *(const int64_t *)p);
        break;
    case KIND_F64: {
        uint64_t bits;
        memcpy(&bits, p, 8);
        writer_be(e->w, bits, 8);
        break;
    }
    case KIND_UUID:
        writer_bytes(e->w, p, 16);
        break;
    case KIND_RECORDS: {
        const struct records *recs = p;
        if (recs->external) {
            encode_length(e, kind, (int64_t)recs->external_len);
            writer_splice(e->w, recs->external, recs->external_len);
            break;
        }
        p = &recs->bytes;
    }
        __attribute__((fallthrough));
    default: {
        const struct slice *s = p;
        bool null = !s->ptr && nullable;
        encode_length(e, kind, null ? -1 : (int64_t)s->len);
        writer_bytes(e->w, s->ptr, s->len);
    }
    }
}

static void encode_struct(struct encoder *e, const struct schema *s, const void *msg);

static void encode_items(struct encoder *e, const struct field *f, const void *msg)
{
    int32_t count = *(const int32_t *)at(msg, f->offset_n);
    const uint8_t *items = *(const uint8_t *const *)at(msg, f->offset);
    if (count < 0 && e->version < f->nullable) {
        count = 0;
    }
    encode_length(e, KIND_BYTES, count);
    size_t size = f->shape == SHAPE_VECTOR ? kind_size(f->kind) : f->sub->size;
    for (int32_t i = 0; i < count; i++, items += size) {
        if (f->shape == SHAPE_VECTOR) {
            encode_scalar(e, f->kind, false, items);
        } else {
            encode_struct(e, f->sub, items);
        }
    }
}

static void encode_field(struct encoder *e, const struct field *f, const void *msg)
{
    const void *p = at(msg, f->offset);
    switch (f->shape) {
    case SHAPE_SCALAR:
        encode_scalar(e, f->kind, e->version >= f->nullable, p);
        break;
    case SHAPE_STRUCT:
        encode_struct(e, f->sub, p);
        break;
    case SHAPE_OPTIONAL: {
        const void *sub = *(const void *const *)p;
        writer_i8(e->w, sub ? 1 : -1);
        if (sub) {
            encode_struct(e, f->sub, sub);
        }
        break;
    }
    default:
        encode_items(e, f, msg);
    }
}

static bool is_default(const struct field *f, const void *msg);

static bool struct_is_default(const struct schema *s, const void *msg)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        if (!is_default(&s->fields[i], msg)) {
            return false;
        }
    }
    return true;
}

/* Tagged fields travel only when they differ from their default (KIP-482). */
static bool is_default(const struct field *f, const void *msg)
{
    const void *p = at(msg, f->offset);
    switch (f->shape) {
    case SHAPE_STRUCT:
        return struct_is_default(f->sub, p);
    case SHAPE_OPTIONAL:
        return *(const void *const *)p == NULL;
    case SHAPE_VECTOR:
    case SHAPE_ARRAY:
        return *(const int32_t *)at(msg, f->offset_n) == (int32_t)f->value;
    default:
        break;
    }
    if (f->kind == KIND_STR || f->kind == KIND_STR16 || f->kind == KIND_BYTES) {
        const struct slice *s = p;
        return f->nullable != NEVER ? s->ptr == NULL : s->len == 0;
    }
    if (f->kind == KIND_RECORDS) {
        const struct records *recs = p;
        return !recs->external && recs->bytes.len == 0;
    }
    uint8_t value[sizeof(struct uuid)] = { 0 };
    set_int(f->kind, value, f->value);
    return memcmp(p, value, kind_size(f->kind)) == 0;
}

static void encode_tags(struct encoder *e, const struct schema *s, const void *msg)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        count += f->tag != NOTAG && present(f, e->version) && !is_default(f, msg);
    }
    writer_uvarint(e->w, count);
    /* Tags ascend: take the least tag above the last one, count times. */
    for (int16_t last = -1; count > 0; count--) {
        const struct field *next = NULL;
        for (uint16_t i = 0; i < s->field_count; i++) {
            const struct field *f = &s->fields[i];
            if (f->tag > last && (!next || f->tag < next->tag) && present(f, e->version) &&
                !is_default(f, msg)) {
                next = f;
            }
        }
        assert(next);
        struct writer counting;
        writer_init(&counting, NULL);
        struct encoder sizing = { &counting, e->version, e->flexible };
        encode_field(&sizing, next, msg);
        writer_uvarint(e->w, (uint32_t)next->tag);
        writer_uvarint(e->w, (uint32_t)counting.len);
        encode_field(e, next, msg);
        last = next->tag;
    }
}

static void encode_struct(struct encoder *e, const struct schema *s, const void *msg)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        if (present(f, e->version) && f->tag == NOTAG) {
            encode_field(e, f, msg);
        }
    }
    if (e->flexible) {
        encode_tags(e, s, msg);
    }
}

enum err schema_encode(const struct schema *s, int16_t version, struct writer *w, const void *msg)
{
    if (version < s->min || version > s->max) {
        return ERR_UNSUPPORTED;
    }
    struct encoder e = { w, version, schema_is_flexible(s, version) };
    encode_struct(&e, s, msg);
    return w->err;
}

size_t schema_size(const struct schema *s, int16_t version, const void *msg)
{
    struct writer w;
    writer_init(&w, NULL);
    (void)schema_encode(s, version, &w, msg);
    return w.len;
}

/* --- copies, searches ------------------------------------------------------------------------- */

static bool is_text(uint8_t kind)
{
    return kind == KIND_STR || kind == KIND_STR16 || kind == KIND_BYTES;
}

static bool copy_slice(struct arena *a, struct slice *s)
{
    if (s->ptr) {
        *s = arena_copy(a, *s);
        return s->ptr != NULL;
    }
    return true;
}

static bool copy_struct(struct arena *a, const struct schema *s, void *msg);

static bool copy_items(struct arena *a, const struct field *f, void *msg)
{
    int32_t count = *(int32_t *)at(msg, f->offset_n);
    void **items = at(msg, f->offset);
    if (count <= 0) {
        return true;
    }
    bool scalar = f->shape == SHAPE_VECTOR;
    size_t size = scalar ? kind_size(f->kind) : f->sub->size;
    uint8_t *copy = arena_array(a, (size_t)count, size);
    if (!copy) {
        return false;
    }
    memcpy(copy, *items, (size_t)count * size);
    *items = copy;
    bool ok = true;
    for (int32_t i = 0; ok && i < count; i++) {
        void *item = copy + (size_t)i * size;
        ok = !scalar ? copy_struct(a, f->sub, item) : !is_text(f->kind) || copy_slice(a, item);
    }
    return ok;
}

/* msg is a flat copy already; what it points to is copied now. */
static bool copy_struct(struct arena *a, const struct schema *s, void *msg)
{
    bool ok = true;
    for (uint16_t i = 0; ok && i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        void *p = at(msg, f->offset);
        switch (f->shape) {
        case SHAPE_SCALAR:
            ok = !is_text(f->kind) || copy_slice(a, p);
            break;
        case SHAPE_STRUCT:
            ok = copy_struct(a, f->sub, p);
            break;
        case SHAPE_OPTIONAL:
            if (*(void **)p) {
                *(void **)p = schema_copy(f->sub, a, *(void **)p);
                ok = *(void **)p != NULL;
            }
            break;
        default:
            ok = copy_items(a, f, msg);
        }
    }
    return ok;
}

void *schema_copy(const struct schema *s, struct arena *arena, const void *msg)
{
    void *copy = arena_alloc(arena, s->size);
    if (!copy) {
        return NULL;
    }
    memcpy(copy, msg, s->size);
    return copy_struct(arena, s, copy) ? copy : NULL;
}

bool schema_has_i16(const struct schema *s, const void *msg, const char *name, int16_t value)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        void *p = at(msg, f->offset);
        if (f->shape == SHAPE_SCALAR) {
            if (f->kind == KIND_I16 && *(int16_t *)p == value && strcmp(f->name, name) == 0) {
                return true;
            }
            continue;
        }
        int32_t count = f->shape == SHAPE_ARRAY ? *(int32_t *)at(msg, f->offset_n) : 1;
        const uint8_t *sub = f->shape == SHAPE_STRUCT ? p : *(void **)p;
        for (int32_t k = 0; f->sub && sub && k < count; k++) {
            if (schema_has_i16(f->sub, sub + (size_t)k * f->sub->size, name, value)) {
                return true;
            }
        }
    }
    return false;
}

/* --- ids -------------------------------------------------------------------------------------- */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void uuid_format(const struct uuid *id, char ret_text[23])
{
    unsigned bits = 0, have = 0, n = 0;
    for (unsigned i = 0; i < 16; i++) {
        bits = bits << 8 | id->bytes[i];
        for (have += 8; have >= 6; have -= 6) {
            ret_text[n++] = base64url[bits >> (have - 6) & 63];
        }
    }
    ret_text[n++] = base64url[bits << (6 - have) & 63];
    ret_text[n] = '\0';
}

enum err uuid_parse(struct slice text, struct uuid *ret_id)
{
    if (text.len != 22) {
        return ERR_MALFORMED;
    }
    unsigned bits = 0, have = 0, n = 0;
    struct uuid id;
    for (size_t i = 0; i < 22; i++) {
        const char *p = text.ptr[i] ? strchr(base64url, text.ptr[i]) : NULL;
        if (!p) {
            return ERR_MALFORMED;
        }
        bits = (bits << 6 | (unsigned)(p - base64url)) & 0xffff;
        have += 6;
        if (have >= 8 && n < 16) {
            have -= 8;
            id.bytes[n++] = (uint8_t)(bits >> have);
        }
    }
    *ret_id = id;
    return ERR_OK;
}
