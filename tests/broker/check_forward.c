/* SPDX-License-Identifier: Apache-2.0 */
/* check_forward.c - the controllers' listener of a real node: what it serves, and Envelopes. */
#include "protocol/base/alloc.h"
#include "protocol/base/be.h"
#include "protocol/wire/kafka_error.h"
#include "tests/broker/node.h"
#include "tests/support/scratch_dir.h"

#include <check.h>

Suite *forward_suite(void);

struct world {
    struct scratch_dir dir;
    struct node node;
    struct wire_client client, controller;
};

static void world_init(struct world *w)
{
    static const struct node_setting settings[] = {
        { "listeners", "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0" }, { NULL, NULL }
    };
    scratch_dir_init(&w->dir);
    node_start(&w->node, w->dir.path, settings);
    wire_client_open(&w->client, &w->node);
    wire_client_open_port(&w->controller, w->node.controller_port);
}

static void world_deinit(struct world *w)
{
    wire_client_close(&w->client);
    wire_client_close(&w->controller);
    node_stop(&w->node);
    scratch_dir_deinit(&w->dir);
}

/* Sends the bytes (a request's header and body) in an Envelope. */
static struct envelope_response *send_envelope(struct world *w, struct slice data)
{
    static const uint8_t address[] = { 10, 1, 2, 3 };
    struct envelope_request req;
    schema_init(&envelope_request_schema, &req);
    req.request_data = data;
    req.request_principal = slice_null();
    req.client_host_address = slice_of(address, sizeof(address));
    return wire_client_call(&w->controller, API_Envelope, 0, &req);
}

/* A request with header, as a client would send it, without the length. */
static struct slice frame_of(struct buf *out, int16_t key, int16_t version, int32_t correlation_id,
                             const void *body)
{
    struct request_header header = { .request_api_key = key,
                                     .request_api_version = version,
                                     .correlation_id = correlation_id,
                                     .client_id = slice_str("far-client") };
    struct writer w;
    buf_reset(out);
    writer_init(&w, out);
    ck_assert_int_eq(api_frame_request(&w, &header, body), ERR_OK);
    writer_deinit(&w);
    return slice_from(buf_slice(out), 4);
}

static void fill_create(struct create_topics_request *req,
                        struct create_topics_request_creatable_topic *topic, const char *name)
{
    schema_init(&create_topics_request_schema, req);
    schema_init(&create_topics_request_creatable_topic_schema, topic);
    topic->name = slice_str(name);
    topic->num_partitions = 2;
    topic->replication_factor = 1;
    req->topics = topic;
    req->topics_n = 1;
    req->timeout_ms = 1000;
}

START_TEST(a_request_in_an_envelope_is_answered_in_one)
{
    struct world w;
    world_init(&w);
    struct create_topics_request req;
    struct create_topics_request_creatable_topic topic;
    struct buf frame = { 0 };
    fill_create(&req, &topic, "from-afar");
    for (int16_t version = 2; version <= 7; version++) {
        struct envelope_response *resp =
            send_envelope(&w, frame_of(&frame, API_CreateTopics, version, 4711, &req));
        ck_assert_int_eq(resp->error_code, KAFKA_NONE);
        struct reader r = reader_of(resp->response_data);
        int32_t correlation_id;
        ck_assert_int_eq(api_response_header_decode(&r, API_CreateTopics, version, &correlation_id),
                         ERR_OK);
        ck_assert_int_eq(correlation_id, 4711);
        struct arena arena;
        struct create_topics_response inner;
        arena_init(&arena, 1 << 20);
        ck_assert_int_eq(schema_decode(&create_topics_response_schema, version, &r, &arena, &inner),
                         ERR_OK);
        ck_assert_uint_eq(reader_left(&r), 0);
        ck_assert_int_eq(inner.topics[0].error_code,
                         version == 2 ? KAFKA_NONE : KAFKA_TOPIC_ALREADY_EXISTS);
        arena_deinit(&arena);
    }
    (void)topic_id(&w.client, "from-afar"); /* it is there */
    buf_deinit(&frame);
    world_deinit(&w);
}
END_TEST

START_TEST(an_envelope_carries_only_what_brokers_forward)
{
    struct world w;
    world_init(&w);
    struct metadata_request metadata;
    struct vote_request vote;
    struct buf frame = { 0 }, inner = { 0 };
    schema_init(&metadata_request_schema, &metadata);
    schema_init(&vote_request_schema, &vote);
    ck_assert_int_eq(
        send_envelope(&w, frame_of(&frame, API_Metadata, 12, 1, &metadata))->error_code,
        KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(send_envelope(&w, frame_of(&frame, API_Vote, 2, 1, &vote))->error_code,
                     KAFKA_INVALID_REQUEST);
    struct envelope_request nested;
    schema_init(&envelope_request_schema, &nested);
    nested.request_data = frame_of(&inner, API_Metadata, 12, 1, &metadata);
    nested.client_host_address = slice_str("");
    ck_assert_int_eq(send_envelope(&w, frame_of(&frame, API_Envelope, 0, 1, &nested))->error_code,
                     KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(send_envelope(&w, slice_str(""))->error_code, KAFKA_INVALID_REQUEST);
    buf_deinit(&frame);
    buf_deinit(&inner);
    world_deinit(&w);
}
END_TEST

START_TEST(a_damaged_request_in_an_envelope_costs_only_itself)
{
    struct world w;
    world_init(&w);
    struct create_topics_request req;
    struct create_topics_request_creatable_topic topic;
    struct buf frame = { 0 };
    fill_create(&req, &topic, "cut");
    struct slice whole = frame_of(&frame, API_CreateTopics, 7, 1, &req);
    for (size_t len = 0; len < whole.len; len++) {
        ck_assert_int_eq(send_envelope(&w, slice_of(whole.ptr, len))->error_code,
                         KAFKA_INVALID_REQUEST);
    }
    be16_store(frame.ptr + 4 + 2, 99); /* a version that nobody has */
    ck_assert_int_eq(send_envelope(&w, whole)->error_code, KAFKA_INVALID_REQUEST);
    buf_deinit(&frame);
    world_deinit(&w);
}
END_TEST

static const struct api_versions_response_api_version *
find_api(const struct api_versions_response *resp, int16_t key)
{
    for (int32_t i = 0; i < resp->api_keys_n; i++) {
        if (resp->api_keys[i].api_key == key) {
            return &resp->api_keys[i];
        }
    }
    return NULL;
}

static struct api_versions_response *ask_versions(struct wire_client *c, int16_t version)
{
    struct api_versions_request req;
    schema_init(&api_versions_request_schema, &req);
    req.client_software_name = slice_str("test");
    req.client_software_version = slice_str("1");
    struct api_versions_response *resp = wire_client_call(c, API_ApiVersions, version, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_NONE);
    return resp;
}

START_TEST(each_kind_of_listener_has_its_own_apis)
{
    struct world w;
    world_init(&w);
    const struct api_versions_response *b = ask_versions(&w.client, 4);
    const struct api_versions_response_api_version *produce = find_api(b, API_Produce);
    ck_assert(produce && produce->min_version == 0);
    ck_assert_ptr_nonnull(find_api(b, API_CreateTopics));
    ck_assert_ptr_null(find_api(b, API_Vote));
    ck_assert_ptr_null(find_api(b, API_Envelope));
    const struct api_versions_response *c = ask_versions(&w.controller, 4);
    ck_assert_ptr_null(find_api(c, API_Produce));
    ck_assert_ptr_null(find_api(c, API_Metadata));
    ck_assert_ptr_nonnull(find_api(c, API_Fetch));
    ck_assert_ptr_nonnull(find_api(c, API_Vote));
    ck_assert_ptr_nonnull(find_api(c, API_Envelope));
    ck_assert_ptr_nonnull(find_api(c, API_CreateTopics));

    struct metadata_request req;
    schema_init(&metadata_request_schema, &req);
    wire_client_send(&w.controller, API_Metadata, 12, &req);
    ck_assert(wire_client_is_closed(&w.controller, 5000));
    world_deinit(&w);
}
END_TEST

START_TEST(features_with_a_least_level_of_zero_are_told_from_version_4_on)
{
    struct world w;
    world_init(&w);
    const struct api_versions_response *old = ask_versions(&w.client, 3);
    for (int32_t i = 0; i < old->supported_features_n; i++) {
        ck_assert_int_gt(old->supported_features[i].min_version, 0);
    }
    ck_assert_int_eq(old->finalized_features_n, 1);
    ck_assert(slice_eq_str(old->finalized_features[0].name, "metadata.version"));
    int32_t before = old->supported_features_n;
    ck_assert_int_gt(ask_versions(&w.client, 4)->supported_features_n, before);
    world_deinit(&w);
}
END_TEST

START_TEST(a_controllers_listener_describes_controllers)
{
    struct world w;
    world_init(&w);
    struct describe_cluster_request req;
    schema_init(&describe_cluster_request_schema, &req);
    req.endpoint_type = 1;
    struct describe_cluster_response *resp =
        wire_client_call(&w.controller, API_DescribeCluster, 1, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_MISMATCHED_ENDPOINT_TYPE);
    resp = wire_client_call(&w.client, API_DescribeCluster, 1, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_NONE);
    ck_assert_int_eq(resp->brokers_n, 1);
    ck_assert_int_eq(resp->brokers[0].port, w.node.port);
    req.endpoint_type = 2;
    resp = wire_client_call(&w.controller, API_DescribeCluster, 1, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_NONE);
    ck_assert_int_eq(resp->controller_id, 1);
    world_deinit(&w);
}
END_TEST

START_TEST(a_broker_gets_blocks_of_producer_ids_that_nobody_else_has)
{
    struct world w;
    world_init(&w);
    struct allocate_producer_ids_request req;
    struct init_producer_id_request init;
    schema_init(&allocate_producer_ids_request_schema, &req);
    schema_init(&init_producer_id_request_schema, &init);
    init.transactional_id = slice_null();
    int64_t own =
        ((struct init_producer_id_response *)wire_client_call(&w.client, API_InitProducerId, 4,
                                                              &init))
            ->producer_id;
    req.broker_id = 1;
    req.broker_epoch = 123456;
    struct allocate_producer_ids_response *resp =
        wire_client_call(&w.controller, API_AllocateProducerIds, 0, &req);
    ck_assert_int_eq(resp->error_code, KAFKA_STALE_BROKER_EPOCH);
    ck_assert_int_ge(own, 0);
    for (int i = 0; i < 2500; i++) { /* over the ends of blocks */
        struct init_producer_id_response *more =
            wire_client_call(&w.client, API_InitProducerId, 4, &init);
        ck_assert_int_eq(more->error_code, KAFKA_NONE);
        ck_assert_int_eq(more->producer_id, ++own);
    }
    world_deinit(&w);
}
END_TEST

Suite *forward_suite(void)
{
    Suite *s = suite_create("forward");
    TCase *t = tcase_create("forward");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_request_in_an_envelope_is_answered_in_one);
    tcase_add_test(t, an_envelope_carries_only_what_brokers_forward);
    tcase_add_test(t, a_damaged_request_in_an_envelope_costs_only_itself);
    tcase_add_test(t, each_kind_of_listener_has_its_own_apis);
    tcase_add_test(t, features_with_a_least_level_of_zero_are_told_from_version_4_on);
    tcase_add_test(t, a_controllers_listener_describes_controllers);
    tcase_add_test(t, a_broker_gets_blocks_of_producer_ids_that_nobody_else_has);
    suite_add_tcase(s, t);
    return s;
}
