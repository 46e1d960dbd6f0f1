/* SPDX-License-Identifier: Apache-2.0 */
/* broker_metrics.c - the node's metrics and its health. Driven by scrapes. */
#include "broker/broker.h"

static const struct metric_row rows[] = {
#define METRIC_STRUCT broker_metrics
#define M             METRIC_ROW
#include "broker/broker_metrics.def"
#undef M
#undef METRIC_STRUCT
};

static uint32_t offline_partitions(const struct broker *b)
{
    uint32_t offline = 0, cursor = 0;
    for (const struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct partition *p = t->partitions[i];
            offline += p->is_refused || (p->log && p->log->offline);
        }
    }
    return offline;
}

static void count_replicas(struct broker *b, struct partition *p, void *ctx)
{
    (void)ctx;
    b->metrics.leaders += p->role == PARTITION_LEADER;
    b->metrics.followers += p->role == PARTITION_FOLLOWER;
    if (p->isr) {
        b->metrics.under_replicated += isr_size(p->isr) <= p->isr->count;
        b->metrics.under_min_isr += isr_is_under_min(p->isr);
    }
}

static void refresh_quorum(struct broker *b)
{
    if (!b->quorum.raft) {
        return;
    }
    struct raft_stats s;
    raft_stats(b->quorum.raft, &s);
    b->metrics.quorum_epoch = (uint64_t)quorum_epoch(b);
    b->metrics.quorum_leads = raft_role(b->quorum.raft) == RAFT_LEADER;
    b->metrics.quorum_observers = s.observers;
    b->metrics.quorum_elections = s.elections_total;
    b->metrics.quorum_leader_changes = s.leader_changes_total;
    b->metrics.quorum_truncations = s.truncations_total;
    b->metrics.quorum_damaged = s.damaged_responses_total;
}

static void refresh_gauges(struct broker *b)
{
    b->metrics.leaders = b->metrics.followers = 0;
    b->metrics.under_replicated = b->metrics.under_min_isr = 0;
    topics_each(b, count_replicas, NULL);
    b->metrics.connections = b->connections.count;
    b->metrics.request_bytes = b->connections.request_bytes;
    b->metrics.topics = b->topics.by_id.count;
    b->metrics.partitions = b->topics.partition_count;
    b->metrics.metadata_offset = (uint64_t)b->image.end_offset;
    b->metrics.full_log_dirs = b->disk_space.full_dirs;
    b->metrics.offline_partitions = offline_partitions(b);
    b->metrics.peer_connections = b->peers.stats.connections;
    b->metrics.peer_calls = b->peers.stats.calls_in_flight;
    b->metrics.peer_failures = b->peers.stats.failures;
    b->metrics.controller_requests = b->channel.count;
    refresh_quorum(b);
    b->metrics.held_requests = b->lifecycle.held_count;
    b->metrics.fenced = b->roles.broker && (b->lifecycle.fenced || !lifecycle_serves(b));
}

/* One family over all topics. */
static void topic_family(struct broker *b, struct buf *out, enum metric_kind kind, const char *name,
                         const char *about, uint64_t (*value)(const struct topic *t))
{
    metrics_family(out, kind, name, about);
    uint32_t cursor = 0;
    for (const struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        const char *labels[] = { "topic", t->name, NULL };
        metrics_sample(out, name, labels, (double)value(t));
    }
}

static uint64_t produced_bytes(const struct topic *t)
{
    return t->produced_bytes;
}

static uint64_t produced_records(const struct topic *t)
{
    return t->produced_records;
}

static uint64_t fetched_bytes(const struct topic *t)
{
    return t->fetched_bytes;
}

static uint64_t log_bytes(const struct topic *t)
{
    uint64_t sum = 0;
    for (int32_t i = 0; i < t->partition_count; i++) {
        sum += t->partitions[i]->log ? t->partitions[i]->log->size_bytes : 0;
    }
    return sum;
}

static void collect_groups(struct broker *b, struct buf *out)
{
    struct group_stats s = { 0 };
    if (b->groups.coordinator) {
        coordinator_stats(b->groups.coordinator, &s);
    }
    const struct {
        enum metric_kind kind;
        const char *name, *about;
        uint64_t value;
    } families[] = {
        { METRIC_GAUGE, "logboom_broker_groups", "Consumer groups", s.groups },
        { METRIC_GAUGE, "logboom_broker_group_members", "Members of consumer groups", s.members },
        { METRIC_GAUGE, "logboom_broker_group_offsets", "Committed offsets", s.offsets },
        { METRIC_COUNTER, "logboom_broker_group_rebalances_total", "Rebalances",
          s.rebalances_total },
        { METRIC_COUNTER, "logboom_broker_group_offsets_committed_total", "Offsets committed",
          s.offsets_committed_total },
        { METRIC_COUNTER, "logboom_broker_group_offsets_expired_total", "Offsets expired",
          s.offsets_expired_total },
        { METRIC_COUNTER, "logboom_broker_group_sessions_expired_total",
          "Members removed because they were silent", s.sessions_expired_total },
    };
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const char *none[] = { NULL };
        metrics_family(out, families[i].kind, families[i].name, families[i].about);
        metrics_sample(out, families[i].name, none, (double)families[i].value);
    }
}

static void collect(void *ctx, struct buf *out)
{
    struct broker *b = ctx;
    topic_family(b, out, METRIC_COUNTER, "logboom_broker_topic_produced_bytes_total",
                 "Bytes of record batches appended, by topic", produced_bytes);
    topic_family(b, out, METRIC_COUNTER, "logboom_broker_topic_produced_records_total",
                 "Records appended, by topic", produced_records);
    topic_family(b, out, METRIC_COUNTER, "logboom_broker_topic_fetched_bytes_total",
                 "Bytes of record batches sent to consumers, by topic", fetched_bytes);
    topic_family(b, out, METRIC_GAUGE, "logboom_broker_topic_log_bytes",
                 "Size of the logs on disk, by topic", log_bytes);
    collect_groups(b, out);
}

/* Comes before the table, whose members the gauges are. */
static void collect_gauges(void *ctx, struct buf *out)
{
    (void)out;
    refresh_gauges(ctx);
}

void broker_add_metrics(struct broker *b, struct metrics *m)
{
    metrics_add_collector(m, collect_gauges, b);
    metrics_add_table(m, rows, sizeof(rows) / sizeof(rows[0]), &b->metrics);
    metrics_add_collector(m, collect, b);
}

bool broker_healthy(const struct broker *b, struct buf *ret_text)
{
    uint32_t offline = offline_partitions(b);
    if (b->metadata.log->offline) {
        buf_append_str(ret_text, "the metadata log is offline: its disk failed");
        return false;
    }
    if (b->quorum.full) {
        buf_append_str(ret_text, "the disk of the metadata log is full: this node takes no part in "
                                 "the quorum until there is space again");
        return false;
    }
    if (offline > 0) {
        buf_printf(ret_text,
                   "%u partition(s) are offline: their disk failed, or what is in their "
                   "directories is not theirs; the log says which",
                   (unsigned)offline);
        return false;
    }
    return lifecycle_describe(b, ret_text) && b->state == BROKER_RUNNING;
}

void broker_print_metrics(FILE *out)
{
    metrics_print_markdown("broker", rows, sizeof(rows) / sizeof(rows[0]), out);
}
