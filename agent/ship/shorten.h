/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shorten.h - makes a record's value smaller that a broker refused as too large. The agent cuts
 * events at max_message_bytes itself; this is for topics that take less.
 */
#ifndef LOGBOOM_AGENT_SHIP_SHORTEN_H
#define LOGBOOM_AGENT_SHIP_SHORTEN_H

#include "protocol/base/buf.h"

#include <stdbool.h>

/* Appends the value with half of its text to out. An event in JSON loses the second half of its
 * message and is flagged (log.flags: truncated); any other value is cut as it is. Characters stay
 * whole. False, and nothing appended, when there is no text left to cut. */
bool shorten_value(struct slice value, bool is_json, struct buf *out);

#endif
