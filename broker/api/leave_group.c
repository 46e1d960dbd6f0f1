/* SPDX-License-Identifier: Apache-2.0 */
/* leave_group.c - LeaveGroup (13): one member, or several (KIP-345, v3). */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_leave_group(struct call *c)
{
    struct broker *b = c->broker;
    struct leave_group_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    if (coordinator_leave(b->groups.coordinator, broker_now(b), c->request, c->version, &c->arena,
                          resp)) {
        call_fail(c, "the request wants more memory than it may have");
    } else {
        call_reply(c, resp);
    }
    groups_run(b);
}
