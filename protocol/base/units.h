/* SPDX-License-Identifier: Apache-2.0 */
/* units.h - the numbers people write: "10s", "2h45m", "64MiB", "10MB", "1_000". */
#ifndef LOGBOOM_BASE_UNITS_H
#define LOGBOOM_BASE_UNITS_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

/* Go-style durations, "1h2m3.5s" with ns us ms s m h d; a bare number counts `bare_unit_ns` each.
 * ERR_INVALID for anything else, ERR_LIMIT when it does not fit. Negative values are allowed. */
enum err units_duration_ns(struct slice text, int64_t bare_unit_ns, int64_t *ret_ns);
/* Sizes: a number with B, KB, MB, GB, TB (10^3) or KiB, MiB, GiB, TiB, K, M, G (2^10); bare is
 * bytes. */
enum err units_size_bytes(struct slice text, int64_t *ret_bytes);
/* A decimal integer with an optional sign and `_` between digits. */
enum err units_int(struct slice text, int64_t *ret_value);
/* Shortest exact spelling of a duration, e.g. 90000000000 -> "1m30s". Writes at most 32 bytes. */
const char *units_format_duration(int64_t ns, char ret_text[32]);
/* "1.5 GiB" style, for people. Writes at most 32 bytes. */
const char *units_format_size(uint64_t bytes, char ret_text[32]);

#endif
