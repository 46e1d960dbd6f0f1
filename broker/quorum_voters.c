/* SPDX-License-Identifier: Apache-2.0 */
/* quorum_voters.c - see quorum_voters.h. Driven by snapshots.c and format.c. */
#include "broker/quorum_voters.h"

static enum err copy_endpoints(const struct voters_record_voter *from, struct arena *arena,
                               struct raft_voter *to)
{
    struct raft_endpoint *list = arena_array(arena, (size_t)from->endpoints_n, sizeof(*list));
    if (!list) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < from->endpoints_n; i++) {
        const struct voters_record_endpoint *e = &from->endpoints[i];
        list[i] = (struct raft_endpoint){ .name = arena_copy(arena, e->name),
                                          .host = arena_copy(arena, e->host),
                                          .port = e->port };
        if (slice_is_null(list[i].name) || slice_is_null(list[i].host)) {
            return ERR_LIMIT;
        }
    }
    to->endpoints = list;
    to->endpoint_count = (size_t)from->endpoints_n;
    return ERR_OK;
}

enum err voters_from_record(const struct voters_record *record, struct arena *arena,
                            struct raft_voter_set *ret_set)
{
    struct raft_voter *voters = arena_array(arena, (size_t)record->voters_n, sizeof(*voters));
    if (!voters) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < record->voters_n; i++) {
        const struct voters_record_voter *from = &record->voters[i];
        voters[i] = (struct raft_voter){
            .id = from->voter_id,
            .directory_id = from->voter_directory_id,
            .kraft_version_min = from->kraft_version_feature.min_supported_version,
            .kraft_version_max = from->kraft_version_feature.max_supported_version,
        };
        enum err e = copy_endpoints(from, arena, &voters[i]);
        if (e) {
            return e;
        }
    }
    *ret_set = (struct raft_voter_set){ voters, (size_t)record->voters_n };
    return ERR_OK;
}

enum err voters_to_record(struct raft_voter_set set, struct arena *arena,
                          struct voters_record *ret_record)
{
    struct voters_record rec;
    schema_init(&voters_record_schema, &rec);
    rec.voters = schema_new(&voters_record_voter_schema, arena, set.count);
    if (!rec.voters) {
        return ERR_LIMIT;
    }
    rec.voters_n = (int32_t)set.count;
    for (size_t i = 0; i < set.count; i++) {
        const struct raft_voter *from = &set.voters[i];
        struct voters_record_voter *to = &rec.voters[i];
        to->voter_id = from->id;
        to->voter_directory_id = from->directory_id;
        to->kraft_version_feature.min_supported_version = from->kraft_version_min;
        to->kraft_version_feature.max_supported_version = from->kraft_version_max;
        to->endpoints = schema_new(&voters_record_endpoint_schema, arena, from->endpoint_count);
        if (!to->endpoints) {
            return ERR_LIMIT;
        }
        to->endpoints_n = (int32_t)from->endpoint_count;
        for (size_t k = 0; k < from->endpoint_count; k++) {
            to->endpoints[k].name = from->endpoints[k].name;
            to->endpoints[k].host = from->endpoints[k].host;
            to->endpoints[k].port = from->endpoints[k].port;
        }
    }
    *ret_record = rec;
    return ERR_OK;
}
