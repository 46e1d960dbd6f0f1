/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.c - see endpoint.h. Driven by the handlers that name nodes to clients. */
#include "broker/api/endpoint.h"

bool endpoint_of(const struct call *c, int32_t broker_id, struct endpoint *ret_endpoint)
{
    const struct broker *b = c->broker;
    const struct image_broker *node = image_broker(&b->image, broker_id);
    if (broker_id == b->node_id) {
        connection_advertised(c->conn, &ret_endpoint->host, &ret_endpoint->port);
        ret_endpoint->rack = slice_str(b->config->rack);
        return true;
    }
    const char *listener = connection_listener(c->conn);
    for (int32_t i = 0; node && i < node->endpoint_count; i++) {
        const struct image_endpoint *e = &node->endpoints[i];
        if (strcmp(e->name, listener) == 0) {
            ret_endpoint->host = slice_str(e->host);
            ret_endpoint->port = e->port;
            ret_endpoint->rack = slice_str(node->rack);
            return true;
        }
    }
    return false;
}

bool endpoint_is_hint_wanted(int16_t error_code)
{
    return error_code == KAFKA_NOT_LEADER_OR_FOLLOWER || error_code == KAFKA_FENCED_LEADER_EPOCH;
}

bool endpoint_leader(const struct call *c, const struct partition *p, int32_t *ret_id,
                     int32_t *ret_epoch)
{
    const struct image_partition *ip = partition_in_image(c->broker, p);
    if (!ip || ip->leader < 0) {
        return false;
    }
    *ret_id = ip->leader;
    *ret_epoch = ip->leader_epoch;
    return true;
}
