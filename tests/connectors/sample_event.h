/* SPDX-License-Identifier: Apache-2.0 */
/* sample_event.h - an event out of a string, for tests of nodes, patterns and conditions. */
#ifndef LOGBOOM_TESTS_CONNECTORS_SAMPLE_EVENT_H
#define LOGBOOM_TESTS_CONNECTORS_SAMPLE_EVENT_H

#include "connectors/flow/event.h"

struct sample {
    struct arena arena;
    struct record record;
    struct event ev;
};

/* The record's time is 2026-08-02T00:00:00Z; topic t, partition 3, offset 42, key k. */
static inline void sample_init(struct sample *s, const char *value)
{
    arena_init(&s->arena, 1 << 20);
    s->record = (struct record){ .offset = 42,
                                 .timestamp_ms = 1785628800000,
                                 .key = slice_str("k"),
                                 .value = slice_str(value) };
    event_init(&s->ev, &s->arena, slice_str("t"), 3, &s->record);
}

static inline void sample_deinit(struct sample *s)
{
    arena_deinit(&s->arena);
}

#endif
