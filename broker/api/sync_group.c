/* SPDX-License-Identifier: Apache-2.0 */
/* sync_group.c - SyncGroup (14): the coordinator answers when the leader has sent the assignment.
 */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_sync_group(struct call *c)
{
    struct broker *b = c->broker;
    coordinator_sync(b->groups.coordinator, broker_now(b), c->request, c);
    groups_run(b);
}
