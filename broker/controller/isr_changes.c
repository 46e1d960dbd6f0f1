/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr_changes.c - see isr_changes.h. Driven by the handlers of AlterPartition, ElectLeaders and
 * AssignReplicasToDirs, and by the controller's balancer.
 *   (S1) A leader's wish counts only at the epochs that the image has: what it saw is what is.
 *   (S2) A broker that is fenced, going, or of another epoch enters no ISR (KIP-841, KIP-903).
 */
#include "broker/controller/isr_changes.h"

#include "protocol/base/alloc.h"

/* --- AlterPartition --------------------------------------------------------------------------- */

static bool is_eligible(const struct image *img, int32_t id, int64_t epoch)
{
    const struct image_broker *b = image_broker(img, id);
    return b && !b->fenced && !b->in_controlled_shutdown && (epoch == -1 || epoch == b->epoch);
}

/* Replicas of the partition, each once, the leader among them. */
static bool is_valid_isr(const struct image_partition *p, const struct isr_wish *wish)
{
    if (wish->isr_count < 1 || wish->isr_count > p->replica_count) {
        return false;
    }
    for (int32_t i = 0; i < wish->isr_count; i++) {
        if (!image_has_id(p->replicas, p->replica_count, wish->isr[i]) ||
            image_has_id(wish->isr, i, wish->isr[i])) {
            return false;
        }
    }
    return image_has_id(wish->isr, wish->isr_count, p->leader);
}

static enum kafka_error check_wish(const struct image *img, const struct image_partition *p,
                                   const struct isr_wish *wish)
{
    if (wish->leader_epoch > p->leader_epoch || wish->partition_epoch > p->partition_epoch) {
        return KAFKA_NOT_CONTROLLER;
    }
    if (wish->leader_epoch < p->leader_epoch) {
        return KAFKA_FENCED_LEADER_EPOCH;
    }
    if (wish->broker_id != p->leader) {
        return KAFKA_INVALID_REQUEST;
    }
    if (wish->partition_epoch < p->partition_epoch) {
        return KAFKA_INVALID_UPDATE_VERSION;
    }
    if (!is_valid_isr(p, wish) || (wish->recovering && (wish->isr_count > 1 || !p->recovering))) {
        return KAFKA_INVALID_REQUEST;
    }
    for (int32_t i = 0; i < wish->isr_count; i++) {
        if (!is_eligible(img, wish->isr[i], wish->isr_epochs ? wish->isr_epochs[i] : -1)) {
            return KAFKA_INELIGIBLE_REPLICA;
        }
    }
    return KAFKA_NONE;
}

enum kafka_error isr_change_alter(const struct image *img, const struct change_policy *policy,
                                  const struct image_topic *t, int32_t index,
                                  const struct isr_wish *wish, struct metadata_records *out)
{
    const struct image_partition *p = image_partition(t, index);
    enum kafka_error code = p ? check_wish(img, p, wish) : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (code) {
        return code;
    }
    struct partition_change c;
    partition_change_init(&c, img, policy, t, index);
    c.election = change_unclean_allowed(img, policy, t) ? ELECTION_UNCLEAN : ELECTION_ONLINE;
    id_list_set(&c.isr, wish->isr, wish->isr_count);
    c.recovering = wish->recovering;
    partition_change_add(&c, out);
    return c.leader == wish->broker_id ? KAFKA_NONE : KAFKA_NEW_LEADER_ELECTED;
}

/* --- elections -------------------------------------------------------------------------------- */

enum kafka_error isr_change_elect(const struct image *img, const struct change_policy *policy,
                                  struct slice topic, int32_t index, enum elect_type type,
                                  struct metadata_records *out, struct error *err)
{
    const struct image_topic *t = image_topic(img, topic);
    const struct image_partition *p = t ? image_partition(t, index) : NULL;
    if (!p) {
        err_set(err, ERR_NOT_FOUND, "No such partition as %.*s-%d", SLICE_ARG(topic), (int)index);
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    bool preferred = type == ELECT_PREFERRED;
    if (preferred ? p->leader == p->replicas[0] : p->leader >= 0) {
        err_set(err, ERR_INVALID, "Leader election not needed for topic partition.");
        return KAFKA_ELECTION_NOT_NEEDED;
    }
    struct partition_change c;
    uint32_t before = out->count;
    partition_change_init(&c, img, policy, t, index);
    c.election = preferred ? ELECTION_PREFERRED : ELECTION_UNCLEAN;
    partition_change_add(&c, out);
    if (preferred ? c.leader == p->replicas[0] : c.leader >= 0) {
        return KAFKA_NONE;
    }
    metadata_records_cut(out, before);
    err_set(err, ERR_INVALID, "%s",
            preferred ? "The preferred leader was not available."
                      : "Eligible topic partition leaders are not available.");
    return preferred ? KAFKA_PREFERRED_LEADER_NOT_AVAILABLE : KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE;
}

/* --- the balancer ----------------------------------------------------------------------------- */

/* How often a broker is the preferred leader, and how often it leads then. */
struct balance {
    int32_t id;
    uint32_t preferred, led;
};

static struct balance *balance_of(struct balance *all, uint32_t count, int32_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].id == id) {
            return &all[i];
        }
    }
    return NULL;
}

static void count_leaders(const struct image *img, struct balance *all, uint32_t count)
{
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            struct balance *b = balance_of(all, count, p->replicas[0]);
            if (b) {
                b->preferred++;
                b->led += p->leader == b->id;
            }
        }
    }
}

static bool lacks_leaders(const struct balance *b, int32_t percentage)
{
    return b &&
           (uint64_t)(b->preferred - b->led) * 100 > (uint64_t)b->preferred * (uint64_t)percentage;
}

uint32_t isr_change_balance(const struct image *img, const struct change_policy *policy,
                            int32_t percentage, uint32_t max, struct metadata_records *out)
{
    uint32_t count = 0, cursor = 0, done = 0;
    struct balance *all = mem_array(img->brokers.count + 1, sizeof(*all));
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        all[count++].id = b->id;
    }
    count_leaders(img, all, count);
    cursor = 0;
    for (const struct image_topic *t;
         done < max && (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count && done < max; i++) {
            const struct image_partition *p = &t->partitions[i];
            if (p->leader == p->replicas[0] ||
                !image_has_id(p->isr, p->isr_count, p->replicas[0]) ||
                !lacks_leaders(balance_of(all, count, p->replicas[0]), percentage)) {
                continue;
            }
            struct partition_change c;
            partition_change_init(&c, img, policy, t, i);
            c.election = ELECTION_PREFERRED;
            done += partition_change_add(&c, out);
        }
    }
    mem_free(all);
    return done;
}

/* --- directories ------------------------------------------------------------------------------ */

enum kafka_error isr_change_assign_dir(const struct image *img, const struct change_policy *policy,
                                       const struct uuid *topic_id, int32_t index,
                                       int32_t broker_id, const struct uuid *dir,
                                       struct metadata_records *out)
{
    const struct image_topic *t = image_topic_by_id(img, topic_id);
    const struct image_partition *p = t ? image_partition(t, index) : NULL;
    if (!p) {
        return t ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_UNKNOWN_TOPIC_ID;
    }
    if (!image_has_id(p->replicas, p->replica_count, broker_id)) {
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    struct partition_change c;
    partition_change_init(&c, img, policy, t, index);
    c.directory_broker = broker_id;
    c.directory = *dir;
    const struct image_broker *b = image_broker(img, broker_id);
    if (b && !image_directory_is_online(b, dir)) {
        c.leaving = broker_id;
        id_list_remove(&c.isr, broker_id);
    }
    partition_change_add(&c, out);
    return KAFKA_NONE;
}
