/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_consume.c - reads a topic as a member of a group through protocol/client, for end-to-end
 * checks and for measuring: driver_consume BOOTSTRAP TOPIC GROUP COUNT [ASSIGNOR] [IDLE_SECONDS]
 * [print]. Checks that the numbers of driver_produce ascend within each partition, commits as it
 * goes, and ends after COUNT records or when nothing has come for IDLE_SECONDS. `print` writes
 * "partition number".
 */
#include "protocol/client/consumer.h"
#include "protocol/net/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PARTITIONS = 1024 };

struct driver {
    struct loop *loop;
    struct consumer *consumer;
    struct timer idle;
    uint64_t idle_ns;
    uint64_t count, got, bytes, disorder;
    uint64_t first_ns, last_ns;
    int64_t last[PARTITIONS];
    bool print;
};

static void say_parts(const char *what, struct consumer_partition *const *parts, size_t count)
{
    fprintf(stderr, "%s", what);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " %.*s-%d", SLICE_ARG(parts[i]->topic), (int)parts[i]->partition);
    }
    fprintf(stderr, "\n");
}

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    say_parts("assigned", parts, count);
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct driver *d = user;
    say_parts("revoking", parts, count);
    consumer_revoked(d->consumer);
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    say_parts("lost", parts, count);
}

static void on_closed(void *user)
{
    struct driver *d = user;
    loop_stop(d->loop);
}

static void end(struct driver *d)
{
    timer_cancel(loop_env(d->loop), &d->idle);
    consumer_close(d->consumer, on_closed, d);
}

static void on_idle(void *owner)
{
    end(owner);
}

static void look(struct driver *d, const struct consumer_partition *part, const struct record *rec)
{
    int64_t number = strtoll((const char *)rec->value.ptr, NULL, 10);
    int64_t *last = &d->last[part->partition % PARTITIONS];
    d->disorder += number <= *last;
    *last = number;
    d->got++;
    d->bytes += rec->value.len;
    if (d->print) {
        printf("%d %" PRId64 "\n", (int)part->partition, number);
    }
}

static void on_batches(void *user, struct consumer_partition *part,
                       const struct batch_view *batches, size_t count)
{
    struct driver *d = user;
    struct env env = loop_env(d->loop);
    struct buf scratch = { 0 };
    d->last_ns = env_mono_ns(env);
    d->first_ns = d->first_ns ? d->first_ns : d->last_ns;
    for (size_t i = 0; i < count; i++) {
        struct batch_iter it;
        struct record rec;
        if (batch_iter_init(&it, &batches[i], &scratch, 64u << 20)) {
            abort();
        }
        while (batch_iter_next(&it, &rec) == ERR_OK) {
            if (rec.offset >= part->position) {
                look(d, part, &rec);
            }
        }
    }
    buf_deinit(&scratch);
    fflush(stdout);
    consumer_commit(d->consumer, part, batch_last_offset(&batches[count - 1]) + 1, NS_PER_S);
    timer_arm_in(env, &d->idle, d->idle_ns);
    if (d->got >= d->count) {
        d->count = UINT64_MAX;
        end(d);
    }
}

static void on_trouble(void *user, enum kafka_error error, const char *text, bool fatal)
{
    fprintf(stderr, "trouble%s: %s: %s\n", fatal ? " (fatal)" : "",
            kafka_error_name((int16_t)error), text);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s BOOTSTRAP TOPIC GROUP COUNT [ASSIGNOR] [IDLE] [print]\n",
                argv[0]);
        return 2;
    }
    static struct driver d;
    struct error err;
    d.count = strtoull(argv[4], NULL, 10);
    d.idle_ns = (argc > 6 ? strtoull(argv[6], NULL, 10) : 10) * NS_PER_S;
    d.print = argc > 7;
    for (int i = 0; i < PARTITIONS; i++) {
        d.last[i] = -1;
    }
    if (loop_new(1, &d.loop, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const char *bootstrap[] = { argv[1] }, *topics[] = { argv[2] };
    const char *assignors[] = { argc > 5 ? argv[5] : "range" };
    struct client_config client_cfg = { .bootstrap = bootstrap, .bootstrap_count = 1 };
    struct log log = { log_sink_new(2, LOG_INFO, LOG_LOGFMT), "driver" };
    struct client *client = client_new(loop_env(d.loop), &client_cfg, &log);
    struct consumer_config cfg = { .group_id = argv[3],
                                   .topics = topics,
                                   .topic_count = 1,
                                   .assignors = assignors,
                                   .assignor_count = 1,
                                   .session_timeout_ns = 10ull * NS_PER_S,
                                   .rebalance_timeout_ns = 20ull * NS_PER_S,
                                   .heartbeat_interval_ns = NS_PER_S };
    struct consumer_events events = { on_assigned, on_revoking, on_lost,
                                      on_batches,  on_trouble,  NULL };
    d.idle = (struct timer){ .fire = on_idle, .owner = &d };
    timer_arm_in(loop_env(d.loop), &d.idle, d.idle_ns);
    d.consumer = consumer_new(client, &cfg, &events, &d);
    loop_run(d.loop);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double s = (double)(d.last_ns - d.first_ns) / 1e9, mb = (double)d.bytes / 1e6;
    fprintf(stderr, "got=%" PRIu64 " disorder=%" PRIu64 " MB/s=%.1f cpu_s_per_GB=%.3f\n", d.got,
            d.disorder, s > 0 ? mb / s : 0.0,
            ((double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9) / (mb > 0 ? mb / 1e3 : 1));
    consumer_free(d.consumer);
    client_free(client);
    loop_turn(d.loop, 0);
    loop_free(d.loop);
    log_sink_free(log.sink);
    return d.disorder ? 1 : 0;
}
