/* SPDX-License-Identifier: Apache-2.0 */
/* list_groups.c - ListGroups (16). */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_list_groups(struct call *c)
{
    struct list_groups_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    if (coordinator_list(c->broker->groups.coordinator, c->request, &c->arena, resp)) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    call_reply(c, resp);
}
