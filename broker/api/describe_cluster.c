/* SPDX-License-Identifier: Apache-2.0 */
/* describe_cluster.c - DescribeCluster (60, KIP-700, KIP-919). */
#include "broker/api/table.h"
#include "broker/broker.h"

enum { ENDPOINT_BROKERS = 1 };

void handle_describe_cluster(struct call *c)
{
    struct broker *b = c->broker;
    const struct describe_cluster_request *req = c->request;
    struct describe_cluster_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->cluster_id = slice_str(b->cluster_id);
    resp->endpoint_type = req->endpoint_type;
    if (c->version >= 1 && req->endpoint_type != ENDPOINT_BROKERS) {
        resp->error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        resp->error_message = slice_str("The request was sent to an endpoint of the wrong type.");
        call_reply(c, resp);
        return;
    }
    resp->brokers = call_array(c, &describe_cluster_response_broker_schema, 1);
    if (!resp->brokers) {
        return;
    }
    uint16_t port;
    connection_advertised(c->conn, &resp->brokers[0].host, &port);
    resp->brokers_n = 1;
    resp->brokers[0].broker_id = b->node_id;
    resp->brokers[0].port = port;
    resp->brokers[0].rack = slice_str(b->config->rack);
    resp->controller_id = b->node_id;
    call_reply(c, resp);
}
