/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elect_leaders.c - ElectLeaders (43, KIP-460): preferred or unclean elections, of the partitions
 * named or of all. When all are asked for, those that need none are left out of the reply.
 */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller/isr_changes.h"

struct elections {
    struct metadata_op op;
    struct call *call;
    struct elect_leaders_response *resp;
};

static void elect_one(struct elections *e, struct slice topic, int32_t index,
                      struct elect_leaders_response_partition_result *row,
                      struct metadata_records *out)
{
    struct broker *b = e->call->broker;
    const struct elect_leaders_request *req = e->call->request;
    struct change_policy policy = controller_policy(b);
    struct error err;
    enum kafka_error code = KAFKA_POLICY_VIOLATION;
    if (metadata_records_size(out) > METADATA_BATCH_BYTES_MAX / 2) {
        err_set(&err, ERR_LIMIT, "Too many partitions in one request.");
    } else {
        code = isr_change_elect(&b->image, &policy, topic, index,
                                e->call->version > 0 && req->election_type == ELECT_UNCLEAN
                                    ? ELECT_UNCLEAN
                                    : ELECT_PREFERRED,
                                out, &err);
    }
    row->partition_id = index;
    row->error_code = (int16_t)code;
    row->error_message = code ? arena_copy(&e->call->arena, slice_str(err.text)) : slice_null();
}

static void elect_named(struct elections *e, struct metadata_records *out)
{
    const struct elect_leaders_request *req = e->call->request;
    for (int32_t i = 0; i < req->topic_partitions_n; i++) {
        const struct elect_leaders_request_topic_partitions *ask = &req->topic_partitions[i];
        struct elect_leaders_response_replica_election_result *row =
            &e->resp->replica_election_results[i];
        row->topic = ask->topic;
        row->partition_result =
            schema_new(&elect_leaders_response_partition_result_schema, &e->call->arena,
                       (size_t)(ask->partitions_n > 0 ? ask->partitions_n : 0));
        row->partition_result_n = 0;
        for (int32_t k = 0; row->partition_result && k < ask->partitions_n; k++) {
            elect_one(e, ask->topic, ask->partitions[k],
                      &row->partition_result[row->partition_result_n++], out);
        }
    }
    e->resp->replica_election_results_n = req->topic_partitions_n;
}

static void elect_all(struct elections *e, struct metadata_records *out)
{
    const struct image *img = &e->call->broker->image;
    uint32_t cursor = 0;
    int32_t n = 0, cap = e->resp->replica_election_results_n;
    for (const struct image_topic *t; n < cap && (t = map_next(&img->topics_by_id, &cursor, NULL));
         n++) {
        struct elect_leaders_response_replica_election_result *row =
            &e->resp->replica_election_results[n];
        row->topic = arena_copy(&e->call->arena, slice_str(t->name));
        row->partition_result = schema_new(&elect_leaders_response_partition_result_schema,
                                           &e->call->arena, (size_t)t->partition_count);
        row->partition_result_n = 0;
        for (int32_t i = 0; row->partition_result && i < t->partition_count; i++) {
            struct elect_leaders_response_partition_result *one =
                &row->partition_result[row->partition_result_n];
            elect_one(e, row->topic, i, one, out);
            row->partition_result_n += one->error_code != KAFKA_ELECTION_NOT_NEEDED;
        }
    }
    e->resp->replica_election_results_n = n;
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct elections *e = container_of(op, struct elections, op);
    const struct elect_leaders_request *req = e->call->request;
    if (req->topic_partitions_n < 0) {
        elect_all(e, out);
    } else {
        elect_named(e, out);
    }
}

static void done(struct metadata_op *op, enum err status)
{
    struct elections *e = container_of(op, struct elections, op);
    if (status) {
        e->resp->error_code = (int16_t)controller_error(status);
        e->resp->replica_election_results_n = 0;
    }
    call_reply(e->call, e->resp);
}

void handle_elect_leaders(struct call *c)
{
    const struct elect_leaders_request *req = c->request;
    struct elections *e = call_alloc(c, sizeof(*e));
    struct elect_leaders_response *resp = e ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    int32_t topics = req->topic_partitions_n < 0 ? (int32_t)c->broker->image.topics_by_id.count
                                                 : req->topic_partitions_n;
    bool known = c->version < 1 || req->election_type == ELECT_PREFERRED ||
                 req->election_type == ELECT_UNCLEAN;
    if (!known) {
        resp->error_code = KAFKA_INVALID_REQUEST;
        call_reply(c, resp);
        return;
    }
    resp->replica_election_results =
        call_array(c, &elect_leaders_response_replica_election_result_schema, topics);
    if (!resp->replica_election_results) {
        return;
    }
    resp->replica_election_results_n = topics;
    e->call = c;
    e->resp = resp;
    e->op.prepare = prepare;
    e->op.done = done;
    metadata_submit(c->broker, &e->op);
}
