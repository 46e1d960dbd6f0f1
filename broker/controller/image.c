/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - applies metadata records. Driven by the metadata log's reader at start-up and after
 * each change.
 *   (I1) A topic is in topics_by_name and topics_by_id, or in neither.
 *   (I2) partition_count never shrinks; a partition's place in the array is its index.
 *   (I3) An error leaves the image as it was.
 */
#include "broker/controller/image.h"

#include "protocol/base/alloc.h"

#include <assert.h>

/* A partition count above this is no cluster of ours, but a damaged record. */
enum { IMAGE_PARTITIONS_MAX = 1000000, IMAGE_DECODE_BYTES_MAX = 16 << 20 };

static struct slice id_key(const struct uuid *id)
{
    return slice_of(id->bytes, sizeof(id->bytes));
}

static void free_partition(struct image_partition *p)
{
    mem_free(p->replicas);
    mem_free(p->directories);
    mem_free(p->isr);
}

static void free_topic(struct image_topic *t)
{
    for (int32_t i = 0; i < t->partition_count; i++) {
        free_partition(&t->partitions[i]);
    }
    mem_free(t->partitions);
    mem_free(t->name);
    mem_free(t);
}

static void free_broker(struct image_broker *b)
{
    for (int32_t i = 0; i < b->endpoint_count; i++) {
        mem_free(b->endpoints[i].name);
        mem_free(b->endpoints[i].host);
    }
    mem_free(b->endpoints);
    mem_free(b->rack);
    mem_free(b);
}

static void free_settings(struct image_settings *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        mem_free(s->items[i].name);
        mem_free(s->items[i].value);
    }
    mem_free(s->items);
    mem_free(s);
}

void image_init(struct image *img, uint64_t hash_seed)
{
    *img = (struct image){ 0 };
    img->topics_by_name.seed = hash_seed;
    img->topics_by_id.seed = hash_seed;
    img->settings.seed = hash_seed;
}

void image_deinit(struct image *img)
{
    uint32_t cursor = 0;
    for (struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        free_topic(t);
    }
    cursor = 0;
    for (struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        free_broker(b);
    }
    cursor = 0;
    for (struct image_settings *s; (s = map_next(&img->settings, &cursor, NULL));) {
        free_settings(s);
    }
    cursor = 0;
    for (void *f; (f = map_next(&img->features, &cursor, NULL));) {
        mem_free(f);
    }
    map_deinit(&img->topics_by_name);
    map_deinit(&img->topics_by_id);
    map_deinit(&img->brokers);
    map_deinit(&img->settings);
    map_deinit(&img->features);
}

/* --- topics and partitions -------------------------------------------------------------------- */

static enum err apply_topic(struct image *img, const struct topic_record *rec,
                            struct image_change *change)
{
    if (rec->name.len == 0 || map_get(&img->topics_by_name, rec->name) ||
        map_get(&img->topics_by_id, id_key(&rec->topic_id))) {
        return ERR_CORRUPT;
    }
    struct image_topic *t = mem_zalloc(sizeof(*t));
    t->name = mem_strndup(rec->name.ptr, rec->name.len);
    t->id = rec->topic_id;
    map_put(&img->topics_by_name, rec->name, t);
    map_put(&img->topics_by_id, id_key(&t->id), t);
    change->kind = IMAGE_CHANGE_TOPIC;
    change->topic = t;
    return ERR_OK;
}

static int32_t *copy_ids(const int32_t *ids, int32_t count)
{
    int32_t *copy = mem_array((size_t)count + 1, sizeof(*copy));
    if (count > 0) {
        memcpy(copy, ids, (size_t)count * sizeof(*copy));
    }
    return copy;
}

static void set_replicas(struct image_partition *p, const int32_t *ids, int32_t count)
{
    mem_free(p->replicas);
    p->replicas = copy_ids(ids, count);
    p->replica_count = count;
    struct uuid *dirs = mem_array((size_t)count + 1, sizeof(*dirs));
    mem_free(p->directories);
    p->directories = dirs;
}

static void set_isr(struct image_partition *p, const int32_t *ids, int32_t count)
{
    mem_free(p->isr);
    p->isr = copy_ids(ids, count);
    p->isr_count = count;
}

static void set_directories(struct image_partition *p, const struct uuid *dirs, int32_t count)
{
    if (count == p->replica_count) {
        memcpy(p->directories, dirs, (size_t)count * sizeof(*dirs));
    }
}

static enum err apply_partition(struct image *img, const struct partition_record *rec,
                                struct image_change *change)
{
    struct image_topic *t = image_topic_by_id(img, &rec->topic_id);
    if (!t || rec->partition_id < 0 || rec->partition_id > t->partition_count ||
        rec->partition_id >= IMAGE_PARTITIONS_MAX || rec->replicas_n < 0 || rec->isr_n < 0) {
        return ERR_CORRUPT;
    }
    if (rec->partition_id == t->partition_count) {
        t->partitions =
            mem_rearray(t->partitions, (size_t)t->partition_count + 1, sizeof(*t->partitions));
        t->partitions[t->partition_count++] = (struct image_partition){ 0 };
    }
    struct image_partition *p = &t->partitions[rec->partition_id];
    set_replicas(p, rec->replicas, rec->replicas_n);
    set_directories(p, rec->directories, rec->directories_n);
    set_isr(p, rec->isr, rec->isr_n);
    p->leader = rec->leader;
    p->leader_epoch = rec->leader_epoch;
    p->partition_epoch = rec->partition_epoch;
    change->kind = IMAGE_CHANGE_PARTITION;
    change->topic = t;
    change->index = rec->partition_id;
    return ERR_OK;
}

static enum err apply_partition_change(struct image *img, const struct partition_change_record *rec,
                                       struct image_change *change)
{
    enum { LEADER_UNCHANGED = -2 };
    struct image_topic *t = image_topic_by_id(img, &rec->topic_id);
    if (!t || rec->partition_id < 0 || rec->partition_id >= t->partition_count) {
        return ERR_CORRUPT;
    }
    struct image_partition *p = &t->partitions[rec->partition_id];
    if (rec->replicas_n >= 0) {
        set_replicas(p, rec->replicas, rec->replicas_n);
    }
    if (rec->directories_n >= 0) {
        set_directories(p, rec->directories, rec->directories_n);
    }
    if (rec->isr_n >= 0) {
        set_isr(p, rec->isr, rec->isr_n);
    }
    if (rec->leader != LEADER_UNCHANGED) {
        p->leader = rec->leader;
        p->leader_epoch++;
    }
    p->partition_epoch++;
    change->kind = IMAGE_CHANGE_PARTITION;
    change->topic = t;
    change->index = rec->partition_id;
    return ERR_OK;
}

static struct buf settings_key(int8_t type, struct slice name)
{
    struct buf key = { 0 };
    buf_append_byte(&key, (uint8_t)type);
    buf_append_slice(&key, name);
    return key;
}

static void remove_settings(struct image *img, int8_t type, struct slice name)
{
    struct buf key = settings_key(type, name);
    struct image_settings *s = map_remove(&img->settings, buf_slice(&key));
    buf_deinit(&key);
    if (s) {
        free_settings(s);
    }
}

static enum err apply_remove_topic(struct image *img, const struct remove_topic_record *rec,
                                   struct image_change *change)
{
    struct image_topic *t = map_remove(&img->topics_by_id, id_key(&rec->topic_id));
    if (!t) {
        return ERR_CORRUPT;
    }
    map_remove(&img->topics_by_name, slice_str(t->name));
    remove_settings(img, CONFIG_RESOURCE_TOPIC, slice_str(t->name));
    change->kind = IMAGE_CHANGE_REMOVED;
    change->topic = t;
    return ERR_OK;
}

/* --- settings --------------------------------------------------------------------------------- */

static uint32_t settings_place(const struct image_settings *s, struct slice name, bool *ret_found)
{
    uint32_t lo = 0, hi = s->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = slice_cmp(slice_str(s->items[mid].name), name);
        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret_found = false;
    return lo;
}

static void settings_put(struct image_settings *s, struct slice name, struct slice value)
{
    bool found;
    uint32_t at = settings_place(s, name, &found);
    char *text = mem_strndup(value.ptr, value.len);
    if (found) {
        mem_free(s->items[at].value);
        s->items[at].value = text;
        return;
    }
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->items = mem_rearray(s->items, s->cap, sizeof(*s->items));
    }
    memmove(&s->items[at + 1], &s->items[at], (s->count - at) * sizeof(*s->items));
    s->items[at] = (struct image_setting){ mem_strndup(name.ptr, name.len), text };
    s->count++;
}

static void settings_drop(struct image_settings *s, struct slice name)
{
    bool found;
    uint32_t at = settings_place(s, name, &found);
    if (!found) {
        return;
    }
    mem_free(s->items[at].name);
    mem_free(s->items[at].value);
    s->count--;
    memmove(&s->items[at], &s->items[at + 1], (s->count - at) * sizeof(*s->items));
}

static enum err apply_config(struct image *img, const struct config_record *rec,
                             struct image_change *change)
{
    struct buf key = settings_key(rec->resource_type, rec->resource_name);
    struct image_settings *s = map_get(&img->settings, buf_slice(&key));
    if (!s) {
        s = mem_zalloc(sizeof(*s));
        map_put(&img->settings, buf_slice(&key), s);
    }
    if (slice_is_null(rec->value)) {
        settings_drop(s, rec->name);
        if (s->count == 0) {
            map_remove(&img->settings, buf_slice(&key));
            free_settings(s);
        }
    } else {
        settings_put(s, rec->name, rec->value);
    }
    buf_deinit(&key);
    change->kind = IMAGE_CHANGE_SETTINGS;
    change->resource_type = rec->resource_type;
    change->resource_name = rec->resource_name;
    return ERR_OK;
}

/* --- brokers, features, producer ids ---------------------------------------------------------- */

static struct slice broker_key(const int32_t *id)
{
    return slice_of(id, sizeof(*id));
}

static enum err apply_register_broker(struct image *img, const struct register_broker_record *rec)
{
    struct image_broker *b = mem_zalloc(sizeof(*b));
    b->id = rec->broker_id;
    b->epoch = rec->broker_epoch;
    b->incarnation = rec->incarnation_id;
    b->fenced = rec->fenced;
    b->rack = slice_is_null(rec->rack) ? NULL : mem_strndup(rec->rack.ptr, rec->rack.len);
    int32_t n = rec->end_points_n > 0 ? rec->end_points_n : 0;
    b->endpoints = mem_array((size_t)n + 1, sizeof(*b->endpoints));
    b->endpoint_count = n;
    for (int32_t i = 0; i < n; i++) {
        const struct register_broker_record_broker_endpoint *e = &rec->end_points[i];
        b->endpoints[i] = (struct image_endpoint){ mem_strndup(e->name.ptr, e->name.len),
                                                   mem_strndup(e->host.ptr, e->host.len), e->port };
    }
    struct image_broker *old = map_put(&img->brokers, broker_key(&b->id), b);
    if (old) {
        free_broker(old);
    }
    return ERR_OK;
}

static enum err fence_broker(struct image *img, int32_t id, bool fenced)
{
    struct image_broker *b = image_broker(img, id);
    if (!b) {
        return ERR_CORRUPT;
    }
    b->fenced = fenced;
    return ERR_OK;
}

static enum err apply_broker_change(struct image *img,
                                    const struct broker_registration_change_record *rec)
{
    enum { FENCE = 1, UNFENCE = -1 };
    if (rec->fenced == FENCE || rec->fenced == UNFENCE) {
        return fence_broker(img, rec->broker_id, rec->fenced == FENCE);
    }
    return image_broker(img, rec->broker_id) ? ERR_OK : ERR_CORRUPT;
}

static enum err apply_unregister_broker(struct image *img,
                                        const struct unregister_broker_record *rec)
{
    struct image_broker *b = map_remove(&img->brokers, broker_key(&rec->broker_id));
    if (!b) {
        return ERR_CORRUPT;
    }
    free_broker(b);
    return ERR_OK;
}

static enum err apply_feature(struct image *img, const struct feature_level_record *rec)
{
    struct image_feature *f = map_get(&img->features, rec->name);
    if (!f) {
        f = mem_zalloc(sizeof(*f));
        map_put(&img->features, rec->name, f);
    }
    f->level = rec->feature_level;
    return ERR_OK;
}

static enum err apply_producer_ids(struct image *img, const struct producer_ids_record *rec)
{
    if (rec->next_producer_id < img->next_producer_id) {
        return ERR_CORRUPT;
    }
    img->next_producer_id = rec->next_producer_id;
    return ERR_OK;
}

static enum err apply(struct image *img, const struct schema *s, const void *msg,
                      struct image_change *change)
{
    if (s == &topic_record_schema) {
        return apply_topic(img, msg, change);
    }
    if (s == &partition_record_schema) {
        return apply_partition(img, msg, change);
    }
    if (s == &partition_change_record_schema) {
        return apply_partition_change(img, msg, change);
    }
    if (s == &remove_topic_record_schema) {
        return apply_remove_topic(img, msg, change);
    }
    if (s == &config_record_schema) {
        return apply_config(img, msg, change);
    }
    if (s == &register_broker_record_schema) {
        return apply_register_broker(img, msg);
    }
    if (s == &unregister_broker_record_schema) {
        return apply_unregister_broker(img, msg);
    }
    if (s == &broker_registration_change_record_schema) {
        return apply_broker_change(img, msg);
    }
    if (s == &fence_broker_record_schema) {
        return fence_broker(img, ((const struct fence_broker_record *)msg)->id, true);
    }
    if (s == &unfence_broker_record_schema) {
        return fence_broker(img, ((const struct unfence_broker_record *)msg)->id, false);
    }
    if (s == &feature_level_record_schema) {
        return apply_feature(img, msg);
    }
    if (s == &producer_ids_record_schema) {
        return apply_producer_ids(img, msg);
    }
    return ERR_OK; /* no-ops, transaction brackets, controllers: nothing the image holds */
}

enum err image_apply(struct image *img, struct slice record, int64_t offset,
                     struct image_change *ret_change)
{
    struct arena arena;
    arena_init(&arena, IMAGE_DECODE_BYTES_MAX);
    const struct schema *schema;
    int16_t version;
    void *msg;
    struct image_change change = { .kind = IMAGE_CHANGE_NONE };
    enum err e = metadata_record_decode(record, &arena, &schema, &version, &msg);
    if (!e) {
        e = apply(img, schema, msg, &change);
    }
    arena_deinit(&arena);
    if (!e) {
        img->end_offset = offset + 1;
        *ret_change = change;
    }
    return e;
}

void image_change_release(struct image_change *change)
{
    if (change->kind == IMAGE_CHANGE_REMOVED) {
        free_topic(change->topic);
        change->topic = NULL;
    }
}

/* --- questions -------------------------------------------------------------------------------- */

struct image_topic *image_topic(const struct image *img, struct slice name)
{
    return map_get(&img->topics_by_name, name);
}

struct image_topic *image_topic_by_id(const struct image *img, const struct uuid *id)
{
    return map_get(&img->topics_by_id, id_key(id));
}

struct image_broker *image_broker(const struct image *img, int32_t id)
{
    return map_get(&img->brokers, broker_key(&id));
}

int16_t image_feature(const struct image *img, const char *name)
{
    const struct image_feature *f = map_get(&img->features, slice_str(name));
    return f ? f->level : 0;
}

const struct image_settings *image_settings(const struct image *img, int8_t resource_type,
                                            struct slice resource_name)
{
    struct buf key = settings_key(resource_type, resource_name);
    const struct image_settings *s = map_get(&img->settings, buf_slice(&key));
    buf_deinit(&key);
    return s;
}

const char *image_setting(const struct image_settings *s, struct slice name)
{
    bool found = false;
    uint32_t at = s ? settings_place(s, name, &found) : 0;
    return found ? s->items[at].value : NULL;
}
