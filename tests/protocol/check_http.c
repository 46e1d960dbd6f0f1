/* SPDX-License-Identifier: Apache-2.0 */
/* check_http.c - protocol/net/http.h asked by libcurl over real sockets, both on one loop. */
#include "protocol/base/alloc.h"
#include "protocol/daemon/json.h"
#include "protocol/net/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *http_suite(void);

static struct loop *loop;
static struct http_server *server;
static struct buf answer;

static void on_echo(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const char *q = http_query(req, "q");
    reply->content_type = "text/plain";
    buf_printf(&reply->body, "%s %s q=%s body=", req->method, req->path, q ? q : "-");
    buf_append_slice(&reply->body, req->body);
}

static void on_delete(void *owner, const struct http_request *req, struct http_reply *reply)
{
    ++*(int *)owner;
    reply->status = 204;
}

static int deleted;
static const struct http_route routes[] = {
    { "GET", "/echo", on_echo },          { "POST", "/echo", on_echo },
    { "PUT", "/echo", on_echo },          { "PATCH", "/echo", on_echo },
    { "DELETE", "/things/*", on_delete },
};

static void setup(void)
{
    struct error err = { 0 };
    deleted = 0;
    ck_assert_msg(loop_new(0, &loop, &err) == ERR_OK, "%s", err.text);
    ck_assert_msg(http_server_new(loop, "127.0.0.1", 0, routes, 5, &deleted, &server, &err) ==
                      ERR_OK,
                  "%s", err.text);
}

static void teardown(void)
{
    http_server_free(server);
    loop_free(loop);
    buf_deinit(&answer);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *user)
{
    buf_append(&answer, bytes, size * count);
    return size * count;
}

/* One request while the loop turns; returns the status, 0 when the connection broke. */
static long ask(const char *method, const char *path, struct slice body, bool chunked)
{
    char url[256];
    long status = 0;
    int running = 1;
    buf_reset(&answer);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(server), path);
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (chunked) {
        headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    if (!slice_is_null(body)) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
    }
    curl_multi_add_handle(multi, easy);
    while (running) {
        ck_assert_int_eq(curl_multi_perform(multi, &running), CURLM_OK);
        loop_turn(loop, NS_PER_MS);
    }
    int left;
    const CURLMsg *msg = curl_multi_info_read(multi, &left);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (msg->data.result != CURLE_OK && status != 413) {
        status = 0;
    }
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    return status;
}

START_TEST(methods_paths_queries_and_bodies_arrive)
{
    ck_assert_int_eq(ask("GET", "/echo?q=a%20b&x=1", slice_null(), false), 200);
    ck_assert_str_eq(buf_cstr(&answer), "GET /echo q=a b body=");
    static const char *const methods[] = { "POST", "PUT", "PATCH" };
    for (size_t i = 0; i < 3; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "%s /echo q=- body={\"a\":1}", methods[i]);
        ck_assert_int_eq(ask(methods[i], "/echo", slice_str("{\"a\":1}"), false), 200);
        ck_assert_str_eq(buf_cstr(&answer), expected);
        ck_assert_int_eq(ask(methods[i], "/echo", slice_str("{\"a\":1}"), true), 200);
        ck_assert_str_eq(buf_cstr(&answer), expected);
    }
    ck_assert_int_eq(ask("HEAD", "/echo", slice_null(), false), 200);
    ck_assert_uint_eq(answer.len, 0);
    ck_assert_int_eq(ask("DELETE", "/things/a/b", slice_null(), false), 204);
    ck_assert_int_eq(deleted, 1);
}
END_TEST

static void expect_error(int code, const char *message)
{
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct json_value *v = NULL;
    ck_assert_int_eq(json_parse(buf_slice(&answer), &arena, &v, NULL), ERR_OK);
    ck_assert_int_eq(json_get(v, slice_str("error_code"))->integer, code);
    ck_assert(slice_eq_str(json_get(v, slice_str("message"))->text, message));
    arena_deinit(&arena);
}

START_TEST(unknown_paths_and_methods_are_told_as_connect_does)
{
    ck_assert_int_eq(ask("GET", "/nothing%22%0a", slice_null(), false), 404);
    expect_error(404, "there is nothing at this path: /nothing\"\n");
    ck_assert_int_eq(ask("DELETE", "/echo", slice_null(), false), 405);
    expect_error(405, "this path does not take that method; it takes: GET, POST, PUT, PATCH");
    ck_assert_int_eq(ask("GET", "/thingsx", slice_null(), false), 404);
    ck_assert_int_eq(ask("GET", "/things/", slice_null(), false), 405);
}
END_TEST

START_TEST(bodies_are_bounded)
{
    size_t len = HTTP_BODY_BYTES_MAX + 1;
    uint8_t *bytes = mem_zalloc(len);
    ck_assert_int_eq(ask("POST", "/echo", slice_of(bytes, len - 1), false), 200);
    ck_assert_uint_eq(answer.len, strlen("POST /echo q=- body=") + len - 1);
    ck_assert_int_eq(ask("POST", "/echo", slice_of(bytes, len), false), 413);
    ck_assert_int_eq(ask("POST", "/echo", slice_of(bytes, len), true), 0);
    ck_assert_int_eq(ask("GET", "/echo", slice_null(), false), 200); /* it goes on */
    mem_free(bytes);
}
END_TEST

static int connect_raw(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(http_server_port(server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

START_TEST(connections_are_bounded_and_garbage_is_survived)
{
    int fds[HTTP_CONNECTIONS_MAX + 8];
    static const char *const garbage[] = { "\0\0\0",
                                           "GET",
                                           "GET / HTTP/9.9\r\n\r\n",
                                           "\r\n\r\n\r\n",
                                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1"
                                           "\r\n\r\n",
                                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                           "99999999999999999999\r\n\r\n" };
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX + 8; i++) {
        const char *text = garbage[i % 6];
        fds[i] = connect_raw();
        (void)!write(fds[i], text, text[0] ? strlen(text) : 3);
        loop_turn(loop, 0);
    }
    for (int i = 0; i < 100; i++) {
        loop_turn(loop, NS_PER_MS / 10);
    }
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX + 8; i++) {
        close(fds[i]);
    }
    ck_assert_int_eq(ask("GET", "/echo", slice_null(), false), 200);
}
END_TEST

START_TEST(port_in_use_is_told_with_a_remedy)
{
    struct http_server *second = NULL;
    struct error err = { 0 };
    char expected[256];
    uint16_t port = http_server_port(server);
    (void)snprintf(expected, sizeof(expected),
                   "listen for HTTP on 127.0.0.1:%u: another program has "
                   "the port; set http.port to a free one, or http.enabled to false",
                   port);
    ck_assert_int_ne(http_server_new(loop, "127.0.0.1", port, routes, 5, NULL, &second, &err),
                     ERR_OK);
    ck_assert_str_eq(err.text, expected);
    ck_assert_int_ne(http_server_new(loop, "no.such.host.invalid", 0, routes, 5, NULL, &second,
                                     &err),
                     ERR_OK);
    ck_assert_ptr_nonnull(strstr(err.text, "set http.host to an address of this machine"));
    ck_assert_ptr_null(second);
}
END_TEST

START_TEST(idle_server_lets_the_loop_sleep)
{
    int turns = 0;
    ck_assert_int_eq(ask("GET", "/echo", slice_null(), false), 200);
    struct env env = loop_env(loop);
    loop_turn(loop, 0);
    for (uint64_t until = env_mono_ns(env) + 50 * NS_PER_MS; env_mono_ns(env) < until; turns++) {
        loop_turn(loop, 50 * NS_PER_MS);
    }
    ck_assert_int_le(turns, 5);
}
END_TEST

Suite *http_suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, methods_paths_queries_and_bodies_arrive);
    tcase_add_test(t, unknown_paths_and_methods_are_told_as_connect_does);
    tcase_add_test(t, bodies_are_bounded);
    tcase_add_test(t, connections_are_bounded_and_garbage_is_survived);
    tcase_add_test(t, port_in_use_is_told_with_a_remedy);
    tcase_add_test(t, idle_server_lets_the_loop_sleep);
    suite_add_tcase(s, t);
    return s;
}
