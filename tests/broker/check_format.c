/* SPDX-License-Identifier: Apache-2.0 */
/* check_format.c - `storage format`: what it writes, what it refuses, what a crash leaves. */
#include "tests/broker/quorum_bench.h"

#include <stdio.h>
#include <unistd.h>

static const char two[] = "1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg,"
                          "2@127.0.0.1:29093:MvDxzVmcRsaTz33bUuRU6A";

static void check_refused(struct bench *w, enum format_quorum quorum, const char *controllers,
                          enum err code, const char *part)
{
    enum err e = bench_format(w, quorum, controllers);
    ck_assert_msg(e == code, "%s: %s", err_text(e), w->err.text);
    ck_assert_msg(strstr(w->err.text, part) != NULL, "\"%s\" says nothing of \"%s\"", w->err.text,
                  part);
}

START_TEST(directory_id_is_the_one_of_the_list)
{
    struct bench w;
    char id[23];
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_INITIAL, two) == ERR_OK, "%s", w.err.text);
    ck_assert_int_eq(bench_start(&w), ERR_OK);
    uuid_format(&w.broker->metadata_dir->meta.directory_id, id);
    ck_assert_str_eq(id, "JEXY6aqzQY-32P5TStzaFg");
    ck_assert_str_eq(w.broker->cluster_id, BENCH_CLUSTER_ID);
    ck_assert_uint_eq(raft_voters(w.broker->quorum.raft).count, 2);
    ck_assert(raft_is_voter(w.broker->quorum.raft));
    bench_deinit(&w);
}
END_TEST

START_TEST(node_that_joins_later_is_no_voter)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    ck_assert_msg(bench_format(&w, FORMAT_NO_INITIAL, NULL) == ERR_OK, "%s", w.err.text);
    ck_assert_int_eq(bench_start(&w), ERR_OK);
    ck_assert(!raft_is_voter(w.broker->quorum.raft));
    ck_assert_int_eq(w.broker->state, BROKER_STARTING);
    bench_deinit(&w);
}
END_TEST

START_TEST(what_contradicts_itself_is_refused)
{
    struct bench w;
    bench_init(&w);
    bench_set_cluster(&w);
    check_refused(&w, FORMAT_PLAIN, NULL, ERR_INVALID, "--standalone");
    check_refused(&w, FORMAT_INITIAL, "", ERR_INVALID, "names nobody");
    check_refused(&w, FORMAT_INITIAL, "1@127.0.0.1:19093", ERR_INVALID, "must look like");
    check_refused(&w, FORMAT_INITIAL, "1:127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg", ERR_INVALID,
                  "must look like");
    check_refused(&w, FORMAT_INITIAL, "1@127.0.0.1:99999:JEXY6aqzQY-32P5TStzaFg", ERR_INVALID,
                  "must look like");
    check_refused(&w, FORMAT_INITIAL, "2@127.0.0.1:29093:MvDxzVmcRsaTz33bUuRU6A", ERR_INVALID,
                  "does not name this node");
    check_refused(&w, FORMAT_INITIAL,
                  "1@127.0.0.1:19093:JEXY6aqzQY-32P5TStzaFg,"
                  "2@127.0.0.1:29093:JEXY6aqzQY-32P5TStzaFg",
                  ERR_INVALID, "named twice");
    bench_set(&w, "controller.quorum.bootstrap.servers", "");
    bench_set(&w, "controller.quorum.voters", "1@127.0.0.1:19093");
    check_refused(&w, FORMAT_STANDALONE, NULL, ERR_INVALID, "controller.quorum.voters is set");
    bench_deinit(&w);
}
END_TEST

/* What is too much for the quorum is neither formatted nor started: nobody could read it. */
START_TEST(more_voters_than_a_quorum_has_are_refused)
{
    for (int count = RAFT_VOTERS_MAX; count <= RAFT_VOTERS_MAX + 1; count++) {
        bool fits = count == RAFT_VOTERS_MAX;
        struct bench w;
        struct buf voters = { 0 }, controllers = { 0 };
        for (int i = 1; i <= count; i++) {
            char id[23];
            struct uuid directory = { .bytes = { 9, (uint8_t)i } };
            uuid_format(&directory, id);
            buf_printf(&voters, "%s%d@127.0.0.1:%d", i > 1 ? "," : "", i, 19092 + i);
            buf_printf(&controllers, "%s%d@127.0.0.1:%d:%s", i > 1 ? "," : "", i, 19092 + i, id);
        }
        bench_init(&w);
        bench_set_cluster(&w);
        if (fits) {
            ck_assert_int_eq(bench_format(&w, FORMAT_INITIAL, buf_cstr(&controllers)), ERR_OK);
            ck_assert_msg(bench_start(&w) == ERR_OK, "%s", w.err.text);
            ck_assert_uint_eq(raft_voters(w.broker->quorum.raft).count, RAFT_VOTERS_MAX);
        } else {
            check_refused(&w, FORMAT_INITIAL, buf_cstr(&controllers), ERR_INVALID, "too many");
        }
        bench_deinit(&w);
        bench_init(&w);
        bench_set_cluster(&w);
        bench_set(&w, "controller.quorum.bootstrap.servers", "");
        ck_assert_msg(bench_format(&w, FORMAT_NO_INITIAL, NULL) == ERR_OK, "%s", w.err.text);
        bench_set(&w, "controller.quorum.voters", buf_cstr(&voters));
        ck_assert_int_eq(bench_start(&w), fits ? ERR_OK : ERR_CONFIG);
        ck_assert(fits || strstr(w.err.text, "there are more than 64"));
        bench_deinit(&w);
        buf_deinit(&voters);
        buf_deinit(&controllers);
    }
}
END_TEST

START_TEST(formatted_and_foreign_directories_are_left_alone)
{
    struct bench w;
    char path[600];
    bench_init(&w);
    bench_set_cluster(&w);
    snprintf(path, sizeof(path), "%s/precious", w.scratch.path);
    ck_assert_int_eq(vfs_replace_file(vfs_posix(), path, slice_str("x"), NULL), ERR_OK);
    check_refused(&w, FORMAT_STANDALONE, NULL, ERR_CONFIG, "not empty");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(bench_format(&w, FORMAT_STANDALONE, NULL) == ERR_OK, "%s", w.err.text);
    check_refused(&w, FORMAT_STANDALONE, NULL, ERR_EXISTS, "already formatted");
    bench_deinit(&w);
}
END_TEST

START_TEST(interrupted_format_can_be_done_again)
{
    for (int at = 1; at < 60; at++) {
        struct bench w;
        bench_init(&w);
        bench_set_cluster(&w);
        w.disk.countdown = at;
        w.disk.fail_with = ERR_IO;
        w.disk.fail_on = w.disk.torn_writes = true;
        enum err first = bench_format(&w, FORMAT_INITIAL, two);
        w.disk.countdown = 0;
        w.disk.fail_on = false;
        enum err again = first ? bench_format(&w, FORMAT_INITIAL, two) : ERR_OK;
        /* Only the last sync may fail when all of it is there already. */
        ck_assert_msg(again == ERR_OK || again == ERR_EXISTS, "operation %d: %s", at, w.err.text);
        ck_assert_msg(bench_start(&w) == ERR_OK, "operation %d: %s", at, w.err.text);
        ck_assert_uint_eq(raft_voters(w.broker->quorum.raft).count, 2);
        bench_deinit(&w);
        if (!first) {
            return;
        }
    }
    ck_abort_msg("there are more operations than the test thought");
}
END_TEST

Suite *format_suite(void)
{
    Suite *s = suite_create("storage format");
    TCase *tc = tcase_create("format");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, directory_id_is_the_one_of_the_list);
    tcase_add_test(tc, node_that_joins_later_is_no_voter);
    tcase_add_test(tc, what_contradicts_itself_is_refused);
    tcase_add_test(tc, more_voters_than_a_quorum_has_are_refused);
    tcase_add_test(tc, formatted_and_foreign_directories_are_left_alone);
    tcase_add_test(tc, interrupted_format_can_be_done_again);
    suite_add_tcase(s, tc);
    return s;
}
