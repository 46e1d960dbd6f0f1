/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create_topics.c - CreateTopics (19). All topics of a request are one metadata change; those that
 * are refused do not hold up the others.
 */
#include "broker/api/create.h"
#include "broker/api/table.h"

struct create_state {
    struct metadata_op op;
    struct call *call;
    struct create_topics_response *resp;
};

static void refuse(struct call *c, struct create_topics_response_creatable_topic_result *row,
                   enum kafka_error code, const char *text)
{
    row->error_code = (int16_t)code;
    row->error_message = arena_copy(&c->arena, slice_str(text));
    row->topic_id = (struct uuid){ { 0 } };
}

/* How often the request names the topic. */
static int count_named(const struct create_topics_request *req, struct slice name)
{
    int n = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        n += slice_eq(req->topics[i].name, name);
    }
    return n;
}

static enum kafka_error read_settings(struct call *c,
                                      const struct create_topics_request_creatable_topic *ask,
                                      struct change_topic *topic, struct error *err)
{
    struct change_setting *settings =
        arena_array(&c->arena, (size_t)ask->configs_n, sizeof(*settings));
    if (!settings) {
        err_set(err, ERR_LIMIT, "There are too many configs.");
        return KAFKA_INVALID_REQUEST;
    }
    for (int32_t i = 0; i < ask->configs_n; i++) {
        settings[i] = (struct change_setting){ ask->configs[i].name, ask->configs[i].value };
        if (slice_is_null(settings[i].value)) {
            err_set(err, ERR_INVALID, "Null value not supported for topic configs: %.*s",
                    SLICE_ARG(settings[i].name));
            return KAFKA_INVALID_CONFIG;
        }
        if (topic_config_check(settings[i].name, settings[i].value, err)) {
            return KAFKA_INVALID_CONFIG;
        }
    }
    topic->settings = settings;
    topic->setting_count = (uint32_t)ask->configs_n;
    return KAFKA_NONE;
}

/* What the client learns of the new topic (v5, KIP-525). */
static void tell(struct call *c, const struct change_topic *topic, const struct uuid *id,
                 struct create_topics_response_creatable_topic_result *row)
{
    row->topic_id = *id;
    row->num_partitions = topic->assignment_count > 0 ? topic->assignment_count : topic->partitions;
    row->replication_factor = topic->assignment_count > 0
                                  ? (int16_t)topic->assignments[0].broker_ids_n
                                  : topic->replication;
    row->configs = schema_new(&create_topics_response_creatable_topic_configs_schema, &c->arena,
                              topic->setting_count);
    for (uint32_t i = 0; row->configs && i < topic->setting_count; i++) {
        row->configs[i].name = topic->settings[i].name;
        row->configs[i].value = topic->settings[i].value;
        row->configs[i].config_source = CONFIG_SOURCE_TOPIC;
    }
    row->configs_n = row->configs ? (int32_t)topic->setting_count : 0;
}

static void create_one(struct create_state *s, int32_t at, struct metadata_records *out)
{
    struct call *c = s->call;
    struct broker *b = c->broker;
    const struct create_topics_request *req = c->request;
    const struct create_topics_request_creatable_topic *ask = &req->topics[at];
    struct create_topics_response_creatable_topic_result *row = &s->resp->topics[at];
    struct error err = { 0 };
    bool by_hand = ask->assignments_n > 0;
    row->name = ask->name;
    if (count_named(req, ask->name) > 1) {
        refuse(c, row, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
        return;
    }
    struct change_topic topic = { .name = ask->name,
                                  .partitions = ask->num_partitions,
                                  .replication = ask->replication_factor,
                                  .assignments = ask->assignments,
                                  .assignment_count = ask->assignments_n };
    if (!by_hand && topic.partitions == -1) {
        topic.partitions = (int32_t)b->config->num_partitions;
    }
    if (!by_hand && topic.replication == -1) {
        topic.replication = b->config->default_replication_factor > 0
                                ? (int16_t)b->config->default_replication_factor
                                : create_replication(b, -1);
    }
    enum kafka_error code = read_settings(c, ask, &topic, &err);
    struct uuid id = broker_random_uuid(b);
    struct change_placement where = create_placement(b);
    if (!code) {
        code = change_create_topic(&b->image, &topic, &id, &where, out, &err);
    }
    if (code) {
        refuse(c, row, code, err.text);
    } else {
        tell(c, &topic, &id, row);
    }
}

static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    struct create_state *s = container_of(op, struct create_state, op);
    const struct create_topics_request *req = s->call->request;
    for (int32_t i = 0; i < req->topics_n; i++) {
        create_one(s, i, out);
    }
    if (req->validate_only) {
        metadata_records_reset(out);
    }
}

static void created(struct metadata_op *op, enum err status)
{
    struct create_state *s = container_of(op, struct create_state, op);
    for (int32_t i = 0; status && i < s->resp->topics_n; i++) {
        if (!s->resp->topics[i].error_code) {
            refuse(s->call, &s->resp->topics[i], controller_error(status),
                   status == ERR_AGAIN ? "This is not the active controller."
                                       : "The metadata log could not be written.");
        }
    }
    call_reply(s->call, s->resp);
}

void handle_create_topics(struct call *c)
{
    const struct create_topics_request *req = c->request;
    struct create_state *s = call_alloc(c, sizeof(*s));
    struct create_topics_response *resp = s ? call_response(c) : NULL;
    if (!resp) {
        return;
    }
    resp->topics =
        call_array(c, &create_topics_response_creatable_topic_result_schema, req->topics_n);
    if (!resp->topics) {
        return;
    }
    resp->topics_n = req->topics_n;
    s->call = c;
    s->resp = resp;
    s->op.prepare = prepare;
    s->op.done = created;
    metadata_submit(c->broker, &s->op);
}
