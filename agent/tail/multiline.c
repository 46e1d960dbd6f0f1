/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multiline.c - see multiline.h. Driven by input/parse.c. Pure.
 *
 * Invariants:
 * I1. Every line pushed is inside [start, end) of exactly one event, in order.
 * I2. While an event is emitted nothing counts as pending any more.
 * I3. The pending text never exceeds max_bytes; what is cut off is flagged LINE_TRUNCATED.
 */
#include "agent/tail/multiline.h"

void multiline_deinit(struct multiline *m)
{
    buf_deinit(&m->text);
}

void multiline_reset(struct multiline *m)
{
    if (m->text.cap > 1 << 20) {
        buf_deinit(&m->text);
    }
    buf_reset(&m->text);
    m->lines = 0;
    m->flags = 0;
}

void multiline_flush(struct multiline *m, tail_emit *emit, void *ctx)
{
    if (m->lines == 0) {
        return;
    }
    struct tail_event e = { buf_slice(&m->text), m->start, m->end, m->flags, m->time_ms };
    m->lines = 0;
    emit(ctx, &e);
    multiline_reset(m);
}

static void add_line(struct multiline *m, const struct multiline_config *cfg,
                     const struct tail_event *line)
{
    if (m->lines == 0) {
        m->start = line->start;
        m->time_ms = line->time_ms;
    } else {
        m->flags |= LINE_MULTILINE;
    }
    m->end = line->end;
    m->flags |= line->flags;
    m->lines++;
    if (m->lines > 1 && m->lines > cfg->max_lines) {
        m->flags |= LINE_TRUNCATED;
        return;
    }
    size_t joint = m->lines > 1 && !cfg->skip_newline ? 1 : 0;
    size_t room = cfg->max_bytes > m->text.len ? cfg->max_bytes - m->text.len : 0;
    if (line->text.len + joint > room) {
        m->flags |= LINE_TRUNCATED;
    }
    if (joint && room > 0) {
        buf_append_byte(&m->text, '\n');
        room--;
    }
    buf_append_slice(&m->text, slice_head(line->text, room));
}

/* A line that needs no company and finds none is given on without a copy. */
static void pass_line(struct multiline *m, const struct multiline_config *cfg,
                      const struct tail_event *line, tail_emit *emit, void *ctx)
{
    if (m->lines == 0) {
        emit(ctx, line);
        return;
    }
    add_line(m, cfg, line);
    multiline_flush(m, emit, ctx);
}

static void push_pattern(struct multiline *m, const struct multiline_config *cfg,
                         const struct tail_event *line, bool continues, bool flushes,
                         tail_emit *emit, void *ctx)
{
    if (cfg->match == MULTILINE_AFTER) {
        if (!continues) {
            multiline_flush(m, emit, ctx);
        }
        if (flushes) {
            pass_line(m, cfg, line, emit, ctx);
        } else {
            add_line(m, cfg, line);
        }
        return;
    }
    if (continues && !flushes) {
        add_line(m, cfg, line);
    } else {
        pass_line(m, cfg, line, emit, ctx);
    }
}

void multiline_push(struct multiline *m, const struct multiline_config *cfg,
                    const struct tail_event *line, bool matches, bool flushes, tail_emit *emit,
                    void *ctx)
{
    bool hit = matches != cfg->negate;
    switch (cfg->type) {
    case MULTILINE_PATTERN:
        push_pattern(m, cfg, line, hit, flushes, emit, ctx);
        break;
    case MULTILINE_COUNT:
        if (m->lines + 1 >= cfg->count_lines) {
            pass_line(m, cfg, line, emit, ctx);
        } else {
            add_line(m, cfg, line);
        }
        break;
    case MULTILINE_WHILE:
        if (hit) {
            add_line(m, cfg, line);
        } else {
            multiline_flush(m, emit, ctx);
            emit(ctx, line);
        }
        break;
    }
}
