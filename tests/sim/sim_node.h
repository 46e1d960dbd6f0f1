/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_node.h - a broker on a host with a disk: started, stopped, killed, powered off, started
 * again. The broker is made of the production's objects; this stands where main.c and runtime.c
 * are.
 */
#ifndef LOGBOOM_TESTS_SIM_NODE_H
#define LOGBOOM_TESTS_SIM_NODE_H

#include "broker/broker.h"
#include "broker/format.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_net.h"

enum { SIM_LISTENERS_MAX = 4, SIM_PORT = 9092, SIM_CONTROLLER_PORT = 9093 };

#define SIM_NODE_DIR   "/data"
#define SIM_CLUSTER_ID "c2ltdWxhdGVkLWJyb2tlcg"

enum sim_node_state { SIM_NODE_DOWN, SIM_NODE_UP, SIM_NODE_STOPPING };

struct sim_setting {
    const char *name, *value;
};

struct sim_node {
    struct sim_world *world;
    struct sim_host *host;
    struct sim_disk disk;
    int32_t id;
    enum sim_node_state state;
    struct arena arena; /* of the configuration */
    struct broker_config config;
    struct broker *broker; /* NULL: down */
    struct broker_listener *listeners;
    uint32_t listener_count;
    struct sim_listener sockets[SIM_LISTENERS_MAX];
    struct sim_event end; /* drained, or died inside a call of the disk */
    bool shut_down;       /* it was drained, and could write what a clean start needs */
    bool refused;         /* it cannot join the cluster; why says it */
    struct error why;
    bool power_fails;                             /* what the disk's death is */
    void (*ended)(struct sim_node *n, void *ctx); /* it went down by itself */
    void *ended_ctx;
    uint64_t starts, kills;
};

/* A machine with an empty disk; nothing runs. settings end with a NULL name. */
void sim_node_init(struct sim_node *n, struct sim_world *w, int32_t id, const char *name,
                   const char *address, const struct sim_setting *settings);
/* Formats the disk, for a node of a cluster. */
void sim_node_format(struct sim_node *n, const char *cluster_id);
/* The same for one whose quorum keeps its voters in the log (KIP-853). */
void sim_node_format_quorum(struct sim_node *n, const char *cluster_id, enum format_quorum quorum,
                            const char *initial_controllers);
void sim_node_deinit(struct sim_node *n);
/* Starts the broker; an error leaves the node down. */
enum err sim_node_start(struct sim_node *n, struct error *err);
/* As SIGTERM: it drains, and ended() follows. */
void sim_node_stop(struct sim_node *n);
/* As SIGKILL, or as the end of the power. */
void sim_node_kill(struct sim_node *n, bool power_loss);
/* The node dies in the middle of one of its next changes of the disk; ended() follows. */
void sim_node_kill_soon(struct sim_node *n, uint32_t changes, bool power_loss);

#endif
