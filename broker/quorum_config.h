/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_config.h - who the node is in the quorum: its roles, the fixed voters or the servers to
 * ask, and which of its listeners are for controllers. Sources: KIP-595, KIP-853.
 */
#ifndef LOGBOOM_BROKER_QUORUM_CONFIG_H
#define LOGBOOM_BROKER_QUORUM_CONFIG_H

#include "broker/broker_config.h"

/* An entry of controller.quorum.voters, or of controller.quorum.bootstrap.servers (id -1). */
struct quorum_server {
    int32_t id;
    char *host;
    uint16_t port;
};

enum { QUORUM_LISTENERS_MAX = 32 };

struct quorum_config {
    bool broker, controller; /* process.roles */
    struct quorum_server *voters;
    uint32_t voter_count;
    struct quorum_server *bootstrap;
    uint32_t bootstrap_count;
};

/* Parses and checks what belongs together. Strings and arrays live in the arena. */
enum err quorum_config_parse(const struct broker_config *config, struct arena *arena,
                             struct quorum_config *ret_quorum, struct error *err);
/* Whether a listener of this name is a controllers' one. */
bool quorum_config_is_controller_listener(const struct broker_config *config, struct slice name);
/* Whether somebody else is named: a voter of another id, or a server that is none of `own`, the
 * node's own addresses. Such a node is one of a cluster, and its directories are not formatted
 * without being asked to. */
bool quorum_config_has_peers(const struct quorum_config *quorum, int32_t node_id,
                             const struct quorum_server *own, uint32_t own_count);

#endif
