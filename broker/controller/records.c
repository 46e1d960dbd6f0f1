/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.c - metadata records to bytes and back. Driven by image.c, changes.c and the metadata
 * log.
 *   (R1) Only the types in the table are read or written: the one list of record types we
 *        know.
 */
#include "broker/controller/records.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum { FRAME_VERSION = 1 };

static const struct schema *const record_schemas[] = {
    &register_broker_record_schema,
    &unregister_broker_record_schema,
    &topic_record_schema,
    &partition_record_schema,
    &config_record_schema,
    &partition_change_record_schema,
    &fence_broker_record_schema,
    &unfence_broker_record_schema,
    &remove_topic_record_schema,
    &feature_level_record_schema,
    &producer_ids_record_schema,
    &broker_registration_change_record_schema,
    &no_op_record_schema,
    &begin_transaction_record_schema,
    &end_transaction_record_schema,
    &abort_transaction_record_schema,
    &register_controller_record_schema,
    &clear_elr_record_schema,
    &client_quota_record_schema,
    &user_scram_credential_record_schema,
    &remove_user_scram_credential_record_schema,
    &access_control_entry_record_schema,
    &remove_access_control_entry_record_schema,
    &delegation_token_record_schema,
    &remove_delegation_token_record_schema,
    &zk_migration_state_record_schema,
};

static const struct schema *schema_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof(record_schemas) / sizeof(record_schemas[0]); i++) {
        if ((uint32_t)record_schemas[i]->key == type) {
            return record_schemas[i];
        }
    }
    return NULL;
}

void metadata_records_deinit(struct metadata_records *r)
{
    buf_deinit(&r->bytes);
    mem_free(r->ends);
    *r = (struct metadata_records){ 0 };
}

void metadata_records_reset(struct metadata_records *r)
{
    buf_reset(&r->bytes);
    r->count = 0;
}

void metadata_records_cut(struct metadata_records *r, uint32_t count)
{
    assert(count <= r->count);
    r->count = count;
    r->bytes.len = count ? r->ends[count - 1] : 0;
}

size_t metadata_records_size(const struct metadata_records *r)
{
    enum { RECORD_OVERHEAD_MAX = 32 };
    return r->bytes.len + (size_t)r->count * RECORD_OVERHEAD_MAX;
}

struct version_step {
    const struct schema *schema;
    int16_t metadata_version, version; /* from that level on */
};

int16_t metadata_record_version(const struct schema *schema, int16_t metadata_version)
{
    static const struct version_step steps[] = {
        { &register_broker_record_schema, METADATA_VERSION_MIN, 1 },
        { &register_broker_record_schema, 8, 2 },
        { &register_broker_record_schema, METADATA_DIRECTORIES, 3 },
        { &register_broker_record_schema, METADATA_VERSION, 4 },
        { &broker_registration_change_record_schema, METADATA_VERSION_MIN, 1 },
        { &broker_registration_change_record_schema, METADATA_DIRECTORIES, 2 },
        { &broker_registration_change_record_schema, METADATA_VERSION, 3 },
        { &partition_record_schema, METADATA_DIRECTORIES, 1 },
        { &partition_record_schema, METADATA_ELR, 2 },
        { &partition_change_record_schema, METADATA_DIRECTORIES, 1 },
        { &partition_change_record_schema, METADATA_ELR, 2 },
    };
    int16_t version = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].schema == schema && metadata_version >= steps[i].metadata_version) {
            version = steps[i].version;
        }
    }
    return version;
}

struct slice metadata_records_at(const struct metadata_records *r, uint32_t i)
{
    assert(i < r->count);
    uint32_t from = i ? r->ends[i - 1] : 0;
    return slice_of(r->bytes.ptr + from, r->ends[i] - from);
}

static void end_record(struct metadata_records *r)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->ends = mem_rearray(r->ends, r->cap, sizeof(*r->ends));
    }
    r->ends[r->count++] = (uint32_t)r->bytes.len;
}

void metadata_records_add_raw(struct metadata_records *r, struct slice record)
{
    buf_append_slice(&r->bytes, record);
    end_record(r);
}

void metadata_records_add(struct metadata_records *r, const struct schema *schema, int16_t version,
                          const void *msg)
{
    struct writer w;
    writer_init(&w, &r->bytes);
    writer_uvarint(&w, FRAME_VERSION);
    writer_uvarint(&w, (uint32_t)schema->key);
    writer_uvarint(&w, (uint32_t)version);
    enum err e = schema_encode(schema, version, &w, msg);
    assert(e == ERR_OK);
    (void)e;
    writer_deinit(&w);
    end_record(r);
}

int32_t metadata_record_type(struct slice value)
{
    struct reader r = reader_of(value);
    uint32_t frame = reader_uvarint(&r);
    uint32_t type = reader_uvarint(&r);
    return r.err || frame != FRAME_VERSION || type > INT16_MAX ? -1 : (int32_t)type;
}

enum err metadata_record_decode(struct slice value, struct arena *arena,
                                const struct schema **ret_schema, int16_t *ret_version,
                                void **ret_msg)
{
    struct reader r = reader_of(value);
    uint32_t frame = reader_uvarint(&r);
    uint32_t type = reader_uvarint(&r);
    uint32_t version = reader_uvarint(&r);
    if (r.err) {
        return r.err;
    }
    const struct schema *schema = frame == FRAME_VERSION ? schema_of(type) : NULL;
    if (!schema || version > (uint32_t)schema->max) {
        return ERR_UNSUPPORTED;
    }
    void *msg = schema_new(schema, arena, 1);
    if (!msg) {
        return ERR_LIMIT;
    }
    enum err e = schema_decode(schema, (int16_t)version, &r, arena, msg);
    if (e) {
        return e;
    }
    if (reader_left(&r) != 0) {
        return ERR_MALFORMED;
    }
    *ret_schema = schema;
    *ret_version = (int16_t)version;
    *ret_msg = msg;
    return ERR_OK;
}
