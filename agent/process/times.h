/* SPDX-License-Identifier: Apache-2.0 */
/* times.h - dates in the three notations that people write: RFC 3339, Go layouts and strptime for
 * reading, Joda ("yyyy.MM.dd") for index and topic names. UTC unless the text says otherwise. */
#ifndef LOGBOOM_AGENT_PROCESS_TIMES_H
#define LOGBOOM_AGENT_PROCESS_TIMES_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { TIMES_RFC3339_BYTES = 24 };

/* "2026-11-22T05:57:38.123Z"; years 0 to 9999 (others are clamped). */
void times_format_rfc3339(int64_t wall_ms, char ret_text[TIMES_RFC3339_BYTES]);
/* Appends by a Joda format: y M d H m s S, quoted text, anything else as it is. */
void times_format_joda(int64_t wall_ms, struct slice format, struct buf *out);
/* ERR_MALFORMED when the text is not of the layout: a Go layout ("02/Jan/2006:15:04:05 -0700"), a
 * strptime one (with %), or UNIX, UNIX_MS. offset_s: the zone of a text that names none. A layout
 * without a year takes that of now_ms. */
enum err times_parse(struct slice text, const char *layout, int32_t offset_s, int64_t now_ms,
                     int64_t *ret_wall_ms);

#endif
