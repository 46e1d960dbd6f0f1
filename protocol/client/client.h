/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - one Kafka cluster as seen by a client: connections, versions, metadata, calls.
 * Works through env only. Connections are made on demand, ApiVersions first (KIP-511), then calls
 * are pipelined; answers come in order. A lost connection fails its calls with ERR_CLOSED, and is
 * made again with jittered back-off when somebody calls.
 */
#ifndef LOGBOOM_CLIENT_CLIENT_H
#define LOGBOOM_CLIENT_CLIENT_H

#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/daemon/log.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/messages.h"

struct client_config {
    const char *const *bootstrap; /* "host:port" */
    size_t bootstrap_count;
    const char *client_id;
    uint64_t request_timeout_ns;  /* 0: 30 s */
    uint64_t connect_timeout_ns;  /* 0: 10 s */
    uint64_t metadata_max_age_ns; /* 0: 5 min */
    uint64_t backoff_ns;          /* 0: 100 ms, doubled with jitter to backoff_max_ns */
    uint64_t backoff_max_ns;      /* 0: 1 s */
    size_t response_bytes_max;    /* 0: 100 MiB; larger answers end the connection */
    bool allow_auto_topic_creation;
};

struct client;

/* The strings of cfg are copied. log may have a NULL sink. */
struct client *client_new(struct env env, const struct client_config *cfg, const struct log *log);
/* Fails outstanding calls with ERR_CANCELED (their callbacks run), closes connections. */
void client_free(struct client *c);

/* NODE_ASK: any broker, and another one as well while the first owes its answer for longer than
 * CLIENT_PATIENCE_NS. For what may be asked twice. */
enum { NODE_ANY = -1, NODE_CONTROLLER = -2, NODE_ASK = -3 };

/* A broker that is stopped, or whose machine lost power, leaves its connections standing: only its
 * silence tells. After so much of it one looks for news elsewhere; a call is given up only when
 * they say that somebody else answers for what it asks, since a broker may merely be slow. */
static const uint64_t CLIENT_PATIENCE_NS = NS_PER_S;

/* What a call gives: err is ERR_OK and response (of the schema's struct, decoded at `version`)
 * lives until the callback returns; or an error of the transport. Errors inside the response are
 * the caller's to read. */
typedef void client_done(void *user, enum err err, int16_t version, const void *response);

/* Sends a request to a node (an id from the metadata, or NODE_*), at the highest version that both
 * sides know and that is at most max_version (-1: the schema's). request is encoded before this
 * returns, or copied when no connection stands yet: it may live on the caller's stack, and its
 * strings may go away. ERR_UNSUPPORTED arrives when the broker lacks the API.
 * The records of a ProduceRequest are not copied while the call waits: they must live until done.
 * When given as `external` (the address of the bytes, and their length) they are never copied. A
 * request with acks 0 is done, with a NULL response, when it has been handed to the kernel. */
void client_call(struct client *c, int32_t node_id, const struct schema *request_schema,
                 const void *request, int16_t max_version, uint64_t timeout_ns, client_done *done,
                 void *user);

/* A lane is a set of connections of its own. Brokers answer the requests of one connection one
 * after the other, so that a long poll would hold up what comes behind it: a consumer keeps its
 * fetches and its group calls on lanes of their own. Lane 0 is everybody's. */
uint32_t client_lane_new(struct client *c);
/* Closes the lane's connections; its calls fail with ERR_CLOSED. */
void client_lane_free(struct client *c, uint32_t lane);
void client_call_lane(struct client *c, int32_t node_id, uint32_t lane,
                      const struct schema *request_schema, const void *request, int16_t max_version,
                      uint64_t timeout_ns, client_done *done, void *user);
/* How long the broker has owed an answer on this lane without a sign of life; UINT64_MAX when calls
 * wait for a connection that failed. */
uint64_t client_silence_ns(const struct client *c, int32_t node_id, uint32_t lane);
/* When a watch over such silences looks next: at the end of the patience, then a few times a
 * second, at last every second. */
uint64_t client_watch_ns(uint64_t silence_ns, uint64_t patience_ns);
/* The lane's connection to this node ends; its calls fail with ERR_CLOSED, some from here. */
void client_give_up(struct client *c, int32_t node_id, uint32_t lane);
/* The lane's requests to this node leave now rather than at the end of the loop's turn: for who is
 * about to compute while the broker could. */
void client_flush_lane(struct client *c, int32_t node_id, uint32_t lane);
/* The calls with this user are forgotten: done() is not called any more, and the records of their
 * requests are free to go. */
void client_cancel(struct client *c, const void *user);
/* Jittered exponential delay before try number `attempt` (1 is the first retry), by the
 * configuration's back-off. */
uint64_t client_backoff_ns(const struct client *c, unsigned attempt);
/* The same where nothing was heard of the broker, a second at the most: that it is back shall not
 * be noticed late, and who tries to connect is no load. */
uint64_t client_reconnect_ns(const struct client *c, unsigned attempt);
/* The configured or default one. */
uint64_t client_request_timeout_ns(const struct client *c);

/* --- metadata --------------------------------------------------------------------------------- */

struct client_partition {
    int32_t index;
    int32_t leader_id; /* -1: none now */
    int32_t leader_epoch;
    enum kafka_error error;
};

struct client_topic {
    struct slice name;
    struct uuid id; /* zero when the broker gives none */
    enum kafka_error error;
    bool internal;
    int32_t partition_count; /* 0 while unknown */
    struct client_partition *partitions;
};

/* Interest in a topic: it is kept in the metadata, and refreshed, from now on. */
void client_want_topic(struct client *c, struct slice name);
void client_unwant_topic(struct client *c, struct slice name);
/* All topics, for patterns. */
void client_want_all_topics(struct client *c, bool all);
/* The newest known state; NULL while unknown. Valid until the next metadata event. */
const struct client_topic *client_topic(const struct client *c, struct slice name);
const struct client_topic *client_topic_by_id(const struct client *c, const struct uuid *id);
/* Walks all known topics; cursor starts at 0. */
const struct client_topic *client_topic_next(const struct client *c, uint32_t *cursor);
/* Asks for fresh metadata soon (rate-limited by the back-off): leaders are wrong. */
void client_refresh(struct client *c);
/* What a broker tells beside an error (KIP-951): an address of a broker, and a partition's leader,
 * which is believed when its epoch is newer and its address known. Listeners do not hear of it. */
void client_learn_node(struct client *c, int32_t id, struct slice host, int32_t port);
void client_learn_leader(struct client *c, struct slice topic, int32_t partition, int32_t leader_id,
                         int32_t leader_epoch);
/* Listeners hear of every change; embedded in their owner. */
struct client_listener {
    struct list_node node;
    void (*changed)(void *owner);
    void *owner;
};
void client_listen(struct client *c, struct client_listener *l);
void client_unlisten(struct client_listener *l);
/* "" until known. */
const char *client_cluster_id(const struct client *c);
struct env client_env(const struct client *c);
const struct log *client_log(const struct client *c);
/* For /metrics and /stats: connections now, calls in flight, bytes sent and received,
 * reconnects. */
struct client_stats {
    uint64_t connections, calls_in_flight, sent_bytes, received_bytes, connects, failures;
};
struct client_stats client_get_stats(const struct client *c);

#endif
