/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_consumer.c - readers of everything, and members of groups. Driven by the consumer's events
 * and a tick that commits.
 *   (C1) What the group has committed never goes back, and is never beyond what was delivered.
 *   (C2) An assignment begins where the group has committed, and goes on without a gap.
 */
#include "tests/sim/sim_workload.h"

#include "protocol/base/alloc.h"

#include <assert.h>

enum { TICK_MS = 300, RECORD_BYTES_MAX = 1 << 20, NOT_KNOWN = -2 };

static struct sim_world *world_of(const struct sim_consumer *c)
{
    return c->c.host->world;
}

static uint32_t place_of(const struct sim_consumer *c, const struct consumer_partition *part)
{
    struct sim_ledger *l = &c->c.workload->ledger;
    struct sim_ledger_partition *p = sim_ledger_find(l, part->topic, part->partition);
    assert(p);
    return (uint32_t)(p - l->partitions);
}

/* --- deliveries ------------------------------------------------------------------------------- */

static void note_delivered(struct sim_group_partition *gp, int64_t offset)
{
    size_t at = (size_t)offset;
    if (at >= gp->delivered_cap) {
        size_t cap = gp->delivered_cap ? gp->delivered_cap * 2 : 256;
        cap = cap > at ? cap : at + 1;
        gp->delivered = mem_rearray(gp->delivered, cap, sizeof(*gp->delivered));
        memset(gp->delivered + gp->delivered_cap, 0, cap - gp->delivered_cap);
        gp->delivered_cap = cap;
    }
    gp->delivered[at] = true;
    while ((size_t)gp->delivered_end < gp->delivered_cap && gp->delivered[gp->delivered_end]) {
        gp->delivered_end++;
    }
}

/* The first batch of an assignment: it begins where the group has committed. */
static void begin(struct sim_consumer *c, const struct consumer_partition *part, uint32_t at)
{
    struct sim_world *w = world_of(c);
    struct sim_consumer_partition *cp = &c->partitions[at];
    const struct sim_group_partition *gp = &c->group->partitions[at];
    const struct sim_ledger_partition *p = &c->c.workload->ledger.partitions[at];
    sim_trace(w, c->c.host, "%s: begins with %s-%d, committed %lld", c->group->name, p->topic,
              (int)p->index, (long long)part->committed);
    if (part->committed < gp->committed) {
        sim_fail(w, "G5 delivered: %s: %s-%d was committed up to %lld, and %s finds %lld",
                 c->group->name, p->topic, (int)p->index, (long long)gp->committed, c->c.host->name,
                 (long long)part->committed);
    }
    if (part->committed > gp->asked) {
        sim_fail(w, "G5 delivered: %s: %s-%d is committed up to %lld, nobody asked above %lld",
                 c->group->name, p->topic, (int)p->index, (long long)part->committed,
                 (long long)gp->asked);
    }
    cp->reader.next = part->committed >= 0 ? part->committed : 0;
    cp->reader.whole = cp->reader.next == 0;
}

static void on_batches(void *user, struct consumer_partition *part,
                       const struct batch_view *batches, size_t count)
{
    struct sim_consumer *c = user;
    uint32_t at = place_of(c, part);
    struct sim_ledger_partition *p = &c->c.workload->ledger.partitions[at];
    struct sim_consumer_partition *cp = &c->partitions[at];
    if (cp->reader.next == NOT_KNOWN) {
        begin(c, part, at);
    }
    for (size_t i = 0; i < count; i++) {
        struct batch_iter it;
        struct record rec;
        if (batch_iter_init(&it, &batches[i], &c->scratch, RECORD_BYTES_MAX)) {
            sim_fail(world_of(c), "%s: %s-%d: a batch cannot be opened", c->c.host->name, p->topic,
                     (int)p->index);
        }
        while (batch_iter_next(&it, &rec) == ERR_OK) {
            if (rec.offset < cp->reader.next) {
                continue; /* of a batch that began earlier */
            }
            sim_reader_read(&cp->reader, &c->c.workload->ledger, p, rec.offset, rec.value,
                            c->c.host->name);
            if (c->group) {
                note_delivered(&c->group->partitions[at], rec.offset);
            }
        }
    }
    sim_digest(world_of(c), at, (uint64_t)cp->reader.next);
    if (c->group && sim_chance(world_of(c), 2)) {
        struct sim_group_partition *gp = &c->group->partitions[at];
        gp->asked = cp->reader.next > gp->asked ? cp->reader.next : gp->asked;
        consumer_commit(c->consumer, part, cp->reader.next,
                        sim_random(world_of(c), 500 * NS_PER_MS));
    }
}

/* --- commits ---------------------------------------------------------------------------------- */

static void on_flushed(void *user, enum err err)
{
    struct sim_consumer *c = user;
    c->flush_out = false;
    for (uint32_t i = 0; !err && i < SIM_PARTITIONS_MAX; i++) {
        struct sim_consumer_partition *cp = &c->partitions[i];
        struct sim_group_partition *gp = &c->group->partitions[i];
        if (cp->part && cp->flushing > gp->committed) {
            gp->committed = cp->flushing;
        }
    }
}

static void flush_commits(struct sim_consumer *c)
{
    for (uint32_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
        struct sim_consumer_partition *cp = &c->partitions[i];
        cp->flushing = -1;
        if (cp->part && cp->reader.next >= 0) {
            struct sim_group_partition *gp = &c->group->partitions[i];
            cp->flushing = cp->reader.next;
            gp->asked = cp->reader.next > gp->asked ? cp->reader.next : gp->asked;
            consumer_commit(c->consumer, cp->part, cp->reader.next, 0);
        }
    }
    c->flush_out = true;
    consumer_commit_flush(c->consumer, on_flushed, c);
}

static void on_tick(void *owner)
{
    struct sim_consumer *c = owner;
    if (!c->flush_out && sim_chance(world_of(c), 3)) {
        flush_commits(c);
    }
    sim_event_arm(world_of(c), &c->c.tick, world_of(c)->now_ns + TICK_MS * NS_PER_MS);
}

/* --- assignments ------------------------------------------------------------------------------ */

static void take(struct sim_consumer *c, struct consumer_partition *part)
{
    uint32_t at = place_of(c, part);
    struct sim_consumer_partition *cp = &c->partitions[at];
    sim_reader_deinit(&cp->reader);
    *cp = (struct sim_consumer_partition){ .part = part, .flushing = -1 };
    if (!c->group) {
        cp->reader.whole = true;
        return;
    }
    sim_trace(world_of(c), c->c.host, "%s: is given %s-%d", c->group->name,
              c->c.workload->ledger.partitions[at].topic, (int)part->partition);
    cp->reader.next = NOT_KNOWN;
}

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct sim_consumer *c = user;
    for (size_t i = 0; i < count; i++) {
        take(c, parts[i]);
    }
}

static void give_up(struct sim_consumer *c, struct consumer_partition *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        c->partitions[place_of(c, parts[i])].part = NULL;
    }
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct sim_consumer *c = user;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = place_of(c, parts[i]);
        struct sim_group_partition *gp = &c->group->partitions[at];
        int64_t next = c->partitions[at].reader.next;
        if (next >= 0) {
            gp->asked = next > gp->asked ? next : gp->asked;
            consumer_commit(c->consumer, parts[i], next, 0);
        }
    }
    give_up(c, parts, count);
    consumer_revoked(c->consumer);
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    give_up(user, parts, count);
}

static void on_trouble(void *user, enum kafka_error error, const char *text, bool fatal)
{
    struct sim_consumer *c = user;
    sim_trace(world_of(c), c->c.host, "%s: %s", kafka_error_text((int16_t)error), text);
    if (fatal) {
        sim_fail(world_of(c), "%s: gives up: %s: %s", c->c.host->name,
                 kafka_error_text((int16_t)error), text);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void sim_consumer_start(struct sim_consumer *c)
{
    static const struct consumer_events events = { .assigned = on_assigned,
                                                   .revoking = on_revoking,
                                                   .lost = on_lost,
                                                   .batches = on_batches,
                                                   .trouble = on_trouble };
    struct sim_workload *wl = c->c.workload;
    struct sim_world *w = wl->world;
    const char *topics[SIM_TOPICS_MAX], *assignors[1];
    static const char *const names[] = { "range", "roundrobin", "cooperative-sticky" };
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        topics[i] = wl->topics[i].name;
    }
    struct consumer_config cfg = { .offset_reset = OFFSET_RESET_EARLIEST,
                                   .session_timeout_ns = wl->options.session_timeout_ns,
                                   .heartbeat_interval_ns = wl->options.session_timeout_ns / 6,
                                   .rebalance_timeout_ns = 2 * wl->options.session_timeout_ns,
                                   .fetch_bytes_max = (int32_t)(4096 << sim_random(w, 9)),
                                   .partition_bytes_max = (int32_t)(1024 << sim_random(w, 9)) };
    sim_client_start(&c->c);
    if (c->group) {
        cfg.group_id = c->group->name;
        cfg.topics = topics;
        cfg.topic_count = wl->topic_count;
        assignors[0] = names[c->group->name[1] % 3];
        cfg.assignors = assignors;
        cfg.assignor_count = 1;
    } else {
        cfg.offset_reset = wl->options.deletes ? OFFSET_RESET_EARLIEST : OFFSET_RESET_NONE;
    }
    c->flush_out = false;
    c->consumer = consumer_new(c->c.client, &cfg, &events, c);
    if (c->group) {
        sim_event_arm(w, &c->c.tick, w->now_ns + TICK_MS * NS_PER_MS);
    } else {
        for (uint32_t i = 0; i < wl->ledger.partition_count; i++) {
            const struct sim_ledger_partition *p = &wl->ledger.partitions[i];
            take(c, consumer_assign(c->consumer, slice_str(p->topic), p->index, 0));
        }
    }
    sim_host_turn_ends(c->c.host);
}

void sim_consumer_init(struct sim_consumer *c, struct sim_workload *wl, uint32_t number,
                       struct sim_group *group)
{
    char name[SIM_NAME_MAX], address[SIM_NAME_MAX];
    snprintf(name, sizeof(name), "c%u", number);
    snprintf(address, sizeof(address), "10.0.3.%u", number + 1);
    c->c.workload = wl;
    c->group = group;
    c->c.host = sim_host_new(wl->world, name, address);
    c->c.tick = (struct sim_event){
        .fire = on_tick, .owner = c, .host = c->c.host, .kind = SIM_EVENT_TIMER
    };
    sim_consumer_start(c);
}

static void free_program(void *owner)
{
    struct sim_consumer *c = owner;
    consumer_free(c->consumer);
    c->consumer = NULL;
    for (uint32_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
        c->partitions[i].part = NULL;
        sim_reader_deinit(&c->partitions[i].reader);
    }
}

void sim_consumer_deinit(struct sim_consumer *c)
{
    sim_client_kill(&c->c, free_program, c);
    buf_deinit(&c->scratch);
}

void sim_consumer_restart(struct sim_consumer *c)
{
    sim_trace(world_of(c), c->c.host, "is killed and started again");
    sim_client_kill(&c->c, free_program, c);
    sim_consumer_start(c);
}
