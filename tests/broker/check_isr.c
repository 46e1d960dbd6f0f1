/* SPDX-License-Identifier: Apache-2.0 */
/* check_isr.c - the leader's view of its replicas: high watermark, proposals, answers. */
#include "broker/replica/isr.h"

#include "tests/broker/replica_suites.h"

enum { S_NS = 1000000000 };

static const struct isr_config config = { .lag_ns = 30ull * S_NS,
                                          .silence_ns = 60ull * S_NS,
                                          .join_wait_ns = S_NS };

struct view {
    struct isr isr;
    struct isr_member members[8];
    struct isr_proposal proposal;
};

static void set_up(struct view *v, const int32_t *isr, int32_t isr_count)
{
    static const int32_t replicas[] = { 1, 2, 3 };
    const struct isr_assignment a = { .self = 1,
                                      .leader_epoch = 5,
                                      .partition_epoch = 10,
                                      .replicas = replicas,
                                      .replica_count = 3,
                                      .isr = isr,
                                      .isr_count = isr_count };
    isr_init(&v->isr, &config, &a, 100, 90, S_NS);
    v->proposal.members = v->members;
    isr_set_eligible(&v->isr, 2, 20);
    isr_set_eligible(&v->isr, 3, 30);
}

static enum kafka_error fetched(struct view *v, int32_t id, int64_t epoch, int64_t offset,
                                int64_t end, uint64_t now_ns)
{
    const struct isr_fetch f = {
        .replica = id, .broker_epoch = epoch, .offset = offset, .leader_end_offset = end
    };
    return isr_fetched(&v->isr, &f, now_ns);
}

static bool proposes(struct view *v, int64_t end, uint64_t now_ns)
{
    const struct isr_log own = { 0, end };
    return isr_propose(&v->isr, &own, 11, now_ns, &v->proposal);
}

static enum isr_verdict answer(struct view *v, enum kafka_error code, int32_t partition_epoch)
{
    const struct isr_answer a = { .number = v->proposal.number,
                                  .code = code,
                                  .leader_epoch = 5,
                                  .partition_epoch = partition_epoch };
    return isr_answered(&v->isr, &a);
}

static const int32_t all[] = { 1, 2, 3 }, alone[] = { 1 }, pair[] = { 1, 2 };

/* The metadata tell of another ISR. */
static void follow(struct view *v, const int32_t *isr, int32_t count, int32_t partition_epoch)
{
    const struct isr_assignment a = { .self = 1,
                                      .leader_epoch = 5,
                                      .partition_epoch = partition_epoch,
                                      .replicas = all,
                                      .replica_count = 3,
                                      .isr = isr,
                                      .isr_count = count };
    isr_follow(&v->isr, &a, S_NS);
}

START_TEST(high_watermark_is_the_least_end_of_the_isr)
{
    struct view v;
    set_up(&v, all, 3);
    ck_assert(!isr_advance(&v.isr, 120, S_NS)); /* nobody has fetched */
    fetched(&v, 2, 20, 110, 120, S_NS);
    ck_assert(!isr_advance(&v.isr, 120, S_NS));
    fetched(&v, 3, 30, 105, 120, S_NS);
    ck_assert(isr_advance(&v.isr, 120, S_NS));
    ck_assert_int_eq(v.isr.high_watermark, 105);
    fetched(&v, 3, 30, 120, 120, S_NS);
    ck_assert(isr_advance(&v.isr, 108, S_NS)); /* what is durable here counts, not the end */
    ck_assert_int_eq(v.isr.high_watermark, 108);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(high_watermark_never_falls)
{
    struct view v;
    set_up(&v, all, 3);
    fetched(&v, 2, 20, 120, 120, S_NS);
    fetched(&v, 3, 30, 120, 120, S_NS);
    ck_assert(isr_advance(&v.isr, 120, S_NS));
    fetched(&v, 3, 30, 60, 120, S_NS); /* it lost its tail */
    ck_assert(!isr_advance(&v.isr, 130, S_NS));
    ck_assert_int_eq(v.isr.high_watermark, 120);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(below_min_insync_replicas_nothing_is_committed)
{
    struct view v;
    set_up(&v, alone, 1);
    v.isr.min_isr = 2;
    ck_assert(isr_is_under_min(&v.isr));
    ck_assert(!isr_advance(&v.isr, 120, S_NS));
    v.isr.min_isr = 1;
    ck_assert(isr_advance(&v.isr, 120, S_NS));
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(min_insync_replicas_is_at_most_the_replication_factor)
{
    const struct isr_assignment a = {
        .self = 1, .replicas = alone, .replica_count = 1, .isr = alone, .isr_count = 1
    };
    struct isr s;
    isr_init(&s, &config, &a, 0, 0, S_NS);
    s.min_isr = 2;
    ck_assert(!isr_is_under_min(&s));
    isr_deinit(&s);
}
END_TEST

START_TEST(a_member_that_lags_is_proposed_out_after_the_lag_time)
{
    struct view v;
    set_up(&v, all, 3);
    fetched(&v, 2, 20, 120, 120, S_NS);
    fetched(&v, 3, 30, 100, 120, S_NS);
    uint64_t at = S_NS + config.lag_ns;
    ck_assert(!proposes(&v, 120, at));
    ck_assert(proposes(&v, 120, at + 1));
    ck_assert_int_eq(v.proposal.count, 2);
    ck_assert_int_eq(v.members[0].id, 1);
    ck_assert_int_eq(v.members[0].broker_epoch, 11);
    ck_assert_int_eq(v.members[1].id, 2);
    ck_assert_int_eq(v.members[1].broker_epoch, 20);
    isr_deinit(&v.isr);
}
END_TEST

static void set_up_silent(struct view *v, const int32_t *isr, int32_t count, int32_t min_isr)
{
    set_up(v, isr, count);
    v->isr.config.silence_ns = 2ull * S_NS;
    v->isr.min_isr = min_isr;
}

START_TEST(a_member_that_is_silent_is_proposed_out_long_before_the_lag_time)
{
    struct view v;
    set_up_silent(&v, all, 3, 2);
    fetched(&v, 2, 20, 100, 100, S_NS);
    fetched(&v, 3, 30, 100, 100, S_NS);
    ck_assert(!isr_should_shrink(&v.isr, 100, 100ull * S_NS)); /* they have all there is */
    fetched(&v, 2, 20, 110, 120, 3ull * S_NS);                 /* it is behind, and asks */
    ck_assert(!isr_should_shrink(&v.isr, 120, 3ull * S_NS));
    ck_assert(isr_should_shrink(&v.isr, 120, 3ull * S_NS + 1));
    ck_assert(proposes(&v, 120, 3ull * S_NS + 1));
    ck_assert_int_eq(v.proposal.count, 2);
    ck_assert_int_eq(v.members[1].id, 2);
    ck_assert(!isr_should_shrink(&v.isr, 120, 3ull * S_NS + 1)); /* it is asked for */
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(silence_takes_no_member_out_that_writers_need)
{
    struct view v;
    set_up_silent(&v, pair, 2, 2);
    fetched(&v, 2, 20, 100, 120, S_NS);
    ck_assert(!proposes(&v, 120, S_NS + config.lag_ns)); /* one is less than min.insync.replicas */
    ck_assert(proposes(&v, 120, S_NS + config.lag_ns + 1));
    isr_deinit(&v.isr);
    set_up_silent(&v, all, 3, 2);
    fetched(&v, 2, 20, 100, 120, S_NS);
    fetched(&v, 3, 30, 100, 120, S_NS);
    ck_assert(!proposes(&v, 120, 20ull * S_NS)); /* both are slow: it is not the members' fault */
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(who_is_always_slow_is_silent_only_after_twice_that_time)
{
    struct view v;
    set_up_silent(&v, all, 3, 2);
    uint64_t now = S_NS;
    for (int64_t i = 0; i < 5; i++, now += 3ull * S_NS) {
        fetched(&v, 2, 20, 100 + i * 10, 110 + i * 10, now);
        fetched(&v, 3, 30, 110 + i * 10, 110 + i * 10, now);
    }
    now -= 3ull * S_NS;
    fetched(&v, 3, 30, 150, 150, now + 4ull * S_NS);
    ck_assert(!proposes(&v, 160, now + 6ull * S_NS));
    ck_assert(proposes(&v, 160, now + 6ull * S_NS + 1));
    ck_assert_int_eq(v.members[1].id, 3);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(a_member_with_everything_does_not_lag_however_long_it_is_silent)
{
    struct view v;
    set_up(&v, pair, 2);
    fetched(&v, 2, 20, 120, 120, S_NS);
    ck_assert(!proposes(&v, 120, 1000ull * S_NS));
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(a_member_always_one_fetch_behind_is_in_sync)
{
    struct view v;
    set_up(&v, pair, 2);
    for (int64_t i = 0; i < 100; i++) {
        fetched(&v, 2, 20, 100 + i * 10, 110 + i * 10, (uint64_t)(i + 1) * S_NS);
    }
    ck_assert(!proposes(&v, 1110, 101ull * S_NS));
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(who_hung_up_is_in_sync_but_no_place_to_read_until_it_fetches_again)
{
    struct view v;
    set_up(&v, all, 3);
    fetched(&v, 2, 20, 120, 120, S_NS);
    isr_hung_up(&v.isr, 2);
    isr_hung_up(&v.isr, 9); /* no replica: nothing */
    ck_assert(isr_find(&v.isr, 2)->hung_up);
    ck_assert(!isr_find(&v.isr, 3)->hung_up);
    ck_assert_int_eq(isr_size(&v.isr), 3);
    fetched(&v, 2, 20, 120, 120, 2 * S_NS);
    ck_assert(!isr_find(&v.isr, 2)->hung_up);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(while_a_shrink_is_in_flight_the_old_member_is_waited_for)
{
    struct view v;
    set_up(&v, pair, 2);
    fetched(&v, 2, 20, 100, 120, S_NS);
    ck_assert(proposes(&v, 120, 40ull * S_NS));
    isr_advance(&v.isr, 120, 40ull * S_NS);
    ck_assert_int_eq(v.isr.high_watermark, 100);
    ck_assert_int_eq(answer(&v, KAFKA_NONE, 11), ISR_WAITS);
    follow(&v, alone, 1, 11);
    ck_assert(isr_advance(&v.isr, 120, 40ull * S_NS));
    ck_assert_int_eq(v.isr.high_watermark, 120);
    isr_deinit(&v.isr);
}
END_TEST

/* The controller has 2 for min.insync.replicas already, and keeps who was taken out eligible: it
 * may lead next. This node learns of that from the metadata only. */
START_TEST(an_answer_commits_nothing_before_the_metadata_have_come_as_far)
{
    struct view v;
    set_up(&v, pair, 2);
    fetched(&v, 2, 20, 100, 120, S_NS);
    ck_assert(proposes(&v, 120, 40ull * S_NS));
    ck_assert_int_eq(answer(&v, KAFKA_NONE, 11), ISR_WAITS);
    (void)isr_advance(&v.isr, 120, 1000ull * S_NS);
    ck_assert_int_eq(v.isr.high_watermark, 100);
    ck_assert(!proposes(&v, 120, 1000ull * S_NS)); /* nor is there another wish */
    v.isr.min_isr = 2;                             /* of the same metadata as the ISR */
    follow(&v, alone, 1, 11);
    ck_assert(isr_is_under_min(&v.isr));
    ck_assert(!isr_advance(&v.isr, 120, 1000ull * S_NS));
    ck_assert_int_eq(v.isr.high_watermark, 100);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(an_answer_that_tells_what_the_metadata_told_settles)
{
    struct view v;
    set_up(&v, alone, 1);
    isr_advance(&v.isr, 120, S_NS);
    fetched(&v, 2, 20, 120, 120, S_NS);
    ck_assert(proposes(&v, 120, S_NS));
    ck_assert_int_eq(answer(&v, KAFKA_NONE, 10), ISR_SETTLED);
    ck_assert_int_eq(isr_size(&v.isr), 1);
    ck_assert(proposes(&v, 120, S_NS));
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(while_an_expansion_is_in_flight_the_new_member_is_waited_for)
{
    struct view v;
    set_up(&v, alone, 1);
    isr_advance(&v.isr, 110, S_NS);
    fetched(&v, 2, 20, 110, 120, S_NS);
    ck_assert(proposes(&v, 120, S_NS));
    ck_assert_int_eq(v.proposal.count, 2);
    ck_assert(!isr_advance(&v.isr, 120, 100ull * S_NS)); /* however long the answer takes */
    ck_assert_int_eq(answer(&v, KAFKA_NONE, 11), ISR_WAITS);
    follow(&v, pair, 2, 11);
    ck_assert_int_eq(isr_size(&v.isr), 2);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(who_is_behind_the_high_watermark_or_the_epochs_start_does_not_join)
{
    struct view v;
    set_up(&v, alone, 1); /* the epoch began at 100 */
    fetched(&v, 2, 20, 95, 120, S_NS);
    ck_assert(!proposes(&v, 120, S_NS));
    isr_advance(&v.isr, 120, S_NS);
    fetched(&v, 2, 20, 119, 120, S_NS);
    ck_assert(!proposes(&v, 120, S_NS));
    fetched(&v, 2, 20, 120, 120, S_NS);
    ck_assert(proposes(&v, 120, S_NS));
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(who_begins_before_the_leader_does_not_join)
{
    struct view v;
    set_up(&v, alone, 1);
    const struct isr_log own = { 50, 120 };
    struct isr_fetch f = { .replica = 2,
                           .broker_epoch = 20,
                           .offset = 120,
                           .start_offset = 49,
                           .leader_end_offset = 120 };
    isr_fetched(&v.isr, &f, S_NS);
    ck_assert(!isr_propose(&v.isr, &own, 11, S_NS, &v.proposal));
    f.start_offset = -1; /* it cannot tell */
    isr_fetched(&v.isr, &f, S_NS);
    ck_assert(!isr_propose(&v.isr, &own, 11, S_NS, &v.proposal));
    f.start_offset = 50;
    isr_fetched(&v.isr, &f, S_NS);
    ck_assert(isr_propose(&v.isr, &own, 11, S_NS, &v.proposal));
    ck_assert_int_eq(v.proposal.count, 2);
    isr_deinit(&v.isr);
}
END_TEST

static int64_t low_watermark(struct view *v, int64_t start_of_2)
{
    const struct isr_fetch f = { .replica = 2,
                                 .broker_epoch = 20,
                                 .offset = 120,
                                 .start_offset = start_of_2,
                                 .leader_end_offset = 120 };
    isr_fetched(&v->isr, &f, S_NS);
    return isr_low_watermark(&v->isr, 70);
}

START_TEST(the_low_watermark_waits_for_all_who_may_be_elected)
{
    struct view v;
    set_up(&v, pair, 2);
    isr_set_eligible(&v.isr, 2, -1);
    isr_set_eligible(&v.isr, 3, -1);
    ck_assert_int_eq(isr_low_watermark(&v.isr, 70), -1); /* nobody has fetched */
    ck_assert_int_eq(low_watermark(&v, 60), 60);         /* it is in the ISR, alive or not */
    ck_assert_int_eq(low_watermark(&v, 80), 70);
    follow(&v, alone, 1, 11);
    ck_assert_int_eq(low_watermark(&v, 60), 70); /* it can join only with what was deleted gone */
    isr_find(&v.isr, 2)->in_elr = true;
    ck_assert_int_eq(low_watermark(&v, 60), 60);
    isr_find(&v.isr, 2)->in_elr = false;
    isr_set_eligible(&v.isr, 2, 20); /* nor so, but it lives, and will tell soon */
    ck_assert_int_eq(low_watermark(&v, 60), 60);
    ck_assert_int_eq(low_watermark(&v, 70), 70);
    isr_find(&v.isr, 2)->in_elr = false;
    ck_assert(proposes(&v, 120, S_NS));
    isr_set_eligible(&v.isr, 2, -1);
    ck_assert_int_eq(low_watermark(&v, 60), 60); /* it may be in the ISR already */
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(a_fetch_of_an_earlier_life_of_the_broker_does_not_join)
{
    struct view v;
    set_up(&v, alone, 1);
    isr_advance(&v.isr, 120, S_NS);
    fetched(&v, 2, 19, 120, 120, S_NS); /* the metadata says 20 */
    ck_assert(!proposes(&v, 120, S_NS));
    isr_set_eligible(&v.isr, 2, -1); /* fenced */
    fetched(&v, 2, 20, 120, 120, S_NS);
    ck_assert(!proposes(&v, 120, S_NS));
    ck_assert_int_eq(fetched(&v, 2, 19, 130, 130, S_NS), KAFKA_NOT_LEADER_OR_FOLLOWER);
    ck_assert_int_eq(isr_find(&v.isr, 2)->end_offset, 120);
    ck_assert_int_eq(fetched(&v, 9, 1, 130, 130, S_NS), KAFKA_UNKNOWN_LEADER_EPOCH);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(the_high_watermark_waits_a_little_for_who_is_about_to_join)
{
    struct view v;
    set_up(&v, alone, 1);
    fetched(&v, 2, 20, 120, 120, S_NS);
    isr_advance(&v.isr, 125, S_NS);
    ck_assert_int_eq(v.isr.high_watermark, 120);
    ck_assert_uint_eq(isr_deadline_ns(&v.isr, S_NS), 2ull * S_NS);
    isr_advance(&v.isr, 125, 2ull * S_NS);
    ck_assert_int_eq(v.isr.high_watermark, 125);
    ck_assert_uint_eq(isr_deadline_ns(&v.isr, 2ull * S_NS), UINT64_MAX);
    isr_deinit(&v.isr);
}
END_TEST

/* The controller takes out whom it has fenced; such a one was in sync a moment ago. */
START_TEST(the_high_watermark_does_not_wait_for_who_was_taken_out)
{
    struct view v;
    set_up(&v, all, 3);
    fetched(&v, 2, 20, 120, 120, S_NS);
    fetched(&v, 3, 30, 120, 120, S_NS);
    isr_advance(&v.isr, 120, S_NS);
    fetched(&v, 2, 20, 125, 125, S_NS);
    ck_assert(!isr_advance(&v.isr, 125, S_NS));
    follow(&v, pair, 2, 11);
    ck_assert(isr_advance(&v.isr, 125, S_NS));
    ck_assert_int_eq(v.isr.high_watermark, 125);
    fetched(&v, 3, 30, 128, 128, S_NS); /* it lives: it is about to join again */
    fetched(&v, 2, 20, 130, 130, S_NS);
    isr_advance(&v.isr, 130, S_NS);
    ck_assert_int_eq(v.isr.high_watermark, 128);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(each_answer_of_the_controller_has_its_consequence)
{
    static const struct {
        enum kafka_error code;
        enum isr_verdict verdict;
        bool in_flight;
    } rows[] = {
        { KAFKA_OPERATION_NOT_ATTEMPTED, ISR_SETTLED, false },
        { KAFKA_INELIGIBLE_REPLICA, ISR_SETTLED, false },
        { KAFKA_UNKNOWN_TOPIC_OR_PARTITION, ISR_WAITS, true },
        { KAFKA_UNKNOWN_TOPIC_ID, ISR_WAITS, true },
        { KAFKA_FENCED_LEADER_EPOCH, ISR_WAITS, true },
        { KAFKA_INVALID_UPDATE_VERSION, ISR_WAITS, true },
        { KAFKA_INVALID_REQUEST, ISR_WAITS, true },
        { KAFKA_NEW_LEADER_ELECTED, ISR_WAITS, true },
        { KAFKA_NOT_CONTROLLER, ISR_RETRY, true },
        { KAFKA_REQUEST_TIMED_OUT, ISR_RETRY, true },
        { KAFKA_UNKNOWN_SERVER_ERROR, ISR_RETRY, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct view v;
        set_up(&v, alone, 1);
        isr_advance(&v.isr, 120, S_NS);
        fetched(&v, 2, 20, 120, 120, S_NS);
        ck_assert(proposes(&v, 120, S_NS));
        ck_assert_int_eq(answer(&v, rows[i].code, -1), rows[i].verdict);
        ck_assert_int_eq(v.isr.in_flight, rows[i].in_flight);
        ck_assert_int_eq(isr_size(&v.isr), 1);
        isr_deinit(&v.isr);
    }
}
END_TEST

START_TEST(metadata_ends_what_is_in_flight_and_late_answers_do_nothing)
{
    struct view v;
    set_up(&v, alone, 1);
    isr_advance(&v.isr, 120, S_NS);
    fetched(&v, 2, 20, 120, 120, S_NS);
    ck_assert(proposes(&v, 120, S_NS));
    follow(&v, pair, 2, 11);
    ck_assert(!v.isr.in_flight);
    ck_assert_int_eq(isr_size(&v.isr), 2);
    ck_assert_int_eq(isr_find(&v.isr, 2)->end_offset, 120); /* what was known is kept */
    ck_assert_int_eq(answer(&v, KAFKA_NONE, 12), ISR_SETTLED);
    ck_assert_int_eq(isr_size(&v.isr), 2);
    isr_deinit(&v.isr);
}
END_TEST

START_TEST(an_older_partition_epoch_changes_nothing)
{
    struct view v;
    set_up(&v, pair, 2);
    follow(&v, alone, 1, 10);
    ck_assert_int_eq(isr_size(&v.isr), 2);
    isr_deinit(&v.isr);
}
END_TEST

Suite *isr_suite(void)
{
    Suite *s = suite_create("isr");
    TCase *t = tcase_create("isr");
    tcase_add_test(t, high_watermark_is_the_least_end_of_the_isr);
    tcase_add_test(t, high_watermark_never_falls);
    tcase_add_test(t, below_min_insync_replicas_nothing_is_committed);
    tcase_add_test(t, min_insync_replicas_is_at_most_the_replication_factor);
    tcase_add_test(t, a_member_that_lags_is_proposed_out_after_the_lag_time);
    tcase_add_test(t, a_member_that_is_silent_is_proposed_out_long_before_the_lag_time);
    tcase_add_test(t, silence_takes_no_member_out_that_writers_need);
    tcase_add_test(t, who_is_always_slow_is_silent_only_after_twice_that_time);
    tcase_add_test(t, a_member_with_everything_does_not_lag_however_long_it_is_silent);
    tcase_add_test(t, a_member_always_one_fetch_behind_is_in_sync);
    tcase_add_test(t, who_hung_up_is_in_sync_but_no_place_to_read_until_it_fetches_again);
    tcase_add_test(t, while_a_shrink_is_in_flight_the_old_member_is_waited_for);
    tcase_add_test(t, an_answer_commits_nothing_before_the_metadata_have_come_as_far);
    tcase_add_test(t, an_answer_that_tells_what_the_metadata_told_settles);
    tcase_add_test(t, while_an_expansion_is_in_flight_the_new_member_is_waited_for);
    tcase_add_test(t, who_is_behind_the_high_watermark_or_the_epochs_start_does_not_join);
    tcase_add_test(t, who_begins_before_the_leader_does_not_join);
    tcase_add_test(t, the_low_watermark_waits_for_all_who_may_be_elected);
    tcase_add_test(t, a_fetch_of_an_earlier_life_of_the_broker_does_not_join);
    tcase_add_test(t, the_high_watermark_waits_a_little_for_who_is_about_to_join);
    tcase_add_test(t, the_high_watermark_does_not_wait_for_who_was_taken_out);
    tcase_add_test(t, each_answer_of_the_controller_has_its_consequence);
    tcase_add_test(t, metadata_ends_what_is_in_flight_and_late_answers_do_nothing);
    tcase_add_test(t, an_older_partition_epoch_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}
