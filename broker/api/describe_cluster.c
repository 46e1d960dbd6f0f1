/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_cluster.c - DescribeCluster (60, KIP-700, KIP-919): brokers to who asks a broker,
 * controllers to who asks on a controllers' listener.
 */
#include "broker/api/endpoint.h"
#include "broker/api/table.h"

enum { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

static bool fill_brokers(struct call *c, struct describe_cluster_response *resp)
{
    const struct describe_cluster_request *req = c->request;
    const struct image *img = &c->broker->image;
    resp->brokers =
        call_array(c, &describe_cluster_response_broker_schema, (int32_t)img->brokers.count);
    if (!resp->brokers) {
        return false;
    }
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        struct endpoint at;
        if ((b->fenced && !req->include_fenced_brokers) || !endpoint_of(c, b->id, &at)) {
            continue;
        }
        struct describe_cluster_response_broker *row = &resp->brokers[resp->brokers_n++];
        row->broker_id = b->id;
        row->host = at.host;
        row->port = at.port;
        row->rack = at.rack;
        row->is_fenced = b->fenced;
    }
    resp->controller_id = c->broker->node_id; /* any broker passes on what is the controller's */
    return true;
}

/* The endpoint of the listener that the client came in by, else the first. */
static const struct image_endpoint *endpoint_for(const struct call *c,
                                                 const struct image_controller *node)
{
    for (int32_t i = 0; i < node->endpoint_count; i++) {
        if (strcmp(node->endpoints[i].name, connection_listener(c->conn)) == 0) {
            return &node->endpoints[i];
        }
    }
    return node->endpoint_count ? &node->endpoints[0] : NULL;
}

static bool fill_controllers(struct call *c, struct describe_cluster_response *resp)
{
    const struct image *img = &c->broker->image;
    resp->brokers =
        call_array(c, &describe_cluster_response_broker_schema, (int32_t)img->controllers.count);
    if (!resp->brokers) {
        return false;
    }
    uint32_t cursor = 0;
    for (const struct image_controller *n; (n = map_next(&img->controllers, &cursor, NULL));) {
        const struct image_endpoint *at = endpoint_for(c, n);
        if (at) {
            struct describe_cluster_response_broker *row = &resp->brokers[resp->brokers_n++];
            row->broker_id = n->id;
            row->host = slice_str(at->host);
            row->port = at->port;
        }
    }
    resp->controller_id = controller_channel_leader(c->broker);
    return true;
}

void handle_describe_cluster(struct call *c)
{
    struct broker *b = c->broker;
    const struct describe_cluster_request *req = c->request;
    struct describe_cluster_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    bool controllers = c->kind == LISTENER_CONTROLLER;
    resp->cluster_id = slice_str(b->cluster_id);
    resp->endpoint_type = req->endpoint_type;
    if (c->version >= 1 &&
        req->endpoint_type != (controllers ? ENDPOINT_CONTROLLERS : ENDPOINT_BROKERS)) {
        resp->error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        resp->error_message = slice_str("The request was sent to an endpoint of the wrong type.");
        call_reply(c, resp);
        return;
    }
    if (controllers ? fill_controllers(c, resp) : fill_brokers(c, resp)) {
        call_reply(c, resp);
    }
}
