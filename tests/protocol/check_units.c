/* SPDX-License-Identifier: Apache-2.0 */
/* check_units.c - numbers that people write, and numbers written for people. */
#include "protocol/base/rng.h"
#include "protocol/base/units.h"

#include <check.h>

Suite *units_suite(void);

#define S INT64_C(1000000000)

struct row {
    const char *text;
    enum err err;
    int64_t value;
};

#define CHECK_ROWS(rows, call)                                                                     \
    for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) {                                \
        int64_t value = 4711;                                                                      \
        struct slice text = slice_str((rows)[i].text);                                             \
        ck_assert_msg((call) == (rows)[i].err, "'%s': another code", (rows)[i].text);              \
        ck_assert_msg(value == ((rows)[i].err ? 4711 : (rows)[i].value), "'%s' gave %lld",         \
                      (rows)[i].text, (long long)value);                                           \
    }

START_TEST(durations_are_read_exactly_or_refused)
{
    static const struct row rows[] = {
        { "10s", 0, 10 * S },
        { "1h2m3.5s", 0, 3723 * S + S / 2 },
        { "2h45m", 0, 9900 * S },
        { "1d", 0, 86400 * S },
        { "100ms", 0, S / 10 },
        { "1.5us", 0, 1500 },
        { "3\xc2\xb5s", 0, 3000 },
        { "3\xce\xbcs", 0, 3000 },
        { "7ns", 0, 7 },
        { ".5s", 0, S / 2 },
        { "-1.5h", 0, -5400 * S },
        { "+1s", 0, S },
        { "0", 0, 0 },
        { "30", 0, 30 * S },
        { "0.25", 0, S / 4 },
        { "-1", 0, -S },
        { "9223372036854775807ns", 0, INT64_MAX },
        { "-9223372036854775808ns", 0, INT64_MIN },
        { "9223372036854775808ns", ERR_LIMIT, 0 },
        { "-9223372036854775809ns", ERR_LIMIT, 0 },
        { "106752d", ERR_LIMIT, 0 },
        { "99999999999999999999s", ERR_LIMIT, 0 },
        { "106751d106751d", ERR_LIMIT, 0 },
        { "", ERR_INVALID, 0 },
        { "-", ERR_INVALID, 0 },
        { ".", ERR_INVALID, 0 },
        { ".s", ERR_INVALID, 0 },
        { "s", ERR_INVALID, 0 },
        { "--1s", ERR_INVALID, 0 },
        { "1h30", ERR_INVALID, 0 },
        { "10 s", ERR_INVALID, 0 },
        { " 10s", ERR_INVALID, 0 },
        { "10s ", ERR_INVALID, 0 },
        { "10S", ERR_INVALID, 0 },
        { "1.2.3s", ERR_INVALID, 0 },
        { "1e3s", ERR_INVALID, 0 },
        { "ten", ERR_INVALID, 0 },
        { "1w", ERR_INVALID, 0 },
    };
    CHECK_ROWS(rows, units_duration_ns(text, S, &value));
}
END_TEST

START_TEST(sizes_are_read_exactly_or_refused)
{
    static const struct row rows[] = {
        { "0", 0, 0 },
        { "512", 0, 512 },
        { "1B", 0, 1 },
        { "10MB", 0, 10000000 },
        { "64MiB", 0, 64 << 20 },
        { "64mib", 0, 64 << 20 },
        { "1KB", 0, 1000 },
        { "1K", 0, 1024 },
        { "1kib", 0, 1024 },
        { "3M", 0, 3 << 20 },
        { "1.5GiB", 0, INT64_C(1610612736) },
        { "2G", 0, INT64_C(2) << 30 },
        { "1TB", 0, INT64_C(1000000000000) },
        { "1TiB", 0, INT64_C(1) << 40 },
        { "10 MB", 0, 10000000 },
        { "-1", 0, -1 },
        { "9223372036854775807", 0, INT64_MAX },
        { "8388607TiB", 0, INT64_C(8388607) << 40 },
        { "9223372036854775808", ERR_LIMIT, 0 },
        { "8388608TiB", ERR_LIMIT, 0 },
        { "18446744073709551616", ERR_LIMIT, 0 },
        { "", ERR_INVALID, 0 },
        { "MB", ERR_INVALID, 0 },
        { "1 ", ERR_INVALID, 0 },
        { "1  MB", ERR_INVALID, 0 },
        { "1XB", ERR_INVALID, 0 },
        { "1MBs", ERR_INVALID, 0 },
        { "1MB1", ERR_INVALID, 0 },
        { "0x10", ERR_INVALID, 0 },
    };
    CHECK_ROWS(rows, units_size_bytes(text, &value));
}
END_TEST

START_TEST(integers_are_read_exactly_or_refused)
{
    static const struct row rows[] = {
        { "0", 0, 0 },
        { "1_000_000", 0, 1000000 },
        { "-42", 0, -42 },
        { "+42", 0, 42 },
        { "9223372036854775807", 0, INT64_MAX },
        { "-9223372036854775808", 0, INT64_MIN },
        { "9223372036854775808", ERR_LIMIT, 0 },
        { "-9223372036854775809", ERR_LIMIT, 0 },
        { "184467440737095516160", ERR_LIMIT, 0 },
        { "", ERR_INVALID, 0 },
        { "-", ERR_INVALID, 0 },
        { "_1", ERR_INVALID, 0 },
        { "1_", ERR_INVALID, 0 },
        { "1__0", ERR_INVALID, 0 },
        { "1.0", ERR_INVALID, 0 },
        { "99999999999999999999x", ERR_INVALID, 0 },
        { "1 ", ERR_INVALID, 0 },
        { "0x1f", ERR_INVALID, 0 },
    };
    CHECK_ROWS(rows, units_int(text, &value));
}
END_TEST

START_TEST(a_printed_duration_reads_back_as_itself)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        { 0, "0s" },
        { 90 * S, "1m30s" },
        { 86400 * S, "1d" },
        { 3600 * S, "1h" },
        { S / 10, "100ms" },
        { 1500, "1.5us" },
        { 1, "1ns" },
        { -S / 2, "-500ms" },
        { 61 * S + S / 2, "1m1.5s" },
        { 60 * S + 1, "1m0.000000001s" },
        { INT64_MIN, "-106751d23h47m16.854775808s" },
    };
    char text[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(units_format_duration(rows[i].ns, text), rows[i].text);
    }
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        int64_t ns = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64)), back;
        ns = i & 1 ? -ns : ns;
        ck_assert_int_eq(units_duration_ns(slice_str(units_format_duration(ns, text)), 1, &back),
                         0);
        ck_assert_msg(back == ns, "%lld was printed as %s", (long long)ns, text);
    }
}
END_TEST

START_TEST(printed_sizes_are_short_and_never_say_1024)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1 KiB" },
        { 1536, "1.5 KiB" },
        { (1 << 20) - 1, "1 MiB" },
        { UINT64_C(1610612736), "1.5 GiB" },
        { UINT64_MAX, "16 EiB" },
    };
    char text[32];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_str_eq(units_format_size(rows[i].bytes, text), rows[i].text);
    }
}
END_TEST

Suite *units_suite(void)
{
    Suite *s = suite_create("units");
    TCase *t = tcase_create("units");
    tcase_add_test(t, durations_are_read_exactly_or_refused);
    tcase_add_test(t, sizes_are_read_exactly_or_refused);
    tcase_add_test(t, integers_are_read_exactly_or_refused);
    tcase_add_test(t, a_printed_duration_reads_back_as_itself);
    tcase_add_test(t, printed_sizes_are_short_and_never_say_1024);
    suite_add_tcase(s, t);
    return s;
}
