/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead_letter.h - records that cannot be delivered, on their way to the dead-letter topic. They go
 * as they came (key, value, headers, timestamp) with Kafka Connect's __connect.errors.* headers,
 * and are done only when the topic's broker has acknowledged them.
 */
#ifndef LOGBOOM_CONNECTORS_DEAD_LETTER_H
#define LOGBOOM_CONNECTORS_DEAD_LETTER_H

#include "connectors/sinks/sink.h"
#include "protocol/client/client.h"

struct dead_letters;

struct dead_letters_config {
    const char *topic;
    const char *connector; /* the flow's name */
    bool context_headers;
    struct client_config client; /* of the connection that is made for the first dead letter */
    struct retry_policy retry;
    void (*done)(void *user, struct ack ack); /* the dead letter is safe */
    void *user;
};

/* Connects to nothing before the first dead letter. cfg's strings outlive it. */
struct dead_letters *dead_letters_new(struct env env, const struct dead_letters_config *cfg,
                                      const struct log *log);
void dead_letters_free(struct dead_letters *dl);
/* The record of ack goes; class_name is the node's type. Everything is copied. */
void dead_letters_put(struct dead_letters *dl, struct ack ack, const char *class_name,
                      const struct failure *f);
/* Sends what lingers. */
void dead_letters_flush(struct dead_letters *dl);
/* Written so far; not yet acknowledged. */
uint64_t dead_letters_sent(const struct dead_letters *dl);
uint64_t dead_letters_outstanding(const struct dead_letters *dl);

/* Appends a record header as the record format has it (KIP-82); for tests too. */
void dead_letter_append_header(struct buf *out, const char *key, struct slice value);

#endif
