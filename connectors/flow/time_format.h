/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_format.h - time stamps in text: ISO 8601 in and out, layouts for what log files write.
 * Pure: no clock, no locale, no time zone database; English month and day names.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_TIME_FORMAT_H
#define LOGBOOM_CONNECTORS_FLOW_TIME_FORMAT_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

/* A moment taken apart, UTC or local as the context says. */
struct civil_time {
    int64_t year;
    int month, day;           /* from 1 */
    int hour, minute, second; /* second up to 60 */
    int millisecond;
};

/* Proleptic Gregorian calendar, any int64_t of milliseconds that a year of 5 digits holds. */
struct civil_time time_civil_of_ms(int64_t unix_ms);
int64_t time_ms_of_civil(const struct civil_time *t);
/* Whether the calendar has this moment (a leap second counts). */
bool time_civil_exists(const struct civil_time *t);
/* Monday is 1. */
int time_weekday(const struct civil_time *t);
/* From 1. */
int time_year_day(const struct civil_time *t);
/* ISO 8601 week and the year it belongs to. */
int time_iso_week(const struct civil_time *t, int64_t *ret_week_year);

/* "2026-08-01T10:20:30.123Z", offsets "+02:00" "+0200" "+02", a blank for the T, any number of
 * fraction digits (cut at milliseconds), a bare date. Without an offset: UTC. */
bool time_parse_iso(struct slice text, int64_t *ret_unix_ms);
enum { TIME_ISO_BYTES = 40 };
/* Always UTC with milliseconds and Z. */
void time_format_iso(int64_t unix_ms, char ret_text[TIME_ISO_BYTES]);

/* A layout in one of three spellings:
 *   Go:       02/Jan/2006:15:04:05 -0700
 *   strptime: %d/%b/%Y:%H:%M:%S %z
 *   a word:   ISO8601, UNIX (seconds, fraction allowed), UNIX_MS */
enum { TIME_LAYOUT_STEPS_MAX = 32 };
struct time_layout {
    struct {
        uint8_t kind;
        uint8_t literal;
    } steps[TIME_LAYOUT_STEPS_MAX];
    unsigned count;
};
/* ERR_INVALID with a sentence about the part that is not understood. */
enum err time_layout_compile(const char *text, struct time_layout *ret_layout, struct error *err);
/* offset_ms: the zone of times that carry none, east is positive. A layout without a year takes the
 * year that brings the time nearest to near_ms (syslog's "Jan  2 15:04:05"). */
bool time_layout_parse(const struct time_layout *l, struct slice text, int64_t offset_ms,
                       int64_t near_ms, int64_t *ret_unix_ms);
/* "UTC", "Z", "+02:00", "-0530" in milliseconds. */
bool time_parse_offset(struct slice text, int64_t *ret_ms);

#endif
