/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_session.c - see fetch_session.h. Driven by api/fetch.c.
 *   (S1) sessions->partition_count is the sum over all sessions, and never above
 *        FETCH_SESSION_PARTITIONS_MAX: whoever does not fit is served without a session.
 *   (S2) A session's `order` holds what is in its `partitions`.
 */
#include "broker/fetch_session.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { EPOCH_INITIAL = 0, EPOCH_FINAL = -1, EVICT_IDLE_SECONDS = 120 };

/* Topic (id or name) and partition as one key. */
struct session_key {
    uint8_t bytes[TOPIC_NAME_BYTES_MAX + 4 + 16];
    size_t len;
};

static bool key_of(const struct uuid *id, struct slice topic, int32_t partition,
                   struct session_key *ret_key)
{
    if (topic.len > TOPIC_NAME_BYTES_MAX) {
        return false;
    }
    memcpy(ret_key->bytes, &partition, 4);
    memcpy(ret_key->bytes + 4, id->bytes, 16);
    if (topic.len) {
        memcpy(ret_key->bytes + 20, topic.ptr, topic.len);
    }
    ret_key->len = 20 + topic.len;
    return true;
}

void fetch_sessions_init(struct fetch_sessions *ss, struct broker *b)
{
    *ss = (struct fetch_sessions){ .broker = b };
    list_init(&ss->lru);
}

static void session_partition_free(struct fetch_sessions *ss, struct session_partition *p)
{
    list_remove(&p->link);
    list_remove(&p->quiet.link);
    mem_free(p->topic);
    mem_free(p);
    ss->partition_count--;
}

static void session_free(struct fetch_sessions *ss, struct fetch_session *s)
{
    for (struct list_node *node; (node = list_first(&s->order));) {
        session_partition_free(ss, list_entry(node, struct session_partition, link));
    }
    map_deinit(&s->partitions);
    map_remove(&ss->by_id, slice_of(&s->id, sizeof(s->id)));
    list_remove(&s->lru);
    mem_free(s);
    ss->broker->metrics.fetch_sessions = ss->by_id.count;
}

void fetch_sessions_deinit(struct fetch_sessions *ss)
{
    for (struct list_node *node; (node = list_first(&ss->lru));) {
        session_free(ss, list_entry(node, struct fetch_session, lru));
    }
    map_deinit(&ss->by_id);
}

struct fetch_session *fetch_session_find(const struct fetch_sessions *ss, int32_t id)
{
    return id == FETCH_SESSION_NONE ? NULL : map_get(&ss->by_id, slice_of(&id, sizeof(id)));
}

/* Adds or changes one partition; one that does not fit is left out, and its topic is told of as
 * unknown by being absent: the caller has checked the room. */
static void put(struct fetch_sessions *ss, struct fetch_session *s, const struct uuid *id,
                struct slice topic, const struct fetch_request_partition *ask)
{
    struct session_key key;
    if (!key_of(id, topic, ask->partition, &key)) {
        return;
    }
    struct slice k = slice_of(key.bytes, key.len);
    struct session_partition *p = map_get(&s->partitions, k);
    if (!p) {
        p = mem_zalloc(sizeof(*p));
        p->topic = mem_strndup(topic.len ? (const char *)topic.ptr : "", topic.len);
        p->topic_id = *id;
        p->high_watermark = p->log_start_offset = INT64_MIN;
        p->session = s;
        list_init(&p->quiet.link);
        map_put(&s->partitions, k, p);
        list_push_back(&s->order, &p->link);
        ss->partition_count++;
    }
    p->ask = *ask;
}

static void put_all(struct fetch_sessions *ss, struct fetch_session *s,
                    const struct fetch_request *req)
{
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct fetch_request_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_n; k++) {
            put(ss, s, &t->topic_id, t->topic, &t->partitions[k]);
        }
    }
}

static void forget(struct fetch_sessions *ss, struct fetch_session *s,
                   const struct fetch_request *req)
{
    for (int32_t i = 0; i < req->forgotten_topics_data_n; i++) {
        const struct fetch_request_forgotten_topic *t = &req->forgotten_topics_data[i];
        for (int32_t k = 0; k < t->partitions_n; k++) {
            struct session_key key;
            struct session_partition *p =
                key_of(&t->topic_id, t->topic, t->partitions[k], &key)
                    ? map_remove(&s->partitions, slice_of(key.bytes, key.len))
                    : NULL;
            if (p) {
                session_partition_free(ss, p);
            }
        }
    }
}

static size_t count_asked(const struct fetch_request *req)
{
    size_t count = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        count += (size_t)req->topics[i].partitions_n;
    }
    return count;
}

/* Room for one more session: the least used one goes when it has been idle for long enough. */
static bool make_room(struct fetch_sessions *ss, size_t partitions)
{
    struct broker *b = ss->broker;
    if (partitions > FETCH_SESSION_PARTITIONS_MAX) {
        return false;
    }
    while ((int64_t)ss->by_id.count >= b->config->fetch_session_slots ||
           ss->partition_count + partitions > FETCH_SESSION_PARTITIONS_MAX) {
        struct list_node *node = list_first(&ss->lru);
        struct fetch_session *oldest = node ? list_entry(node, struct fetch_session, lru) : NULL;
        uint64_t now = env_mono_ns(b->env);
        if (!oldest || now - oldest->used_ns < (uint64_t)EVICT_IDLE_SECONDS * NS_PER_S) {
            return false;
        }
        session_free(ss, oldest);
        b->metrics.fetch_sessions_evicted++;
    }
    return true;
}

static struct fetch_session *open_session(struct fetch_sessions *ss,
                                          const struct fetch_request *req, bool by_id)
{
    size_t count = count_asked(req);
    if (count == 0 || !make_room(ss, count)) {
        return NULL;
    }
    struct fetch_session *s = mem_zalloc(sizeof(*s));
    do {
        s->id = (int32_t)(env_random(ss->broker->env) & INT32_MAX);
    } while (s->id == FETCH_SESSION_NONE || fetch_session_find(ss, s->id));
    s->epoch = 1;
    s->by_id = by_id;
    s->used_ns = env_mono_ns(ss->broker->env);
    s->partitions.seed = ss->broker->hash_seed;
    list_init(&s->order);
    map_put(&ss->by_id, slice_of(&s->id, sizeof(s->id)), s);
    list_push_back(&ss->lru, &s->lru);
    put_all(ss, s, req);
    ss->broker->metrics.fetch_sessions = ss->by_id.count;
    return s;
}

enum kafka_error fetch_session_begin(struct fetch_sessions *ss, const struct fetch_request *req,
                                     int16_t version, struct fetch_session **ret_session)
{
    struct fetch_session *s = fetch_session_find(ss, req->session_id);
    bool by_id = version >= 13;
    *ret_session = NULL;
    if (version < 7) {
        return KAFKA_NONE;
    }
    if (req->session_epoch == EPOCH_INITIAL || req->session_epoch == EPOCH_FINAL) {
        if (s) {
            session_free(ss, s); /* a full request ends the session that it names */
        }
        if (req->session_epoch == EPOCH_INITIAL) {
            *ret_session = open_session(ss, req, by_id);
        }
        return KAFKA_NONE;
    }
    if (!s) {
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    }
    if (s->by_id != by_id) {
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    }
    if (s->epoch != req->session_epoch) {
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    }
    if (ss->partition_count + count_asked(req) > FETCH_SESSION_PARTITIONS_MAX) {
        session_free(ss, s); /* the client opens a new one, or goes without */
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    }
    s->epoch = s->epoch == INT32_MAX ? 1 : s->epoch + 1;
    s->used_ns = env_mono_ns(ss->broker->env);
    list_remove(&s->lru);
    list_push_back(&ss->lru, &s->lru);
    put_all(ss, s, req);
    forget(ss, s, req);
    *ret_session = s;
    return KAFKA_NONE;
}

bool fetch_session_knows(const struct session_partition *sp, int64_t high_watermark,
                         int64_t log_start_offset)
{
    return sp->high_watermark == high_watermark && sp->log_start_offset == log_start_offset;
}

bool fetch_session_news(struct fetch_session *s, const struct uuid *topic_id, struct slice topic,
                        const struct fetch_response_partition_data *row)
{
    struct session_key key;
    struct session_partition *p = key_of(topic_id, topic, row->partition_index, &key)
                                      ? map_get(&s->partitions, slice_of(key.bytes, key.len))
                                      : NULL;
    if (!p) {
        return true;
    }
    bool data = row->records.external_len > 0;
    bool news = data || row->error_code != KAFKA_NONE ||
                !fetch_session_knows(p, row->high_watermark, row->log_start_offset);
    p->high_watermark = row->error_code ? INT64_MIN : row->high_watermark;
    p->log_start_offset = row->log_start_offset;
    if (data) {
        /* To the end of the queue, so that a full reply does not starve the others. */
        list_remove(&p->link);
        list_push_back(&s->order, &p->link);
    }
    return news;
}
