/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_session.h - what a client fetches, remembered between requests (KIP-227): later requests
 * name only what changes, later replies only what has news.
 */
#ifndef LOGBOOM_BROKER_FETCH_SESSION_H
#define LOGBOOM_BROKER_FETCH_SESSION_H

#include "broker/partition.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/messages.h"

struct broker;

enum { FETCH_SESSION_PARTITIONS_MAX = 100000, FETCH_SESSION_NONE = 0 };

/* One partition of a session. */
struct session_partition {
    struct list_node link; /* in the session, in the order of turns */
    char *topic;           /* "" in sessions by topic id */
    struct uuid topic_id;
    struct fetch_request_partition ask;
    /* What the client was told last. */
    int64_t high_watermark, log_start_offset;
    /* fetch.c's: the session's last fetch had nothing to say of it, and maybe waits for it. */
    struct reader_wait quiet;
    struct partition *partition; /* NULL: there was something */
    struct fetch_session *session;
};

struct fetch_session {
    struct list_node lru; /* in fetch_sessions, least used first */
    int32_t id;
    int32_t epoch; /* of the next request */
    bool by_id;    /* topics by id (v13+) or by name */
    struct map partitions;
    struct list_node order;
    uint64_t used_ns;
    void *waiting; /* the fetch of it that waits (fetch.c); NULL: none */
};

struct fetch_sessions {
    struct broker *broker;
    struct map by_id;
    struct list_node lru;
    uint64_t partition_count;
};

void fetch_sessions_init(struct fetch_sessions *ss, struct broker *b);
void fetch_sessions_deinit(struct fetch_sessions *ss);

/* Takes a request's session fields in. *ret_session: the session that the request opens or goes on
 * with, or NULL when it stands for itself. Forgotten and changed partitions are taken in. */
enum kafka_error fetch_session_begin(struct fetch_sessions *ss, const struct fetch_request *req,
                                     int16_t version, struct fetch_session **ret_session);
/* NULL when it does not exist (any more). */
struct fetch_session *fetch_session_find(const struct fetch_sessions *ss, int32_t id);
/* Whether these are the offsets that the client was told last. */
bool fetch_session_knows(const struct session_partition *sp, int64_t high_watermark,
                         int64_t log_start_offset);
/* Whether the client must hear of this row: records, an error, or offsets that it was not told yet.
 * Notes what it is told now. The first reply of a session tells of all. */
bool fetch_session_news(struct fetch_session *s, const struct uuid *topic_id, struct slice topic,
                        const struct fetch_response_partition_data *row);

#endif
