/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_rig.h - a producer and a consumer of one partition against scripted brokers, on virtual
 * time: how long does nothing arrive when a broker moves, falls silent or goes? In the end every
 * record is in the log once and in order, and was read once.
 */
#ifndef LOGBOOM_TESTS_PROTOCOL_FLOW_RIG_H
#define LOGBOOM_TESTS_PROTOCOL_FLOW_RIG_H

#include "protocol/client/producer.h"
#include "tests/protocol/consumer_rig.h"

/* A record for partition 0 every few milliseconds, and a consumer of the same log. */
struct flow {
    struct consumer_rig in; /* the cluster, and what is read from it */
    struct client *client;
    struct producer *producer;
    struct producer_topic *topic;
    struct timer tick;
    uint64_t next, delivered;
    uint64_t delivered_ns; /* when something was delivered last */
};

void flow_init(struct flow *f, uint64_t seed);
/* Two seconds of it. */
void flow_start(struct flow *f);
/* Until something that was appended after now has been delivered, and has been read. */
void flow_expect_within(struct flow *f, uint64_t ms);
void flow_move_leader(struct flow *f, int32_t to);
/* Checks the log and what was read. */
void flow_deinit(struct flow *f);

#endif
