/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer.c - records in, events out: topics, open batches, the buffer's bound, deliveries.
 * Driven by its user and by producer_send.c.
 *   (P1) A record is copied once, into its partition's open batch; batches are recycled.
 *   (P2) delivered() and refused() follow the order of the queue, so per partition that of
 *        appending.
 *   (P3) buffered_bytes is the sum over all queued batches; no record is taken that would pass the
 *        bound, except into an empty buffer.
 *   (P4) Events come last: what they call may append, and finds a settled state.
 */
#include "protocol/client/producer_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum {
    MARGIN_BYTES = 4096, /* below Kafka's own limit of 1 MiB for a message set */
    FREE_BYTES_MAX = 16 << 20,
    RECORD_BYTES = 80, /* upper bound of what surrounds key, value and headers */
};

/* --- batches ---------------------------------------------------------------------------------- */

struct producer_batch *producer_take_batch(struct producer *p)
{
    struct list_node *n = list_pop_front(&p->free);
    struct producer_batch *b;
    if (n) {
        b = list_entry(n, struct producer_batch, node);
        p->free_bytes -= producer_batch_memory(b);
    } else {
        b = producer_batch_new();
    }
    producer_batch_reset(b);
    return b;
}

void producer_give_batch(struct producer *p, struct producer_batch *b)
{
    size_t bytes = producer_batch_memory(b);
    if (p->free_bytes + bytes > FREE_BYTES_MAX) {
        producer_batch_free(b);
        return;
    }
    p->free_bytes += bytes;
    list_push_front(&p->free, &b->node);
}

void producer_close_batch(struct producer_partition *part)
{
    struct producer_topic *t = part->topic;
    if (part->open) {
        part->open->state = BATCH_CLOSED;
        part->open = NULL;
        if (t->sticky == part->index) {
            t->sticky = -1;
        }
    }
}

static struct producer_batch *open_batch(struct producer *p, struct producer_partition *part)
{
    struct producer_batch *b = producer_take_batch(p);
    b->partition = part;
    b->first_ns = env_mono_ns(p->env);
    part->open = b;
    list_push_back(&part->queue, &b->node);
    part->queued++;
    if (part->queued == 1) {
        list_push_back(&p->active, &part->active);
    }
    producer_wake(p, b->first_ns + (p->flushing ? 0 : p->cfg.linger_ns));
    return b;
}

/* --- topics ----------------------------------------------------------------------------------- */

static struct producer_partition *partition_new(struct producer_topic *t, int32_t index)
{
    struct producer_partition *part = mem_zalloc(sizeof(*part));
    part->topic = t;
    part->index = index;
    part->producer_id = -1;
    part->sent_leader_id = -1;
    list_init(&part->active);
    list_init(&part->ready);
    list_init(&part->queue);
    return part;
}

/* Partitions are only ever added: what is queued for one that is gone waits for it to come back. */
static void update_topic(struct producer_topic *t)
{
    const struct client_topic *meta = client_topic(t->producer->client, t->name);
    if (!meta || meta->partition_count <= t->partition_count) {
        return;
    }
    t->partitions = mem_rearray(t->partitions, (size_t)meta->partition_count, sizeof(void *));
    for (int32_t i = t->partition_count; i < meta->partition_count; i++) {
        t->partitions[i] = partition_new(t, i);
    }
    t->partition_count = meta->partition_count;
}

struct producer_topic *producer_topic(struct producer *p, struct slice name)
{
    struct producer_topic *t = map_get(&p->topics, name);
    if (t) {
        return t;
    }
    t = mem_zalloc(sizeof(*t));
    t->producer = p;
    t->name = slice_of(mem_strndup(name.ptr, name.len), name.len);
    t->sticky = -1;
    t->batch_bytes_max = p->cfg.batch_bytes_max;
    map_put(&p->topics, name, t);
    client_want_topic(p->client, name);
    update_topic(t);
    return t;
}

int32_t producer_partition_count(const struct producer_topic *t)
{
    return t->partition_count;
}

static void on_metadata(void *owner)
{
    struct producer *p = owner;
    uint32_t cursor = 0;
    struct producer_topic *t;
    while ((t = map_next(&p->topics, &cursor, NULL))) {
        update_topic(t);
    }
    if (timer_is_armed(&p->watch)) {
        timer_arm_in(p->env, &p->watch, 0);
    }
    producer_wake(p, 0);
}

/* Chance among the partitions that have a leader; all of them when none has (KIP-480, KIP-794). */
static int32_t choose_partition(struct producer *p, const struct producer_topic *t)
{
    const struct client_topic *meta = client_topic(p->client, t->name);
    int32_t first = (int32_t)(env_random(p->env) % (uint64_t)t->partition_count);
    for (int32_t i = 0; meta && i < t->partition_count; i++) {
        int32_t at = (first + i) % t->partition_count;
        if (at < meta->partition_count && meta->partitions[at].leader_id >= 0 &&
            t->partitions[at]->attempts == 0) {
            return at;
        }
    }
    return first;
}

/* --- records in ------------------------------------------------------------------------------- */

static enum err again(struct producer *p)
{
    p->want_ready = true;
    return ERR_AGAIN;
}

enum err producer_append(struct producer *p, struct producer_topic *t, int32_t partition,
                         const struct record *rec, void *source, uint64_t position)
{
    size_t bytes = rec->key.len + rec->value.len + rec->headers.len;
    if (bytes > p->cfg.record_bytes_max) {
        return ERR_LIMIT;
    }
    if (t->partition_count == 0) {
        return again(p);
    }
    if (partition == PARTITION_ANY) {
        if (t->sticky < 0) {
            t->sticky = choose_partition(p, t);
        }
        partition = t->sticky;
    }
    if (partition < 0 || partition >= t->partition_count) {
        return ERR_INVALID;
    }
    if (p->buffered_bytes && p->buffered_bytes + bytes + RECORD_BYTES > p->cfg.buffer_bytes_max) {
        producer_wake(p, 0);
        return again(p);
    }
    struct producer_partition *part = t->partitions[partition];
    struct producer_batch *b = part->open;
    if (b && producer_batch_bytes(b) + bytes + RECORD_BYTES > t->batch_bytes_max) {
        producer_close_batch(part);
        producer_wake(p, 0);
        b = NULL;
    }
    if (!b) {
        b = open_batch(p, part);
    }
    size_t before = producer_batch_bytes(b);
    producer_batch_append(b, rec, source, position);
    p->buffered_bytes += producer_batch_bytes(b) - before;
    p->outstanding++;
    return ERR_OK;
}

void producer_flush(struct producer *p)
{
    if (p->outstanding) {
        p->flushing = true;
        producer_wake(p, 0);
    }
}

uint64_t producer_outstanding(const struct producer *p)
{
    return p->outstanding;
}

size_t producer_buffered_bytes(const struct producer *p)
{
    return p->buffered_bytes;
}

/* murmur2 as Kafka's clients use it (Appleby's MurmurHash2 with this seed). */
uint32_t producer_key_hash(struct slice key)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cu ^ (uint32_t)key.len;
    size_t i = 0;
    for (; i + 4 <= key.len; i += 4) {
        uint32_t k = (uint32_t)key.ptr[i] | (uint32_t)key.ptr[i + 1] << 8 |
                     (uint32_t)key.ptr[i + 2] << 16 | (uint32_t)key.ptr[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    uint32_t tail = 0;
    for (size_t j = key.len; j > i; j--) {
        tail = tail << 8 | key.ptr[j - 1];
    }
    if (key.len > i) {
        h = (h ^ tail) * m;
    }
    h = (h ^ h >> 13) * m;
    return (h ^ h >> 15) & 0x7fffffff;
}

/* --- events out ------------------------------------------------------------------------------- */

static void tell(struct producer *p, const struct producer_batch *b)
{
    struct producer_delivery d = {
        .topic = b->partition->topic->name,
        .partition = b->partition->index,
        .base_offset = b->base_offset,
        .records = (uint32_t)b->builder.record_count,
        .bytes = b->bytes.len,
        .spans = b->spans,
        .span_count = b->span_count,
        .latency_ns = env_mono_ns(p->env) - b->first_ns,
    };
    if (b->state == BATCH_ACKED) {
        p->events.delivered(p->user, &d);
    } else {
        p->events.refused(p->user, &d, (enum kafka_error)b->error, b->bytes);
    }
}

void producer_settle_head(struct producer *p, struct producer_partition *part)
{
    struct list_node *n;
    while ((n = list_first(&part->queue))) {
        struct producer_batch *b = list_entry(n, struct producer_batch, node);
        if (b->state != BATCH_ACKED && b->state != BATCH_REFUSED) {
            break;
        }
        list_remove(&b->node);
        if (--part->queued == 0) {
            list_remove(&part->active);
        }
        p->buffered_bytes -= producer_batch_bytes(b);
        p->outstanding -= (uint64_t)b->builder.record_count;
        p->flushing = p->flushing && p->outstanding;
        tell(p, b);
        producer_give_batch(p, b);
    }
}

void producer_tell_ready(struct producer *p)
{
    bool known = p->topics.count == 0;
    uint32_t cursor = 0;
    const struct producer_topic *t;
    while (!known && (t = map_next(&p->topics, &cursor, NULL))) {
        known = t->partition_count > 0;
    }
    if (p->want_ready && known && p->buffered_bytes <= p->cfg.buffer_bytes_max / 4 * 3) {
        p->want_ready = false;
        if (p->events.ready) {
            p->events.ready(p->user);
        }
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_wake(void *owner)
{
    struct producer *p = owner;
    producer_drain(p);
    producer_tell_ready(p);
}

void producer_wake(struct producer *p, uint64_t deadline_ns)
{
    uint64_t now = env_mono_ns(p->env);
    deadline_ns = deadline_ns > now ? deadline_ns : now;
    if (!timer_is_armed(&p->wake) || p->wake.node.key > deadline_ns) {
        timer_arm(p->env, &p->wake, deadline_ns);
    }
}

static void set_config(struct producer *p, const struct producer_config *cfg)
{
    p->cfg = *cfg;
    p->cfg.idempotence = cfg->idempotence && cfg->acks == -1;
    if (!cfg->batch_bytes_max) {
        p->cfg.batch_bytes_max = (1 << 20) - MARGIN_BYTES;
    }
    if (!cfg->record_bytes_max) {
        p->cfg.record_bytes_max = (1 << 20) - MARGIN_BYTES;
    }
    if (!cfg->max_in_flight) {
        p->cfg.max_in_flight = 5;
    }
    if (!cfg->buffer_bytes_max) {
        p->cfg.buffer_bytes_max = 32u << 20;
    }
}

struct producer *producer_new(struct client *c, const struct producer_config *cfg,
                              const struct producer_events *events, void *user)
{
    struct producer *p = mem_zalloc(sizeof(*p));
    p->client = c;
    p->env = client_env(c);
    p->log = log_for(client_log(c), "producer");
    p->events = *events;
    p->user = user;
    p->producer_id = -1;
    set_config(p, cfg);
    arena_init(&p->scratch, SIZE_MAX / 2);
    list_init(&p->active);
    list_init(&p->requests);
    list_init(&p->free);
    p->wake.fire = on_wake;
    p->wake.owner = p;
    p->watch = (struct timer){ .fire = producer_on_watch, .owner = p };
    p->listener.changed = on_metadata;
    p->listener.owner = p;
    client_listen(c, &p->listener);
    return p;
}

static void free_batches(struct list_node *batches)
{
    struct list_node *n;
    while ((n = list_first(batches))) {
        producer_batch_free(list_entry(n, struct producer_batch, node));
    }
}

static void free_topic(struct producer_topic *t)
{
    for (int32_t i = 0; i < t->partition_count; i++) {
        free_batches(&t->partitions[i]->queue);
        mem_free(t->partitions[i]);
    }
    client_unwant_topic(t->producer->client, t->name);
    mem_free((void *)(uintptr_t)t->name.ptr);
    mem_free(t->partitions);
    mem_free(t);
}

void producer_free(struct producer *p)
{
    if (!p) {
        return;
    }
    struct list_node *n;
    while ((n = list_first(&p->requests))) {
        struct producer_request *r = list_entry(n, struct producer_request, node);
        list_remove(&r->node);
        client_cancel(p->client, r);
        mem_free(r);
    }
    client_cancel(p->client, p);
    client_unlisten(&p->listener);
    timer_cancel(p->env, &p->wake);
    timer_cancel(p->env, &p->watch);
    uint32_t cursor = 0;
    struct producer_topic *t;
    while ((t = map_next(&p->topics, &cursor, NULL))) {
        free_topic(t);
    }
    struct producer_broker *b;
    for (cursor = 0; (b = map_next(&p->brokers, &cursor, NULL)) != NULL;) {
        mem_free(b);
    }
    free_batches(&p->free);
    arena_deinit(&p->scratch);
    map_deinit(&p->topics);
    map_deinit(&p->brokers);
    mem_free(p);
}
