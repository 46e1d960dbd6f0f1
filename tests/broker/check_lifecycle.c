/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_lifecycle.c - brokers that join, leave, die and come back, in a simulated world: real
 * nodes, real quorum, virtual time. What clients read and write is the simulator's own business
 * (tests/sim); here it is who is a member, when, and what the controller is asked.
 */
#include "broker/api/table.h"
#include "protocol/base/alloc.h"
#include "tests/broker/fleet.h"

#include <check.h>
#include <stdlib.h>

Suite *lifecycle_suite(void);

#define OTHER_ID "YW5vdGhlci1jbHVzdGVyLi4"

/* --- membership ------------------------------------------------------------------------------- */

START_TEST(nodes_register_are_unfenced_and_run)
{
    struct fleet *f = fleet_new((uint64_t)_i + 1);
    fleet_run_ms(f, 1000);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        for (int k = 0; k < FLEET_VOTERS; k++) {
            ck_assert(fleet_is_unfenced(&f->nodes[i], &f->nodes[k]));
        }
        const struct image_controller *c =
            image_controller(&f->nodes[0].broker->image, f->nodes[i].id);
        ck_assert(c && uuid_eq(&c->incarnation, &f->nodes[i].broker->incarnation));
        const struct image_broker *b = image_broker(&f->nodes[0].broker->image, f->nodes[i].id);
        ck_assert(b && b->epoch == f->nodes[i].broker->broker_epoch);
    }
    struct sim_node *fourth = fleet_add(f, 4, FLEET_CLUSTER_ID); /* a broker alone */
    fleet_start(fourth);
    ck_assert_uint_le(fleet_wait_running(f, fourth, 10000), 2000);
    fleet_run_ms(f, 500);
    ck_assert(fleet_is_unfenced(&f->nodes[0], fourth));
    fleet_free(f);
}
END_TEST

START_TEST(a_killed_node_comes_back_as_a_new_incarnation)
{
    struct fleet *f = fleet_new((uint64_t)_i + 50);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    int64_t before = n->broker->broker_epoch;
    sim_node_kill(n, _i % 2);
    fleet_run_ms(f, sim_random(&f->world, 6000));
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    ck_assert_int_gt(n->broker->broker_epoch, before);
    fleet_free(f);
}
END_TEST

/* A broker that is no controller votes for nobody: it finds the quorum again without the file, or
 * with an older one, as after a disk that lied. */
START_TEST(a_broker_alone_starts_with_a_damaged_or_old_quorum_state)
{
    static const char path[] = SIM_NODE_DIR "/__cluster_metadata-0/quorum-state";
    struct fleet *f = fleet_new((uint64_t)_i + 60);
    struct sim_node *n = fleet_add(f, 4, FLEET_CLUSTER_ID);
    struct vfs *disk = &n->disk.vfs;
    struct error err;
    uint8_t *old;
    size_t len;
    fleet_start(n);
    fleet_wait_running(f, n, 10000);
    ck_assert_int_eq(vfs_read_file(disk, path, 4096, &old, &len, &err), ERR_OK);
    sim_node_kill(fleet_controller(f), false); /* another epoch */
    fleet_run_ms(f, 10000);
    sim_node_kill(n, false);
    n->disk.off = false;
    ck_assert(_i || sim_disk_flip(&n->disk, path, 5));
    ck_assert_int_eq(_i ? vfs_replace_file(disk, path, slice_of(old, len), &err) : ERR_OK, ERR_OK);
    fleet_start(n);
    ck_assert_uint_le(fleet_wait_running(f, n, 10000), 10000);
    mem_free(old);
    fleet_free(f);
}
END_TEST

static void damage_snapshot(void *ctx, const char *name)
{
    struct sim_node *n = ctx;
    char path[128];
    snprintf(path, sizeof(path), SIM_NODE_DIR "/__cluster_metadata-0/%s", name);
    if (strstr(name, ".checkpoint")) {
        ck_assert(sim_disk_flip(&n->disk, path, 20));
    }
}

START_TEST(a_broker_alone_without_a_sound_snapshot_takes_one_from_the_quorum)
{
    struct fleet *f = fleet_new(64);
    struct sim_node *n = fleet_add(f, 4, FLEET_CLUSTER_ID);
    struct error err;
    static const char *const bytes = "metadata.log.max.record.bytes.between.snapshots";
    ck_assert_int_eq(
        config_set(&broker_config_table, bytes, slice_str("500"), &n->arena, &n->config, &err),
        ERR_OK);
    fleet_start(n);
    fleet_wait_running(f, n, 10000);
    fleet_create_topic(f, n, "t");
    while (n->broker->metadata.log->start_offset == 0) {
        fleet_run_ms(f, 100);
    }
    sim_node_kill(n, false);
    n->disk.off = false;
    ck_assert_int_eq(n->disk.vfs.ops->list(&n->disk.vfs, SIM_NODE_DIR "/__cluster_metadata-0",
                                           damage_snapshot, n, &err),
                     ERR_OK);
    fleet_start(n);
    ck_assert_uint_le(fleet_wait_running(f, n, 10000), 10000);
    ck_assert_ptr_nonnull(image_topic(&n->broker->image, slice_str("t")));
    fleet_free(f);
}
END_TEST

/* Its session goes on when nobody saw it die: it is the same node all the same. */
START_TEST(a_node_that_is_back_at_once_does_not_wait_for_its_former_session)
{
    struct fleet *f = fleet_new((uint64_t)_i + 70);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    bool controller = n == fleet_controller(f);
    fleet_run_ms(f, sim_random(&f->world, 1000));
    sim_node_kill(n, false);
    fleet_run_ms(f, 10 + sim_random(&f->world, 300));
    fleet_start(n);
    fleet_wait_running(f, n, controller ? 1500 : 300);
    fleet_free(f);
}
END_TEST

START_TEST(a_node_that_was_silent_is_fenced_and_let_in_again)
{
    struct fleet *f = fleet_new(90);
    struct sim_node *n = fleet_add(f, 4, FLEET_CLUSTER_ID);
    fleet_start(n);
    fleet_wait_running(f, n, 10000);
    fleet_run_ms(f, 1000);
    sim_host_pause(n->host, 20 * (uint64_t)NS_PER_S);
    fleet_run_ms(f, 15000);
    ck_assert(!fleet_is_unfenced(&f->nodes[0], n));
    fleet_run_ms(f, 10000);
    ck_assert(fleet_is_unfenced(&f->nodes[0], n));
    ck_assert(fleet_is_running(n));
    struct buf text = { 0 };
    ck_assert(lifecycle_describe(n->broker, &text));
    buf_deinit(&text);
    fleet_free(f);
}
END_TEST

START_TEST(of_two_nodes_with_one_id_the_second_waits_its_turn)
{
    struct fleet *f = fleet_new(91);
    struct sim_node *first = fleet_add(f, 7, FLEET_CLUSTER_ID),
                    *second = fleet_add(f, 7, FLEET_CLUSTER_ID);
    fleet_start(first);
    fleet_wait_running(f, first, 10000);
    fleet_start(second);
    for (int i = 0; i < 30; i++) {
        fleet_run_ms(f, 1000);
        ck_assert(fleet_is_running(first));
        ck_assert(!fleet_is_running(second));
        ck_assert_int_eq(second->broker->state, BROKER_STARTING);
    }
    struct buf text = { 0 };
    ck_assert(!lifecycle_describe(second->broker, &text));
    ck_assert_msg(strstr(buf_cstr(&text), "give one of them another node.id"), "%s",
                  buf_cstr(&text));
    buf_deinit(&text);
    sim_node_kill(first, false);
    fleet_wait_running(f, second, 20000);
    ck_assert(uuid_eq(&image_broker(&f->nodes[0].broker->image, 7)->incarnation,
                      &second->broker->incarnation));
    fleet_free(f);
}
END_TEST

/* The first one was only silent: it must see that its id is another's now, and not serve. */
START_TEST(a_node_whose_id_was_taken_over_serves_no_more)
{
    struct fleet *f = fleet_new(92);
    struct sim_node *first = fleet_add(f, 7, FLEET_CLUSTER_ID),
                    *second = fleet_add(f, 7, FLEET_CLUSTER_ID);
    fleet_start(first);
    fleet_wait_running(f, first, 10000);
    fleet_start(second);
    sim_host_pause(first->host, 30 * (uint64_t)NS_PER_S);
    fleet_wait_running(f, second, 20000);
    fleet_run_ms(f, 35000);
    ck_assert(fleet_is_running(second));
    ck_assert(!lifecycle_serves(first->broker));
    fleet_free(f);
}
END_TEST

static void on_end(struct sim_node *n, void *ctx)
{
    (void)n;
    *(bool *)ctx = true;
}

START_TEST(a_node_of_another_cluster_stops_and_says_so)
{
    struct fleet *f = fleet_new(93);
    struct sim_node *n = fleet_add(f, 9, OTHER_ID);
    bool ended = false;
    n->ended = on_end;
    n->ended_ctx = &ended;
    fleet_start(n);
    fleet_run_ms(f, 10000);
    ck_assert(n->refused);
    ck_assert_msg(strstr(n->why.text, "another cluster") && strstr(n->why.text, OTHER_ID), "%s",
                  n->why.text);
    ck_assert(!image_broker(&f->nodes[0].broker->image, 9));
    fleet_free(f);
}
END_TEST

/* --- requests to the controller --------------------------------------------------------------- */

static void on_unregistered(void *user, enum err err, int16_t version, const void *response)
{
    const struct unregister_broker_response *resp = response;
    (void)version;
    fleet_answered(user, err, err ? NULL : &resp->error_code);
}

START_TEST(leaders_move_before_a_node_stops)
{
    struct fleet *f = fleet_new((uint64_t)_i + 120);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    bool ended = false;
    n->ended = on_end;
    n->ended_ctx = &ended;
    sim_node_stop(n);
    int leads_at_end = 0;
    uint64_t due_ns = f->world.now_ns + 20 * (uint64_t)NS_PER_S;
    while (!ended) {
        ck_assert_uint_lt(f->world.now_ns, due_ns);
        const struct image_topic *t = image_topic(&other->broker->image, slice_str("t"));
        ck_assert_ptr_nonnull(t);
        leads_at_end = 0;
        for (int32_t p = 0; p < t->partition_count; p++) {
            ck_assert_int_ge(t->partitions[p].leader, 0); /* never without one */
            leads_at_end += t->partitions[p].leader == n->id;
        }
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(leads_at_end, 0);
    ck_assert(n->shut_down);
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    fleet_free(f);
}
END_TEST

/* Steps until these nodes have ended, for at most so long. */
static void wait_ended(struct fleet *f, const bool *ended, int count, uint64_t ms_max)
{
    uint64_t due_ns = f->world.now_ns + ms_max * NS_PER_MS;
    for (int i = 0; i < count; i++) {
        while (!ended[i]) {
            ck_assert_msg(f->world.now_ns <= due_ns, "node %d of %d does not end", i + 1, count);
            fleet_run_ms(f, 1);
        }
    }
}

static void stop(struct sim_node *n, bool *ended)
{
    *ended = false;
    n->ended = on_end;
    n->ended_ctx = ended;
    sim_node_stop(n);
}

/* Whoever is last finds nobody to give its leaders to, and no controller: neither may cost time. */
START_TEST(nodes_that_stop_at_once_end_soon)
{
    struct fleet *f = fleet_new((uint64_t)_i + 200);
    bool ended[FLEET_VOTERS];
    fleet_create_topic(f, &f->nodes[_i % FLEET_VOTERS], "t");
    for (int i = 0; i < FLEET_VOTERS; i++) {
        stop(&f->nodes[(i + _i) % FLEET_VOTERS], &ended[i]);
        fleet_run_ms(f, _i % 4 ? sim_random(&f->world, 300 * (uint64_t)(_i % 4)) : 0);
    }
    wait_ended(f, ended, FLEET_VOTERS, 2500);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        ck_assert(f->nodes[i].shut_down);
        fleet_start(&f->nodes[i]);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_wait_running(f, &f->nodes[i], 15000);
    }
    fleet_free(f);
}
END_TEST

/* The others were killed, maybe long ago: there is no controller, and none comes. */
START_TEST(a_node_without_its_quorum_stops_soon)
{
    struct fleet *f = fleet_new((uint64_t)_i + 230);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    bool ended;
    fleet_create_topic(f, n, "t");
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (&f->nodes[i] != n) {
            sim_node_kill(&f->nodes[i], false);
        }
    }
    fleet_run_ms(f, sim_random(&f->world, 1 + 1000 * (uint64_t)_i));
    stop(n, &ended);
    wait_ended(f, &ended, 1, 2000);
    ck_assert(n->shut_down);
    fleet_free(f);
}
END_TEST

/* The others are there and say nothing: they are given the time of an election, not more. */
START_TEST(a_node_that_hears_nothing_stops_in_bounded_time)
{
    struct fleet *f = fleet_new((uint64_t)_i + 250);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    bool ended;
    fleet_create_topic(f, n, "t");
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (&f->nodes[i] != n) {
            sim_host_pause(f->nodes[i].host, 60 * (uint64_t)NS_PER_S);
        }
    }
    fleet_run_ms(f, sim_random(&f->world, 1 + 1000 * (uint64_t)_i));
    stop(n, &ended);
    wait_ended(f, &ended, 1, 7500);
    ck_assert(n->shut_down);
    fleet_free(f);
}
END_TEST

static int partitions_led_by(const struct sim_node *by, const char *name, int32_t id)
{
    const struct image_topic *t = image_topic(&by->broker->image, slice_str(name));
    int count = 0;
    for (int32_t p = 0; p < t->partition_count; p++) {
        count += t->partitions[p].leader == id;
    }
    return count;
}

/* kill -9: the connection to it is reset, another is refused. */
START_TEST(who_is_killed_is_replaced_before_a_time_out)
{
    struct fleet *f = fleet_new((uint64_t)_i + 300);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms_max = n == fleet_controller(f) ? 900 : 50;
    fleet_create_topic(f, other, "t");
    fleet_run_ms(f, sim_random(&f->world, 1000));
    ck_assert_int_gt(partitions_led_by(other, "t", n->id), 0);
    uint64_t from_ns = f->world.now_ns;
    sim_node_kill(n, false);
    while (partitions_led_by(other, "t", n->id) > 0) {
        fleet_run_ms(f, 1);
        ck_assert_uint_le(f->world.now_ns - from_ns, ms_max * NS_PER_MS);
    }
    fleet_free(f);
}
END_TEST

static void *close_at_once(void *owner, struct stream *s)
{
    (void)owner;
    (void)s;
    return NULL;
}

/* The kernel ends its sockets one by one: who asks meanwhile is still accepted. */
START_TEST(a_process_that_dies_slowly_is_found_out)
{
    struct fleet *f = fleet_new((uint64_t)_i + 330);
    struct sim_node *leader = fleet_controller(f);
    struct sim_node *n = leader == &f->nodes[0] ? &f->nodes[1] : &f->nodes[0];
    struct sim_listener last = {
        .host = n->host, .port = SIM_PORT, .events = &connection_events, .accepted = close_at_once
    };
    fleet_create_topic(f, leader, "t");
    ck_assert_int_gt(partitions_led_by(leader, "t", n->id), 0);
    sim_node_kill(n, false);
    n->host->running = true;
    sim_listen(&f->world, &last);
    fleet_run_ms(f, 1 + sim_random(&f->world, 20));
    ck_assert_int_gt(partitions_led_by(leader, "t", n->id), 0);
    sim_listener_close(&last);
    n->host->running = false;
    fleet_run_ms(f, 50);
    ck_assert_int_eq(partitions_led_by(leader, "t", n->id), 0);
    fleet_free(f);
}
END_TEST

static void on_grown(void *user, enum err err, int16_t version, const void *response)
{
    const struct create_partitions_response *resp = response;
    (void)version;
    fleet_answered(user, err, err ? NULL : &resp->results[0].error_code);
}

static void grow_topic(struct fleet *f, struct sim_node *by, const char *name, int32_t partitions)
{
    struct answer a = { 0 };
    struct create_partitions_request req;
    struct create_partitions_request_topic topic;
    schema_init(&create_partitions_request_schema, &req);
    schema_init(&create_partitions_request_topic_schema, &topic);
    topic.name = slice_str(name);
    topic.count = partitions;
    topic.assignments_n = -1;
    req.topics = &topic;
    req.topics_n = 1;
    req.timeout_ms = 5000;
    controller_channel_send(by->broker, &create_partitions_request_schema, &req, -1,
                            5 * (uint64_t)NS_PER_S, on_grown, &a);
    sim_host_turn_ends(by->host);
    fleet_run_ms(f, 1000);
    ck_assert_int_eq(a.count, 1);
    ck_assert_int_eq(a.code, KAFKA_NONE);
}

static int16_t unregister(struct fleet *f, struct sim_node *by, int32_t id)
{
    struct answer a = { 0 };
    struct unregister_broker_request req;
    schema_init(&unregister_broker_request_schema, &req);
    req.broker_id = id;
    controller_channel_send(by->broker, &unregister_broker_request_schema, &req, -1,
                            5 * (uint64_t)NS_PER_S, on_unregistered, &a);
    sim_host_turn_ends(by->host);
    fleet_run_ms(f, 5000);
    ck_assert_int_eq(a.count, 1);
    return a.code;
}

/* How many partitions have so many replicas in sync, all of them with a leader among them. */
static int count_in_sync(const struct sim_node *by, const char *name, int32_t isr_count)
{
    const struct image_topic *t = image_topic(&by->broker->image, slice_str(name));
    int count = 0;
    for (int32_t i = 0; i < t->partition_count; i++) {
        const struct image_partition *p = &t->partitions[i];
        count += p->replica_count == 3 && p->isr_count == isr_count &&
                 image_has_id(p->isr, p->isr_count, p->leader);
    }
    return count;
}

START_TEST(a_topic_grows_without_a_dead_broker_which_is_unregistered_and_comes_back)
{
    enum { FEW = 12, MORE = 20 };
    struct fleet *f = fleet_new((uint64_t)_i + 143);
    struct sim_node *n = &f->nodes[_i], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    ck_assert_int_eq(count_in_sync(other, "t", 3), FEW);
    sim_node_kill(n, false);
    fleet_run_ms(f, 5000);
    grow_topic(f, other, "t", MORE);
    ck_assert_int_eq(count_in_sync(other, "t", 2), MORE);
    ck_assert_int_eq(unregister(f, other, n->id), KAFKA_NONE);
    ck_assert_ptr_null(image_broker(&other->broker->image, n->id));
    ck_assert_int_eq(count_in_sync(other, "t", 2), MORE);
    ck_assert_int_eq(unregister(f, other, n->id), KAFKA_BROKER_ID_NOT_REGISTERED);
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    fleet_run_ms(f, 5000);
    ck_assert_int_eq(count_in_sync(other, "t", 3), MORE);
    fleet_free(f);
}
END_TEST

START_TEST(a_broker_that_was_unregistered_registers_again)
{
    struct fleet *f = fleet_new(140);
    struct sim_node *n = fleet_add(f, 4, FLEET_CLUSTER_ID);
    fleet_start(n);
    fleet_wait_running(f, n, 10000);
    int64_t before = n->broker->broker_epoch;
    ck_assert_int_eq(unregister(f, &f->nodes[0], 4), KAFKA_NONE);
    fleet_wait_running(f, n, 10000);
    ck_assert_int_gt(n->broker->broker_epoch, before);
    ck_assert(fleet_is_unfenced(&f->nodes[1], n));
    fleet_free(f);
}
END_TEST

/* A client's request to a broker, without a client. */
struct asked {
    int replies, failures;
    int16_t code; /* of the only item, or of all */
    char name[16];
};

static void on_client_reply(struct call *c, int16_t version, const void *response)
{
    struct asked *a = c->sink_owner;
    struct slice name = slice_null();
    (void)version;
    a->replies++;
    switch (c->api->key) {
    case API_CreateTopics:
        a->code = ((const struct create_topics_response *)response)->topics[0].error_code;
        name = ((const struct create_topics_response *)response)->topics[0].name;
        break;
    case API_DeleteTopics:
        a->code = ((const struct delete_topics_response *)response)->responses[0].error_code;
        name = ((const struct delete_topics_response *)response)->responses[0].name;
        break;
    case API_IncrementalAlterConfigs: {
        const struct incremental_alter_configs_response *r = response;
        a->code = r->responses[0].resource_type == 2 ? r->responses[0].error_code : -1;
        name = r->responses[0].resource_name;
        break;
    }
    case API_UnregisterBroker:
        a->code = ((const struct unregister_broker_response *)response)->error_code;
        break;
    }
    snprintf(a->name, sizeof(a->name), "%.*s", SLICE_ARG(name));
    call_free(c);
}

static void on_client_fail(struct call *c, const char *why)
{
    (void)why;
    ((struct asked *)c->sink_owner)->failures++;
    call_free(c);
}

static void ask(struct sim_node *n, struct asked *a, int16_t key, int16_t version,
                const void *request)
{
    static const struct call_sink sink = { .reply = on_client_reply, .fail = on_client_fail };
    struct request_header header = { .request_api_key = key,
                                     .request_api_version = version,
                                     .correlation_id = 1,
                                     .client_id = slice_str("test") };
    struct buf frame = { 0 };
    struct writer w;
    *a = (struct asked){ 0 };
    writer_init(&w, &frame);
    ck_assert_int_eq(api_frame_request(&w, &header, request), ERR_OK);
    writer_deinit(&w);
    struct call *c = call_new_inner(n->broker, &sink, a, slice_from(buf_slice(&frame), 4));
    c->kind = LISTENER_BROKER;
    buf_deinit(&frame);
    api_dispatch(c);
}

/* Kafka's error, not the end of the connection: it is the controller that fails, not this node. */
START_TEST(what_no_controller_answers_gets_an_error)
{
    enum { TOPIC = 2, ASKED = 5 };
    struct fleet *f = fleet_new((uint64_t)_i + 190);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    struct asked asked[ASKED];
    struct create_topics_request create;
    struct create_topics_request_creatable_topic topic;
    struct delete_topics_request delete;
    struct delete_topics_request_delete_topic_state state;
    struct slice name = slice_str("gone");
    struct incremental_alter_configs_request alter;
    struct incremental_alter_configs_request_alter_configs_resource resource;
    struct unregister_broker_request unregister;
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (&f->nodes[i] != n) {
            sim_host_pause(f->nodes[i].host, 300 * (uint64_t)NS_PER_S);
        }
    }
    fleet_run_ms(f, 5000);
    schema_init(&create_topics_request_schema, &create);
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    topic.name = slice_str("made");
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    create.topics = &topic;
    create.topics_n = 1;
    ask(n, &asked[0], API_CreateTopics, 7, &create);
    schema_init(&delete_topics_request_schema, &delete);
    delete.topic_names = &name;
    delete.topic_names_n = 1;
    ask(n, &asked[1], API_DeleteTopics, 5, &delete);
    schema_init(&delete_topics_request_schema, &delete);
    schema_init(&delete_topics_request_delete_topic_state_schema, &state);
    state.name = name;
    delete.topics = &state;
    delete.topics_n = 1;
    ask(n, &asked[2], API_DeleteTopics, 6, &delete);
    schema_init(&incremental_alter_configs_request_schema, &alter);
    schema_init(&incremental_alter_configs_request_alter_configs_resource_schema, &resource);
    resource.resource_type = TOPIC;
    resource.resource_name = slice_str("altered");
    alter.resources = &resource;
    alter.resources_n = 1;
    ask(n, &asked[3], API_IncrementalAlterConfigs, 1, &alter);
    schema_init(&unregister_broker_request_schema, &unregister);
    unregister.broker_id = 1;
    ask(n, &asked[4], API_UnregisterBroker, 0, &unregister);
    sim_host_turn_ends(n->host);
    fleet_run_ms(f, 20000);
    static const char *const names[ASKED] = { "made", "gone", "gone", "altered", "" };
    for (int i = 0; i < ASKED; i++) {
        ck_assert_int_eq(asked[i].replies, 1);
        ck_assert_int_eq(asked[i].failures, 0);
        ck_assert_int_eq(asked[i].code, KAFKA_REQUEST_TIMED_OUT);
        ck_assert_str_eq(asked[i].name, names[i]);
    }
    fleet_free(f);
}
END_TEST

struct taker {
    struct producer_id_wait wait;
    int64_t id; /* -2: not yet */
};

static void on_id(struct producer_id_wait *w, int64_t producer_id)
{
    struct taker *t = container_of(w, struct taker, wait);
    ck_assert_int_eq(t->id, -2);
    t->id = producer_id;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whatever becomes of controllers, no id is given twice, and everybody is answered. */
START_TEST(producer_ids_are_unique_over_nodes_and_leaders)
{
    enum { EACH = 2600, TAKERS = EACH * FLEET_VOTERS };
    struct fleet *f = fleet_new((uint64_t)_i + 150);
    struct taker *takers = mem_array(TAKERS, sizeof(*takers));
    int64_t *ids = mem_array(TAKERS, sizeof(*ids));
    size_t count = 0, taken = 0;
    for (int round = 0; round < 26; round++) {
        for (int i = 0; i < FLEET_VOTERS; i++) {
            struct sim_node *n = &f->nodes[i];
            for (int k = 0; fleet_is_running(n) && k < 100; k++) {
                struct taker *t = &takers[taken++];
                *t = (struct taker){ .wait.done = on_id, .id = -2 };
                producer_ids_take(n->broker, &t->wait);
            }
            sim_host_turn_ends(n->host);
        }
        struct sim_node *leader = fleet_controller(f);
        if (leader && round % 9 == 4) {
            sim_node_kill(leader, false);
            fleet_run_ms(f, 3000 + sim_random(&f->world, 3000));
            fleet_start(leader);
        }
        fleet_run_ms(f, sim_random(&f->world, 1000));
    }
    fleet_run_ms(f, 30000);
    for (size_t i = 0; i < taken; i++) {
        if (takers[i].id >= 0) {
            ids[count++] = takers[i].id;
        }
    }
    ck_assert_uint_gt(count, taken / 2);
    qsort(ids, count, sizeof(*ids), by_id);
    for (size_t i = 1; i < count; i++) {
        ck_assert_int_ne(ids[i], ids[i - 1]);
    }
    fleet_free(f);
    mem_free(takers);
    mem_free(ids);
}
END_TEST

START_TEST(a_request_outlives_its_controller)
{
    struct fleet *f = fleet_new((uint64_t)_i + 170);
    struct answer answers[20] = { { 0 } };
    int sent = 0;
    for (int round = 0; round < 20; round++) {
        struct sim_node *leader = fleet_controller(f);
        struct sim_node *by = &f->nodes[sim_random(&f->world, FLEET_VOTERS)];
        if (!leader || by == leader || !fleet_is_running(by)) {
            fleet_run_ms(f, 500);
            continue;
        }
        char name[24];
        struct create_topics_request req;
        struct create_topics_request_creatable_topic topic;
        snprintf(name, sizeof(name), "topic-%d", round);
        schema_init(&create_topics_request_schema, &req);
        schema_init(&create_topics_request_creatable_topic_schema, &topic);
        topic.name = slice_str(name);
        topic.num_partitions = 1;
        topic.replication_factor = 2;
        req.topics = &topic;
        req.topics_n = 1;
        controller_channel_send(by->broker, &create_topics_request_schema, &req, -1,
                                30 * (uint64_t)NS_PER_S, fleet_on_created, &answers[sent++]);
        sim_host_turn_ends(by->host);
        fleet_run_ms(f, sim_random(&f->world, 4));
        if (round % 4 == 0) {
            sim_node_kill(leader, false);
            fleet_run_ms(f, 8000);
            fleet_start(leader);
            fleet_wait_running(f, leader, 20000);
        }
    }
    fleet_run_ms(f, 40000);
    ck_assert_int_gt(sent, 3);
    for (int i = 0; i < sent; i++) {
        ck_assert_int_eq(answers[i].count, 1);
        ck_assert_int_eq(answers[i].err, ERR_OK);
        /* It may have been carried out by the controller that died before it could say so. */
        ck_assert(answers[i].code == KAFKA_NONE || answers[i].code == KAFKA_TOPIC_ALREADY_EXISTS);
    }
    fleet_free(f);
}
END_TEST

Suite *lifecycle_suite(void)
{
    Suite *s = suite_create("lifecycle");
    TCase *t = tcase_create("lifecycle");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, nodes_register_are_unfenced_and_run, 0, 4);
    tcase_add_loop_test(t, a_killed_node_comes_back_as_a_new_incarnation, 0, 6);
    tcase_add_loop_test(t, a_node_that_is_back_at_once_does_not_wait_for_its_former_session, 0, 12);
    tcase_add_test(t, a_node_that_was_silent_is_fenced_and_let_in_again);
    tcase_add_test(t, of_two_nodes_with_one_id_the_second_waits_its_turn);
    tcase_add_test(t, a_node_whose_id_was_taken_over_serves_no_more);
    tcase_add_test(t, a_node_of_another_cluster_stops_and_says_so);
    tcase_add_loop_test(t, a_broker_alone_starts_with_a_damaged_or_old_quorum_state, 0, 2);
    tcase_add_test(t, a_broker_alone_without_a_sound_snapshot_takes_one_from_the_quorum);
    tcase_add_loop_test(t, leaders_move_before_a_node_stops, 0, 3);
    tcase_add_loop_test(t, nodes_that_stop_at_once_end_soon, 0, 12);
    tcase_add_loop_test(t, a_node_without_its_quorum_stops_soon, 0, 6);
    tcase_add_loop_test(t, a_node_that_hears_nothing_stops_in_bounded_time, 0, 3);
    tcase_add_loop_test(t, who_is_killed_is_replaced_before_a_time_out, 0, 12);
    tcase_add_loop_test(t, a_process_that_dies_slowly_is_found_out, 0, 4);
    tcase_add_loop_test(t, a_topic_grows_without_a_dead_broker_which_is_unregistered_and_comes_back,
                        0, 3);
    tcase_add_test(t, a_broker_that_was_unregistered_registers_again);
    tcase_add_loop_test(t, producer_ids_are_unique_over_nodes_and_leaders, 0, 3);
    tcase_add_loop_test(t, what_no_controller_answers_gets_an_error, 0, 3);
    tcase_add_loop_test(t, a_request_outlives_its_controller, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
