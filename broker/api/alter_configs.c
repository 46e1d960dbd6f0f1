/* SPDX-License-Identifier: Apache-2.0 */
/* alter_configs.c - AlterConfigs (33): the request holds all that a topic shall have; the rest goes
 * back to its default. Deprecated by Kafka, used by older tools. */
#include "broker/api/alter_configs.h"

#include "broker/api/table.h"

struct alter_state {
    struct metadata_op op;
    struct call *call;
    void *response;
    struct alter_configs_result *rows;
    int32_t count;
    bool validate_only;
    enum kafka_error (*alter)(struct call *c, int32_t at, struct metadata_records *out,
                              struct error *err);
};

/* --- of both requests --- */

/* -1 when it is no number of a broker. */
static int32_t broker_id_of(struct slice name)
{
    int64_t id = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9' || i >= 10) {
            return -1;
        }
        id = id * 10 + (name.ptr[i] - '0');
    }
    return id <= INT32_MAX ? (int32_t)id : -1;
}

static enum kafka_error no_broker(struct slice name, struct error *err)
{
    err_set(err, ERR_NOT_FOUND, "There is no broker '%.*s'.", SLICE_ARG(name));
    return KAFKA_INVALID_REQUEST;
}

enum kafka_error alter_check_resource(const struct broker *b, int8_t type, struct slice name,
                                      struct error *err)
{
    if (type == CONFIG_RESOURCE_BROKER) {
        int32_t id = name.len > 0 ? broker_id_of(name) : 0;
        bool known = name.len == 0 || (id >= 0 && image_broker(&b->image, id));
        return known ? KAFKA_NONE : no_broker(name, err);
    }
    if (type != CONFIG_RESOURCE_TOPIC) {
        err_set(err, ERR_INVALID, "This kind of resource is not served.");
        return KAFKA_INVALID_REQUEST;
    }
    if (!image_topic(&b->image, name)) {
        err_set(err, ERR_NOT_FOUND, "The topic '%.*s' does not exist.", SLICE_ARG(name));
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    return KAFKA_NONE;
}

/* While eligible leader replicas are kept it is the same for all: no broker has its own, and the
 * cluster's is not taken away from under what the controller's configuration says. */
static enum kafka_error check_min_isr(const struct broker *b, int8_t type, struct slice resource,
                                      struct slice name, struct slice value, struct error *err)
{
    int64_t configured = b->dynamic_config.start->min_insync_replicas;
    if (type != CONFIG_RESOURCE_BROKER || !slice_eq_str(name, "min.insync.replicas") ||
        !image_elr_enabled(&b->image)) {
        return KAFKA_NONE;
    }
    if (resource.len > 0) {
        err_set(err, ERR_CONFIG,
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled. Alter "
                "the cluster's (--entity-default), or a topic's.");
        return KAFKA_INVALID_CONFIG;
    }
    if (slice_is_null(value) && configured > 0) {
        err_set(err, ERR_CONFIG,
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled and "
                "controllers are configured with one (%lld here). Set another value instead.",
                (long long)configured);
        return KAFKA_INVALID_CONFIG;
    }
    return KAFKA_NONE;
}

enum kafka_error alter_check_setting(const struct broker *b, int8_t type, struct slice resource,
                                     struct slice name, struct slice value, struct error *err)
{
    bool of_broker = type == CONFIG_RESOURCE_BROKER;
    enum kafka_error code = check_min_isr(b, type, resource, name, value, err);
    if (code) {
        return code;
    }
    enum err e = of_broker              ? broker_config_check_altered(b->config, name, value, err)
                 : slice_is_null(value) ? ERR_OK
                                        : topic_config_check(name, value, err);
    return !e ? KAFKA_NONE : e == ERR_INVALID ? KAFKA_INVALID_REQUEST : KAFKA_INVALID_CONFIG;
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct alter_state *s = container_of(op, struct alter_state, op);
    for (int32_t i = 0; i < s->count; i++) {
        struct error err = { 0 };
        s->rows[i].error_code = (int16_t)s->alter(s->call, i, out, &err);
        if (s->rows[i].error_code) {
            s->rows[i].error_message = arena_copy(&s->call->arena, slice_str(err.text));
        }
    }
    if (s->validate_only) {
        metadata_records_reset(out);
    }
}

static void altered(struct metadata_op *op, enum err status)
{
    struct alter_state *s = container_of(op, struct alter_state, op);
    for (int32_t i = 0; status && i < s->count; i++) {
        s->rows[i].error_code = (int16_t)controller_error(status);
    }
    call_reply(s->call, s->response);
}

void alter_begin(struct call *c, void *response, struct alter_configs_result *rows, int32_t count,
                 bool validate_only,
                 enum kafka_error (*alter)(struct call *c, int32_t at, struct metadata_records *out,
                                           struct error *err))
{
    struct alter_state *s = call_alloc(c, sizeof(*s));
    if (s) {
        *s = (struct alter_state){ .op = { .prepare = prepare, .done = altered },
                                   .call = c,
                                   .response = response,
                                   .rows = rows,
                                   .count = count,
                                   .validate_only = validate_only,
                                   .alter = alter };
        metadata_submit(c->broker, &s->op);
    }
}

/* --- AlterConfigs --- */

static bool is_kept(const struct alter_configs_request_resource *ask, const char *name)
{
    for (int32_t i = 0; i < ask->configs_n; i++) {
        if (slice_eq_str(ask->configs[i].name, name)) {
            return true;
        }
    }
    return false;
}

static enum kafka_error alter_one(struct call *c, int32_t at, struct metadata_records *out,
                                  struct error *err)
{
    const struct alter_configs_request *req = c->request;
    const struct alter_configs_request_resource *ask = &req->resources[at];
    struct broker *b = c->broker;
    enum kafka_error code = alter_check_resource(b, ask->resource_type, ask->resource_name, err);
    for (int32_t i = 0; !code && i < ask->configs_n; i++) {
        code = alter_check_setting(b, ask->resource_type, ask->resource_name, ask->configs[i].name,
                                   ask->configs[i].value, err);
    }
    const struct image_settings *now =
        image_settings(&b->image, ask->resource_type, ask->resource_name);
    for (uint32_t i = 0; !code && now && i < now->count; i++) {
        if (!is_kept(ask, now->items[i].name)) {
            code = check_min_isr(b, ask->resource_type, ask->resource_name,
                                 slice_str(now->items[i].name), slice_null(), err);
        }
    }
    if (code) {
        return code;
    }
    for (uint32_t i = 0; now && i < now->count; i++) {
        if (!is_kept(ask, now->items[i].name)) {
            struct change_setting drop = { slice_str(now->items[i].name), slice_null() };
            change_settings(&b->image, ask->resource_type, ask->resource_name, &drop, 1, out);
        }
    }
    for (int32_t i = 0; i < ask->configs_n; i++) {
        struct change_setting set = { ask->configs[i].name, ask->configs[i].value };
        change_settings(&b->image, ask->resource_type, ask->resource_name, &set, 1, out);
    }
    return KAFKA_NONE;
}

void handle_alter_configs(struct call *c)
{
    const struct alter_configs_request *req = c->request;
    struct alter_configs_response *resp = call_response(c);
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
