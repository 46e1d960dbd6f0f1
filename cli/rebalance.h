/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance.h - what rebalance.c (the plan and its output) and rebalance_run.c (carrying it out)
 * share. Memory: the command's arena.
 */
#ifndef LOGBOOM_CLI_REBALANCE_H
#define LOGBOOM_CLI_REBALANCE_H

#include "cli/cluster.h"
#include "cli/rebalance_plan.h"

/* Sends the plan's changes to the controller, a few at a time, and follows them to their end. */
enum err rebalance_execute(struct cli *c, struct cluster_view *v, const struct plan *p,
                           int64_t throttle_bytes_s, struct error *err);
/* Follows what is being moved to its end, then takes throttles away. */
enum err rebalance_follow(struct cli *c, struct cluster_view *v, struct error *err);
/* Takes back what has not finished. */
enum err rebalance_cancel(struct cli *c, struct cluster_view *v, struct error *err);

#endif
