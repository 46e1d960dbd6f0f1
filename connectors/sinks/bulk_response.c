/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk_response.c - walks {"errors": bool, "items": [{"create": {"status": n, "error": {...}}},
 * ...]} by yajl's callbacks, without a tree. Driven by sinks/elasticsearch.c.
 *   (A1) results[i] is written for i < expected only.
 *   (A2) depth: 1 the answer, 2 items, 3 one item, 4 its action, 5 its error.
 */
#include "connectors/sinks/bulk_response.h"

#include <yajl/yajl_parse.h>

enum { REASON_BYTES_MAX = 400, ANSWER_DEPTH_MAX = 64 };

enum member {
    MEMBER_OTHER,
    MEMBER_ERRORS,
    MEMBER_ITEMS,
    MEMBER_STATUS,
    MEMBER_ERROR,
    MEMBER_TYPE,
    MEMBER_REASON
};

struct walk {
    struct arena *arena;
    struct bulk_result *results;
    size_t expected, count;
    unsigned depth;
    enum member member; /* of the key just read, at this depth */
    bool in_items, in_error;
    bool saw_errors, errors, saw_items, root_is_map;
};

static int on_scalar(struct walk *w)
{
    w->member = MEMBER_OTHER;
    return w->depth > 0;
}

static int on_null(void *ctx)
{
    return on_scalar(ctx);
}

static int on_boolean(void *ctx, int value)
{
    struct walk *w = ctx;
    if (w->depth == 1 && w->member == MEMBER_ERRORS) {
        w->saw_errors = true;
        w->errors = value != 0;
    }
    return on_scalar(w);
}

static int on_number(void *ctx, const char *text, size_t len)
{
    struct walk *w = ctx;
    if (w->in_items && w->depth == 4 && w->member == MEMBER_STATUS) {
        unsigned status = 0;
        if (len != 3) {
            return 0;
        }
        for (size_t i = 0; i < len; i++) {
            if (text[i] < '0' || text[i] > '9') {
                return 0;
            }
            status = status * 10 + (unsigned)(text[i] - '0');
        }
        w->results[w->count].status = status;
    }
    return on_scalar(w);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct walk *w = ctx;
    if (w->in_error && w->depth == 5 && (w->member == MEMBER_TYPE || w->member == MEMBER_REASON)) {
        size_t kept = len < REASON_BYTES_MAX ? len : REASON_BYTES_MAX;
        struct slice copy =
            arena_copy(w->arena, slice_of(text, kept)); /* null at the cap: no text */
        struct bulk_result *r = &w->results[w->count];
        *(w->member == MEMBER_TYPE ? &r->error_type : &r->error_reason) = copy;
    }
    return on_scalar(w);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    static const struct {
        const char *key;
        unsigned depth;
        enum member member;
    } known[] = {
        { "errors", 1, MEMBER_ERRORS }, { "items", 1, MEMBER_ITEMS },
        { "status", 4, MEMBER_STATUS }, { "error", 4, MEMBER_ERROR },
        { "type", 5, MEMBER_TYPE },     { "reason", 5, MEMBER_REASON },
    };
    struct walk *w = ctx;
    struct slice key = slice_of(text, len);
    w->member = MEMBER_OTHER;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (w->depth == known[i].depth && slice_eq_str(key, known[i].key)) {
            w->member = known[i].member;
        }
    }
    return 1;
}

static int on_open(struct walk *w, bool map)
{
    if (w->depth == 0) {
        w->root_is_map = map;
    }
    if (w->depth == 1 && w->member == MEMBER_ITEMS && !map) {
        w->in_items = w->saw_items = true;
    }
    if (w->in_items && w->depth == 2) {
        if (!map || w->count == w->expected) {
            return 0; /* more results than items were sent */
        }
        w->results[w->count] = (struct bulk_result){ 0 };
    }
    w->in_error = w->in_error || (w->in_items && w->depth == 4 && w->member == MEMBER_ERROR && map);
    w->member = MEMBER_OTHER;
    return ++w->depth <= ANSWER_DEPTH_MAX;
}

static int on_close(struct walk *w)
{
    w->depth--;
    w->member = MEMBER_OTHER;
    if (w->depth == 4) {
        w->in_error = false;
    }
    if (w->in_items && w->depth == 2) {
        if (w->results[w->count].status == 0) {
            return 0;
        }
        w->count++;
    }
    if (w->depth == 1) {
        w->in_items = false;
    }
    return 1;
}

static int on_map_open(void *ctx)
{
    return on_open(ctx, true);
}

static int on_array_open(void *ctx)
{
    return on_open(ctx, false);
}

static int on_any_close(void *ctx)
{
    return on_close(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_open,
    .yajl_map_key = on_key,
    .yajl_end_map = on_any_close,
    .yajl_start_array = on_array_open,
    .yajl_end_array = on_any_close,
};

enum err bulk_response_parse(struct slice body, size_t expected, struct arena *arena,
                             struct bulk_result *results)
{
    struct walk w = { .arena = arena, .results = results, .expected = expected };
    yajl_handle h = yajl_alloc(&callbacks, NULL, &w);
    if (!h) {
        return ERR_LIMIT;
    }
    yajl_status status = yajl_parse(h, body.ptr, body.len);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(h);
    }
    yajl_free(h);
    if (status != yajl_status_ok || !w.root_is_map || !w.saw_errors || !w.saw_items) {
        return ERR_MALFORMED;
    }
    if (w.count == 0 && !w.errors) {
        for (size_t i = 0; i < expected; i++) {
            results[i] = (struct bulk_result){ .status = 200 };
        }
        return ERR_OK;
    }
    return w.count == expected ? ERR_OK : ERR_MALFORMED;
}
