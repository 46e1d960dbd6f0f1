/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_message.c - decode, encode, decode, compare. */
#include "tests/fuzz/fuzz_message.h"

#include "tests/protocol/message_gen.h"

#include <assert.h>

enum { ARENA_BYTES = 1 << 20 };

void fuzz_message(const struct schema *s, int16_t version, struct reader *r)
{
    struct arena arena, again;
    struct buf bytes = { 0 };
    arena_init(&arena, ARENA_BYTES);
    arena_init(&again, ARENA_BYTES);
    void *msg = arena_alloc(&arena, s->size), *back = arena_alloc(&again, s->size);
    enum err err = schema_decode(s, version, r, &arena, msg);
    assert(arena.used_bytes <= ARENA_BYTES);
    if (!err) {
        struct writer w;
        writer_init(&w, &bytes);
        err = schema_encode(s, version, &w, msg);
        assert(!err);
        assert(bytes.len == schema_size(s, version, msg));
        struct reader second = reader_of(buf_slice(&bytes));
        err = schema_decode(s, version, &second, &again, back);
        assert(!err && !reader_left(&second));
        assert(message_equal(s, msg, back));
    }
    buf_deinit(&bytes);
    arena_deinit(&arena);
    arena_deinit(&again);
}
