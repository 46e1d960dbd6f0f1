/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - a Kafka message is a table; one decoder and one encoder walk it and hold every check.
 * The tables are made from the lists in messages_*.h; see messages.h for the structs.
 *
 * How a field lies in its struct:
 *   scalar   a member of the kind's C type; strings and bytes are slices (NULL ptr = null)
 *   vector   `T *name; int32_t name_n;` scalars, name_n == -1 is the null array
 *   struct   embedded
 *   optional `struct x *name;` NULL is null
 *   array    `struct x *name; int32_t name_n;` as vector
 *
 * Source: Kafka's protocol guide; KIP-482 (flexible versions, tagged fields).
 */
#ifndef LOGBOOM_WIRE_SCHEMA_H
#define LOGBOOM_WIRE_SCHEMA_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

enum { MAX = 32767, NEVER = 32767, NOTAG = -1 };

enum field_kind {
    KIND_BOOL,
    KIND_I8,
    KIND_I16,
    KIND_U16,
    KIND_I32,
    KIND_U32,
    KIND_I64,
    KIND_F64,
    KIND_UUID,
    KIND_STR,
    KIND_STR16, /* a string that stays classic in flexible versions (the header's client id) */
    KIND_BYTES,
    KIND_RECORDS,
};

enum field_shape { SHAPE_SCALAR, SHAPE_VECTOR, SHAPE_STRUCT, SHAPE_OPTIONAL, SHAPE_ARRAY };

struct field {
    const char *name;
    uint8_t shape;
    uint8_t kind;
    int16_t since, until;
    int16_t nullable; /* the first version in which null is allowed, or NEVER */
    int16_t tag;      /* NOTAG, or the tag under which it travels */
    int64_t value;    /* the default; -1 for arrays means null */
    uint16_t offset;
    uint16_t offset_n; /* of the count, for vectors and arrays */
    const struct schema *sub;
};

struct schema {
    const char *name; /* Kafka's name, e.g. "FetchRequest"; for inner structs the C name */
    const struct field *fields;
    uint16_t field_count;
    uint16_t size; /* sizeof the struct */
    int16_t key;   /* the API key, the record type, or -1 */
    int16_t min, max;
    int16_t flexible; /* the first flexible version, or NEVER */
};

struct uuid {
    uint8_t bytes[16];
};

/* The bytes of a records field. In a message to be sent they may lie elsewhere, e.g. in a file:
 * external is then the sender's own handle for external_len bytes, and bytes is null. */
struct records {
    struct slice bytes;
    void *external;
    size_t external_len;
};

/* Sets the defaults of one struct (its nested structs included). */
void schema_init(const struct schema *s, void *ret_msg);
/* count structs with defaults set; NULL at the arena's cap. */
void *schema_new(const struct schema *s, struct arena *arena, size_t count);

/* Decodes a body of the given version into ret_msg, which need not be initialised. Strings and
 * bytes are views into the reader's bytes; arrays live in the arena. Unknown tagged fields are
 * skipped. ERR_SHORT, ERR_MALFORMED (a null where none may be, a negative length, tags out of
 * order), ERR_LIMIT (the arena's cap), ERR_UNSUPPORTED (version outside [min, max]). Bytes behind
 * the body stay unread. */
enum err schema_decode(const struct schema *s, int16_t version, struct reader *r,
                       struct arena *arena, void *ret_msg);
/* Encodes msg at the given version. Fields the version lacks are left out silently. A null that the
 * version does not allow is written as empty. ERR_LIMIT when a string or count does not fit its
 * length field, ERR_UNSUPPORTED for a version outside [min, max]. */
enum err schema_encode(const struct schema *s, int16_t version, struct writer *w, const void *msg);
/* Encoded size, without external bytes left out. */
size_t schema_size(const struct schema *s, int16_t version, const void *msg);

/* A deep copy in the arena, the bytes of records fields excepted; NULL at the arena's cap. */
void *schema_copy(const struct schema *s, struct arena *arena, const void *msg);
/* Whether a 16-bit field of this name, at any depth, has the value: an error code, say. */
bool schema_has_i16(const struct schema *s, const void *msg, const char *name, int16_t value);

static inline bool schema_is_flexible(const struct schema *s, int16_t version)
{
    return version >= s->flexible;
}

static inline bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, 16) == 0;
}

static inline bool uuid_is_zero(const struct uuid *a)
{
    static const struct uuid zero = { { 0 } };
    return uuid_eq(a, &zero);
}

/* Kafka's spelling of ids: url-safe base64 without padding, 22 characters and a NUL. */
void uuid_format(const struct uuid *id, char ret_text[23]);
enum err uuid_parse(struct slice text, struct uuid *ret_id);

#endif
