/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_config.c - the two tables of settings and how a topic's falls back on the node's. Driven
 * by main.c at start-up, by topics.c whenever a topic or its settings appear, by DescribeConfigs.
 */
#include "broker/broker_config.h"

#include "protocol/base/units.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

static const struct config_row broker_rows[] = {
#define CONFIG_STRUCT broker_config
#define C             CONFIG_ROW
#include "protocol/net/service_config.def"
#include "broker/broker_config.def"
#undef C
#undef CONFIG_STRUCT
};

const struct config_table broker_config_table = {
    .title = "broker",
    .rows = broker_rows,
    .count = sizeof(broker_rows) / sizeof(broker_rows[0]),
    .struct_size = sizeof(struct broker_config),
};

static const struct config_row topic_rows[] = {
#define CONFIG_STRUCT topic_config
#define T(kind, field, name, synonym, value, min, max, about)                                      \
    CONFIG_ROW(kind, field, name, value, min, max, CONFIG_DYNAMIC, about)
#include "broker/topic_config.def"
#undef T
#undef CONFIG_STRUCT
};

static const char *const topic_synonyms[] = {
#define T(kind, field, name, synonym, value, min, max, about) synonym,
#include "broker/topic_config.def"
#undef T
};

const struct config_table topic_config_table = {
    .title = "topic",
    .rows = topic_rows,
    .count = sizeof(topic_rows) / sizeof(topic_rows[0]),
    .struct_size = sizeof(struct topic_config),
};

enum { CHECK_BYTES_MAX = 64 * 1024 };

static enum err check_policy(struct slice value, struct error *err)
{
    struct slice rest = value;
    while (rest.len > 0) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        size_t n = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct slice word = slice_head(rest, n);
        while (word.len > 0 && word.ptr[0] == ' ') {
            word = slice_from(word, 1);
        }
        if (!slice_eq_str(word, "delete") && !slice_eq_str(word, "compact")) {
            return err_set(err, ERR_CONFIG,
                           "cleanup policy \"%.*s\": must be delete, compact or both",
                           SLICE_ARG(value));
        }
        rest = slice_from(rest, comma ? n + 1 : n);
    }
    return ERR_OK;
}

/* "partition:broker,...", "*", "none" or nothing, as Kafka has it. */
static enum err check_throttled(struct slice value, struct error *err)
{
    bool good = true;
    size_t digits = 0, colons = 0;
    for (size_t i = 0; good && i <= value.len; i++) {
        char c = i < value.len ? (char)value.ptr[i] : ',';
        if (c >= '0' && c <= '9') {
            digits++;
        } else {
            good = digits > 0 && (c == ':' ? colons == 0 : c == ',' && colons == 1);
            colons = c == ':';
            digits = 0;
        }
    }
    if (value.len == 0 || slice_eq_str(value, "*") || slice_eq_str(value, "none") || good) {
        return ERR_OK;
    }
    return err_set(err, ERR_CONFIG,
                   "throttled replicas \"%.*s\": must be *, none, or a list such as 0:1,0:2 of "
                   "partitions and brokers",
                   SLICE_ARG(value));
}

static enum err check_value(const struct config_table *table, const struct config_row *row,
                            struct slice value, void *scratch, struct error *err)
{
    struct arena arena;
    arena_init(&arena, CHECK_BYTES_MAX);
    enum err e = config_set(table, row->name, value, &arena, scratch, err);
    arena_deinit(&arena);
    return e;
}

enum err broker_config_check(const struct broker_config *config, struct error *err)
{
    if (config->listeners.count == 0) {
        return err_set(err, ERR_CONFIG,
                       "listeners: at least one is needed, e.g. "
                       "PLAINTEXT://127.0.0.1:9092");
    }
    if (config->socket_request_max_bytes > config->queued_max_request_bytes) {
        return err_set(err, ERR_CONFIG,
                       "queued.max.request.bytes (%lld) must not be below socket.request.max.bytes "
                       "(%lld): the largest request would never fit",
                       (long long)config->queued_max_request_bytes,
                       (long long)config->socket_request_max_bytes);
    }
    if (config->message_max_bytes > config->socket_request_max_bytes) {
        return err_set(err, ERR_CONFIG,
                       "message.max.bytes (%lld) must not be above socket.request.max.bytes (%lld)",
                       (long long)config->message_max_bytes,
                       (long long)config->socket_request_max_bytes);
    }
    if (config->group_min_session_timeout_ms > config->group_max_session_timeout_ms) {
        return err_set(err, ERR_CONFIG,
                       "group.min.session.timeout.ms is above group.max.session.timeout.ms");
    }
    return check_policy(slice_str(config->log_cleanup_policy), err);
}

int64_t broker_config_retention_ms(const struct broker_config *config)
{
    if (config->log_retention_ms != 0) {
        return config->log_retention_ms;
    }
    if (config->log_retention_minutes != 0) {
        return config->log_retention_minutes < 0 ? -1 : config->log_retention_minutes * 60000;
    }
    return config->log_retention_hours < 0 ? -1 : config->log_retention_hours * 3600000;
}

int64_t broker_config_roll_ms(const struct broker_config *config)
{
    return config->log_roll_ms != 0 ? config->log_roll_ms : config->log_roll_hours * 3600000;
}

/* The node's own values, as defaults of a topic. */
static void from_broker(const struct broker_config *b, struct topic_config *t)
{
    t->cleanup_policy = b->log_cleanup_policy;
    t->compression_type = b->compression_type;
    t->delete_retention_ms = b->log_cleaner_delete_retention_ms;
    t->file_delete_delay_ms = b->log_segment_delete_delay_ms;
    t->index_interval_bytes = b->log_index_interval_bytes;
    t->max_message_bytes = b->message_max_bytes;
    t->message_timestamp_type = b->log_message_timestamp_type;
    t->min_insync_replicas = b->min_insync_replicas;
    t->retention_bytes = b->log_retention_bytes;
    t->retention_ms = broker_config_retention_ms(b);
    t->segment_bytes = b->log_segment_bytes;
    t->segment_index_bytes = b->log_index_size_max_bytes;
    t->segment_jitter_ms = b->log_roll_jitter_ms;
    t->segment_ms = broker_config_roll_ms(b);
    t->unclean_leader_election_enable = b->unclean_leader_election_enable;
    t->leader_replication_throttled_replicas = "";
    t->follower_replication_throttled_replicas = "";
}

void topic_config_resolve(const struct broker_config *config, const struct image_settings *settings,
                          struct arena *arena, struct topic_config *ret_config)
{
    struct topic_config t;
    memset(&t, 0, sizeof(t));
    from_broker(config, &t);
    for (uint32_t i = 0; settings && i < settings->count; i++) {
        (void)config_set(&topic_config_table, settings->items[i].name,
                         slice_str(settings->items[i].value), arena, &t, NULL);
    }
    *ret_config = t;
}

enum err topic_config_check(struct slice name, struct slice value, struct error *err)
{
    const struct config_row *row = config_find(&topic_config_table, name);
    if (!row) {
        return err_set(err, ERR_NOT_FOUND, "Unknown topic config name: %.*s", SLICE_ARG(name));
    }
    if (slice_eq_str(name, "cleanup.policy")) {
        return check_policy(value, err);
    }
    if (row->offset == offsetof(struct topic_config, leader_replication_throttled_replicas) ||
        row->offset == offsetof(struct topic_config, follower_replication_throttled_replicas)) {
        return check_throttled(value, err);
    }
    struct topic_config scratch;
    memset(&scratch, 0, sizeof(scratch));
    return check_value(&topic_config_table, row, value, &scratch, err);
}

enum err broker_config_check_altered(const struct broker_config *now, struct slice name,
                                     struct slice value, struct error *err)
{
    const struct config_row *row = config_find(&broker_config_table, name);
    if (!row && slice_is_null(value)) {
        return ERR_OK; /* Kafka's tools take away throttles that were never there */
    }
    if (!row) {
        return err_set(err, ERR_NOT_FOUND, "Unknown broker config name: %.*s", SLICE_ARG(name));
    }
    if (!(row->flags & CONFIG_ALTERABLE)) {
        return err_set(err, ERR_INVALID,
                       "%s does not change while a node runs: set it in the node's configuration "
                       "file and restart it",
                       row->name);
    }
    if (slice_is_null(value)) {
        return ERR_OK;
    }
    struct broker_config next = *now;
    struct arena arena;
    arena_init(&arena, CHECK_BYTES_MAX);
    enum err e = config_set(&broker_config_table, row->name, value, &arena, &next, err);
    e = e ? e : broker_config_check(&next, err);
    arena_deinit(&arena);
    return e;
}

const char *broker_config_altered(const struct image *image, int32_t node_id, struct slice name,
                                  enum config_source *ret_source)
{
    char id[16];
    int len = snprintf(id, sizeof(id), "%d", (int)node_id);
    const struct image_settings *own =
        image_settings(image, CONFIG_RESOURCE_BROKER, slice_of(id, (size_t)len));
    const struct image_settings *all = image_settings(image, CONFIG_RESOURCE_BROKER, slice_str(""));
    const char *text = image_setting(own, name);
    enum config_source source = text ? CONFIG_SOURCE_BROKER : CONFIG_SOURCE_ALL_BROKERS;
    text = text ? text : image_setting(all, name);
    if (text && ret_source) {
        *ret_source = source;
    }
    return text;
}

const char *topic_config_synonym(const struct config_row *row)
{
    assert(row >= topic_rows && row < topic_rows + topic_config_table.count);
    return topic_synonyms[row - topic_rows];
}

static uint32_t to_u32(int64_t v)
{
    return v < 0 ? 0 : v > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)v;
}

void topic_config_for_log(const struct topic_config *config, int64_t producer_id_expiration_ms,
                          struct log_config *ret_config)
{
    struct log_config c;
    log_config_default(&c);
    c.segment_bytes = to_u32(config->segment_bytes);
    c.segment_ms = config->segment_ms;
    c.segment_jitter_ms = config->segment_jitter_ms;
    c.segment_index_bytes = to_u32(config->segment_index_bytes);
    c.index_interval_bytes = to_u32(config->index_interval_bytes);
    c.retention_ms = config->retention_ms;
    c.retention_bytes = config->retention_bytes;
    c.file_delete_delay_ms = config->file_delete_delay_ms;
    c.producer_id_expiration_ms = producer_id_expiration_ms;
    c.delete_by_policy = config->cleanup_policy && strstr(config->cleanup_policy, "delete") != NULL;
    *ret_config = c;
}
