/* SPDX-License-Identifier: Apache-2.0 */
/* check_broker_admin.c - topics, settings and groups of a real node, over restarts. */
#include "protocol/wire/kafka_error.h"
#include "tests/broker/node_world.h"

#include <check.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_file(const struct world *w, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", w->dir.path, name);
    return stat(path, &st) == 0;
}

static const struct metadata_response *ask_metadata(struct wire_client *c, const char *topic,
                                                    bool create, int16_t version)
{
    struct metadata_request_topic t;
    struct metadata_request req;
    schema_init(&metadata_request_topic_schema, &t);
    schema_init(&metadata_request_schema, &req);
    t.name = slice_str(topic);
    req.topics = &t;
    req.topics_n = topic ? 1 : -1;
    req.allow_auto_topic_creation = create;
    return wire_client_call(c, API_Metadata, version, &req);
}

static int16_t delete_topic(struct wire_client *c, const char *name)
{
    struct delete_topics_request_delete_topic_state t;
    struct delete_topics_request req;
    schema_init(&delete_topics_request_delete_topic_state_schema, &t);
    schema_init(&delete_topics_request_schema, &req);
    t.name = slice_str(name);
    req.topics = &t;
    req.topics_n = 1;
    const struct delete_topics_response *resp = wire_client_call(c, API_DeleteTopics, 6, &req);
    return resp->responses[0].error_code;
}

START_TEST(topic_is_made_when_asked_for_and_only_then)
{
    struct world w;
    world_init(&w, NULL);
    const struct metadata_response *m = ask_metadata(&w.client, "t", false, 9);
    ck_assert_int_eq(m->topics[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    m = ask_metadata(&w.client, "no/t", true, 9);
    ck_assert_int_eq(m->topics[0].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    m = ask_metadata(&w.client, "t", true, 9);
    ck_assert_int_eq(m->topics[0].error_code, 0);
    ck_assert_int_eq(m->topics[0].partitions_n, 1);
    ck_assert_int_eq(m->brokers[0].port, w.node.port);
    ck_assert(slice_eq_str(m->brokers[0].host, "127.0.0.1"));
    world_restart(&w, true, NULL);
    m = ask_metadata(&w.client, NULL, false, 9);
    ck_assert_int_eq(m->topics_n, 1);
    ck_assert(slice_eq_str(m->topics[0].name, "t"));
    world_deinit(&w);
}
END_TEST

START_TEST(topic_made_anew_has_another_id_and_none_of_the_old_records)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    struct uuid old = topic_id(&w.client, "t");
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "old", 1), NULL), 0);
    ck_assert(has_file(&w, "t-0"));
    ck_assert_int_eq(delete_topic(&w.client, "t"), 0);
    ck_assert(!has_file(&w, "t-0"));
    ck_assert_int_eq(delete_topic(&w.client, "t"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    create_topic(&w.client, "t", 1);
    struct uuid id = topic_id(&w.client, "t");
    ck_assert(!uuid_eq(&id, &old));
    int64_t base = -1;
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "new", 1), &base), 0);
    ck_assert_int_eq(base, 0);
    for (int i = 0; i < 2; i++) {
        struct buf values = { 0 };
        (void)fetch(&w.client, "t", 0, 1 << 20, 5000, 1);
        read_values(&w.client, "t", 0, &values);
        ck_assert_str_eq(buf_cstr(&values), "new0\n");
        buf_deinit(&values);
        world_restart(&w, i == 0, NULL);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(fetch_that_waits_on_a_deleted_topic_is_told)
{
    struct world w;
    struct wire_client other;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    wire_client_open(&other, &w.node);
    struct plain_fetch f;
    plain_fetch_init(&f, "t", 30000);
    wire_client_send(&other, API_Fetch, 11, &f.req);
    ck_assert(!wire_client_has_input(&other, 50));
    ck_assert_int_eq(delete_topic(&w.client, "t"), 0);
    const struct fetch_response *resp = wire_client_receive(&other, API_Fetch, 11);
    ck_assert_int_eq(resp->responses[0].partitions[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    wire_client_close(&other);
    world_deinit(&w);
}
END_TEST

/* A null value: back to the default. */
static int alter(struct wire_client *c, int8_t type, const char *of, const char *name,
                 const char *value)
{
    struct incremental_alter_configs_request_alterable_config config;
    struct incremental_alter_configs_request_alter_configs_resource res;
    struct incremental_alter_configs_request req;
    schema_init(&incremental_alter_configs_request_alterable_config_schema, &config);
    schema_init(&incremental_alter_configs_request_alter_configs_resource_schema, &res);
    schema_init(&incremental_alter_configs_request_schema, &req);
    config.name = slice_str(name);
    config.value = value ? slice_str(value) : slice_null();
    config.config_operation = value ? 0 : 1;
    res.resource_type = type;
    res.resource_name = slice_str(of);
    res.configs = &config;
    res.configs_n = 1;
    req.resources = &res;
    req.resources_n = 1;
    const struct incremental_alter_configs_response *resp =
        wire_client_call(c, API_IncrementalAlterConfigs, 1, &req);
    return resp->responses[0].error_code;
}

START_TEST(settings_of_a_topic_are_checked_and_kept)
{
    static const struct {
        int8_t type;
        const char *of, *name, *value;
        enum kafka_error code;
    } cases[] = {
        { 2, "t", "retention.ms", "12345", KAFKA_NONE },
        { 2, "t", "retention.ms", "soon", KAFKA_INVALID_CONFIG },
        { 2, "t", "cleanup.policy", "shred", KAFKA_INVALID_CONFIG },
        { 2, "t", "no.such.setting", "1", KAFKA_INVALID_CONFIG },
        { 2, "t", "leader.replication.throttled.replicas", "0:1,17:2", KAFKA_NONE },
        { 2, "t", "leader.replication.throttled.replicas", "*", KAFKA_NONE },
        { 2, "t", "leader.replication.throttled.replicas", "0:1,", KAFKA_INVALID_CONFIG },
        { 2, "t", "leader.replication.throttled.replicas", "0", KAFKA_INVALID_CONFIG },
        { 2, "t", "leader.replication.throttled.replicas", "0:1:2", KAFKA_INVALID_CONFIG },
        { 4, "1", "leader.replication.throttled.rate", "7000000", KAFKA_NONE },
        { 4, "", "leader.replication.throttled.rate", "8000000", KAFKA_NONE },
        { 4, "1", "leader.replication.throttled.rate", "fast", KAFKA_INVALID_CONFIG },
        { 4, "1", "log.dirs", "/elsewhere", KAFKA_INVALID_REQUEST },
        { 4, "99", "leader.replication.throttled.rate", "1", KAFKA_INVALID_REQUEST },
    };
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int code = alter(&w.client, cases[i].type, cases[i].of, cases[i].name, cases[i].value);
        ck_assert_msg(code == (int)cases[i].code, "%s: %d", cases[i].value, code);
    }
    world_restart(&w, true, NULL);
    struct describe_configs_request_resource ask;
    struct describe_configs_request req;
    schema_init(&describe_configs_request_resource_schema, &ask);
    schema_init(&describe_configs_request_schema, &req);
    struct slice key = slice_str("retention.ms");
    ask.resource_type = 2;
    ask.resource_name = slice_str("t");
    ask.configuration_keys = &key;
    ask.configuration_keys_n = 1;
    req.resources = &ask;
    req.resources_n = 1;
    const struct describe_configs_response *resp =
        wire_client_call(&w.client, API_DescribeConfigs, 4, &req);
    ck_assert_int_eq(resp->results[0].configs_n, 1);
    ck_assert(slice_eq_str(resp->results[0].configs[0].value, "12345"));
    key = slice_str("leader.replication.throttled.rate");
    ask.resource_type = 4;
    ask.resource_name = slice_str("1");
    resp = wire_client_call(&w.client, API_DescribeConfigs, 4, &req);
    ck_assert_int_eq(resp->results[0].configs_n, 1);
    ck_assert(slice_eq_str(resp->results[0].configs[0].value, "7000000"));
    ck_assert_int_eq(resp->results[0].configs[0].config_source, 2);
    ck_assert(!resp->results[0].configs[0].read_only);
    ask.resource_name = slice_str(""); /* all brokers */
    resp = wire_client_call(&w.client, API_DescribeConfigs, 4, &req);
    ck_assert_int_eq(resp->results[0].configs_n, 1);
    ck_assert(slice_eq_str(resp->results[0].configs[0].value, "8000000"));
    ck_assert_int_eq(resp->results[0].configs[0].config_source, 3);
    world_deinit(&w);
}
END_TEST

static int source_of(struct wire_client *c, const char *topic, const char *name)
{
    struct describe_configs_request_resource ask;
    struct describe_configs_request req;
    schema_init(&describe_configs_request_resource_schema, &ask);
    schema_init(&describe_configs_request_schema, &req);
    struct slice key = slice_str(name);
    ask.resource_type = 2;
    ask.resource_name = slice_str(topic);
    ask.configuration_keys = &key;
    ask.configuration_keys_n = 1;
    req.resources = &ask;
    req.resources_n = 1;
    const struct describe_configs_response *resp =
        wire_client_call(c, API_DescribeConfigs, 4, &req);
    return resp->results[0].configs[0].config_source;
}

START_TEST(settings_of_a_node_change_while_it_runs)
{
    enum { TOPIC = 2, NODE = 4, OF_ALL = 3, OF_NODE = 2, DEFAULT = 5 };
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    static const char name[] = "message.max.bytes";
    ck_assert_int_eq(source_of(&w.client, "t", "max.message.bytes"), DEFAULT);
    ck_assert_int_eq(alter(&w.client, NODE, "", name, "20"), 0);
    ck_assert_int_eq(source_of(&w.client, "t", "max.message.bytes"), OF_ALL);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL),
                     KAFKA_MESSAGE_TOO_LARGE);
    create_topic(&w.client, "later", 1);
    ck_assert_int_eq(produce(&w.client, "later", -1, world_batch(&w, "x", 1), NULL),
                     KAFKA_MESSAGE_TOO_LARGE);
    /* the node's own goes before that of all nodes, and outlasts a restart */
    ck_assert_int_eq(alter(&w.client, NODE, "1", name, "10000"), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(source_of(&w.client, "t", "max.message.bytes"), OF_NODE);
        ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL), 0);
        world_restart(&w, true, NULL);
    }
    ck_assert_int_eq(alter(&w.client, NODE, "1", name, NULL), 0);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL),
                     KAFKA_MESSAGE_TOO_LARGE);
    ck_assert_int_eq(alter(&w.client, NODE, "", name, NULL), 0);
    ck_assert_int_eq(source_of(&w.client, "t", "max.message.bytes"), DEFAULT);
    ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL), 0);
    /* kafka-reassign-partitions takes away throttles that nobody set, and may not know here */
    ck_assert_int_eq(alter(&w.client, NODE, "1", "no.such.throttle", NULL), 0);
    /* what would not go with the rest is refused */
    ck_assert_int_eq(alter(&w.client, NODE, "", name, "1000000000"), KAFKA_INVALID_CONFIG);
    ck_assert_int_eq(alter(&w.client, NODE, "", "log.cleanup.policy", "shred"),
                     KAFKA_INVALID_CONFIG);
    ck_assert_int_eq(alter(&w.client, NODE, "", "log.cleanup.policy", "compact,delete"), 0);
    ck_assert_int_eq(source_of(&w.client, "later", "cleanup.policy"), OF_ALL);
    world_deinit(&w);
}
END_TEST

static int16_t find_coordinator(struct wire_client *c, const char *group)
{
    struct find_coordinator_request req;
    schema_init(&find_coordinator_request_schema, &req);
    req.key = slice_str(group);
    const struct find_coordinator_response *resp =
        wire_client_call(c, API_FindCoordinator, 3, &req);
    return resp->error_code;
}

static int16_t commit(struct wire_client *c, const char *group, const char *topic, int64_t offset)
{
    struct offset_commit_request_partition part;
    struct offset_commit_request_topic t;
    struct offset_commit_request req;
    schema_init(&offset_commit_request_partition_schema, &part);
    schema_init(&offset_commit_request_topic_schema, &t);
    schema_init(&offset_commit_request_schema, &req);
    part.committed_offset = offset;
    t.name = slice_str(topic);
    t.partitions = &part;
    t.partitions_n = 1;
    req.group_id = slice_str(group);
    req.topics = &t;
    req.topics_n = 1;
    const struct offset_commit_response *resp = wire_client_call(c, API_OffsetCommit, 7, &req);
    return resp->topics[0].partitions[0].error_code;
}

static int64_t committed(struct wire_client *c, const char *group, const char *topic)
{
    int32_t index = 0;
    struct offset_fetch_request_topic t;
    struct offset_fetch_request req;
    for (int tries = 0; tries < 200; tries++) {
        schema_init(&offset_fetch_request_topic_schema, &t);
        schema_init(&offset_fetch_request_schema, &req);
        t.name = slice_str(topic);
        t.partition_indexes = &index;
        t.partition_indexes_n = 1;
        req.group_id = slice_str(group);
        req.topics = &t;
        req.topics_n = 1;
        const struct offset_fetch_response *resp = wire_client_call(c, API_OffsetFetch, 5, &req);
        if (resp->error_code != KAFKA_COORDINATOR_LOAD_IN_PROGRESS) {
            ck_assert_int_eq(resp->error_code, 0);
            return resp->topics[0].partitions[0].committed_offset;
        }
        usleep(10000);
    }
    ck_abort_msg("the groups were never loaded");
}

START_TEST(committed_offsets_survive_a_kill)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    ck_assert_int_eq(commit(&w.client, "g", "t", 1), KAFKA_NOT_COORDINATOR);
    ck_assert_int_eq(find_coordinator(&w.client, "g"), 0);
    ck_assert_int_eq(commit(&w.client, "g", "nope", 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    for (int64_t i = 1; i <= 4; i++) {
        ck_assert_int_eq(commit(&w.client, "g", "t", i * 10), 0);
        world_restart(&w, i % 2 == 1, NULL);
        ck_assert_int_eq(committed(&w.client, "g", "t"), i * 10);
    }
    ck_assert_int_eq(delete_topic(&w.client, "t"), 0);
    for (int tries = 0; committed(&w.client, "g", "t") != -1; tries++) {
        ck_assert_int_lt(tries, 500); /* the tombstones are written behind the reply */
        usleep(10000);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(fifty_empty_partitions_make_no_files)
{
    struct world w;
    world_init(&w, NULL);
    ck_assert_int_eq(find_coordinator(&w.client, "g"), 0);
    for (int i = 0; i < 50; i++) {
        char name[64];
        snprintf(name, sizeof(name), "__consumer_offsets-%d", i);
        ck_assert(!has_file(&w, name));
    }
    world_deinit(&w);
}
END_TEST

START_TEST(deleted_records_stay_deleted_after_a_kill)
{
    struct world w;
    world_init(&w, NULL);
    create_topic(&w.client, "t", 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(produce(&w.client, "t", -1, world_batch(&w, "x", 1), NULL), 0);
    }
    struct delete_records_request_partition part;
    struct delete_records_request_topic t;
    struct delete_records_request req;
    schema_init(&delete_records_request_partition_schema, &part);
    schema_init(&delete_records_request_topic_schema, &t);
    schema_init(&delete_records_request_schema, &req);
    part.offset = 3;
    t.name = slice_str("t");
    t.partitions = &part;
    t.partitions_n = 1;
    req.topics = &t;
    req.topics_n = 1;
    const struct delete_records_response *resp =
        wire_client_call(&w.client, API_DeleteRecords, 2, &req);
    ck_assert_int_eq(resp->topics[0].partitions[0].error_code, 0);
    ck_assert_int_eq(resp->topics[0].partitions[0].low_watermark, 3);
    world_restart(&w, true, NULL);
    ck_assert_int_eq(fetch(&w.client, "t", 2, 1 << 20, 0, 0)->error_code,
                     KAFKA_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(fetch(&w.client, "t", 3, 1 << 20, 5000, 1)->error_code, 0);
    world_deinit(&w);
}
END_TEST

START_TEST(node_takes_its_id_from_the_disk)
{
    static const struct node_setting seven[] = { { "node.id", "7" }, { NULL, NULL } };
    struct world w;
    world_init(&w, seven);
    world_restart(&w, false, NULL); /* without the setting */
    const struct metadata_response *m = ask_metadata(&w.client, NULL, false, 9);
    ck_assert_int_eq(m->brokers[0].node_id, 7);
    world_deinit(&w);
}
END_TEST

Suite *broker_admin_suite(void);

Suite *broker_admin_suite(void)
{
    Suite *s = suite_create("broker admin");
    TCase *tc = tcase_create("admin");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, topic_is_made_when_asked_for_and_only_then);
    tcase_add_test(tc, topic_made_anew_has_another_id_and_none_of_the_old_records);
    tcase_add_test(tc, fetch_that_waits_on_a_deleted_topic_is_told);
    tcase_add_test(tc, settings_of_a_topic_are_checked_and_kept);
    tcase_add_test(tc, settings_of_a_node_change_while_it_runs);
    tcase_add_test(tc, committed_offsets_survive_a_kill);
    tcase_add_test(tc, fifty_empty_partitions_make_no_files);
    tcase_add_test(tc, deleted_records_stay_deleted_after_a_kill);
    tcase_add_test(tc, node_takes_its_id_from_the_disk);
    suite_add_tcase(s, tc);
    return s;
}
