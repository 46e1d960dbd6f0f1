/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group.h - inside the coordinator: one group, its members and offsets, and what is in flight.
 * Only the files of broker/group include it; the world sees coordinator.h.
 */
#ifndef LOGBOOM_GROUP_GROUP_H
#define LOGBOOM_GROUP_GROUP_H

#include "broker/group/coordinator.h"
#include "broker/group/group_record.h"
#include "protocol/base/heap.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"
#include "protocol/base/rng.h"
#include "protocol/wire/kafka_error.h"

enum {
    GROUP_NAME_BYTES_MAX = 4096,  /* ids and names that end up in records with 16-bit lengths */
    GROUP_PROTOCOLS_MAX = 32,     /* assignors that one member may offer */
    GROUP_CLIENT_REASON_MAX = 255 /* of a client's reason, as clients cut it (KIP-800) */
};

/* Text as in DescribeGroups. */
#define GROUP_STATE_LIST(X)                                                                        \
    X(EMPTY, "Empty")                                                                              \
    X(PREPARING, "PreparingRebalance")                                                             \
    X(COMPLETING, "CompletingRebalance")                                                           \
    X(STABLE, "Stable")                                                                            \
    X(DEAD, "Dead") /* its tombstones are on the way */

enum group_state {
#define GROUP_STATE_ENUM(state, text) GROUP_##state,
    GROUP_STATE_LIST(GROUP_STATE_ENUM)
#undef GROUP_STATE_ENUM
};

enum group_timer_kind {
    GROUP_TIMER_JOIN,    /* the end of the join phase */
    GROUP_TIMER_SYNC,    /* who has not synced by now is removed */
    GROUP_TIMER_SESSION, /* of a member */
    GROUP_TIMER_PENDING, /* of a member id that was handed out and not used yet */
};

struct group;
struct group_member;
struct group_pending;

struct group_timer {
    struct heap_node node;
    enum group_timer_kind kind;
    struct group *group;
    struct group_member *member;   /* SESSION */
    struct group_pending *pending; /* PENDING */
};

/* A request that waits for its reply. */
struct group_call {
    bool waiting;
    void *call;
};

struct group_protocol {
    struct slice name;
    struct slice metadata;
};

/* All slices are owned. */
struct group_member {
    struct slice member_id;
    struct slice instance_id; /* null: dynamic */
    struct slice client_id;
    struct slice client_host;
    struct group_protocol *protocols; /* in the client's order of preference */
    uint32_t protocol_count;
    struct slice assignment;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    bool is_new;       /* has not finished its first join */
    bool pending_sync; /* joined this generation and has not synced yet */
    struct group_call join;
    struct group_call sync;
    struct group_timer session;
};

struct group_pending {
    struct slice member_id;
    struct group_timer timer;
};

struct group_offset {
    struct slice topic;
    int32_t partition;
    bool committed;       /* the fields below hold */
    struct uuid topic_id; /* zero: not known */
    int64_t offset;
    int32_t leader_epoch;
    struct slice metadata;
    int64_t commit_ms;
    int64_t expire_ms;  /* -1: by the broker's retention */
    uint64_t token;     /* of the append that was applied last */
    uint32_t in_flight; /* commits whose append is not done; the entry lives as long */
};

struct group {
    struct coordinator *c;
    struct slice id;
    uint32_t partition;
    uint64_t incarnation; /* tells a group from its deleted namesake */
    enum group_state state;
    int32_t generation;
    struct slice protocol_type; /* null: never had members */
    struct slice protocol_name; /* null between generations */
    struct slice leader_id;     /* null without members */
    int64_t state_ms;           /* wall clock of the last change of state, -1 unknown */
    bool has_record;            /* a group metadata record was appended or loaded */
    struct map members;         /* by member id */
    struct map instances;       /* static members by instance id */
    struct map pending;         /* by member id */
    struct map supported;       /* protocol name -> how many members offer it, as a number */
    struct map offsets;         /* by partition and topic */
    uint32_t joined;            /* members whose join waits */
    bool initial;               /* PREPARING out of EMPTY: wait for more members */
    bool new_member_added;      /* since the last initial delay began */
    uint64_t initial_left_ns;
    uint64_t assignment_token; /* the append that will make it STABLE, or 0 */
    struct group_timer join_timer;
    struct group_timer sync_timer;
};

/* An output in the making or in the queue; owns what it points to. */
struct group_item {
    struct list_node node;
    struct group_output out;
    struct arena arena;
    uint32_t waiting; /* appends that a reply still waits for */
};

enum group_op_kind {
    GROUP_OP_STORE,   /* a group metadata record nobody waits for */
    GROUP_OP_ASSIGN,  /* the record that makes a generation stable */
    GROUP_OP_REPLACE, /* the record of a replaced static member: its join waits */
    GROUP_OP_COMMIT,  /* offsets */
    GROUP_OP_REMOVE,  /* tombstones of offsets */
    GROUP_OP_DELETE,  /* tombstones of a whole group */
};

/* One partition's part of a commit or removal. */
struct group_op_offset {
    struct group_offset *entry; /* COMMIT only */
    struct slice key;           /* REMOVE only: of group.offsets */
    struct uuid topic_id;
    int64_t offset;
    int32_t leader_epoch;
    struct slice metadata;
    int64_t commit_ms;
    int64_t expire_ms;
    int16_t *error; /* in the reply, or NULL */
};

/* An append that is not done. */
struct group_op {
    enum group_op_kind kind;
    uint64_t token;
    uint32_t partition;
    struct slice group_id;
    uint64_t incarnation;
    int32_t generation;
    struct arena arena;
    struct group_item *reply; /* shared by the appends of one request; NULL when nobody waits */
    int16_t *error;           /* DELETE: in the reply, or NULL */
    struct group_op_offset *offsets;
    size_t offset_count;
    bool more; /* DELETE: the group's record is in a later append */
};

enum group_lead { GROUP_LEAD_NONE, GROUP_LEAD_LOADING, GROUP_LEAD_READY };

struct coordinator {
    struct group_config config;
    struct rng rng;
    struct map groups; /* by group id */
    struct map ops;    /* by token */
    struct heap timers;
    struct list_node outputs; /* struct group_item */
    struct group_item *current;
    uint8_t *lead; /* enum group_lead by partition */
    uint64_t next_token;
    uint64_t next_incarnation;
    /* When offsets are looked through for expiry; 0 before the first. */
    uint64_t retention_check_ns;
    struct group_stats stats;
};

/* --- group.c: owned strings, members, votes --- */

/* A copy on the heap; null stays null. */
struct slice group_own(struct slice s);
/* Frees *s and makes it a copy of with. */
void group_own_set(struct slice *s, struct slice with);

/* Creates it in c->groups, EMPTY. */
struct group *group_new(struct coordinator *c, struct slice id);
/* Takes it out of c->groups and frees it; nothing is replied. */
void group_free(struct group *g);
/* NULL when absent. */
struct group *group_find(const struct coordinator *c, struct slice id);
/* Frees a group that holds nothing and left nothing in the log. */
void group_free_if_unused(struct group *g);
const char *group_state_text(enum group_state state);
void group_set_state(struct group *g, struct group_now now, enum group_state state);

struct group_member *group_member_find(const struct group *g, struct slice member_id);
/* A member of the group by these ids, or the error: FENCED_INSTANCE_ID, UNKNOWN_MEMBER_ID. */
int16_t group_member_check(const struct group *g, struct slice member_id, struct slice instance_id,
                           struct group_member **ret_member);
/* Adds an empty member; the first becomes the leader. */
struct group_member *group_member_new(struct group *g, struct slice member_id,
                                      struct slice instance_id);
/* Takes it out of all maps, elects another leader if it was the leader, frees it. Its calls must
 * have been answered. */
void group_member_free(struct group *g, struct group_member *m);
/* Gives the member another id (KIP-345); it keeps all else. */
void group_member_rename(struct group *g, struct group_member *m, struct slice member_id);
/* Replaces what the member offers. Names that come twice count once. */
void group_member_set_protocols(struct group *g, struct group_member *m,
                                const struct join_group_request_protocol *protocols, int32_t n);
/* The same names and metadata in the same order? */
bool group_member_offers(const struct group_member *m,
                         const struct join_group_request_protocol *protocols, int32_t n);
/* The member's metadata for a protocol; empty when it does not offer it. */
struct slice group_member_metadata(const struct group_member *m, struct slice protocol);
bool group_is_leader(const struct group *g, const struct group_member *m);
/* Whether some protocol is offered by every member, and by the list. */
bool group_accepts_protocols(const struct group *g, struct slice protocol_type,
                             const struct join_group_request_protocol *protocols, int32_t n);
/* What all members offer and most prefer; the null slice without members. A view. */
struct slice group_vote(const struct group *g);
int32_t group_rebalance_timeout_ms(const struct group *g);
/* Whether members of a consumer group subscribe to the topic; true when one cannot be understood.
 */
bool group_is_subscribed(const struct group *g, struct slice topic);

/* --- coordinator.c: queue, timers, appends --- */

/* The error for a group's requests: INVALID_GROUP_ID, NOT_COORDINATOR,
 * COORDINATOR_LOAD_IN_PROGRESS. */
int16_t coordinator_check(const struct coordinator *c, struct slice group_id);
/* A reply to be filled: out.response is a struct of the schema in its arena, defaults set. */
struct group_item *coordinator_reply(struct coordinator *c, void *call,
                                     const struct schema *schema);
void coordinator_push(struct coordinator *c, struct group_item *item);
/* A copy in the item's arena; null stays null. */
struct slice group_item_copy(struct group_item *item, struct slice s);
/* An append with room for so many records and the op behind it, in c->ops. Fill, then push. */
struct group_item *coordinator_append(struct group *g, enum group_op_kind kind, size_t records_max,
                                      struct group_op **ret_op);
/* Forgets an append that was not pushed. */
void coordinator_append_cancel(struct coordinator *c, struct group_item *item, struct group_op *op);
/* Adds a record; a null value is a tombstone. */
void group_item_add_record(struct group_item *item, struct slice key, struct slice value);
void coordinator_trace(struct coordinator *c, enum group_trace_kind kind, const struct group *g,
                       const char *why, struct slice member, struct slice client);
void group_timer_arm(struct group_timer *t, uint64_t deadline_ns);
void group_timer_cancel(struct group_timer *t);
/* One part of a reply is done; pushes the reply when it was the last. NULL is allowed. */
void coordinator_reply_part_done(struct coordinator *c, struct group_item *reply);
/* What a failed append means to a member that waits: retry here, find the coordinator, or neither.
 */
int16_t group_append_error(int16_t error_code);

/* --- rebalance.c --- */

/* A join's reply with an error, for a member that is not (or no longer) in the group. */
void group_reply_join_error(struct coordinator *c, void *call, int16_t error,
                            struct slice member_id);
/* The current generation; with_members gives the leader what it needs to assign. Not pushed. */
struct group_item *group_join_reply(struct group *g, const struct group_member *m, void *call,
                                    bool with_members);
void group_reply_sync(struct coordinator *c, void *call, const struct group *g,
                      const struct group_member *m, int16_t error);
/* Answers the call that waits, if one does. error 0: the generation, or the assignment. */
void group_answer_join(struct group *g, struct group_member *m, int16_t error);
void group_answer_sync(struct group *g, struct group_member *m, int16_t error);
/* Parks a call, and stops the session's clock; an older call of the same member is answered
 * REBALANCE_IN_PROGRESS. */
void group_park_join(struct group *g, struct group_member *m, void *call);
void group_park_sync(struct group *g, struct group_member *m, void *call);
/* (Re)starts the session's clock. */
void group_touch_session(struct group_member *m, struct group_now now);
/* EMPTY, COMPLETING, STABLE -> PREPARING. In PREPARING it only looks whether all have joined. */
void group_rebalance(struct group *g, struct group_now now, const char *why, struct slice member,
                     struct slice client);
void group_maybe_complete_join(struct group *g, struct group_now now);
/* The member has synced; the sync timer stops after the last. */
void group_synced(struct group *g, struct group_member *m);
/* Answers what waits with UNKNOWN_MEMBER_ID, removes the member, rebalances. */
void group_remove_member(struct group *g, struct group_now now, struct group_member *m,
                         const char *why, struct slice client);
void group_pending_add(struct group *g, struct group_now now, struct slice member_id,
                       int32_t timeout_ms);
/* false when there is none of that id. */
bool group_pending_remove(struct group *g, struct slice member_id);
/* Appends the group's metadata record. */
struct group_op *group_store(struct group *g, enum group_op_kind kind);
void group_on_timer(struct group_timer *t, struct group_now now);
void group_assign_done(struct group *g, struct group_now now, const struct group_op *op,
                       int16_t error);
void group_replace_done(const struct group_op *op, int16_t error);

/* --- offsets.c, expiry.c --- */

/* g->offsets' key; out is reset first. */
struct slice group_offset_key(struct buf *out, struct slice topic, int32_t partition);
struct group_offset *group_offset_entry(struct group *g, struct slice topic, int32_t partition);
void group_offset_free(struct group_offset *o);
/* Frees the entry when it holds nothing and nothing is in flight. */
void group_offset_release(struct group *g, struct group_offset *o);
/* Takes over the value; the metadata is copied. */
void group_offset_set(struct group *g, struct group_offset *o, const struct group_op_offset *from);
/* Drops the value; the caller releases the entry. */
void group_offset_clear(struct group *g, struct group_offset *o);
void group_commit_done(struct group *g, const struct group_op *op, int16_t error);
void group_remove_done(struct group *g, const struct group_op *op, int16_t error);
/* Appends tombstones for all offsets and the group's record; DEAD until they are durable. */
void group_delete(struct group *g, struct group_item *reply, int16_t *error);
void group_delete_done(struct group *g, const struct group_op *op, int16_t error);
void coordinator_expire_offsets(struct coordinator *c, struct group_now now);

#endif
