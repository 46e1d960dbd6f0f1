/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.c - see fleet.h. Driven by the tests of nodes that are members of a cluster. */
#include "tests/broker/fleet.h"

#include "protocol/base/alloc.h"
#include "tests/broker/node.h"

#include <check.h>

#define VOTERS "1@10.0.0.1:9093,2@10.0.0.2:9093,3@10.0.0.3:9093"

struct sim_node *fleet_add(struct fleet *f, int32_t id, const char *cluster_id)
{
    char name[SIM_NAME_MAX], address[SIM_NAME_MAX], listeners[128];
    uint32_t place = f->count++;
    struct sim_node *n = &f->nodes[place];
    bool voter = place < FLEET_VOTERS;
    snprintf(name, sizeof(name), "n%u", place + 1);
    snprintf(address, sizeof(address), "10.0.0.%u", place + 1);
    snprintf(listeners, sizeof(listeners), "PLAINTEXT://%s:9092%s%s%s", address,
             voter ? ",CONTROLLER://" : "", voter ? address : "", voter ? ":9093" : "");
    const struct sim_setting settings[] = { { "listeners", listeners },
                                            { "controller.quorum.voters", VOTERS },
                                            { "process.roles",
                                              voter ? "broker,controller" : "broker" },
                                            { NULL, NULL } };
    sim_node_init(n, &f->world, id, name, address, settings);
    sim_node_format(n, cluster_id);
    return n;
}

void fleet_start(struct sim_node *n)
{
    struct error err;
    ck_assert_msg(sim_node_start(n, &err) == ERR_OK, "%s", err.text);
}

void fleet_run_ms(struct fleet *f, uint64_t ms)
{
    uint64_t until_ns = f->world.now_ns + ms * NS_PER_MS;
    while (f->world.now_ns < until_ns && sim_world_step(&f->world)) {
    }
}

bool fleet_is_running(const struct sim_node *n)
{
    return n->broker && n->broker->state == BROKER_RUNNING && lifecycle_serves(n->broker);
}

bool fleet_is_unfenced(const struct sim_node *by, const struct sim_node *who)
{
    const struct image_broker *b = by->broker ? image_broker(&by->broker->image, who->id) : NULL;
    return b && !b->fenced;
}

uint64_t fleet_wait_running(struct fleet *f, const struct sim_node *n, uint64_t ms_max)
{
    uint64_t from_ns = f->world.now_ns;
    while (!fleet_is_running(n)) {
        struct buf text = { 0 };
        if (n->broker) {
            lifecycle_describe(n->broker, &text);
        }
        ck_assert_msg(f->world.now_ns - from_ns < ms_max * NS_PER_MS, "node %d does not run: %s",
                      (int)n->id, buf_cstr(&text));
        buf_deinit(&text);
        fleet_run_ms(f, 1);
    }
    return (f->world.now_ns - from_ns) / NS_PER_MS;
}

struct fleet *fleet_new(uint64_t seed)
{
    static const struct sim_world_options options = { .latency_ns = NS_PER_MS / 10,
                                                      .window_bytes = 1 << 20,
                                                      .work_ns_max = NS_PER_MS };
    struct fleet *f = mem_zalloc(sizeof(*f));
    sim_world_init(&f->world, seed, &options, NULL);
    for (int32_t id = 1; id <= FLEET_VOTERS; id++) {
        fleet_start(fleet_add(f, id, FLEET_CLUSTER_ID));
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_wait_running(f, &f->nodes[i], 15000);
    }
    return f;
}

void fleet_free(struct fleet *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        sim_node_kill(&f->nodes[i], false);
        sim_node_deinit(&f->nodes[i]);
    }
    sim_world_deinit(&f->world);
    mem_free(f);
}

struct sim_node *fleet_controller(struct fleet *f)
{
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (f->nodes[i].broker && quorum_is_leader(f->nodes[i].broker)) {
            return &f->nodes[i];
        }
    }
    return NULL;
}

void fleet_answered(struct answer *a, enum err err, const int16_t *code)
{
    a->count++;
    a->err = err;
    a->code = err ? -1 : *code;
}

void fleet_on_created(void *user, enum err err, int16_t version, const void *response)
{
    const struct create_topics_response *resp = response;
    (void)version;
    fleet_answered(user, err, err ? NULL : &resp->topics[0].error_code);
}

void fleet_create_topic(struct fleet *f, struct sim_node *by, const char *name)
{
    struct answer a = { 0 };
    struct create_topics_request req;
    struct create_topics_request_creatable_topic topic;
    schema_init(&create_topics_request_schema, &req);
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    topic.name = slice_str(name);
    topic.num_partitions = 12;
    topic.replication_factor = 3;
    req.topics = &topic;
    req.topics_n = 1;
    req.timeout_ms = 5000;
    controller_channel_send(by->broker, &create_topics_request_schema, &req, -1,
                            10 * (uint64_t)NS_PER_S, fleet_on_created, &a);
    sim_host_turn_ends(by->host);
    fleet_run_ms(f, 10000);
    ck_assert_int_eq(a.count, 1);
    ck_assert_int_eq(a.err, ERR_OK);
    ck_assert_int_eq(a.code, KAFKA_NONE);
}

/* --- records of the topic "t" ----------------------------------------------------------------- */

static void on_done(struct ack_wait *w, enum kafka_error code)
{
    struct fleet_sent *s = container_of(w, struct fleet_sent, wait);
    list_remove(&w->link);
    s->done = true;
    s->code = code;
}

struct partition *fleet_partition(const struct sim_node *n, int32_t index)
{
    struct topic *t = topic_find(&n->broker->topics, slice_str("t"));
    ck_assert_ptr_nonnull(t);
    return topic_partition(t, index);
}

void fleet_send(struct sim_node *n, int32_t index, int count, struct fleet_sent *s)
{
    struct batch_seal seal = plain_seal();
    fleet_send_sealed(n, index, count, &seal, s);
}

void fleet_send_sealed(struct sim_node *n, int32_t index, int count, const struct batch_seal *seal,
                       struct fleet_sent *s)
{
    static const struct append_rules rules = { .batch_bytes_max = 1 << 20, .from_client = true };
    struct batch_builder b = { 0 };
    struct slice batch = make_batch(&b, "0123456789", count, seal);
    uint8_t *records = mem_array(batch.len, 1);
    memcpy(records, batch.ptr, batch.len);
    struct append_info info;
    struct append_result result;
    struct error err;
    struct partition *p = fleet_partition(n, index);
    *s = (struct fleet_sent){ .wait.done = on_done };
    list_init(&s->wait.link);
    ck_assert_int_eq(append_info_check(slice_of(records, batch.len), &rules, &info, &err), 0);
    s->code = partition_append(n->broker, p, records, &info, -1, &result, &err);
    if (s->code) {
        s->done = true;
    } else {
        s->wait.offset = result.end_offset;
        partition_wait_ack(p, &s->wait);
    }
    sim_host_turn_ends(n->host);
    mem_free(records);
    batch_builder_deinit(&b);
}

uint64_t fleet_wait_sent(struct fleet *f, const struct fleet_sent *s, uint64_t ms_max)
{
    uint64_t from_ns = f->world.now_ns;
    while (!s->done) {
        ck_assert_msg(f->world.now_ns - from_ns < ms_max * NS_PER_MS, "nobody answers");
        fleet_run_ms(f, 1);
    }
    return (f->world.now_ns - from_ns) / NS_PER_MS;
}

int32_t fleet_leader_of(const struct sim_node *by, int32_t index)
{
    const struct image_topic *t = image_topic(&by->broker->image, slice_str("t"));
    return t->partitions[index].leader;
}

int32_t fleet_led_by(const struct sim_node *n)
{
    for (int32_t i = 0; i < 12; i++) {
        if (fleet_leader_of(n, i) == n->id) {
            return i;
        }
    }
    ck_abort_msg("node %d leads nothing", (int)n->id);
}

void fleet_send_whole(struct fleet *f, struct sim_node *n, int32_t index)
{
    struct fleet_sent s;
    fleet_send(n, index, 1, &s);
    fleet_wait_sent(f, &s, 3000);
    ck_assert_int_eq(s.code, KAFKA_NONE);
}

int32_t fleet_isr_size(const struct sim_node *by, int32_t index)
{
    const struct image_topic *t = image_topic(&by->broker->image, slice_str("t"));
    return t->partitions[index].isr_count;
}
