/* SPDX-License-Identifier: Apache-2.0 */
/*
 * time_layout.c - the layouts of the timestamp node: Go's and strptime's, compiled to the same
 * steps. Pure; driven by nodes/timestamp.c.
 *   (L1) a text matches only as a whole, and only when the moment exists in the calendar.
 */
#include "connectors/flow/time_format.h"

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
    STEP_WEEKDAY_NAME,
    STEP_UNIX,
    STEP_UNIX_MS,
    STEP_ISO,
};

struct spelling {
    const char *text;
    enum step step;
};

/* The longer spelling of a common beginning stands first. */
static const struct spelling go_spellings[] = {
    { "2006", STEP_YEAR },        { "January", STEP_MONTH_NAME },
    { "Jan", STEP_MONTH_NAME },   { "Monday", STEP_WEEKDAY_NAME },
    { "Mon", STEP_WEEKDAY_NAME }, { "MST", STEP_ZONE },
    { "Z07:00", STEP_ZONE },      { "Z0700", STEP_ZONE },
    { "-07:00", STEP_ZONE },      { "-0700", STEP_ZONE },
    { "-07", STEP_ZONE },         { "002", STEP_YEAR_DAY },
    { "01", STEP_MONTH },         { "02", STEP_DAY },
    { "_2", STEP_DAY },           { "03", STEP_HOUR12 },
    { "04", STEP_MINUTE },        { "05", STEP_SECOND },
    { "06", STEP_YEAR2 },         { "15", STEP_HOUR },
    { "PM", STEP_AM_PM },         { "pm", STEP_AM_PM },
    { "1", STEP_MONTH },          { "2", STEP_DAY },
    { "3", STEP_HOUR12 },         { "4", STEP_MINUTE },
    { "5", STEP_SECOND },
};

static const struct spelling strptime_spellings[] = {
    { "%Y", STEP_YEAR },       { "%y", STEP_YEAR2 },        { "%m", STEP_MONTH },
    { "%b", STEP_MONTH_NAME }, { "%B", STEP_MONTH_NAME },   { "%h", STEP_MONTH_NAME },
    { "%d", STEP_DAY },        { "%e", STEP_DAY },          { "%j", STEP_YEAR_DAY },
    { "%H", STEP_HOUR },       { "%I", STEP_HOUR12 },       { "%p", STEP_AM_PM },
    { "%M", STEP_MINUTE },     { "%S", STEP_SECOND },       { "%f", STEP_FRACTION },
    { "%L", STEP_FRACTION },   { "%3f", STEP_FRACTION },    { "%z", STEP_ZONE },
    { "%Z", STEP_ZONE },       { "%a", STEP_WEEKDAY_NAME }, { "%A", STEP_WEEKDAY_NAME },
    { "%s", STEP_UNIX },
};

static const struct spelling words[] = {
    { "UNIX", STEP_UNIX },
    { "UNIX_MS", STEP_UNIX_MS },
    { "ISO8601", STEP_ISO },
    { "RFC3339", STEP_ISO },
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

static bool add_step(struct time_layout *l, enum step step, char literal)
{
    if (l->count == TIME_LAYOUT_STEPS_MAX) {
        return false;
    }
    l->steps[l->count].kind = (uint8_t)step;
    l->steps[l->count].literal = (uint8_t)literal;
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

/* The next step of the layout at text; returns how many characters it took, 0 for an unknown
 * one. */
static size_t next_step(bool percent, const char *text, enum step *ret_step)
{
    const struct spelling *s =
        percent ? spelling_at(strptime_spellings, COUNT_OF(strptime_spellings), text)
                : spelling_at(go_spellings, COUNT_OF(go_spellings), text);
    if (s) {
        *ret_step = s->step;
        return strlen(s->text);
    }
    if (!percent) {
        size_t n = go_fraction_length(text);
        if (n > 0) {
            *ret_step = STEP_POINT_FRACTION;
            return n;
        }
    }
    if (percent && *text == '%') {
        *ret_step = STEP_LITERAL;
        return text[1] == '%' ? 2 : 0;
    }
    *ret_step = *text == ' ' ? STEP_SPACE : STEP_LITERAL;
    return 1;
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
    bool percent = strchr(text, '%') != NULL;
    bool any = false;
    for (const char *p = text; *p;) {
        enum step step;
        size_t n = next_step(percent, p, &step);
        if (n == 0) {
            return err_set(err, ERR_INVALID,
                           "the layout \"%s\" has \"%.2s\", which is not understood", text, p);
        }
        if (!add_step(&l, step, *p)) {
            return err_set(err, ERR_INVALID, "the layout \"%s\" is too long", text);
        }
        any = any || (step != STEP_LITERAL && step != STEP_SPACE);
        p += n;
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

static bool take_digits(struct slice *left, size_t min, size_t max, int *ret_value)
{
    int value = 0;
    size_t n = 0;
    while (n < max && n < left->len && left->ptr[n] >= '0' && left->ptr[n] <= '9') {
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

static bool take_fraction(struct slice *left, int *ret_ms)
{
    int ms = 0;
    size_t n = 0;
    for (int scale = 100; n < left->len && left->ptr[n] >= '0' && left->ptr[n] <= '9'; n++) {
        ms += (left->ptr[n] - '0') * scale;
        scale /= 10;
    }
    *left = slice_from(*left, n);
    *ret_ms = ms;
    return n > 0;
}

static bool take_zone(struct slice *left, int64_t *ret_ms)
{
    size_t n = 0;
    while (n < left->len && left->ptr[n] != ' ' && left->ptr[n] != ']') {
        n++;
    }
    if (!time_parse_offset(slice_head(*left, n), ret_ms)) {
        return false;
    }
    *left = slice_from(*left, n);
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
    if (!milliseconds && left->len > 1 && left->ptr[0] == '.') {
        *left = slice_from(*left, 1);
        if (!take_fraction(left, &ms)) {
            return false;
        }
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

static bool take_date_step(enum step step, struct slice *left, struct found *f)
{
    static const char *const months[] = { "January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December" };
    static const char *const days[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday" };
    int n;
    switch (step) {
    case STEP_YEAR:
    case STEP_YEAR2:
        if (!take_digits(left, step == STEP_YEAR ? 4 : 2, step == STEP_YEAR ? 4 : 2, &n)) {
            return false;
        }
        f->has_year = true;
        f->t.year = step == STEP_YEAR ? n : n + (n < 69 ? 2000 : 1900);
        return true;
    case STEP_MONTH:
        return take_digits(left, 1, 2, &f->t.month);
    case STEP_MONTH_NAME:
        if (!take_name(left, months, COUNT_OF(months), &n)) {
            return false;
        }
        f->t.month = n + 1;
        return true;
    case STEP_DAY:
        if (left->len > 0 && left->ptr[0] == ' ') {
            *left = slice_from(*left, 1);
        }
        return take_digits(left, 1, 2, &f->t.day);
    case STEP_YEAR_DAY:
        f->has_year_day = true;
        return take_digits(left, 1, 3, &f->year_day);
    default:
        return take_name(left, days, COUNT_OF(days), &n);
    }
}

static bool take_step(enum step step, uint8_t literal, struct slice *left, struct found *f)
{
    switch (step) {
    case STEP_LITERAL:
        if (left->len == 0 || left->ptr[0] != literal) {
            return false;
        }
        *left = slice_from(*left, 1);
        return true;
    case STEP_SPACE: {
        size_t before = left->len;
        while (left->len > 0 && left->ptr[0] == ' ') {
            *left = slice_from(*left, 1);
        }
        return left->len < before;
    }
    case STEP_HOUR:
    case STEP_HOUR12:
        return take_digits(left, 1, 2, &f->t.hour);
    case STEP_AM_PM:
        return take_am_pm(left, f);
    case STEP_MINUTE:
        return take_digits(left, 1, 2, &f->t.minute);
    case STEP_SECOND:
        return take_digits(left, 1, 2, &f->t.second);
    case STEP_FRACTION:
        return take_fraction(left, &f->t.millisecond);
    case STEP_POINT_FRACTION:
        if (left->len == 0 || (left->ptr[0] != '.' && left->ptr[0] != ',')) {
            return true;
        }
        *left = slice_from(*left, 1);
        return take_fraction(left, &f->t.millisecond);
    case STEP_ZONE:
        return take_zone(left, &f->offset_ms);
    case STEP_UNIX:
    case STEP_UNIX_MS:
        f->has_unix = true;
        return take_unix(left, step == STEP_UNIX_MS, &f->unix_ms);
    case STEP_ISO:
        f->has_unix = time_parse_iso(*left, &f->unix_ms);
        *left = slice_from(*left, left->len);
        return f->has_unix;
    default:
        return take_date_step(step, left, f);
    }
}

static int64_t year_nearest(const struct civil_time *t, int64_t near_ms)
{
    struct civil_time near = time_civil_of_ms(near_ms);
    int64_t best = near.year;
    int64_t best_distance = INT64_MAX;
    for (int64_t year = near.year - 1; year <= near.year + 1; year++) {
        struct civil_time candidate = *t;
        candidate.year = year;
        int64_t distance = time_ms_of_civil(&candidate) - near_ms;
        distance = distance < 0 ? -distance : distance;
        if (distance < best_distance) {
            best = year;
            best_distance = distance;
        }
    }
    return best;
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
    if ((f.pm || f.am) && (f.t.hour < 1 || f.t.hour > 12)) {
        return false;
    }
    if (f.pm || f.am) {
        f.t.hour = f.t.hour % 12 + (f.pm ? 12 : 0);
    }
    if (!f.has_year) {
        f.t.year = year_nearest(&f.t, near_ms);
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
