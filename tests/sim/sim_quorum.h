/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_quorum.h - Raft's and KRaft's own promises, by looking into the nodes: what Kafka's
 * RaftEventSimulationTest checks, and that every node makes the same image of the same records.
 */
#ifndef LOGBOOM_TESTS_SIM_QUORUM_H
#define LOGBOOM_TESTS_SIM_QUORUM_H

#include "protocol/base/map.h"
#include "tests/sim/sim_node.h"

enum { SIM_QUORUM_NODES_MAX = 8 };

/* What all nodes together have shown. */
struct sim_quorum {
    struct sim_world *world;
    struct map leaders;     /* epoch -> node id + 1 */
    struct map batches;     /* base offset of a committed batch -> its mark */
    struct map images;      /* end offset -> digest of the image */
    struct map assignments; /* topic id, partition -> its replicas in its newest epoch */
    int64_t committed;      /* the highest high watermark of all */
    struct sim_quorum_node {
        int32_t epoch;          /* of this run and of those before: never falls */
        int64_t high_watermark; /* of this run */
        int64_t checked;        /* below it the committed batches were compared */
        int64_t synced;         /* as of now, or when the node went down */
        int64_t image_offset;
        uint64_t run; /* node->starts */
    } nodes[SIM_QUORUM_NODES_MAX];
    uint32_t node_count;
    uint64_t elections; /* leaders seen */
};

void sim_quorum_init(struct sim_quorum *q, struct sim_world *w, uint32_t node_count);
void sim_quorum_deinit(struct sim_quorum *q);
/* After an event on the node at this place. */
void sim_quorum_inspect(struct sim_quorum *q, uint32_t at, struct sim_node *n);

#endif
