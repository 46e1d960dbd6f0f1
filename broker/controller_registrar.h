/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_registrar.h - tells the active controller what this node, as a controller, supports
 * and where it listens, so that features can be raised and clients can find controllers. Source:
 * KIP-919.
 */
#ifndef LOGBOOM_BROKER_CONTROLLER_REGISTRAR_H
#define LOGBOOM_BROKER_CONTROLLER_REGISTRAR_H

#include "protocol/daemon/env.h"

struct broker;

struct controller_registrar {
    struct timer timer;
    bool in_flight;
    bool told; /* a refusal was logged */
};

void controller_registrar_init(struct broker *b);
/* The image is newer: registers when it does not know this run. Does nothing on a node that is no
 * controller or has no listener for controllers. */
void controller_registrar_applied(struct broker *b);
void controller_registrar_deinit(struct broker *b);

#endif
