/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - a real node in a process of its own, and a client that speaks to it through the message
 * tables. Everything is checked by ck_assert: a helper that returns has succeeded.
 */
#ifndef LOGBOOM_TESTS_BROKER_NODE_H
#define LOGBOOM_TESTS_BROKER_NODE_H

#include "protocol/wire/api.h"
#include "protocol/wire/record_batch.h"

#include <sys/types.h>

struct node {
    pid_t pid;
    uint16_t port;            /* of the first listener */
    uint16_t controller_port; /* of the second one, when there are two */
};

struct node_setting {
    const char *name, *value;
};

/* Starts a node on a free port with its logs in dir; settings end with a NULL name, and may be
 * NULL. */
void node_start(struct node *n, const char *dir, const struct node_setting *settings);
/* SIGKILL. */
void node_kill(struct node *n);
/* SIGTERM; the node must drain and end with exit code 0. */
void node_stop(struct node *n);
/* Resident memory. */
size_t node_rss_bytes(const struct node *n);

struct wire_client {
    int fd;
    int32_t correlation_id;
    struct arena arena; /* of the last reply */
    uint8_t *frame;
};

void wire_client_open(struct wire_client *c, const struct node *n);
void wire_client_open_port(struct wire_client *c, uint16_t port);
void wire_client_close(struct wire_client *c);
void wire_client_send_bytes(struct wire_client *c, const void *bytes, size_t len);
void wire_client_send(struct wire_client *c, int16_t key, int16_t version, const void *request);
/* The reply to the oldest request that has none; lives until the next one. */
void *wire_client_receive(struct wire_client *c, int16_t key, int16_t version);
void *wire_client_call(struct wire_client *c, int16_t key, int16_t version, const void *request);
/* True when the node ends the connection within the time; other bytes are an error of the test. */
bool wire_client_is_closed(struct wire_client *c, int timeout_ms);
/* True when something can be read (or the end) within the time. */
bool wire_client_has_input(struct wire_client *c, int timeout_ms);

/* A batch of `count` records "<prefix><i>"; the bytes live in b. */
struct slice make_batch(struct batch_builder *b, const char *prefix, int count,
                        const struct batch_seal *seal);
struct batch_seal plain_seal(void);

void create_topic(struct wire_client *c, const char *name, int32_t partitions);
struct uuid topic_id(struct wire_client *c, const char *name);
/* Produce by name (version 9) to partition 0; returns the row's error code. */
int16_t produce(struct wire_client *c, const char *topic, int16_t acks, struct slice records,
                int64_t *ret_base_offset);
/* Fetch by name (version 11) without a session from partition 0; the records, as they came. */
struct fetch_response_partition_data *fetch(struct wire_client *c, const char *topic,
                                            int64_t offset, int32_t max_bytes, int32_t max_wait_ms,
                                            int32_t min_bytes);
/* Values of all records from offset on, one a line, appended to out; returns how many. */
int read_values(struct wire_client *c, const char *topic, int64_t offset, struct buf *out);

#endif
