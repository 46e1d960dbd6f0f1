/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency.h - a histogram of latencies in microseconds, 64 buckets to each power of two: a
 * quantile is told at most a 64th too high.
 */
#ifndef LOGBOOM_TESTS_LATENCY_H
#define LOGBOOM_TESTS_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum { LATENCY_PARTS = 64, LATENCY_BUCKETS = 64 * LATENCY_PARTS };

struct latency {
    uint64_t counts[LATENCY_BUCKETS], total, max;
};

static inline size_t latency_bucket(uint64_t us)
{
    unsigned power = us < 2 * LATENCY_PARTS ? 0 : 63u - (unsigned)__builtin_clzll(us) - 6;
    return (size_t)power * LATENCY_PARTS + (size_t)(us >> power);
}

static inline uint64_t latency_bucket_end(size_t bucket)
{
    if (bucket < 2 * LATENCY_PARTS) {
        return bucket;
    }
    size_t power = bucket / LATENCY_PARTS - 1, part = bucket % LATENCY_PARTS + LATENCY_PARTS;
    return ((uint64_t)(part + 1) << power) - 1;
}

static inline void latency_add(struct latency *l, uint64_t us)
{
    l->counts[latency_bucket(us)]++;
    l->total++;
    l->max = us > l->max ? us : l->max;
}

/* q from 0 to 1; 0 when nothing was added. */
static inline double latency_ms(const struct latency *l, double q)
{
    uint64_t want = (uint64_t)((double)l->total * q), seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += l->counts[i];
        if (seen > want) {
            uint64_t end = latency_bucket_end(i);
            return (double)(end < l->max ? end : l->max) / 1000;
        }
    }
    return (double)l->max / 1000;
}

#endif
