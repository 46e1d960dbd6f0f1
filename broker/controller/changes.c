/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.c - from wishes to records. Driven by the API handlers through the metadata log.
 *   (C1) A function that returns an error has added no record.
 */
#include "broker/controller/changes.h"

#include "broker/controller/placement.h"

#include <assert.h>
#include <stdio.h>

enum { REPLICAS_MAX = 32 };

static enum kafka_error refuse(struct error *err, enum kafka_error code, const char *text)
{
    err_set(err, ERR_INVALID, "%s", text);
    return code;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

enum kafka_error change_check_topic_name(struct slice name, struct error *err)
{
    if (name.len == 0) {
        return refuse(err, KAFKA_INVALID_TOPIC_EXCEPTION, "Topic name is invalid: it is empty.");
    }
    if (name.len > TOPIC_NAME_BYTES_MAX) {
        return refuse(err, KAFKA_INVALID_TOPIC_EXCEPTION,
                      "Topic name is invalid: it is longer than 249 characters.");
    }
    if (slice_eq_str(name, ".") || slice_eq_str(name, "..")) {
        return refuse(err, KAFKA_INVALID_TOPIC_EXCEPTION,
                      "Topic name is invalid: it cannot be \".\" or \"..\".");
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i])) {
            return refuse(err, KAFKA_INVALID_TOPIC_EXCEPTION,
                          "Topic name is invalid: only ASCII letters, digits, '.', '_' and '-' "
                          "may be in it.");
        }
    }
    return KAFKA_NONE;
}

/* --- partitions ------------------------------------------------------------------------------- */

/* Replicas on brokers that cannot take part now are not in sync yet; one at least is. */
static void add_partition(const struct image *img, const struct uuid *topic_id, int32_t index,
                          const int32_t *replicas, int32_t replica_count,
                          struct metadata_records *out)
{
    int32_t ids[REPLICAS_MAX], isr[REPLICAS_MAX], isr_count = 0;
    struct uuid dirs[REPLICAS_MAX];
    for (int32_t i = 0; i < replica_count; i++) {
        ids[i] = replicas[i];
        dirs[i] = image_directory_for_new(img, replicas[i]);
        if (image_broker_is_active(img, replicas[i])) {
            isr[isr_count++] = replicas[i];
        }
    }
    assert(isr_count > 0);
    struct partition_record rec;
    schema_init(&partition_record_schema, &rec);
    rec.partition_id = index;
    rec.topic_id = *topic_id;
    rec.replicas = ids;
    rec.replicas_n = replica_count;
    rec.isr = isr;
    rec.isr_n = isr_count;
    rec.leader = isr[0];
    rec.leader_epoch = 0;
    rec.partition_epoch = 0;
    rec.directories = dirs;
    rec.directories_n = replica_count;
    metadata_records_add(out, &partition_record_schema,
                         metadata_record_version(&partition_record_schema,
                                                 image_metadata_version(img)),
                         &rec);
}

/* Replicas by hand: registered brokers, each once, and one of them able to lead. replication: how
 * many there must be, or -1. */
static enum kafka_error check_hand(const struct image *img, const int32_t *ids, int32_t count,
                                   int32_t replication, struct error *err)
{
    bool active = false;
    if (count < 1 || count > REPLICAS_MAX) {
        return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "A partition assigned by hand needs 1 to 32 replicas.");
    }
    if (replication >= 0 && count != replication) {
        err_set(err, ERR_INVALID,
                "The manual partition assignment includes a partition with %d replica(s), but this "
                "is not consistent with previous partitions, which have %d replica(s).",
                (int)count, (int)replication);
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!image_broker(img, ids[i])) {
            err_set(err, ERR_INVALID,
                    "The manual partition assignment includes broker %d, but no such broker is "
                    "registered.",
                    (int)ids[i]);
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
        if (image_has_id(ids, i, ids[i])) {
            err_set(err, ERR_INVALID,
                    "The manual partition assignment includes the broker %d more than once.",
                    (int)ids[i]);
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
        active = active || image_broker_is_active(img, ids[i]);
    }
    if (!active) {
        return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "All brokers specified in the manual partition assignment are fenced or in "
                      "controlled shutdown.");
    }
    return KAFKA_NONE;
}

static enum kafka_error check_replication(int32_t replication, struct error *err)
{
    if (replication < 1 || replication > REPLICAS_MAX) {
        return refuse(err, KAFKA_INVALID_REPLICATION_FACTOR,
                      "Replication factor must be between 1 and 32, or -1 to use the default "
                      "value.");
    }
    return KAFKA_NONE;
}

/* Partitions [first, first + count) of a topic, by placement.h. */
static enum kafka_error place(const struct image *img, const struct uuid *topic_id, int32_t first,
                              int32_t count, int32_t replication, uint64_t seed,
                              struct metadata_records *out, struct error *err)
{
    struct placement placement;
    enum kafka_error code = placement_init(&placement, img, replication, seed, err);
    for (int32_t i = first; !code && i < first + count; i++) {
        int32_t replicas[REPLICAS_MAX];
        placement_next(&placement, replication, replicas);
        add_partition(img, topic_id, i, replicas, replication, out);
    }
    placement_deinit(&placement);
    return code;
}

/* All records of a request are one batch. */
static enum kafka_error check_size(struct metadata_records *out, uint32_t before, struct error *err)
{
    if (metadata_records_size(out) <= METADATA_BATCH_BYTES_MAX) {
        return KAFKA_NONE;
    }
    metadata_records_cut(out, before);
    return refuse(err, KAFKA_POLICY_VIOLATION,
                  "Excessively large number of partitions per request; create them in several "
                  "requests.");
}

/* --- topics ----------------------------------------------------------------------------------- */

/* Replicas by hand: indexes must be 0, 1, 2, ... in any order, as Kafka asks. */
static enum kafka_error check_hands(const struct image *img, const struct change_topic *topic,
                                    struct error *err)
{
    if (topic->partitions != -1 || topic->replication != -1) {
        return refuse(
            err, KAFKA_INVALID_REQUEST,
            "A manual partition assignment was specified, but the number of partitions or "
            "the replication factor was not set to -1.");
    }
    if (topic->assignment_count > TOPIC_PARTITIONS_MAX) {
        return refuse(err, KAFKA_INVALID_PARTITIONS, "A topic has at most 10000 partitions.");
    }
    for (int32_t i = 0; i < topic->assignment_count; i++) {
        if (topic->assignments[i].partition_index != i) {
            return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          "Partitions should be a consecutive 0-based integer sequence, in order.");
        }
        int32_t replication = i > 0 ? topic->assignments[0].broker_ids_n : -1;
        enum kafka_error code = check_hand(img, topic->assignments[i].broker_ids,
                                           topic->assignments[i].broker_ids_n, replication, err);
        if (code) {
            return code;
        }
    }
    return KAFKA_NONE;
}

static enum kafka_error check_counts(const struct image *img, const struct change_topic *topic,
                                     struct error *err)
{
    if (topic->assignment_count > 0) {
        return check_hands(img, topic, err);
    }
    if (topic->partitions < 1) {
        return refuse(err, KAFKA_INVALID_PARTITIONS,
                      "Number of partitions was set to an invalid non-positive value.");
    }
    if (topic->partitions > TOPIC_PARTITIONS_MAX) {
        return refuse(err, KAFKA_INVALID_PARTITIONS, "A topic has at most 10000 partitions.");
    }
    return check_replication(topic->replication, err);
}

enum kafka_error change_create_topic(const struct image *img, const struct change_topic *topic,
                                     const struct uuid *id, const struct change_placement *where,
                                     struct metadata_records *out, struct error *err)
{
    enum kafka_error code = change_check_topic_name(topic->name, err);
    if (code) {
        return code;
    }
    if (image_topic(img, topic->name)) {
        err_set(err, ERR_EXISTS, "Topic '%.*s' already exists.", SLICE_ARG(topic->name));
        return KAFKA_TOPIC_ALREADY_EXISTS;
    }
    code = check_counts(img, topic, err);
    if (code) {
        return code;
    }
    uint32_t before = out->count;
    struct topic_record rec;
    schema_init(&topic_record_schema, &rec);
    rec.name = topic->name;
    rec.topic_id = *id;
    metadata_records_add(out, &topic_record_schema, 0, &rec);
    change_settings(img, CONFIG_RESOURCE_TOPIC, topic->name, topic->settings, topic->setting_count,
                    out);
    if (topic->assignment_count > 0) {
        for (int32_t i = 0; i < topic->assignment_count; i++) {
            add_partition(img, id, i, topic->assignments[i].broker_ids,
                          topic->assignments[i].broker_ids_n, out);
        }
    } else {
        code = place(img, id, 0, topic->partitions, topic->replication, where->seed, out, err);
    }
    if (code) {
        metadata_records_cut(out, before);
        return code;
    }
    return check_size(out, before, err);
}

enum kafka_error change_delete_topic(const struct image *img, struct slice name,
                                     const struct uuid *id, struct metadata_records *out,
                                     struct error *err)
{
    const struct image_topic *t;
    if (!slice_is_null(name)) {
        t = image_topic(img, name);
        if (!t) {
            return refuse(err, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                          "This server does not host this topic-partition.");
        }
    } else {
        t = image_topic_by_id(img, id);
        if (!t) {
            return refuse(err, KAFKA_UNKNOWN_TOPIC_ID, "This server does not host this topic ID.");
        }
    }
    struct remove_topic_record rec;
    schema_init(&remove_topic_record_schema, &rec);
    rec.topic_id = t->id;
    metadata_records_add(out, &remove_topic_record_schema, 0, &rec);
    return KAFKA_NONE;
}

enum kafka_error change_create_partitions(const struct image *img, struct slice topic,
                                          int32_t partitions,
                                          const struct create_partitions_request_assignment *hands,
                                          int32_t hand_count, const struct change_placement *where,
                                          struct metadata_records *out, struct error *err)
{
    const struct image_topic *t = image_topic(img, topic);
    if (!t) {
        return refuse(err, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                      "This server does not host this topic-partition.");
    }
    int32_t more = partitions - t->partition_count;
    if (partitions < 0 || more < 0) {
        err_set(err, ERR_INVALID,
                "The topic %s currently has %d partition(s); %d would not be an increase.", t->name,
                (int)t->partition_count, (int)partitions);
        return KAFKA_INVALID_PARTITIONS;
    }
    if (more == 0) {
        err_set(err, ERR_INVALID, "Topic already has %d partition(s).", (int)t->partition_count);
        return KAFKA_INVALID_PARTITIONS;
    }
    if (partitions > TOPIC_PARTITIONS_MAX) {
        return refuse(err, KAFKA_INVALID_PARTITIONS, "A topic has at most 10000 partitions.");
    }
    uint32_t before = out->count;
    const struct image_partition *p = t->partition_count ? &t->partitions[0] : NULL;
    int32_t replication = p ? p->replica_count - p->adding_count : 1;
    if (hand_count < 0 || !hands) {
        enum kafka_error code =
            place(img, &t->id, t->partition_count, more, replication, where->seed, out, err);
        return code ? code : check_size(out, before, err);
    }
    if (hand_count != more) {
        return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "The number of assignments is not the number of new partitions.");
    }
    for (int32_t i = 0; i < hand_count; i++) {
        enum kafka_error code =
            check_hand(img, hands[i].broker_ids, hands[i].broker_ids_n, replication, err);
        if (code) {
            return code;
        }
    }
    for (int32_t i = 0; i < hand_count; i++) {
        add_partition(img, &t->id, t->partition_count + i, hands[i].broker_ids,
                      hands[i].broker_ids_n, out);
    }
    return check_size(out, before, err);
}

/* --- settings, producer ids ------------------------------------------------------------------- */

/* Nothing is committed while nobody leads: who was eligible stays it, or else the partition would
 * wait for an unclean election though its replicas have everything. Apache Kafka's forgets them. */
static void keep_elr(const struct image *img, const struct image_topic *t,
                     struct metadata_records *out)
{
    int16_t version =
        metadata_record_version(&partition_change_record_schema, image_metadata_version(img));
    for (int32_t i = 0; i < t->partition_count; i++) {
        const struct image_partition *p = &t->partitions[i];
        if (p->isr_count > 0 || (p->elr_count == 0 && p->last_known_elr_count == 0)) {
            continue;
        }
        struct partition_change_record rec;
        schema_init(&partition_change_record_schema, &rec);
        rec.topic_id = t->id;
        rec.partition_id = i;
        rec.eligible_leader_replicas = p->elr;
        rec.eligible_leader_replicas_n = p->elr_count;
        rec.last_known_elr = p->last_known_elr;
        rec.last_known_elr_n = p->last_known_elr_count;
        metadata_records_add(out, &partition_change_record_schema, version, &rec);
    }
}

/* Who is eligible under one min.insync.replicas may lack what another one promises. */
static void clear_elr(const struct image *img, int8_t resource_type, struct slice resource_name,
                      struct metadata_records *out)
{
    bool of_topic = resource_type == CONFIG_RESOURCE_TOPIC && image_topic(img, resource_name);
    bool of_cluster = resource_type == CONFIG_RESOURCE_BROKER && resource_name.len == 0;
    if (image_elr_enabled(img) && (of_topic || of_cluster)) {
        struct clear_elr_record rec;
        schema_init(&clear_elr_record_schema, &rec);
        rec.topic_name = resource_name;
        metadata_records_add(out, &clear_elr_record_schema, 0, &rec);
        if (of_topic) {
            keep_elr(img, image_topic(img, resource_name), out);
            return;
        }
        uint32_t cursor = 0;
        for (struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
            keep_elr(img, t, out);
        }
    }
}

void change_settings(const struct image *img, int8_t resource_type, struct slice resource_name,
                     const struct change_setting *settings, uint32_t count,
                     struct metadata_records *out)
{
    const struct image_settings *now = image_settings(img, resource_type, resource_name);
    for (uint32_t i = 0; i < count; i++) {
        const char *old = image_setting(now, settings[i].name);
        bool same = slice_is_null(settings[i].value)
                        ? old == NULL
                        : old != NULL && slice_eq_str(settings[i].value, old);
        if (same) {
            continue;
        }
        struct config_record rec;
        schema_init(&config_record_schema, &rec);
        rec.resource_type = resource_type;
        rec.resource_name = resource_name;
        rec.name = settings[i].name;
        rec.value = settings[i].value;
        metadata_records_add(out, &config_record_schema, 0, &rec);
        if (slice_eq_str(settings[i].name, "min.insync.replicas")) {
            clear_elr(img, resource_type, resource_name, out);
        }
    }
}

void change_share_min_isr(const struct image *img, int32_t configured, struct metadata_records *out)
{
    const struct slice name = slice_str("min.insync.replicas");
    const struct image_settings *s = image_settings(img, CONFIG_RESOURCE_BROKER, slice_str(""));
    if (configured > 0 && !image_setting(s, name)) {
        char text[16];
        snprintf(text, sizeof(text), "%d", (int)configured);
        const struct change_setting set = { name, slice_str(text) };
        change_settings(img, CONFIG_RESOURCE_BROKER, slice_str(""), &set, 1, out);
    }
    uint32_t cursor = 0;
    struct slice key; /* the resource's type and its name (image.c) */
    while ((s = map_next(&img->settings, &cursor, &key))) {
        if ((int8_t)key.ptr[0] == CONFIG_RESOURCE_BROKER && key.len > 1) {
            const struct change_setting drop = { name, slice_null() };
            change_settings(img, CONFIG_RESOURCE_BROKER, slice_from(key, 1), &drop, 1, out);
        }
    }
}

void change_producer_ids(const struct image *img, int32_t broker_id, int64_t broker_epoch,
                         int64_t count, struct metadata_records *out, int64_t *ret_first)
{
    struct producer_ids_record rec;
    schema_init(&producer_ids_record_schema, &rec);
    rec.broker_id = broker_id;
    rec.broker_epoch = broker_epoch;
    rec.next_producer_id = img->next_producer_id + count;
    metadata_records_add(out, &producer_ids_record_schema, 0, &rec);
    *ret_first = img->next_producer_id;
}
