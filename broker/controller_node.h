/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_node.h - the active controller: changes of the metadata, one after the other.
 * Only the quorum's leader is active; everywhere else a change is refused with ERR_AGAIN.
 */
#ifndef LOGBOOM_BROKER_CONTROLLER_NODE_H
#define LOGBOOM_BROKER_CONTROLLER_NODE_H

#include "broker/controller/changes.h"
#include "broker/quorum.h"

struct broker;

/* A change under way. One runs at a time, so that prepare() sees the image that its records will be
 * applied to. Embedded in its owner, which lives until done(). */
struct metadata_op {
    struct list_node link;
    struct broker *broker;
    /* Adds the records. None is fine: done() follows at once. */
    void (*prepare)(struct metadata_op *op, struct metadata_records *out);
    /* ERR_OK: they are committed and in the image. ERR_AGAIN: this node is not the active
     * controller, or was not until the end. */
    void (*done)(struct metadata_op *op, enum err status);
};

struct controller_node {
    struct list_node queue; /* of struct metadata_op */
    struct metadata_op *running;
    struct metadata_records records; /* of the running one */
    struct quorum_proposal proposal;
    bool in_queue_run;
};

void controller_node_init(struct broker *b);
void controller_node_deinit(struct broker *b);
/* Queues a change; prepare() and done() come later, or at once when nothing is under way. */
void metadata_submit(struct broker *b, struct metadata_op *op);
/* Goes on with the queue; called by the quorum after records were applied or the role changed. True
 * when something was done. */
bool controller_node_run(struct broker *b);
bool controller_node_is_idle(const struct broker *b);

#endif
