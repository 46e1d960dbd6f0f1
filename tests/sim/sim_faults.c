/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_faults.c - what goes wrong, when, and how it ends. Driven by its tick.
 *   (F1) Every outage ends by itself; after sim_faults_heal() nothing new begins.
 *   (F2) A node that cannot start though nothing is wrong with its disk is a broken promise.
 *   (F3) A disk that lies or rots does so only when others have what it loses (sim_rot.c).
 */
#include "tests/sim/sim_cluster.h"

enum {
    RETRY_START_MS = 500,
    CHANGES_MAX = 40, /* of the disk, until a node dies inside one */
};

const char *sim_fault_name(enum sim_fault f)
{
    static const char *const names[SIM_FAULT_COUNT] = {
        [SIM_FAULT_KILL] = "kill",
        [SIM_FAULT_KILL_IN_CALL] = "kill-in-call",
        [SIM_FAULT_POWER_LOSS] = "power-loss",
        [SIM_FAULT_POWER_LOSS_IN_CALL] = "power-loss-in-call",
        [SIM_FAULT_POWER_LOSS_ALL] = "power-loss-of-all",
        [SIM_FAULT_STOP] = "stop",
        [SIM_FAULT_PAUSE] = "pause",
        [SIM_FAULT_PARTITION] = "partition",
        [SIM_FAULT_RESET] = "reset",
        [SIM_FAULT_FORGET] = "forget",
        [SIM_FAULT_LOSS] = "loss",
        [SIM_FAULT_SLOW_DISK] = "slow-disk",
        [SIM_FAULT_FULL_DISK] = "full-disk",
        [SIM_FAULT_WRITE_ERROR] = "write-error",
        [SIM_FAULT_SYNC_ERROR] = "sync-error",
        [SIM_FAULT_CLOCK_JUMP] = "clock-jump",
        [SIM_FAULT_CLIENT_RESTART] = "client-restart",
        [SIM_FAULT_ROT] = "rot",
    };
    return names[f];
}

static uint64_t outage(struct sim_cluster *c)
{
    return 10 * NS_PER_MS + sim_random(&c->world, c->options.outage_ns_max);
}

static struct sim_node_faults *pick_node(struct sim_cluster *c)
{
    return &c->node_faults[sim_random(&c->world, c->node_count)];
}

static bool is_up(const struct sim_node_faults *f)
{
    return f->node->state == SIM_NODE_UP && f->node->host->running;
}

static void restart_in(struct sim_node_faults *f, uint64_t ns)
{
    struct sim_world *w = &f->cluster->world;
    sim_event_arm(w, &f->restart, w->now_ns + ns);
}

/* --- down and up ------------------------------------------------------------------------------ */

static void mend_disk(struct sim_node_faults *f)
{
    struct sim_disk_faults *d = &f->node->disk.faults;
    *d = (struct sim_disk_faults){ .lies = d->lies };
    f->node->host->work_ns_max = f->cluster->options.world.work_ns_max;
    f->sick = false;
}

/* (F3) The power of one that lies is cut only when it may be; a kill leaves its page cache. */
static bool may_lose_power(struct sim_node_faults *f)
{
    return !f->node->disk.faults.lies || sim_may_harm(f->cluster, f->node);
}

static void take_down(struct sim_node_faults *f, bool power_loss)
{
    sim_node_kill(f->node, (power_loss || f->unsynced) && may_lose_power(f));
    f->unsynced = false;
    restart_in(f, outage(f->cluster));
}

static void on_restart(void *owner)
{
    struct sim_node_faults *f = owner;
    struct sim_cluster *c = f->cluster;
    struct error err;
    if (f->node->broker) {
        if (f->sick) { /* what has failed stays offline: an operator starts it again */
            mend_disk(f);
            take_down(f, false);
        }
        return;
    }
    if (f->sick) {
        mend_disk(f);
    }
    if (sim_node_start(f->node, &err) == ERR_OK) {
        return;
    }
    const struct sim_disk_faults *d = &f->node->disk.faults;
    bool disk_is_good = !d->capacity_bytes && !d->writes_until_failure && !d->syncs_until_failure &&
                        !f->node->disk.off;
    if (disk_is_good && !f->sick) {
        sim_fail(&c->world, "%s does not start: %s", f->node->host->name, err.text);
    }
    if (f->node->disk.off && f->node->power_fails) {
        sim_disk_power_loss(&f->node->disk);
    }
    f->node->disk.faults.ops_until_death = 0;
    restart_in(f, RETRY_START_MS * NS_PER_MS);
}

static void on_ended(struct sim_node *n, void *ctx)
{
    struct sim_node_faults *f = ctx;
    bool disk = n->why.code == ERR_IO || n->why.code == ERR_NO_SPACE ||
                (n->why.code == ERR_CLOSED && f->sick); /* its log is offline since then */
    if (n->refused && !disk) {
        sim_fail(n->world, "%s gives up, and not for its disk: %s", n->host->name, n->why.text);
    }
    if (f->unsynced && !n->disk.faults.lies) {
        sim_disk_power_loss(&n->disk);
        f->unsynced = false;
    }
    restart_in(f, outage(f->cluster));
}

/* --- the kinds -------------------------------------------------------------------------------- */

static void lose_all_power(struct sim_cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (c->node_faults[i].node->broker) {
            take_down(&c->node_faults[i], true);
        }
    }
}

/* Cuts a node off from the others or from some, in one direction or both. */
static void cut(struct sim_cluster *c, const struct sim_node_faults *f)
{
    struct sim_world *w = &c->world;
    const struct sim_host *h = f->node->host;
    bool in = sim_chance(w, 2), out = !in || sim_chance(w, 2), all = sim_chance(w, 2);
    sim_trace(w, h, "is cut off%s%s%s", in ? " from what others send" : "",
              out ? " from others" : "", all ? "" : ", but not from all");
    for (uint32_t i = 0; i < w->host_count; i++) {
        if (w->hosts[i] != h && (all || sim_chance(w, 2))) {
            w->blocked[i][h->id] |= in;
            w->blocked[h->id][i] |= out;
        }
    }
    sim_event_arm(w, &c->mend, w->now_ns + outage(c));
}

static void on_mend(void *owner)
{
    struct sim_cluster *c = owner;
    sim_net_heal(&c->world);
    c->world.options.loss_ppm = c->options.world.loss_ppm;
    c->world.options.latency_ns = c->options.world.latency_ns;
    for (uint32_t i = 0; i < c->node_count; i++) {
        c->node_faults[i].node->disk.faults.capacity_bytes = 0;
        c->node_faults[i].node->host->work_ns_max = c->options.world.work_ns_max;
    }
    sim_trace(&c->world, NULL, "networks and disks are mended");
}

static void mend_later(struct sim_cluster *c)
{
    sim_event_arm(&c->world, &c->mend, c->world.now_ns + outage(c));
}

static void restart_client(struct sim_cluster *c)
{
    struct sim_workload *wl = &c->workload;
    uint64_t at = sim_random(&c->world, wl->producer_count + wl->consumer_count);
    if (at < wl->producer_count) {
        sim_producer_restart(&wl->producers[at]);
    } else {
        sim_consumer_restart(&wl->consumers[at - wl->producer_count]);
    }
}

static void disk_fault(struct sim_cluster *c, struct sim_node_faults *f, enum sim_fault kind)
{
    struct sim_world *w = &c->world;
    struct sim_disk *d = &f->node->disk;
    uint32_t soon = 1 + (uint32_t)sim_random(w, CHANGES_MAX);
    switch (kind) {
    case SIM_FAULT_SLOW_DISK:
        f->node->host->work_ns_max = (100 + sim_random(w, 2000)) * NS_PER_MS;
        mend_later(c);
        break;
    case SIM_FAULT_FULL_DISK:
        d->faults.capacity_bytes = d->used_bytes + sim_random(w, 20000);
        mend_later(c);
        break;
    case SIM_FAULT_WRITE_ERROR:
        d->faults.writes_until_failure = soon;
        f->sick = true;
        restart_in(f, outage(c));
        break;
    default:
        d->faults.syncs_until_failure = soon;
        f->sick = f->unsynced = true;
        restart_in(f, outage(c));
        break;
    }
}

static void node_fault(struct sim_cluster *c, struct sim_node_faults *f, enum sim_fault kind)
{
    struct sim_world *w = &c->world;
    uint32_t soon = 1 + (uint32_t)sim_random(w, CHANGES_MAX);
    switch (kind) {
    case SIM_FAULT_KILL:
        take_down(f, false);
        break;
    case SIM_FAULT_POWER_LOSS:
        take_down(f, true);
        break;
    case SIM_FAULT_KILL_IN_CALL:
        sim_node_kill_soon(f->node, soon, f->unsynced && !f->node->disk.faults.lies);
        break;
    case SIM_FAULT_POWER_LOSS_IN_CALL:
        sim_node_kill_soon(f->node, soon, !f->node->disk.faults.lies);
        break;
    case SIM_FAULT_STOP:
        sim_node_stop(f->node);
        break;
    case SIM_FAULT_PAUSE:
        sim_host_pause(f->node->host, outage(c));
        break;
    case SIM_FAULT_PARTITION:
        cut(c, f);
        break;
    case SIM_FAULT_CLOCK_JUMP:
        f->node->host->wall_offset_ms += (int64_t)sim_random(w, 7200000) - 3600000;
        break;
    default:
        disk_fault(c, f, kind);
        break;
    }
}

/* It is found when the page comes from the disk the next time. */
static void rot(struct sim_node_faults *f)
{
    if (!sim_may_harm(f->cluster, f->node)) {
        return;
    }
    if (f->node->broker) {
        take_down(f, sim_chance(&f->cluster->world, 2));
    }
    sim_rot(f->node, f->cluster->options.rots);
}

static void fault(struct sim_cluster *c, enum sim_fault kind)
{
    struct sim_node_faults *f = pick_node(c);
    if (sim_is_harmed(c)) {
        return;
    }
    if (c->options.liar && kind == SIM_FAULT_POWER_LOSS && sim_chance(&c->world, 2)) {
        f = &c->node_faults[c->options.liar - 1];
    }
    c->fault_counts[kind]++;
    switch (kind) {
    case SIM_FAULT_POWER_LOSS_ALL:
        lose_all_power(c);
        break;
    case SIM_FAULT_RESET:
        (void)sim_net_reset_one(&c->world);
        break;
    case SIM_FAULT_FORGET:
        (void)sim_net_forget_one(&c->world);
        break;
    case SIM_FAULT_LOSS:
        c->world.options.loss_ppm = (uint32_t)sim_random(&c->world, 300000);
        c->world.options.latency_ns = sim_random(&c->world, 100) * NS_PER_MS;
        mend_later(c);
        break;
    case SIM_FAULT_CLIENT_RESTART:
        restart_client(c);
        break;
    case SIM_FAULT_ROT:
        rot(&c->node_faults[c->options.rotten - 1]);
        break;
    default:
        if (is_up(f)) {
            sim_trace(&c->world, f->node->host, "fault: %s", sim_fault_name(kind));
            node_fault(c, f, kind);
        }
        break;
    }
}

static void on_tick(void *owner)
{
    struct sim_cluster *c = owner;
    if (c->options.liar && sim_chance(&c->world, 2)) { /* its cache goes down by itself */
        sim_disk_sync_all(&c->nodes[c->options.liar - 1].disk);
    }
    uint32_t kinds = (uint32_t)__builtin_popcount(c->options.faults);
    if (kinds) {
        uint64_t at = sim_random(&c->world, kinds);
        int kind = 0;
        while (!(c->options.faults & 1u << kind) || at-- > 0) {
            kind++;
        }
        fault(c, (enum sim_fault)kind);
    }
    sim_event_arm(&c->world, &c->tick,
                  c->world.now_ns + 1 + sim_random(&c->world, 2 * c->options.fault_interval_ns));
}

static void on_absence(void *owner)
{
    struct sim_cluster *c = owner;
    struct sim_node_faults *f = &c->node_faults[c->options.absent - 1];
    take_down(f, false);
    restart_in(f, c->options.absence_ns);
}

/* --- begin and end ---------------------------------------------------------------------------- */

void sim_faults_start(struct sim_cluster *c)
{
    c->tick = (struct sim_event){ .fire = on_tick, .owner = c, .kind = SIM_EVENT_FAULT };
    c->mend = (struct sim_event){ .fire = on_mend, .owner = c, .kind = SIM_EVENT_FAULT };
    c->absence = (struct sim_event){ .fire = on_absence, .owner = c, .kind = SIM_EVENT_FAULT };
    for (uint32_t i = 0; i < c->options.nodes + (c->options.nodes > 1); i++) {
        struct sim_node_faults *f = &c->node_faults[i];
        *f = (struct sim_node_faults){ .cluster = c, .node = &c->nodes[i] };
        f->restart = (struct sim_event){ .fire = on_restart, .owner = f, .kind = SIM_EVENT_FAULT };
        f->node->ended = on_ended;
        f->node->ended_ctx = f;
    }
    sim_event_arm(&c->world, &c->tick, c->world.now_ns + c->options.fault_interval_ns);
    if (c->options.absent) {
        sim_event_arm(&c->world, &c->absence,
                      c->world.now_ns + sim_random(&c->world, 5ull * NS_PER_S));
    }
}

static void note_offline(struct broker *b, struct partition *p, void *ctx)
{
    struct sim_node_faults *f = ctx;
    (void)b;
    f->sick = f->sick || (p->log && p->log->offline);
}

void sim_faults_heal(struct sim_cluster *c)
{
    sim_event_cancel(&c->world, &c->tick);
    sim_event_cancel(&c->world, &c->mend);
    sim_event_cancel(&c->world, &c->absence);
    on_mend(c);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct sim_node_faults *f = &c->node_faults[i];
        f->node->host->paused_until_ns = 0;
        if (f->node->broker) { /* a disk without room takes logs offline, too */
            topics_each(f->node->broker, note_offline, f);
        }
        bool sick = f->sick;
        mend_disk(f);
        f->sick = sick;
        if (sick || !f->node->broker) {
            restart_in(f, sim_random(&c->world, NS_PER_S));
        }
    }
}

bool sim_faults_all_up(const struct sim_cluster *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (!is_up(&c->node_faults[i])) {
            return false;
        }
    }
    return true;
}

void sim_faults_deinit(struct sim_cluster *c)
{
    sim_event_cancel(&c->world, &c->tick);
    sim_event_cancel(&c->world, &c->mend);
    sim_event_cancel(&c->world, &c->absence);
    for (uint32_t i = 0; i < c->node_count; i++) {
        sim_event_cancel(&c->world, &c->node_faults[i].restart);
    }
}
