/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one event as a tree, for the processors. Most events never become one: where all
 * processors are constant, the tree is built once per input (ship/template.h).
 */
#ifndef LOGBOOM_AGENT_PROCESS_EVENT_H
#define LOGBOOM_AGENT_PROCESS_EVENT_H

#include "protocol/event/condition.h"
#include "protocol/event/pattern.h"

struct event {
    struct arena *arena; /* reset after each event */
    struct json_value *root;
    int64_t time_ms; /* @timestamp; the tree holds its text */
    bool dropped;
};

/* Whether a field's value differs from line to line (or file to file), so that what depends on it
 * cannot be worked out once per input. */
bool event_field_varies(struct slice path);
bool event_holds(const struct event *e, const struct condition *c);
/* Appends to out. ERR_NOT_FOUND (out as it was) when a field is missing and has no default. */
enum err event_expand(const struct event *e, const struct pattern *p, struct buf *out);
/* Sets a text; at the cap, or where the path leads through a scalar, nothing happens. */
void event_set_text(struct event *e, const char *path, struct slice text);
/* Adds a text to the array at path, unless it is there. */
void event_add_to_list(struct event *e, const char *path, struct slice text);

#endif
