/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - a metric is a row; the hot path only adds to a struct member.
 * A .def file lists M(kind, field, "name", "one sentence"); kinds COUNTER and GAUGE are uint64_t
 * members, HISTOGRAM is a struct histogram. Names carry the unit, counters end in _total. Metrics
 * with labels (per topic, per file, per node) are written by a collector at the time of the scrape.
 */
#ifndef LOGBOOM_DAEMON_METRICS_H
#define LOGBOOM_DAEMON_METRICS_H

#include "protocol/base/buf.h"

#include <stdio.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* Log-scale buckets, 1 us to about 1000 s, in seconds when rendered. */
enum { HISTOGRAM_BUCKETS = 31 };
struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS]; /* bucket i: up to 2^i us */
    uint64_t count;
    uint64_t sum_ns;
};

struct metric_row {
    enum metric_kind kind;
    uint16_t offset;
    const char *name, *about;
};

#define METRIC_CTYPE_COUNTER                    uint64_t
#define METRIC_CTYPE_GAUGE                      uint64_t
#define METRIC_CTYPE_HISTOGRAM                  struct histogram
#define METRIC_MEMBER(kind, field, name, about) METRIC_CTYPE_##kind field;
#define METRIC_ROW(kind_, field_, name_, about_)                                                   \
    { METRIC_##kind_, (uint16_t)offsetof(struct METRIC_STRUCT, field_), name_, about_ },

struct metrics; /* the registry of one daemon */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* Tables and collectors are rendered in the order that they are added in: a collector that brings
 * members up to date comes before their table. rows and values stay the caller's and outlive the
 * registry. */
void metrics_add_table(struct metrics *m, const struct metric_row *rows, size_t count,
                       const void *values);
/* collect() is called at each scrape and writes families by metrics_family() and metrics_sample().
 */
void metrics_add_collector(struct metrics *m, void (*collect)(void *ctx, struct buf *out),
                           void *ctx);
/* `# HELP`, `# TYPE` lines. */
void metrics_family(struct buf *out, enum metric_kind kind, const char *name, const char *about);
/* One sample; labels are pairs of strings, escaped here: {"topic", t, "partition", p, NULL}. */
void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value);
/* The Prometheus text format 0.0.4, process_* metrics included. */
void metrics_render(const struct metrics *m, struct buf *out);
void metrics_print_markdown(const char *title, const struct metric_row *rows, size_t count,
                            FILE *out);

void histogram_add_ns(struct histogram *h, uint64_t ns);

#endif
