/* SPDX-License-Identifier: Apache-2.0 */
/* check_quota.c - the throttle of replicas that catch up (KIP-73), by the clock of the test. */
#include "broker/replica/quota.h"
#include "tests/broker/replica_suites.h"

#include <check.h>

enum { MS_NS = 1000000 };
static const uint64_t SECOND = 1000000000ull;

START_TEST(without_a_limit_there_is_always_room)
{
    struct quota q;
    quota_set(&q, INT64_MAX, 5);
    quota_take(&q, INT64_MAX);
    ck_assert_int_eq(quota_room(&q, 6), INT64_MAX);
}
END_TEST

START_TEST(bytes_a_second_stay_at_the_rate_whatever_the_size_of_what_is_taken)
{
    static const int64_t sizes[] = { 1, 700, 65536, 5000000 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct quota q;
        uint64_t now = SECOND;
        int64_t taken = 0;
        quota_set(&q, 1000000, now);
        while (now < 61 * SECOND) {
            if (quota_room(&q, now) > 0) {
                quota_take(&q, sizes[i]);
                taken += sizes[i];
            }
            now += 100000 + (now / 100000 % 7) * 13; /* uneven looks */
        }
        int64_t most_seen = sizes[i] == 1 ? 600000 : 60000000; /* a byte at each look */
        ck_assert_int_le(taken, 60000000 + sizes[i]);
        ck_assert_int_ge(taken, most_seen - most_seen / 20 - sizes[i]);
    }
}
END_TEST

START_TEST(no_more_than_a_second_is_saved_up)
{
    struct quota q;
    quota_set(&q, 1000, SECOND);
    ck_assert_int_eq(quota_room(&q, SECOND), 0);
    ck_assert_int_eq(quota_room(&q, 1000 * SECOND), 1000);
}
END_TEST

START_TEST(a_debt_is_waited_off_with_looks_a_second_apart)
{
    struct quota q;
    uint64_t now = SECOND;
    quota_set(&q, 1000, now);
    quota_take(&q, 5000);
    for (int i = 0; i < 10 && quota_room(&q, now) <= 0; i++) {
        uint64_t next = quota_ready_ns(&q, now);
        ck_assert_uint_gt(next, now);
        ck_assert_uint_le(next, now + SECOND);
        now = next;
    }
    ck_assert_int_ge(quota_room(&q, now), 99);
    ck_assert_uint_ge(now, 6 * SECOND);
    ck_assert_uint_le(now, 6 * SECOND + 200 * MS_NS);
}
END_TEST

Suite *quota_suite(void)
{
    Suite *s = suite_create("quota");
    TCase *t = tcase_create("quota");
    tcase_add_test(t, without_a_limit_there_is_always_room);
    tcase_add_test(t, bytes_a_second_stay_at_the_rate_whatever_the_size_of_what_is_taken);
    tcase_add_test(t, no_more_than_a_second_is_saved_up);
    tcase_add_test(t, a_debt_is_waited_off_with_looks_a_second_apart);
    suite_add_tcase(s, t);
    return s;
}
