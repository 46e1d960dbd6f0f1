/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer.h - batches on their way to partition leaders: idempotent, in order, without giving up.
 * Records are written straight into the batch of their partition (one copy). A batch leaves when it
 * is full or has lingered; up to max_in_flight go at once per broker; retries keep the order
 * (KIP-98, KIP-679). Retriable errors are retried for ever with back-off: there is no delivery
 * timeout.
 */
#ifndef LOGBOOM_CLIENT_PRODUCER_H
#define LOGBOOM_CLIENT_PRODUCER_H

#include "protocol/client/client.h"
#include "protocol/wire/record_batch.h"

struct producer_config {
    int16_t acks;     /* -1, 0, 1 */
    bool idempotence; /* needs acks -1 */
    enum codec codec;
    int level;
    size_t
        batch_bytes_max; /* uncompressed size at which a batch is closed; 0: 1 MiB less a margin */
    size_t record_bytes_max; /* larger ones are refused: ERR_LIMIT; 0: 1 MiB less a margin */
    uint64_t linger_ns;
    uint32_t max_in_flight;  /* requests per broker; 0: 5 */
    size_t buffer_bytes_max; /* all batches not yet acknowledged; 0: 32 MiB */
};

/* Where records of a batch came from: consecutive appends of one source make one span. */
struct producer_span {
    void *source;
    uint64_t position; /* of the last record of the span, as given to producer_append() */
    uint32_t records;
};

struct producer_delivery {
    struct slice topic;
    int32_t partition;
    int64_t base_offset; /* -1 when the broker did not tell (acks 0) */
    uint32_t records;
    size_t bytes;                      /* of the batch as sent */
    const struct producer_span *spans; /* in the order of appending */
    size_t span_count;
    uint64_t latency_ns; /* from its first record to the acknowledgement */
};

struct producer_events {
    /* A batch is safe with the broker. Batches of one partition arrive in order. */
    void (*delivered)(void *user, const struct producer_delivery *d);
    /* The broker refused a batch for good (too large, invalid record, not authorised): the user
     * decides. batch_bytes is the sealed batch. Later batches of the partition go on. */
    void (*refused)(void *user, const struct producer_delivery *d, enum kafka_error error,
                    struct slice batch_bytes);
    /* Room again after ERR_AGAIN. */
    void (*ready)(void *user);
};

struct producer;
struct producer_topic;

struct producer *producer_new(struct client *c, const struct producer_config *cfg,
                              const struct producer_events *events, void *user);
/* Undelivered batches are dropped without an event: flush first. */
void producer_free(struct producer *p);

/* The handle of a topic; lives as long as the producer. Asks for its metadata. */
struct producer_topic *producer_topic(struct producer *p, struct slice name);
/* 0 while the metadata has not come. */
int32_t producer_partition_count(const struct producer_topic *t);
/* murmur2 of Kafka's default partitioner, as a non-negative number. */
uint32_t producer_key_hash(struct slice key);

enum {
    PARTITION_ANY = -1
}; /* sticky: one partition a batch, the next one for the next (KIP-794) */

/* Copies the record into the partition's open batch. ERR_AGAIN: the buffer is full or the metadata
 * not there yet: nothing was taken, ready() comes. ERR_LIMIT: the record alone is too large.
 * ERR_INVALID: no such partition. source and position travel to the delivery. */
enum err producer_append(struct producer *p, struct producer_topic *t, int32_t partition,
                         const struct record *rec, void *source, uint64_t position);
/* Sends what lingers now. */
void producer_flush(struct producer *p);
/* Records appended and not yet delivered or refused. */
uint64_t producer_outstanding(const struct producer *p);
size_t producer_buffered_bytes(const struct producer *p);

#endif
