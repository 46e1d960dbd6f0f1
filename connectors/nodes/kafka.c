/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka.c - node types kafka (the source of a flow) and kafka_dlq (where its dead letters go).
 * Only their settings: flow/flow.c owns the consumer, dead_letter.c the producer.
 */
#include "connectors/nodes/kafka.h"

#include "connectors/nodes/nodes.h"

#define CONFIG_STRUCT kafka_config
static const struct config_row kafka_rows[] = { KAFKA_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
#define CONFIG_STRUCT kafka_dlq_config
static const struct config_row dlq_rows[] = { KAFKA_DLQ_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
static const struct config_table kafka_table = { "node kafka", kafka_rows,
                                                 sizeof(kafka_rows) / sizeof(kafka_rows[0]),
                                                 sizeof(struct kafka_config) };
static const struct config_table dlq_table = { "node kafka_dlq", dlq_rows,
                                               sizeof(dlq_rows) / sizeof(dlq_rows[0]),
                                               sizeof(struct kafka_dlq_config) };

static enum err kafka_init(struct node *n, struct arena *arena, struct error *err)
{
    static const char *const known[] = { "range", "roundrobin", "cooperative-sticky" };
    const struct kafka_config *c = n->config;
    if (c->topics.count == 0) {
        return yaml_error(n->at, err, "node %s: topics is empty", n->name);
    }
    for (size_t i = 0; i < c->assignors.count; i++) {
        const char *a = c->assignors.items[i];
        if (strcmp(a, known[0]) != 0 && strcmp(a, known[1]) != 0 && strcmp(a, known[2]) != 0) {
            return yaml_error(n->at, err,
                              "node %s: partition_assignment_strategy: \"%s\" is none of range, "
                              "roundrobin, cooperative-sticky",
                              n->name, a);
        }
    }
    return ERR_OK;
}

const struct node_type node_kafka = {
    .name = "kafka",
    .role = NODE_SOURCE,
    .about = "Reads topics as a member of a consumer group.",
    .table = &kafka_table,
    .init = kafka_init,
};

const struct node_type node_kafka_dlq = {
    .name = "kafka_dlq",
    .role = NODE_DEAD_LETTER,
    .about = "The topic for records that cannot be delivered; its from is [\"*.failure\"].",
    .table = &dlq_table,
};
