/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_delivery.c - the sinks against a real HTTP server on loopback that answers by a script:
 * what is sent again, halved, searched for a culprit, parked, paused, given up as dead. And the
 * file sink against real files.
 */
#include "connectors/flow/graph.h"
#include "connectors/flow/partition.h"
#include "connectors/sinks/sink.h"
#include "protocol/base/alloc.h"
#include "protocol/net/http.h"
#include "tests/connectors/sample_event.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, TURNS_MAX = 4000 };

struct world;
typedef void answer_fn(struct world *w, struct slice body, struct http_reply *reply);

struct world {
    struct loop *loop;
    struct http_server *server;
    struct arena arena;
    struct graph graph;
    struct node *node;
    struct sink *sink;
    struct partition *partition;
    answer_fn *answer;
    unsigned requests;
    unsigned done[EVENTS_MAX], dead[EVENTS_MAX];
    unsigned answered, room;
    struct failure last_failure;
    struct buf last_body;
};

static void on_request(void *owner, const struct http_request *req, struct http_reply *reply)
{
    struct world *w = owner;
    w->requests++;
    buf_reset(&w->last_body);
    buf_append_slice(&w->last_body, req->body);
    w->answer(w, req->body, reply);
}

static void on_done(void *user, struct ack ack)
{
    struct world *w = user;
    w->done[ack.seq]++;
    w->answered++;
}

static void on_dead(void *user, struct node *n, struct ack ack, const struct failure *f)
{
    struct world *w = user;
    w->dead[ack.seq]++;
    w->answered++;
    w->last_failure = *f;
}

static void on_room(void *user)
{
    struct world *w = user;
    w->room++;
}

/* The sink's settings; %u becomes the server's port. */
static void world_init(struct world *w, const char *settings, answer_fn *answer)
{
    static const struct http_route routes[] = { { "POST", "/*", on_request } };
    static const struct sink_events events = { .done = on_done, .dead = on_dead, .room = on_room };
    char text[1024], sink[512];
    struct yaml_node *root;
    struct error err = { .text = "" };
    *w = (struct world){ .answer = answer };
    arena_init(&w->arena, 1 << 22);
    ck_assert_int_eq(loop_new(1, &w->loop, &err), ERR_OK);
    ck_assert_int_eq(http_server_new(w->loop, "127.0.0.1", 0, routes, 1, w, &w->server, &err),
                     ERR_OK);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sink, sizeof(sink), settings, http_server_port(w->server));
#pragma GCC diagnostic pop
    snprintf(text, sizeof(text),
             "f: {nodes: {in: {type: kafka, group_id: g, topics: t}, x: {from: in, %s}}}\n", sink);
    ck_assert_msg(yaml_parse(slice_str(text), "t", &w->arena, &root, &err) == ERR_OK, "%s",
                  err.text);
    ck_assert_msg(graph_init(&w->graph, root->child, &w->arena, NULL, NULL, &err) == ERR_OK, "%s",
                  err.text);
    w->node = &w->graph.nodes[1];
    w->partition = partition_new(slice_str("t"), 0);
    const struct sink_env world = {
        .loop = w->loop,
        .env = loop_env(w->loop),
        .defaults = { .queue_events = 1000,
                      .queue_bytes = 1 << 20,
                      .retry = { NS_PER_MS, NS_PER_MS } },
        .events = &events,
        .user = w,
    };
    ck_assert_int_eq(w->node->type->sink->open(w->node, &world, &w->sink, &err), ERR_OK);
}

static void world_deinit(struct world *w)
{
    w->node->type->sink->close(w->sink);
    http_server_free(w->server);
    loop_free(w->loop);
    partition_free(w->partition);
    graph_deinit(&w->graph);
    arena_deinit(&w->arena);
    buf_deinit(&w->last_body);
}

static void put(struct world *w, const char *value)
{
    struct sample s;
    struct ack ack = { .partition = w->partition };
    sample_init(&s, value);
    s.record.offset = (int64_t)w->partition->tracker.tail;
    ack.seq = commit_begin(&w->partition->tracker, s.record.offset, 1);
    w->node->type->sink->put(w->sink, &s.ev, ack);
    sample_deinit(&s);
}

/* Until so many events are answered; the test fails when they never are. */
static void run_until(struct world *w, unsigned answered)
{
    w->node->type->sink->flush(w->sink);
    for (unsigned i = 0; w->answered < answered && i < TURNS_MAX; i++) {
        loop_turn(w->loop, NS_PER_MS);
    }
    ck_assert_uint_eq(w->answered, answered);
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        ck_assert_uint_le(w->done[i] + w->dead[i], 1);
    }
}

static bool has(struct slice body, const char *text)
{
    return memmem(body.ptr, body.len, text, strlen(text)) != NULL;
}

static unsigned lines(struct slice body)
{
    unsigned n = 0;
    for (size_t i = 0; i < body.len; i++) {
        n += body.ptr[i] == '\n';
    }
    return n;
}

/* An answer with one status for each document, as status(i) says by its line. */
static void answer_items(struct slice body, struct http_reply *reply,
                         unsigned (*status)(struct slice action))
{
    struct buf items = { 0 };
    bool errors = false, action = true;
    while (body.len > 0) {
        const uint8_t *end = memchr(body.ptr, '\n', body.len);
        struct slice line = slice_head(body, (size_t)(end - body.ptr));
        if (action) {
            unsigned s = status(line);
            errors = errors || s > 299;
            buf_printf(&items, "%s{\"create\":{\"status\":%u", items.len ? "," : "", s);
            buf_append_str(&items,
                           s > 299 ? ",\"error\":{\"type\":\"t\",\"reason\":\"r\"}}}" : "}}");
        }
        action = !action;
        body = slice_from(body, line.len + 1);
    }
    buf_printf(&reply->body, "{\"errors\":%s,\"items\":[%s]}", errors ? "true" : "false",
               buf_cstr(&items));
    buf_deinit(&items);
}

static unsigned all_created(struct slice action)
{
    return 201;
}

#define ES                                                                                         \
    "type: elasticsearch, hosts: 'http://127.0.0.1:%u/', index: i, compression_level: 0, "         \
    "probe_interval: 20ms"

static unsigned second_is_rejected(struct slice action)
{
    return has(action, "\"id-b\"") ? 429 : 201;
}

static void reject_once(struct world *w, struct slice body, struct http_reply *reply)
{
    answer_items(body, reply, w->requests == 1 ? second_is_rejected : all_created);
}

START_TEST(only_failed_items_are_sent_again)
{
    struct world w;
    world_init(&w, ES, reject_once);
    put(&w, "{\"event\":{\"id\":\"id-a\"}}");
    put(&w, "{\"event\":{\"id\":\"id-b\"}}");
    put(&w, "{\"event\":{\"id\":\"id-c\"}}");
    run_until(&w, 3);
    ck_assert_uint_eq(w.requests, 2);
    ck_assert_str_eq(
        buf_cstr(&w.last_body),
        "{\"create\":{\"_index\":\"i\",\"_id\":\"id-b\"}}\n{\"event\":{\"id\":\"id-b\"}}\n");
    ck_assert_uint_eq(w.sink->counters.retried, 1);
    world_deinit(&w);
}
END_TEST

static unsigned all_rejected(struct slice action)
{
    return 429;
}

static void reject_first_requests(struct world *w, struct slice body, struct http_reply *reply)
{
    answer_items(body, reply, w->requests <= 3 ? all_rejected : all_created);
}

/* Three full requests, all rejected item by item: full requests again, not a request an item. */
START_TEST(rejected_items_fill_requests_again)
{
    enum { EVENTS = 60 };
    struct world w;
    world_init(&w, ES ", bulk_max_bytes: 1400", reject_first_requests);
    for (unsigned i = 0; i < EVENTS; i++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"event\":{\"id\":\"%04u\"}}", i);
        put(&w, text);
    }
    run_until(&w, EVENTS);
    ck_assert_uint_ge(w.requests, 6);
    ck_assert_uint_le(w.requests, 9);
    world_deinit(&w);
}
END_TEST

START_TEST(an_event_without_the_id_gets_its_place_in_the_topic)
{
    struct world w;
    world_init(&w, ES, reject_once);
    put(&w, "{}");
    run_until(&w, 1);
    ck_assert_str_eq(buf_cstr(&w.last_body),
                     "{\"create\":{\"_index\":\"i\",\"_id\":\"t+3+0\"}}\n{}\n");
    world_deinit(&w);
}
END_TEST

static void too_large(struct world *w, struct slice body, struct http_reply *reply)
{
    if (body.len > 200) {
        reply->status = 413;
        return;
    }
    answer_items(body, reply, all_created);
}

START_TEST(too_large_requests_are_halved_until_one_document_is_dead)
{
    struct world w;
    char value[512] = "{\"a\":\"";
    world_init(&w, ES, too_large);
    for (int i = 0; i < 10; i++) {
        put(&w, "{\"n\":1}");
    }
    memset(value + strlen(value), 'x', 400);
    memcpy(value + 406, "\"}", 3);
    put(&w, value);
    for (int i = 0; i < 10; i++) {
        put(&w, "{\"n\":1}");
    }
    run_until(&w, 21);
    ck_assert_uint_eq(w.dead[10], 1);
    ck_assert_str_eq(w.last_failure.type, "document_too_large");
    ck_assert_uint_eq(w.sink->counters.delivered, 20);
    world_deinit(&w);
}
END_TEST

static void malformed(struct world *w, struct slice body, struct http_reply *reply)
{
    if (has(body, "BAD")) {
        reply->status = 400;
        return;
    }
    answer_items(body, reply, all_created);
}

START_TEST(the_culprit_of_a_refused_request_is_found_by_halves)
{
    struct world w;
    world_init(&w, ES, malformed);
    for (int i = 0; i < 16; i++) {
        put(&w, i == 11 ? "{\"x\":\"BAD\"}" : "{}");
    }
    run_until(&w, 16);
    ck_assert_uint_eq(w.dead[11], 1);
    ck_assert_uint_eq(w.sink->counters.dead, 1);
    ck_assert_uint_le(w.requests, 9); /* 16, 8+8, 4+4, 2+2, 1+1 */
    world_deinit(&w);
}
END_TEST

static void refuse_twice(struct world *w, struct slice body, struct http_reply *reply)
{
    if (w->requests <= 2) {
        reply->status = w->requests == 1 ? 401 : 403;
        buf_append_str(&reply->body, "Unauthorized");
        return;
    }
    answer_items(body, reply, all_created);
}

START_TEST(a_destination_that_refuses_everything_is_probed_and_nothing_is_lost)
{
    struct world w;
    world_init(&w, ES, refuse_twice);
    put(&w, "{}");
    put(&w, "{}");
    run_until(&w, 2);
    ck_assert_uint_eq(w.requests, 3);
    ck_assert_uint_eq(w.sink->counters.delivered, 2);
    ck_assert_ptr_null(w.sink->trouble);
    world_deinit(&w);
}
END_TEST

static void nonsense_once(struct world *w, struct slice body, struct http_reply *reply)
{
    if (w->requests == 1) {
        buf_append_str(&reply->body, "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}");
        return;
    }
    answer_items(body, reply, all_created);
}

START_TEST(an_answer_that_is_not_understood_answers_nothing)
{
    struct world w;
    world_init(&w, ES, nonsense_once);
    put(&w, "{}");
    run_until(&w, 1);
    ck_assert_uint_eq(w.requests, 2);
    ck_assert_uint_eq(w.done[0], 1);
    world_deinit(&w);
}
END_TEST

static unsigned closed_is_forbidden(struct slice action)
{
    return has(action, "\"closed\"") ? 403 : 201;
}

static void forbid_twice(struct world *w, struct slice body, struct http_reply *reply)
{
    answer_items(body, reply, w->requests <= 2 ? closed_is_forbidden : all_created);
}

START_TEST(a_closed_index_waits_while_others_go_on)
{
    struct world w;
    world_init(&w,
               "type: elasticsearch, hosts: 'http://127.0.0.1:%u', index: '%%{[i]}', "
               "compression_level: 0, probe_interval: 20ms",
               forbid_twice);
    put(&w, "{\"i\":\"closed\"}");
    put(&w, "{\"i\":\"open\"}");
    run_until(&w, 1);
    ck_assert_uint_eq(w.done[1], 1);
    run_until(&w, 2);
    ck_assert_uint_eq(w.done[0], 1);
    ck_assert_uint_eq(w.requests, 3);
    world_deinit(&w);
}
END_TEST

static void accept_lines(struct world *w, struct slice body, struct http_reply *reply)
{
    reply->status = has(body, "BAD") ? 422 : 200;
}

START_TEST(an_endpoint_gets_records_one_by_one_to_find_the_refused_one)
{
    struct world w;
    world_init(&w, "type: http, url: 'http://127.0.0.1:%u/x'", accept_lines);
    put(&w, "{\"a\":1}");
    put(&w, "{\"a\":\"BAD\"}");
    put(&w, "{\"a\":3}");
    run_until(&w, 3);
    ck_assert_uint_eq(w.dead[1], 1);
    ck_assert_uint_eq(w.requests, 4);
    ck_assert_uint_eq(lines(buf_slice(&w.last_body)), 1);
    world_deinit(&w);
}
END_TEST

static void fail_once(struct world *w, struct slice body, struct http_reply *reply)
{
    reply->status = w->requests == 1 ? 503 : 200;
}

START_TEST(an_array_is_whole_in_every_attempt)
{
    struct world w;
    world_init(&w, "type: http, url: 'http://127.0.0.1:%u/x', format: json_array", fail_once);
    put(&w, "{\"a\":1}");
    put(&w, "{\"a\":2}");
    put(&w, "{\"a\":3}");
    run_until(&w, 3);
    ck_assert_uint_eq(w.requests, 2);
    ck_assert_str_eq(buf_cstr(&w.last_body), "[{\"a\":1},{\"a\":2},{\"a\":3}]");
    world_deinit(&w);
}
END_TEST

START_TEST(a_full_sink_says_so_and_has_room_again_at_half)
{
    struct world w;
    world_init(&w, "type: http, url: 'http://127.0.0.1:%u/x', queue.events: 4, format: single",
               accept_lines);
    for (int i = 0; i < 4; i++) {
        ck_assert(!w.sink->full);
        put(&w, "{}");
    }
    ck_assert(w.sink->full);
    run_until(&w, 4);
    ck_assert(!w.sink->full);
    ck_assert_uint_eq(w.room, 1);
    ck_assert_uint_eq(w.sink->bytes, 0);
    world_deinit(&w);
}
END_TEST

START_TEST(lines_are_in_their_files_before_they_are_done)
{
    char dir[] = "/tmp/check-connectors-XXXXXX";
    char settings[256], path[128], text[64] = "";
    struct world w;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a.log", dir);
    FILE *torn = fopen(path, "w"); /* a crash left half a line */
    fputs("half", torn);
    fclose(torn);
    snprintf(settings, sizeof(settings),
             "type: file, codec: message, path: '%s/%%%%{[k]}.log', retry.init: %%u", dir);
    world_init(&w, settings, accept_lines);
    put(&w, "{\"k\":\"a\",\"message\":\"one\"}");
    put(&w, "{\"k\":\"b\",\"message\":\"two\"}");
    put(&w, "{\"message\":\"no k\"}");
    run_until(&w, 3);
    ck_assert_uint_eq(w.dead[2], 1);
    FILE *f = fopen(path, "r");
    ck_assert_uint_eq(fread(text, 1, sizeof(text) - 1, f), 9);
    fclose(f);
    ck_assert_str_eq(text, "half\none\n");
    world_deinit(&w);
    unlink(path);
    snprintf(path, sizeof(path), "%s/b.log", dir);
    ck_assert_int_eq(unlink(path), 0);
    rmdir(dir);
}
END_TEST

START_TEST(what_a_crash_left_of_a_document_is_cut_off)
{
    static char long_torn[20000] = "{\"a\":1}\n{\"torn\":\"";
    memset(long_torn + strlen(long_torn), 'x', sizeof(long_torn) - 1 - strlen(long_torn));
    const struct {
        const char *before, *after;
    } rows[] = {
        { "{\"a\":1}\n{\"torn\":\"ha", "{\"a\":1}\n{\"a\":2}\n" },
        { long_torn, "{\"a\":1}\n{\"a\":2}\n" },
        { "{", "{\"a\":2}\n" },
        { "{\"a\":1}", "{\"a\":1}\n{\"a\":2}\n" }, /* whole: somebody else's */
        { "no document", "no document\n{\"a\":2}\n" },
        { "{\"a\":1}\n", "{\"a\":1}\n{\"a\":2}\n" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[] = "/tmp/check-connectors-XXXXXX";
        char settings[256], text[100] = "";
        struct world w;
        int fd = mkstemp(path);
        ck_assert_int_ge(fd, 0);
        FILE *f = fdopen(fd, "r+");
        fputs(rows[i].before, f);
        fflush(f);
        snprintf(settings, sizeof(settings), "type: file, path: '%s', retry.init: %%u", path);
        world_init(&w, settings, accept_lines);
        put(&w, "{\"a\":2}");
        run_until(&w, 1);
        rewind(f);
        (void)fread(text, 1, sizeof(text) - 1, f);
        ck_assert_str_eq(text, rows[i].after);
        world_deinit(&w);
        fclose(f);
        unlink(path);
    }
}
END_TEST

Suite *delivery_suite(void);
Suite *delivery_suite(void)
{
    Suite *s = suite_create("delivery");
    TCase *t = tcase_create("delivery");
    tcase_add_test(t, only_failed_items_are_sent_again);
    tcase_add_test(t, rejected_items_fill_requests_again);
    tcase_add_test(t, an_event_without_the_id_gets_its_place_in_the_topic);
    tcase_add_test(t, too_large_requests_are_halved_until_one_document_is_dead);
    tcase_add_test(t, the_culprit_of_a_refused_request_is_found_by_halves);
    tcase_add_test(t, a_destination_that_refuses_everything_is_probed_and_nothing_is_lost);
    tcase_add_test(t, an_answer_that_is_not_understood_answers_nothing);
    tcase_add_test(t, a_closed_index_waits_while_others_go_on);
    tcase_add_test(t, an_endpoint_gets_records_one_by_one_to_find_the_refused_one);
    tcase_add_test(t, an_array_is_whole_in_every_attempt);
    tcase_add_test(t, a_full_sink_says_so_and_has_room_again_at_half);
    tcase_add_test(t, lines_are_in_their_files_before_they_are_done);
    tcase_add_test(t, what_a_crash_left_of_a_document_is_cut_off);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
