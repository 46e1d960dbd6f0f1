/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - see create.h. */
#include "broker/api/create.h"

#include <stdio.h>

struct change_placement create_placement(struct broker *b)
{
    return (struct change_placement){ .seed = env_random(b->env) };
}

/* No more replicas than there are nodes: internal topics should not fail on a small cluster. */
static int16_t replication_of_internal(const struct broker *b)
{
    int64_t want = b->config->offsets_topic_replication_factor;
    int64_t nodes = (int64_t)b->image.brokers.count;
    return (int16_t)(want < nodes ? want : nodes);
}

enum kafka_error create_topic_default(struct broker *b, struct slice name, const struct uuid *id,
                                      struct metadata_records *out, struct error *err)
{
    struct change_placement where = create_placement(b);
    struct change_topic topic = {
        .name = name,
        .partitions = (int32_t)b->config->num_partitions,
        .replication = (int16_t)b->config->default_replication_factor,
    };
    char segment_bytes[24];
    snprintf(segment_bytes, sizeof(segment_bytes), "%lld",
             (long long)b->config->offsets_topic_segment_bytes);
    const struct change_setting settings[] = {
        { slice_str("cleanup.policy"), slice_str("compact") },
        { slice_str("compression.type"), slice_str("producer") },
        { slice_str("segment.bytes"), slice_str(segment_bytes) },
    };
    if (slice_eq_str(name, TOPIC_OFFSETS)) {
        topic.partitions = (int32_t)b->config->offsets_topic_num_partitions;
        topic.replication = replication_of_internal(b);
        topic.settings = settings;
        topic.setting_count = sizeof(settings) / sizeof(settings[0]);
    }
    return change_create_topic(&b->image, &topic, id, &where, out, err);
}
