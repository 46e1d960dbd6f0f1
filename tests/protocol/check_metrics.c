/* SPDX-License-Identifier: Apache-2.0 */
/* check_metrics.c - the exposition of protocol/daemon/metrics.h, read by a strict reader. */
#include "protocol/daemon/metrics.h"
#include "tests/support/prometheus.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

Suite *metrics_suite(void);

struct values {
    uint64_t produced, open;
    struct histogram latency;
};

static const struct metric_row rows[] = {
#define METRIC_STRUCT values
    METRIC_ROW(COUNTER, produced, "broker_produced_records_total", "Records with a \\ and\na line.")
        METRIC_ROW(GAUGE, open, "broker_connections", "Connections.")
            METRIC_ROW(HISTOGRAM, latency, "broker_produce_seconds", "Time.")
#undef METRIC_STRUCT
};

static void collect(void *ctx, struct buf *out)
{
    metrics_family(out, METRIC_GAUGE, "file_lag_bytes", "Bytes behind.");
    metrics_sample(out, "file_lag_bytes",
                   (const char *[]){ "path", "/a \"b\"\\c\nd", "host", "x", NULL }, 1.5);
    metrics_sample(out, "file_lag_bytes", (const char *[]){ "path", "/\xff\xfe", NULL }, -3);
    metrics_sample(out, "file_lag_bytes", (const char *[]){ "path", "/\xc3\xa4", NULL }, 1e300);
    metrics_sample(out, "file_lag_bytes", NULL, (double)(UINT64_C(1) << 40));
}

static const char *rendered(const struct metrics *m, struct buf *out)
{
    char why[256];
    buf_reset(out);
    metrics_render(m, out);
    const char *wrong = prometheus_check(buf_slice(out), why);
    ck_assert_msg(!wrong, "%s", wrong);
    return buf_cstr(out);
}

static double value_of(const char *text, const char *line_start)
{
    const char *at = strstr(text, line_start);
    ck_assert_msg(at != NULL, "%s is missing", line_start);
    return strtod(at + strlen(line_start), NULL);
}

START_TEST(exposition_is_right_and_shows_the_values)
{
    struct values v = { .produced = UINT64_MAX, .open = 3 };
    struct metrics *m = metrics_new();
    struct buf out = { 0 };
    metrics_add_table(m, rows, 3, &v);
    metrics_add_collector(m, collect, NULL);
    const char *text = rendered(m, &out);
    ck_assert_ptr_nonnull(strstr(text,
                                 "# HELP broker_produced_records_total Records with a \\\\ and"
                                 "\\na line.\n# TYPE broker_produced_records_total counter\n"
                                 "broker_produced_records_total 18446744073709551615\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nbroker_connections 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "file_lag_bytes{path=\"/a \\\"b\\\"\\\\c\\nd\",host=\"x\"} "
                                       "1.5\n"));
    ck_assert_ptr_nonnull(strstr(text, "{path=\"/??\"} -3\n"));
    ck_assert_ptr_nonnull(strstr(text, "{path=\"/\xc3\xa4\"} 1e+300\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nfile_lag_bytes 1099511627776\n"));
    v.open++;
    ck_assert_ptr_nonnull(strstr(rendered(m, &out), "\nbroker_connections 4\n"));
    metrics_free(m);
    buf_deinit(&out);
}
END_TEST

static void bring_up_to_date(void *ctx, struct buf *out)
{
    struct values *v = ctx;
    (void)out;
    v->open = 7;
}

START_TEST(what_a_collector_brings_up_to_date_is_shown_at_once)
{
    struct values v = { 0 };
    struct metrics *m = metrics_new();
    struct buf out = { 0 };
    metrics_add_collector(m, bring_up_to_date, &v);
    metrics_add_table(m, rows, 3, &v);
    ck_assert_ptr_nonnull(strstr(rendered(m, &out), "\nbroker_connections 7\n"));
    metrics_free(m);
    buf_deinit(&out);
}
END_TEST

START_TEST(histogram_puts_each_time_into_its_bucket)
{
    static const struct {
        uint64_t ns;
        int bucket; /* -1: only +Inf */
    } cases[] = { { 0, 0 },
                  { 1, 0 },
                  { 1000, 0 },
                  { 1001, 1 },
                  { 2000, 1 },
                  { 2001, 2 },
                  { 4000, 2 },
                  { 4001, 3 },
                  { 1024000, 10 },
                  { UINT64_C(1073741824000), 30 },
                  { UINT64_C(1073741824001), -1 },
                  { UINT64_MAX / 2, -1 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct histogram h = { 0 };
        histogram_add_ns(&h, cases[i].ns);
        ck_assert_uint_eq(h.count, 1);
        for (int b = 0; b < HISTOGRAM_BUCKETS; b++) {
            ck_assert_uint_eq(h.buckets[b], b == cases[i].bucket);
        }
    }
    struct values v = { 0 };
    struct metrics *m = metrics_new();
    struct buf out = { 0 };
    histogram_add_ns(&v.latency, 1500000);
    histogram_add_ns(&v.latency, 2500000);
    metrics_add_table(m, rows, 3, &v);
    const char *text = rendered(m, &out);
    ck_assert_double_eq(value_of(text, "broker_produce_seconds_sum "), 0.004);
    ck_assert_double_eq(value_of(text, "broker_produce_seconds_bucket{le=\"0.002048\"} "), 1);
    ck_assert_double_eq(value_of(text, "broker_produce_seconds_bucket{le=\"0.004096\"} "), 2);
    metrics_free(m);
    buf_deinit(&out);
}
END_TEST

START_TEST(process_metrics_tell_the_truth)
{
    struct metrics *m = metrics_new();
    struct buf out = { 0 };
    const char *text = rendered(m, &out);
    double resident = value_of(text, "\nprocess_resident_memory_bytes ");
    ck_assert_double_gt(resident, 500e3);
    ck_assert_double_lt(resident, 1e9);
    ck_assert_double_lt(value_of(text, "\nprocess_cpu_seconds_total "), 100);
    double fds = value_of(text, "\nprocess_open_fds ");
    int extra = dup(0);
    ck_assert_int_ge(extra, 0);
    ck_assert_double_eq(value_of(rendered(m, &out), "\nprocess_open_fds "), fds + 1);
    close(extra);
    double age = (double)time(NULL) - value_of(rendered(m, &out), "\nprocess_start_time_seconds ");
    ck_assert_double_gt(age, -2);
    ck_assert_double_lt(age, 300);
    metrics_free(m);
    buf_deinit(&out);
}
END_TEST

/* The reader must be able to say no. */
START_TEST(strict_reader_refuses_wrong_texts)
{
    static const char *const texts[] = {
        "",
        "a 1",
        "a 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\n\n",
        "# TYPE a gauge\na 1\n",
        "# HELP a x\n# TYPE a gauge\na one\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"c} 1\n",
        "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
        "# HELP a x\n# TYPE a gauge\nb 1\n",
        "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\na 1\n",
        "# HELP a x\n# TYPE a gauge\na 1\n# HELP a x\n# TYPE a gauge\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\n",
        "# HELP a x\n# TYPE a thing\n",
        "# HELP a x\n# TYPE a gauge\na{} 1\n",
    };
    char why[256];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_msg(prometheus_check(slice_str(texts[i]), why) != NULL, "accepted: %s", texts[i]);
    }
    ck_assert_ptr_null(
        prometheus_check(slice_str("# HELP a x\n# TYPE a gauge\na{b=\"c\"} 1\n"), why));
}
END_TEST

Suite *metrics_suite(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_test(t, exposition_is_right_and_shows_the_values);
    tcase_add_test(t, what_a_collector_brings_up_to_date_is_shown_at_once);
    tcase_add_test(t, histogram_puts_each_time_into_its_bucket);
    tcase_add_test(t, process_metrics_tell_the_truth);
    tcase_add_test(t, strict_reader_refuses_wrong_texts);
    suite_add_tcase(s, t);
    return s;
}
