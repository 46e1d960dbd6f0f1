/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - the Prometheus text format 0.0.4. Driven by /metrics of every daemon and by `make
 * docs`. (M1) Every value is read at the time of the scrape; adding to a metric is adding to a
 * number. (M2) The text is valid UTF-8 and every label value stays inside its quotes.
 */
#include "protocol/daemon/metrics.h"

#include "protocol/base/alloc.h"
#include "protocol/daemon/json.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A table or, with collect, a collector. */
struct source {
    const struct metric_row *rows;
    size_t count;
    const void *values;
    void (*collect)(void *ctx, struct buf *out);
    void *ctx;
};

struct metrics {
    struct source *sources; /* in the order that they were added in */
    size_t source_count;
    double start_time_s; /* Unix time */
};

static const char *const kind_names[] = { "counter", "gauge", "histogram" };

/* --- the process ------------------------------------------------------------------------------ */

static double seconds(clockid_t clock)
{
    struct timespec t = { 0 };
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A small file of /proc, NUL-terminated; "" when it is not there. */
static void read_proc(const char *path, char *text, size_t size)
{
    size_t n = 0;
    FILE *f = fopen(path, "re");
    if (f) {
        n = fread(text, 1, size - 1, f);
        (void)fclose(f);
    }
    text[n] = '\0';
}

/* The kernel tells the start in ticks since boot: the 20th field behind the name's parenthesis. */
static double process_start_s(void)
{
    char text[1024];
    read_proc("/proc/self/stat", text, sizeof(text));
    const char *at = strrchr(text, ')');
    for (int field = 0; at && field < 20; field++) {
        at = strchr(at + 1, ' ');
    }
    double ticks = at ? strtod(at, NULL) : 0;
    double boot = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME);
    return at ? boot + ticks / (double)sysconf(_SC_CLK_TCK) : seconds(CLOCK_REALTIME);
}

static double resident_bytes(void)
{
    char text[256];
    read_proc("/proc/self/statm", text, sizeof(text));
    const char *second = strchr(text, ' ');
    return second ? strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    double count = 0;
    if (dir) {
        for (const struct dirent *d; (d = readdir(dir));) {
            count += d->d_name[0] != '.';
        }
        (void)closedir(dir);
        count -= 1; /* the directory itself */
    }
    return count;
}

static void render_process(const struct metrics *m, struct buf *out)
{
    struct rlimit files = { 0 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    const struct {
        enum metric_kind kind;
        const char *name, *about;
        double value;
    } rows[] = {
        { METRIC_GAUGE, "process_resident_memory_bytes", "Memory of the process that is in RAM.",
          resident_bytes() },
        { METRIC_COUNTER, "process_cpu_seconds_total", "Processor time that the process has used.",
          seconds(CLOCK_PROCESS_CPUTIME_ID) },
        { METRIC_GAUGE, "process_open_fds", "Open file descriptors.", open_fds() },
        { METRIC_GAUGE, "process_max_fds", "How many file descriptors may be open.",
          (double)files.rlim_cur },
        { METRIC_GAUGE, "process_start_time_seconds", "When the process started, Unix time.",
          m->start_time_s },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        metrics_family(out, rows[i].kind, rows[i].name, rows[i].about);
        metrics_sample(out, rows[i].name, NULL, rows[i].value);
    }
}

/* --- the registry -------------------------------------------------------------------------------
 */

struct metrics *metrics_new(void)
{
    struct metrics *m = mem_zalloc(sizeof(*m));
    m->start_time_s = process_start_s();
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m) {
        mem_free(m->sources);
        mem_free(m);
    }
}

static void add_source(struct metrics *m, struct source source)
{
    m->sources = mem_rearray(m->sources, m->source_count + 1, sizeof(*m->sources));
    m->sources[m->source_count++] = source;
}

void metrics_add_table(struct metrics *m, const struct metric_row *rows, size_t count,
                       const void *values)
{
    add_source(m, (struct source){ .rows = rows, .count = count, .values = values });
}

void metrics_add_collector(struct metrics *m, void (*collect)(void *ctx, struct buf *out),
                           void *ctx)
{
    add_source(m, (struct source){ .collect = collect, .ctx = ctx });
}

/* --- the text -----------------------------------------------------------------------------------
 */

void metrics_family(struct buf *out, enum metric_kind kind, const char *name, const char *about)
{
    buf_printf(out, "# HELP %s ", name);
    for (const char *c = about; *c; c++) {
        buf_append_str(out, *c == '\\' ? "\\\\" : *c == '\n' ? "\\n" : (char[]){ *c, '\0' });
    }
    buf_printf(out, "\n# TYPE %s %s\n", name, kind_names[kind]);
}

static void append_label_value(struct buf *out, const char *value)
{
    bool valid = json_is_utf8(slice_str(value));
    for (const char *c = value; *c; c++) {
        if (*c == '\\' || *c == '"') {
            buf_append_byte(out, '\\');
            buf_append_byte(out, (uint8_t)*c);
        } else if (*c == '\n') {
            buf_append_str(out, "\\n");
        } else {
            buf_append_byte(out, !valid && (uint8_t)*c >= 0x80 ? '?' : (uint8_t)*c);
        }
    }
}

static void append_number(struct buf *out, double value)
{
    if (isnan(value)) {
        buf_append_str(out, "NaN");
    } else if (isinf(value)) {
        buf_append_str(out, value > 0 ? "+Inf" : "-Inf");
    } else if (fabs(value) < 9007199254740992.0 && floor(value) >= value) {
        buf_printf(out, "%.0f", value);
    } else {
        buf_printf(out, "%.15g", value);
    }
}

void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value)
{
    buf_append_str(out, name);
    if (labels && labels[0]) {
        const char *separator = "{";
        for (; labels[0]; labels += 2) {
            buf_printf(out, "%s%s=\"", separator, labels[0]);
            append_label_value(out, labels[1] ? labels[1] : "");
            buf_append_byte(out, '"');
            separator = ",";
        }
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ' ');
    append_number(out, value);
    buf_append_byte(out, '\n');
}

static void render_histogram(const char *name, const struct histogram *h, struct buf *out)
{
    uint64_t below = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += h->buckets[i];
        buf_printf(out, "%s_bucket{le=\"%.10g\"} %" PRIu64 "\n", name,
                   (double)(UINT64_C(1) << i) / 1e6, below);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n", name,
               h->count, name, (double)h->sum_ns / 1e9, name, h->count);
}

static void render_table(const struct source *table, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric_row *row = &table->rows[i];
        const void *value = (const char *)table->values + row->offset;
        metrics_family(out, row->kind, row->name, row->about);
        if (row->kind == METRIC_HISTOGRAM) {
            render_histogram(row->name, value, out);
        } else {
            buf_printf(out, "%s %" PRIu64 "\n", row->name, *(const uint64_t *)value);
        }
    }
}

void metrics_render(const struct metrics *m, struct buf *out)
{
    for (size_t i = 0; i < m->source_count; i++) {
        const struct source *source = &m->sources[i];
        if (source->collect) {
            source->collect(source->ctx, out);
        } else {
            render_table(source, out);
        }
    }
    render_process(m, out);
}

void metrics_print_markdown(const char *title, const struct metric_row *rows, size_t count,
                            FILE *out)
{
    fprintf(out, "## Metrics of %s\n\n| Metric | Type | Meaning |\n|---|---|---|\n", title);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "| `%s` | %s | %s |\n", rows[i].name, kind_names[rows[i].kind], rows[i].about);
    }
}

void histogram_add_ns(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->sum_ns += ns;
    uint64_t us =
        ns / 1000 + (ns % 1000 != 0); /* rounded up: a bucket holds what is at most its bound */
    unsigned i = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);
    if (i < HISTOGRAM_BUCKETS) {
        h->buckets[i]++;
    }
}
