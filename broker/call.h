/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one request, from its first byte until its reply is gone. Where the reply goes is the
 * sink's business: to the connection it came by, into the Envelope it came in (api/envelope.c), or
 * to somebody in this process (controller_channel.c). Handlers know nothing of that.
 */
#ifndef LOGBOOM_BROKER_CALL_H
#define LOGBOOM_BROKER_CALL_H

#include "protocol/base/arena.h"
#include "protocol/base/list.h"
#include "protocol/wire/api.h"

struct broker;
struct call;
struct connection;

enum {
    CALL_FIRST_BYTES = 2 << 20, /* the most that an announced length gets at once; more comes as
                                   bytes arrive */
};

/* Whom a listener is for; an API is served on one kind or on both. */
enum listener_kind { LISTENER_BROKER = 1, LISTENER_CONTROLLER = 2 };

struct call_sink {
    /* Takes the response (NULL: none is to be sent) before it returns, and ends the call. */
    void (*reply)(struct call *c, int16_t version, const void *response);
    /* The request cannot be answered in Kafka's words. Ends the call. */
    void (*fail)(struct call *c, const char *why);
};

/* One request. The handler replies by call_reply() (or call_reply_none()), now or later; until then
 * everything here stays. */
struct call {
    struct list_node link;       /* in the connection's queue, in order, or among the orphans */
    struct list_node short_link; /* in connections->short_of_memory, or alone */
    const struct call_sink *sink;
    void *sink_owner;
    struct connection *conn; /* NULL: the client has gone, or there is none */
    struct broker *broker;
    enum listener_kind kind;
    const char *peer; /* of a call without a connection; NULL is "" */
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
    /* the reply, once it is encoded */
    struct buf reply;
    /* File ranges; `external` is a struct log_range * in the arena. */
    struct writer_splice *splices;
    size_t splice_count;
    bool replied, no_reply;
};

/* Ends the calls that ran short of memory; connections->fail's. */
void calls_fail_short(void *broker);

/* --- for handlers ----------------------------------------------------------------------------- */

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
/* Zeroed memory that lives as long as the call; NULL when the arena's cap is reached: the call
 * fails from the loop, and the handler returns. */
void *call_alloc(struct call *c, size_t size);
/* count structs of this schema; NULL as above. */
void *call_array(struct call *c, const struct schema *s, int32_t count);
/* Whom it comes from, for logs. */
const char *call_peer(const struct call *c);

/* --- for sinks -------------------------------------------------------------------------------- */

/* A call whose frame of frame_len bytes is to be filled; at most CALL_FIRST_BYTES are there yet. */
struct call *call_new(struct broker *b, const struct call_sink *sink, void *sink_owner,
                      size_t frame_len);
/* A call that came by no connection, for api_dispatch(). The bytes (header and body) are copied. It
 * is the broker's until it ends. */
struct call *call_new_inner(struct broker *b, const struct call_sink *sink, void *sink_owner,
                            struct slice frame);
void call_free(struct call *c);
/* Whether queued.max.request.bytes leaves room. */
bool call_memory_for(struct broker *b, size_t bytes);
/* Twice the room for a frame that turned out to be really that long. */
void call_grow_frame(struct call *c);

#endif
