/* SPDX-License-Identifier: Apache-2.0 */
/* check_commit.c - the commit tracker against a model, and the back-off. */
#include "connectors/commit.h"
#include "connectors/retry.h"
#include "protocol/base/rng.h"

#include <check.h>

START_TEST(nothing_is_committed_before_the_first_answer)
{
    struct commit_tracker t;
    commit_init(&t);
    uint64_t seq = commit_begin(&t, 10, 5);
    ck_assert_int_eq(t.next_offset, -1);
    ck_assert(commit_release(&t, seq));
    ck_assert_int_eq(t.next_offset, 11);
    ck_assert_uint_eq(t.bytes, 0);
    commit_deinit(&t);
}
END_TEST

START_TEST(a_later_answer_waits_for_an_earlier_one)
{
    struct commit_tracker t;
    commit_init(&t);
    uint64_t a = commit_begin(&t, 1, 0), b = commit_begin(&t, 2, 0), c = commit_begin(&t, 3, 0);
    ck_assert(!commit_release(&t, c));
    ck_assert(!commit_release(&t, b));
    ck_assert_int_eq(t.next_offset, -1);
    ck_assert(commit_release(&t, a));
    ck_assert_int_eq(t.next_offset, 4);
    commit_deinit(&t);
}
END_TEST

START_TEST(a_record_for_two_sinks_waits_for_both)
{
    struct commit_tracker t;
    commit_init(&t);
    uint64_t seq = commit_begin(&t, 7, 0);
    commit_hold(&t, seq);
    ck_assert(!commit_release(&t, seq));
    ck_assert(commit_release(&t, seq));
    ck_assert_int_eq(t.next_offset, 8);
    commit_deinit(&t);
}
END_TEST

START_TEST(offsets_without_records_are_committed_in_their_turn)
{
    struct commit_tracker t;
    commit_init(&t);
    ck_assert(commit_skip_to(&t, 5));
    ck_assert_int_eq(t.next_offset, 5);
    uint64_t seq = commit_begin(&t, 9, 0);
    ck_assert(!commit_skip_to(&t, 20)); /* behind the record in flight */
    ck_assert(!commit_skip_to(&t, 20));
    ck_assert_int_eq(t.next_offset, 5);
    ck_assert(commit_release(&t, seq));
    ck_assert_int_eq(t.next_offset, 20);
    ck_assert(!commit_skip_to(&t, 12)); /* never back */
    ck_assert_int_eq(t.next_offset, 20);
    commit_deinit(&t);
}
END_TEST

/* Random begins, holds and answers in random order, against an array that is searched from the
 * start. */
enum { MODEL_RECORDS = 4000 };

START_TEST(the_prefix_equals_the_models_for_random_answers)
{
    static int64_t offsets[MODEL_RECORDS];
    static uint64_t seqs[MODEL_RECORDS];
    static unsigned holds[MODEL_RECORDS];
    struct rng rng;
    struct commit_tracker t;
    rng_seed(&rng, (uint64_t)_i + 1);
    commit_init(&t);
    size_t begun = 0, finished = 0;
    int64_t offset = 0;
    while (finished < MODEL_RECORDS) {
        if (begun < MODEL_RECORDS && rng_below(&rng, 3) > 0) {
            offset += 1 + (int64_t)rng_below(&rng, 3);
            offsets[begun] = offset;
            holds[begun] = 1 + (unsigned)rng_below(&rng, 3);
            seqs[begun] = commit_begin(&t, offset, 1);
            for (unsigned i = 1; i < holds[begun]; i++) {
                commit_hold(&t, seqs[begun]);
            }
            begun++;
        } else if (begun > 0) {
            size_t window = begun > 50 ? 50 : begun;
            size_t i = begun - 1 - rng_below(&rng, begun == MODEL_RECORDS ? begun : window);
            if (holds[i] > 0) {
                holds[i]--;
                finished += holds[i] == 0;
                commit_release(&t, seqs[i]);
            }
        }
        size_t prefix = 0;
        while (prefix < begun && holds[prefix] == 0) {
            prefix++;
        }
        ck_assert_int_eq(t.next_offset, prefix ? offsets[prefix - 1] + 1 : -1);
        ck_assert_uint_eq(commit_in_flight(&t), begun - prefix);
        ck_assert_uint_eq(t.bytes, begun - prefix);
        if (begun == MODEL_RECORDS && prefix < begun && finished > MODEL_RECORDS - 200) {
            while (holds[prefix] > 0) {
                holds[prefix]--;
                commit_release(&t, seqs[prefix]);
            }
            finished++;
        }
    }
    commit_deinit(&t);
}
END_TEST

START_TEST(the_delay_is_jittered_below_a_doubling_ceiling)
{
    const struct retry_policy p = { .init_ns = 1000000000, .max_ns = 60000000000 };
    struct rng rng;
    rng_seed(&rng, 1);
    for (uint32_t attempt = 0; attempt < 70; attempt++) {
        uint64_t ceiling = attempt < 6 ? p.init_ns << attempt : p.max_ns;
        uint64_t most = 0;
        for (int i = 0; i < 200; i++) {
            uint64_t d = retry_delay_ns(&p, attempt, rng_next(&rng));
            ck_assert_uint_gt(d, 0);
            ck_assert_uint_lt(d, ceiling);
            most = d > most ? d : most;
        }
        ck_assert_uint_gt(most, ceiling / 2);
    }
}
END_TEST

START_TEST(what_the_server_asks_for_wins_up_to_the_maximum)
{
    const struct retry_policy p = { .init_ns = 1000, .max_ns = 5000 };
    ck_assert_uint_eq(retry_after_ns(&p, 3000), 3000);
    ck_assert_uint_eq(retry_after_ns(&p, 9000), 5000);
    ck_assert_uint_gt(retry_after_ns(&p, 0), 0);
}
END_TEST

Suite *commit_suite(void);
Suite *commit_suite(void)
{
    Suite *s = suite_create("commit");
    TCase *t = tcase_create("commit");
    tcase_add_test(t, nothing_is_committed_before_the_first_answer);
    tcase_add_test(t, a_later_answer_waits_for_an_earlier_one);
    tcase_add_test(t, a_record_for_two_sinks_waits_for_both);
    tcase_add_test(t, offsets_without_records_are_committed_in_their_turn);
    tcase_add_loop_test(t, the_prefix_equals_the_models_for_random_answers, 0, 4);
    tcase_add_test(t, the_delay_is_jittered_below_a_doubling_ceiling);
    tcase_add_test(t, what_the_server_asks_for_wins_up_to_the_maximum);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
