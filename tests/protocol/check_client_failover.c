/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_failover.c - how long a producer and a consumer stand still when a leader moves, is
 * missing, or is down for long. Times are virtual: what is measured is patience, not work. */
#include "protocol/client/producer.h"
#include "tests/protocol/consumer_rig.h"

#include <check.h>

Suite *client_failover_suite(void);

/* A record for partition 0 every few milliseconds, and a consumer of the same log. */
struct flow {
    struct consumer_rig in; /* the cluster, and what is read from it */
    struct client *client;
    struct producer *producer;
    struct producer_topic *topic;
    struct timer tick;
    uint64_t next, delivered;
    uint64_t delivered_ns; /* when something was delivered last */
};

static void on_tick(void *owner)
{
    struct flow *f = owner;
    uint64_t value = f->next * FAKE_PARTITIONS;
    struct record rec = { .timestamp_ms = 1, .value = slice_of((uint8_t *)&value, sizeof(value)) };
    if (!producer_append(f->producer, f->topic, 0, &rec, f, f->next)) {
        f->next++;
    }
    timer_arm_in(f->in.env.env, &f->tick, 5 * NS_PER_MS);
}

static void on_delivered(void *user, const struct producer_delivery *d)
{
    struct flow *f = user;
    f->delivered += d->records;
    f->delivered_ns = f->in.env.now_ns;
}

static void on_refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                       struct slice batch_bytes)
{
    ck_abort_msg("refused: %s", kafka_error_name((int16_t)error));
}

static void on_ready(void *user)
{
}

static void flow_init(struct flow *f, uint64_t seed)
{
    const char *bootstrap[] = { fake_cluster_address(0), fake_cluster_address(1) };
    const struct client_config client_cfg = { .bootstrap = bootstrap, .bootstrap_count = 2 };
    const struct producer_config cfg = { .acks = -1, .idempotence = true };
    const struct producer_events events = { on_delivered, on_refused, on_ready };
    *f = (struct flow){ 0 };
    consumer_rig_init(&f->in, seed, 0);
    f->in.commits = false;
    f->client = client_new(f->in.env.env, &client_cfg, NULL);
    f->producer = producer_new(f->client, &cfg, &events, f);
    f->topic = producer_topic(f->producer, f->in.cluster.topic);
    f->tick = (struct timer){ .fire = on_tick, .owner = f };
    timer_arm_in(f->in.env.env, &f->tick, 0);
}

static void flow_start(struct flow *f)
{
    consumer_rig_start(&f->in, (struct consumer_config){ .group_id = "g",
                                                         .fetch_wait_ns = 20 * NS_PER_MS });
    consumer_rig_run(&f->in, 2ull * NS_PER_S);
    ck_assert_uint_gt(f->delivered, 200);
    ck_assert_uint_gt(f->in.records, 200);
}

/* Until something that was appended after now has been delivered, and has been read. */
static void flow_expect_within(struct flow *f, uint64_t ms)
{
    uint64_t now = f->in.env.now_ns, first = f->next, delivered_ns = now;
    uint64_t limit = now + 60ull * NS_PER_S;
    while ((f->delivered <= first || f->in.given[0] <= (int64_t)first) &&
           f->in.env.now_ns < limit) {
        ck_assert(fake_env_step(&f->in.env));
        delivered_ns = f->delivered <= first ? f->in.env.now_ns : delivered_ns;
    }
    uint64_t took_ms = (f->in.env.now_ns - now) / NS_PER_MS;
    ck_assert_msg(took_ms <= ms, "delivered after %d ms, read after %d ms, of %d",
                  (int)((delivered_ns - now) / NS_PER_MS), (int)took_ms, (int)ms);
}

/* Every record is in the log once and in order; the consumer's rig has checked what it read. */
static void flow_deinit(struct flow *f)
{
    timer_cancel(f->in.env.env, &f->tick);
    producer_flush(f->producer);
    consumer_rig_run(&f->in, 5ull * NS_PER_S);
    const struct fake_partition *p = &f->in.cluster.partitions[0];
    ck_assert_uint_eq(f->delivered, f->next);
    ck_assert_uint_eq(p->count, f->next);
    for (size_t i = 0; i < p->count; i++) {
        ck_assert_uint_eq(p->values[i], i * FAKE_PARTITIONS);
    }
    ck_assert_int_eq(f->in.given[0], (int64_t)p->count);
    ck_assert_uint_eq(f->in.lost, 0);
    producer_free(f->producer);
    client_free(f->client);
    consumer_rig_deinit(&f->in);
}

static void move_leader(struct flow *f, int32_t to)
{
    struct fake_partition *p = &f->in.cluster.partitions[0];
    p->leader = to;
    p->leader_epoch++;
}

START_TEST(a_leader_that_moved_costs_one_look_at_the_metadata)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        move_leader(&f, 1);
        flow_expect_within(&f, 150);
        consumer_rig_run(&f.in, 500 * NS_PER_MS);
        move_leader(&f, 2); /* soon after: the metadata is asked for with some patience */
        flow_expect_within(&f, 500);
        flow_deinit(&f);
    }
}
END_TEST

/* Not even the metadata is needed, nor has it ever named the new leader. */
START_TEST(a_leader_told_beside_the_error_is_used_at_once)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct flow f;
        flow_init(&f, seed);
        f.in.cluster.tells_leader = true;
        f.in.cluster.brokers_told = 2;
        f.in.cluster.partitions[2].leader = 1;
        flow_start(&f);
        f.in.cluster.metadata_hangs = true;
        move_leader(&f, 2);
        flow_expect_within(&f, 100);
        f.in.cluster.metadata_hangs = false;
        f.in.cluster.brokers_told = FAKE_NODES;
        flow_deinit(&f);
    }
}
END_TEST

START_TEST(an_old_leader_that_is_told_is_not_believed)
{
    struct flow f;
    flow_init(&f, 1);
    flow_start(&f);
    struct slice topic = f.in.cluster.topic;
    const struct client_topic *t = client_topic(f.client, topic);
    move_leader(&f, 1);
    flow_expect_within(&f, 500);
    client_learn_leader(f.client, topic, 0, 2, 0);   /* an older epoch */
    client_learn_leader(f.client, topic, 0, 7, 99);  /* nobody knows where 7 is */
    client_learn_leader(f.client, topic, 0, -1, 99); /* none */
    client_learn_leader(f.client, topic, 4, 2, 99);  /* no such partition */
    client_learn_leader(f.client, slice_str("other"), 0, 2, 99);
    ck_assert_int_eq(t->partitions[0].leader_id, 1);
    ck_assert_int_eq(t->partitions[0].leader_epoch, 1);
    flow_deinit(&f);
}
END_TEST

START_TEST(a_leader_elected_late_is_found_within_half_a_second)
{
    static const uint64_t gaps_ms[] = { 50, 700, 2000, 5000 };
    for (size_t i = 0; i < sizeof(gaps_ms) / sizeof(gaps_ms[0]); i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct flow f;
            flow_init(&f, seed);
            flow_start(&f);
            fake_server_stop(&f.in.env, &f.in.cluster.nodes[0].server);
            f.in.cluster.group.coordinator = 1;
            move_leader(&f, -1);
            consumer_rig_run(&f.in, gaps_ms[i] * NS_PER_MS);
            move_leader(&f, 2);
            flow_expect_within(&f, 500);
            f.in.cluster.nodes[0].server.down = false;
            flow_deinit(&f);
        }
    }
}
END_TEST

/* The only broker, under the same epoch: nothing but a try tells that it is back. */
START_TEST(brokers_that_are_back_after_long_are_found_within_seconds)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct flow f;
        flow_init(&f, seed);
        flow_start(&f);
        for (int i = 0; i < FAKE_NODES; i++) {
            fake_server_stop(&f.in.env, &f.in.cluster.nodes[i].server);
        }
        consumer_rig_run(&f.in, 120ull * NS_PER_S);
        for (int i = 0; i < FAKE_NODES; i++) {
            f.in.cluster.nodes[i].server.down = false;
        }
        flow_expect_within(&f, 2500);
        flow_deinit(&f);
    }
}
END_TEST

Suite *client_failover_suite(void)
{
    Suite *s = suite_create("client_failover");
    TCase *t = tcase_create("failover");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_leader_that_moved_costs_one_look_at_the_metadata);
    tcase_add_test(t, a_leader_told_beside_the_error_is_used_at_once);
    tcase_add_test(t, an_old_leader_that_is_told_is_not_believed);
    tcase_add_test(t, a_leader_elected_late_is_found_within_half_a_second);
    tcase_add_test(t, brokers_that_are_back_after_long_are_found_within_seconds);
    suite_add_tcase(s, t);
    return s;
}
