/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_machine.h - inside the consensus machine: its state, and what its files offer each other.
 * Only the files of broker/raft include it; the world sees raft.h.
 */
#ifndef LOGBOOM_RAFT_RAFT_MACHINE_H
#define LOGBOOM_RAFT_RAFT_MACHINE_H

#include "broker/raft/raft.h"
#include "protocol/base/buf.h"
#include "protocol/base/list.h"
#include "protocol/base/rng.h"
#include "protocol/wire/kafka_error.h"
#include "protocol/wire/record_batch.h"

enum {
    RAFT_KEY_FETCH = 1,
    RAFT_KEY_API_VERSIONS = 18,
    RAFT_KEY_VOTE = 52,
    RAFT_KEY_BEGIN_EPOCH = 53,
    RAFT_KEY_END_EPOCH = 54,
    RAFT_KEY_DESCRIBE = 55,
    RAFT_KEY_FETCH_SNAPSHOT = 59,
    RAFT_KEY_ADD_VOTER = 80,
    RAFT_KEY_REMOVE_VOTER = 81,
    RAFT_KEY_UPDATE_VOTER = 82,
    RAFT_WAITING_FETCHES_MAX = 4096,
    RAFT_KRAFT_VERSION_MAX = 1, /* what this machine supports */
};

/* One set of voters and the offset of the record that made it; -1 when none did (static voters,
 * the bootstrap snapshot), and the last offset in it for a snapshot's. */
struct raft_voters_entry {
    int64_t offset;
    struct arena arena; /* of what set points to */
    struct raft_voter_set set;
};

struct raft_version_entry {
    int64_t offset;
    int16_t version;
};

/* What is known of the log, without its bytes. */
struct raft_log {
    int64_t start, end, synced;
    int32_t start_epoch; /* of the record before start, 0 when start is 0 */
    uint64_t truncations;
    struct raft_epoch_start *epochs;
    size_t epoch_count;
    struct raft_offset_epoch snapshot; /* the latest */
};

/* A voter that a prospective or candidate asks for its vote, or that a resigned leader tells. */
enum raft_ask { RAFT_ASK_OPEN, RAFT_ASK_SENT, RAFT_ASK_YES, RAFT_ASK_NO };

struct raft_peer {
    int32_t id;
    struct uuid directory_id;
    enum raft_ask ask;
    uint64_t retry_ns; /* OPEN: not before */
};

/* What a leader knows of a replica. */
struct raft_replica {
    int32_t id;
    struct uuid directory_id;
    bool is_voter;
    int64_t end_offset;        /* durable there; -1 not known */
    uint64_t fetch_ns;         /* when it fetched last; 0 never in this epoch */
    int64_t fetch_wall_ms;     /* the same, -1 */
    int64_t leader_end;        /* the leader's end offset at that fetch */
    uint64_t caught_up_ns;     /* when it last had all there was; 0 never */
    int64_t caught_up_wall_ms; /* the same, -1 */
    bool begin_sent;           /* a BeginQuorumEpoch is under way */
    uint64_t begin_ns;         /* when the next one is due */
    uint32_t begin_failures;   /* in a row */
};

/* A request of ours that is not answered yet. */
struct raft_sent {
    uint64_t token;
    int16_t api_key;
    int32_t to; /* node id, -1 */
    int32_t epoch;
    bool pre_vote;
};

/* A Fetch that waits for records or for the high watermark. */
struct raft_waiting {
    struct list_node node;
    void *call;
    int32_t replica_id;
    int64_t offset;
    int32_t last_epoch;
    int64_t high_watermark; /* that the follower knows */
    uint32_t bytes_max;
    uint64_t deadline_ns;
};

/* The change of voters under way; one at a time. */
enum raft_change_phase {
    RAFT_CHANGE_NONE,
    RAFT_CHANGE_VERSIONS, /* asking the new voter what it supports */
    RAFT_CHANGE_CATCH_UP, /* waiting until it has (nearly) all of the log */
    RAFT_CHANGE_COMMIT,   /* the record is in the log */
};

struct raft_change {
    enum raft_change_phase phase;
    bool removes;
    bool ack_when_committed;
    bool acknowledged; /* the call was answered when the record was written */
    void *call;
    uint64_t deadline_ns;
    uint64_t token; /* of the ApiVersions request */
    int64_t offset; /* of the record */
    struct arena arena;
    struct raft_voter voter;
};

/* An output in the making or in the queue; owns what it points to. */
struct raft_item {
    struct list_node node;
    struct raft_output out;
    struct arena arena;
};

struct raft {
    struct raft_config config;
    struct arena arena; /* of what config points to */
    struct rng rng;
    struct raft_now now; /* of the call under way */
    bool started;
    uint64_t deadline_ns;

    enum raft_role role;
    struct raft_hard_state state;
    bool state_dirty;       /* a RAFT_SAVE_STATE has to come before any other output */
    struct buf leader_host; /* empty: not known */
    uint16_t leader_port;
    int32_t own_id_leads; /* the last epoch that others told this node's id to lead */
    int64_t high_watermark;
    struct raft_log log;
    struct raft_voters_entry **voters; /* by offset; the last one counts */
    size_t voters_count;
    struct raft_version_entry *versions;
    size_t version_count;
    bool shutting_down;

    /* UNATTACHED, PROSPECTIVE, CANDIDATE, RESIGNED */
    uint64_t election_ns;
    uint64_t backoff_ns;     /* PROSPECTIVE: ask nobody before */
    uint32_t elections_lost; /* in a row */
    /* PROSPECTIVE, CANDIDATE, RESIGNED */
    struct raft_peer *peers;
    size_t peer_count;

    /* LEADER */
    int64_t epoch_start;
    bool committed_own; /* the high watermark is past epoch_start */
    uint64_t quorum_ns; /* when the leadership began */
    struct raft_replica *replicas;
    size_t replica_count;
    struct list_node waiting;
    size_t waiting_count;
    struct raft_change change;

    /* FOLLOWER and those who look for a leader */
    uint64_t fetch_token;       /* of the Fetch or FetchSnapshot under way, 0 none */
    uint64_t fetch_after_ns;    /* not before */
    int64_t fetch_offset;       /* of the Fetch under way, or position of the FetchSnapshot */
    uint64_t fetch_deadline_ns; /* a voter takes the leader for lost then */
    bool has_fetched;           /* from this leader, in this epoch */
    int32_t heard_id;           /* the leader that answered last, and did not resign; -1 none */
    uint64_t heard_ns;          /* when */
    bool leader_ended;          /* the leader said that it resigned */
    uint64_t unreachable_ns;    /* the leader cannot be reached: lost for a voter then; 0: it can */
    uint32_t fetch_failures;    /* in a row */
    struct raft_offset_epoch fetching; /* the snapshot under way; end_offset -1 none */
    int64_t fetching_position;
    bool adopting;      /* RAFT_SNAPSHOT_ADOPT is out */
    uint64_t update_ns; /* when to send UpdateRaftVoter, or to ask to be added */
    uint64_t update_token;
    bool updated; /* the leader of this epoch knows our endpoints */

    struct raft_sent *sent;
    size_t sent_count;
    uint64_t next_token;
    struct list_node outputs; /* struct raft_item */
    struct raft_item *current;
    struct raft_stats stats;
};

/* --- raft_output.c: the queue --- */

struct raft_item *raft_item_new(enum raft_output_kind kind);
void raft_item_free(struct raft_item *item);
/* Puts it out, behind a RAFT_SAVE_STATE when one is owed. */
void raft_push(struct raft *r, struct raft_item *item);
/* A RAFT_SAVE_STATE, when one is owed. */
void raft_push_state(struct raft *r);
void raft_push_offset(struct raft *r, enum raft_output_kind kind, int64_t offset);
void raft_push_fault(struct raft *r, const char *text);
/* A reply with a response of its defaults, yet to be filled and pushed. */
struct raft_item *raft_reply(void *call, const struct schema *schema);
/* Zeroed memory, or structs with defaults, that live as long as the item. */
void *raft_item_alloc(struct raft_item *item, size_t count, size_t size);
void *raft_item_structs(struct raft_item *item, const struct schema *schema, size_t count);
/* A request to a node, yet to be filled and pushed; the token is in out.token. to is copied. */
struct raft_item *raft_send(struct raft *r, int16_t api_key, const struct schema *schema,
                            int16_t version_min, const struct raft_destination *to);
/* Takes the request of this token out of those that are not answered. */
bool raft_sent_take(struct raft *r, uint64_t token, struct raft_sent *ret_sent);

/* --- raft_log.c --- */

/* The epoch of the last record; 0 when there is none. */
int32_t raft_log_last_epoch(const struct raft_log *log);
int32_t raft_log_epoch_at(const struct raft_log *log, int64_t end_offset);
/* The largest epoch of the log that is not above `epoch`, and where it ends. */
struct raft_offset_epoch raft_log_end_of(const struct raft_log *log, int32_t epoch);
void raft_log_deinit(struct raft_log *log);

/* How a follower's fetch position stands to the leader's log. */
enum raft_position { RAFT_POSITION_VALID, RAFT_POSITION_DIVERGING, RAFT_POSITION_SNAPSHOT };
/* *ret_at: where the logs part, or the snapshot to fetch. */
enum raft_position raft_log_check(const struct raft_log *log, int64_t offset, int32_t epoch,
                                  struct raft_offset_epoch *ret_at);
/* The batches fit behind the log and may be appended in this epoch. *ret_len: how many bytes of
 * whole batches there are (a cut one at the end is left out). The error says why a batch was
 * refused; those before it count. */
enum err raft_log_examine(const struct raft *r, struct slice bytes, size_t *ret_len);
/* Puts out RAFT_APPEND for whole batches that were examined or stamped, and takes note of epochs,
 * voters and versions in them. copy: the bytes do not outlive the call. */
void raft_append(struct raft *r, struct slice bytes, bool copy);
/* Puts out RAFT_TRUNCATE; false (and RAFT_FAULT) when that would take committed records. */
bool raft_truncate(struct raft *r, int64_t offset);

/* --- raft_voters.c: sets of voters, and the history of them --- */

bool raft_key_matches(int32_t id, const struct uuid *directory_id, int32_t other_id,
                      const struct uuid *other_directory_id);
/* Copies into the arena. */
struct raft_voter_set raft_voters_copy(struct arena *arena, struct raft_voter_set set);
void raft_voter_copy(struct arena *arena, const struct raft_voter *voter,
                     struct raft_voter *ret_voter);
/* NULL at the arena's cap. */
struct raft_endpoint *raft_endpoints_copy(struct arena *arena,
                                          const struct raft_endpoint *endpoints, size_t count);
/* The set with this voter in the place of its id, or added; without an id. Views of what they are
 * made of; the arrays lie in the arena. */
struct raft_voter_set raft_voters_with(struct arena *arena, struct raft_voter_set set,
                                       const struct raft_voter *voter);
struct raft_voter_set raft_voters_without(struct arena *arena, struct raft_voter_set set,
                                          int32_t id);
/* This node as a voter. Views of the configuration. */
struct raft_voter raft_self(const struct raft *r);
const struct raft_voter *raft_voter_find(struct raft_voter_set set, int32_t id);
/* The endpoint of the listener, or NULL. */
const struct raft_endpoint *raft_endpoint_find(const struct raft_endpoint *endpoints, size_t count,
                                               struct slice listener_name);
/* The one for the leader's listener, else the first; NULL when there is none. */
const struct raft_endpoint *
raft_endpoint_dialled(const struct raft *r, const struct raft_endpoint *endpoints, size_t count);
bool raft_endpoints_eq(const struct raft_endpoint *a, size_t a_count, const struct raft_endpoint *b,
                       size_t b_count);
int64_t raft_voters_offset(const struct raft *r); /* of the record that made the current set */
void raft_voters_add(struct raft *r, int64_t offset, struct raft_voter_set set);
void raft_versions_add(struct raft *r, int64_t offset, int16_t version);
void raft_voters_truncate(struct raft *r, int64_t offset);
/* Forgets what no offset from log start on needs. */
void raft_voters_trim(struct raft *r);
void raft_voters_clear(struct raft *r);

/* --- raft_control.c: control records --- */

/* Can its records be read? */
enum err raft_control_check(const struct batch_view *batch);
/* Applies the voters and the kraft.version in it. */
enum err raft_control_apply(struct raft *r, const struct batch_view *batch);
/* Appends the records that begin an epoch: LEADER_CHANGE, and KRAFT_VERSION and VOTERS when the log
 * does not have them, or not with our endpoints. */
void raft_control_begin_epoch(struct raft *r);
/* Appends a VOTERS record; returns its offset. */
int64_t raft_control_voters(struct raft *r, struct raft_voter_set set);

/* --- raft_roles.c: from one role to another --- */

void raft_become_unattached(struct raft *r, int32_t epoch);
/* The leader's endpoint is known: see raft_learn(). */
void raft_become_follower(struct raft *r, int32_t epoch, int32_t leader_id, struct slice host,
                          uint16_t port);
/* A prospective that is not elected goes back to its leader, or to look for one. */
void raft_follow_again(struct raft *r);
void raft_become_prospective(struct raft *r, uint64_t backoff_ns);
void raft_become_candidate(struct raft *r);
void raft_become_leader(struct raft *r);
void raft_become_resigned(struct raft *r);
/* Another node speaks of an epoch and perhaps of its leader (-1), whose endpoint it may tell (host
 * null: look among the voters). false: of an older epoch than ours, or of a leader that cannot be;
 * the message has nothing more to say. */
bool raft_learn(struct raft *r, int32_t epoch, int32_t leader_id, struct slice host, uint16_t port);
uint64_t raft_election_timeout_ns(struct raft *r);
uint64_t raft_election_backoff_ns(struct raft *r);
/* Gives the vote of this epoch, if it was not given yet. */
void raft_voted(struct raft *r, int32_t id, const struct uuid *directory_id);
/* May it stand for election? */
bool raft_is_electable(const struct raft *r);
/* Have enough peers said yes? */
bool raft_has_majority(const struct raft *r);
/* Votes are counted over the voters: how many of count are more than half. */
static inline size_t raft_majority(size_t count)
{
    return count / 2 + 1;
}

/* --- requests: raft_request.c has what they share --- */

bool raft_cluster_matches(const struct raft *r, struct slice cluster_id);
/* NONE, or why a request that only a leader may answer is refused. */
int16_t raft_check_leader(const struct raft *r, int32_t epoch);
/* The leader that a response names: -1 when it, or its endpoint, is not known (a Java node does not
 * survive to hear of a leader without one). The host is copied into the item. */
int32_t raft_leader_told(const struct raft *r, struct raft_item *item,
                         struct raft_endpoint *ret_endpoint);
/* The same where a response has endpoints in a list: one, or none. */
int32_t raft_tell_leader(const struct raft *r, struct raft_item *item,
                         struct raft_node_endpoint **ret_endpoints, int32_t *ret_count);
/* raft_learn() from such a response. */
bool raft_learn_told(struct raft *r, int32_t epoch, int32_t leader_id,
                     const struct raft_node_endpoint *endpoints, int32_t count);
/* This node's endpoints, for a request. */
struct raft_endpoint *raft_tell_endpoints(const struct raft *r, struct raft_item *item,
                                          int32_t *ret_count);

void raft_handle_vote(struct raft *r, const struct vote_request *req, void *call);
void raft_handle_begin_epoch(struct raft *r, const struct begin_quorum_epoch_request *req,
                             void *call);
void raft_handle_end_epoch(struct raft *r, const struct end_quorum_epoch_request *req, void *call);
void raft_handle_fetch(struct raft *r, const struct fetch_request *req, void *call);
void raft_handle_fetch_snapshot(struct raft *r, const struct fetch_snapshot_request *req,
                                void *call);
void raft_handle_describe(struct raft *r, const struct describe_quorum_request *req, void *call);
void raft_handle_add_voter(struct raft *r, const struct add_raft_voter_request *req, void *call);
void raft_handle_remove_voter(struct raft *r, const struct remove_raft_voter_request *req,
                              void *call);
void raft_handle_update_voter(struct raft *r, const struct update_raft_voter_request *req,
                              void *call);

void raft_dispatch_request(struct raft *r, int16_t api_key, const void *request, void *call);

/* --- responses --- */

void raft_dispatch_response(struct raft *r, const struct raft_sent *sent, const void *response);
void raft_dispatch_failure(struct raft *r, const struct raft_sent *sent, enum raft_failure why);

void raft_vote_response(struct raft *r, const struct raft_sent *sent,
                        const struct vote_response *resp);
void raft_vote_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why);
void raft_begin_epoch_response(struct raft *r, const struct raft_sent *sent,
                               const struct begin_quorum_epoch_response *resp);
void raft_begin_epoch_failed(struct raft *r, const struct raft_sent *sent);
void raft_end_epoch_response(struct raft *r, const struct raft_sent *sent,
                             const struct end_quorum_epoch_response *resp);
void raft_end_epoch_failed(struct raft *r, const struct raft_sent *sent);
void raft_fetch_response(struct raft *r, const struct raft_sent *sent,
                         const struct fetch_response *resp);
void raft_fetch_snapshot_response(struct raft *r, const struct raft_sent *sent,
                                  const struct fetch_snapshot_response *resp);
void raft_fetch_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why);
void raft_update_voter_failed(struct raft *r, const struct raft_sent *sent, enum raft_failure why);
void raft_join_answered(struct raft *r, const struct raft_sent *sent);
void raft_update_voter_response(struct raft *r, const struct raft_sent *sent,
                                const struct update_raft_voter_response *resp);
void raft_api_versions_response(struct raft *r, const struct raft_sent *sent,
                                const struct api_versions_response *resp);
void raft_api_versions_failed(struct raft *r, const struct raft_sent *sent);

/* The leader's log starts above our end: fetch this snapshot first. */
void raft_snapshot_begin(struct raft *r, struct raft_offset_epoch id);

/* --- what is due: each does what its time has come for, and lowers the deadline --- */

/* All of it, at the end of every input. */
void raft_step(struct raft *r, struct raft_now now);
void raft_poll_vote(struct raft *r);
void raft_poll_end_epoch(struct raft *r);
void raft_poll_fetch(struct raft *r);
void raft_poll_update(struct raft *r);
void raft_poll_waiting(struct raft *r);
void raft_poll_change(struct raft *r);
/* Does raft_tick() have to come by then? Returns whether it is due now. */
bool raft_due(struct raft *r, uint64_t at_ns);

/* --- raft_leader.c --- */

/* The replicas follow the current voters. */
void raft_leader_voters_changed(struct raft *r);
struct raft_replica *raft_replica_find(struct raft *r, int32_t id, const struct uuid *directory_id);
/* A replica fetched: NULL when it cannot be kept (too many observers). */
struct raft_replica *raft_leader_heard(struct raft *r, int32_t id, const struct uuid *directory_id);
/* The high watermark that the voters' ends allow. */
void raft_leader_advance(struct raft *r);
void raft_poll_begin_epoch(struct raft *r);
void raft_poll_leader(struct raft *r);
void raft_leader_leave(struct raft *r);
void raft_commit(struct raft *r, int64_t high_watermark);

/* --- raft_serve.c --- */

/* All that wait get this error. */
void raft_waiting_fail(struct raft *r, int16_t error_code);

/* --- raft_change.c --- */

void raft_change_committed(struct raft *r);
void raft_change_fail(struct raft *r, int16_t error_code, const char *why);

static inline uint64_t raft_ms(uint64_t ms)
{
    return ms * 1000000u;
}

#endif
