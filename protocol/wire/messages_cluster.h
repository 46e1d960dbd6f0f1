/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_cluster.h - between brokers and the active controller: registration, heartbeats,
 * replicas, forwarding: one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define ALTER_PARTITION_REQUEST_BROKER_STATE_FIELDS(T, F, V, S, O, A)                             \
    F(T, I32, broker_id, 3, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 3, MAX, NEVER, NOTAG, -1)
STRUCT(alter_partition_request_broker_state, ALTER_PARTITION_REQUEST_BROKER_STATE_FIELDS)

#define ALTER_PARTITION_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                           \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    V(T, I32, new_isr, 0, 2, NEVER, NOTAG, 0)                                                     \
    A(T, alter_partition_request_broker_state, new_isr_with_epochs, 3, MAX, NEVER, NOTAG, 0)      \
    F(T, I8, leader_recovery_state, 1, MAX, NEVER, NOTAG, 0)                                      \
    F(T, I32, partition_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_request_partition_data, ALTER_PARTITION_REQUEST_PARTITION_DATA_FIELDS)

#define ALTER_PARTITION_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                               \
    F(T, UUID, topic_id, 2, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, alter_partition_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_request_topic_data, ALTER_PARTITION_REQUEST_TOPIC_DATA_FIELDS)

#define ALTER_PARTITION_REQUEST_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    A(T, alter_partition_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_partition_request, ALTER_PARTITION_REQUEST_FIELDS,
        "AlterPartitionRequest", 56, 2, 3, 0)

#define ALTER_PARTITION_RESPONSE_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                          \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    V(T, I32, isr, 0, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, I8, leader_recovery_state, 1, MAX, NEVER, NOTAG, 0)                                      \
    F(T, I32, partition_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_response_partition_data, ALTER_PARTITION_RESPONSE_PARTITION_DATA_FIELDS)

#define ALTER_PARTITION_RESPONSE_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                              \
    F(T, UUID, topic_id, 2, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, alter_partition_response_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(alter_partition_response_topic_data, ALTER_PARTITION_RESPONSE_TOPIC_DATA_FIELDS)

#define ALTER_PARTITION_RESPONSE_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, alter_partition_response_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(alter_partition_response, ALTER_PARTITION_RESPONSE_FIELDS,
        "AlterPartitionResponse", 56, 2, 3, 0)

#define ENVELOPE_REQUEST_FIELDS(T, F, V, S, O, A)                                                 \
    F(T, BYTES, request_data, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, BYTES, request_principal, 0, MAX, 0, NOTAG, 0)                                           \
    F(T, BYTES, client_host_address, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(envelope_request, ENVELOPE_REQUEST_FIELDS, "EnvelopeRequest", 58, 0, 0, 0)

#define ENVELOPE_RESPONSE_FIELDS(T, F, V, S, O, A)                                                \
    F(T, BYTES, response_data, 0, MAX, 0, NOTAG, 0)                                               \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(envelope_response, ENVELOPE_RESPONSE_FIELDS, "EnvelopeResponse", 58, 0, 0, 0)

#define BROKER_REGISTRATION_REQUEST_LISTENER_FIELDS(T, F, V, S, O, A)                             \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, security_protocol, 0, MAX, NEVER, NOTAG, 0)
STRUCT(broker_registration_request_listener, BROKER_REGISTRATION_REQUEST_LISTENER_FIELDS)

#define BROKER_REGISTRATION_REQUEST_FEATURE_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(broker_registration_request_feature, BROKER_REGISTRATION_REQUEST_FEATURE_FIELDS)

#define BROKER_REGISTRATION_REQUEST_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, cluster_id, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, UUID, incarnation_id, 0, MAX, NEVER, NOTAG, 0)                                           \
    A(T, broker_registration_request_listener, listeners, 0, MAX, NEVER, NOTAG, 0)                \
    A(T, broker_registration_request_feature, features, 0, MAX, NEVER, NOTAG, 0)                  \
    F(T, STR, rack, 0, MAX, 0, NOTAG, 0)                                                          \
    F(T, BOOL, is_migrating_zk_broker, 1, MAX, NEVER, NOTAG, 0)                                   \
    V(T, UUID, log_dirs, 2, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, previous_broker_epoch, 3, MAX, NEVER, NOTAG, -1)
MESSAGE(broker_registration_request, BROKER_REGISTRATION_REQUEST_FIELDS,
        "BrokerRegistrationRequest", 62, 0, 4, 0)

#define BROKER_REGISTRATION_RESPONSE_FIELDS(T, F, V, S, O, A)                                     \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)
MESSAGE(broker_registration_response, BROKER_REGISTRATION_RESPONSE_FIELDS,
        "BrokerRegistrationResponse", 62, 0, 4, 0)

#define BROKER_HEARTBEAT_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, I64, current_metadata_offset, 0, MAX, NEVER, NOTAG, 0)                                   \
    F(T, BOOL, want_fence, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, BOOL, want_shut_down, 0, MAX, NEVER, NOTAG, 0)                                           \
    V(T, UUID, offline_log_dirs, 1, MAX, NEVER, 0, 0)                                             \
    V(T, UUID, cordoned_log_dirs, 2, MAX, 2, 1, -1)
MESSAGE(broker_heartbeat_request, BROKER_HEARTBEAT_REQUEST_FIELDS,
        "BrokerHeartbeatRequest", 63, 0, 2, 0)

#define BROKER_HEARTBEAT_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, BOOL, is_caught_up, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, BOOL, is_fenced, 0, MAX, NEVER, NOTAG, 1)                                                \
    F(T, BOOL, should_shut_down, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(broker_heartbeat_response, BROKER_HEARTBEAT_RESPONSE_FIELDS,
        "BrokerHeartbeatResponse", 63, 0, 2, 0)

#define UNREGISTER_BROKER_REQUEST_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(unregister_broker_request, UNREGISTER_BROKER_REQUEST_FIELDS,
        "UnregisterBrokerRequest", 64, 0, 0, 0)

#define UNREGISTER_BROKER_RESPONSE_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
MESSAGE(unregister_broker_response, UNREGISTER_BROKER_RESPONSE_FIELDS,
        "UnregisterBrokerResponse", 64, 0, 0, 0)

#define ALLOCATE_PRODUCER_IDS_REQUEST_FIELDS(T, F, V, S, O, A)                                    \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)
MESSAGE(allocate_producer_ids_request, ALLOCATE_PRODUCER_IDS_REQUEST_FIELDS,
        "AllocateProducerIdsRequest", 67, 0, 0, 0)

#define ALLOCATE_PRODUCER_IDS_RESPONSE_FIELDS(T, F, V, S, O, A)                                   \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I64, producer_id_start, 0, MAX, NEVER, NOTAG, 0)                                         \
    F(T, I32, producer_id_len, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(allocate_producer_ids_response, ALLOCATE_PRODUCER_IDS_RESPONSE_FIELDS,
        "AllocateProducerIdsResponse", 67, 0, 0, 0)

#define CONTROLLER_REGISTRATION_REQUEST_LISTENER_FIELDS(T, F, V, S, O, A)                         \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, security_protocol, 0, MAX, NEVER, NOTAG, 0)
STRUCT(controller_registration_request_listener, CONTROLLER_REGISTRATION_REQUEST_LISTENER_FIELDS)

#define CONTROLLER_REGISTRATION_REQUEST_FEATURE_FIELDS(T, F, V, S, O, A)                          \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(controller_registration_request_feature, CONTROLLER_REGISTRATION_REQUEST_FEATURE_FIELDS)

#define CONTROLLER_REGISTRATION_REQUEST_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, controller_id, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, UUID, incarnation_id, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, BOOL, zk_migration_ready, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, controller_registration_request_listener, listeners, 0, MAX, NEVER, NOTAG, 0)            \
    A(T, controller_registration_request_feature, features, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(controller_registration_request, CONTROLLER_REGISTRATION_REQUEST_FIELDS,
        "ControllerRegistrationRequest", 70, 0, 0, 0)

#define CONTROLLER_REGISTRATION_RESPONSE_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
MESSAGE(controller_registration_response, CONTROLLER_REGISTRATION_RESPONSE_FIELDS,
        "ControllerRegistrationResponse", 70, 0, 0, 0)

#define ASSIGN_REPLICAS_TO_DIRS_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                   \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_request_partition_data,
       ASSIGN_REPLICAS_TO_DIRS_REQUEST_PARTITION_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                       \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, assign_replicas_to_dirs_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_request_topic_data,
       ASSIGN_REPLICAS_TO_DIRS_REQUEST_TOPIC_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_REQUEST_DIRECTORY_DATA_FIELDS(T, F, V, S, O, A)                   \
    F(T, UUID, id, 0, MAX, NEVER, NOTAG, 0)                                                       \
    A(T, assign_replicas_to_dirs_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_request_directory_data,
       ASSIGN_REPLICAS_TO_DIRS_REQUEST_DIRECTORY_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_REQUEST_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    A(T, assign_replicas_to_dirs_request_directory_data, directories, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(assign_replicas_to_dirs_request, ASSIGN_REPLICAS_TO_DIRS_REQUEST_FIELDS,
        "AssignReplicasToDirsRequest", 73, 0, 0, 0)

#define ASSIGN_REPLICAS_TO_DIRS_RESPONSE_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                  \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_response_partition_data,
       ASSIGN_REPLICAS_TO_DIRS_RESPONSE_PARTITION_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_RESPONSE_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                      \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, assign_replicas_to_dirs_response_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_response_topic_data,
       ASSIGN_REPLICAS_TO_DIRS_RESPONSE_TOPIC_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_RESPONSE_DIRECTORY_DATA_FIELDS(T, F, V, S, O, A)                  \
    F(T, UUID, id, 0, MAX, NEVER, NOTAG, 0)                                                       \
    A(T, assign_replicas_to_dirs_response_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
STRUCT(assign_replicas_to_dirs_response_directory_data,
       ASSIGN_REPLICAS_TO_DIRS_RESPONSE_DIRECTORY_DATA_FIELDS)

#define ASSIGN_REPLICAS_TO_DIRS_RESPONSE_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, assign_replicas_to_dirs_response_directory_data, directories, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(assign_replicas_to_dirs_response, ASSIGN_REPLICAS_TO_DIRS_RESPONSE_FIELDS,
        "AssignReplicasToDirsResponse", 73, 0, 0, 0)

#define DEFAULT_PRINCIPAL_DATA_FIELDS(T, F, V, S, O, A)                                           \
    F(T, STR, type, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, BOOL, token_authenticated, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(default_principal_data, DEFAULT_PRINCIPAL_DATA_FIELDS, "DefaultPrincipalData", -1, 0, 0, 0)
/* clang-format on */
