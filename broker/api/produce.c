/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce.c - Produce (0): checks each partition's batches, stamps their offsets in the very bytes
 * of the request, appends them, and replies when acks says so. acks=all waits for the high
 * watermark, which a group flush moves (topics.h).
 *   (P1) Every partition of the request is appended, or refused, before this handler returns;
 *        only the reply waits.
 *   (P2) A row that waits for replicas ends by the request's timeout at the latest; alone, it waits
 *        for its own disk, however long.
 *   (P3) acks=0 gets no reply; an error closes the connection, so that the client learns of
 *        it.
 */
#include "broker/api/endpoint.h"
#include "broker/api/table.h"
#include "broker/broker.h"

#include <assert.h>

struct produce_wait {
    struct ack_wait ack;
    struct list_node link; /* in the state's waits */
    struct produce_state *state;
    struct partition *partition;
    struct produce_response_partition_produce_response *row;
};

struct produce_state {
    struct call *call;
    struct produce_response *resp;
    uint32_t waiting;
    struct list_node waits; /* of struct produce_wait: those that are not told yet */
    struct timer timer;     /* the request's timeout, when replicas are waited for */
    bool failed;
    bool broken; /* the arena's cap: some partitions have no row to answer with */
};

static void finish(struct produce_state *s)
{
    struct call *c = s->call;
    const struct produce_request *req = c->request;
    timer_cancel(c->broker->env, &s->timer);
    histogram_add_ns(&c->broker->metrics.produce_time, env_mono_ns(c->broker->env) - c->arrived_ns);
    if (s->broken) {
        call_fail(c, "the request wants more memory than it may have");
    } else if (req->acks != 0) {
        call_reply(c, s->resp);
    } else if (s->failed) {
        call_fail(c, "a produce request with acks=0 failed");
    } else {
        call_reply_none(c);
    }
}

/* Who leads, for a row of a client that asked the wrong node (KIP-951). */
static void hint(struct produce_state *s, const struct partition *p,
                 struct produce_response_partition_produce_response *row)
{
    struct call *c = s->call;
    struct produce_response *resp = s->resp;
    struct endpoint at;
    int32_t leader;
    if (!endpoint_is_hint_wanted(row->error_code) || partition_is_doubtful(c->broker, p) ||
        !endpoint_leader(c, p, &leader, &row->current_leader.leader_epoch)) {
        return;
    }
    row->current_leader.leader_id = leader;
    for (int32_t i = 0; i < resp->node_endpoints_n; i++) {
        if (resp->node_endpoints[i].node_id == leader) {
            return;
        }
    }
    if (!resp->node_endpoints) {
        resp->node_endpoints = schema_new(&produce_response_node_endpoint_schema, &c->arena,
                                          c->broker->image.brokers.count);
    }
    if (resp->node_endpoints && endpoint_of(c, leader, &at)) {
        resp->node_endpoints[resp->node_endpoints_n++] = (struct produce_response_node_endpoint){
            .node_id = leader, .host = at.host, .port = at.port, .rack = at.rack
        };
    }
}

static void acknowledged(struct ack_wait *w, enum kafka_error code)
{
    struct produce_wait *wait = container_of(w, struct produce_wait, ack);
    struct produce_state *s = wait->state;
    list_remove(&wait->link);
    if (code) {
        wait->row->error_code = (int16_t)code;
        wait->row->base_offset = -1;
        hint(s, wait->partition, wait->row);
    }
    if (--s->waiting == 0) {
        finish(s);
    }
}

/* The records are in the log, and may still be committed: the client asks again. */
static void on_timeout(void *owner)
{
    struct produce_state *s = owner;
    s->waiting++; /* the state lives until all are told */
    for (struct list_node *node; (node = list_first(&s->waits));) {
        struct produce_wait *wait = list_entry(node, struct produce_wait, link);
        list_remove(&wait->ack.link);
        acknowledged(&wait->ack, KAFKA_REQUEST_TIMED_OUT);
    }
    if (--s->waiting == 0) {
        finish(s);
    }
}

static struct topic *find_topic(struct call *c,
                                const struct produce_request_topic_produce_data *data)
{
    struct topics *ts = &c->broker->topics;
    return c->version >= 13 ? topic_find_id(ts, &data->topic_id) : topic_find(ts, data->name);
}

/* Writes one partition's records; *ret_end is what acknowledges them. */
static enum kafka_error append(struct call *c, struct topic *t, struct partition *p,
                               const struct produce_request_partition_produce_data *data,
                               struct produce_response_partition_produce_response *row,
                               int64_t *ret_end, struct error *err)
{
    struct broker *b = c->broker;
    const struct append_rules rules = { .batch_bytes_max = (uint32_t)t->config.max_message_bytes,
                                        .from_client = true,
                                        .zstd_allowed = c->version >= 7 };
    struct append_info info;
    if (t->internal && !slice_eq_str(c->client_id, "__admin_client")) {
        err_set(err, ERR_INVALID, "Topic %s is internal.", t->name);
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    enum kafka_error code = append_info_check(data->records.bytes, &rules, &info, err);
    if (code) {
        return code;
    }
    /* The frame is ours, and so are the records in it: they are stamped where they lie. */
    uint8_t *records = c->frame + (data->records.bytes.ptr - c->frame);
    const struct produce_request *req = c->request;
    struct append_result result;
    code = partition_append(b, p, records, &info, req->acks, &result, err);
    if (code) {
        return code;
    }
    b->metrics.produced_batches += info.batch_count;
    b->metrics.produced_bytes += info.bytes;
    b->metrics.produced_records += (uint64_t)info.offset_count;
    t->produced_bytes += info.bytes;
    t->produced_records += (uint64_t)info.offset_count;
    row->base_offset = result.base_offset;
    row->log_append_time_ms = result.append_time_ms;
    row->log_start_offset = partition_start_offset(p);
    *ret_end = result.end_offset;
    return KAFKA_NONE;
}

static void refused(struct produce_state *s, enum kafka_error code, const struct error *err,
                    struct slice topic, struct produce_response_partition_produce_response *row)
{
    struct call *c = s->call;
    struct broker *b = c->broker;
    b->metrics.produce_errors++;
    s->failed = true;
    row->error_code = (int16_t)code;
    row->base_offset = -1;
    if (err->text[0]) {
        row->error_message = arena_copy(&c->arena, slice_str(err->text));
    }
    log_info(&b->log, "refused records", KV_SLICE("topic", topic), KV_INT("partition", row->index),
             KV_STR("client", call_peer(c)), KV_SLICE("client_id", c->client_id),
             KV_STR("code", kafka_error_name((int16_t)code)), KV_STR("error", err->text));
}

static bool one_partition(struct produce_state *s, struct topic *t, struct slice name,
                          const struct produce_request_partition_produce_data *data,
                          struct produce_response_partition_produce_response *row)
{
    struct call *c = s->call;
    const struct produce_request *req = c->request;
    struct error err = { 0 };
    int64_t end = 0;
    struct partition *p = t ? topic_partition(t, data->index) : NULL;
    enum kafka_error code;
    row->index = data->index;
    if (!p) {
        code = !t && c->version >= 13 ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    } else {
        code = append(c, t, p, data, row, &end, &err);
    }
    if (code) {
        refused(s, code, &err, name, row);
        if (p) {
            hint(s, p, row);
        }
        return true;
    }
    if (req->acks != -1) {
        return true;
    }
    struct produce_wait *w = arena_alloc(&c->arena, sizeof(*w));
    if (!w) {
        return false;
    }
    list_init(&w->ack.link);
    w->ack.offset = end;
    w->ack.done = acknowledged;
    w->state = s;
    w->partition = p;
    w->row = row;
    s->waiting++;
    list_push_back(&s->waits, &w->link);
    if (p->isr && !timer_is_armed(&s->timer)) {
        uint64_t timeout_ms = req->timeout_ms > 0 ? (uint64_t)req->timeout_ms : 0;
        s->timer = (struct timer){ .fire = on_timeout, .owner = s };
        timer_arm_in(c->broker->env, &s->timer, timeout_ms * NS_PER_MS);
    }
    partition_wait_ack(p, &w->ack);
    return true;
}

static bool one_topic(struct produce_state *s,
                      const struct produce_request_topic_produce_data *data,
                      struct produce_response_topic_produce_response *out)
{
    struct call *c = s->call;
    struct topic *t = find_topic(c, data);
    out->name = data->name;
    out->topic_id = data->topic_id;
    out->partition_responses = schema_new(&produce_response_partition_produce_response_schema,
                                          &c->arena, (size_t)data->partition_data_n);
    if (!out->partition_responses) {
        return false;
    }
    out->partition_responses_n = data->partition_data_n;
    for (int32_t i = 0; i < data->partition_data_n; i++) {
        struct slice name = t ? slice_str(t->name) : data->name;
        if (!one_partition(s, t, name, &data->partition_data[i], &out->partition_responses[i])) {
            return false;
        }
    }
    return true;
}

/* The whole request is refused: every partition gets the code. */
static void refuse_all(struct produce_state *s, enum kafka_error code)
{
    struct call *c = s->call;
    const struct produce_request *req = c->request;
    for (int32_t i = 0; i < req->topic_data_n; i++) {
        const struct produce_request_topic_produce_data *data = &req->topic_data[i];
        struct produce_response_topic_produce_response *out = &s->resp->responses[i];
        out->name = data->name;
        out->topic_id = data->topic_id;
        out->partition_responses = schema_new(&produce_response_partition_produce_response_schema,
                                              &c->arena, (size_t)data->partition_data_n);
        if (!out->partition_responses) {
            call_fail(c, "the request wants more memory than it may have");
            return;
        }
        out->partition_responses_n = data->partition_data_n;
        for (int32_t k = 0; k < data->partition_data_n; k++) {
            out->partition_responses[k].index = data->partition_data[k].index;
            out->partition_responses[k].error_code = (int16_t)code;
            out->partition_responses[k].base_offset = -1;
        }
    }
    s->failed = true;
    finish(s);
}

void handle_produce(struct call *c)
{
    const struct produce_request *req = c->request;
    struct produce_state *s = call_alloc(c, sizeof(*s));
    struct produce_response *resp = s ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    resp->responses =
        call_array(c, &produce_response_topic_produce_response_schema, req->topic_data_n);
    if (!resp->responses) {
        return;
    }
    resp->responses_n = req->topic_data_n;
    *s = (struct produce_state){ .call = c, .resp = resp };
    list_init(&s->waits);
    if (req->acks < -1 || req->acks > 1) {
        refuse_all(s, KAFKA_INVALID_REQUIRED_ACKS);
        return;
    }
    if (!slice_is_null(req->transactional_id)) {
        refuse_all(s, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
        return;
    }
    s->waiting = 1; /* this function's own: nothing finishes before every partition was seen */
    for (int32_t i = 0; i < req->topic_data_n; i++) {
        if (!one_topic(s, &req->topic_data[i], &resp->responses[i])) {
            /* Some partitions may wait already: the call must live until they are told. */
            s->broken = true;
            break;
        }
    }
    if (--s->waiting == 0) {
        finish(s);
    }
}
