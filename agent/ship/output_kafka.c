/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_kafka.c - see output_kafka.h. Driven by agent.c and by the producer's events.
 *
 * Invariants:
 * I1. Every record handed to the producer is acknowledged, returned, or dropped with a counter and
 * a
 *     log line; a record is dropped only when the broker says that it could never take it.
 * I2. With PARTITION_BY_FILE a file's lines are in one partition, in the file's order, as long as
 * the
 *     topic's partition count stands.
 */
#include "agent/ship/output_kafka.h"

#include "protocol/base/alloc.h"
#include "protocol/base/map.h"

struct kafka_output {
    struct output base;
    struct env env;
    struct log log;
    struct output_kafka_config cfg;
    struct client *client;
    struct producer *producer;
    const struct output_events *events;
    void *user;
    struct map topics;       /* name -> struct producer_topic */
    uint32_t partition_seed; /* round robin: counts; random: the last draw */
    uint32_t group_left;
    struct output_stats stats;
};

static struct producer_topic *find_topic(struct kafka_output *o, struct route *route)
{
    if (!route->handle) {
        route->handle = map_get(&o->topics, route->topic);
    }
    if (!route->handle) {
        route->handle = producer_topic(o->producer, route->topic);
        map_put(&o->topics, route->topic, route->handle);
    }
    return route->handle;
}

static int32_t choose_partition(struct kafka_output *o, const struct out_event *e, uint32_t count)
{
    uint32_t hash = e->source_hash;
    if (o->cfg.partition == PARTITION_BY_KEY && !slice_is_null(e->key)) {
        hash = producer_key_hash(e->key);
    } else if (o->cfg.partition == PARTITION_ROUND_ROBIN || o->cfg.partition == PARTITION_RANDOM) {
        if (o->group_left == 0) {
            o->group_left = o->cfg.group_events;
            o->partition_seed = o->cfg.partition == PARTITION_RANDOM ? (uint32_t)env_random(o->env)
                                                                     : o->partition_seed + 1;
        }
        hash = o->partition_seed;
    }
    return (int32_t)(hash % count);
}

static enum err kafka_append(struct output *base, const struct out_event *e)
{
    struct kafka_output *o = container_of(base, struct kafka_output, base);
    struct producer_topic *topic = find_topic(o, e->route);
    int32_t count = producer_partition_count(topic);
    if (count <= 0) {
        struct record none = { 0 };
        (void)producer_append(o->producer, topic, PARTITION_ANY, &none, NULL, 0);
        return ERR_NOT_FOUND;
    }
    int32_t partition = choose_partition(o, e, (uint32_t)count);
    struct tracker_run *run = tracker_run_for(e->tracker, topic, partition);
    struct record rec = {
        .timestamp_ms = e->time_ms,
        .key = e->key,
        .value = e->value,
        .headers = o->cfg.headers,
        .header_count = o->cfg.header_count,
    };
    enum err rc = producer_append(o->producer, topic, partition, &rec, run, e->position);
    if (rc) {
        return rc;
    }
    if (o->group_left > 0) {
        o->group_left--;
    }
    tracker_sent(run);
    o->stats.events++;
    o->stats.bytes += e->value.len;
    return ERR_OK;
}

static void delivered(void *user, const struct producer_delivery *d)
{
    struct kafka_output *o = user;
    o->stats.acked += d->records;
    for (size_t i = 0; i < d->span_count; i++) {
        tracker_acked(d->spans[i].source, d->spans[i].records, d->spans[i].position);
    }
}

/* Whether the records themselves are what the broker will never take. */
static bool is_hopeless(enum kafka_error error)
{
    return error == KAFKA_MESSAGE_TOO_LARGE || error == KAFKA_RECORD_LIST_TOO_LARGE ||
           error == KAFKA_INVALID_RECORD || error == KAFKA_INVALID_TIMESTAMP ||
           error == KAFKA_CORRUPT_MESSAGE || error == KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
}

static void refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                    struct slice batch_bytes)
{
    struct kafka_output *o = user;
    bool drop = is_hopeless(error);
    log_error(&o->log,
              drop ? "the broker can never take these events: dropped"
                   : "the broker refused events: they will be read and sent again",
              KV_SLICE("topic", d->topic), KV_INT("partition", d->partition),
              KV_STR("error", kafka_error_name((int16_t)error)), KV_UINT("events", d->records),
              KV_UINT("bytes", batch_bytes.len));
    if (drop) {
        o->stats.dropped += d->records;
    } else {
        o->stats.returned += d->records;
    }
    for (size_t i = 0; i < d->span_count; i++) {
        if (drop) {
            tracker_acked(d->spans[i].source, d->spans[i].records, d->spans[i].position);
        } else {
            tracker_returned(d->spans[i].source, d->spans[i].records);
        }
    }
}

static void ready(void *user)
{
    struct kafka_output *o = user;
    o->events->ready(o->user);
}

static void kafka_flush(struct output *base)
{
    producer_flush(container_of(base, struct kafka_output, base)->producer);
}

static void kafka_stats(const struct output *base, struct output_stats *ret_stats)
{
    const struct kafka_output *o = container_of(base, struct kafka_output, base);
    *ret_stats = o->stats;
    ret_stats->outstanding = producer_outstanding(o->producer);
    ret_stats->buffered_bytes = producer_buffered_bytes(o->producer);
}

static void kafka_free(struct output *base)
{
    struct kafka_output *o = container_of(base, struct kafka_output, base);
    producer_free(o->producer);
    client_free(o->client);
    map_deinit(&o->topics);
    mem_free(o);
}

struct client_stats output_kafka_client_stats(const struct output *base)
{
    return client_get_stats(container_of(base, struct kafka_output, base)->client);
}

struct output *output_kafka_new(struct env env, const struct output_kafka_config *cfg,
                                const struct log *log, const struct output_events *events,
                                void *user)
{
    static const struct output_ops ops = { "kafka", kafka_append, kafka_flush, kafka_stats,
                                           kafka_free };
    static const struct producer_events producer_events = { delivered, refused, ready };
    struct kafka_output *o = mem_zalloc(sizeof(*o));
    o->base.ops = &ops;
    o->base.value_bytes_max = cfg->producer.record_bytes_max;
    o->env = env;
    o->log = log_for(log, "output.kafka");
    o->cfg = *cfg;
    o->events = events;
    o->user = user;
    o->client = client_new(env, &cfg->client, &o->log);
    o->producer = producer_new(o->client, &cfg->producer, &producer_events, o);
    return &o->base;
}
