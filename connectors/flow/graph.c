/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph.c - reads the nodes of a flow, and ties them by their `from`. Driven by worker.c at start
 * and by --check-config. The steps: names and types; settings of each node; ties; then the checks
 * of the whole (one source, no cycle, nothing without an end).
 *   (G1) after ERR_OK the graph is acyclic, every node is reached from the source, and every way
 *        ends in a sink or in a node whose output nobody takes on purpose (filter, route).
 */
#include "connectors/flow/graph.h"

#include "connectors/nodes/nodes.h"

#include <stdarg.h>
#include <stdio.h>

#define CONFIG_STRUCT flow_config
static const struct config_row flow_rows[] = { FLOW_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT

const struct config_table flow_config_table = {
    .title = "flow",
    .rows = flow_rows,
    .count = sizeof(flow_rows) / sizeof(flow_rows[0]),
    .struct_size = sizeof(struct flow_config),
};

enum verdict failure_set(struct failure *f, const char *stage, const char *type, const char *format,
                         ...)
{
    va_list ap;
    f->stage = stage;
    f->type = type;
    va_start(ap, format);
    vsnprintf(f->text, sizeof(f->text), format, ap);
    va_end(ap);
    return VERDICT_FAIL;
}

static enum err too_large(struct error *err)
{
    return err_set(err, ERR_LIMIT, "the configuration is too large");
}

static struct node *find_node(const struct graph *g, struct slice name)
{
    for (size_t i = 0; i < g->node_count; i++) {
        if (slice_eq_str(name, g->nodes[i].name)) {
            return &g->nodes[i];
        }
    }
    return NULL;
}

static const char *nearest_node(const struct graph *g, struct slice name)
{
    const char *names[GRAPH_NODES_MAX];
    for (size_t i = 0; i < g->node_count; i++) {
        names[i] = g->nodes[i].name;
    }
    return config_nearest(name, names, g->node_count);
}

/* --- names, types, settings ---------------------------------------------------------------- */

static enum err read_type(struct node *n, struct error *err)
{
    if (n->at->kind != YAML_MAPPING) {
        return yaml_error(n->at, err, "node %s must be a mapping, as in {type: json, from: in}",
                          n->name);
    }
    const struct yaml_node *type = yaml_get(n->at, "type");
    if (!type || type->kind != YAML_SCALAR) {
        return yaml_error(n->at, err, "node %s lacks a type", n->name);
    }
    n->type = node_type_find(type->text);
    if (!n->type) {
        const char *near = node_type_nearest(type->text);
        return yaml_error(type, err, "node %s: unknown type \"%.*s\"%s%s%s", n->name,
                          SLICE_ARG(type->text), near ? "; did you mean \"" : "", near ? near : "",
                          near ? "\"?" : "");
    }
    return ERR_OK;
}

static enum err read_node(struct graph *g, struct node *n, void (*warn)(void *, const char *),
                          void *warn_ctx, struct error *err)
{
    void *config = arena_alloc(g->arena, n->type->table->struct_size);
    n->outputs = arena_alloc(g->arena, sizeof(*n->outputs));
    if (!config || !n->outputs) {
        return too_large(err);
    }
    n->outputs[0].name = "";
    n->output_count = n->type->role == NODE_SINK || n->type->role == NODE_DEAD_LETTER ? 0 : 1;
    enum err e = config_load(n->type->table, n->at, g->arena, warn, warn_ctx, config, err);
    if (e != ERR_OK) {
        return e;
    }
    n->config = config;
    if (n->type->conditional) {
        const struct processor_config *common = config;
        if (common->when && (e = condition_new(common->when, &n->when, err)) != ERR_OK) {
            return e;
        }
    }
    return n->type->init ? n->type->init(n, g->arena, err) : ERR_OK;
}

static enum err read_nodes(struct graph *g, const struct yaml_node *at,
                           void (*warn)(void *, const char *), void *warn_ctx, struct error *err)
{
    const struct yaml_node *nodes = g->config.nodes;
    if (nodes->kind != YAML_MAPPING || nodes->child_count == 0) {
        return yaml_error(nodes, err, "flow %s: nodes must be a mapping of names to nodes",
                          g->name);
    }
    if (nodes->child_count > GRAPH_NODES_MAX) {
        return yaml_error(nodes, err, "flow %s has more than %d nodes", g->name, GRAPH_NODES_MAX);
    }
    g->nodes = arena_array(g->arena, nodes->child_count, sizeof(*g->nodes));
    if (!g->nodes) {
        return too_large(err);
    }
    for (const struct yaml_node *y = nodes->child; y; y = y->next) {
        struct node *n = &g->nodes[g->node_count];
        n->name = (const char *)y->key.ptr;
        n->at = y;
        enum err e = read_type(n, err);
        if (e != ERR_OK) {
            return e;
        }
        g->node_count++; /* from here graph_deinit() knows it */
        e = read_node(g, n, warn, warn_ctx, err);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* --- ties ---------------------------------------------------------------------------------- */

/* "parse", or "router.errors": the longest node name that fits wins. */
static struct node *resolve(const struct graph *g, struct slice ref, struct slice *ret_output)
{
    struct node *n = find_node(g, ref);
    *ret_output = slice_null();
    for (size_t i = ref.len; !n && i-- > 0;) {
        if (ref.ptr[i] == '.') {
            n = find_node(g, slice_head(ref, i));
            *ret_output = slice_from(ref, i + 1);
        }
    }
    return n;
}

static enum err find_output(const struct graph *g, const struct yaml_node *ref, struct node *to,
                            struct node **ret_node, struct node_output **ret_output,
                            struct error *err)
{
    struct slice output;
    struct node *n = resolve(g, ref->text, &output);
    if (!n) {
        const char *near = nearest_node(g, ref->text);
        return yaml_error(ref, err,
                          "node %s: from names \"%.*s\", which is no node of this flow%s%s%s",
                          to->name, SLICE_ARG(ref->text), near ? "; did you mean \"" : "",
                          near ? near : "", near ? "\"?" : "");
    }
    if (n->output_count == 0) {
        return yaml_error(ref, err, "node %s: from names the %s %s, which gives no events",
                          to->name, n->type->name, n->name);
    }
    if (n == to) {
        return yaml_error(ref, err, "node %s: from names the node itself", to->name);
    }
    const char *names[NODE_OUTPUTS_MAX];
    for (size_t i = 0; i < n->output_count; i++) {
        names[i] = n->outputs[i].name;
        if (slice_eq_str(output, names[i])) {
            *ret_node = n;
            *ret_output = &n->outputs[i];
            return ERR_OK;
        }
    }
    if (slice_is_null(output)) {
        return yaml_error(ref, err, "node %s: %s has several outputs; name one, as in %s.%s",
                          to->name, n->name, n->name, names[0]);
    }
    const char *near = config_nearest(output, names, n->output_count);
    return yaml_error(ref, err, "node %s: %s has no output \"%.*s\"%s%s%s", to->name, n->name,
                      SLICE_ARG(output), near && *near ? "; did you mean \"" : "",
                      near && *near ? near : "", near && *near ? "\"?" : "");
}

static enum err tie(struct graph *g, const struct yaml_node *ref, struct node *to,
                    struct error *err)
{
    struct node *from;
    struct node_output *output;
    if (ref->kind != YAML_SCALAR || ref->text.len == 0) {
        return yaml_error(ref, err, "node %s: from must be a node's name or a list of names",
                          to->name);
    }
    enum err e = find_output(g, ref, to, &from, &output, err);
    if (e != ERR_OK) {
        return e;
    }
    for (size_t i = 0; i < output->target_count; i++) {
        if (output->targets[i] == to) {
            return yaml_error(ref, err, "node %s: from names \"%.*s\" twice", to->name,
                              SLICE_ARG(ref->text));
        }
    }
    struct node **wider = arena_array(g->arena, output->target_count + 1, sizeof(*wider));
    if (!wider) {
        return too_large(err);
    }
    if (output->target_count > 0) {
        memcpy(wider, output->targets, output->target_count * sizeof(*wider));
    }
    wider[output->target_count++] = to;
    output->targets = wider;
    return ERR_OK;
}

static enum err tie_node(struct graph *g, struct node *n, struct error *err)
{
    const struct node_config *common = n->config;
    const struct yaml_node *from = common->from;
    if (n->type->role == NODE_DEAD_LETTER) {
        g->dead_letter = n; /* its from, if any, is "*.failure": all failures go there */
        return ERR_OK;
    }
    if (n->type->role == NODE_SOURCE) {
        if (from) {
            return yaml_error(from, err, "node %s: a source takes no from", n->name);
        }
        if (g->source) {
            return yaml_error(n->at, err,
                              "flow %s has two sources, %s and %s; give each its own flow", g->name,
                              g->source->name, n->name);
        }
        g->source = n;
        return ERR_OK;
    }
    if (!from || from->kind == YAML_NULL) {
        return yaml_error(n->at, err, "node %s lacks from: the node whose events it gets", n->name);
    }
    if (from->kind != YAML_SEQUENCE) {
        return tie(g, from, n, err);
    }
    if (!from->child) {
        return yaml_error(from, err, "node %s: from is an empty list", n->name);
    }
    for (const struct yaml_node *ref = from->child; ref; ref = ref->next) {
        enum err e = tie(g, ref, n, err);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* --- the whole ----------------------------------------------------------------------------- */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

/* Depth first; finds cycles, and which ways may change an event. Depth is at most the node
 * count. */
static enum err walk(struct graph *g, struct node *n, uint8_t *marks, struct error *err)
{
    uint8_t *mark = &marks[n - g->nodes];
    *mark = MARK_OPEN;
    n->changes_below = n->type->mutates;
    for (size_t o = 0; o < n->output_count; o++) {
        for (size_t t = 0; t < n->outputs[o].target_count; t++) {
            struct node *next = n->outputs[o].targets[t];
            uint8_t seen = marks[next - g->nodes];
            if (seen == MARK_OPEN) {
                return yaml_error(next->at, err, "flow %s goes in a circle: %s gets events from %s",
                                  g->name, next->name, n->name);
            }
            enum err e = seen == MARK_NEW ? walk(g, next, marks, err) : ERR_OK;
            if (e != ERR_OK) {
                return e;
            }
            n->changes_below = n->changes_below || next->changes_below;
        }
    }
    *mark = MARK_DONE;
    return ERR_OK;
}

static size_t count_targets(const struct node *n)
{
    size_t count = 0;
    for (size_t o = 0; o < n->output_count; o++) {
        count += n->outputs[o].target_count;
    }
    return count;
}

static enum err check_whole(struct graph *g, const struct yaml_node *at, struct error *err)
{
    uint8_t marks[GRAPH_NODES_MAX] = { 0 };
    if (!g->source) {
        return yaml_error(at, err, "flow %s has no source; add a node of type kafka", g->name);
    }
    enum err e = walk(g, g->source, marks, err);
    for (size_t i = 0; e == ERR_OK && i < g->node_count; i++) {
        if (marks[i] == MARK_NEW && g->nodes[i].type->role != NODE_DEAD_LETTER) {
            /* Not reached from the source: only a circle can be the reason, each has a from. */
            e = walk(g, &g->nodes[i], marks, err);
        }
    }
    for (size_t i = 0; e == ERR_OK && i < g->node_count; i++) {
        struct node *n = &g->nodes[i];
        if (n->output_count > 0 && count_targets(n) == 0) {
            e = yaml_error(n->at, err, "node %s leads nowhere: no node has from: %s", n->name,
                           n->name);
        }
    }
    return e;
}

enum err graph_init(struct graph *g, const struct yaml_node *at, struct arena *arena,
                    void (*warn)(void *ctx, const char *text), void *warn_ctx, struct error *err)
{
    *g = (struct graph){ .name = (const char *)at->key.ptr, .arena = arena };
    if (at->kind != YAML_MAPPING) {
        return yaml_error(at, err, "flow %s must be a mapping with nodes", g->name);
    }
    enum err e = config_load(&flow_config_table, at, arena, warn, warn_ctx, &g->config, err);
    if (e == ERR_OK && g->config.retry_init_ms > g->config.retry_max_ms) {
        e = yaml_error(at, err, "flow %s: defaults.retry.init is above defaults.retry.max",
                       g->name);
    }
    if (e == ERR_OK) {
        e = read_nodes(g, at, warn, warn_ctx, err);
    }
    for (size_t i = 0; e == ERR_OK && i < g->node_count; i++) {
        e = tie_node(g, &g->nodes[i], err);
    }
    return e == ERR_OK ? check_whole(g, at, err) : e;
}

void graph_deinit(struct graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        struct node *n = &g->nodes[i];
        condition_free(n->when);
        if (n->type->deinit) {
            n->type->deinit(n);
        }
    }
    g->node_count = 0;
}
