/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_send.c - batches to their leaders, answers, retries. Driven by the producer's timer and
 * by the ends of its calls.
 *   (S1) A partition's batches are sent in the order of its queue. After a failure nothing more is
 *        sent until nothing flies (`settle`); then the queue goes again from its head.
 *   (S2) With idempotence up to five batches of a partition fly at once: the broker remembers as
 *        many and finds repeated ones (KIP-98). Without it one flies at a time, which keeps the
 *        order.
 *   (S3) A batch keeps its sequence until the broker has answered for it; only a partition of which
 *        nothing flies is numbered anew, under a higher epoch (KIP-360).
 *   (S4) Nothing gives up: an unknown outcome is sent again with the same sequence.
 *   (S5) Nothing beyond the fifth batch from the head is sent, though those between may be safe: a
 *        broker would forget the head, and could not tell that it is repeated.
 *   (S6) The first batch of a numbering flies alone: a leader that does not know the producer takes
 *        any sequence, so that the second batch could come in before a first one that failed.
 *   (S7) While batches fly to one leader, nothing is sent to a newer one: it would come in front.
 * tests/protocol/check_client_producer.c: every_record_arrives_once_and_in_order_whatever_fails.
 */
#include "protocol/client/producer_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum {
    PARTITION_FLYING_MAX = 5,
    REQUEST_BYTES_MAX = 4 << 20,
    REQUEST_BATCHES_MAX = 256,
    BATCH_BYTES_LEAST = 1024, /* batches are not made smaller than this by answers */
    WARN_ATTEMPTS = 3,
};

/* --- producer id ------------------------------------------------------------------------------ */

static void on_producer_id(void *user, enum err err, int16_t version, const void *response)
{
    struct producer *p = user;
    const struct init_producer_id_response *r = response;
    uint64_t now = env_mono_ns(p->env);
    if (!err && !r->error_code) {
        p->id_state = PRODUCER_ID_KNOWN;
        p->id_attempts = 0;
        p->producer_id = r->producer_id;
        p->producer_epoch = r->producer_epoch;
        producer_wake(p, now);
        return;
    }
    p->id_state = PRODUCER_ID_NONE;
    if (err == ERR_CANCELED) {
        return;
    }
    p->id_attempts++;
    if (p->id_attempts == WARN_ATTEMPTS || (!err && !kafka_error_is_retriable(r->error_code))) {
        log_warn(&p->log,
                 "cannot get a producer id, so nothing is sent yet; it is asked for again: check "
                 "that the broker runs and that this client may write (IdempotentWrite)",
                 KV_STR("why", err ? err_text(err) : kafka_error_text(r->error_code)));
    }
    p->id_retry_at_ns = now + (err ? client_reconnect_ns(p->client, p->id_attempts)
                                   : client_backoff_ns(p->client, p->id_attempts));
    producer_wake(p, p->id_retry_at_ns);
}

/* Asks for a producer id when there is none; false: not yet. */
static bool have_producer_id(struct producer *p)
{
    if (!p->cfg.idempotence || p->id_state == PRODUCER_ID_KNOWN) {
        return true;
    }
    if (p->id_state == PRODUCER_ID_ASKED || list_is_empty(&p->active)) {
        return false;
    }
    if (env_mono_ns(p->env) < p->id_retry_at_ns) {
        producer_wake(p, p->id_retry_at_ns);
        return false;
    }
    struct init_producer_id_request request;
    schema_init(&init_producer_id_request_schema, &request);
    request.transaction_timeout_ms = INT32_MAX;
    p->id_state = PRODUCER_ID_ASKED;
    client_call(p->client, NODE_ASK, &init_producer_id_request_schema, &request, -1, 0,
                on_producer_id, p);
    return false;
}

static int32_t sequence_add(int32_t sequence, int32_t records)
{
    return (int32_t)(((uint32_t)sequence + (uint32_t)records) & INT32_MAX);
}

/* The partition's numbering has come apart: a higher epoch lets it start again at 0. Without a
 * transaction the producer raises the epoch by itself, as the Java client does (KIP-360). */
static void bump_epoch(struct producer *p, struct producer_partition *part)
{
    if (!p->cfg.idempotence || part->renumber) {
        return;
    }
    part->renumber = true;
    if (part->producer_id != p->producer_id || part->producer_epoch != p->producer_epoch) {
        return; /* there is a newer one already */
    }
    if (p->producer_epoch == INT16_MAX) {
        p->id_state = PRODUCER_ID_NONE;
    } else {
        p->producer_epoch++;
    }
}

/* Adopts the newest id and epoch, and numbers what waits from 0. Nothing flies. */
static void renumber(struct producer *p, struct producer_partition *part)
{
    assert(part->flying == 0);
    part->renumber = false;
    part->proven = false;
    part->producer_id = p->producer_id;
    part->producer_epoch = p->producer_epoch;
    part->next_sequence = 0;
    list_for_each(n, &part->queue) {
        struct producer_batch *b = list_entry(n, struct producer_batch, node);
        if (b->state == BATCH_SEALED) {
            b->base_sequence = part->next_sequence;
            batch_stamp_producer((uint8_t *)(uintptr_t)b->bytes.ptr, part->producer_id,
                                 part->producer_epoch, b->base_sequence);
            part->next_sequence = sequence_add(part->next_sequence, b->builder.record_count);
        }
    }
}

/* --- what may go ------------------------------------------------------------------------------ */

static const struct client_partition *leader_of(const struct producer *p,
                                                const struct producer_partition *part)
{
    const struct client_topic *t = client_topic(p->client, part->topic->name);
    if (!t || part->index >= t->partition_count || t->partitions[part->index].leader_id < 0) {
        return NULL;
    }
    return &t->partitions[part->index];
}

/* The first batch that has not been sent, or is to be sent again; none beyond the fifth from the
 * head (S5). */
static struct producer_batch *next_batch(const struct producer_partition *part)
{
    int place = 0;
    list_for_each(n, &part->queue) {
        struct producer_batch *b = list_entry(n, struct producer_batch, node);
        if (b->state <= BATCH_SEALED) {
            return b;
        }
        if (++place == PARTITION_FLYING_MAX) {
            break;
        }
    }
    return NULL;
}

static bool is_due(const struct producer *p, const struct producer_batch *b, uint64_t now)
{
    return b->state != BATCH_OPEN || p->flushing || now >= b->first_ns + p->cfg.linger_ns;
}

/* Whether the partition may send now; else *wake is lowered to when it will, if time decides
 * that. */
static bool may_send(struct producer *p, struct producer_partition *part,
                     const struct client_partition *leader, uint64_t now, uint64_t *wake)
{
    uint32_t most = part->proven || p->cfg.acks == 0 ? PARTITION_FLYING_MAX : 1;
    bool moved = leader->leader_id != part->sent_leader_id ||
                 leader->leader_epoch != part->sent_leader_epoch;
    if (part->flying && (moved || part->settle || part->renumber || part->flying >= most)) {
        return false;
    }
    part->settle = false;
    const struct producer_batch *b = next_batch(part);
    if (!b) {
        return false;
    }
    uint64_t at = 0;
    if (!is_due(p, b, now)) {
        at = b->first_ns + p->cfg.linger_ns;
    } else if (part->retry_at_ns > now && !moved) {
        at = part->retry_at_ns;
    }
    if (at) {
        *wake = at < *wake ? at : *wake;
        return false;
    }
    return true;
}

static struct producer_broker *get_broker(struct producer *p, int32_t id)
{
    uint64_t key = (uint64_t)(uint32_t)id;
    struct producer_broker *b = map_get(&p->brokers, map_key_u64(&key));
    if (!b) {
        b = mem_zalloc(sizeof(*b));
        b->id = id;
        list_init(&b->ready);
        map_put(&p->brokers, map_key_u64(&key), b);
    }
    return b;
}

/* --- requests --------------------------------------------------------------------------------- */

static void seal(struct producer *p, struct producer_partition *part, struct producer_batch *b)
{
    struct batch_seal s = { .codec = p->cfg.codec,
                            .level = p->cfg.level,
                            .producer_id = -1,
                            .producer_epoch = -1,
                            .base_sequence = -1 };
    if (p->cfg.idempotence) {
        s.producer_id = part->producer_id;
        s.producer_epoch = part->producer_epoch;
        s.base_sequence = part->next_sequence;
        part->next_sequence = sequence_add(part->next_sequence, b->builder.record_count);
    }
    if (batch_builder_seal(&b->builder, &s, &b->compressed, &b->bytes)) {
        s.codec = CODEC_NONE; /* a codec that fails is no reason to keep the records */
        enum err err = batch_builder_seal(&b->builder, &s, &b->compressed, &b->bytes);
        assert(!err);
        (void)err;
    }
    b->base_sequence = s.base_sequence;
    b->state = BATCH_SEALED;
}

/* Gives the next batch of the partition its bytes. */
static struct producer_batch *prepare(struct producer *p, struct producer_partition *part)
{
    bool stale = part->producer_id != p->producer_id || part->producer_epoch != p->producer_epoch;
    struct producer_batch *b = next_batch(part);
    assert(b);
    if (p->cfg.idempotence && part->flying == 0 &&
        (part->renumber || (stale && b->state != BATCH_SEALED))) {
        renumber(p, part);
    }
    if (b->state == BATCH_OPEN) {
        producer_close_batch(part);
    }
    if (b->state == BATCH_CLOSED) {
        seal(p, part, b);
    }
    return b;
}

static void on_produced(void *user, enum err err, int16_t version, const void *response);

/* Where the topic stands in the request; room for a new one is there. */
static struct produce_request_topic_produce_data *request_topic(struct produce_request *request,
                                                                const struct producer_topic *t,
                                                                const struct client_topic *meta,
                                                                struct arena *arena)
{
    for (int32_t i = request->topic_data_n; i > 0; i--) {
        if (request->topic_data[i - 1].name.ptr == t->name.ptr) {
            return &request->topic_data[i - 1];
        }
    }
    struct produce_request_topic_produce_data *d = &request->topic_data[request->topic_data_n++];
    d->name = t->name;
    d->topic_id = meta->id;
    d->partition_data =
        schema_new(&produce_request_partition_produce_data_schema, arena, REQUEST_BATCHES_MAX);
    return d;
}

static void send_request(struct producer *p, struct producer_broker *broker)
{
    struct produce_request request;
    schema_init(&produce_request_schema, &request);
    arena_reset(&p->scratch);
    request.acks = p->cfg.acks;
    request.timeout_ms = (int32_t)(client_request_timeout_ns(p->client) / NS_PER_MS * 2 / 3);
    request.topic_data =
        schema_new(&produce_request_topic_produce_data_schema, &p->scratch, REQUEST_BATCHES_MAX);
    struct producer_batch *batches[REQUEST_BATCHES_MAX];
    uint32_t count = 0;
    size_t bytes = 0;
    bool ids = true;
    struct list_node *n;
    while (count < REQUEST_BATCHES_MAX && (n = list_first(&broker->ready))) {
        struct producer_partition *part = list_entry(n, struct producer_partition, ready);
        struct producer_batch *b = prepare(p, part);
        if (count && bytes + b->bytes.len > REQUEST_BYTES_MAX) {
            break;
        }
        list_remove(n);
        const struct client_topic *meta = client_topic(p->client, part->topic->name);
        struct produce_request_topic_produce_data *d =
            request_topic(&request, part->topic, meta, &p->scratch);
        struct produce_request_partition_produce_data *data =
            &d->partition_data[d->partition_data_n++];
        data->index = part->index;
        data->records.external = (void *)(uintptr_t)b->bytes.ptr;
        data->records.external_len = b->bytes.len;
        ids = ids && !uuid_is_zero(&meta->id);
        bytes += b->bytes.len;
        b->state = BATCH_FLYING;
        part->flying++;
        part->sent_leader_id = broker->id;
        part->sent_leader_epoch = meta->partitions[part->index].leader_epoch;
        /* The others go first the next time. */
        list_remove(&part->active);
        list_push_back(&p->active, &part->active);
        batches[count++] = b;
    }
    struct producer_request *r = mem_alloc(sizeof(*r) + count * sizeof(batches[0]));
    *r = (struct producer_request){ .producer = p, .broker = broker, .count = count };
    memcpy(r->batches, batches, count * sizeof(batches[0]));
    list_push_back(&p->requests, &r->node);
    broker->flying++;
    /* Version 13 names topics by id only (KIP-516). */
    client_call(p->client, broker->id, &produce_request_schema, &request, ids ? -1 : 12, 0,
                on_produced, r);
    producer_watch(p);
}

/* Puts every partition that may send into its leader's list. Lowers *wake to when others may. */
static void collect(struct producer *p, uint64_t now, uint64_t *wake)
{
    bool leaderless = false;
    list_for_each(n, &p->active) {
        struct producer_partition *part = list_entry(n, struct producer_partition, active);
        const struct client_partition *leader = leader_of(p, part);
        if (!leader) {
            leaderless = true;
            continue;
        }
        struct producer_broker *broker = get_broker(p, leader->leader_id);
        if (broker->flying < p->cfg.max_in_flight && may_send(p, part, leader, now, wake)) {
            list_push_back(&broker->ready, &part->ready);
        }
    }
    if (leaderless) {
        client_refresh(p->client);
    }
}

void producer_drain(struct producer *p)
{
    uint64_t now = env_mono_ns(p->env), wake;
    bool sent;
    if (!have_producer_id(p)) {
        return;
    }
    do {
        sent = false;
        wake = UINT64_MAX;
        collect(p, now, &wake);
        uint32_t cursor = 0;
        struct producer_broker *broker;
        while ((broker = map_next(&p->brokers, &cursor, NULL))) {
            while (!list_is_empty(&broker->ready) && broker->flying < p->cfg.max_in_flight) {
                send_request(p, broker);
                sent = true;
            }
            while (list_pop_front(&broker->ready)) {
            }
        }
    } while (sent);
    if (wake != UINT64_MAX) {
        producer_wake(p, wake);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static void acked(struct producer *p, struct producer_batch *b, int64_t base_offset)
{
    struct producer_partition *part = b->partition;
    b->state = BATCH_ACKED;
    b->base_offset = base_offset;
    part->proven = p->cfg.idempotence;
    part->attempts = 0;
    part->retry_at_ns = 0;
    if (part->warned) {
        part->warned = false;
        log_info(&p->log, "records of the partition are delivered again",
                 KV_SLICE("topic", part->topic->name), KV_INT("partition", part->index));
    }
}

/* The batch goes again, in its place. heard: it is the broker that said why. */
static void retry(struct producer *p, struct producer_batch *b, const char *why, bool heard)
{
    struct producer_partition *part = b->partition;
    b->state = BATCH_SEALED;
    if (part->settle) {
        return; /* the same failure hit a batch before this one */
    }
    part->settle = true;
    part->attempts++;
    part->retry_at_ns =
        env_mono_ns(p->env) + (heard ? client_backoff_ns(p->client, part->attempts)
                                     : client_reconnect_ns(p->client, part->attempts));
    client_refresh(p->client);
    if (part->attempts == WARN_ATTEMPTS && !part->warned) {
        part->warned = true;
        log_warn(&p->log, "records of a partition are not accepted; they are kept and sent again",
                 KV_SLICE("topic", part->topic->name), KV_INT("partition", part->index),
                 KV_INT("leader", part->sent_leader_id), KV_STR("why", why));
    }
}

static void refuse(struct producer *p, struct producer_batch *b, int16_t error)
{
    b->state = BATCH_REFUSED;
    b->error = error;
    /* Its sequence numbers are never to be seen: the partition must be numbered anew. */
    bump_epoch(p, b->partition);
}

static void seal_half(struct producer *p, struct producer_batch *half,
                      const struct producer_batch *whole, int32_t base_sequence)
{
    struct producer_partition *part = whole->partition;
    int32_t next = part->next_sequence;
    part->next_sequence = base_sequence;
    half->partition = part;
    half->first_ns = whole->first_ns;
    seal(p, part, half);
    part->next_sequence = next;
    part->queued++;
    p->buffered_bytes += producer_batch_bytes(half);
}

/* KIP-126: too large for the broker. The halves share the sequence numbers of the whole. */
static void split(struct producer *p, struct producer_batch *b, int16_t error)
{
    struct producer_partition *part = b->partition;
    struct producer_topic *t = part->topic;
    struct producer_batch *first = producer_take_batch(p), *second = producer_take_batch(p);
    if (b->builder.record_count < 2 || producer_batch_split(b, first, second)) {
        producer_give_batch(p, first);
        producer_give_batch(p, second);
        refuse(p, b, error);
        return;
    }
    size_t smaller = producer_batch_bytes(b) / 2;
    smaller = smaller > BATCH_BYTES_LEAST ? smaller : BATCH_BYTES_LEAST;
    if (smaller < t->batch_bytes_max) {
        t->batch_bytes_max = smaller;
        log_info(&p->log, "the broker takes smaller batches only (max.message.bytes): sending less",
                 KV_SLICE("topic", t->name), KV_UINT("batch_bytes", smaller));
    }
    seal_half(p, first, b, b->base_sequence);
    seal_half(p, second, b, sequence_add(b->base_sequence, first->builder.record_count));
    list_insert_before(&b->node, &first->node);
    list_insert_before(&b->node, &second->node);
    list_remove(&b->node);
    part->queued--;
    p->buffered_bytes -= producer_batch_bytes(b);
    producer_give_batch(p, b);
    part->settle = true;
}

static bool is_head(const struct producer_batch *b)
{
    list_for_each(n, &b->partition->queue) {
        const struct producer_batch *other = list_entry(n, struct producer_batch, node);
        if (other->state != BATCH_ACKED && other->state != BATCH_REFUSED) {
            return other == b;
        }
    }
    return false;
}

static void judge(struct producer *p, struct producer_batch *b, int16_t error, int64_t base_offset)
{
    switch (error) {
    case KAFKA_NONE:
        acked(p, b, base_offset);
        break;
    case KAFKA_DUPLICATE_SEQUENCE_NUMBER:
        acked(p, b, -1);
        break;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
        split(p, b, error);
        break;
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER:
        if (is_head(b)) {
            bump_epoch(p, b->partition); /* no batch is missing before it: the broker forgot them */
        }
        retry(p, b, kafka_error_text(error), true);
        break;
    case KAFKA_UNKNOWN_PRODUCER_ID:
    case KAFKA_INVALID_PRODUCER_EPOCH:
        bump_epoch(p, b->partition);
        retry(p, b, kafka_error_text(error), true);
        break;
    case KAFKA_INVALID_PRODUCER_ID_MAPPING:
        b->partition->renumber = true;
        p->id_state = p->id_state == PRODUCER_ID_KNOWN ? PRODUCER_ID_NONE : p->id_state;
        retry(p, b, kafka_error_text(error), true);
        break;
    default:
        if (kafka_error_is_retriable(error)) {
            retry(p, b, kafka_error_text(error), true);
        } else {
            refuse(p, b, error);
        }
    }
}

static const struct produce_response_partition_produce_response *
find_answer(const struct produce_response *response, int16_t version, const struct client_topic *t,
            const struct producer_partition *part)
{
    for (int32_t i = 0; i < response->responses_n; i++) {
        const struct produce_response_topic_produce_response *r = &response->responses[i];
        if (version >= 13 ? !t || !uuid_eq(&r->topic_id, &t->id)
                          : !slice_eq(r->name, part->topic->name)) {
            continue;
        }
        for (int32_t j = 0; j < r->partition_responses_n; j++) {
            if (r->partition_responses[j].index == part->index) {
                return &r->partition_responses[j];
            }
        }
    }
    return NULL;
}

static void answer(struct producer *p, struct producer_batch *b, enum err err, int16_t version,
                   const struct produce_response *response)
{
    struct producer_partition *part = b->partition;
    if (err) {
        retry(p, b, err == ERR_CLOSED ? "the connection to the broker broke" : err_text(err),
              false);
        return;
    }
    if (!response) {
        acked(p, b, -1); /* acks 0 */
        return;
    }
    const struct produce_response_partition_produce_response *r =
        find_answer(response, version, client_topic(p->client, part->topic->name), part);
    if (r) {
        client_learn_leader(p->client, part->topic->name, part->index, r->current_leader.leader_id,
                            r->current_leader.leader_epoch);
        judge(p, b, r->error_code, r->base_offset);
    } else {
        retry(p, b, "the broker's answer does not name the partition", true);
    }
}

static void learn_nodes(struct client *c, const struct produce_response *r)
{
    for (int32_t i = 0; r && i < r->node_endpoints_n; i++) {
        const struct produce_response_node_endpoint *n = &r->node_endpoints[i];
        client_learn_node(c, n->node_id, n->host, n->port);
    }
}

static void on_produced(void *user, enum err err, int16_t version, const void *response)
{
    struct producer_request *r = user;
    struct producer *p = r->producer;
    struct producer_partition *parts[REQUEST_BATCHES_MAX];
    uint32_t count = r->count;
    list_remove(&r->node);
    r->broker->flying--;
    learn_nodes(p->client, response);
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = r->batches[i]->partition; /* a batch may be gone after its answer */
        parts[i]->flying--;
        answer(p, r->batches[i], err, version, response);
    }
    mem_free(r);
    if (err == ERR_CANCELED) {
        return; /* the client is going */
    }
    for (uint32_t i = 0; i < count; i++) {
        producer_settle_head(p, parts[i]);
    }
    producer_tell_ready(p);
    producer_wake(p, 0);
}
