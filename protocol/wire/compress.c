/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.c - gzip, snappy, lz4 and zstd by their own libraries.
 * Driven by record_batch.c, on workers where a batch is large.
 *
 *   (Z1) Output grows as bytes really come out; a declared size is at most a reason to refuse.
 *   (Z2) One byte beyond max_bytes is enough to stop: a bomb costs max_bytes, not its own size.
 *   (Z3) After an error `out` holds what it held before.
 *   (Z4) What is written, the Java client reads: xerial framing for snappy, independent blocks of
 *        64 KiB and no checksums for lz4.
 */
#include "protocol/wire/compress.h"

#include "protocol/base/be.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    IN_BYTES_MAX = INT32_MAX, /* no message of the protocol is larger */
    STEP_BYTES = 16 * 1024,   /* the first piece of output */
    STEP_BYTES_MAX = 4 * 1024 * 1024,
    XERIAL_HEADER_BYTES = 16,
    XERIAL_BLOCK_BYTES = 32 * 1024,
    /* A snappy copy takes 3 bytes and gives at most 64: no block grows by more than this. */
    SNAPPY_GROWTH_MAX = 22,
    ZSTD_WINDOW_LOG_LEAST = 23, /* 8 MiB: what every decoder should take (RFC 8878, 3.1.1.1.2) */
    ZSTD_WINDOW_LOG_MOST = 27,
};

/* Xerial's magic, then its version and the least version that can read it. */
static const uint8_t xerial_header[XERIAL_HEADER_BYTES] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                            0,    0,   0,   1,   0,   0,   0,   1 };

static const char *const names[CODEC_COUNT] = { "none", "gzip", "snappy", "lz4", "zstd" };

const char *codec_name(enum codec c)
{
    return (unsigned)c < CODEC_COUNT ? names[c] : NULL;
}

enum err codec_parse(struct slice name, enum codec *ret_codec)
{
    for (unsigned i = 0; i < CODEC_COUNT; i++) {
        if (slice_eq_str(name, names[i])) {
            *ret_codec = (enum codec)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* Output that grows with what has come out, up to one byte more than allowed (Z2). */
struct sink {
    struct buf *out;
    size_t start;
    size_t max_bytes;
};

static size_t sink_produced(const struct sink *s)
{
    return s->out->len - s->start;
}

/* Room for the next piece of output; 0 bytes when too much has come out already. */
static uint8_t *sink_room(struct sink *s, size_t *ret_room)
{
    size_t produced = sink_produced(s);
    if (produced > s->max_bytes) {
        *ret_room = 0;
        return NULL;
    }
    size_t step = produced < STEP_BYTES ? STEP_BYTES : produced;
    step = step < STEP_BYTES_MAX ? step : STEP_BYTES_MAX;
    size_t left = s->max_bytes - produced;
    *ret_room = left < step ? left + 1 : step;
    return buf_reserve(s->out, *ret_room);
}

/* --- gzip ------------------------------------------------------------------------------------- */

enum { GZIP_WINDOW_BITS = 15 + 16 }; /* 16: the gzip wrapper, and no other */

static enum err gzip_compress(int level, struct slice in, struct buf *out)
{
    z_stream z = { 0 };
    level = level ? clamp(level, Z_BEST_SPEED, Z_BEST_COMPRESSION) : Z_DEFAULT_COMPRESSION;
    if (deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return ERR_LIMIT;
    }
    size_t bound = deflateBound(&z, (uLong)in.len);
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = buf_reserve(out, bound);
    z.avail_out = (uInt)bound;
    int rc = deflate(&z, Z_FINISH);
    out->len += z.total_out;
    (void)deflateEnd(&z);
    return rc == Z_STREAM_END ? ERR_OK : ERR_LIMIT;
}

static enum err gzip_decompress(struct slice in, struct sink *sink)
{
    z_stream z = { 0 };
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK) {
        return ERR_LIMIT;
    }
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    enum err err = ERR_OK;
    for (;;) {
        size_t room;
        z.next_out = sink_room(sink, &room);
        if (!room) {
            err = ERR_LIMIT;
            break;
        }
        z.avail_out = (uInt)room;
        int rc = inflate(&z, Z_NO_FLUSH);
        sink->out->len += room - z.avail_out;
        if (rc == Z_STREAM_END) {
            /* A gzip file is a row of members. */
            if (!z.avail_in) {
                break;
            }
            rc = inflateReset(&z);
        }
        if (rc != Z_OK || (!z.avail_in && z.avail_out)) {
            err = ERR_MALFORMED;
            break;
        }
    }
    (void)inflateEnd(&z);
    return err;
}

/* --- snappy ----------------------------------------------------------------------------------- */

static enum err snappy_compress_framed(struct slice in, struct buf *out)
{
    buf_append(out, xerial_header, sizeof(xerial_header));
    for (size_t at = 0; at < in.len; at += XERIAL_BLOCK_BYTES) {
        struct slice block = slice_head(slice_from(in, at), XERIAL_BLOCK_BYTES);
        size_t len = snappy_max_compressed_length(block.len);
        uint8_t *p = buf_reserve(out, 4 + len);
        if (snappy_compress((const char *)block.ptr, block.len, (char *)p + 4, &len) != SNAPPY_OK) {
            return ERR_LIMIT;
        }
        be32_store(p, (uint32_t)len);
        out->len += 4 + len;
    }
    return ERR_OK;
}

static enum err snappy_block(struct slice in, struct sink *sink)
{
    size_t len;
    if (snappy_uncompressed_length((const char *)in.ptr, in.len, &len) != SNAPPY_OK ||
        len / SNAPPY_GROWTH_MAX > in.len) {
        return ERR_MALFORMED;
    }
    if (len > sink->max_bytes - sink_produced(sink)) {
        return ERR_LIMIT;
    }
    uint8_t *p = buf_reserve(sink->out, len);
    if (snappy_uncompress((const char *)in.ptr, in.len, (char *)p, &len) != SNAPPY_OK) {
        return ERR_MALFORMED;
    }
    sink->out->len += len;
    return ERR_OK;
}

static enum err snappy_decompress(struct slice in, struct sink *sink)
{
    /* The eight bytes of magic tell the framing; versions have been 1 ever since. */
    if (in.len < XERIAL_HEADER_BYTES || memcmp(in.ptr, xerial_header, 8) != 0) {
        return snappy_block(in, sink);
    }
    in = slice_from(in, XERIAL_HEADER_BYTES);
    while (in.len) {
        if (in.len < 4 || be32_load(in.ptr) > in.len - 4) {
            return ERR_MALFORMED;
        }
        size_t len = be32_load(in.ptr);
        enum err err = snappy_block(slice_of(in.ptr + 4, len), sink);
        if (err) {
            return err;
        }
        in = slice_from(in, 4 + len);
    }
    return ERR_OK;
}

/* --- lz4 -------------------------------------------------------------------------------------- */

static enum err lz4_compress(int level, struct slice in, struct buf *out)
{
    LZ4F_preferences_t prefs = {
        .frameInfo = { .blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent },
        .compressionLevel = level ? clamp(level, 1, LZ4F_compressionLevel_max()) : 0,
    };
    size_t bound = LZ4F_compressFrameBound(in.len, &prefs);
    uint8_t *p = buf_reserve(out, bound);
    size_t n = LZ4F_compressFrame(p, bound, in.ptr, in.len, &prefs);
    if (LZ4F_isError(n)) {
        return ERR_LIMIT;
    }
    out->len += n;
    return ERR_OK;
}

static enum err lz4_decompress(struct slice in, struct sink *sink)
{
    LZ4F_dctx *ctx;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION))) {
        return ERR_LIMIT;
    }
    enum err err = ERR_OK;
    size_t hint = 1;
    while (hint) {
        size_t room;
        uint8_t *p = sink_room(sink, &room);
        if (!room) {
            err = ERR_LIMIT;
            break;
        }
        size_t taken = in.len, given = room;
        hint = LZ4F_decompress(ctx, p, &given, in.ptr, &taken, NULL);
        if (LZ4F_isError(hint) || (hint && !taken && !given)) {
            err = ERR_MALFORMED;
            break;
        }
        sink->out->len += given;
        in = slice_from(in, taken);
    }
    (void)LZ4F_freeDecompressionContext(ctx);
    return !err && in.len ? ERR_MALFORMED : err;
}

/* --- zstd ------------------------------------------------------------------------------------- */

static enum err zstd_compress(int level, struct slice in, struct buf *out)
{
    size_t bound = ZSTD_compressBound(in.len);
    level = level ? clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel()) : ZSTD_CLEVEL_DEFAULT;
    size_t n = ZSTD_compress(buf_reserve(out, bound), bound, in.ptr, in.len, level);
    if (ZSTD_isError(n)) {
        return ERR_LIMIT;
    }
    out->len += n;
    return ERR_OK;
}

/* The decoder takes memory for the window that a frame declares: no more than goes with max_bytes.
 */
static int zstd_window_log_max(size_t max_bytes)
{
    int log = max_bytes ? 64 - __builtin_clzll(max_bytes) : 0;
    return clamp(log, ZSTD_WINDOW_LOG_LEAST, ZSTD_WINDOW_LOG_MOST);
}

static enum err zstd_decompress(struct slice in, struct sink *sink)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (!ctx) {
        return ERR_LIMIT;
    }
    (void)ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, zstd_window_log_max(sink->max_bytes));
    ZSTD_inBuffer input = { in.ptr, in.len, 0 };
    enum err err = ERR_OK;
    size_t left = 1;
    /* Frames may follow one another: done when a frame is and so are the bytes. */
    while (left || input.pos < input.size) {
        ZSTD_outBuffer output = { .pos = 0 };
        output.dst = sink_room(sink, &output.size);
        if (!output.size) {
            err = ERR_LIMIT;
            break;
        }
        size_t before = input.pos;
        left = ZSTD_decompressStream(ctx, &output, &input);
        if (ZSTD_isError(left)) {
            bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
            err = window ? ERR_LIMIT : ERR_MALFORMED;
            break;
        }
        sink->out->len += output.pos;
        if (left && input.pos == before && !output.pos) {
            err = ERR_MALFORMED;
            break;
        }
    }
    (void)ZSTD_freeDCtx(ctx);
    return err;
}

/* --- the table ----------------------------------------------------------------------------------
 */

enum err codec_compress(enum codec c, int level, struct slice in, struct buf *out)
{
    if (in.len > IN_BYTES_MAX) {
        return ERR_LIMIT;
    }
    size_t start = out->len;
    enum err err = ERR_UNSUPPORTED;
    switch (c) {
    case CODEC_NONE:
        buf_append_slice(out, in);
        return ERR_OK;
    case CODEC_GZIP:
        err = gzip_compress(level, in, out);
        break;
    case CODEC_SNAPPY:
        err = snappy_compress_framed(in, out);
        break;
    case CODEC_LZ4:
        err = lz4_compress(level, in, out);
        break;
    case CODEC_ZSTD:
        err = zstd_compress(level, in, out);
        break;
    case CODEC_COUNT:
        break;
    }
    if (err) {
        out->len = start;
    }
    return err;
}

enum err codec_decompress(enum codec c, struct slice in, size_t max_bytes, struct buf *out)
{
    if (in.len > IN_BYTES_MAX) {
        return ERR_LIMIT;
    }
    struct sink sink = { out, out->len, max_bytes < SIZE_MAX / 2 ? max_bytes : SIZE_MAX / 2 };
    enum err err = ERR_UNSUPPORTED;
    switch (c) {
    case CODEC_NONE:
        if (in.len > max_bytes) {
            return ERR_LIMIT;
        }
        buf_append_slice(out, in);
        return ERR_OK;
    case CODEC_GZIP:
        err = gzip_decompress(in, &sink);
        break;
    case CODEC_SNAPPY:
        err = snappy_decompress(in, &sink);
        break;
    case CODEC_LZ4:
        err = lz4_decompress(in, &sink);
        break;
    case CODEC_ZSTD:
        err = zstd_decompress(in, &sink);
        break;
    case CODEC_COUNT:
        break;
    }
    if (!err && sink_produced(&sink) > sink.max_bytes) {
        err = ERR_LIMIT;
    }
    if (err) {
        out->len = sink.start;
    }
    return err;
}
