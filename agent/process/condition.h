/* SPDX-License-Identifier: Apache-2.0 */
/* condition.h - Filebeat's conditions: equals, contains, regexp, range, has_fields, and, or,
 * not. */
#ifndef LOGBOOM_AGENT_PROCESS_CONDITION_H
#define LOGBOOM_AGENT_PROCESS_CONDITION_H

#include "agent/process/event.h"
#include "protocol/daemon/yaml.h"

struct condition;

/* From the mapping below `when:`. ERR_CONFIG with file, line and column. */
enum err condition_new(const struct yaml_node *node, struct condition **ret_condition,
                       struct error *err);
void condition_free(struct condition *c);
bool condition_holds(const struct condition *c, const struct event *e);
/* Whether it looks at a field that varies (event_field_varies). */
bool condition_varies(const struct condition *c);

#endif
