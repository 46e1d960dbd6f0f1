/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_ledger.c - see sim_ledger.h. Driven by the workload (sim_workload.c) and by the last check.
 *   (J1) entries[o] and sources[s].offsets[n] are each other's inverse.
 *   (J2) Offsets of one source grow with its numbers.
 */
#include "tests/sim/sim_ledger.h"

#include "protocol/base/alloc.h"

#include <inttypes.h>

void sim_ledger_init(struct sim_ledger *l, struct sim_world *w, uint32_t value_bytes_max)
{
    *l = (struct sim_ledger){ .world = w, .value_bytes_max = value_bytes_max };
}

void sim_ledger_deinit(struct sim_ledger *l)
{
    for (uint32_t i = 0; i < l->partition_count; i++) {
        struct sim_ledger_partition *p = &l->partitions[i];
        for (uint32_t s = 0; s < p->source_count; s++) {
            mem_free(p->sources[s].offsets);
        }
        mem_free(p->sources);
        mem_free(p->entries);
    }
    mem_free(l->partitions);
}

uint32_t sim_ledger_add(struct sim_ledger *l, const char *topic, int32_t index)
{
    l->partitions = mem_rearray(l->partitions, l->partition_count + 1u, sizeof(*l->partitions));
    struct sim_ledger_partition *p = &l->partitions[l->partition_count];
    *p = (struct sim_ledger_partition){ .index = index, .leader_epoch = -1, .partition_epoch = -1 };
    snprintf(p->topic, sizeof(p->topic), "%s", topic);
    return l->partition_count++;
}

struct sim_ledger_partition *sim_ledger_find(struct sim_ledger *l, struct slice topic,
                                             int32_t index)
{
    for (uint32_t i = 0; i < l->partition_count; i++) {
        struct sim_ledger_partition *p = &l->partitions[i];
        if (p->index == index && slice_eq_str(topic, p->topic)) {
            return p;
        }
    }
    return NULL;
}

static struct sim_ledger_source *source_of(struct sim_ledger_partition *p, uint32_t producer)
{
    if (producer >= p->source_count) {
        p->sources = mem_rearray(p->sources, producer + 1u, sizeof(*p->sources));
        memset(p->sources + p->source_count, 0,
               (producer + 1u - p->source_count) * sizeof(*p->sources));
        p->source_count = producer + 1;
    }
    return &p->sources[producer];
}

/* --- values ----------------------------------------------------------------------------------- */

/* "p3 17 ", then a filler whose length and letters follow from the numbers. */
static void make_value(const struct sim_ledger *l, const struct sim_ledger_partition *p,
                       uint32_t producer, uint32_t number, struct buf *out)
{
    uint64_t x = ((uint64_t)producer << 40) ^ ((uint64_t)(uint32_t)p->index << 32) ^ number;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    buf_reset(out);
    buf_printf(out, "p%" PRIu32 " %" PRIu32 " ", producer, number);
    size_t filler = (size_t)(x % l->value_bytes_max);
    memset(buf_reserve(out, filler), 'a' + (int)(x % 26), filler);
    out->len += filler;
}

static bool parse_value(struct slice value, uint32_t *ret_producer, uint32_t *ret_number)
{
    char head[32];
    size_t n = value.len < sizeof(head) - 1 ? value.len : sizeof(head) - 1;
    memcpy(head, value.ptr, n);
    head[n] = '\0';
    return sscanf(head, "p%" SCNu32 " %" SCNu32 " ", ret_producer, ret_number) == 2;
}

void sim_ledger_next(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer,
                     struct buf *out)
{
    make_value(l, p, producer, source_of(p, producer)->sent, out);
}

void sim_ledger_sent(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer)
{
    source_of(p, producer)->sent++;
    l->sent++;
}

/* --- places ----------------------------------------------------------------------------------- */

static void grow_entries(struct sim_ledger_partition *p, size_t count)
{
    if (count > p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 256;
        cap = cap > count ? cap : count;
        p->entries = mem_rearray(p->entries, cap, sizeof(*p->entries));
        p->cap = cap;
    }
    for (; p->count < count; p->count++) {
        p->entries[p->count] = (struct sim_entry){ .source = -1 };
    }
}

static int64_t *offset_slot(struct sim_ledger_source *s, uint32_t number)
{
    if (number >= s->offset_cap) {
        size_t cap = s->offset_cap ? s->offset_cap * 2 : 64;
        cap = cap > number ? cap : number + 1u;
        s->offsets = mem_rearray(s->offsets, cap, sizeof(*s->offsets));
        for (size_t i = s->offset_cap; i < cap; i++) {
            s->offsets[i] = -1;
        }
        s->offset_cap = cap;
    }
    return &s->offsets[number];
}

static int64_t known_offset(const struct sim_ledger_source *s, uint32_t number)
{
    return number < s->offset_cap ? s->offsets[number] : -1;
}

/* The value is at this offset for ever. */
static void place(struct sim_ledger *l, struct sim_ledger_partition *p, int64_t offset,
                  uint32_t producer, uint32_t number, const char *who)
{
    struct sim_world *w = l->world;
    struct sim_ledger_source *s = source_of(p, producer);
    if (offset < 0 || offset > 1 << 28) {
        sim_fail(w, "%s-%d: %s: offset %lld makes no sense", p->topic, (int)p->index, who,
                 (long long)offset);
    }
    grow_entries(p, (size_t)offset + 1);
    struct sim_entry *e = &p->entries[offset];
    if (e->source >= 0 && (e->source != (int32_t)producer || e->number != number)) {
        sim_fail(w, "G1 durable: %s-%d: offset %lld held p%d %u, and now %s finds p%u %u there",
                 p->topic, (int)p->index, (long long)offset, (int)e->source, e->number, who,
                 producer, number);
    }
    int64_t *slot = offset_slot(s, number);
    if (*slot >= 0 && *slot != offset) {
        sim_fail(w, "G3 ordered: %s-%d: p%u %u is at offset %lld and, as %s finds, at %lld",
                 p->topic, (int)p->index, producer, number, (long long)*slot, who,
                 (long long)offset);
    }
    *slot = offset;
    *e = (struct sim_entry){ .source = (int32_t)producer, .number = number };
    int64_t before = number ? known_offset(s, number - 1) : -1;
    int64_t after = known_offset(s, number + 1);
    if (before > offset || (after >= 0 && after < offset)) {
        sim_fail(w, "G3 ordered: %s-%d: p%u %u at offset %lld is out of order (%s)", p->topic,
                 (int)p->index, producer, number, (long long)offset, who);
    }
}

void sim_ledger_acked(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer,
                      int64_t base_offset, uint32_t records)
{
    struct sim_ledger_source *s = source_of(p, producer);
    if (s->acked + records > s->sent) {
        sim_fail(l->world, "%s-%d: p%u: more was acknowledged than sent", p->topic, (int)p->index,
                 producer);
    }
    for (uint32_t i = 0; base_offset >= 0 && i < records; i++) {
        place(l, p, base_offset + i, producer, s->acked + i, "an acknowledgement");
    }
    s = source_of(p, producer);
    s->acked += records;
    l->acked += records;
}

void sim_ledger_read(struct sim_ledger *l, struct sim_ledger_partition *p, int64_t offset,
                     struct slice value, const char *who)
{
    uint32_t producer, number;
    if (!parse_value(value, &producer, &number)) {
        sim_fail(l->world, "G1 durable: %s-%d: %s reads bytes at offset %lld that nobody sent",
                 p->topic, (int)p->index, who, (long long)offset);
    }
    struct buf expected = { 0 };
    make_value(l, p, producer, number, &expected);
    bool same = slice_eq(buf_slice(&expected), value);
    buf_deinit(&expected);
    const struct sim_ledger_source *s = source_of(p, producer);
    if (!same || number >= s->sent) {
        sim_fail(l->world, "G1 durable: %s-%d: %s reads a changed p%u %u at offset %lld", p->topic,
                 (int)p->index, who, producer, number, (long long)offset);
    }
    if (offset >= p->committed) {
        sim_fail(l->world,
                 "G2 bounded: %s-%d: %s reads offset %lld, and no high watermark was above %lld",
                 p->topic, (int)p->index, who, (long long)offset, (long long)p->committed);
    }
    place(l, p, offset, producer, number, who);
    l->read++;
}

void sim_ledger_high_watermark(struct sim_ledger_partition *p, int64_t offset)
{
    if (offset > p->committed) {
        p->committed = offset;
    }
}

void sim_ledger_delete(struct sim_ledger_partition *p, int64_t offset)
{
    p->start_asked = offset > p->start_asked ? offset : p->start_asked;
}

void sim_ledger_deleted(struct sim_ledger_partition *p, int64_t offset)
{
    p->start_told = offset > p->start_told ? offset : p->start_told;
}

void sim_ledger_log_start(struct sim_ledger *l, struct sim_ledger_partition *p, int64_t offset,
                          const char *who)
{
    if (offset <= p->start) {
        return;
    }
    if (offset > p->committed) {
        sim_fail(l->world, "G1 durable: %s: %s-%d: the log begins at %lld, only %lld is committed",
                 who, p->topic, (int)p->index, (long long)offset, (long long)p->committed);
    }
    if (!p->ages && offset > p->start_asked) {
        sim_fail(l->world,
                 "G1 durable: %s: %s-%d: the log begins at %lld, and nobody asked to delete "
                 "anything above %lld",
                 who, p->topic, (int)p->index, (long long)offset, (long long)p->start_asked);
    }
    sim_trace(l->world, NULL, "%s: %s-%d begins at %lld", who, p->topic, (int)p->index,
              (long long)offset);
    p->start = offset;
}

/* --- readers ---------------------------------------------------------------------------------- */

static void forget_numbers(struct sim_reader *r)
{
    r->whole = false;
    if (r->count) {
        memset(r->numbers, 0xff, r->count * sizeof(*r->numbers));
    }
}

void sim_reader_read(struct sim_reader *r, struct sim_ledger *l, struct sim_ledger_partition *p,
                     int64_t offset, struct slice value, const char *who)
{
    if (offset > r->next && offset <= p->start) {
        forget_numbers(r); /* what lay between was deleted */
        r->next = offset;
    }
    if (offset != r->next) {
        sim_fail(l->world, "G2 bounded: %s-%d: %s reads offset %lld where %lld should come",
                 p->topic, (int)p->index, who, (long long)offset, (long long)r->next);
    }
    sim_ledger_read(l, p, offset, value, who);
    const struct sim_entry *e = &p->entries[offset];
    uint32_t source = (uint32_t)e->source;
    if (source >= r->count) {
        r->numbers = mem_rearray(r->numbers, source + 1u, sizeof(*r->numbers));
        memset(r->numbers + r->count, r->whole ? 0 : 0xff,
               (source + 1u - r->count) * sizeof(*r->numbers));
        r->count = source + 1;
    }
    if (r->numbers[source] != UINT32_MAX && e->number != r->numbers[source]) {
        sim_fail(l->world, "G3 ordered: %s-%d: %s reads p%u %u at offset %lld; p%u %u is missing",
                 p->topic, (int)p->index, who, source, e->number, (long long)offset, source,
                 r->numbers[source]);
    }
    r->numbers[source] = e->number + 1;
    r->next = offset + 1;
}

void sim_reader_deinit(struct sim_reader *r)
{
    mem_free(r->numbers);
    *r = (struct sim_reader){ 0 };
}

/* A value whose place is not known may be a deleted one as long as none of those before it lies
 * where nothing was deleted. */
static void check_source(struct sim_ledger *l, const struct sim_ledger_partition *p,
                         uint32_t producer)
{
    const struct sim_ledger_source *s = &p->sources[producer];
    bool deleted = p->start > 0;
    for (uint32_t number = 0; number < s->acked; number++) {
        int64_t offset = known_offset(s, number);
        deleted = deleted && offset < p->start;
        if (offset < 0 && !deleted) {
            sim_fail(l->world, "G1 durable: %s-%d: p%u %u was acknowledged and is lost", p->topic,
                     (int)p->index, producer, number);
        }
    }
}

void sim_ledger_check_complete(struct sim_ledger *l)
{
    for (uint32_t i = 0; i < l->partition_count; i++) {
        for (uint32_t producer = 0; producer < l->partitions[i].source_count; producer++) {
            check_source(l, &l->partitions[i], producer);
        }
    }
}
