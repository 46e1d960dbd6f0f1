/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - log lines. Driven by the daemons, from the loop and from workers.
 *   (L1) One line is one write(2): lines of several threads and processes never mix.
 *   (L2) What comes from outside stays inside its quotes: no value begins a line or a pair.
 *   (L3) No more than REPEATS_PER_S lines a second of one (component, message); what is held back
 * is counted, and the count is told when the second is over, at the next line of any kind.
 */
#include "protocol/daemon/log.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/units.h"
#include "protocol/daemon/json.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS_PER_S = 20, REPEAT_SLOTS = 64, VALUE_BYTES_MAX = 1024 };

/* What was said lately. Components and messages are constant texts: their addresses are their
 * names. */
struct repeat {
    const char *component, *message;
    enum log_level level;
    int64_t second;
    uint64_t written, held_back;
};

struct log_sink {
    int fd;
    enum log_level level;
    enum log_format format;
    pthread_mutex_t lock; /* guards all below */
    struct repeat repeats[REPEAT_SLOTS];
    uint64_t held_back; /* in all slots */
    uint64_t lost;      /* lines that the kernel did not take */
    struct buf line;
};

static const char *const level_names[] = { "debug", "info", "warn", "error" };

struct log_sink *log_sink_new(int fd, enum log_level level, enum log_format format)
{
    struct log_sink *sink = mem_zalloc(sizeof(*sink));
    sink->fd = fd;
    sink->level = level;
    sink->format = format;
    pthread_mutex_init(&sink->lock, NULL);
    return sink;
}

/* --- one line --------------------------------------------------------------------------------- */

static void append_time(struct buf *out, const struct timespec *now)
{
    struct tm tm;
    gmtime_r(&now->tv_sec, &tm);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now->tv_nsec / 1000000));
}

/* At most VALUE_BYTES_MAX bytes, not in the middle of a character. */
static struct slice cut(struct slice s)
{
    if (s.len <= VALUE_BYTES_MAX) {
        return s;
    }
    size_t n = VALUE_BYTES_MAX;
    while (n > VALUE_BYTES_MAX - 3 && (s.ptr[n] & 0xc0) == 0x80) {
        n--;
    }
    return slice_head(s, n);
}

static bool is_bare(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return s.len > 0;
}

static void append_text(struct buf *out, enum log_format format, struct slice s)
{
    if (slice_is_null(s)) {
        buf_append_str(out, "null");
    } else if (format == LOG_LOGFMT && is_bare(s)) {
        buf_append_slice(out, s);
    } else {
        json_append_string(out, s);
    }
}

static void append_value(struct buf *out, enum log_format format, const struct kv *pair)
{
    char text[32];
    switch (pair->kind) {
    case KV_KIND_STR:
        append_text(out, format, cut(pair->str));
        break;
    case KV_KIND_INT:
        buf_printf(out, "%" PRId64, pair->number);
        break;
    case KV_KIND_UINT:
        buf_printf(out, "%" PRIu64, (uint64_t)pair->number);
        break;
    case KV_KIND_BOOL:
        buf_append_str(out, pair->number ? "true" : "false");
        break;
    case KV_KIND_DURATION_NS:
        append_text(out, format, slice_str(units_format_duration(pair->number, text)));
        break;
    }
}

static void append_pair(struct buf *out, enum log_format format, const struct kv *pair)
{
    if (format == LOG_JSON) {
        buf_append_byte(out, ',');
        json_append_string(out, slice_str(pair->key));
        buf_append_byte(out, ':');
    } else {
        buf_append_byte(out, ' ');
        buf_append_str(out, pair->key);
        buf_append_byte(out, '=');
    }
    append_value(out, format, pair);
}

static void put_line(struct log_sink *sink, const struct timespec *now, const char *component,
                     enum log_level level, const char *message, const struct kv *pairs)
{
    struct buf *out = &sink->line;
    buf_reset(out);
    buf_append_str(out, sink->format == LOG_JSON ? "{\"time\":\"" : "time=");
    append_time(out, now);
    if (sink->format == LOG_JSON) {
        buf_append_byte(out, '"');
    }
    const struct kv head[] = { KV_STR("level", level_names[level]), KV_STR("component", component),
                               KV_STR("message", message) };
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        append_pair(out, sink->format, &head[i]);
    }
    for (; pairs && pairs->key; pairs++) {
        append_pair(out, sink->format, pairs);
    }
    buf_append_str(out, sink->format == LOG_JSON ? "}\n" : "\n");
    ssize_t n;
    do {
        n = write(sink->fd, out->ptr, out->len);
    } while (n < 0 && errno == EINTR);
    if (n < 0 || (size_t)n < out->len) {
        sink->lost++;
    }
}

/* --- repeats ---------------------------------------------------------------------------------- */

static void tell_repeat(struct log_sink *sink, const struct timespec *now, struct repeat *r)
{
    if (r->held_back) {
        const struct kv pairs[] = { KV_STR("repeated", r->message), KV_UINT("count", r->held_back),
                                    KV_END };
        sink->held_back -= r->held_back;
        r->held_back = 0;
        put_line(sink, now, r->component, r->level, "lines held back", pairs);
    }
}

static void tell_repeats(struct log_sink *sink, const struct timespec *now, bool all)
{
    for (size_t i = 0; sink->held_back && i < REPEAT_SLOTS; i++) {
        struct repeat *r = &sink->repeats[i];
        if (all || r->second != now->tv_sec) {
            tell_repeat(sink, now, r);
        }
    }
}

/* True when the line may be written. A slot serves whoever came last. */
static bool admit(struct log_sink *sink, const struct timespec *now, const struct log *log,
                  enum log_level level, const char *message)
{
    uintptr_t hash = ((uintptr_t)message * 31 + (uintptr_t)log->component) * 0x9e3779b1u;
    struct repeat *r = &sink->repeats[(hash >> 16) % REPEAT_SLOTS];
    if (r->component != log->component || r->message != message || r->second != now->tv_sec) {
        tell_repeat(sink, now, r);
        *r = (struct repeat){
            .component = log->component, .message = message, .level = level, .second = now->tv_sec
        };
    }
    if (r->written < REPEATS_PER_S) {
        r->written++;
        return true;
    }
    r->held_back++;
    sink->held_back++;
    return false;
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct kv *pairs)
{
    struct log_sink *sink = log->sink;
    if (!sink || level < __atomic_load_n(&sink->level, __ATOMIC_RELAXED)) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&sink->lock);
    tell_repeats(sink, &now, false);
    if (admit(sink, &now, log, level, message)) {
        uint64_t lost = sink->lost;
        put_line(sink, &now, log->component, level, message, pairs);
        if (lost && sink->lost == lost) {
            sink->lost = 0;
            const struct kv told[] = { KV_UINT("count", lost), KV_END };
            put_line(sink, &now, log->component, LOG_WARN, "log lines lost", told);
        }
    }
    pthread_mutex_unlock(&sink->lock);
}

void log_sink_set(struct log_sink *sink, enum log_level level, enum log_format format)
{
    pthread_mutex_lock(&sink->lock);
    __atomic_store_n(&sink->level, level, __ATOMIC_RELAXED);
    sink->format = format;
    pthread_mutex_unlock(&sink->lock);
}

void log_sink_free(struct log_sink *sink)
{
    if (sink) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        tell_repeats(sink, &now, true);
        pthread_mutex_destroy(&sink->lock);
        buf_deinit(&sink->line);
        mem_free(sink);
    }
}
