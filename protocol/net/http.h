/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - the small HTTP server of every daemon (libmicrohttpd, driven by the loop).
 * Routes are a table; handlers run on the loop and answer at once from memory.
 */
#ifndef LOGBOOM_NET_HTTP_H
#define LOGBOOM_NET_HTTP_H

#include "protocol/base/buf.h"
#include "protocol/net/loop.h"

struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* decoded, without the query */
    struct slice body;  /* bounded by HTTP_BODY_BYTES_MAX */
    void *handle;       /* for http_query() */
};

struct http_reply {
    int status;               /* 200 unless changed */
    const char *content_type; /* "application/json" unless changed */
    struct buf body;
};

struct http_route {
    const char *method;
    const char *path; /* exact, or ending in a slash and a star for everything below */
    void (*handle)(void *owner, const struct http_request *req, struct http_reply *reply);
};

enum { HTTP_BODY_BYTES_MAX = 4 << 20, HTTP_CONNECTIONS_MAX = 64 };

struct http_server;
/* Routes stay the caller's. Unknown paths get 404, a known path with another method 405. Port 0
 * takes a free one. */
enum err http_server_new(struct loop *l, const char *host, uint16_t port,
                         const struct http_route *routes, size_t route_count, void *owner,
                         struct http_server **ret_server, struct error *err);
void http_server_free(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
/* A query parameter; NULL when absent. */
const char *http_query(const struct http_request *req, const char *name);

#endif
