/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.h - this node as a broker of its cluster: it registers with the active controller, is
 * told when it has caught up with the metadata, is unfenced, and says by heartbeats that it lives;
 * when it stops, its leaders move away first. Source: KIP-631 (registration, fencing, controlled
 * shutdown), KIP-966 (clean shutdown is told by the previous epoch).
 */
#ifndef LOGBOOM_BROKER_LIFECYCLE_H
#define LOGBOOM_BROKER_LIFECYCLE_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"

struct broker;
struct call;
struct api_row;

enum lifecycle_state {
    LIFECYCLE_NONE,          /* no broker: a controller alone */
    LIFECYCLE_REGISTERING,   /* the controller does not know this run */
    LIFECYCLE_RECOVERY,      /* registered and fenced: catching up with the metadata */
    LIFECYCLE_RUNNING,       /* was unfenced: serves (it may be fenced again meanwhile) */
    LIFECYCLE_SHUTTING_DOWN, /* serves until its leaders have moved */
    LIFECYCLE_STOPPED,
};

struct lifecycle {
    enum lifecycle_state state;
    struct timer timer; /* the next registration or heartbeat */
    bool in_flight;
    bool again;       /* another one as soon as this one is answered */
    bool refused;     /* by the newest answer: what is said in `problem` */
    bool caught_up;   /* so the controller said once, of this registration */
    bool fenced;      /* by the newest heartbeat */
    bool cut_off;     /* no heartbeat was answered within the session: others may lead */
    bool was_served;  /* it has been RUNNING once */
    uint64_t told_ns; /* when the problem was last logged; 0: never */
    uint64_t shutdown_due_ns;
    uint64_t heard_ns;     /* when the controller last answered, while SHUTTING_DOWN */
    uint64_t sent_ns;      /* when the newest heartbeat left */
    uint64_t session_ns;   /* from when on the controller counts the session, at the latest */
    int32_t session_epoch; /* the controller's */
    struct timer session_timer;
    void (*shut_down)(struct broker *b);
    char problem[512];
    struct list_node held; /* of requests that came too early */
    uint32_t held_count;
    struct timer hold_timer;
};

void lifecycle_init(struct broker *b);
/* After the image is loaded. A node that has registered itself (the only voter of its quorum does
 * so while it starts) is RUNNING at once; others begin to register, and b->ready() follows. */
void lifecycle_start(struct broker *b);
/* Records were applied to the image. */
void lifecycle_applied(struct broker *b);
/* Another node may be the controller: it hears of this one at once. */
void lifecycle_new_controller(struct broker *b);
/* Moves this node's leaders away, when there is anybody to take them, for a bounded time; then
 * calls shut_down(b), maybe at once. */
void lifecycle_shut_down(struct broker *b, void (*shut_down)(struct broker *b));
/* No more heartbeats, nothing is held. */
void lifecycle_deinit(struct broker *b);

/* Whether clients' requests may be handled: this run of the node is the broker of its id. */
bool lifecycle_serves(const struct broker *b);
/* A log directory is full, or has room again: the controller is told at once. */
void lifecycle_disk_changed(struct broker *b);
/* Whether the controller may have fenced this node unseen: it was not heard of for
 * broker.session.timeout.ms. A leader of several replicas must not acknowledge then. */
bool lifecycle_is_cut_off(const struct broker *b);
/* Keeps a decoded request until the node serves; one that waits too long is failed. */
void lifecycle_hold(struct call *c, const struct api_row *row);
/* "running", "fenced", "starting: ..."; true when it serves and is not fenced. */
bool lifecycle_describe(const struct broker *b, struct buf *ret_text);

#endif
