/* SPDX-License-Identifier: Apache-2.0 */
/* alter_configs.h - what AlterConfigs and IncrementalAlterConfigs have in common: topics' settings
 * change, checked first; a node's own settings do not change while it runs. */
#ifndef LOGBOOM_BROKER_API_ALTER_CONFIGS_H
#define LOGBOOM_BROKER_API_ALTER_CONFIGS_H

#include "broker/broker.h"

/* KAFKA_NONE when the resource is a topic that is there. */
enum kafka_error alter_check_resource(const struct broker *b, int8_t type, struct slice name,
                                      struct error *err);
/* Whether the value (not null) may be set. */
enum kafka_error alter_check_setting(struct slice name, struct slice value, struct error *err);

#endif
