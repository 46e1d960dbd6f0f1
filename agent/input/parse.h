/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse.h - what an input makes of lines before they are events: container lines joined, multiline,
 * include and exclude. The state is per file and, for containers, per stream.
 */
#ifndef LOGBOOM_AGENT_INPUT_PARSE_H
#define LOGBOOM_AGENT_INPUT_PARSE_H

#include "protocol/event/regex.h"
#include "agent/tail/container.h"

enum container_format { CONTAINER_AUTO, CONTAINER_DOCKER, CONTAINER_CRI };

struct parse_config {
    bool container;
    enum container_format format;
    bool skip_stdout, skip_stderr;
    bool multiline_enabled;
    struct multiline_config multiline;
    struct regex *pattern, *flush_pattern; /* NULL: none */
    uint64_t timeout_ns;
    struct regex_set include, exclude;
    size_t max_bytes;
};

void parse_config_deinit(struct parse_config *cfg);
/* Whether lines need state: a struct parse per file. */
static inline bool parse_config_is_stateful(const struct parse_config *cfg)
{
    return cfg->container || cfg->multiline_enabled;
}

/* A zeroed one is valid. */
struct parse {
    struct container_join joins[CONTAINER_STREAMS];
    struct multiline multiline[CONTAINER_STREAMS];
    struct buf scratch;
    uint64_t unparsed; /* lines that were no container lines: given on as they are */
};

void parse_deinit(struct parse *p);
void parse_reset(struct parse *p);
/* emit: zero or more events, in order of their ends. */
void parse_line(struct parse *p, const struct parse_config *cfg, const struct tail_event *line,
                tail_emit *emit, void *ctx);
/* Emits what multiline holds back. */
void parse_flush(struct parse *p, tail_emit *emit, void *ctx);
/* The start of the earliest line that is held back; UINT64_MAX when none is. */
uint64_t parse_low(const struct parse *p);
bool parse_multiline_pending(const struct parse *p);
/* include_lines, then exclude_lines. */
bool parse_wants(const struct parse_config *cfg, struct slice message);

#endif
