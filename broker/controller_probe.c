/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_probe.c - see controller_probe.h. Driven by controller_duties.c and by the
 * connection's end.
 *   (R1) A probe is about one registration: what it finds means nothing for the next one.
 *   (R2) Silence proves nothing: only a refused connection does.
 *   (R3) A connection that is accepted proves nothing until it has lasted: a process that is killed
 *        loses its connections one by one, and may lose its listener after the one that told.
 */
#include "broker/controller_probe.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { PROBE_MS = 1000, AGAIN_MS = 5, TRIES_MAX = 20 };

struct probe {
    struct list_node link;
    struct broker *broker;
    int32_t broker_id;
    int64_t broker_epoch;
    struct stream *stream; /* NULL: it has ended */
    unsigned tries;        /* that ended after they were accepted */
    bool accepted;
    struct timer timer; /* the longest wait, or the next try */
};

static void probe_free(struct probe *p)
{
    list_remove(&p->link);
    timer_cancel(p->broker->env, &p->timer);
    if (p->stream) {
        stream_close(p->stream);
    }
    mem_free(p);
}

static void on_opened(void *user)
{
    struct probe *p = user;
    p->accepted = true;
}

static void on_space(void *user, uint8_t **ret_ptr, size_t *ret_room)
{
    (void)user;
    *ret_ptr = NULL;
    *ret_room = 0;
}

static void on_filled(void *user, size_t n)
{
    (void)user;
    (void)n;
}

static void on_closed(void *user, enum err why)
{
    struct probe *p = user;
    struct broker *b = p->broker;
    int32_t id = p->broker_id;
    int64_t epoch = p->broker_epoch;
    bool accepted = p->accepted;
    p->stream = NULL;
    if (accepted && ++p->tries < TRIES_MAX) {
        timer_arm_in(b->env, &p->timer, (uint64_t)AGAIN_MS * NS_PER_MS);
        return;
    }
    probe_free(p);
    if (!accepted && why == ERR_CLOSED) {
        controller_broker_gone(b, id, epoch);
    }
}

static void try(struct probe *p)
{
    static const struct stream_events events = {
        .opened = on_opened, .space = on_space, .filled = on_filled, .closed = on_closed
    };
    struct broker *b = p->broker;
    const char *host;
    uint16_t port;
    if (!peers_broker_address(b, p->broker_id, &host, &port)) {
        probe_free(p);
        return;
    }
    p->accepted = false;
    timer_arm_in(b->env, &p->timer, (uint64_t)PROBE_MS * NS_PER_MS);
    p->stream = env_connect(b->env, host, port, &events, p);
}

static void on_timer(void *owner)
{
    struct probe *p = owner;
    if (p->stream) {
        probe_free(p); /* it lives, or says nothing */
    } else {
        try(p);
    }
}

void controller_probe(struct broker *b, int32_t broker_id)
{
    const struct image_broker *of = image_broker(&b->image, broker_id);
    for (struct list_node *node = b->probes.all.next; node != &b->probes.all; node = node->next) {
        if (list_entry(node, struct probe, link)->broker_id == broker_id) {
            return;
        }
    }
    if (!of || of->fenced) {
        return;
    }
    struct probe *p = mem_zalloc(sizeof(*p));
    p->broker = b;
    p->broker_id = broker_id;
    p->broker_epoch = of->epoch;
    p->timer = (struct timer){ .fire = on_timer, .owner = p };
    list_push_back(&b->probes.all, &p->link);
    try(p);
}

void controller_probes_init(struct broker *b)
{
    list_init(&b->probes.all);
}

void controller_probes_deinit(struct broker *b)
{
    for (struct list_node *node; (node = list_first(&b->probes.all));) {
        probe_free(list_entry(node, struct probe, link));
    }
}
