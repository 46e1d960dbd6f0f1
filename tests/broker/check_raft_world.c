/* SPDX-License-Identifier: Apache-2.0 */
/* check_raft_world.c - a few machines together: fail-over, voters that come and go, snapshots. */
#include "tests/broker/check_raft.h"
#include "tests/broker/raft_world.h"

#include "protocol/base/alloc.h"

static struct world *w;

static void setup(void)
{
    w = mem_alloc(sizeof(*w));
}

static void teardown(void)
{
    world_deinit(w);
    mem_free(w);
}

static void begin_world(int voters, int nodes, bool dynamic)
{
    struct world_config config = {
        .seed = 7, .voters = voters, .nodes = nodes, .dynamic = dynamic
    };
    world_init(w, &config);
    for (int i = 1; i <= nodes; i++) {
        world_start(w, world_node(w, i));
    }
}

static void run(uint64_t ms)
{
    ck_assert_msg(world_run(w, ms), "%s: %s", w->broken, w->broken_text);
}

static struct world_node *leader(void)
{
    struct world_node *n = world_leader(w);
    ck_assert_ptr_nonnull(n);
    return n;
}

/* How long until there is a leader of a later epoch with something committed, in ms. */
static uint64_t fail_over_ms(int32_t epoch)
{
    uint64_t from = w->now_ns;
    for (int i = 0; i < 2000; i++) {
        run(5);
        struct world_node *n = world_leader(w);
        if (n && raft_epoch(n->raft) > epoch &&
            raft_high_watermark(n->raft) == raft_log_end_offset(n->raft)) {
            return (w->now_ns - from) / 1000000;
        }
    }
    ck_abort_msg("no leader after 10 s");
    return 0;
}

static bool votes(int32_t id)
{
    struct raft_voter_set set = raft_voters(leader()->raft);
    for (size_t i = 0; i < set.count; i++) {
        if (set.voters[i].id == id) {
            return true;
        }
    }
    return false;
}

START_TEST(a_killed_leader_is_replaced_within_a_second)
{
    begin_world(3, 3, true);
    run(5000);
    for (int i = 0; i < 10; i++) {
        struct world_node *old = leader();
        int32_t epoch = raft_epoch(old->raft);
        world_crash(w, old);
        ck_assert_uint_le(fail_over_ms(epoch), 1000);
        world_start(w, old);
        run(2000);
    }
}
END_TEST

START_TEST(a_resigned_leader_is_replaced_at_once)
{
    begin_world(3, 3, false);
    run(5000);
    for (int i = 0; i < 10; i++) {
        int32_t epoch = raft_epoch(leader()->raft);
        world_resign(w, leader(), false);
        ck_assert_uint_le(fail_over_ms(epoch), 300);
        run(1000);
    }
}
END_TEST

START_TEST(a_leader_cut_off_resigns_and_another_one_leads)
{
    begin_world(3, 3, true);
    run(5000);
    struct world_node *old = leader();
    int32_t epoch = raft_epoch(old->raft);
    for (int i = 1; i <= 3; i++) {
        world_block(w, old->id, i, true);
        world_block(w, i, old->id, true);
    }
    run(8000);
    ck_assert_int_ne(raft_role(old->raft), RAFT_LEADER);
    ck_assert_int_eq(raft_epoch(old->raft), epoch); /* pre-vote: it does not raise its epoch */
    ck_assert_int_gt(raft_epoch(leader()->raft), epoch);
    world_heal(w);
    run(5000);
    ck_assert_int_eq(raft_role(old->raft), RAFT_FOLLOWER);
}
END_TEST

START_TEST(a_voter_that_comes_back_disturbs_nobody)
{
    begin_world(3, 3, true);
    run(5000);
    struct world_node *old = leader();
    int32_t epoch = raft_epoch(old->raft);
    int32_t cut = old->id % 3 + 1;
    for (int i = 1; i <= 3; i++) {
        world_block(w, cut, i, true);
        world_block(w, i, cut, true);
    }
    run(20000);
    world_heal(w);
    run(5000);
    ck_assert_ptr_eq(leader(), old);
    ck_assert_int_eq(raft_epoch(old->raft), epoch);
    ck_assert_int_eq(raft_role(world_node(w, cut)->raft), RAFT_FOLLOWER);
}
END_TEST

START_TEST(voters_are_added_and_removed)
{
    begin_world(1, 4, true);
    run(5000);
    for (int32_t id = 2; id <= 4; id++) {
        world_add_voter(w, leader(), id);
        run(1000);
        ck_assert(votes(id));
    }
    ck_assert_uint_eq(w->changes_done, 3);
    world_add_voter(w, leader(), 2);
    run(100);
    ck_assert_uint_eq(w->changes_refused, 1);
    /* The leader removes itself, and resigns when that is committed. */
    struct world_node *old = leader();
    world_remove_voter(w, old, old->id);
    run(3000);
    ck_assert_ptr_ne(leader(), old);
    ck_assert(!votes(old->id));
    ck_assert_int_ne(raft_role(old->raft), RAFT_LEADER);
    ck_assert_uint_eq(w->changes_done, 4);
    ck_assert_int_ge(world_propose(w, leader()), 0);
    run(1000);
    ck_assert_int_eq(raft_high_watermark(old->raft), raft_high_watermark(leader()->raft));
}
END_TEST

START_TEST(a_voter_that_does_not_answer_is_not_added)
{
    begin_world(1, 3, true);
    run(5000);
    world_crash(w, world_node(w, 2));
    world_add_voter(w, leader(), 2);
    run(5000);
    ck_assert(!votes(2));
    ck_assert_uint_eq(w->changes_refused, 1);
    ck_assert_int_eq(raft_role(leader()->raft), RAFT_LEADER);
}
END_TEST

START_TEST(with_auto_join_whoever_can_vote_becomes_a_voter)
{
    struct world_config config = { .seed = 7, .voters = 1, .nodes = 3, .dynamic = true };
    world_init(w, &config);
    w->auto_join = true;
    for (int i = 1; i <= 3; i++) {
        world_start(w, world_node(w, i));
    }
    run(20000);
    ck_assert(votes(2) && votes(3));
    /* One comes back with an empty disk, and thus another directory. */
    struct world_node *n = world_node(w, leader()->id == 3 ? 2 : 3);
    world_crash(w, n);
    n->directory_id.bytes[1] = 9;
    n->disk.state = (struct raft_hard_state){ 0, -1, -1, { { 0 } } };
    while (n->disk.batch_count > 0) {
        mem_free(n->disk.batches[--n->disk.batch_count].bytes);
    }
    n->disk.start = n->disk.end = n->disk.synced = 0;
    n->disk.snapshot.voter_count = 0;
    n->epoch_seen = 0;
    memset(n->voted, 0, sizeof(n->voted));
    world_start(w, n);
    run(20000);
    struct raft_voter_set set = raft_voters(leader()->raft);
    ck_assert_uint_eq(set.count, 3);
    for (size_t i = 0; i < set.count; i++) {
        ck_assert(set.voters[i].id != n->id || set.voters[i].directory_id.bytes[1] == 9);
    }
}
END_TEST

START_TEST(a_node_far_behind_adopts_a_snapshot)
{
    begin_world(3, 4, true);
    run(5000);
    struct world_node *late = world_node(w, 4);
    world_crash(w, late);
    for (int i = 0; i < 40; i++) {
        (void)world_propose(w, leader());
        run(50);
        world_snapshot(w, leader());
    }
    ck_assert_int_gt(leader()->disk.start, 0);
    int64_t before = late->disk.end;
    ck_assert_int_lt(before, leader()->disk.start);
    world_start(w, late);
    run(5000);
    ck_assert_uint_ge(w->adopted, 1);
    ck_assert_int_gt(late->disk.start, before);
    ck_assert_int_eq(raft_high_watermark(late->raft), raft_high_watermark(leader()->raft));
    /* With the voters of the snapshot it can be elected. */
    world_add_voter(w, leader(), 4);
    run(3000);
    ck_assert(votes(4));
}
END_TEST

START_TEST(all_restart_and_nothing_is_lost)
{
    begin_world(3, 3, true);
    run(5000);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 10; i++) {
            (void)world_propose(w, leader());
            run(20);
        }
        int64_t committed = w->committed_end;
        for (int i = 1; i <= 3; i++) {
            world_crash(w, world_node(w, i));
        }
        for (int i = 1; i <= 3; i++) {
            world_start(w, world_node(w, i));
        }
        run(6000);
        ck_assert_int_gt(w->committed_end, committed);
        ck_assert_int_ge(raft_high_watermark(leader()->raft), committed);
    }
}
END_TEST

Suite *raft_world_suite(void)
{
    Suite *s = suite_create("raft world");
    TCase *t = tcase_create("quorum");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_killed_leader_is_replaced_within_a_second);
    tcase_add_test(t, a_resigned_leader_is_replaced_at_once);
    tcase_add_test(t, a_leader_cut_off_resigns_and_another_one_leads);
    tcase_add_test(t, a_voter_that_comes_back_disturbs_nobody);
    tcase_add_test(t, voters_are_added_and_removed);
    tcase_add_test(t, a_voter_that_does_not_answer_is_not_added);
    tcase_add_test(t, with_auto_join_whoever_can_vote_becomes_a_voter);
    tcase_add_test(t, a_node_far_behind_adopts_a_snapshot);
    tcase_add_test(t, all_restart_and_nothing_is_lost);
    suite_add_tcase(s, t);
    return s;
}
