/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cluster.h - one run: nodes, clients, faults and checks in a world of one seed.
 *   sim_run() = set-up, a time with faults (safety), then none (progress must come within a bound),
 *   then everything acknowledged is read back from every replica.
 */
#ifndef LOGBOOM_TESTS_SIM_CLUSTER_H
#define LOGBOOM_TESTS_SIM_CLUSTER_H

#include "tests/sim/sim_changes.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_quorum.h"
#include "tests/sim/sim_topics.h"
#include "tests/sim/sim_workload.h"

enum { SIM_NODES_MAX = 5, SIM_NODES_LATER = 1 };

enum sim_fault {
    SIM_FAULT_KILL,
    SIM_FAULT_KILL_IN_CALL,
    SIM_FAULT_POWER_LOSS,
    SIM_FAULT_POWER_LOSS_IN_CALL,
    SIM_FAULT_POWER_LOSS_ALL,
    SIM_FAULT_STOP,
    SIM_FAULT_PAUSE,
    SIM_FAULT_PARTITION,
    SIM_FAULT_RESET,
    SIM_FAULT_FORGET,
    SIM_FAULT_LOSS,
    SIM_FAULT_SLOW_DISK,
    SIM_FAULT_FULL_DISK,
    SIM_FAULT_WRITE_ERROR,
    SIM_FAULT_SYNC_ERROR,
    SIM_FAULT_CLOCK_JUMP,
    SIM_FAULT_CLIENT_RESTART,
    SIM_FAULT_ROT, /* of one node's disk, with options.rotten */
    SIM_FAULT_COUNT,
};

/* All that a seed decides before the first event. */
struct sim_options {
    uint32_t nodes;
    uint32_t voters;         /* the first so many nodes are the quorum, without `dynamic` */
    bool dynamic;            /* the quorum's voters are in its log, and may change */
    bool page_cache;         /* durability: then nothing loses its power */
    uint32_t roll_ms;        /* log.roll.ms: segments are short in time; 0: not set */
    uint32_t lag_ms;         /* replica.lag.time.max.ms */
    uint32_t snapshot_bytes; /* of metadata between snapshots; 0: the default */
    uint32_t faults;         /* a bit each */
    uint32_t liar;           /* this node's disk syncs nothing; 0: none's */
    uint32_t rotten;         /* bits flip on this node's disk; 0: on none's */
    const char *rots;        /* how the names of files end whose bits flip */
    int32_t min_isr[SIM_NODES_MAX]; /* min.insync.replicas in each node's configuration; 0: unset */
    uint32_t absent;         /* this node is away for long, once; 0: none is */
    uint64_t absence_ns;
    uint64_t fault_interval_ns, outage_ns_max, safety_ns;
    struct sim_world_options world;
    struct sim_workload_options workload;
    struct sim_changes_options changes;
};

/* Draws the options from the seed; nodes 0: how many there are, too. */
void sim_options_swarm(struct sim_options *o, uint64_t seed, uint32_t nodes);
void sim_options_print(const struct sim_options *o, FILE *out);

struct sim_cluster {
    struct sim_world world;
    struct sim_options options;
    struct sim_node nodes[SIM_NODES_MAX + SIM_NODES_LATER];
    uint32_t node_count; /* those that take part; the last one comes later, or never */
    char bootstrap[SIM_NODES_MAX][32];
    struct sim_workload workload;
    struct sim_changes changes;
    struct sim_topics topics;
    struct sim_quorum quorum;
    bool healing;
    /* faults (sim_faults.c) */
    struct sim_event tick, mend, absence;
    struct sim_node_faults {
        struct sim_cluster *cluster;
        struct sim_node *node;
        struct sim_event restart;
        uint64_t broken_until_ns; /* its disk is full */
        bool sick;                /* its disk has failed: it is restarted before long */
        bool unsynced; /* a sync has failed: its page cache is ahead of its disk for good */
        bool down_on_purpose;
    } node_faults[SIM_NODES_MAX + SIM_NODES_LATER];
    uint64_t fault_counts[SIM_FAULT_COUNT];
    uint64_t harmed_starts; /* how often the untrusted node had started when it lost something */
};

struct sim_result {
    uint64_t digest, steps, records, reads, starts, simulated_ns;
};

struct sim_run_args {
    uint64_t seed;
    uint32_t nodes; /* 0: the seed decides */
    FILE *trace;    /* NULL: none */
    uint64_t trace_from_ns;
};

/* The node that comes later starts; false when it was there already. */
bool sim_cluster_grow(struct sim_cluster *c);

/* Runs the seed to its end; a broken promise ends the process. */
void sim_run(const struct sim_run_args *args, struct sim_result *ret_result);

/* sim_faults.c */
void sim_faults_start(struct sim_cluster *c);
/* No faults from now on; all nodes come back. */
void sim_faults_heal(struct sim_cluster *c);
bool sim_faults_all_up(const struct sim_cluster *c);
void sim_faults_deinit(struct sim_cluster *c);
const char *sim_fault_name(enum sim_fault f);

/* sim_rot.c: disks that cannot be trusted. */
/* A bit of a file with such a name flips on the disk of a node that is down. */
void sim_rot(struct sim_node *n, const char *name_end);
/* Whether the node may lose now what it has synced: others have it. True notes that it does. */
bool sim_may_harm(struct sim_cluster *c, const struct sim_node *n);
/* It did, and is not back yet: nothing may happen to others. */
bool sim_is_harmed(struct sim_cluster *c);

/* sim_inspect.c: looks into the nodes. */
/* After an event on this node. */
void sim_inspect_node(struct sim_cluster *c, struct sim_node *n);
/* An answer to DeleteRecords: those who begin there by now shall begin there for ever. */
void sim_inspect_deleted(struct sim_cluster *c, struct sim_ledger_partition *lp, int64_t offset);
/* How all partitions are, for who reads a failure. */
void sim_inspect_print(const struct sim_cluster *c, FILE *out);
/* Every node knows that every partition has a leader and all its replicas in sync, and they have
 * everything. Otherwise false, and a word on what is missing. */
bool sim_inspect_is_settled(const struct sim_cluster *c, char *ret_why, size_t why_size);
/* All replicas have everything that is committed, byte by byte. */
void sim_inspect_replicas(struct sim_cluster *c);

#endif
