/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_batch.h - Kafka's record batch, format 2 (KIP-98): view, walk, build.
 * Layout of the 61-byte header: baseOffset i64 @0, length i32 @8, partitionLeaderEpoch i32 @12,
 * magic i8 @16, crc u32 @17 (CRC-32C of everything from @21), attributes i16 @21, lastOffsetDelta
 * i32 @23, baseTimestamp i64 @27, maxTimestamp i64 @35, producerId i64 @43, producerEpoch i16 @51,
 * baseSequence i32 @53, count i32 @57, records @61. baseOffset and the leader epoch lie outside the
 * checksum: a broker stamps both in place.
 */
#ifndef LOGBOOM_WIRE_RECORD_BATCH_H
#define LOGBOOM_WIRE_RECORD_BATCH_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/wire/compress.h"
#include "protocol/wire/reader.h"

enum {
    BATCH_HEADER_BYTES = 61,
    BATCH_LENGTH_END = 12, /* size of a batch = length field + 12 */
    BATCH_MAGIC = 2,
    BATCH_ATTR_CODEC = 7,
    BATCH_ATTR_LOG_APPEND_TIME = 8,
    BATCH_ATTR_TRANSACTIONAL = 16,
    BATCH_ATTR_CONTROL = 32,
    BATCH_ATTR_DELETE_HORIZON = 64,
};

/* One batch, its header decoded; bytes stay the owner's. */
struct batch_view {
    struct slice bytes; /* the whole batch */
    int64_t base_offset;
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp_ms, max_timestamp_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

static inline int64_t batch_last_offset(const struct batch_view *b)
{
    return b->base_offset + b->last_offset_delta;
}

static inline enum codec batch_codec(const struct batch_view *b)
{
    return (enum codec)(b->attributes & BATCH_ATTR_CODEC);
}

/* Decodes the batch at the start of bytes. ERR_SHORT when it is not whole (also for less than a
 * header), ERR_MALFORMED for a length below the header's or counts that cannot be, ERR_UNSUPPORTED
 * for another magic. The checksum is not looked at. */
enum err batch_parse(struct slice bytes, struct batch_view *ret_batch);
/* Decodes a header alone: BATCH_HEADER_BYTES are enough. *ret_size is the size of the whole batch,
 * and ret_batch->bytes the null slice. ERR_SHORT for fewer bytes, otherwise as batch_parse(). */
enum err batch_parse_header(struct slice bytes, struct batch_view *ret_batch, uint32_t *ret_size);
/* The size of the batch at the start of bytes from its first 12 bytes; 0 when they are fewer, -1
 * for a length that cannot be. */
int64_t batch_size(struct slice bytes);
/* ERR_CHECKSUM when the bytes do not match. */
enum err batch_check_crc(const struct batch_view *b);
/* Stamps base offset and leader epoch into the bytes; the checksum stays right. */
void batch_stamp(uint8_t *batch_bytes, int64_t base_offset, int32_t leader_epoch);
/* Sets LogAppendTime: attribute bit, max timestamp, and the checksum anew. */
void batch_stamp_append_time(uint8_t *batch_bytes, int64_t wall_ms);
/* Sets producer id, epoch and sequence, and the checksum anew (when a batch is sent under another
 * epoch than it was built for). */
void batch_stamp_producer(uint8_t *batch_bytes, int64_t producer_id, int16_t producer_epoch,
                          int32_t base_sequence);

struct record_header {
    struct slice key;
    struct slice value; /* null allowed */
};

/* One record; every slice is a view, valid as long as the iterator's bytes are. */
struct record {
    int64_t offset;
    int64_t timestamp_ms;
    struct slice key;     /* null allowed */
    struct slice value;   /* null allowed */
    struct slice headers; /* encoded; record_headers_next() walks them */
    int32_t header_count;
};

/* A lazy walk over the records of one batch. */
struct batch_iter {
    const struct batch_view *batch;
    struct reader r;
    int32_t done;
};

/* Decompresses into scratch when the batch is compressed (scratch must outlive the walk); plain
 * batches are walked in place. ERR_LIMIT when the records would take more than max_bytes. */
enum err batch_iter_init(struct batch_iter *it, const struct batch_view *b, struct buf *scratch,
                         size_t max_bytes);
/* ERR_OK and a record; ERR_NOT_FOUND after the last one; ERR_MALFORMED or ERR_SHORT for bad bytes,
 * also when bytes are left over behind the last record. */
enum err batch_iter_next(struct batch_iter *it, struct record *ret_record);
/* Walks headers: pos starts at a reader over record.headers. */
enum err record_headers_next(struct reader *pos, struct record_header *ret_header);

/* A batch being built in one growing buffer. A zeroed one is valid. */
struct batch_builder {
    struct buf buf; /* header space, then records */
    int64_t base_timestamp_ms, max_timestamp_ms;
    int32_t record_count;
};

void batch_builder_deinit(struct batch_builder *b);
/* Empties, keeps the memory. */
void batch_builder_reset(struct batch_builder *b);
/* Appends one record; its offset field is ignored (the delta is its place), its headers are given
 * encoded (record.headers, header_count) or not at all. One copy of key and value, no allocation
 * beyond the buffer's growth. */
void batch_builder_append(struct batch_builder *b, const struct record *rec);
/* What the batch would take with one more record of this key and value length, uncompressed. */
size_t batch_builder_size_with(const struct batch_builder *b, size_t key_len, size_t value_len);

struct batch_seal {
    enum codec codec;
    int level;           /* the codec's own; 0 = its default */
    int16_t attributes;  /* further bits, e.g. transactional, control */
    int64_t producer_id; /* -1 for none */
    int16_t producer_epoch;
    int32_t base_sequence;
};

/* Compresses the records (into *out; kept plain when that would not make them smaller), writes the
 * header and the checksum. Without compression the result lies in b->buf and out is not used.
 * The view is valid until b or out changes. */
enum err batch_builder_seal(struct batch_builder *b, const struct batch_seal *seal, struct buf *out,
                            struct slice *ret_bytes);

#endif
