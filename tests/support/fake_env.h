/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_env.h - an env without a world: a virtual clock, a seeded generator, and connections in
 * memory. Every run of one seed is the same. Servers are plain callbacks; what travels is delayed,
 * in order, and the pieces a client sends are read only on arrival, so that bytes that change too
 * early are found.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_FAKE_ENV_H
#define LOGBOOM_TESTS_SUPPORT_FAKE_ENV_H

#include "protocol/base/buf.h"
#include "protocol/base/heap.h"
#include "protocol/base/list.h"
#include "protocol/base/rng.h"
#include "protocol/daemon/env.h"

struct fake_conn;

struct fake_server {
    struct list_node node;
    uint16_t port;
    bool down;   /* connections are refused */
    bool silent; /* they are made, and nothing on them is looked at */
    void (*received)(struct fake_server *server, struct fake_conn *conn, struct slice bytes);
};

struct fake_env {
    struct env env; /* what the code under test gets */
    uint64_t now_ns;
    struct heap timers;
    struct rng rng;
    struct list_node servers;
    struct list_node conns;
    uint64_t latency_ns; /* least delay of a message; up to four times that */
};

void fake_env_init(struct fake_env *e, uint64_t seed);
/* Everything that hangs on the env must be gone, connections excepted. */
void fake_env_deinit(struct fake_env *e);
/* Runs what is due next; false when nothing is. */
bool fake_env_step(struct fake_env *e);
/* Steps until the time has come. */
void fake_env_run(struct fake_env *e, uint64_t until_ns);

void fake_server_add(struct fake_env *e, struct fake_server *server);
/* Bytes to the client, in order, after an extra delay. */
void fake_conn_send(struct fake_conn *c, struct slice bytes, uint64_t extra_ns);
/* Ends the connection behind what was sent. */
void fake_conn_close(struct fake_conn *c);
/* What has come and not been used: the server's own to fill and drop. */
struct buf *fake_conn_input(struct fake_conn *c);
/* The server goes down: its connections break at once. */
void fake_server_stop(struct fake_env *e, struct fake_server *server);
/* A silent server wakes up, and finds what has come meanwhile. */
void fake_server_go_on(struct fake_env *e, struct fake_server *server);

#endif
