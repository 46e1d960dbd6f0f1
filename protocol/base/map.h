/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.h - a hash map from bytes to pointers that is walked in the order of insertion.
 * Keys are copied; values stay the caller's. A zeroed struct map is a valid empty one. The walk
 * does not depend on hashes or addresses, so that runs are deterministic. The hash is keyed by
 * `seed`: a daemon sets it at random, where keys come from outside.
 */
#ifndef LOGBOOM_BASE_MAP_H
#define LOGBOOM_BASE_MAP_H

#include "protocol/base/slice.h"

struct map_entry {
    uint8_t *key; /* NULL: removed */
    uint32_t key_len;
    uint32_t hash;
    void *value;
};

struct map {
    struct map_entry *entries; /* dense, in the order of insertion, with holes */
    uint32_t *slots;           /* index + 1 into entries, 0 empty */
    uint32_t count;            /* live entries */
    uint32_t used;             /* entries, holes included */
    uint32_t slot_count;       /* a power of two */
    uint64_t seed;
};

void map_deinit(struct map *m);
/* Sets the value of a key; returns the old value or NULL. value must not be NULL. */
void *map_put(struct map *m, struct slice key, void *value);
/* NULL when absent. */
void *map_get(const struct map *m, struct slice key);
/* Takes the entry out and returns its value; NULL when absent. */
void *map_remove(struct map *m, struct slice key);
/* The next live value at or after *cursor (start at 0), its key in *ret_key when that is not NULL;
 * NULL at the end. The entry just returned may be removed during the walk; nothing may be put. */
void *map_next(const struct map *m, uint32_t *cursor, struct slice *ret_key);

/* Keys that are numbers. */
static inline struct slice map_key_u64(const uint64_t *key)
{
    return slice_of(key, sizeof(*key));
}

/* The hash that the map uses (an xxh64-like mix); stable across runs for one seed. */
uint64_t map_hash(struct slice key, uint64_t seed);

#endif
