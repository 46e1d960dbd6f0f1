/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_topics.h - topics come and go under the same few names. Every image that a node ever has is
 * looked at: a deleted topic never comes back, and none goes that nobody wanted to delete. Records
 * carry the id of the topic that they were sent to: a log has those of its own only.
 */
#ifndef LOGBOOM_TESTS_SIM_TOPICS_H
#define LOGBOOM_TESTS_SIM_TOPICS_H

#include "protocol/wire/record_batch.h"
#include "tests/sim/sim_node.h"

enum { SIM_LIVES_MAX = 64, SIM_LIFE_RECORDS_MAX = 64, SIM_LIFE_NAMES = 2 };

/* A topic from its creation to its end. */
struct sim_life {
    struct uuid id;
    char name[32];
    int64_t first, last; /* image offsets at which it was seen */
    int64_t gone;        /* the lowest one without it; -1: none */
    bool asked;          /* somebody wanted it deleted */
    struct sim_life_record {
        int32_t partition;
        int64_t offset;
        uint32_t number;
    } records[SIM_LIFE_RECORDS_MAX]; /* acknowledged */
    uint32_t record_count;
};

struct sim_topics {
    struct sim_world *world;
    struct sim_life lives[SIM_LIVES_MAX];
    uint32_t count;
    bool doubtful[SIM_LIFE_NAMES]; /* a deletion by this name may still be on its way */
    int64_t image_offsets[16];     /* of the last image that was looked at, by node */
};

const char *sim_life_name(uint32_t at);
void sim_topics_init(struct sim_topics *ts, struct sim_world *w);
/* After an event on this node. */
void sim_topics_inspect(struct sim_topics *ts, uint32_t at, const struct sim_node *n);
/* Somebody asks to delete what has this name, or this life. */
void sim_topics_delete(struct sim_topics *ts, uint32_t name);
void sim_topics_deleted(struct sim_topics *ts, uint32_t name, bool known);
/* The value that a record has. */
void sim_life_value(const struct sim_life *life, uint32_t number, struct buf *out);
/* When all has come to rest: every log of the node has the records of its own topic, and what was
 * acknowledged. */
void sim_topics_check_logs(const struct sim_topics *ts, const struct sim_node *n);

#endif
