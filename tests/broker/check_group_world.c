/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group_world.c - the small broker of check_group_world.h.
 *   (W1) Every call is answered once at most; world_run() fails the test otherwise.
 */
#include "tests/broker/check_group_world.h"

#include "protocol/base/alloc.h"

#include <stdio.h>

static void lead_all(struct world *w)
{
    for (uint32_t p = 0; p < w->config.partition_count; p++) {
        coordinator_lead(w->c, p);
        for (size_t i = 0; i < w->record_count; i++) {
            if (w->records[i].partition == p) {
                ck_assert_int_eq(coordinator_load_record(w->c, p, w->records[i].key,
                                                         w->records[i].value),
                                 ERR_OK);
            }
        }
        coordinator_load_done(w->c, w->now, p);
    }
}

void world_init(struct world *w, const struct group_config *config)
{
    memset(w, 0, sizeof(*w));
    w->config = *config;
    w->now = (struct group_now){ .mono_ns = 1000000000, .wall_ms = 1700000000000 };
    arena_init(&w->arena, SIZE_MAX);
    w->c = coordinator_new(config, 42);
    lead_all(w);
}

void world_deinit(struct world *w)
{
    coordinator_free(w->c);
    mem_free(w->records);
    arena_deinit(&w->arena);
}

void world_restart(struct world *w)
{
    coordinator_free(w->c);
    w->append_count = 0;
    w->c = coordinator_new(&w->config, 43);
    lead_all(w);
    world_run(w);
}

void world_lose_and_lead(struct world *w)
{
    while (w->append_count > 0) {
        w->record_count -= w->appends[--w->append_count].count;
    }
    for (uint32_t p = 0; p < w->config.partition_count; p++) {
        coordinator_resign(w->c, p);
    }
    lead_all(w);
    world_run(w);
}

static void keep_reply(struct world *w, const struct group_output *out)
{
    uintptr_t call = (uintptr_t)out->call;
    ck_assert_uint_gt(call, 0);
    ck_assert_uint_le(call, w->calls);
    ck_assert_msg(w->replies[call] == NULL, "call %lu was answered twice", (unsigned long)call);
    /* Through the codec, so that what could not be sent is found. Commits have names up to v9. */
    int16_t version = out->schema == &offset_commit_response_schema ? 9 : out->schema->max;
    struct buf bytes = { 0 };
    struct writer writer;
    writer_init(&writer, &bytes);
    ck_assert_int_eq(schema_encode(out->schema, version, &writer, out->response), ERR_OK);
    struct slice kept = arena_copy(&w->arena, buf_slice(&bytes));
    struct reader r = reader_of(kept);
    void *msg = schema_new(out->schema, &w->arena, 1);
    ck_assert_int_eq(schema_decode(out->schema, version, &r, &w->arena, msg), ERR_OK);
    w->replies[call] = msg;
    w->reply_order[w->replied++] = call;
    writer_deinit(&writer);
    buf_deinit(&bytes);
}

static void keep_append(struct world *w, const struct group_output *out)
{
    ck_assert_uint_lt(w->append_count, WORLD_APPENDS_MAX);
    ck_assert_uint_gt(out->record_count, 0);
    ck_assert_uint_le(out->record_count, w->config.records_per_append_max);
    w->appends[w->append_count++] =
        (struct world_append){ out->token, out->partition, w->record_count, out->record_count };
    for (size_t i = 0; i < out->record_count; i++) {
        if (w->record_count == w->record_cap) {
            w->record_cap = w->record_cap ? 2 * w->record_cap : 64;
            w->records = mem_rearray(w->records, w->record_cap, sizeof(*w->records));
        }
        const struct group_record *r = &out->records[i];
        w->records[w->record_count++] = (struct world_record){
            out->partition,
            arena_copy(&w->arena, r->key),
            slice_is_null(r->value) ? r->value : arena_copy(&w->arena, r->value),
        };
    }
}

void world_append_done(struct world *w, int16_t error)
{
    ck_assert_uint_gt(w->append_count, 0);
    struct world_append a = w->appends[0];
    memmove(w->appends, w->appends + 1, --w->append_count * sizeof(a));
    if (error) {
        /* Nothing of it is in the log. */
        memmove(w->records + a.first, w->records + a.first + a.count,
                (w->record_count - a.first - a.count) * sizeof(*w->records));
        w->record_count -= a.count;
        for (size_t i = 0; i < w->append_count; i++) {
            w->appends[i].first -= a.count;
        }
    }
    coordinator_append_done(w->c, w->now, a.token, error);
    world_run(w);
}

void world_run(struct world *w)
{
    const struct group_output *out;
    while ((out = coordinator_next_output(w->c)) != NULL) {
        switch (out->kind) {
        case GROUP_REPLY:
            keep_reply(w, out);
            break;
        case GROUP_APPEND:
            keep_append(w, out);
            break;
        case GROUP_TRACE:
            w->traces[out->trace.kind]++;
            if (w->on_trace) {
                w->on_trace(&out->trace);
            }
            if (out->trace.kind == GROUP_TRACE_REBALANCE) {
                w->last_why = out->trace.why;
            }
            break;
        }
    }
    if (!w->hold_appends && w->append_count > 0) {
        world_append_done(w, KAFKA_NONE);
    }
}

static void set_time(struct world *w, uint64_t mono_ns)
{
    w->now.wall_ms += (int64_t)((mono_ns - w->now.mono_ns) / 1000000);
    w->now.mono_ns = mono_ns;
}

void world_pass_ms(struct world *w, uint64_t ms)
{
    uint64_t until = w->now.mono_ns + ms * 1000000;
    uint64_t next;
    while ((next = coordinator_deadline_ns(w->c)) <= until) {
        set_time(w, next > w->now.mono_ns ? next : w->now.mono_ns);
        coordinator_tick(w->c, w->now);
        world_run(w);
    }
    set_time(w, until);
}

/* --- clients --- */

static void *new_call(struct world *w)
{
    ck_assert_uint_lt(w->calls, WORLD_CALLS_MAX - 1);
    return (void *)++w->calls;
}

static int16_t version_of(const struct client *k)
{
    return k->version == 0 ? 9 : k->version < 0 ? 0 : k->version;
}

uintptr_t client_join(struct world *w, struct client *k)
{
    struct join_group_request_protocol protocols[8];
    int32_t n = 0;
    const char *text = k->protocols ? k->protocols : "range";
    while (*text && n < 8) {
        size_t len = strcspn(text, ",");
        protocols[n].name = slice_of(text, len);
        protocols[n++].metadata = slice_str(k->metadata ? k->metadata : "topics");
        text += len + (text[len] == ',');
    }
    struct join_group_request req = {
        .group_id = slice_str(k->group),
        .session_timeout_ms = k->session_ms ? k->session_ms : 10000,
        .rebalance_timeout_ms = k->rebalance_ms ? k->rebalance_ms : 60000,
        .member_id = slice_str(k->member_id),
        .group_instance_id = slice_str(k->instance),
        .protocol_type = slice_str("consumer"),
        .protocols = protocols,
        .protocols_n = n,
    };
    coordinator_join(w->c, w->now, &req, version_of(k), slice_str("app"), slice_str("/127.0.0.1"),
                     new_call(w));
    uintptr_t call = w->calls;
    world_run(w);
    return call;
}

uintptr_t client_sync(struct world *w, const struct client *k,
                      const struct sync_group_request_assignment *assignments, int32_t n)
{
    struct sync_group_request req = {
        .group_id = slice_str(k->group),
        .generation_id = k->generation,
        .member_id = slice_str(k->member_id),
        .group_instance_id = slice_str(k->instance),
        .assignments = (struct sync_group_request_assignment *)(uintptr_t)assignments,
        .assignments_n = n,
    };
    coordinator_sync(w->c, w->now, &req, new_call(w));
    uintptr_t call = w->calls;
    world_run(w);
    return call;
}

int16_t client_heartbeat(struct world *w, const struct client *k)
{
    struct heartbeat_request req = {
        .group_id = slice_str(k->group),
        .generation_id = k->generation,
        .member_id = slice_str(k->member_id),
        .group_instance_id = slice_str(k->instance),
    };
    int16_t error = coordinator_heartbeat(w->c, w->now, &req);
    world_run(w);
    return error;
}

int16_t client_leave(struct world *w, const struct client *k)
{
    struct leave_group_request_member_identity member = { .member_id = slice_str(k->member_id),
                                                          .group_instance_id =
                                                              slice_str(k->instance) };
    struct leave_group_request req = { .group_id = slice_str(k->group),
                                       .members = &member,
                                       .members_n = 1 };
    struct leave_group_response r;
    ck_assert_int_eq(coordinator_leave(w->c, w->now, &req, 5, &w->arena, &r), ERR_OK);
    int16_t error = r.error_code ? r.error_code : r.members[0].error_code;
    world_run(w);
    return error;
}

uintptr_t client_commit(struct world *w, const struct client *k, const char *topic,
                        int32_t partition, int64_t offset)
{
    struct offset_commit_request_partition p = {
        .partition_index = partition,
        .committed_offset = offset,
        .committed_leader_epoch = -1,
        .committed_metadata = slice_str("m"),
    };
    struct offset_commit_request_topic t = { .name = slice_str(topic),
                                             .partitions = &p,
                                             .partitions_n = 1 };
    struct offset_commit_request req = {
        .group_id = slice_str(k->group),
        .generation_id_or_member_epoch = k->member_id[0] ? k->generation : -1,
        .member_id = slice_str(k->member_id),
        .group_instance_id = slice_str(k->instance),
        .topics = &t,
        .topics_n = 1,
    };
    coordinator_offset_commit(w->c, w->now, &req, 9, NULL, new_call(w));
    uintptr_t call = w->calls;
    world_run(w);
    return call;
}

const struct join_group_response *join_reply(const struct world *w, uintptr_t call)
{
    return w->replies[call];
}

const struct sync_group_response *sync_reply(const struct world *w, uintptr_t call)
{
    return w->replies[call];
}

int16_t commit_error_of(const struct world *w, uintptr_t call)
{
    const struct offset_commit_response *r = w->replies[call];
    return r ? r->topics[0].partitions[0].error_code : -100;
}

void client_learn(const struct world *w, struct client *k, uintptr_t call)
{
    const struct join_group_response *r = join_reply(w, call);
    ck_assert_ptr_nonnull(r);
    ck_assert(r->error_code == KAFKA_NONE || r->error_code == KAFKA_MEMBER_ID_REQUIRED);
    snprintf(k->member_id, sizeof(k->member_id), "%.*s", SLICE_ARG(r->member_id));
    k->generation = r->generation_id;
}

int64_t committed(struct world *w, const char *group, const char *topic, int32_t partition)
{
    struct offset_fetch_request_topic t = { .name = slice_str(topic),
                                            .partition_indexes = &partition,
                                            .partition_indexes_n = 1 };
    struct offset_fetch_request req = { .group_id = slice_str(group), .topics = &t, .topics_n = 1 };
    struct offset_fetch_response r;
    ck_assert_int_eq(coordinator_offset_fetch(w->c, &req, 7, &w->arena, &r), ERR_OK);
    ck_assert_int_eq(r.error_code, 0);
    return r.topics[0].partitions[0].committed_offset;
}

const char *state_of(struct world *w, const char *group)
{
    struct describe_groups_response_described_group g;
    ck_assert_int_eq(coordinator_describe(w->c, slice_str(group), 5, &w->arena, &g), ERR_OK);
    return (const char *)arena_copy(&w->arena, g.group_state).ptr;
}

uintptr_t client_enter(struct world *w, struct client *k)
{
    uintptr_t call = client_join(w, k);
    const struct join_group_response *r = join_reply(w, call);
    if (r && r->error_code == KAFKA_MEMBER_ID_REQUIRED) {
        client_learn(w, k, call);
        call = client_join(w, k);
    }
    return call;
}

void make_stable(struct world *w, struct client *clients, size_t n)
{
    uintptr_t calls[16];
    struct sync_group_request_assignment assignments[16];
    char texts[16][8];
    ck_assert_uint_le(n, 16);
    for (size_t i = 0; i < n; i++) {
        calls[i] = client_enter(w, &clients[i]);
    }
    world_pass_ms(w, w->config.initial_rebalance_delay_ms * (n + 1));
    for (size_t i = 0; i < n; i++) {
        client_learn(w, &clients[i], calls[i]);
        ck_assert_int_eq(join_reply(w, calls[i])->error_code, KAFKA_NONE);
        snprintf(texts[i], sizeof(texts[i]), "A%zu", i);
        assignments[i].member_id = slice_str(clients[i].member_id);
        assignments[i].assignment = slice_str(texts[i]);
    }
    for (size_t i = n; i-- > 0;) {
        bool leads = slice_eq_str(join_reply(w, calls[i])->leader, clients[i].member_id);
        client_sync(w, &clients[i], assignments, leads ? (int32_t)n : 0);
    }
    ck_assert_str_eq(state_of(w, clients[0].group), "Stable");
}
