/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - a node of a flow: what every type gives, and what it may do.
 * A type is a row in nodes/nodes.c. Its settings are rows too, so that unknown keys are found at
 * --check-config. Sources feed events in, processors look at or change one event at a time, sinks
 * take copies of what they need and answer for it later.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_NODE_H
#define LOGBOOM_CONNECTORS_FLOW_NODE_H

#include "connectors/flow/event.h"
#include "connectors/flow/event.h"
#include "protocol/daemon/config.h"

enum node_role { NODE_SOURCE, NODE_PROCESSOR, NODE_SINK, NODE_DEAD_LETTER };

enum verdict {
    VERDICT_PASS, /* on to the next nodes, by *ret_output */
    VERDICT_DROP, /* filtered: done */
    VERDICT_FAIL, /* to the dead letters, with the failure */
};

/* Why an event could not go on; the names are Kafka Connect's
 * (org.apache.kafka.connect.runtime.errors Stage), for __connect.errors.*. */
struct failure {
    const char *stage; /* "VALUE_CONVERTER", "TRANSFORMATION", "TASK_PUT": constant text */
    const char *type;  /* constant text: "json_parse_error" */
    char text[512];
};
/* Fills all three, the text cut to fit; returns VERDICT_FAIL. */
enum verdict failure_set(struct failure *f, const char *stage, const char *type, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* Rows of every node type; they stand first in each type's struct, so that any config may be
 * read as a struct node_config. */
#define NODE_ROWS(C)                                                                               \
    C(STR, type, "type", "", "", "", CONFIG_REQUIRED,                                              \
      "What the node does: one of the node types.")                                                \
    C(NODE, from, "from", "", "", "", 0,                                                           \
      "The node, or list of nodes, whose events it gets; node.route for an output of a route.")

#define PROCESSOR_ROWS(C)                                                                          \
    NODE_ROWS(C)                                                                                   \
    C(NODE, when, "when", "", "", "", 0,                                                           \
      "A condition (equals, contains, regexp, range, has_fields, and, or, not); events for which " \
      "it "                                                                                        \
      "does not hold pass unchanged.")

struct node_config {
    NODE_ROWS(CONFIG_MEMBER)
};

struct processor_config {
    PROCESSOR_ROWS(CONFIG_MEMBER)
};

struct node;
struct sink;
struct sink_ops;

enum { NODE_OUTPUTS_MAX = 64 };

struct node_type {
    const char *name;
    enum node_role role;
    bool mutates;     /* may change the event's tree */
    bool conditional; /* its struct begins with PROCESSOR_ROWS: it takes `when` */
    const char *about;
    const struct config_table *table;
    /* Checks what rows cannot say and makes n->state, n->outputs. Runs for --check-config too:
     * opens nothing. May be NULL. */
    enum err (*init)(struct node *n, struct arena *arena, struct error *err);
    void (*deinit)(struct node *n); /* may be NULL; also after a failed init */
    /* Processors. *ret_output is 0 unless set. */
    enum verdict (*process)(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f);
    const struct sink_ops *sink; /* sinks/sink.h */
};

/* Who gets the events of one output. */
struct node_output {
    const char *name; /* "" for a node's only output; a route's name */
    struct node **targets;
    size_t target_count;
};

struct node_counters {
    uint64_t in, out, dropped, failed;
};

struct node {
    const char *name;
    const struct node_type *type;
    const struct yaml_node *at; /* for messages */
    const void *config;         /* of type->table */
    void *state;                /* the type's */
    struct sink *sink;          /* of a sink, while the flow runs */
    struct condition *when;     /* processors; NULL: always */
    struct node_output *outputs;
    size_t output_count;
    bool changes_below; /* it, or a node behind it, mutates */
    struct node_counters counters;
};

#endif
