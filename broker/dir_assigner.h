/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_assigner.h - tells the controller in which log directory a replica lies (KIP-858), where a
 * node has several of them or a new one: so that it knows whose partitions are lost when one disk
 * fails, and which replicas may lead.
 */
#ifndef LOGBOOM_BROKER_DIR_ASSIGNER_H
#define LOGBOOM_BROKER_DIR_ASSIGNER_H

#include "protocol/daemon/env.h"

#include <stdbool.h>

struct broker;
struct partition;

struct dir_assigner {
    struct timer timer; /* the next request */
    bool in_flight;
};

void dir_assigner_init(struct broker *b);
void dir_assigner_deinit(struct broker *b);
/* The partition has a log or a role now: the metadata may have another directory for it. */
void dir_assigner_look(struct broker *b, const struct partition *p);

#endif
