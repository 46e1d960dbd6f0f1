/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.c - see quota.h. Pure; driven by throttle.c.
 *   (Q1) Over any time t, no more than rate * (t + 1 s) and one overshoot is taken.
 */
#include "broker/replica/quota.h"

enum { SECOND_NS = 1000000000, MICROSECOND_NS = 1000, MINUTE_US = 60000000 };

/* Faster than any disk or network: no limit, and products stay in range. */
static const int64_t RATE_MAX = 100000000000;

void quota_set(struct quota *q, int64_t rate, uint64_t now_ns)
{
    *q = (struct quota){ rate < RATE_MAX ? rate : INT64_MAX, 0, now_ns };
}

int64_t quota_room(struct quota *q, uint64_t now_ns)
{
    if (q->rate == INT64_MAX) {
        return INT64_MAX;
    }
    uint64_t us = (now_ns - q->at_ns) / MICROSECOND_NS;
    us = us < MINUTE_US ? us : MINUTE_US;
    int64_t bytes = (int64_t)us * q->rate / (SECOND_NS / MICROSECOND_NS);
    if (bytes > 0) { /* less than a byte: it is counted with the next look */
        q->at_ns = now_ns;
        q->room += bytes;
        q->room = q->room < q->rate ? q->room : q->rate;
    }
    return q->room;
}

void quota_take(struct quota *q, int64_t bytes)
{
    if (q->rate != INT64_MAX) {
        q->room -= bytes;
    }
}

uint64_t quota_ready_ns(const struct quota *q, uint64_t now_ns)
{
    int64_t wanted = q->rate / 10 - q->room;
    if (wanted <= 0) {
        return now_ns + MICROSECOND_NS;
    }
    if (wanted >= q->rate) {
        return now_ns + SECOND_NS;
    }
    return now_ns + MICROSECOND_NS +
           (uint64_t)(wanted * (SECOND_NS / MICROSECOND_NS) / q->rate) * MICROSECOND_NS;
}
