/* SPDX-License-Identifier: Apache-2.0 */
/* check_api.c - the table of APIs, headers, frames, and the list of Kafka's errors. */
#include "protocol/base/be.h"
#include "protocol/wire/api.h"
#include "protocol/wire/kafka_error.h"

#include <check.h>

Suite *api_suite(void);

START_TEST(rows_agree_with_the_message_tables)
{
    int count = 0;
    for (int16_t key = 0; key < API_KEY_END; key++) {
        const struct api *api = api_find(key);
        if (!api) {
            continue;
        }
        count++;
        ck_assert_int_eq(api->key, key);
        ck_assert_int_eq(api->request->key, key);
        ck_assert_int_eq(api->response->key, key);
        ck_assert_int_eq(api->request->max, api->response->max);
        ck_assert_int_eq(api->request->min, api->response->min);
        ck_assert_int_eq(api->request->flexible, api->response->flexible);
        ck_assert_int_eq(api->advertised_min, key == API_Produce ? 0 : api->request->min);
        size_t n = strlen(api->name);
        ck_assert(strncmp(api->request->name, api->name, n) == 0);
        ck_assert_str_eq(api->request->name + n, "Request");
        ck_assert_str_eq(api->response->name + n, "Response");
    }
    ck_assert_int_gt(count, 20);
    ck_assert_ptr_null(api_find(-1));
    ck_assert_ptr_null(api_find(4));
    ck_assert_ptr_null(api_find(INT16_MAX));
    ck_assert_ptr_null(api_find(API_KEY_END));
}
END_TEST

START_TEST(every_request_in_the_tables_has_a_row)
{
    for (size_t i = 0; i < message_schema_count; i++) {
        const struct schema *s = message_schemas[i];
        size_t n = strlen(s->name);
        if (n > 7 && strcmp(s->name + n - 7, "Request") == 0) {
            const struct api *api = api_find(s->key);
            ck_assert_msg(api && api->request == s, "%s is not in API_LIST", s->name);
        }
    }
}
END_TEST

START_TEST(header_versions_follow_key_and_version)
{
    ck_assert_int_eq(api_request_header_version(API_Fetch, 11), 1);
    ck_assert_int_eq(api_request_header_version(API_Fetch, 12), 2);
    ck_assert_int_eq(api_response_header_version(API_Fetch, 11), 0);
    ck_assert_int_eq(api_response_header_version(API_Fetch, 12), 1);
    ck_assert_int_eq(api_request_header_version(API_ApiVersions, 3), 2);
    ck_assert_int_eq(api_request_header_version(API_ApiVersions, 99), 2);
    ck_assert_int_eq(api_response_header_version(API_ApiVersions, 3), 0);
    ck_assert_int_eq(api_request_header_version(API_OffsetDelete, 0), 1);
    ck_assert_int_eq(api_request_header_version(4711, 9), 1);
}
END_TEST

START_TEST(a_framed_request_reads_back)
{
    struct buf b = { 0 };
    struct writer w;
    writer_init(&w, &b);
    for (int16_t version = 0; version <= 4; version += 4) {
        struct request_header h = { .request_api_key = API_Heartbeat,
                                    .request_api_version = version,
                                    .correlation_id = -7,
                                    .client_id = slice_str("me") };
        struct heartbeat_request req, got;
        schema_init(&heartbeat_request_schema, &req);
        req.group_id = slice_str("g");
        req.member_id = slice_str("m");
        size_t at = b.len;
        ck_assert_int_eq(api_frame_request(&w, &h, &req), ERR_OK);
        ck_assert_uint_eq(be32_load(b.ptr + at), b.len - at - 4);
        struct reader r = reader_of(slice_from(buf_slice(&b), at + 4));
        struct request_header back;
        ck_assert_int_eq(api_request_header_decode(&r, &back), ERR_OK);
        ck_assert_int_eq(back.request_api_version, version);
        ck_assert_int_eq(back.correlation_id, -7);
        ck_assert(slice_eq_str(back.client_id, "me"));
        ck_assert_int_eq(schema_decode(&heartbeat_request_schema, version, &r, NULL, &got), ERR_OK);
        ck_assert(slice_eq_str(got.group_id, "g"));
        ck_assert_uint_eq(reader_left(&r), 0);
    }
    buf_deinit(&b);
}
END_TEST

START_TEST(a_framed_response_counts_spliced_bytes)
{
    struct fetch_response_partition_data partition;
    struct fetch_response_fetchable_topic_response topic;
    struct fetch_response resp;
    schema_init(&fetch_response_partition_data_schema, &partition);
    schema_init(&fetch_response_fetchable_topic_response_schema, &topic);
    schema_init(&fetch_response_schema, &resp);
    int file = 0;
    partition.records = (struct records){ .external = &file, .external_len = 5000 };
    topic.partitions = &partition;
    topic.partitions_n = 1;
    resp.responses = &topic;
    resp.responses_n = 1;
    struct buf b = { 0 };
    struct writer w;
    writer_init(&w, &b);
    ck_assert_int_eq(api_frame_response(&w, API_Fetch, 12, 3, &resp), ERR_OK);
    ck_assert_uint_eq(be32_load(b.ptr), b.len - 4 + 5000);
    ck_assert_uint_eq(w.splice_count, 1);
    /* A second frame that fails behind its splice takes the splice back with it. */
    static const uint8_t text[40000];
    struct fetch_response_fetchable_topic_response topics[2] = { topic, topic };
    topics[0].topic = slice_str("t");
    topics[1].topic = slice_of(text, sizeof(text));
    resp.responses = topics;
    resp.responses_n = 2;
    struct buf other = { 0 };
    struct writer failing;
    writer_init(&failing, &other);
    ck_assert_int_eq(api_frame_response(&failing, API_Fetch, 4, 3, &resp), ERR_LIMIT);
    ck_assert_uint_eq(failing.splice_count, 0);
    ck_assert_uint_eq(other.len, 0);
    writer_deinit(&failing);
    buf_deinit(&other);
    int32_t correlation_id;
    struct reader r = reader_of(slice_from(buf_slice(&b), 4));
    ck_assert_int_eq(api_response_header_decode(&r, API_Fetch, 12, &correlation_id), ERR_OK);
    ck_assert_int_eq(correlation_id, 3);
    writer_deinit(&w);
    buf_deinit(&b);
}
END_TEST

START_TEST(a_frame_that_fails_leaves_nothing_behind)
{
    static const uint8_t text[40000];
    struct heartbeat_request req;
    schema_init(&heartbeat_request_schema, &req);
    req.group_id = slice_of(text, sizeof(text));
    struct request_header h = { .request_api_key = API_Heartbeat };
    struct buf b = { 0 };
    struct writer w;
    writer_init(&w, &b);
    writer_i32(&w, 1);
    h.request_api_version = 99;
    ck_assert_int_eq(api_frame_request(&w, &h, &req), ERR_UNSUPPORTED);
    h.request_api_version = 0;
    ck_assert_int_eq(api_frame_request(&w, &h, &req), ERR_LIMIT);
    ck_assert_uint_eq(b.len, 4);
    ck_assert_uint_eq(w.len, 4);
    h.request_api_key = 4711;
    ck_assert_int_eq(api_frame_request(&w, &h, &req), ERR_UNSUPPORTED);
    buf_deinit(&b);
}
END_TEST

START_TEST(headers_cut_short_are_refused)
{
    static const uint8_t v1[] = { 0, 12, 0, 3, 0, 0, 0, 1, 0, 1, 'x' };
    static const uint8_t v2[] = { 0, 12, 0, 4, 0, 0, 0, 1, 0, 1, 'x', 0 };
    static const uint8_t no_client[] = { 0, 12, 0, 3, 0, 0, 0, 1, 0xff, 0xff };
    struct request_header h;
    for (size_t len = 0; len < sizeof(v2); len++) {
        struct reader a = reader_of(slice_of(v1, len)), b = reader_of(slice_of(v2, len));
        ck_assert_int_eq(api_request_header_decode(&b, &h), ERR_SHORT);
        ck_assert_int_eq(len == sizeof(v1) || api_request_header_decode(&a, &h) == ERR_SHORT, 1);
    }
    struct reader r = reader_of(slice_of(no_client, sizeof(no_client)));
    ck_assert_int_eq(api_request_header_decode(&r, &h), ERR_OK);
    ck_assert(slice_is_null(h.client_id));
}
END_TEST

START_TEST(error_codes_are_without_gaps_and_known_by_name)
{
    int16_t code = -1;
#define ROW(code_, name, retriable, text)                                                          \
    ck_assert_int_eq(code_, code);                                                                 \
    ck_assert_str_eq(kafka_error_name(code), #name);                                               \
    ck_assert_str_eq(kafka_error_text(code), text);                                                \
    ck_assert_int_eq(kafka_error_is_retriable(code), retriable);                                   \
    code++;
    KAFKA_ERROR_LIST(ROW)
#undef ROW
    ck_assert_int_eq(code, 134);
    ck_assert_str_eq(kafka_error_name(-2), "UNKNOWN_ERROR_CODE");
    ck_assert_str_eq(kafka_error_name(134), "UNKNOWN_ERROR_CODE");
    ck_assert_str_eq(kafka_error_name(INT16_MAX), "UNKNOWN_ERROR_CODE");
    ck_assert(!kafka_error_is_retriable(INT16_MIN));
    ck_assert_int_eq(KAFKA_NOT_LEADER_OR_FOLLOWER, 6);
    ck_assert_int_eq(KAFKA_REBOOTSTRAP_REQUIRED, 129);
}
END_TEST

Suite *api_suite(void)
{
    Suite *s = suite_create("api");
    TCase *t = tcase_create("api");
    tcase_add_test(t, rows_agree_with_the_message_tables);
    tcase_add_test(t, every_request_in_the_tables_has_a_row);
    tcase_add_test(t, header_versions_follow_key_and_version);
    tcase_add_test(t, a_framed_request_reads_back);
    tcase_add_test(t, a_framed_response_counts_spliced_bytes);
    tcase_add_test(t, a_frame_that_fails_leaves_nothing_behind);
    tcase_add_test(t, headers_cut_short_are_refused);
    tcase_add_test(t, error_codes_are_without_gaps_and_known_by_name);
    suite_add_tcase(s, t);
    return s;
}
