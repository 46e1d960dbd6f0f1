/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topics.c - the live side of the metadata image. Driven by the metadata log (topics_apply,
 * topics_reconcile) and by start-up.
 *   (T1) A topic is in by_name and by_id, or in neither.
 *   (T2) Before topics_activate() every partition rests: what the image says may be of the past,
 *        until it has the registration of this run.
 *   (T3) A directory in `found` is opened at most once.
 */
#include "broker/topics.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { CONFIG_STRINGS_BYTES_MAX = 64 * 1024 };

/* A partition's directory that has not been opened. */
struct found_log {
    struct broker_dir *dir;
    char *path;
};

static struct slice id_key(const struct uuid *id)
{
    return slice_of(id->bytes, sizeof(id->bytes));
}

static void on_tell_tails(void *owner)
{
    partitions_tell_tails(owner);
}

void topics_init(struct broker *b)
{
    struct topics *ts = &b->topics;
    *ts = (struct topics){ .tell_tails = { .fire = on_tell_tails, .owner = b } };
    ts->by_name.seed = b->hash_seed;
    ts->by_id.seed = b->hash_seed;
    list_init(&ts->grown);
}

static void topic_free(struct topic *t)
{
    for (int32_t i = 0; i < t->partition_count; i++) {
        partition_free(t->partitions[i]);
    }
    mem_free(t->partitions);
    arena_deinit(&t->config_arena);
    mem_free(t->name);
    mem_free(t);
}

static void found_free(struct found_log *f)
{
    mem_free(f->path);
    mem_free(f);
}

void topics_deinit(struct broker *b)
{
    struct topics *ts = &b->topics;
    uint32_t cursor = 0;
    timer_cancel(b->env, &ts->tell_tails);
    for (struct topic *t; (t = map_next(&ts->by_id, &cursor, NULL));) {
        topic_free(t);
    }
    cursor = 0;
    for (struct found_log *f; (f = map_next(&ts->found, &cursor, NULL));) {
        found_free(f);
    }
    map_deinit(&ts->found);
    map_deinit(&ts->by_name);
    map_deinit(&ts->by_id);
}

/* --- logs that lie in the directories --------------------------------------------------------- */

struct find {
    struct broker *broker;
    struct broker_dir *dir;
};

static void stray(struct broker *b, const char *path, const char *why)
{
    log_warn(&b->log, "left a directory alone that belongs to no topic", KV_STR("dir", path),
             KV_STR("why", why));
}

static struct buf found_key(const char *topic, int32_t index)
{
    struct buf key = { 0 };
    buf_printf(&key, "%s-%d", topic, (int)index);
    return key;
}

static void each_dir(void *ctx, const char *topic, int32_t index)
{
    struct find *find = ctx;
    struct broker *b = find->broker;
    if (strcmp(topic, METADATA_TOPIC) == 0) {
        return;
    }
    struct buf path = { 0 }, key = found_key(topic, index);
    log_dir_partition_path(find->dir->dir, topic, index, &path);
    if (map_get(&b->topics.found, buf_slice(&key))) {
        stray(b, buf_cstr(&path), "the partition is in another log directory already");
    } else {
        struct found_log *f = mem_zalloc(sizeof(*f));
        *f = (struct found_log){ find->dir, mem_strdup(buf_cstr(&path)) };
        map_put(&b->topics.found, buf_slice(&key), f);
    }
    buf_deinit(&path);
    buf_deinit(&key);
}

enum err topics_find_all_logs(struct broker *b, struct error *err)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; !e && i < b->dir_count; i++) {
        struct find find = { b, &b->dirs[i] };
        e = log_dir_list(find.dir->dir, each_dir, &find, err);
    }
    return e;
}

enum err topics_open_log(struct broker *b, struct partition *p, struct error *err)
{
    struct buf key = found_key(p->topic->name, p->index);
    struct found_log *f = p->log ? NULL : map_remove(&b->topics.found, buf_slice(&key));
    enum err e = ERR_OK;
    buf_deinit(&key);
    if (f) {
        e = partition_open_log(b, p, f->dir, f->path, err);
        found_free(f);
    }
    return e;
}

enum err topics_open_logs(struct broker *b, struct error *err)
{
    uint32_t cursor = 0;
    enum err e = ERR_OK;
    for (struct topic *t; !e && (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        for (int32_t i = 0; !e && i < t->partition_count; i++) {
            e = topics_open_log(b, t->partitions[i], err);
        }
    }
    return e;
}

/* --- roles ------------------------------------------------------------------------------------ */

static void assume(struct broker *b, struct partition *p, void *ctx)
{
    const struct image_partition *ip = partition_in_image(b, p);
    (void)ctx;
    if (b->topics.active && ip) {
        partition_assume(b, p, ip);
    }
}

void topics_activate(struct broker *b)
{
    struct topics *ts = &b->topics;
    const struct image_broker *self = image_broker(&b->image, b->node_id);
    if (ts->active || b->state >= BROKER_DRAINING || !b->logs_open || !self ||
        !uuid_eq(&self->incarnation, &b->incarnation)) {
        return;
    }
    ts->active = true;
    b->broker_epoch = self->epoch;
    topics_each(b, assume, NULL);
    uint32_t cursor = 0;
    for (struct found_log *f; (f = map_next(&ts->found, &cursor, NULL));) {
        stray(b, f->path, "no topic of the cluster has this partition");
    }
}

static void retire(struct broker *b, struct partition *p, void *ctx)
{
    (void)ctx;
    partition_retire(b, p, KAFKA_NOT_LEADER_OR_FOLLOWER);
}

static void stop_following(struct broker *b, struct partition *p, void *ctx)
{
    (void)ctx;
    if (p->role == PARTITION_FOLLOWER) {
        partition_retire(b, p, KAFKA_NOT_LEADER_OR_FOLLOWER);
    }
}

void topics_stop_following(struct broker *b)
{
    b->topics.active = false; /* and none begins to */
    topics_each(b, stop_following, NULL);
}

void topics_retire(struct broker *b)
{
    b->topics.active = false;
    topics_each(b, retire, NULL);
}

/* --- following the image ---------------------------------------------------------------------- */

static void configure(struct broker *b, struct topic *t)
{
    arena_reset(&t->config_arena);
    topic_config_resolve(b->config,
                         image_settings(&b->image, CONFIG_RESOURCE_TOPIC, slice_str(t->name)),
                         &t->config_arena, &t->config);
    struct log_config config;
    topic_config_for_log(&t->config, b->config->producer_id_expiration_ms, &config);
    for (int32_t i = 0; i < t->partition_count; i++) {
        struct partition *p = t->partitions[i];
        throttle_configure_partition(b, p);
        if (p->log) {
            log_set_config(p->log, &config);
        }
        if (p->isr) {
            p->isr->min_isr = partition_min_isr(b, p);
            partition_isr_changed(b, p);
        }
    }
}

/* The node's own settings: they are also what topics fall back on. */
static void configure_all(struct broker *b)
{
    uint32_t cursor = 0;
    throttle_configure(b);
    if (!dynamic_config_apply(b)) {
        return;
    }
    for (struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        configure(b, t);
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

static void set_partition(struct broker *b, const struct image_topic *it, int32_t index)
{
    struct topic *t = topic_find_id(&b->topics, &it->id);
    if (!t) {
        return;
    }
    if (index == t->partition_count) {
        t->partitions = mem_rearray(t->partitions, (size_t)index + 1, sizeof(struct partition *));
        t->partitions[t->partition_count++] = partition_new(t, index);
        throttle_configure_partition(b, t->partitions[index]);
        b->topics.partition_count++;
    }
    struct partition *p = t->partitions[index];
    struct error err;
    if (b->logs_open && topics_open_log(b, p, &err)) {
        log_error(&b->log, "a log could not be opened; the replica begins anew",
                  KV_STR("topic", t->name), KV_INT("partition", index), KV_STR("error", err.text));
    }
    if (b->topics.active) {
        partition_assume(b, p, &it->partitions[index]);
    }
}

static void remove_topic(struct broker *b, const struct uuid *id)
{
    struct topic *t = map_remove(&b->topics.by_id, id_key(id));
    if (!t) {
        return;
    }
    map_remove(&b->topics.by_name, slice_str(t->name));
    b->topics.partition_count -= (uint32_t)t->partition_count;
    for (int32_t i = 0; i < t->partition_count; i++) {
        partition_retire(b, t->partitions[i], KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        partition_delete_log(b, t->partitions[i]);
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
        set_partition(b, change->topic, change->index);
        break;
    case IMAGE_CHANGE_REMOVED:
        remove_topic(b, &change->topic->id);
        break;
    case IMAGE_CHANGE_SETTINGS:
        t = change->resource_type == CONFIG_RESOURCE_TOPIC
                ? topic_find(&b->topics, change->resource_name)
                : NULL;
        if (t) {
            configure(b, t);
        } else if (change->resource_type == CONFIG_RESOURCE_BROKER) {
            configure_all(b);
        }
        break;
    case IMAGE_CHANGE_BROKER:
        topics_activate(b);
        break;
    case IMAGE_CHANGE_FEATURES:
        configure_all(b);
        break;
    case IMAGE_CHANGE_NONE:
        break;
    }
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

void topics_each(struct broker *b, void (*each)(struct broker *b, struct partition *p, void *ctx),
                 void *ctx)
{
    uint32_t cursor = 0;
    for (struct topic *t; (t = map_next(&b->topics.by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            each(b, t->partitions[i], ctx);
        }
    }
}

struct log_walk {
    void (*each)(struct broker *b, struct partition *p, void *ctx);
    void *ctx;
};

static void if_log(struct broker *b, struct partition *p, void *ctx)
{
    const struct log_walk *w = ctx;
    if (p->log) {
        w->each(b, p, w->ctx);
    }
}

void topics_each_log(struct broker *b,
                     void (*each)(struct broker *b, struct partition *p, void *ctx), void *ctx)
{
    struct log_walk w = { each, ctx };
    topics_each(b, if_log, &w);
}
