/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - Fetch (1): file ranges of logs by sendfile, for consumers up to the high watermark, for
 * followers up to the log's end; waits for min_bytes or max_wait, whichever comes first. Which
 * partition may give what is fetch_check.c.
 *
 * A fetch that waits hangs on each of its partitions (struct reader_wait) and is told when the high
 * watermark, or the log's end, moves: nobody scans all waiting fetches.
 *   (F1) state->available_bytes is the sum of the items' available_bytes, as of their last news.
 *   (F2) A waiting fetch is in b->fetches; it replies exactly once and leaves all lists then.
 *   (F3) A second fetch of a session ends the wait of the first: so a follower can tell of a change
 *        at once, though answers come in order.
 *   (F4) A partition of a session that has nothing to say is no item, since there may be thousands:
 *        the session itself waits for it, and it becomes an item when it moves.
 */
#include "broker/api/fetch.h"

#include "broker/api/endpoint.h"
#include "broker/api/fetch_check.h"
#include "broker/api/table.h"
#include "broker/broker.h"

/* One partition of the request. */
struct fetch_item {
    struct list_node link; /* in the state's items */
    struct reader_wait wait;
    struct fetch_state *state;
    struct slice topic_name;
    struct uuid topic_id;
    const struct fetch_request_partition *ask;
    struct topic *topic;
    struct partition *partition;
    struct fetch_verdict verdict;
    uint64_t available_bytes;
    struct fetch_response_partition_data row; /* filled by read_item() */
    bool has_news;
};

struct fetch_state {
    struct list_node link; /* in b->fetches */
    struct call *call;
    struct list_node items; /* of struct fetch_item */
    int32_t item_count;
    uint64_t available_bytes;
    bool urgent; /* an item has an error, or news that is no record: reply at once */
    struct timer timer;
    int32_t session_id;
    struct fetcher_identity who;
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct topic *find_topic(const struct call *c, const struct uuid *id, struct slice name)
{
    struct topics *ts = &c->broker->topics;
    return c->version >= 13 ? topic_find_id(ts, id) : topic_find(ts, name);
}

static enum kafka_error find_partition(const struct call *c, struct fetch_item *it)
{
    it->topic = find_topic(c, &it->topic_id, it->topic_name);
    if (!it->topic) {
        return c->version >= 13 ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    it->partition = topic_partition(it->topic, it->ask->partition);
    if (!it->partition) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    return KAFKA_NONE;
}

static enum kafka_error read_failed(struct fetch_state *s, struct fetch_item *it, enum err e)
{
    if (e == ERR_CORRUPT || e == ERR_IO) {
        partition_damaged(s->call->broker, it->partition, PARTITION_ROTTEN, it->ask->fetch_offset);
    }
    return e == ERR_NOT_FOUND ? KAFKA_OFFSET_OUT_OF_RANGE : KAFKA_KAFKA_STORAGE_ERROR;
}

/* Looks how much the item would give; nothing is kept of the look. */
static void look(struct fetch_state *s, struct fetch_item *it)
{
    s->available_bytes -= it->available_bytes;
    it->available_bytes = 0;
    if (!it->verdict.code) {
        fetch_check(s->call, &s->who, it->partition, it->ask, &it->verdict);
    }
    if (fetch_is_urgent(&it->verdict)) {
        s->urgent = true;
        return;
    }
    struct partition *p = it->partition;
    int64_t upper = fetch_upper_offset(&s->who, p);
    s->urgent |= fetch_begins_early(&s->who, it->ask, partition_start_offset(p));
    if (it->ask->fetch_offset >= upper || it->ask->partition_max_bytes <= 0) {
        return;
    }
    size_t room = throttle_leader_room(s->call->broker, p, s->who.replica);
    if (room == 0) {
        return; /* it waits its time out, and asks again */
    }
    struct log_range range;
    enum err e = log_read(p->log, it->ask->fetch_offset, (size_t)it->ask->partition_max_bytes,
                          upper, true, &range);
    if (e) {
        it->verdict.code = read_failed(s, it, e);
        s->urgent = true;
        return;
    }
    if (range.file) {
        open_file_unref(range.file);
    }
    it->available_bytes = range.len;
    s->available_bytes += range.len;
}

/* What a row says when the partition gives no records, whatever it has. */
static void fill_refused(struct call *c, struct fetch_item *it)
{
    struct fetch_response_partition_data *row = &it->row;
    const struct partition *p = it->partition;
    row->error_code = (int16_t)it->verdict.code;
    row->high_watermark = -1;
    if (it->verdict.code) {
        c->broker->metrics.fetch_errors++;
    }
    if (!p) {
        return;
    }
    if (it->verdict.code == KAFKA_OFFSET_OUT_OF_RANGE || !it->verdict.code) {
        row->high_watermark = p->high_watermark;
        row->log_start_offset = partition_start_offset(p);
    }
    if (endpoint_is_hint_wanted(row->error_code)) {
        (void)endpoint_leader(c, p, &row->current_leader.leader_id,
                              &row->current_leader.leader_epoch);
    }
    row->diverging_epoch.epoch = it->verdict.diverging_epoch;
    row->diverging_epoch.end_offset = it->verdict.diverging_end_offset;
    row->preferred_read_replica = it->verdict.preferred_replica;
}

/* Fills the item's row; takes at most *left bytes, and a whole batch only while nothing was taken.
 */
static bool read_item(struct fetch_state *s, struct fetch_item *it, size_t *left, bool *taken)
{
    struct call *c = s->call;
    struct fetch_response_partition_data *row = &it->row;
    struct partition *p = it->partition;
    schema_init(&fetch_response_partition_data_schema, row);
    row->partition_index = it->ask->partition;
    row->records.bytes = slice_of("", 0);
    const struct fetch_request *req = c->request;
    row->aborted_transactions_n = req->isolation_level == 0 ? -1 : 0; /* no transactions */
    if (fetch_is_urgent(&it->verdict)) {
        fill_refused(c, it);
        return true;
    }
    row->high_watermark = row->last_stable_offset = p->high_watermark;
    row->log_start_offset = partition_start_offset(p);
    int64_t upper = fetch_upper_offset(&s->who, p);
    size_t max = it->ask->partition_max_bytes > 0 ? (size_t)it->ask->partition_max_bytes : 0;
    max = max < *left ? max : *left;
    if (it->ask->fetch_offset >= upper || (max == 0 && *taken)) {
        return true;
    }
    size_t room = throttle_leader_room(c->broker, p, s->who.replica);
    if (room == 0) {
        return true;
    }
    max = max < room ? max : room;
    struct log_range *range = arena_alloc(&c->arena, sizeof(*range));
    if (!range) {
        return false;
    }
    enum err e = log_read(p->log, it->ask->fetch_offset, max, upper, !*taken, range);
    if (e) {
        row->error_code = (int16_t)read_failed(s, it, e);
        return true;
    }
    if (range->len > 0) {
        row->records.bytes = slice_null();
        row->records.external = range;
        row->records.external_len = range->len;
        *taken = true;
        *left -= range->len < *left ? range->len : *left;
        c->broker->metrics.fetched_bytes += range->len;
        it->topic->fetched_bytes += range->len;
        throttle_leader_sent(c->broker, p, s->who.replica, range->len);
    }
    return true;
}

/* NULL when the request wants more memory than it may have. */
static struct fetch_item *add_item(struct fetch_state *s, struct slice name, const struct uuid *id,
                                   const struct fetch_request_partition *ask)
{
    struct fetch_item *it = arena_alloc(&s->call->arena, sizeof(*it));
    if (!it) {
        return NULL;
    }
    list_push_back(&s->items, &it->link);
    s->item_count++;
    it->state = s;
    it->topic_name = name;
    it->topic_id = *id;
    it->ask = ask;
    list_init(&it->wait.link);
    it->verdict = fetch_verdict_none();
    it->verdict.code = find_partition(s->call, it);
    look(s, it);
    return it;
}

static void note_follower(struct fetch_state *s, struct fetch_item *it)
{
    if (s->who.replica >= 0 && !fetch_is_urgent(&it->verdict)) {
        it->verdict.code = fetch_note_follower(s->call, &s->who, it->partition, it->ask);
        s->urgent |= it->verdict.code != KAFKA_NONE;
    }
}

/* --- partitions of a session ------------------------------------------------------------------ */

/* The session may change or go while the fetch waits: what it asks for is copied. */
static struct fetch_item *add_session_item(struct fetch_state *s, struct session_partition *sp)
{
    struct arena *arena = &s->call->arena;
    struct fetch_request_partition *ask = arena_alloc(arena, sizeof(*ask));
    struct slice name = arena_copy(arena, slice_str(sp->topic));
    sp->partition = NULL;
    if (!ask || slice_is_null(name)) {
        return NULL;
    }
    *ask = sp->ask;
    return add_item(s, name, &sp->topic_id, ask);
}

/* (F4) No error, no records, and the offsets are those that the client knows. */
static bool is_quiet(const struct fetch_state *s, const struct session_partition *sp,
                     const struct partition *p)
{
    int64_t start = partition_start_offset(p);
    struct fetch_verdict verdict;
    if (sp->ask.fetch_offset < fetch_upper_offset(&s->who, p) ||
        !fetch_session_knows(sp, p->high_watermark, start) ||
        fetch_begins_early(&s->who, &sp->ask, start)) {
        return false;
    }
    fetch_check(s->call, &s->who, p, &sp->ask, &verdict);
    return !fetch_is_urgent(&verdict);
}

/* Also notes what its follower has, which may make it speak. */
static bool begins_quiet(const struct fetch_state *s, const struct session_partition *sp,
                         struct partition *p)
{
    return is_quiet(s, sp, p) &&
           (s->who.replica < 0 ||
            (!fetch_note_follower(s->call, &s->who, p, &sp->ask) &&
             fetch_session_knows(sp, p->high_watermark, partition_start_offset(p))));
}

/* What had nothing to say when the fetch began to wait, and was not told of since: a follower hears
 * of the high watermark so. */
static void add_news(struct fetch_state *s, struct fetch_session *session)
{
    list_for_each(node, &session->order) {
        struct session_partition *sp = list_entry(node, struct session_partition, link);
        if (sp->partition && !is_quiet(s, sp, sp->partition)) {
            (void)add_session_item(s, sp); /* without memory: with the next fetch */
        }
    }
}

/* --- replying --------------------------------------------------------------------------------- */

/* The session, when this fetch of it waits. */
static struct fetch_session *waiting_session(const struct fetch_state *s)
{
    struct fetch_session *session = fetch_session_find(&s->call->broker->sessions, s->session_id);
    return session && session->waiting == s ? session : NULL;
}

static void leave_lists(struct fetch_state *s)
{
    struct fetch_session *session = waiting_session(s);
    timer_cancel(s->call->broker->env, &s->timer);
    list_remove(&s->link);
    list_for_each(node, &s->items) {
        list_remove(&list_entry(node, struct fetch_item, link)->wait.link);
    }
    if (session) {
        session->waiting = NULL;
        list_for_each(node, &session->order) {
            list_remove(&list_entry(node, struct session_partition, link)->quiet.link);
        }
    }
}

/* Gives the file references of rows that will not be sent back. */
static void drop_rows(struct fetch_state *s)
{
    list_for_each(node, &s->items) {
        const struct log_range *range =
            list_entry(node, struct fetch_item, link)->row.records.external;
        if (range) {
            open_file_unref(range->file);
        }
    }
}

static bool same_topic(const struct call *c, const struct fetch_item *a, const struct fetch_item *b)
{
    return c->version >= 13 ? uuid_eq(&a->topic_id, &b->topic_id)
                            : slice_eq(a->topic_name, b->topic_name);
}

/* Groups the rows by topic, as they come in order. */
static bool fill_topics(struct fetch_state *s, struct fetch_response *resp)
{
    struct call *c = s->call;
    resp->responses = schema_new(&fetch_response_fetchable_topic_response_schema, &c->arena,
                                 (size_t)s->item_count);
    struct fetch_response_partition_data *rows =
        schema_new(&fetch_response_partition_data_schema, &c->arena, (size_t)s->item_count);
    if (!resp->responses || !rows) {
        return false;
    }
    const struct fetch_item *last = NULL;
    int32_t n = 0;
    list_for_each(node, &s->items) {
        const struct fetch_item *it = list_entry(node, struct fetch_item, link);
        if (!it->has_news) {
            continue;
        }
        if (!last || !same_topic(c, last, it)) {
            struct fetch_response_fetchable_topic_response *t =
                &resp->responses[resp->responses_n++];
            t->topic = it->topic_name;
            t->topic_id = it->topic_id;
            t->partitions = &rows[n];
        }
        last = it;
        rows[n++] = it->row;
        resp->responses[resp->responses_n - 1].partitions_n++;
    }
    return true;
}

/* Where the leaders are that rows with CurrentLeader name (KIP-951). */
static bool fill_endpoints(struct fetch_state *s, struct fetch_response *resp)
{
    struct call *c = s->call;
    list_for_each(node, &s->items) {
        int32_t leader = list_entry(node, struct fetch_item, link)->row.current_leader.leader_id;
        struct endpoint at;
        bool told = leader < 0 || !endpoint_of(c, leader, &at);
        for (int32_t k = 0; !told && k < resp->node_endpoints_n; k++) {
            told = resp->node_endpoints[k].node_id == leader;
        }
        if (told) {
            continue;
        }
        if (!resp->node_endpoints) {
            resp->node_endpoints = schema_new(&fetch_response_node_endpoint_schema, &c->arena,
                                              c->broker->image.brokers.count);
        }
        if (!resp->node_endpoints) {
            return false;
        }
        resp->node_endpoints[resp->node_endpoints_n++] = (struct fetch_response_node_endpoint){
            .node_id = leader, .host = at.host, .port = at.port, .rack = at.rack
        };
    }
    return true;
}

static void reply(struct fetch_state *s)
{
    struct call *c = s->call;
    struct broker *b = c->broker;
    const struct fetch_request *req = c->request;
    struct fetch_session *waited = waiting_session(s);
    leave_lists(s);
    if (waited) {
        add_news(s, waited);
    }
    size_t left = req->max_bytes > 0 ? (size_t)req->max_bytes : 0;
    if (left > (size_t)b->config->fetch_max_bytes) {
        left = (size_t)b->config->fetch_max_bytes;
    }
    bool taken = false;
    list_for_each(node, &s->items) {
        struct fetch_item *it = list_entry(node, struct fetch_item, link);
        if (!it->verdict.code && it->partition) {
            fetch_check(c, &s->who, it->partition, it->ask, &it->verdict);
        }
        if (!read_item(s, it, &left, &taken)) {
            drop_rows(s);
            call_fail(c, "the request wants more memory than it may have");
            return;
        }
    }
    struct fetch_session *session = fetch_session_find(&b->sessions, s->session_id);
    list_for_each(node, &s->items) {
        struct fetch_item *it = list_entry(node, struct fetch_item, link);
        it->has_news = !session ||
                       fetch_session_news(session, &it->topic_id, it->topic_name, &it->row) ||
                       fetch_begins_early(&s->who, it->ask, it->row.log_start_offset);
    }
    struct fetch_response *resp = schema_new(&fetch_response_schema, &c->arena, 1);
    if (!resp || !fill_topics(s, resp) || !fill_endpoints(s, resp)) {
        drop_rows(s);
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    resp->session_id = session ? session->id : FETCH_SESSION_NONE;
    histogram_add_ns(&b->metrics.fetch_time, env_mono_ns(b->env) - c->arrived_ns);
    call_reply(c, resp);
}

static void reply_error(struct call *c, enum kafka_error code)
{
    struct fetch_response *resp = call_response(c);
    if (resp) {
        resp->error_code = (int16_t)code;
        call_reply(c, resp);
    }
}

/* --- waiting ---------------------------------------------------------------------------------- */

static bool is_ready(const struct fetch_state *s)
{
    const struct fetch_request *req = s->call->request;
    int64_t min_bytes = req->min_bytes;
    if (min_bytes > s->call->broker->config->fetch_max_bytes) {
        min_bytes = s->call->broker->config->fetch_max_bytes;
    }
    return s->urgent || (int64_t)s->available_bytes >= min_bytes || req->max_wait_ms <= 0;
}

static void moved(struct reader_wait *w, enum kafka_error code)
{
    struct fetch_item *it = container_of(w, struct fetch_item, wait);
    struct fetch_state *s = it->state;
    if (code) {
        it->verdict.code = code;
        if (code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
            it->partition = NULL; /* the topic is going */
            it->topic = NULL;
        }
        s->urgent = true;
    } else {
        look(s, it);
    }
    if (is_ready(s)) {
        reply(s);
    }
}

static void wait_for(const struct fetch_state *s, struct partition *p, struct reader_wait *w,
                     void (*told)(struct reader_wait *w, enum kafka_error code))
{
    w->moved = told;
    if (s->who.replica >= 0) {
        partition_wait_tail(p, w);
    } else {
        partition_wait_reader(p, w);
    }
}

/* (F4) */
static void quiet_moved(struct reader_wait *w, enum kafka_error code)
{
    struct session_partition *sp = container_of(w, struct session_partition, quiet);
    struct fetch_state *s = sp->session->waiting;
    struct partition *p = sp->partition;
    list_remove(&w->link);
    struct fetch_item *it = add_session_item(s, sp);
    if (!it) {
        leave_lists(s);
        call_fail(s->call, "the request wants more memory than it may have");
        return;
    }
    if (!code) {
        wait_for(s, p, &it->wait, moved);
    }
    moved(&it->wait, code);
}

static void on_timeout(void *owner)
{
    reply(owner);
}

static void hung_up(const struct fetch_state *s, const struct partition *p)
{
    if (s->who.replica >= 0 && p && p->isr) {
        isr_hung_up(p->isr, s->who.replica);
    }
}

static void abandoned(struct call *c)
{
    struct fetch_state *s = c->state;
    const struct fetch_session *session = waiting_session(s);
    list_for_each(node, &s->items) {
        hung_up(s, list_entry(node, struct fetch_item, link)->partition);
    }
    if (session) {
        list_for_each(node, &session->order) {
            hung_up(s, list_entry(node, struct session_partition, link)->partition);
        }
    }
    leave_lists(s);
    call_reply_none(c);
}

static void wait_for_more(struct fetch_state *s)
{
    struct call *c = s->call;
    struct broker *b = c->broker;
    const struct fetch_request *req = c->request;
    c->state = s;
    c->abandoned = abandoned;
    list_push_back(&b->fetches, &s->link);
    struct fetch_session *session = fetch_session_find(&b->sessions, s->session_id);
    if (session) {
        session->waiting = s;
        list_for_each(node, &session->order) {
            struct session_partition *sp = list_entry(node, struct session_partition, link);
            if (sp->partition) {
                wait_for(s, sp->partition, &sp->quiet, quiet_moved);
            }
        }
    }
    list_for_each(node, &s->items) {
        struct fetch_item *it = list_entry(node, struct fetch_item, link);
        wait_for(s, it->partition, &it->wait, moved);
    }
    s->timer = (struct timer){ .fire = on_timeout, .owner = s };
    timer_arm_in(b->env, &s->timer, (uint64_t)req->max_wait_ms * NS_PER_MS);
}

void fetches_wake_all(struct broker *b)
{
    for (struct list_node *node; (node = list_first(&b->fetches));) {
        reply(list_entry(node, struct fetch_state, link));
    }
}

/* --- the request ------------------------------------------------------------------------------ */

static bool items_of_request(struct fetch_state *s, const struct fetch_request *req)
{
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct fetch_request_topic *t = &req->topics[i];
        for (int32_t k = 0; k < t->partitions_n; k++) {
            struct fetch_item *it = add_item(s, t->topic, &t->topic_id, &t->partitions[k]);
            if (!it) {
                return false;
            }
            note_follower(s, it);
        }
    }
    return true;
}

static bool items_of_session(struct fetch_state *s, struct fetch_session *session)
{
    list_for_each(node, &session->order) {
        struct session_partition *sp = list_entry(node, struct session_partition, link);
        const struct topic *t = find_topic(s->call, &sp->topic_id, slice_str(sp->topic));
        sp->partition = t ? topic_partition(t, sp->ask.partition) : NULL;
        if (sp->partition && begins_quiet(s, sp, sp->partition)) {
            continue;
        }
        struct fetch_item *it = add_session_item(s, sp);
        if (!it) {
            return false;
        }
        note_follower(s, it);
    }
    return true;
}

void handle_fetch(struct call *c)
{
    struct broker *b = c->broker;
    const struct fetch_request *req = c->request;
    if (c->kind == LISTENER_CONTROLLER) {
        quorum_request(c); /* the metadata's log is all that is fetched there */
        return;
    }
    struct fetch_session *session = fetch_session_find(&b->sessions, req->session_id);
    if (session && session->waiting) {
        reply(session->waiting); /* (F3), before the request changes the session */
    }
    enum kafka_error code = fetch_session_begin(&b->sessions, req, c->version, &session);
    if (code) {
        reply_error(c, code);
        return;
    }
    struct fetch_state *s = call_alloc(c, sizeof(*s));
    if (!s) {
        return;
    }
    s->call = c;
    list_init(&s->link);
    list_init(&s->items);
    s->session_id = session ? session->id : FETCH_SESSION_NONE;
    fetch_identify(c, &s->who);
    if (session ? !items_of_session(s, session) : !items_of_request(s, req)) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    if (is_ready(s) || b->state != BROKER_RUNNING) {
        reply(s);
    } else {
        wait_for_more(s);
    }
}
