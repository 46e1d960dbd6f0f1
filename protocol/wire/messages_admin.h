/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_admin.h - administration: topics, configurations, the cluster:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT_FIELDS(T, F, V, S, O, A)               \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    V(T, I32, broker_ids, 0, MAX, NEVER, NOTAG, 0)
STRUCT(create_topics_request_creatable_replica_assignment,
       CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT_FIELDS)

#define CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG_FIELDS(T, F, V, S, O, A)                     \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 0, MAX, 0, NOTAG, 0)
STRUCT(create_topics_request_creatable_topic_config,
       CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG_FIELDS)

#define CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_FIELDS(T, F, V, S, O, A)                            \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, num_partitions, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I16, replication_factor, 0, MAX, NEVER, NOTAG, 0)                                        \
    A(T, create_topics_request_creatable_replica_assignment, assignments, 0, MAX, NEVER, NOTAG, 0) \
    A(T, create_topics_request_creatable_topic_config, configs, 0, MAX, NEVER, NOTAG, 0)
STRUCT(create_topics_request_creatable_topic, CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_FIELDS)

#define CREATE_TOPICS_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    A(T, create_topics_request_creatable_topic, topics, 0, MAX, NEVER, NOTAG, 0)                  \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 60000)                                            \
    F(T, BOOL, validate_only, 1, MAX, NEVER, NOTAG, 0)
MESSAGE(create_topics_request, CREATE_TOPICS_REQUEST_FIELDS, "CreateTopicsRequest", 19, 2, 7, 5)

#define CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS_FIELDS(T, F, V, S, O, A)                   \
    F(T, STR, name, 5, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 5, MAX, 5, NOTAG, 0)                                                         \
    F(T, BOOL, read_only, 5, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I8, config_source, 5, MAX, NEVER, NOTAG, -1)                                             \
    F(T, BOOL, is_sensitive, 5, MAX, NEVER, NOTAG, 0)
STRUCT(create_topics_response_creatable_topic_configs,
       CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS_FIELDS)

#define CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT_FIELDS(T, F, V, S, O, A)                    \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, UUID, topic_id, 7, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 1, MAX, 0, NOTAG, 0)                                                 \
    F(T, I16, topic_config_error_code, 5, MAX, NEVER, 0, 0)                                       \
    F(T, I32, num_partitions, 5, MAX, NEVER, NOTAG, -1)                                           \
    F(T, I16, replication_factor, 5, MAX, NEVER, NOTAG, -1)                                       \
    A(T, create_topics_response_creatable_topic_configs, configs, 5, MAX, 5, NOTAG, 0)
STRUCT(create_topics_response_creatable_topic_result,
       CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT_FIELDS)

#define CREATE_TOPICS_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 2, MAX, NEVER, NOTAG, 0)                                          \
    A(T, create_topics_response_creatable_topic_result, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(create_topics_response, CREATE_TOPICS_RESPONSE_FIELDS, "CreateTopicsResponse", 19, 2, 7, 5)

#define DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE_FIELDS(T, F, V, S, O, A)                         \
    F(T, STR, name, 6, MAX, 6, NOTAG, 0)                                                          \
    F(T, UUID, topic_id, 6, MAX, NEVER, NOTAG, 0)
STRUCT(delete_topics_request_delete_topic_state, DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE_FIELDS)

#define DELETE_TOPICS_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    A(T, delete_topics_request_delete_topic_state, topics, 6, MAX, NEVER, NOTAG, 0)               \
    V(T, STR, topic_names, 0, 5, NEVER, NOTAG, 0)                                                 \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_topics_request, DELETE_TOPICS_REQUEST_FIELDS, "DeleteTopicsRequest", 20, 1, 6, 4)

#define DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT_FIELDS(T, F, V, S, O, A)                    \
    F(T, STR, name, 0, MAX, 6, NOTAG, 0)                                                          \
    F(T, UUID, topic_id, 6, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 5, MAX, 5, NOTAG, 0)
STRUCT(delete_topics_response_deletable_topic_result,
       DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT_FIELDS)

#define DELETE_TOPICS_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    A(T, delete_topics_response_deletable_topic_result, responses, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_topics_response, DELETE_TOPICS_RESPONSE_FIELDS, "DeleteTopicsResponse", 20, 1, 6, 4)

#define CREATE_PARTITIONS_REQUEST_ASSIGNMENT_FIELDS(T, F, V, S, O, A)                             \
    V(T, I32, broker_ids, 0, MAX, NEVER, NOTAG, 0)
STRUCT(create_partitions_request_assignment, CREATE_PARTITIONS_REQUEST_ASSIGNMENT_FIELDS)

#define CREATE_PARTITIONS_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                  \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, count, 0, MAX, NEVER, NOTAG, 0)                                                     \
    A(T, create_partitions_request_assignment, assignments, 0, MAX, 0, NOTAG, 0)
STRUCT(create_partitions_request_topic, CREATE_PARTITIONS_REQUEST_TOPIC_FIELDS)

#define CREATE_PARTITIONS_REQUEST_FIELDS(T, F, V, S, O, A)                                        \
    A(T, create_partitions_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)                        \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, BOOL, validate_only, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(create_partitions_request, CREATE_PARTITIONS_REQUEST_FIELDS,
        "CreatePartitionsRequest", 37, 0, 3, 2)

#define CREATE_PARTITIONS_RESPONSE_TOPIC_RESULT_FIELDS(T, F, V, S, O, A)                          \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
STRUCT(create_partitions_response_topic_result, CREATE_PARTITIONS_RESPONSE_TOPIC_RESULT_FIELDS)

#define CREATE_PARTITIONS_RESPONSE_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, create_partitions_response_topic_result, results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(create_partitions_response, CREATE_PARTITIONS_RESPONSE_FIELDS,
        "CreatePartitionsResponse", 37, 0, 3, 2)

#define DELETE_RECORDS_REQUEST_PARTITION_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, offset, 0, MAX, NEVER, NOTAG, 0)
STRUCT(delete_records_request_partition, DELETE_RECORDS_REQUEST_PARTITION_FIELDS)

#define DELETE_RECORDS_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                     \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, delete_records_request_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(delete_records_request_topic, DELETE_RECORDS_REQUEST_TOPIC_FIELDS)

#define DELETE_RECORDS_REQUEST_FIELDS(T, F, V, S, O, A)                                           \
    A(T, delete_records_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)                           \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_records_request, DELETE_RECORDS_REQUEST_FIELDS, "DeleteRecordsRequest", 21, 0, 2, 2)

#define DELETE_RECORDS_RESPONSE_PARTITION_RESULT_FIELDS(T, F, V, S, O, A)                         \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, low_watermark, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(delete_records_response_partition_result, DELETE_RECORDS_RESPONSE_PARTITION_RESULT_FIELDS)

#define DELETE_RECORDS_RESPONSE_TOPIC_RESULT_FIELDS(T, F, V, S, O, A)                             \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, delete_records_response_partition_result, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(delete_records_response_topic_result, DELETE_RECORDS_RESPONSE_TOPIC_RESULT_FIELDS)

#define DELETE_RECORDS_RESPONSE_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, delete_records_response_topic_result, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_records_response, DELETE_RECORDS_RESPONSE_FIELDS,
        "DeleteRecordsResponse", 21, 0, 2, 2)

#define DESCRIBE_CONFIGS_REQUEST_RESOURCE_FIELDS(T, F, V, S, O, A)                                \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    V(T, STR, configuration_keys, 0, MAX, 0, NOTAG, 0)
STRUCT(describe_configs_request_resource, DESCRIBE_CONFIGS_REQUEST_RESOURCE_FIELDS)

#define DESCRIBE_CONFIGS_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    A(T, describe_configs_request_resource, resources, 0, MAX, NEVER, NOTAG, 0)                   \
    F(T, BOOL, include_synonyms, 1, MAX, NEVER, NOTAG, 0)                                         \
    F(T, BOOL, include_documentation, 3, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_configs_request, DESCRIBE_CONFIGS_REQUEST_FIELDS,
        "DescribeConfigsRequest", 32, 1, 4, 4)

#define DESCRIBE_CONFIGS_RESPONSE_SYNONYM_FIELDS(T, F, V, S, O, A)                                \
    F(T, STR, name, 1, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 1, MAX, 0, NOTAG, 0)                                                         \
    F(T, I8, source, 1, MAX, NEVER, NOTAG, 0)
STRUCT(describe_configs_response_synonym, DESCRIBE_CONFIGS_RESPONSE_SYNONYM_FIELDS)

#define DESCRIBE_CONFIGS_RESPONSE_RESOURCE_RESULT_FIELDS(T, F, V, S, O, A)                        \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 0, MAX, 0, NOTAG, 0)                                                         \
    F(T, BOOL, read_only, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I8, config_source, 1, MAX, NEVER, NOTAG, -1)                                             \
    F(T, BOOL, is_sensitive, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, describe_configs_response_synonym, synonyms, 1, MAX, NEVER, NOTAG, 0)                    \
    F(T, I8, config_type, 3, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, documentation, 3, MAX, 0, NOTAG, 0)
STRUCT(describe_configs_response_resource_result, DESCRIBE_CONFIGS_RESPONSE_RESOURCE_RESULT_FIELDS)

#define DESCRIBE_CONFIGS_RESPONSE_RESULT_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, describe_configs_response_resource_result, configs, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_configs_response_result, DESCRIBE_CONFIGS_RESPONSE_RESULT_FIELDS)

#define DESCRIBE_CONFIGS_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, describe_configs_response_result, results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_configs_response, DESCRIBE_CONFIGS_RESPONSE_FIELDS,
        "DescribeConfigsResponse", 32, 1, 4, 4)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG_FIELDS(T, F, V, S, O, A)               \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I8, config_operation, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, STR, value, 0, MAX, 0, NOTAG, 0)
STRUCT(incremental_alter_configs_request_alterable_config,
       INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG_FIELDS)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE_FIELDS(T, F, V, S, O, A)         \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, incremental_alter_configs_request_alterable_config, configs, 0, MAX, NEVER, NOTAG, 0)
STRUCT(incremental_alter_configs_request_alter_configs_resource,
       INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE_FIELDS)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_FIELDS(T, F, V, S, O, A)                                \
    A(T, incremental_alter_configs_request_alter_configs_resource, resources, 0, MAX, NEVER, NOTAG, 0) \
    F(T, BOOL, validate_only, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(incremental_alter_configs_request, INCREMENTAL_ALTER_CONFIGS_REQUEST_FIELDS,
        "IncrementalAlterConfigsRequest", 44, 0, 1, 1)

/* AlterConfigs and IncrementalAlterConfigs answer alike. */
#define ALTER_CONFIGS_RESULT_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_configs_result, ALTER_CONFIGS_RESULT_FIELDS)

#define INCREMENTAL_ALTER_CONFIGS_RESPONSE_FIELDS(T, F, V, S, O, A)                               \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, alter_configs_result, responses, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(incremental_alter_configs_response, INCREMENTAL_ALTER_CONFIGS_RESPONSE_FIELDS,
        "IncrementalAlterConfigsResponse", 44, 0, 1, 1)

#define ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG_FIELDS(T, F, V, S, O, A)                           \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 0, MAX, 0, NOTAG, 0)
STRUCT(alter_configs_request_alterable_config, ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG_FIELDS)

#define ALTER_CONFIGS_REQUEST_RESOURCE_FIELDS(T, F, V, S, O, A)                                   \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, alter_configs_request_alterable_config, configs, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_configs_request_resource, ALTER_CONFIGS_REQUEST_RESOURCE_FIELDS)

#define ALTER_CONFIGS_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    A(T, alter_configs_request_resource, resources, 0, MAX, NEVER, NOTAG, 0)                      \
    F(T, BOOL, validate_only, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_configs_request, ALTER_CONFIGS_REQUEST_FIELDS, "AlterConfigsRequest", 33, 0, 2, 2)

#define ALTER_CONFIGS_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, alter_configs_result, responses, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_configs_response, ALTER_CONFIGS_RESPONSE_FIELDS, "AlterConfigsResponse", 33, 0, 2, 2)

#define DESCRIBE_CLUSTER_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    F(T, BOOL, include_cluster_authorized_operations, 0, MAX, NEVER, NOTAG, 0)                    \
    F(T, I8, endpoint_type, 1, MAX, NEVER, NOTAG, 1)                                              \
    F(T, BOOL, include_fenced_brokers, 2, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_cluster_request, DESCRIBE_CLUSTER_REQUEST_FIELDS,
        "DescribeClusterRequest", 60, 0, 2, 0)

#define DESCRIBE_CLUSTER_RESPONSE_BROKER_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, rack, 0, MAX, 0, NOTAG, 0)                                                          \
    F(T, BOOL, is_fenced, 2, MAX, NEVER, NOTAG, 0)
STRUCT(describe_cluster_response_broker, DESCRIBE_CLUSTER_RESPONSE_BROKER_FIELDS)

#define DESCRIBE_CLUSTER_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    F(T, I8, endpoint_type, 1, MAX, NEVER, NOTAG, 1)                                              \
    F(T, STR, cluster_id, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, controller_id, 0, MAX, NEVER, NOTAG, -1)                                            \
    A(T, describe_cluster_response_broker, brokers, 0, MAX, NEVER, NOTAG, 0)                      \
    F(T, I32, cluster_authorized_operations, 0, MAX, NEVER, NOTAG, -2147483648)
MESSAGE(describe_cluster_response, DESCRIBE_CLUSTER_RESPONSE_FIELDS,
        "DescribeClusterResponse", 60, 0, 2, 0)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST_FIELDS(T, F, V, S, O, A)                  \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_topic_partitions_request_topic_request,
       DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST_FIELDS)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_CURSOR_FIELDS(T, F, V, S, O, A)                         \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_topic_partitions_request_cursor, DESCRIBE_TOPIC_PARTITIONS_REQUEST_CURSOR_FIELDS)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_FIELDS(T, F, V, S, O, A)                                \
    A(T, describe_topic_partitions_request_topic_request, topics, 0, MAX, NEVER, NOTAG, 0)        \
    F(T, I32, response_partition_limit, 0, MAX, NEVER, NOTAG, 2000)                               \
    O(T, describe_topic_partitions_request_cursor, cursor, 0, MAX, 0, NOTAG, 0)
MESSAGE(describe_topic_partitions_request, DESCRIBE_TOPIC_PARTITIONS_REQUEST_FIELDS,
        "DescribeTopicPartitionsRequest", 75, 0, 0, 0)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                     \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    V(T, I32, replica_nodes, 0, MAX, NEVER, NOTAG, 0)                                             \
    V(T, I32, isr_nodes, 0, MAX, NEVER, NOTAG, 0)                                                 \
    V(T, I32, eligible_leader_replicas, 0, MAX, 0, NOTAG, -1)                                     \
    V(T, I32, last_known_elr, 0, MAX, 0, NOTAG, -1)                                               \
    V(T, I32, offline_replicas, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_topic_partitions_response_partition,
       DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION_FIELDS)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                         \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, name, 0, MAX, 0, NOTAG, 0)                                                          \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, BOOL, is_internal, 0, MAX, NEVER, NOTAG, 0)                                              \
    A(T, describe_topic_partitions_response_partition, partitions, 0, MAX, NEVER, NOTAG, 0)       \
    F(T, I32, topic_authorized_operations, 0, MAX, NEVER, NOTAG, -2147483648)
STRUCT(describe_topic_partitions_response_topic, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC_FIELDS)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_CURSOR_FIELDS(T, F, V, S, O, A)                        \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_topic_partitions_response_cursor, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_CURSOR_FIELDS)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_FIELDS(T, F, V, S, O, A)                               \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, describe_topic_partitions_response_topic, topics, 0, MAX, NEVER, NOTAG, 0)               \
    O(T, describe_topic_partitions_response_cursor, next_cursor, 0, MAX, 0, NOTAG, 0)
MESSAGE(describe_topic_partitions_response, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_FIELDS,
        "DescribeTopicPartitionsResponse", 75, 0, 0, 0)

#define DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC_FIELDS(T, F, V, S, O, A)              \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    V(T, I32, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_log_dirs_request_describable_log_dir_topic,
       DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC_FIELDS)

#define DESCRIBE_LOG_DIRS_REQUEST_FIELDS(T, F, V, S, O, A)                                        \
    A(T, describe_log_dirs_request_describable_log_dir_topic, topics, 0, MAX, 0, NOTAG, 0)
MESSAGE(describe_log_dirs_request, DESCRIBE_LOG_DIRS_REQUEST_FIELDS,
        "DescribeLogDirsRequest", 35, 1, 5, 2)

#define DESCRIBE_LOG_DIRS_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                             \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, partition_size, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I64, offset_lag, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, BOOL, is_future_key, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_log_dirs_response_partition, DESCRIBE_LOG_DIRS_RESPONSE_PARTITION_FIELDS)

#define DESCRIBE_LOG_DIRS_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                                 \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, describe_log_dirs_response_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_log_dirs_response_topic, DESCRIBE_LOG_DIRS_RESPONSE_TOPIC_FIELDS)

#define DESCRIBE_LOG_DIRS_RESPONSE_RESULT_FIELDS(T, F, V, S, O, A)                                \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, log_dir, 0, MAX, NEVER, NOTAG, 0)                                                   \
    A(T, describe_log_dirs_response_topic, topics, 0, MAX, NEVER, NOTAG, 0)                       \
    F(T, I64, total_bytes, 4, MAX, NEVER, NOTAG, -1)                                              \
    F(T, I64, usable_bytes, 4, MAX, NEVER, NOTAG, -1)                                             \
    F(T, BOOL, is_cordoned, 5, MAX, NEVER, NOTAG, 0)
STRUCT(describe_log_dirs_response_result, DESCRIBE_LOG_DIRS_RESPONSE_RESULT_FIELDS)

#define DESCRIBE_LOG_DIRS_RESPONSE_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 3, MAX, NEVER, NOTAG, 0)                                                \
    A(T, describe_log_dirs_response_result, results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_log_dirs_response, DESCRIBE_LOG_DIRS_RESPONSE_FIELDS,
        "DescribeLogDirsResponse", 35, 1, 5, 2)

#define LIST_PARTITION_REASSIGNMENTS_REQUEST_TOPICS_FIELDS(T, F, V, S, O, A)                      \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    V(T, I32, partition_indexes, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_partition_reassignments_request_topics,
       LIST_PARTITION_REASSIGNMENTS_REQUEST_TOPICS_FIELDS)

#define LIST_PARTITION_REASSIGNMENTS_REQUEST_FIELDS(T, F, V, S, O, A)                             \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 60000)                                            \
    A(T, list_partition_reassignments_request_topics, topics, 0, MAX, 0, NOTAG, -1)
MESSAGE(list_partition_reassignments_request, LIST_PARTITION_REASSIGNMENTS_REQUEST_FIELDS,
        "ListPartitionReassignmentsRequest", 46, 0, 0, 0)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT_FIELDS(T, F, V, S, O, A) \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    V(T, I32, replicas, 0, MAX, NEVER, NOTAG, 0)                                                  \
    V(T, I32, adding_replicas, 0, MAX, NEVER, NOTAG, 0)                                           \
    V(T, I32, removing_replicas, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_partition_reassignments_response_ongoing_partition_reassignment,
       LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT_FIELDS)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT_FIELDS(T, F, V, S, O, A) \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, list_partition_reassignments_response_ongoing_partition_reassignment, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_partition_reassignments_response_ongoing_topic_reassignment,
       LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT_FIELDS)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE_FIELDS(T, F, V, S, O, A)                            \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, list_partition_reassignments_response_ongoing_topic_reassignment, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(list_partition_reassignments_response, LIST_PARTITION_REASSIGNMENTS_RESPONSE_FIELDS,
        "ListPartitionReassignmentsResponse", 46, 0, 0, 0)

#define DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST_FIELDS(T, F, V, S, O, A)                         \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    V(T, I32, partition_indexes, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_producers_request_topic_request, DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST_FIELDS)

#define DESCRIBE_PRODUCERS_REQUEST_FIELDS(T, F, V, S, O, A)                                       \
    A(T, describe_producers_request_topic_request, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_producers_request, DESCRIBE_PRODUCERS_REQUEST_FIELDS,
        "DescribeProducersRequest", 61, 0, 0, 0)

#define DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE_FIELDS(T, F, V, S, O, A)                       \
    F(T, I64, producer_id, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I32, producer_epoch, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I32, last_sequence, 0, MAX, NEVER, NOTAG, -1)                                            \
    F(T, I64, last_timestamp, 0, MAX, NEVER, NOTAG, -1)                                           \
    F(T, I32, coordinator_epoch, 0, MAX, NEVER, NOTAG, 0)                                         \
    F(T, I64, current_txn_start_offset, 0, MAX, NEVER, NOTAG, -1)                                 \
    /* ours, from replica to replica: where the last batch lies */                                \
    F(T, I64, last_offset, 0, MAX, NEVER, 10000, -1)                                              \
    F(T, I32, last_offset_delta, 0, MAX, NEVER, 10001, 0)
STRUCT(describe_producers_response_producer_state,
       DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE_FIELDS)

#define DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE_FIELDS(T, F, V, S, O, A)                   \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, describe_producers_response_producer_state, active_producers, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_producers_response_partition_response,
       DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE_FIELDS)

#define DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE_FIELDS(T, F, V, S, O, A)                       \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, describe_producers_response_partition_response, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_producers_response_topic_response,
       DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE_FIELDS)

#define DESCRIBE_PRODUCERS_RESPONSE_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, describe_producers_response_topic_response, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_producers_response, DESCRIBE_PRODUCERS_RESPONSE_FIELDS,
        "DescribeProducersResponse", 61, 0, 0, 0)

#define ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_TOPIC_FIELDS(T, F, V, S, O, A)       \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    V(T, I32, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_replica_log_dirs_request_alter_replica_log_dir_topic,
       ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_TOPIC_FIELDS)

#define ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_FIELDS(T, F, V, S, O, A)             \
    F(T, STR, path, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, alter_replica_log_dirs_request_alter_replica_log_dir_topic, topics, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_replica_log_dirs_request_alter_replica_log_dir,
       ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_FIELDS)

#define ALTER_REPLICA_LOG_DIRS_REQUEST_FIELDS(T, F, V, S, O, A)                                   \
    A(T, alter_replica_log_dirs_request_alter_replica_log_dir, dirs, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_replica_log_dirs_request, ALTER_REPLICA_LOG_DIRS_REQUEST_FIELDS,
        "AlterReplicaLogDirsRequest", 34, 1, 2, 2)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_PARTITION_RESULT_FIELDS(T, F, V, S, O, A) \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_replica_log_dirs_response_alter_replica_log_dir_partition_result,
       ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_PARTITION_RESULT_FIELDS)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_TOPIC_RESULT_FIELDS(T, F, V, S, O, A) \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, alter_replica_log_dirs_response_alter_replica_log_dir_partition_result, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_replica_log_dirs_response_alter_replica_log_dir_topic_result,
       ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_TOPIC_RESULT_FIELDS)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, alter_replica_log_dirs_response_alter_replica_log_dir_topic_result, results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_replica_log_dirs_response, ALTER_REPLICA_LOG_DIRS_RESPONSE_FIELDS,
        "AlterReplicaLogDirsResponse", 34, 1, 2, 2)

#define ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS_FIELDS(T, F, V, S, O, A)                           \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    V(T, I32, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(elect_leaders_request_topic_partitions, ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS_FIELDS)

#define ELECT_LEADERS_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I8, election_type, 1, MAX, NEVER, NOTAG, 0)                                              \
    A(T, elect_leaders_request_topic_partitions, topic_partitions, 0, MAX, 0, NOTAG, 0)           \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 60000)
MESSAGE(elect_leaders_request, ELECT_LEADERS_REQUEST_FIELDS, "ElectLeadersRequest", 43, 0, 2, 2)

#define ELECT_LEADERS_RESPONSE_PARTITION_RESULT_FIELDS(T, F, V, S, O, A)                          \
    F(T, I32, partition_id, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
STRUCT(elect_leaders_response_partition_result, ELECT_LEADERS_RESPONSE_PARTITION_RESULT_FIELDS)

#define ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT_FIELDS(T, F, V, S, O, A)                   \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    A(T, elect_leaders_response_partition_result, partition_result, 0, MAX, NEVER, NOTAG, 0)
STRUCT(elect_leaders_response_replica_election_result,
       ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT_FIELDS)

#define ELECT_LEADERS_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 1, MAX, NEVER, NOTAG, 0)                                                \
    A(T, elect_leaders_response_replica_election_result, replica_election_results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(elect_leaders_response, ELECT_LEADERS_RESPONSE_FIELDS, "ElectLeadersResponse", 43, 0, 2, 2)

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION_FIELDS(T, F, V, S, O, A)     \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    V(T, I32, replicas, 0, MAX, 0, NOTAG, -1)
STRUCT(alter_partition_reassignments_request_reassignable_partition,
       ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION_FIELDS)

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC_FIELDS(T, F, V, S, O, A)         \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, alter_partition_reassignments_request_reassignable_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_reassignments_request_reassignable_topic,
       ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC_FIELDS)

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST_FIELDS(T, F, V, S, O, A)                            \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 60000)                                            \
    F(T, BOOL, allow_replication_factor_change, 1, MAX, NEVER, NOTAG, 1)                          \
    A(T, alter_partition_reassignments_request_reassignable_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_partition_reassignments_request, ALTER_PARTITION_REASSIGNMENTS_REQUEST_FIELDS,
        "AlterPartitionReassignmentsRequest", 45, 0, 1, 0)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE_FIELDS(T, F, V, S, O, A) \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
STRUCT(alter_partition_reassignments_response_reassignable_partition_response,
       ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE_FIELDS)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE_FIELDS(T, F, V, S, O, A) \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, alter_partition_reassignments_response_reassignable_partition_response, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_reassignments_response_reassignable_topic_response,
       ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE_FIELDS)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE_FIELDS(T, F, V, S, O, A)                           \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, BOOL, allow_replication_factor_change, 1, MAX, NEVER, NOTAG, 1)                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, alter_partition_reassignments_response_reassignable_topic_response, responses, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_partition_reassignments_response, ALTER_PARTITION_REASSIGNMENTS_RESPONSE_FIELDS,
        "AlterPartitionReassignmentsResponse", 45, 0, 1, 0)

#define DESCRIBE_CLIENT_QUOTAS_REQUEST_COMPONENT_DATA_FIELDS(T, F, V, S, O, A)                    \
    F(T, STR, entity_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I8, match_type, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, match, 0, MAX, 0, NOTAG, 0)
STRUCT(describe_client_quotas_request_component_data,
       DESCRIBE_CLIENT_QUOTAS_REQUEST_COMPONENT_DATA_FIELDS)

#define DESCRIBE_CLIENT_QUOTAS_REQUEST_FIELDS(T, F, V, S, O, A)                                   \
    A(T, describe_client_quotas_request_component_data, components, 0, MAX, NEVER, NOTAG, 0)      \
    F(T, BOOL, strict, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_client_quotas_request, DESCRIBE_CLIENT_QUOTAS_REQUEST_FIELDS,
        "DescribeClientQuotasRequest", 48, 0, 1, 1)

#define DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA_FIELDS(T, F, V, S, O, A)                      \
    F(T, STR, entity_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, entity_name, 0, MAX, 0, NOTAG, 0)
STRUCT(describe_client_quotas_response_entity_data,
       DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA_FIELDS)

#define DESCRIBE_CLIENT_QUOTAS_RESPONSE_VALUE_DATA_FIELDS(T, F, V, S, O, A)                       \
    F(T, STR, key, 0, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, F64, value, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_client_quotas_response_value_data,
       DESCRIBE_CLIENT_QUOTAS_RESPONSE_VALUE_DATA_FIELDS)

#define DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA_FIELDS(T, F, V, S, O, A)                       \
    A(T, describe_client_quotas_response_entity_data, entity, 0, MAX, NEVER, NOTAG, 0)            \
    A(T, describe_client_quotas_response_value_data, values, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_client_quotas_response_entry_data,
       DESCRIBE_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA_FIELDS)

#define DESCRIBE_CLIENT_QUOTAS_RESPONSE_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, describe_client_quotas_response_entry_data, entries, 0, MAX, 0, NOTAG, 0)
MESSAGE(describe_client_quotas_response, DESCRIBE_CLIENT_QUOTAS_RESPONSE_FIELDS,
        "DescribeClientQuotasResponse", 48, 0, 1, 1)

#define ALTER_CLIENT_QUOTAS_REQUEST_ENTITY_DATA_FIELDS(T, F, V, S, O, A)                          \
    F(T, STR, entity_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, entity_name, 0, MAX, 0, NOTAG, 0)
STRUCT(alter_client_quotas_request_entity_data, ALTER_CLIENT_QUOTAS_REQUEST_ENTITY_DATA_FIELDS)

#define ALTER_CLIENT_QUOTAS_REQUEST_OP_DATA_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, key, 0, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, F64, value, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, BOOL, remove, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_client_quotas_request_op_data, ALTER_CLIENT_QUOTAS_REQUEST_OP_DATA_FIELDS)

#define ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_DATA_FIELDS(T, F, V, S, O, A)                           \
    A(T, alter_client_quotas_request_entity_data, entity, 0, MAX, NEVER, NOTAG, 0)                \
    A(T, alter_client_quotas_request_op_data, ops, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_client_quotas_request_entry_data, ALTER_CLIENT_QUOTAS_REQUEST_ENTRY_DATA_FIELDS)

#define ALTER_CLIENT_QUOTAS_REQUEST_FIELDS(T, F, V, S, O, A)                                      \
    A(T, alter_client_quotas_request_entry_data, entries, 0, MAX, NEVER, NOTAG, 0)                \
    F(T, BOOL, validate_only, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_client_quotas_request, ALTER_CLIENT_QUOTAS_REQUEST_FIELDS,
        "AlterClientQuotasRequest", 49, 0, 1, 1)

#define ALTER_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA_FIELDS(T, F, V, S, O, A)                         \
    F(T, STR, entity_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, entity_name, 0, MAX, 0, NOTAG, 0)
STRUCT(alter_client_quotas_response_entity_data, ALTER_CLIENT_QUOTAS_RESPONSE_ENTITY_DATA_FIELDS)

#define ALTER_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA_FIELDS(T, F, V, S, O, A)                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, alter_client_quotas_response_entity_data, entity, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_client_quotas_response_entry_data, ALTER_CLIENT_QUOTAS_RESPONSE_ENTRY_DATA_FIELDS)

#define ALTER_CLIENT_QUOTAS_RESPONSE_FIELDS(T, F, V, S, O, A)                                     \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, alter_client_quotas_response_entry_data, entries, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_client_quotas_response, ALTER_CLIENT_QUOTAS_RESPONSE_FIELDS,
        "AlterClientQuotasResponse", 49, 0, 1, 1)

#define UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY_FIELDS(T, F, V, S, O, A)                       \
    F(T, STR, feature, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I16, max_version_level, 0, MAX, NEVER, NOTAG, 0)                                         \
    F(T, BOOL, allow_downgrade, 0, 0, NEVER, NOTAG, 0)                                            \
    F(T, I8, upgrade_type, 1, MAX, NEVER, NOTAG, 1)
STRUCT(update_features_request_feature_update_key,
       UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY_FIELDS)

#define UPDATE_FEATURES_REQUEST_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 60000)                                            \
    A(T, update_features_request_feature_update_key, feature_updates, 0, MAX, NEVER, NOTAG, 0)    \
    F(T, BOOL, validate_only, 1, MAX, NEVER, NOTAG, 0)
MESSAGE(update_features_request, UPDATE_FEATURES_REQUEST_FIELDS,
        "UpdateFeaturesRequest", 57, 0, 2, 0)

#define UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT_FIELDS(T, F, V, S, O, A)                \
    F(T, STR, feature, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
STRUCT(update_features_response_updatable_feature_result,
       UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT_FIELDS)

#define UPDATE_FEATURES_RESPONSE_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)                                                 \
    A(T, update_features_response_updatable_feature_result, results, 0, 1, NEVER, NOTAG, 0)
MESSAGE(update_features_response, UPDATE_FEATURES_RESPONSE_FIELDS,
        "UpdateFeaturesResponse", 57, 0, 2, 0)
/* clang-format on */
