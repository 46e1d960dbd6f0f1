/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append_info.h - the look at a client's record batches before they are appended: headers and
 * checksums are checked, records are not opened. Then append_info_stamp() gives them their offsets,
 * and log_append() writes the very bytes.
 */
#ifndef LOGBOOM_BROKER_APPEND_INFO_H
#define LOGBOOM_BROKER_APPEND_INFO_H

#include "broker/replica/producer_state.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/record_batch.h"

struct append_rules {
    uint32_t batch_bytes_max; /* max.message.bytes; MESSAGE_TOO_LARGE above */
    bool from_client;         /* exactly one batch, no control batches, offsets dense */
    bool zstd_allowed;        /* Produce 7 and later */
};

struct append_info {
    uint32_t batch_count;
    int64_t offset_count;      /* offsets that the batches take */
    int64_t base_timestamp_ms; /* the least base timestamp of a batch */
    int64_t max_timestamp_ms;
    int64_t max_timestamp_delta; /* last offset of that batch, counted from the first offset */
    size_t bytes;
    bool transactional, control;
    struct producer_batch first; /* of the first batch; producer_id -1 when it has none. Its
                                    last_offset is the delta until the offsets are known. */
};

/* Kafka's code when the records must be refused, with a sentence in err; KAFKA_NONE and *ret_info
 * otherwise. Damage gives CORRUPT_MESSAGE, a broken rule INVALID_RECORD, an unknown codec
 * UNSUPPORTED_COMPRESSION_TYPE, another magic UNSUPPORTED_FOR_MESSAGE_FORMAT. */
enum kafka_error append_info_check(struct slice records, const struct append_rules *rules,
                                   struct append_info *ret_info, struct error *err);
/* Stamps consecutive offsets from base_offset on and the leader epoch into every batch;
 * append_time_ms >= 0 also sets LogAppendTime and the checksums anew. Checked records only. */
void append_info_stamp(uint8_t *records, size_t len, int64_t base_offset, int32_t leader_epoch,
                       int64_t append_time_ms);

#endif
