/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - the list of APIs, and how a frame becomes a call of a handler. Driven by connection.c.
 *   (T1) What ApiVersions advertises is this table: nothing is promised that is not here.
 */
#include "broker/api/table.h"

#include "broker/broker.h"
#include "broker/controller_channel.h"

/* Requests whose reply follows from their own length. */
static size_t memory_small(size_t frame_len)
{
    return 256 * 1024 + 32 * frame_len;
}

/* Long frames are records, which take no memory of their own. */
static size_t memory_data(size_t frame_len)
{
    return memory_small(frame_len < 256 * 1024 ? frame_len : 256 * 1024) + 2 * frame_len;
}

/* Replies that tell of all topics, partitions or groups. */
static size_t memory_cluster(size_t frame_len)
{
    return ((size_t)64 << 20) + memory_data(frame_len);
}

/* The reply carries a part of a file. */
static size_t memory_snapshot(size_t frame_len)
{
    return SNAPSHOT_PART_BYTES_MAX + memory_small(frame_len);
}

static const struct api_row rows[API_KEY_END] = {
    [API_Produce] = { ON_BROKER, handle_produce, memory_data },
    [API_Fetch] = { ON_BOTH, handle_fetch, memory_cluster },
    [API_ListOffsets] = { ON_BROKER, handle_list_offsets, memory_small },
    [API_Metadata] = { ON_BROKER, handle_metadata, memory_cluster },
    [API_OffsetCommit] = { ON_BROKER, handle_offset_commit, memory_small },
    [API_OffsetFetch] = { ON_BROKER, handle_offset_fetch, memory_cluster },
    [API_FindCoordinator] = { ON_BROKER, handle_find_coordinator, memory_small },
    [API_JoinGroup] = { ON_BROKER, handle_join_group, memory_small },
    [API_Heartbeat] = { ON_BROKER, handle_heartbeat, memory_small },
    [API_LeaveGroup] = { ON_BROKER, handle_leave_group, memory_small },
    [API_SyncGroup] = { ON_BROKER, handle_sync_group, memory_small },
    [API_DescribeGroups] = { ON_BROKER, handle_describe_groups, memory_cluster },
    [API_ListGroups] = { ON_BROKER, handle_list_groups, memory_cluster },
    [API_ApiVersions] = { ON_BOTH, handle_api_versions, memory_small },
    [API_CreateTopics] = { FORWARDED, handle_create_topics, memory_small },
    [API_DeleteTopics] = { FORWARDED, handle_delete_topics, memory_small },
    [API_DeleteRecords] = { ON_BROKER, handle_delete_records, memory_small },
    [API_InitProducerId] = { ON_BROKER, handle_init_producer_id, memory_small },
    [API_OffsetForLeaderEpoch] = { ON_BROKER, handle_offset_for_leader_epoch, memory_small },
    [API_DescribeConfigs] = { ON_BOTH, handle_describe_configs, memory_cluster },
    [API_AlterConfigs] = { FORWARDED, handle_alter_configs, memory_small },
    [API_DescribeLogDirs] = { ON_BROKER, handle_describe_log_dirs, memory_cluster },
    [API_CreatePartitions] = { FORWARDED, handle_create_partitions, memory_small },
    [API_DeleteGroups] = { ON_BROKER, handle_delete_groups, memory_small },
    [API_IncrementalAlterConfigs] = { FORWARDED, handle_incremental_alter_configs, memory_small },
    [API_ListPartitionReassignments] = { FORWARDED, handle_list_partition_reassignments,
                                         memory_cluster },
    [API_Vote] = { ON_CONTROLLER, quorum_request, memory_small },
    [API_BeginQuorumEpoch] = { ON_CONTROLLER, quorum_request, memory_small },
    [API_EndQuorumEpoch] = { ON_CONTROLLER, quorum_request, memory_small },
    [API_DescribeQuorum] = { FORWARDED, quorum_request, memory_cluster },
    [API_FetchSnapshot] = { ON_CONTROLLER, quorum_request, memory_snapshot },
    [API_AddRaftVoter] = { FORWARDED, quorum_request, memory_small },
    [API_RemoveRaftVoter] = { FORWARDED, quorum_request, memory_small },
    [API_UpdateRaftVoter] = { ON_CONTROLLER, quorum_request, memory_small },
    [API_Envelope] = { ON_CONTROLLER, handle_envelope, memory_small },
    [API_ElectLeaders] = { FORWARDED, handle_elect_leaders, memory_cluster },
    [API_AlterPartitionReassignments] = { FORWARDED, handle_alter_partition_reassignments,
                                          memory_small },
    [API_AlterPartition] = { ON_CONTROLLER, handle_alter_partition, memory_cluster },
    [API_UpdateFeatures] = { FORWARDED, handle_update_features, memory_small },
    [API_BrokerRegistration] = { ON_CONTROLLER, handle_broker_registration, memory_small },
    [API_BrokerHeartbeat] = { ON_CONTROLLER, handle_broker_heartbeat, memory_small },
    [API_UnregisterBroker] = { FORWARDED, handle_unregister_broker, memory_small },
    [API_ControllerRegistration] = { ON_CONTROLLER, handle_controller_registration, memory_small },
    [API_AssignReplicasToDirs] = { ON_CONTROLLER, handle_assign_replicas_to_dirs, memory_small },
    [API_OffsetDelete] = { ON_BROKER, handle_offset_delete, memory_small },
    [API_AllocateProducerIds] = { ON_CONTROLLER, handle_allocate_producer_ids, memory_small },
    [API_DescribeCluster] = { ON_BOTH, handle_describe_cluster, memory_small },
    [API_DescribeProducers] = { ON_BROKER, handle_describe_producers, memory_cluster },
    [API_DescribeTopicPartitions] = { ON_BROKER, handle_describe_topic_partitions, memory_cluster },
};

const struct api_row *api_row(int16_t key, enum listener_kind kind)
{
    return key >= 0 && key < API_KEY_END && rows[key].where & kind ? &rows[key] : NULL;
}

bool api_row_is_forwarded(const struct api_row *row)
{
    return row->where == FORWARDED;
}

static void refuse(struct call *c, const char *why)
{
    struct broker *b = c->broker;
    b->metrics.connections_bad_closed++;
    log_info(&b->log, "closed a connection whose request cannot be understood",
             KV_STR("client", call_peer(c)), KV_STR("api", c->api ? c->api->name : "?"),
             KV_INT("version", c->version), KV_STR("why", why));
    call_fail(c, why);
}

void api_handle(struct call *c, const struct api_row *row)
{
    if (api_row_is_forwarded(row) && c->kind == LISTENER_BROKER &&
        !controller_channel_is_local(c->broker)) {
        controller_channel_forward(c);
    } else {
        row->handle(c);
    }
}

void api_dispatch(struct call *c)
{
    struct broker *b = c->broker;
    struct reader r = reader_of(slice_of(c->frame, c->frame_len));
    struct request_header header;
    enum err e = api_request_header_decode(&r, &header);
    if (e) {
        refuse(c, "its header is malformed");
        return;
    }
    c->api = api_find(header.request_api_key);
    c->version = header.request_api_version;
    c->correlation_id = header.correlation_id;
    c->client_id = header.client_id;
    const struct api_row *row = c->api ? api_row(c->api->key, c->kind) : NULL;
    if (!row || !api_has_version(c->api, c->version)) {
        b->metrics.requests_unsupported++;
        if (row && c->api->key == API_ApiVersions) {
            arena_init(&c->arena, row->memory(0));
            api_versions_unsupported(c);
        } else {
            refuse(c, "the API or its version is not served");
        }
        return;
    }
    arena_init(&c->arena, row->memory(c->frame_len));
    c->request = arena_alloc(&c->arena, c->api->request->size);
    e = c->request ? schema_decode(c->api->request, c->version, &r, &c->arena, c->request)
                   : ERR_LIMIT;
    if (e) {
        refuse(c,
               e == ERR_LIMIT ? "it wants more memory than it may have" : "its body is malformed");
        return;
    }
    if (c->kind == LISTENER_BROKER && c->api->key != API_ApiVersions && !lifecycle_serves(b)) {
        lifecycle_hold(c, row);
    } else {
        api_handle(c, row);
    }
}
