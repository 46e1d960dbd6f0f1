/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.h - one record of `__cluster_metadata` as bytes: frame version 1, record type, version,
 * body. The tables of the bodies are in protocol/wire/messages_metadata.h. Source: KIP-631, and
 * Kafka's MetadataRecordSerde: a reader refuses unknown types, newer versions and bytes left over.
 */
#ifndef LOGBOOM_CONTROLLER_RECORDS_H
#define LOGBOOM_CONTROLLER_RECORDS_H

#include "protocol/wire/messages.h"

/* Levels of metadata.version (Kafka's MetadataVersion): the range that this release knows, and
 * where something begins. */
enum {
    METADATA_VERSION = 30,     /* 4.3-IV0 */
    METADATA_VERSION_MIN = 7,  /* 3.3-IV3 */
    METADATA_SKIPS_EPOCH = 12, /* 3.6-IV0: a smaller ISR needs no new leader epoch */
    METADATA_TRANSACTIONS = 13,
    METADATA_CONTROLLERS = 15, /* 3.7-IV0: controllers register */
    METADATA_DIRECTORIES = 17, /* 3.7-IV2 */
    METADATA_ELR = 23,         /* 4.0-IV1 */
};

/* The versions of records at METADATA_VERSION. */
enum {
    REGISTER_BROKER_RECORD_VERSION = 4,
    BROKER_REGISTRATION_CHANGE_RECORD_VERSION = 3,
    REGISTER_CONTROLLER_RECORD_VERSION = 0,
    PARTITION_RECORD_VERSION = 2,
    PARTITION_CHANGE_RECORD_VERSION = 2,
};

/* One batch of records: Kafka's own limit (KafkaRaftClient). */
enum { METADATA_BATCH_BYTES_MAX = 8 << 20 };

/* The records of one change, in order: they are appended as one batch and so are there as a whole
 * or not at all. */
struct metadata_records {
    struct buf bytes; /* values, one behind the other */
    uint32_t *ends;   /* where each ends in bytes */
    uint32_t count, cap;
};

void metadata_records_deinit(struct metadata_records *r);
/* Empties, keeps the memory. */
void metadata_records_reset(struct metadata_records *r);
/* Adds a record that is bytes already. */
void metadata_records_add_raw(struct metadata_records *r, struct slice record);
/* Takes back the records from `count` on. */
void metadata_records_cut(struct metadata_records *r, uint32_t count);
/* What they will take in a batch, about: never less. */
size_t metadata_records_size(const struct metadata_records *r);
/* The version of a record that every node at this metadata.version can read (KIP-778). */
int16_t metadata_record_version(const struct schema *schema, int16_t metadata_version);
/* The value of record i; valid until the next change. */
struct slice metadata_records_at(const struct metadata_records *r, uint32_t i);
/* Adds one record. The version must be one of the schema's: our own bug otherwise. */
void metadata_records_add(struct metadata_records *r, const struct schema *schema, int16_t version,
                          const void *msg);

/* The type (Kafka's key) of a value; -1 when it cannot be told. */
int32_t metadata_record_type(struct slice value);
/* Decodes a value: its table, version and body (in the arena; strings are views into value).
 * ERR_UNSUPPORTED for another frame version, an unknown type or a newer version; ERR_SHORT,
 * ERR_MALFORMED (also for bytes left over), ERR_LIMIT at the arena's cap. */
enum err metadata_record_decode(struct slice value, struct arena *arena,
                                const struct schema **ret_schema, int16_t *ret_version,
                                void **ret_msg);

#endif
