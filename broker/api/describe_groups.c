/* SPDX-License-Identifier: Apache-2.0 */
/* describe_groups.c - DescribeGroups (15). */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_describe_groups(struct call *c)
{
    const struct describe_groups_request *req = c->request;
    struct describe_groups_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resp->groups = call_array(c, &describe_groups_response_described_group_schema, req->groups_n);
    if (!resp->groups) {
        return;
    }
    resp->groups_n = req->groups_n;
    for (int32_t i = 0; i < req->groups_n; i++) {
        if (coordinator_describe(c->broker->groups.coordinator, req->groups[i], c->version,
                                 &c->arena, &resp->groups[i])) {
            call_fail(c, "the request wants more memory than it may have");
            return;
        }
    }
    call_reply(c, resp);
}
