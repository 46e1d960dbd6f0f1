/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_layout.c - Go's and strptime's layouts, compiled to the same steps. Pure; driven by the
 * agent's timestamp processor and by the node of that name in connectors.
 *   (L1) a text matches only as a whole, and only when the moment exists in the calendar.
 */
#include "protocol/event/time_layout.h"

#include "protocol/event/time_format.h"

enum step {
    STEP_LITERAL,
    STEP_SPACE, /* one or more blanks */
    STEP_YEAR,
    STEP_YEAR2,
    STEP_MONTH,
    STEP_MONTH_NAME, /* three letters or the whole name */
    STEP_DAY,        /* one or two digits, blank-padded allowed */
    STEP_YEAR_DAY,
    STEP_HOUR,
    STEP_HOUR12,
    STEP_AM_PM,
    STEP_MINUTE,
    STEP_SECOND,
    STEP_FRACTION,       /* digits */
    STEP_POINT_FRACTION, /* . or , and digits, or nothing */
    STEP_ZONE,
    STEP_ZONE_NAME, /* letters; what is not UTC counts as if it were, as in Go */
    STEP_WEEKDAY_NAME,
    STEP_UNIX,
    STEP_UNIX_MS,
    STEP_ISO,
};

struct spelling {
    const char *text;
    enum step step;
    uint8_t digits; /* at least */
};

/* The longer spelling of a common beginning stands first. */
static const struct spelling go_spellings[] = {
    { "2006", STEP_YEAR, 4 },        { "January", STEP_MONTH_NAME, 0 },
    { "Jan", STEP_MONTH_NAME, 0 },   { "Monday", STEP_WEEKDAY_NAME, 0 },
    { "Mon", STEP_WEEKDAY_NAME, 0 }, { "MST", STEP_ZONE_NAME, 0 },
    { "Z07:00", STEP_ZONE, 0 },      { "Z0700", STEP_ZONE, 0 },
    { "-07:00", STEP_ZONE, 0 },      { "-0700", STEP_ZONE, 0 },
    { "-07", STEP_ZONE, 0 },         { "002", STEP_YEAR_DAY, 3 },
    { "01", STEP_MONTH, 2 },         { "02", STEP_DAY, 2 },
    { "_2", STEP_DAY, 1 },           { "03", STEP_HOUR12, 2 },
    { "04", STEP_MINUTE, 2 },        { "05", STEP_SECOND, 2 },
    { "06", STEP_YEAR2, 2 },         { "15", STEP_HOUR, 1 },
    { "PM", STEP_AM_PM, 0 },         { "pm", STEP_AM_PM, 0 },
    { "1", STEP_MONTH, 1 },          { "2", STEP_DAY, 1 },
    { "3", STEP_HOUR12, 1 },         { "4", STEP_MINUTE, 1 },
    { "5", STEP_SECOND, 1 },
};

static const struct spelling strptime_spellings[] = {
    { "%Y", STEP_YEAR, 4 },       { "%y", STEP_YEAR2, 2 },        { "%m", STEP_MONTH, 1 },
    { "%b", STEP_MONTH_NAME, 0 }, { "%B", STEP_MONTH_NAME, 0 },   { "%h", STEP_MONTH_NAME, 0 },
    { "%d", STEP_DAY, 1 },        { "%e", STEP_DAY, 1 },          { "%j", STEP_YEAR_DAY, 1 },
    { "%H", STEP_HOUR, 1 },       { "%I", STEP_HOUR12, 1 },       { "%p", STEP_AM_PM, 0 },
    { "%M", STEP_MINUTE, 1 },     { "%S", STEP_SECOND, 1 },       { "%f", STEP_FRACTION, 0 },
    { "%L", STEP_FRACTION, 0 },   { "%3f", STEP_FRACTION, 0 },    { "%z", STEP_ZONE, 0 },
    { "%Z", STEP_ZONE_NAME, 0 },  { "%a", STEP_WEEKDAY_NAME, 0 }, { "%A", STEP_WEEKDAY_NAME, 0 },
    { "%s", STEP_UNIX, 0 },
};

static const struct spelling words[] = {
    { "UNIX", STEP_UNIX, 0 },
    { "UNIX_MS", STEP_UNIX_MS, 0 },
    { "ISO8601", STEP_ISO, 0 },
    { "RFC3339", STEP_ISO, 0 },
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static const struct spelling *spelling_at(const struct spelling *table, size_t count,
                                          const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(text, table[i].text, strlen(table[i].text)) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool add_step(struct time_layout *l, enum step step, uint8_t literal)
{
    if (l->count == TIME_LAYOUT_STEPS_MAX) {
        return false;
    }
    l->steps[l->count].kind = (uint8_t)step;
    l->steps[l->count].literal = literal;
    l->count++;
    return true;
}

/* Go's fractions, ".000" and ".999": the point belongs to them. */
static size_t go_fraction_length(const char *text)
{
    if ((text[0] != '.' && text[0] != ',') || (text[1] != '0' && text[1] != '9')) {
        return 0;
    }
    size_t n = 1;
    while (text[n] == text[1]) {
        n++;
    }
    return text[n] >= '0' && text[n] <= '9' ? 0 : n;
}

/* The next step of the layout at text, in *ret_step with how many characters it took; 0 for an
 * unknown one. */
static size_t next_step(bool percent, const char *text, enum step *ret_step, uint8_t *ret_literal)
{
    const struct spelling *s =
        percent ? spelling_at(strptime_spellings, COUNT_OF(strptime_spellings), text)
                : spelling_at(go_spellings, COUNT_OF(go_spellings), text);
    if (s) {
        *ret_step = s->step;
        *ret_literal = s->digits;
        return strlen(s->text);
    }
    size_t fraction = percent ? 0 : go_fraction_length(text);
    *ret_literal = (uint8_t)*text;
    if (fraction > 0) {
        *ret_step = STEP_POINT_FRACTION;
        return fraction;
    }
    if (percent && *text == '%') {
        *ret_step = STEP_LITERAL;
        return text[1] == '%' ? 2 : 0;
    }
    *ret_step = *text == ' ' ? STEP_SPACE : STEP_LITERAL;
    return 1;
}

/* Appends the steps of a layout, or of a part of one. */
static enum err compile_steps(const char *text, bool percent, const char *whole,
                              struct time_layout *l, struct error *err)
{
    for (const char *p = text; *p;) {
        enum step step;
        uint8_t literal;
        size_t n = 2;
        enum err e = ERR_OK;
        if (percent && strncmp(p, "%T", 2) == 0) {
            e = compile_steps("%H:%M:%S", true, whole, l, err);
        } else if ((n = next_step(percent, p, &step, &literal)) == 0) {
            e = err_set(err, ERR_INVALID, "the layout \"%s\" has \"%.2s\", which is not understood",
                        whole, p);
        } else if (!add_step(l, step, literal) ||
                   /* Go reads a fraction behind the seconds, whether the layout has one or not. */
                   (step == STEP_SECOND && !percent && go_fraction_length(p + n) == 0 &&
                    !add_step(l, STEP_POINT_FRACTION, 0))) {
            e = err_set(err, ERR_INVALID, "the layout \"%s\" is too long", whole);
        }
        if (e != ERR_OK) {
            return e;
        }
        p += n;
    }
    return ERR_OK;
}

enum err time_layout_compile(const char *text, struct time_layout *ret_layout, struct error *err)
{
    struct time_layout l = { .count = 0 };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(text, words[i].text) == 0) {
            add_step(&l, words[i].step, 0);
            *ret_layout = l;
            return ERR_OK;
        }
    }
    enum err e = compile_steps(text, strchr(text, '%') != NULL, text, &l, err);
    if (e != ERR_OK) {
        return e;
    }
    bool any = false;
    for (unsigned i = 0; i < l.count; i++) {
        any = any || (l.steps[i].kind != STEP_LITERAL && l.steps[i].kind != STEP_SPACE);
    }
    if (!any) {
        return err_set(
            err, ERR_INVALID,
            "the layout \"%s\" names no part of a time; write it like 02/Jan/2006:15:04:05 "
            "-0700, like %%d/%%b/%%Y:%%H:%%M:%%S %%z, or ISO8601, UNIX, UNIX_MS",
            text);
    }
    *ret_layout = l;
    return ERR_OK;
}

/* --- parsing ------------------------------------------------------------------------------- */

struct found {
    struct civil_time t;
    bool has_year, has_year_day, pm, am, has_unix;
    int year_day;
    int64_t offset_ms, unix_ms;
};

static bool take_name(struct slice *left, const char *const *names, size_t count, int *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        size_t whole = strlen(names[i]);
        size_t n = slice_starts(*left, names[i]) ? whole : 3;
        if (left->len >= n && strncasecmp((const char *)left->ptr, names[i], n) == 0) {
            *left = slice_from(*left, n);
            *ret_index = (int)i;
            return true;
        }
    }
    return false;
}

/* Three to five capitals, "CET"; or an offset. */
static bool take_zone_name(struct slice *left, int64_t *ret_ms)
{
    size_t n = 0;
    while (n < left->len && left->ptr[n] >= 'A' && left->ptr[n] <= 'Z') {
        n++;
    }
    if (n < 3 || n > 5) {
        return time_scan_offset(left, ret_ms);
    }
    *left = slice_from(*left, n);
    *ret_ms = 0;
    return true;
}

/* Seconds go on behind a point or comma only where digits follow it. */
static bool take_point_fraction(struct slice *left, int *ret_ms)
{
    struct slice digits = slice_from(*left, left->len > 0);
    if (left->len > 0 && (left->ptr[0] == '.' || left->ptr[0] == ',') &&
        time_scan_fraction(&digits, ret_ms)) {
        *left = digits;
    }
    return true;
}

static bool take_unix(struct slice *left, bool milliseconds, int64_t *ret_ms)
{
    int64_t value = 0;
    size_t n = 0;
    while (n < left->len && n < 15 && left->ptr[n] >= '0' && left->ptr[n] <= '9') {
        value = value * 10 + (left->ptr[n] - '0');
        n++;
    }
    *left = slice_from(*left, n);
    if (n == 0) {
        return false;
    }
    int ms = 0;
    if (!milliseconds) {
        (void)take_point_fraction(left, &ms);
    }
    *ret_ms = milliseconds ? value : value * 1000 + ms;
    return true;
}

static bool take_am_pm(struct slice *left, struct found *f)
{
    if (left->len < 2 || (left->ptr[1] | 0x20) != 'm') {
        return false;
    }
    f->pm = (left->ptr[0] | 0x20) == 'p';
    f->am = (left->ptr[0] | 0x20) == 'a';
    *left = slice_from(*left, 2);
    return f->pm || f->am;
}

static bool take_date_step(enum step step, uint8_t digits, struct slice *left, struct found *f)
{
    int n;
    switch (step) {
    case STEP_YEAR:
    case STEP_YEAR2:
        if (!time_scan_digits(left, digits, digits, &n)) {
            return false;
        }
        f->has_year = true;
        f->t.year = step == STEP_YEAR ? n : n + (n < 69 ? 2000 : 1900);
        return true;
    case STEP_MONTH:
        return time_scan_digits(left, digits, 2, &f->t.month);
    case STEP_MONTH_NAME:
        if (!take_name(left, time_month_names, COUNT_OF(time_month_names), &n)) {
            return false;
        }
        f->t.month = n + 1;
        return true;
    case STEP_DAY:
        if (digits == 1 && left->len > 0 && left->ptr[0] == ' ') {
            *left = slice_from(*left, 1);
        }
        return time_scan_digits(left, digits, 2, &f->t.day);
    case STEP_YEAR_DAY:
        f->has_year_day = true;
        return time_scan_digits(left, digits, 3, &f->year_day) && f->year_day >= 1 &&
               f->year_day <= 366;
    default:
        return take_name(left, time_day_names, COUNT_OF(time_day_names), &n);
    }
}

static bool take_clock_step(enum step step, uint8_t digits, struct slice *left, struct found *f)
{
    switch (step) {
    case STEP_HOUR:
        return time_scan_digits(left, digits, 2, &f->t.hour);
    case STEP_HOUR12:
        return time_scan_digits(left, digits, 2, &f->t.hour) && f->t.hour <= 12;
    case STEP_AM_PM:
        return take_am_pm(left, f);
    case STEP_MINUTE:
        return time_scan_digits(left, digits, 2, &f->t.minute);
    case STEP_SECOND:
        return time_scan_digits(left, digits, 2, &f->t.second);
    case STEP_FRACTION:
        return time_scan_fraction(left, &f->t.millisecond);
    case STEP_POINT_FRACTION:
        return take_point_fraction(left, &f->t.millisecond);
    case STEP_ZONE:
        return time_scan_offset(left, &f->offset_ms);
    default:
        return take_zone_name(left, &f->offset_ms);
    }
}

static bool take_step(enum step step, uint8_t literal, struct slice *left, struct found *f)
{
    size_t blanks = 0;
    switch (step) {
    case STEP_LITERAL:
        if (left->len == 0 || left->ptr[0] != literal) {
            return false;
        }
        *left = slice_from(*left, 1);
        return true;
    case STEP_SPACE:
        while (blanks < left->len && left->ptr[blanks] == ' ') {
            blanks++;
        }
        *left = slice_from(*left, blanks);
        return blanks > 0;
    case STEP_UNIX:
    case STEP_UNIX_MS:
        f->has_unix = true;
        return take_unix(left, step == STEP_UNIX_MS, &f->unix_ms);
    case STEP_ISO:
        f->has_unix = time_parse_iso(*left, f->offset_ms, &f->unix_ms);
        *left = slice_from(*left, left->len);
        return f->has_unix;
    case STEP_YEAR:
    case STEP_YEAR2:
    case STEP_MONTH:
    case STEP_MONTH_NAME:
    case STEP_DAY:
    case STEP_YEAR_DAY:
    case STEP_WEEKDAY_NAME:
        return take_date_step(step, literal, left, f);
    default:
        return take_clock_step(step, literal, left, f);
    }
}

static int64_t ms_in_year(const struct civil_time *t, int64_t year)
{
    struct civil_time in_year = *t;
    in_year.year = year;
    return time_ms_of_civil(&in_year);
}

/* See time_layout_parse(). Filebeat takes the year of today, which dates the last lines of
 * December a year ahead when they are read in January; hence the two exceptions. */
static int64_t year_of(const struct civil_time *t, int64_t near_ms)
{
    static const int64_t day_ms = 86400000;
    int64_t year = time_civil_of_ms(near_ms).year;
    if (ms_in_year(t, year) - near_ms > 183 * day_ms) {
        return year - 1;
    }
    return ms_in_year(t, year + 1) - near_ms < day_ms ? year + 1 : year;
}

bool time_layout_parse(const struct time_layout *l, struct slice text, int64_t offset_ms,
                       int64_t near_ms, int64_t *ret_unix_ms)
{
    struct found f = { .t = { .month = 1, .day = 1 }, .offset_ms = offset_ms };
    for (unsigned i = 0; i < l->count; i++) {
        if (!take_step((enum step)l->steps[i].kind, l->steps[i].literal, &text, &f)) {
            return false;
        }
    }
    if (text.len != 0) {
        return false;
    }
    if (f.has_unix) {
        *ret_unix_ms = f.unix_ms;
        return true;
    }
    if (f.pm && f.t.hour < 12) {
        f.t.hour += 12;
    } else if (f.am && f.t.hour == 12) {
        f.t.hour = 0;
    }
    if (!f.has_year) {
        f.t.year = year_of(&f.t, near_ms);
    }
    if (!time_civil_exists(&f.t)) {
        return false;
    }
    int64_t ms = time_ms_of_civil(&f.t) - f.offset_ms;
    if (f.has_year_day) {
        ms += (int64_t)(f.year_day - 1) * 86400000;
    }
    *ret_unix_ms = ms;
    return true;
}
