/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_checkpoints.c - the offset checkpoints are written by workers, and never over something
 * newer. Real nodes in a simulated world.
 */
#include "tests/broker/fleet.h"

#include <check.h>

Suite *checkpoints_suite(void);

enum { COUNT = 10, HIGH_WATERMARKS_MS = 5000, RECOVERY_POINTS_MS = 60000 };

/* What the file tells of the partition; -1: nothing. */
static int64_t told(const struct sim_node *n, const char *name, int32_t index)
{
    const struct log_dir *dir = fleet_partition(n, index)->dir->dir;
    struct offset_checkpoint c;
    struct error err;
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    ck_assert_int_eq(offset_checkpoint_read(dir->vfs, path, &c, &err), ERR_OK);
    int64_t offset = offset_checkpoint_find(&c, "t", index);
    offset_checkpoint_deinit(&c);
    return offset;
}

static struct checkpoint_file *file_of(const struct sim_node *n, enum checkpoint which)
{
    return &n->broker->dirs[0].checkpoints[which];
}

/* COUNT records are committed, and the node's workers are slow from then on. */
static int32_t prepare(struct fleet *f, struct sim_node *n)
{
    struct fleet_sent s;
    fleet_create_topic(f, n, "t");
    int32_t index = fleet_led_by(n);
    fleet_send(n, index, COUNT, &s);
    fleet_wait_sent(f, &s, 3000);
    ck_assert_int_eq(s.code, KAFKA_NONE);
    n->host->work_ns_max = 20 * (uint64_t)NS_PER_S;
    return index;
}

static void wait_under_way(struct fleet *f, const struct checkpoint_file *file, uint64_t ms_max)
{
    for (uint64_t ms = 0; !file->under_way; ms++) {
        ck_assert_uint_le(ms, ms_max);
        fleet_run_ms(f, 1);
    }
}

START_TEST(a_checkpoint_that_time_asks_for_waits_for_a_worker)
{
    struct fleet *f = fleet_new((uint64_t)_i + 900);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    int32_t index = prepare(f, n);
    wait_under_way(f, file_of(n, HIGH_WATERMARKS), HIGH_WATERMARKS_MS);
    ck_assert_int_lt(told(n, CHECKPOINT_REPLICATION, index), COUNT);
    while (file_of(n, HIGH_WATERMARKS)->under_way) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(told(n, CHECKPOINT_REPLICATION, index), COUNT);
    fleet_free(f);
}
END_TEST

/* A log is cut while a worker has what it had before. */
START_TEST(a_correction_is_not_undone_by_a_checkpoint_that_was_on_its_way)
{
    struct fleet *f = fleet_new((uint64_t)_i + 930);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    struct error err;
    int32_t index = prepare(f, n);
    struct partition_log *log = fleet_partition(n, index)->log;
    wait_under_way(f, file_of(n, RECOVERY_POINTS), RECOVERY_POINTS_MS);
    ck_assert_int_eq(log->recovery_point, COUNT);
    fleet_run_ms(f, (uint64_t)_i * 500);
    log->recovery_point = COUNT / 2;
    n->broker->recovery_points_stale = true;
    ck_assert_int_eq(checkpoints_correct(n->broker, &err), ERR_OK);
    ck_assert_int_eq(told(n, CHECKPOINT_RECOVERY_POINT, index), COUNT / 2);
    while (file_of(n, RECOVERY_POINTS)->under_way) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(told(n, CHECKPOINT_RECOVERY_POINT, index), COUNT / 2);
    log->recovery_point = COUNT;
    fleet_free(f);
}
END_TEST

/* Where the logs begin seldom changes: the file is left alone after the first time. */
START_TEST(a_checkpoint_that_would_tell_the_same_is_not_written)
{
    struct fleet *f = fleet_new((uint64_t)_i + 960);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS];
    struct vfs_stat first, second;
    char path[256];
    prepare(f, n);
    snprintf(path, sizeof(path), "%s/%s", n->broker->dirs[0].dir->path, CHECKPOINT_LOG_START);
    struct vfs *v = n->broker->vfs;
    wait_under_way(f, file_of(n, LOG_STARTS), RECOVERY_POINTS_MS);
    while (file_of(n, LOG_STARTS)->under_way) {
        fleet_run_ms(f, 1);
    }
    ck_assert_int_eq(v->ops->stat(v, path, &first), ERR_OK);
    fleet_run_ms(f, RECOVERY_POINTS_MS);
    ck_assert_int_eq(v->ops->stat(v, path, &second), ERR_OK);
    ck_assert_int_eq(first.mtime_ms, second.mtime_ms);
    ck_assert(checkpoints_write_log_starts(n->broker));
    ck_assert_int_eq(v->ops->stat(v, path, &second), ERR_OK);
    ck_assert_int_lt(first.mtime_ms, second.mtime_ms);
    fleet_free(f);
}
END_TEST

Suite *checkpoints_suite(void)
{
    Suite *s = suite_create("checkpoints");
    TCase *t = tcase_create("checkpoints");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_checkpoint_that_time_asks_for_waits_for_a_worker, 0, 6);
    tcase_add_loop_test(t, a_correction_is_not_undone_by_a_checkpoint_that_was_on_its_way, 0, 20);
    tcase_add_loop_test(t, a_checkpoint_that_would_tell_the_same_is_not_written, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
