/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr.h - the leader's view of one partition's replicas: who is in sync, and the high watermark.
 * Pure: fetches, time and the controller's answers come in; the high watermark and wishes for
 * another ISR go out. Only the controller changes the ISR (AlterPartition); until the metadata tell
 * of it, the high watermark waits for everybody who is in the old set or in the new one.
 * Source: Kafka's Partition; KIP-497 (AlterPartition), KIP-841, KIP-903 (broker epochs), KIP-966
 * (no progress below min.insync.replicas).
 */
#ifndef LOGBOOM_REPLICA_ISR_H
#define LOGBOOM_REPLICA_ISR_H

#include "protocol/wire/kafka_error.h"

#include <stdbool.h>
#include <stdint.h>

/* A follower as the leader knows it. */
struct isr_replica {
    int32_t id;
    bool in_isr;            /* by the controller's last word */
    bool in_proposal;       /* in the ISR that was asked for; meaningful while one is in flight */
    bool in_elr;            /* out of the ISR, and may be elected all the same (KIP-966) */
    int64_t broker_epoch;   /* of its last fetch; -1 none */
    int64_t eligible_epoch; /* the epoch under which it may be in the ISR; -1: not at all */
    int64_t end_offset;     /* all below is on its side; -1: it has not fetched from this leader */
    int64_t start_offset;   /* where its log begins, also after a crash; -1: as end_offset */
    uint64_t caught_up_ns;  /* when it last had everything; 0 never */
    uint64_t fetch_ns;      /* of its last fetch, and our end then */
    int64_t end_at_fetch;
    uint64_t gap_ns; /* the longest time between two fetches lately */
    bool hung_up;    /* its connection broke while a fetch waited, and it has not fetched since */
};

struct isr_config {
    uint64_t lag_ns;       /* replica.lag.time.max.ms */
    uint64_t silence_ns;   /* a member that does not fetch for so long is as good as gone */
    uint64_t join_wait_ns; /* how long the high watermark waits for one who is about to join */
};

struct isr {
    struct isr_config config;
    int32_t self;
    int32_t leader_epoch, partition_epoch;
    int32_t min_isr; /* min.insync.replicas */
    int64_t epoch_start_offset;
    int64_t high_watermark;
    struct isr_replica *replicas; /* the followers */
    int32_t count;
    bool in_flight;    /* a proposal was made and not answered */
    uint64_t proposal; /* the number of the last one */
};

/* What the metadata says of the partition; self is one of replicas, and leader. */
struct isr_assignment {
    int32_t self, leader_epoch, partition_epoch;
    const int32_t *replicas, *isr;
    int32_t replica_count, isr_count;
};

/* This node begins to lead: nobody has fetched yet. high_watermark is its own, as far as it
 * knows. */
void isr_init(struct isr *s, const struct isr_config *config, const struct isr_assignment *a,
              int64_t epoch_start_offset, int64_t high_watermark, uint64_t now_ns);
void isr_deinit(struct isr *s);
/* The metadata moved within the leader epoch. An older or equal partition epoch changes nothing; a
 * newer one ends what is in flight. */
void isr_follow(struct isr *s, const struct isr_assignment *a, uint64_t now_ns);
/* NULL when it is no replica. */
struct isr_replica *isr_find(const struct isr *s, int32_t id);
/* Under which broker epoch a replica may be in the ISR, by the metadata: -1 when it is fenced,
 * shutting down or unknown. */
void isr_set_eligible(struct isr *s, int32_t id, int64_t broker_epoch);

/* A follower has fetched: it has everything from start_offset to below `offset`. */
struct isr_fetch {
    int32_t replica;
    int64_t broker_epoch; /* -1: the request told none */
    int64_t offset, start_offset;
    int64_t leader_end_offset;
};

/* KAFKA_NONE, UNKNOWN_LEADER_EPOCH for one who is no replica (the metadata is late), or
 * NOT_LEADER_OR_FOLLOWER for a fetch of an earlier life of the broker: nothing is noted then. */
enum kafka_error isr_fetched(struct isr *s, const struct isr_fetch *f, uint64_t now_ns);
/* The connection of a follower broke while its fetch waited: no consumer is sent to it before it
 * fetches again. The ISR is the controller's business, as ever. */
void isr_hung_up(struct isr *s, int32_t id);
/* own_offset: all below is as durable here as we promise. Moves the high watermark, never down;
 * true when it moved. */
bool isr_advance(struct isr *s, int64_t own_offset, uint64_t now_ns);
/* When isr_advance() gives more with nothing but time; UINT64_MAX for never. */
uint64_t isr_deadline_ns(const struct isr *s, uint64_t now_ns);

/* Members of the ISR, this node among them. */
int32_t isr_size(const struct isr *s);
/* Whether acks=all cannot be promised: fewer in sync than min.insync.replicas (or all replicas). */
bool isr_is_under_min(const struct isr *s);
/* Nobody who may be elected begins below this offset, nor will: DeleteRecords waits for it. The
 * least start offset of those in the ISR or in one that was asked for, of the eligible leader
 * replicas, of all others that live, and own_start. */
int64_t isr_low_watermark(const struct isr *s, int64_t own_start);

struct isr_member {
    int32_t id;
    int64_t broker_epoch; /* -1 unknown */
};

/* An ISR to ask the controller for. */
struct isr_proposal {
    uint64_t number;
    struct isr_member *members; /* the caller's array of isr->count + 1 */
    int32_t count;
};

/* This node's own log. */
struct isr_log {
    int64_t start_offset, end_offset;
};

/* Whether a member should be taken out now, because it lags or is silent. */
bool isr_should_shrink(const struct isr *s, int64_t end_offset, uint64_t now_ns);
/* Looks for members that lag or are silent and for followers that have caught up; true and a
 * proposal, which is in flight then, when the ISR should be another. self_epoch is this node's
 * broker epoch. */
bool isr_propose(struct isr *s, const struct isr_log *own, int64_t self_epoch, uint64_t now_ns,
                 struct isr_proposal *ret_proposal);

/* What the controller answered. */
struct isr_answer {
    uint64_t number;
    enum kafka_error code;
    int32_t leader_epoch, partition_epoch; /* KAFKA_NONE: those of the partition now */
};

enum isr_verdict {
    ISR_SETTLED, /* refused for good, or of no interest any more */
    ISR_WAITS,   /* nobody knows what the ISR is until the metadata tells */
    ISR_RETRY,   /* send the same again */
};

enum isr_verdict isr_answered(struct isr *s, const struct isr_answer *a);

#endif
