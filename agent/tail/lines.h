/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.h - cuts bytes into lines. A line that lies whole in the given bytes is a view of them; one
 * that comes in parts is collected, up to max_bytes; what is longer is cut, counted and flagged.
 */
#ifndef LOGBOOM_AGENT_TAIL_LINES_H
#define LOGBOOM_AGENT_TAIL_LINES_H

#include "protocol/base/buf.h"

enum line_flags {
    LINE_TRUNCATED = 1, /* the message was cut at a limit */
    LINE_MULTILINE = 2, /* made of several lines */
    LINE_STDOUT = 4,
    LINE_STDERR = 8,
    LINE_FLAGS_ALL = 15,
};

struct line {
    struct slice text;   /* without its end; lives until the next call */
    uint64_t size_bytes; /* in the file, with its end */
    unsigned flags;
};

/* A zeroed one with max_bytes set is valid. */
struct lines {
    size_t max_bytes;
    struct buf part;     /* the beginning of a line whose end has not come, at most max_bytes + 1 */
    uint64_t part_bytes; /* what that beginning measures in the file */
    bool taken;          /* part was handed out with the last line */
};

void lines_deinit(struct lines *l);
/* Forgets a collected beginning. */
void lines_reset(struct lines *l);
/* Takes the next whole line off *bytes; false (and *bytes untouched) when they hold no line end. A
 * carriage return before the newline belongs to the line's end. */
bool lines_next(struct lines *l, struct slice *bytes, struct line *ret_line);
/* Collects bytes that hold no line end: the line goes on later. */
void lines_collect(struct lines *l, struct slice bytes);
/* The collected beginning as a line of its own, for a file that will not grow any more; false when
 * there is none. */
bool lines_finish(struct lines *l, struct line *ret_line);
/* What the beginning of the line that goes on measures in the file. */
static inline uint64_t lines_pending_bytes(const struct lines *l)
{
    return l->taken ? 0 : l->part_bytes;
}

#endif
