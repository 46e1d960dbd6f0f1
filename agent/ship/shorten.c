/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shorten.c - see shorten.h. Driven by output_kafka.c, once or a few times for each refused record.
 *
 * Invariants:
 * I1. Every call gives less text than it was given, so that trying again ends.
 */
#include "agent/ship/shorten.h"

#include "agent/process/event.h"

enum { TREE_BYTES_MAX = 256 << 20 };

static struct slice first_half(struct slice text)
{
    size_t keep = text.len / 2;
    while (keep > 0 && (text.ptr[keep] & 0xc0) == 0x80) {
        keep--;
    }
    return slice_head(text, keep);
}

bool shorten_value(struct slice value, bool is_json, struct buf *out)
{
    if (!is_json) {
        buf_append_slice(out, first_half(value));
        return value.len > 0;
    }
    struct arena arena;
    struct event ev = { .arena = &arena };
    arena_init(&arena, TREE_BYTES_MAX);
    bool cut = false;
    if (json_parse(value, &arena, &ev.root, NULL) == ERR_OK) {
        struct json_value *message = json_get(ev.root, slice_str("message"));
        if (message && message->kind == JSON_STRING && message->text.len > 0) {
            struct json_writer w;
            message->text = first_half(message->text);
            event_add_to_list(&ev, "log.flags", slice_str("truncated"));
            json_init(&w, out);
            json_write(&w, ev.root);
            cut = true;
        }
    }
    arena_deinit(&arena);
    return cut;
}
