/* SPDX-License-Identifier: Apache-2.0 */
/* check_compress.c - the codecs: there and back, cut, noisy, and far too large. */
#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/wire/compress.h"

#include <check.h>
#include <snappy-c.h>

Suite *compress_suite(void);

/* Text that compresses, with a random part that does not. */
static struct slice sample(struct buf *b, size_t len, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    buf_reset(b);
    while (b->len < len) {
        buf_printf(b, "127.0.0.%d GET /item/%d 200 %x\n", (int)rng_below(&rng, 9),
                   (int)rng_below(&rng, 50), (unsigned)rng_next(&rng));
    }
    b->len = len;
    return buf_slice(b);
}

START_TEST(every_codec_gives_back_what_went_in)
{
    static const size_t sizes[] = { 0, 1, 100, 32 * 1024, 32 * 1024 + 1, 300000, 5000000 };
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    for (unsigned c = 0; c < CODEC_COUNT; c++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct slice in = sample(&plain, sizes[i], i);
            buf_reset(&packed);
            buf_reset(&back);
            buf_append_str(&packed, "before");
            buf_append_str(&back, "before");
            ck_assert_int_eq(codec_compress((enum codec)c, 0, in, &packed), ERR_OK);
            struct slice bytes = slice_from(buf_slice(&packed), 6);
            ck_assert(c == CODEC_NONE || sizes[i] < 1000 || bytes.len < sizes[i]);
            ck_assert_int_eq(codec_decompress((enum codec)c, bytes, sizes[i], &back), ERR_OK);
            ck_assert(slice_starts(buf_slice(&back), "before"));
            ck_assert(slice_eq(slice_from(buf_slice(&back), 6), in));
        }
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(levels_out_of_range_are_clamped)
{
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    struct slice in = sample(&plain, 20000, 3);
    static const int levels[] = { -2000000, -1, 1, 9, 1000 };
    for (unsigned c = 1; c < CODEC_COUNT; c++) {
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
            buf_reset(&packed);
            buf_reset(&back);
            ck_assert_int_eq(codec_compress((enum codec)c, levels[i], in, &packed), ERR_OK);
            ck_assert_int_eq(codec_decompress((enum codec)c, buf_slice(&packed), in.len, &back),
                             ERR_OK);
            ck_assert(slice_eq(buf_slice(&back), in));
        }
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(every_truncation_is_refused_and_leaves_nothing)
{
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    struct slice in = sample(&plain, 70000, 4);
    for (unsigned c = 1; c < CODEC_COUNT; c++) {
        buf_reset(&packed);
        buf_reset(&back);
        ck_assert_int_eq(codec_compress((enum codec)c, 0, in, &packed), ERR_OK);
        for (size_t len = 0; len < packed.len; len += len < 40 || packed.len - len < 40 ? 1 : 97) {
            uint8_t *copy = mem_alloc(len + 1);
            memcpy(copy, packed.ptr, len);
            enum err err = codec_decompress((enum codec)c, slice_of(copy, len), 1 << 20, &back);
            mem_free(copy);
            /* Xerial streams have no end mark: a cut between blocks is a shorter stream. */
            if (c == CODEC_SNAPPY && !err) {
                ck_assert_uint_eq(back.len % (32 * 1024), 0);
                buf_reset(&back);
                continue;
            }
            ck_assert_msg(err == ERR_MALFORMED, "%s cut at %zu of %zu: error %d",
                          codec_name((enum codec)c), len, packed.len, err);
            ck_assert_uint_eq(back.len, 0);
        }
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(a_bomb_is_refused_at_the_cap)
{
    size_t size = 256 << 20, cap = 1 << 20;
    uint8_t *zeros = mem_zalloc(size);
    struct buf packed = { 0 }, back = { 0 };
    for (unsigned c = 1; c < CODEC_COUNT; c++) {
        buf_reset(&packed);
        ck_assert_int_eq(codec_compress((enum codec)c, 0, slice_of(zeros, size), &packed), ERR_OK);
        ck_assert_int_eq(codec_decompress((enum codec)c, buf_slice(&packed), cap, &back),
                         ERR_LIMIT);
        ck_assert_uint_eq(back.len, 0);
        ck_assert_uint_le(back.cap, 4 * cap);
    }
    mem_free(zeros);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(the_cap_is_exact)
{
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    struct slice in = sample(&plain, 100000, 5);
    for (unsigned c = 0; c < CODEC_COUNT; c++) {
        buf_reset(&packed);
        buf_reset(&back);
        ck_assert_int_eq(codec_compress((enum codec)c, 0, in, &packed), ERR_OK);
        ck_assert_int_eq(codec_decompress((enum codec)c, buf_slice(&packed), in.len - 1, &back),
                         ERR_LIMIT);
        ck_assert_int_eq(codec_decompress((enum codec)c, buf_slice(&packed), in.len, &back),
                         ERR_OK);
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(sizes_that_are_only_declared_take_no_memory)
{
    struct buf back = { 0 };
    /* A raw snappy block that says 4 GiB - 1, in six bytes. */
    static const uint8_t snappy[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 0 };
    ck_assert_int_eq(codec_decompress(CODEC_SNAPPY, slice_of(snappy, sizeof(snappy)), SIZE_MAX,
                                      &back),
                     ERR_MALFORMED);
    /* zstd: single segment, 8-byte content size of 1 TiB. */
    static const uint8_t zstd[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0 };
    ck_assert_int_ne(codec_decompress(CODEC_ZSTD, slice_of(zstd, sizeof(zstd)), 1 << 20, &back),
                     ERR_OK);
    ck_assert_uint_le(back.cap, 1 << 17);
    buf_deinit(&back);
}
END_TEST

START_TEST(snappy_is_read_without_framing_too)
{
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    struct slice in = sample(&plain, 90000, 6);
    size_t len = snappy_max_compressed_length(in.len);
    char *p = (char *)buf_reserve(&packed, len);
    ck_assert_int_eq(snappy_compress((const char *)in.ptr, in.len, p, &len), SNAPPY_OK);
    packed.len = len;
    ck_assert_int_eq(codec_decompress(CODEC_SNAPPY, buf_slice(&packed), in.len, &back), ERR_OK);
    ck_assert(slice_eq(buf_slice(&back), in));
    /* A block of nothing, into a buffer that has no memory yet. */
    buf_deinit(&back);
    ck_assert_int_eq(codec_decompress(CODEC_SNAPPY, slice_of("", 1), 10, &back), ERR_OK);
    ck_assert_uint_eq(back.len, 0);
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(rows_of_members_and_frames_are_read_as_one)
{
    static const enum codec codecs[] = { CODEC_GZIP, CODEC_ZSTD };
    for (size_t i = 0; i < 2; i++) {
        struct buf packed = { 0 }, back = { 0 };
        ck_assert_int_eq(codec_compress(codecs[i], 0, slice_str("one "), &packed), ERR_OK);
        ck_assert_int_eq(codec_compress(codecs[i], 0, slice_str("two"), &packed), ERR_OK);
        ck_assert_int_eq(codec_decompress(codecs[i], buf_slice(&packed), 100, &back), ERR_OK);
        ck_assert(slice_eq_str(buf_slice(&back), "one two"));
        buf_append_byte(&packed, 'x');
        ck_assert_int_eq(codec_decompress(codecs[i], buf_slice(&packed), 100, &back),
                         ERR_MALFORMED);
        buf_deinit(&packed);
        buf_deinit(&back);
    }
}
END_TEST

START_TEST(noise_never_gives_more_than_the_cap)
{
    struct buf plain = { 0 }, packed = { 0 }, back = { 0 };
    struct rng rng;
    rng_seed(&rng, 9);
    for (unsigned c = 1; c < CODEC_COUNT; c++) {
        for (int i = 0; i < 300; i++) {
            buf_reset(&packed);
            buf_reset(&back);
            struct slice in = sample(&plain, 3000, (uint64_t)i);
            ck_assert_int_eq(codec_compress((enum codec)c, 0, in, &packed), ERR_OK);
            for (int j = 0; j < 3; j++) {
                packed.ptr[rng_below(&rng, packed.len)] = (uint8_t)rng_next(&rng);
            }
            enum err err = codec_decompress((enum codec)c, buf_slice(&packed), 5000, &back);
            ck_assert_uint_le(back.len, err ? 0 : 5000);
        }
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&back);
}
END_TEST

START_TEST(lz4_frames_are_of_the_kind_that_the_java_client_takes)
{
    struct buf plain = { 0 }, packed = { 0 };
    struct slice in = sample(&plain, 200000, 8);
    ck_assert_int_eq(codec_compress(CODEC_LZ4, 0, in, &packed), ERR_OK);
    /* The frame's flags: version 1, and blocks that do not lean on one another. */
    ck_assert_uint_eq(packed.ptr[4] & 0xe0, 0x60);
    buf_deinit(&plain);
    buf_deinit(&packed);
}
END_TEST

START_TEST(names_are_kafkas)
{
    enum codec c;
    for (unsigned i = 0; i < CODEC_COUNT; i++) {
        ck_assert_int_eq(codec_parse(slice_str(codec_name((enum codec)i)), &c), ERR_OK);
        ck_assert_uint_eq(c, i);
    }
    ck_assert_int_eq(codec_parse(slice_str("brotli"), &c), ERR_NOT_FOUND);
    ck_assert_ptr_null(codec_name((enum codec)7));
}
END_TEST

Suite *compress_suite(void)
{
    Suite *s = suite_create("compress");
    TCase *t = tcase_create("compress");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_codec_gives_back_what_went_in);
    tcase_add_test(t, levels_out_of_range_are_clamped);
    tcase_add_test(t, every_truncation_is_refused_and_leaves_nothing);
    tcase_add_test(t, a_bomb_is_refused_at_the_cap);
    tcase_add_test(t, the_cap_is_exact);
    tcase_add_test(t, sizes_that_are_only_declared_take_no_memory);
    tcase_add_test(t, snappy_is_read_without_framing_too);
    tcase_add_test(t, rows_of_members_and_frames_are_read_as_one);
    tcase_add_test(t, noise_never_gives_more_than_the_cap);
    tcase_add_test(t, lz4_frames_are_of_the_kind_that_the_java_client_takes);
    tcase_add_test(t, names_are_kafkas);
    suite_add_tcase(s, t);
    return s;
}
