/* SPDX-License-Identifier: Apache-2.0 */
/* check_graph.c - flows in YAML: what is right is tied as meant, what is wrong is told with its
 * place. */
#include "connectors/flow/graph.h"

#include <check.h>

struct made {
    struct arena arena;
    struct graph graph;
    struct error err;
    enum err e;
};

/* text is the file; its one top key is the flow. */
static void make(struct made *m, const char *text)
{
    struct yaml_node *root;
    arena_init(&m->arena, 1 << 22);
    m->graph = (struct graph){ 0 };
    m->err = (struct error){ .text = "" };
    m->e = yaml_parse(slice_str(text), "c.yml", &m->arena, &root, &m->err);
    if (m->e == ERR_OK) {
        m->e = graph_init(&m->graph, root->child, &m->arena, NULL, NULL, &m->err);
    }
}

static void unmake(struct made *m)
{
    graph_deinit(&m->graph);
    arena_deinit(&m->arena);
}

#define IN    "    in: {type: kafka, group_id: g, topics: [t]}\n"
#define NODES "f:\n  nodes:\n" IN

static const struct {
    const char *text, *message;
} wrong[] = {
    { "f: 1\n", "c.yml:1:1: flow f must be a mapping with nodes" },
    { "f: {nodes: 1}\n", "c.yml:1:5: flow f: nodes must be a mapping of names to nodes" },
    { "f:\n  nodes:\n    out: {type: stdout, from: in}\n",
      "c.yml:3:25: node out: from names \"in\", which is no node of this flow" },
    { NODES "    out: {from: in}\n", "c.yml:4:5: node out lacks a type" },
    { NODES "    out: 5\n", "c.yml:4:5: node out must be a mapping, as in {type: json, from: in}" },
    { NODES "    out: {type: stdot, from: in}\n",
      "c.yml:4:11: node out: unknown type \"stdot\"; did you mean \"stdout\"?" },
    { NODES "    out: {type: stdout}\n",
      "c.yml:4:5: node out lacks from: the node whose events it gets" },
    { NODES "    parse: {type: json, from: in}\n    out: {type: stdout, from: pasre}\n",
      "c.yml:5:25: node out: from names \"pasre\", which is no node of this flow; did you mean "
      "\"parse\"?" },
    { NODES "    out: {type: stdout, from: [in, in]}\n",
      "c.yml:4:36: node out: from names \"in\" twice" },
    { NODES "    out: {type: stdout, from: []}\n", "c.yml:4:25: node out: from is an empty list" },
    { NODES "    out: {type: stdout, from: out}\n",
      "c.yml:4:25: node out: from names the stdout out, which gives no events" },
    { NODES "    a: {type: json, from: a}\n", "c.yml:4:21: node a: from names the node itself" },
    { NODES "    a: {type: json, from: in}\n",
      "c.yml:4:5: node a leads nowhere: no node has from: a" },
    { NODES "    out: {type: stdout, from: in}\n    a: {type: json, from: b}\n"
            "    b: {type: json, from: a}\n",
      "c.yml:5:5: flow f goes in a circle: a gets events from b" },
    { NODES "    i2: {type: kafka, group_id: g, topics: [t]}\n",
      "c.yml:4:5: flow f has two sources, in and i2; give each its own flow" },
    { "f:\n  nodes:\n    n: {type: kafka_dlq, topic: x}\n",
      "c.yml:1:1: flow f has no source; add a node of type kafka" },
    { NODES "    r: {type: route, from: in, routes: {a: {has_fields: [x]}}}\n"
            "    out: {type: stdout, from: r}\n",
      "c.yml:5:25: node out: r has several outputs; name one, as in r.a" },
    { NODES "    r: {type: route, from: in, routes: {errors: {has_fields: [x]}}}\n"
            "    out: {type: stdout, from: r.error}\n",
      "c.yml:5:25: node out: r has no output \"error\"; did you mean \"errors\"?" },
    { NODES "    r: {type: route, from: in, routes: {unmatched: {has_fields: [x]}}}\n",
      "c.yml:4:41: node r: the route name \"unmatched\" is taken by the events that match no "
      "route" },
    { NODES "    k: {type: filter, from: in, when: {equls: {a: b}}}\n",
      "c.yml:4:40: unknown condition \"equls\"; did you mean \"equals\"?" },
    { NODES "    k: {type: filter, from: in, when: {range: {a.gte: x}}}\n",
      "c.yml:4:48: range.a.gte must be a number" },
    { NODES "    k: {type: filter, from: in, when: {regexp: {a: \"(\"}}}\n",
      "c.yml:4:49: the regular expression \"(\" is wrong at character 2: missing closing "
      "parenthesis" },
    { NODES "    e: {type: elasticsearch, from: in, index: \"w-%{+yyyy.QQ}\"}\n",
      "c.yml:4:40: node e: index: \"w-%{+yyyy.QQ}\": the date letters \"QQ\" are not understood "
      "(yyyy, yy, MM, MMM, dd, HH, mm, ss, SSS, DDD, E, xxxx and ww are)" },
    { NODES "    e: {type: elasticsearch, from: in, index: w, hosts: [127.0.0.1]}\n",
      "c.yml:4:50: node e: hosts: \"127.0.0.1\" must begin with http:// or https://" },
    { NODES "    e: {type: elasticsearch, from: in, index: w, on_null: delete}\n",
      "c.yml:4:5: node e: on_null: delete needs document_id: record.key" },
    { NODES "    d: {type: dissect, from: in, tokenizer: \"%{a}%{b}\"}\n",
      "c.yml:4:5: node d: two keys of the tokenizer stand side by side: nothing tells where the "
      "first "
      "ends" },
};

START_TEST(a_wrong_flow_is_told_with_its_place)
{
    struct made m;
    make(&m, wrong[_i].text);
    ck_assert_int_eq(m.e, ERR_CONFIG);
    ck_assert_str_eq(m.err.text, wrong[_i].message);
    unmake(&m);
}
END_TEST

/* The exact words are config.c's; place, key and the near name must be there. */
START_TEST(an_unknown_setting_of_a_node_is_told_with_the_nearest_name)
{
    struct made m;
    make(&m, NODES "    e: {type: elasticsearch, from: in, index: w,\n        bulk_max_sise: 5}\n");
    ck_assert_int_eq(m.e, ERR_CONFIG);
    ck_assert_msg(strncmp(m.err.text, "c.yml:5:9: ", 11) == 0, "%s", m.err.text);
    ck_assert_ptr_nonnull(strstr(m.err.text, "bulk_max_sise"));
    ck_assert_ptr_nonnull(strstr(m.err.text, "bulk_max_size"));
    unmake(&m);
}
END_TEST

START_TEST(the_issues_flow_is_tied_as_written)
{
    struct made m;
    make(&m, "web-to-search:\n"
             "  nodes:\n"
             "    in:    {type: kafka, group_id: web-to-search, topics: [logs-web], "
             "auto_offset_reset: "
             "earliest}\n"
             "    parse: {type: json, from: in}\n"
             "    es:    {type: elasticsearch, from: parse, hosts: "
             "[\"http://127.0.0.1:9200\"], index: "
             "\"web-%{+yyyy.MM.dd}\", document_id: event.id}\n"
             "    hook:  {type: http, from: parse, url: \"http://127.0.0.1:8080/ingest\", "
             "format: ndjson}\n");
    ck_assert_msg(m.e == ERR_OK, "%s", m.err.text);
    ck_assert_str_eq(m.graph.source->name, "in");
    ck_assert_uint_eq(m.graph.source->outputs[0].target_count, 1);
    const struct node *parse = m.graph.source->outputs[0].targets[0];
    ck_assert_str_eq(parse->name, "parse");
    ck_assert_uint_eq(parse->outputs[0].target_count, 2);
    ck_assert_str_eq(parse->outputs[0].targets[0]->name, "es");
    ck_assert_str_eq(parse->outputs[0].targets[1]->name, "hook");
    ck_assert(!parse->outputs[0].targets[0]->changes_below);
    unmake(&m);
}
END_TEST

START_TEST(routes_of_a_node_are_tied_by_name_and_may_stay_open)
{
    struct made m;
    make(&m, NODES "    r:\n      type: route\n      from: in\n      routes:\n"
                   "        errors: {range: {http.status.gte: 500}}\n"
                   "        bots: {regexp: {http.agent: \"(?i)bot\"}}\n"
                   "    drop: {type: drop_fields, from: r.bots, fields: [message]}\n"
                   "    out: {type: stdout, from: [r.errors, drop]}\n"
                   "    dlq: {type: kafka_dlq, from: [\"*.failure\"], topic: x.dlq}\n");
    ck_assert_msg(m.e == ERR_OK, "%s", m.err.text);
    const struct node *r = m.graph.source->outputs[0].targets[0];
    ck_assert_uint_eq(r->output_count, 3);
    ck_assert_str_eq(r->outputs[0].targets[0]->name, "out");
    ck_assert_str_eq(r->outputs[1].targets[0]->name, "drop");
    ck_assert_uint_eq(r->outputs[2].target_count, 0);
    ck_assert(r->outputs[1].targets[0]->changes_below);
    ck_assert_str_eq(m.graph.dead_letter->name, "dlq");
    unmake(&m);
}
END_TEST

Suite *graph_suite(void);
Suite *graph_suite(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");
    tcase_add_loop_test(t, a_wrong_flow_is_told_with_its_place, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(t, an_unknown_setting_of_a_node_is_told_with_the_nearest_name);
    tcase_add_test(t, the_issues_flow_is_tied_as_written);
    tcase_add_test(t, routes_of_a_node_are_tied_by_name_and_may_stay_open);
    suite_add_tcase(s, t);
    return s;
}
