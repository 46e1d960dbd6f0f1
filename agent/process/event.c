/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - see event.h. Driven by the processors and by ship/. */
#include "agent/process/event.h"

#include "protocol/daemon/yaml.h"

#include <stdlib.h>

bool event_field_varies(struct slice path)
{
    static const char *const varying[] = { "@timestamp", "message", "log", "stream", "event" };
    for (size_t i = 0; i < sizeof(varying) / sizeof(varying[0]); i++) {
        size_t n = strlen(varying[i]);
        if (slice_starts(path, varying[i]) && (path.len == n || path.ptr[n] == '.')) {
            return true;
        }
    }
    return false;
}

struct slice event_text(const struct json_value *v)
{
    if (!v || v->kind == JSON_OBJECT || v->kind == JSON_ARRAY || v->kind == JSON_NULL) {
        return slice_null();
    }
    if (v->kind == JSON_BOOL) {
        return slice_str(v->integer ? "true" : "false");
    }
    return v->text;
}

void event_append_child(struct json_value *parent, struct json_value *child)
{
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->child = child;
    }
    parent->last = child;
    parent->child_count++;
}

struct json_value *event_value_from_yaml(const struct yaml_node *node, struct arena *arena)
{
    if (node->kind == YAML_MAPPING || node->kind == YAML_SEQUENCE) {
        struct json_value *v =
            json_new(arena, node->kind == YAML_MAPPING ? JSON_OBJECT : JSON_ARRAY);
        for (const struct yaml_node *n = node->child; v && n; n = n->next) {
            struct json_value *child = event_value_from_yaml(n, arena);
            if (!child) {
                return NULL;
            }
            child->key = n->key;
            event_append_child(v, child);
        }
        return v;
    }
    if (node->kind == YAML_NULL) {
        return json_new(arena, JSON_NULL);
    }
    if (!node->quoted && (slice_eq_str(node->text, "true") || slice_eq_str(node->text, "false"))) {
        struct json_value *v = json_new(arena, JSON_BOOL);
        if (v) {
            v->integer = slice_eq_str(node->text, "true");
        }
        return v;
    }
    char *end = NULL;
    long long n = strtoll((const char *)node->text.ptr, &end, 10);
    if (!node->quoted && node->text.len > 0 && node->text.len < 19 && !*end) {
        return json_new_int(arena, n);
    }
    return json_new_string(arena, node->text);
}

struct json_value *event_copy_value(struct arena *arena, const struct json_value *from)
{
    struct json_value *v = json_new(arena, from->kind);
    if (!v) {
        return NULL;
    }
    v->key = from->key;
    v->text = from->text;
    v->integer = from->integer;
    v->number = from->number;
    for (const struct json_value *c = from->child; c; c = c->next) {
        struct json_value *child = event_copy_value(arena, c);
        if (!child) {
            return NULL;
        }
        event_append_child(v, child);
    }
    return v;
}

void event_set_text(struct event *e, const char *path, struct slice text)
{
    struct json_value *v = json_new_string(e->arena, text);
    if (v) {
        (void)json_set_path(e->root, e->arena, slice_str(path), v);
    }
}

void event_add_to_list(struct event *e, const char *path, struct slice text)
{
    struct json_value *list = json_get_path(e->root, slice_str(path));
    if (!list || list->kind != JSON_ARRAY) {
        list = json_new(e->arena, JSON_ARRAY);
        if (!list || json_set_path(e->root, e->arena, slice_str(path), list)) {
            return;
        }
    }
    for (const struct json_value *v = list->child; v; v = v->next) {
        if (slice_eq(v->text, text)) {
            return;
        }
    }
    struct json_value *v = json_new_string(e->arena, text);
    if (v) {
        event_append_child(list, v);
    }
}

static void merge(struct event *e, struct buf *path, const struct json_value *from, bool overwrite)
{
    for (const struct json_value *c = from->child; c; c = c->next) {
        size_t len = path->len;
        if (len > 0) {
            buf_append_byte(path, '.');
        }
        buf_append_slice(path, c->key);
        const struct json_value *there = json_get_path(e->root, buf_slice(path));
        if (c->kind == JSON_OBJECT && there && there->kind == JSON_OBJECT) {
            merge(e, path, c, overwrite);
        } else if (!there || overwrite) {
            struct slice name = arena_copy(e->arena, buf_slice(path));
            struct json_value *copy = event_copy_value(e->arena, c);
            if (!slice_is_null(name) && copy) {
                (void)json_set_path(e->root, e->arena, name, copy);
            }
        }
        path->len = len;
    }
}

void event_merge(struct event *e, const char *target, const struct json_value *from, bool overwrite)
{
    struct buf path = { 0 };
    buf_append_str(&path, target);
    merge(e, &path, from, overwrite);
    buf_deinit(&path);
}
