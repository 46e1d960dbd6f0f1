/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_metadata.h - the records of __cluster_metadata:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define REGISTER_BROKER_RECORD_BROKER_ENDPOINT_FIELDS(T, F, V, S, O, A)                           \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, security_protocol, 0, MAX, NEVER, NOTAG, 0)
STRUCT(register_broker_record_broker_endpoint, REGISTER_BROKER_RECORD_BROKER_ENDPOINT_FIELDS)

#define REGISTER_BROKER_RECORD_BROKER_FEATURE_FIELDS(T, F, V, S, O, A)                            \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(register_broker_record_broker_feature, REGISTER_BROKER_RECORD_BROKER_FEATURE_FIELDS)

#define REGISTER_BROKER_RECORD_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, BOOL, is_migrating_zk_broker, 2, MAX, NEVER, NOTAG, 0)                                   \
    F(T, UUID, incarnation_id, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    A(T, register_broker_record_broker_endpoint, end_points, 0, MAX, NEVER, NOTAG, 0)             \
    A(T, register_broker_record_broker_feature, features, 0, MAX, NEVER, NOTAG, 0)                \
    F(T, STR, rack, 0, MAX, 0, NOTAG, 0)                                                          \
    F(T, BOOL, fenced, 0, MAX, NEVER, NOTAG, 1)                                                   \
    F(T, BOOL, in_controlled_shutdown, 1, MAX, NEVER, NOTAG, 0)                                   \
    V(T, UUID, log_dirs, 3, MAX, NEVER, 0, 0)                                                     \
    V(T, UUID, cordoned_log_dirs, 4, MAX, 4, 1, -1)
MESSAGE(register_broker_record, REGISTER_BROKER_RECORD_FIELDS, "RegisterBrokerRecord", 0, 0, 4, 0)

#define UNREGISTER_BROKER_RECORD_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(unregister_broker_record, UNREGISTER_BROKER_RECORD_FIELDS,
        "UnregisterBrokerRecord", 1, 0, 0, 0)

#define TOPIC_RECORD_FIELDS(T, F, V, S, O, A)                                                     \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(topic_record, TOPIC_RECORD_FIELDS, "TopicRecord", 2, 0, 0, 0)

#define PARTITION_RECORD_FIELDS(T, F, V, S, O, A)                                                 \
    F(T, I32, partition_id, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    V(T, I32, replicas, 0, MAX, NEVER, NOTAG, 0)                                                  \
    V(T, I32, isr, 0, MAX, NEVER, NOTAG, 0)                                                       \
    V(T, I32, removing_replicas, 0, MAX, NEVER, NOTAG, 0)                                         \
    V(T, I32, adding_replicas, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, leader, 0, MAX, NEVER, NOTAG, -1)                                                   \
    F(T, I8, leader_recovery_state, 0, MAX, NEVER, 0, 0)                                          \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, I32, partition_epoch, 0, MAX, NEVER, NOTAG, -1)                                          \
    V(T, UUID, directories, 1, MAX, NEVER, NOTAG, 0)                                              \
    V(T, I32, eligible_leader_replicas, 2, MAX, 2, 1, -1)                                         \
    V(T, I32, last_known_elr, 2, MAX, 2, 2, -1)
MESSAGE(partition_record, PARTITION_RECORD_FIELDS, "PartitionRecord", 3, 0, 2, 0)

#define CONFIG_RECORD_FIELDS(T, F, V, S, O, A)                                                    \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, value, 0, MAX, 0, NOTAG, 0)
MESSAGE(config_record, CONFIG_RECORD_FIELDS, "ConfigRecord", 4, 0, 0, 0)

#define PARTITION_CHANGE_RECORD_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, partition_id, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    V(T, I32, isr, 0, MAX, 0, 0, -1)                                                              \
    F(T, I32, leader, 0, MAX, NEVER, 1, -2)                                                       \
    V(T, I32, replicas, 0, MAX, 0, 2, -1)                                                         \
    V(T, I32, removing_replicas, 0, MAX, 0, 3, -1)                                                \
    V(T, I32, adding_replicas, 0, MAX, 0, 4, -1)                                                  \
    F(T, I8, leader_recovery_state, 0, MAX, NEVER, 5, -1)                                         \
    V(T, UUID, directories, 1, MAX, 1, 8, -1)                                                     \
    V(T, I32, eligible_leader_replicas, 2, MAX, 2, 6, -1)                                         \
    V(T, I32, last_known_elr, 2, MAX, 2, 7, -1)
MESSAGE(partition_change_record, PARTITION_CHANGE_RECORD_FIELDS,
        "PartitionChangeRecord", 5, 0, 2, 0)

#define REMOVE_TOPIC_RECORD_FIELDS(T, F, V, S, O, A)                                              \
    F(T, UUID, topic_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(remove_topic_record, REMOVE_TOPIC_RECORD_FIELDS, "RemoveTopicRecord", 9, 0, 0, 0)

#define FEATURE_LEVEL_RECORD_FIELDS(T, F, V, S, O, A)                                             \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, feature_level, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(feature_level_record, FEATURE_LEVEL_RECORD_FIELDS, "FeatureLevelRecord", 12, 0, 0, 0)

#define PRODUCER_IDS_RECORD_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, I64, next_producer_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(producer_ids_record, PRODUCER_IDS_RECORD_FIELDS, "ProducerIdsRecord", 15, 0, 0, 0)

#define BROKER_REGISTRATION_CHANGE_RECORD_FIELDS(T, F, V, S, O, A)                                \
    F(T, I32, broker_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I64, broker_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, I8, fenced, 0, MAX, NEVER, 0, 0)                                                         \
    F(T, I8, in_controlled_shutdown, 1, MAX, NEVER, 1, 0)                                         \
    V(T, UUID, log_dirs, 2, MAX, NEVER, 2, 0)                                                     \
    V(T, UUID, cordoned_log_dirs, 3, MAX, 3, 3, -1)
MESSAGE(broker_registration_change_record, BROKER_REGISTRATION_CHANGE_RECORD_FIELDS,
        "BrokerRegistrationChangeRecord", 17, 0, 3, 0)

#define NO_OP_RECORD_FIELDS(T, F, V, S, O, A)
MESSAGE(no_op_record, NO_OP_RECORD_FIELDS, "NoOpRecord", 20, 0, 0, 0)

#define REGISTER_CONTROLLER_RECORD_CONTROLLER_ENDPOINT_FIELDS(T, F, V, S, O, A)                   \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, security_protocol, 0, MAX, NEVER, NOTAG, 0)
STRUCT(register_controller_record_controller_endpoint,
       REGISTER_CONTROLLER_RECORD_CONTROLLER_ENDPOINT_FIELDS)

#define REGISTER_CONTROLLER_RECORD_CONTROLLER_FEATURE_FIELDS(T, F, V, S, O, A)                    \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(register_controller_record_controller_feature,
       REGISTER_CONTROLLER_RECORD_CONTROLLER_FEATURE_FIELDS)

#define REGISTER_CONTROLLER_RECORD_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, controller_id, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, UUID, incarnation_id, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, BOOL, zk_migration_ready, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, register_controller_record_controller_endpoint, end_points, 0, MAX, NEVER, NOTAG, 0)     \
    A(T, register_controller_record_controller_feature, features, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(register_controller_record, REGISTER_CONTROLLER_RECORD_FIELDS,
        "RegisterControllerRecord", 27, 0, 0, 0)

#define FENCE_BROKER_RECORD_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I32, id, 0, MAX, NEVER, NOTAG, 0)                                                        \
    F(T, I64, epoch, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(fence_broker_record, FENCE_BROKER_RECORD_FIELDS, "FenceBrokerRecord", 7, 0, 0, 0)

#define UNFENCE_BROKER_RECORD_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I32, id, 0, MAX, NEVER, NOTAG, 0)                                                        \
    F(T, I64, epoch, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(unfence_broker_record, UNFENCE_BROKER_RECORD_FIELDS, "UnfenceBrokerRecord", 8, 0, 0, 0)

#define BEGIN_TRANSACTION_RECORD_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, name, 0, MAX, 0, 0, 0)
MESSAGE(begin_transaction_record, BEGIN_TRANSACTION_RECORD_FIELDS,
        "BeginTransactionRecord", 23, 0, 0, 0)

#define END_TRANSACTION_RECORD_FIELDS(T, F, V, S, O, A)
MESSAGE(end_transaction_record, END_TRANSACTION_RECORD_FIELDS, "EndTransactionRecord", 24, 0, 0, 0)

#define ABORT_TRANSACTION_RECORD_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, reason, 0, MAX, 0, 0, 0)
MESSAGE(abort_transaction_record, ABORT_TRANSACTION_RECORD_FIELDS,
        "AbortTransactionRecord", 25, 0, 0, 0)

#define DELEGATION_TOKEN_RECORD_FIELDS(T, F, V, S, O, A)                                          \
    F(T, STR, owner, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, STR, requester, 0, MAX, NEVER, NOTAG, 0)                                                 \
    V(T, STR, renewers, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I64, issue_timestamp, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, max_timestamp, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, I64, expiration_timestamp, 0, MAX, NEVER, NOTAG, 0)                                      \
    F(T, STR, token_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delegation_token_record, DELEGATION_TOKEN_RECORD_FIELDS,
        "DelegationTokenRecord", 10, 0, 0, 0)

#define USER_SCRAM_CREDENTIAL_RECORD_FIELDS(T, F, V, S, O, A)                                     \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I8, mechanism, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, BYTES, salt, 0, MAX, NEVER, NOTAG, 0)                                                    \
    F(T, BYTES, stored_key, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, BYTES, server_key, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, I32, iterations, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(user_scram_credential_record, USER_SCRAM_CREDENTIAL_RECORD_FIELDS,
        "UserScramCredentialRecord", 11, 0, 0, 0)

#define CLIENT_QUOTA_RECORD_ENTITY_DATA_FIELDS(T, F, V, S, O, A)                                  \
    F(T, STR, entity_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, entity_name, 0, MAX, 0, NOTAG, 0)
STRUCT(client_quota_record_entity_data, CLIENT_QUOTA_RECORD_ENTITY_DATA_FIELDS)

#define CLIENT_QUOTA_RECORD_FIELDS(T, F, V, S, O, A)                                              \
    A(T, client_quota_record_entity_data, entity, 0, MAX, NEVER, NOTAG, 0)                        \
    F(T, STR, key, 0, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, F64, value, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, BOOL, remove, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(client_quota_record, CLIENT_QUOTA_RECORD_FIELDS, "ClientQuotaRecord", 14, 0, 0, 0)

#define ACCESS_CONTROL_ENTRY_RECORD_FIELDS(T, F, V, S, O, A)                                      \
    F(T, UUID, id, 0, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, I8, resource_type, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, STR, resource_name, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, I8, pattern_type, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, principal, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I8, operation, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I8, permission_type, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(access_control_entry_record, ACCESS_CONTROL_ENTRY_RECORD_FIELDS,
        "AccessControlEntryRecord", 18, 0, 0, 0)

#define REMOVE_ACCESS_CONTROL_ENTRY_RECORD_FIELDS(T, F, V, S, O, A)                               \
    F(T, UUID, id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(remove_access_control_entry_record, REMOVE_ACCESS_CONTROL_ENTRY_RECORD_FIELDS,
        "RemoveAccessControlEntryRecord", 19, 0, 0, 0)

#define ZK_MIGRATION_STATE_RECORD_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I8, zk_migration_state, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(zk_migration_state_record, ZK_MIGRATION_STATE_RECORD_FIELDS,
        "ZkMigrationStateRecord", 21, 0, 0, 0)

#define REMOVE_USER_SCRAM_CREDENTIAL_RECORD_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I8, mechanism, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(remove_user_scram_credential_record, REMOVE_USER_SCRAM_CREDENTIAL_RECORD_FIELDS,
        "RemoveUserScramCredentialRecord", 22, 0, 0, 0)

#define REMOVE_DELEGATION_TOKEN_RECORD_FIELDS(T, F, V, S, O, A)                                   \
    F(T, STR, token_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(remove_delegation_token_record, REMOVE_DELEGATION_TOKEN_RECORD_FIELDS,
        "RemoveDelegationTokenRecord", 26, 0, 0, 0)

#define CLEAR_ELR_RECORD_FIELDS(T, F, V, S, O, A)                                                 \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(clear_elr_record, CLEAR_ELR_RECORD_FIELDS, "ClearElrRecord", 28, 0, 0, 0)
/* clang-format on */
