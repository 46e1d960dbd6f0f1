/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_quorum_damage.c - what a controller's disk can do to its files: a torn tail is cut; damage
 * to what was acknowledged, and every flipped bit, is refused with what to do, or does no harm.
 */
#include "protocol/base/alloc.h"
#include "tests/broker/quorum_bench.h"

#include <stdio.h>
#include <unistd.h>

enum { TOPICS = 20 };

static void add_topics(struct bench *w)
{
    for (int i = 0; i < TOPICS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "topic-%d", i);
        ck_assert_int_eq(bench_add_topic(w, name), ERR_OK);
    }
}

static void check_topics(const struct bench *w, const char *where)
{
    for (int i = 0; i < TOPICS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "topic-%d", i);
        ck_assert_msg(bench_has_topic(w, name), "%s: %s is lost", where, name);
    }
}

static const char *const log_name = "00000000000000000000.log";

/* --- the log ---------------------------------------------------------------------------------- */

static uint64_t size_of(const char *path)
{
    struct vfs_stat st;
    ck_assert_int_eq(vfs_posix()->ops->stat(vfs_posix(), path, &st), ERR_OK);
    return st.size_bytes;
}

static void init_with_topics(struct bench *w)
{
    bench_init(w);
    ck_assert_msg(bench_start(w) == ERR_OK, "%s", w->err.text);
    add_topics(w);
}

START_TEST(damage_to_what_was_synced_is_refused_and_nothing_is_cut)
{
    struct bench w;
    init_with_topics(&w);
    for (int round = 0; round < 2; round++) {
        round ? bench_stop(&w) : bench_kill(&w);
        uint64_t size = size_of(bench_metadata_path(&w, log_name));
        for (long at = 0; at < (long)size; at += 41) {
            ck_assert(bench_flip(bench_metadata_path(&w, log_name), at));
            ck_assert_msg(bench_start(&w) == ERR_CORRUPT, "byte %ld", at);
            ck_assert_msg(strstr(w.err.text, "remove-controller") != NULL, "%s", w.err.text);
            ck_assert_msg(strstr(w.err.text, log_name) != NULL, "%s", w.err.text);
            ck_assert_uint_eq(size_of(bench_metadata_path(&w, log_name)), size);
            ck_assert(bench_flip(bench_metadata_path(&w, log_name), at));
        }
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        check_topics(&w, "whole again");
    }
    bench_deinit(&w);
}
END_TEST

START_TEST(log_that_became_shorter_is_refused)
{
    struct bench w;
    init_with_topics(&w);
    bench_kill(&w);
    uint64_t size = size_of(bench_metadata_path(&w, log_name));
    ck_assert_int_eq(truncate(bench_metadata_path(&w, log_name), (off_t)size - 1), 0);
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    ck_assert_int_eq(truncate(bench_metadata_path(&w, log_name), 0), 0);
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    ck_assert_int_eq(unlink(bench_metadata_path(&w, log_name)), 0);
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    bench_deinit(&w);
}
END_TEST

START_TEST(torn_tail_that_nobody_was_promised_is_cut)
{
    struct bench w;
    init_with_topics(&w);
    bench_kill(&w);
    uint64_t size = size_of(bench_metadata_path(&w, log_name));
    uint8_t *bytes;
    size_t len;
    ck_assert_int_eq(vfs_read_file(vfs_posix(), bench_metadata_path(&w, log_name), 1 << 20, &bytes,
                                   &len, NULL),
                     ERR_OK);
    FILE *f = fopen(bench_metadata_path(&w, log_name), "ab");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, 100, f), 100); /* half a batch, as it were */
    fclose(f);
    mem_free(bytes);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    ck_assert_uint_gt(size_of(bench_metadata_path(&w, log_name)), size);
    check_topics(&w, "the tail is cut");
    bench_deinit(&w);
}
END_TEST

START_TEST(without_the_mark_the_log_is_cut_at_the_damage)
{
    struct bench w;
    init_with_topics(&w);
    bench_kill(&w);
    long at = (long)size_of(bench_metadata_path(&w, log_name)) / 2;
    ck_assert(bench_flip(bench_metadata_path(&w, log_name), at));
    ck_assert_int_eq(bench_start(&w), ERR_CORRUPT);
    ck_assert_int_eq(unlink(bench_metadata_path(&w, SYNCED_MARK_FILE)), 0);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    ck_assert(bench_has_topic(&w, "topic-0"));
    ck_assert(!bench_has_topic(&w, "topic-19"));
    bench_deinit(&w);
}
END_TEST

/* --- every file ------------------------------------------------------------------------------- */

struct copying {
    const char *from, *to;
};

static void copy_one(void *ctx, const char *name)
{
    const struct copying *c = ctx;
    struct buf from = { 0 }, to = { 0 };
    struct vfs_stat st;
    uint8_t *bytes;
    size_t len;
    buf_printf(&from, "%s/%s", c->from, name);
    buf_printf(&to, "%s/%s", c->to, name);
    ck_assert_int_eq(vfs_posix()->ops->stat(vfs_posix(), buf_cstr(&from), &st), ERR_OK);
    if (st.is_dir) {
        const struct copying inner = { buf_cstr(&from), buf_cstr(&to) };
        ck_assert_int_eq(vfs_make_dirs(vfs_posix(), inner.to, NULL), ERR_OK);
        ck_assert_int_eq(vfs_posix()->ops->list(vfs_posix(), inner.from, copy_one,
                                                (void *)(uintptr_t)&inner, NULL),
                         ERR_OK);
    } else {
        ck_assert_int_eq(
            vfs_read_file(vfs_posix(), buf_cstr(&from), 1 << 24, &bytes, &len, NULL), ERR_OK);
        FILE *f = fopen(buf_cstr(&to), "wb");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
        fclose(f);
        mem_free(bytes);
    }
    buf_deinit(&from);
    buf_deinit(&to);
}

/* A copy of the directory in a bench of its own, one bit of one file turned around, and a start.
 * false when the file is shorter. */
static bool try_flip(const char *golden, const char *file, long at, const char *says,
                     int32_t epoch, unsigned *ret_refused)
{
    struct bench w;
    struct buf path = { 0 };
    char where[128];
    bench_init(&w);
    bench_set_cluster(&w);
    snprintf(where, sizeof(where), "%s, byte %ld", file, at);
    const struct copying all = { golden, w.scratch.path };
    ck_assert_int_eq(vfs_posix()->ops->list(vfs_posix(), golden, copy_one,
                                            (void *)(uintptr_t)&all, NULL),
                     ERR_OK);
    buf_printf(&path, "%s/%s", w.scratch.path, file);
    bool inside = bench_flip(buf_cstr(&path), at);
    if (inside && bench_start(&w) == ERR_OK) {
        check_topics(&w, where);
        ck_assert_msg(quorum_epoch(w.broker) > epoch, "%s: an epoch is led twice", where);
    } else if (inside) {
        ck_assert_msg(w.err.text[0] && strstr(w.err.text, says), "%s: %s", where, w.err.text);
        ++*ret_refused;
    }
    buf_deinit(&path);
    bench_deinit(&w);
    return inside;
}

static const struct flip_case {
    const char *file; /* "*" in the name stands for the newest snapshot */
    const char *says; /* what every refusal names */
    long step;
    bool always; /* every bit counts */
} flip_cases[] = {
    { "meta.properties", "", 3, false },
    { "bootstrap.checkpoint", "bootstrap.checkpoint", 7, false },
    { "__cluster_metadata-0/quorum-state", "quorum-state", 1, true },
    { "__cluster_metadata-0/leader-epoch-checkpoint", "leader-epoch-checkpoint", 1, false },
    { "__cluster_metadata-0/partition.metadata", "partition.metadata", 3, false },
    { "__cluster_metadata-0/" SYNCED_MARK_FILE, "", 5, false },
    { "__cluster_metadata-0/*", "snapshot", 61, false },
    { "replication-offset-checkpoint", "", 1, false },
    { "recovery-point-offset-checkpoint", "", 1, false },
    { "log-start-offset-checkpoint", "", 1, false },
};

START_TEST(flipped_bit_is_refused_or_does_no_harm)
{
    const struct flip_case *c = &flip_cases[_i];
    struct bench w;
    struct buf file = { 0 }, path = { 0 };
    unsigned tried = 0, refused = 0;
    bench_init(&w);
    bench_set_cluster(&w);
    bench_set(&w, "metadata.log.max.record.bytes.between.snapshots", "700");
    ck_assert_msg(bench_format(&w, FORMAT_STANDALONE, NULL) == ERR_OK, "%s", w.err.text);
    ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
    add_topics(&w);
    int32_t epoch = quorum_epoch(w.broker);
    if (strchr(c->file, '*')) {
        metadata_snapshot_path("__cluster_metadata-0", w.broker->snapshots.latest, &file);
    } else {
        buf_append_str(&file, c->file);
    }
    if (_i & 1) {
        bench_kill(&w);
    } else {
        bench_stop(&w);
    }
    struct vfs_stat st;
    buf_printf(&path, "%s/%s", w.scratch.path, buf_cstr(&file));
    if (vfs_posix()->ops->stat(vfs_posix(), buf_cstr(&path), &st) == ERR_OK) {
        for (long at = 0;
             try_flip(w.scratch.path, buf_cstr(&file), at, c->says, epoch, &refused);
             at += c->step) {
            tried++;
        }
        ck_assert_uint_gt(tried, 0);
    }
    ck_assert(!c->always || refused == tried);
    buf_deinit(&file);
    buf_deinit(&path);
    bench_deinit(&w);
}
END_TEST

/* Who asks for what follows an older epoch is told where that one ends: where the log begins, and
 * the epoch of what was before it; not an epoch that never was, behind all that is committed. */
START_TEST(epoch_before_the_logs_first_record_is_known_after_a_restart)
{
    struct bench w;
    char name[32];
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_STANDALONE, NULL) == ERR_OK, "%s", w.err.text);
    for (int run = 0; run < 12; run++) {
        bench_set(&w, "metadata.log.max.record.bytes.between.snapshots",
                  run % 2 ? "1000000" : "1");
        ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
        const struct raft *r = w.broker->quorum.raft;
        int64_t start = raft_log_start_offset(r);
        ck_assert(run < 2 || start > 0);
        ck_assert_int_ge(raft_epoch_at(r, start), start > 0);
        for (int i = 0; i < 1 + run % 3; i++) {
            snprintf(name, sizeof(name), "t%d-%d", run, i);
            ck_assert_int_eq(bench_add_topic(&w, name), ERR_OK);
        }
        bench_stop(&w);
    }
    bench_deinit(&w);
}
END_TEST

Suite *quorum_damage_suite(void)
{
    Suite *s = suite_create("damage");
    TCase *tc = tcase_create("log");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, damage_to_what_was_synced_is_refused_and_nothing_is_cut);
    tcase_add_test(tc, log_that_became_shorter_is_refused);
    tcase_add_test(tc, torn_tail_that_nobody_was_promised_is_cut);
    tcase_add_test(tc, without_the_mark_the_log_is_cut_at_the_damage);
    tcase_add_test(tc, epoch_before_the_logs_first_record_is_known_after_a_restart);
    suite_add_tcase(s, tc);
    tc = tcase_create("flips");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, flipped_bit_is_refused_or_does_no_harm, 0,
                        sizeof(flip_cases) / sizeof(flip_cases[0]));
    suite_add_tcase(s, tc);
    return s;
}
