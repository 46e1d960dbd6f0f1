/* SPDX-License-Identifier: Apache-2.0 */
/* create.h - making topics, for CreateTopics, for Metadata, and for __consumer_offsets. */
#ifndef LOGBOOM_BROKER_API_CREATE_H
#define LOGBOOM_BROKER_API_CREATE_H

#include "broker/broker.h"

/* Adds the records of a topic with the node's default counts; __consumer_offsets gets its own
 * settings. Kafka's code with a sentence in err otherwise. */
enum kafka_error create_topic_default(struct broker *b, struct slice name, const struct uuid *id,
                                      struct metadata_records *out, struct error *err);
/* Where new partitions go. */
struct change_placement create_placement(struct broker *b);

#endif
