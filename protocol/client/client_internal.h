/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_internal.h - what client.c, node.c and metadata.c share: the client, its nodes, its
 * metadata. Private to protocol/client; client_connection.c and client_call.c do not know it.
 */
#ifndef LOGBOOM_CLIENT_CLIENT_INTERNAL_H
#define LOGBOOM_CLIENT_CLIENT_INTERNAL_H

#include "protocol/base/map.h"
#include "protocol/client/client_connection.h"

/* Bootstrap addresses are nodes with ids from here downwards, until the metadata names the
 * brokers. */
enum { NODE_BOOTSTRAP = -1000 };

/* Lane 0 is everybody's, this one that of NODE_ASK; users' lanes follow. */
enum { LANE_ASK = 1, LANES_OWN };

struct client_ask;

struct node {
    struct list_node link_in_client;
    struct client *client;
    int32_t id;
    char *host;
    uint16_t port;
    struct list_node links; /* one for each lane in use */
    unsigned failures;      /* in a row; 0: reachable as far as known */
    uint64_t not_before_ns; /* the back-off's end */
    bool warned;
    bool seen; /* in the newest metadata; scratch of nodes_set() */
};

/* A node on one lane. */
struct link {
    struct list_node link_in_node;
    struct node *node;
    uint32_t lane;
    struct client_connection *connection; /* NULL: none */
    struct list_node waiting;             /* calls, until the connection is ready */
    struct timer retry;                   /* connects at the end of the back-off */
};

struct topic_entry {
    struct client_topic topic;
    uint32_t wants;
    bool known; /* an answer has named it */
    bool told;  /* that it is missing */
    bool seen;
};

struct metadata {
    struct map topics; /* name -> struct topic_entry */
    struct list_node listeners;
    struct timer timer;    /* the next refresh */
    uint64_t last_ns;      /* when the last request went out */
    bool told_unsupported; /* the brokers have no Metadata */
    unsigned hurry;        /* refreshes asked for in quick succession: the back-off's exponent */
    bool in_flight;
    bool again;   /* asked for while one was in flight */
    bool at_once; /* and for a topic that is new */
    uint32_t want_all;
    bool failing; /* told already */
    int32_t controller_id;
    char cluster_id[64];
};

struct client {
    struct env env;
    struct log log;
    struct client_config cfg; /* defaults filled in; bootstrap not kept */
    char *client_id;
    struct client_connection_config connection;
    struct client_stats stats;
    struct list_node calls;    /* all of them */
    struct list_node deferred; /* calls that end at the next turn */
    struct timer deferred_timer;
    struct list_node nodes;
    struct list_node asks;
    uint32_t lanes;
    struct metadata metadata;
    bool freeing;
};

/* --- client.c --------------------------------------------------------------------------------- */

/* The call ends with err from the loop, not from here. */
void client_defer(struct client *c, struct client_call *call, enum err err);
/* Gives the call to its node, or to the best for NODE_ANY. */
void client_route(struct client *c, struct client_call *call, const void *request);
/* As client_call_lane(), to a node at hand; it goes to no other one. */
void client_call_node(struct client *c, struct node *n, uint32_t lane,
                      const struct schema *request_schema, const void *request, int16_t max_version,
                      uint64_t timeout_ns, client_done *done, void *user);

/* --- client_ask.c ----------------------------------------------------------------------------- */

/* NODE_ASK. */
void client_ask(struct client *c, const struct schema *schema, const void *request,
                int16_t max_version, uint64_t timeout_ns, client_done *done, void *user);
/* Questions of this user are forgotten. */
void client_ask_cancel(struct client *c, const void *user);
/* All questions end with ERR_CANCELED. */
void client_asks_end(struct client *c);

/* --- node.c ----------------------------------------------------------------------------------- */

struct node *node_new(struct client *c, int32_t id, struct slice host, uint16_t port);
/* Its calls end with ERR_CLOSED. */
void node_free(struct node *n);
struct node *node_find(const struct client *c, int32_t id);
/* The one to ask anything on this lane, none of those to be skipped: connected and idle ones first,
 * then by chance, silent ones late; NULL when there is none. */
struct node *node_pick(const struct client *c, uint32_t lane, const int32_t *skip, size_t skips);
/* Sends the call, or lets it wait for a connection. */
void node_call(struct node *n, struct client_call *call, const void *request);
void node_lane_free(struct node *n, uint32_t lane);
void node_lane_flush(struct node *n, uint32_t lane);
uint64_t node_silence_ns(const struct node *n, uint32_t lane);
void node_give_up(struct node *n, uint32_t lane);
/* The brokers of a metadata answer: new ones, moved ones, gone ones. */
void nodes_set(struct client *c, const struct metadata_response *r);

/* --- metadata.c ------------------------------------------------------------------------------- */

void metadata_init(struct client *c);
void metadata_deinit(struct client *c);

#endif
