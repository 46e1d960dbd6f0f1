/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_group_world.h - a broker around a coordinator, small enough for stories: it keeps the
 * records that were appended, the replies and the trace, and lets time pass.
 */
#ifndef LOGBOOM_TESTS_CHECK_GROUP_WORLD_H
#define LOGBOOM_TESTS_CHECK_GROUP_WORLD_H

#include "broker/group/coordinator.h"
#include "broker/group/group_record.h"
#include "protocol/wire/kafka_error.h"

#include <check.h>

Suite *group_suite(void);
Suite *group_offsets_suite(void);
Suite *group_record_suite(void);
Suite *group_random_suite(void);

enum { WORLD_CALLS_MAX = 4096, WORLD_APPENDS_MAX = 4096 };

struct world_record {
    uint32_t partition;
    struct slice key, value; /* in the world's arena */
};

struct world_append {
    uint64_t token;
    uint32_t partition;
    size_t first, count; /* in records */
};

struct world {
    struct group_config config;
    struct coordinator *c;
    struct group_now now;
    struct arena arena;
    bool hold_appends;                              /* do not report appends as done by ourselves */
    struct world_append appends[WORLD_APPENDS_MAX]; /* those that are not done */
    size_t append_count;
    struct world_record *records; /* in the order of their appends */
    size_t record_count, record_cap;
    const void *replies[WORLD_CALLS_MAX];   /* by call, decoded again */
    uintptr_t calls;                        /* handed out */
    uintptr_t reply_order[WORLD_CALLS_MAX]; /* the calls, as they were answered */
    size_t replied;
    void (*on_trace)(const struct group_trace *trace); /* may be NULL */
    unsigned traces[32];                               /* by kind */
    const char *last_why;                              /* of the last rebalance */
};

/* All partitions led and loaded. */
void world_init(struct world *w, const struct group_config *config);
void world_deinit(struct world *w);
/* Another coordinator that loads what this one has appended. */
void world_restart(struct world *w);
/* The coordinator loses all partitions and gets them again, without the records of appends that are
 * not done: what waits is answered. */
void world_lose_and_lead(struct world *w);
/* Takes the outputs. */
void world_run(struct world *w);
/* Lets time pass, with a tick at every deadline on the way. */
void world_pass_ms(struct world *w, uint64_t ms);
/* Reports the oldest append that is not done. */
void world_append_done(struct world *w, int16_t error);

/* What a test client says of itself. */
struct client {
    const char *group;
    const char *instance;  /* or NULL */
    const char *protocols; /* "range,sticky"; "range" when NULL */
    const char *metadata;  /* "topics" when NULL */
    int32_t session_ms;    /* 10000 when 0 */
    int32_t rebalance_ms;  /* 60000 when 0 */
    int16_t version;       /* 9 when 0; -1 for 0 */
    char member_id[200];   /* learned */
    int32_t generation;    /* learned */
};

/* Each sends one request and takes the outputs; the result is the call. */
uintptr_t client_join(struct world *w, struct client *k);
uintptr_t client_sync(struct world *w, const struct client *k,
                      const struct sync_group_request_assignment *assignments, int32_t n);
int16_t client_heartbeat(struct world *w, const struct client *k);
int16_t client_leave(struct world *w, const struct client *k);
/* generation -1 and no member for a simple consumer: give a client without a member id. */
uintptr_t client_commit(struct world *w, const struct client *k, const char *topic,
                        int32_t partition, int64_t offset);

/* NULL while there is none. */
const struct join_group_response *join_reply(const struct world *w, uintptr_t call);
const struct sync_group_response *sync_reply(const struct world *w, uintptr_t call);
/* The first partition's code; -100 while there is none. */
int16_t commit_error_of(const struct world *w, uintptr_t call);
/* Takes member id and generation from a reply without error. */
void client_learn(const struct world *w, struct client *k, uintptr_t call);
/* -1 when nothing is committed. */
int64_t committed(struct world *w, const char *group, const char *topic, int32_t partition);
/* The group's state as DescribeGroups tells it; valid until the next call. */
const char *state_of(struct world *w, const char *group);

/* A member that has got its id (two joins where the version asks for it); its join waits. */
uintptr_t client_enter(struct world *w, struct client *k);
/* Brings n clients into one stable generation, the first to enter leads. Assignments are "A0",
 * "A1", ... */
void make_stable(struct world *w, struct client *clients, size_t n);

#endif
