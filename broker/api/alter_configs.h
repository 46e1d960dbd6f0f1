/* SPDX-License-Identifier: Apache-2.0 */
/* alter_configs.h - what AlterConfigs and IncrementalAlterConfigs have in common: topics' settings
 * change, checked first; of a node's, only those that CONFIG_ALTERABLE marks. */
#ifndef LOGBOOM_BROKER_API_ALTER_CONFIGS_H
#define LOGBOOM_BROKER_API_ALTER_CONFIGS_H

#include "broker/broker.h"

/* KAFKA_NONE when the resource is a topic that is there, a broker, or ("") all brokers. */
enum kafka_error alter_check_resource(const struct broker *b, int8_t type, struct slice name,
                                      struct error *err);
/* Whether the value may be set there; null: whether the setting may be removed. While eligible
 * leader replicas are kept, min.insync.replicas is the same on all brokers. */
enum kafka_error alter_check_setting(const struct broker *b, int8_t type, struct slice resource,
                                     struct slice name, struct slice value, struct error *err);

/* Changes all resources of the request at once, and replies: alter() adds the records of one of
 * them, or says why not. Rows are the response's, one for each resource, its type and name filled
 * in. */
void alter_begin(struct call *c, void *response, struct alter_configs_result *rows, int32_t count,
                 bool validate_only,
                 enum kafka_error (*alter)(struct call *c, int32_t at, struct metadata_records *out,
                                           struct error *err));

#endif
