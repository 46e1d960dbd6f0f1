/* SPDX-License-Identifier: Apache-2.0 */
/* check_crc32c.c - the fast checksum against the table one, and against published vectors. */
#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"
#include "protocol/base/rng.h"

#include <check.h>

Suite *crc32c_suite(void);

START_TEST(published_vectors_match)
{
    /* RFC 3720 B.4, and the check value of the CRC catalogues. */
    uint8_t bytes[32] = { 0 };
    ck_assert_uint_eq(crc32c(slice_str("123456789")), 0xe3069283);
    ck_assert_uint_eq(crc32c(slice_str("")), 0);
    ck_assert_uint_eq(crc32c_extend(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    ck_assert_uint_eq(crc32c_extend(0, bytes, 32), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    ck_assert_uint_eq(crc32c_extend(0, bytes, 32), 0x46dd794e);
    ck_assert_uint_eq(crc32c_extend_table(0, bytes, 32), 0x46dd794e);
}
END_TEST

START_TEST(all_versions_agree_at_every_length_and_alignment)
{
    struct rng rng;
    rng_seed(&rng, 7);
    size_t size = 64 * 1024;
    uint8_t *bytes = mem_alloc(size + 16);
    for (size_t i = 0; i < size + 16; i++) {
        bytes[i] = (uint8_t)rng_next(&rng);
    }
    for (size_t len = 0; len <= 1000; len++) {
        const uint8_t *p = bytes + rng_below(&rng, 16);
        uint32_t crc = (uint32_t)rng_next(&rng);
        ck_assert_uint_eq(crc32c_extend(crc, p, len), crc32c_extend_table(crc, p, len));
    }
    for (int i = 0; i < 200; i++) {
        const uint8_t *p = bytes + rng_below(&rng, 16);
        size_t len = rng_below(&rng, size);
        ck_assert_uint_eq(crc32c_extend(0, p, len), crc32c_extend_table(0, p, len));
    }
    mem_free(bytes);
}
END_TEST

START_TEST(a_checksum_continues_over_any_cut)
{
    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 31);
    }
    uint32_t whole = crc32c_extend(0, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= sizeof(bytes); cut += 13) {
        uint32_t crc = crc32c_extend(0, bytes, cut);
        ck_assert_uint_eq(crc32c_extend(crc, bytes + cut, sizeof(bytes) - cut), whole);
    }
}
END_TEST

Suite *crc32c_suite(void)
{
    Suite *s = suite_create("crc32c");
    TCase *t = tcase_create("crc32c");
    tcase_add_test(t, published_vectors_match);
    tcase_add_test(t, all_versions_agree_at_every_length_and_alignment);
    tcase_add_test(t, a_checksum_continues_over_any_cut);
    suite_add_tcase(s, t);
    return s;
}
