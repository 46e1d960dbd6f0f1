/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - what every sink gives, and the part that all of them share: room, counters, answers.
 * A sink copies what it needs of an event during put(), and answers later, exactly once for each:
 * done (safe at the destination) or dead (it can never be). Nothing is given up for time.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_SINK_H
#define LOGBOOM_CONNECTORS_SINKS_SINK_H

#include "connectors/flow/node.h"
#include "connectors/retry.h"
#include "protocol/daemon/log.h"
#include "protocol/net/loop.h"

struct partition; /* flow/partition.h */

/* Which record of which partition waits for the answer. */
struct ack {
    struct partition *partition;
    uint64_t seq;
};

struct sink_events {
    void (*done)(void *user, struct ack ack);
    void (*dead)(void *user, struct node *n, struct ack ack, const struct failure *f);
    /* Full before, and now half empty. */
    void (*room)(void *user);
};

/* Rows of every sink, behind NODE_ROWS. 0 takes the flow's defaults. */
#define SINK_ROWS(C)                                                                               \
    NODE_ROWS(C)                                                                                   \
    C(INT, queue_events, "queue.events", "0", "0", "10000000", 0,                                  \
      "Events not yet acknowledged at which the source pauses; 0: defaults.queue.events.")         \
    C(SIZE, queue_bytes, "queue.bytes", "0", "0", "64GiB", 0,                                      \
      "Bytes not yet acknowledged at which the source pauses; 0: defaults.queue.bytes.")           \
    C(DURATION_MS, retry_init_ms, "retry.init", "0", "0", "1h", 0,                                 \
      "First ceiling of the jittered retry delay; 0: defaults.retry.init.")                        \
    C(DURATION_MS, retry_max_ms, "retry.max", "0", "0", "24h", 0,                                  \
      "Last ceiling of the jittered retry delay; 0: defaults.retry.max.")

struct sink_config {
    SINK_ROWS(CONFIG_MEMBER)
};

struct sink_defaults {
    uint64_t queue_events, queue_bytes;
    struct retry_policy retry;
};

/* What a sink is given to work with. */
struct sink_env {
    struct loop *loop;
    struct env env;
    struct log log;
    struct sink_defaults defaults;
    const struct sink_events *events;
    void *user;
};

struct sink_counters {
    uint64_t delivered, duplicates, dropped, retried, unknown, dead, requests, failed_requests,
        sent_bytes;
};

/* Embedded first in every sink. */
struct sink {
    struct node *node;
    struct sink_env world;
    struct retry_policy retry;
    uint64_t events_max, bytes_max;
    uint64_t events, bytes; /* taken and not answered */
    bool full;
    const char *trouble; /* constant text for the status; NULL: fine */
    struct sink_counters counters;
};

struct sink_ops {
    /* Makes the sink; connects lazily: an absent destination is no error. */
    enum err (*open)(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                     struct error *err);
    void (*put)(struct sink *s, struct event *ev, struct ack ack);
    /* Sends what lingers now. */
    void (*flush)(struct sink *s);
    /* Frees it; unanswered events get no answer. */
    void (*close)(struct sink *s);
};

/* Fills the shared part from the node's settings and the flow's defaults. */
void sink_init(struct sink *s, struct node *n, const struct sink_env *world);
/* An event was taken that stands for so many bytes. */
void sink_took(struct sink *s, size_t bytes);
/* Its answers: exactly one of them per event taken, with the same bytes. */
void sink_done(struct sink *s, struct ack ack, size_t bytes);
void sink_dead(struct sink *s, struct ack ack, size_t bytes, const struct failure *f);

#endif
