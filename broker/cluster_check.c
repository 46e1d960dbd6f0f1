/* SPDX-License-Identifier: Apache-2.0 */
/* cluster_check.c - see cluster_check.h. Driven by the answers of the quorum. */
#include "broker/cluster_check.h"

#include "broker/broker.h"

enum { TELL_S = 10 };

static uint32_t others_named(const struct broker *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->roles.voter_count; i++) {
        n += b->roles.voters[i].id != b->node_id;
    }
    return n ? n : b->roles.bootstrap_count;
}

static bool is_new(struct cluster_check *k, const char *address)
{
    uint64_t hash = map_hash(slice_str(address), 0);
    for (uint32_t i = 0; i < k->foreign_count; i++) {
        if (k->foreign[i] == hash) {
            return false;
        }
    }
    if (k->foreign_count < CLUSTER_CHECK_MAX) {
        k->foreign[k->foreign_count++] = hash;
    }
    return true;
}

void cluster_check_answer(struct broker *b, const char *address, bool foreign)
{
    struct cluster_check *k = &b->cluster_check;
    if (!foreign) {
        k->own = true;
        return;
    }
    struct error why;
    uint64_t now = env_mono_ns(b->env);
    err_set(&why, ERR_CONFIG,
            "the controller at %s belongs to another cluster than this node's log directories "
            "(cluster %s): correct controller.quorum.voters or "
            "controller.quorum.bootstrap.servers, or use this cluster's log directories",
            address, b->cluster_id);
    if (is_new(k, address) || now - k->told_ns >= (uint64_t)TELL_S * NS_PER_S) {
        k->told_ns = now;
        log_error(&b->log, "another cluster", KV_STR("why", why.text));
    }
    if (!k->own && k->foreign_count >= others_named(b) && b->events.failed) {
        b->events.failed(b->events_ctx, &why);
    }
}
