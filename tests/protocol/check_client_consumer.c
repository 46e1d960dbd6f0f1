/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_consumer.c - where a consumer begins, what it does with damaged or missing records,
 * and how it goes on, against scripted brokers. SEEDS=5000 for more of the loop by chance. */
#include "protocol/client/consumer_internal.h"
#include "tests/protocol/consumer_rig.h"

#include <check.h>
#include <stdlib.h>

Suite *client_consumer_suite(void);

static const struct consumer_config earliest = { .group_id = "g",
                                                 .offset_reset = OFFSET_RESET_EARLIEST };
static const struct consumer_config latest = { .group_id = "g",
                                               .offset_reset = OFFSET_RESET_LATEST };
static const struct consumer_config none = { .group_id = "g", .offset_reset = OFFSET_RESET_NONE };

static void begin_everywhere(struct consumer_rig *r, int64_t offset)
{
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r->start[i] = offset;
    }
}

START_TEST(every_record_is_given_once_and_in_order)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 1, 500);
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 2000);
    ck_assert_uint_eq(r.troubles, 0);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_int_eq(r.last_end[i], 500);
    }
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(without_a_committed_offset_the_policy_decides)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 2, 95);
    begin_everywhere(&r, 95);
    consumer_rig_start(&r, latest);
    consumer_rig_run(&r, 2ull * NS_PER_S);
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        fake_partition_append(&r.cluster.partitions[i], 95 * FAKE_PARTITIONS + i);
    }
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 4);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(without_a_policy_a_partition_waits_for_a_seek)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 3, 50);
    consumer_rig_start(&r, none);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 0);
    ck_assert_uint_eq(r.troubles, FAKE_PARTITIONS);
    ck_assert_int_eq(r.trouble, KAFKA_OFFSET_OUT_OF_RANGE);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        consumer_seek(r.consumer, r.parts[i], 0);
    }
    consumer_rig_finish(&r, 30);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_committed_offset_below_the_log_is_reset_by_policy)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 4, 200);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.group.committed[i] = 20;
        r.cluster.partitions[i].log_start = 73;
    }
    begin_everywhere(&r, 73);
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 4 * (200 - 73));
    ck_assert_uint_eq(r.lost, 0);
    consumer_rig_deinit(&r);
}
END_TEST

/* The log was made anew, so the offsets of the group mean nothing: were the old ones to stand, a
 * restart would begin behind records that nobody was given. */
START_TEST(a_log_shorter_than_the_committed_offset_is_committed_anew)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 5, 60);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.group.committed[i] = 500;
    }
    consumer_rig_start(&r, earliest);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_int_eq(r.given[i], 60);
        ck_assert_int_eq(r.cluster.group.committed[i], 60);
    }
    ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
    ck_assert_uint_eq(r.assigned, 2 * FAKE_PARTITIONS);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(out_of_range_without_a_policy_is_told_and_waits)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 6, 60);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.group.committed[i] = 500;
    }
    consumer_rig_start(&r, none);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    ck_assert_uint_eq(r.troubles, FAKE_PARTITIONS);
    ck_assert_uint_eq(r.records, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_moved_leader_is_found)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 7, 500);
    consumer_rig_start(&r, earliest);
    consumer_rig_run(&r, 20 * NS_PER_MS);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.partitions[i].leader = (r.cluster.partitions[i].leader + 1) % FAKE_NODES;
        r.cluster.partitions[i].leader_epoch++;
    }
    consumer_rig_finish(&r, 10);
    ck_assert_uint_eq(r.records, 2000);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_topic_made_anew_is_read_from_its_start)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 8, 300);
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 10);
    r.cluster.topic_id.bytes[3]++;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.partitions[i].count = 40;
        r.cluster.partitions[i].leader_epoch = 0;
    }
    consumer_rig_run(&r, 10ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 1200 + 160);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_int_eq(r.cluster.group.committed[i], 40);
    }
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_topic_made_anew_and_longer_is_read_from_its_start_too)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 21, 300);
    consumer_rig_start(&r, latest);
    begin_everywhere(&r, 300);
    consumer_rig_run(&r, 5ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 0);
    r.cluster.topic_id.bytes[3]++;
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        for (uint64_t j = 300; j < 350; j++) {
            fake_partition_append(&r.cluster.partitions[i], j * FAKE_PARTITIONS + i);
        }
    }
    consumer_rig_run(&r, 10ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 4 * 350);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_int_eq(r.cluster.group.committed[i], 350);
    }
    consumer_rig_deinit(&r);
}
END_TEST

/* An unclean election: the new leader lacks records that were read, and has others there by now. */
static void cut_and_append(struct consumer_rig *r, size_t cut, size_t count)
{
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        struct fake_partition *p = &r->cluster.partitions[i];
        p->leader = (p->leader + 1) % FAKE_NODES;
        p->leader_epoch++;
        p->count = cut;
        while (p->count < count) {
            fake_partition_append(p, p->count * FAKE_PARTITIONS + i);
        }
    }
}

START_TEST(a_log_that_was_cut_is_read_on_from_the_cut)
{
    static const struct {
        int16_t error;
        enum fake_act act;
        int times;
    } rows[] = {
        { 0, FAKE_ERROR, 0 },
        { KAFKA_FENCED_LEADER_EPOCH, FAKE_ERROR, 3 },
        { KAFKA_UNKNOWN_LEADER_EPOCH, FAKE_ERROR, 3 },
        { KAFKA_NOT_LEADER_OR_FOLLOWER, FAKE_ERROR, 3 },
        { KAFKA_OFFSET_NOT_AVAILABLE, FAKE_ERROR, 3 },
        { 0, FAKE_CLOSE, 3 },
        { 0, FAKE_HANG, 1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct consumer_rig r;
        consumer_rig_init(&r, 40 + i, 100);
        consumer_rig_start(&r, earliest);
        consumer_rig_finish(&r, 10);
        consumer_rig_script(&r, API_OffsetForLeaderEpoch, rows[i].act, rows[i].error,
                            rows[i].times);
        cut_and_append(&r, 64, 150);
        consumer_rig_run(&r, 10ull * NS_PER_S);
        ck_assert_uint_eq(r.records, 4 * (100 + 150 - 64));
        ck_assert_uint_eq(r.lost, FAKE_PARTITIONS);
        for (int j = 0; j < FAKE_PARTITIONS; j++) {
            ck_assert_int_eq(r.cluster.group.committed[j], 150);
        }
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_new_leader_with_the_same_records_is_read_on)
{
    for (int lacks = 0; lacks < 2; lacks++) {
        struct consumer_rig r;
        consumer_rig_init(&r, 50, 100);
        r.cluster.lacks = lacks ? API_OffsetForLeaderEpoch : -1;
        consumer_rig_start(&r, earliest);
        consumer_rig_finish(&r, 10);
        for (size_t end = 120; end <= 200; end += 20) {
            cut_and_append(&r, end - 20, end);
            consumer_rig_finish(&r, 10);
        }
        ck_assert_uint_eq(r.records, 4 * 200);
        ck_assert_uint_eq(r.lost, 0);
        ck_assert_uint_eq(r.cluster.epoch_requests, lacks ? 0 : 5 * FAKE_PARTITIONS);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_log_that_was_cut_without_a_policy_is_told_and_waits)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 51, 100);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.group.committed[i] = 0;
    }
    consumer_rig_start(&r, none);
    consumer_rig_finish(&r, 10);
    cut_and_append(&r, 64, 150);
    consumer_rig_run(&r, 10ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 400);
    ck_assert_uint_eq(r.troubles, FAKE_PARTITIONS);
    ck_assert_int_eq(r.trouble, KAFKA_OFFSET_OUT_OF_RANGE);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_topic_missing_for_a_moment_is_read_on)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 9, 300);
    consumer_rig_start(&r, earliest);
    consumer_rig_run(&r, 15 * NS_PER_MS);
    r.cluster.topic_gone = 4;
    client_refresh(r.client);
    consumer_rig_run(&r, 300 * NS_PER_MS);
    ck_assert_int_lt(r.cluster.topic_gone, 4);
    consumer_rig_finish(&r, 20);
    ck_assert_uint_eq(r.lost, 0);
    ck_assert_uint_eq(r.records, 1200);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_wrong_checksum_is_told_and_fetched_again)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 10, 200);
    r.cluster.faults.corrupt = 1000;
    consumer_rig_start(&r, earliest);
    consumer_rig_run(&r, 3ull * NS_PER_S);
    ck_assert_int_eq(r.trouble, KAFKA_CORRUPT_MESSAGE);
    ck_assert_uint_le(r.troubles, 20);
    ck_assert_uint_lt(r.cluster.fetch_requests, 100);
    r.cluster.faults.corrupt = 0;
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 800);
    consumer_rig_deinit(&r);
}
END_TEST

/* The base offset is outside of the checksum. Whatever it says, no record is skipped. */
START_TEST(a_batch_at_a_wrong_offset_is_told_and_fetched_again)
{
    static const struct {
        int which;
        int64_t by;
    } rows[] = {
        { 0, 1ll << 40 }, { 0, 200 }, { 0, 5 }, { 0, -10 }, { 1, -3 }, { 1, 4 }, { 2, 1ll << 33 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct consumer_rig r;
        consumer_rig_init(&r, 30 + i, 200);
        r.cluster.group.committed[0] = r.cluster.group.committed[3] = 20;
        r.start[0] = r.start[3] = 20;
        r.cluster.misplaced = rows[i].which;
        r.cluster.misplaced_by = rows[i].by;
        consumer_rig_start(&r, earliest);
        consumer_rig_run(&r, 3ull * NS_PER_S);
        ck_assert_uint_eq(r.records, 0);
        ck_assert_int_eq(r.trouble, KAFKA_CORRUPT_MESSAGE);
        ck_assert_uint_lt(r.cluster.fetch_requests, 100);
        r.cluster.misplaced_by = 0;
        consumer_rig_finish(&r, 30);
        ck_assert_uint_eq(r.records, 2 * 200 + 2 * 180);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(a_cut_last_batch_is_fetched_again)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 11, 200);
    r.cluster.faults.cut = 700;
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 60);
    ck_assert_uint_eq(r.records, 800);
    ck_assert_uint_eq(r.troubles, 0);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_batch_above_the_limit_is_read)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 12, 1000);
    r.cluster.batch_records = 500;
    struct consumer_config cfg = earliest;
    cfg.partition_bytes_max = 1000;
    consumer_rig_start(&r, cfg);
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 4000);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_batch_that_is_cut_at_the_limit_raises_the_limit)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 13, 1000);
    r.cluster.batch_records = 500;
    r.cluster.cut_at_limit = true;
    struct consumer_config cfg = earliest;
    cfg.partition_bytes_max = 1000;
    consumer_rig_start(&r, cfg);
    consumer_rig_finish(&r, 30);
    ck_assert_uint_eq(r.records, 4000);
    ck_assert_uint_lt(r.cluster.fetch_requests, 100);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_paused_partition_gives_nothing_and_goes_on_where_it_was)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 14, 400);
    consumer_rig_start(&r, earliest);
    while (r.records == 0) {
        ck_assert(fake_env_step(&r.env));
    }
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        consumer_pause(r.consumer, r.parts[i]);
    }
    uint64_t then = r.records, asked = 0;
    consumer_rig_run(&r, 2ull * NS_PER_S);
    ck_assert_uint_eq(r.records, then);
    asked = r.cluster.fetch_requests;
    consumer_rig_run(&r, 20ull * NS_PER_S);
    ck_assert_uint_eq(r.cluster.fetch_requests, asked);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        consumer_resume(r.consumer, r.parts[i]);
    }
    consumer_rig_finish(&r, 10);
    ck_assert_uint_eq(r.records, 1600);
    consumer_rig_deinit(&r);
}
END_TEST

static void seek_to(struct consumer_rig *r, int32_t partition, int64_t offset)
{
    r->next[partition] = offset >= 0 ? offset : -1;
    consumer_seek(r->consumer, r->parts[partition], offset);
}

START_TEST(a_seek_drops_the_fetch_in_flight)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct consumer_rig r;
        consumer_rig_init(&r, seed, 300);
        consumer_rig_start(&r, earliest);
        while (r.records < 100 + seed * 10) {
            ck_assert(fake_env_step(&r.env));
        }
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            seek_to(&r, i, seed % 2 && r.given[i] >= 3 ? 3 : OFFSET_EARLIEST);
        }
        consumer_rig_finish(&r, 30);
        ck_assert_uint_gt(r.records, 1200);
        consumer_rig_deinit(&r);
    }
}
END_TEST

/* The fetch fails after the seek: the partition must not wait for its answer. */
START_TEST(a_seek_to_the_start_outlives_a_failing_fetch)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 16, 100);
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 30);
    consumer_rig_script(&r, API_Fetch, FAKE_HANG, 0, FAKE_NODES);
    consumer_rig_run(&r, NS_PER_S); /* long polls are in flight now, and will not be answered */
    ck_assert_int_eq(r.cluster.script.times, 0);
    seek_to(&r, 0, OFFSET_EARLIEST);
    consumer_rig_run(&r, 20ull * NS_PER_S);
    ck_assert_uint_eq(r.records, 500);
    consumer_rig_deinit(&r);
}
END_TEST

static void see_ahead(struct consumer_rig *r, struct consumer_partition *part)
{
    ck_assert_uint_gt(consumer_get_stats(r->consumer).fetches, r->cluster.fetch_requests);
}

START_TEST(the_next_fetch_leaves_before_an_answer_is_given_out)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 19, 400);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.partitions[i].leader = 1;
    }
    r.on_batches = see_ahead;
    consumer_rig_start(&r, earliest);
    consumer_rig_finish(&r, 10);
    ck_assert_uint_eq(r.records, 1600);
    consumer_rig_deinit(&r);
}
END_TEST

static void pause_it(struct consumer_rig *r, struct consumer_partition *part)
{
    consumer_pause(r->consumer, part);
}

START_TEST(who_pauses_does_not_fetch_everything_twice)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 20, 2000);
    r.on_batches = pause_it;
    consumer_rig_start(&r, earliest);
    for (int turn = 0; turn < 3000 && r.records < 8000; turn++) {
        consumer_rig_run(&r, 20 * NS_PER_MS);
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            if (r.parts[i]) {
                consumer_resume(r.consumer, r.parts[i]);
            }
        }
    }
    ck_assert_uint_eq(r.records, 8000);
    uint64_t once = consumer_get_stats(r.consumer).fetched_bytes;
    ck_assert_uint_lt(r.cluster.fetch_bytes, once + once / 5);
    consumer_rig_deinit(&r);
}
END_TEST

static void on_closed(void *user)
{
    ((struct consumer_rig *)user)->closed = true;
}

static void close_it(struct consumer_rig *r, struct consumer_partition *part)
{
    ck_assert_uint_eq(r->batches > 0, 1);
    consumer_close(r->consumer, on_closed, r);
    r->on_batches = NULL;
    r->closed = true; /* no event from here on */
}

START_TEST(closing_from_a_batch_ends_all_events)
{
    struct consumer_rig r;
    consumer_rig_init(&r, 17, 100);
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r.cluster.partitions[i].leader = 1; /* one answer holds them all */
    }
    r.on_batches = close_it;
    consumer_rig_start(&r, earliest);
    consumer_rig_run(&r, 15ull * NS_PER_S);
    ck_assert(r.closed);
    ck_assert_uint_eq(r.cluster.group.leaves, 1);
    int64_t given = 0, committed = 0;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        given += r.given[i];
        committed += r.cluster.group.committed[i] > 0 ? r.cluster.group.committed[i] : 0;
    }
    ck_assert_int_gt(given, 0);
    ck_assert_int_eq(given, committed);
    consumer_rig_deinit(&r);
}
END_TEST

START_TEST(a_broker_without_the_apis_is_told)
{
    static const int16_t apis[] = { API_FindCoordinator, API_JoinGroup,   API_SyncGroup,
                                    API_OffsetFetch,     API_ListOffsets, API_Fetch,
                                    API_Heartbeat,       API_OffsetCommit };
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        struct consumer_rig r;
        consumer_rig_init(&r, 18, 100);
        r.cluster.lacks = apis[i];
        consumer_rig_start(&r, earliest);
        consumer_rig_run(&r, 30ull * NS_PER_S);
        const char *name = api_find(apis[i])->name;
        ck_assert_msg(r.troubles > 0, "%s", name);
        ck_assert_msg(r.troubles < 10, "%s: %d times", name, (int)r.troubles);
        ck_assert_int_eq(r.trouble, KAFKA_UNSUPPORTED_VERSION);
        ck_assert_msg(strstr(r.trouble_text, name) != NULL, "%s: %s", name, r.trouble_text);
        consumer_rig_deinit(&r);
    }
}
END_TEST

START_TEST(nothing_is_lost_whatever_fails)
{
    const char *more = getenv("SEEDS");
    uint64_t seeds = more ? strtoull(more, NULL, 10) : 150;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct consumer_rig r;
        consumer_rig_init(&r, seed, 600);
        struct rng *rng = &r.env.rng;
        unsigned top = 1 + (unsigned)rng_below(rng, 120);
        struct fake_faults *f = &r.cluster.faults;
        f->drop_before = (unsigned)rng_below(rng, top);
        f->drop_after = (unsigned)rng_below(rng, top);
        f->hang = (unsigned)rng_below(rng, top);
        f->not_leader = (unsigned)rng_below(rng, top);
        f->error_before = (unsigned)rng_below(rng, top);
        f->restart = (unsigned)rng_below(rng, top / 8 + 1);
        f->corrupt = (unsigned)rng_below(rng, top);
        f->cut = (unsigned)rng_below(rng, 500);
        f->rebalance = (unsigned)rng_below(rng, top);
        f->forget = (unsigned)rng_below(rng, top / 2 + 1);
        static const char *const cooperative[] = { "cooperative-sticky" };
        struct consumer_config cfg = earliest;
        cfg.session_timeout_ns = 10ull * NS_PER_S;
        cfg.heartbeat_interval_ns = NS_PER_S;
        cfg.rebalance_timeout_ns = 2ull * NS_PER_S;
        cfg.assignors = cooperative;
        cfg.assignor_count = rng_below(rng, 2);
        r.chaotic = true;
        consumer_rig_start(&r, cfg);
        timer_arm_in(r.env.env, &r.calm, 60ull * NS_PER_S);
        consumer_rig_finish(&r, 600);
        consumer_rig_deinit(&r);
    }
}
END_TEST

Suite *client_consumer_suite(void)
{
    Suite *s = suite_create("client_consumer");
    TCase *t = tcase_create("consumer");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_record_is_given_once_and_in_order);
    tcase_add_test(t, without_a_committed_offset_the_policy_decides);
    tcase_add_test(t, without_a_policy_a_partition_waits_for_a_seek);
    tcase_add_test(t, a_committed_offset_below_the_log_is_reset_by_policy);
    tcase_add_test(t, a_log_shorter_than_the_committed_offset_is_committed_anew);
    tcase_add_test(t, out_of_range_without_a_policy_is_told_and_waits);
    tcase_add_test(t, a_moved_leader_is_found);
    tcase_add_test(t, a_topic_made_anew_is_read_from_its_start);
    tcase_add_test(t, a_topic_made_anew_and_longer_is_read_from_its_start_too);
    tcase_add_test(t, a_log_that_was_cut_is_read_on_from_the_cut);
    tcase_add_test(t, a_new_leader_with_the_same_records_is_read_on);
    tcase_add_test(t, a_log_that_was_cut_without_a_policy_is_told_and_waits);
    tcase_add_test(t, a_topic_missing_for_a_moment_is_read_on);
    tcase_add_test(t, a_wrong_checksum_is_told_and_fetched_again);
    tcase_add_test(t, a_batch_at_a_wrong_offset_is_told_and_fetched_again);
    tcase_add_test(t, a_cut_last_batch_is_fetched_again);
    tcase_add_test(t, a_batch_above_the_limit_is_read);
    tcase_add_test(t, a_batch_that_is_cut_at_the_limit_raises_the_limit);
    tcase_add_test(t, a_paused_partition_gives_nothing_and_goes_on_where_it_was);
    tcase_add_test(t, a_seek_drops_the_fetch_in_flight);
    tcase_add_test(t, a_seek_to_the_start_outlives_a_failing_fetch);
    tcase_add_test(t, the_next_fetch_leaves_before_an_answer_is_given_out);
    tcase_add_test(t, who_pauses_does_not_fetch_everything_twice);
    tcase_add_test(t, closing_from_a_batch_ends_all_events);
    tcase_add_test(t, a_broker_without_the_apis_is_told);
    tcase_add_test(t, nothing_is_lost_whatever_fails);
    suite_add_tcase(s, t);
    return s;
}
