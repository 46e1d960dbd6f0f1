/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr_keeper.h - asks the controller for other ISRs (AlterPartition, KIP-497) of the partitions
 * that this node leads: who has caught up comes in, who lags for replica.lag.time.max.ms goes
 * out, as does who is silent for broker.session.timeout.ms while enough others are in sync.
 * When to ask, and what an answer means, is decided by the pure machine (broker/replica/isr.h).
 */
#ifndef LOGBOOM_BROKER_ISR_KEEPER_H
#define LOGBOOM_BROKER_ISR_KEEPER_H

#include "protocol/base/list.h"
#include "protocol/daemon/env.h"

struct broker;
struct partition;

struct isr_keeper {
    struct list_node due;     /* of struct partition: to be looked at */
    struct isr_request *sent; /* under way; NULL: none */
    struct timer look;        /* the end of this turn, or when a wait for a follower ends */
    uint64_t look_ns;         /* when it is armed: for then */
    struct timer check;       /* for those that lag: half of replica.lag.time.max.ms */
    struct timer glance;      /* for those that are silent: a tenth of a broker's session */
    uint64_t glance_ns;       /* when it was to fire */
};

void isr_keeper_init(struct broker *b);
void isr_keeper_deinit(struct broker *b);
/* Something has changed that may call for another ISR: the partition is looked at with the end of
 * this turn. */
void isr_keeper_look(struct broker *b, struct partition *p);
/* This node leads a partition with followers. */
void isr_keeper_watch(struct broker *b);
/* The high watermark waits until then for a follower that is about to join. */
void isr_keeper_look_at(struct broker *b, struct partition *p, uint64_t at_ns);

#endif
