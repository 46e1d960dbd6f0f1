/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strip_metadata.h - takes @metadata out of a document before it is indexed, as Beats and Logstash
 * do: it is about the event's way, not part of it. Pure.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_STRIP_METADATA_H
#define LOGBOOM_CONNECTORS_SINKS_STRIP_METADATA_H

#include "protocol/base/buf.h"

/* Cuts the member "@metadata" out of the JSON object that is the bytes from start to the buffer's
 * end. What is no object, or not well formed up to there, stays as it is. */
void strip_metadata(struct buf *document, size_t start);

#endif
