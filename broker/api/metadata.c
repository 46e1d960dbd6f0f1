/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - Metadata (3): brokers, topics, partitions and their leaders; makes topics that are
 * asked for and not there, when client and node allow it. A topic is told only after its records
 * are durable.
 */
#include "broker/api/create.h"
#include "broker/api/table.h"
#include "broker/broker.h"

/* --- the reply -------------------------------------------------------------------------------- */

static bool fill_brokers(struct call *c, struct metadata_response *resp)
{
    struct broker *b = c->broker;
    resp->brokers = call_array(c, &metadata_response_broker_schema, 1);
    if (!resp->brokers) {
        return false;
    }
    struct slice host;
    uint16_t port;
    connection_advertised(c->conn, &host, &port);
    resp->brokers_n = 1;
    resp->brokers[0].node_id = b->node_id;
    resp->brokers[0].host = host;
    resp->brokers[0].port = port;
    resp->brokers[0].rack = slice_str(b->config->rack);
    resp->cluster_id = slice_str(b->cluster_id);
    resp->controller_id = b->node_id;
    return true;
}

static bool fill_topic(struct call *c, const struct image_topic *t,
                       struct metadata_response_topic *out)
{
    out->name = slice_str(t->name);
    out->topic_id = t->id;
    out->is_internal = strcmp(t->name, TOPIC_OFFSETS) == 0;
    out->partitions = call_array(c, &metadata_response_partition_schema, t->partition_count);
    if (!out->partitions) {
        return false;
    }
    out->partitions_n = t->partition_count;
    for (int32_t i = 0; i < t->partition_count; i++) {
        const struct image_partition *p = &t->partitions[i];
        struct metadata_response_partition *row = &out->partitions[i];
        row->partition_index = i;
        row->leader_id = p->leader;
        row->leader_epoch = p->leader_epoch;
        row->error_code = p->leader < 0 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE;
        row->replica_nodes = p->replicas;
        row->replica_nodes_n = p->replica_count;
        row->isr_nodes = p->isr;
        row->isr_nodes_n = p->isr_count;
    }
    return true;
}

static bool fill_all(struct call *c, struct metadata_response *resp)
{
    const struct image *img = &c->broker->image;
    resp->topics =
        call_array(c, &metadata_response_topic_schema, (int32_t)img->topics_by_name.count);
    if (!resp->topics) {
        return false;
    }
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_name, &cursor, NULL));) {
        if (!fill_topic(c, t, &resp->topics[resp->topics_n++])) {
            return false;
        }
    }
    return true;
}

/* codes: what the creation of each topic gave, or NULL. */
static bool fill_asked(struct call *c, const int16_t *codes, struct metadata_response *resp)
{
    const struct metadata_request *req = c->request;
    const struct image *img = &c->broker->image;
    resp->topics = call_array(c, &metadata_response_topic_schema, req->topics_n);
    if (!resp->topics) {
        return false;
    }
    resp->topics_n = req->topics_n;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct metadata_request_topic *ask = &req->topics[i];
        struct metadata_response_topic *row = &resp->topics[i];
        bool by_id = slice_is_null(ask->name);
        const struct image_topic *t =
            by_id ? image_topic_by_id(img, &ask->topic_id) : image_topic(img, ask->name);
        row->name = ask->name;
        row->topic_id = ask->topic_id;
        if (t) {
            if (!fill_topic(c, t, row)) {
                return false;
            }
        } else if (by_id) {
            row->error_code = KAFKA_UNKNOWN_TOPIC_ID;
        } else if (codes && codes[i]) {
            row->error_code = codes[i];
        } else {
            bool valid = change_check_topic_name(ask->name, NULL) == KAFKA_NONE;
            row->error_code =
                valid ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
        }
    }
    return true;
}

static void reply(struct call *c, const int16_t *codes)
{
    const struct metadata_request *req = c->request;
    struct metadata_response *resp = call_response(c);
    if (!resp || !fill_brokers(c, resp)) {
        return;
    }
    bool all = req->topics_n < 0 || (req->topics_n == 0 && c->version == 0);
    if (all ? fill_all(c, resp) : fill_asked(c, codes, resp)) {
        call_reply(c, resp);
    }
}

/* --- creation --------------------------------------------------------------------------------- */

struct auto_create {
    struct metadata_op op;
    struct call *call;
    int16_t *codes; /* one a topic of the request */
};

static bool is_missing(const struct broker *b, const struct metadata_request_topic *ask)
{
    return !slice_is_null(ask->name) && !image_topic(&b->image, ask->name) &&
           change_check_topic_name(ask->name, NULL) == KAFKA_NONE;
}

static bool is_named_before(const struct metadata_request *req, int32_t at)
{
    for (int32_t i = 0; i < at; i++) {
        if (slice_eq(req->topics[i].name, req->topics[at].name)) {
            return true;
        }
    }
    return false;
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct auto_create *a = container_of(op, struct auto_create, op);
    struct broker *b = op->broker;
    const struct metadata_request *req = a->call->request;
    for (int32_t i = 0; i < req->topics_n; i++) {
        if (!is_missing(b, &req->topics[i]) || is_named_before(req, i)) {
            continue;
        }
        struct error err;
        struct uuid id = broker_random_uuid(b);
        enum kafka_error code = create_topic_default(b, req->topics[i].name, &id, out, &err);
        a->codes[i] = (int16_t)code;
        if (code) {
            log_warn(&b->log, "a topic could not be created automatically",
                     KV_SLICE("topic", req->topics[i].name), KV_STR("error", err.text),
                     KV_STR("client", call_peer(a->call)));
        } else {
            log_info(&b->log, "creating a topic that a client asked for",
                     KV_SLICE("topic", req->topics[i].name),
                     KV_STR("client", call_peer(a->call)));
        }
    }
}

static void created(struct metadata_op *op, enum err status)
{
    struct auto_create *a = container_of(op, struct auto_create, op);
    const struct metadata_request *req = a->call->request;
    for (int32_t i = 0; status && i < req->topics_n; i++) {
        a->codes[i] = a->codes[i] ? a->codes[i] : (int16_t)KAFKA_LEADER_NOT_AVAILABLE;
    }
    reply(a->call, a->codes);
}

void handle_metadata(struct call *c)
{
    struct broker *b = c->broker;
    const struct metadata_request *req = c->request;
    bool allowed =
        b->config->auto_create_topics_enable && (c->version < 4 || req->allow_auto_topic_creation);
    bool missing = false;
    for (int32_t i = 0; allowed && i < req->topics_n && !missing; i++) {
        missing = is_missing(b, &req->topics[i]);
    }
    struct auto_create *a = missing ? arena_alloc(&c->arena, sizeof(*a)) : NULL;
    int16_t *codes = a ? arena_array(&c->arena, (size_t)req->topics_n, sizeof(*codes)) : NULL;
    if (!codes) {
        reply(c, NULL);
        return;
    }
    a->call = c;
    a->codes = codes;
    a->op.prepare = prepare;
    a->op.done = created;
    metadata_submit(b, &a->op);
}
