/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_golden.c - what Apache Kafka 4.3 and its clients really sent (tests/golden, by record.py)
 * reads with our tables and is written again to the same byte.
 */
#include "protocol/wire/api.h"
#include "protocol/wire/record_batch.h"
#include "tests/support/files.h"

#include <check.h>
#include <stdio.h>

Suite *golden_suite(void);

struct golden {
    struct arena arena;
    struct buf out, scratch;
    int count;
    unsigned codecs; /* a bit for each codec that was seen */
};

static void golden_init(struct golden *g)
{
    *g = (struct golden){ 0 };
    arena_init(&g->arena, 16 << 20);
}

static void golden_deinit(struct golden *g)
{
    arena_deinit(&g->arena);
    buf_deinit(&g->out);
    buf_deinit(&g->scratch);
}

/* "kcat/Fetch_v11_response_2.bin" -> the API, 11, true */
static const struct api *parse_name(const char *path, int *ret_version, bool *ret_response)
{
    const char *name = strchr(path, '/');
    char api_name[64], kind[64];
    if (!name || sscanf(name + 1, "%63[A-Za-z]_v%d_%63[a-z]", api_name, ret_version, kind) != 3) {
        return NULL;
    }
    *ret_response = strcmp(kind, "response") == 0;
    for (int16_t key = 0; key < API_KEY_END; key++) {
        const struct api *api = api_find(key);
        if (api && strcmp(api->name, api_name) == 0) {
            return api;
        }
    }
    return NULL;
}

static void check_frame(void *ctx, const char *name, struct slice bytes)
{
    struct golden *g = ctx;
    int version;
    bool response;
    const struct api *api = parse_name(name, &version, &response);
    if (!api) {
        return;
    }
    struct reader r = reader_of(bytes);
    struct request_header header = { 0 };
    int32_t correlation_id = 0;
    const struct schema *schema = response ? api->response : api->request;
    if (response) {
        ck_assert_int_eq(api_response_header_decode(&r, api->key, (int16_t)version,
                                                    &correlation_id),
                         ERR_OK);
        /* An unknown version of ApiVersions is answered with version 0. */
        if (api->key == API_ApiVersions && reader_left(&r) > 1 && r.pos[1] == 35) {
            version = 0;
        }
    } else {
        ck_assert_int_eq(api_request_header_decode(&r, &header), ERR_OK);
        ck_assert_int_eq(header.request_api_key, api->key);
        ck_assert_int_eq(header.request_api_version, version);
    }
    if (version > schema->max) {
        return;
    }
    arena_reset(&g->arena);
    void *msg = arena_alloc(&g->arena, schema->size);
    enum err err = schema_decode(schema, (int16_t)version, &r, &g->arena, msg);
    ck_assert_msg(!err && !reader_left(&r), "%s: error %d, %zu bytes left", name, err,
                  reader_left(&r));
    struct writer w;
    buf_reset(&g->out);
    writer_init(&w, &g->out);
    err = response ? api_frame_response(&w, api->key, (int16_t)version, correlation_id, msg)
                   : api_frame_request(&w, &header, msg);
    ck_assert_int_eq(err, ERR_OK);
    ck_assert_msg(slice_eq(slice_from(buf_slice(&g->out), 4), bytes), "%s: other bytes", name);
    g->count++;
}

START_TEST(recorded_frames_read_and_are_written_again_to_the_byte)
{
    struct golden g;
    golden_init(&g);
    ck_assert_int_gt(files_each("tests/golden", check_frame, &g), 0);
    ck_assert_int_gt(g.count, 200);
    golden_deinit(&g);
}
END_TEST

/* Calls each for every record of a row of batches; checksums are checked on the way. */
static void for_each_record(struct golden *g, const char *name, struct slice bytes,
                            void (*each)(struct golden *g, const char *name,
                                         const struct batch_view *b, const struct record *rec))
{
    while (bytes.len) {
        struct batch_view b;
        struct batch_iter it;
        struct record rec;
        ck_assert_msg(batch_parse(bytes, &b) == ERR_OK, "%s", name);
        ck_assert_msg(batch_check_crc(&b) == ERR_OK, "%s", name);
        ck_assert_msg(batch_iter_init(&it, &b, &g->scratch, 1 << 20) == ERR_OK, "%s", name);
        enum err err;
        while (!(err = batch_iter_next(&it, &rec))) {
            each(g, name, &b, &rec);
        }
        ck_assert_msg(err == ERR_NOT_FOUND, "%s: error %d", name, err);
        bytes = slice_from(bytes, b.bytes.len);
    }
}

static void check_line(struct golden *g, const char *name, const struct batch_view *b,
                       const struct record *rec)
{
    char want[100];
    char codec[16];
    ck_assert_int_eq(sscanf(name, "batches/java_%15[a-z0-9]", codec), 1);
    snprintf(want, sizeof(want), "line %d of a log that %s carries", ++g->count, codec);
    ck_assert_str_eq(codec_name(batch_codec(b)), codec);
    ck_assert_msg(slice_eq_str(rec->value, want), "%s: '%.*s'", name, SLICE_ARG(rec->value));
    ck_assert_int_eq(rec->offset, g->count - 1);
    ck_assert(slice_is_null(rec->key));
}

static void check_lines(void *ctx, const char *name, struct slice bytes)
{
    struct golden *g = ctx;
    enum codec codec;
    char text[16];
    if (sscanf(name, "batches/java_%15[a-z0-9].bin", text) == 1 &&
        codec_parse(slice_str(text), &codec) == ERR_OK) {
        g->count = 0;
        for_each_record(g, name, bytes, check_line);
        ck_assert_int_eq(g->count, 40);
        g->codecs |= 1u << codec;
    }
}

START_TEST(batches_of_the_java_producer_read_in_every_codec)
{
    struct golden g;
    golden_init(&g);
    ck_assert_int_gt(files_each("tests/golden", check_lines, &g), 0);
    ck_assert_uint_eq(g.codecs, (1u << CODEC_COUNT) - 1);
    golden_deinit(&g);
}
END_TEST

/* Decodes a message, checks that nothing is left and that it is written again to the byte. */
static void check_message(struct golden *g, const char *name, const struct schema *s,
                          int16_t version, struct slice bytes)
{
    arena_reset(&g->arena);
    void *msg = arena_alloc(&g->arena, s->size);
    struct reader r = reader_of(bytes);
    enum err err = schema_decode(s, version, &r, &g->arena, msg);
    ck_assert_msg(!err && !reader_left(&r), "%s: %s v%d: error %d", name, s->name, version, err);
    struct writer w;
    buf_reset(&g->out);
    writer_init(&w, &g->out);
    ck_assert_int_eq(schema_encode(s, version, &w, msg), ERR_OK);
    ck_assert_msg(slice_eq(buf_slice(&g->out), bytes), "%s: %s v%d: other bytes", name, s->name,
                  version);
    g->count++;
}

/* Keys and values of __consumer_offsets begin with their version as an i16. */
static void check_offset_record(struct golden *g, const char *name, const struct batch_view *b,
                                const struct record *rec)
{
    struct reader key = reader_of(rec->key), value = reader_of(rec->value);
    int16_t type = reader_i16(&key), version = reader_i16(&value);
    struct slice key_body = slice_of(key.pos, reader_left(&key));
    struct slice value_body = slice_of(value.pos, reader_left(&value));
    if (b->attributes & BATCH_ATTR_CONTROL || (type != 1 && type != 2)) {
        return; /* the records of consumer groups (KIP-848) have no table */
    }
    check_message(g, name, type == 1 ? &offset_commit_key_schema : &group_metadata_key_schema, 0,
                  key_body);
    if (!slice_is_null(rec->value)) {
        check_message(g, name,
                      type == 1 ? &offset_commit_value_schema : &group_metadata_value_schema,
                      version, value_body);
    }
}

/* Values of __cluster_metadata: frame version 1, record type, its version, the body. */
static void check_metadata_record(struct golden *g, const char *name, const struct batch_view *b,
                                  const struct record *rec)
{
    if (b->attributes & BATCH_ATTR_CONTROL) {
        return;
    }
    struct reader r = reader_of(rec->value);
    ck_assert_uint_eq(reader_uvarint(&r), 1);
    uint32_t type = reader_uvarint(&r), version = reader_uvarint(&r);
    struct slice body = slice_of(r.pos, reader_left(&r));
    for (size_t i = 0; i < message_schema_count; i++) {
        const struct schema *s = message_schemas[i];
        size_t n = strlen(s->name);
        if (s->key == (int16_t)type && n > 6 && strcmp(s->name + n - 6, "Record") == 0) {
            check_message(g, name, s, (int16_t)version, body);
            return;
        }
    }
    ck_abort_msg("%s: record type %u has no table", name, type);
}

static void check_internal(void *ctx, const char *name, struct slice bytes)
{
    if (strcmp(name, "batches/java_consumer_offsets.bin") == 0) {
        for_each_record(ctx, name, bytes, check_offset_record);
    } else if (strcmp(name, "batches/java_cluster_metadata.bin") == 0) {
        for_each_record(ctx, name, bytes, check_metadata_record);
    }
}

START_TEST(records_of_internal_topics_read_and_are_written_again_to_the_byte)
{
    struct golden g;
    golden_init(&g);
    ck_assert_int_gt(files_each("tests/golden", check_internal, &g), 0);
    ck_assert_int_gt(g.count, 100);
    golden_deinit(&g);
}
END_TEST

Suite *golden_suite(void)
{
    Suite *s = suite_create("golden");
    TCase *t = tcase_create("golden");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, recorded_frames_read_and_are_written_again_to_the_byte);
    tcase_add_test(t, batches_of_the_java_producer_read_in_every_codec);
    tcase_add_test(t, records_of_internal_topics_read_and_are_written_again_to_the_byte);
    suite_add_tcase(s, t);
    return s;
}
