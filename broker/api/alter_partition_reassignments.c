/* SPDX-License-Identifier: Apache-2.0 */
/* alter_partition_reassignments.c - AlterPartitionReassignments (45, KIP-455): partitions move to
 * other brokers, or, with null for the replicas, stay after all. */
#include "broker/api/once.h"
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/reassign.h"

struct moves {
    struct metadata_op op;
    struct call *call;
    struct alter_partition_reassignments_response *resp;
};

static enum kafka_error
move_one(struct moves *m, struct slice topic,
         const struct alter_partition_reassignments_request_reassignable_partition *ask,
         struct map *seen, struct metadata_records *out, struct error *err)
{
    struct broker *b = m->call->broker;
    const struct alter_partition_reassignments_request *req = m->call->request;
    const struct image_topic *t = image_topic(&b->image, topic);
    struct change_policy policy = controller_policy(b);
    if (metadata_records_size(out) > METADATA_BATCH_BYTES_MAX / 2) {
        err_set(err, ERR_LIMIT, "Too many partitions in one request.");
        return KAFKA_POLICY_VIOLATION;
    }
    if (t && !once_add(seen, &t->id, ask->partition_index)) {
        err_set(err, ERR_INVALID, "The partition is named twice in the request.");
        return KAFKA_INVALID_REQUEST;
    }
    if (ask->replicas_n < 0) {
        return reassign_cancel(&b->image, &policy, topic, ask->partition_index, out, err);
    }
    bool any_factor = m->call->version < 1 || req->allow_replication_factor_change;
    return reassign_begin(&b->image, &policy, topic, ask->partition_index, ask->replicas,
                          ask->replicas_n, any_factor, out, err);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct moves *m = container_of(op, struct moves, op);
    const struct alter_partition_reassignments_request *req = m->call->request;
    struct map seen = { .seed = m->call->broker->hash_seed };
    for (int32_t i = 0; i < req->topics_n; i++) {
        for (int32_t k = 0; k < req->topics[i].partitions_n; k++) {
            struct alter_partition_reassignments_response_reassignable_partition_response *row =
                &m->resp->responses[i].partitions[k];
            struct error err = { 0 };
            row->partition_index = req->topics[i].partitions[k].partition_index;
            row->error_code = (int16_t)move_one(m, req->topics[i].name,
                                                &req->topics[i].partitions[k], &seen, out, &err);
            row->error_message =
                row->error_code ? arena_copy(&m->call->arena, slice_str(err.text)) : slice_null();
        }
    }
    map_deinit(&seen);
}

static void done(struct metadata_op *op, enum err status)
{
    struct moves *m = container_of(op, struct moves, op);
    if (status) {
        m->resp->error_code = (int16_t)controller_error(status);
        m->resp->responses_n = 0;
    }
    call_reply(m->call, m->resp);
}

void handle_alter_partition_reassignments(struct call *c)
{
    const struct alter_partition_reassignments_request *req = c->request;
    struct moves *m = call_alloc(c, sizeof(*m));
    struct alter_partition_reassignments_response *resp = m ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    resp->responses =
        call_array(c, &alter_partition_reassignments_response_reassignable_topic_response_schema,
                   req->topics_n);
    if (!resp->responses) {
        return;
    }
    resp->responses_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        resp->responses[i].name = req->topics[i].name;
        resp->responses[i].partitions_n = req->topics[i].partitions_n;
        resp->responses[i].partitions = call_array(
            c, &alter_partition_reassignments_response_reassignable_partition_response_schema,
            req->topics[i].partitions_n);
        if (!resp->responses[i].partitions) {
            return;
        }
    }
    m->call = c;
    m->resp = resp;
    m->op.prepare = prepare;
    m->op.done = done;
    metadata_submit(c->broker, &m->op);
}
