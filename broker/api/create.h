/* SPDX-License-Identifier: Apache-2.0 */
/* create.h - making topics, for CreateTopics, for Metadata, and for __consumer_offsets. */
#ifndef LOGBOOM_BROKER_API_CREATE_H
#define LOGBOOM_BROKER_API_CREATE_H

#include "broker/broker.h"

/* Asks the active controller for topics with its default counts; __consumer_offsets gets its own
 * settings. done() comes once: the response is a struct create_topics_response. false when the
 * call's memory is used up: the call has failed then. */
bool create_ask(struct call *c, const struct slice *names, int32_t count, client_done *done,
                void *user);
/* The controller's word on one of them: KAFKA_NONE also when it is there already. */
enum kafka_error create_result(enum err err, const struct create_topics_response *resp,
                               struct slice name);
/* How many replicas a topic gets that is made without a number: those configured, or three, and no
 * more than there are nodes. */
int16_t create_replication(const struct broker *b, int64_t configured);
/* Where new partitions go. */
struct change_placement create_placement(struct broker *b);

#endif
