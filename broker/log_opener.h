/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_opener.h - opens a node's logs a few at a time, so that the quorum, heartbeats and peers are
 * served meanwhile: ten thousand logs on a cold disk take many seconds, and controllers that stand
 * still for so long lose their leader.
 */
#ifndef LOGBOOM_BROKER_LOG_OPENER_H
#define LOGBOOM_BROKER_LOG_OPENER_H

#include "protocol/wire/schema.h"
#include "protocol/daemon/env.h"

struct broker;

struct log_opener {
    struct timer next;
    struct uuid *topics; /* those to open; NULL: nothing under way */
    uint32_t topic_count, topic;
    int32_t partition;
    uint64_t began_ns;
};

void log_opener_init(struct broker *b);
void log_opener_deinit(struct broker *b);
/* Opens the logs of the partitions that the image has; when all are open, b->logs_open is set and
 * roles begin (topics_activate()). A few are open before this returns. Does nothing while it is
 * under way. A log that cannot be opened ends the node's part in the quorum (quorum_die()). */
void log_opener_start(struct broker *b);

#endif
