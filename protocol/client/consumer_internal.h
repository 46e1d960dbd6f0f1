/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_internal.h - what the parts of a consumer share: consumer.c (partitions, events),
 * fetcher.c (records, resets), offsets.c (commits), group_member.c (membership) and group_assign.c
 * (subscriptions, assignments). Private to protocol/client.
 */
#ifndef LOGBOOM_CLIENT_CONSUMER_INTERNAL_H
#define LOGBOOM_CLIENT_CONSUMER_INTERNAL_H

#include "protocol/base/map.h"
#include "protocol/client/assignor.h"
#include "protocol/client/consumer.h"
#include "protocol/wire/api.h"

enum { ASSIGNORS_MAX = 3 };

enum part_state {
    PART_NEEDS_COMMITTED, /* its offset is asked for at the coordinator */
    PART_NEEDS_RESET,     /* its offset is asked for at the leader (ListOffsets) */
    PART_ACTIVE,          /* it is read */
    PART_STUCK,           /* no offset, and no policy to find one */
};

/* Batches from this offset on have this leader epoch. */
struct epoch_mark {
    int32_t epoch;
    int64_t from;
};

/* A partition that is being read. */
struct part {
    struct consumer_partition pub;
    struct list_node node; /* in consumer->parts; the next to be fetched first */
    struct consumer *consumer;
    enum part_state state;
    int64_t reset_to; /* OFFSET_EARLIEST or OFFSET_LATEST */
    bool paused;
    bool revoking;
    bool asked;    /* within a fetch in flight */
    bool listing;  /* where it is read on is being asked for */
    bool answered; /* the answer at hand counts for it */
    bool gone;     /* its offset was out of range: the reset is ours, not the user's */
    bool keep;     /* scratch of a new assignment */
    uint32_t seek; /* changes with each seek: an answer to an older question is dropped */
    uint32_t asked_seek, listing_seek, answered_seek;
    int64_t fetch_at;     /* the next offset to ask for: position, or behind what is being given */
    int32_t bytes_max;    /* to ask for; raised for a batch that does not fit */
    int64_t too_large;    /* the position that trouble() was called for */
    int32_t asked_node;   /* where the fetch is in flight */
    int32_t listing_node; /* and the question where it is read on */
    /* Where it is read instead of at the leader (KIP-392); -1: nowhere. Until then, or until the
     * leader's epoch is another one; shunned while the leader is to give the records itself. */
    int32_t replica, replica_epoch;
    uint64_t replica_until_ns, shun_until_ns;
    unsigned attempts;
    uint64_t retry_at_ns;
    int32_t tried_leader, tried_epoch; /* of the last request; a newer one ends the back-off */
    struct uuid topic_id;              /* likewise; zero: none, or unknown */
    /* Of the last batch that was read (-1 unknown), the epoch before it, and where they begin. */
    struct epoch_mark read, before;
    int32_t checked_epoch; /* of the leader to whom the position was good */
    int64_t end_told;      /* the position at which at_end() was called */
    int64_t commit_wanted; /* pending while above pub.committed */
};

/* The fetch loop of one leader, or of a replica that is closer. */
struct fetch_leader {
    struct consumer *consumer;
    int32_t node_id;
    bool busy;          /* a fetch is in flight */
    unsigned not_ahead; /* so many answers are given out before the next fetch is sent */
};

enum group_phase { GROUP_JOIN, GROUP_ASSIGN, GROUP_SYNC, GROUP_STABLE, GROUP_LEFT };

struct group {
    enum group_phase phase;
    int32_t coordinator; /* -1 unknown */
    bool busy;           /* a find, join or sync is in flight */
    bool leader;
    bool inherited;    /* by a leader: an earlier process assigned, it is not known what */
    bool cooperative;  /* all assignors are */
    bool heartbeating; /* one is in flight */
    bool probing;      /* it is asked whether the coordinator is another one by now */
    uint64_t probe_at_ns;
    unsigned attempts;
    struct timer step; /* next try */
    struct timer heartbeat;
    struct timer revoke;   /* bounds the user's draining */
    struct timer metadata; /* bounds a leader's wait for topics */
    char *member_id;       /* "" at first */
    int32_t generation;    /* -1: none */
    const struct assignor *assignors[ASSIGNORS_MAX];
    size_t assignor_count;
    const struct assignor *chosen;
    int16_t told; /* the error that trouble() was called for */
    char reason[128];
    uint64_t rebalances;
    /* Of the leader: what the members sent, and the partition counts that were assigned. */
    struct arena arena;
    struct join_group_response_member *members;
    int32_t member_count;
    struct map topics; /* of all members; name -> struct group_topic */
};

struct group_topic {
    int32_t partition_count; /* as assigned */
};

/* A commit in flight: the answer does not repeat the offsets, so the request is kept. */
struct commit_sent {
    struct consumer *consumer;
    int32_t generation;
    struct arena arena;
    struct offset_commit_request request;
};

struct flush_waiter {
    struct list_node node;
    void (*done)(void *user, enum err err);
    void *user;
};

struct consumer {
    struct client *client;
    struct env env;
    struct log log;
    struct consumer_config cfg; /* defaults filled in, strings copied */
    struct arena strings;
    struct consumer_events events;
    void *user;
    struct list_node parts;
    uint32_t part_count;
    uint32_t seeks;       /* gives every part and seek its number */
    struct part *current; /* whose batches the user looks at; NULL when it was dropped meanwhile */
    uint32_t lane_fetch, lane_group;
    struct client_listener listener;
    struct map leaders; /* node id -> struct fetch_leader */
    struct timer kick;  /* fetches what may be fetched */
    struct timer watch; /* looks for silent brokers while something is asked of them */
    struct arena scratch;
    struct buf views; /* struct batch_view of one partition */
    struct group group;
    /* Offsets. */
    struct timer commit_timer;
    bool committing; /* an OffsetCommit is in flight */
    struct commit_sent *commit_sent;
    bool fetching_offsets;
    unsigned offsets_attempts;
    uint64_t offsets_at_ns;
    bool commits_lost; /* since the flush was asked for */
    unsigned commit_attempts;
    struct list_node flushes;
    /* Revocation. */
    uint32_t revoking;
    bool revoke_answered;
    struct timer revoked_timer; /* ends it outside of consumer_revoked() */
    /* Close. */
    bool closing;
    struct timer close_timer;
    void (*close_done)(void *user);
    void *close_user;
    uint64_t fetches, fetched_bytes;
    uint64_t lacking; /* API keys that trouble() was called for */
};

/* --- consumer.c ------------------------------------------------------------------------------- */

struct part *consumer_find_part(const struct consumer *c, struct slice topic, int32_t partition);
struct part *consumer_add_part(struct consumer *c, struct slice topic, int32_t partition);
void consumer_drop_part(struct consumer *c, struct part *p);
/* events.lost() for all parts, or those being revoked, which are dropped then. */
void consumer_lose(struct consumer *c, bool revoking_only);
/* Tells the user to give up the parts whose `revoking` is set. */
void consumer_begin_revoke(struct consumer *c);
/* Ends the revocation when the user has answered and the commits hold. */
void consumer_check_revoked(struct consumer *c);
/* Calls events.assigned() for the given parts. */
void consumer_tell_assigned(struct consumer *c, struct part *const *parts, size_t count);
void consumer_trouble(struct consumer *c, int16_t error, const char *text, bool fatal);
/* A call ended with err: tells once when it is that the brokers do not have the API. */
void consumer_check_lacking(struct consumer *c, enum err err, const struct schema *request);
/* Sets where to read on; what is in flight counts no more. */
void consumer_set_position(struct part *p, int64_t offset);
/* The kick timer at `deadline_ns` at the latest. */
void consumer_wake(struct consumer *c, uint64_t deadline_ns);
static inline struct part *part_of(struct consumer_partition *p)
{
    return container_of(p, struct part, pub);
}

/* --- fetcher.c -------------------------------------------------------------------------------- */

/* Asks for offsets and records wherever it may. */
void fetcher_run(struct consumer *c);
void fetcher_retry_part(struct part *p);
/* The leader of a part; NULL: none is known. */
const struct client_partition *fetcher_leader(const struct part *p);
/* A request goes out to this leader. */
void fetcher_note_try(struct part *p, const struct client_topic *t,
                      const struct client_partition *leader);

/* The replica that a part is read from gave nothing: for a while the leader is asked. */
void fetcher_leave_replica(struct part *p);

/* --- consumer_watch.c ------------------------------------------------------------------------- */

/* A request has left. */
void consumer_watch(struct consumer *c);
/* The watch timer's fire(). */
void consumer_on_watch(void *owner);

/* --- position.c ------------------------------------------------------------------------------- */

/* Whether a part may be read on at this leader; else position_ask(). */
bool position_holds(const struct part *p, const struct client_partition *leader);
/* Asks for the offset to begin with, or whether the position still holds. */
void position_ask(struct part *p, const struct client_partition *leader);
/* What was read so far is of this leader epoch, as far as known; -1: nothing is. */
void position_set_epoch(struct part *p, int32_t epoch);
/* A batch with this leader epoch follows; into the marks of the part, or a copy of them. */
void position_note_batch(const struct part *p, struct epoch_mark *read, struct epoch_mark *before,
                         const struct batch_view *b);
/* The leader took the position for good. */
void position_is_good(struct part *p);
/* The leader epoch of the record before this offset; -1 unknown. Never too low a one. */
int32_t position_epoch_at(const struct part *p, int64_t offset);
void position_out_of_range(struct part *p);

/* --- offsets.c -------------------------------------------------------------------------------- */

/* OffsetFetch for the parts that need it. */
void offsets_fetch(struct consumer *c);
bool offsets_pending(const struct consumer *c, bool revoking_only);
void offsets_commit(struct consumer *c);
/* Tells those who wait for a flush, when nothing is pending. */
void offsets_check_flushed(struct consumer *c);

/* --- group_member.c --------------------------------------------------------------------------- */

void group_init(struct consumer *c);
void group_deinit(struct consumer *c);
/* Does what is next: find, join, sync. */
void group_step(struct consumer *c);
void group_rejoin(struct consumer *c, const char *reason);
/* What an error of any group call means; true when the caller may simply try again. */
bool group_judge(struct consumer *c, int16_t error, int32_t generation);
void group_coordinator_lost(struct consumer *c);
/* How long the coordinator has owed an answer; *ret_owes: whether it does. */
uint64_t group_silence_ns(const struct consumer *c, bool *ret_owes);
/* Asks whether it is another one, and goes there if so. */
void group_probe(struct consumer *c);
void group_leave(struct consumer *c, client_done *done);
void group_on_metadata(struct consumer *c);
/* The leader has what it needs, or not yet. */
void group_sync(struct consumer *c);

/* --- group_assign.c --------------------------------------------------------------------------- */

/* Fills in the protocols of a join request; memory in the arena. */
void group_subscriptions(struct consumer *c, struct join_group_request *request,
                         struct arena *arena);
/* Notes the topics of all members, and wants them. */
void group_note_members(struct consumer *c, const struct join_group_response *r);
/* Whether every topic of the group is known by now. */
bool group_topics_known(const struct consumer *c);
/* Whether partition counts changed since they were assigned. */
bool group_topics_changed(const struct consumer *c);
/* Takes what is assigned from the coordinator's description instead of one's own assignment. */
enum err group_count_assigned(struct consumer *c,
                              const struct describe_groups_response_described_group *described);
enum err group_assign(struct consumer *c, struct sync_group_request *request, struct arena *arena);
/* Takes over the assignment of a sync answer. ERR_MALFORMED and the like leave all as it was. */
enum err group_take_assignment(struct consumer *c, struct slice assignment);
void group_forget_members(struct consumer *c);

#endif
