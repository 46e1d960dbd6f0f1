/* SPDX-License-Identifier: Apache-2.0 */
/* check_messages.c - one property test over all messages and versions; wrong bytes; schema ids. */
#include "protocol/base/alloc.h"
#include "tests/protocol/message_gen.h"

#include <check.h>

Suite *messages_suite(void);

enum { SEEDS = 12, LENGTHS_MAX = 4096, ARENA_BYTES = 64 << 20 };

struct fixture {
    struct arena made, decoded;
    struct buf bytes, again, patched;
    struct rng rng;
    uint8_t msg[4096], back[4096];
};

static struct fixture *fixture_new(void)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    arena_init(&f->made, ARENA_BYTES);
    arena_init(&f->decoded, ARENA_BYTES);
    return f;
}

static void fixture_free(struct fixture *f)
{
    arena_deinit(&f->made);
    arena_deinit(&f->decoded);
    buf_deinit(&f->bytes);
    buf_deinit(&f->again);
    buf_deinit(&f->patched);
    mem_free(f);
}

/* A new random message in f->msg, its bytes in f->bytes. */
static void make(struct fixture *f, const struct schema *s, int16_t version, uint64_t seed)
{
    ck_assert_uint_le(s->size, sizeof(f->msg));
    rng_seed(&f->rng, seed * 1000003 + (uint64_t)version);
    arena_reset(&f->made);
    message_gen(&f->rng, &f->made, s, version, f->msg);
    buf_reset(&f->bytes);
    struct writer w;
    writer_init(&w, &f->bytes);
    ck_assert_int_eq(schema_encode(s, version, &w, f->msg), ERR_OK);
}

static enum err decode(struct fixture *f, const struct schema *s, int16_t version,
                       struct slice bytes, size_t *ret_left)
{
    arena_reset(&f->decoded);
    struct reader r = reader_of(bytes);
    enum err err = schema_decode(s, version, &r, &f->decoded, f->back);
    *ret_left = reader_left(&r);
    return err;
}

static void for_all_messages(uint64_t seeds, void (*each)(struct fixture *f, const struct schema *s,
                                                          int16_t version, uint64_t seed))
{
    struct fixture *f = fixture_new();
    for (size_t i = 0; i < message_schema_count; i++) {
        const struct schema *s = message_schemas[i];
        for (int16_t version = s->min; version <= s->max; version++) {
            for (uint64_t seed = 0; seed < seeds; seed++) {
                make(f, s, version, seed);
                each(f, s, version, seed);
            }
        }
    }
    fixture_free(f);
}

static void round_trip(struct fixture *f, const struct schema *s, int16_t version, uint64_t seed)
{
    size_t left;
    enum err err = decode(f, s, version, buf_slice(&f->bytes), &left);
    ck_assert_msg(!err && !left, "%s v%d seed %d: error %d, %zu bytes left", s->name, version,
                  (int)seed, err, left);
    ck_assert_msg(message_equal(s, f->msg, f->back), "%s v%d seed %d: another message came back",
                  s->name, version, (int)seed);
    buf_reset(&f->again);
    struct writer w;
    writer_init(&w, &f->again);
    ck_assert_int_eq(schema_encode(s, version, &w, f->back), ERR_OK);
    ck_assert_msg(slice_eq(buf_slice(&f->bytes), buf_slice(&f->again)),
                  "%s v%d seed %d: other bytes", s->name, version, (int)seed);
    ck_assert_uint_eq(schema_size(s, version, f->msg), f->bytes.len);
    ck_assert_msg(message_lengths(s, version, buf_slice(&f->bytes), NULL, 0) >= 0,
                  "%s v%d seed %d: the second reading of the format differs", s->name, version,
                  (int)seed);
}

START_TEST(every_message_comes_back_as_it_was)
{
    for_all_messages(SEEDS, round_trip);
}
END_TEST

static void truncations(struct fixture *f, const struct schema *s, int16_t version, uint64_t seed)
{
    size_t left;
    for (size_t len = 0; len < f->bytes.len; len++) {
        /* An exact copy, so that a sanitizer sees a read past the end. */
        uint8_t *copy = mem_alloc(len + 1);
        memcpy(copy, f->bytes.ptr, len);
        enum err err = decode(f, s, version, slice_of(copy, len), &left);
        mem_free(copy);
        ck_assert_msg(err == ERR_SHORT, "%s v%d seed %d cut at %zu of %zu: error %d", s->name,
                      version, (int)seed, len, f->bytes.len, err);
    }
}

START_TEST(every_truncation_is_refused)
{
    for_all_messages(1, truncations);
}
END_TEST

/* f->bytes with one length replaced by the largest there is. */
static void patch_huge(struct fixture *f, const struct wire_length *at)
{
    static const uint8_t varint[] = { 0xff, 0xff, 0xff, 0xff, 0x0f };
    static const uint8_t classic[] = { 0x7f, 0xff, 0xff, 0xff };
    buf_reset(&f->patched);
    buf_append(&f->patched, f->bytes.ptr, at->at);
    buf_append(&f->patched, at->varint ? varint : classic, at->varint ? sizeof(varint) : at->size);
    buf_append_slice(&f->patched, slice_from(buf_slice(&f->bytes), at->at + at->size));
}

static void huge_lengths(struct fixture *f, const struct schema *s, int16_t version, uint64_t seed)
{
    static struct wire_length lengths[LENGTHS_MAX];
    size_t left;
    int count = message_lengths(s, version, buf_slice(&f->bytes), lengths, LENGTHS_MAX);
    ck_assert_int_ge(count, 0);
    ck_assert_int_eq(decode(f, s, version, buf_slice(&f->bytes), &left), ERR_OK);
    size_t honest = f->decoded.used_bytes;
    for (int i = 0; i < count && i < LENGTHS_MAX; i++) {
        patch_huge(f, &lengths[i]);
        enum err err = decode(f, s, version, buf_slice(&f->patched), &left);
        ck_assert_msg(err == ERR_SHORT || err == ERR_MALFORMED,
                      "%s v%d seed %d, length at %zu: error %d", s->name, version, (int)seed,
                      lengths[i].at, err);
        ck_assert_msg(f->decoded.used_bytes <= honest,
                      "%s v%d seed %d, length at %zu took %zu bytes", s->name, version, (int)seed,
                      lengths[i].at, f->decoded.used_bytes);
    }
}

START_TEST(huge_lengths_are_refused_before_memory_is_taken)
{
    for_all_messages(2, huge_lengths);
}
END_TEST

static void byte_noise(struct fixture *f, const struct schema *s, int16_t version, uint64_t seed)
{
    size_t left;
    for (int i = 0; i < 40 && f->bytes.len; i++) {
        f->bytes.ptr[rng_below(&f->rng, f->bytes.len)] = (uint8_t)rng_next(&f->rng);
        if (decode(f, s, version, buf_slice(&f->bytes), &left) == ERR_OK) {
            /* Whatever is taken can be written, and read again as the same. */
            buf_reset(&f->again);
            struct writer w;
            writer_init(&w, &f->again);
            ck_assert_int_eq(schema_encode(s, version, &w, f->back), ERR_OK);
            struct reader r = reader_of(buf_slice(&f->again));
            ck_assert_int_eq(schema_decode(s, version, &r, &f->decoded, f->msg), ERR_OK);
            ck_assert_msg(message_equal(s, f->back, f->msg), "%s v%d seed %d", s->name, version,
                          (int)seed);
        }
    }
}

START_TEST(noise_is_refused_or_read_consistently)
{
    for_all_messages(3, byte_noise);
}
END_TEST

START_TEST(versions_outside_the_table_are_refused)
{
    struct fixture *f = fixture_new();
    size_t left;
    make(f, &fetch_request_schema, 4, 1);
    ck_assert_int_eq(decode(f, &fetch_request_schema, 3, buf_slice(&f->bytes), &left),
                     ERR_UNSUPPORTED);
    ck_assert_int_eq(decode(f, &fetch_request_schema, 99, buf_slice(&f->bytes), &left),
                     ERR_UNSUPPORTED);
    struct writer w;
    writer_init(&w, NULL);
    ck_assert_int_eq(schema_encode(&fetch_request_schema, 3, &w, f->msg), ERR_UNSUPPORTED);
    fixture_free(f);
}
END_TEST

START_TEST(an_arena_too_small_is_an_error_to_the_peer)
{
    struct fixture *f = fixture_new();
    for (uint64_t seed = 0;; seed++) {
        make(f, &metadata_response_schema, 12, seed);
        if (((struct metadata_response *)(void *)f->msg)->topics_n > 1) {
            break;
        }
    }
    struct arena small;
    arena_init(&small, 64);
    struct reader r = reader_of(buf_slice(&f->bytes));
    ck_assert_int_eq(schema_decode(&metadata_response_schema, 12, &r, &small, f->back), ERR_LIMIT);
    arena_deinit(&small);
    fixture_free(f);
}
END_TEST

START_TEST(unknown_tagged_fields_are_skipped)
{
    /* Heartbeat response v4: throttle 7, no error, then tags 5 and 9 that nobody knows. */
    static const uint8_t bytes[] = { 0, 0, 0, 7, 0, 0, 2, 5, 3, 'a', 'b', 'c', 9, 0 };
    static const uint8_t unordered[] = { 0, 0, 0, 7, 0, 0, 2, 5, 3, 'a', 'b', 'c', 5, 0 };
    struct fixture *f = fixture_new();
    size_t left;
    const struct schema *s = &heartbeat_response_schema;
    ck_assert_int_eq(decode(f, s, 4, slice_of(bytes, sizeof(bytes)), &left), ERR_OK);
    ck_assert_uint_eq(left, 0);
    ck_assert_int_eq(((struct heartbeat_response *)(void *)f->back)->throttle_time_ms, 7);
    ck_assert_int_eq(decode(f, s, 4, slice_of(unordered, sizeof(unordered)), &left), ERR_MALFORMED);
    fixture_free(f);
}
END_TEST

START_TEST(null_where_none_may_be_is_refused)
{
    static const uint8_t bytes[] = { 0xff, 0xff, 0, 0 }; /* SyncGroup v0 without a group id */
    struct fixture *f = fixture_new();
    size_t left;
    ck_assert_int_eq(decode(f, &sync_group_request_schema, 0, slice_of(bytes, sizeof(bytes)),
                            &left),
                     ERR_MALFORMED);
    fixture_free(f);
}
END_TEST

START_TEST(a_string_that_does_not_fit_its_length_is_not_sent)
{
    static const uint8_t text[40000];
    struct heartbeat_request req;
    schema_init(&heartbeat_request_schema, &req);
    req.group_id = slice_of(text, sizeof(text));
    struct writer w;
    writer_init(&w, NULL);
    ck_assert_int_eq(schema_encode(&heartbeat_request_schema, 0, &w, &req), ERR_LIMIT);
}
END_TEST

START_TEST(spliced_records_count_and_are_noted_in_their_place)
{
    struct produce_request_partition_produce_data partition;
    struct produce_request_topic_produce_data topic;
    struct produce_request req;
    schema_init(&produce_request_partition_produce_data_schema, &partition);
    schema_init(&produce_request_topic_produce_data_schema, &topic);
    schema_init(&produce_request_schema, &req);
    int file = 0;
    partition.records = (struct records){ .external = &file, .external_len = 1000 };
    topic.name = slice_str("t");
    topic.partition_data = &partition;
    topic.partition_data_n = 1;
    req.topic_data = &topic;
    req.topic_data_n = 1;
    struct buf b = { 0 };
    struct writer w;
    writer_init(&w, &b);
    ck_assert_int_eq(schema_encode(&produce_request_schema, 9, &w, &req), ERR_OK);
    ck_assert_uint_eq(w.len, b.len + 1000);
    ck_assert_uint_eq(schema_size(&produce_request_schema, 9, &req), w.len);
    ck_assert_uint_eq(w.splice_count, 1);
    /* Behind the records: the tags of the partition, the topic and the request. */
    ck_assert_uint_eq(w.splices[0].at, b.len - 3);
    writer_deinit(&w);
    buf_deinit(&b);
}
END_TEST

START_TEST(ids_are_written_as_kafka_writes_them)
{
    /* Facts of Java's Uuid: METADATA_TOPIC_ID and a random one. */
    struct uuid id = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } }, back;
    char text[23];
    uuid_format(&id, text);
    ck_assert_str_eq(text, "AAAAAAAAAAAAAAAAAAAAAQ");
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < 1000; i++) {
        for (int j = 0; j < 16; j++) {
            id.bytes[j] = (uint8_t)rng_next(&rng);
        }
        uuid_format(&id, text);
        ck_assert_int_eq(uuid_parse(slice_str(text), &back), ERR_OK);
        ck_assert(uuid_eq(&id, &back));
    }
    ck_assert_int_eq(uuid_parse(slice_str("AAAAAAAAAAAAAAAAAAAAA="), &back), ERR_MALFORMED);
    ck_assert_int_eq(uuid_parse(slice_str("AAAA"), &back), ERR_MALFORMED);
}
END_TEST

Suite *messages_suite(void)
{
    Suite *s = suite_create("messages");
    TCase *t = tcase_create("messages");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_message_comes_back_as_it_was);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, huge_lengths_are_refused_before_memory_is_taken);
    tcase_add_test(t, noise_is_refused_or_read_consistently);
    tcase_add_test(t, versions_outside_the_table_are_refused);
    tcase_add_test(t, an_arena_too_small_is_an_error_to_the_peer);
    tcase_add_test(t, unknown_tagged_fields_are_skipped);
    tcase_add_test(t, null_where_none_may_be_is_refused);
    tcase_add_test(t, a_string_that_does_not_fit_its_length_is_not_sent);
    tcase_add_test(t, spliced_records_count_and_are_noted_in_their_place);
    tcase_add_test(t, ids_are_written_as_kafka_writes_them);
    suite_add_tcase(s, t);
    return s;
}
