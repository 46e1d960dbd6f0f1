/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_record.h - what is kept in internal topics and inside group messages:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define REQUEST_HEADER_FIELDS(T, F, V, S, O, A)                                                   \
    F(T, I16, request_api_key, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, request_api_version, 0, MAX, NEVER, NOTAG, 0)                                       \
    F(T, I32, correlation_id, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, STR16, client_id, 1, MAX, 1, NOTAG, 0)
MESSAGE(request_header, REQUEST_HEADER_FIELDS, "RequestHeader", -1, 1, 2, 2)

#define RESPONSE_HEADER_FIELDS(T, F, V, S, O, A)                                                  \
    F(T, I32, correlation_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(response_header, RESPONSE_HEADER_FIELDS, "ResponseHeader", -1, 0, 1, 1)

#define CONSUMER_PROTOCOL_SUBSCRIPTION_TOPIC_PARTITION_FIELDS(T, F, V, S, O, A)                   \
    F(T, STR, topic, 1, MAX, NEVER, NOTAG, 0)                                                     \
    V(T, I32, partitions, 1, MAX, NEVER, NOTAG, 0)
STRUCT(consumer_protocol_subscription_topic_partition,
       CONSUMER_PROTOCOL_SUBSCRIPTION_TOPIC_PARTITION_FIELDS)

#define CONSUMER_PROTOCOL_SUBSCRIPTION_FIELDS(T, F, V, S, O, A)                                   \
    V(T, STR, topics, 0, MAX, NEVER, NOTAG, 0)                                                    \
    F(T, BYTES, user_data, 0, MAX, 0, NOTAG, 0)                                                   \
    A(T, consumer_protocol_subscription_topic_partition, owned_partitions, 1, MAX, NEVER, NOTAG, 0)\
    F(T, I32, generation_id, 2, MAX, NEVER, NOTAG, -1)                                            \
    F(T, STR, rack_id, 3, MAX, 3, NOTAG, 0)
MESSAGE(consumer_protocol_subscription, CONSUMER_PROTOCOL_SUBSCRIPTION_FIELDS,
        "ConsumerProtocolSubscription", -1, 0, 3, NEVER)

#define CONSUMER_PROTOCOL_ASSIGNMENT_TOPIC_PARTITION_FIELDS(T, F, V, S, O, A)                     \
    F(T, STR, topic, 0, MAX, NEVER, NOTAG, 0)                                                     \
    V(T, I32, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(consumer_protocol_assignment_topic_partition,
       CONSUMER_PROTOCOL_ASSIGNMENT_TOPIC_PARTITION_FIELDS)

#define CONSUMER_PROTOCOL_ASSIGNMENT_FIELDS(T, F, V, S, O, A)                                     \
    A(T, consumer_protocol_assignment_topic_partition, assigned_partitions, 0, MAX, NEVER, NOTAG, 0)\
    F(T, BYTES, user_data, 0, MAX, 0, NOTAG, 0)
MESSAGE(consumer_protocol_assignment, CONSUMER_PROTOCOL_ASSIGNMENT_FIELDS,
        "ConsumerProtocolAssignment", -1, 0, 3, NEVER)

#define OFFSET_COMMIT_KEY_FIELDS(T, F, V, S, O, A)                                                \
    F(T, STR, group, 0, 0, NEVER, NOTAG, 0)                                                       \
    F(T, STR, topic, 0, 0, NEVER, NOTAG, 0)                                                       \
    F(T, I32, partition, 0, 0, NEVER, NOTAG, 0)
MESSAGE(offset_commit_key, OFFSET_COMMIT_KEY_FIELDS, "OffsetCommitKey", 1, 0, 0, NEVER)

#define OFFSET_COMMIT_VALUE_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I64, offset, 0, MAX, NEVER, NOTAG, 0)                                                    \
    F(T, I32, leader_epoch, 3, MAX, NEVER, NOTAG, -1)                                             \
    F(T, STR, metadata, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I64, commit_timestamp, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I64, expire_timestamp, 1, 1, NEVER, NOTAG, -1)                                           \
    F(T, UUID, topic_id, 4, MAX, NEVER, 0, 0)
MESSAGE(offset_commit_value, OFFSET_COMMIT_VALUE_FIELDS, "OffsetCommitValue", 1, 0, 4, 4)

#define GROUP_METADATA_KEY_FIELDS(T, F, V, S, O, A)                                               \
    F(T, STR, group, 0, 0, NEVER, NOTAG, 0)
MESSAGE(group_metadata_key, GROUP_METADATA_KEY_FIELDS, "GroupMetadataKey", 2, 0, 0, NEVER)

#define GROUP_METADATA_VALUE_MEMBER_METADATA_FIELDS(T, F, V, S, O, A)                             \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 3, MAX, 3, NOTAG, 0)                                             \
    F(T, STR, client_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, client_host, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, I32, rebalance_timeout, 1, MAX, NEVER, NOTAG, -1)                                        \
    F(T, I32, session_timeout, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, BYTES, subscription, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, BYTES, assignment, 0, MAX, NEVER, NOTAG, 0)
STRUCT(group_metadata_value_member_metadata, GROUP_METADATA_VALUE_MEMBER_METADATA_FIELDS)

#define GROUP_METADATA_VALUE_FIELDS(T, F, V, S, O, A)                                             \
    F(T, STR, protocol_type, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, I32, generation, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, protocol, 0, MAX, 0, NOTAG, 0)                                                      \
    F(T, STR, leader, 0, MAX, 0, NOTAG, 0)                                                        \
    F(T, I64, current_state_timestamp, 2, MAX, NEVER, NOTAG, -1)                                  \
    A(T, group_metadata_value_member_metadata, members, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(group_metadata_value, GROUP_METADATA_VALUE_FIELDS, "GroupMetadataValue", 2, 0, 4, 4)

#define LEADER_CHANGE_MESSAGE_VOTER_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I32, voter_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, voter_directory_id, 1, MAX, NEVER, NOTAG, 0)
STRUCT(leader_change_message_voter, LEADER_CHANGE_MESSAGE_VOTER_FIELDS)

#define LEADER_CHANGE_MESSAGE_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I16, version, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, leader_change_message_voter, voters, 0, MAX, NEVER, NOTAG, 0)                            \
    A(T, leader_change_message_voter, granting_voters, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(leader_change_message, LEADER_CHANGE_MESSAGE_FIELDS, "LeaderChangeMessage", -1, 0, 1, 0)

#define KRAFT_VERSION_RECORD_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I16, version, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I16, kraft_version, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(kraft_version_record, KRAFT_VERSION_RECORD_FIELDS, "KRaftVersionRecord", -1, 0, 0, 0)

#define VOTERS_RECORD_KRAFT_VERSION_FEATURE_FIELDS(T, F, V, S, O, A)                              \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(voters_record_kraft_version_feature, VOTERS_RECORD_KRAFT_VERSION_FEATURE_FIELDS)

#define VOTERS_RECORD_VOTER_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I32, voter_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, voter_directory_id, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, raft_endpoint, endpoints, 0, MAX, NEVER, NOTAG, 0)                                       \
    S(T, voters_record_kraft_version_feature, kraft_version_feature, 0, MAX, NEVER, NOTAG, 0)
STRUCT(voters_record_voter, VOTERS_RECORD_VOTER_FIELDS)

#define VOTERS_RECORD_FIELDS(T, F, V, S, O, A)                                                    \
    F(T, I16, version, 0, MAX, NEVER, NOTAG, 0)                                                   \
    A(T, voters_record_voter, voters, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(voters_record, VOTERS_RECORD_FIELDS, "VotersRecord", -1, 0, 0, 0)

#define SNAPSHOT_HEADER_RECORD_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I16, version, 0, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, I64, last_contained_log_timestamp, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(snapshot_header_record, SNAPSHOT_HEADER_RECORD_FIELDS, "SnapshotHeaderRecord", -1, 0, 0, 0)

#define SNAPSHOT_FOOTER_RECORD_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I16, version, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(snapshot_footer_record, SNAPSHOT_FOOTER_RECORD_FIELDS, "SnapshotFooterRecord", -1, 0, 0, 0)

#define END_TXN_MARKER_FIELDS(T, F, V, S, O, A)                                                   \
    F(T, I32, coordinator_epoch, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(end_txn_marker, END_TXN_MARKER_FIELDS, "EndTxnMarker", -1, 0, 0, NEVER)
/* clang-format on */
