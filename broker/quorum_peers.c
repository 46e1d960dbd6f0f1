/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_peers.c - the quorum's requests to other nodes and replies to theirs. Driven by quorum.c
 * and by the replies.
 *   (Q4) Every send is answered to the machine once, unless the node stops.
 */
#include "broker/broker.h"
#include "broker/quorum_internal.h"
#include "protocol/base/alloc.h"

#include <stdio.h>

struct quorum_send {
    struct list_node link; /* in quorum->sends */
    struct broker *broker;
    struct peer *peer;
    const struct schema *response_schema;
    uint64_t token;
};

/* --- requests --------------------------------------------------------------------------------- */

static void sent(void *user, enum err err, int16_t version, const void *response)
{
    struct quorum_send *s = user;
    struct broker *b = s->broker;
    struct raft *r = b->quorum.raft;
    uint64_t token = s->token;
    (void)version;
    if (!err) {
        peer_note_heard(s->peer);
        cluster_check_answer(b, peer_address(s->peer),
                             schema_has_i16(s->response_schema, response, "error_code",
                                            KAFKA_INCONSISTENT_CLUSTER_ID));
    }
    list_remove(&s->link);
    mem_free(s);
    if (!quorum_is_alive(b)) {
        return;
    }
    if (!err && !b->quorum.full) {
        raft_response(r, quorum_now(b), token, response);
    } else {
        raft_failed(r, quorum_now(b), token,
                    !err || err == ERR_TIMEOUT ? RAFT_FAILED_TIMEOUT
                    : err == ERR_UNSUPPORTED ? RAFT_FAILED_VERSION
                                             : RAFT_FAILED_UNREACHABLE);
    }
    quorum_run(b); /* the response's bytes go when this returns */
}

void quorum_send(struct broker *b, const struct raft_output *out)
{
    bool polls = out->api_key == API_Fetch || out->api_key == API_FetchSnapshot;
    char host[PEER_HOST_BYTES];
    (void)snprintf(host, sizeof(host), "%.*s", SLICE_ARG(out->to.host));
    struct quorum_send *s = mem_zalloc(sizeof(*s));
    s->broker = b;
    s->token = out->token;
    s->response_schema = api_find(out->api_key)->response;
    s->peer = peers_at(b, polls ? PEER_QUORUM_FETCH : PEER_QUORUM, host, out->to.port);
    list_push_back(&b->quorum.sends, &s->link);
    uint64_t timeout_ns = (uint64_t)b->config->controller_quorum_request_timeout_ms * NS_PER_MS;
    peer_call_versions(s->peer, out->request_schema, out->request, out->version_min, -1, timeout_ns,
                       sent, s);
}

/* The address of a voter; false when it is not known. */
static bool voter_address(const struct broker *b, int32_t id, char host[PEER_HOST_BYTES],
                          uint16_t *ret_port)
{
    struct raft_destination to;
    if (!raft_voter_destination(b->quorum.raft, id, &to)) {
        return false;
    }
    (void)snprintf(host, PEER_HOST_BYTES, "%.*s", SLICE_ARG(to.host));
    *ret_port = to.port;
    return true;
}

bool quorum_majority_is_gone(struct broker *b)
{
    if (!quorum_is_alive(b)) {
        return true;
    }
    struct raft_voter_set set = raft_voters(b->quorum.raft);
    size_t gone = 0;
    for (size_t i = 0; i < set.count; i++) {
        char host[PEER_HOST_BYTES];
        uint16_t port;
        gone += set.voters[i].id != b->node_id &&
                voter_address(b, set.voters[i].id, host, &port) && peers_is_gone(b, host, port);
    }
    return set.count > 0 && set.count - gone <= set.count / 2;
}

bool quorum_majority_answers(const struct broker *b, uint64_t since_ns)
{
    if (!quorum_is_alive(b)) {
        return false;
    }
    struct raft_voter_set set = raft_voters(b->quorum.raft);
    size_t heard = 0;
    for (size_t i = 0; i < set.count; i++) {
        char host[PEER_HOST_BYTES];
        uint16_t port;
        heard += set.voters[i].id == b->node_id ||
                 (voter_address(b, set.voters[i].id, host, &port) &&
                  peers_heard_ns(b, host, port) > since_ns);
    }
    return heard > set.count / 2;
}

void quorum_cancel_sends(struct broker *b)
{
    for (struct list_node *node; (node = list_pop_front(&b->quorum.sends));) {
        struct quorum_send *s = list_entry(node, struct quorum_send, link);
        peer_cancel(s->peer, s);
        mem_free(s);
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

/* false: the call has ended. */
static bool fill_records(struct broker *b, const struct raft_output *out)
{
    struct call *c = out->call;
    struct fetch_response *resp = out->response;
    struct fetch_response_partition_data *row = &resp->responses[0].partitions[0];
    struct log_range *range = call_alloc(c, sizeof(*range));
    row->records.bytes = slice_of("", 0);
    if (!range) {
        return false;
    }
    enum err e =
        log_read(b->metadata.log, out->offset, out->bytes_max, out->limit_offset, true, range);
    if (e) {
        row->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    } else if (range->len > 0) {
        row->records.bytes = slice_null();
        row->records.external = range;
        row->records.external_len = range->len;
    }
    return true;
}

static void fill_snapshot(struct broker *b, const struct raft_output *out)
{
    struct call *c = out->call;
    struct fetch_snapshot_response *resp = out->response;
    struct fetch_snapshot_response_partition_snapshot *row = &resp->topics[0].partitions[0];
    struct snapshot_id id = { out->snapshot_id.end_offset, out->snapshot_id.epoch };
    struct slice bytes = slice_of("", 0);
    int64_t size = 0;
    enum kafka_error code =
        snapshots_read(b, id, out->offset, out->bytes_max, &c->arena, &bytes, &size);
    row->error_code = (int16_t)code;
    row->size = size;
    row->position = out->offset;
    row->unaligned_records.bytes = bytes;
}

void quorum_reply(struct broker *b, const struct raft_output *out)
{
    if (out->fill == RAFT_FILL_RECORDS && !fill_records(b, out)) {
        return;
    }
    if (out->fill == RAFT_FILL_SNAPSHOT) {
        fill_snapshot(b, out);
    }
    call_reply(out->call, out->response);
}

void quorum_request(struct call *c)
{
    struct broker *b = c->broker;
    if (!quorum_is_alive(b) || b->quorum.full) {
        call_fail(c, b->quorum.full ? "the disk of the metadata log is full"
                                    : "this node is not in the quorum");
        return;
    }
    raft_request(b->quorum.raft, quorum_now(b), c->api->key, c->request, c);
    quorum_run(b);
}
