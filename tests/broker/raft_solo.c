/* SPDX-License-Identifier: Apache-2.0 */
/* raft_solo.c - what raft_solo.h says. */
#include "tests/broker/raft_solo.h"

#include "protocol/wire/record_batch.h"

#include <check.h>

struct solo solo;
int solo_mark;
const struct raft_offset_epoch nowhere = { -1, -1 };

struct raft_now solo_now(void)
{
    return (struct raft_now){ solo.now_ns, 1000 };
}

struct uuid dir(int id)
{
    struct uuid u = { { 0xd0 } };
    u.bytes[15] = (uint8_t)id;
    return u;
}

void solo_setup(void)
{
    static const char *const hosts[] = { "one", "two", "three", "four" };
    memset(&solo, 0, sizeof(solo));
    solo.now_ns = 1000000000;
    for (int i = 0; i < 4; i++) {
        solo.endpoints[i] = (struct raft_endpoint){ slice_str("CONTROLLER"), slice_str(hosts[i]),
                                                    (uint16_t)(9001 + i) };
        solo.voters[i] = (struct raft_voter){ .id = i + 1,
                                              .directory_id = dir(i + 1),
                                              .endpoints = &solo.endpoints[i],
                                              .endpoint_count = 1,
                                              .kraft_version_max = 1 };
    }
    raft_config_init(&solo.config);
    solo.config.node_id = 1;
    solo.config.directory_id = dir(1);
    solo.config.cluster_id = slice_str("cluster");
    solo.config.can_vote = true;
    solo.config.listener_name = slice_str("CONTROLLER");
    solo.config.endpoints = solo.endpoints;
    solo.config.endpoint_count = 1;
    solo.opening.state = (struct raft_hard_state){ .leader_id = -1, .voted_id = -1 };
    solo.opening.snapshot = (struct raft_snapshot){ { 0, 0 }, 1, { solo.voters, 3 } };
}

void solo_teardown(void)
{
    raft_free(solo.raft);
    solo.raft = NULL;
}

void solo_start(void)
{
    solo.raft = raft_new(&solo.config, &solo.opening, 42);
    raft_start(solo.raft, solo_now());
}

/* Takes outputs up to the first of a kind; NULL when there is none. */
const struct raft_output *next(enum raft_output_kind kind)
{
    const struct raft_output *out;
    while ((out = raft_next_output(solo.raft)) != NULL) {
        if (out->kind == RAFT_SAVE_STATE) {
            solo.saved = out->state;
            solo.saves++;
        }
        if (out->kind == kind) {
            return out;
        }
    }
    return NULL;
}

const struct raft_output *next_send(int16_t api_key)
{
    const struct raft_output *out;
    do {
        out = next(RAFT_SEND);
    } while (out && out->api_key != api_key);
    return out;
}

const struct raft_output *must_send(int16_t api_key)
{
    const struct raft_output *out = next_send(api_key);
    if (!out) {
        ck_abort_msg("no request %d", api_key);
    }
    return out;
}

uint64_t next_fetch(void)
{
    return must_send(1)->token;
}

void drain(void)
{
    while (next(RAFT_FAULT)) {
    }
}

void tick(uint64_t ms)
{
    solo.now_ns += ms * 1000000;
    raft_tick(solo.raft, solo_now());
}

void sync_all(void)
{
    raft_synced(solo.raft, solo_now(), raft_log_end_offset(solo.raft), raft_truncations(solo.raft));
}

/* A sealed batch of so many records in solo.batch. */
struct slice batch(int records, int64_t base, int32_t epoch)
{
    struct batch_builder b = { 0 };
    for (int i = 0; i < records; i++) {
        struct record rec = { .value = slice_str("value") };
        batch_builder_append(&b, &rec);
    }
    struct batch_seal seal = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
    struct buf out = { 0 };
    struct slice bytes;
    ck_assert(!batch_builder_seal(&b, &seal, &out, &bytes));
    ck_assert_uint_le(bytes.len, sizeof(solo.batch));
    memcpy(solo.batch, bytes.ptr, bytes.len);
    batch_stamp(solo.batch, base, epoch);
    size_t len = bytes.len;
    batch_builder_deinit(&b);
    buf_deinit(&out);
    return slice_of(solo.batch, len);
}

/* --- requests --- */

static struct vote_request vote_msg;
static struct vote_request_topic_data vote_topic;
static struct vote_request_partition_data vote_partition;

struct vote_request *vote_of(int32_t from, int32_t epoch, int32_t last_epoch, int64_t last_offset,
                             bool pre_vote)
{
    schema_init(&vote_request_schema, &vote_msg);
    schema_init(&vote_request_topic_data_schema, &vote_topic);
    schema_init(&vote_request_partition_data_schema, &vote_partition);
    vote_msg.cluster_id = slice_str("cluster");
    vote_msg.voter_id = 1;
    vote_msg.topics = &vote_topic;
    vote_msg.topics_n = 1;
    vote_topic.topic_name = TOPIC;
    vote_topic.partitions = &vote_partition;
    vote_topic.partitions_n = 1;
    vote_partition.replica_epoch = epoch;
    vote_partition.replica_id = from;
    vote_partition.replica_directory_id = dir(from);
    vote_partition.voter_directory_id = dir(1);
    vote_partition.last_offset_epoch = last_epoch;
    vote_partition.last_offset = last_offset;
    vote_partition.pre_vote = pre_vote;
    return &vote_msg;
}

struct vote_result ask_vote(const struct vote_request *req)
{
    raft_request(solo.raft, solo_now(), 52, req, &solo_mark);
    const struct raft_output *out = next(RAFT_REPLY);
    ck_assert_ptr_nonnull(out);
    const struct vote_response *resp = out->response;
    struct vote_result result = { .top = resp->error_code };
    if (resp->topics_n == 1) {
        const struct vote_response_partition_data *p = resp->topics->partitions;
        result = (struct vote_result){ 0, p->error_code, p->vote_granted, p->leader_id,
                                       p->leader_epoch };
        ck_assert(p->leader_id < 0 || resp->node_endpoints_n == 1);
    }
    return result;
}

const struct raft_output *begin(int32_t leader_id, int32_t epoch)
{
    struct begin_quorum_epoch_request req;
    struct begin_quorum_epoch_request_topic_data topic;
    struct begin_quorum_epoch_request_partition_data p;
    struct raft_endpoint endpoint;
    schema_init(&begin_quorum_epoch_request_schema, &req);
    schema_init(&begin_quorum_epoch_request_partition_data_schema, &p);
    req.topics = &topic;
    req.topics_n = 1;
    topic = (struct begin_quorum_epoch_request_topic_data){ TOPIC, &p, 1 };
    p.leader_id = leader_id;
    p.leader_epoch = epoch;
    endpoint = (struct raft_endpoint){ slice_str("CONTROLLER"), solo.endpoints[leader_id - 1].host,
                                       solo.endpoints[leader_id - 1].port };
    req.leader_endpoints = &endpoint;
    req.leader_endpoints_n = 1;
    raft_request(solo.raft, solo_now(), 53, &req, &solo_mark);
    return next(RAFT_REPLY);
}

/* A follower's Fetch to the machine; the reply, or NULL when it waits. */
const struct raft_output *fetch(int32_t from, int32_t epoch, int64_t offset, int32_t last_epoch,
                                int32_t wait_ms, int64_t high_watermark)
{
    struct fetch_request req;
    struct fetch_request_topic topic;
    struct fetch_request_partition p;
    schema_init(&fetch_request_schema, &req);
    schema_init(&fetch_request_topic_schema, &topic);
    schema_init(&fetch_request_partition_schema, &p);
    req.replica_state.replica_id = from;
    req.max_wait_ms = wait_ms;
    req.topics = &topic;
    req.topics_n = 1;
    topic.topic = TOPIC;
    topic.partitions = &p;
    topic.partitions_n = 1;
    p.current_leader_epoch = epoch;
    p.fetch_offset = offset;
    p.last_fetched_epoch = last_epoch;
    p.partition_max_bytes = 1000000;
    p.high_watermark = high_watermark;
    if (from > 0) {
        p.replica_directory_id = dir(from);
    }
    raft_request(solo.raft, solo_now(), 1, &req, &solo_mark);
    return next(RAFT_REPLY);
}

const struct fetch_response_partition_data *fetched(const struct raft_output *out)
{
    ck_assert_ptr_nonnull(out);
    const struct fetch_response *resp = out->response;
    ck_assert_int_eq(resp->responses_n, 1);
    return resp->responses->partitions;
}

/* The answer to the machine's own Fetch. */
static void respond_fetch(uint64_t token, struct fetch_response_partition_data *p)
{
    struct fetch_response resp;
    struct fetch_response_fetchable_topic_response topic;
    schema_init(&fetch_response_schema, &resp);
    schema_init(&fetch_response_fetchable_topic_response_schema, &topic);
    resp.responses = &topic;
    resp.responses_n = 1;
    topic.partitions = p;
    topic.partitions_n = 1;
    raft_response(solo.raft, solo_now(), token, &resp);
}

void answer_fetch(uint64_t token, int32_t leader_id, int32_t epoch, struct slice records,
                  int64_t high_watermark, struct raft_offset_epoch diverging)
{
    struct fetch_response_partition_data p;
    schema_init(&fetch_response_partition_data_schema, &p);
    p.current_leader.leader_id = leader_id;
    p.current_leader.leader_epoch = epoch;
    p.records.bytes = records;
    p.high_watermark = high_watermark;
    p.diverging_epoch.epoch = diverging.epoch;
    p.diverging_epoch.end_offset = diverging.end_offset;
    respond_fetch(token, &p);
}

void refuse_fetch(uint64_t token, int32_t leader_id, int32_t epoch, int16_t error)
{
    struct fetch_response_partition_data p;
    schema_init(&fetch_response_partition_data_schema, &p);
    p.current_leader.leader_id = leader_id;
    p.current_leader.leader_epoch = epoch;
    p.error_code = error;
    respond_fetch(token, &p);
}

/* Grants what the machine asks for, as voter 2. */
void grant_next(void)
{
    struct vote_response resp;
    struct vote_response_topic_data topic;
    struct vote_response_partition_data p;
    const struct raft_output *out;
    bool pre_vote;
    do { /* what was asked in an earlier round is left alone */
        out = must_send(52);
        pre_vote = ((const struct vote_request *)out->request)->topics->partitions->pre_vote;
    } while (pre_vote != (raft_role(solo.raft) == RAFT_PROSPECTIVE));
    schema_init(&vote_response_schema, &resp);
    schema_init(&vote_response_partition_data_schema, &p);
    resp.topics = &topic;
    resp.topics_n = 1;
    topic = (struct vote_response_topic_data){ TOPIC, &p, 1 };
    p.leader_id = -1;
    p.leader_epoch = raft_epoch(solo.raft);
    p.vote_granted = true;
    raft_response(solo.raft, solo_now(), out->token, &resp);
}

void lead(void)
{
    solo_start();
    drain();
    tick(2100);
    grant_next(); /* pre-vote */
    grant_next();
    ck_assert_int_eq(raft_role(solo.raft), RAFT_LEADER);
}

/* Follows node 2 in an epoch, and says by which token it fetches. */
uint64_t follow(int32_t epoch)
{
    solo_start();
    drain();
    const struct raft_output *reply = begin(2, epoch);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_FOLLOWER);
    const struct raft_output *out = must_send(1);
    ck_assert_int_eq(out->to.port, 9002);
    return out->token;
}
