/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_topic_partitions.c - DescribeTopicPartitions (75, KIP-966): topics in the order of their
 * names, a limited number of partitions a reply, and a cursor to go on with.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

#include <stdlib.h>

enum { PARTITIONS_MAX = 2000 };

static int by_name(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The names asked for, or all, sorted and each once. */
static struct slice *names_of(struct call *c, int32_t *ret_count)
{
    const struct describe_topic_partitions_request *req = c->request;
    const struct image *img = &c->broker->image;
    bool all = req->topics_n == 0;
    int32_t cap = all ? (int32_t)img->topics_by_name.count : req->topics_n, count = 0;
    struct slice *names = arena_array(&c->arena, (size_t)cap, sizeof(*names));
    if (!names) {
        return NULL;
    }
    uint32_t cursor = 0;
    struct slice name;
    while (all && map_next(&img->topics_by_name, &cursor, &name)) {
        names[count++] = name;
    }
    for (int32_t i = 0; !all && i < req->topics_n; i++) {
        names[count++] = req->topics[i].name;
    }
    qsort(names, (size_t)count, sizeof(*names), by_name);
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_eq(names[kept - 1], names[i])) {
            names[kept++] = names[i];
        }
    }
    *ret_count = kept;
    return names;
}

/* Partitions [from, from + *left) of a topic; *ret_next is the first one left out, or -1. */
static bool fill_topic(struct call *c, const struct image_topic *t, int32_t from, int32_t *left,
                       struct describe_topic_partitions_response_topic *out, int32_t *ret_next)
{
    int32_t count = t->partition_count > from ? t->partition_count - from : 0;
    *ret_next = -1;
    if (count > *left) {
        count = *left;
        *ret_next = from + count;
    }
    out->topic_id = t->id;
    out->is_internal = strcmp(t->name, TOPIC_OFFSETS) == 0;
    out->partitions = call_array(c, &describe_topic_partitions_response_partition_schema, count);
    if (!out->partitions) {
        return false;
    }
    out->partitions_n = count;
    *left -= count;
    for (int32_t i = 0; i < count; i++) {
        const struct image_partition *p = &t->partitions[from + i];
        struct describe_topic_partitions_response_partition *row = &out->partitions[i];
        row->partition_index = from + i;
        row->leader_id = p->leader;
        row->leader_epoch = p->leader_epoch;
        row->replica_nodes = p->replicas;
        row->replica_nodes_n = p->replica_count;
        row->isr_nodes = p->isr;
        row->isr_nodes_n = p->isr_count;
        row->error_code = p->leader < 0 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE;
        row->eligible_leader_replicas = p->elr;
        row->eligible_leader_replicas_n = p->elr_count;
        row->last_known_elr = p->last_known_elr;
        row->last_known_elr_n = p->last_known_elr_count;
        row->offline_replicas = arena_array(&c->arena, (size_t)p->replica_count, sizeof(int32_t));
        if (!row->offline_replicas) {
            call_fail(c, "the request wants more memory than it may have");
            return false;
        }
        for (int32_t k = 0; k < p->replica_count; k++) {
            const struct image_broker *b = image_broker(&c->broker->image, p->replicas[k]);
            if (!b || b->fenced || !image_directory_is_online(b, &p->directories[k])) {
                row->offline_replicas[row->offline_replicas_n++] = p->replicas[k];
            }
        }
    }
    return true;
}

static bool fill(struct call *c, const struct slice *names, int32_t count,
                 struct describe_topic_partitions_response *resp)
{
    const struct describe_topic_partitions_request *req = c->request;
    const struct describe_topic_partitions_request_cursor *cursor = req->cursor;
    int32_t left = req->response_partition_limit;
    left = left < 1 || left > PARTITIONS_MAX ? PARTITIONS_MAX : left;
    for (int32_t i = 0; i < count; i++) {
        int32_t from = 0, next = -1;
        if (cursor) {
            int order = slice_cmp(names[i], cursor->topic_name);
            if (order < 0) {
                continue;
            }
            from = order == 0 && cursor->partition_index > 0 ? cursor->partition_index : 0;
        }
        const struct image_topic *t = image_topic(&c->broker->image, names[i]);
        struct describe_topic_partitions_response_topic *out = &resp->topics[resp->topics_n++];
        out->name = names[i];
        if (!t) {
            bool valid = change_check_topic_name(names[i], NULL) == KAFKA_NONE;
            out->error_code =
                valid ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
            continue;
        }
        if (!fill_topic(c, t, from, &left, out, &next)) {
            return false;
        }
        bool more = next >= 0 || (left == 0 && i + 1 < count);
        if (more) {
            resp->next_cursor = call_array(c, &describe_topic_partitions_response_cursor_schema, 1);
            if (!resp->next_cursor) {
                return false;
            }
            resp->next_cursor->topic_name = next >= 0 ? names[i] : names[i + 1];
            resp->next_cursor->partition_index = next >= 0 ? next : 0;
            break;
        }
    }
    return true;
}

void handle_describe_topic_partitions(struct call *c)
{
    struct describe_topic_partitions_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    int32_t count = 0;
    struct slice *names = names_of(c, &count);
    if (!names) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    resp->topics = call_array(c, &describe_topic_partitions_response_topic_schema, count);
    if (resp->topics && fill(c, names, count, resp)) {
        call_reply(c, resp);
    }
}
