/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - node type route: one output per named condition, and `unmatched`.
 * Driven by flow/flow.c for each event. The first route that holds gets the event, in the order of
 * the file, so that an event is delivered once; an output that no node takes drops its events.
 */
#include "connectors/nodes/nodes.h"

#include "protocol/base/alloc.h"

#define ROWS(C)                                                                                    \
    NODE_ROWS(C)                                                                                   \
    C(NODE, routes, "routes", "", "", "", CONFIG_REQUIRED,                                         \
      "Conditions by name; the first that holds gets the event, as node.name. node.unmatched "     \
      "gets "                                                                                      \
      "the others.")

struct route_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT route_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node route", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct route_config) };

struct route {
    struct condition *conditions[NODE_OUTPUTS_MAX];
    unsigned count;
};

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct route_config *c = n->config;
    const struct yaml_node *routes = c->routes;
    if (routes->kind != YAML_MAPPING || routes->child_count == 0 ||
        routes->child_count >= NODE_OUTPUTS_MAX) {
        return yaml_error(routes, err, "node %s: routes must hold 1 to %d conditions by name",
                          n->name, NODE_OUTPUTS_MAX - 1);
    }
    struct route *r = mem_zalloc(sizeof(*r));
    n->state = r;
    n->outputs = arena_array(arena, routes->child_count + 1u, sizeof(*n->outputs));
    if (!n->outputs) {
        n->output_count = 0;
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    n->output_count = routes->child_count + 1u;
    for (const struct yaml_node *y = routes->child; y; y = y->next) {
        if (slice_eq_str(y->key, "unmatched")) {
            return yaml_error(y, err,
                              "node %s: the route name \"unmatched\" is taken by the events "
                              "that match no route",
                              n->name);
        }
        n->outputs[r->count].name = (const char *)y->key.ptr;
        enum err e = condition_new(y, &r->conditions[r->count], err);
        if (e != ERR_OK) {
            return e;
        }
        r->count++;
    }
    n->outputs[r->count].name = "unmatched";
    return ERR_OK;
}

static void deinit(struct node *n)
{
    struct route *r = n->state;
    for (unsigned i = 0; r && i < r->count; i++) {
        condition_free(r->conditions[i]);
    }
    mem_free(r);
}

static enum verdict process(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f)
{
    const struct route *r = n->state;
    unsigned i = 0;
    while (i < r->count && !event_holds(ev, r->conditions[i])) {
        i++;
    }
    *ret_output = i;
    return VERDICT_PASS;
}

const struct node_type node_route = {
    .name = "route",
    .role = NODE_PROCESSOR,
    .about = "Sends each event to the first output whose condition holds.",
    .table = &table,
    .init = init,
    .deinit = deinit,
    .process = process,
};
