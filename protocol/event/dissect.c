/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissect.c - see dissect.h. Pure; driven by the agent's dissect processor and by the node of that
 * name in connectors.
 *   (D1) a text fits from the first to the last literal, or it does not fit at all.
 */
#include "protocol/event/dissect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct slice cut_at(struct slice *text, char c)
{
    const uint8_t *at = text->len ? memchr(text->ptr, c, text->len) : NULL;
    if (!at) {
        return slice_null();
    }
    struct slice behind = slice_from(*text, (size_t)(at - text->ptr) + 1);
    *text = slice_head(*text, (size_t)(at - text->ptr));
    return behind;
}

static enum err read_type(struct slice word, enum dissect_type *ret_type, struct error *err)
{
    static const struct {
        const char *word;
        enum dissect_type type;
    } known[] = {
        { "integer", DISSECT_INTEGER }, { "long", DISSECT_INTEGER },
        { "float", DISSECT_FLOAT },     { "double", DISSECT_FLOAT },
        { "boolean", DISSECT_BOOLEAN }, { "string", DISSECT_STRING },
        { "ip", DISSECT_STRING },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_eq_str(word, known[i].word)) {
            *ret_type = known[i].type;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_INVALID,
                   "\"%.*s\" is no type (integer, long, float, double, boolean, string and ip are)",
                   SLICE_ARG(word));
}

/* What stands between "%{" and "}". */
static enum err read_key(struct slice inner, const char *prefix, struct arena *arena,
                         struct dissect_part *ret_part, struct error *err)
{
    struct dissect_part part = { .name = slice_null() };
    struct slice type = cut_at(&inner, '|');
    if (!slice_is_null(type) && read_type(type, &part.type, err) != ERR_OK) {
        return ERR_INVALID;
    }
    if (inner.len >= 2 && memcmp(inner.ptr + inner.len - 2, "->", 2) == 0) {
        part.padded = true;
        inner.len -= 2;
    }
    if (inner.len > 0 && inner.ptr[0] == '+') {
        part.append = true;
        inner = slice_from(inner, 1);
    }
    if (inner.len > 0 && inner.ptr[0] != '?') {
        struct buf name = { 0 };
        if (prefix && *prefix) {
            buf_printf(&name, "%s.", prefix);
        }
        buf_append_slice(&name, inner);
        part.name = arena_copy(arena, buf_slice(&name));
        buf_deinit(&name);
        if (slice_is_null(part.name)) {
            return err_set(err, ERR_LIMIT, "the configuration is too large");
        }
    }
    *ret_part = part;
    return ERR_OK;
}

enum err dissect_init(struct dissect *d, const char *tokenizer, const char *target_prefix,
                      struct arena *arena, struct error *err)
{
    const char *p = strstr(tokenizer, "%{");
    *d = (struct dissect){ .head = slice_of(tokenizer, p ? (size_t)(p - tokenizer) : 0) };
    while (p) {
        const char *close = strchr(p, '}');
        if (!close || d->count == DISSECT_PARTS_MAX) {
            return err_set(err, ERR_INVALID, "the tokenizer %s",
                           close ? "has too many keys" : "lacks the } of a %{");
        }
        struct dissect_part *part = &d->parts[d->count];
        enum err e =
            read_key(slice_of(p + 2, (size_t)(close - p) - 2), target_prefix, arena, part, err);
        if (e != ERR_OK) {
            return e;
        }
        p = strstr(close, "%{");
        part->until = slice_of(close + 1, p ? (size_t)(p - close) - 1 : strlen(close + 1));
        d->count++;
        if (p && part->until.len == 0) {
            return err_set(err, ERR_INVALID,
                           "two keys of the tokenizer stand side by side: nothing tells where the "
                           "first ends");
        }
    }
    return d->count > 0 ? ERR_OK : err_set(err, ERR_INVALID, "the tokenizer has no %%{key}");
}

enum err dissect_cut(const struct dissect *d, struct slice text,
                     struct slice ret_values[DISSECT_PARTS_MAX])
{
    if (text.len < d->head.len ||
        (d->head.len > 0 && memcmp(text.ptr, d->head.ptr, d->head.len) != 0)) {
        return ERR_MALFORMED;
    }
    text = slice_from(text, d->head.len);
    for (size_t i = 0; i < d->count; i++) {
        const struct dissect_part *part = &d->parts[i];
        struct slice until = part->until;
        if (until.len == 0) {
            ret_values[i] = text;
            text = slice_from(text, text.len);
            continue;
        }
        const uint8_t *at = text.len ? memmem(text.ptr, text.len, until.ptr, until.len) : NULL;
        if (!at) {
            return ERR_MALFORMED;
        }
        ret_values[i] = slice_head(text, (size_t)(at - text.ptr));
        text = slice_from(text, ret_values[i].len + until.len);
        while (part->padded && text.len >= until.len &&
               memcmp(text.ptr, until.ptr, until.len) == 0) {
            text = slice_from(text, until.len);
        }
    }
    return text.len == 0 ? ERR_OK : ERR_MALFORMED;
}

/* Go's words for truth values (strconv.ParseBool). */
static struct json_value *boolean(struct arena *arena, struct slice text)
{
    static const char *const words[] = { "1", "t", "T", "true",  "TRUE",  "True",
                                         "0", "f", "F", "false", "FALSE", "False" };
    for (size_t i = 0; i < 12; i++) {
        if (slice_eq_str(text, words[i])) {
            struct json_value *v = json_new(arena, JSON_BOOL);
            if (v) {
                v->integer = i < 6;
            }
            return v;
        }
    }
    return NULL;
}

/* A number in C's spelling, as "007", "+5" and ".5" are; JSON gets its own spelling of it. */
static struct json_value *number(struct arena *arena, struct slice text, enum dissect_type type)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof(copy) || text.ptr[0] == ' ') {
        return NULL;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (type == DISSECT_INTEGER) {
        long long n = text.len < 19 ? strtoll(copy, &end, 10) : 0;
        return text.len < 19 && end == copy + text.len ? json_new_int(arena, n) : NULL;
    }
    double n = strtod(copy, &end);
    if (end != copy + text.len || !isfinite(n)) {
        return NULL;
    }
    int len = snprintf(copy, sizeof(copy), "%.17g", n);
    struct json_value *v = json_new(arena, JSON_DOUBLE);
    struct slice written = arena_copy(arena, slice_of(copy, (size_t)len));
    if (!v || slice_is_null(written)) {
        return NULL;
    }
    v->text = written;
    v->number = n;
    return v;
}

/* A number or truth value, if the text is one; NULL else. */
static struct json_value *typed(struct arena *arena, struct slice text, enum dissect_type type)
{
    struct json_value *v;
    if (type == DISSECT_STRING) {
        return NULL;
    }
    if (type == DISSECT_BOOLEAN) {
        return boolean(arena, text);
    }
    if (json_parse(text, arena, &v, NULL) == ERR_OK &&
        (v->kind == JSON_INT || (v->kind == JSON_DOUBLE && type == DISSECT_FLOAT))) {
        return v;
    }
    return number(arena, text, type);
}

/* The text of the earlier value, a blank, and this one, as Filebeat joins them. */
static struct slice joined(struct arena *arena, struct slice earlier, struct slice text)
{
    uint8_t *bytes = arena_alloc(arena, earlier.len + text.len + 1);
    if (!bytes) {
        return slice_null();
    }
    struct slice whole = slice_of(bytes, earlier.len + text.len + 1);
    if (earlier.len > 0) {
        memcpy(bytes, earlier.ptr, earlier.len);
    }
    bytes[earlier.len] = ' ';
    if (text.len > 0) {
        memcpy(bytes + earlier.len + 1, text.ptr, text.len);
    }
    return whole;
}

enum err dissect_store(const struct dissect_part *part, struct slice text, struct json_value *root,
                       struct arena *arena, bool overwrite)
{
    struct json_value *there = json_get_path(root, part->name);
    if (part->append && there && there->kind == JSON_STRING) {
        text = joined(arena, there->text, text);
        if (slice_is_null(text)) {
            return ERR_LIMIT;
        }
    } else if (there && !overwrite) {
        return ERR_OK;
    }
    struct json_value *v = typed(arena, text, part->type);
    if (!v) {
        v = json_new_string(arena, text.ptr ? text : slice_str(""));
    }
    return v ? json_set_path(root, arena, part->name, v) : ERR_LIMIT;
}
