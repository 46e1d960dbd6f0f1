/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_producers.c - DescribeProducers (61, KIP-664): who writes to a partition, how far each
 * is. Any replica answers for its own log. Where the last batch lies is told in tagged fields
 * of ours (replica_place.c).
 */
#include "broker/api/table.h"
#include "broker/broker.h"

static bool describe(struct call *c, const struct producer_state *s,
                     struct describe_producers_response_partition_response *row)
{
    row->active_producers = call_array(c, &describe_producers_response_producer_state_schema,
                                       (int32_t)producer_state_count(s));
    if (!row->active_producers) {
        return false;
    }
    uint32_t cursor = 0;
    const struct producer_entry *entry;
    while ((entry = map_next(&s->entries, &cursor, NULL)) != NULL) {
        struct describe_producers_response_producer_state *out =
            &row->active_producers[row->active_producers_n++];
        out->producer_id = entry->producer_id;
        out->producer_epoch = entry->epoch;
        out->last_timestamp = entry->last_timestamp_ms;
        out->coordinator_epoch = entry->coordinator_epoch;
        out->current_txn_start_offset = entry->current_txn_first_offset;
        if (entry->kept_count) {
            const struct producer_kept *last = &entry->kept[entry->kept_count - 1];
            out->last_sequence = last->last_sequence;
            out->last_offset = last->last_offset;
            out->last_offset_delta = last->offset_delta;
        }
    }
    return true;
}

static bool one_partition(struct call *c, const struct topic *t, int32_t index,
                          struct describe_producers_response_partition_response *row)
{
    const struct partition *p = t ? topic_partition(t, index) : NULL;
    row->partition_index = index;
    if (!p) {
        row->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (p->role == PARTITION_NONE) {
        row->error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    } else if (p->log && p->log->offline) {
        row->error_code = KAFKA_KAFKA_STORAGE_ERROR;
    } else if (p->log) {
        return describe(c, &p->log->producers, row);
    }
    return true;
}

void handle_describe_producers(struct call *c)
{
    const struct describe_producers_request *req = c->request;
    struct describe_producers_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->topics = call_array(c, &describe_producers_response_topic_response_schema, req->topics_n);
    if (!resp->topics) {
        return;
    }
    resp->topics_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct describe_producers_request_topic_request *ask = &req->topics[i];
        struct describe_producers_response_topic_response *out = &resp->topics[i];
        const struct topic *t = topic_find(&c->broker->topics, ask->name);
        out->name = ask->name;
        out->partitions = call_array(c, &describe_producers_response_partition_response_schema,
                                     ask->partition_indexes_n);
        if (!out->partitions) {
            return;
        }
        out->partitions_n = ask->partition_indexes_n;
        for (int32_t k = 0; k < ask->partition_indexes_n; k++) {
            if (!one_partition(c, t, ask->partition_indexes[k], &out->partitions[k])) {
                return;
            }
        }
    }
    call_reply(c, resp);
}
