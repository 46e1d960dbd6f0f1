/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum.c - `logboom quorum status|add-controller|remove-controller`: who decides (KIP-595,
 * KIP-853). Driven by main.c.
 */
#include "cli/cluster.h"

#include "protocol/base/units.h"
#include "protocol/wire/kafka_error.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct raft_endpoint *endpoint_of(const struct describe_quorum_response *q, int32_t id)
{
    for (int32_t i = 0; i < q->nodes_n; i++) {
        if (q->nodes[i].node_id == id && q->nodes[i].listeners_n > 0) {
            return &q->nodes[i].listeners[0];
        }
    }
    return NULL;
}

/* Milliseconds since a time of the leader's clock, as the leader saw it at its own last fetch: its
 * own entry is "now" there. -1 when it was never. */
static int64_t since_ms(const struct describe_quorum_response_partition_data *log, int64_t at_ms)
{
    for (int32_t i = 0; i < log->current_voters_n; i++) {
        const struct describe_quorum_response_replica_state *v = &log->current_voters[i];
        if (v->replica_id == log->leader_id && at_ms >= 0 && v->last_caught_up_timestamp >= 0) {
            return v->last_caught_up_timestamp > at_ms ? v->last_caught_up_timestamp - at_ms : 0;
        }
    }
    return -1;
}

static int64_t end_of(const struct describe_quorum_response_partition_data *log)
{
    int64_t end = log->high_watermark;
    for (int32_t i = 0; i < log->current_voters_n; i++) {
        if (log->current_voters[i].replica_id == log->leader_id) {
            end = log->current_voters[i].log_end_offset;
        }
    }
    return end;
}

static const char *ago(int64_t ms, char text[32])
{
    return ms < 0 ? "never" : units_format_duration(ms * NS_PER_MS, text);
}

struct printing {
    struct cli *c;
    const struct describe_quorum_response *quorum;
    const struct describe_quorum_response_partition_data *log;
    struct json_writer w;
};

static void print_replica(struct printing *p, const char *role,
                          const struct describe_quorum_response_replica_state *r)
{
    char id[23], fetched[32], caught_up[32], address[300] = "-";
    const struct raft_endpoint *at = endpoint_of(p->quorum, r->replica_id);
    uuid_format(&r->replica_directory_id, id);
    int64_t lag = end_of(p->log) - r->log_end_offset;
    if (at) {
        snprintf(address, sizeof(address), "%.*s:%u", SLICE_ARG(at->host), at->port);
    }
    if (!p->c->args.json) {
        fprintf(p->c->out, "  %5d %-9s %-24s %12" PRId64 " %8" PRId64 " %-10s %-10s %s\n",
                r->replica_id, role, address, r->log_end_offset, lag,
                ago(since_ms(p->log, r->last_fetch_timestamp), fetched),
                ago(since_ms(p->log, r->last_caught_up_timestamp), caught_up), id);
        return;
    }
    json_begin_object(&p->w);
    cli_json_int(&p->w, "node_id", r->replica_id);
    json_key(&p->w, "directory_id");
    json_str(&p->w, id);
    json_key(&p->w, "endpoint");
    json_string(&p->w, at ? slice_str(address) : slice_null());
    cli_json_int(&p->w, "log_end_offset", r->log_end_offset);
    cli_json_int(&p->w, "lag", lag);
    cli_json_int(&p->w, "fetched_ms_ago", since_ms(p->log, r->last_fetch_timestamp));
    cli_json_int(&p->w, "caught_up_ms_ago", since_ms(p->log, r->last_caught_up_timestamp));
    json_end_object(&p->w);
}

static void print_json(struct printing *p, struct slice cluster_id)
{
    struct buf out = { 0 };
    json_init(&p->w, &out);
    json_begin_object(&p->w);
    json_key(&p->w, "cluster_id");
    json_string(&p->w, cluster_id);
    cli_json_int(&p->w, "leader_id", p->log->leader_id);
    cli_json_int(&p->w, "leader_epoch", p->log->leader_epoch);
    cli_json_int(&p->w, "high_watermark", p->log->high_watermark);
    json_key(&p->w, "voters");
    json_begin_array(&p->w);
    for (int32_t i = 0; i < p->log->current_voters_n; i++) {
        print_replica(p, "", &p->log->current_voters[i]);
    }
    json_end_array(&p->w);
    json_key(&p->w, "observers");
    json_begin_array(&p->w);
    for (int32_t i = 0; i < p->log->observers_n; i++) {
        print_replica(p, "", &p->log->observers[i]);
    }
    json_end_array(&p->w);
    json_end_object(&p->w);
    cli_print_json(p->c, &out);
}

enum err cli_quorum_status(struct cli *c, struct error *err)
{
    const struct metadata_response *meta;
    struct printing p = { .c = c };
    enum err e = cli_metadata(c, NULL, 0, &meta, err);
    if (!e) {
        e = cluster_quorum(c, &p.quorum, &p.log, err);
    }
    if (e) {
        return e;
    }
    if (c->args.json) {
        print_json(&p, meta->cluster_id);
        return ERR_OK;
    }
    fprintf(c->out, "cluster %.*s, controller %d, epoch %d, high watermark %" PRId64 "\n",
            SLICE_ARG(meta->cluster_id), p.log->leader_id, p.log->leader_epoch,
            p.log->high_watermark);
    fprintf(c->out, "  %5s %-9s %-24s %12s %8s %-10s %-10s %s\n", "NODE", "ROLE", "CONTROLLER",
            "LOG END", "LAG", "FETCHED", "CAUGHT UP", "DIRECTORY");
    for (int32_t i = 0; i < p.log->current_voters_n; i++) {
        const struct describe_quorum_response_replica_state *r = &p.log->current_voters[i];
        print_replica(&p, r->replica_id == p.log->leader_id ? "leader" : "voter", r);
    }
    for (int32_t i = 0; i < p.log->observers_n; i++) {
        print_replica(&p, "observer", &p.log->observers[i]);
    }
    return ERR_OK;
}

/* "3@host:9093", "3@[::1]:9093" or "3@host:9093:DIRECTORY_ID". */
static enum err parse_voter(struct cli *c, const char *text, struct add_raft_voter_request *req,
                            struct raft_endpoint *at, bool *ret_directory, struct error *err)
{
    const char *host = strchr(text, '@');
    const char *end =
        host ? strchr(host[1] == '[' ? strchr(host, ']') ? strchr(host, ']') : "" : host, ':')
             : NULL;
    const char *directory = end ? strchr(end + 1, ':') : NULL;
    size_t port_len = end ? directory ? (size_t)(directory - end - 1) : strlen(end + 1) : 0;
    int32_t port = 0;
    if (!end || cli_number(slice_of(text, (size_t)(host - text)), &req->voter_id) ||
        cli_number(slice_of(end + 1, port_len), &port) || port < 1 || port > 65535 ||
        (directory && uuid_parse(slice_str(directory + 1), &req->voter_directory_id))) {
        return err_set(err, ERR_INVALID,
                       "a controller is ID@HOST:PORT or ID@HOST:PORT:DIRECTORY_ID, not \"%s\"",
                       text);
    }
    struct slice name = slice_of(host + 1, (size_t)(end - host - 1));
    if (name.len > 2 && name.ptr[0] == '[') {
        name = slice_of(name.ptr + 1, name.len - 2);
    }
    at->host = arena_copy(&c->arena, name);
    at->port = (uint16_t)port;
    *ret_directory = directory != NULL;
    return ERR_OK;
}

/* The one that fetched last: the leader remembers a removed voter's lost directory for a while. */
static enum err find_directory(const struct describe_quorum_response_replica_state *replicas,
                               int32_t count, int32_t id, struct uuid *ret_id)
{
    const struct describe_quorum_response_replica_state *found = NULL;
    for (int32_t i = 0; i < count; i++) {
        if (replicas[i].replica_id == id &&
            (!found || replicas[i].last_fetch_timestamp > found->last_fetch_timestamp)) {
            found = &replicas[i];
        }
    }
    if (!found) {
        return ERR_NOT_FOUND;
    }
    *ret_id = found->replica_directory_id;
    return ERR_OK;
}

static void print_voter(struct cli *c, const char *what, int32_t id, const struct uuid *directory)
{
    char text[23];
    uuid_format(directory, text);
    if (!c->args.json) {
        fprintf(c->out, "%s controller %d with directory %s\n", what, id, text);
        return;
    }
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    cli_json_int(&w, what, id);
    json_key(&w, "directory_id");
    json_str(&w, text);
    json_end_object(&w);
    cli_print_json(c, &out);
}

enum err cli_quorum_add(struct cli *c, struct error *err)
{
    const struct describe_quorum_response *q;
    const struct describe_quorum_response_partition_data *log;
    struct add_raft_voter_request req;
    struct raft_endpoint at;
    bool directory = false;
    schema_init(&add_raft_voter_request_schema, &req);
    schema_init(&raft_endpoint_schema, &at);
    enum err e = parse_voter(c, c->args.words[0], &req, &at, &directory, err);
    if (!e) {
        e = cluster_quorum(c, &q, &log, err);
    }
    if (!e && !directory) {
        e = find_directory(log->observers, log->observers_n, req.voter_id, &req.voter_directory_id);
        if (e) {
            e = err_set(err, e,
                        "node %d does not follow the quorum yet: start it (formatted with "
                        "--no-initial-controllers), or give its directory id, which `logboom "
                        "storage info` prints on its machine",
                        req.voter_id);
        }
    }
    if (e) {
        return e;
    }
    at.name = slice_str("CONTROLLER");
    req.listeners = &at;
    req.listeners_n = 1;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 900); /* its reason comes before we give up */
    const void *answer;
    e = cli_call(c, NODE_CONTROLLER, &add_raft_voter_request_schema, &req, -1, &answer, err);
    if (!e) {
        const struct add_raft_voter_response *r = answer;
        e = cli_check(r->error_code, r->error_message, err, "add controller %d", req.voter_id);
    }
    if (!e) {
        print_voter(c, "added", req.voter_id, &req.voter_directory_id);
    }
    return e;
}

enum err cli_quorum_remove(struct cli *c, struct error *err)
{
    const struct describe_quorum_response *q;
    const struct describe_quorum_response_partition_data *log;
    struct remove_raft_voter_request req;
    const char *id = c->args.words[0];
    schema_init(&remove_raft_voter_request_schema, &req);
    if (cli_number(slice_str(id), &req.voter_id)) {
        return err_set(err, ERR_INVALID, "a controller's id is a number, not \"%s\"", id);
    }
    if (c->args.word_count > 1 &&
        uuid_parse(slice_str(c->args.words[1]), &req.voter_directory_id)) {
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no directory id; `logboom quorum status` has it",
                       c->args.words[1]);
    }
    enum err e = cluster_quorum(c, &q, &log, err);
    if (!e && c->args.word_count == 1) {
        e = find_directory(log->current_voters, log->current_voters_n, req.voter_id,
                           &req.voter_directory_id);
        if (e) {
            e = err_set(err, e, "node %d is no voter; `logboom quorum status` lists them",
                        req.voter_id);
        }
    }
    if (e) {
        return e;
    }
    const void *answer;
    e = cli_call(c, NODE_CONTROLLER, &remove_raft_voter_request_schema, &req, -1, &answer, err);
    if (!e) {
        const struct remove_raft_voter_response *r = answer;
        e = cli_check(r->error_code, r->error_message, err, "remove controller %d", req.voter_id);
    }
    if (!e) {
        print_voter(c, "removed", req.voter_id, &req.voter_directory_id);
    }
    return e;
}
