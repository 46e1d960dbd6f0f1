/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_net.h - connections between the hosts of a simulated world, as TCP gives them.
 * Bytes of one direction arrive in order, late, in pieces of any size, or the connection dies; what
 * is lost comes again by retransmission, also after a partition has healed. Connections overtake
 * one another. Who is reset learns it; who is cut off, or whose peer lost its power, does not.
 */
#ifndef LOGBOOM_TESTS_SIM_NET_H
#define LOGBOOM_TESTS_SIM_NET_H

#include "tests/sim/sim_world.h"

/* A listening socket; embedded in its owner. */
struct sim_listener {
    struct list_node node; /* in world->listeners */
    struct sim_host *host;
    uint16_t port;
    const struct stream_events *events;
    void *(*accepted)(void *owner, struct stream *s);
    void *owner;
};

void sim_listen(struct sim_world *w, struct sim_listener *l);
void sim_listener_close(struct sim_listener *l);

/* env's connect. The host is an address of a sim_host; ctx is the connecting one. */
struct stream *sim_net_connect(void *ctx, const char *host, uint16_t port,
                               const struct stream_events *events, void *user);

/* Faults. Blocking lets nothing through in one direction; connections live on. */
void sim_net_block(struct sim_world *w, const struct sim_host *from, const struct sim_host *to,
                   bool blocked);
void sim_net_heal(struct sim_world *w);
/* Nobody is cut off from anybody. */
bool sim_net_is_whole(const struct sim_world *w);
/* Ends one connection (by chance) with resets to both sides; false when there is none. */
bool sim_net_reset_one(struct sim_world *w);
/* From now on nothing of one connection arrives any more, and nobody is told. */
bool sim_net_forget_one(struct sim_world *w);

/* For sim_world.c. */
void sim_net_flush(struct sim_host *h);
void sim_net_bury(struct sim_host *h);
void sim_net_host_died(struct sim_host *h);
void sim_net_deinit(struct sim_world *w);

#endif
