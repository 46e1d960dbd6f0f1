/* SPDX-License-Identifier: Apache-2.0 */
/* check_json.c - the JSON writer, parser and tree of protocol/daemon/json.h. */
#include "protocol/base/rng.h"
#include "protocol/daemon/json.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

Suite *json_suite(void);

#define LIT(text) slice_of("" text, sizeof(text) - 1)

static struct arena arena;
static struct buf out;

static void setup(void)
{
    arena_init(&arena, 8 << 20);
    out = (struct buf){ 0 };
}

static void teardown(void)
{
    arena_deinit(&arena);
    buf_deinit(&out);
}

static const char *string_of(struct slice s)
{
    buf_reset(&out);
    json_append_string(&out, s);
    return buf_cstr(&out);
}

static struct json_value *parse(const char *text)
{
    struct json_value *v = NULL;
    struct error err = { 0 };
    ck_assert_msg(json_parse(slice_str(text), &arena, &v, &err) == ERR_OK, "%s", err.text);
    return v;
}

static const char *written(const struct json_value *v)
{
    struct json_writer w;
    buf_reset(&out);
    json_init(&w, &out);
    json_write(&w, v);
    return buf_cstr(&out);
}

#define FFFD "\xef\xbf\xbd"

START_TEST(strings_are_escaped_and_bad_utf8_is_replaced)
{
    static const struct {
        struct slice in;
        const char *expected;
    } cases[] = {
        { SLICE_LIT(""), "\"\"" },
        { SLICE_LIT("plain"), "\"plain\"" },
        { SLICE_LIT("say \"hi\" \\ there"), "\"say \\\"hi\\\" \\\\ there\"" },
        { SLICE_LIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
        { SLICE_LIT("\x00\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"" },
        { SLICE_LIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\xaa\xb5"),
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\xaa\xb5\"" },
        { SLICE_LIT("\xef\xbf\xbf\xf4\x8f\xbf\xbf"), "\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\"" },
        /* lone continuation, and two */
        { SLICE_LIT("a\x80z"), "\"a" FFFD "z\"" },
        { SLICE_LIT("\x80\xbf"), "\"" FFFD FFFD "\"" },
        /* never a lead: c0 c1 f5..ff */
        { SLICE_LIT("\xc0\xaf"), "\"" FFFD FFFD "\"" },
        { SLICE_LIT("\xc1\xbf"), "\"" FFFD FFFD "\"" },
        { SLICE_LIT("\xf5\x80\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\"" },
        { SLICE_LIT("\xfe\xff"), "\"" FFFD FFFD "\"" },
        /* overlong of three and four */
        { SLICE_LIT("\xe0\x80\xaf"), "\"" FFFD FFFD FFFD "\"" },
        { SLICE_LIT("\xf0\x80\x80\xaf"), "\"" FFFD FFFD FFFD FFFD "\"" },
        { SLICE_LIT("\xf0\x8f\xbf\xbf"), "\"" FFFD FFFD FFFD FFFD "\"" },
        /* surrogates, and above U+10FFFF */
        { SLICE_LIT("\xed\xa0\x80"), "\"" FFFD FFFD FFFD "\"" },
        { SLICE_LIT("\xed\xbf\xbf"), "\"" FFFD FFFD FFFD "\"" },
        { SLICE_LIT("\xf4\x90\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\"" },
        /* cut short, by the end and by another character: one for the whole start */
        { SLICE_LIT("\xc3"), "\"" FFFD "\"" },
        { SLICE_LIT("\xe2\x82"), "\"" FFFD "\"" },
        { SLICE_LIT("\xf0\x9f\xaa"), "\"" FFFD "\"" },
        { SLICE_LIT("\xe2\x82"
                    "a"),
          "\"" FFFD "a\"" },
        { SLICE_LIT("\xf0\x9f\xc3\xa4"), "\"" FFFD "\xc3\xa4\"" },
        { SLICE_LIT("\xe2\x82\""), "\"" FFFD "\\\"\"" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_str_eq(string_of(cases[i].in), cases[i].expected);
    }
    ck_assert_str_eq(string_of(slice_null()), "\"\"");
}
END_TEST

/* Each special byte at each place of the stride, so that no lane is missed. */
START_TEST(specials_are_found_at_every_place)
{
    static const char special[] = { '"', '\\', '\n', '\x01', '\x1f', '\0', '\x80', '\xff' };
    for (size_t len = 1; len <= 40; len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t k = 0; k < sizeof(special); k++) {
                char text[48];
                memset(text, 'x', sizeof(text));
                text[at] = special[k];
                struct json_value *v = NULL;
                arena_reset(&arena);
                (void)string_of(slice_of(text, len));
                ck_assert_int_eq(json_parse(buf_slice(&out), &arena, &v, NULL), ERR_OK);
                bool bad = (uint8_t)special[k] >= 0x80;
                ck_assert_uint_eq(v->text.len, len + (bad ? 2 : 0));
                ck_assert(bad ? memcmp(v->text.ptr + at, FFFD, 3) == 0
                              : v->text.ptr[at] == (uint8_t)special[k]);
            }
        }
    }
}
END_TEST

START_TEST(random_bytes_always_make_valid_json_and_valid_text_comes_back)
{
    struct rng r;
    rng_seed(&r, 7);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[80];
        size_t len = rng_below(&r, sizeof(bytes));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)(round % 2 ? rng_below(&r, 256) : rng_below(&r, 128));
        }
        struct json_value *v = NULL;
        arena_reset(&arena);
        (void)string_of(slice_of(bytes, len));
        ck_assert_int_eq(json_parse(buf_slice(&out), &arena, &v, NULL), ERR_OK);
        if (round % 2 == 0) {
            ck_assert(slice_eq(v->text, slice_of(bytes, len)));
        }
        /* What came out once goes through unchanged. */
        struct buf again = { 0 };
        json_append_string(&again, v->text);
        ck_assert(slice_eq(buf_slice(&again), buf_slice(&out)));
        buf_deinit(&again);
    }
}
END_TEST

START_TEST(writer_places_commas)
{
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "a");
    json_begin_array(&w);
    json_int(&w, INT64_MIN);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_null(&w);
    json_end_array(&w);
    json_key_slice(&w, LIT("b\""));
    json_bool(&w, true);
    json_key(&w, "c");
    json_string(&w, slice_null());
    json_key(&w, "d");
    json_raw(&w, LIT("[1]"));
    json_end_object(&w);
    ck_assert_str_eq(buf_cstr(&out), "{\"a\":[-9223372036854775808,[],{},null],\"b\\\"\":true,"
                                     "\"c\":null,\"d\":[1]}");
}
END_TEST

START_TEST(doubles_are_short_and_read_back_the_same)
{
    static const struct {
        double in;
        const char *expected;
    } cases[] = { { 0.1, "0.1" },
                  { 1.0 / 3, "0.3333333333333333" },
                  { 1e300, "1e+300" },
                  { -2.5, "-2.5" },
                  { 5e-324, "4.94065645841247e-324" },
                  { 3.0, "3" },
                  { 0.1 + 0.2, "0.30000000000000004" } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_writer w;
        buf_reset(&out);
        json_init(&w, &out);
        json_double(&w, cases[i].in);
        ck_assert_str_eq(buf_cstr(&out), cases[i].expected);
    }
    struct json_writer w;
    buf_reset(&out);
    json_init(&w, &out);
    json_begin_array(&w);
    json_double(&w, NAN);
    json_double(&w, INFINITY);
    json_end_array(&w);
    ck_assert_str_eq(buf_cstr(&out), "[null,null]");
}
END_TEST

START_TEST(parsed_text_is_written_as_it_was)
{
    static const char *const texts[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.50",
        "1e5",
        "-12.0E-3",
        "9223372036854775807",
        "9223372036854775808",
        "123456789012345678901234567890.123456789012345678901234567890",
        "\"\"",
        "[]",
        "{}",
        "[1,[2,[3]],{\"a\":{\"b\":[null,true]}}]",
        "{\"a\":1,\"b\":\"x\\ny\",\"\":[],\"a\":2}",
        "\"\xf0\x9f\xaa\xb5\"",
        "1e999",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_str_eq(written(parse(texts[i])), texts[i]);
    }
    ck_assert_str_eq(written(parse(" \n[ 1 , \"\\u00e4\\ud83e\\udeb5\" ]\t")),
                     "[1,\"\xc3\xa4\xf0\x9f\xaa\xb5\"]");
}
END_TEST

START_TEST(numbers_have_their_kinds)
{
    ck_assert_int_eq(parse("9223372036854775807")->kind, JSON_INT);
    ck_assert_int_eq(parse("9223372036854775807")->integer, INT64_MAX);
    ck_assert_int_eq(parse("-9223372036854775808")->integer, INT64_MIN);
    ck_assert_int_eq(parse("9223372036854775808")->kind, JSON_DOUBLE);
    ck_assert_int_eq(parse("1.0")->kind, JSON_DOUBLE);
    ck_assert_int_eq(parse("1e2")->kind, JSON_DOUBLE);
    ck_assert_double_eq(parse("1e2")->number, 100);
    ck_assert_double_eq(parse("42")->number, 42);
    ck_assert(isinf(parse("1e999")->number));
    ck_assert_int_eq(parse("true")->integer, 1);
}
END_TEST

START_TEST(malformed_text_is_refused_with_its_place)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\n\"",
        "01",
        "+1",
        "1.",
        ".5",
        "-",
        "1e",
        "nul",
        "tru",
        "1 2",
        "[] []",
        "NaN",
        "Infinity",
        "// no\n1",
        "\"\xff\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\xef\xbb\xbf\x31",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_value *v = NULL;
        struct error err = { 0 };
        ck_assert_msg(json_parse(slice_str(texts[i]), &arena, &v, &err) == ERR_MALFORMED,
                      "accepted: %s", texts[i]);
        ck_assert_ptr_null(v);
        ck_assert_msg(strncmp(err.text, "JSON at line ", 13) == 0, "%s", err.text);
    }
    struct json_value *v = NULL;
    struct error err = { 0 };
    ck_assert_int_eq(json_parse(LIT("{\n \"a\": 1,\n \"b\" 2}"), &arena, &v, &err), ERR_MALFORMED);
    ck_assert_msg(strncmp(err.text, "JSON at line 3 column ", 22) == 0, "%s", err.text);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    const char *text = "{\"a\":[1,-2.5e3,\"\\u00e4\xe2\x82\xac\"],\"b\":{\"c\":null,\"d\":true}}";
    for (size_t len = 0; len < strlen(text); len++) {
        /* A copy of exactly that length, so that a sanitizer sees every byte too far. */
        uint8_t *copy = malloc(len ? len : 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, text, len);
        struct json_value *v = NULL;
        ck_assert_int_eq(json_parse(slice_of(copy, len), &arena, &v, NULL), ERR_MALFORMED);
        free(copy);
    }
}
END_TEST

START_TEST(depth_and_memory_are_bounded)
{
    char text[2 * JSON_DEPTH_MAX + 4];
    struct json_value *v = NULL;
    struct error err = { 0 };
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    ck_assert_str_eq(written(parse(text)), text);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    ck_assert_int_eq(json_parse(slice_of(text, JSON_DEPTH_MAX + 1), &arena, &v, &err), ERR_LIMIT);
    ck_assert_str_eq(err.text, "JSON at line 1 column 66 is nested deeper than 64");
    struct arena small;
    arena_init(&small, 1024);
    ck_assert_int_eq(json_parse(LIT("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"), &small, &v, &err),
                     ERR_LIMIT);
    arena_deinit(&small);
}
END_TEST

START_TEST(paths_find_dotted_and_nested_members)
{
    struct json_value *v = parse("{\"a\":{\"b\":{\"c\":1}},\"x.y\":2,\"a.d\":3,\"e\":{\"f.g\":4},"
                                 "\"t\":1,\"t\":2}");
    ck_assert_int_eq(json_get_path(v, LIT("a.b.c"))->integer, 1);
    ck_assert_int_eq(json_get_path(v, LIT("x.y"))->integer, 2);
    ck_assert_int_eq(json_get_path(v, LIT("a.d"))->integer, 3);
    ck_assert_int_eq(json_get_path(v, LIT("e.f.g"))->integer, 4);
    ck_assert_int_eq(json_get(v, LIT("t"))->integer, 2);
    ck_assert_ptr_null(json_get_path(v, LIT("a.b.c.d")));
    ck_assert_ptr_null(json_get_path(v, LIT("")));
    ck_assert_ptr_null(json_get_path(v, LIT(".")));
    ck_assert_ptr_null(json_get(parse("[1]"), LIT("a")));
}
END_TEST

START_TEST(members_are_set_replaced_and_removed)
{
    struct json_value *v = parse("{\"a\":1,\"t\":1,\"b\":{\"c\":2},\"t\":2}");
    ck_assert_int_eq(json_set_path(v, &arena, LIT("a"), json_new_string(&arena, LIT("s"))), ERR_OK);
    ck_assert_int_eq(json_set_path(v, &arena, LIT("b.d.e"), json_new_int(&arena, -7)), ERR_OK);
    ck_assert_int_eq(json_set_path(v, &arena, LIT("t"), json_new_int(&arena, 9)), ERR_OK);
    ck_assert_str_eq(written(v), "{\"a\":\"s\",\"t\":9,\"b\":{\"c\":2,\"d\":{\"e\":-7}}}");
    ck_assert_int_eq(json_set_path(v, &arena, LIT("a.b"), json_new_int(&arena, 1)), ERR_INVALID);
    ck_assert_int_eq(json_remove_path(v, LIT("b.c"))->integer, 2);
    ck_assert_ptr_null(json_remove_path(v, LIT("b.c")));
    ck_assert_str_eq(written(v), "{\"a\":\"s\",\"t\":9,\"b\":{\"d\":{\"e\":-7}}}");
    ck_assert_uint_eq(v->child_count, 3);
    v = parse("{\"secret\":1,\"secret\":2}");
    ck_assert_ptr_nonnull(json_remove_path(v, LIT("secret")));
    ck_assert_str_eq(written(v), "{}");
    ck_assert_int_eq(json_set_path(v, &arena, LIT("z"), json_new_int(&arena, 1)), ERR_OK);
    ck_assert_str_eq(written(v), "{\"z\":1}");
}
END_TEST

START_TEST(set_path_cannot_pass_the_depth)
{
    int times;
    struct json_value *inner = json_new_int(&arena, 1);
    for (times = 0; times < 1000; times++) {
        struct json_value *outer = json_new(&arena, JSON_OBJECT);
        if (json_set_path(outer, &arena, LIT("k"), inner) != ERR_OK) {
            break;
        }
        inner = outer;
    }
    ck_assert_int_eq(times, JSON_DEPTH_MAX);
}
END_TEST

/* A figure for the reader, not a bar: `CK_VERBOSITY=verbose LOGBOOM_FIGURES=1 tests/check_daemon`.
 */
START_TEST(string_speed)
{
    if (!getenv("LOGBOOM_FIGURES")) {
        return;
    }
    const char *lines[] = {
        ("2026-01-12T10:11:12.123Z INFO  [http-nio-8080-exec-7] c.e.shop.OrderController - "
         "order "
         "1234 accepted for customer 99 in 12 ms, basket of 3 items, total 42.50 EUR, "
         "notified"),
        "{\"ts\":\"2026-01-12T10:11:12\",\"level\":\"info\",\"msg\":\"order "
        "accepted\",\"id\":1234}",
        "\xd0\x97\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb7 "
        "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbd\xd1\x8f\xd1\x82",
    };
    for (size_t i = 0; i < 3; i++) {
        size_t bytes = 0;
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int k = 0; k < 2000000; k++) {
            buf_reset(&out);
            json_append_string(&out, slice_str(lines[i]));
            bytes += strlen(lines[i]);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
        printf("json_append_string, text %zu: %.2f GB/s\n", i, (double)bytes / s / 1e9);
    }
}
END_TEST

Suite *json_suite(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, strings_are_escaped_and_bad_utf8_is_replaced);
    tcase_add_test(t, specials_are_found_at_every_place);
    tcase_add_test(t, random_bytes_always_make_valid_json_and_valid_text_comes_back);
    tcase_add_test(t, writer_places_commas);
    tcase_add_test(t, doubles_are_short_and_read_back_the_same);
    tcase_add_test(t, parsed_text_is_written_as_it_was);
    tcase_add_test(t, numbers_have_their_kinds);
    tcase_add_test(t, malformed_text_is_refused_with_its_place);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, depth_and_memory_are_bounded);
    tcase_add_test(t, paths_find_dotted_and_nested_members);
    tcase_add_test(t, members_are_set_replaced_and_removed);
    tcase_add_test(t, set_path_cannot_pass_the_depth);
    tcase_add_test(t, string_speed);
    suite_add_tcase(s, t);
    return s;
}
