/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_format.h - the calendar, and time stamps in text: ISO 8601 in and out, Joda letters out.
 * Pure: no clock, no locale, no time zone database; English month and day names. What log files
 * write is read by time_layout.h.
 */
#ifndef LOGBOOM_EVENT_TIME_FORMAT_H
#define LOGBOOM_EVENT_TIME_FORMAT_H

#include "protocol/base/buf.h"
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

extern const char *const time_month_names[12]; /* "January"; from 0 */
extern const char *const time_day_names[7];    /* "Monday"; from 0 */

/* "2026-08-01T10:20:30.123Z", offsets "+02:00" "+0200" "+02", a blank for the T, any number of
 * fraction digits (cut at milliseconds), a bare date. offset_ms: the zone of a text that names
 * none, east is positive. */
bool time_parse_iso(struct slice text, int64_t offset_ms, int64_t *ret_unix_ms);
enum { TIME_ISO_LEN = 24, TIME_ISO_BYTES = TIME_ISO_LEN + 1 };
/* "2026-11-22T05:57:38.123Z" and a NUL: always UTC; years 0 to 9999 (others are clamped). */
void time_format_iso(int64_t unix_ms, char ret_text[TIME_ISO_BYTES]);

/* "UTC", "GMT", "Z", "+02:00", "-0530", "+02" in milliseconds. */
bool time_parse_offset(struct slice text, int64_t *ret_ms);
/* The same at the start of *left, which moves behind it. */
bool time_scan_offset(struct slice *left, int64_t *ret_ms);
/* Digits at the start of *left as milliseconds of a second; more than three are cut. */
bool time_scan_fraction(struct slice *left, int *ret_ms);
/* min to max (at most 9) digits at the start of *left. */
bool time_scan_digits(struct slice *left, unsigned min, unsigned max, int *ret_value);

/* Joda's letters, as Filebeat takes them in %{+yyyy.MM.dd}: y Y u x M w D d e E a H k K h m s S, as
 * wide as they are repeated (yy: two digits, MMM and E: names), text in quotes, and anything that
 * is no letter. ERR_INVALID for other letters. */
enum err time_joda_check(struct slice letters, struct error *err);
/* Appends in UTC; letters have passed time_joda_check(). */
void time_joda_append(struct buf *out, struct slice letters, int64_t unix_ms);

#endif
