/* SPDX-License-Identifier: Apache-2.0 */
/* sim_options.c - the swarm: a seed decides how large, how slow, how hostile its world is, so that
 * every kind of world comes up. Driven by sim_run(). */
#include "tests/sim/sim_cluster.h"

static uint64_t between(struct rng *r, uint64_t least, uint64_t most)
{
    return least + rng_below(r, most - least + 1);
}

static bool chance(struct rng *r, uint64_t one_in)
{
    return rng_below(r, one_in) == 0;
}

static void world_options(struct sim_world_options *o, struct rng *r)
{
    o->latency_ns = between(r, 20, 500) * NS_PER_US;
    if (chance(r, 5)) {
        o->latency_ns = between(r, 2, 30) * NS_PER_MS;
    }
    o->loss_ppm = chance(r, 3) ? (uint32_t)between(r, 100, 20000) : 0;
    o->window_bytes = 4096u << rng_below(r, 8);
    if (o->latency_ns >= NS_PER_MS && o->window_bytes < 262144) {
        o->window_bytes = 262144; /* an answer must fit into a request's time-out */
    }
    o->drift_ppm_max = chance(r, 2) ? (uint32_t)between(r, 1, 20000) : 0;
    o->work_ns_max = between(r, 100, 5000) * NS_PER_US;
    if (chance(r, 6)) {
        o->work_ns_max = between(r, 10, 100) * NS_PER_MS;
    }
}

static void workload_options(struct sim_workload_options *o, struct rng *r)
{
    o->topics = (uint32_t)between(r, 1, 3);
    o->partitions_max = (uint32_t)between(r, 1, 6);
    o->producers = (uint32_t)between(r, 1, 3);
    o->readers = 1;
    o->groups = (uint32_t)between(r, 0, 2);
    o->members = (uint32_t)between(r, 1, 3);
    o->records_max = between(r, 200, 4000);
    o->value_bytes_max = 200;
    if (chance(r, 5)) {
        o->value_bytes_max = 8000;
        o->records_max /= 8;
    }
    o->topics_late_ns = between(r, 1, 10) * NS_PER_S;
    o->session_timeout_ns = between(r, 6, 12) * NS_PER_S;
    o->client = (struct client_config){
        .request_timeout_ns = between(r, 2, 8) * NS_PER_S,
        .connect_timeout_ns = between(r, 1, 4) * NS_PER_S,
        .metadata_max_age_ns = between(r, 2, 30) * NS_PER_S,
        .backoff_ns = between(r, 10, 100) * NS_PER_MS,
        .backoff_max_ns = between(r, 500, 2000) * NS_PER_MS,
    };
}

/* Half of the kinds, drawn anew for each seed; some seeds have none. */
static uint32_t fault_options(struct rng *r, bool page_cache)
{
    uint32_t faults = (uint32_t)rng_next(r) & ((1u << SIM_FAULT_ROT) - 1);
    if (chance(r, 20)) {
        return 0;
    }
    if (page_cache) { /* Kafka's own bargain: no promise without power */
        faults &= ~(1u << SIM_FAULT_POWER_LOSS | 1u << SIM_FAULT_POWER_LOSS_IN_CALL |
                    1u << SIM_FAULT_POWER_LOSS_ALL | 1u << SIM_FAULT_SYNC_ERROR);
    }
    return faults;
}

/* One seed in three changes its cluster, in some ways. */
static void change_options(struct sim_options *o, struct rng *r)
{
    if (chance(r, 3)) {
        o->snapshot_bytes = (uint32_t)between(r, 1000, 30000);
    }
    if (!chance(r, 3)) {
        return;
    }
    uint32_t kinds = (uint32_t)rng_next(r) & ((1u << SIM_CHANGE_COUNT) - 1);
    if (o->nodes == 1) {
        kinds &= ~(1u << SIM_CHANGE_REASSIGN | 1u << SIM_CHANGE_CANCEL | 1u << SIM_CHANGE_ADD_NODE |
                   1u << SIM_CHANGE_VOTERS);
    }
    o->dynamic = kinds & 1u << SIM_CHANGE_VOTERS;
    if (kinds & 1u << SIM_CHANGE_CANCEL) {
        kinds |= 1u << SIM_CHANGE_REASSIGN;
    }
    o->changes = (struct sim_changes_options){ .kinds = kinds,
                                               .interval_ns = between(r, 200, 3000) * NS_PER_MS };
    o->workload.growth_max = kinds & 1u << SIM_CHANGE_PARTITIONS ? (uint32_t)between(r, 1, 4) : 0;
    o->workload.deletes = kinds & 1u << SIM_CHANGE_DELETE_RECORDS;
}

/* Some seeds have one disk that cannot be trusted: it lies, or it rots. What the others have is
 * enough then, as long as two have to have it (no seed of these changes min.insync.replicas). A
 * liar must not vote: no quorum is safe with one. */
static void untrusted_options(struct sim_options *o, struct rng *r)
{
    static const char *const kinds[] = { ".log",       ".log",      ".index",
                                         ".timeindex", ".snapshot", "-checkpoint" };
    bool may = o->nodes >= 3 && !o->page_cache && !o->changes.kinds;
    if (may && chance(r, 3)) {
        o->voters = o->nodes == 3 ? 1 : 3;
        o->liar = o->nodes;
        o->faults |= 1u << SIM_FAULT_POWER_LOSS;
    } else if (may && chance(r, 3)) {
        o->rotten = (uint32_t)between(r, 1, o->nodes);
        o->rots = kinds[rng_below(r, sizeof(kinds) / sizeof(kinds[0]))];
        o->faults |= 1u << SIM_FAULT_ROT;
    }
}

/* Somebody is away until the metadata it lacks are in a snapshot only. */
static void absence_options(struct sim_options *o, struct rng *r)
{
    if (o->nodes >= 3 && chance(r, 4)) {
        o->absent = (uint32_t)between(r, 1, o->nodes);
        o->absence_ns = between(r, 8, 30) * NS_PER_S;
        o->snapshot_bytes = (uint32_t)between(r, 400, 2000);
    }
}

/* Nodes whose configurations differ: none of them may count for itself. */
static void differing_options(struct sim_options *o, struct rng *r)
{
    bool differ = chance(r, 5) && o->nodes >= 3 && !o->liar && !o->rotten;
    for (uint32_t i = 0; differ && i < o->nodes; i++) {
        o->min_isr[i] = (int32_t)rng_below(r, 3);
    }
}

void sim_options_swarm(struct sim_options *o, uint64_t seed, uint32_t nodes)
{
    struct rng r;
    rng_seed(&r, seed ^ 0x5eed);
    static const uint32_t sizes[] = { 1, 3, 3, 5 };
    uint32_t size = sizes[rng_below(&r, 4)];
    *o = (struct sim_options){ .nodes = nodes ? nodes : size };
    o->voters = o->nodes;
    o->page_cache = chance(&r, 6);
    o->roll_ms = chance(&r, 2) ? (uint32_t)between(&r, 200, 5000) : 0;
    o->lag_ms = (uint32_t)between(&r, 500, 10000);
    o->faults = fault_options(&r, o->page_cache);
    o->fault_interval_ns = between(&r, 300, 5000) * NS_PER_MS;
    o->outage_ns_max = between(&r, 100, 8000) * NS_PER_MS;
    o->safety_ns = between(&r, 10, 40) * NS_PER_S;
    world_options(&o->world, &r);
    workload_options(&o->workload, &r);
    o->workload.replication_factor = (int16_t)(o->nodes < 3 ? o->nodes : 3);
    rng_seed(&r, seed ^ 0xc4a45e);
    change_options(o, &r);
    rng_seed(&r, seed ^ 0x7265);
    untrusted_options(o, &r);
    rng_seed(&r, seed ^ 0xab5e27);
    absence_options(o, &r);
    rng_seed(&r, seed ^ 0x2222);
    differing_options(o, &r);
}

void sim_options_print(const struct sim_options *o, FILE *out)
{
    fprintf(out, "%u node(s)%s, %s; ", o->nodes, o->dynamic ? " with a dynamic quorum" : "",
            o->page_cache ? "page-cache" : "fsync");
    fprintf(out, "%u topics of RF %d, %u producers, %u reader(s), %u groups of %u; ",
            o->workload.topics, o->workload.replication_factor, o->workload.producers,
            o->workload.readers, o->workload.groups, o->workload.members);
    fprintf(out, "latency %llu us, loss %u ppm, disk %llu us; a fault about every %llu ms:",
            (unsigned long long)(o->world.latency_ns / NS_PER_US), o->world.loss_ppm,
            (unsigned long long)(o->world.work_ns_max / NS_PER_US),
            (unsigned long long)(o->fault_interval_ns / NS_PER_MS));
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        if (o->faults & 1u << f) {
            fprintf(out, " %s", sim_fault_name((enum sim_fault)f));
        }
    }
    if (o->liar) {
        fprintf(out, "; node %u's disk lies, %u voter(s)", o->liar, o->voters);
    }
    for (uint32_t i = 0; i < o->nodes; i++) {
        if (o->min_isr[i]) {
            fprintf(out, "; node %u is told of min.insync.replicas %d", i + 1, (int)o->min_isr[i]);
        }
    }
    if (o->absent) {
        fprintf(out, "; node %u is away for %llu s", o->absent,
                (unsigned long long)(o->absence_ns / NS_PER_S));
    }
    if (o->rotten) {
        fprintf(out, "; node %u's *%s rot", o->rotten, o->rots);
    }
    for (int k = 0; k < SIM_CHANGE_COUNT; k++) {
        if (o->changes.kinds & 1u << k) {
            fprintf(out, "%s %s", o->changes.kinds & ((1u << k) - 1) ? "" : "; changes:",
                    sim_change_name((enum sim_change)k));
        }
    }
    if (o->snapshot_bytes) {
        fprintf(out, "; a snapshot every %u bytes", o->snapshot_bytes);
    }
    fputc('\n', out);
}
