/* SPDX-License-Identifier: Apache-2.0 */
/* check_tail.c - lines, multiline, container lines, identity: each story with the input cut at
 * every byte. */
#include "agent/input/parse.h"
#include "agent/ship/shorten.h"
#include "agent/ship/tracker.h"
#include "agent/tail/identity.h"

#include "tests/agent/suites.h"

struct story {
    struct lines lines;
    struct parse parse;
    const struct parse_config *cfg;
    uint64_t pos;
    struct buf out; /* "start-end:flags:text|" per event */
};

static void record(void *ctx, const struct tail_event *e)
{
    struct story *s = ctx;
    buf_printf(&s->out, "%d-%d:%u:", (int)e->start, (int)e->end, e->flags);
    buf_append_slice(&s->out, e->text);
    buf_append_byte(&s->out, '|');
}

static void feed(struct story *s, struct slice bytes)
{
    struct line line;
    while (lines_next(&s->lines, &bytes, &line)) {
        struct tail_event e = { line.text, s->pos, s->pos + line.size_bytes, line.flags, 0 };
        parse_line(&s->parse, s->cfg, &e, record, s);
        s->pos += line.size_bytes;
    }
    lines_collect(&s->lines, bytes);
}

/* Runs the text in two parts, cut at every byte, and as a whole. */
static void expect(const struct parse_config *cfg, size_t max_bytes, struct slice text,
                   const char *want)
{
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct story s = { .lines = { .max_bytes = max_bytes }, .cfg = cfg };
        feed(&s, slice_head(text, cut));
        feed(&s, slice_from(text, cut));
        parse_flush(&s.parse, record, &s);
        ck_assert_str_eq(buf_cstr(&s.out), want);
        lines_deinit(&s.lines);
        parse_deinit(&s.parse);
        buf_deinit(&s.out);
    }
}

static const struct parse_config plain;

START_TEST(lines_are_the_same_however_the_bytes_are_divided)
{
    expect(&plain, 100, slice_str("a\nbb\r\n\n\r\nlast\nopen"),
           "0-2:0:a|2-6:0:bb|6-7:0:|7-9:0:|9-14:0:last|");
}
END_TEST

START_TEST(long_lines_are_cut_and_flagged_and_the_next_ones_arrive)
{
    expect(&plain, 4, slice_str("12345\n1234\n1234\r\n123\r4\nx\n"),
           "0-6:1:1234|6-11:0:1234|11-17:0:1234|17-23:1:123\r|23-25:0:x|");
}
END_TEST

START_TEST(nul_and_invalid_utf8_are_kept)
{
    static const char text[] = "a\0b\n\xff\xfe\n";
    struct story s = { .lines = { .max_bytes = 100 }, .cfg = &plain };
    feed(&s, slice_of(text, sizeof(text) - 1));
    ck_assert(slice_eq(buf_slice(&s.out), slice_of("0-4:0:a\0b|4-7:0:\xff\xfe|", 19)));
    lines_deinit(&s.lines);
    buf_deinit(&s.out);
}
END_TEST

static struct parse_config multiline_config(enum multiline_type type, enum multiline_match match,
                                            bool negate, const char *pattern)
{
    struct parse_config cfg = { .multiline_enabled = true, .max_bytes = 1000 };
    cfg.multiline = (struct multiline_config){ .type = type,
                                               .match = match,
                                               .negate = negate,
                                               .max_lines = 3,
                                               .count_lines = 2,
                                               .max_bytes = 1000 };
    ck_assert_int_eq(regex_new(pattern, &cfg.pattern, NULL), ERR_OK);
    return cfg;
}

START_TEST(indented_lines_join_the_line_before_them)
{
    struct parse_config cfg = multiline_config(MULTILINE_PATTERN, MULTILINE_AFTER, false, "^ ");
    expect(&cfg, 100, slice_str("E1\n a\n b\nE2\nE3\n c\n"),
           "0-9:2:E1\n a\n b|9-12:0:E2|12-18:2:E3\n c|");
    parse_config_deinit(&cfg);
}
END_TEST

START_TEST(lines_above_max_lines_are_cut_off_and_belong_to_the_event)
{
    struct parse_config cfg = multiline_config(MULTILINE_PATTERN, MULTILINE_AFTER, false, "^ ");
    expect(&cfg, 100, slice_str("E\n 1\n 2\n 3\nF\n"), "0-11:3:E\n 1\n 2|11-13:0:F|");
    parse_config_deinit(&cfg);
}
END_TEST

START_TEST(backslash_lines_join_the_line_behind_them)
{
    struct parse_config cfg = multiline_config(MULTILINE_PATTERN, MULTILINE_BEFORE, false, "\\\\$");
    expect(&cfg, 100, slice_str("a\\\nb\nc\nd\\\n"), "0-5:2:a\\\nb|5-7:0:c|7-10:0:d\\|");
    parse_config_deinit(&cfg);
}
END_TEST

START_TEST(count_and_while_pattern_group_lines)
{
    struct parse_config cfg = multiline_config(MULTILINE_COUNT, MULTILINE_AFTER, false, "x");
    expect(&cfg, 100, slice_str("a\nb\nc\n"), "0-4:2:a\nb|4-6:0:c|");
    parse_config_deinit(&cfg);
    cfg = multiline_config(MULTILINE_WHILE, MULTILINE_AFTER, false, "^\\{");
    expect(&cfg, 100, slice_str("{a\n{b\nc\n"), "0-6:2:{a\n{b|6-8:0:c|");
    parse_config_deinit(&cfg);
}
END_TEST

START_TEST(partial_cri_lines_are_joined_per_stream)
{
    static const struct parse_config cfg = { .container = true, .max_bytes = 1000 };
    expect(&cfg, 1000,
           slice_str("2026-01-01T00:00:00.000000000Z stdout P one \n"
                     "2026-01-01T00:00:00.000000000Z stderr F err\n"
                     "2026-01-01T00:00:00.000000000Z stdout F two\n"),
           "45-89:8:err|0-133:4:one two|");
}
END_TEST

START_TEST(docker_lines_are_decoded_and_joined)
{
    static const struct parse_config cfg = { .container = true, .max_bytes = 1000 };
    expect(&cfg, 1000,
           slice_str("{\"log\":\"a\\u00e4\\\"\",\"stream\":\"stdout\",\"time\":\"t\"}\n"
                     "{\"attrs\":{\"x\":[1,\"}\"]},\"log\":\"b\\n\",\"stream\":\"stdout\"}\n"),
           "0-103:4:a\xc3\xa4\"b|");
}
END_TEST

START_TEST(torn_docker_lines_are_given_on_as_they_are)
{
    static const char line[] =
        "{\"log\":\"a\\u00e4\\ud83d\\ude00\\n\",\"stream\":\"stderr\",\"time\":\"t\"}";
    struct buf scratch = { 0 };
    struct container_line out;
    for (size_t n = 0; n < sizeof(line) - 1; n++) {
        char *copy = mempcpy(malloc(n + 1), line, n);
        ck_assert_int_eq(container_parse_docker(slice_of(copy - n, n), &scratch, &out),
                         ERR_MALFORMED);
        free(copy - n);
    }
    ck_assert_int_eq(container_parse_docker(slice_str(line), &scratch, &out), ERR_OK);
    ck_assert(slice_eq_str(out.text, "a\xc3\xa4\xf0\x9f\x98\x80"));
    buf_deinit(&scratch);
}
END_TEST

START_TEST(identity_needs_place_prefix_and_tail)
{
    struct slice prefix = slice_str("head"), tail = slice_str("tail");
    struct file_mark mark = { .offset = 100, .prefix_len = 4, .tail_len = 4 };
    mark.prefix_hash = identity_hash(prefix);
    mark.tail_hash = identity_hash(tail);
    const struct {
        struct file_place now;
        uint64_t size;
        const char *prefix, *tail;
        enum identity_verdict want;
    } rows[] = {
        { { 1, 2, 3 }, 100, "head", "tail", IDENTITY_SAME },
        { { 1, 2, 3 }, 5000, "head", "tail", IDENTITY_SAME },
        { { 1, 2, 0 }, 100, "head", "tail", IDENTITY_SAME },
        { { 1, 2, 4 }, 100, "head", "tail", IDENTITY_REUSED },
        { { 1, 9, 3 }, 100, "head", "tail", IDENTITY_REUSED },
        { { 1, 2, 3 }, 99, "head", "tail", IDENTITY_TRUNCATED },
        { { 1, 2, 3 }, 100, "heaD", "tail", IDENTITY_TRUNCATED },
        { { 1, 2, 3 }, 100, "head", "tael", IDENTITY_TRUNCATED },
        { { 1, 2, 3 }, 100, "hea", "tail", IDENTITY_TRUNCATED },
    };
    const struct file_place known = { 1, 2, 3 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(identity_judge(&known, &mark, &rows[i].now, rows[i].size,
                                        slice_str(rows[i].prefix), slice_str(rows[i].tail)),
                         rows[i].want);
    }
}
END_TEST

START_TEST(rotated_names_lead_to_their_original)
{
    static const struct {
        const char *name, *want;
    } rows[] = { { "app.log.1", "app.log,app," },
                 { "app-20260101.log", "app-20260101,app,app.log," },
                 { "noseparator", "" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf name = { 0 }, all = { 0 };
        for (unsigned step = 0; rotation_original_name(slice_str(rows[i].name), step, &name);
             step++) {
            buf_append_slice(&all, buf_slice(&name));
            buf_append_byte(&all, ',');
        }
        for (const char *at = rows[i].want; *at; at = strchr(at, ',') + 1) {
            size_t len = (size_t)(strchr(at, ',') - at) + 1;
            ck_assert_ptr_nonnull(memmem(all.ptr, all.len, at, len));
        }
        ck_assert(rows[i].want[0] || all.len == 0);
        buf_deinit(&name);
        buf_deinit(&all);
    }
}
END_TEST

START_TEST(event_ids_are_distinct_for_distinct_offsets)
{
    char a[EVENT_ID_TEXT_BYTES], id[FILE_ID_TEXT_BYTES];
    file_id_format(&(struct file_id){ { 0xab } }, id);
    ck_assert_uint_eq(event_id_format(id, 0, a), FILE_ID_TEXT_BYTES + 2);
    ck_assert_int_eq(memcmp(a + FILE_ID_TEXT_BYTES, "-0", 2), 0);
    ck_assert_uint_eq(event_id_format(id, UINT64_MAX, a), EVENT_ID_TEXT_BYTES);
    ck_assert_int_eq(memcmp(a, "ab0000", 6), 0);
}
END_TEST

static void ignore_ack(struct tracker *t)
{
}

START_TEST(committed_follows_the_oldest_run_only)
{
    struct tracker t;
    int one, two;
    tracker_init(&t, 0, ignore_ack);
    struct tracker_run *a = tracker_run_for(&t, &one, 0);
    tracker_sent(a);
    tracker_sent(tracker_run_for(&t, &one, 0));
    struct tracker_run *b = tracker_run_for(&t, &two, 0);
    tracker_sent(b);
    ck_assert_ptr_ne(a, b);
    tracker_acked(b, 1, 30);
    ck_assert_uint_eq(t.committed, 0);
    tracker_acked(a, 1, 10);
    ck_assert_uint_eq(t.committed, 10);
    tracker_acked(a, 1, 20);
    ck_assert_uint_eq(t.committed, 30);
    tracker_deinit(&t);
}
END_TEST

START_TEST(committed_stands_still_once_lines_came_back)
{
    struct tracker t;
    int one;
    tracker_init(&t, 5, ignore_ack);
    struct tracker_run *a = tracker_run_for(&t, &one, 0);
    tracker_sent(a);
    tracker_sent(a);
    tracker_returned(a, 1);
    tracker_acked(a, 1, 20);
    ck_assert_uint_eq(t.committed, 5);
    ck_assert(t.frozen && t.outstanding == 0);
    tracker_thaw(&t);
    a = tracker_run_for(&t, &one, 0);
    tracker_sent(a);
    tracker_acked(a, 1, 10);
    ck_assert_uint_eq(t.committed, 10);
    tracker_deinit(&t);
}
END_TEST

START_TEST(committed_waits_for_a_line_that_goes_again_behind_others)
{
    struct tracker t;
    int one;
    tracker_init(&t, 0, ignore_ack);
    struct tracker_run *a = tracker_run_for(&t, &one, 0);
    for (int i = 0; i < 3; i++) {
        tracker_sent(a);
    }
    tracker_acked(a, 1, 10);
    struct tracker_run *own = tracker_detach(a);
    tracker_acked(a, 1, 30);
    ck_assert_uint_eq(t.committed, 10);
    own = tracker_detach(own);
    tracker_sent(tracker_run_for(&t, &one, 0));
    ck_assert_uint_eq(t.outstanding, 2);
    tracker_acked(a, 1, 40);
    ck_assert_uint_eq(t.committed, 10);
    tracker_acked(own, 1, 20);
    ck_assert_uint_eq(t.committed, 40);
    tracker_deinit(&t);
}
END_TEST

static void expect_shortened(const char *value, bool is_json, const char *want)
{
    struct buf out = { 0 };
    ck_assert(shorten_value(slice_str(value), is_json, &out) == (want != NULL));
    ck_assert_str_eq(buf_cstr(&out), want ? want : "");
    buf_deinit(&out);
}

START_TEST(shortened_values_keep_their_form_and_whole_characters)
{
    expect_shortened("abcdef", false, "abc");
    expect_shortened("a", false, "");
    expect_shortened("", false, NULL);
    expect_shortened("a\xc3\xa4\xc3\xa4", false, "a");
    expect_shortened("{\"n\":1.50,\"message\":\"a\\nbc\"}", true,
                     "{\"n\":1.50,\"message\":\"a\\n\",\"log\":{\"flags\":[\"truncated\"]}}");
    expect_shortened("{\"log\":{\"flags\":[\"truncated\"]},\"message\":\"ab\"}", true,
                     "{\"log\":{\"flags\":[\"truncated\"]},\"message\":\"a\"}");
    expect_shortened("{\"message\":\"\"}", true, NULL);
    expect_shortened("no json", true, NULL);
}
END_TEST

Suite *tail_suite(void)
{
    Suite *s = suite_create("agent/tail");
    TCase *c = tcase_create("tail");
    tcase_add_test(c, lines_are_the_same_however_the_bytes_are_divided);
    tcase_add_test(c, long_lines_are_cut_and_flagged_and_the_next_ones_arrive);
    tcase_add_test(c, nul_and_invalid_utf8_are_kept);
    tcase_add_test(c, indented_lines_join_the_line_before_them);
    tcase_add_test(c, lines_above_max_lines_are_cut_off_and_belong_to_the_event);
    tcase_add_test(c, backslash_lines_join_the_line_behind_them);
    tcase_add_test(c, count_and_while_pattern_group_lines);
    tcase_add_test(c, partial_cri_lines_are_joined_per_stream);
    tcase_add_test(c, docker_lines_are_decoded_and_joined);
    tcase_add_test(c, torn_docker_lines_are_given_on_as_they_are);
    tcase_add_test(c, identity_needs_place_prefix_and_tail);
    tcase_add_test(c, rotated_names_lead_to_their_original);
    tcase_add_test(c, event_ids_are_distinct_for_distinct_offsets);
    tcase_add_test(c, committed_follows_the_oldest_run_only);
    tcase_add_test(c, committed_stands_still_once_lines_came_back);
    tcase_add_test(c, committed_waits_for_a_line_that_goes_again_behind_others);
    tcase_add_test(c, shortened_values_keep_their_form_and_whole_characters);
    suite_add_tcase(s, c);
    return s;
}
