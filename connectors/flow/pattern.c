/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - compiles "%{[field]:default}" and "%{+yyyy.MM.dd}", and expands them for an event.
 * Driven by sinks and nodes. No clock: see pattern.h.
 *   (P1) an expansion that fails leaves the output as it was.
 */
#include "connectors/flow/pattern.h"

#include "connectors/flow/time_format.h"

enum part_kind { PART_TEXT, PART_FIELD, PART_DATE };

struct pattern_part {
    enum part_kind kind;
    struct slice text;     /* literal, dotted field path, or date letters */
    struct slice fallback; /* of a field; null: none */
};

static const char *const date_words[] = { "yyyy", "YYYY", "xxxx", "yy", "MM", "dd",
                                          "HH",   "mm",   "ss",   "ww", "DDD" };

/* The date word at the start of s; NULL for a literal character. */
static const char *date_word(struct slice s)
{
    for (size_t i = 0; i < sizeof(date_words) / sizeof(date_words[0]); i++) {
        if (slice_starts(s, date_words[i])) {
            return date_words[i];
        }
    }
    return NULL;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum err check_date(struct slice letters, const char *whole, struct error *err)
{
    if (letters.len == 0) {
        return err_set(err, ERR_INVALID, "\"%s\" has an empty date %%{+}", whole);
    }
    for (struct slice left = letters; left.len > 0;) {
        const char *word = date_word(left);
        if (!word && is_letter(left.ptr[0])) {
            return err_set(
                err, ERR_INVALID,
                "\"%s\": the date letters \"%.*s\" are not understood (yyyy, yy, MM, dd, "
                "HH, mm, ss, DDD, xxxx and ww are)",
                whole, SLICE_ARG(left));
        }
        left = slice_from(left, word ? strlen(word) : 1);
    }
    return ERR_OK;
}

/* What stands between "%{" and "}". */
static enum err compile_part(struct slice inner, const char *whole, struct pattern_part *ret_part,
                             struct error *err)
{
    if (inner.len > 0 && inner.ptr[0] == '+') {
        *ret_part = (struct pattern_part){ .kind = PART_DATE, .text = slice_from(inner, 1) };
        return check_date(ret_part->text, whole, err);
    }
    struct pattern_part part = { .kind = PART_FIELD };
    const uint8_t *close = inner.len ? memchr(inner.ptr, ']', inner.len) : NULL;
    if (inner.len < 3 || inner.ptr[0] != '[' || !close || close == inner.ptr + 1) {
        return err_set(
            err, ERR_INVALID,
            "\"%s\": \"%%{%.*s}\" is neither a field, %%{[a.b]} or %%{[a.b]:default}, nor a "
            "date, %%{+yyyy.MM.dd}",
            whole, SLICE_ARG(inner));
    }
    size_t end = (size_t)(close - inner.ptr);
    part.text = slice_of(inner.ptr + 1, end - 1);
    struct slice rest = slice_from(inner, end + 1);
    if (rest.len > 0 && rest.ptr[0] != ':') {
        return err_set(err, ERR_INVALID, "\"%s\": \"%.*s\" behind a field must be :default", whole,
                       SLICE_ARG(rest));
    }
    part.fallback = rest.len > 0 ? slice_from(rest, 1) : slice_null();
    *ret_part = part;
    return ERR_OK;
}

static size_t count_parts_max(const char *text)
{
    size_t n = 1;
    for (const char *p = text; (p = strstr(p, "%{")) != NULL; p += 2) {
        n += 2;
    }
    return n;
}

enum err pattern_compile(const char *text, struct arena *arena, struct pattern *ret_pattern,
                         struct error *err)
{
    struct pattern pattern = { 0 };
    if (!text) {
        *ret_pattern = pattern;
        return ERR_OK;
    }
    pattern.parts = arena_array(arena, count_parts_max(text), sizeof(*pattern.parts));
    if (!pattern.parts) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    for (const char *p = text; *p;) {
        struct pattern_part *part = &pattern.parts[pattern.count];
        const char *open = strstr(p, "%{");
        if (open != p) {
            size_t len = open ? (size_t)(open - p) : strlen(p);
            *part = (struct pattern_part){ .kind = PART_TEXT, .text = slice_of(p, len) };
            p += len;
        } else {
            const char *close = strchr(p, '}');
            if (!close) {
                return err_set(err, ERR_INVALID, "\"%s\" lacks the } of a %%{", text);
            }
            enum err e = compile_part(slice_of(p + 2, (size_t)(close - p) - 2), text, part, err);
            if (e != ERR_OK) {
                return e;
            }
            p = close + 1;
        }
        pattern.count++;
    }
    *ret_pattern = pattern;
    return ERR_OK;
}

bool pattern_is_constant(const struct pattern *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->parts[i].kind != PART_TEXT) {
            return false;
        }
    }
    return true;
}

static void append_padded(struct buf *out, int64_t value, int width)
{
    char digits[20];
    int n = 0;
    uint64_t left = value < 0 ? 0 : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0 && n < 19);
    while (n < width) {
        digits[n++] = '0';
    }
    while (n > 0) {
        buf_append_byte(out, (uint8_t)digits[--n]);
    }
}

static void append_date_word(struct buf *out, const char *word, const struct civil_time *t)
{
    int64_t week_year;
    switch (word[0]) {
    case 'y':
    case 'Y':
        append_padded(out, word[2] ? t->year : t->year % 100, word[2] ? 4 : 2);
        break;
    case 'x':
        time_iso_week(t, &week_year);
        append_padded(out, week_year, 4);
        break;
    case 'w':
        append_padded(out, time_iso_week(t, &week_year), 2);
        break;
    case 'M':
        append_padded(out, t->month, 2);
        break;
    case 'd':
        append_padded(out, t->day, 2);
        break;
    case 'D':
        append_padded(out, time_year_day(t), 3);
        break;
    case 'H':
        append_padded(out, t->hour, 2);
        break;
    case 'm':
        append_padded(out, t->minute, 2);
        break;
    default:
        append_padded(out, t->second, 2);
        break;
    }
}

static void append_date(struct buf *out, struct slice letters, int64_t unix_ms)
{
    struct civil_time t = time_civil_of_ms(unix_ms);
    while (letters.len > 0) {
        const char *word = date_word(letters);
        if (word) {
            append_date_word(out, word, &t);
        } else {
            buf_append_byte(out, letters.ptr[0]);
        }
        letters = slice_from(letters, word ? strlen(word) : 1);
    }
}

enum err pattern_expand(const struct pattern *p, struct event *ev, struct buf *out,
                        struct error *err)
{
    size_t before = out->len;
    for (size_t i = 0; i < p->count; i++) {
        const struct pattern_part *part = &p->parts[i];
        if (part->kind == PART_TEXT) {
            buf_append_slice(out, part->text);
        } else if (part->kind == PART_DATE) {
            append_date(out, part->text, event_time_ms(ev));
        } else if (!event_append_field(ev, part->text, out)) {
            if (slice_is_null(part->fallback)) {
                out->len = before;
                return err_set(err, ERR_NOT_FOUND, "the event has no field %.*s",
                               SLICE_ARG(part->text));
            }
            buf_append_slice(out, part->fallback);
        }
    }
    return ERR_OK;
}
