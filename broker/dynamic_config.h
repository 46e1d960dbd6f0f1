/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamic_config.h - a node's settings while it runs: those of its configuration file, and over
 * them what the metadata say of all nodes and of this one (KIP-226), for the rows that
 * CONFIG_ALTERABLE marks. b->config is always the result. While eligible leader replicas are kept,
 * min.insync.replicas is the metadata's alone (KIP-966): -1 when they have none.
 */
#ifndef LOGBOOM_BROKER_DYNAMIC_CONFIG_H
#define LOGBOOM_BROKER_DYNAMIC_CONFIG_H

#include "broker/broker_config.h"
#include "protocol/base/arena.h"

struct broker;

struct dynamic_config {
    const struct broker_config *start; /* as the node was started */
    struct broker_config now;
    struct arena arenas[2]; /* strings of `now`; topics use the former ones until they are told */
    unsigned arena;
};

/* b->config is as the node was started; `start` outlives the broker. */
void dynamic_config_init(struct broker *b, const struct broker_config *start);
void dynamic_config_deinit(struct broker *b);
/* After the settings of a broker resource or the features were applied to the image: true when
 * b->config is another one. What is set and cannot be carried out together with the rest is left
 * out, with a warning. */
bool dynamic_config_apply(struct broker *b);
/* At start: what the node's configuration says and what does not count. */
void dynamic_config_warn(const struct broker *b);

#endif
