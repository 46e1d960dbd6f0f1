/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - applies metadata records. Driven by the metadata log's reader at start-up and after
 * each change.
 *   (I1) A topic is in topics_by_name and topics_by_id, or in neither.
 *   (I2) partition_count never shrinks; a partition's place in the array is its index.
 *   (I3) An error leaves the image as it was.
 */
#include "broker/controller/image.h"

#include "broker/controller/image_internal.h"
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
    mem_free(p->adding);
    mem_free(p->removing);
    mem_free(p->elr);
    mem_free(p->last_known_elr);
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
    img->kept.seed = hash_seed;
    img->producer_ids_broker = -1;
    img->producer_ids_broker_epoch = -1;
}

void image_deinit(struct image *img)
{
    uint32_t cursor = 0;
    for (struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        free_topic(t);
    }
    image_free_nodes(img);
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

/* Whether a list of a record is one that a partition can have; null lists are. */
static bool list_fits(int32_t count)
{
    return count <= IMAGE_REPLICAS_MAX;
}

/* An empty list takes no memory. A null one leaves what is there. */
static void set_ids(int32_t **ids, int32_t *count, const int32_t *from, int32_t n)
{
    if (n < 0) {
        return;
    }
    if (n != *count) {
        mem_free(*ids);
        *ids = n > 0 ? mem_array((size_t)n, sizeof(**ids)) : NULL;
        *count = n;
    }
    if (n > 0) {
        memcpy(*ids, from, (size_t)n * sizeof(**ids));
    }
}

/* Directories of a record without them: MIGRATING, which is the zero id. */
static void set_replicas(struct image_partition *p, const int32_t *ids, int32_t count)
{
    set_ids(&p->replicas, &p->replica_count, ids, count);
    mem_free(p->directories);
    p->directories = mem_array((size_t)count + 1, sizeof(*p->directories));
}

static void set_directories(struct image_partition *p, const struct uuid *dirs, int32_t count)
{
    if (count == p->replica_count) {
        memcpy(p->directories, dirs, (size_t)count * sizeof(*dirs));
    }
}

static struct image_partition *add_partition(struct image_topic *t)
{
    if (t->partition_count == t->partition_cap) {
        t->partition_cap = t->partition_cap ? t->partition_cap * 2 : 1;
        t->partitions =
            mem_rearray(t->partitions, (size_t)t->partition_cap, sizeof(*t->partitions));
    }
    struct image_partition *p = &t->partitions[t->partition_count++];
    *p = (struct image_partition){ 0 };
    return p;
}

static enum err apply_partition(struct image *img, const struct partition_record *rec,
                                struct image_change *change)
{
    struct image_topic *t = image_topic_by_id(img, &rec->topic_id);
    if (!t || rec->partition_id < 0 || rec->partition_id > t->partition_count ||
        rec->partition_id >= IMAGE_PARTITIONS_MAX || rec->replicas_n < 1 || rec->isr_n < 0 ||
        !list_fits(rec->replicas_n) || !list_fits(rec->isr_n) ||
        !list_fits(rec->adding_replicas_n) || !list_fits(rec->removing_replicas_n) ||
        !list_fits(rec->eligible_leader_replicas_n) || !list_fits(rec->last_known_elr_n)) {
        return ERR_CORRUPT;
    }
    struct image_partition *p = rec->partition_id == t->partition_count
                                    ? add_partition(t)
                                    : &t->partitions[rec->partition_id];
    set_replicas(p, rec->replicas, rec->replicas_n);
    set_directories(p, rec->directories, rec->directories_n);
    set_ids(&p->isr, &p->isr_count, rec->isr, rec->isr_n);
    set_ids(&p->adding, &p->adding_count, rec->adding_replicas,
            rec->adding_replicas_n > 0 ? rec->adding_replicas_n : 0);
    set_ids(&p->removing, &p->removing_count, rec->removing_replicas,
            rec->removing_replicas_n > 0 ? rec->removing_replicas_n : 0);
    set_ids(&p->elr, &p->elr_count, rec->eligible_leader_replicas,
            rec->eligible_leader_replicas_n > 0 ? rec->eligible_leader_replicas_n : 0);
    set_ids(&p->last_known_elr, &p->last_known_elr_count, rec->last_known_elr,
            rec->last_known_elr_n > 0 ? rec->last_known_elr_n : 0);
    p->leader = rec->leader;
    p->leader_epoch = rec->leader_epoch;
    p->partition_epoch = rec->partition_epoch;
    p->recovering = rec->leader_recovery_state == 1;
    change->kind = IMAGE_CHANGE_PARTITION;
    change->topic = t;
    change->index = rec->partition_id;
    return ERR_OK;
}

static enum err apply_partition_change(struct image *img, const struct partition_change_record *rec,
                                       struct image_change *change)
{
    enum { LEADER_UNCHANGED = -2, RECOVERY_UNCHANGED = -1 };
    struct image_topic *t = image_topic_by_id(img, &rec->topic_id);
    struct image_partition *p = t ? image_partition(t, rec->partition_id) : NULL;
    if (!p || rec->replicas_n == 0 || !list_fits(rec->replicas_n) || !list_fits(rec->isr_n) ||
        !list_fits(rec->adding_replicas_n) || !list_fits(rec->removing_replicas_n) ||
        !list_fits(rec->eligible_leader_replicas_n) || !list_fits(rec->last_known_elr_n)) {
        return ERR_CORRUPT;
    }
    if (rec->replicas_n >= 0) {
        set_replicas(p, rec->replicas, rec->replicas_n);
    }
    if (rec->directories_n >= 0) {
        set_directories(p, rec->directories, rec->directories_n);
    }
    set_ids(&p->isr, &p->isr_count, rec->isr, rec->isr_n);
    set_ids(&p->adding, &p->adding_count, rec->adding_replicas, rec->adding_replicas_n);
    set_ids(&p->removing, &p->removing_count, rec->removing_replicas, rec->removing_replicas_n);
    set_ids(&p->elr, &p->elr_count, rec->eligible_leader_replicas, rec->eligible_leader_replicas_n);
    set_ids(&p->last_known_elr, &p->last_known_elr_count, rec->last_known_elr,
            rec->last_known_elr_n);
    if (rec->leader != LEADER_UNCHANGED) {
        p->leader = rec->leader;
        p->leader_epoch++;
    }
    if (rec->leader_recovery_state != RECOVERY_UNCHANGED) {
        p->recovering = rec->leader_recovery_state == 1;
    }
    p->partition_epoch++;
    change->kind = IMAGE_CHANGE_PARTITION;
    change->topic = t;
    change->index = rec->partition_id;
    return ERR_OK;
}

static void clear_elr(struct image_topic *t)
{
    for (int32_t i = 0; t && i < t->partition_count; i++) {
        set_ids(&t->partitions[i].elr, &t->partitions[i].elr_count, NULL, 0);
        set_ids(&t->partitions[i].last_known_elr, &t->partitions[i].last_known_elr_count, NULL, 0);
    }
}

/* min.insync.replicas has changed: who was eligible under the old one may lack what the new one
 * promises. An empty name is all topics. */
static enum err apply_clear_elr(struct image *img, const struct clear_elr_record *rec)
{
    if (rec->topic_name.len > 0) {
        struct image_topic *t = image_topic(img, rec->topic_name);
        clear_elr(t);
        return t ? ERR_OK : ERR_CORRUPT;
    }
    uint32_t cursor = 0;
    for (struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        clear_elr(t);
    }
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

/* --- features, producer ids ------------------------------------------------------------------ */

static enum err apply_feature(struct image *img, const struct feature_level_record *rec,
                              struct image_change *change)
{
    if (rec->feature_level < 0) {
        return ERR_CORRUPT;
    }
    struct image_feature *f = map_get(&img->features, rec->name);
    if (!f) {
        f = mem_zalloc(sizeof(*f));
        map_put(&img->features, rec->name, f);
    }
    f->level = rec->feature_level;
    change->kind = IMAGE_CHANGE_FEATURES;
    return ERR_OK;
}

static enum err apply_producer_ids(struct image *img, const struct producer_ids_record *rec)
{
    if (rec->next_producer_id < img->next_producer_id) {
        return ERR_CORRUPT;
    }
    img->next_producer_id = rec->next_producer_id;
    img->producer_ids_broker = rec->broker_id;
    img->producer_ids_broker_epoch = rec->broker_epoch;
    return ERR_OK;
}

static enum err apply_topics(struct image *img, const struct schema *s, const void *msg,
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
    if (s == &clear_elr_record_schema) {
        return apply_clear_elr(img, msg);
    }
    return s == &config_record_schema ? apply_config(img, msg, change) : ERR_NOT_FOUND;
}

static enum err apply_nodes(struct image *img, const struct schema *s, const void *msg,
                            int64_t offset, struct image_change *change)
{
    if (s == &register_broker_record_schema) {
        return image_apply_register_broker(img, msg, offset, change);
    }
    if (s == &unregister_broker_record_schema) {
        return image_apply_unregister_broker(img, msg, change);
    }
    if (s == &broker_registration_change_record_schema) {
        return image_apply_broker_change(img, msg, change);
    }
    if (s == &fence_broker_record_schema) {
        const struct fence_broker_record *rec = msg;
        return image_apply_fence(img, rec->id, rec->epoch, true, change);
    }
    if (s == &unfence_broker_record_schema) {
        const struct unfence_broker_record *rec = msg;
        return image_apply_fence(img, rec->id, rec->epoch, false, change);
    }
    if (s == &register_controller_record_schema) {
        return image_apply_register_controller(img, msg);
    }
    if (s == &feature_level_record_schema) {
        return apply_feature(img, msg, change);
    }
    return s == &producer_ids_record_schema ? apply_producer_ids(img, msg) : ERR_NOT_FOUND;
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
        e = apply_topics(img, schema, msg, &change);
        e = e == ERR_NOT_FOUND ? apply_nodes(img, schema, msg, offset, &change) : e;
        e = e == ERR_NOT_FOUND ? image_apply_kept(img, schema, msg, record) : e;
        e = e == ERR_NOT_FOUND ? ERR_OK : e; /* no-ops: nothing that the image holds */
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

struct image_partition *image_partition(const struct image_topic *t, int32_t index)
{
    return index >= 0 && index < t->partition_count ? &t->partitions[index] : NULL;
}

const struct uuid *image_directory_of(const struct image_partition *p, int32_t broker_id)
{
    for (int32_t i = 0; i < p->replica_count; i++) {
        if (p->replicas[i] == broker_id) {
            return &p->directories[i];
        }
    }
    return NULL;
}

uint32_t image_leader_count(const struct image *img, int32_t broker_id)
{
    uint32_t count = 0, cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            count += t->partitions[i].leader == broker_id;
        }
    }
    return count;
}

int16_t image_feature(const struct image *img, const char *name)
{
    const struct image_feature *f = map_get(&img->features, slice_str(name));
    return f ? f->level : 0;
}

int16_t image_metadata_version(const struct image *img)
{
    return image_feature(img, "metadata.version");
}

bool image_elr_enabled(const struct image *img)
{
    return image_feature(img, "eligible.leader.replicas.version") > 0 &&
           image_metadata_version(img) >= METADATA_ELR;
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
