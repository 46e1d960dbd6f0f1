/* SPDX-License-Identifier: Apache-2.0 */
/* check_broker_data.c - produce and fetch against a real node, with restarts in between. */
#include "protocol/wire/kafka_error.h"
#include "tests/broker/node_world.h"

#include <check.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void assert_values(struct world *w, const char *topic, int64_t offset, const char *expected)
{
    struct buf got = { 0 };
    read_values(&w->client, topic, offset, &got);
    ck_assert_str_eq(buf_cstr(&got), expected);
    buf_deinit(&got);
}

START_TEST(what_was_produced_is_fetched_at_its_offset)
{
    static const int16_t acks[] = { -1, 1 };
    struct world w;
    int64_t base;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(produce(&w.client, "t", acks[i], world_batch(&w, i ? "b" : "a", 2), &base),
                         0);
        ck_assert_int_eq(base, i * 2);
    }
    /* acks=1 does not wait for the disk, and readers see what is on it: they wait for the
         * flush. */
    const struct fetch_response_partition_data *p = fetch(&w.client, "t", 2, 1 << 20, 5000, 1);
    ck_assert_int_eq(p->high_watermark, 4);
    assert_values(&w, "t", 0, "a0\na1\nb0\nb1\n");
    assert_values(&w, "t", 3, "b1\n");
    world_deinit(&w);
}
END_TEST

START_TEST(acks_zero_gets_no_reply_and_is_there)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    produce(&w.client, "t", 0, world_batch(&w, "x", 1), NULL);
    const struct fetch_response_partition_data *p = fetch(&w.client, "t", 0, 1 << 20, 5000, 1);
    ck_assert_uint_gt(p->records.bytes.len, 0);
    /* An error closes the connection: there is no other way to tell. */
    produce(&w.client, "missing", 0, world_batch(&w, "x", 1), NULL);
    ck_assert(wire_client_is_closed(&w.client, 5000));
    wire_client_close(&w.client);
    wire_client_open(&w.client, &w.node);
    world_deinit(&w);
}
END_TEST

START_TEST(every_version_of_produce_and_fetch_carries_the_records)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct uuid id = topic_id(&w.client, "t");
    int64_t expected = 0;
    for (int16_t v = produce_request_schema.min; v <= produce_request_schema.max; v++) {
        struct produce_request_partition_produce_data data;
        struct produce_request_topic_produce_data td;
        struct produce_request req;
        schema_init(&produce_request_partition_produce_data_schema, &data);
        schema_init(&produce_request_topic_produce_data_schema, &td);
        schema_init(&produce_request_schema, &req);
        data.records.bytes = world_batch(&w, "v", 1);
        td.name = slice_str("t");
        td.topic_id = id;
        td.partition_data = &data;
        td.partition_data_n = 1;
        req.acks = -1;
        req.topic_data = &td;
        req.topic_data_n = 1;
        const struct produce_response *resp = wire_client_call(&w.client, API_Produce, v, &req);
        ck_assert_int_eq(resp->responses[0].partition_responses[0].error_code, 0);
        ck_assert_int_eq(resp->responses[0].partition_responses[0].base_offset, expected++);
    }
    for (int16_t v = fetch_request_schema.min; v <= fetch_request_schema.max; v++) {
        struct plain_fetch f;
        plain_fetch_init(&f, "t", 0);
        f.topic.topic_id = id;
        const struct fetch_response *resp = wire_client_call(&w.client, API_Fetch, v, &f.req);
        ck_assert_int_eq(resp->responses_n, 1);
        const struct fetch_response_partition_data *p = &resp->responses[0].partitions[0];
        ck_assert_int_eq(p->error_code, 0);
        ck_assert_int_eq(p->high_watermark, expected);
        struct batch_view first;
        ck_assert_int_eq(batch_parse(p->records.bytes, &first), ERR_OK);
        ck_assert_int_eq(first.base_offset, 0);
        ck_assert_uint_eq(p->records.bytes.len, (size_t)expected * first.bytes.len);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(acknowledged_records_survive_kill_and_clean_stop)
{
    struct world w;
    struct buf expected = { 0 };
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5; i++) {
            char prefix[32];
            int64_t base;
            snprintf(prefix, sizeof(prefix), "r%d-%d-", round, i);
            ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, prefix, 2), &base), 0);
            ck_assert_int_eq(base, round * 10 + i * 2);
            buf_printf(&expected, "%s0\n%s1\n", prefix, prefix);
        }
        world_restart(&w, round % 2 == 0, NULL);
        (void)fetch(&w.client, "t", round * 10 + 9, 1 << 20, 5000, 1);
        assert_values(&w, "t", 0, buf_cstr(&expected));
    }
    buf_deinit(&expected);
    world_deinit(&w);
}
END_TEST

/* It is all there is: nothing written beside it, nothing given up, and the other topic goes on. */
START_TEST(a_partition_whose_metadata_is_damaged_is_refused_until_it_is_mended)
{
    struct world w;
    struct buf file = { 0 }, good = { 0 };
    char line[64];
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    create_topic(&w.client, "u", 1);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "a", 1), NULL), 0);
    wire_client_close(&w.client);
    node_stop(&w.node);
    buf_printf(&file, "%s/t-0/partition.metadata", w.dir.path);
    FILE *f = fopen(buf_cstr(&file), "r+");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f)) {
        buf_append_str(&good, line);
    }
    rewind(f);
    fputs(_i ? "version: 0\ntopic_id: c2ltdWxhdGVkLWxvZ2Jvb20" : "version: 1\n", f);
    fclose(f);
    node_start(&w.node, w.dir.path, NULL);
    wire_client_open(&w.client, &w.node);
    ck_assert_int_ne(produce(&w.client, "t", -1, world_batch(&w, "b", 1), NULL), 0);
    ck_assert_int_eq(produce(&w.client, "u", -1, world_batch(&w, "c", 1), NULL), 0);
    wire_client_close(&w.client);
    node_stop(&w.node);
    f = fopen(buf_cstr(&file), "w");
    ck_assert_ptr_nonnull(f);
    fputs(buf_cstr(&good), f);
    fclose(f);
    node_start(&w.node, w.dir.path, NULL);
    wire_client_open(&w.client, &w.node);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "d", 1), NULL), 0);
    assert_values(&w, "t", 0, "a0\nd0\n");
    buf_deinit(&file);
    buf_deinit(&good);
    world_deinit(&w);
}
END_TEST

START_TEST(damaged_records_are_refused_and_leave_no_trace)
{
    struct world w;
    struct batch_seal seal = plain_seal();
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct slice good = make_batch(&w.builder, "x", 3, &seal);
    static const struct {
        size_t at;
        uint8_t flip;
        enum kafka_error code;
    } cases[] = {
        { 17, 1, KAFKA_CORRUPT_MESSAGE },                /* checksum */
        { 61, 0x40, KAFKA_CORRUPT_MESSAGE },             /* a record */
        { 16, 3, KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT }, /* magic 1 */
        { 8, 0x7f, KAFKA_CORRUPT_MESSAGE },              /* length */
        { 11, 0xff, KAFKA_CORRUPT_MESSAGE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf bad = { 0 };
        buf_append_slice(&bad, good);
        bad.ptr[cases[i].at] ^= cases[i].flip;
        int16_t code = produce(&w.client, "t", -1, buf_slice(&bad), NULL);
        ck_assert_msg(code == (int16_t)cases[i].code, "case %zu gave %s", i,
                      kafka_error_name(code));
        buf_deinit(&bad);
    }
    ck_assert_int_ne(produce(&w.client, "t", -1, slice_head(good, 60), NULL), 0);
    ck_assert_int_ne(produce(&w.client, "t", -1, slice_of("", 0), NULL), 0);
    ck_assert_int_ne(produce(&w.client, "t", -1, slice_null(), NULL), 0);
    ck_assert_int_eq(produce(&w.client, "t", 2, good, NULL), KAFKA_INVALID_REQUIRED_ACKS);
    ck_assert_int_eq(produce(&w.client, "nope", -1, good, NULL), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    int64_t base = -1;
    ck_assert_int_eq(produce(&w.client, "t", -1, good, &base), 0);
    ck_assert_int_eq(base, 0);
    world_deinit(&w);
}
END_TEST

START_TEST(idempotent_retry_gets_its_first_offset_and_a_gap_is_refused)
{
    struct world w;
    int64_t base = -1;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct init_producer_id_request init;
    schema_init(&init_producer_id_request_schema, &init);
    init.transaction_timeout_ms = 1000;
    const struct init_producer_id_response *got =
        wire_client_call(&w.client, API_InitProducerId, 4, &init);
    ck_assert_int_eq(got->error_code, 0);
    struct batch_seal seal = plain_seal();
    seal.producer_id = got->producer_id;
    seal.producer_epoch = got->producer_epoch;
    for (int i = 0; i < 3; i++) {
        seal.base_sequence = i * 2;
        ck_assert_int_eq(produce(&w.client, "t", -1, make_batch(&w.builder, "x", 2, &seal), &base),
                         0);
        ck_assert_int_eq(base, i * 2);
    }
    for (int restart = 0; restart < 2; restart++) {
        seal.base_sequence = 4;
        ck_assert_int_eq(produce(&w.client, "t", -1, make_batch(&w.builder, "x", 2, &seal), &base),
                         0);
        ck_assert_int_eq(base, 4);
        seal.base_sequence = 20;
        ck_assert_int_eq(produce(&w.client, "t", -1, make_batch(&w.builder, "x", 2, &seal), &base),
                         KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER);
        world_restart(&w, restart == 0, NULL);
    }
    struct buf values = { 0 };
    (void)fetch(&w.client, "t", 5, 1 << 20, 5000, 1);
    ck_assert_int_eq(read_values(&w.client, "t", 0, &values), 6);
    buf_deinit(&values);
    world_deinit(&w);
}
END_TEST

static const struct describe_producers_response_partition_response *
describe_producers(struct world *w, const char *topic, int32_t index)
{
    struct describe_producers_request req;
    struct describe_producers_request_topic_request t;
    schema_init(&describe_producers_request_schema, &req);
    schema_init(&describe_producers_request_topic_request_schema, &t);
    t.name = slice_str(topic);
    t.partition_indexes = &index;
    t.partition_indexes_n = 1;
    req.topics = &t;
    req.topics_n = 1;
    const struct describe_producers_response *resp =
        wire_client_call(&w->client, API_DescribeProducers, 0, &req);
    ck_assert_int_eq(resp->topics_n, 1);
    ck_assert_int_eq(resp->topics[0].partitions_n, 1);
    return &resp->topics[0].partitions[0];
}

START_TEST(producers_are_described_with_where_their_last_batch_lies)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    ck_assert_int_eq(describe_producers(&w, "t", 0)->active_producers_n, 0);
    ck_assert_int_eq(describe_producers(&w, "t", 1)->error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(describe_producers(&w, "none", 0)->error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    struct batch_seal seal = plain_seal();
    seal.producer_id = 77;
    seal.producer_epoch = 3;
    for (int i = 0; i < 2; i++) {
        seal.base_sequence = i * 5;
        ck_assert_int_eq(produce(&w.client, "t", -1, make_batch(&w.builder, "x", 5, &seal), NULL),
                         0);
    }
    const struct describe_producers_response_partition_response *row =
        describe_producers(&w, "t", 0);
    ck_assert_int_eq(row->error_code, 0);
    ck_assert_int_eq(row->active_producers_n, 1);
    ck_assert_int_eq(row->active_producers[0].producer_id, 77);
    ck_assert_int_eq(row->active_producers[0].producer_epoch, 3);
    ck_assert_int_eq(row->active_producers[0].last_sequence, 9);
    ck_assert_int_eq(row->active_producers[0].current_txn_start_offset, -1);
    ck_assert_int_eq(row->active_producers[0].last_offset, 9);
    ck_assert_int_eq(row->active_producers[0].last_offset_delta, 4);
    world_deinit(&w);
}
END_TEST

START_TEST(waiting_fetch_is_answered_by_the_next_record)
{
    struct world w;
    struct wire_client producer;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    wire_client_open(&producer, &w.node);
    struct plain_fetch f;
    plain_fetch_init(&f, "t", 20000);
    wire_client_send(&w.client, API_Fetch, 11, &f.req);
    ck_assert(!wire_client_has_input(&w.client, 100));
    int64_t before = now_ms();
    ck_assert_int_eq(produce(&producer, "t", -1, world_batch(&w, "x", 1), NULL), 0);
    const struct fetch_response *resp = wire_client_receive(&w.client, API_Fetch, 11);
    ck_assert_int_lt(now_ms() - before, 5000);
    ck_assert_uint_gt(resp->responses[0].partitions[0].records.bytes.len, 0);
    wire_client_close(&producer);
    world_deinit(&w);
}
END_TEST

START_TEST(fetch_without_news_returns_after_max_wait)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    int64_t before = now_ms();
    const struct fetch_response_partition_data *p = fetch(&w.client, "t", 0, 1 << 20, 200, 1);
    ck_assert_int_ge(now_ms() - before, 190);
    ck_assert_int_eq(p->error_code, 0);
    ck_assert_uint_eq(p->records.bytes.len, 0);
    world_deinit(&w);
}
END_TEST

START_TEST(first_batch_is_whole_however_small_the_limit)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    size_t len = world_batch(&w, "long-enough-to-be-cut", 50).len;
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "long-enough-to-be-cut", 50),
                             NULL),
                     0);
    const struct fetch_response_partition_data *p = fetch(&w.client, "t", 0, 1, 0, 1);
    ck_assert_uint_eq(p->records.bytes.len, len);
    world_deinit(&w);
}
END_TEST

START_TEST(offsets_outside_the_log_are_out_of_range)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 3), NULL), 0);
    ck_assert_int_eq(fetch(&w.client, "t", 3, 1 << 20, 0, 0)->error_code, 0);
    ck_assert_int_eq(fetch(&w.client, "t", 4, 1 << 20, 0, 0)->error_code,
                     KAFKA_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(fetch(&w.client, "t", -1, 1 << 20, 0, 0)->error_code,
                     KAFKA_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(fetch(&w.client, "u", 0, 1 << 20, 0, 0)->error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    world_deinit(&w);
}
END_TEST

START_TEST(fetch_session_tells_only_news)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 3);
    struct fetch_request_partition parts[3];
    struct fetch_request_topic t;
    struct fetch_request req;
    schema_init(&fetch_request_topic_schema, &t);
    schema_init(&fetch_request_schema, &req);
    for (int32_t i = 0; i < 3; i++) {
        schema_init(&fetch_request_partition_schema, &parts[i]);
        parts[i].partition = i;
        parts[i].partition_max_bytes = 1 << 20;
    }
    t.topic = slice_str("t");
    t.partitions = parts;
    t.partitions_n = 3;
    req.max_bytes = 1 << 20;
    req.session_epoch = 0;
    req.topics = &t;
    req.topics_n = 1;
    const struct fetch_response *resp = wire_client_call(&w.client, API_Fetch, 11, &req);
    int32_t session = resp->session_id;
    ck_assert_int_ne(session, 0);
    ck_assert_int_eq(resp->responses[0].partitions_n, 3);
    req.session_id = session;
    req.session_epoch = 1;
    req.topics_n = 0;
    resp = wire_client_call(&w.client, API_Fetch, 11, &req);
    ck_assert_int_eq(resp->session_id, session);
    ck_assert_int_eq(resp->responses_n, 0);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL), 0);
    req.session_epoch = 2;
    resp = wire_client_call(&w.client, API_Fetch, 11, &req);
    ck_assert_int_eq(resp->responses_n, 1);
    ck_assert_int_eq(resp->responses[0].partitions_n, 1);
    ck_assert_int_eq(resp->responses[0].partitions[0].partition_index, 0);
    ck_assert_uint_gt(resp->responses[0].partitions[0].records.bytes.len, 0);
    resp = wire_client_call(&w.client, API_Fetch, 11, &req); /* the same epoch again */
    ck_assert_int_eq(resp->error_code, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    req.session_id = session + 1;
    resp = wire_client_call(&w.client, API_Fetch, 11, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    world_deinit(&w);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_their_order)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct produce_request_partition_produce_data data;
    struct produce_request_topic_produce_data td;
    struct produce_request req;
    struct metadata_request meta;
    schema_init(&produce_request_partition_produce_data_schema, &data);
    schema_init(&produce_request_topic_produce_data_schema, &td);
    schema_init(&produce_request_schema, &req);
    schema_init(&metadata_request_schema, &meta);
    td.name = slice_str("t");
    td.partition_data = &data;
    td.partition_data_n = 1;
    req.acks = -1;
    req.topic_data = &td;
    req.topic_data_n = 1;
    meta.topics_n = -1;
    for (int i = 0; i < 300; i++) {
        data.records.bytes = world_batch(&w, "p", 1);
        wire_client_send(&w.client, API_Produce, 9, &req);   /* waits for the disk */
        wire_client_send(&w.client, API_Metadata, 9, &meta); /* is ready at once */
    }
    for (int i = 0; i < 300; i++) {
        const struct produce_response *p = wire_client_receive(&w.client, API_Produce, 9);
        ck_assert_int_eq(p->responses[0].partition_responses[0].base_offset, i);
        const struct metadata_response *m = wire_client_receive(&w.client, API_Metadata, 9);
        ck_assert_int_eq(m->brokers_n, 1);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(large_frames_come_through)
{
    struct world w;
    static const struct node_setting settings[] = { { "message.max.bytes", "20000000" },
                                                    { NULL, NULL } };
    world_init(&w, settings);
    create_topic(&w.client, "t", 1);
    static const size_t sizes[] = { 4000, 4090, 4200, 70000, 1 << 20, 5 << 20, 15 << 20 };
    int64_t offset = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct batch_seal seal = plain_seal();
        struct buf unused = { 0 };
        struct slice bytes;
        int64_t base = -1;
        uint8_t *value = malloc(sizes[i]);
        memset(value, (int)i, sizes[i]);
        struct record rec = { .timestamp_ms = 1, .value = slice_of(value, sizes[i]) };
        batch_builder_reset(&w.builder);
        batch_builder_append(&w.builder, &rec);
        ck_assert_int_eq(batch_builder_seal(&w.builder, &seal, &unused, &bytes), ERR_OK);
        ck_assert_int_eq(produce(&w.client, "t", -1, bytes, &base), 0);
        ck_assert_int_eq(base, offset);
        const struct fetch_response_partition_data *p = fetch(&w.client, "t", offset, 1, 0, 1);
        struct batch_view b;
        ck_assert_int_eq(batch_parse(p->records.bytes, &b), ERR_OK);
        ck_assert_int_eq(batch_check_crc(&b), ERR_OK);
        ck_assert_uint_eq(b.bytes.len, bytes.len);
        free(value);
        offset++;
    }
    world_deinit(&w);
}
END_TEST

Suite *broker_data_suite(void);

Suite *broker_data_suite(void)
{
    Suite *s = suite_create("broker data");
    TCase *tc = tcase_create("data");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_was_produced_is_fetched_at_its_offset);
    tcase_add_test(tc, acks_zero_gets_no_reply_and_is_there);
    tcase_add_test(tc, every_version_of_produce_and_fetch_carries_the_records);
    tcase_add_test(tc, acknowledged_records_survive_kill_and_clean_stop);
    tcase_add_loop_test(tc, a_partition_whose_metadata_is_damaged_is_refused_until_it_is_mended, 0,
                        2);
    tcase_add_test(tc, damaged_records_are_refused_and_leave_no_trace);
    tcase_add_test(tc, idempotent_retry_gets_its_first_offset_and_a_gap_is_refused);
    tcase_add_test(tc, producers_are_described_with_where_their_last_batch_lies);
    tcase_add_test(tc, waiting_fetch_is_answered_by_the_next_record);
    tcase_add_test(tc, fetch_without_news_returns_after_max_wait);
    tcase_add_test(tc, first_batch_is_whole_however_small_the_limit);
    tcase_add_test(tc, offsets_outside_the_log_are_out_of_range);
    tcase_add_test(tc, fetch_session_tells_only_news);
    tcase_add_test(tc, pipelined_requests_are_answered_in_their_order);
    tcase_add_test(tc, large_frames_come_through);
    suite_add_tcase(s, tc);
    return s;
}
