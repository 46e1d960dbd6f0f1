/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_json.c - JSON in and out. Promises: any bytes as a string are valid JSON that reads back;
 * what parses is written to a text that parses to the same text again; memory within the arena's
 * cap.
 */
#include "protocol/daemon/json.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { CAP_BYTES = 16 << 20 };

static void write_value(const struct json_value *v, struct buf *out)
{
    struct json_writer w;
    buf_reset(out);
    json_init(&w, out);
    json_write(&w, v);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slice text = slice_of(bytes, len);
    struct arena arena;
    struct buf once = { 0 }, twice = { 0 };
    struct json_value *v = NULL;
    struct error err = { 0 };
    arena_init(&arena, CAP_BYTES);
    json_append_string(&once, text);
    assert(json_is_utf8(buf_slice(&once)));
    if (len < 100000) {
        assert(json_parse(buf_slice(&once), &arena, &v, &err) == ERR_OK);
        assert(v->kind == JSON_STRING && (!json_is_utf8(text) || slice_eq(v->text, text)));
    }
    if (json_parse(text, &arena, &v, &err) == ERR_OK) {
        write_value(v, &once);
        assert(json_parse(buf_slice(&once), &arena, &v, &err) == ERR_OK || err.code == ERR_LIMIT);
        write_value(v, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    } else {
        assert(err.text[0]);
    }
    assert(arena.used_bytes <= CAP_BYTES);
    arena_deinit(&arena);
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
