/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - node type json: the record's value, or one field, is JSON text and becomes fields.
 * Driven by flow/flow.c for each event. For the whole value it only checks: the bytes go on as they
 * came, and are parsed once for whoever needs a field.
 */
#include "connectors/nodes/nodes.h"

#define ROWS(C)                                                                                    \
    PROCESSOR_ROWS(C)                                                                              \
    C(STR, field, "field", "", "", "", 0,                                                          \
      "The field with JSON text; empty: the whole record value.")                                  \
    C(STR, target, "target", "", "", "", 0,                                                        \
      "Where the parsed object goes; empty: the root of the event.")                               \
    C(BOOL, overwrite_keys, "overwrite_keys", "true", "", "", 0,                                   \
      "Whether parsed fields replace fields that are there.")                                      \
    C(ENUM, on_error, "on_error", "dead_letter", "dead_letter|pass|drop", "", 0,                   \
      "What happens to an event whose text is no JSON object.")

struct json_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT json_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node json", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct json_config) };

enum on_error { ON_ERROR_DEAD_LETTER, ON_ERROR_PASS, ON_ERROR_DROP };

static enum verdict refuse(const struct json_config *c, struct failure *f, const char *why)
{
    if (c->on_error == ON_ERROR_PASS) {
        return VERDICT_PASS;
    }
    if (c->on_error == ON_ERROR_DROP) {
        return VERDICT_DROP;
    }
    return failure_set(f, "VALUE_CONVERTER", "json_parse_error", "%s", why);
}

static bool begins_object(struct slice text)
{
    size_t i = 0;
    while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\t' || text.ptr[i] == '\n' ||
                            text.ptr[i] == '\r')) {
        i++;
    }
    return i < text.len && text.ptr[i] == '{';
}

static enum verdict parse_record(const struct json_config *c, struct event *ev, struct failure *f)
{
    struct error why = { .text = "" };
    struct json_value *root;
    if (!ev->changed && !begins_object(ev->record->value)) {
        return refuse(c, f, "the record's value is no JSON object");
    }
    if (event_root(ev, &root, &why) != ERR_OK) {
        return refuse(c, f, why.text);
    }
    return VERDICT_PASS;
}

/* Moves the members of parsed into the event. */
static enum err merge(const struct json_config *c, struct event *ev, struct json_value *root,
                      struct json_value *parsed)
{
    if (c->target && *c->target) {
        return json_set_path(root, ev->arena, slice_str(c->target), parsed);
    }
    for (struct json_value *m = parsed->child, *next; m; m = next) {
        next = m->next;
        m->next = NULL;
        if (!c->overwrite_keys && json_get(root, m->key)) {
            continue;
        }
        enum err e = json_set_path(root, ev->arena, m->key, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum verdict process(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f)
{
    const struct json_config *c = n->config;
    if (!c->field || !*c->field) {
        return parse_record(c, ev, f);
    }
    struct json_value *root, *parsed;
    struct error why = { .text = "" };
    if (event_root(ev, &root, &why) != ERR_OK) {
        return refuse(c, f, why.text);
    }
    const struct json_value *v = json_get_path(root, slice_str(c->field));
    if (!v || v->kind != JSON_STRING) {
        return refuse(c, f, "the field with the JSON text is missing");
    }
    if (json_parse(v->text, ev->arena, &parsed, &why) != ERR_OK || parsed->kind != JSON_OBJECT) {
        return refuse(c, f, *why.text ? why.text : "the field holds no JSON object");
    }
    if (merge(c, ev, root, parsed) != ERR_OK) {
        return refuse(c, f, "the parsed object does not fit into the event");
    }
    ev->changed = true;
    return VERDICT_PASS;
}

const struct node_type node_json = {
    .name = "json",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Parses JSON text into fields.",
    .table = &table,
    .process = process,
};
