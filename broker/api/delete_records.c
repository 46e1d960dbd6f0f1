/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete_records.c - DeleteRecords (21, KIP-107): moves the log start offset up; -1 is the high
 * watermark. Driven by clients, then by its timer.
 *   (X1) What was answered stays deleted whoever leads next, also after a loss of power: the reply
 *        waits until everybody who may be elected and every other live replica begins there, on its
 *        disk, or for the request's timeout. Whoever joins the ISR later does, too (isr.c, I5).
 */
#include "broker/api/table.h"
#include "broker/broker.h"

enum { TO_HIGH_WATERMARK = -1, LOOK_MS = 10 };

struct deletion {
    struct call *call;
    struct delete_records_response *resp;
    struct timer look;
    uint64_t deadline_ns;
    bool is_durable; /* the leader's own part */
};

static enum kafka_error one_partition(const struct topic *t,
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
    partition_want_start(p, offset);
    if (partition_next_start(p) < offset) {
        return KAFKA_KAFKA_STORAGE_ERROR; /* its disk failed */
    }
    *ret_low_watermark = partition_next_start(p);
    return KAFKA_NONE;
}

/* --- waiting for the replicas ----------------------------------------------------------------- */

/* Whether the row, whose low_watermark is what was asked for, waits for somebody. */
static bool row_waits(const struct deletion *d, struct slice topic, bool late,
                      struct delete_records_response_partition_result *row)
{
    struct broker *b = d->call->broker;
    const struct topic *t = topic_find(&b->topics, topic);
    struct partition *p = t ? topic_partition(t, row->partition_index) : NULL;
    if (row->error_code) {
        return false;
    }
    if (!p || p->role != PARTITION_LEADER) {
        row->error_code = p ? KAFKA_NOT_LEADER_OR_FOLLOWER : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return false;
    }
    if (!d->is_durable || partition_start_offset(p) < row->low_watermark) {
        row->error_code = KAFKA_KAFKA_STORAGE_ERROR; /* the node's log says why */
        return false;
    }
    if (!p->isr) {
        return false;
    }
    partition_note_brokers(b, p);
    if (isr_low_watermark(p->isr, partition_start_offset(p)) >= row->low_watermark) {
        return false;
    }
    row->error_code = late ? KAFKA_REQUEST_TIMED_OUT : KAFKA_NONE;
    return !late;
}

static void look(void *owner)
{
    struct deletion *d = owner;
    struct broker *b = d->call->broker;
    bool late = env_mono_ns(b->env) >= d->deadline_ns, waits = false;
    for (int32_t i = 0; i < d->resp->topics_n; i++) {
        struct delete_records_response_topic_result *t = &d->resp->topics[i];
        for (int32_t k = 0; k < t->partitions_n; k++) {
            waits |= row_waits(d, t->name, late, &t->partitions[k]);
        }
    }
    if (waits) {
        timer_arm_in(b->env, &d->look, (uint64_t)LOOK_MS * NS_PER_MS);
    } else {
        call_reply(d->call, d->resp);
    }
}

static void abandoned(struct call *c)
{
    struct deletion *d = c->state;
    timer_cancel(c->broker->env, &d->look);
    call_reply_none(c);
}

void handle_delete_records(struct call *c)
{
    struct broker *b = c->broker;
    const struct delete_records_request *req = c->request;
    struct deletion *d = call_alloc(c, sizeof(*d));
    struct delete_records_response *resp = d ? call_response(c) : NULL;
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
                (int16_t)one_partition(t, &ask->partitions[k], &out->partitions[k].low_watermark);
        }
    }
    bool is_durable = checkpoints_write_log_starts(b);
    uint64_t timeout_ms = req->timeout_ms > 0 ? (uint64_t)req->timeout_ms : 0;
    *d = (struct deletion){ .call = c,
                            .resp = resp,
                            .is_durable = is_durable,
                            .look = { .fire = look, .owner = d },
                            .deadline_ns = env_mono_ns(b->env) + timeout_ms * NS_PER_MS };
    c->state = d;
    c->abandoned = abandoned;
    look(d);
}
