/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_duties.h - what the active controller does unasked: it begins an empty cluster, fences
 * brokers whose session is over, finds leaders for partitions without one, gives the lead back to
 * preferred replicas, and writes a no-op now and then so that followers know that the metadata is
 * fresh. Source: KIP-631, KIP-835 (no-op records).
 */
#ifndef LOGBOOM_BROKER_CONTROLLER_DUTIES_H
#define LOGBOOM_BROKER_CONTROLLER_DUTIES_H

#include "broker/controller/broker_changes.h"
#include "broker/controller/heartbeats.h"
#include "broker/controller_node.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"

struct broker;
struct connection;

enum duty_kind { DUTY_BEGIN, DUTY_FENCE, DUTY_LEADERLESS, DUTY_BALANCE, DUTY_IDLE, DUTY_KINDS };

struct duty {
    struct metadata_op op;
    enum duty_kind kind;
    bool queued, again; /* again: there was more than one batch holds */
    int32_t broker_id;  /* to be fenced */
    struct timer timer; /* when it is due */
};

struct controller_duties {
    bool active;
    struct heartbeats heartbeats; /* only while active */
    struct duty duties[DUTY_KINDS];
    int64_t idle_offset;   /* image.end_offset at the last look */
    uint64_t timer_due_ns; /* when the session timer was to fire */
};

void controller_duties_init(struct broker *b);
void controller_duties_deinit(struct broker *b);
/* Looks whether this node is the active controller now, and begins or ends; after anything was
 * applied, and when the role changes. */
void controller_duties_run(struct broker *b);
/* After image_apply(). */
void controller_duties_applied(struct broker *b, const struct image_change *change);

/* Whether heartbeats and changes are served here. */
bool controller_is_active(const struct broker *b);
/* What topics fall back on here. */
struct change_policy controller_policy(const struct broker *b);
/* The records that make min.insync.replicas the cluster's; when eligible leader replicas are kept,
 * or shall be. */
void controller_share_min_isr(const struct broker *b, struct metadata_records *out);
/* The code of a change that did not come about. */
enum kafka_error controller_error(enum err status);
/* A heartbeat came over this connection (NULL: from this process). */
void controller_heard(struct broker *b, int32_t broker_id, int64_t metadata_offset,
                      struct connection *conn);
/* A connection over which heartbeats came was lost: when the broker's listener refuses another one,
 * its process is gone, and it is fenced at once. */
void controller_connection_lost(struct broker *b, int32_t broker_id);
/* Nobody listens where this registration did: its session is over. */
void controller_broker_gone(struct broker *b, int32_t broker_id, int64_t broker_epoch);

#endif
