/* SPDX-License-Identifier: Apache-2.0 */
/* check_base.c - containers and memory of protocol/base. */
#include "protocol/base/alloc.h"
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/heap.h"
#include "protocol/base/map.h"
#include "protocol/base/rng.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>

Suite *base_suite(void);

START_TEST(arena_refuses_to_pass_its_cap)
{
    struct arena a;
    arena_init(&a, 1024);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
    ck_assert_ptr_null(arena_alloc(&a, 100));
    ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 4));
    arena_reset(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
    arena_deinit(&a);
}
END_TEST

START_TEST(arena_memory_is_zeroed_after_reuse)
{
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 512), 0xff, 512);
    arena_reset(&a);
    uint8_t *p = arena_alloc(&a, 512);
    for (int i = 0; i < 512; i++) {
        ck_assert_uint_eq(p[i], 0);
    }
    arena_deinit(&a);
}
END_TEST

START_TEST(heap_gives_equal_keys_in_the_order_they_came)
{
    struct heap h = { 0 };
    struct heap_node nodes[64] = { 0 };
    for (int i = 0; i < 64; i++) {
        heap_insert(&h, &nodes[i], (uint64_t)(i % 4));
    }
    heap_remove(&h, &nodes[8]);
    uint64_t key = 0;
    struct heap_node *last = NULL;
    int count = 0;
    for (struct heap_node *n; (n = heap_peek(&h)); count++) {
        heap_remove(&h, n);
        ck_assert(n->key > key || !last || n > last);
        key = n->key;
        last = n;
    }
    ck_assert_int_eq(count, 63);
    heap_deinit(&h);
}
END_TEST

START_TEST(map_keeps_what_was_put_through_growth_and_removal)
{
    struct map m = { 0 };
    char key[32];
    static int values[5000];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            snprintf(key, sizeof(key), "key-%d", i);
            map_put(&m, slice_str(key), &values[i]);
        }
        for (int i = 0; i < 5000; i += 2) {
            snprintf(key, sizeof(key), "key-%d", i);
            ck_assert_ptr_eq(map_remove(&m, slice_str(key)), &values[i]);
        }
        ck_assert_uint_eq(m.count, 2500);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        ck_assert_ptr_eq(map_get(&m, slice_str(key)), i % 2 ? &values[i] : NULL);
    }
    uint32_t cursor = 0;
    int seen = 0;
    struct slice k;
    for (int *v, *last = NULL; (v = map_next(&m, &cursor, &k)); last = v, seen++) {
        ck_assert(!last || v > last);
    }
    ck_assert_int_eq(seen, 2500);
    map_deinit(&m);
}
END_TEST

START_TEST(wrapped_errors_read_from_the_outside_in)
{
    struct error err = { 0 };
    ck_assert_int_eq(err_errno(&err, EACCES, "open %s", "x"), ERR_PERMISSION);
    ck_assert_int_eq(err_wrap(&err, "start segment %d", 7), ERR_PERMISSION);
    ck_assert_str_eq(err.text, "start segment 7: open x: Permission denied");
}
END_TEST

START_TEST(buf_grows_and_drops)
{
    struct buf b = { 0 };
    for (int i = 0; i < 1000; i++) {
        buf_printf(&b, "%d,", i);
    }
    buf_drop(&b, 4);
    ck_assert(slice_starts(buf_slice(&b), "2,3,4,"));
    buf_deinit(&b);
}
END_TEST

START_TEST(random_numbers_repeat_by_seed_and_stay_in_bounds)
{
    struct rng a, b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_eq(rng_next(&a), rng_next(&b));
        ck_assert_uint_lt(rng_below(&a, 10), 10);
        (void)rng_below(&b, 10);
    }
}
END_TEST

Suite *base_suite(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_test(t, arena_refuses_to_pass_its_cap);
    tcase_add_test(t, arena_memory_is_zeroed_after_reuse);
    tcase_add_test(t, heap_gives_equal_keys_in_the_order_they_came);
    tcase_add_test(t, map_keeps_what_was_put_through_growth_and_removal);
    tcase_add_test(t, wrapped_errors_read_from_the_outside_in);
    tcase_add_test(t, buf_grows_and_drops);
    tcase_add_test(t, random_numbers_repeat_by_seed_and_stay_in_bounds);
    suite_add_tcase(s, t);
    return s;
}
