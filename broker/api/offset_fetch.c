/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offset_fetch.c - OffsetFetch (9): committed offsets of one group, or of several (v8), topics by
 * name or by id (v10).
 */
#include "broker/api/table.h"
#include "broker/broker.h"

/* Gives each topic asked for its other name. */
static void resolve_request(const struct call *c, struct offset_fetch_request *req)
{
    const struct image *img = &c->broker->image;
    for (int32_t g = 0; g < req->groups_n; g++) {
        for (int32_t i = 0; i < req->groups[g].topics_n; i++) {
            struct offset_fetch_request_topics *ask = &req->groups[g].topics[i];
            const struct image_topic *t = c->version >= 10 ? image_topic_by_id(img, &ask->topic_id)
                                                           : image_topic(img, ask->name);
            if (c->version >= 10) {
                ask->name = t ? slice_str(t->name) : slice_null();
            } else if (t) {
                ask->topic_id = t->id;
            }
        }
    }
}

/* Where all topics were asked for, the reply's have names; clients of v10 know them by id. */
static void resolve_reply(const struct call *c, struct offset_fetch_response *resp)
{
    const struct image *img = &c->broker->image;
    for (int32_t g = 0; c->version >= 10 && g < resp->groups_n; g++) {
        struct offset_fetch_response_group *group = &resp->groups[g];
        int32_t kept = 0;
        for (int32_t i = 0; i < group->topics_n; i++) {
            struct offset_fetch_response_topics *t = &group->topics[i];
            if (uuid_is_zero(&t->topic_id) && t->name.len > 0) {
                const struct image_topic *it = image_topic(img, t->name);
                if (!it) {
                    continue; /* the topic is gone: there is no id to tell it by */
                }
                t->topic_id = it->id;
            }
            group->topics[kept++] = *t;
        }
        group->topics_n = kept;
    }
}

void handle_offset_fetch(struct call *c)
{
    struct offset_fetch_request *req = c->request;
    struct offset_fetch_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    resolve_request(c, req);
    if (coordinator_offset_fetch(c->broker->groups.coordinator, req, c->version, &c->arena, resp)) {
        call_fail(c, "the request wants more memory than it may have");
        return;
    }
    resolve_reply(c, resp);
    call_reply(c, resp);
}
