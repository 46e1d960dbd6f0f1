/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance_run.c - carries out a plan: throttles, reassignments a few at a time, progress, and the
 * first replicas as leaders in the end. Driven by rebalance.c.
 *   (R1) At most CONCURRENT_MAX partitions are being moved at one time by this program.
 *   (R2) It may end at any time: what was asked for goes on in the cluster, the rest is not begun.
 */
#include "cli/rebalance.h"

#include "protocol/base/units.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONCURRENT_MAX = 20, POLL_MS = 500, SIZES_EVERY = 4, TOLD_EVERY = 10 };
enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, OPERATION_SET = 0, OPERATION_DELETE = 1 };

enum move_state { MOVE_TODO, MOVE_ASKED, MOVE_DONE };

struct move {
    const struct plan_partition *part;
    enum move_state state;
    int64_t copied_bytes;
};

struct run {
    struct cli *c;
    struct cluster_view *v;
    struct move *moves;
    size_t count, done, asked;
    int64_t copy_bytes, copied_bytes;
    uint64_t began_ns;
    bool interrupted, throttled;
};

static void on_interrupt(void *owner, int signum)
{
    struct run *r = owner;
    (void)signum;
    r->interrupted = true;
}

/* --- throttles (KIP-73) ----------------------------------------------------------------------- */

struct setting {
    const char *name;
    const char *value; /* NULL: remove it */
};

static enum err alter(struct run *r, int32_t node, int8_t type, struct slice name,
                      const struct setting *settings, int32_t count, struct error *err)
{
    struct incremental_alter_configs_request req;
    struct incremental_alter_configs_request_alter_configs_resource resource;
    schema_init(&incremental_alter_configs_request_schema, &req);
    schema_init(&incremental_alter_configs_request_alter_configs_resource_schema, &resource);
    resource.resource_type = type;
    resource.resource_name = name;
    resource.configs = schema_new(&incremental_alter_configs_request_alterable_config_schema,
                                  &r->c->arena, (size_t)count);
    resource.configs_n = count;
    for (int32_t i = 0; i < count; i++) {
        resource.configs[i].name = slice_str(settings[i].name);
        resource.configs[i].config_operation = settings[i].value ? OPERATION_SET : OPERATION_DELETE;
        resource.configs[i].value = slice_str(settings[i].value);
    }
    req.resources = &resource;
    req.resources_n = 1;
    const void *answer;
    enum err e =
        cli_call(r->c, node, &incremental_alter_configs_request_schema, &req, -1, &answer, err);
    if (e) {
        return e;
    }
    const struct incremental_alter_configs_response *resp = answer;
    for (int32_t i = 0; !e && i < resp->responses_n; i++) {
        e = cli_check(resp->responses[i].error_code, resp->responses[i].error_message, err,
                      "set %s of %.*s", settings[0].name, SLICE_ARG(name));
    }
    return e;
}

/* rate NULL takes the throttle away. */
static enum err throttle_brokers(struct run *r, const char *rate, struct error *err)
{
    const struct setting settings[] = { { "leader.replication.throttled.rate", rate },
                                        { "follower.replication.throttled.rate", rate } };
    enum err e = ERR_OK;
    for (size_t i = 0; !e && i < r->v->node_count; i++) {
        const struct cluster_node *n = &r->v->nodes[i];
        char id[16];
        snprintf(id, sizeof(id), "%d", n->id);
        if (n->live) {
            e = alter(r, n->id, RESOURCE_BROKER, arena_copy(&r->c->arena, slice_str(id)), settings,
                      2, err);
        }
    }
    return e;
}

/* "partition:broker,...": those that send, or those that receive. */
static const char *throttled(struct run *r, size_t first, size_t end, bool receiving)
{
    struct buf text = { 0 };
    for (size_t i = first; i < end; i++) {
        const struct plan_partition *p = r->moves[i].part;
        const int32_t *ids = receiving ? p->wanted : p->replicas;
        int32_t count = receiving ? p->wanted_count : p->replica_count;
        for (int32_t k = 0; k < count; k++) {
            if (!receiving || !cluster_has_id(p->replicas, p->replica_count, ids[k])) {
                buf_printf(&text, "%s%d:%d", text.len ? "," : "", p->index, ids[k]);
            }
        }
    }
    const char *copy = (const char *)arena_copy(&r->c->arena, slice_str(buf_cstr(&text))).ptr;
    buf_deinit(&text);
    return copy;
}

static enum err throttle_topics(struct run *r, bool set, struct error *err)
{
    enum err e = ERR_OK;
    for (size_t i = 0, end; !e && i < r->count; i = end) {
        for (end = i;
             end < r->count && slice_eq(r->moves[end].part->topic, r->moves[i].part->topic);
             end++) {
        }
        const struct setting settings[] = {
            { "leader.replication.throttled.replicas", set ? throttled(r, i, end, false) : NULL },
            { "follower.replication.throttled.replicas", set ? throttled(r, i, end, true) : NULL }
        };
        e = alter(r, NODE_CONTROLLER, RESOURCE_TOPIC, r->moves[i].part->topic, settings, 2, err);
    }
    return e;
}

/* --- reassignments ---------------------------------------------------------------------------- */

/* Asks for one partition's replicas; NULL takes its reassignment back. */
static enum err reassign(struct cli *c, struct slice topic, int32_t partition, int32_t *replicas,
                         int32_t count, struct error *err)
{
    struct alter_partition_reassignments_request req;
    struct alter_partition_reassignments_request_reassignable_topic t;
    struct alter_partition_reassignments_request_reassignable_partition p;
    schema_init(&alter_partition_reassignments_request_schema, &req);
    schema_init(&alter_partition_reassignments_request_reassignable_topic_schema, &t);
    schema_init(&alter_partition_reassignments_request_reassignable_partition_schema, &p);
    p.partition_index = partition;
    p.replicas = replicas;
    p.replicas_n = replicas ? count : -1;
    t.name = topic;
    t.partitions = &p;
    t.partitions_n = 1;
    req.topics = &t;
    req.topics_n = 1;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    const void *answer;
    enum err e = cli_call(c, NODE_CONTROLLER, &alter_partition_reassignments_request_schema, &req,
                          -1, &answer, err);
    if (e) {
        return e;
    }
    const struct alter_partition_reassignments_response *r = answer;
    e = cli_check(r->error_code, r->error_message, err, "move %.*s-%d", SLICE_ARG(topic),
                  partition);
    if (!e && r->responses_n == 1 && r->responses[0].partitions_n == 1) {
        e = cli_check(r->responses[0].partitions[0].error_code,
                      r->responses[0].partitions[0].error_message, err, "move %.*s-%d",
                      SLICE_ARG(topic), partition);
    }
    return e;
}

static const struct list_partition_reassignments_response_ongoing_partition_reassignment *
ongoing(const struct list_partition_reassignments_response *r, struct slice topic,
        int32_t partition)
{
    for (int32_t i = 0; i < r->topics_n; i++) {
        for (int32_t j = 0; slice_eq(r->topics[i].name, topic) && j < r->topics[i].partitions_n;
             j++) {
            if (r->topics[i].partitions[j].partition_index == partition) {
                return &r->topics[i].partitions[j];
            }
        }
    }
    return NULL;
}

static enum err list_ongoing(struct cli *c,
                             const struct list_partition_reassignments_response **ret_list,
                             struct error *err)
{
    struct list_partition_reassignments_request req;
    const void *answer;
    schema_init(&list_partition_reassignments_request_schema, &req);
    req.topics_n = -1;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    enum err e = cli_call(c, NODE_CONTROLLER, &list_partition_reassignments_request_schema, &req,
                          -1, &answer, err);
    if (!e) {
        const struct list_partition_reassignments_response *r = answer;
        e = cli_check(r->error_code, r->error_message, err, "list what is being moved");
        *ret_list = r;
    }
    return e;
}

/* --- progress --------------------------------------------------------------------------------- */

/* Looks at the sizes of the copies that are being made. */
static void measure(struct run *r)
{
    struct cluster_view *v = cli_alloc(r->c, 1, sizeof(*v));
    struct error ignored;
    if (cluster_look(r->c, v, &ignored)) {
        return;
    }
    r->copied_bytes = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct move *m = &r->moves[i];
        int64_t want = plan_copies(m->part) * m->part->size_bytes, copied = 0;
        for (int32_t k = 0; m->state == MOVE_ASKED && k < m->part->wanted_count; k++) {
            int32_t id = m->part->wanted[k];
            const struct cluster_node *n = cluster_node(v, id);
            int64_t size, lag;
            if (n && !cluster_has_id(m->part->replicas, m->part->replica_count, id) &&
                cluster_replica(n, m->part->topic, m->part->index, &size, &lag)) {
                copied += size < m->part->size_bytes ? size : m->part->size_bytes;
            }
        }
        m->copied_bytes = m->state == MOVE_DONE ? want : copied;
        r->copied_bytes += m->copied_bytes;
    }
}

static void tell(struct run *r, bool last)
{
    double seconds = (double)(env_mono_ns(r->c->env) - r->began_ns) / NS_PER_S;
    double rate = seconds > 0 ? (double)r->copied_bytes / seconds : 0;
    int64_t left_s = rate > 0 ? (int64_t)((double)(r->copy_bytes - r->copied_bytes) / rate) : -1;
    if (r->c->args.json) {
        struct buf out = { 0 };
        struct json_writer w;
        json_init(&w, &out);
        json_begin_object(&w);
        cli_json_int(&w, "partitions", (int64_t)r->count);
        cli_json_int(&w, "done", (int64_t)r->done);
        cli_json_int(&w, "moving", (int64_t)r->asked);
        cli_json_int(&w, "copy_bytes", r->copy_bytes);
        cli_json_int(&w, "copied_bytes", r->copied_bytes);
        cli_json_int(&w, "seconds_left", last ? 0 : left_s);
        json_end_object(&w);
        cli_print_json(r->c, &out);
    } else {
        char copied[32], all[32], speed[32], left[32];
        bool tty = isatty(fileno(r->c->out));
        fprintf(r->c->out, "%s%zu of %zu partitions moved, %s of %s copied, %s/s, %s left%s",
                tty ? "\r\033[K" : "", r->done, r->count,
                units_format_size((uint64_t)r->copied_bytes, copied),
                units_format_size((uint64_t)r->copy_bytes, all),
                units_format_size((uint64_t)rate, speed),
                last         ? "nothing"
                : left_s < 0 ? "unknown time"
                             : units_format_duration(left_s * (int64_t)NS_PER_S, left),
                tty && !last ? "" : "\n");
    }
    fflush(r->c->out);
}

/* Asks for more while there is room, and notes what has ended. */
static enum err step(struct run *r, struct error *err)
{
    const struct list_partition_reassignments_response *list;
    enum err e = list_ongoing(r->c, &list, err);
    for (size_t i = 0; !e && i < r->count; i++) {
        struct move *m = &r->moves[i];
        if (m->state == MOVE_ASKED && !ongoing(list, m->part->topic, m->part->index)) {
            m->state = MOVE_DONE;
            r->done++;
            r->asked--;
        }
    }
    for (size_t i = 0; !e && i < r->count && r->asked < CONCURRENT_MAX && !r->interrupted; i++) {
        struct move *m = &r->moves[i];
        if (m->state == MOVE_TODO) {
            e = reassign(r->c, m->part->topic, m->part->index, m->part->wanted,
                         m->part->wanted_count, err);
            if (!e) {
                m->state = MOVE_ASKED;
                r->asked++;
            }
        }
    }
    return e;
}

static enum err follow(struct run *r, struct error *err)
{
    enum err e = ERR_OK;
    for (unsigned turn = 0; r->done < r->count && !r->interrupted; turn++) {
        e = step(r, err);
        if (e == ERR_TIMEOUT || e == ERR_CLOSED || e == ERR_KAFKA) {
            /* A controller that falls over is followed by another one: ask again for a while. */
            if (turn > 120) {
                return e;
            }
            e = ERR_OK;
        } else if (e) {
            return e;
        }
        if (turn % SIZES_EVERY == 0) {
            measure(r);
        }
        if (r->done < r->count &&
            (turn % TOLD_EVERY == 0 || isatty(fileno(r->c->out)) || r->c->args.json)) {
            tell(r, false);
        }
        uint64_t until_ns = env_mono_ns(r->c->env) + (uint64_t)POLL_MS * NS_PER_MS;
        for (uint64_t now;
             r->done < r->count && !r->interrupted && (now = env_mono_ns(r->c->env)) < until_ns;) {
            loop_turn(r->c->loop, until_ns - now);
        }
    }
    if (r->interrupted) {
        fprintf(stderr,
                "\nlogboom: %zu partitions are still being moved, %zu were not begun; `logboom "
                "cluster rebalance --progress` follows them%s, --cancel takes them back\n",
                r->asked, r->count - r->done - r->asked,
                r->throttled ? " and takes the throttle away in the end" : "");
        return ERR_OK;
    }
    r->copied_bytes = r->copy_bytes;
    tell(r, true);
    return e;
}

/* --- the commands ----------------------------------------------------------------------------- */

static struct run *run_new(struct cli *c, struct cluster_view *v, size_t count)
{
    struct run *r = cli_alloc(c, 1, sizeof(*r));
    *r = (struct run){ .c = c, .v = v, .began_ns = env_mono_ns(c->env) };
    r->moves = cli_alloc(c, count + 1, sizeof(*r->moves));
    loop_on_signal(c->loop, SIGINT, on_interrupt, r);
    loop_on_signal(c->loop, SIGTERM, on_interrupt, r);
    return r;
}

static enum err elect_first(struct run *r, struct error *err)
{
    struct elect_leaders_request req;
    const void *answer;
    schema_init(&elect_leaders_request_schema, &req);
    req.topic_partitions =
        schema_new(&elect_leaders_request_topic_partitions_schema, &r->c->arena, r->count);
    for (size_t i = 0; i < r->count; i++) {
        struct elect_leaders_request_topic_partitions *t =
            &req.topic_partitions[req.topic_partitions_n];
        if (i && slice_eq(r->moves[i].part->topic, r->moves[i - 1].part->topic)) {
            t--;
        } else {
            t->topic = r->moves[i].part->topic;
            t->partitions = cli_alloc(r->c, r->count, sizeof(*t->partitions));
            req.topic_partitions_n++;
        }
        t->partitions[t->partitions_n++] = r->moves[i].part->index;
    }
    return cli_call(r->c, NODE_CONTROLLER, &elect_leaders_request_schema, &req, -1, &answer, err);
}

enum err rebalance_execute(struct cli *c, struct cluster_view *v, const struct plan *p,
                           int64_t throttle_bytes_s, struct error *err)
{
    struct run *r = run_new(c, v, p->partition_count);
    for (size_t i = 0; i < p->partition_count; i++) {
        if (plan_changes(&p->partitions[i])) {
            r->moves[r->count++].part = &p->partitions[i];
            r->copy_bytes += plan_copies(&p->partitions[i]) * p->partitions[i].size_bytes;
        }
    }
    enum err e = ERR_OK;
    if (throttle_bytes_s && r->count) {
        char rate[32];
        snprintf(rate, sizeof(rate), "%" PRId64, throttle_bytes_s);
        r->throttled = true;
        e = throttle_topics(r, true, err);
        if (!e) {
            e = throttle_brokers(r, rate, err);
        }
    }
    if (!e) {
        e = follow(r, err);
    }
    if (!e && r->throttled && !r->interrupted) {
        e = throttle_brokers(r, NULL, err);
        if (!e) {
            e = throttle_topics(r, false, err);
        }
    }
    if (!e && r->count && !r->interrupted) {
        e = elect_first(r, err);
    }
    return e;
}

enum err rebalance_follow(struct cli *c, struct cluster_view *v, struct error *err)
{
    const struct list_partition_reassignments_response *list;
    enum err e = list_ongoing(c, &list, err);
    if (e) {
        return e;
    }
    size_t count = 0;
    for (int32_t i = 0; i < list->topics_n; i++) {
        count += (size_t)list->topics[i].partitions_n;
    }
    struct run *r = run_new(c, v, count);
    struct plan_partition *parts = cli_alloc(c, count + 1, sizeof(*parts));
    for (int32_t i = 0; i < list->topics_n; i++) {
        for (int32_t j = 0; j < list->topics[i].partitions_n; j++) {
            const struct list_partition_reassignments_response_ongoing_partition_reassignment *p =
                &list->topics[i].partitions[j];
            int32_t *before = cli_alloc(c, (size_t)p->replicas_n + 1, sizeof(*before)), n = 0;
            for (int32_t k = 0; k < p->replicas_n; k++) {
                if (!cluster_has_id(p->adding_replicas, p->adding_replicas_n, p->replicas[k])) {
                    before[n++] = p->replicas[k];
                }
            }
            int64_t size = 0, lag;
            for (int32_t k = 0; k < n && !size; k++) {
                const struct cluster_node *node = cluster_node(v, before[k]);
                if (!node ||
                    !cluster_replica(node, list->topics[i].name, p->partition_index, &size, &lag)) {
                    size = 0;
                }
            }
            parts[r->count] = (struct plan_partition){ .topic = list->topics[i].name,
                                                       .index = p->partition_index,
                                                       .replicas = before,
                                                       .replica_count = n,
                                                       .size_bytes = size,
                                                       .wanted = p->replicas,
                                                       .wanted_count = p->replicas_n };
            r->copy_bytes += plan_copies(&parts[r->count]) * size;
            r->moves[r->count] = (struct move){ &parts[r->count], MOVE_ASKED, 0 };
            r->count++;
        }
    }
    r->asked = r->count;
    e = follow(r, err);
    if (!e && !r->interrupted) {
        e = throttle_brokers(r, NULL, err);
    }
    return e;
}

enum err rebalance_cancel(struct cli *c, struct cluster_view *v, struct error *err)
{
    const struct list_partition_reassignments_response *list;
    enum err e = list_ongoing(c, &list, err);
    int32_t count = 0;
    for (int32_t i = 0; !e && i < list->topics_n; i++) {
        for (int32_t j = 0; !e && j < list->topics[i].partitions_n; j++) {
            e = reassign(c, list->topics[i].name, list->topics[i].partitions[j].partition_index,
                         NULL, 0, err);
            count++;
        }
    }
    if (e) {
        return e;
    }
    struct run *r = run_new(c, v, 0);
    e = throttle_brokers(r, NULL, err);
    if (!e && !c->args.json) {
        fprintf(c->out, "%d reassignments were taken back\n", count);
    }
    return e;
}
