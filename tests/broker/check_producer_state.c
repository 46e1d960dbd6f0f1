/* SPDX-License-Identifier: Apache-2.0 */
/* check_producer_state.c - idempotent producers of a partition, and their snapshots. */
#include "tests/broker/storage_fixture.h"

#include "broker/storage/producer_snapshot.h"

static struct producer_batch batch(int64_t id, int16_t epoch, int32_t base, int32_t count,
                                   int64_t last_offset)
{
    return (struct producer_batch){ .producer_id = id,
                                    .producer_epoch = epoch,
                                    .base_sequence = base,
                                    .last_sequence = producer_sequence_add(base, count - 1),
                                    .last_offset = last_offset,
                                    .offset_delta = count - 1,
                                    .timestamp_ms = 1000 + last_offset };
}

START_TEST(verdicts_follow_the_table)
{
    /* producer 1, epoch 5, has written sequences 0..59 in batches of 10 at offsets 0..59 */
    static const struct {
        int64_t id;
        int16_t epoch;
        int32_t base, count;
        enum producer_verdict verdict;
        int64_t old_last_offset;
    } rows[] = {
        { 1, 5, 60, 10, PRODUCER_OK, 0 },
        { 1, 5, 60, 1, PRODUCER_OK, 0 },
        { 1, 5, 50, 10, PRODUCER_DUPLICATE, 59 },
        { 1, 5, 10, 10, PRODUCER_DUPLICATE, 19 },  /* the oldest of five */
        { 1, 5, 0, 10, PRODUCER_OUT_OF_ORDER, 0 }, /* the sixth is forgotten */
        { 1, 5, 50, 9, PRODUCER_OUT_OF_ORDER, 0 }, /* not the same batch */
        { 1, 5, 61, 1, PRODUCER_OUT_OF_ORDER, 0 },
        { 1, 4, 60, 1, PRODUCER_EPOCH_FENCED, 0 },
        { 1, 4, 50, 10, PRODUCER_EPOCH_FENCED, 0 },
        { 1, 6, 0, 10, PRODUCER_OK, 0 },
        { 1, 6, 60, 1, PRODUCER_OUT_OF_ORDER, 0 },
        { 2, 0, 0, 1, PRODUCER_OK, 0 },
        { 2, 0, 4711, 1, PRODUCER_OK, 0 }, /* unknown: evicted, perhaps */
    };
    struct producer_state s = { 0 };
    for (int i = 0; i < 6; i++) {
        struct producer_batch b = batch(1, 5, 10 * i, 10, 10 * i + 9);
        producer_state_update(&s, &b);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct producer_batch b = batch(rows[i].id, rows[i].epoch, rows[i].base, rows[i].count, 0);
        struct producer_kept old = { 0 };
        ck_assert_msg(producer_state_check(&s, &b, &old) == rows[i].verdict, "row %zu", i);
        ck_assert_int_eq(old.last_offset, rows[i].old_last_offset);
    }
    ck_assert_int_eq(s.map_end_offset, 60);
    producer_state_deinit(&s);
}
END_TEST

START_TEST(sequences_wrap_behind_the_greatest_int)
{
    struct producer_state s = { 0 };
    struct producer_batch b = batch(1, 0, INT32_MAX - 3, 8, 7); /* ... MAX, 0, 1, 2, 3 */
    ck_assert_int_eq(b.last_sequence, 3);
    producer_state_update(&s, &b);
    struct producer_kept old;
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_DUPLICATE);
    b = batch(1, 0, 4, 1, 8);
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_OK);
    b = batch(1, 0, 5, 1, 8);
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_OUT_OF_ORDER);
    b = batch(2, 0, INT32_MAX, 1, 8);
    producer_state_update(&s, &b);
    b = batch(2, 0, 0, 1, 9);
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_OK);
    producer_state_deinit(&s);
}
END_TEST

START_TEST(a_new_epoch_forgets_the_batches_of_the_old_one)
{
    struct producer_state s = { 0 };
    struct producer_kept old;
    struct producer_batch b = batch(1, 0, 0, 10, 9);
    producer_state_update(&s, &b);
    b = batch(1, 1, 0, 10, 19);
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_OK);
    producer_state_update(&s, &b);
    ck_assert_int_eq(producer_state_check(&s, &b, &old), PRODUCER_DUPLICATE);
    ck_assert_int_eq(old.last_offset, 19);
    ck_assert_uint_eq(producer_state_find(&s, 1)->kept_count, 1);
    producer_state_deinit(&s);
}
END_TEST

START_TEST(silent_producers_expire_unless_a_transaction_is_open)
{
    struct producer_state s = { 0 };
    for (int i = 0; i < 10; i++) {
        struct producer_batch b = batch(i, 0, 0, 1, 100 * i); /* timestamps 1000 + 100 i */
        producer_state_update(&s, &b);
    }
    struct producer_entry open = *producer_state_find(&s, 0);
    open.current_txn_first_offset = 3;
    producer_state_restore(&s, &open);
    ck_assert_uint_eq(producer_state_expire(&s, 1500 + 1000, 1000), 5);
    ck_assert_uint_eq(producer_state_count(&s), 5);
    ck_assert(producer_state_find(&s, 0) != NULL);
    ck_assert(producer_state_find(&s, 5) == NULL);
    ck_assert(producer_state_find(&s, 6) != NULL);
    producer_state_deinit(&s);
}
END_TEST

START_TEST(a_snapshot_gives_back_the_last_batch_of_each_producer)
{
    struct producer_state s = { 0 }, back = { 0 };
    struct buf bytes = { 0 };
    for (int i = 0; i < 20; i++) {
        struct producer_batch b = batch(i % 4, (int16_t)i, 0, 1 + i, 50 + i);
        producer_state_update(&s, &b);
    }
    producer_snapshot_encode(&s, &bytes);
    ck_assert_uint_eq(bytes.len, 10 + 4 * 46);
    ck_assert(producer_snapshot_decode(buf_slice(&bytes), &back) == ERR_OK);
    ck_assert_uint_eq(producer_state_count(&back), 4);
    for (int i = 0; i < 4; i++) {
        const struct producer_entry *a = producer_state_find(&s, i);
        const struct producer_entry *b = producer_state_find(&back, i);
        ck_assert_int_eq(a->epoch, b->epoch);
        ck_assert_uint_eq(b->kept_count, 1);
        ck_assert_int_eq(a->kept[a->kept_count - 1].last_offset, b->kept[0].last_offset);
        ck_assert_int_eq(a->kept[a->kept_count - 1].last_sequence, b->kept[0].last_sequence);
        ck_assert_int_eq(a->last_timestamp_ms, b->last_timestamp_ms);
        ck_assert_int_eq(b->coordinator_epoch, -1);
        ck_assert_int_eq(b->current_txn_first_offset, -1);
    }
    producer_state_deinit(&back);
    for (size_t len = 0; len < bytes.len; len++) { /* torn anywhere: refused, nothing taken */
        ck_assert(producer_snapshot_decode(slice_head(buf_slice(&bytes), len), &back) != ERR_OK);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 0x10;
        ck_assert(producer_snapshot_decode(buf_slice(&bytes), &back) != ERR_OK);
        bytes.ptr[i] ^= 0x10;
    }
    ck_assert_uint_eq(producer_state_count(&back), 0);
    producer_state_deinit(&back);
    producer_state_deinit(&s);
    buf_deinit(&bytes);
}
END_TEST

Suite *producer_state_suite(void)
{
    Suite *s = suite_create("replica/producer_state");
    TCase *t = tcase_create("producer_state");
    tcase_add_test(t, verdicts_follow_the_table);
    tcase_add_test(t, sequences_wrap_behind_the_greatest_int);
    tcase_add_test(t, a_new_epoch_forgets_the_batches_of_the_old_one);
    tcase_add_test(t, silent_producers_expire_unless_a_transaction_is_open);
    tcase_add_test(t, a_snapshot_gives_back_the_last_batch_of_each_producer);
    suite_add_tcase(s, t);
    return s;
}
