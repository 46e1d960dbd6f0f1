/* SPDX-License-Identifier: Apache-2.0 */
/* check_calls.c - requests whose structs have taken all the memory that a request may have. */
#include "broker/api/table.h"
#include "tests/broker/quorum_bench.h"

struct ended {
    int replies, failures;
};

static void on_reply(struct call *c, int16_t version, const void *response)
{
    (void)version;
    (void)response;
    ((struct ended *)c->sink_owner)->replies++;
    call_free(c);
}

static void on_fail(struct call *c, const char *why)
{
    (void)why;
    ((struct ended *)c->sink_owner)->failures++;
    call_free(c);
}

/* A request of defaults in an arena that has only so much beside it. */
static void ask(struct bench *w, const struct api *api, size_t memory, struct ended *ended)
{
    static const struct call_sink sink = { .reply = on_reply, .fail = on_fail };
    const struct api_row *row = api_row(api->key, LISTENER_CONTROLLER);
    struct call *c = call_new_inner(w->broker, &sink, ended, slice_of("", 0));
    c->api = api;
    c->version = api->request->max;
    arena_init(&c->arena, api->request->size + 64 + memory);
    c->request = schema_new(api->request, &c->arena, 1);
    ck_assert_ptr_nonnull(c->request);
    row->handle(c);
    fake_env_run(&w->env, w->env.now_ns + 10 * NS_PER_MS);
}

START_TEST(every_call_ends_however_little_memory_is_left)
{
    struct bench w;
    bench_init(&w);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    int apis = 0;
    for (int16_t key = 0; key < API_KEY_END; key++) {
        const struct api_row *row = api_row(key, LISTENER_CONTROLLER);
        if (!row || !api_row_is_forwarded(row)) {
            continue;
        }
        const struct api *api = api_find(key);
        bool replied = false;
        for (size_t memory = 0; memory < 4096; memory += 16) {
            struct ended ended = { 0 };
            ask(&w, api, memory, &ended);
            ck_assert_msg(ended.replies + ended.failures == 1,
                          "%s with %zu bytes: %d replies, %d failures", api->name, memory,
                          ended.replies, ended.failures);
            replied |= ended.replies > 0;
        }
        ck_assert_msg(replied, "%s was never answered", api->name);
        apis++;
    }
    ck_assert_int_gt(apis, 10);
    bench_deinit(&w);
}
END_TEST

/* Frames of one length, all there at once, every byte written. */
static void many_frames(struct bench *w, size_t frame_len, unsigned count)
{
    static const struct call_sink sink = { .reply = on_reply, .fail = on_fail };
    struct call *calls[100];
    for (unsigned i = 0; i < count; i++) {
        calls[i] = call_new(w->broker, &sink, NULL, frame_len);
        memset(calls[i]->frame, (int)i, calls[i]->frame_cap);
    }
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(calls[i]->frame[calls[i]->frame_cap - 1], i);
        call_free(calls[i]);
    }
}

START_TEST(memory_of_frames_is_used_again_and_bounded_and_given_back)
{
    struct bench w;
    bench_init(&w);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    struct connections *cs = &w.broker->connections;
    size_t before = cs->request_bytes;
    for (int round = 0; round < 2; round++) {
        many_frames(&w, 131 * 1024, 100);
        many_frames(&w, 1024 * 1024, 20);
        many_frames(&w, 8u << 20, 2); /* their first bytes are a shelf's */
        many_frames(&w, 1024, 100);
        size_t kept = 0;
        for (size_t i = 0; i < FRAME_SHELVES; i++) {
            ck_assert_uint_eq(cs->shelves[i].count, cs->shelves[i].room);
            kept += cs->shelves[i].count * cs->shelves[i].frame_bytes;
        }
        ck_assert_uint_le(kept, 24u << 20);
        ck_assert_uint_eq(cs->request_bytes, before);
    }
    connections_trim(cs);
    for (size_t i = 0; i < FRAME_SHELVES; i++) {
        ck_assert_uint_eq(cs->shelves[i].count, 0);
    }
    bench_deinit(&w);
}
END_TEST

Suite *calls_suite(void)
{
    Suite *s = suite_create("calls");
    TCase *tc = tcase_create("memory");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_call_ends_however_little_memory_is_left);
    tcase_add_test(tc, memory_of_frames_is_used_again_and_bounded_and_given_back);
    suite_add_tcase(s, tc);
    return s;
}
