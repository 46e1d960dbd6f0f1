/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe_configs.c - DescribeConfigs (32): the rows of the tables with the values in force and
 * where each comes from. KIP-133, KIP-226, KIP-569.
 */
#include "broker/api/table.h"
#include "broker/broker.h"
#include "protocol/base/units.h"

#include <stdio.h>

/* Kafka's ConfigDef types. */
enum {
    TYPE_BOOLEAN = 1,
    TYPE_STRING = 2,
    TYPE_INT = 3,
    TYPE_LONG = 5,
    TYPE_LIST = 7,
    TYPE_PASSWORD = 9
};

static int8_t type_of(enum config_kind kind)
{
    switch (kind) {
    case CONFIG_BOOL:
        return TYPE_BOOLEAN;
    case CONFIG_INT:
        return TYPE_INT;
    case CONFIG_SIZE:
    case CONFIG_DURATION_MS:
    case CONFIG_DURATION_S:
        return TYPE_LONG;
    case CONFIG_LIST:
        return TYPE_LIST;
    case CONFIG_SECRET:
        return TYPE_PASSWORD;
    case CONFIG_STR:
    case CONFIG_ENUM:
    case CONFIG_NODE:
        break;
    }
    return TYPE_STRING;
}

/* A value as Kafka's tools expect it: sizes in bytes, durations in milliseconds, no units. */
static struct slice value_text(struct arena *arena, const struct config_row *row,
                               const void *config)
{
    const void *at = (const uint8_t *)config + row->offset;
    struct buf text = { 0 };
    if (row->kind == CONFIG_SIZE || row->kind == CONFIG_DURATION_MS ||
        row->kind == CONFIG_DURATION_S || row->kind == CONFIG_INT) {
        buf_printf(&text, "%lld", (long long)*(const int64_t *)at);
    } else if (row->kind == CONFIG_STR && *(const char *const *)at == NULL) {
        return slice_null();
    } else {
        config_format(row, config, &text);
    }
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

static bool is_asked(const struct describe_configs_request_resource *ask, const char *name)
{
    if (ask->configuration_keys_n < 0) {
        return true;
    }
    for (int32_t i = 0; i < ask->configuration_keys_n; i++) {
        if (slice_eq_str(ask->configuration_keys[i], name)) {
            return true;
        }
    }
    return false;
}

static bool add_synonym(struct call *c, struct describe_configs_response_resource_result *row,
                        const char *name, struct slice value, int8_t source)
{
    const struct describe_configs_request *req = c->request;
    if (!req->include_synonyms) {
        return true;
    }
    row->synonyms = call_array(c, &describe_configs_response_synonym_schema, 1);
    if (!row->synonyms) {
        return false;
    }
    row->synonyms_n = 1;
    row->synonyms[0].name = slice_str(name);
    row->synonyms[0].value = value;
    row->synonyms[0].source = source;
    return true;
}

/* Whether the node's configuration differs from the table's default. */
static bool is_default(struct call *c, const struct config_row *row, const void *config)
{
    struct slice now = value_text(&c->arena, row, config);
    struct slice text = slice_str(row->value);
    int64_t number = 0, ns = 0;
    char plain[24];
    switch (row->kind) {
    case CONFIG_SIZE:
        (void)units_size_bytes(text, &number);
        break;
    case CONFIG_DURATION_MS:
    case CONFIG_DURATION_S:
        (void)units_duration_ns(text, NS_PER_MS, &ns);
        number = ns / NS_PER_MS;
        break;
    case CONFIG_BOOL:
    case CONFIG_INT:
    case CONFIG_STR:
    case CONFIG_SECRET:
    case CONFIG_LIST:
    case CONFIG_ENUM:
    case CONFIG_NODE:
        return slice_eq(now, text);
    }
    snprintf(plain, sizeof(plain), "%lld", (long long)number);
    return slice_eq_str(now, plain);
}

static bool fill_row(struct call *c, const struct config_row *row, const void *config,
                     int8_t source, const char *synonym,
                     struct describe_configs_response_resource_result *out)
{
    const struct describe_configs_request *req = c->request;
    out->name = slice_str(row->name);
    out->value = value_text(&c->arena, row, config);
    out->config_source = source;
    out->is_sensitive = row->kind == CONFIG_SECRET;
    if (out->is_sensitive) {
        out->value = slice_null();
    }
    out->read_only = !(row->flags & (CONFIG_DYNAMIC | CONFIG_ALTERABLE));
    out->config_type = type_of(row->kind);
    if (req->include_documentation) {
        out->documentation = slice_str(row->about);
    }
    return add_synonym(c, out, synonym, out->value, source);
}

static bool fill_topic(struct call *c, const struct describe_configs_request_resource *ask,
                       struct describe_configs_response_result *out)
{
    struct broker *b = c->broker;
    const struct topic *t = topic_find(&b->topics, ask->resource_name);
    if (!t) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = slice_str("This server does not host this topic-partition.");
        return true;
    }
    const struct image_settings *own =
        image_settings(&b->image, CONFIG_RESOURCE_TOPIC, ask->resource_name);
    struct topic_config config = t->config;
    if (config.min_insync_replicas < 1 && t->partition_count > 0) {
        config.min_insync_replicas = partition_min_isr(b, t->partitions[0]);
    }
    out->configs = call_array(c, &describe_configs_response_resource_result_schema,
                              (int32_t)topic_config_table.count);
    for (size_t i = 0; out->configs && i < topic_config_table.count; i++) {
        const struct config_row *row = &topic_config_table.rows[i];
        if (!is_asked(ask, row->name)) {
            continue;
        }
        const char *synonym = topic_config_synonym(row);
        const struct config_row *of_node = config_find(&broker_config_table, slice_str(synonym));
        bool is_own = image_setting(own, slice_str(row->name)) != NULL;
        bool set = of_node && !is_default(c, of_node, b->config);
        enum config_source source = set ? CONFIG_SOURCE_STATIC_BROKER : CONFIG_SOURCE_DEFAULT;
        (void)broker_config_altered(&b->image, b->node_id, slice_str(synonym), &source);
        source = is_own ? CONFIG_SOURCE_TOPIC : source;
        if (!fill_row(c, row, &config, (int8_t)source, is_own ? row->name : synonym,
                      &out->configs[out->configs_n++])) {
            return false;
        }
    }
    return out->configs != NULL;
}

/* What the metadata say instead of the configuration; node_id -1: of all nodes. */
static bool fill_altered(struct call *c, const struct config_row *row, int32_t node_id,
                         struct describe_configs_response_resource_result *out)
{
    enum config_source source;
    const char *text =
        row->flags & CONFIG_ALTERABLE
            ? broker_config_altered(&c->broker->image, node_id, slice_str(row->name), &source)
            : NULL;
    if (!text) {
        return true;
    }
    out->value = arena_copy(&c->arena, slice_str(text));
    out->config_source = (int8_t)source;
    return !slice_is_null(out->value) &&
           add_synonym(c, out, row->name, out->value, out->config_source);
}

/* What was set for all nodes at once. */
static bool fill_all_brokers(struct call *c, const struct describe_configs_request_resource *ask,
                             struct describe_configs_response_result *out)
{
    out->configs = call_array(c, &describe_configs_response_resource_result_schema,
                              (int32_t)broker_config_table.count);
    for (size_t i = 0; out->configs && i < broker_config_table.count; i++) {
        const struct config_row *row = &broker_config_table.rows[i];
        if (!is_asked(ask, row->name) ||
            !broker_config_altered(&c->broker->image, -1, slice_str(row->name), NULL)) {
            continue;
        }
        struct describe_configs_response_resource_result *r = &out->configs[out->configs_n++];
        if (!fill_row(c, row, c->broker->config, CONFIG_SOURCE_ALL_BROKERS, row->name, r) ||
            !fill_altered(c, row, -1, r)) {
            return false;
        }
    }
    return out->configs != NULL;
}

static bool fill_broker(struct call *c, const struct describe_configs_request_resource *ask,
                        struct describe_configs_response_result *out)
{
    struct broker *b = c->broker;
    char id[16];
    snprintf(id, sizeof(id), "%d", (int)b->node_id);
    if (ask->resource_name.len == 0) {
        return fill_all_brokers(c, ask, out);
    }
    if (!slice_eq_str(ask->resource_name, id)) {
        out->error_code = KAFKA_INVALID_REQUEST;
        out->error_message = slice_str("Unexpected broker id: ask the broker itself.");
        return true;
    }
    out->configs = call_array(c, &describe_configs_response_resource_result_schema,
                              (int32_t)broker_config_table.count);
    for (size_t i = 0; out->configs && i < broker_config_table.count; i++) {
        const struct config_row *row = &broker_config_table.rows[i];
        if (!is_asked(ask, row->name) || row->flags & (CONFIG_ALIAS | CONFIG_IGNORED)) {
            continue;
        }
        int8_t source =
            is_default(c, row, b->config) ? CONFIG_SOURCE_DEFAULT : CONFIG_SOURCE_STATIC_BROKER;
        if (!fill_row(c, row, b->config, source, row->name, &out->configs[out->configs_n++]) ||
            !fill_altered(c, row, b->node_id, &out->configs[out->configs_n - 1])) {
            return false;
        }
    }
    return out->configs != NULL;
}

void handle_describe_configs(struct call *c)
{
    const struct describe_configs_request *req = c->request;
    struct describe_configs_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->results = call_array(c, &describe_configs_response_result_schema, req->resources_n);
    if (!resp->results) {
        return;
    }
    resp->results_n = req->resources_n;
    for (int32_t i = 0; i < req->resources_n; i++) {
        const struct describe_configs_request_resource *ask = &req->resources[i];
        struct describe_configs_response_result *out = &resp->results[i];
        bool ok = true;
        out->resource_type = ask->resource_type;
        out->resource_name = ask->resource_name;
        if (ask->resource_type == CONFIG_RESOURCE_TOPIC) {
            ok = fill_topic(c, ask, out);
        } else if (ask->resource_type == CONFIG_RESOURCE_BROKER) {
            ok = fill_broker(c, ask, out);
        } else {
            out->error_code = KAFKA_INVALID_REQUEST;
            out->error_message = slice_str("This kind of resource is not served.");
        }
        if (!ok) {
            return;
        }
    }
    call_reply(c, resp);
}
