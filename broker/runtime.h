/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - what ties a node to one process: listener addresses, sockets, default directories.
 */
#ifndef LOGBOOM_BROKER_RUNTIME_H
#define LOGBOOM_BROKER_RUNTIME_H

#include "broker/broker.h"
#include "protocol/net/loop.h"

/* "PLAINTEXT://host:port" entries of listeners and advertised.listeners as an array in the arena.
 * root, the tree that config was filled from, tells where a wrong one stands. */
enum err runtime_listeners(const struct broker_config *config, const struct yaml_node *root,
                           struct arena *arena, struct broker_listener **ret_listeners,
                           uint32_t *ret_count, struct error *err);
/* Opens the sockets of b->listeners; a port 0 becomes the one that was taken. */
enum err runtime_listen(struct loop *l, struct broker *b, struct error *err);
void runtime_close_listeners(struct broker *b);
/* Where logs go without configuration: $STATE_DIRECTORY, /var/lib/logboom/broker for root, or
 * ~/.local/state/logboom/broker. In the arena. */
const char *runtime_default_dir(struct arena *arena);
/* The machine's own name. In the arena. */
const char *runtime_host_name(struct arena *arena);

#endif
