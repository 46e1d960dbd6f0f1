/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - text with fields of the event in it: "web-%{[service.name]:unknown}-%{+yyyy.MM.dd}".
 * Filebeat's spelling. A date takes the event's @timestamp, in UTC (never the clock: a record that
 * is delivered twice must go to the same index twice).
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_PATTERN_H
#define LOGBOOM_CONNECTORS_FLOW_PATTERN_H

#include "connectors/flow/event.h"

struct pattern_part;

struct pattern {
    struct pattern_part *parts; /* in the arena of pattern_compile() */
    size_t count;
};

/* ERR_INVALID with a sentence. The text must outlive the pattern; NULL gives the empty pattern. */
enum err pattern_compile(const char *text, struct arena *arena, struct pattern *ret_pattern,
                         struct error *err);
/* Appends the expansion. ERR_NOT_FOUND when a field without a default is missing: *out is as it
 * was, and err names the field. */
enum err pattern_expand(const struct pattern *p, struct event *ev, struct buf *out,
                        struct error *err);
/* True when it holds neither fields nor dates. */
bool pattern_is_constant(const struct pattern *p);

#endif
