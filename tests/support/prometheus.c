/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prometheus.c - the strict reader. Driven by check_metrics.c and check_service.c.
 *   (P1) It knows the families seen so far, so a second one of a name is caught.
 */
#include "tests/support/prometheus.h"

#include "protocol/base/map.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct map families, samples;
    struct slice family, type; /* the one that is open */
    double last_bucket, last_le, count;
    bool has_inf;
};

static struct slice take_name(struct slice *s, bool colon)
{
    size_t i = 0;
    while (i < s->len && (isalpha(s->ptr[i]) || s->ptr[i] == '_' || (colon && s->ptr[i] == ':') ||
                          (i && isdigit(s->ptr[i])))) {
        i++;
    }
    struct slice name = slice_head(*s, i);
    *s = slice_from(*s, i);
    return name;
}

/* name="value" with escapes; the le label's value goes to ret_le. */
static const char *take_label(struct slice *s, struct slice *ret_le)
{
    struct slice name = take_name(s, false);
    if (!name.len || !slice_starts(*s, "=\"")) {
        return "a label is name=\"value\"";
    }
    *s = slice_from(*s, 2);
    struct slice value = *s;
    while (s->len && s->ptr[0] != '"') {
        if (s->ptr[0] == '\\' && (s->len < 2 || !strchr("\\\"n", s->ptr[1]))) {
            return "a wrong escape";
        }
        *s = slice_from(*s, s->ptr[0] == '\\' ? 2 : 1);
    }
    value = slice_head(value, value.len - s->len);
    if (!s->len) {
        return "a label value without its end";
    }
    *s = slice_from(*s, 1);
    if (slice_eq_str(name, "le")) {
        *ret_le = value;
    }
    return NULL;
}

static const char *take_labels(struct slice *s, struct slice *ret_le)
{
    do {
        *s = slice_from(*s, 1); /* { or , */
        const char *why = take_label(s, ret_le);
        if (why) {
            return why;
        }
    } while (slice_starts(*s, ","));
    if (!slice_starts(*s, "}")) {
        return "labels without }";
    }
    *s = slice_from(*s, 1);
    return NULL;
}

static bool to_number(struct slice s, double *ret)
{
    char text[64], *end;
    if (!s.len || s.len >= sizeof(text) || isspace(s.ptr[0])) {
        return false;
    }
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    *ret = strtod(text, &end);
    return *end == '\0';
}

static const char *check_histogram(struct reader *r, struct slice suffix, struct slice le,
                                   double value)
{
    double bound;
    if (slice_eq_str(suffix, "_bucket")) {
        if (!to_number(le, &bound) || (r->last_le >= bound)) {
            return "buckets must have growing le labels";
        }
        if (value < r->last_bucket) {
            return "bucket counts must not fall";
        }
        r->last_le = bound;
        r->last_bucket = value;
        r->has_inf = slice_eq_str(le, "+Inf");
        return NULL;
    }
    if (slice_eq_str(suffix, "_count")) {
        return !r->has_inf || value < r->last_bucket || value > r->last_bucket
                   ? "_count is not the +Inf bucket"
                   : NULL;
    }
    return slice_eq_str(suffix, "_sum") ? NULL : "a histogram has _bucket, _sum and _count";
}

static const char *check_sample(struct reader *r, struct slice line)
{
    struct slice rest = line, name = take_name(&rest, true), le = slice_null();
    double value;
    if (name.len < r->family.len || !slice_eq(slice_head(name, r->family.len), r->family) ||
        !r->type.len) {
        return "a sample outside of its family";
    }
    if (slice_starts(rest, "{")) {
        const char *why = take_labels(&rest, &le);
        if (why) {
            return why;
        }
    }
    if (map_put(&r->samples, slice_head(line, line.len - rest.len), r)) {
        return "the same sample twice";
    }
    if (!slice_starts(rest, " ") || !to_number(slice_from(rest, 1), &value)) {
        return "a sample without a number";
    }
    struct slice suffix = slice_from(name, r->family.len);
    if (slice_eq_str(r->type, "histogram")) {
        return check_histogram(r, suffix, le, value);
    }
    if (suffix.len) {
        return "a sample of another name than its family";
    }
    bool counter = slice_eq_str(r->type, "counter");
    bool total = name.len > 6 && slice_eq_str(slice_from(name, name.len - 6), "_total");
    return counter != total       ? "counters, and only they, end in _total"
           : counter && value < 0 ? "a counter below 0"
                                  : NULL;
}

static const char *check_comment(struct reader *r, struct slice line)
{
    bool help = slice_starts(line, "# HELP ");
    if (!help && !slice_starts(line, "# TYPE ")) {
        return "a comment that is neither HELP nor TYPE";
    }
    struct slice rest = slice_from(line, 7), name = take_name(&rest, true);
    if (!name.len || !slice_starts(rest, " ") || rest.len < 2) {
        return "HELP and TYPE have a name and a text";
    }
    rest = slice_from(rest, 1);
    if (help) {
        r->family = name;
        r->type = slice_null();
        r->last_bucket = r->count = 0;
        r->last_le = -1;
        r->has_inf = false;
        return map_put(&r->families, name, r) ? "the same family twice" : NULL;
    }
    if (!slice_eq(name, r->family) || r->type.len) {
        return "TYPE follows HELP, once";
    }
    r->type = rest;
    bool known = slice_eq_str(rest, "counter") || slice_eq_str(rest, "gauge") ||
                 slice_eq_str(rest, "histogram");
    return known ? NULL : "an unknown type";
}

const char *prometheus_check(struct slice text, char ret_why[256])
{
    struct reader r = { 0 };
    const char *why = text.len && text.ptr[text.len - 1] == '\n' ? NULL : "no newline at the end";
    for (int number = 1; text.len && !why; number++) {
        const uint8_t *newline = memchr(text.ptr, '\n', text.len);
        struct slice line = slice_head(text, newline ? (size_t)(newline - text.ptr) : text.len);
        text = slice_from(text, line.len + 1);
        why = !line.len            ? "an empty line"
              : line.ptr[0] == '#' ? check_comment(&r, line)
                                   : check_sample(&r, line);
        if (why) {
            (void)snprintf(ret_why, 256, "line %d: %s: %.*s", number, why,
                           SLICE_ARG(slice_head(line, 150)));
            why = ret_why;
        }
    }
    map_deinit(&r.families);
    map_deinit(&r.samples);
    return why;
}
