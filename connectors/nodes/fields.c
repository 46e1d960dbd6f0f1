/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.c - node types rename, drop_fields and add_fields: Filebeat's processors of these names.
 * Driven by flow/flow.c for each event. A missing field is no error where ignore_missing says so
 * (the default); what cannot be set (a part of the path is no object) fails the event.
 */
#include "connectors/nodes/nodes.h"
#include "protocol/event/value.h"

static enum verdict root_failed(struct failure *f, const struct error *why)
{
    return failure_set(f, "TRANSFORMATION", "json_parse_error", "%s", why->text);
}

/* --- rename -------------------------------------------------------------------------------- */

#define RENAME_ROWS(C)                                                                             \
    PROCESSOR_ROWS(C)                                                                              \
    C(NODE, fields, "fields", "", "", "", CONFIG_REQUIRED, "A list of {from: old, to: new}.")      \
    C(BOOL, ignore_missing, "ignore_missing", "true", "", "", 0,                                   \
      "false makes an event without the field a dead letter.")

struct rename_config {
    RENAME_ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT rename_config
static const struct config_row rename_rows[] = { RENAME_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
static const struct config_table rename_table = { "node rename", rename_rows,
                                                  sizeof(rename_rows) / sizeof(rename_rows[0]),
                                                  sizeof(struct rename_config) };

struct rename_pair {
    struct slice from, to;
};

struct rename_list {
    struct rename_pair *pairs;
    size_t count;
};

static enum err read_pair(const struct yaml_node *item, struct rename_pair *ret_pair,
                          struct error *err)
{
    const struct yaml_node *from = yaml_get(item, "from");
    const struct yaml_node *to = yaml_get(item, "to");
    if (item->kind != YAML_MAPPING || item->child_count != 2 || !from || !to ||
        from->kind != YAML_SCALAR || to->kind != YAML_SCALAR) {
        return yaml_error(item, err, "rename: each of fields is written {from: old, to: new}");
    }
    *ret_pair = (struct rename_pair){ from->text, to->text };
    return ERR_OK;
}

static enum err rename_init(struct node *n, struct arena *arena, struct error *err)
{
    const struct rename_config *c = n->config;
    struct rename_list *l = arena_alloc(arena, sizeof(*l));
    if (c->fields->kind != YAML_SEQUENCE || c->fields->child_count == 0) {
        return yaml_error(c->fields, err, "rename: fields must be a list of {from: old, to: new}");
    }
    struct rename_pair *pairs = arena_array(arena, c->fields->child_count, sizeof(*pairs));
    if (!l || !pairs) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    l->pairs = pairs;
    for (const struct yaml_node *item = c->fields->child; item; item = item->next) {
        enum err e = read_pair(item, &pairs[l->count], err);
        if (e != ERR_OK) {
            return e;
        }
        l->count++;
    }
    n->state = l;
    return ERR_OK;
}

static enum verdict rename_process(struct node *n, struct event *ev, unsigned *ret_output,
                                   struct failure *f)
{
    const struct rename_config *c = n->config;
    const struct rename_list *l = n->state;
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return root_failed(f, &why);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct rename_pair *p = &l->pairs[i];
        struct json_value *v = json_remove_path(root, p->from);
        if (!v) {
            if (!c->ignore_missing) {
                return failure_set(f, "TRANSFORMATION", "missing_field", "rename: no field %.*s",
                                   SLICE_ARG(p->from));
            }
            continue;
        }
        ev->changed = true;
        if (json_set_path(root, ev->arena, p->to, v) != ERR_OK) {
            return failure_set(f, "TRANSFORMATION", "field_conflict",
                               "rename: %.*s cannot be set: a part of its path is no object",
                               SLICE_ARG(p->to));
        }
    }
    return VERDICT_PASS;
}

const struct node_type node_rename = {
    .name = "rename",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Renames fields.",
    .table = &rename_table,
    .init = rename_init,
    .process = rename_process,
};

/* --- drop_fields --------------------------------------------------------------------------- */

#define DROP_ROWS(C)                                                                               \
    PROCESSOR_ROWS(C)                                                                              \
    C(LIST, fields, "fields", "", "", "", CONFIG_REQUIRED, "The fields to take out.")              \
    C(BOOL, ignore_missing, "ignore_missing", "true", "", "", 0,                                   \
      "false makes an event without the field a dead letter.")

struct drop_config {
    DROP_ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT drop_config
static const struct config_row drop_rows[] = { DROP_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
static const struct config_table drop_table = { "node drop_fields", drop_rows,
                                                sizeof(drop_rows) / sizeof(drop_rows[0]),
                                                sizeof(struct drop_config) };

static enum verdict drop_process(struct node *n, struct event *ev, unsigned *ret_output,
                                 struct failure *f)
{
    const struct drop_config *c = n->config;
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return root_failed(f, &why);
    }
    for (size_t i = 0; i < c->fields.count; i++) {
        if (json_remove_path(root, slice_str(c->fields.items[i]))) {
            ev->changed = true;
        } else if (!c->ignore_missing) {
            return failure_set(f, "TRANSFORMATION", "missing_field", "drop_fields: no field %s",
                               c->fields.items[i]);
        }
    }
    return VERDICT_PASS;
}

const struct node_type node_drop_fields = {
    .name = "drop_fields",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Takes fields out.",
    .table = &drop_table,
    .process = drop_process,
};

/* --- add_fields ---------------------------------------------------------------------------- */

#define ADD_ROWS(C)                                                                                \
    PROCESSOR_ROWS(C)                                                                              \
    C(NODE, fields, "fields", "", "", "", CONFIG_REQUIRED,                                         \
      "Fields and values, nested as you like.")                                                    \
    C(STR, target, "target", "fields", "", "", 0,                                                  \
      "The object that gets them; empty: the root of the event.")

struct add_config {
    ADD_ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT add_config
static const struct config_row add_rows[] = { ADD_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
static const struct config_table add_table = { "node add_fields", add_rows,
                                               sizeof(add_rows) / sizeof(add_rows[0]),
                                               sizeof(struct add_config) };

static enum err add_init(struct node *n, struct arena *arena, struct error *err)
{
    const struct add_config *c = n->config;
    if (c->fields->kind != YAML_MAPPING || c->fields->child_count == 0) {
        return yaml_error(c->fields, err,
                          "add_fields: fields must be a mapping of fields to values");
    }
    n->state = value_from_yaml(c->fields, arena);
    return n->state ? ERR_OK : err_set(err, ERR_LIMIT, "the configuration is too large");
}

static enum verdict add_process(struct node *n, struct event *ev, unsigned *ret_output,
                                struct failure *f)
{
    const struct add_config *c = n->config;
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return root_failed(f, &why);
    }
    ev->changed = true;
    if (value_merge(root, ev->arena, slice_str(c->target ? c->target : ""), n->state, true) !=
        ERR_OK) {
        return failure_set(f, "TRANSFORMATION", "field_conflict",
                           "add_fields: %s is no object that takes them",
                           c->target && *c->target ? c->target : "the event");
    }
    return VERDICT_PASS;
}

const struct node_type node_add_fields = {
    .name = "add_fields",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Adds constant fields.",
    .table = &add_table,
    .init = add_init,
    .process = add_process,
};
