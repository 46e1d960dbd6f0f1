/* SPDX-License-Identifier: Apache-2.0 */
/* offset_for_leader_epoch.c - OffsetForLeaderEpoch (23): where an epoch ends. KIP-101, KIP-320. */
#include "broker/api/table.h"
#include "broker/broker.h"

static enum kafka_error
one_partition(const struct topic *t,
              const struct offset_for_leader_epoch_request_offset_for_leader_partition *ask,
              struct offset_for_leader_epoch_response_epoch_end_offset *row)
{
    const struct partition *p = t ? topic_partition(t, ask->partition) : NULL;
    if (!p) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    enum kafka_error code = partition_check_leader(p, ask->current_leader_epoch);
    if (code || ask->leader_epoch < 0) {
        return code;
    }
    if (ask->leader_epoch == p->leader_epoch) {
        row->leader_epoch = p->leader_epoch;
        row->end_offset = partition_end_offset(p);
    } else if (p->log) {
        partition_epoch_end(p, ask->leader_epoch, &row->leader_epoch, &row->end_offset);
    }
    return KAFKA_NONE;
}

void handle_offset_for_leader_epoch(struct call *c)
{
    const struct offset_for_leader_epoch_request *req = c->request;
    struct offset_for_leader_epoch_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->topics =
        call_array(c, &offset_for_leader_epoch_response_offset_for_leader_topic_result_schema,
                   req->topics_n);
    if (!resp->topics) {
        return;
    }
    resp->topics_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct offset_for_leader_epoch_request_offset_for_leader_topic *ask = &req->topics[i];
        struct offset_for_leader_epoch_response_offset_for_leader_topic_result *out =
            &resp->topics[i];
        const struct topic *t = topic_find(&c->broker->topics, ask->topic);
        out->topic = ask->topic;
        out->partitions = call_array(c, &offset_for_leader_epoch_response_epoch_end_offset_schema,
                                     ask->partitions_n);
        if (!out->partitions) {
            return;
        }
        out->partitions_n = ask->partitions_n;
        for (int32_t k = 0; k < ask->partitions_n; k++) {
            out->partitions[k].partition = ask->partitions[k].partition;
            out->partitions[k].error_code =
                (int16_t)one_partition(t, &ask->partitions[k], &out->partitions[k]);
        }
    }
    call_reply(c, resp);
}
