/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multiline.h - joins lines to events, as Filebeat's multiline parser: by pattern, by count, or
 * while a pattern matches. The caller evaluates the patterns; events come back through a callback.
 */
#ifndef LOGBOOM_AGENT_TAIL_MULTILINE_H
#define LOGBOOM_AGENT_TAIL_MULTILINE_H

#include "agent/tail/lines.h"

enum multiline_type { MULTILINE_PATTERN, MULTILINE_COUNT, MULTILINE_WHILE };
enum multiline_match { MULTILINE_AFTER, MULTILINE_BEFORE };

struct multiline_config {
    enum multiline_type type;
    enum multiline_match match;
    bool negate;
    bool skip_newline;    /* join without "\n" between */
    uint32_t max_lines;   /* further lines of an event are cut off */
    uint32_t count_lines; /* MULTILINE_COUNT */
    size_t max_bytes;
};

/* One event on its way; text lives only during the call. */
struct tail_event {
    struct slice text;
    uint64_t start, end; /* its bytes in the file: [start, end) */
    unsigned flags;      /* enum line_flags */
    int64_t time_ms;     /* that the line itself tells; 0: it tells none */
};

typedef void tail_emit(void *ctx, const struct tail_event *e);

/* A zeroed one is valid. */
struct multiline {
    struct buf text;
    uint64_t start, end;
    uint32_t lines; /* 0: nothing pending */
    unsigned flags;
    int64_t time_ms; /* of the first line */
};

void multiline_deinit(struct multiline *m);
void multiline_reset(struct multiline *m);
/* matches: whether the pattern matches the line (before negate); flushes: whether flush_pattern
 * does. Calls emit zero to two times. */
void multiline_push(struct multiline *m, const struct multiline_config *cfg,
                    const struct tail_event *line, bool matches, bool flushes, tail_emit *emit,
                    void *ctx);
/* Emits what is pending: the timeout came, or the file ended. */
void multiline_flush(struct multiline *m, tail_emit *emit, void *ctx);

static inline bool multiline_pending(const struct multiline *m)
{
    return m->lines > 0;
}

#endif
