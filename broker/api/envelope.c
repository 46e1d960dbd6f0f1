/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.c - Envelope (58, KIP-590): a client's request that another broker sends on to the
 * active controller. It becomes a call of its own, whose reply travels in this one's.
 */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller_channel.h"

#include <arpa/inet.h>
#include <stdio.h>

static void reply(struct call *outer, enum kafka_error code, struct slice data)
{
    struct envelope_response *resp = call_response(outer);
    if (resp) {
        resp->error_code = (int16_t)code;
        resp->response_data = data;
        call_reply(outer, resp);
    }
}

static void inner_reply(struct call *c, int16_t version, const void *response)
{
    struct call *outer = c->sink_owner;
    struct buf frame = { 0 };
    struct writer w;
    writer_init(&w, &frame);
    enum kafka_error code = KAFKA_NONE;
    struct slice data = slice_null();
    if (!response || api_frame_response(&w, c->api->key, version, c->correlation_id, response)) {
        code = KAFKA_UNKNOWN_SERVER_ERROR;
    } else if (schema_has_i16(c->api->response, response, "error_code", KAFKA_NOT_CONTROLLER)) {
        code = KAFKA_NOT_CONTROLLER;
    } else {
        data = slice_from(buf_slice(&frame), 4);
    }
    writer_deinit(&w);
    reply(outer, code, data);
    buf_deinit(&frame);
    call_free(c);
}

static void inner_fail(struct call *c, const char *why)
{
    (void)why;
    reply(c->sink_owner, KAFKA_INVALID_REQUEST, slice_null());
    call_free(c);
}

/* Text of the client's address, for logs. In the arena. */
static const char *client_address(struct call *c, struct slice bytes)
{
    char text[INET6_ADDRSTRLEN + 1] = "";
    if (bytes.len == 4 || bytes.len == 16) {
        (void)inet_ntop(bytes.len == 4 ? AF_INET : AF_INET6, bytes.ptr, text, sizeof(text));
    }
    struct slice copy = arena_copy(&c->arena, slice_of(text, strlen(text) + 1));
    return copy.ptr ? (const char *)copy.ptr : "";
}

static bool may_be_forwarded(struct slice request)
{
    struct reader r = reader_of(request);
    const struct api_row *row = api_row(reader_i16(&r), LISTENER_CONTROLLER);
    return !r.err && row && api_row_is_forwarded(row);
}

void handle_envelope(struct call *c)
{
    static const struct call_sink sink = { .reply = inner_reply, .fail = inner_fail };
    const struct envelope_request *req = c->request;
    if (!controller_channel_is_local(c->broker)) {
        reply(c, KAFKA_NOT_CONTROLLER, slice_null());
    } else if (!may_be_forwarded(req->request_data)) {
        reply(c, KAFKA_INVALID_REQUEST, slice_null());
    } else {
        struct call *inner = call_new_inner(c->broker, &sink, c, req->request_data);
        inner->peer = client_address(c, req->client_host_address);
        api_dispatch(inner);
    }
}
