/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - the body of one request, item by item, so that a part of it can be sent again.
 * The body is built once, uncompressed; items are ranges of it.
 */
#ifndef LOGBOOM_CONNECTORS_SINKS_BATCH_H
#define LOGBOOM_CONNECTORS_SINKS_BATCH_H

#include "connectors/sinks/http_client.h"
#include "connectors/sinks/sink.h"

#include "protocol/base/list.h"

struct delivery;

enum fate {
    FATE_NONE,
    FATE_DONE,
    FATE_DUPLICATE, /* was there already: done, and counted */
    FATE_RETRY,
    FATE_PARK, /* again, but only after the probe interval: its index is closed to us */
    FATE_DEAD,
};

struct batch_item {
    struct ack ack;
    uint32_t start, len; /* in the body */
    uint8_t fate;
};

struct batch {
    struct list_node node;
    struct delivery *owner;
    struct buf body;
    struct batch_item *items;
    size_t count, cap;
    uint32_t attempt; /* how often it was sent */
    bool parked;
    bool singly;            /* looking for a culprit: may not grow */
    uint64_t not_before_ns; /* when it may be sent */
    unsigned host;
    struct buf wire; /* the compressed body */
    bool use_wire;
    struct curl_slist *headers; /* of this request alone; freed with the next reset */
    void *deflate;              /* z_stream, kept for the next batch */
    int level;
    struct work work;
    struct http_call call;
};

struct batch *batch_new(struct delivery *owner);
void batch_free(struct batch *b);
/* Empties, keeps the memory. */
void batch_reset(struct batch *b);
/* The bytes from start to the body's end become an item. */
void batch_add(struct batch *b, size_t start, struct ack ack);
/* Copies an item of another batch behind the others. */
void batch_copy_item(struct batch *b, const struct batch *from, size_t i);
/* Takes the last item off and puts it into another batch. */
void batch_move_last(struct batch *from, struct batch *to);

static inline struct slice batch_item_bytes(const struct batch *b, size_t i)
{
    return slice_of(b->body.ptr + b->items[i].start, b->items[i].len);
}

/* Compresses body into wire (gzip); any thread. False when zlib fails: send it plain then. */
bool batch_compress(struct batch *b);

#endif
