/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster.h - what `logboom cluster` and `logboom quorum` know of a cluster: one look at everything
 * that its nodes say of themselves. Memory: the command's arena.
 */
#ifndef LOGBOOM_CLI_CLUSTER_H
#define LOGBOOM_CLI_CLUSTER_H

#include "cli/cli.h"

enum { CLUSTER_NODES_MAX = 256 };

/* One node, as broker, as controller, or both. */
struct cluster_node {
    int32_t id;
    struct slice host, rack;
    int32_t port;
    bool registered; /* the controller knows it as a broker */
    bool live;       /* and it is not fenced: clients are told of it */
    const struct describe_quorum_response_replica_state *voter, *observer;
    int32_t leaders, replicas, in_sync;
    int64_t size_bytes;                  /* of all replicas; -1: it did not say */
    int64_t disk_bytes, disk_free_bytes; /* -1: unknown */
    bool disk_failed;
    const struct describe_log_dirs_response *dirs; /* NULL: it did not say */
};

struct cluster_view {
    const struct metadata_response *meta; /* topics by name, partitions by index */
    const struct describe_quorum_response *quorum;
    const struct describe_quorum_response_partition_data *log; /* of the quorum; NULL: unknown */
    const struct list_partition_reassignments_response *moves; /* NULL: unknown */
    struct slice cluster_id;
    struct cluster_node nodes[CLUSTER_NODES_MAX]; /* by id */
    size_t node_count;
};

/* Asks everybody. What a cluster does not offer, or a node does not answer, stays unknown; only
 * without metadata there is an error. `*v` is large: keep it in the arena. */
enum err cluster_look(struct cli *c, struct cluster_view *v, struct error *err);
struct cluster_node *cluster_node(struct cluster_view *v, int32_t id);
/* Size and lag of a replica, from its node's answer; false when unknown. lag is in records. */
bool cluster_replica(const struct cluster_node *n, struct slice topic, int32_t partition,
                     int64_t *ret_size_bytes, int64_t *ret_lag);
/* DescribeQuorum alone. */
enum err cluster_quorum(struct cli *c, const struct describe_quorum_response **ret_quorum,
                        const struct describe_quorum_response_partition_data **ret_log,
                        struct error *err);
/* "1,2,3" in the arena; "-" for none. */
const char *cluster_ids(struct cli *c, const int32_t *ids, int32_t count);
bool cluster_has_id(const int32_t *ids, int32_t count, int32_t id);

#endif
