/* SPDX-License-Identifier: Apache-2.0 */
/* check_record_batch.c - batches: built, walked, stamped, cut and bent. */
#include "protocol/base/alloc.h"
#include "protocol/base/be.h"
#include "protocol/base/crc32c.h"
#include "protocol/base/rng.h"
#include "protocol/wire/record_batch.h"

#include <check.h>

Suite *record_batch_suite(void);

enum { RECORDS = 50, MAX_BYTES = 1 << 20 };

/* "h" -> "1", "null" -> null */
static const uint8_t headers[] = { 2, 'h', 2, '1', 8, 'n', 'u', 'l', 'l', 1 };

struct fixture {
    struct batch_builder builder;
    struct buf out, scratch, copy;
};

static void fixture_deinit(struct fixture *f)
{
    batch_builder_deinit(&f->builder);
    buf_deinit(&f->out);
    buf_deinit(&f->scratch);
    buf_deinit(&f->copy);
}

static struct record record_at(int i)
{
    static const char text[] = "a line that a program wrote, and another one behind it, and so on";
    struct record rec = { .timestamp_ms = 1700000000000 + (i % 7) * 1000 - i };
    rec.key = i % 3 ? slice_of(text, (size_t)i % 20) : slice_null();
    rec.value = i % 5 ? slice_of(text + i % 10, sizeof(text) - 11) : slice_null();
    if (i % 4 == 0) {
        rec.headers = slice_of(headers, sizeof(headers));
        rec.header_count = 2;
    }
    return rec;
}

/* A sealed batch of `count` records in f->copy. */
static struct slice build(struct fixture *f, enum codec codec, int count)
{
    batch_builder_reset(&f->builder);
    for (int i = 0; i < count; i++) {
        struct record rec = record_at(i);
        size_t most = batch_builder_size_with(&f->builder, rec.key.len, rec.value.len);
        batch_builder_append(&f->builder, &rec);
        ck_assert_uint_le(f->builder.buf.len, most + rec.headers.len);
    }
    struct batch_seal seal = {
        .codec = codec, .producer_id = 9, .producer_epoch = 3, .base_sequence = 77
    };
    struct slice bytes;
    ck_assert_int_eq(batch_builder_seal(&f->builder, &seal, &f->out, &bytes), ERR_OK);
    buf_reset(&f->copy);
    buf_append_slice(&f->copy, bytes);
    return buf_slice(&f->copy);
}

static enum err walk(struct fixture *f, struct slice bytes, int *ret_count)
{
    struct batch_view b;
    struct batch_iter it;
    struct record rec;
    *ret_count = 0;
    enum err err = batch_parse(bytes, &b);
    if (!err) {
        err = batch_iter_init(&it, &b, &f->scratch, MAX_BYTES);
    }
    while (!err && !(err = batch_iter_next(&it, &rec))) {
        (*ret_count)++;
    }
    return err;
}

static void records_come_back(struct fixture *f, enum codec codec)
{
    struct slice bytes = build(f, codec, RECORDS);
    batch_stamp(f->copy.ptr, 1000, 5);
    struct batch_view b;
    ck_assert_int_eq(batch_parse(bytes, &b), ERR_OK);
    ck_assert_int_eq(batch_check_crc(&b), ERR_OK);
    ck_assert_uint_eq(batch_codec(&b), codec);
    ck_assert_int_eq(b.base_offset, 1000);
    ck_assert_int_eq(b.leader_epoch, 5);
    ck_assert_int_eq(batch_last_offset(&b), 1000 + RECORDS - 1);
    ck_assert_int_eq(b.producer_id, 9);
    ck_assert_int_eq(b.producer_epoch, 3);
    ck_assert_int_eq(b.base_sequence, 77);
    struct batch_iter it;
    struct record got;
    int64_t max_timestamp_ms = 0;
    ck_assert_int_eq(batch_iter_init(&it, &b, &f->scratch, MAX_BYTES), ERR_OK);
    for (int i = 0; i < RECORDS; i++) {
        struct record want = record_at(i);
        ck_assert_int_eq(batch_iter_next(&it, &got), ERR_OK);
        ck_assert_int_eq(got.offset, 1000 + i);
        ck_assert_int_eq(got.timestamp_ms, want.timestamp_ms);
        ck_assert(slice_eq(got.key, want.key) && slice_is_null(got.key) == slice_is_null(want.key));
        ck_assert(slice_eq(got.value, want.value));
        ck_assert_int_eq(slice_is_null(got.value), slice_is_null(want.value));
        ck_assert_int_eq(got.header_count, want.header_count);
        ck_assert(slice_eq(got.headers, want.headers));
        if (want.timestamp_ms > max_timestamp_ms) {
            max_timestamp_ms = want.timestamp_ms;
        }
    }
    ck_assert_int_eq(batch_iter_next(&it, &got), ERR_NOT_FOUND);
    ck_assert_int_eq(batch_iter_next(&it, &got), ERR_NOT_FOUND);
    ck_assert_int_eq(b.base_timestamp_ms, record_at(0).timestamp_ms);
    ck_assert_int_eq(b.max_timestamp_ms, max_timestamp_ms);
}

START_TEST(records_come_back_through_every_codec)
{
    struct fixture f = { 0 };
    for (unsigned c = 0; c < CODEC_COUNT; c++) {
        records_come_back(&f, (enum codec)c);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(headers_are_walked_one_by_one)
{
    struct reader r = reader_of(slice_of(headers, sizeof(headers)));
    struct record_header h;
    ck_assert_int_eq(record_headers_next(&r, &h), ERR_OK);
    ck_assert(slice_eq_str(h.key, "h") && slice_eq_str(h.value, "1"));
    ck_assert_int_eq(record_headers_next(&r, &h), ERR_OK);
    ck_assert(slice_eq_str(h.key, "null") && slice_is_null(h.value));
    ck_assert_int_eq(record_headers_next(&r, &h), ERR_NOT_FOUND);
    for (size_t len = 1; len < sizeof(headers); len++) {
        enum err err = ERR_OK;
        r = reader_of(slice_of(headers, len));
        while (!err) {
            err = record_headers_next(&r, &h);
        }
        /* A cut between two headers is a shorter list. */
        ck_assert_int_eq(err, len == 4 ? ERR_NOT_FOUND : ERR_SHORT);
    }
    static const uint8_t null_key[] = { 1, 0 };
    r = reader_of(slice_of(null_key, 2));
    ck_assert_int_eq(record_headers_next(&r, &h), ERR_MALFORMED);
}
END_TEST

START_TEST(every_truncation_of_a_batch_is_short)
{
    struct fixture f = { 0 };
    struct slice bytes = build(&f, CODEC_NONE, RECORDS);
    for (size_t len = 0; len < bytes.len; len++) {
        struct batch_view b;
        uint8_t *copy = mem_alloc(len + 1);
        memcpy(copy, bytes.ptr, len);
        ck_assert_int_eq(batch_parse(slice_of(copy, len), &b), ERR_SHORT);
        int64_t size = batch_size(slice_of(copy, len));
        ck_assert_int_eq(size, len < 12 ? 0 : (int64_t)bytes.len);
        mem_free(copy);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(records_cut_inside_a_whole_batch_are_malformed)
{
    struct fixture f = { 0 };
    int count;
    for (unsigned c = 0; c < CODEC_COUNT; c++) {
        struct slice bytes = build(&f, (enum codec)c, RECORDS);
        for (size_t len = BATCH_HEADER_BYTES; len < bytes.len; len++) {
            be32_store(f.copy.ptr + 8, (uint32_t)(len - 12));
            enum err err = walk(&f, slice_head(bytes, len), &count);
            ck_assert_msg(err == ERR_MALFORMED || err == ERR_SHORT, "%s at %zu: error %d",
                          codec_name((enum codec)c), len, err);
        }
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_flipped_bit_fails_the_checksum)
{
    struct fixture f = { 0 };
    struct slice bytes = build(&f, CODEC_LZ4, RECORDS);
    for (size_t i = 17; i < bytes.len; i++) {
        struct batch_view b;
        f.copy.ptr[i] ^= 0x10;
        if (batch_parse(bytes, &b) == ERR_OK) {
            ck_assert_int_eq(batch_check_crc(&b), ERR_CHECKSUM);
        }
        f.copy.ptr[i] ^= 0x10;
    }
    fixture_deinit(&f);
}
END_TEST

/* What becomes of a batch whose header field at `at` holds another value. */
static enum err parse_with(struct fixture *f, enum codec codec, size_t at, size_t size,
                           uint64_t value)
{
    struct slice bytes = build(f, codec, RECORDS);
    uint8_t be[8];
    be64_store(be, value);
    memcpy(f->copy.ptr + at, be + 8 - size, size);
    struct batch_view b;
    return batch_parse(bytes, &b);
}

START_TEST(headers_that_cannot_be_are_refused)
{
    struct fixture f = { 0 };
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 8, 4, 48), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 8, 4, 0xffffffff), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 8, 4, 0x7fffffff), ERR_SHORT);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 16, 1, 1), ERR_UNSUPPORTED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 16, 1, 3), ERR_UNSUPPORTED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 21, 2, 5), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 23, 4, 0xffffffff), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 23, 4, RECORDS - 2), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 57, 4, 0xffffffff), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 57, 4, RECORDS + 1), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 0, 8, UINT64_MAX), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 0, 8, INT64_MAX), ERR_MALFORMED);
    ck_assert_int_eq(parse_with(&f, CODEC_NONE, 57, 4, RECORDS - 1), ERR_OK);
    fixture_deinit(&f);
}
END_TEST

START_TEST(count_and_bytes_must_run_out_together)
{
    struct fixture f = { 0 };
    int count;
    struct slice bytes = build(&f, CODEC_NONE, RECORDS);
    be32_store(f.copy.ptr + 57, RECORDS - 1);
    ck_assert_int_eq(walk(&f, bytes, &count), ERR_MALFORMED);
    ck_assert_int_eq(count, RECORDS - 1);
    bytes = build(&f, CODEC_ZSTD, RECORDS);
    be32_store(f.copy.ptr + 57, RECORDS + 1);
    be32_store(f.copy.ptr + 23, RECORDS);
    ck_assert_int_eq(walk(&f, bytes, &count), ERR_SHORT);
    ck_assert_int_eq(count, RECORDS);
    bytes = build(&f, CODEC_NONE, RECORDS);
    buf_append_byte(&f.copy, 0);
    be32_store(f.copy.ptr + 8, (uint32_t)(f.copy.len - 12));
    bytes = buf_slice(&f.copy);
    ck_assert_int_eq(walk(&f, bytes, &count), ERR_MALFORMED);
    fixture_deinit(&f);
}
END_TEST

START_TEST(bytes_left_inside_a_record_are_malformed)
{
    /* length 7: attributes, deltas, null key, null value, no headers, one byte too many */
    static const uint8_t extra[] = { 14, 0, 0, 0, 1, 1, 0, 9 };
    /* one header said, none there */
    static const uint8_t missing[] = { 12, 0, 0, 0, 1, 1, 2 };
    /* an offset delta beyond the batch's last */
    static const uint8_t beyond[] = { 12, 0, 0, 2, 1, 1, 0 };
    /* a value length of -2 */
    static const uint8_t negative[] = { 12, 0, 0, 0, 1, 3, 0 };
    static const uint8_t fine[] = { 12, 0, 0, 0, 1, 1, 0 };
    const struct slice records[] = { slice_of(extra, sizeof(extra)),
                                     slice_of(missing, sizeof(missing)),
                                     slice_of(beyond, sizeof(beyond)),
                                     slice_of(negative, sizeof(negative)),
                                     slice_of(fine, sizeof(fine)) };
    struct fixture f = { 0 };
    int count;
    for (size_t i = 0; i < 5; i++) {
        (void)build(&f, CODEC_NONE, 1);
        f.copy.len = BATCH_HEADER_BYTES;
        buf_append_slice(&f.copy, records[i]);
        be32_store(f.copy.ptr + 8, (uint32_t)(f.copy.len - 12));
        ck_assert_int_eq(walk(&f, buf_slice(&f.copy), &count),
                         i == 4 ? ERR_NOT_FOUND : ERR_MALFORMED);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(records_above_the_cap_are_a_limit)
{
    struct fixture f = { 0 };
    for (unsigned c = 0; c < CODEC_COUNT; c++) {
        struct batch_view b;
        struct batch_iter it;
        ck_assert_int_eq(batch_parse(build(&f, (enum codec)c, RECORDS), &b), ERR_OK);
        ck_assert_int_eq(batch_iter_init(&it, &b, &f.scratch, 100), ERR_LIMIT);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(stamps_keep_the_checksum_right)
{
    struct fixture f = { 0 };
    struct batch_view b;
    struct batch_iter it;
    struct record rec;
    struct slice bytes = build(&f, CODEC_NONE, RECORDS);
    batch_stamp(f.copy.ptr, INT64_C(1) << 40, 7);
    batch_stamp_append_time(f.copy.ptr, 1800000000000);
    batch_stamp_producer(f.copy.ptr, 12, 4, 100);
    ck_assert_int_eq(batch_parse(bytes, &b), ERR_OK);
    ck_assert_int_eq(batch_check_crc(&b), ERR_OK);
    ck_assert_int_eq(b.base_offset, INT64_C(1) << 40);
    ck_assert_int_eq(b.producer_id, 12);
    ck_assert_int_eq(b.producer_epoch, 4);
    ck_assert_int_eq(b.base_sequence, 100);
    ck_assert_int_eq(batch_iter_init(&it, &b, &f.scratch, MAX_BYTES), ERR_OK);
    ck_assert_int_eq(batch_iter_next(&it, &rec), ERR_OK);
    ck_assert_int_eq(rec.timestamp_ms, 1800000000000);
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_batch_that_does_not_shrink_stays_plain)
{
    struct fixture f = { 0 };
    struct batch_view b;
    struct rng rng;
    uint8_t noise[200];
    rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t)rng_next(&rng);
    }
    for (unsigned c = 1; c < CODEC_COUNT; c++) {
        struct record rec = { .value = slice_of(noise, sizeof(noise)) };
        struct batch_seal seal = { .codec = (enum codec)c, .producer_id = -1 };
        struct slice bytes;
        batch_builder_reset(&f.builder);
        batch_builder_append(&f.builder, &rec);
        ck_assert_int_eq(batch_builder_seal(&f.builder, &seal, &f.out, &bytes), ERR_OK);
        ck_assert_int_eq(batch_parse(bytes, &b), ERR_OK);
        ck_assert_int_eq(batch_check_crc(&b), ERR_OK);
        ck_assert_uint_eq(batch_codec(&b), CODEC_NONE);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(an_empty_builder_seals_nothing)
{
    struct fixture f = { 0 };
    struct batch_seal seal = { .producer_id = -1 };
    struct slice bytes;
    ck_assert_int_eq(batch_builder_seal(&f.builder, &seal, &f.out, &bytes), ERR_INVALID);
    fixture_deinit(&f);
}
END_TEST

START_TEST(timestamps_far_apart_come_back)
{
    struct fixture f = { 0 };
    struct batch_view b;
    struct batch_iter it;
    struct record rec = { .timestamp_ms = INT64_MAX }, got;
    struct batch_seal seal = { .producer_id = -1 };
    struct slice bytes;
    batch_builder_append(&f.builder, &rec);
    rec.timestamp_ms = INT64_MIN;
    batch_builder_append(&f.builder, &rec);
    ck_assert_int_eq(batch_builder_seal(&f.builder, &seal, &f.out, &bytes), ERR_OK);
    ck_assert_int_eq(batch_parse(bytes, &b), ERR_OK);
    ck_assert_int_eq(batch_iter_init(&it, &b, &f.scratch, MAX_BYTES), ERR_OK);
    ck_assert_int_eq(batch_iter_next(&it, &got), ERR_OK);
    ck_assert_int_eq(got.timestamp_ms, INT64_MAX);
    ck_assert_int_eq(batch_iter_next(&it, &got), ERR_OK);
    ck_assert_int_eq(got.timestamp_ms, INT64_MIN);
    fixture_deinit(&f);
}
END_TEST

Suite *record_batch_suite(void)
{
    Suite *s = suite_create("record_batch");
    TCase *t = tcase_create("record_batch");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, records_come_back_through_every_codec);
    tcase_add_test(t, headers_are_walked_one_by_one);
    tcase_add_test(t, every_truncation_of_a_batch_is_short);
    tcase_add_test(t, records_cut_inside_a_whole_batch_are_malformed);
    tcase_add_test(t, a_flipped_bit_fails_the_checksum);
    tcase_add_test(t, headers_that_cannot_be_are_refused);
    tcase_add_test(t, count_and_bytes_must_run_out_together);
    tcase_add_test(t, bytes_left_inside_a_record_are_malformed);
    tcase_add_test(t, records_above_the_cap_are_a_limit);
    tcase_add_test(t, stamps_keep_the_checksum_right);
    tcase_add_test(t, a_batch_that_does_not_shrink_stays_plain);
    tcase_add_test(t, an_empty_builder_seals_nothing);
    tcase_add_test(t, timestamps_far_apart_come_back);
    suite_add_tcase(s, t);
    return s;
}
