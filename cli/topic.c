/* SPDX-License-Identifier: Apache-2.0 */
/* topic.c - `logboom topic create|list|describe|delete`. Thin over the protocol's own requests. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

static enum err take_configs(struct cli *c, struct create_topics_request_creatable_topic *topic,
                             struct error *err)
{
    const struct cli_list *list = &c->args.config;
    topic->configs =
        schema_new(&create_topics_request_creatable_topic_config_schema, &c->arena, list->count);
    topic->configs_n = (int32_t)list->count;
    for (size_t i = 0; i < list->count; i++) {
        const char *eq = strchr(list->items[i], '=');
        if (!eq || eq == list->items[i]) {
            return err_set(err, ERR_INVALID, "--config takes KEY=VALUE, not \"%s\"",
                           list->items[i]);
        }
        topic->configs[i].name = slice_of(list->items[i], (size_t)(eq - list->items[i]));
        topic->configs[i].value = slice_str(eq + 1);
    }
    return ERR_OK;
}

enum err cli_topic_create(struct cli *c, struct error *err)
{
    struct create_topics_request req;
    struct create_topics_request_creatable_topic topic;
    schema_init(&create_topics_request_schema, &req);
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    int64_t partitions = c->args.partitions == INT64_MIN ? -1 : c->args.partitions;
    int64_t factor = c->args.replication_factor == INT64_MIN ? -1 : c->args.replication_factor;
    if (partitions < -1 || partitions > INT32_MAX || factor < -1 || factor > INT16_MAX) {
        return err_set(err, ERR_INVALID, "--partitions and --replication-factor must be positive");
    }
    topic.name = slice_str(c->args.words[0]);
    topic.num_partitions = (int32_t)partitions;
    topic.replication_factor = (int16_t)factor;
    req.topics = &topic;
    req.topics_n = 1;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    enum err e = take_configs(c, &topic, err);
    const void *answer;
    if (!e) {
        e = cli_call(c, NODE_CONTROLLER, &create_topics_request_schema, &req, -1, &answer, err);
    }
    if (e) {
        return e;
    }
    const struct create_topics_response *resp = answer;
    if (resp->topics_n != 1) {
        return err_set(err, ERR_MALFORMED, "create topic %s: an empty answer", c->args.words[0]);
    }
    const struct create_topics_response_creatable_topic_result *made = &resp->topics[0];
    e = cli_check(made->error_code, made->error_message, err, "create topic %s", c->args.words[0]);
    if (!e && c->args.json) {
        struct buf out = { 0 };
        struct json_writer w;
        char id[23];
        uuid_format(&made->topic_id, id);
        json_init(&w, &out);
        json_begin_object(&w);
        json_key(&w, "topic");
        json_string(&w, made->name);
        json_key(&w, "topic_id");
        json_str(&w, id);
        json_key(&w, "partitions");
        json_int(&w, made->num_partitions);
        json_key(&w, "replication_factor");
        json_int(&w, made->replication_factor);
        json_end_object(&w);
        cli_print_json(c, &out);
    } else if (!e) {
        fprintf(c->out, "created %s\n", c->args.words[0]);
    }
    return e;
}

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct metadata_response_topic *)a)->name,
                     ((const struct metadata_response_topic *)b)->name);
}

enum err cli_topic_list(struct cli *c, struct error *err)
{
    const struct metadata_response *meta;
    enum err e = cli_metadata(c, NULL, 0, &meta, err);
    if (e) {
        return e;
    }
    if (meta->topics_n > 0) {
        qsort(meta->topics, (size_t)meta->topics_n, sizeof(meta->topics[0]), by_name);
    }
    if (!c->args.json) {
        fprintf(c->out, "%-40s %10s %8s\n", "TOPIC", "PARTITIONS", "REPLICAS");
    }
    for (int32_t i = 0; i < meta->topics_n; i++) {
        const struct metadata_response_topic *t = &meta->topics[i];
        int32_t replicas = t->partitions_n > 0 ? t->partitions[0].replica_nodes_n : 0;
        if (!c->args.json) {
            fprintf(c->out, "%-40.*s %10d %8d%s\n", SLICE_ARG(t->name), t->partitions_n, replicas,
                    t->is_internal ? "  internal" : "");
            continue;
        }
        struct buf out = { 0 };
        struct json_writer w;
        json_init(&w, &out);
        json_begin_object(&w);
        json_key(&w, "topic");
        json_string(&w, t->name);
        json_key(&w, "partitions");
        json_int(&w, t->partitions_n);
        json_key(&w, "replicas");
        json_int(&w, replicas);
        json_key(&w, "internal");
        json_bool(&w, t->is_internal);
        json_end_object(&w);
        cli_print_json(c, &out);
    }
    return ERR_OK;
}

/* The settings of a topic that differ from the broker's. */
static enum err topic_configs(struct cli *c, struct slice name,
                              const struct describe_configs_response **ret_configs,
                              struct error *err)
{
    struct describe_configs_request req;
    struct describe_configs_request_resource resource;
    schema_init(&describe_configs_request_schema, &req);
    schema_init(&describe_configs_request_resource_schema, &resource);
    resource.resource_type = 2; /* a topic (ConfigResource.Type) */
    resource.resource_name = name;
    resource.configuration_keys_n = -1;
    req.resources = &resource;
    req.resources_n = 1;
    const void *answer;
    enum err e = cli_call(c, NODE_ANY, &describe_configs_request_schema, &req, -1, &answer, err);
    if (!e) {
        *ret_configs = answer;
    }
    return e;
}

/* Replicas that may lead although they are not in sync (KIP-966), from a broker that tells them;
 * NULL otherwise. */
static const struct describe_topic_partitions_response_topic *eligible(struct cli *c,
                                                                       struct slice name)
{
    struct describe_topic_partitions_request req;
    struct describe_topic_partitions_request_topic_request topic;
    struct error ignored;
    const void *answer;
    schema_init(&describe_topic_partitions_request_schema, &req);
    schema_init(&describe_topic_partitions_request_topic_request_schema, &topic);
    topic.name = name;
    req.topics = &topic;
    req.topics_n = 1;
    if (cli_call(c, NODE_ANY, &describe_topic_partitions_request_schema, &req, -1, &answer,
                 &ignored)) {
        return NULL;
    }
    const struct describe_topic_partitions_response *r = answer;
    return r->topics_n == 1 && r->topics[0].error_code == KAFKA_NONE ? &r->topics[0] : NULL;
}

static const struct describe_topic_partitions_response_partition *
eligible_of(const struct describe_topic_partitions_response_topic *elr, int32_t partition)
{
    for (int32_t i = 0; elr && i < elr->partitions_n; i++) {
        if (elr->partitions[i].partition_index == partition) {
            return &elr->partitions[i];
        }
    }
    return NULL;
}

enum { CONFIG_SOURCE_TOPIC = 1 }; /* DescribeConfigs: set on this topic (KIP-226) */

static void describe_json(struct cli *c, const struct metadata_response_topic *t,
                          const struct describe_configs_response *configs,
                          const struct describe_topic_partitions_response_topic *elr,
                          const int64_t *first, const int64_t *end)
{
    struct buf out = { 0 };
    struct json_writer w;
    char id[23];
    uuid_format(&t->topic_id, id);
    json_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "topic");
    json_string(&w, t->name);
    json_key(&w, "topic_id");
    json_str(&w, id);
    json_key(&w, "configs");
    json_begin_object(&w);
    for (int32_t i = 0; configs->results_n > 0 && i < configs->results[0].configs_n; i++) {
        if (configs->results[0].configs[i].config_source == CONFIG_SOURCE_TOPIC) {
            json_key_slice(&w, configs->results[0].configs[i].name);
            json_string(&w, configs->results[0].configs[i].value);
        }
    }
    json_end_object(&w);
    json_key(&w, "partitions");
    json_begin_array(&w);
    for (int32_t i = 0; i < t->partitions_n; i++) {
        const struct metadata_response_partition *p = &t->partitions[i];
        json_begin_object(&w);
        json_key(&w, "partition");
        json_int(&w, p->partition_index);
        json_key(&w, "leader");
        json_int(&w, p->leader_id);
        cli_json_ids(&w, "replicas", p->replica_nodes, p->replica_nodes_n);
        cli_json_ids(&w, "isr", p->isr_nodes, p->isr_nodes_n);
        const struct describe_topic_partitions_response_partition *its =
            eligible_of(elr, p->partition_index);
        if (its) {
            cli_json_ids(&w, "elr", its->eligible_leader_replicas, its->eligible_leader_replicas_n);
            cli_json_ids(&w, "last_known_elr", its->last_known_elr, its->last_known_elr_n);
        }
        json_key(&w, "first_offset");
        json_int(&w, first[i]);
        json_key(&w, "end_offset");
        json_int(&w, end[i]);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    cli_print_json(c, &out);
}

static void print_nodes(FILE *out, const int32_t *nodes, int32_t count)
{
    char text[64];
    size_t len = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < count && len < sizeof(text) - 12; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", i ? "," : "", nodes[i]);
    }
    fprintf(out, " %-10s", text);
}

static void describe_text(struct cli *c, const struct metadata_response_topic *t,
                          const struct describe_configs_response *configs,
                          const struct describe_topic_partitions_response_topic *elr,
                          const int64_t *first, const int64_t *end)
{
    char id[23];
    uuid_format(&t->topic_id, id);
    fprintf(c->out, "topic %.*s, id %s, %d partitions%s\n", SLICE_ARG(t->name), id, t->partitions_n,
            t->is_internal ? ", internal" : "");
    for (int32_t i = 0; configs->results_n > 0 && i < configs->results[0].configs_n; i++) {
        const struct describe_configs_response_resource_result *set =
            &configs->results[0].configs[i];
        if (set->config_source == CONFIG_SOURCE_TOPIC) {
            fprintf(c->out, "  %.*s=%.*s\n", SLICE_ARG(set->name), SLICE_ARG(set->value));
        }
    }
    fprintf(c->out, "  %9s %6s %-10s %-10s %-10s %14s %14s %14s\n", "PARTITION", "LEADER",
            "REPLICAS", "ISR", "ELR", "FIRST", "END", "RECORDS");
    for (int32_t i = 0; i < t->partitions_n; i++) {
        const struct metadata_response_partition *p = &t->partitions[i];
        fprintf(c->out, "  %9d %6d", p->partition_index, p->leader_id);
        print_nodes(c->out, p->replica_nodes, p->replica_nodes_n);
        print_nodes(c->out, p->isr_nodes, p->isr_nodes_n);
        const struct describe_topic_partitions_response_partition *its =
            eligible_of(elr, p->partition_index);
        print_nodes(c->out, its ? its->eligible_leader_replicas : NULL,
                    its ? its->eligible_leader_replicas_n : 0);
        fprintf(c->out, " %14" PRId64 " %14" PRId64 " %14" PRId64 "\n", first[i], end[i],
                first[i] >= 0 && end[i] >= 0 ? end[i] - first[i] : -1);
    }
}

static int by_index(const void *a, const void *b)
{
    return ((const struct metadata_response_partition *)a)->partition_index -
           ((const struct metadata_response_partition *)b)->partition_index;
}

enum err cli_topic_describe(struct cli *c, struct error *err)
{
    const struct metadata_response *meta;
    enum err e = cli_metadata(c, c->args.words, c->args.word_count, &meta, err);
    for (int32_t i = 0; !e && i < meta->topics_n; i++) {
        const struct metadata_response_topic *t = &meta->topics[i];
        const struct describe_configs_response *configs;
        int64_t *first, *end;
        e = cli_check(t->error_code, slice_null(), err, "topic %.*s", SLICE_ARG(t->name));
        if (!e && t->partitions_n > 0) {
            qsort(t->partitions, (size_t)t->partitions_n, sizeof(t->partitions[0]), by_index);
        }
        if (!e) {
            e = topic_configs(c, t->name, &configs, err);
        }
        if (!e) {
            e = cli_offsets(c, t, -2, &first, err);
        }
        if (!e) {
            e = cli_offsets(c, t, -1, &end, err);
        }
        if (!e) {
            (c->args.json ? describe_json : describe_text)(c, t, configs, eligible(c, t->name),
                                                           first, end);
        }
    }
    return e;
}

enum err cli_topic_delete(struct cli *c, struct error *err)
{
    struct delete_topics_request req;
    size_t count = c->args.word_count;
    schema_init(&delete_topics_request_schema, &req);
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    req.topics = schema_new(&delete_topics_request_delete_topic_state_schema, &c->arena, count);
    req.topic_names = cli_alloc(c, count, sizeof(*req.topic_names));
    req.topics_n = req.topic_names_n = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        req.topics[i].name = req.topic_names[i] = slice_str(c->args.words[i]);
    }
    const void *answer;
    enum err e =
        cli_call(c, NODE_CONTROLLER, &delete_topics_request_schema, &req, -1, &answer, err);
    if (e) {
        return e;
    }
    const struct delete_topics_response *resp = answer;
    for (int32_t i = 0; i < resp->responses_n; i++) {
        const struct delete_topics_response_deletable_topic_result *r = &resp->responses[i];
        enum err failed = cli_check(r->error_code, r->error_message, err, "delete topic %.*s",
                                    SLICE_ARG(r->name));
        if (failed) {
            e = failed;
        } else if (c->args.json) {
            struct buf out = { 0 };
            struct json_writer w;
            json_init(&w, &out);
            json_begin_object(&w);
            json_key(&w, "deleted");
            json_string(&w, r->name);
            json_end_object(&w);
            cli_print_json(c, &out);
        } else {
            fprintf(c->out, "deleted %.*s\n", SLICE_ARG(r->name));
        }
    }
    return e;
}
