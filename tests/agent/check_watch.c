/* SPDX-License-Identifier: Apache-2.0 */
/* check_watch.c - what the kernel's notifications must find by themselves: a whole agent on the
 * real loop and the real inotify, whose scans come once an hour. */
#include "agent/agent.h"
#include "agent/watch/discover.h"
#include "protocol/net/loop.h"
#include "tests/agent/suites.h"
#include "tests/support/files.h"
#include "tests/support/scratch_dir.h"

#include <sys/stat.h>

enum { WAIT_TURNS = 1000, TURN_MS = 10 };

struct world {
    struct scratch_dir dir;
    struct files files; /* the real ones, and hooks */
    struct files_ops ops;
    const char *options;    /* of the inputs, ", name: value" */
    const char *after_list; /* a file that is written once its directory has been listed */
    struct loop *loop;
    struct arena arena;
    struct agent_config cfg;
    struct agent *agent;
    bool stopped;
};

static void path_of(const struct world *w, const char *name, char path[static 400])
{
    (void)snprintf(path, 400, "%s/%s", w->dir.path, name);
}

static void write_line(const struct world *w, const char *name, const char *line)
{
    char path[400];
    path_of(w, name, path);
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fprintf(f, "%s\n", line), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void make_dir(const struct world *w, const char *name)
{
    char path[400];
    path_of(w, name, path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static enum err list_then_write(struct files *files, const char *dir,
                                void (*each)(void *ctx, const char *name, enum file_kind kind),
                                void *ctx)
{
    struct world *w = container_of(files, struct world, files);
    enum err rc = files_posix()->ops->list(files_posix(), dir, each, ctx);
    if (w->after_list) {
        write_line(w, w->after_list, w->after_list);
        w->after_list = NULL;
    }
    return rc;
}

static void world_init(struct world *w)
{
    *w = (struct world){ .ops = *files_posix()->ops };
    w->ops.list = list_then_write;
    w->files.ops = &w->ops;
    scratch_dir_init(&w->dir);
}

/* inputs: as in agent.yml, with %s for the directory where a path begins. */
static void start_agent(struct world *w, const char *paths_a, const char *paths_b)
{
    static const struct log silent;
    static const struct notify_events events = { agent_notified };
    struct buf text = { 0 };
    struct yaml_node *root;
    struct error err = { 0 };
    struct agent_plan plan;
    struct notify *notify;
    const char *const paths[] = { paths_a, paths_b };
    ck_assert_int_eq(loop_new(1, &w->loop, &err), ERR_OK);
    arena_init(&w->arena, 1 << 20);
    buf_printf(&text, "path.data: %s/data\noutput.file: {path: %s, filename: o}\n", w->dir.path,
               w->dir.path);
    buf_append_str(&text, "filebeat.inputs:\n");
    for (size_t i = 0; i < 2 && paths[i]; i++) {
        buf_printf(&text,
                   "- {type: filestream, id: in%zu, paths: ['%s/%s'], "
                   "prospector.scanner.check_interval: 1h%s}\n",
                   i, w->dir.path, paths[i], w->options ? w->options : "");
    }
    enum err rc = yaml_parse(buf_slice(&text), "test", &w->arena, &root, &err);
    rc = rc ? rc : config_load(&agent_config_table, root, &w->arena, NULL, NULL, &w->cfg, &err);
    rc = rc ? rc : agent_plan_init(&plan, &w->cfg, &w->arena, NULL, NULL, &err);
    ck_assert_msg(!rc, "%s", err.text);
    struct agent_args args = {
        .env = loop_env(w->loop),
        .vfs = vfs_posix(),
        .files = &w->files,
        .log = &silent,
        .plan = &plan,
        .facts = { "host", "id", "ephemeral", "1" },
    };
    rc = agent_new(&args, &w->agent, &err);
    rc = rc ? rc : notify_inotify(w->loop, &events, w->agent, &notify, &err);
    ck_assert_msg(!rc, "%s", err.text);
    agent_run(w->agent, notify);
    buf_deinit(&text);
}

static bool arrived(const struct world *w, const char *line)
{
    char path[400], wanted[200];
    struct buf all = { 0 };
    path_of(w, "o.ndjson", path);
    (void)snprintf(wanted, sizeof(wanted), "\"message\":\"%s\"", line);
    bool found = files_read(path, &all) && strstr(buf_cstr(&all), wanted);
    buf_deinit(&all);
    return found;
}

static void expect_line(struct world *w, const char *line)
{
    for (unsigned i = 0; i < WAIT_TURNS && !arrived(w, line); i++) {
        loop_turn(w->loop, (uint64_t)TURN_MS * NS_PER_MS);
    }
    ck_assert_msg(arrived(w, line), "\"%s\" waits for the next scan", line);
}

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static void world_deinit(struct world *w)
{
    agent_stop(w->agent, on_stopped, w);
    for (unsigned i = 0; i < WAIT_TURNS && !w->stopped; i++) {
        loop_turn(w->loop, (uint64_t)TURN_MS * NS_PER_MS);
    }
    ck_assert(w->stopped);
    agent_free(w->agent);
    loop_free(w->loop);
    arena_deinit(&w->arena);
    scratch_dir_deinit(&w->dir);
}

START_TEST(file_that_comes_while_its_directory_is_listed_is_found_at_once)
{
    struct world w;
    world_init(&w);
    w.after_list = "new.log";
    start_agent(&w, "*.log", NULL);
    ck_assert_ptr_null(w.after_list);
    expect_line(&w, "new.log");
    world_deinit(&w);
}
END_TEST

START_TEST(directory_that_comes_later_is_watched_at_once)
{
    struct world w;
    world_init(&w);
    start_agent(&w, "app/logs/*.log", "one/*/deep.log");
    make_dir(&w, "app");
    make_dir(&w, "app/logs");
    make_dir(&w, "one");
    write_line(&w, "app/logs/a.log", "first");
    expect_line(&w, "first");
    write_line(&w, "app/logs/b.log", "second");
    expect_line(&w, "second");
    make_dir(&w, "one/two");
    write_line(&w, "one/two/deep.log", "third");
    expect_line(&w, "third");
    world_deinit(&w);
}
END_TEST

START_TEST(directory_that_is_removed_and_made_again_is_watched_again)
{
    struct world w;
    char path[400];
    world_init(&w);
    make_dir(&w, "app");
    start_agent(&w, "app/*.log", NULL);
    path_of(&w, "app", path);
    for (unsigned i = 0; i < 3; i++) {
        char name[40];
        ck_assert_int_eq(rmdir(path), 0);
        for (unsigned turn = 0; turn < 12; turn++) {
            loop_turn(w.loop, (uint64_t)TURN_MS * NS_PER_MS);
        }
        make_dir(&w, "app");
        (void)snprintf(name, sizeof(name), "app/%u.log", i);
        write_line(&w, name, name);
        expect_line(&w, name);
        char file[400];
        path_of(&w, name, file);
        ck_assert_int_eq(unlink(file), 0);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(directory_with_two_names_tells_the_inputs_of_both)
{
    struct world w;
    char target[400], link_path[400];
    world_init(&w);
    make_dir(&w, "real");
    path_of(&w, "real", target);
    path_of(&w, "also", link_path);
    ck_assert_int_eq(symlink(target, link_path), 0);
    start_agent(&w, "real/*.log", "also/*.txt");
    write_line(&w, "real/a.log", "by its name");
    expect_line(&w, "by its name");
    write_line(&w, "real/a.txt", "by its link");
    expect_line(&w, "by its link");
    write_line(&w, "real/a.log", "by its name again");
    expect_line(&w, "by its name again");
    world_deinit(&w);
}
END_TEST

/* As containers have it: the links in one directory, the files and their rotation in another. */
START_TEST(what_a_link_leads_to_is_watched_through_rotation)
{
    struct world w;
    char target[400], old[400], link_path[400];
    world_init(&w);
    w.options = ", prospector.scanner.symlinks: true";
    make_dir(&w, "pods");
    make_dir(&w, "links");
    path_of(&w, "pods/0.log", target);
    path_of(&w, "pods/0.log.old", old);
    path_of(&w, "links/c.log", link_path);
    write_line(&w, "pods/0.log", "first");
    ck_assert_int_eq(symlink(target, link_path), 0);
    start_agent(&w, "links/*.log", NULL);
    expect_line(&w, "first");
    write_line(&w, "pods/0.log", "second");
    expect_line(&w, "second");
    for (unsigned i = 0; i < 3; i++) {
        char line[20];
        ck_assert_int_eq(rename(target, old), 0);
        (void)snprintf(line, sizeof(line), "after rotation %u", i);
        write_line(&w, "pods/0.log", line);
        expect_line(&w, line);
        (void)snprintf(line, sizeof(line), "and on %u", i);
        write_line(&w, "pods/0.log", line);
        expect_line(&w, line);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(notifications_without_end_do_not_put_the_scan_off)
{
    struct world w;
    world_init(&w);
    start_agent(&w, "*.log", NULL);
    uint64_t before = agent_get_metrics(w.agent)->scans;
    for (unsigned i = 0; i < 100; i++) {
        agent_notified(w.agent, NOTIFY_RESCAN, NULL);
        loop_turn(w.loop, (uint64_t)TURN_MS * NS_PER_MS);
    }
    ck_assert_uint_gt(agent_get_metrics(w.agent)->scans, before + 2);
    world_deinit(&w);
}
END_TEST

START_TEST(only_directories_on_the_way_to_a_match_lead_on)
{
    static const char *const patterns[] = { "/var/log/*/app.log", "/srv/**/x.log" };
    static const struct {
        const char *path;
        bool leads_on;
    } rows[] = {
        { "/", true },
        { "/var", true },
        { "/var/log", true },
        { "/var/log/a", true },
        { "/var/lib", false },
        { "/var/log/a/app.log", false },
        { "/var/log/a/b", false },
        { "/srv/a/b/c", true },
        { "/srv/1/2/3/4/5/6/7/8", true },
        { "/srv/1/2/3/4/5/6/7/8/9", false },
    };
    struct discover d;
    ck_assert_int_eq(discover_init(&d, patterns, 2, true, false, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(discover_leads_on(&d, rows[i].path) == rows[i].leads_on, "%s", rows[i].path);
    }
    discover_deinit(&d);
}
END_TEST

Suite *watch_suite(void)
{
    Suite *s = suite_create("agent/watch");
    TCase *c = tcase_create("watch");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, file_that_comes_while_its_directory_is_listed_is_found_at_once);
    tcase_add_test(c, directory_that_comes_later_is_watched_at_once);
    tcase_add_test(c, directory_that_is_removed_and_made_again_is_watched_again);
    tcase_add_test(c, directory_with_two_names_tells_the_inputs_of_both);
    tcase_add_test(c, what_a_link_leads_to_is_watched_through_rotation);
    tcase_add_test(c, notifications_without_end_do_not_put_the_scan_off);
    tcase_add_test(c, only_directories_on_the_way_to_a_match_lead_on);
    suite_add_tcase(s, c);
    return s;
}
