/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster.c - one look at everything that the nodes of a cluster say of themselves. Driven by the
 * commands of cluster_status.c, rebalance.c and quorum.c.
 *   (V1) Only the metadata must be had: the sicker a cluster is, the less of it answers.
 */
#include "cli/cluster.h"

#include "protocol/wire/api.h"

#include <stdlib.h>

bool cluster_has_id(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

const char *cluster_ids(struct cli *c, const int32_t *ids, int32_t count)
{
    if (count <= 0) {
        return "-";
    }
    size_t cap = (size_t)count * 12, len = 0;
    char *text = cli_alloc(c, cap, 1);
    for (int32_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, cap - len, "%s%d", i ? "," : "", ids[i]);
    }
    return text;
}

struct cluster_node *cluster_node(struct cluster_view *v, int32_t id)
{
    for (size_t i = 0; i < v->node_count; i++) {
        if (v->nodes[i].id == id) {
            return &v->nodes[i];
        }
    }
    return NULL;
}

static struct cluster_node *node_of(struct cluster_view *v, int32_t id)
{
    struct cluster_node *n = cluster_node(v, id);
    if (!n && v->node_count < CLUSTER_NODES_MAX) {
        n = &v->nodes[v->node_count++];
        *n = (struct cluster_node){
            .id = id, .size_bytes = -1, .disk_bytes = -1, .disk_free_bytes = -1
        };
    }
    return n;
}

enum err cluster_quorum(struct cli *c, const struct describe_quorum_response **ret_quorum,
                        const struct describe_quorum_response_partition_data **ret_log,
                        struct error *err)
{
    struct describe_quorum_request req;
    struct describe_quorum_request_topic_data topic;
    struct describe_quorum_request_partition_data partition;
    schema_init(&describe_quorum_request_schema, &req);
    schema_init(&describe_quorum_request_topic_data_schema, &topic);
    schema_init(&describe_quorum_request_partition_data_schema, &partition);
    topic.topic_name = slice_str("__cluster_metadata");
    topic.partitions = &partition;
    topic.partitions_n = 1;
    req.topics = &topic;
    req.topics_n = 1;
    const void *answer;
    enum err e = cli_call(c, NODE_ANY, &describe_quorum_request_schema, &req, -1, &answer, err);
    if (e) {
        return e;
    }
    const struct describe_quorum_response *r = answer;
    e = cli_check(r->error_code, r->error_message, err, "describe the quorum");
    if (!e && (r->topics_n != 1 || r->topics[0].partitions_n != 1)) {
        e = err_set(err, ERR_MALFORMED, "describe the quorum: an empty answer");
    }
    if (!e) {
        const struct describe_quorum_response_partition_data *p = &r->topics[0].partitions[0];
        e = cli_check(p->error_code, p->error_message, err, "describe the quorum");
        if (!e) {
            *ret_quorum = r;
            *ret_log = p;
        }
    }
    return e;
}

static int topic_by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct metadata_response_topic *)a)->name,
                     ((const struct metadata_response_topic *)b)->name);
}

static int partition_by_index(const void *a, const void *b)
{
    return ((const struct metadata_response_partition *)a)->partition_index -
           ((const struct metadata_response_partition *)b)->partition_index;
}

static int node_by_id(const void *a, const void *b)
{
    int32_t x = ((const struct cluster_node *)a)->id, y = ((const struct cluster_node *)b)->id;
    return (x > y) - (x < y);
}

static void count(struct cluster_view *v, int32_t id, int32_t leader, bool in_sync)
{
    struct cluster_node *n = node_of(v, id);
    if (n) {
        n->replicas++;
        n->leaders += leader == id;
        n->in_sync += in_sync;
    }
}

static void take_metadata(struct cluster_view *v)
{
    const struct metadata_response *m = v->meta;
    v->cluster_id = m->cluster_id;
    for (int32_t i = 0; i < m->brokers_n; i++) {
        struct cluster_node *n = node_of(v, m->brokers[i].node_id);
        if (n) {
            n->registered = n->live = true;
            n->host = m->brokers[i].host;
            n->port = m->brokers[i].port;
            n->rack = m->brokers[i].rack;
        }
    }
    if (m->topics_n > 0) {
        qsort(m->topics, (size_t)m->topics_n, sizeof(m->topics[0]), topic_by_name);
    }
    for (int32_t i = 0; i < m->topics_n; i++) {
        const struct metadata_response_topic *t = &m->topics[i];
        if (t->partitions_n > 0) {
            qsort(t->partitions, (size_t)t->partitions_n, sizeof(t->partitions[0]),
                  partition_by_index);
        }
        for (int32_t j = 0; j < t->partitions_n; j++) {
            const struct metadata_response_partition *p = &t->partitions[j];
            for (int32_t k = 0; k < p->replica_nodes_n; k++) {
                count(v, p->replica_nodes[k], p->leader_id,
                      cluster_has_id(p->isr_nodes, p->isr_nodes_n, p->replica_nodes[k]));
            }
        }
    }
}

/* Brokers that are registered and fenced show only here (KIP-1073). */
static void look_at_brokers(struct cli *c, struct cluster_view *v)
{
    struct describe_cluster_request req;
    struct error ignored;
    const void *answer;
    schema_init(&describe_cluster_request_schema, &req);
    req.include_fenced_brokers = true;
    if (cli_call(c, NODE_ANY, &describe_cluster_request_schema, &req, -1, &answer, &ignored)) {
        return;
    }
    const struct describe_cluster_response *r = answer;
    for (int32_t i = 0; r->error_code == KAFKA_NONE && i < r->brokers_n; i++) {
        struct cluster_node *n = node_of(v, r->brokers[i].broker_id);
        if (n) {
            n->registered = true;
            n->live = n->live && !r->brokers[i].is_fenced;
            n->host = r->brokers[i].host;
            n->port = r->brokers[i].port;
        }
    }
}

static void look_at_quorum(struct cli *c, struct cluster_view *v)
{
    struct error ignored;
    if (cluster_quorum(c, &v->quorum, &v->log, &ignored)) {
        return;
    }
    for (int32_t i = 0; i < v->log->current_voters_n; i++) {
        struct cluster_node *n = node_of(v, v->log->current_voters[i].replica_id);
        if (n) {
            n->voter = &v->log->current_voters[i];
        }
    }
    for (int32_t i = 0; i < v->log->observers_n; i++) {
        struct cluster_node *n = node_of(v, v->log->observers[i].replica_id);
        if (n) {
            n->observer = &v->log->observers[i];
        }
    }
}

static void look_at_moves(struct cli *c, struct cluster_view *v)
{
    struct list_partition_reassignments_request req;
    struct error ignored;
    const void *answer;
    schema_init(&list_partition_reassignments_request_schema, &req);
    req.topics_n = -1;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    if (!cli_call(c, NODE_CONTROLLER, &list_partition_reassignments_request_schema, &req, -1,
                  &answer, &ignored)) {
        const struct list_partition_reassignments_response *r = answer;
        v->moves = r->error_code == KAFKA_NONE ? r : NULL;
    }
}

static void look_at_disks(struct cli *c, struct cluster_node *n)
{
    struct describe_log_dirs_request req;
    struct error ignored;
    const void *answer;
    schema_init(&describe_log_dirs_request_schema, &req);
    req.topics_n = -1;
    if (cli_call(c, n->id, &describe_log_dirs_request_schema, &req, -1, &answer, &ignored)) {
        return;
    }
    n->dirs = answer;
    n->size_bytes = 0;
    for (int32_t i = 0; i < n->dirs->results_n; i++) {
        const struct describe_log_dirs_response_result *dir = &n->dirs->results[i];
        n->disk_failed = n->disk_failed || dir->error_code != KAFKA_NONE;
        if (dir->total_bytes >= 0) {
            n->disk_bytes = (n->disk_bytes < 0 ? 0 : n->disk_bytes) + dir->total_bytes;
            n->disk_free_bytes =
                (n->disk_free_bytes < 0 ? 0 : n->disk_free_bytes) + dir->usable_bytes;
        }
        for (int32_t t = 0; t < dir->topics_n; t++) {
            for (int32_t p = 0; p < dir->topics[t].partitions_n; p++) {
                n->size_bytes += dir->topics[t].partitions[p].partition_size;
            }
        }
    }
}

bool cluster_replica(const struct cluster_node *n, struct slice topic, int32_t partition,
                     int64_t *ret_size_bytes, int64_t *ret_lag)
{
    for (int32_t i = 0; n->dirs && i < n->dirs->results_n; i++) {
        const struct describe_log_dirs_response_result *dir = &n->dirs->results[i];
        for (int32_t t = 0; t < dir->topics_n; t++) {
            if (!slice_eq(dir->topics[t].name, topic)) {
                continue;
            }
            for (int32_t p = 0; p < dir->topics[t].partitions_n; p++) {
                const struct describe_log_dirs_response_partition *its =
                    &dir->topics[t].partitions[p];
                if (its->partition_index == partition && !its->is_future_key) {
                    *ret_size_bytes = its->partition_size;
                    *ret_lag = its->offset_lag;
                    return true;
                }
            }
        }
    }
    return false;
}

enum err cluster_look(struct cli *c, struct cluster_view *v, struct error *err)
{
    memset(v, 0, sizeof(*v));
    enum err e = cli_metadata(c, NULL, 0, &v->meta, err);
    if (e) {
        return e;
    }
    take_metadata(v);
    look_at_brokers(c, v);
    look_at_quorum(c, v);
    look_at_moves(c, v);
    qsort(v->nodes, v->node_count, sizeof(v->nodes[0]), node_by_id);
    for (size_t i = 0; i < v->node_count; i++) {
        if (v->nodes[i].live) {
            look_at_disks(c, &v->nodes[i]);
        }
    }
    return ERR_OK;
}
