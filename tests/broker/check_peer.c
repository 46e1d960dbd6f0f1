/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_peer.c - connections to other nodes on a virtual clock: a scripted node that answers, is
 * silent, breaks, moves and comes back.
 */
#include "broker/broker.h"
#include "protocol/base/alloc.h"
#include "tests/support/fake_env.h"

#include <check.h>

Suite *peer_suite(void);

enum { PORT = 9500, OTHER_PORT = 9501 };

/* A node that knows ApiVersions, Vote and nothing else; the id it was asked for comes back as the
 * leader id. */
struct rig {
    struct fake_env env;
    struct fake_server server, other;
    struct broker *broker;
    struct broker_config config;
    bool silent;           /* requests are read and not answered */
    unsigned break_chance; /* in 1000, for each request */
    int requests, handshakes, at_other;
};

struct outcome {
    int count; /* of done() */
    enum err err;
    int32_t leader_id;
};

static void answer(struct rig *r, struct fake_conn *conn, struct slice frame)
{
    struct reader in = reader_of(frame);
    struct request_header h;
    ck_assert_int_eq(api_request_header_decode(&in, &h), ERR_OK);
    struct buf out = { 0 };
    struct writer w;
    writer_init(&w, &out);
    if (h.request_api_key == API_ApiVersions) {
        struct api_versions_response_api_version keys[] = { { API_ApiVersions, 0, 4 },
                                                            { API_Vote, 0, 2 } };
        struct api_versions_response body;
        schema_init(&api_versions_response_schema, &body);
        body.api_keys = keys;
        body.api_keys_n = 2;
        r->handshakes++;
        ck_assert_int_eq(api_frame_response(&w, API_ApiVersions, h.request_api_version,
                                            h.correlation_id, &body),
                         ERR_OK);
    } else {
        struct arena arena;
        struct vote_request req;
        arena_init(&arena, 1 << 16);
        ck_assert_int_eq(schema_decode(&vote_request_schema, h.request_api_version, &in, &arena,
                                       &req),
                         ERR_OK);
        struct vote_response_partition_data p;
        struct vote_response_topic_data t;
        struct vote_response body;
        schema_init(&vote_response_partition_data_schema, &p);
        schema_init(&vote_response_topic_data_schema, &t);
        schema_init(&vote_response_schema, &body);
        p.leader_id = req.voter_id;
        t.partitions = &p;
        t.partitions_n = 1;
        t.topic_name = slice_str("t");
        body.topics = &t;
        body.topics_n = 1;
        r->requests++;
        ck_assert_int_eq(api_frame_response(&w, API_Vote, h.request_api_version, h.correlation_id,
                                            &body),
                         ERR_OK);
        arena_deinit(&arena);
    }
    if (!r->silent || h.request_api_key == API_ApiVersions) {
        fake_conn_send(conn, buf_slice(&out), 0);
    }
    writer_deinit(&w);
    buf_deinit(&out);
}

static void received(struct rig *r, struct fake_conn *conn, struct slice bytes)
{
    struct buf *in = fake_conn_input(conn);
    buf_append_slice(in, bytes);
    while (in->len >= 4) {
        struct reader size = reader_of(buf_slice(in));
        size_t len = (size_t)reader_i32(&size);
        if (in->len < 4 + len) {
            return;
        }
        if (r->break_chance && rng_below(&r->env.rng, 1000) < r->break_chance) {
            fake_conn_close(conn);
            return;
        }
        answer(r, conn, slice_of(in->ptr + 4, len));
        buf_drop(in, 4 + len);
    }
}

static void on_first(struct fake_server *s, struct fake_conn *conn, struct slice bytes)
{
    received(container_of(s, struct rig, server), conn, bytes);
}

static void on_other(struct fake_server *s, struct fake_conn *conn, struct slice bytes)
{
    struct rig *r = container_of(s, struct rig, other);
    r->at_other++;
    received(r, conn, bytes);
}

static struct rig *rig_new(uint64_t seed)
{
    struct rig *r = mem_zalloc(sizeof(*r));
    fake_env_init(&r->env, seed);
    r->server = (struct fake_server){ .port = PORT, .received = on_first };
    r->other = (struct fake_server){ .port = OTHER_PORT, .received = on_other };
    fake_server_add(&r->env, &r->server);
    fake_server_add(&r->env, &r->other);
    r->config.socket_request_max_bytes = 1 << 20;
    r->broker = mem_zalloc(sizeof(*r->broker));
    r->broker->env = r->env.env;
    r->broker->config = &r->config;
    r->broker->node_id = 7;
    peers_init(r->broker);
    return r;
}

static void rig_free(struct rig *r)
{
    peers_deinit(r->broker);
    fake_env_run(&r->env, r->env.now_ns + NS_PER_S);
    fake_env_deinit(&r->env);
    mem_free(r->broker);
    mem_free(r);
}

static void on_done(void *user, enum err err, int16_t version, const void *response)
{
    struct outcome *o = user;
    const struct vote_response *resp = response;
    (void)version;
    o->count++;
    o->err = err;
    o->leader_id = err ? -1 : resp->topics[0].partitions[0].leader_id;
}

static void ask(struct peer *p, int32_t id, uint64_t timeout_ms, struct outcome *o)
{
    struct vote_request req;
    schema_init(&vote_request_schema, &req);
    req.voter_id = id;
    *o = (struct outcome){ 0 };
    peer_call(p, &vote_request_schema, &req, -1, timeout_ms * NS_PER_MS, on_done, o);
    ck_assert_int_eq(o->count, 0); /* never from inside */
}

static void run_ms(struct rig *r, uint64_t ms)
{
    fake_env_run(&r->env, r->env.now_ns + ms * NS_PER_MS);
}

START_TEST(calls_wait_for_the_connection_and_share_it)
{
    struct rig *r = rig_new(1);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome o[20];
    peer_set_address(p, "127.0.0.1", PORT);
    for (int i = 0; i < 20; i++) {
        ask(p, 100 + i, 1000, &o[i]);
    }
    run_ms(r, 1000);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(o[i].count, 1);
        ck_assert_int_eq(o[i].err, ERR_OK);
        ck_assert_int_eq(o[i].leader_id, 100 + i);
    }
    ck_assert_int_eq(r->handshakes, 1);
    ck_assert(peer_is_connected(p));
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(without_an_address_a_call_is_closed)
{
    struct rig *r = rig_new(1);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome o;
    ask(p, 1, 1000, &o);
    run_ms(r, 1);
    ck_assert_int_eq(o.count, 1);
    ck_assert_int_eq(o.err, ERR_CLOSED);
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(a_node_that_is_down_costs_few_tries_and_is_found_when_it_is_back)
{
    struct rig *r = rig_new(2);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome o;
    r->server.down = true;
    peer_set_address(p, "127.0.0.1", PORT);
    int tries = 0;
    for (uint64_t end = r->env.now_ns + 20 * (uint64_t)NS_PER_S; r->env.now_ns < end; tries++) {
        ask(p, 1, 3000, &o);
        while (o.count == 0) {
            ck_assert(fake_env_step(&r->env));
        }
        ck_assert_int_eq(o.err, ERR_CLOSED);
    }
    ck_assert_int_ge(tries, 15);
    ck_assert_int_le(tries, 60);
    r->server.down = false;
    ask(p, 5, 3000, &o);
    run_ms(r, 1500);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_int_eq(o.leader_id, 5);
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(a_silent_node_times_out_and_its_connection_goes)
{
    struct rig *r = rig_new(3);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome first, second, third;
    r->silent = true;
    peer_set_address(p, "127.0.0.1", PORT);
    ask(p, 1, 500, &first);
    ask(p, 2, 5000, &second);
    run_ms(r, 600);
    ck_assert_int_eq(first.err, ERR_TIMEOUT);
    ck_assert_int_eq(second.err, ERR_CLOSED);
    r->silent = false;
    ask(p, 3, 1000, &third);
    run_ms(r, 1000);
    ck_assert_int_eq(third.err, ERR_OK);
    ck_assert_int_eq(r->handshakes, 2);
    ck_assert_int_eq(first.count + second.count + third.count, 3);
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(a_node_that_moved_is_asked_at_its_new_place)
{
    struct rig *r = rig_new(4);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome old, new;
    r->silent = true;
    peer_set_address(p, "127.0.0.1", PORT);
    ask(p, 1, 60000, &old);
    run_ms(r, 100);
    r->silent = false;
    peer_set_address(p, "127.0.0.1", OTHER_PORT);
    ask(p, 2, 1000, &new);
    run_ms(r, 500);
    ck_assert_int_eq(old.count, 1);
    ck_assert_int_eq(old.err, ERR_CLOSED);
    ck_assert_int_eq(new.err, ERR_OK);
    ck_assert_int_gt(r->at_other, 0);
    peer_set_address(p, "127.0.0.1", OTHER_PORT); /* nothing new: the connection stays */
    run_ms(r, 100);
    ck_assert(peer_is_connected(p));
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(an_api_that_the_node_lacks_is_unsupported)
{
    struct rig *r = rig_new(5);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome o = { 0 };
    struct end_quorum_epoch_request req;
    schema_init(&end_quorum_epoch_request_schema, &req);
    peer_set_address(p, "127.0.0.1", PORT);
    peer_call(p, &end_quorum_epoch_request_schema, &req, -1, NS_PER_S, on_done, &o);
    run_ms(r, 200);
    ck_assert_int_eq(o.count, 1);
    ck_assert_int_eq(o.err, ERR_UNSUPPORTED);
    ck_assert(peer_is_connected(p));
    peer_free(p);
    rig_free(r);
}
END_TEST

START_TEST(nobody_hears_of_a_canceled_call_or_a_freed_peer)
{
    struct rig *r = rig_new(6);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome waiting, flying, other, last;
    peer_set_address(p, "127.0.0.1", PORT);
    ask(p, 1, 1000, &waiting);
    peer_cancel(p, &waiting);
    ask(p, 2, 1000, &other);
    run_ms(r, 500);
    r->silent = true;
    ask(p, 3, 1000, &flying);
    run_ms(r, 10);
    peer_cancel(p, &flying);
    ask(p, 4, 5000, &last);
    peer_free(p);
    run_ms(r, 10000);
    ck_assert_int_eq(waiting.count + flying.count + last.count, 0);
    ck_assert_int_eq(other.err, ERR_OK);
    rig_free(r);
}
END_TEST

START_TEST(too_many_calls_are_refused)
{
    struct rig *r = rig_new(7);
    struct peer *p = peer_new(r->broker, "test");
    struct outcome *o = mem_array(PEER_CALLS_MAX + 1, sizeof(*o));
    r->silent = true;
    peer_set_address(p, "127.0.0.1", PORT);
    for (int i = 0; i <= PEER_CALLS_MAX; i++) {
        ask(p, i, 60000, &o[i]);
    }
    run_ms(r, 100);
    ck_assert_int_eq(o[PEER_CALLS_MAX].err, ERR_LIMIT);
    ck_assert_int_eq(o[PEER_CALLS_MAX - 1].count, 0);
    peer_free(p);
    mem_free(o);
    rig_free(r);
}
END_TEST

START_TEST(a_common_peer_is_shared_and_goes_when_nobody_uses_it)
{
    struct rig *r = rig_new(8);
    struct outcome o;
    struct peer *p = peers_at(r->broker, PEER_QUORUM, "127.0.0.1", PORT);
    ck_assert_ptr_eq(p, peers_at(r->broker, PEER_QUORUM, "127.0.0.1", PORT));
    ck_assert_ptr_ne(p, peers_at(r->broker, PEER_QUORUM_FETCH, "127.0.0.1", PORT));
    ck_assert_ptr_ne(p, peers_at(r->broker, PEER_QUORUM, "127.0.0.1", OTHER_PORT));
    ask(p, 1, 1000, &o);
    run_ms(r, 1000);
    ck_assert_int_eq(o.err, ERR_OK);
    ck_assert_uint_eq(r->broker->peers.stats.connections, 1);
    run_ms(r, 1000 * 1000);
    ck_assert_uint_eq(r->broker->peers.stats.connections, 0);
    ck_assert(list_is_empty(&r->broker->peers.common));
    rig_free(r);
}
END_TEST

/* Whatever happens, every call ends once, and answers are those of their requests. */
START_TEST(every_call_ends_once_whatever_breaks)
{
    enum { CALLS = 400 };
    struct rig *r = rig_new((uint64_t)_i + 100);
    struct rng *rng = &r->env.rng;
    struct peer *p = peer_new(r->broker, "test");
    struct outcome *o = mem_array(CALLS, sizeof(*o));
    r->break_chance = (unsigned)rng_below(rng, 200);
    peer_set_address(p, "127.0.0.1", PORT);
    int good = 0;
    for (int i = 0; i < CALLS; i++) {
        ask(p, i, 1 + rng_below(rng, 2000), &o[i]);
        switch (rng_below(rng, 12)) {
        case 0:
            fake_server_stop(&r->env, &r->server);
            break;
        case 1:
        case 2:
            r->server.down = r->other.down = false;
            break;
        case 3:
            peer_set_address(p, "127.0.0.1", rng_below(rng, 2) ? PORT : OTHER_PORT);
            break;
        case 4:
            r->silent = rng_below(rng, 3) == 0;
            break;
        default:
            run_ms(r, rng_below(rng, 100));
        }
    }
    run_ms(r, 10000);
    for (int i = 0; i < CALLS; i++) {
        ck_assert_int_eq(o[i].count, 1);
        ck_assert_msg(o[i].err == ERR_OK || o[i].err == ERR_CLOSED || o[i].err == ERR_TIMEOUT,
                      "call %d: %s", i, err_text(o[i].err));
        ck_assert(o[i].err || o[i].leader_id == i);
        good += !o[i].err;
    }
    ck_assert_int_gt(good, 0);
    peer_free(p);
    mem_free(o);
    rig_free(r);
}
END_TEST

Suite *peer_suite(void)
{
    Suite *s = suite_create("peer");
    TCase *t = tcase_create("peer");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, calls_wait_for_the_connection_and_share_it);
    tcase_add_test(t, without_an_address_a_call_is_closed);
    tcase_add_test(t, a_node_that_is_down_costs_few_tries_and_is_found_when_it_is_back);
    tcase_add_test(t, a_silent_node_times_out_and_its_connection_goes);
    tcase_add_test(t, a_node_that_moved_is_asked_at_its_new_place);
    tcase_add_test(t, an_api_that_the_node_lacks_is_unsupported);
    tcase_add_test(t, nobody_hears_of_a_canceled_call_or_a_freed_peer);
    tcase_add_test(t, too_many_calls_are_refused);
    tcase_add_test(t, a_common_peer_is_shared_and_goes_when_nobody_uses_it);
    tcase_add_loop_test(t, every_call_ends_once_whatever_breaks, 0, 60);
    suite_add_tcase(s, t);
    return s;
}
