/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes.c - the table of node types. A new type is one file and one row.
 * Read by flow/graph.c, --help and the generated reference.
 */
#include "connectors/nodes/nodes.h"

static const struct node_type *const types[] = {
    &node_kafka,      &node_json,        &node_dissect,       &node_timestamp,
    &node_rename,     &node_drop_fields, &node_add_fields,    &node_filter,
    &node_drop_event, &node_route,       &node_elasticsearch, &node_http,
    &node_file,       &node_stdout,      &node_null,          &node_kafka_dlq,
};

enum { TYPE_COUNT = sizeof(types) / sizeof(types[0]) };

const struct node_type *const *node_types(size_t *ret_count)
{
    *ret_count = TYPE_COUNT;
    return types;
}

const struct node_type *node_type_find(struct slice name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (slice_eq_str(name, types[i]->name)) {
            return types[i];
        }
    }
    return NULL;
}

const char *node_type_nearest(struct slice name)
{
    const char *names[TYPE_COUNT];
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        names[i] = types[i]->name;
    }
    return config_nearest(name, names, TYPE_COUNT);
}
