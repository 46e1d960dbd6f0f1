/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - node types filter (keeps the events for which `when` holds) and drop_event (drops
 * them). Driven by flow/flow.c for each event. A dropped record is done at once: its offset does
 * not wait.
 */
#include "connectors/nodes/nodes.h"

#define ROWS(C)                                                                                    \
    NODE_ROWS(C)                                                                                   \
    C(NODE, condition, "when", "", "", "", CONFIG_REQUIRED,                                        \
      "The condition: equals, contains, regexp, range, has_fields, and, or, not.")

struct filter_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT filter_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table filter_table = { "node filter", rows,
                                                  sizeof(rows) / sizeof(rows[0]),
                                                  sizeof(struct filter_config) };
static const struct config_table drop_table = { "node drop_event", rows,
                                                sizeof(rows) / sizeof(rows[0]),
                                                sizeof(struct filter_config) };

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct filter_config *c = n->config;
    struct condition *condition;
    enum err e = condition_new(c->condition, &condition, err);
    if (e == ERR_OK) {
        n->state = condition;
    }
    return e;
}

static void deinit(struct node *n)
{
    condition_free(n->state);
}

static enum verdict keep(struct node *n, struct event *ev, unsigned *ret_output, struct failure *f)
{
    return event_holds(ev, n->state) ? VERDICT_PASS : VERDICT_DROP;
}

static enum verdict drop(struct node *n, struct event *ev, unsigned *ret_output, struct failure *f)
{
    return event_holds(ev, n->state) ? VERDICT_DROP : VERDICT_PASS;
}

const struct node_type node_filter = {
    .name = "filter",
    .role = NODE_PROCESSOR,
    .about = "Lets only the events pass for which the condition holds.",
    .table = &filter_table,
    .init = init,
    .deinit = deinit,
    .process = keep,
};

const struct node_type node_drop_event = {
    .name = "drop_event",
    .role = NODE_PROCESSOR,
    .about = "Drops the events for which the condition holds.",
    .table = &drop_table,
    .init = init,
    .deinit = deinit,
    .process = drop,
};
