/* SPDX-License-Identifier: Apache-2.0 */
/* sim_workload.c - see sim_workload.h: the clients as a whole, their topics, and their end. Driven
 * by the cluster (sim_cluster.c). */
#include "tests/sim/sim_workload.h"

#include "protocol/base/alloc.h"

#include <assert.h>

/* --- clients ---------------------------------------------------------------------------------- */

void sim_client_start(struct sim_client *c)
{
    struct sim_workload *wl = c->workload;
    struct client_config cfg = wl->options.client;
    struct log log = { .sink = c->host->sink, .component = "client" };
    if (!c->host->running) {
        sim_host_boot(c->host);
    }
    cfg.bootstrap = wl->bootstrap;
    cfg.client_id = c->host->name;
    for (cfg.bootstrap_count = 0;
         cfg.bootstrap_count < SIM_BOOTSTRAP_MAX && wl->bootstrap[cfg.bootstrap_count];
         cfg.bootstrap_count++) {
    }
    c->client = client_new(c->host->env, &cfg, &log);
}

void sim_client_kill(struct sim_client *c, void (*free_program)(void *owner), void *owner)
{
    if (!c->client) {
        return;
    }
    sim_event_cancel(c->host->world, &c->tick);
    sim_host_kill(c->host, false);
    free_program(owner);
    client_free(c->client);
    c->client = NULL;
    sim_host_bury(c->host);
}

/* --- life ------------------------------------------------------------------------------------- */

static void make_topics(struct sim_workload *wl)
{
    struct sim_world *w = wl->world;
    wl->topic_count = wl->options.topics;
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        struct sim_topic *t = &wl->topics[i];
        snprintf(t->name, sizeof(t->name), "t%u", i);
        t->partitions = 1 + (int32_t)sim_random(w, wl->options.partitions_max);
        t->partitions_max = t->partitions;
        if (wl->options.growth_max) {
            t->partitions_max += (int32_t)sim_random(w, wl->options.growth_max + 1u);
        }
        t->replication_factor = wl->options.replication_factor;
        t->create_at_ns = w->now_ns + (i ? sim_random(w, wl->options.topics_late_ns) : 0);
        for (int32_t p = 0; p < t->partitions_max; p++) {
            sim_ledger_add(&wl->ledger, t->name, p);
        }
    }
    assert(wl->ledger.partition_count <= SIM_PARTITIONS_MAX);
}

void sim_workload_init(struct sim_workload *wl, struct sim_world *w,
                       const struct sim_workload_options *options, const char *const *bootstrap,
                       size_t bootstrap_count)
{
    *wl = (struct sim_workload){ .world = w, .options = *options };
    assert(bootstrap_count <= SIM_BOOTSTRAP_MAX);
    memcpy(wl->bootstrap, bootstrap, bootstrap_count * sizeof(*bootstrap));
    sim_ledger_init(&wl->ledger, w, options->value_bytes_max);
    make_topics(wl);
    sim_admin_start(wl);
    for (uint32_t i = 0; i < options->producers; i++) {
        sim_producer_init(&wl->producers[wl->producer_count++], wl, i);
    }
    for (uint32_t i = 0; i < options->readers; i++) {
        sim_consumer_init(&wl->consumers[wl->consumer_count], wl, wl->consumer_count, NULL);
        wl->consumer_count++;
    }
    for (uint32_t g = 0; g < options->groups; g++) {
        struct sim_group *group = &wl->groups[wl->group_count++];
        snprintf(group->name, sizeof(group->name), "g%u", g);
        for (uint32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
            group->partitions[p].committed = -1;
            group->partitions[p].asked = -1;
        }
        for (uint32_t i = 0; i < options->members; i++) {
            sim_consumer_init(&wl->consumers[wl->consumer_count], wl, wl->consumer_count, group);
            wl->consumer_count++;
        }
    }
}

static void nothing(void *owner)
{
    (void)owner;
}

void sim_workload_deinit(struct sim_workload *wl)
{
    for (uint32_t i = 0; i < wl->producer_count; i++) {
        sim_producer_deinit(&wl->producers[i]);
    }
    for (uint32_t i = 0; i < wl->consumer_count; i++) {
        sim_consumer_deinit(&wl->consumers[i]);
    }
    for (uint32_t g = 0; g < wl->group_count; g++) {
        for (uint32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
            mem_free(wl->groups[g].partitions[p].delivered);
        }
    }
    sim_client_kill(&wl->admin, nothing, NULL);
    sim_ledger_deinit(&wl->ledger);
}

/* --- progress --------------------------------------------------------------------------------- */

/* The end of what a partition must have: every acknowledged record lies below. */
static int64_t end_of(const struct sim_ledger_partition *p)
{
    return p->committed;
}

/* All below were delivered, or deleted. */
static int64_t group_end(const struct sim_group_partition *gp, int64_t start)
{
    int64_t end = gp->delivered_end > start ? gp->delivered_end : start;
    while ((size_t)end < gp->delivered_cap && gp->delivered[end]) {
        end++;
    }
    return end;
}

static bool consumer_is_done(const struct sim_workload *wl, const struct sim_consumer *c,
                             uint32_t *ret_partition)
{
    for (uint32_t i = 0; i < wl->ledger.partition_count; i++) {
        const struct sim_ledger_partition *p = &wl->ledger.partitions[i];
        int64_t have = c->group ? group_end(&c->group->partitions[i], p->start)
                                : c->partitions[i].reader.next;
        if (have < end_of(p) && p->start < end_of(p)) {
            *ret_partition = i;
            return false;
        }
    }
    return true;
}

bool sim_workload_is_done(const struct sim_workload *wl, char *ret_why, size_t why_size)
{
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        if (!wl->topics[i].exists) {
            snprintf(ret_why, why_size, "topic %s could not be created", wl->topics[i].name);
            return false;
        }
    }
    for (uint32_t i = 0; i < wl->producer_count; i++) {
        const struct sim_producer *p = &wl->producers[i];
        uint64_t left = producer_outstanding(p->producer);
        if (left) {
            snprintf(ret_why, why_size, "%s waits for the acknowledgement of %llu records",
                     p->c.host->name, (unsigned long long)left);
            return false;
        }
    }
    for (uint32_t i = 0; i < wl->consumer_count; i++) {
        const struct sim_consumer *c = &wl->consumers[i];
        uint32_t at = 0;
        if (!consumer_is_done(wl, c, &at)) {
            const struct sim_ledger_partition *p = &wl->ledger.partitions[at];
            struct consumer_stats stats = consumer_get_stats(c->consumer);
            snprintf(ret_why, why_size, "%s (%s, %s) has not read %s-%d up to %lld",
                     c->c.host->name, c->group ? c->group->name : "no group", stats.state, p->topic,
                     (int)p->index, (long long)end_of(p));
            return false;
        }
    }
    return true;
}
