/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_world.c - the event loop, the disks and the network of raft_world.h.
 *   (W1) An output is carried out before the next one is taken; a crash may come between any two.
 *   (W2) Every request that arrives is answered or its sender told of the failure, as a driver
 *        must.
 */
#include "tests/broker/raft_world.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/record_batch.h"

#include <stdio.h>
#include <stdlib.h>

enum { REQUEST_TIMEOUT_MS = 2000, BASE_PORT = 9000 };

enum event_kind { EVENT_TICK, EVENT_REQUEST, EVENT_RESPONSE, EVENT_FAILED, EVENT_SYNCED };

/* A request on its way: answered once, by the response, the failure or the time-out. The world
 * keeps them all to its end, since a node that crashes forgets the calls that it holds. */
struct exchange {
    struct list_node link;
    int from, to; /* indexes of nodes; from -1: a client of the test */
    uint32_t from_life;
    uint64_t token;
    int16_t api_key, version;
    const struct schema *request_schema;
    struct vote_request vote; /* for the rules, when it is one */
    struct vote_request_topic_data vote_topic;
    struct vote_request_partition_data vote_partition;
    bool answered;
};

struct event {
    struct heap_node node;
    enum event_kind kind;
    int at; /* index of the node */
    uint32_t life;
    struct exchange *exchange;
    struct buf bytes;
    const struct schema *schema;
    enum raft_failure failure;
    int64_t end;
    uint64_t truncations;
};

struct raft_now world_now(const struct world *w)
{
    return (struct raft_now){ .mono_ns = w->now_ns,
                              .wall_ms = (int64_t)(w->now_ns / 1000000) + INT64_C(1700000000000) };
}

static uint64_t ms(uint64_t n)
{
    return n * 1000000u;
}

struct world_node *world_node(struct world *w, int32_t id)
{
    return &w->nodes[id - 1];
}

static int index_of(const struct world *w, const struct world_node *n)
{
    return (int)(n - w->nodes);
}

static struct event *event_new(struct world *w, enum event_kind kind, int at, uint64_t when_ns)
{
    struct event *e = mem_zalloc(sizeof(*e));
    e->kind = kind;
    e->at = at;
    e->life = w->nodes[at].life;
    heap_insert(&w->events, &e->node, when_ns);
    return e;
}

static struct exchange *exchange_new(struct world *w, int from, int16_t api_key)
{
    struct exchange *x = mem_zalloc(sizeof(*x));
    x->from = from;
    x->api_key = api_key;
    list_push_back(&w->exchanges, &x->link);
    return x;
}

void *world_call(struct world *w, int16_t api_key)
{
    return exchange_new(w, -1, api_key);
}

static void event_free(struct event *e)
{
    buf_deinit(&e->bytes);
    mem_free(e);
}

static uint64_t delay_ns(struct world *w)
{
    uint64_t max = ms(w->delay_max_ms);
    /* Mostly quick, sometimes late. */
    return ms(1) / 5 +
           (rng_below(&w->rng, 8) == 0 ? rng_below(&w->rng, max) : rng_below(&w->rng, max / 8 + 1));
}

static bool chance(struct world *w, uint32_t permille)
{
    return permille > 0 && rng_below(&w->rng, 1000) < permille;
}

/* --- disks --- */

static void batch_drop(struct world_disk *d)
{
    struct world_batch *last = &d->batches[--d->batch_count];
    mem_free(last->bytes);
}

static void disk_truncate(struct world_disk *d, int64_t offset)
{
    while (d->batch_count > 0 && d->batches[d->batch_count - 1].end > offset) {
        batch_drop(d);
    }
    d->end = d->batch_count > 0 ? d->batches[d->batch_count - 1].end : d->start;
    if (d->synced > d->end) {
        d->synced = d->end;
    }
}

static void disk_append(struct world *w, struct world_node *n, struct slice bytes)
{
    struct world_disk *d = &n->disk;
    for (size_t at = 0; at < bytes.len;) {
        struct batch_view b;
        if (batch_parse(slice_from(bytes, at), &b) || batch_check_crc(&b) ||
            b.base_offset != d->end) {
            world_break(w, "append", "node %d appends bytes that do not fit at %lld", n->id,
                        (long long)d->end);
            return;
        }
        d->batches = mem_rearray(d->batches, d->batch_count + 1, sizeof(*d->batches));
        struct world_batch *batch = &d->batches[d->batch_count++];
        *batch = (struct world_batch){ .base = b.base_offset,
                                       .end = batch_last_offset(&b) + 1,
                                       .epoch = b.leader_epoch,
                                       .crc = b.crc,
                                       .is_control = (b.attributes & BATCH_ATTR_CONTROL) != 0,
                                       .bytes = mem_alloc(b.bytes.len),
                                       .len = b.bytes.len };
        memcpy(batch->bytes, b.bytes.ptr, b.bytes.len);
        d->end = batch->end;
        at += b.bytes.len;
    }
}

void world_disk_start_at(struct world_disk *d, int64_t offset)
{
    size_t old = 0;
    while (old < d->batch_count && d->batches[old].end <= offset) {
        d->start_epoch = d->batches[old].epoch;
        mem_free(d->batches[old++].bytes);
    }
    d->batch_count -= old;
    if (d->batch_count > 0) {
        memmove(d->batches, d->batches + old, d->batch_count * sizeof(*d->batches));
    }
    d->start = offset;
}

static void maybe_sync(struct world *w, struct world_node *n)
{
    if (n->raft && !n->sync_under_way &&
        raft_synced_offset(n->raft) < raft_log_end_offset(n->raft)) {
        struct event *e = event_new(w, EVENT_SYNCED, index_of(w, n),
                                    w->now_ns + rng_below(&w->rng, ms(w->sync_max_ms)) + 1000);
        e->end = n->disk.end;
        e->truncations = raft_truncations(n->raft);
        n->sync_under_way = true;
    }
}

/* --- the network --- */

static int16_t version_of(const struct world *w, const struct schema *s, int from, int to)
{
    int16_t cap = w->nodes[to].version_cap;
    if (from >= 0 && w->nodes[from].version_cap > cap) {
        cap = w->nodes[from].version_cap;
    }
    int16_t version = (int16_t)(s->max - cap);
    /* Fetch without directory ids is not for dynamic voters. */
    if (s->key == 1 && w->kraft_version > 0 && version < 17) {
        version = 17;
    }
    return version < s->min ? s->min : version;
}

static void fail_later(struct world *w, struct exchange *x, enum raft_failure why, uint64_t in_ns)
{
    if (x->from >= 0) {
        struct event *e = event_new(w, EVENT_FAILED, x->from, w->now_ns + in_ns);
        e->exchange = x;
        e->life = x->from_life;
        e->failure = why;
    }
}

static void encode(struct buf *out, const struct schema *schema, int16_t version, const void *msg)
{
    struct writer writer;
    writer_init(&writer, out);
    if (schema_encode(schema, version, &writer, msg)) {
        abort();
    }
}

static void send_request(struct world *w, struct world_node *n, const struct raft_output *out)
{
    int to = (int)out->to.port - BASE_PORT - 1;
    int from = index_of(w, n);
    struct exchange *x = exchange_new(w, from, out->api_key);
    x->to = to;
    x->from_life = n->life;
    x->token = out->token;
    x->request_schema = out->request_schema;
    x->version = version_of(w, out->request_schema, from, to);
    if (out->api_key == 52) {
        const struct vote_request *vote = out->request;
        x->vote = *vote;
        x->vote_topic = vote->topics[0];
        x->vote_partition = vote->topics[0].partitions[0];
        x->vote.topics = &x->vote_topic;
        x->vote_topic.partitions = &x->vote_partition;
        x->vote.cluster_id = slice_null();
    }
    if (x->version < out->version_min) {
        fail_later(w, x, RAFT_FAILED_VERSION, delay_ns(w));
    } else {
        fail_later(w, x, RAFT_FAILED_TIMEOUT, ms(REQUEST_TIMEOUT_MS));
        uint32_t copies = chance(w, w->loss_permille) || w->blocked[from][to] ? 0
                          : chance(w, w->double_permille)                     ? 2
                                                                              : 1;
        for (uint32_t i = 0; i < copies; i++) {
            struct event *e = event_new(w, EVENT_REQUEST, to, w->now_ns + delay_ns(w));
            e->exchange = x;
            encode(&e->bytes, out->request_schema, x->version, out->request);
        }
    }
}

/* The records that a Fetch gets, batch by batch; at times the last one is cut. */
static void fill_records(struct world *w, struct world_node *n, const struct raft_output *out,
                         struct buf *bytes)
{
    struct fetch_response *resp = out->response;
    for (size_t i = 0; i < n->disk.batch_count; i++) {
        const struct world_batch *b = &n->disk.batches[i];
        if (b->end <= out->offset || b->end > out->limit_offset) {
            continue;
        }
        if (bytes->len > 0 && bytes->len + b->len > out->bytes_max) {
            buf_append(bytes, b->bytes, rng_below(&w->rng, b->len));
            break;
        }
        buf_append(bytes, b->bytes, b->len);
    }
    resp->responses->partitions->records.bytes = buf_slice(bytes);
}

static void fill_snapshot(struct world_node *n, const struct raft_output *out, struct buf *bytes)
{
    struct fetch_snapshot_response_partition_snapshot *p =
        ((struct fetch_snapshot_response *)out->response)->topics->partitions;
    const struct world_snapshot *s = &n->disk.snapshot;
    if (s->id.end_offset != out->snapshot_id.end_offset || s->id.epoch != out->snapshot_id.epoch) {
        p->error_code = KAFKA_SNAPSHOT_NOT_FOUND;
    } else if (out->offset > (int64_t)s->size) {
        p->error_code = KAFKA_POSITION_OUT_OF_RANGE;
    } else {
        size_t len = s->size - (size_t)out->offset;
        len = len < out->bytes_max ? len : out->bytes_max;
        len = len < 400 ? len : 400;
        memset(buf_reserve(bytes, len + 1), 's', len);
        bytes->len = len;
        p->size = (int64_t)s->size;
        p->unaligned_records.bytes = buf_slice(bytes);
    }
}

static void client_answered(struct world *w, const struct raft_output *out)
{
    int16_t code = out->response_schema == &add_raft_voter_response_schema
                       ? ((struct add_raft_voter_response *)out->response)->error_code
                       : ((struct remove_raft_voter_response *)out->response)->error_code;
    w->changes_done += code == 0;
    w->changes_refused += code != 0;
}

static void send_reply(struct world *w, struct world_node *n, const struct raft_output *out)
{
    struct exchange *x = out->call;
    struct buf bytes = { 0 };
    if (x->from < 0) {
        client_answered(w, out);
        return;
    }
    if (out->fill == RAFT_FILL_RECORDS) {
        fill_records(w, n, out, &bytes);
    } else if (out->fill == RAFT_FILL_SNAPSHOT) {
        fill_snapshot(n, out, &bytes);
    }
    if (x->api_key == 52) {
        const struct vote_response *resp = out->response;
        if (resp->topics_n == 1 && resp->topics->partitions->vote_granted) {
            rule_vote_granted(w, n, &x->vote);
        }
    }
    int from = index_of(w, n);
    if (!chance(w, w->loss_permille) && !w->blocked[from][x->from]) {
        struct event *e = event_new(w, EVENT_RESPONSE, x->from, w->now_ns + delay_ns(w));
        e->life = x->from_life;
        e->exchange = x;
        e->schema = out->response_schema;
        encode(&e->bytes, out->response_schema, x->version, out->response);
    }
    buf_deinit(&bytes);
}

/* --- outputs --- */

static void adopt(struct world *w, struct world_node *n, const struct raft_output *out)
{
    rule_adopted(w, n);
    struct world_snapshot from = { .id = { -1, 0 } };
    for (int i = 0; i < w->node_count; i++) {
        struct world_snapshot *s = &w->nodes[i].disk.snapshot;
        if (s->id.end_offset == out->snapshot_id.end_offset &&
            s->id.epoch == out->snapshot_id.epoch) {
            from = *s;
            break;
        }
    }
    if (from.id.end_offset < 0 || n->fetched_size != (int64_t)from.size ||
        rng_below(&w->rng, 20) == 0) {
        raft_snapshot_rejected(n->raft, world_now(w));
        return;
    }
    w->adopted++;
    disk_truncate(&n->disk, n->disk.start);
    world_disk_start_at(&n->disk, out->snapshot_id.end_offset);
    n->disk.end = n->disk.synced = n->disk.start;
    n->disk.start_epoch = from.id.epoch;
    n->disk.snapshot = from;
    world_snapshot_fix(&n->disk.snapshot);
    struct raft_snapshot snapshot = { from.id,
                                      from.kraft_version,
                                      { n->disk.snapshot.voters, from.voter_count } };
    raft_snapshot_adopted(n->raft, world_now(w), &snapshot);
}

static void carry_out(struct world *w, struct world_node *n, const struct raft_output *out)
{
    switch (out->kind) {
    case RAFT_SAVE_STATE:
        rule_saved(w, n, &out->state);
        n->disk.state = out->state;
        break;
    case RAFT_TRUNCATE:
        disk_truncate(&n->disk, out->offset);
        break;
    case RAFT_APPEND:
        disk_append(w, n, out->bytes);
        break;
    case RAFT_SNAPSHOT_CHUNK:
        n->fetched_size = out->offset == 0 ? 0 : n->fetched_size;
        n->fetched_size += (int64_t)out->bytes.len;
        break;
    case RAFT_SNAPSHOT_ADOPT:
        adopt(w, n, out);
        break;
    case RAFT_SEND:
        rule_sent(w, n, out);
        send_request(w, n, out);
        break;
    case RAFT_REPLY:
        send_reply(w, n, out);
        break;
    case RAFT_COMMIT:
        rule_committed(w, n, out->offset);
        break;
    case RAFT_ROLE:
        rule_role(w, n, out);
        break;
    case RAFT_FAULT:
        world_break(w, "fault", "node %d: %s", n->id, out->text);
        break;
    }
}

static void set_tick(struct world *w, struct world_node *n)
{
    uint64_t at = n->raft ? raft_deadline_ns(n->raft) : UINT64_MAX;
    if (at != UINT64_MAX && at != n->tick_ns) {
        (void)event_new(w, EVENT_TICK, index_of(w, n), at > w->now_ns ? at : w->now_ns + 1);
        n->tick_ns = at;
    }
}

void world_drain(struct world *w, struct world_node *n)
{
    const struct raft_output *out;
    while (n->raft && !w->broken && (out = raft_next_output(n->raft)) != NULL) {
        carry_out(w, n, out);
        if (chance(w, w->crash_permille)) {
            world_crash(w, n);
        }
    }
    maybe_sync(w, n);
    set_tick(w, n);
    rule_after_event(w);
}

/* --- events --- */

static void on_request(struct world *w, struct world_node *n, struct event *e)
{
    struct exchange *x = e->exchange;
    if (!n->raft) {
        if (!w->blocked[index_of(w, n)][x->from]) {
            fail_later(w, x, RAFT_FAILED_UNREACHABLE, delay_ns(w));
        }
        return;
    }
    if (x->api_key == 18) {
        struct api_versions_response resp;
        struct api_versions_response_supported_feature_key feature = { slice_str("kraft.version"),
                                                                       0, 1 };
        schema_init(&api_versions_response_schema, &resp);
        resp.supported_features = &feature;
        resp.supported_features_n = 1;
        struct event *back = event_new(w, EVENT_RESPONSE, x->from, w->now_ns + delay_ns(w));
        back->life = x->from_life;
        back->exchange = x;
        back->schema = &api_versions_response_schema;
        encode(&back->bytes, &api_versions_response_schema, x->version, &resp);
        return;
    }
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct reader in = reader_of(buf_slice(&e->bytes));
    void *request = arena_alloc(&arena, x->request_schema->size);
    if (schema_decode(x->request_schema, x->version, &in, &arena, request)) {
        abort();
    }
    raft_request(n->raft, world_now(w), x->api_key, request, x);
    world_drain(w, n);
    arena_deinit(&arena);
}

static void on_response(struct world *w, struct world_node *n, struct event *e)
{
    struct exchange *x = e->exchange;
    if (x->answered || e->life != n->life || !n->raft) {
        return;
    }
    x->answered = true;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct reader in = reader_of(buf_slice(&e->bytes));
    void *response = arena_alloc(&arena, e->schema->size);
    if (schema_decode(e->schema, x->version, &in, &arena, response)) {
        abort();
    }
    if (x->api_key == 1 && x->token == n->fetch_token) {
        rule_told(w, n, response);
    }
    raft_response(n->raft, world_now(w), x->token, response);
    world_drain(w, n);
    arena_deinit(&arena);
}

static void handle(struct world *w, struct event *e)
{
    struct world_node *n = &w->nodes[e->at];
    switch (e->kind) {
    case EVENT_TICK:
        if (n->raft && e->life == n->life) {
            n->tick_ns = 0;
            raft_tick(n->raft, world_now(w));
            world_drain(w, n);
        }
        break;
    case EVENT_REQUEST:
        on_request(w, n, e);
        break;
    case EVENT_RESPONSE:
        on_response(w, n, e);
        break;
    case EVENT_FAILED:
        if (!e->exchange->answered && e->life == n->life && n->raft) {
            e->exchange->answered = true;
            raft_failed(n->raft, world_now(w), e->exchange->token, e->failure);
            world_drain(w, n);
        }
        break;
    case EVENT_SYNCED:
        if (n->raft && e->life == n->life) {
            n->sync_under_way = false;
            if (e->truncations == raft_truncations(n->raft) && e->end > n->disk.synced) {
                n->disk.synced = e->end;
            }
            raft_synced(n->raft, world_now(w), e->end, e->truncations);
            world_drain(w, n);
        }
        break;
    }
}

bool world_run(struct world *w, uint64_t for_ms)
{
    uint64_t until = w->now_ns + ms(for_ms);
    struct heap_node *node;
    while (!w->broken && (node = heap_peek(&w->events)) != NULL && node->key <= until) {
        struct event *e = container_of(node, struct event, node);
        heap_remove(&w->events, node);
        w->now_ns = node->key > w->now_ns ? node->key : w->now_ns;
        if (w->nodes[e->at].paused) {
            heap_insert(&w->events, node, w->now_ns + ms(20));
            continue;
        }
        w->steps++;
        w->digest = (w->digest ^ node->key ^ (uint64_t)e->kind << 56 ^ (uint64_t)e->at << 48) *
                    UINT64_C(0x100000001b3);
        handle(w, e);
        event_free(e);
    }
    w->now_ns = until > w->now_ns ? until : w->now_ns;
    return !w->broken;
}

/* --- nodes --- */

void world_start(struct world *w, struct world_node *n)
{
    struct raft_voter voters[WORLD_VOTERS_MAX];
    struct raft_endpoint bootstrap[WORLD_NODES_MAX];
    struct raft_config config;
    raft_config_init(&config);
    config.node_id = n->id;
    config.directory_id = n->directory_id;
    config.cluster_id = slice_str("world");
    config.can_vote = n->can_vote;
    config.listener_name = slice_str("CONTROLLER");
    config.endpoints = &n->endpoint;
    config.endpoint_count = 1;
    config.fetch_bytes_max = 600;
    for (int i = 0; i < w->node_count; i++) {
        bootstrap[i] = w->nodes[i].endpoint;
        if (w->kraft_version == 0 && w->nodes[i].can_vote) {
            voters[config.static_voters.count++] = (struct raft_voter){
                .id = w->nodes[i].id, .endpoints = &w->nodes[i].endpoint, .endpoint_count = 1
            };
        }
    }
    config.static_voters.voters = voters;
    config.bootstrap_servers = bootstrap;
    config.bootstrap_server_count = (size_t)w->node_count;
    config.auto_join = w->auto_join;
    const struct world_disk *d = &n->disk;
    struct raft_epoch_start epochs[WORLD_EPOCHS_MAX];
    struct raft_opening opening = { .state = d->state,
                                    .log_start_offset = d->start,
                                    .log_end_offset = d->end,
                                    .log_start_epoch = d->start_epoch,
                                    .epochs = epochs,
                                    .snapshot = {
                                        d->snapshot.id,
                                        d->snapshot.kraft_version,
                                        { d->snapshot.voters, d->snapshot.voter_count } } };
    for (size_t i = 0; i < d->batch_count; i++) {
        size_t k = opening.epoch_count;
        if (k == 0 || epochs[k - 1].epoch != d->batches[i].epoch) {
            epochs[opening.epoch_count++] =
                (struct raft_epoch_start){ d->batches[i].epoch, d->batches[i].base };
        }
    }
    n->raft = raft_new(&config, &opening, rng_next(&w->rng));
    for (size_t i = 0; i < d->batch_count; i++) {
        if (raft_load_batch(n->raft, slice_of(d->batches[i].bytes, d->batches[i].len))) {
            abort();
        }
    }
    n->high_watermark_seen = 0;
    n->told_high_watermark = -1;
    n->role_seen = RAFT_UNATTACHED;
    raft_start(n->raft, world_now(w));
    world_drain(w, n);
}

void world_crash(struct world *w, struct world_node *n)
{
    if (!n->raft) {
        return;
    }
    raft_free(n->raft);
    n->raft = NULL;
    n->life++;
    n->sync_under_way = false;
    n->tick_ns = 0;
    n->paused = false;
    /* Its connections are reset. */
    int at = index_of(w, n);
    list_for_each(link, &w->exchanges) {
        struct exchange *x = list_entry(link, struct exchange, link);
        if (x->to == at && x->from >= 0 && !x->answered && !w->blocked[at][x->from]) {
            fail_later(w, x, RAFT_FAILED_UNREACHABLE, delay_ns(w));
        }
    }
    /* Some of what was not synced may have reached the disk all the same. */
    struct world_disk *d = &n->disk;
    while (d->end > d->synced && rng_below(&w->rng, 3) != 0) {
        disk_truncate(d, d->batches[d->batch_count - 1].base);
    }
    d->synced = d->end;
}

void world_init(struct world *w, const struct world_config *config)
{
    memset(w, 0, sizeof(*w));
    list_init(&w->exchanges);
    rng_seed(&w->rng, config->seed);
    w->now_ns = ms(1000);
    w->node_count = config->nodes;
    w->kraft_version = config->dynamic ? 1 : 0;
    w->delay_max_ms = 8;
    w->sync_max_ms = 4;
    for (int i = 0; i < w->node_count; i++) {
        struct world_node *n = &w->nodes[i];
        n->id = i + 1;
        n->directory_id.bytes[0] = 0xd0;
        n->directory_id.bytes[15] = (uint8_t)n->id;
        snprintf(n->host, sizeof(n->host), "node%d", n->id);
        n->endpoint = (struct raft_endpoint){ slice_str("CONTROLLER"), slice_str(n->host),
                                              (uint16_t)(BASE_PORT + n->id) };
        n->can_vote = config->dynamic || i < config->voters;
        n->disk.state.leader_id = n->disk.state.voted_id = -1;
        n->disk.snapshot.id = (struct raft_offset_epoch){ config->dynamic ? 0 : -1, 0 };
    }
    for (int i = 0; i < w->node_count && config->dynamic; i++) {
        struct world_snapshot *s = &w->nodes[i].disk.snapshot;
        s->kraft_version = 1;
        for (int k = 0; k < config->voters && i < config->voters; k++) {
            s->voters[s->voter_count] = (struct raft_voter){
                .id = w->nodes[k].id,
                .directory_id = w->nodes[k].directory_id,
                .kraft_version_max = 1,
                .endpoint_count = 1,
            };
            s->endpoints[s->voter_count++] = w->nodes[k].endpoint;
        }
        world_snapshot_fix(s);
    }
}

void world_deinit(struct world *w)
{
    struct heap_node *node;
    for (int i = 0; i < w->node_count; i++) {
        raft_free(w->nodes[i].raft);
        while (w->nodes[i].disk.batch_count > 0) {
            batch_drop(&w->nodes[i].disk);
        }
        mem_free(w->nodes[i].disk.batches);
    }
    while ((node = heap_peek(&w->events)) != NULL) {
        heap_remove(&w->events, node);
        event_free(container_of(node, struct event, node));
    }
    heap_deinit(&w->events);
    list_for_each(link, &w->exchanges) {
        list_remove(link);
        mem_free(list_entry(link, struct exchange, link));
    }
    mem_free(w->committed);
}

struct world_node *world_leader(struct world *w)
{
    struct world_node *leader = NULL;
    for (int i = 0; i < w->node_count; i++) {
        struct world_node *n = &w->nodes[i];
        if (n->raft && raft_role(n->raft) == RAFT_LEADER &&
            (!leader || raft_epoch(n->raft) > raft_epoch(leader->raft))) {
            leader = n;
        }
    }
    return leader;
}
