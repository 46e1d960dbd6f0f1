/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_workload.h - clients of a simulated cluster: producers of numbered values, readers of whole
 * topics, members of consumer groups, and one who creates the topics. All of them are the real
 * clients of protocol/client, each on a host of its own. What they see goes to the ledger.
 */
#ifndef LOGBOOM_TESTS_SIM_WORKLOAD_H
#define LOGBOOM_TESTS_SIM_WORKLOAD_H

#include "protocol/client/consumer.h"
#include "protocol/client/producer.h"
#include "tests/sim/sim_ledger.h"

enum {
    SIM_TOPICS_MAX = 4,
    SIM_PARTITIONS_MAX = 32,
    SIM_PRODUCERS_MAX = 4,
    SIM_CONSUMERS_MAX = 8,
    SIM_GROUPS_MAX = 2,
    SIM_BOOTSTRAP_MAX = 8,
};

struct sim_workload;

struct sim_topic {
    char name[16];
    int32_t partitions;     /* as it is created */
    int32_t partitions_max; /* it may grow to */
    int16_t replication_factor;
    uint64_t create_at_ns;
    bool exists; /* as far as the creator knows */
};

/* A host with a client on it. */
struct sim_client {
    struct sim_workload *workload;
    struct sim_host *host;
    struct client *client; /* NULL: the process is down */
    struct sim_event tick;
};

struct sim_producer {
    struct sim_client c;
    struct producer *producer;
    struct producer_topic *topics[SIM_TOPICS_MAX];
    uint32_t number; /* in the ledger; a new process has a new one */
    uint64_t interval_ns;
    uint32_t burst_max;
};

/* A group's state as its members saw it, by partition of the ledger. */
struct sim_group {
    char name[16];
    struct sim_group_partition {
        int64_t asked;     /* the highest offset that any member wanted to commit */
        int64_t committed; /* the highest one that is known to hold; -1 for none */
        bool *delivered;   /* by offset */
        size_t delivered_cap;
        int64_t delivered_end; /* all below were delivered */
    } partitions[SIM_PARTITIONS_MAX];
};

struct sim_consumer {
    struct sim_client c;
    struct consumer *consumer;
    struct sim_group *group; /* NULL: reads everything */
    bool closing;
    struct sim_consumer_partition {
        struct consumer_partition *part; /* NULL: not assigned */
        struct sim_reader reader;
        int64_t flushing; /* what the flush under way covers; -1 nothing */
    } partitions[SIM_PARTITIONS_MAX];
    struct buf scratch;
    bool flush_out;
};

struct sim_workload_options {
    uint32_t topics, partitions_max, producers, readers, groups, members;
    uint32_t growth_max; /* partitions that are added to a topic later, at most */
    bool deletes;        /* the oldest records may be deleted */
    int16_t replication_factor;
    uint64_t records_max; /* all producers together */
    uint32_t value_bytes_max;
    uint64_t topics_late_ns;
    struct client_config client; /* time-outs */
    uint64_t session_timeout_ns;
};

struct sim_workload {
    struct sim_world *world;
    struct sim_ledger ledger;
    struct sim_workload_options options;
    const char *bootstrap[SIM_BOOTSTRAP_MAX];
    struct sim_topic topics[SIM_TOPICS_MAX];
    uint32_t topic_count;
    struct sim_client admin;
    bool admin_busy;
    struct sim_producer producers[SIM_PRODUCERS_MAX];
    struct sim_consumer consumers[SIM_CONSUMERS_MAX];
    uint32_t producer_count, consumer_count;
    struct sim_group groups[SIM_GROUPS_MAX];
    uint32_t group_count;
    uint32_t numbers; /* of producers, so far */
    bool stopping;    /* nothing new is produced */
};

/* Makes hosts and topics by chance, and starts the clients. bootstrap's strings outlive it. */
void sim_workload_init(struct sim_workload *wl, struct sim_world *w,
                       const struct sim_workload_options *options, const char *const *bootstrap,
                       size_t bootstrap_count);
void sim_workload_deinit(struct sim_workload *wl);

/* Faults: processes of clients that die and come again. */
void sim_producer_restart(struct sim_producer *p);
void sim_consumer_restart(struct sim_consumer *c);

/* All that was produced is acknowledged, and all readers and groups have seen everything below the
 * given ends. Otherwise false, and a word on what is missing in *ret_why. */
bool sim_workload_is_done(const struct sim_workload *wl, char *ret_why, size_t why_size);

/* sim_admin.c: creates the topics whose time has come. */
void sim_admin_start(struct sim_workload *wl);

/* For the parts of the workload. */
void sim_client_start(struct sim_client *c);
/* The process dies; free_program() is called between death and burial. */
void sim_client_kill(struct sim_client *c, void (*free_program)(void *owner), void *owner);
void sim_consumer_start(struct sim_consumer *c);
void sim_consumer_init(struct sim_consumer *c, struct sim_workload *wl, uint32_t number,
                       struct sim_group *group);
void sim_consumer_deinit(struct sim_consumer *c);
void sim_producer_init(struct sim_producer *p, struct sim_workload *wl, uint32_t number);
void sim_producer_deinit(struct sim_producer *p);

#endif
