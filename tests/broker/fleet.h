/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.h - three voters, and more brokers, of one cluster in a simulated world: real nodes, real
 * quorum, virtual time. Everything is checked by ck_assert: a helper that returns has succeeded. */
#ifndef LOGBOOM_TESTS_BROKER_FLEET_H
#define LOGBOOM_TESTS_BROKER_FLEET_H

#include "tests/sim/sim_node.h"

#define FLEET_CLUSTER_ID "c2ltdWxhdGVkLWxvZ2Jvb20"

enum { FLEET_VOTERS = 3, FLEET_NODES_MAX = 5 };

struct fleet {
    struct sim_world world;
    struct sim_node nodes[FLEET_NODES_MAX]; /* 0 to 2 are the voters */
    uint32_t count;
};

/* The voters 1, 2 and 3, started and running. */
struct fleet *fleet_new(uint64_t seed);
void fleet_free(struct fleet *f);
/* A node at 10.0.0.(place + 1), formatted; it is a controller when it is one of the first three. */
struct sim_node *fleet_add(struct fleet *f, int32_t id, const char *cluster_id);
void fleet_start(struct sim_node *n);
void fleet_run_ms(struct fleet *f, uint64_t ms);
bool fleet_is_running(const struct sim_node *n);
/* How the image of one node sees another. */
bool fleet_is_unfenced(const struct sim_node *by, const struct sim_node *who);
/* Steps until the node runs; at most so long. Returns the milliseconds it took. */
uint64_t fleet_wait_running(struct fleet *f, const struct sim_node *n, uint64_t ms_max);
/* NULL: none. */
struct sim_node *fleet_controller(struct fleet *f);

/* What became of a request to the controller. */
struct answer {
    int count;
    enum err err;
    int16_t code;
};

void fleet_answered(struct answer *a, enum err err, const int16_t *code);
/* client_done of CreateTopics; user is a struct answer. */
void fleet_on_created(void *user, enum err err, int16_t version, const void *response);
/* Of 12 partitions with three replicas, through this node. */
void fleet_create_topic(struct fleet *f, struct sim_node *by, const char *name);

/* --- records of the topic "t", appended where a producer's request would be ------------------- */

/* One batch that was sent with acks=all. */
struct fleet_sent {
    struct ack_wait wait;
    bool done;
    enum kafka_error code;
};

struct partition *fleet_partition(const struct sim_node *n, int32_t index);
/* `count` records; refused at once, s->code says why and s->done is set. */
void fleet_send(struct sim_node *n, int32_t index, int count, struct fleet_sent *s);
/* As fleet_send(), of this producer. */
void fleet_send_sealed(struct sim_node *n, int32_t index, int count, const struct batch_seal *seal,
                       struct fleet_sent *s);
/* Steps until it is answered; the milliseconds it took. */
uint64_t fleet_wait_sent(struct fleet *f, const struct fleet_sent *s, uint64_t ms_max);
/* One record, acknowledged. */
void fleet_send_whole(struct fleet *f, struct sim_node *n, int32_t index);
int32_t fleet_leader_of(const struct sim_node *by, int32_t index);
int32_t fleet_isr_size(const struct sim_node *by, int32_t index);
/* A partition that the node leads; the fleet's topic has some for each. */
int32_t fleet_led_by(const struct sim_node *n);

#endif
