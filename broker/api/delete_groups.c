/* SPDX-License-Identifier: Apache-2.0 */
/* delete_groups.c - DeleteGroups (42): the coordinator answers when the tombstones are durable. */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_delete_groups(struct call *c)
{
    struct broker *b = c->broker;
    coordinator_delete_groups(b->groups.coordinator, c->request, NULL, c);
    groups_run(b);
}
