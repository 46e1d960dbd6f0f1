/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_producer.c - idempotent producers of numbered values, a partition at a time. Driven by their
 * ticks and by deliveries.
 *   (P1) Values of one partition are given in the order of their numbers, and a number once only.
 */
#include "tests/sim/sim_workload.h"

#include "protocol/base/alloc.h"

static void on_delivered(void *user, const struct producer_delivery *d)
{
    struct sim_producer *p = user;
    struct sim_ledger *l = &p->c.workload->ledger;
    struct sim_ledger_partition *lp = sim_ledger_find(l, d->topic, d->partition);
    sim_digest(p->c.host->world, d->records, (uint64_t)d->base_offset);
    sim_trace(p->c.host->world, p->c.host, "p%u: %u records of %s-%d are safe at %lld", p->number,
              d->records, lp->topic, (int)lp->index, (long long)d->base_offset);
    sim_ledger_acked(l, lp, p->number, d->base_offset, d->records);
}

static void on_refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                       struct slice batch_bytes)
{
    struct sim_producer *p = user;
    (void)batch_bytes;
    sim_fail(p->c.host->world, "%s: records for %.*s-%d are refused: %s", p->c.host->name,
             SLICE_ARG(d->topic), (int)d->partition, kafka_error_text((int16_t)error));
}

static void on_room(void *user)
{
    (void)user; /* the next tick comes anyway */
}

static void produce(struct sim_producer *p)
{
    struct sim_workload *wl = p->c.workload;
    struct sim_world *w = wl->world;
    uint32_t at = (uint32_t)sim_random(w, wl->ledger.partition_count);
    struct sim_ledger_partition *lp = &wl->ledger.partitions[at];
    uint32_t topic = 0;
    while (strcmp(wl->topics[topic].name, lp->topic) != 0) {
        topic++;
    }
    uint32_t count = 1 + (uint32_t)sim_random(w, p->burst_max);
    struct buf value = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        sim_ledger_next(&wl->ledger, lp, p->number, &value);
        struct record rec = { .timestamp_ms = sim_host_wall_ms(p->c.host),
                              .value = buf_slice(&value) };
        if (producer_append(p->producer, p->topics[topic], lp->index, &rec, NULL, 0)) {
            break;
        }
        sim_ledger_sent(&wl->ledger, lp, p->number);
    }
    buf_deinit(&value);
}

static void on_tick(void *owner)
{
    struct sim_producer *p = owner;
    struct sim_workload *wl = p->c.workload;
    if (!wl->stopping && wl->ledger.sent < wl->options.records_max) {
        produce(p);
    }
    sim_event_arm(wl->world, &p->c.tick,
                  wl->world->now_ns + 1 + sim_random(wl->world, 2 * p->interval_ns));
}

static void start(struct sim_producer *p)
{
    static const struct producer_events events = { on_delivered, on_refused, on_room };
    struct sim_workload *wl = p->c.workload;
    struct producer_config cfg = { .acks = -1,
                                   .idempotence = true,
                                   .codec = sim_chance(wl->world, 4) ? CODEC_LZ4 : CODEC_NONE,
                                   .batch_bytes_max = 1024u << sim_random(wl->world, 6),
                                   .linger_ns = sim_random(wl->world, 20 * NS_PER_MS) };
    sim_client_start(&p->c);
    p->number = wl->numbers++;
    p->producer = producer_new(p->c.client, &cfg, &events, p);
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        p->topics[i] = producer_topic(p->producer, slice_str(wl->topics[i].name));
    }
    sim_host_turn_ends(p->c.host);
    sim_event_arm(wl->world, &p->c.tick, wl->world->now_ns + sim_random(wl->world, p->interval_ns));
}

void sim_producer_init(struct sim_producer *p, struct sim_workload *wl, uint32_t number)
{
    char name[SIM_NAME_MAX], address[SIM_NAME_MAX];
    snprintf(name, sizeof(name), "p%u", number);
    snprintf(address, sizeof(address), "10.0.2.%u", number + 1);
    p->c.workload = wl;
    p->c.host = sim_host_new(wl->world, name, address);
    p->c.tick = (struct sim_event){
        .fire = on_tick, .owner = p, .host = p->c.host, .kind = SIM_EVENT_TIMER
    };
    p->interval_ns = (5 + sim_random(wl->world, 100)) * NS_PER_MS;
    p->burst_max = 1 + (uint32_t)sim_random(wl->world, 20);
    start(p);
}

static void free_program(void *owner)
{
    struct sim_producer *p = owner;
    producer_free(p->producer);
    p->producer = NULL;
}

void sim_producer_deinit(struct sim_producer *p)
{
    sim_client_kill(&p->c, free_program, p);
}

void sim_producer_restart(struct sim_producer *p)
{
    sim_trace(p->c.host->world, p->c.host, "is killed and started again");
    sim_producer_deinit(p);
    start(p);
}
