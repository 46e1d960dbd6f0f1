/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_broker.h - a few scripted brokers on fake_env: one topic, its logs with sequence checks,
 * faults. They know ApiVersions, Metadata, InitProducerId and Produce; each record's value is a
 * number, kept in its partition's log.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_FAKE_BROKER_H
#define LOGBOOM_TESTS_SUPPORT_FAKE_BROKER_H

#include "protocol/wire/api.h"
#include "tests/support/fake_env.h"

enum { FAKE_NODES = 3, FAKE_PARTITIONS = 4, FAKE_PRODUCERS = 8, FAKE_BATCHES = 5 };

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
    size_t count, cap;
    struct fake_producer_state producers[FAKE_PRODUCERS];
    int32_t producer_count;
};

/* Chances in 1000, for each produce request. */
struct fake_faults {
    unsigned drop_before, drop_after;   /* the connection breaks before or after the append */
    unsigned hang;                      /* no answer at all */
    unsigned not_leader;                /* the leader moves, and the old one says so */
    unsigned error_before, error_after; /* a retriable error without or with an append */
    unsigned restart;                   /* the node goes down for a while */
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
};

void fake_cluster_init(struct fake_cluster *c, struct fake_env *env);
void fake_cluster_deinit(struct fake_cluster *c);
/* "127.0.0.1:port" of node i. */
const char *fake_cluster_address(int i);

#endif
