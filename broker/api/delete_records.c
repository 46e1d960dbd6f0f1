/* SPDX-License-Identifier: Apache-2.0 */
/* delete_records.c - DeleteRecords (21, KIP-107): moves the log start offset up; -1 is the high
 * watermark. */
#include "broker/api/table.h"
#include "broker/broker.h"

enum { TO_HIGH_WATERMARK = -1 };

static enum kafka_error one_partition(struct broker *b, const struct topic *t,
                                      const struct delete_records_request_partition *ask,
                                      int64_t *ret_low_watermark)
{
    struct partition *p = t ? topic_partition(t, ask->partition_index) : NULL;
    if (!p) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (p->role != PARTITION_LEADER) {
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (!t->config.cleanup_policy || !strstr(t->config.cleanup_policy, "delete")) {
        return KAFKA_POLICY_VIOLATION;
    }
    int64_t offset = ask->offset == TO_HIGH_WATERMARK ? p->high_watermark : ask->offset;
    if (offset < 0 || offset > p->high_watermark) {
        return KAFKA_OFFSET_OUT_OF_RANGE;
    }
    struct error err;
    if (p->log && log_advance_start(p->log, offset, &err)) {
        log_error(&b->log, "records could not be deleted", KV_STR("topic", t->name),
                  KV_INT("partition", p->index), KV_STR("error", err.text));
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    *ret_low_watermark = partition_start_offset(p);
    return KAFKA_NONE;
}

void handle_delete_records(struct call *c)
{
    struct broker *b = c->broker;
    const struct delete_records_request *req = c->request;
    struct delete_records_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->topics = call_array(c, &delete_records_response_topic_result_schema, req->topics_n);
    if (!resp->topics) {
        return;
    }
    resp->topics_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct delete_records_request_topic *ask = &req->topics[i];
        struct delete_records_response_topic_result *out = &resp->topics[i];
        const struct topic *t = topic_find(&b->topics, ask->name);
        out->name = ask->name;
        out->partitions =
            call_array(c, &delete_records_response_partition_result_schema, ask->partitions_n);
        if (!out->partitions) {
            return;
        }
        out->partitions_n = ask->partitions_n;
        for (int32_t k = 0; k < ask->partitions_n; k++) {
            out->partitions[k].partition_index = ask->partitions[k].partition_index;
            out->partitions[k].low_watermark = -1;
            out->partitions[k].error_code =
                (int16_t)one_partition(b, t, &ask->partitions[k],
                                       &out->partitions[k].low_watermark);
        }
    }
    /* The start offset is a line of a checkpoint: it must not come back after a crash. */
    broker_write_log_starts(b);
    call_reply(c, resp);
}
