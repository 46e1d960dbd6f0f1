/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_group.c - what the scripted brokers answer a consumer: records, offsets, membership. Driven
 * by fake_broker.c.
 *   (G1) The group forgets and remembers as a coordinator does: another generation or member id is
 *        refused, and a commit that lowers an offset is noted. A static member that comes back gets
 *        the generation that there is (KIP-345, KIP-814).
 *   (G2) Fetched batches begin at multiples of batch_records and with each leader epoch: the first
 *        one may begin before the offset that was asked for.
 */
#include "tests/support/fake_broker.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/record_batch.h"
#include "protocol/wire/writer.h"

#include <assert.h>
#include <stdio.h>

enum { BATCHES_MAX = 3 };

/* --- records ---------------------------------------------------------------------------------- */

/* (G2) */
static size_t batch_end(const struct fake_cluster *c, const struct fake_partition *p, size_t from)
{
    size_t end = from + 1;
    while (end < p->count && end % (size_t)c->batch_records && p->epochs[end] == p->epochs[from]) {
        end++;
    }
    return end;
}

static size_t batch_begin(const struct fake_cluster *c, const struct fake_partition *p, size_t at)
{
    size_t from = at;
    while (from % (size_t)c->batch_records && p->epochs[from - 1] == p->epochs[at]) {
        from--;
    }
    return from;
}

static struct slice build_batch(struct fake_cluster *c, const struct fake_partition *p, size_t from,
                                struct arena *arena)
{
    struct batch_builder builder = { 0 };
    struct buf out = { 0 };
    struct slice bytes;
    for (size_t i = from, end = batch_end(c, p, from); i < end; i++) {
        struct record rec = { .timestamp_ms = 1,
                              .value = slice_of((const uint8_t *)&p->values[i], 8) };
        batch_builder_append(&builder, &rec);
    }
    struct batch_seal seal = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
    enum err err = batch_builder_seal(&builder, &seal, &out, &bytes);
    assert(!err);
    (void)err;
    bytes = arena_copy(arena, bytes);
    batch_stamp((uint8_t *)(uintptr_t)bytes.ptr, (int64_t)from, p->epochs[from]);
    batch_builder_deinit(&builder);
    buf_deinit(&out);
    return bytes;
}

static struct slice build_records(struct fake_cluster *c, const struct fake_partition *p,
                                  int64_t offset, int32_t bytes_max, struct arena *arena)
{
    struct buf all = { 0 };
    size_t from = offset < (int64_t)p->count ? batch_begin(c, p, (size_t)offset) : p->count;
    size_t first = 0;
    for (int i = 0; i < BATCHES_MAX && from < p->count; i++, from = batch_end(c, p, from)) {
        struct slice batch = build_batch(c, p, from, arena);
        if (c->misplaced_by && c->misplaced == i) {
            batch_stamp((uint8_t *)(uintptr_t)batch.ptr, (int64_t)from + c->misplaced_by,
                        p->leader_epoch);
        }
        buf_append_slice(&all, batch);
        first = first ? first : all.len;
        if (i == 0 && all.len > (size_t)bytes_max && c->cut_at_limit) {
            all.len = (size_t)bytes_max;
        }
        if (all.len >= (size_t)bytes_max) {
            break;
        }
    }
    if (all.len && fake_chance(c, c->faults.cut)) {
        all.len -= 1 + (size_t)rng_below(&c->env->rng, all.len - 1);
    }
    if (all.len >= first && first && fake_chance(c, c->faults.corrupt)) {
        size_t at = 21 + (size_t)rng_below(&c->env->rng, first - 21);
        all.ptr[at] ^= 1;
    }
    struct slice bytes = arena_copy(arena, buf_slice(&all));
    buf_deinit(&all);
    return bytes;
}

static int16_t fetch_error(const struct fake_request *r, const struct fetch_request_topic *t,
                           const struct fetch_request_partition *q)
{
    struct fake_cluster *c = r->node->cluster;
    struct fake_partition *p = &c->partitions[q->partition];
    if (r->header.request_api_version >= 13 && !uuid_eq(&t->topic_id, &c->topic_id)) {
        return KAFKA_UNKNOWN_TOPIC_ID;
    }
    if (fake_chance(c, c->faults.not_leader)) {
        p->leader = (p->leader + 1) % FAKE_NODES;
        p->leader_epoch++;
    }
    if (p->leader != r->node->id && c->closest != r->node->id) {
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (p->leader != r->node->id && c->closest_error) {
        return c->closest_error;
    }
    if (r->error || fake_chance(c, c->faults.error_before)) {
        return r->error ? r->error : (int16_t)KAFKA_UNKNOWN_LEADER_EPOCH;
    }
    return q->fetch_offset < p->log_start || q->fetch_offset > (int64_t)p->count
               ? (int16_t)KAFKA_OFFSET_OUT_OF_RANGE
               : (int16_t)KAFKA_NONE;
}

static void fetch(struct fake_request *r, const struct fetch_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    struct fetch_response body;
    bool empty = true, at_once = false;
    c->fetch_requests++;
    schema_init(&fetch_response_schema, &body);
    assert(q->topics_n == 1);
    const struct fetch_request_topic *t = &q->topics[0];
    body.responses = schema_new(&fetch_response_fetchable_topic_response_schema, &r->arena, 1);
    body.responses_n = 1;
    body.responses[0].topic = c->topic;
    body.responses[0].topic_id = t->topic_id;
    body.responses[0].partitions_n = t->partitions_n;
    body.responses[0].partitions =
        schema_new(&fetch_response_partition_data_schema, &r->arena, (size_t)t->partitions_n);
    for (int32_t i = 0; i < t->partitions_n; i++) {
        const struct fetch_request_partition *f = &t->partitions[i];
        const struct fake_partition *p = &c->partitions[f->partition];
        struct fetch_response_partition_data *d = &body.responses[0].partitions[i];
        d->partition_index = f->partition;
        d->error_code = fetch_error(r, t, f);
        d->high_watermark = d->error_code ? -1 : (int64_t)p->count;
        bool leads = p->leader == r->node->id;
        c->closest_fetches += !leads;
        if (leads && c->closest >= 0 && c->closest != p->leader && q->rack_id.len) {
            d->preferred_read_replica = c->closest;
            at_once = true;
        } else if (!d->error_code) {
            d->records.bytes =
                build_records(c, p, f->fetch_offset, f->partition_max_bytes, &r->arena);
            c->fetch_bytes += d->records.bytes.len;
        }
        if (c->tells_leader && d->error_code == KAFKA_NOT_LEADER_OR_FOLLOWER) {
            d->current_leader.leader_id = p->leader;
            d->current_leader.leader_epoch = p->leader_epoch;
            body.node_endpoints = schema_new(&fetch_response_node_endpoint_schema, &r->arena, 1);
            body.node_endpoints_n = 1;
            body.node_endpoints->node_id = p->leader;
            body.node_endpoints->host = slice_str("127.0.0.1");
            body.node_endpoints->port = FAKE_PORT + p->leader;
        }
        empty = empty && !d->error_code && !d->records.bytes.len;
    }
    fake_reply(r, &body, empty && !at_once ? (uint64_t)q->max_wait_ms * NS_PER_MS : 0);
}

static void list_offsets(struct fake_request *r, const struct list_offsets_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    const struct list_offsets_request_partition *f = &q->topics[0].partitions[0];
    const struct fake_partition *p = &c->partitions[f->partition_index];
    struct list_offsets_response body;
    struct list_offsets_response_topic_response topic;
    struct list_offsets_response_partition_response answer;
    schema_init(&list_offsets_response_schema, &body);
    schema_init(&list_offsets_response_topic_response_schema, &topic);
    schema_init(&list_offsets_response_partition_response_schema, &answer);
    body.topics = &topic;
    body.topics_n = topic.partitions_n = 1;
    topic.name = c->topic;
    topic.partitions = &answer;
    answer.partition_index = f->partition_index;
    answer.error_code = p->leader != r->node->id ? (int16_t)KAFKA_NOT_LEADER_OR_FOLLOWER : r->error;
    if (!answer.error_code) {
        answer.offset = f->timestamp == -2 ? p->log_start : (int64_t)p->count;
    }
    fake_reply(r, &body, 0);
}

static void epoch_ends(struct fake_request *r, const struct offset_for_leader_epoch_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    const struct offset_for_leader_epoch_request_offset_for_leader_partition *f =
        &q->topics[0].partitions[0];
    const struct fake_partition *p = &c->partitions[f->partition];
    struct offset_for_leader_epoch_response body;
    struct offset_for_leader_epoch_response_offset_for_leader_topic_result topic;
    struct offset_for_leader_epoch_response_epoch_end_offset answer;
    schema_init(&offset_for_leader_epoch_response_schema, &body);
    schema_init(&offset_for_leader_epoch_response_offset_for_leader_topic_result_schema, &topic);
    schema_init(&offset_for_leader_epoch_response_epoch_end_offset_schema, &answer);
    c->epoch_requests++;
    body.topics = &topic;
    body.topics_n = topic.partitions_n = 1;
    topic.topic = c->topic;
    topic.partitions = &answer;
    answer.partition = f->partition;
    answer.error_code = p->leader != r->node->id ? (int16_t)KAFKA_NOT_LEADER_OR_FOLLOWER : r->error;
    size_t end = p->count;
    while (end > 0 && p->epochs[end - 1] > f->leader_epoch) {
        end--;
    }
    if (f->leader_epoch > p->leader_epoch) {
        answer.leader_epoch = -1; /* and no offset: nobody knows that epoch */
    } else if (!answer.error_code && f->leader_epoch == p->leader_epoch) {
        answer.leader_epoch = p->leader_epoch;
        answer.end_offset = (int64_t)p->count;
    } else if (!answer.error_code && end > 0) {
        answer.leader_epoch = p->epochs[end - 1];
        answer.end_offset = (int64_t)end;
    }
    fake_reply(r, &body, 0);
}

/* --- membership ------------------------------------------------------------------------------- */

static void find_coordinator(struct fake_request *r)
{
    struct fake_group *g = &r->node->cluster->group;
    struct find_coordinator_response body;
    struct find_coordinator_response_coordinator one;
    schema_init(&find_coordinator_response_schema, &body);
    schema_init(&find_coordinator_response_coordinator_schema, &one);
    g->finds++;
    body.coordinators = &one;
    body.coordinators_n = r->header.request_api_version >= 4;
    body.error_code = one.error_code = r->error;
    body.node_id = one.node_id = g->coordinator;
    body.host = one.host = slice_str("127.0.0.1");
    fake_reply(r, &body, 0);
}

/* What every request of a member may hear before it is looked at (G1). */
static int16_t member_error(const struct fake_request *r, struct slice member_id,
                            int32_t generation)
{
    struct fake_cluster *c = r->node->cluster;
    const struct fake_group *g = &c->group;
    if (g->coordinator != r->node->id) {
        return KAFKA_NOT_COORDINATOR;
    }
    if (r->error || fake_chance(c, c->faults.error_before)) {
        return r->error ? r->error : (int16_t)KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    }
    if (!g->member_id[0] || !slice_eq_str(member_id, g->member_id)) {
        return KAFKA_UNKNOWN_MEMBER_ID;
    }
    return generation != g->generation ? (int16_t)KAFKA_ILLEGAL_GENERATION : (int16_t)KAFKA_NONE;
}

static void join(struct fake_request *r, const struct join_group_request *q)
{
    struct fake_group *g = &r->node->cluster->group;
    struct join_group_response body;
    struct join_group_response_member self;
    schema_init(&join_group_response_schema, &body);
    schema_init(&join_group_response_member_schema, &self);
    g->joins++;
    bool fresh = !q->member_id.len;
    bool returns = fresh && q->group_instance_id.ptr && g->member_id[0] && g->synced;
    if (fresh) {
        snprintf(g->member_id, sizeof(g->member_id), "member-%d", (int)++g->members);
        g->synced = g->synced && returns;
    }
    body.error_code =
        member_error(r, fresh ? slice_str(g->member_id) : q->member_id, g->generation);
    if (!body.error_code && fresh && !q->group_instance_id.ptr) {
        body.error_code = KAFKA_MEMBER_ID_REQUIRED;
    }
    body.member_id = fresh ? slice_str(g->member_id) : q->member_id;
    body.leader = body.member_id;
    body.skip_assignment = returns && r->header.request_api_version >= 9;
    if (!body.error_code) {
        g->generation += !returns;
        g->rebalancing = false;
        g->synced = returns;
        body.generation_id = g->generation;
        body.protocol_type = q->protocol_type;
        body.protocol_name = q->protocols[0].name;
        body.members = &self;
        body.members_n = 1;
        self.member_id = body.member_id;
        self.metadata = q->protocols[0].metadata;
    }
    fake_reply(r, &body, 0);
}

/* The assignment of version 0, by hand: the leader's own is not what is tested. */
static struct slice assignment(const struct fake_cluster *c, struct buf *buf)
{
    int32_t count = 0;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        count += (c->group.granted >> i & 1) ? 1 : 0;
    }
    struct writer w;
    writer_init(&w, buf);
    writer_i16(&w, 0);
    writer_i32(&w, 1);
    writer_i16(&w, (int16_t)c->topic.len);
    writer_bytes(&w, c->topic.ptr, c->topic.len);
    writer_i32(&w, count);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        if (c->group.granted >> i & 1) {
            writer_i32(&w, i);
        }
    }
    writer_i32(&w, -1);
    writer_deinit(&w);
    return buf_slice(buf);
}

static void sync_group(struct fake_request *r, const struct sync_group_request *q)
{
    struct fake_group *g = &r->node->cluster->group;
    struct sync_group_response body;
    struct buf buf = { 0 };
    schema_init(&sync_group_response_schema, &body);
    body.error_code = member_error(r, q->member_id, q->generation_id);
    if (!body.error_code && g->rebalancing) {
        body.error_code = KAFKA_REBALANCE_IN_PROGRESS;
    }
    if (!body.error_code) {
        g->synced = true;
        body.protocol_type = q->protocol_type;
        body.protocol_name = q->protocol_name;
        body.assignment = assignment(r->node->cluster, &buf);
    }
    fake_reply(r, &body, 0);
    buf_deinit(&buf);
}

static void describe(struct fake_request *r)
{
    struct describe_groups_response body;
    struct describe_groups_response_described_group group;
    struct describe_groups_response_described_group_member member;
    struct buf buf = { 0 };
    schema_init(&describe_groups_response_schema, &body);
    schema_init(&describe_groups_response_described_group_schema, &group);
    schema_init(&describe_groups_response_described_group_member_schema, &member);
    body.groups = &group;
    body.groups_n = 1;
    group.error_code = r->error;
    if (!r->error) {
        group.members = &member;
        group.members_n = 1;
        member.member_id = slice_str(r->node->cluster->group.member_id);
        member.member_assignment = assignment(r->node->cluster, &buf);
    }
    fake_reply(r, &body, 0);
    buf_deinit(&buf);
}

static void heartbeat(struct fake_request *r, const struct heartbeat_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    struct fake_group *g = &c->group;
    struct heartbeat_response body;
    schema_init(&heartbeat_response_schema, &body);
    g->heartbeats++;
    if (fake_chance(c, c->faults.forget)) {
        g->member_id[0] = '\0';
    }
    if (fake_chance(c, c->faults.rebalance)) {
        g->rebalancing = true;
        g->granted = (uint32_t)rng_below(&c->env->rng, 1u << FAKE_PARTITIONS);
    }
    if (fake_chance(c, c->faults.not_leader)) {
        g->coordinator = (g->coordinator + 1) % FAKE_NODES;
    }
    body.error_code = member_error(r, q->member_id, q->generation_id);
    if (!body.error_code && g->rebalancing) {
        body.error_code = KAFKA_REBALANCE_IN_PROGRESS;
    }
    fake_reply(r, &body, 0);
}

static void leave(struct fake_request *r)
{
    struct leave_group_response body;
    schema_init(&leave_group_response_schema, &body);
    r->node->cluster->group.leaves++;
    r->node->cluster->group.member_id[0] = '\0';
    fake_reply(r, &body, 0);
}

/* --- offsets ---------------------------------------------------------------------------------- */

static void commit(struct fake_request *r, const struct offset_commit_request *q)
{
    struct fake_group *g = &r->node->cluster->group;
    struct offset_commit_response body;
    struct offset_commit_response_topic topic;
    schema_init(&offset_commit_response_schema, &body);
    schema_init(&offset_commit_response_topic_schema, &topic);
    g->commits++;
    assert(q->topics_n == 1);
    const struct offset_commit_request_topic *t = &q->topics[0];
    int16_t error = member_error(r, q->member_id, q->generation_id_or_member_epoch);
    if (!error && !g->synced) {
        error = KAFKA_REBALANCE_IN_PROGRESS;
    }
    body.topics = &topic;
    body.topics_n = 1;
    topic.name = t->name;
    topic.partitions_n = t->partitions_n;
    topic.partitions =
        schema_new(&offset_commit_response_partition_schema, &r->arena, (size_t)t->partitions_n);
    for (int32_t i = 0; i < t->partitions_n; i++) {
        int64_t *committed = &g->committed[t->partitions[i].partition_index];
        topic.partitions[i].partition_index = t->partitions[i].partition_index;
        topic.partitions[i].error_code = error;
        if (!error) {
            g->went_back = g->went_back || t->partitions[i].committed_offset < *committed;
            *committed = t->partitions[i].committed_offset;
            g->committed_epochs[t->partitions[i].partition_index] =
                t->partitions[i].committed_leader_epoch;
        }
    }
    fake_reply(r, &body, 0);
}

static void fetch_offsets(struct fake_request *r, const struct offset_fetch_request *q)
{
    struct fake_cluster *c = r->node->cluster;
    const struct fake_group *g = &c->group;
    struct offset_fetch_response body;
    struct offset_fetch_response_group group;
    struct offset_fetch_response_topics topic;
    schema_init(&offset_fetch_response_schema, &body);
    schema_init(&offset_fetch_response_group_schema, &group);
    schema_init(&offset_fetch_response_topics_schema, &topic);
    assert(r->header.request_api_version >= 8 && q->groups_n == 1 && q->groups[0].topics_n == 1);
    const struct offset_fetch_request_topics *t = &q->groups[0].topics[0];
    body.groups = &group;
    body.groups_n = 1;
    group.group_id = q->groups[0].group_id;
    group.topics = &topic;
    group.topics_n = 1;
    group.error_code = g->coordinator != r->node->id ? (int16_t)KAFKA_NOT_COORDINATOR : r->error;
    topic.name = t->name;
    topic.partitions_n = t->partition_indexes_n;
    topic.partitions = schema_new(&offset_fetch_response_partitions_schema, &r->arena,
                                  (size_t)t->partition_indexes_n);
    for (int32_t i = 0; i < t->partition_indexes_n; i++) {
        topic.partitions[i].partition_index = t->partition_indexes[i];
        topic.partitions[i].committed_offset = g->committed[t->partition_indexes[i]];
        topic.partitions[i].committed_leader_epoch = g->committed_epochs[t->partition_indexes[i]];
    }
    if (group.error_code) {
        group.topics_n = 0;
    }
    fake_reply(r, &body, 0);
}

void fake_group_handle(struct fake_request *r, const void *body)
{
    switch (r->header.request_api_key) {
    case API_Fetch:
        fetch(r, body);
        break;
    case API_ListOffsets:
        list_offsets(r, body);
        break;
    case API_OffsetForLeaderEpoch:
        epoch_ends(r, body);
        break;
    case API_FindCoordinator:
        find_coordinator(r);
        break;
    case API_JoinGroup:
        join(r, body);
        break;
    case API_SyncGroup:
        sync_group(r, body);
        break;
    case API_DescribeGroups:
        describe(r);
        break;
    case API_Heartbeat:
        heartbeat(r, body);
        break;
    case API_LeaveGroup:
        leave(r);
        break;
    case API_OffsetCommit:
        commit(r, body);
        break;
    default:
        assert(r->header.request_api_key == API_OffsetFetch);
        fetch_offsets(r, body);
    }
}
