/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissect.c - node type dissect: cuts a field at fixed delimiters, as Filebeat's processor does.
 * Driven by flow/flow.c for each event. The tokenizer: %{key}, %{} or %{?key} to skip, %{+key} to
 * append to an earlier key, %{key->} for delimiters repeated as padding, %{key|integer} to convert
 * (integer, long, float, double, boolean, string, ip).
 *   (D1) it matches from the first to the last delimiter, or the event is not changed at all.
 */
#include "connectors/nodes/nodes.h"
#include "protocol/event/dissect.h"

#define ROWS(C)                                                                                    \
    PROCESSOR_ROWS(C)                                                                              \
    C(STR, tokenizer, "tokenizer", "", "", "", CONFIG_REQUIRED,                                    \
      "The shape of the text: %{ip} - %{user} [%{ts}] \"%{verb} %{path} %{}\" %{status|integer}.") \
    C(STR, field, "field", "message", "", "", 0, "The field that is cut.")                         \
    C(STR, target_prefix, "target_prefix", "dissect", "", "", 0,                                   \
      "The object that gets the keys; empty: the root of the event.")                              \
    C(BOOL, overwrite_keys, "overwrite_keys", "true", "", "", 0,                                   \
      "Whether keys replace fields that are there.")                                               \
    C(ENUM, on_error, "on_error", "dead_letter", "dead_letter|pass|drop", "", 0,                   \
      "What happens to an event whose text has another shape.")

struct dissect_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT dissect_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node dissect", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct dissect_config) };

enum on_error { ON_ERROR_DEAD_LETTER, ON_ERROR_PASS, ON_ERROR_DROP };

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct dissect_config *c = n->config;
    struct dissect *d = arena_alloc(arena, sizeof(*d));
    struct error why = { .text = "" };
    if (!d) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    if (dissect_init(d, c->tokenizer, c->target_prefix, arena, &why) != ERR_OK) {
        return yaml_error(n->at, err, "node %s: %s", n->name, why.text);
    }
    n->state = d;
    return ERR_OK;
}

static enum verdict refuse(const struct dissect_config *c, struct failure *f, const char *why,
                           struct slice text)
{
    if (c->on_error == ON_ERROR_PASS) {
        return VERDICT_PASS;
    }
    if (c->on_error == ON_ERROR_DROP) {
        return VERDICT_DROP;
    }
    return failure_set(f, "TRANSFORMATION", "dissect_error", "dissect: %s %s%.*s", c->field, why,
                       SLICE_ARG(slice_head(text, 100)));
}

static enum verdict process(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f)
{
    const struct dissect_config *c = n->config;
    const struct dissect *d = n->state;
    struct slice values[DISSECT_PARTS_MAX];
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return refuse(c, f, why.text, slice_null());
    }
    const struct json_value *v = json_get_path(root, slice_str(c->field));
    if (!v || v->kind != JSON_STRING) {
        return refuse(c, f, "is missing", slice_null());
    }
    if (dissect_cut(d, v->text, values) != ERR_OK) {
        return refuse(c, f, "has another shape than the tokenizer: ", v->text);
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct dissect_part *part = &d->parts[i];
        if (slice_is_null(part->name)) {
            continue;
        }
        if (dissect_store(part, values[i], root, ev->arena, c->overwrite_keys) != ERR_OK) {
            return failure_set(f, "TRANSFORMATION", "field_conflict", "dissect: %.*s cannot be set",
                               SLICE_ARG(part->name));
        }
        ev->changed = true;
    }
    return VERDICT_PASS;
}

const struct node_type node_dissect = {
    .name = "dissect",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Cuts text into fields at fixed delimiters.",
    .table = &table,
    .init = init,
    .process = process,
};
