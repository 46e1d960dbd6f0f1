/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages.h - the structs of all Kafka messages, and their tables.
 * Every list in messages_*.h becomes `struct x` and `x_schema`: see schema.h for how fields lie.
 * Set defaults by schema_init()/schema_new() before filling a message that is to be sent.
 */
#ifndef LOGBOOM_WIRE_MESSAGES_H
#define LOGBOOM_WIRE_MESSAGES_H

#include "protocol/wire/schema.h"

#define CTYPE_BOOL bool
#define CTYPE_I8 int8_t
#define CTYPE_I16 int16_t
#define CTYPE_U16 uint16_t
#define CTYPE_I32 int32_t
#define CTYPE_U32 uint32_t
#define CTYPE_I64 int64_t
#define CTYPE_F64 double
#define CTYPE_UUID struct uuid
#define CTYPE_STR struct slice
#define CTYPE_STR16 struct slice
#define CTYPE_BYTES struct slice
#define CTYPE_RECORDS struct records

#define MEMBER_F(T, kind, name, since, until, nullable, tag, value) CTYPE_##kind name;
#define MEMBER_V(T, kind, name, since, until, nullable, tag, value) \
    CTYPE_##kind *name;                                             \
    int32_t name##_n;
#define MEMBER_S(T, type, name, since, until, nullable, tag, value) struct type name;
#define MEMBER_O(T, type, name, since, until, nullable, tag, value) struct type *name;
#define MEMBER_A(T, type, name, since, until, nullable, tag, value) \
    struct type *name;                                              \
    int32_t name##_n;

#define STRUCT(name, FIELDS)                                                      \
    struct name {                                                                 \
        FIELDS(name, MEMBER_F, MEMBER_V, MEMBER_S, MEMBER_O, MEMBER_A)            \
    };                                                                            \
    extern const struct schema name##_schema;
#define MESSAGE(name, FIELDS, kafka_name, key, min, max, flexible) STRUCT(name, FIELDS)

#include "protocol/wire/messages_admin.h"
#include "protocol/wire/messages_cluster.h"
#include "protocol/wire/messages_data.h"
#include "protocol/wire/messages_group.h"
#include "protocol/wire/messages_metadata.h"
#include "protocol/wire/messages_quorum.h"
#include "protocol/wire/messages_record.h"

#undef STRUCT
#undef MESSAGE

/* Every top-level message (requests, responses, records), in the order of the lists. */
extern const struct schema *const message_schemas[];
extern const size_t message_schema_count;

#endif
