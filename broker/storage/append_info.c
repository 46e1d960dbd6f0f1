/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append_info.c - checks and stamps of record batches before an append. Driven by the Produce
 * handler and by whoever writes internal topics. Never looks inside a batch: header and checksum
 * only.
 */
#include "broker/storage/append_info.h"

static enum kafka_error refuse(enum kafka_error code, struct error *err, const char *why)
{
    (void)err_set(err, ERR_INVALID, "%s", why);
    return code;
}

/* The rules for what clients send. */
static enum kafka_error check_client_batch(const struct batch_view *b, struct error *err)
{
    if (b->record_count < 1 || b->last_offset_delta != b->record_count - 1) {
        return refuse(KAFKA_INVALID_RECORD, err,
                      "the batch's record count and last offset delta do not fit each other");
    }
    if (b->attributes & BATCH_ATTR_CONTROL) {
        return refuse(KAFKA_INVALID_RECORD, err, "clients may not write control batches");
    }
    if (b->producer_id >= 0 && (b->base_sequence < 0 || b->producer_epoch < 0)) {
        return refuse(KAFKA_INVALID_RECORD, err,
                      "the batch has a producer id, but no sequence or no epoch");
    }
    if ((b->attributes & BATCH_ATTR_TRANSACTIONAL) && b->producer_id < 0) {
        return refuse(KAFKA_INVALID_RECORD, err,
                      "the batch is transactional, but has no producer id");
    }
    return KAFKA_NONE;
}

static enum kafka_error check_batch(const struct batch_view *b, const struct append_rules *rules,
                                    struct error *err)
{
    if (b->bytes.len > rules->batch_bytes_max) {
        (void)err_set(err, ERR_LIMIT, "a batch has %zu bytes, max.message.bytes is %u",
                      b->bytes.len, rules->batch_bytes_max);
        return KAFKA_MESSAGE_TOO_LARGE;
    }
    if (batch_codec(b) == CODEC_ZSTD && !rules->zstd_allowed) {
        return refuse(KAFKA_UNSUPPORTED_COMPRESSION_TYPE, err,
                      "zstd needs Produce version 7 or later");
    }
    if (batch_check_crc(b)) {
        return refuse(KAFKA_CORRUPT_MESSAGE, err, "the batch's checksum does not match its bytes");
    }
    return rules->from_client ? check_client_batch(b, err) : KAFKA_NONE;
}

/* Why a batch did not parse, in Kafka's codes. */
static enum kafka_error refuse_unparsed(struct slice rest, enum err e, struct error *err)
{
    if (e == ERR_UNSUPPORTED) {
        return refuse(KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT, err,
                      "the records are not in message format 2, the only one since Apache Kafka 4");
    }
    struct batch_view header;
    uint32_t size;
    if (batch_parse_header(rest, &header, &size) == ERR_MALFORMED && rest.len > 22 &&
        (rest.ptr[22] & BATCH_ATTR_CODEC) >= CODEC_COUNT) {
        return refuse(KAFKA_UNSUPPORTED_COMPRESSION_TYPE, err, "unknown compression codec");
    }
    return refuse(KAFKA_CORRUPT_MESSAGE, err,
                  e == ERR_SHORT ? "the last batch is not whole" : "the batch's header cannot be");
}

enum kafka_error append_info_check(struct slice records, const struct append_rules *rules,
                                   struct append_info *ret_info, struct error *err)
{
    struct append_info info = { .bytes = records.len, .max_timestamp_ms = -1 };
    struct slice rest = records;
    while (rest.len) {
        struct batch_view b;
        enum err e = batch_parse(rest, &b);
        if (e) {
            return refuse_unparsed(rest, e, err);
        }
        enum kafka_error refused = check_batch(&b, rules, err);
        if (refused) {
            return refused;
        }
        if (!info.batch_count) {
            info.base_timestamp_ms = b.base_timestamp_ms;
            info.first = (struct producer_batch){
                .producer_id = b.producer_id,
                .producer_epoch = b.producer_epoch,
                .base_sequence = b.base_sequence,
                .last_sequence = b.base_sequence < 0
                                     ? -1
                                     : producer_sequence_add(b.base_sequence, b.last_offset_delta),
                .last_offset = b.last_offset_delta,
                .offset_delta = b.last_offset_delta,
                .timestamp_ms = b.max_timestamp_ms,
            };
        } else if (rules->from_client) {
            return refuse(KAFKA_INVALID_RECORD, err,
                          "Produce may carry exactly one batch for a partition");
        }
        info.batch_count++;
        info.offset_count += (int64_t)b.last_offset_delta + 1;
        if (b.base_timestamp_ms < info.base_timestamp_ms) {
            info.base_timestamp_ms = b.base_timestamp_ms;
        }
        if (b.max_timestamp_ms > info.max_timestamp_ms) {
            info.max_timestamp_ms = b.max_timestamp_ms;
            info.max_timestamp_delta = info.offset_count - 1;
        }
        info.transactional |= (b.attributes & BATCH_ATTR_TRANSACTIONAL) != 0;
        info.control |= (b.attributes & BATCH_ATTR_CONTROL) != 0;
        rest = slice_from(rest, b.bytes.len);
    }
    if (!info.batch_count) {
        return refuse(KAFKA_INVALID_RECORD, err, "there is no batch in the records");
    }
    *ret_info = info;
    return KAFKA_NONE;
}

void append_info_stamp(uint8_t *records, size_t len, int64_t base_offset, int32_t leader_epoch,
                       int64_t append_time_ms)
{
    for (size_t at = 0; at < len;) {
        struct batch_view b;
        if (batch_parse(slice_of(records + at, len - at), &b)) {
            return; /* they were checked: cannot be */
        }
        batch_stamp(records + at, base_offset, leader_epoch);
        if (append_time_ms >= 0) {
            batch_stamp_append_time(records + at, append_time_ms);
        }
        base_offset += (int64_t)b.last_offset_delta + 1;
        at += b.bytes.len;
    }
}
