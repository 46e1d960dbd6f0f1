/* SPDX-License-Identifier: Apache-2.0 */
/* check_follower.c - what a follower does with the leader's answers. */
#include "broker/replica/follower.h"

#include "protocol/wire/record_batch.h"
#include "tests/broker/replica_suites.h"

enum { S_NS = 1000000000 };

/* Batches of `each` records from an offset on, in epoch 7. */
static struct slice batches(struct buf *out, int64_t offset, int count, int each)
{
    const struct batch_seal seal = {
        .codec = CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1
    };
    struct batch_builder builder = { 0 };
    struct buf unused = { 0 };
    for (int i = 0; i < count; i++) {
        struct slice bytes;
        batch_builder_reset(&builder);
        for (int k = 0; k < each; k++) {
            struct record rec = { .timestamp_ms = 1, .value = slice_str("value") };
            batch_builder_append(&builder, &rec);
        }
        ck_assert_int_eq(batch_builder_seal(&builder, &seal, &unused, &bytes), ERR_OK);
        batch_stamp(builder.buf.ptr, offset, 7);
        buf_append_slice(out, bytes);
        offset += each;
    }
    batch_builder_deinit(&builder);
    return buf_slice(out);
}

static struct follower_answer plain_answer(struct slice records)
{
    return (struct follower_answer){ .high_watermark = 1000,
                                     .log_start_offset = 0,
                                     .diverging_epoch = -1,
                                     .own_epoch = -1,
                                     .own_end_offset = -1,
                                     .records = records };
}

static struct follower_step answered(const struct follower_answer *a, int64_t start, int64_t end)
{
    struct follower f;
    struct follower_step step;
    const struct follower_log log = { start, end };
    follower_init(&f, 7, 0);
    follower_answered(&f, &log, a, S_NS, &step);
    return step;
}

START_TEST(whole_batches_that_begin_at_the_end_are_appended)
{
    struct buf bytes = { 0 };
    struct follower_answer a = plain_answer(batches(&bytes, 100, 3, 2));
    struct follower_step step = answered(&a, 0, 100);
    ck_assert_int_eq(step.what, FOLLOWER_APPEND);
    ck_assert_uint_eq(step.records.len, bytes.len);
    a.records.len -= 1; /* the third is cut */
    step = answered(&a, 0, 100);
    ck_assert_int_eq(step.what, FOLLOWER_APPEND);
    ck_assert_uint_eq(step.records.len, bytes.len / 3 * 2);
    a.records.len = 30;
    ck_assert_int_eq(answered(&a, 0, 100).what, FOLLOWER_NOTHING);
    a.records = slice_null();
    ck_assert_int_eq(answered(&a, 0, 100).what, FOLLOWER_NOTHING);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(a_gap_that_compaction_left_is_appended_an_overlap_is_not)
{
    struct buf bytes = { 0 };
    struct follower_answer a = plain_answer(batches(&bytes, 100, 1, 4));
    ck_assert_int_eq(answered(&a, 0, 90).what, FOLLOWER_APPEND);
    ck_assert_int_eq(answered(&a, 0, 102).what, FOLLOWER_REFUSE);
    ck_assert_int_eq(answered(&a, 0, 104).what, FOLLOWER_REFUSE);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(an_empty_log_takes_a_batch_that_begins_before_it)
{
    struct buf bytes = { 0 };
    struct follower_answer a = plain_answer(batches(&bytes, 100, 1, 4));
    a.log_start_offset = 102; /* DeleteRecords cut the leader's batch */
    struct follower_step step = answered(&a, 102, 102);
    ck_assert_int_eq(step.what, FOLLOWER_RESTART);
    ck_assert_int_eq(step.offset, 100);
    ck_assert_uint_eq(step.records.len, bytes.len);
    ck_assert_int_eq(step.log_start_offset, 102);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(a_damaged_batch_is_never_appended)
{
    struct buf bytes = { 0 };
    struct follower_answer a = plain_answer(batches(&bytes, 100, 2, 1));
    for (size_t i = 12; i < bytes.len; i++) {
        size_t in_batch = i % (bytes.len / 2);
        if (in_batch < 16 && i != 16) {
            continue; /* offset, length, leader epoch: outside the checksum */
        }
        bytes.ptr[i] ^= 0x10;
        struct follower_step step = answered(&a, 0, 100);
        ck_assert_msg(step.what == FOLLOWER_REFUSE && step.why, "byte %zu", i);
        bytes.ptr[i] ^= 0x10;
    }
    buf_deinit(&bytes);
}
END_TEST

START_TEST(offsets_that_fall_are_refused)
{
    struct buf bytes = { 0 };
    batches(&bytes, 100, 1, 2);
    struct follower_answer a = plain_answer(batches(&bytes, 101, 1, 2));
    ck_assert_int_eq(answered(&a, 0, 100).what, FOLLOWER_REFUSE);
    buf_deinit(&bytes);
}
END_TEST

START_TEST(truncation_follows_the_epochs)
{
    static const struct {
        int32_t epoch; /* the leader's: it ends there */
        int64_t end;
        int32_t own_epoch; /* what we have of it */
        int64_t own_end;
        int64_t cut;
    } rows[] = {
        { 5, 80, 5, 90, 80 },   /* we have more of the epoch than the leader */
        { 5, 95, 5, 90, 90 },   /* we have less of it, and then an epoch that it has not */
        { 5, 80, 4, 60, 60 },   /* we never saw the epoch: to the end of the one before */
        { 5, 80, -1, -1, 80 },  /* we know of no epoch */
        { 5, 200, -1, -1, 100 } /* nothing to cut but epochs without records */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct follower_answer a = plain_answer(slice_null());
        a.diverging_epoch = rows[i].epoch;
        a.diverging_end_offset = rows[i].end;
        a.own_epoch = rows[i].own_epoch;
        a.own_end_offset = rows[i].own_end;
        struct follower_step step = answered(&a, 0, 100);
        ck_assert_int_eq(step.what, FOLLOWER_TRUNCATE);
        ck_assert_msg(step.offset == rows[i].cut, "row %zu: %lld", i, (long long)step.offset);
    }
}
END_TEST

START_TEST(out_of_range_asks_for_the_leaders_offsets)
{
    static const struct {
        int64_t leader_start, leader_end; /* we have 50..100 */
        enum follower_do what;
        int64_t offset;
    } rows[] = {
        { 150, 300, FOLLOWER_RESTART, 150 }, /* deleted there meanwhile */
        { 60, 90, FOLLOWER_TRUNCATE, 90 },   /* an unclean leader with less */
        { 10, 20, FOLLOWER_RESTART, 10 },
        { 60, 300, FOLLOWER_NOTHING, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct follower f;
        struct follower_step step;
        const struct follower_log log = { 50, 100 };
        struct follower_answer a = plain_answer(slice_null());
        a.code = KAFKA_OFFSET_OUT_OF_RANGE;
        follower_init(&f, 7, 0);
        follower_answered(&f, &log, &a, S_NS, &step);
        ck_assert(f.asks_offsets);
        ck_assert_int_eq(step.what, FOLLOWER_NOTHING);
        follower_offsets(&f, &log, rows[i].leader_start, rows[i].leader_end, S_NS, &step);
        ck_assert(!f.asks_offsets);
        ck_assert_int_eq(step.what, rows[i].what);
        ck_assert_int_eq(step.offset, rows[i].offset);
        /* A range that is right, and was refused: not again at once. */
        ck_assert_int_eq(f.retry_ns > 0, rows[i].what == FOLLOWER_NOTHING);
    }
}
END_TEST

START_TEST(other_errors_wait_longer_each_time_up_to_a_second)
{
    struct follower f;
    struct follower_step step;
    const struct follower_log log = { 0, 100 };
    struct follower_answer a = plain_answer(slice_null());
    uint64_t last = 0;
    follower_init(&f, 7, 0);
    for (int i = 0; i < 10; i++) {
        a.code = i % 2 ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_NOT_LEADER_OR_FOLLOWER;
        follower_answered(&f, &log, &a, S_NS, &step);
        ck_assert_int_eq(step.what, FOLLOWER_WAIT);
        ck_assert_uint_ge(f.retry_ns - S_NS, last);
        last = f.retry_ns - S_NS;
    }
    ck_assert_uint_eq(last, S_NS);
    a.code = KAFKA_NONE;
    follower_answered(&f, &log, &a, S_NS, &step);
    ck_assert_uint_eq(f.retry_ns, 0);
}
END_TEST

START_TEST(high_watermark_is_the_leaders_or_the_own_end)
{
    struct follower f;
    follower_init(&f, 7, 50);
    ck_assert(follower_advance(&f, 80, 100));
    ck_assert_int_eq(f.high_watermark, 80);
    ck_assert(follower_advance(&f, 120, 100));
    ck_assert_int_eq(f.high_watermark, 100);
    ck_assert(!follower_advance(&f, 70, 110)); /* a new leader that has yet to learn it */
    ck_assert_int_eq(f.high_watermark, 100);
    follower_truncated(&f, 60);
    ck_assert_int_eq(f.high_watermark, 60);
}
END_TEST

Suite *follower_suite(void)
{
    Suite *s = suite_create("follower");
    TCase *t = tcase_create("follower");
    tcase_add_test(t, whole_batches_that_begin_at_the_end_are_appended);
    tcase_add_test(t, a_gap_that_compaction_left_is_appended_an_overlap_is_not);
    tcase_add_test(t, an_empty_log_takes_a_batch_that_begins_before_it);
    tcase_add_test(t, a_damaged_batch_is_never_appended);
    tcase_add_test(t, offsets_that_fall_are_refused);
    tcase_add_test(t, truncation_follows_the_epochs);
    tcase_add_test(t, out_of_range_asks_for_the_leaders_offsets);
    tcase_add_test(t, other_errors_wait_longer_each_time_up_to_a_second);
    tcase_add_test(t, high_watermark_is_the_leaders_or_the_own_end);
    suite_add_tcase(s, t);
    return s;
}
