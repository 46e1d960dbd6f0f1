/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_duties.c - see controller_duties.h. Driven by its timers, by what is applied, and by
 * the handler of BrokerHeartbeat.
 *   (D1) A duty is at most once in the queue of changes; what it found is looked at again when its
 *        turn comes.
 *   (D2) Soft state is kept only while active, and begins with every broker just heard, but for the
 *        one of the node whose silence as a leader brought the election.
 *   (D3) A controller that was not running itself fences nobody for it.
 */
#include "broker/controller_duties.h"

#include "broker/broker.h"
#include "broker/controller/features.h"
#include "broker/controller/isr_changes.h"
#include "protocol/base/alloc.h"

enum {
    LEADERLESS_SECONDS = 5, /* elections that had no candidate are tried again */
    ELECTIONS_MAX = 1000,   /* of the balancer in one change */
    LATE_MS = 500,          /* a timer that is so late: the process stood still */
};

static struct broker *broker_of(struct controller_duties *d)
{
    return container_of(d, struct broker, duties);
}

static struct duty *duty_of(struct broker *b, enum duty_kind kind)
{
    return &b->duties.duties[kind];
}

struct change_policy controller_policy(const struct broker *b)
{
    return (struct change_policy){ .min_insync_replicas = (int32_t)b->config->min_insync_replicas,
                                   .unclean_leader_election =
                                       b->config->unclean_leader_election_enable };
}

void controller_share_min_isr(const struct broker *b, struct metadata_records *out)
{
    change_share_min_isr(&b->image, (int32_t)b->dynamic_config.start->min_insync_replicas, out);
}

bool controller_is_active(const struct broker *b)
{
    return b->duties.active;
}

enum kafka_error controller_error(enum err status)
{
    return status == ERR_OK      ? KAFKA_NONE
           : status == ERR_AGAIN ? KAFKA_NOT_CONTROLLER
                                 : KAFKA_KAFKA_STORAGE_ERROR;
}

static bool is_alone(const struct broker *b)
{
    return quorum_is_sole_voter(b) && b->image.brokers.count <= 1;
}

/* --- what is due ------------------------------------------------------------------------------ */

static void submit(struct broker *b, enum duty_kind kind)
{
    struct duty *d = duty_of(b, kind);
    if (!d->queued && b->duties.active && b->state < BROKER_DRAINING) {
        d->queued = true;
        metadata_submit(b, &d->op);
    }
}

static void arm_in_ms(struct broker *b, enum duty_kind kind, int64_t ms)
{
    if (ms > 0) {
        timer_arm_in(b->env, &duty_of(b, kind)->timer, (uint64_t)ms * NS_PER_MS);
    }
}

static void arm_sessions(struct broker *b)
{
    struct controller_duties *c = &b->duties;
    uint64_t now = env_mono_ns(b->env), due = heartbeats_deadline_ns(&c->heartbeats);
    c->timer_due_ns = due > now ? due : now;
    if (due == UINT64_MAX) {
        timer_cancel(b->env, &duty_of(b, DUTY_FENCE)->timer);
    } else {
        timer_arm(b->env, &duty_of(b, DUTY_FENCE)->timer, c->timer_due_ns);
    }
}

/* The broker of this process lives as long as the process does; and who stood still himself must
 * not think that all others were silent. */
static void check_sessions(struct broker *b)
{
    struct controller_duties *c = &b->duties;
    uint64_t now = env_mono_ns(b->env);
    if (now > c->timer_due_ns + (uint64_t)LATE_MS * NS_PER_MS) {
        log_warn(&b->log, "this controller stood still; brokers get another session");
        heartbeats_forgive(&c->heartbeats, now);
    }
    const struct image_broker *own = image_broker(&b->image, b->node_id);
    if (own && uuid_eq(&own->incarnation, &b->incarnation)) {
        heartbeats_extend(&c->heartbeats, b->node_id, now);
    }
    int32_t id = heartbeats_overdue(&c->heartbeats, now);
    if (id >= 0) {
        duty_of(b, DUTY_FENCE)->broker_id = id;
        submit(b, DUTY_FENCE);
    } else {
        arm_sessions(b);
    }
}

static void on_timer(void *owner)
{
    struct duty *d = owner;
    struct broker *b = broker_of(container_of(d - d->kind, struct controller_duties, duties[0]));
    const struct broker_config *c = b->config;
    switch (d->kind) {
    case DUTY_FENCE:
        check_sessions(b);
        break;
    case DUTY_LEADERLESS:
        submit(b, DUTY_LEADERLESS);
        arm_in_ms(b, DUTY_LEADERLESS, LEADERLESS_SECONDS * 1000);
        break;
    case DUTY_BALANCE:
        submit(b, DUTY_BALANCE);
        arm_in_ms(b, DUTY_BALANCE, c->leader_imbalance_check_interval_seconds * 1000);
        break;
    case DUTY_IDLE:
        if (b->duties.idle_offset == b->image.end_offset && !is_alone(b)) {
            submit(b, DUTY_IDLE);
        }
        b->duties.idle_offset = b->image.end_offset;
        arm_in_ms(b, DUTY_IDLE, c->metadata_max_idle_interval_ms);
        break;
    case DUTY_BEGIN:
    case DUTY_KINDS:
        break;
    }
}

/* --- the changes ------------------------------------------------------------------------------ */

static void prepare_fencing(struct broker *b, struct duty *d, struct metadata_records *out)
{
    struct change_policy policy = controller_policy(b);
    bool unfenced =
        !image_broker(&b->image, d->broker_id) || !image_broker(&b->image, d->broker_id)->fenced;
    if (!unfenced ||
        heartbeats_has_session(&b->duties.heartbeats, d->broker_id, env_mono_ns(b->env))) {
        return; /* it was heard meanwhile */
    }
    broker_change_fence(&b->image, &policy, d->broker_id, out, &d->again);
    log_warn(&b->log, "fencing a broker that was not heard of in time; its leaders move",
             KV_INT("broker", d->broker_id), KV_UINT("records", out->count));
}

/* What an earlier controller left unfinished is given up; an empty one gets its first levels, and
 * then what follows from them. */
static void prepare_beginning(struct broker *b, struct duty *d, struct metadata_records *out)
{
    const struct metadata_records *given = quorum_bootstrap_records(b);
    if (b->metadata.transaction.open) {
        struct abort_transaction_record rec;
        schema_init(&abort_transaction_record_schema, &rec);
        rec.reason = slice_str("the controller changed");
        metadata_records_add(out, &abort_transaction_record_schema, 0, &rec);
    }
    if (image_metadata_version(&b->image) > 0) {
        uint32_t before = out->count;
        if (image_elr_enabled(&b->image)) {
            controller_share_min_isr(b, out);
        }
        if (out->count > before) {
            log_info(&b->log, "min.insync.replicas becomes the cluster's, for all nodes alike",
                     KV_INT("configured", b->dynamic_config.start->min_insync_replicas));
        }
        return;
    }
    d->again = true;
    for (uint32_t i = 0; i < given->count; i++) {
        metadata_records_add_raw(out, metadata_records_at(given, i));
    }
    if (given->count == 0) {
        feature_bootstrap(&b->image, is_alone(b), out);
    }
    log_info(&b->log, "this controller begins an empty cluster", KV_UINT("records", out->count));
}

static void prepare_idle(struct metadata_records *out)
{
    struct no_op_record rec;
    schema_init(&no_op_record_schema, &rec);
    metadata_records_add(out, &no_op_record_schema, 0, &rec);
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct duty *d = container_of(op, struct duty, op);
    struct broker *b = op->broker;
    struct change_policy policy = controller_policy(b);
    d->again = false;
    switch (d->kind) {
    case DUTY_BEGIN:
        prepare_beginning(b, d, out);
        break;
    case DUTY_FENCE:
        prepare_fencing(b, d, out);
        break;
    case DUTY_LEADERLESS:
        broker_change_elect_leaderless(&b->image, &policy, out, &d->again);
        break;
    case DUTY_BALANCE:
        d->again = isr_change_balance(&b->image, &policy,
                                      (int32_t)b->config->leader_imbalance_per_broker_percentage,
                                      ELECTIONS_MAX, out) == ELECTIONS_MAX;
        if (out->count > 0) {
            log_info(&b->log, "giving the lead back to preferred replicas",
                     KV_UINT("partitions", out->count));
        }
        break;
    case DUTY_IDLE:
        prepare_idle(out);
        break;
    case DUTY_KINDS:
        break;
    }
}

static void done(struct metadata_op *op, enum err status)
{
    struct duty *d = container_of(op, struct duty, op);
    struct broker *b = op->broker;
    d->queued = false;
    if (status && status != ERR_AGAIN) {
        log_error(&b->log, "the controller could not write a change",
                  KV_STR("error", err_text(status)));
    } else if (!status && d->again) {
        submit(b, d->kind);
    } else if (!status && d->kind == DUTY_FENCE && b->duties.active) {
        check_sessions(b); /* brokers are fenced one after the other */
    } else if (!status && d->kind == DUTY_BEGIN && !b->roles.broker) {
        dynamic_config_warn(b); /* a broker is told when it is let in (lifecycle.c) */
    }
}

/* --- beginning and end ------------------------------------------------------------------------ */

/* The session of the former leader's broker began when that leader last answered: it fell silent as
 * one process. It ends no sooner than a heartbeat can have come here. */
static void count_silence(struct broker *b, uint64_t now)
{
    const struct broker_config *c = b->config;
    uint64_t session_ns = (uint64_t)c->broker_session_timeout_ms * NS_PER_MS;
    uint64_t grace_ns = (uint64_t)c->broker_heartbeat_interval_ms * NS_PER_MS;
    int32_t leader_id;
    uint64_t heard_ns;
    if (!raft_fell_silent(b->quorum.raft, &leader_id, &heard_ns) || grace_ns >= session_ns) {
        return;
    }
    uint64_t latest_ns = now - (session_ns - grace_ns);
    heartbeats_silent_since(&b->duties.heartbeats, leader_id,
                            heard_ns > latest_ns ? heard_ns : latest_ns);
}

static void begin(struct broker *b)
{
    struct controller_duties *c = &b->duties;
    const struct broker_config *config = b->config;
    c->active = true;
    c->idle_offset = -1;
    heartbeats_begin(&c->heartbeats, &b->image, env_mono_ns(b->env));
    count_silence(b, env_mono_ns(b->env));
    arm_sessions(b);
    arm_in_ms(b, DUTY_LEADERLESS, LEADERLESS_SECONDS * 1000);
    arm_in_ms(b, DUTY_IDLE, config->metadata_max_idle_interval_ms);
    if (config->auto_leader_rebalance_enable) {
        arm_in_ms(b, DUTY_BALANCE, config->leader_imbalance_check_interval_seconds * 1000);
    }
    log_info(&b->log, "this node is the active controller", KV_INT("epoch", quorum_epoch(b)),
             KV_UINT("brokers", b->image.brokers.count));
    submit(b, DUTY_BEGIN);
    /* Perhaps it was a whole machine that failed, with its broker. */
    uint32_t cursor = 0;
    for (const struct image_broker *o; (o = map_next(&b->image.brokers, &cursor, NULL));) {
        if (o->id != b->node_id) {
            controller_probe(b, o->id);
        }
    }
}

static void end(struct broker *b)
{
    if (b->duties.active && b->state < BROKER_DRAINING) {
        log_info(&b->log, "this node is not the active controller any more");
    }
    b->duties.active = false;
    controller_probes_deinit(b);
    heartbeats_deinit(&b->duties.heartbeats);
    for (int i = 0; i < DUTY_KINDS; i++) {
        timer_cancel(b->env, &b->duties.duties[i].timer);
    }
}

void controller_duties_run(struct broker *b)
{
    /* A sole voter begins when it has registered itself (standalone.h). */
    bool leads = quorum_is_leader(b) && !b->quorum.blocking;
    if (leads && !b->duties.active) {
        begin(b);
    } else if (!leads && b->duties.active) {
        end(b);
    }
}

void controller_duties_init(struct broker *b)
{
    struct controller_duties *c = &b->duties;
    heartbeats_init(&c->heartbeats, (uint64_t)b->config->broker_session_timeout_ms * NS_PER_MS);
    controller_probes_init(b);
    for (int i = 0; i < DUTY_KINDS; i++) {
        struct duty *d = &c->duties[i];
        *d = (struct duty){ .op = { .prepare = prepare, .done = done },
                            .kind = (enum duty_kind)i,
                            .timer = { .fire = on_timer, .owner = d } };
    }
}

void controller_duties_deinit(struct broker *b)
{
    end(b);
}

void controller_duties_applied(struct broker *b, const struct image_change *change)
{
    struct controller_duties *c = &b->duties;
    if (!c->active || change->kind != IMAGE_CHANGE_BROKER) {
        return;
    }
    heartbeats_follow(&c->heartbeats, &b->image, change->broker_id, env_mono_ns(b->env));
    arm_sessions(b);
}

void controller_heard(struct broker *b, int32_t broker_id, int64_t metadata_offset,
                      struct connection *conn)
{
    heartbeats_touch(&b->duties.heartbeats, broker_id, metadata_offset, env_mono_ns(b->env));
    if (conn) {
        connection_set_broker(conn, broker_id);
    }
}

void controller_connection_lost(struct broker *b, int32_t broker_id)
{
    if (b->duties.active && b->state < BROKER_DRAINING) {
        controller_probe(b, broker_id);
    }
}

void controller_broker_gone(struct broker *b, int32_t broker_id, int64_t broker_epoch)
{
    const struct image_broker *of = image_broker(&b->image, broker_id);
    if (!b->duties.active || !of || of->fenced || of->epoch != broker_epoch) {
        return;
    }
    log_warn(&b->log, "a broker's listener refuses connections: its process is gone",
             KV_INT("broker", broker_id));
    heartbeats_expire(&b->duties.heartbeats, broker_id);
    timer_arm_in(b->env, &duty_of(b, DUTY_FENCE)->timer, 0);
}
