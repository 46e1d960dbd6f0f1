/* SPDX-License-Identifier: Apache-2.0 */
/* incremental_alter_configs.c - IncrementalAlterConfigs (44, KIP-339): set, delete, append,
 * subtract. */
#include "broker/api/alter_configs.h"
#include "broker/api/table.h"

enum { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };

/* The words of a list but one. */
static void copy_without(struct slice list, struct slice word, struct buf *out)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        struct slice item = slice_head(list, comma ? (size_t)(comma - list.ptr) : list.len);
        if (item.len > 0 && !slice_eq(item, word)) {
            if (out->len > 0) {
                buf_append_byte(out, ',');
            }
            buf_append_slice(out, item);
        }
        list = slice_from(list, item.len + 1);
    }
}

/* Whether a setting of a topic is a list, and what it is now. */
static bool list_of(const struct topic_config *config, struct slice name, const char **ret_list)
{
    const char *const lists[] = { config->cleanup_policy,
                                  config->leader_replication_throttled_replicas,
                                  config->follower_replication_throttled_replicas };
    static const char *const names[] = { "cleanup.policy", "leader.replication.throttled.replicas",
                                         "follower.replication.throttled.replicas" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq_str(name, names[i])) {
            *ret_list = lists[i] ? lists[i] : "";
            return true;
        }
    }
    return false;
}

static struct slice change_list(struct call *c, const char *list, int8_t op, struct slice word)
{
    struct buf text = { 0 };
    copy_without(slice_str(list), word, &text);
    if (op == OP_APPEND) {
        if (text.len > 0) {
            buf_append_byte(&text, ',');
        }
        buf_append_slice(&text, word);
    }
    struct slice copy = arena_copy(&c->arena, buf_slice(&text));
    buf_deinit(&text);
    return copy;
}

static enum kafka_error
setting_of(struct call *c,
           const struct incremental_alter_configs_request_alter_configs_resource *of,
           const struct incremental_alter_configs_request_alterable_config *ask,
           struct change_setting *ret_setting, struct error *err)
{
    struct slice value = ask->value;
    bool list = ask->config_operation == OP_APPEND || ask->config_operation == OP_SUBTRACT;
    if (ask->config_operation == OP_DELETE) {
        *ret_setting = (struct change_setting){ ask->name, slice_null() };
        return alter_check_setting(c->broker, of->resource_type, of->resource_name, ask->name,
                                   slice_null(), err);
    }
    if ((ask->config_operation != OP_SET && !list) || slice_is_null(value)) {
        err_set(err, ERR_INVALID, "The operation on %.*s is unknown, or has no value.",
                SLICE_ARG(ask->name));
        return KAFKA_INVALID_REQUEST;
    }
    const struct topic *t = of->resource_type == CONFIG_RESOURCE_TOPIC
                                ? topic_find(&c->broker->topics, of->resource_name)
                                : NULL;
    const char *now = NULL;
    if (list && (!t || !list_of(&t->config, ask->name, &now))) {
        err_set(err, ERR_INVALID, "%.*s is no list: it can only be set or deleted.",
                SLICE_ARG(ask->name));
        return KAFKA_INVALID_CONFIG;
    }
    if (list) {
        value = change_list(c, now, ask->config_operation, value);
    }
    *ret_setting = (struct change_setting){ ask->name, value };
    return alter_check_setting(c->broker, of->resource_type, of->resource_name, ask->name, value,
                               err);
}

static enum kafka_error alter_one(struct call *c, int32_t at, struct metadata_records *out,
                                  struct error *err)
{
    const struct incremental_alter_configs_request *req = c->request;
    const struct incremental_alter_configs_request_alter_configs_resource *ask =
        &req->resources[at];
    struct broker *b = c->broker;
    enum kafka_error code = alter_check_resource(b, ask->resource_type, ask->resource_name, err);
    struct change_setting *settings =
        code ? NULL : arena_array(&c->arena, (size_t)ask->configs_n, sizeof(*settings));
    if (!code && !settings) {
        err_set(err, ERR_LIMIT, "There are too many configs.");
        return KAFKA_INVALID_REQUEST;
    }
    for (int32_t i = 0; !code && i < ask->configs_n; i++) {
        code = setting_of(c, ask, &ask->configs[i], &settings[i], err);
    }
    if (!code) {
        change_settings(&b->image, ask->resource_type, ask->resource_name, settings,
                        (uint32_t)ask->configs_n, out);
    }
    return code;
}

void handle_incremental_alter_configs(struct call *c)
{
    const struct incremental_alter_configs_request *req = c->request;
    struct incremental_alter_configs_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->responses = call_array(c, &alter_configs_result_schema, req->resources_n);
    if (!resp->responses) {
        return;
    }
    resp->responses_n = req->resources_n;
    for (int32_t i = 0; i < resp->responses_n; i++) {
        resp->responses[i].resource_type = req->resources[i].resource_type;
        resp->responses[i].resource_name = req->resources[i].resource_name;
    }
    alter_begin(c, resp, resp->responses, resp->responses_n, req->validate_only, alter_one);
}
