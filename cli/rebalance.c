/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance.c - `logboom cluster rebalance`: says where replicas should be, and has them moved.
 * Driven by main.c; the plan is rebalance_plan.c's, its execution rebalance_run.c's.
 */
#include "cli/rebalance.h"

#include "protocol/base/units.h"

#include <inttypes.h>

static bool drained(const struct cli *c, int32_t id)
{
    for (size_t i = 0; i < c->args.drain.count; i++) {
        int32_t its;
        if (!cli_number(slice_str(c->args.drain.items[i]), &its) && its == id) {
            return true;
        }
    }
    return false;
}

static enum err take_brokers(struct cli *c, const struct cluster_view *v, struct plan *p,
                             struct error *err)
{
    p->brokers = cli_alloc(c, v->node_count + 1, sizeof(*p->brokers));
    for (size_t i = 0; i < v->node_count; i++) {
        const struct cluster_node *n = &v->nodes[i];
        bool away = drained(c, n->id);
        if (!n->live && !away && (n->replicas || n->registered)) {
            return err_set(
                err, ERR_INVALID,
                "broker %d is down and has %d replicas: start it first, or, when it will "
                "not come back, give --drain %d to have them elsewhere%s",
                n->id, n->replicas, n->id,
                n->replicas ? "" : ", or take it out: `logboom cluster unregister`");
        }
        if (n->live || n->replicas) {
            p->brokers[p->broker_count++] = (struct plan_broker){
                .id = n->id, .rack = n->rack, .usable = n->live && !away && !n->disk_failed
            };
        }
    }
    for (size_t i = 0; i < c->args.drain.count; i++) {
        int32_t id;
        if (cli_number(slice_str(c->args.drain.items[i]), &id)) {
            return err_set(err, ERR_INVALID, "--drain takes a broker's id, not \"%s\"",
                           c->args.drain.items[i]);
        }
    }
    return ERR_OK;
}

static bool wanted_topic(const struct cli *c, struct slice topic)
{
    for (size_t i = 0; i < c->args.word_count; i++) {
        if (slice_eq_str(topic, c->args.words[i])) {
            return true;
        }
    }
    return c->args.word_count == 0;
}

static int64_t size_of(struct cluster_view *v, struct slice topic,
                       const struct metadata_response_partition *p)
{
    int64_t size = 0, lag;
    const struct cluster_node *n = cluster_node(v, p->leader_id);
    return n && cluster_replica(n, topic, p->partition_index, &size, &lag) ? size : 0;
}

static enum err take_partitions(struct cli *c, struct cluster_view *v, struct plan *p,
                                struct error *err)
{
    const struct metadata_response *m = v->meta;
    size_t count = 0;
    for (int32_t i = 0; i < m->topics_n; i++) {
        count += (size_t)m->topics[i].partitions_n;
    }
    p->partitions = cli_alloc(c, count + 1, sizeof(*p->partitions));
    for (int32_t i = 0; i < m->topics_n; i++) {
        for (int32_t j = 0; wanted_topic(c, m->topics[i].name) && j < m->topics[i].partitions_n;
             j++) {
            const struct metadata_response_partition *from = &m->topics[i].partitions[j];
            if (from->replica_nodes_n > 0) {
                p->partitions[p->partition_count++] = (struct plan_partition){
                    .topic = m->topics[i].name,
                    .index = from->partition_index,
                    .replicas = from->replica_nodes,
                    .replica_count = from->replica_nodes_n,
                    .size_bytes = size_of(v, m->topics[i].name, from),
                };
            }
        }
    }
    if (!p->partition_count && c->args.word_count) {
        return err_set(err, ERR_NOT_FOUND, "there is no topic %s", c->args.words[0]);
    }
    return ERR_OK;
}

/* --- output ----------------------------------------------------------------------------------- */

/* What kafka-reassign-partitions takes, too. */
static void print_json(struct cli *c, const struct plan *p)
{
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    cli_json_int(&w, "version", 1);
    json_key(&w, "partitions");
    json_begin_array(&w);
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct plan_partition *part = &p->partitions[i];
        if (plan_changes(part)) {
            json_begin_object(&w);
            cli_json_string(&w, "topic", part->topic);
            cli_json_int(&w, "partition", part->index);
            cli_json_ids(&w, "replicas", part->wanted, part->wanted_count);
            json_end_object(&w);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    cli_print_json(c, &out);
}

static void print_text(struct cli *c, const struct plan *p)
{
    int64_t bytes = 0;
    int32_t moves = 0, copies = 0;
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct plan_partition *part = &p->partitions[i];
        if (!plan_changes(part)) {
            continue;
        }
        char size[32];
        int32_t its = plan_copies(part);
        moves++;
        copies += its;
        bytes += its * part->size_bytes;
        fprintf(c->out, "  %.*s-%d: %s -> %s%s%s%s\n", SLICE_ARG(part->topic), part->index,
                cluster_ids(c, part->replicas, part->replica_count),
                cluster_ids(c, part->wanted, part->wanted_count), its ? ", " : "",
                its ? units_format_size((uint64_t)(its * part->size_bytes), size) : "",
                its ? " to copy" : "");
    }
    if (!moves) {
        fputs("nothing to move: replicas and first replicas are spread evenly\n", c->out);
        return;
    }
    char total[32];
    fprintf(c->out, "%d partitions change, %d replicas to copy, %s in all\n", moves, copies,
            units_format_size((uint64_t)bytes, total));
    fprintf(c->out, "  %6s %18s %18s\n", "BROKER", "REPLICAS NOW->THEN", "FIRST OF THEM THEN");
    for (size_t i = 0; i < p->broker_count; i++) {
        int32_t now = 0;
        for (size_t k = 0; k < p->partition_count; k++) {
            now += cluster_has_id(p->partitions[k].replicas, p->partitions[k].replica_count,
                                  p->brokers[i].id);
        }
        fprintf(c->out, "  %6d %10d -> %4d %18d\n", p->brokers[i].id, now, p->brokers[i].replicas,
                p->brokers[i].leaders);
    }
}

enum err cli_cluster_rebalance(struct cli *c, struct error *err)
{
    const struct cli_args *a = &c->args;
    struct cluster_view *v = cli_alloc(c, 1, sizeof(*v));
    struct plan plan = { .replication_factor = 0 };
    int64_t throttle = 0;
    if (a->plan + a->execute + a->progress + a->cancel != 1) {
        return err_set(err, ERR_INVALID,
                       "give one of --plan (only say), --execute (do it), --progress (follow what "
                       "is being moved), --cancel (take it back)");
    }
    if (a->throttle && (units_size_bytes(slice_str(a->throttle), &throttle) || throttle <= 0)) {
        return err_set(err, ERR_INVALID,
                       "--throttle takes a number of bytes a second such as 50MiB, not \"%s\"",
                       a->throttle);
    }
    if (a->replication_factor != INT64_MIN) {
        if (a->replication_factor < 1 || a->replication_factor > INT16_MAX) {
            return err_set(err, ERR_INVALID, "--replication-factor must be positive");
        }
        plan.replication_factor = (int32_t)a->replication_factor;
    }
    enum err e = cluster_look(c, v, err);
    if (!e && a->progress) {
        return rebalance_follow(c, v, err);
    }
    if (!e && a->cancel) {
        return rebalance_cancel(c, v, err);
    }
    if (!e) {
        e = take_brokers(c, v, &plan, err);
    }
    if (!e) {
        e = take_partitions(c, v, &plan, err);
    }
    if (!e) {
        e = plan_make(&plan, &c->arena, err);
    }
    if (e) {
        return e;
    }
    if (a->execute) {
        return rebalance_execute(c, v, &plan, throttle, err);
    }
    if (a->json) {
        print_json(c, &plan);
    } else {
        print_text(c, &plan);
    }
    return ERR_OK;
}
