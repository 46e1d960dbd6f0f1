/* SPDX-License-Identifier: Apache-2.0 */
/* check_log.c - log lines as they arrive at the other end of a pipe. */
#include "protocol/base/buf.h"
#include "protocol/daemon/json.h"
#include "protocol/daemon/log.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *log_suite(void);

static int fds[2];
static struct log_sink *sink;
static struct log storage;
static struct buf out;

static void start(enum log_level level, enum log_format format)
{
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    sink = log_sink_new(fds[1], level, format);
    storage = (struct log){ sink, "storage" };
}

static const char *finish(void)
{
    log_sink_free(sink);
    close(fds[1]);
    buf_deinit(&out);
    ssize_t n;
    while ((n = read(fds[0], buf_reserve(&out, 65536), 65536)) > 0) {
        out.len += (size_t)n;
    }
    close(fds[0]);
    return buf_cstr(&out);
}

/* The text behind "time=2026-01-12T10:11:12.123Z ", whose form is checked. */
static const char *after_time(const char *line)
{
    static const char form[] = "time=dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; i + 1 < sizeof(form); i++) {
        ck_assert_msg(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i],
                      "place %zu of %s", i, line);
    }
    return line + sizeof(form) - 1;
}

START_TEST(logfmt_line_has_time_level_component_message_and_pairs)
{
    start(LOG_INFO, LOG_LOGFMT);
    log_debug(&storage, "not seen");
    log_info(&storage, "isr shrunk", KV_STR("topic", "a-b.c"), KV_INT("hw", -42),
             KV_UINT("max", UINT64_MAX), KV_BOOL("ok", true), KV_NS("took", 1500000000),
             KV_STR("path", NULL), KV_STR("empty", ""));
    ck_assert_str_eq(after_time(finish()),
                     "level=info component=storage message=\"isr shrunk\" topic=a-b.c hw=-42 "
                     "max=18446744073709551615 ok=true took=1.5s path=null empty=\"\"\n");
}
END_TEST

START_TEST(values_cannot_break_out_of_their_line)
{
    start(LOG_DEBUG, LOG_LOGFMT);
    log_warn(&storage, "odd", KV_STR("v", "x\nlevel=error message=\"forged\""), KV_STR("w", "a=b"),
             KV_STR("u", "\xff\x1b[2J"));
    ck_assert_str_eq(after_time(finish()), "level=warn component=storage message=odd "
                                           "v=\"x\\nlevel=error message=\\\"forged\\\"\" w=\"a=b\" "
                                           "u=\"\xef\xbf\xbd\\u001b[2J\"\n");
}
END_TEST

START_TEST(long_values_are_cut_between_characters)
{
    char text[4000];
    memset(text, 'x', sizeof(text));
    memcpy(text + 1022, "\xe2\x82\xac", 3);
    start(LOG_DEBUG, LOG_LOGFMT);
    log_error(&storage, "long", KV_SLICE("v", slice_of(text, sizeof(text))));
    const char *v = strstr(finish(), " v=");
    ck_assert_uint_eq(strlen(v), 3 + 1022 + 1);
}
END_TEST

START_TEST(json_lines_are_json)
{
    start(LOG_INFO, LOG_JSON);
    log_info(&storage, "isr \"shrunk\"", KV_STR("topic", "a\n\xff"), KV_INT("hw", 7),
             KV_BOOL("ok", 0), KV_NS("took", 250000000), KV_STR("none", NULL));
    log_info(&storage, "second");
    const char *text = finish();
    const char *end = strchr(text, '\n');
    ck_assert_ptr_nonnull(end);
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct json_value *v;
    ck_assert_int_eq(json_parse(slice_of(text, (size_t)(end - text)), &arena, &v, NULL), ERR_OK);
    ck_assert(slice_eq_str(json_get(v, slice_str("level"))->text, "info"));
    ck_assert(slice_eq_str(json_get(v, slice_str("component"))->text, "storage"));
    ck_assert(slice_eq_str(json_get(v, slice_str("message"))->text, "isr \"shrunk\""));
    ck_assert(slice_eq_str(json_get(v, slice_str("topic"))->text, "a\n\xef\xbf\xbd"));
    ck_assert_int_eq(json_get(v, slice_str("hw"))->integer, 7);
    ck_assert_int_eq(json_get(v, slice_str("ok"))->kind, JSON_BOOL);
    ck_assert(slice_eq_str(json_get(v, slice_str("took"))->text, "250ms"));
    ck_assert_int_eq(json_get(v, slice_str("none"))->kind, JSON_NULL);
    ck_assert_uint_eq(json_get(v, slice_str("time"))->text.len, 24);
    arena_deinit(&arena);
}
END_TEST

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) {
        n++;
    }
    return n;
}

START_TEST(repeats_are_counted_and_none_is_lost_from_the_count)
{
    start(LOG_INFO, LOG_LOGFMT);
    for (int i = 0; i < 300; i++) {
        log_info(&storage, "again", KV_INT("i", i));
    }
    log_info(&storage, "other");
    const char *text = finish();
    size_t seen = count(text, "message=again "), told = 0;
    /* The second may turn once or twice within the loop, not more often. */
    ck_assert_uint_ge(seen, 20);
    ck_assert_uint_le(seen, 60);
    ck_assert_uint_eq(count(text, "message=other\n"), 1);
    for (const char *p = text; (p = strstr(p, "repeated=again count=")); p++) {
        told += strtoul(p + strlen("repeated=again count="), NULL, 10);
    }
    ck_assert_uint_eq(seen + told, 300);
}
END_TEST

START_TEST(same_message_of_another_component_is_another)
{
    start(LOG_INFO, LOG_LOGFMT);
    struct log other = log_for(&storage, "group");
    for (int i = 0; i < 20; i++) {
        log_info(&storage, "again");
        log_info(&other, "again");
    }
    ck_assert_uint_eq(count(finish(), "message=again\n"), 40);
}
END_TEST

START_TEST(lines_that_nobody_reads_are_counted_and_do_not_block)
{
    start(LOG_INFO, LOG_LOGFMT);
    char text[1000];
    static const char *const messages[] = { "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7" };
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 160; i++) {
        log_info(&storage, messages[i % 8], KV_SLICE("v", slice_of(text, sizeof(text))));
    }
    char drop[65536];
    while (read(fds[0], drop, sizeof(drop)) > 0) {
    }
    log_info(&storage, "after");
    ck_assert_uint_eq(count(finish(), "message=\"log lines lost\" count="), 1);
}
END_TEST

START_TEST(level_and_format_change_while_running)
{
    start(LOG_ERROR, LOG_LOGFMT);
    log_info(&storage, "first");
    log_sink_set(sink, LOG_INFO, LOG_JSON);
    log_info(&storage, "two");
    const char *text = finish();
    ck_assert_uint_eq(count(text, "first"), 0);
    ck_assert_uint_eq(count(text, "\"message\":\"two\"}"), 1);
    struct log silent = { NULL, "x" };
    log_error(&silent, "nowhere");
}
END_TEST

Suite *log_suite(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_test(t, logfmt_line_has_time_level_component_message_and_pairs);
    tcase_add_test(t, values_cannot_break_out_of_their_line);
    tcase_add_test(t, long_values_are_cut_between_characters);
    tcase_add_test(t, json_lines_are_json);
    tcase_add_test(t, repeats_are_counted_and_none_is_lost_from_the_count);
    tcase_add_test(t, same_message_of_another_component_is_another);
    tcase_add_test(t, lines_that_nobody_reads_are_counted_and_do_not_block);
    tcase_add_test(t, level_and_format_change_while_running);
    suite_add_tcase(s, t);
    return s;
}
