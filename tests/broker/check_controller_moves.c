/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller_moves.c - where partitions are, and how they move. */
#include "tests/broker/check_controller_world.h"

/* --- placement -------------------------------------------------------------------------------- */

START_TEST(replicas_are_in_different_racks_and_leaders_are_even)
{
    static const char *const racks[] = { "a", "a", "b", "b", "c", "c" };
    struct world w;
    uint32_t leads[7] = { 0 }, holds[7] = { 0 };
    world_init(&w, true);
    for (int32_t id = 1; id <= 6; id++) {
        world_register(&w, id, racks[id - 1], -1);
        world_unfence(&w, id);
    }
    ck_assert_int_eq(world_topic(&w, "logs", 60, 3), KAFKA_NONE);
    for (int32_t i = 0; i < 60; i++) {
        const struct image_partition *p = world_partition(&w, "logs", i);
        bool seen[3] = { false };
        ck_assert_int_eq(p->leader, p->replicas[0]);
        leads[p->leader]++;
        for (int32_t k = 0; k < 3; k++) {
            int32_t rack = (p->replicas[k] - 1) / 2;
            ck_assert(!seen[rack]);
            seen[rack] = true;
            holds[p->replicas[k]]++;
        }
    }
    for (int32_t id = 1; id <= 6; id++) {
        ck_assert_uint_eq(leads[id], 10);
        ck_assert_uint_ge(holds[id], 20);
        ck_assert_uint_le(holds[id], 40);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(fenced_brokers_get_replicas_but_never_lead)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_fence(&w, 2);
    ck_assert_int_eq(world_topic(&w, "logs", 12, 3), KAFKA_NONE);
    for (int32_t i = 0; i < 12; i++) {
        const struct image_partition *p = world_partition(&w, "logs", i);
        ck_assert_int_ne(p->leader, 2);
        ck_assert_int_eq(p->isr_count, 2);
        ck_assert_int_eq(p->replica_count, 3);
    }
    ck_assert_int_eq(world_topic(&w, "two", 12, 2), KAFKA_NONE);
    for (int32_t i = 0; i < 12; i++) {
        const struct image_partition *p = world_partition(&w, "two", i);
        ck_assert(!image_has_id(p->replicas, 2, 2)); /* there are enough live ones */
    }
    ck_assert_int_eq(world_topic(&w, "four", 1, 4), KAFKA_INVALID_REPLICATION_FACTOR);
    world_fence(&w, 1);
    world_fence(&w, 3);
    ck_assert_int_eq(world_topic(&w, "none", 1, 1), KAFKA_INVALID_REPLICATION_FACTOR);
    world_deinit(&w);
}
END_TEST

START_TEST(cordoned_brokers_get_no_new_replica)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    broker_change_cordon(&w.img, 3, image_broker(&w.img, 3)->log_dirs, 1, &w.recs);
    world_apply(&w);
    broker_change_cordon(&w.img, 3, image_broker(&w.img, 3)->log_dirs, 1, &w.recs);
    ck_assert_uint_eq(w.recs.count, 0);
    ck_assert_int_eq(world_topic(&w, "three", 1, 3), KAFKA_INVALID_REPLICATION_FACTOR);
    ck_assert_int_eq(world_topic(&w, "two", 10, 2), KAFKA_NONE);
    for (int32_t i = 0; i < 10; i++) {
        ck_assert(!image_has_id(world_partition(&w, "two", i)->replicas, 2, 3));
    }
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(new_partitions_have_as_many_replicas_as_the_old_ones)
{
    struct world w;
    struct error err;
    const struct change_placement where = { .seed = 4 };
    world_init(&w, true);
    world_brokers(&w, 4);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(change_create_partitions(&w.img, slice_str("logs"), 3, NULL, -1, &where,
                                              &w.recs, &err),
                     KAFKA_NONE);
    world_apply(&w);
    ck_assert_int_eq(world_partition(&w, "logs", 2)->replica_count, 3);
    int32_t two[] = { 1, 2 };
    struct create_partitions_request_assignment hand = { .broker_ids = two, .broker_ids_n = 2 };
    ck_assert_int_eq(change_create_partitions(&w.img, slice_str("logs"), 4, &hand, 1, &where,
                                              &w.recs, &err),
                     KAFKA_INVALID_REPLICA_ASSIGNMENT);
    world_deinit(&w);
}
END_TEST

/* --- reassignment ----------------------------------------------------------------------------- */

static enum kafka_error move(struct world *w, const int32_t *to, int32_t count)
{
    struct error err = { 0 };
    enum kafka_error code =
        reassign_begin(&w->img, &w->policy, slice_str("logs"), 0, to, count, true, &w->recs, &err);
    ck_assert_int_eq(code != KAFKA_NONE, err.text[0] != '\0');
    ck_assert(!code || w->recs.count == 0);
    world_apply(w);
    return code;
}

static enum kafka_error cancel(struct world *w)
{
    struct error err = { 0 };
    enum kafka_error code =
        reassign_cancel(&w->img, &w->policy, slice_str("logs"), 0, &w->recs, &err);
    world_apply(w);
    return code;
}

START_TEST(reassignment_ends_when_its_target_is_in_sync)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 5);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(move(&w, IDS(3, 4, 5)), KAFKA_NONE);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_ids(p->replicas, p->replica_count, 3, 4, 5, 1, 2);
    ck_assert_ids(p->adding, p->adding_count, 4, 5);
    ck_assert_ids(p->removing, p->removing_count, 1, 2);
    ck_assert_int_eq(p->leader, 1);
    ck_assert(uuid_eq(&p->directories[2], &image_broker(&w.img, 5)->log_dirs[0]));
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2, 3, 4)), KAFKA_NONE);
    ck_assert_int_eq(p->replica_count, 5);
    /* The leader is told to look again: it is not among the replicas any more. */
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2, 3, 4, 5)), KAFKA_NEW_LEADER_ELECTED);
    ck_assert_ids(p->replicas, p->replica_count, 3, 4, 5);
    ck_assert_ids(p->isr, p->isr_count, 3, 4, 5);
    ck_assert_int_eq(p->leader, 3);
    ck_assert_int_eq(p->leader_epoch, 1);
    ck_assert(!reassign_is_under_way(p));
    ck_assert_int_eq(p->removing_count, 0);
    ck_assert_int_eq(cancel(&w), KAFKA_NO_REASSIGNMENT_IN_PROGRESS);
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(fewer_or_reordered_replicas_need_no_waiting)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(move(&w, IDS(2, 3)), KAFKA_NONE);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_ids(p->replicas, p->replica_count, 2, 3);
    ck_assert_int_eq(p->leader, 2);
    ck_assert_int_eq(move(&w, IDS(3, 2)), KAFKA_NONE);
    ck_assert_ids(p->replicas, p->replica_count, 3, 2);
    ck_assert_int_eq(p->leader, 2);
    ck_assert_int_eq(p->leader_epoch, 1);
    world_deinit(&w);
}
END_TEST

START_TEST(cancelled_reassignment_leaves_things_as_they_were)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 5);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(move(&w, IDS(3, 4, 5)), KAFKA_NONE);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2, 4)), KAFKA_NONE);
    ck_assert_int_eq(cancel(&w), KAFKA_NONE);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_ids(p->replicas, p->replica_count, 3, 1, 2);
    ck_assert_ids(p->isr, p->isr_count, 1, 2);
    ck_assert_int_eq(p->leader, 1);
    ck_assert(!reassign_is_under_way(p));
    world_deinit(&w);
}
END_TEST

START_TEST(new_target_takes_the_place_of_the_old_one)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 6);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(move(&w, IDS(1, 2, 4)), KAFKA_NONE);
    ck_assert_int_eq(move(&w, IDS(1, 4, 5)), KAFKA_NONE);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_ids(p->adding, p->adding_count, 4, 5);
    ck_assert_ids(p->removing, p->removing_count, 2, 3);
    ck_assert_int_eq(move(&w, IDS(1, 5, 6)), KAFKA_NONE);
    ck_assert(!image_has_id(p->replicas, p->replica_count, 4)); /* wanted by nobody any more */
    ck_assert_ids(p->adding, p->adding_count, 5, 6);
    ck_assert_int_eq(cancel(&w), KAFKA_NONE);
    ck_assert_int_eq(p->replica_count, 3);
    for (int32_t id = 1; id <= 3; id++) {
        ck_assert(image_has_id(p->replicas, 3, id));
    }
    world_deinit(&w);
}
END_TEST

START_TEST(wrong_targets_are_refused_with_kafkas_codes)
{
    struct world w;
    struct error err;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2));
    ck_assert_int_eq(move(&w, IDS(1, 9)), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    ck_assert_int_eq(move(&w, IDS(1, 1)), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    ck_assert_int_eq(move(&w, NULL, 0), KAFKA_INVALID_REPLICA_ASSIGNMENT);
    ck_assert_int_eq(reassign_begin(&w.img, &w.policy, slice_str("logs"), 4, IDS(1), true, &w.recs,
                                    &err),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(reassign_begin(&w.img, &w.policy, slice_str("other"), 0, IDS(1), true, &w.recs,
                                    &err),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(reassign_begin(&w.img, &w.policy, slice_str("logs"), 0, IDS(1), false, &w.recs,
                                    &err),
                     KAFKA_INVALID_REPLICATION_FACTOR);
    ck_assert_int_eq(cancel(&w), KAFKA_NO_REASSIGNMENT_IN_PROGRESS);
    world_deinit(&w);
}
END_TEST

START_TEST(growing_a_topic_does_not_raise_its_min_isr_before_it_has_grown)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1));
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(move(&w, IDS(1, 2, 3)), KAFKA_NONE);
    ck_assert_int_eq(change_min_isr(&w.img, &w.policy, t, p), 1);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2, 3)), KAFKA_NONE);
    ck_assert_int_eq(change_min_isr(&w.img, &w.policy, t, p), 2);
    world_deinit(&w);
}
END_TEST

Suite *controller_moves_suite(void);

Suite *controller_moves_suite(void)
{
    Suite *s = suite_create("controller moves");
    TCase *tc = tcase_create("moves");
    tcase_add_test(tc, replicas_are_in_different_racks_and_leaders_are_even);
    tcase_add_test(tc, fenced_brokers_get_replicas_but_never_lead);
    tcase_add_test(tc, cordoned_brokers_get_no_new_replica);
    tcase_add_test(tc, new_partitions_have_as_many_replicas_as_the_old_ones);
    tcase_add_test(tc, reassignment_ends_when_its_target_is_in_sync);
    tcase_add_test(tc, fewer_or_reordered_replicas_need_no_waiting);
    tcase_add_test(tc, cancelled_reassignment_leaves_things_as_they_were);
    tcase_add_test(tc, new_target_takes_the_place_of_the_old_one);
    tcase_add_test(tc, wrong_targets_are_refused_with_kafkas_codes);
    tcase_add_test(tc, growing_a_topic_does_not_raise_its_min_isr_before_it_has_grown);
    suite_add_tcase(s, tc);
    return s;
}
