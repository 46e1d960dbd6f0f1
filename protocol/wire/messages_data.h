/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_data.h - the data path: produce, fetch, offsets, metadata, producer ids:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define API_VERSIONS_REQUEST_FIELDS(T, F, V, S, O, A)                                             \
    F(T, STR, client_software_name, 3, MAX, NEVER, NOTAG, 0)                                      \
    F(T, STR, client_software_version, 3, MAX, NEVER, NOTAG, 0)
MESSAGE(api_versions_request, API_VERSIONS_REQUEST_FIELDS, "ApiVersionsRequest", 18, 0, 4, 3)

#define API_VERSIONS_RESPONSE_API_VERSION_FIELDS(T, F, V, S, O, A)                                \
    F(T, I16, api_key, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I16, min_version, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I16, max_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(api_versions_response_api_version, API_VERSIONS_RESPONSE_API_VERSION_FIELDS)

#define API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY_FIELDS(T, F, V, S, O, A)                      \
    F(T, STR, name, 3, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, min_version, 3, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I16, max_version, 3, MAX, NEVER, NOTAG, 0)
STRUCT(api_versions_response_supported_feature_key,
       API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY_FIELDS)

#define API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY_FIELDS(T, F, V, S, O, A)                      \
    F(T, STR, name, 3, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, max_version_level, 3, MAX, NEVER, NOTAG, 0)                                         \
    F(T, I16, min_version_level, 3, MAX, NEVER, NOTAG, 0)
STRUCT(api_versions_response_finalized_feature_key,
       API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY_FIELDS)

#define API_VERSIONS_RESPONSE_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, api_versions_response_api_version, api_keys, 0, MAX, NEVER, NOTAG, 0)                    \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    A(T, api_versions_response_supported_feature_key, supported_features, 3, MAX, NEVER, 0, 0)    \
    F(T, I64, finalized_features_epoch, 3, MAX, NEVER, 1, -1)                                     \
    A(T, api_versions_response_finalized_feature_key, finalized_features, 3, MAX, NEVER, 2, 0)    \
    F(T, BOOL, zk_migration_ready, 3, MAX, NEVER, 3, 0)
MESSAGE(api_versions_response, API_VERSIONS_RESPONSE_FIELDS, "ApiVersionsResponse", 18, 0, 4, 3)

#define METADATA_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                           \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, name, 0, MAX, 10, NOTAG, 0)
STRUCT(metadata_request_topic, METADATA_REQUEST_TOPIC_FIELDS)

#define METADATA_REQUEST_FIELDS(T, F, V, S, O, A)                                                 \
    A(T, metadata_request_topic, topics, 0, MAX, 1, NOTAG, 0)                                     \
    F(T, BOOL, allow_auto_topic_creation, 4, MAX, NEVER, NOTAG, 1)                                \
    F(T, BOOL, include_cluster_authorized_operations, 8, 10, NEVER, NOTAG, 0)                     \
    F(T, BOOL, include_topic_authorized_operations, 8, MAX, NEVER, NOTAG, 0)
MESSAGE(metadata_request, METADATA_REQUEST_FIELDS, "MetadataRequest", 3, 0, 13, 9)

#define METADATA_RESPONSE_BROKER_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, node_id, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, rack, 1, MAX, 1, NOTAG, 0)
STRUCT(metadata_response_broker, METADATA_RESPONSE_BROKER_FIELDS)

#define METADATA_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 7, MAX, NEVER, NOTAG, -1)                                             \
    V(T, I32, replica_nodes, 0, MAX, NEVER, NOTAG, 0)                                             \
    V(T, I32, isr_nodes, 0, MAX, NEVER, NOTAG, 0)                                                 \
    V(T, I32, offline_replicas, 5, MAX, NEVER, NOTAG, 0)
STRUCT(metadata_response_partition, METADATA_RESPONSE_PARTITION_FIELDS)

#define METADATA_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, name, 0, MAX, 12, NOTAG, 0)                                                         \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    F(T, BOOL, is_internal, 1, MAX, NEVER, NOTAG, 0)                                              \
    A(T, metadata_response_partition, partitions, 0, MAX, NEVER, NOTAG, 0)                        \
    F(T, I32, topic_authorized_operations, 8, MAX, NEVER, NOTAG, -2147483648)
STRUCT(metadata_response_topic, METADATA_RESPONSE_TOPIC_FIELDS)

#define METADATA_RESPONSE_FIELDS(T, F, V, S, O, A)                                                \
    F(T, I32, throttle_time_ms, 3, MAX, NEVER, NOTAG, 0)                                          \
    A(T, metadata_response_broker, brokers, 0, MAX, NEVER, NOTAG, 0)                              \
    F(T, STR, cluster_id, 2, MAX, 2, NOTAG, 0)                                                    \
    F(T, I32, controller_id, 1, MAX, NEVER, NOTAG, -1)                                            \
    A(T, metadata_response_topic, topics, 0, MAX, NEVER, NOTAG, 0)                                \
    F(T, I32, cluster_authorized_operations, 8, 10, NEVER, NOTAG, -2147483648)                    \
    F(T, I16, error_code, 13, MAX, NEVER, NOTAG, 0)
MESSAGE(metadata_response, METADATA_RESPONSE_FIELDS, "MetadataResponse", 3, 0, 13, 9)

#define PRODUCE_REQUEST_PARTITION_PRODUCE_DATA_FIELDS(T, F, V, S, O, A)                           \
    F(T, I32, index, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, RECORDS, records, 0, MAX, 0, NOTAG, 0)
STRUCT(produce_request_partition_produce_data, PRODUCE_REQUEST_PARTITION_PRODUCE_DATA_FIELDS)

#define PRODUCE_REQUEST_TOPIC_PRODUCE_DATA_FIELDS(T, F, V, S, O, A)                               \
    F(T, STR, name, 0, 12, NEVER, NOTAG, 0)                                                       \
    F(T, UUID, topic_id, 13, MAX, NEVER, NOTAG, 0)                                                \
    A(T, produce_request_partition_produce_data, partition_data, 0, MAX, NEVER, NOTAG, 0)
STRUCT(produce_request_topic_produce_data, PRODUCE_REQUEST_TOPIC_PRODUCE_DATA_FIELDS)

#define PRODUCE_REQUEST_FIELDS(T, F, V, S, O, A)                                                  \
    F(T, STR, transactional_id, 3, MAX, 3, NOTAG, 0)                                              \
    F(T, I16, acks, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, produce_request_topic_produce_data, topic_data, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(produce_request, PRODUCE_REQUEST_FIELDS, "ProduceRequest", 0, 3, 13, 9)

#define PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE_FIELDS(T, F, V, S, O, A)                   \
    F(T, I32, batch_index, 8, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, batch_index_error_message, 8, MAX, 8, NOTAG, 0)
STRUCT(produce_response_batch_index_and_error_message,
       PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE_FIELDS)

#define PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS(T, F, V, S, O, A)                             \
    F(T, I32, leader_id, 10, MAX, NEVER, NOTAG, -1)                                               \
    F(T, I32, leader_epoch, 10, MAX, NEVER, NOTAG, -1)
STRUCT(produce_response_leader_id_and_epoch, PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS)

#define PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE_FIELDS(T, F, V, S, O, A)                      \
    F(T, I32, index, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, base_offset, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I64, log_append_time_ms, 2, MAX, NEVER, NOTAG, -1)                                       \
    F(T, I64, log_start_offset, 5, MAX, NEVER, NOTAG, -1)                                         \
    A(T, produce_response_batch_index_and_error_message, record_errors, 8, MAX, NEVER, NOTAG, 0)  \
    F(T, STR, error_message, 8, MAX, 8, NOTAG, 0)                                                 \
    S(T, produce_response_leader_id_and_epoch, current_leader, 10, MAX, NEVER, 0, 0)
STRUCT(produce_response_partition_produce_response,
       PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE_FIELDS)

#define PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE_FIELDS(T, F, V, S, O, A)                          \
    F(T, STR, name, 0, 12, NEVER, NOTAG, 0)                                                       \
    F(T, UUID, topic_id, 13, MAX, NEVER, NOTAG, 0)                                                \
    A(T, produce_response_partition_produce_response, partition_responses, 0, MAX, NEVER, NOTAG, 0)
STRUCT(produce_response_topic_produce_response, PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE_FIELDS)

#define PRODUCE_RESPONSE_NODE_ENDPOINT_FIELDS(T, F, V, S, O, A)                                   \
    F(T, I32, node_id, 10, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, host, 10, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, I32, port, 10, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, STR, rack, 10, MAX, 10, NOTAG, 0)
STRUCT(produce_response_node_endpoint, PRODUCE_RESPONSE_NODE_ENDPOINT_FIELDS)

#define PRODUCE_RESPONSE_FIELDS(T, F, V, S, O, A)                                                 \
    A(T, produce_response_topic_produce_response, responses, 0, MAX, NEVER, NOTAG, 0)             \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    A(T, produce_response_node_endpoint, node_endpoints, 10, MAX, NEVER, 0, 0)
MESSAGE(produce_response, PRODUCE_RESPONSE_FIELDS, "ProduceResponse", 0, 3, 13, 9)

#define FETCH_REQUEST_REPLICA_STATE_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I32, replica_id, 15, MAX, NEVER, NOTAG, -1)                                              \
    F(T, I64, replica_epoch, 15, MAX, NEVER, NOTAG, -1)
STRUCT(fetch_request_replica_state, FETCH_REQUEST_REPLICA_STATE_FIELDS)

#define FETCH_REQUEST_PARTITION_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, partition, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, current_leader_epoch, 9, MAX, NEVER, NOTAG, -1)                                     \
    F(T, I64, fetch_offset, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, I32, last_fetched_epoch, 12, MAX, NEVER, NOTAG, -1)                                      \
    F(T, I64, log_start_offset, 5, MAX, NEVER, NOTAG, -1)                                         \
    F(T, I32, partition_max_bytes, 0, MAX, NEVER, NOTAG, 0)                                       \
    F(T, UUID, replica_directory_id, 17, MAX, NEVER, 0, 0)                                        \
    F(T, I64, high_watermark, 18, MAX, NEVER, 1, 9223372036854775807)
STRUCT(fetch_request_partition, FETCH_REQUEST_PARTITION_FIELDS)

#define FETCH_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                              \
    F(T, STR, topic, 0, 12, NEVER, NOTAG, 0)                                                      \
    F(T, UUID, topic_id, 13, MAX, NEVER, NOTAG, 0)                                                \
    A(T, fetch_request_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_request_topic, FETCH_REQUEST_TOPIC_FIELDS)

#define FETCH_REQUEST_FORGOTTEN_TOPIC_FIELDS(T, F, V, S, O, A)                                    \
    F(T, STR, topic, 7, 12, NEVER, NOTAG, 0)                                                      \
    F(T, UUID, topic_id, 13, MAX, NEVER, NOTAG, 0)                                                \
    V(T, I32, partitions, 7, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_request_forgotten_topic, FETCH_REQUEST_FORGOTTEN_TOPIC_FIELDS)

#define FETCH_REQUEST_FIELDS(T, F, V, S, O, A)                                                    \
    F(T, STR, cluster_id, 12, MAX, 12, 0, 0)                                                      \
    F(T, I32, replica_id, 0, 14, NEVER, NOTAG, -1)                                                \
    S(T, fetch_request_replica_state, replica_state, 15, MAX, NEVER, 1, 0)                        \
    F(T, I32, max_wait_ms, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I32, min_bytes, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, max_bytes, 3, MAX, NEVER, NOTAG, 2147483647)                                        \
    F(T, I8, isolation_level, 4, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I32, session_id, 7, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, session_epoch, 7, MAX, NEVER, NOTAG, -1)                                            \
    A(T, fetch_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)                                    \
    A(T, fetch_request_forgotten_topic, forgotten_topics_data, 7, MAX, NEVER, NOTAG, 0)           \
    F(T, STR, rack_id, 11, MAX, NEVER, NOTAG, 0)
MESSAGE(fetch_request, FETCH_REQUEST_FIELDS, "FetchRequest", 1, 4, 18, 12)

#define FETCH_RESPONSE_EPOCH_END_OFFSET_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, epoch, 12, MAX, NEVER, NOTAG, -1)                                                   \
    F(T, I64, end_offset, 12, MAX, NEVER, NOTAG, -1)
STRUCT(fetch_response_epoch_end_offset, FETCH_RESPONSE_EPOCH_END_OFFSET_FIELDS)

#define FETCH_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS(T, F, V, S, O, A)                               \
    F(T, I32, leader_id, 12, MAX, NEVER, NOTAG, -1)                                               \
    F(T, I32, leader_epoch, 12, MAX, NEVER, NOTAG, -1)
STRUCT(fetch_response_leader_id_and_epoch, FETCH_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS)

#define FETCH_RESPONSE_SNAPSHOT_ID_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I64, end_offset, 0, MAX, NEVER, NOTAG, -1)                                               \
    F(T, I32, epoch, 0, MAX, NEVER, NOTAG, -1)
STRUCT(fetch_response_snapshot_id, FETCH_RESPONSE_SNAPSHOT_ID_FIELDS)

#define FETCH_RESPONSE_ABORTED_TRANSACTION_FIELDS(T, F, V, S, O, A)                               \
    F(T, I64, producer_id, 4, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I64, first_offset, 4, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_response_aborted_transaction, FETCH_RESPONSE_ABORTED_TRANSACTION_FIELDS)

#define FETCH_RESPONSE_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                                    \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, high_watermark, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I64, last_stable_offset, 4, MAX, NEVER, NOTAG, -1)                                       \
    F(T, I64, log_start_offset, 5, MAX, NEVER, NOTAG, -1)                                         \
    S(T, fetch_response_epoch_end_offset, diverging_epoch, 12, MAX, NEVER, 0, 0)                  \
    S(T, fetch_response_leader_id_and_epoch, current_leader, 12, MAX, NEVER, 1, 0)                \
    S(T, fetch_response_snapshot_id, snapshot_id, 12, MAX, NEVER, 2, 0)                           \
    A(T, fetch_response_aborted_transaction, aborted_transactions, 4, MAX, 4, NOTAG, 0)           \
    F(T, I32, preferred_read_replica, 11, MAX, NEVER, NOTAG, -1)                                  \
    F(T, RECORDS, records, 0, MAX, 0, NOTAG, 0)
STRUCT(fetch_response_partition_data, FETCH_RESPONSE_PARTITION_DATA_FIELDS)

#define FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE_FIELDS(T, F, V, S, O, A)                          \
    F(T, STR, topic, 0, 12, NEVER, NOTAG, 0)                                                      \
    F(T, UUID, topic_id, 13, MAX, NEVER, NOTAG, 0)                                                \
    A(T, fetch_response_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_response_fetchable_topic_response, FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE_FIELDS)

#define FETCH_RESPONSE_NODE_ENDPOINT_FIELDS(T, F, V, S, O, A)                                     \
    F(T, I32, node_id, 16, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, host, 16, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, I32, port, 16, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, STR, rack, 16, MAX, 16, NOTAG, 0)
STRUCT(fetch_response_node_endpoint, FETCH_RESPONSE_NODE_ENDPOINT_FIELDS)

#define FETCH_RESPONSE_FIELDS(T, F, V, S, O, A)                                                   \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 7, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, session_id, 7, MAX, NEVER, NOTAG, 0)                                                \
    A(T, fetch_response_fetchable_topic_response, responses, 0, MAX, NEVER, NOTAG, 0)             \
    A(T, fetch_response_node_endpoint, node_endpoints, 16, MAX, NEVER, 0, 0)
MESSAGE(fetch_response, FETCH_RESPONSE_FIELDS, "FetchResponse", 1, 4, 18, 12)

#define LIST_OFFSETS_REQUEST_PARTITION_FIELDS(T, F, V, S, O, A)                                   \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, current_leader_epoch, 4, MAX, NEVER, NOTAG, -1)                                     \
    F(T, I64, timestamp, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_offsets_request_partition, LIST_OFFSETS_REQUEST_PARTITION_FIELDS)

#define LIST_OFFSETS_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                       \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, list_offsets_request_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_offsets_request_topic, LIST_OFFSETS_REQUEST_TOPIC_FIELDS)

#define LIST_OFFSETS_REQUEST_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I32, replica_id, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I8, isolation_level, 2, MAX, NEVER, NOTAG, 0)                                            \
    A(T, list_offsets_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)                             \
    F(T, I32, timeout_ms, 10, MAX, NEVER, NOTAG, 0)
MESSAGE(list_offsets_request, LIST_OFFSETS_REQUEST_FIELDS, "ListOffsetsRequest", 2, 1, 11, 6)

#define LIST_OFFSETS_RESPONSE_PARTITION_RESPONSE_FIELDS(T, F, V, S, O, A)                         \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, timestamp, 1, MAX, NEVER, NOTAG, -1)                                                \
    F(T, I64, offset, 1, MAX, NEVER, NOTAG, -1)                                                   \
    F(T, I32, leader_epoch, 4, MAX, NEVER, NOTAG, -1)
STRUCT(list_offsets_response_partition_response, LIST_OFFSETS_RESPONSE_PARTITION_RESPONSE_FIELDS)

#define LIST_OFFSETS_RESPONSE_TOPIC_RESPONSE_FIELDS(T, F, V, S, O, A)                             \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, list_offsets_response_partition_response, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(list_offsets_response_topic_response, LIST_OFFSETS_RESPONSE_TOPIC_RESPONSE_FIELDS)

#define LIST_OFFSETS_RESPONSE_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I32, throttle_time_ms, 2, MAX, NEVER, NOTAG, 0)                                          \
    A(T, list_offsets_response_topic_response, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(list_offsets_response, LIST_OFFSETS_RESPONSE_FIELDS, "ListOffsetsResponse", 2, 1, 11, 6)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION_FIELDS(T, F, V, S, O, A)      \
    F(T, I32, partition, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, current_leader_epoch, 2, MAX, NEVER, NOTAG, -1)                                     \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_for_leader_epoch_request_offset_for_leader_partition,
       OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION_FIELDS)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC_FIELDS(T, F, V, S, O, A)          \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    A(T, offset_for_leader_epoch_request_offset_for_leader_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_for_leader_epoch_request_offset_for_leader_topic,
       OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC_FIELDS)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, replica_id, 3, MAX, NEVER, NOTAG, -2)                                               \
    A(T, offset_for_leader_epoch_request_offset_for_leader_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_for_leader_epoch_request, OFFSET_FOR_LEADER_EPOCH_REQUEST_FIELDS,
        "OffsetForLeaderEpochRequest", 23, 2, 4, 4)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET_FIELDS(T, F, V, S, O, A)                \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, partition, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 1, MAX, NEVER, NOTAG, -1)                                             \
    F(T, I64, end_offset, 0, MAX, NEVER, NOTAG, -1)
STRUCT(offset_for_leader_epoch_response_epoch_end_offset,
       OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET_FIELDS)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT_FIELDS(T, F, V, S, O, A)  \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    A(T, offset_for_leader_epoch_response_epoch_end_offset, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_for_leader_epoch_response_offset_for_leader_topic_result,
       OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT_FIELDS)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, throttle_time_ms, 2, MAX, NEVER, NOTAG, 0)                                          \
    A(T, offset_for_leader_epoch_response_offset_for_leader_topic_result, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_for_leader_epoch_response, OFFSET_FOR_LEADER_EPOCH_RESPONSE_FIELDS,
        "OffsetForLeaderEpochResponse", 23, 2, 4, 4)

#define INIT_PRODUCER_ID_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, transactional_id, 0, MAX, 0, NOTAG, 0)                                              \
    F(T, I32, transaction_timeout_ms, 0, MAX, NEVER, NOTAG, 0)                                    \
    F(T, I64, producer_id, 3, MAX, NEVER, NOTAG, -1)                                              \
    F(T, I16, producer_epoch, 3, MAX, NEVER, NOTAG, -1)                                           \
    F(T, BOOL, enable2_pc, 6, MAX, NEVER, NOTAG, 0)                                               \
    F(T, BOOL, keep_prepared_txn, 6, MAX, NEVER, NOTAG, 0)
MESSAGE(init_producer_id_request, INIT_PRODUCER_ID_REQUEST_FIELDS,
        "InitProducerIdRequest", 22, 0, 5, 2)

#define INIT_PRODUCER_ID_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, producer_id, 0, MAX, NEVER, NOTAG, -1)                                              \
    F(T, I16, producer_epoch, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I64, ongoing_txn_producer_id, 6, MAX, NEVER, NOTAG, -1)                                  \
    F(T, I16, ongoing_txn_producer_epoch, 6, MAX, NEVER, NOTAG, -1)
MESSAGE(init_producer_id_response, INIT_PRODUCER_ID_RESPONSE_FIELDS,
        "InitProducerIdResponse", 22, 0, 5, 2)
/* clang-format on */
