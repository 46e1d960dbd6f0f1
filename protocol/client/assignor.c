/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assignor.c - the three assignors. Driven by group_assign.c.
 *   (A1) Every partition of a topic that somebody subscribes to goes to exactly one member that
 *        subscribes to it; cooperative-sticky withholds those that are to change hands until their
 *        owner has given them up.
 *   (A2) cooperative-sticky: loads differ by at most one where subscriptions are the same, and no
 *        more partitions move than that needs.
 * tests/protocol/check_client_assignor.c.
 */
#include "protocol/client/assignor.h"

#include <stdlib.h>

/* Static members first, by instance id, then the others by member id: as the Java client sorts. */
static int compare_members(const void *a, const void *b)
{
    const struct assignor_member *x = a, *y = b;
    bool x_static = !slice_is_null(x->instance_id), y_static = !slice_is_null(y->instance_id);
    if (x_static && y_static) {
        return slice_cmp(x->instance_id, y->instance_id);
    }
    if (x_static != y_static) {
        return x_static ? -1 : 1;
    }
    return slice_cmp(x->member_id, y->member_id);
}

static bool subscribes(const struct assignor_member *m, int32_t topic)
{
    for (int32_t i = 0; i < m->topic_count; i++) {
        if (m->topics[i] == topic) {
            return true;
        }
    }
    return false;
}

static int32_t total_partitions(const struct assignor_input *in)
{
    int32_t total = 0;
    for (int32_t t = 0; t < in->topic_count; t++) {
        total += in->topics[t].partition_count;
    }
    return total;
}

/* Owners by partition, numbered through over all topics; then lists by member. */
struct plan {
    struct assignor_input *in;
    int32_t total;
    struct assignor_partition *partitions;
    int32_t *owner; /* index of a member, -1 nobody */
    int32_t *first; /* of a topic's partitions */
    int32_t *load;  /* by member */
};

static enum err plan_init(struct plan *p, struct assignor_input *in, struct arena *arena)
{
    if (in->member_count > 1) {
        qsort(in->members, (size_t)in->member_count, sizeof(in->members[0]), compare_members);
    }
    p->in = in;
    p->total = total_partitions(in);
    p->partitions = arena_array(arena, (size_t)p->total, sizeof(*p->partitions));
    p->owner = arena_array(arena, (size_t)p->total, sizeof(*p->owner));
    p->first = arena_array(arena, (size_t)in->topic_count, sizeof(*p->first));
    p->load = arena_array(arena, (size_t)in->member_count, sizeof(*p->load));
    if (!p->partitions || !p->owner || !p->first || !p->load) {
        return ERR_LIMIT;
    }
    int32_t at = 0;
    for (int32_t t = 0; t < in->topic_count; t++) {
        p->first[t] = at;
        for (int32_t i = 0; i < in->topics[t].partition_count; i++) {
            p->partitions[at] = (struct assignor_partition){ t, i };
            p->owner[at++] = -1;
        }
    }
    return ERR_OK;
}

static enum err plan_finish(struct plan *p, struct arena *arena)
{
    for (int32_t m = 0; m < p->in->member_count; m++) {
        p->load[m] = 0;
    }
    for (int32_t i = 0; i < p->total; i++) {
        if (p->owner[i] >= 0) {
            p->load[p->owner[i]]++;
        }
    }
    for (int32_t m = 0; m < p->in->member_count; m++) {
        struct assignor_member *member = &p->in->members[m];
        member->assigned_count = 0;
        member->assigned = arena_array(arena, (size_t)p->load[m], sizeof(*member->assigned));
        if (!member->assigned) {
            return ERR_LIMIT;
        }
    }
    for (int32_t i = 0; i < p->total; i++) {
        if (p->owner[i] >= 0) {
            struct assignor_member *member = &p->in->members[p->owner[i]];
            member->assigned[member->assigned_count++] = p->partitions[i];
        }
    }
    return ERR_OK;
}

/* Topic by topic: consecutive partitions, the first members get one more. */
static enum err assign_range(struct assignor_input *in, struct arena *arena)
{
    struct plan p;
    enum err err = plan_init(&p, in, arena);
    if (err) {
        return err;
    }
    for (int32_t t = 0; t < in->topic_count; t++) {
        int32_t count = 0;
        for (int32_t m = 0; m < in->member_count; m++) {
            count += subscribes(&in->members[m], t);
        }
        int32_t each = count ? in->topics[t].partition_count / count : 0;
        int32_t more = count ? in->topics[t].partition_count % count : 0;
        int32_t at = p.first[t];
        for (int32_t m = 0; m < in->member_count; m++) {
            if (subscribes(&in->members[m], t)) {
                int32_t n = each + (more > 0);
                more -= more > 0;
                while (n-- > 0) {
                    p.owner[at++] = m;
                }
            }
        }
    }
    return plan_finish(&p, arena);
}

/* All partitions in order, dealt round to the members that subscribe. */
static enum err assign_round_robin(struct assignor_input *in, struct arena *arena)
{
    struct plan p;
    enum err err = plan_init(&p, in, arena);
    if (err) {
        return err;
    }
    int32_t next = 0;
    for (int32_t i = 0; i < p.total; i++) {
        for (int32_t tries = 0; tries < in->member_count; tries++) {
            int32_t m = next;
            next = (next + 1) % in->member_count;
            if (subscribes(&in->members[m], p.partitions[i].topic)) {
                p.owner[i] = m;
                break;
            }
        }
    }
    return plan_finish(&p, arena);
}

/* --- cooperative-sticky ----------------------------------------------------------------------- */

static bool partition_at(const struct plan *p, const struct assignor_partition *a, int32_t *ret_at)
{
    if (a->topic < 0 || a->topic >= p->in->topic_count || a->partition < 0 ||
        a->partition >= p->in->topics[a->topic].partition_count) {
        return false;
    }
    *ret_at = p->first[a->topic] + a->partition;
    return true;
}

/* Everybody keeps what they had. Of two that claim the same the younger generation is right, and of
 * two of the same generation neither. */
static void keep_owned(struct plan *p, int32_t *generation, bool *disputed)
{
    for (int32_t m = 0; m < p->in->member_count; m++) {
        const struct assignor_member *member = &p->in->members[m];
        for (int32_t i = 0; i < member->owned_count; i++) {
            int32_t at;
            if (!partition_at(p, &member->owned[i], &at) ||
                !subscribes(member, member->owned[i].topic)) {
                continue;
            }
            if (p->owner[at] < 0 || member->generation > generation[at]) {
                p->owner[at] = m;
                generation[at] = member->generation;
                disputed[at] = false;
            } else if (member->generation == generation[at] && p->owner[at] != m) {
                disputed[at] = true;
            }
        }
    }
    for (int32_t i = 0; i < p->total; i++) {
        p->owner[i] = disputed[i] ? -1 : p->owner[i];
        if (p->owner[i] >= 0) {
            p->load[p->owner[i]]++;
        }
    }
}

static int32_t least_loaded(const struct plan *p, int32_t topic)
{
    int32_t best = -1;
    for (int32_t m = 0; m < p->in->member_count; m++) {
        if ((best < 0 || p->load[m] < p->load[best]) && subscribes(&p->in->members[m], topic)) {
            best = m;
        }
    }
    return best;
}

static void give(struct plan *p, int32_t at, int32_t to)
{
    if (p->owner[at] >= 0) {
        p->load[p->owner[at]]--;
    }
    p->owner[at] = to;
    if (to >= 0) {
        p->load[to]++;
    }
}

/* Each move takes from one that has at least two more: so it ends, and never moves back. */
static void balance(struct plan *p)
{
    for (int32_t i = 0; i < p->total; i++) {
        if (p->owner[i] < 0) {
            give(p, i, least_loaded(p, p->partitions[i].topic));
        }
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (int32_t i = 0; i < p->total; i++) {
            int32_t from = p->owner[i];
            int32_t to = from < 0 ? -1 : least_loaded(p, p->partitions[i].topic);
            if (to >= 0 && p->load[from] - p->load[to] >= 2) {
                give(p, i, to);
                moved = true;
            }
        }
    }
}

/* KIP-429: nobody gets what somebody else still holds. */
static void withhold_moving(struct plan *p)
{
    for (int32_t m = 0; m < p->in->member_count; m++) {
        const struct assignor_member *member = &p->in->members[m];
        for (int32_t i = 0; i < member->owned_count; i++) {
            int32_t at;
            if (partition_at(p, &member->owned[i], &at) && p->owner[at] != m) {
                p->owner[at] = -1;
            }
        }
    }
}

static enum err assign_cooperative_sticky(struct assignor_input *in, struct arena *arena)
{
    struct plan p;
    enum err err = plan_init(&p, in, arena);
    if (err) {
        return err;
    }
    int32_t *generation = arena_array(arena, (size_t)p.total, sizeof(*generation));
    bool *disputed = arena_array(arena, (size_t)p.total, sizeof(*disputed));
    if (!generation || !disputed) {
        return ERR_LIMIT;
    }
    keep_owned(&p, generation, disputed);
    balance(&p);
    withhold_moving(&p);
    return plan_finish(&p, arena);
}

const struct assignor *assignor_find(struct slice name)
{
    static const struct assignor assignors[] = {
        { "range", false, assign_range },
        { "roundrobin", false, assign_round_robin },
        { "cooperative-sticky", true, assign_cooperative_sticky },
    };
    for (size_t i = 0; i < sizeof(assignors) / sizeof(assignors[0]); i++) {
        if (slice_eq_str(name, assignors[i].name)) {
            return &assignors[i];
        }
    }
    return NULL;
}
