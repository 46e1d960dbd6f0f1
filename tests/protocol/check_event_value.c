/* SPDX-License-Identifier: Apache-2.0 */
/* check_event_value.c - dissect, values out of YAML, merging, and regular expressions. */
#include "protocol/daemon/yaml.h"
#include "protocol/event/dissect.h"
#include "protocol/event/regex.h"
#include "protocol/event/value.h"
#include "tests/protocol/check_event.h"

#include <stdio.h>

static void assert_json(const struct json_value *v, const char *want)
{
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_write(&w, v);
    ck_assert_str_eq(buf_cstr(&out), want);
    buf_deinit(&out);
}

START_TEST(dissect_takes_a_line_apart_or_says_no)
{
    static const struct {
        const char *tokenizer, *text;
        const char *json; /* NULL: another shape */
    } rows[] = {
        { "%{ip} - [%{ts}] \"%{verb->} %{url}\" %{}", "1.2.3.4 - [now] \"GET   /x\" 200",
          "{\"ip\":\"1.2.3.4\",\"ts\":\"now\",\"verb\":\"GET\",\"url\":\"/x\"}" },
        { "%{ip} - [%{ts}] \"%{verb->} %{url}\" %{}", "1.2.3.4 [now]", NULL },
        { "<%{a}>", "<x>", "{\"a\":\"x\"}" },
        { "<%{a}>", "<x> ", NULL },
        { "<%{a}>", "x>", NULL },
        { "%{a}:%{b}", "", NULL },
        { "%{a},%{?b},%{+a}", "x,y,z", "{\"a\":\"x z\"}" },
        { "%{a.b} %{a.c}", "1 2", "{\"a\":{\"b\":\"1\",\"c\":\"2\"}}" },
        { "%{a|integer} %{b|float} %{c|boolean} %{d|integer}", "12 1.50 true x",
          "{\"a\":12,\"b\":1.50,\"c\":true,\"d\":\"x\"}" },
        { "%{a|long} %{b|double} %{c|boolean} %{d|float}", "007 .5 F inf",
          "{\"a\":7,\"b\":0.5,\"c\":false,\"d\":\"inf\"}" },
        { "%{a|integer} %{b|integer} %{c|boolean}", "1.5 99999999999999999999 maybe",
          "{\"a\":\"1.5\",\"b\":\"99999999999999999999\",\"c\":\"maybe\"}" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tree_event ev;
        struct dissect d;
        struct slice values[DISSECT_PARTS_MAX];
        tree_event_init(&ev, "{}", "1970-01-01");
        ck_assert_int_eq(dissect_init(&d, rows[i].tokenizer, "", &ev.arena, NULL), ERR_OK);
        enum err e = dissect_cut(&d, slice_str(rows[i].text), values);
        ck_assert_int_eq(e, rows[i].json ? ERR_OK : ERR_MALFORMED);
        for (size_t k = 0; e == ERR_OK && k < d.count; k++) {
            if (!slice_is_null(d.parts[k].name)) {
                ck_assert_int_eq(dissect_store(&d.parts[k], values[k], ev.root, &ev.arena, false),
                                 ERR_OK);
            }
        }
        if (rows[i].json) {
            assert_json(ev.root, rows[i].json);
        }
        tree_event_deinit(&ev);
    }
}
END_TEST

START_TEST(wrong_tokenizers_are_told)
{
    static const struct {
        const char *tokenizer, *message;
    } rows[] = {
        { "%{a}%{b}", "two keys of the tokenizer stand side by side: nothing tells where the first "
                      "ends" },
        { "%{a", "the tokenizer lacks the } of a %{" },
        { "a", "the tokenizer has no %{key}" },
        { "%{a|colour}", "\"colour\" is no type (integer, long, float, double, boolean, string and "
                         "ip are)" },
    };
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct dissect d;
        struct error err = { .text = "" };
        ck_assert_int_eq(dissect_init(&d, rows[i].tokenizer, NULL, &arena, &err), ERR_INVALID);
        ck_assert_str_eq(err.text, rows[i].message);
    }
    arena_deinit(&arena);
}
END_TEST

START_TEST(dissect_keeps_or_replaces_what_is_there)
{
    struct tree_event ev;
    struct dissect d;
    struct slice values[DISSECT_PARTS_MAX];
    tree_event_init(&ev, "{\"p\":{\"a\":1}}", "1970-01-01");
    ck_assert_int_eq(dissect_init(&d, "%{a} %{}", "p", &ev.arena, NULL), ERR_OK);
    ck_assert_int_eq(dissect_cut(&d, slice_str("x y"), values), ERR_OK);
    ck_assert_int_eq(dissect_store(&d.parts[0], values[0], ev.root, &ev.arena, false), ERR_OK);
    assert_json(ev.root, "{\"p\":{\"a\":1}}");
    ck_assert_int_eq(dissect_store(&d.parts[0], values[0], ev.root, &ev.arena, true), ERR_OK);
    assert_json(ev.root, "{\"p\":{\"a\":\"x\"}}");
    tree_event_deinit(&ev);
}
END_TEST

START_TEST(values_of_a_configuration_keep_their_kind)
{
    struct arena arena;
    struct yaml_node *root;
    arena_init(&arena, 1 << 16);
    static const char yaml[] = "{n: 5, f: 1.5, neg: -3, b: true, z: null, quoted: '5', text: nine, "
                               "list: [1, two], deep: {x: 1e3, zip: 01234}}";
    ck_assert_int_eq(yaml_parse(slice_str(yaml), "y", &arena, &root, NULL), ERR_OK);
    struct json_value *v = value_from_yaml(root, &arena);
    assert_json(v, "{\"n\":5,\"f\":1.5,\"neg\":-3,\"b\":true,\"z\":null,\"quoted\":\"5\","
                   "\"text\":\"nine\",\"list\":[1,\"two\"],\"deep\":{\"x\":1e3,\"zip\":"
                   "\"01234\"}}");
    assert_json(value_copy(&arena, json_get(v, slice_str("deep"))),
                "{\"x\":1e3,\"zip\":\"01234\"}");
    arena_deinit(&arena);
}
END_TEST

START_TEST(merging_joins_objects_and_sets_all_that_can_be_set)
{
    static const struct {
        const char *into, *target, *from;
        bool overwrite;
        enum err rc;
        const char *want;
    } rows[] = {
        { "{}", "", "{\"a\":1}", true, ERR_OK, "{\"a\":1}" },
        { "{}", "x.y", "{}", true, ERR_OK, "{}" },
        { "{}", "x.y", "{\"a\":1}", true, ERR_OK, "{\"x\":{\"y\":{\"a\":1}}}" },
        { "{\"a\":{\"b\":1}}", "", "{\"a\":{\"b\":2,\"c\":3}}", true, ERR_OK,
          "{\"a\":{\"b\":2,\"c\":3}}" },
        { "{\"a\":{\"b\":1}}", "", "{\"a\":{\"b\":2,\"c\":3}}", false, ERR_OK,
          "{\"a\":{\"b\":1,\"c\":3}}" },
        { "{\"a\":1}", "a", "{\"b\":1}", true, ERR_INVALID, "{\"a\":1}" },
        { "{\"a\":1}", "", "{\"a.b\":1,\"c\":2}", true, ERR_INVALID, "{\"a\":1,\"c\":2}" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tree_event ev;
        struct json_value *from;
        tree_event_init(&ev, rows[i].into, "1970-01-01");
        ck_assert_int_eq(json_parse(slice_str(rows[i].from), &ev.arena, &from, NULL), ERR_OK);
        ck_assert_int_eq(value_merge(ev.root, &ev.arena, slice_str(rows[i].target), from,
                                     rows[i].overwrite),
                         rows[i].rc);
        assert_json(ev.root, rows[i].want);
        tree_event_deinit(&ev);
    }
}
END_TEST

START_TEST(a_regular_expression_sees_characters_and_survives_bytes_that_are_none)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        { "^\\[", "[x", true },
        { "^a.*b$",
          "a\xc3\xbc\xff"
          "b",
          true },
        { "^.$", "\xc3\xbc", true },
        { "^\\S$", "\xc3\xbc", true },
        { "^x\\W+y", "x\xc3\xbcy", true },
        { "b",
          "a\xff"
          "b",
          true },
        { "^[^x]{2}$", "\xc3\xbc", false },
        { "\xc3\xbc+$", "\xc3\xbc\xc3\xbc", true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct regex *r;
        ck_assert_int_eq(regex_new(rows[i].pattern, &r, NULL), ERR_OK);
        ck_assert_msg(regex_matches(r, slice_str(rows[i].text)) == rows[i].matches, "%s",
                      rows[i].pattern);
        regex_free(r);
    }
}
END_TEST

Suite *event_value_suite(void)
{
    Suite *s = suite_create("event/value");
    TCase *t = tcase_create("value");
    tcase_add_test(t, dissect_takes_a_line_apart_or_says_no);
    tcase_add_test(t, wrong_tokenizers_are_told);
    tcase_add_test(t, dissect_keeps_or_replaces_what_is_there);
    tcase_add_test(t, values_of_a_configuration_keep_their_kind);
    tcase_add_test(t, merging_joins_objects_and_sets_all_that_can_be_set);
    tcase_add_test(t, a_regular_expression_sees_characters_and_survives_bytes_that_are_none);
    suite_add_tcase(s, t);
    return s;
}
