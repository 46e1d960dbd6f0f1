/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_tree.c - JSON in (yajl's events make a tree in an arena), and the tree's changes. Driven by
 * the agent's parsers, by connectors and REST. (T1) No tree is deeper than JSON_DEPTH_MAX, so walks
 * may recurse. (T2) A number keeps its text: what was parsed is written as it was. (T3) Every
 * string in a parsed tree is well-formed UTF-8 (yajl lets overlong forms and surrogates by). (T4)
 * Taking or replacing a member takes all members of that name: a second one never comes to light.
 */
#include "protocol/daemon/json.h"

#include "protocol/base/alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

/* --- the parser ------------------------------------------------------------------------------- */

struct build {
    struct arena *arena;
    struct json_value *open[JSON_DEPTH_MAX]; /* the containers around the place */
    unsigned depth;
    struct json_value *root;
    struct slice key;
    enum { BUILD_OK, BUILD_DEPTH, BUILD_MEMORY, BUILD_UTF8 } why;
};

static void append_child(struct json_value *parent, struct json_value *v)
{
    if (parent->last) {
        parent->last->next = v;
    } else {
        parent->child = v;
    }
    parent->last = v;
    parent->child_count++;
}

/* A new value at the place; NULL at the cap. */
static struct json_value *add(struct build *b, enum json_kind kind)
{
    struct json_value *v = json_new(b->arena, kind);
    if (!v) {
        b->why = BUILD_MEMORY;
        return NULL;
    }
    if (b->depth) {
        v->key = b->key;
        b->key = slice_null();
        append_child(b->open[b->depth - 1], v);
    } else {
        b->root = v;
    }
    return v;
}

static int on_null(void *ctx)
{
    return add(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int value)
{
    struct json_value *v = add(ctx, JSON_BOOL);
    if (v) {
        v->integer = value;
        v->number = value;
    }
    return v != NULL;
}

static int on_number(void *ctx, const char *text, size_t len)
{
    struct build *b = ctx;
    struct json_value *v = add(b, JSON_DOUBLE);
    struct slice copy = v ? arena_copy(b->arena, slice_of(text, len)) : slice_null();
    if (slice_is_null(copy)) {
        b->why = BUILD_MEMORY;
        return 0;
    }
    const char *digits = (const char *)copy.ptr;
    v->text = copy;
    v->number = strtod(digits, NULL);
    char *end;
    errno = 0;
    long long n = strtoll(digits, &end, 10);
    if (!errno && !*end) {
        v->kind = JSON_INT;
        v->integer = n;
    }
    return 1;
}

/* A copy of a decoded string; the null slice when it must not be. */
static struct slice take_text(struct build *b, const unsigned char *text, size_t len)
{
    if (!json_is_utf8(slice_of(text, len))) {
        b->why = BUILD_UTF8;
        return slice_null();
    }
    struct slice copy = arena_copy(b->arena, slice_of(text, len));
    if (slice_is_null(copy)) {
        b->why = BUILD_MEMORY;
    }
    return copy;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct json_value *v = add(ctx, JSON_STRING);
    if (v) {
        v->text = take_text(ctx, text, len);
    }
    return v && !slice_is_null(v->text);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct build *b = ctx;
    b->key = take_text(b, text, len);
    return !slice_is_null(b->key);
}

static int open_container(struct build *b, enum json_kind kind)
{
    if (b->depth == JSON_DEPTH_MAX) {
        b->why = BUILD_DEPTH;
        return 0;
    }
    struct json_value *v = add(b, kind);
    if (v) {
        b->open[b->depth++] = v;
    }
    return v != NULL;
}

static int on_object(void *ctx)
{
    return open_container(ctx, JSON_OBJECT);
}

static int on_array(void *ctx)
{
    return open_container(ctx, JSON_ARRAY);
}

static int on_end(void *ctx)
{
    ((struct build *)ctx)->depth--;
    return 1;
}

static void *yajl_mem_alloc(void *ctx, size_t size)
{
    return mem_alloc(size);
}

static void *yajl_mem_realloc(void *ctx, void *ptr, size_t size)
{
    return mem_realloc(ptr, size);
}

static void yajl_mem_free(void *ctx, void *ptr)
{
    mem_free(ptr);
}

/* Says what is wrong and where, in lines and columns from 1. */
static enum err explain(const struct build *b, yajl_handle handle, struct slice text,
                        struct error *err)
{
    if (b->why == BUILD_MEMORY) {
        return err_set(err, ERR_LIMIT,
                       "JSON of %zu bytes needs more memory than it may have "
                       "(%zu bytes)",
                       text.len, b->arena->cap_bytes);
    }
    size_t at = yajl_get_bytes_consumed(handle);
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    if (b->why == BUILD_DEPTH) {
        return err_set(err, ERR_LIMIT, "JSON at line %zu column %zu is nested deeper than %d", line,
                       column, JSON_DEPTH_MAX);
    }
    if (b->why == BUILD_UTF8) {
        return err_set(err, ERR_MALFORMED,
                       "JSON at line %zu column %zu: the string is not valid UTF-8", line, column);
    }
    unsigned char *said = yajl_get_error(handle, 0, text.ptr, text.len);
    struct slice what = slice_str(said ? (const char *)said : "parse error");
    while (what.len && (what.ptr[what.len - 1] == '\n' || what.ptr[what.len - 1] == ' ')) {
        what.len--;
    }
    err_set(err, ERR_MALFORMED, "JSON at line %zu column %zu: %.*s", line, column, SLICE_ARG(what));
    if (said) {
        yajl_free_error(handle, said);
    }
    return ERR_MALFORMED;
}

enum err json_parse(struct slice text, struct arena *arena, struct json_value **ret_value,
                    struct error *err)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_map_key = on_key,
        .yajl_start_map = on_object,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array,
        .yajl_end_array = on_end,
    };
    yajl_alloc_funcs memory = { yajl_mem_alloc, yajl_mem_realloc, yajl_mem_free, NULL };
    struct build b = { .arena = arena };
    yajl_handle handle = yajl_alloc(&callbacks, &memory, &b);
    yajl_status status = yajl_parse(handle, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(handle);
    }
    enum err e = ERR_OK;
    if (status != yajl_status_ok) {
        e = explain(&b, handle, text, err);
    } else {
        *ret_value = b.root;
    }
    yajl_free(handle);
    return e;
}

/* --- looking ---------------------------------------------------------------------------------- */

struct json_value *json_get(const struct json_value *v, struct slice key)
{
    struct json_value *found = NULL;
    if (v && v->kind == JSON_OBJECT) {
        for (struct json_value *c = v->child; c; c = c->next) {
            found = slice_eq(c->key, key) ? c : found;
        }
    }
    return found;
}

/* Cuts the first part off a dotted path; false when there is no dot. */
static bool split(struct slice dotted, struct slice *ret_part, struct slice *ret_rest)
{
    const uint8_t *dot = dotted.len ? memchr(dotted.ptr, '.', dotted.len) : NULL;
    if (!dot) {
        return false;
    }
    *ret_part = slice_head(dotted, (size_t)(dot - dotted.ptr));
    *ret_rest = slice_from(dotted, ret_part->len + 1);
    return true;
}

/* The object that holds the last part of a path, and that part; NULL when there is none. */
static struct json_value *find_holder(const struct json_value *v, struct slice dotted,
                                      struct slice *ret_key)
{
    struct slice part;
    while (v && v->kind == JSON_OBJECT) {
        if (json_get(v, dotted)) {
            *ret_key = dotted;
            return (struct json_value *)(uintptr_t)v;
        }
        if (!split(dotted, &part, &dotted)) {
            return NULL;
        }
        v = json_get(v, part);
    }
    return NULL;
}

struct json_value *json_get_path(const struct json_value *v, struct slice dotted)
{
    struct slice key;
    struct json_value *holder = find_holder(v, dotted, &key);
    return holder ? json_get(holder, key) : NULL;
}

/* --- change ----------------------------------------------------------------------------------- */

struct json_value *json_new(struct arena *arena, enum json_kind kind)
{
    struct json_value *v = arena_alloc(arena, sizeof(*v));
    if (v) {
        v->kind = kind;
    }
    return v;
}

struct json_value *json_new_string(struct arena *arena, struct slice text)
{
    struct json_value *v = json_new(arena, JSON_STRING);
    if (v) {
        v->text = arena_copy(arena, text);
    }
    return v && !slice_is_null(v->text) ? v : NULL;
}

struct json_value *json_new_int(struct arena *arena, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRId64, value);
    struct json_value *v = json_new(arena, JSON_INT);
    if (v) {
        v->integer = value;
        v->number = (double)value;
        v->text = arena_copy(arena, slice_of(digits, (size_t)n));
    }
    return v && !slice_is_null(v->text) ? v : NULL;
}

/* How many levels of containers a value has. */
static unsigned height(const struct json_value *v)
{
    unsigned most = 0;
    for (const struct json_value *c = v->child; c; c = c->next) {
        unsigned h = height(c);
        most = h > most ? h : most;
    }
    return v->kind >= JSON_ARRAY ? most + 1 : 0;
}

/* Takes all members of that key out, puts `with` (may be NULL) where the first one stood or at the
 * end, and returns the last that was taken. */
static struct json_value *replace(struct json_value *object, struct slice key,
                                  struct json_value *with)
{
    struct json_value *taken = NULL, *child = object->child;
    object->child = object->last = NULL;
    object->child_count = 0;
    for (struct json_value *next; child; child = next) {
        next = child->next;
        child->next = NULL;
        if (!slice_eq(child->key, key)) {
            append_child(object, child);
            continue;
        }
        taken = child;
        if (with) {
            append_child(object, with);
            with = NULL;
        }
    }
    if (with) {
        append_child(object, with);
    }
    return taken;
}

enum err json_set_path(struct json_value *object, struct arena *arena, struct slice dotted,
                       struct json_value *value)
{
    if (object->kind != JSON_OBJECT) {
        return ERR_INVALID;
    }
    unsigned level = 1 + height(value);
    struct slice part;
    while (level <= JSON_DEPTH_MAX && !json_get(object, dotted) && split(dotted, &part, &dotted)) {
        struct json_value *next = json_get(object, part);
        if (!next) {
            struct slice key = arena_copy(arena, part);
            next = json_new(arena, JSON_OBJECT);
            if (!next || slice_is_null(key)) {
                return ERR_LIMIT;
            }
            next->key = key;
            append_child(object, next);
        } else if (next->kind != JSON_OBJECT) {
            return ERR_INVALID;
        }
        object = next;
        level++;
    }
    struct slice key = level <= JSON_DEPTH_MAX ? arena_copy(arena, dotted) : slice_null();
    if (slice_is_null(key)) {
        return ERR_LIMIT;
    }
    value->key = key;
    value->next = NULL;
    (void)replace(object, key, value);
    return ERR_OK;
}

struct json_value *json_remove_path(struct json_value *object, struct slice dotted)
{
    struct slice key;
    struct json_value *holder = find_holder(object, dotted, &key);
    return holder ? replace(holder, key, NULL) : NULL;
}
