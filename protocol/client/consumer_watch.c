/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_watch.c - leaders, replicas and coordinators that fell silent. Driven by the watch
 * timer, which is armed while something is asked of them, and by new metadata.
 *   (W1) A silent broker makes the metadata (the coordinator: FindCoordinator) be asked for again
 *        and again, until it answers or they name another one; only then it is given up, since it
 *        may merely be slow. A long poll is no silence before its wait is over.
 *   (W2) A silent replica is given up at once: the leader has everything that it has.
 */
#include "protocol/client/consumer_internal.h"

static bool has_moved(const struct part *p, int32_t node_id)
{
    const struct client_partition *leader = fetcher_leader(p);
    return leader && (leader->leader_id != node_id || leader->leader_epoch > p->tried_epoch);
}

/* Whether the fetch under way there is of no use any more. */
static bool fetch_is_overtaken(const struct fetch_leader *l)
{
    list_for_each(n, &l->consumer->parts) {
        const struct part *p = list_entry(n, struct part, node);
        /* At a replica it is another one than the leader's, too. */
        if (p->asked && p->asked_node == l->node_id && has_moved(p, l->node_id)) {
            return true;
        }
    }
    return false;
}

static uint64_t fetch_silence_ns(const struct fetch_leader *l)
{
    const struct consumer *c = l->consumer;
    uint64_t ns = l->busy ? client_silence_ns(c->client, l->node_id, c->lane_fetch) : 0;
    return ns > c->cfg.fetch_wait_ns ? ns - c->cfg.fetch_wait_ns : 0;
}

static void told(const struct consumer *c, int32_t node_id)
{
    log_info(&c->log, "a broker is silent: its partitions are read elsewhere",
             KV_INT("broker", node_id));
}

/* Whether something was given up; then the look begins anew. */
static bool watch_fetches(struct consumer *c, uint64_t *silence_ns, bool *owed)
{
    uint32_t cursor = 0;
    const struct fetch_leader *l;
    while ((l = map_next(&c->leaders, &cursor, NULL))) {
        uint64_t its_ns = fetch_silence_ns(l);
        *owed = *owed || l->busy;
        *silence_ns = its_ns > *silence_ns ? its_ns : *silence_ns;
        if (its_ns >= CLIENT_PATIENCE_NS && fetch_is_overtaken(l)) {
            told(c, l->node_id);
            client_give_up(c->client, l->node_id, c->lane_fetch);
            return true;
        }
    }
    return false;
}

static bool watch_positions(struct consumer *c, uint64_t *silence_ns, bool *owed)
{
    list_for_each(n, &c->parts) {
        const struct part *p = list_entry(n, struct part, node);
        uint64_t its_ns = p->listing ? client_silence_ns(c->client, p->listing_node, 0) : 0;
        *owed = *owed || p->listing;
        *silence_ns = its_ns > *silence_ns ? its_ns : *silence_ns;
        if (its_ns >= CLIENT_PATIENCE_NS && has_moved(p, p->listing_node)) {
            told(c, p->listing_node);
            client_give_up(c->client, p->listing_node, 0);
            return true;
        }
    }
    return false;
}

void consumer_on_watch(void *owner)
{
    struct consumer *c = owner;
    uint64_t silence_ns = 0;
    bool owed = false, group_owes;
    if (watch_fetches(c, &silence_ns, &owed) || watch_positions(c, &silence_ns, &owed)) {
        timer_arm_in(c->env, &c->watch, 0);
        return;
    }
    if (silence_ns >= CLIENT_PATIENCE_NS) {
        client_refresh(c->client);
    }
    uint64_t group_ns = group_silence_ns(c, &group_owes);
    if (group_ns >= CLIENT_PATIENCE_NS) {
        group_probe(c);
    }
    silence_ns = group_ns > silence_ns ? group_ns : silence_ns;
    if (owed || group_owes) {
        timer_arm_in(c->env, &c->watch, client_watch_ns(silence_ns, CLIENT_PATIENCE_NS));
    }
}

void consumer_watch(struct consumer *c)
{
    if (!timer_is_armed(&c->watch)) {
        timer_arm_in(c->env, &c->watch, CLIENT_PATIENCE_NS);
    }
}
