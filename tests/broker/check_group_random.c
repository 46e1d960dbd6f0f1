/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group_random.c - random schedules of clients, appends, failures and time, by seed.
 * What must hold after every step:
 *   (P1) each call is answered once, and at the end none is left;
 *   (P2) the generations of a group grow, as long as its coordinator stays;
 *   (P3) in one generation one member is given the list of members, to assign;
 *   (P4) an assignment told to a member was made by the leader of the generation it is told for;
 *   (P5) what a fetch gives is the last commit that was acknowledged.
 */
#include "tests/broker/check_group_world.h"

#include "protocol/base/rng.h"

#include <stdio.h>

enum { CLIENTS = 10, GROUPS = 3, TOPIC_PARTITIONS = 4, STEPS = 2500, SEEDS = 24 };

enum call_kind { CALL_JOIN, CALL_SYNC, CALL_COMMIT, CALL_DELETE };

struct call_note {
    enum call_kind kind;
    int client;
    int group;
    int32_t generation; /* of a sync */
    int32_t partition;
    int64_t offset;
};

struct actor {
    struct client k;
    int group;
    uintptr_t waits; /* the join or sync that is not answered, or 0 */
    bool joined;     /* has a generation */
    bool synced;
    bool leads;
    char member_ids[CLIENTS][200]; /* what the leader was told */
    int32_t member_count;
};

static struct world w;
static struct rng rng;
static struct actor actors[CLIENTS];
static struct call_note notes[WORLD_CALLS_MAX];
static size_t seen_replies;
static int64_t model[GROUPS][TOPIC_PARTITIONS];
static int32_t last_generation[GROUPS];
static int32_t led_generation[GROUPS]; /* the generation of which leader[] speaks */
static char leader[GROUPS][200];
static const char *const names[GROUPS] = { "alpha", "beta", "gamma" };

static int group_of(struct slice name)
{
    for (int i = 0; i < GROUPS; i++) {
        if (slice_eq_str(name, names[i])) {
            return i;
        }
    }
    ck_abort_msg("a trace names an unknown group");
    return -1;
}

static void on_trace(const struct group_trace *t)
{
    int g = group_of(t->group);
    if (t->kind == GROUP_TRACE_GENERATION || t->kind == GROUP_TRACE_EMPTY) {
        ck_assert_int_gt(t->generation, last_generation[g]); /* P2 */
        last_generation[g] = t->generation;
    } else if (t->kind == GROUP_TRACE_DELETED) {
        last_generation[g] = led_generation[g] = 0;
    }
}

static void on_join(struct actor *a, const struct join_group_response *r)
{
    a->joined = a->synced = a->leads = false;
    if (r->error_code == KAFKA_MEMBER_ID_REQUIRED) {
        snprintf(a->k.member_id, sizeof(a->k.member_id), "%.*s", SLICE_ARG(r->member_id));
    } else if (r->error_code == KAFKA_UNKNOWN_MEMBER_ID ||
               r->error_code == KAFKA_FENCED_INSTANCE_ID) {
        a->k.member_id[0] = 0;
    }
    if (r->error_code) {
        return;
    }
    snprintf(a->k.member_id, sizeof(a->k.member_id), "%.*s", SLICE_ARG(r->member_id));
    a->k.generation = r->generation_id;
    a->joined = true;
    if (r->members_n > 0 && !r->skip_assignment) {
        if (led_generation[a->group] == r->generation_id) {
            ck_assert_str_eq(leader[a->group], a->k.member_id); /* P3 */
        }
        led_generation[a->group] = r->generation_id;
        snprintf(leader[a->group], sizeof(leader[0]), "%s", a->k.member_id);
        a->leads = true;
        a->member_count = r->members_n;
        ck_assert_int_le(r->members_n, CLIENTS);
        for (int32_t i = 0; i < r->members_n; i++) {
            snprintf(a->member_ids[i], sizeof(a->member_ids[i]), "%.*s",
                     SLICE_ARG(r->members[i].member_id));
        }
    }
}

static void on_sync(struct actor *a, int32_t generation, const struct sync_group_response *r)
{
    if (r->error_code) {
        a->joined = false;
        if (r->error_code == KAFKA_UNKNOWN_MEMBER_ID || r->error_code == KAFKA_FENCED_INSTANCE_ID) {
            a->k.member_id[0] = 0;
        }
        return;
    }
    char expected[32];
    snprintf(expected, sizeof(expected), "made for %d", generation);
    ck_assert(slice_eq_str(r->assignment, expected)); /* P4 */
    a->synced = true;
}

static void absorb(void)
{
    for (; seen_replies < w.replied; seen_replies++) {
        uintptr_t call = w.reply_order[seen_replies];
        const struct call_note *n = &notes[call];
        struct actor *a = n->client >= 0 ? &actors[n->client] : NULL;
        bool current = a && a->waits == call;
        switch (n->kind) {
        case CALL_JOIN:
            if (current) {
                a->waits = 0;
                on_join(a, w.replies[call]);
            }
            break;
        case CALL_SYNC:
            if (current) {
                a->waits = 0;
                on_sync(a, n->generation, w.replies[call]);
            }
            break;
        case CALL_COMMIT:
            if (commit_error_of(&w, call) == KAFKA_NONE) {
                model[n->group][n->partition] = n->offset;
            }
            break;
        case CALL_DELETE: {
            const struct delete_groups_response *r = w.replies[call];
            for (int p = 0; p < TOPIC_PARTITIONS && !r->results[0].error_code; p++) {
                model[n->group][p] = -1;
            }
            break;
        }
        }
    }
}

/* Notes are written before the call, for it may be answered in it. */
static struct call_note *note(enum call_kind kind, int client, int group)
{
    notes[w.calls + 1] = (struct call_note){ .kind = kind, .client = client, .group = group };
    return &notes[w.calls + 1];
}

static void do_join(int i)
{
    struct actor *a = &actors[i];
    note(CALL_JOIN, i, a->group);
    a->waits = w.calls + 1;
    client_join(&w, &a->k);
}

static void do_sync(int i)
{
    struct actor *a = &actors[i];
    char text[32];
    struct sync_group_request_assignment assignments[CLIENTS];
    snprintf(text, sizeof(text), a->leads ? "made for %d" : "forged", a->k.generation);
    for (int32_t n = 0; n < a->member_count; n++) {
        assignments[n].member_id = slice_str(a->member_ids[n]);
        assignments[n].assignment = slice_str(text);
    }
    note(CALL_SYNC, i, a->group)->generation = a->k.generation;
    a->waits = w.calls + 1;
    client_sync(&w, &a->k, assignments, a->member_count);
}

static void do_commit(int i)
{
    struct actor *a = &actors[i];
    int32_t partition = (int32_t)rng_below(&rng, TOPIC_PARTITIONS);
    int64_t offset = (int64_t)rng_below(&rng, 1000000);
    struct call_note *n = note(CALL_COMMIT, i, a->group);
    n->partition = partition;
    n->offset = offset;
    client_commit(&w, &a->k, "t", partition, offset);
}

static void do_delete(int g)
{
    struct slice name = slice_str(names[g]);
    struct delete_groups_request req = { .groups_names = &name, .groups_names_n = 1 };
    note(CALL_DELETE, -1, g);
    coordinator_delete_groups(w.c, &req, NULL, (void *)++w.calls);
    world_run(&w);
}

static void forget(int i)
{
    struct actor *a = &actors[i];
    a->joined = a->synced = a->leads = false;
    a->waits = 0;
    a->k.member_id[0] = 0;
}

static void step(void)
{
    int i = (int)rng_below(&rng, CLIENTS);
    struct actor *a = &actors[i];
    switch (rng_below(&rng, 24)) {
    case 0:
        world_pass_ms(&w, rng_below(&rng, 8000));
        break;
    case 1:
        forget(i); /* the process died and starts again */
        break;
    case 2:
        if (a->k.member_id[0] && !a->waits && rng_below(&rng, 4) == 0) {
            client_leave(&w, &a->k);
            forget(i);
        }
        break;
    case 3:
        if (a->joined && !a->waits) {
            a->joined = client_heartbeat(&w, &a->k) == KAFKA_NONE;
        }
        break;
    case 4:
    case 5:
        if (a->synced || (!a->k.member_id[0] && !a->waits)) {
            do_commit(i);
        }
        break;
    case 6:
        if (rng_below(&rng, 10) == 0) {
            do_delete(a->group);
        }
        break;
    case 7:
        if (rng_below(&rng, 60) == 0) {
            world_lose_and_lead(&w);
            memset(last_generation, 0, sizeof(last_generation));
            memset(led_generation, 0, sizeof(led_generation));
        }
        break;
    case 8:
    case 9:
    case 10:
        if (w.append_count > 0) {
            world_append_done(&w, rng_below(&rng, 12) ? KAFKA_NONE : KAFKA_NOT_ENOUGH_REPLICAS);
        }
        break;
    case 11: /* a reply got lost, and the client comes again */
        if (a->waits && rng_below(&rng, 3) == 0) {
            a->waits = 0;
        }
        break;
    default:
        if (a->waits) {
            break;
        }
        if (a->joined && !a->synced) {
            do_sync(i);
        } else if (!a->joined) {
            do_join(i);
        }
        break;
    }
}

static void check_offsets(void)
{
    for (int g = 0; g < GROUPS; g++) {
        for (int32_t p = 0; p < TOPIC_PARTITIONS; p++) {
            ck_assert_int_eq(committed(&w, names[g], "t", p), model[g][p]); /* P5 */
        }
    }
}

START_TEST(invariants_hold_on_random_schedules)
{
    struct group_config config;
    group_config_init(&config);
    config.partition_count = 7;
    config.members_max = 6;
    rng_seed(&rng, (uint64_t)_i + 1);
    config.initial_rebalance_delay_ms = (uint32_t)rng_below(&rng, 3) * 1500;
    world_init(&w, &config);
    w.hold_appends = true;
    w.on_trace = on_trace;
    seen_replies = 0;
    memset(actors, 0, sizeof(actors));
    memset(last_generation, 0, sizeof(last_generation));
    memset(led_generation, 0, sizeof(led_generation));
    memset(model, 0xff, sizeof(model));
    static const char *const instances[] = { "i0", "i1", "i2" };
    for (int i = 0; i < CLIENTS; i++) {
        actors[i].group = i % GROUPS;
        actors[i].k = (struct client){ .group = names[i % GROUPS], .rebalance_ms = 20000 };
        actors[i].k.instance = rng_below(&rng, 3) ? NULL : instances[rng_below(&rng, 3)];
        actors[i].k.protocols = rng_below(&rng, 4) ? "range,sticky" : "sticky";
        actors[i].k.version = rng_below(&rng, 4) ? 9 : 3;
        if (actors[i].k.instance && actors[i].k.version < 5) {
            actors[i].k.version = 5;
        }
    }
    for (int n = 0; n < STEPS && w.calls < WORLD_CALLS_MAX - 8; n++) {
        step();
        absorb();
        if (n % 16 == 0) {
            check_offsets();
        }
    }
    /* Nobody moves any more: all that waits is answered in the end. */
    while (w.append_count > 0) {
        world_append_done(&w, KAFKA_NONE);
    }
    w.hold_appends = false;
    world_pass_ms(&w, 3600 * 1000);
    absorb();
    check_offsets();
    ck_assert_uint_eq(w.replied, w.calls); /* P1 */
    ck_assert_uint_gt(w.traces[GROUP_TRACE_STABLE], 3);
    world_lose_and_lead(&w);
    check_offsets();
    world_deinit(&w);
}
END_TEST

Suite *group_random_suite(void)
{
    Suite *s = suite_create("group_random");
    TCase *t = tcase_create("seeds");
    tcase_add_loop_test(t, invariants_hold_on_random_schedules, 0, SEEDS);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
