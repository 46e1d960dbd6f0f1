/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.c - see groups.h. Driven by the metadata (who leads), by the group handlers, by appends'
 * ends and by timers.
 *   (G1) Outputs of the coordinator are handled in order, and never from inside one another.
 *   (G2) Every GROUP_APPEND ends in one coordinator_append_done(), behind the high watermark.
 *   (G3) A shard is ready only when everything that was in the log when this node began to lead is
 *        loaded and committed: nothing is told that another leader may not know.
 *   (G4) Nor what it knows better: where records are damaged the groups wait for another replica to
 *        lead (partition_damage.c). Only where there is none, what can be read has to do.
 */
#include "broker/groups.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum {
    LOAD_BYTES = 256 * 1024, /* of one step: others are served in between */
    LOAD_PLAIN_BYTES_MAX = 64 << 20,
    COMMITTED_POLL_MS = 10,
};

struct group_append {
    struct ack_wait ack;
    struct broker *broker;
    uint64_t token;
};

static void on_tick(void *owner)
{
    struct broker *b = owner;
    coordinator_tick(b->groups.coordinator, broker_now(b));
    groups_run(b);
}

static void on_load(void *owner);

static void make_coordinator(struct broker *b, uint32_t partitions)
{
    const struct broker_config *c = b->config;
    struct group_config config;
    group_config_init(&config);
    config.partition_count = partitions;
    config.members_max = (uint32_t)c->group_max_size;
    config.initial_rebalance_delay_ms = (uint32_t)c->group_initial_rebalance_delay_ms;
    config.session_timeout_min_ms = (uint32_t)c->group_min_session_timeout_ms;
    config.session_timeout_max_ms = (uint32_t)c->group_max_session_timeout_ms;
    config.offset_metadata_bytes_max = (uint32_t)c->offset_metadata_max_bytes;
    config.offsets_retention_ms =
        c->offsets_retention_minutes < 0 ? -1 : c->offsets_retention_minutes * 60000;
    config.retention_check_interval_ms = (uint32_t)c->offsets_retention_check_interval_ms;
    b->groups.coordinator = coordinator_new(&config, env_random(b->env));
    b->groups.partition_count = partitions;
    b->groups.shards = mem_array(partitions, sizeof(struct group_shard));
}

static void drop_coordinator(struct groups *g)
{
    coordinator_free(g->coordinator);
    g->coordinator = NULL;
    mem_free(g->shards);
    g->shards = NULL;
}

static void on_moved(void *owner)
{
    groups_start(owner);
}

void groups_init(struct broker *b)
{
    b->groups = (struct groups){ .tick = { .fire = on_tick, .owner = b },
                                 .load = { .fire = on_load, .owner = b },
                                 .moved = { .fire = on_moved, .owner = b } };
    make_coordinator(b, (uint32_t)b->config->offsets_topic_num_partitions);
}

void groups_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->groups.tick);
    timer_cancel(b->env, &b->groups.load);
    timer_cancel(b->env, &b->groups.moved);
    drop_coordinator(&b->groups);
}

/* --- outputs ---------------------------------------------------------------------------------- */

static void appended(struct ack_wait *w, enum kafka_error code)
{
    struct group_append *a = container_of(w, struct group_append, ack);
    struct broker *b = a->broker;
    uint64_t token = a->token;
    mem_free(a);
    if (b->groups.coordinator) {
        coordinator_append_done(b->groups.coordinator, broker_now(b), token, (int16_t)code);
        groups_run(b);
    }
}

static enum kafka_error append_records(struct broker *b, const struct group_output *out,
                                       struct partition **ret_partition, int64_t *ret_end)
{
    struct topic *t = topic_find(&b->topics, slice_str(TOPIC_OFFSETS));
    struct partition *p = t ? topic_partition(t, (int32_t)out->partition) : NULL;
    if (!p) {
        return KAFKA_NOT_COORDINATOR;
    }
    struct batch_builder builder = { 0 };
    for (size_t i = 0; i < out->record_count; i++) {
        struct record rec = { .timestamp_ms = env_wall_ms(b->env),
                              .key = out->records[i].key,
                              .value = out->records[i].value };
        batch_builder_append(&builder, &rec);
    }
    const struct batch_seal seal = {
        .codec = CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1
    };
    const struct append_rules rules = { .batch_bytes_max = INT32_MAX, .zstd_allowed = true };
    struct buf unused = { 0 };
    struct slice bytes;
    struct append_info info;
    struct append_result result;
    struct error err;
    enum kafka_error code = KAFKA_UNKNOWN_SERVER_ERROR;
    if (!batch_builder_seal(&builder, &seal, &unused, &bytes)) {
        code = append_info_check(bytes, &rules, &info, &err);
    }
    if (!code) {
        code = partition_append(b, p, builder.buf.ptr, &info, -1, &result, &err);
    }
    buf_deinit(&unused);
    batch_builder_deinit(&builder);
    if (!code) {
        *ret_partition = p;
        *ret_end = result.end_offset;
    }
    return code;
}

static void append(struct broker *b, const struct group_output *out)
{
    struct group_append *a = mem_zalloc(sizeof(*a));
    list_init(&a->ack.link);
    a->ack.done = appended;
    a->broker = b;
    a->token = out->token;
    struct partition *p;
    enum kafka_error code = append_records(b, out, &p, &a->ack.offset);
    if (code) {
        appended(&a->ack, code);
    } else {
        partition_wait_ack(p, &a->ack);
    }
}

static void trace(struct broker *b, const struct group_trace *t)
{
    log_info(&b->log, group_trace_text(t->kind), KV_SLICE("group", t->group),
             KV_INT("generation", t->generation), KV_STR("why", t->why),
             KV_SLICE("member", t->member), KV_SLICE("reason", t->client));
}

void groups_run(struct broker *b)
{
    struct groups *g = &b->groups;
    if (g->draining_outputs) {
        return; /* the loop below sees what was added */
    }
    g->draining_outputs = true;
    for (const struct group_output *out; (out = coordinator_next_output(g->coordinator));) {
        switch (out->kind) {
        case GROUP_REPLY:
            call_reply(out->call, out->response);
            break;
        case GROUP_APPEND:
            append(b, out);
            break;
        case GROUP_TRACE:
            trace(b, &out->trace);
            break;
        }
    }
    g->draining_outputs = false;
    uint64_t deadline = coordinator_deadline_ns(g->coordinator);
    if (deadline == UINT64_MAX) {
        timer_cancel(b->env, &g->tick);
    } else {
        timer_arm(b->env, &g->tick, deadline);
    }
}

/* --- loading ---------------------------------------------------------------------------------- */

static void load_batch(struct broker *b, uint32_t partition, const struct batch_view *batch)
{
    struct buf scratch = { 0 };
    struct batch_iter it;
    struct record rec;
    enum err e = batch->attributes & BATCH_ATTR_CONTROL
                     ? ERR_NOT_FOUND
                     : batch_iter_init(&it, batch, &scratch, LOAD_PLAIN_BYTES_MAX);
    while (!e && !(e = batch_iter_next(&it, &rec))) {
        if (coordinator_load_record(b->groups.coordinator, partition, rec.key, rec.value)) {
            b->metrics.group_load_skipped++;
        }
    }
    if (e != ERR_NOT_FOUND) {
        b->metrics.group_load_skipped++;
        log_warn(&b->log, "a batch of __consumer_offsets could not be read and is passed over",
                 KV_UINT("partition", partition), KV_INT("offset", batch->base_offset),
                 KV_STR("error", err_text(e)));
    }
    buf_deinit(&scratch);
}

/* (G4) */
static void load_failed(struct broker *b, struct partition *p, struct group_shard *shard,
                        enum err e)
{
    const struct image_partition *ip = partition_in_image(b, p);
    log_error(&b->log, "groups could not be loaded completely", KV_INT("partition", p->index),
              KV_INT("offset", shard->load_offset), KV_STR("error", err_text(e)));
    shard->damaged = ip && ip->replica_count > 1;
    if (!shard->damaged) {
        shard->load_offset = shard->load_end;
    } else if (!p->log->offline) {
        partition_damaged(b, p, PARTITION_ROTTEN, shard->load_offset);
    }
}

/* One step; true when it went through to the end of what is to be loaded. */
static bool load_step(struct broker *b, struct partition *p, struct group_shard *shard)
{
    struct buf bytes = { 0 };
    if (p->log && shard->load_offset < p->log->start_offset) {
        shard->load_offset = p->log->start_offset;
    }
    if (!p->log || shard->load_offset >= shard->load_end) {
        return true;
    }
    enum err e = log_read_copy(p->log, shard->load_offset, LOAD_BYTES, shard->load_end, &bytes);
    struct slice rest = buf_slice(&bytes);
    struct batch_view batch;
    bool moved = false;
    while (!e && rest.len > 0 && !(e = batch_parse(rest, &batch))) {
        load_batch(b, (uint32_t)p->index, &batch);
        shard->load_offset = batch_last_offset(&batch) + 1;
        rest = slice_from(rest, batch.bytes.len);
        moved = true;
    }
    buf_deinit(&bytes);
    if (e || !moved) {
        load_failed(b, p, shard, e ? e : ERR_CORRUPT);
    }
    return shard->load_offset >= shard->load_end;
}

/* Loads what is to be loaded, a step at a time: others are served in between. */
static void on_load(void *owner)
{
    struct broker *b = owner;
    struct groups *g = &b->groups;
    const struct topic *t = topic_find(&b->topics, slice_str(TOPIC_OFFSETS));
    bool stepped = false, wanting = false, waiting = false;
    for (int32_t i = 0; t && i < t->partition_count && (uint32_t)i < g->partition_count; i++) {
        struct group_shard *shard = &g->shards[i];
        struct partition *p = t->partitions[i];
        if (!shard->leads || shard->ready || shard->damaged) {
            continue;
        }
        if (shard->load_offset < shard->load_end) {
            wanting |= stepped || !load_step(b, p, shard);
            stepped = true;
        }
        if (shard->load_offset < shard->load_end) {
            continue;
        }
        if (p->high_watermark < shard->load_end) {
            waiting = true; /* (G3) */
            continue;
        }
        shard->ready = true;
        coordinator_load_done(g->coordinator, broker_now(b), (uint32_t)i);
    }
    groups_run(b);
    if (wanting || waiting) {
        timer_arm_in(b->env, &g->load, wanting ? 0 : (uint64_t)COMMITTED_POLL_MS * NS_PER_MS);
    }
}

/* --- leading ---------------------------------------------------------------------------------- */

static void resign(struct broker *b, uint32_t index)
{
    struct group_shard *shard = &b->groups.shards[index];
    if (shard->leads) {
        *shard = (struct group_shard){ 0 };
        coordinator_resign(b->groups.coordinator, index);
    }
}

static void follow(struct broker *b, uint32_t index, const struct partition *p)
{
    struct group_shard *shard = &b->groups.shards[index];
    bool leads = p && p->role == PARTITION_LEADER;
    if (!leads || (shard->leads && shard->leader_epoch != p->leader_epoch)) {
        /* In another epoch of the same leader records of others may lie in between. */
        resign(b, index);
    }
    if (leads && !shard->leads) {
        *shard = (struct group_shard){ .leads = true,
                                       .leader_epoch = p->leader_epoch,
                                       .load_offset = partition_start_offset(p),
                                       .load_end = partition_end_offset(p) };
        coordinator_lead(b->groups.coordinator, index);
    }
}

void groups_start(struct broker *b)
{
    struct groups *g = &b->groups;
    const struct topic *t = topic_find(&b->topics, slice_str(TOPIC_OFFSETS));
    timer_cancel(b->env, &g->moved);
    if (t && t->partition_count > 0 && g->partition_count != (uint32_t)t->partition_count) {
        for (uint32_t i = 0; i < g->partition_count; i++) {
            resign(b, i);
        }
        groups_run(b);
        drop_coordinator(g);
        make_coordinator(b, (uint32_t)t->partition_count);
    }
    for (uint32_t i = 0; i < g->partition_count; i++) {
        follow(b, i, t ? topic_partition(t, (int32_t)i) : NULL);
    }
    on_load(b);
}

void groups_partition_moved(struct broker *b, const struct partition *p)
{
    if (p->topic->internal) {
        timer_arm_in(b->env, &b->groups.moved, 0);
    }
}

void groups_topic_deleted(struct broker *b, const struct topic *t)
{
    if (!t->internal) {
        coordinator_topic_deleted(b->groups.coordinator, slice_str(t->name));
        groups_run(b);
    }
}
