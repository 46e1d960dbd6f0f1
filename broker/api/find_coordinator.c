/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_coordinator.c - FindCoordinator (10): who leads the group's partition of
 * __consumer_offsets, which is made when it is not there yet. KIP-699 (several keys, v4).
 */
#include "broker/api/create.h"
#include "broker/api/endpoint.h"
#include "broker/api/table.h"
#include "broker/broker.h"

enum { KEY_GROUP = 0 };

/* Who leads the group's partition of __consumer_offsets. */
static enum kafka_error find(struct call *c, struct slice group_id, int32_t *ret_id,
                             struct endpoint *ret_at)
{
    const struct find_coordinator_request *req = c->request;
    const struct image_topic *t = image_topic(&c->broker->image, slice_str(TOPIC_OFFSETS));
    if (req->key_type != KEY_GROUP) {
        /* No transactions, no share groups: as Kafka answers for a type it does not serve. */
        return req->key_type == 1 ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_INVALID_REQUEST;
    }
    if (!t || t->partition_count == 0) {
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    *ret_id = t->partitions[group_partition(group_id, (uint32_t)t->partition_count)].leader;
    return *ret_id >= 0 && endpoint_of(c, *ret_id, ret_at) ? KAFKA_NONE
                                                           : KAFKA_COORDINATOR_NOT_AVAILABLE;
}

static void fill(struct call *c, struct find_coordinator_response_coordinator *row)
{
    struct endpoint at;
    int32_t id = -1;
    enum kafka_error code = find(c, row->key, &id, &at);
    row->error_code = (int16_t)code;
    row->node_id = -1;
    row->port = -1;
    row->host = slice_str("");
    if (!code) {
        row->node_id = id;
        row->host = at.host;
        row->port = at.port;
    } else {
        row->error_message = slice_str(kafka_error_text((int16_t)code));
    }
}

static void reply(struct call *c)
{
    const struct find_coordinator_request *req = c->request;
    struct find_coordinator_response *resp = call_response(c);
    if (!resp) {
        return;
    }
    int32_t count = c->version >= 4 ? req->coordinator_keys_n : 1;
    resp->coordinators = call_array(c, &find_coordinator_response_coordinator_schema, count);
    if (!resp->coordinators) {
        return;
    }
    resp->coordinators_n = count;
    for (int32_t i = 0; i < count; i++) {
        resp->coordinators[i].key = c->version >= 4 ? req->coordinator_keys[i] : req->key;
        fill(c, &resp->coordinators[i]);
    }
    if (c->version < 4) {
        const struct find_coordinator_response_coordinator *one = &resp->coordinators[0];
        resp->error_code = one->error_code;
        resp->error_message = one->error_message;
        resp->node_id = one->node_id;
        resp->host = one->host;
        resp->port = one->port;
    }
    call_reply(c, resp);
}

static void created(void *user, enum err err, int16_t version, const void *response)
{
    struct call *c = user;
    enum kafka_error code = create_result(err, response, slice_str(TOPIC_OFFSETS));
    (void)version;
    c->abandoned = NULL;
    if (code) {
        log_warn(&c->broker->log, "__consumer_offsets could not be created",
                 KV_STR("error", kafka_error_text((int16_t)code)));
    }
    reply(c);
}

static void abandoned(struct call *c)
{
    controller_channel_cancel(c->broker, c);
    call_reply_none(c);
}

void handle_find_coordinator(struct call *c)
{
    const struct find_coordinator_request *req = c->request;
    const struct slice name = slice_str(TOPIC_OFFSETS);
    if (req->key_type != KEY_GROUP || image_topic(&c->broker->image, name)) {
        reply(c);
        return;
    }
    c->abandoned = abandoned;
    (void)create_ask(c, &name, 1, created, c);
}
