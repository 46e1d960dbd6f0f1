/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.c - the accounts of a sink: what it took, what it answered, whether it is full.
 * Driven by the sinks. Being full is told by `full`, which the flow reads after each record; having
 * room again is an event, told once, at half.
 *   (S1) events and bytes are those of the events taken and not answered.
 */
#include "connectors/sinks/sink.h"

#include <assert.h>

void sink_init(struct sink *s, struct node *n, const struct sink_env *world)
{
    const struct sink_config *c = n->config;
    const struct sink_defaults *d = &world->defaults;
    *s = (struct sink){ .node = n, .world = *world };
    s->events_max = c->queue_events > 0 ? (uint64_t)c->queue_events : d->queue_events;
    s->bytes_max = c->queue_bytes > 0 ? (uint64_t)c->queue_bytes : d->queue_bytes;
    s->retry.init_ns =
        c->retry_init_ms > 0 ? (uint64_t)c->retry_init_ms * NS_PER_MS : d->retry.init_ns;
    s->retry.max_ns = c->retry_max_ms > 0 ? (uint64_t)c->retry_max_ms * NS_PER_MS : d->retry.max_ns;
}

void sink_took(struct sink *s, size_t bytes)
{
    s->events++;
    s->bytes += bytes;
    if (s->events >= s->events_max || s->bytes >= s->bytes_max) {
        s->full = true;
    }
}

static void answered(struct sink *s, size_t bytes)
{
    assert(s->events > 0 && s->bytes >= bytes);
    s->events--;
    s->bytes -= bytes;
    if (s->full && s->events <= s->events_max / 2 && s->bytes <= s->bytes_max / 2) {
        s->full = false;
        s->world.events->room(s->world.user);
    }
}

void sink_done(struct sink *s, struct ack ack, size_t bytes)
{
    s->counters.delivered++;
    s->world.events->done(s->world.user, ack);
    answered(s, bytes);
}

void sink_dead(struct sink *s, struct ack ack, size_t bytes, const struct failure *f)
{
    s->counters.dead++;
    s->world.events->dead(s->world.user, s->node, ack, f);
    answered(s, bytes);
}
