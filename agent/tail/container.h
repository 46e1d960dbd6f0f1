/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - the log files of container runtimes: CRI ("<time> <stream> <P|F> <text>") and
 * Docker's JSON lines. Partial lines are joined per stream, because stdout and stderr interleave.
 */
#ifndef LOGBOOM_AGENT_TAIL_CONTAINER_H
#define LOGBOOM_AGENT_TAIL_CONTAINER_H

#include "agent/tail/multiline.h"
#include "protocol/base/err.h"

enum container_stream { CONTAINER_STDOUT, CONTAINER_STDERR, CONTAINER_STREAMS };

struct container_line {
    struct slice time; /* as written, RFC 3339 */
    enum container_stream stream;
    bool partial; /* goes on in the next line of its stream */
    struct slice text;
};

/* ERR_MALFORMED when it is no such line. Docker's text is decoded into scratch. */
enum err container_parse_cri(struct slice line, struct container_line *ret_line);
enum err container_parse_docker(struct slice line, struct buf *scratch,
                                struct container_line *ret_line);
/* By the first byte: '{' is Docker's. */
enum err container_parse(struct slice line, struct buf *scratch, struct container_line *ret_line);

/* Joins the parts of one stream. A zeroed one is valid. */
struct container_join {
    struct buf text;
    uint64_t start;
    unsigned flags;
    bool pending;
};

void container_join_deinit(struct container_join *j);
/* False: the part was kept and more must come. True: *ret_event is the whole line (its text lives
 * until the next call). */
bool container_join_push(struct container_join *j, const struct container_line *part,
                         uint64_t start, uint64_t end, unsigned flags, size_t max_bytes,
                         struct tail_event *ret_event);

#endif
