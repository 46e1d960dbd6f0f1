/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.h - what this node says to other nodes: a connection to one address, made when somebody
 * calls, on which requests are pipelined. It takes the client's connection (ApiVersions first,
 * answers in order, protocol/client/client_connection.h) and adds what a node needs: patience with
 * back-off and jitter, calls that wait for the connection, addresses that move, bounds.
 *
 * A node answers the requests of one connection one after the other: a long poll holds up what
 * comes behind it. Who polls takes a peer (or a lane) of its own.
 */
#ifndef LOGBOOM_BROKER_PEER_H
#define LOGBOOM_BROKER_PEER_H

#include "protocol/base/list.h"
#include "protocol/client/client.h"

struct broker;
struct peer;

enum {
    PEER_CALLS_MAX = 1000, /* of one peer; more end with ERR_LIMIT */
    PEER_HOST_BYTES = 256,
};

/* --- a peer of one's own ---------------------------------------------------------------------- */

/* purpose (static, e.g. "replica") shows in the client id and in logs. It has no address yet. */
struct peer *peer_new(struct broker *b, const char *purpose);
/* Nobody hears of its calls any more. May be called from a call's done(). */
void peer_free(struct peer *p);
/* Where the node is now. When that is another place, the calls in flight end with ERR_CLOSED. */
void peer_set_address(struct peer *p, const char *host, uint16_t port);
/* Sends a request at the highest version that both sides know and that is at most version_max (-1:
 * the schema's). The request may live on the caller's stack. done() comes once, from the loop,
 * never from inside here: ERR_OK with the response, which lives until done() returns; ERR_TIMEOUT
 * (the connection goes with it); ERR_CLOSED (no address, refused, lost); ERR_UNSUPPORTED (the node
 * lacks the API or the version); ERR_LIMIT. While there is no connection, the call waits for the
 * next try to make one, and ends when that fails. */
void peer_call(struct peer *p, const struct schema *request_schema, const void *request,
               int16_t version_max, uint64_t timeout_ns, client_done *done, void *user);
/* As peer_call(), ERR_UNSUPPORTED also when the node knows no version from version_min on. */
void peer_call_versions(struct peer *p, const struct schema *request_schema, const void *request,
                        int16_t version_min, int16_t version_max, uint64_t timeout_ns,
                        client_done *done, void *user);
/* The calls with this user are forgotten. One that is in flight is answered into the void. */
void peer_cancel(struct peer *p, const void *user);
bool peer_is_connected(const struct peer *p);
/* The host and port it was given; "" without. For logs. */
const char *peer_address(const struct peer *p);

/* --- the broker's common ones ----------------------------------------------------------------- */

/* Connections of one purpose; requests on different lanes do not hold up one another. */
enum peer_lane {
    PEER_QUORUM,       /* votes, epochs: answered at once */
    PEER_QUORUM_FETCH, /* long polls, snapshots */
    PEER_CONTROLLER,   /* requests to the active controller */
    PEER_HEARTBEAT,    /* so that nothing holds them up */
    PEER_LANES,
};

/* The common peer at this address, for calls made now: it is freed when it was idle for long. */
struct peer *peers_at(struct broker *b, enum peer_lane lane, const char *host, uint16_t port);
/* Whether nobody listens at this address any more: the newest tries to connect were all refused. It
 * sees to it that there is a connection or a try, so asking again after some 10 ms tells more. */
bool peers_is_gone(struct broker *b, const char *host, uint16_t port);
/* Its node has answered just now. When one at this address last did, on any lane; 0: never. */
void peer_note_heard(struct peer *p);
uint64_t peers_heard_ns(const struct broker *b, const char *host, uint16_t port);
/* The address of a registered broker at inter.broker.listener.name, as the image has it; views into
 * the image. false when it is not registered. */
bool peers_broker_address(const struct broker *b, int32_t broker_id, const char **ret_host,
                          uint16_t *ret_port);

struct peers {
    struct list_node common; /* of struct peer */
    struct timer sweep;
    struct client_stats stats;
};

void peers_init(struct broker *b);
/* Every peer that was made by peer_new() is gone. */
void peers_deinit(struct broker *b);

#endif
