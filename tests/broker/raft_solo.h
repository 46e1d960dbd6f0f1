/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_solo.h - one consensus machine alone, fed by hand: number 1 of the voters 1, 2, 3 unless a
 * test says otherwise. There is one in the process, which a test sets up and starts.
 */
#ifndef LOGBOOM_TESTS_RAFT_SOLO_H
#define LOGBOOM_TESTS_RAFT_SOLO_H

#include "broker/raft/raft.h"

#define TOPIC slice_str("__cluster_metadata")

struct solo {
    struct raft *raft;
    uint64_t now_ns;
    struct raft_hard_state saved; /* the last RAFT_SAVE_STATE */
    uint32_t saves;
    struct raft_endpoint endpoints[4];
    struct raft_voter voters[4];
    struct raft_config config;
    struct raft_opening opening;
    uint8_t batch[512];
};

extern struct solo solo;
extern int solo_mark; /* calls point here */
extern const struct raft_offset_epoch nowhere;

void solo_setup(void);
void solo_teardown(void);
void solo_start(void);
struct raft_now solo_now(void);
/* The directory id of a node. */
struct uuid dir(int id);

/* Takes outputs up to the first of a kind; NULL when there is none. */
const struct raft_output *next(enum raft_output_kind kind);
const struct raft_output *next_send(int16_t api_key);
/* The same, and there must be one. */
const struct raft_output *must_send(int16_t api_key);
uint64_t next_fetch(void); /* its token */
void drain(void);
void tick(uint64_t ms);
void sync_all(void);
/* A sealed batch of so many records in solo.batch. */
struct slice batch(int records, int64_t base, int32_t epoch);

struct vote_result {
    int16_t top, error;
    bool granted;
    int32_t leader_id, leader_epoch;
};

/* A well-formed Vote of another voter; one at a time. */
struct vote_request *vote_of(int32_t from, int32_t epoch, int32_t last_epoch, int64_t last_offset,
                             bool pre_vote);
struct vote_result ask_vote(const struct vote_request *req);
/* BeginQuorumEpoch; the reply. */
const struct raft_output *begin(int32_t leader_id, int32_t epoch);
/* A follower's Fetch to the machine; the reply, or NULL when it waits. */
const struct raft_output *fetch(int32_t from, int32_t epoch, int64_t offset, int32_t last_epoch,
                                int32_t wait_ms, int64_t high_watermark);
const struct fetch_response_partition_data *fetched(const struct raft_output *out);
/* The answer to the machine's own Fetch. */
void answer_fetch(uint64_t token, int32_t leader_id, int32_t epoch, struct slice records,
                  int64_t high_watermark, struct raft_offset_epoch diverging);
/* The same, refused by the node asked. */
void refuse_fetch(uint64_t token, int32_t leader_id, int32_t epoch, int16_t error);
/* Grants what the machine asks for, as the voter asked. */
void grant_next(void);
/* Starts it and makes it leader of the next epoch. */
void lead(void);
/* Starts it as a follower of node 2 in an epoch; the token by which it fetches. */
uint64_t follow(int32_t epoch);

#endif
