/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group.c - stories of groups: joining, leading, leaving, returning, failing.
 */
#include "tests/broker/check_group_world.h"

static struct world w;

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

/* Joins that wait end here: with everyone in, or at the rebalance timeout. */
static int16_t join_error(uintptr_t call)
{
    return join_reply(&w, call) ? join_reply(&w, call)->error_code : -100;
}

static int16_t sync_error(uintptr_t call)
{
    return sync_reply(&w, call) ? sync_reply(&w, call)->error_code : -100;
}

enum { WAITS = -100 };

START_TEST(first_join_gets_an_id_and_must_come_again)
{
    struct client a = { .group = "g" };
    uintptr_t call = client_join(&w, &a);
    ck_assert_int_eq(join_error(call), KAFKA_MEMBER_ID_REQUIRED);
    client_learn(&w, &a, call);
    ck_assert_int_eq(strncmp(a.member_id, "app-", 4), 0);
    ck_assert_uint_eq(strlen(a.member_id), 4 + 36);
    call = client_join(&w, &a);
    ck_assert_int_eq(join_error(call), WAITS);
    world_pass_ms(&w, 10000);
    ck_assert_int_eq(join_error(call), KAFKA_NONE);
    ck_assert_int_eq(join_reply(&w, call)->generation_id, 1);
}
END_TEST

START_TEST(join_before_version_4_needs_no_second_try)
{
    struct client a = { .group = "g", .version = 3 };
    uintptr_t call = client_join(&w, &a);
    world_pass_ms(&w, 10000);
    ck_assert_int_eq(join_error(call), KAFKA_NONE);
}
END_TEST

START_TEST(id_that_is_never_used_leaves_nothing_behind)
{
    struct client a = { .group = "g" };
    client_join(&w, &a);
    world_pass_ms(&w, 11000);
    struct group_stats stats;
    coordinator_stats(w.c, &stats);
    ck_assert_uint_eq(stats.groups, 0);
    ck_assert_uint_eq(w.record_count, 0);
}
END_TEST

START_TEST(two_members_join_and_one_leads)
{
    struct client a = { .group = "g" }, b = { .group = "g" };
    uintptr_t ja = client_enter(&w, &a), jb = client_enter(&w, &b);
    ck_assert_int_eq(join_error(ja), WAITS);
    world_pass_ms(&w, 9000);
    const struct join_group_response *ra = join_reply(&w, ja), *rb = join_reply(&w, jb);
    ck_assert_int_eq(ra->generation_id, 1);
    ck_assert_int_eq(rb->generation_id, 1);
    ck_assert(slice_eq(ra->leader, ra->member_id));
    ck_assert(slice_eq(ra->leader, rb->leader));
    ck_assert_int_eq(ra->members_n, 2);
    ck_assert_int_eq(rb->members_n, 0);
    ck_assert(slice_eq_str(ra->protocol_name, "range"));
    ck_assert(slice_eq_str(ra->members[1].metadata, "topics"));
}
END_TEST

START_TEST(initial_delay_grows_while_members_arrive)
{
    struct client a = { .group = "g", .version = 3 }, b = a;
    uintptr_t ja = client_enter(&w, &a);
    world_pass_ms(&w, 2000);
    client_enter(&w, &b);
    world_pass_ms(&w, 1500);
    ck_assert_int_eq(join_error(ja), WAITS);
    world_pass_ms(&w, 3000);
    ck_assert_int_eq(join_error(ja), KAFKA_NONE);
}
END_TEST

START_TEST(without_initial_delay_the_first_tick_completes)
{
    world_deinit(&w);
    struct group_config config;
    group_config_init(&config);
    config.initial_rebalance_delay_ms = 0;
    world_init(&w, &config);
    struct client a = { .group = "g" };
    uintptr_t call = client_enter(&w, &a);
    world_pass_ms(&w, 0);
    ck_assert_int_eq(join_error(call), KAFKA_NONE);
}
END_TEST

START_TEST(new_member_triggers_a_rebalance)
{
    struct client k[3] = { { .group = "g" }, { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    uintptr_t j2 = client_enter(&w, &k[2]);
    ck_assert_str_eq(w.last_why, "a member joined");
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_REBALANCE_IN_PROGRESS);
    uintptr_t j0 = client_join(&w, &k[0]);
    ck_assert_int_eq(join_error(j0), WAITS);
    uintptr_t j1 = client_join(&w, &k[1]);
    ck_assert_int_eq(join_error(j0), KAFKA_NONE);
    ck_assert_int_eq(join_error(j1), KAFKA_NONE);
    ck_assert_int_eq(join_error(j2), KAFKA_NONE);
    ck_assert_int_eq(join_reply(&w, j0)->generation_id, 2);
    ck_assert_int_eq(join_reply(&w, j0)->members_n, 3);
}
END_TEST

START_TEST(member_that_does_not_rejoin_is_dropped_at_the_rebalance_timeout)
{
    struct client k[2] = { { .group = "g", .session_ms = 300000 },
                           { .group = "g", .session_ms = 300000 } };
    make_stable(&w, k, 2);
    uintptr_t j = client_join(&w, &k[0]);
    world_pass_ms(&w, 59000);
    ck_assert_int_eq(join_error(j), WAITS);
    world_pass_ms(&w, 2000);
    ck_assert_int_eq(join_error(j), KAFKA_NONE);
    ck_assert_int_eq(join_reply(&w, j)->members_n, 1);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(heartbeats_keep_a_member_alive)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    for (int i = 0; i < 20; i++) {
        world_pass_ms(&w, 9000);
        ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_NONE);
    }
}
END_TEST

START_TEST(commits_keep_a_member_alive)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    for (int i = 0; i < 5; i++) {
        world_pass_ms(&w, 9000);
        ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k[0], "t", 0, i)), KAFKA_NONE);
    }
}
END_TEST

START_TEST(silent_member_is_removed_after_its_session)
{
    struct client k[2] = { { .group = "g" }, { .group = "g", .session_ms = 300000 } };
    make_stable(&w, k, 2);
    world_pass_ms(&w, 10500);
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_str_eq(w.last_why, "no heartbeat within the session timeout");
}
END_TEST

START_TEST(member_that_waits_does_not_time_out)
{
    struct client k[2] = { { .group = "g", .session_ms = 300000 }, { .group = "g" } };
    make_stable(&w, k, 2);
    uintptr_t j = client_join(&w, &k[0]);
    uintptr_t j1 = client_join(&w, &k[1]);
    client_learn(&w, &k[0], j);
    client_learn(&w, &k[1], j1);
    uintptr_t s1 = client_sync(&w, &k[1], NULL, 0);
    world_pass_ms(&w, 30000);
    ck_assert_int_eq(sync_error(s1), WAITS);
    ck_assert_int_eq(sync_error(client_sync(&w, &k[0], NULL, 0)), KAFKA_NONE);
    ck_assert_int_eq(sync_error(s1), KAFKA_NONE);
}
END_TEST

START_TEST(new_member_that_waits_too_long_is_given_up)
{
    struct client k[2] = { { .group = "g", .session_ms = 1000000, .rebalance_ms = 900000 },
                           { .group = "g", .rebalance_ms = 900000 } };
    make_stable(&w, k, 1);
    uintptr_t j = client_enter(&w, &k[1]);
    world_pass_ms(&w, 299000);
    ck_assert_int_eq(join_error(j), WAITS);
    world_pass_ms(&w, 2000);
    ck_assert_int_eq(join_error(j), KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(member_that_does_not_sync_is_removed)
{
    struct client a = { .group = "g", .session_ms = 600000 }, b = a;
    uintptr_t ja = client_enter(&w, &a), jb = client_enter(&w, &b);
    world_pass_ms(&w, 9000);
    client_learn(&w, &a, ja);
    client_learn(&w, &b, jb);
    uintptr_t sb = client_sync(&w, &b, NULL, 0);
    world_pass_ms(&w, 61000);
    ck_assert_int_eq(sync_error(sb), KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_int_eq(client_heartbeat(&w, &a), KAFKA_UNKNOWN_MEMBER_ID);
    uintptr_t again = client_join(&w, &b);
    ck_assert_int_eq(join_error(again), KAFKA_NONE);
    ck_assert(slice_eq(join_reply(&w, again)->leader, join_reply(&w, again)->member_id));
}
END_TEST

START_TEST(sync_is_answered_only_when_the_record_is_durable)
{
    struct client a = { .group = "g" };
    client_learn(&w, &a, (client_enter(&w, &a), world_pass_ms(&w, 9000), w.calls));
    struct sync_group_request_assignment assignment = { slice_str(a.member_id), slice_str("A") };
    w.hold_appends = true;
    uintptr_t s = client_sync(&w, &a, &assignment, 1);
    ck_assert_int_eq(sync_error(s), WAITS);
    ck_assert_str_eq(state_of(&w, "g"), "CompletingRebalance");
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(sync_error(s), KAFKA_NONE);
    ck_assert(slice_eq_str(sync_reply(&w, s)->assignment, "A"));
    ck_assert(slice_eq_str(sync_reply(&w, s)->protocol_name, "range"));
}
END_TEST

START_TEST(failed_append_sends_the_members_back_to_join)
{
    struct client a = { .group = "g" };
    client_learn(&w, &a, (client_enter(&w, &a), world_pass_ms(&w, 9000), w.calls));
    w.hold_appends = true;
    uintptr_t s = client_sync(&w, &a, NULL, 0);
    world_append_done(&w, KAFKA_NOT_ENOUGH_REPLICAS);
    ck_assert_int_eq(sync_error(s), KAFKA_COORDINATOR_NOT_AVAILABLE);
    ck_assert_int_eq(client_heartbeat(&w, &a), KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_uint_eq(w.traces[GROUP_TRACE_APPEND_FAILED], 1);
}
END_TEST

START_TEST(append_of_a_generation_left_behind_changes_nothing)
{
    struct client a = { .group = "g" }, b = { .group = "g" };
    client_learn(&w, &a, (client_enter(&w, &a), world_pass_ms(&w, 9000), w.calls));
    w.hold_appends = true;
    uintptr_t s = client_sync(&w, &a, NULL, 0);
    client_enter(&w, &b);
    ck_assert_int_eq(sync_error(s), KAFKA_REBALANCE_IN_PROGRESS);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_str_eq(state_of(&w, "g"), "PreparingRebalance");
}
END_TEST

START_TEST(only_the_leaders_assignment_counts)
{
    struct client a = { .group = "g" }, b = { .group = "g" };
    uintptr_t ja = client_enter(&w, &a), jb = client_enter(&w, &b);
    world_pass_ms(&w, 9000);
    client_learn(&w, &a, ja);
    client_learn(&w, &b, jb);
    struct sync_group_request_assignment wrong = { slice_str(b.member_id), slice_str("stolen") };
    uintptr_t sb = client_sync(&w, &b, &wrong, 1);
    struct sync_group_request_assignment right = { slice_str(b.member_id), slice_str("given") };
    uintptr_t sa = client_sync(&w, &a, &right, 1);
    ck_assert(slice_eq_str(sync_reply(&w, sb)->assignment, "given"));
    ck_assert_uint_eq(sync_reply(&w, sa)->assignment.len, 0);
}
END_TEST

START_TEST(old_generation_is_refused_everywhere)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    struct client old = k[0];
    old.generation = 0;
    ck_assert_int_eq(client_heartbeat(&w, &old), KAFKA_ILLEGAL_GENERATION);
    ck_assert_int_eq(sync_error(client_sync(&w, &old, NULL, 0)), KAFKA_ILLEGAL_GENERATION);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &old, "t", 0, 1)),
                     KAFKA_ILLEGAL_GENERATION);
    struct client stranger = { .group = "g", .member_id = "nobody", .generation = 1 };
    ck_assert_int_eq(client_heartbeat(&w, &stranger), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(join_error(client_join(&w, &stranger)), KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(static_member_returns_without_a_rebalance)
{
    struct client k[2] = { { .group = "g", .instance = "one" },
                           { .group = "g", .instance = "two" } };
    make_stable(&w, k, 2);
    struct client again = { .group = "g", .instance = "two" };
    uintptr_t j = client_join(&w, &again);
    const struct join_group_response *r = join_reply(&w, j);
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(r->error_code, KAFKA_NONE);
    ck_assert_int_eq(r->generation_id, 1);
    ck_assert(!r->skip_assignment);
    client_learn(&w, &again, j);
    ck_assert_str_ne(again.member_id, k[1].member_id);
    ck_assert_str_eq(state_of(&w, "g"), "Stable");
    uintptr_t s = client_sync(&w, &again, NULL, 0);
    ck_assert(slice_eq_str(sync_reply(&w, s)->assignment, "A1"));
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_NONE);
}
END_TEST

START_TEST(static_leader_returns_and_need_not_assign)
{
    struct client k[1] = { { .group = "g", .instance = "one" } };
    make_stable(&w, k, 1);
    struct client again = { .group = "g", .instance = "one" };
    const struct join_group_response *r = join_reply(&w, client_join(&w, &again));
    ck_assert(slice_eq(r->leader, r->member_id));
    ck_assert(r->skip_assignment);
    ck_assert_int_eq(r->members_n, 1);
    /* Before version 9 it must not believe that it leads. */
    struct client old = { .group = "g", .instance = "one", .version = 8 };
    r = join_reply(&w, client_join(&w, &old));
    ck_assert(!slice_eq(r->leader, r->member_id));
    ck_assert_int_eq(r->members_n, 0);
}
END_TEST

START_TEST(returning_static_member_is_answered_when_its_record_is_durable)
{
    struct client k[1] = { { .group = "g", .instance = "one" } };
    make_stable(&w, k, 1);
    w.hold_appends = true;
    struct client again = { .group = "g", .instance = "one" };
    uintptr_t j = client_join(&w, &again);
    ck_assert_int_eq(join_error(j), WAITS);
    world_append_done(&w, KAFKA_NOT_ENOUGH_REPLICAS);
    ck_assert_int_eq(join_error(j), KAFKA_COORDINATOR_NOT_AVAILABLE);
    j = client_join(&w, &again);
    world_append_done(&w, KAFKA_NONE);
    ck_assert_int_eq(join_error(j), KAFKA_NONE);
}
END_TEST

START_TEST(second_consumer_with_the_same_instance_id_fences_the_first)
{
    struct client k[1] = { { .group = "g", .instance = "one" } };
    make_stable(&w, k, 1);
    struct client second = { .group = "g", .instance = "one" };
    client_learn(&w, &second, client_join(&w, &second));
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(join_error(client_join(&w, &k[0])), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(sync_error(client_sync(&w, &k[0], NULL, 0)), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k[0], "t", 0, 1)),
                     KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(client_leave(&w, &k[0]), KAFKA_FENCED_INSTANCE_ID);
    ck_assert_int_eq(client_heartbeat(&w, &second), KAFKA_NONE);
    ck_assert_uint_ge(w.traces[GROUP_TRACE_MEMBER_FENCED], 4);
}
END_TEST

START_TEST(waiting_join_of_a_fenced_member_is_answered)
{
    struct client a = { .group = "g", .instance = "one" }, b = a;
    uintptr_t ja = client_join(&w, &a);
    uintptr_t jb = client_join(&w, &b);
    ck_assert_int_eq(join_error(ja), KAFKA_FENCED_INSTANCE_ID);
    world_pass_ms(&w, 9000);
    ck_assert_int_eq(join_error(jb), KAFKA_NONE);
    ck_assert_int_eq(join_reply(&w, jb)->members_n, 1);
}
END_TEST

START_TEST(static_member_that_offers_another_protocol_rebalances)
{
    struct client k[1] = { { .group = "g", .instance = "one" } };
    make_stable(&w, k, 1);
    struct client again = { .group = "g", .instance = "one", .protocols = "sticky" };
    ck_assert_int_eq(join_error(client_join(&w, &again)), KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    again.protocols = "sticky,range";
    const struct join_group_response *r = join_reply(&w, client_join(&w, &again));
    ck_assert_int_eq(r->generation_id, 2);
    ck_assert(slice_eq_str(r->protocol_name, "sticky"));
}
END_TEST

START_TEST(absent_static_member_stays_until_its_session_ends)
{
    struct client k[2] = { { .group = "g", .instance = "one", .session_ms = 300000 },
                           { .group = "g", .instance = "two", .session_ms = 300000 } };
    make_stable(&w, k, 2);
    uintptr_t j = client_join(&w, &k[0]);
    world_pass_ms(&w, 61000);
    ck_assert_int_eq(join_reply(&w, j)->members_n, 2);
    client_learn(&w, &k[0], j);
    ck_assert_int_eq(sync_error(client_sync(&w, &k[0], NULL, 0)), KAFKA_NONE);
    for (int i = 0; i < 3; i++) {
        world_pass_ms(&w, 80000);
        client_heartbeat(&w, &k[0]);
    }
    ck_assert_str_eq(state_of(&w, "g"), "PreparingRebalance");
}
END_TEST

START_TEST(leaving_member_causes_a_rebalance_and_the_last_one_empties_the_group)
{
    struct client k[2] = { { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    ck_assert_int_eq(client_leave(&w, &k[0]), KAFKA_NONE);
    ck_assert_str_eq(w.last_why, "a member left");
    uintptr_t j = client_join(&w, &k[1]);
    ck_assert_int_eq(join_reply(&w, j)->generation_id, 2);
    ck_assert_int_eq(client_leave(&w, &k[1]), KAFKA_NONE);
    ck_assert_str_eq(state_of(&w, "g"), "Empty");
    ck_assert_int_eq(client_leave(&w, &k[1]), KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(batch_of_leaves_answers_each)
{
    struct client k[2] = { { .group = "g", .instance = "one" }, { .group = "g" } };
    make_stable(&w, k, 2);
    struct leave_group_request_member_identity members[] = {
        { .member_id = slice_str(""), .group_instance_id = slice_str("one") },
        { .member_id = slice_str("nobody") },
        { .member_id = slice_str(k[1].member_id) },
    };
    struct leave_group_request req = { .group_id = slice_str("g"),
                                       .members = members,
                                       .members_n = 3 };
    struct leave_group_response r;
    ck_assert_int_eq(coordinator_leave(w.c, w.now, &req, 5, &w.arena, &r), ERR_OK);
    ck_assert_int_eq(r.members_n, 3);
    ck_assert_int_eq(r.members[0].error_code, KAFKA_NONE);
    ck_assert_int_eq(r.members[1].error_code, KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(r.members[2].error_code, KAFKA_NONE);
    struct leave_group_request one = { .group_id = slice_str("g"), .member_id = slice_str("x") };
    ck_assert_int_eq(coordinator_leave(w.c, w.now, &one, 2, &w.arena, &r), ERR_OK);
    ck_assert_int_eq(r.error_code, KAFKA_UNKNOWN_MEMBER_ID);
}
END_TEST

START_TEST(member_with_the_current_generation_is_told_it_again)
{
    struct client k[2] = { { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    const struct join_group_response *r = join_reply(&w, client_join(&w, &k[1]));
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(r->generation_id, 1);
    ck_assert_str_eq(state_of(&w, "g"), "Stable");
    k[1].metadata = "other topics";
    ck_assert_int_eq(join_error(client_join(&w, &k[1])), WAITS);
    ck_assert_str_eq(w.last_why, "a member changed its subscription");
}
END_TEST

START_TEST(second_request_of_a_waiting_member_frees_the_first)
{
    struct client k[2] = { { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    uintptr_t first = client_join(&w, &k[0]);
    uintptr_t second = client_join(&w, &k[0]);
    ck_assert_int_eq(join_error(first), KAFKA_REBALANCE_IN_PROGRESS);
    ck_assert_int_eq(join_error(second), WAITS);
    client_join(&w, &k[1]);
    ck_assert_int_eq(join_error(second), KAFKA_NONE);
}
END_TEST

START_TEST(protocol_is_chosen_by_votes_among_those_all_offer)
{
    struct client k[3] = { { .group = "g", .protocols = "a,b,c", .version = 3 },
                           { .group = "g", .protocols = "c,b", .version = 3 },
                           { .group = "g", .protocols = "d,c,b", .version = 3 } };
    uintptr_t j = client_join(&w, &k[0]);
    client_join(&w, &k[1]);
    client_join(&w, &k[2]);
    struct client odd = { .group = "g", .protocols = "a", .version = 3 };
    ck_assert_int_eq(join_error(client_join(&w, &odd)), KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    world_pass_ms(&w, 15000);
    ck_assert(slice_eq_str(join_reply(&w, j)->protocol_name, "c"));
}
END_TEST

START_TEST(sync_with_another_protocol_is_refused)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    struct sync_group_request req = {
        .group_id = slice_str("g"),
        .generation_id = 1,
        .member_id = slice_str(k[0].member_id),
        .protocol_type = slice_str("consumer"),
        .protocol_name = slice_str("sticky"),
    };
    coordinator_sync(w.c, w.now, &req, (void *)++w.calls);
    world_run(&w);
    ck_assert_int_eq(sync_error(w.calls), KAFKA_INCONSISTENT_GROUP_PROTOCOL);
}
END_TEST

START_TEST(requests_that_make_no_sense_are_refused)
{
    struct client none = { .group = "" };
    ck_assert_int_eq(join_error(client_join(&w, &none)), KAFKA_INVALID_GROUP_ID);
    struct client quick = { .group = "g", .session_ms = 5999 };
    ck_assert_int_eq(join_error(client_join(&w, &quick)), KAFKA_INVALID_SESSION_TIMEOUT);
    struct client slow = { .group = "g", .session_ms = 1800001 };
    ck_assert_int_eq(join_error(client_join(&w, &slow)), KAFKA_INVALID_SESSION_TIMEOUT);
    struct client bare = { .group = "g", .protocols = "" };
    ck_assert_int_eq(join_error(client_join(&w, &bare)), KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    struct group_stats stats;
    coordinator_stats(w.c, &stats);
    ck_assert_uint_eq(stats.groups, 0);
}
END_TEST

START_TEST(limits_refuse_what_would_pass_them)
{
    w.config.members_max = 2;
    w.config.groups_max = 2;
    w.config.member_metadata_bytes_max = 100;
    world_restart(&w);
    struct client k[3] = { { .group = "g" }, { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    ck_assert_int_eq(join_error(client_join(&w, &k[2])), KAFKA_GROUP_MAX_SIZE_REACHED);
    ck_assert_uint_eq(w.traces[GROUP_TRACE_REFUSED], 1);
    struct client h = { .group = "h" }, i = { .group = "i" };
    client_join(&w, &h);
    ck_assert_int_eq(join_error(client_join(&w, &i)), KAFKA_POLICY_VIOLATION);
    char large[102] = { 0 };
    memset(large, 'x', 101);
    h.metadata = large;
    ck_assert_int_eq(join_error(client_join(&w, &h)), KAFKA_INVALID_REQUEST);
    struct sync_group_request_assignment a = { slice_str(k[0].member_id), slice_str(large) };
    uintptr_t j = client_join(&w, &k[0]);
    client_learn(&w, &k[1], client_join(&w, &k[1]));
    client_learn(&w, &k[0], j);
    ck_assert_int_eq(sync_error(client_sync(&w, &k[0], &a, 1)), KAFKA_INVALID_REQUEST);
}
END_TEST

START_TEST(group_of_another_coordinator_is_refused_and_a_loading_one_waits)
{
    struct client k = { .group = "g" };
    uint32_t p = group_partition(slice_str("g"), 50);
    coordinator_resign(w.c, p);
    ck_assert_int_eq(join_error(client_join(&w, &k)), KAFKA_NOT_COORDINATOR);
    ck_assert_int_eq(client_heartbeat(&w, &k), KAFKA_NOT_COORDINATOR);
    coordinator_lead(w.c, p);
    ck_assert_int_eq(join_error(client_join(&w, &k)), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    ck_assert_int_eq(sync_error(client_sync(&w, &k, NULL, 0)), KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    ck_assert_int_eq(commit_error_of(&w, client_commit(&w, &k, "t", 0, 1)),
                     KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
    ck_assert_int_eq(client_heartbeat(&w, &k), KAFKA_NONE);
    coordinator_load_done(w.c, w.now, p);
    ck_assert_int_eq(join_error(client_join(&w, &k)), KAFKA_MEMBER_ID_REQUIRED);
}
END_TEST

START_TEST(resignation_answers_everything_that_waits)
{
    struct client k[2] = { { .group = "g" }, { .group = "g" } };
    make_stable(&w, k, 2);
    w.hold_appends = true;
    uintptr_t commit = client_commit(&w, &k[0], "t", 0, 5);
    uintptr_t j = client_join(&w, &k[0]);
    uint32_t p = group_partition(slice_str("g"), 50);
    coordinator_resign(w.c, p);
    world_run(&w);
    ck_assert_int_eq(join_error(j), KAFKA_NOT_COORDINATOR);
    ck_assert_int_eq(commit_error_of(&w, commit), KAFKA_NOT_COORDINATOR);
    world_append_done(&w, KAFKA_NONE); /* too late, and harmless */
}
END_TEST

START_TEST(reload_gives_the_same_group)
{
    struct client k[2] = { { .group = "g", .instance = "one" }, { .group = "g" } };
    make_stable(&w, k, 2);
    client_commit(&w, &k[0], "t", 3, 77);
    struct describe_groups_response_described_group before, after;
    struct buf bytes[2] = { { 0 }, { 0 } };
    struct writer writer;
    coordinator_describe(w.c, slice_str("g"), 6, &w.arena, &before);
    writer_init(&writer, &bytes[0]);
    schema_encode(&describe_groups_response_schema, 6, &writer,
                  &(struct describe_groups_response){ .groups = &before, .groups_n = 1 });
    world_restart(&w);
    coordinator_describe(w.c, slice_str("g"), 6, &w.arena, &after);
    writer_init(&writer, &bytes[1]);
    schema_encode(&describe_groups_response_schema, 6, &writer,
                  &(struct describe_groups_response){ .groups = &after, .groups_n = 1 });
    ck_assert_uint_gt(bytes[0].len, 100);
    ck_assert(slice_eq(buf_slice(&bytes[0]), buf_slice(&bytes[1])));
    buf_deinit(&bytes[0]);
    buf_deinit(&bytes[1]);
    ck_assert_int_eq(committed(&w, "g", "t", 3), 77);
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_NONE);
    /* The sessions start anew: nobody is removed for the time of the restart. */
    world_pass_ms(&w, 9000);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_NONE);
    uintptr_t s = client_sync(&w, &k[1], NULL, 0);
    ck_assert(slice_eq_str(sync_reply(&w, s)->assignment, "A1"));
}
END_TEST

START_TEST(member_that_died_with_the_coordinator_is_removed_after_the_reload)
{
    struct client k[2] = { { .group = "g" }, { .group = "g", .session_ms = 300000 } };
    make_stable(&w, k, 2);
    world_restart(&w);
    world_pass_ms(&w, 9500);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_NONE);
    world_pass_ms(&w, 1000);
    ck_assert_int_eq(client_heartbeat(&w, &k[0]), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(client_heartbeat(&w, &k[1]), KAFKA_REBALANCE_IN_PROGRESS);
}
END_TEST

START_TEST(groups_are_listed_by_state_and_type)
{
    struct client k[1] = { { .group = "g" } };
    make_stable(&w, k, 1);
    struct client simple = { .group = "simple" };
    client_commit(&w, &simple, "t", 0, 1);
    struct list_groups_request req = { 0 };
    struct list_groups_response r;
    ck_assert_int_eq(coordinator_list(w.c, &req, &w.arena, &r), ERR_OK);
    ck_assert_int_eq(r.groups_n, 2);
    struct slice state = SLICE_LIT("stable"), type = SLICE_LIT("consumer");
    req.states_filter = &state;
    req.states_filter_n = 1;
    coordinator_list(w.c, &req, &w.arena, &r);
    ck_assert_int_eq(r.groups_n, 1);
    ck_assert(slice_eq_str(r.groups[0].group_id, "g"));
    ck_assert(slice_eq_str(r.groups[0].protocol_type, "consumer"));
    req.types_filter = &type;
    req.types_filter_n = 1;
    coordinator_list(w.c, &req, &w.arena, &r);
    ck_assert_int_eq(r.groups_n, 0);
}
END_TEST

START_TEST(unknown_group_is_dead_or_not_found_by_version)
{
    struct describe_groups_response_described_group g;
    coordinator_describe(w.c, slice_str("none"), 5, &w.arena, &g);
    ck_assert_int_eq(g.error_code, KAFKA_NONE);
    ck_assert(slice_eq_str(g.group_state, "Dead"));
    coordinator_describe(w.c, slice_str("none"), 6, &w.arena, &g);
    ck_assert_int_eq(g.error_code, KAFKA_GROUP_ID_NOT_FOUND);
}
END_TEST

Suite *group_suite(void)
{
    const TTest *const tests[] = {
        first_join_gets_an_id_and_must_come_again,
        join_before_version_4_needs_no_second_try,
        id_that_is_never_used_leaves_nothing_behind,
        two_members_join_and_one_leads,
        initial_delay_grows_while_members_arrive,
        without_initial_delay_the_first_tick_completes,
        new_member_triggers_a_rebalance,
        member_that_does_not_rejoin_is_dropped_at_the_rebalance_timeout,
        heartbeats_keep_a_member_alive,
        commits_keep_a_member_alive,
        silent_member_is_removed_after_its_session,
        member_that_waits_does_not_time_out,
        new_member_that_waits_too_long_is_given_up,
        member_that_does_not_sync_is_removed,
        sync_is_answered_only_when_the_record_is_durable,
        failed_append_sends_the_members_back_to_join,
        append_of_a_generation_left_behind_changes_nothing,
        only_the_leaders_assignment_counts,
        old_generation_is_refused_everywhere,
        static_member_returns_without_a_rebalance,
        static_leader_returns_and_need_not_assign,
        returning_static_member_is_answered_when_its_record_is_durable,
        second_consumer_with_the_same_instance_id_fences_the_first,
        waiting_join_of_a_fenced_member_is_answered,
        static_member_that_offers_another_protocol_rebalances,
        absent_static_member_stays_until_its_session_ends,
        leaving_member_causes_a_rebalance_and_the_last_one_empties_the_group,
        batch_of_leaves_answers_each,
        member_with_the_current_generation_is_told_it_again,
        second_request_of_a_waiting_member_frees_the_first,
        protocol_is_chosen_by_votes_among_those_all_offer,
        sync_with_another_protocol_is_refused,
        requests_that_make_no_sense_are_refused,
        limits_refuse_what_would_pass_them,
        group_of_another_coordinator_is_refused_and_a_loading_one_waits,
        resignation_answers_everything_that_waits,
        reload_gives_the_same_group,
        member_that_died_with_the_coordinator_is_removed_after_the_reload,
        groups_are_listed_by_state_and_type,
        unknown_group_is_dead_or_not_found_by_version,
    };
    Suite *s = suite_create("group");
    TCase *t = tcase_create("stories");
    tcase_add_checked_fixture(t, setup, teardown);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tcase_add_test(t, tests[i]);
    }
    suite_add_tcase(s, t);
    return s;
}
