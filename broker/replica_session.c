/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica_session.c - see replica_session.h. Driven by replica_fetcher.c.
 *   (S1) A replica that backs off is in `waiting` and not in the session: it costs the leader
 *        nothing.
 *   (S2) in_session is what the leader knows once it has read everything that was sent.
 *   (S3) No request names a replica both as one to fetch and as one to forget.
 */
#include "broker/replica_session.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

void replica_session_init(struct replica_session *s)
{
    *s = (struct replica_session){ 0 };
    list_init(&s->changed);
    list_init(&s->waiting);
}

void replica_session_deinit(struct replica_session *s)
{
    mem_free(s->forgotten);
    s->forgotten = NULL;
}

void replica_session_reset(struct replica_fetcher *f)
{
    struct replica_session *s = &f->session;
    s->id = s->epoch = 0;
    s->broken = f->in_flight > 0;
    s->forgotten_count = 0;
    list_for_each(node, &f->replicas) {
        list_entry(node, struct replica, link)->in_session = false;
    }
}

static void leave(struct replica_session *s, struct replica *r)
{
    if (!r->in_session) {
        return;
    }
    r->in_session = false;
    if (s->forgotten_count == s->forgotten_cap) {
        s->forgotten_cap = s->forgotten_cap ? s->forgotten_cap * 2 : 8;
        s->forgotten = mem_rearray(s->forgotten, s->forgotten_cap, sizeof(*s->forgotten));
    }
    s->forgotten[s->forgotten_count++] =
        (struct replica_forgotten){ r->partition->topic->id, r->partition->index };
}

/* It comes back before the leader was told to forget it: said in one request, the leader would
 * forget it for good. */
static void stay(struct replica_session *s, const struct replica *r)
{
    for (uint32_t i = 0; i < s->forgotten_count; i++) {
        const struct replica_forgotten *f = &s->forgotten[i];
        if (f->partition == r->partition->index &&
            uuid_eq(&f->topic_id, &r->partition->topic->id)) {
            s->forgotten[i] = s->forgotten[--s->forgotten_count];
            return;
        }
    }
}

static bool waits(const struct replica *r)
{
    return r->follower.retry_ns > 0 || r->follower.asks_offsets || r->is_asking;
}

void replica_session_changed(struct replica_session *s, struct replica *r)
{
    list_remove(&r->change);
    if (r->follower.retry_ns == 0) {
        r->follower.retry_ns = throttle_follower_ready_ns(r->fetcher->broker, r->partition);
    }
    if (waits(r)) {
        leave(s, r);
        list_push_back(&s->waiting, &r->change);
    } else {
        stay(s, r);
        list_push_back(&s->changed, &r->change);
    }
}

void replica_session_forget(struct replica_session *s, struct replica *r)
{
    list_remove(&r->change);
    leave(s, r);
}

void replica_session_answered(struct replica_session *s, int32_t id)
{
    if (!s->broken) {
        s->id = id;
        s->epoch = id ? s->epoch : 0;
    }
}

bool replica_session_is_current(const struct replica *r)
{
    return r->sent_request > 0 && r->sent_request <= r->fetcher->answered && !waits(r) &&
           r->sent_offset == partition_end_offset(r->partition);
}

uint64_t replica_session_wake(struct replica_fetcher *f, uint64_t now_ns)
{
    struct replica_session *s = &f->session;
    uint64_t next_ns = UINT64_MAX;
    list_for_each(node, &s->waiting) {
        struct replica *r = list_entry(node, struct replica, change);
        if (r->is_asking) {
            continue;
        }
        if (r->follower.retry_ns > now_ns) {
            next_ns = r->follower.retry_ns < next_ns ? r->follower.retry_ns : next_ns;
            continue;
        }
        r->follower.retry_ns = 0;
        if (r->follower.asks_offsets) {
            replica_ask_offsets(r);
        } else {
            replica_session_changed(s, r);
        }
        if (r->follower.retry_ns > now_ns && r->follower.retry_ns < next_ns) {
            next_ns = r->follower.retry_ns; /* it is throttled still */
        }
    }
    return next_ns;
}

bool replica_session_has_news(const struct replica_session *s)
{
    return !s->broken && s->id && (!list_is_empty(&s->changed) || s->forgotten_count > 0);
}

/* --- requests --------------------------------------------------------------------------------- */

struct building {
    struct replica_fetcher *fetcher;
    struct fetch_request *req;
    struct fetch_request_partition *parts; /* all, topic by topic */
    int32_t part_count;
    const struct topic *topic; /* of the last one */
};

static void add_replica(struct building *w, struct replica *r)
{
    struct broker *b = w->fetcher->broker;
    const struct partition *p = r->partition;
    struct fetch_request *req = w->req;
    if (w->topic != p->topic) {
        struct fetch_request_topic *t = &req->topics[req->topics_n++];
        t->topic = slice_str(p->topic->name);
        t->topic_id = p->topic->id;
        t->partitions = &w->parts[w->part_count];
        w->topic = p->topic;
    }
    struct fetch_request_partition *part = &w->parts[w->part_count++];
    req->topics[req->topics_n - 1].partitions_n++;
    part->partition = p->index;
    part->current_leader_epoch = r->follower.leader_epoch;
    part->fetch_offset = partition_end_offset(p);
    part->last_fetched_epoch = p->log ? leader_epochs_latest(&p->log->epochs) : -1;
    part->log_start_offset = partition_start_offset(p);
    part->partition_max_bytes = (int32_t)b->config->replica_fetch_max_bytes;
    r->sent_request = w->fetcher->sent + 1;
    r->sent_offset = part->fetch_offset;
    r->in_session = true;
}

static uint32_t count_replicas(const struct list_node *list)
{
    uint32_t count = 0;
    list_for_each(node, list) {
        count++;
    }
    return count;
}

static bool add_forgotten(struct replica_session *s, struct arena *arena, struct fetch_request *req)
{
    req->forgotten_topics_data =
        schema_new(&fetch_request_forgotten_topic_schema, arena, s->forgotten_count);
    int32_t *indexes = arena_array(arena, s->forgotten_count, sizeof(*indexes));
    if (!req->forgotten_topics_data || !indexes) {
        return false;
    }
    for (uint32_t i = 0; i < s->forgotten_count; i++) {
        struct fetch_request_forgotten_topic *t = &req->forgotten_topics_data[i];
        indexes[i] = s->forgotten[i].partition;
        t->topic_id = s->forgotten[i].topic_id;
        t->partitions = &indexes[i];
        t->partitions_n = 1;
    }
    req->forgotten_topics_data_n = (int32_t)s->forgotten_count;
    s->forgotten_count = 0;
    return true;
}

static void fill_head(const struct replica_fetcher *f, struct fetch_request *req)
{
    const struct broker *b = f->broker;
    req->replica_id = b->node_id;
    req->replica_state.replica_id = b->node_id;
    req->replica_state.replica_epoch = b->broker_epoch;
    req->max_wait_ms = (int32_t)b->config->replica_fetch_wait_max_ms;
    req->min_bytes = (int32_t)b->config->replica_fetch_min_bytes;
    req->max_bytes = (int32_t)b->config->replica_fetch_response_max_bytes;
    req->session_id = f->session.id;
    req->session_epoch = f->session.id ? f->session.epoch : 0;
}

bool replica_session_request(struct replica_fetcher *f, struct arena *arena,
                             struct fetch_request *ret_req)
{
    struct replica_session *s = &f->session;
    bool full = s->id == 0;
    if (full && f->in_flight) {
        return false;
    }
    uint32_t count = count_replicas(full ? &f->replicas : &s->changed);
    struct building w = { .fetcher = f, .req = ret_req };
    schema_init(&fetch_request_schema, ret_req);
    ret_req->topics = schema_new(&fetch_request_topic_schema, arena, count);
    w.parts = schema_new(&fetch_request_partition_schema, arena, count);
    if (!ret_req->topics || !w.parts) {
        return false;
    }
    if (full) {
        s->broken = false;
        s->epoch = 0;
        s->forgotten_count = 0;
    } else {
        s->epoch = s->epoch == INT32_MAX ? 1 : s->epoch + 1;
        if (!add_forgotten(s, arena, ret_req)) {
            return false;
        }
    }
    list_for_each(node, full ? &f->replicas : &s->changed) {
        struct replica *r = full ? list_entry(node, struct replica, link)
                                 : list_entry(node, struct replica, change);
        if (!waits(r)) {
            list_remove(&r->change);
            add_replica(&w, r);
        }
    }
    fill_head(f, ret_req);
    if (full && w.part_count == 0) {
        return false;
    }
    f->sent++;
    return true;
}
