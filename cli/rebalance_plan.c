/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance_plan.c - where replicas should be. Driven by rebalance.c.
 *   (P1) A replica that may stay where it is stays, unless its broker has two more than another.
 *   (P2) Each step lowers the spread of the counts, so the loops end.
 */
#include "cli/rebalance_plan.h"

#include <assert.h>
#include <string.h>

static struct plan_broker *broker_of(struct plan *p, int32_t id)
{
    for (size_t i = 0; i < p->broker_count; i++) {
        if (p->brokers[i].id == id) {
            return &p->brokers[i];
        }
    }
    return NULL;
}

/* Of a replica that the plan itself has placed. */
static struct plan_broker *placed(struct plan *p, int32_t id)
{
    struct plan_broker *b = broker_of(p, id);
    assert(b);
    return b;
}

static bool wants(const struct plan_partition *part, int32_t id)
{
    for (int32_t i = 0; i < part->wanted_count; i++) {
        if (part->wanted[i] == id) {
            return true;
        }
    }
    return false;
}

static bool held(const struct plan_partition *part, int32_t id)
{
    for (int32_t i = 0; i < part->replica_count; i++) {
        if (part->replicas[i] == id) {
            return true;
        }
    }
    return false;
}

bool plan_changes(const struct plan_partition *part)
{
    return part->wanted_count != part->replica_count ||
           memcmp(part->wanted, part->replicas,
                  (size_t)part->wanted_count * sizeof(*part->wanted)) != 0;
}

int32_t plan_copies(const struct plan_partition *part)
{
    int32_t copies = 0;
    for (int32_t i = 0; i < part->wanted_count; i++) {
        copies += !held(part, part->wanted[i]);
    }
    return copies;
}

/* How many wanted replicas, but for the one at `without`, are in this rack. */
static int32_t in_rack(struct plan *p, const struct plan_partition *part, struct slice rack,
                       int32_t without)
{
    int32_t count = 0;
    for (int32_t i = 0; i < part->wanted_count; i++) {
        const struct plan_broker *b = broker_of(p, part->wanted[i]);
        count += i != without && b && b->rack.len && slice_eq(b->rack, rack);
    }
    return count;
}

/* Whether a rack has no wanted replica that could take one: then a second in a rack is needless. */
static bool rack_allows(struct plan *p, const struct plan_partition *part,
                        const struct plan_broker *b, int32_t without)
{
    if (!b->rack.len) {
        return true;
    }
    int32_t here = in_rack(p, part, b->rack, without);
    if (!here) {
        return true;
    }
    for (size_t i = 0; i < p->broker_count; i++) {
        const struct plan_broker *other = &p->brokers[i];
        if (other->usable && !wants(part, other->id) &&
            in_rack(p, part, other->rack, without) < here) {
            return false;
        }
    }
    return true;
}

static int32_t of_topic(const struct plan *p, const struct plan_partition *part, int32_t id)
{
    int32_t count = 0;
    const struct plan_partition *first = p->partitions, *end = first + p->partition_count;
    for (const struct plan_partition *at = part; at < end && slice_eq(at->topic, part->topic);
         at++) {
        count += wants(at, id);
    }
    for (const struct plan_partition *at = part;
         at > first && slice_eq((at - 1)->topic, part->topic); at--) {
        count += wants(at - 1, id);
    }
    return count;
}

/* The usable broker with the fewest replicas that may take one more of this partition; of several,
 * the one with the fewest of the topic. */
static struct plan_broker *place(struct plan *p, const struct plan_partition *part)
{
    struct plan_broker *best = NULL;
    int32_t best_topic = 0;
    bool best_rack = false;
    for (size_t i = 0; i < p->broker_count; i++) {
        struct plan_broker *b = &p->brokers[i];
        if (!b->usable || wants(part, b->id)) {
            continue;
        }
        bool rack = rack_allows(p, part, b, -1);
        int32_t topic = of_topic(p, part, b->id);
        if (!best || (rack && !best_rack) ||
            (rack == best_rack && (b->replicas < best->replicas ||
                                   (b->replicas == best->replicas && topic < best_topic)))) {
            best = b;
            best_topic = topic;
            best_rack = rack;
        }
    }
    return best;
}

/* What may stay, stays: in its order, up to the number wanted. */
static void keep(struct plan *p, struct plan_partition *part, int32_t want)
{
    for (int32_t i = 0; i < part->replica_count && part->wanted_count < want; i++) {
        struct plan_broker *b = broker_of(p, part->replicas[i]);
        if (b && b->usable && !wants(part, b->id)) {
            part->wanted[part->wanted_count++] = b->id;
            b->replicas++;
        }
    }
}

static enum err fill(struct plan *p, struct plan_partition *part, int32_t want, struct error *err)
{
    while (part->wanted_count < want) {
        struct plan_broker *b = place(p, part);
        if (!b) {
            return err_set(err, ERR_INVALID,
                           "%.*s-%d needs %d replicas, and only %d brokers may hold one",
                           SLICE_ARG(part->topic), part->index, want, part->wanted_count);
        }
        part->wanted[part->wanted_count++] = b->id;
        b->replicas++;
    }
    return ERR_OK;
}

/* The best partition to take from `from` for `to`: one that must be copied anyway, else of a topic
 * that has more there, else a small one. Returns the place in its list; -1: none may go. */
static int32_t choose(struct plan *p, const struct plan_broker *from, const struct plan_broker *to,
                      struct plan_partition **ret_part)
{
    int32_t best_at = -1, best_gain = 0;
    int64_t best_cost = 0;
    for (size_t i = 0; i < p->partition_count; i++) {
        struct plan_partition *part = &p->partitions[i];
        if (!wants(part, from->id) || wants(part, to->id)) {
            continue;
        }
        int32_t at = 0;
        while (part->wanted[at] != from->id) {
            at++;
        }
        if (!rack_allows(p, part, to, at)) {
            continue;
        }
        int64_t cost = held(part, to->id) ? -1 : held(part, from->id) ? part->size_bytes : 0;
        int32_t gain = of_topic(p, part, from->id) - of_topic(p, part, to->id);
        if (best_at < 0 || gain > best_gain || (gain == best_gain && cost < best_cost)) {
            best_at = at;
            best_gain = gain;
            best_cost = cost;
            *ret_part = part;
        }
    }
    return best_at;
}

/* One move from a broker that has at least two replicas more than another; false: none is left. */
static bool even_out_once(struct plan *p)
{
    struct plan_broker *from = NULL, *to = NULL;
    struct plan_partition *part = NULL;
    int32_t at = -1;
    for (size_t i = 0; i < p->broker_count; i++) {
        for (size_t j = 0; j < p->broker_count; j++) {
            struct plan_broker *a = &p->brokers[i], *b = &p->brokers[j];
            if (!a->usable || !b->usable || a->replicas < b->replicas + 2 ||
                (at >= 0 && a->replicas - b->replicas <= from->replicas - to->replicas)) {
                continue;
            }
            struct plan_partition *candidate = NULL;
            int32_t place_at = choose(p, a, b, &candidate);
            if (place_at >= 0) {
                from = a;
                to = b;
                part = candidate;
                at = place_at;
            }
        }
    }
    if (at < 0) {
        return false;
    }
    part->wanted[at] = to->id;
    from->replicas--;
    to->replicas++;
    return true;
}

static void lead(struct plan *p, struct plan_partition *part, int32_t at)
{
    int32_t was = part->wanted[0];
    placed(p, was)->leaders--;
    part->wanted[0] = part->wanted[at];
    part->wanted[at] = was;
    placed(p, part->wanted[0])->leaders++;
}

/* Gives one partition another first replica, when that evens the leaders out. */
static bool even_leaders_once(struct plan *p)
{
    for (size_t i = 0; i < p->partition_count; i++) {
        struct plan_partition *part = &p->partitions[i];
        int32_t best = 0, least = part->wanted_count ? placed(p, part->wanted[0])->leaders : 0;
        for (int32_t k = 1; k < part->wanted_count; k++) {
            int32_t its = placed(p, part->wanted[k])->leaders;
            if (its + 2 <= placed(p, part->wanted[0])->leaders && its < least) {
                best = k;
                least = its;
            }
        }
        if (best) {
            lead(p, part, best);
            return true;
        }
    }
    return false;
}

enum err plan_make(struct plan *p, struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < p->broker_count; i++) {
        p->brokers[i].replicas = p->brokers[i].leaders = 0;
    }
    for (size_t i = 0; i < p->partition_count; i++) {
        struct plan_partition *part = &p->partitions[i];
        int32_t want = p->replication_factor ? p->replication_factor : part->replica_count;
        part->wanted = arena_array(arena, (size_t)want + 1, sizeof(*part->wanted));
        part->wanted_count = 0;
        if (!part->wanted) {
            return err_set(err, ERR_LIMIT, "the plan is larger than this program takes");
        }
        keep(p, part, want);
    }
    for (size_t i = 0; i < p->partition_count; i++) {
        struct plan_partition *part = &p->partitions[i];
        int32_t want = p->replication_factor ? p->replication_factor : part->replica_count;
        enum err e = fill(p, part, want, err);
        if (e) {
            return e;
        }
    }
    while (even_out_once(p)) {
    }
    for (size_t i = 0; i < p->partition_count; i++) {
        if (p->partitions[i].wanted_count) {
            placed(p, p->partitions[i].wanted[0])->leaders++;
        }
    }
    while (even_leaders_once(p)) {
    }
    return ERR_OK;
}
