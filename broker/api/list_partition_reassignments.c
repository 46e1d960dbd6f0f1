/* SPDX-License-Identifier: Apache-2.0 */
/* list_partition_reassignments.c - ListPartitionReassignments (46): none on a single node. */
#include "broker/api/table.h"
#include "broker/broker.h"

void handle_list_partition_reassignments(struct call *c)
{
    struct list_partition_reassignments_response *resp = call_response(c);
    if (resp) {
        call_reply(c, resp);
    }
}
