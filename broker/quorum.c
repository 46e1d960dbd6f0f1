/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum.c - carries out what the consensus machine decides; see quorum.h. Driven by the loop
 * (timer, worker, replies of peers), by handlers (quorum_request) and by the controller
 * (quorum_propose). Start-up is in quorum_start.c, the way to other nodes in quorum_peers.c.
 *   (Q1) Outputs are carried out in order, each before the next is looked at, and never from inside
 *        one another.
 *   (Q2) Nothing is carried out after a failure of the disk: a node that cannot keep its vote or
 *        its log neither votes nor answers.
 *   (Q3) Records are applied between outputs, never among them: who hears of a record may propose
 *        the next.
 *   (Q6) A full disk is a slow one: the output that found it full is tried again, all others wait
 *        behind it, and what comes from outside is refused, so that the others elect another
 *        leader. Proposals under way wait: outputs point into them.
 *   (Q7) Whoever may have voted leaves a trace of it beside the metadata log's directory, before
 *        anybody hears of the vote: a log that is lost as a whole is no new one (quorum_start.c).
 */
#include "broker/quorum.h"

#include "broker/broker.h"
#include "broker/quorum_internal.h"
#include "broker/storage/checkpoint.h"
#include "broker/storage/quorum_state.h"
#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

enum { SPACE_RETRY_MS = 500 };

struct raft_now quorum_now(const struct broker *b)
{
    return (struct raft_now){ env_mono_ns(b->env), env_wall_ms(b->env) };
}

/* --- failure ---------------------------------------------------------------------------------- */

static void end_proposals(struct broker *b, enum err status)
{
    struct quorum *q = &b->quorum;
    struct list_node ended;
    list_init(&ended);
    for (struct list_node *node; (node = list_pop_front(&q->proposals));) {
        list_push_back(&ended, node);
    }
    for (struct list_node *node; (node = list_pop_front(&ended));) {
        struct quorum_proposal *p = list_entry(node, struct quorum_proposal, link);
        p->done(p, status);
    }
}

void quorum_die(struct broker *b, enum err why, const char *text)
{
    if (b->quorum.dead) {
        return;
    }
    b->quorum.dead = why;
    (void)err_set(&b->quorum.why, why, "%s", text);
    timer_cancel(b->env, &b->quorum.timer);
    log_error(&b->log, "the node cannot take part in the quorum any more", KV_STR("error", text));
    if (b->events.failed && !b->quorum.blocking) {
        b->events.failed(b->events_ctx, &b->quorum.why);
    }
}

static void disk_is_full(struct broker *b, const char *text)
{
    if (!b->quorum.told_full) {
        log_error(&b->log,
                  "the disk of the metadata log is full: this node takes no part in the quorum "
                  "until there is space again",
                  KV_STR("error", text));
    }
    b->quorum.full = b->quorum.told_full = true;
}

/* --- outputs ---------------------------------------------------------------------------------- */

/* (Q7) A sole voter has nobody to mislead. */
static enum err leave_trace(struct broker *b, struct error *err)
{
    if (b->quorum.left_trace || quorum_is_sole_voter(b)) {
        return ERR_OK;
    }
    enum err e = ERR_OK;
    if (!log_dir_was_used(b->metadata_dir)) {
        e = log_dir_write(b->metadata_dir, CHECKPOINT_RECOVERY_POINT,
                          &(struct offset_checkpoint){ 0 }, err);
    }
    b->quorum.left_trace = e == ERR_OK;
    return e;
}

static enum err write_state(struct broker *b, struct error *err)
{
    const struct raft_hard_state *hard = &b->quorum.state;
    int32_t ids[RAFT_VOTERS_MAX];
    struct raft_voter_set set = raft_voters(b->quorum.raft);
    struct quorum_state state = { .version = b->quorum.state_version > 0,
                                  .leader_id = hard->leader_id,
                                  .leader_epoch = hard->epoch,
                                  .voted_id = hard->voted_id,
                                  .voted_directory_id = hard->voted_directory_id,
                                  .voters = ids };
    for (size_t i = 0; i < set.count; i++) {
        ids[state.voter_count++] = set.voters[i].id;
    }
    struct buf path = quorum_state_path(b);
    enum err e = quorum_state_write(b->vfs, buf_cstr(&path), &state, err);
    buf_deinit(&path);
    b->quorum.state_unsaved = false;
    return e ? e : leave_trace(b, err);
}

static enum err save_state(struct broker *b, const struct raft_output *out, struct error *err)
{
    b->quorum.state = out->state;
    b->quorum.state_version = out->kraft_version;
    b->quorum.state_unsaved = true;
    /* At start nothing leaves, so that the last one is enough: see sync_log(). */
    return b->quorum.blocking ? ERR_OK : write_state(b, err);
}

static enum err truncate_log(struct broker *b, int64_t offset, struct error *err)
{
    if (offset < b->metadata.applied_offset) {
        return err_set(err, ERR_CORRUPT,
                       "the leader's log differs at offset %lld from records that were committed "
                       "up to offset %lld",
                       (long long)offset, (long long)b->metadata.applied_offset);
    }
    log_info(&b->log, "cut the metadata log back to where the leader's agrees",
             KV_INT("offset", offset), KV_INT("end_offset", b->metadata.log->end_offset));
    return metadata_log_truncate_to(b, offset, err);
}

static enum err adopt_snapshot(struct broker *b, const struct raft_output *out, struct error *err)
{
    struct quorum *q = &b->quorum;
    struct arena arena;
    struct raft_snapshot snapshot;
    arena_init(&arena, QUORUM_ARENA_BYTES);
    struct snapshot_id id = { out->snapshot_id.end_offset, out->snapshot_id.epoch };
    enum err e = snapshots_adopt(b, id, &arena, &snapshot, err);
    if (!e) {
        q->committed = q->committed > id.end_offset ? q->committed : id.end_offset;
        q->applied_epoch = id.epoch;
        raft_snapshot_adopted(q->raft, quorum_now(b), &snapshot);
    } else if (e == ERR_CORRUPT || e == ERR_NO_SPACE) {
        log_warn(&b->log,
                 "the snapshot that came from the leader cannot be used and is fetched again",
                 KV_STR("error", err->text));
        raft_snapshot_rejected(q->raft, quorum_now(b));
        e = ERR_OK;
    }
    arena_deinit(&arena);
    return e;
}

static void tell_role(struct broker *b, const struct raft_output *out)
{
    log_info(&b->log, "role in the quorum", KV_STR("role", raft_role_text(out->role)),
             KV_INT("epoch", out->state.epoch), KV_INT("leader", out->state.leader_id));
    controller_channel_wake(b);
    if (out->role == RAFT_FOLLOWER) {
        lifecycle_new_controller(b);
    }
}

static enum err carry_out(struct broker *b, const struct raft_output *out, struct error *err)
{
    bool leaves = out->kind == RAFT_SEND || out->kind == RAFT_REPLY;
    if (leaves && b->quorum.state_unsaved && write_state(b, err)) {
        return err->code;
    }
    switch (out->kind) {
    case RAFT_SAVE_STATE:
        return save_state(b, out, err);
    case RAFT_TRUNCATE:
        return truncate_log(b, out->offset, err);
    case RAFT_APPEND:
        return log_append(b->metadata.log, out->bytes, env_wall_ms(b->env), err);
    case RAFT_SNAPSHOT_CHUNK:
        return snapshots_fetched(b,
                                 (struct snapshot_id){ out->snapshot_id.end_offset,
                                                       out->snapshot_id.epoch },
                                 out->offset, out->bytes, err);
    case RAFT_SNAPSHOT_ADOPT:
        return adopt_snapshot(b, out, err);
    case RAFT_SEND:
        quorum_send(b, out);
        return ERR_OK;
    case RAFT_REPLY:
        quorum_reply(b, out);
        return ERR_OK;
    case RAFT_COMMIT:
        b->quorum.committed = out->offset;
        return ERR_OK;
    case RAFT_ROLE:
        tell_role(b, out);
        return ERR_OK;
    case RAFT_FAULT:
        return err_set(err, ERR_CORRUPT, "%s", out->text);
    }
    return ERR_OK;
}

/* --- what is committed ------------------------------------------------------------------------ */

/* The image is newer: opens the logs once it knows of this run of the node, so that all topics that
 * were there before are in it. */
static bool follow_image(struct broker *b)
{
    const struct image_broker *own = image_broker(&b->image, b->node_id);
    if (!b->logs_open && own && uuid_eq(&own->incarnation, &b->incarnation)) {
        log_opener_start(b);
    }
    lifecycle_applied(b);
    return !b->quorum.dead;
}

/* True when something moved: the machine may have more to say. */
static bool apply(struct broker *b)
{
    struct metadata_log *m = &b->metadata;
    int64_t to =
        b->quorum.committed < m->log->end_offset ? b->quorum.committed : m->log->end_offset;
    if (to <= m->applied_offset) {
        return false;
    }
    struct error err;
    enum err e = metadata_log_apply(b, to, &err);
    if (e) {
        quorum_die(b, e, err.text);
        return false;
    }
    b->quorum.applied_epoch = leader_epochs_of(&m->log->epochs, m->applied_offset - 1);
    return b->quorum.blocking || follow_image(b);
}

/* Ends the proposals that are applied, and those of an epoch that is over. */
static bool settle_proposals(struct broker *b)
{
    struct quorum *q = &b->quorum;
    bool leads = raft_role(q->raft) == RAFT_LEADER;
    bool any = false;
    for (struct list_node *node; !q->dead && (node = list_first(&q->proposals));) {
        struct quorum_proposal *p = list_entry(node, struct quorum_proposal, link);
        bool same = leads && p->epoch == raft_epoch(q->raft);
        bool applied = p->end_offset <= b->metadata.applied_offset &&
                       leader_epochs_of(&b->metadata.log->epochs, p->base_offset) == p->epoch;
        if (!applied && same) {
            break;
        }
        list_remove(&p->link);
        p->done(p, applied ? ERR_OK : ERR_AGAIN);
        any = true;
    }
    return any;
}

/* --- syncing ---------------------------------------------------------------------------------- */

static void flush_run(struct work *w)
{
    struct quorum *q = container_of(w, struct quorum, flush_work);
    q->flush_status = log_flush_run(q->flush);
}

static void flush_ended(struct broker *b)
{
    struct quorum *q = &b->quorum;
    int64_t offset = log_flush_offset(q->flush);
    log_flush_done(b->metadata.log, q->flush, q->flush_status);
    q->flush = NULL;
    if (q->flush_status) {
        quorum_die(b, q->flush_status,
                   "the metadata log could not be synced: what its disk holds is not known");
    } else if (!q->dead) {
        metadata_log_synced(b);
        raft_synced(q->raft, quorum_now(b), offset, q->flush_truncations);
    }
}

static void flush_done(struct work *w)
{
    struct quorum *q = container_of(w, struct quorum, flush_work);
    struct broker *b = container_of(q, struct broker, quorum);
    flush_ended(b);
    quorum_run(b);
    broker_check_drained(b);
}

/* True when the machine heard of a sync already. */
static bool sync_log(struct broker *b)
{
    struct quorum *q = &b->quorum;
    struct error err;
    if (q->state_unsaved && write_state(b, &err)) {
        quorum_die(b, err.code, err.text);
        return false;
    }
    if (q->flush || !log_needs_flush(b->metadata.log)) {
        return false;
    }
    q->flush_truncations = raft_truncations(q->raft);
    enum err e = log_flush_begin(b->metadata.log, &q->flush, &err);
    if (e == ERR_NO_SPACE && !q->blocking) {
        disk_is_full(b, err.text);
    } else if (e) {
        quorum_die(b, e, err.text);
        return false;
    }
    if (!q->flush) {
        return false;
    }
    q->flush_work = (struct work){ .run = flush_run, .done = flush_done };
    if (!q->blocking) {
        env_work(b->env, &q->flush_work);
        return !q->flush; /* an env without threads is through already */
    }
    flush_run(&q->flush_work);
    flush_ended(b);
    return true;
}

/* --- the turn --------------------------------------------------------------------------------- */

/* The bytes may lie in a response that goes. */
static void hold_back(struct broker *b, const struct raft_output *out)
{
    struct quorum *q = &b->quorum;
    q->held = *out;
    q->held_back = true;
    if (out->bytes.len > 0) {
        q->held.bytes = slice_of(mem_strndup(out->bytes.ptr, out->bytes.len), out->bytes.len);
    }
}

static void let_go(struct quorum *q)
{
    if (q->held_back && q->held.bytes.len > 0) {
        mem_free((void *)(uintptr_t)q->held.bytes.ptr);
    }
    q->held_back = false;
}

/* false: the disk is full still, or failed. */
static bool carry_out_held(struct broker *b)
{
    struct quorum *q = &b->quorum;
    struct error err;
    enum err e = q->held_back ? carry_out(b, &q->held, &err) : ERR_OK;
    if (e == ERR_NO_SPACE) {
        disk_is_full(b, err.text);
        return false;
    }
    let_go(q);
    if (e) {
        quorum_die(b, e, err.text);
    }
    return !e;
}

static void carry_out_all(struct broker *b)
{
    struct quorum *q = &b->quorum;
    const struct raft_output *out;
    while (!q->dead && !q->full && carry_out_held(b) && (out = raft_next_output(q->raft))) {
        struct error err;
        enum err e = carry_out(b, out, &err);
        if (e == ERR_NO_SPACE && !q->blocking) {
            disk_is_full(b, err.text);
            hold_back(b, out);
        } else if (e) {
            quorum_die(b, e, err.text);
        }
    }
}

/* Is there space again? What waits for it is tried. */
static void try_again(struct broker *b)
{
    struct quorum *q = &b->quorum;
    q->full = false;
    if (carry_out_held(b)) {
        q->told_full = false;
        log_info(&b->log, "the disk of the metadata log has space again");
    }
}

static void on_timer(void *owner)
{
    struct broker *b = owner;
    if (b->quorum.full && !b->quorum.dead) {
        try_again(b);
    }
    if (!b->quorum.dead && !b->quorum.full) {
        raft_tick(b->quorum.raft, quorum_now(b));
    }
    quorum_run(b);
}

void quorum_init(struct broker *b)
{
    struct quorum *q = &b->quorum;
    q->timer = (struct timer){ .fire = on_timer, .owner = b };
    q->applied_epoch = -1;
    list_init(&q->proposals);
    list_init(&q->sends);
}

void quorum_run(struct broker *b)
{
    struct quorum *q = &b->quorum;
    if (q->running || !q->raft) {
        return;
    }
    q->running = true;
    bool more = true;
    while (more && !q->dead) {
        carry_out_all(b);
        more = !q->dead && sync_log(b);
        more |= !q->dead && apply(b);
        more |= !q->dead && settle_proposals(b);
        more |= !q->dead && controller_node_run(b);
    }
    q->running = false;
    if (q->dead) {
        end_proposals(b, q->dead);
        controller_node_run(b);
        return;
    }
    snapshots_check(b);
    uint64_t deadline = raft_deadline_ns(q->raft);
    if (q->full) {
        timer_arm_in(b->env, &q->timer, (uint64_t)SPACE_RETRY_MS * NS_PER_MS);
    } else if (deadline == UINT64_MAX) {
        timer_cancel(b->env, &q->timer);
    } else {
        timer_arm(b->env, &q->timer, deadline);
    }
}

/* --- proposals -------------------------------------------------------------------------------- */

static enum err build_batch(struct broker *b, const struct metadata_records *records,
                            struct batch_builder *builder, struct slice *ret_bytes)
{
    const struct batch_seal seal = {
        .codec = CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1
    };
    int64_t now_ms = env_wall_ms(b->env);
    batch_builder_reset(builder);
    for (uint32_t i = 0; i < records->count; i++) {
        struct record rec = { .timestamp_ms = now_ms, .value = metadata_records_at(records, i) };
        batch_builder_append(builder, &rec);
    }
    struct buf unused = { 0 };
    enum err e = batch_builder_seal(builder, &seal, &unused, ret_bytes);
    buf_deinit(&unused);
    return !e && ret_bytes->len > METADATA_BATCH_BYTES_MAX ? ERR_LIMIT : e;
}

enum err quorum_propose(struct broker *b, const struct metadata_records *records,
                        struct quorum_proposal *p)
{
    struct quorum *q = &b->quorum;
    struct slice bytes;
    assert(records->count > 0);
    if (!quorum_is_leader(b)) {
        return q->dead ? q->dead : ERR_AGAIN;
    }
    enum err e = build_batch(b, records, &p->builder, &bytes);
    if (!e) {
        p->epoch = raft_epoch(q->raft);
        e = raft_propose(q->raft, quorum_now(b), p->epoch, p->builder.buf.ptr, bytes.len,
                         &p->base_offset, &p->end_offset);
    }
    if (e) {
        return e;
    }
    list_push_back(&q->proposals, &p->link);
    if (!q->running && !q->full) { /* done() never comes from inside this call */
        timer_arm_in(b->env, &q->timer, 0);
    }
    return ERR_OK;
}

void quorum_proposal_deinit(struct quorum_proposal *p)
{
    batch_builder_deinit(&p->builder);
}

/* --- questions -------------------------------------------------------------------------------- */

bool quorum_is_alive(const struct broker *b)
{
    return b->quorum.raft && !b->quorum.dead;
}

bool quorum_is_leader(const struct broker *b)
{
    const struct quorum *q = &b->quorum;
    return quorum_is_alive(b) && !q->full && raft_role(q->raft) == RAFT_LEADER &&
           q->applied_epoch == raft_epoch(q->raft);
}

int32_t quorum_epoch(const struct broker *b)
{
    return b->quorum.raft ? raft_epoch(b->quorum.raft) : 0;
}

bool quorum_own_id_leads(const struct broker *b)
{
    return b->quorum.raft && raft_own_id_leads(b->quorum.raft);
}

int32_t quorum_leader(const struct broker *b)
{
    return quorum_is_alive(b) && !b->quorum.full ? raft_leader_id(b->quorum.raft) : -1;
}

bool quorum_leader_address(const struct broker *b, char *ret_host, size_t host_size,
                           uint16_t *ret_port)
{
    struct raft_endpoint e;
    if (!quorum_is_alive(b) || !raft_leader_endpoint(b->quorum.raft, &e)) {
        return false;
    }
    (void)snprintf(ret_host, host_size, "%.*s", SLICE_ARG(e.host));
    *ret_port = e.port;
    return true;
}

int64_t quorum_high_watermark(const struct broker *b)
{
    return b->quorum.raft ? raft_high_watermark(b->quorum.raft) : 0;
}

int64_t quorum_end_offset(const struct broker *b)
{
    return b->quorum.raft ? raft_log_end_offset(b->quorum.raft) : 0;
}

bool quorum_is_sole_voter(const struct broker *b)
{
    const struct raft *r = b->quorum.raft;
    return r && raft_is_voter(r) && raft_voters(r).count == 1;
}

uint32_t quorum_voter_ids(const struct broker *b, int32_t *ret_ids, uint32_t max)
{
    if (!b->quorum.raft) {
        return 0;
    }
    struct raft_voter_set set = raft_voters(b->quorum.raft);
    uint32_t count = 0;
    while (count < set.count && count < max) {
        ret_ids[count] = set.voters[count].id;
        count++;
    }
    return count;
}

const struct metadata_records *quorum_bootstrap_records(const struct broker *b)
{
    return &b->snapshots.bootstrap;
}

/* --- the end ---------------------------------------------------------------------------------- */

void quorum_shutdown(struct broker *b)
{
    if (quorum_is_alive(b)) {
        raft_shutdown(b->quorum.raft, quorum_now(b));
        quorum_run(b);
    }
}

void quorum_upkeep(struct broker *b)
{
    int64_t next_due_ms;
    struct error err;
    struct partition_log *log = b->metadata.log;
    if (log->doomed_count && log_unlink_due(log, env_wall_ms(b->env), &next_due_ms, &err)) {
        log_warn(&b->log, "a deleted segment of the metadata log could not be removed",
                 KV_STR("error", err.text));
    }
    snapshots_check(b);
}

bool quorum_is_idle(const struct broker *b)
{
    return !b->quorum.flush && snapshots_are_idle(b);
}

bool quorum_is_shut_down(const struct broker *b)
{
    return !quorum_is_alive(b) || raft_is_shut_down(b->quorum.raft);
}

void quorum_deinit(struct broker *b)
{
    struct quorum *q = &b->quorum;
    timer_cancel(b->env, &q->timer);
    let_go(q);
    quorum_cancel_sends(b);
    raft_free(q->raft);
    q->raft = NULL;
    end_proposals(b, ERR_CANCELED);
    snapshots_deinit(b);
}
