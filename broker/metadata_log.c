/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_log.c - see metadata_log.h. Driven by quorum.c.
 *   (M1) A record is applied exactly once, in the order of the log, and only when it is committed.
 *   (M2) The records of a transaction are applied together, at its end; those of one that was given
 *        up, never.
 *   (M3) image.end_offset follows applied_offset.
 *   (M4) What was on the disk for good is cut only where the leader's log differs; damage there is
 *        no torn tail, and a node that may vote does not start with it.
 */
#include "broker/metadata_log.h"

#include "broker/broker.h"
#include "broker/storage/checkpoint.h"
#include "protocol/base/alloc.h"

enum {
    READ_BYTES = 1 << 20,
    BATCH_PLAIN_BYTES_MAX = 64 << 20,
    SEGMENT_BYTES = 128 << 20, /* snapshots roll it long before */
};

/* --- the log ---------------------------------------------------------------------------------- */

static enum err name_topic(struct metadata_log *m, struct error *err)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/" CHECKPOINT_PARTITION, m->dir);
    enum err e = partition_metadata_write(m->broker->vfs, buf_cstr(&path), &raft_topic_id, err);
    buf_deinit(&path);
    m->log->topic_id = raft_topic_id;
    return e;
}

/* Who may vote does not cut what it acknowledged (M4); a broker fetches it again. */
static enum err open_mark(struct metadata_log *m, int64_t *ret_offset, struct error *err)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/" SYNCED_MARK_FILE, m->dir);
    enum err e = synced_mark_open(&m->synced, m->broker->vfs, buf_cstr(&path), err);
    buf_deinit(&path);
    if (!e && m->broker->roles.controller) {
        *ret_offset = m->synced.offset;
    }
    return e;
}

static enum err damaged(const struct metadata_log *m, struct error *err)
{
    struct error why = *err;
    return err_set(err, ERR_CORRUPT,
                   "the metadata log is damaged where it was safe on the disk (%s; or leader-epoch-"
                   "checkpoint beside it is). Nothing was "
                   "cut: a controller that forgets what it acknowledged could elect a leader that "
                   "lacks it. Put %s back from a backup; or, when this is one of several "
                   "controllers, take it out of the quorum (`logboom quorum remove-controller`), "
                   "format its directory anew and add it again; or, to lose what is behind the "
                   "damage, remove %s/" SYNCED_MARK_FILE,
                   why.text, m->dir, m->dir);
}

enum err metadata_log_open(struct broker *b, const struct log_dir *dir, struct error *err)
{
    struct metadata_log *m = &b->metadata;
    struct buf path = { 0 };
    *m = (struct metadata_log){ .broker = b };
    log_dir_partition_path(dir, METADATA_TOPIC, 0, &path);
    m->dir = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    struct log_config config;
    log_config_default(&config);
    config.retention_ms = config.retention_bytes = -1;
    config.delete_by_policy = false;
    config.segment_bytes = SEGMENT_BYTES;
    config.segment_ms = INT64_MAX;
    struct log_open_args args = { .files = &b->files,
                                  .dir = m->dir,
                                  .topic = METADATA_TOPIC,
                                  .config = &config,
                                  .recovery_point = -1,
                                  .log_start_offset = -1,
                                  .now_ms = env_wall_ms(b->env) };
    struct vfs_stat st;
    bool there = b->vfs->ops->stat(b->vfs, m->dir, &st) == ERR_OK;
    struct log_recovery recovery = { 0 };
    enum err e = ERR_OK;
    if (there) {
        e = open_mark(m, &args.synced_offset, err);
        e = e ? e : log_open(&args, &m->log, &recovery, err);
        e = e == ERR_CORRUPT && args.synced_offset > 0 ? damaged(m, err) : e;
    } else {
        e = log_create(&args, &raft_topic_id, &m->log, err);
        e = e ? e : open_mark(m, &args.synced_offset, err);
    }
    if (!e && uuid_is_zero(&m->log->topic_id)) { /* formatted, and never used before */
        e = name_topic(m, err);
    }
    if (recovery.cut_bytes || recovery.segments_removed) {
        log_warn(&b->log, "cut a torn tail off the metadata log",
                 KV_UINT("cut_bytes", recovery.cut_bytes),
                 KV_UINT("segments_removed", recovery.segments_removed),
                 KV_INT("end_offset", m->log->end_offset));
    }
    if (!e && m->log->end_offset > 0) { /* an empty one is synced with its first record */
        e = log_flush(m->log, err);
    }
    if (!e) {
        metadata_log_synced(b);
    }
    return e;
}

void metadata_log_synced(struct broker *b)
{
    synced_mark_raise(&b->metadata.synced, b->metadata.log->recovery_point);
}

enum err metadata_log_truncate_to(struct broker *b, int64_t offset, struct error *err)
{
    struct metadata_log *m = &b->metadata;
    enum err e = synced_mark_lower(&m->synced, offset, err);
    return e ? e : log_truncate_to(m->log, offset, env_wall_ms(b->env), err);
}

enum err metadata_log_truncate_all(struct broker *b, int64_t offset, struct error *err)
{
    struct metadata_log *m = &b->metadata;
    enum err e = synced_mark_lower(&m->synced, 0, err); /* for a while it ends nowhere */
    return e ? e : log_truncate_all(m->log, offset, env_wall_ms(b->env), err);
}

enum err metadata_log_walk(struct broker *b, int64_t from_offset, int64_t to_offset,
                           enum err (*each)(void *ctx, const struct batch_view *batch,
                                            struct error *err),
                           void *ctx, struct error *err)
{
    struct metadata_log *m = &b->metadata;
    struct buf bytes = { 0 };
    int64_t offset = from_offset;
    enum err e = ERR_OK;
    while (!e && offset < to_offset) {
        buf_reset(&bytes);
        e = log_read_copy(m->log, offset, READ_BYTES, to_offset, &bytes);
        if (!e && bytes.len == 0) {
            e = ERR_CORRUPT;
        }
        struct slice rest = buf_slice(&bytes);
        struct batch_view batch;
        enum err told = ERR_OK;
        while (!e && rest.len > 0 && !(e = batch_parse(rest, &batch)) &&
               !(e = batch_check_crc(&batch)) && !(told = each(ctx, &batch, err))) {
            offset = batch_last_offset(&batch) + 1;
            rest = slice_from(rest, batch.bytes.len);
        }
        if (told) {
            e = told;
            break;
        }
        if (e) {
            err_set(err, e, "metadata log %s: it cannot be read at offset %lld: %s", m->dir,
                    (long long)offset, err_text(e));
        }
    }
    buf_deinit(&bytes);
    return e;
}

/* --- applying --------------------------------------------------------------------------------- */

/* All who follow the image. */
static void tell(struct broker *b, const struct image_change *change)
{
    topics_apply(b, change);
    controller_duties_applied(b, change);
}

static enum err apply_value(struct metadata_log *m, struct slice value, int64_t offset,
                            struct error *err)
{
    struct image_change change;
    enum err e = image_apply(&m->broker->image, value, offset, &change);
    if (e) {
        return err_set(err, e,
                       "metadata log %s: the record at offset %lld cannot be applied (%s); it may "
                       "have been written by a later release",
                       m->dir, (long long)offset, err_text(e));
    }
    tell(m->broker, &change);
    image_change_release(&change);
    return ERR_OK;
}

/* The records of a transaction that has ended. */
static enum err apply_held(struct metadata_log *m, struct error *err)
{
    struct slice value;
    int64_t offset;
    enum err e = ERR_OK;
    for (uint32_t i = 0; !e && metadata_transaction_held(&m->transaction, i, &value, &offset);
         i++) {
        e = apply_value(m, value, offset, err);
    }
    return e;
}

static enum err apply_record(struct metadata_log *m, const struct record *rec, struct error *err)
{
    enum metadata_transaction_step step;
    enum err e = metadata_transaction_feed(&m->transaction, rec->value, rec->offset, &step);
    if (e) {
        return err_set(err, e,
                       "metadata log %s: the transaction that the record at offset %lld belongs to "
                       "cannot be followed: %s",
                       m->dir, (long long)rec->offset, err_text(e));
    }
    switch (step) {
    case TRANSACTION_APPLY:
        return apply_value(m, rec->value, rec->offset, err);
    case TRANSACTION_ENDED:
        return apply_held(m, err);
    case TRANSACTION_HELD:
        break;
    }
    return ERR_OK;
}

static enum err apply_batch(void *ctx, const struct batch_view *batch, struct error *err)
{
    struct metadata_log *m = ctx;
    if (!(batch->attributes & BATCH_ATTR_CONTROL)) {
        struct buf scratch = { 0 };
        struct batch_iter it;
        struct record rec;
        enum err told = ERR_OK;
        enum err e = batch_iter_init(&it, batch, &scratch, BATCH_PLAIN_BYTES_MAX);
        while (!e && !told && !(e = batch_iter_next(&it, &rec))) {
            told = apply_record(m, &rec, err);
        }
        buf_deinit(&scratch);
        if (told) {
            return told;
        }
        if (e != ERR_NOT_FOUND) {
            return err_set(err, e, "metadata log %s: the batch at offset %lld cannot be read: %s",
                           m->dir, (long long)batch->base_offset, err_text(e));
        }
    }
    m->applied_offset = batch_last_offset(batch) + 1;
    m->applied_time_ms = batch->max_timestamp_ms;
    m->applied_bytes += batch->bytes.len;
    m->broker->image.end_offset = m->applied_offset;
    return ERR_OK;
}

enum err metadata_log_apply(struct broker *b, int64_t offset, struct error *err)
{
    enum err e =
        metadata_log_walk(b, b->metadata.applied_offset, offset, apply_batch, &b->metadata, err);
    int16_t level = image_feature(&b->image, "metadata.version");
    if (!e && level > METADATA_VERSION) {
        e = err_set(err, ERR_UNSUPPORTED,
                    "the cluster's metadata.version is %d, this release knows those up to %d",
                    (int)level, METADATA_VERSION);
    }
    if (!e && b->state == BROKER_RUNNING) {
        groups_start(b);
    }
    return e;
}

/* --- another image ---------------------------------------------------------------------------- */

static void tell_removed(struct broker *b, const struct image *old)
{
    uint32_t cursor = 0;
    for (struct image_topic *t; (t = map_next(&old->topics_by_id, &cursor, NULL));) {
        if (!image_topic_by_id(&b->image, &t->id)) {
            tell(b, &(struct image_change){ .kind = IMAGE_CHANGE_REMOVED, .topic = t });
        }
    }
}

static void tell_topics(struct broker *b, const struct image *old)
{
    uint32_t cursor = 0;
    for (struct image_topic *t; (t = map_next(&b->image.topics_by_id, &cursor, NULL));) {
        if (!image_topic_by_id(old, &t->id)) {
            tell(b, &(struct image_change){ .kind = IMAGE_CHANGE_TOPIC, .topic = t });
        }
        for (int32_t i = 0; i < t->partition_count; i++) {
            tell(b,
                 &(struct image_change){ .kind = IMAGE_CHANGE_PARTITION, .topic = t, .index = i });
        }
    }
}

/* Those in the one image or the other; keys are the resource's type and its name (image.c). */
static void tell_settings(struct broker *b, const struct image *of, const struct image *but_not)
{
    uint32_t cursor = 0;
    struct slice key;
    while (map_next(&of->settings, &cursor, &key)) {
        if (!but_not || !map_get(&but_not->settings, key)) {
            tell(b, &(struct image_change){ .kind = IMAGE_CHANGE_SETTINGS,
                                            .resource_type = (int8_t)key.ptr[0],
                                            .resource_name = slice_from(key, 1) });
        }
    }
}

void metadata_log_replace(struct broker *b, const struct image *image, int64_t end_offset)
{
    struct metadata_log *m = &b->metadata;
    struct image old = b->image;
    b->image = *image;
    b->image.end_offset = end_offset;
    m->applied_offset = end_offset;
    metadata_transaction_deinit(&m->transaction);
    tell_removed(b, &old);
    tell_topics(b, &old);
    tell(b, &(struct image_change){ .kind = IMAGE_CHANGE_FEATURES });
    tell_settings(b, &b->image, NULL);
    tell_settings(b, &old, &b->image);
    image_deinit(&old);
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
    synced_mark_close(&m->synced);
    metadata_transaction_deinit(&m->transaction);
    mem_free(m->dir);
}
