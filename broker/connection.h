/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection.h - one client's connection: frames in, replies out in the order of the requests.
 * A request lives in a struct call from its first byte until its reply is with the kernel.
 */
#ifndef LOGBOOM_BROKER_CONNECTION_H
#define LOGBOOM_BROKER_CONNECTION_H

#include "protocol/base/arena.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/wire/api.h"

struct broker;
struct connection;

enum {
    CONNECTION_CALLS_MAX = 128,       /* requests of one connection in work; reading pauses there */
    CONNECTION_HEAD_BYTES = 4096,     /* what is read before a frame's length is known */
    CONNECTION_FIRST_BYTES = 2 << 20, /* the most that an announced length gets at once; more comes
                                         as bytes arrive */
};

/* One request. The handler replies by call_reply() (or call_reply_none()), now or later; until then
 * everything here stays. */
struct call {
    struct list_node link;   /* in the connection's queue, in order */
    struct connection *conn; /* NULL: the client has gone; the reply goes nowhere */
    struct broker *broker;
    const struct api *api;
    int16_t version;
    int32_t correlation_id;
    struct slice client_id; /* null allowed; lives in the frame */
    uint8_t *frame;         /* header and body; what the request's slices point to */
    size_t frame_len, frame_cap;
    struct arena arena; /* the request, its reply, and what the handler needs on the way */
    void *request;
    /* Called once when the client has gone before the reply; may be NULL. The handler must then
     * reply soon (it is thrown away), maybe at once. */
    void (*abandoned)(struct call *c);
    void *state; /* the handler's */
    uint64_t arrived_ns;
    /* the reply */
    struct buf reply;
    /* File ranges; `external` is a struct log_range * in the arena. */
    struct writer_splice *splices;
    size_t splice_count;
    bool replied, no_reply;
};

/* Encodes the response (any struct of the call's api) and sends it in its turn. The call may be
 * gone when this returns. */
void call_reply(struct call *c, const void *response);
/* The same for one that answers in another version or is no plain message (ApiVersions). */
void call_reply_version(struct call *c, int16_t version, const void *response);
/* Produce with acks=0: nothing is sent. */
void call_reply_none(struct call *c);
/* The request cannot be answered in Kafka's words: the connection is closed. The call may be gone.
 */
void call_fail(struct call *c, const char *why);
/* A fresh response struct of the call's api with its defaults; NULL never comes (the arena's cap
 * closes the connection: then the call has ended and the handler returns). */
void *call_response(struct call *c);
/* count structs of this schema; NULL when the arena's cap is reached: call_fail() was called. */
void *call_array(struct call *c, const struct schema *s, int32_t count);

/* A listener's accepted(), whose owner is a struct broker_listener: a new connection, or NULL when
 * there are too many. */
void *connection_accept(void *listener, struct stream *s);
extern const struct stream_events connection_events;
/* What clients of this connection are told to connect to: the advertised address, or the one that
 * it came in by. conn may be NULL (the client has gone). */
void connection_advertised(const struct connection *conn, struct slice *ret_host,
                           uint16_t *ret_port);
/* "/127.0.0.1", as Kafka writes a client's host. In the arena. */
struct slice connection_client_host(const struct connection *conn, struct arena *arena);
const char *connection_peer(const struct connection *conn);

/* All connections of a broker. */
struct connections {
    struct list_node all;
    uint32_t count;
    struct list_node starved; /* waiting for request memory */
    struct list_node orphans; /* calls whose client has gone */
    size_t request_bytes;     /* held by frames */
    struct timer feed;        /* the starved may go on */
    bool feeding;
    struct { /* frames to use again: page faults cost more than the work */
        uint8_t *frames[8];
        unsigned count;
    } pool;
};

void connections_init(struct connections *cs, struct broker *b);
/* Closes every connection; their calls are abandoned. Not from inside a handler. */
void connections_close_all(struct broker *b);
/* Gives pooled memory back. */
void connections_trim(struct connections *cs);
/* Every connection must be closed, and its stream buried. */
void connections_deinit(struct broker *b);
/* True when no connection has a request in work or a reply under way. */
bool connections_are_idle(const struct connections *cs);

#endif
