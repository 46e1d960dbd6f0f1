/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_replica_model.c - isr and follower together, by seed: three replicas whose logs are real
 * batches, a model of the controller, and a world in which requests are late, answers are lost,
 * nodes crash without what they had not synced, and min.insync.replicas goes up and down.
 *   - what was below a high watermark once is at its offset in every later leader's log (G1, G2);
 *   - logs are equal below their high watermarks;
 *   - no node's high watermark falls while it runs;
 *   - after healing all logs become the same and everything is below the high watermark.
 */
#include "broker/replica/follower.h"
#include "broker/replica/isr.h"

#include "broker/storage/leader_epochs.h"
#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/wire/record_batch.h"
#include "tests/broker/replica_suites.h"

#include <stdio.h>

enum { NODES = 3, LOG_MAX = 4000, BATCH_BYTES_MAX = 128, STEP_NS = 10000000, SEEDS = 1000 };
enum { STEPS = 1500, HEALING_STEPS = 3000, MIN_ISR_MAX = 2 };

struct entry {
    uint8_t bytes[BATCH_BYTES_MAX]; /* one batch of one record */
    uint32_t len;
};

/* What the controller knows; nodes have a copy, perhaps an old one. */
struct cluster {
    int32_t leader, leader_epoch, partition_epoch;
    int32_t isr[NODES], isr_count;
    int32_t min_isr;
    bool eligible[NODES];        /* out of an ISR that is too small (KIP-966) */
    int64_t broker_epoch[NODES]; /* -1: fenced */
};

struct fetch_flight {
    enum { FETCH_NONE, FETCH_SENT, FETCH_ANSWERED } state;
    int32_t leader, leader_epoch, last_epoch;
    int64_t offset, broker_epoch;
    struct follower_answer answer;
    uint8_t bytes[8 * BATCH_BYTES_MAX];
};

struct alter_flight {
    enum { ALTER_NONE, ALTER_SENT, ALTER_ANSWERED } state;
    struct isr_member members[NODES];
    struct isr_proposal proposal;
    int32_t leader_epoch, partition_epoch;
    struct isr_answer answer;
};

struct node {
    bool up, leads;
    int64_t broker_epoch;
    struct cluster view;
    struct entry *log;
    int64_t end, synced;
    struct leader_epochs epochs;
    int64_t high_watermark, checkpointed;
    struct isr isr;
    struct follower follower;
    struct fetch_flight fetch;
    struct alter_flight alter;
};

struct world {
    struct rng rng;
    uint64_t now_ns;
    struct cluster c;
    int64_t next_broker_epoch;
    struct node nodes[NODES];
    struct entry truth[LOG_MAX]; /* what was seen below a high watermark */
    int64_t truth_end;
    int64_t produced;
    bool healing, quiet;
};

/* --- the checks ------------------------------------------------------------------------------- */

static bool same(const struct entry *a, const struct entry *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void set_high_watermark(struct world *w, struct node *n, int64_t to)
{
    ck_assert_msg(to >= n->high_watermark, "a high watermark falls from %lld to %lld",
                  (long long)n->high_watermark, (long long)to);
    ck_assert_int_le(to, n->end);
    for (int64_t i = n->high_watermark; i < to; i++) {
        if (i < w->truth_end) {
            ck_assert_msg(same(&n->log[i], &w->truth[i]), "offset %lld has changed", (long long)i);
        } else {
            w->truth[w->truth_end++] = n->log[i];
        }
    }
    n->high_watermark = to;
}

/* --- logs ------------------------------------------------------------------------------------- */

static void append(struct node *n, struct slice batch)
{
    struct batch_view b;
    ck_assert_int_lt(n->end, LOG_MAX);
    ck_assert_int_eq(batch_parse(batch, &b), ERR_OK);
    ck_assert_int_eq(b.base_offset, n->end);
    ck_assert_uint_le(batch.len, BATCH_BYTES_MAX);
    memcpy(n->log[n->end].bytes, batch.ptr, batch.len);
    n->log[n->end].len = (uint32_t)batch.len;
    n->end++;
    leader_epochs_assign(&n->epochs, b.leader_epoch, b.base_offset);
}

static void cut(struct node *n, int64_t end)
{
    if (end < n->end) {
        n->end = end;
    }
    if (n->synced > n->end) {
        n->synced = n->end;
    }
    leader_epochs_truncate_end(&n->epochs, end);
}

static void produce(struct world *w, struct node *n)
{
    if (!n->up || !n->leads || isr_is_under_min(&n->isr) || n->end > LOG_MAX - 10 || w->quiet) {
        return;
    }
    const struct batch_seal seal = {
        .codec = CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1
    };
    struct batch_builder builder = { 0 };
    struct buf unused = { 0 };
    struct slice bytes;
    char value[24];
    snprintf(value, sizeof(value), "%lld", (long long)w->produced++);
    struct record rec = { .timestamp_ms = 1, .value = slice_str(value) };
    batch_builder_append(&builder, &rec);
    ck_assert_int_eq(batch_builder_seal(&builder, &seal, &unused, &bytes), ERR_OK);
    batch_stamp(builder.buf.ptr, n->end, n->isr.leader_epoch);
    append(n, bytes);
    batch_builder_deinit(&builder);
}

/* --- leading ---------------------------------------------------------------------------------- */

static void advance(struct world *w, struct node *n)
{
    if (n->up && n->leads && isr_advance(&n->isr, n->synced, w->now_ns)) {
        set_high_watermark(w, n, n->isr.high_watermark);
    }
}

static void note_eligible(struct node *n)
{
    for (int32_t i = 0; i < NODES; i++) {
        isr_set_eligible(&n->isr, i, n->view.broker_epoch[i]);
    }
}

static void lead(struct world *w, struct node *n, int32_t id, bool anew)
{
    static const int32_t replicas[NODES] = { 0, 1, 2 };
    const struct isr_config config = { .lag_ns = 100ull * STEP_NS,
                                       .silence_ns = 50ull * STEP_NS,
                                       .join_wait_ns = 10ull * STEP_NS };
    const struct isr_assignment a = { .self = id,
                                      .leader_epoch = n->view.leader_epoch,
                                      .partition_epoch = n->view.partition_epoch,
                                      .replicas = replicas,
                                      .replica_count = NODES,
                                      .isr = n->view.isr,
                                      .isr_count = n->view.isr_count };
    if (!anew) {
        isr_follow(&n->isr, &a, w->now_ns);
        n->isr.min_isr = n->view.min_isr;
        note_eligible(n);
        return;
    }
    for (int64_t i = 0; i < w->truth_end; i++) {
        ck_assert_msg(i < n->end && same(&n->log[i], &w->truth[i]),
                      "the leader of epoch %d has not what was committed at %lld (of %lld)",
                      n->view.leader_epoch, (long long)i, (long long)w->truth_end);
    }
    isr_deinit(&n->isr);
    isr_init(&n->isr, &config, &a, n->end, n->high_watermark, w->now_ns);
    n->isr.min_isr = n->view.min_isr;
    note_eligible(n);
    leader_epochs_assign(&n->epochs, n->view.leader_epoch, n->end);
    n->leads = true;
    n->alter.state = ALTER_NONE;
}

/* A node reads the metadata. */
static void learn(struct world *w, int32_t id)
{
    struct node *n = &w->nodes[id];
    if (!n->up || w->c.broker_epoch[id] != n->broker_epoch) {
        return; /* not registered yet: it acts on nothing */
    }
    int32_t old_epoch = n->view.leader_epoch;
    bool knew = n->view.broker_epoch[id] == n->broker_epoch;
    n->view = w->c;
    if (n->view.leader == id) {
        lead(w, n, id, !knew || !n->leads || n->view.leader_epoch != old_epoch);
    } else if (!knew || n->leads || n->view.leader_epoch != old_epoch) {
        n->leads = false;
        n->fetch.state = FETCH_NONE;
        follower_init(&n->follower, n->view.leader_epoch, n->high_watermark);
    }
}

static void handle_fetch(struct world *w, int32_t follower, struct fetch_flight *f)
{
    struct node *n = &w->nodes[f->leader];
    struct follower_answer *a = &f->answer;
    *a = (struct follower_answer){ .high_watermark = -1, .diverging_epoch = -1, .own_epoch = -1 };
    f->state = FETCH_ANSWERED;
    if (!n->up) {
        f->state = FETCH_NONE;
    } else if (!n->leads || n->isr.leader_epoch != f->leader_epoch) {
        a->code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    } else {
        int32_t epoch;
        int64_t end;
        leader_epochs_end_of(&n->epochs, f->last_epoch, n->end, &epoch, &end);
        if (f->last_epoch >= 0 && (epoch < f->last_epoch || end < f->offset)) {
            a->diverging_epoch = epoch;
            a->diverging_end_offset = end;
            return;
        }
        if (f->offset > n->end) {
            a->code = KAFKA_OFFSET_OUT_OF_RANGE;
            return;
        }
        const struct isr_fetch fetch = { .replica = follower,
                                         .broker_epoch = f->broker_epoch,
                                         .offset = f->offset,
                                         .leader_end_offset = n->end };
        a->code = isr_fetched(&n->isr, &fetch, w->now_ns);
        advance(w, n);
        a->high_watermark = n->high_watermark;
        size_t len = 0;
        for (int64_t i = f->offset; i < n->end && i < f->offset + 6; i++) {
            memcpy(f->bytes + len, n->log[i].bytes, n->log[i].len);
            len += n->log[i].len;
        }
        a->records = slice_of(f->bytes, len);
    }
}

/* --- following -------------------------------------------------------------------------------- */

static void begin_fetch(struct world *w, struct node *n)
{
    if (n->view.leader < 0 || n->leads || w->now_ns < n->follower.retry_ns) {
        return;
    }
    n->synced = n->end; /* what is reported is durable */
    n->fetch.state = FETCH_SENT;
    n->fetch.leader = n->view.leader;
    n->fetch.leader_epoch = n->view.leader_epoch;
    n->fetch.last_epoch = leader_epochs_latest(&n->epochs);
    n->fetch.offset = n->end;
    n->fetch.broker_epoch = n->broker_epoch;
}

static void end_fetch(struct world *w, struct node *n)
{
    struct follower_answer *a = &n->fetch.answer;
    struct follower_step step;
    const struct follower_log log = { 0, n->end };
    n->fetch.state = FETCH_NONE;
    if (n->leads || n->fetch.leader_epoch != n->follower.leader_epoch) {
        return;
    }
    if (a->diverging_epoch >= 0) {
        leader_epochs_end_of(&n->epochs, a->diverging_epoch, n->end, &a->own_epoch,
                             &a->own_end_offset);
    }
    follower_answered(&n->follower, &log, a, w->now_ns, &step);
    struct slice rest = step.records;
    struct batch_view b;
    switch (step.what) {
    case FOLLOWER_APPEND:
        while (rest.len > 0 && batch_parse(rest, &b) == ERR_OK) {
            append(n, b.bytes);
            rest = slice_from(rest, b.bytes.len);
        }
        break;
    case FOLLOWER_TRUNCATE:
        ck_assert_msg(step.offset >= n->high_watermark, "cut below the high watermark");
        cut(n, step.offset);
        break;
    case FOLLOWER_RESTART:
    case FOLLOWER_REFUSE:
        ck_abort_msg("a sound leader gave reason to restart or refuse");
    case FOLLOWER_NOTHING:
    case FOLLOWER_WAIT:
        break;
    }
    ck_assert(!n->follower.asks_offsets);
    if (!a->code && a->diverging_epoch < 0 &&
        follower_advance(&n->follower, a->high_watermark, n->end)) {
        set_high_watermark(w, n, n->follower.high_watermark);
    }
}

static void move_fetch(struct world *w, int32_t id)
{
    struct node *n = &w->nodes[id];
    bool lost = !w->healing && rng_below(&w->rng, 20) == 0;
    if (!n->up) {
        return;
    }
    switch (n->fetch.state) {
    case FETCH_NONE:
        begin_fetch(w, n);
        break;
    case FETCH_SENT:
        handle_fetch(w, id, &n->fetch);
        break;
    case FETCH_ANSWERED:
        end_fetch(w, n);
        break;
    }
    if (lost) {
        n->fetch.state = FETCH_NONE;
    }
}

/* --- the controller --------------------------------------------------------------------------- */

static bool in_isr(const struct cluster *c, int32_t id)
{
    for (int32_t i = 0; i < c->isr_count; i++) {
        if (c->isr[i] == id) {
            return true;
        }
    }
    return false;
}

/* Another ISR: who leaves one that is too small stays eligible. */
static void set_isr(struct cluster *c, const int32_t *ids, int32_t count)
{
    struct cluster old = *c;
    memcpy(c->isr, ids, (size_t)count * sizeof(*ids));
    c->isr_count = count;
    for (int32_t id = 0; id < NODES; id++) {
        c->eligible[id] =
            count < c->min_isr && !in_isr(c, id) && (old.eligible[id] || in_isr(&old, id));
    }
}

static void elect(struct cluster *c)
{
    c->partition_epoch++;
    if (c->leader >= 0 && c->broker_epoch[c->leader] >= 0) {
        return;
    }
    c->leader = -1;
    for (int32_t i = 0; i < c->isr_count && c->leader < 0; i++) {
        c->leader = c->broker_epoch[c->isr[i]] >= 0 ? c->isr[i] : -1;
    }
    set_isr(c, c->isr, c->isr_count);
    for (int32_t id = 0; id < NODES && c->leader < 0; id++) {
        if (c->eligible[id] && c->broker_epoch[id] >= 0) {
            c->leader = id;
            set_isr(c, &id, 1);
        }
    }
    c->leader_epoch++;
}

/* An operator changes min.insync.replicas. Nobody is eligible any more who may lack what a leader
 * alone commits from now on; without a leader nothing is committed. */
static void change_min_isr(struct cluster *c)
{
    c->min_isr = c->min_isr == MIN_ISR_MAX ? 1 : MIN_ISR_MAX;
    for (int32_t id = 0; id < NODES && c->leader >= 0; id++) {
        c->eligible[id] = false;
    }
}

static void fence(struct cluster *c, int32_t id)
{
    if (c->broker_epoch[id] < 0) {
        return;
    }
    c->broker_epoch[id] = -1;
    if (in_isr(c, id) && c->isr_count > 1) {
        int32_t left[NODES], count = 0;
        for (int32_t i = 0; i < c->isr_count; i++) {
            if (c->isr[i] != id) {
                left[count++] = c->isr[i];
            }
        }
        set_isr(c, left, count);
    }
    elect(c);
}

static void alter_isr(struct world *w, int32_t from, struct alter_flight *f)
{
    struct cluster *c = &w->c;
    struct isr_answer *a = &f->answer;
    *a = (struct isr_answer){ .number = f->proposal.number };
    f->state = ALTER_ANSWERED;
    if (c->leader != from || c->leader_epoch != f->leader_epoch) {
        a->code = KAFKA_FENCED_LEADER_EPOCH;
        return;
    }
    if (c->partition_epoch != f->partition_epoch) {
        a->code = KAFKA_INVALID_UPDATE_VERSION;
        return;
    }
    for (int32_t i = 0; i < f->proposal.count; i++) {
        const struct isr_member *m = &f->members[i];
        if (c->broker_epoch[m->id] < 0 ||
            (m->broker_epoch >= 0 && m->broker_epoch != c->broker_epoch[m->id])) {
            a->code = KAFKA_INELIGIBLE_REPLICA;
            return;
        }
    }
    int32_t isr[NODES];
    for (int32_t i = 0; i < f->proposal.count; i++) {
        isr[i] = f->members[i].id;
    }
    set_isr(c, isr, f->proposal.count);
    c->partition_epoch++;
    a->leader_epoch = c->leader_epoch;
    a->partition_epoch = c->partition_epoch;
}

static void move_alter(struct world *w, int32_t id)
{
    struct node *n = &w->nodes[id];
    struct alter_flight *f = &n->alter;
    bool lost = !w->healing && rng_below(&w->rng, 10) == 0;
    if (!n->up || !n->leads) {
        return;
    }
    switch (f->state) {
    case ALTER_NONE:
        f->proposal.members = f->members;
        note_eligible(n);
        const struct isr_log own = { 0, n->end };
        if (isr_propose(&n->isr, &own, n->broker_epoch, w->now_ns, &f->proposal)) {
            f->leader_epoch = n->isr.leader_epoch;
            f->partition_epoch = n->isr.partition_epoch;
            f->state = ALTER_SENT;
        }
        break;
    case ALTER_SENT:
        if (!lost) {
            alter_isr(w, id, f);
        }
        break;
    case ALTER_ANSWERED:
        f->state = ALTER_NONE;
        if (lost) {
            f->state = ALTER_SENT; /* no answer: the same again */
        } else if (isr_answered(&n->isr, &f->answer) == ISR_RETRY) {
            f->state = ALTER_SENT;
        }
        advance(w, n);
        break;
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

static void crash(struct world *w, struct node *n)
{
    if (!n->up) {
        return;
    }
    n->up = n->leads = false;
    n->broker_epoch = -1;
    /* A part of what no sync covered may have reached the disk. */
    cut(n, n->synced + (int64_t)rng_below(&w->rng, (uint64_t)(n->end - n->synced) + 1));
    n->synced = n->end;
    n->high_watermark = n->checkpointed;
    n->fetch.state = FETCH_NONE;
    n->alter.state = ALTER_NONE;
}

static void restart(struct world *w, int32_t id)
{
    struct node *n = &w->nodes[id];
    if (n->up) {
        return;
    }
    fence(&w->c, id); /* the registration of another life ends the one before */
    n->up = true;
    n->broker_epoch = w->c.broker_epoch[id] = w->next_broker_epoch++;
    elect(&w->c);
}

/* --- the world -------------------------------------------------------------------------------- */

static void step(struct world *w)
{
    int32_t id = (int32_t)rng_below(&w->rng, NODES);
    struct node *n = &w->nodes[id];
    uint64_t dice = rng_below(&w->rng, 1000);
    w->now_ns += STEP_NS;
    if (dice < 350) {
        move_fetch(w, id);
    } else if (dice < 500) {
        produce(w, n);
    } else if (dice < 650) {
        n->synced = n->end;
        advance(w, n);
    } else if (dice < 750) {
        learn(w, id);
    } else if (dice < 900) {
        move_alter(w, id);
    } else if (dice < 948) {
        n->checkpointed = n->high_watermark;
    } else if (dice < 950) {
        change_min_isr(&w->c);
    } else if (dice < 960 && !w->healing) {
        crash(w, n);
    } else if (dice < 970 && !w->healing) {
        fence(&w->c, id); /* also one that runs: its heartbeats were late */
    } else if (dice < 980 && n->up && w->c.broker_epoch[id] < 0) {
        w->c.broker_epoch[id] = n->broker_epoch; /* heard again */
        elect(&w->c);
    } else {
        restart(w, id);
    }
}

/* Three equal logs, all in sync, all committed. */
static bool is_whole(const struct world *w)
{
    for (int32_t i = 0; i < NODES; i++) {
        const struct node *n = &w->nodes[i];
        if (n->end != w->truth_end || n->high_watermark != n->end) {
            return false;
        }
    }
    return w->c.isr_count == NODES;
}

static void run_seed(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    rng_seed(&w->rng, seed);
    w->c = (struct cluster){
        .leader = 0, .isr = { 0, 1, 2 }, .isr_count = NODES, .min_isr = MIN_ISR_MAX
    };
    w->now_ns = STEP_NS;
    for (int32_t i = 0; i < NODES; i++) {
        struct node *n = &w->nodes[i];
        n->log = mem_array(LOG_MAX, sizeof(struct entry));
        n->view.leader = -1;
        n->view.leader_epoch = -1;
        n->view.broker_epoch[i] = -1;
        n->up = true;
        n->broker_epoch = w->c.broker_epoch[i] = w->next_broker_epoch++;
    }
    for (int i = 0; i < STEPS; i++) {
        step(w);
    }
    w->healing = true;
    for (int i = 0; i < HEALING_STEPS && !(w->quiet && is_whole(w)); i++) {
        w->quiet = i > HEALING_STEPS / 4; /* no more records: everybody catches up */
        step(w);
    }
    ck_assert_msg(is_whole(w), "seed %llu does not heal", (unsigned long long)seed);
    for (int32_t i = 0; i < NODES; i++) {
        mem_free(w->nodes[i].log);
        isr_deinit(&w->nodes[i].isr);
        leader_epochs_deinit(&w->nodes[i].epochs);
    }
}

START_TEST(nothing_committed_is_lost_and_logs_agree_below_it)
{
    struct world *w = mem_alloc(sizeof(*w));
    int64_t committed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        run_seed(w, seed);
        committed += w->truth_end;
    }
    ck_assert_int_gt(committed, SEEDS * 20);
    mem_free(w);
}
END_TEST

Suite *replica_model_suite(void)
{
    Suite *s = suite_create("replica_model");
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, nothing_committed_is_lost_and_logs_agree_below_it);
    suite_add_tcase(s, t);
    return s;
}
