/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.c - see call.h. Driven by the sinks and the handlers.
 *   (L1) connections->request_bytes is the sum of frame_cap over all calls.
 *   (L2) A call ends once: by its sink's reply() or fail().
 */
#include "broker/call.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { FRAME_POOLED_MIN = 64 * 1024 }; /* smaller ones are the heap's own business */

/* --- memory of frames ------------------------------------------------------------------------- */

bool call_memory_for(struct broker *b, size_t bytes)
{
    struct connections *cs = &b->connections;
    return cs->request_bytes == 0 ||
           cs->request_bytes + bytes <= (size_t)b->config->queued_max_request_bytes;
}

/* The shelf for frames of this size, or NULL. */
static struct frame_shelf *shelf_for(struct connections *cs, size_t bytes)
{
    for (size_t i = 0; bytes >= FRAME_POOLED_MIN && i < FRAME_SHELVES; i++) {
        if (bytes <= cs->shelves[i].frame_bytes) {
            return &cs->shelves[i];
        }
    }
    return NULL;
}

static void frame_take(struct connections *cs, struct call *c, size_t bytes)
{
    struct frame_shelf *shelf = shelf_for(cs, bytes);
    if (shelf && shelf->count) {
        c->frame = shelf->frames[--shelf->count];
    } else {
        c->frame = mem_alloc(shelf ? shelf->frame_bytes : bytes);
    }
    c->frame_cap = bytes;
    cs->request_bytes += bytes;
}

static void frame_drop(struct connections *cs, struct call *c)
{
    struct frame_shelf *shelf = shelf_for(cs, c->frame_cap);
    cs->request_bytes -= c->frame_cap;
    if (shelf && shelf->count < shelf->room) {
        shelf->frames[shelf->count++] = c->frame;
    } else {
        mem_free(c->frame);
    }
    c->frame = NULL;
    c->frame_cap = 0;
}

void call_grow_frame(struct call *c)
{
    struct connections *cs = &c->broker->connections;
    size_t more = c->frame_len - c->frame_cap;
    if (more > c->frame_cap) {
        more = c->frame_cap;
    }
    uint8_t *bytes = mem_alloc(c->frame_cap + more);
    memcpy(bytes, c->frame, c->frame_cap);
    size_t cap = c->frame_cap + more;
    frame_drop(cs, c);
    c->frame = bytes;
    c->frame_cap = cap;
    cs->request_bytes += cap;
}

/* --- life ------------------------------------------------------------------------------------- */

struct call *call_new(struct broker *b, const struct call_sink *sink, void *sink_owner,
                      size_t frame_len)
{
    struct call *c = mem_zalloc(sizeof(*c));
    list_init(&c->link);
    list_init(&c->short_link);
    c->sink = sink;
    c->sink_owner = sink_owner;
    c->broker = b;
    c->kind = LISTENER_BROKER;
    c->frame_len = frame_len;
    frame_take(&b->connections, c, frame_len < CALL_FIRST_BYTES ? frame_len : CALL_FIRST_BYTES);
    return c;
}

struct call *call_new_inner(struct broker *b, const struct call_sink *sink, void *sink_owner,
                            struct slice frame)
{
    struct call *c = call_new(b, sink, sink_owner, frame.len);
    while (c->frame_cap < c->frame_len) {
        call_grow_frame(c);
    }
    memcpy(c->frame, frame.ptr, frame.len);
    c->kind = LISTENER_CONTROLLER;
    list_push_back(&b->connections.orphans, &c->link);
    return c;
}

void call_free(struct call *c)
{
    for (size_t i = 0; i < c->splice_count; i++) {
        struct log_range *range = c->splices[i].external;
        open_file_unref(range->file);
    }
    mem_free(c->splices);
    buf_deinit(&c->reply);
    list_remove(&c->link);
    list_remove(&c->short_link);
    struct broker *b = c->broker;
    frame_drop(&b->connections, c);
    arena_deinit(&c->arena);
    mem_free(c);
    connections_feed(b);
}

/* --- for handlers ----------------------------------------------------------------------------- */

void call_reply_version(struct call *c, int16_t version, const void *response)
{
    c->sink->reply(c, version, response);
}

void call_reply(struct call *c, const void *response)
{
    c->sink->reply(c, c->version, response);
}

void call_reply_none(struct call *c)
{
    c->sink->reply(c, c->version, NULL);
}

void call_fail(struct call *c, const char *why)
{
    c->sink->fail(c, why);
}

void *call_response(struct call *c)
{
    return call_array(c, c->api->response, 1);
}

void calls_fail_short(void *owner)
{
    struct broker *b = owner;
    for (struct list_node *node; (node = list_pop_front(&b->connections.short_of_memory));) {
        call_fail(list_entry(node, struct call, short_link),
                  "the request wants more memory than it may have");
    }
}

/* Not at once: the handler may be writing into the call's arena what this returns. */
static void *checked(struct call *c, void *memory)
{
    if (!memory) {
        struct connections *cs = &c->broker->connections;
        list_remove(&c->short_link);
        list_push_back(&cs->short_of_memory, &c->short_link);
        timer_arm_in(c->broker->env, &cs->fail, 0);
    }
    return memory;
}

void *call_alloc(struct call *c, size_t size)
{
    return checked(c, arena_alloc(&c->arena, size));
}

void *call_array(struct call *c, const struct schema *s, int32_t count)
{
    return checked(c, schema_new(s, &c->arena, count > 0 ? (size_t)count : 0));
}

const char *call_peer(const struct call *c)
{
    return c->conn ? connection_peer(c->conn) : c->peer ? c->peer : "";
}
