/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus.h - a strict reader of the Prometheus text format 0.0.4, stricter than the format:
 * every family has HELP and TYPE, in this order, once, and all its samples in one run behind them.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_PROMETHEUS_H
#define LOGBOOM_TESTS_SUPPORT_PROMETHEUS_H

#include "protocol/base/slice.h"

/* NULL when the text is right; otherwise what is wrong, with the line, in ret_why. */
const char *prometheus_check(struct slice text, char ret_why[256]);

#endif
