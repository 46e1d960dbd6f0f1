/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller_isr.c - who is in sync, who is eligible, who leads. */
#include "tests/broker/check_controller_world.h"

/* --- AlterPartition --------------------------------------------------------------------------- */

static enum kafka_error alter(struct world *w, const struct isr_wish *wish)
{
    const struct image_topic *t = image_topic(&w->img, slice_str("logs"));
    return world_alter(w, t, 0, wish);
}

START_TEST(wishes_at_other_epochs_are_refused_with_kafkas_codes)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 4);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2)), KAFKA_NONE);
    world_fence(&w, 1); /* leader 2, epoch 1 */
    world_unfence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader_epoch, 1);
    const int32_t isr[] = { 2, 3 };
    const struct isr_wish good = { .broker_id = 2,
                                   .leader_epoch = p->leader_epoch,
                                   .partition_epoch = p->partition_epoch,
                                   .isr = isr,
                                   .isr_count = 2 };
    struct isr_wish wish = good;
    wish.leader_epoch--;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_FENCED_LEADER_EPOCH);
    wish = good;
    wish.leader_epoch++;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_NOT_CONTROLLER);
    wish = good;
    wish.partition_epoch++;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_NOT_CONTROLLER);
    wish = good;
    wish.partition_epoch--;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_INVALID_UPDATE_VERSION);
    wish = good;
    wish.broker_id = 3;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_INVALID_REQUEST);
    wish = good;
    wish.recovering = true;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_INVALID_REQUEST);
    static const int32_t wrong[][2] = { { 1, 3 }, { 2, 4 }, { 2, 2 } };
    for (size_t i = 0; i < 3; i++) {
        wish = good;
        wish.isr = wrong[i];
        ck_assert_int_eq(alter(&w, &wish), KAFKA_INVALID_REQUEST);
    }
    int64_t epochs[] = { -1, image_broker(&w.img, 3)->epoch - 1 };
    wish = good;
    wish.isr_epochs = epochs;
    ck_assert_int_eq(alter(&w, &wish), KAFKA_INELIGIBLE_REPLICA);
    world_fence(&w, 3);
    ck_assert_int_eq(alter(&w, &good), KAFKA_INELIGIBLE_REPLICA);
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    ck_assert_int_eq(isr_change_alter(&w.img, &w.policy, t, 7, &good, &w.recs),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    world_deinit(&w);
}
END_TEST

START_TEST(isr_of_a_leader_changes_without_a_new_leader_epoch)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1)), KAFKA_NONE);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 3)), KAFKA_NONE);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader_epoch, 0);
    ck_assert_int_eq(p->partition_epoch, 2);
    ck_assert_ids(p->isr, p->isr_count, 1, 3);
    world_deinit(&w);
}
END_TEST

/* --- eligible leader replicas ----------------------------------------------------------------- */

START_TEST(who_leaves_a_small_isr_stays_eligible_until_it_is_large_again)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3)); /* min.insync.replicas counts as 2 */
    world_fence(&w, 3);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->elr_count, 0);
    world_fence(&w, 2);
    ck_assert_ids(p->isr, p->isr_count, 1);
    ck_assert_ids(p->elr, p->elr_count, 2);
    world_fence(&w, 1);
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_int_eq(p->isr_count, 0);
    ck_assert_int_eq(p->elr_count, 2);
    ck_assert_ids(p->last_known_elr, p->last_known_elr_count, 1);
    /* 3 lacks what was committed since it left. */
    world_unfence(&w, 3);
    ck_assert_int_eq(p->leader, NO_LEADER);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, 2);
    ck_assert_ids(p->isr, p->isr_count, 2);
    ck_assert_ids(p->elr, p->elr_count, 1);
    ck_assert(!p->recovering);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(2, 3)), KAFKA_NONE);
    ck_assert_int_eq(p->elr_count, 0);
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(broker_back_from_an_unclean_end_is_not_eligible)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    int64_t epoch_1 = image_broker(&w.img, 1)->epoch, epoch_2 = image_broker(&w.img, 2)->epoch;
    world_fence(&w, 3);
    world_fence(&w, 2);
    world_fence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(world_register(&w, 1, NULL, epoch_1 - 1), KAFKA_NONE); /* unclean */
    ck_assert_ids(p->elr, p->elr_count, 2);
    world_unfence(&w, 1);
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_int_eq(world_register(&w, 2, NULL, epoch_2), KAFKA_NONE); /* clean */
    ck_assert_ids(p->elr, p->elr_count, 2);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, 2);
    ck_assert(!p->recovering);
    world_deinit(&w);
}
END_TEST

START_TEST(last_leader_leads_when_nobody_is_eligible_and_says_that_it_recovers)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    world_fence(&w, 3);
    world_fence(&w, 2);
    world_fence(&w, 1);
    for (int32_t id = 1; id <= 3; id++) {
        world_register(&w, id, NULL, -1);
    }
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->elr_count, 0);
    ck_assert_ids(p->last_known_elr, p->last_known_elr_count, 1);
    world_unfence(&w, 3);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, NO_LEADER);
    world_unfence(&w, 1);
    ck_assert_int_eq(p->leader, 1);
    ck_assert(p->recovering);
    ck_assert_int_eq(p->last_known_elr_count, 0);
    /* The next ISR says that it has recovered. */
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2)), KAFKA_NONE);
    ck_assert(!p->recovering);
    world_deinit(&w);
}
END_TEST

START_TEST(last_leader_is_known_though_somebody_in_sync_outlived_it)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    const struct image_partition *p = world_partition(&w, "logs", 0);
    /* 3 is in sync again, and has not told yet that its directory is not lost. */
    ck_assert_int_eq(isr_change_assign_dir(&w.img, &w.policy, &t->id, 0, 3, &directory_lost,
                                           &w.recs),
                     KAFKA_NONE);
    world_apply(&w);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(1, 2, 3)), KAFKA_NONE);
    for (int32_t id = 2; id != 0; id = id == 2 ? 1 : id == 1 ? 3 : 0) { /* power is lost */
        ck_assert_int_eq(world_register(&w, id, NULL, -1), KAFKA_NONE);
    }
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_int_eq(p->isr_count, 0);
    ck_assert_int_eq(p->elr_count, 0);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, NO_LEADER);
    world_unfence(&w, 1);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_int_eq(p->last_known_elr_count, 0);
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(without_eligible_replicas_the_last_of_the_isr_stays_in_it)
{
    struct world w;
    world_init(&w, false);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    world_fence(&w, 2);
    world_fence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_ids(p->isr, p->isr_count, 1);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, NO_LEADER);
    world_unfence(&w, 1);
    ck_assert_int_eq(p->leader, 1);
    world_deinit(&w);
}
END_TEST

START_TEST(changed_min_isr_clears_who_was_eligible_under_the_old_one)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    world_fence(&w, 3);
    world_fence(&w, 2);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->elr_count, 1);
    world_setting(&w, "logs", "min.insync.replicas", "1");
    ck_assert_int_eq(p->elr_count, 0);
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    ck_assert_int_eq(change_min_isr(&w.img, &w.policy, t, p), 1);
    world_setting(&w, "logs", "min.insync.replicas", "9");
    ck_assert_int_eq(change_min_isr(&w.img, &w.policy, t, p), 3);
    world_deinit(&w);
}
END_TEST

START_TEST(partition_without_a_leader_keeps_who_is_eligible_when_min_isr_changes)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    world_fence(&w, 3);
    world_fence(&w, 2);
    world_fence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->isr_count, 0);
    ck_assert_int_eq(p->elr_count, 2);
    world_setting(&w, "logs", "min.insync.replicas", "1");
    ck_assert_int_eq(p->elr_count, 2);
    ck_assert_ids(p->last_known_elr, p->last_known_elr_count, 1);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, 2);
    ck_assert(!p->recovering);
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

/* A leader that is enough alone commits alone: nobody stays eligible beside it. */
START_TEST(who_leads_after_min_isr_fell_is_the_only_one_eligible)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    world_fence(&w, 3);
    world_fence(&w, 2);
    world_fence(&w, 1);
    world_setting(&w, "logs", "min.insync.replicas", "1");
    world_unfence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_ids(p->isr, p->isr_count, 1);
    ck_assert_int_eq(p->elr_count, 0);
    world_fence(&w, 1);
    world_unfence(&w, 2); /* it lacks what 1 has committed since */
    ck_assert_int_eq(p->leader, NO_LEADER);
    world_deinit(&w);
}
END_TEST

static int32_t min_isr_of(struct world *w, const char *topic)
{
    const struct image_topic *t = image_topic(&w->img, slice_str(topic));
    ck_assert_ptr_nonnull(t);
    return change_min_isr(&w->img, &w->policy, t, image_partition(t, 0));
}

static void share_min_isr(struct world *w, int32_t configured)
{
    change_share_min_isr(&w->img, configured, &w->recs);
    world_apply(w);
}

static const char *min_isr_in_metadata(struct world *w, const char *broker)
{
    return image_setting(image_settings(&w->img, CONFIG_RESOURCE_BROKER, slice_str(broker)),
                         slice_str("min.insync.replicas"));
}

static void set_min_isr_of_broker(struct world *w, const char *broker, const char *value)
{
    struct change_setting s = { slice_str("min.insync.replicas"), slice_str(value) };
    change_settings(&w->img, CONFIG_RESOURCE_BROKER, slice_str(broker), &s, 1, &w->recs);
    world_apply(w);
}

/* A leader commits by it and the controller keeps eligible by it: the metadata decide alone. */
START_TEST(configuration_of_a_node_decides_min_isr_only_without_eligible_replicas)
{
    bool elr = _i;
    struct world w;
    world_init(&w, elr);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    w.policy.min_insync_replicas = 1;
    ck_assert_int_eq(min_isr_of(&w, "logs"), elr ? 2 : 1);
    w.policy.min_insync_replicas = 3;
    ck_assert_int_eq(min_isr_of(&w, "logs"), elr ? 2 : 3);
    set_min_isr_of_broker(&w, "", "1");
    ck_assert_int_eq(min_isr_of(&w, "logs"), 1);
    world_setting(&w, "logs", "min.insync.replicas", "3");
    ck_assert_int_eq(min_isr_of(&w, "logs"), 3);
    world_deinit(&w);
}
END_TEST

START_TEST(configuration_of_the_controller_becomes_the_clusters_where_it_has_none)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    share_min_isr(&w, -1);
    ck_assert_ptr_null(min_isr_in_metadata(&w, "")); /* not set stays not set */
    ck_assert_int_eq(min_isr_of(&w, "logs"), 2);
    world_fence(&w, 3);
    world_fence(&w, 2);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_ids(p->elr, p->elr_count, 2);
    share_min_isr(&w, 1);
    ck_assert_str_eq(min_isr_in_metadata(&w, ""), "1");
    ck_assert_int_eq(min_isr_of(&w, "logs"), 1);
    ck_assert_int_eq(p->elr_count, 0); /* 1 commits alone from here on */
    change_share_min_isr(&w.img, 3, &w.recs);
    ck_assert_uint_eq(w.recs.count, 0); /* another controller, configured otherwise */
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(no_broker_keeps_a_min_isr_of_its_own)
{
    struct world w;
    world_init(&w, false);
    world_brokers(&w, 3);
    set_min_isr_of_broker(&w, "2", "1");
    set_min_isr_of_broker(&w, "3", "3");
    share_min_isr(&w, 2);
    ck_assert_ptr_null(min_isr_in_metadata(&w, "2"));
    ck_assert_ptr_null(min_isr_in_metadata(&w, "3"));
    ck_assert_str_eq(min_isr_in_metadata(&w, ""), "2");
    world_deinit(&w);
}
END_TEST

/* --- elections -------------------------------------------------------------------------------- */

static enum kafka_error elect(struct world *w, int32_t index, enum elect_type type)
{
    struct error err = { 0 };
    enum kafka_error code =
        isr_change_elect(&w->img, &w->policy, slice_str("logs"), index, type, &w->recs, &err);
    ck_assert_int_eq(code != KAFKA_NONE, w->recs.count == 0);
    w->policy.unclean_leader_election = type == ELECT_UNCLEAN;
    world_apply(w);
    w->policy.unclean_leader_election = false;
    return code;
}

START_TEST(preferred_leader_is_elected_only_when_it_is_in_sync)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(1, 2, 3));
    ck_assert_int_eq(elect(&w, 0, ELECT_PREFERRED), KAFKA_ELECTION_NOT_NEEDED);
    ck_assert_int_eq(elect(&w, 9, ELECT_PREFERRED), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    world_fence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader, 2);
    ck_assert_int_eq(elect(&w, 0, ELECT_PREFERRED), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    world_unfence(&w, 1);
    ck_assert_int_eq(elect(&w, 0, ELECT_PREFERRED), KAFKA_PREFERRED_LEADER_NOT_AVAILABLE);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(2, 3, 1)), KAFKA_NONE);
    ck_assert_int_eq(elect(&w, 0, ELECT_PREFERRED), KAFKA_NONE);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_int_eq(p->isr_count, 3);
    world_deinit(&w);
}
END_TEST

START_TEST(unclean_leader_is_elected_only_when_asked_for_or_configured)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    world_setting(&w, "logs", "min.insync.replicas", "1");
    ck_assert_int_eq(elect(&w, 0, ELECT_UNCLEAN), KAFKA_ELECTION_NOT_NEEDED);
    world_fence(&w, 2);
    world_fence(&w, 1);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(elect(&w, 0, ELECT_UNCLEAN), KAFKA_ELIGIBLE_LEADERS_NOT_AVAILABLE);
    world_unfence(&w, 2);
    ck_assert_int_eq(p->leader, NO_LEADER);
    ck_assert_int_eq(elect(&w, 0, ELECT_UNCLEAN), KAFKA_NONE);
    ck_assert_int_eq(p->leader, 2);
    ck_assert(p->recovering);
    ck_assert_ids(p->isr, p->isr_count, 2);
    world_unfence(&w, 1);
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(2, 1)), KAFKA_NONE);
    /* Configured: it happens by itself. */
    world_setting(&w, "logs", "unclean.leader.election.enable", "true");
    w.policy.unclean_leader_election = true; /* so that the world allows it, too */
    world_fence(&w, 1);
    ck_assert_int_eq(p->leader, 2);
    world_unfence(&w, 1);
    world_fence(&w, 2);
    ck_assert_int_eq(p->leader, 1);
    ck_assert(p->recovering);
    world_deinit(&w);
}
END_TEST

START_TEST(balancer_gives_the_lead_back_where_a_broker_lacks_too_many)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 3);
    ck_assert_int_eq(world_topic(&w, "logs", 30, 3), KAFKA_NONE);
    ck_assert_uint_eq(isr_change_balance(&w.img, &w.policy, 10, 1000, &w.recs), 0);
    uint32_t led = image_leader_count(&w.img, 1);
    ck_assert_uint_eq(led, 10);
    world_fence(&w, 1);
    world_unfence(&w, 1);
    ck_assert_uint_eq(image_leader_count(&w.img, 1), 0);
    ck_assert_uint_eq(isr_change_balance(&w.img, &w.policy, 10, 1000, &w.recs), 0);
    for (int32_t i = 0; i < 30; i++) {
        const struct image_partition *p = world_partition(&w, "logs", i);
        ck_assert_int_eq(world_isr(&w, "logs", i, p->replicas, 3), KAFKA_NONE);
    }
    ck_assert_uint_eq(isr_change_balance(&w.img, &w.policy, 100, 1000, &w.recs), 0);
    ck_assert_uint_eq(isr_change_balance(&w.img, &w.policy, 10, 4, &w.recs), 4);
    world_apply(&w);
    ck_assert_uint_eq(isr_change_balance(&w.img, &w.policy, 10, 1000, &w.recs), 6);
    world_apply(&w);
    ck_assert_uint_eq(image_leader_count(&w.img, 1), led);
    world_deinit(&w);
}
END_TEST

/* --- directories ------------------------------------------------------------------------------ */

START_TEST(replicas_in_a_failed_directory_leave_the_isr)
{
    struct world w;
    bool more;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    world_topic_on(&w, "other", IDS(2, 1));
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    struct uuid dir = image_broker(&w.img, 1)->log_dirs[0], other = { { 5, 5 } };
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert(uuid_eq(&p->directories[0], &dir));
    ck_assert_int_eq(isr_change_assign_dir(&w.img, &w.policy, &t->id, 3, 1, &dir, &w.recs),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_int_eq(isr_change_assign_dir(&w.img, &w.policy, &other, 0, 1, &dir, &w.recs),
                     KAFKA_UNKNOWN_TOPIC_ID);
    ck_assert_int_eq(isr_change_assign_dir(&w.img, &w.policy, &t->id, 0, 3, &dir, &w.recs),
                     KAFKA_NOT_LEADER_OR_FOLLOWER);
    broker_change_offline_dirs(&w.img, &w.policy, 1, &other, 1, &w.recs, &more);
    ck_assert_uint_eq(w.recs.count, 0);
    broker_change_offline_dirs(&w.img, &w.policy, 1, &dir, 1, &w.recs, &more);
    world_apply(&w);
    ck_assert_int_eq(p->leader, 2);
    ck_assert_ids(p->isr, p->isr_count, 2);
    p = world_partition(&w, "other", 0);
    ck_assert_ids(p->isr, p->isr_count, 2);
    world_deinit(&w);
}
END_TEST

START_TEST(last_directory_that_fails_is_told_once)
{
    struct world w;
    bool more;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    struct uuid dir = image_broker(&w.img, 1)->log_dirs[0], other = { { 5, 5 } };
    ck_assert(!broker_change_leaves_no_dir(&w.img, 1, &other, 1));
    ck_assert(!broker_change_leaves_no_dir(&w.img, 1, NULL, 0));
    ck_assert(broker_change_leaves_no_dir(&w.img, 1, &dir, 1));
    broker_change_offline_dirs(&w.img, &w.policy, 1, &dir, 1, &w.recs, &more);
    ck_assert_uint_gt(w.recs.count, 0);
    world_apply(&w);
    broker_change_offline_dirs(&w.img, &w.policy, 1, &dir, 1, &w.recs, &more);
    ck_assert_uint_eq(w.recs.count, 0); /* an empty list would change nothing, for ever */
    world_deinit(&w);
}
END_TEST

START_TEST(replica_that_moved_to_an_offline_directory_leaves_the_isr)
{
    struct world w;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    const struct image_topic *t = image_topic(&w.img, slice_str("logs"));
    ck_assert_int_eq(isr_change_assign_dir(&w.img, &w.policy, &t->id, 0, 1, &directory_lost,
                                           &w.recs),
                     KAFKA_NONE);
    world_apply(&w);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert(uuid_eq(&p->directories[0], &directory_lost));
    ck_assert_int_eq(p->leader, 2);
    world_deinit(&w);
}
END_TEST

Suite *controller_isr_suite(void);

Suite *controller_isr_suite(void)
{
    Suite *s = suite_create("controller isr");
    TCase *tc = tcase_create("isr");
    tcase_add_test(tc, wishes_at_other_epochs_are_refused_with_kafkas_codes);
    tcase_add_test(tc, isr_of_a_leader_changes_without_a_new_leader_epoch);
    tcase_add_test(tc, who_leaves_a_small_isr_stays_eligible_until_it_is_large_again);
    tcase_add_test(tc, broker_back_from_an_unclean_end_is_not_eligible);
    tcase_add_test(tc, last_leader_leads_when_nobody_is_eligible_and_says_that_it_recovers);
    tcase_add_test(tc, last_leader_is_known_though_somebody_in_sync_outlived_it);
    tcase_add_test(tc, without_eligible_replicas_the_last_of_the_isr_stays_in_it);
    tcase_add_test(tc, changed_min_isr_clears_who_was_eligible_under_the_old_one);
    tcase_add_test(tc, partition_without_a_leader_keeps_who_is_eligible_when_min_isr_changes);
    tcase_add_test(tc, who_leads_after_min_isr_fell_is_the_only_one_eligible);
    tcase_add_loop_test(tc, configuration_of_a_node_decides_min_isr_only_without_eligible_replicas,
                        0, 2);
    tcase_add_test(tc, configuration_of_the_controller_becomes_the_clusters_where_it_has_none);
    tcase_add_test(tc, no_broker_keeps_a_min_isr_of_its_own);
    tcase_add_test(tc, preferred_leader_is_elected_only_when_it_is_in_sync);
    tcase_add_test(tc, unclean_leader_is_elected_only_when_asked_for_or_configured);
    tcase_add_test(tc, balancer_gives_the_lead_back_where_a_broker_lacks_too_many);
    tcase_add_test(tc, replicas_in_a_failed_directory_leave_the_isr);
    tcase_add_test(tc, last_directory_that_fails_is_told_once);
    tcase_add_test(tc, replica_that_moved_to_an_offline_directory_leaves_the_isr);
    suite_add_tcase(s, tc);
    return s;
}
