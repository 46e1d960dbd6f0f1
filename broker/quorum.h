/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum.h - this node in the KRaft quorum: the consensus machine (raft/raft.h) with its disk, its
 * clock and the other nodes. What the quorum has committed is in b->image when anybody hears of it.
 * Sources: KIP-595, KIP-630, KIP-853.
 */
#ifndef LOGBOOM_BROKER_QUORUM_H
#define LOGBOOM_BROKER_QUORUM_H

#include "broker/controller/records.h"
#include "broker/raft/raft.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"
#include "protocol/wire/record_batch.h"

struct broker;
struct call;
struct log_dir;
struct log_flush;

/* Records on their way into the metadata. Embedded in its owner, which lives until done(). */
struct quorum_proposal {
    struct list_node link;
    int32_t epoch;
    int64_t base_offset; /* of the first record */
    int64_t end_offset;
    struct batch_builder builder; /* the batch */
    /* ERR_OK: they are committed, and in b->image. ERR_AGAIN: this node leads no more; whether they
     * will be committed is not known. Other errors: they are not, and the node cannot go on. */
    void (*done)(struct quorum_proposal *p, enum err status);
};

struct quorum {
    struct raft *raft; /* NULL before quorum_start() */
    enum err dead;     /* not ERR_OK: it does nothing any more */
    struct error why;  /* and that is why */
    bool running;      /* outputs are being carried out: who comes meanwhile is served after it */
    bool blocking;     /* start-up: syncs are waited for */
    /* The disk is full: nothing is carried out or taken in before there is space (Q6). */
    bool full, told_full;
    bool held_back;         /* an output could not be carried out; it is tried again */
    struct raft_output held; /* its bytes are a copy */
    struct raft_hard_state state; /* what quorum-state holds, or shall hold when unsaved */
    int16_t state_version;
    bool state_unsaved;    /* only while blocking */
    bool left_trace;       /* the log's directory is known to have been in use (Q7) */
    int32_t applied_epoch; /* of the last batch that was applied */
    int64_t committed;     /* the machine's last word */
    struct timer timer;
    struct list_node proposals; /* in order of their offsets */
    struct list_node sends;     /* of struct quorum_send: requests under way */
    struct work flush_work;
    struct log_flush *flush; /* NULL: none is under way */
    uint64_t flush_truncations;
    enum err flush_status;
};

void quorum_init(struct broker *b);
/* Opens the metadata log, fills b->image with what is known to be committed, and takes part. A sole
 * voter leads when this returns, with everything in its log applied; otherwise the quorum forms
 * while the loop runs. ERR_CONFIG and ERR_CORRUPT with a sentence that says what to do. */
enum err quorum_start(struct broker *b, const struct log_dir *dir, struct error *err);
/* Stops asking and answering. Proposals that wait end with ERR_CANCELED. */
void quorum_deinit(struct broker *b);
/* Hands the leadership over, if it is here, and stands for no election any more. */
void quorum_shutdown(struct broker *b);
/* After quorum_shutdown(): the others know, and no write is under way. */
bool quorum_is_shut_down(const struct broker *b);
/* Whether so many voters refuse connections that no leader can be there, nor come. It tries to
 * reach them: only who has heard nothing of a leader asks, again and again, and is answered after a
 * few 10 ms. */
bool quorum_majority_is_gone(struct broker *b);
/* Whether a majority of the voters has answered this node since then, itself counted. */
bool quorum_majority_answers(const struct broker *b, uint64_t since_ns);
/* No write to the disk is under way. */
bool quorum_is_idle(const struct broker *b);

/* Now and then: unlinks what was taken out of the log, takes a snapshot that is old enough. */
void quorum_upkeep(struct broker *b);
/* Carries out what the machine wants; after every call into it. */
void quorum_run(struct broker *b);
/* A request that the machine answers (raft_serves()); it is replied to now or later. */
void quorum_request(struct call *c);

/* false before the start, and when the disk failed. */
bool quorum_is_alive(const struct broker *b);
/* May propose: leads, and everything of earlier epochs is applied. */
bool quorum_is_leader(const struct broker *b);
int32_t quorum_epoch(const struct broker *b);
/* -1 when none is known. */
int32_t quorum_leader(const struct broker *b);
/* See raft_own_id_leads(). */
bool quorum_own_id_leads(const struct broker *b);
/* Where the leader listens for nodes; false when that is not known. The host is copied. */
bool quorum_leader_address(const struct broker *b, char *ret_host, size_t host_size,
                           uint16_t *ret_port);
int64_t quorum_high_watermark(const struct broker *b);
/* Where the next proposal's records begin. */
int64_t quorum_end_offset(const struct broker *b);
/* This node is the only voter: nobody else need agree. */
bool quorum_is_sole_voter(const struct broker *b);
/* The ids of the voters, at most `max`; returns how many. */
uint32_t quorum_voter_ids(const struct broker *b, int32_t *ret_ids, uint32_t max);
/* What the cluster begins with: for the first controller, while the image has no
 * metadata.version. Empty when the directory was formatted without being asked to. */
const struct metadata_records *quorum_bootstrap_records(const struct broker *b);

/* Appends the records as one batch, all or none; p->done is set by the caller. Its end comes later,
 * but never from inside this call. ERR_AGAIN: not the leader; ERR_LIMIT: more than
 * METADATA_BATCH_BYTES_MAX. p->base_offset is known when this returns ERR_OK. */
enum err quorum_propose(struct broker *b, const struct metadata_records *records,
                        struct quorum_proposal *p);
/* A sole voter's, while the node starts: waits until they are applied. */
enum err quorum_propose_now(struct broker *b, const struct metadata_records *records,
                            struct error *err);
/* A zeroed proposal is valid; frees what it holds. */
void quorum_proposal_deinit(struct quorum_proposal *p);

#endif
