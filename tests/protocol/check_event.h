/* SPDX-License-Identifier: Apache-2.0 */
/* check_event.h - the suites of check_event, and an event that is nothing but a tree and a time. */
#ifndef LOGBOOM_TESTS_PROTOCOL_CHECK_EVENT_H
#define LOGBOOM_TESTS_PROTOCOL_CHECK_EVENT_H

#include "protocol/event/access.h"
#include "tests/support/suites.h"

Suite *event_text_suite(void);
Suite *event_condition_suite(void);
Suite *event_value_suite(void);

struct tree_event {
    struct arena arena;
    struct json_value *root;
    int64_t time_ms;
};
extern const struct event_access tree_event_access;

/* json is an object, time in ISO 8601. */
void tree_event_init(struct tree_event *ev, const char *json, const char *time);
void tree_event_deinit(struct tree_event *ev);

#endif
