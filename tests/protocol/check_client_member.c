/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_member.c - membership and commits of a consumer when its coordinator fails, moves,
 * hangs or goes on without it. */
#include "tests/protocol/consumer_rig.h"

#include <check.h>

Suite *client_member_suite(void);

static const struct consumer_config usual = { .group_id = "g",
                                              .session_timeout_ns = 10ull * NS_PER_S,
                                              .heartbeat_interval_ns = NS_PER_S,
                                              .rebalance_timeout_ns = 20ull * NS_PER_S };

/* Stable, everything read and committed. */
static void rig_stable(struct consumer_rig *r, uint64_t seed, struct consumer_config cfg)
{
    consumer_rig_init(r, seed, 100);
    consumer_rig_start(r, cfg);
    consumer_rig_finish(r, 10);
    ck_assert_str_eq(consumer_get_stats(r->consumer).state, "stable");
}

static void append_some(struct consumer_rig *r)
{
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        struct fake_partition *p = &r->cluster.partitions[i];
        for (int j = 0; j < 20; j++) {
            fake_partition_append(p, p->count * FAKE_PARTITIONS + i);
        }
    }
}

START_TEST(a_commit_is_retried_until_it_holds)
{
    static const struct {
        enum fake_act act;
        int16_t error;
        int times;
    } rows[] = {
        { FAKE_ERROR, KAFKA_COORDINATOR_LOAD_IN_PROGRESS, 5 },
        { FAKE_ERROR, KAFKA_NOT_COORDINATOR, 3 },
        { FAKE_ERROR, KAFKA_COORDINATOR_NOT_AVAILABLE, 3 },
        { FAKE_ERROR, KAFKA_REQUEST_TIMED_OUT, 3 },
        { FAKE_CLOSE, 0, 3 },
        { FAKE_HANG, 0, 2 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct consumer_rig r;
        rig_stable(&r, i + 1, usual);
        append_some(&r);
        consumer_rig_script(&r, API_OffsetCommit, rows[i].act, rows[i].error, rows[i].times);
        consumer_rig_finish(&r, 60);
        ck_assert_int_eq(r.cluster.script.times, 0);
        ck_assert_uint_eq(r.lost + r.fatals, 0);
        ck_assert_uint_eq(r.records, 4 * 120);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_coordinator_that_moved_is_found_again)
{
    struct consumer_rig r;
    rig_stable(&r, 7, usual);
    r.cluster.group.coordinator = 2;
    append_some(&r);
    uint64_t joins = r.cluster.group.joins, finds = r.cluster.group.finds;
    consumer_rig_finish(&r, 20);
    ck_assert_uint_gt(r.cluster.group.finds, finds);
    ck_assert_uint_eq(r.cluster.group.joins, joins);
    ck_assert_uint_eq(r.lost, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(heartbeats_go_on_while_nothing_else_does)
{
    struct consumer_rig r;
    rig_stable(&r, 8, usual);
    uint64_t before = r.cluster.group.heartbeats;
    consumer_rig_run(&r, 60ull * NS_PER_S);
    ck_assert_uint_ge(r.cluster.group.heartbeats - before, 55);
    ck_assert_uint_le(r.cluster.group.heartbeats - before, 62);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_rebalance_gives_up_and_takes_back_without_loss)
{
    struct consumer_rig r;
    rig_stable(&r, 9, usual);
    uint64_t joins = r.cluster.group.joins;
    r.cluster.group.rebalancing = true;
    append_some(&r);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    consumer_rig_finish(&r, 10);
    ck_assert_uint_eq(r.cluster.group.joins, joins + 1);
    ck_assert_uint_eq(r.revoking, FAKE_PARTITIONS); /* range: eager */
    ck_assert_uint_eq(r.lost, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(an_illegal_generation_loses_and_joins_again)
{
    struct consumer_rig r;
    rig_stable(&r, 10, usual);
    r.cluster.group.generation += 3;
    append_some(&r);
    consumer_rig_finish(&r, 20);
    consumer_rig_run(&r, 3ull * NS_PER_S);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_int_eq(consumer_get_stats(r.consumer).generation, r.cluster.group.generation);
    ck_assert_int_eq(r.cluster.group.members, 1); /* the same member id */
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(an_unknown_member_joins_as_a_new_one)
{
    struct consumer_rig r;
    rig_stable(&r, 11, usual);
    r.cluster.group.member_id[0] = '\0';
    append_some(&r);
    consumer_rig_finish(&r, 20);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_int_eq(r.cluster.group.members, 2);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_fenced_instance_ends_for_good)
{
    struct consumer_rig r;
    struct consumer_config cfg = usual;
    cfg.group_instance_id = "web-1";
    rig_stable(&r, 12, cfg);
    consumer_rig_script(&r, API_Heartbeat, FAKE_ERROR, KAFKA_FENCED_INSTANCE_ID, 1);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    ck_assert_uint_eq(r.fatals, 1);
    ck_assert_int_eq(r.trouble, KAFKA_FENCED_INSTANCE_ID);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    uint64_t joins = r.cluster.group.joins, commits = r.cluster.group.commits;
    uint64_t fetches = r.cluster.fetch_requests;
    append_some(&r);
    consumer_rig_run(&r, 60ull * NS_PER_S);
    ck_assert_uint_eq(r.cluster.group.joins, joins);
    ck_assert_uint_eq(r.cluster.group.commits, commits);
    ck_assert_uint_le(r.cluster.fetch_requests, fetches + FAKE_NODES);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_static_member_joins_once_and_does_not_leave)
{
    struct consumer_rig r;
    struct consumer_config cfg = usual;
    cfg.group_instance_id = "web-1";
    rig_stable(&r, 13, cfg);
    ck_assert_uint_eq(r.cluster.group.joins, 1);
    consumer_close(r.consumer, NULL, NULL);
    consumer_rig_run(&r, 15ull * NS_PER_S);
    ck_assert_uint_eq(r.cluster.group.leaves, 0);
    consumer_rig_deinit(&r);
}
END_TEST

/* The process ends without leaving, and another one comes back under its instance id. */
static void restart(struct consumer_rig *r, struct consumer_config cfg)
{
    consumer_free(r->consumer);
    client_free(r->client);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r->parts[i] = NULL;
        r->next[i] = -1;
        r->start[i] = r->cluster.group.committed[i];
    }
    consumer_rig_start(r, cfg);
}

START_TEST(a_static_leader_that_comes_back_causes_no_rebalance)
{
    struct consumer_rig r;
    struct consumer_config cfg = usual;
    cfg.group_instance_id = "web-1";
    rig_stable(&r, 18, cfg);
    int32_t generation = r.cluster.group.generation;
    append_some(&r);
    restart(&r, cfg);
    consumer_rig_finish(&r, 20);
    consumer_rig_run(&r, 60ull * NS_PER_S);
    ck_assert_int_eq(r.cluster.group.generation, generation);
    ck_assert_uint_eq(r.cluster.group.joins, 2);
    consumer_rig_deinit(&r);
}
END_TEST

/* Half of the partitions came while no leader looked: nobody has them. */
START_TEST(a_static_leader_that_comes_back_finds_partitions_without_a_reader)
{
    static const struct {
        uint32_t granted;
        int16_t error;
        int16_t lacks;
        int times;
    } rows[] = {
        { 3, 0, -1, 0 },
        { 0, 0, -1, 0 },
        { 3, KAFKA_GROUP_AUTHORIZATION_FAILED, -1, 1 },
        { 3, KAFKA_COORDINATOR_LOAD_IN_PROGRESS, -1, 1 },
        { 3, 0, API_DescribeGroups, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct consumer_rig r;
        struct consumer_config cfg = usual;
        cfg.group_instance_id = "web-1";
        rig_stable(&r, 19 + i, cfg);
        int32_t generation = r.cluster.group.generation;
        append_some(&r);
        r.cluster.group.granted = rows[i].granted;
        r.cluster.lacks = rows[i].lacks;
        consumer_rig_script(&r, API_DescribeGroups, FAKE_ERROR, rows[i].error, rows[i].times);
        restart(&r, cfg);
        uint64_t limit_ns = r.env.now_ns + 5ull * NS_PER_S;
        while (r.cluster.group.generation == generation && r.env.now_ns < limit_ns) {
            ck_assert(fake_env_step(&r.env));
        }
        ck_assert_int_eq(r.cluster.group.generation, generation + 1);
        r.cluster.group.granted = (1u << FAKE_PARTITIONS) - 1;
        consumer_rig_finish(&r, 20);
        consumer_rig_run(&r, 60ull * NS_PER_S);
        ck_assert_int_eq(r.cluster.group.generation, generation + 1);
        consumer_rig_deinit(&r);
    }
}
END_TEST

static void swallow(struct fake_server *server, struct fake_conn *conn, struct slice bytes)
{
}

/* Every broker stands still for longer than the session, then goes on and has thrown us out. */
START_TEST(a_session_lost_while_the_brokers_hang_is_taken_up_again)
{
    struct consumer_rig r;
    rig_stable(&r, 14, usual);
    void (*received)(struct fake_server *, struct fake_conn *, struct slice) =
        r.cluster.nodes[0].server.received;
    for (int i = 0; i < FAKE_NODES; i++) {
        r.cluster.nodes[i].server.received = swallow;
    }
    consumer_rig_run(&r, 45ull * NS_PER_S);
    for (int i = 0; i < FAKE_NODES; i++) {
        r.cluster.nodes[i].server.received = received;
    }
    r.cluster.group.member_id[0] = '\0';
    append_some(&r);
    consumer_rig_finish(&r, 40);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_uint_eq(r.fatals, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_revocation_waits_for_its_user_and_heartbeats_go_on)
{
    struct consumer_rig r;
    rig_stable(&r, 15, usual);
    r.revoke_after_ns = 12ull * NS_PER_S;
    r.cluster.group.rebalancing = true;
    consumer_rig_run(&r, 3ull * NS_PER_S);
    uint64_t joins = r.cluster.group.joins, beats = r.cluster.group.heartbeats;
    ck_assert_str_eq(consumer_get_stats(r.consumer).state, "revoking");
    consumer_rig_run(&r, 8ull * NS_PER_S);
    ck_assert_uint_eq(r.cluster.group.joins, joins);
    ck_assert_uint_ge(r.cluster.group.heartbeats, beats + 7);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    ck_assert_uint_eq(r.cluster.group.joins, joins + 1);
    ck_assert_uint_eq(r.lost, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_revocation_without_an_answer_ends_at_the_rebalance_timeout)
{
    struct consumer_rig r;
    rig_stable(&r, 16, usual);
    r.lazy = true;
    r.cluster.group.rebalancing = true;
    consumer_rig_run(&r, 18ull * NS_PER_S);
    ck_assert_uint_eq(r.lost, 0);
    consumer_rig_run(&r, 6ull * NS_PER_S);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_uint_eq(r.assigned, 2 * FAKE_PARTITIONS);
    consumer_rig_deinit(&r);
}
END_TEST

/* The commit cannot be sent while the coordinator hangs; then the member is unknown. */
START_TEST(nothing_is_committed_after_the_loss)
{
    struct consumer_rig r;
    rig_stable(&r, 17, usual);
    int64_t before = r.cluster.group.committed[0];
    struct consumer_partition *old = r.parts[0];
    r.commits = false;
    append_some(&r);
    consumer_rig_script(&r, API_OffsetCommit, FAKE_HANG, 0, 1);
    consumer_commit(r.consumer, old, before + 1, 0);
    r.cluster.group.member_id[0] = '\0';
    consumer_rig_run(&r, 30ull * NS_PER_S);
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_int_eq(r.cluster.group.committed[0], before);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(joins_and_syncs_are_tried_again)
{
    static const struct {
        int16_t api;
        enum fake_act act;
        int16_t error;
    } rows[] = {
        { API_FindCoordinator, FAKE_ERROR, KAFKA_COORDINATOR_NOT_AVAILABLE },
        { API_FindCoordinator, FAKE_HANG, 0 },
        { API_JoinGroup, FAKE_ERROR, KAFKA_COORDINATOR_LOAD_IN_PROGRESS },
        { API_JoinGroup, FAKE_ERROR, KAFKA_NOT_COORDINATOR },
        { API_JoinGroup, FAKE_CLOSE, 0 },
        { API_JoinGroup, FAKE_HANG, 0 },
        { API_SyncGroup, FAKE_ERROR, KAFKA_REBALANCE_IN_PROGRESS },
        { API_SyncGroup, FAKE_ERROR, KAFKA_UNKNOWN_MEMBER_ID },
        { API_SyncGroup, FAKE_ERROR, KAFKA_ILLEGAL_GENERATION },
        { API_SyncGroup, FAKE_CLOSE, 0 },
        { API_OffsetFetch, FAKE_ERROR, KAFKA_UNSTABLE_OFFSET_COMMIT },
        { API_OffsetFetch, FAKE_ERROR, KAFKA_NOT_COORDINATOR },
        { API_OffsetFetch, FAKE_HANG, 0 },
        { API_ListOffsets, FAKE_ERROR, KAFKA_LEADER_NOT_AVAILABLE },
        { API_ListOffsets, FAKE_CLOSE, 0 },
        { API_Fetch, FAKE_ERROR, KAFKA_NOT_LEADER_OR_FOLLOWER },
        { API_Fetch, FAKE_ERROR, KAFKA_FENCED_LEADER_EPOCH },
        { API_Fetch, FAKE_ERROR, KAFKA_CORRUPT_MESSAGE },
        { API_Fetch, FAKE_HANG, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct consumer_rig r;
        consumer_rig_init(&r, i + 20, 100);
        consumer_rig_script(&r, rows[i].api, rows[i].act, rows[i].error, 3);
        consumer_rig_start(&r, usual);
        consumer_rig_finish(&r, 120); /* a join may wait for 30 s */
        ck_assert_uint_eq(r.records, 400);
        consumer_rig_deinit(&r);
    }
}
END_TEST

Suite *client_member_suite(void)
{
    Suite *s = suite_create("client_member");
    TCase *t = tcase_create("member");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_commit_is_retried_until_it_holds);
    tcase_add_test(t, a_coordinator_that_moved_is_found_again);
    tcase_add_test(t, heartbeats_go_on_while_nothing_else_does);
    tcase_add_test(t, a_rebalance_gives_up_and_takes_back_without_loss);
    tcase_add_test(t, an_illegal_generation_loses_and_joins_again);
    tcase_add_test(t, an_unknown_member_joins_as_a_new_one);
    tcase_add_test(t, a_fenced_instance_ends_for_good);
    tcase_add_test(t, a_static_member_joins_once_and_does_not_leave);
    tcase_add_test(t, a_static_leader_that_comes_back_causes_no_rebalance);
    tcase_add_test(t, a_static_leader_that_comes_back_finds_partitions_without_a_reader);
    tcase_add_test(t, a_session_lost_while_the_brokers_hang_is_taken_up_again);
    tcase_add_test(t, a_revocation_waits_for_its_user_and_heartbeats_go_on);
    tcase_add_test(t, a_revocation_without_an_answer_ends_at_the_rebalance_timeout);
    tcase_add_test(t, nothing_is_committed_after_the_loss);
    tcase_add_test(t, joins_and_syncs_are_tried_again);
    suite_add_tcase(s, t);
    return s;
}
