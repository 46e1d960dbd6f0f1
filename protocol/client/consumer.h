/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer.h - a member of a consumer group (or a reader of given partitions) that hands out
 * batches. Classic protocol: join, sync, heartbeat, cooperative or eager rebalancing (KIP-429),
 * static members (KIP-345). Batches are given as they came from the broker, checksum verified, and
 * are walked by the user (record_batch.h). Heartbeats run on the loop and do not depend on how fast
 * the user is.
 */
#ifndef LOGBOOM_CLIENT_CONSUMER_H
#define LOGBOOM_CLIENT_CONSUMER_H

#include "protocol/client/client.h"
#include "protocol/wire/record_batch.h"

enum offset_reset { OFFSET_RESET_EARLIEST, OFFSET_RESET_LATEST, OFFSET_RESET_NONE };

struct consumer_config {
    const char *group_id;          /* NULL: no group, consumer_assign() only */
    const char *group_instance_id; /* may be NULL */
    bool leave_on_close;           /* a static member, too, leaves when it is closed in order */
    const char *const *topics;
    size_t topic_count;
    const char *const
        *assignors;        /* "range", "roundrobin", "cooperative-sticky", in order of wish */
    size_t assignor_count; /* 0: range and cooperative-sticky, as the Java client offers */
    enum offset_reset offset_reset;
    bool read_committed;
    const char
        *rack_id; /* where this consumer stands, to read from a replica there; NULL: not told */
    uint64_t session_timeout_ns;    /* 0: 45 s */
    uint64_t heartbeat_interval_ns; /* 0: 3 s */
    uint64_t rebalance_timeout_ns;  /* 0: 5 min: how long a revocation may drain */
    uint64_t fetch_wait_ns;         /* 0: 500 ms */
    int32_t fetch_bytes_min;        /* 0: 1 */
    int32_t fetch_bytes_max;        /* 0: 50 MiB */
    int32_t partition_bytes_max;    /* 0: 1 MiB */
};

/* A partition that is being read; lives from assigned() until revoked() or lost() is over. */
struct consumer_partition {
    struct slice topic;
    int32_t partition;
    int64_t position;       /* the next offset to be given out */
    int64_t committed;      /* what the group has, -1 for nothing */
    int64_t high_watermark; /* -1 until the first fetch */
    void *user;             /* the user's */
};

struct consumer;

struct consumer_events {
    /* New partitions; they are read from now on. */
    void (*assigned)(void *user, struct consumer_partition *const *parts, size_t count);
    /* These are to be given up: no further batch comes for them. The user finishes what is in
     * flight, commits, and calls consumer_revoked(); at the latest at the rebalance timeout they
     * are lost. */
    void (*revoking)(void *user, struct consumer_partition *const *parts, size_t count);
    /* These are gone (session lost, fenced): nothing of theirs may be committed any more. */
    void (*lost)(void *user, struct consumer_partition *const *parts, size_t count);
    /* The batches of one partition from one answer, in order; bytes live until the call returns.
     * The first batch may begin before `position` (compressed or compacted): records below it are
     * to be skipped. record-less and control batches are not given. */
    void (*batches)(void *user, struct consumer_partition *part, const struct batch_view *batches,
                    size_t count);
    /* Something an operator should know; the consumer goes on by itself unless fatal. */
    void (*trouble)(void *user, enum kafka_error error, const char *text, bool fatal);
    /* The end of a partition was reached (position == high watermark); may be NULL. */
    void (*at_end)(void *user, struct consumer_partition *part);
};

struct consumer *consumer_new(struct client *c, const struct consumer_config *cfg,
                              const struct consumer_events *events, void *user);
/* Without leaving the group (the session ends by timeout). */
void consumer_free(struct consumer *c);
/* Commits given offsets, leaves the group, then calls done (may be NULL). No further events. */
void consumer_close(struct consumer *c, void (*done)(void *user), void *user);

/* Without a group: read this partition. offset: a number, or OFFSET_EARLIEST / OFFSET_LATEST. */
enum { OFFSET_LATEST = -1, OFFSET_EARLIEST = -2 };
struct consumer_partition *consumer_assign(struct consumer *c, struct slice topic,
                                           int32_t partition, int64_t offset);
void consumer_unassign(struct consumer *c, struct consumer_partition *part);
/* Answers revoking() once its partitions are drained and their commits given. */
void consumer_revoked(struct consumer *c);
void consumer_pause(struct consumer *c, struct consumer_partition *part);
void consumer_resume(struct consumer *c, struct consumer_partition *part);
/* Reads on from another offset; what is in flight for the partition is dropped. */
void consumer_seek(struct consumer *c, struct consumer_partition *part, int64_t offset);
/* The next offset to be read by the group, i.e. last done + 1. Sent together with others within
 * commit_delay (at once when 0); retried until it holds or the partition is gone; never goes
 * back. */
void consumer_commit(struct consumer *c, struct consumer_partition *part, int64_t offset,
                     uint64_t commit_delay_ns);
/* Sends pending commits now; done(err) when they hold. */
void consumer_commit_flush(struct consumer *c, void (*done)(void *user, enum err err), void *user);

/* For /metrics and status. */
struct consumer_stats {
    const char *state; /* "joining", "stable", ... */
    const char *member_id;
    int32_t generation;
    uint64_t partitions, fetches, fetched_bytes, rebalances;
    const char *last_rebalance_reason;
};
struct consumer_stats consumer_get_stats(const struct consumer *c);

#endif
