/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_inspect.c - invariants that are seen from the inside only. Driven after every event, and at
 * the end.
 *   (I1) With durability fsync nothing that a leader has not synced is below its high watermark.
 *   (I2) A leader epoch has one leader, which has all that was ever committed.
 *   (I3) Every member of the in-sync set has everything below the high watermark, with durability
 *        fsync on its disk.
 *   (I4) A leader commits by the min.insync.replicas that all nodes with its metadata go by: the
 *        controller keeps eligible by it (KIP-966).
 *   (I5) At the end a log's cache of leader epochs tells what its batches say.
 */
#include "tests/sim/sim_cluster.h"

enum { READ_BYTES = 1 << 20, ANYWHERE_READS = 20 };

static struct partition *find_partition(const struct sim_node *n,
                                        const struct sim_ledger_partition *lp)
{
    struct topic *t = topic_find(&n->broker->topics, slice_str(lp->topic));
    return t ? topic_partition(t, lp->index) : NULL;
}

/* The partition in the newest image that a node has. */
static const struct image_partition *image_of(const struct sim_node *n,
                                              const struct sim_ledger_partition *lp)
{
    const struct image_topic *t = image_topic(&n->broker->image, slice_str(lp->topic));
    return t ? image_partition(t, lp->index) : NULL;
}

/* " 1 2 of 1 2 3": who is in sync. */
static const char *isr_text(const struct image_partition *ip, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (int32_t i = 0; i < ip->isr_count && n < size; i++) {
        n += (size_t)snprintf(text + n, size - n, " %d", (int)ip->isr[i]);
    }
    for (int32_t i = 0; i < ip->elr_count && n < size; i++) {
        n += (size_t)snprintf(text + n, size - n, "%s %d", i ? "" : ", eligible", (int)ip->elr[i]);
    }
    for (int32_t i = 0; i < ip->replica_count && n < size; i++) {
        n += (size_t)snprintf(text + n, size - n, "%s %d", i ? "" : " of", (int)ip->replicas[i]);
    }
    return text;
}

/* For who reads a trace: the metadata has changed. */
static void trace_metadata(const struct sim_node *n, struct sim_ledger_partition *lp)
{
    const struct image_partition *ip = image_of(n, lp);
    if (n->world->trace && ip && ip->partition_epoch > lp->partition_epoch) {
        char text[160];
        lp->partition_epoch = ip->partition_epoch;
        sim_trace(n->world, n->host, "metadata: %s-%d: leader %d in epoch %d, in sync%s", lp->topic,
                  (int)lp->index, (int)ip->leader, (int)ip->leader_epoch,
                  isr_text(ip, text, sizeof(text)));
    }
}

static const struct sim_node *node_of(const struct sim_cluster *c, int32_t id)
{
    return &c->nodes[id - 1];
}

/* Its disk lies or rots: what it has, it may lose, as long as it says so. */
static bool is_trusted(const struct sim_cluster *c, const struct sim_node *n)
{
    return (uint32_t)n->id != c->options.liar && (uint32_t)n->id != c->options.rotten;
}

/* Records are refused only where they are damaged, not what was made of them. */
static bool may_refuse(const struct sim_cluster *c, const struct sim_node *n)
{
    return !is_trusted(c, n) && (!c->options.rots || strcmp(c->options.rots, ".log") == 0);
}

/* A member that cannot be trusted has lost something: it knows, or the leader does not know yet
 * that it has begun another life, in which it has to join anew. */
static bool is_excused(const struct sim_cluster *c, const struct isr_replica *r,
                       const struct sim_node *member, const struct partition *leader_p,
                       const struct partition *p, const struct image_partition *ip)
{
    if (is_trusted(c, member)) {
        return false;
    }
    return (p && p->damage) || r->eligible_epoch != member->broker->broker_epoch ||
           (ip && ip->partition_epoch > leader_p->isr->partition_epoch &&
            !image_has_id(ip->isr, ip->isr_count, r->id));
}

/* What a member may tell its leader that it has: a power loss leaves that much. The leader may not
 * know yet that it began another life: what the earlier one told was on the disk, and has been read
 * from there. */
static int64_t safe_end(const struct sim_cluster *c, const struct isr_replica *r,
                        const struct sim_node *member, const struct partition *p)
{
    int64_t end = p ? partition_end_offset(p) : 0;
    bool synced = p && p->log && !c->options.page_cache &&
                  r->eligible_epoch == member->broker->broker_epoch;
    return synced && p->log->recovery_point < end ? p->log->recovery_point : end;
}

/* (I3) Also of a leader that has not heard of its successor yet: the next one is a member. Dead
 * nodes and those that are still reading their logs are looked at later. */
static void inspect_isr(const struct sim_cluster *c, const struct sim_node *n,
                        struct sim_ledger_partition *lp, const struct partition *p)
{
    for (int32_t i = 0; p->isr && i < p->isr->count; i++) {
        const struct isr_replica *r = &p->isr->replicas[i];
        const struct sim_node *member = node_of(c, r->id);
        if (!r->in_isr || !member->broker || !member->broker->logs_open) {
            continue;
        }
        const struct partition *mp = find_partition(member, lp);
        const struct image_partition *ip = image_of(member, lp);
        if (ip && ip->partition_epoch > p->partition_epoch &&
            !image_has_id(ip->replicas, ip->replica_count, r->id)) {
            continue; /* it was replaced by others that have everything, and knows it first */
        }
        if (is_excused(c, r, member, p, mp, ip)) {
            continue;
        }
        int64_t end = safe_end(c, r, member, mp);
        if (end < p->high_watermark) {
            sim_fail(n->world,
                     "G1 durable: %s: %s-%d: high watermark %lld (epoch %d), and %s, in sync, has "
                     "%lld only",
                     n->host->name, lp->topic, (int)lp->index, (long long)p->high_watermark,
                     (int)p->leader_epoch, member->host->name, (long long)end);
        }
    }
}

static int32_t min_isr_of(const struct sim_node *n, const struct sim_ledger_partition *lp)
{
    const struct image *img = &n->broker->image;
    const struct image_topic *t = image_topic(img, slice_str(lp->topic));
    const struct image_partition *ip = image_of(n, lp);
    const struct change_policy policy = controller_policy(n->broker);
    return ip ? change_min_isr(img, &policy, t, ip) : -1;
}

/* (I4) */
static void inspect_min_isr(const struct sim_cluster *c, const struct sim_node *n,
                            const struct sim_ledger_partition *lp, const struct partition *p)
{
    for (uint32_t i = 0; p->isr && i < c->node_count; i++) {
        const struct sim_node *m = &c->nodes[i];
        if (m->broker && image_elr_enabled(&m->broker->image) &&
            m->broker->image.end_offset == n->broker->image.end_offset &&
            min_isr_of(m, lp) != p->isr->min_isr) {
            sim_fail(n->world,
                     "G1 durable: %s commits %s-%d with min.insync.replicas %d, and it is %d to %s",
                     n->host->name, lp->topic, (int)lp->index, (int)p->isr->min_isr,
                     (int)min_isr_of(m, lp), m->host->name);
        }
    }
}

static void inspect_leader(struct sim_cluster *c, struct sim_node *n,
                           struct sim_ledger_partition *lp, const struct partition *p)
{
    struct sim_world *w = &c->world;
    if (p->leader_epoch > lp->leader_epoch) {
        lp->leader_epoch = p->leader_epoch;
        lp->leader = n->id;
        sim_trace(w, n->host, "leads %s-%d in epoch %d, from %lld on, high watermark %lld",
                  lp->topic, (int)lp->index, (int)p->leader_epoch,
                  (long long)partition_end_offset(p), (long long)p->high_watermark);
        if (partition_end_offset(p) < lp->committed) {
            sim_fail(w,
                     "G1 durable: %s leads %s-%d in epoch %d with %lld records of %lld committed",
                     n->host->name, lp->topic, (int)lp->index, (int)p->leader_epoch,
                     (long long)partition_end_offset(p), (long long)lp->committed);
        }
        if ((lp->started_by & 1u << n->id) && partition_start_offset(p) < lp->start_told) {
            sim_fail(w, "%s leads %s-%d in epoch %d from %lld on, and all below %lld is deleted",
                     n->host->name, lp->topic, (int)lp->index, (int)p->leader_epoch,
                     (long long)partition_start_offset(p), (long long)lp->start_told);
        }
    }
    if (p->leader_epoch == lp->leader_epoch && lp->leader != n->id) {
        sim_fail(w, "%s-%d: nodes %d and %d both lead in epoch %d", lp->topic, (int)lp->index,
                 (int)lp->leader, (int)n->id, (int)p->leader_epoch);
    }
    if (p->high_watermark <= lp->committed) {
        return;
    }
    if (!c->options.page_cache && p->log && p->high_watermark > p->log->recovery_point) {
        sim_fail(w, "G1 durable: %s: %s-%d: high watermark %lld, but only %lld is on the disk",
                 n->host->name, lp->topic, (int)lp->index, (long long)p->high_watermark,
                 (long long)p->log->recovery_point);
    }
    inspect_isr(c, n, lp, p);
    inspect_min_isr(c, n, lp, p);
    sim_trace(w, n->host, "high watermark of %s-%d: %lld (end %lld)", lp->topic, (int)lp->index,
              (long long)p->high_watermark, (long long)partition_end_offset(p));
    sim_ledger_high_watermark(lp, p->high_watermark);
}

void sim_inspect_node(struct sim_cluster *c, struct sim_node *n)
{
    struct sim_ledger *l = &c->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        struct sim_ledger_partition *lp = &l->partitions[i];
        const struct partition *p = find_partition(n, lp);
        trace_metadata(n, lp);
        if (p && p->high_watermark > partition_end_offset(p)) {
            sim_fail(&c->world, "G2 bounded: %s: %s-%d: high watermark %lld beyond the end %lld",
                     n->host->name, lp->topic, (int)lp->index, (long long)p->high_watermark,
                     (long long)partition_end_offset(p));
        }
        if (p && p->role == PARTITION_FOLLOWER && n->broker->state >= BROKER_DRAINING) {
            sim_fail(&c->world, "%s: %s-%d: it stops, and follows: its end is not written down",
                     n->host->name, lp->topic, (int)lp->index);
        }
        uint32_t bit = 1u << n->id;
        if (p && p->role == PARTITION_LEADER) {
            inspect_leader(c, n, lp, p);
            lp->led_by |= bit;
        } else if (p && (lp->led_by & bit)) {
            /* It led when the event began, and may have moved it in the same event. */
            sim_ledger_high_watermark(lp, p->high_watermark);
            lp->led_by &= ~bit;
        }
        if (p) {
            sim_ledger_log_start(l, lp, partition_start_offset(p), n->host->name);
        }
    }
}

static const char *role_name(const struct partition *p)
{
    return p->role == PARTITION_LEADER     ? "leads"
           : p->role == PARTITION_FOLLOWER ? "follows"
                                           : "rests";
}

static void print_partition(const struct sim_node *n, const struct sim_ledger_partition *lp,
                            FILE *out)
{
    const struct partition *p = find_partition(n, lp);
    const struct image_partition *ip = image_of(n, lp);
    fprintf(out, "    %s-%d: committed %lld", lp->topic, (int)lp->index, (long long)lp->committed);
    if (!p || !ip) {
        fprintf(out, ", not known here\n");
        return;
    }
    char text[160];
    fprintf(out, ", %s in epoch %d, high watermark %lld, end %lld%s; leader %d, in sync%s\n",
            role_name(p), (int)p->leader_epoch, (long long)p->high_watermark,
            (long long)partition_end_offset(p), p->log && p->log->offline ? ", OFFLINE" : "",
            (int)ip->leader, isr_text(ip, text, sizeof(text)));
    for (uint32_t i = 0; p->log && i < p->log->epochs.count; i++) {
        fprintf(out, "%s%d from %lld", i ? ", " : "      epochs ",
                (int)p->log->epochs.entries[i].epoch,
                (long long)p->log->epochs.entries[i].start_offset);
    }
    fputs(p->log && p->log->epochs.count ? "\n" : "", out);
}

void sim_inspect_print(const struct sim_cluster *c, FILE *out)
{
    const struct sim_ledger *l = &c->workload.ledger;
    fflush(NULL);
    for (uint32_t k = 0; k < c->node_count; k++) {
        const struct sim_node *n = &c->nodes[k];
        fprintf(out, "  %s is %s\n", n->host->name, n->broker ? "up" : "down");
        for (uint32_t i = 0; n->broker && i < l->partition_count; i++) {
            print_partition(n, &l->partitions[i], out);
        }
    }
}

/* Somebody was told that all below is deleted. */
void sim_inspect_deleted(struct sim_cluster *c, struct sim_ledger_partition *lp, int64_t offset)
{
    sim_ledger_deleted(lp, offset);
    lp->started_by = 0;
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct sim_node *n = &c->nodes[i];
        const struct partition *p = n->broker ? find_partition(n, lp) : NULL;
        if (p && p->log && p->log->start_offset >= lp->start_told) {
            lp->started_by |= 1u << n->id;
        }
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static void read_batch(struct sim_cluster *c, struct sim_ledger_partition *lp,
                       struct sim_reader *reader, const struct batch_view *batch, const char *who)
{
    struct batch_iter it;
    struct record rec;
    struct buf scratch = { 0 };
    if (batch_check_crc(batch) || batch_iter_init(&it, batch, &scratch, READ_BYTES * 4)) {
        sim_fail(&c->world, "G1 durable: %s: %s-%d: the batch at %lld is damaged", who, lp->topic,
                 (int)lp->index, (long long)batch->base_offset);
    }
    while (batch_iter_next(&it, &rec) == ERR_OK) {
        if (rec.offset >= reader->next) { /* the log may begin in the middle of a batch */
            sim_reader_read(reader, &c->workload.ledger, lp, rec.offset, rec.value, who);
        }
    }
    buf_deinit(&scratch);
}

/* (I5) */
static void check_epoch(struct sim_cluster *c, const struct sim_node *n,
                        const struct sim_ledger_partition *lp, const struct partition_log *log,
                        const struct batch_view *batch)
{
    int32_t epoch = leader_epochs_of(&log->epochs, batch->base_offset);
    if (epoch != batch->leader_epoch) {
        sim_inspect_print(c, stderr);
        sim_fail(&c->world, "%s: %s-%d: the batch at %lld is of epoch %d, and the cache says %d",
                 n->host->name, lp->topic, (int)lp->index, (long long)batch->base_offset,
                 (int)batch->leader_epoch, (int)epoch);
    }
}

/* A look-up by the greatest time of a batch finds its record, or one before it. */
static void find_by_time(struct sim_cluster *c, const struct sim_node *n,
                         const struct sim_ledger_partition *lp, struct partition_log *log,
                         const struct batch_view *batch)
{
    struct log_timestamp found;
    if (batch->base_offset < log->start_offset || may_refuse(c, n)) {
        return; /* it may be one of the deleted records, or the search meets damaged ones */
    }
    enum err e = log_find_timestamp(log, batch->max_timestamp_ms, lp->committed, &found);
    if (e || found.offset < log->start_offset || found.offset > batch_last_offset(batch)) {
        sim_fail(&c->world, "%s: %s-%d: the time of a record at %lld or before is found at %lld",
                 n->host->name, lp->topic, (int)lp->index, (long long)batch_last_offset(batch),
                 (long long)(e ? -1 : found.offset));
    }
}

/* A read at any offset begins with the batch that has it. */
static void read_anywhere(struct sim_cluster *c, const struct sim_node *n,
                          const struct sim_ledger_partition *lp, struct partition_log *log)
{
    struct buf bytes = { 0 };
    for (int i = 0; i < ANYWHERE_READS && log->start_offset < lp->committed; i++) {
        uint64_t span = (uint64_t)(lp->committed - log->start_offset);
        int64_t at = log->start_offset + (int64_t)sim_random(&c->world, span);
        struct batch_view batch;
        buf_reset(&bytes);
        enum err e = log_read_copy(log, at, READ_BYTES, lp->committed, &bytes);
        if (e == ERR_CORRUPT && may_refuse(c, n)) {
            continue;
        }
        if (e || batch_parse(buf_slice(&bytes), &batch) || batch.base_offset > at ||
            batch_last_offset(&batch) < at) {
            sim_fail(&c->world, "G1 durable: %s: %s-%d: a read at %lld gives another batch",
                     n->host->name, lp->topic, (int)lp->index, (long long)at);
        }
        find_by_time(c, n, lp, log, &batch);
    }
    buf_deinit(&bytes);
}

static void read_replica(struct sim_cluster *c, const struct sim_node *n,
                         struct sim_ledger_partition *lp)
{
    struct partition *p = find_partition(n, lp);
    int64_t start = p ? partition_start_offset(p) : 0;
    struct sim_reader reader = { .next = start, .whole = start == 0 };
    struct buf bytes = { 0 };
    enum err e = ERR_OK;
    while (p && p->log && reader.next < lp->committed) {
        buf_reset(&bytes);
        e = log_read_copy(p->log, reader.next, READ_BYTES, lp->committed, &bytes);
        struct slice left = buf_slice(&bytes);
        struct batch_view batch;
        if (e || left.len == 0) {
            break;
        }
        while (left.len && batch_parse(left, &batch) == ERR_OK) {
            if (batch.base_offset >= start) { /* the epochs below went with the records */
                check_epoch(c, n, lp, p->log, &batch);
            }
            read_batch(c, lp, &reader, &batch, n->host->name);
            left = slice_from(left, batch.bytes.len);
        }
    }
    /* What has rotted is refused, and read from the others. */
    bool refused = e == ERR_CORRUPT && may_refuse(c, n);
    if (reader.next < lp->committed && !refused) {
        sim_fail(&c->world, "G1 durable: %s: %s-%d: the replica ends at %lld, committed was %lld",
                 n->host->name, lp->topic, (int)lp->index, (long long)reader.next,
                 (long long)lp->committed);
    }
    sim_reader_deinit(&reader);
    buf_deinit(&bytes);
    if (p && p->log) {
        read_anywhere(c, n, lp, p->log);
    }
}

/* All topics, also those that come and go, have leaders and their replicas in sync. */
static bool topics_are_settled(const struct sim_cluster *c, char *ret_why, size_t why_size)
{
    for (uint32_t k = 0; k < c->node_count; k++) {
        uint32_t cursor = 0;
        const struct map *topics = &c->nodes[k].broker->image.topics_by_id;
        for (const struct image_topic *t; (t = map_next(topics, &cursor, NULL));) {
            for (int32_t i = 0; i < t->partition_count; i++) {
                const struct image_partition *ip = &t->partitions[i];
                if (ip->leader < 0 || ip->isr_count < ip->replica_count) {
                    snprintf(ret_why, why_size, "%s: %s-%d has not all its replicas in sync",
                             c->nodes[k].host->name, t->name, (int)i);
                    return false;
                }
            }
        }
    }
    return true;
}

bool sim_inspect_is_settled(const struct sim_cluster *c, char *ret_why, size_t why_size)
{
    const struct sim_ledger *l = &c->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        const struct sim_ledger_partition *lp = &l->partitions[i];
        for (uint32_t k = 0; k < c->node_count; k++) {
            const struct sim_node *n = &c->nodes[k];
            const struct image_partition *ip = image_of(n, lp);
            if (!ip && lp->committed == 0) {
                continue; /* it was never added: else sim_changes_are_done() misses it */
            }
            if (!ip || ip->leader < 0 || ip->isr_count < ip->replica_count) {
                snprintf(ret_why, why_size, "%s: %s-%d has not all its replicas in sync",
                         n->host->name, lp->topic, (int)lp->index);
                return false;
            }
            const struct partition *p = find_partition(n, lp);
            if (image_has_id(ip->replicas, ip->replica_count, n->id) &&
                (!p || partition_end_offset(p) < lp->committed)) {
                snprintf(ret_why, why_size, "%s: %s-%d ends before %lld", n->host->name, lp->topic,
                         (int)lp->index, (long long)lp->committed);
                return false;
            }
        }
    }
    if (!topics_are_settled(c, ret_why, why_size)) {
        return false;
    }
    for (uint32_t k = 0; k < c->node_count; k++) {
        if (!sim_changes_are_done(&c->changes, &c->nodes[k].broker->image, ret_why, why_size)) {
            return false;
        }
    }
    return true;
}

void sim_inspect_replicas(struct sim_cluster *c)
{
    struct sim_ledger *l = &c->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        const struct image_partition *ip = image_of(&c->nodes[0], &l->partitions[i]);
        for (int32_t k = 0; ip && k < ip->replica_count; k++) {
            read_replica(c, node_of(c, ip->replicas[k]), &l->partitions[i]);
        }
    }
    sim_ledger_check_complete(l);
}
