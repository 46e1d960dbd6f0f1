/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - the APIs that this node serves: the only list of them is in table.c.
 * Each handler has a file of its own; it gets a decoded request and replies now or later
 * (connection.h).
 */
#ifndef LOGBOOM_BROKER_API_TABLE_H
#define LOGBOOM_BROKER_API_TABLE_H

#include "broker/connection.h"
#include "protocol/wire/kafka_error.h"

/* Where an API is served. */
enum api_where {
    ON_BROKER = LISTENER_BROKER,
    ON_CONTROLLER = LISTENER_CONTROLLER,
    ON_BOTH = ON_BROKER | ON_CONTROLLER,
    /* Only the active controller can answer: a broker that is not it sends the request on. */
    FORWARDED = 4 | ON_BOTH,
};

struct api_row {
    uint8_t where; /* of enum api_where */
    void (*handle)(struct call *c);
    /* How much memory a request of this length may take for its structs and its reply. */
    size_t (*memory)(size_t frame_len);
};

/* NULL for an API that is not served there. To walk: 0 <= key < API_KEY_END. */
const struct api_row *api_row(int16_t key, enum listener_kind kind);
bool api_row_is_forwarded(const struct api_row *row);
/* Decodes a call whose frame is whole and hands it to its handler, or to the active controller;
 * fails it when it cannot be understood. The call may be gone when this returns. */
void api_dispatch(struct call *c);
/* A decoded call: to the handler, or to the active controller. */
void api_handle(struct call *c, const struct api_row *row);

/* Answers a decoded request by an error for all that it asks for; only of an API that is forwarded.
 */
void api_reply_error(struct call *c, enum kafka_error code, const char *text);

void handle_api_versions(struct call *c);
/* The same for a version that is not served: version 0 of the reply with UNSUPPORTED_VERSION
 * (KIP-511). */
void api_versions_unsupported(struct call *c);
void handle_metadata(struct call *c);
void handle_produce(struct call *c);
void handle_fetch(struct call *c);
void handle_list_offsets(struct call *c);
void handle_offset_for_leader_epoch(struct call *c);
void handle_init_producer_id(struct call *c);
void handle_create_topics(struct call *c);
void handle_delete_topics(struct call *c);
void handle_create_partitions(struct call *c);
void handle_delete_records(struct call *c);
void handle_describe_producers(struct call *c);
void handle_describe_configs(struct call *c);
void handle_alter_configs(struct call *c);
void handle_incremental_alter_configs(struct call *c);
void handle_describe_cluster(struct call *c);
void handle_describe_topic_partitions(struct call *c);
void handle_describe_log_dirs(struct call *c);
void handle_list_partition_reassignments(struct call *c);
void handle_elect_leaders(struct call *c);
void handle_alter_partition_reassignments(struct call *c);
void handle_alter_partition(struct call *c);
void handle_update_features(struct call *c);
void handle_broker_registration(struct call *c);
void handle_broker_heartbeat(struct call *c);
void handle_unregister_broker(struct call *c);
void handle_controller_registration(struct call *c);
void handle_assign_replicas_to_dirs(struct call *c);
void handle_find_coordinator(struct call *c);
void handle_join_group(struct call *c);
void handle_sync_group(struct call *c);
void handle_heartbeat(struct call *c);
void handle_leave_group(struct call *c);
void handle_offset_commit(struct call *c);
void handle_offset_fetch(struct call *c);
void handle_describe_groups(struct call *c);
void handle_list_groups(struct call *c);
void handle_delete_groups(struct call *c);
void handle_offset_delete(struct call *c);
void handle_envelope(struct call *c);
void handle_allocate_producer_ids(struct call *c);

#endif
