/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.h - YAML to the graph of a flow, with every mistake found and told with file, line, column.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_GRAPH_H
#define LOGBOOM_CONNECTORS_FLOW_GRAPH_H

#include "connectors/flow/node.h"

/* Settings of a flow, beside its nodes. */
#define FLOW_ROWS(C)                                                                               \
    C(NODE, nodes, "nodes", "", "", "", CONFIG_REQUIRED, "The nodes, by name.")                    \
    C(BOOL, enabled, "enabled", "true", "", "", 0,                                                 \
      "false keeps the flow's text and does not run it.")                                          \
    C(BOOL, dead_letter_enabled, "dead_letter.enabled", "true", "", "", 0,                         \
      "Send records that cannot be delivered to the dead-letter topic; false drops and counts "    \
      "them.")                                                                                     \
    C(STR, dead_letter_topic, "dead_letter.topic", "", "", "", 0,                                  \
      "The dead-letter topic; <group_id>.dlq when empty.")                                         \
    C(BOOL, dead_letter_headers, "dead_letter.context_headers", "true", "", "", 0,                 \
      "Give dead letters Kafka Connect's __connect.errors.* headers.")                             \
    C(INT, dead_letter_rate_max, "dead_letter.rate_max", "1000", "0", "1000000000", 0,             \
      "Dead letters a second above which the flow pauses, so that a broken mapping does not "      \
      "empty "                                                                                     \
      "a topic into them; 0: no limit.")                                                           \
    C(DURATION_MS, dead_letter_pause_ms, "dead_letter.pause", "30s", "1ms", "24h", 0,              \
      "How long it pauses then.")                                                                  \
    C(DURATION_MS, commit_interval_ms, "commit.interval", "5s", "10ms", "1h", 0,                   \
      "How often finished offsets are committed; also at every stop and rebalance.")               \
    C(DURATION_MS, rebalance_drain_ms, "rebalance.drain", "60s", "0", "1h", 0,                     \
      "How long a partition that moves away may finish what is in flight.")                        \
    C(DURATION_MS, shutdown_timeout_ms, "shutdown_timeout", "30s", "0", "1h", 0,                   \
      "How long a stop waits for what is in flight; the rest is delivered again after the start.") \
    C(INT, queue_events, "defaults.queue.events", "20000", "1", "10000000", 0,                     \
      "Events in flight between source and sinks at which the source pauses, per partition.")      \
    C(SIZE, queue_bytes, "defaults.queue.bytes", "64MiB", "64KiB", "64GiB", 0,                     \
      "Bytes in flight between source and sinks at which the source pauses, per partition.")       \
    C(DURATION_MS, retry_init_ms, "defaults.retry.init", "1s", "1ms", "1h", 0,                     \
      "First ceiling of the jittered delay before a retry.")                                       \
    C(DURATION_MS, retry_max_ms, "defaults.retry.max", "60s", "1ms", "24h", 0,                     \
      "Last ceiling of the jittered delay before a retry; there is no last retry.")

struct flow_config {
    FLOW_ROWS(CONFIG_MEMBER)
};
extern const struct config_table flow_config_table;

enum { GRAPH_NODES_MAX = 256 };

struct graph {
    const char *name; /* of the flow */
    struct flow_config config;
    struct node *nodes; /* in the order of the file */
    size_t node_count;
    struct node *source;
    struct node *dead_letter; /* a kafka_dlq node, or NULL */
    struct arena *arena;
};

/* Makes the graph of one flow (at: its mapping, key = its name) in the arena. Everything that
 * can be wrong in the text is found here; nothing is opened. Freed by graph_deinit(), also after
 * an error. */
enum err graph_init(struct graph *g, const struct yaml_node *at, struct arena *arena,
                    void (*warn)(void *ctx, const char *text), void *warn_ctx, struct error *err);
void graph_deinit(struct graph *g);

#endif
