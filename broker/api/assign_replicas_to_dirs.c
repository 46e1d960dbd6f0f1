/* SPDX-License-Identifier: Apache-2.0 */
/* assign_replicas_to_dirs.c - AssignReplicasToDirs (73, KIP-858): a broker with several log
 * directories tells in which ones its replicas are. */
#include "broker/api/once.h"
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/isr_changes.h"

struct assignment {
    struct metadata_op op;
    struct call *call;
    struct assign_replicas_to_dirs_response *resp;
};

static enum kafka_error assign_one(struct assignment *a, const struct uuid *dir,
                                   const struct uuid *topic_id, int32_t index, struct map *seen,
                                   struct metadata_records *out)
{
    struct broker *b = a->call->broker;
    const struct assign_replicas_to_dirs_request *req = a->call->request;
    struct change_policy policy = controller_policy(b);
    if (metadata_records_size(out) > METADATA_BATCH_BYTES_MAX / 2 ||
        !once_add(seen, topic_id, index)) {
        return KAFKA_OPERATION_NOT_ATTEMPTED; /* the broker asks again */
    }
    return isr_change_assign_dir(&b->image, &policy, topic_id, index, req->broker_id, dir, out);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct assignment *a = container_of(op, struct assignment, op);
    const struct assign_replicas_to_dirs_request *req = a->call->request;
    const struct image *img = &op->broker->image;
    struct map seen = { .seed = op->broker->hash_seed };
    a->resp->error_code =
        image_metadata_version(img) < METADATA_DIRECTORIES
            ? KAFKA_UNSUPPORTED_VERSION
            : (int16_t)broker_change_check_epoch(img, req->broker_id, req->broker_epoch, NULL);
    for (int32_t i = 0; !a->resp->error_code && i < req->directories_n; i++) {
        const struct assign_replicas_to_dirs_request_directory_data *dir = &req->directories[i];
        for (int32_t t = 0; t < dir->topics_n; t++) {
            struct assign_replicas_to_dirs_response_topic_data *row =
                &a->resp->directories[i].topics[t];
            for (int32_t k = 0; k < row->partitions_n; k++) {
                row->partitions[k].partition_index = dir->topics[t].partitions[k].partition_index;
                row->partitions[k].error_code =
                    (int16_t)assign_one(a, &dir->id, &row->topic_id,
                                        row->partitions[k].partition_index, &seen, out);
            }
        }
    }
    map_deinit(&seen);
}

static void done(struct metadata_op *op, enum err status)
{
    struct assignment *a = container_of(op, struct assignment, op);
    if (status) {
        a->resp->error_code = (int16_t)controller_error(status);
    }
    if (a->resp->error_code) {
        a->resp->directories_n = 0;
    }
    call_reply(a->call, a->resp);
}

/* Rows like those of the request. false: no memory, and the call has ended. */
static bool make_rows(struct call *c, struct assign_replicas_to_dirs_response *resp)
{
    const struct assign_replicas_to_dirs_request *req = c->request;
    resp->directories =
        call_array(c, &assign_replicas_to_dirs_response_directory_data_schema, req->directories_n);
    for (int32_t i = 0; resp->directories && i < req->directories_n; i++) {
        const struct assign_replicas_to_dirs_request_directory_data *dir = &req->directories[i];
        struct assign_replicas_to_dirs_response_directory_data *row = &resp->directories[i];
        row->id = dir->id;
        row->topics =
            call_array(c, &assign_replicas_to_dirs_response_topic_data_schema, dir->topics_n);
        if (!row->topics) {
            return false;
        }
        row->topics_n = dir->topics_n;
        for (int32_t t = 0; t < dir->topics_n; t++) {
            row->topics[t].topic_id = dir->topics[t].topic_id;
            row->topics[t].partitions_n = dir->topics[t].partitions_n;
            row->topics[t].partitions =
                call_array(c, &assign_replicas_to_dirs_response_partition_data_schema,
                           dir->topics[t].partitions_n);
            if (!row->topics[t].partitions) {
                return false;
            }
        }
    }
    resp->directories_n = req->directories_n;
    return resp->directories != NULL;
}

void handle_assign_replicas_to_dirs(struct call *c)
{
    struct assignment *a = call_alloc(c, sizeof(*a));
    struct assign_replicas_to_dirs_response *resp = a ? call_response(c) : NULL;
    if (!resp || !make_rows(c, resp)) {
        return;
    }
    a->call = c;
    a->resp = resp;
    a->op.prepare = prepare;
    a->op.done = done;
    metadata_submit(c->broker, &a->op);
}
