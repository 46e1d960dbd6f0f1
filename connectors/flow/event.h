/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one record on its way through a flow. The source (topic, partition, record) is
 * immutable. The document is the record's value as it came, until somebody needs a field (then it
 * is parsed, once) or changes one (then the tree is the truth). A value that is no JSON object is
 * the event {"@timestamp": record's time, "message": value}.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_EVENT_H
#define LOGBOOM_CONNECTORS_FLOW_EVENT_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/daemon/json.h"
#include "protocol/event/condition.h"
#include "protocol/event/pattern.h"
#include "protocol/wire/record_batch.h"

struct event {
    struct arena *arena; /* lives until the record has passed the graph */
    struct slice topic;
    int32_t partition;
    const struct record *record;
    struct json_value *root; /* NULL until somebody asked */
    bool changed;            /* root differs from record->value */
};

void event_init(struct event *ev, struct arena *arena, struct slice topic, int32_t partition,
                const struct record *record);
/* The tree; ERR_MALFORMED when the value begins like an object and is none, ERR_LIMIT when it takes
 * more than the arena's cap. */
enum err event_root(struct event *ev, struct json_value **ret_root, struct error *err);
/* A field by its dotted path; NULL when absent or when the value is no JSON. */
const struct json_value *event_field(struct event *ev, struct slice dotted);
/* Appends a field as text: strings as they are, the rest as JSON. False: absent, null. */
bool event_append_field(struct event *ev, struct slice dotted, struct buf *out);
/* "@timestamp" as Unix milliseconds; the record's timestamp when it is missing or unreadable. */
int64_t event_time_ms(struct event *ev);
/* Appends the document in one line: the very bytes that came when nothing was changed.
 * ERR_MALFORMED when the value cannot be written in one line. */
enum err event_append_document(struct event *ev, struct buf *out, struct error *err);
/* A deep copy in the same arena, for branches that change it. */
enum err event_clone(const struct event *ev, struct event *ret_copy, struct error *err);
/* A value that is no JSON has no fields. */
bool event_holds(struct event *ev, const struct condition *c);
/* As pattern_expand(). */
enum err event_expand(struct event *ev, const struct pattern *p, struct buf *out,
                      struct error *err);

#endif
