/* SPDX-License-Identifier: Apache-2.0 */
/* check_reader.c - varints and the sticking errors of the reader. */
#include "protocol/base/rng.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

#include <check.h>

Suite *reader_suite(void);

START_TEST(varints_of_every_length_come_back)
{
    struct rng rng;
    struct buf b = { 0 };
    rng_seed(&rng, 11);
    for (int i = 0; i < 20000; i++) {
        int64_t v = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
        v = i & 1 ? -v : v;
        struct writer w;
        buf_reset(&b);
        writer_init(&w, &b);
        writer_uvarlong(&w, (uint64_t)v);
        writer_varlong(&w, v);
        writer_uvarint(&w, (uint32_t)v);
        writer_varint(&w, (int32_t)v);
        ck_assert_uint_eq(b.len, uvarint_size((uint64_t)v) + uvarint_size(zigzag(v)) +
                                     uvarint_size((uint32_t)v) +
                                     uvarint_size((uint32_t)zigzag((int32_t)v)));
        struct reader r = reader_of(buf_slice(&b));
        ck_assert_uint_eq(reader_uvarlong(&r), (uint64_t)v);
        ck_assert_int_eq(reader_varlong(&r), v);
        ck_assert_uint_eq(reader_uvarint(&r), (uint32_t)v);
        ck_assert_int_eq(reader_varint(&r), (int32_t)v);
        ck_assert(!r.err && !reader_left(&r));
    }
    buf_deinit(&b);
}
END_TEST

START_TEST(varints_that_are_cut_are_short_and_too_long_ones_malformed)
{
    static const uint8_t ones[11] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
    static const uint8_t over32[] = { 0xff, 0xff, 0xff, 0xff, 0x10 };
    static const uint8_t over64[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
    for (size_t len = 0; len < 10; len++) {
        struct reader r = reader_of(slice_of(ones, len));
        (void)reader_uvarlong(&r);
        ck_assert_int_eq(r.err, ERR_SHORT);
        r = reader_of(slice_of(ones, len));
        (void)reader_uvarint(&r);
        ck_assert_int_eq(r.err, len < 5 ? ERR_SHORT : ERR_MALFORMED);
    }
    struct reader r = reader_of(slice_of(ones, 10));
    ck_assert_uint_eq(reader_uvarlong(&r), UINT64_MAX);
    r = reader_of(slice_of(over32, 5));
    ck_assert_uint_eq(reader_uvarint(&r), 0);
    ck_assert_int_eq(r.err, ERR_MALFORMED);
    r = reader_of(slice_of(over64, 10));
    ck_assert_uint_eq(reader_uvarlong(&r), 0);
    ck_assert_int_eq(r.err, ERR_MALFORMED);
}
END_TEST

START_TEST(the_first_error_sticks_and_all_reads_give_zero)
{
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct reader r = reader_of(slice_of(bytes, sizeof(bytes)));
    ck_assert_int_eq(reader_i16(&r), 0x0102);
    ck_assert(slice_is_null(reader_bytes(&r, 7)));
    ck_assert_int_eq(r.err, ERR_SHORT);
    reader_fail(&r, ERR_MALFORMED);
    ck_assert_int_eq(r.err, ERR_SHORT);
    ck_assert_int_eq(reader_i64(&r), 0);
    ck_assert_uint_eq(reader_u8(&r), 0);
    ck_assert_int_eq(reader_varint(&r), 0);
    ck_assert_uint_eq(reader_left(&r), 0);
    struct reader null = reader_of(slice_null());
    ck_assert_uint_eq(reader_uvarint(&null), 0);
    ck_assert_int_eq(null.err, ERR_SHORT);
}
END_TEST

Suite *reader_suite(void)
{
    Suite *s = suite_create("reader");
    TCase *t = tcase_create("reader");
    tcase_add_test(t, varints_of_every_length_come_back);
    tcase_add_test(t, varints_that_are_cut_are_short_and_too_long_ones_malformed);
    tcase_add_test(t, the_first_error_sticks_and_all_reads_give_zero);
    suite_add_tcase(s, t);
    return s;
}
