/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_internal.h - what producer.c (records in, events out) and producer_send.c (batches to
 * the brokers and back) share. Private to protocol/client.
 */
#ifndef LOGBOOM_CLIENT_PRODUCER_INTERNAL_H
#define LOGBOOM_CLIENT_PRODUCER_INTERNAL_H

#include "protocol/base/map.h"
#include "protocol/client/producer_batch.h"

struct producer_partition {
    struct producer_topic *topic;
    int32_t index;
    struct list_node active;     /* in producer->active while it has batches */
    struct list_node ready;      /* in a broker's list, within one drain */
    struct list_node queue;      /* batches in sequence order; an open one is the last */
    struct producer_batch *open; /* the last of the queue, or NULL */
    uint32_t queued, flying;
    /* Idempotence: the producer id under which its sequence runs (KIP-360: per partition). */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t next_sequence;
    bool renumber;     /* adopt the newest epoch and start at sequence 0 once nothing flies */
    bool proven;       /* a batch of this numbering was accepted: the leader checks the next ones */
    bool settle;       /* after a failure: nothing is sent while something flies */
    unsigned attempts; /* failures in a row */
    uint64_t retry_at_ns;
    int32_t sent_leader_id,
        sent_leader_epoch; /* of the last request; a newer one ends the back-off */
    bool warned;
};

struct producer_topic {
    struct producer *producer;
    struct slice name;
    struct producer_partition **partitions;
    int32_t partition_count;
    int32_t sticky;         /* where PARTITION_ANY goes now; -1: to be chosen */
    size_t batch_bytes_max; /* below the configuration's once the broker found batches too large */
};

struct producer_broker {
    int32_t id;
    uint32_t flying;
    struct list_node ready; /* partitions */
};

/* A produce request in flight. */
struct producer_request {
    struct list_node node; /* in producer->requests */
    struct producer *producer;
    struct producer_broker *broker;
    uint32_t count;
    struct producer_batch *batches[];
};

enum producer_id_state { PRODUCER_ID_NONE, PRODUCER_ID_ASKED, PRODUCER_ID_KNOWN };

struct producer {
    struct client *client;
    struct env env;
    struct log log;
    struct producer_config cfg; /* defaults filled in */
    struct producer_events events;
    void *user;
    struct map topics;  /* name -> struct producer_topic */
    struct map brokers; /* id -> struct producer_broker */
    struct list_node active;
    struct list_node requests;
    struct list_node free;
    size_t free_bytes;
    struct client_listener listener;
    struct timer watch;   /* looks for silent brokers while requests fly */
    struct timer wake;    /* drains: lingering batches, ends of back-offs */
    struct arena scratch; /* the request being built */
    size_t buffered_bytes;
    uint64_t outstanding;
    bool flushing;   /* open batches leave without lingering */
    bool want_ready; /* somebody got ERR_AGAIN */
    enum producer_id_state id_state;
    unsigned id_attempts;
    uint64_t id_retry_at_ns;
    int64_t producer_id;
    int16_t producer_epoch;
};

/* --- producer.c ------------------------------------------------------------------------------- */

struct producer_batch *producer_take_batch(struct producer *p);
/* Recycles it, or gives its memory back. */
void producer_give_batch(struct producer *p, struct producer_batch *b);
/* Drains at deadline_ns at the latest. */
void producer_wake(struct producer *p, uint64_t deadline_ns);
/* Tells of what is at the head of the queue and done with; then ready(), when there is room
 * again. */
void producer_settle_head(struct producer *p, struct producer_partition *part);
void producer_tell_ready(struct producer *p);
void producer_close_batch(struct producer_partition *part);

/* --- producer_send.c -------------------------------------------------------------------------- */

/* Sends all that may go now and arms the timer for the rest. */
void producer_drain(struct producer *p);

/* --- producer_watch.c ------------------------------------------------------------------------- */

/* A request has left. */
void producer_watch(struct producer *p);
/* The watch timer's fire(); also when the metadata are new. */
void producer_on_watch(void *owner);

#endif
