/* SPDX-License-Identifier: Apache-2.0 */
/*
 * controller_probe.c - see controller_probe.h. Driven by controller_duties.c and by the
 * connection's end.
 *   (R1) A probe is about one registration: what it finds means nothing for the next one.
 *   (R2) Silence proves nothing: only a refused connection does.
 */
#include "broker/controller_probe.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { PROBE_MS = 1000 };

struct probe {
    struct list_node link;
    struct broker *broker;
    int32_t broker_id;
    int64_t broker_epoch;
    struct stream *stream; /* NULL: it has ended */
    struct timer timer;    /* the longest wait */
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
    probe_free(user); /* somebody listens */
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
    p->stream = NULL;
    probe_free(p);
    if (why == ERR_CLOSED) { /* refused: it was not open yet */
        controller_broker_gone(b, id, epoch);
    }
}

static void on_timer(void *owner)
{
    probe_free(owner);
}

void controller_probe(struct broker *b, int32_t broker_id)
{
    static const struct stream_events events = {
        .opened = on_opened, .space = on_space, .filled = on_filled, .closed = on_closed
    };
    const struct image_broker *of = image_broker(&b->image, broker_id);
    const char *host;
    uint16_t port;
    for (struct list_node *node = b->probes.all.next; node != &b->probes.all; node = node->next) {
        if (list_entry(node, struct probe, link)->broker_id == broker_id) {
            return;
        }
    }
    if (!of || of->fenced || !peers_broker_address(b, broker_id, &host, &port)) {
        return;
    }
    struct probe *p = mem_zalloc(sizeof(*p));
    p->broker = b;
    p->broker_id = broker_id;
    p->broker_epoch = of->epoch;
    p->timer = (struct timer){ .fire = on_timer, .owner = p };
    list_push_back(&b->probes.all, &p->link);
    timer_arm_in(b->env, &p->timer, (uint64_t)PROBE_MS * NS_PER_MS);
    p->stream = env_connect(b->env, host, port, &events, p);
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
