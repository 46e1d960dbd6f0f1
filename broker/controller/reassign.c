/* SPDX-License-Identifier: Apache-2.0 */
/* reassign.c - see reassign.h. Driven by the handler of AlterPartitionReassignments. */
#include "broker/controller/reassign.h"

static enum kafka_error find(const struct image *img, struct slice topic, int32_t index,
                             const struct image_topic **ret_topic, struct error *err)
{
    const struct image_topic *t = image_topic(img, topic);
    if (!t) {
        err_set(err, ERR_NOT_FOUND, "Unable to find a topic named %.*s.", SLICE_ARG(topic));
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (!image_partition(t, index)) {
        err_set(err, ERR_NOT_FOUND, "Unable to find partition %.*s:%d.", SLICE_ARG(topic),
                (int)index);
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    *ret_topic = t;
    return KAFKA_NONE;
}

static enum kafka_error check_target(const struct image *img, const int32_t *replicas,
                                     int32_t count, struct error *err)
{
    if (count < 1 || count > IMAGE_REPLICAS_MAX / 2) {
        err_set(err, ERR_INVALID,
                "The manual partition assignment includes an empty replica list, or too many.");
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!image_broker(img, replicas[i])) {
            err_set(err, ERR_INVALID,
                    "The manual partition assignment includes broker %d, but no such broker is "
                    "registered.",
                    (int)replicas[i]);
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
        if (image_has_id(replicas, i, replicas[i])) {
            err_set(err, ERR_INVALID,
                    "The manual partition assignment includes the broker %d more than once.",
                    (int)replicas[i]);
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
    }
    return KAFKA_NONE;
}

enum kafka_error reassign_begin(const struct image *img, const struct change_policy *policy,
                                struct slice topic, int32_t index, const int32_t *replicas,
                                int32_t count, bool any_factor, struct metadata_records *out,
                                struct error *err)
{
    const struct image_topic *t = NULL;
    enum kafka_error code = find(img, topic, index, &t, err);
    code = code ? code : check_target(img, replicas, count, err);
    if (code) {
        return code;
    }
    const struct image_partition *p = &t->partitions[index];
    int32_t factor = p->replica_count - p->adding_count;
    if (!any_factor && count != factor) {
        err_set(err, ERR_INVALID,
                "The replication factor is changed from %d to %d, which the request does not "
                "allow.",
                (int)factor, (int)count);
        return KAFKA_INVALID_REPLICATION_FACTOR;
    }
    struct partition_change c;
    partition_change_init(&c, img, policy, t, index);
    c.adding.count = c.removing.count = 0;
    id_list_set(&c.replicas, replicas, count);
    for (int32_t i = 0; i < count; i++) {
        /* One that an earlier target added is still being added. */
        if (!image_has_id(p->replicas, p->replica_count, replicas[i]) ||
            image_has_id(p->adding, p->adding_count, replicas[i])) {
            id_list_add(&c.adding, replicas[i]);
        }
    }
    for (int32_t i = 0; i < p->replica_count; i++) {
        int32_t id = p->replicas[i];
        if (!image_has_id(replicas, count, id) && !image_has_id(p->adding, p->adding_count, id) &&
            (!id_list_add(&c.removing, id) || !id_list_add(&c.replicas, id))) {
            err_set(err, ERR_LIMIT, "There are too many replicas.");
            return KAFKA_INVALID_REPLICA_ASSIGNMENT;
        }
    }
    /* Added by an earlier target and not wanted any more: gone at once, in sync or not. */
    for (int32_t i = 0; i < p->isr_count; i++) {
        if (!id_list_has(&c.replicas, p->isr[i])) {
            id_list_remove(&c.isr, p->isr[i]);
        }
    }
    if (c.isr.count == 0 && p->isr_count > 0) {
        err_set(err, ERR_INVALID,
                "Only replicas of an earlier reassignment are in sync; wait for it to go on.");
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    partition_change_add(&c, out);
    return KAFKA_NONE;
}

enum kafka_error reassign_cancel(const struct image *img, const struct change_policy *policy,
                                 struct slice topic, int32_t index, struct metadata_records *out,
                                 struct error *err)
{
    const struct image_topic *t = NULL;
    enum kafka_error code = find(img, topic, index, &t, err);
    if (code) {
        return code;
    }
    const struct image_partition *p = &t->partitions[index];
    if (!reassign_is_under_way(p)) {
        err_set(err, ERR_INVALID, "No partition reassignment is in progress.");
        return KAFKA_NO_REASSIGNMENT_IN_PROGRESS;
    }
    bool unclean_allowed = change_unclean_allowed(img, policy, t);
    struct partition_change c;
    partition_change_init(&c, img, policy, t, index);
    for (int32_t i = 0; i < p->adding_count; i++) {
        id_list_remove(&c.replicas, p->adding[i]);
        id_list_remove(&c.isr, p->adding[i]);
    }
    c.adding.count = c.removing.count = 0;
    c.election = unclean_allowed ? ELECTION_UNCLEAN : ELECTION_ONLINE;
    if (c.isr.count == 0 && p->isr_count > 0 && !unclean_allowed) {
        err_set(err, ERR_INVALID,
                "Unable to revert partition assignment for %.*s:%d because it would require an "
                "unclean leader election.",
                SLICE_ARG(topic), (int)index);
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
    if (c.isr.count == 0 && p->isr_count > 0) {
        id_list_add(&c.isr, c.replicas.ids[0]); /* it may lack records, and counts all the same */
        c.recovering = true;
    }
    partition_change_add(&c, out);
    return KAFKA_NONE;
}
