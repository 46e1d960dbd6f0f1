/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - compiles "%{[field]:default}" and "%{+yyyy.MM.dd}", and expands them for an event.
 * Driven by the agent's encoder and by the sinks of connectors. No clock: see pattern.h.
 *   (P1) an expansion that fails leaves the output as it was.
 */
#include "protocol/event/pattern.h"

#include "protocol/event/time_format.h"
#include "protocol/event/value.h"

enum part_kind { PART_TEXT, PART_FIELD, PART_DATE };

struct pattern_part {
    enum part_kind kind;
    struct slice text;     /* literal, dotted field path, or date letters */
    struct slice fallback; /* of a field; null: none */
};

static enum err check_date(struct slice letters, const char *whole, struct error *err)
{
    struct error why = { .text = "" };
    if (letters.len == 0) {
        return err_set(err, ERR_INVALID, "\"%s\" has an empty date %%{+}", whole);
    }
    return time_joda_check(letters, &why) == ERR_OK
               ? ERR_OK
               : err_set(err, ERR_INVALID, "\"%s\": %s", whole, why.text);
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

bool pattern_is_field(const struct pattern *p, const char *dotted)
{
    return p->count == 1 && p->parts[0].kind == PART_FIELD &&
           slice_eq_str(p->parts[0].text, dotted) && slice_is_null(p->parts[0].fallback);
}

bool pattern_uses(const struct pattern *p, bool (*asked)(struct slice dotted))
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->parts[i].kind == PART_DATE ||
            (p->parts[i].kind == PART_FIELD && asked(p->parts[i].text))) {
            return true;
        }
    }
    return false;
}

enum err pattern_expand(const struct pattern *p, const struct event_access *access, void *event,
                        struct buf *out, struct error *err)
{
    size_t before = out->len;
    for (size_t i = 0; i < p->count; i++) {
        const struct pattern_part *part = &p->parts[i];
        if (part->kind == PART_TEXT) {
            buf_append_slice(out, part->text);
        } else if (part->kind == PART_DATE) {
            time_joda_append(out, part->text, access->time_ms(event));
        } else {
            struct slice text = value_text(access->field(event, part->text));
            if (slice_is_null(text)) {
                text = part->fallback;
            }
            if (slice_is_null(text)) {
                out->len = before;
                return err_set(err, ERR_NOT_FOUND, "the event has no field %.*s",
                               SLICE_ARG(part->text));
            }
            buf_append_slice(out, text);
        }
    }
    return ERR_OK;
}
