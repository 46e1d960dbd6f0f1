/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - items in one growing body. Driven by sinks/delivery.c.
 *   (B1) items are in the order of the body and leave no gap in it.
 */
#include "connectors/sinks/batch.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <zlib.h>

struct batch *batch_new(struct delivery *owner)
{
    struct batch *b = mem_zalloc(sizeof(*b));
    list_init(&b->node);
    b->owner = owner;
    return b;
}

void batch_free(struct batch *b)
{
    curl_slist_free_all(b->headers);
    if (b->deflate) {
        deflateEnd(b->deflate);
        mem_free(b->deflate);
    }
    buf_deinit(&b->body);
    buf_deinit(&b->wire);
    mem_free(b->items);
    mem_free(b);
}

void batch_reset(struct batch *b)
{
    buf_reset(&b->body);
    buf_reset(&b->wire);
    b->count = 0;
    b->attempt = 0;
    b->parked = b->singly = b->use_wire = false;
    b->not_before_ns = 0;
    curl_slist_free_all(b->headers);
    b->headers = NULL;
}

void batch_add(struct batch *b, size_t start, struct ack ack)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->items = mem_rearray(b->items, b->cap, sizeof(*b->items));
    }
    assert(b->body.len - start <= UINT32_MAX && start <= UINT32_MAX);
    b->items[b->count++] = (struct batch_item){ .ack = ack,
                                                .start = (uint32_t)start,
                                                .len = (uint32_t)(b->body.len - start) };
}

void batch_copy_item(struct batch *b, const struct batch *from, size_t i)
{
    size_t start = b->body.len;
    buf_append_slice(&b->body, batch_item_bytes(from, i));
    batch_add(b, start, from->items[i].ack);
}

void batch_move_last(struct batch *from, struct batch *to)
{
    batch_copy_item(to, from, from->count - 1);
    from->count--;
    from->body.len = from->items[from->count].start;
}

bool batch_compress(struct batch *b)
{
    z_stream *z = b->deflate;
    if (!z) {
        z = mem_zalloc(sizeof(*z));
        if (deflateInit2(z, b->level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            mem_free(z);
            return false;
        }
        b->deflate = z;
    } else if (deflateReset(z) != Z_OK) {
        return false;
    }
    buf_reset(&b->wire);
    uLong bound = deflateBound(z, (uLong)b->body.len);
    z->next_out = buf_reserve(&b->wire, bound);
    z->avail_out = (uInt)bound;
    z->next_in = b->body.ptr;
    z->avail_in = (uInt)b->body.len;
    if (deflate(z, Z_FINISH) != Z_STREAM_END) {
        return false;
    }
    b->wire.len = bound - z->avail_out;
    return true;
}
