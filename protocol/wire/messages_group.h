/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_group.h - consumer groups: membership and committed offsets:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
#define FIND_COORDINATOR_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, key, 0, 3, NEVER, NOTAG, 0)                                                         \
    F(T, I8, key_type, 1, MAX, NEVER, NOTAG, 0)                                                   \
    V(T, STR, coordinator_keys, 4, MAX, NEVER, NOTAG, 0)
MESSAGE(find_coordinator_request, FIND_COORDINATOR_REQUEST_FIELDS,
        "FindCoordinatorRequest", 10, 0, 6, 3)

#define FIND_COORDINATOR_RESPONSE_COORDINATOR_FIELDS(T, F, V, S, O, A)                            \
    F(T, STR, key, 4, MAX, NEVER, NOTAG, 0)                                                       \
    F(T, I32, node_id, 4, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, STR, host, 4, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, port, 4, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I16, error_code, 4, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 4, MAX, 4, NOTAG, 0)
STRUCT(find_coordinator_response_coordinator, FIND_COORDINATOR_RESPONSE_COORDINATOR_FIELDS)

#define FIND_COORDINATOR_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, 3, NEVER, NOTAG, 0)                                                  \
    F(T, STR, error_message, 1, 3, 1, NOTAG, 0)                                                   \
    F(T, I32, node_id, 0, 3, NEVER, NOTAG, 0)                                                     \
    F(T, STR, host, 0, 3, NEVER, NOTAG, 0)                                                        \
    F(T, I32, port, 0, 3, NEVER, NOTAG, 0)                                                        \
    A(T, find_coordinator_response_coordinator, coordinators, 4, MAX, NEVER, NOTAG, 0)
MESSAGE(find_coordinator_response, FIND_COORDINATOR_RESPONSE_FIELDS,
        "FindCoordinatorResponse", 10, 0, 6, 3)

#define JOIN_GROUP_REQUEST_PROTOCOL_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, BYTES, metadata, 0, MAX, NEVER, NOTAG, 0)
STRUCT(join_group_request_protocol, JOIN_GROUP_REQUEST_PROTOCOL_FIELDS)

#define JOIN_GROUP_REQUEST_FIELDS(T, F, V, S, O, A)                                               \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I32, session_timeout_ms, 0, MAX, NEVER, NOTAG, 0)                                        \
    F(T, I32, rebalance_timeout_ms, 1, MAX, NEVER, NOTAG, -1)                                     \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 5, MAX, 5, NOTAG, 0)                                             \
    F(T, STR, protocol_type, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, join_group_request_protocol, protocols, 0, MAX, NEVER, NOTAG, 0)                         \
    F(T, STR, reason, 8, MAX, 8, NOTAG, 0)
MESSAGE(join_group_request, JOIN_GROUP_REQUEST_FIELDS, "JoinGroupRequest", 11, 0, 9, 6)

#define JOIN_GROUP_RESPONSE_MEMBER_FIELDS(T, F, V, S, O, A)                                       \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 5, MAX, 5, NOTAG, 0)                                             \
    F(T, BYTES, metadata, 0, MAX, NEVER, NOTAG, 0)
STRUCT(join_group_response_member, JOIN_GROUP_RESPONSE_MEMBER_FIELDS)

#define JOIN_GROUP_RESPONSE_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I32, throttle_time_ms, 2, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, generation_id, 0, MAX, NEVER, NOTAG, -1)                                            \
    F(T, STR, protocol_type, 7, MAX, 7, NOTAG, 0)                                                 \
    F(T, STR, protocol_name, 0, MAX, 7, NOTAG, 0)                                                 \
    F(T, STR, leader, 0, MAX, NEVER, NOTAG, 0)                                                    \
    F(T, BOOL, skip_assignment, 9, MAX, NEVER, NOTAG, 0)                                          \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    A(T, join_group_response_member, members, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(join_group_response, JOIN_GROUP_RESPONSE_FIELDS, "JoinGroupResponse", 11, 0, 9, 6)

#define SYNC_GROUP_REQUEST_ASSIGNMENT_FIELDS(T, F, V, S, O, A)                                    \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, BYTES, assignment, 0, MAX, NEVER, NOTAG, 0)
STRUCT(sync_group_request_assignment, SYNC_GROUP_REQUEST_ASSIGNMENT_FIELDS)

#define SYNC_GROUP_REQUEST_FIELDS(T, F, V, S, O, A)                                               \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I32, generation_id, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 3, MAX, 3, NOTAG, 0)                                             \
    F(T, STR, protocol_type, 5, MAX, 5, NOTAG, 0)                                                 \
    F(T, STR, protocol_name, 5, MAX, 5, NOTAG, 0)                                                 \
    A(T, sync_group_request_assignment, assignments, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(sync_group_request, SYNC_GROUP_REQUEST_FIELDS, "SyncGroupRequest", 14, 0, 5, 4)

#define SYNC_GROUP_RESPONSE_FIELDS(T, F, V, S, O, A)                                              \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, protocol_type, 5, MAX, 5, NOTAG, 0)                                                 \
    F(T, STR, protocol_name, 5, MAX, 5, NOTAG, 0)                                                 \
    F(T, BYTES, assignment, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(sync_group_response, SYNC_GROUP_RESPONSE_FIELDS, "SyncGroupResponse", 14, 0, 5, 4)

#define HEARTBEAT_REQUEST_FIELDS(T, F, V, S, O, A)                                                \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I32, generation_id, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 3, MAX, 3, NOTAG, 0)
MESSAGE(heartbeat_request, HEARTBEAT_REQUEST_FIELDS, "HeartbeatRequest", 12, 0, 4, 4)

#define HEARTBEAT_RESPONSE_FIELDS(T, F, V, S, O, A)                                               \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(heartbeat_response, HEARTBEAT_RESPONSE_FIELDS, "HeartbeatResponse", 12, 0, 4, 4)

#define LEAVE_GROUP_REQUEST_MEMBER_IDENTITY_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, member_id, 3, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 3, MAX, 3, NOTAG, 0)                                             \
    F(T, STR, reason, 5, MAX, 5, NOTAG, 0)
STRUCT(leave_group_request_member_identity, LEAVE_GROUP_REQUEST_MEMBER_IDENTITY_FIELDS)

#define LEAVE_GROUP_REQUEST_FIELDS(T, F, V, S, O, A)                                              \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, member_id, 0, 2, NEVER, NOTAG, 0)                                                   \
    A(T, leave_group_request_member_identity, members, 3, MAX, NEVER, NOTAG, 0)
MESSAGE(leave_group_request, LEAVE_GROUP_REQUEST_FIELDS, "LeaveGroupRequest", 13, 0, 5, 4)

#define LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE_FIELDS(T, F, V, S, O, A)                             \
    F(T, STR, member_id, 3, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 3, MAX, 3, NOTAG, 0)                                             \
    F(T, I16, error_code, 3, MAX, NEVER, NOTAG, 0)
STRUCT(leave_group_response_member_response, LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE_FIELDS)

#define LEAVE_GROUP_RESPONSE_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, leave_group_response_member_response, members, 3, MAX, NEVER, NOTAG, 0)
MESSAGE(leave_group_response, LEAVE_GROUP_RESPONSE_FIELDS, "LeaveGroupResponse", 13, 0, 5, 4)

#define OFFSET_COMMIT_REQUEST_PARTITION_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, committed_offset, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I32, committed_leader_epoch, 6, MAX, NEVER, NOTAG, -1)                                   \
    F(T, STR, committed_metadata, 0, MAX, 0, NOTAG, 0)
STRUCT(offset_commit_request_partition, OFFSET_COMMIT_REQUEST_PARTITION_FIELDS)

#define OFFSET_COMMIT_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, name, 0, 9, NEVER, NOTAG, 0)                                                        \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    A(T, offset_commit_request_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_commit_request_topic, OFFSET_COMMIT_REQUEST_TOPIC_FIELDS)

#define OFFSET_COMMIT_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I32, generation_id_or_member_epoch, 1, MAX, NEVER, NOTAG, -1)                            \
    F(T, STR, member_id, 1, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 7, MAX, 7, NOTAG, 0)                                             \
    F(T, I64, retention_time_ms, 2, 4, NEVER, NOTAG, -1)                                          \
    A(T, offset_commit_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_commit_request, OFFSET_COMMIT_REQUEST_FIELDS, "OffsetCommitRequest", 8, 2, 10, 8)

#define OFFSET_COMMIT_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_commit_response_partition, OFFSET_COMMIT_RESPONSE_PARTITION_FIELDS)

#define OFFSET_COMMIT_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                                     \
    F(T, STR, name, 0, 9, NEVER, NOTAG, 0)                                                        \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    A(T, offset_commit_response_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_commit_response_topic, OFFSET_COMMIT_RESPONSE_TOPIC_FIELDS)

#define OFFSET_COMMIT_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 3, MAX, NEVER, NOTAG, 0)                                          \
    A(T, offset_commit_response_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_commit_response, OFFSET_COMMIT_RESPONSE_FIELDS, "OffsetCommitResponse", 8, 2, 10, 8)

#define OFFSET_FETCH_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                       \
    F(T, STR, name, 0, 7, NEVER, NOTAG, 0)                                                        \
    V(T, I32, partition_indexes, 0, 7, NEVER, NOTAG, 0)
STRUCT(offset_fetch_request_topic, OFFSET_FETCH_REQUEST_TOPIC_FIELDS)

#define OFFSET_FETCH_REQUEST_TOPICS_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, name, 8, 9, NEVER, NOTAG, 0)                                                        \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    V(T, I32, partition_indexes, 8, MAX, NEVER, NOTAG, 0)
STRUCT(offset_fetch_request_topics, OFFSET_FETCH_REQUEST_TOPICS_FIELDS)

#define OFFSET_FETCH_REQUEST_GROUP_FIELDS(T, F, V, S, O, A)                                       \
    F(T, STR, group_id, 8, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, member_id, 9, MAX, 9, NOTAG, 0)                                                     \
    F(T, I32, member_epoch, 9, MAX, NEVER, NOTAG, -1)                                             \
    A(T, offset_fetch_request_topics, topics, 8, MAX, 8, NOTAG, 0)
STRUCT(offset_fetch_request_group, OFFSET_FETCH_REQUEST_GROUP_FIELDS)

#define OFFSET_FETCH_REQUEST_FIELDS(T, F, V, S, O, A)                                             \
    F(T, STR, group_id, 0, 7, NEVER, NOTAG, 0)                                                    \
    A(T, offset_fetch_request_topic, topics, 0, 7, 2, NOTAG, 0)                                   \
    A(T, offset_fetch_request_group, groups, 8, MAX, NEVER, NOTAG, 0)                             \
    F(T, BOOL, require_stable, 7, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_fetch_request, OFFSET_FETCH_REQUEST_FIELDS, "OffsetFetchRequest", 9, 1, 10, 6)

#define OFFSET_FETCH_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, partition_index, 0, 7, NEVER, NOTAG, 0)                                             \
    F(T, I64, committed_offset, 0, 7, NEVER, NOTAG, 0)                                            \
    F(T, I32, committed_leader_epoch, 5, 7, NEVER, NOTAG, -1)                                     \
    F(T, STR, metadata, 0, 7, 0, NOTAG, 0)                                                        \
    F(T, I16, error_code, 0, 7, NEVER, NOTAG, 0)
STRUCT(offset_fetch_response_partition, OFFSET_FETCH_RESPONSE_PARTITION_FIELDS)

#define OFFSET_FETCH_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, name, 0, 7, NEVER, NOTAG, 0)                                                        \
    A(T, offset_fetch_response_partition, partitions, 0, 7, NEVER, NOTAG, 0)
STRUCT(offset_fetch_response_topic, OFFSET_FETCH_RESPONSE_TOPIC_FIELDS)

#define OFFSET_FETCH_RESPONSE_PARTITIONS_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, partition_index, 8, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I64, committed_offset, 8, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I32, committed_leader_epoch, 8, MAX, NEVER, NOTAG, -1)                                   \
    F(T, STR, metadata, 8, MAX, 8, NOTAG, 0)                                                      \
    F(T, I16, error_code, 8, MAX, NEVER, NOTAG, 0)
STRUCT(offset_fetch_response_partitions, OFFSET_FETCH_RESPONSE_PARTITIONS_FIELDS)

#define OFFSET_FETCH_RESPONSE_TOPICS_FIELDS(T, F, V, S, O, A)                                     \
    F(T, STR, name, 8, 9, NEVER, NOTAG, 0)                                                        \
    F(T, UUID, topic_id, 10, MAX, NEVER, NOTAG, 0)                                                \
    A(T, offset_fetch_response_partitions, partitions, 8, MAX, NEVER, NOTAG, 0)
STRUCT(offset_fetch_response_topics, OFFSET_FETCH_RESPONSE_TOPICS_FIELDS)

#define OFFSET_FETCH_RESPONSE_GROUP_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, group_id, 8, MAX, NEVER, NOTAG, 0)                                                  \
    A(T, offset_fetch_response_topics, topics, 8, MAX, NEVER, NOTAG, 0)                           \
    F(T, I16, error_code, 8, MAX, NEVER, NOTAG, 0)
STRUCT(offset_fetch_response_group, OFFSET_FETCH_RESPONSE_GROUP_FIELDS)

#define OFFSET_FETCH_RESPONSE_FIELDS(T, F, V, S, O, A)                                            \
    F(T, I32, throttle_time_ms, 3, MAX, NEVER, NOTAG, 0)                                          \
    A(T, offset_fetch_response_topic, topics, 0, 7, NEVER, NOTAG, 0)                              \
    F(T, I16, error_code, 2, 7, NEVER, NOTAG, 0)                                                  \
    A(T, offset_fetch_response_group, groups, 8, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_fetch_response, OFFSET_FETCH_RESPONSE_FIELDS, "OffsetFetchResponse", 9, 1, 10, 6)

#define DESCRIBE_GROUPS_REQUEST_FIELDS(T, F, V, S, O, A)                                          \
    V(T, STR, groups, 0, MAX, NEVER, NOTAG, 0)                                                    \
    F(T, BOOL, include_authorized_operations, 3, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_groups_request, DESCRIBE_GROUPS_REQUEST_FIELDS,
        "DescribeGroupsRequest", 15, 0, 6, 5)

#define DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER_FIELDS(T, F, V, S, O, A)                  \
    F(T, STR, member_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, group_instance_id, 4, MAX, 4, NOTAG, 0)                                             \
    F(T, STR, client_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, STR, client_host, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, BYTES, member_metadata, 0, MAX, NEVER, NOTAG, 0)                                         \
    F(T, BYTES, member_assignment, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_groups_response_described_group_member,
       DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER_FIELDS)

#define DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_FIELDS(T, F, V, S, O, A)                         \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 6, MAX, 6, NOTAG, 0)                                                 \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, group_state, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, protocol_type, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, STR, protocol_data, 0, MAX, NEVER, NOTAG, 0)                                             \
    A(T, describe_groups_response_described_group_member, members, 0, MAX, NEVER, NOTAG, 0)       \
    F(T, I32, authorized_operations, 3, MAX, NEVER, NOTAG, -2147483648)
STRUCT(describe_groups_response_described_group, DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_FIELDS)

#define DESCRIBE_GROUPS_RESPONSE_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    A(T, describe_groups_response_described_group, groups, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_groups_response, DESCRIBE_GROUPS_RESPONSE_FIELDS,
        "DescribeGroupsResponse", 15, 0, 6, 5)

#define LIST_GROUPS_REQUEST_FIELDS(T, F, V, S, O, A)                                              \
    V(T, STR, states_filter, 4, MAX, NEVER, NOTAG, 0)                                             \
    V(T, STR, types_filter, 5, MAX, NEVER, NOTAG, 0)
MESSAGE(list_groups_request, LIST_GROUPS_REQUEST_FIELDS, "ListGroupsRequest", 16, 0, 5, 3)

#define LIST_GROUPS_RESPONSE_LISTED_GROUP_FIELDS(T, F, V, S, O, A)                                \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, STR, protocol_type, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, STR, group_state, 4, MAX, NEVER, NOTAG, 0)                                               \
    F(T, STR, group_type, 5, MAX, NEVER, NOTAG, 0)
STRUCT(list_groups_response_listed_group, LIST_GROUPS_RESPONSE_LISTED_GROUP_FIELDS)

#define LIST_GROUPS_RESPONSE_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I32, throttle_time_ms, 1, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, list_groups_response_listed_group, groups, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(list_groups_response, LIST_GROUPS_RESPONSE_FIELDS, "ListGroupsResponse", 16, 0, 5, 3)

#define DELETE_GROUPS_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    V(T, STR, groups_names, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_groups_request, DELETE_GROUPS_REQUEST_FIELDS, "DeleteGroupsRequest", 42, 0, 2, 2)

#define DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT_FIELDS(T, F, V, S, O, A)                    \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(delete_groups_response_deletable_group_result,
       DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT_FIELDS)

#define DELETE_GROUPS_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, delete_groups_response_deletable_group_result, results, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(delete_groups_response, DELETE_GROUPS_RESPONSE_FIELDS, "DeleteGroupsResponse", 42, 0, 2, 2)

#define OFFSET_DELETE_REQUEST_PARTITION_FIELDS(T, F, V, S, O, A)                                  \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_delete_request_partition, OFFSET_DELETE_REQUEST_PARTITION_FIELDS)

#define OFFSET_DELETE_REQUEST_TOPIC_FIELDS(T, F, V, S, O, A)                                      \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, offset_delete_request_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_delete_request_topic, OFFSET_DELETE_REQUEST_TOPIC_FIELDS)

#define OFFSET_DELETE_REQUEST_FIELDS(T, F, V, S, O, A)                                            \
    F(T, STR, group_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    A(T, offset_delete_request_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_delete_request, OFFSET_DELETE_REQUEST_FIELDS, "OffsetDeleteRequest", 47, 0, 0, NEVER)

#define OFFSET_DELETE_RESPONSE_PARTITION_FIELDS(T, F, V, S, O, A)                                 \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_delete_response_partition, OFFSET_DELETE_RESPONSE_PARTITION_FIELDS)

#define OFFSET_DELETE_RESPONSE_TOPIC_FIELDS(T, F, V, S, O, A)                                     \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, offset_delete_response_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(offset_delete_response_topic, OFFSET_DELETE_RESPONSE_TOPIC_FIELDS)

#define OFFSET_DELETE_RESPONSE_FIELDS(T, F, V, S, O, A)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    A(T, offset_delete_response_topic, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(offset_delete_response, OFFSET_DELETE_RESPONSE_FIELDS,
        "OffsetDeleteResponse", 47, 0, 0, NEVER)
/* clang-format on */
