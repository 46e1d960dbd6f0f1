/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_scan.c - see segment_scan.h. Driven by recovery.c (what no sync covered) and log_read.c
 * (what nobody has looked at since the start).
 */
#include "broker/storage/segment_scan.h"

#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"

enum { SCAN_BYTES = 256 << 10, BATCH_CRC_FROM = 21 };

void segment_scan_init(struct segment_scan *sc, struct open_file *file, uint32_t end)
{
    *sc = (struct segment_scan){
        .v = file->vfs, .file = open_file_ref(file), .end = end, .bytes = mem_alloc(SCAN_BYTES)
    };
}

void segment_scan_deinit(struct segment_scan *sc)
{
    mem_free(sc->bytes);
    open_file_unref(sc->file);
}

static enum err fill(struct segment_scan *sc, uint32_t position)
{
    size_t want = sc->end - position < SCAN_BYTES ? sc->end - position : SCAN_BYTES;
    size_t got = 0;
    enum err e = sc->v->ops->pread(sc->v, sc->file->file, sc->bytes, want, position, &got);
    sc->from = position;
    sc->len = e ? 0 : (uint32_t)got;
    return e;
}

/* The checksum of a batch that is larger than the buffer, in pieces. */
static enum err check_large(struct segment_scan *sc, const struct segment_batch *b)
{
    uint32_t crc = 0, at = b->position + BATCH_CRC_FROM, end = b->position + b->size_bytes;
    while (at < end) {
        enum err e = fill(sc, at);
        if (e) {
            return e;
        }
        uint32_t n = sc->len < end - at ? sc->len : end - at;
        if (!n) {
            return ERR_CORRUPT;
        }
        crc = crc32c_extend(crc, sc->bytes, n);
        at += n;
    }
    return crc == b->header.crc ? ERR_OK : ERR_CORRUPT;
}

enum err segment_scan_batch(struct segment_scan *sc, uint32_t position,
                            struct segment_batch *ret_batch)
{
    if (sc->end - position < BATCH_HEADER_BYTES) {
        return ERR_CORRUPT;
    }
    if (position < sc->from || position + BATCH_HEADER_BYTES > sc->from + sc->len) {
        enum err e = fill(sc, position);
        if (e) {
            return e;
        }
    }
    struct segment_batch b = { .position = position };
    struct slice have =
        slice_of(sc->bytes + (position - sc->from), sc->len - (position - sc->from));
    if (batch_parse_header(have, &b.header, &b.size_bytes) || b.size_bytes > sc->end - position) {
        return ERR_CORRUPT;
    }
    if (b.size_bytes > SCAN_BYTES) {
        enum err e = check_large(sc, &b);
        *ret_batch = b;
        return e;
    }
    if (b.size_bytes > have.len) {
        enum err e = fill(sc, position);
        if (e) {
            return e;
        }
        have = slice_of(sc->bytes, sc->len);
    }
    struct batch_view whole;
    if (batch_parse(have, &whole) || batch_check_crc(&whole)) {
        return ERR_CORRUPT;
    }
    *ret_batch = b;
    return ERR_OK;
}
