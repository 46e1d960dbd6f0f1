/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h - a running flow: its consumer, its graph, its sinks, and the offsets between them.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_FLOW_H
#define LOGBOOM_CONNECTORS_FLOW_FLOW_H

#include "connectors/dead_letter.h"
#include "connectors/flow/graph.h"
#include "connectors/flow/partition.h"
#include "connectors/sinks/sink.h"
#include "protocol/client/consumer.h"

struct flow_counters {
    uint64_t records, bytes, filtered, dead, dropped, commits, pauses, drains_cut, corrupt;
};

struct flow {
    struct graph graph;
    struct loop *loop;
    struct env env;
    struct log log;
    struct client *client;
    const char *instance_id;                   /* of the process; "": the member is dynamic */
    const struct client_config *client_config; /* for the dead letters' connection */
    struct consumer *consumer;                 /* NULL: not started, or closed */
    struct dead_letters *dead_letters;         /* NULL: dropped and counted */
    char *dead_letter_topic;
    struct list_node partitions;
    struct arena arena; /* of the record in the graph */
    struct buf scratch; /* decompressed records */
    struct timer commit_timer, drain_timer, stop_timer;
    uint64_t drain_until_ns;
    struct timer flood_timer;
    uint64_t dead_second_ns; /* when the second began in which dead_in_second are counted */
    int64_t dead_in_second;
    bool flooded; /* too many dead letters: paused for a while */
    bool paused;  /* a sink is full */
    bool revoking, stopping, closed;
    const char *trouble; /* NULL: fine */
    struct flow_counters counters;
    void (*stopped)(void *user);
    void *user;
};

/* The graph is made by graph_init(&f->graph, ...) before. Opens the sinks and joins the group; the
 * client is shared and stays the caller's. */
enum err flow_start(struct flow *f, struct loop *l, struct client *c,
                    const struct client_config *client_config, const struct log *log,
                    struct error *err);
/* Stops fetching, waits for what is in flight (bounded), commits, leaves the group, calls
 * stopped. */
void flow_stop(struct flow *f, void (*stopped)(void *user), void *user);
/* Frees everything but the graph; at any time. */
void flow_deinit(struct flow *f);

/* Records in flight over all partitions, and records behind the ends of the partitions. */
uint64_t flow_in_flight(const struct flow *f);
uint64_t flow_lag(const struct flow *f);
/* "RUNNING", "DEGRADED" (with the reason in *ret_why), "STOPPING". */
const char *flow_state(const struct flow *f, const char **ret_why);

#endif
