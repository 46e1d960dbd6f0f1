/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h - Filebeat's format strings: "logs-%{[fields.topic]:other}-%{+yyyy.MM.dd}". */
#ifndef LOGBOOM_AGENT_PROCESS_PATTERN_H
#define LOGBOOM_AGENT_PROCESS_PATTERN_H

#include "agent/process/event.h"

struct pattern;

enum err pattern_new(const char *text, struct pattern **ret_pattern, struct error *err);
void pattern_free(struct pattern *p);
/* Appends to out. ERR_NOT_FOUND (out as it was) when a field is missing and has no default. */
enum err pattern_format(const struct pattern *p, const struct event *e, struct buf *out);
/* Whether the result may differ from event to event. */
bool pattern_varies(const struct pattern *p);
/* Whether it is "%{[message]}" and nothing else: the bare line. */
bool pattern_is_message(const struct pattern *p);

#endif
