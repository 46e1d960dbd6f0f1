/* SPDX-License-Identifier: Apache-2.0 */
/* list_partition_reassignments.c - ListPartitionReassignments (46, KIP-455): partitions that are on
 * their way to other brokers. */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/reassign.h"

static bool is_asked(const struct list_partition_reassignments_request_topics *ask, int32_t index)
{
    return !ask || image_has_id(ask->partition_indexes, ask->partition_indexes_n, index);
}

/* A row for the topic, unless nothing of it moves. ask NULL: all partitions. false: no memory. */
static bool list_topic(struct call *c, const struct image_topic *t,
                       const struct list_partition_reassignments_request_topics *ask,
                       struct list_partition_reassignments_response *resp)
{
    struct list_partition_reassignments_response_ongoing_topic_reassignment *row =
        &resp->topics[resp->topics_n];
    int32_t moving = 0;
    for (int32_t i = 0; i < t->partition_count; i++) {
        moving += reassign_is_under_way(&t->partitions[i]) && is_asked(ask, i);
    }
    if (moving == 0) {
        return true;
    }
    row->name = slice_str(t->name);
    row->partitions =
        call_array(c, &list_partition_reassignments_response_ongoing_partition_reassignment_schema,
                   moving);
    for (int32_t i = 0; row->partitions && i < t->partition_count; i++) {
        const struct image_partition *p = &t->partitions[i];
        if (!reassign_is_under_way(p) || !is_asked(ask, i)) {
            continue;
        }
        struct list_partition_reassignments_response_ongoing_partition_reassignment *one =
            &row->partitions[row->partitions_n++];
        one->partition_index = i;
        one->replicas = p->replicas;
        one->replicas_n = p->replica_count;
        one->adding_replicas = p->adding;
        one->adding_replicas_n = p->adding_count;
        one->removing_replicas = p->removing;
        one->removing_replicas_n = p->removing_count;
    }
    resp->topics_n += row->partitions != NULL;
    return row->partitions != NULL;
}

void handle_list_partition_reassignments(struct call *c)
{
    const struct list_partition_reassignments_request *req = c->request;
    const struct image *img = &c->broker->image;
    bool all = req->topics_n < 0;
    struct list_partition_reassignments_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->topics =
        call_array(c, &list_partition_reassignments_response_ongoing_topic_reassignment_schema,
                   all ? (int32_t)img->topics_by_id.count : req->topics_n);
    bool ok = resp->topics != NULL;
    uint32_t cursor = 0;
    for (const struct image_topic *t;
         ok && all && (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        ok = list_topic(c, t, NULL, resp);
    }
    for (int32_t i = 0; ok && !all && i < req->topics_n; i++) {
        const struct image_topic *t = image_topic(img, req->topics[i].name);
        ok = !t || list_topic(c, t, &req->topics[i], resp);
    }
    if (ok) {
        call_reply(c, resp);
    }
}
