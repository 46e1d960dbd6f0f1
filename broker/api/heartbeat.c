/* SPDX-License-Identifier: Apache-2.0 */
/* heartbeat.c - Heartbeat (12). */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_heartbeat(struct call *c)
{
    struct broker *b = c->broker;
    struct heartbeat_response *resp = call_response(c);
    if (resp) {
        resp->error_code = coordinator_heartbeat(b->groups.coordinator, broker_now(b), c->request);
        call_reply(c, resp);
        groups_run(b);
    }
}
