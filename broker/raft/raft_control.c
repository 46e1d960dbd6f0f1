/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_control.c - control records of the metadata log: who leads since when, who votes, and which
 * kraft.version holds. Keys are an i16 version 0 and an i16 type.
 * Driven by the log for what comes in, by the leader for what it writes.
 * Source: KIP-595 (LeaderChangeMessage), KIP-853 (VotersRecord, KRaftVersionRecord).
 */
#include "broker/raft/raft_machine.h"

#include <assert.h>

enum {
    CONTROL_LEADER_CHANGE = 2,
    CONTROL_KRAFT_VERSION = 5,
    CONTROL_VOTERS = 6,
    CONTROL_RECORD_BYTES_MAX = 1024 * 1024,
};

/* --- reading --- */

static enum err read_voters(const struct record *rec, struct arena *arena,
                            struct raft_voter_set *ret_set)
{
    struct voters_record msg;
    struct reader in = reader_of(rec->value);
    enum err err = schema_decode(&voters_record_schema, 0, &in, arena, &msg);
    return err ? err : raft_voters_from_record(&msg, arena, ret_set);
}

/* One record; r NULL: only look. */
static enum err walk_record(struct raft *r, const struct record *rec, struct arena *arena)
{
    struct reader key = reader_of(rec->key);
    int16_t version = reader_i16(&key);
    int16_t type = reader_i16(&key);
    if (key.err) {
        return key.err;
    }
    if (version != 0) {
        return ERR_OK; /* of a later Kafka; it does not concern us */
    }
    if (type == CONTROL_VOTERS) {
        struct raft_voter_set set;
        enum err err = read_voters(rec, arena, &set);
        if (!err && r) {
            raft_voters_add(r, rec->offset, set);
        }
        return err;
    }
    if (type == CONTROL_KRAFT_VERSION) {
        struct kraft_version_record msg;
        struct reader in = reader_of(rec->value);
        enum err err = schema_decode(&kraft_version_record_schema, 0, &in, arena, &msg);
        if (!err && r) {
            raft_versions_add(r, rec->offset, msg.kraft_version);
        }
        return err;
    }
    return ERR_OK;
}

static enum err walk(struct raft *r, const struct batch_view *batch)
{
    struct buf scratch = { 0 };
    struct arena arena;
    arena_init(&arena, CONTROL_RECORD_BYTES_MAX);
    struct batch_iter it;
    enum err err = batch_iter_init(&it, batch, &scratch, CONTROL_RECORD_BYTES_MAX);
    while (!err) {
        struct record rec;
        err = batch_iter_next(&it, &rec);
        if (!err) {
            err = walk_record(r, &rec, &arena);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    buf_deinit(&scratch);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err raft_control_check(const struct batch_view *batch)
{
    return walk(NULL, batch);
}

enum err raft_control_apply(struct raft *r, const struct batch_view *batch)
{
    return walk(r, batch);
}

/* --- writing --- */

static void add_record(struct batch_builder *b, uint8_t type, const struct schema *schema,
                       int16_t version, const void *msg, int64_t wall_ms)
{
    const uint8_t key[] = { 0, 0, 0, type };
    struct buf body = { 0 };
    struct writer w;
    writer_init(&w, &body);
    enum err err = schema_encode(schema, version, &w, msg);
    assert(!err);
    struct record rec = { .timestamp_ms = wall_ms,
                          .key = slice_of(key, sizeof(key)),
                          .value = buf_slice(&body) };
    batch_builder_append(b, &rec);
    buf_deinit(&body);
}

static void add_voters(struct batch_builder *b, struct raft_voter_set set, int64_t wall_ms)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    struct voters_record msg;
    enum err err = raft_voters_to_record(set, &arena, &msg);
    assert(!err);
    add_record(b, CONTROL_VOTERS, &voters_record_schema, 0, &msg, wall_ms);
    arena_deinit(&arena);
}

/* Seals, stamps and appends what was built. */
static void append_built(struct raft *r, struct batch_builder *b)
{
    struct batch_seal seal = { .codec = CODEC_NONE,
                               .attributes = BATCH_ATTR_CONTROL,
                               .producer_id = -1,
                               .producer_epoch = -1,
                               .base_sequence = -1 };
    struct slice bytes;
    struct buf out = { 0 };
    enum err err = batch_builder_seal(b, &seal, &out, &bytes);
    assert(!err);
    batch_stamp(b->buf.ptr, r->log.end, r->state.epoch);
    raft_append(r, bytes, true);
    buf_deinit(&out);
    batch_builder_deinit(b);
}

static void add_leader_change(struct raft *r, struct batch_builder *b)
{
    struct raft_voter_set set = raft_voters(r);
    struct leader_change_message msg;
    schema_init(&leader_change_message_schema, &msg);
    struct leader_change_message_voter voters[RAFT_VOTERS_MAX], granting[RAFT_VOTERS_MAX];
    msg.version = 0; /* the only one that Kafka writes and its tools read, in every quorum */
    msg.leader_id = r->config.node_id;
    msg.voters = voters;
    msg.granting_voters = granting;
    for (size_t i = 0; i < set.count; i++) {
        voters[msg.voters_n++] =
            (struct leader_change_message_voter){ set.voters[i].id, set.voters[i].directory_id };
    }
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].ask == RAFT_ASK_YES) {
            granting[msg.granting_voters_n++] =
                (struct leader_change_message_voter){ r->peers[i].id, r->peers[i].directory_id };
        }
    }
    add_record(b, CONTROL_LEADER_CHANGE, &leader_change_message_schema, msg.version, &msg,
               r->now.wall_ms);
}

void raft_control_begin_epoch(struct raft *r)
{
    struct batch_builder b = { 0 };
    add_leader_change(r, &b);
    struct raft_voter_set set = raft_voters(r);
    if (raft_kraft_version(r) > 0) {
        const struct raft_voter *before = raft_voter_find(set, r->config.node_id);
        /* A leader that its last change leaves out adds nothing to it. */
        bool stale = before && !raft_endpoints_eq(before->endpoints, before->endpoint_count,
                                                  r->config.endpoints, r->config.endpoint_count);
        if (before && (raft_voters_offset(r) < 0 || stale)) {
            struct kraft_version_record version;
            schema_init(&kraft_version_record_schema, &version);
            version.kraft_version = raft_kraft_version(r);
            add_record(&b, CONTROL_KRAFT_VERSION, &kraft_version_record_schema, 0, &version,
                       r->now.wall_ms);
            struct arena arena;
            arena_init(&arena, SIZE_MAX);
            struct raft_voter self = raft_self(r);
            add_voters(&b, raft_voters_with(&arena, set, &self), r->now.wall_ms);
            arena_deinit(&arena);
        }
    }
    append_built(r, &b);
}

int64_t raft_control_voters(struct raft *r, struct raft_voter_set set)
{
    int64_t offset = r->log.end;
    struct batch_builder b = { 0 };
    add_voters(&b, set, r->now.wall_ms);
    append_built(r, &b);
    return offset;
}
