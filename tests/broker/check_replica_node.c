/* SPDX-License-Identifier: Apache-2.0 */
/* check_replica_node.c - what a real node answers to followers,
 * and to clients with leader epochs. */
#include "protocol/wire/kafka_error.h"
#include "tests/broker/node.h"
#include "tests/support/scratch_dir.h"

#include <check.h>
#include <time.h>

static struct scratch_dir scratch;
static struct node node;
static struct wire_client client;
static struct uuid t_id;

static void set_up(void)
{
    struct batch_builder b = { 0 };
    struct batch_seal seal = plain_seal();
    scratch_dir_init(&scratch);
    node_start(&node, scratch.path, NULL);
    wire_client_open(&client, &node);
    create_topic(&client, "t", 1);
    ck_assert_int_eq(produce(&client, "t", -1, make_batch(&b, "v", 10, &seal), NULL), 0);
    t_id = topic_id(&client, "t");
    batch_builder_deinit(&b);
}

static void tear_down(void)
{
    wire_client_close(&client);
    node_stop(&node);
    scratch_dir_deinit(&scratch);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One fetch of partition 0 (version 17, by topic id). */
struct ask {
    struct fetch_request req;
    struct fetch_request_topic topic;
    struct fetch_request_partition part;
};

static void ask_init(struct ask *a, int64_t offset)
{
    schema_init(&fetch_request_schema, &a->req);
    schema_init(&fetch_request_topic_schema, &a->topic);
    schema_init(&fetch_request_partition_schema, &a->part);
    a->part.fetch_offset = offset;
    a->part.partition_max_bytes = 1 << 20;
    a->topic.topic_id = t_id;
    a->topic.partitions = &a->part;
    a->topic.partitions_n = 1;
    a->req.topics = &a->topic;
    a->req.topics_n = 1;
    a->req.max_bytes = 1 << 20;
    a->req.min_bytes = 1;
}

static const struct fetch_response_partition_data *row_of(const struct fetch_response *resp)
{
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_eq(resp->responses_n, 1);
    ck_assert_int_eq(resp->responses[0].partitions_n, 1);
    return &resp->responses[0].partitions[0];
}

static const struct fetch_response_partition_data *ask(const struct ask *a)
{
    return row_of(wire_client_call(&client, API_Fetch, 17, &a->req));
}

static int32_t leader_epoch(void)
{
    struct ask a;
    ask_init(&a, 0);
    const struct fetch_response_partition_data *row = ask(&a);
    struct batch_view b;
    ck_assert_int_eq(batch_parse(row->records.bytes, &b), ERR_OK);
    return b.leader_epoch;
}

START_TEST(a_replica_that_is_none_is_not_served)
{
    struct ask a;
    ask_init(&a, 0);
    a.req.replica_state.replica_id = 7;
    a.req.replica_state.replica_epoch = 1;
    ck_assert_int_eq(ask(&a)->error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
}
END_TEST

START_TEST(older_and_newer_leader_epochs_are_refused_and_the_leader_is_named)
{
    struct ask a;
    ask_init(&a, 0);
    a.part.current_leader_epoch = leader_epoch();
    ck_assert_int_eq(ask(&a)->error_code, 0);
    a.part.current_leader_epoch++;
    ck_assert_int_eq(ask(&a)->error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
    a.part.current_leader_epoch -= 2;
    if (a.part.current_leader_epoch >= 0) {
        struct fetch_response *resp = wire_client_call(&client, API_Fetch, 17, &a.req);
        ck_assert_int_eq(row_of(resp)->error_code, KAFKA_FENCED_LEADER_EPOCH);
        ck_assert_int_ge(row_of(resp)->current_leader.leader_id, 0);
        ck_assert_int_eq(resp->node_endpoints_n, 1);
        ck_assert_int_eq(resp->node_endpoints[0].port, node.port);
    }
}
END_TEST

START_TEST(a_log_that_differs_is_told_where)
{
    struct ask a;
    ask_init(&a, 15); /* the log ends at 10 */
    a.part.last_fetched_epoch = leader_epoch();
    const struct fetch_response_partition_data *row = ask(&a);
    ck_assert_int_eq(row->error_code, 0);
    ck_assert_int_eq(row->diverging_epoch.epoch, a.part.last_fetched_epoch);
    ck_assert_int_eq(row->diverging_epoch.end_offset, 10);
    ck_assert_uint_eq(row->records.bytes.len, 0);
    a.part.last_fetched_epoch = -1; /* who tells no epoch is out of range */
    ck_assert_int_eq(ask(&a)->error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    a.part.fetch_offset = 5;
    a.part.last_fetched_epoch = leader_epoch();
    row = ask(&a);
    ck_assert_int_eq(row->error_code, 0);
    ck_assert_int_eq(row->diverging_epoch.epoch, -1);
    ck_assert_uint_gt(row->records.bytes.len, 0);
}
END_TEST

START_TEST(a_second_fetch_of_a_session_ends_the_wait_of_the_first)
{
    struct ask a;
    ask_init(&a, 0);
    a.req.session_epoch = 0;
    struct fetch_response *resp = wire_client_call(&client, API_Fetch, 17, &a.req);
    int32_t session = resp->session_id;
    ck_assert_int_ne(session, 0);
    a.req.session_id = session;
    a.req.session_epoch = 1;
    a.req.max_wait_ms = 10000;
    a.part.fetch_offset = 10; /* nothing there: it waits */
    int64_t before = now_ms();
    wire_client_send(&client, API_Fetch, 17, &a.req);
    ck_assert(!wire_client_has_input(&client, 100));
    a.req.session_epoch = 2;
    a.part.fetch_offset = 0;
    wire_client_send(&client, API_Fetch, 17, &a.req);
    resp = wire_client_receive(&client, API_Fetch, 17);
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_eq(resp->responses_n, 0); /* no news */
    resp = wire_client_receive(&client, API_Fetch, 17);
    ck_assert_uint_gt(row_of(resp)->records.bytes.len, 0);
    ck_assert_int_lt(now_ms() - before, 5000);
}
END_TEST

static void delete_topic(struct wire_client *c, const char *name)
{
    struct delete_topics_request req;
    struct delete_topics_request_delete_topic_state topic;
    schema_init(&delete_topics_request_schema, &req);
    schema_init(&delete_topics_request_delete_topic_state_schema, &topic);
    topic.name = slice_str(name);
    req.topics = &topic;
    req.topics_n = 1;
    const struct delete_topics_response *resp = wire_client_call(c, API_DeleteTopics, 6, &req);
    ck_assert_int_eq(resp->responses[0].error_code, 0);
}

START_TEST(a_session_that_waits_is_told_of_records_and_of_a_topic_that_goes)
{
    struct wire_client other;
    struct batch_builder b = { 0 };
    struct batch_seal seal = plain_seal();
    struct ask a;
    ask_init(&a, 10);
    wire_client_open(&other, &node);
    a.req.session_epoch = 0;
    const struct fetch_response *resp = wire_client_call(&client, API_Fetch, 17, &a.req);
    a.req.session_id = resp->session_id;
    ck_assert_int_ne(resp->session_id, 0);
    ck_assert_int_eq(row_of(resp)->high_watermark, 10); /* and that is known from now on */
    a.req.max_wait_ms = 20000;
    a.req.session_epoch = 1;
    a.req.topics_n = 0;
    wire_client_send(&client, API_Fetch, 17, &a.req);
    ck_assert(!wire_client_has_input(&client, 100));
    ck_assert_int_eq(produce(&other, "t", -1, make_batch(&b, "v", 1, &seal), NULL), 0);
    resp = wire_client_receive(&client, API_Fetch, 17);
    ck_assert_uint_gt(row_of(resp)->records.bytes.len, 0);
    ck_assert_int_eq(row_of(resp)->high_watermark, 11);
    a.req.session_epoch = 2;
    a.req.topics_n = 1;
    a.part.fetch_offset = 11;
    wire_client_send(&client, API_Fetch, 17, &a.req);
    ck_assert(!wire_client_has_input(&client, 100));
    delete_topic(&other, "t");
    resp = wire_client_receive(&client, API_Fetch, 17);
    ck_assert_int_ne(row_of(resp)->error_code, 0);
    a.req.session_epoch = 3;
    a.req.topics_n = 0;
    resp = wire_client_call(&client, API_Fetch, 17, &a.req);
    ck_assert_int_eq(row_of(resp)->error_code, KAFKA_UNKNOWN_TOPIC_ID);
    wire_client_close(&other);
    batch_builder_deinit(&b);
}
END_TEST

START_TEST(a_follower_asks_for_the_logs_end_a_consumer_for_the_high_watermark)
{
    struct list_offsets_request req;
    struct list_offsets_request_topic topic;
    struct list_offsets_request_partition part;
    schema_init(&list_offsets_request_schema, &req);
    schema_init(&list_offsets_request_topic_schema, &topic);
    schema_init(&list_offsets_request_partition_schema, &part);
    part.timestamp = -1;
    topic.name = slice_str("t");
    topic.partitions = &part;
    topic.partitions_n = 1;
    req.topics = &topic;
    req.topics_n = 1;
    for (int32_t replica = -1; replica <= 7; replica += 8) {
        req.replica_id = replica;
        const struct list_offsets_response *resp =
            wire_client_call(&client, API_ListOffsets, 7, &req);
        ck_assert_int_eq(resp->topics[0].partitions[0].error_code, 0);
        ck_assert_int_eq(resp->topics[0].partitions[0].offset, 10);
    }
    part.current_leader_epoch = leader_epoch() + 1;
    const struct list_offsets_response *resp = wire_client_call(&client, API_ListOffsets, 7, &req);
    ck_assert_int_eq(resp->topics[0].partitions[0].error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
}
END_TEST

Suite *broker_replica_suite(void);

Suite *broker_replica_suite(void)
{
    Suite *s = suite_create("broker replica");
    TCase *t = tcase_create("replica");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_replica_that_is_none_is_not_served);
    tcase_add_test(t, older_and_newer_leader_epochs_are_refused_and_the_leader_is_named);
    tcase_add_test(t, a_log_that_differs_is_told_where);
    tcase_add_test(t, a_second_fetch_of_a_session_ends_the_wait_of_the_first);
    tcase_add_test(t, a_session_that_waits_is_told_of_records_and_of_a_topic_that_goes);
    tcase_add_test(t, a_follower_asks_for_the_logs_end_a_consumer_for_the_high_watermark);
    suite_add_tcase(s, t);
    return s;
}
