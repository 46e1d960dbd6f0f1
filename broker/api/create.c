/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - see create.h. */
#include "broker/api/create.h"

#include <stdio.h>

enum { ASK_MS = 5000 };

struct change_placement create_placement(struct broker *b)
{
    return (struct change_placement){ .seed = env_random(b->env) };
}

int16_t create_replication(const struct broker *b, int64_t configured)
{
    enum { SAFE = 3 };
    /* Brokers that have not come up yet are counted by the quorum that they are part of. */
    int64_t nodes = (int64_t)b->image.brokers.count;
    nodes = b->roles.broker && b->roles.voter_count > nodes ? b->roles.voter_count : nodes;
    int64_t want = configured > 0 ? configured : SAFE;
    return (int16_t)(want < nodes || nodes == 0 ? want : nodes);
}

static bool fill_offsets_topic(struct call *c, struct create_topics_request_creatable_topic *t)
{
    const struct broker_config *config = c->broker->config;
    char segment_bytes[24];
    snprintf(segment_bytes, sizeof(segment_bytes), "%lld",
             (long long)config->offsets_topic_segment_bytes);
    const char *const settings[][2] = { { "cleanup.policy", "compact" },
                                        { "compression.type", "producer" },
                                        { "segment.bytes", segment_bytes } };
    const int32_t count = sizeof(settings) / sizeof(settings[0]);
    t->configs = call_array(c, &create_topics_request_creatable_topic_config_schema, count);
    if (!t->configs) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        t->configs[i].name = slice_str(settings[i][0]);
        t->configs[i].value = arena_copy(&c->arena, slice_str(settings[i][1]));
    }
    t->configs_n = count;
    t->num_partitions = (int32_t)config->offsets_topic_num_partitions;
    t->replication_factor = create_replication(c->broker, config->offsets_topic_replication_factor);
    return true;
}

bool create_ask(struct call *c, const struct slice *names, int32_t count, client_done *done,
                void *user)
{
    struct create_topics_request req;
    schema_init(&create_topics_request_schema, &req);
    req.timeout_ms = ASK_MS;
    req.topics = call_array(c, &create_topics_request_creatable_topic_schema, count);
    if (!req.topics) {
        return false;
    }
    req.topics_n = count;
    for (int32_t i = 0; i < count; i++) {
        struct create_topics_request_creatable_topic *t = &req.topics[i];
        t->name = names[i];
        t->num_partitions = -1;
        t->replication_factor = -1;
        if (slice_eq_str(names[i], TOPIC_OFFSETS) && !fill_offsets_topic(c, t)) {
            return false;
        }
    }
    controller_channel_send(c->broker, &create_topics_request_schema, &req, -1,
                            (uint64_t)ASK_MS * NS_PER_MS, done, user);
    return true;
}

enum kafka_error create_result(enum err err, const struct create_topics_response *resp,
                               struct slice name)
{
    for (int32_t i = 0; !err && i < resp->topics_n; i++) {
        if (slice_eq(resp->topics[i].name, name)) {
            int16_t code = resp->topics[i].error_code;
            return code == KAFKA_TOPIC_ALREADY_EXISTS ? KAFKA_NONE : (enum kafka_error)code;
        }
    }
    return KAFKA_LEADER_NOT_AVAILABLE;
}
