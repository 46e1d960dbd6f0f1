/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one event as a tree, for the processors. Most events never become one: where all
 * processors are constant, the tree is built once per input (ship/template.h).
 */
#ifndef LOGBOOM_AGENT_PROCESS_EVENT_H
#define LOGBOOM_AGENT_PROCESS_EVENT_H

#include "protocol/daemon/json.h"

struct event {
    struct arena *arena; /* reset after each event */
    struct json_value *root;
    int64_t time_ms; /* @timestamp; the tree holds its text */
    bool dropped;
};

/* Whether a field's value differs from line to line (or file to file), so that what depends on it
 * cannot be worked out once per input. */
bool event_field_varies(struct slice path);
/* The text of a scalar: strings as they are, numbers as written, booleans by name; the null slice
 * for objects, arrays and null. */
struct slice event_text(const struct json_value *v);

struct yaml_node;
/* A configuration value as JSON; its strings stay the node's. NULL at the arena's cap. */
struct json_value *event_value_from_yaml(const struct yaml_node *node, struct arena *arena);
/* A copy of a tree whose strings stay the original's; NULL at the cap. */
struct json_value *event_copy_value(struct arena *arena, const struct json_value *from);
/* Puts a child behind the others, whatever their names. */
void event_append_child(struct json_value *parent, struct json_value *child);
/* Sets a text; at the cap, or where the path leads through a scalar, nothing happens. */
void event_set_text(struct event *e, const char *path, struct slice text);
/* Adds a text to the array at path, unless it is there. */
void event_add_to_list(struct event *e, const char *path, struct slice text);
/* Sets the members of an object below target ("" is the root); objects that meet objects are
 * merged, other fields that are there are replaced or kept. */
void event_merge(struct event *e, const char *target, const struct json_value *from,
                 bool overwrite);

#endif
