/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_record.c - reading and writing the records of __consumer_offsets.
 * Driven by load.c (reads) and by whoever appends (writes); the tables do the work.
 *   (R1) What is written reads back equal; tests/broker/check_group_record.c holds it against bytes
 *        of Apache Kafka.
 */
#include "broker/group/group_record.h"

#include <assert.h>

static enum err read_versioned(struct slice bytes, const struct schema *schema, struct arena *arena,
                               void *ret_msg)
{
    struct reader r = reader_of(bytes);
    int16_t version = reader_i16(&r);
    if (r.err) {
        return r.err;
    }
    return schema_decode(schema, version, &r, arena, ret_msg);
}

enum err group_record_read_key(struct slice key, struct group_record_key *ret_key)
{
    struct reader r = reader_of(key);
    int16_t kind = reader_i16(&r);
    if (r.err) {
        return r.err;
    }
    struct arena none;
    arena_init(&none, 0);
    if (kind == GROUP_KEY_OFFSET || kind == GROUP_KEY_OFFSET_LEGACY) {
        struct offset_commit_key k;
        enum err e = schema_decode(&offset_commit_key_schema, 0, &r, &none, &k);
        if (!e) {
            *ret_key = (struct group_record_key){ kind, k.group, k.topic, k.partition };
        }
        return e;
    }
    if (kind == GROUP_KEY_GROUP) {
        struct group_metadata_key k;
        enum err e = schema_decode(&group_metadata_key_schema, 0, &r, &none, &k);
        if (!e) {
            *ret_key = (struct group_record_key){ .kind = kind, .group = k.group };
        }
        return e;
    }
    return ERR_UNSUPPORTED;
}

enum err group_record_read_offset(struct slice value, struct offset_commit_value *ret_value)
{
    struct arena none;
    arena_init(&none, 0);
    struct offset_commit_value v;
    enum err e = read_versioned(value, &offset_commit_value_schema, &none, &v);
    if (!e) {
        *ret_value = v;
    }
    return e;
}

enum err group_record_read_group(struct slice value, struct arena *arena,
                                 struct group_metadata_value *ret_value)
{
    struct group_metadata_value v;
    enum err e = read_versioned(value, &group_metadata_value_schema, arena, &v);
    if (!e) {
        *ret_value = v;
    }
    return e;
}

static void write_prefixed(struct buf *out, int16_t prefix, const struct schema *schema,
                           int16_t version, const void *msg)
{
    struct writer w;
    writer_init(&w, out);
    writer_i16(&w, prefix);
    enum err e = schema_encode(schema, version, &w, msg);
    assert(e == ERR_OK);
    (void)e;
    writer_deinit(&w);
}

void group_record_write_offset_key(struct buf *out, struct slice group, struct slice topic,
                                   int32_t partition)
{
    struct offset_commit_key k = { .group = group, .topic = topic, .partition = partition };
    write_prefixed(out, GROUP_KEY_OFFSET, &offset_commit_key_schema, 0, &k);
}

void group_record_write_group_key(struct buf *out, struct slice group)
{
    struct group_metadata_key k = { .group = group };
    write_prefixed(out, GROUP_KEY_GROUP, &group_metadata_key_schema, 0, &k);
}

void group_record_write_offset(struct buf *out, const struct offset_commit_value *value)
{
    int16_t version = GROUP_OFFSET_VALUE_VERSION;
    if (value->expire_timestamp >= 0) {
        version = GROUP_OFFSET_VALUE_VERSION_EXPIRE;
    } else if (!uuid_is_zero(&value->topic_id)) {
        version = GROUP_OFFSET_VALUE_VERSION_ID;
    }
    write_prefixed(out, version, &offset_commit_value_schema, version, value);
}

void group_record_write_group(struct buf *out, const struct group_metadata_value *value)
{
    write_prefixed(out, GROUP_METADATA_VALUE_VERSION, &group_metadata_value_schema,
                   GROUP_METADATA_VALUE_VERSION, value);
}
