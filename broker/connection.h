/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - one client's connection: frames in, replies out in the order of the requests.
 * A request lives in a struct call (call.h) until its reply is with the kernel.
 */
#ifndef LOGBOOM_BROKER_CONNECTION_H
#define LOGBOOM_BROKER_CONNECTION_H

#include "broker/call.h"
#include "protocol/daemon/env.h"

enum {
    CONNECTION_CALLS_MAX = 128,   /* requests of one connection in work; reading pauses there */
    CONNECTION_HEAD_BYTES = 4096, /* what is read before a frame's length is known */
};

/* A listener's accepted(), whose owner is a struct broker_listener: a new connection, or NULL when
 * there are too many. */
void *connection_accept(void *listener, struct stream *s);
extern const struct stream_events connection_events;
/* A broker's heartbeats come over it: the controller is told when it is lost. */
void connection_set_broker(struct connection *conn, int32_t broker_id);
/* What clients of this connection are told to connect to: the advertised address, or the one that
 * it came in by. conn may be NULL (the client has gone). */
void connection_advertised(const struct connection *conn, struct slice *ret_host,
                           uint16_t *ret_port);
/* The name of the listener that it came in on; "" without a connection. */
const char *connection_listener(const struct connection *conn);
/* "/127.0.0.1", as Kafka writes a client's host. In the arena. */
struct slice connection_client_host(const struct connection *conn, struct arena *arena);
const char *connection_peer(const struct connection *conn);
/* Answers a call that came by a connection with the bytes of another node's reply. */
void connection_reply_bytes(struct call *c, struct slice header_and_body);

enum { FRAME_SHELVES = 2, FRAME_SHELF_ROOM = 32 };

/* Memory of frames to use again: the page faults of new memory cost more than the work. Many are a
 * producer's batch of the usual 128 KiB and a little, few are larger. */
struct frame_shelf {
    size_t frame_bytes;
    unsigned room;
    unsigned count;
    uint8_t *frames[FRAME_SHELF_ROOM];
};

/* All connections of a broker. */
struct connections {
    struct list_node all;
    uint32_t count;
    struct list_node starved;         /* waiting for request memory */
    struct list_node orphans;         /* calls whose client has gone */
    struct list_node short_of_memory; /* calls that failed for that, until the loop ends them */
    struct timer fail;
    size_t request_bytes; /* held by frames */
    struct timer feed;    /* the starved may go on */
    bool feeding;
    struct frame_shelf shelves[FRAME_SHELVES]; /* by rising frame_bytes */
};

void connections_init(struct connections *cs, struct broker *b);
/* Closes every connection; their calls are abandoned. Not from inside a handler. */
void connections_close_all(struct broker *b);
/* Memory of a request was given back: connections that wait for some go on, from the loop. */
void connections_feed(struct broker *b);
/* Gives pooled memory back. */
void connections_trim(struct connections *cs);
/* Every connection must be closed, and its stream buried. */
void connections_deinit(struct broker *b);
/* True when no connection has a request in work or a reply under way. */
bool connections_are_idle(const struct connections *cs);

#endif
