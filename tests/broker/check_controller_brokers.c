/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller_brokers.c - brokers come and go: registration, heartbeats, features. */
#include "tests/broker/check_controller_world.h"

#define SECOND 1000000000ull

/* --- registration ----------------------------------------------------------------------------- */

static struct broker_registration_request request(int32_t id, uint8_t incarnation)
{
    static struct broker_registration_request_feature features[] = {
        { { .ptr = (const uint8_t *)"metadata.version", .len = 16 },
          METADATA_VERSION_MIN,
          METADATA_VERSION },
        { { .ptr = (const uint8_t *)"eligible.leader.replicas.version", .len = 32 }, 0, 1 },
    };
    static struct uuid dir = { { [3] = 9 } };
    struct broker_registration_request req;
    schema_init(&broker_registration_request_schema, &req);
    req.broker_id = id;
    req.cluster_id = slice_str("cluster");
    req.incarnation_id = (struct uuid){ { incarnation } };
    req.features = features;
    req.features_n = 2;
    req.log_dirs = &dir;
    req.log_dirs_n = 1;
    return req;
}

static enum kafka_error ask(struct world *w, const struct broker_registration_request *req,
                            bool lives, int64_t *ret_epoch)
{
    struct broker_registration how = { .request = req,
                                       .cluster_id = slice_str("cluster"),
                                       .session_lives = lives,
                                       .next_offset = w->img.end_offset };
    struct error err = { 0 };
    bool more;
    enum kafka_error code =
        broker_change_register(&w->img, &w->policy, &how, &w->recs, ret_epoch, &more, &err);
    ck_assert_int_eq(code != KAFKA_NONE, err.text[0] != '\0');
    ck_assert(!code || w->recs.count == 0);
    world_apply(w);
    return code;
}

START_TEST(second_incarnation_waits_until_the_first_ones_session_ends)
{
    struct world w;
    int64_t first = -1, again = -1, second = -1;
    world_init(&w, true);
    struct broker_registration_request a = request(1, 1), b = request(1, 2);
    ck_assert_int_eq(ask(&w, &a, false, &first), KAFKA_NONE);
    ck_assert_int_eq(first, image_broker(&w.img, 1)->registration_offset);
    world_unfence(&w, 1);
    ck_assert_int_eq(ask(&w, &b, true, &second), KAFKA_DUPLICATE_BROKER_REGISTRATION);
    /* The same process asks again: its epoch stays, and so does its state. */
    ck_assert_int_eq(ask(&w, &a, true, &again), KAFKA_NONE);
    ck_assert_int_eq(again, first);
    ck_assert(!image_broker(&w.img, 1)->fenced);
    ck_assert_int_eq(ask(&w, &b, false, &second), KAFKA_NONE);
    ck_assert_int_gt(second, first);
    ck_assert(image_broker(&w.img, 1)->fenced);
    world_deinit(&w);
}
END_TEST

START_TEST(who_asks_again_as_it_is_known_waits_for_no_commit)
{
    struct world w;
    int64_t first = -1, again = -1;
    struct uuid dirs[] = { { { [3] = 9 } }, { { [3] = 10 } } };
    world_init(&w, true);
    struct broker_registration_request req = request(1, 1);
    ck_assert_int_eq(ask(&w, &req, false, &first), KAFKA_NONE);
    int64_t end = w.img.end_offset;
    ck_assert_int_eq(ask(&w, &req, true, &again), KAFKA_NONE);
    ck_assert_int_eq(again, first);
    ck_assert_int_eq(w.img.end_offset, end);
    req.log_dirs = dirs; /* what is new is written */
    req.log_dirs_n = 2;
    ck_assert_int_eq(ask(&w, &req, true, &again), KAFKA_NONE);
    ck_assert_int_eq(again, first);
    ck_assert_int_eq(w.img.end_offset, end + 1);
    ck_assert_int_eq(image_broker(&w.img, 1)->log_dir_count, 2);

    struct controller_registration_request own;
    struct error err;
    schema_init(&controller_registration_request_schema, &own);
    own.controller_id = 1;
    for (uint8_t run = 1; run <= 2; run++) {
        own.incarnation_id = (struct uuid){ { run } };
        for (uint32_t asked = 0; asked < 2; asked++) {
            ck_assert_int_eq(broker_change_register_controller(&w.img, &own, &w.recs, &err),
                             KAFKA_NONE);
            ck_assert_uint_eq(w.recs.count, asked ? 0 : 1);
            world_apply(&w);
        }
    }
    world_deinit(&w);
}
END_TEST

START_TEST(sole_voter_that_comes_back_leads_in_no_epoch_it_has_led)
{
    struct world w;
    bool more = false;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "shared", IDS(1, 2));
    world_topic_on(&w, "small", IDS(1, 2));
    world_topic_on(&w, "own", IDS(1));
    ck_assert_int_eq(world_isr(&w, "small", 0, IDS(1)), KAFKA_NONE);
    const struct image_partition *shared = world_partition(&w, "shared", 0);
    const struct image_partition *small = world_partition(&w, "small", 0);
    const struct image_partition *own = world_partition(&w, "own", 0);
    broker_change_return(&w.img, &w.policy, 1, -1, &w.recs, &more);
    ck_assert(!more);
    world_apply(&w);
    ck_assert_int_eq(shared->leader, 2);
    ck_assert_ids(shared->isr, shared->isr_count, 2);
    ck_assert_int_ne(small->leader, 1);
    ck_assert_int_eq(small->leader_epoch, 1);
    ck_assert_int_eq(own->leader, 1); /* nobody else has what it may have lost */
    ck_assert_int_eq(own->leader_epoch, 0);
    world_deinit(&w);
}
END_TEST

START_TEST(registrations_are_refused_with_kafkas_codes)
{
    struct world w;
    int64_t epoch;
    world_init(&w, true);
    world_brokers(&w, 2);
    struct broker_registration_request req = request(5, 1);
    req.cluster_id = slice_str("another");
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_INCONSISTENT_CLUSTER_ID);
    req = request(5, 1);
    req.log_dirs_n = 0;
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_INVALID_REGISTRATION);
    struct uuid dirs[] = { { { [3] = 9 } }, { { [3] = 9 } } };
    req.log_dirs = dirs;
    req.log_dirs_n = 2;
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_INVALID_REGISTRATION);
    dirs[0] = directory_lost;
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_INVALID_REGISTRATION);
    dirs[0] = image_broker(&w.img, 2)->log_dirs[0];
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_INVALID_REGISTRATION);
    req = request(5, 1);
    req.features_n = 1; /* nothing about eligible replicas: level 0 only */
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_UNSUPPORTED_VERSION);
    struct broker_registration_request_feature old = { slice_str("metadata.version"), 7, 22 };
    req.features = &old;
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_UNSUPPORTED_VERSION);
    req = request(5, 1);
    req.is_migrating_zk_broker = true;
    ck_assert_int_eq(ask(&w, &req, false, &epoch), KAFKA_BROKER_ID_NOT_REGISTERED);
    world_deinit(&w);
}
END_TEST

START_TEST(change_for_another_incarnation_is_refused_by_the_image)
{
    struct world w;
    struct image_change change;
    world_init(&w, true);
    world_brokers(&w, 1);
    struct broker_registration_change_record rec;
    schema_init(&broker_registration_change_record_schema, &rec);
    rec.broker_id = 1;
    rec.broker_epoch = image_broker(&w.img, 1)->epoch + 1;
    rec.fenced = 1;
    metadata_records_add(&w.recs, &broker_registration_change_record_schema, 1, &rec);
    ck_assert_int_eq(image_apply(&w.img, metadata_records_at(&w.recs, 0), 99, &change),
                     ERR_CORRUPT);
    ck_assert(!image_broker(&w.img, 1)->fenced);
    world_deinit(&w);
}
END_TEST

START_TEST(unregistered_broker_is_in_no_isr_and_unknown)
{
    struct world w;
    struct error err;
    bool more;
    world_init(&w, true);
    world_brokers(&w, 3);
    world_topic_on(&w, "logs", IDS(3, 1, 2));
    ck_assert_int_eq(broker_change_unregister(&w.img, &w.policy, 3, &w.recs, &more, &err),
                     KAFKA_NONE);
    world_apply(&w);
    const struct image_partition *p = world_partition(&w, "logs", 0);
    ck_assert_int_eq(p->leader, 1);
    ck_assert_ids(p->isr, p->isr_count, 1, 2);
    ck_assert_ptr_null(image_broker(&w.img, 3));
    ck_assert_int_eq(broker_change_unregister(&w.img, &w.policy, 3, &w.recs, &more, &err),
                     KAFKA_BROKER_ID_NOT_REGISTERED);
    ck_assert_int_eq(broker_change_check_epoch(&w.img, 3, 1, &err), KAFKA_STALE_BROKER_EPOCH);
    world_deinit(&w);
}
END_TEST

/* --- heartbeats ------------------------------------------------------------------------------- */

static enum broker_control_state beat(struct world *w, struct heartbeats *h, int32_t id,
                                      int64_t offset, bool fence, bool shutdown)
{
    struct heartbeat_wish wish = { offset, fence, shutdown };
    enum broker_control_state now, next;
    heartbeats_decide(h, &w->img, id, &wish, image_leader_count(&w->img, id) > 0, &now, &next);
    return next;
}

START_TEST(broker_is_unfenced_when_it_has_read_its_registration)
{
    struct world w;
    struct heartbeats h;
    world_init(&w, true);
    heartbeats_init(&h, 9 * SECOND);
    world_register(&w, 1, NULL, -1);
    heartbeats_begin(&h, &w.img, 0);
    int64_t at = image_broker(&w.img, 1)->registration_offset;
    ck_assert_int_eq(beat(&w, &h, 1, at - 1, false, false), BROKER_CONTROL_FENCED);
    ck_assert_int_eq(beat(&w, &h, 1, at, true, false), BROKER_CONTROL_FENCED);
    ck_assert_int_eq(beat(&w, &h, 1, at, false, false), BROKER_CONTROL_UNFENCED);
    ck_assert_int_eq(beat(&w, &h, 1, at, false, true), BROKER_CONTROL_SHUTDOWN_NOW);
    heartbeats_deinit(&h);
    world_deinit(&w);
}
END_TEST

START_TEST(silent_brokers_are_overdue_one_after_the_other)
{
    struct world w;
    struct heartbeats h;
    world_init(&w, true);
    world_brokers(&w, 3);
    heartbeats_init(&h, 9 * SECOND);
    heartbeats_begin(&h, &w.img, 100);
    ck_assert_uint_eq(heartbeats_deadline_ns(&h), 100 + 9 * SECOND + 1);
    ck_assert_int_eq(heartbeats_overdue(&h, 100 + 9 * SECOND), -1);
    heartbeats_touch(&h, 2, 5, 50 + SECOND);
    heartbeats_touch(&h, 1, 5, 60 + SECOND);
    ck_assert(heartbeats_has_session(&h, 3, 100 + 9 * SECOND));
    ck_assert_int_eq(heartbeats_overdue(&h, 101 + 9 * SECOND), 3);
    ck_assert(!heartbeats_has_session(&h, 3, 101 + 9 * SECOND));
    world_fence(&w, 3);
    heartbeats_follow(&h, &w.img, 3, 0);
    ck_assert_int_eq(heartbeats_overdue(&h, 101 + 9 * SECOND), -1);
    ck_assert_int_eq(heartbeats_overdue(&h, 51 + 10 * SECOND), 2);
    /* What was heard of broker 2 is older, or not. */
    heartbeats_silent_since(&h, 2, 60 + SECOND);
    ck_assert_int_eq(heartbeats_overdue(&h, 51 + 10 * SECOND), 2);
    heartbeats_silent_since(&h, 1, 40 + SECOND);
    ck_assert_int_eq(heartbeats_overdue(&h, 41 + 10 * SECOND), 1);
    heartbeats_touch(&h, 1, 5, 60 + SECOND);
    ck_assert_int_eq(heartbeats_overdue(&h, 50 + 10 * SECOND), -1);
    /* Somebody has seen that broker 1 is gone. */
    heartbeats_expire(&h, 1);
    ck_assert_int_eq(heartbeats_overdue(&h, SECOND), 1);
    ck_assert(!heartbeats_has_session(&h, 1, SECOND));
    heartbeats_touch(&h, 1, 5, 2 * SECOND); /* it is not */
    ck_assert_int_eq(heartbeats_overdue(&h, 2 * SECOND), -1);
    heartbeats_deinit(&h);
    world_deinit(&w);
}
END_TEST

START_TEST(broker_may_go_when_its_leaders_have_moved_and_all_know)
{
    struct world w;
    struct heartbeats h;
    bool more;
    world_init(&w, true);
    world_brokers(&w, 2);
    world_topic_on(&w, "logs", IDS(1, 2));
    heartbeats_init(&h, 9 * SECOND);
    heartbeats_begin(&h, &w.img, 0);
    ck_assert_int_eq(beat(&w, &h, 1, 99, false, true), BROKER_CONTROL_SHUTTING_DOWN);
    broker_change_shut_down(&w.img, &w.policy, 1, &w.recs, &more);
    world_apply(&w);
    heartbeats_shutdown_offset(&h, 1, w.img.end_offset - 1);
    ck_assert_int_eq(world_partition(&w, "logs", 0)->leader, 2);
    ck_assert(!image_broker(&w.img, 1)->fenced);
    ck_assert_int_eq(beat(&w, &h, 1, 99, false, true), BROKER_CONTROL_SHUTTING_DOWN);
    heartbeats_touch(&h, 2, w.img.end_offset - 2, 0);
    ck_assert_int_eq(beat(&w, &h, 1, 99, false, true), BROKER_CONTROL_SHUTTING_DOWN);
    heartbeats_touch(&h, 2, w.img.end_offset - 1, 0);
    ck_assert_int_eq(beat(&w, &h, 1, 99, false, true), BROKER_CONTROL_SHUTDOWN_NOW);
    /* Nobody in controlled shutdown enters an ISR. */
    ck_assert_int_eq(world_isr(&w, "logs", 0, IDS(2, 1)), KAFKA_INELIGIBLE_REPLICA);
    heartbeats_deinit(&h);
    world_deinit(&w);
}
END_TEST

/* --- features --------------------------------------------------------------------------------- */

static enum kafka_error level(struct world *w, const char *name, int16_t to, int8_t type)
{
    struct error err = { 0 };
    const int32_t voters[] = { 1 };
    enum kafka_error code =
        feature_change(&w->img, slice_str(name), to, type, voters, 1, &w->recs, &err);
    ck_assert_int_eq(code != KAFKA_NONE, err.text[0] != '\0');
    world_apply(w);
    return code;
}

static void register_controller(struct world *w)
{
    struct controller_registration_request req;
    struct controller_registration_request_feature f = {
        slice_str("eligible.leader.replicas.version"), 0, 1
    };
    struct error err;
    schema_init(&controller_registration_request_schema, &req);
    req.controller_id = 1;
    req.features = &f;
    req.features_n = 1;
    ck_assert_int_eq(broker_change_register_controller(&w->img, &req, &w->recs, &err), KAFKA_NONE);
    world_apply(w);
}

START_TEST(level_is_finalized_only_when_every_node_supports_it)
{
    static const char elr[] = "eligible.leader.replicas.version";
    struct world w;
    world_init(&w, false);
    world_brokers(&w, 2);
    ck_assert_int_eq(level(&w, elr, 1, FEATURE_UPGRADE), KAFKA_INVALID_UPDATE_VERSION);
    register_controller(&w);
    ck_assert_int_eq(level(&w, elr, 2, FEATURE_UPGRADE), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, elr, -1, FEATURE_UPGRADE), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, "share.version", 1, FEATURE_UPGRADE), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, elr, 1, FEATURE_DOWNGRADE_SAFE), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, elr, 1, 7), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, elr, 1, FEATURE_UPGRADE), KAFKA_NONE);
    ck_assert(image_elr_enabled(&w.img));
    ck_assert_int_eq(level(&w, elr, 0, FEATURE_UPGRADE), KAFKA_INVALID_UPDATE_VERSION);
    ck_assert_int_eq(level(&w, elr, 0, FEATURE_DOWNGRADE_SAFE), KAFKA_NONE);
    ck_assert_int_eq(level(&w, "metadata.version", 20, FEATURE_DOWNGRADE_UNSAFE),
                     KAFKA_INVALID_UPDATE_VERSION);
    world_check_snapshot(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(records_have_the_versions_that_the_oldest_node_reads)
{
    static const struct {
        const struct schema *schema;
        int16_t metadata_version, version;
    } cases[] = {
        { &register_broker_record_schema, 7, 1 },
        { &register_broker_record_schema, 8, 2 },
        { &register_broker_record_schema, 17, 3 },
        { &register_broker_record_schema, 29, 3 },
        { &register_broker_record_schema, 30, 4 },
        { &partition_record_schema, 16, 0 },
        { &partition_record_schema, 17, 1 },
        { &partition_record_schema, 22, 1 },
        { &partition_record_schema, 23, 2 },
        { &partition_change_record_schema, 16, 0 },
        { &partition_change_record_schema, 17, 1 },
        { &partition_change_record_schema, 23, 2 },
        { &broker_registration_change_record_schema, 7, 1 },
        { &broker_registration_change_record_schema, 17, 2 },
        { &topic_record_schema, 30, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(metadata_record_version(cases[i].schema, cases[i].metadata_version),
                         cases[i].version);
    }
}
END_TEST

/* --- transactions, and what is only kept ------------------------------------------------------ */

static enum metadata_transaction_step feed(struct metadata_transaction *t,
                                           const struct schema *schema, int64_t offset)
{
    struct metadata_records one = { 0 };
    struct arena arena;
    enum metadata_transaction_step step;
    arena_init(&arena, 1 << 16);
    metadata_records_add(&one, schema, 0, schema_new(schema, &arena, 1));
    ck_assert_int_eq(metadata_transaction_feed(t, metadata_records_at(&one, 0), offset, &step),
                     ERR_OK);
    metadata_records_deinit(&one);
    arena_deinit(&arena);
    return step;
}

START_TEST(records_of_a_transaction_count_together_or_not_at_all)
{
    struct metadata_transaction t = { 0 };
    struct slice rec;
    int64_t offset;
    ck_assert_int_eq(feed(&t, &no_op_record_schema, 1), TRANSACTION_APPLY);
    ck_assert_int_eq(feed(&t, &begin_transaction_record_schema, 2), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &no_op_record_schema, 3), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &abort_transaction_record_schema, 4), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &no_op_record_schema, 5), TRANSACTION_APPLY);
    ck_assert_int_eq(feed(&t, &begin_transaction_record_schema, 6), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &no_op_record_schema, 7), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &topic_record_schema, 9), TRANSACTION_HELD);
    ck_assert_int_eq(feed(&t, &end_transaction_record_schema, 10), TRANSACTION_ENDED);
    ck_assert(metadata_transaction_held(&t, 0, &rec, &offset));
    ck_assert_int_eq(offset, 7);
    ck_assert(metadata_transaction_held(&t, 1, &rec, &offset));
    ck_assert_int_eq(offset, 9);
    ck_assert_int_eq(metadata_record_type(rec), topic_record_schema.key);
    ck_assert(!metadata_transaction_held(&t, 2, &rec, &offset));
    enum metadata_transaction_step step;
    static const uint8_t end[] = { 1, 24, 0, 0 };
    ck_assert_int_eq(metadata_transaction_feed(&t, slice_of(end, 4), 11, &step), ERR_CORRUPT);
    metadata_transaction_deinit(&t);
}
END_TEST

START_TEST(records_that_nobody_looks_into_are_kept_for_the_snapshot)
{
    struct world w;
    world_init(&w, true);
    struct user_scram_credential_record scram;
    struct remove_user_scram_credential_record gone;
    schema_init(&user_scram_credential_record_schema, &scram);
    scram.name = slice_str("alice");
    scram.mechanism = 1;
    metadata_records_add(&w.recs, &user_scram_credential_record_schema, 0, &scram);
    scram.name = slice_str("bob");
    metadata_records_add(&w.recs, &user_scram_credential_record_schema, 0, &scram);
    world_apply(&w);
    ck_assert_uint_eq(w.img.kept.count, 2);
    world_check_snapshot(&w);
    schema_init(&remove_user_scram_credential_record_schema, &gone);
    gone.name = slice_str("alice");
    gone.mechanism = 1;
    metadata_records_add(&w.recs, &remove_user_scram_credential_record_schema, 0, &gone);
    world_apply(&w);
    ck_assert_uint_eq(w.img.kept.count, 1);
    world_deinit(&w);
}
END_TEST

Suite *controller_brokers_suite(void);

Suite *controller_brokers_suite(void)
{
    Suite *s = suite_create("controller brokers");
    TCase *tc = tcase_create("brokers");
    tcase_add_test(tc, second_incarnation_waits_until_the_first_ones_session_ends);
    tcase_add_test(tc, who_asks_again_as_it_is_known_waits_for_no_commit);
    tcase_add_test(tc, sole_voter_that_comes_back_leads_in_no_epoch_it_has_led);
    tcase_add_test(tc, registrations_are_refused_with_kafkas_codes);
    tcase_add_test(tc, change_for_another_incarnation_is_refused_by_the_image);
    tcase_add_test(tc, unregistered_broker_is_in_no_isr_and_unknown);
    tcase_add_test(tc, broker_is_unfenced_when_it_has_read_its_registration);
    tcase_add_test(tc, silent_brokers_are_overdue_one_after_the_other);
    tcase_add_test(tc, broker_may_go_when_its_leaders_have_moved_and_all_know);
    tcase_add_test(tc, level_is_finalized_only_when_every_node_supports_it);
    tcase_add_test(tc, records_have_the_versions_that_the_oldest_node_reads);
    tcase_add_test(tc, records_of_a_transaction_count_together_or_not_at_all);
    tcase_add_test(tc, records_that_nobody_looks_into_are_kept_for_the_snapshot);
    suite_add_tcase(s, tc);
    return s;
}
