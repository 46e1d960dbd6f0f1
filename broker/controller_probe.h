/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_probe.h - whether a broker's process is gone, sooner than its session tells: the
 * controller connects to its listener, and a refusal means that nobody listens there any more.
 * Source: decision 0055.
 */
#ifndef LOGBOOM_BROKER_CONTROLLER_PROBE_H
#define LOGBOOM_BROKER_CONTROLLER_PROBE_H

#include "protocol/base/list.h"

#include <stdint.h>

struct broker;

struct controller_probes {
    struct list_node all; /* those under way */
};

void controller_probes_init(struct broker *b);
void controller_probes_deinit(struct broker *b);
/* Probes the broker, unless that is being done. Only a refusal has a consequence: its session ends
 * (controller_broker_gone()). */
void controller_probe(struct broker *b, int32_t broker_id);

#endif
