/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group_record.c - the records of __consumer_offsets, held against those of Apache Kafka.
 * tests/golden/consumer_offsets/N.log are segments of partition N as a 4.3.1 broker wrote them (see
 * the README.md there for what was done to it).
 */
#include "tests/broker/check_group_world.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/record_batch.h"
#include "tests/support/files.h"

#include <stdio.h>
#include <stdlib.h>

static const uint32_t golden_partitions[] = { 2, 28, 29, 30, 44 };
enum { GOLDEN_COUNT = 5 };

/* Calls each() for every record of a golden segment; tells how many there were. */
static size_t walk_golden(uint32_t partition, void *user,
                          void (*each)(void *user, uint32_t partition, const struct record *r))
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/golden/consumer_offsets/%u.log", srcdir ? srcdir : ".",
             partition);
    struct buf file = { 0 }, scratch = { 0 };
    ck_assert_msg(files_read(path, &file), "%s cannot be read", path);
    struct slice left = buf_slice(&file);
    size_t n = 0;
    while (left.len > 0) {
        struct batch_view batch;
        ck_assert_int_eq(batch_parse(left, &batch), ERR_OK);
        ck_assert_int_eq(batch_check_crc(&batch), ERR_OK);
        struct batch_iter it;
        ck_assert_int_eq(batch_iter_init(&it, &batch, &scratch, 1 << 20), ERR_OK);
        struct record r;
        while (batch_iter_next(&it, &r) == ERR_OK) {
            each(user, partition, &r);
            n++;
        }
        left = slice_from(left, batch.bytes.len);
    }
    buf_deinit(&file);
    buf_deinit(&scratch);
    return n;
}

static void expect_same(void *user, uint32_t partition, const struct record *r)
{
    struct arena *arena = user;
    struct group_record_key key;
    struct buf bytes = { 0 };
    ck_assert_int_eq(group_record_read_key(r->key, &key), ERR_OK);
    ck_assert_uint_eq(group_partition(key.group, 50), partition);
    if (key.kind == GROUP_KEY_GROUP) {
        group_record_write_group_key(&bytes, key.group);
    } else {
        group_record_write_offset_key(&bytes, key.group, key.topic, key.partition);
    }
    ck_assert(slice_eq(buf_slice(&bytes), r->key));
    buf_reset(&bytes);
    if (slice_is_null(r->value)) {
        buf_deinit(&bytes);
        return;
    }
    if (key.kind == GROUP_KEY_GROUP) {
        struct group_metadata_value v;
        ck_assert_int_eq(group_record_read_group(r->value, arena, &v), ERR_OK);
        group_record_write_group(&bytes, &v);
    } else {
        struct offset_commit_value v;
        ck_assert_int_eq(group_record_read_offset(r->value, &v), ERR_OK);
        group_record_write_offset(&bytes, &v);
    }
    ck_assert(slice_eq(buf_slice(&bytes), r->value));
    buf_deinit(&bytes);
}

START_TEST(records_of_kafka_are_written_again_byte_for_byte)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    size_t n = 0;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        n += walk_golden(golden_partitions[i], &arena, expect_same);
    }
    ck_assert_uint_eq(n, 9 + 14 + 13 + 1 + 5);
    arena_deinit(&arena);
}
END_TEST

static void expect_refusals(void *user, uint32_t partition, const struct record *r)
{
    struct arena *arena = user;
    struct group_record_key key;
    struct group_metadata_value g;
    struct offset_commit_value o;
    for (size_t n = 0; n < r->key.len; n++) {
        ck_assert_int_ne(group_record_read_key(slice_head(r->key, n), &key), ERR_OK);
    }
    ck_assert_int_eq(group_record_read_key(r->key, &key), ERR_OK);
    for (size_t n = 0; !slice_is_null(r->value) && n < r->value.len; n++) {
        /* Copied, so that a read past the end is noticed by the sanitizer. */
        uint8_t *cut = mem_alloc(n + 1);
        memcpy(cut, r->value.ptr, n);
        cut = mem_realloc(cut, n ? n : 1);
        struct slice value = slice_of(cut, n);
        enum err e = key.kind == GROUP_KEY_GROUP ? group_record_read_group(value, arena, &g)
                                                 : group_record_read_offset(value, &o);
        ck_assert_int_ne(e, ERR_OK);
        arena_reset(arena);
        mem_free(cut);
    }
}

START_TEST(truncated_records_are_refused)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        walk_golden(golden_partitions[i], &arena, expect_refusals);
    }
    arena_deinit(&arena);
}
END_TEST

static void load_one(void *user, uint32_t partition, const struct record *r)
{
    ck_assert_int_eq(coordinator_load_record(user, partition, r->key, r->value), ERR_OK);
}

START_TEST(groups_of_kafka_are_taken_over)
{
    static struct world w;
    struct group_config config;
    group_config_init(&config);
    world_init(&w, &config);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        uint32_t p = golden_partitions[i];
        coordinator_resign(w.c, p);
        coordinator_lead(w.c, p);
        walk_golden(p, w.c, load_one);
        coordinator_load_done(w.c, w.now, p);
    }
    static const struct {
        const char *group;
        const char *state;
        int64_t offsets[3];
    } expected[] = {
        { "kcat-group", "Empty", { -1, 0, 0 } },
        { "static-group", "Stable", { 90, 103, 107 } },
        { "gruppe-ä-日本", "Empty", { 90, 103, 107 } },
        { "simple-group", "Empty", { -1, 7, -1 } },
        { "pair", "Dead", { -1, -1, -1 } },
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        ck_assert_str_eq(state_of(&w, expected[i].group), expected[i].state);
        for (int32_t p = 0; p < 3; p++) {
            ck_assert_int_eq(committed(&w, expected[i].group, "lines", p), expected[i].offsets[p]);
        }
    }
    struct client shipper = { .group = "static-group",
                              .instance = "shipper-1",
                              .member_id = "shipper-1-7ba71eb7-eb2d-4088-994e-3db54059e225",
                              .generation = 1 };
    ck_assert_int_eq(client_heartbeat(&w, &shipper), KAFKA_NONE);
    world_deinit(&w);
}
END_TEST

START_TEST(partition_follows_javas_hash_code)
{
    static const struct {
        const char *group;
        uint32_t hash; /* |String.hashCode()| */
    } table[] = {
        { "", 0 },
        { "a", 97 },
        { "hello", 99162322 },
        { "ä", 228 },
        { "日本", 835047 },
        { "\xf0\x9f\x98\x80", 1772899 }, /* two surrogates: d83d de00 */
        { "polygenelubricants", 0 },     /* Integer.MIN_VALUE */
        { "gruppe-ä-日本", 1165674302 }, /* a negative one */
        { "\xff", 65533 },               /* no UTF-8: U+FFFD */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ck_assert_uint_eq(group_partition(slice_str(table[i].group), 0x7fffffff), table[i].hash);
        ck_assert_uint_eq(group_partition(slice_str(table[i].group), 50), table[i].hash % 50);
    }
}
END_TEST

START_TEST(records_of_later_kafkas_are_skipped)
{
    struct group_config config;
    group_config_init(&config);
    struct coordinator *c = coordinator_new(&config, 1);
    uint32_t p = group_partition(slice_str("g"), 50);
    coordinator_lead(c, p);
    static const uint8_t member_key[] = { 0, 5, 0, 1, 'g', 0, 1, 'm' };
    static const uint8_t group_key[] = { 0, 2, 0, 1, 'g' };
    static const uint8_t later_value[] = { 0, 9, 1, 2, 3 };
    struct slice key = slice_of(group_key, sizeof(group_key));
    struct slice value = slice_of(later_value, sizeof(later_value));
    ck_assert_int_eq(coordinator_load_record(c, p, slice_of(member_key, sizeof(member_key)), value),
                     ERR_UNSUPPORTED);
    ck_assert_int_eq(coordinator_load_record(c, p, key, value), ERR_UNSUPPORTED);
    ck_assert_int_eq(coordinator_load_record(c, (p + 1) % 50, key, slice_null()), ERR_INVALID);
    ck_assert_int_eq(coordinator_load_record(c, p, slice_of("", 0), value), ERR_SHORT);
    struct group_stats stats;
    coordinator_stats(c, &stats);
    ck_assert_uint_eq(stats.groups, 0);
    coordinator_free(c);
}
END_TEST

START_TEST(offset_values_of_all_versions_are_read)
{
    for (int16_t version = 0; version <= 4; version++) {
        struct offset_commit_value v = { .offset = 12,
                                         .leader_epoch = 3,
                                         .metadata = slice_str("m"),
                                         .commit_timestamp = 5,
                                         .expire_timestamp = 6,
                                         .topic_id = { { 7 } } };
        struct buf bytes = { 0 };
        struct writer writer;
        writer_init(&writer, &bytes);
        writer_i16(&writer, version);
        ck_assert_int_eq(schema_encode(&offset_commit_value_schema, version, &writer, &v), ERR_OK);
        struct offset_commit_value got;
        ck_assert_int_eq(group_record_read_offset(buf_slice(&bytes), &got), ERR_OK);
        ck_assert_int_eq(got.offset, 12);
        ck_assert_int_eq(got.expire_timestamp, version == 1 ? 6 : -1);
        ck_assert_int_eq(got.leader_epoch, version >= 3 ? 3 : -1);
        ck_assert_int_eq(got.topic_id.bytes[0], version >= 4 ? 7 : 0);
        buf_deinit(&bytes);
    }
}
END_TEST

Suite *group_record_suite(void)
{
    Suite *s = suite_create("group_record");
    TCase *t = tcase_create("golden");
    tcase_add_test(t, records_of_kafka_are_written_again_byte_for_byte);
    tcase_add_test(t, truncated_records_are_refused);
    tcase_add_test(t, groups_of_kafka_are_taken_over);
    tcase_add_test(t, partition_follows_javas_hash_code);
    tcase_add_test(t, records_of_later_kafkas_are_skipped);
    tcase_add_test(t, offset_values_of_all_versions_are_read);
    suite_add_tcase(s, t);
    return s;
}
