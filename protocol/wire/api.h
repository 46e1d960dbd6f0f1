/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - Kafka's APIs by key, and what stands before a message on the wire.
 * A frame is an i32 length, a header, and a body; which header follows from the key and the
 * version. Source: Kafka's protocol guide; KIP-482 (header versions), KIP-511 (ApiVersions).
 */
#ifndef LOGBOOM_WIRE_API_H
#define LOGBOOM_WIRE_API_H

#include "protocol/wire/messages.h"

/* key, Kafka's name, prefix of the structs, the least version to advertise.
 * Produce is advertised from 0, though only 3 and above are served: librdkafka up to 2.11 looks for
 * version 0 and sends uncompressed batches without it (KAFKA-18659). */
#define API_LIST(X)                                                                                \
    X(0, Produce, produce, 0)                                                                      \
    X(1, Fetch, fetch, 4)                                                                          \
    X(2, ListOffsets, list_offsets, 1)                                                             \
    X(3, Metadata, metadata, 0)                                                                    \
    X(8, OffsetCommit, offset_commit, 2)                                                           \
    X(9, OffsetFetch, offset_fetch, 1)                                                             \
    X(10, FindCoordinator, find_coordinator, 0)                                                    \
    X(11, JoinGroup, join_group, 0)                                                                \
    X(12, Heartbeat, heartbeat, 0)                                                                 \
    X(13, LeaveGroup, leave_group, 0)                                                              \
    X(14, SyncGroup, sync_group, 0)                                                                \
    X(15, DescribeGroups, describe_groups, 0)                                                      \
    X(16, ListGroups, list_groups, 0)                                                              \
    X(18, ApiVersions, api_versions, 0)                                                            \
    X(19, CreateTopics, create_topics, 2)                                                          \
    X(20, DeleteTopics, delete_topics, 1)                                                          \
    X(21, DeleteRecords, delete_records, 0)                                                        \
    X(22, InitProducerId, init_producer_id, 0)                                                     \
    X(23, OffsetForLeaderEpoch, offset_for_leader_epoch, 2)                                        \
    X(32, DescribeConfigs, describe_configs, 1)                                                    \
    X(33, AlterConfigs, alter_configs, 0)                                                          \
    X(34, AlterReplicaLogDirs, alter_replica_log_dirs, 1)                                          \
    X(35, DescribeLogDirs, describe_log_dirs, 1)                                                   \
    X(37, CreatePartitions, create_partitions, 0)                                                  \
    X(42, DeleteGroups, delete_groups, 0)                                                          \
    X(43, ElectLeaders, elect_leaders, 0)                                                          \
    X(44, IncrementalAlterConfigs, incremental_alter_configs, 0)                                   \
    X(45, AlterPartitionReassignments, alter_partition_reassignments, 0)                           \
    X(46, ListPartitionReassignments, list_partition_reassignments, 0)                             \
    X(47, OffsetDelete, offset_delete, 0)                                                          \
    X(48, DescribeClientQuotas, describe_client_quotas, 0)                                         \
    X(49, AlterClientQuotas, alter_client_quotas, 0)                                               \
    X(52, Vote, vote, 0)                                                                           \
    X(53, BeginQuorumEpoch, begin_quorum_epoch, 0)                                                 \
    X(54, EndQuorumEpoch, end_quorum_epoch, 0)                                                     \
    X(55, DescribeQuorum, describe_quorum, 0)                                                      \
    X(56, AlterPartition, alter_partition, 2)                                                      \
    X(57, UpdateFeatures, update_features, 0)                                                      \
    X(58, Envelope, envelope, 0)                                                                   \
    X(59, FetchSnapshot, fetch_snapshot, 0)                                                        \
    X(60, DescribeCluster, describe_cluster, 0)                                                    \
    X(61, DescribeProducers, describe_producers, 0)                                                \
    X(62, BrokerRegistration, broker_registration, 0)                                              \
    X(63, BrokerHeartbeat, broker_heartbeat, 0)                                                    \
    X(64, UnregisterBroker, unregister_broker, 0)                                                  \
    X(67, AllocateProducerIds, allocate_producer_ids, 0)                                           \
    X(70, ControllerRegistration, controller_registration, 0)                                      \
    X(73, AssignReplicasToDirs, assign_replicas_to_dirs, 0)                                        \
    X(75, DescribeTopicPartitions, describe_topic_partitions, 0)                                   \
    X(80, AddRaftVoter, add_raft_voter, 0)                                                         \
    X(81, RemoveRaftVoter, remove_raft_voter, 0)                                                   \
    X(82, UpdateRaftVoter, update_raft_voter, 0)

enum api_key {
#define API_ENUM(key, name, prefix, advertised_min) API_##name = key,
    API_LIST(API_ENUM)
#undef API_ENUM
        API_KEY_END = 83 /* above every key of the list */
};

struct api {
    const char *name; /* Kafka's, e.g. "Fetch" */
    const struct schema *request;
    const struct schema *response;
    int16_t key;
    int16_t advertised_min; /* at most request->min; what is served begins there */
};

/* NULL for a key that is not in the list. To walk the list, ask for 0 <= key < API_KEY_END. */
const struct api *api_find(int16_t key);

/* Whether the tables know this version of the API. */
static inline bool api_has_version(const struct api *api, int16_t version)
{
    return version >= api->request->min && version <= api->request->max;
}

/* The header's own version: 2 for flexible versions of known APIs, else 1 (unknown keys too). */
int16_t api_request_header_version(int16_t key, int16_t version);
/* 1 for flexible versions, else 0; ApiVersions always has 0, for clients that know nothing yet. */
int16_t api_response_header_version(int16_t key, int16_t version);

/* Reads the header before a request's body; struct request_header is in messages_record.h. Key and
 * version are not judged. The client id is a view into the reader's bytes. ERR_SHORT,
 * ERR_MALFORMED. */
enum err api_request_header_decode(struct reader *r, struct request_header *ret_header);
/* Reads the header before a response's body. The version is the request's. */
enum err api_response_header_decode(struct reader *r, int16_t key, int16_t version,
                                    int32_t *ret_correlation_id);

/* Writes length, header and body behind what the writer holds; the body is of
 * header->request_api_key at header->request_api_version. ERR_UNSUPPORTED for a key or version
 * without a table, ERR_LIMIT when something does not fit its length field; then the writer's buffer
 * and splices are as before. */
enum err api_frame_request(struct writer *w, const struct request_header *header, const void *body);
/* The same for a response to a request of this key and version. An answer to an ApiVersions request
 * of an unknown version is framed with version 0 (KIP-511). */
enum err api_frame_response(struct writer *w, int16_t key, int16_t version, int32_t correlation_id,
                            const void *body);

#endif
