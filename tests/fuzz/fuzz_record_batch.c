/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_record_batch.c - a row of batches, as in a segment or a Fetch response. Promises: no more
 * than the cap comes out, and what was walked can be built and walked again to the same records.
 */
#include "protocol/wire/record_batch.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { CAP_BYTES = 1 << 20 };

static bool same(struct slice a, struct slice b)
{
    return slice_is_null(a) == slice_is_null(b) && slice_eq(a, b);
}

static void rebuild(const struct batch_view *b)
{
    struct buf scratch = { 0 }, again = { 0 };
    struct batch_builder builder = { 0 };
    struct batch_iter it;
    struct record rec, got;
    enum err err = batch_iter_init(&it, b, &scratch, CAP_BYTES);
    assert(scratch.len <= CAP_BYTES);
    while (!err && !(err = batch_iter_next(&it, &rec))) {
        batch_builder_append(&builder, &rec);
    }
    if (err == ERR_NOT_FOUND && builder.record_count > 0) {
        struct batch_seal seal = { .producer_id = -1 };
        struct slice bytes;
        struct batch_view back;
        struct batch_iter second;
        assert(!batch_builder_seal(&builder, &seal, &again, &bytes));
        assert(!batch_parse(bytes, &back) && !batch_check_crc(&back));
        assert(!batch_iter_init(&it, b, &scratch, CAP_BYTES));
        assert(!batch_iter_init(&second, &back, NULL, SIZE_MAX));
        while (!batch_iter_next(&it, &rec)) {
            assert(!batch_iter_next(&second, &got));
            assert(same(rec.key, got.key) && same(rec.value, got.value));
            assert(rec.timestamp_ms == got.timestamp_ms);
            assert(rec.header_count == got.header_count && slice_eq(rec.headers, got.headers));
        }
        assert(batch_iter_next(&second, &got) == ERR_NOT_FOUND);
    }
    batch_builder_deinit(&builder);
    buf_deinit(&scratch);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slice left = slice_of(bytes, len);
    struct batch_view b;
    while (batch_parse(left, &b) == ERR_OK) {
        assert(batch_size(left) == (int64_t)b.bytes.len && b.bytes.len <= left.len);
        (void)batch_check_crc(&b);
        rebuild(&b);
        left = slice_from(left, b.bytes.len);
    }
    return 0;
}
