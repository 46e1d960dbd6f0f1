/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heartbeats.c - see heartbeats.h. Driven by the active controller: controller_node.c.
 *   (H1) Every broker of the image is in the map, and no other.
 *   (H2) A fenced broker has no session, and is in no controlled shutdown.
 */
#include "broker/controller/heartbeats.h"

#include "protocol/base/alloc.h"

struct heartbeat {
    int32_t id;
    int64_t broker_epoch;
    bool fenced;
    bool expired; /* told to be gone */
    uint64_t last_contact_ns;
    int64_t metadata_offset;
    int64_t shutdown_offset; /* -1: not in controlled shutdown */
};

static struct slice id_key(const int32_t *id)
{
    return slice_of(id, sizeof(*id));
}

static struct heartbeat *find(const struct heartbeats *h, int32_t id)
{
    return map_get(&h->brokers, id_key(&id));
}

void heartbeats_init(struct heartbeats *h, uint64_t session_ns)
{
    *h = (struct heartbeats){ .session_ns = session_ns };
}

void heartbeats_deinit(struct heartbeats *h)
{
    uint32_t cursor = 0;
    for (struct heartbeat *hb; (hb = map_next(&h->brokers, &cursor, NULL));) {
        mem_free(hb);
    }
    map_deinit(&h->brokers);
    h->brokers = (struct map){ 0 };
}

void heartbeats_begin(struct heartbeats *h, const struct image *img, uint64_t now_ns)
{
    heartbeats_deinit(h);
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        heartbeats_follow(h, img, b->id, now_ns);
    }
}

void heartbeats_follow(struct heartbeats *h, const struct image *img, int32_t broker_id,
                       uint64_t now_ns)
{
    const struct image_broker *b = image_broker(img, broker_id);
    struct heartbeat *hb = find(h, broker_id);
    if (!b) {
        mem_free(map_remove(&h->brokers, id_key(&broker_id)));
        return;
    }
    if (!hb) {
        hb = mem_zalloc(sizeof(*hb));
        hb->id = broker_id;
        hb->broker_epoch = -1;
        map_put(&h->brokers, id_key(&broker_id), hb);
    }
    if (hb->broker_epoch != b->epoch) {
        hb->broker_epoch = b->epoch;
        hb->last_contact_ns = now_ns;
        hb->metadata_offset = -1;
        hb->shutdown_offset = -1;
        hb->expired = false;
    }
    hb->fenced = b->fenced;
    if (hb->fenced) {
        hb->shutdown_offset = -1;
        hb->expired = false;
    }
}

void heartbeats_touch(struct heartbeats *h, int32_t broker_id, int64_t metadata_offset,
                      uint64_t now_ns)
{
    struct heartbeat *hb = find(h, broker_id);
    if (hb) {
        hb->last_contact_ns = now_ns;
        hb->metadata_offset = metadata_offset;
        hb->expired = false;
    }
}

void heartbeats_silent_since(struct heartbeats *h, int32_t broker_id, uint64_t heard_ns)
{
    struct heartbeat *hb = find(h, broker_id);
    if (hb && heard_ns < hb->last_contact_ns) {
        hb->last_contact_ns = heard_ns;
    }
}

void heartbeats_extend(struct heartbeats *h, int32_t broker_id, uint64_t now_ns)
{
    struct heartbeat *hb = find(h, broker_id);
    if (hb) {
        hb->last_contact_ns = now_ns;
    }
}

void heartbeats_expire(struct heartbeats *h, int32_t broker_id)
{
    struct heartbeat *hb = find(h, broker_id);
    if (hb) {
        hb->expired = true;
    }
}

void heartbeats_forgive(struct heartbeats *h, uint64_t now_ns)
{
    uint32_t cursor = 0;
    for (struct heartbeat *hb; (hb = map_next(&h->brokers, &cursor, NULL));) {
        hb->last_contact_ns = now_ns;
    }
}

static uint64_t end_of(const struct heartbeats *h, const struct heartbeat *hb)
{
    return hb->expired ? 0 : hb->last_contact_ns + h->session_ns;
}

bool heartbeats_has_session(const struct heartbeats *h, int32_t broker_id, uint64_t now_ns)
{
    const struct heartbeat *hb = find(h, broker_id);
    return hb && !hb->fenced && end_of(h, hb) >= now_ns && !hb->expired;
}

/* The unfenced broker whose session ends first; NULL for none. */
static const struct heartbeat *first_to_end(const struct heartbeats *h)
{
    const struct heartbeat *first = NULL;
    uint32_t cursor = 0;
    for (const struct heartbeat *hb; (hb = map_next(&h->brokers, &cursor, NULL));) {
        if (!hb->fenced && (!first || end_of(h, hb) < end_of(h, first))) {
            first = hb;
        }
    }
    return first;
}

int32_t heartbeats_overdue(const struct heartbeats *h, uint64_t now_ns)
{
    const struct heartbeat *hb = first_to_end(h);
    return hb && end_of(h, hb) < now_ns ? hb->id : -1;
}

uint64_t heartbeats_deadline_ns(const struct heartbeats *h)
{
    const struct heartbeat *hb = first_to_end(h);
    return hb ? end_of(h, hb) + 1 : UINT64_MAX;
}

void heartbeats_shutdown_offset(struct heartbeats *h, int32_t broker_id, int64_t offset)
{
    struct heartbeat *hb = find(h, broker_id);
    if (hb && !hb->fenced && hb->shutdown_offset < 0) {
        hb->shutdown_offset = offset;
    }
}

/* Whether every broker that stays knows of the records up to the offset. */
static bool others_know(const struct heartbeats *h, const struct image *img, int64_t offset)
{
    uint32_t cursor = 0;
    for (const struct heartbeat *hb; (hb = map_next(&h->brokers, &cursor, NULL));) {
        if (image_broker_is_active(img, hb->id) && hb->metadata_offset < offset) {
            return false;
        }
    }
    return true;
}

static enum broker_control_state state_now(const struct image_broker *b)
{
    return b->fenced                   ? BROKER_CONTROL_FENCED
           : b->in_controlled_shutdown ? BROKER_CONTROL_SHUTTING_DOWN
                                       : BROKER_CONTROL_UNFENCED;
}

static enum broker_control_state decide(const struct heartbeats *h, const struct image *img,
                                        const struct image_broker *b,
                                        const struct heartbeat_wish *wish, bool leads)
{
    const struct heartbeat *hb = find(h, b->id);
    switch (state_now(b)) {
    case BROKER_CONTROL_FENCED:
        if (wish->want_shutdown) {
            return BROKER_CONTROL_SHUTDOWN_NOW;
        }
        return !wish->want_fence && wish->metadata_offset >= b->registration_offset
                   ? BROKER_CONTROL_UNFENCED
                   : BROKER_CONTROL_FENCED;
    case BROKER_CONTROL_UNFENCED:
        if (wish->want_fence) {
            return wish->want_shutdown ? BROKER_CONTROL_SHUTDOWN_NOW : BROKER_CONTROL_FENCED;
        }
        if (wish->want_shutdown) {
            return leads ? BROKER_CONTROL_SHUTTING_DOWN : BROKER_CONTROL_SHUTDOWN_NOW;
        }
        return BROKER_CONTROL_UNFENCED;
    case BROKER_CONTROL_SHUTTING_DOWN:
        return leads || !others_know(h, img, hb ? hb->shutdown_offset : -1)
                   ? BROKER_CONTROL_SHUTTING_DOWN
                   : BROKER_CONTROL_SHUTDOWN_NOW;
    case BROKER_CONTROL_SHUTDOWN_NOW:
        break;
    }
    return BROKER_CONTROL_SHUTDOWN_NOW;
}

void heartbeats_decide(const struct heartbeats *h, const struct image *img, int32_t broker_id,
                       const struct heartbeat_wish *wish, bool leads,
                       enum broker_control_state *ret_now, enum broker_control_state *ret_next)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_now = state_now(b);
    *ret_next = decide(h, img, b, wish, leads);
}
