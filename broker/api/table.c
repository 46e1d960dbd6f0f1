/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - the list of APIs, and how a frame becomes a call of a handler. Driven by connection.c.
 *   (T1) What ApiVersions advertises is this table: nothing is promised that is not here.
 */
#include "broker/api/table.h"

#include "broker/broker.h"

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

static const struct api_row rows[] = {
    { API_Produce, handle_produce, memory_data },
    { API_Fetch, handle_fetch, memory_cluster },
    { API_ListOffsets, handle_list_offsets, memory_small },
    { API_Metadata, handle_metadata, memory_cluster },
    { API_OffsetCommit, handle_offset_commit, memory_small },
    { API_OffsetFetch, handle_offset_fetch, memory_cluster },
    { API_FindCoordinator, handle_find_coordinator, memory_small },
    { API_JoinGroup, handle_join_group, memory_small },
    { API_Heartbeat, handle_heartbeat, memory_small },
    { API_LeaveGroup, handle_leave_group, memory_small },
    { API_SyncGroup, handle_sync_group, memory_small },
    { API_DescribeGroups, handle_describe_groups, memory_cluster },
    { API_ListGroups, handle_list_groups, memory_cluster },
    { API_ApiVersions, handle_api_versions, memory_small },
    { API_CreateTopics, handle_create_topics, memory_small },
    { API_DeleteTopics, handle_delete_topics, memory_small },
    { API_DeleteRecords, handle_delete_records, memory_small },
    { API_InitProducerId, handle_init_producer_id, memory_small },
    { API_OffsetForLeaderEpoch, handle_offset_for_leader_epoch, memory_small },
    { API_DescribeConfigs, handle_describe_configs, memory_cluster },
    { API_AlterConfigs, handle_alter_configs, memory_small },
    { API_DescribeLogDirs, handle_describe_log_dirs, memory_cluster },
    { API_CreatePartitions, handle_create_partitions, memory_small },
    { API_DeleteGroups, handle_delete_groups, memory_small },
    { API_IncrementalAlterConfigs, handle_incremental_alter_configs, memory_small },
    { API_ListPartitionReassignments, handle_list_partition_reassignments, memory_small },
    { API_OffsetDelete, handle_offset_delete, memory_small },
    { API_DescribeCluster, handle_describe_cluster, memory_small },
    { API_DescribeTopicPartitions, handle_describe_topic_partitions, memory_cluster },
};

const struct api_row *api_row(int16_t key)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].key == key) {
            return &rows[i];
        }
    }
    return NULL;
}

static void refuse(struct call *c, const char *why)
{
    struct broker *b = c->broker;
    b->metrics.connections_bad_closed++;
    log_info(&b->log, "closed a connection whose request cannot be understood",
             KV_STR("client", connection_peer(c->conn)), KV_STR("api", c->api ? c->api->name : "?"),
             KV_INT("version", c->version), KV_STR("why", why));
    call_fail(c, why);
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
    const struct api_row *row = c->api ? api_row(c->api->key) : NULL;
    if (!row || !api_has_version(c->api, c->version)) {
        b->metrics.requests_unsupported++;
        if (row && row->key == API_ApiVersions) {
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
    row->handle(c);
}
