/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics.c - the live side of the metadata image. Driven by the metadata log (topics_apply), by
 * start-up (topics_open_dir), and by the handlers.
 *   (P1) A topic is in by_name and by_id, or in neither.
 *   (P2) high_watermark never falls, but by the loss of what was never durable, at start-up.
 *   (P3) A partition with a log is known to its directory's flusher whenever
 *        log_needs_flush().
 */
#include "broker/topics.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <assert.h>

enum { CONFIG_STRINGS_BYTES_MAX = 64 * 1024 };

static struct slice id_key(const struct uuid *id)
{
    return slice_of(id->bytes, sizeof(id->bytes));
}

void topics_init(struct topics *ts, uint64_t hash_seed)
{
    *ts = (struct topics){ 0 };
    ts->by_name.seed = hash_seed;
    ts->by_id.seed = hash_seed;
}

static struct partition *partition_new(struct topic *t, int32_t index)
{
    struct partition *p = mem_zalloc(sizeof(*p));
    p->topic = t;
    p->index = index;
    list_init(&p->dirty);
    list_init(&p->acks);
    list_init(&p->readers);
    return p;
}

static void topic_free(struct topic *t)
{
    for (int32_t i = 0; i < t->partition_count; i++) {
        struct partition *p = t->partitions[i];
        assert(list_is_empty(&p->acks) && list_is_empty(&p->readers));
        if (p->log) {
            log_free(p->log);
        }
        mem_free(p);
    }
    mem_free(t->partitions);
    arena_deinit(&t->config_arena);
    mem_free(t->name);
    mem_free(t);
}

void topics_deinit(struct broker *b)
{
    struct topics *ts = &b->topics;
    uint32_t cursor = 0;
    for (struct topic *t; (t = map_next(&ts->by_id, &cursor, NULL));) {
        topic_free(t);
    }
    map_deinit(&ts->by_name);
    map_deinit(&ts->by_id);
}

/* --- following the image ---------------------------------------------------------------------- */

static void log_config_of(struct broker *b, const struct topic *t, struct log_config *ret_config)
{
    topic_config_for_log(&t->config, b->config->producer_id_expiration_ms, ret_config);
}

static void configure(struct broker *b, struct topic *t)
{
    arena_reset(&t->config_arena);
    topic_config_resolve(b->config,
                         image_settings(&b->image, CONFIG_RESOURCE_TOPIC, slice_str(t->name)),
                         &t->config_arena, &t->config);
    struct log_config config;
    log_config_of(b, t, &config);
    for (int32_t i = 0; i < t->partition_count; i++) {
        if (t->partitions[i]->log) {
            log_set_config(t->partitions[i]->log, &config);
        }
    }
}

static void add_topic(struct broker *b, const struct image_topic *it)
{
    struct topic *t = mem_zalloc(sizeof(*t));
    t->name = mem_strdup(it->name);
    t->id = it->id;
    t->internal = strcmp(it->name, TOPIC_OFFSETS) == 0;
    arena_init(&t->config_arena, CONFIG_STRINGS_BYTES_MAX);
    map_put(&b->topics.by_name, slice_str(t->name), t);
    map_put(&b->topics.by_id, id_key(&t->id), t);
    configure(b, t);
}

static void add_partition(struct broker *b, const struct image_topic *it, int32_t index)
{
    struct topic *t = topic_find_id(&b->topics, &it->id);
    if (!t) {
        return;
    }
    if (index == t->partition_count) {
        t->partitions = mem_rearray(t->partitions, (size_t)index + 1, sizeof(struct partition *));
        t->partitions[t->partition_count++] = partition_new(t, index);
        b->topics.partition_count++;
    }
    t->partitions[index]->leader_epoch = it->partitions[index].leader_epoch;
}

/* Takes the files away: the name is free at once, the bytes go on a worker. */
static void delete_log(struct broker *b, struct partition *p)
{
    if (!p->log) {
        return;
    }
    flusher_forget(&p->dir->flusher, p);
    p->dir->partition_count--;
    struct error err;
    struct uuid id = broker_random_uuid(b);
    if (log_delete_begin(p->log, &id, &err)) {
        log_error(&b->log, "a deleted partition's directory could not be renamed",
                  KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                  KV_STR("error", err.text));
        return;
    }
    broker_remove_dir_later(b, p->log->home.dir);
}

static void remove_topic(struct broker *b, const struct image_topic *it)
{
    struct topic *t = map_remove(&b->topics.by_id, id_key(&it->id));
    if (!t) {
        return;
    }
    map_remove(&b->topics.by_name, slice_str(t->name));
    b->topics.partition_count -= (uint32_t)t->partition_count;
    for (int32_t i = 0; i < t->partition_count; i++) {
        partition_fail_waiters(t->partitions[i], KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        delete_log(b, t->partitions[i]);
    }
    groups_topic_deleted(b, t);
    topic_free(t);
}

void topics_apply(struct broker *b, const struct image_change *change)
{
    struct topic *t;
    switch (change->kind) {
    case IMAGE_CHANGE_TOPIC:
        add_topic(b, change->topic);
        break;
    case IMAGE_CHANGE_PARTITION:
        add_partition(b, change->topic, change->index);
        break;
    case IMAGE_CHANGE_REMOVED:
        remove_topic(b, change->topic);
        break;
    case IMAGE_CHANGE_SETTINGS:
        t = change->resource_type == CONFIG_RESOURCE_TOPIC
                ? topic_find(&b->topics, change->resource_name)
                : NULL;
        if (t) {
            configure(b, t);
        }
        break;
    case IMAGE_CHANGE_BROKER:
    case IMAGE_CHANGE_FEATURES:
    case IMAGE_CHANGE_NONE:
        break;
    }
}

/* --- logs ------------------------------------------------------------------------------------- */

static void open_args(struct broker *b, struct broker_dir *dir, const struct partition *p,
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

static enum err create_log(struct broker *b, struct partition *p, struct error *err)
{
    struct broker_dir *dir = broker_dir_for_new(b);
    struct buf path = { 0 };
    struct log_config config;
    struct log_open_args args;
    log_config_of(b, p->topic, &config);
    log_dir_partition_path(dir->dir, p->topic->name, p->index, &path);
    open_args(b, dir, p, buf_cstr(&path), &config, &args);
    args.recovery_point = args.log_start_offset = -1;
    enum err e = log_create(&args, &p->topic->id, &p->log, err);
    buf_deinit(&path);
    if (!e) {
        p->dir = dir;
    }
    return e;
}

struct open_dir {
    struct broker *broker;
    struct broker_dir *dir;
    enum err status;
    struct error *err;
};

static void stray(struct broker *b, const char *path, const char *why)
{
    log_warn(&b->log, "left a directory alone that belongs to no topic", KV_STR("dir", path),
             KV_STR("why", why));
}

/* A node went down while it made the directory: partition.metadata is the first file in it, and on
 * the disk before any record. It is made anew with the next record. */
static void remove_unborn(struct open_dir *o, const char *path)
{
    o->status = vfs_remove_dir(o->broker->vfs, path, o->err);
    if (!o->status) {
        log_info(&o->broker->log, "removed a directory that a crash had left half made",
                 KV_STR("dir", path));
    }
}

static void open_log(struct open_dir *o, struct partition *p, const char *path)
{
    struct broker *b = o->broker;
    struct log_config config;
    struct log_open_args args;
    struct log_recovery recovery = { 0 };
    struct partition_log *log;
    log_config_of(b, p->topic, &config);
    open_args(b, o->dir, p, path, &config, &args);
    o->status = log_open(&args, &log, &recovery, o->err);
    if (o->status) {
        return;
    }
    if (uuid_is_zero(&log->topic_id) && log->end_offset == 0) {
        log_free(log);
        remove_unborn(o, path);
        return;
    }
    if (!uuid_eq(&log->topic_id, &p->topic->id)) {
        stray(b, path, "it has another topic id");
        log_free(log);
        return;
    }
    if (recovery.cut_bytes || recovery.segments_removed) {
        log_warn(&b->log, "cut a torn tail off a log", KV_STR("topic", p->topic->name),
                 KV_INT("partition", p->index), KV_UINT("cut_bytes", recovery.cut_bytes),
                 KV_UINT("segments_removed", recovery.segments_removed),
                 KV_INT("end_offset", log->end_offset));
    }
    p->log = log;
    p->dir = o->dir;
    o->dir->partition_count++;
    bool fsync = b->config->durability == DURABILITY_FSYNC;
    /* A single replica: what is here is committed, once it is as durable as we promise. */
    p->high_watermark = fsync ? log->recovery_point : log->end_offset;
    if (p->high_watermark < log->start_offset) {
        p->high_watermark = log->start_offset;
    }
    if (log_needs_flush(log)) {
        flusher_add(&o->dir->flusher, p, fsync);
    }
}

static void each_dir(void *ctx, const char *topic, int32_t index)
{
    struct open_dir *o = ctx;
    struct broker *b = o->broker;
    if (o->status || strcmp(topic, METADATA_TOPIC) == 0) {
        return;
    }
    struct buf path = { 0 };
    log_dir_partition_path(o->dir->dir, topic, index, &path);
    const struct topic *t = topic_find(&b->topics, slice_str(topic));
    struct partition *p = t ? topic_partition(t, index) : NULL;
    if (!p) {
        stray(b, buf_cstr(&path), "no topic of the cluster has this partition");
    } else if (p->log) {
        stray(b, buf_cstr(&path), "the partition is in another log directory already");
    } else {
        open_log(o, p, buf_cstr(&path));
    }
    buf_deinit(&path);
}

enum err topics_open_dir(struct broker *b, struct broker_dir *dir, struct error *err)
{
    struct open_dir o = { .broker = b, .dir = dir, .err = err };
    enum err e = log_dir_list(dir->dir, each_dir, &o, err);
    return e ? e : o.status;
}

/* --- questions -------------------------------------------------------------------------------- */

struct topic *topic_find(const struct topics *ts, struct slice name)
{
    return map_get(&ts->by_name, name);
}

struct topic *topic_find_id(const struct topics *ts, const struct uuid *id)
{
    return map_get(&ts->by_id, id_key(id));
}

struct partition *topic_partition(const struct topic *t, int32_t index)
{
    return index >= 0 && index < t->partition_count ? t->partitions[index] : NULL;
}

enum kafka_error partition_check_epoch(const struct partition *p, int32_t current_leader_epoch)
{
    if (current_leader_epoch == -1 || current_leader_epoch == p->leader_epoch) {
        return KAFKA_NONE;
    }
    return current_leader_epoch < p->leader_epoch ? KAFKA_FENCED_LEADER_EPOCH
                                                  : KAFKA_UNKNOWN_LEADER_EPOCH;
}

/* --- appends ---------------------------------------------------------------------------------- */

/* KAFKA_NONE: go on. DUPLICATE_SEQUENCE_NUMBER: *ret_kept is what the batch got the first time. */
static enum kafka_error check_producer(const struct partition *p, const struct append_info *info,
                                       struct producer_kept *ret_kept)
{
    if (info->first.producer_id < 0 || !p->log) {
        return KAFKA_NONE;
    }
    return (enum kafka_error)log_check_producer(p->log, &info->first, ret_kept);
}

static enum kafka_error append_failed(struct broker *b, struct partition *p, enum err e,
                                      const struct error *err)
{
    if (e == ERR_NO_SPACE) {
        b->metrics.no_space++;
    }
    log_error(&b->log, "an append failed", KV_STR("topic", p->topic->name),
              KV_INT("partition", p->index), KV_STR("error", err->text));
    if (p->log && p->log->offline) {
        partition_fail_waiters(p, KAFKA_KAFKA_STORAGE_ERROR);
    }
    return KAFKA_KAFKA_STORAGE_ERROR;
}

enum kafka_error partition_append(struct broker *b, struct partition *p, uint8_t *records,
                                  const struct append_info *info, struct append_result *ret_result,
                                  struct error *err)
{
    if (p->log && p->log->offline) {
        err_set(err, ERR_IO, "the partition is offline: its disk failed");
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    struct producer_kept kept;
    enum kafka_error code = check_producer(p, info, &kept);
    if (code == KAFKA_DUPLICATE_SEQUENCE_NUMBER) {
        b->metrics.produce_duplicates++;
        *ret_result = (struct append_result){ .base_offset = kept.last_offset - kept.offset_delta,
                                              .append_time_ms = -1,
                                              .end_offset = kept.last_offset + 1 };
        return KAFKA_NONE;
    }
    if (code) {
        err_set(err, ERR_INVALID, "%s", kafka_error_text((int16_t)code));
        return code;
    }
    enum err e = p->log ? ERR_OK : create_log(b, p, err);
    if (e) {
        return append_failed(b, p, e, err);
    }
    int64_t now_ms = env_wall_ms(b->env);
    bool stamp_time = p->topic->config.message_timestamp_type == TIMESTAMP_LOG_APPEND_TIME;
    int64_t base = p->log->end_offset;
    append_info_stamp(records, info->bytes, base, p->leader_epoch, stamp_time ? now_ms : -1);
    e = log_append(p->log, slice_of(records, info->bytes), now_ms, err);
    if (e) {
        return append_failed(b, p, e, err);
    }
    *ret_result = (struct append_result){ .base_offset = base,
                                          .append_time_ms = stamp_time ? now_ms : -1,
                                          .end_offset = p->log->end_offset };
    bool fsync = b->config->durability == DURABILITY_FSYNC;
    flusher_add(&p->dir->flusher, p, fsync);
    if (!fsync) {
        partition_advance(b, p);
    }
    return KAFKA_NONE;
}

/* --- waiting ---------------------------------------------------------------------------------- */

void partition_wait_ack(struct partition *p, struct ack_wait *w)
{
    if (w->offset <= p->high_watermark) {
        w->done(w, KAFKA_NONE);
        return;
    }
    /* Almost always the last one: a retry may wait for an earlier batch. */
    struct list_node *at = p->acks.prev;
    while (at != &p->acks && list_entry(at, struct ack_wait, link)->offset > w->offset) {
        at = at->prev;
    }
    list_insert_before(at->next, &w->link);
}

void partition_wait_reader(struct partition *p, struct reader_wait *w)
{
    w->partition = p;
    list_push_back(&p->readers, &w->link);
}

/* Tells every reader once; those that come back are not told again. */
static void tell_readers(struct partition *p, enum kafka_error code)
{
    struct list_node told;
    list_init(&told);
    for (struct list_node *node; (node = list_pop_front(&p->readers));) {
        list_push_back(&told, node);
    }
    for (struct list_node *node; (node = list_pop_front(&told));) {
        struct reader_wait *w = list_entry(node, struct reader_wait, link);
        list_push_back(&p->readers, node);
        w->moved(w, code);
    }
}

void partition_advance(struct broker *b, struct partition *p)
{
    int64_t to =
        b->config->durability == DURABILITY_FSYNC ? p->log->recovery_point : p->log->end_offset;
    if (to <= p->high_watermark) {
        return;
    }
    p->high_watermark = to;
    b->high_watermarks_moved = true;
    for (struct list_node *node; (node = list_first(&p->acks));) {
        struct ack_wait *w = list_entry(node, struct ack_wait, link);
        if (w->offset > p->high_watermark) {
            break;
        }
        list_remove(node);
        w->done(w, KAFKA_NONE);
    }
    tell_readers(p, KAFKA_NONE);
}

void partition_fail_waiters(struct partition *p, enum kafka_error code)
{
    for (struct list_node *node; (node = list_pop_front(&p->acks));) {
        struct ack_wait *w = list_entry(node, struct ack_wait, link);
        w->done(w, code);
    }
    tell_readers(p, code);
}
