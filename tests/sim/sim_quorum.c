/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_quorum.c - see sim_quorum.h. Driven after every event on a node.
 *   (Q1) SingleLeader: an epoch has one leader at most.
 *   (Q2) MonotonicEpoch: a node's epoch never falls, not even over a restart.
 *   (Q3) MonotonicHighWatermark: nor does its high watermark, while it runs.
 *   (Q4) MajorityReachedHighWatermark: what a leader calls committed is on the disks of a majority.
 *   (Q5) ConsistentCommittedData: committed batches are the same everywhere, by their checksums.
 *   (Q6) Images at the same offset are the same.
 *   (Q7) A reassignment is over when all who stay are in the ISR, or when it is taken back: nobody
 *        has gone until then (KIP-455).
 */
#include "tests/sim/sim_quorum.h"

#include "broker/controller/image_write.h"
#include "broker/controller/reassign.h"
#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"

#include <assert.h>
#include <inttypes.h>

enum { IMAGE_BYTES = 1 << 20 };

void sim_quorum_init(struct sim_quorum *q, struct sim_world *w, uint32_t node_count)
{
    assert(node_count < SIM_QUORUM_NODES_MAX); /* one more may come */
    *q = (struct sim_quorum){ .world = w, .node_count = node_count };
    for (uint32_t i = 0; i < SIM_QUORUM_NODES_MAX; i++) {
        q->nodes[i].image_offset = -1;
    }
}

static void values_free(struct map *m)
{
    uint32_t cursor = 0;
    void *value;
    while ((value = map_next(m, &cursor, NULL))) {
        mem_free(value);
    }
    map_deinit(m);
}

void sim_quorum_deinit(struct sim_quorum *q)
{
    values_free(&q->leaders);
    values_free(&q->batches);
    values_free(&q->images);
    values_free(&q->assignments);
}

/* Notes the mark of a key, or returns the one that is there. */
static uint64_t note(struct map *m, uint64_t key, uint64_t mark, bool *ret_fresh)
{
    uint64_t *known = map_get(m, map_key_u64(&key));
    *ret_fresh = !known;
    if (!known) {
        known = mem_alloc(sizeof(*known));
        *known = mark;
        map_put(m, map_key_u64(&key), known);
    }
    return *known;
}

static void inspect_leader(struct sim_quorum *q, const struct sim_node *n)
{
    const struct raft *r = n->broker->quorum.raft;
    int32_t epoch = raft_epoch(r);
    if (raft_role(r) != RAFT_LEADER) {
        return;
    }
    bool fresh;
    uint64_t leader = note(&q->leaders, (uint64_t)(uint32_t)epoch, (uint64_t)n->id, &fresh);
    q->elections += fresh;
    if (fresh) {
        sim_trace(q->world, n->host, "leads the quorum in epoch %d", (int)epoch);
    }
    if (leader != (uint64_t)n->id) {
        sim_fail(q->world, "SingleLeader: nodes %" PRIu64 " and %d both lead in epoch %d", leader,
                 (int)n->id, (int)epoch);
    }
    int64_t committed = raft_high_watermark(r);
    uint32_t have = 0, voters = 0;
    struct raft_voter_set set = raft_voters(r);
    for (size_t i = 0; i < set.count; i++) {
        voters++;
        have += q->nodes[set.voters[i].id - 1].synced >= committed;
    }
    if (committed > q->committed && have * 2 <= voters) {
        sim_fail(q->world,
                 "MajorityReachedHighWatermark: %s calls %lld committed; %u of %u disks have it",
                 n->host->name, (long long)committed, have, voters);
    }
}

/* --- committed batches ------------------------------------------------------------------------ */

struct compare {
    struct sim_quorum *q;
    const struct sim_node *n;
};

static enum err compare_batch(void *ctx, const struct batch_view *b, struct error *err)
{
    const struct compare *c = ctx;
    uint64_t mark = (uint64_t)b->crc << 32 ^ (uint64_t)(uint32_t)b->leader_epoch << 16 ^
                    (uint64_t)(uint32_t)b->last_offset_delta;
    bool fresh;
    (void)err;
    if (note(&c->q->batches, (uint64_t)b->base_offset, mark, &fresh) != mark) {
        sim_fail(c->q->world,
                 "ConsistentCommittedData: %s has another committed batch at offset %lld (epoch "
                 "%d) than the others",
                 c->n->host->name, (long long)b->base_offset, (int)b->leader_epoch);
    }
    return ERR_OK;
}

static void inspect_committed(struct sim_quorum *q, struct sim_quorum_node *s, struct sim_node *n)
{
    struct compare c = { q, n };
    struct error err;
    int64_t from = raft_log_start_offset(n->broker->quorum.raft);
    int64_t to = raft_high_watermark(n->broker->quorum.raft);
    int64_t end = raft_log_end_offset(n->broker->quorum.raft);
    from = from > s->checked ? from : s->checked;
    to = to < end ? to : end;
    if (from < to && metadata_log_walk(n->broker, from, to, compare_batch, &c, &err) == ERR_OK) {
        s->checked = to;
    }
}

/* --- images ----------------------------------------------------------------------------------- */

/* Independent of the order of the records: an image that came by a snapshot has another one. */
static uint64_t image_digest(const struct image *img)
{
    struct image_write_cursor cursor = { 0 };
    struct metadata_records records = { 0 };
    uint64_t digest = 0;
    bool more;
    do {
        metadata_records_reset(&records);
        more = image_write(img, &cursor, IMAGE_BYTES, &records);
        for (uint32_t i = 0; i < records.count; i++) {
            uint64_t x = crc32c(metadata_records_at(&records, i));
            digest += (x ^ 0x9e3779b9u) * 0xbf58476d1ce4e5b9ull;
        }
    } while (more);
    metadata_records_deinit(&records);
    return digest;
}

/* --- reassignments ---------------------------------------------------------------------------- */

/* Who has a partition, as one of its epochs had it. Sets of nodes: bit 1 << id. */
struct assignment {
    int32_t partition_epoch;
    uint32_t before; /* the replicas without those that a reassignment under way adds */
};

static uint32_t set_of(const int32_t *ids, int32_t count)
{
    uint32_t set = 0;
    for (int32_t i = 0; i < count; i++) {
        set |= 1u << ids[i];
    }
    return set;
}

static struct assignment *assignment_of(struct sim_quorum *q, const struct uuid *topic,
                                        int32_t index)
{
    uint8_t key[sizeof(*topic) + sizeof(index)];
    memcpy(key, topic, sizeof(*topic));
    memcpy(key + sizeof(*topic), &index, sizeof(index));
    struct assignment *known = map_get(&q->assignments, slice_of(key, sizeof(key)));
    if (!known) {
        known = mem_alloc(sizeof(*known));
        *known = (struct assignment){ .partition_epoch = -1 };
        map_put(&q->assignments, slice_of(key, sizeof(key)), known);
    }
    return known;
}

/* (Q7) Where an image has gone on by one change of the partition: after two of them the ISR may
 * have shrunk again. */
static void inspect_assignment(struct sim_quorum *q, const struct sim_node *n,
                               const struct image_topic *t, int32_t index)
{
    const struct image_partition *p = &t->partitions[index];
    struct assignment *known = assignment_of(q, &t->id, index);
    if (p->partition_epoch <= known->partition_epoch) {
        return;
    }
    bool next = known->partition_epoch >= 0 && p->partition_epoch == known->partition_epoch + 1;
    uint32_t replicas = set_of(p->replicas, p->replica_count);
    uint32_t missing = replicas & ~set_of(p->isr, p->isr_count);
    bool under_way = reassign_is_under_way(p);
    if (next && under_way && (known->before & ~replicas)) {
        sim_fail(q->world, "KIP-455: %s: %s-%d: a replica goes before its reassignment is over",
                 n->host->name, t->name, (int)index);
    }
    if (next && !under_way && replicas != known->before && missing) {
        sim_fail(q->world,
                 "KIP-455: %s: %s-%d: a reassignment is over with %d of %d replicas in the ISR",
                 n->host->name, t->name, (int)index, (int)p->isr_count, (int)p->replica_count);
    }
    known->partition_epoch = p->partition_epoch;
    known->before = replicas & ~set_of(p->adding, p->adding_count);
}

static void inspect_assignments(struct sim_quorum *q, const struct sim_node *n)
{
    uint32_t cursor = 0;
    const struct map *topics = &n->broker->image.topics_by_id;
    for (const struct image_topic *t; (t = map_next(topics, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            inspect_assignment(q, n, t, i);
        }
    }
}

static void inspect_image(struct sim_quorum *q, struct sim_quorum_node *s, const struct sim_node *n)
{
    const struct image *img = &n->broker->image;
    if (img->end_offset == s->image_offset) {
        return;
    }
    s->image_offset = img->end_offset;
    bool fresh;
    uint64_t digest = image_digest(img);
    if (note(&q->images, (uint64_t)img->end_offset, digest, &fresh) != digest) {
        sim_fail(q->world, "%s has another image at offset %lld than others had", n->host->name,
                 (long long)img->end_offset);
    }
    inspect_assignments(q, n);
}

/* --- one node --------------------------------------------------------------------------------- */

void sim_quorum_inspect(struct sim_quorum *q, uint32_t at, struct sim_node *n)
{
    struct sim_quorum_node *s = &q->nodes[at];
    const struct raft *r = n->broker->quorum.raft;
    if (!r || !quorum_is_alive(n->broker)) {
        return;
    }
    int64_t high_watermark = raft_high_watermark(r);
    if (s->run != n->starts) {
        s->run = n->starts;
        s->epoch = n->disk.faults.lies ? 0 : s->epoch; /* no voter */
        s->high_watermark = -1;
        s->image_offset = -1;
        s->checked = 0;
    }
    if (raft_epoch(r) < s->epoch) {
        sim_fail(q->world, "MonotonicEpoch: %s was in epoch %d and is in %d", n->host->name,
                 (int)s->epoch, (int)raft_epoch(r));
    }
    if (high_watermark < s->high_watermark) {
        sim_fail(q->world, "MonotonicHighWatermark: %s was at %lld and is at %lld", n->host->name,
                 (long long)s->high_watermark, (long long)high_watermark);
    }
    if (n->broker->quorum.full) {
        return; /* what it has in mind is not on its disk, and told to nobody */
    }
    bool moved = high_watermark > s->high_watermark;
    s->epoch = raft_epoch(r);
    s->synced = raft_synced_offset(r);
    inspect_leader(q, n);
    s->high_watermark = high_watermark;
    if (moved) {
        inspect_committed(q, s, n);
        q->committed = high_watermark > q->committed ? high_watermark : q->committed;
    }
    inspect_image(q, s, n);
}
