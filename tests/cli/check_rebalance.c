/* SPDX-License-Identifier: Apache-2.0 */
/* check_rebalance.c - what a plan of cli/rebalance_plan.h promises, over chosen and random
 * clusters. */
#include "cli/rebalance_plan.h"

#include "protocol/base/rng.h"

#include "tests/support/suites.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { BROKERS_MAX = 12, PARTITIONS_MAX = 200, REPLICAS_MAX = 4 };

struct fixture {
    struct arena arena;
    struct plan plan;
    struct plan_broker brokers[BROKERS_MAX];
    struct plan_partition partitions[PARTITIONS_MAX];
    int32_t replicas[PARTITIONS_MAX][REPLICAS_MAX];
};

static struct fixture *make(size_t brokers, size_t partitions)
{
    struct fixture *f = calloc(1, sizeof(*f));
    arena_init(&f->arena, 16 << 20);
    f->plan = (struct plan){ .brokers = f->brokers,
                             .broker_count = brokers,
                             .partitions = f->partitions,
                             .partition_count = partitions };
    for (size_t i = 0; i < brokers; i++) {
        f->brokers[i] = (struct plan_broker){ .id = (int32_t)i + 1, .usable = true };
    }
    for (size_t i = 0; i < partitions; i++) {
        f->partitions[i] = (struct plan_partition){ .topic = SLICE_LIT("t"),
                                                    .index = (int32_t)i,
                                                    .replicas = f->replicas[i],
                                                    .size_bytes = (int64_t)i };
    }
    return f;
}

static void put(struct fixture *f, size_t partition, int32_t count, const int32_t *ids)
{
    memcpy(f->replicas[partition], ids, (size_t)count * sizeof(*ids));
    f->partitions[partition].replica_count = count;
}

static void make_plan(struct fixture *f)
{
    struct error err = { 0 };
    ck_assert_msg(plan_make(&f->plan, &f->arena, &err) == ERR_OK, "%s", err.text);
}

static void drop(struct fixture *f)
{
    arena_deinit(&f->arena);
    free(f);
}

static int32_t copies(const struct fixture *f)
{
    int32_t total = 0;
    for (size_t i = 0; i < f->plan.partition_count; i++) {
        total += plan_copies(&f->partitions[i]);
    }
    return total;
}

START_TEST(a_balanced_cluster_stays_as_it_is)
{
    struct fixture *f = make(3, 6);
    for (size_t i = 0; i < 6; i++) {
        int32_t a = (int32_t)i % 3;
        put(f, i, 3, (int32_t[]){ a + 1, (a + 1) % 3 + 1, (a + 2) % 3 + 1 });
    }
    make_plan(f);
    for (size_t i = 0; i < 6; i++) {
        ck_assert(!plan_changes(&f->partitions[i]));
    }
    drop(f);
}
END_TEST

START_TEST(a_new_broker_gets_its_share_and_nothing_else_moves)
{
    struct fixture *f = make(4, 8);
    for (size_t i = 0; i < 8; i++) {
        int32_t a = (int32_t)i % 3;
        put(f, i, 3, (int32_t[]){ a + 1, (a + 1) % 3 + 1, (a + 2) % 3 + 1 });
    }
    make_plan(f);
    ck_assert_int_eq(f->brokers[3].replicas, 6);
    ck_assert_int_eq(copies(f), 6);
    ck_assert_int_eq(f->brokers[3].leaders, 2);
    drop(f);
}
END_TEST

START_TEST(a_broker_that_is_emptied_keeps_nothing)
{
    struct fixture *f = make(4, 12);
    for (size_t i = 0; i < 12; i++) {
        int32_t a = (int32_t)i % 4;
        put(f, i, 3, (int32_t[]){ a + 1, (a + 1) % 4 + 1, (a + 2) % 4 + 1 });
    }
    f->brokers[1].usable = false;
    make_plan(f);
    ck_assert_int_eq(f->brokers[1].replicas, 0);
    ck_assert_int_eq(copies(f), 9);
    drop(f);
}
END_TEST

START_TEST(too_few_brokers_are_told)
{
    struct fixture *f = make(3, 1);
    put(f, 0, 3, (int32_t[]){ 1, 2, 3 });
    f->brokers[2].usable = false;
    struct error err = { 0 };
    ck_assert_int_eq(plan_make(&f->plan, &f->arena, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "needs 3 replicas"));
    drop(f);
}
END_TEST

START_TEST(more_replicas_are_spread_over_racks)
{
    struct fixture *f = make(6, 10);
    static const char *const racks[] = { "a", "a", "b", "b", "c", "c" };
    for (size_t i = 0; i < 6; i++) {
        f->brokers[i].rack = slice_str(racks[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        put(f, i, 1, (int32_t[]){ (int32_t)i % 6 + 1 });
    }
    f->plan.replication_factor = 3;
    make_plan(f);
    for (size_t i = 0; i < 10; i++) {
        bool seen[3] = { false };
        ck_assert_int_eq(f->partitions[i].wanted_count, 3);
        for (int k = 0; k < 3; k++) {
            int rack = (f->partitions[i].wanted[k] - 1) / 2;
            ck_assert(!seen[rack]);
            seen[rack] = true;
        }
    }
    drop(f);
}
END_TEST

START_TEST(random_clusters_become_even_and_keep_their_number_of_replicas)
{
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 1);
    size_t brokers = 3 + rng_below(&rng, BROKERS_MAX - 3);
    size_t partitions = 1 + rng_below(&rng, PARTITIONS_MAX - 1);
    struct fixture *f = make(brokers, partitions);
    for (size_t i = 0; i < partitions; i++) {
        int32_t ids[REPLICAS_MAX], count = (int32_t)(1 + rng_below(&rng, 3));
        for (int32_t k = 0; k < count;) {
            ids[k] = (int32_t)(1 + rng_below(&rng, brokers));
            bool twice = false;
            for (int32_t j = 0; j < k; j++) {
                twice = twice || ids[j] == ids[k];
            }
            k += !twice;
        }
        put(f, i, count, ids);
    }
    make_plan(f);
    int32_t least = INT32_MAX, most = 0, total = 0, now = 0;
    for (size_t i = 0; i < brokers; i++) {
        int32_t n = f->brokers[i].replicas;
        least = n < least ? n : least;
        most = n > most ? n : most;
        total += n;
    }
    for (size_t i = 0; i < partitions; i++) {
        const struct plan_partition *p = &f->partitions[i];
        now += p->replica_count;
        ck_assert_int_eq(p->wanted_count, p->replica_count);
        for (int32_t k = 0; k < p->wanted_count; k++) {
            for (int32_t j = 0; j < k; j++) {
                ck_assert_int_ne(p->wanted[j], p->wanted[k]);
            }
        }
    }
    ck_assert_int_eq(total, now);
    ck_assert_int_le(most - least, 1);
    drop(f);
}
END_TEST

static Suite *plan_suite(void)
{
    Suite *s = suite_create("rebalance_plan");
    TCase *tc = tcase_create("plan");
    tcase_add_test(tc, a_balanced_cluster_stays_as_it_is);
    tcase_add_test(tc, a_new_broker_gets_its_share_and_nothing_else_moves);
    tcase_add_test(tc, a_broker_that_is_emptied_keeps_nothing);
    tcase_add_test(tc, too_few_brokers_are_told);
    tcase_add_test(tc, more_replicas_are_spread_over_racks);
    tcase_add_loop_test(tc, random_clusters_become_even_and_keep_their_number_of_replicas, 0, 50);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    static Suite *(*const suites[])(void) = { plan_suite };
    return RUN_SUITES(suites);
}
