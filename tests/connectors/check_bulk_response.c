/* SPDX-License-Identifier: Apache-2.0 */
/* check_bulk_response.c - answers of real servers, and answers that no server should give. */
#include "connectors/sinks/bulk_response.h"
#include "connectors/sinks/strip_metadata.h"
#include "connectors/sinks/decide.h"
#include "protocol/base/alloc.h"
#include "protocol/daemon/vfs.h"

#include <check.h>
#include <stdio.h>

enum { RESULTS_MAX = 64 };

/* A golden file: "status N items M", a line feed, the body. fates: one letter an item (+ done,
 * = duplicate, r retry, p park, d dead), "r*30" for thirty, or the name of a whole. */
static const struct {
    const char *name, *fates;
} golden[] = {
    { "success", "+++" },
    { "success_filtered", "+++" },
    { "duplicates", "===" },
    { "duplicates_filtered", "===" },
    { "mixed_409_201_400", "=+dd" },
    { "mixed_409_201_400_filtered", "=+dd" },
    { "flood_stage", "r" },
    { "write_block", "p+" },
    { "closed_index", "p" },
    { "missing_index", "p" },
    { "all_429", "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" },
    { "mixed_201_429", NULL }, /* some of each */
};

static const char fate_letters[] = { '?', '+', '=', 'r', 'p', 'd' };

static void read_golden(const char *server, const char *name, unsigned *ret_status,
                        size_t *ret_items, uint8_t **ret_bytes, struct slice *ret_body)
{
    char path[512];
    size_t len;
    struct error err;
    snprintf(path, sizeof(path), "%s/%s_%s.txt", GOLDEN_DIR, server, name);
    ck_assert_msg(vfs_read_file(vfs_posix(), path, 1 << 20, ret_bytes, &len, &err) == ERR_OK, "%s",
                  err.text);
    int head = 0;
    ck_assert_int_eq(sscanf((const char *)*ret_bytes, "status %u items %zu%n", ret_status,
                            ret_items, &head),
                     2);
    *ret_body = slice_from(slice_of(*ret_bytes, len), (size_t)head + 1);
}

static void check_server(const char *server, size_t i)
{
    unsigned status;
    size_t items;
    uint8_t *bytes;
    struct slice body;
    struct bulk_result results[RESULTS_MAX];
    struct arena arena;
    char fates[RESULTS_MAX + 1] = "";
    arena_init(&arena, 1 << 20);
    read_golden(server, golden[i].name, &status, &items, &bytes, &body);
    ck_assert_uint_eq(decide_bulk(status), WHOLE_ITEMS);
    ck_assert_int_eq(bulk_response_parse(body, items, &arena, results), ERR_OK);
    for (size_t k = 0; k < items; k++) {
        fates[k] = fate_letters[decide_bulk_item(results[k].status, results[k].error_type,
                                                 BULK_CREATE, true)];
        ck_assert(slice_is_null(results[k].error_type) == (results[k].status < 300));
        fates[k + 1] = '\0';
    }
    if (golden[i].fates) {
        ck_assert_msg(strcmp(fates, golden[i].fates) == 0, "%s %s: %s", server, golden[i].name,
                      fates);
    } else {
        ck_assert(strchr(fates, '+') && strchr(fates, 'r') && !strchr(fates, 'd'));
    }
    mem_free(bytes);
    arena_deinit(&arena);
}

START_TEST(each_item_of_a_real_answer_gets_its_fate)
{
    check_server("opensearch", (size_t)_i);
    check_server("elasticsearch", (size_t)_i);
}
END_TEST

START_TEST(whole_refusals_of_real_servers_are_told_by_their_status)
{
    static const struct {
        const char *name;
        enum whole whole;
    } wholes[] = { { "whole_400", WHOLE_BISECT },
                   { "whole_400_action", WHOLE_BISECT },
                   { "whole_413", WHOLE_HALVE },
                   { "whole_429", WHOLE_RETRY } };
    static const char *const servers[] = { "opensearch", "elasticsearch" };
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        for (size_t k = 0; k < 2; k++) {
            unsigned status;
            size_t items;
            uint8_t *bytes;
            struct slice body;
            struct bulk_result results[RESULTS_MAX];
            struct arena arena;
            arena_init(&arena, 1 << 20);
            read_golden(servers[k], wholes[i].name, &status, &items, &bytes, &body);
            ck_assert_uint_eq(decide_bulk(status), wholes[i].whole);
            ck_assert_int_eq(bulk_response_parse(body, items, &arena, results), ERR_MALFORMED);
            mem_free(bytes);
            arena_deinit(&arena);
        }
    }
}
END_TEST

START_TEST(every_cut_of_a_real_answer_is_refused)
{
    unsigned status;
    size_t items;
    uint8_t *bytes;
    struct slice body;
    struct bulk_result results[RESULTS_MAX];
    struct arena arena;
    arena_init(&arena, 1 << 20);
    read_golden("opensearch", "mixed_409_201_400", &status, &items, &bytes, &body);
    while (body.len > 0 && body.ptr[body.len - 1] != '}') {
        body.len--;
    }
    ck_assert_int_eq(bulk_response_parse(body, items, &arena, results), ERR_OK);
    for (size_t n = 0; n < body.len; n++) {
        arena_reset(&arena);
        ck_assert_int_eq(bulk_response_parse(slice_head(body, n), items, &arena, results),
                         ERR_MALFORMED);
    }
    mem_free(bytes);
    arena_deinit(&arena);
}
END_TEST

static enum err parse(const char *text, size_t expected)
{
    struct bulk_result results[4];
    struct arena arena;
    arena_init(&arena, 1 << 16);
    enum err e = bulk_response_parse(slice_str(text), expected, &arena, results);
    arena_deinit(&arena);
    return e;
}

START_TEST(answers_that_do_not_match_the_request_are_refused)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "null",
        "Unauthorized",
        "{\"errors\":false}",
        "{\"items\":[]}",
        "{\"errors\":true,\"items\":[]}",
        "{\"errors\":false,\"items\":{}}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
        "201}},"
        "{\"create\":{\"status\":201}}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{}}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
        "\"201\"}}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
        "2e2}}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},201]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":"
        "201}}]} x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(parse(bad[i], 2) == ERR_MALFORMED, "%s", bad[i]);
    }
    ck_assert_int_eq(parse("{\"items\":[{\"index\":{\"a\":{\"status\":500},\"status\":200}},"
                           "{\"index\":{\"status\":200}}],\"errors\":false}",
                           2),
                     ERR_OK);
    ck_assert_int_eq(parse("{\"took\":0,\"errors\":false,\"items\":[]}", 2), ERR_OK);
}
END_TEST

START_TEST(metadata_is_cut_out_of_the_outermost_object_only)
{
    static const struct {
        const char *before, *after; /* NULL: unchanged */
    } rows[] = {
        { "{\"@timestamp\":\"t\",\"@metadata\":{\"beat\":\"b\"},\"message\":\"m\"}",
          "{\"@timestamp\":\"t\",\"message\":\"m\"}" },
        { "{\"@metadata\":{\"a\":[{\"b\":\"}\\\"\"}]},\"m\":1}", "{\"m\":1}" },
        { "{\"m\":1,\"@metadata\":null}", "{\"m\":1}" },
        { "{\"m\":[1,\"]\"], \"@metadata\" : 1e3 }", "{\"m\":[1,\"]\"]}" },
        { "{\"@metadata\":\"x\"}", "{}" },
        { " { \"@metadata\" : true , \"m\":1}", " {  \"m\":1}" },
        { "{\"m\":{\"@metadata\":1}}", NULL },
        { "{\"m\":\"\\\"@metadata\\\":1\"}", NULL },
        { "{\"m\":\"@metadata\"}", NULL },
        { "[\"@metadata\"]", NULL },
        { "{\"@metadata\":{\"a\":1}", NULL },
        { "{\"@metadata\"", NULL },
        { "{\"@metadata\":", NULL },
        { "{\"a\":1 \"@metadata\":1}", NULL },
        { "{\"@metadata\":\"a\\", NULL },
        { "{}", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = { 0 };
        buf_append_str(&out, "{\"create\":{\"@metadata\":1}}\n");
        size_t start = out.len;
        buf_append_str(&out, rows[i].before);
        strip_metadata(&out, start);
        ck_assert_str_eq(buf_cstr(&out) + start, rows[i].after ? rows[i].after : rows[i].before);
        ck_assert_uint_eq(out.ptr[start - 1], '\n');
        buf_deinit(&out);
    }
}
END_TEST

/* Cut anywhere, in a buffer of exactly its size: the sanitizers see every byte behind. */
START_TEST(a_truncated_document_is_never_read_beyond_its_end)
{
    static const char whole[] = "{\"a\":\"\\\"b\",\"@metadata\":{\"c\":[\"d\",{}]},\"e\":1}";
    for (size_t len = 0; len < sizeof(whole); len++) {
        struct buf out = { 0 };
        buf_append(&out, whole, len);
        strip_metadata(&out, 0);
        ck_assert_uint_le(out.len, len);
        buf_deinit(&out);
    }
}
END_TEST

Suite *bulk_response_suite(void);
Suite *bulk_response_suite(void)
{
    Suite *s = suite_create("bulk_response");
    TCase *t = tcase_create("bulk_response");
    tcase_add_loop_test(t, each_item_of_a_real_answer_gets_its_fate, 0,
                        (int)(sizeof(golden) / sizeof(golden[0])));
    tcase_add_test(t, whole_refusals_of_real_servers_are_told_by_their_status);
    tcase_add_test(t, every_cut_of_a_real_answer_is_refused);
    tcase_add_test(t, answers_that_do_not_match_the_request_are_refused);
    tcase_add_test(t, metadata_is_cut_out_of_the_outermost_object_only);
    tcase_add_test(t, a_truncated_document_is_never_read_beyond_its_end);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
