/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_layout.h - reads the times that log files write, by a layout in one of three spellings:
 *   Go:       02/Jan/2006:15:04:05 -0700
 *   strptime: %d/%b/%Y:%H:%M:%S %z
 *   a word:   ISO8601, RFC3339, UNIX (seconds, fraction allowed), UNIX_MS
 * Pure. Where Filebeat's timestamp processor (Go's time.Parse) says what a text means, so do we.
 */
#ifndef LOGBOOM_EVENT_TIME_LAYOUT_H
#define LOGBOOM_EVENT_TIME_LAYOUT_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

enum { TIME_LAYOUT_STEPS_MAX = 64 };
struct time_layout {
    struct {
        uint8_t kind;
        uint8_t literal; /* the character; of a number, how many digits it must have */
    } steps[TIME_LAYOUT_STEPS_MAX];
    unsigned count;
};
/* ERR_INVALID with a sentence about the part that is not understood. */
enum err time_layout_compile(const char *text, struct time_layout *ret_layout, struct error *err);
/* offset_ms: the zone of times that carry none, east is positive. A layout without a year (syslog's
 * "Jan  2 15:04:05") takes that of near_ms, but for lines from around the New Year: a time that
 * would lie more than half a year ahead is of the year before, one less than a day ahead of near_ms
 * is of the next. */
bool time_layout_parse(const struct time_layout *l, struct slice text, int64_t offset_ms,
                       int64_t near_ms, int64_t *ret_unix_ms);

#endif
