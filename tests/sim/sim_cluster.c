/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_cluster.c - see sim_cluster.h. Driven by sim_main.c, once a seed.
 */
#include "tests/sim/sim_cluster.h"

#include "protocol/base/alloc.h"

enum {
    PROGRESS_SECONDS_MAX = 90, /* simulated: from the end of the faults until all is well */
    SLOW_SECONDS_MAX = 240,    /* the same where a connection carries a few KB a second only */
    LAST_SECONDS = 3,          /* of them, producers still have something new */
    SETTINGS_MAX = 16,
};

/* --- set-up ----------------------------------------------------------------------------------- */

/* The voters, "1@10.0.0.1:9093,...", or who knows them, "10.0.0.1:9093,..." */
static void print_servers(const struct sim_cluster *c, struct buf *out)
{
    for (uint32_t i = 0; i < c->options.voters; i++) {
        buf_append_str(out, i ? "," : "");
        if (!c->options.dynamic) {
            buf_printf(out, "%u@", i + 1);
        }
        buf_printf(out, "10.0.0.%u:%d", i + 1, SIM_CONTROLLER_PORT);
    }
}

/* voters NULL: the node is alone. */
static void make_node(struct sim_cluster *c, uint32_t i, const char *voters)
{
    bool dynamic = voters && c->options.dynamic, controller = i < c->options.voters || dynamic;
    char name[SIM_NAME_MAX], address[SIM_NAME_MAX], listeners[96], roll_ms[16], lag_ms[16];
    char snapshot_bytes[16], min_isr[16];
    int32_t own_min_isr = i < c->options.nodes ? c->options.min_isr[i] : 0;
    snprintf(name, sizeof(name), "n%u", i + 1);
    snprintf(address, sizeof(address), "10.0.0.%u", i + 1);
    snprintf(listeners, sizeof(listeners), "PLAINTEXT://%s:%d%s%s%s", address, SIM_PORT,
             voters && controller ? ",CONTROLLER://" : "", voters && controller ? address : "",
             voters && controller ? ":9093" : "");
    snprintf(roll_ms, sizeof(roll_ms), "%u", c->options.roll_ms);
    snprintf(lag_ms, sizeof(lag_ms), "%u", c->options.lag_ms);
    snprintf(snapshot_bytes, sizeof(snapshot_bytes), "%u",
             c->options.snapshot_bytes ? c->options.snapshot_bytes : 20u << 20);
    snprintf(min_isr, sizeof(min_isr), "%d", own_min_isr ? (int)own_min_isr : -1);
    struct sim_setting settings[SETTINGS_MAX] = {
        { "listeners", listeners },
        { "durability", c->options.page_cache ? "page-cache" : "fsync" },
        { "auto.create.topics.enable", "false" },
        { "offsets.topic.num.partitions", "3" },
        { "log.segment.bytes", "1048576" },
        { "log.index.interval.bytes", c->options.rotten ? "100" : "4096" },
        { "log.roll.ms", roll_ms },
        { "replica.lag.time.max.ms", lag_ms },
        { "log.retention.check.interval.ms", "5s" },
        { "log.flush.offset.checkpoint.interval.ms", "3s" },
        { "replica.high.watermark.checkpoint.interval.ms", "1s" },
        { "metadata.log.max.record.bytes.between.snapshots", snapshot_bytes },
        { "min.insync.replicas", min_isr },
        { "process.roles", controller ? "broker,controller" : "broker" },
        { dynamic  ? "controller.quorum.bootstrap.servers"
          : voters ? "controller.quorum.voters"
                   : NULL,
          voters },
        { NULL, NULL },
    };
    sim_node_init(&c->nodes[i], &c->world, (int32_t)i + 1, name, address, settings);
}

/* "1@10.0.0.1:9093:directory-id,..." */
static void format_initial(struct sim_cluster *c)
{
    struct buf controllers = { 0 };
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct uuid id;
        char text[23];
        for (size_t k = 0; k < sizeof(id.bytes); k++) {
            id.bytes[k] = (uint8_t)(k ? sim_random(&c->world, 256) : i + 1);
        }
        uuid_format(&id, text);
        buf_printf(&controllers, "%s%u@10.0.0.%u:%d:%s", i ? "," : "", i + 1, i + 1,
                   SIM_CONTROLLER_PORT, text);
    }
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        sim_node_format_quorum(&c->nodes[i], SIM_CLUSTER_ID, FORMAT_INITIAL,
                               buf_cstr(&controllers));
    }
    sim_node_format_quorum(&c->nodes[c->options.nodes], SIM_CLUSTER_ID, FORMAT_NO_INITIAL, NULL);
    buf_deinit(&controllers);
}

static void make_nodes(struct sim_cluster *c)
{
    struct buf servers = { 0 };
    print_servers(c, &servers);
    c->node_count = c->options.nodes;
    for (uint32_t i = 0; i < c->node_count; i++) {
        make_node(c, i, c->node_count > 1 ? buf_cstr(&servers) : NULL);
        snprintf(c->bootstrap[i], sizeof(c->bootstrap[i]), "%s:%d", c->nodes[i].host->address,
                 SIM_PORT);
    }
    if (c->node_count > 1) {
        make_node(c, c->node_count, buf_cstr(&servers));
    }
    if (c->options.dynamic) {
        format_initial(c);
    } else {
        for (uint32_t i = 0; c->node_count > 1 && i < c->node_count + SIM_NODES_LATER; i++) {
            sim_node_format(&c->nodes[i], SIM_CLUSTER_ID);
        }
    }
    buf_deinit(&servers);
    sim_quorum_init(&c->quorum, &c->world, c->node_count);
}

bool sim_cluster_grow(struct sim_cluster *c)
{
    struct error err;
    struct sim_node *n = &c->nodes[c->node_count];
    if (c->options.nodes == 1 || c->node_count > c->options.nodes) {
        return false;
    }
    c->node_count++;
    c->quorum.node_count++;
    if (sim_node_start(n, &err)) {
        sim_fail(&c->world, "%s does not start: %s", n->host->name, err.text);
    }
    return true;
}

static void start_nodes(struct sim_cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct error err;
        if (sim_node_start(&c->nodes[i], &err)) {
            sim_fail(&c->world, "%s does not start: %s", c->nodes[i].host->name, err.text);
        }
        c->nodes[i].disk.faults.lies = i + 1 == c->options.liar;
    }
}

static void after_event(void *ctx, struct sim_host *h)
{
    struct sim_cluster *c = ctx;
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct sim_node *n = &c->nodes[i];
        if (n->broker && n->host->running && (h == n->host || !h)) {
            sim_quorum_inspect(&c->quorum, i, n);
            sim_topics_inspect(&c->topics, i, n);
            sim_inspect_node(c, n);
        }
    }
}

/* --- the run ---------------------------------------------------------------------------------- */

static void run_until(struct sim_cluster *c, uint64_t until_ns)
{
    while (c->world.now_ns < until_ns && sim_world_step(&c->world)) {
    }
}

static void must_progress(struct sim_cluster *c)
{
    char why[160] = "";
    uint64_t last_ns = c->world.now_ns + (uint64_t)LAST_SECONDS * NS_PER_S;
    uint64_t bound_ns = c->world.now_ns + (uint64_t)PROGRESS_SECONDS_MAX * NS_PER_S;
    run_until(c, last_ns);
    c->workload.stopping = true;
    do {
        run_until(c, c->world.now_ns + NS_PER_S / 2);
        if (sim_faults_all_up(c) && sim_workload_is_done(&c->workload, why, sizeof(why)) &&
            sim_inspect_is_settled(c, why, sizeof(why))) {
            return;
        }
    } while (c->world.now_ns < bound_ns);
    sim_inspect_print(c, stderr);
    sim_fail(&c->world, "no progress within %d s after the faults have ended: %s",
             PROGRESS_SECONDS_MAX, why[0] ? why : "a node is down");
}

static void take_down(struct sim_cluster *c)
{
    sim_faults_deinit(c);
    sim_changes_deinit(&c->changes);
    sim_workload_deinit(&c->workload);
    for (uint32_t i = 0; i < c->options.nodes + (c->options.nodes > 1); i++) {
        sim_node_kill(&c->nodes[i], false);
        sim_node_deinit(&c->nodes[i]);
    }
    sim_quorum_deinit(&c->quorum);
    sim_world_deinit(&c->world);
}

static void fill_result(const struct sim_cluster *c, struct sim_result *r)
{
    *r = (struct sim_result){ .digest = c->world.digest,
                              .steps = c->world.steps,
                              .records = c->workload.ledger.acked,
                              .reads = c->workload.ledger.read,
                              .simulated_ns = c->world.now_ns };
    for (uint32_t i = 0; i < c->node_count; i++) {
        r->starts += c->nodes[i].starts;
        r->digest = r->digest * 31 + sim_disk_digest(&c->nodes[i].disk);
    }
}

void sim_run(const struct sim_run_args *args, struct sim_result *ret_result)
{
    static const uint64_t settle_ns = NS_PER_S;
    struct sim_cluster *c = mem_zalloc(sizeof(*c));
    const char *bootstrap[SIM_NODES_MAX];
    sim_options_swarm(&c->options, args->seed, args->nodes);
    sim_world_init(&c->world, args->seed, &c->options.world, args->trace);
    c->world.trace_from_ns = args->trace_from_ns;
    c->world.after_event = after_event;
    c->world.after_event_ctx = c;
    if (args->trace) {
        fprintf(args->trace, "seed %llu: ", (unsigned long long)args->seed);
        sim_options_print(&c->options, args->trace);
    }
    sim_topics_init(&c->topics, &c->world);
    make_nodes(c);
    start_nodes(c);
    for (uint32_t i = 0; i < c->node_count; i++) {
        bootstrap[i] = c->bootstrap[i];
    }
    sim_workload_init(&c->workload, &c->world, &c->options.workload, bootstrap, c->node_count);
    run_until(c, c->world.now_ns + settle_ns);
    sim_changes_start(&c->changes, c);
    sim_faults_start(c);
    run_until(c, c->world.now_ns + c->options.safety_ns);
    sim_changes_end(&c->changes);
    sim_faults_heal(c);
    must_progress(c);
    sim_inspect_replicas(c);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_topics_check_logs(&c->topics, &c->nodes[i]);
    }
    fill_result(c, ret_result);
    take_down(c);
    mem_free(c);
}
