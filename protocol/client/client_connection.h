/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_connection.h - one connection to a broker: its versions, then pipelined calls, answered in
 * order. Private to protocol/client. It begins with ApiVersions (KIP-35, KIP-511) and takes calls
 * once the answer is there. It dies of the first thing that is wrong; node.c makes a new one.
 */
#ifndef LOGBOOM_CLIENT_CLIENT_CONNECTION_H
#define LOGBOOM_CLIENT_CLIENT_CONNECTION_H

#include "protocol/client/client_call.h"

struct client_connection;

struct client_connection_config {
    struct slice client_id;
    uint64_t connect_timeout_ns; /* until the versions are known */
    size_t response_bytes_max;
    struct client_stats *stats;
};

struct client_connection_events {
    /* The versions are known: calls may be sent. */
    void (*ready)(void *owner);
    /* It is gone; its calls finish with ERR_CLOSED (or ERR_TIMEOUT) right after this. */
    void (*closed)(void *owner, enum err why);
};

/* cfg is not copied. Never NULL; a failure comes as closed(). */
struct client_connection *client_connection_new(struct env env, const char *host, uint16_t port,
                                                const struct client_connection_config *cfg,
                                                const struct client_connection_events *events,
                                                void *owner);
/* Ends it without closed(); its calls finish with ERR_CLOSED. */
void client_connection_close(struct client_connection *c);
bool client_connection_is_ready(const struct client_connection *c);
uint32_t client_connection_in_flight(const struct client_connection *c);
/* How long nothing was heard while an answer is owed, that to the handshake included; else 0. */
uint64_t client_connection_silence_ns(const struct client_connection *c);
/* Ends it as a time-out does: closed() is called, its calls finish with ERR_CLOSED. */
void client_connection_give_up(struct client_connection *c);
/* Encodes and sends; the call is the connection's then. ERR_UNSUPPORTED when there is no version in
 * common, ERR_LIMIT when the request cannot be encoded: the call stays where it was. */
enum err client_connection_send(struct client_connection *c, struct client_call *call,
                                const void *request);
/* What was sent goes to the kernel now. */
void client_connection_flush(struct client_connection *c);
/* The timer of a call in flight has fired. A request without an answer has left: ERR_OK. Else its
 * deadline has passed: it ends with ERR_TIMEOUT and takes the connection along, since answers come
 * in order. */
void client_connection_call_due(struct client_call *call);
/* Ends a call of which nobody shall hear any more. Its records are free afterwards: the connection
 * dies when they have not left yet. */
void client_connection_drop_call(struct client_call *call);

#endif
