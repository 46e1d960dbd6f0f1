/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.c - see partition.h. Driven by topics.c (the metadata), the handlers, the flusher, and
 * replica_fetcher.c; waiting is in partition_wait.c.
 *   (P1) high_watermark never falls, but with an unclean leader, and by the loss of what was never
 *        durable, at start-up.
 *   (P2) A partition with a log is known to its directory's flusher whenever log_needs_flush().
 *   (P3) Only a leader appends, and only while its epoch lasts: whoever waited under an older one
 *        has been told.
 *   (P4) isr is set exactly while this node leads a partition of several replicas, replica exactly
 *        while it follows.
 */
#include "broker/partition.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

#include <assert.h>
#include <inttypes.h>

struct partition *partition_new(struct topic *t, int32_t index)
{
    struct partition *p = mem_zalloc(sizeof(*p));
    p->topic = t;
    p->index = index;
    p->leader = NO_LEADER;
    list_init(&p->dirty);
    list_init(&p->acks);
    list_init(&p->readers);
    list_init(&p->tails);
    list_init(&p->grown);
    list_init(&p->isr_link);
    return p;
}

static void drop_isr(struct partition *p)
{
    list_remove(&p->isr_link);
    if (p->isr) {
        isr_deinit(p->isr);
        mem_free(p->isr);
        p->isr = NULL;
    }
}

void partition_free(struct partition *p)
{
    assert(list_is_empty(&p->acks) && list_is_empty(&p->readers) && list_is_empty(&p->tails));
    assert(!p->replica);
    list_remove(&p->grown);
    drop_isr(p);
    log_free(p->log);
    mem_free(p);
}

/* --- the role --------------------------------------------------------------------------------- */

const struct image_partition *partition_in_image(const struct broker *b, const struct partition *p)
{
    const struct image_topic *t = image_topic_by_id(&b->image, &p->topic->id);
    return t ? image_partition(t, p->index) : NULL;
}

int32_t partition_min_isr(const struct broker *b, const struct partition *p)
{
    const struct image_topic *t = image_topic_by_id(&b->image, &p->topic->id);
    const struct image_partition *ip = t ? image_partition(t, p->index) : NULL;
    const struct change_policy policy = controller_policy(b);
    return ip ? change_min_isr(&b->image, &policy, t, ip) : 1;
}

void partition_note_brokers(struct broker *b, struct partition *p)
{
    const struct image_partition *ip = partition_in_image(b, p);
    for (int32_t i = 0; i < p->isr->count; i++) {
        struct isr_replica *r = &p->isr->replicas[i];
        bool active = image_broker_is_active(&b->image, r->id);
        r->in_elr = ip && image_has_id(ip->elr, ip->elr_count, r->id);
        r->eligible_epoch = active ? image_broker(&b->image, r->id)->epoch : -1;
    }
    p->isr->min_isr = partition_min_isr(b, p);
}

static void take_isr(struct broker *b, struct partition *p, const struct image_partition *ip)
{
    const struct isr_config config = {
        .lag_ns = (uint64_t)b->config->replica_lag_time_max_ms * NS_PER_MS,
        .silence_ns = (uint64_t)b->config->broker_session_timeout_ms * NS_PER_MS,
        .join_wait_ns = (uint64_t)PARTITION_JOIN_WAIT_MS * NS_PER_MS,
    };
    const struct isr_assignment a = { .self = b->node_id,
                                      .leader_epoch = ip->leader_epoch,
                                      .partition_epoch = ip->partition_epoch,
                                      .replicas = ip->replicas,
                                      .replica_count = ip->replica_count,
                                      .isr = ip->isr,
                                      .isr_count = ip->isr_count };
    if (ip->replica_count <= 1) {
        drop_isr(p);
        return;
    }
    if (p->isr) {
        isr_follow(p->isr, &a, env_mono_ns(b->env));
    } else {
        p->isr = mem_zalloc(sizeof(*p->isr));
        isr_init(p->isr, &config, &a, p->epoch_start_offset, p->high_watermark,
                 env_mono_ns(b->env));
        isr_keeper_watch(b);
    }
    partition_note_brokers(b, p);
}

/* What was appended before an ISR that is too small now: nobody can promise it. */
static void fail_unpromised(struct partition *p)
{
    if (p->isr && isr_is_under_min(p->isr)) {
        partition_fail_acks(p, KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    }
}

void partition_isr_changed(struct broker *b, struct partition *p)
{
    partition_advance(b, p);
    fail_unpromised(p);
    if (p->damage) {
        dir_assigner_look(b, p); /* somebody else may be in sync now */
    }
}

static void lead(struct broker *b, struct partition *p, const struct image_partition *ip)
{
    bool anew = p->role != PARTITION_LEADER || ip->leader_epoch != p->leader_epoch;
    if (anew) {
        if (p->role == PARTITION_FOLLOWER) {
            replica_fetcher_remove(b, p);
            partition_fail_waiters(p, KAFKA_NOT_LEADER_OR_FOLLOWER);
        }
        p->role = PARTITION_LEADER;
        p->leader_epoch = ip->leader_epoch;
        p->epoch_start_offset = partition_end_offset(p);
        if (p->log) {
            partition_check_epochs(b, p);
            leader_epochs_assign(&p->log->epochs, p->leader_epoch, p->epoch_start_offset);
        }
        drop_isr(p); /* followers have to be heard of in this epoch */
    }
    take_isr(b, p, ip);
    partition_isr_changed(b, p);
    if (anew) {
        groups_partition_moved(b, p);
    }
}

static void follow(struct broker *b, struct partition *p, const struct image_partition *ip)
{
    if (p->role == PARTITION_FOLLOWER && p->leader_epoch == ip->leader_epoch &&
        p->leader == ip->leader) {
        return;
    }
    partition_retire(b, p, KAFKA_NOT_LEADER_OR_FOLLOWER);
    p->role = PARTITION_FOLLOWER;
    p->leader_epoch = ip->leader_epoch;
    if (p->log) {
        /* Epochs that this node began to lead and never wrote in are not part of the log. */
        leader_epochs_truncate_end(&p->log->epochs, p->log->end_offset);
    }
    replica_fetcher_add(b, p, ip->leader);
}

void partition_retire(struct broker *b, struct partition *p, enum kafka_error code)
{
    enum partition_role was = p->role;
    p->role = PARTITION_NONE;
    if (was == PARTITION_FOLLOWER) {
        replica_fetcher_remove(b, p);
    }
    drop_isr(p);
    partition_fail_waiters(p, code);
    if (was == PARTITION_LEADER) {
        groups_partition_moved(b, p);
    }
}

void partition_assume(struct broker *b, struct partition *p, const struct image_partition *ip)
{
    bool mine = image_has_id(ip->replicas, ip->replica_count, b->node_id) && !p->is_refused;
    if (mine && ip->leader == b->node_id) {
        p->leader = ip->leader;
        lead(b, p, ip);
    } else if (mine && ip->leader >= 0) {
        follow(b, p, ip);
    } else {
        partition_retire(b, p, KAFKA_NOT_LEADER_OR_FOLLOWER);
        p->leader_epoch = ip->leader_epoch;
    }
    p->leader = ip->leader;
    p->partition_epoch = ip->partition_epoch;
    partition_repair(b, p, ip);
    dir_assigner_look(b, p);
    if (!mine && p->log) {
        log_info(&b->log, "deletes a replica that moved to other nodes",
                 KV_STR("topic", p->topic->name), KV_INT("partition", p->index));
        partition_delete_log(b, p);
    }
}

enum kafka_error partition_check_epoch(const struct partition *p, int32_t current_leader_epoch)
{
    if (current_leader_epoch == -1 || current_leader_epoch == p->leader_epoch) {
        return KAFKA_NONE;
    }
    return current_leader_epoch < p->leader_epoch ? KAFKA_FENCED_LEADER_EPOCH
                                                  : KAFKA_UNKNOWN_LEADER_EPOCH;
}

enum kafka_error partition_check_leader(const struct partition *p, int32_t current_leader_epoch)
{
    enum kafka_error code = partition_check_epoch(p, current_leader_epoch);
    return code || p->role == PARTITION_LEADER ? code : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

bool partition_is_doubtful(const struct broker *b, const struct partition *p)
{
    return lifecycle_is_cut_off(b) && p->role == PARTITION_LEADER && p->isr &&
           (isr_size(p->isr) > 1 || isr_is_under_min(p->isr));
}

void partition_epoch_end(const struct partition *p, int32_t epoch, int32_t *ret_epoch,
                         int64_t *ret_end_offset)
{
    if (p->log && p->log->epochs.count > 0) {
        leader_epochs_end_of(&p->log->epochs, epoch, p->log->end_offset, ret_epoch, ret_end_offset);
        return;
    }
    /* Nothing was ever written under any epoch: every one up to the leader's ends at the start. */
    bool known = epoch >= 0 && epoch <= p->leader_epoch;
    *ret_epoch = known ? epoch : -1;
    *ret_end_offset = known ? partition_end_offset(p) : -1;
}

/* --- appends ---------------------------------------------------------------------------------- */

/* Only a producer that the partition knows is refused. */
static void say_why(const struct partition *p, const struct producer_batch *batch,
                    enum kafka_error code, struct error *err)
{
    const struct producer_entry *known =
        producer_state_find(&p->log->producers, batch->producer_id);
    unsigned count = known->kept_count;
    err_set(err, ERR_INVALID,
            "%s (producer %" PRId64 " epoch %d sequence %" PRId32
            ", after epoch %d sequence %" PRId32 ")",
            kafka_error_text((int16_t)code), batch->producer_id, (int)batch->producer_epoch,
            batch->base_sequence, (int)known->epoch,
            count ? known->kept[count - 1].last_sequence : -1);
}

/* KAFKA_NONE: go on. DUPLICATE_SEQUENCE_NUMBER: *ret_kept is what the batch got the first time. */
static enum kafka_error check_producer(const struct partition *p, const struct append_info *info,
                                       struct producer_kept *ret_kept, struct error *err)
{
    const struct producer_batch *batch = &info->first;
    if (batch->producer_id < 0 || !p->log) {
        return KAFKA_NONE;
    }
    enum kafka_error code = (enum kafka_error)log_check_producer(p->log, batch, ret_kept);
    if (code && code != KAFKA_DUPLICATE_SEQUENCE_NUMBER) {
        say_why(p, batch, code, err);
    }
    return code;
}

static enum kafka_error append_failed(struct broker *b, struct partition *p, enum err e,
                                      const struct error *err)
{
    if (e == ERR_NO_SPACE && p->dir) {
        disk_space_failed(b, p->dir);
    }
    log_error(&b->log, "an append failed", KV_STR("topic", p->topic->name),
              KV_INT("partition", p->index), KV_STR("error", err->text));
    if (p->log && p->log->offline) {
        partition_fail_waiters(p, KAFKA_KAFKA_STORAGE_ERROR);
    }
    return KAFKA_KAFKA_STORAGE_ERROR;
}

/* Whether records may be appended at all. */
static enum kafka_error check_append(const struct broker *b, const struct partition *p,
                                     int16_t acks, struct error *err)
{
    if (p->role != PARTITION_LEADER) {
        err_set(err, ERR_AGAIN, "this node does not lead the partition");
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (partition_is_doubtful(b, p)) {
        err_set(err, ERR_AGAIN,
                "no controller answers this node: another one may lead the partition");
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (p->log && p->log->offline) {
        err_set(err, ERR_IO, "the partition is offline: its disk failed");
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    if (p->damage == PARTITION_SHORT) {
        err_set(err, ERR_CORRUPT, "the replica has lost committed records");
        return KAFKA_KAFKA_STORAGE_ERROR;
    }
    if (acks == -1 && p->isr && isr_is_under_min(p->isr)) {
        err_set(err, ERR_AGAIN, "%d replicas are in sync, and min.insync.replicas is %d",
                (int)isr_size(p->isr), (int)p->isr->min_isr);
        return KAFKA_NOT_ENOUGH_REPLICAS;
    }
    return KAFKA_NONE;
}

enum kafka_error partition_append(struct broker *b, struct partition *p, uint8_t *records,
                                  const struct append_info *info, int16_t acks,
                                  struct append_result *ret_result, struct error *err)
{
    enum kafka_error code = check_append(b, p, acks, err);
    if (code) {
        return code;
    }
    struct producer_kept kept;
    code = check_producer(p, info, &kept, err);
    if (code == KAFKA_DUPLICATE_SEQUENCE_NUMBER) {
        b->metrics.produce_duplicates++;
        *ret_result = (struct append_result){ .base_offset = kept.last_offset - kept.offset_delta,
                                              .append_time_ms = -1,
                                              .end_offset = kept.last_offset + 1 };
        return KAFKA_NONE;
    }
    if (code) {
        return code;
    }
    enum err e = partition_need_log(b, p, err);
    if (e) {
        return append_failed(b, p, e, err);
    }
    int64_t now_ms = env_wall_ms(b->env);
    bool stamp_time = p->topic->config.message_timestamp_type == TIMESTAMP_LOG_APPEND_TIME;
    int64_t base = p->log->end_offset;
    append_info_stamp(records, info->bytes, base, p->leader_epoch, stamp_time ? now_ms : -1);
    e = log_append(p->log, slice_of(records, info->bytes), now_ms, err);
    if (e) {
        return append_failed(b, p, e, err);
    }
    *ret_result = (struct append_result){ .base_offset = base,
                                          .append_time_ms = stamp_time ? now_ms : -1,
                                          .end_offset = p->log->end_offset };
    bool fsync = b->config->durability == DURABILITY_FSYNC;
    flusher_add(&p->dir->flusher, p, fsync);
    partition_grew(b, p);
    if (!fsync) {
        partition_advance(b, p);
    }
    return KAFKA_NONE;
}

/* --- followers -------------------------------------------------------------------------------- */

enum kafka_error partition_fetched(struct broker *b, struct partition *p, struct isr_fetch *f)
{
    if (!p->isr) {
        return KAFKA_UNKNOWN_LEADER_EPOCH; /* the metadata that names the follower is to come */
    }
    uint64_t now_ns = env_mono_ns(b->env);
    f->leader_end_offset = partition_end_offset(p);
    enum kafka_error code = isr_fetched(p->isr, f, now_ns);
    if (code) {
        return code;
    }
    const struct isr_replica *r = isr_find(p->isr, f->replica);
    if (!r->in_isr) {
        partition_note_brokers(b, p);
        isr_keeper_look(b, p);
    }
    partition_advance(b, p);
    return KAFKA_NONE;
}
