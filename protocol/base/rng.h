/* SPDX-License-Identifier: Apache-2.0 */
/* rng.h - a seeded generator (xoshiro256**, Blackman and Vigna 2018) for jitter, ids and the
 * simulator. Not for secrets. */
#ifndef LOGBOOM_BASE_RNG_H
#define LOGBOOM_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);

#endif
