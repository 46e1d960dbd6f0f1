/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_log.c - a partition's log comes and goes. Driven by start-up (topics.c), by the first
 * record, by the metadata (a replica moves away, a topic is deleted).
 *   (O1) A partition has at most one log on this node; a second directory of its name is left
 *        alone.
 *   (O2) The high watermark of a log that was opened is what is known to be committed: alone, all
 *        that is durable; with other replicas, what replication-offset-checkpoint says.
 *   (O3) A directory of another topic id makes way only when it cannot be all that is left: another
 *        replica has what is committed, or the topic was made after it.
 */
#include "broker/broker.h"
#include "broker/storage/checkpoint.h"

static void args_of(struct broker *b, struct broker_dir *dir, const struct partition *p,
                    const char *path, const struct log_config *config,
                    struct log_open_args *ret_args)
{
    const char *name = p->topic->name;
    *ret_args = (struct log_open_args){
        .files = &b->files,
        .dir = path,
        .topic = name,
        .partition = p->index,
        .config = config,
        .clean = dir->dir->clean,
        .recovery_point = offset_checkpoint_find(&dir->dir->recovery_points, name, p->index),
        .log_start_offset = offset_checkpoint_find(&dir->dir->log_starts, name, p->index),
        .now_ms = env_wall_ms(b->env),
        .jitter_seed = env_random(b->env),
    };
}

static enum err create(struct broker *b, struct partition *p, struct error *err)
{
    struct broker_dir *dir = broker_dir_for_new(b);
    struct buf path = { 0 };
    struct log_config config;
    struct log_open_args args;
    topic_config_for_log(&p->topic->config, b->config->producer_id_expiration_ms, &config);
    log_dir_partition_path(dir->dir, p->topic->name, p->index, &path);
    args_of(b, dir, p, buf_cstr(&path), &config, &args);
    args.recovery_point = args.log_start_offset = -1;
    enum err e = checkpoints_correct(b, err); /* of an earlier log of this name */
    e = e ? e : log_create(&args, &p->topic->id, &p->log, err);
    buf_deinit(&path);
    if (!e) {
        p->dir = dir;
        dir_assigner_look(b, p);
    } else if (e == ERR_NO_SPACE) {
        disk_space_failed(b, dir);
    }
    return e;
}

enum err partition_need_log(struct broker *b, struct partition *p, struct error *err)
{
    enum err e = p->log ? ERR_OK : create(b, p, err);
    if (!e && p->role == PARTITION_LEADER && p->log->end_offset == 0) {
        leader_epochs_assign(&p->log->epochs, p->leader_epoch, 0);
    }
    return e;
}

/* (O2) */
static int64_t first_high_watermark(struct broker *b, const struct partition *p,
                                    const struct partition_log *log)
{
    const struct image_partition *ip = partition_in_image(b, p);
    bool alone = ip && ip->replica_count <= 1;
    int64_t to = b->config->durability == DURABILITY_FSYNC ? log->recovery_point : log->end_offset;
    if (!alone) {
        to = offset_checkpoint_find(&p->dir->dir->high_watermarks, p->topic->name, p->index);
        to = to < log->end_offset ? to : log->end_offset;
    }
    return to > log->start_offset ? to : log->start_offset;
}

/* A node went down while it made the directory: partition.metadata is the first file in it, and on
 * the disk before any record. It is made anew with the next record. */
static enum err remove_unborn(struct broker *b, const char *path, struct error *err)
{
    enum err e = vfs_remove_dir(b->vfs, path, err);
    if (!e) {
        log_info(&b->log, "removed a directory that a crash had left half made",
                 KV_STR("dir", path));
    }
    return e;
}

/* Records are gone that were committed, or synced: the recovery met damage where a crash alone
 * leaves none. A disk that lied about one sync may have lied about others, of closed segments. */
static void note_loss(struct broker *b, struct partition *p)
{
    const struct image_partition *ip = partition_in_image(b, p);
    const struct log_dir *dir = p->dir->dir;
    const char *topic = p->topic->name;
    int64_t end = p->log->end_offset;
    bool short_of_committed = offset_checkpoint_find(&dir->high_watermarks, topic, p->index) > end;
    bool short_of_synced = offset_checkpoint_find(&dir->recovery_points, topic, p->index) > end;
    if (b->config->durability != DURABILITY_FSYNC || !ip || ip->replica_count <= 1 ||
        (!short_of_committed && !short_of_synced)) {
        return;
    }
    int64_t gap = log_first_gap(p->log);
    if (short_of_committed) {
        partition_damaged(b, p, PARTITION_SHORT, gap >= 0 ? gap : end);
    } else if (gap >= 0) {
        partition_damaged(b, p, PARTITION_ROTTEN, gap);
    }
}

/* leader-epoch-checkpoint and the batches do not agree. Where it is not known which is true, the
 * replica is copied anew; alone, it serves what is not in doubt. */
static void note_epochs(struct broker *b, struct partition *p, const struct log_recovery *recovery)
{
    const struct image_partition *ip = partition_in_image(b, p);
    if (recovery->epochs_rebuilt) {
        log_warn(&b->log,
                 "leader-epoch-checkpoint contradicted the batches and was made anew from them; "
                 "look at the disk",
                 KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                 KV_STR("dir", p->log->home.dir));
    } else if (recovery->epochs_in_doubt && ip && ip->replica_count > 1) {
        partition_damaged(b, p, PARTITION_ROTTEN, recovery->doubtful_offset);
    }
}

static bool counts_on_us(const struct broker *b, const struct partition *p)
{
    const struct image_partition *ip = partition_in_image(b, p);
    return !ip || ip->replica_count <= 1 || image_has_id(ip->isr, ip->isr_count, b->node_id) ||
           image_has_id(ip->elr, ip->elr_count, b->node_id);
}

static enum err move_aside(struct broker *b, struct partition *p, const char *path,
                           struct error *err)
{
    struct uuid id = broker_random_uuid(b);
    struct buf to = { 0 };
    const char *slash = strrchr(path, '/');
    buf_append(&to, path, slash ? (size_t)(slash - path) + 1 : 0);
    /* A name has at most 255 bytes. */
    buf_append_slice(&to, slice_head(slice_str(p->topic->name), 255 - 1 - 10 - 1 - 32 - 6));
    buf_printf(&to, "-%d.", (int)p->index);
    for (unsigned i = 0; i < sizeof(id.bytes); i++) {
        buf_printf(&to, "%02x", id.bytes[i]);
    }
    buf_append_str(&to, "-stray");
    enum err e = b->vfs->ops->rename(b->vfs, path, buf_cstr(&to), err);
    if (!e) {
        b->recovery_points_stale = b->log_starts_stale = true;
        log_warn(&b->log,
                 "moved a directory aside whose partition.metadata is not of this topic: damaged, "
                 "or of an earlier topic of this name; the replica is copied from its leader, and "
                 "the directory may be removed then",
                 KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                 KV_STR("dir", path), KV_STR("to", buf_cstr(&to)));
    }
    buf_deinit(&to);
    return e;
}

/* (O1), (O3) */
static enum err take_misfit(struct broker *b, struct partition *p, const char *path,
                            struct error *err)
{
    if (b->topics.active || !counts_on_us(b, p)) {
        return move_aside(b, p, path, err);
    }
    char id[23];
    uuid_format(&p->topic->id, id);
    p->is_refused = true;
    log_error(&b->log,
              "a partition is not served: its directory's partition.metadata is not of this topic, "
              "and no other replica is known to have its records. If it is damaged, write "
              "`version: 0` and `topic_id: ID` with this topic_id into it; if it is of an earlier "
              "topic, move the directory away; then start this node again",
              KV_STR("topic", p->topic->name), KV_INT("partition", p->index), KV_STR("dir", path),
              KV_STR("topic_id", id));
    return ERR_OK;
}

static bool has_bad_metadata(struct broker *b, const char *path)
{
    struct uuid id;
    struct buf file = { 0 };
    buf_printf(&file, "%s/%s", path, CHECKPOINT_PARTITION);
    enum err e = partition_metadata_read(b->vfs, buf_cstr(&file), &id, NULL);
    buf_deinit(&file);
    return e == ERR_CORRUPT;
}

enum err partition_open_log(struct broker *b, struct partition *p, struct broker_dir *dir,
                            const char *path, struct error *err)
{
    struct log_config config;
    struct log_open_args args;
    struct log_recovery recovery = { 0 };
    struct partition_log *log;
    topic_config_for_log(&p->topic->config, b->config->producer_id_expiration_ms, &config);
    args_of(b, dir, p, path, &config, &args);
    enum err e = log_open(&args, &log, &recovery, err);
    if (e) {
        return has_bad_metadata(b, path) ? take_misfit(b, p, path, err) : e;
    }
    if (uuid_is_zero(&log->topic_id) && log->end_offset == 0) {
        log_free(log);
        return remove_unborn(b, path, err);
    }
    if (!uuid_eq(&log->topic_id, &p->topic->id)) {
        log_free(log);
        return take_misfit(b, p, path, err);
    }
    if (recovery.cut_bytes || recovery.segments_removed) {
        log_warn(&b->log, "cut a torn tail off a log", KV_STR("topic", p->topic->name),
                 KV_INT("partition", p->index), KV_UINT("cut_bytes", recovery.cut_bytes),
                 KV_UINT("segments_removed", recovery.segments_removed),
                 KV_INT("end_offset", log->end_offset));
    }
    p->log = log;
    p->dir = dir;
    dir->partition_count++;
    p->high_watermark = first_high_watermark(b, p, log);
    if (log_needs_flush(log)) {
        flusher_add(&dir->flusher, p, b->config->durability == DURABILITY_FSYNC);
    }
    dir_assigner_look(b, p);
    note_loss(b, p);
    note_epochs(b, p, &recovery);
    return ERR_OK;
}

void partition_want_start(struct partition *p, int64_t offset)
{
    if (p->log && !p->log->offline && offset > partition_next_start(p)) {
        p->start_wanted = offset;
    }
}

void partition_delete_log(struct broker *b, struct partition *p)
{
    if (!p->log) {
        return;
    }
    flusher_forget(&p->dir->flusher, p);
    b->recovery_points_stale |= p->log->recovery_point > 0;
    b->log_starts_stale |= partition_next_start(p) > 0;
    p->dir->partition_count--;
    p->damage = PARTITION_SOUND;
    struct error err;
    struct uuid id = broker_random_uuid(b);
    if (log_delete_begin(p->log, &id, &err)) {
        log_error(&b->log, "a deleted partition's directory could not be renamed",
                  KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                  KV_STR("error", err.text));
    } else {
        broker_remove_dir_later(b, p->dir, p->log->home.dir);
    }
    log_free(p->log);
    p->log = NULL;
    p->dir = NULL;
    p->high_watermark = p->start_wanted = 0;
}
