/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_kafka.c - see output_kafka.h. Driven by agent.c and by the producer's events.
 *
 * Invariants:
 * I1. Every record handed to the producer is acknowledged, returned, or dropped with a counter and
 *     a log line; a record is dropped only when the broker says that it could never take it.
 * I2. A record that alone is too large for its topic is cut in halves until the broker takes it;
 *     the registry waits for it. It stands behind lines that were sent after it.
 * I3. With PARTITION_BY_FILE a file's lines are in one partition, in the file's order but for I2,
 *     as long as the topic's partition count stands.
 */
#include "agent/ship/output_kafka.h"

#include "agent/ship/shorten.h"
#include "protocol/base/alloc.h"
#include "protocol/base/map.h"

/* A shortened record that waits for the producer. */
struct resend {
    struct list_node node;
    struct producer_topic *topic;
    int32_t partition;
    struct tracker_run *run;
    uint64_t position;
    int64_t time_ms;
    struct buf key, value;
    bool has_key;
};

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
    struct list_node resends;
    struct timer resend_timer;
    uint64_t resend_count;
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

/* --- records that are too large for their topic ---------------------------------------------- */

static void free_resend(struct kafka_output *o, struct resend *r)
{
    list_remove(&r->node);
    o->resend_count--;
    buf_deinit(&r->key);
    buf_deinit(&r->value);
    mem_free(r);
}

static void resend(void *owner)
{
    struct kafka_output *o = owner;
    struct list_node *node;
    while ((node = list_first(&o->resends))) {
        struct resend *r = list_entry(node, struct resend, node);
        struct record rec = {
            .timestamp_ms = r->time_ms,
            .key = r->has_key ? buf_slice(&r->key) : slice_null(),
            .value = buf_slice(&r->value),
            .headers = o->cfg.headers,
            .header_count = o->cfg.header_count,
        };
        if (producer_append(o->producer, r->topic, r->partition, &rec, r->run, r->position)) {
            return; /* ready() comes */
        }
        free_resend(o, r);
    }
}

/* False: there is nothing left to cut. */
static bool cut_and_resend(struct kafka_output *o, const struct producer_delivery *d,
                           struct slice batch_bytes)
{
    struct batch_view view;
    struct batch_iter it;
    struct record rec;
    struct buf scratch = { 0 };
    struct resend *r = mem_zalloc(sizeof(*r));
    bool cut = batch_parse(batch_bytes, &view) == ERR_OK &&
               batch_iter_init(&it, &view, &scratch, SIZE_MAX / 2) == ERR_OK &&
               batch_iter_next(&it, &rec) == ERR_OK &&
               shorten_value(rec.value, o->cfg.values_are_json, &r->value);
    list_push_back(&o->resends, &r->node);
    o->resend_count++;
    if (!cut) {
        buf_deinit(&scratch);
        free_resend(o, r);
        return false;
    }
    r->has_key = !slice_is_null(rec.key);
    buf_append_slice(&r->key, rec.key);
    r->time_ms = rec.timestamp_ms;
    r->topic = map_get(&o->topics, d->topic);
    r->partition = d->partition;
    r->run = tracker_detach(d->spans[0].source);
    r->position = d->spans[0].position;
    buf_deinit(&scratch);
    o->stats.cut++;
    log_warn(&o->log, "an event is too large for its topic: cut, and sent again",
             KV_SLICE("topic", d->topic), KV_INT("partition", d->partition),
             KV_UINT("refused_bytes", batch_bytes.len), KV_UINT("bytes", r->value.len));
    timer_arm_in(o->env, &o->resend_timer, 0); /* not from inside the producer's own call */
    return true;
}

static void refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                    struct slice batch_bytes)
{
    struct kafka_output *o = user;
    bool drop = is_hopeless(error);
    if (d->records == 1 &&
        (error == KAFKA_MESSAGE_TOO_LARGE || error == KAFKA_RECORD_LIST_TOO_LARGE) &&
        cut_and_resend(o, d, batch_bytes)) {
        return;
    }
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
    if (o->resend_count > 0) {
        timer_arm_in(o->env, &o->resend_timer, 0);
    }
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
    ret_stats->outstanding = producer_outstanding(o->producer) + o->resend_count;
    ret_stats->buffered_bytes = producer_buffered_bytes(o->producer);
}

static void kafka_free(struct output *base)
{
    struct kafka_output *o = container_of(base, struct kafka_output, base);
    producer_free(o->producer);
    timer_cancel(o->env, &o->resend_timer);
    while (!list_is_empty(&o->resends)) {
        free_resend(o, list_entry(list_first(&o->resends), struct resend, node));
    }
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
    list_init(&o->resends);
    o->resend_timer.fire = resend;
    o->resend_timer.owner = o;
    o->client = client_new(env, &cfg->client, &o->log);
    o->producer = producer_new(o->client, &cfg->producer, &producer_events, o);
    return &o->base;
}
