/* SPDX-License-Identifier: Apache-2.0 */
/*
 * placement.c - see placement.h. Driven by changes.c.
 *   (P1) No broker is twice in one placement: a ring gives each of its brokers once a round.
 *   (P2) After as many partitions as there are live brokers everything is shuffled, so that the
 *        same sets of brokers do not come back.
 */
#include "broker/controller/placement.h"

#include <assert.h>
#include <stdlib.h>

enum { PLACEMENT_BYTES_MAX = 4 << 20 };

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    const struct placement_rack *x = a, *y = b;
    if (!x->name || !y->name) {
        return (x->name != NULL) - (y->name != NULL);
    }
    return strcmp(x->name, y->name);
}

static bool is_same_rack(const struct placement_rack *r, const char *name)
{
    return r->name && name ? strcmp(r->name, name) == 0 : r->name == name;
}

/* --- rings ------------------------------------------------------------------------------------ */

/* -1 when everybody was taken in this round. */
static int32_t ring_next(struct placement_ring *r, uint32_t round)
{
    if (r->count == 0) {
        return -1;
    }
    if (r->round != round) {
        r->round = round;
        r->taken = 0;
        r->start = (r->start + 1) % r->count;
    }
    if (r->taken == r->count) {
        return -1;
    }
    return r->ids[(r->taken++ + r->start) % r->count];
}

static void ring_begin(struct placement_ring *r, struct rng *rng)
{
    if (r->count > 0) {
        qsort(r->ids, (size_t)r->count, sizeof(*r->ids), by_id);
        r->start = (int32_t)rng_below(rng, (uint64_t)r->count);
    }
}

static void ring_shuffle(struct placement_ring *r, struct rng *rng)
{
    for (int32_t i = r->count - 1; i > 0; i--) {
        int32_t k = (int32_t)rng_below(rng, (uint64_t)i + 1), id = r->ids[i];
        r->ids[i] = r->ids[k];
        r->ids[k] = id;
    }
}

/* --- racks ------------------------------------------------------------------------------------ */

/* Whether every directory of the broker is closed for new replicas (KIP-1066). */
static bool is_cordoned(const struct image_broker *b)
{
    if (b->cordoned_count < 1 || b->cordoned_count < b->log_dir_count) {
        return false;
    }
    for (int32_t i = 0; i < b->log_dir_count; i++) {
        bool closed = false;
        for (int32_t k = 0; k < b->cordoned_count; k++) {
            closed = closed || uuid_eq(&b->log_dirs[i], &b->cordoned[k]);
        }
        if (!closed) {
            return false;
        }
    }
    return true;
}

static struct placement_rack *rack_of(struct placement *p, const struct image *img,
                                      const char *name)
{
    for (int32_t i = 0; i < p->rack_count; i++) {
        if (is_same_rack(&p->racks[i], name)) {
            return &p->racks[i];
        }
    }
    struct placement_rack *r = &p->racks[p->rack_count];
    r->name = name;
    r->live.ids = arena_array(&p->arena, img->brokers.count, sizeof(int32_t));
    r->fenced.ids = arena_array(&p->arena, img->brokers.count, sizeof(int32_t));
    if (!r->live.ids || !r->fenced.ids) {
        return NULL;
    }
    p->rack_count++;
    return r;
}

static bool add_brokers(struct placement *p, const struct image *img)
{
    uint32_t cursor = 0;
    p->racks = arena_array(&p->arena, img->brokers.count, sizeof(*p->racks));
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        if (is_cordoned(b)) {
            continue;
        }
        struct placement_rack *r = p->racks ? rack_of(p, img, b->rack) : NULL;
        if (!r) {
            return false;
        }
        bool live = !b->fenced && !b->in_controlled_shutdown;
        struct placement_ring *ring = live ? &r->live : &r->fenced;
        ring->ids[ring->count++] = b->id;
        p->live_count += live;
        p->total_count++;
    }
    return true;
}

enum kafka_error placement_init(struct placement *p, const struct image *img, int32_t replication,
                                uint64_t seed, struct error *err)
{
    *p = (struct placement){ 0 };
    arena_init(&p->arena, PLACEMENT_BYTES_MAX);
    rng_seed(&p->rng, seed);
    if (!add_brokers(p, img)) {
        err_set(err, ERR_LIMIT, "There are too many brokers.");
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    if (p->live_count == 0) {
        err_set(err, ERR_INVALID,
                "Unable to replicate the partition %d time(s): All brokers are currently fenced.",
                (int)replication);
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    if (replication > p->total_count) {
        err_set(err, ERR_INVALID,
                "Unable to replicate the partition %d time(s): The target replication factor of %d "
                "cannot be reached because only %d broker(s) are registered.",
                (int)replication, (int)replication, (int)p->total_count);
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    qsort(p->racks, (size_t)p->rack_count, sizeof(*p->racks), by_name);
    for (int32_t i = 0; i < p->rack_count; i++) {
        ring_begin(&p->racks[i].live, &p->rng);
        ring_begin(&p->racks[i].fenced, &p->rng);
    }
    p->start = (int32_t)rng_below(&p->rng, (uint64_t)p->rack_count);
    return KAFKA_NONE;
}

void placement_deinit(struct placement *p)
{
    arena_deinit(&p->arena);
}

static void shuffle(struct placement *p)
{
    for (int32_t i = p->rack_count - 1; i > 0; i--) {
        int32_t k = (int32_t)rng_below(&p->rng, (uint64_t)i + 1);
        struct placement_rack r = p->racks[i];
        p->racks[i] = p->racks[k];
        p->racks[k] = r;
    }
    for (int32_t i = 0; i < p->rack_count; i++) {
        ring_shuffle(&p->racks[i].live, &p->rng);
        ring_shuffle(&p->racks[i].fenced, &p->rng);
    }
}

void placement_next(struct placement *p, int32_t replication, int32_t *ret_replicas)
{
    assert(replication >= 1 && replication <= p->total_count);
    if (p->round > 0 && p->round % (uint32_t)p->live_count == 0 && p->live_count > 1) {
        shuffle(p);
    }
    p->round++; /* never 0: rings begin with that */
    p->start = p->start % p->rack_count;
    int32_t first = p->start, at = p->start;
    while ((ret_replicas[0] = ring_next(&p->racks[first].live, p->round)) < 0) {
        first = (first + 1) % p->rack_count;
    }
    for (int32_t i = 1; i < replication;) {
        struct placement_rack *r = &p->racks[at];
        int32_t id = -1;
        if (at == first) {
            first = -1; /* it has given its first one */
        } else {
            id = ring_next(&r->live, p->round);
            id = id >= 0 ? id : ring_next(&r->fenced, p->round);
        }
        if (id >= 0) {
            ret_replicas[i++] = id;
        }
        at = (at + 1) % p->rack_count;
    }
    p->start++;
}
