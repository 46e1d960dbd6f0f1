/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_node.c - see controller_node.h. Driven by the handlers of changes and by quorum.c.
 *   (C1) At most one change is under way; the next one is prepared when its records are applied.
 */
#include "broker/controller_node.h"

#include "broker/broker.h"

static void finish(struct broker *b, enum err status)
{
    struct controller_node *n = &b->controller;
    struct metadata_op *op = n->running;
    n->running = NULL;
    metadata_records_reset(&n->records);
    op->done(op, status);
}

static void proposed(struct quorum_proposal *p, enum err status)
{
    struct controller_node *n = container_of(p, struct controller_node, proposal);
    struct broker *b = container_of(n, struct broker, controller);
    finish(b, status);
    broker_check_drained(b);
}

static void begin(struct broker *b, struct metadata_op *op)
{
    struct controller_node *n = &b->controller;
    n->running = op;
    if (!quorum_is_leader(b)) {
        finish(b, quorum_is_alive(b) ? ERR_AGAIN : ERR_IO);
        return;
    }
    metadata_records_reset(&n->records);
    op->prepare(op, &n->records);
    if (n->records.count == 0) {
        finish(b, ERR_OK);
        return;
    }
    enum err e = quorum_propose(b, &n->records, &n->proposal);
    if (e) {
        log_error(&b->log, "a metadata change could not be written", KV_STR("error", err_text(e)));
        finish(b, e);
    }
}

bool controller_node_run(struct broker *b)
{
    struct controller_node *n = &b->controller;
    bool any = false;
    controller_duties_run(b);
    if (n->in_queue_run) {
        return false; /* done() submitted another one: the loop below takes it */
    }
    n->in_queue_run = true;
    for (struct list_node *node; !n->running && (node = list_pop_front(&n->queue));) {
        any = true;
        begin(b, list_entry(node, struct metadata_op, link));
    }
    n->in_queue_run = false;
    return any;
}

void metadata_submit(struct broker *b, struct metadata_op *op)
{
    op->broker = b;
    list_push_back(&b->controller.queue, &op->link);
    controller_node_run(b);
    quorum_run(b);
}

void controller_node_init(struct broker *b)
{
    b->controller = (struct controller_node){ .proposal = { .done = proposed } };
    list_init(&b->controller.queue);
    list_init(&b->controller.proposal.link);
}

void controller_node_deinit(struct broker *b)
{
    metadata_records_deinit(&b->controller.records);
    quorum_proposal_deinit(&b->controller.proposal);
}

bool controller_node_is_idle(const struct broker *b)
{
    return !b->controller.running && list_is_empty(&b->controller.queue);
}
