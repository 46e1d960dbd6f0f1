/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_format.c - calendar arithmetic, ISO 8601, Joda letters. Pure; driven by patterns, layouts
 * and the programs' events. The calendar is that of H. Hinnant's "chrono-compatible low-level date
 * algorithms": years begin in March, so that the leap day is last.
 *   (T1) a parse either consumes the whole text and gives a moment that exists, or fails.
 */
#include "protocol/event/time_format.h"

enum { MS_PER_S = 1000, MS_PER_MIN = 60000, MS_PER_HOUR = 3600000, MS_PER_DAY = 86400000 };

const char *const time_month_names[12] = { "January",   "February", "March",    "April",
                                           "May",       "June",     "July",     "August",
                                           "September", "October",  "November", "December" };
const char *const time_day_names[7] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday" };

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

static bool scan_char(struct slice *left, char c)
{
    if (left->len == 0 || left->ptr[0] != (uint8_t)c) {
        return false;
    }
    *left = slice_from(*left, 1);
    return true;
}

static bool is_digit_at(const struct slice *left, size_t i)
{
    return i < left->len && left->ptr[i] >= '0' && left->ptr[i] <= '9';
}

bool time_scan_digits(struct slice *left, unsigned min, unsigned max, int *ret_value)
{
    int value = 0;
    unsigned n = 0;
    while (n < max && is_digit_at(left, n)) {
        value = value * 10 + (left->ptr[n] - '0');
        n++;
    }
    if (n < min) {
        return false;
    }
    *left = slice_from(*left, n);
    *ret_value = value;
    return true;
}

bool time_scan_fraction(struct slice *left, int *ret_ms)
{
    int ms = 0;
    size_t n = 0;
    for (int scale = 100; is_digit_at(left, n); n++, scale /= 10) {
        ms += (left->ptr[n] - '0') * scale;
    }
    if (n == 0) {
        return false;
    }
    *left = slice_from(*left, n);
    *ret_ms = ms;
    return true;
}

bool time_scan_offset(struct slice *left, int64_t *ret_ms)
{
    if (scan_char(left, 'Z') || scan_char(left, 'z')) {
        *ret_ms = 0;
        return true;
    }
    if (slice_starts(*left, "UTC") || slice_starts(*left, "GMT")) {
        *left = slice_from(*left, 3);
        *ret_ms = 0;
        return true;
    }
    bool minus = scan_char(left, '-');
    int hours, minutes = 0;
    if ((!minus && !scan_char(left, '+')) || !time_scan_digits(left, 2, 2, &hours)) {
        return false;
    }
    bool colon = scan_char(left, ':');
    if ((colon || is_digit_at(left, 0)) && !time_scan_digits(left, 2, 2, &minutes)) {
        return false;
    }
    if (hours > 23 || minutes > 59) {
        return false;
    }
    int64_t ms = (int64_t)hours * MS_PER_HOUR + (int64_t)minutes * MS_PER_MIN;
    *ret_ms = minus ? -ms : ms;
    return true;
}

bool time_parse_offset(struct slice text, int64_t *ret_ms)
{
    int64_t ms;
    if (!time_scan_offset(&text, &ms) || text.len != 0) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

/* Hours to the zone; a text that ends before the zone keeps *offset_ms. */
static bool scan_clock(struct slice *left, struct civil_time *t, int64_t *offset_ms)
{
    if (!time_scan_digits(left, 2, 2, &t->hour) || !scan_char(left, ':') ||
        !time_scan_digits(left, 2, 2, &t->minute) ||
        (scan_char(left, ':') && !time_scan_digits(left, 2, 2, &t->second))) {
        return false;
    }
    if ((scan_char(left, '.') || scan_char(left, ',')) &&
        !time_scan_fraction(left, &t->millisecond)) {
        return false;
    }
    return left->len == 0 || time_scan_offset(left, offset_ms);
}

bool time_parse_iso(struct slice text, int64_t offset_ms, int64_t *ret_unix_ms)
{
    struct civil_time t = { 0 };
    int year;
    if (!time_scan_digits(&text, 4, 4, &year) || !scan_char(&text, '-') ||
        !time_scan_digits(&text, 2, 2, &t.month) || !scan_char(&text, '-') ||
        !time_scan_digits(&text, 2, 2, &t.day)) {
        return false;
    }
    t.year = year;
    if ((scan_char(&text, 'T') || scan_char(&text, 't') || scan_char(&text, ' ')) &&
        !scan_clock(&text, &t, &offset_ms)) {
        return false;
    }
    if (text.len != 0 || !time_civil_exists(&t)) {
        return false;
    }
    *ret_unix_ms = time_ms_of_civil(&t) - offset_ms;
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

static void put_digits(char *to, int64_t value, unsigned width)
{
    for (unsigned i = width; i-- > 0;) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void time_format_iso(int64_t unix_ms, char ret_text[TIME_ISO_BYTES])
{
    struct civil_time t = time_civil_of_ms(unix_ms);
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", TIME_ISO_BYTES);
    put_digits(ret_text, t.year < 0 ? 0 : t.year > 9999 ? 9999 : t.year, 4);
    put_digits(ret_text + 5, t.month, 2);
    put_digits(ret_text + 8, t.day, 2);
    put_digits(ret_text + 11, t.hour, 2);
    put_digits(ret_text + 14, t.minute, 2);
    put_digits(ret_text + 17, t.second, 2);
    put_digits(ret_text + 20, t.millisecond, 3);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How often the first byte of *left stands there in a row; they are taken off. */
static unsigned take_run(struct slice *left)
{
    unsigned n = 1;
    while (n < left->len && left->ptr[n] == left->ptr[0]) {
        n++;
    }
    *left = slice_from(*left, n);
    return n;
}

/* 'text', and '' for a quote; out may be NULL. False: the quote is not closed. */
static bool take_quoted(struct slice *left, struct buf *out)
{
    const uint8_t *close = left->len > 1 ? memchr(left->ptr + 1, '\'', left->len - 1) : NULL;
    if (!close) {
        return false;
    }
    struct slice text = slice_of(left->ptr + 1, (size_t)(close - left->ptr) - 1);
    if (out) {
        buf_append_slice(out, text.len > 0 ? text : slice_head(*left, 1));
    }
    *left = slice_from(*left, text.len + 2);
    return true;
}

enum err time_joda_check(struct slice letters, struct error *err)
{
    struct slice left = letters;
    while (left.len > 0) {
        if (left.ptr[0] == '\'') {
            if (!take_quoted(&left, NULL)) {
                return err_set(err, ERR_INVALID, "the date \"%.*s\" has a quote that is not closed",
                               SLICE_ARG(letters));
            }
        } else if (is_letter(left.ptr[0]) && !memchr("yYuxMwDdeEaHkKhmsS", left.ptr[0], 18)) {
            return err_set(err, ERR_INVALID,
                           "the date letters \"%.*s\" are not understood (yyyy, yy, MM, MMM, dd, "
                           "HH, mm, ss, SSS, DDD, E, xxxx and ww are)",
                           SLICE_ARG(left));
        } else {
            left = slice_from(left, 1);
        }
    }
    return ERR_OK;
}

/* The number that a letter stands for. */
static int64_t joda_number(uint8_t letter, unsigned width, const struct civil_time *t)
{
    int64_t week_year;
    switch (letter) {
    case 'x':
        (void)time_iso_week(t, &week_year);
        return width == 2 ? week_year % 100 : week_year;
    case 'w':
        return time_iso_week(t, &week_year);
    case 'M':
        return t->month;
    case 'D':
        return time_year_day(t);
    case 'd':
        return t->day;
    case 'e':
        return time_weekday(t);
    case 'H':
        return t->hour;
    case 'k':
        return t->hour == 0 ? 24 : t->hour;
    case 'K':
        return t->hour % 12;
    case 'h':
        return t->hour % 12 == 0 ? 12 : t->hour % 12;
    case 'm':
        return t->minute;
    case 's':
        return t->second;
    default:
        return width == 2 ? t->year % 100 : t->year;
    }
}

static void append_padded(struct buf *out, int64_t value, unsigned width)
{
    char digits[20];
    unsigned n = 0;
    uint64_t left = value < 0 ? 0 : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    for (; width > n; width--) {
        buf_append_byte(out, '0');
    }
    while (n > 0) {
        buf_append_byte(out, (uint8_t)digits[--n]);
    }
}

static void append_name(struct buf *out, const char *name, bool whole)
{
    buf_append(out, name, whole ? strlen(name) : 3);
}

/* S: so many digits of the second's fraction. */
static void append_fraction(struct buf *out, int millisecond, unsigned width)
{
    char digits[3];
    put_digits(digits, millisecond, 3);
    for (unsigned i = 0; i < width; i++) {
        buf_append_byte(out, i < 3 ? (uint8_t)digits[i] : '0');
    }
}

void time_joda_append(struct buf *out, struct slice letters, int64_t unix_ms)
{
    struct civil_time t = time_civil_of_ms(unix_ms);
    while (letters.len > 0) {
        uint8_t letter = letters.ptr[0];
        if (!is_letter(letter)) {
            if (letter != '\'' || !take_quoted(&letters, out)) {
                buf_append_byte(out, letter);
                letters = slice_from(letters, 1);
            }
            continue;
        }
        unsigned width = take_run(&letters);
        if (letter == 'E') {
            append_name(out, time_day_names[time_weekday(&t) - 1], width > 3);
        } else if (letter == 'M' && width > 2) {
            append_name(out, time_month_names[t.month - 1], width > 3);
        } else if (letter == 'a') {
            buf_append_str(out, t.hour < 12 ? "AM" : "PM");
        } else if (letter == 'S') {
            append_fraction(out, t.millisecond, width);
        } else {
            append_padded(out, joda_number(letter, width, &t), width);
        }
    }
}
