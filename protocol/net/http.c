/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - libmicrohttpd without threads: its epoll descriptor is a watch of the loop, its
 * time-outs a timer. Driven by the loop; handlers run inside MHD_run(). (H1) After every MHD_run()
 * the timer stands where MHD_get_timeout() says. (H2) Bodies of all requests together take at most
 * HTTP_BODIES_BYTES_MAX; a request that would pass HTTP_BODY_BYTES_MAX is answered 413 when it says
 * so first, and cut off when it does not. (H3) Every reply that is no success is JSON in Kafka
 * Connect's form.
 */
#include "protocol/net/http.h"

#include "protocol/base/alloc.h"
#include "protocol/base/units.h"
#include "protocol/daemon/json.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HTTP_BODIES_BYTES_MAX = 4 * HTTP_BODY_BYTES_MAX,
    HTTP_CONNECTION_MEMORY_BYTES = 16 * 1024, /* request line and headers */
    HTTP_IDLE_TIMEOUT_S = 30,
};

struct http_server {
    struct loop *loop;
    struct MHD_Daemon *mhd;
    struct watch watch;
    struct timer timer;
    const struct http_route *routes;
    size_t route_count;
    void *owner;
    uint16_t port;
    size_t bodies_bytes;
};

/* One request while its body arrives; libmicrohttpd carries the pointer. */
struct exchange {
    struct http_server *server;
    struct buf body;
};

/* --- replies ---------------------------------------------------------------------------------- */

static void set_error(struct http_reply *reply, int status, const char *what, const char *path)
{
    struct buf message = { 0 };
    struct json_writer w;
    buf_printf(&message, "%s%s%s", what, *path ? ": " : "", path);
    buf_reset(&reply->body);
    reply->status = status;
    reply->content_type = "application/json";
    json_init(&w, &reply->body);
    json_begin_object(&w);
    json_key(&w, "error_code");
    json_int(&w, status);
    json_key(&w, "message");
    json_string(&w, buf_slice(&message));
    json_end_object(&w);
    buf_deinit(&message);
}

static bool route_matches(const struct http_route *r, const char *path)
{
    size_t len = strlen(r->path);
    if (len >= 2 && strcmp(r->path + len - 2, "/*") == 0) {
        return strncmp(r->path, path, len - 1) == 0;
    }
    return strcmp(r->path, path) == 0;
}

/* HEAD is GET whose body libmicrohttpd keeps back. */
static bool method_matches(const struct http_route *r, const char *method)
{
    return strcmp(r->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

/* Fills the reply; the methods of a known path go to ret_allow for the reply 405. */
static void dispatch(const struct http_server *s, const struct http_request *req,
                     struct http_reply *reply, struct buf *ret_allow)
{
    for (size_t i = 0; i < s->route_count; i++) {
        const struct http_route *r = &s->routes[i];
        if (!route_matches(r, req->path)) {
            continue;
        }
        if (method_matches(r, req->method)) {
            buf_reset(ret_allow);
            r->handle(s->owner, req, reply);
            return;
        }
        buf_printf(ret_allow, "%s%s", ret_allow->len ? ", " : "", r->method);
    }
    if (ret_allow->len) {
        set_error(reply, 405, "this path does not take that method; it takes", buf_cstr(ret_allow));
    } else {
        set_error(reply, 404, "there is nothing at this path", req->path);
    }
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply,
                                  struct buf *allow)
{
    size_t len = reply->body.len;
    (void)buf_reserve(&reply->body, 1); /* an empty reply has memory too */
    uint8_t *bytes = buf_take(&reply->body);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(len, bytes, mem_free);
    if (!response) {
        mem_free(bytes);
        return MHD_NO;
    }
    if (len) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    }
    if (allow->len) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, buf_cstr(allow));
    }
    enum MHD_Result r = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return r;
}

/* --- requests --------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct exchange *x, struct MHD_Connection *connection,
                              const char *method, const char *path)
{
    struct http_request req = { method, path, buf_slice(&x->body), connection };
    struct http_reply reply = { .status = 200, .content_type = "application/json" };
    struct buf allow = { 0 };
    dispatch(x->server, &req, &reply, &allow);
    enum MHD_Result r = send_reply(connection, &reply, &allow);
    buf_deinit(&allow);
    buf_deinit(&reply.body);
    return r;
}

static enum MHD_Result refuse_body(struct MHD_Connection *connection)
{
    struct http_reply reply = { 0 };
    struct buf none = { 0 };
    set_error(&reply, 413, "the body is larger than the server takes", "");
    enum MHD_Result r = send_reply(connection, &reply, &none);
    buf_deinit(&reply.body);
    return r;
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t bytes;
    return text && (units_int(slice_str(text), &bytes) || bytes > HTTP_BODY_BYTES_MAX);
}

/* libmicrohttpd calls this once when the head is there, once for each part of the body, and once at
 * the end. */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *part,
                                  size_t *part_bytes, void **request)
{
    struct http_server *s = owner;
    struct exchange *x = *request;
    if (!x) {
        x = mem_zalloc(sizeof(*x));
        x->server = s;
        *request = x;
        return announces_too_much(connection) ? refuse_body(connection) : MHD_YES;
    }
    if (*part_bytes) {
        if (*part_bytes > HTTP_BODY_BYTES_MAX - x->body.len ||
            *part_bytes > HTTP_BODIES_BYTES_MAX - s->bodies_bytes) {
            return MHD_NO;
        }
        buf_append(&x->body, part, *part_bytes);
        s->bodies_bytes += *part_bytes;
        *part_bytes = 0;
        return MHD_YES;
    }
    return answer(x, connection, method, path);
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *request;
    if (x) {
        x->server->bodies_bytes -= x->body.len;
        buf_deinit(&x->body);
        mem_free(x);
        *request = NULL;
    }
}

const char *http_query(const struct http_request *req, const char *name)
{
    return MHD_lookup_connection_value(req->handle, MHD_GET_ARGUMENT_KIND, name);
}

/* --- the server ------------------------------------------------------------------------------- */

static void run(struct http_server *s)
{
    struct env env = loop_env(s->loop);
    MHD_UNSIGNED_LONG_LONG ms;
    (void)MHD_run(s->mhd);
    if (MHD_get_timeout(s->mhd, &ms) == MHD_YES) {
        timer_arm_in(env, &s->timer, ms * NS_PER_MS);
    } else {
        timer_cancel(env, &s->timer);
    }
}

static void on_ready(void *owner, uint32_t events)
{
    run(owner);
}

static void on_timer(void *owner)
{
    run(owner);
}

static int listen_on(const struct addrinfo *a)
{
    const int one = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, HTTP_CONNECTIONS_MAX) == 0) {
        return fd;
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = why;
    return -1;
}

static enum err open_listener(const char *host, uint16_t port, int *ret_fd, struct error *err)
{
    char service[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    (void)snprintf(service, sizeof(service), "%u", port);
    int rc = getaddrinfo(host, service, &hints, &found);
    if (rc) {
        return err_set(err, ERR_INVALID,
                       "listen for HTTP on %s: %s; set http.host to an address of "
                       "this machine",
                       host, gai_strerror(rc));
    }
    int fd = listen_on(found);
    int why = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        enum err e = err_errno(err, why, "listen for HTTP on %s:%u", host, port);
        if (err && why == EADDRINUSE) {
            return err_set(err, e,
                           "listen for HTTP on %s:%u: another program has the port; set "
                           "http.port to a free one, or http.enabled to false",
                           host, port);
        }
        return e;
    }
    *ret_fd = fd;
    return ERR_OK;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage at = { 0 };
    socklen_t len = sizeof(at);
    char text[8] = "0";
    (void)getsockname(fd, (struct sockaddr *)&at, &len);
    (void)getnameinfo((struct sockaddr *)&at, len, NULL, 0, text, sizeof(text), NI_NUMERICSERV);
    int64_t port = 0;
    (void)units_int(slice_str(text), &port);
    return (uint16_t)port;
}

enum err http_server_new(struct loop *l, const char *host, uint16_t port,
                         const struct http_route *routes, size_t route_count, void *owner,
                         struct http_server **ret_server, struct error *err)
{
    int fd = -1;
    enum err e = open_listener(host, port, &fd, err);
    if (e) {
        return e;
    }
    struct http_server *s = mem_zalloc(sizeof(*s));
    *s = (struct http_server){ .loop = l,
                               .routes = routes,
                               .route_count = route_count,
                               .owner = owner,
                               .port = bound_port(fd) };
    s->mhd =
        MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY_BYTES,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_TIMEOUT_S,
                         MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        s->mhd ? MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        close(fd);
        mem_free(s);
        return err_set(err, ERR_IO, "start the HTTP server (libmicrohttpd)");
    }
    s->timer = (struct timer){ .fire = on_timer, .owner = s };
    s->watch = (struct watch){ info->epoll_fd, EPOLLIN, on_ready, s };
    e = loop_watch_add(l, &s->watch);
    if (e) {
        MHD_stop_daemon(s->mhd);
        mem_free(s);
        return err_set(err, e, "watch the HTTP server: %s", err_text(e));
    }
    *ret_server = s;
    return ERR_OK;
}

void http_server_free(struct http_server *s)
{
    if (s) {
        timer_cancel(loop_env(s->loop), &s->timer);
        loop_watch_remove(s->loop, &s->watch);
        MHD_stop_daemon(s->mhd);
        mem_free(s);
    }
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}
