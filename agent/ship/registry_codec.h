/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_codec.h - the bytes of the registry: a header, then records, each with its own checksum.
 * A record states one file whole (the last statement wins) or its removal, so that records that
 * cannot be read are passed over and the others still hold.
 *
 * Record: magic u32, length u32 (of the payload), crc32c u32 (of the payload), payload.
 * Little-endian.
 */
#ifndef LOGBOOM_AGENT_SHIP_REGISTRY_CODEC_H
#define LOGBOOM_AGENT_SHIP_REGISTRY_CODEC_H

#include "agent/tail/hours.h"
#include "agent/tail/identity.h"
#include "protocol/base/err.h"

enum { REGISTRY_HEADER_BYTES = 16, REGISTRY_PAYLOAD_BYTES_MAX = 16 << 10 };

enum registry_kind { REGISTRY_PUT = 1, REGISTRY_REMOVE = 2 };

struct registry_record {
    enum registry_kind kind;
    struct file_id id;
    struct file_place place;
    struct file_mark mark;
    int64_t mtime_ns;    /* of the file when the mark was taken */
    uint64_t size_bytes; /* likewise */
    int64_t seen_ms;     /* wall clock: when a scan last found it */
    struct slice input_id, path;
    struct file_hours hours; /* absent in records of the first version: count 0 */
};

void registry_encode_header(struct buf *out);
void registry_encode(const struct registry_record *r, struct buf *out);

struct registry_decoded {
    size_t records;
    size_t skipped_bytes; /* unreadable, between readable records */
    size_t whole_bytes;   /* up to the end of the last readable record */
};

/* Calls each() for every readable record in order; its slices point into bytes. ERR_UNSUPPORTED
 * when the header is not ours (a newer format, another file); an empty or torn header is an empty
 * registry. */
enum err registry_decode(struct slice bytes,
                         void (*each)(void *ctx, const struct registry_record *r), void *ctx,
                         struct registry_decoded *ret_decoded);

#endif
