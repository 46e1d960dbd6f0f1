/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_place.c - a follower whose next offset its leader does not have asks where the leader's
 * log lies: its first offset, its last one, and of a log that must begin anew who the producers
 * were before. Driven by replica_session.c; what comes of it is done in replica_fetcher.c.
 *   (L1) Who begins at an offset knows of each producer what the leader does: its last batch may
 *        have been deleted with the answer lost, and is sent again to whoever leads then.
 *   (L2) Only batches below the offset are taken over: they were committed. What lies above comes
 *        with the records, or goes with them.
 * Kafka's DescribeProducers does not tell where a producer's last batch lies; our leaders add it in
 * tagged fields (KIP-482). Without them nothing is taken over.
 */
#include "broker/broker.h"
#include "broker/replica_session.h"

static uint64_t timeout_ns(const struct broker *b)
{
    return (uint64_t)b->config->replica_socket_timeout_ms * NS_PER_MS;
}

/* --- the producers ---------------------------------------------------------------------------- */

static void learn(struct producer_state *known, int64_t below,
                  const struct describe_producers_response_producer_state *row)
{
    if (row->last_offset < 0 || row->last_offset >= below || row->last_sequence < 0 ||
        row->last_offset_delta < 0 || row->last_offset_delta > row->last_offset) {
        return; /* (L2) */
    }
    struct producer_entry entry = {
        .producer_id = row->producer_id,
        .epoch = (int16_t)row->producer_epoch,
        .kept_count = 1,
        .coordinator_epoch = row->coordinator_epoch,
        .current_txn_first_offset = -1,
        .last_timestamp_ms = row->last_timestamp,
        .kept = { {
            .last_sequence = row->last_sequence,
            .offset_delta = row->last_offset_delta,
            .last_offset = row->last_offset,
            .timestamp_ms = row->last_timestamp,
        } },
    };
    producer_state_restore(known, &entry);
}

static void producers_told(void *user, enum err err, int16_t version, const void *response)
{
    struct replica *r = user;
    const struct describe_producers_response *resp = response;
    (void)version;
    r->is_asking = false;
    if (err || resp->topics_n != 1 || resp->topics[0].partitions_n != 1 ||
        resp->topics[0].partitions[0].error_code) {
        replica_placed(r, NULL, NULL);
        return;
    }
    const struct describe_producers_response_partition_response *row =
        &resp->topics[0].partitions[0];
    struct producer_state known = { 0 };
    for (int32_t i = 0; i < row->active_producers_n; i++) {
        learn(&known, r->restart.offset, &row->active_producers[i]);
    }
    replica_placed(r, &r->restart, &known);
    producer_state_deinit(&known);
}

static void ask_producers(struct replica *r)
{
    struct describe_producers_request req;
    struct describe_producers_request_topic_request topic;
    schema_init(&describe_producers_request_schema, &req);
    schema_init(&describe_producers_request_topic_request_schema, &topic);
    topic.name = slice_str(r->partition->topic->name);
    topic.partition_indexes = &r->partition->index;
    topic.partition_indexes_n = 1;
    req.topics = &topic;
    req.topics_n = 1;
    r->is_asking = true;
    peer_call(r->fetcher->peer, &describe_producers_request_schema, &req, -1,
              timeout_ns(r->fetcher->broker), producers_told, r);
}

/* --- the offsets ------------------------------------------------------------------------------ */

enum { LATEST = -1, EARLIEST = -2 };

static void ask_offset(struct replica *r, int64_t which, client_done *done)
{
    struct broker *b = r->fetcher->broker;
    struct list_offsets_request req;
    struct list_offsets_request_topic topic;
    struct list_offsets_request_partition part;
    schema_init(&list_offsets_request_schema, &req);
    schema_init(&list_offsets_request_topic_schema, &topic);
    schema_init(&list_offsets_request_partition_schema, &part);
    part.partition_index = r->partition->index;
    part.current_leader_epoch = r->follower.leader_epoch;
    part.timestamp = which;
    topic.name = slice_str(r->partition->topic->name);
    topic.partitions = &part;
    topic.partitions_n = 1;
    req.replica_id = b->node_id;
    req.topics = &topic;
    req.topics_n = 1;
    r->is_asking = true;
    peer_call(r->fetcher->peer, &list_offsets_request_schema, &req, -1, timeout_ns(b), done, r);
}

/* -1: there was no answer, or not for this partition. */
static int64_t offset_of(enum err err, const struct list_offsets_response *resp)
{
    bool good = !err && resp->topics_n == 1 && resp->topics[0].partitions_n == 1 &&
                resp->topics[0].partitions[0].error_code == KAFKA_NONE;
    return good ? resp->topics[0].partitions[0].offset : -1;
}

static void end_told(void *user, enum err err, int16_t version, const void *response)
{
    struct replica *r = user;
    struct partition *p = r->partition;
    int64_t end = offset_of(err, response);
    (void)version;
    r->is_asking = false;
    if (end < 0) {
        replica_placed(r, NULL, NULL);
        return;
    }
    const struct follower_log log = { partition_start_offset(p), partition_end_offset(p) };
    struct follower_step step;
    follower_offsets(&r->follower, &log, r->asked_start, end, env_mono_ns(r->fetcher->broker->env),
                     &step);
    if (step.what == FOLLOWER_RESTART && step.offset > 0) { /* (L1) */
        r->restart = step;
        ask_producers(r);
        return;
    }
    const struct producer_state nobody = { 0 };
    replica_placed(r, &step, &nobody); /* nobody was there before 0 */
}

static void start_told(void *user, enum err err, int16_t version, const void *response)
{
    struct replica *r = user;
    (void)version;
    r->is_asking = false;
    r->asked_start = offset_of(err, response);
    if (r->asked_start < 0) {
        replica_placed(r, NULL, NULL);
        return;
    }
    ask_offset(r, LATEST, end_told);
}

void replica_ask_offsets(struct replica *r)
{
    ask_offset(r, EARLIEST, start_told);
}
