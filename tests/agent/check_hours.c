/* SPDX-License-Identifier: Apache-2.0 */
/* check_hours.c - the hour of a line: the rules by table, and a whole agent over a virtual clock
 * that is torn down without a last flush (as by kill -9) around changes of the hour, and around a
 * rotation by copytruncate. */
#include "agent/agent.h"
#include "agent/tail/hours.h"
#include "protocol/base/alloc.h"
#include "tests/agent/suites.h"
#include "tests/support/fake_env.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/files.h"
#include "tests/support/scratch_dir.h"

#define AT(hour, ms) ((int64_t)(hour)*HOUR_MS + (ms))

/* Records where that is asked for, as the harvester does. */
static int64_t stamp(struct file_hours *h, uint64_t start, uint64_t unsent_from,
                     uint64_t needed_from, int64_t now_ms)
{
    struct hours_event e = { start, unsent_from, needed_from, now_ms };
    int64_t ms = -1;
    if (!hours_stamp(h, &e, &ms)) {
        hours_begin(h, &e);
        ck_assert(hours_stamp(h, &e, &ms));
    }
    return ms;
}

START_TEST(stamp_follows_the_clock_only_for_what_never_left)
{
    static const struct {
        uint64_t start, unsent_from;
        int64_t now_ms, want_ms;
        uint8_t want_count;
    } rows[] = {
        { 0, 0, AT(100, 5), AT(100, 5), 1 },
        { 10, 1, AT(100, HOUR_MS - 1), AT(100, HOUR_MS - 1), 1 },
        { 20, 11, AT(101, 7), AT(101, 7), 2 },           /* a new hour */
        { 10, 21, AT(101, 8), AT(100, HOUR_MS - 1), 2 }, /* sent again: in the old one */
        { 20, 21, AT(103, 8), AT(101, HOUR_MS - 1), 2 }, /* likewise, later */
        { 19, 30, AT(103, 8), AT(100, HOUR_MS - 1), 2 },
        { 30, 30, AT(100, 0), AT(101, 0), 2 }, /* a clock that steps back a little */
        { 30, 30, AT(103, 1), AT(103, 1), 3 },
        { 30, 30, AT(104, 2), AT(104, 2), 3 }, /* it did not leave yet: no place more */
        { 40, 31, AT(50, 3), AT(50, 3), 4 },   /* a clock that was wrong for long */
        { 31, 41, AT(50, 4), AT(104, 0), 4 },
    };
    struct file_hours h = { 0 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_int_eq(stamp(&h, rows[i].start, rows[i].unsent_from, 0, rows[i].now_ms),
                         rows[i].want_ms);
        ck_assert_uint_eq(h.count, rows[i].want_count);
    }
}
END_TEST

START_TEST(full_table_stands_still_until_acknowledgements_come)
{
    struct file_hours h = { 0 };
    for (uint64_t i = 0; i < HOURS_MAX; i++) {
        ck_assert_int_eq(stamp(&h, 10 * i, 10 * i, 0, AT(200 + i, 1)), AT(200 + i, 1));
    }
    int64_t end = AT(200 + HOURS_MAX, -1);
    ck_assert_int_eq(stamp(&h, 900, 900, 0, AT(300, 0)), end);
    ck_assert_int_eq(stamp(&h, 910, 901, 10, AT(300, 0)), AT(300, 0));
    ck_assert_uint_eq(h.count, HOURS_MAX);
    ck_assert_int_eq(stamp(&h, 900, 911, 10, AT(300, 9)), end);
    ck_assert_int_eq(stamp(&h, 10, 911, 10, AT(300, 9)), AT(202, -1));
}
END_TEST

START_TEST(closed_hours_are_opened_before_anything_leaves)
{
    struct file_hours h = { .offset = { 0 }, .hour = { 100 }, .count = 1, .closed = true };
    struct hours_event e = { 50, 50, 50, AT(100, 1) };
    int64_t ms;
    ck_assert(!hours_stamp(&h, &e, &ms));
    hours_begin(&h, &e);
    ck_assert(!h.closed && h.count == 1);
    ck_assert(hours_stamp(&h, &e, &ms));
}
END_TEST

/* --- a whole agent ---------------------------------------------------------------------------- */

struct world {
    struct scratch_dir dir;
    struct fake_env env;
    struct vfs *vfs; /* NULL: the real disk */
    struct arena arena;
    struct agent_config cfg;
    struct agent *agent;
    bool stopped;
};

/* One run of the agent, at a time of its virtual clock. */
static void start_agent(struct world *w, uint64_t now_ns)
{
    static const struct log silent;
    struct buf text = { 0 };
    struct yaml_node *root;
    struct error err = { 0 };
    struct agent_plan plan;
    fake_env_init(&w->env, 7 + now_ns);
    w->env.now_ns = now_ns;
    w->stopped = false;
    arena_init(&w->arena, 1 << 20);
    buf_printf(
        &text,
        "path.data: %s/data\nfilebeat.registry.flush: 1h\nfilebeat.inputs:\n"
        "- {type: filestream, id: t, paths: ['%s/*.log'], prospector.scanner.check_interval: 1s}\n"
        "output.file: {path: %s, filename: o}\n",
        w->dir.path, w->dir.path, w->dir.path);
    enum err rc = yaml_parse(buf_slice(&text), "test", &w->arena, &root, &err);
    rc = rc ? rc : config_load(&agent_config_table, root, &w->arena, NULL, NULL, &w->cfg, &err);
    rc = rc ? rc : agent_plan_init(&plan, &w->cfg, &w->arena, NULL, NULL, &err);
    ck_assert_msg(!rc, "%s", err.text);
    struct agent_args args = {
        .env = w->env.env,
        .vfs = w->vfs ? w->vfs : vfs_posix(),
        .files = files_posix(),
        .log = &silent,
        .plan = &plan,
        .facts = { "host", "id", "ephemeral", "1" },
    };
    rc = agent_new(&args, &w->agent, &err);
    ck_assert_msg(!rc, "%s", err.text);
    agent_run(w->agent, NULL);
    buf_deinit(&text);
}

static void run_for(struct world *w, uint64_t ns)
{
    fake_env_run(&w->env, w->env.now_ns + ns);
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

/* kill: nothing is flushed. Returns the time at which it ended. */
static uint64_t end_agent(struct world *w, bool kill)
{
    if (!kill) {
        agent_stop(w->agent, on_stopped, w);
        run_for(w, NS_PER_S);
        ck_assert(w->stopped);
    }
    uint64_t now_ns = w->env.now_ns;
    agent_free(w->agent);
    fake_env_deinit(&w->env);
    arena_deinit(&w->arena);
    return now_ns;
}

static void append_to(const struct world *w, const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir.path, name);
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void append(const struct world *w, const char *text)
{
    append_to(w, "a.log", text);
}

/* The first len bytes of a field in a message's events, and a blank each. */
static void values_of(const struct world *w, const char *message, const char *field, size_t len,
                      struct buf *out)
{
    char path[300], wanted[64];
    struct buf all = { 0 };
    (void)snprintf(path, sizeof(path), "%s/o.ndjson", w->dir.path);
    (void)snprintf(wanted, sizeof(wanted), "\"message\":\"%s\"", message);
    ck_assert(files_read(path, &all));
    char *rest = (char *)buf_cstr(&all);
    for (char *line = strsep(&rest, "\n"); line && *line; line = strsep(&rest, "\n")) {
        const char *value = strstr(line, field);
        ck_assert_ptr_nonnull(value);
        if (strstr(line, wanted)) {
            buf_printf(out, "%.*s ", (int)len, value + strlen(field));
        }
    }
    buf_deinit(&all);
}

static void expect_hours(const struct world *w, const char *message, const char *want)
{
    struct buf out = { 0 };
    values_of(w, message, "\"@timestamp\":\"", strlen("2023-11-14T22"), &out);
    ck_assert_str_eq(buf_cstr(&out), want);
    buf_deinit(&out);
}

enum { MINUTE_S = 60 };
#define MINUTES(n) ((uint64_t)(n)*MINUTE_S * NS_PER_S)

/* The virtual clock begins at 22:13:20 on 2023-11-14. */
START_TEST(killed_agent_stamps_lines_in_the_hour_of_the_first_time)
{
    struct world w = { 0 };
    scratch_dir_init(&w.dir);
    append(&w, "one\n");
    start_agent(&w, 0);
    run_for(&w, MINUTES(46));
    append(&w, "two\n"); /* 22:59 */
    run_for(&w, MINUTES(2));
    append(&w, "three\n"); /* 23:01 */
    run_for(&w, MINUTES(60));
    append(&w, "four\n"); /* 00:01, the next day */
    run_for(&w, 5ULL * NS_PER_S);
    uint64_t now_ns = end_agent(&w, true);
    append(&w, "down\n");
    start_agent(&w, now_ns + MINUTES(300));
    run_for(&w, 5ULL * NS_PER_S);
    append(&w, "five\n"); /* 05:01 */
    run_for(&w, 5ULL * NS_PER_S);
    /* What had been acknowledged when an hour was recorded is not sent again. */
    expect_hours(&w, "one", "2023-11-14T22 ");
    expect_hours(&w, "two", "2023-11-14T22 ");
    expect_hours(&w, "three", "2023-11-14T23 ");
    expect_hours(&w, "four", "2023-11-15T00 2023-11-15T00 ");
    expect_hours(&w, "down", "2023-11-15T00 ");
    expect_hours(&w, "five", "2023-11-15T05 ");
    now_ns = end_agent(&w, true);
    start_agent(&w, now_ns + MINUTES(60));
    run_for(&w, 5ULL * NS_PER_S);
    expect_hours(&w, "five", "2023-11-15T05 2023-11-15T05 ");
    expect_hours(&w, "down", "2023-11-15T00 ");
    (void)end_agent(&w, true);
    scratch_dir_deinit(&w.dir);
}
END_TEST

START_TEST(stopped_agent_stamps_what_was_written_meanwhile_with_the_time_of_reading)
{
    struct world w = { 0 };
    scratch_dir_init(&w.dir);
    append(&w, "one\n");
    start_agent(&w, 0);
    run_for(&w, 5ULL * NS_PER_S);
    uint64_t now_ns = end_agent(&w, false);
    append(&w, "down\n");
    start_agent(&w, now_ns + MINUTES(120));
    run_for(&w, 5ULL * NS_PER_S);
    expect_hours(&w, "one", "2023-11-14T22 ");
    expect_hours(&w, "down", "2023-11-15T00 ");
    now_ns = end_agent(&w, true);
    start_agent(&w, now_ns + MINUTES(60));
    run_for(&w, 5ULL * NS_PER_S);
    expect_hours(&w, "down", "2023-11-15T00 2023-11-15T00 ");
    (void)end_agent(&w, true);
    scratch_dir_deinit(&w.dir);
}
END_TEST

START_TEST(line_of_a_new_hour_waits_until_the_registry_has_it)
{
    struct world w = { 0 };
    struct fault_vfs disk;
    scratch_dir_init(&w.dir);
    fault_vfs_init(&disk);
    w.vfs = &disk.vfs;
    append(&w, "one\n");
    append_to(&w, "b.log", "other\n");
    start_agent(&w, 0);
    run_for(&w, MINUTES(10));
    disk.sync_fails = true;
    append(&w, "two\n"); /* 22:23: the hour is known */
    run_for(&w, MINUTES(38));
    append(&w, "three\n"); /* 23:01 */
    run_for(&w, MINUTES(1));
    expect_hours(&w, "two", "2023-11-14T22 ");
    expect_hours(&w, "three", "");
    append_to(&w, "b.log", "late\n"); /* the failure is known: time stands still */
    run_for(&w, 5ULL * NS_PER_S);
    expect_hours(&w, "late", "2023-11-14T22 ");
    disk.sync_fails = false;
    run_for(&w, 5ULL * NS_PER_S);
    expect_hours(&w, "three", "2023-11-14T23 ");
    (void)end_agent(&w, true);
    fault_vfs_deinit(&disk);
    scratch_dir_deinit(&w.dir);
}
END_TEST

/* The first run wrote down that the file is there, and not yet how far it was sent. */
START_TEST(copy_of_a_file_that_was_truncated_at_a_restart_keeps_its_id)
{
    struct world w = { 0 };
    scratch_dir_init(&w.dir);
    append(&w, "one\n");
    start_agent(&w, 0);
    run_for(&w, 5ULL * NS_PER_S);
    uint64_t now_ns = end_agent(&w, true);
    append_to(&w, "a.1.log", "one\n");
    start_agent(&w, now_ns + NS_PER_S);
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/a.log", w.dir.path);
    ck_assert_int_eq(truncate(path, 0), 0);
    run_for(&w, 5ULL * NS_PER_S);
    append(&w, "two\n");
    run_for(&w, 5ULL * NS_PER_S);
    struct buf ids = { 0 };
    values_of(&w, "one", "\"event\":{\"id\":\"", FILE_ID_TEXT_BYTES, &ids);
    ck_assert_uint_eq(ids.len, 2 * (FILE_ID_TEXT_BYTES + 1));
    ck_assert_mem_eq(ids.ptr, ids.ptr + FILE_ID_TEXT_BYTES + 1, FILE_ID_TEXT_BYTES);
    buf_deinit(&ids);
    (void)end_agent(&w, true);
    scratch_dir_deinit(&w.dir);
}
END_TEST

Suite *hours_suite(void)
{
    Suite *s = suite_create("agent/hours");
    TCase *c = tcase_create("hours");
    tcase_add_test(c, stamp_follows_the_clock_only_for_what_never_left);
    tcase_add_test(c, full_table_stands_still_until_acknowledgements_come);
    tcase_add_test(c, closed_hours_are_opened_before_anything_leaves);
    tcase_add_test(c, killed_agent_stamps_lines_in_the_hour_of_the_first_time);
    tcase_add_test(c, stopped_agent_stamps_what_was_written_meanwhile_with_the_time_of_reading);
    tcase_add_test(c, line_of_a_new_hour_waits_until_the_registry_has_it);
    tcase_add_test(c, copy_of_a_file_that_was_truncated_at_a_restart_keeps_its_id);
    suite_add_tcase(s, c);
    return s;
}
