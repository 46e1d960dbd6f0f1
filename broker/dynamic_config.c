/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dynamic_config.c - see dynamic_config.h. Driven by the metadata (topics.c).
 *   (Y1) What was altered and is altered back leaves nothing behind: each time all is set anew, on
 *        top of the configuration that the node was started with.
 */
#include "broker/dynamic_config.h"

#include "broker/broker.h"

#include <stdio.h>

enum { STRINGS_BYTES_MAX = 1 << 20 };

void dynamic_config_init(struct broker *b, const struct broker_config *start)
{
    struct dynamic_config *d = &b->dynamic_config;
    d->start = start;
    d->now = *start;
    arena_init(&d->arenas[0], STRINGS_BYTES_MAX);
    arena_init(&d->arenas[1], STRINGS_BYTES_MAX);
    b->config = &d->now;
}

void dynamic_config_deinit(struct broker *b)
{
    arena_deinit(&b->dynamic_config.arenas[0]);
    arena_deinit(&b->dynamic_config.arenas[1]);
}

/* One setting, if it is one and the configuration stays a possible one. */
static void set(struct broker *b, const struct image_setting *s, struct arena *arena,
                struct broker_config *next)
{
    const struct config_row *row = config_find(&broker_config_table, slice_str(s->name));
    struct broker_config tried = *next;
    struct error err;
    if (!row || !(row->flags & CONFIG_ALTERABLE)) {
        return; /* another release knew it, or Apache Kafka does */
    }
    enum err e =
        config_set(&broker_config_table, row->name, slice_str(s->value), arena, &tried, &err);
    e = e ? e : broker_config_check(&tried, &err);
    if (e) {
        log_warn(&b->log, "a setting in the cluster's metadata cannot be used on this node",
                 KV_STR("setting", s->name), KV_STR("value", s->value), KV_STR("why", err.text));
        return;
    }
    *next = tried;
}

static void set_all(struct broker *b, const char *resource, struct arena *arena,
                    struct broker_config *next)
{
    const struct image_settings *s =
        image_settings(&b->image, CONFIG_RESOURCE_BROKER, slice_str(resource));
    for (uint32_t i = 0; s && i < s->count; i++) {
        set(b, &s->items[i], arena, next);
    }
}

bool dynamic_config_apply(struct broker *b)
{
    struct dynamic_config *d = &b->dynamic_config;
    struct arena *arena = &d->arenas[1 - d->arena];
    struct broker_config next = *d->start;
    char id[16];
    snprintf(id, sizeof(id), "%d", (int)b->node_id);
    arena_reset(arena);
    bool shared = image_elr_enabled(&b->image);
    next.min_insync_replicas = shared ? -1 : next.min_insync_replicas;
    set_all(b, "", arena, &next);
    int64_t min_isr = next.min_insync_replicas;
    set_all(b, id, arena, &next);
    next.min_insync_replicas = shared ? min_isr : next.min_insync_replicas;
    bool changed = memcmp(&next, &d->now, sizeof(next)) != 0;
    if (changed) {
        d->now = next;
        d->arena = 1 - d->arena;
    }
    return changed;
}

void dynamic_config_warn(const struct broker *b)
{
    int64_t own = b->dynamic_config.start->min_insync_replicas;
    int64_t cluster = b->dynamic_config.now.min_insync_replicas;
    if (own < 1 || own == cluster || !image_elr_enabled(&b->image)) {
        return;
    }
    log_warn(&b->log,
             "min.insync.replicas of this node's configuration does not count: while eligible "
             "leader replicas are kept, the cluster's counts on all nodes; take it out of the "
             "configuration, or change the cluster's: kafka-configs.sh --bootstrap-server "
             "HOST:PORT --entity-type brokers --entity-default --alter --add-config "
             "min.insync.replicas=N",
             KV_INT("configured", own), KV_INT("cluster", cluster));
}
