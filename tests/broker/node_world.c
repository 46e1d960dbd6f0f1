/* SPDX-License-Identifier: Apache-2.0 */
/* node_world.c - see node_world.h. Driven by the tests of a real node. */
#include "tests/broker/node_world.h"

void world_init(struct world *w, const struct node_setting *settings)
{
    *w = (struct world){ 0 };
    scratch_dir_init(&w->dir);
    node_start(&w->node, w->dir.path, settings);
    wire_client_open(&w->client, &w->node);
}

void world_restart(struct world *w, bool kill, const struct node_setting *settings)
{
    wire_client_close(&w->client);
    if (kill) {
        node_kill(&w->node);
    } else {
        node_stop(&w->node);
    }
    node_start(&w->node, w->dir.path, settings);
    wire_client_open(&w->client, &w->node);
}

void world_deinit(struct world *w)
{
    wire_client_close(&w->client);
    node_stop(&w->node);
    batch_builder_deinit(&w->builder);
    scratch_dir_deinit(&w->dir);
}

struct slice world_batch(struct world *w, const char *prefix, int count)
{
    struct batch_seal seal = plain_seal();
    return make_batch(&w->builder, prefix, count, &seal);
}

void plain_fetch_init(struct plain_fetch *f, const char *topic, int32_t max_wait_ms)
{
    schema_init(&fetch_request_partition_schema, &f->part);
    schema_init(&fetch_request_topic_schema, &f->topic);
    schema_init(&fetch_request_schema, &f->req);
    f->part.partition_max_bytes = 1 << 20;
    f->topic.topic = slice_str(topic);
    f->topic.partitions = &f->part;
    f->topic.partitions_n = 1;
    f->req.max_wait_ms = max_wait_ms;
    f->req.min_bytes = 1;
    f->req.max_bytes = 1 << 20;
    f->req.topics = &f->topic;
    f->req.topics_n = 1;
}
