/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coordinator.h - the coordinator of classic consumer groups and of committed offsets.
 * Pure: requests, time and the results of appends come in; replies, records for __consumer_offsets
 * and trace events go out through a queue. One struct holds all groups of the partitions it leads.
 *
 * How a broker drives it:
 *   - at start-up, per partition that it leads: coordinator_lead(), coordinator_load_record() for
 *     each record of the log in order, coordinator_load_done();
 *   - per request: the call below that has the API's name. Those that can be answered at once fill
 *     a response; those that wait take `void *call`, the caller's own handle, and answer later by
 *     an output of kind GROUP_REPLY that names it: exactly one for every call taken;
 *   - after every call into the coordinator: coordinator_next_output() until NULL, then a timer for
 *     coordinator_deadline_ns(), whose end is coordinator_tick();
 *   - every GROUP_APPEND is answered by one coordinator_append_done(), when its records are as
 *     durable as acks=all asks for. Appends to one partition should be reported in their order.
 *
 * Memory: slices given in are views, copied where they are kept. Slices given out in outputs live
 * until the next coordinator_next_output(). Responses that are filled at once hold views into the
 * request and the coordinator: encode them before the next call.
 * Errors in responses are Kafka's codes (protocol/wire/kafka_error.h).
 * Source: Kafka's group protocol; KIP-62, KIP-134, KIP-211, KIP-345, KIP-394, KIP-559, KIP-800,
 * KIP-814.
 */
#ifndef LOGBOOM_GROUP_COORDINATOR_H
#define LOGBOOM_GROUP_COORDINATOR_H

#include "protocol/base/arena.h"
#include "protocol/wire/messages.h"

/* Kafka's property names stand behind each. The limits without one are ours: a client cannot make
 * the coordinator take more. Set by group_config_init(), then changed at will before
 * coordinator_new(). */
struct group_config {
    uint32_t partition_count;             /* offsets.topic.num.partitions, 50 */
    uint32_t members_max;                 /* group.max.size; 10000 */
    uint32_t initial_rebalance_delay_ms;  /* group.initial.rebalance.delay.ms, 3000 */
    uint32_t session_timeout_min_ms;      /* group.min.session.timeout.ms, 6000 */
    uint32_t session_timeout_max_ms;      /* group.max.session.timeout.ms, 1800000 */
    uint32_t new_member_timeout_ms;       /* how long a new member's first join may wait, 300000 */
    uint32_t offset_metadata_bytes_max;   /* offset.metadata.max.bytes, 4096 */
    int64_t offsets_retention_ms;         /* offsets.retention.minutes, 7 days; -1: for ever */
    uint32_t retention_check_interval_ms; /* offsets.retention.check.interval.ms, 600000 */
    uint32_t groups_max;                  /* 100000 */
    uint32_t offsets_per_group_max;       /* 200000 */
    uint32_t member_metadata_bytes_max;   /* a member's protocols, or assignment; 1 MiB */
    uint32_t records_per_append_max;      /* of one GROUP_APPEND made of tombstones; 1000 */
};

void group_config_init(struct group_config *ret_config);

/* Both clocks, read once per event. mono_ns drives time-outs; wall_ms only stamps records and ages
 * offsets. */
struct group_now {
    uint64_t mono_ns;
    int64_t wall_ms;
};

enum group_output_kind {
    GROUP_REPLY,  /* encode `response` by `schema` and send it for `call` */
    GROUP_APPEND, /* write the records to a partition of __consumer_offsets */
    GROUP_TRACE,  /* something an operator may want to read */
};

/* One record for __consumer_offsets; a null value is a tombstone. */
struct group_record {
    struct slice key;
    struct slice value;
};

/* kind, text */
#define GROUP_TRACE_LIST(X)                                                                        \
    X(REBALANCE, "a rebalance begins")                                                             \
    X(GENERATION, "a generation has its members")                                                  \
    X(STABLE, "the members have their assignments")                                                \
    X(EMPTY, "the last member has gone")                                                           \
    X(MEMBER_ADDED, "a member joined for the first time")                                          \
    X(MEMBER_REMOVED, "a member was removed")                                                      \
    X(MEMBER_REPLACED, "a static member came back")                                                \
    X(MEMBER_FENCED, "a member was fenced by its instance id")                                     \
    X(REFUSED, "a limit refused a request")                                                        \
    X(APPEND_FAILED, "records of the group could not be written")                                  \
    X(OFFSETS_EXPIRED, "offsets of the group were expired")                                        \
    X(DELETED, "the group was deleted")

enum group_trace_kind {
#define GROUP_TRACE_ENUM(kind, text) GROUP_TRACE_##kind,
    GROUP_TRACE_LIST(GROUP_TRACE_ENUM)
#undef GROUP_TRACE_ENUM
};

/* The list's text for a kind. */
const char *group_trace_text(enum group_trace_kind kind);

struct group_trace {
    enum group_trace_kind kind;
    struct slice group;
    int32_t generation;
    const char *why;     /* our reason, a constant clause; "" when the kind says it all */
    struct slice member; /* the member id that it is about, or null */
    struct slice client; /* the client's own `reason` (KIP-800), or null; hostile text */
};

struct group_output {
    enum group_output_kind kind;
    /* GROUP_REPLY */
    void *call;
    const struct schema *schema; /* of the response */
    const void *response;        /* e.g. a struct join_group_response */
    /* GROUP_APPEND */
    uint32_t partition;
    uint64_t token;
    const struct group_record *records;
    size_t record_count;
    /* GROUP_TRACE */
    struct group_trace trace;
};

struct coordinator;

/* The coordinator owns everything it keeps; config is copied. seed makes member ids: draw it at
 * random. */
struct coordinator *coordinator_new(const struct group_config *config, uint64_t seed);
/* Calls that still wait get no reply. NULL is allowed. */
void coordinator_free(struct coordinator *c);

/* The oldest output, or NULL. Valid until the next call of this function. */
const struct group_output *coordinator_next_output(struct coordinator *c);
/* When coordinator_tick() has something to do (monotonic); UINT64_MAX for never. */
uint64_t coordinator_deadline_ns(const struct coordinator *c);
void coordinator_tick(struct coordinator *c, struct group_now now);
/* The records of a GROUP_APPEND are durable (error 0), or the append failed with a code of Kafka's.
 */
void coordinator_append_done(struct coordinator *c, struct group_now now, uint64_t token,
                             int16_t error_code);

/* Which partition of __consumer_offsets a group lives in: the absolute value of Java's
 * String.hashCode() of the id (0 for the least integer) modulo the count. For FindCoordinator too.
 */
uint32_t group_partition(struct slice group_id, uint32_t partition_count);

/* --- partitions: a broker leads some, and loads each before it answers for its groups --- */

/* This node became leader: until coordinator_load_done() requests for the partition's groups get
 * COORDINATOR_LOAD_IN_PROGRESS. */
void coordinator_lead(struct coordinator *c, uint32_t partition);
/* The node leads no longer: waiting calls get NOT_COORDINATOR, the groups are forgotten. */
void coordinator_resign(struct coordinator *c, uint32_t partition);
/* One record of the log, in order. ERR_UNSUPPORTED: a key or value of a later Kafka, skipped, worth
 * a counter; ERR_MALFORMED or ERR_SHORT: damaged, skipped, worth a log line; ERR_INVALID: of a
 * group that does not belong in this partition, skipped; ERR_LIMIT: a limit of group_config would
 * be passed. Offsets written in transactions are given only once their transaction is known to be
 * committed. */
enum err coordinator_load_record(struct coordinator *c, uint32_t partition, struct slice key,
                                 struct slice value);
/* All records were given: groups with members are Stable and their sessions start anew. */
void coordinator_load_done(struct coordinator *c, struct group_now now, uint32_t partition);

/* --- requests that are answered later, by GROUP_REPLY --- */

/* version is the request's. client_host as Kafka writes it: "/127.0.0.1". */
void coordinator_join(struct coordinator *c, struct group_now now,
                      const struct join_group_request *req, int16_t version, struct slice client_id,
                      struct slice client_host, void *call);
void coordinator_sync(struct coordinator *c, struct group_now now,
                      const struct sync_group_request *req, void *call);
/* Topics go by name: where the request has topic ids (v10) the handler fills in `name` and leaves
 * it null for an unknown id (UNKNOWN_TOPIC_ID); where it has names, the handler fills in `topic_id`
 * (zero when not known): Kafka 4.3 stores it, so that a topic made anew does not inherit offsets.
 * errors: NULL, or one code per partition of the request in its order; a partition with a code
 * other than 0 is answered with it and not committed (unknown, not authorized). The response
 * follows the request's order and carries names and ids. */
void coordinator_offset_commit(struct coordinator *c, struct group_now now,
                               const struct offset_commit_request *req, int16_t version,
                               const int16_t *errors, void *call);
/* errors: NULL, or one code per group in the request's order, answered as it is (not authorized).
 */
void coordinator_delete_groups(struct coordinator *c, const struct delete_groups_request *req,
                               const int16_t *errors, void *call);
/* errors as for commits, one per partition. */
void coordinator_offset_delete(struct coordinator *c, const struct offset_delete_request *req,
                               const int16_t *errors, void *call);
/* A topic was deleted: its offsets are removed from all groups. No reply. */
void coordinator_topic_deleted(struct coordinator *c, struct slice topic);

/* --- requests that are answered at once --- */

/* The response's error code. */
int16_t coordinator_heartbeat(struct coordinator *c, struct group_now now,
                              const struct heartbeat_request *req);
/* Those below fill *ret_response; its arrays live in the arena. ERR_LIMIT at the arena's cap
 * (nothing is changed for leave then). */
enum err coordinator_leave(struct coordinator *c, struct group_now now,
                           const struct leave_group_request *req, int16_t version,
                           struct arena *arena, struct leave_group_response *ret_response);
/* Both shapes: one group (up to v7) and many (v8+). Topics by name as in
 * coordinator_offset_commit(); an offset stored under another topic id than the request's is not
 * given. Where all topics were asked for (null), names are given and ids as far as they were
 * stored: the handler does the rest (v10). */
enum err coordinator_offset_fetch(const struct coordinator *c,
                                  const struct offset_fetch_request *req, int16_t version,
                                  struct arena *arena, struct offset_fetch_response *ret_response);
/* One group; authorized_operations is left to the handler. */
enum err coordinator_describe(const struct coordinator *c, struct slice group_id, int16_t version,
                              struct arena *arena,
                              struct describe_groups_response_described_group *ret_group);
/* With the request's filters applied, if it has any. */
enum err coordinator_list(const struct coordinator *c, const struct list_groups_request *req,
                          struct arena *arena, struct list_groups_response *ret_response);

/* For metrics. */
struct group_stats {
    uint32_t groups;
    uint32_t members;
    uint32_t offsets;
    uint64_t rebalances_total;
    uint64_t offsets_committed_total;
    uint64_t offsets_expired_total;
    uint64_t sessions_expired_total;
};

void coordinator_stats(const struct coordinator *c, struct group_stats *ret_stats);

#endif
