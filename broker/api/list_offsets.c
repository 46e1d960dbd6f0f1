/* SPDX-License-Identifier: Apache-2.0 */
/* list_offsets.c - ListOffsets (2): first, last, and by time. KIP-79, KIP-734, KIP-1005. */
#include "broker/api/table.h"
#include "broker/broker.h"

enum {
    OFFSET_LATEST = -1,
    OFFSET_EARLIEST = -2,
    OFFSET_MAX_TIMESTAMP = -3,
    OFFSET_EARLIEST_LOCAL = -4,
    OFFSET_LATEST_TIERED = -5,
    OFFSET_EARLIEST_PENDING_UPLOAD = -6,
    REPLICA_DEBUGGING = -2, /* a replica id: asks whatever node it likes */
};

static enum kafka_error by_timestamp(struct partition *p, int64_t timestamp,
                                     struct list_offsets_response_partition_response *row)
{
    struct log_timestamp found = { -1, -1, -1 };
    if (!p->log) {
        return KAFKA_NONE;
    }
    enum err e = timestamp == OFFSET_MAX_TIMESTAMP
                     ? log_find_max_timestamp(p->log, &found)
                     : log_find_timestamp(p->log, timestamp, p->high_watermark, &found);
    if (e && e != ERR_NOT_FOUND) {
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    if (found.offset >= 0 && found.offset < p->high_watermark) {
        row->timestamp = found.timestamp_ms;
        row->offset = found.offset;
        row->leader_epoch = found.leader_epoch;
    }
    return KAFKA_NONE;
}

static enum kafka_error one_partition(struct call *c, const struct topic *t,
                                      const struct list_offsets_request_partition *ask,
                                      struct list_offsets_response_partition_response *row)
{
    struct partition *p = t ? topic_partition(t, ask->partition_index) : NULL;
    if (!p) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    const struct list_offsets_request *req = c->request;
    bool follower = req->replica_id >= 0;
    enum kafka_error code = req->replica_id == REPLICA_DEBUGGING
                                ? partition_check_epoch(p, ask->current_leader_epoch)
                                : partition_check_leader(p, ask->current_leader_epoch);
    if (code) {
        return code;
    }
    if (!follower && ask->timestamp != OFFSET_EARLIEST && p->role == PARTITION_LEADER && p->isr &&
        p->high_watermark < p->epoch_start_offset) {
        /* A new leader that has yet to learn what the old one had committed. */
        return c->version >= 5 ? KAFKA_OFFSET_NOT_AVAILABLE : KAFKA_LEADER_NOT_AVAILABLE;
    }
    switch (ask->timestamp) {
    case OFFSET_LATEST:
        row->offset = follower ? partition_end_offset(p) : p->high_watermark;
        row->leader_epoch = p->leader_epoch;
        return KAFKA_NONE;
    case OFFSET_EARLIEST:
    case OFFSET_EARLIEST_LOCAL:
        row->offset = partition_start_offset(p);
        row->leader_epoch =
            p->log ? leader_epochs_of(&p->log->epochs, row->offset) : p->leader_epoch;
        return KAFKA_NONE;
    case OFFSET_LATEST_TIERED:
    case OFFSET_EARLIEST_PENDING_UPLOAD:
        return KAFKA_NONE; /* nothing is tiered: no offset */
    default:
        if (ask->timestamp < 0 && (ask->timestamp != OFFSET_MAX_TIMESTAMP || c->version < 7)) {
            return KAFKA_UNSUPPORTED_VERSION;
        }
        return by_timestamp(p, ask->timestamp, row);
    }
}

void handle_list_offsets(struct call *c)
{
    const struct list_offsets_request *req = c->request;
    struct list_offsets_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->topics = call_array(c, &list_offsets_response_topic_response_schema, req->topics_n);
    if (!resp->topics) {
        return;
    }
    resp->topics_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct list_offsets_request_topic *ask = &req->topics[i];
        struct list_offsets_response_topic_response *out = &resp->topics[i];
        const struct topic *t = topic_find(&c->broker->topics, ask->name);
        out->name = ask->name;
        out->partitions =
            call_array(c, &list_offsets_response_partition_response_schema, ask->partitions_n);
        if (!out->partitions) {
            return;
        }
        out->partitions_n = ask->partitions_n;
        for (int32_t k = 0; k < ask->partitions_n; k++) {
            out->partitions[k].partition_index = ask->partitions[k].partition_index;
            out->partitions[k].error_code =
                (int16_t)one_partition(c, t, &ask->partitions[k], &out->partitions[k]);
        }
    }
    call_reply(c, resp);
}
