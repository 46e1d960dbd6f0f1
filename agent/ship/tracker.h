/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.h - how far a file's lines are acknowledged, whatever partitions they went to. The lines
 * in flight are kept as runs to one lane (topic and partition); in the usual case, one partition a
 * file, there is one run. Position: the offset to resume from when this line and all before it are
 * safe.
 */
#ifndef LOGBOOM_AGENT_SHIP_TRACKER_H
#define LOGBOOM_AGENT_SHIP_TRACKER_H

#include "protocol/base/list.h"

#include <stdint.h>

struct tracker;

/* Lines that went to one lane one after the other. What an output hands back on acknowledgement. */
struct tracker_run {
    struct list_node node;
    struct tracker *tracker;
    const void *topic;
    int32_t partition;
    uint32_t left;     /* lines not yet acknowledged */
    uint64_t acked_to; /* position behind the last acknowledged one */
};

struct tracker {
    struct list_node runs; /* in the order of the file */
    struct tracker_run *spare;
    uint64_t committed;   /* safe to resume from */
    uint64_t outstanding; /* lines in flight */
    /* Called at every acknowledgement. */
    void (*acked)(struct tracker *t);
    bool frozen; /* the output gave lines back: committed stays until they were read again */
};

void tracker_init(struct tracker *t, uint64_t committed, void (*acked)(struct tracker *t));
/* Nothing may be in flight. */
void tracker_deinit(struct tracker *t);
/* The run that a line to this lane joins. */
struct tracker_run *tracker_run_for(struct tracker *t, const void *topic, int32_t partition);
/* The line was taken by the output. */
void tracker_sent(struct tracker_run *run);
/* `lines` lines of the run are acknowledged, position is that of the last of them. May free the
 * run. */
void tracker_acked(struct tracker_run *run, uint32_t lines, uint64_t position);
/* As tracker_acked(), but the lines are not safe: committed is frozen, and once nothing is
 * outstanding the owner reads again from there, after tracker_thaw(). */
void tracker_returned(struct tracker_run *run, uint32_t lines);
void tracker_thaw(struct tracker *t);
/* One line of the run goes again, behind others that were sent after it: it gets a run of its own
 * in front of the run, so that committed waits for it. */
struct tracker_run *tracker_detach(struct tracker_run *run);

#endif
