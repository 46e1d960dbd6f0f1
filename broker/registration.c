/* SPDX-License-Identifier: Apache-2.0 */
/* registration.c - see registration.h. Driven by lifecycle.c. */
#include "broker/registration.h"

#include "broker/broker.h"
#include "broker/controller/features.h"

enum { REQUEST_BYTES_MAX = 1 << 20 };

struct slice registration_host(const struct broker *b, uint32_t listener)
{
    const struct broker_listener *l = &b->listeners[listener];
    if (l->advertised_host) {
        return slice_str(l->advertised_host);
    }
    bool any = l->host[0] == '\0' || strcmp(l->host, "0.0.0.0") == 0 || strcmp(l->host, "::") == 0;
    return slice_str(any && b->host_name ? b->host_name : l->host);
}

int64_t registration_previous_epoch(const struct broker *b)
{
    for (uint32_t i = 0; i < b->dir_count; i++) {
        if (!b->dirs[i].dir->clean) {
            return -1;
        }
    }
    return b->dirs[0].dir->broker_epoch;
}

void registration_fill(const struct broker *b, struct arena *ret_arena,
                       struct broker_registration_request *ret_request)
{
    struct broker_registration_request *r = ret_request;
    arena_init(ret_arena, REQUEST_BYTES_MAX);
    schema_init(&broker_registration_request_schema, r);
    r->broker_id = b->node_id;
    r->cluster_id = slice_str(b->cluster_id);
    r->incarnation_id = b->incarnation;
    r->rack = b->config->rack && b->config->rack[0] ? slice_str(b->config->rack) : slice_null();
    r->previous_broker_epoch = registration_previous_epoch(b);
    r->listeners =
        schema_new(&broker_registration_request_listener_schema, ret_arena, b->listener_count + 1);
    r->features =
        schema_new(&broker_registration_request_feature_schema, ret_arena, feature_table_count);
    r->log_dirs = arena_array(ret_arena, b->dir_count, sizeof(struct uuid));
    for (uint32_t i = 0; r->listeners && i < b->listener_count; i++) {
        const struct broker_listener *l = &b->listeners[i];
        if (l->kind != LISTENER_BROKER) {
            continue;
        }
        struct broker_registration_request_listener *row = &r->listeners[r->listeners_n++];
        row->name = slice_str(l->name);
        row->host = registration_host(b, i);
        row->port = l->advertised_host ? l->advertised_port : l->port;
    }
    for (uint32_t i = 0; r->features && i < feature_table_count; i++) {
        struct broker_registration_request_feature *row = &r->features[r->features_n++];
        row->name = slice_str(feature_table[i].name);
        row->min_supported_version = feature_table[i].min;
        row->max_supported_version = feature_table[i].max;
    }
    for (uint32_t i = 0; r->log_dirs && i < b->dir_count; i++) {
        r->log_dirs[r->log_dirs_n++] = b->dirs[i].dir->meta.directory_id;
    }
}

void registration_fill_controller(const struct broker *b, struct arena *ret_arena,
                                  struct controller_registration_request *ret_request)
{
    struct controller_registration_request *r = ret_request;
    arena_init(ret_arena, REQUEST_BYTES_MAX);
    schema_init(&controller_registration_request_schema, r);
    r->controller_id = b->node_id;
    r->incarnation_id = b->incarnation;
    r->listeners = schema_new(&controller_registration_request_listener_schema, ret_arena,
                              b->listener_count + 1);
    r->features =
        schema_new(&controller_registration_request_feature_schema, ret_arena, feature_table_count);
    for (uint32_t i = 0; r->listeners && i < b->listener_count; i++) {
        const struct broker_listener *l = &b->listeners[i];
        if (l->kind != LISTENER_CONTROLLER) {
            continue;
        }
        struct controller_registration_request_listener *row = &r->listeners[r->listeners_n++];
        row->name = slice_str(l->name);
        row->host = registration_host(b, i);
        row->port = l->advertised_host ? l->advertised_port : l->port;
    }
    for (uint32_t i = 0; r->features && i < feature_table_count; i++) {
        struct controller_registration_request_feature *row = &r->features[r->features_n++];
        row->name = slice_str(feature_table[i].name);
        row->min_supported_version = feature_table[i].min;
        row->max_supported_version = feature_table[i].max;
    }
}

int32_t registration_offline_dirs(const struct broker *b, struct uuid *ret_ids)
{
    int32_t n = 0;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        bool offline = false;
        uint32_t cursor = 0;
        for (const struct topic *t; !offline && (t = map_next(&b->topics.by_id, &cursor, NULL));) {
            for (int32_t k = 0; !offline && k < t->partition_count; k++) {
                const struct partition *p = t->partitions[k];
                offline = p->log && p->dir == &b->dirs[i] && p->log->offline;
            }
        }
        if (offline) {
            ret_ids[n++] = b->dirs[i].dir->meta.directory_id;
        }
    }
    return n;
}

void registration_refused(const struct broker *b, int16_t error_code, struct buf *text)
{
    switch (error_code) {
    case KAFKA_DUPLICATE_BROKER_REGISTRATION:
        buf_printf(text,
                   "a broker with node.id %d is alive in the cluster: when it is an earlier run of "
                   "this node, its session ends within broker.session.timeout.ms; when it is "
                   "another node, give one of them another node.id",
                   (int)b->node_id);
        return;
    case KAFKA_INCONSISTENT_CLUSTER_ID:
        buf_printf(text,
                   "this node's log directories belong to cluster %s, but the controllers it was "
                   "told of belong to another one: correct controller.quorum.voters or "
                   "controller.quorum.bootstrap.servers, or use this cluster's log directories",
                   b->cluster_id);
        return;
    case KAFKA_UNSUPPORTED_VERSION:
        buf_append_str(text, "the cluster uses a feature level that this release does not support: "
                             "upgrade this node");
        return;
    case KAFKA_INVALID_REGISTRATION:
        buf_append_str(text, "the controller refuses this node's log directories: another node has "
                             "registered the same directory.id, so one of them is a copy");
        return;
    default:
        buf_printf(text, "the controller refuses the registration: %s (%s)",
                   kafka_error_text(error_code), kafka_error_name(error_code));
    }
}
