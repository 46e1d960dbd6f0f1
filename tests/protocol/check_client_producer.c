/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_producer.c - the producer against scripted brokers, with and without faults. */
#include "protocol/client/producer.h"
#include "tests/support/fake_broker.h"

#include <check.h>
#include <stdlib.h>

Suite *client_producer_suite(void);

/* Record i goes to partition i % 4; its value is i. */
struct rig {
    struct fake_env env;
    struct fake_cluster cluster;
    struct client *client;
    struct producer *producer;
    struct producer_topic *topic;
    struct timer tick;
    struct timer calm; /* ends the faults */
    uint64_t next, count, each_tick;
    size_t value_bytes;
    uint64_t expected[FAKE_PARTITIONS]; /* the next position to be delivered */
    uint64_t delivered, refused;
    int16_t refused_error;
};

static void fill(struct rig *r)
{
    static uint8_t value[8192];
    for (uint64_t n = 0; r->next < r->count && n < r->each_tick; n++) {
        memcpy(value, &r->next, 8);
        struct record rec = { .timestamp_ms = env_wall_ms(r->env.env),
                              .value = slice_of(value, r->value_bytes) };
        if (producer_append(r->producer, r->topic, (int32_t)(r->next % FAKE_PARTITIONS), &rec, r,
                            r->next)) {
            return;
        }
        r->next++;
    }
    if (r->next == r->count) {
        producer_flush(r->producer);
    }
}

static void on_tick(void *owner)
{
    struct rig *r = owner;
    fill(r);
    timer_arm_in(r->env.env, &r->tick, 5 * NS_PER_MS);
}

static void on_calm(void *owner)
{
    ((struct rig *)owner)->cluster.faults = (struct fake_faults){ 0 };
}

/* Spans come in order and without a gap, refused ones counted in. */
static void account(struct rig *r, const struct producer_delivery *d)
{
    uint64_t records = 0;
    for (size_t i = 0; i < d->span_count; i++) {
        uint64_t *expected = &r->expected[d->partition];
        ck_assert_ptr_eq(d->spans[i].source, r);
        *expected += (uint64_t)d->spans[i].records * FAKE_PARTITIONS;
        ck_assert_uint_eq(d->spans[i].position, *expected - FAKE_PARTITIONS);
        records += d->spans[i].records;
    }
    ck_assert_uint_eq(records, d->records);
}

static void on_delivered(void *user, const struct producer_delivery *d)
{
    struct rig *r = user;
    account(r, d);
    r->delivered += d->records;
    if (d->base_offset >= 0) {
        const struct fake_partition *p = &r->cluster.partitions[d->partition];
        uint64_t last = (uint64_t)d->base_offset + d->records - 1;
        ck_assert_uint_lt(last, p->count);
        ck_assert_uint_eq(p->values[last], d->spans[d->span_count - 1].position);
    }
}

static void on_refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                       struct slice batch_bytes)
{
    struct rig *r = user;
    account(r, d);
    ck_assert_uint_eq(batch_bytes.len, d->bytes);
    r->refused += d->records;
    r->refused_error = (int16_t)error;
}

static void on_ready(void *user)
{
    fill(user);
}

static void rig_init(struct rig *r, uint64_t seed)
{
    *r = (struct rig){ .count = 2000, .each_tick = 20, .value_bytes = 100 };
    fake_env_init(&r->env, seed);
    fake_cluster_init(&r->cluster, &r->env);
}

static void rig_start(struct rig *r, struct producer_config cfg)
{
    const char *bootstrap[] = { fake_cluster_address(0), fake_cluster_address(1) };
    struct client_config client_cfg = { .bootstrap = bootstrap,
                                        .bootstrap_count = 2,
                                        .request_timeout_ns = 5ull * NS_PER_S,
                                        .connect_timeout_ns = 2ull * NS_PER_S };
    r->client = client_new(r->env.env, &client_cfg, NULL);
    struct producer_events events = { on_delivered, on_refused, on_ready };
    r->producer = producer_new(r->client, &cfg, &events, r);
    r->topic = producer_topic(r->producer, r->cluster.topic);
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        r->expected[i] = i;
    }
    r->tick = (struct timer){ .fire = on_tick, .owner = r };
    r->calm = (struct timer){ .fire = on_calm, .owner = r };
    timer_arm_in(r->env.env, &r->tick, 0);
}

/* Until all is delivered or refused; fails after `limit_s` of virtual time. */
static void rig_finish(struct rig *r, uint64_t limit_s)
{
    uint64_t limit = r->env.now_ns + limit_s * NS_PER_S;
    while (r->delivered + r->refused < r->count && r->env.now_ns < limit) {
        ck_assert(fake_env_step(&r->env));
    }
    ck_assert_msg(r->delivered + r->refused == r->count, "%lu of %lu after %lu s",
                  (unsigned long)(r->delivered + r->refused), (unsigned long)r->count,
                  (unsigned long)limit_s);
    ck_assert_uint_eq(producer_outstanding(r->producer), 0);
    ck_assert_uint_eq(producer_buffered_bytes(r->producer), 0);
}

static void check_logs(const struct rig *r)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        const struct fake_partition *p = &r->cluster.partitions[i];
        total += p->count;
        for (size_t j = 0; j < p->count; j++) {
            ck_assert_msg(p->values[j] == i + j * FAKE_PARTITIONS,
                          "partition %d, offset %d holds %d", (int)i, (int)j, (int)p->values[j]);
        }
    }
    ck_assert_uint_eq(total, r->count);
}

static void rig_deinit(struct rig *r)
{
    timer_cancel(r->env.env, &r->tick);
    timer_cancel(r->env.env, &r->calm);
    producer_free(r->producer);
    client_free(r->client);
    fake_cluster_deinit(&r->cluster);
    fake_env_deinit(&r->env);
}

static const struct producer_config usual = {
    .acks = -1, .idempotence = true, .batch_bytes_max = 2000, .linger_ns = 5 * NS_PER_MS
};

START_TEST(every_record_arrives_once_and_in_order)
{
    struct rig r;
    rig_init(&r, 1);
    rig_start(&r, usual);
    rig_finish(&r, 10);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

START_TEST(every_record_arrives_once_and_in_order_whatever_fails)
{
    const char *more = getenv("SEEDS");
    uint64_t seeds = more ? strtoull(more, NULL, 10) : 150;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct rig r;
        rig_init(&r, seed);
        unsigned top = 1 + (unsigned)rng_below(&r.env.rng, 120);
        struct fake_faults *f = &r.cluster.faults;
        f->drop_before = (unsigned)rng_below(&r.env.rng, top);
        f->drop_after = (unsigned)rng_below(&r.env.rng, top);
        f->hang = (unsigned)rng_below(&r.env.rng, top);
        f->not_leader = (unsigned)rng_below(&r.env.rng, top);
        f->error_before = (unsigned)rng_below(&r.env.rng, top);
        f->error_after = (unsigned)rng_below(&r.env.rng, top);
        f->restart = (unsigned)rng_below(&r.env.rng, top / 4 + 1);
        r.cluster.produce_max = (int16_t)(7 + rng_below(&r.env.rng, 7));
        struct producer_config cfg = usual;
        cfg.codec = rng_below(&r.env.rng, 2) ? CODEC_NONE : CODEC_LZ4;
        cfg.buffer_bytes_max = 20000 + rng_below(&r.env.rng, 200000);
        rig_start(&r, cfg);
        timer_arm_in(r.env.env, &r.calm, 120ull * NS_PER_S);
        rig_finish(&r, 600);
        check_logs(&r);
        rig_deinit(&r);
    }
}
END_TEST

START_TEST(two_runs_of_a_seed_are_the_same)
{
    uint64_t end[2], requests[2];
    for (int i = 0; i < 2; i++) {
        struct rig r;
        rig_init(&r, 77);
        r.cluster.faults = (struct fake_faults){ 30, 30, 10, 30, 30, 30, 5 };
        rig_start(&r, usual);
        timer_arm_in(r.env.env, &r.calm, 60ull * NS_PER_S);
        rig_finish(&r, 600);
        end[i] = r.env.now_ns;
        requests[i] = r.cluster.produced_requests;
        rig_deinit(&r);
    }
    ck_assert_uint_eq(end[0], end[1]);
    ck_assert_uint_eq(requests[0], requests[1]);
}
END_TEST

START_TEST(a_broker_that_knows_only_old_versions_is_served)
{
    struct rig r;
    rig_init(&r, 2);
    r.cluster.api_versions_max = 0;
    r.cluster.produce_max = 3;
    rig_start(&r, usual);
    rig_finish(&r, 10);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_broker_that_forgot_the_producer_gets_a_higher_epoch)
{
    struct rig r;
    rig_init(&r, 3);
    r.cluster.forget_at = 100;
    rig_start(&r, usual);
    rig_finish(&r, 30);
    check_logs(&r);
    int16_t epoch = 0;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        for (int j = 0; j < r.cluster.partitions[i].producer_count; j++) {
            int16_t its = r.cluster.partitions[i].producers[j].epoch;
            epoch = its > epoch ? its : epoch;
        }
    }
    ck_assert_int_gt(epoch, 0);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_batch_too_large_for_the_broker_is_cut_until_it_fits)
{
    struct rig r;
    rig_init(&r, 4);
    r.cluster.batch_bytes_max = 450;
    rig_start(&r, usual);
    rig_finish(&r, 60);
    check_logs(&r);
    ck_assert_uint_eq(r.refused, 0);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_record_too_large_for_the_broker_is_refused_and_the_rest_goes_on)
{
    struct rig r;
    rig_init(&r, 5);
    r.count = 40;
    r.value_bytes = 3000;
    r.cluster.batch_bytes_max = 450;
    rig_start(&r, usual);
    rig_finish(&r, 60);
    ck_assert_uint_eq(r.refused, 40);
    ck_assert_int_eq(r.refused_error, KAFKA_MESSAGE_TOO_LARGE);
    r.cluster.batch_bytes_max = 0;
    r.count = 80;
    rig_finish(&r, 60);
    ck_assert_uint_eq(r.delivered, 40);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_refused_batch_does_not_hold_up_the_next_ones)
{
    struct rig r;
    rig_init(&r, 6);
    r.cluster.refuse_error = KAFKA_INVALID_RECORD;
    rig_start(&r, usual);
    rig_finish(&r, 60);
    ck_assert_int_eq(r.refused_error, KAFKA_INVALID_RECORD);
    ck_assert_uint_gt(r.refused, 0);
    ck_assert_uint_eq(r.delivered + r.refused, r.count);
    rig_deinit(&r);
}
END_TEST

START_TEST(without_acks_records_are_delivered_when_they_have_left)
{
    struct rig r;
    rig_init(&r, 7);
    struct producer_config cfg = usual;
    cfg.acks = 0;
    rig_start(&r, cfg);
    rig_finish(&r, 10);
    fake_env_run(&r.env, r.env.now_ns + NS_PER_S);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

START_TEST(without_idempotence_the_order_is_kept_over_retries)
{
    struct rig r;
    rig_init(&r, 8);
    r.cluster.faults =
        (struct fake_faults){ .drop_before = 50, .not_leader = 50, .error_before = 50 };
    struct producer_config cfg = usual;
    cfg.idempotence = false;
    cfg.acks = 1;
    rig_start(&r, cfg);
    rig_finish(&r, 300);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

static void swallow(struct fake_server *server, struct fake_conn *conn, struct slice bytes)
{
}

START_TEST(a_broker_that_hangs_does_not_stop_the_others)
{
    struct rig r;
    rig_init(&r, 9);
    rig_start(&r, usual);
    fake_env_run(&r.env, r.env.now_ns + 20 * NS_PER_MS);
    void (*received)(struct fake_server *, struct fake_conn *, struct slice) =
        r.cluster.nodes[1].server.received;
    r.cluster.nodes[1].server.received = swallow;
    fake_env_run(&r.env, r.env.now_ns + 60ull * NS_PER_S);
    /* Partition 1 is led by node 1, the other three by 0 and 2. */
    ck_assert_uint_eq(r.cluster.partitions[0].count, 500);
    ck_assert_uint_eq(r.cluster.partitions[2].count, 500);
    ck_assert_uint_eq(r.cluster.partitions[3].count, 500);
    ck_assert_uint_lt(r.cluster.partitions[1].count, 500);
    r.cluster.nodes[1].server.received = received;
    rig_finish(&r, 120);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_full_buffer_says_again_and_then_ready)
{
    struct rig r;
    rig_init(&r, 10);
    struct producer_config cfg = usual;
    cfg.buffer_bytes_max = 10000;
    r.each_tick = 2000;
    rig_start(&r, cfg);
    timer_cancel(r.env.env, &r.tick);
    fill(&r); /* no metadata yet: ready() must come by itself */
    ck_assert_uint_eq(r.next, 0);
    rig_finish(&r, 10);
    check_logs(&r);
    rig_deinit(&r);
}
END_TEST

START_TEST(freeing_with_batches_in_flight_leaves_nothing_behind)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig r;
        rig_init(&r, seed);
        rig_start(&r, usual);
        fake_env_run(&r.env, r.env.now_ns + seed * 300 * NS_PER_US);
        rig_deinit(&r);
    }
}
END_TEST

START_TEST(key_hash_is_that_of_the_java_client)
{
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = {
        { "21", -973932308 },
        { "foobar", -790332482 },
        { "a-little-bit-long-string", -985981536 },
        { "a-little-bit-longer-string", -1486304829 },
        { "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
        { "abc", 479470107 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_uint_eq(producer_key_hash(slice_str(rows[i].key)),
                          (uint32_t)rows[i].hash & 0x7fffffff);
    }
}
END_TEST

Suite *client_producer_suite(void)
{
    Suite *s = suite_create("client_producer");
    TCase *t = tcase_create("producer");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_record_arrives_once_and_in_order);
    tcase_add_test(t, every_record_arrives_once_and_in_order_whatever_fails);
    tcase_add_test(t, two_runs_of_a_seed_are_the_same);
    tcase_add_test(t, a_broker_that_knows_only_old_versions_is_served);
    tcase_add_test(t, a_broker_that_forgot_the_producer_gets_a_higher_epoch);
    tcase_add_test(t, a_batch_too_large_for_the_broker_is_cut_until_it_fits);
    tcase_add_test(t, a_record_too_large_for_the_broker_is_refused_and_the_rest_goes_on);
    tcase_add_test(t, a_refused_batch_does_not_hold_up_the_next_ones);
    tcase_add_test(t, without_acks_records_are_delivered_when_they_have_left);
    tcase_add_test(t, without_idempotence_the_order_is_kept_over_retries);
    tcase_add_test(t, a_broker_that_hangs_does_not_stop_the_others);
    tcase_add_test(t, a_full_buffer_says_again_and_then_ready);
    tcase_add_test(t, freeing_with_batches_in_flight_leaves_nothing_behind);
    tcase_add_test(t, key_hash_is_that_of_the_java_client);
    suite_add_tcase(s, t);
    return s;
}
