/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_watch.c - leaders that fell silent with requests under way. Driven by the watch timer,
 * which is armed while something flies, and by new metadata.
 *   (W1) A silent leader makes the metadata be asked for again and again, until it answers or they
 *        name another one.
 *   (W2) Requests are given up only when the leader is silent and the metadata have a newer leader
 *        (or epoch) for one of their batches. The connection goes, since the stream may still hold
 *        the records: all its batches are sent again, in order, with the sequences that they have,
 *        so that what the silent one did with them does not count twice (KIP-98).
 */
#include "protocol/client/producer_internal.h"

static bool has_moved(const struct producer *p, const struct producer_partition *part)
{
    const struct client_topic *t = client_topic(p->client, part->topic->name);
    if (!t || part->index >= t->partition_count) {
        return false;
    }
    const struct client_partition *now = &t->partitions[part->index];
    return now->leader_id >= 0 &&
           (now->leader_id != part->sent_leader_id || now->leader_epoch > part->sent_leader_epoch);
}

/* The id of a silent broker that was overtaken; -1: none. *ret_silence_ns: the longest one. */
static int32_t find_overtaken(const struct producer *p, uint64_t *ret_silence_ns)
{
    *ret_silence_ns = 0;
    list_for_each(n, &p->requests) {
        const struct producer_request *r = list_entry(n, struct producer_request, node);
        uint64_t silence_ns = client_silence_ns(p->client, r->broker->id, 0);
        *ret_silence_ns = silence_ns > *ret_silence_ns ? silence_ns : *ret_silence_ns;
        for (uint32_t i = 0; silence_ns >= CLIENT_PATIENCE_NS && i < r->count; i++) {
            if (has_moved(p, r->batches[i]->partition)) {
                return r->broker->id;
            }
        }
    }
    return -1;
}

void producer_on_watch(void *owner)
{
    struct producer *p = owner;
    uint64_t silence_ns;
    int32_t id = find_overtaken(p, &silence_ns);
    if (id >= 0) {
        log_info(&p->log,
                 "a broker is silent and was replaced as leader: its records are sent to "
                 "the new one",
                 KV_INT("broker", id));
        client_give_up(p->client, id, 0);
        timer_arm_in(p->env, &p->watch, 0); /* others may be silent, too */
    } else if (!list_is_empty(&p->requests)) {
        if (silence_ns >= CLIENT_PATIENCE_NS) {
            client_refresh(p->client);
        }
        timer_arm_in(p->env, &p->watch, client_watch_ns(silence_ns, CLIENT_PATIENCE_NS));
    }
}

void producer_watch(struct producer *p)
{
    if (!timer_is_armed(&p->watch)) {
        timer_arm_in(p->env, &p->watch, CLIENT_PATIENCE_NS);
    }
}
