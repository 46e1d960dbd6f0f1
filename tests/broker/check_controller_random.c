/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_controller_random.c - brokers come and go, ISRs change, partitions move, in any order, by
 * seed; the world checks every record (check_controller_world.c). And: how long many partitions
 * take.
 */
#include "tests/broker/check_controller_world.h"

#include "protocol/base/rng.h"

#include <stdio.h>
#include <time.h>

enum { BROKERS = 6, TOPICS = 4, STEPS = 400 };

static int32_t some(struct rng *rng, int32_t below)
{
    return (int32_t)rng_below(rng, (uint64_t)below);
}

static const char *const names[TOPICS] = { "a", "b", "c", "d" };

static void come_or_go(struct world *w, struct rng *rng)
{
    int32_t id = 1 + some(rng, BROKERS);
    const struct image_broker *b = image_broker(&w->img, id);
    bool more;
    struct error err;
    switch (some(rng, 6)) {
    case 0:
        world_register(w, id, NULL, b && some(rng, 2) ? b->epoch : -1);
        break;
    case 1:
    case 2:
        world_unfence(w, id);
        break;
    case 3:
        world_fence(w, id);
        break;
    case 4:
        broker_change_shut_down(&w->img, &w->policy, id, &w->recs, &more);
        world_apply(w);
        break;
    default:
        if (some(rng, 8) == 0) {
            (void)broker_change_unregister(&w->img, &w->policy, id, &w->recs, &more, &err);
            world_apply(w);
        }
        break;
    }
}

/* Some of the replicas, the leader first. */
static int32_t some_isr(struct rng *rng, const struct image_partition *p, int32_t *ret_isr)
{
    int32_t n = 0;
    ret_isr[n++] = p->leader;
    for (int32_t i = 0; i < p->replica_count; i++) {
        if (p->replicas[i] != p->leader && some(rng, 3) > 0) {
            ret_isr[n++] = p->replicas[i];
        }
    }
    return n;
}

static void alter(struct world *w, struct rng *rng, const struct image_topic *t, int32_t index)
{
    const struct image_partition *p = &t->partitions[index];
    int32_t isr[IMAGE_REPLICAS_MAX];
    int32_t n = some_isr(rng, p, isr);
    bool stale = some(rng, 4) == 0;
    struct isr_wish wish = { .broker_id = p->leader,
                             .leader_epoch = p->leader_epoch - (stale && some(rng, 2)),
                             .partition_epoch = p->partition_epoch - stale,
                             .isr = isr,
                             .isr_count = n };
    enum kafka_error code = world_alter(w, t, index, &wish);
    ck_assert(!stale || code != KAFKA_NONE);
}

static void reassign(struct world *w, struct rng *rng, const struct image_topic *t, int32_t index)
{
    int32_t to[BROKERS], n = 0, want = 1 + some(rng, 4);
    struct error err;
    for (int32_t id = 1; id <= BROKERS && n < want; id++) {
        if (some(rng, 2)) {
            to[n++] = id;
        }
    }
    if (some(rng, 3) == 0) {
        (void)reassign_cancel(&w->img, &w->policy, slice_str(t->name), index, &w->recs, &err);
    } else {
        (void)reassign_begin(&w->img, &w->policy, slice_str(t->name), index, to, n, true, &w->recs,
                             &err);
    }
    world_apply(w);
}

static void step(struct world *w, struct rng *rng)
{
    const char *name = names[some(rng, TOPICS)];
    const struct image_topic *t = image_topic(&w->img, slice_str(name));
    struct error err;
    bool more;
    if (!t) {
        (void)world_topic(w, name, 1 + some(rng, 4), (int16_t)(1 + some(rng, 4)));
        return;
    }
    int32_t index = some(rng, t->partition_count);
    switch (some(rng, 12)) {
    case 0:
        reassign(w, rng, t, index);
        break;
    case 1:
        (void)isr_change_elect(&w->img, &w->policy, slice_str(name), index, ELECT_PREFERRED,
                               &w->recs, &err);
        break;
    case 2:
        (void)isr_change_balance(&w->img, &w->policy, 10, 100, &w->recs);
        break;
    case 3:
        broker_change_elect_leaderless(&w->img, &w->policy, &w->recs, &more);
        break;
    case 4:
        world_setting(w, name, "min.insync.replicas", some(rng, 2) ? "2" : "1");
        break;
    case 5:
        if (some(rng, 10) == 0) {
            (void)change_delete_topic(&w->img, slice_str(name), NULL, &w->recs, &err);
        }
        break;
    case 6:
    case 7:
    case 8:
        come_or_go(w, rng);
        break;
    default:
        if (t->partitions[index].leader >= 0) {
            alter(w, rng, t, index);
        }
        break;
    }
    world_apply(w);
}

/* Whoever is in sync, or eligible where nobody is, and live, would lead. */
static void check_nobody_waits(const struct world *w)
{
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&w->img.topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            for (int32_t k = 0; p->leader < 0 && k < p->isr_count; k++) {
                ck_assert(!image_broker_is_active(&w->img, p->isr[k]));
            }
            for (int32_t k = 0; p->leader < 0 && p->isr_count == 0 && k < p->elr_count; k++) {
                ck_assert(!image_broker_is_active(&w->img, p->elr[k]));
            }
            if (p->leader >= 0) {
                const struct image_broker *b = image_broker(&w->img, p->leader);
                ck_assert(b && !b->fenced);
            }
        }
    }
}

START_TEST(invariants_hold_whatever_happens)
{
    struct world w;
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 1);
    world_init(&w, _i % 4 != 3);
    w.policy.unclean_leader_election = _i % 5 == 4;
    world_brokers(&w, BROKERS);
    for (int32_t i = 0; i < STEPS; i++) {
        step(&w, &rng);
        check_nobody_waits(&w);
    }
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

/* --- many partitions -------------------------------------------------------------------------- */

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void apply_fast(struct image *img, struct metadata_records *recs)
{
    for (uint32_t i = 0; i < recs->count; i++) {
        struct image_change change;
        ck_assert_int_eq(image_apply(img, metadata_records_at(recs, i), img->end_offset, &change),
                         ERR_OK);
    }
    metadata_records_reset(recs);
}

START_TEST(ten_thousand_partitions_fail_over_in_one_batch_and_well_under_two_seconds)
{
    struct world w;
    bool more;
    world_init(&w, true);
    world_brokers(&w, 3);
    for (int32_t i = 0; i < 3; i++) {
        struct change_topic topic = { .name = slice_str(names[i]),
                                      .partitions = 10000,
                                      .replication = 3 };
        struct change_placement where = { .seed = 3 };
        struct uuid id = { { (uint8_t)i, 1 } };
        struct error err;
        ck_assert_int_eq(change_create_topic(&w.img, &topic, &id, &where, &w.recs, &err),
                         KAFKA_NONE);
        apply_fast(&w.img, &w.recs);
    }
    uint32_t led = image_leader_count(&w.img, 1);
    ck_assert_uint_ge(led, 9990);
    double from = now_s();
    broker_change_fence(&w.img, &w.policy, 1, &w.recs, &more);
    ck_assert(!more);
    ck_assert_uint_eq(w.recs.count, 30001);
    ck_assert_uint_lt(metadata_records_size(&w.recs), METADATA_BATCH_BYTES_MAX);
    apply_fast(&w.img, &w.recs);
    double took = now_s() - from;
    ck_assert_uint_eq(image_leader_count(&w.img, 1), 0);
    ck_assert_double_lt(took, 2.0);
    fprintf(stderr, "controller: 30000 partitions leave a broker, %u leaders move: %.1f ms\n", led,
            took * 1e3);
    world_deinit(&w);
}
END_TEST

START_TEST(more_changes_than_a_batch_holds_come_in_several)
{
    struct world w;
    bool more = true;
    uint32_t rounds = 0;
    world_init(&w, true);
    world_brokers(&w, 3);
    for (int32_t i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%d", (int)i);
        struct change_topic topic = { .name = slice_str(name),
                                      .partitions = 10000,
                                      .replication = 3 };
        struct change_placement where = { .seed = 3 };
        struct uuid id = { { (uint8_t)i, 1 } };
        struct error err;
        ck_assert_int_eq(change_create_topic(&w.img, &topic, &id, &where, &w.recs, &err),
                         KAFKA_NONE);
        apply_fast(&w.img, &w.recs);
    }
    for (; more; rounds++) {
        broker_change_fence(&w.img, &w.policy, 1, &w.recs, &more);
        ck_assert_uint_le(metadata_records_size(&w.recs), METADATA_BATCH_BYTES_MAX);
        ck_assert_int_eq(more, image_broker(&w.img, 1)->fenced == false && more);
        apply_fast(&w.img, &w.recs);
    }
    ck_assert_uint_gt(rounds, 1);
    ck_assert(image_broker(&w.img, 1)->fenced);
    ck_assert_uint_eq(image_leader_count(&w.img, 1), 0);
    world_deinit(&w);
}
END_TEST

Suite *controller_random_suite(void);

Suite *controller_random_suite(void)
{
    Suite *s = suite_create("controller random");
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, invariants_hold_whatever_happens, 0, 60);
    tcase_add_test(tc, ten_thousand_partitions_fail_over_in_one_batch_and_well_under_two_seconds);
    tcase_add_test(tc, more_changes_than_a_batch_holds_come_in_several);
    suite_add_tcase(s, tc);
    return s;
}
