/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_log.c - see metadata_log.h. Driven by broker.c at start-up, by the handlers of changes,
 * and by its own worker's end.
 *   (M1) At most one change is under way; the next one is prepared when its records are
 *        applied.
 *   (M2) A record is applied only when it is on the disk.
 *   (M3) image.end_offset is the log's end whenever no change is under way.
 */
#include "broker/metadata_log.h"

#include "broker/broker.h"
#include "broker/controller/broker_changes.h"
#include "protocol/base/alloc.h"
#include "protocol/daemon/json.h"

#include <assert.h>

enum {
    READ_BYTES = 1 << 20,
    BATCH_PLAIN_BYTES_MAX = 64 << 20,
    QUORUM_STATE_BYTES_MAX = 64 * 1024,
    CONTROL_LEADER_CHANGE = 2,
};

/* --- appending -------------------------------------------------------------------------------- */

static enum err append_batch(struct metadata_log *m, int16_t attributes, struct error *err)
{
    struct batch_seal seal = { .codec = CODEC_NONE,
                               .attributes = attributes,
                               .producer_id = -1,
                               .producer_epoch = -1,
                               .base_sequence = -1 };
    struct slice bytes;
    struct buf unused = { 0 };
    enum err e = batch_builder_seal(&m->builder, &seal, &unused, &bytes);
    buf_deinit(&unused);
    if (e) {
        return err_set(err, e, "metadata log: the batch cannot be built: %s", err_text(e));
    }
    batch_stamp(m->builder.buf.ptr, m->log->end_offset, m->epoch);
    e = log_append(m->log, bytes, env_wall_ms(m->broker->env), err);
    batch_builder_reset(&m->builder);
    return e;
}

static enum err append_records(struct metadata_log *m, struct error *err)
{
    int64_t now_ms = env_wall_ms(m->broker->env);
    batch_builder_reset(&m->builder);
    for (uint32_t i = 0; i < m->records.count; i++) {
        struct record rec = { .timestamp_ms = now_ms,
                              .value = metadata_records_at(&m->records, i) };
        batch_builder_append(&m->builder, &rec);
    }
    m->base_offset = m->log->end_offset;
    return append_batch(m, 0, err);
}

static enum err append_leader_change(struct metadata_log *m, struct error *err)
{
    struct leader_change_message msg;
    struct leader_change_message_voter voter;
    schema_init(&leader_change_message_schema, &msg);
    schema_init(&leader_change_message_voter_schema, &voter);
    voter.voter_id = m->broker->node_id;
    msg.leader_id = m->broker->node_id;
    msg.voters = msg.granting_voters = &voter;
    msg.voters_n = msg.granting_voters_n = 1;
    static const uint8_t key[] = { 0, 0, 0, CONTROL_LEADER_CHANGE };
    struct buf body = { 0 };
    struct writer w;
    writer_init(&w, &body);
    enum err e = schema_encode(&leader_change_message_schema, 0, &w, &msg);
    assert(e == ERR_OK);
    (void)e;
    struct record rec = { .timestamp_ms = env_wall_ms(m->broker->env),
                          .key = slice_of(key, sizeof(key)),
                          .value = buf_slice(&body) };
    batch_builder_reset(&m->builder);
    batch_builder_append(&m->builder, &rec);
    buf_deinit(&body);
    return append_batch(m, BATCH_ATTR_CONTROL, err);
}

/* Applies what append_records() wrote; it is durable now. */
static void apply_records(struct metadata_log *m)
{
    struct broker *b = m->broker;
    for (uint32_t i = 0; i < m->records.count; i++) {
        struct image_change change;
        enum err e = image_apply(&b->image, metadata_records_at(&m->records, i), m->base_offset + i,
                                 &change);
        assert(e == ERR_OK); /* we made them against this image */
        (void)e;
        topics_apply(b, &change);
        image_change_release(&change);
    }
    metadata_records_reset(&m->records);
    if (b->state != BROKER_STARTING) {
        groups_start(b);
    }
}

static enum err write_now(struct metadata_log *m, struct error *err)
{
    enum err e = append_records(m, err);
    if (!e) {
        e = log_flush(m->log, err);
    }
    if (!e) {
        apply_records(m);
    }
    return e;
}

/* --- changes while running -------------------------------------------------------------------- */

static void run_queue(struct metadata_log *m);

static void finish(struct metadata_log *m, enum err status)
{
    struct metadata_op *op = m->running;
    m->running = NULL;
    metadata_records_reset(&m->records);
    op->done(op, status);
}

static void flush_run(struct work *w)
{
    struct metadata_log *m = container_of(w, struct metadata_log, work);
    m->flush_status = log_flush_run(m->flush);
}

static void flush_done(struct work *w)
{
    struct metadata_log *m = container_of(w, struct metadata_log, work);
    log_flush_done(m->log, m->flush, m->flush_status);
    m->flush = NULL;
    if (m->flush_status) {
        log_error(&m->broker->log,
                  "the metadata log could not be synced; nothing can be changed now",
                  KV_STR("error", err_text(m->flush_status)));
    } else {
        apply_records(m);
    }
    finish(m, m->flush_status);
    run_queue(m);
    broker_check_drained(m->broker);
}

/* True when the change waits for the disk. */
static bool begin(struct metadata_log *m, struct metadata_op *op)
{
    struct error err;
    m->running = op;
    metadata_records_reset(&m->records);
    op->prepare(op, &m->records);
    if (m->records.count == 0) {
        finish(m, ERR_OK);
        return false;
    }
    enum err e = append_records(m, &err);
    if (!e) {
        e = log_flush_begin(m->log, &m->flush, &err);
    }
    if (e) {
        log_error(&m->broker->log, "a metadata change could not be written",
                  KV_STR("error", err.text));
        finish(m, e);
        return false;
    }
    m->work = (struct work){ .run = flush_run, .done = flush_done };
    env_work(m->broker->env, &m->work);
    return true;
}

static void run_queue(struct metadata_log *m)
{
    if (m->in_queue_run) {
        return; /* done() submitted another one: the loop below takes it */
    }
    m->in_queue_run = true;
    for (struct list_node *node; !m->running && (node = list_pop_front(&m->queue));) {
        if (begin(m, list_entry(node, struct metadata_op, link))) {
            break;
        }
    }
    m->in_queue_run = false;
}

void metadata_submit(struct broker *b, struct metadata_op *op)
{
    op->broker = b;
    list_push_back(&b->metadata.queue, &op->link);
    run_queue(&b->metadata);
}

bool metadata_log_is_idle(const struct metadata_log *m)
{
    return !m->running && list_is_empty(&m->queue);
}

/* --- reading at start-up ---------------------------------------------------------------------- */

static enum err apply_batch(struct metadata_log *m, const struct batch_view *batch,
                            struct error *err)
{
    struct broker *b = m->broker;
    if (batch->attributes & BATCH_ATTR_CONTROL) {
        b->image.end_offset = batch_last_offset(batch) + 1;
        return ERR_OK;
    }
    struct buf scratch = { 0 };
    struct batch_iter it;
    struct record rec;
    enum err e = batch_iter_init(&it, batch, &scratch, BATCH_PLAIN_BYTES_MAX);
    while (!e && !(e = batch_iter_next(&it, &rec))) {
        struct image_change change;
        e = image_apply(&b->image, rec.value, rec.offset, &change);
        if (e) {
            err_set(
                err, e,
                "metadata log %s: the record at offset %lld cannot be applied (%s); it may have "
                "been written by a later release",
                m->dir, (long long)rec.offset, err_text(e));
            buf_deinit(&scratch);
            return e;
        }
        topics_apply(b, &change);
        image_change_release(&change);
    }
    buf_deinit(&scratch);
    return e == ERR_NOT_FOUND ? ERR_OK
                              : err_set(err, e, "metadata log %s: %s", m->dir, err_text(e));
}

static enum err replay(struct metadata_log *m, struct error *err)
{
    struct buf bytes = { 0 };
    int64_t offset = m->log->start_offset;
    enum err e = ERR_OK;
    if (offset > 0) {
        return err_set(
            err, ERR_UNSUPPORTED,
            "metadata log %s begins at offset %lld, behind a snapshot; snapshots are not "
            "read by this release",
            m->dir, (long long)offset);
    }
    while (!e && offset < m->log->end_offset) {
        buf_reset(&bytes);
        e = log_read_copy(m->log, offset, READ_BYTES, m->log->end_offset, &bytes);
        if (!e && bytes.len == 0) {
            e = ERR_CORRUPT;
        }
        if (e) {
            err_set(err, e, "metadata log %s: it cannot be read at offset %lld: %s", m->dir,
                    (long long)offset, err_text(e));
        }
        struct slice rest = buf_slice(&bytes);
        struct batch_view batch;
        while (!e && rest.len > 0 && !(e = batch_parse(rest, &batch))) {
            e = apply_batch(m, &batch, err);
            offset = batch_last_offset(&batch) + 1;
            rest = slice_from(rest, batch.bytes.len);
        }
    }
    buf_deinit(&bytes);
    return e;
}

/* --- epochs ----------------------------------------------------------------------------------- */

static struct buf quorum_state_path(const struct metadata_log *m)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/quorum-state", m->dir);
    return path;
}

/* The epoch that the file knows; 0 when there is no file or no sense in it. */
static int32_t read_quorum_epoch(struct metadata_log *m)
{
    struct buf path = quorum_state_path(m);
    uint8_t *bytes;
    size_t len;
    struct error ignored;
    int64_t epoch = 0;
    if (!vfs_read_file(m->broker->vfs, buf_cstr(&path), QUORUM_STATE_BYTES_MAX, &bytes, &len,
                       &ignored)) {
        struct arena arena;
        struct json_value *json;
        arena_init(&arena, QUORUM_STATE_BYTES_MAX * 8);
        if (!json_parse(slice_of(bytes, len), &arena, &json, &ignored)) {
            struct json_value *v = json_get(json, slice_str("leaderEpoch"));
            epoch = v && v->kind == JSON_INT ? v->integer : 0;
        }
        arena_deinit(&arena);
        mem_free(bytes);
    }
    buf_deinit(&path);
    return epoch > 0 && epoch < INT32_MAX ? (int32_t)epoch : 0;
}

static enum err write_quorum_state(struct metadata_log *m, struct error *err)
{
    struct buf path = quorum_state_path(m), text = { 0 };
    int id = (int)m->broker->node_id;
    buf_printf(&text,
               "{\"clusterId\":\"\",\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":-1,"
               "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":%d}],\"data_version\":0}",
               id, (int)m->epoch, id);
    enum err e = vfs_replace_file(m->broker->vfs, buf_cstr(&path), buf_slice(&text), err);
    buf_deinit(&path);
    buf_deinit(&text);
    return e;
}

/* --- start-up --------------------------------------------------------------------------------- */

static enum err open_log(struct metadata_log *m, struct error *err)
{
    struct broker *b = m->broker;
    struct log_dir *dir = b->dirs[0].dir;
    struct buf path = { 0 };
    log_dir_partition_path(dir, METADATA_TOPIC, 0, &path);
    m->dir = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    struct log_config config;
    log_config_default(&config);
    config.retention_ms = config.retention_bytes = -1;
    config.delete_by_policy = false;
    struct log_open_args args = { .files = &b->files,
                                  .dir = m->dir,
                                  .topic = METADATA_TOPIC,
                                  .config = &config,
                                  .clean = dir->clean,
                                  .recovery_point = -1,
                                  .log_start_offset = -1,
                                  .now_ms = env_wall_ms(b->env) };
    static const struct uuid topic_id = { .bytes = { [15] = 1 } };
    struct vfs_stat st;
    bool there = b->vfs->ops->stat(b->vfs, m->dir, &st) == ERR_OK;
    return there ? log_open(&args, &m->log, NULL, err) : log_create(&args, &topic_id, &m->log, err);
}

static void add_feature(struct metadata_log *m, const char *name, int16_t level)
{
    struct feature_level_record rec;
    schema_init(&feature_level_record_schema, &rec);
    rec.name = slice_str(name);
    rec.feature_level = level;
    metadata_records_add(&m->records, &feature_level_record_schema, 0, &rec);
}

/* The broker epoch of a registration is its own offset: it stands at `place` in the batch. */
static enum err add_registration(struct metadata_log *m, uint32_t place, struct error *err)
{
    struct broker *b = m->broker;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct register_broker_record rec;
    schema_init(&register_broker_record_schema, &rec);
    rec.broker_id = b->node_id;
    rec.incarnation_id = b->incarnation;
    rec.broker_epoch = b->broker_epoch = m->log->end_offset + place;
    rec.rack = slice_str(b->config->rack);
    rec.fenced = true;
    rec.end_points =
        schema_new(&register_broker_record_broker_endpoint_schema, &arena, b->listener_count + 1);
    rec.features = schema_new(&register_broker_record_broker_feature_schema, &arena, 1);
    rec.log_dirs = arena_array(&arena, b->dir_count, sizeof(struct uuid));
    if (!rec.end_points || !rec.features || !rec.log_dirs) {
        arena_deinit(&arena);
        return err_set(err, ERR_LIMIT, "there are too many listeners or log directories");
    }
    rec.end_points_n = (int32_t)b->listener_count;
    for (uint32_t i = 0; i < b->listener_count; i++) {
        const struct broker_listener *l = &b->listeners[i];
        rec.end_points[i].name = slice_str(l->name);
        rec.end_points[i].host = slice_str(l->advertised_host ? l->advertised_host : l->host);
        rec.end_points[i].port = l->advertised_host ? l->advertised_port : l->port;
    }
    rec.features_n = 1;
    rec.features[0].name = slice_str("metadata.version");
    rec.features[0].min_supported_version = METADATA_VERSION_MIN;
    rec.features[0].max_supported_version = METADATA_VERSION;
    rec.log_dirs_n = (int32_t)b->dir_count;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        rec.log_dirs[i] = b->dirs[i].dir->meta.directory_id;
    }
    metadata_records_add(&m->records, &register_broker_record_schema,
                         REGISTER_BROKER_RECORD_VERSION, &rec);
    arena_deinit(&arena);
    enum { UNFENCE = -1 };
    struct broker_registration_change_record change;
    schema_init(&broker_registration_change_record_schema, &change);
    change.broker_id = b->node_id;
    change.broker_epoch = b->broker_epoch;
    change.fenced = UNFENCE;
    metadata_records_add(&m->records, &broker_registration_change_record_schema,
                         BROKER_REGISTRATION_CHANGE_RECORD_VERSION, &change);
    return ERR_OK;
}

static enum err begin_epoch(struct metadata_log *m, struct error *err)
{
    struct broker *b = m->broker;
    int32_t of_log = leader_epochs_latest(&m->log->epochs);
    int32_t of_state = read_quorum_epoch(m);
    m->epoch = (of_log > of_state ? of_log : of_state) + 1;
    if (m->epoch < 1) {
        m->epoch = 1;
    }
    enum err e = write_quorum_state(m, err);
    if (!e) {
        e = append_leader_change(m, err);
    }
    if (e) {
        return e;
    }
    b->image.end_offset = m->log->end_offset;
    metadata_records_reset(&m->records);
    if (image_feature(&b->image, "metadata.version") == 0) {
        add_feature(m, "metadata.version", METADATA_VERSION);
    }
    const struct change_policy policy = { .min_insync_replicas =
                                              (int32_t)b->config->min_insync_replicas,
                                          .unclean_leader_election =
                                              b->config->unclean_leader_election_enable };
    e = add_registration(m, m->records.count, err);
    e = e ? e : write_now(m, err);
    for (bool more = true; !e && more;) {
        metadata_records_reset(&m->records);
        broker_change_elect_leaderless(&b->image, &policy, &m->records, &more);
        e = m->records.count > 0 ? write_now(m, err) : ERR_OK;
    }
    return e;
}

enum err metadata_log_start(struct broker *b, struct error *err)
{
    struct metadata_log *m = &b->metadata;
    *m = (struct metadata_log){ .broker = b };
    list_init(&m->queue);
    enum err e = open_log(m, err);
    if (!e) {
        e = replay(m, err);
    }
    int16_t level = image_feature(&b->image, "metadata.version");
    if (!e && level > METADATA_VERSION) {
        e = err_set(err, ERR_UNSUPPORTED,
                    "the cluster's metadata.version is %d, this release knows those up to %d",
                    (int)level, METADATA_VERSION);
    }
    return e ? e : begin_epoch(m, err);
}

enum err metadata_log_shutdown(struct broker *b, struct error *err)
{
    return b->metadata.log ? log_shutdown(b->metadata.log, err) : ERR_OK;
}

void metadata_log_deinit(struct broker *b)
{
    struct metadata_log *m = &b->metadata;
    if (m->log) {
        log_free(m->log);
    }
    metadata_records_deinit(&m->records);
    batch_builder_deinit(&m->builder);
    mem_free(m->dir);
}
