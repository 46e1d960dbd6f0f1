/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_changes.h - the cluster is changed while everything else goes on: settings, partitions,
 * reassignments, elections, deletions, nodes and voters, topics that come and go. An
 * administrator's client asks for one change at a time through Kafka's APIs; an answer that tells
 * of success is a promise, and checked as one.
 */
#ifndef LOGBOOM_TESTS_SIM_CHANGES_H
#define LOGBOOM_TESTS_SIM_CHANGES_H

#include "tests/sim/sim_workload.h"

enum sim_change {
    SIM_CHANGE_TOPIC_SETTING,
    SIM_CHANGE_BROKER_SETTING,
    SIM_CHANGE_PARTITIONS,
    SIM_CHANGE_REASSIGN,
    SIM_CHANGE_CANCEL,
    SIM_CHANGE_DELETE_RECORDS,
    SIM_CHANGE_ELECT,
    SIM_CHANGE_ADD_NODE,
    SIM_CHANGE_VOTERS,
    SIM_CHANGE_TOPICS,
    SIM_CHANGE_COUNT,
};

enum { SIM_REPLICAS_MAX = 8 };

struct sim_changes_options {
    uint32_t kinds; /* a bit each; 0: nothing is changed */
    uint64_t interval_ns;
};

struct sim_cluster;

struct sim_changes {
    struct sim_cluster *cluster;
    struct sim_changes_options options;
    struct sim_client client;
    bool busy, over;
    uint64_t asked, promised;
    /* What is under way. */
    enum sim_change kind;
    uint32_t place;  /* in the ledger, or of a topic that comes and goes */
    uint32_t number; /* of the last record sent to one of those */
    struct batch_builder batch;
    int32_t wanted; /* partitions */
    /* What was asked for and promised, by place in the ledger; count 0: nothing is known. */
    struct sim_target {
        int32_t replicas[SIM_REPLICAS_MAX];
        int32_t count;
    } asked_target, targets[SIM_PARTITIONS_MAX];
};

void sim_changes_start(struct sim_changes *ch, struct sim_cluster *c);
/* Nothing new is asked for. */
void sim_changes_end(struct sim_changes *ch);
void sim_changes_deinit(struct sim_changes *ch);
/* Every promise has come true in the image of this node; otherwise false and a word on it. */
struct image;
bool sim_changes_are_done(const struct sim_changes *ch, const struct image *img, char *ret_why,
                          size_t why_size);
const char *sim_change_name(enum sim_change kind);

/* For the kinds of changes. */
void sim_changes_ask(struct sim_changes *ch, int32_t node, const struct schema *schema,
                     const void *request, client_done *done);
void sim_changes_answered(struct sim_changes *ch, enum err err, int16_t code);
/* sim_lives.c: a topic is made, filled or deleted. */
void sim_changes_topics(struct sim_changes *ch);

#endif
