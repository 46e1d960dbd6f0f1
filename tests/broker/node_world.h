/* SPDX-License-Identifier: Apache-2.0 */
/* node_world.h - a node on a directory of its own with a client that speaks to it, and a fetch that
 * is sent without being waited for: what the suites of a real node begin with. */
#ifndef LOGBOOM_TESTS_BROKER_NODE_WORLD_H
#define LOGBOOM_TESTS_BROKER_NODE_WORLD_H

#include "tests/broker/node.h"
#include "tests/support/scratch_dir.h"

struct world {
    struct scratch_dir dir;
    struct node node;
    struct wire_client client;
    struct batch_builder builder; /* of world_batch() */
};

/* settings may be NULL. */
void world_init(struct world *w, const struct node_setting *settings);
void world_restart(struct world *w, bool kill, const struct node_setting *settings);
void world_deinit(struct world *w);
/* Records "<prefix><i>" of no producer id; lives until the next one. */
struct slice world_batch(struct world *w, const char *prefix, int count);

/* A fetch without a session from the start of partition 0 of a topic. */
struct plain_fetch {
    struct fetch_request_partition part;
    struct fetch_request_topic topic;
    struct fetch_request req;
};

/* Not to be moved afterwards. */
void plain_fetch_init(struct plain_fetch *f, const char *topic, int32_t max_wait_ms);

#endif
