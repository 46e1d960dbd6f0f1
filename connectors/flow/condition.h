/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.h - Filebeat's `when`: equals, contains, regexp, range, has_fields, and, or, not.
 * Several operators, or several fields under one, must all hold.
 */
#ifndef LOGBOOM_CONNECTORS_FLOW_CONDITION_H
#define LOGBOOM_CONNECTORS_FLOW_CONDITION_H

#include "connectors/flow/event.h"
#include "protocol/daemon/yaml.h"

struct condition;

/* Compiles a mapping; errors name file, line and column. Freed by condition_free(). */
enum err condition_new(const struct yaml_node *at, struct condition **ret_condition,
                       struct error *err);
/* NULL is allowed. */
void condition_free(struct condition *c);
bool condition_holds(const struct condition *c, struct event *ev);

#endif
