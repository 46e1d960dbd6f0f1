/* SPDX-License-Identifier: Apache-2.0 */
/* check_registry.c - the registry's bytes: torn at every byte, flipped at every byte. */
#include "agent/ship/registry_codec.h"

#include "tests/agent/suites.h"

enum { RECORDS = 5 };

static size_t ends[RECORDS]; /* where each record ends */

static void build(struct buf *out)
{
    registry_encode_header(out);
    for (uint8_t i = 0; i < RECORDS; i++) {
        struct registry_record r = {
            .kind = i == 3 ? REGISTRY_REMOVE : REGISTRY_PUT,
            .id = { { i } },
            .place = { 1, i, -5 },
            .mark = { .offset = 1000U + i, .prefix_len = 1024, .tail_len = 256, .tail_hash = 9 },
            .input_id = slice_str("web"),
            .path = slice_str("/var/log/a.log"),
            .hours = { .offset = { 0, 900 }, .hour = { 7, 9 }, .count = 2, .closed = true },
        };
        registry_encode(&r, out);
        ends[i] = out->len;
    }
}

struct seen {
    unsigned count;
    bool wrong;
};

static void see(void *ctx, const struct registry_record *r)
{
    struct seen *s = ctx;
    s->count++;
    if (r->kind == REGISTRY_PUT) {
        s->wrong = s->wrong || r->mark.offset != 1000U + r->id.bytes[0] ||
                   r->place.btime_ns != -5 || !slice_eq_str(r->path, "/var/log/a.log") ||
                   r->hours.count != 2 || r->hours.offset[1] != 900 || r->hours.hour[1] != 9 ||
                   !r->hours.closed;
    }
}

START_TEST(torn_file_gives_exactly_the_whole_records)
{
    struct buf b = { 0 };
    build(&b);
    for (size_t n = 0; n <= b.len; n++) {
        struct seen s = { 0 };
        struct registry_decoded d;
        unsigned want = 0;
        while (want < RECORDS && ends[want] <= n) {
            want++;
        }
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, b.ptr, n);
        ck_assert_int_eq(registry_decode(slice_of(copy, n), see, &s, &d), ERR_OK);
        ck_assert_uint_eq(s.count, want);
        ck_assert(!s.wrong);
        free(copy);
    }
    buf_deinit(&b);
}
END_TEST

START_TEST(flipped_byte_costs_one_record_at_most)
{
    struct buf b = { 0 };
    build(&b);
    for (size_t i = REGISTRY_HEADER_BYTES; i < b.len; i++) {
        struct seen s = { 0 };
        struct registry_decoded d;
        b.ptr[i] ^= 0x41;
        ck_assert_int_eq(registry_decode(buf_slice(&b), see, &s, &d), ERR_OK);
        ck_assert_uint_eq(s.count, RECORDS - 1);
        ck_assert(!s.wrong);
        b.ptr[i] ^= 0x41;
    }
    b.ptr[0] ^= 1;
    struct seen s = { 0 };
    struct registry_decoded d;
    ck_assert_int_eq(registry_decode(buf_slice(&b), see, &s, &d), ERR_UNSUPPORTED);
    buf_deinit(&b);
}
END_TEST

Suite *registry_suite(void)
{
    Suite *s = suite_create("agent/registry");
    TCase *c = tcase_create("registry");
    tcase_add_test(c, torn_file_gives_exactly_the_whole_records);
    tcase_add_test(c, flipped_byte_costs_one_record_at_most);
    suite_add_tcase(s, c);
    return s;
}
