/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp.c - node type timestamp: reads a time out of a field into @timestamp. Driven by
 * flow/flow.c for each event. Layouts in Go's spelling (as Filebeat has them) or strptime's.
 */
#include "connectors/nodes/nodes.h"
#include "protocol/event/time_format.h"
#include "protocol/event/time_layout.h"

#define ROWS(C)                                                                                    \
    PROCESSOR_ROWS(C)                                                                              \
    C(STR, field, "field", "", "", "", CONFIG_REQUIRED, "The field with the time.")                \
    C(STR, target_field, "target_field", "@timestamp", "", "", 0, "The field that is set.")        \
    C(LIST, layouts, "layouts", "", "", "", CONFIG_REQUIRED,                                       \
      "Layouts, the first that fits wins: 02/Jan/2006:15:04:05 -0700, %d/%b/%Y:%H:%M:%S %z, "      \
      "ISO8601, "                                                                                  \
      "UNIX, UNIX_MS.")                                                                            \
    C(STR, timezone, "timezone", "UTC", "", "", 0,                                                 \
      "The zone of times that carry none: UTC or an offset like +02:00.")                          \
    C(BOOL, ignore_missing, "ignore_missing", "false", "", "", 0,                                  \
      "true lets events without the field pass.")                                                  \
    C(BOOL, ignore_failure, "ignore_failure", "false", "", "", 0,                                  \
      "true lets events pass whose time fits no layout.")

struct timestamp_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT timestamp_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node timestamp", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct timestamp_config) };

struct timestamp {
    struct time_layout *layouts;
    size_t count;
    int64_t offset_ms;
};

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct timestamp_config *c = n->config;
    struct timestamp *t = arena_alloc(arena, sizeof(*t));
    struct time_layout *layouts = arena_array(arena, c->layouts.count, sizeof(*layouts));
    if (!t || !layouts) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    *t = (struct timestamp){ .layouts = layouts, .count = c->layouts.count };
    for (size_t i = 0; i < t->count; i++) {
        struct error why = { .text = "" };
        if (time_layout_compile(c->layouts.items[i], &layouts[i], &why) != ERR_OK) {
            return yaml_error(n->at, err, "node %s: %s", n->name, why.text);
        }
    }
    if (!time_parse_offset(slice_str(c->timezone), &t->offset_ms)) {
        return yaml_error(n->at, err,
                          "node %s: the timezone \"%s\" is neither UTC nor an offset like "
                          "+02:00",
                          n->name, c->timezone);
    }
    n->state = t;
    return ERR_OK;
}

static bool read_time(const struct timestamp *t, struct slice text, int64_t near_ms,
                      int64_t *ret_ms)
{
    for (size_t i = 0; i < t->count; i++) {
        if (time_layout_parse(&t->layouts[i], text, t->offset_ms, near_ms, ret_ms)) {
            return true;
        }
    }
    return false;
}

static enum verdict process(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f)
{
    const struct timestamp_config *c = n->config;
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return failure_set(f, "TRANSFORMATION", "json_parse_error", "%s", why.text);
    }
    const struct json_value *v = json_get_path(root, slice_str(c->field));
    if (!v || slice_is_null(v->text)) {
        return c->ignore_missing ? VERDICT_PASS
                                 : failure_set(f, "TRANSFORMATION", "missing_field",
                                               "timestamp: no field %s with a time", c->field);
    }
    int64_t ms;
    if (!read_time(n->state, v->text, ev->record->timestamp_ms, &ms)) {
        return c->ignore_failure ? VERDICT_PASS
                                 : failure_set(f, "TRANSFORMATION", "timestamp_parse_error",
                                               "timestamp: %s is \"%.*s\", which fits no layout",
                                               c->field, SLICE_ARG(slice_head(v->text, 100)));
    }
    char iso[TIME_ISO_BYTES];
    time_format_iso(ms, iso);
    struct slice copy = arena_copy(ev->arena, slice_str(iso));
    struct json_value *stamp = slice_is_null(copy) ? NULL : json_new_string(ev->arena, copy);
    if (!stamp || json_set_path(root, ev->arena, slice_str(c->target_field), stamp) != ERR_OK) {
        return failure_set(f, "TRANSFORMATION", "field_conflict", "timestamp: %s cannot be set",
                           c->target_field);
    }
    ev->changed = true;
    return VERDICT_PASS;
}

const struct node_type node_timestamp = {
    .name = "timestamp",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Reads the event's time out of a field.",
    .table = &table,
    .init = init,
    .process = process,
};
