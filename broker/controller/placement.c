/* SPDX-License-Identifier: Apache-2.0 */
/* placement.c - see placement.h. Driven by changes.c. */
#include "broker/controller/placement.h"

#include <assert.h>

enum err placement_brokers(const struct image *img, struct arena *arena, int32_t **ret_ids,
                           int32_t *ret_count)
{
    int32_t *ids = arena_array(arena, img->brokers.count, sizeof(*ids));
    if (!ids) {
        return ERR_LIMIT;
    }
    int32_t count = 0;
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        if (!b->fenced) {
            ids[count++] = b->id;
        }
    }
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}

void placement_replicas(const int32_t *brokers, int32_t broker_count, int32_t replication,
                        uint64_t start, int32_t index, int32_t *ret_replicas)
{
    assert(replication >= 1 && replication <= broker_count);
    for (int32_t i = 0; i < replication; i++) {
        uint64_t place = start + (uint64_t)index + (uint64_t)i;
        ret_replicas[i] = brokers[place % (uint64_t)broker_count];
    }
}
