/* SPDX-License-Identifier: Apache-2.0 */
/* output_kafka.h - events as records of Kafka topics, through protocol/client/producer.h. */
#ifndef LOGBOOM_AGENT_SHIP_OUTPUT_KAFKA_H
#define LOGBOOM_AGENT_SHIP_OUTPUT_KAFKA_H

#include "agent/ship/output.h"
#include "protocol/client/producer.h"

enum output_partition {
    PARTITION_BY_FILE, /* all lines of a file to one: their order is kept */
    PARTITION_BY_KEY,  /* Kafka's hash of the key */
    PARTITION_ROUND_ROBIN,
    PARTITION_RANDOM,
};

struct output_kafka_config {
    struct client_config client;
    struct producer_config producer;
    enum output_partition partition;
    uint32_t group_events; /* round robin and random: events between two choices */
    bool values_are_json;  /* not a format string's */
    struct slice headers;  /* encoded, for every record */
    int32_t header_count;
};

struct output *output_kafka_new(struct env env, const struct output_kafka_config *cfg,
                                const struct log *log, const struct output_events *events,
                                void *user);
struct client_stats output_kafka_client_stats(const struct output *o);

#endif
