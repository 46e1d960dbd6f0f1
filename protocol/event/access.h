/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - how conditions and patterns look into an event, whatever a program's event is.
 * Each program has one such table and hands it over together with its event.
 */
#ifndef LOGBOOM_EVENT_ACCESS_H
#define LOGBOOM_EVENT_ACCESS_H

#include "protocol/daemon/json.h"

struct event_access {
    /* A field by its dotted path; NULL when it is absent. May parse the event first. */
    const struct json_value *(*field)(void *event, struct slice dotted);
    /* @timestamp in Unix milliseconds. */
    int64_t (*time_ms)(void *event);
};

#endif
