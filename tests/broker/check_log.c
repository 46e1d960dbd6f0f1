/* SPDX-License-Identifier: Apache-2.0 */
/* check_log.c - append, read, roll, retention, truncation, look-ups by time of
 * broker/storage/log. */
#include "tests/broker/storage_fixture.h"

#include "broker/storage/append_info.h"
#include "protocol/base/rng.h"

static struct store st;

static void setup(void)
{
    store_init(&st);
}

static void teardown(void)
{
    store_deinit(&st);
}

START_TEST(what_is_appended_is_read_back_across_segments)
{
    for (int i = 0; i < 200; i++) {
        ck_assert(store_append(&st, 1 + i % 7, 50, 1000 + i) == ERR_OK);
    }
    ck_assert_uint_gt(st.log->segment_count, 3);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), st.log->end_offset);
    for (int64_t from = 0; from < st.log->end_offset; from += 13) {
        ck_assert_int_eq(store_read_all(&st, from, INT64_MAX), st.log->end_offset);
    }
}
END_TEST

START_TEST(a_read_never_passes_the_upper_offset)
{
    for (int i = 0; i < 60; i++) {
        ck_assert(store_append(&st, 3, 40, 1000 + i) == ERR_OK);
    }
    for (int64_t upper = 0; upper <= st.log->end_offset; upper++) {
        /* a batch that reaches across the upper offset must stay back as a whole */
        ck_assert_int_eq(store_read_all(&st, 0, upper), upper - upper % 3);
    }
}
END_TEST

START_TEST(the_first_batch_is_whole_however_little_was_asked_for)
{
    ck_assert(store_append(&st, 1, 500, 1) == ERR_OK);
    ck_assert(store_append(&st, 1, 500, 2) == ERR_OK);
    struct log_range r;
    ck_assert(log_read(st.log, 0, 10, INT64_MAX, true, &r) == ERR_OK);
    uint32_t size = st.log->hints[0].size_bytes;
    ck_assert_uint_eq(r.len, size);
    open_file_unref(r.file);
    ck_assert(log_read(st.log, 0, 10, INT64_MAX, false, &r) == ERR_OK);
    ck_assert_uint_eq(r.len, 10);
    open_file_unref(r.file);
    ck_assert(log_read(st.log, 0, size + 7, INT64_MAX, true, &r) == ERR_OK);
    ck_assert_uint_eq(r.len, size + 7);
    open_file_unref(r.file);
    ck_assert(log_read(st.log, 2, 10, INT64_MAX, true, &r) == ERR_OK);
    ck_assert_uint_eq(r.len, 0);
    ck_assert(log_read(st.log, 3, 10, INT64_MAX, true, &r) == ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_range_stays_readable_after_its_segment_was_deleted)
{
    struct error err;
    struct log_range r;
    uint32_t deleted;
    for (int i = 0; i < 100; i++) {
        ck_assert(store_append(&st, 1, 100, 1000) == ERR_OK);
    }
    ck_assert(log_read(st.log, 0, 4096, INT64_MAX, true, &r) == ERR_OK);
    st.config.retention_ms = 1;
    st.config.file_delete_delay_ms = 0;
    log_set_config(st.log, &st.config);
    ck_assert(log_retain(st.log, 1 << 30, st.log->end_offset, &deleted, &err) == ERR_OK);
    ck_assert_uint_gt(deleted, 2);
    ck_assert_int_eq(st.log->start_offset, st.log->end_offset);
    int64_t next;
    ck_assert(log_unlink_due(st.log, 1 << 30, &next, &err) == ERR_OK);
    ck_assert_int_eq(next, -1);
    uint8_t bytes[4096];
    size_t got;
    ck_assert(st.files.vfs->ops->pread(st.files.vfs, r.file->file, bytes, r.len, r.position,
                                       &got) == ERR_OK);
    struct batch_view b;
    ck_assert_uint_eq(got, r.len);
    ck_assert(batch_parse(slice_of(bytes, got), &b) == ERR_OK && batch_check_crc(&b) == ERR_OK);
    open_file_unref(r.file);
    ck_assert(log_read(st.log, 0, 100, INT64_MAX, true, &r) == ERR_NOT_FOUND);
    ck_assert(store_append(&st, 2, 30, 2000) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, st.log->start_offset, INT64_MAX), st.log->end_offset);
}
END_TEST

START_TEST(retention_by_size_keeps_at_least_the_size_and_spares_the_high_watermark)
{
    struct error err;
    uint32_t deleted;
    for (int i = 0; i < 200; i++) {
        ck_assert(store_append(&st, 1, 100, st.now_ms) == ERR_OK);
    }
    st.config.retention_bytes = 10000;
    log_set_config(st.log, &st.config);
    ck_assert(log_retain(st.log, st.now_ms, 0, &deleted, &err) == ERR_OK);
    ck_assert_uint_eq(deleted, 0);
    ck_assert(log_retain(st.log, st.now_ms, st.log->end_offset, &deleted, &err) == ERR_OK);
    ck_assert_uint_gt(deleted, 0);
    ck_assert_uint_ge(st.log->size_bytes, 10000);
    ck_assert_uint_lt(st.log->size_bytes, 10000 + 4096);
    ck_assert_int_eq(st.log->start_offset, st.log->segments[0]->base_offset);
}
END_TEST

START_TEST(deleting_records_moves_the_start_and_frees_whole_segments)
{
    struct error err;
    uint32_t deleted;
    for (int i = 0; i < 200; i++) {
        ck_assert(store_append(&st, 1, 100, st.now_ms) == ERR_OK);
    }
    ck_assert(log_advance_start(st.log, 201, &err) == ERR_INVALID);
    ck_assert(log_advance_start(st.log, 77, &err) == ERR_OK);
    ck_assert(log_retain(st.log, st.now_ms, 200, &deleted, &err) == ERR_OK);
    ck_assert_uint_gt(deleted, 0);
    ck_assert_int_eq(st.log->start_offset, 77);
    ck_assert_int_eq(store_read_all(&st, 77, INT64_MAX), 200);
}
END_TEST

START_TEST(a_segment_rolls_when_its_records_are_older_than_segment_ms)
{
    st.config.segment_ms = 1000;
    log_set_config(st.log, &st.config);
    ck_assert(store_append(&st, 1, 10, 5000) == ERR_OK);
    ck_assert(store_append(&st, 1, 10, 6000) == ERR_OK);
    ck_assert_uint_eq(st.log->segment_count, 1);
    ck_assert(store_append(&st, 1, 10, 6001) == ERR_OK);
    ck_assert_uint_eq(st.log->segment_count, 2);
    ck_assert_int_eq(st.log->segments[1]->base_offset, 2);
}
END_TEST

START_TEST(a_full_index_rolls_the_segment)
{
    st.config.segment_bytes = 1 << 20;
    st.config.segment_index_bytes = 5 * 12;
    log_set_config(st.log, &st.config);
    for (int i = 0; i < 40; i++) {
        ck_assert(store_append(&st, 1, 300, 1000 + i) == ERR_OK);
    }
    ck_assert_uint_gt(st.log->segment_count, 3);
    for (uint32_t i = 0; i + 1 < st.log->segment_count; i++) {
        ck_assert_uint_le(entry_file_count(&st.log->segments[i]->times.file), 6);
    }
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 40);
}
END_TEST

START_TEST(time_lookups_find_the_first_record_at_or_after)
{
    struct log_timestamp t;
    for (int i = 0; i < 100; i++) { /* timestamps 10 apart, three records a millisecond apart */
        ck_assert(store_append(&st, 3, 60, 1000 + 10 * i) == ERR_OK);
    }
    for (int64_t ts = 990; ts < 1993; ts++) {
        int64_t i = ts <= 1000 ? 0 : (ts - 1000) / 10, rest = ts <= 1000 ? 0 : (ts - 1000) % 10;
        int64_t want = rest < 3 ? 3 * i + rest : 3 * (i + 1);
        ck_assert(log_find_timestamp(st.log, ts, INT64_MAX, &t) == ERR_OK);
        ck_assert_int_eq(t.offset, want);
        ck_assert_int_ge(t.timestamp_ms, ts);
        ck_assert_int_eq(t.leader_epoch, 0);
    }
    ck_assert(log_find_timestamp(st.log, 1993, INT64_MAX, &t) == ERR_OK);
    ck_assert_int_eq(t.offset, -1);
    ck_assert(log_find_timestamp(st.log, 1500, 150, &t) == ERR_OK); /* 150 is the first one */
    ck_assert_int_eq(t.offset, -1);
    ck_assert(store_append(&st, 1, 60, 5) == ERR_OK);
    ck_assert(log_find_max_timestamp(st.log, &t) == ERR_OK);
    ck_assert_int_eq(t.offset, 299);
    ck_assert_int_eq(t.timestamp_ms, 1992);
}
END_TEST

START_TEST(truncation_cuts_at_the_batch_and_forgets_later_epochs)
{
    struct error err;
    for (int i = 0; i < 100; i++) {
        struct slice b = store_batch(&st, st.log->end_offset, i / 20, 2, 80, 1000 + i);
        ck_assert(log_append(st.log, b, st.now_ms, &err) == ERR_OK);
    }
    int32_t epoch;
    int64_t end;
    leader_epochs_end_of(&st.log->epochs, 2, st.log->end_offset, &epoch, &end);
    ck_assert_int_eq(epoch, 2);
    ck_assert_int_eq(end, 120);
    ck_assert(log_truncate_to(st.log, 101, st.now_ms, &err) == ERR_OK);
    ck_assert_int_eq(st.log->end_offset, 100);
    ck_assert_int_eq(leader_epochs_latest(&st.log->epochs), 2);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 100);
    ck_assert(store_append(&st, 2, 80, 9000) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 102);
    ck_assert(log_truncate_all(st.log, 500, st.now_ms, &err) == ERR_OK);
    ck_assert_int_eq(st.log->start_offset, 500);
    ck_assert(store_append(&st, 2, 80, 9000) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, 500, INT64_MAX), 502);
}
END_TEST

START_TEST(a_log_that_begins_anew_knows_the_producers_it_was_told_of_and_no_others)
{
    struct error err;
    struct producer_state known = { 0 };
    struct producer_batch told = {
        .producer_id = 9,
        .base_sequence = 4,
        .last_sequence = 6,
        .offset_delta = 2,
        .last_offset = 498,
    };
    ck_assert(store_append_producer(&st, 7, 0, 0, 2) == ERR_OK); /* never committed */
    producer_state_update(&known, &told);
    ck_assert(log_restart(st.log, 500, &known, st.now_ms, &err) == ERR_OK);
    producer_state_deinit(&known);
    for (int lives = 0; lives < 2; lives++) {
        struct producer_kept kept;
        ck_assert_int_eq(st.log->start_offset, 500);
        ck_assert_int_eq(st.log->end_offset, 500);
        ck_assert_ptr_null(producer_state_find(&st.log->producers, 7));
        ck_assert_int_eq(log_check_producer(st.log, &told, &kept), PRODUCER_DUPLICATE);
        ck_assert_int_eq(kept.last_offset - kept.offset_delta, 496);
        store_kill(&st);
        ck_assert(store_open(&st, false, -1) == ERR_OK);
    }
}
END_TEST

/* The _i-th change of the disk is the last one. */
START_TEST(a_log_that_begins_anew_and_is_cut_short_has_not_forgotten_the_producers)
{
    struct error err;
    struct producer_state known = { 0 };
    struct producer_batch told = { .producer_id = 9, .last_offset = 499 };
    ck_assert(store_append(&st, 2, 10, 1) == ERR_OK);
    producer_state_update(&known, &told);
    st.disk.countdown = _i;
    st.disk.fail_on = true;
    st.disk.fail_with = ERR_IO;
    (void)log_restart(st.log, 500, &known, st.now_ms, &err);
    producer_state_deinit(&known);
    store_kill(&st);
    st.disk.countdown = 0;
    st.disk.fail_on = false;
    ck_assert(store_open(&st, false, -1) == ERR_OK);
    ck_assert(st.log->end_offset < 500 || producer_state_find(&st.log->producers, 9) != NULL);
}
END_TEST

START_TEST(offsets_that_go_back_are_refused)
{
    struct error err;
    ck_assert(store_append(&st, 5, 10, 1) == ERR_OK);
    ck_assert(log_append(st.log, store_batch(&st, 4, 0, 1, 10, 1), 1, &err) == ERR_INVALID);
    ck_assert_int_eq(st.log->end_offset, 5);
    ck_assert(log_append(st.log, store_batch(&st, 9, 0, 1, 10, 1), 1, &err) == ERR_OK);
    ck_assert_int_eq(st.log->end_offset, 10);
}
END_TEST

START_TEST(deletion_frees_the_name_at_once)
{
    struct error err;
    struct uuid id = { { 0xab } };
    char old[320];
    (void)snprintf(old, sizeof(old), "%s", st.dir);
    ck_assert(store_append(&st, 1, 10, 1) == ERR_OK);
    ck_assert(log_delete_begin(st.log, &id, &err) == ERR_OK);
    struct vfs_stat stat;
    ck_assert(vfs_posix()->ops->stat(vfs_posix(), old, &stat) == ERR_NOT_FOUND);
    ck_assert(strstr(st.log->home.dir, "/t-0.ab000000000000000000000000000000-delete") != NULL);
    ck_assert(vfs_remove_dir(vfs_posix(), st.log->home.dir, &err) == ERR_OK);
}
END_TEST

static enum kafka_error check_bytes(struct slice s, bool from_client, struct append_info *info)
{
    struct append_rules rules = { .batch_bytes_max = 10000,
                                  .from_client = from_client,
                                  .zstd_allowed = true };
    struct error err;
    return append_info_check(s, &rules, info, &err);
}

START_TEST(client_batches_are_checked_before_they_are_stamped)
{
    struct append_info info;
    struct slice b = store_batch(&st, 0, -1, 4, 100, 1000);
    uint8_t *bytes = (uint8_t *)(uintptr_t)b.ptr;
    ck_assert_int_eq(check_bytes(b, true, &info), KAFKA_NONE);
    ck_assert_int_eq(info.offset_count, 4);
    ck_assert_int_eq(info.max_timestamp_ms, 1003);
    ck_assert_int_eq(info.max_timestamp_delta, 3);
    for (size_t len = 1; len < b.len; len++) {
        ck_assert_int_eq(check_bytes(slice_head(b, len), true, &info), KAFKA_CORRUPT_MESSAGE);
    }
    for (size_t i = 16; i < b.len; i++) { /* every byte from the magic on is covered */
        bytes[i] ^= 0x40;
        ck_assert_int_ne(check_bytes(b, true, &info), KAFKA_NONE);
        bytes[i] ^= 0x40;
    }
    append_info_stamp(bytes, b.len, 77, 5, -1);
    struct batch_view view;
    ck_assert(batch_parse(b, &view) == ERR_OK && batch_check_crc(&view) == ERR_OK);
    ck_assert_int_eq(view.base_offset, 77);
    ck_assert_int_eq(view.leader_epoch, 5);
    append_info_stamp(bytes, b.len, 78, 5, 123456);
    ck_assert(batch_parse(b, &view) == ERR_OK && batch_check_crc(&view) == ERR_OK);
    ck_assert_int_eq(view.max_timestamp_ms, 123456);
    ck_assert_int_eq(check_bytes(slice_of("", 0), true, &info), KAFKA_INVALID_RECORD);
    b = store_batch(&st, 0, -1, 1, 20000, 1000);
    ck_assert_int_eq(check_bytes(b, true, &info), KAFKA_MESSAGE_TOO_LARGE);
}
END_TEST

/* A log against a list of batch borders: random appends, reads, rolls, retention, truncation,
 * kills. */
START_TEST(a_log_does_what_the_model_does)
{
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 1);
    struct error err;
    int64_t borders[4000] = { 0 }; /* base offsets of batches, then the end */
    uint32_t count = 0;
    int64_t start = 0, ts = 1000;
    for (int step = 0; step < 400; step++) {
        uint64_t dice = rng_below(&rng, 100);
        if (dice < 60) {
            int records = 1 + (int)rng_below(&rng, 5);
            ck_assert(store_append(&st, records, rng_below(&rng, 300), ts) == ERR_OK);
            borders[count + 1] = borders[count] + records;
            count++;
            ts += (int64_t)rng_below(&rng, 3);
        } else if (dice < 65) {
            ck_assert(log_roll(st.log, st.now_ms, &err) == ERR_OK);
        } else if (dice < 70) {
            uint32_t deleted;
            start = st.log->end_offset > start
                        ? start + (int64_t)rng_below(&rng, (uint64_t)(st.log->end_offset - start))
                        : start;
            ck_assert(log_advance_start(st.log, start, &err) == ERR_OK);
            ck_assert(log_retain(st.log, st.now_ms, st.log->end_offset, &deleted, &err) == ERR_OK);
        } else if (dice < 73 && count && borders[count - 1] >= start) {
            ck_assert(log_truncate_to(st.log, borders[count] - 1, st.now_ms, &err) == ERR_OK);
            count--;
        } else if (dice < 76) {
            ck_assert(log_write_epochs(st.log, &err) == ERR_OK);
            int64_t point = (int64_t)rng_below(&rng, (uint64_t)borders[count] + 1);
            store_kill(&st);
            ck_assert(store_open(&st, false, point) == ERR_OK);
            ck_assert(log_advance_start(st.log, start, &err) == ERR_OK);
        } else if (dice < 79) {
            ck_assert(log_shutdown(st.log, &err) == ERR_OK);
            ck_assert(!log_needs_flush(st.log));
            store_kill(&st);
            ck_assert(store_open(&st, true, borders[count]) == ERR_OK);
            ck_assert(log_advance_start(st.log, start, &err) == ERR_OK);
        } else if (borders[count] > start) {
            int64_t from = start + (int64_t)rng_below(&rng, (uint64_t)(borders[count] - start));
            uint32_t pick = (uint32_t)rng_below(&rng, count + 1);
            int64_t end = store_read_all(&st, from, borders[pick]);
            ck_assert_int_eq(end, borders[pick] > from ? borders[pick] : from);
        }
        ck_assert_int_eq(st.log->end_offset, borders[count]);
        ck_assert_int_eq(st.log->start_offset, start);
        ck_assert_uint_le(st.files.open_count, st.files.open_max);
    }
    ck_assert_int_eq(store_read_all(&st, start, INT64_MAX), borders[count]);
}
END_TEST

Suite *log_suite(void)
{
    Suite *s = suite_create("storage/log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_appended_is_read_back_across_segments);
    tcase_add_test(t, a_read_never_passes_the_upper_offset);
    tcase_add_test(t, the_first_batch_is_whole_however_little_was_asked_for);
    tcase_add_test(t, a_range_stays_readable_after_its_segment_was_deleted);
    tcase_add_test(t, retention_by_size_keeps_at_least_the_size_and_spares_the_high_watermark);
    tcase_add_test(t, deleting_records_moves_the_start_and_frees_whole_segments);
    tcase_add_test(t, a_segment_rolls_when_its_records_are_older_than_segment_ms);
    tcase_add_test(t, a_full_index_rolls_the_segment);
    tcase_add_test(t, time_lookups_find_the_first_record_at_or_after);
    tcase_add_test(t, truncation_cuts_at_the_batch_and_forgets_later_epochs);
    tcase_add_test(t, a_log_that_begins_anew_knows_the_producers_it_was_told_of_and_no_others);
    tcase_add_loop_test(t, a_log_that_begins_anew_and_is_cut_short_has_not_forgotten_the_producers,
                        1, 30);
    tcase_add_test(t, offsets_that_go_back_are_refused);
    tcase_add_test(t, deletion_frees_the_name_at_once);
    tcase_add_test(t, client_batches_are_checked_before_they_are_stamped);
    tcase_add_loop_test(t, a_log_does_what_the_model_does, 0, 30);
    suite_add_tcase(s, t);
    return s;
}
