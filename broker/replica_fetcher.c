/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_fetcher.c - see replica_fetcher.h. Driven by roles (partition.c), by the answers of the
 * leader, by flushes and by timers; requests are built in replica_session.c, and where the leader's
 * log lies is asked in replica_place.c.
 *   (R1) An answer is taken in for a partition only while it follows in the epoch that the request
 *        named, and while its log ends where the request said.
 *   (R2) unsynced counts the partitions whose log has more than the disk; with durability fsync
 *        nothing is sent while there are any.
 *   (R3) At most FETCHES_MAX requests are in flight: one that waits at the leader for records, and
 *        one that tells it of a change meanwhile, which ends the wait of the first (the leader's
 *        rule for two fetches of one session).
 *   (R4) A log's start that the leader is told is on the disk: DeleteRecords counts on it.
 */
#include "broker/replica_session.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <assert.h>

enum { FETCHES_MAX = 2, RETRY_MS = 50 };

static void send_if_due(struct replica_fetcher *f);

/* --- fetchers --------------------------------------------------------------------------------- */

static void on_retry(void *owner)
{
    send_if_due(owner);
}

static struct replica_fetcher *fetcher_new(struct broker *b, int32_t leader, uint32_t index)
{
    struct replica_fetcher *f = mem_zalloc(sizeof(*f));
    f->broker = b;
    f->leader = leader;
    f->index = index;
    f->peer = peer_new(b, "replica");
    f->retry = (struct timer){ .fire = on_retry, .owner = f };
    list_init(&f->replicas);
    replica_session_init(&f->session);
    list_push_back(&b->fetchers.all, &f->link);
    return f;
}

static void fetcher_free(struct replica_fetcher *f)
{
    assert(list_is_empty(&f->replicas));
    timer_cancel(f->broker->env, &f->retry);
    peer_free(f->peer);
    replica_session_deinit(&f->session);
    list_remove(&f->link);
    mem_free(f);
}

static struct replica_fetcher *fetcher_for(struct broker *b, int32_t leader,
                                           const struct partition *p)
{
    uint32_t count = (uint32_t)b->config->num_replica_fetchers;
    const struct uuid *id = &p->topic->id;
    uint32_t index =
        (uint32_t)(map_hash(slice_of(id->bytes, sizeof(id->bytes)), 0) + (uint64_t)p->index) %
        count;
    list_for_each(node, &b->fetchers.all) {
        struct replica_fetcher *f = list_entry(node, struct replica_fetcher, link);
        if (f->leader == leader && f->index == index) {
            return f;
        }
    }
    return fetcher_new(b, leader, index);
}

void replica_fetchers_init(struct broker *b)
{
    list_init(&b->fetchers.all);
}

void replica_fetchers_deinit(struct broker *b)
{
    for (struct list_node *node; (node = list_first(&b->fetchers.all));) {
        fetcher_free(list_entry(node, struct replica_fetcher, link));
    }
}

void replica_fetcher_add(struct broker *b, struct partition *p, int32_t leader)
{
    struct replica_fetcher *f = fetcher_for(b, leader, p);
    struct replica *r = mem_zalloc(sizeof(*r));
    assert(!p->replica);
    r->partition = p;
    r->fetcher = f;
    r->is_behind = true;
    list_init(&r->change);
    follower_init(&r->follower, p->leader_epoch, p->high_watermark);
    p->replica = r;
    r->follower.retry_ns = p->damage ? UINT64_MAX : 0; /* not before it is cut */
    list_push_back(&f->replicas, &r->link);
    replica_session_changed(&f->session, r);
    replica_fetcher_synced(b, p); /* what it has may not be on the disk yet */
    if (!timer_is_armed(&f->retry)) {
        timer_arm_in(b->env, &f->retry, 0); /* one request for all that come in this turn */
    }
}

void replica_fetcher_kick(struct partition *p)
{
    struct replica_fetcher *f = p->replica->fetcher;
    timer_cancel(f->broker->env, &f->retry);
    timer_arm_in(f->broker->env, &f->retry, 0);
}

void replica_fetcher_remove(struct broker *b, struct partition *p)
{
    struct replica *r = p->replica;
    struct replica_fetcher *f = r->fetcher;
    p->replica = NULL;
    f->unsynced -= r->is_unsynced;
    list_remove(&r->link);
    replica_session_forget(&f->session, r);
    if (r->is_asking) {
        peer_cancel(f->peer, r);
    }
    mem_free(r);
    if (list_is_empty(&f->replicas)) {
        fetcher_free(f);
    } else if (!timer_is_armed(&f->retry)) {
        timer_arm_in(b->env, &f->retry, 0);
    }
}

/* --- the disk --------------------------------------------------------------------------------- */

void replica_fetcher_synced(struct broker *b, struct partition *p)
{
    struct replica *r = p->replica;
    if (p->log && p->log->offline && r->follower.retry_ns != UINT64_MAX) {
        /* Its end is not on the disk and never will be: the leader must not hear of it. */
        r->follower.retry_ns = UINT64_MAX;
        replica_session_changed(&r->fetcher->session, r);
    }
    bool unsynced = b->config->durability == DURABILITY_FSYNC && p->log && !p->log->offline &&
                    p->log->recovery_point < p->log->end_offset;
    if (unsynced == r->is_unsynced) {
        return;
    }
    r->is_unsynced = unsynced;
    r->fetcher->unsynced += unsynced ? 1 : -1;
    if (unsynced) {
        flusher_add(&p->dir->flusher, p, true);
    } else {
        send_if_due(r->fetcher);
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

static void storage_failed(struct replica *r, enum err e, const struct error *err)
{
    struct broker *b = r->fetcher->broker;
    struct partition *p = r->partition;
    b->metrics.replica_fetch_errors++;
    log_error(&b->log, "a follower's log could not be written", KV_STR("topic", p->topic->name),
              KV_INT("partition", p->index), KV_STR("error", err->text));
    if (e == ERR_NO_SPACE && p->dir) {
        disk_space_failed(b, p->dir);
    }
    follower_failed(&r->follower, env_mono_ns(b->env));
    if (p->log && p->log->offline) {
        r->follower.retry_ns = UINT64_MAX; /* its disk is not asked again */
    }
}

static void append(struct replica *r, const struct follower_step *step)
{
    struct broker *b = r->fetcher->broker;
    struct partition *p = r->partition;
    struct error err;
    enum err e = partition_need_log(b, p, &err);
    e = e ? e : checkpoints_correct(b, &err);
    if (!e && step->records.len > 0) {
        e = log_append(p->log, step->records, env_wall_ms(b->env), &err);
    }
    if (e) {
        storage_failed(r, e, &err);
        return;
    }
    b->metrics.replica_bytes += step->records.len;
    flusher_add(&p->dir->flusher, p, false);
}

/* known: NULL when an empty log begins within a batch, which takes nothing from what it knows. */
static void cut(struct replica *r, const struct follower_step *step,
                const struct producer_state *known)
{
    struct broker *b = r->fetcher->broker;
    struct partition *p = r->partition;
    struct error err;
    enum err e = ERR_OK;
    int64_t now_ms = env_wall_ms(b->env), was = partition_end_offset(p);
    int64_t durable = p->log ? p->log->recovery_point : 0;
    if (p->dir && p->dir->is_full) { /* half a cut would take the log offline for good */
        e = err_set(&err, ERR_NO_SPACE, "its log directory is full");
    } else if (step->what == FOLLOWER_RESTART) {
        e = partition_need_log(b, p, &err);
        if (!e) {
            known = known ? known : &p->log->producers;
            e = log_restart(p->log, step->offset, known, now_ms, &err);
        }
    } else if (p->log) {
        e = log_truncate_to(p->log, step->offset, now_ms, &err);
    }
    if (e) {
        storage_failed(r, e, &err);
        return;
    }
    int64_t end = partition_end_offset(p);
    p->start_wanted = 0;
    b->recovery_points_stale |= durable > end;
    follower_truncated(&r->follower, end);
    if (p->high_watermark > r->follower.high_watermark) {
        log_warn(&b->log,
                 "a log was cut below its high watermark: its leader was elected uncleanly",
                 KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                 KV_INT("high_watermark", p->high_watermark), KV_INT("end_offset", end));
        p->high_watermark = r->follower.high_watermark;
    } else if (end != was) {
        log_info(&b->log, "cut a log to where its leader's begins to differ",
                 KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                 KV_INT("from", was), KV_INT("to", end));
    }
}

static void move_start(struct replica *r, int64_t leader_start)
{
    struct partition *p = r->partition;
    int64_t to = leader_start < p->high_watermark ? leader_start : p->high_watermark;
    partition_want_start(p, to);
    r->fetcher->starts_moved |= partition_next_start(p) > partition_start_offset(p);
}

/* (R4) */
static void settle_starts(struct replica_fetcher *f)
{
    if (!f->starts_moved) {
        return;
    }
    f->starts_moved = false;
    (void)checkpoints_write_log_starts(f->broker);
    list_for_each(node, &f->replicas) {
        struct replica *r = list_entry(node, struct replica, link);
        if (partition_next_start(r->partition) > partition_start_offset(r->partition)) {
            follower_failed(&r->follower, env_mono_ns(f->broker->env));
            replica_session_changed(&f->session, r); /* the leader tells it again */
        }
    }
}

static void take_step(struct replica *r, const struct follower_step *step,
                      const struct producer_state *known)
{
    struct broker *b = r->fetcher->broker;
    struct partition *p = r->partition;
    switch (step->what) {
    case FOLLOWER_RESTART:
    case FOLLOWER_TRUNCATE:
        cut(r, step, known);
        if (step->records.len > 0 && partition_end_offset(p) == step->offset) {
            append(r, step);
        }
        break;
    case FOLLOWER_APPEND:
        append(r, step);
        break;
    case FOLLOWER_REFUSE:
        b->metrics.replica_fetch_errors++;
        log_error(&b->log, "a leader sent what must not be appended; it is asked again",
                  KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                  KV_INT("leader", r->fetcher->leader),
                  KV_INT("end_offset", partition_end_offset(p)), KV_STR("why", step->why));
        break;
    case FOLLOWER_NOTHING:
    case FOLLOWER_WAIT:
        break;
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

/* A leader that answers so has agreed on the leader epoch: nobody has written in a later one. No
 * checksum covers the epoch of a batch, and a bit of ours has flipped. */
static bool met_impossible_epoch(struct broker *b, struct partition *p, enum kafka_error code)
{
    int64_t offset = code == KAFKA_OFFSET_OUT_OF_RANGE && p->log
                         ? leader_epochs_start_above(&p->log->epochs, p->leader_epoch)
                         : -1;
    if (offset < 0) {
        return false;
    }
    partition_damaged(b, p, PARTITION_ROTTEN, offset);
    return true;
}

static void take_row(struct replica *r, const struct fetch_response_partition_data *row)
{
    struct broker *b = r->fetcher->broker;
    struct partition *p = r->partition;
    const struct follower_log log = { partition_start_offset(p), partition_end_offset(p) };
    struct follower_answer a = {
        .code = (enum kafka_error)row->error_code,
        .high_watermark = row->high_watermark,
        .log_start_offset = row->log_start_offset,
        .diverging_epoch = row->diverging_epoch.epoch,
        .diverging_end_offset = row->diverging_epoch.end_offset,
        .own_epoch = -1,
        .own_end_offset = -1,
        .records = row->records.bytes,
    };
    struct follower_step step;
    if (met_impossible_epoch(b, p, a.code)) {
        return;
    }
    if (a.diverging_epoch >= 0) {
        partition_epoch_end(p, a.diverging_epoch, &a.own_epoch, &a.own_end_offset);
    }
    follower_answered(&r->follower, &log, &a, env_mono_ns(b->env), &step);
    take_step(r, &step, NULL);
    if (!a.code && a.diverging_epoch < 0 && r->follower.retry_ns == 0 &&
        follower_advance(&r->follower, a.high_watermark, partition_end_offset(p))) {
        partition_set_high_watermark(b, p, r->follower.high_watermark);
    }
    if (step.log_start_offset >= 0) {
        move_start(r, step.log_start_offset);
    }
    throttle_follower_got(b, p, a.records.len);
    r->is_behind = a.code || partition_end_offset(p) < a.high_watermark;
}

static void take_topic(struct replica_fetcher *f,
                       const struct fetch_response_fetchable_topic_response *t, bool by_id)
{
    struct broker *b = f->broker;
    struct topic *topic =
        by_id ? topic_find_id(&b->topics, &t->topic_id) : topic_find(&b->topics, t->topic);
    for (int32_t i = 0; topic && i < t->partitions_n; i++) {
        const struct fetch_response_partition_data *row = &t->partitions[i];
        struct partition *p = topic_partition(topic, row->partition_index);
        struct replica *r = p ? p->replica : NULL;
        if (!r || r->fetcher != f || !replica_session_is_current(r)) {
            continue; /* (R1) */
        }
        take_row(r, row);
        replica_session_changed(&f->session, r);
        replica_fetcher_synced(b, p);
    }
}

static void fetched(void *user, enum err err, int16_t version, const void *response)
{
    struct replica_fetcher *f = user;
    struct broker *b = f->broker;
    const struct fetch_response *resp = response;
    f->in_flight--;
    f->answered++;
    if (err || resp->error_code) {
        replica_session_reset(f);
        f->not_before_ns =
            env_mono_ns(b->env) + (uint64_t)b->config->replica_fetch_backoff_ms * NS_PER_MS;
        if (!err) {
            f->not_before_ns = 0; /* the leader forgot the session: a full request at once */
        }
        b->metrics.replica_fetch_errors++;
        send_if_due(f);
        return;
    }
    f->taking = true; /* nothing is sent before all is taken in */
    replica_session_answered(&f->session, resp->session_id);
    for (int32_t i = 0; i < resp->responses_n; i++) {
        take_topic(f, &resp->responses[i], version >= 13);
    }
    settle_starts(f);
    f->taking = false;
    send_if_due(f);
}

/* --- where the leader's log lies -------------------------------------------------------------- */

void replica_placed(struct replica *r, const struct follower_step *step,
                    const struct producer_state *known)
{
    struct replica_fetcher *f = r->fetcher;
    if (step) {
        take_step(r, step, known);
        if (step->log_start_offset >= 0) {
            move_start(r, step->log_start_offset);
        }
        settle_starts(f);
    } else {
        follower_failed(&r->follower, env_mono_ns(f->broker->env));
        r->follower.asks_offsets = true;
    }
    replica_session_changed(&f->session, r);
    replica_fetcher_synced(f->broker, r->partition);
    send_if_due(f);
}

/* --- requests --------------------------------------------------------------------------------- */

static void send_if_due(struct replica_fetcher *f)
{
    struct broker *b = f->broker;
    uint64_t now_ns = env_mono_ns(b->env);
    if (f->unsynced || f->taking || f->in_flight == FETCHES_MAX) {
        return;
    }
    if (now_ns < f->not_before_ns) {
        timer_arm(b->env, &f->retry, f->not_before_ns);
        return;
    }
    struct fetch_request req;
    uint64_t next_ns = replica_session_wake(f, now_ns);
    if (next_ns != UINT64_MAX) {
        timer_arm(b->env, &f->retry, next_ns);
    }
    /* A second one only when it has something to tell. */
    if (f->in_flight && !replica_session_has_news(&f->session)) {
        return;
    }
    const char *host;
    uint16_t port;
    if (!peers_broker_address(b, f->leader, &host, &port)) {
        timer_arm(b->env, &f->retry, now_ns + (uint64_t)RETRY_MS * NS_PER_MS);
        return;
    }
    struct arena arena;
    arena_init(&arena, REPLICA_REQUEST_BYTES_MAX);
    if (replica_session_request(f, &arena, &req)) {
        peer_set_address(f->peer, host, port);
        f->in_flight++;
        uint64_t timeout_ms = (uint64_t)b->config->replica_socket_timeout_ms;
        peer_call(f->peer, &fetch_request_schema, &req, -1, timeout_ms * NS_PER_MS, fetched, f);
    }
    arena_deinit(&arena);
}
