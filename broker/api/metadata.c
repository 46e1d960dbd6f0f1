/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - Metadata (3): brokers, topics, partitions and their leaders; makes topics that are
 * asked for and not there, when client and node allow it. A topic is told only after its records
 * are durable.
 */
#include "broker/api/create.h"
#include "broker/api/endpoint.h"
#include "broker/api/table.h"
#include "broker/broker.h"

/* --- the reply -------------------------------------------------------------------------------- */

/* Brokers that are unfenced and have a listener of the name that the client came in by; this node
 * at any rate, so that a client always has somebody to ask. */
static bool fill_brokers(struct call *c, struct metadata_response *resp)
{
    struct broker *b = c->broker;
    const struct image *img = &b->image;
    resp->brokers =
        call_array(c, &metadata_response_broker_schema, (int32_t)img->brokers.count + 1);
    if (!resp->brokers) {
        return false;
    }
    uint32_t cursor = 0;
    bool self = false;
    for (const struct image_broker *other; (other = map_next(&img->brokers, &cursor, NULL));) {
        struct endpoint at;
        if (!other->fenced && endpoint_of(c, other->id, &at)) {
            struct metadata_response_broker *row = &resp->brokers[resp->brokers_n++];
            *row = (struct metadata_response_broker){ other->id, at.host, at.port, at.rack };
            self |= other->id == b->node_id;
        }
    }
    if (resp->brokers_n == 0) {
        struct metadata_response_broker *row = &resp->brokers[resp->brokers_n++];
        uint16_t port;
        row->node_id = b->node_id;
        connection_advertised(c->conn, &row->host, &port);
        row->port = port;
        row->rack = slice_str(b->config->rack);
        self = true;
    }
    resp->cluster_id = slice_str(b->cluster_id);
    /* Every broker passes on what only the controller can answer; so Kafka names any of them. */
    resp->controller_id = self ? b->node_id : resp->brokers[0].node_id;
    return true;
}

static bool is_alive(const struct broker *b, int32_t broker_id)
{
    const struct image_broker *other = image_broker(&b->image, broker_id);
    return other && !other->fenced;
}

/* The replicas whose brokers are gone or fenced. */
static bool fill_offline(struct call *c, const struct image_partition *p,
                         struct metadata_response_partition *row)
{
    int32_t *dead = NULL;
    for (int32_t i = 0; i < p->replica_count; i++) {
        if (is_alive(c->broker, p->replicas[i])) {
            continue;
        }
        if (!dead) {
            dead = arena_array(&c->arena, (size_t)p->replica_count, sizeof(*dead));
            if (!dead) {
                call_fail(c, "the request wants more memory than it may have");
                return false;
            }
        }
        dead[row->offline_replicas_n++] = p->replicas[i];
    }
    row->offline_replicas = dead;
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
        if (!fill_offline(c, p, row)) {
            return false;
        }
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

static void created(void *user, enum err err, int16_t version, const void *response)
{
    struct auto_create *a = user;
    struct call *c = a->call;
    const struct metadata_request *req = c->request;
    const struct create_topics_response *resp = response;
    (void)version;
    c->abandoned = NULL;
    for (int32_t i = 0; i < req->topics_n; i++) {
        struct slice name = req->topics[i].name;
        if (!is_missing(c->broker, &req->topics[i])) {
            continue;
        }
        enum kafka_error code = create_result(err, resp, name);
        if (code && !is_named_before(req, i)) {
            log_warn(&c->broker->log, "a topic could not be created automatically",
                     KV_SLICE("topic", name), KV_STR("error", kafka_error_text((int16_t)code)),
                     KV_STR("client", call_peer(c)));
        }
        /* It is made, but this node has not heard of it: the client asks again. */
        a->codes[i] = (int16_t)(code ? code : KAFKA_LEADER_NOT_AVAILABLE);
    }
    reply(c, a->codes);
}

static void abandoned(struct call *c)
{
    controller_channel_cancel(c->broker, c->state);
    call_reply_none(c);
}

/* Asks the controller for the topics that are not there. */
static void create_missing(struct call *c)
{
    const struct metadata_request *req = c->request;
    struct auto_create *a = arena_alloc(&c->arena, sizeof(*a));
    struct slice *names = a ? arena_array(&c->arena, (size_t)req->topics_n, sizeof(*names)) : NULL;
    a = names ? a : NULL;
    if (a) {
        a->codes = arena_array(&c->arena, (size_t)req->topics_n, sizeof(*a->codes));
    }
    if (!a || !a->codes) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    int32_t count = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        if (is_missing(c->broker, &req->topics[i]) && !is_named_before(req, i)) {
            log_info(&c->broker->log, "creating a topic that a client asked for",
                     KV_SLICE("topic", req->topics[i].name), KV_STR("client", call_peer(c)));
            names[count++] = req->topics[i].name;
        }
    }
    a->call = c;
    c->state = a;
    c->abandoned = abandoned;
    (void)create_ask(c, names, count, created, a);
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
    if (missing) {
        create_missing(c);
    } else {
        reply(c, NULL);
    }
}
