/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rest.c - what a flow is doing, over HTTP: /connectors in Kafka Connect's shape, /flows in our
 * own. Driven by the HTTP server on the loop; reads, changes nothing.
 */
#include "connectors/nodes/nodes.h"
#include "connectors/worker.h"

static struct worker *worker_of(void *owner)
{
    struct service *s = owner;
    return s->program;
}

static void list_connectors(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct worker *w = worker_of(owner);
    struct json_writer j;
    json_init(&j, &reply->body);
    json_begin_array(&j);
    for (size_t i = 0; i < w->flow_count; i++) {
        json_str(&j, w->flows[i].graph.name);
    }
    json_end_array(&j);
}

/* Kafka Connect's error shape. */
static void not_found(struct http_reply *reply, struct slice what)
{
    struct json_writer j;
    struct buf text = { 0 };
    reply->status = 404;
    json_init(&j, &reply->body);
    json_begin_object(&j);
    json_key(&j, "error_code");
    json_int(&j, 404);
    json_key(&j, "message");
    buf_printf(&text, "No status found for connector %.*s", SLICE_ARG(what));
    json_string(&j, buf_slice(&text));
    buf_deinit(&text);
    json_end_object(&j);
}

static void write_state(struct json_writer *j, const struct flow *f)
{
    const char *why;
    const char *state = flow_state(f, &why);
    json_key(j, "state");
    json_str(j, state);
    json_key(j, "worker_id");
    json_str(j, "logboom-connect");
    if (why) {
        json_key(j, "trace");
        json_str(j, why);
    }
}

static void write_status(struct json_writer *j, const struct flow *f)
{
    json_begin_object(j);
    json_key(j, "name");
    json_str(j, f->graph.name);
    json_key(j, "connector");
    json_begin_object(j);
    write_state(j, f);
    json_end_object(j);
    json_key(j, "tasks");
    json_begin_array(j);
    json_begin_object(j);
    json_key(j, "id");
    json_int(j, 0);
    write_state(j, f);
    json_end_object(j);
    json_end_array(j);
    json_key(j, "type");
    json_str(j, "sink");
    json_end_object(j);
}

/* /connectors/{name} and /connectors/{name}/status. */
static void one_connector(void *owner, const struct http_request *req, struct http_reply *reply)
{
    static const char prefix[] = "/connectors/";
    static const char suffix[] = "/status";
    const struct worker *w = worker_of(owner);
    struct slice name = slice_from(slice_str(req->path), sizeof(prefix) - 1);
    size_t tail = sizeof(suffix) - 1;
    if (name.len > tail && memcmp(name.ptr + name.len - tail, suffix, tail) == 0) {
        name.len -= tail;
    }
    for (size_t i = 0; i < w->flow_count; i++) {
        if (slice_eq_str(name, w->flows[i].graph.name)) {
            struct json_writer j;
            json_init(&j, &reply->body);
            write_status(&j, &w->flows[i]);
            return;
        }
    }
    not_found(reply, name);
}

static void member_uint(struct json_writer *j, const char *key, uint64_t value)
{
    json_key(j, key);
    json_int(j, (int64_t)value);
}

static void write_node(struct json_writer *j, const struct node *n)
{
    json_begin_object(j);
    json_key(j, "name");
    json_str(j, n->name);
    json_key(j, "type");
    json_str(j, n->type->name);
    member_uint(j, "in", n->counters.in);
    member_uint(j, "out", n->sink ? n->sink->counters.delivered : n->counters.out);
    member_uint(j, "dropped", n->counters.dropped);
    member_uint(j, "failed", n->counters.failed);
    if (n->sink) {
        member_uint(j, "duplicates", n->sink->counters.duplicates);
        member_uint(j, "retried", n->sink->counters.retried);
        member_uint(j, "queued", n->sink->events);
        json_key(j, "trouble");
        json_string(j, slice_str(n->sink->trouble));
    }
    json_end_object(j);
}

static void write_flow(struct json_writer *j, const struct flow *f)
{
    const char *why;
    json_begin_object(j);
    json_key(j, "name");
    json_str(j, f->graph.name);
    json_key(j, "state");
    json_str(j, flow_state(f, &why));
    json_key(j, "why");
    json_string(j, slice_str(why));
    member_uint(j, "records", f->counters.records);
    member_uint(j, "in_flight", flow_in_flight(f));
    member_uint(j, "lag", flow_lag(f));
    member_uint(j, "dead_letters", f->counters.dead);
    json_key(j, "nodes");
    json_begin_array(j);
    for (size_t i = 0; i < f->graph.node_count; i++) {
        write_node(j, &f->graph.nodes[i]);
    }
    json_end_array(j);
    json_end_object(j);
}

static void list_flows(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct worker *w = worker_of(owner);
    struct json_writer j;
    json_init(&j, &reply->body);
    json_begin_array(&j);
    for (size_t i = 0; i < w->flow_count; i++) {
        write_flow(&j, &w->flows[i]);
    }
    json_end_array(&j);
}

static void list_plugins(void *owner, const struct http_request *req, struct http_reply *reply)
{
    size_t count;
    const struct node_type *const *types = node_types(&count);
    struct json_writer j;
    json_init(&j, &reply->body);
    json_begin_array(&j);
    for (size_t i = 0; i < count; i++) {
        if (types[i]->role == NODE_SINK) {
            json_begin_object(&j);
            json_key(&j, "class");
            json_str(&j, types[i]->name);
            json_key(&j, "type");
            json_str(&j, "sink");
            json_end_object(&j);
        }
    }
    json_end_array(&j);
}

const struct http_route rest_routes[] = {
    { "GET", "/connectors", list_connectors },
    { "GET", "/connectors/*", one_connector },
    { "GET", "/connector-plugins", list_plugins },
    { "GET", "/flows", list_flows },
};
const size_t rest_route_count = sizeof(rest_routes) / sizeof(rest_routes[0]);
