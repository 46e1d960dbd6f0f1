/* SPDX-License-Identifier: Apache-2.0 */
/* check_config.c - rows, values, messages and prints of protocol/daemon/config.h. */
#include "protocol/daemon/config.h"

#include <check.h>
#include <stdlib.h>

Suite *config_suite(void);

struct sample_config {
#define C CONFIG_MEMBER
#include "tests/protocol/check_config.def"
#undef C
};

static const struct config_row rows[] = {
#define CONFIG_STRUCT sample_config
#define C             CONFIG_ROW
#include "tests/protocol/check_config.def"
#undef C
#undef CONFIG_STRUCT
};

static const struct config_table table = { "sample", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct sample_config) };

static struct arena arena;
static struct buf warnings;
static struct sample_config config;

static void setup(void)
{
    arena_init(&arena, 1 << 20);
    warnings = (struct buf){ 0 };
}

static void teardown(void)
{
    arena_deinit(&arena);
    buf_deinit(&warnings);
}

static void on_warning(void *ctx, const char *text)
{
    buf_printf(&warnings, "%s\n", text);
}

static enum err load(const char *text, struct error *err)
{
    struct yaml_node *root = NULL;
    ck_assert_msg(yaml_parse(slice_str(text), "broker.yml", &arena, &root, err) == ERR_OK, "%s",
                  err->text);
    return config_load(&table, root, &arena, on_warning, NULL, &config, err);
}

static void load_ok(const char *text)
{
    struct error err = { 0 };
    ck_assert_msg(load(text, &err) == ERR_OK, "%s", err.text);
}

START_TEST(defaults_fill_what_is_not_set)
{
    load_ok("node.id: 7\nlog.retention.ms:\n");
    ck_assert_int_eq(config.node_id, 7);
    ck_assert(config.auto_create);
    ck_assert_int_eq(config.segment_bytes, 1 << 30);
    ck_assert_int_eq(config.retention_bytes, -1);
    ck_assert_int_eq(config.retention_hours, 168);
    ck_assert_int_eq(config.backoff, 1000);
    ck_assert_ptr_null(config.rack);
    ck_assert_ptr_null(config.password);
    ck_assert_ptr_null(config.inputs);
    ck_assert_uint_eq(config.listeners.count, 2);
    ck_assert_str_eq(config.listeners.items[1], "b");
    ck_assert_int_eq(config.codec, 1);
}
END_TEST

START_TEST(every_kind_is_read_in_all_its_spellings)
{
    load_ok("node: {id: '8'}\nauto.create.topics.enable: Off\nlog:\n  segment.bytes: 10MB\n"
            "  retention: {bytes: 64KiB, hours: -1, ms: 9223372036854775807}\n"
            "backoff.init: 5\nbroker.rack: 42\nssl.password: hush\nlisteners: [x, 'y,z']\n"
            "compression.type: LZ4\ninputs: [{type: filestream}]\n");
    ck_assert_int_eq(config.node_id, 8);
    ck_assert(!config.auto_create);
    ck_assert_int_eq(config.segment_bytes, 10000000);
    ck_assert_int_eq(config.retention_bytes, 65536);
    ck_assert_int_eq(config.retention_hours, -1);
    ck_assert_int_eq(config.retention_ms, INT64_MAX);
    ck_assert_int_eq(config.backoff, 5000);
    ck_assert_str_eq(config.rack, "42");
    ck_assert_str_eq(config.password, "hush");
    ck_assert_uint_eq(config.listeners.count, 2);
    ck_assert_str_eq(config.listeners.items[1], "y,z");
    ck_assert_int_eq(config.codec, 2);
    ck_assert_int_eq(config.inputs->kind, YAML_SEQUENCE);
    load_ok("node.id: 1\nlisteners: ' a , b ,, c'\nlog.retention.ms: 2h45m\n");
    ck_assert_uint_eq(config.listeners.count, 3);
    ck_assert_str_eq(config.listeners.items[2], "c");
    ck_assert_int_eq(config.retention_ms, 9900000);
}
END_TEST

START_TEST(wrong_settings_are_told_with_place_and_remedy)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "node.id: 1\nlog.retention.hour: 1",
          "broker.yml:2:1: unknown setting \"log.retention.hour\"; did you mean "
          "\"log.retention.hours\"?" },
        { "node.id: 1\nlog:\n  retention:\n    huors: 1",
          "broker.yml:4:5: unknown setting \"log.retention.huors\"; did you mean "
          "\"log.retention.hours\"?" },
        { "node.id: 1\nlgo:\n  retention.hours: 1",
          "broker.yml:2:1: unknown setting \"lgo\"; did you mean \"log\"?" },
        { "node.id: 1\nlog.retenton.hours: 1",
          "broker.yml:2:1: unknown setting \"log.retenton.hours\"; did you mean "
          "\"log.retention.hours\"?" },
        { "node.id: 1\nquite.another.thing: 1",
          "broker.yml:2:1: unknown setting \"quite.another.thing\"; sample has none of a "
          "similar "
          "name" },
        { "node.id: one", "broker.yml:1:1: \"node.id\" must be a whole number, such as 42; found "
                          "\"one\"" },
        { "node.id: [1]", "broker.yml:1:1: \"node.id\" must be a whole number, such as 42; found a "
                          "list" },
        { "node.id: -1", "broker.yml:1:1: \"node.id\" must be at least 0; found -1" },
        { "node.id: 1001", "broker.yml:1:1: \"node.id\" must be at most 1000; found 1001" },
        { "log.segment.bytes: 10 parsecs", "broker.yml:1:1: \"log.segment.bytes\" must be a "
                                           "size, such as 10MB, 64KiB or 1048576; "
                                           "found \"10 parsecs\"" },
        { "log.segment.bytes: 4KiB",
          "broker.yml:1:1: \"log.segment.bytes\" must be at least 1MiB; found 4KiB" },
        { "backoff.init: soon",
          "broker.yml:1:1: \"backoff.init\" must be a duration, such as 500ms, "
          "5s or 2h45m (a bare number is seconds); found \"soon\"" },
        { "backoff.init: 10us",
          "broker.yml:1:1: \"backoff.init\" must be a duration, such as 500ms, "
          "5s or 2h45m (a bare number is seconds); found \"10us\"" },
        { "backoff.init: 2h", "broker.yml:1:1: \"backoff.init\" must be at most 1h; found 2h" },
        { "auto.create.topics.enable: 1",
          "broker.yml:1:1: \"auto.create.topics.enable\" must be true "
          "or false; found \"1\"" },
        { "compression.type: zip",
          "broker.yml:1:1: \"compression.type\" must be one of none,gzip,lz4; found \"zip\"" },
        { "listeners: [{a: 1}]", "broker.yml:1:13: \"listeners\" must be a list of texts, such as "
                                 "[a, b]; an element of it is no text" },
        { "ssl.password: [hush]",
          "broker.yml:1:1: \"ssl.password\" must be one text; found a list" },
        { "log: 5", "broker.yml:1:1: \"log\" is a group of settings; found a value; write the "
                    "settings below it, one a line" },
        { "\nnode: {}", "broker.yml:1:1: \"node.id\" must be set (sample): The id of the node." },
        { "node.id: 1\nrack: a\nbroker.rack: b",
          "broker.yml:3:1: \"broker.rack\" is set twice, under two spellings: the other one "
          "stands at "
          "broker.yml:2:1; remove one of the two" },
        { "- 1", "broker.yml:1:1: expected settings of sample, as in `name: value`; found a list" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { 0 };
        memset(&config, 0x5a, sizeof(config));
        ck_assert_msg(load(cases[i].text, &err) == ERR_CONFIG, "accepted: %s", cases[i].text);
        ck_assert_str_eq(err.text, cases[i].expected);
        ck_assert_int_eq(config.node_id, 0x5a5a5a5a5a5a5a5a); /* untouched */
    }
}
END_TEST

START_TEST(aliases_work_and_ignored_rows_only_warn)
{
    load_ok("node.id: 1\nrack: r1\nnum.threads: 8\n");
    ck_assert_str_eq(config.rack, "r1");
    ck_assert_str_eq(buf_cstr(&warnings),
                     "broker.yml:2:1: \"rack\" is another spelling of broker.rack\n"
                     "broker.yml:3:1: \"num.threads\" has no effect here and is passed over: One "
                     "loop does it all.\n");
    ck_assert_str_eq(config_find(&table, slice_str("rack"))->name, "broker.rack");
    ck_assert_ptr_null(config_find(&table, slice_str("nothing")));
}
END_TEST

START_TEST(nearest_name_counts_swaps_as_one_and_gives_up_when_far)
{
    static const char *const names[] = { "hosts", "topic", "key", "id" };
    ck_assert_str_eq(config_nearest(slice_str("hsots"), names, 4), "hosts");
    ck_assert_str_eq(config_nearest(slice_str("tpic"), names, 4), "topic");
    ck_assert_str_eq(config_nearest(slice_str("keys"), names, 4), "key");
    ck_assert_ptr_null(config_nearest(slice_str("zzzzz"), names, 4));
    ck_assert_ptr_null(config_nearest(slice_str(""), names, 0));
    char long_name[1000];
    memset(long_name, 'x', sizeof(long_name));
    ck_assert_ptr_null(config_nearest(slice_of(long_name, sizeof(long_name)), names, 4));
}
END_TEST

static const char *formatted(const char *name, struct buf *out)
{
    buf_reset(out);
    config_format(config_find(&table, slice_str(name)), &config, out);
    return buf_cstr(out);
}

START_TEST(single_values_are_set_and_formatted)
{
    static const struct {
        const char *name, *value, *expected;
    } cases[] = {
        { "node.id", "12", "12" },
        { "auto.create.topics.enable", "no", "false" },
        { "log.segment.bytes", "67108864", "64MiB" },
        { "log.retention.bytes", "-1", "-1" },
        { "log.retention.ms", "90000", "1m30s" },
        { "log.retention.ms", "9223372036854775807", "9223372036854775807ms" },
        { "rack", "r2", "r2" },
        { "ssl.password", "hush", "[hidden]" },
        { "listeners", "x, y", "x,y" },
        { "compression.type", "none", "none" },
    };
    load_ok("node.id: 1");
    struct buf out = { 0 };
    ck_assert_str_eq(formatted("ssl.password", &out), "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = { 0 };
        ck_assert_msg(config_set(&table, cases[i].name, slice_str(cases[i].value), &arena, &config,
                                 &err) == ERR_OK,
                      "%s", err.text);
        ck_assert_str_eq(formatted(cases[i].name, &out), cases[i].expected);
    }
    struct error err;
    ck_assert_int_eq(config_set(&table, "node.di", slice_str("1"), &arena, &config, &err),
                     ERR_CONFIG);
    ck_assert_str_eq(err.text, "unknown setting \"node.di\"; did you mean \"node.id\"?");
    ck_assert_int_eq(config_set(&table, "node.id", slice_str("x"), &arena, &config, &err),
                     ERR_CONFIG);
    ck_assert_str_eq(err.text,
                     "sample: \"node.id\" must be a whole number, such as 42; found \"x\"");
    ck_assert_int_eq(config_set(&table, "inputs", slice_str("x"), &arena, &config, &err),
                     ERR_UNSUPPORTED);
    buf_deinit(&out);
}
END_TEST

static char *printed(void (*print)(const struct config_table *t, FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(f);
    print(&table, f);
    ck_assert_int_eq(fclose(f), 0);
    return text;
}

START_TEST(sample_without_its_comments_gives_the_defaults)
{
    char *text = printed(config_print_sample);
    struct sample_config by_default;
    load_ok("node.id: 1");
    by_default = config;
    /* Take the # from every `#name: value`. */
    struct buf plain = { 0 };
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        bool setting = line[0] == '#' && line[1] != ' ';
        buf_printf(&plain, "%s\n", strcmp(line, "#node.id:") == 0 ? "node.id: 1" : line + setting);
    }
    load_ok(buf_cstr(&plain));
    ck_assert_int_eq(config.segment_bytes, by_default.segment_bytes);
    ck_assert_str_eq(config.dir, by_default.dir);
    ck_assert_uint_eq(config.listeners.count, by_default.listeners.count);
    ck_assert_ptr_null(config.rack);
    ck_assert_int_eq(config.codec, by_default.codec);
    ck_assert_int_eq(config.retention_bytes, -1);
    buf_deinit(&plain);
    free(text);
}
END_TEST

START_TEST(reference_and_help_name_every_setting)
{
    char *markdown = printed(config_print_markdown), *help = printed(config_print_help);
    for (size_t i = 0; i < table.count; i++) {
        ck_assert_msg(strstr(markdown, rows[i].name) != NULL, "%s", rows[i].name);
        bool shown = !(rows[i].flags & (CONFIG_ALIAS | CONFIG_IGNORED));
        ck_assert_msg(!shown || strstr(help, rows[i].name) != NULL, "%s", rows[i].name);
    }
    ck_assert_ptr_nonnull(strstr(markdown, "| `ssl.password` | secret text |  |  | at start | Hush "
                                           "\\| hush. |\n"));
    ck_assert_ptr_nonnull(
        strstr(help, "one of none, gzip, lz4; default gzip, may change while running\n"));
    free(markdown);
    free(help);
}
END_TEST

Suite *config_suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, defaults_fill_what_is_not_set);
    tcase_add_test(t, every_kind_is_read_in_all_its_spellings);
    tcase_add_test(t, wrong_settings_are_told_with_place_and_remedy);
    tcase_add_test(t, aliases_work_and_ignored_rows_only_warn);
    tcase_add_test(t, nearest_name_counts_swaps_as_one_and_gives_up_when_far);
    tcase_add_test(t, single_values_are_set_and_formatted);
    tcase_add_test(t, sample_without_its_comments_gives_the_defaults);
    tcase_add_test(t, reference_and_help_name_every_setting);
    suite_add_tcase(s, t);
    return s;
}
