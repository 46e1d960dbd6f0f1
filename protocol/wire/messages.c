/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the field tables of all messages. No code lives here; schema.c walks the tables. */
#include "protocol/wire/messages.h"

#define FIELD(T, shape_, kind_, name_, since_, until_, nullable_, tag_, value_, n_, sub_)          \
    { .name = #name_,                                                                              \
      .shape = shape_,                                                                             \
      .kind = kind_,                                                                               \
      .since = since_,                                                                             \
      .until = until_,                                                                             \
      .nullable = nullable_,                                                                       \
      .tag = tag_,                                                                                 \
      .value = value_,                                                                             \
      .offset = (uint16_t)offsetof(struct T, name_),                                               \
      .offset_n = n_,                                                                              \
      .sub = sub_ },
#define FIELD_F(T, kind, name, since, until, nullable, tag, value)                                 \
    FIELD(T, SHAPE_SCALAR, KIND_##kind, name, since, until, nullable, tag, value, 0, NULL)
#define FIELD_V(T, kind, name, since, until, nullable, tag, value)                                 \
    FIELD(T, SHAPE_VECTOR, KIND_##kind, name, since, until, nullable, tag, value,                  \
          (uint16_t)offsetof(struct T, name##_n), NULL)
#define FIELD_S(T, type, name, since, until, nullable, tag, value)                                 \
    FIELD(T, SHAPE_STRUCT, 0, name, since, until, nullable, tag, value, 0, &type##_schema)
#define FIELD_O(T, type, name, since, until, nullable, tag, value)                                 \
    FIELD(T, SHAPE_OPTIONAL, 0, name, since, until, nullable, tag, value, 0, &type##_schema)
#define FIELD_A(T, type, name, since, until, nullable, tag, value)                                 \
    FIELD(T, SHAPE_ARRAY, 0, name, since, until, nullable, tag, value,                             \
          (uint16_t)offsetof(struct T, name##_n), &type##_schema)

#define TABLE(name_, FIELDS, kafka_name, key_, min_, max_, flexible_)                              \
    static const struct field name_##_fields[] = { FIELDS(name_, FIELD_F, FIELD_V, FIELD_S,        \
                                                          FIELD_O, FIELD_A) };                     \
    const struct schema name_##_schema = { .name = kafka_name,                                     \
                                           .fields = name_##_fields,                               \
                                           .field_count =                                          \
                                               sizeof(name_##_fields) / sizeof(struct field),      \
                                           .size = sizeof(struct name_),                           \
                                           .key = key_,                                            \
                                           .min = min_,                                            \
                                           .max = max_,                                            \
                                           .flexible = flexible_ };
#define STRUCT(name, FIELDS) TABLE(name, FIELDS, #name, -1, 0, MAX, NEVER)
#define MESSAGE(name, FIELDS, kafka_name, key, min, max, flexible)                                 \
    TABLE(name, FIELDS, kafka_name, key, min, max, flexible)

#include "protocol/wire/messages_admin.h"
#include "protocol/wire/messages_cluster.h"
#include "protocol/wire/messages_data.h"
#include "protocol/wire/messages_group.h"
#include "protocol/wire/messages_metadata.h"
#include "protocol/wire/messages_quorum.h"
#include "protocol/wire/messages_record.h"

#undef STRUCT
#undef MESSAGE
#define STRUCT(name, FIELDS)
#define MESSAGE(name, FIELDS, kafka_name, key, min, max, flexible) &name##_schema,

const struct schema *const message_schemas[] = {
#include "protocol/wire/messages_admin.h"
#include "protocol/wire/messages_cluster.h"
#include "protocol/wire/messages_data.h"
#include "protocol/wire/messages_group.h"
#include "protocol/wire/messages_metadata.h"
#include "protocol/wire/messages_quorum.h"
#include "protocol/wire/messages_record.h"
};
const size_t message_schema_count = sizeof(message_schemas) / sizeof(message_schemas[0]);
