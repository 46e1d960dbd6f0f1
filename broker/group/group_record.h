/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group_record.h - the records of __consumer_offsets that a classic group needs, byte for byte
 * Kafka's. A key or value is a big-endian i16 and a message of messages_record.h; the i16 of a key
 * tells what it is about, that of a value is its version.
 */
#ifndef LOGBOOM_GROUP_RECORD_H
#define LOGBOOM_GROUP_RECORD_H

#include "protocol/base/arena.h"
#include "protocol/wire/messages.h"

enum {
    GROUP_KEY_OFFSET_LEGACY = 0, /* the same layout as 1, of Kafka before 0.9 */
    GROUP_KEY_OFFSET = 1,
    GROUP_KEY_GROUP = 2,
    /* What Kafka 4.3 writes. */
    GROUP_OFFSET_VALUE_VERSION_EXPIRE = 1, /* with an expiry time (OffsetCommit v2-4) */
    GROUP_OFFSET_VALUE_VERSION = 3,        /* topic id not known */
    GROUP_OFFSET_VALUE_VERSION_ID = 4,     /* with the topic id, the usual case */
    GROUP_METADATA_VALUE_VERSION = 3,
};

struct group_record_key {
    int16_t kind; /* GROUP_KEY_* */
    struct slice group;
    struct slice topic; /* offsets only, as the partition */
    int32_t partition;
};

/* Views into key. ERR_UNSUPPORTED for a kind that is not of classic groups (KIP-848 and later write
 * to the same topic), ERR_SHORT or ERR_MALFORMED for damaged bytes. */
enum err group_record_read_key(struct slice key, struct group_record_key *ret_key);
/* Views into value. ERR_UNSUPPORTED for a version after 4; others as for keys. */
enum err group_record_read_offset(struct slice value, struct offset_commit_value *ret_value);
/* The members lie in the arena; ERR_LIMIT at its cap. */
enum err group_record_read_group(struct slice value, struct arena *arena,
                                 struct group_metadata_value *ret_value);

/* Append the encoded bytes to out. Strings must fit 32767 bytes, the callers bound them. */
void group_record_write_offset_key(struct buf *out, struct slice group, struct slice topic,
                                   int32_t partition);
void group_record_write_group_key(struct buf *out, struct slice group);
void group_record_write_offset(struct buf *out, const struct offset_commit_value *value);
void group_record_write_group(struct buf *out, const struct group_metadata_value *value);

#endif
