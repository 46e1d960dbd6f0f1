/* SPDX-License-Identifier: Apache-2.0 */
/* controller_registrar.c - see controller_registrar.h. Driven by what is applied to the image. */
#include "broker/controller_registrar.h"

#include "broker/broker.h"
#include "broker/registration.h"

enum {
    ANSWER_MS = 5000,
    RETRY_MS = 1000,
    METADATA_VERSION_CONTROLLERS = 15, /* 3.7-IV0: the record is known from there on */
};

static bool is_wanted(const struct broker *b)
{
    const struct image_controller *own = image_controller(&b->image, b->node_id);
    bool listens = false;
    for (uint32_t i = 0; i < b->listener_count; i++) {
        listens |= b->listeners[i].kind == LISTENER_CONTROLLER;
    }
    return b->roles.controller && listens && b->state < BROKER_DRAINING &&
           image_feature(&b->image, "metadata.version") >= METADATA_VERSION_CONTROLLERS &&
           !(own && uuid_eq(&own->incarnation, &b->incarnation));
}

static void on_registered(void *user, enum err err, int16_t version, const void *response)
{
    struct controller_registrar *r = user;
    struct broker *b = container_of(r, struct broker, registrar);
    const struct controller_registration_response *resp = response;
    (void)version;
    r->in_flight = false;
    if ((err || resp->error_code) && !r->told) {
        r->told = true;
        log_warn(&b->log, "this controller could not be registered; it is tried again",
                 KV_STR("why", err ? err_text(err) : kafka_error_text(resp->error_code)));
    }
    /* The record may not be here yet: the timer finds out. */
    timer_arm_in(b->env, &r->timer, (uint64_t)RETRY_MS * NS_PER_MS);
}

static void on_timer(void *owner)
{
    struct broker *b = owner;
    struct controller_registrar *r = &b->registrar;
    if (r->in_flight || !is_wanted(b)) {
        return;
    }
    struct arena arena;
    struct controller_registration_request req;
    r->in_flight = true;
    registration_fill_controller(b, &arena, &req);
    controller_channel_send(b, &controller_registration_request_schema, &req, -1,
                            (uint64_t)ANSWER_MS * NS_PER_MS, on_registered, r);
    arena_deinit(&arena);
}

void controller_registrar_applied(struct broker *b)
{
    struct controller_registrar *r = &b->registrar;
    if (!r->in_flight && !timer_is_armed(&r->timer) && is_wanted(b)) {
        timer_arm_in(b->env, &r->timer, 0);
    }
}

void controller_registrar_init(struct broker *b)
{
    b->registrar.timer = (struct timer){ .fire = on_timer, .owner = b };
}

void controller_registrar_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->registrar.timer);
    controller_channel_cancel(b, &b->registrar);
}
