/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_broker.h - a few scripted brokers on fake_env: one topic, its logs with sequence checks, a
 * group with one member, faults by chance or by script. Each record's value is a number, kept in
 * its partition's log.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_FAKE_BROKER_H
#define LOGBOOM_TESTS_SUPPORT_FAKE_BROKER_H

#include "protocol/wire/api.h"
#include "tests/support/fake_env.h"

enum {
    FAKE_PORT = 9000,
    FAKE_NODES = 3,
    FAKE_PARTITIONS = 4,
    FAKE_PRODUCERS = 8,
    FAKE_BATCHES = 5
};

/* What a leader remembers of a producer: its last batches (KIP-98). */
struct fake_producer_state {
    int64_t producer_id;
    int16_t epoch;
    int32_t count;
    int32_t first[FAKE_BATCHES], next[FAKE_BATCHES];
    int64_t offset[FAKE_BATCHES];
};

struct fake_partition {
    int32_t leader, leader_epoch;
    uint64_t *values;
    int32_t *epochs; /* of each record */
    size_t count, cap;
    struct fake_producer_state producers[FAKE_PRODUCERS];
    int32_t producer_count;
    int64_t log_start; /* what lies below is gone */
};

/* Chances in 1000, for each request of a producer or consumer. */
struct fake_faults {
    unsigned drop_before, drop_after;   /* the connection breaks before or after the append */
    unsigned hang;                      /* no answer at all */
    unsigned not_leader;                /* the leader moves, and the old one says so */
    unsigned error_before, error_after; /* a retriable error without or with an append */
    unsigned restart;                   /* the node goes down for a while */
    unsigned corrupt, cut;              /* a fetched batch: a byte flipped, or its end missing */
    unsigned rebalance, forget;         /* at a heartbeat: the group, or its memory of the member */
};

enum fake_act { FAKE_ERROR, FAKE_HANG, FAKE_CLOSE };

/* What happens to the next requests of one API. */
struct fake_script {
    int16_t api;
    enum fake_act act;
    int16_t error;
    int times;
};

/* A classic group; the member under test is its leader and only one. */
struct fake_group {
    int32_t coordinator;
    int32_t generation;
    char member_id[32]; /* "" none */
    int32_t members;    /* ids given out so far */
    bool rebalancing;   /* a join is awaited */
    bool synced;
    uint32_t granted; /* partitions that the member gets, as bits */
    int64_t committed[FAKE_PARTITIONS];
    int32_t committed_epochs[FAKE_PARTITIONS];
    bool went_back; /* a commit lowered an offset */
    uint64_t finds, joins, commits, heartbeats, leaves;
};

struct fake_cluster;

struct fake_node {
    struct fake_server server;
    struct fake_cluster *cluster;
    int32_t id;
    struct timer up; /* ends a restart */
};

struct fake_cluster {
    struct fake_env *env;
    struct fake_node nodes[FAKE_NODES];
    struct fake_partition partitions[FAKE_PARTITIONS];
    struct uuid topic_id;
    struct slice topic;
    struct fake_faults faults;
    int64_t next_producer_id;
    size_t batch_bytes_max;   /* 0: any */
    int16_t api_versions_max; /* above this ApiVersions is answered with UNSUPPORTED_VERSION */
    int16_t produce_max;
    uint64_t forget_at;   /* once a log has so many records, all producers are forgotten; 0 never */
    int16_t refuse_error; /* the next batch gets this, once */
    uint64_t produced_requests;
    struct fake_group group;
    struct fake_script script;
    int16_t lacks;        /* an API key that the brokers do not have; -1 */
    int topic_gone;       /* so many metadata answers do not know the topic */
    int32_t brokers_told; /* the metadata names brokers below this id only */
    bool metadata_hangs;
    bool tells_leader;     /* beside NOT_LEADER_OR_FOLLOWER, with its address (KIP-951) */
    int32_t batch_records; /* of fetched batches */
    int misplaced;         /* one batch of the next answers with records begins elsewhere: which */
    int64_t misplaced_by;  /* 0: none */
    bool cut_at_limit;     /* a batch above partition_max_bytes is cut, as very old brokers do */
    int32_t closest;       /* named to fetches with a rack, which it serves too; -1 none */
    int16_t closest_error; /* but with this */
    uint64_t fetch_requests, fetch_bytes, epoch_requests, closest_fetches;
};

struct fake_request {
    struct fake_node *node;
    struct fake_conn *conn;
    struct request_header header;
    struct arena arena;
    int16_t error; /* the one to be answered, by script or chance */
};

void fake_cluster_init(struct fake_cluster *c, struct fake_env *env);
void fake_cluster_deinit(struct fake_cluster *c);
/* A record with this value, in the log. */
void fake_partition_append(struct fake_partition *p, uint64_t value);
void fake_reply(struct fake_request *r, const void *body, uint64_t extra_ns);
bool fake_chance(struct fake_cluster *c, unsigned per_mille);
/* fake_group.c: the consumer's APIs. */
void fake_group_handle(struct fake_request *r, const void *body);
/* "127.0.0.1:port" of node i. */
const char *fake_cluster_address(int i);

#endif
