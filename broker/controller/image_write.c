/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_write.c - see image_write.h. Driven by who makes snapshots, and by tests that compare
 * images.
 *   (W1) Each part's function adds the records of one item and says whether there was one.
 */
#include "broker/controller/image_write.h"

#include "protocol/base/alloc.h"

static void add(const struct image *img, struct metadata_records *out, const struct schema *s,
                const void *msg)
{
    metadata_records_add(out, s, metadata_record_version(s, image_metadata_version(img)), msg);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void write_feature(const struct image *img, struct slice name, int16_t level,
                          struct metadata_records *out)
{
    struct feature_level_record rec;
    schema_init(&feature_level_record_schema, &rec);
    rec.name = name;
    rec.feature_level = level;
    add(img, out, &feature_level_record_schema, &rec);
}

static bool write_features(const struct image *img, struct image_write_cursor *c,
                           struct metadata_records *out)
{
    if (c->item == 0 && image_metadata_version(img) > 0) {
        write_feature(img, slice_str("metadata.version"), image_metadata_version(img), out);
    }
    struct slice name;
    const struct image_feature *f = map_next(&img->features, &c->item, &name);
    if (f && !slice_eq_str(name, "metadata.version")) {
        write_feature(img, name, f->level, out);
    }
    return f != NULL;
}

void image_write_broker(const struct image *img, const struct image_broker *b,
                        struct metadata_records *out)
{
    struct register_broker_record rec;
    schema_init(&register_broker_record_schema, &rec);
    rec.broker_id = b->id;
    rec.incarnation_id = b->incarnation;
    rec.broker_epoch = b->epoch;
    rec.rack = b->rack ? slice_str(b->rack) : slice_null();
    rec.fenced = b->fenced;
    rec.in_controlled_shutdown = b->in_controlled_shutdown;
    rec.log_dirs = b->log_dirs;
    rec.log_dirs_n = b->log_dir_count;
    rec.cordoned_log_dirs = b->cordoned;
    rec.cordoned_log_dirs_n = b->cordoned_count;
    rec.end_points_n = b->endpoint_count;
    rec.features_n = b->feature_count;
    rec.end_points = mem_array((size_t)b->endpoint_count + 1, sizeof(*rec.end_points));
    rec.features = mem_array((size_t)b->feature_count + 1, sizeof(*rec.features));
    for (int32_t i = 0; i < b->endpoint_count; i++) {
        const struct image_endpoint *e = &b->endpoints[i];
        rec.end_points[i].name = slice_str(e->name);
        rec.end_points[i].host = slice_str(e->host);
        rec.end_points[i].port = e->port;
        rec.end_points[i].security_protocol = e->security_protocol;
    }
    for (int32_t i = 0; i < b->feature_count; i++) {
        rec.features[i].name = slice_str(b->features[i].name);
        rec.features[i].min_supported_version = b->features[i].min;
        rec.features[i].max_supported_version = b->features[i].max;
    }
    add(img, out, &register_broker_record_schema, &rec);
    mem_free(rec.end_points);
    mem_free(rec.features);
}

static bool write_brokers(const struct image *img, struct image_write_cursor *c,
                          struct metadata_records *out)
{
    const struct image_broker *b = map_next(&img->brokers, &c->item, NULL);
    if (!b) {
        return false;
    }
    image_write_broker(img, b, out);
    return true;
}

void image_write_controller(const struct image *img, const struct image_controller *k,
                            struct metadata_records *out)
{
    struct register_controller_record rec;
    schema_init(&register_controller_record_schema, &rec);
    rec.controller_id = k->id;
    rec.incarnation_id = k->incarnation;
    rec.zk_migration_ready = k->zk_migration_ready;
    rec.end_points_n = k->endpoint_count;
    rec.features_n = k->feature_count;
    rec.end_points = mem_array((size_t)k->endpoint_count + 1, sizeof(*rec.end_points));
    rec.features = mem_array((size_t)k->feature_count + 1, sizeof(*rec.features));
    for (int32_t i = 0; i < k->endpoint_count; i++) {
        const struct image_endpoint *e = &k->endpoints[i];
        rec.end_points[i].name = slice_str(e->name);
        rec.end_points[i].host = slice_str(e->host);
        rec.end_points[i].port = e->port;
        rec.end_points[i].security_protocol = e->security_protocol;
    }
    for (int32_t i = 0; i < k->feature_count; i++) {
        rec.features[i].name = slice_str(k->features[i].name);
        rec.features[i].min_supported_version = k->features[i].min;
        rec.features[i].max_supported_version = k->features[i].max;
    }
    add(img, out, &register_controller_record_schema, &rec);
    mem_free(rec.end_points);
    mem_free(rec.features);
}

static bool write_controllers(const struct image *img, struct image_write_cursor *c,
                              struct metadata_records *out)
{
    const struct image_controller *k = map_next(&img->controllers, &c->item, NULL);
    if (!k) {
        return false;
    }
    image_write_controller(img, k, out);
    return true;
}

/* --- topics ----------------------------------------------------------------------------------- */

static void write_partition(const struct image *img, const struct image_topic *t, int32_t index,
                            struct metadata_records *out)
{
    const struct image_partition *p = &t->partitions[index];
    struct partition_record rec;
    schema_init(&partition_record_schema, &rec);
    rec.partition_id = index;
    rec.topic_id = t->id;
    rec.replicas = p->replicas;
    rec.replicas_n = p->replica_count;
    rec.isr = p->isr;
    rec.isr_n = p->isr_count;
    rec.removing_replicas = p->removing;
    rec.removing_replicas_n = p->removing_count;
    rec.adding_replicas = p->adding;
    rec.adding_replicas_n = p->adding_count;
    rec.leader = p->leader;
    rec.leader_recovery_state = p->recovering;
    rec.leader_epoch = p->leader_epoch;
    rec.partition_epoch = p->partition_epoch;
    rec.directories = p->directories;
    rec.directories_n = p->replica_count;
    if (p->elr_count > 0) {
        rec.eligible_leader_replicas = p->elr;
        rec.eligible_leader_replicas_n = p->elr_count;
    }
    if (p->last_known_elr_count > 0) {
        rec.last_known_elr = p->last_known_elr;
        rec.last_known_elr_n = p->last_known_elr_count;
    }
    add(img, out, &partition_record_schema, &rec);
}

/* One topic record or one partition's a call. */
static bool write_topics(const struct image *img, struct image_write_cursor *c,
                         struct metadata_records *out)
{
    if (c->topic && c->partition < c->topic->partition_count) {
        write_partition(img, c->topic, c->partition++, out);
        return true;
    }
    c->topic = map_next(&img->topics_by_id, &c->item, NULL);
    c->partition = 0;
    if (!c->topic) {
        return false;
    }
    struct topic_record rec;
    schema_init(&topic_record_schema, &rec);
    rec.name = slice_str(c->topic->name);
    rec.topic_id = c->topic->id;
    add(img, out, &topic_record_schema, &rec);
    return true;
}

/* --- the rest --------------------------------------------------------------------------------- */

static bool write_settings(const struct image *img, struct image_write_cursor *c,
                           struct metadata_records *out)
{
    struct slice key;
    const struct image_settings *s = map_next(&img->settings, &c->item, &key);
    for (uint32_t i = 0; s && i < s->count; i++) {
        struct config_record rec;
        schema_init(&config_record_schema, &rec);
        rec.resource_type = (int8_t)key.ptr[0];
        rec.resource_name = slice_from(key, 1);
        rec.name = slice_str(s->items[i].name);
        rec.value = slice_str(s->items[i].value);
        add(img, out, &config_record_schema, &rec);
    }
    return s != NULL;
}

static bool write_kept(const struct image *img, struct image_write_cursor *c,
                       struct metadata_records *out)
{
    const struct image_kept *k = map_next(&img->kept, &c->item, NULL);
    if (k) {
        metadata_records_add_raw(out, k->record);
    }
    return k != NULL;
}

static bool write_producer_ids(const struct image *img, struct image_write_cursor *c,
                               struct metadata_records *out)
{
    if (c->item++ > 0 || img->next_producer_id == 0) {
        return false;
    }
    struct producer_ids_record rec;
    schema_init(&producer_ids_record_schema, &rec);
    rec.broker_id = img->producer_ids_broker;
    rec.broker_epoch = img->producer_ids_broker_epoch;
    rec.next_producer_id = img->next_producer_id;
    add(img, out, &producer_ids_record_schema, &rec);
    return true;
}

bool image_write(const struct image *img, struct image_write_cursor *cursor, size_t bytes_max,
                 struct metadata_records *out)
{
    static bool (*const parts[])(const struct image *, struct image_write_cursor *,
                                 struct metadata_records *) = { write_features,    write_brokers,
                                                                write_controllers, write_topics,
                                                                write_settings,    write_kept,
                                                                write_producer_ids };
    size_t end = metadata_records_size(out) + bytes_max;
    while (cursor->part < sizeof(parts) / sizeof(parts[0]) && metadata_records_size(out) < end) {
        if (!parts[cursor->part](img, cursor, out)) {
            *cursor = (struct image_write_cursor){ .part = cursor->part + 1 };
        }
    }
    return cursor->part < sizeof(parts) / sizeof(parts[0]);
}
