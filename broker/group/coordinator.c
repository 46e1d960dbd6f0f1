/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coordinator.c - the frame around the groups: partitions, the queue of outputs, timers, appends.
 * Driven by the broker (coordinator.h tells how); the rules of groups are in the files beside.
 *   (C1) Every append is in ops from its making until coordinator_append_done() or a resignation.
 *   (C2) A reply is pushed once: by its maker, or when the last append that it waits for is done.
 *   (C3) Nothing calls out; outputs leave in the order in which they were pushed.
 */
#include "broker/group/group.h"

#include "protocol/base/alloc.h"

#include <assert.h>

void group_config_init(struct group_config *ret_config)
{
    *ret_config = (struct group_config){
        .partition_count = 50,
        .members_max = 10000,
        .initial_rebalance_delay_ms = 3000,
        .session_timeout_min_ms = 6000,
        .session_timeout_max_ms = 1800000,
        .new_member_timeout_ms = 300000,
        .offset_metadata_bytes_max = 4096,
        .offsets_retention_ms = INT64_C(7) * 24 * 3600 * 1000,
        .retention_check_interval_ms = 600000,
        .groups_max = 100000,
        .offsets_per_group_max = 200000,
        .member_metadata_bytes_max = 1024 * 1024,
        .records_per_append_max = 1000,
    };
}

const char *group_trace_text(enum group_trace_kind kind)
{
    static const char *const texts[] = {
#define GROUP_TRACE_TEXT(name, text) [GROUP_TRACE_##name] = text,
        GROUP_TRACE_LIST(GROUP_TRACE_TEXT)
#undef GROUP_TRACE_TEXT
    };
    return texts[kind];
}

struct coordinator *coordinator_new(const struct group_config *config, uint64_t seed)
{
    struct coordinator *c = mem_zalloc(sizeof(*c));
    c->config = *config;
    rng_seed(&c->rng, seed);
    c->groups.seed = rng_next(&c->rng);
    c->ops.seed = rng_next(&c->rng);
    list_init(&c->outputs);
    c->lead = mem_array(config->partition_count, sizeof(*c->lead));
    c->next_token = 1;
    c->next_incarnation = 1;
    return c;
}

static void item_free(struct group_item *item)
{
    if (item) {
        arena_deinit(&item->arena);
        mem_free(item);
    }
}

static void op_free(struct coordinator *c, struct group_op *op)
{
    map_remove(&c->ops, map_key_u64(&op->token));
    arena_deinit(&op->arena);
    mem_free(op);
}

void coordinator_free(struct coordinator *c)
{
    if (!c) {
        return;
    }
    uint32_t at = 0;
    struct group_op *op;
    while ((op = map_next(&c->ops, &at, NULL)) != NULL) {
        if (op->reply && --op->reply->waiting == 0) {
            item_free(op->reply);
        }
        op_free(c, op);
    }
    at = 0;
    struct group *g;
    while ((g = map_next(&c->groups, &at, NULL)) != NULL) {
        group_free(g);
    }
    list_for_each(node, &c->outputs) {
        list_remove(node);
        item_free(list_entry(node, struct group_item, node));
    }
    item_free(c->current);
    map_deinit(&c->ops);
    map_deinit(&c->groups);
    heap_deinit(&c->timers);
    mem_free(c->lead);
    mem_free(c);
}

/* --- the queue --- */

const struct group_output *coordinator_next_output(struct coordinator *c)
{
    item_free(c->current);
    struct list_node *node = list_pop_front(&c->outputs);
    c->current = node ? list_entry(node, struct group_item, node) : NULL;
    return c->current ? &c->current->out : NULL;
}

static struct group_item *item_new(enum group_output_kind kind)
{
    struct group_item *item = mem_zalloc(sizeof(*item));
    item->out.kind = kind;
    /* What goes in is bounded by the limits of the group, so the arena needs no cap of its own. */
    arena_init(&item->arena, SIZE_MAX);
    return item;
}

struct group_item *coordinator_reply(struct coordinator *c, void *call, const struct schema *schema)
{
    struct group_item *item = item_new(GROUP_REPLY);
    item->out.call = call;
    item->out.schema = schema;
    item->out.response = schema_new(schema, &item->arena, 1);
    return item;
}

void coordinator_push(struct coordinator *c, struct group_item *item)
{
    list_push_back(&c->outputs, &item->node);
}

struct slice group_item_copy(struct group_item *item, struct slice s)
{
    return slice_is_null(s) ? s : arena_copy(&item->arena, s);
}

void coordinator_trace(struct coordinator *c, enum group_trace_kind kind, const struct group *g,
                       const char *why, struct slice member, struct slice client)
{
    struct group_item *item = item_new(GROUP_TRACE);
    item->out.trace = (struct group_trace){
        .kind = kind,
        .group = group_item_copy(item, g->id),
        .generation = g->generation,
        .why = why,
        .member = group_item_copy(item, member),
        .client = group_item_copy(item, slice_head(client, GROUP_CLIENT_REASON_MAX)),
    };
    coordinator_push(c, item);
}

void coordinator_reply_part_done(struct coordinator *c, struct group_item *reply)
{
    if (reply && --reply->waiting == 0) {
        coordinator_push(c, reply);
    }
}

/* --- timers --- */

void group_timer_arm(struct group_timer *t, uint64_t deadline_ns)
{
    group_timer_cancel(t);
    heap_insert(&t->group->c->timers, &t->node, deadline_ns);
}

void group_timer_cancel(struct group_timer *t)
{
    heap_remove(&t->group->c->timers, &t->node);
}

uint64_t coordinator_deadline_ns(const struct coordinator *c)
{
    const struct heap_node *first = heap_peek(&c->timers);
    uint64_t deadline = first ? first->key : UINT64_MAX;
    if (c->stats.groups > 0 && c->config.offsets_retention_ms >= 0 &&
        c->retention_check_ns < deadline) {
        deadline = c->retention_check_ns;
    }
    return deadline;
}

void coordinator_tick(struct coordinator *c, struct group_now now)
{
    struct heap_node *first;
    while ((first = heap_peek(&c->timers)) != NULL && first->key <= now.mono_ns) {
        heap_remove(&c->timers, first);
        group_on_timer(container_of(first, struct group_timer, node), now);
    }
    if (c->config.offsets_retention_ms >= 0 && c->retention_check_ns <= now.mono_ns) {
        c->retention_check_ns =
            now.mono_ns + (uint64_t)c->config.retention_check_interval_ms * 1000000;
        coordinator_expire_offsets(c, now);
    }
}

/* --- appends --- */

struct group_item *coordinator_append(struct group *g, enum group_op_kind kind, size_t records_max,
                                      struct group_op **ret_op)
{
    struct coordinator *c = g->c;
    struct group_op *op = mem_zalloc(sizeof(*op));
    arena_init(&op->arena, SIZE_MAX);
    op->kind = kind;
    op->token = c->next_token++;
    op->partition = g->partition;
    op->group_id = arena_copy(&op->arena, g->id);
    op->incarnation = g->incarnation;
    op->generation = g->generation;
    map_put(&c->ops, map_key_u64(&op->token), op);

    struct group_item *item = item_new(GROUP_APPEND);
    item->out.partition = g->partition;
    item->out.token = op->token;
    item->out.records = arena_array(&item->arena, records_max, sizeof(struct group_record));
    *ret_op = op;
    return item;
}

void coordinator_append_cancel(struct coordinator *c, struct group_item *item, struct group_op *op)
{
    item_free(item);
    op_free(c, op);
}

void group_item_add_record(struct group_item *item, struct slice key, struct slice value)
{
    /* The array was made by coordinator_append(); only readers see it as const. */
    struct group_record *records = (struct group_record *)(uintptr_t)item->out.records;
    records[item->out.record_count++] = (struct group_record){
        .key = group_item_copy(item, key),
        .value = group_item_copy(item, value),
    };
}

int16_t group_append_error(int16_t error_code)
{
    switch (error_code) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_REQUEST_TIMED_OUT:
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_KAFKA_STORAGE_ERROR:
        return KAFKA_NOT_COORDINATOR;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_INVALID_FETCH_SIZE:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    default:
        return error_code;
    }
}

/* g is NULL when the group has gone, or was deleted and made anew, since the append. */
static void op_done(struct coordinator *c, struct group *g, struct group_now now,
                    struct group_op *op, int16_t error)
{
    if (g && error) {
        coordinator_trace(c, GROUP_TRACE_APPEND_FAILED, g, kafka_error_text(error), slice_null(),
                          slice_null());
    }
    switch (op->kind) {
    case GROUP_OP_STORE:
        break;
    case GROUP_OP_ASSIGN:
        if (g) {
            group_assign_done(g, now, op, group_append_error(error));
        }
        break;
    case GROUP_OP_REPLACE:
        group_replace_done(op, group_append_error(error));
        break;
    case GROUP_OP_COMMIT:
        group_commit_done(g, op, error);
        break;
    case GROUP_OP_REMOVE:
        group_remove_done(g, op, group_append_error(error));
        break;
    case GROUP_OP_DELETE:
        group_delete_done(g, op, group_append_error(error));
        break;
    }
    coordinator_reply_part_done(c, op->reply);
}

void coordinator_append_done(struct coordinator *c, struct group_now now, uint64_t token,
                             int16_t error_code)
{
    struct group_op *op = map_get(&c->ops, map_key_u64(&token));
    if (!op) {
        return; /* the partition was resigned meanwhile */
    }
    struct group *g = group_find(c, op->group_id);
    if (g && g->incarnation != op->incarnation) {
        g = NULL;
    }
    op_done(c, g, now, op, error_code);
    op_free(c, op);
}

/* --- partitions --- */

/* Java hashes UTF-16 units: h = 31 h + unit, in 32 bits. */
static uint32_t hash_unit(uint32_t h, uint32_t unit)
{
    return 31 * h + unit;
}

/* The next code point of UTF-8; U+FFFD for a byte that begins none, as Java's decoder gives. */
static uint32_t next_code_point(struct slice s, size_t *at)
{
    uint8_t first = s.ptr[*at];
    unsigned more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    bool valid = first < 0x80 || (first >= 0xc2 && first < 0xf5);
    uint32_t code = more == 0 ? first : first & (0x3fu >> more);
    if (!valid || *at + more >= s.len) {
        (*at)++;
        return 0xfffd;
    }
    for (unsigned i = 1; i <= more; i++) {
        if ((s.ptr[*at + i] & 0xc0) != 0x80) {
            (*at)++;
            return 0xfffd;
        }
        code = code << 6 | (s.ptr[*at + i] & 0x3f);
    }
    *at += more + 1;
    return code;
}

uint32_t group_partition(struct slice group_id, uint32_t partition_count)
{
    uint32_t h = 0;
    for (size_t at = 0; at < group_id.len;) {
        uint32_t code = next_code_point(group_id, &at);
        if (code >= 0x10000) {
            h = hash_unit(h, 0xd800 + ((code - 0x10000) >> 10));
            code = 0xdc00 + (code & 0x3ff);
        }
        h = hash_unit(h, code);
    }
    /* Kafka's Utils.abs(): the least integer has no positive twin and becomes 0. */
    uint32_t positive = h == 0x80000000 ? 0 : h > 0x80000000 ? 0 - h : h;
    return positive % partition_count;
}

int16_t coordinator_check(const struct coordinator *c, struct slice group_id)
{
    if (group_id.len > GROUP_NAME_BYTES_MAX) {
        return KAFKA_INVALID_GROUP_ID;
    }
    switch ((enum group_lead)c->lead[group_partition(group_id, c->config.partition_count)]) {
    case GROUP_LEAD_READY:
        return KAFKA_NONE;
    case GROUP_LEAD_LOADING:
        return KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    case GROUP_LEAD_NONE:
        break;
    }
    return KAFKA_NOT_COORDINATOR;
}

void coordinator_lead(struct coordinator *c, uint32_t partition)
{
    assert(partition < c->config.partition_count);
    if (c->lead[partition] == GROUP_LEAD_NONE) {
        c->lead[partition] = GROUP_LEAD_LOADING;
    }
}

void coordinator_resign(struct coordinator *c, uint32_t partition)
{
    assert(partition < c->config.partition_count);
    c->lead[partition] = GROUP_LEAD_NONE;
    uint32_t at = 0;
    struct group_op *op;
    while ((op = map_next(&c->ops, &at, NULL)) != NULL) {
        if (op->partition == partition) {
            /* Whether the records will be seen by the next coordinator, nobody can tell. */
            op_done(c, NULL, (struct group_now){ 0 }, op, KAFKA_NOT_COORDINATOR);
            op_free(c, op);
        }
    }
    at = 0;
    struct group *g;
    while ((g = map_next(&c->groups, &at, NULL)) != NULL) {
        if (g->partition != partition) {
            continue;
        }
        uint32_t member_at = 0;
        struct group_member *m;
        while ((m = map_next(&g->members, &member_at, NULL)) != NULL) {
            group_answer_join(g, m, KAFKA_NOT_COORDINATOR);
            group_answer_sync(g, m, KAFKA_NOT_COORDINATOR);
        }
        group_free(g);
    }
}

void coordinator_stats(const struct coordinator *c, struct group_stats *ret_stats)
{
    *ret_stats = c->stats;
}
