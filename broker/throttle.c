/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.c - see throttle.h. Driven by the metadata (settings of topics and nodes), by fetches of
 * followers, and by replica_session.c.
 *   (H1) Who is in sync is neither held up nor counted: a producer with acks=all never waits for a
 *        throttle, and a move goes on under load.
 */
#include "broker/throttle.h"

#include "broker/broker.h"
#include "broker/replica_session.h"

#include <stdio.h>
#include <stdlib.h>

/* --- settings --------------------------------------------------------------------------------- */

static int64_t rate_of(const struct broker *b, const char *name, int64_t fallback)
{
    const char *text = broker_config_altered(&b->image, b->node_id, slice_str(name), NULL);
    char *end = NULL;
    long long rate = text ? strtoll(text, &end, 10) : 0; /* checked when it was set */
    return text && end != text && *end == '\0' ? rate : fallback;
}

static void set_rate(struct quota *q, int64_t rate, uint64_t now_ns)
{
    struct quota next;
    quota_set(&next, rate, now_ns);
    if (q->rate != next.rate) {
        *q = next;
    }
}

void throttle_configure(struct broker *b)
{
    uint64_t now_ns = env_mono_ns(b->env);
    set_rate(&b->throttle.leader,
             rate_of(b, "leader.replication.throttled.rate",
                     b->config->leader_replication_throttled_rate),
             now_ns);
    set_rate(&b->throttle.follower,
             rate_of(b, "follower.replication.throttled.rate",
                     b->config->follower_replication_throttled_rate),
             now_ns);
}

/* "partition:broker,...", or "*" for all of them. */
static bool names(const char *list, int32_t partition, int32_t node)
{
    char word[32];
    int len = snprintf(word, sizeof(word), "%d:%d", (int)partition, (int)node);
    if (strcmp(list, "*") == 0) {
        return true;
    }
    for (const char *at = list; (at = strstr(at, word)); at += len) {
        char after = at[len];
        if ((at == list || at[-1] == ',') && (after == ',' || after == '\0')) {
            return true;
        }
    }
    return false;
}

void throttle_configure_partition(const struct broker *b, struct partition *p)
{
    const struct topic_config *c = &p->topic->config;
    p->throttled_leader = names(c->leader_replication_throttled_replicas, p->index, b->node_id);
    p->throttled_follower = names(c->follower_replication_throttled_replicas, p->index, b->node_id);
}

/* --- the leader ------------------------------------------------------------------------------- */

static bool is_held(const struct partition *p, int32_t follower)
{
    if (!p->throttled_leader || follower < 0 || !p->isr) {
        return false;
    }
    const struct isr_replica *r = isr_find(p->isr, follower);
    return r && !r->in_isr;
}

size_t throttle_leader_room(struct broker *b, const struct partition *p, int32_t follower)
{
    if (b->throttle.leader.rate == INT64_MAX || !is_held(p, follower)) {
        return SIZE_MAX;
    }
    int64_t room = quota_room(&b->throttle.leader, env_mono_ns(b->env));
    return room > 0 ? (size_t)room : 0;
}

void throttle_leader_sent(struct broker *b, const struct partition *p, int32_t follower,
                          size_t bytes)
{
    if (is_held(p, follower)) {
        quota_take(&b->throttle.leader, (int64_t)bytes);
    }
}

/* --- followers -------------------------------------------------------------------------------- */

static bool is_behind(const struct partition *p)
{
    return p->throttled_follower && p->replica && p->replica->is_behind;
}

void throttle_follower_got(struct broker *b, const struct partition *p, size_t bytes)
{
    if (is_behind(p)) {
        quota_take(&b->throttle.follower, (int64_t)bytes);
    }
}

uint64_t throttle_follower_ready_ns(struct broker *b, const struct partition *p)
{
    uint64_t now_ns = env_mono_ns(b->env);
    if (!is_behind(p) || quota_room(&b->throttle.follower, now_ns) > 0) {
        return 0;
    }
    return quota_ready_ns(&b->throttle.follower, now_ns);
}
