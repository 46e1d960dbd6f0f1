/* SPDX-License-Identifier: Apache-2.0 */
/* check_checkpoint.c - Kafka's text files, leader epochs, log directories. */
#include "tests/broker/storage_fixture.h"

#include "broker/storage/checkpoint.h"
#include "broker/storage/log_dirs.h"

static struct scratch_dir scratch;
static char path[320];

static void setup(void)
{
    scratch_dir_init(&scratch);
    (void)snprintf(path, sizeof(path), "%s/file", scratch.path);
}

static void teardown(void)
{
    scratch_dir_deinit(&scratch);
}

static void put(const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL);
    ck_assert_uint_eq(fwrite(text, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(offset_checkpoints_read_as_they_were_written)
{
    struct error err;
    struct offset_checkpoint c = { 0 }, back;
    ck_assert(offset_checkpoint_read(vfs_posix(), path, &back, &err) == ERR_OK);
    ck_assert_uint_eq(back.count, 0);
    offset_checkpoint_add(&c, "zebra", 0, 5);
    offset_checkpoint_add(&c, "ant", 10, INT64_MAX);
    offset_checkpoint_add(&c, "ant", 9, 0);
    ck_assert(offset_checkpoint_write(vfs_posix(), path, &c, &err) == ERR_OK);
    ck_assert(offset_checkpoint_read(vfs_posix(), path, &back, &err) == ERR_OK);
    ck_assert_int_eq(offset_checkpoint_find(&back, "zebra", 0), 5);
    ck_assert_int_eq(offset_checkpoint_find(&back, "ant", 10), INT64_MAX);
    ck_assert_int_eq(offset_checkpoint_find(&back, "ant", 9), 0);
    ck_assert_int_eq(offset_checkpoint_find(&back, "ant", 8), -1);
    ck_assert_int_eq(offset_checkpoint_find(&back, "bee", 8), -1);
    offset_checkpoint_deinit(&c);
    offset_checkpoint_deinit(&back);
}
END_TEST

START_TEST(an_offset_checkpoint_torn_at_any_byte_is_refused)
{
    static const char text[] = "0\n3\na-b 0 17\nc 1 1234\nc 12 99\n";
    struct error err;
    struct offset_checkpoint c;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        put(text, len);
        ck_assert(offset_checkpoint_read(vfs_posix(), path, &c, &err) == ERR_CORRUPT);
        ck_assert(strstr(err.text, path) != NULL);
    }
    put(text, sizeof(text) - 1);
    ck_assert(offset_checkpoint_read(vfs_posix(), path, &c, &err) == ERR_OK);
    ck_assert_int_eq(offset_checkpoint_find(&c, "c", 12), 99);
    offset_checkpoint_deinit(&c);
}
END_TEST

START_TEST(of_two_offsets_for_a_partition_the_lower_one_counts)
{
    struct offset_checkpoint c;
    struct error err;
    const char text[] = "0\n5\nd 0 58\nd 0 50\nd 1 7\ne 1 7\nd 2 3\n";
    put(text, sizeof(text) - 1);
    ck_assert(offset_checkpoint_read(vfs_posix(), path, &c, &err) == ERR_OK);
    ck_assert_int_eq(offset_checkpoint_find(&c, "d", 0), 50);
    ck_assert_int_eq(offset_checkpoint_find(&c, "d", 1), 7);
    ck_assert_int_eq(offset_checkpoint_find(&c, "d", 2), 3);
    ck_assert_int_eq(c.count, 4);
    offset_checkpoint_deinit(&c);
}
END_TEST

START_TEST(hostile_checkpoints_are_refused)
{
    static const char *const texts[] = {
        "1\n0\n",
        "0\n99999999999\n",
        "0\n-1\n",
        "0\n1\nt 0 -5\n",
        "0\n1\nt 0 1 2\n",
        "0\n1\n 0 1\n",
        "0\n1\nt x 1\n",
        "0\n1\nt 0 1\nt 0 2\n",
        "0\n1\nt 99999999999 1\n",
        "0\n1\nt 0 99999999999999999999\n",
        "x\n",
        "0\n2\nt 0 1\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct offset_checkpoint c;
        struct leader_epochs t;
        struct error err;
        put(texts[i], strlen(texts[i]));
        ck_assert_msg(offset_checkpoint_read(vfs_posix(), path, &c, &err) == ERR_CORRUPT, "%zu", i);
        ck_assert_msg(leader_epochs_read(vfs_posix(), path, &t, &err) == ERR_CORRUPT, "%zu", i);
    }
    const char backwards[] = "0\n2\n5 10\n4 20\n";
    struct leader_epochs t;
    struct error err;
    put(backwards, sizeof(backwards) - 1);
    ck_assert(leader_epochs_read(vfs_posix(), path, &t, &err) == ERR_CORRUPT);
}
END_TEST

START_TEST(epoch_ends_follow_kip_101)
{
    struct leader_epochs t = { 0 };
    leader_epochs_assign(&t, 2, 0);
    leader_epochs_assign(&t, 2, 5); /* known already */
    leader_epochs_assign(&t, 4, 10);
    leader_epochs_assign(&t, 7, 30);
    static const struct {
        int32_t asked, epoch;
        int64_t end;
    } rows[] = { { -1, -1, -1 }, { 1, 1, 0 },  { 2, 2, 10 }, { 3, 2, 10 },
                 { 4, 4, 30 },   { 6, 4, 30 }, { 7, 7, 50 }, { 8, -1, -1 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int32_t epoch;
        int64_t end;
        leader_epochs_end_of(&t, rows[i].asked, 50, &epoch, &end);
        ck_assert_int_eq(epoch, rows[i].epoch);
        ck_assert_int_eq(end, rows[i].end);
    }
    ck_assert_int_eq(leader_epochs_of(&t, 29), 4);
    ck_assert_int_eq(leader_epochs_start_above(&t, 3), 10);
    ck_assert_int_eq(leader_epochs_start_above(&t, 7), -1);
    leader_epochs_truncate_start(&t, 15);
    ck_assert_uint_eq(t.count, 2);
    ck_assert_int_eq(t.entries[0].start_offset, 15);
    leader_epochs_truncate_end(&t, 30);
    ck_assert_int_eq(leader_epochs_latest(&t), 4);
    leader_epochs_assign(&t, 9, 12); /* a newer leader wrote from further back */
    ck_assert_uint_eq(t.count, 1);
    struct error err;
    struct leader_epochs back;
    ck_assert(leader_epochs_write(vfs_posix(), path, &t, &err) == ERR_OK && !t.changed);
    ck_assert(leader_epochs_read(vfs_posix(), path, &back, &err) == ERR_OK);
    ck_assert(back.count == 1 && back.entries[0].epoch == 9 && back.entries[0].start_offset == 12);
    leader_epochs_deinit(&back);
    leader_epochs_deinit(&t);
}
END_TEST

START_TEST(meta_properties_of_both_versions_are_read)
{
    struct meta_properties m;
    struct error err;
    static const char v1[] = "#\n#Sun Nov 22 05:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n"
                             "directory.id=AAECAwQFBgcICQoLDA0ODw\nnode.id=3\nversion=1\n";
    static const char v0[] = "version=0\nbroker.id=7\ncluster.id=abc\n";
    put(v1, sizeof(v1) - 1);
    ck_assert(meta_properties_read(vfs_posix(), path, &m, &err) == ERR_OK);
    ck_assert(m.version == 1 && m.node_id == 3 && m.directory_id.bytes[15] == 15);
    ck_assert_str_eq(m.cluster_id, "MkU3OEVBNTcwNTJENDM2Qg");
    ck_assert(meta_properties_write(vfs_posix(), path, &m, &err) == ERR_OK);
    struct meta_properties back;
    ck_assert(meta_properties_read(vfs_posix(), path, &back, &err) == ERR_OK);
    ck_assert(back.node_id == 3 && uuid_eq(&back.directory_id, &m.directory_id));
    put(v0, sizeof(v0) - 1);
    ck_assert(meta_properties_read(vfs_posix(), path, &m, &err) == ERR_OK);
    ck_assert(m.version == 0 && m.node_id == 7);
    static const char *const bad[] = { "", "version=2\n", "version=1\nnode.id=1\n", "version\n",
                                       "version=1\ncluster.id=x\nnode.id=-4\n",
                                       "version=1\ncluster.id=x\nnode.id=1\n" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(bad[i], strlen(bad[i]));
        ck_assert(meta_properties_read(vfs_posix(), path, &m, &err) == ERR_CORRUPT);
    }
}
END_TEST

/* An id that is missing is never taken for one that the cluster has not heard of. */
START_TEST(meta_properties_with_a_flipped_bit_are_refused_or_have_every_id)
{
    struct meta_properties m;
    struct error err;
    static const char sound[] = "#written by logboom-broker\ncluster.id=pkAA1kc0er1cyvk2QYhczA\n"
                                "version=1\ndirectory.id=22OkFYo2xtj1-ihP_QpzUg\nnode.id=1\n";
    for (size_t i = 0; i < (sizeof(sound) - 1) * 8; i++) {
        char bytes[sizeof(sound)];
        memcpy(bytes, sound, sizeof(sound));
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        put(bytes, sizeof(bytes) - 1);
        enum err e = meta_properties_read(vfs_posix(), path, &m, &err);
        ck_assert(e == ERR_OK || e == ERR_CORRUPT);
        ck_assert_msg(e || (m.node_id >= 0 && m.cluster_id[0] && !uuid_is_zero(&m.directory_id)),
                      "bit %zu", i);
    }
}
END_TEST

static void count_partition(void *ctx, const char *topic, int32_t partition)
{
    int *sum = ctx;
    ck_assert_str_eq(topic, "a-b");
    *sum += 100 + partition;
}

START_TEST(a_log_directory_is_locked_listed_and_marked)
{
    struct error err;
    struct log_dir *d;
    struct vfs *v = vfs_posix();
    char sub[400];
    (void)snprintf(path, sizeof(path), "%s/x/data", scratch.path);
    ck_assert(log_dir_open(v, path, &d, &err) == ERR_OK);
    bool empty = false;
    ck_assert(log_dir_is_empty(d, &empty, &err) == ERR_OK && empty);
    ck_assert(!d->formatted && !d->clean);
    struct uuid id = { { 4, 5 } };
    ck_assert(log_dir_format(d, "cluster", 1, &id, &err) == ERR_OK);
    ck_assert(log_dir_is_empty(d, &empty, &err) == ERR_OK && !empty);
    static const char *const dirs[] = { "a-b-0",
                                        "a-b-5",
                                        "nodash",
                                        "x-",
                                        "x-1-future",
                                        "x-01",
                                        "a-b-1.0123456789abcdef0123456789abcdef-delete",
                                        "keep-delete" };
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        (void)snprintf(sub, sizeof(sub), "%s/%s", path, dirs[i]);
        ck_assert(v->ops->mkdir(v, sub, &err) == ERR_OK);
    }
    int sum = 0;
    ck_assert(log_dir_list(d, count_partition, &sum, &err) == ERR_OK);
    ck_assert_int_eq(sum, 205);
    struct vfs_stat st;
    (void)snprintf(sub, sizeof(sub), "%s/%s", path, dirs[6]);
    ck_assert(v->ops->stat(v, sub, &st) == ERR_NOT_FOUND);
    (void)snprintf(sub, sizeof(sub), "%s/%s", path, dirs[7]);
    ck_assert(v->ops->stat(v, sub, &st) == ERR_OK);
    struct offset_checkpoint c = { 0 };
    offset_checkpoint_add(&c, "a-b", 0, 12);
    ck_assert(log_dir_write(d, CHECKPOINT_RECOVERY_POINT, &c, &err) == ERR_OK);
    offset_checkpoint_deinit(&c);
    struct log_dir *other;
    ck_assert(log_dir_open(v, path, &other, &err) == ERR_AGAIN);
    ck_assert(log_dir_mark_clean(d, 77, &err) == ERR_OK);
    log_dir_free(d);
    for (int round = 0; round < 2; round++) { /* the marker is good for one start */
        ck_assert(log_dir_open(v, path, &d, &err) == ERR_OK);
        ck_assert(d->formatted && d->clean == (round == 0));
        ck_assert_int_eq(d->broker_epoch, round == 0 ? 77 : -1);
        ck_assert_str_eq(d->meta.cluster_id, "cluster");
        ck_assert_int_eq(offset_checkpoint_find(&d->recovery_points, "a-b", 0), 12);
        log_dir_free(d);
    }
}
END_TEST

Suite *checkpoint_suite(void)
{
    Suite *s = suite_create("storage/checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, offset_checkpoints_read_as_they_were_written);
    tcase_add_test(t, an_offset_checkpoint_torn_at_any_byte_is_refused);
    tcase_add_test(t, of_two_offsets_for_a_partition_the_lower_one_counts);
    tcase_add_test(t, hostile_checkpoints_are_refused);
    tcase_add_test(t, epoch_ends_follow_kip_101);
    tcase_add_test(t, meta_properties_of_both_versions_are_read);
    tcase_add_test(t, meta_properties_with_a_flipped_bit_are_refused_or_have_every_id);
    tcase_add_test(t, a_log_directory_is_locked_listed_and_marked);
    suite_add_tcase(s, t);
    return s;
}
