/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_call.h - one request on its way: where it is, until when, and who hears of its end.
 * Private to protocol/client. A call is in exactly one place: waiting at a link, in flight on a
 * connection, or deferred at the client; client_call_finish() ends it from any of them.
 */
#ifndef LOGBOOM_CLIENT_CLIENT_CALL_H
#define LOGBOOM_CLIENT_CLIENT_CALL_H

#include "protocol/base/arena.h"
#include "protocol/client/client.h"
#include "protocol/wire/api.h"

struct client_connection;

struct client_call {
    struct list_node node; /* the place where it is */
    struct list_node all;  /* the client's list */
    struct env env;
    struct client_connection *connection; /* NULL unless in flight */
    const struct api *api;
    int32_t node_id;
    uint32_t lane;
    int16_t min_version, max_version, version;
    int32_t correlation_id;
    struct timer timer; /* the deadline */
    client_done *done;  /* NULL: nobody listens any more */
    void *user;
    struct arena arena;
    void *copy;       /* the request, while there is no connection; lives in the arena */
    struct buf frame; /* the encoded request */
    uint32_t pieces;  /* still with the stream: frame and records must live */
    bool no_answer;   /* a produce request with acks 0 */
    bool finished;
    enum err err; /* of a deferred one */
    /* A request without an answer has left. */
    void (*sent)(struct client_call *call);
};

/* Takes a place in `all`; the timer is not armed. */
struct client_call *client_call_new(struct env env, struct list_node *all, const struct api *api,
                                    client_done *done, void *user);
/* Takes it out of its place, tells done(), frees it (later, when the stream still holds pieces). */
void client_call_finish(struct client_call *call, enum err err, int16_t version,
                        const void *response);
/* Whether it goes to any broker (or the controller), not to a certain one. */
bool client_call_is_for_any(const struct client_call *call);
/* As client_call_finish() without telling anybody. */
void client_call_drop(struct client_call *call);
/* A deep copy of the request into the call, its record bytes excepted. */
void client_call_copy_request(struct client_call *call, const void *request);
/* release() of every piece of a call. */
void client_call_piece_released(void *owner);

#endif
