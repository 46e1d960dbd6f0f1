/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_start.c - from the disk to a part in the quorum. Driven by broker.c at start-up; blocks.
 *   (Q5) Whoever may have voted finds its vote again, or does not start. Who is no controller has
 *        nothing there that the quorum would not tell it.
 */
#include "broker/broker.h"
#include "broker/quorum_internal.h"
#include "broker/storage/quorum_state.h"
#include "protocol/base/alloc.h"

#include <assert.h>

/* What is gathered for the machine. */
struct opening {
    struct broker *broker;
    struct arena arena;
    struct raft_config config;
    struct raft_opening raft;
    bool found_state;
};

struct buf quorum_state_path(const struct broker *b)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/quorum-state", b->metadata.dir);
    return path;
}

static enum err read_state(struct opening *o, struct error *err)
{
    struct broker *b = o->broker;
    struct buf path = quorum_state_path(b);
    struct quorum_state state;
    enum err e = quorum_state_read(b->vfs, buf_cstr(&path), &state, err);
    buf_deinit(&path);
    o->raft.state = (struct raft_hard_state){ .leader_id = -1, .voted_id = -1 };
    if (e == ERR_CORRUPT && !b->roles.controller) {
        log_warn(&b->log, "quorum-state is damaged; this node is no controller and does without",
                 KV_STR("dir", b->metadata.dir));
        e = ERR_NOT_FOUND;
    }
    if (e == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (!e) {
        o->found_state = true;
        o->raft.state = (struct raft_hard_state){ .epoch = state.leader_epoch,
                                                  .leader_id = state.leader_id,
                                                  .voted_id = state.voted_id,
                                                  .voted_directory_id = state.voted_directory_id };
    }
    return e;
}

static void note_partition(void *ctx, const char *topic, int32_t partition)
{
    bool *found = ctx;
    (void)partition;
    *found |= strcmp(topic, METADATA_TOPIC) != 0;
}

/* Partitions are made only by who has metadata, and whoever may have voted has left a trace (Q7): a
 * log without a record beside them is not new, it was lost, and this node's vote with it. */
static enum err check_unused(const struct broker *b, struct error *err)
{
    bool used = log_dir_was_used(b->metadata_dir);
    enum err e = ERR_OK;
    for (uint32_t i = 0; !e && i < b->dir_count; i++) {
        e = log_dir_list(b->dirs[i].dir, note_partition, &used, err);
    }
    if (e || !used) {
        return e;
    }
    return err_set(err, ERR_CORRUPT,
                   "the metadata log %s is missing or empty, and its directory has been in use: "
                   "with it this node has lost its vote and what it acknowledged, and could elect "
                   "a leader that lacks topics. Put it back from a backup; or, when this is one of "
                   "several controllers, take it out of the quorum (`logboom quorum "
                   "remove-controller`), format its directories anew and add it again",
                   b->metadata.dir);
}

/* A log is written only by who has a state: without it a vote may have been lost. A node that is
 * the whole quorum by its configuration has nobody to vote for but itself. */
static enum err check_state(struct opening *o, struct error *err)
{
    const struct broker *b = o->broker;
    int32_t last = leader_epochs_latest(&b->metadata.log->epochs);
    if (!b->roles.controller && o->raft.state.epoch < last) {
        o->raft.state = (struct raft_hard_state){ .epoch = last, .leader_id = -1, .voted_id = -1 };
    }
    if (o->found_state || !b->roles.controller) {
        return ERR_OK;
    }
    if (b->metadata.log->end_offset == 0) {
        return check_unused(b, err);
    }
    if (o->config.static_voters.count == 1) {
        return ERR_OK;
    }
    return err_set(err, ERR_CORRUPT,
                   "%s/quorum-state is missing: it holds this node's vote, and a node that forgets "
                   "its vote could elect a second leader. Put the file back from a backup, or take "
                   "this controller out of the quorum (`logboom quorum remove-controller`), format "
                   "its directory anew and add it again",
                   b->metadata.dir);
}

/* --- configuration ---------------------------------------------------------------------------- */

static enum err own_endpoints(struct opening *o, struct error *err)
{
    const struct broker *b = o->broker;
    struct raft_endpoint *list = arena_array(&o->arena, b->listener_count + 1, sizeof(*list));
    if (!list) {
        return err_set(err, ERR_LIMIT, "there are too many listeners");
    }
    for (uint32_t i = 0; i < b->listener_count; i++) {
        const struct broker_listener *l = &b->listeners[i];
        const char *host = l->advertised_host ? l->advertised_host : l->host;
        if (l->kind != LISTENER_CONTROLLER) {
            continue;
        }
        if (o->config.endpoint_count == RAFT_VOTER_ENDPOINTS_MAX) {
            return err_set(err, ERR_CONFIG,
                           "controller.listener.names: more than %d listeners have these names",
                           RAFT_VOTER_ENDPOINTS_MAX);
        }
        if (!host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
            return err_set(err, ERR_CONFIG,
                           "listeners: %s://%s:%d listens on every address; say in "
                           "advertised.listeners at which one the other nodes find it",
                           l->name, l->host, (int)l->port);
        }
        list[o->config.endpoint_count++] =
            (struct raft_endpoint){ .name = slice_str(l->name),
                                    .host = slice_str(host),
                                    .port = l->advertised_host ? l->advertised_port : l->port };
    }
    o->config.endpoints = list;
    return ERR_OK;
}

static struct slice controller_listener_name(const struct broker *b)
{
    const struct config_list *names = &b->config->controller_listener_names;
    return slice_str(names->count ? names->items[0] : "CONTROLLER");
}

/* The voters of controller.quorum.voters; or the node alone, when neither the configuration nor the
 * disk knows of a quorum. */
static enum err static_voters(struct opening *o, struct error *err)
{
    struct broker *b = o->broker;
    bool alone = b->roles.voter_count == 0 && b->roles.bootstrap_count == 0 &&
                 b->roles.controller && o->raft.snapshot.kraft_version == 0;
    size_t count = alone ? 1 : b->roles.voter_count;
    struct raft_voter *voters = arena_array(&o->arena, count, sizeof(*voters));
    struct raft_endpoint *endpoints = arena_array(&o->arena, count, sizeof(*endpoints));
    if (!voters || !endpoints) {
        return err_set(err, ERR_LIMIT, "there are too many voters");
    }
    for (size_t i = 0; i < count; i++) {
        endpoints[i].name = controller_listener_name(b);
        endpoints[i].host = slice_str(alone ? "localhost" : b->roles.voters[i].host);
        endpoints[i].port = alone ? 0 : b->roles.voters[i].port;
        voters[i] = (struct raft_voter){ .id = alone ? b->node_id : b->roles.voters[i].id,
                                         .endpoints = &endpoints[i],
                                         .endpoint_count = 1,
                                         .kraft_version_max = 1 };
    }
    o->config.static_voters = (struct raft_voter_set){ voters, count };
    return ERR_OK;
}

static enum err bootstrap_servers(struct opening *o, struct error *err)
{
    const struct quorum_config *roles = &o->broker->roles;
    struct raft_endpoint *list = arena_array(&o->arena, roles->bootstrap_count, sizeof(*list));
    if (!list) {
        return err_set(err, ERR_LIMIT, "there are too many bootstrap servers");
    }
    for (uint32_t i = 0; i < roles->bootstrap_count; i++) {
        list[i].host = slice_str(roles->bootstrap[i].host);
        list[i].port = roles->bootstrap[i].port;
    }
    o->config.bootstrap_servers = list;
    o->config.bootstrap_server_count = roles->bootstrap_count;
    return ERR_OK;
}

static enum err configure(struct opening *o, const struct uuid *directory_id, struct error *err)
{
    struct broker *b = o->broker;
    const struct broker_config *c = b->config;
    struct raft_config *rc = &o->config;
    raft_config_init(rc);
    rc->node_id = b->node_id;
    rc->directory_id = *directory_id;
    rc->cluster_id = slice_str(b->cluster_id);
    rc->can_vote = b->roles.controller;
    rc->listener_name = controller_listener_name(b);
    rc->election_timeout_ms = (uint32_t)c->controller_quorum_election_timeout_ms;
    rc->election_backoff_max_ms = (uint32_t)c->controller_quorum_election_backoff_max_ms;
    rc->fetch_timeout_ms = (uint32_t)c->controller_quorum_fetch_timeout_ms;
    rc->retry_backoff_ms = (uint32_t)c->controller_quorum_retry_backoff_ms;
    rc->auto_join = c->controller_quorum_auto_join_enable;
    enum err e = own_endpoints(o, err);
    if (!e) {
        e = static_voters(o, err);
    }
    return e ? e : bootstrap_servers(o, err);
}

/* --- the log ---------------------------------------------------------------------------------- */

/* The first segment may begin in front of where the log was cut, and the epoch of what was before
 * it is known to the snapshots only: the log begins where one of them ends. */
static void describe_start(struct opening *o)
{
    const struct snapshots *s = &o->broker->snapshots;
    const struct partition_log *log = o->broker->metadata.log;
    o->raft.log_start_offset = log->start_offset;
    if (log->start_offset > 0) {
        struct snapshot_id id = s->older.end_offset >= log->start_offset ? s->older : s->latest;
        o->raft.log_start_offset = id.end_offset;
        o->raft.log_start_epoch = id.epoch;
    }
}

static enum err describe_log(struct opening *o, struct error *err)
{
    const struct partition_log *log = o->broker->metadata.log;
    uint32_t count = log->epochs.count;
    struct raft_epoch_start *epochs = arena_array(&o->arena, count, sizeof(*epochs));
    if (!epochs) {
        return err_set(err, ERR_LIMIT, "the metadata log has too many epochs");
    }
    for (uint32_t i = 0; i < count; i++) {
        epochs[i] = (struct raft_epoch_start){ log->epochs.entries[i].epoch,
                                               log->epochs.entries[i].start_offset };
    }
    describe_start(o);
    o->raft.log_end_offset = log->end_offset;
    o->raft.epochs = epochs;
    o->raft.epoch_count = count;
    return ERR_OK;
}

static enum err load_control(void *ctx, const struct batch_view *batch, struct error *err)
{
    struct broker *b = ctx;
    if (!(batch->attributes & BATCH_ATTR_CONTROL)) {
        return ERR_OK;
    }
    enum err e = raft_load_batch(b->quorum.raft, batch->bytes);
    return e ? err_set(err, e,
                       "metadata log %s: the control batch at offset %lld cannot be read: %s",
                       b->metadata.dir, (long long)batch->base_offset, err_text(e))
             : ERR_OK;
}

static enum err gather(struct opening *o, const struct log_dir *dir, struct error *err)
{
    struct broker *b = o->broker;
    enum err e = metadata_log_open(b, dir, err);
    if (!e) {
        o->raft.snapshot.id.end_offset = -1;
        e = snapshots_load(b, dir->path, &o->arena, &o->raft.snapshot, err);
    }
    if (!e) {
        e = read_state(o, err);
    }
    if (!e) {
        e = describe_log(o, err);
    }
    if (!e) {
        e = configure(o, &dir->meta.directory_id, err);
    }
    return e ? e : check_state(o, err);
}

/* The file is written before the first record of its epoch; but for a sole voter's at the start,
 * who has nobody to promise a vote to. */
static enum err check_epoch(const struct opening *o, struct error *err)
{
    const struct broker *b = o->broker;
    int32_t last = leader_epochs_latest(&b->metadata.log->epochs);
    if (!o->found_state || o->raft.state.epoch >= last || quorum_is_sole_voter(b)) {
        return ERR_OK;
    }
    return err_set(err, ERR_CORRUPT,
                   "%s/quorum-state is of epoch %d, and the log beside it has records of epoch %d: "
                   "it is an older file, or another log's. A node that forgets its vote could "
                   "elect a second leader. Put the whole directory back as it was, or take this "
                   "controller out of the quorum (`logboom quorum remove-controller`), format its "
                   "directory anew and add it again",
                   b->metadata.dir, (int)o->raft.state.epoch, (int)last);
}

/* A directory id that is not the voter's is a new directory of its node's, which follows; or a
 * damaged one: certainly where it is the only voter, and there is nobody to follow. */
static enum err check_directory(const struct broker *b, const struct log_dir *dir,
                                struct error *err)
{
    struct raft_voter_set set = raft_voters(b->quorum.raft);
    for (size_t i = 0; i < set.count && raft_kraft_version(b->quorum.raft) > 0; i++) {
        char own[23], voters[23];
        if (set.voters[i].id != b->node_id ||
            uuid_eq(&set.voters[i].directory_id, &dir->meta.directory_id)) {
            continue;
        }
        uuid_format(&dir->meta.directory_id, own);
        uuid_format(&set.voters[i].directory_id, voters);
        if (set.count == 1) {
            return err_set(err, ERR_CORRUPT,
                           "%s/meta.properties says directory.id=%s, and the only voter of the "
                           "metadata beside it is this node with directory.id=%s: the file is "
                           "damaged, or another directory's; put directory.id back",
                           dir->path, own, voters);
        }
        log_warn(&b->log,
                 "this node is no voter: its directory.id is not the one that the voters know. "
                 "When the directory is a new one, take the old one out and add it (`logboom "
                 "quorum remove-controller`, `add-controller`); otherwise meta.properties is "
                 "damaged",
                 KV_STR("directory_id", own), KV_STR("voter_directory_id", voters));
    }
    return ERR_OK;
}

/* A voter leads alone: what is in its log is committed, and is applied before this returns. */
static enum err run_blocking(struct broker *b, struct error *err)
{
    struct quorum *q = &b->quorum;
    q->blocking = true;
    quorum_run(b);
    q->blocking = false;
    if (q->dead) {
        *err = q->why;
    }
    return q->dead;
}

enum err quorum_start(struct broker *b, const struct log_dir *dir, struct error *err)
{
    struct opening o = { .broker = b };
    arena_init(&o.arena, QUORUM_ARENA_BYTES);
    enum err e = gather(&o, dir, err);
    if (!e) {
        b->quorum.raft = raft_new(&o.config, &o.raft, env_random(b->env));
        b->quorum.committed = b->metadata.applied_offset;
        b->quorum.applied_epoch = o.raft.snapshot.id.end_offset > 0 ? o.raft.snapshot.id.epoch : -1;
        e = metadata_log_walk(b, b->metadata.log->start_offset, b->metadata.log->end_offset,
                              load_control, b, err);
    }
    e = e ? e : check_epoch(&o, err);
    e = e ? e : check_directory(b, dir, err);
    arena_deinit(&o.arena);
    if (!e) {
        raft_start(b->quorum.raft, quorum_now(b));
        e = run_blocking(b, err);
    }
    return e;
}

struct waiting_proposal {
    struct quorum_proposal proposal;
    enum err status;
    bool done;
};

static void waited(struct quorum_proposal *p, enum err status)
{
    struct waiting_proposal *w = container_of(p, struct waiting_proposal, proposal);
    w->status = status;
    w->done = true;
}

enum err quorum_propose_now(struct broker *b, const struct metadata_records *records,
                            struct error *err)
{
    struct waiting_proposal w = { .proposal = { .done = waited } };
    enum err e = quorum_propose(b, records, &w.proposal);
    if (e) {
        err_set(err, e, "the metadata cannot be written: %s", err_text(e));
    } else {
        e = run_blocking(b, err);
        assert(w.done);
    }
    quorum_proposal_deinit(&w.proposal);
    return e;
}
