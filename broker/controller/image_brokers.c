/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_brokers.c - the nodes of the image: brokers, controllers, and the records that are only
 * kept. Driven by image.c.
 *   (I4) A change of a broker whose epoch is not the registration's is refused: it was meant for
 *        another incarnation.
 */
#include "broker/controller/image_internal.h"
#include "protocol/base/alloc.h"

const struct uuid directory_unassigned = { { [15] = 1 } };
const struct uuid directory_lost = { { [15] = 2 } };

bool directory_is_reserved(const struct uuid *dir)
{
    static const uint8_t zeros[15];
    return memcmp(dir->bytes, zeros, sizeof(zeros)) == 0 && dir->bytes[15] < 100;
}

static struct slice id_key(const int32_t *id)
{
    return slice_of(id, sizeof(*id));
}

static char *copy_text(struct slice s)
{
    return mem_strndup(s.ptr, s.len);
}

/* --- parts of a registration ------------------------------------------------------------------ */

static void free_endpoints(struct image_endpoint *endpoints, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        mem_free(endpoints[i].name);
        mem_free(endpoints[i].host);
    }
    mem_free(endpoints);
}

static void free_features(struct image_feature_range *features, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        mem_free(features[i].name);
    }
    mem_free(features);
}

static void free_broker(struct image_broker *b)
{
    free_endpoints(b->endpoints, b->endpoint_count);
    free_features(b->features, b->feature_count);
    mem_free(b->log_dirs);
    mem_free(b->cordoned);
    mem_free(b->rack);
    mem_free(b);
}

static void free_controller(struct image_controller *c)
{
    free_endpoints(c->endpoints, c->endpoint_count);
    free_features(c->features, c->feature_count);
    mem_free(c);
}

static void free_kept(struct image_kept *k)
{
    mem_free((void *)(uintptr_t)k->record.ptr);
    mem_free(k);
}

void image_free_nodes(struct image *img)
{
    uint32_t cursor = 0;
    for (struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        free_broker(b);
    }
    cursor = 0;
    for (struct image_controller *c; (c = map_next(&img->controllers, &cursor, NULL));) {
        free_controller(c);
    }
    cursor = 0;
    for (struct image_kept *k; (k = map_next(&img->kept, &cursor, NULL));) {
        free_kept(k);
    }
    map_deinit(&img->brokers);
    map_deinit(&img->controllers);
    map_deinit(&img->kept);
}

static struct uuid *copy_dirs(const struct uuid *dirs, int32_t count)
{
    if (count <= 0) {
        return NULL;
    }
    struct uuid *copy = mem_array((size_t)count, sizeof(*copy));
    memcpy(copy, dirs, (size_t)count * sizeof(*copy));
    return copy;
}

static int32_t at_least_0(int32_t count)
{
    return count > 0 ? count : 0;
}

/* --- brokers ---------------------------------------------------------------------------------- */

static struct image_broker *broker_new(const struct register_broker_record *rec)
{
    struct image_broker *b = mem_zalloc(sizeof(*b));
    b->id = rec->broker_id;
    b->epoch = rec->broker_epoch;
    b->incarnation = rec->incarnation_id;
    b->fenced = rec->fenced;
    b->in_controlled_shutdown = rec->in_controlled_shutdown;
    b->rack = slice_is_null(rec->rack) ? NULL : copy_text(rec->rack);
    b->endpoint_count = at_least_0(rec->end_points_n);
    b->endpoints = mem_array((size_t)b->endpoint_count + 1, sizeof(*b->endpoints));
    for (int32_t i = 0; i < b->endpoint_count; i++) {
        const struct register_broker_record_broker_endpoint *e = &rec->end_points[i];
        b->endpoints[i] = (struct image_endpoint){ copy_text(e->name), copy_text(e->host), e->port,
                                                   e->security_protocol };
    }
    b->feature_count = at_least_0(rec->features_n);
    b->features = mem_array((size_t)b->feature_count + 1, sizeof(*b->features));
    for (int32_t i = 0; i < b->feature_count; i++) {
        const struct register_broker_record_broker_feature *f = &rec->features[i];
        b->features[i] = (struct image_feature_range){ copy_text(f->name), f->min_supported_version,
                                                       f->max_supported_version };
    }
    b->log_dir_count = at_least_0(rec->log_dirs_n);
    b->log_dirs = copy_dirs(rec->log_dirs, b->log_dir_count);
    b->cordoned_count = rec->cordoned_log_dirs_n;
    b->cordoned = copy_dirs(rec->cordoned_log_dirs, b->cordoned_count);
    return b;
}

enum err image_apply_register_broker(struct image *img, const struct register_broker_record *rec,
                                     int64_t offset, struct image_change *change)
{
    struct image_broker *b = broker_new(rec);
    b->registration_offset = offset;
    struct image_broker *old = map_put(&img->brokers, id_key(&b->id), b);
    if (old) {
        free_broker(old);
    }
    change->kind = IMAGE_CHANGE_BROKER;
    change->broker_id = b->id;
    return ERR_OK;
}

/* NULL when the broker is not registered with that epoch. */
static struct image_broker *of_epoch(struct image *img, int32_t id, int64_t epoch)
{
    struct image_broker *b = image_broker(img, id);
    return b && b->epoch == epoch ? b : NULL;
}

enum err image_apply_fence(struct image *img, int32_t id, int64_t epoch, bool fenced,
                           struct image_change *change)
{
    struct image_broker *b = of_epoch(img, id, epoch);
    if (!b) {
        return ERR_CORRUPT;
    }
    b->fenced = fenced;
    change->kind = IMAGE_CHANGE_BROKER;
    change->broker_id = id;
    return ERR_OK;
}

enum err image_apply_broker_change(struct image *img,
                                   const struct broker_registration_change_record *rec,
                                   struct image_change *change)
{
    enum { FENCE = 1, UNFENCE = -1, SHUTTING_DOWN = 1 };
    struct image_broker *b = of_epoch(img, rec->broker_id, rec->broker_epoch);
    if (!b || rec->fenced < UNFENCE || rec->fenced > FENCE) {
        return ERR_CORRUPT;
    }
    if (rec->fenced != 0) {
        b->fenced = rec->fenced == FENCE;
    }
    if (rec->in_controlled_shutdown == SHUTTING_DOWN) {
        b->in_controlled_shutdown = true;
    }
    if (rec->log_dirs_n > 0) {
        mem_free(b->log_dirs);
        b->log_dir_count = rec->log_dirs_n;
        b->log_dirs = copy_dirs(rec->log_dirs, rec->log_dirs_n);
    }
    if (rec->cordoned_log_dirs_n >= 0) {
        mem_free(b->cordoned);
        b->cordoned_count = rec->cordoned_log_dirs_n;
        b->cordoned = copy_dirs(rec->cordoned_log_dirs, rec->cordoned_log_dirs_n);
    }
    change->kind = IMAGE_CHANGE_BROKER;
    change->broker_id = rec->broker_id;
    return ERR_OK;
}

enum err image_apply_unregister_broker(struct image *img,
                                       const struct unregister_broker_record *rec,
                                       struct image_change *change)
{
    if (!of_epoch(img, rec->broker_id, rec->broker_epoch)) {
        return ERR_CORRUPT;
    }
    free_broker(map_remove(&img->brokers, id_key(&rec->broker_id)));
    change->kind = IMAGE_CHANGE_BROKER;
    change->broker_id = rec->broker_id;
    return ERR_OK;
}

/* --- controllers ------------------------------------------------------------------------------ */

enum err image_apply_register_controller(struct image *img,
                                         const struct register_controller_record *rec)
{
    struct image_controller *c = mem_zalloc(sizeof(*c));
    c->id = rec->controller_id;
    c->incarnation = rec->incarnation_id;
    c->zk_migration_ready = rec->zk_migration_ready;
    c->endpoint_count = at_least_0(rec->end_points_n);
    c->endpoints = mem_array((size_t)c->endpoint_count + 1, sizeof(*c->endpoints));
    for (int32_t i = 0; i < c->endpoint_count; i++) {
        const struct register_controller_record_controller_endpoint *e = &rec->end_points[i];
        c->endpoints[i] = (struct image_endpoint){ copy_text(e->name), copy_text(e->host), e->port,
                                                   e->security_protocol };
    }
    c->feature_count = at_least_0(rec->features_n);
    c->features = mem_array((size_t)c->feature_count + 1, sizeof(*c->features));
    for (int32_t i = 0; i < c->feature_count; i++) {
        const struct register_controller_record_controller_feature *f = &rec->features[i];
        c->features[i] = (struct image_feature_range){ copy_text(f->name), f->min_supported_version,
                                                       f->max_supported_version };
    }
    struct image_controller *old = map_put(&img->controllers, id_key(&c->id), c);
    if (old) {
        free_controller(old);
    }
    return ERR_OK;
}

/* --- records that are only kept --------------------------------------------------------------- */

static void key_part(struct buf *key, struct slice part)
{
    uint32_t len = (uint32_t)part.len;
    buf_append(key, &len, sizeof(len));
    buf_append_slice(key, part);
}

/* What the record is about, in *key, after the type that keeps it. false: it takes that out. */
static enum err kept_key(const struct schema *s, const void *msg, struct buf *key, bool *ret_keeps)
{
    *ret_keeps = true;
    if (s == &client_quota_record_schema) {
        const struct client_quota_record *rec = msg;
        buf_append_byte(key, 'q');
        for (int32_t i = 0; i < rec->entity_n; i++) {
            key_part(key, rec->entity[i].entity_type);
            buf_append_byte(key, !slice_is_null(rec->entity[i].entity_name));
            key_part(key, rec->entity[i].entity_name);
        }
        key_part(key, rec->key);
        *ret_keeps = !rec->remove;
    } else if (s == &user_scram_credential_record_schema) {
        const struct user_scram_credential_record *rec = msg;
        buf_append_byte(key, 's');
        buf_append_byte(key, (uint8_t)rec->mechanism);
        key_part(key, rec->name);
    } else if (s == &remove_user_scram_credential_record_schema) {
        const struct remove_user_scram_credential_record *rec = msg;
        buf_append_byte(key, 's');
        buf_append_byte(key, (uint8_t)rec->mechanism);
        key_part(key, rec->name);
        *ret_keeps = false;
    } else if (s == &access_control_entry_record_schema) {
        buf_append_byte(key, 'a');
        buf_append(key, ((const struct access_control_entry_record *)msg)->id.bytes, 16);
    } else if (s == &remove_access_control_entry_record_schema) {
        buf_append_byte(key, 'a');
        buf_append(key, ((const struct remove_access_control_entry_record *)msg)->id.bytes, 16);
        *ret_keeps = false;
    } else if (s == &delegation_token_record_schema) {
        buf_append_byte(key, 't');
        key_part(key, ((const struct delegation_token_record *)msg)->token_id);
    } else if (s == &remove_delegation_token_record_schema) {
        buf_append_byte(key, 't');
        key_part(key, ((const struct remove_delegation_token_record *)msg)->token_id);
        *ret_keeps = false;
    } else if (s == &zk_migration_state_record_schema) {
        buf_append_byte(key, 'z');
    } else {
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

enum err image_apply_kept(struct image *img, const struct schema *s, const void *msg,
                          struct slice record)
{
    struct buf key = { 0 };
    bool keeps;
    enum err e = kept_key(s, msg, &key, &keeps);
    struct image_kept *old = NULL;
    if (!e && keeps) {
        struct image_kept *k = mem_zalloc(sizeof(*k));
        k->record = slice_of(mem_strndup(record.ptr, record.len), record.len);
        old = map_put(&img->kept, buf_slice(&key), k);
    } else if (!e) {
        old = map_remove(&img->kept, buf_slice(&key));
    }
    if (old) {
        free_kept(old);
    }
    buf_deinit(&key);
    return e;
}

/* --- questions -------------------------------------------------------------------------------- */

struct image_broker *image_broker(const struct image *img, int32_t id)
{
    return map_get(&img->brokers, id_key(&id));
}

struct image_controller *image_controller(const struct image *img, int32_t id)
{
    return map_get(&img->controllers, id_key(&id));
}

bool image_broker_is_active(const struct image *img, int32_t id)
{
    const struct image_broker *b = image_broker(img, id);
    return b && !b->fenced && !b->in_controlled_shutdown;
}

bool image_directory_is_online(const struct image_broker *b, const struct uuid *dir)
{
    if (uuid_is_zero(dir) || uuid_eq(dir, &directory_unassigned)) {
        return true;
    }
    if (uuid_eq(dir, &directory_lost)) {
        return false;
    }
    for (int32_t i = 0; i < b->log_dir_count; i++) {
        if (uuid_eq(&b->log_dirs[i], dir)) {
            return true;
        }
    }
    return b->log_dir_count == 0;
}

struct uuid image_directory_for_new(const struct image *img, int32_t broker_id)
{
    const struct image_broker *b = image_broker(img, broker_id);
    return b && b->log_dir_count == 1 ? b->log_dirs[0] : directory_unassigned;
}
