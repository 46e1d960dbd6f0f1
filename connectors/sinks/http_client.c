/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client.c - ties curl's multi handle to the loop: its sockets are watches, its timeout a
 * timer. Driven by the loop and by sinks/delivery.c, on the loop thread.
 *   (H1) done() comes from the loop, once per started call, never from http_call_start().
 *   (H2) a watch lives exactly as long as curl asks for its socket.
 */
#include "connectors/sinks/http_client.h"

#include "protocol/base/alloc.h"
#include "protocol/base/list.h"

#include <sys/epoll.h>

struct http_client {
    struct loop *loop;
    struct env env;
    struct http_client_config cfg;
    CURLM *multi;
    struct timer timer;
    struct list_node sockets;
    CURL **idle; /* easy handles to be used again */
    size_t idle_count, idle_cap;
    struct http_call **running;
    size_t running_count, running_cap;
};

struct http_socket {
    struct watch watch;
    struct list_node node;
    struct http_client *client;
};

static void finish_calls(struct http_client *c);

/* --- sockets and time ---------------------------------------------------------------------- */

static void socket_ready(void *owner, uint32_t events)
{
    struct http_socket *s = owner;
    struct http_client *c = s->client;
    int flags = ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
                ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
                ((events & (EPOLLERR | EPOLLHUP)) ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(c->multi, s->watch.fd, flags, &running); /* may free s */
    finish_calls(c);
}

static void drop_socket(struct http_socket *s)
{
    loop_watch_remove(s->client->loop, &s->watch);
    list_remove(&s->node);
    mem_free(s);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct http_client *c = user;
    struct http_socket *s = socket_user;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            drop_socket(s);
            curl_multi_assign(c->multi, fd, NULL);
        }
        return 0;
    }
    uint32_t events = (what != CURL_POLL_OUT ? (uint32_t)EPOLLIN : 0) |
                      (what != CURL_POLL_IN ? (uint32_t)EPOLLOUT : 0);
    if (s) {
        loop_watch_change(c->loop, &s->watch, events);
        return 0;
    }
    s = mem_zalloc(sizeof(*s));
    s->client = c;
    s->watch = (struct watch){ .fd = fd, .events = events, .ready = socket_ready, .owner = s };
    if (loop_watch_add(c->loop, &s->watch) != ERR_OK) {
        mem_free(s);
        return -1;
    }
    list_push_back(&c->sockets, &s->node);
    curl_multi_assign(c->multi, fd, s);
    return 0;
}

static void timer_fired(void *owner)
{
    struct http_client *c = owner;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_calls(c);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *user)
{
    struct http_client *c = user;
    if (timeout_ms < 0) {
        timer_cancel(c->env, &c->timer);
    } else {
        timer_arm_in(c->env, &c->timer, (uint64_t)timeout_ms * NS_PER_MS);
    }
    return 0;
}

/* --- calls --------------------------------------------------------------------------------- */

static size_t on_reply(char *bytes, size_t size, size_t count, void *user)
{
    struct http_call *call = user;
    size_t len = size * count;
    if (call->reply.len + len > call->client->cfg.reply_bytes_max) {
        return 0; /* curl ends the transfer: the outcome is unknown then */
    }
    buf_append(&call->reply, bytes, len);
    return len;
}

static CURL *take_easy(struct http_client *c)
{
    if (c->idle_count > 0) {
        CURL *easy = c->idle[--c->idle_count];
        curl_easy_reset(easy);
        return easy;
    }
    return curl_easy_init();
}

static void give_easy(struct http_client *c, CURL *easy)
{
    if (c->idle_count == c->idle_cap) {
        c->idle_cap = c->idle_cap ? c->idle_cap * 2 : 8;
        c->idle = mem_rearray(c->idle, c->idle_cap, sizeof(CURL *));
    }
    c->idle[c->idle_count++] = easy;
}

static void remove_running(struct http_client *c, const struct http_call *call)
{
    for (size_t i = 0; i < c->running_count; i++) {
        if (c->running[i] == call) {
            c->running[i] = c->running[--c->running_count];
            return;
        }
    }
}

static enum err result_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static void finish(struct http_client *c, struct http_call *call, CURLcode code)
{
    CURL *easy = call->easy;
    curl_off_t after = 0;
    call->result = result_of(code);
    call->status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &call->status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
    call->retry_after_s = after;
    if (call->result != ERR_OK && call->error_text[0] == '\0') {
        snprintf(call->error_text, sizeof(call->error_text), "%s", curl_easy_strerror(code));
    }
    curl_multi_remove_handle(c->multi, easy);
    call->easy = NULL;
    remove_running(c, call);
    give_easy(c, easy);
    call->done(call->owner);
}

static void finish_calls(struct http_client *c)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        struct http_call *call;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish(c, call, code);
    }
}

static void set_security(CURL *easy, const struct http_client_config *cfg)
{
    if (cfg->username) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, cfg->username);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, cfg->password ? cfg->password : "");
    }
    if (cfg->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, cfg->ca_file);
    }
    if (cfg->cert_file) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, cfg->cert_file);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, cfg->key_file ? cfg->key_file : cfg->cert_file);
    }
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, cfg->verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, cfg->verify ? 2L : 0L);
}

void http_call_start(struct http_client *c, struct http_call *call)
{
    CURL *easy = take_easy(c);
    call->client = c;
    call->easy = easy;
    call->error_text[0] = '\0';
    buf_reset(&call->reply);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)call->body.ptr);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error_text);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(c->cfg.timeout_ns / NS_PER_MS));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(c->cfg.connect_timeout_ns / NS_PER_MS));
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024L);
    set_security(easy, &c->cfg);
    if (c->running_count == c->running_cap) {
        c->running_cap = c->running_cap ? c->running_cap * 2 : 8;
        c->running = mem_rearray(c->running, c->running_cap, sizeof(struct http_call *));
    }
    c->running[c->running_count++] = call;
    curl_multi_add_handle(c->multi, easy); /* arms the timer: the work begins on the loop */
}

void http_call_deinit(struct http_call *call)
{
    buf_deinit(&call->reply);
}

struct http_client *http_client_new(struct loop *l, const struct http_client_config *cfg)
{
    struct http_client *c = mem_zalloc(sizeof(*c));
    c->loop = l;
    c->env = loop_env(l);
    c->cfg = *cfg;
    c->timer.fire = timer_fired;
    c->timer.owner = c;
    list_init(&c->sockets);
    c->multi = curl_multi_init();
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

void http_client_free(struct http_client *c)
{
    while (c->running_count > 0) {
        struct http_call *call = c->running[--c->running_count];
        curl_multi_remove_handle(c->multi, call->easy);
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
    for (size_t i = 0; i < c->idle_count; i++) {
        curl_easy_cleanup(c->idle[i]);
    }
    curl_multi_cleanup(c->multi);
    timer_cancel(c->env, &c->timer);
    list_for_each(node, &c->sockets) {
        drop_socket(list_entry(node, struct http_socket, node));
    }
    mem_free(c->idle);
    mem_free(c->running);
    mem_free(c);
}
