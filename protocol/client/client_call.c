/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_call.c - the life of one request. Driven by node.c, client_connection.c and client.c.
 *   (C1) done() is called at most once, and nothing of the call is touched afterwards but its
 *        pieces.
 *   (C2) The memory lives until the stream has given back every piece.
 */
#include "protocol/client/client_call.h"

#include "protocol/base/alloc.h"

#include <assert.h>

struct client_call *client_call_new(struct env env, struct list_node *all, const struct api *api,
                                    client_done *done, void *user)
{
    struct client_call *call = mem_zalloc(sizeof(*call));
    call->env = env;
    call->api = api;
    call->done = done;
    call->user = user;
    arena_init(&call->arena, SIZE_MAX / 2);
    list_init(&call->node);
    list_push_back(all, &call->all);
    return call;
}

static void free_call(struct client_call *call)
{
    arena_deinit(&call->arena);
    buf_deinit(&call->frame);
    mem_free(call);
}

void client_call_finish(struct client_call *call, enum err err, int16_t version,
                        const void *response)
{
    assert(!call->finished);
    call->finished = true;
    call->connection = NULL;
    list_remove(&call->node);
    list_remove(&call->all);
    timer_cancel(call->env, &call->timer);
    client_done *done = call->done;
    void *user = call->user;
    if (!call->pieces) {
        free_call(call);
    }
    if (done) {
        done(user, err, version, response);
    }
}

bool client_call_is_for_any(const struct client_call *call)
{
    return call->node_id == NODE_ANY || call->node_id == NODE_CONTROLLER;
}

void client_call_drop(struct client_call *call)
{
    call->done = NULL;
    client_call_finish(call, ERR_CANCELED, 0, NULL);
}

void client_call_piece_released(void *owner)
{
    struct client_call *call = owner;
    assert(call->pieces > 0);
    if (--call->pieces > 0) {
        return;
    }
    if (call->finished) {
        free_call(call);
    } else if (call->no_answer && call->sent) {
        call->sent(call);
    }
}

/* --- copies ----------------------------------------------------------------------------------- */

void client_call_copy_request(struct client_call *call, const void *request)
{
    if (call->copy != request) {
        call->copy = schema_copy(call->api->request, &call->arena, request);
    }
}
