/* SPDX-License-Identifier: Apache-2.0 */
/* sim_admin.c - the one who creates the topics, and asks again until they are there. Driven by its
 * tick and its answers. */
#include "tests/sim/sim_workload.h"

enum { TICK_MS = 200 };

static void on_created(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_workload *wl = user;
    const struct create_topics_response *r = response;
    (void)version;
    wl->admin_busy = false;
    for (int32_t i = 0; !err && i < r->topics_n; i++) {
        int16_t code = r->topics[i].error_code;
        for (uint32_t t = 0; t < wl->topic_count; t++) {
            if (slice_eq_str(r->topics[i].name, wl->topics[t].name) &&
                (code == KAFKA_NONE || code == KAFKA_TOPIC_ALREADY_EXISTS)) {
                wl->topics[t].exists = true;
                sim_trace(wl->world, wl->admin.host, "%s exists", wl->topics[t].name);
            }
        }
    }
}

static void create(struct sim_workload *wl, const struct sim_topic *t)
{
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request;
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    schema_init(&create_topics_request_schema, &request);
    topic.name = slice_str(t->name);
    topic.num_partitions = t->partitions;
    topic.replication_factor = t->replication_factor;
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = 5000;
    wl->admin_busy = true;
    client_call(wl->admin.client, NODE_CONTROLLER, &create_topics_request_schema, &request, -1, 0,
                on_created, wl);
}

static void on_tick(void *owner)
{
    struct sim_workload *wl = owner;
    bool all = true;
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        const struct sim_topic *t = &wl->topics[i];
        if (!t->exists && !wl->admin_busy && wl->world->now_ns >= t->create_at_ns) {
            create(wl, t);
        }
        all = all && t->exists;
    }
    if (!all) {
        sim_event_arm(wl->world, &wl->admin.tick, wl->world->now_ns + TICK_MS * NS_PER_MS);
    }
}

void sim_admin_start(struct sim_workload *wl)
{
    struct sim_client *c = &wl->admin;
    c->workload = wl;
    c->host = sim_host_new(wl->world, "adm", "10.0.1.1");
    c->tick = (struct sim_event){
        .fire = on_tick, .owner = wl, .host = c->host, .kind = SIM_EVENT_FAULT
    };
    sim_client_start(c);
    sim_event_arm(wl->world, &c->tick, wl->world->now_ns);
}
