/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - reads `flows`, starts them, stops them.
 * Driven by service_main() through main.c.
 *   (K1) nothing is opened before every flow of the file has been checked.
 */
#include "connectors/worker.h"

#include "connectors/nodes/nodes.h"
#include "protocol/base/alloc.h"

static const struct config_row rows[] = {
#define CONFIG_STRUCT connect_config
#define C             CONFIG_ROW
#include "connectors/connect_config.def"
#undef C
#undef CONFIG_STRUCT
};

const struct config_table connect_config_table = { "connect", rows, sizeof(rows) / sizeof(rows[0]),
                                                   sizeof(struct connect_config) };

static void warn(void *ctx, const char *text)
{
    const struct log *log = ctx;
    log_warn(log, "configuration", KV_STR("text", text));
}

/* Makes the graphs of all enabled flows; the flows are zeroed otherwise. */
static enum err make_graphs(struct service *s, struct flow *flows, size_t *ret_count,
                            struct error *err)
{
    const struct connect_config *c = s->config;
    *ret_count = 0;
    for (const struct yaml_node *y = c->flows ? c->flows->child : NULL; y; y = y->next) {
        struct flow *f = &flows[*ret_count];
        enum err e = graph_init(&f->graph, y, &s->arena, warn, &s->log, err);
        (*ret_count)++;
        if (e != ERR_OK) {
            return e;
        }
        if (!f->graph.config.enabled) {
            graph_deinit(&f->graph);
            (*ret_count)--;
            *f = (struct flow){ .loop = NULL };
        }
    }
    return ERR_OK;
}

static void free_graphs(struct flow *flows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        flow_deinit(&flows[i]);
        graph_deinit(&flows[i].graph);
    }
    mem_free(flows);
}

/* Without flows the process idles, as a Kafka Connect worker without connectors does. */
static size_t flow_count_of(const struct connect_config *c)
{
    if (!c->flows || c->flows->kind == YAML_NULL) {
        return 0;
    }
    return c->flows->kind == YAML_MAPPING ? c->flows->child_count : 1;
}

static enum err check_flows(struct service *s, struct error *err)
{
    const struct connect_config *c = s->config;
    if (flow_count_of(c) > 0 && c->flows->kind != YAML_MAPPING) {
        return yaml_error(c->flows, err, "flows must be a mapping of names to flows");
    }
    if (c->bootstrap_servers.count == 0) {
        return yaml_error(s->root, err, "bootstrap.servers is empty");
    }
    return ERR_OK;
}

enum err worker_check(struct service *s, struct error *err)
{
    const struct connect_config *c = s->config;
    enum err e = check_flows(s, err);
    if (e != ERR_OK) {
        return e;
    }
    struct flow *flows = mem_array(flow_count_of(c) + 1, sizeof(*flows));
    size_t count;
    e = make_graphs(s, flows, &count, err);
    free_graphs(flows, count);
    return e;
}

enum err worker_start(struct service *s, struct error *err)
{
    const struct connect_config *c = s->config;
    enum err e = check_flows(s, err);
    if (e != ERR_OK) {
        return e;
    }
    struct worker *w = mem_zalloc(sizeof(*w));
    s->program = w;
    w->service = s;
    w->config = c;
    w->flows = mem_array(flow_count_of(c) + 1, sizeof(*w->flows));
    e = make_graphs(s, w->flows, &w->flow_count, err);
    if (e != ERR_OK) {
        return e;
    }
    e = instance_open(&w->instance, vfs_posix(), s->env, c->path_data, err);
    if (e != ERR_OK) {
        return e;
    }
    w->client_config = (struct client_config){ .bootstrap = c->bootstrap_servers.items,
                                               .bootstrap_count = c->bootstrap_servers.count,
                                               .client_id = c->client_id };
    w->client = client_new(s->env, &w->client_config, &s->log);
    metrics_add_collector(s->metrics, worker_collect, w);
    for (size_t i = 0; i < w->flow_count && e == ERR_OK; i++) {
        w->flows[i].instance_id = w->instance.id;
        e = flow_start(&w->flows[i], s->loop, w->client, &w->client_config, &s->log, err);
    }
    w->running = w->flow_count;
    if (w->flow_count == 0) {
        log_warn(&s->log, "there are no flows: nothing to do");
    }
    if (e == ERR_OK) {
        service_ready(s);
    }
    return e;
}

static void flow_stopped(void *user)
{
    struct worker *w = user;
    if (--w->running == 0) {
        service_stopped(w->service);
    }
}

void worker_stop(struct service *s)
{
    struct worker *w = s->program;
    if (w->running == 0) {
        service_stopped(s);
        return;
    }
    for (size_t i = 0; i < w->flow_count; i++) {
        flow_stop(&w->flows[i], flow_stopped, w);
    }
}

void worker_free(struct service *s)
{
    struct worker *w = s->program;
    if (!w) {
        return;
    }
    free_graphs(w->flows, w->flow_count);
    if (w->client) {
        client_free(w->client);
    }
    instance_close(&w->instance);
    mem_free(w);
    s->program = NULL;
}

bool worker_healthy(struct service *s, struct buf *ret_text)
{
    const struct worker *w = s->program;
    bool healthy = true;
    for (size_t i = 0; i < w->flow_count; i++) {
        const char *why;
        flow_state(&w->flows[i], &why);
        if (why) {
            buf_printf(ret_text, "%sflow %s: %s", healthy ? "" : "; ", w->flows[i].graph.name, why);
            healthy = false;
        }
    }
    return healthy;
}

/* --- metrics ------------------------------------------------------------------------------- */

enum subject { SUBJECT_FLOW, SUBJECT_NODE, SUBJECT_SINK };

struct family {
    enum subject subject;
    enum metric_kind kind;
    const char *name, *about;
};

static const struct family families[] = {
#define F(kind, value, name, about) { SUBJECT_FLOW, METRIC_##kind, name, about },
#define N(kind, value, name, about) { SUBJECT_NODE, METRIC_##kind, name, about },
#define S(kind, value, name, about) { SUBJECT_SINK, METRIC_##kind, name, about },
#include "connectors/connect_metrics.def"
#undef F
#undef N
#undef S
};

/* The value of family i; n is NULL for those of a flow. */
static double value_of(size_t i, const struct flow *f, const struct node *n, const struct sink *s)
{
    const uint64_t values[] = {
#define F(kind, value, name, about) !n ? (value) : 0,
#define N(kind, value, name, about) n ? (value) : 0,
#define S(kind, value, name, about) s ? (value) : 0,
#include "connectors/connect_metrics.def"
#undef F
#undef N
#undef S
    };
    return (double)values[i];
}

static void collect_flow(const struct flow *f, size_t i, struct buf *out)
{
    if (families[i].subject == SUBJECT_FLOW) {
        const char *labels[] = { "flow", f->graph.name, NULL };
        metrics_sample(out, families[i].name, labels, value_of(i, f, NULL, NULL));
        return;
    }
    for (size_t k = 0; k < f->graph.node_count; k++) {
        const struct node *n = &f->graph.nodes[k];
        if (families[i].subject == SUBJECT_NODE || n->sink) {
            const char *labels[] = { "flow", f->graph.name, "node", n->name, NULL };
            metrics_sample(out, families[i].name, labels, value_of(i, f, n, n->sink));
        }
    }
}

void worker_collect(void *ctx, struct buf *out)
{
    const struct worker *w = ctx;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        metrics_family(out, families[i].kind, families[i].name, families[i].about);
        for (size_t k = 0; k < w->flow_count; k++) {
            collect_flow(&w->flows[k], i, out);
        }
    }
}

void worker_print_metrics(FILE *out)
{
    struct metric_row reference[sizeof(families) / sizeof(families[0])];
    size_t count = sizeof(families) / sizeof(families[0]);
    for (size_t i = 0; i < count; i++) {
        reference[i] = (struct metric_row){ .kind = families[i].kind,
                                            .name = families[i].name,
                                            .about = families[i].about };
    }
    metrics_print_markdown("connect", reference, count, out);
}

void worker_print_settings(FILE *out)
{
    size_t count;
    const struct node_type *const *types = node_types(&count);
    config_print_markdown(&flow_config_table, out);
    for (size_t i = 0; i < count; i++) {
        config_print_markdown(types[i]->table, out);
    }
}
