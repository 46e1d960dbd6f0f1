/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.h - the codecs of the Kafka protocol behind one table.
 * Snappy is written in the xerial framing that the Java client writes and read in both framings;
 * lz4 is the frame format (KIP-57); gzip and zstd are their own formats.
 */
#ifndef LOGBOOM_WIRE_COMPRESS_H
#define LOGBOOM_WIRE_COMPRESS_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_COUNT };

/* "none", "gzip", ...; NULL for an unknown one. */
const char *codec_name(enum codec c);
/* ERR_NOT_FOUND for an unknown name. */
enum err codec_parse(struct slice name, enum codec *ret_codec);
/* Appends the compressed bytes to out. level 0 is the codec's default; out of range is clamped. */
enum err codec_compress(enum codec c, int level, struct slice in, struct buf *out);
/* Appends the plain bytes to out. ERR_LIMIT as soon as more than max_bytes would come out (nothing
 * near that is allocated before); ERR_MALFORMED for bad input. */
enum err codec_decompress(enum codec c, struct slice in, size_t max_bytes, struct buf *out);

#endif
