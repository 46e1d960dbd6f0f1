/* SPDX-License-Identifier: Apache-2.0 */
/* check_process.c - processors, topics, and that the two ways of encoding an event agree. */
#include "agent/ship/encoder.h"

#include "tests/agent/suites.h"

/* Encodes one line by an input's processors; the result ends up in out. */
static enum encoder_mode encode(const char *processors_yaml, const char *fields_yaml,
                                struct slice message, unsigned flags, struct buf *out,
                                enum err *ret_rc)
{
    struct arena arena;
    struct error err = { 0 };
    struct yaml_node *list = NULL, *fields = NULL;
    static const struct agent_facts facts = { "host", "id", "eph", "1" };
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(yaml_parse(slice_str(processors_yaml), "p", &arena, &list, &err), ERR_OK);
    ck_assert_int_eq(yaml_parse(slice_str(fields_yaml), "f", &arena, &fields, &err), ERR_OK);
    struct processors p, none = { 0 };
    enum err rc = processors_init(&p, yaml_get(list, "processors"), &arena, NULL, NULL, &err);
    ck_assert_msg(rc == ERR_OK, "%s", err.text);
    struct pattern pattern;
    struct topic_rule topic = { .topic = &pattern };
    ck_assert_int_eq(pattern_compile("logs-%{[fields.t]:none}", &arena, &pattern, &err), ERR_OK);
    struct encoder_config cfg = {
        .agent = &facts,
        .input_type = "filestream",
        .fields = fields,
        .processors = &p,
        .global_processors = &none,
        .topics = &topic,
        .topic_count = 1,
        .value_bytes_max = 2000,
    };
    struct encoder *e = NULL;
    ck_assert_int_eq(encoder_new(&cfg, &e, &err), ERR_OK);
    struct encoder_source source = { slice_str("/a \"b\""), 7, 8, "0123456789abcdef01234567" };
    struct tail_event line = { message, 0x2a, 0x50, flags, 0 };
    struct encoded enc;
    *ret_rc = encoder_encode(e, &source, &line, 1795327058123, &enc);
    if (!*ret_rc) {
        buf_append_slice(out, enc.value);
        buf_append_byte(out, ' ');
        buf_append_slice(out, enc.route->topic);
    }
    enum encoder_mode mode = encoder_mode(e);
    encoder_free(e);
    processors_deinit(&p);
    arena_deinit(&arena);
    return mode;
}

START_TEST(template_and_tree_give_the_same_event)
{
    static const char constant[] =
        "processors:\n- add_tags: {tags: [x]}\n- drop_fields: {fields: [ecs]}\n";
    static const char varying[] =
        "processors:\n- add_tags: {tags: [x]}\n- drop_fields: {fields: [ecs]}\n"
        "- drop_event: {when.equals.message: never}\n";
    for (unsigned flags = 0; flags <= LINE_FLAGS_ALL; flags++) {
        struct buf a = { 0 }, b = { 0 };
        enum err rc;
        struct slice message = slice_of("q\" \n\0\xff z", 9);
        ck_assert_int_eq(encode(constant, "t: web", message, flags, &a, &rc), ENCODER_TEMPLATE);
        ck_assert_int_eq(encode(varying, "t: web", message, flags, &b, &rc), ENCODER_TREE);
        ck_assert_str_eq(buf_cstr(&a), buf_cstr(&b));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&a), "\"id\":\"0123456789abcdef01234567-2a\""));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&a), "\"offset\":42,"));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&a), "} logs-web"));
        buf_deinit(&a);
        buf_deinit(&b);
    }
}
END_TEST

START_TEST(drop_event_drops_when_its_condition_holds)
{
    struct buf a = { 0 };
    enum err rc;
    static const char yaml[] = "processors:\n- drop_event: {when: {and: [{regexp.message: '^DEB'}, "
                               "{not.contains.message: keep}]}}\n";
    encode(yaml, "{}", slice_str("DEBUG x"), 0, &a, &rc);
    ck_assert_int_eq(rc, ERR_CANCELED);
    encode(yaml, "{}", slice_str("DEBUG keep"), 0, &a, &rc);
    ck_assert_int_eq(rc, ERR_OK);
    buf_deinit(&a);
}
END_TEST

START_TEST(messages_too_large_for_the_output_are_cut_until_they_fit)
{
    struct buf a = { 0 };
    enum err rc;
    char big[5000];
    memset(big, 1, sizeof(big)); /* six bytes each in JSON */
    encode("{}", "{}", slice_of(big, sizeof(big)), 0, &a, &rc);
    ck_assert_int_eq(rc, ERR_OK);
    ck_assert_uint_le(a.len, 2000 + 10);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&a), "truncated"));
    buf_deinit(&a);
}
END_TEST

START_TEST(processors_change_events)
{
    struct buf a = { 0 };
    enum err rc;
    encode("processors:\n- dissect: {tokenizer: '%{ip} %{n|integer}', target_prefix: http}\n"
           "- rename: {fields: [{from: http.ip, to: client.ip}]}\n"
           "- add_fields: {target: '', fields: {seen: true}, when.range.http.n.gte: 5}\n"
           "- replace: {fields: [{field: message, pattern: '[0-9]+', replacement: N}]}\n",
           "{}", slice_str("host7 12"), 0, &a, &rc);
    const char *text = buf_cstr(&a);
    ck_assert_ptr_nonnull(strstr(text, "\"http\":{\"n\":12}"));
    ck_assert_ptr_nonnull(strstr(text, "\"client\":{\"ip\":\"host7\"}"));
    ck_assert_ptr_nonnull(strstr(text, "\"seen\":true"));
    ck_assert_ptr_nonnull(strstr(text, "\"message\":\"hostN N\""));
    buf_deinit(&a);
}
END_TEST

Suite *process_suite(void)
{
    Suite *s = suite_create("agent/process");
    TCase *c = tcase_create("process");
    tcase_add_test(c, template_and_tree_give_the_same_event);
    tcase_add_test(c, drop_event_drops_when_its_condition_holds);
    tcase_add_test(c, messages_too_large_for_the_output_are_cut_until_they_fit);
    tcase_add_test(c, processors_change_events);
    suite_add_tcase(s, c);
    return s;
}
