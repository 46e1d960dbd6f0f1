/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heartbeats.h - when each broker was last heard, and what it may do next.
 * Pure; soft state of the active controller only: it begins with every broker just heard. Time
 * comes in. Source: KIP-631, Kafka's BrokerHeartbeatManager.
 */
#ifndef LOGBOOM_CONTROLLER_HEARTBEATS_H
#define LOGBOOM_CONTROLLER_HEARTBEATS_H

#include "broker/controller/image.h"

struct heartbeats {
    struct map brokers; /* of struct heartbeat, by id */
    uint64_t session_ns;
};

/* What a broker is told by the reply to its heartbeat. */
enum broker_control_state {
    BROKER_CONTROL_FENCED,
    BROKER_CONTROL_UNFENCED,
    BROKER_CONTROL_SHUTTING_DOWN, /* its leaders are moving away */
    BROKER_CONTROL_SHUTDOWN_NOW,
};

/* What a broker says. */
struct heartbeat_wish {
    int64_t metadata_offset;
    bool want_fence, want_shutdown;
};

void heartbeats_init(struct heartbeats *h, uint64_t session_ns);
void heartbeats_deinit(struct heartbeats *h);
/* Takes over the brokers of the image, all heard now. */
void heartbeats_begin(struct heartbeats *h, const struct image *img, uint64_t now_ns);
/* The image says this of the broker now (it may be gone): follows. Another incarnation is heard
 * from now on. */
void heartbeats_follow(struct heartbeats *h, const struct image *img, int32_t broker_id,
                       uint64_t now_ns);
/* A heartbeat came. */
void heartbeats_touch(struct heartbeats *h, int32_t broker_id, int64_t metadata_offset,
                      uint64_t now_ns);
/* What heartbeats_begin() could not know: nothing was heard of the broker since then. */
void heartbeats_silent_since(struct heartbeats *h, int32_t broker_id, uint64_t heard_ns);
/* As if it had been heard, but for what it says. */
void heartbeats_extend(struct heartbeats *h, int32_t broker_id, uint64_t now_ns);
/* The session ends at once: somebody knows that the broker is gone. */
void heartbeats_expire(struct heartbeats *h, int32_t broker_id);
/* Everybody gets a whole session from now: the controller itself was not running. */
void heartbeats_forgive(struct heartbeats *h, uint64_t now_ns);
/* It is unfenced and was heard within the session time. */
bool heartbeats_has_session(const struct heartbeats *h, int32_t broker_id, uint64_t now_ns);
/* An unfenced broker whose session is over, the one heard least lately; -1 for none. */
int32_t heartbeats_overdue(const struct heartbeats *h, uint64_t now_ns);
/* When the next session ends; UINT64_MAX for never. */
uint64_t heartbeats_deadline_ns(const struct heartbeats *h);
/* The records that move its leaders away end at this offset of the metadata log. */
void heartbeats_shutdown_offset(struct heartbeats *h, int32_t broker_id, int64_t offset);
/* What the broker is, and shall be after this heartbeat. leads: it leads partitions. The broker
 * must be in the image. */
void heartbeats_decide(const struct heartbeats *h, const struct image *img, int32_t broker_id,
                       const struct heartbeat_wish *wish, bool leads,
                       enum broker_control_state *ret_now, enum broker_control_state *ret_next);

#endif
