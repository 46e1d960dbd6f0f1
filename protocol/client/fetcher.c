/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetcher.c - asks leaders for records and for offsets to begin at. Driven by consumer.c's kick
 * timer and by answers.
 *   (F1) One fetch is in flight for each leader; it names every partition there that is active, not
 *        paused and not being revoked. Without a fetch session (KIP-227): each names them all.
 *   (F2) An answer counts for a partition only when it was not sought, paused or revoked meanwhile;
 *        `position` is what the user has been given, so nothing is lost by dropping one.
 *   (F3) Only whole batches with a right checksum are given out.
 *   (F4) The next fetch leaves before an answer is given out, so that the leader works while the
 *        user does; it is read when the user is done: one answer is in memory. Whoever pauses
 *        throws the one under way away, so for a while after that nothing is asked for ahead.
 *   (F5) The first batch of an answer holds the offset that was asked for, or begins behind it
 *        where compaction took batches out; the others follow; nothing leaps beyond the high
 *        watermark. An answer of which that is not true is not used at all.
 *   (F6) A replica that the leader named (KIP-392) is read from until it errs, fails or is silent.
 *        Its errors say nothing of the partition: the leader is asked next, without a rack for a
 *        while, so that it does not name the same replica again.
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

#include <stdio.h>

enum { ATTEMPTS_TOLD = 5, NOT_AHEAD = 32 };
static const uint64_t REPLICA_NS = 300ull * NS_PER_S; /* the leader is asked anew after it */
static const uint64_t SHUN_NS = 5ull * NS_PER_S;

const struct client_partition *fetcher_leader(const struct part *p)
{
    const struct client_topic *t = client_topic(p->consumer->client, p->pub.topic);
    if (!t || p->pub.partition >= t->partition_count ||
        t->partitions[p->pub.partition].leader_id < 0) {
        return NULL;
    }
    return &t->partitions[p->pub.partition];
}

void fetcher_retry_part(struct part *p)
{
    struct consumer *c = p->consumer;
    p->attempts++;
    p->retry_at_ns = env_mono_ns(c->env) + client_backoff_ns(c->client, p->attempts);
    consumer_wake(c, p->retry_at_ns);
}

void fetcher_note_try(struct part *p, const struct client_topic *t,
                      const struct client_partition *leader)
{
    p->retry_at_ns = 0;
    p->tried_leader = leader->leader_id;
    p->tried_epoch = leader->leader_epoch;
    p->topic_id = t->id;
}

void fetcher_leave_replica(struct part *p)
{
    p->replica = -1;
    p->shun_until_ns = env_mono_ns(p->consumer->env) + SHUN_NS;
    consumer_wake(p->consumer, 0);
}

/* Whether the last fetch went to a replica that the leader had named. */
static bool was_elsewhere(const struct part *p)
{
    return p->asked_node >= 0 && p->asked_node != p->tried_leader;
}

/* Where it is to be fetched (KIP-392). */
static int32_t node_of(const struct part *p, const struct client_partition *leader, uint64_t now)
{
    bool elsewhere =
        p->replica >= 0 && p->replica_epoch == leader->leader_epoch && now < p->replica_until_ns;
    return elsewhere ? p->replica : leader->leader_id;
}

/* The leader names a replica that is closer: the records are there (F6). */
static void take_replica(struct part *p, int32_t node_id)
{
    struct consumer *c = p->consumer;
    p->replica = node_id;
    p->replica_epoch = p->tried_epoch;
    p->replica_until_ns = env_mono_ns(c->env) + REPLICA_NS;
}

static bool is_fetchable(const struct part *p)
{
    bool listing = p->listing && p->listing_seek == p->seek;
    return p->state == PART_ACTIVE && !p->paused && !p->revoking && !p->asked && !listing;
}

/* Whether the part may be asked for now; lowers *wake when only its back-off is in the way. */
static bool is_due(const struct part *p, const struct client_partition *leader, uint64_t now,
                   uint64_t *wake)
{
    bool tried = leader->leader_id == p->tried_leader && leader->leader_epoch == p->tried_epoch;
    if (tried && p->retry_at_ns > now) {
        *wake = p->retry_at_ns < *wake ? p->retry_at_ns : *wake;
        return false;
    }
    return true;
}

/* --- records ---------------------------------------------------------------------------------- */

/* Producers whose transaction was aborted, as far as the walk over one answer has come (KIP-98). */
struct aborted {
    const struct fetch_response_aborted_transaction *transactions;
    int32_t count;
    int64_t *producers; /* within an aborted transaction now; -1 free */
};

static bool is_aborted(struct aborted *a, const struct batch_view *b)
{
    bool found = false;
    for (int32_t i = 0; i < a->count; i++) {
        const struct fetch_response_aborted_transaction *t = &a->transactions[i];
        if (t->producer_id == b->producer_id && t->first_offset <= batch_last_offset(b) &&
            a->producers[i] == 0) {
            if (b->attributes & BATCH_ATTR_CONTROL) {
                a->producers[i] = 1; /* the marker ends this transaction */
                return true;
            }
            found = true;
        }
    }
    return found && b->attributes & BATCH_ATTR_TRANSACTIONAL;
}

/* The batches to be given out, in c->views; *ret_next is the offset behind the last whole one. */
static enum err collect_batches(struct part *p, const struct fetch_response_partition_data *d,
                                size_t *ret_count, int64_t *ret_next)
{
    struct consumer *c = p->consumer;
    struct slice rest = d->records.bytes;
    struct aborted aborted = { .transactions = d->aborted_transactions };
    if (c->cfg.read_committed && d->aborted_transactions_n > 0) {
        aborted.producers =
            arena_array(&c->scratch, (size_t)d->aborted_transactions_n, sizeof(int64_t));
        aborted.count = d->aborted_transactions_n;
    }
    enum err err = ERR_OK;
    *ret_count = 0;
    buf_reset(&c->views);
    while (rest.len) {
        struct batch_view b;
        err = batch_parse(rest, &b);
        if (err == ERR_SHORT) {
            return ERR_OK; /* the broker cuts where its limit falls */
        }
        err = err ? err : batch_check_crc(&b);
        if (err) {
            return err;
        }
        rest = slice_from(rest, b.bytes.len);
        bool skip = is_aborted(&aborted, &b) || b.attributes & BATCH_ATTR_CONTROL ||
                    b.record_count == 0 || batch_last_offset(&b) < p->pub.position;
        if (batch_last_offset(&b) >= *ret_next) {
            *ret_next = batch_last_offset(&b) + 1;
        }
        if (!skip) {
            buf_append(&c->views, &b, sizeof(b));
            (*ret_count)++;
        }
    }
    return ERR_OK;
}

static void corrupt(struct part *p, enum err err)
{
    char text[400];
    snprintf(
        text, sizeof(text),
        "a batch of %.*s-%d behind offset %lld cannot be used (%s); it is fetched again: if this "
        "stays, the log on the leader's disk is damaged",
        SLICE_ARG(slice_head(p->pub.topic, 249)), (int)p->pub.partition, (long long)p->pub.position,
        err_text(err));
    if (was_elsewhere(p)) {
        fetcher_leave_replica(p);
    }
    if (p->attempts == 0) {
        consumer_trouble(p->consumer, KAFKA_CORRUPT_MESSAGE, text, false);
    }
    fetcher_retry_part(p);
}

/* Not one whole batch: the limit grows until it fits, up to what one answer may hold. Brokers give
 * a first batch that is larger than the limit whole (KIP-74), very old ones do not. */
static void too_large(struct part *p, size_t bytes)
{
    struct consumer *c = p->consumer;
    if (bytes < (size_t)p->bytes_max) {
        fetcher_retry_part(p); /* cut for another reason: the others come first */
    } else if (p->bytes_max < c->cfg.fetch_bytes_max) {
        p->bytes_max =
            p->bytes_max < c->cfg.fetch_bytes_max / 2 ? p->bytes_max * 2 : c->cfg.fetch_bytes_max;
    } else {
        if (p->too_large != p->pub.position) {
            p->too_large = p->pub.position;
            consumer_trouble(c, KAFKA_RECORD_LIST_TOO_LARGE,
                             "a batch is larger than a whole answer may be: raise fetch.max.bytes",
                             false);
        }
        fetcher_retry_part(p);
    }
}

static void take_records(struct part *p, const struct fetch_response_partition_data *d)
{
    struct consumer *c = p->consumer;
    size_t count;
    int64_t next = p->pub.position;
    p->pub.high_watermark = d->high_watermark;
    enum err err = collect_batches(p, d, &count, &next);
    c->fetched_bytes += d->records.bytes.len;
    uint32_t seek = p->seek;
    c->current = p;
    if (count) {
        c->events.batches(c->user, &p->pub, (const struct batch_view *)(const void *)c->views.ptr,
                          count);
    }
    if (c->current != p || p->seek != seek) {
        return; /* dropped or sought by its user */
    }
    c->current = NULL;
    if (p->fetch_at == next) {
        p->pub.position = next;
    } else {
        consumer_set_position(p, next); /* what was asked for ahead lies behind a damaged batch */
    }
    if (err) {
        corrupt(p, err);
        return;
    }
    p->attempts = 0;
    if (c->events.at_end && !c->closing && !p->revoking && next >= d->high_watermark &&
        p->end_told != next) {
        p->end_told = next;
        c->events.at_end(c->user, &p->pub);
    }
}

static void take_error(struct part *p, int16_t error)
{
    struct consumer *c = p->consumer;
    if (error == KAFKA_OFFSET_OUT_OF_RANGE) {
        position_out_of_range(p);
        return;
    }
    if (!kafka_error_is_retriable(error) || p->attempts == ATTEMPTS_TOLD) {
        consumer_trouble(c, error, kafka_error_text(error), false);
    }
    client_refresh(c->client);
    fetcher_retry_part(p);
}

/* --- fetches ---------------------------------------------------------------------------------- */

static struct part *find_answered(struct consumer *c, int16_t version,
                                  const struct fetch_response_fetchable_topic_response *t,
                                  int32_t partition)
{
    if (version < 13) {
        return consumer_find_part(c, t->topic, partition);
    }
    const struct client_topic *topic = client_topic_by_id(c->client, &t->topic_id);
    return topic ? consumer_find_part(c, topic->name, partition) : NULL;
}

/* Walks the headers of the whole batches; *ret_next is the offset behind the last one. The base
 * offset is outside of the checksum, so it is believed only where it fits (F5). */
static enum err check_offsets(struct part *p, const struct fetch_response_partition_data *d,
                              int64_t *ret_next)
{
    struct batch_view b;
    struct slice records = d->records.bytes;
    struct epoch_mark read = p->read, before = p->before;
    int64_t next = p->pub.position;
    for (; batch_parse(records, &b) == ERR_OK; records = slice_from(records, b.bytes.len)) {
        bool first = records.ptr == d->records.bytes.ptr;
        int64_t last = batch_last_offset(&b);
        bool follows = first ? last >= next : b.base_offset >= next;
        bool leaps = b.base_offset > next && d->high_watermark >= 0 && last >= d->high_watermark;
        if (!follows || leaps) {
            return ERR_CORRUPT;
        }
        next = last + 1;
        position_note_batch(p, &read, &before, &b);
    }
    p->read = read;
    p->before = before;
    *ret_next = next;
    return ERR_OK;
}

/* The first look at an answer: errors are dealt with, what can be given out is marked, and it is
 * known where to read on. */
static void look_at(struct fetch_leader *l, struct part *p,
                    const struct fetch_response_partition_data *d)
{
    size_t bytes = d->records.bytes.len;
    p->asked = false;
    if (p->asked_seek != p->seek || p->revoking || p->state != PART_ACTIVE) {
        return; /* (F2) */
    }
    if (p->paused) {
        l->not_ahead = bytes ? NOT_AHEAD : l->not_ahead;
        return;
    }
    if (d->error_code && was_elsewhere(p)) {
        fetcher_leave_replica(p);
        return;
    }
    if (d->error_code) {
        client_learn_leader(p->consumer->client, p->pub.topic, p->pub.partition,
                            d->current_leader.leader_id, d->current_leader.leader_epoch);
        take_error(p, d->error_code);
        return;
    }
    if (d->preferred_read_replica >= 0 && d->preferred_read_replica != l->node_id) {
        take_replica(p, d->preferred_read_replica);
        if (!bytes) {
            return;
        }
    }
    struct batch_view b;
    if (bytes && batch_parse(d->records.bytes, &b) == ERR_SHORT) {
        too_large(p, bytes);
        return;
    }
    int64_t next;
    enum err err = check_offsets(p, d, &next);
    if (err) {
        corrupt(p, err);
        return;
    }
    p->answered = true;
    p->answered_seek = p->seek;
    p->fetch_at = next;
    position_is_good(p);
    if (bytes) {
        list_remove(&p->node); /* the others go first the next time (KIP-74) */
        list_push_back(&p->consumer->parts, &p->node);
    }
}

static void give_out(struct fetch_leader *l, struct part *p,
                     const struct fetch_response_partition_data *d)
{
    struct consumer *c = p->consumer;
    p->answered = false;
    if (p->answered_seek != p->seek) {
        return;
    }
    if (p->paused || p->revoking || p->state != PART_ACTIVE) {
        l->not_ahead = NOT_AHEAD;
        consumer_set_position(p, p->pub.position);
        return;
    }
    arena_reset(&c->scratch);
    take_records(p, d);
}

/* The user may drop any part, or close, from within each of its events. */
static void walk_answer(struct fetch_leader *l, int16_t version, const struct fetch_response *r,
                        bool give)
{
    struct consumer *c = l->consumer;
    for (int32_t i = 0; i < r->responses_n; i++) {
        const struct fetch_response_fetchable_topic_response *t = &r->responses[i];
        for (int32_t j = 0; j < t->partitions_n && !c->closing; j++) {
            struct part *p = find_answered(c, version, t, t->partitions[j].partition_index);
            if (!give && p && p->asked && p->asked_node == l->node_id) {
                look_at(l, p, &t->partitions[j]);
            } else if (give && p && p->answered) {
                give_out(l, p, &t->partitions[j]);
            }
        }
    }
}

static void fetch(struct consumer *c, int32_t node_id);

static void on_fetched(void *user, enum err err, int16_t version, const void *response)
{
    struct fetch_leader *l = user;
    struct consumer *c = l->consumer;
    const struct fetch_response *r = response;
    l->busy = false;
    if (c->closing) {
        return;
    }
    consumer_check_lacking(c, err, &fetch_request_schema);
    bool good = !err && !r->error_code;
    if (good) {
        for (int32_t i = 0; i < r->node_endpoints_n; i++) {
            const struct fetch_response_node_endpoint *n = &r->node_endpoints[i];
            client_learn_node(c->client, n->node_id, n->host, n->port);
        }
        walk_answer(l, version, r, false);
    } else {
        client_refresh(c->client);
    }
    /* Those that the answer does not name, all of them after a failure: asked again a little
     * later. */
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        if (p->asked && p->asked_node == l->node_id) {
            p->asked = false;
            if (was_elsewhere(p)) {
                fetcher_leave_replica(p);
            } else {
                fetcher_retry_part(p);
            }
        }
    }
    if (good) {
        if (l->not_ahead) {
            l->not_ahead--;
        } else {
            fetch(c, l->node_id); /* (F4) */
            client_flush_lane(c->client, l->node_id, c->lane_fetch);
        }
        walk_answer(l, version, r, true);
    }
    consumer_wake(c, 0);
}

/* One entry for each topic, the parts below it; false when nothing is to be fetched there. */
static bool fill_fetch(struct consumer *c, int32_t node_id, struct fetch_request *request,
                       bool *ret_ids)
{
    uint64_t now = env_mono_ns(c->env), wake = UINT64_MAX;
    struct arena *a = &c->scratch;
    request->topics = schema_new(&fetch_request_topic_schema, a, c->part_count);
    request->topics_n = 0;
    *ret_ids = true;
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        const struct client_partition *leader = fetcher_leader(p);
        if (!is_fetchable(p) || !leader || node_of(p, leader, now) != node_id ||
            !position_holds(p, leader) || !is_due(p, leader, now, &wake)) {
            continue;
        }
        struct fetch_request_topic *t = NULL;
        for (int32_t i = request->topics_n; i > 0 && !t; i--) {
            t = slice_eq(request->topics[i - 1].topic, p->pub.topic) ? &request->topics[i - 1]
                                                                     : NULL;
        }
        const struct client_topic *meta = client_topic(c->client, p->pub.topic);
        if (!t) {
            t = &request->topics[request->topics_n++];
            t->topic = p->pub.topic;
            t->topic_id = meta->id;
            t->partitions =
                schema_new(&fetch_request_partition_schema, a, (size_t)meta->partition_count);
            t->partitions_n = 0;
            *ret_ids = *ret_ids && !uuid_is_zero(&meta->id);
        }
        struct fetch_request_partition *f = &t->partitions[t->partitions_n++];
        f->partition = p->pub.partition;
        f->current_leader_epoch = leader->leader_epoch;
        f->fetch_offset = p->fetch_at;
        f->partition_max_bytes = p->bytes_max;
        if (now < p->shun_until_ns) {
            request->rack_id = slice_str("");
        }
        p->asked = true;
        p->asked_node = node_id;
        p->asked_seek = p->seek;
        fetcher_note_try(p, meta, leader);
    }
    return request->topics_n > 0;
}

static void fetch(struct consumer *c, int32_t node_id)
{
    uint64_t key = (uint64_t)(uint32_t)node_id;
    struct fetch_leader *l = map_get(&c->leaders, map_key_u64(&key));
    if (!l) {
        l = mem_zalloc(sizeof(*l));
        l->consumer = c;
        l->node_id = node_id;
        map_put(&c->leaders, map_key_u64(&key), l);
    }
    if (l->busy) {
        return;
    }
    struct fetch_request request;
    bool ids;
    schema_init(&fetch_request_schema, &request);
    arena_reset(&c->scratch);
    request.max_wait_ms = (int32_t)(c->cfg.fetch_wait_ns / NS_PER_MS);
    request.min_bytes = c->cfg.fetch_bytes_min;
    request.max_bytes = c->cfg.fetch_bytes_max;
    request.isolation_level = c->cfg.read_committed;
    request.rack_id = slice_str(c->cfg.rack_id ? c->cfg.rack_id : "");
    if (!fill_fetch(c, node_id, &request, &ids)) {
        return;
    }
    l->busy = true;
    c->fetches++;
    client_call_lane(c->client, node_id, c->lane_fetch, &fetch_request_schema, &request,
                     ids ? -1 : 12, 0, on_fetched, l);
    consumer_watch(c);
}

void fetcher_run(struct consumer *c)
{
    uint64_t now = env_mono_ns(c->env), wake = UINT64_MAX;
    bool leaderless = false;
    offsets_fetch(c);
    list_for_each(n, &c->parts) {
        struct part *p = list_entry(n, struct part, node);
        const struct client_partition *leader = fetcher_leader(p);
        bool wants =
            is_fetchable(p) || (p->state == PART_NEEDS_RESET && !p->listing && !p->revoking);
        leaderless = leaderless || (wants && !leader);
        if (!wants || !leader || !is_due(p, leader, now, &wake)) {
            continue;
        }
        if (p->state == PART_NEEDS_RESET || !position_holds(p, leader)) {
            position_ask(p, leader);
        } else {
            fetch(c, node_of(p, leader, now));
        }
    }
    if (leaderless) {
        client_refresh(c->client);
    }
    if (wake != UINT64_MAX) {
        consumer_wake(c, wake);
    }
}
