/* SPDX-License-Identifier: Apache-2.0 */
/* offset_delete.c - OffsetDelete (47, KIP-496): the coordinator answers when the tombstones are
 * durable. */
#include "broker/api/table.h"
#include "broker/broker.h"

static void check(const struct call *c, const struct offset_delete_request *req, int16_t *codes)
{
    size_t n = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct offset_delete_request_topic *ask = &req->topics[i];
        const struct image_topic *t = image_topic(&c->broker->image, ask->name);
        for (int32_t k = 0; k < ask->partitions_n; k++, n++) {
            int32_t index = ask->partitions[k].partition_index;
            codes[n] = t && index >= 0 && index < t->partition_count
                           ? KAFKA_NONE
                           : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
}

void handle_offset_delete(struct call *c)
{
    struct broker *b = c->broker;
    const struct offset_delete_request *req = c->request;
    size_t count = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        count += (size_t)req->topics[i].partitions_n;
    }
    int16_t *codes = arena_array(&c->arena, count, sizeof(*codes));
    if (!codes) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    check(c, req, codes);
    coordinator_offset_delete(b->groups.coordinator, req, codes, c);
    groups_run(b);
}
