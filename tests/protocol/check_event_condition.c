/* SPDX-License-Identifier: Apache-2.0 */
/* check_event_condition.c - conditions, by table: what holds, and the messages for what is
 * wrong. */
#include "protocol/event/condition.h"
#include "tests/protocol/check_event.h"

#include <stdio.h>

static const struct {
    const char *when;
    bool holds;
} conditions[] = {
    { "{equals: {s: GET}}", true },
    { "{equals: {s: get}}", false },
    { "{equals: {n: 404}}", true },
    { "{equals: {n: '404'}}", false },
    { "{equals: {n: 404.0}}", true },
    { "{equals: {b: true}}", true },
    { "{equals: {o.deep: x}}", true },
    { "{equals: {o: {deep: x}}}", true },
    { "{equals: {none: x}}", false },
    { "{equals: {s: GET, n: 5}}", false },
    { "{contains: {s: E}}", true },
    { "{contains: {tags: two}}", true },
    { "{contains: {tags: three}}", false },
    { "{regexp: {s: '^G.T$'}}", true },
    { "{regexp: {s: '(?i)get'}}", true },
    { "{regexp: {tags: '^tw'}}", true },
    { "{regexp: {n: '4'}}", false },
    { "{equals: {tags: one}}", false },
    { "{equals: {s: ''}}", false },
    { "{contains: {tags: wo}}", true },
    { "{contains: {n: 4}}", false },
    { "{contains: {s: ''}}", true },
    { "{regexp: {u: '^.$'}}", true }, /* a character, not a byte */
    { "{regexp: {u: '^[^a]$'}}", true },
    { "{regexp: {bomb: '^(a+)+$'}}", false }, /* gives up instead of hanging */
    { "{range: {n: {gte: 404, lt: 405}}}", true },
    { "{range: {n.gte: 400, n.lt: 404}}", false },
    { "{range: {n.gt: 404}}", false },
    { "{range: {number_text.lte: 7}}", true },
    { "{range: {s.gte: 1}}", false },
    { "{has_fields: [s, o.deep]}", true },
    { "{has_fields: [s, gone]}", false },
    { "{has_fields: s}", true },
    { "{not: {equals: {s: PUT}}}", true },
    { "{not: {equals: {s: GET}}}", false },
    { "{or: [{equals: {s: PUT}}, {equals: {n: 404}}]}", true },
    { "{or: [{equals: {s: PUT}}, {equals: {n: 405}}]}", false },
    { "{and: [{equals: {s: GET}}, {not: {has_fields: [gone]}}]}", true },
    { "{and: [{equals: {s: GET}}, {has_fields: [gone]}]}", false },
};

START_TEST(a_condition_holds_as_the_table_says)
{
    struct tree_event ev;
    struct yaml_node *root;
    struct condition *c;
    struct error err = { .text = "" };
    tree_event_init(&ev,
                    "{\"s\":\"GET\",\"n\":404,\"b\":true,\"o\":{\"deep\":\"x\"},"
                    "\"tags\":[\"one\",\"two\"],\"number_text\":\"7\",\"u\":\"\xc3\xbc\","
                    "\"bomb\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}",
                    "1970-01-01");
    ck_assert_int_eq(yaml_parse(slice_str(conditions[_i].when), "t", &ev.arena, &root, &err),
                     ERR_OK);
    ck_assert_msg(condition_new(root, &c, &err) == ERR_OK, "%s", err.text);
    ck_assert_msg(condition_holds(c, &tree_event_access, &ev) == conditions[_i].holds, "%s",
                  conditions[_i].when);
    condition_free(c);
    tree_event_deinit(&ev);
}
END_TEST

static const struct {
    const char *when, *message;
} wrong[] = {
    { "{equls: {a: b}}", "c:1:2: unknown condition \"equls\"; did you mean \"equals\"?" },
    { "{zzz: {a: b}}", "c:1:2: unknown condition \"zzz\"" },
    { "{range: {a.gte: x}}", "c:1:10: range.a.gte must be a number" },
    { "{equals: {a: [b, c]}}", "c:1:11: equals.a must be a single value" },
    { "{contains: [a]}",
      "c:1:2: contains needs fields and values, as in contains: {http.status: 404}" },
    { "{regexp: {a: '('}}",
      "c:1:11: the regular expression \"(\" is wrong at character 2: missing closing "
      "parenthesis" },
    { "{and: {a: b}}", "c:1:2: and needs a list" },
    { "{has_fields: [[a]]}", "c:1:15: has_fields needs a list of field names" },
    { "[a]", "c:1:1: a condition is written like equals: {http.method: GET}" },
};

START_TEST(a_wrong_condition_is_told_with_its_place)
{
    struct arena arena;
    struct yaml_node *root;
    struct condition *c;
    struct error err = { .text = "" };
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(yaml_parse(slice_str(wrong[_i].when), "c", &arena, &root, &err), ERR_OK);
    ck_assert_int_eq(condition_new(root, &c, &err), ERR_CONFIG);
    ck_assert_str_eq(err.text, wrong[_i].message);
    arena_deinit(&arena);
}
END_TEST

static bool is_message(struct slice dotted)
{
    return slice_eq_str(dotted, "message");
}

START_TEST(a_condition_knows_the_fields_that_it_looks_at)
{
    static const struct {
        const char *when;
        bool uses;
    } rows[] = {
        { "{or: [{equals: {a: b}}, {not: {regexp: {message: x}}}]}", true },
        { "{or: [{equals: {a: message}}, {has_fields: [log]}]}", false },
        { "{has_fields: [message]}", true },
    };
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct yaml_node *root;
        struct condition *c;
        ck_assert_int_eq(yaml_parse(slice_str(rows[i].when), "c", &arena, &root, NULL), ERR_OK);
        ck_assert_int_eq(condition_new(root, &c, NULL), ERR_OK);
        ck_assert_int_eq(condition_uses(c, is_message), rows[i].uses);
        condition_free(c);
    }
    arena_deinit(&arena);
}
END_TEST

START_TEST(conditions_nested_too_deep_are_refused)
{
    struct arena arena;
    struct yaml_node *root;
    struct condition *c;
    struct error err = { .text = "" };
    struct buf doc = { 0 };
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 40; i++) {
        buf_append_str(&doc, "{not: ");
    }
    buf_append_str(&doc, "{has_fields: [a]}");
    for (int i = 0; i < 40; i++) {
        buf_append_str(&doc, "}");
    }
    enum err e = yaml_parse(buf_slice(&doc), "c", &arena, &root, &err);
    e = e == ERR_OK ? condition_new(root, &c, &err) : e;
    ck_assert_int_ne(e, ERR_OK);
    ck_assert_ptr_nonnull(strstr(err.text, "deep"));
    buf_deinit(&doc);
    arena_deinit(&arena);
}
END_TEST

Suite *event_condition_suite(void)
{
    Suite *s = suite_create("event/condition");
    TCase *t = tcase_create("condition");
    tcase_add_loop_test(t, a_condition_holds_as_the_table_says, 0,
                        (int)(sizeof(conditions) / sizeof(conditions[0])));
    tcase_add_loop_test(t, a_wrong_condition_is_told_with_its_place, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(t, a_condition_knows_the_fields_that_it_looks_at);
    tcase_add_test(t, conditions_nested_too_deep_are_refused);
    suite_add_tcase(s, t);
    return s;
}
