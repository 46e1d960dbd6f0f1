/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_broker_hostile.c - bytes that are no requests: the connection gets Kafka's error or is
 * closed, the node goes on, and its memory stays bounded.
 */
#include "protocol/base/rng.h"
#include "protocol/wire/kafka_error.h"
#include "tests/broker/node_world.h"

#include <check.h>
#include <stdlib.h>

static void assert_serves(struct world *w)
{
    struct wire_client c;
    struct api_versions_request req;
    wire_client_open(&c, &w->node);
    schema_init(&api_versions_request_schema, &req);
    req.client_software_name = slice_str("test");
    req.client_software_version = slice_str("1.0");
    const struct api_versions_response *resp = wire_client_call(&c, API_ApiVersions, 3, &req);
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_gt(resp->api_keys_n, 20);
    wire_client_close(&c);
}

START_TEST(frames_that_are_no_requests_close_the_connection)
{
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        BYTES("\x7f\xff\xff\xff"), /* 2 GB */
        BYTES("\x80\x00\x00\x00"), /* negative */
        BYTES("\xff\xff\xff\xff"),
        BYTES("\x00\x00\x00\x00"), /* nothing */
        BYTES("\x00\x00\x00\x07"
              "1234567"),          /* less than a header */
        BYTES("\x06\x40\x00\x01"), /* above 100 MiB */
        BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),             /* TLS */
        BYTES("\x00\x00\x00\x0a\x00\x63\x00\x00\x00\x00\x00\x01\xff\xff"), /* key 99 */
        BYTES("\x00\x00\x00\x0a\x00\x03\x00\x63\x00\x00\x00\x01\xff\xff"), /* Metadata 99 */
        BYTES("\x00\x00\x00\x0a\x00\x00\x00\x02\x00\x00\x00\x01\xff\xff"), /* Produce 2 */
        BYTES("\x00\x00\x00\x0a\x00\x03\x00\x01\x00\x00\x00\x01\x7f\xff"), /* client id too long
                                                                                */
        BYTES("\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x7f\xff\xff\xff"),
    };
    struct world w;
    world_init(&w, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_client c;
        wire_client_open(&c, &w.node);
        wire_client_send_bytes(&c, cases[i].bytes, cases[i].len);
        ck_assert_msg(wire_client_is_closed(&c, 5000), "case %zu is still open", i);
        wire_client_close(&c);
    }
    assert_serves(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(unknown_version_of_api_versions_gets_version_zero_with_the_range)
{
    static const uint8_t frame[] = { 0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0 };
    struct world w;
    world_init(&w, NULL);
    wire_client_send_bytes(&w.client, frame, sizeof(frame));
    w.client.correlation_id = 7;
    const struct api_versions_response *resp = wire_client_receive(&w.client, API_ApiVersions, 0);
    ck_assert_int_eq(resp->error_code, KAFKA_UNSUPPORTED_VERSION);
    ck_assert_int_eq(resp->api_keys_n, 1);
    ck_assert_int_eq(resp->api_keys[0].api_key, 18);
    world_deinit(&w);
}
END_TEST

START_TEST(announced_bytes_take_no_memory_until_they_come)
{
    static const struct node_setting settings[] = { { "queued.max.request.bytes", "2147483648" },
                                                    { NULL, NULL } };
    enum { CLIENTS = 30 };
    struct world w;
    struct wire_client clients[CLIENTS];
    static const uint8_t announce[] = { 0x06, 0x00, 0, 0, 0, 0, 0, 9 }; /* 96 MiB of Produce 9 */
    world_init(&w, settings);
    assert_serves(&w);
    size_t before = node_rss_bytes(&w.node);
    for (int i = 0; i < CLIENTS; i++) {
        wire_client_open(&clients[i], &w.node);
        wire_client_send_bytes(&clients[i], announce, sizeof(announce));
    }
    assert_serves(&w);
    ck_assert_uint_lt(node_rss_bytes(&w.node), before + (16u << 20));
    for (int i = 0; i < CLIENTS; i++) {
        wire_client_close(&clients[i]);
    }
    assert_serves(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(requests_wait_when_their_memory_is_used_up)
{
    static const struct node_setting settings[] = { { "queued.max.request.bytes", "1048576" },
                                                    { "socket.request.max.bytes", "1048576" },
                                                    { "message.max.bytes", "500000" },
                                                    { NULL, NULL } };
    enum { CLIENTS = 8, FRAME_BYTES = 600000 };
    struct world w;
    struct wire_client clients[CLIENTS];
    world_init(&w, settings);
    create_topic(&w.client, "t", 1);
    uint8_t *rest = calloc(1, FRAME_BYTES);
    static const uint8_t head[] = { 0, 0x09, 0x27, 0xc0, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff };
    for (int i = 0; i < CLIENTS; i++) { /* Metadata requests with much behind them */
        wire_client_open(&clients[i], &w.node);
        wire_client_send_bytes(&clients[i], head, sizeof(head));
    }
    for (int i = 0; i < CLIENTS; i++) {
        /* null topics, then bytes that the decoder leaves unread */
        memset(rest, 0xff, 4);
        wire_client_send_bytes(&clients[i], rest, FRAME_BYTES - (sizeof(head) - 4));
    }
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_msg(wire_client_has_input(&clients[i], 10000), "client %d starves", i);
        wire_client_close(&clients[i]);
    }
    free(rest);
    assert_serves(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(slow_frames_and_silent_clients_are_closed)
{
    static const struct node_setting settings[] = { { "connection.frame.timeout.ms", "200ms" },
                                                    { "connections.max.idle.ms", "1s" },
                                                    { NULL, NULL } };
    struct world w;
    struct wire_client slow, slower, silent;
    world_init(&w, settings);
    wire_client_open(&slow, &w.node);
    wire_client_open(&slower, &w.node);
    wire_client_open(&silent, &w.node);
    wire_client_send_bytes(&slow, "\x00\x00", 2);
    wire_client_send_bytes(&slower, "\x00\x00\x40\x00\x00\x03\x00\x01", 8);
    ck_assert(wire_client_is_closed(&slow, 900));
    ck_assert(wire_client_is_closed(&slower, 900));
    ck_assert(wire_client_is_closed(&silent, 3000));
    wire_client_close(&slow);
    wire_client_close(&slower);
    wire_client_close(&silent);
    assert_serves(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(client_that_leaves_a_waiting_fetch_behind_costs_nothing)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct plain_fetch f;
    plain_fetch_init(&f, "t", 3600000);
    for (int i = 0; i < 200; i++) {
        struct wire_client c;
        wire_client_open(&c, &w.node);
        wire_client_send(&c, API_Fetch, 11, &f.req);
        if (i % 2) {
            ck_assert(!wire_client_has_input(&c, 1));
        }
        wire_client_close(&c);
    }
    struct batch_builder b = { 0 };
    struct batch_seal seal = plain_seal();
    ck_assert_int_eq(produce(&w.client, "t", -1, make_batch(&b, "x", 1, &seal), NULL), 0);
    batch_builder_deinit(&b);
    world_deinit(&w);
}
END_TEST

/* A valid frame of a random API and version with its default fields. */
static void append_random_frame(struct rng *r, struct buf *out)
{
    const struct api *api;
    do {
        api = api_find((int16_t)rng_below(r, API_KEY_END));
    } while (!api);
    int16_t version =
        (int16_t)(api->request->min +
                  (int16_t)rng_below(r, (uint64_t)(api->request->max - api->request->min) + 1));
    struct arena arena;
    arena_init(&arena, 1 << 20);
    void *req = schema_new(api->request, &arena, 1);
    struct request_header header = { .request_api_key = api->key,
                                     .request_api_version = version,
                                     .correlation_id = 1,
                                     .client_id = slice_str("fuzz") };
    struct writer w;
    writer_init(&w, out);
    ck_assert_int_eq(api_frame_request(&w, &header, req), ERR_OK);
    writer_deinit(&w);
    arena_deinit(&arena);
}

START_TEST(damaged_and_random_frames_never_stop_the_node)
{
    static const struct node_setting settings[] = { { "connection.frame.timeout.ms", "100ms" },
                                                    { NULL, NULL } };
    struct world w;
    struct rng r;
    world_init(&w, settings);
    rng_seed(&r, 20261122);
    create_topic(&w.client, "t", 2);
    assert_serves(&w);
    size_t before = node_rss_bytes(&w.node);
    for (int round = 0; round < 1500; round++) {
        struct wire_client c;
        struct buf bytes = { 0 };
        wire_client_open(&c, &w.node);
        for (uint64_t n = 1 + rng_below(&r, 4); n > 0; n--) {
            append_random_frame(&r, &bytes);
        }
        for (uint64_t n = rng_below(&r, 4); n > 0; n--) {
            bytes.ptr[rng_below(&r, bytes.len)] = (uint8_t)rng_next(&r);
        }
        size_t len = rng_below(&r, 4) ? bytes.len : rng_below(&r, bytes.len + 1);
        /* In two parts, cut anywhere: the state machine sees every split. */
        size_t cut = rng_below(&r, len + 1);
        wire_client_send_bytes(&c, bytes.ptr, cut);
        if (rng_below(&r, 8) == 0) {
            (void)wire_client_has_input(&c, 1);
        }
        wire_client_send_bytes(&c, bytes.ptr + cut, len - cut);
        if (rng_below(&r, 4) == 0) {
            (void)wire_client_has_input(&c, 2);
        }
        wire_client_close(&c);
        buf_deinit(&bytes);
    }
    assert_serves(&w);
    ck_assert_uint_lt(node_rss_bytes(&w.node), before + (64u << 20));
    world_deinit(&w);
}
END_TEST

Suite *broker_hostile_suite(void);

Suite *broker_hostile_suite(void)
{
    Suite *s = suite_create("broker hostile");
    TCase *tc = tcase_create("hostile");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, frames_that_are_no_requests_close_the_connection);
    tcase_add_test(tc, unknown_version_of_api_versions_gets_version_zero_with_the_range);
    tcase_add_test(tc, announced_bytes_take_no_memory_until_they_come);
    tcase_add_test(tc, requests_wait_when_their_memory_is_used_up);
    tcase_add_test(tc, slow_frames_and_silent_clients_are_closed);
    tcase_add_test(tc, client_that_leaves_a_waiting_fetch_behind_costs_nothing);
    tcase_add_test(tc, damaged_and_random_frames_never_stop_the_node);
    suite_add_tcase(s, tc);
    return s;
}
