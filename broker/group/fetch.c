/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - OffsetFetch: committed offsets, for one group or many, chosen topics or all.
 * Driven by coordinator_offset_fetch(); changes nothing.
 *   (F1) An offset whose commit is not durable yet is not told; with require_stable the client is
 *        sent away until it is (KIP-447). A group that is being deleted still tells its offsets:
 *        the deletion may fail.
 */
#include "broker/group/group.h"

#include <stdlib.h>

struct fetched {
    int64_t offset;
    int32_t leader_epoch;
    struct slice metadata;
    int16_t error;
};

static const struct fetched NOT_COMMITTED = { -1, -1, SLICE_LIT(""), KAFKA_NONE };

/* The arena's copy, or a null slice at its cap. */
static struct fetched fetch_entry(const struct group_offset *o, const struct uuid *topic_id,
                                  bool require_stable, struct arena *arena)
{
    struct fetched f = NOT_COMMITTED;
    if (o && require_stable && o->in_flight > 0) {
        f.error = KAFKA_UNSTABLE_OFFSET_COMMIT;
    } else if (o && o->committed &&
               (!topic_id || uuid_is_zero(topic_id) || uuid_is_zero(&o->topic_id) ||
                uuid_eq(topic_id, &o->topic_id))) {
        f.offset = o->offset;
        f.leader_epoch = o->leader_epoch;
        f.metadata = arena_copy(arena, o->metadata);
    }
    return f;
}

static struct fetched fetch_one(const struct group *g, struct slice topic,
                                const struct uuid *topic_id, int32_t partition, bool require_stable,
                                struct arena *arena)
{
    if (slice_is_null(topic)) {
        struct fetched f = NOT_COMMITTED;
        f.error = KAFKA_UNKNOWN_TOPIC_ID;
        return f;
    }
    struct buf key = { 0 };
    const struct group_offset *o =
        g ? map_get(&g->offsets, group_offset_key(&key, topic, partition)) : NULL;
    buf_deinit(&key);
    return fetch_entry(o, topic_id, require_stable, arena);
}

static int by_topic_and_partition(const void *a, const void *b)
{
    const struct group_offset *x = *(const struct group_offset *const *)a;
    const struct group_offset *y = *(const struct group_offset *const *)b;
    int order = slice_cmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* All entries that a fetch of all topics names, sorted. */
static enum err list_entries(const struct group *g, bool require_stable, struct arena *arena,
                             const struct group_offset ***ret_list, size_t *ret_count)
{
    const struct group_offset **list = arena_array(arena, g ? g->offsets.count : 0, sizeof(*list));
    if (!list) {
        return ERR_LIMIT;
    }
    size_t n = 0;
    uint32_t at = 0;
    const struct group_offset *o;
    while (g && (o = map_next(&g->offsets, &at, NULL)) != NULL) {
        if (o->committed || (require_stable && o->in_flight > 0)) {
            list[n++] = o;
        }
    }
    qsort(list, n, sizeof(*list), by_topic_and_partition);
    *ret_list = list;
    *ret_count = n;
    return ERR_OK;
}

static bool fill(struct offset_fetch_response_partitions *to, int32_t partition, struct fetched f)
{
    to->partition_index = partition;
    to->committed_offset = f.offset;
    to->committed_leader_epoch = f.leader_epoch;
    to->metadata = f.metadata;
    to->error_code = f.error;
    return !slice_is_null(f.metadata);
}

static enum err fetch_all(const struct group *g, bool require_stable, struct arena *arena,
                          struct offset_fetch_response_group *ret_group)
{
    const struct group_offset **list;
    size_t n;
    enum err e = list_entries(g, require_stable, arena, &list, &n);
    if (e) {
        return e;
    }
    size_t topics = 0;
    for (size_t i = 0; i < n; i++) {
        topics += i == 0 || !slice_eq(list[i]->topic, list[i - 1]->topic);
    }
    ret_group->topics = schema_new(&offset_fetch_response_topics_schema, arena, topics);
    struct offset_fetch_response_partitions *parts =
        schema_new(&offset_fetch_response_partitions_schema, arena, n);
    if (!ret_group->topics || !parts) {
        return ERR_LIMIT;
    }
    struct offset_fetch_response_topics *t = NULL;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !slice_eq(list[i]->topic, list[i - 1]->topic)) {
            t = &ret_group->topics[ret_group->topics_n++];
            t->name = arena_copy(arena, list[i]->topic);
            t->topic_id = list[i]->topic_id;
            t->partitions = &parts[i];
            if (slice_is_null(t->name)) {
                return ERR_LIMIT;
            }
        }
        t->partitions_n++;
        if (!fill(&parts[i], list[i]->partition,
                  fetch_entry(list[i], NULL, require_stable, arena))) {
            return ERR_LIMIT;
        }
    }
    return ERR_OK;
}

static enum err fetch_selected(const struct group *g,
                               const struct offset_fetch_request_topics *topics, int32_t n,
                               bool require_stable, struct arena *arena,
                               struct offset_fetch_response_group *ret_group)
{
    ret_group->topics = schema_new(&offset_fetch_response_topics_schema, arena, (size_t)n);
    if (!ret_group->topics) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < n; i++) {
        const struct offset_fetch_request_topics *from = &topics[i];
        struct offset_fetch_response_topics *to = &ret_group->topics[ret_group->topics_n++];
        int32_t parts = from->partition_indexes_n > 0 ? from->partition_indexes_n : 0;
        to->name = from->name;
        to->topic_id = from->topic_id;
        to->partitions = schema_new(&offset_fetch_response_partitions_schema, arena, (size_t)parts);
        if (!to->partitions) {
            return ERR_LIMIT;
        }
        to->partitions_n = parts;
        for (int32_t k = 0; k < parts; k++) {
            int32_t partition = from->partition_indexes[k];
            if (!fill(&to->partitions[k], partition,
                      fetch_one(g, from->name, &from->topic_id, partition, require_stable,
                                arena))) {
                return ERR_LIMIT;
            }
        }
    }
    return ERR_OK;
}

static enum err fetch_group(const struct coordinator *c,
                            const struct offset_fetch_request_group *req, bool all,
                            bool require_stable, struct arena *arena,
                            struct offset_fetch_response_group *ret_group)
{
    ret_group->group_id = req->group_id;
    ret_group->error_code = coordinator_check(c, req->group_id);
    if (ret_group->error_code) {
        return ERR_OK;
    }
    const struct group *g = group_find(c, req->group_id);
    return all ? fetch_all(g, require_stable, arena, ret_group)
               : fetch_selected(g, req->topics, req->topics_n, require_stable, arena, ret_group);
}

/* Up to v7 a request is about one group and its structs have other names. */
static enum err fetch_classic(const struct coordinator *c, const struct offset_fetch_request *req,
                              int16_t version, struct arena *arena,
                              struct offset_fetch_response *ret_response)
{
    int32_t n = req->topics_n > 0 ? req->topics_n : 0;
    struct offset_fetch_request_group one = { .group_id = req->group_id };
    one.topics = schema_new(&offset_fetch_request_topics_schema, arena, (size_t)n);
    if (!one.topics) {
        return ERR_LIMIT;
    }
    for (int32_t i = 0; i < n; i++) {
        struct offset_fetch_request_topics *t = &one.topics[one.topics_n++];
        t->name = req->topics[i].name;
        t->partition_indexes = req->topics[i].partition_indexes;
        t->partition_indexes_n = req->topics[i].partition_indexes_n;
    }
    struct offset_fetch_response_group r;
    schema_init(&offset_fetch_response_group_schema, &r);
    enum err e = fetch_group(c, &one, req->topics_n < 0, req->require_stable, arena, &r);
    if (!e && r.error_code && version < 2) {
        /* No room for the group's error: every partition says it. */
        int16_t error = r.error_code;
        e = fetch_selected(NULL, one.topics, one.topics_n, false, arena, &r);
        for (int32_t i = 0; !e && i < r.topics_n; i++) {
            for (int32_t k = 0; k < r.topics[i].partitions_n; k++) {
                r.topics[i].partitions[k].error_code = error;
            }
        }
    }
    ret_response->error_code = r.error_code;
    ret_response->topics =
        e ? NULL : schema_new(&offset_fetch_response_topic_schema, arena, (size_t)r.topics_n);
    for (int32_t i = 0; ret_response->topics && i < r.topics_n; i++) {
        struct offset_fetch_response_topic *to = &ret_response->topics[ret_response->topics_n++];
        const struct offset_fetch_response_topics *from = &r.topics[i];
        to->name = from->name;
        to->partitions =
            schema_new(&offset_fetch_response_partition_schema, arena, (size_t)from->partitions_n);
        if (!to->partitions) {
            return ERR_LIMIT;
        }
        for (int32_t k = 0; k < from->partitions_n; k++) {
            to->partitions[to->partitions_n++] = (struct offset_fetch_response_partition){
                .partition_index = from->partitions[k].partition_index,
                .committed_offset = from->partitions[k].committed_offset,
                .committed_leader_epoch = from->partitions[k].committed_leader_epoch,
                .metadata = from->partitions[k].metadata,
                .error_code = from->partitions[k].error_code,
            };
        }
    }
    return e ? e : ret_response->topics ? ERR_OK : ERR_LIMIT;
}

enum err coordinator_offset_fetch(const struct coordinator *c,
                                  const struct offset_fetch_request *req, int16_t version,
                                  struct arena *arena, struct offset_fetch_response *ret_response)
{
    schema_init(&offset_fetch_response_schema, ret_response);
    if (version < 8) {
        return fetch_classic(c, req, version, arena, ret_response);
    }
    int32_t n = req->groups_n > 0 ? req->groups_n : 0;
    ret_response->groups = schema_new(&offset_fetch_response_group_schema, arena, (size_t)n);
    if (!ret_response->groups) {
        return ERR_LIMIT;
    }
    enum err e = ERR_OK;
    for (int32_t i = 0; i < n && !e; i++) {
        const struct offset_fetch_request_group *g = &req->groups[i];
        e = fetch_group(c, g, g->topics_n < 0, req->require_stable, arena,
                        &ret_response->groups[ret_response->groups_n++]);
    }
    return e;
}
