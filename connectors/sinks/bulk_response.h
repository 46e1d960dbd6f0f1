/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk_response.h - the answer of _bulk, item by item, as OpenSearch and Elasticsearch write it.
 * Pure: a streaming parse, in any order of the members, of a body that may be hostile.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_BULK_RESPONSE_H
#define LOGBOOM_CONNECTORS_SINKS_BULK_RESPONSE_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"

struct bulk_result {
    unsigned status;
    struct slice error_type, error_reason; /* null without an error; in the arena, cut */
};

/* Fills results[0..expected). ERR_MALFORMED unless the body is a whole JSON object with "errors"
 * and exactly one result with a status for each item, in their order: the outcome is unknown
 * then. One exception: "errors": false with empty items means that all succeeded (null servers
 * for tests). */
enum err bulk_response_parse(struct slice body, size_t expected, struct arena *arena,
                             struct bulk_result *results);

#endif
