/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - bytes to pointers, open addressing over a dense entry array.
 *   (M1) Every live entry is reachable from its hash's slot by linear probing without an empty slot
 *        between; a removed entry keeps its slot until the next rebuild.
 *   (M2) used <= 3/4 slot_count.
 */
#include "protocol/base/map.h"

#include "protocol/base/alloc.h"

#include <assert.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return x;
}

uint64_t map_hash(struct slice key, uint64_t seed)
{
    uint64_t h = mix(seed ^ key.len);
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        uint64_t word;
        memcpy(&word, key.ptr + i, 8);
        h = mix(h ^ word) + seed;
    }
    uint64_t tail = 0;
    if (i < key.len) {
        memcpy(&tail, key.ptr + i, key.len - i);
    }
    return mix(h ^ tail);
}

void map_deinit(struct map *m)
{
    for (uint32_t i = 0; i < m->used; i++) {
        mem_free(m->entries[i].key);
    }
    mem_free(m->entries);
    mem_free(m->slots);
    *m = (struct map){ .seed = m->seed };
}

static void rebuild(struct map *m)
{
    uint32_t slots = 16;
    while (slots / 4 * 3 <= m->count * 2) {
        slots *= 2;
    }
    struct map_entry *entries = mem_array(slots / 4 * 3 + 1, sizeof(*entries));
    uint32_t *index = mem_array(slots, sizeof(*index));
    uint32_t used = 0;
    for (uint32_t i = 0; i < m->used; i++) {
        if (m->entries[i].key) {
            entries[used] = m->entries[i];
            uint32_t at = entries[used].hash & (slots - 1);
            while (index[at]) {
                at = (at + 1) & (slots - 1);
            }
            index[at] = ++used;
        }
    }
    mem_free(m->entries);
    mem_free(m->slots);
    m->entries = entries;
    m->slots = index;
    m->slot_count = slots;
    m->used = used;
}

static struct map_entry *find(const struct map *m, struct slice key, uint32_t hash,
                              uint32_t *ret_slot)
{
    if (!m->slot_count) {
        return NULL;
    }
    uint32_t at = hash & (m->slot_count - 1);
    for (; m->slots[at]; at = (at + 1) & (m->slot_count - 1)) {
        struct map_entry *e = &m->entries[m->slots[at] - 1];
        if (e->key && e->hash == hash && e->key_len == key.len &&
            (key.len == 0 || memcmp(e->key, key.ptr, key.len) == 0)) {
            return e;
        }
    }
    *ret_slot = at;
    return NULL;
}

void *map_put(struct map *m, struct slice key, void *value)
{
    assert(value && key.len < UINT32_MAX);
    uint32_t slot = 0;
    uint32_t hash = (uint32_t)map_hash(key, m->seed);
    struct map_entry *e = find(m, key, hash, &slot);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if (!m->slot_count || m->used + 1 > m->slot_count / 4 * 3) {
        rebuild(m);
        (void)find(m, key, hash, &slot);
    }
    m->entries[m->used] = (struct map_entry){ .key = (uint8_t *)mem_strndup(key.ptr, key.len),
                                              .key_len = (uint32_t)key.len,
                                              .hash = hash,
                                              .value = value };
    m->slots[slot] = ++m->used;
    m->count++;
    return NULL;
}

void *map_get(const struct map *m, struct slice key)
{
    uint32_t slot;
    struct map_entry *e = find(m, key, (uint32_t)map_hash(key, m->seed), &slot);
    return e ? e->value : NULL;
}

void *map_remove(struct map *m, struct slice key)
{
    uint32_t slot;
    struct map_entry *e = find(m, key, (uint32_t)map_hash(key, m->seed), &slot);
    if (!e) {
        return NULL;
    }
    void *value = e->value;
    mem_free(e->key);
    e->key = NULL;
    e->value = NULL;
    m->count--;
    return value;
}

void *map_next(const struct map *m, uint32_t *cursor, struct slice *ret_key)
{
    while (*cursor < m->used) {
        struct map_entry *e = &m->entries[(*cursor)++];
        if (e->key) {
            if (ret_key) {
                *ret_key = slice_of(e->key, e->key_len);
            }
            return e->value;
        }
    }
    return NULL;
}
