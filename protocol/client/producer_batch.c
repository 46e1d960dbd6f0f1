/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_batch.c - records and their sources. Driven by producer.c and producer_send.c.
 *   (B1) The records of all spans together are the records of the builder, in order.
 *   (B2) A span's position is that of its last record.
 */
#include "protocol/client/producer_batch.h"

#include "protocol/base/alloc.h"

struct producer_batch *producer_batch_new(void)
{
    struct producer_batch *b = mem_zalloc(sizeof(*b));
    list_init(&b->node);
    return b;
}

void producer_batch_free(struct producer_batch *b)
{
    list_remove(&b->node);
    batch_builder_deinit(&b->builder);
    buf_deinit(&b->compressed);
    mem_free(b->positions);
    mem_free(b->spans);
    mem_free(b);
}

void producer_batch_reset(struct producer_batch *b)
{
    batch_builder_reset(&b->builder);
    buf_reset(&b->compressed);
    b->partition = NULL;
    b->state = BATCH_OPEN;
    b->bytes = slice_null();
    b->base_sequence = -1;
    b->base_offset = -1;
    b->error = 0;
    b->span_count = 0;
}

size_t producer_batch_memory(const struct producer_batch *b)
{
    return sizeof(*b) + b->builder.buf.cap + b->compressed.cap +
           b->position_cap * sizeof(uint64_t) + b->span_cap * sizeof(*b->spans);
}

static uint32_t grown(uint32_t cap)
{
    return cap ? cap * 2 : 16;
}

void producer_batch_append(struct producer_batch *b, const struct record *rec, void *source,
                           uint64_t position)
{
    uint32_t at = (uint32_t)b->builder.record_count;
    if (at == b->position_cap) {
        b->position_cap = grown(b->position_cap);
        b->positions = mem_rearray(b->positions, b->position_cap, sizeof(*b->positions));
    }
    b->positions[at] = position;
    if (b->span_count == 0 || b->spans[b->span_count - 1].source != source) {
        if (b->span_count == b->span_cap) {
            b->span_cap = grown(b->span_cap);
            b->spans = mem_rearray(b->spans, b->span_cap, sizeof(*b->spans));
        }
        b->spans[b->span_count++] = (struct producer_span){ .source = source };
    }
    struct producer_span *span = &b->spans[b->span_count - 1];
    span->position = position;
    span->records++;
    batch_builder_append(&b->builder, rec);
}

enum err producer_batch_split(const struct producer_batch *b, struct producer_batch *first,
                              struct producer_batch *second)
{
    struct batch_view view;
    struct batch_iter it;
    struct buf scratch = { 0 };
    enum err err = batch_parse(b->bytes, &view);
    if (!err) {
        err = batch_iter_init(&it, &view, &scratch, SIZE_MAX / 2);
    }
    uint32_t half = (uint32_t)b->builder.record_count / 2, span = 0, in_span = 0;
    for (uint32_t i = 0; !err && i < (uint32_t)b->builder.record_count; i++) {
        struct record rec;
        err = batch_iter_next(&it, &rec);
        if (!err) {
            producer_batch_append(i < half ? first : second, &rec, b->spans[span].source,
                                  b->positions[i]);
        }
        if (++in_span == b->spans[span].records) {
            span++;
            in_span = 0;
        }
    }
    buf_deinit(&scratch);
    return err;
}
