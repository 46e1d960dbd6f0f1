/* SPDX-License-Identifier: Apache-2.0 */
/* check_quorum.c - a node's part in the quorum over starts, crashes, damage and misuse. */
#include "broker/storage/quorum_state.h"
#include "protocol/base/alloc.h"
#include "tests/broker/quorum_bench.h"

#include <stdio.h>
#include <unistd.h>

#define ck_assert_says(w, part)                                                                    \
    ck_assert_msg(strstr((w)->err.text, part) != NULL, "\"%s\" says nothing of \"%s\"",            \
                  (w)->err.text, part)

static void add_topics(struct bench *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        char name[32];
        snprintf(name, sizeof(name), "topic-%d", i);
        ck_assert_int_eq(bench_add_topic(w, name), ERR_OK);
    }
}

static void check_topics(const struct bench *w, int to)
{
    for (int i = 0; i < to; i++) {
        char name[32];
        snprintf(name, sizeof(name), "topic-%d", i);
        ck_assert_msg(bench_has_topic(w, name), "%s is lost", name);
    }
    ck_assert_uint_eq(w->broker->image.topics_by_id.count, (uint32_t)to);
    ck_assert_uint_eq(w->broker->topics.by_id.count, (uint32_t)to);
}

static void write_file(const char *path, const char *text)
{
    ck_assert_int_eq(vfs_replace_file(vfs_posix(), path, slice_str(text), NULL), ERR_OK);
}

/* --- starts ----------------------------------------------------------------------------------- */

START_TEST(sole_voter_leads_when_the_start_is_through)
{
    struct bench w;
    bench_init(&w);
    for (int round = 1; round < 4; round++) {
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        ck_assert(quorum_is_leader(w.broker));
        ck_assert_int_eq(quorum_epoch(w.broker), round);
        ck_assert_int_eq(quorum_leader(w.broker), 1);
        ck_assert_int_eq(quorum_high_watermark(w.broker), quorum_end_offset(w.broker));
        ck_assert_int_eq(w.broker->state, BROKER_RUNNING);
        add_topics(&w, round - 1, round);
        check_topics(&w, round);
        if (round & 1) {
            bench_kill(&w);
        } else {
            bench_stop(&w);
        }
    }
    bench_deinit(&w);
}
END_TEST

START_TEST(node_with_peers_is_not_formatted_unasked)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_int_eq(bench_start(&w), ERR_CONFIG);
    ck_assert_says(&w, "logboom storage format");
    bench_deinit(&w);
}
END_TEST

START_TEST(directory_of_another_node_is_refused_in_a_cluster)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_STANDALONE, NULL) == ERR_OK, "%s", w.err.text);
    bench_set(&w, "node.id", "2");
    ck_assert_int_eq(bench_start(&w), ERR_CONFIG);
    ck_assert_says(&w, "belongs to node 1");
    bench_deinit(&w);
}
END_TEST

START_TEST(formatted_standalone_node_leads_by_its_voters_record)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_STANDALONE, NULL) == ERR_OK, "%s", w.err.text);
    for (int round = 0; round < 2; round++) {
        struct quorum_state state;
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        ck_assert(quorum_is_leader(w.broker));
        ck_assert_int_eq(raft_kraft_version(w.broker->quorum.raft), 1);
        struct raft_voter_set voters = raft_voters(w.broker->quorum.raft);
        ck_assert_uint_eq(voters.count, 1);
        ck_assert(
            uuid_eq(&voters.voters[0].directory_id, &w.broker->metadata_dir->meta.directory_id));
        ck_assert_int_eq(quorum_state_read(vfs_posix(), bench_metadata_path(&w, "quorum-state"),
                                           &state, &w.err),
                         ERR_OK);
        ck_assert_int_eq(state.version, 1);
        ck_assert_int_eq(image_feature(&w.broker->image, "metadata.version"), METADATA_VERSION);
        ck_assert_int_eq(image_feature(&w.broker->image, "eligible.leader.replicas.version"), 1);
        bench_kill(&w);
    }
    bench_deinit(&w);
}
END_TEST

/* What `storage format` of a Kafka from 4.4 on leaves: no bootstrap.checkpoint, its records are in
 * the 0-0 checkpoint, beside the voters of a quorum that may change. */
static void format_as_later_kafka(struct bench *w, bool dynamic, int16_t level)
{
    const struct raft_endpoint at = { slice_str("CONTROLLER"), slice_str("127.0.0.1"), 19093 };
    struct raft_voter voter = {
        .id = 1, .endpoints = &at, .endpoint_count = 1, .kraft_version_max = 1
    };
    struct voters_record voters;
    struct feature_level_record feature;
    struct metadata_records records = { 0 };
    struct snapshot_builder builder;
    struct buf path = { 0 };
    ck_assert_int_eq(uuid_parse(slice_str("JEXY6aqzQY-32P5TStzaFg"), &voter.directory_id), ERR_OK);
    ck_assert_int_eq(raft_voters_to_record((struct raft_voter_set){ &voter, 1 }, &w->arena,
                                           &voters),
                     ERR_OK);
    enum err e = dynamic
                     ? bench_format(w, FORMAT_INITIAL, "1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg")
                     : bench_format(w, FORMAT_PLAIN, NULL);
    ck_assert_msg(e == ERR_OK, "%s", w->err.text);
    buf_printf(&path, "%s/bootstrap.checkpoint", w->scratch.path);
    ck_assert_int_eq(unlink(buf_cstr(&path)), 0);
    const struct snapshot_header header = { .kraft_version = dynamic, .voters = &voters };
    schema_init(&feature_level_record_schema, &feature);
    feature.name = slice_str("metadata.version");
    feature.feature_level = level;
    metadata_records_add(&records, &feature_level_record_schema, 0, &feature);
    snapshot_builder_init(&builder, 0, 1, &header);
    snapshot_builder_add(&builder, metadata_records_at(&records, 0));
    snapshot_builder_finish(&builder);
    buf_reset(&path);
    metadata_snapshot_path(bench_metadata_path(w, ""), (struct snapshot_id){ 0 }, &path);
    ck_assert_int_eq(vfs_make_dirs(vfs_posix(), bench_metadata_path(w, ""), &w->err), ERR_OK);
    ck_assert_int_eq(vfs_replace_file(vfs_posix(), buf_cstr(&path), buf_slice(&builder.bytes),
                                      &w->err),
                     ERR_OK);
    snapshot_builder_deinit(&builder);
    metadata_records_deinit(&records);
    buf_deinit(&path);
}

START_TEST(cluster_begins_with_what_the_0_0_checkpoint_says)
{
    bool dynamic = _i;
    struct bench w;
    bench_init(&w);
    bench_set(&w, "metadata.log.max.record.bytes.between.snapshots", "2000");
    bench_set_cluster(&w);
    if (!dynamic) {
        bench_set(&w, "controller.quorum.bootstrap.servers", "");
        bench_set(&w, "controller.quorum.voters", "1@127.0.0.1:19093");
    }
    format_as_later_kafka(&w, dynamic, METADATA_VERSION - 1);
    for (int round = 0; round < 3; round++) {
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        fake_env_run(&w.env, w.env.now_ns + NS_PER_S);
        ck_assert(quorum_is_leader(w.broker));
        ck_assert_int_eq(raft_kraft_version(w.broker->quorum.raft), dynamic);
        ck_assert_uint_eq(raft_voters(w.broker->quorum.raft).count, 1);
        ck_assert(raft_is_voter(w.broker->quorum.raft));
        ck_assert_int_eq(image_feature(&w.broker->image, "metadata.version"), METADATA_VERSION - 1);
        ck_assert_int_eq(w.broker->state, BROKER_RUNNING);
        add_topics(&w, 50 * round, 50 * (round + 1));
        check_topics(&w, 50 * (round + 1));
        bench_kill(&w);
    }
    ck_assert_int_eq(bench_count_files(&w, ".checkpoint"), 2); /* of its own: that one is gone */
    ck_assert_int_ne(access(bench_metadata_path(&w, "00000000000000000000-0000000000.checkpoint"),
                            F_OK),
                     0);
    bench_deinit(&w);
}
END_TEST

START_TEST(damaged_vote_is_refused_with_what_to_do)
{
    static const char *const damaged[] = {
        "",
        "{",
        "null",
        "{\"leaderId\":1,\"leaderEpoch\":7,\"votedId\":1}",
        "{\"leaderId\":1,\"leaderEpoch\":-7,\"votedId\":1,\"data_version\":0}",
        "{\"leaderId\":1,\"leaderEpoch\":7,\"votedId\":1,\"data_version\":1}",
        "{\"leaderId\":1,\"leaderEpoch\":7,\"votedId\":1,\"data_version\":9}"
    };
    struct bench w;
    bench_init(&w);
    ck_assert_int_eq(bench_start(&w), ERR_OK);
    bench_kill(&w);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        write_file(bench_metadata_path(&w, "quorum-state"), damaged[i]);
        ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
        ck_assert_says(&w, "quorum-state");
        ck_assert_says(&w, "remove-controller");
    }
    bench_deinit(&w);
}
END_TEST

START_TEST(missing_vote_of_one_of_several_voters_is_refused)
{
    struct bench w;
    bench_init(&w);
    ck_assert_int_eq(bench_start(&w), ERR_OK);
    bench_kill(&w);
    bench_set(&w, "listeners", "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093");
    bench_set(&w, "controller.quorum.voters", "1@127.0.0.1:19093,2@127.0.0.1:29093");
    ck_assert_int_eq(unlink(bench_metadata_path(&w, "quorum-state")), 0);
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    ck_assert_says(&w, "quorum-state is missing");
    bench_deinit(&w);
}
END_TEST

START_TEST(node_of_several_does_not_lead_alone)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_INITIAL,
                               "1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg,"
                               "2@127.0.0.1:29093:MvDxzVmcRsaTz33bUuRU6A") == ERR_OK,
                  "%s", w.err.text);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    ck_assert_int_eq(w.broker->state, BROKER_STARTING);
    fake_env_run(&w.env, w.env.now_ns + 30ull * NS_PER_S);
    ck_assert(!quorum_is_leader(w.broker));
    ck_assert_int_eq(quorum_leader(w.broker), -1);
    ck_assert_int_eq(w.broker->state, BROKER_STARTING);
    ck_assert_int_eq(bench_add_topic(&w, "t"), ERR_AGAIN);
    bench_deinit(&w);
}
END_TEST

static void check_metrics(struct bench *w, bool leads, int epoch)
{
    char want[3][80];
    struct buf text = { 0 };
    struct metrics *m = metrics_new();
    broker_add_metrics(w->broker, m);
    metrics_render(m, &text);
    snprintf(want[0], sizeof(want[0]), "\nlogboom_broker_quorum_leads %d\n", leads);
    snprintf(want[1], sizeof(want[1]), "\nlogboom_broker_quorum_epoch %d\n", epoch);
    snprintf(want[2], sizeof(want[2]), "\nlogboom_broker_quorum_elections_total %d\n", leads);
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(strstr(buf_cstr(&text), want[i]) != NULL, "not there: %s in %s", want[i],
                      buf_cstr(&text));
    }
    metrics_free(m);
    buf_deinit(&text);
}

START_TEST(metrics_tell_of_the_quorum)
{
    struct bench w;
    bench_init(&w);
    for (int epoch = 1; epoch < 3; epoch++) {
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        check_metrics(&w, true, epoch);
        bench_kill(&w);
    }
    bench_deinit(&w);
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_INITIAL,
                               "1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg,"
                               "2@127.0.0.1:29093:MvDxzVmcRsaTz33bUuRU6A") == ERR_OK,
                  "%s", w.err.text);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    fake_env_run(&w.env, w.env.now_ns + 30ull * NS_PER_S);
    check_metrics(&w, false, 0); /* it asks for pre-votes, which nobody gives */
    bench_deinit(&w);
}
END_TEST

/* --- snapshots -------------------------------------------------------------------------------- */

static void init_with_snapshots(struct bench *w)
{
    bench_init(w);
    bench_set(w, "metadata.log.max.record.bytes.between.snapshots", "2000");
    ck_assert_msg(bench_start(w) == ERR_OK, "%s", w->err.text);
}

START_TEST(snapshots_are_taken_and_the_log_is_cut_behind_the_older_one)
{
    struct bench w;
    init_with_snapshots(&w);
    add_topics(&w, 0, 200);
    ck_assert_int_eq(bench_count_files(&w, ".checkpoint"), 2);
    ck_assert_int_eq(bench_count_files(&w, ".part"), 0);
    const struct partition_log *log = w.broker->metadata.log;
    ck_assert_int_gt(log->start_offset, 100);
    ck_assert_int_eq(log->start_offset, w.broker->snapshots.older.end_offset);
    int64_t end = log->end_offset;
    for (int round = 0; round < 2; round++) {
        bench_kill(&w);
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        check_topics(&w, 200);
        ck_assert_int_gt(w.broker->metadata.log->end_offset, end);
    }
    add_topics(&w, 200, 210);
    check_topics(&w, 210);
    bench_deinit(&w);
}
END_TEST

static void newest_path(struct bench *w, struct buf *out)
{
    metadata_snapshot_path(bench_metadata_path(w, ""), w->broker->snapshots.latest, out);
}

START_TEST(damaged_snapshot_gives_way_to_the_older_one)
{
    for (long at = 0; at < 4000; at += 131) {
        struct bench w;
        struct buf path = { 0 };
        init_with_snapshots(&w);
        add_topics(&w, 0, 60);
        newest_path(&w, &path);
        bench_kill(&w);
        bool inside = bench_flip(buf_cstr(&path), at);
        ck_assert_msg(bench_start(&w) == ERR_OK, "byte %ld: %s", at, w.err.text);
        check_topics(&w, 60);
        /* Base offset and epoch of a batch lie outside its checksum; the epoch is not looked at. */
        ck_assert_int_le(bench_count_files(&w, ".damaged"), inside);
        buf_deinit(&path);
        bench_deinit(&w);
        if (!inside) {
            return;
        }
    }
    ck_abort_msg("the snapshot is larger than the test thought");
}
END_TEST

START_TEST(node_without_a_sound_snapshot_does_not_start)
{
    struct bench w;
    struct buf path = { 0 };
    init_with_snapshots(&w);
    add_topics(&w, 0, 200);
    newest_path(&w, &path);
    struct snapshot_id older = w.broker->snapshots.older;
    bench_kill(&w);
    ck_assert(bench_flip(buf_cstr(&path), 90));
    buf_reset(&path);
    metadata_snapshot_path(bench_metadata_path(&w, ""), older, &path);
    ck_assert(bench_flip(buf_cstr(&path), 90));
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    ck_assert_says(&w, "no sound snapshot");
    buf_deinit(&path);
    bench_deinit(&w);
}
END_TEST

START_TEST(crash_at_any_disk_operation_loses_no_change)
{
    uint64_t operations = 0;
    for (int at = 1; at < 400; at += 3) {
        struct bench w;
        init_with_snapshots(&w);
        w.disk.countdown = at;
        w.disk.fail_with = ERR_IO;
        w.disk.fail_on = w.disk.torn_writes = true;
        uint64_t before = w.disk.operations;
        int acknowledged = 0;
        for (int i = 0; i < 50 && acknowledged == i; i++) {
            char name[32];
            snprintf(name, sizeof(name), "topic-%d", i);
            acknowledged += bench_add_topic(&w, name) == ERR_OK;
        }
        operations = w.disk.operations - before;
        bench_kill(&w);
        w.disk.countdown = 0;
        w.disk.fail_on = false;
        fault_vfs_power_loss(&w.disk);
        ck_assert_msg(bench_start(&w) == ERR_OK, "operation %d: %s", at, w.err.text);
        for (int i = 0; i < acknowledged; i++) {
            char name[32];
            snprintf(name, sizeof(name), "topic-%d", i);
            ck_assert_msg(bench_has_topic(&w, name), "operation %d: %s is lost", at, name);
        }
        bench_deinit(&w);
        if (acknowledged == 50) {
            return; /* the disk failed behind the last one */
        }
    }
    ck_abort_msg("%llu operations are more than the test thought", (unsigned long long)operations);
}
END_TEST

START_TEST(full_disk_stops_nothing_for_good)
{
    struct bench w;
    bench_init(&w);
    ck_assert_int_eq(bench_start(&w), ERR_OK);
    ck_assert_int_eq(bench_add_topic(&w, "topic-0"), ERR_OK);
    for (int64_t space = 0; space < 60; space += 17) {
        struct buf text = { 0 };
        char name[32];
        int topics = (int)(space / 17) + 1;
        w.disk.space_bytes = space;
        snprintf(name, sizeof(name), "topic-%d", topics);
        struct topic_op t;
        bench_submit_topic(&w, &t, name);
        ck_assert(!t.done);
        ck_assert(quorum_is_alive(w.broker));
        ck_assert(!quorum_is_leader(w.broker));
        ck_assert(!broker_healthy(w.broker, &text));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&text), "full"));
        fake_env_run(&w.env, w.env.now_ns + 5ull * NS_PER_S);
        ck_assert(!quorum_is_leader(w.broker));
        w.disk.space_bytes = -1;
        fake_env_run(&w.env, w.env.now_ns + 5ull * NS_PER_S);
        ck_assert(quorum_is_leader(w.broker));
        ck_assert(t.done && t.status == ERR_OK); /* it had only to wait */
        buf_reset(&text);
        ck_assert_msg(broker_healthy(w.broker, &text), "%s", buf_cstr(&text));
        buf_deinit(&text);
        if (topics % 2) {
            bench_kill(&w);
            ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        }
        check_topics(&w, topics + 1);
    }
    bench_deinit(&w);
}
END_TEST

/* What a follower gets from its leader. */
static void fetch_all(struct bench *w, const char *path, struct snapshot_id id)
{
    uint8_t *bytes;
    size_t len;
    ck_assert_int_eq(vfs_read_file(vfs_posix(), path, 1 << 20, &bytes, &len, &w->err), ERR_OK);
    for (size_t at = 0; at < len; at += 1000) {
        size_t n = len - at < 1000 ? len - at : 1000;
        ck_assert_msg(snapshots_fetched(w->broker, id, (int64_t)at, slice_of(bytes + at, n),
                                        &w->err) == ERR_OK,
                      "%s", w->err.text);
    }
    mem_free(bytes);
}

START_TEST(fetched_snapshot_takes_the_place_of_image_and_log)
{
    struct bench from, to;
    struct buf path = { 0 };
    struct arena arena;
    struct raft_snapshot snapshot;
    arena_init(&arena, 1 << 20);
    init_with_snapshots(&from);
    add_topics(&from, 0, 100);
    newest_path(&from, &path);
    struct snapshot_id id = from.broker->snapshots.latest;
    bench_init(&to);
    rng_seed(&to.env.rng, 2); /* other topic ids */
    ck_assert_int_eq(bench_start(&to), ERR_OK);
    ck_assert_int_eq(bench_add_topic(&to, "of-another-history"), ERR_OK);

    fetch_all(&to, buf_cstr(&path), id);
    ck_assert(bench_flip(to.broker->snapshots.fetched.part, 500));
    ck_assert_int_eq(snapshots_adopt(to.broker, id, &arena, &snapshot, &to.err), ERR_CORRUPT);
    ck_assert(bench_has_topic(&to, "of-another-history"));
    ck_assert_int_eq(bench_count_files(&to, ".part"), 0);

    fetch_all(&to, buf_cstr(&path), id);
    ck_assert_msg(snapshots_adopt(to.broker, id, &arena, &snapshot, &to.err) == ERR_OK, "%s",
                  to.err.text);
    ck_assert(!bench_has_topic(&to, "of-another-history"));
    ck_assert(bench_has_topic(&to, "topic-0"));
    ck_assert_int_eq(to.broker->metadata.log->start_offset, id.end_offset);
    ck_assert_int_eq(to.broker->metadata.log->end_offset, id.end_offset);
    uint32_t topics = to.broker->image.topics_by_id.count;
    bench_kill(&to);
    ck_assert_msg(bench_start(&to) == ERR_OK, "%s", to.err.text);
    ck_assert_uint_eq(to.broker->image.topics_by_id.count, topics);
    buf_deinit(&path);
    arena_deinit(&arena);
    bench_deinit(&from);
    bench_deinit(&to);
}
END_TEST

START_TEST(snapshot_is_served_by_position)
{
    struct bench w;
    struct buf path = { 0 }, got = { 0 };
    struct arena arena;
    uint8_t *bytes;
    size_t len;
    arena_init(&arena, 1 << 20);
    init_with_snapshots(&w);
    add_topics(&w, 0, 60);
    newest_path(&w, &path);
    struct snapshot_id id = w.broker->snapshots.latest;
    ck_assert_int_eq(vfs_read_file(vfs_posix(), buf_cstr(&path), 1 << 20, &bytes, &len, NULL),
                     ERR_OK);
    struct slice part;
    int64_t size;
    for (size_t at = 0; at < len; at += part.len) {
        ck_assert_int_eq(snapshots_read(w.broker, id, (int64_t)at, 777, &arena, &part, &size),
                         KAFKA_NONE);
        ck_assert_int_eq(size, (int64_t)len);
        ck_assert_uint_gt(part.len, 0);
        buf_append_slice(&got, part);
    }
    ck_assert(slice_eq(buf_slice(&got), slice_of(bytes, len)));
    ck_assert_int_eq(snapshots_read(w.broker, id, (int64_t)len, 1, &arena, &part, &size),
                     KAFKA_POSITION_OUT_OF_RANGE);
    id.end_offset++;
    ck_assert_int_eq(snapshots_read(w.broker, id, 0, 1, &arena, &part, &size),
                     KAFKA_SNAPSHOT_NOT_FOUND);
    mem_free(bytes);
    buf_deinit(&got);
    buf_deinit(&path);
    arena_deinit(&arena);
    bench_deinit(&w);
}
END_TEST

Suite *quorum_suite(void)
{
    Suite *s = suite_create("quorum");
    TCase *tc = tcase_create("starts");
    tcase_add_test(tc, sole_voter_leads_when_the_start_is_through);
    tcase_add_test(tc, node_with_peers_is_not_formatted_unasked);
    tcase_add_test(tc, directory_of_another_node_is_refused_in_a_cluster);
    tcase_add_test(tc, formatted_standalone_node_leads_by_its_voters_record);
    tcase_add_loop_test(tc, cluster_begins_with_what_the_0_0_checkpoint_says, 0, 2);
    tcase_add_test(tc, damaged_vote_is_refused_with_what_to_do);
    tcase_add_test(tc, missing_vote_of_one_of_several_voters_is_refused);
    tcase_add_test(tc, node_of_several_does_not_lead_alone);
    tcase_add_test(tc, metrics_tell_of_the_quorum);
    suite_add_tcase(s, tc);
    tc = tcase_create("snapshots");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, snapshots_are_taken_and_the_log_is_cut_behind_the_older_one);
    tcase_add_test(tc, damaged_snapshot_gives_way_to_the_older_one);
    tcase_add_test(tc, node_without_a_sound_snapshot_does_not_start);
    tcase_add_test(tc, crash_at_any_disk_operation_loses_no_change);
    tcase_add_test(tc, full_disk_stops_nothing_for_good);
    tcase_add_test(tc, fetched_snapshot_takes_the_place_of_image_and_log);
    tcase_add_test(tc, snapshot_is_served_by_position);
    suite_add_tcase(s, tc);
    return s;
}
