/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_broker.c - the scripted brokers. Driven by fake_env's messages.
 *   (B1) A batch is appended only where the sequence follows the last one, as Apache Kafka checks
 *        it; a repeated one of the last five gets its old offset.
 *   (B2) All nodes share the logs: replication is not what is tested here.
 */
#include "tests/support/fake_broker.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/record_batch.h"

#include <assert.h>
#include <stdlib.h>

bool fake_chance(struct fake_cluster *c, unsigned per_mille)
{
    return per_mille && rng_below(&c->env->rng, 1000) < per_mille;
}

void fake_reply(struct fake_request *r, const void *body, uint64_t extra_ns)
{
    struct buf buf = { 0 };
    struct writer w;
    writer_init(&w, &buf);
    enum err err = api_frame_response(&w, r->header.request_api_key, r->header.request_api_version,
                                      r->header.correlation_id, body);
    assert(!err);
    (void)err;
    fake_conn_send(r->conn, buf_slice(&buf), extra_ns);
    writer_deinit(&w);
    buf_deinit(&buf);
}

/* --- metadata --------------------------------------------------------------------------------- */

static void api_versions(struct fake_request *r)
{
    struct fake_cluster *c = r->node->cluster;
    struct api_versions_response_api_version versions[] = {
        { API_Produce, 3, c->produce_max },
        { API_Metadata, 0, 13 },
        { API_ApiVersions, 0, c->api_versions_max },
        { API_InitProducerId, 0, 5 },
        { API_Fetch, 4, 17 },
        { API_ListOffsets, 1, 9 },
        { API_FindCoordinator, 0, 6 },
        { API_JoinGroup, 2, 9 },
        { API_SyncGroup, 0, 5 },
        { API_Heartbeat, 0, 4 },
        { API_LeaveGroup, 0, 5 },
        { API_DescribeGroups, 0, 6 },
        { API_OffsetForLeaderEpoch, 2, 4 },
        { API_OffsetCommit, 2, 9 },
        { API_OffsetFetch, 1, 9 },
    };
    size_t count = sizeof(versions) / sizeof(versions[0]);
    for (size_t i = 0; i < count; i++) {
        if (versions[i].api_key == c->lacks) {
            versions[i] = versions[--count];
        }
    }
    struct api_versions_response body;
    schema_init(&api_versions_response_schema, &body);
    body.api_keys = versions;
    body.api_keys_n = (int32_t)count;
    if (r->header.request_api_version > c->api_versions_max) {
        body.error_code = KAFKA_UNSUPPORTED_VERSION;
        r->header.request_api_version = 0;
    }
    fake_reply(r, &body, 0);
}

static void metadata(struct fake_request *r)
{
    struct fake_cluster *c = r->node->cluster;
    struct metadata_response body;
    if (c->metadata_hangs) {
        return;
    }
    schema_init(&metadata_response_schema, &body);
    body.brokers = schema_new(&metadata_response_broker_schema, &r->arena, FAKE_NODES);
    body.brokers_n = c->brokers_told;
    for (int32_t i = 0; i < FAKE_NODES; i++) {
        body.brokers[i].node_id = i;
        body.brokers[i].host = slice_str("127.0.0.1");
        body.brokers[i].port = FAKE_PORT + i;
    }
    body.cluster_id = slice_str("fake");
    struct metadata_response_topic *t = schema_new(&metadata_response_topic_schema, &r->arena, 1);
    body.topics = t;
    body.topics_n = 1;
    t->name = c->topic;
    if (c->topic_gone) {
        c->topic_gone--;
        t->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        fake_reply(r, &body, 0);
        return;
    }
    t->topic_id = c->topic_id;
    t->partitions = schema_new(&metadata_response_partition_schema, &r->arena, FAKE_PARTITIONS);
    t->partitions_n = FAKE_PARTITIONS;
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++) {
        t->partitions[i].partition_index = i;
        t->partitions[i].leader_id = c->partitions[i].leader;
        t->partitions[i].leader_epoch = c->partitions[i].leader_epoch;
    }
    fake_reply(r, &body, 0);
}

static void init_producer_id(struct fake_request *r)
{
    struct init_producer_id_response body;
    schema_init(&init_producer_id_response_schema, &body);
    body.producer_id = r->node->cluster->next_producer_id++;
    fake_reply(r, &body, 0);
}

/* --- logs ------------------------------------------------------------------------------------- */

static struct fake_producer_state *producer_state(struct fake_partition *p, int64_t id)
{
    for (int32_t i = 0; i < p->producer_count; i++) {
        if (p->producers[i].producer_id == id) {
            return &p->producers[i];
        }
    }
    assert(p->producer_count < FAKE_PRODUCERS);
    struct fake_producer_state *s = &p->producers[p->producer_count++];
    *s = (struct fake_producer_state){ .producer_id = id, .epoch = -1 };
    return s;
}

/* NONE: append. DUPLICATE_SEQUENCE_NUMBER with an offset: it is there. */
static int16_t check_sequence(struct fake_partition *p, const struct batch_view *b,
                              int64_t *ret_offset)
{
    struct fake_producer_state *s = producer_state(p, b->producer_id);
    if (b->producer_epoch < s->epoch) {
        return KAFKA_INVALID_PRODUCER_EPOCH;
    }
    if (b->producer_epoch > s->epoch) {
        if (s->epoch >= 0 && b->base_sequence != 0) {
            return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
        }
        s->epoch = b->producer_epoch;
        s->count = 0;
        return KAFKA_NONE;
    }
    for (int32_t i = 0; i < s->count; i++) {
        if (s->first[i] == b->base_sequence && s->next[i] == b->base_sequence + b->record_count) {
            *ret_offset = s->offset[i];
            return KAFKA_DUPLICATE_SEQUENCE_NUMBER;
        }
    }
    if (s->count && b->base_sequence != s->next[s->count - 1]) {
        return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    return KAFKA_NONE;
}

static void remember(struct fake_partition *p, const struct batch_view *b)
{
    struct fake_producer_state *s = producer_state(p, b->producer_id);
    if (s->count == FAKE_BATCHES) {
        for (int32_t i = 1; i < FAKE_BATCHES; i++) {
            s->first[i - 1] = s->first[i];
            s->next[i - 1] = s->next[i];
            s->offset[i - 1] = s->offset[i];
        }
        s->count--;
    }
    s->first[s->count] = b->base_sequence;
    s->next[s->count] = b->base_sequence + b->record_count;
    s->offset[s->count++] = (int64_t)p->count;
}

void fake_partition_append(struct fake_partition *p, uint64_t value)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->values = mem_rearray(p->values, p->cap, sizeof(*p->values));
        p->epochs = mem_rearray(p->epochs, p->cap, sizeof(*p->epochs));
    }
    p->epochs[p->count] = p->leader_epoch;
    p->values[p->count++] = value;
}

static void append(struct fake_partition *p, const struct batch_view *b)
{
    struct batch_iter it;
    struct record rec;
    struct buf scratch = { 0 };
    enum err err = batch_iter_init(&it, b, &scratch, 64u << 20);
    assert(!err);
    while ((err = batch_iter_next(&it, &rec)) == ERR_OK) {
        uint64_t value;
        assert(rec.value.len >= sizeof(value));
        memcpy(&value, rec.value.ptr, sizeof(value));
        fake_partition_append(p, value);
    }
    assert(err == ERR_NOT_FOUND);
    buf_deinit(&scratch);
}

static int16_t append_batch(struct fake_cluster *c, struct fake_partition *p, struct slice bytes,
                            int64_t *ret_offset)
{
    struct batch_view b;
    if (batch_parse(bytes, &b) || b.bytes.len != bytes.len || batch_check_crc(&b)) {
        abort(); /* the client sent bytes that changed under way */
    }
    if (c->batch_bytes_max && bytes.len > c->batch_bytes_max) {
        return KAFKA_MESSAGE_TOO_LARGE;
    }
    if (c->forget_at && p->count >= c->forget_at) {
        c->forget_at = 0;
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            c->partitions[i].producer_count = 0;
        }
        return b.base_sequence ? KAFKA_UNKNOWN_PRODUCER_ID : KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    int16_t error = b.producer_id >= 0 ? check_sequence(p, &b, ret_offset) : (int16_t)KAFKA_NONE;
    if (error == KAFKA_DUPLICATE_SEQUENCE_NUMBER) {
        return KAFKA_NONE;
    }
    if (error == KAFKA_NONE) {
        *ret_offset = (int64_t)p->count;
        if (b.producer_id >= 0) {
            remember(p, &b);
        }
        append(p, &b);
    }
    return error;
}

static int16_t produce_partition(struct fake_request *r, struct fake_partition *p,
                                 struct slice bytes, int64_t *ret_offset)
{
    struct fake_cluster *c = r->node->cluster;
    if (fake_chance(c, c->faults.not_leader)) {
        p->leader = (p->leader + 1) % FAKE_NODES;
        p->leader_epoch++;
    }
    if (p->leader != r->node->id) {
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (c->refuse_error) {
        int16_t error = c->refuse_error;
        c->refuse_error = 0;
        return error;
    }
    if (fake_chance(c, c->faults.error_before)) {
        return KAFKA_NOT_ENOUGH_REPLICAS;
    }
    int16_t error = append_batch(c, p, bytes, ret_offset);
    return !error && fake_chance(c, c->faults.error_after) ? KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND
                                                           : error;
}

static void on_up(void *owner)
{
    ((struct fake_node *)owner)->server.down = false;
}

static void restart(struct fake_node *n)
{
    struct fake_env *e = n->cluster->env;
    fake_server_stop(e, &n->server);
    n->up.fire = on_up;
    n->up.owner = n;
    timer_arm_in(e->env, &n->up, rng_below(&e->rng, 5ull * NS_PER_S));
}

static void produce(struct fake_request *r, const struct produce_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    struct produce_response body;
    c->produced_requests++;
    if (fake_chance(c, c->faults.restart)) {
        restart(r->node);
        return;
    }
    if (fake_chance(c, c->faults.drop_before)) {
        fake_conn_close(r->conn);
        return;
    }
    schema_init(&produce_response_schema, &body);
    body.responses = schema_new(&produce_response_topic_produce_response_schema, &r->arena, 1);
    body.responses_n = 1;
    assert(q->topic_data_n == 1);
    const struct produce_request_topic_produce_data *t = &q->topic_data[0];
    struct produce_response_topic_produce_response *answers = &body.responses[0];
    answers->name = c->topic;
    answers->topic_id = c->topic_id;
    answers->partition_responses_n = t->partition_data_n;
    answers->partition_responses = schema_new(&produce_response_partition_produce_response_schema,
                                              &r->arena, (size_t)t->partition_data_n);
    for (int32_t i = 0; i < t->partition_data_n; i++) {
        struct produce_response_partition_produce_response *a = &answers->partition_responses[i];
        a->index = t->partition_data[i].index;
        a->base_offset = -1;
        struct fake_partition *p = &c->partitions[a->index];
        a->error_code =
            produce_partition(r, p, t->partition_data[i].records.bytes, &a->base_offset);
        if (c->tells_leader && a->error_code == KAFKA_NOT_LEADER_OR_FOLLOWER) {
            a->current_leader.leader_id = p->leader;
            a->current_leader.leader_epoch = p->leader_epoch;
            body.node_endpoints = schema_new(&produce_response_node_endpoint_schema, &r->arena, 1);
            body.node_endpoints_n = 1;
            body.node_endpoints->node_id = p->leader;
            body.node_endpoints->host = slice_str("127.0.0.1");
            body.node_endpoints->port = FAKE_PORT + p->leader;
        }
    }
    if (fake_chance(c, c->faults.drop_after)) {
        fake_conn_close(r->conn);
    } else if (q->acks && !fake_chance(c, c->faults.hang)) {
        fake_reply(r, &body, 0);
    }
}

/* A consumer's request meets its faults before fake_group.c sees it. */
static void consume(struct fake_request *r, const void *body)
{
    struct fake_cluster *c = r->node->cluster;
    struct fake_script *s = &c->script;
    bool scripted = s->times > 0 && s->api == r->header.request_api_key;
    s->times -= scripted;
    if (fake_chance(c, c->faults.restart)) {
        restart(r->node);
    } else if ((scripted && s->act == FAKE_CLOSE) || fake_chance(c, c->faults.drop_before)) {
        fake_conn_close(r->conn);
    } else if (!(scripted && s->act == FAKE_HANG) && !fake_chance(c, c->faults.hang)) {
        r->error = scripted ? s->error : (int16_t)KAFKA_NONE;
        fake_group_handle(r, body);
        if (fake_chance(c, c->faults.drop_after)) {
            fake_conn_close(r->conn);
        }
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

static void handle(struct fake_node *node, struct fake_conn *conn, struct slice frame)
{
    struct fake_request r = { .node = node, .conn = conn };
    struct reader reader = reader_of(frame);
    enum err err = api_request_header_decode(&reader, &r.header);
    assert(!err);
    int16_t key = r.header.request_api_key, version = r.header.request_api_version;
    if (key == API_ApiVersions) {
        api_versions(&r);
        return;
    }
    arena_init(&r.arena, 16u << 20);
    void *body = arena_alloc(&r.arena, api_find(key)->request->size);
    err = schema_decode(api_find(key)->request, version, &reader, &r.arena, body);
    assert(!err && reader_left(&reader) == 0);
    (void)err;
    if (key == API_Metadata) {
        metadata(&r);
    } else if (key == API_InitProducerId) {
        init_producer_id(&r);
    } else if (key == API_Produce) {
        produce(&r, body);
    } else {
        consume(&r, body);
    }
    arena_deinit(&r.arena);
}

static void received(struct fake_server *server, struct fake_conn *conn, struct slice bytes)
{
    struct fake_node *node = container_of(server, struct fake_node, server);
    struct buf *in = fake_conn_input(conn);
    buf_append_slice(in, bytes);
    while (in->len >= 4 && !server->down && !server->silent) {
        struct reader r = reader_of(buf_slice(in));
        uint32_t size = reader_u32(&r);
        if (reader_left(&r) < size) {
            return;
        }
        handle(node, conn, slice_of(r.pos, size));
        buf_drop(in, 4 + (size_t)size);
    }
}

const char *fake_cluster_address(int i)
{
    static const char *const addresses[FAKE_NODES] = { "127.0.0.1:9000", "127.0.0.1:9001",
                                                       "127.0.0.1:9002" };
    return addresses[i];
}

void fake_cluster_init(struct fake_cluster *c, struct fake_env *env)
{
    *c = (struct fake_cluster){ .env = env,
                                .topic = slice_str("lines"),
                                .api_versions_max = 4,
                                .produce_max = 13,
                                .lacks = -1,
                                .batch_records = 10,
                                .brokers_told = FAKE_NODES,
                                .closest = -1,
                                .group = { .granted = (1u << FAKE_PARTITIONS) - 1,
                                           .committed = { -1, -1, -1, -1 },
                                           .committed_epochs = { -1, -1, -1, -1 } },
                                .next_producer_id = 1000 };
    c->topic_id.bytes[3] = 7;
    for (int32_t i = 0; i < FAKE_NODES; i++) {
        c->nodes[i].cluster = c;
        c->nodes[i].id = i;
        c->nodes[i].server =
            (struct fake_server){ .port = (uint16_t)(FAKE_PORT + i), .received = received };
        fake_server_add(env, &c->nodes[i].server);
    }
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++) {
        c->partitions[i].leader = i % FAKE_NODES;
    }
}

void fake_cluster_deinit(struct fake_cluster *c)
{
    for (int i = 0; i < FAKE_NODES; i++) {
        timer_cancel(c->env->env, &c->nodes[i].up);
    }
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        mem_free(c->partitions[i].values);
        mem_free(c->partitions[i].epochs);
    }
}
