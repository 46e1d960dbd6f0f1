/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_voters.c - sets of voters, and their history along the log.
 * Driven by the log (appends, truncations, snapshots) and by whoever changes voters.
 *   (V1) A set counts from the moment its record is in the log, committed or not (KIP-853), and
 *        ceases to when the record is truncated: the last entry is the current one.
 *   (V2) Entries ascend strictly in offset; the oldest one stands for the start of the log.
 *   (V3) Sets are never altered, only replaced.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

bool raft_key_matches(int32_t id, const struct uuid *directory_id, int32_t other_id,
                      const struct uuid *other_directory_id)
{
    return id == other_id && (uuid_is_zero(directory_id) || uuid_is_zero(other_directory_id) ||
                              uuid_eq(directory_id, other_directory_id));
}

struct raft_endpoint *raft_endpoints_copy(struct arena *arena,
                                          const struct raft_endpoint *endpoints, size_t count)
{
    struct raft_endpoint *copies = arena_array(arena, count, sizeof(*copies));
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = (struct raft_endpoint){ .name = arena_copy(arena, endpoints[i].name),
                                            .host = arena_copy(arena, endpoints[i].host),
                                            .port = endpoints[i].port };
        if (slice_is_null(copies[i].name) || slice_is_null(copies[i].host)) {
            return NULL;
        }
    }
    return copies;
}

void raft_voter_copy(struct arena *arena, const struct raft_voter *voter,
                     struct raft_voter *ret_voter)
{
    *ret_voter = *voter;
    ret_voter->endpoints = raft_endpoints_copy(arena, voter->endpoints, voter->endpoint_count);
}

struct raft_voter_set raft_voters_copy(struct arena *arena, struct raft_voter_set set)
{
    struct raft_voter *voters = arena_array(arena, set.count, sizeof(*voters));
    for (size_t i = 0; i < set.count; i++) {
        raft_voter_copy(arena, &set.voters[i], &voters[i]);
    }
    return (struct raft_voter_set){ voters, set.count };
}

struct raft_voter_set raft_voters_with(struct arena *arena, struct raft_voter_set set,
                                       const struct raft_voter *voter)
{
    struct raft_voter *voters = arena_array(arena, set.count + 1, sizeof(*voters));
    size_t count = 0;
    bool there = false;
    for (size_t i = 0; i < set.count; i++) {
        bool same = set.voters[i].id == voter->id;
        voters[count++] = same ? *voter : set.voters[i];
        there |= same;
    }
    if (!there) {
        voters[count++] = *voter;
    }
    return (struct raft_voter_set){ voters, count };
}

struct raft_voter_set raft_voters_without(struct arena *arena, struct raft_voter_set set,
                                          int32_t id)
{
    struct raft_voter *voters = arena_array(arena, set.count, sizeof(*voters));
    size_t count = 0;
    for (size_t i = 0; i < set.count; i++) {
        if (set.voters[i].id != id) {
            voters[count++] = set.voters[i];
        }
    }
    return (struct raft_voter_set){ voters, count };
}

struct raft_voter raft_self(const struct raft *r)
{
    return (struct raft_voter){ .id = r->config.node_id,
                                .directory_id = r->config.directory_id,
                                .endpoints = r->config.endpoints,
                                .endpoint_count = r->config.endpoint_count,
                                .kraft_version_min = 0,
                                .kraft_version_max = RAFT_KRAFT_VERSION_MAX };
}

const struct raft_voter *raft_voter_find(struct raft_voter_set set, int32_t id)
{
    for (size_t i = 0; i < set.count; i++) {
        if (set.voters[i].id == id) {
            return &set.voters[i];
        }
    }
    return NULL;
}

const struct raft_endpoint *raft_endpoint_find(const struct raft_endpoint *endpoints, size_t count,
                                               struct slice listener_name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(endpoints[i].name, listener_name)) {
            return &endpoints[i];
        }
    }
    return NULL;
}

const struct raft_endpoint *
raft_endpoint_dialled(const struct raft *r, const struct raft_endpoint *endpoints, size_t count)
{
    const struct raft_endpoint *at = raft_endpoint_find(endpoints, count, r->config.listener_name);
    return at || count == 0 ? at : &endpoints[0];
}

bool raft_endpoints_eq(const struct raft_endpoint *a, size_t a_count, const struct raft_endpoint *b,
                       size_t b_count)
{
    bool eq = a_count == b_count;
    for (size_t i = 0; i < a_count && eq; i++) {
        const struct raft_endpoint *other = raft_endpoint_find(b, b_count, a[i].name);
        eq = other && slice_eq(other->host, a[i].host) && other->port == a[i].port;
    }
    return eq;
}

bool raft_voter_destination(const struct raft *r, int32_t id, struct raft_destination *ret_to)
{
    const struct raft_voter *voter = raft_voter_find(raft_voters(r), id);
    const struct raft_endpoint *at =
        voter ? raft_endpoint_dialled(r, voter->endpoints, voter->endpoint_count) : NULL;
    if (!at) {
        return false;
    }
    *ret_to = (struct raft_destination){ .node_id = id, .host = at->host, .port = at->port };
    return true;
}

/* --- a VotersRecord --- */

enum err raft_voters_to_record(struct raft_voter_set set, struct arena *arena,
                               struct voters_record *ret_record)
{
    struct voters_record rec;
    if (set.count < 1 || set.count > RAFT_VOTERS_MAX) {
        return ERR_MALFORMED;
    }
    schema_init(&voters_record_schema, &rec);
    rec.voters = schema_new(&voters_record_voter_schema, arena, set.count);
    rec.voters_n = (int32_t)set.count;
    for (size_t i = 0; rec.voters && i < set.count; i++) {
        const struct raft_voter *from = &set.voters[i];
        struct voters_record_voter *to = &rec.voters[i];
        to->voter_id = from->id;
        to->voter_directory_id = from->directory_id;
        to->kraft_version_feature.min_supported_version = from->kraft_version_min;
        to->kraft_version_feature.max_supported_version = from->kraft_version_max;
        to->endpoints = raft_endpoints_copy(arena, from->endpoints, from->endpoint_count);
        to->endpoints_n = (int32_t)from->endpoint_count;
        if (!to->endpoints) {
            return ERR_LIMIT;
        }
    }
    *ret_record = rec;
    return rec.voters ? ERR_OK : ERR_LIMIT;
}

enum err raft_voters_from_record(const struct voters_record *record, struct arena *arena,
                                 struct raft_voter_set *ret_set)
{
    if (record->voters_n < 1 || record->voters_n > RAFT_VOTERS_MAX) {
        return ERR_MALFORMED;
    }
    struct raft_voter *voters = arena_array(arena, (size_t)record->voters_n, sizeof(*voters));
    for (int32_t i = 0; voters && i < record->voters_n; i++) {
        const struct voters_record_voter *from = &record->voters[i];
        if (from->endpoints_n < 0 || from->endpoints_n > RAFT_VOTER_ENDPOINTS_MAX) {
            return ERR_MALFORMED;
        }
        size_t count = (size_t)from->endpoints_n;
        voters[i] = (struct raft_voter){
            .id = from->voter_id,
            .directory_id = from->voter_directory_id,
            .endpoints = raft_endpoints_copy(arena, from->endpoints, count),
            .endpoint_count = count,
            .kraft_version_min = from->kraft_version_feature.min_supported_version,
            .kraft_version_max = from->kraft_version_feature.max_supported_version,
        };
        if (!voters[i].endpoints) {
            return ERR_LIMIT;
        }
    }
    *ret_set = (struct raft_voter_set){ voters, (size_t)record->voters_n };
    return voters ? ERR_OK : ERR_LIMIT;
}

/* --- the history --- */

static void entry_free(struct raft_voters_entry *entry)
{
    arena_deinit(&entry->arena);
    mem_free(entry);
}

int64_t raft_voters_offset(const struct raft *r)
{
    return r->voters_count > 0 ? r->voters[r->voters_count - 1]->offset : -1;
}

/* Roles follow the voters: a leader counts anew. */
static void changed(struct raft *r)
{
    if (r->started && r->role == RAFT_LEADER) {
        raft_leader_voters_changed(r);
    }
}

void raft_voters_add(struct raft *r, int64_t offset, struct raft_voter_set set)
{
    struct raft_voters_entry *entry = mem_zalloc(sizeof(*entry));
    arena_init(&entry->arena, SIZE_MAX);
    entry->offset = offset;
    entry->set = raft_voters_copy(&entry->arena, set);
    r->voters = mem_rearray(r->voters, r->voters_count + 1, sizeof(struct raft_voters_entry *));
    r->voters[r->voters_count++] = entry;
    changed(r);
}

void raft_versions_add(struct raft *r, int64_t offset, int16_t version)
{
    r->versions = mem_rearray(r->versions, r->version_count + 1, sizeof(*r->versions));
    r->versions[r->version_count++] = (struct raft_version_entry){ offset, version };
}

void raft_voters_truncate(struct raft *r, int64_t offset)
{
    bool cut = false;
    while (r->voters_count > 0 && r->voters[r->voters_count - 1]->offset >= offset) {
        entry_free(r->voters[--r->voters_count]);
        cut = true;
    }
    while (r->version_count > 0 && r->versions[r->version_count - 1].offset >= offset) {
        r->version_count--;
    }
    if (cut) {
        changed(r);
    }
}

void raft_voters_trim(struct raft *r)
{
    size_t old = 0;
    while (old + 1 < r->voters_count && r->voters[old + 1]->offset < r->log.start) {
        entry_free(r->voters[old++]);
    }
    if (old > 0) {
        r->voters_count -= old;
        memmove(r->voters, r->voters + old, r->voters_count * sizeof(struct raft_voters_entry *));
    }
    old = 0;
    while (old + 1 < r->version_count && r->versions[old + 1].offset < r->log.start) {
        old++;
    }
    if (old > 0) {
        r->version_count -= old;
        memmove(r->versions, r->versions + old, r->version_count * sizeof(*r->versions));
    }
}

void raft_voters_clear(struct raft *r)
{
    for (size_t i = 0; i < r->voters_count; i++) {
        entry_free(r->voters[i]);
    }
    r->voters_count = 0;
    r->version_count = 0;
}

struct raft_voter_set raft_voters(const struct raft *r)
{
    return raft_voters_at(r, INT64_MAX);
}

struct raft_voter_set raft_voters_at(const struct raft *r, int64_t end_offset)
{
    for (size_t i = r->voters_count; i > 0; i--) {
        if (r->voters[i - 1]->offset < end_offset) {
            return r->voters[i - 1]->set;
        }
    }
    return (struct raft_voter_set){ NULL, 0 };
}

int16_t raft_kraft_version(const struct raft *r)
{
    return raft_kraft_version_at(r, INT64_MAX);
}

int16_t raft_kraft_version_at(const struct raft *r, int64_t end_offset)
{
    for (size_t i = r->version_count; i > 0; i--) {
        if (r->versions[i - 1].offset < end_offset) {
            return r->versions[i - 1].version;
        }
    }
    return 0;
}

bool raft_is_voter(const struct raft *r)
{
    const struct raft_voter *voter = raft_voter_find(raft_voters(r), r->config.node_id);
    return voter && r->config.can_vote &&
           raft_key_matches(voter->id, &voter->directory_id, r->config.node_id,
                            &r->config.directory_id);
}
