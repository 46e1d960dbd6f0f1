/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - what the processors of both programs do with the values of an event (json.h's trees):
 * as text, out of a configuration, copied, merged. Strings are never copied, only pointed at.
 */
#ifndef LOGBOOM_EVENT_VALUE_H
#define LOGBOOM_EVENT_VALUE_H

#include "protocol/daemon/json.h"

struct yaml_node;

/* The text of a scalar: strings as they are, numbers as written, truth values by name; the null
 * slice for objects, arrays, null and NULL. */
struct slice value_text(const struct json_value *v);
/* A configuration value: a plain scalar that reads as JSON (a number, true, null) is that, any
 * other one is a string; the strings stay the node's. NULL at the arena's cap. */
struct json_value *value_from_yaml(const struct yaml_node *node, struct arena *arena);
/* A deep copy whose strings stay the original's; NULL at the cap. Depth is that of the original. */
struct json_value *value_copy(struct arena *arena, const struct json_value *from);
/* Puts a child behind the others, whatever their names. */
void value_append_child(struct json_value *parent, struct json_value *child);
/* Sets copies of the members of `from`, if there are any, below the dotted path target of root (""
 * is root itself), which becomes an object if it is absent. Objects that meet objects are merged;
 * other fields that are there are replaced or kept. ERR_INVALID when target, or a part of a key's
 * path, is there and no object, ERR_LIMIT at the cap: the members that can be set are set all the
 * same. */
enum err value_merge(struct json_value *root, struct arena *arena, struct slice target,
                     const struct json_value *from, bool overwrite);

#endif
