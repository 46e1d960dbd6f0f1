/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - structured log lines on stderr: logfmt, or JSON on request.
 *   log_info(log, "isr shrunk", KV_STR("topic", name), KV_INT("hw", hw));
 * The message is constant text, what varies is in the pairs. Each component has its own struct log
 * (a small value that points to the sink). Values are escaped and cut at 1 KiB. Pure code never
 * logs.
 */
#ifndef LOGBOOM_DAEMON_LOG_H
#define LOGBOOM_DAEMON_LOG_H

#include "protocol/base/slice.h"

#include <stdarg.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log_sink; /* level, format, where to, repeat suppression */

struct log {
    struct log_sink *sink; /* NULL: silent */
    const char *component; /* "storage", "group": constant text */
};

struct kv {
    const char *key; /* NULL ends a list */
    enum { KV_KIND_STR, KV_KIND_INT, KV_KIND_UINT, KV_KIND_BOOL, KV_KIND_DURATION_NS } kind;
    struct slice str;
    int64_t number;
};

#define KV_SLICE(k, s)  ((struct kv){ .key = (k), .kind = KV_KIND_STR, .str = (s) })
#define KV_STR(k, text) KV_SLICE(k, slice_str(text))
#define KV_INT(k, n)    ((struct kv){ .key = (k), .kind = KV_KIND_INT, .number = (int64_t)(n) })
#define KV_UINT(k, n)   ((struct kv){ .key = (k), .kind = KV_KIND_UINT, .number = (int64_t)(n) })
#define KV_BOOL(k, b)   ((struct kv){ .key = (k), .kind = KV_KIND_BOOL, .number = (b) })
#define KV_NS(k, ns)                                                                               \
    ((struct kv){ .key = (k), .kind = KV_KIND_DURATION_NS, .number = (int64_t)(ns) })
#define KV_END ((struct kv){ 0 })

/* Writes to fd (2 in the daemons; not closed). The sink outlives every log that points to it. */
struct log_sink *log_sink_new(int fd, enum log_level level, enum log_format format);
/* Tells what repeat suppression still holds back. */
void log_sink_free(struct log_sink *sink);
/* Changes level and format while running (SIGHUP). Any thread. */
void log_sink_set(struct log_sink *sink, enum log_level level, enum log_format format);

/* One line. The same (component, message) more than 20 times a second is counted and told once. */
void log_write(const struct log *log, enum log_level level, const char *message,
               const struct kv *pairs);

#define log_debug(log, message, ...)                                                               \
    log_write(log, LOG_DEBUG, message, (const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) KV_END })
#define log_info(log, message, ...)                                                                \
    log_write(log, LOG_INFO, message, (const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) KV_END })
#define log_warn(log, message, ...)                                                                \
    log_write(log, LOG_WARN, message, (const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) KV_END })
#define log_error(log, message, ...)                                                               \
    log_write(log, LOG_ERROR, message, (const struct kv[]){ __VA_ARGS__ __VA_OPT__(, ) KV_END })

static inline struct log log_for(const struct log *parent, const char *component)
{
    struct log l = { parent->sink, component };
    return l;
}

#endif
