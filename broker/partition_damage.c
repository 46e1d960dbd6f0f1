/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_damage.c - a replica whose own log turned out to be damaged. Driven by reads that meet
 * the damage (api/fetch.c), by start-up (partition_log.c) and by the metadata (partition.c).
 *
 * The way back: the controller is told that this one replica's directory is LOST (KIP-858), so that
 * it takes the replica out of the ISR and elects another leader; then the log is cut at the damaged
 * segment, the replica is where it was before, and it fetches what is missing.
 *   (D1) Nothing is cut before the metadata say that the replica is out of the ISR and follows
 *        another: until then it may be the only one that has the rest.
 *   (D2) A damaged follower does not fetch: it cannot seem to have caught up before it is cut.
 *   (D3) What is damaged is given to nobody (api/fetch_check.c, storage/log_read.c).
 *   (D4) Nobody cuts his log by epochs that cannot be true: a leader that has met such ones in its
 *        own answers no follower (api/fetch_check.c).
 */
#include "broker/broker.h"
#include "broker/replica_session.h"

static void stop_fetching(struct partition *p)
{
    p->replica->follower.retry_ns = UINT64_MAX;
    replica_session_changed(&p->replica->fetcher->session, p->replica);
}

void partition_damaged(struct broker *b, struct partition *p, enum partition_damage damage,
                       int64_t offset)
{
    bool worse = p->damage == PARTITION_ROTTEN && damage == PARTITION_MISDATED;
    if (p->damage && !worse && (p->damage != damage || p->damaged_offset <= offset)) {
        return; /* it is known */
    }
    if (worse && p->damaged_offset < offset) {
        offset = p->damaged_offset;
    }
    bool known = p->damage != PARTITION_SOUND;
    p->damage = damage;
    p->damaged_offset = offset;
    if (!known) {
        b->metrics.damaged_partitions++;
        log_error(&b->log,
                  damage != PARTITION_SHORT
                      ? "records are damaged on this node's disk; they are given to nobody, and "
                        "fetched anew when another replica is in sync; look at the disk"
                      : "a log has lost committed records; it is fetched anew when another replica "
                        "is in sync; look at the disk",
                  KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
                  KV_INT("offset", offset), KV_STR("dir", p->log->home.dir));
    }
    if (p->replica) {
        stop_fetching(p);
    }
    dir_assigner_look(b, p);
}

void partition_check_epochs(struct broker *b, struct partition *p)
{
    int64_t from = leader_epochs_start_above(&p->log->epochs, p->leader_epoch);
    if (from < 0) {
        return;
    }
    leader_epochs_truncate_end(&p->log->epochs, from);
    if (from < p->log->end_offset) { /* else it is but the file that named one */
        partition_damaged(b, p, PARTITION_MISDATED, from);
    }
}

const struct uuid *partition_directory(const struct partition *p)
{
    bool others = p->role == PARTITION_FOLLOWER ||
                  (p->role == PARTITION_LEADER && p->isr && isr_size(p->isr) > 1);
    return p->damage && others ? &directory_lost : &p->dir->dir->meta.directory_id;
}

/* Whether nobody counts on this replica (D1). */
static bool may_cut(const struct broker *b, const struct partition *p,
                    const struct image_partition *ip)
{
    if (p->role != PARTITION_FOLLOWER || image_has_id(ip->isr, ip->isr_count, b->node_id)) {
        return false;
    }
    const struct uuid *told = image_directory_of(ip, b->node_id);
    return told && uuid_eq(told, &directory_lost);
}

/* The whole segment goes: what lies before the damage in it comes again. Recovery has cut a log
 * that is short where a batch did not fit to the one before; no checksum covers base offsets and
 * epochs, so that it may be the one before that rots. */
static enum err cut(struct broker *b, struct partition *p, struct error *err)
{
    int64_t last = p->log->end_offset - 1;
    int64_t offset = p->damaged_offset < last ? p->damaged_offset : last;
    if (offset < p->log->start_offset) {
        return ERR_OK;
    }
    uint32_t index = log_segment_index(p->log, offset);
    int64_t from = p->log->segments[index]->base_offset;
    p->start_wanted = 0;
    b->recovery_points_stale = true;
    return log_truncate_to(p->log, from, env_wall_ms(b->env), err);
}

void partition_repair(struct broker *b, struct partition *p, const struct image_partition *ip)
{
    struct error err;
    if (!p->damage) {
        return;
    }
    if (!may_cut(b, p, ip)) {
        dir_assigner_look(b, p);
        return;
    }
    if (cut(b, p, &err)) {
        log_error(&b->log, "a damaged log could not be cut", KV_STR("topic", p->topic->name),
                  KV_INT("partition", p->index), KV_STR("error", err.text));
        return; /* it is offline then, and its directory stays LOST */
    }
    int64_t end = partition_end_offset(p);
    follower_truncated(&p->replica->follower, end);
    p->high_watermark = p->high_watermark < end ? p->high_watermark : end;
    b->high_watermarks_moved = true; /* downwards: or else it is short again after a restart */
    log_warn(&b->log, "cut the damaged part off a log; the leader has what is missing",
             KV_STR("topic", p->topic->name), KV_INT("partition", p->index),
             KV_INT("end_offset", end), KV_INT("leader", p->leader));
    p->damage = PARTITION_SOUND;
    p->replica->follower.retry_ns = 0;
    replica_session_changed(&p->replica->fetcher->session, p->replica);
    replica_fetcher_synced(b, p);
    replica_fetcher_kick(p);
    dir_assigner_look(b, p);
}
