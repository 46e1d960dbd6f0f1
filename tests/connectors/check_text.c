/* SPDX-License-Identifier: Apache-2.0 */
/* check_text.c - what patterns and conditions see of a record, whatever its value is. */
#include "tests/connectors/sample_event.h"

#include <check.h>

START_TEST(patterns_take_the_events_time_or_the_records)
{
    static const struct {
        const char *pattern, *value, *text;
    } rows[] = {
        { "web-%{+yyyy.MM.dd}", "{\"@timestamp\":\"2026-01-02T23:59:59-01:00\"}",
          "web-2026.01.03" },
        { "web-%{+yyyy.MM.dd}", "{}", "web-2026.08.02" },
        { "web-%{+yyyy.MM.dd}", "{\"@timestamp\":\"soon\"}", "web-2026.08.02" },
        { "web-%{+yyyy.MM.dd}", "a bare line", "web-2026.08.02" },
        { "%{[message]}", "a bare line", "a bare line" },
        { "%{[a.b]:none}", "{\"a\":{\"b\":7}}", "7" },
        { "%{[a.b]:none}", "{no JSON", "none" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sample s;
        struct pattern p;
        struct buf out = { 0 };
        sample_init(&s, rows[i].value);
        ck_assert_int_eq(pattern_compile(rows[i].pattern, &s.arena, &p, NULL), ERR_OK);
        ck_assert_int_eq(event_expand(&s.ev, &p, &out, NULL), ERR_OK);
        ck_assert_str_eq(buf_cstr(&out), rows[i].text);
        buf_deinit(&out);
        sample_deinit(&s);
    }
}
END_TEST

Suite *text_suite(void);
Suite *text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, patterns_take_the_events_time_or_the_records);
    suite_add_tcase(s, t);
    return s;
}
