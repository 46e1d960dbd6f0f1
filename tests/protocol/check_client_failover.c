/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_failover.c - how long a producer and a consumer stand still when a leader moves, is
 * missing, or is down for long. Times are virtual: what is measured is patience, not work. */
#include "tests/protocol/flow_rig.h"

#include <check.h>

Suite *client_failover_suite(void);

START_TEST(a_leader_that_moved_costs_one_look_at_the_metadata)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        flow_move_leader(&f, 1);
        flow_expect_within(&f, 150);
        consumer_rig_run(&f.in, 500 * NS_PER_MS);
        flow_move_leader(&f, 2); /* soon after: the metadata is asked for with some patience */
        flow_expect_within(&f, 500);
        flow_deinit(&f);
    }
}
END_TEST

/* Not even the metadata is needed, nor has it ever named the new leader. */
START_TEST(a_leader_told_beside_the_error_is_used_at_once)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        f.in.cluster.tells_leader = true;
        f.in.cluster.brokers_told = 2;
        f.in.cluster.partitions[2].leader = 1;
        flow_start(&f);
        f.in.cluster.metadata_hangs = true;
        flow_move_leader(&f, 2);
        flow_expect_within(&f, 100);
        f.in.cluster.metadata_hangs = false;
        f.in.cluster.brokers_told = FAKE_NODES;
        flow_deinit(&f);
    }
}
END_TEST

START_TEST(an_old_leader_that_is_told_is_not_believed)
{
    struct flow f;
    flow_init(&f, 1);
    flow_start(&f);
    struct slice topic = f.in.cluster.topic;
    const struct client_topic *t = client_topic(f.client, topic);
    flow_move_leader(&f, 1);
    flow_expect_within(&f, 500);
    client_learn_leader(f.client, topic, 0, 2, 0);   /* an older epoch */
    client_learn_leader(f.client, topic, 0, 7, 99);  /* nobody knows where 7 is */
    client_learn_leader(f.client, topic, 0, -1, 99); /* none */
    client_learn_leader(f.client, topic, 4, 2, 99);  /* no such partition */
    client_learn_leader(f.client, slice_str("other"), 0, 2, 99);
    ck_assert_int_eq(t->partitions[0].leader_id, 1);
    ck_assert_int_eq(t->partitions[0].leader_epoch, 1);
    flow_deinit(&f);
}
END_TEST

START_TEST(a_leader_elected_late_is_found_within_half_a_second)
{
    static const uint64_t gaps_ms[] = { 50, 700, 2000, 5000 };
    for (size_t i = 0; i < sizeof(gaps_ms) / sizeof(gaps_ms[0]); i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct flow f;
            flow_init(&f, seed);
            flow_start(&f);
            fake_server_stop(&f.in.env, &f.in.cluster.nodes[0].server);
            f.in.cluster.group.coordinator = 1;
            flow_move_leader(&f, -1);
            consumer_rig_run(&f.in, gaps_ms[i] * NS_PER_MS);
            flow_move_leader(&f, 2);
            flow_expect_within(&f, 500);
            f.in.cluster.nodes[0].server.down = false;
            flow_deinit(&f);
        }
    }
}
END_TEST

/* The only broker, under the same epoch: nothing but a try tells that it is back. */
START_TEST(brokers_that_are_back_after_long_are_found_within_seconds)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        for (int i = 0; i < FAKE_NODES; i++) {
            fake_server_stop(&f.in.env, &f.in.cluster.nodes[i].server);
        }
        consumer_rig_run(&f.in, 120ull * NS_PER_S);
        for (int i = 0; i < FAKE_NODES; i++) {
            f.in.cluster.nodes[i].server.down = false;
        }
        flow_expect_within(&f, 2500);
        flow_deinit(&f);
    }
}
END_TEST

Suite *client_failover_suite(void)
{
    Suite *s = suite_create("client_failover");
    TCase *t = tcase_create("failover");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_leader_that_moved_costs_one_look_at_the_metadata);
    tcase_add_test(t, a_leader_told_beside_the_error_is_used_at_once);
    tcase_add_test(t, an_old_leader_that_is_told_is_not_believed);
    tcase_add_test(t, a_leader_elected_late_is_found_within_half_a_second);
    tcase_add_test(t, brokers_that_are_back_after_long_are_found_within_seconds);
    suite_add_tcase(s, t);
    return s;
}
