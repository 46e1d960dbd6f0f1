/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_deletion.c - records that DeleteRecords has taken away stay away, whoever leads next. Real
 * nodes in a simulated world; the requests come from another node.
 */
#include "tests/broker/fleet.h"
#include "tests/broker/node.h"

#include <check.h>

Suite *deletion_suite(void);

enum { COUNT = 10, FETCH_WAIT_MS = 500 };

/* When the answer came: a step of the world goes on to its next event, however late that is. */
struct deleted {
    struct answer answer;
    const struct sim_world *world;
    uint64_t at_ns;
};

static void on_deleted(void *user, enum err err, int16_t version, const void *response)
{
    const struct delete_records_response *resp = response;
    struct deleted *d = user;
    (void)version;
    d->at_ns = d->world->now_ns;
    fleet_answered(&d->answer, err, err ? NULL : &resp->topics[0].partitions[0].error_code);
}

static void on_topic_deleted(void *user, enum err err, int16_t version, const void *response)
{
    const struct delete_topics_response *resp = response;
    (void)version;
    fleet_answered(user, err, err ? NULL : &resp->responses[0].error_code);
}

static void on_altered(void *user, enum err err, int16_t version, const void *response)
{
    const struct incremental_alter_configs_response *resp = response;
    (void)version;
    fleet_answered(user, err, err ? NULL : &resp->responses[0].error_code);
}

/* Deletes everything that is committed; the answer's code. *ret_ms: how long it took. */
static int16_t delete_all(struct fleet *f, struct sim_node *by, struct sim_node *leader,
                          int32_t index, int32_t timeout_ms, uint64_t *ret_ms)
{
    struct deleted d = { .world = &f->world };
    struct delete_records_request req;
    struct delete_records_request_topic topic;
    struct delete_records_request_partition part;
    schema_init(&delete_records_request_schema, &req);
    schema_init(&delete_records_request_topic_schema, &topic);
    schema_init(&delete_records_request_partition_schema, &part);
    part.partition_index = index;
    part.offset = -1;
    topic.name = slice_str("t");
    topic.partitions = &part;
    topic.partitions_n = 1;
    req.topics = &topic;
    req.topics_n = 1;
    req.timeout_ms = timeout_ms;
    const char *host;
    uint16_t port;
    ck_assert(peers_broker_address(by->broker, leader->id, &host, &port));
    uint64_t from_ns = f->world.now_ns;
    peer_call(peers_at(by->broker, PEER_CONTROLLER, host, port), &delete_records_request_schema,
              &req, -1, 20 * (uint64_t)NS_PER_S, on_deleted, &d);
    sim_host_turn_ends(by->host);
    while (!d.answer.count) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(d.answer.err, ERR_OK);
    *ret_ms = (d.at_ns - from_ns) / NS_PER_MS;
    return d.answer.code;
}

static bool in_isr(const struct sim_node *by, const struct sim_node *who, int32_t index)
{
    const struct image_topic *t = image_topic(&by->broker->image, slice_str("t"));
    return image_has_id(t->partitions[index].isr, t->partitions[index].isr_count, who->id);
}

static int64_t start_of(const struct sim_node *n, int32_t index)
{
    return partition_start_offset(fleet_partition(n, index));
}

/* The node leads the partition, and has COUNT committed records. */
static int32_t prepare(struct fleet *f, struct sim_node *leader)
{
    struct fleet_sent s;
    fleet_create_topic(f, leader, "t");
    int32_t index = fleet_led_by(leader);
    fleet_send(leader, index, COUNT, &s);
    fleet_wait_sent(f, &s, 3000);
    ck_assert_int_eq(s.code, KAFKA_NONE);
    return index;
}

static void wait_fenced(struct fleet *f, const struct sim_node *by, const struct sim_node *who,
                        int32_t index)
{
    while (fleet_is_unfenced(by, who) || in_isr(by, who, index)) {
        fleet_run_ms(f, 1);
    }
}

START_TEST(who_returns_is_in_sync_only_once_it_begins_where_the_leader_does)
{
    struct fleet *f = fleet_new((uint64_t)_i + 700);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *gone = &f->nodes[(_i + 1) % FLEET_VOTERS];
    struct sim_node *other = &f->nodes[(_i + 2) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    sim_node_kill(gone, _i % 2);
    wait_fenced(f, n, gone, index);
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    ck_assert_int_eq(start_of(n, index), COUNT);
    fleet_start(gone);
    while (!in_isr(n, gone, index) || !in_isr(other, gone, index)) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(start_of(gone, index), COUNT);
    fleet_free(f);
}
END_TEST

/* A batch of producer 77 is committed and deleted while `gone` is away. */
static int32_t delete_a_producers(struct fleet *f, struct sim_node *n, struct sim_node *gone,
                                  struct sim_node *other)
{
    struct batch_seal seal = plain_seal();
    struct fleet_sent s;
    uint64_t ms;
    int32_t index = prepare(f, n);
    sim_node_kill(gone, false);
    wait_fenced(f, n, gone, index);
    seal.producer_id = 77;
    seal.producer_epoch = 0;
    seal.base_sequence = 0;
    fleet_send_sealed(n, index, 3, &seal, &s);
    fleet_wait_sent(f, &s, 3000);
    ck_assert_int_eq(s.code, KAFKA_NONE);
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    return index;
}

static void comes_back(struct fleet *f, struct sim_node *n, struct sim_node *gone,
                       struct sim_node *other, int32_t index)
{
    fleet_start(gone);
    while (!in_isr(n, gone, index) || !in_isr(other, gone, index)) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(start_of(gone, index), COUNT + 3);
}

static const struct producer_entry *producer_of(const struct sim_node *n, int32_t index)
{
    return producer_state_find(&fleet_partition(n, index)->log->producers, 77);
}

START_TEST(who_begins_anew_knows_the_producers_whose_records_are_gone)
{
    struct fleet *f = fleet_new((uint64_t)_i + 750);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *gone = &f->nodes[(_i + 1) % FLEET_VOTERS];
    struct sim_node *other = &f->nodes[(_i + 2) % FLEET_VOTERS];
    int32_t index = delete_a_producers(f, n, gone, other);
    for (int lives = 0; lives < 2; lives++) {
        comes_back(f, n, gone, other, index);
        ck_assert_ptr_nonnull(producer_of(gone, index));
        ck_assert_int_eq(producer_of(gone, index)->kept[0].last_sequence, 2);
        ck_assert_int_eq(producer_of(gone, index)->kept[0].last_offset, COUNT + 2);
        sim_node_kill(gone, true);
        wait_fenced(f, n, gone, index);
    }
    fleet_free(f);
}
END_TEST

/* What a leader that was elected uncleanly has lost, its followers forget: they would take the
 * batch, sent again, for one that is there. */
START_TEST(who_begins_at_zero_again_knows_no_producer)
{
    struct fleet *f = fleet_new((uint64_t)_i + 780);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *gone = &f->nodes[(_i + 1) % FLEET_VOTERS];
    struct sim_node *other = &f->nodes[(_i + 2) % FLEET_VOTERS];
    struct error err;
    int32_t index = delete_a_producers(f, n, gone, other);
    comes_back(f, n, gone, other, index);
    struct partition *p = fleet_partition(n, index);
    ck_assert_int_eq(log_truncate_all(p->log, 0, 0, &err), ERR_OK);
    p->high_watermark = 0;
    for (int waited = 0; partition_end_offset(fleet_partition(gone, index)) > 0; waited++) {
        ck_assert_int_lt(waited, 10000);
        fleet_run_ms(f, 1);
    }
    ck_assert_ptr_null(producer_of(gone, index));
    fleet_free(f);
}
END_TEST

/* What was asked through this node is done. */
static void wait_done(struct fleet *f, struct sim_node *by, const struct answer *a)
{
    sim_host_turn_ends(by->host);
    while (!a->count) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(a->code, KAFKA_NONE);
}

/* One of three counts as too few from now on: who leaves the ISR stays eligible (KIP-966). */
static void want_all_in_sync(struct fleet *f, struct sim_node *by)
{
    struct answer a = { 0 };
    struct incremental_alter_configs_request req;
    struct incremental_alter_configs_request_alter_configs_resource resource;
    struct incremental_alter_configs_request_alterable_config config;
    schema_init(&incremental_alter_configs_request_schema, &req);
    schema_init(&incremental_alter_configs_request_alter_configs_resource_schema, &resource);
    schema_init(&incremental_alter_configs_request_alterable_config_schema, &config);
    config.name = slice_str("min.insync.replicas");
    config.value = slice_str("3");
    resource.resource_type = 2; /* a topic */
    resource.resource_name = slice_str("t");
    resource.configs = &config;
    resource.configs_n = 1;
    req.resources = &resource;
    req.resources_n = 1;
    controller_channel_send(by->broker, &incremental_alter_configs_request_schema, &req, -1,
                            10 * (uint64_t)NS_PER_S, on_altered, &a);
    wait_done(f, by, &a);
}

START_TEST(an_eligible_replica_that_is_away_is_waited_for)
{
    struct fleet *f = fleet_new((uint64_t)_i + 760);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *gone = &f->nodes[(_i + 1) % FLEET_VOTERS];
    struct sim_node *other = &f->nodes[(_i + 2) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    want_all_in_sync(f, other);
    sim_node_kill(gone, false);
    wait_fenced(f, n, gone, index);
    ck_assert_int_eq(delete_all(f, other, n, index, 1000, &ms), KAFKA_REQUEST_TIMED_OUT);
    fleet_start(gone);
    fleet_wait_running(f, gone, 15000);
    ck_assert_int_eq(delete_all(f, other, n, index, 15000, &ms), KAFKA_NONE);
    ck_assert_int_eq(start_of(gone, index), COUNT);
    fleet_free(f);
}
END_TEST

START_TEST(a_deletion_that_cannot_be_written_makes_room_and_is_no_promise)
{
    struct fleet *f = fleet_new((uint64_t)_i + 780);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    n->disk.faults.capacity_bytes = 1;
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_KAFKA_STORAGE_ERROR);
    ck_assert_int_eq(start_of(n, index), COUNT);
    n->disk.faults.capacity_bytes = 0;
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    fleet_free(f);
}
END_TEST

START_TEST(followers_hear_of_a_deletion_at_once)
{
    struct fleet *f = fleet_new((uint64_t)_i + 720);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    fleet_run_ms(f, 100 + sim_random(&f->world, FETCH_WAIT_MS));
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    ck_assert_uint_lt(ms, FETCH_WAIT_MS / 5);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        ck_assert_int_eq(start_of(&f->nodes[i], index), COUNT);
    }
    fleet_free(f);
}
END_TEST

START_TEST(what_was_answered_outlives_a_power_loss_of_all_nodes)
{
    struct fleet *f = fleet_new((uint64_t)_i + 740);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        sim_node_kill(&f->nodes[i], true);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (&f->nodes[i] != n) {
            fleet_start(&f->nodes[i]); /* whoever leads, it is not the one that was asked */
        }
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        if (&f->nodes[i] != n) {
            fleet_wait_running(f, &f->nodes[i], 15000);
            ck_assert_int_eq(start_of(&f->nodes[i], index), COUNT);
        }
    }
    fleet_free(f);
}
END_TEST

/* --- the disk --------------------------------------------------------------------------------- */

static void retain_nothing(struct sim_node *n, int32_t index)
{
    struct partition_log *log = fleet_partition(n, index)->log;
    struct log_config config = log->config;
    config.retention_ms = 1;
    log_set_config(log, &config);
}

/* Retention takes the files away that the checkpoint told to begin behind. */
START_TEST(segments_that_retention_took_do_not_come_back_with_deleted_records)
{
    struct fleet *f = fleet_new((uint64_t)_i + 800);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    if (_i % 2) {
        ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        retain_nothing(&f->nodes[i], index);
    }
    fleet_run_ms(f, 31000);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        ck_assert_int_eq(fleet_partition(&f->nodes[i], index)->log->segments[0]->base_offset,
                         COUNT);
        ck_assert(checkpoints_write_log_starts(f->nodes[i].broker));
    }
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    for (int i = 0; i < FLEET_VOTERS; i++) {
        sim_node_kill(&f->nodes[i], true);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_start(&f->nodes[i]);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_wait_running(f, &f->nodes[i], 15000);
        ck_assert_int_eq(start_of(&f->nodes[i], index), COUNT);
    }
    fleet_free(f);
}
END_TEST

static void delete_topic(struct fleet *f, struct sim_node *by, const char *name)
{
    struct answer a = { 0 };
    struct delete_topics_request req;
    struct delete_topics_request_delete_topic_state topic;
    schema_init(&delete_topics_request_schema, &req);
    schema_init(&delete_topics_request_delete_topic_state_schema, &topic);
    topic.name = slice_str(name);
    req.topics = &topic;
    req.topics_n = 1;
    req.timeout_ms = 5000;
    controller_channel_send(by->broker, &delete_topics_request_schema, &req, -1,
                            10 * (uint64_t)NS_PER_S, on_topic_deleted, &a);
    wait_done(f, by, &a);
}

/* The second one's records lie where the first one's were deleted. */
START_TEST(a_topic_begins_at_zero_whatever_was_deleted_of_an_earlier_one_of_its_name)
{
    struct fleet *f = fleet_new((uint64_t)_i + 820);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    uint64_t ms;
    int32_t index = prepare(f, n);
    ck_assert_int_eq(delete_all(f, other, n, index, 5000, &ms), KAFKA_NONE);
    delete_topic(f, other, "t");
    if (_i % 2) { /* and of an earlier life of the node */
        for (int i = 0; i < FLEET_VOTERS; i++) {
            sim_node_kill(&f->nodes[i], false);
            fleet_start(&f->nodes[i]);
        }
        for (int i = 0; i < FLEET_VOTERS; i++) {
            fleet_wait_running(f, &f->nodes[i], 15000);
        }
    }
    fleet_create_topic(f, n, "t");
    struct sim_node *leader = &f->nodes[fleet_leader_of(n, index) - 1];
    for (int i = 0; i < COUNT / 2 + _i * 2; i++) {
        fleet_send_whole(f, leader, index);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        sim_node_kill(&f->nodes[i], false);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_start(&f->nodes[i]);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_wait_running(f, &f->nodes[i], 15000);
        ck_assert_int_eq(start_of(&f->nodes[i], index), 0);
        ck_assert_int_eq(partition_end_offset(fleet_partition(&f->nodes[i], index)),
                         COUNT / 2 + _i * 2);
    }
    fleet_free(f);
}
END_TEST

static void count_name(void *ctx, const char *name)
{
    (void)name;
    ++*(int *)ctx;
}

/* The files in the partition's directory; 0: there is none. */
static int count_files(struct sim_node *n, int32_t index)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof(path), SIM_NODE_DIR "/t-%d", (int)index);
    n->disk.off = false; /* to look at it */
    (void)n->disk.vfs.ops->list(&n->disk.vfs, path, count_name, &count, NULL);
    return count;
}

static void count_removal(void *ctx, const char *name)
{
    *(int *)ctx += strstr(name, "-delete") != NULL;
}

static int count_removals(struct sim_node *n)
{
    int count = 0;
    (void)n->disk.vfs.ops->list(&n->disk.vfs, SIM_NODE_DIR, count_removal, &count, NULL);
    return count;
}

/* Its name may come back, and with it some of its files only. */
START_TEST(a_removed_log_is_back_as_a_whole_after_a_power_loss_or_not_at_all)
{
    struct fleet *f = fleet_new((uint64_t)_i + 840);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    int32_t index = prepare(f, n);
    struct partition *p = fleet_partition(n, index);
    sim_disk_sync_all(&n->disk);
    int before = count_files(n, index);
    ck_assert_int_ge(before, 3);
    partition_retire(n->broker, p, KAFKA_NOT_LEADER_OR_FOLLOWER);
    partition_delete_log(n->broker, p);
    ck_assert_int_eq(count_files(n, index), 0);
    if (_i % 2) { /* the next start goes on with it */
        sim_node_kill(n, false);
        fleet_start(n);
    }
    while (count_removals(n)) {
        ck_assert(sim_world_step(&f->world));
    }
    sim_node_kill(n, true);
    int after = count_files(n, index);
    ck_assert_msg(after == 0 || after == before, "%d of %d files", after, before);
    n->disk.off = true;
    fleet_free(f);
}
END_TEST

Suite *deletion_suite(void)
{
    Suite *s = suite_create("deletion");
    TCase *t = tcase_create("deletion");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, who_returns_is_in_sync_only_once_it_begins_where_the_leader_does, 0, 12);
    tcase_add_loop_test(t, who_begins_anew_knows_the_producers_whose_records_are_gone, 0, 6);
    tcase_add_loop_test(t, who_begins_at_zero_again_knows_no_producer, 0, 6);
    tcase_add_loop_test(t, an_eligible_replica_that_is_away_is_waited_for, 0, 6);
    tcase_add_loop_test(t, a_deletion_that_cannot_be_written_makes_room_and_is_no_promise, 0, 6);
    tcase_add_loop_test(t, followers_hear_of_a_deletion_at_once, 0, 6);
    tcase_add_loop_test(t, what_was_answered_outlives_a_power_loss_of_all_nodes, 0, 6);
    tcase_add_loop_test(t, segments_that_retention_took_do_not_come_back_with_deleted_records, 0,
                        6);
    tcase_add_loop_test(t,
                        a_topic_begins_at_zero_whatever_was_deleted_of_an_earlier_one_of_its_name,
                        0, 6);
    tcase_add_loop_test(t, a_removed_log_is_back_as_a_whole_after_a_power_loss_or_not_at_all, 0,
                        40);
    suite_add_tcase(s, t);
    return s;
}
