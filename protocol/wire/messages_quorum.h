/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages_quorum.h - the KRaft quorum: votes, epochs, snapshots, voters:
 * one list per struct.
 * The columns are kind or struct, name, since, until, nullable since, tag, default; the numbers are
 * those of Apache Kafka 4.3's message definitions, which are the authority.
 * Included by messages.h and messages.c, each time with another meaning of STRUCT and MESSAGE.
 */
/* clang-format off */
/* What several messages have alike, and Kafka defines anew in each. A field may be since 0 here where
 * the array that it is in is not. */
#define RAFT_ENDPOINT_FIELDS(T, F, V, S, O, A)                                                    \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 0, MAX, NEVER, NOTAG, 0)
STRUCT(raft_endpoint, RAFT_ENDPOINT_FIELDS)

#define RAFT_NODE_ENDPOINT_FIELDS(T, F, V, S, O, A)                                               \
    F(T, I32, node_id, 1, MAX, NEVER, NOTAG, 0)                                                   \
    F(T, STR, host, 1, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, U16, port, 1, MAX, NEVER, NOTAG, 0)
STRUCT(raft_node_endpoint, RAFT_NODE_ENDPOINT_FIELDS)

#define RAFT_EPOCH_PARTITION_FIELDS(T, F, V, S, O, A)                                             \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(raft_epoch_partition, RAFT_EPOCH_PARTITION_FIELDS)

#define RAFT_EPOCH_TOPIC_FIELDS(T, F, V, S, O, A)                                                 \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, raft_epoch_partition, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(raft_epoch_topic, RAFT_EPOCH_TOPIC_FIELDS)

#define VOTE_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, replica_epoch, 0, MAX, NEVER, NOTAG, 0)                                             \
    F(T, I32, replica_id, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, UUID, replica_directory_id, 1, MAX, NEVER, NOTAG, 0)                                     \
    F(T, UUID, voter_directory_id, 1, MAX, NEVER, NOTAG, 0)                                       \
    F(T, I32, last_offset_epoch, 0, MAX, NEVER, NOTAG, 0)                                         \
    F(T, I64, last_offset, 0, MAX, NEVER, NOTAG, 0)                                               \
    F(T, BOOL, pre_vote, 2, MAX, NEVER, NOTAG, 0)
STRUCT(vote_request_partition_data, VOTE_REQUEST_PARTITION_DATA_FIELDS)

#define VOTE_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                                          \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, vote_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(vote_request_topic_data, VOTE_REQUEST_TOPIC_DATA_FIELDS)

#define VOTE_REQUEST_FIELDS(T, F, V, S, O, A)                                                     \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    F(T, I32, voter_id, 1, MAX, NEVER, NOTAG, -1)                                                 \
    A(T, vote_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(vote_request, VOTE_REQUEST_FIELDS, "VoteRequest", 52, 0, 2, 0)

#define VOTE_RESPONSE_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                                     \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, BOOL, vote_granted, 0, MAX, NEVER, NOTAG, 0)
STRUCT(vote_response_partition_data, VOTE_RESPONSE_PARTITION_DATA_FIELDS)

#define VOTE_RESPONSE_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, vote_response_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(vote_response_topic_data, VOTE_RESPONSE_TOPIC_DATA_FIELDS)

#define VOTE_RESPONSE_FIELDS(T, F, V, S, O, A)                                                    \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, vote_response_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)                               \
    A(T, raft_node_endpoint, node_endpoints, 1, MAX, NEVER, 0, 0)
MESSAGE(vote_response, VOTE_RESPONSE_FIELDS, "VoteResponse", 52, 0, 2, 0)

#define BEGIN_QUORUM_EPOCH_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                        \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, UUID, voter_directory_id, 1, MAX, NEVER, NOTAG, 0)                                       \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(begin_quorum_epoch_request_partition_data, BEGIN_QUORUM_EPOCH_REQUEST_PARTITION_DATA_FIELDS)

#define BEGIN_QUORUM_EPOCH_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                            \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, begin_quorum_epoch_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(begin_quorum_epoch_request_topic_data, BEGIN_QUORUM_EPOCH_REQUEST_TOPIC_DATA_FIELDS)

#define BEGIN_QUORUM_EPOCH_REQUEST_FIELDS(T, F, V, S, O, A)                                       \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    F(T, I32, voter_id, 1, MAX, NEVER, NOTAG, -1)                                                 \
    A(T, begin_quorum_epoch_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)                  \
    A(T, raft_endpoint, leader_endpoints, 1, MAX, NEVER, NOTAG, 0)
MESSAGE(begin_quorum_epoch_request, BEGIN_QUORUM_EPOCH_REQUEST_FIELDS,
        "BeginQuorumEpochRequest", 53, 0, 1, 1)

#define BEGIN_QUORUM_EPOCH_RESPONSE_FIELDS(T, F, V, S, O, A)                                      \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, raft_epoch_topic, topics, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, raft_node_endpoint, node_endpoints, 1, MAX, NEVER, 0, 0)
MESSAGE(begin_quorum_epoch_response, BEGIN_QUORUM_EPOCH_RESPONSE_FIELDS,
        "BeginQuorumEpochResponse", 53, 0, 1, 1)

#define END_QUORUM_EPOCH_REQUEST_REPLICA_INFO_FIELDS(T, F, V, S, O, A)                            \
    F(T, I32, candidate_id, 1, MAX, NEVER, NOTAG, 0)                                              \
    F(T, UUID, candidate_directory_id, 1, MAX, NEVER, NOTAG, 0)
STRUCT(end_quorum_epoch_request_replica_info, END_QUORUM_EPOCH_REQUEST_REPLICA_INFO_FIELDS)

#define END_QUORUM_EPOCH_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                          \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    V(T, I32, preferred_successors, 0, 0, NEVER, NOTAG, 0)                                        \
    A(T, end_quorum_epoch_request_replica_info, preferred_candidates, 1, MAX, NEVER, NOTAG, 0)
STRUCT(end_quorum_epoch_request_partition_data, END_QUORUM_EPOCH_REQUEST_PARTITION_DATA_FIELDS)

#define END_QUORUM_EPOCH_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, end_quorum_epoch_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(end_quorum_epoch_request_topic_data, END_QUORUM_EPOCH_REQUEST_TOPIC_DATA_FIELDS)

#define END_QUORUM_EPOCH_REQUEST_FIELDS(T, F, V, S, O, A)                                         \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    A(T, end_quorum_epoch_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)                    \
    A(T, raft_endpoint, leader_endpoints, 1, MAX, NEVER, NOTAG, 0)
MESSAGE(end_quorum_epoch_request, END_QUORUM_EPOCH_REQUEST_FIELDS,
        "EndQuorumEpochRequest", 54, 0, 1, 1)

#define END_QUORUM_EPOCH_RESPONSE_FIELDS(T, F, V, S, O, A)                                        \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, raft_epoch_topic, topics, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, raft_node_endpoint, node_endpoints, 1, MAX, NEVER, 0, 0)
MESSAGE(end_quorum_epoch_response, END_QUORUM_EPOCH_RESPONSE_FIELDS,
        "EndQuorumEpochResponse", 54, 0, 1, 1)

#define DESCRIBE_QUORUM_REQUEST_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                           \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_quorum_request_partition_data, DESCRIBE_QUORUM_REQUEST_PARTITION_DATA_FIELDS)

#define DESCRIBE_QUORUM_REQUEST_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                               \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, describe_quorum_request_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_quorum_request_topic_data, DESCRIBE_QUORUM_REQUEST_TOPIC_DATA_FIELDS)

#define DESCRIBE_QUORUM_REQUEST_FIELDS(T, F, V, S, O, A)                                          \
    A(T, describe_quorum_request_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_quorum_request, DESCRIBE_QUORUM_REQUEST_FIELDS,
        "DescribeQuorumRequest", 55, 0, 2, 0)

#define DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE_FIELDS(T, F, V, S, O, A)                           \
    F(T, I32, replica_id, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, UUID, replica_directory_id, 2, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I64, log_end_offset, 0, MAX, NEVER, NOTAG, 0)                                            \
    F(T, I64, last_fetch_timestamp, 1, MAX, NEVER, NOTAG, -1)                                     \
    F(T, I64, last_caught_up_timestamp, 1, MAX, NEVER, NOTAG, -1)
STRUCT(describe_quorum_response_replica_state, DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE_FIELDS)

#define DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA_FIELDS(T, F, V, S, O, A)                          \
    F(T, I32, partition_index, 0, MAX, NEVER, NOTAG, 0)                                           \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 2, MAX, 2, NOTAG, 0)                                                 \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                              \
    F(T, I64, high_watermark, 0, MAX, NEVER, NOTAG, 0)                                            \
    A(T, describe_quorum_response_replica_state, current_voters, 0, MAX, NEVER, NOTAG, 0)         \
    A(T, describe_quorum_response_replica_state, observers, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_quorum_response_partition_data, DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA_FIELDS)

#define DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA_FIELDS(T, F, V, S, O, A)                              \
    F(T, STR, topic_name, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, describe_quorum_response_partition_data, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(describe_quorum_response_topic_data, DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA_FIELDS)

#define DESCRIBE_QUORUM_RESPONSE_NODE_FIELDS(T, F, V, S, O, A)                                    \
    F(T, I32, node_id, 2, MAX, NEVER, NOTAG, 0)                                                   \
    A(T, raft_endpoint, listeners, 2, MAX, NEVER, NOTAG, 0)
STRUCT(describe_quorum_response_node, DESCRIBE_QUORUM_RESPONSE_NODE_FIELDS)

#define DESCRIBE_QUORUM_RESPONSE_FIELDS(T, F, V, S, O, A)                                         \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 2, MAX, 2, NOTAG, 0)                                                 \
    A(T, describe_quorum_response_topic_data, topics, 0, MAX, NEVER, NOTAG, 0)                    \
    A(T, describe_quorum_response_node, nodes, 2, MAX, NEVER, NOTAG, 0)
MESSAGE(describe_quorum_response, DESCRIBE_QUORUM_RESPONSE_FIELDS,
        "DescribeQuorumResponse", 55, 0, 2, 0)

#define FETCH_SNAPSHOT_REQUEST_SNAPSHOT_ID_FIELDS(T, F, V, S, O, A)                               \
    F(T, I64, end_offset, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_request_snapshot_id, FETCH_SNAPSHOT_REQUEST_SNAPSHOT_ID_FIELDS)

#define FETCH_SNAPSHOT_REQUEST_PARTITION_SNAPSHOT_FIELDS(T, F, V, S, O, A)                        \
    F(T, I32, partition, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, current_leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                      \
    S(T, fetch_snapshot_request_snapshot_id, snapshot_id, 0, MAX, NEVER, NOTAG, 0)                \
    F(T, I64, position, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, replica_directory_id, 1, MAX, NEVER, 0, 0)
STRUCT(fetch_snapshot_request_partition_snapshot, FETCH_SNAPSHOT_REQUEST_PARTITION_SNAPSHOT_FIELDS)

#define FETCH_SNAPSHOT_REQUEST_TOPIC_SNAPSHOT_FIELDS(T, F, V, S, O, A)                            \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, fetch_snapshot_request_partition_snapshot, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_request_topic_snapshot, FETCH_SNAPSHOT_REQUEST_TOPIC_SNAPSHOT_FIELDS)

#define FETCH_SNAPSHOT_REQUEST_FIELDS(T, F, V, S, O, A)                                           \
    F(T, STR, cluster_id, 0, MAX, 0, 0, 0)                                                        \
    F(T, I32, replica_id, 0, MAX, NEVER, NOTAG, -1)                                               \
    F(T, I32, max_bytes, 0, MAX, NEVER, NOTAG, 2147483647)                                        \
    A(T, fetch_snapshot_request_topic_snapshot, topics, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(fetch_snapshot_request, FETCH_SNAPSHOT_REQUEST_FIELDS, "FetchSnapshotRequest", 59, 0, 1, 0)

#define FETCH_SNAPSHOT_RESPONSE_SNAPSHOT_ID_FIELDS(T, F, V, S, O, A)                              \
    F(T, I64, end_offset, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_response_snapshot_id, FETCH_SNAPSHOT_RESPONSE_SNAPSHOT_ID_FIELDS)

#define FETCH_SNAPSHOT_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS(T, F, V, S, O, A)                      \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, 0)                                                 \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_response_leader_id_and_epoch,
       FETCH_SNAPSHOT_RESPONSE_LEADER_ID_AND_EPOCH_FIELDS)

#define FETCH_SNAPSHOT_RESPONSE_PARTITION_SNAPSHOT_FIELDS(T, F, V, S, O, A)                       \
    F(T, I32, index, 0, MAX, NEVER, NOTAG, 0)                                                     \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    S(T, fetch_snapshot_response_snapshot_id, snapshot_id, 0, MAX, NEVER, NOTAG, 0)               \
    S(T, fetch_snapshot_response_leader_id_and_epoch, current_leader, 0, MAX, NEVER, 0, 0)        \
    F(T, I64, size, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I64, position, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, RECORDS, unaligned_records, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_response_partition_snapshot,
       FETCH_SNAPSHOT_RESPONSE_PARTITION_SNAPSHOT_FIELDS)

#define FETCH_SNAPSHOT_RESPONSE_TOPIC_SNAPSHOT_FIELDS(T, F, V, S, O, A)                           \
    F(T, STR, name, 0, MAX, NEVER, NOTAG, 0)                                                      \
    A(T, fetch_snapshot_response_partition_snapshot, partitions, 0, MAX, NEVER, NOTAG, 0)
STRUCT(fetch_snapshot_response_topic_snapshot, FETCH_SNAPSHOT_RESPONSE_TOPIC_SNAPSHOT_FIELDS)

#define FETCH_SNAPSHOT_RESPONSE_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    A(T, fetch_snapshot_response_topic_snapshot, topics, 0, MAX, NEVER, NOTAG, 0)                 \
    A(T, raft_node_endpoint, node_endpoints, 1, MAX, NEVER, 0, 0)
MESSAGE(fetch_snapshot_response, FETCH_SNAPSHOT_RESPONSE_FIELDS,
        "FetchSnapshotResponse", 59, 0, 1, 0)

#define ADD_RAFT_VOTER_REQUEST_FIELDS(T, F, V, S, O, A)                                           \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    F(T, I32, timeout_ms, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, I32, voter_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, voter_directory_id, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, raft_endpoint, listeners, 0, MAX, NEVER, NOTAG, 0)                                       \
    F(T, BOOL, ack_when_committed, 1, MAX, NEVER, NOTAG, 1)
MESSAGE(add_raft_voter_request, ADD_RAFT_VOTER_REQUEST_FIELDS, "AddRaftVoterRequest", 80, 0, 1, 0)

#define ADD_RAFT_VOTER_RESPONSE_FIELDS(T, F, V, S, O, A)                                          \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
MESSAGE(add_raft_voter_response, ADD_RAFT_VOTER_RESPONSE_FIELDS,
        "AddRaftVoterResponse", 80, 0, 1, 0)

#define REMOVE_RAFT_VOTER_REQUEST_FIELDS(T, F, V, S, O, A)                                        \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    F(T, I32, voter_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, voter_directory_id, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(remove_raft_voter_request, REMOVE_RAFT_VOTER_REQUEST_FIELDS,
        "RemoveRaftVoterRequest", 81, 0, 0, 0)

#define REMOVE_RAFT_VOTER_RESPONSE_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    F(T, STR, error_message, 0, MAX, 0, NOTAG, 0)
MESSAGE(remove_raft_voter_response, REMOVE_RAFT_VOTER_RESPONSE_FIELDS,
        "RemoveRaftVoterResponse", 81, 0, 0, 0)

#define UPDATE_RAFT_VOTER_REQUEST_KRAFT_VERSION_FEATURE_FIELDS(T, F, V, S, O, A)                  \
    F(T, I16, min_supported_version, 0, MAX, NEVER, NOTAG, 0)                                     \
    F(T, I16, max_supported_version, 0, MAX, NEVER, NOTAG, 0)
STRUCT(update_raft_voter_request_kraft_version_feature,
       UPDATE_RAFT_VOTER_REQUEST_KRAFT_VERSION_FEATURE_FIELDS)

#define UPDATE_RAFT_VOTER_REQUEST_FIELDS(T, F, V, S, O, A)                                        \
    F(T, STR, cluster_id, 0, MAX, 0, NOTAG, 0)                                                    \
    F(T, I32, current_leader_epoch, 0, MAX, NEVER, NOTAG, 0)                                      \
    F(T, I32, voter_id, 0, MAX, NEVER, NOTAG, 0)                                                  \
    F(T, UUID, voter_directory_id, 0, MAX, NEVER, NOTAG, 0)                                       \
    A(T, raft_endpoint, listeners, 0, MAX, NEVER, NOTAG, 0)                                       \
    S(T, update_raft_voter_request_kraft_version_feature, kraft_version_feature, 0, MAX, NEVER, NOTAG, 0)
MESSAGE(update_raft_voter_request, UPDATE_RAFT_VOTER_REQUEST_FIELDS,
        "UpdateRaftVoterRequest", 82, 0, 0, 0)

#define UPDATE_RAFT_VOTER_RESPONSE_CURRENT_LEADER_FIELDS(T, F, V, S, O, A)                        \
    F(T, I32, leader_id, 0, MAX, NEVER, NOTAG, -1)                                                \
    F(T, I32, leader_epoch, 0, MAX, NEVER, NOTAG, -1)                                             \
    F(T, STR, host, 0, MAX, NEVER, NOTAG, 0)                                                      \
    F(T, I32, port, 0, MAX, NEVER, NOTAG, 0)
STRUCT(update_raft_voter_response_current_leader, UPDATE_RAFT_VOTER_RESPONSE_CURRENT_LEADER_FIELDS)

#define UPDATE_RAFT_VOTER_RESPONSE_FIELDS(T, F, V, S, O, A)                                       \
    F(T, I32, throttle_time_ms, 0, MAX, NEVER, NOTAG, 0)                                          \
    F(T, I16, error_code, 0, MAX, NEVER, NOTAG, 0)                                                \
    S(T, update_raft_voter_response_current_leader, current_leader, 0, MAX, NEVER, 0, 0)
MESSAGE(update_raft_voter_response, UPDATE_RAFT_VOTER_RESPONSE_FIELDS,
        "UpdateRaftVoterResponse", 82, 0, 0, 0)
/* clang-format on */
