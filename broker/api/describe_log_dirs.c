/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_log_dirs.c - DescribeLogDirs (35): the replicas of this node, their sizes and lag, by
 * directory. Those without a file yet are in the first directory with size 0, as Kafka's tools
 * expect to find all.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

static bool is_asked(const struct describe_log_dirs_request *req, const struct topic *t,
                     int32_t index)
{
    if (req->topics_n < 0) {
        return true;
    }
    for (int32_t i = 0; i < req->topics_n; i++) {
        if (!slice_eq_str(req->topics[i].topic, t->name)) {
            continue;
        }
        for (int32_t k = 0; k < req->topics[i].partitions_n; k++) {
            if (req->topics[i].partitions[k] == index) {
                return true;
            }
        }
    }
    return false;
}

static bool fill_topic(struct call *c, const struct broker_dir *dir, const struct topic *t,
                       struct describe_log_dirs_response_topic *out)
{
    out->name = slice_str(t->name);
    out->partitions =
        call_array(c, &describe_log_dirs_response_partition_schema, t->partition_count);
    if (!out->partitions) {
        return false;
    }
    for (int32_t i = 0; i < t->partition_count; i++) {
        const struct partition *p = t->partitions[i];
        bool mine = p->log || p->role != PARTITION_NONE;
        bool here = p->log ? p->dir == dir : mine && dir == &c->broker->dirs[0];
        if (!here || !is_asked(c->request, t, i)) {
            continue;
        }
        struct describe_log_dirs_response_partition *row = &out->partitions[out->partitions_n++];
        row->partition_index = i;
        row->partition_size = p->log ? (int64_t)p->log->size_bytes : 0;
        int64_t lag = p->high_watermark - partition_end_offset(p);
        row->offset_lag = lag > 0 ? lag : 0;
    }
    return true;
}

static bool fill_dir(struct call *c, const struct broker_dir *dir,
                     struct describe_log_dirs_response_result *out)
{
    struct broker *b = c->broker;
    uint64_t usable;
    out->log_dir = slice_str(dir->dir->path);
    if (b->vfs->ops->free_bytes(b->vfs, dir->dir->path, &usable) == ERR_OK) {
        out->usable_bytes = (int64_t)usable;
    }
    out->topics =
        call_array(c, &describe_log_dirs_response_topic_schema, (int32_t)b->topics.by_id.count);
    if (!out->topics) {
        return false;
    }
    uint32_t cursor = 0;
    for (const struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        if (!fill_topic(c, dir, t, &out->topics[out->topics_n])) {
            return false;
        }
        out->topics_n += out->topics[out->topics_n].partitions_n > 0;
    }
    return true;
}

void handle_describe_log_dirs(struct call *c)
{
    struct broker *b = c->broker;
    struct describe_log_dirs_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->results = call_array(c, &describe_log_dirs_response_result_schema, (int32_t)b->dir_count);
    if (!resp->results) {
        return;
    }
    resp->results_n = (int32_t)b->dir_count;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        if (!fill_dir(c, &b->dirs[i], &resp->results[i])) {
            return;
        }
    }
    call_reply(c, resp);
}
