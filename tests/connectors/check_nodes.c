/* SPDX-License-Identifier: Apache-2.0 */
/* check_nodes.c - processors and conditions over one event, by table: settings, event in, event
 * out. */
#include "connectors/flow/graph.h"
#include "tests/connectors/sample_event.h"

#include <check.h>
#include <stdio.h>

static const struct {
    const char *node, *in;
    const char *out; /* the document; "drop", or "fail TYPE" */
} rows[] = {
    { "type: json", "{\"a\": 1 }", "{\"a\": 1 }" }, /* the very bytes */
    { "type: json", "{\"a\":\n1}", "{\"a\":1}" },   /* but never a line feed */
    { "type: json", "{\"a\":", "fail json_parse_error" },
    { "type: json", "line", "fail json_parse_error" },
    { "type: json, on_error: drop", "line", "drop" },
    { "type: json, field: m, target: x", "{\"m\":\"{\\\"b\\\":2}\"}",
      "{\"m\":\"{\\\"b\\\":2}\",\"x\":{\"b\":2}}" },
    { "type: json, field: m", "{\"m\":\"{\\\"b\\\":2,\\\"c\\\":[1]}\"}",
      "{\"m\":\"{\\\"b\\\":2,\\\"c\\\":[1]}\",\"b\":2,\"c\":[1]}" },
    { "type: json, field: m", "{\"m\":\"no\"}", "fail json_parse_error" },
    { "type: dissect, tokenizer: '%{ip} - %{user} [%{ts}] \"%{verb} %{path} %{}\" "
      "%{status|integer} "
      "%{bytes|long}', target_prefix: http",
      "10.0.0.1 - bob [01/Aug/2026:10:20:30 +0000] \"GET /x HTTP/1.1\" 200 17",
      "{\"@timestamp\":\"2026-08-02T00:00:00.000Z\",\"message\":\"10.0.0.1 - bob "
      "[01/Aug/2026:10:20:30 +0000] \\\"GET /x HTTP/1.1\\\" 200 17\",\"http\":{\"ip\":\"10.0.0.1\","
      "\"user\":\"bob\",\"ts\":\"01/Aug/2026:10:20:30 +0000\",\"verb\":\"GET\",\"path\":\"/x\","
      "\"status\":200,\"bytes\":17}}" },
    { "type: dissect, tokenizer: '%{a->} %{b}', target_prefix: ''", "{\"message\":\"x    y\"}",
      "{\"message\":\"x    y\",\"a\":\"x\",\"b\":\"y\"}" },
    { "type: dissect, tokenizer: '%{a} %{+a} %{?skip}', target_prefix: ''",
      "{\"message\":\"x y z\"}", "{\"message\":\"x y z\",\"a\":\"x y\"}" },
    { "type: dissect, tokenizer: '%{a}:%{b}'", "{\"message\":\"nothing\"}", "fail dissect_error" },
    { "type: dissect, tokenizer: '%{a}:%{b}', on_error: pass", "{\"message\":\"nothing\"}",
      "{\"message\":\"nothing\"}" },
    { "type: timestamp, field: t, layouts: ['02/Jan/2006:15:04:05 -0700']",
      "{\"t\":\"01/Aug/2026:10:20:30 +0000\"}",
      "{\"t\":\"01/Aug/2026:10:20:30 +0000\",\"@timestamp\":\"2026-08-01T10:20:30.000Z\"}" },
    { "type: timestamp, field: t, layouts: [UNIX], timezone: '+02:00'", "{\"t\":1785579630}",
      "{\"t\":1785579630,\"@timestamp\":\"2026-08-01T10:20:30.000Z\"}" },
    { "type: timestamp, field: t, layouts: [ISO8601]", "{\"t\":\"x\"}",
      "fail timestamp_parse_error" },
    { "type: timestamp, field: t, layouts: [ISO8601]", "{}", "fail missing_field" },
    { "type: timestamp, field: t, layouts: [ISO8601], ignore_missing: true", "{}", "{}" },
    { "type: rename, fields: [{from: a.b, to: c.d}]", "{\"a\":{\"b\":1,\"x\":2}}",
      "{\"a\":{\"x\":2},\"c\":{\"d\":1}}" },
    { "type: rename, fields: [{from: a, to: b}], ignore_missing: false", "{}",
      "fail missing_field" },
    { "type: rename, fields: [{from: a, to: b.c}]", "{\"a\":1,\"b\":2}", "fail field_conflict" },
    { "type: drop_fields, fields: [a.b, '@metadata']", "{\"a\":{\"b\":1,\"c\":2},\"@metadata\":{}}",
      "{\"a\":{\"c\":2}}" },
    { "type: drop_fields, fields: [zzz]", "{\"a\": 1 }", "{\"a\": 1 }" },
    { "type: add_fields, fields: {n: 5, s: '5', deep: {er: [1, x]}}, target: ''",
      "{\"deep\":{\"old\":true}}",
      "{\"deep\":{\"old\":true,\"er\":[1,\"x\"]},\"n\":5,\"s\":\"5\"}" },
    { "type: add_fields, fields: {a.b: c}", "{}", "{\"fields\":{\"a\":{\"b\":\"c\"}}}" },
    { "type: add_fields, fields: {a: b}, when: {equals: {x: 1}}", "{\"x\":2}", "{\"x\":2}" },
    { "type: filter, when: {equals: {a: b}}", "{\"a\":\"b\"}", "{\"a\":\"b\"}" },
    { "type: filter, when: {equals: {a: b}}", "{\"a\":\"c\"}", "drop" },
    { "type: drop_event, when: {equals: {a: b}}", "{\"a\":\"b\"}", "drop" },
};

/* A graph of source -> x -> stdout, with the settings of x. */
static struct node *make_node(struct arena *arena, struct graph *g, const char *settings)
{
    char text[1024];
    struct yaml_node *root;
    struct error err = { .text = "" };
    snprintf(text, sizeof(text),
             "f: {nodes: {in: {type: kafka, group_id: g, topics: t}, x: {from: in, %s}, "
             "out: {type: stdout, from: x}}}\n",
             settings);
    ck_assert_msg(yaml_parse(slice_str(text), "t", arena, &root, &err) == ERR_OK, "%s", err.text);
    ck_assert_msg(graph_init(g, root->child, arena, NULL, NULL, &err) == ERR_OK, "%s", err.text);
    return &g->nodes[1];
}

static void run_node(struct node *n, struct event *ev, struct buf *out)
{
    struct failure f;
    unsigned output = 0;
    enum verdict v = VERDICT_PASS;
    if (!n->when || event_holds(ev, n->when)) {
        v = n->type->process(n, ev, &output, &f);
    }
    if (v == VERDICT_DROP) {
        buf_append_str(out, "drop");
    } else if (v == VERDICT_FAIL) {
        buf_printf(out, "fail %s", f.type);
    } else {
        ck_assert_int_eq(event_append_document(ev, out, NULL), ERR_OK);
    }
}

START_TEST(a_processor_makes_of_an_event_what_the_table_says)
{
    struct arena arena;
    struct graph g;
    struct sample s;
    struct buf out = { 0 };
    arena_init(&arena, 1 << 20);
    struct node *n = make_node(&arena, &g, rows[_i].node);
    sample_init(&s, rows[_i].in);
    run_node(n, &s.ev, &out);
    ck_assert_str_eq(buf_cstr(&out), rows[_i].out);
    buf_deinit(&out);
    sample_deinit(&s);
    graph_deinit(&g);
    arena_deinit(&arena);
}
END_TEST

START_TEST(a_changed_copy_leaves_the_original_alone)
{
    struct arena arena;
    struct graph g;
    struct sample s;
    struct event copy;
    struct buf out = { 0 };
    struct json_value *root;
    arena_init(&arena, 1 << 20);
    struct node *n = make_node(&arena, &g, "type: drop_fields, fields: [a.b]");
    sample_init(&s, "{\"a\":{\"b\":1,\"c\":[1,{\"d\":null}]}}");
    ck_assert_int_eq(event_root(&s.ev, &root, NULL), ERR_OK);
    ck_assert_int_eq(event_clone(&s.ev, &copy, NULL), ERR_OK);
    run_node(n, &copy, &out);
    ck_assert_str_eq(buf_cstr(&out), "{\"a\":{\"c\":[1,{\"d\":null}]}}");
    ck_assert_ptr_nonnull(event_field(&s.ev, slice_str("a.b")));
    buf_deinit(&out);
    sample_deinit(&s);
    graph_deinit(&g);
    arena_deinit(&arena);
}
END_TEST

Suite *nodes_suite(void);
Suite *nodes_suite(void)
{
    Suite *s = suite_create("nodes");
    TCase *t = tcase_create("nodes");
    tcase_add_loop_test(t, a_processor_makes_of_an_event_what_the_table_says, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(t, a_changed_copy_leaves_the_original_alone);
    suite_add_tcase(s, t);
    return s;
}
