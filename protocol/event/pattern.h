/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - text with fields of the event in it: "web-%{[service.name]:unknown}-%{+yyyy.MM.dd}".
 * Filebeat's spelling. A date takes the event's @timestamp, in UTC (never the clock: a record that
 * is delivered twice must go to the same index twice).
 */
#ifndef LOGBOOM_EVENT_PATTERN_H
#define LOGBOOM_EVENT_PATTERN_H

#include "protocol/event/access.h"

struct pattern_part;

struct pattern {
    struct pattern_part *parts; /* in the arena of pattern_compile() */
    size_t count;
};

/* ERR_INVALID with a sentence. The text must outlive the pattern; NULL gives the empty pattern. */
enum err pattern_compile(const char *text, struct arena *arena, struct pattern *ret_pattern,
                         struct error *err);
/* Appends the expansion. ERR_NOT_FOUND when a field without a default is missing, null, an object
 * or an array: *out is as it was, and err names the field. */
enum err pattern_expand(const struct pattern *p, const struct event_access *access, void *event,
                        struct buf *out, struct error *err);
/* True when it holds neither fields nor dates. */
bool pattern_is_constant(const struct pattern *p);
/* Whether it is this field and nothing else, "%{[message]}". */
bool pattern_is_field(const struct pattern *p, const char *dotted);
/* Whether it has a date, or a field for which asked() is true. */
bool pattern_uses(const struct pattern *p, bool (*asked)(struct slice dotted));

#endif
