/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft.h - the KRaft consensus machine of `__cluster_metadata`, one replica of it.
 * Pure: time, messages and news of the disk come in; messages, appends, truncations and state to be
 * saved go out through one ordered queue. Voters and observers alike.
 *
 * How a node drives it:
 *   - raft_new() with what the disk holds, raft_load_batch() for every control batch of the log in
 *     offset order, then raft_start();
 *   - per event one of the calls below; after every call raft_next_output() until NULL, carrying
 *     out each output before taking the next, then a timer for raft_deadline_ns(), whose end is
 *     raft_tick();
 *   - outputs are in an order that must be kept: what stands before a SEND or a REPLY is done
 *     before these leave. RAFT_SAVE_STATE means written and synced. RAFT_APPEND means written (so
 *     that it can be read), not synced: the sync may take its time and is reported by
 *     raft_synced(). The machine itself holds back whatever needs the sync (a follower's next
 *     Fetch, the leader's own part in the high watermark);
 *   - every RAFT_SEND is answered by exactly one raft_response() or raft_failed(), the driver's
 *     request time-out (controller.quorum.request.timeout.ms) included;
 *   - every raft_request() is answered by exactly one RAFT_REPLY, at once or later.
 *
 * Memory: slices and structs given in are views, copied where they are kept; with one exception,
 * for the sake of no copies: the bytes of RAFT_APPEND and RAFT_SNAPSHOT_CHUNK may point into the
 * response or the proposal that was given in, so the queue is emptied before those bytes go.
 * Slices given out live until the next raft_next_output().
 * Errors in responses are Kafka's codes (protocol/wire/kafka_error.h).
 * Source: KIP-595, KIP-630 (snapshots), KIP-631, KIP-853 (voters change at run time), KIP-996
 * (pre-vote), KIP-1166 (the follower's high watermark in Fetch).
 */
#ifndef LOGBOOM_RAFT_RAFT_H
#define LOGBOOM_RAFT_RAFT_H

#include "protocol/base/err.h"
#include "protocol/wire/messages.h"

/* Both clocks, read once per event. mono_ns drives time-outs; wall_ms only stamps control records
 * and what DescribeQuorum tells. */
struct raft_now {
    uint64_t mono_ns;
    int64_t wall_ms;
};

enum {
    RAFT_VOTERS_MAX = 64,          /* of one set: more than any quorum has */
    RAFT_FETCH_CHANCE = 8,         /* fetch.timeout.ms is by chance up to an 8th longer */
    RAFT_VOTER_ENDPOINTS_MAX = 16, /* of one voter */
};

#define RAFT_TOPIC "__cluster_metadata"
extern const struct uuid raft_topic_id; /* its id, uuid(0, 1) */

/* A replica is an id and the directory.id of its metadata log. The zero directory id is "not
 * known" (kraft.version 0, old request versions) and matches any. */
struct raft_voter {
    int32_t id;
    struct uuid directory_id;
    const struct raft_endpoint *endpoints; /* by listener, e.g. CONTROLLER */
    size_t endpoint_count;
    int16_t kraft_version_min, kraft_version_max; /* what the voter supports */
};

struct raft_voter_set {
    const struct raft_voter *voters;
    size_t count;
};

/* An end offset (exclusive) and the epoch of the record before it: names snapshots and tells how
 * far a log goes. */
struct raft_offset_epoch {
    int64_t end_offset; /* -1: none */
    int32_t epoch;
};

/* A snapshot and the control records in it. */
struct raft_snapshot {
    struct raft_offset_epoch id;  /* end_offset -1: there is none */
    int16_t kraft_version;        /* 0 when the snapshot has no KRaftVersionRecord */
    struct raft_voter_set voters; /* count 0 when it has no VotersRecord */
};

/* What the quorum-state file holds. */
struct raft_hard_state {
    int32_t epoch;     /* 0 at first */
    int32_t leader_id; /* -1: none known in this epoch */
    int32_t voted_id;  /* -1: no vote in this epoch */
    struct uuid voted_directory_id;
};

struct raft_epoch_start {
    int32_t epoch;
    int64_t start_offset;
};

/* Kafka's property names stand behind each (controller.quorum. in front of most). Defaults by
 * raft_config_init(). raft_new() copies all of it. */
struct raft_config {
    int32_t node_id;
    struct uuid directory_id;
    struct slice cluster_id;
    /* May this node become a voter (process.roles has controller)? Brokers alone are observers for
     * ever. */
    bool can_vote;
    /* The first of controller.listener.names: which endpoint of a voter is dialled. */
    struct slice listener_name;
    /* This node's own endpoints for other voters; brokers alone have none. */
    const struct raft_endpoint *endpoints;
    size_t endpoint_count;
    /* controller.quorum.voters; count 0 in a dynamic quorum. Their directory ids are zero. */
    struct raft_voter_set static_voters;
    /* controller.quorum.bootstrap.servers; names are not used. */
    const struct raft_endpoint *bootstrap_servers;
    size_t bootstrap_server_count;
    uint32_t election_timeout_ms;     /* election.timeout.ms, 1000; drawn from [1, 2) of it */
    uint32_t election_backoff_max_ms; /* election.backoff.max.ms, 1000 */
    uint32_t fetch_timeout_ms;        /* fetch.timeout.ms, 2000 */
    uint32_t retry_backoff_ms;        /* retry.backoff.ms, 20 */
    uint32_t request_timeout_ms;      /* request.timeout.ms, 2000: a removal waits for as long */
    /* Ours, 300: a voter whose connections to the leader are refused or reset (not: stay without an
     * answer) for so long, drawn from [1, 2) of it, does not wait for fetch.timeout.ms. */
    uint32_t unreachable_timeout_ms;
    uint32_t fetch_wait_max_ms;   /* ours, 500: what a Fetch of ours asks for */
    uint32_t fetch_bytes_max;     /* ours, 1 MiB: of a Fetch or FetchSnapshot */
    uint32_t observer_session_ms; /* 300000: an observer not heard of for so long is dropped */
    uint32_t replicas_max;        /* observers that a leader keeps; 1000 */
    /* controller.quorum.auto.join.enable, false: a node that can vote and is no voter asks the
     * leader to be added, after removing an older directory of its own id. */
    bool auto_join;
};

void raft_config_init(struct raft_config *ret_config);

/* What the disk holds. */
struct raft_opening {
    struct raft_hard_state state;
    int64_t log_start_offset, log_end_offset; /* all of it on the disk for good */
    /* Of the record before the start; 0 when it starts at 0, or at the end of the snapshot. */
    int32_t log_start_epoch;
    const struct raft_epoch_start *epochs; /* of the log's batches, ascending */
    size_t epoch_count;
    struct raft_snapshot snapshot; /* the latest one; the bootstrap one is 0-0 */
};

enum raft_role {
    RAFT_UNATTACHED,  /* no leader known in this epoch */
    RAFT_PROSPECTIVE, /* asks whether it would be elected (pre-vote) */
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_FOLLOWER, /* an observer too */
    RAFT_RESIGNED, /* was leader of this epoch, and is no more */
};

/* Kafka's word for it, lower case ("leader"). */
const char *raft_role_text(enum raft_role role);

enum raft_output_kind {
    RAFT_SAVE_STATE,     /* write and sync `state` (quorum-state) before anything that follows */
    RAFT_TRUNCATE,       /* drop the log's records from `offset` on */
    RAFT_APPEND,         /* write `bytes`, whole batches with offsets and epochs set */
    RAFT_SNAPSHOT_CHUNK, /* write `bytes` at `offset` of the snapshot being fetched */
    RAFT_SNAPSHOT_ADOPT, /* the fetched snapshot is whole: see raft_snapshot_adopted() */
    RAFT_SEND,           /* a request to another node */
    RAFT_REPLY,          /* the answer to a raft_request() */
    RAFT_COMMIT,         /* records below `offset` are committed: never less than before */
    RAFT_ROLE,           /* role, epoch or leader changed */
    RAFT_FAULT,          /* `text` says what cannot be: the node must stop, nothing was changed */
};

/* Where a request goes. */
struct raft_destination {
    int32_t node_id;   /* -1: a bootstrap server, who it is will be seen */
    struct slice host; /* never null */
    uint16_t port;
};

/* What the driver adds to a reply before it encodes it. */
enum raft_fill {
    RAFT_FILL_NOTHING,
    /* A fetch_response: `records` of its only partition, whole batches from `offset` on, below
     * `limit_offset`, at most bytes_max (at least one batch). */
    RAFT_FILL_RECORDS,
    /* A fetch_snapshot_response: `size` and `unaligned_records` of its only partition, from
     * `offset` (a position in the file of `snapshot_id`) on, at most bytes_max. When there is no
     * such snapshot: error_code SNAPSHOT_NOT_FOUND; a position past its end: POSITION_OUT_OF_RANGE.
     */
    RAFT_FILL_SNAPSHOT,
};

struct raft_output {
    enum raft_output_kind kind;
    /* RAFT_SAVE_STATE. The file's version is that of kraft_version (0: KIP-595's with
     * currentVoters, 1: KIP-853's). RAFT_ROLE: state.epoch and state.leader_id as of then. */
    struct raft_hard_state state;
    int16_t kraft_version;
    /* RAFT_ROLE */
    enum raft_role role;
    struct raft_endpoint leader; /* where the leader is; host null when not known */
    /* RAFT_TRUNCATE, RAFT_COMMIT, RAFT_SNAPSHOT_CHUNK (position; 0 begins a new file) */
    int64_t offset;
    /* RAFT_APPEND (offset is the base offset), RAFT_SNAPSHOT_CHUNK */
    struct slice bytes;
    /* RAFT_SNAPSHOT_CHUNK, RAFT_SNAPSHOT_ADOPT, RAFT_FILL_SNAPSHOT */
    struct raft_offset_epoch snapshot_id;
    /* RAFT_SEND */
    uint64_t token;
    struct raft_destination to;
    int16_t api_key;
    /* The least version of the request that carries what it must say. If the peer does not speak
     * it: raft_failed(RAFT_FAILED_VERSION). Otherwise the highest that both speak. */
    int16_t version_min;
    const struct schema *request_schema;
    void *request;
    /* RAFT_REPLY */
    void *call;
    const struct schema *response_schema;
    void *response;
    enum raft_fill fill;
    int64_t limit_offset;
    uint32_t bytes_max;
    /* RAFT_FAULT: a sentence for operators. */
    const char *text;
};

struct raft;

/* seed draws the election time-outs: take it at random, and another one on every node. The machine
 * owns what it keeps. */
struct raft *raft_new(const struct raft_config *config, const struct raft_opening *opening,
                      uint64_t seed);
/* Waiting calls get no reply. NULL is allowed. */
void raft_free(struct raft *r);
/* One control batch of the log (voters, kraft.version, leader changes), in order of offsets, whole
 * and with its checksum right. Only between raft_new() and raft_start(). ERR_MALFORMED or ERR_SHORT
 * for records that cannot be read: the node must not start. Data batches are skipped. */
enum err raft_load_batch(struct raft *r, struct slice batch);
/* Takes up its role. A sole voter is leader when this returns; its log may be proposed to at once.
 */
void raft_start(struct raft *r, struct raft_now now);

/* The oldest output, or NULL. Valid until the next call of this function. The driver may write to
 * `response` (see raft_fill). */
const struct raft_output *raft_next_output(struct raft *r);
/* When raft_tick() has something to do (monotonic); UINT64_MAX for never. */
uint64_t raft_deadline_ns(const struct raft *r);
void raft_tick(struct raft *r, struct raft_now now);

/* --- the network --- */

/* Does this machine answer requests of this key: Vote 52, BeginQuorumEpoch 53, EndQuorumEpoch 54,
 * DescribeQuorum 55, FetchSnapshot 59, AddRaftVoter 80, RemoveRaftVoter 81, UpdateRaftVoter 82, and
 * Fetch 1 (on the metadata partition alone)? */
bool raft_serves(int16_t api_key);
/* A decoded request of such a key, of any version (fields that a version lacks have their
 * defaults). call is the driver's own handle. */
void raft_request(struct raft *r, struct raft_now now, int16_t api_key, const void *request,
                  void *call);
/* A decoded response to the RAFT_SEND of this token. Unknown tokens are ignored. */
void raft_response(struct raft *r, struct raft_now now, uint64_t token, const void *response);

enum raft_failure {
    RAFT_FAILED_UNREACHABLE, /* no connection, connection lost, damaged or unreadable response */
    RAFT_FAILED_TIMEOUT,     /* no answer within the request time-out */
    RAFT_FAILED_VERSION,     /* the peer does not speak version_min of this request */
};

void raft_failed(struct raft *r, struct raft_now now, uint64_t token, enum raft_failure why);

/* --- the disk --- */

/* How often the log was cut or replaced so far. Read it when a sync begins and hand it back when
 * it is done, so that a sync of records that were truncated meanwhile does not count. */
uint64_t raft_truncations(const struct raft *r);
/* The log is durable up to end_offset. The driver syncs as long as raft_synced_offset() is below
 * raft_log_end_offset(). */
void raft_synced(struct raft *r, struct raft_now now, int64_t end_offset, uint64_t truncations);
/* This node wrote a snapshot (durable by now) of committed records. The log keeps its records until
 * raft_log_start_moved(). ERR_INVALID: above the high watermark, or not newer than the latest. */
enum err raft_snapshot_taken(struct raft *r, struct raft_offset_epoch id);
/* Records below were deleted, which is allowed up to the end offset of the latest snapshot. */
void raft_log_start_moved(struct raft *r, int64_t log_start_offset);
/* The answer to RAFT_SNAPSHOT_ADOPT, before any other call: the fetched file was checked, made
 * durable and put in place, the log is empty now and starts at its end offset. */
void raft_snapshot_adopted(struct raft *r, struct raft_now now,
                           const struct raft_snapshot *snapshot);
/* The other answer: the file is damaged; it was deleted, and will be fetched again. */
void raft_snapshot_rejected(struct raft *r, struct raft_now now);

/* --- the leader --- */

/* Appends sealed batches (one or more, uncompressed or not, no control batches) as leader of
 * `epoch`: stamps base offsets and epoch into the bytes and puts RAFT_APPEND out. *ret_end_offset
 * is the offset after the last record: committed when RAFT_COMMIT reaches it while the epoch is the
 * same. ERR_AGAIN: not the leader of that epoch. ERR_MALFORMED: not whole batches. */
enum err raft_propose(struct raft *r, struct raft_now now, int32_t epoch, uint8_t *bytes,
                      size_t len, int64_t *ret_base_offset, int64_t *ret_end_offset);
/* Gives the leadership up, if this node has it: the voters are told who should be next (KIP-595,
 * EndQuorumEpoch), calls that wait are answered. It may be elected again, later. */
void raft_resign(struct raft *r, struct raft_now now);
/* As raft_resign(), and for ever: the machine votes and follows on, but stands for no election. */
void raft_shutdown(struct raft *r, struct raft_now now);
/* After raft_shutdown(): nothing more to wait for (another leader is known, or every voter was
 * told). The driver bounds the wait. */
bool raft_is_shut_down(const struct raft *r);

/* --- to look at --- */

enum raft_role raft_role(const struct raft *r);
int32_t raft_epoch(const struct raft *r);
int32_t raft_leader_id(const struct raft *r); /* -1: none known */
/* Others follow a node of this one's id in the epoch, and this one does not lead: it did before it
 * was started anew, or there are two of that id. */
bool raft_own_id_leads(const struct raft *r);
/* false when the leader, or its endpoint, is not known. Views until the next call. */
bool raft_leader_endpoint(const struct raft *r, struct raft_endpoint *ret_endpoint);
/* 0 at first; what was the last RAFT_COMMIT. */
int64_t raft_high_watermark(const struct raft *r);
int64_t raft_log_start_offset(const struct raft *r);
int64_t raft_log_end_offset(const struct raft *r);
int64_t raft_synced_offset(const struct raft *r);
/* The epoch of the log's last record before end_offset: what names a snapshot taken there. */
int32_t raft_epoch_at(const struct raft *r, int64_t end_offset);
/* As of the end of the log, committed or not: what counts for elections. Views until the next
 * call. */
struct raft_voter_set raft_voters(const struct raft *r);
bool raft_is_voter(const struct raft *r);
/* Of a leader: when a majority of the voters was last heard of. */
uint64_t raft_quorum_heard_ns(const struct raft *r);
/* The leader that this node followed last, and when it answered last; false when there was none, or
 * when it said itself that it leads no more: then its silence means nothing. */
bool raft_fell_silent(const struct raft *r, int32_t *ret_leader_id, uint64_t *ret_heard_ns);
/* Where a voter of the current set is dialled; false when it is not known. */
bool raft_voter_destination(const struct raft *r, int32_t id, struct raft_destination *ret_to);
int16_t raft_kraft_version(const struct raft *r);
/* As of an offset (exclusive): what a snapshot that ends there has to hold. Views. */
struct raft_voter_set raft_voters_at(const struct raft *r, int64_t end_offset);
int16_t raft_kraft_version_at(const struct raft *r, int64_t end_offset);

/* The voters as a VotersRecord has them, and back. All that the result points to lies in the arena:
 * ERR_LIMIT at its cap; ERR_MALFORMED for none, or for more than a quorum may have. */
enum err raft_voters_to_record(struct raft_voter_set set, struct arena *arena,
                               struct voters_record *ret_record);
enum err raft_voters_from_record(const struct voters_record *record, struct arena *arena,
                                 struct raft_voter_set *ret_set);

/* For metrics; counts since raft_new(). */
struct raft_stats {
    uint64_t elections_total;      /* times that this node stood for election */
    uint64_t leader_changes_total; /* leaders seen */
    uint64_t truncations_total;
    uint64_t damaged_responses_total; /* fetched batches and snapshots that were refused */
    uint64_t observers;               /* at the moment, seen as leader */
};

void raft_stats(const struct raft *r, struct raft_stats *ret_stats);

#endif
