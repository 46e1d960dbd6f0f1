/* SPDX-License-Identifier: Apache-2.0 */
/* check_yaml.c - trees, places and refusals of protocol/daemon/yaml.h. */
#include "protocol/base/buf.h"
#include "protocol/daemon/yaml.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

Suite *yaml_suite(void);

static struct arena arena;
static struct buf shown;

static void setup(void)
{
    arena_init(&arena, 64 << 20);
    shown = (struct buf){ 0 };
    setenv("BOOM_HOST", "river", 1);
    setenv("BOOM_PORT", "9092", 1);
    setenv("BOOM_EMPTY", "", 1);
    unsetenv("BOOM_NONE");
}

static void teardown(void)
{
    arena_deinit(&arena);
    buf_deinit(&shown);
}

/* The tree in a short spelling: {a:{b:1},c:['x',~]}, quoted scalars in quotes. */
static void show(const struct yaml_node *n)
{
    const char *comma = "";
    switch (n->kind) {
    case YAML_NULL:
        buf_append_byte(&shown, '~');
        break;
    case YAML_SCALAR:
        buf_printf(&shown, n->quoted ? "'%.*s'" : "%.*s", SLICE_ARG(n->text));
        break;
    case YAML_SEQUENCE:
    case YAML_MAPPING:
        buf_append_byte(&shown, n->kind == YAML_MAPPING ? '{' : '[');
        for (const struct yaml_node *c = n->child; c; c = c->next) {
            buf_append_str(&shown, comma);
            if (n->kind == YAML_MAPPING) {
                buf_printf(&shown, "%.*s:", SLICE_ARG(c->key));
            }
            show(c);
            comma = ",";
        }
        buf_append_byte(&shown, n->kind == YAML_MAPPING ? '}' : ']');
        break;
    }
}

static const char *shown_tree(const struct yaml_node *n)
{
    buf_reset(&shown);
    show(n);
    return buf_cstr(&shown);
}

static struct yaml_node *parse(const char *text)
{
    struct yaml_node *root = NULL;
    struct error err = { 0 };
    ck_assert_msg(yaml_parse(slice_str(text), "t.yml", &arena, &root, &err) == ERR_OK, "%s: %s",
                  text, err.text);
    return root;
}

START_TEST(texts_become_trees)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "", "{}" },
        { "# nothing\n---\n", "{}" },
        { "a: 1\nb: x y\n", "{a:1,b:x y}" },
        { "a: [1, 'two', \"three\", ~, null, {b: c}]", "{a:[1,'two','three',~,~,{b:c}]}" },
        { "a:\n- x\n-\n- y: 1\n  z: 2\n", "{a:[x,~,{y:1,z:2}]}" },
        { "a: |\n  one\n  ${BOOM_NONE}\n", "{a:'one\n${BOOM_NONE}\n'}" },
        { "a: ''\nb: 'null'\nc: \"~\"\nd:\n", "{a:'',b:'null',c:'~',d:~}" },
        { "a.b.c: 1", "{a:{b:{c:1}}}" },
        { "a.b: 1\na.c: 2\nd: 3\na:\n  e.f: 4\n", "{a:{b:1,c:2,e:{f:4}},d:3}" },
        { "a: {b: 1}\na.c: {d: 2}\na.c.e: 3\n", "{a:{b:1,c:{d:2,e:3}}}" },
        { "a:\na.b: 1", "{a:{b:1}}" },
        { "'a.b': 1", "{a.b:1}" },
        { "[1, 2]", "[1,2]" },
        { "text", "text" },
        { "a: ${BOOM_HOST}:${BOOM_PORT}", "{a:river:9092}" },
        { "a: \"${BOOM_HOST}\"\nb: '${BOOM_HOST}'", "{a:'river',b:'${BOOM_HOST}'}" },
        { "a: ${BOOM_NONE:x:y}\nb: ${BOOM_NONE:}\nc: ${BOOM_EMPTY}\nd: \"${BOOM_NONE:}\"",
          "{a:x:y,b:~,c:~,d:''}" },
        { "a: ${path.config}/modules.d/*.yml", "{a:${path.config}/modules.d/*.yml}" },
        { "a: $5 {x}", "{a:$5 {x}}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_str_eq(shown_tree(parse(cases[i].text)), cases[i].expected);
    }
}
END_TEST

START_TEST(every_node_knows_its_place)
{
    struct yaml_node *root = parse("a: 1\nb:\n  c.d: 2\n  e:\n    - f\n    -   g: 1\n");
    struct yaml_node *d = yaml_get(root, "b.c.d");
    ck_assert_uint_eq(d->line, 3);
    ck_assert_uint_eq(d->column, 3);
    ck_assert_str_eq(d->file, "t.yml");
    struct yaml_node *f = yaml_get(root, "b.e")->child;
    ck_assert_uint_eq(f->line, 5);
    ck_assert_uint_eq(f->column, 7);
    ck_assert_uint_eq(yaml_get(f->next, "g")->column, 9);
    ck_assert_ptr_null(yaml_get(root, "b.c.x"));
    ck_assert_ptr_null(yaml_get(root, "b.e.f"));
    ck_assert_ptr_null(yaml_get(root, ""));
    ck_assert_ptr_nonnull(yaml_get(parse("x: {'a.b': 1}"), "x.a.b"));
    struct error err;
    ck_assert_int_eq(yaml_error(d, &err, "%d is odd", 2), ERR_CONFIG);
    ck_assert_str_eq(err.text, "t.yml:3:3: 2 is odd");
}
END_TEST

START_TEST(bad_files_are_refused_with_place_and_advice)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "a: 1\na: 2", "t.yml:2:1: \"a\" is set twice: the first time at t.yml:1:1; remove one of "
                        "the two" },
        { "a.b: 1\nc: 2\na: {b: 2}", "t.yml:3:5: \"b\" is set twice: the first time at t.yml:1:1; "
                                     "remove one of the two" },
        { "a: x\na.b: 1",
          "t.yml:2:1: \"a\" is set twice: the first time at t.yml:1:1; remove one of "
          "the two" },
        { "a: ${BOOM_NONE}", "t.yml:1:4: the environment variable BOOM_NONE is not set; set it, or "
                             "give a default as in ${BOOM_NONE:default}" },
        { "a: ${x.y}", "t.yml:1:4: ${x.y} does not name an environment variable; put the text in "
                       "single quotes to keep it as it is" },
        { "a: ${", "t.yml:1:4: ${ without }; put the text in single quotes to keep it as it is" },
        { "a: &x 1\nb: 2",
          "t.yml:1:4: anchors (&) and aliases (*) are not supported; write the value "
          "out, or quote it when the character belongs to it" },
        { "b: [*x]",
          "t.yml:1:5: anchors (&) and aliases (*) are not supported; write the value out, "
          "or quote it when the character belongs to it" },
        { "a: !!str 1", "t.yml:1:4: tags (!) are not supported; quote the value when the character "
                        "belongs to it" },
        { "<<: {a: 1}", "t.yml:1:1: merge keys (<<) are not supported; write the settings out" },
        { "a..b: 1",
          "t.yml:1:1: the key \"a..b\" has an empty part between dots; quote it when the "
          "dots belong to the name" },
        { "[a]: 1", "t.yml:1:1: a key must be a plain name, as in `name: value`" },
        { "a: 1\n---\nb: 2", "t.yml:2:1: a second document (---); a file holds one" },
        { "a: 1\n\tb: 2", "t.yml:2:1: found a tab character that violates indentation; indent with "
                          "spaces" },
        { "a: @b",
          "t.yml:1:4: found character that cannot start any token; indent with spaces, not "
          "tabs, and quote values that begin with @, ` or %" },
        { "a: b: c", "t.yml:1:5: mapping values are not allowed in this context; check the "
                     "indentation, and quote values that hold \": \"" },
        { "a: 1\n b: 2", "t.yml:2:3: mapping values are not allowed in this context; check the "
                         "indentation, and quote values that hold \": \"" },
        { "a:\n  - 1\n b: 2", "t.yml:3:2: did not find expected key; check the indentation of this "
                              "line" },
        { "a: 'x\nb: 1\n", "t.yml:3:1: found unexpected end of stream; a quote is not closed" },
        { "a: [1, 2\n", "t.yml:2:1: did not find expected ',' or ']'" },
        { "a: \"\\0\"", "t.yml:1:4: the value holds a NUL character; remove it" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct yaml_node *root = NULL;
        struct error err = { 0 };
        ck_assert_msg(yaml_parse(slice_str(cases[i].text), "t.yml", &arena, &root, &err) ==
                          ERR_CONFIG,
                      "accepted: %s", cases[i].text);
        ck_assert_ptr_null(root);
        ck_assert_str_eq(err.text, cases[i].expected);
    }
    struct yaml_node *root = NULL;
    struct error err = { 0 };
    ck_assert_int_eq(yaml_parse(slice_str("a: \xff"), "t.yml", &arena, &root, &err), ERR_CONFIG);
    ck_assert_msg(strstr(err.text, "the file must be UTF-8 text") != NULL, "%s", err.text);
}
END_TEST

static void expect_refused(const struct buf *text, const char *what)
{
    struct yaml_node *root = NULL;
    struct error err = { 0 };
    ck_assert_int_ne(yaml_parse(buf_slice(text), "t.yml", &arena, &root, &err), ERR_OK);
    ck_assert_msg(strstr(err.text, what) != NULL, "%s", err.text);
}

START_TEST(depth_nodes_keys_bytes_and_memory_are_bounded)
{
    struct buf text = { 0 };
    for (int i = 0; i < 10000; i++) {
        buf_append_str(&text, "[");
    }
    expect_refused(&text, "nested deeper than 64 levels");
    buf_reset(&text);
    for (int i = 0; i < 64; i++) {
        buf_append_str(&text, "a.");
    }
    buf_append_str(&text, "a: 1");
    expect_refused(&text, "nested deeper than 64 levels");
    buf_reset(&text);
    buf_append_str(&text, "a:\n");
    for (int i = 0; i < 100001; i++) {
        buf_append_str(&text, "- 1\n");
    }
    expect_refused(&text, "more than 100000 values in one file");
    buf_reset(&text);
    for (int i = 0; i < 10001; i++) {
        buf_printf(&text, "k%d: 1\n", i);
    }
    expect_refused(&text, "a mapping with more than 10000 keys");
    buf_reset(&text);
    memset(buf_reserve(&text, 9 << 20), '#', 9 << 20);
    text.len = 9 << 20;
    expect_refused(&text, "t.yml has more than the 8388608 bytes it may have");
    buf_deinit(&text);
    struct arena small;
    arena_init(&small, 400);
    struct yaml_node *root = NULL;
    ck_assert_int_eq(yaml_parse(slice_str("a: 1\nb: 2\nc: 3\nd: 4"), "t.yml", &small, &root, NULL),
                     ERR_LIMIT);
    arena_deinit(&small);
}
END_TEST

START_TEST(set_overlays_and_replaces)
{
    struct yaml_node *root = parse("http: {port: 1, host: x}\nb: 2\nl: [1]\n");
    static const char *const sets[] = { "http.port=9", "b.c=3", "l=[4, 5]",
                                        "new.one='q'", "z=",    "s=a=b" };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        struct error err = { 0 };
        ck_assert_msg(yaml_set(root, sets[i], &arena, &err) == ERR_OK, "%s", err.text);
    }
    ck_assert_str_eq(shown_tree(root),
                     "{http:{port:9,host:x},b:{c:3},l:[4,5],new:{one:'q'},z:~,s:a=b}");
    struct error err;
    (void)yaml_error(yaml_get(root, "http.port"), &err, "wrong");
    ck_assert_str_eq(err.text, "--set http.port: wrong");
    ck_assert_int_eq(yaml_set(root, "nothing", &arena, &err), ERR_CONFIG);
    ck_assert_str_eq(err.text, "--set nothing: write it as name=value, for example "
                               "--set logging.level=debug");
    ck_assert_int_eq(yaml_set(root, "=1", &arena, &err), ERR_CONFIG);
    ck_assert_int_eq(yaml_set(root, "a..b=1", &arena, &err), ERR_CONFIG);
    ck_assert_int_eq(yaml_set(root, "a=[1", &arena, &err), ERR_CONFIG);
    ck_assert_msg(strncmp(err.text, "--set a:2:1: ", 13) == 0, "%s", err.text);
}
END_TEST

START_TEST(files_are_loaded_and_missing_ones_named)
{
    char path[] = "/tmp/check-yaml-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a: {b: 1}", 9), 9);
    close(fd);
    struct yaml_node *root = NULL;
    struct error err = { 0 };
    ck_assert_int_eq(yaml_load(path, &arena, &root, &err), ERR_OK);
    ck_assert_str_eq(shown_tree(root), "{a:{b:1}}");
    ck_assert_str_eq(root->child->file, path);
    unlink(path);
    ck_assert_int_eq(yaml_load("/nonexistent/x.yml", &arena, &root, &err), ERR_NOT_FOUND);
    ck_assert_str_eq(err.text, "open /nonexistent/x.yml: No such file or directory");
    ck_assert_int_ne(yaml_load("/tmp", &arena, &root, &err), ERR_OK);
}
END_TEST

Suite *yaml_suite(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, texts_become_trees);
    tcase_add_test(t, every_node_knows_its_place);
    tcase_add_test(t, bad_files_are_refused_with_place_and_advice);
    tcase_add_test(t, depth_nodes_keys_bytes_and_memory_are_bounded);
    tcase_add_test(t, set_overlays_and_replaces);
    tcase_add_test(t, files_are_loaded_and_missing_ones_named);
    suite_add_tcase(s, t);
    return s;
}
