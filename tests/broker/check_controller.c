/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller.c - broker/controller: records, image, changes. */
#include "broker/controller/changes.h"
#include "broker/controller/features.h"

#include <check.h>

static const struct uuid id_a = { { 1, 2, 3 } }, id_b = { { 9, 9 } };
static const struct change_placement where = { .seed = 7 };
static const struct uuid log_dir = { { 7 } };

static void register_broker(struct image *img, int32_t id)
{
    struct metadata_records recs = { 0 };
    struct image_change change;
    struct register_broker_record rec;
    schema_init(&register_broker_record_schema, &rec);
    rec.broker_id = id;
    rec.fenced = false;
    rec.log_dirs = (struct uuid *)(uintptr_t)&log_dir;
    rec.log_dirs_n = 1;
    metadata_records_add(&recs, &register_broker_record_schema, REGISTER_BROKER_RECORD_VERSION,
                         &rec);
    ck_assert_int_eq(image_apply(img, metadata_records_at(&recs, 0), img->end_offset, &change),
                     ERR_OK);
    metadata_records_deinit(&recs);
}

/* An empty image of today's metadata.version. */
static void begin(struct image *img)
{
    struct metadata_records recs = { 0 };
    struct image_change change;
    image_init(img, 1);
    feature_bootstrap(img, true, &recs);
    ck_assert_uint_eq(recs.count, 1);
    ck_assert_int_eq(image_apply(img, metadata_records_at(&recs, 0), 0, &change), ERR_OK);
    metadata_records_deinit(&recs);
}

static void apply_all(struct image *img, struct metadata_records *recs)
{
    for (uint32_t i = 0; i < recs->count; i++) {
        struct image_change change;
        ck_assert_int_eq(image_apply(img, metadata_records_at(recs, i), img->end_offset, &change),
                         ERR_OK);
        image_change_release(&change);
    }
    metadata_records_reset(recs);
}

static enum kafka_error create(struct image *img, const char *name, int32_t partitions,
                               int16_t replication, const struct uuid *id)
{
    struct metadata_records recs = { 0 };
    struct error err = { 0 };
    const struct change_setting setting = { slice_str("retention.ms"), slice_str("5000") };
    struct change_topic topic = { .name = slice_str(name),
                                  .partitions = partitions,
                                  .replication = replication,
                                  .settings = &setting,
                                  .setting_count = 1 };
    enum kafka_error code = change_create_topic(img, &topic, id, &where, &recs, &err);
    ck_assert_int_eq(code != KAFKA_NONE, err.text[0] != '\0');
    ck_assert_int_eq(code != KAFKA_NONE, recs.count == 0);
    apply_all(img, &recs);
    metadata_records_deinit(&recs);
    return code;
}

START_TEST(created_topic_is_found_by_name_and_by_id_with_its_settings)
{
    struct image img;
    begin(&img);
    register_broker(&img, 4);
    ck_assert_int_eq(create(&img, "logs", 3, 1, &id_a), KAFKA_NONE);
    const struct image_topic *t = image_topic(&img, slice_str("logs"));
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_eq(t, image_topic_by_id(&img, &id_a));
    ck_assert_int_eq(t->partition_count, 3);
    ck_assert_int_eq(t->partitions[2].leader, 4);
    ck_assert_int_eq(t->partitions[2].replica_count, 1);
    ck_assert(uuid_eq(&t->partitions[2].directories[0], &log_dir));
    const struct image_settings *s = image_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs"));
    ck_assert_str_eq(image_setting(s, slice_str("retention.ms")), "5000");
    image_deinit(&img);
}
END_TEST

START_TEST(topics_are_refused_with_kafkas_codes)
{
    static const struct {
        const char *name;
        int32_t partitions;
        int16_t replication;
        enum kafka_error code;
    } cases[] = {
        { "", 1, 1, KAFKA_INVALID_TOPIC_EXCEPTION },
        { ".", 1, 1, KAFKA_INVALID_TOPIC_EXCEPTION },
        { "..", 1, 1, KAFKA_INVALID_TOPIC_EXCEPTION },
        { "a/b", 1, 1, KAFKA_INVALID_TOPIC_EXCEPTION },
        { "with space", 1, 1, KAFKA_INVALID_TOPIC_EXCEPTION },
        { "there", 1, 1, KAFKA_TOPIC_ALREADY_EXISTS },
        { "new", 0, 1, KAFKA_INVALID_PARTITIONS },
        { "new", -7, 1, KAFKA_INVALID_PARTITIONS },
        { "new", 2000000000, 1, KAFKA_INVALID_PARTITIONS },
        { "new", 1, 0, KAFKA_INVALID_REPLICATION_FACTOR },
        { "new", 1, 2, KAFKA_INVALID_REPLICATION_FACTOR },
        { "new", 1, 1, KAFKA_NONE },
    };
    struct image img;
    begin(&img);
    register_broker(&img, 1);
    ck_assert_int_eq(create(&img, "there", 1, 1, &id_a), KAFKA_NONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(create(&img, cases[i].name, cases[i].partitions, cases[i].replication,
                                &id_b),
                         cases[i].code);
    }
    image_deinit(&img);
}
END_TEST

START_TEST(deleted_topic_takes_its_settings_with_it)
{
    struct image img;
    struct metadata_records recs = { 0 };
    struct error err;
    begin(&img);
    register_broker(&img, 1);
    create(&img, "logs", 2, 1, &id_a);
    ck_assert_int_eq(change_delete_topic(&img, slice_null(), &id_a, &recs, &err), KAFKA_NONE);
    apply_all(&img, &recs);
    ck_assert_ptr_null(image_topic(&img, slice_str("logs")));
    ck_assert_ptr_null(image_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs")));
    ck_assert_int_eq(change_delete_topic(&img, slice_null(), &id_a, &recs, &err),
                     KAFKA_UNKNOWN_TOPIC_ID);
    ck_assert_int_eq(change_delete_topic(&img, slice_str("logs"), &id_a, &recs, &err),
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

START_TEST(topics_only_grow)
{
    struct image img;
    struct metadata_records recs = { 0 };
    struct error err;
    begin(&img);
    register_broker(&img, 1);
    create(&img, "logs", 2, 1, &id_a);
    static const int32_t refused[] = { -1, 0, 1, 2, 1000000 };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_int_eq(change_create_partitions(&img, slice_str("logs"), refused[i], NULL, -1,
                                                  &where, &recs, &err),
                         KAFKA_INVALID_PARTITIONS);
        ck_assert_uint_eq(recs.count, 0);
    }
    ck_assert_int_eq(change_create_partitions(&img, slice_str("logs"), 5, NULL, -1, &where, &recs,
                                              &err),
                     KAFKA_NONE);
    apply_all(&img, &recs);
    ck_assert_int_eq(image_topic(&img, slice_str("logs"))->partition_count, 5);
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

START_TEST(settings_that_are_there_already_make_no_record)
{
    struct image img;
    struct metadata_records recs = { 0 };
    begin(&img);
    register_broker(&img, 1);
    create(&img, "logs", 1, 1, &id_a);
    const struct change_setting same = { slice_str("retention.ms"), slice_str("5000") };
    const struct change_setting drop = { slice_str("retention.ms"), slice_null() };
    const struct change_setting absent = { slice_str("segment.bytes"), slice_null() };
    change_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs"), &same, 1, &recs);
    change_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs"), &absent, 1, &recs);
    ck_assert_uint_eq(recs.count, 0);
    change_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs"), &drop, 1, &recs);
    ck_assert_uint_eq(recs.count, 1);
    apply_all(&img, &recs);
    ck_assert_ptr_null(image_settings(&img, CONFIG_RESOURCE_TOPIC, slice_str("logs")));
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

START_TEST(producer_ids_are_never_given_twice)
{
    struct image img;
    struct metadata_records recs = { 0 };
    int64_t first = -1;
    begin(&img);
    for (int64_t i = 0; i < 3; i++) {
        change_producer_ids(&img, 1, 0, 1000, &recs, &first);
        ck_assert_int_eq(first, i * 1000);
        apply_all(&img, &recs);
    }
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

START_TEST(damaged_records_are_refused_and_change_nothing)
{
    struct image img;
    struct metadata_records recs = { 0 };
    struct image_change change;
    begin(&img);
    register_broker(&img, 1);
    create(&img, "logs", 1, 1, &id_a);
    struct topic_record rec;
    schema_init(&topic_record_schema, &rec);
    rec.name = slice_str("other");
    rec.topic_id = id_b;
    metadata_records_add(&recs, &topic_record_schema, 0, &rec);
    struct slice whole = metadata_records_at(&recs, 0);
    for (size_t n = 0; n < whole.len; n++) {
        ck_assert_int_ne(image_apply(&img, slice_head(whole, n), 99, &change), ERR_OK);
    }
    struct buf longer = { 0 };
    buf_append_slice(&longer, whole);
    buf_append_byte(&longer, 0);
    ck_assert_int_eq(image_apply(&img, buf_slice(&longer), 99, &change), ERR_MALFORMED);
    longer.ptr[0] = 2; /* another frame version */
    ck_assert_int_eq(image_apply(&img, buf_slice(&longer), 99, &change), ERR_UNSUPPORTED);
    ck_assert_uint_eq(img.topics_by_id.count, 1);
    ck_assert_ptr_null(image_topic(&img, slice_str("other")));
    buf_deinit(&longer);
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

START_TEST(partition_of_an_unknown_topic_is_corrupt)
{
    struct image img;
    struct metadata_records recs = { 0 };
    struct image_change change;
    begin(&img);
    struct partition_record rec;
    schema_init(&partition_record_schema, &rec);
    rec.partition_id = 0;
    rec.topic_id = id_a;
    metadata_records_add(&recs, &partition_record_schema, PARTITION_RECORD_VERSION, &rec);
    ck_assert_int_eq(image_apply(&img, metadata_records_at(&recs, 0), 0, &change), ERR_CORRUPT);
    metadata_records_deinit(&recs);
    image_deinit(&img);
}
END_TEST

Suite *controller_suite(void);

Suite *controller_suite(void)
{
    Suite *s = suite_create("controller");
    TCase *tc = tcase_create("controller");
    tcase_add_test(tc, created_topic_is_found_by_name_and_by_id_with_its_settings);
    tcase_add_test(tc, topics_are_refused_with_kafkas_codes);
    tcase_add_test(tc, deleted_topic_takes_its_settings_with_it);
    tcase_add_test(tc, topics_only_grow);
    tcase_add_test(tc, settings_that_are_there_already_make_no_record);
    tcase_add_test(tc, producer_ids_are_never_given_twice);
    tcase_add_test(tc, damaged_records_are_refused_and_change_nothing);
    tcase_add_test(tc, partition_of_an_unknown_topic_is_corrupt);
    suite_add_tcase(s, tc);
    return s;
}
