/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_inspect.c - invariants that are seen from the inside only. Driven after every event, and at
 * the end.
 *   (I1) With durability fsync nothing above the recovery point is below the high watermark.
 */
#include "tests/sim/sim_cluster.h"

enum { READ_BYTES = 1 << 20 };

static struct partition *find_partition(const struct sim_node *n,
                                        const struct sim_ledger_partition *lp)
{
    struct topic *t = topic_find(&n->broker->topics, slice_str(lp->topic));
    return t ? topic_partition(t, lp->index) : NULL;
}

static void inspect_partition(struct sim_cluster *c, struct sim_node *n,
                              struct sim_ledger_partition *lp, const struct partition *p)
{
    struct sim_world *w = &c->world;
    int64_t end = partition_end_offset(p);
    if (p->high_watermark > end) {
        sim_fail(w, "G2 bounded: %s: %s-%d: high watermark %lld beyond the end %lld", n->host->name,
                 lp->topic, (int)lp->index, (long long)p->high_watermark, (long long)end);
    }
    if (!c->options.page_cache && p->log && p->high_watermark > p->log->recovery_point) {
        sim_fail(w, "G1 durable: %s: %s-%d: high watermark %lld, but only %lld is on the disk",
                 n->host->name, lp->topic, (int)lp->index, (long long)p->high_watermark,
                 (long long)p->log->recovery_point);
    }
    sim_ledger_high_watermark(lp, p->high_watermark);
}

void sim_inspect_node(struct sim_cluster *c, struct sim_node *n)
{
    struct sim_ledger *l = &c->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        const struct partition *p = find_partition(n, &l->partitions[i]);
        if (p) {
            inspect_partition(c, n, &l->partitions[i], p);
        }
    }
}

void sim_inspect_print(const struct sim_cluster *c, FILE *out)
{
    const struct sim_ledger *l = &c->workload.ledger;
    fflush(NULL);
    for (uint32_t k = 0; k < c->node_count; k++) {
        const struct sim_node *n = &c->nodes[k];
        fprintf(out, "  %s is %s\n", n->host->name, n->broker ? "up" : "down");
        for (uint32_t i = 0; n->broker && i < l->partition_count; i++) {
            const struct sim_ledger_partition *lp = &l->partitions[i];
            const struct partition *p = find_partition(n, lp);
            fprintf(out, "    %s-%d: committed %lld", lp->topic, (int)lp->index,
                    (long long)lp->committed);
            if (p) {
                fprintf(out, ", high watermark %lld, end %lld, epoch %d%s",
                        (long long)p->high_watermark, (long long)partition_end_offset(p),
                        (int)p->leader_epoch, p->log && p->log->offline ? ", OFFLINE" : "");
            } else {
                fprintf(out, ", not known here");
            }
            fputc('\n', out);
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
        sim_reader_read(reader, &c->workload.ledger, lp, rec.offset, rec.value, who);
    }
    buf_deinit(&scratch);
}

static void read_replica(struct sim_cluster *c, const struct sim_node *n,
                         struct sim_ledger_partition *lp)
{
    struct partition *p = find_partition(n, lp);
    struct sim_reader reader = { .whole = true };
    struct buf bytes = { 0 };
    while (p && p->log && reader.next < lp->committed) {
        buf_reset(&bytes);
        enum err e = log_read_copy(p->log, reader.next, READ_BYTES, lp->committed, &bytes);
        struct slice left = buf_slice(&bytes);
        struct batch_view batch;
        if (e || left.len == 0) {
            break;
        }
        while (left.len && batch_parse(left, &batch) == ERR_OK) {
            read_batch(c, lp, &reader, &batch, n->host->name);
            left = slice_from(left, batch.bytes.len);
        }
    }
    if (reader.next < lp->committed) {
        sim_fail(&c->world, "G1 durable: %s: %s-%d: the replica ends at %lld, committed was %lld",
                 n->host->name, lp->topic, (int)lp->index, (long long)reader.next,
                 (long long)lp->committed);
    }
    sim_reader_deinit(&reader);
    buf_deinit(&bytes);
}

void sim_inspect_replicas(struct sim_cluster *c)
{
    struct sim_ledger *l = &c->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        for (uint32_t k = 0; k < c->node_count; k++) {
            read_replica(c, &c->nodes[k], &l->partitions[i]);
        }
    }
    sim_ledger_check_complete(l);
}
