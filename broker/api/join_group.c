/* SPDX-License-Identifier: Apache-2.0 */
/* join_group.c - JoinGroup (11): the coordinator answers when the generation has its members. */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_join_group(struct call *c)
{
    struct broker *b = c->broker;
    struct slice host = connection_client_host(c->conn, &c->arena);
    struct slice client_id = slice_is_null(c->client_id) ? slice_str("") : c->client_id;
    coordinator_join(b->groups.coordinator, broker_now(b), c->request, c->version, client_id, host,
                     c);
    groups_run(b);
}
