/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.c - see parse.h. Driven by harvester.c.
 *
 * Invariants:
 * I1. A line is inside an emitted event, or at or behind parse_low(), or was not wanted.
 * I2. stdout and stderr never share state.
 */
#include "agent/input/parse.h"

#include "protocol/event/time_format.h"

void parse_config_deinit(struct parse_config *cfg)
{
    regex_free(cfg->pattern);
    regex_free(cfg->flush_pattern);
    regex_set_deinit(&cfg->include);
    regex_set_deinit(&cfg->exclude);
}

void parse_deinit(struct parse *p)
{
    for (size_t i = 0; i < CONTAINER_STREAMS; i++) {
        container_join_deinit(&p->joins[i]);
        multiline_deinit(&p->multiline[i]);
    }
    buf_deinit(&p->scratch);
}

void parse_reset(struct parse *p)
{
    for (size_t i = 0; i < CONTAINER_STREAMS; i++) {
        p->joins[i].pending = false;
        multiline_reset(&p->multiline[i]);
    }
}

static void to_multiline(struct parse *p, const struct parse_config *cfg,
                         const struct tail_event *line, tail_emit *emit, void *ctx)
{
    if (!cfg->multiline_enabled) {
        emit(ctx, line);
        return;
    }
    bool matches = cfg->pattern && regex_matches(cfg->pattern, line->text);
    bool flushes = cfg->flush_pattern && regex_matches(cfg->flush_pattern, line->text);
    size_t stream = line->flags & LINE_STDERR ? CONTAINER_STDERR : CONTAINER_STDOUT;
    multiline_push(&p->multiline[stream], &cfg->multiline, line, matches, flushes, emit, ctx);
}

static enum err parse_container(struct parse *p, const struct parse_config *cfg, struct slice text,
                                struct container_line *ret_line)
{
    switch (cfg->format) {
    case CONTAINER_DOCKER:
        return container_parse_docker(text, &p->scratch, ret_line);
    case CONTAINER_CRI:
        return container_parse_cri(text, ret_line);
    case CONTAINER_AUTO:
        break;
    }
    return container_parse(text, &p->scratch, ret_line);
}

void parse_line(struct parse *p, const struct parse_config *cfg, const struct tail_event *line,
                tail_emit *emit, void *ctx)
{
    if (!cfg->container) {
        to_multiline(p, cfg, line, emit, ctx);
        return;
    }
    struct container_line part;
    if (parse_container(p, cfg, line->text, &part)) {
        p->unparsed++;
        emit(ctx, line);
        return;
    }
    if (part.stream == CONTAINER_STDOUT ? cfg->skip_stdout : cfg->skip_stderr) {
        return;
    }
    struct tail_event whole;
    if (container_join_push(&p->joins[part.stream], &part, line->start, line->end, line->flags,
                            cfg->max_bytes, &whole)) {
        (void)time_parse_iso(part.time, 0, &whole.time_ms);
        to_multiline(p, cfg, &whole, emit, ctx);
    }
}

void parse_flush(struct parse *p, tail_emit *emit, void *ctx)
{
    for (size_t i = 0; i < CONTAINER_STREAMS; i++) {
        multiline_flush(&p->multiline[i], emit, ctx);
    }
}

uint64_t parse_low(const struct parse *p)
{
    uint64_t low = UINT64_MAX;
    for (size_t i = 0; i < CONTAINER_STREAMS; i++) {
        if (p->joins[i].pending && p->joins[i].start < low) {
            low = p->joins[i].start;
        }
        if (multiline_pending(&p->multiline[i]) && p->multiline[i].start < low) {
            low = p->multiline[i].start;
        }
    }
    return low;
}

bool parse_multiline_pending(const struct parse *p)
{
    return multiline_pending(&p->multiline[0]) || multiline_pending(&p->multiline[1]);
}

bool parse_wants(const struct parse_config *cfg, struct slice message)
{
    return (cfg->include.count == 0 || regex_set_matches(&cfg->include, message)) &&
           (cfg->exclude.count == 0 || !regex_set_matches(&cfg->exclude, message));
}
