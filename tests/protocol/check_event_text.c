/* SPDX-License-Identifier: Apache-2.0 */
/* check_event_text.c - times, layouts and patterns, by table. */
#include "protocol/event/pattern.h"
#include "protocol/event/time_format.h"
#include "protocol/event/time_layout.h"
#include "tests/protocol/check_event.h"

#include <stdio.h>

START_TEST(iso_times_are_read_and_written)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        { "1970-01-01T00:00:00.000Z", 0 },
        { "2026-08-01T10:20:30.123Z", 1785579630123 },
        { "2026-08-01T12:20:30.123456789+02:00", 1785579630123 },
        { "2026-08-01 10:20:30,123", 1785579630123 },
        { "2026-08-01T10:20:30+0000", 1785579630000 },
        { "2026-08-01T10:20Z", 1785579600000 },
        { "2026-08-01", 1785542400000 },
        { "2024-02-29T00:00:00Z", 1709164800000 },
        { "1969-12-31T23:59:59.999Z", -1 },
        { "2023-02-29T00:00:00Z", -1 },
        { "2026-13-01T00:00:00Z", -1 },
        { "2026-08-01T25:00:00Z", -1 },
        { "2026-08-01T10:20:30.Z", -1 },
        { "2026-08-01T10:20:30Zx", -1 },
        { "26-08-01", -1 },
        { "", -1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = -1;
        time_parse_iso(slice_str(rows[i].text), 0, &ms);
        ck_assert_msg(ms == rows[i].ms, "%s: %lld", rows[i].text, (long long)ms);
    }
    char text[TIME_ISO_BYTES];
    time_format_iso(1785579630123, text);
    ck_assert_str_eq(text, "2026-08-01T10:20:30.123Z");
    time_format_iso(-1, text);
    ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(every_day_of_four_centuries_comes_back)
{
    for (int64_t day = -100000; day < 146097; day++) {
        struct civil_time t = time_civil_of_ms(day * 86400000);
        ck_assert(time_civil_exists(&t));
        ck_assert_int_eq(time_ms_of_civil(&t), day * 86400000);
    }
}
END_TEST

START_TEST(layouts_read_what_log_files_write)
{
    static const struct {
        const char *layout, *text;
        const char *iso; /* NULL: refused */
    } rows[] = {
        { "02/Jan/2006:15:04:05 -0700", "01/Aug/2026:10:20:30 +0000", "2026-08-01T10:20:30.000Z" },
        { "02/Jan/2006:15:04:05 -0700", "01/Aug/2026:10:20:30 +0230", "2026-08-01T07:50:30.000Z" },
        { "02/Jan/2006:15:04:05 -0700", "01/Foo/2026:10:20:30 +0000", NULL },
        { "02/Jan/2006:15:04:05 -0700", "31/Feb/2026:10:20:30 +0000", NULL },
        { "02/Jan/2006:15:04:05 -0700", "01/Aug/2026:10:20:30", NULL },
        { "%d/%b/%Y:%H:%M:%S %z", "01/Aug/2026:10:20:30 -0100", "2026-08-01T11:20:30.000Z" },
        { "%Y-%m-%d %H:%M:%S.%f", "2026-08-01 10:20:30.5", "2026-08-01T10:20:30.500Z" },
        { "2006-01-02 15:04:05.000", "2026-08-01 10:20:30.123456", "2026-08-01T10:20:30.123Z" },
        { "2006-01-02 15:04:05.000", "2026-08-01 10:20:30", "2026-08-01T10:20:30.000Z" },
        { "Jan _2 15:04:05", "Aug  1 10:20:30", "2026-08-01T10:20:30.000Z" },
        { "Jan _2 15:04:05", "Dec 31 23:59:59", "2026-12-31T23:59:59.000Z" },
        { "%I:%M:%S %p %m/%d/%y", "12:00:00 AM 08/01/26", "2026-08-01T00:00:00.000Z" },
        { "%I:%M:%S %p %m/%d/%y", "12:00:00 PM 08/01/26", "2026-08-01T12:00:00.000Z" },
        { "Mon Jan _2 15:04:05 2006", "Sat Aug  1 10:20:30 2026", "2026-08-01T10:20:30.000Z" },
        { "UNIX", "1785579630", "2026-08-01T10:20:30.000Z" },
        { "UNIX", "1785579630.25", "2026-08-01T10:20:30.250Z" },
        { "UNIX_MS", "1785579630123", "2026-08-01T10:20:30.123Z" },
        { "ISO8601", "2026-08-01T10:20:30.123Z", "2026-08-01T10:20:30.123Z" },
        { "UNIX", "x", NULL },
        /* Go reads a fraction behind seconds, wants both digits of a two-digit field, and takes a
         * zone that it does not know for UTC; so does Filebeat. */
        { "2006-01-02 15:04:05", "2026-08-01 10:20:30.5", "2026-08-01T10:20:30.500Z" },
        { "2006-01-02T15:04:05Z07:00", "2026-08-01T10:20:30.123456789+01:00",
          "2026-08-01T09:20:30.123Z" },
        { "2006-01-02 15:04:05.", "2026-08-01 10:20:30.", "2026-08-01T10:20:30.000Z" },
        { "02/01/2006", "1/8/2026", NULL },
        { "2/1/2006", "1/8/2026", "2026-08-01T00:00:00.000Z" },
        { "2006-01-02 15:04:05 MST", "2026-08-01 10:20:30 CEST", "2026-08-01T10:20:30.000Z" },
        { "2006-01-02 03:04 PM", "2026-08-01 13:20 PM", NULL },
        { "[02/Jan/2006:15:04:05 -0700]x", "[01/Aug/2026:10:20:30 +0000]x",
          "2026-08-01T10:20:30.000Z" },
        { "%Y-%m-%d %T", "2026-08-01 10:20:30", "2026-08-01T10:20:30.000Z" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct time_layout l;
        int64_t ms;
        char iso[TIME_ISO_BYTES] = "";
        ck_assert_int_eq(time_layout_compile(rows[i].layout, &l, NULL), ERR_OK);
        bool ok = time_layout_parse(&l, slice_str(rows[i].text), 0, 1785628800000, &ms);
        if (ok) {
            time_format_iso(ms, iso);
        }
        ck_assert_msg(ok == (rows[i].iso != NULL), "%s by %s: %s", rows[i].text, rows[i].layout,
                      iso);
        ck_assert_msg(!ok || strcmp(iso, rows[i].iso) == 0, "%s: %s", rows[i].text, iso);
    }
    struct time_layout l;
    struct error err;
    ck_assert_int_eq(time_layout_compile("%Y-%Q", &l, &err), ERR_INVALID);
    ck_assert_str_eq(err.text, "the layout \"%Y-%Q\" has \"%Q\", which is not understood");
    ck_assert_int_eq(time_layout_compile("abc", &l, &err), ERR_INVALID);
    int64_t ms;
    ck_assert_int_eq(time_layout_compile("ISO8601", &l, &err), ERR_OK);
    ck_assert(time_layout_parse(&l, slice_str("1970-01-01T02:00:00"), 7200000, 0, &ms));
    ck_assert_int_eq(ms, 0); /* the zone of texts that name none */
}
END_TEST

START_TEST(a_time_without_a_year_is_of_this_year_but_for_new_year)
{
    static const struct {
        const char *near, *text, *iso;
    } rows[] = {
        { "2026-11-22T06:00:00Z", "Nov 22 05:57:38", "2026-11-22T05:57:38.000Z" },
        { "2026-11-22T06:00:00Z", "Feb  1 00:00:00", "2026-02-01T00:00:00.000Z" },
        { "2026-08-02T00:00:00Z", "Dec 31 23:59:59", "2026-12-31T23:59:59.000Z" },
        { "2027-01-01T00:00:10Z", "Dec 31 23:59:59", "2026-12-31T23:59:59.000Z" },
        { "2026-12-31T23:59:50Z", "Jan  1 00:00:05", "2027-01-01T00:00:05.000Z" },
        { "2026-12-20T00:00:00Z", "Jan  1 00:00:05", "2026-01-01T00:00:05.000Z" },
    };
    struct time_layout l;
    ck_assert_int_eq(time_layout_compile("Jan _2 15:04:05", &l, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t near, ms;
        char iso[TIME_ISO_BYTES];
        ck_assert(time_parse_iso(slice_str(rows[i].near), 0, &near));
        ck_assert(time_layout_parse(&l, slice_str(rows[i].text), 0, near, &ms));
        time_format_iso(ms, iso);
        ck_assert_str_eq(iso, rows[i].iso);
    }
}
END_TEST

START_TEST(patterns_expand_fields_and_the_events_date)
{
    static const struct {
        const char *pattern, *value, *time;
        const char *text; /* NULL: a field is missing */
    } rows[] = {
        { "web", "{}", "1970-01-01", "web" },
        { "web-%{+yyyy.MM.dd}", "{}", "2026-01-02T23:59:59.999Z", "web-2026.01.02" },
        { "web-%{+yyyy.MM.dd}", "{}", "2026-01-02T23:59:59-01:00", "web-2026.01.03" },
        { "%{+yy-DDD HH:mm:ss}", "{}", "2026-02-01T03:04:05Z", "26-032 03:04:05" },
        { "%{+xxxx.ww}", "{}", "2027-01-01T00:00:00Z", "2026.53" },
        { "%{+d.M.y h a, E MMM}", "{}", "2026-02-01T15:04:05Z", "1.2.2026 3 PM, Sun Feb" },
        { "%{+yyyy-MM-dd'T'HH:mm:ss.SSS''}", "{}", "2026-02-01T03:04:05.067Z",
          "2026-02-01T03:04:05.067'" },
        { "%{+EEEE MMMM e k K SS}", "{}", "2026-02-01T00:00:00.567Z", "Sunday February 7 24 0 56" },
        { "%{[a.b]}-%{[c]}-%{[d]}", "{\"a\":{\"b\":\"x\"},\"c\":7.50,\"d\":true}", "1970-01-01",
          "x-7.50-true" },
        { "%{[a]}", "{\"a\":null}", "1970-01-01", NULL },
        { "%{[a]}", "{\"a\":[1]}", "1970-01-01", NULL },
        { "%{[a]}", "{}", "1970-01-01", NULL },
        { "%{[a]:none}-%{[b]:}", "{}", "1970-01-01", "none-" },
        { "100%", "{}", "1970-01-01", "100%" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tree_event ev;
        struct pattern p;
        struct buf out = { 0 };
        tree_event_init(&ev, rows[i].value, rows[i].time);
        ck_assert_int_eq(pattern_compile(rows[i].pattern, &ev.arena, &p, NULL), ERR_OK);
        buf_append_str(&out, "<");
        enum err e = pattern_expand(&p, &tree_event_access, &ev, &out, NULL);
        ck_assert_int_eq(e, rows[i].text ? ERR_OK : ERR_NOT_FOUND);
        ck_assert_msg(strcmp(buf_cstr(&out) + 1, rows[i].text ? rows[i].text : "") == 0, "%s: %s",
                      rows[i].pattern, buf_cstr(&out));
        buf_deinit(&out);
        tree_event_deinit(&ev);
    }
}
END_TEST

static bool is_message(struct slice dotted)
{
    return slice_eq_str(dotted, "message");
}

START_TEST(patterns_know_what_they_look_at)
{
    static const struct {
        const char *text;
        bool constant, bare, uses;
    } rows[] = {
        { "web", true, false, false },
        { "%{[message]}", false, true, true },
        { "%{[message]:x}", false, false, true },
        { "%{[a]}", false, false, false },
        { "a-%{+yyyy}", false, false, true },
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern p;
        ck_assert_int_eq(pattern_compile(rows[i].text, &arena, &p, NULL), ERR_OK);
        ck_assert_int_eq(pattern_is_constant(&p), rows[i].constant);
        ck_assert_int_eq(pattern_is_field(&p, "message"), rows[i].bare);
        ck_assert_int_eq(pattern_uses(&p, is_message), rows[i].uses);
    }
    arena_deinit(&arena);
}
END_TEST

START_TEST(wrong_patterns_are_told)
{
    static const char *const bad[] = { "%{",   "%{}",     "%{a}",          "%{[]}",     "%{[a]x}",
                                       "%{+}", "%{+abc}", "%{+yyyy.MM.Q}", "%{+yyyy'T}" };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pattern p;
        struct error err = { .text = "" };
        ck_assert_msg(pattern_compile(bad[i], &arena, &p, &err) == ERR_INVALID, "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.text, bad[i]));
    }
    arena_deinit(&arena);
}
END_TEST

Suite *event_text_suite(void)
{
    Suite *s = suite_create("event/text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, iso_times_are_read_and_written);
    tcase_add_test(t, every_day_of_four_centuries_comes_back);
    tcase_add_test(t, layouts_read_what_log_files_write);
    tcase_add_test(t, a_time_without_a_year_is_of_this_year_but_for_new_year);
    tcase_add_test(t, patterns_expand_fields_and_the_events_date);
    tcase_add_test(t, patterns_know_what_they_look_at);
    tcase_add_test(t, wrong_patterns_are_told);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
