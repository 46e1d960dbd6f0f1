/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifecycle.c - see lifecycle.h. Driven by a timer, by the controller's answers and by what is
 * applied to the image.
 *   (Y1) At most one registration or heartbeat is under way.
 *   (Y2) RUNNING is entered only when the image itself says that this incarnation is unfenced, so
 *        the image holds all that the controller thinks this node knows.
 *   (Y3) A node whose id was registered by another incarnation does not serve.
 *   (Y4) A controlled shutdown waits for a controller, never for one that cannot come.
 *   (Y5) cut_off is set when the session that the controller grants this node may have ended;
 *        nobody who waits for other replicas waits on then. A controller that is provably not
 *        there (nobody leads, and a majority of the voters answers, or refuses connections) ends
 *        no session.
 */
#include "broker/lifecycle.h"

#include "broker/api/table.h"
#include "broker/broker.h"
#include "broker/controller_channel.h"
#include "broker/registration.h"
#include "protocol/base/alloc.h"

#include <stdio.h>
#include <string.h>

enum {
    STARTING_MS = 50,       /* between heartbeats until the node runs, and while it goes */
    RETRY_MS = 500,         /* between registrations that were refused */
    ANSWER_MS = 2000,       /* how long one registration or heartbeat is tried */
    TELL_S = 10,            /* a problem that lasts is logged again so often */
    SHUTDOWN_S = 30,        /* the longest controlled shutdown */
    SILENCE_MS = 5000,      /* of it without a controller: the time of an election */
    SESSION_MARGIN_MS = 50, /* for messages under way */
    SESSION_LOOK_MS = 100,  /* while a session that is over is not believed */
    HOLD_MS = 5000,         /* the longest wait of a request that came too early */
    HELD_MAX = 10000,
};

static const struct image_broker *own_registration(const struct broker *b)
{
    const struct image_broker *own = image_broker(&b->image, b->node_id);
    return own && uuid_eq(&own->incarnation, &b->incarnation) ? own : NULL;
}

static uint64_t interval_ns(const struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    uint64_t running_ns = (uint64_t)b->config->broker_heartbeat_interval_ms * NS_PER_MS;
    bool steady = l->state == LIFECYCLE_RUNNING;
    uint64_t busy_ns = (uint64_t)STARTING_MS * NS_PER_MS;
    return steady || busy_ns > running_ns ? running_ns : busy_ns;
}

static void next_in(struct broker *b, uint64_t delay_ns)
{
    if (b->lifecycle.state < LIFECYCLE_STOPPED) {
        timer_arm_in(b->env, &b->lifecycle.timer, delay_ns);
    }
}

/* Now, or when the one under way is answered. */
static void kick(struct broker *b)
{
    if (b->lifecycle.in_flight) {
        b->lifecycle.again = true;
    } else {
        next_in(b, 0);
    }
}

/* What keeps the node from serving: for /healthz, and for the log when it is new or lasts. */
static void tell_problem(struct broker *b, const char *text)
{
    struct lifecycle *l = &b->lifecycle;
    uint64_t now = env_mono_ns(b->env);
    bool fresh = strcmp(text, l->problem) != 0;
    if (fresh || now - l->told_ns >= (uint64_t)TELL_S * NS_PER_S) {
        l->told_ns = now;
        log_warn(&b->log, "this broker cannot join its cluster yet; it goes on trying",
                 KV_STR("why", text));
    }
    snprintf(l->problem, sizeof(l->problem), "%s", text);
}

/* --- requests that came too early ------------------------------------------------------------- */

struct held {
    struct list_node link;
    struct call *call;
    const struct api_row *row;
    uint64_t due_ns;
};

static struct call *held_take(struct broker *b, struct held *h)
{
    struct call *c = h->call;
    list_remove(&h->link);
    b->lifecycle.held_count--;
    c->abandoned = NULL;
    c->state = NULL;
    mem_free(h);
    return c;
}

static void held_abandoned(struct call *c)
{
    (void)held_take(c->broker, c->state);
    call_reply_none(c);
}

static void on_hold_timer(void *owner)
{
    struct broker *b = owner;
    struct lifecycle *l = &b->lifecycle;
    uint64_t now = env_mono_ns(b->env);
    for (struct list_node *node; (node = list_first(&l->held));) {
        struct held *h = list_entry(node, struct held, link);
        if (lifecycle_serves(b)) {
            const struct api_row *row = h->row;
            api_handle(held_take(b, h), row);
        } else if (h->due_ns <= now) {
            call_fail(held_take(b, h), "this node does not serve yet");
        } else {
            timer_arm(b->env, &l->hold_timer, h->due_ns);
            return;
        }
    }
}

void lifecycle_hold(struct call *c, const struct api_row *row)
{
    struct broker *b = c->broker;
    struct lifecycle *l = &b->lifecycle;
    if (l->held_count >= HELD_MAX || b->state >= BROKER_DRAINING) {
        call_fail(c, "this node does not serve");
        return;
    }
    struct held *h = mem_zalloc(sizeof(*h));
    h->call = c;
    h->row = row;
    h->due_ns = env_mono_ns(b->env) + (uint64_t)HOLD_MS * NS_PER_MS;
    c->state = h;
    c->abandoned = held_abandoned;
    list_push_back(&l->held, &h->link);
    l->held_count++;
    if (!timer_is_armed(&l->hold_timer)) {
        timer_arm(b->env, &l->hold_timer, h->due_ns);
    }
}

/* --- the session (Y5) ------------------------------------------------------------------------- */

/* Not before a quorum whose leader died in between knows that it has none: a follower may have
 * heard of it a heartbeat's interval later than this session began. But no more than that later. */
static uint64_t session_end_ns(const struct broker *b)
{
    const struct broker_config *c = b->config;
    int64_t session_ms = c->broker_session_timeout_ms;
    int64_t latest_ms = session_ms + c->broker_heartbeat_interval_ms;
    int64_t fetch_ms = c->controller_quorum_fetch_timeout_ms;
    int64_t ms = fetch_ms + fetch_ms / RAFT_FETCH_CHANCE + c->broker_heartbeat_interval_ms +
                 SESSION_MARGIN_MS;
    ms = ms > session_ms ? ms : session_ms;
    ms = ms < latest_ms ? ms : latest_ms;
    return b->lifecycle.session_ns + (uint64_t)ms * NS_PER_MS;
}

static void begin_session(struct broker *b, uint64_t from_ns)
{
    struct lifecycle *l = &b->lifecycle;
    l->session_ns = from_ns > l->session_ns ? from_ns : l->session_ns;
    l->session_epoch = quorum_epoch(b);
    if (l->cut_off && session_end_ns(b) > env_mono_ns(b->env)) {
        l->cut_off = false;
        log_info(&b->log, "the controller answers again; this broker leads what the metadata says");
    }
    if (!quorum_is_sole_voter(b)) {
        timer_arm(b->env, &l->session_timer, session_end_ns(b));
    }
}

/* The controller counts a session from the arrival of a heartbeat. The one in this process may
 * have been replaced unseen: it counts from what it last heard of the others. */
static uint64_t session_start_ns(const struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    uint64_t heard_ns = quorum_is_leader(b) ? raft_quorum_heard_ns(b->quorum.raft) : l->sent_ns;
    return heard_ns < l->sent_ns ? heard_ns : l->sent_ns;
}

static bool no_controller_can_be_there(struct broker *b)
{
    uint64_t window_ns = (uint64_t)b->config->broker_session_timeout_ms * NS_PER_MS;
    uint64_t now = env_mono_ns(b->env);
    return controller_channel_leader(b) < 0 &&
           (quorum_majority_answers(b, now > window_ns ? now - window_ns : 0) ||
            quorum_majority_is_gone(b));
}

/* A controller that has just begun gives every broker a session. */
static bool is_new_controller(const struct broker *b)
{
    return controller_channel_leader(b) >= 0 && quorum_epoch(b) > b->lifecycle.session_epoch;
}

static void tell_cut_off(struct broker *b, struct partition *p, void *ctx)
{
    (void)ctx;
    if (partition_is_doubtful(b, p)) {
        partition_fail_acks(p, KAFKA_NOT_LEADER_OR_FOLLOWER);
    }
}

static void on_session_timer(void *owner)
{
    struct broker *b = owner;
    struct lifecycle *l = &b->lifecycle;
    if (l->cut_off || (l->state != LIFECYCLE_RUNNING && l->state != LIFECYCLE_SHUTTING_DOWN)) {
        return;
    }
    if (is_new_controller(b)) {
        begin_session(b, env_mono_ns(b->env));
        return;
    }
    if (no_controller_can_be_there(b)) {
        timer_arm_in(b->env, &l->session_timer, (uint64_t)SESSION_LOOK_MS * NS_PER_MS);
        return;
    }
    l->cut_off = true;
    log_warn(&b->log,
             "no controller answers this broker, which counts itself as fenced: it acknowledges "
             "nothing that other replicas must have, until one does; check the network to the "
             "controllers",
             KV_UINT("silent_ms", (env_mono_ns(b->env) - l->session_ns) / NS_PER_MS));
    topics_each(b, tell_cut_off, NULL);
}

/* --- states ----------------------------------------------------------------------------------- */

static void enter(struct broker *b, enum lifecycle_state state)
{
    static const char *const texts[] = { "none",    "registering",   "recovery",
                                         "running", "shutting down", "stopped" };
    log_info(&b->log, "broker state", KV_STR("from", texts[b->lifecycle.state]),
             KV_STR("to", texts[state]));
    b->lifecycle.state = state;
}

static void run(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    enter(b, LIFECYCLE_RUNNING);
    l->problem[0] = '\0';
    l->fenced = false;
    begin_session(b, l->sent_ns);
    timer_arm_in(b->env, &l->hold_timer, 0);
    if (b->state == BROKER_STARTING) {
        b->state = BROKER_RUNNING;
        dynamic_config_warn(b);
        if (b->events.ready) {
            b->events.ready(b->events_ctx);
        }
    }
}

static void register_again(struct broker *b, const char *why)
{
    struct lifecycle *l = &b->lifecycle;
    log_warn(&b->log, "the controller does not know this broker any more; it registers again",
             KV_STR("why", why));
    l->caught_up = false;
    enter(b, LIFECYCLE_REGISTERING);
}

static void end_shutdown(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    void (*shut_down)(struct broker * b) = l->shut_down;
    enter(b, LIFECYCLE_STOPPED);
    timer_cancel(b->env, &l->timer);
    controller_channel_cancel(b, l);
    shut_down(b);
}

/* --- registration ----------------------------------------------------------------------------- */

static void on_registered(void *user, enum err err, int16_t version, const void *response)
{
    struct lifecycle *l = user;
    struct broker *b = container_of(l, struct broker, lifecycle);
    const struct broker_registration_response *resp = response;
    (void)version;
    l->in_flight = false;
    struct buf text = { 0 };
    if (err && quorum_own_id_leads(b)) {
        buf_printf(
            &text,
            "the others follow a controller with this node's id (%d), and this node does not "
            "lead: if that lasts there is another node of that id, give one of them another "
            "node.id",
            (int)b->node_id);
    } else if (err) {
        buf_printf(&text, "no controller answers (%s)", err_text(err));
    } else if (resp->error_code) {
        registration_refused(b, resp->error_code, &text);
    }
    if (!err && resp->error_code == KAFKA_INCONSISTENT_CLUSTER_ID && !l->was_served) {
        struct error why;
        err_set(&why, ERR_CONFIG, "%s", buf_cstr(&text));
        tell_problem(b, why.text);
        if (b->events.failed) {
            b->events.failed(b->events_ctx, &why);
        }
        next_in(b, (uint64_t)TELL_S * NS_PER_S);
    } else if (text.len > 0) {
        tell_problem(b, buf_cstr(&text));
        next_in(b, (uint64_t)RETRY_MS * NS_PER_MS);
    } else {
        b->broker_epoch = resp->broker_epoch;
        l->problem[0] = '\0';
        l->caught_up = false;
        log_info(&b->log, "registered with the controller",
                 KV_INT("broker_epoch", b->broker_epoch));
        enter(b, LIFECYCLE_RECOVERY);
        next_in(b, 0);
    }
    buf_deinit(&text);
}

static void send_registration(struct broker *b)
{
    struct arena arena;
    struct broker_registration_request req;
    registration_fill(b, &arena, &req);
    controller_channel_send(b, &broker_registration_request_schema, &req, -1,
                            (uint64_t)ANSWER_MS * NS_PER_MS, on_registered, &b->lifecycle);
    arena_deinit(&arena);
}

/* --- heartbeats ------------------------------------------------------------------------------- */

static void heard(struct broker *b, const struct broker_heartbeat_response *resp)
{
    struct lifecycle *l = &b->lifecycle;
    const struct image_broker *own = own_registration(b);
    if (l->state == LIFECYCLE_RUNNING && resp->is_fenced != l->fenced) {
        log_warn(&b->log, resp->is_fenced ? "the controller has fenced this broker"
                                          : "the controller has unfenced this broker");
    }
    l->fenced = resp->is_fenced;
    l->heard_ns = env_mono_ns(b->env);
    begin_session(b, session_start_ns(b));
    if (!l->caught_up && resp->is_caught_up && own && b->logs_open) {
        l->caught_up = true; /* the next heartbeat asks to be unfenced */
        l->again = true;
    }
    if (l->state == LIFECYCLE_SHUTTING_DOWN && resp->should_shut_down) {
        end_shutdown(b);
    }
}

static void on_heartbeat(void *user, enum err err, int16_t version, const void *response)
{
    struct lifecycle *l = user;
    struct broker *b = container_of(l, struct broker, lifecycle);
    const struct broker_heartbeat_response *resp = response;
    (void)version;
    l->in_flight = false;
    if (err) {
        if (l->state == LIFECYCLE_RECOVERY) {
            char text[128];
            snprintf(text, sizeof(text), "no controller answers (%s)", err_text(err));
            tell_problem(b, text);
        }
    } else if (resp->error_code == KAFKA_STALE_BROKER_EPOCH ||
               resp->error_code == KAFKA_BROKER_ID_NOT_REGISTERED) {
        if (l->state == LIFECYCLE_SHUTTING_DOWN) {
            end_shutdown(b);
            return;
        }
        register_again(b, kafka_error_text(resp->error_code));
    } else if (resp->error_code) {
        log_warn(&b->log, "the controller refuses a heartbeat",
                 KV_STR("why", kafka_error_text(resp->error_code)));
    } else {
        heard(b, resp);
    }
    bool again = l->again;
    l->again = false;
    next_in(b, again ? 0 : interval_ns(b));
    lifecycle_applied(b);
}

static bool others_could_lead(const struct broker *b)
{
    uint32_t cursor = 0;
    for (const struct image_broker *o; (o = map_next(&b->image.brokers, &cursor, NULL));) {
        if (o->id != b->node_id && !o->fenced) {
            return true;
        }
    }
    return false;
}

/* Others lead while this node's disk is full; who leads for the last time is left (the controller
 * sees to it, broker_change_is_needed()). */
static bool wants_fence(const struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    if (l->state == LIFECYCLE_RECOVERY) {
        return !l->caught_up;
    }
    return l->state == LIFECYCLE_RUNNING && disk_space_is_out(b) && others_could_lead(b);
}

static void send_heartbeat(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    struct broker_heartbeat_request req;
    l->sent_ns = env_mono_ns(b->env);
    struct uuid *offline = mem_array(b->dir_count, sizeof(*offline));
    schema_init(&broker_heartbeat_request_schema, &req);
    req.broker_id = b->node_id;
    req.broker_epoch = b->broker_epoch;
    req.current_metadata_offset = b->image.end_offset - 1;
    req.want_fence = wants_fence(b);
    req.want_shut_down = l->state == LIFECYCLE_SHUTTING_DOWN;
    req.offline_log_dirs = offline;
    req.offline_log_dirs_n = registration_offline_dirs(b, offline);
    controller_channel_send(b, &broker_heartbeat_request_schema, &req, -1,
                            (uint64_t)ANSWER_MS * NS_PER_MS, on_heartbeat, l);
    mem_free(offline);
}

/* Why this node goes before a controller has let it go; NULL: it waits on. */
static const char *why_go_now(struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    uint64_t now = env_mono_ns(b->env), silent_ns = now - l->heard_ns;
    if (now >= l->shutdown_due_ns) {
        return "it takes too long";
    }
    if (silent_ns >= (uint64_t)SILENCE_MS * NS_PER_MS) {
        return "no controller answers";
    }
    if (silent_ns >= (uint64_t)STARTING_MS * NS_PER_MS && quorum_majority_is_gone(b)) {
        return "most controllers are gone";
    }
    return NULL;
}

static void on_timer(void *owner)
{
    struct broker *b = owner;
    struct lifecycle *l = &b->lifecycle;
    if (l->state == LIFECYCLE_SHUTTING_DOWN) {
        const char *why = why_go_now(b);
        if (why) {
            log_warn(&b->log, "the controlled shutdown ends early; leaders are left behind",
                     KV_STR("why", why));
            end_shutdown(b);
            return;
        }
        next_in(b, (uint64_t)STARTING_MS * NS_PER_MS); /* also while nobody answers */
    }
    if (l->in_flight) {
        return;
    }
    l->in_flight = true;
    if (l->state == LIFECYCLE_REGISTERING) {
        send_registration(b);
    } else {
        send_heartbeat(b);
    }
}

/* --- from outside ----------------------------------------------------------------------------- */

void lifecycle_init(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    list_init(&l->held);
    l->timer = (struct timer){ .fire = on_timer, .owner = b };
    l->hold_timer = (struct timer){ .fire = on_hold_timer, .owner = b };
    l->session_timer = (struct timer){ .fire = on_session_timer, .owner = b };
}

void lifecycle_start(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    const struct image_broker *own = own_registration(b);
    controller_registrar_applied(b);
    if (!b->roles.broker) {
        b->state = BROKER_RUNNING;
        return;
    }
    l->state = LIFECYCLE_REGISTERING;
    if (own && !own->fenced) {
        l->state = LIFECYCLE_RUNNING;
        l->caught_up = l->was_served = true;
        b->state = BROKER_RUNNING;
        dynamic_config_warn(b);
        next_in(b, interval_ns(b));
    } else {
        next_in(b, 0);
    }
}

void lifecycle_applied(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    const struct image_broker *own = own_registration(b);
    bool ours = own && own->epoch == b->broker_epoch;
    controller_registrar_applied(b);
    if (l->state == LIFECYCLE_RECOVERY && ours && b->logs_open && !l->caught_up) {
        kick(b); /* the image has the registration now: perhaps that is all there is */
    } else if (l->state == LIFECYCLE_RECOVERY && ours && l->caught_up && !own->fenced) {
        l->was_served = true;
        run(b);
    } else if (l->state == LIFECYCLE_RUNNING && !own && image_broker(&b->image, b->node_id)) {
        register_again(b, "another process has registered with this node's id");
        kick(b);
    }
}

void lifecycle_new_controller(struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    if (l->state == LIFECYCLE_RUNNING && !l->in_flight) {
        next_in(b, 0);
    }
}

void lifecycle_shut_down(struct broker *b, void (*shut_down)(struct broker *b))
{
    struct lifecycle *l = &b->lifecycle;
    l->shut_down = shut_down;
    l->heard_ns = env_mono_ns(b->env);
    l->shutdown_due_ns = l->heard_ns + (uint64_t)SHUTDOWN_S * NS_PER_S;
    if (l->state != LIFECYCLE_RUNNING || !b->config->controlled_shutdown_enable ||
        !others_could_lead(b)) {
        end_shutdown(b);
        return;
    }
    enter(b, LIFECYCLE_SHUTTING_DOWN);
    l->again = l->in_flight; /* that one does not say it yet */
    next_in(b, 0);
}

void lifecycle_deinit(struct broker *b)
{
    struct lifecycle *l = &b->lifecycle;
    l->state = LIFECYCLE_STOPPED; /* answers that come from being taken apart begin nothing */
    timer_cancel(b->env, &l->timer);
    timer_cancel(b->env, &l->hold_timer);
    timer_cancel(b->env, &l->session_timer);
    for (struct list_node *node; (node = list_first(&l->held));) {
        (void)held_take(b, list_entry(node, struct held, link));
    }
}

bool lifecycle_serves(const struct broker *b)
{
    return b->lifecycle.state != LIFECYCLE_REGISTERING && b->lifecycle.state != LIFECYCLE_RECOVERY;
}

void lifecycle_disk_changed(struct broker *b)
{
    if (b->lifecycle.state == LIFECYCLE_RUNNING) {
        kick(b);
    }
}

bool lifecycle_is_cut_off(const struct broker *b)
{
    return b->lifecycle.cut_off;
}

static const char *describe_running(const struct broker *b)
{
    const struct lifecycle *l = &b->lifecycle;
    if (l->cut_off) {
        return "cut off: no controller answers this broker, others may lead";
    }
    if (!l->fenced) {
        return "running";
    }
    return disk_space_is_out(b) ? "fenced, as this broker asked: others lead"
                                : "fenced: the controller did not hear of this broker in time, "
                                  "others lead";
}

bool lifecycle_describe(const struct broker *b, struct buf *ret_text)
{
    const struct lifecycle *l = &b->lifecycle;
    switch (l->state) {
    case LIFECYCLE_NONE:
        buf_append_str(ret_text, "running as a controller");
        return true;
    case LIFECYCLE_RUNNING:
        buf_append_str(ret_text, describe_running(b));
        disk_space_describe(b, ret_text);
        return !l->fenced && !l->cut_off;
    case LIFECYCLE_REGISTERING:
        buf_append_str(ret_text, "starting: this broker is not registered");
        break;
    case LIFECYCLE_RECOVERY:
        buf_append_str(ret_text, "starting: this broker is fenced until it has caught up");
        break;
    default:
        buf_append_str(ret_text, "stopping");
    }
    if (l->problem[0]) {
        buf_printf(ret_text, "; %s", l->problem);
    }
    return false;
}
