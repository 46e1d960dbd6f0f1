/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null.c - node type null: events are done at once, and counted. For benchmarks, and for an output
 * of a route that is meant to go nowhere. Driven by flow/flow.c.
 */
#include "connectors/sinks/sink.h"

#include "connectors/nodes/nodes.h"
#include "protocol/base/alloc.h"

static const struct config_row rows[] = {
#define CONFIG_STRUCT sink_config
    SINK_ROWS(CONFIG_ROW)
};
static const struct config_table table = { "node null", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct sink_config) };

static enum err open_sink(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                          struct error *err)
{
    struct sink *s = mem_zalloc(sizeof(*s));
    sink_init(s, n, world);
    *ret_sink = s;
    return ERR_OK;
}

static void put(struct sink *s, struct event *ev, struct ack ack)
{
    sink_took(s, 0);
    sink_done(s, ack, 0);
}

static void flush(struct sink *s)
{
}

static void close_sink(struct sink *s)
{
    mem_free(s);
}

static const struct sink_ops ops = {
    .open = open_sink, .put = put, .flush = flush, .close = close_sink
};

const struct node_type node_null = {
    .name = "null",
    .role = NODE_SINK,
    .about = "Takes events and does nothing.",
    .table = &table,
    .sink = &ops,
};
