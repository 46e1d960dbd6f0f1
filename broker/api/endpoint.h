/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.h - where a client reaches a node: by the listener that its own connection is on. */
#ifndef LOGBOOM_BROKER_API_ENDPOINT_H
#define LOGBOOM_BROKER_API_ENDPOINT_H

#include "broker/broker.h"

struct endpoint {
    struct slice host; /* a view into the image or the connection */
    uint16_t port;
    struct slice rack; /* null: none */
};

/* false when the node is not registered, or has no listener of that name. */
bool endpoint_of(const struct call *c, int32_t broker_id, struct endpoint *ret_endpoint);

/* Whether an error tells the client that it asked the wrong node (KIP-951): then the reply says who
 * leads. */
bool endpoint_is_hint_wanted(int16_t error_code);
/* Who leads the partition, by the metadata, for CurrentLeader: id and epoch; false when nobody is
 * known to. */
bool endpoint_leader(const struct call *c, const struct partition *p, int32_t *ret_id,
                     int32_t *ret_epoch);

#endif
