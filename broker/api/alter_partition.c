/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alter_partition.c - AlterPartition (56, KIP-497): leaders tell who is in sync. What is right is
 * changed, what is not gets its code; one change of the metadata for a whole request.
 */
#include "broker/api/once.h"
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/isr_changes.h"

struct alter {
    struct metadata_op op;
    struct call *call;
    struct alter_partition_response *resp;
};

/* The ISR of version 3 has the brokers' epochs beside. false: no memory. */
static bool read_isr(struct call *c, const struct alter_partition_request_partition_data *ask,
                     struct isr_wish *wish)
{
    if (c->version < 3) {
        wish->isr = ask->new_isr;
        wish->isr_count = ask->new_isr_n;
        return true;
    }
    int32_t n = ask->new_isr_with_epochs_n;
    int32_t *ids = arena_array(&c->arena, (size_t)n, sizeof(*ids));
    int64_t *epochs = arena_array(&c->arena, (size_t)n, sizeof(*epochs));
    for (int32_t i = 0; ids && epochs && i < n; i++) {
        ids[i] = ask->new_isr_with_epochs[i].broker_id;
        epochs[i] = ask->new_isr_with_epochs[i].broker_epoch;
    }
    wish->isr = ids;
    wish->isr_epochs = epochs;
    wish->isr_count = n;
    return ids && epochs;
}

static enum kafka_error alter_one(struct alter *a, const struct uuid *topic_id,
                                  const struct alter_partition_request_partition_data *ask,
                                  struct map *seen, struct metadata_records *out)
{
    struct broker *b = a->call->broker;
    const struct alter_partition_request *req = a->call->request;
    const struct image_topic *t = image_topic_by_id(&b->image, topic_id);
    struct change_policy policy = controller_policy(b);
    struct isr_wish wish = { .broker_id = req->broker_id,
                             .leader_epoch = ask->leader_epoch,
                             .partition_epoch = ask->partition_epoch,
                             .recovering = ask->leader_recovery_state == 1 };
    if (!t) {
        return KAFKA_UNKNOWN_TOPIC_ID;
    }
    if (!read_isr(a->call, ask, &wish) || !once_add(seen, topic_id, ask->partition_index) ||
        metadata_records_size(out) > METADATA_BATCH_BYTES_MAX / 2) {
        return KAFKA_OPERATION_NOT_ATTEMPTED; /* the leader asks again */
    }
    return isr_change_alter(&b->image, &policy, t, ask->partition_index, &wish, out);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct alter *a = container_of(op, struct alter, op);
    const struct alter_partition_request *req = a->call->request;
    struct map seen = { .seed = op->broker->hash_seed };
    a->resp->error_code = (int16_t)broker_change_check_epoch(&op->broker->image, req->broker_id,
                                                             req->broker_epoch, NULL);
    for (int32_t i = 0; !a->resp->error_code && i < req->topics_n; i++) {
        const struct alter_partition_request_topic_data *ask = &req->topics[i];
        struct alter_partition_response_topic_data *row = &a->resp->topics[i];
        row->topic_id = ask->topic_id;
        row->partitions_n = ask->partitions_n;
        for (int32_t k = 0; k < ask->partitions_n; k++) {
            row->partitions[k].partition_index = ask->partitions[k].partition_index;
            row->partitions[k].error_code =
                (int16_t)alter_one(a, &ask->topic_id, &ask->partitions[k], &seen, out);
        }
    }
    map_deinit(&seen);
    a->resp->topics_n = a->resp->error_code ? 0 : req->topics_n;
}

/* What the partition is now. */
static void tell(const struct image *img, const struct alter_partition_response_topic_data *topic,
                 struct alter_partition_response_partition_data *row)
{
    const struct image_topic *t = image_topic_by_id(img, &topic->topic_id);
    const struct image_partition *p = t ? image_partition(t, row->partition_index) : NULL;
    if (!row->error_code && p) {
        row->leader_id = p->leader;
        row->leader_epoch = p->leader_epoch;
        row->isr = p->isr;
        row->isr_n = p->isr_count;
        row->leader_recovery_state = p->recovering;
        row->partition_epoch = p->partition_epoch;
    }
}

static void done(struct metadata_op *op, enum err status)
{
    struct alter *a = container_of(op, struct alter, op);
    if (status) {
        a->resp->error_code = (int16_t)controller_error(status);
        a->resp->topics_n = 0;
    }
    for (int32_t i = 0; i < a->resp->topics_n; i++) {
        struct alter_partition_response_topic_data *row = &a->resp->topics[i];
        for (int32_t k = 0; k < row->partitions_n; k++) {
            tell(&op->broker->image, row, &row->partitions[k]);
        }
    }
    call_reply(a->call, a->resp);
}

void handle_alter_partition(struct call *c)
{
    const struct alter_partition_request *req = c->request;
    struct alter *a = call_alloc(c, sizeof(*a));
    struct alter_partition_response *resp = a ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    resp->topics = call_array(c, &alter_partition_response_topic_data_schema, req->topics_n);
    for (int32_t i = 0; resp->topics && i < req->topics_n; i++) {
        resp->topics[i].partitions = call_array(c, &alter_partition_response_partition_data_schema,
                                                req->topics[i].partitions_n);
        if (!resp->topics[i].partitions) {
            return;
        }
    }
    if (!resp->topics) {
        return;
    }
    a->call = c;
    a->resp = resp;
    a->op.prepare = prepare;
    a->op.done = done;
    metadata_submit(c->broker, &a->op);
}
