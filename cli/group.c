/* SPDX-License-Identifier: Apache-2.0 */
/* group.c - `logboom group list|describe`: members, committed offsets, and lag. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_group(struct cli *c, struct slice id, struct slice protocol, struct slice state)
{
    if (!c->args.json) {
        fprintf(c->out, "%-40.*s %-12.*s %.*s\n", SLICE_ARG(id), SLICE_ARG(protocol),
                SLICE_ARG(state));
        return;
    }
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "group");
    json_string(&w, id);
    json_key(&w, "protocol_type");
    json_string(&w, protocol);
    json_key(&w, "state");
    json_string(&w, state);
    json_end_object(&w);
    cli_print_json(c, &out);
}

enum err cli_group_list(struct cli *c, struct error *err)
{
    const struct metadata_response *meta;
    enum err e = cli_metadata(c, NULL, 0, &meta, err);
    if (!e && !c->args.json) {
        fprintf(c->out, "%-40s %-12s %s\n", "GROUP", "PROTOCOL", "STATE");
    }
    for (int32_t i = 0; !e && i < meta->brokers_n; i++) { /* each broker knows its own groups */
        struct list_groups_request req;
        schema_init(&list_groups_request_schema, &req);
        const void *answer;
        e = cli_call(c, meta->brokers[i].node_id, &list_groups_request_schema, &req, -1, &answer,
                     err);
        if (e) {
            return e;
        }
        const struct list_groups_response *resp = answer;
        e = cli_check(resp->error_code, slice_null(), err, "list the groups of broker %d",
                      meta->brokers[i].node_id);
        for (int32_t j = 0; !e && j < resp->groups_n; j++) {
            print_group(c, resp->groups[j].group_id, resp->groups[j].protocol_type,
                        resp->groups[j].group_state);
        }
    }
    return e;
}

static enum err find_coordinator(struct cli *c, const char *group, int32_t *ret_node,
                                 struct error *err)
{
    struct find_coordinator_request req;
    schema_init(&find_coordinator_request_schema, &req);
    req.key = slice_str(group);
    uint64_t began_ns = env_mono_ns(c->env);
    for (;;) {
        const void *answer;
        enum err e = cli_call(c, NODE_ANY, &find_coordinator_request_schema, &req, 3, &answer, err);
        if (e) {
            return e;
        }
        const struct find_coordinator_response *resp = answer;
        e = cli_check(resp->error_code, resp->error_message, err,
                      "find the coordinator of group %s", group);
        if (!e) {
            *ret_node = resp->node_id;
            return ERR_OK;
        }
        bool retry = kafka_error_is_retriable(resp->error_code);
        if (!retry || !cli_wait(c, began_ns)) {
            return e;
        }
    }
}

/* A partition that the group has an offset for, or a member holds, or both. */
struct group_row {
    struct slice topic;
    int32_t partition;
    int64_t committed, end;
    const struct describe_groups_response_described_group_member *owner;
};

static void print_row(struct cli *c, const char *group, const struct group_row *row)
{
    int64_t lag = row->end >= 0 && row->committed >= 0 ? row->end - row->committed : -1;
    if (!c->args.json) {
        fprintf(c->out, "  %-32.*s %9d %14" PRId64 " %14" PRId64 " %12" PRId64 " %.*s\n",
                SLICE_ARG(row->topic), row->partition, row->committed, row->end, lag,
                SLICE_ARG(row->owner ? row->owner->member_id : slice_str("-")));
        return;
    }
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "group");
    json_str(&w, group);
    json_key(&w, "topic");
    json_string(&w, row->topic);
    json_key(&w, "partition");
    json_int(&w, row->partition);
    json_key(&w, "committed_offset");
    json_int(&w, row->committed);
    json_key(&w, "end_offset");
    json_int(&w, row->end);
    json_key(&w, "lag");
    json_int(&w, lag);
    json_key(&w, "member_id");
    json_string(&w, row->owner ? row->owner->member_id : slice_null());
    json_key(&w, "client_host");
    json_string(&w, row->owner ? row->owner->client_host : slice_null());
    json_end_object(&w);
    cli_print_json(c, &out);
}

/* All rows of a group; at most one for a partition. */
struct group_rows {
    struct group_row *rows;
    size_t count, cap;
};

static struct group_row *row_of(struct cli *c, struct group_rows *all, struct slice topic,
                                int32_t partition)
{
    for (size_t i = 0; i < all->count; i++) {
        if (all->rows[i].partition == partition && slice_eq(all->rows[i].topic, topic)) {
            return &all->rows[i];
        }
    }
    if (all->count == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 64;
        struct group_row *rows = cli_alloc(c, cap, sizeof(*rows));
        if (all->count) {
            memcpy(rows, all->rows, all->count * sizeof(*rows));
        }
        all->rows = rows;
        all->cap = cap;
    }
    struct group_row *row = &all->rows[all->count++];
    *row = (struct group_row){ topic, partition, -1, -1, NULL };
    return row;
}

static void add_assigned(struct cli *c, struct group_rows *all,
                         const struct describe_groups_response_described_group_member *member)
{
    struct reader r = reader_of(member->member_assignment);
    int16_t version = reader_i16(&r);
    struct consumer_protocol_assignment a;
    if (version < 0 || reader_left(&r) == 0) {
        return;
    }
    if (version > consumer_protocol_assignment_schema.max) {
        version = consumer_protocol_assignment_schema.max;
    }
    if (schema_decode(&consumer_protocol_assignment_schema, version, &r, &c->arena, &a)) {
        return; /* another client's own format: its partitions show without a member */
    }
    for (int32_t i = 0; i < a.assigned_partitions_n; i++) {
        for (int32_t k = 0; k < a.assigned_partitions[i].partitions_n; k++) {
            row_of(c, all, a.assigned_partitions[i].topic, a.assigned_partitions[i].partitions[k])
                ->owner = member;
        }
    }
}

static int by_topic(const void *a, const void *b)
{
    const struct group_row *x = a, *y = b;
    int order = slice_cmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

/* Fills in the ends of one topic's rows: [first, last). */
static enum err find_ends(struct cli *c, struct group_row *first, struct group_row *last,
                          struct error *err)
{
    const char *name = (const char *)arena_copy(&c->arena, first->topic).ptr;
    const struct metadata_response *meta;
    int64_t *ends;
    enum err e = cli_metadata(c, &name, 1, &meta, err);
    if (!e && meta->topics_n != 1) {
        e = err_set(err, ERR_MALFORMED, "metadata of topic %s: an empty answer", name);
    }
    if (!e) {
        e = cli_offsets(c, &meta->topics[0], -1, &ends, err);
    }
    for (struct group_row *row = first; !e && row < last; row++) {
        if (row->partition >= 0 && row->partition < meta->topics[0].partitions_n) {
            row->end = ends[row->partition];
        }
    }
    return e;
}

static enum err print_offsets(struct cli *c, const char *group,
                              const struct describe_groups_response_described_group *g,
                              const struct offset_fetch_response *offsets, struct error *err)
{
    struct group_rows all = { 0 };
    for (int32_t i = 0; i < offsets->topics_n; i++) {
        const struct offset_fetch_response_topic *t = &offsets->topics[i];
        for (int32_t j = 0; j < t->partitions_n; j++) {
            row_of(c, &all, t->name, t->partitions[j].partition_index)->committed =
                t->partitions[j].committed_offset;
        }
    }
    for (int32_t i = 0; i < g->members_n; i++) {
        add_assigned(c, &all, &g->members[i]);
    }
    if (all.count) {
        qsort(all.rows, all.count, sizeof(all.rows[0]), by_topic);
    }
    for (size_t i = 0, end; i < all.count; i = end) {
        for (end = i; end < all.count && slice_eq(all.rows[end].topic, all.rows[i].topic); end++) {
        }
        enum err e = find_ends(c, &all.rows[i], &all.rows[end], err);
        if (e) {
            return e;
        }
        for (size_t k = i; k < end; k++) {
            print_row(c, group, &all.rows[k]);
        }
    }
    return ERR_OK;
}

static enum err describe_one(struct cli *c, const char *group, struct error *err)
{
    int32_t node;
    enum err e = find_coordinator(c, group, &node, err);
    if (e) {
        return e;
    }
    struct describe_groups_request describe;
    struct offset_fetch_request fetch;
    struct slice id = slice_str(group);
    schema_init(&describe_groups_request_schema, &describe);
    describe.groups = &id;
    describe.groups_n = 1;
    schema_init(&offset_fetch_request_schema, &fetch);
    fetch.group_id = id;
    fetch.topics_n = -1;
    const void *answer;
    e = cli_call(c, node, &describe_groups_request_schema, &describe, -1, &answer, err);
    if (e) {
        return e;
    }
    const struct describe_groups_response *described = answer;
    if (described->groups_n != 1) {
        return err_set(err, ERR_MALFORMED, "describe group %s: an empty answer", group);
    }
    const struct describe_groups_response_described_group *g = &described->groups[0];
    e = cli_check(g->error_code, g->error_message, err, "describe group %s", group);
    if (e || slice_eq_str(g->group_state, "Dead")) {
        return e ? e : err_set(err, ERR_NOT_FOUND, "there is no group %s", group);
    }
    e = cli_call(c, node, &offset_fetch_request_schema, &fetch, 7, &answer, err);
    if (e) {
        return e;
    }
    const struct offset_fetch_response *offsets = answer;
    e = cli_check(offsets->error_code, slice_null(), err, "offsets of group %s", group);
    if (!e && !c->args.json) {
        fprintf(c->out, "group %s, %.*s, %d members%s%.*s\n", group, SLICE_ARG(g->group_state),
                g->members_n, g->protocol_data.len ? ", assignor " : "",
                SLICE_ARG(g->protocol_data));
        fprintf(c->out, "  %-32s %9s %14s %14s %12s %s\n", "TOPIC", "PARTITION", "COMMITTED", "END",
                "LAG", "MEMBER");
    }
    return e ? e : print_offsets(c, group, g, offsets, err);
}

enum err cli_group_describe(struct cli *c, struct error *err)
{
    enum err e = ERR_OK;
    for (size_t i = 0; !e && i < c->args.word_count; i++) {
        e = describe_one(c, c->args.words[i], err);
    }
    return e;
}
