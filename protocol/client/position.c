/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position.c - where a partition is read on: the offset to begin with, and whether what was read is
 * still what the log has. Driven by fetcher.c and by answers.
 *   (P1) After a change of leader nothing is read before the new one was asked where the epoch that
 *        was read last ends (KIP-320): an unclean election cuts the log, and other records come to
 *        stand at offsets that were read.
 *   (P2) A topic that was made anew under its name (another id) is read from its start: nothing of
 *        it was seen. Only without a policy the offset counts for it, too.
 *   (P3) What a broker cannot tell is no proof: the partition is read on.
 *   (P4) A committed offset carries the leader epoch of the record before it, and whoever begins
 *        there asks first, as after a change of leader. An epoch that is too low would make the log
 *        look cut, so where the right one is not known, none is told.
 */
#include "protocol/client/consumer_internal.h"

#include "protocol/base/alloc.h"

enum { ATTEMPTS_TOLD = 5 };

/* The log behind a group's offset is gone, and what it has now begins further down: the user's
 * count of what is done, and the group's offset, are about other records. Were they to stand, a
 * restart would begin behind records that nobody has seen. */
static void take_up_anew(struct part *p, int64_t offset)
{
    struct consumer *c = p->consumer;
    struct consumer_partition *const pub = &p->pub;
    log_warn(&c->log, "the log was made anew or cut: it is read from another offset",
             KV_SLICE("topic", p->pub.topic), KV_INT("partition", p->pub.partition),
             KV_INT("was", p->pub.position), KV_INT("is", offset));
    c->current = p;
    if (c->events.lost && !c->closing) {
        c->events.lost(c->user, &pub, 1);
    }
    if (c->current != p) {
        return;
    }
    c->current = NULL;
    p->pub.user = NULL;
    p->pub.committed = p->end_told = -1;
    p->commit_wanted = offset;
    p->paused = false;
    consumer_set_position(p, offset);
    offsets_commit(c);
    consumer_tell_assigned(c, &p, 1);
}

/* --- a beginning ------------------------------------------------------------------------------ */

void position_out_of_range(struct part *p)
{
    struct consumer *c = p->consumer;
    log_warn(&c->log, "the offset to read from is gone from the log",
             KV_SLICE("topic", p->pub.topic), KV_INT("partition", p->pub.partition),
             KV_INT("offset", p->pub.position));
    if (c->cfg.offset_reset == OFFSET_RESET_NONE) {
        p->state = PART_STUCK;
        consumer_trouble(c, KAFKA_OFFSET_OUT_OF_RANGE,
                         "the offset to read from is gone from the log, and auto.offset.reset is "
                         "none: seek the partition or set a reset policy",
                         false);
        return;
    }
    p->gone = true;
    p->state = PART_NEEDS_RESET;
    p->reset_to = c->cfg.offset_reset == OFFSET_RESET_LATEST ? OFFSET_LATEST : OFFSET_EARLIEST;
}

static void begin_at(struct part *p, const struct list_offsets_response_partition_response *r)
{
    struct consumer *c = p->consumer;
    if (p->listing_seek != p->seek || p->state != PART_NEEDS_RESET) {
        return;
    }
    if (r->error_code || r->offset < 0) {
        if (r->error_code &&
            (!kafka_error_is_retriable(r->error_code) || p->attempts == ATTEMPTS_TOLD)) {
            consumer_trouble(c, r->error_code, kafka_error_text(r->error_code), false);
        }
        client_refresh(c->client);
        fetcher_retry_part(p);
        return;
    }
    bool anew = p->gone && c->cfg.group_id && !p->revoking && r->offset < p->pub.position;
    p->state = PART_ACTIVE;
    position_set_epoch(p, -1);
    p->gone = false;
    p->attempts = 0;
    if (anew) {
        take_up_anew(p, r->offset);
    } else {
        consumer_set_position(p, r->offset);
    }
}

static void on_listed(void *user, enum err err, int16_t version, const void *response)
{
    struct part *p = user;
    struct consumer *c = p->consumer;
    const struct list_offsets_response *r = response;
    p->listing = false;
    if (c->closing) {
        return;
    }
    consumer_check_lacking(c, err, &list_offsets_request_schema);
    if (err || r->topics_n != 1 || r->topics[0].partitions_n != 1) {
        client_refresh(c->client);
        fetcher_retry_part(p);
    } else {
        begin_at(p, &r->topics[0].partitions[0]);
    }
    consumer_wake(c, 0);
}

/* Rare (a new group, a lost offset): a request for each partition is good enough. */
static void list_offsets(struct part *p, const struct client_partition *leader)
{
    struct consumer *c = p->consumer;
    struct list_offsets_request request;
    struct list_offsets_request_topic topic;
    struct list_offsets_request_partition partition;
    schema_init(&list_offsets_request_schema, &request);
    schema_init(&list_offsets_request_topic_schema, &topic);
    schema_init(&list_offsets_request_partition_schema, &partition);
    request.replica_id = -1;
    request.isolation_level = c->cfg.read_committed;
    request.topics = &topic;
    request.topics_n = 1;
    topic.name = p->pub.topic;
    topic.partitions = &partition;
    topic.partitions_n = 1;
    partition.partition_index = p->pub.partition;
    partition.current_leader_epoch = leader->leader_epoch;
    partition.timestamp = p->reset_to;
    p->listing = true;
    p->listing_seek = p->seek;
    p->listing_node = leader->leader_id;
    fetcher_note_try(p, client_topic(c->client, p->pub.topic), leader);
    consumer_watch(c);
    client_call(c->client, leader->leader_id, &list_offsets_request_schema, &request, -1, 0,
                on_listed, p);
}

/* --- a change of leader ----------------------------------------------------------------------- */

void position_set_epoch(struct part *p, int32_t epoch)
{
    p->read = (struct epoch_mark){ epoch, -1 };
    p->before = (struct epoch_mark){ -1, -1 };
}

void position_note_batch(const struct part *p, struct epoch_mark *read, struct epoch_mark *before,
                         const struct batch_view *b)
{
    /* No checksum covers it: believed where it fits. */
    if (b->leader_epoch > read->epoch && b->leader_epoch <= p->tried_epoch) {
        *before = *read;
        *read = (struct epoch_mark){ b->leader_epoch, b->base_offset };
    }
}

void position_is_good(struct part *p)
{
    p->checked_epoch = p->tried_epoch;
}

/* (P4) */
int32_t position_epoch_at(const struct part *p, int64_t offset)
{
    if (offset > p->read.from) {
        return p->read.epoch;
    }
    return offset > p->before.from ? p->before.epoch : -1;
}

static bool was_made_anew(const struct part *p, const struct client_topic *t)
{
    return p->consumer->cfg.offset_reset != OFFSET_RESET_NONE && !uuid_is_zero(&p->topic_id) &&
           !uuid_is_zero(&t->id) && !uuid_eq(&p->topic_id, &t->id);
}

bool position_holds(const struct part *p, const struct client_partition *leader)
{
    const struct client_topic *t = client_topic(p->consumer->client, p->pub.topic);
    return !was_made_anew(p, t) && (p->read.epoch < 0 || leader->leader_epoch < 0 ||
                                    p->checked_epoch == leader->leader_epoch);
}

/* The log ends before the position, or went on otherwise from `offset` on. */
static void was_cut(struct part *p, int64_t offset, int32_t epoch)
{
    struct consumer *c = p->consumer;
    position_set_epoch(p, epoch);
    if (c->cfg.offset_reset == OFFSET_RESET_NONE) {
        p->state = PART_STUCK;
        consumer_trouble(
            c, KAFKA_OFFSET_OUT_OF_RANGE,
            "records that were read are gone from the log (an unclean leader election), "
            "and auto.offset.reset is none: seek the partition or set a reset policy",
            false);
    } else if (c->cfg.group_id && !p->revoking) {
        take_up_anew(p, offset);
    } else {
        consumer_set_position(p, offset);
    }
}

static void judge_epoch_end(struct part *p,
                            const struct offset_for_leader_epoch_response_epoch_end_offset *r)
{
    if (p->listing_seek != p->seek || p->state != PART_ACTIVE) {
        return;
    }
    if (r->error_code && kafka_error_is_retriable(r->error_code)) {
        if (p->attempts == ATTEMPTS_TOLD) {
            consumer_trouble(p->consumer, r->error_code, kafka_error_text(r->error_code), false);
        }
        client_refresh(p->consumer->client);
        fetcher_retry_part(p);
        return;
    }
    position_is_good(p);
    if (!r->error_code && r->leader_epoch < 0 && p->read.epoch > p->tried_epoch) {
        position_set_epoch(p, -1); /* an epoch of another log, or of nobody's */
    }
    if (!r->error_code && r->end_offset >= 0 && r->leader_epoch >= 0 &&
        r->end_offset < p->pub.position) {
        was_cut(p, r->end_offset, r->leader_epoch);
    }
}

static void on_epoch_end(void *user, enum err err, int16_t version, const void *response)
{
    struct part *p = user;
    struct consumer *c = p->consumer;
    const struct offset_for_leader_epoch_response *r = response;
    p->listing = false;
    if (c->closing) {
        return;
    }
    if (err == ERR_UNSUPPORTED) {
        p->checked_epoch = p->tried_epoch; /* (P3) */
    } else if (err || r->topics_n != 1 || r->topics[0].partitions_n != 1) {
        client_refresh(c->client);
        fetcher_retry_part(p);
    } else {
        judge_epoch_end(p, &r->topics[0].partitions[0]);
    }
    consumer_wake(c, 0);
}

static void ask_epoch_end(struct part *p, const struct client_partition *leader)
{
    struct consumer *c = p->consumer;
    struct offset_for_leader_epoch_request request;
    struct offset_for_leader_epoch_request_offset_for_leader_topic topic;
    struct offset_for_leader_epoch_request_offset_for_leader_partition partition;
    schema_init(&offset_for_leader_epoch_request_schema, &request);
    schema_init(&offset_for_leader_epoch_request_offset_for_leader_topic_schema, &topic);
    schema_init(&offset_for_leader_epoch_request_offset_for_leader_partition_schema, &partition);
    request.replica_id = -1;
    request.topics = &topic;
    request.topics_n = 1;
    topic.topic = p->pub.topic;
    topic.partitions = &partition;
    topic.partitions_n = 1;
    partition.partition = p->pub.partition;
    partition.current_leader_epoch = leader->leader_epoch;
    partition.leader_epoch = p->read.epoch;
    p->listing = true;
    p->listing_seek = p->seek;
    p->listing_node = leader->leader_id;
    fetcher_note_try(p, client_topic(c->client, p->pub.topic), leader);
    consumer_watch(c);
    client_call(c->client, leader->leader_id, &offset_for_leader_epoch_request_schema, &request, -1,
                0, on_epoch_end, p);
}

/* --- what is asked for ------------------------------------------------------------------------ */

/* (P2) */
static void begin_anew(struct part *p)
{
    p->attempts = 0;
    position_out_of_range(p);
    p->reset_to = OFFSET_EARLIEST;
}

void position_ask(struct part *p, const struct client_partition *leader)
{
    if (p->state == PART_ACTIVE &&
        was_made_anew(p, client_topic(p->consumer->client, p->pub.topic))) {
        begin_anew(p);
    }
    if (p->state == PART_NEEDS_RESET) {
        list_offsets(p, leader);
    } else if (p->state == PART_ACTIVE) {
        ask_epoch_end(p, leader);
    }
}
