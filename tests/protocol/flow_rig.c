/* SPDX-License-Identifier: Apache-2.0 */
/* flow_rig.c - the flow of records. Driven by check_client_failover.c and check_client_silent.c. */
#include "tests/protocol/flow_rig.h"

#include <check.h>

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

void flow_init(struct flow *f, uint64_t seed)
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

void flow_start(struct flow *f)
{
    consumer_rig_start(&f->in, (struct consumer_config){ .group_id = "g",
                                                         .fetch_wait_ns = 20 * NS_PER_MS });
    consumer_rig_run(&f->in, 2ull * NS_PER_S);
    ck_assert_uint_gt(f->delivered, 200);
    ck_assert_uint_gt(f->in.records, 200);
}

void flow_expect_within(struct flow *f, uint64_t ms)
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
void flow_deinit(struct flow *f)
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

void flow_move_leader(struct flow *f, int32_t to)
{
    struct fake_partition *p = &f->in.cluster.partitions[0];
    p->leader = to;
    p->leader_epoch++;
}
