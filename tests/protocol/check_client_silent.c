/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_silent.c - brokers that keep their connections and answer nothing (SIGSTOP, a power
 * loss, a cut without a reset): what is owed by them is got elsewhere once there is an elsewhere.
 * And replicas that are closer than the leader. Times are virtual. */
#include "tests/protocol/flow_rig.h"

#include <check.h>

Suite *client_silent_suite(void);

/* So long it takes a cluster to notice a broker that is silent. */
static const uint64_t FENCED_NS = 2500ull * NS_PER_MS;

static void fall_silent(struct flow *f, int node)
{
    f->in.cluster.nodes[node].server.silent = true;
}

START_TEST(a_silent_leader_costs_little_more_than_its_replacement)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        fall_silent(&f, 0);
        consumer_rig_run(&f.in, FENCED_NS);
        f.in.cluster.group.coordinator = 1;
        flow_move_leader(&f, 1 + (int)(seed % 2));
        flow_expect_within(&f, 1000);
        fake_server_go_on(&f.in.env, &f.in.cluster.nodes[0].server);
        flow_deinit(&f);
    }
}
END_TEST

/* The bytes that it had not looked at are with it still, and it leads again when it does. */
START_TEST(what_a_silent_leader_finds_when_it_wakes_is_not_appended_twice)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        fall_silent(&f, 0);
        consumer_rig_run(&f.in, FENCED_NS);
        f.in.cluster.group.coordinator = 1;
        flow_move_leader(&f, 1);
        flow_expect_within(&f, 1000);
        flow_move_leader(&f, 0);
        fake_server_go_on(&f.in.env, &f.in.cluster.nodes[0].server);
        flow_expect_within(&f, 1000);
        flow_deinit(&f);
    }
}
END_TEST

START_TEST(a_silent_leader_that_nobody_replaces_is_waited_for)
{
    struct flow f;
    flow_init(&f, 1);
    flow_start(&f);
    uint64_t connects = client_get_stats(f.client).connects;
    fall_silent(&f, 0);
    consumer_rig_run(&f.in, 9ull * NS_PER_S);
    fake_server_go_on(&f.in.env, &f.in.cluster.nodes[0].server);
    flow_expect_within(&f, 300);
    ck_assert_uint_eq(client_get_stats(f.client).failures, 0);
    ck_assert_uint_le(client_get_stats(f.client).connects, connects + 2); /* to ask the others */
    flow_deinit(&f);
}
END_TEST

START_TEST(two_silent_brokers_do_not_hide_the_third)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        fall_silent(&f, 0);
        fall_silent(&f, 1);
        consumer_rig_run(&f.in, FENCED_NS);
        f.in.cluster.group.coordinator = 2;
        flow_move_leader(&f, 2);
        flow_expect_within(&f, 3000);
        fake_server_go_on(&f.in.env, &f.in.cluster.nodes[0].server);
        fake_server_go_on(&f.in.env, &f.in.cluster.nodes[1].server);
        flow_deinit(&f);
    }
}
END_TEST

/* --- groups ----------------------------------------------------------------------------------- */

static void append_to_all(struct consumer_rig *r, size_t records)
{
    for (size_t i = 0; i < FAKE_PARTITIONS; i++) {
        for (size_t j = 0; j < records; j++) {
            struct fake_partition *p = &r->cluster.partitions[i];
            fake_partition_append(p, p->count * FAKE_PARTITIONS + i);
        }
    }
}

static void consumer_init(struct consumer_rig *r, uint64_t seed, const char *rack)
{
    consumer_rig_init(r, seed, 100);
    r->request_timeout_ns = 30ull * NS_PER_S;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r->cluster.partitions[i].leader = 2;
    }
    consumer_rig_start(r, (struct consumer_config){ .group_id = "g", .rack_id = rack });
}

START_TEST(a_silent_coordinator_loses_no_member_and_holds_up_no_commit_for_long)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct consumer_rig r;
        consumer_init(&r, seed, NULL);
        consumer_rig_finish(&r, 10);
        int32_t generation = r.cluster.group.generation;
        r.cluster.nodes[0].server.silent = true;
        append_to_all(&r, 10);
        consumer_rig_run(&r, FENCED_NS);
        r.cluster.group.coordinator = 1;
        consumer_rig_finish(&r, 1);
        /* A member that sits still notices by its heartbeat. */
        fake_server_go_on(&r.env, &r.cluster.nodes[0].server);
        r.cluster.nodes[1].server.silent = true;
        r.cluster.group.coordinator = 0;
        uint64_t heartbeats = r.cluster.group.heartbeats;
        consumer_rig_run(&r, 6ull * NS_PER_S);
        ck_assert_uint_gt(r.cluster.group.heartbeats, heartbeats);
        ck_assert_int_eq(r.cluster.group.generation, generation);
        ck_assert_uint_eq(r.lost, 0);
        consumer_rig_deinit(&r);
    }
}
END_TEST

/* A join waits for the others, up to minutes: that is not silence, but worth a question. */
START_TEST(a_join_at_a_silent_coordinator_is_sent_to_the_next_one)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 1, 100);
    r.request_timeout_ns = 30ull * NS_PER_S;
    consumer_rig_script(&r, API_JoinGroup, FAKE_HANG, 0, 1);
    consumer_rig_start(&r, (struct consumer_config){ .group_id = "g" });
    consumer_rig_run(&r, 20ull * NS_PER_S);
    ck_assert_uint_eq(r.assigned, 0);
    r.cluster.group.coordinator = 1;
    consumer_rig_finish(&r, 4);
    consumer_rig_deinit(&r);
}
END_TEST

/* --- the closest replica (KIP-392) ------------------------------------------------------------ */

START_TEST(a_consumer_with_a_rack_reads_from_the_replica_that_the_leader_names)
{
    for (int told = 0; told <= 1; told++) {
        struct consumer_rig r;
        consumer_init(&r, 1, told ? "here" : NULL);
        r.cluster.closest = 1;
        consumer_rig_finish(&r, 10);
        uint64_t fetches = r.cluster.fetch_requests;
        append_to_all(&r, 100);
        consumer_rig_finish(&r, 10);
        ck_assert_int_eq(r.cluster.closest_fetches > 0, told);
        ck_assert_uint_lt(r.cluster.fetch_requests - fetches, 60);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_replica_that_errs_fails_or_is_silent_gives_way_to_the_leader)
{
    enum { REFUSES, RANGE, DOWN, SILENT, WAYS };
    for (int way = 0; way < WAYS; way++) {
        struct consumer_rig r;
        consumer_init(&r, 1, "here");
        r.cluster.closest = 1;
        consumer_rig_finish(&r, 10);
        ck_assert_uint_gt(r.cluster.closest_fetches, 0);
        uint64_t fetches = r.cluster.fetch_requests;
        if (way == REFUSES || way == RANGE) {
            r.cluster.closest_error =
                way == RANGE ? KAFKA_OFFSET_OUT_OF_RANGE : KAFKA_NOT_LEADER_OR_FOLLOWER;
        } else if (way == DOWN) {
            fake_server_stop(&r.env, &r.cluster.nodes[1].server);
        } else {
            r.cluster.nodes[1].server.silent = true;
        }
        append_to_all(&r, 100);
        consumer_rig_finish(&r, 3);
        ck_assert_uint_lt(r.cluster.fetch_requests - fetches, 100); /* no ping-pong */
        ck_assert_uint_eq(r.troubles, 0);
        ck_assert_uint_eq(r.lost, 0);
        /* It is tried again later. */
        r.cluster.closest_error = 0;
        r.cluster.nodes[1].server.down = false;
        fake_server_go_on(&r.env, &r.cluster.nodes[1].server);
        uint64_t before = r.cluster.closest_fetches;
        consumer_rig_run(&r, 10ull * NS_PER_S);
        append_to_all(&r, 10);
        consumer_rig_finish(&r, 3);
        ck_assert_uint_gt(r.cluster.closest_fetches, before);
        consumer_rig_deinit(&r);
    }
}
END_TEST

/* --- committed epochs (KIP-320) --------------------------------------------------------------- */

static void next_epoch(struct consumer_rig *r)
{
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r->cluster.partitions[i].leader_epoch++;
    }
}

START_TEST(a_commit_tells_the_epoch_of_the_last_record_that_is_done)
{
    struct consumer_rig r;
    consumer_init(&r, 1, NULL);
    consumer_rig_finish(&r, 10);
    ck_assert_int_eq(r.cluster.group.committed_epochs[1], 0);
    r.commits = false;
    next_epoch(&r);
    client_refresh(r.client);
    append_to_all(&r, 20);
    consumer_rig_run(&r, 3ull * NS_PER_S);
    ck_assert_int_eq(r.given[1], 120);
    /* The second and third epoch were read; what is done lies in each of them in turn. */
    next_epoch(&r);
    client_refresh(r.client);
    append_to_all(&r, 20);
    consumer_rig_run(&r, 3ull * NS_PER_S);
    ck_assert_int_eq(r.given[1], 140);
    static const struct {
        int64_t offset;
        int32_t epoch;
    } wants[] = { { 110, 1 }, { 120, 1 }, { 121, 2 }, { 140, 2 } };
    for (size_t i = 0; i < 4; i++) {
        consumer_commit(r.consumer, r.parts[1], wants[i].offset, 0);
        consumer_rig_run(&r, NS_PER_S);
        ck_assert_int_eq(r.cluster.group.committed[1], wants[i].offset);
        ck_assert_int_eq(r.cluster.group.committed_epochs[1], wants[i].epoch);
    }
    /* Two changes back: none is better than one too low. */
    consumer_commit(r.consumer, r.parts[2], 101, 0);
    consumer_rig_run(&r, NS_PER_S);
    ck_assert_int_eq(r.cluster.group.committed_epochs[2], 1);
    consumer_rig_deinit(&r);
}
END_TEST

/* An unclean election cut the log and it grew again while no member was there. */
START_TEST(a_member_that_comes_back_notices_that_the_log_was_cut_meanwhile)
{
    for (int told = 0; told <= 1; told++) {
        struct consumer_rig r;
        consumer_rig_init(&r, 1, 50);
        next_epoch(&r);
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            r.cluster.partitions[i].leader = 2;
        }
        next_epoch(&r);
        append_to_all(&r, 100); /* of epoch 2, above the 50 of epoch 0 */
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            r.cluster.group.committed[i] = 100; /* of epoch 1, as it was then */
            r.cluster.group.committed_epochs[i] = told ? 1 : -1;
            r.start[i] = told ? 50 : 100;
        }
        consumer_rig_start(&r, (struct consumer_config){ .group_id = "g" });
        consumer_rig_run(&r, 5ull * NS_PER_S);
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            ck_assert_int_eq(r.given[i], 150);
            ck_assert_int_eq(r.cluster.group.committed[i], 150);
        }
        ck_assert_uint_eq(r.records, told ? 400 : 200);
        ck_assert_uint_eq(r.lost, told ? 4 : 0);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_committed_epoch_that_no_broker_knows_is_no_proof)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 1, 100);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.group.committed[i] = r.start[i] = 40;
        r.cluster.group.committed_epochs[i] = 99;
        r.cluster.partitions[i].log_start = 0;
    }
    consumer_rig_start(&r, (struct consumer_config){ .group_id = "g" });
    consumer_rig_finish(&r, 5);
    ck_assert_uint_eq(r.records, FAKE_PARTITIONS * 60);
    consumer_rig_deinit(&r);
}
END_TEST

Suite *client_silent_suite(void)
{
    Suite *s = suite_create("client_silent");
    TCase *t = tcase_create("silent");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_silent_leader_costs_little_more_than_its_replacement);
    tcase_add_test(t, what_a_silent_leader_finds_when_it_wakes_is_not_appended_twice);
    tcase_add_test(t, a_silent_leader_that_nobody_replaces_is_waited_for);
    tcase_add_test(t, two_silent_brokers_do_not_hide_the_third);
    tcase_add_test(t, a_silent_coordinator_loses_no_member_and_holds_up_no_commit_for_long);
    tcase_add_test(t, a_join_at_a_silent_coordinator_is_sent_to_the_next_one);
    suite_add_tcase(s, t);
    t = tcase_create("closest");
    tcase_add_test(t, a_consumer_with_a_rack_reads_from_the_replica_that_the_leader_names);
    tcase_add_test(t, a_replica_that_errs_fails_or_is_silent_gives_way_to_the_leader);
    suite_add_tcase(s, t);
    t = tcase_create("epochs");
    tcase_add_test(t, a_commit_tells_the_epoch_of_the_last_record_that_is_done);
    tcase_add_test(t, a_member_that_comes_back_notices_that_the_log_was_cut_meanwhile);
    tcase_add_test(t, a_committed_epoch_that_no_broker_knows_is_no_proof);
    suite_add_tcase(s, t);
    return s;
}
