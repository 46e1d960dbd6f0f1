/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_ids.h - ids of idempotent producers, never one twice in a cluster: this broker hands
 * them out of blocks that it gets from the active controller, the next one before it needs it.
 * Source: KIP-730.
 */
#ifndef LOGBOOM_BROKER_PRODUCER_IDS_H
#define LOGBOOM_BROKER_PRODUCER_IDS_H

#include "protocol/base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;

enum { PRODUCER_ID_BLOCK = 1000 };

/* Somebody who wants an id. Embedded in its owner. */
struct producer_id_wait {
    struct list_node link;
    /* -1: none could be had now. */
    void (*done)(struct producer_id_wait *w, int64_t producer_id);
};

struct producer_ids {
    int64_t next, end;             /* of the block in use */
    int64_t spare_next, spare_end; /* of the one behind it */
    bool asking;
    struct list_node waits; /* of struct producer_id_wait */
};

void producer_ids_init(struct broker *b);
/* Those who wait are told nothing. */
void producer_ids_deinit(struct broker *b);
/* done() comes at once, or when the controller has answered. */
void producer_ids_take(struct broker *b, struct producer_id_wait *w);
void producer_ids_cancel(struct producer_id_wait *w);

#endif
