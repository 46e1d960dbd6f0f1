/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster_status.c - `logboom cluster status`: one screen that says what is wrong with a cluster,
 * and what to do. Driven by main.c; what it knows comes from cluster.c.
 *   (S1) Every sentence of what is wrong has one of what to do.
 *   (S2) The worst comes first: what loses writes now, then what could, then what is only untidy;
 *        a notice may be as it should be, and does not make the cluster unhealthy.
 */
#include "cli/cluster.h"

#include "protocol/base/units.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    PROBLEMS_MAX = 64,
    NAMES_SHOWN = 5,
    PARTITIONS_SHOWN = 12,
    VOTER_LATE_MS = 5000,
    DISK_FREE_PERCENT = 10,
    IMBALANCE_PERCENT = 10, /* leader.imbalance.per.broker.percentage */
};

enum severity { DOWN, AT_RISK, UNTIDY, NOTICE, SEVERITIES };
static const char *const severity_names[SEVERITIES] = { "down", "at-risk", "untidy", "notice" };

struct problem {
    enum severity severity;
    const char *what, *advice;
};

struct status {
    struct cli *c;
    struct cluster_view *v;
    struct problem problems[PROBLEMS_MAX];
    size_t problem_count;
    int64_t *min_isr; /* by topic; 0: not asked for */
    int32_t partitions, offline, under_min_isr, under_replicated, not_preferred;
};

/* What has been said of partitions, as names: "a-0, b-3 and 7 more". */
struct names {
    struct buf text;
    int32_t count;
};

static const char *text_of(struct cli *c, struct buf *text)
{
    const char *copy = (const char *)arena_copy(&c->arena, slice_str(buf_cstr(text))).ptr;
    buf_deinit(text);
    return copy;
}

static void problem(struct status *s, enum severity severity, const char *advice,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
static void problem(struct status *s, enum severity severity, const char *advice,
                    const char *format, ...)
{
    if (s->problem_count == PROBLEMS_MAX) {
        return;
    }
    struct buf text = { 0 };
    va_list ap;
    va_start(ap, format);
    buf_vprintf(&text, format, ap);
    va_end(ap);
    s->problems[s->problem_count++] = (struct problem){ severity, text_of(s->c, &text), advice };
}

static void name_partition(struct names *n, struct slice topic, int32_t partition)
{
    if (n->count++ < NAMES_SHOWN) {
        buf_printf(&n->text, "%s%.*s-%d", n->count > 1 ? ", " : "", SLICE_ARG(topic), partition);
    }
}

static const char *names_text(struct cli *c, struct names *n)
{
    if (n->count > NAMES_SHOWN) {
        buf_printf(&n->text, " and %d more", n->count - NAMES_SHOWN);
    }
    return text_of(c, &n->text);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static int64_t leader_clock_ms(const struct describe_quorum_response_partition_data *log)
{
    for (int32_t i = 0; i < log->current_voters_n; i++) {
        if (log->current_voters[i].replica_id == log->leader_id) {
            return log->current_voters[i].last_caught_up_timestamp;
        }
    }
    return -1;
}

static void judge_voters(struct status *s)
{
    const struct describe_quorum_response_partition_data *log = s->v->log;
    if (!log) {
        problem(s, DOWN,
                "more than half of the controllers must run and reach one another: look at their "
                "logs, and start those that are down",
                "no controller answers: topics, in-sync sets and leaders cannot change");
        return;
    }
    int64_t now_ms = leader_clock_ms(log);
    int32_t late = 0;
    for (int32_t i = 0; i < log->current_voters_n; i++) {
        const struct describe_quorum_response_replica_state *v = &log->current_voters[i];
        if (v->replica_id == log->leader_id || now_ms < 0 ||
            (v->last_caught_up_timestamp >= 0 &&
             now_ms - v->last_caught_up_timestamp <= VOTER_LATE_MS)) {
            continue;
        }
        char since[32];
        late++;
        problem(s, AT_RISK,
                "start it, or look at its log; if its disk is lost: `logboom quorum "
                "remove-controller`, format it anew, `logboom quorum add-controller`",
                "controller %d has not followed the quorum %s%s", v->replica_id,
                v->last_caught_up_timestamp < 0 ? "since this controller leads" : "for ",
                v->last_caught_up_timestamp < 0
                    ? ""
                    : units_format_duration((now_ms - v->last_caught_up_timestamp) * NS_PER_MS,
                                            since));
    }
    if (late && late * 2 + 2 > log->current_voters_n) {
        problem(s, AT_RISK, "bring the missing controllers back before anything else",
                "one more controller lost, and no majority is left (%d of %d follow)",
                log->current_voters_n - late, log->current_voters_n);
    }
    if (log->current_voters_n == 2) {
        problem(s, UNTIDY, "`logboom quorum add-controller` a third one",
                "two controllers: the loss of either stops the cluster");
    }
}

static void judge_nodes(struct status *s)
{
    size_t live = 0, empty = 0;
    int32_t empty_id = -1;
    for (size_t i = 0; i < s->v->node_count; i++) {
        const struct cluster_node *n = &s->v->nodes[i];
        live += n->live;
        if (n->live && !n->replicas) {
            empty++;
            empty_id = n->id;
        }
        if (!n->live && (n->registered || n->replicas)) {
            problem(s, AT_RISK,
                    n->registered && !n->replicas
                        ? "start logboom-broker there; or, when it will not come back: `logboom "
                          "cluster unregister`"
                    : n->registered
                        ? "start logboom-broker there, and see its log if it does not "
                          "stay up"
                        : "start a node with this id, or move its replicas away: `logboom "
                          "cluster rebalance --plan`",
                    "broker %d does not answer the controller; it has %d replicas", n->id,
                    n->replicas);
        }
        if (n->disk_failed) {
            problem(s, AT_RISK, "see its log for the directory; replace the disk, and restart it",
                    "broker %d has lost a log directory", n->id);
        }
        if (n->disk_bytes > 0 && n->disk_free_bytes < n->disk_bytes / 100 * DISK_FREE_PERCENT) {
            char free_text[32];
            problem(s, AT_RISK,
                    "shorten retention (retention.ms, retention.bytes), add space, or move "
                    "replicas away: `logboom cluster rebalance --plan`",
                    "broker %d has only %s of disk left (%" PRId64 " %%)", n->id,
                    units_format_size((uint64_t)n->disk_free_bytes, free_text),
                    n->disk_free_bytes * 100 / n->disk_bytes);
        }
    }
    if (empty && live > 1 && s->v->meta->topics_n > 0) {
        problem(s, UNTIDY, "`logboom cluster rebalance --plan`, then --execute",
                "%zu broker%s without any replica (%d)", empty, empty > 1 ? "s are" : " is",
                empty_id);
    }
}

/* A controller that is no broker may be meant so. Where other controllers are brokers, it may also
 * be a node that cannot register; from here both look alike. */
static void judge_roles(struct status *s)
{
    struct buf ids = { 0 };
    int32_t without = 0, both = 0;
    for (size_t i = 0; i < s->v->node_count; i++) {
        const struct cluster_node *n = &s->v->nodes[i];
        both += n->voter && n->registered;
        if (n->voter && !n->registered && !n->replicas) {
            without++;
            buf_printf(&ids, "%s%d", ids.len ? ", " : "", n->id);
        }
    }
    if (both && without) {
        problem(s, NOTICE,
                "nothing, if their process.roles is controller; else see their logs for \"cannot "
                "join\"",
                "controller%s %s %s registered as a broker, and %d other%s", without > 1 ? "s" : "",
                buf_cstr(&ids), without > 1 ? "are not" : "is not", both,
                both > 1 ? "s are" : " is");
    }
    buf_deinit(&ids);
}

static bool is_healthy(const struct status *s)
{
    bool healthy = true;
    for (size_t i = 0; i < s->problem_count; i++) {
        healthy &= s->problems[i].severity == NOTICE;
    }
    return healthy;
}

/* --- partitions ------------------------------------------------------------------------------- */

/* min.insync.replicas of the topics whose sets are not whole. */
static void ask_min_isr(struct status *s)
{
    const struct metadata_response *m = s->v->meta;
    s->min_isr = cli_alloc(s->c, (size_t)m->topics_n + 1, sizeof(*s->min_isr));
    memset(s->min_isr, 0, ((size_t)m->topics_n + 1) * sizeof(*s->min_isr));
    struct slice key = slice_str("min.insync.replicas");
    struct describe_configs_request req;
    schema_init(&describe_configs_request_schema, &req);
    req.resources =
        schema_new(&describe_configs_request_resource_schema, &s->c->arena, (size_t)m->topics_n);
    for (int32_t i = 0; i < m->topics_n; i++) {
        bool whole = true;
        for (int32_t j = 0; j < m->topics[i].partitions_n; j++) {
            const struct metadata_response_partition *p = &m->topics[i].partitions[j];
            whole = whole && p->isr_nodes_n == p->replica_nodes_n;
        }
        if (!whole) {
            struct describe_configs_request_resource *r = &req.resources[req.resources_n++];
            r->resource_type = 2; /* a topic (ConfigResource.Type) */
            r->resource_name = m->topics[i].name;
            r->configuration_keys = &key;
            r->configuration_keys_n = 1;
        }
    }
    const void *answer;
    struct error ignored;
    if (!req.resources_n ||
        cli_call(s->c, NODE_ANY, &describe_configs_request_schema, &req, -1, &answer, &ignored)) {
        return;
    }
    const struct describe_configs_response *r = answer;
    for (int32_t i = 0; i < r->results_n; i++) {
        for (int32_t t = 0; r->results[i].configs_n == 1 && t < m->topics_n; t++) {
            if (slice_eq(m->topics[t].name, r->results[i].resource_name)) {
                (void)units_int(r->results[i].configs[0].value, &s->min_isr[t]);
            }
        }
    }
}

static const char *out_of_sync(struct status *s, const struct metadata_response_partition *p)
{
    int32_t *ids = cli_alloc(s->c, (size_t)p->replica_nodes_n + 1, sizeof(*ids)), count = 0;
    for (int32_t k = 0; k < p->replica_nodes_n; k++) {
        if (!cluster_has_id(p->isr_nodes, p->isr_nodes_n, p->replica_nodes[k])) {
            ids[count++] = p->replica_nodes[k];
        }
    }
    return cluster_ids(s->c, ids, count);
}

static bool is_whole(const struct metadata_response_partition *p)
{
    return p->leader_id >= 0 && p->isr_nodes_n == p->replica_nodes_n;
}

/* A set cannot be asked for more than the partition has (KIP-966). */
static int64_t min_isr_of(const struct status *s, int32_t topic,
                          const struct metadata_response_partition *p)
{
    return s->min_isr[topic] < p->replica_nodes_n ? s->min_isr[topic] : p->replica_nodes_n;
}

static void judge_partitions(struct status *s)
{
    const struct metadata_response *m = s->v->meta;
    struct names offline = { 0 }, short_of = { 0 }, behind = { 0 };
    int32_t single = 0;
    for (int32_t i = 0; i < m->topics_n; i++) {
        for (int32_t j = 0; j < m->topics[i].partitions_n; j++) {
            const struct metadata_response_partition *p = &m->topics[i].partitions[j];
            s->partitions++;
            single += p->replica_nodes_n == 1;
            s->not_preferred += p->leader_id >= 0 && p->replica_nodes_n > 0 &&
                                p->leader_id != p->replica_nodes[0] &&
                                cluster_has_id(p->isr_nodes, p->isr_nodes_n, p->replica_nodes[0]);
            if (p->leader_id < 0) {
                name_partition(&offline, m->topics[i].name, p->partition_index);
            } else if (p->isr_nodes_n < min_isr_of(s, i, p)) {
                name_partition(&short_of, m->topics[i].name, p->partition_index);
            } else if (p->isr_nodes_n < p->replica_nodes_n) {
                name_partition(&behind, m->topics[i].name, p->partition_index);
            }
        }
    }
    s->offline = offline.count;
    s->under_min_isr = short_of.count;
    s->under_replicated = behind.count;
    if (offline.count) {
        problem(s, DOWN,
                "start the brokers that hold them (see below); when those disks are gone for good "
                "and losing records is accepted: `logboom cluster elect --unclean TOPIC:PARTITION`",
                "%d partition%s no leader, nobody can write or read: %s", offline.count,
                offline.count > 1 ? "s have" : " has", names_text(s->c, &offline));
    }
    if (short_of.count) {
        problem(s, DOWN, "bring the brokers that are out of sync back",
                "%d partition%s fewer replicas in sync than min.insync.replicas, acks=all is "
                "refused: %s",
                short_of.count, short_of.count > 1 ? "s have" : " has",
                names_text(s->c, &short_of));
    }
    if (behind.count) {
        problem(s, AT_RISK,
                "start the brokers that are down; those that run catch up by themselves, watch the "
                "lag below",
                "%d partition%s replicas out of sync: %s", behind.count,
                behind.count > 1 ? "s have" : " has", names_text(s->c, &behind));
    }
    if (s->partitions && s->not_preferred * 100 > s->partitions * IMBALANCE_PERCENT) {
        problem(s, UNTIDY,
                "the controller moves them back by itself (auto.leader.rebalance.enable), or at "
                "once: `logboom cluster elect`",
                "%d of %d partitions are led by another replica than their first", s->not_preferred,
                s->partitions);
    }
    if (single && m->brokers_n > 2) {
        problem(s, UNTIDY,
                "give them more replicas: `logboom cluster rebalance --replication-factor 3 --plan "
                "TOPIC...`",
                "%d partition%s only one replica: the loss of its broker loses them", single,
                single > 1 ? "s have" : " has");
    }
}

static int32_t count_moves(const struct cluster_view *v)
{
    int32_t n = 0;
    for (int32_t i = 0; v->moves && i < v->moves->topics_n; i++) {
        n += v->moves->topics[i].partitions_n;
    }
    return n;
}

static int by_severity(const void *a, const void *b)
{
    return (int)((const struct problem *)a)->severity - (int)((const struct problem *)b)->severity;
}

/* --- output ----------------------------------------------------------------------------------- */

static const char *role_of(const struct status *s, const struct cluster_node *n)
{
    if (s->v->log && n->id == s->v->log->leader_id) {
        return "active";
    }
    return n->voter ? "voter" : n->observer ? "observer" : "-";
}

static const char *size_text(int64_t bytes, char text[32])
{
    return bytes < 0 ? "-" : units_format_size((uint64_t)bytes, text);
}

/* The largest number of records that a replica on this node is behind; -1: unknown. */
static int64_t worst_lag(const struct cluster_node *n)
{
    int64_t worst = n->dirs ? 0 : -1;
    for (int32_t i = 0; n->dirs && i < n->dirs->results_n; i++) {
        const struct describe_log_dirs_response_result *dir = &n->dirs->results[i];
        for (int32_t t = 0; t < dir->topics_n; t++) {
            for (int32_t p = 0; p < dir->topics[t].partitions_n; p++) {
                int64_t lag = dir->topics[t].partitions[p].offset_lag;
                worst = lag > worst ? lag : worst;
            }
        }
    }
    return worst;
}

static void print_nodes(struct status *s)
{
    fprintf(s->c->out, "\n  %5s %-8s %-24s %-10s %-10s %6s %8s %8s %10s %10s %10s\n", "NODE",
            "STATE", "ADDRESS", "RACK", "CONTROLLER", "LEADS", "REPLICAS", "IN SYNC", "LAG", "DATA",
            "DISK FREE");
    for (size_t i = 0; i < s->v->node_count; i++) {
        const struct cluster_node *n = &s->v->nodes[i];
        char address[300] = "-", data[32], disk[32];
        if (n->host.len) {
            snprintf(address, sizeof(address), "%.*s:%d", SLICE_ARG(n->host), n->port);
        }
        fprintf(s->c->out, "  %5d %-8s %-24s %-10.*s %-10s %6d %8d %8d %10" PRId64 " %10s %10s\n",
                n->id,
                n->live                        ? "up"
                : n->registered || n->replicas ? "DOWN"
                                               : "-",
                address, SLICE_ARG(n->rack.len ? n->rack : slice_str("-")), role_of(s, n),
                n->leaders, n->replicas, n->in_sync, worst_lag(n), size_text(n->size_bytes, data),
                size_text(n->disk_free_bytes, disk));
    }
}

static void print_partitions(struct status *s)
{
    const struct metadata_response *m = s->v->meta;
    int32_t shown = 0;
    for (int32_t i = 0; i < m->topics_n; i++) {
        for (int32_t j = 0; j < m->topics[i].partitions_n; j++) {
            const struct metadata_response_partition *p = &m->topics[i].partitions[j];
            if (is_whole(p) || shown++ >= PARTITIONS_SHOWN) {
                continue;
            }
            if (shown == 1) {
                fprintf(s->c->out, "\n  %-40s %6s %-12s %-12s %-12s\n", "PARTITION", "LEADER",
                        "REPLICAS", "IN SYNC", "OUT OF SYNC");
            }
            char name[300];
            snprintf(name, sizeof(name), "%.*s-%d", SLICE_ARG(m->topics[i].name),
                     p->partition_index);
            fprintf(s->c->out, "  %-40s %6d %-12s %-12s %-12s\n", name, p->leader_id,
                    cluster_ids(s->c, p->replica_nodes, p->replica_nodes_n),
                    cluster_ids(s->c, p->isr_nodes, p->isr_nodes_n), out_of_sync(s, p));
        }
    }
    if (shown > PARTITIONS_SHOWN) {
        fprintf(s->c->out, "  ... and %d more\n", shown - PARTITIONS_SHOWN);
    }
}

static void print_text(struct status *s)
{
    int32_t moves = count_moves(s->v);
    fprintf(s->c->out, "cluster %.*s: %d broker%s up, %d topics, %d partitions, controller ",
            SLICE_ARG(s->v->cluster_id), s->v->meta->brokers_n,
            s->v->meta->brokers_n == 1 ? "" : "s", s->v->meta->topics_n, s->partitions);
    if (s->v->log) {
        fprintf(s->c->out, "%d (epoch %d)\n", s->v->log->leader_id, s->v->log->leader_epoch);
    } else {
        fputs("unknown\n", s->c->out);
    }
    if (moves) {
        fprintf(s->c->out,
                "%d partition%s being moved; `logboom cluster rebalance --progress` "
                "follows them\n",
                moves, moves > 1 ? "s are" : " is");
    }
    if (!s->problem_count) {
        fputs("all is well\n", s->c->out);
    }
    for (size_t i = 0; i < s->problem_count; i++) {
        fprintf(s->c->out, "\n%s: %s\n    -> %s\n", severity_names[s->problems[i].severity],
                s->problems[i].what, s->problems[i].advice);
    }
    print_nodes(s);
    print_partitions(s);
}

static void print_json_nodes(struct status *s, struct json_writer *w)
{
    json_key(w, "nodes");
    json_begin_array(w);
    for (size_t i = 0; i < s->v->node_count; i++) {
        const struct cluster_node *n = &s->v->nodes[i];
        json_begin_object(w);
        cli_json_int(w, "node_id", n->id);
        json_key(w, "up");
        json_bool(w, n->live);
        cli_json_string(w, "host", n->host);
        cli_json_int(w, "port", n->port);
        cli_json_string(w, "rack", n->rack);
        cli_json_string(w, "controller", slice_str(role_of(s, n)));
        cli_json_int(w, "leaders", n->leaders);
        cli_json_int(w, "replicas", n->replicas);
        cli_json_int(w, "in_sync", n->in_sync);
        cli_json_int(w, "lag", worst_lag(n));
        cli_json_int(w, "size_bytes", n->size_bytes);
        cli_json_int(w, "disk_free_bytes", n->disk_free_bytes);
        json_end_object(w);
    }
    json_end_array(w);
}

static void print_json(struct status *s)
{
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    cli_json_string(&w, "cluster_id", s->v->cluster_id);
    json_key(&w, "healthy");
    json_bool(&w, is_healthy(s));
    cli_json_int(&w, "controller_id", s->v->log ? s->v->log->leader_id : -1);
    cli_json_int(&w, "controller_epoch", s->v->log ? s->v->log->leader_epoch : -1);
    cli_json_int(&w, "topics", s->v->meta->topics_n);
    cli_json_int(&w, "partitions", s->partitions);
    cli_json_int(&w, "offline_partitions", s->offline);
    cli_json_int(&w, "under_min_isr_partitions", s->under_min_isr);
    cli_json_int(&w, "under_replicated_partitions", s->under_replicated);
    cli_json_int(&w, "not_preferred_leaders", s->not_preferred);
    cli_json_int(&w, "reassigning_partitions", count_moves(s->v));
    json_key(&w, "problems");
    json_begin_array(&w);
    for (size_t i = 0; i < s->problem_count; i++) {
        json_begin_object(&w);
        cli_json_string(&w, "severity", slice_str(severity_names[s->problems[i].severity]));
        cli_json_string(&w, "what", slice_str(s->problems[i].what));
        cli_json_string(&w, "do", slice_str(s->problems[i].advice));
        json_end_object(&w);
    }
    json_end_array(&w);
    print_json_nodes(s, &w);
    json_end_object(&w);
    cli_print_json(s->c, &out);
}

enum err cli_cluster_status(struct cli *c, struct error *err)
{
    struct status *s = cli_alloc(c, 1, sizeof(*s));
    *s = (struct status){ .c = c, .v = cli_alloc(c, 1, sizeof(*s->v)) };
    enum err e = cluster_look(c, s->v, err);
    if (e) {
        return e;
    }
    ask_min_isr(s);
    judge_voters(s);
    judge_nodes(s);
    judge_roles(s);
    judge_partitions(s);
    qsort(s->problems, s->problem_count, sizeof(s->problems[0]), by_severity);
    if (c->args.json) {
        print_json(s);
    } else {
        print_text(s);
    }
    return ERR_OK;
}
