/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_produce.c - produces numbered records through protocol/client, for end-to-end checks and
 * for measuring:
 *   driver_produce BOOTSTRAP TOPIC COUNT [BYTES] [acks] [codec] [records a second] [batch bytes]
 *     [linger ms]
 * Record i goes to partition i % partitions with the value "i" padded to BYTES; driver_consume
 * checks that every partition holds its numbers once and in order. Ends when all are delivered.
 * With a rate, it tells latencies from when a record was due, however late it was sent; records of
 * the first second, when connections are made, have none.
 */
#include "protocol/client/producer.h"
#include "protocol/net/loop.h"
#include "tests/e2e/drivers/latency.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SKIP_US = 1000000 };

struct driver {
    struct loop *loop;
    struct producer *producer;
    struct producer_topic *topic;
    struct timer tick;
    uint64_t next, count, delivered, refused, rate;
    uint64_t started_ns;
    size_t bytes;
    char *value;
    int32_t partitions;
    struct latency latency;
};

static void fill(struct driver *d)
{
    uint64_t limit = d->count;
    struct env env = loop_env(d->loop);
    if (d->rate) {
        uint64_t due = (env_mono_ns(env) - d->started_ns) / 1000 * d->rate / 1000000 + 1;
        limit = due < limit ? due : limit;
    }
    int32_t partitions = d->partitions = producer_partition_count(d->topic);
    int64_t wall_ms = env_wall_ms(env);
    for (; d->next < limit; d->next++) {
        int n = snprintf(d->value, 24, "%" PRIu64, d->next);
        d->value[n] = ' ';
        struct record rec = { .timestamp_ms = wall_ms, .value = slice_of(d->value, d->bytes) };
        int32_t at = partitions ? (int32_t)(d->next % (uint64_t)partitions) : 0;
        if (producer_append(d->producer, d->topic, at, &rec, d, d->next)) {
            return;
        }
    }
    if (d->next == d->count) {
        producer_flush(d->producer);
    }
}

static void on_tick(void *owner)
{
    struct driver *d = owner;
    fill(d);
    timer_arm_in(loop_env(d->loop), &d->tick, (d->rate ? 1 : 20) * NS_PER_MS);
}

static void on_ready(void *user)
{
    fill(user);
}

static void check_end(struct driver *d)
{
    if (d->delivered + d->refused == d->count) {
        loop_stop(d->loop);
    }
}

/* A batch has one span: its last record's number, and a number for each round of the partitions
 * before it. */
static void measure(struct driver *d, const struct producer_delivery *delivery)
{
    uint64_t waited_us = (env_mono_ns(loop_env(d->loop)) - d->started_ns) / 1000;
    uint64_t n = delivery->spans[0].position;
    for (uint32_t i = 0; i < delivery->records; i++, n -= (uint64_t)d->partitions) {
        uint64_t due_us = n * 1000000 / d->rate;
        if (due_us >= SKIP_US) {
            latency_add(&d->latency, waited_us - due_us);
        }
    }
}

static void on_delivered(void *user, const struct producer_delivery *delivery)
{
    struct driver *d = user;
    d->delivered += delivery->records;
    if (d->rate) {
        measure(d, delivery);
    }
    check_end(d);
}

static void on_refused(void *user, const struct producer_delivery *delivery, enum kafka_error error,
                       struct slice batch_bytes)
{
    struct driver *d = user;
    d->refused += delivery->records;
    fprintf(stderr, "refused: %s\n", kafka_error_name((int16_t)error));
    check_end(d);
}

static void report(const struct driver *d)
{
    double s = (double)(env_mono_ns(loop_env(d->loop)) - d->started_ns) / 1e9;
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double gb = (double)(d->delivered * d->bytes) / 1e9;
    double used = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
    printf("delivered=%" PRIu64 " refused=%" PRIu64 " seconds=%.3f MB/s=%.1f cpu_s=%.3f "
           "cpu_s_per_GB=%.3f",
           d->delivered, d->refused, s, gb * 1e3 / s, used, used / gb);
    if (d->rate) {
        printf(" p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f max_ms=%.3f", latency_ms(&d->latency, 0.5),
               latency_ms(&d->latency, 0.99), latency_ms(&d->latency, 0.999),
               (double)d->latency.max / 1000);
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr,
                "usage: %s BOOTSTRAP TOPIC COUNT [BYTES] [ACKS] [CODEC] [RATE] [BATCH] "
                "[LINGER]\n",
                argv[0]);
        return 2;
    }
    struct driver d = { .count = strtoull(argv[3], NULL, 10) };
    d.bytes = argc > 4 ? strtoull(argv[4], NULL, 10) : 200;
    d.bytes = d.bytes < 24 ? 24 : d.bytes;
    d.rate = argc > 7 ? strtoull(argv[7], NULL, 10) : 0;
    d.value = malloc(d.bytes);
    memset(d.value, 'x', d.bytes);
    struct producer_config cfg = { .acks = argc > 5 ? (int16_t)atoi(argv[5]) : -1,
                                   .idempotence = true,
                                   .batch_bytes_max = argc > 8 ? strtoull(argv[8], NULL, 10) : 0,
                                   .linger_ns =
                                       (argc > 9 ? strtoull(argv[9], NULL, 10) : 5) * NS_PER_MS };
    if (argc > 6 && codec_parse(slice_str(argv[6]), &cfg.codec)) {
        return 2;
    }
    struct error err;
    if (loop_new(1, &d.loop, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const char *bootstrap[] = { argv[1] };
    struct client_config client_cfg = { .bootstrap = bootstrap, .bootstrap_count = 1 };
    struct log log = { log_sink_new(2, LOG_INFO, LOG_LOGFMT), "driver" };
    struct client *client = client_new(loop_env(d.loop), &client_cfg, &log);
    struct producer_events events = { on_delivered, on_refused, on_ready };
    d.producer = producer_new(client, &cfg, &events, &d);
    d.topic = producer_topic(d.producer, slice_str(argv[2]));
    d.started_ns = env_mono_ns(loop_env(d.loop));
    d.tick.fire = on_tick;
    d.tick.owner = &d;
    timer_arm_in(loop_env(d.loop), &d.tick, 0);
    loop_run(d.loop);
    report(&d);
    timer_cancel(loop_env(d.loop), &d.tick);
    producer_free(d.producer);
    client_free(client);
    loop_turn(d.loop, 0);
    loop_free(d.loop);
    log_sink_free(log.sink);
    free(d.value);
    return d.refused ? 1 : 0;
}
