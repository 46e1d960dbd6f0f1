/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.c - a tree of tests over an event's fields.
 * Driven by `when` of the agent's processors and topics, and by that of the nodes of connectors.
 *   (K1) a missing field makes a test false, never an error.
 *   (K2) the tree is at most CONDITION_DEPTH_MAX deep.
 */
#include "protocol/event/condition.h"

#include "protocol/base/alloc.h"
#include "protocol/daemon/config.h"
#include "protocol/event/regex.h"

#include <stdlib.h>

enum condition_kind {
    COND_AND,
    COND_OR,
    COND_NOT,
    COND_EQUALS,
    COND_CONTAINS,
    COND_REGEXP,
    COND_RANGE,
    COND_HAS_FIELD
};

enum { CONDITION_DEPTH_MAX = 32 };

struct condition {
    enum condition_kind kind;
    struct condition **parts; /* and, or, not */
    size_t part_count;
    char *field; /* the others */
    size_t field_len;
    char *text; /* equals, contains */
    size_t text_len;
    bool text_is_string; /* equals: only a string of the event may match */
    bool text_is_number; /* equals: `number` is it */
    double number;
    double low, high; /* range */
    bool low_open, high_open, has_low, has_high;
    struct regex *regex;
};

static struct condition *condition_of(enum condition_kind kind)
{
    struct condition *c = mem_zalloc(sizeof(*c));
    c->kind = kind;
    return c;
}

static void set_field(struct condition *c, struct slice name)
{
    c->field = mem_strndup(name.ptr, name.len);
    c->field_len = name.len;
}

static void add_part(struct condition *c, struct condition *part)
{
    c->parts = mem_rearray(c->parts, c->part_count + 1, sizeof(struct condition *));
    c->parts[c->part_count++] = part;
}

void condition_free(struct condition *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->part_count; i++) {
        condition_free(c->parts[i]);
    }
    mem_free(c->parts);
    mem_free(c->field);
    mem_free(c->text);
    regex_free(c->regex);
    mem_free(c);
}

/* --- compiling ----------------------------------------------------------------------------- */

/* In the order of enum condition_kind. */
static const char *const operator_names[] = { "and",      "or",     "not",   "equals",
                                              "contains", "regexp", "range", "has_fields" };
enum { OPERATOR_COUNT = sizeof(operator_names) / sizeof(operator_names[0]) };

static enum err compile_map(const struct yaml_node *at, struct condition *into, unsigned depth,
                            struct error *err);

static bool parse_number(struct slice text, double *ret_number)
{
    char copy[64];
    char *end;
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double value = strtod(copy, &end);
    if (*end != '\0') {
        return false;
    }
    *ret_number = value;
    return true;
}

/* gte: 1, gt: 1, lte: 9, lt: 9 below a field. */
static enum err compile_bounds(const struct yaml_node *map, struct condition *c, struct error *err)
{
    for (const struct yaml_node *n = map->child; n; n = n->next) {
        double bound;
        if (n->kind != YAML_SCALAR || !parse_number(n->text, &bound)) {
            return yaml_error(n, err, "range.%s.%.*s must be a number", c->field,
                              SLICE_ARG(n->key));
        }
        if (slice_eq_str(n->key, "gte") || slice_eq_str(n->key, "gt")) {
            c->has_low = true;
            c->low = bound;
            c->low_open = n->key.len == 2;
        } else {
            c->has_high = true;
            c->high = bound;
            c->high_open = n->key.len == 2;
        }
    }
    return ERR_OK;
}

static bool is_bounds(const struct yaml_node *map)
{
    if (map->kind != YAML_MAPPING || !map->child) {
        return false;
    }
    for (const struct yaml_node *n = map->child; n; n = n->next) {
        if (!slice_eq_str(n->key, "gte") && !slice_eq_str(n->key, "gt") &&
            !slice_eq_str(n->key, "lte") && !slice_eq_str(n->key, "lt")) {
            return false;
        }
    }
    return true;
}

static enum err compile_leaf(enum condition_kind kind, const struct yaml_node *n, const char *path,
                             struct condition *into, struct error *err)
{
    struct condition *c = condition_of(kind);
    set_field(c, slice_str(path));
    add_part(into, c);
    if (kind == COND_RANGE) {
        return compile_bounds(n, c, err);
    }
    if (n->kind != YAML_SCALAR) {
        return yaml_error(n, err, "%s.%s must be a single value", operator_names[kind], path);
    }
    c->text = mem_strndup(n->text.ptr, n->text.len);
    c->text_len = n->text.len;
    c->text_is_string = n->quoted;
    c->text_is_number = !n->quoted && parse_number(n->text, &c->number);
    struct error why;
    if (kind == COND_REGEXP && regex_new(c->text, &c->regex, &why) != ERR_OK) {
        return yaml_error(n, err, "%s", why.text);
    }
    return ERR_OK;
}

/* Dotted and nested keys are one and the same: the path of a field is collected on the way down. */
static enum err compile_fields(enum condition_kind kind, const struct yaml_node *map,
                               const char *prefix, struct condition *into, unsigned depth,
                               struct error *err)
{
    if (map->kind != YAML_MAPPING || !map->child || depth > CONDITION_DEPTH_MAX) {
        return yaml_error(map, err, "%s needs fields and values, as in %s: {http.status: 404}",
                          operator_names[kind], operator_names[kind]);
    }
    for (const struct yaml_node *n = map->child; n; n = n->next) {
        struct buf path = { 0 };
        buf_printf(&path, "%s%s%.*s", prefix, *prefix ? "." : "", SLICE_ARG(n->key));
        bool leaf = kind == COND_RANGE ? is_bounds(n) : n->kind != YAML_MAPPING;
        enum err e = leaf ? compile_leaf(kind, n, buf_cstr(&path), into, err)
                          : compile_fields(kind, n, buf_cstr(&path), into, depth + 1, err);
        buf_deinit(&path);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err compile_list(enum condition_kind kind, const struct yaml_node *n,
                             struct condition *into, unsigned depth, struct error *err)
{
    const char *name = operator_names[kind];
    if (n->kind != YAML_SEQUENCE || !n->child) {
        return yaml_error(n, err, "%s needs a list", name);
    }
    for (const struct yaml_node *item = n->child; item; item = item->next) {
        if (kind == COND_HAS_FIELD) {
            if (item->kind != YAML_SCALAR) {
                return yaml_error(item, err, "has_fields needs a list of field names");
            }
            struct condition *c = condition_of(COND_HAS_FIELD);
            set_field(c, item->text);
            add_part(into, c);
            continue;
        }
        struct condition *c = condition_of(COND_AND);
        add_part(into, c);
        enum err e = compile_map(item, c, depth + 1, err);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err compile_operator(const struct yaml_node *n, struct condition *into, unsigned depth,
                                 struct error *err)
{
    size_t i = 0;
    while (i < OPERATOR_COUNT && !slice_eq_str(n->key, operator_names[i])) {
        i++;
    }
    if (i == OPERATOR_COUNT) {
        const char *near = config_nearest(n->key, operator_names, OPERATOR_COUNT);
        return yaml_error(n, err, "unknown condition \"%.*s\"%s%s%s", SLICE_ARG(n->key),
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    enum condition_kind kind = (enum condition_kind)i;
    if (kind == COND_HAS_FIELD && n->kind == YAML_SCALAR) {
        struct condition *c = condition_of(kind);
        set_field(c, n->text);
        add_part(into, c);
        return ERR_OK;
    }
    if (kind == COND_HAS_FIELD) {
        return compile_list(kind, n, into, depth, err);
    }
    if (kind > COND_NOT) {
        return compile_fields(kind, n, "", into, 0, err);
    }
    struct condition *c = condition_of(kind);
    add_part(into, c);
    return kind == COND_NOT ? compile_map(n, c, depth + 1, err)
                            : compile_list(kind, n, c, depth, err);
}

static enum err compile_map(const struct yaml_node *at, struct condition *into, unsigned depth,
                            struct error *err)
{
    if (at->kind != YAML_MAPPING || !at->child) {
        return yaml_error(at, err, "a condition is written like equals: {http.method: GET}");
    }
    if (depth > CONDITION_DEPTH_MAX) {
        return yaml_error(at, err, "conditions are nested more than %d deep", CONDITION_DEPTH_MAX);
    }
    for (const struct yaml_node *n = at->child; n; n = n->next) {
        enum err e = compile_operator(n, into, depth, err);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err condition_new(const struct yaml_node *at, struct condition **ret_condition,
                       struct error *err)
{
    struct condition *c = condition_of(COND_AND);
    enum err e = compile_map(at, c, 0, err);
    if (e != ERR_OK) {
        condition_free(c);
        return e;
    }
    *ret_condition = c;
    return ERR_OK;
}

/* --- testing ------------------------------------------------------------------------------- */

static bool equals(const struct condition *c, const struct json_value *v)
{
    switch (v->kind) {
    case JSON_STRING:
        return slice_eq(v->text, slice_of(c->text, c->text_len));
    case JSON_BOOL:
        return !c->text_is_string && strcmp(c->text, v->integer ? "true" : "false") == 0;
    case JSON_INT:
    case JSON_DOUBLE:
        return c->text_is_number && !(c->number < v->number) && !(c->number > v->number);
    default:
        return false;
    }
}

/* contains and regexp: a string that fits, or an array with one. */
static bool text_fits(const struct condition *c, const struct json_value *v)
{
    if (v->kind == JSON_ARRAY) {
        for (const struct json_value *item = v->child; item; item = item->next) {
            if (item->kind == JSON_STRING && text_fits(c, item)) {
                return true;
            }
        }
        return false;
    }
    if (v->kind != JSON_STRING) {
        return false;
    }
    if (c->kind == COND_REGEXP) {
        return regex_matches(c->regex, v->text);
    }
    return c->text_len == 0 ||
           (v->text.len > 0 && memmem(v->text.ptr, v->text.len, c->text, c->text_len) != NULL);
}

static bool in_range(const struct condition *c, const struct json_value *v)
{
    double x = v->number;
    if (v->kind == JSON_STRING ? !parse_number(v->text, &x)
                               : v->kind != JSON_INT && v->kind != JSON_DOUBLE) {
        return false;
    }
    bool above = !c->has_low || (c->low_open ? x > c->low : x >= c->low);
    bool below = !c->has_high || (c->high_open ? x < c->high : x <= c->high);
    return above && below;
}

static bool value_holds(const struct condition *c, const struct json_value *v)
{
    switch (c->kind) {
    case COND_EQUALS:
        return equals(c, v);
    case COND_CONTAINS:
    case COND_REGEXP:
        return text_fits(c, v);
    case COND_RANGE:
        return in_range(c, v);
    default:
        return true;
    }
}

bool condition_holds(const struct condition *c, const struct event_access *access, void *event)
{
    if (c->kind > COND_NOT) {
        const struct json_value *v = access->field(event, slice_of(c->field, c->field_len));
        return v && value_holds(c, v);
    }
    bool decides = c->kind == COND_OR;
    bool result = !decides;
    for (size_t i = 0; i < c->part_count && result != decides; i++) {
        if (condition_holds(c->parts[i], access, event) == decides) {
            result = decides;
        }
    }
    return c->kind == COND_NOT ? !result : result;
}

bool condition_uses(const struct condition *c, bool (*asked)(struct slice dotted))
{
    bool uses = c->field && asked(slice_of(c->field, c->field_len));
    for (size_t i = 0; i < c->part_count && !uses; i++) {
        uses = condition_uses(c->parts[i], asked);
    }
    return uses;
}
