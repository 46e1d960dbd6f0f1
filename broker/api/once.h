/* SPDX-License-Identifier: Apache-2.0 */
/* once.h - which partitions one request has changed already: a second change would be made from an
 * image that does not have the first. A zeroed set is empty; map_deinit() ends it. */
#ifndef LOGBOOM_BROKER_API_ONCE_H
#define LOGBOOM_BROKER_API_ONCE_H

#include "protocol/base/map.h"
#include "protocol/wire/schema.h"

/* false: it was there already. */
static inline bool once_add(struct map *seen, const struct uuid *topic_id, int32_t index)
{
    static const char there = 0;
    uint8_t key[sizeof(topic_id->bytes) + sizeof(index)];
    memcpy(key, topic_id->bytes, sizeof(topic_id->bytes));
    memcpy(key + sizeof(topic_id->bytes), &index, sizeof(index));
    return map_put(seen, slice_of(key, sizeof(key)), (void *)(uintptr_t)&there) == NULL;
}

#endif
