/* SPDX-License-Identifier: Apache-2.0 */
/*
 * times.c - see times.h. Pure; the calendar is the proleptic Gregorian one (H. Hinnant's day
 * count).
 *
 * Invariants:
 * I1. Reading stops at the end of text and layout; no text is an error of ours.
 */
#include "agent/process/times.h"

#include <strings.h>

static const char *const month_names[12] = { "January",   "February", "March",    "April",
                                             "May",       "June",     "July",     "August",
                                             "September", "October",  "November", "December" };
static const char *const day_names[7] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                          "Friday", "Saturday", "Sunday" };

struct civil {
    int64_t year;
    int month, day, hour, minute, second, milli; /* month from 1 */
};

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static struct civil civil_of(int64_t wall_ms)
{
    int64_t days = wall_ms / 86400000;
    int64_t rest = wall_ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct civil c = { .year = yoe + era * 400, .day = (int)(doy - (153 * mp + 2) / 5 + 1) };
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year += c.month <= 2;
    c.hour = (int)(rest / 3600000);
    c.minute = (int)(rest / 60000 % 60);
    c.second = (int)(rest / 1000 % 60);
    c.milli = (int)(rest % 1000);
    return c;
}

static void put_digits(char *to, int64_t value, unsigned width)
{
    for (unsigned i = width; i-- > 0;) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void times_format_rfc3339(int64_t wall_ms, char ret_text[TIMES_RFC3339_BYTES])
{
    struct civil c = civil_of(wall_ms);
    int64_t year = c.year < 0 ? 0 : c.year > 9999 ? 9999 : c.year;
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", TIMES_RFC3339_BYTES);
    put_digits(ret_text, year, 4);
    put_digits(ret_text + 5, c.month, 2);
    put_digits(ret_text + 8, c.day, 2);
    put_digits(ret_text + 11, c.hour, 2);
    put_digits(ret_text + 14, c.minute, 2);
    put_digits(ret_text + 17, c.second, 2);
    put_digits(ret_text + 20, c.milli, 3);
}

void times_format_joda(int64_t wall_ms, struct slice format, struct buf *out)
{
    struct civil c = civil_of(wall_ms);
    for (size_t i = 0; i < format.len;) {
        uint8_t letter = format.ptr[i];
        unsigned width = 0;
        while (i < format.len && format.ptr[i] == letter && width < 9) {
            width++;
            i++;
        }
        int64_t value = -1;
        switch (letter) {
        case 'y':
        case 'Y':
        case 'u':
            value = width == 2 ? c.year % 100 : c.year;
            break;
        case 'M':
            value = c.month;
            break;
        case 'd':
            value = c.day;
            break;
        case 'H':
            value = c.hour;
            break;
        case 'm':
            value = c.minute;
            break;
        case 's':
            value = c.second;
            break;
        case 'S':
            value = c.milli;
            break;
        default:
            break;
        }
        if (value >= 0) {
            buf_printf(out, "%0*lld", (int)width, (long long)value);
        } else {
            for (; letter != '\'' && width > 0; width--) {
                buf_append_byte(out, letter);
            }
        }
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

struct parse {
    struct slice text;
    struct civil c;
    int32_t offset_s;
    bool pm, has_pm, has_year, has_epoch;
    int64_t epoch_ms;
};

static bool take_number(struct parse *p, unsigned min, unsigned max, int64_t *ret_value)
{
    int64_t value = 0;
    unsigned n = 0;
    while (n < max && n < p->text.len && p->text.ptr[n] >= '0' && p->text.ptr[n] <= '9') {
        value = value * 10 + (p->text.ptr[n++] - '0');
    }
    if (n < min) {
        return false;
    }
    p->text = slice_from(p->text, n);
    *ret_value = value;
    return true;
}

static bool take_int(struct parse *p, unsigned min, unsigned max, int lo, int hi, int *ret_value)
{
    int64_t value;
    if (!take_number(p, min, max, &value) || value < lo || value > hi) {
        return false;
    }
    *ret_value = (int)value;
    return true;
}

static bool take_year(struct parse *p, unsigned digits)
{
    int64_t year;
    if (!take_number(p, digits, digits, &year)) {
        return false;
    }
    p->c.year = digits == 2 ? year + (year < 69 ? 2000 : 1900) : year;
    p->has_year = true;
    return true;
}

static bool take_name(struct parse *p, const char *const *names, size_t count, bool whole,
                      int *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = whole ? strlen(names[i]) : 3;
        if (p->text.len >= n && strncasecmp((const char *)p->text.ptr, names[i], n) == 0) {
            p->text = slice_from(p->text, n);
            *ret_index = (int)i;
            return true;
        }
    }
    return false;
}

/* "Z", "+0100", "+01:00", "+01". */
static bool take_zone(struct parse *p)
{
    if (p->text.len && (*p->text.ptr == 'Z' || *p->text.ptr == 'z')) {
        p->text = slice_from(p->text, 1);
        p->offset_s = 0;
        return true;
    }
    if (!p->text.len || (*p->text.ptr != '+' && *p->text.ptr != '-')) {
        return false;
    }
    int sign = *p->text.ptr == '-' ? -1 : 1;
    int hours, minutes = 0;
    p->text = slice_from(p->text, 1);
    if (!take_int(p, 2, 2, 0, 23, &hours)) {
        return false;
    }
    if (p->text.len && *p->text.ptr == ':') {
        p->text = slice_from(p->text, 1);
    }
    if (p->text.len && *p->text.ptr >= '0' && *p->text.ptr <= '9' &&
        !take_int(p, 2, 2, 0, 59, &minutes)) {
        return false;
    }
    p->offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* Letters: "UTC", "CET"; only UTC and GMT are understood as what they say. */
static bool take_zone_name(struct parse *p)
{
    size_t n = 0;
    while (n < p->text.len && p->text.ptr[n] >= 'A' && p->text.ptr[n] <= 'Z') {
        n++;
    }
    if (n < 1) {
        return take_zone(p);
    }
    p->offset_s = 0;
    p->text = slice_from(p->text, n);
    return true;
}

/* A fraction of any length behind a point or comma that was taken already. */
static bool take_fraction(struct parse *p)
{
    int scale = 100;
    size_t n = 0;
    p->c.milli = 0;
    while (n < p->text.len && p->text.ptr[n] >= '0' && p->text.ptr[n] <= '9') {
        p->c.milli += (p->text.ptr[n++] - '0') * scale;
        scale /= 10;
    }
    p->text = slice_from(p->text, n);
    return n > 0;
}

static bool take_optional_fraction(struct parse *p)
{
    if (p->text.len > 1 && (*p->text.ptr == '.' || *p->text.ptr == ',') && p->text.ptr[1] >= '0' &&
        p->text.ptr[1] <= '9') {
        p->text = slice_from(p->text, 1);
        return take_fraction(p);
    }
    return true;
}

static bool take_pm(struct parse *p)
{
    if (p->text.len < 2) {
        return false;
    }
    p->has_pm = true;
    p->pm = (*p->text.ptr | 0x20) == 'p';
    p->text = slice_from(p->text, 2);
    return true;
}

static bool take_month_name(struct parse *p, bool whole)
{
    int index;
    if (!take_name(p, month_names, 12, whole, &index)) {
        return false;
    }
    p->c.month = index + 1;
    return true;
}

/* What a Go layout is made of; the longest spelling that fits comes first. */
enum go_token {
    GO_MONTH,
    GO_MON,
    GO_MONDAY,
    GO_WEEKDAY,
    GO_YEAR4,
    GO_ZONE,
    GO_ZONE_NAME,
    GO_HOUR24,
    GO_MONTH2,
    GO_DAY2,
    GO_DAY_SPACE,
    GO_HOUR12,
    GO_MINUTE,
    GO_SECOND,
    GO_YEAR2,
    GO_PM,
    GO_MONTH1,
    GO_DAY1,
    GO_HOUR1,
    GO_MINUTE1,
    GO_SECOND1
};
static const struct {
    const char *text;
    enum go_token token;
} go_tokens[] = {
    { "January", GO_MONTH }, { "Jan", GO_MON },     { "Monday", GO_MONDAY }, { "Mon", GO_WEEKDAY },
    { "2006", GO_YEAR4 },    { "Z07:00", GO_ZONE }, { "Z0700", GO_ZONE },    { "-07:00", GO_ZONE },
    { "-0700", GO_ZONE },    { "-07", GO_ZONE },    { "MST", GO_ZONE_NAME }, { "15", GO_HOUR24 },
    { "01", GO_MONTH2 },     { "02", GO_DAY2 },     { "_2", GO_DAY_SPACE },  { "03", GO_HOUR12 },
    { "04", GO_MINUTE },     { "05", GO_SECOND },   { "06", GO_YEAR2 },      { "PM", GO_PM },
    { "pm", GO_PM },         { "1", GO_MONTH1 },    { "2", GO_DAY1 },        { "3", GO_HOUR1 },
    { "4", GO_MINUTE1 },     { "5", GO_SECOND1 },
};

static bool take_go_token(struct parse *p, enum go_token token)
{
    int ignored;
    switch (token) {
    case GO_MONTH:
        return take_month_name(p, true);
    case GO_MON:
        return take_month_name(p, false);
    case GO_MONDAY:
        return take_name(p, day_names, 7, true, &ignored);
    case GO_WEEKDAY:
        return take_name(p, day_names, 7, false, &ignored);
    case GO_YEAR4:
        return take_year(p, 4);
    case GO_YEAR2:
        return take_year(p, 2);
    case GO_ZONE:
        return take_zone(p);
    case GO_ZONE_NAME:
        return take_zone_name(p);
    case GO_HOUR24:
        return take_int(p, 2, 2, 0, 23, &p->c.hour);
    case GO_HOUR12:
    case GO_HOUR1:
        return take_int(p, token == GO_HOUR12 ? 2 : 1, 2, 1, 12, &p->c.hour);
    case GO_MONTH2:
    case GO_MONTH1:
        return take_int(p, token == GO_MONTH2 ? 2 : 1, 2, 1, 12, &p->c.month);
    case GO_DAY_SPACE:
        if (p->text.len && *p->text.ptr == ' ') {
            p->text = slice_from(p->text, 1);
        }
        return take_int(p, 1, 2, 1, 31, &p->c.day);
    case GO_DAY2:
    case GO_DAY1:
        return take_int(p, token == GO_DAY2 ? 2 : 1, 2, 1, 31, &p->c.day);
    case GO_MINUTE:
    case GO_MINUTE1:
        return take_int(p, token == GO_MINUTE ? 2 : 1, 2, 0, 59, &p->c.minute);
    case GO_SECOND:
    case GO_SECOND1:
        return take_int(p, token == GO_SECOND ? 2 : 1, 2, 0, 60, &p->c.second) &&
               take_optional_fraction(p);
    case GO_PM:
        return take_pm(p);
    }
    return false;
}

/* ".000", ",999": Go's fractions; the seconds before have taken the digits already. */
static size_t go_fraction(const char *layout)
{
    if (layout[0] != '.' && layout[0] != ',') {
        return 0;
    }
    size_t zeros = strspn(layout + 1, "0"), nines = strspn(layout + 1, "9");
    size_t n = zeros ? zeros : nines;
    return n && !(layout[1 + n] >= '0' && layout[1 + n] <= '9') ? n + 1 : 0;
}

static bool parse_go(struct parse *p, const char *layout)
{
    while (*layout) {
        size_t skip = go_fraction(layout);
        for (size_t i = 0; skip == 0 && i < sizeof(go_tokens) / sizeof(go_tokens[0]); i++) {
            size_t n = strlen(go_tokens[i].text);
            if (strncmp(layout, go_tokens[i].text, n) == 0) {
                if (!take_go_token(p, go_tokens[i].token)) {
                    return false;
                }
                skip = n;
            }
        }
        if (skip == 0) {
            if (!p->text.len || *p->text.ptr != (uint8_t)*layout) {
                return false;
            }
            p->text = slice_from(p->text, 1);
            skip = 1;
        }
        layout += skip;
    }
    return p->text.len == 0;
}

static bool take_strptime(struct parse *p, char c)
{
    int ignored;
    switch (c) {
    case 'Y':
        return take_year(p, 4);
    case 'y':
        return take_year(p, 2);
    case 'm':
        return take_int(p, 1, 2, 1, 12, &p->c.month);
    case 'd':
    case 'e':
        while (p->text.len && *p->text.ptr == ' ') {
            p->text = slice_from(p->text, 1);
        }
        return take_int(p, 1, 2, 1, 31, &p->c.day);
    case 'b':
    case 'h':
        return take_month_name(p, false);
    case 'B':
        return take_month_name(p, true);
    case 'a':
        return take_name(p, day_names, 7, false, &ignored);
    case 'A':
        return take_name(p, day_names, 7, true, &ignored);
    case 'H':
        return take_int(p, 1, 2, 0, 23, &p->c.hour);
    case 'I':
        return take_int(p, 1, 2, 1, 12, &p->c.hour);
    case 'p':
        return take_pm(p);
    case 'M':
        return take_int(p, 1, 2, 0, 59, &p->c.minute);
    case 'S':
        return take_int(p, 1, 2, 0, 60, &p->c.second);
    case 'f':
    case 'L':
        return take_fraction(p);
    case 'z':
        return take_zone(p);
    case 'Z':
        return take_zone_name(p);
    default:
        return false;
    }
}

static bool take_colon(struct parse *p)
{
    bool there = p->text.len > 0 && *p->text.ptr == ':';
    p->text = slice_from(p->text, there);
    return there;
}

static bool take_clock(struct parse *p)
{
    return take_strptime(p, 'H') && take_colon(p) && take_strptime(p, 'M') && take_colon(p) &&
           take_strptime(p, 'S');
}

static bool parse_strptime(struct parse *p, const char *layout)
{
    for (; *layout; layout++) {
        if (*layout == '%' && layout[1] == 'T') {
            if (!take_clock(p)) {
                return false;
            }
            layout++;
        } else if (*layout == '%' && layout[1] && layout[1] != '%') {
            layout++;
            if (!take_strptime(p, *layout)) {
                return false;
            }
        } else {
            if (*layout == '%' && layout[1] == '%') {
                layout++;
            }
            if (!p->text.len || *p->text.ptr != (uint8_t)*layout) {
                return false;
            }
            p->text = slice_from(p->text, 1);
        }
    }
    return p->text.len == 0;
}

static enum err parse_unix(struct slice text, int64_t scale, int64_t *ret_wall_ms)
{
    struct parse p = { .text = text };
    int64_t whole;
    if (!take_number(&p, 1, 15, &whole) || (scale == 1000 && !take_optional_fraction(&p)) ||
        p.text.len > 0) {
        return ERR_MALFORMED;
    }
    *ret_wall_ms = whole * scale + p.c.milli;
    return ERR_OK;
}

enum err times_parse(struct slice text, const char *layout, int32_t offset_s, int64_t now_ms,
                     int64_t *ret_wall_ms)
{
    if (strcmp(layout, "UNIX") == 0) {
        return parse_unix(text, 1000, ret_wall_ms);
    }
    if (strcmp(layout, "UNIX_MS") == 0) {
        return parse_unix(text, 1, ret_wall_ms);
    }
    struct parse p = { .text = text, .offset_s = offset_s, .c = { .month = 1, .day = 1 } };
    bool ok = strchr(layout, '%') ? parse_strptime(&p, layout) : parse_go(&p, layout);
    if (!ok) {
        return ERR_MALFORMED;
    }
    if (!p.has_year) {
        p.c.year = civil_of(now_ms).year;
    }
    if (p.has_pm) {
        p.c.hour = p.c.hour % 12 + (p.pm ? 12 : 0);
    }
    int64_t days = days_from_civil(p.c.year, p.c.month, p.c.day);
    int64_t seconds = days * 86400 + p.c.hour * 3600 + p.c.minute * 60 + p.c.second - p.offset_s;
    *ret_wall_ms = seconds * 1000 + p.c.milli;
    return ERR_OK;
}
