/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.h - batches on their way to HTTP servers: what the elasticsearch and http sinks share.
 * Events are written into the open batch; it leaves when it is full or has lingered; up to a window
 * of requests are in flight, which shrinks when the server pushes back and grows again (AIMD). What
 * fails waits with full jitter and goes again; hosts that fail are left alone for a while.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_DELIVERY_H
#define LOGBOOM_CONNECTORS_SINKS_DELIVERY_H

#include "connectors/sinks/batch.h"
#include "connectors/sinks/decide.h"

/* Rows of both, behind SINK_ROWS. */
#define DELIVERY_ROWS(C, GZIP_LEVEL)                                                               \
    C(DURATION_MS, linger_ms, "linger", "100ms", "0", "1h", 0,                                     \
      "How long a batch waits for more events.")                                                   \
    C(INT, max_in_flight, "max_in_flight", "5", "1", "256", 0,                                     \
      "Requests that may be under way at once; fewer while the server pushes back. With 1 they "   \
      "go in the order of the records, also when they are sent again.")                            \
    C(DURATION_S, timeout_ms, "timeout", "90", "1ms", "24h", 0,                                    \
      "How long an answer may take; then the outcome is unknown and the batch is sent again.")     \
    C(DURATION_S, connect_timeout_ms, "connect_timeout", "10", "1ms", "1h", 0,                     \
      "How long a connection may take.")                                                           \
    C(DURATION_MS, probe_interval_ms, "probe_interval", "30s", "10ms", "24h", 0,                   \
      "How often it is tried again after an answer that only an operator can change (401, 403, "   \
      "...).")                                                                                     \
    C(INT, compression_level, "compression_level", GZIP_LEVEL, "0", "9", 0,                        \
      "gzip level of the requests; 0 sends them plain.")                                           \
    C(STR, username, "username", "", "", "", 0, "User name for basic authentication.")             \
    C(SECRET, password, "password", "", "", "", 0, "Password for basic authentication.")           \
    C(STR, ssl_ca, "ssl.certificate_authorities", "", "", "", 0,                                   \
      "PEM file of the authorities to trust; empty: the system's.")                                \
    C(STR, ssl_certificate, "ssl.certificate", "", "", "", 0,                                      \
      "PEM file of the client certificate.")                                                       \
    C(STR, ssl_key, "ssl.key", "", "", "", 0, "PEM file of the client's key.")                     \
    C(ENUM, ssl_verification, "ssl.verification_mode", "full", "full|none", "", 0,                 \
      "full checks the server's certificate and name; none takes any.")

struct delivery_config {
    SINK_ROWS(CONFIG_MEMBER)
    DELIVERY_ROWS(CONFIG_MEMBER, "")
};

/* How one sink differs from the other. */
struct delivery_policy {
    /* Finishes the body before each sending (brackets around the items). May be NULL. */
    void (*envelope)(struct delivery *d, struct batch *b);
    /* Sets url, method and headers of the call. */
    void (*prepare)(struct delivery *d, struct batch *b);
    /* Reads a reply with a status. WHOLE_ITEMS: every item of b got its fate (and the sink
     * keeps what it needs for failure()). */
    enum whole (*judge)(struct delivery *d, struct batch *b);
    /* Why item i is dead. */
    void (*failure)(struct delivery *d, struct batch *b, size_t i, struct failure *f);
};

struct delivery_host {
    const char *url;
    uint64_t down_until_ns;
    uint32_t failures;
};

struct delivery {
    struct sink sink; /* first: the sink is the delivery */
    const struct delivery_config *cfg;
    const struct delivery_policy *policy;
    struct http_client *http;
    struct delivery_host *hosts;
    unsigned host_count, next_host;
    size_t batch_events_max, batch_bytes_max; /* bytes shrink after a 413 */
    struct batch *open;                       /* being filled; NULL when there is none */
    uint64_t open_since_ns;
    struct list_node waiting; /* full, or to be sent again */
    struct list_node busy;    /* being compressed, or under way */
    struct list_node spare;
    unsigned busy_count, spare_count;
    unsigned window;          /* 1 to max_in_flight */
    unsigned successes;       /* since the window changed */
    uint64_t paused_until_ns; /* 0: not paused */
    bool probing;             /* the pause is over when one request succeeds */
    bool closing;
    void (*freed)(struct delivery *d);
    unsigned compressing; /* batches on a worker */
    struct timer timer;
    uint64_t timer_ns; /* when it fires; UINT64_MAX: not armed */
};

/* Fills the part that both share. hosts are base URLs; they outlive the delivery. */
void delivery_init(struct delivery *d, struct node *n, const struct sink_env *world,
                   const struct delivery_policy *policy, const struct config_list *hosts);
/* Frees what delivery_init() made; freed(d) is called at once, or when a worker is done with its
 * batch. */
void delivery_close(struct delivery *d, void (*freed)(struct delivery *d));

/* The body to which the next event is to be written. */
struct buf *delivery_begin(struct delivery *d);
/* What was written since `start` (body length at delivery_begin()) is the event of this ack. */
void delivery_end(struct delivery *d, size_t start, struct ack ack);
/* Sends the open batch now. */
void delivery_flush(struct delivery *d);

#endif
