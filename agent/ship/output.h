/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - where events go: Kafka, a file, the console. An output takes an event or says "not
 * now"; what it took it acknowledges through the event's tracker, in order per lane.
 */
#ifndef LOGBOOM_AGENT_SHIP_OUTPUT_H
#define LOGBOOM_AGENT_SHIP_OUTPUT_H

#include "agent/ship/tracker.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* The topic an event goes to. Lives with the input when it is always the same, so that the output
 * can keep its handle here. */
struct route {
    struct slice topic;
    void *handle;
};

struct out_event {
    struct route *route;
    struct tracker *tracker;
    uint32_t source_hash; /* of the file: chooses its partition */
    struct slice key;     /* null: none */
    struct slice value;
    int64_t time_ms;
    uint64_t position; /* see tracker.h */
};

struct output_events {
    /* Room again after ERR_AGAIN. */
    void (*ready)(void *user);
};

struct output_stats {
    uint64_t events, bytes, acked, dropped, returned;
    uint64_t cut;         /* too large for the broker: shortened and sent again */
    uint64_t outstanding; /* taken and not acknowledged */
    size_t buffered_bytes;
};

struct output;
struct output_ops {
    const char *name;
    /* Copies the value. ERR_AGAIN: nothing taken, ready() comes. ERR_NOT_FOUND: nothing taken, its
     * topic is not known (yet), others may be; ready() comes when one gets known. ERR_LIMIT: larger
     * than the output ever takes. */
    enum err (*append)(struct output *o, const struct out_event *e);
    /* Sends what it holds back for company. */
    void (*flush)(struct output *o);
    void (*stats)(const struct output *o, struct output_stats *ret_stats);
    /* What is in flight is forgotten without acknowledgement. */
    void (*free)(struct output *o);
};

struct output {
    const struct output_ops *ops;
    size_t value_bytes_max; /* larger values are cut before they come; 0: no limit */
};

#endif
