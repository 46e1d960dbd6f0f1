/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes.h - the registry: the only list of node types.
 * Each type is one file here or in sinks/, and exports one const struct node_type.
 */
#ifndef LOGBOOM_CONNECTORS_NODES_NODES_H
#define LOGBOOM_CONNECTORS_NODES_NODES_H

#include "connectors/flow/node.h"

extern const struct node_type node_kafka, node_kafka_dlq, node_json, node_dissect, node_timestamp,
    node_rename, node_drop_fields, node_add_fields, node_filter, node_drop_event, node_route,
    node_elasticsearch, node_http, node_file, node_stdout, node_null;

/* All of them; *ret_count is their number. */
const struct node_type *const *node_types(size_t *ret_count);
/* NULL when unknown. */
const struct node_type *node_type_find(struct slice name);
/* The known type nearest to an unknown one; NULL when nothing is near. */
const char *node_type_nearest(struct slice name);

#endif
