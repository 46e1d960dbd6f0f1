/* SPDX-License-Identifier: Apache-2.0 */
/*
 * condition.h - Filebeat's `when`: equals, contains, regexp, range, has_fields, and, or, not.
 * Several operators, or several fields under one, must all hold. A missing field makes a test
 * false. equals compares strings with strings, numbers with numbers, truth values with truth
 * values; contains and regexp look at strings, and at arrays for one string that fits.
 */
#ifndef LOGBOOM_EVENT_CONDITION_H
#define LOGBOOM_EVENT_CONDITION_H

#include "protocol/daemon/yaml.h"
#include "protocol/event/access.h"

struct condition;

/* Compiles the mapping below `when`; ERR_CONFIG with file, line and column. Freed by
 * condition_free(). */
enum err condition_new(const struct yaml_node *at, struct condition **ret_condition,
                       struct error *err);
/* NULL is allowed. */
void condition_free(struct condition *c);
bool condition_holds(const struct condition *c, const struct event_access *access, void *event);
/* Whether it looks at a field for which asked() is true. */
bool condition_uses(const struct condition *c, bool (*asked)(struct slice dotted));

#endif
