/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_raft_random.c - quorums under faults, by seed: first a time of crashes, partitions, loss,
 * pauses, resignations and changes of voters, then healing, after which they must agree and go on.
 * RAFT_SEEDS sets how many seeds, RAFT_SEED names a single one, whose story is told.
 */
#include "tests/broker/check_raft.h"
#include "tests/broker/raft_world.h"

#include "protocol/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEEDS_DEFAULT = 300, FAULT_ROUNDS = 40, HEAL_MS = 20000 };

static int any(struct world *w)
{
    return 1 + (int)rng_below(&w->rng, (uint64_t)w->node_count);
}

static int down(const struct world *w)
{
    int n = 0;
    for (int i = 0; i < w->node_count; i++) {
        n += !w->nodes[i].raft;
    }
    return n;
}

static void partition(struct world *w)
{
    memset(w->blocked, 0, sizeof(w->blocked));
    uint64_t side = rng_next(&w->rng);
    bool one_way = rng_below(&w->rng, 3) == 0;
    for (int a = 1; a <= w->node_count; a++) {
        for (int b = 1; b <= w->node_count; b++) {
            bool apart = (side >> a & 1) != (side >> b & 1);
            world_block(w, a, b, apart && (!one_way || (side >> a & 1)));
        }
    }
}

static void change_voters(struct world *w)
{
    struct world_node *leader = world_leader(w);
    if (leader && w->kraft_version > 0) {
        int id = any(w);
        bool votes = false;
        struct raft_voter_set set = raft_voters(leader->raft);
        for (size_t i = 0; i < set.count; i++) {
            votes |= set.voters[i].id == id;
        }
        if (votes == (rng_below(&w->rng, 8) != 0)) {
            world_remove_voter(w, leader, id);
        } else {
            world_add_voter(w, leader, id);
        }
    }
}

static void restart_all(struct world *w)
{
    for (int i = 0; i < w->node_count; i++) {
        world_crash(w, &w->nodes[i]);
    }
    for (int i = 0; i < w->node_count; i++) {
        world_start(w, &w->nodes[i]);
    }
}

static void fault(struct world *w)
{
    struct world_node *n = world_node(w, any(w));
    struct world_node *leader = world_leader(w);
    switch (rng_below(&w->rng, 16)) {
    case 0:
    case 1:
        if (down(w) < w->node_count / 2 + 1) {
            world_crash(w, n);
        }
        break;
    case 2:
    case 3:
        if (leader) {
            world_crash(w, leader);
        }
        break;
    case 4:
    case 5:
    case 6:
        for (int i = 0; i < w->node_count; i++) {
            if (!w->nodes[i].raft) {
                world_start(w, &w->nodes[i]);
                break;
            }
        }
        break;
    case 7:
        partition(w);
        break;
    case 8:
        memset(w->blocked, 0, sizeof(w->blocked));
        break;
    case 9:
        n->paused = !n->paused;
        break;
    case 10:
        world_snapshot(w, n);
        break;
    case 11:
        if (leader) {
            world_resign(w, leader, false);
        }
        break;
    case 12:
        if (rng_below(&w->rng, 4) == 0) {
            restart_all(w);
        }
        break;
    case 13:
        w->sync_max_ms = rng_below(&w->rng, 3) == 0 ? 300 : 4;
        break;
    default:
        change_voters(w);
        break;
    }
}

static void propose_some(struct world *w)
{
    for (int i = 0; i < w->node_count; i++) {
        if (w->nodes[i].raft && raft_role(w->nodes[i].raft) == RAFT_LEADER) {
            (void)world_propose(w, &w->nodes[i]);
        }
    }
}

static void setup(struct world *w, uint64_t seed)
{
    struct rng pick;
    rng_seed(&pick, seed * 7919 + 1);
    struct world_config config = { .seed = seed,
                                   .voters = 1 + (int)rng_below(&pick, 5),
                                   .dynamic = rng_below(&pick, 3) != 0 };
    config.nodes = config.voters + (int)rng_below(&pick, 3);
    config.nodes = config.nodes < 2                 ? 2
                   : config.nodes > WORLD_NODES_MAX ? WORLD_NODES_MAX
                                                    : config.nodes;
    world_init(w, &config);
    w->loss_permille = rng_below(&pick, 2) ? (uint32_t)rng_below(&pick, 200) : 0;
    w->double_permille = (uint32_t)rng_below(&pick, 30);
    w->delay_max_ms = rng_below(&pick, 4) == 0 ? 400 : 10;
    w->crash_permille = rng_below(&pick, 3) == 0 ? 3 : 0;
    for (int i = 0; i < w->node_count; i++) {
        w->nodes[i].version_cap =
            rng_below(&pick, 3) == 0 ? (int16_t)rng_below(&pick, config.dynamic ? 2 : 3) : 0;
    }
    for (int i = 0; i < w->node_count; i++) {
        world_start(w, &w->nodes[i]);
    }
}

static bool agreed(struct world *w)
{
    struct world_node *leader = world_leader(w);
    if (!leader || raft_high_watermark(leader->raft) != raft_log_end_offset(leader->raft)) {
        return false;
    }
    for (int i = 0; i < w->node_count; i++) {
        struct world_node *n = &w->nodes[i];
        if (!n->raft || raft_epoch(n->raft) != raft_epoch(leader->raft) ||
            raft_high_watermark(n->raft) != raft_high_watermark(leader->raft) ||
            raft_leader_id(n->raft) != leader->id) {
            return false;
        }
    }
    return true;
}

/* Everything is well again: they must find a leader, commit, and all come to know of it. */
static void heal(struct world *w)
{
    world_heal(w);
    w->delay_max_ms = 10;
    w->sync_max_ms = 4;
    int64_t before = w->committed_end;
    for (int i = 0; i < HEAL_MS / 250 && !w->broken; i++) {
        (void)world_run(w, 250);
        if (w->committed_end == before || i < 8) {
            propose_some(w);
        } else if (agreed(w)) {
            return;
        }
    }
    if (!w->broken && !agreed(w)) {
        struct world_node *leader = world_leader(w);
        world_break(w, "Progress", "leader %d, committed %lld since healing at %lld",
                    leader ? leader->id : -1, (long long)w->committed_end, (long long)before);
    }
}

static void run_seed(struct world *w, uint64_t seed)
{
    setup(w, seed);
    for (int i = 0; i < FAULT_ROUNDS && !w->broken; i++) {
        uint64_t left = 20 + rng_below(&w->rng, 700);
        while (left > 0 && world_run(w, left < 60 ? left : 60)) {
            left -= left < 60 ? left : 60;
            propose_some(w);
        }
        if (!w->broken) {
            fault(w);
            rule_logs_match(w);
        }
    }
    if (!w->broken) {
        heal(w);
    }
    if (!w->broken) {
        rule_logs_match(w);
    }
}

static void tell(struct world *w)
{
    for (int i = 0; i < w->node_count; i++) {
        const struct world_node *n = &w->nodes[i];
        if (!n->raft) {
            fprintf(stderr, "node %d: down\n", n->id);
            continue;
        }
        fprintf(stderr,
                "node %d: %s of epoch %d, leader %d, log %lld..%lld, synced %lld, "
                "high watermark %lld, voters",
                n->id, raft_role_text(raft_role(n->raft)), raft_epoch(n->raft),
                raft_leader_id(n->raft), (long long)n->disk.start, (long long)n->disk.end,
                (long long)n->disk.synced, (long long)raft_high_watermark(n->raft));
        struct raft_voter_set set = raft_voters(n->raft);
        for (size_t k = 0; k < set.count; k++) {
            fprintf(stderr, " %d", set.voters[k].id);
        }
        fprintf(stderr, "\n");
    }
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

START_TEST(no_fault_breaks_a_rule_and_every_quorum_heals)
{
    uint64_t first = number("RAFT_SEED", 1);
    uint64_t count = getenv("RAFT_SEED") ? 1 : number("RAFT_SEEDS", SEEDS_DEFAULT);
    uint64_t steps = 0, committed = 0, elections = 0, changes = 0, refused = 0, adopted = 0;
    struct world *w = mem_alloc(sizeof(*w));
    for (uint64_t seed = first; seed < first + count; seed++) {
        run_seed(w, seed);
        if (w->broken) {
            fprintf(stderr, "RAFT_SEED=%llu breaks %s: %s\n", (unsigned long long)seed, w->broken,
                    w->broken_text);
            tell(w);
        }
        ck_assert_msg(!w->broken, "seed %llu breaks %s: %s", (unsigned long long)seed, w->broken,
                      w->broken_text);
        steps += w->steps;
        committed += (uint64_t)w->committed_end;
        elections += w->elections;
        changes += w->changes_done;
        refused += w->changes_refused;
        adopted += w->adopted;
        world_deinit(w);
    }
    mem_free(w);
    /* The faults must not have stopped everything: this test has to be able to fail. */
    ck_assert_uint_gt(committed, count * 20);
    ck_assert_uint_gt(elections, count);
    if (count >= 100) {
        ck_assert_uint_gt(changes, count / 10);
        ck_assert_uint_gt(adopted, count / 20);
    }
    if (getenv("RAFT_SEEDS")) {
        fprintf(stderr,
                "%llu seeds: %llu events, %llu committed, %llu elections, %llu changes, "
                "%llu refused, %llu snapshots adopted\n",
                (unsigned long long)count, (unsigned long long)steps, (unsigned long long)committed,
                (unsigned long long)elections, (unsigned long long)changes,
                (unsigned long long)refused, (unsigned long long)adopted);
    }
}
END_TEST

START_TEST(the_same_seed_tells_the_same_story)
{
    struct world *w = mem_alloc(sizeof(*w));
    uint64_t digests[2];
    for (int i = 0; i < 2; i++) {
        run_seed(w, 12345);
        digests[i] = w->digest;
        world_deinit(w);
    }
    mem_free(w);
    ck_assert_uint_eq(digests[0], digests[1]);
}
END_TEST

/* StableLeadership */
START_TEST(without_faults_a_leader_stays)
{
    struct world *w = mem_alloc(sizeof(*w));
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world_config config = {
            .seed = seed, .voters = 3 + (int)(seed % 3), .nodes = 6, .dynamic = seed % 2 == 0
        };
        world_init(w, &config);
        for (int i = 0; i < w->node_count; i++) {
            world_start(w, &w->nodes[i]);
        }
        ck_assert(world_run(w, 10000));
        ck_assert(agreed(w));
        int32_t epoch = w->epoch_max;
        uint32_t elections = w->elections;
        for (int i = 0; i < 100; i++) {
            propose_some(w);
            ck_assert_msg(world_run(w, 300), "%s: %s", w->broken, w->broken_text);
        }
        ck_assert_int_eq(w->epoch_max, epoch);
        ck_assert_uint_eq(w->elections, elections);
        ck_assert(agreed(w));
        world_deinit(w);
    }
    mem_free(w);
}
END_TEST

Suite *raft_random_suite(void)
{
    Suite *s = suite_create("raft random");
    TCase *t = tcase_create("seeds");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, without_faults_a_leader_stays);
    tcase_add_test(t, the_same_seed_tells_the_same_story);
    tcase_add_test(t, no_fault_breaks_a_rule_and_every_quorum_heals);
    suite_add_tcase(s, t);
    return s;
}
