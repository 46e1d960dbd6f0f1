/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_bulk_response.c - an answer to _bulk; the first byte says how many items were sent.
 * Promises: what is accepted is JSON, but for bytes of a text that are no UTF-8 (yajl passes some),
 * and has a status for each item; nothing behind the items is written.
 */
#include "connectors/sinks/bulk_response.h"
#include "protocol/daemon/json.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { ITEMS_MAX = 15, CANARY = 12345 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct bulk_result results[ITEMS_MAX + 1];
    struct arena arena;
    struct json_value *tree;
    if (len == 0) {
        return 0;
    }
    size_t expected = bytes[0] % ITEMS_MAX;
    struct slice body = slice_of(bytes + 1, len - 1);
    arena_init(&arena, 1 << 22);
    results[expected].status = CANARY;
    if (bulk_response_parse(body, expected, &arena, results) == ERR_OK) {
        for (size_t i = 0; i < expected; i++) {
            assert(results[i].status > 0 && results[i].status < 1000);
        }
        enum err e = json_parse(body, &arena, &tree, NULL);
        assert(e == ERR_LIMIT || !json_is_utf8(body) ||
               (e == ERR_OK && json_get(tree, slice_str("errors"))));
    }
    assert(results[expected].status == CANARY);
    arena_deinit(&arena);
    return 0;
}
