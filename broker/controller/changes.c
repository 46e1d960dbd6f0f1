/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changes.c - from wishes to records. Driven by the API handlers through the metadata log.
 *   (C1) A function that returns an error has added no record.
 */
#include "broker/controller/changes.h"

#include "broker/controller/placement.h"

enum { REPLICAS_MAX = 32, PLACEMENT_BYTES_MAX = 1 << 20 };

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

static void add_partition(const struct uuid *topic_id, int32_t index, const int32_t *replicas,
                          int32_t replica_count, const struct change_placement *where,
                          struct metadata_records *out)
{
    int32_t ids[REPLICAS_MAX];
    struct uuid dirs[REPLICAS_MAX];
    for (int32_t i = 0; i < replica_count; i++) {
        ids[i] = replicas[i];
        dirs[i] = where->directory;
    }
    struct partition_record rec;
    schema_init(&partition_record_schema, &rec);
    rec.partition_id = index;
    rec.topic_id = *topic_id;
    rec.replicas = ids;
    rec.replicas_n = replica_count;
    rec.isr = ids;
    rec.isr_n = replica_count;
    rec.leader = ids[0];
    rec.leader_epoch = 0;
    rec.partition_epoch = 0;
    rec.directories = dirs;
    rec.directories_n = replica_count;
    metadata_records_add(out, &partition_record_schema, PARTITION_RECORD_VERSION, &rec);
}

static enum kafka_error check_hand(const struct image *img, const int32_t *ids, int32_t count,
                                   struct error *err)
{
    if (count < 1 || count > REPLICAS_MAX) {
        return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "A partition assigned by hand needs 1 to 32 replicas.");
    }
    for (int32_t i = 0; i < count; i++) {
        const struct image_broker *b = image_broker(img, ids[i]);
        if (!b || b->fenced) {
            err_set(err, ERR_INVALID,
                    "The manual partition assignment includes broker %d, which is not registered.",
                    (int)ids[i]);
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
        for (int32_t k = 0; k < i; k++) {
            if (ids[k] == ids[i]) {
                return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                              "The manual partition assignment names a broker twice.");
            }
        }
    }
    return KAFKA_NONE;
}

static enum kafka_error check_replication(int32_t replication, int32_t broker_count,
                                          struct error *err)
{
    if (replication < 1 || replication > REPLICAS_MAX) {
        return refuse(err, KAFKA_INVALID_REPLICATION_FACTOR,
                      "Replication factor must be between 1 and 32, or -1 to use the default "
                      "value.");
    }
    if (replication > broker_count) {
        err_set(err, ERR_INVALID,
                "Unable to replicate the partition %d time(s): The target replication factor of %d "
                "cannot be reached because only %d broker(s) are registered.",
                (int)replication, (int)replication, (int)broker_count);
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    return KAFKA_NONE;
}

/* Partitions [first, first + count) of a topic, by placement.h. */
static enum kafka_error place(const struct image *img, const struct uuid *topic_id, int32_t first,
                              int32_t count, int32_t replication,
                              const struct change_placement *where, struct metadata_records *out,
                              struct error *err)
{
    struct arena arena;
    arena_init(&arena, PLACEMENT_BYTES_MAX);
    int32_t *brokers = NULL, broker_count = 0;
    enum kafka_error code = KAFKA_NONE;
    if (placement_brokers(img, &arena, &brokers, &broker_count)) {
        code = refuse(err, KAFKA_INVALID_REPLICATION_FACTOR, "There are too many brokers.");
    } else {
        code = check_replication(replication, broker_count, err);
    }
    for (int32_t i = first; !code && i < first + count; i++) {
        int32_t replicas[REPLICAS_MAX];
        placement_replicas(brokers, broker_count, replication, where->start, i, replicas);
        add_partition(topic_id, i, replicas, replication, where, out);
    }
    arena_deinit(&arena);
    return code;
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
        enum kafka_error code = check_hand(img, topic->assignments[i].broker_ids,
                                           topic->assignments[i].broker_ids_n, err);
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
    int32_t unfenced = 0;
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        unfenced += !b->fenced;
    }
    return check_replication(topic->replication, unfenced, err);
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
    struct topic_record rec;
    schema_init(&topic_record_schema, &rec);
    rec.name = topic->name;
    rec.topic_id = *id;
    metadata_records_add(out, &topic_record_schema, 0, &rec);
    change_settings(img, CONFIG_RESOURCE_TOPIC, topic->name, topic->settings, topic->setting_count,
                    out);
    if (topic->assignment_count > 0) {
        for (int32_t i = 0; i < topic->assignment_count; i++) {
            add_partition(id, i, topic->assignments[i].broker_ids,
                          topic->assignments[i].broker_ids_n, where, out);
        }
        return KAFKA_NONE;
    }
    return place(img, id, 0, topic->partitions, topic->replication, where, out, err);
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
    if (hand_count < 0 || !hands) {
        int32_t replication = t->partition_count ? t->partitions[0].replica_count : 1;
        return place(img, &t->id, t->partition_count, more, replication, where, out, err);
    }
    if (hand_count != more) {
        return refuse(err, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                      "The number of assignments is not the number of new partitions.");
    }
    for (int32_t i = 0; i < hand_count; i++) {
        enum kafka_error code = check_hand(img, hands[i].broker_ids, hands[i].broker_ids_n, err);
        if (code) {
            return code;
        }
    }
    for (int32_t i = 0; i < hand_count; i++) {
        add_partition(&t->id, t->partition_count + i, hands[i].broker_ids, hands[i].broker_ids_n,
                      where, out);
    }
    return KAFKA_NONE;
}

static bool has_replica(const struct image_partition *p, int32_t broker_id)
{
    for (int32_t i = 0; i < p->replica_count; i++) {
        if (p->replicas[i] == broker_id) {
            return true;
        }
    }
    return false;
}

void change_elect(const struct image *img, int32_t broker_id, struct metadata_records *out)
{
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            bool in_sync = p->isr_count == 0 || p->isr[0] == broker_id;
            if (p->leader >= 0 || !in_sync || !has_replica(p, broker_id)) {
                continue;
            }
            struct partition_change_record rec;
            schema_init(&partition_change_record_schema, &rec);
            rec.partition_id = i;
            rec.topic_id = t->id;
            rec.leader = broker_id;
            rec.isr = &broker_id;
            rec.isr_n = 1;
            metadata_records_add(out, &partition_change_record_schema,
                                 PARTITION_CHANGE_RECORD_VERSION, &rec);
        }
    }
}

/* --- settings, producer ids ------------------------------------------------------------------- */

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
