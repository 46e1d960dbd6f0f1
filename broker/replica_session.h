/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_session.h - what a fetcher asks its leader for: the replicas of one leader, and the fetch
 * session that remembers them there (KIP-227). Private to replica_fetcher.c.
 */
#ifndef LOGBOOM_BROKER_REPLICA_SESSION_H
#define LOGBOOM_BROKER_REPLICA_SESSION_H

#include "broker/replica/follower.h"
#include "broker/replica/producer_state.h"
#include "protocol/base/arena.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/wire/messages.h"

struct broker;
struct partition;
struct peer;
struct replica_fetcher;

enum { REPLICA_REQUEST_BYTES_MAX = 64 << 20 };

/* A partition that follows. */
struct replica {
    struct list_node link;   /* in the fetcher's replicas */
    struct list_node change; /* in the session's changed or waiting, or alone */
    struct partition *partition;
    struct replica_fetcher *fetcher;
    struct follower follower;
    bool in_session;     /* the leader has it in the session */
    bool is_behind;      /* the leader's high watermark is above its end, as far as is known */
    bool is_unsynced;    /* its log has more than the disk */
    bool is_asking;      /* where the leader's log lies */
    int64_t asked_start; /* its first offset */
    struct follower_step restart; /* what waits for the leader's producers */
    /* what the leader was told last */
    uint64_t sent_request; /* its number; 0 none */
    int64_t sent_offset;
};

struct replica_forgotten {
    struct uuid topic_id;
    int32_t partition;
};

struct replica_session {
    int32_t id, epoch;        /* id 0: the next request is a full one */
    bool broken;              /* answers under way belong to a session that is no more */
    struct list_node changed; /* of struct replica: to be told */
    struct list_node waiting; /* of struct replica: backing off, or asking */
    struct replica_forgotten *forgotten;
    uint32_t forgotten_count, forgotten_cap;
};

struct replica_fetcher {
    struct list_node link; /* in b->fetchers */
    struct broker *broker;
    int32_t leader;
    uint32_t index; /* of num.replica.fetchers */
    struct peer *peer;
    struct list_node replicas; /* of struct replica */
    struct replica_session session;
    struct timer retry;
    uint64_t not_before_ns;
    uint32_t in_flight;
    uint64_t sent, answered; /* requests */
    int32_t unsynced;        /* replicas with is_unsynced */
    bool taking;             /* an answer is being taken in */
    bool starts_moved;       /* some logs shall begin later */
};

void replica_session_init(struct replica_session *s);
void replica_session_deinit(struct replica_session *s);
/* The next request is a full one. */
void replica_session_reset(struct replica_fetcher *f);
/* The replica is new, its log has moved, or it waits: it is told in the next request, or left out
 * of it. */
void replica_session_changed(struct replica_session *s, struct replica *r);
/* The replica is about to go. */
void replica_session_forget(struct replica_session *s, struct replica *r);
/* The leader has answered and keeps this session (0: none). */
void replica_session_answered(struct replica_session *s, int32_t id);
/* Whether the answer being taken in was made for where the replica's log is now. */
bool replica_session_is_current(const struct replica *r);
/* Those whose time has come are told again; asks for offsets where that is wanted. When the next
 * one's time comes; UINT64_MAX for never. */
uint64_t replica_session_wake(struct replica_fetcher *f, uint64_t now_ns);
bool replica_session_has_news(const struct replica_session *s);
/* Builds the next request in the arena and counts it as sent; false when there is nothing to ask
 * for. */
bool replica_session_request(struct replica_fetcher *f, struct arena *arena,
                             struct fetch_request *ret_req);

/* Asks the leader for its first and last offset, and for its producers where the own log must begin
 * anew (replica_place.c); then replica_placed() comes. */
void replica_ask_offsets(struct replica *r);
/* What the answers ask for (NULL: there was none, it is asked again), and of a restart the leader's
 * producers from before it (replica_fetcher.c). */
void replica_placed(struct replica *r, const struct follower_step *step,
                    const struct producer_state *known);

#endif
