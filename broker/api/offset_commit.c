/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_commit.c - OffsetCommit (8): topics by name or by id (v10), and only of partitions that
 * exist; the coordinator answers when the offsets are durable.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

/* Gives each topic its other name, and each partition that does not exist its code. */
static size_t resolve(const struct call *c, struct offset_commit_request *req, int16_t *codes)
{
    const struct image *img = &c->broker->image;
    size_t n = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        struct offset_commit_request_topic *ask = &req->topics[i];
        const struct image_topic *t =
            c->version >= 10 ? image_topic_by_id(img, &ask->topic_id) : image_topic(img, ask->name);
        if (c->version >= 10) {
            ask->name = t ? slice_str(t->name) : slice_null();
        } else if (t) {
            ask->topic_id = t->id;
        }
        for (int32_t k = 0; k < ask->partitions_n; k++, n++) {
            int32_t index = ask->partitions[k].partition_index;
            bool known = t && index >= 0 && index < t->partition_count;
            if (codes && !known && (t || c->version < 10)) {
                codes[n] = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            }
        }
    }
    return n;
}

void handle_offset_commit(struct call *c)
{
    struct broker *b = c->broker;
    struct offset_commit_request *req = c->request;
    int16_t *codes = arena_array(&c->arena, resolve(c, req, NULL), sizeof(*codes));
    if (!codes) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    resolve(c, req, codes);
    coordinator_offset_commit(b->groups.coordinator, broker_now(b), req, c->version, codes, c);
    groups_run(b);
}
