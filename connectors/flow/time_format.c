/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_format.c - calendar arithmetic, and layouts compiled to steps. Pure; driven by patterns,
 * events and the timestamp node. The calendar is that of H. Hinnant's "chrono-compatible low-level
 * date algorithms": years begin in March, so that the leap day is last.
 *   (T1) a parse either consumes the whole text and gives a moment that exists, or fails.
 */
#include "connectors/flow/time_format.h"

#include <stdio.h>

enum { MS_PER_S = 1000, MS_PER_MIN = 60000, MS_PER_HOUR = 3600000, MS_PER_DAY = 86400000 };

static int64_t days_of_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil_time time_civil_of_ms(int64_t unix_ms)
{
    int64_t days = unix_ms / MS_PER_DAY;
    int64_t rest = unix_ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil_time t = { 0 };
    t.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    t.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    t.year = yoe + era * 400 + (t.month <= 2);
    t.hour = (int)(rest / MS_PER_HOUR);
    t.minute = (int)(rest / MS_PER_MIN % 60);
    t.second = (int)(rest / MS_PER_S % 60);
    t.millisecond = (int)(rest % MS_PER_S);
    return t;
}

int64_t time_ms_of_civil(const struct civil_time *t)
{
    return days_of_civil(t->year, t->month, t->day) * MS_PER_DAY + (int64_t)t->hour * MS_PER_HOUR +
           (int64_t)t->minute * MS_PER_MIN + (int64_t)t->second * MS_PER_S + t->millisecond;
}

int time_weekday(const struct civil_time *t)
{
    int64_t days = days_of_civil(t->year, t->month, t->day) + 3; /* 1970-01-01 was a Thursday */
    int64_t w = days % 7;
    return (int)(w < 0 ? w + 7 : w) + 1;
}

int time_year_day(const struct civil_time *t)
{
    return (int)(days_of_civil(t->year, t->month, t->day) - days_of_civil(t->year, 1, 1)) + 1;
}

int time_iso_week(const struct civil_time *t, int64_t *ret_week_year)
{
    /* The week belongs to the year of its Thursday. */
    int64_t ms = time_ms_of_civil(t) + (int64_t)(4 - time_weekday(t)) * MS_PER_DAY;
    struct civil_time thursday = time_civil_of_ms(ms);
    *ret_week_year = thursday.year;
    return (time_year_day(&thursday) - 1) / 7 + 1;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool time_civil_exists(const struct civil_time *t)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (t->month < 1 || t->month > 12 || t->day < 1) {
        return false;
    }
    int last = days[t->month - 1] + (t->month == 2 && is_leap(t->year));
    return t->day <= last && t->hour >= 0 && t->hour < 24 && t->minute >= 0 && t->minute < 60 &&
           t->second >= 0 && t->second <= 60;
}

/* --- scanning ------------------------------------------------------------------------------ */

struct scan {
    struct slice left;
};

static bool scan_char(struct scan *s, uint8_t c)
{
    if (s->left.len == 0 || s->left.ptr[0] != c) {
        return false;
    }
    s->left = slice_from(s->left, 1);
    return true;
}

static bool is_digit_at(const struct scan *s, size_t i)
{
    return i < s->left.len && s->left.ptr[i] >= '0' && s->left.ptr[i] <= '9';
}

/* min to max digits. */
static bool scan_digits(struct scan *s, size_t min, size_t max, int64_t *ret_value)
{
    int64_t value = 0;
    size_t n = 0;
    while (n < max && is_digit_at(s, n)) {
        value = value * 10 + (s->left.ptr[n] - '0');
        n++;
    }
    if (n < min) {
        return false;
    }
    s->left = slice_from(s->left, n);
    *ret_value = value;
    return true;
}

static bool scan_int(struct scan *s, size_t min, size_t max, int *ret_value)
{
    int64_t value;
    if (!scan_digits(s, min, max, &value)) {
        return false;
    }
    *ret_value = (int)value;
    return true;
}

/* Any number of digits as milliseconds of a second. */
static bool scan_fraction_ms(struct scan *s, int *ret_ms)
{
    int ms = 0;
    size_t n = 0;
    for (int scale = 100; is_digit_at(s, n); n++, scale /= 10) {
        ms += (s->left.ptr[n] - '0') * scale;
    }
    if (n == 0) {
        return false;
    }
    s->left = slice_from(s->left, n);
    *ret_ms = ms;
    return true;
}

/* Z, UTC, GMT, +hh, +hhmm, +hh:mm. */
static bool scan_offset(struct scan *s, int64_t *ret_ms)
{
    if (scan_char(s, 'Z')) {
        *ret_ms = 0;
        return true;
    }
    if (slice_starts(s->left, "UTC") || slice_starts(s->left, "GMT")) {
        s->left = slice_from(s->left, 3);
        *ret_ms = 0;
        return true;
    }
    bool minus = scan_char(s, '-');
    int hours, minutes = 0;
    if ((!minus && !scan_char(s, '+')) || !scan_int(s, 2, 2, &hours)) {
        return false;
    }
    bool colon = scan_char(s, ':');
    if ((colon || is_digit_at(s, 0)) && !scan_int(s, 2, 2, &minutes)) {
        return false;
    }
    if (hours > 18 || minutes > 59) {
        return false;
    }
    int64_t ms = (int64_t)hours * MS_PER_HOUR + (int64_t)minutes * MS_PER_MIN;
    *ret_ms = minus ? -ms : ms;
    return true;
}

bool time_parse_offset(struct slice text, int64_t *ret_ms)
{
    struct scan s = { text };
    int64_t ms;
    if (!scan_offset(&s, &ms) || s.left.len != 0) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

static bool scan_iso(struct scan *s, int64_t offset_ms, int64_t *ret_unix_ms)
{
    struct civil_time t = { 0 };
    bool date = scan_digits(s, 4, 4, &t.year) && scan_char(s, '-') && scan_int(s, 2, 2, &t.month) &&
                scan_char(s, '-') && scan_int(s, 2, 2, &t.day);
    if (!date) {
        return false;
    }
    if (scan_char(s, 'T') || scan_char(s, 't') || scan_char(s, ' ')) {
        bool clock =
            scan_int(s, 2, 2, &t.hour) && scan_char(s, ':') && scan_int(s, 2, 2, &t.minute);
        if (!clock || (scan_char(s, ':') && !scan_int(s, 2, 2, &t.second))) {
            return false;
        }
        if ((scan_char(s, '.') || scan_char(s, ',')) && !scan_fraction_ms(s, &t.millisecond)) {
            return false;
        }
        if (s->left.len > 0 && !scan_offset(s, &offset_ms)) {
            return false;
        }
    }
    if (!time_civil_exists(&t)) {
        return false;
    }
    *ret_unix_ms = time_ms_of_civil(&t) - offset_ms;
    return true;
}

bool time_parse_iso(struct slice text, int64_t *ret_unix_ms)
{
    struct scan s = { text };
    int64_t ms;
    if (!scan_iso(&s, 0, &ms) || s.left.len != 0) {
        return false;
    }
    *ret_unix_ms = ms;
    return true;
}

void time_format_iso(int64_t unix_ms, char ret_text[TIME_ISO_BYTES])
{
    struct civil_time t = time_civil_of_ms(unix_ms);
    snprintf(ret_text, TIME_ISO_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)t.year, t.month,
             t.day, t.hour, t.minute, t.second, t.millisecond);
}
