/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c - see value.h. Driven by the agent's processors and encoder, and by the nodes of
 * connectors.
 *
 * Invariants:
 * I1. Depth is bounded by the parsers that made the trees (JSON_DEPTH_MAX, and that of yaml.h).
 */
#include "protocol/event/value.h"

#include "protocol/daemon/yaml.h"

struct slice value_text(const struct json_value *v)
{
    if (!v || v->kind == JSON_OBJECT || v->kind == JSON_ARRAY || v->kind == JSON_NULL) {
        return slice_null();
    }
    if (v->kind == JSON_BOOL) {
        return slice_str(v->integer ? "true" : "false");
    }
    return v->text;
}

void value_append_child(struct json_value *parent, struct json_value *child)
{
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->child = child;
    }
    parent->last = child;
    parent->child_count++;
}

static struct json_value *scalar_from_yaml(const struct yaml_node *node, struct arena *arena)
{
    struct json_value *v;
    /* What JSON's scalars begin with, lest every text goes through the parser. */
    bool may_be_json = !node->quoted && node->text.len > 0 &&
                       memchr("-0123456789tfn", node->text.ptr[0], 14) != NULL;
    if (may_be_json && json_parse(node->text, arena, &v, NULL) == ERR_OK) {
        return v;
    }
    return json_new_string(arena, node->text);
}

struct json_value *value_from_yaml(const struct yaml_node *node, struct arena *arena)
{
    if (node->kind == YAML_NULL) {
        return json_new(arena, JSON_NULL);
    }
    if (node->kind == YAML_SCALAR) {
        return scalar_from_yaml(node, arena);
    }
    struct json_value *v = json_new(arena, node->kind == YAML_MAPPING ? JSON_OBJECT : JSON_ARRAY);
    for (const struct yaml_node *n = node->child; v && n; n = n->next) {
        struct json_value *child = value_from_yaml(n, arena);
        if (!child) {
            return NULL;
        }
        child->key = n->key;
        value_append_child(v, child);
    }
    return v;
}

struct json_value *value_copy(struct arena *arena, const struct json_value *from)
{
    struct json_value *v = json_new(arena, from->kind);
    if (!v) {
        return NULL;
    }
    *v = *from;
    v->child = v->last = v->next = NULL;
    v->child_count = 0;
    for (const struct json_value *c = from->child; c; c = c->next) {
        struct json_value *child = value_copy(arena, c);
        if (!child) {
            return NULL;
        }
        value_append_child(v, child);
    }
    return v;
}

static enum err merge_members(struct json_value *into, struct arena *arena,
                              const struct json_value *from, bool overwrite)
{
    enum err first = ERR_OK;
    for (const struct json_value *m = from->child; m; m = m->next) {
        struct json_value *there = json_get_path(into, m->key);
        enum err e = ERR_OK;
        if (there && there->kind == JSON_OBJECT && m->kind == JSON_OBJECT) {
            e = merge_members(there, arena, m, overwrite);
        } else if (!there || overwrite) {
            struct json_value *copy = value_copy(arena, m);
            e = copy ? json_set_path(into, arena, m->key, copy) : ERR_LIMIT;
        }
        if (first == ERR_OK) {
            first = e;
        }
    }
    return first;
}

enum err value_merge(struct json_value *root, struct arena *arena, struct slice target,
                     const struct json_value *from, bool overwrite)
{
    struct json_value *into = target.len > 0 ? json_get_path(root, target) : root;
    if (!from->child) {
        return ERR_OK;
    }
    if (!into) {
        into = json_new(arena, JSON_OBJECT);
        enum err e = into ? json_set_path(root, arena, target, into) : ERR_LIMIT;
        if (e != ERR_OK) {
            return e;
        }
    }
    return into->kind == JSON_OBJECT ? merge_members(into, arena, from, overwrite) : ERR_INVALID;
}
