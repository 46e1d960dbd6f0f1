/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.c - full jitter, as in "Exponential Backoff And Jitter" (M. Brooker, 2015): many clients
 * that failed together come back spread over the whole interval. Pure; driven by the sinks'
 * delivery and the dead letters.
 *   (R1) the delay is never 0, so that a dead server is not asked in a busy loop.
 */
#include "connectors/retry.h"

uint64_t retry_delay_ns(const struct retry_policy *p, uint32_t attempt, uint64_t random)
{
    uint64_t ceiling = p->init_ns ? p->init_ns : 1;
    for (uint32_t i = 0; i < attempt && ceiling < p->max_ns; i++) {
        ceiling *= 2;
    }
    if (ceiling > p->max_ns) {
        ceiling = p->max_ns;
    }
    uint64_t floor = p->init_ns / 1000 + 1;
    uint64_t delay = ceiling ? random % ceiling : 0;
    return delay < floor ? floor : delay;
}

uint64_t retry_after_ns(const struct retry_policy *p, uint64_t asked_ns)
{
    uint64_t floor = p->init_ns / 1000 + 1;
    uint64_t delay = asked_ns < p->max_ns ? asked_ns : p->max_ns;
    return delay < floor ? floor : delay;
}
