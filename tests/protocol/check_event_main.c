/* SPDX-License-Identifier: Apache-2.0 */
/* check_event_main.c - suites of protocol/event. */
#include "protocol/event/time_format.h"
#include "tests/protocol/check_event.h"

static const struct json_value *field(void *event, struct slice dotted)
{
    return json_get_path(((const struct tree_event *)event)->root, dotted);
}

static int64_t time_ms(void *event)
{
    return ((const struct tree_event *)event)->time_ms;
}

const struct event_access tree_event_access = { field, time_ms };

void tree_event_init(struct tree_event *ev, const char *json, const char *time)
{
    arena_init(&ev->arena, 1 << 20);
    ck_assert_int_eq(json_parse(slice_str(json), &ev->arena, &ev->root, NULL), ERR_OK);
    ck_assert(time_parse_iso(slice_str(time), 0, &ev->time_ms));
}

void tree_event_deinit(struct tree_event *ev)
{
    arena_deinit(&ev->arena);
}

int main(void)
{
    Suite *(*const suites[])(void) = { event_text_suite, event_condition_suite, event_value_suite };
    return RUN_SUITES(suites);
}
