/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.c - see condition.h. Driven by processor.c and ship/route.c.
 *
 * A mapping with several keys, and a condition with several fields, mean that all of them hold.
 * Keys arrive nested however they were spelled, so the name of a field is the path down to its
 * scalar.
 *
 * Invariants:
 * I1. Nesting is bounded by what yaml.h allows a file.
 */
#include "agent/process/condition.h"

#include "agent/process/regex.h"
#include "protocol/base/alloc.h"

#include <stdlib.h>

enum kind { ALL, ANY, NOT, EQUALS, CONTAINS, REGEXP, RANGE, HAS_FIELD };
enum range_op { RANGE_GTE, RANGE_GT, RANGE_LTE, RANGE_LT };

struct condition {
    enum kind kind;
    struct condition **children;
    size_t child_count;
    struct slice field; /* owned */
    struct slice value; /* owned */
    struct regex *regex;
    enum range_op op;
    double bound;
};

static struct slice own(struct slice s)
{
    return slice_of(mem_strndup(s.ptr ? s.ptr : (const uint8_t *)"", s.len), s.len);
}

static struct condition *add_child(struct condition *parent, enum kind kind)
{
    struct condition *c = mem_zalloc(sizeof(*c));
    c->kind = kind;
    parent->children = mem_rearray(parent->children, parent->child_count + 1, sizeof(c));
    parent->children[parent->child_count++] = c;
    return c;
}

static enum err parse_map(const struct yaml_node *map, struct condition *all, struct error *err);

static enum err add_field(struct condition *all, enum kind kind, const struct yaml_node *leaf,
                          const struct buf *path, struct error *err)
{
    struct slice name = buf_slice(path);
    struct condition *c = add_child(all, kind);
    if (kind == RANGE) {
        static const char *const ops[] = { "gte", "gt", "lte", "lt" };
        size_t op = 0, dot = name.len;
        while (dot > 0 && name.ptr[dot - 1] != '.') {
            dot--;
        }
        while (op < 4 && !slice_eq_str(slice_from(name, dot), ops[op])) {
            op++;
        }
        char *end = NULL;
        c->bound = strtod((const char *)leaf->text.ptr, &end);
        if (op == 4 || dot == 0 || end == (const char *)leaf->text.ptr || *end) {
            return yaml_error(leaf, err,
                              "range takes gte, gt, lte or lt and a number below a field");
        }
        c->op = (enum range_op)op;
        name = slice_head(name, dot - 1);
    }
    c->field = own(name);
    c->value = own(leaf->text);
    if (kind == REGEXP) {
        struct error why;
        if (regex_new((const char *)leaf->text.ptr, &c->regex, &why)) {
            return yaml_error(leaf, err, "%s", why.text);
        }
    }
    return ERR_OK;
}

static enum err parse_fields(const struct yaml_node *map, enum kind kind, struct condition *all,
                             struct buf *path, struct error *err)
{
    if (map->kind != YAML_MAPPING) {
        return yaml_error(map, err, "a condition takes fields and values, as in {message: text}");
    }
    for (const struct yaml_node *n = map->child; n; n = n->next) {
        size_t len = path->len;
        if (len) {
            buf_append_byte(path, '.');
        }
        buf_append_slice(path, n->key);
        enum err rc = ERR_OK;
        if (n->kind == YAML_MAPPING) {
            rc = parse_fields(n, kind, all, path, err);
        } else if (n->kind == YAML_SEQUENCE) {
            struct condition *any = add_child(all, ANY);
            for (const struct yaml_node *v = n->child; v && !rc; v = v->next) {
                rc = v->kind == YAML_SCALAR ? add_field(any, kind, v, path, err)
                                            : yaml_error(v, err, "expected a scalar");
            }
        } else if (n->kind == YAML_SCALAR) {
            rc = add_field(all, kind, n, path, err);
        } else {
            rc = yaml_error(n, err, "the field has no value to compare with");
        }
        if (rc) {
            return rc;
        }
        path->len = len;
    }
    return ERR_OK;
}

static enum err parse_list(const struct yaml_node *node, struct condition *group, struct error *err)
{
    if (node->kind != YAML_SEQUENCE) {
        return yaml_error(node, err, "and/or take a list of conditions");
    }
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        enum err rc = parse_map(n, add_child(group, ALL), err);
        if (rc) {
            return rc;
        }
    }
    return ERR_OK;
}

static enum err parse_has_fields(const struct yaml_node *node, struct condition *all,
                                 struct error *err)
{
    if (node->kind == YAML_SCALAR) {
        add_child(all, HAS_FIELD)->field = own(node->text);
        return ERR_OK;
    }
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        if (n->kind != YAML_SCALAR) {
            return yaml_error(n, err, "has_fields takes a list of names");
        }
        add_child(all, HAS_FIELD)->field = own(n->text);
    }
    return ERR_OK;
}

static enum err parse_one(const struct yaml_node *n, struct condition *all, struct error *err)
{
    static const struct {
        const char *name;
        enum kind kind;
    } fields[] = {
        { "equals", EQUALS }, { "contains", CONTAINS }, { "regexp", REGEXP }, { "range", RANGE }
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (slice_eq_str(n->key, fields[i].name)) {
            struct buf path = { 0 };
            enum err rc = parse_fields(n, fields[i].kind, all, &path, err);
            buf_deinit(&path);
            return rc;
        }
    }
    if (slice_eq_str(n->key, "and")) {
        return parse_list(n, add_child(all, ALL), err);
    }
    if (slice_eq_str(n->key, "or")) {
        return parse_list(n, add_child(all, ANY), err);
    }
    if (slice_eq_str(n->key, "not")) {
        return parse_map(n, add_child(all, NOT), err);
    }
    if (slice_eq_str(n->key, "has_fields")) {
        return parse_has_fields(n, all, err);
    }
    return yaml_error(n, err,
                      "unknown condition \"%.*s\"; there are equals, contains, regexp, range, "
                      "has_fields, and, or, not",
                      SLICE_ARG(n->key));
}

static enum err parse_map(const struct yaml_node *map, struct condition *all, struct error *err)
{
    if (map->kind != YAML_MAPPING || !map->child) {
        return yaml_error(map, err, "a condition is a mapping, as in {contains: {message: text}}");
    }
    for (const struct yaml_node *n = map->child; n; n = n->next) {
        enum err rc = parse_one(n, all, err);
        if (rc) {
            return rc;
        }
    }
    return ERR_OK;
}

enum err condition_new(const struct yaml_node *node, struct condition **ret_condition,
                       struct error *err)
{
    struct condition *c = mem_zalloc(sizeof(*c));
    c->kind = ALL;
    enum err rc = parse_map(node, c, err);
    if (rc) {
        condition_free(c);
        return rc;
    }
    *ret_condition = c;
    return ERR_OK;
}

void condition_free(struct condition *c)
{
    if (!c) {
        return;
    }
    for (size_t i = 0; i < c->child_count; i++) {
        condition_free(c->children[i]);
    }
    regex_free(c->regex);
    mem_free(c->children);
    mem_free((void *)(uintptr_t)c->field.ptr);
    mem_free((void *)(uintptr_t)c->value.ptr);
    mem_free(c);
}

/* --- evaluation ------------------------------------------------------------------------------- */

static bool text_holds(const struct condition *c, struct slice text)
{
    switch (c->kind) {
    case EQUALS:
        return slice_eq(text, c->value);
    case CONTAINS:
        return c->value.len == 0 ||
               (text.len && memmem(text.ptr, text.len, c->value.ptr, c->value.len));
    case REGEXP:
        return regex_matches(c->regex, text);
    default:
        return false;
    }
}

/* Arrays hold when one of their elements does; for `contains` in an array the element must be
 * equal, as in Filebeat. */
static bool value_holds(const struct condition *c, const struct json_value *v)
{
    if (!v) {
        return false;
    }
    if (v->kind == JSON_ARRAY) {
        for (const struct json_value *e = v->child; e; e = e->next) {
            struct slice text = event_text(e);
            if (!slice_is_null(text) &&
                (c->kind == REGEXP ? regex_matches(c->regex, text) : slice_eq(text, c->value))) {
                return true;
            }
        }
        return false;
    }
    struct slice text = event_text(v);
    return !slice_is_null(text) && text_holds(c, text);
}

static bool range_holds(const struct condition *c, const struct json_value *v)
{
    double n;
    if (!v) {
        return false;
    }
    if (v->kind == JSON_INT || v->kind == JSON_DOUBLE) {
        n = v->number;
    } else {
        char text[64], *end = NULL;
        struct slice s = event_text(v);
        if (v->kind != JSON_STRING || s.len == 0 || s.len >= sizeof(text)) {
            return false;
        }
        memcpy(text, s.ptr, s.len);
        text[s.len] = '\0';
        n = strtod(text, &end);
        if (*end) {
            return false;
        }
    }
    switch (c->op) {
    case RANGE_GTE:
        return n >= c->bound;
    case RANGE_GT:
        return n > c->bound;
    case RANGE_LTE:
        return n <= c->bound;
    case RANGE_LT:
        return n < c->bound;
    }
    return false;
}

static bool children_hold(const struct condition *c, const struct event *e, bool any)
{
    for (size_t i = 0; i < c->child_count; i++) {
        if (condition_holds(c->children[i], e) == any) {
            return any;
        }
    }
    return !any;
}

bool condition_holds(const struct condition *c, const struct event *e)
{
    switch (c->kind) {
    case ALL:
        return children_hold(c, e, false);
    case ANY:
        return children_hold(c, e, true);
    case NOT:
        return !children_hold(c, e, false);
    case HAS_FIELD:
        return json_get_path(e->root, c->field) != NULL;
    case RANGE:
        return range_holds(c, json_get_path(e->root, c->field));
    case EQUALS:
    case CONTAINS:
    case REGEXP:
        return value_holds(c, json_get_path(e->root, c->field));
    }
    return false;
}

bool condition_varies(const struct condition *c)
{
    if (c->field.ptr && event_field_varies(c->field)) {
        return true;
    }
    for (size_t i = 0; i < c->child_count; i++) {
        if (condition_varies(c->children[i])) {
            return true;
        }
    }
    return false;
}
