/* SPDX-License-Identifier: Apache-2.0 */
/* check_decide.c - the decision tables, row by row. */
#include "connectors/sinks/decide.h"

#include <check.h>

START_TEST(bulk_items_follow_the_table)
{
    static const struct {
        unsigned status;
        const char *type;
        enum bulk_action action;
        bool own_id;
        enum fate fate;
    } rows[] = {
        { 200, NULL, BULK_INDEX, true, FATE_DONE },
        { 201, NULL, BULK_CREATE, true, FATE_DONE },
        { 404, NULL, BULK_DELETE, true, FATE_DONE },
        { 409, "version_conflict_engine_exception", BULK_CREATE, true, FATE_DUPLICATE },
        { 409, "version_conflict_engine_exception", BULK_INDEX, true, FATE_RETRY },
        { 429, "rejected_execution_exception", BULK_CREATE, true, FATE_RETRY },
        { 429, "cluster_block_exception", BULK_CREATE, true, FATE_RETRY },
        { 500, "x", BULK_CREATE, true, FATE_RETRY },
        { 502, "x", BULK_CREATE, true, FATE_RETRY },
        { 503, "unavailable_shards_exception", BULK_CREATE, true, FATE_RETRY },
        { 504, "x", BULK_CREATE, true, FATE_RETRY },
        { 400, "mapper_parsing_exception", BULK_CREATE, true, FATE_DEAD },
        { 400, "document_parsing_exception", BULK_INDEX, false, FATE_DEAD },
        { 400, "index_closed_exception", BULK_CREATE, true, FATE_PARK },
        { 403, "cluster_block_exception", BULK_CREATE, true, FATE_PARK },
        { 403, "security_exception", BULK_CREATE, true, FATE_PARK },
        { 404, "index_not_found_exception", BULK_CREATE, true, FATE_PARK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum fate got = decide_bulk_item(rows[i].status, slice_str(rows[i].type), rows[i].action,
                                         rows[i].own_id);
        ck_assert_msg(got == rows[i].fate, "row %zu: %d", i, (int)got);
    }
}
END_TEST

START_TEST(whole_bulk_requests_follow_the_table)
{
    static const struct {
        long status;
        enum whole whole;
    } rows[] = {
        { 200, WHOLE_ITEMS }, { 400, WHOLE_BISECT }, { 401, WHOLE_PAUSE }, { 403, WHOLE_PAUSE },
        { 404, WHOLE_PAUSE }, { 406, WHOLE_PAUSE },  { 301, WHOLE_PAUSE }, { 413, WHOLE_HALVE },
        { 408, WHOLE_RETRY }, { 429, WHOLE_RETRY },  { 500, WHOLE_RETRY }, { 503, WHOLE_RETRY },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(decide_bulk(rows[i].status) == rows[i].whole, "%ld", rows[i].status);
    }
}
END_TEST

START_TEST(http_requests_follow_the_table)
{
    static const char *items[] = { "409", "45x", "4xx" };
    const struct config_list none = { NULL, 0 };
    const struct config_list conflict = { items, 1 };
    const struct config_list all_4xx = { items + 2, 1 };
    ck_assert_int_eq(decide_http(204, 9, &none), WHOLE_DONE);
    ck_assert_int_eq(decide_http(408, 9, &none), WHOLE_RETRY);
    ck_assert_int_eq(decide_http(425, 9, &none), WHOLE_RETRY);
    ck_assert_int_eq(decide_http(429, 9, &none), WHOLE_RETRY);
    ck_assert_int_eq(decide_http(503, 9, &none), WHOLE_RETRY);
    ck_assert_int_eq(decide_http(401, 9, &none), WHOLE_PAUSE);
    ck_assert_int_eq(decide_http(403, 9, &none), WHOLE_PAUSE);
    ck_assert_int_eq(decide_http(302, 9, &none), WHOLE_PAUSE);
    ck_assert_int_eq(decide_http(413, 9, &none), WHOLE_HALVE);
    ck_assert_int_eq(decide_http(400, 9, &none), WHOLE_SINGLY);
    ck_assert_int_eq(decide_http(409, 9, &none), WHOLE_SINGLY);
    ck_assert_int_eq(decide_http(409, 9, &conflict), WHOLE_RETRY);
    ck_assert_int_eq(decide_http(418, 9, &all_4xx), WHOLE_RETRY);
}
END_TEST

Suite *decide_suite(void);
Suite *decide_suite(void)
{
    Suite *s = suite_create("decide");
    TCase *t = tcase_create("decide");
    tcase_add_test(t, bulk_items_follow_the_table);
    tcase_add_test(t, whole_bulk_requests_follow_the_table);
    tcase_add_test(t, http_requests_follow_the_table);
    suite_add_tcase(s, t);
    return s;
}
