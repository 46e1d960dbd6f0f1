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

static void *at(const void *msg, size_t offset)
{
    return (uint8_t *)(uintptr_t)msg + offset;
}

static void copy_struct(struct arena *a, const struct schema *s, void *msg);

static void copy_slice(struct arena *a, struct slice *s)
{
    if (s->ptr) {
        *s = arena_copy(a, *s);
    }
}

static size_t vector_item_size(uint8_t kind)
{
    switch (kind) {
    case KIND_BOOL:
    case KIND_I8:
        return 1;
    case KIND_I16:
    case KIND_U16:
        return 2;
    case KIND_I32:
    case KIND_U32:
        return 4;
    case KIND_I64:
    case KIND_F64:
        return 8;
    case KIND_UUID:
        return sizeof(struct uuid);
    default:
        return sizeof(struct slice);
    }
}

static void copy_items(struct arena *a, const struct field *f, void *msg)
{
    int32_t count = *(int32_t *)at(msg, f->offset_n);
    void **items = at(msg, f->offset);
    if (count <= 0) {
        return;
    }
    bool scalar = f->shape == SHAPE_VECTOR;
    size_t size = scalar ? vector_item_size(f->kind) : f->sub->size;
    void *copy = arena_array(a, (size_t)count, size);
    memcpy(copy, *items, (size_t)count * size);
    *items = copy;
    for (int32_t i = 0; i < count; i++) {
        void *item = at(copy, (size_t)i * size);
        if (!scalar) {
            copy_struct(a, f->sub, item);
        } else if (f->kind == KIND_STR || f->kind == KIND_STR16 || f->kind == KIND_BYTES) {
            copy_slice(a, item);
        }
    }
}

/* msg is a flat copy already; what it points to is copied now. */
static void copy_struct(struct arena *a, const struct schema *s, void *msg)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        void *p = at(msg, f->offset);
        switch (f->shape) {
        case SHAPE_SCALAR:
            if (f->kind == KIND_STR || f->kind == KIND_STR16 || f->kind == KIND_BYTES) {
                copy_slice(a, p);
            }
            break;
        case SHAPE_STRUCT:
            copy_struct(a, f->sub, p);
            break;
        case SHAPE_OPTIONAL:
            if (*(void **)p) {
                void *copy = arena_alloc(a, f->sub->size);
                memcpy(copy, *(void **)p, f->sub->size);
                *(void **)p = copy;
                copy_struct(a, f->sub, copy);
            }
            break;
        default:
            copy_items(a, f, msg);
        }
    }
}

void client_call_copy_request(struct client_call *call, const void *request)
{
    const struct schema *s = call->api->request;
    if (call->copy == request) {
        return;
    }
    call->copy = arena_alloc(&call->arena, s->size);
    memcpy(call->copy, request, s->size);
    copy_struct(&call->arena, s, call->copy);
}
