/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_channel.h - asks the active controller, wherever it is: in this process, or at the
 * quorum's leader. A request is tried again when there is no leader, when it moved (NOT_CONTROLLER)
 * and when the connection was lost, until its time is over; so whatever is sent must bear being
 * carried out twice. Source: KIP-590 (forwarding), KIP-631.
 */
#ifndef LOGBOOM_BROKER_CONTROLLER_CHANNEL_H
#define LOGBOOM_BROKER_CONTROLLER_CHANNEL_H

#include "protocol/base/list.h"
#include "protocol/client/client.h"

struct broker;
struct call;

/* The request may live on the caller's stack. done() comes once and from the loop: ERR_OK with the
 * response, which lives until it returns (errors inside, but for NOT_CONTROLLER, are the caller's
 * to read); ERR_TIMEOUT when no controller answered in time; ERR_UNSUPPORTED when the controller
 * lacks the API; ERR_LIMIT when too many wait. */
void controller_channel_send(struct broker *b, const struct schema *request_schema,
                             const void *request, int16_t version_max, uint64_t timeout_ns,
                             client_done *done, void *user);
/* The sends with this user are forgotten. */
void controller_channel_cancel(struct broker *b, const void *user);
/* Another node leads now: what waits is tried, what went to the old one is sent to the new one. */
void controller_channel_wake(struct broker *b);
/* Whether the active controller is this node now. */
bool controller_channel_is_local(const struct broker *b);
/* The active controller's node id; -1 while there is none known. */
int32_t controller_channel_leader(const struct broker *b);

/* Sends a client's request on to the active controller in an Envelope, and its reply back to the
 * client byte by byte. The call is replied to by this, now or later. */
void controller_channel_forward(struct call *c);

struct controller_channel {
    struct list_node sends;
    uint32_t count;
};

void controller_channel_init(struct broker *b);
/* Nobody hears of what is still under way. */
void controller_channel_deinit(struct broker *b);

#endif
