/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - DescribeGroups and ListGroups.
 * Driven by coordinator_describe() and coordinator_list(); changes nothing.
 */
#include "broker/group/group.h"

#include <strings.h>

static enum err describe_members(const struct group *g, struct arena *arena,
                                 struct describe_groups_response_described_group *ret_group)
{
    bool stable = g->state == GROUP_STABLE;
    ret_group->members = schema_new(&describe_groups_response_described_group_member_schema, arena,
                                    g->members.count);
    if (!ret_group->members) {
        return ERR_LIMIT;
    }
    uint32_t at = 0;
    const struct group_member *m;
    while ((m = map_next(&g->members, &at, NULL)) != NULL) {
        struct describe_groups_response_described_group_member *to =
            &ret_group->members[ret_group->members_n++];
        to->member_id = m->member_id;
        to->group_instance_id = m->instance_id;
        to->client_id = m->client_id;
        to->client_host = m->client_host;
        /* Between generations neither says anything that holds. */
        to->member_metadata = stable ? group_member_metadata(m, g->protocol_name) : slice_str("");
        to->member_assignment =
            stable && !slice_is_null(m->assignment) ? m->assignment : slice_str("");
    }
    return ERR_OK;
}

enum err coordinator_describe(const struct coordinator *c, struct slice group_id, int16_t version,
                              struct arena *arena,
                              struct describe_groups_response_described_group *ret_group)
{
    schema_init(&describe_groups_response_described_group_schema, ret_group);
    ret_group->group_id = group_id;
    ret_group->group_state = slice_str("");
    ret_group->protocol_type = slice_str("");
    ret_group->protocol_data = slice_str("");
    ret_group->error_message = slice_null();
    ret_group->error_code = coordinator_check(c, group_id);
    if (ret_group->error_code) {
        return ERR_OK;
    }
    const struct group *g = group_find(c, group_id);
    if (!g || g->state == GROUP_DEAD) {
        ret_group->group_state = slice_str(group_state_text(GROUP_DEAD));
        if (version >= 6) { /* KIP-1043 */
            ret_group->error_code = KAFKA_GROUP_ID_NOT_FOUND;
            ret_group->error_message = slice_str(kafka_error_text(KAFKA_GROUP_ID_NOT_FOUND));
        }
        return ERR_OK;
    }
    ret_group->group_state = slice_str(group_state_text(g->state));
    if (!slice_is_null(g->protocol_type)) {
        ret_group->protocol_type = g->protocol_type;
    }
    if (g->state == GROUP_STABLE && !slice_is_null(g->protocol_name)) {
        ret_group->protocol_data = g->protocol_name;
    }
    return describe_members(g, arena, ret_group);
}

/* No filter lets everything pass; names are compared without regard to case, as Kafka does. */
static bool passes(const struct slice *filter, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++) {
        if (filter[i].len == strlen(name) &&
            strncasecmp((const char *)filter[i].ptr, name, filter[i].len) == 0) {
            return true;
        }
    }
    return n <= 0;
}

enum err coordinator_list(const struct coordinator *c, const struct list_groups_request *req,
                          struct arena *arena, struct list_groups_response *ret_response)
{
    schema_init(&list_groups_response_schema, ret_response);
    for (uint32_t i = 0; i < c->config.partition_count; i++) {
        if (c->lead[i] == GROUP_LEAD_LOADING) {
            ret_response->error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
            return ERR_OK;
        }
    }
    ret_response->groups =
        schema_new(&list_groups_response_listed_group_schema, arena, c->groups.count);
    if (!ret_response->groups) {
        return ERR_LIMIT;
    }
    bool classic = passes(req->types_filter, req->types_filter_n, "classic");
    uint32_t at = 0;
    const struct group *g;
    while (classic && (g = map_next(&c->groups, &at, NULL)) != NULL) {
        const char *state = group_state_text(g->state);
        if (!passes(req->states_filter, req->states_filter_n, state)) {
            continue;
        }
        struct list_groups_response_listed_group *to =
            &ret_response->groups[ret_response->groups_n++];
        to->group_id = g->id;
        to->protocol_type = slice_is_null(g->protocol_type) ? slice_str("") : g->protocol_type;
        to->group_state = slice_str(state);
        to->group_type = slice_str("classic");
    }
    return ERR_OK;
}
