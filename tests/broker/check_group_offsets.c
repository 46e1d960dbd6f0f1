/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group_offsets.c - stories of offsets: committed, fetched, expired, deleted, loaded again.
 */
#include "tests/broker/check_group_world.h"

static struct world w;
static const int64_t DAY_MS = 24 * 3600 * 1000;

static void setup(void)
{
    struct group_config config;
    group_config_init(&config);
    world_init(&w, &config);
}

static void teardown(void)
{
    world_deinit(&w);
}

static uint32_t groups(void)
{
    struct group_stats stats;
    coordinator_stats(w.c, &stats);
    return stats.groups;
}

static uintptr_t delete_group(const char *group)
{
    struct slice name = slice_str(group);
    struct delete_groups_request req = { .groups_names = &name, .groups_names_n = 1 };
    coordinator_delete_groups(w.c, &req, NULL, (void *)++w.calls);
    uintptr_t call = w.calls;
    world_run(&w);
    return call;
}

static int16_t delete_error(uintptr_t call)
{
    const struct delete_groups_response *r = w.replies[call];
    return r ? r->results[0].error_code : -100;
}

static int16_t delete_offset(const char *group, const char *topic, int32_t partition)
{
    struct offset_delete_request_partition p = { partition };
    struct offset_delete_request_topic t = { slice_str(topic), &p, 1 };
    struct offset_delete_request req = { slice_str(group), &t, 1 };
    coordinator_offset_delete(w.c, &req, NULL, (void *)++w.calls);
    uintptr_t call = w.calls;
    world_run(&w);
    const struct offset_delete_response *r = w.replies[call];
    ck_assert_ptr_nonnull(r);
    return r->error_code ? r->error_code : r->topics[0].partitions[0].error_code;
}

START_TEST(simple_consumer_commits_without_a_group)
{
    struct client k = { .group = "simple" };
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", 0, 5)), KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "simple", "t", 0), 5);
    ck_assert_int_eq(committed(&w, "simple", "t", 1), -1);
    ck_assert_str_eq(state_of(&w, "simple"), "Empty");
    struct client member = { .group = "other", .member_id = "m", .generation = 3 };
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &member, "t", 0, 5)),
                     KAFKA_ILLEGAL_GENERATION);
}
END_TEST

START_TEST(stranger_cannot_commit_for_a_group_with_members)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    struct client stranger = { .group = "g" };
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &stranger, "t", 0, 5)),
                     KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(commit_is_refused_while_assignments_are_made_and_taken_while_members_join)
{
    struct client k[2] = { { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    uintptr_t j = client_join(&w, &k[0]);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k[1], "t", 0, 5)), KAFKA_NONE);
    client_learn(&w, &k[1], client_join(&w, &k[1]));
    client_learn(&w, &k[0], j);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k[1], "t", 0, 6)),
                     KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
}
END_TEST

START_TEST(offset_is_seen_only_when_its_record_is_durable)
{
    struct client k = { .group = "simple" };
    client_commit(&w, &k, "t", 0, 5);
    w.hold_appends = true;
    uintptr_t call = client_commit(&w, &k, "t", 0, 6);
    ck_assert_int_eq(commit_error_of(&w, call), -100);
    ck_assert_int_eq(committed(&w, "simple", "t", 0), 5);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(commit_error_of(&w, call), KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "simple", "t", 0), 6);
}
END_TEST

START_TEST(failed_append_leaves_the_old_offset)
{
    static const struct {
        int16_t from, to;
    } table[] = {
        { KAFKA_NOT_ENOUGH_REPLICAS, KAFKA_COORDINATOR_NOT_AVAILABLE },
        { KAFKA_REQUEST_TIMED_OUT, KAFKA_COORDINATOR_NOT_AVAILABLE },
        { KAFKA_NOT_LEADER_OR_FOLLOWER, KAFKA_NOT_COORDINATOR },
        { KAFKA_MESSAGE_TOO_LARGE, KAFKA_INVALID_COMMIT_OFFSET_SIZE },
    };
    struct client k = { .group = "simple" };
    client_commit(&w, &k, "t", 0, 5);
    w.hold_appends = true;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uintptr_t call = client_commit(&w, &k, "t", 0, 6);
        world_append_done(&w, table[i].from);
        ck_assert_int_eq(commit_error_of(&w, call), table[i].to);
        ck_assert_int_eq(committed(&w, "simple", "t", 0), 5);
    }
}
END_TEST

START_TEST(failed_first_commit_leaves_no_group)
{
    struct client k = { .group = "simple" };
    w.hold_appends = true;
    client_commit(&w, &k, "t", 0, 6);
    ck_assert_uint_eq(groups(), 1);
    world_append_done(&w, KAFKA_NOT_ENOUGH_REPLICAS);
    ck_assert_uint_eq(groups(), 0);
}
END_TEST

START_TEST(partitions_are_answered_one_by_one)
{
    char large[5000];
    memset(large, 'x', sizeof(large));
    struct offset_commit_request_partition p[3] = {
        { 0, 10, -1, slice_null() },
        { 1, 11, -1, slice_of(large, 4097) },
        { 2, 12, -1, slice_null() },
    };
    struct offset_commit_request_partition q = { 0, 13, -1, slice_null() };
    struct offset_commit_request_topic t[2] = {
        { .name = slice_str("t"), .partitions = p, .partitions_n = 3 },
        { .name = slice_null(), .partitions = &q, .partitions_n = 1 },
    };
    struct offset_commit_request req = {
        .group_id = slice_str("g"), .generation_id_or_member_epoch = -1, .topics = t, .topics_n = 2
    };
    const int16_t errors[] = { 0, 0, KAFKA_TOPIC_AUTHORIZATION_FAILED, 0 };
    coordinator_offset_commit(w.c, w.now, &req, 9, errors, (void *)++w.calls);
    world_run(&w);
    const struct offset_commit_response *r = w.replies[w.calls];
    ck_assert_int_eq(r->topics[0].partitions[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(r->topics[0].partitions[1].error_code, KAFKA_OFFSET_METADATA_TOO_LARGE);
    ck_assert_int_eq(r->topics[0].partitions[2].error_code, KAFKA_TOPIC_AUTHORIZATION_FAILED);
    ck_assert_int_eq(r->topics[1].partitions[0].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    ck_assert_int_eq(committed(&w, "g", "t", 0), 10);
    ck_assert_int_eq(committed(&w, "g", "t", 1), -1);
    ck_assert_int_eq(committed(&w, "g", "t", 2), -1);
    ck_assert_uint_eq(w.record_count, 1);
}
END_TEST

START_TEST(group_holds_only_so_many_offsets)
{
    w.config.offsets_per_group_max = 2;
    world_restart(&w);
    struct client k = { .group = "g" };
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", i, 1)), KAFKA_NONE);
    }
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", 2, 1)), KAFKA_POLICY_VIOLATION);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", 1, 2)), KAFKA_NONE);
}
END_TEST

START_TEST(fetch_of_all_topics_is_sorted_and_whole)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "u", 1, 1);
    client_commit(&w, &k, "t", 2, 2);
    client_commit(&w, &k, "u", 0, 3);
    struct offset_fetch_request_group g = { .group_id = slice_str("g"), .topics_n = -1 };
    struct offset_fetch_request req = { .groups = &g, .groups_n = 1 };
    struct offset_fetch_response r;
    ck_assert_int_eq(coordinator_offset_fetch(w.c, &req, 9, &w.arena, &r), ERR_OK);
    ck_assert_int_eq(r.groups[0].topics_n, 2);
    ck_assert(slice_eq_str(r.groups[0].topics[0].name, "t"));
    ck_assert_int_eq(r.groups[0].topics[1].partitions_n, 2);
    ck_assert_int_eq(r.groups[0].topics[1].partitions[0].committed_offset, 3);
    ck_assert(slice_eq_str(r.groups[0].topics[1].partitions[1].metadata, "m"));
    struct offset_fetch_request old = { .group_id = slice_str("g"), .topics_n = -1 };
    ck_assert_int_eq(coordinator_offset_fetch(w.c, &old, 6, &w.arena, &r), ERR_OK);
    ck_assert_int_eq(r.topics_n, 2);
    ck_assert_int_eq(r.topics[0].partitions[0].committed_offset, 2);
    struct arena small;
    arena_init(&small, 64);
    ck_assert_int_eq(coordinator_offset_fetch(w.c, &req, 9, &small, &r), ERR_LIMIT);
    ck_assert_int_eq(coordinator_offset_fetch(w.c, &old, 6, &small, &r), ERR_LIMIT);
    arena_deinit(&small);
}
END_TEST

START_TEST(fetch_of_a_foreign_group_says_so_in_every_version)
{
    coordinator_resign(w.c, group_partition(slice_str("g"), 50));
    int32_t partition = 0;
    struct offset_fetch_request_topic t = { slice_str("t"), &partition, 1 };
    struct offset_fetch_request req = { .group_id = slice_str("g"), .topics = &t, .topics_n = 1 };
    struct offset_fetch_response r;
    coordinator_offset_fetch(w.c, &req, 1, &w.arena, &r);
    ck_assert_int_eq(r.topics[0].partitions[0].error_code, KAFKA_NOT_COORDINATOR);
    coordinator_offset_fetch(w.c, &req, 2, &w.arena, &r);
    ck_assert_int_eq(r.error_code, KAFKA_NOT_COORDINATOR);
    struct offset_fetch_request_group g = { .group_id = slice_str("g"), .topics_n = -1 };
    req.groups = &g;
    req.groups_n = 1;
    coordinator_offset_fetch(w.c, &req, 8, &w.arena, &r);
    ck_assert_int_eq(r.groups[0].error_code, KAFKA_NOT_COORDINATOR);
}
END_TEST

START_TEST(stable_fetch_waits_for_commits_on_their_way)
{
    struct client k = { .group = "g" };
    w.hold_appends = true;
    client_commit(&w, &k, "t", 0, 1);
    int32_t partition = 0;
    struct offset_fetch_request_topic t = { slice_str("t"), &partition, 1 };
    struct offset_fetch_request req = {
        .group_id = slice_str("g"), .topics = &t, .topics_n = 1, .require_stable = true
    };
    struct offset_fetch_response r;
    coordinator_offset_fetch(w.c, &req, 7, &w.arena, &r);
    ck_assert_int_eq(r.topics[0].partitions[0].error_code, KAFKA_UNSTABLE_OFFSET_COMMIT);
    world_append_done(&w, KAFKA_NONE);
    coordinator_offset_fetch(w.c, &req, 7, &w.arena, &r);
    ck_assert_int_eq(r.topics[0].partitions[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(r.topics[0].partitions[0].committed_offset, 1);
}
END_TEST

START_TEST(topic_made_anew_does_not_inherit_offsets)
{
    struct offset_commit_request_partition p = { 0, 10, -1, slice_null() };
    struct offset_commit_request_topic t = {
        .name = slice_str("t"), .topic_id = { { 1 } }, .partitions = &p, .partitions_n = 1
    };
    struct offset_commit_request req = {
        .group_id = slice_str("g"), .generation_id_or_member_epoch = -1, .topics = &t, .topics_n = 1
    };
    coordinator_offset_commit(w.c, w.now, &req, 10, NULL, (void *)++w.calls);
    world_run(&w);
    int32_t partition = 0;
    struct offset_fetch_request_topics topics[2] = { { slice_str("t"), { { 1 } }, &partition, 1 },
                                                     { slice_str("t"), { { 2 } }, &partition, 1 } };
    struct offset_fetch_request_group g = { .group_id = slice_str("g"),
                                            .topics = topics,
                                            .topics_n = 2 };
    struct offset_fetch_request fetch = { .groups = &g, .groups_n = 1 };
    for (int i = 0; i < 2; i++) {
        struct offset_fetch_response r;
        coordinator_offset_fetch(w.c, &fetch, 10, &w.arena, &r);
        ck_assert_int_eq(r.groups[0].topics[0].partitions[0].committed_offset, 10);
        ck_assert_int_eq(r.groups[0].topics[1].partitions[0].committed_offset, -1);
        world_restart(&w);
    }
}
END_TEST

START_TEST(deleted_group_does_not_come_back)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    client_commit(&w, &k[0], "t", 0, 5);
    ck_assert_int_eq(delete_error(delete_group("g")), KAFKA_NON_EMPTY_GROUP);
    client_leave(&w, &k[0]);
    ck_assert_int_eq(delete_error(delete_group("g")), KAFKA_NONE);
    ck_assert_uint_eq(groups(), 0);
    ck_assert_int_eq(delete_error(delete_group("g")), KAFKA_GROUP_ID_NOT_FOUND);
    world_restart(&w);
    ck_assert_uint_eq(groups(), 0);
}
END_TEST

START_TEST(deleted_group_takes_commits_in_flight_along)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 5);
    w.hold_appends = true;
    uintptr_t commit = client_commit(&w, &k, "t", 1, 6);
    uintptr_t call = delete_group("g");
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", 2, 7)),
                     KAFKA_COORDINATOR_NOT_AVAILABLE);
    struct client joiner = { .group = "g" };
    ck_assert_int_eq(join_reply(&w, client_join(&w, &joiner))->error_code,
                     KAFKA_COORDINATOR_NOT_AVAILABLE);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(commit_error_of(&w, commit), KAFKA_NONE);
    ck_assert_int_eq(delete_error(call), -100);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(delete_error(call), KAFKA_NONE);
    w.hold_appends = false;
    world_restart(&w);
    ck_assert_uint_eq(groups(), 0);
}
END_TEST

START_TEST(failed_deletion_leaves_the_group)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 5);
    w.hold_appends = true;
    uintptr_t call = delete_group("g");
    world_append_done(&w, KAFKA_NOT_ENOUGH_REPLICAS);
    ck_assert_int_eq(delete_error(call), KAFKA_COORDINATOR_NOT_AVAILABLE);
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
    ck_assert_str_eq(state_of(&w, "g"), "Empty");
}
END_TEST

START_TEST(large_group_is_deleted_in_several_appends)
{
    w.config.records_per_append_max = 3;
    world_restart(&w);
    struct client k = { .group = "g" };
    for (int i = 0; i < 7; i++) {
        client_commit(&w, &k, "t", i, 5);
    }
    w.hold_appends = true;
    uintptr_t call = delete_group("g");
    ck_assert_uint_eq(w.append_count, 3);
    while (w.append_count > 0) {
        ck_assert_int_eq(delete_error(call), -100);
        world_append_done(&w, KAFKA_NONE);
    }
    ck_assert_int_eq(delete_error(call), KAFKA_NONE);
    world_restart(&w);
    ck_assert_uint_eq(groups(), 0);
}
END_TEST

START_TEST(offset_of_a_topic_in_use_is_not_deleted)
{
    struct consumer_protocol_subscription s = { .user_data = slice_null(), .generation_id = -1 };
    struct slice topic = slice_str("used");
    s.topics = &topic;
    s.topics_n = 1;
    struct buf bytes = { 0 };
    struct writer writer;
    writer_init(&writer, &bytes);
    writer_i16(&writer, 0);
    schema_encode(&consumer_protocol_subscription_schema, 0, &writer, &s);
    struct join_group_request_protocol p = { slice_str("range"), buf_slice(&bytes) };
    struct join_group_request req = {
        .group_id = slice_str("g"),
        .session_timeout_ms = 10000,
        .rebalance_timeout_ms = 60000,
        .member_id = slice_str(""),
        .protocol_type = slice_str("consumer"),
        .protocols = &p,
        .protocols_n = 1,
    };
    struct client simple = { .group = "g" };
    client_commit(&w, &simple, "used", 0, 1);
    client_commit(&w, &simple, "unused", 0, 1);
    coordinator_join(w.c, w.now, &req, 3, slice_str("c"), slice_str("h"), (void *)++w.calls);
    world_run(&w);
    ck_assert_int_eq(delete_offset("g", "used", 0), KAFKA_GROUP_SUBSCRIBED_TO_TOPIC);
    ck_assert_int_eq(delete_offset("g", "unused", 0), KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "g", "used", 0), 1);
    ck_assert_int_eq(committed(&w, "g", "unused", 0), -1);
    ck_assert_int_eq(delete_offset("none", "t", 0), KAFKA_GROUP_ID_NOT_FOUND);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(deleted_offset_stays_away_and_a_later_commit_stays)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 5);
    client_commit(&w, &k, "t", 1, 5);
    ck_assert_int_eq(delete_offset("g", "t", 0), KAFKA_NONE);
    w.hold_appends = true;
    struct offset_delete_request_partition p = { 1 };
    struct offset_delete_request_topic t = { slice_str("t"), &p, 1 };
    struct offset_delete_request req = { slice_str("g"), &t, 1 };
    coordinator_offset_delete(w.c, &req, NULL, (void *)++w.calls);
    world_run(&w);
    client_commit(&w, &k, "t", 1, 6);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "g", "t", 1), -1);
    world_append_done(&w, KAFKA_NONE);
    w.hold_appends = false;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(committed(&w, "g", "t", 0), -1);
        ck_assert_int_eq(committed(&w, "g", "t", 1), 6);
        world_restart(&w);
    }
}
END_TEST

/* Reports the append that was made last before those made earlier. */
static void newest_append_done(void)
{
    struct world_append newest = w.appends[--w.append_count];
    coordinator_append_done(w.c, w.now, newest.token, KAFKA_NONE);
    world_run(&w);
}

START_TEST(later_append_wins_in_whatever_order_they_are_reported)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 1);
    w.hold_appends = true;
    uintptr_t earlier = client_commit(&w, &k, "t", 0, 2);
    client_commit(&w, &k, "t", 0, 3);
    newest_append_done();
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(commit_error_of(&w, earlier), KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "g", "t", 0), 3);

    coordinator_topic_deleted(w.c, slice_str("t"));
    world_run(&w);
    client_commit(&w, &k, "t", 0, 4);
    newest_append_done();
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(committed(&w, "g", "t", 0), 4);
}
END_TEST

START_TEST(deleted_topic_takes_its_offsets_along)
{
    struct client k = { .group = "g" }, l = { .group = "l" };
    client_commit(&w, &k, "t", 0, 5);
    client_commit(&w, &k, "u", 0, 6);
    client_commit(&w, &l, "t", 0, 7);
    coordinator_topic_deleted(w.c, slice_str("t"));
    world_run(&w);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(committed(&w, "g", "t", 0), -1);
        ck_assert_int_eq(committed(&w, "l", "t", 0), -1);
        ck_assert_int_eq(committed(&w, "g", "u", 0), 6);
        world_restart(&w);
    }
}
END_TEST

START_TEST(offsets_of_an_empty_group_expire_and_the_group_with_them)
{
    struct client k[1] = { { .group = "g", .session_ms = 1000000 } };
    make_stable(&w, k, 1);
    client_commit(&w, &k[0], "t", 0, 5);
    client_leave(&w, &k[0]);
    world_pass_ms(&w, (uint64_t)(7 * DAY_MS - 600000));
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
    world_pass_ms(&w, 1300000);
    ck_assert_int_eq(committed(&w, "g", "t", 0), -1);
    ck_assert_uint_eq(groups(), 0);
    ck_assert_uint_eq(w.traces[GROUP_TRACE_OFFSETS_EXPIRED], 1);
    world_restart(&w);
    ck_assert_uint_eq(groups(), 0);
}
END_TEST

START_TEST(offsets_of_a_group_in_use_do_not_expire)
{
    struct client k[1] = { { .group = "g", .session_ms = 1800000 } };
    make_stable(&w, k, 1);
    client_commit(&w, &k[0], "t", 0, 5);
    for (int i = 0; i < 8 * 24 * 3; i++) {
        world_pass_ms(&w, 20 * 60 * 1000);
        ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_NONE);
    }
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
    /* The clock starts when the group becomes empty. */
    client_leave(&w, &k[0]);
    world_pass_ms(&w, (uint64_t)(6 * DAY_MS));
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
}
END_TEST

START_TEST(fresh_commit_to_an_old_group_survives_alone)
{
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 5);
    world_pass_ms(&w, (uint64_t)(4 * DAY_MS));
    client_commit(&w, &k, "t", 1, 6);
    world_pass_ms(&w, (uint64_t)(4 * DAY_MS));
    ck_assert_int_eq(committed(&w, "g", "t", 0), -1);
    ck_assert_int_eq(committed(&w, "g", "t", 1), 6);
}
END_TEST

START_TEST(without_retention_nothing_expires)
{
    w.config.offsets_retention_ms = -1;
    world_restart(&w);
    struct client k = { .group = "g" };
    client_commit(&w, &k, "t", 0, 5);
    world_pass_ms(&w, (uint64_t)(1000 * DAY_MS));
    ck_assert_int_eq(committed(&w, "g", "t", 0), 5);
}
END_TEST

Suite *group_offsets_suite(void)
{
    const TTest *const tests[] = {
        simple_consumer_commits_without_a_group,
        stranger_cannot_commit_for_a_group_with_members,
        commit_is_refused_while_assignments_are_made_and_taken_while_members_join,
        offset_is_seen_only_when_its_record_is_durable,
        failed_append_leaves_the_old_offset,
        failed_first_commit_leaves_no_group,
        partitions_are_answered_one_by_one,
        group_holds_only_so_many_offsets,
        fetch_of_all_topics_is_sorted_and_whole,
        fetch_of_a_foreign_group_says_so_in_every_version,
        stable_fetch_waits_for_commits_on_their_way,
        topic_made_anew_does_not_inherit_offsets,
        deleted_group_does_not_come_back,
        deleted_group_takes_commits_in_flight_along,
        failed_deletion_leaves_the_group,
        large_group_is_deleted_in_several_appends,
        offset_of_a_topic_in_use_is_not_deleted,
        deleted_offset_stays_away_and_a_later_commit_stays,
        later_append_wins_in_whatever_order_they_are_reported,
        deleted_topic_takes_its_offsets_along,
        offsets_of_an_empty_group_expire_and_the_group_with_them,
        offsets_of_a_group_in_use_do_not_expire,
        fresh_commit_to_an_old_group_survives_alone,
        without_retention_nothing_expires,
    };
    Suite *s = suite_create("group_offsets");
    TCase *t = tcase_create("stories");
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_test(t, tests[i]);
    }
    suite_add_tcase(s, t);
    return s;
}
