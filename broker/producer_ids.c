/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_ids.c - see producer_ids.h. Driven by InitProducerId and by the controller's answers.
 *   (I1) At most one block is asked for at a time; one at most lies in store.
 */
#include "broker/producer_ids.h"

#include "broker/broker.h"

enum {
    ANSWER_MS = 10000,
    ASK_AT_LEFT = PRODUCER_ID_BLOCK / 10, /* when so few are left, the next block is asked for */
};

static int64_t next_id(struct producer_ids *p)
{
    if (p->next == p->end) {
        p->next = p->spare_next;
        p->end = p->spare_end;
        p->spare_next = p->spare_end = 0;
    }
    return p->next < p->end ? p->next++ : -1;
}

static void ask_if_needed(struct broker *b);

static void on_block(void *user, enum err err, int16_t version, const void *response)
{
    struct producer_ids *p = user;
    struct broker *b = container_of(p, struct broker, producer_ids);
    const struct allocate_producer_ids_response *resp = response;
    (void)version;
    p->asking = false;
    bool got = !err && !resp->error_code && resp->producer_id_len > 0;
    if (got) {
        p->spare_next = resp->producer_id_start;
        p->spare_end = resp->producer_id_start + resp->producer_id_len;
    } else {
        log_warn(&b->log, "the controller gave no producer ids",
                 KV_STR("why", err ? err_text(err) : kafka_error_text(resp->error_code)));
    }
    for (struct list_node *node; (node = list_first(&p->waits));) {
        int64_t id = next_id(p);
        if (id < 0 && got) {
            break; /* the block was not enough for all */
        }
        list_remove(node);
        struct producer_id_wait *w = list_entry(node, struct producer_id_wait, link);
        w->done(w, id);
    }
    if (got) {
        ask_if_needed(b);
    }
}

static void ask_if_needed(struct broker *b)
{
    struct producer_ids *p = &b->producer_ids;
    bool enough = p->spare_next < p->spare_end || p->end - p->next > ASK_AT_LEFT;
    if (p->asking || (enough && list_is_empty(&p->waits))) {
        return;
    }
    p->asking = true;
    struct allocate_producer_ids_request req;
    schema_init(&allocate_producer_ids_request_schema, &req);
    req.broker_id = b->node_id;
    req.broker_epoch = b->broker_epoch;
    controller_channel_send(b, &allocate_producer_ids_request_schema, &req, -1,
                            (uint64_t)ANSWER_MS * NS_PER_MS, on_block, p);
}

void producer_ids_take(struct broker *b, struct producer_id_wait *w)
{
    struct producer_ids *p = &b->producer_ids;
    list_init(&w->link);
    int64_t id = next_id(p);
    if (id < 0) {
        list_push_back(&p->waits, &w->link);
    }
    ask_if_needed(b);
    if (id >= 0) {
        w->done(w, id);
    }
}

void producer_ids_cancel(struct producer_id_wait *w)
{
    list_remove(&w->link);
}

void producer_ids_init(struct broker *b)
{
    list_init(&b->producer_ids.waits);
}

void producer_ids_deinit(struct broker *b)
{
    controller_channel_cancel(b, &b->producer_ids);
    for (struct list_node *node; (node = list_pop_front(&b->producer_ids.waits));) {
    }
}
