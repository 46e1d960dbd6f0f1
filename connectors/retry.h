/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - how long to wait before the next attempt: exponential back-off with full jitter.
 * Pure: the random number comes in. There is no last attempt.
 */
#ifndef LOGBOOM_CONNECTORS_RETRY_H
#define LOGBOOM_CONNECTORS_RETRY_H

#include <stdint.h>

struct retry_policy {
    uint64_t init_ns;
    uint64_t max_ns;
};

/* Uniform in [0, min(max, init * 2^attempt)), at least a thousandth of init; attempt counts from
 * 0. */
uint64_t retry_delay_ns(const struct retry_policy *p, uint32_t attempt, uint64_t random);
/* What a server asked for (Retry-After) wins over the back-off, but never above max. */
uint64_t retry_after_ns(const struct retry_policy *p, uint64_t asked_ns);

#endif
