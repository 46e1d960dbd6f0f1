/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.c - queue, window, hosts, retries and pauses of a sink that speaks HTTP.
 * Driven by the sink (put, flush), by answers (call_done) and one timer; all on the loop thread but
 * the compression. A batch is in exactly one place: open, waiting, busy, or spare.
 *   (V1) every event of a batch is answered once: done, dead, or carried over to another batch.
 *   (V2) at most `window` batches are busy; one while probing.
 *   (V3) an answer that was not read whole answers nothing: everything is sent again.
 *   (V4) with max_in_flight 1 nothing overtakes what is sent again, but items parked at a closed
 *        index.
 */
#include "connectors/sinks/delivery.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

enum { SPARE_BATCHES_MAX = 8, WINDOW_GROWS_AFTER = 8, REPLY_BYTES_MAX = 64 << 20 };

static void pump(struct delivery *d);

static uint64_t now_ns(const struct delivery *d)
{
    return env_mono_ns(d->sink.world.env);
}

static struct batch *take_batch(struct delivery *d)
{
    struct list_node *node = list_pop_front(&d->spare);
    if (node) {
        d->spare_count--;
        return list_entry(node, struct batch, node);
    }
    return batch_new(d);
}

static void give_batch(struct delivery *d, struct batch *b)
{
    if (d->spare_count >= SPARE_BATCHES_MAX) {
        http_call_deinit(&b->call);
        batch_free(b);
        return;
    }
    batch_reset(b);
    list_push_back(&d->spare, &b->node);
    d->spare_count++;
}

static uint64_t jitter(struct delivery *d, uint32_t attempt)
{
    return retry_delay_ns(&d->sink.retry, attempt, env_random(d->sink.world.env));
}

/* --- hosts --------------------------------------------------------------------------------- */

/* The next healthy host in turn; -1 when all are down, *ret_ns then tells until when. */
static int pick_host(struct delivery *d, uint64_t *ret_ns)
{
    uint64_t now = now_ns(d);
    uint64_t soonest = UINT64_MAX;
    for (unsigned i = 0; i < d->host_count; i++) {
        unsigned at = (d->next_host + i) % d->host_count;
        if (d->hosts[at].down_until_ns <= now) {
            d->next_host = (at + 1) % d->host_count;
            return (int)at;
        }
        if (d->hosts[at].down_until_ns < soonest) {
            soonest = d->hosts[at].down_until_ns;
        }
    }
    *ret_ns = soonest;
    return -1;
}

/* What the server asked for with Retry-After goes before the back-off. */
static uint64_t delay_of(struct delivery *d, const struct batch *b, uint32_t failures)
{
    if (b->call.retry_after_s > 0) {
        return retry_after_ns(&d->sink.retry, (uint64_t)b->call.retry_after_s * NS_PER_S);
    }
    return jitter(d, failures);
}

/* Requests that were under way together fail together: that is one failure of the host. */
static void host_failed(struct delivery *d, struct batch *b, const char *why)
{
    struct delivery_host *h = &d->hosts[b->host];
    uint64_t now = now_ns(d);
    uint64_t until = now + delay_of(d, b, h->failures);
    if (h->down_until_ns <= now) {
        h->failures++;
    }
    if (h->down_until_ns < until) {
        h->down_until_ns = until;
    }
    d->sink.trouble = "the destination does not answer";
    log_warn(&d->sink.world.log, "request failed", KV_STR("node", d->sink.node->name),
             KV_STR("host", h->url), KV_STR("why", why), KV_UINT("failures", h->failures));
}

/* --- window and pauses --------------------------------------------------------------------- */

static void window_shrink(struct delivery *d)
{
    d->window = d->window > 1 ? d->window / 2 : 1;
    d->successes = 0;
}

static void went_well(struct delivery *d, struct batch *b)
{
    d->hosts[b->host].failures = 0;
    d->sink.trouble = NULL;
    if (d->probing) {
        d->probing = false;
        d->paused_until_ns = 0;
        log_info(&d->sink.world.log, "delivering again", KV_STR("node", d->sink.node->name));
    }
    if (d->window < (unsigned)d->cfg->max_in_flight && ++d->successes >= WINDOW_GROWS_AFTER) {
        d->window++;
        d->successes = 0;
    }
}

static void pause_all(struct delivery *d, struct batch *b)
{
    d->paused_until_ns = now_ns(d) + (uint64_t)d->cfg->probe_interval_ms * NS_PER_MS;
    d->probing = false;
    d->sink.trouble = "the destination refuses every request; an operator must act";
    log_error(&d->sink.world.log, "the destination refuses every request; waiting, nothing is lost",
              KV_STR("node", d->sink.node->name), KV_STR("host", d->hosts[b->host].url),
              KV_INT("status", b->call.status),
              KV_NS("probe_in", (uint64_t)d->cfg->probe_interval_ms * NS_PER_MS),
              KV_SLICE("answer", slice_head(buf_slice(&b->call.reply), 200)));
}

/* --- parts of a batch ---------------------------------------------------------------------- */

static bool fits(const struct delivery *d, const struct batch *into, const struct batch *from,
                 size_t i)
{
    return into->count < d->batch_events_max &&
           into->body.len + from->items[i].len <= d->batch_bytes_max;
}

static bool ordered(const struct delivery *d)
{
    return d->cfg->max_in_flight == 1;
}

/* A waiting batch of the same kind that has room for item i, so that few failed items of many
 * batches do not become many small requests. In order, there is at most the one that this answer
 * began, and it takes them all. */
static struct batch *waiting_for(struct delivery *d, const struct batch *from, size_t i,
                                 bool parked)
{
    list_for_each(node, &d->waiting) {
        struct batch *w = list_entry(node, struct batch, node);
        if (w->attempt > 0 && !w->singly && w->parked == parked &&
            (ordered(d) || fits(d, w, from, i))) {
            return w;
        }
    }
    return NULL;
}

static struct batch *again_batch(struct delivery *d, const struct batch *from, bool parked)
{
    struct batch *w = take_batch(d);
    w->attempt = from->attempt;
    w->parked = parked;
    w->not_before_ns = now_ns(d) + (parked ? (uint64_t)d->cfg->probe_interval_ms * NS_PER_MS
                                           : delay_of(d, from, from->attempt - 1));
    if (ordered(d) && !parked) {
        list_push_front(&d->waiting, &w->node);
    } else {
        list_push_back(&d->waiting, &w->node);
    }
    return w;
}

/* Carries one item over to a batch that is sent later. */
static void again(struct delivery *d, struct batch *b, size_t i, bool parked)
{
    struct batch *into = waiting_for(d, b, i, parked);
    if (!into) {
        into = again_batch(d, b, parked);
    }
    batch_copy_item(into, b, i);
    d->sink.counters.retried++;
}

static void settle_items(struct delivery *d, struct batch *b)
{
    bool pushed_back = false;
    struct failure f;
    for (size_t i = 0; i < b->count; i++) {
        const struct batch_item *item = &b->items[i];
        switch ((enum fate)item->fate) {
        case FATE_DUPLICATE:
            d->sink.counters.duplicates++;
            sink_done(&d->sink, item->ack, item->len);
            break;
        case FATE_DONE:
            sink_done(&d->sink, item->ack, item->len);
            break;
        case FATE_DEAD:
            d->policy->failure(d, b, i, &f);
            sink_dead(&d->sink, item->ack, item->len, &f);
            break;
        case FATE_PARK:
            again(d, b, i, true);
            break;
        default:
            pushed_back = true;
            again(d, b, i, false);
            break;
        }
    }
    if (pushed_back) {
        window_shrink(d);
    }
    give_batch(d, b);
}

static void all_get(struct batch *b, enum fate fate)
{
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].fate = (uint8_t)fate;
    }
}

/* Sends a batch again as it is. */
static void all_again(struct delivery *d, struct batch *b)
{
    b->not_before_ns = now_ns(d) + delay_of(d, b, b->attempt - 1);
    d->sink.counters.retried += b->count;
    list_push_front(&d->waiting, &b->node);
}

/* Items [from, to) become a batch of their own at the front of the queue. */
static void split_off(struct delivery *d, const struct batch *b, size_t from, size_t to)
{
    struct batch *part = take_batch(d);
    part->attempt = b->attempt;
    part->singly = true;
    for (size_t i = from; i < to; i++) {
        batch_copy_item(part, b, i);
    }
    list_push_front(&d->waiting, &part->node);
}

/* Where the second half begins, by bytes. */
static size_t middle(const struct batch *b)
{
    size_t m = 1;
    while (m < b->count - 1 && b->items[m].start < b->body.len / 2) {
        m++;
    }
    return m;
}

/* Smaller batches go instead of this one, at once, in the same order. */
static void split(struct delivery *d, struct batch *b, bool singly)
{
    size_t to = b->count;
    while (to > 0) {
        size_t from = singly ? to - 1 : to == b->count ? middle(b) : 0;
        split_off(d, b, from, to);
        to = from;
    }
    give_batch(d, b);
}

/* --- answers ------------------------------------------------------------------------------- */

static void settle_split(struct delivery *d, struct batch *b, enum whole whole)
{
    if (b->count == 1) {
        all_get(b, FATE_DEAD);
        settle_items(d, b);
        return;
    }
    if (whole == WHOLE_HALVE) {
        size_t half = b->body.len / 2 > 1024 ? b->body.len / 2 : 1024;
        if (half < d->batch_bytes_max) { /* another answer may have halved it further */
            d->batch_bytes_max = half;
        }
        log_warn(&d->sink.world.log, "request too large for the destination; halving",
                 KV_STR("node", d->sink.node->name), KV_UINT("bytes", b->body.len),
                 KV_UINT("bytes_max", d->batch_bytes_max));
    }
    split(d, b, whole == WHOLE_SINGLY);
}

static void settle(struct delivery *d, struct batch *b, enum whole whole)
{
    switch (whole) {
    case WHOLE_ITEMS:
    case WHOLE_DONE:
        if (whole == WHOLE_DONE) {
            all_get(b, FATE_DONE);
        }
        went_well(d, b);
        settle_items(d, b);
        break;
    case WHOLE_RETRY:
        d->sink.counters.failed_requests++;
        window_shrink(d);
        host_failed(d, b, "the server asks to wait");
        all_again(d, b);
        break;
    case WHOLE_PAUSE:
        d->sink.counters.failed_requests++;
        pause_all(d, b);
        b->not_before_ns = 0;
        list_push_front(&d->waiting, &b->node);
        break;
    default:
        went_well(d, b);
        settle_split(d, b, whole);
        break;
    }
}

static void call_done(void *owner)
{
    struct batch *b = owner;
    struct delivery *d = b->owner;
    list_remove(&b->node);
    d->busy_count--;
    if (b->call.result != ERR_OK) {
        d->sink.counters.failed_requests++;
        window_shrink(d);
        d->sink.counters.unknown += b->count;
        host_failed(d, b, b->call.error_text);
        all_again(d, b);
    } else {
        settle(d, b, d->policy->judge(d, b));
    }
    pump(d);
}

/* --- sending ------------------------------------------------------------------------------- */

static void send_batch(struct delivery *d, struct batch *b)
{
    b->call.body = b->use_wire ? buf_slice(&b->wire) : buf_slice(&b->body);
    b->call.done = call_done;
    b->call.owner = b;
    d->policy->prepare(d, b);
    d->sink.counters.requests++;
    d->sink.counters.sent_bytes += b->call.body.len;
    http_call_start(d->http, &b->call);
}

static void finish_close(struct delivery *d);

static void compress_run(struct work *w)
{
    struct batch *b = container_of(w, struct batch, work);
    b->use_wire = batch_compress(b);
}

static void compress_done(struct work *w)
{
    struct batch *b = container_of(w, struct batch, work);
    struct delivery *d = b->owner;
    d->compressing--;
    if (d->closing) {
        finish_close(d);
        return;
    }
    send_batch(d, b);
}

static void start_batch(struct delivery *d, struct batch *b, int host)
{
    list_push_back(&d->busy, &b->node);
    d->busy_count++;
    b->host = (unsigned)host;
    b->attempt++;
    b->parked = false;
    b->use_wire = false;
    if (d->policy->envelope) {
        d->policy->envelope(d, b);
    }
    if (d->cfg->compression_level > 0) {
        b->level = (int)d->cfg->compression_level;
        b->work = (struct work){ .run = compress_run, .done = compress_done };
        d->compressing++;
        env_work(d->sink.world.env, &b->work);
        return;
    }
    send_batch(d, b);
}

/* The first waiting batch whose time has come; the soonest other time in *ret_ns. */
static struct batch *next_due(struct delivery *d, uint64_t *ret_ns)
{
    uint64_t now = now_ns(d);
    list_for_each(node, &d->waiting) {
        struct batch *b = list_entry(node, struct batch, node);
        if (b->not_before_ns <= now) {
            return b;
        }
        if (b->not_before_ns < *ret_ns) {
            *ret_ns = b->not_before_ns;
        }
        if (ordered(d) && !b->parked) {
            break; /* (V4) */
        }
    }
    return NULL;
}

static void close_open(struct delivery *d)
{
    if (d->open && d->open->count > 0) {
        list_push_back(&d->waiting, &d->open->node);
        d->open = NULL;
    }
}

/* Whether another request may go now; else when, at the latest, to ask again. */
static bool may_send(struct delivery *d, uint64_t *ret_ns)
{
    if (d->paused_until_ns == 0) {
        return d->busy_count < d->window;
    }
    if (now_ns(d) < d->paused_until_ns) {
        if (d->paused_until_ns < *ret_ns) {
            *ret_ns = d->paused_until_ns;
        }
        return false;
    }
    d->probing = true;
    return d->busy_count == 0;
}

/* Arms the timer unless it comes earlier anyway. */
static void wake_by(struct delivery *d, uint64_t deadline_ns)
{
    if (deadline_ns < d->timer_ns) {
        d->timer_ns = deadline_ns;
        timer_arm(d->sink.world.env, &d->timer, deadline_ns);
    } else if (d->timer_ns == UINT64_MAX) {
        timer_cancel(d->sink.world.env, &d->timer);
    }
}

static void pump(struct delivery *d)
{
    uint64_t soonest = UINT64_MAX;
    uint64_t linger_ns = (uint64_t)d->cfg->linger_ms * NS_PER_MS;
    bool filling = d->open && d->open->count > 0;
    if (filling && now_ns(d) >= d->open_since_ns + linger_ns) {
        close_open(d);
    } else if (filling) {
        soonest = d->open_since_ns + linger_ns;
    }
    while (!list_is_empty(&d->waiting) && may_send(d, &soonest)) {
        struct batch *b = next_due(d, &soonest);
        int host = b ? pick_host(d, &soonest) : -1;
        if (host < 0) {
            break;
        }
        list_remove(&b->node);
        start_batch(d, b, host);
    }
    d->timer_ns = UINT64_MAX;
    wake_by(d, soonest);
}

static void timer_fired(void *owner)
{
    struct delivery *d = owner;
    d->timer_ns = UINT64_MAX;
    pump(d);
}

/* --- filling ------------------------------------------------------------------------------- */

struct buf *delivery_begin(struct delivery *d)
{
    if (!d->open) {
        d->open = take_batch(d);
    }
    if (d->open->count == 0) {
        d->open_since_ns = now_ns(d);
    }
    return &d->open->body;
}

void delivery_end(struct delivery *d, size_t start, struct ack ack)
{
    struct batch *b = d->open;
    batch_add(b, start, ack);
    sink_took(&d->sink, b->body.len - start);
    if (b->body.len > d->batch_bytes_max && b->count > 1) {
        struct batch *next = take_batch(d);
        batch_move_last(b, next);
        close_open(d);
        d->open = next;
        d->open_since_ns = now_ns(d);
        b = next;
    }
    if (b->count >= d->batch_events_max || b->body.len >= d->batch_bytes_max) {
        close_open(d);
    }
    /* Sent from the loop, never from here: the caller is in the middle of a fetched batch. */
    wake_by(d, d->open ? d->open_since_ns + (uint64_t)d->cfg->linger_ms * NS_PER_MS : now_ns(d));
}

void delivery_flush(struct delivery *d)
{
    close_open(d);
    pump(d);
}

/* --- life ---------------------------------------------------------------------------------- */

void delivery_init(struct delivery *d, struct node *n, const struct sink_env *world,
                   const struct delivery_policy *policy, const struct config_list *hosts)
{
    const struct delivery_config *c = n->config;
    sink_init(&d->sink, n, world);
    d->cfg = c;
    d->policy = policy;
    struct http_client_config http = {
        .username = c->username && *c->username ? c->username : NULL,
        .password = c->password,
        .ca_file = c->ssl_ca && *c->ssl_ca ? c->ssl_ca : NULL,
        .cert_file = c->ssl_certificate && *c->ssl_certificate ? c->ssl_certificate : NULL,
        .key_file = c->ssl_key && *c->ssl_key ? c->ssl_key : NULL,
        .verify = c->ssl_verification == 0,
        .timeout_ns = (uint64_t)c->timeout_ms * NS_PER_MS,
        .connect_timeout_ns = (uint64_t)c->connect_timeout_ms * NS_PER_MS,
        .reply_bytes_max = REPLY_BYTES_MAX,
    };
    d->http = http_client_new(world->loop, &http);
    d->hosts = mem_array(hosts->count, sizeof(*d->hosts));
    d->host_count = (unsigned)hosts->count;
    for (size_t i = 0; i < hosts->count; i++) {
        d->hosts[i].url = hosts->items[i];
    }
    d->window = (unsigned)c->max_in_flight;
    d->timer_ns = UINT64_MAX;
    list_init(&d->waiting);
    list_init(&d->busy);
    list_init(&d->spare);
    d->timer.fire = timer_fired;
    d->timer.owner = d;
}

static void free_all(struct list_node *list)
{
    struct list_node *node;
    while ((node = list_pop_front(list)) != NULL) {
        struct batch *b = list_entry(node, struct batch, node);
        http_call_deinit(&b->call);
        batch_free(b);
    }
}

static void finish_close(struct delivery *d)
{
    if (d->compressing > 0) {
        return;
    }
    http_client_free(d->http);
    if (d->open) {
        list_push_back(&d->waiting, &d->open->node);
    }
    free_all(&d->waiting);
    free_all(&d->busy);
    free_all(&d->spare);
    mem_free(d->hosts);
    d->freed(d);
}

void delivery_close(struct delivery *d, void (*freed)(struct delivery *d))
{
    d->closing = true;
    d->freed = freed;
    timer_cancel(d->sink.world.env, &d->timer);
    finish_close(d);
}
