/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_letter.c - a queue of letters, a producer, and the records found again in their kept
 * batches. Driven by flow/flow.c (put), the producer's events and one timer.
 *   (L1) a letter leaves the queue only when the producer took it, and is done only when delivered:
 *        its offset is committed behind the acknowledgement (G5).
 *   (L2) a letter that the broker refuses is tried again, for ever, and told.
 */
#include "connectors/dead_letter.h"

#include "connectors/flow/partition.h"
#include "protocol/base/alloc.h"
#include "protocol/client/producer.h"
#include "protocol/wire/writer.h"

#include <assert.h>
#include <stdio.h>

enum { DEAD_LETTER_RECORDS_BYTES_MAX = 256 << 20 };

struct letter {
    struct list_node node; /* waiting or sent */
    struct ack ack;
    const char *class_name;
    bool without_value; /* too large with its headers */
    struct failure failure;
};

struct dead_letters {
    struct env env;
    struct dead_letters_config cfg;
    struct log log;
    struct client *client; /* NULL before the first letter */
    struct producer *producer;
    struct producer_topic *topic;
    struct list_node waiting, sent;
    uint64_t outstanding, delivered;
    uint32_t refusals;
    struct timer timer;
    struct buf headers, scratch;
    /* The walk over the batch of the last letter, while one pump lasts. */
    const uint8_t *walked;
    struct batch_view view;
    struct batch_iter iter;
    int64_t walked_to;
};

/* --- the record ---------------------------------------------------------------------------- */

static bool begin_walk(struct dead_letters *dl, struct slice bytes)
{
    dl->walked = NULL;
    if (batch_parse(bytes, &dl->view) != ERR_OK ||
        batch_iter_init(&dl->iter, &dl->view, &dl->scratch, DEAD_LETTER_RECORDS_BYTES_MAX) !=
            ERR_OK) {
        return false;
    }
    dl->walked = bytes.ptr;
    dl->walked_to = -1;
    return true;
}

/* Finds a record in flight again. Letters of a batch mostly come in order: the walk goes on
 * then. */
static bool find_record(struct dead_letters *dl, struct ack ack, struct record *ret_record)
{
    int64_t offset = commit_offset(&ack.partition->tracker, ack.seq);
    struct slice bytes = partition_batch_of(ack.partition, ack.seq);
    assert(!slice_is_null(bytes));
    if ((dl->walked != bytes.ptr || dl->walked_to >= offset) && !begin_walk(dl, bytes)) {
        return false;
    }
    while (batch_iter_next(&dl->iter, ret_record) == ERR_OK) {
        dl->walked_to = ret_record->offset;
        if (ret_record->offset == offset) {
            return true;
        }
    }
    dl->walked = NULL;
    return false;
}

void dead_letter_append_header(struct buf *out, const char *key, struct slice value)
{
    struct writer w;
    writer_init(&w, out);
    writer_varint(&w, (int32_t)strlen(key));
    writer_bytes(&w, key, strlen(key));
    writer_varint(&w, slice_is_null(value) ? -1 : (int32_t)value.len);
    writer_bytes(&w, value.ptr, value.len);
    writer_deinit(&w);
}

static void add_header(struct dead_letters *dl, struct record *rec, const char *key,
                       const char *value)
{
    dead_letter_append_header(&dl->headers, key, slice_str(value));
    rec->header_count++;
}

/* The names and their order are those of Kafka Connect's DeadLetterQueueReporter. */
static void add_headers(struct dead_letters *dl, const struct letter *l, struct record *rec)
{
    char number[24];
    char class_name[96];
    const struct partition *p = l->ack.partition;
    buf_reset(&dl->headers);
    buf_append_slice(&dl->headers, rec->headers);
    if (dl->cfg.context_headers) {
        add_header(dl, rec, "__connect.errors.topic", p->topic);
        snprintf(number, sizeof(number), "%d", p->index);
        add_header(dl, rec, "__connect.errors.partition", number);
        snprintf(number, sizeof(number), "%lld", (long long)rec->offset);
        add_header(dl, rec, "__connect.errors.offset", number);
        add_header(dl, rec, "__connect.errors.connector.name", dl->cfg.connector);
        add_header(dl, rec, "__connect.errors.task.id", "0");
        add_header(dl, rec, "__connect.errors.stage", l->failure.stage);
        snprintf(class_name, sizeof(class_name), "logboom.connect.%s", l->class_name);
        add_header(dl, rec, "__connect.errors.class.name", class_name);
        add_header(dl, rec, "__connect.errors.exception.class.name", l->failure.type);
        add_header(dl, rec, "__connect.errors.exception.message", l->failure.text);
        dead_letter_append_header(&dl->headers, "__connect.errors.exception.stacktrace",
                                  slice_null());
        rec->header_count++;
    }
    rec->headers = buf_slice(&dl->headers);
    if (l->without_value) {
        rec->value = slice_null();
    }
}

/* --- sending ------------------------------------------------------------------------------- */

static enum err send_letter(struct dead_letters *dl, struct letter *l)
{
    struct record rec;
    if (!find_record(dl, l->ack, &rec)) {
        rec = (struct record){ .offset = commit_offset(&l->ack.partition->tracker, l->ack.seq),
                               .timestamp_ms = env_wall_ms(dl->env) };
    }
    add_headers(dl, l, &rec);
    return producer_append(dl->producer, dl->topic, PARTITION_ANY, &rec, l, 0);
}

static void pump(void *owner)
{
    struct dead_letters *dl = owner;
    dl->walked = NULL;
    list_for_each(node, &dl->waiting) {
        struct letter *l = list_entry(node, struct letter, node);
        enum err e = send_letter(dl, l);
        if (e == ERR_LIMIT && !l->without_value) {
            log_warn(&dl->log,
                     "a dead letter is too large with its headers; sent without its value",
                     KV_STR("topic", l->ack.partition->topic),
                     KV_INT("partition", l->ack.partition->index),
                     KV_INT("offset", commit_offset(&l->ack.partition->tracker, l->ack.seq)));
            l->without_value = true;
            e = send_letter(dl, l);
        }
        if (e != ERR_OK) {
            return; /* ready() comes */
        }
        list_remove(&l->node);
        list_push_back(&dl->sent, &l->node);
    }
}

static void delivered(void *user, const struct producer_delivery *d)
{
    struct dead_letters *dl = user;
    dl->refusals = 0;
    for (size_t i = 0; i < d->span_count; i++) {
        struct letter *l = d->spans[i].source;
        struct ack ack = l->ack;
        list_remove(&l->node);
        mem_free(l);
        dl->outstanding--;
        dl->delivered++;
        dl->cfg.done(dl->cfg.user, ack);
    }
}

static void refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                    struct slice batch_bytes)
{
    struct dead_letters *dl = user;
    log_error(&dl->log, "the dead-letter topic refuses records; trying again, nothing is lost",
              KV_STR("topic", dl->cfg.topic), KV_STR("error", kafka_error_name((int16_t)error)));
    for (size_t i = d->span_count; i-- > 0;) {
        struct letter *l = d->spans[i].source;
        l->without_value = l->without_value || error == KAFKA_MESSAGE_TOO_LARGE;
        list_remove(&l->node);
        list_push_front(&dl->waiting, &l->node);
    }
    timer_arm_in(dl->env, &dl->timer,
                 retry_delay_ns(&dl->cfg.retry, dl->refusals++, env_random(dl->env)));
}

static void ready(void *user)
{
    struct dead_letters *dl = user;
    timer_arm_in(dl->env, &dl->timer, 0);
}

static void connect_once(struct dead_letters *dl)
{
    static const struct producer_events events = { .delivered = delivered,
                                                   .refused = refused,
                                                   .ready = ready };
    const struct producer_config cfg = { .acks = -1,
                                         .idempotence = true,
                                         .linger_ns = 5 * (uint64_t)NS_PER_MS };
    if (dl->client) {
        return;
    }
    dl->cfg.client.allow_auto_topic_creation = true;
    dl->client = client_new(dl->env, &dl->cfg.client, &dl->log);
    dl->producer = producer_new(dl->client, &cfg, &events, dl);
    dl->topic = producer_topic(dl->producer, slice_str(dl->cfg.topic));
}

void dead_letters_put(struct dead_letters *dl, struct ack ack, const char *class_name,
                      const struct failure *f)
{
    struct letter *l = mem_zalloc(sizeof(*l));
    l->ack = ack;
    l->class_name = class_name;
    l->failure = *f;
    connect_once(dl);
    list_push_back(&dl->waiting, &l->node);
    dl->outstanding++;
    if (!timer_is_armed(&dl->timer)) {
        timer_arm_in(dl->env, &dl->timer, 0);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

struct dead_letters *dead_letters_new(struct env env, const struct dead_letters_config *cfg,
                                      const struct log *log)
{
    struct dead_letters *dl = mem_zalloc(sizeof(*dl));
    dl->env = env;
    dl->cfg = *cfg;
    dl->log = log_for(log, "dead_letter");
    dl->timer.fire = pump;
    dl->timer.owner = dl;
    list_init(&dl->waiting);
    list_init(&dl->sent);
    return dl;
}

static void free_letters(struct list_node *list)
{
    struct list_node *node;
    while ((node = list_pop_front(list)) != NULL) {
        mem_free(list_entry(node, struct letter, node));
    }
}

void dead_letters_free(struct dead_letters *dl)
{
    timer_cancel(dl->env, &dl->timer);
    if (dl->client) {
        producer_free(dl->producer);
        client_free(dl->client);
    }
    free_letters(&dl->waiting);
    free_letters(&dl->sent);
    buf_deinit(&dl->headers);
    buf_deinit(&dl->scratch);
    mem_free(dl);
}

void dead_letters_flush(struct dead_letters *dl)
{
    if (dl->producer) {
        producer_flush(dl->producer);
    }
}

uint64_t dead_letters_sent(const struct dead_letters *dl)
{
    return dl->delivered;
}

uint64_t dead_letters_outstanding(const struct dead_letters *dl)
{
    return dl->outstanding;
}
